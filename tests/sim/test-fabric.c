// SPDX-License-Identifier: Apache-2.0
//
// The cores together, where nothing goes wrong: keys within a provider and across several, to one
// target and to several, over one path and over disjoint ones; and what is refused.

#include "tests/sim/stage.h"

#include <string.h>

static const char *const last_sae[] = {"", "sae-a2", "sae-b", "sae-g", "sae-d"};

static void test_key_across(gconstpointer data)
{
    guint n_sites = GPOINTER_TO_UINT(data);
    g_autoptr(Stage) stage = stage_chain(n_sites);
    const Ask *ask = stage_ask(stage, "sae-a", last_sae[n_sites], 2, 256);
    const WireReply *reply = stage_await_grant(stage, ask);
    g_assert_cmpuint(reply->n_key_ids, ==, 2);
    g_assert_cmpuint(reply->size_bits, ==, 256);
    g_assert_cmpuint(reply->n_paths, ==, 1);
    g_assert_cmpuint(reply->paths[0]->n_providers, ==, n_sites);
    g_assert_cmpuint(reply->n_deliveries, ==, 2);
    g_assert_cmpstr(reply->deliveries[0]->provider, ==, "alpha");
    g_assert_cmpstr(reply->deliveries[1]->provider, ==, stage_home(stage, last_sae[n_sites]));
    stage_assert_delivered(stage, ask);
}

// request → order → relay → outcome → reply, one after another, however many providers there are.
static guint count_hops(guint n_sites)
{
    g_autoptr(Stage) stage = stage_chain(n_sites);
    const Ask *ask = stage_ask(stage, "sae-a", last_sae[n_sites], 1, 256);
    stage_await_grant(stage, ask);
    gint64 took_us = world_now(stage->world) - ask->asked_at_us;
    g_assert_cmpint(took_us % WORLD_HOP_US, ==, 0);
    g_assert_cmpuint(stage_count(stage, KIND_REQUEST), ==, 1);
    g_assert_cmpuint(stage_count(stage, KIND_ORDER), ==, n_sites);
    g_assert_cmpuint(stage_count(stage, KIND_RELAY), ==, n_sites - 1);
    g_assert_cmpuint(stage_count(stage, KIND_OUTCOME), >=, n_sites);
    g_assert_cmpuint(stage_count(stage, KIND_REPLY), ==, 1);
    return (guint)(took_us / WORLD_HOP_US);
}

static void test_hops_do_not_grow(void)
{
    for (guint n_sites = 2; n_sites <= 4; n_sites++)
        g_assert_cmpuint(count_hops(n_sites), ==, 5);
}

static WireRequest make_request(const char *const *targets, gsize n_targets)
{
    WireRequest request = WIRE_REQUEST_INIT;
    request.initiator = (char *)"sae-a";
    request.targets = (char **)targets;
    request.n_targets = n_targets;
    request.number = 2;
    request.size_bits = 128;
    return request;
}

static void assert_no_slot_twice(const Stage *stage);

static void test_several_targets(void)
{
    static const char *const everywhere[] = {"sae-d", "sae-g", "sae-b", "sae-a2", "sae-d2"};
    g_autoptr(Stage) stage = stage_chain(4);
    WireRequest request = make_request(everywhere, G_N_ELEMENTS(everywhere));
    const Ask *ask = stage_ask_for(stage, &request);
    const WireReply *reply = stage_await_grant(stage, ask);
    g_assert_cmpuint(reply->n_paths, ==, G_N_ELEMENTS(everywhere));
    g_assert_cmpuint(reply->n_deliveries, ==, 1 + G_N_ELEMENTS(everywhere));
    assert_no_slot_twice(stage);
    stage_assert_delivered(stage, ask);
}

// Each branch has slots of its own; both ends of a link are told the same.
static void assert_no_slot_twice(const Stage *stage)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = 0; i < stage->seen->len; i++) {
        const Seen *one = stage->seen->pdata[i];
        for (gsize j = 0; one->kind == KIND_ORDER && j < one->frame->n_messages; j++) {
            const WireOrder *order = (const WireOrder *)one->frame->messages[j];
            for (gsize k = 0; k < order->n_branches; k++) {
                const WireSlotRange *egress = order->branches[k]->egress;
                for (guint slot = 0; egress && slot < egress->n_slots; slot++)
                    g_assert_true(g_hash_table_add(seen, g_strdup_printf("%s %" G_GUINT64_FORMAT,
                                                                         egress->link,
                                                                         egress->first + slot)));
            }
        }
    }
}

