// SPDX-License-Identifier: Apache-2.0

#include "tests/sim/trial.h"

#include "tests/sim/money.h"
#include "tests/sim/moves.h"
#include "tests/sim/streams.h"
#include "tests/sim/witness.h"
#include "tests/sim/workload.h"
#include "tools/qkdnf/tap-line.h"

#include <stdio.h>
#include <string.h>

#define SECOND ((gint64)G_TIME_SPAN_SECOND)

// After the end of all misfortune: the longest deadlines pass; late copies arrive; then everyone
// gets keys again within this time.
#define HEAL_US  (35 * SECOND)
#define PROOF_US (15 * SECOND)
// With the proof, the buyer's word is waited for, and a period closes.
#define SETTLE_US (5 * SECOND)

#define CALL_US (11 * SECOND)

#define PAIRS_MAX 12

// Federations that run without authentication.
#define PLAIN_PERCENT 25

const char *const deed_names[N_DEEDS] = {
    [DEED_MOVED] = "handovers released",
    [DEED_FALLEN_BACK] = "handovers fallen back",
    [DEED_REFUSED] = "handovers refused",
    [DEED_CAME] = "unannounced visits",
    [DEED_SUSPENDED] = "suspensions",
    [DEED_WITHDRAWN] = "withdrawals",
    [DEED_TWO_TARGETS] = "sessions with two targets",
    [DEED_PAID] = "minor units in nettings",
};

typedef struct {
    const Trial *trial;
    World *world;
    Witness *witness;
    Misfortune *misfortune;
    Workload *workload;
    Streams *streams;
    Operator *operator;
    Moves *moves;
    Application *monitor;
    GChecksum *digest;
} Run;

// --- the federation
// -------------------------------------------------------------------------------

#define SITES_MIN 2
#define SITES_MAX 6

static const char *const site_names[SITES_MAX] = {"alpha", "beta",    "gamma",
                                                  "delta", "epsilon", "zeta"};

static void add_site(Network *network, Dice *dice, const char *id)
{
    Site *site = network_add_site(network, id);
    site->config.ledger.high_slots = (guint64)dice_between(dice, 64, 400);
    site->config.ledger.low_percent = (guint64)dice_between(dice, 30, 100);
    guint n_applications = (guint)dice_between(dice, 1, 3);
    for (guint i = 0; i < n_applications; i++) {
        g_autofree char *sae = g_strdup_printf("sae-%s-%u", id, i);
        network_add_application(network, id, sae);
    }
}

static void add_border(Network *network, Dice *dice, const char *a, const char *b)
{
    if (site_find_border(network_find_site(network, a), b))
        return;
    // One draw a statement: compilers differ in the order of arguments.
    guint64 rate_bps = (guint64)dice_between(dice, 100000, 2000000);
    guint64 initial_slots = (guint64)dice_between(dice, 0, 600);
    network_add_border(network, a, b, rate_bps, initial_slots);
}

static void add_operator(Network *network)
{
    static char *operators[] = {(char *)OPERATOR_ID, NULL};
    network->federation.operators = operators;
    for (guint i = 0; i < network->sites->len; i++)
        ((Site *)network->sites->pdata[i])->config.operators = operators;
}

// Everyone can be reached, often in several ways.
static Network *network_random(Dice *dice)
{
    Network *network = network_new();
    guint n_sites = (guint)dice_between(dice, SITES_MIN, SITES_MAX);
    for (guint i = 0; i < n_sites; i++)
        add_site(network, dice, site_names[i]);
    for (guint i = 1; i < n_sites; i++)
        add_border(network, dice, site_names[i], site_names[dice_below(dice, i)]);
    for (guint n_more = (guint)dice_below(dice, n_sites + 1); n_more > 0; n_more--) {
        guint a = (guint)dice_below(dice, n_sites), b = (guint)dice_below(dice, n_sites);
        if (a != b)
            add_border(network, dice, site_names[a], site_names[b]);
    }
    network->federation.attempt_ms = (guint64)dice_between(dice, 800, 4000);
    network->federation.stale_ms = (guint64)dice_between(dice, 5000, 30000);
    money_set_prices(&network->federation.accounts);
    add_operator(network);
    return network;
}

