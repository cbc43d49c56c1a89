// SPDX-License-Identifier: Apache-2.0

#include "tests/sim/workload.h"

#include <string.h>

#define MS       ((gint64)G_TIME_SPAN_MILLISECOND)
#define FETCH_US (50 * MS)

// A request over the bus, until its keys are fetched.
typedef struct {
    const Ask *ask;
    gboolean is_fetched;
    const Fetch *mine;   // of the initiator
    const Fetch *theirs; // of the last target
} Errand;

struct Workload {
    Dice dice;
    World *world;
    gint64 until_us;
    gint64 pause_us;
    GPtrArray *errands; // Errand
    GPtrArray *proofs;  // Errand: of workload_ask_all()
    GPtrArray *fetches; // Fetch: of workload_fetch_all()
    guint64 n_asked;
};

Workload *workload_new(guint64 seed, World *world)
{
    Workload *workload = g_new0(Workload, 1);
    workload->dice = dice_make(dice_fork(seed, "workload"));
    workload->world = world;
    workload->pause_us = dice_between(&workload->dice, 50 * MS, 1500 * MS);
    workload->errands = g_ptr_array_new_with_free_func(g_free);
    workload->proofs = g_ptr_array_new_with_free_func(g_free);
    workload->fetches = g_ptr_array_new();
    return workload;
}

void workload_free(Workload *workload)
{
    if (!workload)
        return;
    g_ptr_array_unref(workload->errands);
    g_ptr_array_unref(workload->proofs);
    g_ptr_array_unref(workload->fetches);
    g_free(workload);
}

guint64 workload_n_asked(const Workload *workload)
{
    return workload->n_asked;
}

static Application *any_application(Workload *workload)
{
    const GPtrArray *applications = workload->world->applications;
    return applications->pdata[dice_below(&workload->dice, applications->len)];
}

// Where its keys are, as the grant says; for anybody else, where it calls now.
static const char *place_of(const World *world, const Ask *ask, const char *sae)
{
    const WireReply *reply = ask_reply(ask);
    for (gsize i = 0; i < reply->n_deliveries; i++) {
        if (strcmp(reply->deliveries[i]->sae, sae) == 0)
            return reply->deliveries[i]->provider;
    }
    return world_find_application(world, sae)->at;
}

// --- asking
// ---------------------------------------------------------------------------------------

#define TARGETS_MAX 3

// Mostly sense: different applications, a number of keys that can be had.
typedef struct {
    const Application *from;
    const char *targets[TARGETS_MAX + 1];
    guint n_targets;
    guint number;
    guint size_bits;
    guint paths;
    const char *exclude[2];
    guint timeout_ms;
} Wish;

static Wish make_wish(Workload *workload)
{
    Dice *dice = &workload->dice;
    const GPtrArray *sites = workload->world->network->sites;
    Wish wish = {.from = any_application(workload), .paths = 1};
    guint n_wanted = dice_chance(dice, 75) ? 1 : (guint)dice_between(dice, 1, TARGETS_MAX);
    for (guint i = 0; i < n_wanted; i++) {
        const char *target = any_application(workload)->sae;
        gboolean is_new = strcmp(target, wish.from->sae) != 0 || dice_chance(dice, 3);
        if (is_new && !g_strv_contains(wish.targets, target))
            wish.targets[wish.n_targets++] = target;
    }
    wish.number = dice_chance(dice, 97) ? (guint)dice_between(dice, 1, 4) : 200;
    wish.size_bits = dice_chance(dice, 97) ? 64 * (guint)dice_between(dice, 1, 8) : 77;
    if (dice_chance(dice, 20))
        wish.paths = 2;
    if (dice_chance(dice, 10))
        wish.exclude[0] = ((const Site *)sites->pdata[dice_below(dice, sites->len)])->config.id;
    wish.timeout_ms = (guint)dice_between(dice, 500, 20000);
    return wish;
}

static const Ask *ask_over_bus(const Wish *wish)
{
    WireRequest request = WIRE_REQUEST_INIT;
    request.initiator = wish->from->sae;
    request.targets = (char **)wish->targets;
    request.n_targets = wish->n_targets;
    request.number = wish->number;
    request.size_bits = wish->size_bits;
    request.paths = wish->paths;
    request.exclude = (char **)wish->exclude;
    request.n_exclude = wish->exclude[0] ? 1 : 0;
    request.timeout_ms = wish->timeout_ms;
    return application_ask((Application *)wish->from, &request);
}

static void ask_entity(Workload *workload, const Wish *wish)
{
    KeyQuery query = {
        .caller = {.sae = wish->from->sae},
        .targets = wish->targets,
        .number = wish->number,
        .size_bits = wish->size_bits,
        .n_paths = wish->paths,
        .exclude = wish->exclude,
    };
    world_get_keys(workload->world, wish->from->at, &query);
}

static Errand *errand_new(GPtrArray *errands, const Ask *ask)
{
    Errand *errand = g_new0(Errand, 1);
    errand->ask = ask;
    g_ptr_array_add(errands, errand);
    return errand;
}

static void ask_something(gpointer owner, gpointer data)
{
    Workload *workload = owner;
    Wish wish = make_wish(workload);
    gint64 now_us = world_now(workload->world);
    if (now_us >= workload->until_us)
        return;
    gboolean makes_sense = wish.n_targets > 0 && wish.number <= 128 && wish.size_bits % 8 == 0;
    if (!makes_sense || dice_chance(&workload->dice, 60))
        errand_new(workload->errands, ask_over_bus(&wish));
    else
        ask_entity(workload, &wish);
    workload->n_asked++;
    agenda_add(workload->world->agenda,
               now_us + dice_between(&workload->dice, 1, workload->pause_us), ask_something,
               workload, NULL, NULL);
}

