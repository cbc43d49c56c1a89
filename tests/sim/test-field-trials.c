// SPDX-License-Identifier: Apache-2.0
//
// Two trials of real networks, again: with the production cores, each node of a network as a
// provider of its own, a session, and an application at both of its ends that fetches all the time.
// What is found is printed beside what was published.

#include "agents/federation/relay.h"
#include "tests/sim/world.h"

#include <string.h>

#define MINUTE_S 60
#define HOUR_S   3600

#define MIB 1048576

#define SESSION "f1e1d000-0000-4000-8000-000000000001"

typedef struct {
    const char *a, *b;
    guint64 rate_bps;
    double initial_mib;
} FieldLink;

// A session between two nodes, and what is seen of it.
typedef struct {
    const char *from, *to; // nodes
    char *initiator, *target;
    guint32 size_bits;
    gint64 pause_us; // between two keys
    WireSessionQos qos;

    World *world;
    gint64 begun_us;
    gint64 ends_us; // when the application stops
    gboolean is_starving;
    GPtrArray *mine; // Fetch, of the initiator
    GPtrArray *theirs;
    guint n_taken_up;    // of `mine`: those whose key the target has asked for
    GArray *left_s;      // double: when the session changed its way
    GPtrArray *paths;    // char *: the ways that it came to
    GPtrArray *statuses; // Fetch: how many keys are ready, each time before one is fetched
} Trial;

// --- what is seen --------------------------------------------------------------------------------

static double elapsed_s(const Trial *trial)
{
    return (double)(world_now(trial->world) - trial->begun_us) / G_USEC_PER_SEC;
}

static char *path_text(const WireEvent *event)
{
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
    for (gsize i = 0; i < event->n_new_path; i++)
        g_strv_builder_add(builder, event->new_path[i]);
    g_auto(GStrv) path = g_strv_builder_end(builder);
    return g_strjoinv(" ", path);
}

// An exhausted link that still makes a little comes back for a single block now and then: a way
// that is taken for less than a minute was none.
static void on_moved(Trial *trial, const WireEvent *event)
{
    double now_s = elapsed_s(trial);
    guint n = trial->left_s->len;
    if (n > 0 && now_s - g_array_index(trial->left_s, double, n - 1) < MINUTE_S)
        g_ptr_array_set_size(trial->paths, (gint)n - 1);
    else
        g_array_append_val(trial->left_s, now_s);
    g_ptr_array_add(trial->paths, path_text(event));
}

static void on_event(Trial *trial, const WireEvent *event)
{
    if (strcmp(event->name, "session.rerouted") == 0)
        on_moved(trial, event);
    else if (strcmp(event->name, "session.degraded") == 0)
        trial->is_starving = TRUE;
}

static void on_publish(gpointer owner, const char *text, GBytes *payload)
{
    Trial *trial = owner;
    Topic topic;
    Refusal refusal;
    gsize n_bytes = 0;
    const guint8 *bytes = g_bytes_get_data(payload, &n_bytes);
    g_assert_true(topic_parse(text, &topic));
    if (trial->begun_us == 0 || topic.kind != KIND_EVENT)
        return;
    g_autoptr(Frame) frame = frame_parse(&topic, bytes, n_bytes, &refusal);
    for (gsize i = 0; frame && i < frame->n_messages; i++)
        on_event(trial, (const WireEvent *)frame->messages[i]);
}

// --- the applications ----------------------------------------------------------------------------

static void open_session(Trial *trial)
{
    WireSessionOpen open = WIRE_SESSION_OPEN_INIT;
    open.session = (char *)SESSION;
    open.initiator = trial->initiator;
    open.n_targets = 1;
    open.targets = &trial->target;
    open.qos = &trial->qos;
    WireSession session = WIRE_SESSION_INIT;
    session.id = (char *)SESSION;
    session.command_case = QKDNF__V1__SESSION__COMMAND_OPEN;
    session.open = &open;
    application_say(world_find_application(trial->world, trial->initiator), KIND_SESSION,
                    &session.base);
}

static void fetch_theirs(Trial *trial)
{
    if (trial->n_taken_up == trial->mine->len)
        return;
    const Fetch *mine = trial->mine->pdata[trial->n_taken_up];
    if (!mine->is_answered || mine->keys->len == 0)
        return;
    const char *ids[] = {((const DeliveredKey *)mine->keys->pdata[0])->id, NULL};
    trial->n_taken_up++;
    g_ptr_array_add(trial->theirs,
                    (gpointer)world_get_keys_by_id(trial->world, trial->to, trial->target,
                                                   trial->initiator, ids));
}