static void test_disjoint_paths(void)
{
    static const char *const target[] = {"sae-d"};
    g_autoptr(Stage) stage = stage_diamond();
    WireRequest request = make_request(target, 1);
    request.paths = 2;
    const Ask *ask = stage_ask_for(stage, &request);
    const WireReply *reply = stage_await_grant(stage, ask);
    g_assert_cmpuint(reply->n_paths, ==, 2);
    g_assert_cmpstr(reply->paths[0]->providers[1], !=, reply->paths[1]->providers[1]);
    stage_assert_delivered(stage, ask);
}

static void test_no_disjoint_paths(void)
{
    static const char *const target[] = {"sae-d"};
    g_autoptr(Stage) stage = stage_diamond();
    WireRequest request = make_request(target, 1);
    request.paths = 3;
    stage_await_status(stage, stage_ask_for(stage, &request), STATUS_NO_DISJOINT_PATHS);
    request.paths = 2;
    request.n_exclude = 1;
    request.exclude = (char *[]){(char *)"beta"};
    stage_await_status(stage, stage_ask_for(stage, &request), STATUS_NO_DISJOINT_PATHS);
}

static void test_exclude(void)
{
    static const char *const target[] = {"sae-d"}, *const transits[] = {"beta", "gamma"};
    g_autoptr(Stage) stage = stage_diamond();
    WireRequest request = make_request(target, 1);
    request.n_exclude = 1;
    for (guint i = 0; i < 2; i++) {
        request.exclude = (char *[]){(char *)transits[i]};
        const Ask *ask = stage_ask_for(stage, &request);
        const WireReply *reply = stage_await_grant(stage, ask);
        g_assert_cmpstr(reply->paths[0]->providers[1], ==, transits[1 - i]);
        stage_assert_delivered(stage, ask);
    }
    request.n_exclude = 2;
    request.exclude = (char **)transits;
    stage_await_status(stage, stage_ask_for(stage, &request), STATUS_NO_ROUTE);
}

static void expect(Stage *stage, const WireRequest *request, Status status)
{
    stage_await_status(stage, stage_ask_for(stage, request), status);
}

static void test_bad_requests(void)
{
    static const char *const unknown[] = {"sae-x"}, *const self[] = {"sae-a"},
                             *const twice[] = {"sae-b", "sae-b"}, *const good[] = {"sae-b"};
    g_autoptr(Stage) stage = stage_chain(2);
    WireRequest request = make_request(unknown, 1);
    expect(stage, &request, STATUS_UNKNOWN_SAE);
    request = make_request(self, 1);
    expect(stage, &request, STATUS_BAD_REQUEST);
    request = make_request(twice, 2);
    expect(stage, &request, STATUS_BAD_REQUEST);
    request = make_request(good, 0);
    expect(stage, &request, STATUS_BAD_REQUEST);
    static const guint sizes[] = {0, 7, 257, 8200};
    for (gsize i = 0; i < G_N_ELEMENTS(sizes); i++) {
        request = make_request(good, 1);
        request.size_bits = sizes[i];
        expect(stage, &request, STATUS_BAD_REQUEST);
    }
    static const guint numbers[] = {0, 129};
    for (gsize i = 0; i < G_N_ELEMENTS(numbers); i++) {
        request = make_request(good, 1);
        request.number = numbers[i];
        expect(stage, &request, STATUS_BAD_REQUEST);
    }
    request = make_request(good, 1);
    request.timeout_ms = 60001;
    expect(stage, &request, STATUS_BAD_REQUEST);
    request = make_request(good, 1);
    request.n_exclude = 1;
    request.exclude = (char *[]){(char *)"nobody"};
    expect(stage, &request, STATUS_UNKNOWN_MEMBER);
}

static void test_same_request_again(void)
{
    g_autoptr(Stage) stage = stage_chain(3);
    Application *application = world_find_application(stage->world, "sae-a");
    Ask *ask = stage_ask(stage, "sae-a", "sae-g", 1, 256);
    application_repeat(application, ask); // before it is answered
    stage_await_grant(stage, ask);
    for (guint i = 0; i < 3; i++) {
        application_repeat(application, ask); // and after
        world_run(stage->world, G_TIME_SPAN_SECOND);
    }
    g_assert_cmpuint(ask->replies->len, ==, 4);
    g_autoptr(GBytes) first = message_pack(ask->replies->pdata[0]);
    for (guint i = 1; i < ask->replies->len; i++) {
        g_autoptr(GBytes) other = message_pack(ask->replies->pdata[i]);
        g_assert_true(g_bytes_equal(first, other));
    }
    stage_assert_delivered(stage, ask);
}

