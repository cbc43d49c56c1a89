// SPDX-License-Identifier: Apache-2.0
//
// Every state of membership against every kind of message and every command: what is allowed works,
// all else is refused for its reason and changes nothing.

#include "platform/member.h"
#include "tests/unit/federation-fixture.h"
#include "tests/unit/published.h"

#include <string.h>

#define N_STATES   (MEMBER(EXPELLED) + 1)
#define OPERATOR   "ops"
#define STRANGER   "stranger"
#define REASON     "because"
#define BIT(state) STATE_BIT(MEMBER(state))

static const GraphLink links[] = {{"a-b", "a", "b", 100}, {"b-c", "b", "c", 100}};

static FederationFixture *fixture_new(void)
{
    static char *operators[] = {(char *)OPERATOR, NULL};
    FederationFixture *fixture = federation_fixture_new(links, G_N_ELEMENTS(links));
    fixture->config.operators = operators;
    fixture->config.policy.version = 1;
    fixture->config.drain_ms = 1000;
    fixture->config.reapply_ms = 1000;
    g_assert_true(store_commit(fixture->store, NULL));
    return fixture;
}

// --- what is said to it --------------------------------------------------------------------------

typedef struct {
    Federation *federation;
    gint64 now_us;
    Refusal refusal;
} Arrival;

static void arrive(gpointer data, const Publish *publish)
{
    Arrival *arrival = data;
    gsize n_bytes = 0;
    const guint8 *bytes = g_bytes_get_data(publish->payload, &n_bytes);
    arrival->refusal =
        federation_receive(arrival->federation, publish->topic, bytes, n_bytes, arrival->now_us);
}

static Refusal say_at(FederationFixture *fixture, const char *from, KindId kind,
                      const ProtobufCMessage *message, gint64 now_us)
{
    g_autoptr(Outbox) outbox = outbox_new(from, 1);
    outbox_add(outbox, kind, fixture->config.id, message);
    Arrival arrival = {fixture->federation, now_us, N_REFUSALS};
    outbox_flush(outbox, FEDERATION_NOW, arrive, &arrival);
    return arrival.refusal;
}

static Refusal say(FederationFixture *fixture, const char *from, KindId kind,
                   const ProtobufCMessage *message)
{
    return say_at(fixture, from, kind, message, FEDERATION_NOW);
}

static WireApply application(const char *provider, guint64 version)
{
    static Qkdnf__V1__Purpose purposes[] = {QKDNF__V1__PURPOSE__PURPOSE_RELAY,
                                            QKDNF__V1__PURPOSE__PURPOSE_SHARE};
    WireApply apply = WIRE_APPLY_INIT;
    apply.version = version;
    apply.provider = (char *)provider;
    apply.n_purposes = G_N_ELEMENTS(purposes);
    apply.purposes = purposes;
    apply.policy_version = 1;
    apply.share_percent = 100;
    return apply;
}

static void apply(FederationFixture *fixture, const char *provider, guint64 version)
{
    WireApply wire = application(provider, version);
    g_assert_cmpint(say(fixture, provider, KIND_APPLY, &wire.base), ==, REFUSAL_NONE);
}

// --- and what it says ----------------------------------------------------------------------------

typedef struct {
    Status status;
    char *text;
    guint n_members;
    guint n_publishes;
} Heard;

static void hear(gpointer data, const Publish *publish)
{
    Heard *heard = data;
    Topic topic;
    heard->n_publishes++;
    g_autoptr(Frame) frame = published_frame(publish, &topic);
    if (topic.kind != KIND_ADMIN_REPLY)
        return;
    const WireAdminReply *reply = (const WireAdminReply *)frame->messages[0];
    heard->status = (Status)reply->status;
    heard->n_members = (guint)reply->n_members;
    g_free(heard->text);
    heard->text = g_strdup(reply->text);
}

static Heard listen(FederationFixture *fixture)
{
    Heard heard = {0};
    outbox_flush(federation_outbox(fixture->federation), FEDERATION_NOW, hear, &heard);
    return heard;
}

