// SPDX-License-Identifier: Apache-2.0

#include "tests/sim/misfortune.h"

#include <string.h>

#define MS ((gint64)G_TIME_SPAN_MILLISECOND)

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

struct Misfortune {
    Dice dice;
    Mercy mercy;
    MisfortuneSayFn say;
    gpointer owner;
    World *world;
    gboolean is_on;
    guint per_10000[N_FAULTS]; // 0: not in this run
    gint64 pause_us[N_FAULTS];
    guint64 counts[N_FAULTS];
    GHashTable *cut_off; // member → until when (gint64)
    guint n_cut_off;
};

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
    changed[n_bytes - 1 - dice_below(&misfortune->dice, MIN(n_bytes, 24))] ^=
        (guint8)(1u << dice_below(&misfortune->dice, 8));
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

// --- members
// --------------------------------------------------------------------------------------

static Node *any_node(Misfortune *misfortune)
{
    const GPtrArray *nodes = misfortune->world->nodes;
    return nodes->pdata[dice_below(&misfortune->dice, nodes->len)];
}

static void connect_again(gpointer owner, gpointer data)
{
    node_connect(data);
}

static void connect_application(gpointer owner, gpointer data)
{
    application_connect(data);
}

static void disconnect(Misfortune *misfortune, Node *node)
{
    if (!node_is_running(node))
        return;
    node_disconnect(node);
    agenda_add(misfortune->world->agenda,
               world_now(misfortune->world) + dice_between(&misfortune->dice, 1 * MS, 3000 * MS),
               connect_again, NULL, node, NULL);
}

static void restart_broker(Misfortune *misfortune)
{
    World *world = misfortune->world;
    broker_forget(world->broker);
    for (guint i = 0; i < world->nodes->len; i++) {
        Node *node = world->nodes->pdata[i];
        broker_disconnect(world->broker, node->id, TRUE);
        agenda_add(world->agenda,
                   world_now(world) + dice_between(&misfortune->dice, 1 * MS, 2000 * MS),
                   connect_again, NULL, node, NULL);
    }
    for (guint i = 0; i < world->applications->len; i++) {
        Application *application = world->applications->pdata[i];
        broker_disconnect(world->broker, application->sae, TRUE);
        agenda_add(world->agenda,
                   world_now(world) + dice_between(&misfortune->dice, 1 * MS, 2000 * MS),
                   connect_application, NULL, application, NULL);
    }
}

static void cut_off(Misfortune *misfortune, const Node *node)
{
    gint64 until_us =
        world_now(misfortune->world) + dice_between(&misfortune->dice, 50 * MS, 8000 * MS);
    g_hash_table_replace(misfortune->cut_off, g_strdup(node->id),
                         g_memdup2(&until_us, sizeof until_us));
}

static void crash(Misfortune *misfortune, Node *node, FaultKind kind)
{
    static const gint64 longest_us[] = {5 * MS, 500 * MS, 6000 * MS};
    Dice *dice = &misfortune->dice;
    node->restart_us = dice_between(dice, 1, longest_us[dice_below(dice, 3)]);
    CrashPoint point = kind == FAULT_CRASH_BEFORE_COMMIT  ? CRASH_BEFORE_COMMIT
                       : kind == FAULT_CRASH_AFTER_COMMIT ? CRASH_AFTER_COMMIT
                                                          : CRASH_WHILE_SENDING;
    if (kind == FAULT_KILLED)
        node_kill(node);
    else
        node_kill_at(node, point, (guint)dice_between(dice, 1, 8));
}

static void quicken(gpointer owner, gpointer data)
{
    Node *node = data;
    node->lag_us = 0;
}

static void slow_down(Misfortune *misfortune, Node *node)
{
    World *world = misfortune->world;
    node->lag_us = dice_between(&misfortune->dice, 1 * MS, 2500 * MS);
    agenda_add(world->agenda,
               world_now(world) + dice_between(&misfortune->dice, 100 * MS, 6000 * MS), quicken,
               NULL, node, NULL);
}

// A clock is set while its process runs, which then never sees it go back, or before it starts.
static void set_clock(Misfortune *misfortune, Node *node)
{
    gint64 low_us = node_is_running(node) ? node->skew_us : -15000 * MS;
    node->skew_us = dice_between(&misfortune->dice, low_us, MAX(low_us, 15000 * MS));
    node_wake(node);
}

typedef struct {
    Node *node;
    DriverScope scope;
    char *subject;
} Outage;

static void outage_free(gpointer data)
{
    Outage *outage = data;
    g_free(outage->subject);
    g_free(outage);
}

static void drill(Node *node, gboolean inject, DriverScope scope, const char *subject)
{
    if (!node_is_running(node) || node->role != ROLE_AGENT)
        return;
    g_autofree char *text = NULL;
    Driver *driver = world_driver(node);
    driver->ops->drill(driver, inject, scope, subject, &text);
    node_wake(node);
}

static void end_outage(gpointer owner, gpointer data)
{
    const Outage *outage = data;
    drill(outage->node, FALSE, outage->scope, outage->subject);
}

static void begin_outage(Misfortune *misfortune, Node *node)
{
    World *world = misfortune->world;
    Dice *dice = &misfortune->dice;
    if (node->role != ROLE_AGENT)
        return;
    const Site *site = network_find_site(world->network, node->id);
    const SimBorder *border = site->qkdn.borders->pdata[dice_below(dice, site->qkdn.borders->len)];
    static const DriverScope scopes[] = {DRIVER_SCOPE_BORDER, DRIVER_SCOPE_NODE, DRIVER_SCOPE_LINK,
                                         DRIVER_SCOPE_PROVIDER};
    const char *const subjects[] = {border->id, "gateway", "access/gateway", ""};
    guint64 which = dice_below(dice, G_N_ELEMENTS(scopes));
    drill(node, TRUE, scopes[which], subjects[which]);
    Outage *outage = g_new(Outage, 1);
    *outage = (Outage){node, scopes[which], g_strdup(subjects[which])};
    agenda_add(world->agenda, world_now(world) + dice_between(dice, 10 * MS, 8000 * MS), end_outage,
               NULL, outage, outage_free);
}

// --- course
// ---------------------------------------------------------------------------------------

static void strike_node(Misfortune *misfortune, Node *node, FaultKind kind)
{
    if (kind == FAULT_PARTITION)
        cut_off(misfortune, node);
    else if (kind == FAULT_DISCONNECT)
        disconnect(misfortune, node);
    else if (kind == FAULT_BROKER)
        restart_broker(misfortune);
    else if (kind == FAULT_SLOW)
        slow_down(misfortune, node);
    else if (kind == FAULT_CLOCK)
        set_clock(misfortune, node);
    else if (kind == FAULT_OUTAGE)
        begin_outage(misfortune, node);
    else
        crash(misfortune, node, kind);
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
    strike_node(misfortune, node, what->kind);
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
