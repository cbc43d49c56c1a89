// SPDX-License-Identifier: Apache-2.0
//
// What agents are told of applications that are served by others than their home, each until it
// has answered: a visited agent that it serves one, or does not any more; a home agent that an own
// one is away, or back.

#include "platform/handover.h"
#include "platform/state.pb-c.h"
#include "topics/record.h"

#include <string.h>

#define REPEAT_FIRST_US (250 * G_TIME_SPAN_MILLISECOND)
#define REPEAT_MAX_US   (30 * G_TIME_SPAN_SECOND)

// The last that one agent was told of one application.
typedef struct {
    char *id; // SAE and agent
    char *agent;
    WireVisit *wire;
    gboolean is_answered;
    gint64 repeat_us;
} Visit;

void visit_free(gpointer data)
{
    Visit *visit = data;
    g_free(visit->id);
    g_free(visit->agent);
    wire_free(visit->wire);
    g_free(visit);
}

static char *visit_id(const char *sae, const char *agent)
{
    return g_strconcat(sae, " ", agent, NULL);
}

static Visit *find(const Federation *federation, const char *sae, const char *agent)
{
    g_autofree char *id = visit_id(sae, agent);
    return g_tree_lookup(federation->visits, id);
}

static void save(Federation *federation, const Visit *visit)
{
    Platform__State__Visit state = PLATFORM__STATE__VISIT__INIT;
    state.agent = visit->agent;
    state.visit = visit->wire;
    state.is_answered = visit->is_answered;
    g_autoptr(GBytes) value = message_pack(&state.base);
    store_put_text(federation->store, "visit", visit->id, value);
}

static void forget(Federation *federation, Visit *visit)
{
    timers_disarm(federation->timers, TIMER_VISIT, visit->id);
    store_delete_text(federation->store, "visit", visit->id);
    g_tree_remove(federation->visits, visit->id);
}

static void say(Federation *federation, Visit *visit)
{
    federation_send(federation, KIND_VISIT, visit->agent, &visit->wire->base);
    timers_arm_repeat(federation->timers, TIMER_VISIT, visit->id, federation->now,
                      &visit->repeat_us, REPEAT_MAX_US);
}

void visit_on_timer(Federation *federation, const char *id)
{
    Visit *visit = g_tree_lookup(federation->visits, id);
    if (!visit || visit->is_answered)
        return;
    const Provider *agent = topology_find(federation->topology, visit->agent);
    // Nobody is left there who could answer.
    if (!agent || attachment_is_lost(federation, agent))
        forget(federation, visit);
    else
        say(federation, visit);
}

// Later than any that was given before, in this life or an earlier one.
static guint64 next_version(Federation *federation)
{
    federation->visit_version = MAX(federation->visit_version + 1, (guint64)federation->now);
    return federation->visit_version;
}

static Visit *visit_add(Federation *federation, const char *id, const char *agent)
{
    Visit *visit = g_new0(Visit, 1);
    visit->id = g_strdup(id);
    visit->agent = g_strdup(agent);
    g_tree_insert(federation->visits, visit->id, visit);
    return visit;
}

static void change(Federation *federation, const char *agent, WireVisit *wire)
{
    g_autofree char *id = visit_id(wire->sae, agent);
    Visit *visit = g_tree_lookup(federation->visits, id);
    if (!visit)
        visit = visit_add(federation, id, agent);
    wire->version = next_version(federation);
    // It may point into the last one.
    WireVisit *last = visit->wire;
    visit->wire = message_copy(&wire->base);
    wire_free(last);
    visit->is_answered = FALSE;
    visit->repeat_us = REPEAT_FIRST_US;
    save(federation, visit);
    say(federation, visit);
}

static gboolean says(const Visit *visit, const WireVisit *wire)
{
    WireVisit same = *wire;
    same.version = visit->wire->version;
    g_autoptr(GBytes) a = message_pack(&same.base);
    g_autoptr(GBytes) b = message_pack(&visit->wire->base);
    return g_bytes_equal(a, b);
}

void visit_tell(Federation *federation, const Application *application, const Provider *agent,
                const char *node, gboolean has_come)
{
    const Visit *visit = find(federation, application->sae, agent->id);
    WireVisit wire = WIRE_VISIT_INIT;
    wire.sae = application->sae;
    wire.is_served = TRUE;
    wire.home = application->home->id;
    wire.node = (char *)node;
    wire.mode = roaming_mode(application);
    wire.certificate_sha256 = application->registration->certificate_sha256;
    wire.has_come = has_come;
    if (!visit || !says(visit, &wire))
        change(federation, agent->id, &wire);
}

// A home agent learns in this way that its user is away, whether it was told anything before or
// not.
void visit_end(Federation *federation, const char *sae, const char *agent)
{
    const Visit *visit = find(federation, sae, agent);
    const Application *application = directory_find(federation, sae);
    gboolean is_home = application && strcmp(application->home->id, agent) == 0;
    if ((visit && !visit->wire->is_served) || (!visit && !is_home))
        return;
    WireVisit wire = WIRE_VISIT_INIT;
    wire.sae = (char *)sae;
    wire.home = (char *)(visit ? visit->wire->home : agent);
    change(federation, agent, &wire);
}

gboolean visit_is_answered(const Federation *federation, const char *sae, const char *agent)
{
    const Visit *visit = find(federation, sae, agent);
    return !visit || visit->is_answered;
}