static Status command(FederationFixture *fixture, Qkdnf__V1__MemberAction action,
                      const char *provider, const char *reason)
{
    WireMemberCommand wire = WIRE_MEMBER_COMMAND_INIT;
    wire.action = action;
    wire.member = (char *)provider;
    wire.reason = (char *)reason;
    WireAdmin admin = WIRE_ADMIN_INIT;
    admin.id = (char *)"1";
    admin.command_case = QKDNF__V1__ADMIN__COMMAND_MEMBER;
    admin.member = &wire;
    listen(fixture);
    g_assert_cmpint(say(fixture, OPERATOR, KIND_ADMIN, &admin.base), ==, REFUSAL_NONE);
    Heard heard = listen(fixture);
    g_free(heard.text);
    return heard.status;
}

static MemberState state_of(const FederationFixture *fixture, const char *provider)
{
    return member_state(fixture->federation, provider);
}

// --- kinds ---------------------------------------------------------------------------------------

// What agents say, and when they may; written down once more.
static States expected_states(KindId kind)
{
    const States at_work = BIT(ACTIVE) | BIT(WITHDRAWING);
    const States any = (1u << N_STATES) - 1;
    switch ((int)kind) {
    case KIND_PRESENCE:
    case KIND_APPLY:
    case KIND_ADMIN_REPLY:
        return any;
    case KIND_FILL:
    case KIND_FILLED:
    case KIND_EVENT:
    case KIND_METRICS:
        return any & ~(BIT(SUSPENDED) | BIT(EXPELLED));
    case KIND_WITHDRAW:
        return at_work | BIT(WITHDRAWN);
    case KIND_USAGE:
    case KIND_DISPUTE:
        return at_work | BIT(WITHDRAWN) | BIT(SUSPENDED);
    case KIND_RESOURCE:
        return BIT(ACTIVE);
    case KIND_AGREEMENT:
    case KIND_STOCK:
    case KIND_DISCOVER:
    case KIND_REQUEST:
    case KIND_OUTCOME:
    case KIND_RELAY:
    case KIND_FAULT:
    case KIND_SESSION:
    case KIND_LEG_STATE:
    case KIND_VISIT_STATE:
        return at_work;
    default:
        return 0;
    }
}

static void check_kind(FederationFixture *fixture, KindId id, MemberState state)
{
    const Kind *kind = kind_get(id);
    g_autofree ProtobufCMessage *empty = g_malloc0(kind->message->sizeof_message);
    protobuf_c_message_init(kind->message, empty);
    Member *member = member_find(fixture->federation, "a");
    member->state = state;
    listen(fixture);
    g_assert_true(store_commit(fixture->store, NULL));
    Refusal refusal = say(fixture, "a", id, empty);
    Heard heard = listen(fixture);
    if (refusal == REFUSAL_UNHANDLED)
        return;
    gboolean is_allowed = (expected_states(id) & STATE_BIT(state)) != 0;
    gboolean is_of_agents = (kind->from & ROLE_BIT(ROLE_AGENT)) != 0;
    Refusal expected = !is_of_agents ? REFUSAL_ROLE : is_allowed ? REFUSAL_NONE : REFUSAL_STATE;
    if (refusal != expected)
        g_error("%s in state %s: %s; expected %s", kind->name, member_state_name(state),
                refusal_name(refusal), refusal_name(expected));
    if (refusal == REFUSAL_NONE)
        return;
    g_assert_false(store_is_dirty(fixture->store));
    g_assert_cmpuint(heard.n_publishes, ==, 0);
    g_assert_cmpint(member->state, ==, state);
}

static void test_every_state_and_kind(void)
{
    for (guint state = 0; state < N_STATES; state++) {
        for (guint kind = 0; kind < N_KINDS; kind++) {
            g_autoptr(FederationFixture) fixture = fixture_new();
            check_kind(fixture, kind, (MemberState)state);
        }
    }
}

// Whatever agents may say, there is a state in which they may.
static void test_the_table_is_complete(void)
{
    for (guint i = 0; i < N_KINDS; i++) {
        const Kind *kind = kind_get(i);
        gboolean is_of_agents = (kind->from & ROLE_BIT(ROLE_AGENT)) != 0;
        g_assert_cmpint(is_of_agents, ==, kind->states != 0);
        if (is_of_agents)
            g_assert_cmpuint(kind->states & ((1u << N_STATES) - 1), ==, expected_states(i));
    }
}

// --- commands ------------------------------------------------------------------------------------

typedef struct {
    Qkdnf__V1__MemberAction action;
    States from;
    MemberState to;
    gboolean needs_reason;
} Expectation;