static void fetch(gpointer owner, gpointer data)
{
    Trial *trial = owner;
    KeyQuery query = {
        .caller = {.sae = trial->initiator},
        .targets = (const char *const[]){trial->target, NULL},
        .number = 1,
        .size_bits = trial->size_bits,
        .n_paths = 1,
        .session = SESSION,
    };
    fetch_theirs(trial);
    g_ptr_array_add(trial->statuses, (gpointer)world_key_status(trial->world, trial->from,
                                                                trial->initiator, trial->target));
    g_ptr_array_add(trial->mine, (gpointer)world_get_keys(trial->world, trial->from, &query));
    if (world_now(trial->world) < trial->ends_us && !trial->is_starving)
        agenda_add(trial->world->agenda, world_now(trial->world) + trial->pause_us, fetch, trial,
                   NULL, NULL);
}

// --- the course of it ----------------------------------------------------------------------------

#define FILL_US (60 * G_TIME_SPAN_SECOND)
#define OPEN_US (2 * G_TIME_SPAN_SECOND)

static void trial_begin(Trial *trial, Network *network)
{
    static const WorldHooks hooks = {.broker = {.tap = on_publish}};
    trial->initiator = g_strdup_printf("sae-%s", trial->from);
    trial->target = g_strdup_printf("sae-%s", trial->to);
    network_add_application(network, trial->from, trial->initiator);
    network_add_application(network, trial->to, trial->target);
    trial->mine = g_ptr_array_new();
    trial->theirs = g_ptr_array_new();
    trial->statuses = g_ptr_array_new();
    trial->left_s = g_array_new(FALSE, FALSE, sizeof(double));
    trial->paths = g_ptr_array_new_with_free_func(g_free);
    trial->world = world_new(network, 1, &hooks, trial);
    world_start(trial->world);
    world_run(trial->world, FILL_US);
    trial->begun_us = world_now(trial->world);
    open_session(trial);
    world_run(trial->world, OPEN_US);
}

static void trial_run(Trial *trial, gint64 for_s)
{
    trial->ends_us = world_now(trial->world) + for_s * G_USEC_PER_SEC;
    fetch(trial, NULL);
    world_run(trial->world, for_s * G_USEC_PER_SEC + FILL_US);
}

static void trial_clear(Trial *trial)
{
    world_free(trial->world);
    g_ptr_array_unref(trial->mine);
    g_ptr_array_unref(trial->theirs);
    g_ptr_array_unref(trial->statuses);
    g_array_unref(trial->left_s);
    g_ptr_array_unref(trial->paths);
    g_free(trial->initiator);
    g_free(trial->target);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Trial, trial_clear)

static guint count_failed(const GPtrArray *fetches, guint n)
{
    guint n_failed = 0;
    for (guint i = 0; i < MIN(n, fetches->len); i++) {
        const Fetch *fetch = fetches->pdata[i];
        n_failed += !fetch->is_answered || fetch->keys->len != 1;
    }
    return n_failed;
}

static double left_min(const Trial *trial, guint i)
{
    g_assert_cmpuint(i, <, trial->left_s->len);
    return g_array_index(trial->left_s, double, i) / MINUTE_S;
}

// --- SECOQC --------------------------------------------------------------------------------------

// The rerouting trial of the SECOQC network (M. Peev et al., New J. Phys. 11, 075001, 2009): 8192
// bit/s from FOR to BRT, links left at 2 MiB. The six published stores fit the six links of the
// three routes from FOR to BRT by ERD, in the order in which these were used. Key below the mark is
// not the federation's: a ledger gets what is above. FOR-ERD and ERD-GUD make what was published
// for them. Of BRT-GUD no rate was published: 910 bit/s is fitted to the end of the second route.
// What the other three made can be seen from the first and the third route, which lasted as long as
// stores that nobody fills: nothing to speak of.
#define SECOQC_MARK_MIB   2
#define SECOQC_UNFED_BPS  2
#define SECOQC_FITTED_BPS 910

#define SECOQC_BLOCK_BYTES 4096

