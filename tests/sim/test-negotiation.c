// SPDX-License-Identifier: Apache-2.0
//
// Two providers agree, and part again, without standing terms: what operators decide is said over a
// bus that loses, by processes that die between any two steps; both sides and the platform come to
// the same, and keys cross exactly where that says so.

#include "schemas/agreement.h"
#include "tests/sim/stage.h"

#include <string.h>

#define OPERATOR "ops"

#define PATIENCE_S 200

static const char *const ids[] = {"01234567-89ab-4cde-8f01-000000000001",
                                  "01234567-89ab-4cde-8f01-000000000002"};

static Stage *stage_without_terms(void)
{
    static char *operators[] = {(char *)OPERATOR, NULL};
    Network *network = network_chain(3);
    network->federation.terms.version = 0;
    network->federation.operators = operators;
    for (guint i = 0; i < network->sites->len; i++)
        ((Site *)network->sites->pdata[i])->config.operators = operators;
    return stage_new(network);
}

// --- the operator --------------------------------------------------------------------------------

static void put_on_bus(gpointer data, const Publish *publish)
{
    broker_publish(((Stage *)data)->world->broker, publish->topic, publish->payload);
}

static void say(Stage *stage, const char *to, WireAdmin *admin)
{
    g_autoptr(Outbox) outbox = outbox_new(OPERATOR, (guint64)world_now(stage->world));
    admin->id = (char *)"1";
    outbox_add(outbox, KIND_ADMIN, to, &admin->base);
    outbox_flush(outbox, world_now(stage->world), put_on_bus, stage);
}

static const WireAdminReply *last_reply(const Stage *stage)
{
    for (guint i = stage->seen->len; i > 0; i--) {
        const Seen *seen = stage->seen->pdata[i - 1];
        if (seen->kind == KIND_ADMIN_REPLY)
            return (const WireAdminReply *)seen->frame->messages[0];
    }
    return NULL;
}

static gboolean is_answered(gpointer data)
{
    return last_reply(data) != NULL;
}

// As an operator's tool does: again until it is answered.
static const WireAdminReply *ask_member(Stage *stage, const char *to, WireAdmin *admin)
{
    stage_forget(stage);
    for (guint i = 0; i < 100 && !is_answered(stage); i++) {
        say(stage, to, admin);
        world_run_until(stage->world, is_answered, stage, G_TIME_SPAN_SECOND);
    }
    g_assert_nonnull(last_reply(stage));
    return last_reply(stage);
}

static Status command(Stage *stage, const char *to, WireAgreementCommand *command)
{
    WireAdmin admin = WIRE_ADMIN_INIT;
    admin.command_case = QKDNF__V1__ADMIN__COMMAND_AGREEMENT;
    admin.agreement = command;
    return (Status)ask_member(stage, to, &admin)->status;
}

static Qkdnf__V1__Purpose relay[] = {QKDNF__V1__PURPOSE__PURPOSE_RELAY};

static WireAgreementTerms terms_of(guint64 quota_bits)
{
    WireAgreementTerms terms = WIRE_AGREEMENT_TERMS_INIT;
    terms.purposes = relay;
    terms.n_purposes = 1;
    terms.quota_bits = quota_bits;
    terms.period_s = 86400;
    return terms;
}

static Status propose(Stage *stage, guint number, const char *seller, guint64 quota_bits,
                      guint64 least_bits)
{
    WireAgreementTerms terms = terms_of(quota_bits), least = terms_of(least_bits);
    WireAgreementCommand wire = WIRE_AGREEMENT_COMMAND_INIT;
    wire.action = AGREEMENT_ACTION(PROPOSE);
    wire.agreement = (char *)ids[number];
    wire.seller = (char *)seller;
    wire.terms = &terms;
    wire.least = &least;
    return command(stage, "alpha", &wire);
}

static Status decide(Stage *stage, const char *who, guint number, AgreementAction action,
                     WireAgreementTerms *terms)
{
    WireAgreementCommand wire = WIRE_AGREEMENT_COMMAND_INIT;
    wire.action = action;
    wire.agreement = (char *)ids[number];
    wire.terms = terms;
    wire.reason = (char *)"a test";
    return command(stage, who, &wire);
}

// --- how it stands -------------------------------------------------------------------------------