static const Expectation expectations[] = {
    {QKDNF__V1__MEMBER_ACTION__MEMBER_ACTION_APPROVE, BIT(AUTHENTICATED), MEMBER(ACTIVE), FALSE},
    {QKDNF__V1__MEMBER_ACTION__MEMBER_ACTION_REFUSE, BIT(AUTHENTICATED), MEMBER(REFUSED), TRUE},
    {QKDNF__V1__MEMBER_ACTION__MEMBER_ACTION_SUSPEND, BIT(ACTIVE), MEMBER(SUSPENDED), TRUE},
    {QKDNF__V1__MEMBER_ACTION__MEMBER_ACTION_RESUME, BIT(SUSPENDED), MEMBER(ACTIVE), FALSE},
    {QKDNF__V1__MEMBER_ACTION__MEMBER_ACTION_EXPEL, BIT(ACTIVE) | BIT(SUSPENDED) | BIT(WITHDRAWING),
     MEMBER(EXPELLED), TRUE},
};

static FederationFixture *fixture_in_state(MemberState state)
{
    FederationFixture *fixture = fixture_new();
    Member *member = member_find(fixture->federation, "a");
    WireApply wire = application("a", 1);
    member->application = message_copy(&wire.base);
    member->state = state;
    g_assert_true(store_commit(fixture->store, NULL));
    return fixture;
}

static void check_command(const Expectation *expectation, MemberState state)
{
    g_autoptr(FederationFixture) fixture = fixture_in_state(state);
    Status status = command(fixture, expectation->action, "a", REASON);
    gboolean is_allowed = (expectation->from & STATE_BIT(state)) != 0;
    gboolean is_done = state == expectation->to;
    Status expected = is_allowed || is_done          ? STATUS_OK
                      : state == MEMBER(UNSPECIFIED) ? STATUS_UNKNOWN_MEMBER
                                                     : STATUS_NOT_ALLOWED;
    g_assert_cmpstr(status_name(status), ==, status_name(expected));
    g_assert_cmpint(state_of(fixture, "a"), ==, is_allowed ? expectation->to : state);
    // Done and refused, but not what was so already.
    gboolean is_audited = is_allowed || expected == STATUS_NOT_ALLOWED;
    g_assert_cmpuint(fixture->federation->audit.length, ==, is_audited);
    if (!is_audited)
        return;
    const WireAuditRecord *record = g_queue_peek_tail(&fixture->federation->audit);
    g_assert_cmpstr(record->actor, ==, OPERATOR);
    g_assert_cmpstr(record->member, ==, "a");
    g_assert_cmpint(record->from, ==, state);
    g_assert_cmpint(record->to, ==, state_of(fixture, "a"));
    g_assert_cmpint(record->status, ==, expected);
}

static void test_every_state_and_command(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(expectations); i++) {
        for (guint state = 0; state < N_STATES; state++)
            check_command(&expectations[i], (MemberState)state);
    }
}

static void test_reasons(void)
{
    g_autofree char *long_reason = g_strnfill(257, 'x');
    for (gsize i = 0; i < G_N_ELEMENTS(expectations); i++) {
        const Expectation *what = &expectations[i];
        MemberState from = (MemberState)(g_bit_nth_lsf(what->from, -1));
        g_autoptr(FederationFixture) fixture = fixture_in_state(from);
        g_assert_cmpint(command(fixture, what->action, "a", long_reason), ==, STATUS_BAD_REQUEST);
        g_assert_cmpint(state_of(fixture, "a"), ==, from);
        Status expected = what->needs_reason ? STATUS_BAD_REQUEST : STATUS_OK;
        g_assert_cmpint(command(fixture, what->action, "a", ""), ==, expected);
    }
}

static void test_edges(void)
{
    static const States edges[N_STATES] = {
        BIT(APPLIED),
        BIT(AUTHENTICATED) | BIT(REFUSED),
        BIT(ACTIVE) | BIT(REFUSED),
        BIT(SUSPENDED) | BIT(WITHDRAWING) | BIT(EXPELLED),
        BIT(ACTIVE) | BIT(EXPELLED),
        BIT(WITHDRAWN) | BIT(EXPELLED),
        BIT(APPLIED),
        BIT(APPLIED),
        0,
    };
    for (guint from = 0; from < N_STATES; from++) {
        for (guint to = 0; to < N_STATES; to++)
            g_assert_cmpint(member_can_enter((MemberState)from, (MemberState)to), ==,
                            (edges[from] & STATE_BIT(to)) != 0);
    }
}

// --- applications --------------------------------------------------------------------------------

