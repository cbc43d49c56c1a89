// SPDX-License-Identifier: Apache-2.0

#include "agents/qkdn/sim.h"

#include "agents/qkdn/border-end.h"
#include "agents/qkdn/interior.h"
#include "agents/qkdn/outages.h"

typedef enum {
    CALL_RELAY,
    CALL_TAKE,
    CALL_CLAIM,
} CallType;

// Accepted, to be done and completed by a tick.
typedef struct {
    guint64 number;
    CallType type;
    char *subject; // relay: the node that holds; take, claim: the border link
    char *detail;  // relay: the node that shall hold; claim: the block ID
    gsize n_bytes; // relay
    gboolean cancelled;
} Call;

typedef struct {
    Driver driver;
    Outages *outages;
    Interior *interior;
    GPtrArray *borders; // BorderEnd
    const DriverListener *listener;
    gpointer agent;
    GQueue calls;          // Call, oldest first
    GHashTable *by_number; // &Call.number → Call; those in the queue
    GPtrArray *changed;    // Outage: to be told of
} Sim;

static void call_free(gpointer data)
{
    Call *call = data;
    g_free(call->subject);
    g_free(call->detail);
    g_free(call);
}

static Sim *sim_of(Driver *driver)
{
    return (Sim *)driver;
}

static void sim_listen(Driver *driver, const DriverListener *listener, gpointer agent)
{
    Sim *sim = sim_of(driver);
    sim->listener = listener;
    sim->agent = agent;
}

static DriverMap *sim_discover(Driver *driver)
{
    Sim *sim = sim_of(driver);
    DriverMap *map = driver_map_new();
    interior_describe(sim->interior, map);
    for (guint i = 0; i < sim->borders->len; i++)
        border_end_describe(sim->borders->pdata[i], map);
    return map;
}

static void enqueue(Driver *driver, guint64 number, CallType type, const char *subject,
                    const char *detail, gsize n_bytes)
{
    Sim *sim = sim_of(driver);
    Call *call = g_new0(Call, 1);
    *call = (Call){number, type, g_strdup(subject), g_strdup(detail), n_bytes};
    g_queue_push_tail(&sim->calls, call);
    gboolean is_new = g_hash_table_insert(sim->by_number, &call->number, call);
    g_assert(is_new);
}

static void sim_relay(Driver *driver, guint64 call, const char *from, const char *to, gsize n_bytes)
{
    enqueue(driver, call, CALL_RELAY, from, to, n_bytes);
}

static void sim_take(Driver *driver, guint64 call, const char *border)
{
    enqueue(driver, call, CALL_TAKE, border, NULL, 0);
}

static void sim_claim(Driver *driver, guint64 call, const char *border, const char *block_id)
{
    enqueue(driver, call, CALL_CLAIM, border, block_id, 0);
}

static void sim_cancel(Driver *driver, guint64 number)
{
    Call *call = g_hash_table_lookup(sim_of(driver)->by_number, &number);
    if (call)
        call->cancelled = TRUE;
}

static BorderEnd *find_border(const Sim *sim, const char *id)
{
    for (guint i = 0; i < sim->borders->len; i++) {
        if (g_str_equal(border_end_id(sim->borders->pdata[i]), id))
            return sim->borders->pdata[i];
    }
    return NULL;
}

static void complete_relay(Sim *sim, const Call *call)
{
    Status status = call->cancelled
                        ? STATUS_VOIDED
                        : interior_relay(sim->interior, call->subject, call->detail, call->n_bytes);
    sim->listener->relayed(sim->agent, call->number, status);
}

static Status fetch_block(Sim *sim, const Call *call, char **ret_id, Secret **ret_key)
{
    BorderEnd *end = find_border(sim, call->subject);
    if (!end)
        return STATUS_BAD_REQUEST;
    if (call->type == CALL_TAKE)
        return border_end_take(end, ret_id, ret_key);
    *ret_id = g_strdup(call->detail);
    return border_end_claim(end, call->detail, ret_key);
}

static void complete_block(Sim *sim, const Call *call)
{
    g_autofree char *id = NULL;
    g_autoptr(Secret) key = NULL;
    Status status = call->cancelled ? STATUS_VOIDED : fetch_block(sim, call, &id, &key);
    DriverBlock block = {id, key};
    sim->listener->block(sim->agent, call->number, status, status == STATUS_OK ? &block : NULL);
}

static void complete_next(Sim *sim)
{
    Call *call = g_queue_pop_head(&sim->calls);
    g_hash_table_remove(sim->by_number, &call->number);
    if (call->type == CALL_RELAY)
        complete_relay(sim, call);
    else
        complete_block(sim, call);
    call_free(call);
}