static const FieldLink secoqc_links[] = {
    {"erd", "for", 17000, 12},
    {"brt", "erd", SECOQC_UNFED_BPS, 5.5},
    {"erd", "gud", 8000, 6.6},
    {"brt", "gud", SECOQC_FITTED_BPS, 6},
    {"erd", "sie", SECOQC_UNFED_BPS, 3.8},
    {"brt", "sie", SECOQC_UNFED_BPS, 4.9},
};

static void set_border(const Network *network, const char *id, const char *peer)
{
    SimBorder *border = site_find_border(network_find_site(network, id), peer);
    border->block_bytes = SECOQC_BLOCK_BYTES;
    border->store_bytes = 16 * MIB;
}

static Network *network_of(const char *const *nodes, const FieldLink *links, gsize n_links,
                           guint64 high_slots)
{
    Network *network = network_new();
    for (; *nodes; nodes++)
        network_add_site(network, *nodes)->config.ledger.high_slots = high_slots;
    for (gsize i = 0; i < n_links; i++)
        network_add_border(network, links[i].a, links[i].b, links[i].rate_bps,
                           (guint64)(links[i].initial_mib * MIB / SLOT_BYTES));
    return network;
}

static Network *network_secoqc(void)
{
    static const char *const nodes[] = {"for", "erd", "gud", "sie", "brt", NULL};
    FieldLink links[G_N_ELEMENTS(secoqc_links)];
    for (gsize i = 0; i < G_N_ELEMENTS(links); i++) {
        links[i] = secoqc_links[i];
        links[i].initial_mib -= SECOQC_MARK_MIB;
    }
    Network *network = network_of(nodes, links, G_N_ELEMENTS(links), 16 * MIB / SLOT_BYTES);
    for (gsize i = 0; i < G_N_ELEMENTS(links); i++) {
        set_border(network, links[i].a, links[i].b);
        set_border(network, links[i].b, links[i].a);
    }
    return network;
}

// The buffer is made half a minute before it is used, the key that authenticates each block costs
// 0.4 % more, and what was published is read off a figure, to the minute.
#define SECOQC_TOLERANCE_MIN 2

static void test_secoqc(void)
{
    static const double published_min[] = {60, 144, 175};
    static const char *const paths[] = {"for erd brt", "for erd gud brt", "for erd sie brt"};
    g_auto(Trial) trial = {.from = "for", .to = "brt", .size_bits = 8192};
    trial.pause_us = G_USEC_PER_SEC;
    // It lives off the stores: what it takes is more than any link could promise.
    trial.qos = (WireSessionQos)WIRE_SESSION_QOS_INIT;
    trial.qos.rate_bps = 1;
    trial.qos.size_bits = trial.size_bits;
    trial.qos.buffer = 32;
    trial_begin(&trial, network_secoqc());
    trial_run(&trial, 4 * HOUR_S);
    g_test_message("SECOQC, 8192 bit/s from FOR to BRT; BRT-GUD: %d bit/s, fitted",
                   SECOQC_FITTED_BPS);
    g_test_message("route            | until min, published | here");
    for (guint i = 0; i < G_N_ELEMENTS(paths); i++)
        g_test_message("%-16s | %20.0f | %4.1f", paths[i], published_min[i], left_min(&trial, i));
    for (guint i = 0; i < G_N_ELEMENTS(paths); i++)
        g_assert_cmpfloat_with_epsilon(left_min(&trial, i), published_min[i], SECOQC_TOLERANCE_MIN);
    g_assert_cmpstr(trial.paths->pdata[0], ==, paths[1]);
    g_assert_cmpstr(trial.paths->pdata[1], ==, paths[2]);
    // The third was the last: until its end no request failed at either end.
    g_assert_true(trial.is_starving);
    guint n_served = (guint)(left_min(&trial, 2) * MINUTE_S);
    g_test_message("%u requests until then, of which failed: %u", n_served,
                   count_failed(trial.mine, n_served));
    g_assert_cmpuint(count_failed(trial.mine, n_served), ==, 0);
    g_assert_cmpuint(count_failed(trial.theirs, n_served), ==, 0);
}

// --- Cambridge -----------------------------------------------------------------------------------