// --- what is seen
// ---------------------------------------------------------------------------------

static void print_time(const Run *run)
{
    printf("%12.6f ", (double)(world_now(run->world) - WORLD_START_US) / G_USEC_PER_SEC);
}

static void say(gpointer owner, const char *text)
{
    const Run *run = owner;
    if (!run->trial->is_traced)
        return;
    print_time(run);
    printf("*** %s\n", text);
}

static void trace(const Run *run, const char *topic, const guint8 *bytes, gsize n_bytes)
{
    json_t *publish = decode_publish(topic, bytes, n_bytes);
    g_autofree char *lines = tap_line_format(publish, FALSE);
    json_decref(publish);
    print_time(run);
    printf("%s", lines);
}

static void on_publish(gpointer owner, const char *topic, GBytes *payload)
{
    Run *run = owner;
    gsize n_bytes = 0;
    const guint8 *bytes = g_bytes_get_data(payload, &n_bytes);
    gint64 now_us = world_now(run->world);
    g_checksum_update(run->digest, (const guchar *)&now_us, sizeof now_us);
    g_checksum_update(run->digest, (const guchar *)topic, (gssize)strlen(topic));
    g_checksum_update(run->digest, bytes, (gssize)n_bytes);
    if (run->trial->is_traced)
        trace(run, topic, bytes, n_bytes);
    witness_on_publish(run->witness, topic, payload);
}

static void on_received(gpointer owner, const BrokerReceipt *receipt)
{
    const Run *run = owner;
    if (run->world->hooks.is_authenticated)
        witness_on_received(run->witness, receipt);
    if (!run->trial->is_traced || receipt->refusal == REFUSAL_NONE)
        return;
    print_time(run);
    printf("  %s refuses %s: %s\n", receipt->id, receipt->topic, refusal_name(receipt->refusal));
}

static GBytes *on_tamper(gpointer owner, const char *topic, GBytes *payload)
{
    return misfortune_tamper(((Run *)owner)->misfortune, topic, payload);
}

static void on_fate(gpointer owner, const BrokerLeg *leg, GArray *delays)
{
    misfortune_fate(((Run *)owner)->misfortune, leg, delays);
}

static FaultyFate on_driver_call(gpointer owner, const char *agent, FaultyCall call,
                                 const char *subject, const char *block_id)
{
    Run *run = owner;
    gboolean is_known = block_id && witness_knows_block(run->witness, agent, block_id);
    return misfortune_driver(run->misfortune, agent, call, block_id, is_known);
}

static void on_given(gpointer owner, const char *agent, const char *border,
                     const DriverBlock *block)
{
    witness_on_block(((Run *)owner)->witness, agent, block);
}

static Driver *wrap_driver(gpointer owner, Node *node, Driver *driver)
{
    static const FaultyOps ops = {on_driver_call, on_given};
    return driver_faulty_new(driver, node->id, &ops, owner);
}

static void on_fetched(gpointer owner, const Fetch *fetch)
{
    const Run *run = owner;
    if (run->trial->is_traced) {
        print_time(run);
        printf("  %s fetches at %s: %s, %u keys\n", fetch->caller, fetch->node->id,
               fetch->message ? fetch->message : "", fetch->keys->len);
    }
    witness_on_fetched(run->witness, fetch);
}

// --- the course of it
// -----------------------------------------------------------------------------

// What the platform has netted; it may be down.
static void watch_money(const Run *run)
{
    gconstpointer federation = world_find_node(run->world, PLATFORM)->core;
    if (federation)
        witness_on_nettings(run->witness, federation);
}

static gboolean is_over(gpointer data)
{
    const Run *run = data;
    watch_money(run);
    guint64 n_steps = agenda_n_steps(run->world->agenda);
    return witness_failure(run->witness) ||
           (run->trial->max_steps > 0 && n_steps >= run->trial->max_steps);
}

