// SPDX-License-Identifier: Apache-2.0
//
// What an agent does for others, and what it does not, whoever asks.

#include "schemas/agreement.h"
#include "tests/sim/stage.h"

#include <string.h>

static const WireOrder *order_to(const Stage *stage, const char *agent)
{
    for (guint i = 0; i < stage->seen->len; i++) {
        const Seen *seen = stage->seen->pdata[i];
        if (seen->kind == KIND_ORDER && strcmp(seen->to, agent) == 0)
            return (const WireOrder *)seen->frame->messages[0];
    }
    return NULL;
}

static void publish(gpointer data, const Publish *one)
{
    broker_publish(data, one->topic, one->payload);
}

// What a platform that lies says to beta.
static void tell(Stage *stage, KindId kind, const ProtobufCMessage *message)
{
    g_autoptr(Outbox) platform = outbox_new(PLATFORM, (guint64)world_now(stage->world));
    outbox_add(platform, kind, "beta", message);
    outbox_flush(platform, world_now(stage->world), publish, stage->world->broker);
    world_run(stage->world, G_TIME_SPAN_SECOND);
}

// How beta answers a changed order, under a request that nobody made; NULL: not at all.
static const WireOutcome *outcome_of(Stage *stage, const WireOrder *changed, guint number)
{
    WireOrder order = *changed;
    g_autofree char *id = g_strdup_printf("01234567-89ab-4cde-8f01-%012u", number);
    order.request = id;
    stage_forget(stage);
    tell(stage, KIND_ORDER, &order.base);
    for (guint i = 0; i < stage->seen->len; i++) {
        const Seen *seen = stage->seen->pdata[i];
        const WireOutcome *outcome = (const WireOutcome *)seen->frame->messages[0];
        if (seen->kind == KIND_OUTCOME && strcmp(outcome->request, id) == 0)
            return outcome;
    }
    return NULL;
}

static Status answer_to(Stage *stage, const WireOrder *changed, guint number)
{
    const WireOutcome *outcome = outcome_of(stage, changed, number);
    return outcome ? (Status)outcome->status : STATUS_EXPIRED;
}

typedef struct {
    Stage *stage;
    WireOrder *order; // that beta got for a request from alpha to gamma
} Lie;

static Lie lie_new(void)
{
    Stage *stage = stage_chain(3);
    stage_await_grant(stage, stage_ask(stage, "sae-a", "sae-g", 1, 256));
    const WireOrder *order = order_to(stage, "beta");
    g_assert_nonnull(order);
    Lie lie = {stage, message_copy(&order->base)};
    node_kill(world_find_node(stage->world, PLATFORM));
    return lie;
}

static void lie_clear(Lie *lie)
{
    wire_free(lie->order);
    stage_free(lie->stage);
}

static void test_lies(void)
{
    Lie lie = lie_new();
    const struct {
        const char *buyer, *agreement;
        Status expected;
    } cases[] = {
        {"alpha", "", STATUS_NO_AGREEMENT},
        {"", "terms-1/alpha/beta", STATUS_NO_AGREEMENT},
        {"beta", "", STATUS_NO_AGREEMENT}, // sae-a is none of its users
        {"gamma", "terms-1/alpha/beta", STATUS_NO_AGREEMENT},
        {"alpha", "terms-2/alpha/beta", STATUS_NO_AGREEMENT},
        {"alpha", "terms-1/alpha/gamma", STATUS_NO_AGREEMENT},
        // Covered; but the slots have served the request.
        {"alpha", "terms-1/alpha/beta", STATUS_SLOT_USED},
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        WireOrder order = *lie.order;
        order.buyer = (char *)cases[i].buyer;
        order.agreement = (char *)cases[i].agreement;
        g_assert_cmpint(answer_to(lie.stage, &order, i), ==, cases[i].expected);
    }
    lie_clear(&lie);
}

static void tell_agreement(Stage *stage, AgreementState state, Qkdnf__V1__Purpose purpose,
                           guint64 quota_bits)
{
    WireAgreementTerms terms = WIRE_AGREEMENT_TERMS_INIT;
    terms.version = 1;
    terms.n_purposes = 1;
    terms.purposes = &purpose;
    terms.quota_bits = quota_bits;
    terms.period_s = 86400;
    WireAgreement wire = WIRE_AGREEMENT_INIT;
    wire.id = (char *)"terms-1/alpha/beta";
    wire.buyer = (char *)"alpha";
    wire.seller = (char *)"beta";
    wire.state = state;
    wire.version = (guint64)world_now(stage->world);
    wire.terms = &terms;
    tell(stage, KIND_AGREEMENT, &wire.base);
}