static const WireAgreement *known_to(Stage *stage, const char *member, guint number)
{
    WireAgreementQuery query = WIRE_AGREEMENT_QUERY_INIT;
    WireAdmin admin = WIRE_ADMIN_INIT;
    admin.command_case = QKDNF__V1__ADMIN__COMMAND_AGREEMENTS;
    admin.agreements = &query;
    const WireAdminReply *reply = ask_member(stage, member, &admin);
    for (gsize i = 0; i < reply->n_agreements; i++) {
        if (strcmp(reply->agreements[i]->id, ids[number]) == 0)
            return reply->agreements[i];
    }
    return NULL;
}

static gboolean is_known_everywhere(Stage *stage, guint number, AgreementState state)
{
    static const char *const members[] = {PLATFORM, "alpha", "beta", "gamma"};
    guint n_know = 0, n_agree = 0;
    for (guint i = 0; i < G_N_ELEMENTS(members); i++) {
        if (!world_find_node(stage->world, members[i])->core)
            continue;
        const WireAgreement *known = known_to(stage, members[i], number);
        n_know += known != NULL;
        n_agree += known && known->state == state;
    }
    return n_know >= 2 && n_agree == n_know;
}

// All who know of it, and run, know that.
static void await_state(Stage *stage, guint number, AgreementState state)
{
    for (guint i = 0; i < PATIENCE_S; i++) {
        if (is_known_everywhere(stage, number, state))
            return;
        world_run(stage->world, G_TIME_SPAN_SECOND);
    }
    g_error("agreement %u never became %s", number, agreement_state_name(state));
}

static const WireAgreement *await_known(Stage *stage, const char *member, guint number)
{
    const WireAgreement *known = known_to(stage, member, number);
    for (guint i = 0; !known && i < PATIENCE_S; i++) {
        world_run(stage->world, G_TIME_SPAN_SECOND);
        known = known_to(stage, member, number);
    }
    g_assert_nonnull(known);
    return known;
}

static void agree(Stage *stage, guint number, const char *seller)
{
    g_assert_cmpint(propose(stage, number, seller, 0, 0), ==, STATUS_OK);
    await_state(stage, number, AGREEMENT(PROPOSED));
    g_assert_cmpint(decide(stage, seller, number, AGREEMENT_ACTION(ACCEPT), NULL), ==, STATUS_OK);
    await_state(stage, number, AGREEMENT(AVAILABLE));
}

static void refused(Stage *stage, const char *why)
{
    const Ask *ask = stage_ask(stage, "sae-a", "sae-g", 1, 256);
    const WireReply *reply = stage_await_status(stage, ask, STATUS_NO_AGREEMENT);
    if (!strstr(reply->text, why))
        g_error("'%s' does not say '%s'", reply->text, why);
}

// --- the tests -----------------------------------------------------------------------------------

static void test_from_proposal_to_end(void)
{
    g_autoptr(Stage) stage = stage_without_terms();
    refused(stage, "expected an agreement");
    agree(stage, 0, "beta");
    refused(stage, "'alpha' may not use 'gamma'");
    agree(stage, 1, "gamma");
    stage_await_grant(stage, stage_ask(stage, "sae-a", "sae-g", 1, 256));
    // What alpha may do, gamma may not.
    const Ask *ask = stage_ask(stage, "sae-g", "sae-a", 1, 256);
    stage_await_status(stage, ask, STATUS_NO_AGREEMENT);
    g_assert_cmpint(decide(stage, PLATFORM, 0, AGREEMENT_ACTION(SUSPEND), NULL), ==, STATUS_OK);
    await_state(stage, 0, AGREEMENT(LOCKED));
    refused(stage, "is LOCKED");
    g_assert_cmpint(decide(stage, PLATFORM, 0, AGREEMENT_ACTION(RESUME), NULL), ==, STATUS_OK);
    await_state(stage, 0, AGREEMENT(AVAILABLE));
    stage_await_grant(stage, stage_ask(stage, "sae-a", "sae-g", 1, 256));
    g_assert_cmpint(decide(stage, "beta", 0, AGREEMENT_ACTION(END), NULL), ==, STATUS_OK);
    await_state(stage, 0, AGREEMENT(ENDED));
    refused(stage, "'alpha' may not use 'beta'");
}