// --- fetching
// -------------------------------------------------------------------------------------

static const Fetch *fetch_as_initiator(World *world, const Ask *ask)
{
    const WireRequest *wire = ask->wire;
    g_autoptr(GPtrArray) targets = g_ptr_array_new();
    for (gsize i = 0; i < wire->n_targets; i++)
        g_ptr_array_add(targets, wire->targets[i]);
    g_ptr_array_add(targets, NULL);
    KeyQuery query = {
        .caller = {.sae = wire->initiator},
        .targets = (const char *const *)targets->pdata,
        .number = wire->number,
        .size_bits = wire->size_bits,
        .n_paths = 1,
        .request = ask->id,
    };
    return world_get_keys(world, place_of(world, ask, wire->initiator), &query);
}

static const Fetch *fetch_as(World *world, const Ask *ask, const char *sae)
{
    const WireReply *reply = ask_reply(ask);
    g_autoptr(GPtrArray) ids = g_ptr_array_new();
    for (gsize i = 0; i < reply->n_key_ids; i++)
        g_ptr_array_add(ids, reply->key_ids[i]);
    g_ptr_array_add(ids, NULL);
    return world_get_keys_by_id(world, place_of(world, ask, sae), sae, ask->wire->initiator,
                                (const char *const *)ids->pdata);
}

static void fetch_errand(Workload *workload, Errand *errand)
{
    World *world = workload->world;
    const Ask *ask = errand->ask;
    errand->is_fetched = TRUE;
    errand->mine = fetch_as_initiator(world, ask);
    for (gsize i = 0; i < ask->wire->n_targets; i++) {
        errand->theirs = fetch_as(world, ask, ask->wire->targets[i]);
        if (dice_chance(&workload->dice, 10))
            fetch_as(world, ask, ask->wire->targets[i]);
    }
    if (dice_chance(&workload->dice, 10))
        fetch_as(world, ask, any_application(workload)->sae);
}

static void fetch_granted(Workload *workload, GPtrArray *errands)
{
    for (guint i = 0; i < errands->len; i++) {
        Errand *errand = errands->pdata[i];
        const WireReply *reply = ask_reply(errand->ask);
        if (reply && reply->status == STATUS_OK && !errand->is_fetched)
            fetch_errand(workload, errand);
    }
}

static void look_for_grants(gpointer owner, gpointer data)
{
    Workload *workload = owner;
    fetch_granted(workload, workload->errands);
    fetch_granted(workload, workload->proofs);
    agenda_add(workload->world->agenda, world_now(workload->world) + FETCH_US, look_for_grants,
               workload, NULL, NULL);
}

void workload_begin(Workload *workload, gint64 until_us)
{
    workload->until_us = until_us;
    ask_something(workload, NULL);
    look_for_grants(workload, NULL);
}

// --- proof
// ----------------------------------------------------------------------------------------

void workload_fetch_all(Workload *workload)
{
    for (guint i = 0; i < workload->errands->len; i++) {
        const Ask *ask = ((Errand *)workload->errands->pdata[i])->ask;
        const WireReply *reply = ask_reply(ask);
        for (gsize j = 0; reply && reply->status == STATUS_OK && j < ask->wire->n_targets; j++)
            g_ptr_array_add(workload->fetches,
                            (gpointer)fetch_as(workload->world, ask, ask->wire->targets[j]));
    }
}

void workload_ask_all(Workload *workload, guint max)
{
    const GPtrArray *applications = workload->world->applications;
    for (guint i = 0; i < applications->len; i++) {
        for (guint j = 0; j < applications->len; j++) {
            const Application *from = applications->pdata[i], *to = applications->pdata[j];
            if (i == j || workload->proofs->len >= max)
                continue;
            Wish wish = {from, {to->sae}, 1, 1, 128, 1, {NULL}, 10000};
            errand_new(workload->proofs, ask_over_bus(&wish));
        }
    }
}

static const char *find_fault(const Errand *errand, gboolean is_poisoned)
{
    const WireReply *reply = ask_reply(errand->ask);
    if (!reply)
        return "no answer";
    if (is_poisoned && reply->status == STATUS_TAG_MISMATCH)
        return NULL;
    if (reply->status != STATUS_OK)
        return reply->text;
    if (!errand->mine || !errand->mine->is_answered || errand->mine->keys->len != 1)
        return "the initiator did not get its key";
    if (!errand->theirs->is_answered || errand->theirs->keys->len != 1)
        return "the target did not get its key";
    return NULL;
}

static char *find_withheld(const Workload *workload)
{
    for (guint i = 0; i < workload->fetches->len; i++) {
        const Fetch *fetch = workload->fetches->pdata[i];
        if (fetch->verdict == KEY_VERDICT_UNAVAILABLE)
            return g_strdup_printf("%s was granted keys at %s and cannot have them: %s",
                                   fetch->caller, fetch->node->id, fetch->message);
    }
    return NULL;
}

char *workload_find_unserved(const Workload *workload, gboolean is_poisoned)
{
    char *withheld = find_withheld(workload);
    if (withheld)
        return withheld;
    for (guint i = 0; i < workload->proofs->len; i++) {
        const Errand *errand = workload->proofs->pdata[i];
        const char *fault = find_fault(errand, is_poisoned);
        if (fault)
            return g_strdup_printf("%s to %s, request %s: %s", errand->ask->wire->initiator,
                                   errand->ask->wire->targets[0], errand->ask->id, fault);
    }
    return NULL;
}