// Other terms than those that beta has agreed to bind it to nothing.
static void test_terms_that_were_not_agreed(void)
{
    Lie lie = lie_new();
    tell_agreement(lie.stage, AGREEMENT(AVAILABLE), QKDNF__V1__PURPOSE__PURPOSE_RELAY, 0);
    g_assert_cmpint(answer_to(lie.stage, lie.order, 1), ==, STATUS_NO_AGREEMENT);
    lie_clear(&lie);
}

static void test_suspended(void)
{
    Lie lie = lie_new();
    tell_agreement(lie.stage, AGREEMENT(LOCKED), QKDNF__V1__PURPOSE__PURPOSE_RELAY, 0);
    g_assert_cmpint(answer_to(lie.stage, lie.order, 1), ==, STATUS_NO_AGREEMENT);
    // It is durable.
    Node *beta = world_find_node(lie.stage->world, "beta");
    node_kill(beta);
    node_start(beta, NULL);
    world_run(lie.stage->world, G_TIME_SPAN_SECOND);
    g_assert_cmpint(answer_to(lie.stage, lie.order, 2), ==, STATUS_NO_AGREEMENT);
    lie_clear(&lie);
}

// What beta agreed to with all is not turned into something with one, nor is what it agreed to
// lost.
static void test_another_party(void)
{
    Lie lie = lie_new();
    WireAgreementTerms terms = WIRE_AGREEMENT_TERMS_INIT;
    terms.version = 1;
    WireAgreement wire = WIRE_AGREEMENT_INIT;
    wire.id = (char *)"terms-1/all/beta";
    wire.buyer = (char *)"gamma";
    wire.seller = (char *)"beta";
    wire.state = AGREEMENT(AVAILABLE);
    wire.version = (guint64)world_now(lie.stage->world);
    wire.terms = &terms;
    tell(lie.stage, KIND_AGREEMENT, &wire.base);
    g_assert_cmpint(answer_to(lie.stage, lie.order, 1), ==, STATUS_SLOT_USED);
    lie_clear(&lie);
}

// A provider that has not accepted the standing terms serves nobody but its own users.
static void test_not_accepted(void)
{
    Network *network = network_chain(3);
    network_find_site(network, "beta")->config.agreements.terms = 0;
    g_autoptr(Stage) stage = stage_new(network);
    const Ask *ask = stage_ask(stage, "sae-a", "sae-g", 1, 256);
    const WireReply *reply = stage_await_status(stage, ask, STATUS_NO_AGREEMENT);
    g_assert_nonnull(strstr(reply->text, "'alpha' may not use 'beta' for relay"));
    g_assert_null(order_to(stage, "beta"));
    stage_await_grant(stage, stage_ask(stage, "sae-b", "sae-b2", 1, 256));
}

// A key takes two slots; both sides count, and go on to count after a restart.
static void test_quota(void)
{
    Network *network = network_chain(3);
    network->federation.terms.quota_bits = 1024;
    g_autoptr(Stage) stage = stage_new(network);
    stage_await_grant(stage, stage_ask(stage, "sae-a", "sae-g", 1, 256));
    WireOrder *order = message_copy(&order_to(stage, "beta")->base);
    stage_await_grant(stage, stage_ask(stage, "sae-a", "sae-g", 1, 256));
    const Ask *ask = stage_ask(stage, "sae-a", "sae-g", 1, 256);
    const WireReply *reply = stage_await_status(stage, ask, STATUS_QUOTA_USED);
    g_assert_nonnull(strstr(reply->text, "0 bits are left of terms-1/alpha/beta"));
    node_kill(world_find_node(stage->world, PLATFORM));
    g_assert_cmpint(answer_to(stage, order, 1), ==, STATUS_QUOTA_USED);
    Node *beta = world_find_node(stage->world, "beta");
    node_kill(beta);
    node_start(beta, NULL);
    world_run(stage->world, G_TIME_SPAN_SECOND);
    g_assert_cmpint(answer_to(stage, order, 2), ==, STATUS_QUOTA_USED);
    wire_free(order);
}

typedef struct {
    guint n_items, n_overrun;
} Beyond;

// By the statements of beta that alpha has been told.
static Beyond count_beyond(const Stage *stage)
{
    Beyond beyond = {0};
    for (guint i = 0; i < stage->seen->len; i++) {
        const Seen *seen = stage->seen->pdata[i];
        const WireStatement *said = (const WireStatement *)seen->frame->messages[0];
        if (seen->kind != KIND_STATEMENT || strcmp(seen->to, "alpha") != 0 ||
            strcmp(said->seller, "beta") != 0)
            continue;
        beyond.n_items += (guint)said->n_items;
        for (gsize j = 0; j < said->n_items; j++)
            beyond.n_overrun += said->items[j]->is_overrun;
    }
    return beyond;
}

