// SPDX-License-Identifier: Apache-2.0

#include "tests/sim/misfortune-core.h"

#include <string.h>

// In one run, each kind is there or not.
#define KIND_PERCENT 65

const char *const fault_names[N_FAULTS] = {
    [FAULT_LOST] = "lost",
    [FAULT_REPEATED] = "repeated",
    [FAULT_DELAYED] = "delayed",
    [FAULT_REORDERED] = "reordered",
    [FAULT_TAMPERED] = "tampered",
    [FAULT_PARTITION] = "partition",
    [FAULT_DISCONNECT] = "disconnect",
    [FAULT_BROKER] = "broker",
    [FAULT_CRASH_BEFORE_COMMIT] = "crash-before-commit",
    [FAULT_CRASH_AFTER_COMMIT] = "crash-after-commit",
    [FAULT_CRASH_SENDING] = "crash-sending",
    [FAULT_KILLED] = "killed",
    [FAULT_SLOW] = "slow",
    [FAULT_CLOCK] = "clock",
    [FAULT_DRIVER_FAILS] = "driver-fails",
    [FAULT_DRIVER_DRY] = "driver-dry",
    [FAULT_DRIVER_UNKNOWN] = "driver-unknown",
    [FAULT_DRIVER_LATE] = "driver-late",
    [FAULT_DRIVER_LIES] = "driver-lies",
    [FAULT_OUTAGE] = "outage",
};

// How often in ten thousand, for what may happen to each delivery or call; in one run, as often as
// one of these.
static const guint rates[] = {20, 100, 400, 1500};

// What happens to members: from one time to the next, at most.
static const gint64 pauses_us[] = {1000 * MS, 3000 * MS, 10000 * MS};

typedef struct {
    Misfortune *misfortune;
    FaultKind kind;
} Strike;

Misfortune *misfortune_new(guint64 seed, const Mercy *mercy, MisfortuneSayFn say, gpointer owner)
{
    Misfortune *misfortune = g_new0(Misfortune, 1);
    misfortune->dice = dice_make(dice_fork(seed, "misfortune"));
    misfortune->mercy = *mercy;
    misfortune->say = say;
    misfortune->owner = owner;
    misfortune->cut_off = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    for (guint kind = 0; kind < N_FAULTS; kind++) {
        guint rate = rates[dice_below(&misfortune->dice, G_N_ELEMENTS(rates))];
        gint64 pause_us = pauses_us[dice_below(&misfortune->dice, G_N_ELEMENTS(pauses_us))];
        gboolean is_there = dice_chance(&misfortune->dice, KIND_PERCENT);
        misfortune->per_10000[kind] = is_there && mercy->kinds[kind] ? rate : 0;
        misfortune->pause_us[kind] = pause_us;
    }
    return misfortune;
}

void misfortune_free(Misfortune *misfortune)
{
    if (!misfortune)
        return;
    g_hash_table_unref(misfortune->cut_off);
    g_free(misfortune);
}

const guint64 *misfortune_counts(const Misfortune *misfortune)
{
    return misfortune->counts;
}

static void count(Misfortune *misfortune, FaultKind kind, const char *whom)
{
    misfortune->counts[kind]++;
    g_autofree char *text = g_strdup_printf("%s %s", fault_names[kind], whom);
    misfortune->say(misfortune->owner, text);
}

static gboolean is_on(const Misfortune *misfortune)
{
    return misfortune->is_on && world_now(misfortune->world) < misfortune->mercy.until_us;
}

static gboolean happens(Misfortune *misfortune, FaultKind kind)
{
    return is_on(misfortune) && misfortune->per_10000[kind] > 0 &&
           dice_rarely(&misfortune->dice, misfortune->per_10000[kind]);
}

// --- deliveries
// -----------------------------------------------------------------------------------

static gboolean is_cut_off(const Misfortune *misfortune, const char *member)
{
    const gint64 *until_us = g_hash_table_lookup(misfortune->cut_off, member);
    return until_us && world_now(misfortune->world) < *until_us;
}

static void add_copy(GArray *delays, gint64 delay_us)
{
    g_array_append_val(delays, delay_us);
}

void misfortune_fate(Misfortune *misfortune, const BrokerLeg *leg, GArray *delays)
{
    Dice *dice = &misfortune->dice;
    gint64 delay_us = WORLD_HOP_US;
    if (misfortune->world && (is_cut_off(misfortune, leg->from) || is_cut_off(misfortune, leg->to)))
        return;
    if (happens(misfortune, FAULT_LOST)) {
        count(misfortune, FAULT_LOST, leg->to);
        return;
    }
    if (happens(misfortune, FAULT_REORDERED)) {
        delay_us += dice_between(dice, 1, 3 * WORLD_HOP_US);
        count(misfortune, FAULT_REORDERED, leg->to);
    }
    if (happens(misfortune, FAULT_DELAYED)) {
        delay_us += dice_between(dice, 1 * MS, 4000 * MS);
        count(misfortune, FAULT_DELAYED, leg->to);
    }
    add_copy(delays, delay_us);
    if (happens(misfortune, FAULT_REPEATED)) {
        add_copy(delays, delay_us + dice_between(dice, 0, 20000 * MS));
        count(misfortune, FAULT_REPEATED, leg->to);
    }
}