// What is at least the least is taken; what is less waits for the buyer's operator.
static void test_counter_offers(void)
{
    g_autoptr(Stage) stage = stage_without_terms();
    WireAgreementTerms offered = terms_of(4096);
    g_assert_cmpint(propose(stage, 0, "beta", 0, 4096), ==, STATUS_OK);
    await_state(stage, 0, AGREEMENT(PROPOSED));
    g_assert_cmpint(decide(stage, "beta", 0, AGREEMENT_ACTION(OFFER), &offered), ==, STATUS_OK);
    await_state(stage, 0, AGREEMENT(AVAILABLE));
    g_assert_cmpuint(known_to(stage, "beta", 0)->terms->quota_bits, ==, 4096);
    offered.quota_bits = 4095;
    g_assert_cmpint(propose(stage, 1, "beta", 0, 4096), ==, STATUS_OK);
    await_state(stage, 1, AGREEMENT(PROPOSED));
    // The buyer does not accept its own proposal.
    g_assert_cmpint(decide(stage, "alpha", 1, AGREEMENT_ACTION(ACCEPT), NULL), ==,
                    STATUS_NOT_ALLOWED);
    g_assert_cmpint(decide(stage, "beta", 1, AGREEMENT_ACTION(OFFER), &offered), ==, STATUS_OK);
    await_state(stage, 1, AGREEMENT(OFFERED));
    g_assert_cmpint(decide(stage, "alpha", 1, AGREEMENT_ACTION(REFUSE), NULL), ==, STATUS_OK);
    await_state(stage, 1, AGREEMENT(FAILED));
    g_assert_cmpint(known_to(stage, PLATFORM, 0)->state, ==, AGREEMENT(AVAILABLE));
    // To ask for what has been done already is no mistake.
    g_assert_cmpint(decide(stage, "alpha", 1, AGREEMENT_ACTION(REFUSE), NULL), ==, STATUS_OK);
    g_assert_cmpint(decide(stage, "alpha", 1, AGREEMENT_ACTION(ACCEPT), NULL), ==,
                    STATUS_NOT_ALLOWED);
}

// A later agreement takes the place of the earlier one.
static void test_the_later_replaces_the_earlier(void)
{
    g_autoptr(Stage) stage = stage_without_terms();
    agree(stage, 0, "beta");
    agree(stage, 1, "beta");
    await_state(stage, 0, AGREEMENT(ENDED));
}

static gboolean loses_most(Stage *stage, const BrokerLeg *leg)
{
    Topic topic;
    guint *n = stage->data;
    if (!topic_parse(leg->topic, &topic) || topic.kind != KIND_AGREEMENT)
        return FALSE;
    return (*n)++ % 3 != 0;
}

static void restart(Stage *stage, const char *id)
{
    Node *node = world_find_node(stage->world, id);
    node_kill(node);
    node_start(node, NULL);
}

// Whoever has answered its operator is killed at once; two of three messages are lost.
static void test_what_was_answered_is_not_lost(void)
{
    guint n = 0;
    g_autoptr(Stage) stage = stage_without_terms();
    stage->data = &n;
    stage->loses = loses_most;
    g_assert_cmpint(propose(stage, 0, "beta", 0, 0), ==, STATUS_OK);
    restart(stage, "alpha");
    await_state(stage, 0, AGREEMENT(PROPOSED));
    restart(stage, PLATFORM);
    g_assert_cmpint(decide(stage, "beta", 0, AGREEMENT_ACTION(ACCEPT), NULL), ==, STATUS_OK);
    restart(stage, "beta");
    await_state(stage, 0, AGREEMENT(AVAILABLE));
    g_assert_cmpint(decide(stage, PLATFORM, 0, AGREEMENT_ACTION(SUSPEND), NULL), ==, STATUS_OK);
    restart(stage, PLATFORM);
    await_state(stage, 0, AGREEMENT(LOCKED));
    g_assert_cmpint(decide(stage, "alpha", 0, AGREEMENT_ACTION(END), NULL), ==, STATUS_OK);
    restart(stage, "alpha");
    await_state(stage, 0, AGREEMENT(ENDED));
}

static gboolean loses_from_alpha(Stage *stage, const BrokerLeg *leg)
{
    Topic topic;
    return topic_parse(leg->topic, &topic) && topic.kind == KIND_AGREEMENT &&
           strcmp(topic.from, "alpha") == 0;
}