// Nobody refuses what goes beyond a soft quota, and all that does is said to; restarts in between
// change nothing.
static void test_soft_quota(void)
{
    Network *network = network_chain(3);
    network->federation.terms.quota_bits = 1024;
    network->federation.terms.is_quota_soft = TRUE;
    network->federation.accounts.period_s = 60;
    g_autoptr(Stage) stage = stage_new(network);
    const char *restarted[] = {NULL, "beta", PLATFORM, NULL, NULL};
    for (guint i = 0; i < G_N_ELEMENTS(restarted); i++) {
        if (restarted[i]) {
            node_kill(world_find_node(stage->world, restarted[i]));
            node_start(world_find_node(stage->world, restarted[i]), NULL);
            world_run(stage->world, 20 * G_TIME_SPAN_SECOND);
        }
        stage_await_grant(stage, stage_ask(stage, "sae-a", "sae-g", 1, 256));
    }
    world_run(stage->world, 130 * G_TIME_SPAN_SECOND);
    const Beyond beyond = count_beyond(stage);
    g_assert_cmpuint(beyond.n_items, ==, 5);
    g_assert_cmpuint(beyond.n_overrun, ==, 3);
}

// When the next period of a minute begins.
static gint64 next_minute_us(const Stage *stage)
{
    return (world_now(stage->world) / G_TIME_SPAN_MINUTE + 1) * G_TIME_SPAN_MINUTE;
}

// Clocks differ: at its edges, more than one period is now. Each is counted by itself, and none is
// whatever the platform likes.
static void test_the_period_turns(void)
{
    static const struct {
        int period; // beside that in which all was used
        Status expected;
    } cases[] = {{-1, STATUS_QUOTA_USED},
                 {0, STATUS_QUOTA_USED},
                 {1, STATUS_SLOT_USED}, // covered
                 {2, STATUS_SLOT_USED},
                 {3, STATUS_QUOTA_USED}};
    Network *network = network_chain(3);
    network->federation.terms.quota_bits = 1024;
    network->federation.terms.period_s = 60;
    g_autoptr(Stage) stage = stage_new(network);
    gint64 turn_us = next_minute_us(stage);
    stage_await_grant(stage, stage_ask(stage, "sae-a", "sae-g", 1, 256));
    stage_await_grant(stage, stage_ask(stage, "sae-a", "sae-g", 1, 256));
    WireOrder *order = message_copy(&order_to(stage, "beta")->base);
    node_kill(world_find_node(stage->world, PLATFORM));
    world_run(stage->world, turn_us + G_TIME_SPAN_SECOND - world_now(stage->world));
    guint64 used_up = order->period;
    for (guint i = 0; i < 2 * G_N_ELEMENTS(cases); i++) {
        const guint n = i % G_N_ELEMENTS(cases);
        order->period = used_up + (guint64)cases[n].period;
        g_assert_cmpint(answer_to(stage, order, i), ==, cases[n].expected);
        if (i != G_N_ELEMENTS(cases) - 1)
            continue;
        node_kill(world_find_node(stage->world, "beta"));
        node_start(world_find_node(stage->world, "beta"), NULL);
        world_run(stage->world, G_TIME_SPAN_SECOND);
    }
    world_run(stage->world, G_TIME_SPAN_MINUTE);
    order->period = used_up;
    g_assert_cmpint(answer_to(stage, order, 2 * G_N_ELEMENTS(cases)), ==, STATUS_QUOTA_USED);
    wire_free(order);
}

// Of what has no quota, nothing is counted in any period.
static void test_no_period_without_a_quota(void)
{
    Lie lie = lie_new();
    g_assert_cmpuint(lie.order->period, ==, 0);
    lie.order->period = 1;
    const WireOutcome *outcome = outcome_of(lie.stage, lie.order, 1);
    g_assert_cmpint((Status)outcome->status, ==, STATUS_QUOTA_USED);
    g_assert_nonnull(strstr(outcome->text, " has none, expected period 0"));
    lie_clear(&lie);
}

static gboolean loses_what_beta_answers(Stage *stage, const BrokerLeg *leg)
{
    return strcmp(leg->from, "beta") == 0 && leg->kind == KIND_OUTCOME;
}