static void pass(Sim *sim, gint64 now_us)
{
    interior_pass(sim->interior, now_us);
    for (guint i = 0; i < sim->borders->len; i++)
        border_end_pass(sim->borders->pdata[i], now_us);
}

static void tell_changes(Sim *sim)
{
    for (guint i = 0; i < sim->changed->len; i++) {
        const Outage *outage = sim->changed->pdata[i];
        sim->listener->event(sim->agent, &(DriverEvent){
                                             .type = DRIVER_EVENT_FAULT,
                                             .scope = outage->scope,
                                             .subject = outage->subject,
                                             .cause = outage->cause,
                                             .cleared = !outage->in_force,
                                         });
    }
    if (sim->changed->len > 0)
        sim->listener->event(sim->agent, &(DriverEvent){.type = DRIVER_EVENT_MAP_CHANGED});
    g_ptr_array_set_size(sim->changed, 0);
}

static gint64 sim_tick(Driver *driver, gint64 now_us)
{
    Sim *sim = sim_of(driver);
    for (gint64 at_us; (at_us = outages_next_us(sim->outages)) <= now_us;) {
        pass(sim, at_us);
        outages_pass(sim->outages, at_us, sim->changed);
        tell_changes(sim);
    }
    pass(sim, now_us);
    outages_apply_drills(sim->outages, sim->changed);
    tell_changes(sim);
    // What the listener calls from here on waits for the next tick, so that a tick always ends.
    for (guint n_due = sim->calls.length; n_due > 0; n_due--)
        complete_next(sim);
    return sim->calls.length > 0 ? now_us : outages_next_us(sim->outages);
}

static const char *const drill_expected[] = {
    [DRIVER_SCOPE_LINK] = "no such link in this network; expected a/b, two nodes with a link",
    [DRIVER_SCOPE_NODE] = "no such node in this network",
    [DRIVER_SCOPE_BORDER] = "no such border link in this network",
    [DRIVER_SCOPE_PROVIDER] = "no such provider here; expected no subject",
};

static const char *drill_effect(const Outage *outage)
{
    if (outage->drilled)
        return "down";
    return outage->n_scheduled > 0 ? "cleared of the drill, but down by schedule" : "cleared";
}

static Status sim_drill(Driver *driver, gboolean inject, DriverScope scope, const char *subject,
                        char **ret_text)
{
    Sim *sim = sim_of(driver);
    Outage *outage = outages_find(sim->outages, scope, subject);
    if (!outage) {
        *ret_text = g_strdup(drill_expected[scope]);
        return STATUS_BAD_REQUEST;
    }
    outages_drill(sim->outages, outage, inject);
    *ret_text = g_strdup_printf("%s%s%s is %s", driver_scope_names[scope], *subject ? " " : "",
                                outage->subject, drill_effect(outage));
    return STATUS_OK;
}

static char **sim_drills(Driver *driver)
{
    return outages_list(sim_of(driver)->outages);
}

static void sim_free(Driver *driver)
{
    Sim *sim = sim_of(driver);
    g_hash_table_unref(sim->by_number);
    g_queue_clear_full(&sim->calls, call_free);
    g_ptr_array_unref(sim->changed);
    g_ptr_array_unref(sim->borders);
    interior_free(sim->interior);
    outages_free(sim->outages);
    g_free(sim);
}

static const DriverOps sim_ops = {
    .name = "sim",
    .listen = sim_listen,
    .discover = sim_discover,
    .relay = sim_relay,
    .take = sim_take,
    .claim = sim_claim,
    .cancel = sim_cancel,
    .tick = sim_tick,
    .drill = sim_drill,
    .drills = sim_drills,
    .free = sim_free,
};

Driver *driver_sim_new(const SimSettings *settings, const Random *random, gint64 now_us)
{
    Sim *sim = g_new0(Sim, 1);
    sim->driver.ops = &sim_ops;
    sim->outages = outages_new(settings, now_us);
    sim->interior = interior_new(settings, sim->outages, now_us);
    sim->borders = g_ptr_array_new_with_free_func((GDestroyNotify)border_end_free);
    for (guint i = 0; i < settings->borders->len; i++)
        g_ptr_array_add(sim->borders,
                        border_end_new(settings->borders->pdata[i], settings->time_scale,
                                       sim->outages, random, now_us));
    g_queue_init(&sim->calls);
    sim->by_number = g_hash_table_new(g_int64_hash, g_int64_equal);
    sim->changed = g_ptr_array_new();
    return &sim->driver;
}