// What was said of one version holds for the next, where it still can be said.
static void test_an_end_is_not_overtaken(void)
{
    g_autoptr(Stage) stage = stage_without_terms();
    agree(stage, 0, "beta");
    stage->loses = loses_from_alpha;
    g_assert_cmpint(decide(stage, "alpha", 0, AGREEMENT_ACTION(END), NULL), ==, STATUS_OK);
    g_assert_cmpint(decide(stage, PLATFORM, 0, AGREEMENT_ACTION(SUSPEND), NULL), ==, STATUS_OK);
    await_state(stage, 0, AGREEMENT(LOCKED));
    stage->loses = NULL;
    await_state(stage, 0, AGREEMENT(ENDED));
}

static gboolean loses_half(Stage *stage, const BrokerLeg *leg)
{
    Topic topic;
    guint *n = stage->data;
    return topic_parse(leg->topic, &topic) && topic.kind == KIND_AGREEMENT && (*n)++ % 4 < 2;
}

static Status propose_capacity(Stage *stage, guint number, guint64 rate_bps, guint64 least_bps)
{
    WireAgreementTerms terms = WIRE_AGREEMENT_TERMS_INIT;
    terms.link = (char *)"alpha-beta";
    terms.rate_bps = rate_bps;
    terms.valid_until_us = (guint64)(world_now(stage->world) + 2 * G_TIME_SPAN_MINUTE);
    WireAgreementTerms least = terms;
    least.rate_bps = least_bps;
    WireAgreementCommand wire = WIRE_AGREEMENT_COMMAND_INIT;
    wire.action = AGREEMENT_ACTION(PROPOSE);
    wire.agreement = (char *)ids[number];
    wire.seller = (char *)"beta";
    wire.terms = &terms;
    wire.least = &least;
    return command(stage, "alpha", &wire);
}

// Capacity is reserved as anything else is agreed: cut down to what is there, by processes that
// die, over a bus that loses half of what is said; until its time is over.
static void test_capacity(void)
{
    const guint64 more_than_there_is = G_GUINT64_CONSTANT(1000000000000);
    guint n = 0;
    g_autoptr(Stage) stage = stage_without_terms();
    stage->data = &n;
    stage->loses = loses_half;
    g_assert_cmpint(propose_capacity(stage, 0, more_than_there_is, 1), ==, STATUS_OK);
    restart(stage, PLATFORM);
    await_state(stage, 0, AGREEMENT(PROPOSED));
    guint64 reserved_bps = await_known(stage, "beta", 0)->terms->rate_bps;
    g_assert_cmpuint(reserved_bps, >, 0);
    g_assert_cmpuint(reserved_bps, <, more_than_there_is);
    g_assert_cmpint(decide(stage, "beta", 0, AGREEMENT_ACTION(ACCEPT), NULL), ==, STATUS_OK);
    restart(stage, PLATFORM);
    restart(stage, "beta");
    await_state(stage, 0, AGREEMENT(AVAILABLE));
    g_assert_cmpuint(known_to(stage, "alpha", 0)->terms->rate_bps, ==, reserved_bps);
    // It grants nothing.
    refused(stage, "expected an agreement");
    await_state(stage, 0, AGREEMENT(ENDED));
}

// Every proposal is answered, also one of somebody who does not take part.
static void test_nobody_to_agree_with(void)
{
    g_autoptr(Stage) stage = stage_without_terms();
    g_assert_cmpint(propose(stage, 0, "alpha", 0, 0), ==, STATUS_BAD_REQUEST);
    g_assert_cmpint(propose(stage, 0, "nobody", 0, 0), ==, STATUS_OK);
    world_run(stage->world, 10 * G_TIME_SPAN_SECOND);
    g_assert_cmpint(decide(stage, "alpha", 0, AGREEMENT_ACTION(END), NULL), ==, STATUS_OK);
    g_assert_nonnull(strstr(last_reply(stage)->text, "FAILED"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/negotiation/whole", test_from_proposal_to_end);
    g_test_add_func("/negotiation/counter-offers", test_counter_offers);
    g_test_add_func("/negotiation/replaced", test_the_later_replaces_the_earlier);
    g_test_add_func("/negotiation/durable", test_what_was_answered_is_not_lost);
    g_test_add_func("/negotiation/overtaken", test_an_end_is_not_overtaken);
    g_test_add_func("/negotiation/capacity", test_capacity);
    g_test_add_func("/negotiation/nobody", test_nobody_to_agree_with);
    return g_test_run();
}
