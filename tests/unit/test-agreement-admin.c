// SPDX-License-Identifier: Apache-2.0
//
// What operators of the federation decide about agreements, and what becomes of it.

#include "platform/agreement.h"
#include "tests/unit/federation-fixture.h"

#include <string.h>

static const GraphLink links[] = {{"a-b", "a", "b", 100}};

static FederationFixture *fixture_new(void)
{
    FederationFixture *fixture = federation_fixture_new(links, G_N_ELEMENTS(links));
    fixture->federation->now = FEDERATION_NOW;
    return fixture;
}

static Provider *provider(const FederationFixture *fixture, const char *id)
{
    return topology_find(fixture->federation->topology, id);
}

static gboolean covers(const FederationFixture *fixture, const char *seller)
{
    return agreement_covers(provider(fixture, "a"), provider(fixture, seller),
                            PURPOSE_BIT(QKDNF__V1__PURPOSE__PURPOSE_RELAY));
}

static void say(FederationFixture *fixture, const char *from, const WireAgreement *about,
                AgreementAction action)
{
    WireAgreement said = *about;
    said.action = action;
    agreement_on_agreement(fixture->federation, &(Sender){from, ROLE_AGENT, 1}, &said);
}

static Status command(FederationFixture *fixture, const char *id, AgreementAction action,
                      const char *reason)
{
    WireAgreementCommand wire = WIRE_AGREEMENT_COMMAND_INIT;
    wire.action = action;
    wire.agreement = (char *)id;
    wire.reason = (char *)reason;
    AdminResult outcome =
        agreement_command(fixture->federation, &(Sender){"admin", ROLE_OPERATOR, 1}, &wire);
    g_assert_nonnull(outcome.text);
    g_free(outcome.text);
    return outcome.status;
}

static void test_operators_decide(void)
{
    static const struct {
        const char *id;
        AgreementAction action;
        const char *reason;
        Status status;
        guint n_audited;
    } cases[] = {
        {"terms-1/a/b", AGREEMENT_ACTION(SUSPEND), "", STATUS_BAD_REQUEST, 0},
        {"terms-2/a/b", AGREEMENT_ACTION(SUSPEND), "why", STATUS_BAD_REQUEST, 0},
        {"terms-1/a/a", AGREEMENT_ACTION(SUSPEND), "why", STATUS_BAD_REQUEST, 0},
        {"terms-1/a/b", AGREEMENT_ACTION(ACCEPT), "why", STATUS_BAD_REQUEST, 0},
        {"terms-1/a/b", AGREEMENT_ACTION(SUSPEND), "why", STATUS_OK, 1},
        {"terms-1/a/b", AGREEMENT_ACTION(SUSPEND), "why", STATUS_OK, 1},
        {"terms-1/a/b", AGREEMENT_ACTION(RESUME), "", STATUS_OK, 2},
        {"terms-1/all/b", AGREEMENT_ACTION(SUSPEND), "why", STATUS_OK, 3},
        {"terms-1/all/b", AGREEMENT_ACTION(RESUME), "", STATUS_OK, 4},
        {"terms-1/a/b", AGREEMENT_ACTION(END), "why", STATUS_OK, 6},
        {"terms-1/a/b", AGREEMENT_ACTION(RESUME), "", STATUS_NOT_ALLOWED, 6},
    };
    g_autoptr(FederationFixture) fixture = fixture_new();
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        guint n_before = 0, before = g_queue_get_length(&fixture->federation->audit);
        g_assert_cmpint(command(fixture, cases[i].id, cases[i].action, cases[i].reason), ==,
                        cases[i].status);
        n_before = i > 0 ? cases[i - 1].n_audited : 0;
        g_assert_cmpuint(g_queue_get_length(&fixture->federation->audit) - before, ==,
                         cases[i].n_audited - n_before);
    }
    g_assert_false(covers(fixture, "b"));
}

static guint n_audited(const FederationFixture *fixture, const char *command, const char *member)
{
    guint n = 0;
    for (const GList *link = fixture->federation->audit.head; link; link = link->next) {
        const WireAuditRecord *record = link->data;
        n += strcmp(record->command, command) == 0 && strcmp(record->member, member) == 0;
    }
    return n;
}

static AgreementState standing_state(FederationFixture *fixture, const char *seller)
{
    const Agreement *standing =
        agreement_standing_of(fixture->federation, provider(fixture, seller));
    return standing ? standing->wire->state : AGREEMENT(UNSPECIFIED);
}

static void be_born(FederationFixture *fixture, const char *id)
{
    agreement_on_birth(fixture->federation, member_find(fixture->federation, id));
}

// Neither births nor restarts nor time undo what an operator has ended; an operator does.
static void test_what_is_ended_stays_ended(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    g_assert_cmpint(command(fixture, "terms-1/all/b", AGREEMENT_ACTION(END), "why"), ==, STATUS_OK);
    be_born(fixture, "b");
    federation_tick(fixture->federation, FEDERATION_NOW + G_TIME_SPAN_SECOND);
    g_assert_cmpint(standing_state(fixture, "b"), ==, AGREEMENT(ENDED));
    be_born(fixture, "b");
    g_assert_cmpint(standing_state(fixture, "b"), ==, AGREEMENT(ENDED));
    federation_fixture_restart(fixture, NULL);
    fixture->federation->now = FEDERATION_NOW + AGREEMENT_KEEP_US + G_TIME_SPAN_MINUTE;
    agreement_on_timer(fixture->federation, TIMER_TERM, "terms-1/all/b");
    be_born(fixture, "b");
    g_assert_cmpint(standing_state(fixture, "b"), ==, AGREEMENT(ENDED));
    g_assert_false(covers(fixture, "b"));
    member_find(fixture->federation, "b")->state = MEMBER(SUSPENDED);
    g_assert_cmpint(command(fixture, "terms-1/all/b", AGREEMENT_ACTION(RESUME), ""), ==,
                    STATUS_NOT_ALLOWED);
    member_find(fixture->federation, "b")->state = MEMBER(ACTIVE);
    for (guint i = 0; i < 2; i++) {
        g_assert_cmpint(command(fixture, "terms-1/all/b", AGREEMENT_ACTION(RESUME), ""), ==,
                        STATUS_OK);
        g_assert_cmpint(standing_state(fixture, "b"), ==, AGREEMENT(OFFERED));
        g_assert_cmpuint(n_audited(fixture, "resume", "b"), ==, 1);
    }
    g_assert_cmpuint(n_audited(fixture, "end", "b"), ==, 1);
    say(fixture, "b", agreement_standing_of(fixture->federation, provider(fixture, "b"))->wire,
        AGREEMENT_ACTION(ACCEPT));
    g_assert_true(covers(fixture, "b"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/agreement-admin/operators", test_operators_decide);
    g_test_add_func("/agreement-admin/what-is-ended-stays-ended", test_what_is_ended_stays_ended);
    return g_test_run();
}