// FALSE when the run is over before.
static gboolean run_for(Run *run, gint64 for_us)
{
    return !world_run_until(run->world, is_over, run, for_us);
}

// Whoever asks a KME that lives on is answered, at the latest when that has lost its patience.
static void check_fetches(Run *run)
{
    for (guint i = 0; i < run->world->fetches->len; i++) {
        const Fetch *fetch = run->world->fetches->pdata[i];
        gboolean is_due = fetch->called_at_us + CALL_US < world_now(run->world);
        if (is_due && !fetch->is_answered && fetch->life == fetch->node->life && fetch->life > 0)
            witness_fail(run->witness, "%s asked %s and was never answered", fetch->caller,
                         fetch->node->id);
    }
}

static void say_again(Run *run, const char *from, const ProtobufCMessage *message)
{
    World *world = run->world;
    for (guint i = 0; i < world->nodes->len; i++) {
        Node *node = world->nodes->pdata[i];
        if (strcmp(node->id, from) != 0)
            continue;
        outbox_add(node->ops->core->outbox(node->core), KIND_REQUEST, PLATFORM, message);
        node_wake(node);
        return;
    }
    application_say(world_find_application(world, from), KIND_REQUEST, message);
}

// As whoever asked would, had it not given up.
static void ask_again(gpointer data, const char *text, GBytes *payload)
{
    Topic topic;
    Refusal refusal;
    gsize n_bytes = 0;
    const guint8 *bytes = g_bytes_get_data(payload, &n_bytes);
    g_assert_true(topic_parse(text, &topic));
    g_autoptr(Frame) frame = frame_parse(&topic, bytes, n_bytes, &refusal);
    for (gsize i = 0; i < frame->n_messages; i++)
        say_again(data, topic.from, frame->messages[i]);
}

// Who has missed the platform's last start hears of it with the first question, and is heard itself
// with the next.
static gboolean ask_twice(Run *run)
{
    witness_for_each_unanswered(run->witness, ask_again, run);
    if (!run_for(run, 2 * SECOND))
        return FALSE;
    witness_for_each_unanswered(run->witness, ask_again, run);
    return TRUE;
}

static void prove(Run *run)
{
    if (!ask_twice(run))
        return;
    witness_expect_accounts(run->witness);
    workload_fetch_all(run->workload);
    workload_ask_all(run->workload, PAIRS_MAX);
    streams_expect_keys(run->streams);
    if (!run_for(run, PROOF_US))
        return;
    gboolean is_poisoned = misfortune_counts(run->misfortune)[FAULT_DRIVER_LIES] > 0;
    g_autofree char *unserved = workload_find_unserved(run->workload, is_poisoned);
    if (unserved)
        witness_fail(run->witness, "after the end of all faults: %s", unserved);
    g_autofree char *dry = is_poisoned ? NULL : streams_find_unserved(run->streams);
    if (dry)
        witness_fail(run->witness, "after the end of all faults: %s", dry);
    witness_check_sessions(run->witness, run->world->fetches);
    check_fetches(run);
    witness_conclude(run->witness);
}

static void run_through(Run *run, Dice *dice)
{
    gint64 lasts_us = dice_between(dice, 8, 40) * SECOND;
    world_start(run->world);
    application_connect(run->monitor);
    if (dice_chance(dice, 60) && !run_for(run, 2 * SECOND))
        return;
    misfortune_begin(run->misfortune, run->world);
    workload_begin(run->workload, world_now(run->world) + lasts_us);
    streams_begin(run->streams, world_now(run->world) + lasts_us);
    operator_begin(run->operator, world_now(run->world) + lasts_us);
    moves_begin(run->moves, world_now(run->world) + lasts_us);
    if (!run_for(run, lasts_us))
        return;
    misfortune_end(run->misfortune);
    if (!run_for(run, HEAL_US - SETTLE_US))
        return;
    witness_expect_batches(run->witness);
    if (run_for(run, SETTLE_US))
        prove(run);
}

