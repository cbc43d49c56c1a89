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
    [FAULT_MOVED] = "moved",
    [FAULT_REFLECTED] = "reflected",
    [FAULT_REPLAYED] = "replayed",
    [FAULT_ALTERED] = "altered",
    [FAULT_INVENTED] = "invented",
    [FAULT_WITHHELD] = "withheld",
    [FAULT_STALE] = "stale",
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
static const guint rates_of_malice[] = {5, 20, 80, 300};

// What happens to members: from one time to the next, at most.
static const gint64 pauses_us[] = {1000 * MS, 3000 * MS, 10000 * MS};

static void fault_free(gpointer data)
{
    Fault *fault = data;
    g_free(fault->address);
    g_free(fault->detail);
    g_free(fault);
}

static void place_free(gpointer data)
{
    Place *place = data;
    g_free(place->name);
    g_free(place);
}

Misfortune *misfortune_new(guint64 seed, GHashTable *only, MisfortuneSayFn say, gpointer owner)
{
    Misfortune *misfortune = g_new0(Misfortune, 1);
    misfortune->seed = dice_fork(seed, "misfortune");
    misfortune->only = only;
    misfortune->say = say;
    misfortune->owner = owner;
    misfortune->faults = g_ptr_array_new_with_free_func(fault_free);
    misfortune->places = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, place_free);
    misfortune->overheard = g_ptr_array_new_with_free_func(malice_overheard_free);
    misfortune->cut_off = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    Dice dice = dice_make(misfortune->seed);
    for (guint kind = 0; kind < N_FAULTS; kind++) {
        gsize level = dice_below(&dice, G_N_ELEMENTS(rates));
        gint64 pause_us = pauses_us[dice_below(&dice, G_N_ELEMENTS(pauses_us))];
        gboolean is_there = dice_chance(&dice, KIND_PERCENT);
        guint rate = malice_is(kind) ? rates_of_malice[level] : rates[level];
        misfortune->per_10000[kind] = is_there ? rate : 0;
        misfortune->pause_us[kind] = pause_us;
        misfortune->strikes[kind].seed = dice_fork(misfortune->seed, fault_names[kind]);
    }
    return misfortune;
}

void misfortune_free(Misfortune *misfortune)
{
    if (!misfortune)
        return;
    g_hash_table_unref(misfortune->cut_off);
    g_ptr_array_unref(misfortune->overheard);
    g_hash_table_unref(misfortune->places);
    g_ptr_array_unref(misfortune->faults);
    g_free(misfortune);
}

const guint64 *misfortune_counts(const Misfortune *misfortune)
{
    return misfortune->counts;
}

GPtrArray *misfortune_faults(const Misfortune *misfortune)
{
    return misfortune->faults;
}

// --- chances
// --------------------------------------------------------------------------------------

gboolean fault_address_is_valid(const char *text)
{
    gsize n_kind = strcspn(text, ":#");
    const char *number = strrchr(text, '#');
    gboolean is_known = FALSE;
    for (guint kind = 0; kind < N_FAULTS; kind++)
        is_known |=
            strlen(fault_names[kind]) == n_kind && strncmp(fault_names[kind], text, n_kind) == 0;
    return is_known && number &&
           g_ascii_string_to_unsigned(number + 1, 10, 1, G_MAXINT64, NULL, NULL);
}

static char *address_of(FaultKind kind, const Place *place)
{
    return g_strdup_printf("%s%s%s#%" G_GUINT64_FORMAT, fault_names[kind], place->name ? ":" : "",
                           place->name ? place->name : "", place->n_chances);
}

// Takes over the name.
static Place *next_chance(Misfortune *misfortune, char *name)
{
    Place *place = g_hash_table_lookup(misfortune->places, name);
    if (place) {
        g_free(name);
    } else {
        place = g_new(Place, 1);
        *place = (Place){name, dice_fork(misfortune->seed, name), 0, 0};
        g_hash_table_insert(misfortune->places, name, place);
    }
    place->n_chances++;
    return place;
}

// Of this chance alone: what is drawn here does not disturb what is drawn anywhere else.
static Dice dice_of(const Place *place, FaultKind kind)
{
    return dice_make(place->seed + place->n_chances * N_FAULTS + kind);
}

// Puts it down, unless it is not wanted.
static gboolean strikes(Misfortune *misfortune, const Place *place, FaultKind kind,
                        const char *detail)
{
    g_autofree char *address = address_of(kind, place);
    if (misfortune->only && !g_hash_table_contains(misfortune->only, address))
        return FALSE;
    g_autofree char *text = g_strconcat(address, " ", detail, NULL);
    misfortune->say(misfortune->owner, text);
    misfortune->counts[kind]++;
    Fault *fault = g_new(Fault, 1);
    *fault = (Fault){g_steal_pointer(&address), g_strdup(detail), world_now(misfortune->world)};
    g_ptr_array_add(misfortune->faults, fault);
    return TRUE;
}