GBytes *misfortune_tamper(Misfortune *misfortune, const char *text, GBytes *payload)
{
    Topic topic;
    if (!happens(misfortune, FAULT_TAMPERED) || !topic_parse(text, &topic) ||
        topic.kind != KIND_RELAY)
        return NULL;
    gsize n_bytes = 0;
    const guint8 *bytes = g_bytes_get_data(payload, &n_bytes);
    guint8 *changed = g_memdup2(bytes, n_bytes);
    // Near the end: in a relay's value or tag.
    gsize from_end = dice_below(&misfortune->dice, MIN(n_bytes, 24));
    guint bit = (guint)dice_below(&misfortune->dice, 8);
    changed[n_bytes - 1 - from_end] ^= (guint8)(1u << bit);
    count(misfortune, FAULT_TAMPERED, topic.from);
    return g_bytes_new_take(changed, n_bytes);
}

// --- drivers
// --------------------------------------------------------------------------------------

FaultyFate misfortune_driver(Misfortune *misfortune, FaultyCall call, const char *block_id,
                             gboolean is_known)
{
    static const struct {
        FaultKind kind;
        FaultyFate fate;
    } fates[] = {
        {FAULT_DRIVER_FAILS, FAULTY_FAIL},
        {FAULT_DRIVER_DRY, FAULTY_DRY},
        {FAULT_DRIVER_LATE, FAULTY_LATE},
    };
    // Real modules give a block once.
    if (is_known)
        return FAULTY_UNKNOWN;
    for (gsize i = 0; i < G_N_ELEMENTS(fates); i++) {
        if (!happens(misfortune, fates[i].kind))
            continue;
        count(misfortune, fates[i].kind, block_id ? block_id : "");
        return fates[i].fate;
    }
    if (call == FAULTY_CLAIM && happens(misfortune, FAULT_DRIVER_UNKNOWN)) {
        count(misfortune, FAULT_DRIVER_UNKNOWN, block_id);
        return FAULTY_UNKNOWN;
    }
    if (call != FAULTY_RELAY && happens(misfortune, FAULT_DRIVER_LIES)) {
        count(misfortune, FAULT_DRIVER_LIES, block_id ? block_id : "");
        return FAULTY_LIE;
    }
    return FAULTY_NOTHING;
}

// --- course
// ---------------------------------------------------------------------------------------

static Node *any_node(Misfortune *misfortune)
{
    const GPtrArray *nodes = misfortune->world->nodes;
    return nodes->pdata[dice_below(&misfortune->dice, nodes->len)];
}

static void strike(gpointer owner, gpointer data);

static void strike_later(Misfortune *misfortune, FaultKind kind)
{
    Strike *next = g_new(Strike, 1);
    *next = (Strike){misfortune, kind};
    gint64 pause_us = dice_between(&misfortune->dice, 1, misfortune->pause_us[kind]);
    agenda_add(misfortune->world->agenda, world_now(misfortune->world) + pause_us, strike, NULL,
               next, g_free);
}

static void strike(gpointer owner, gpointer data)
{
    const Strike *what = data;
    Misfortune *misfortune = what->misfortune;
    if (!is_on(misfortune))
        return;
    Node *node = any_node(misfortune);
    count(misfortune, what->kind, what->kind == FAULT_BROKER ? "" : node->id);
    misfortune_strike(misfortune, node, what->kind);
    strike_later(misfortune, what->kind);
}

static gboolean is_of_members(FaultKind kind)
{
    return (kind >= FAULT_PARTITION && kind <= FAULT_CLOCK) || kind == FAULT_OUTAGE;
}

void misfortune_begin(Misfortune *misfortune, World *world)
{
    misfortune->world = world;
    misfortune->is_on = TRUE;
    for (guint kind = 0; kind < N_FAULTS; kind++) {
        if (is_of_members(kind) && misfortune->per_10000[kind] > 0)
            strike_later(misfortune, kind);
    }
}

static void mend(Node *node)
{
    g_autoptr(GError) error = NULL;
    node->lag_us = 0;
    node_kill_at(node, CRASH_NONE, 0);
    if (!node_is_running(node))
        node_start(node, &error);
    g_assert_no_error(error);
    node_connect(node);
}

void misfortune_end(Misfortune *misfortune)
{
    World *world = misfortune->world;
    misfortune->is_on = FALSE;
    g_hash_table_remove_all(misfortune->cut_off);
    for (guint i = 0; i < world->nodes->len; i++)
        mend(world->nodes->pdata[i]);
    for (guint i = 0; i < world->applications->len; i++) {
        const Application *application = world->applications->pdata[i];
        if (!broker_is_connected(world->broker, application->sae))
            application_connect(world->applications->pdata[i]);
    }
}