static void count_deeds(const Run *run, guint64 n_deeds[N_DEEDS])
{
    n_deeds[DEED_MOVED] = witness_n_handovers(run->witness, HANDOVER(RELEASED));
    n_deeds[DEED_FALLEN_BACK] = witness_n_handovers(run->witness, HANDOVER(FALLEN_BACK));
    n_deeds[DEED_REFUSED] = witness_n_handovers(run->witness, HANDOVER(REFUSED));
    n_deeds[DEED_CAME] = moves_n_came(run->moves);
    n_deeds[DEED_SUSPENDED] = operator_n_suspended(run->operator);
    n_deeds[DEED_WITHDRAWN] = operator_n_withdrawn(run->operator);
    n_deeds[DEED_TWO_TARGETS] = streams_n_of_two(run->streams);
    n_deeds[DEED_PAID] = witness_n_minor(run->witness);
}

static TrialResult result_of(const Run *run)
{
    TrialResult result = {
        .failure = g_strdup(witness_failure(run->witness)),
        .n_steps = agenda_n_steps(run->world->agenda),
        .virtual_us = world_now(run->world) - WORLD_START_US,
        .n_asked = workload_n_asked(run->workload),
        .n_granted = witness_n_granted(run->witness),
        .n_delivered = witness_n_delivered(run->witness),
        .faults = g_ptr_array_ref(misfortune_faults(run->misfortune)),
        .n_sessions = streams_n_opened(run->streams),
        .n_session_keys = streams_n_keys(run->streams),
        .digest = g_strdup(g_checksum_get_string(run->digest)),
    };
    count_deeds(run, result.n_deeds);
    memcpy(result.n_faults, misfortune_counts(run->misfortune), sizeof result.n_faults);
    return result;
}

// It hears what nobody else listens to.
static Application *monitor_new(Run *run)
{
    const World *world = run->world;
    Application *monitor = application_new(world->agenda, world->broker, "monitor", ROLE_MONITOR,
                                           run->trial->seed, world->hooks.is_authenticated);
    monitor->received = on_received;
    monitor->owner = run;
    return monitor;
}

TrialResult trial_run(const Trial *trial)
{
    WorldHooks hooks = {{on_publish, on_tamper, on_fate}, wrap_driver, on_received, TRUE};
    Dice dice = dice_make(dice_fork(trial->seed, "trial"));
    Run run = {.trial = trial};
    // Without, what only a member could do reaches the cores by chance: a changed value, a frame
    // that comes twice.
    Dice coin = dice_make(dice_fork(trial->seed, "authentication"));
    hooks.is_authenticated = !dice_chance(&coin, PLAIN_PERCENT);
    Network *network = network_random(&dice);
    moves_prepare(network, trial->seed);
    run.world = world_new(network, trial->seed, &hooks, &run);
    run.world->on_fetched = on_fetched;
    for (guint i = 0; i < run.world->nodes->len; i++)
        ((Node *)run.world->nodes->pdata[i])->breach = trial->breach;
    run.witness = witness_new();
    run.misfortune = misfortune_new(trial->seed, trial->only, say, &run);
    run.workload = workload_new(trial->seed, run.world);
    run.streams = streams_new(trial->seed, run.world);
    run.operator= operator_new(trial->seed, run.world);
    run.moves = moves_new(trial->seed, run.world, run.operator);
    run.monitor = monitor_new(&run);
    run.digest = g_checksum_new(G_CHECKSUM_SHA256);
    run_through(&run, &dice);
    TrialResult result = result_of(&run);
    moves_free(run.moves);
    operator_free(run.operator);
    application_free(run.monitor);
    world_free(run.world);
    workload_free(run.workload);
    streams_free(run.streams);
    misfortune_free(run.misfortune);
    witness_free(run.witness);
    g_checksum_free(run.digest);
    return result;
}

void trial_result_clear(TrialResult *result)
{
    g_free(result->failure);
    g_clear_pointer(&result->faults, g_ptr_array_unref);
    g_free(result->digest);
}