gboolean misfortune_happens(Misfortune *misfortune, const Place *place, FaultKind kind,
                            const char *detail, Dice *ret_dice)
{
    *ret_dice = dice_of(place, kind);
    return misfortune->per_10000[kind] > 0 && dice_rarely(ret_dice, misfortune->per_10000[kind]) &&
           strikes(misfortune, place, kind, detail);
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

static void fate_of_delivery(Misfortune *misfortune, const BrokerLeg *leg, GArray *delays)
{
    Place *place = next_chance(misfortune,
                               g_strjoin(":", leg->from, leg->to, kind_get(leg->kind)->name, NULL));
    gint64 delay_us = WORLD_HOP_US;
    Dice dice;
    if (is_cut_off(misfortune, leg->from) || is_cut_off(misfortune, leg->to) ||
        misfortune_happens(misfortune, place, FAULT_LOST, "", &dice))
        return;
    if (misfortune_happens(misfortune, place, FAULT_REORDERED, "", &dice))
        delay_us += dice_between(&dice, 1, 3 * WORLD_HOP_US);
    if (misfortune_happens(misfortune, place, FAULT_DELAYED, "", &dice))
        delay_us += dice_between(&dice, 1 * MS, 4000 * MS);
    add_copy(delays, delay_us);
    if (misfortune_happens(misfortune, place, FAULT_REPEATED, "", &dice))
        add_copy(delays, delay_us + dice_between(&dice, 0, 20000 * MS));
    malice_on_delivery(misfortune, place, leg, delays);
}

void misfortune_fate(Misfortune *misfortune, const BrokerLeg *leg, GArray *delays)
{
    malice_overhear(misfortune, leg);
    if (misfortune->is_on)
        fate_of_delivery(misfortune, leg, delays);
    else
        add_copy(delays, WORLD_HOP_US);
}

GBytes *misfortune_tamper(Misfortune *misfortune, const char *text, GBytes *payload)
{
    Topic topic;
    Dice dice;
    if (!misfortune->is_on || misfortune->per_10000[FAULT_TAMPERED] == 0 ||
        !topic_parse(text, &topic) || topic.kind != KIND_RELAY)
        return NULL;
    const Place *place = next_chance(misfortune, g_strjoin(":", topic.from, topic.to, NULL));
    if (!misfortune_happens(misfortune, place, FAULT_TAMPERED, "", &dice))
        return NULL;
    gsize n_bytes = 0;
    const guint8 *bytes = g_bytes_get_data(payload, &n_bytes);
    guint8 *changed = g_memdup2(bytes, n_bytes);
    // Near the end: in a relay's value or tag.
    gsize from_end = dice_below(&dice, MIN(n_bytes, 24));
    changed[n_bytes - 1 - from_end] ^= (guint8)(1u << dice_below(&dice, 8));
    return g_bytes_new_take(changed, n_bytes);
}

// --- drivers
// --------------------------------------------------------------------------------------

#define ON(call) (1u << (call))
static const struct {
    FaultKind kind;
    FaultyFate fate;
    guint calls;
} fates[] = {
    {FAULT_DRIVER_FAILS, FAULTY_FAIL, ON(FAULTY_RELAY) | ON(FAULTY_TAKE) | ON(FAULTY_CLAIM)},
    {FAULT_DRIVER_DRY, FAULTY_DRY, ON(FAULTY_RELAY) | ON(FAULTY_TAKE) | ON(FAULTY_CLAIM)},
    {FAULT_DRIVER_LATE, FAULTY_LATE, ON(FAULTY_RELAY) | ON(FAULTY_TAKE) | ON(FAULTY_CLAIM)},
    {FAULT_DRIVER_UNKNOWN, FAULTY_UNKNOWN, ON(FAULTY_CLAIM)},
    {FAULT_DRIVER_LIES, FAULTY_LIE, ON(FAULTY_TAKE) | ON(FAULTY_CLAIM)},
};

FaultyFate misfortune_driver(Misfortune *misfortune, const char *agent, FaultyCall call,
                             const char *block_id, gboolean is_known)
{
    static const char *const names[] = {
        [FAULTY_RELAY] = "relay", [FAULTY_TAKE] = "take", [FAULTY_CLAIM] = "claim"};
    // Real modules give a block once.
    if (is_known)
        return FAULTY_UNKNOWN;
    if (!misfortune->is_on)
        return FAULTY_NOTHING;
    const Place *place =
        next_chance(misfortune, g_strjoin(":", agent, "driver", names[call], NULL));
    Dice dice;
    for (gsize i = 0; i < G_N_ELEMENTS(fates); i++) {
        if (fates[i].calls & ON(call) &&
            misfortune_happens(misfortune, place, fates[i].kind, block_id ? block_id : "", &dice))
            return fates[i].fate;
    }
    return FAULTY_NOTHING;
}

// --- course
// ---------------------------------------------------------------------------------------

typedef struct {
    Misfortune *misfortune;
    FaultKind kind;
    Dice dice;
} Strike;

static void strike(gpointer owner, gpointer data);

// At times that depend on nothing that happens.
static void strike_later(Misfortune *misfortune, FaultKind kind)
{
    Place *place = &misfortune->strikes[kind];
    place->n_chances++;
    Strike *next = g_new(Strike, 1);
    *next = (Strike){misfortune, kind, dice_of(place, kind)};
    gint64 pause_us = dice_between(&next->dice, 1, misfortune->pause_us[kind]);
    agenda_add(misfortune->world->agenda, world_now(misfortune->world) + pause_us, strike, NULL,
               next, g_free);
}

static void strike(gpointer owner, gpointer data)
{
    Strike *what = data;
    Misfortune *misfortune = what->misfortune;
    if (!misfortune->is_on)
        return;
    const GPtrArray *nodes = misfortune->world->nodes;
    Node *node = nodes->pdata[dice_below(&what->dice, nodes->len)];
    if (strikes(misfortune, &misfortune->strikes[what->kind], what->kind,
                what->kind == FAULT_BROKER ? "" : node->id))
        misfortune_strike(misfortune, node, what->kind, &what->dice);
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
        // Without authentication, the broker is trusted.
        if (malice_is(kind) && !world->hooks.is_authenticated)
            misfortune->per_10000[kind] = 0;
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