// --- what agents say -----------------------------------------------------------------------------

static void on_answer(Federation *federation, Visit *visit, const WireVisitState *state)
{
    g_autofree char *sae = g_strdup(visit->wire->sae), *agent = g_strdup(visit->agent);
    gboolean is_refused = visit->wire->is_served && state->status != STATUS_OK;
    gboolean is_over = !visit->wire->is_served || is_refused;
    const Application *application = directory_find(federation, sae);
    gboolean is_home = application && strcmp(application->home->id, agent) == 0;
    visit->is_answered = TRUE;
    timers_disarm(federation->timers, TIMER_VISIT, visit->id);
    // That an own user is away, or was told to be back, is kept: nothing else says so.
    if (is_over && !is_home)
        forget(federation, visit);
    else
        save(federation, visit);
    handover_on_visit(federation, sae, agent, is_refused ? (Status)state->status : STATUS_OK,
                      state->text);
}

void visit_on_state(gpointer data, const Sender *sender, gconstpointer message)
{
    Federation *federation = data;
    const WireVisitState *state = message;
    Visit *visit = find(federation, state->sae, sender->id);
    if (state->is_at_the_door) {
        handover_at_the_door(federation, state->sae, sender->id);
        return;
    }
    if (!visit || visit->is_answered || state->version < visit->wire->version)
        return;
    if (state->version == visit->wire->version) {
        on_answer(federation, visit, state);
    } else if (state->version < G_MAXUINT64) {
        // This platform has lost its store: the agent holds something of an earlier life.
        federation->visit_version = MAX(federation->visit_version, state->version);
        WireVisit *wire = message_copy(&visit->wire->base);
        change(federation, sender->id, wire);
        wire_free(wire);
    }
}

void visit_repeat(Federation *federation, const char *sae, const char *agent)
{
    Visit *visit = find(federation, sae, agent);
    if (!visit)
        return;
    visit->repeat_us = REPEAT_FIRST_US;
    federation_send(federation, KIND_VISIT, agent, &visit->wire->base);
}

void visit_turn_away(Federation *federation, const char *sae, const char *agent, Status status,
                     const char *text)
{
    WireVisit wire = WIRE_VISIT_INIT;
    wire.sae = (char *)sae;
    wire.status = status;
    wire.text = (char *)text;
    federation_send(federation, KIND_VISIT, agent, &wire.base);
}

// --- what follows from where it is ---------------------------------------------------------------

// Of one application; to be freed, not what it points at.
static GPtrArray *list_of(const Federation *federation, const char *sae)
{
    GPtrArray *visits = g_ptr_array_new();
    g_autofree char *first = visit_id(sae, "");
    GTreeNode *node = g_tree_lower_bound(federation->visits, first);
    for (; node && g_str_has_prefix(g_tree_node_key(node), first); node = g_tree_node_next(node))
        g_ptr_array_add(visits, g_tree_node_value(node));
    return visits;
}

void visit_end_all(Federation *federation, const char *sae)
{
    g_autoptr(GPtrArray) visits = list_of(federation, sae);
    for (guint i = 0; i < visits->len; i++) {
        Visit *visit = visits->pdata[i];
        // Its home has dropped it by itself.
        if (strcmp(visit->agent, visit->wire->home) == 0)
            forget(federation, visit);
        else
            visit_end(federation, sae, visit->agent);
    }
}

void visit_follow(Federation *federation, const Application *application)
{
    const Provider *at = attachment_provider(application), *home = application->home;
    g_autoptr(GPtrArray) visits = list_of(federation, application->sae);
    for (guint i = 0; i < visits->len; i++) {
        const Visit *visit = visits->pdata[i];
        if (strcmp(visit->agent, at->id) != 0 && strcmp(visit->agent, home->id) != 0)
            visit_end(federation, application->sae, visit->agent);
    }
    if (at != home) {
        visit_tell(federation, application, at, attachment_node(application), TRUE);
        visit_end(federation, application->sae, home->id);
    } else if (find(federation, application->sae, home->id)) {
        visit_tell(federation, application, home, attachment_node(application), TRUE);
    }
}

// --- store ---------------------------------------------------------------------------------------

static void restore(Federation *federation, const char *id, const Platform__State__Visit *state)
{
    if (!member_find(federation, state->agent)) {
        federation_drop_later(federation, "visit", id);
        return;
    }
    Visit *visit = visit_add(federation, id, state->agent);
    visit->wire = message_copy(&state->visit->base);
    visit->is_answered = state->is_answered;
    visit->repeat_us = REPEAT_FIRST_US;
    federation->visit_version = MAX(federation->visit_version, visit->wire->version);
    if (!visit->is_answered)
        timers_arm(federation->timers, TIMER_VISIT, id, federation->now);
}

static void load_visit(gpointer data, GBytes *key, GBytes *value)
{
    RecordLoading *loading = data;
    Federation *federation = loading->core;
    g_autofree char *id = record_name(key);
    Platform__State__Visit *state = record_unpack(&platform__state__visit__descriptor, value);
    if (state && state->visit)
        restore(federation, id, state);
    else
        record_fail(loading, "visit", id, "is damaged");
    wire_free(state);
}

gboolean visit_load(Federation *federation, GError **error)
{
    return record_load(federation->store, "visit", load_visit, federation, error);
}