static void test_a_stranger(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    apply(fixture, STRANGER, 5);
    g_assert_cmpint(state_of(fixture, STRANGER), ==, MEMBER(AUTHENTICATED));
    g_assert_cmpint(command(fixture, QKDNF__V1__MEMBER_ACTION__MEMBER_ACTION_APPROVE, STRANGER, ""),
                    ==, STATUS_OK);
    Member *member = member_find(fixture->federation, STRANGER);
    g_assert_cmpuint(member_scope(member), ==,
                     PURPOSE_BIT(QKDNF__V1__PURPOSE__PURPOSE_RELAY) |
                         PURPOSE_BIT(QKDNF__V1__PURPOSE__PURPOSE_SHARE));
    g_autoptr(GError) error = NULL;
    federation_fixture_restart(fixture, &error);
    g_assert_no_error(error);
    g_assert_cmpint(state_of(fixture, STRANGER), ==, MEMBER(ACTIVE));
    g_assert_cmpuint(fixture->federation->audit.length, ==, 3);
    // What is older, or the same, changes nothing.
    apply(fixture, STRANGER, 5);
    apply(fixture, STRANGER, 4);
    g_assert_cmpuint(fixture->federation->audit.length, ==, 3);
}

static void test_an_application_is_no_provider(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    WireApply wire = application("sae-a", 1);
    g_assert_cmpint(say(fixture, "sae-a", KIND_APPLY, &wire.base), ==, REFUSAL_NONE);
    g_assert_null(member_find(fixture->federation, "sae-a"));
}

static void assert_refused(WireApply wire, const char *reason)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    g_assert_cmpint(say(fixture, STRANGER, KIND_APPLY, &wire.base), ==, REFUSAL_NONE);
    const Member *member = member_find(fixture->federation, STRANGER);
    g_assert_cmpint(member->state, ==, MEMBER(REFUSED));
    if (!strstr(member->reason, reason))
        g_error("'%s' does not say '%s'", member->reason, reason);
}

static void test_what_is_refused(void)
{
    g_autofree char *contact = g_strnfill(257, 'x');
    guint8 byte = 0;
    WireApply wire = application("a", 1);
    assert_refused(wire, "applies for another provider");
    wire = application(STRANGER, 1), wire.contact = contact;
    assert_refused(wire, "contact is longer than 256 bytes");
    wire = application(STRANGER, 1), wire.certificate_sha256 = (ProtobufCBinaryData){1, &byte};
    assert_refused(wire, "certificate_sha256 is 1 bytes long; expected 32");
    wire = application(STRANGER, 1), wire.policy_version = 2;
    assert_refused(wire, "agrees to version 2 of the federation's policy; expected 1");
    wire = application(STRANGER, 1), wire.share_percent = 101;
    assert_refused(wire, "share_percent is 101; expected at most 100");
}

static void test_the_federations_policy(void)
{
    char *purposes[] = {(char *)"relay", (char *)"reroute", NULL};
    FederationConfig config = {.policy = {1, purposes, 50}};
    WireApply wire = application(STRANGER, 1);
    g_autofree char *missing = member_check_policy(&config, &wire);
    g_assert_cmpstr(missing, ==, "does not offer what the federation's policy demands: reroute");
    purposes[1] = NULL;
    g_assert_null(member_check_policy(&config, &wire));
    wire.share_percent = 49;
    g_autofree char *little = member_check_policy(&config, &wire);
    g_assert_cmpstr(little, ==, "shares 49 % of its rates; expected at least 50");
}

// An ACTIVE member whose new application is no good stays what it is, and is told.
static void test_a_bad_change(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    apply(fixture, STRANGER, 1);
    command(fixture, QKDNF__V1__MEMBER_ACTION__MEMBER_ACTION_APPROVE, STRANGER, "");
    WireApply wire = application(STRANGER, 2);
    wire.policy_version = 7;
    say(fixture, STRANGER, KIND_APPLY, &wire.base);
    const Member *member = member_find(fixture->federation, STRANGER);
    g_assert_cmpint(member->state, ==, MEMBER(ACTIVE));
    g_assert_cmpuint(member->application->version, ==, 1);
    g_assert_cmpuint(member->judged_version, ==, 2);
    g_assert_nonnull(strstr(member->objection, "version 7"));
    apply(fixture, STRANGER, 3);
    g_assert_null(member->objection);
    g_assert_cmpuint(member->application->version, ==, 3);
}