// Beta does its part, and the platform, which does not hear of it, tries again: both parts were
// used, and who asks for more hears so from the platform, which orders no more.
static void test_both_count_the_same(void)
{
    Network *network = network_chain(3);
    network->federation.terms.quota_bits = 1024;
    g_autoptr(Stage) stage = stage_new(network);
    stage->loses = loses_what_beta_answers;
    const Ask *ask = stage_ask(stage, "sae-a", "sae-g", 1, 256);
    world_run(stage->world, 3500 * G_TIME_SPAN_MILLISECOND);
    stage->loses = NULL;
    stage_await_grant(stage, ask);
    world_run(stage->world, G_TIME_SPAN_SECOND);
    stage_forget(stage);
    ask = stage_ask(stage, "sae-a", "sae-g", 1, 256);
    const WireReply *reply = stage_await_status(stage, ask, STATUS_QUOTA_USED);
    g_assert_nonnull(strstr(reply->text, "0 bits are left of terms-1/alpha/beta"));
    g_assert_null(order_to(stage, "beta"));
}

static gboolean loses_values_and_releases(Stage *stage, const BrokerLeg *leg)
{
    return strcmp(leg->to, "beta") == 0 && (leg->kind == KIND_RELAY || leg->kind == KIND_RELEASE);
}

// Beta relays for gamma, waits in vain for what its own user is to have, and gives up before it is
// told: what it has published was used, whenever it is asked.
static void test_used_by_who_gave_up(void)
{
    Network *network = network_chain(3);
    network->federation.terms.quota_bits = 1024;
    g_autoptr(Stage) stage = stage_new(network);
    char *targets[] = {(char *)"sae-b", (char *)"sae-g"};
    WireRequest request = WIRE_REQUEST_INIT;
    request.initiator = (char *)"sae-a";
    request.n_targets = G_N_ELEMENTS(targets);
    request.targets = targets;
    request.number = 1;
    request.size_bits = 256;
    request.timeout_ms = 3100;
    stage->loses = loses_values_and_releases;
    stage_ask_for(stage, &request);
    world_run(stage->world, 4 * G_TIME_SPAN_SECOND);
    stage->loses = NULL;
    world_run(stage->world, 10 * G_TIME_SPAN_SECOND);
    stage_forget(stage);
    const Ask *ask = stage_ask(stage, "sae-a", "sae-b", 1, 256);
    const WireReply *reply = stage_await_status(stage, ask, STATUS_QUOTA_USED);
    g_assert_nonnull(strstr(reply->text, "0 bits are left of terms-1/alpha/beta"));
    g_assert_null(order_to(stage, "beta"));
}

static gboolean loses_one_release(Stage *stage, const BrokerLeg *leg)
{
    gboolean is_lost =
        leg->kind == KIND_RELEASE && stage->data && strcmp(leg->to, stage->data) == 0;
    if (is_lost)
        stage->data = NULL;
    return is_lost;
}

static FaultyFate fails_once(Stage *stage, const char *agent, FaultyCall call, const char *subject,
                             const char *block_id)
{
    gboolean is_first =
        strcmp(agent, "beta") == 0 && call == FAULTY_RELAY && stage->n_tampered++ == 0;
    return is_first ? FAULTY_FAIL : FAULTY_NOTHING;
}

// Beta fails, and delta, which holds its part of the quota for it, is not told that the attempt is
// over: the next one, by way of gamma, has it all the same.
static void test_held_by_an_earlier_attempt(void)
{
    Network *network = network_diamond();
    network->federation.terms.quota_bits = 512;
    g_autoptr(Stage) stage = stage_new(network);
    stage->loses = loses_one_release;
    stage->data = (gpointer) "delta";
    stage->driver_fate = fails_once;
    const Ask *ask = stage_ask(stage, "sae-a", "sae-d", 1, 256);
    g_assert_cmpuint(stage_await_grant(stage, ask)->attempts, ==, 2);
    g_assert_null(stage->data);
    world_run(stage->world, G_TIME_SPAN_SECOND);
    stage_assert_delivered(stage, ask);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/agreement/lies", test_lies);
    g_test_add_func("/agreement/terms-not-agreed", test_terms_that_were_not_agreed);
    g_test_add_func("/agreement/suspended", test_suspended);
    g_test_add_func("/agreement/another-party", test_another_party);
    g_test_add_func("/agreement/not-accepted", test_not_accepted);
    g_test_add_func("/agreement/quota", test_quota);
    g_test_add_func("/agreement/the-period-turns", test_the_period_turns);
    g_test_add_func("/agreement/soft-quota", test_soft_quota);
    g_test_add_func("/agreement/no-period-without-a-quota", test_no_period_without_a_quota);
    g_test_add_func("/agreement/both-count-the-same", test_both_count_the_same);
    g_test_add_func("/agreement/used-by-who-gave-up", test_used_by_who_gave_up);
    g_test_add_func("/agreement/held-by-an-earlier-attempt", test_held_by_an_earlier_attempt);
    return g_test_run();
}