// The key store of the Cambridge network (J. F. Dynes et al., npj Quantum Inf. 5, 101, 2019): 1000
// keys, filled up again from 800, half a key a second; no request failed through the outage of a
// link. Here the store is the buffer of a session. It is filled up as soon as a block of keys has
// room in it, and a block is as many keys as a request may ask for: with 200 it would be from 800
// on, with the 128 that may be it is from 872.
#define CAMBRIDGE_STORE  1000
#define CAMBRIDGE_REFILL 800

#define OUTAGE_AT_S  HOUR_S
#define OUTAGE_FOR_S (2 * HOUR_S)

static Network *network_cambridge(void)
{
    static const char *const nodes[] = {"cape", "engi", "trel", NULL};
    static const FieldLink links[] = {
        {"cape", "trel", 2580000, 0}, {"engi", "trel", 2400000, 0}, {"cape", "engi", 2220000, 0}};
    Network *network = network_of(nodes, links, G_N_ELEMENTS(links), 2 * CAMBRIDGE_STORE);
    SimFault *fault = g_new(SimFault, 1);
    *fault = (SimFault){OUTAGE_AT_S, OUTAGE_FOR_S, DRIVER_SCOPE_BORDER, (char *)"cape-trel",
                        (char *)"cut"};
    g_ptr_array_add(network_find_site(network, "cape")->qkdn.faults, fault);
    return network;
}

// The levels of the store once it has been full.
static void find_levels(const Trial *trial, guint64 *ret_least, guint64 *ret_most)
{
    *ret_least = G_MAXUINT64;
    *ret_most = 0;
    for (guint i = 0; i < trial->statuses->len; i++) {
        const Fetch *status = trial->statuses->pdata[i];
        g_assert_true(status->is_answered);
        *ret_most = MAX(*ret_most, status->n_stored);
        if (*ret_most >= CAMBRIDGE_STORE)
            *ret_least = MIN(*ret_least, status->n_stored);
    }
}

static void print_cambridge(const Trial *trial, guint64 least, guint64 most, guint n_failed)
{
    g_test_message("Cambridge, 0.5 keys a second, CAPE-TREL cut for %d h", OUTAGE_FOR_S / HOUR_S);
    g_test_message("                        | published | here");
    g_test_message("keys in the store, most | %9d | %4" G_GUINT64_FORMAT, CAMBRIDGE_STORE, most);
    g_test_message("filled up again from    | %9d | %4" G_GUINT64_FORMAT, CAMBRIDGE_REFILL, least);
    g_test_message("requests that failed    | %9d | %4u of %u", 0, n_failed,
                   trial->mine->len + trial->theirs->len);
}

static void test_cambridge(void)
{
    g_auto(Trial) trial = {.from = "cape", .to = "trel", .size_bits = 256};
    trial.pause_us = 2 * G_USEC_PER_SEC;
    trial.qos = (WireSessionQos)WIRE_SESSION_QOS_INIT;
    trial.qos.rate_bps = 128;
    trial.qos.size_bits = trial.size_bits;
    trial.qos.buffer = CAMBRIDGE_STORE;
    trial_begin(&trial, network_cambridge());
    trial_run(&trial, 4 * HOUR_S);
    guint n_failed =
        count_failed(trial.mine, trial.mine->len) + count_failed(trial.theirs, trial.theirs->len);
    guint64 least, most;
    find_levels(&trial, &least, &most);
    print_cambridge(&trial, least, most, n_failed);
    g_assert_cmpuint(n_failed, ==, 0);
    g_assert_cmpuint(trial.mine->len, >=, 4 * HOUR_S / 2);
    g_assert_cmpuint(trial.theirs->len + 2, >=, trial.mine->len);
    g_assert_cmpuint(most, ==, CAMBRIDGE_STORE);
    g_assert_cmpuint(least, >=, CAMBRIDGE_REFILL);
    // By the third node through the outage, and back.
    g_assert_cmpuint(trial.paths->len, ==, 2);
    g_assert_cmpstr(trial.paths->pdata[0], ==, "cape engi trel");
    g_assert_cmpstr(trial.paths->pdata[1], ==, "cape trel");
    g_assert_cmpfloat_with_epsilon(left_min(&trial, 1) - left_min(&trial, 0),
                                   (double)OUTAGE_FOR_S / MINUTE_S, 1);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/field-trials/secoqc", test_secoqc);
    g_test_add_func("/field-trials/cambridge", test_cambridge);
    return g_test_run();
}