// Someone else may neither ask for an application nor see what it was answered.
static void test_not_for_others(void)
{
    static const char *const target[] = {"sae-b"};
    g_autoptr(Stage) stage = stage_chain(2);
    Application *other = world_find_application(stage->world, "sae-a2");
    WireRequest request = make_request(target, 1);
    request.timeout_ms = 5000;
    stage_await_status(stage, application_ask(other, &request), STATUS_NOT_ALLOWED);
    const Ask *ask = stage_ask(stage, "sae-a", "sae-b", 1, 256);
    stage_await_grant(stage, ask);
    stage_forget(stage);
    application_repeat(other, ask);
    world_run(stage->world, G_TIME_SPAN_SECOND);
    g_assert_cmpuint(stage_count(stage, KIND_REPLY), ==, 0);
}

// No end keeps more keys of a pair than its agent says it does: neither one after another, nor all
// at once, nor where only the other end has a limit.
static void test_stored_keys_are_limited(gconstpointer data)
{
    const char *agent = data;
    Network *network = network_chain(2);
    network_find_site(network, agent)->config.limits.max_keys_stored = 10;
    g_autoptr(Stage) stage = stage_new(network);
    const char *target = strcmp(agent, "alpha") == 0 ? "sae-a2" : "sae-b";
    Ask *asks[12];
    for (gsize i = 0; i < G_N_ELEMENTS(asks); i++) {
        asks[i] = stage_ask(stage, "sae-a", target, 3, 256);
        if (i >= 6)
            stage_await(stage, asks[i]);
    }
    Ask *granted = NULL;
    guint n_granted = 0;
    for (gsize i = 0; i < G_N_ELEMENTS(asks); i++) {
        if (stage_await(stage, asks[i])->status == STATUS_OK) {
            granted = asks[i];
            n_granted++;
        } else {
            stage_await_status(stage, asks[i], STATUS_BUSY);
        }
    }
    g_assert_cmpuint(n_granted, ==, 3);
    world_run(stage->world, G_TIME_SPAN_SECOND);
    stage_assert_delivered(stage, granted);
    stage_await_grant(stage, stage_ask(stage, "sae-a", target, 3, 256));
}

static void find_largest(gpointer data, GBytes *key, GBytes *value)
{
    gsize *largest = data;
    *largest = MAX(*largest, g_bytes_get_size(value));
}

// Of the records of the orders that an agent has on its disk.
static gsize largest_order(const Stage *stage, const char *agent)
{
    gsize largest = 0;
    g_autoptr(Store) store = store_new_memory(world_find_node(stage->world, agent)->disk);
    g_assert_true(store_load(store, "order", find_largest, &largest, NULL));
    return largest;
}

// What was published is kept while somebody can miss it, and not for as long as the answer.
static void test_large_values_are_let_go(void)
{
    g_autoptr(Stage) stage = stage_chain(3);
    const Ask *ask = stage_ask(stage, "sae-a", "sae-g", 8, 8192);
    stage_await_grant(stage, ask);
    g_assert_cmpuint(largest_order(stage, "beta"), >, 8192);
    world_run(stage->world, G_TIME_SPAN_SECOND);
    g_assert_cmpuint(largest_order(stage, "alpha"), <, 1024);
    world_run(stage->world, 10 * G_TIME_SPAN_SECOND);
    g_assert_cmpuint(largest_order(stage, "beta"), <, 1024);
    g_assert_cmpuint(largest_order(stage, "beta"), >, 0);
    stage_assert_delivered(stage, ask);
    world_run(stage->world, 4 * G_TIME_SPAN_MINUTE);
    g_assert_cmpuint(largest_order(stage, "beta"), ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint n = 1; n <= 4; n++) {
        g_autofree char *path = g_strdup_printf("/fabric/across-%u", n);
        g_test_add_data_func(path, GUINT_TO_POINTER(n), test_key_across);
    }
    g_test_add_func("/fabric/hops-do-not-grow", test_hops_do_not_grow);
    g_test_add_func("/fabric/several-targets", test_several_targets);
    g_test_add_func("/fabric/disjoint-paths", test_disjoint_paths);
    g_test_add_func("/fabric/no-disjoint-paths", test_no_disjoint_paths);
    g_test_add_func("/fabric/exclude", test_exclude);
    g_test_add_func("/fabric/large-values-are-let-go", test_large_values_are_let_go);
    g_test_add_func("/fabric/bad-requests", test_bad_requests);
    g_test_add_func("/fabric/same-request-again", test_same_request_again);
    g_test_add_func("/fabric/not-for-others", test_not_for_others);
    g_test_add_data_func("/fabric/stored-keys-are-limited-at-home", "alpha",
                         test_stored_keys_are_limited);
    g_test_add_data_func("/fabric/stored-keys-are-limited-at-the-target", "beta",
                         test_stored_keys_are_limited);
    return g_test_run();
}