// Time passes for the platform.
static void wait_until(FederationFixture *fixture, gint64 now_us)
{
    federation_tick(fixture->federation, now_us);
}

static FederationFixture *fixture_of_raised_policy(void)
{
    g_autoptr(GError) error = NULL;
    FederationFixture *fixture = fixture_new();
    apply(fixture, STRANGER, 1);
    command(fixture, QKDNF__V1__MEMBER_ACTION__MEMBER_ACTION_APPROVE, STRANGER, "");
    fixture->config.policy.version = 2;
    fixture->config.policy.grace_ms = 5000;
    federation_fixture_restart(fixture, &error);
    g_assert_no_error(error);
    return fixture;
}

// Who was let in under the earlier one is told, and goes on for a while, which another start does
// not make longer.
static void test_a_raised_policy(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(FederationFixture) fixture = fixture_of_raised_policy();
    const Member *member = member_find(fixture->federation, STRANGER);
    g_assert_cmpint(member->state, ==, MEMBER(ACTIVE));
    g_assert_nonnull(strstr(member->objection, "version 1 of the federation's policy; expected 2"));
    wait_until(fixture, FEDERATION_NOW + 4999 * G_TIME_SPAN_MILLISECOND);
    g_assert_cmpint(state_of(fixture, STRANGER), ==, MEMBER(ACTIVE));
    fixture->config.policy.grace_ms = 9000;
    federation_fixture_restart(fixture, &error);
    g_assert_no_error(error);
    wait_until(fixture, FEDERATION_NOW + 5000 * G_TIME_SPAN_MILLISECOND);
    g_assert_cmpint(state_of(fixture, STRANGER), ==, MEMBER(SUSPENDED));
    g_assert_nonnull(
        strstr(member_find(fixture->federation, STRANGER)->reason, "policy; expected 2"));
}

static void test_a_raised_policy_is_met(void)
{
    g_autoptr(FederationFixture) fixture = fixture_of_raised_policy();
    WireApply wire = application(STRANGER, 2);
    wire.policy_version = 2;
    say(fixture, STRANGER, KIND_APPLY, &wire.base);
    g_assert_null(member_find(fixture->federation, STRANGER)->objection);
    wait_until(fixture, FEDERATION_NOW + 6000 * G_TIME_SPAN_MILLISECOND);
    g_assert_cmpint(state_of(fixture, STRANGER), ==, MEMBER(ACTIVE));
}

static void test_a_raised_policy_is_taken_back(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(FederationFixture) fixture = fixture_of_raised_policy();
    fixture->config.policy.version = 1;
    federation_fixture_restart(fixture, &error);
    g_assert_no_error(error);
    g_assert_null(member_find(fixture->federation, STRANGER)->objection);
    wait_until(fixture, FEDERATION_NOW + 6000 * G_TIME_SPAN_MILLISECOND);
    g_assert_cmpint(state_of(fixture, STRANGER), ==, MEMBER(ACTIVE));
}

static void test_who_was_refused_is_not_heard_at_once(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    apply(fixture, STRANGER, 1);
    command(fixture, QKDNF__V1__MEMBER_ACTION__MEMBER_ACTION_REFUSE, STRANGER, REASON);
    apply(fixture, STRANGER, 2);
    g_assert_cmpint(state_of(fixture, STRANGER), ==, MEMBER(REFUSED));
    WireApply wire = application(STRANGER, 2);
    say_at(fixture, STRANGER, KIND_APPLY, &wire.base, FEDERATION_NOW + G_TIME_SPAN_SECOND);
    g_assert_cmpint(state_of(fixture, STRANGER), ==, MEMBER(AUTHENTICATED));
}

static void test_applicants_are_bounded(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    for (guint i = 0; i < 1001; i++) {
        g_autofree char *id = g_strdup_printf("p%u", i);
        apply(fixture, id, 1);
    }
    g_assert_nonnull(member_find(fixture->federation, "p999"));
    g_assert_null(member_find(fixture->federation, "p1000"));
}

// --- withdrawal ----------------------------------------------------------------------------------

static void test_withdrawal_drains(void)
{
    g_autoptr(FederationFixture) fixture = fixture_in_state(MEMBER(ACTIVE));
    Request *request = federation_fixture_request(fixture, "sae-c", 1, 1);
    request->deadline_us = FEDERATION_NOW + 10 * G_TIME_SPAN_SECOND;
    request_enter(fixture->federation, request, REQUEST_ROUTED);
    fixture->federation->now = FEDERATION_NOW;
    attempt_start(fixture->federation, request);
    g_assert_cmpint(request->state, ==, REQUEST_ORDERED);
    WireWithdraw withdraw = WIRE_WITHDRAW_INIT;
    withdraw.version = 1;
    g_assert_cmpint(say(fixture, "a", KIND_WITHDRAW, &withdraw.base), ==, REFUSAL_NONE);
    federation_tick(fixture->federation, FEDERATION_NOW + 999 * G_TIME_SPAN_MILLISECOND);
    g_assert_cmpint(state_of(fixture, "a"), ==, MEMBER(WITHDRAWING));
    g_assert_cmpint(request->state, ==, REQUEST_ORDERED);
    g_assert_false(topology_find(fixture->federation->topology, "a")->is_usable);
    federation_tick(fixture->federation, FEDERATION_NOW + 1000 * G_TIME_SPAN_MILLISECOND);
    g_assert_cmpint(state_of(fixture, "a"), ==, MEMBER(WITHDRAWN));
    g_assert_cmpint(request->state, !=, REQUEST_ORDERED);
    g_assert_null(topology_find(fixture->federation->topology, "a")->resource);
    g_assert_null(directory_find(fixture->federation, "sae-a"));
}

static void test_an_old_withdrawal(void)
{
    g_autoptr(FederationFixture) fixture = fixture_in_state(MEMBER(ACTIVE));
    member_find(fixture->federation, "a")->judged_version = 2;
    WireWithdraw withdraw = WIRE_WITHDRAW_INIT;
    withdraw.version = 1;
    say(fixture, "a", KIND_WITHDRAW, &withdraw.base);
    g_assert_cmpint(state_of(fixture, "a"), ==, MEMBER(ACTIVE));
}

// --- lists ---------------------------------------------------------------------------------------

static void test_members_come_in_pages(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    for (guint i = 0; i < 150; i++) {
        g_autofree char *id = g_strdup_printf("p%03u", i);
        apply(fixture, id, 1);
    }
    WireMemberQuery query = WIRE_MEMBER_QUERY_INIT;
    WireAdmin admin = WIRE_ADMIN_INIT;
    admin.id = (char *)"1";
    admin.command_case = QKDNF__V1__ADMIN__COMMAND_MEMBERS;
    admin.members = &query;
    listen(fixture);
    say(fixture, OPERATOR, KIND_ADMIN, &admin.base);
    Heard first = listen(fixture);
    g_assert_cmpuint(first.n_members, ==, 100);
    // a, b and c come before them.
    query.after = (char *)"p096";
    say(fixture, OPERATOR, KIND_ADMIN, &admin.base);
    Heard second = listen(fixture);
    g_assert_cmpuint(second.n_members, ==, 53);
    g_free(first.text);
    g_free(second.text);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/membership/every-state-and-kind", test_every_state_and_kind);
    g_test_add_func("/membership/the-table-is-complete", test_the_table_is_complete);
    g_test_add_func("/membership/every-state-and-command", test_every_state_and_command);
    g_test_add_func("/membership/reasons", test_reasons);
    g_test_add_func("/membership/edges", test_edges);
    g_test_add_func("/membership/a-stranger", test_a_stranger);
    g_test_add_func("/membership/an-application-is-no-provider",
                    test_an_application_is_no_provider);
    g_test_add_func("/membership/what-is-refused", test_what_is_refused);
    g_test_add_func("/membership/the-federations-policy", test_the_federations_policy);
    g_test_add_func("/membership/a-raised-policy", test_a_raised_policy);
    g_test_add_func("/membership/a-raised-policy-is-met", test_a_raised_policy_is_met);
    g_test_add_func("/membership/a-raised-policy-is-taken-back",
                    test_a_raised_policy_is_taken_back);
    g_test_add_func("/membership/a-bad-change", test_a_bad_change);
    g_test_add_func("/membership/who-was-refused-is-not-heard-at-once",
                    test_who_was_refused_is_not_heard_at_once);
    g_test_add_func("/membership/applicants-are-bounded", test_applicants_are_bounded);
    g_test_add_func("/membership/withdrawal-drains", test_withdrawal_drains);
    g_test_add_func("/membership/an-old-withdrawal", test_an_old_withdrawal);
    g_test_add_func("/membership/members-come-in-pages", test_members_come_in_pages);
    return g_test_run();
}
