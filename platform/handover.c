// SPDX-License-Identifier: Apache-2.0
//
// Mobility handover: REQUESTED → AUTHORISED → PREPARED → SWITCHED → RELEASED | REFUSED |
// FALLEN_BACK. Make before break: the old KME serves until the application has come to the new one.
// Who simply calls at another provider moves in the same way, but need not be waited for.

#include "platform/handover.h"

#include <string.h>

// As long as repeats of what was asked can arrive.
#define KEEP_US (3 * G_TIME_SPAN_MINUTE)

// Once it is switched, the old agent has this long at least to answer; it is told for longer.
#define RELEASE_US (10 * G_TIME_SPAN_SECOND)

// What waits for nothing but time, such as a copy to be tried again, is looked at this often.
#define LOOK_US (500 * G_TIME_SPAN_MILLISECOND)

// --- phases --------------------------------------------------------------------------------------

// Each becomes an event "handover.NAME".
static const char *const phase_names[N_HANDOVER_PHASES] = {
    [HANDOVER(REQUESTED)] = "handover.requested", [HANDOVER(AUTHORISED)] = "handover.authorised",
    [HANDOVER(PREPARED)] = "handover.prepared",   [HANDOVER(SWITCHED)] = "handover.switched",
    [HANDOVER(RELEASED)] = "handover.released",   [HANDOVER(FALLEN_BACK)] = "handover.fallen-back",
};

#define TO(phase) (1u << HANDOVER(phase))
static const guint edges[N_HANDOVER_PHASES] = {
    [HANDOVER(UNSPECIFIED)] = TO(REQUESTED),
    [HANDOVER(REQUESTED)] = TO(AUTHORISED),
    [HANDOVER(AUTHORISED)] = TO(PREPARED) | TO(FALLEN_BACK),
    [HANDOVER(PREPARED)] = TO(SWITCHED) | TO(FALLEN_BACK),
    [HANDOVER(SWITCHED)] = TO(RELEASED),
};

gboolean handover_is_over(const Handover *handover)
{
    return edges[handover->phase] == 0;
}

// A platform that has started again may have an earlier clock.
static gint64 lasted_us(const Federation *federation, const Handover *handover)
{
    return MAX(federation->now - handover->asked_at_us, 0);
}

void handover_send_state(Federation *federation, const Handover *handover, const char *to)
{
    gboolean is_old = handover->phase < HANDOVER(PREPARED) || handover->phase > HANDOVER(RELEASED);
    const Application *application = directory_find(federation, handover->sae);
    const Provider *old = application ? attachment_provider(application) : handover->old_provider;
    const Provider *at = is_old ? old : handover->provider;
    WireHandoverState state = WIRE_HANDOVER_STATE_INIT;
    state.id = handover->id;
    state.sae = handover->sae;
    state.phase = handover->phase;
    state.status = handover->status;
    state.text = handover->text ? handover->text : (char *)"";
    state.provider = at->id;
    const char *old_node = application ? attachment_node(application) : handover->old_node;
    state.node = is_old ? (char *)old_node : handover->node;
    state.kme_url = at->resource ? at->resource->kme_url : (char *)"";
    state.kme_id = at->resource ? at->resource->kme_id : (char *)"";
    state.n_sessions = handover_n_sessions(handover);
    state.duration_us = (guint64)lasted_us(federation, handover);
    federation_send(federation, KIND_HANDOVER_STATE, to, &state.base);
}

static void send_state(Federation *federation, const Handover *handover)
{
    handover_send_state(federation, handover, handover->sae);
    if (handover->sender[0] && strcmp(handover->sender, handover->sae) != 0)
        handover_send_state(federation, handover, handover->sender);
}

static void emit(Federation *federation, const Handover *handover)
{
    gboolean is_bad = handover->phase == HANDOVER(FALLEN_BACK);
    char *old_path[] = {handover->old_provider->id, NULL};
    char *new_path[] = {handover->provider->id, NULL};
    federation_event(federation,
                     &(EventHead){.severity = is_bad ? QKDNF__V1__SEVERITY__SEVERITY_WARNING
                                                     : QKDNF__V1__SEVERITY__SEVERITY_INFO,
                                  .name = phase_names[handover->phase],
                                  .subject = handover->sae,
                                  .cause = handover->text,
                                  .old_path = old_path,
                                  .new_path = new_path,
                                  .duration_us = lasted_us(federation, handover)},
                     "handover %s from node %s to node %s", handover->id, handover->old_node,
                     handover->node);
}

void handover_enter(Federation *federation, Handover *handover, HandoverPhase phase)
{
    g_assert(edges[handover->phase] & (1u << phase));
    handover->phase = phase;
    if (handover_is_over(handover)) {
        handover->forget_at_us = MAX(federation->now, handover->deadline_us) + KEEP_US;
        timers_arm(federation->timers, TIMER_HANDOVER, handover->id, handover->forget_at_us);
    }
    handover_save(federation, handover);
    send_state(federation, handover);
    if (phase >= HANDOVER(PREPARED))
        emit(federation, handover);
}

// --- life ----------------------------------------------------------------------------------------

void handover_free(gpointer data)
{
    Handover *handover = data;
    g_free(handover->id);
    g_free(handover->sender);
    g_free(handover->sae);
    g_free(handover->text);
    g_free(handover->node);
    g_free(handover->old_node);
    g_ptr_array_unref(handover->moves);
    g_free(handover);
}

Handover *handover_new(Federation *federation, const char *id, const char *sender, const char *sae)
{
    Handover *handover = g_new0(Handover, 1);
    handover->id = g_strdup(id);
    handover->sender = g_strdup(sender);
    handover->sae = g_strdup(sae);
    handover->repeat_us = HANDOVER_REPEAT_FIRST_US;
    handover->moves = g_ptr_array_new_with_free_func(handover_move_free);
    g_hash_table_insert(federation->handovers, handover->id, handover);
    GPtrArray *of = g_hash_table_lookup(federation->handovers_of, sae);
    if (!of) {
        of = g_ptr_array_new();
        g_hash_table_insert(federation->handovers_of, g_strdup(sae), of);
    }
    g_ptr_array_add(of, handover);
    return handover;
}

static void handover_forget(Federation *federation, Handover *handover)
{
    GPtrArray *of = g_hash_table_lookup(federation->handovers_of, handover->sae);
    g_ptr_array_remove(of, handover);
    if (of->len == 0)
        g_hash_table_remove(federation->handovers_of, handover->sae);
    store_delete_text(federation->store, "handover", handover->id);
    g_hash_table_remove(federation->handovers, handover->id);
}

guint handover_n_of(const Federation *federation, const char *sae)
{
    const GPtrArray *of = g_hash_table_lookup(federation->handovers_of, sae);
    return of ? of->len : 0;
}

Handover *handover_find_running(const Federation *federation, const char *sae)
{
    const GPtrArray *of = g_hash_table_lookup(federation->handovers_of, sae);
    for (guint i = 0; of && i < of->len; i++) {
        if (!handover_is_over(of->pdata[i]))
            return of->pdata[i];
    }
    return NULL;
}

// --- the steps -----------------------------------------------------------------------------------

static void set_text(Handover *handover, Status status, const char *text)
{
    handover->status = status;
    g_free(handover->text);
    handover->text = g_strdup(text);
}

void handover_fail(Federation *federation, Handover *handover, Status status, const char *text)
{
    Application *application = directory_find(federation, handover->sae);
    set_text(handover, status, text);
    if (application)
        visit_follow(federation, application);
    else
        visit_end(federation, handover->sae, handover->provider->id);
    handover->is_freezing = FALSE;
    handover_return_sessions(federation, handover);
    gboolean is_stranded = application && handover->is_forced;
    gboolean is_tried = is_stranded && handover->provider == application->home;
    if (is_tried)
        attachment_fall(federation, application);
    handover_enter(federation, handover, HANDOVER(FALLEN_BACK));
    if (is_stranded && !is_tried)
        attachment_leave(federation, application);
}

// Only the node changes: there is no other KME that the application would have to call at.
static gboolean is_within(const Handover *handover)
{
    return handover->provider == handover->old_provider;
}

static void release(Federation *federation, Handover *handover)
{
    const char *old = handover->old_provider->id;
    gboolean is_late = federation->now >= handover->deadline_us;
    if (!is_late && !is_within(handover) &&
        (!visit_is_answered(federation, handover->sae, old) ||
         !handover_has_left_sessions(handover)))
        return;
    handover_enter(federation, handover, HANDOVER(RELEASED));
}

static void switch_over(Federation *federation, Handover *handover, Application *application)
{
    attachment_move(federation, application, handover->provider, handover->node);
    application->left = handover->old_provider;
    application->left_us = federation->now;
    visit_follow(federation, application);
    if (!is_within(handover))
        handover_switch_sessions(federation, handover);
    set_text(handover, STATUS_OK, NULL);
    handover->deadline_us = MAX(handover->deadline_us, federation->now + RELEASE_US);
    timers_arm(federation->timers, TIMER_HANDOVER, handover->id, handover->deadline_us);
    handover_enter(federation, handover, HANDOVER(SWITCHED));
    release(federation, handover);
}

// It is prepared: does the application come, or need it not be waited for?
static void wait_for_call(Federation *federation, Handover *handover, Application *application)
{
    if (!handover->has_called && !handover->is_by_operator && !is_within(handover))
        return;
    if (!handover->is_freezing) {
        handover->is_freezing = TRUE;
        handover_save(federation, handover);
    }
    if (is_within(handover) || handover_freeze_sessions(federation, handover))
        switch_over(federation, handover, application);
}

// At home, at its own node, an agent needs to be told nothing about an own user that was not away.
static void prepare(Federation *federation, Handover *handover, Application *application)
{
    gboolean is_told = handover->provider != application->home || !is_within(handover);
    if (is_told)
        visit_tell(federation, application, handover->provider, handover->node,
                   is_within(handover));
    if (is_told && !visit_is_answered(federation, handover->sae, handover->provider->id))
        return;
    if (!is_within(handover) && !handover_prepare_sessions(federation, handover))
        return;
    handover_enter(federation, handover, HANDOVER(PREPARED));
    wait_for_call(federation, handover, application);
}

// Does what can be done now. Also after a restart: whatever was done is not done again.
void handover_proceed(Federation *federation, Handover *handover)
{
    Application *application = directory_find(federation, handover->sae);
    if (handover->phase == HANDOVER(SWITCHED)) {
        release(federation, handover);
    } else if (!application) {
        handover_fail(federation, handover, STATUS_UNKNOWN_SAE,
                      "its home does not vouch for it any more");
    } else if (attachment_is_lost(federation, handover->provider)) {
        handover_fail(federation, handover, STATUS_NO_ROUTE,
                      "where it goes takes no part any more");
    } else if (federation->now >= handover->deadline_us) {
        gboolean is_ready = handover->phase == HANDOVER(PREPARED);
        handover_fail(federation, handover, STATUS_EXPIRED,
                      is_ready ? "the application did not come in time"
                               : "it could not be prepared in time");
    } else if (handover->phase == HANDOVER(PREPARED)) {
        if (is_within(handover) || handover->is_freezing ||
            handover_prepare_sessions(federation, handover))
            wait_for_call(federation, handover, application);
    } else {
        prepare(federation, handover, application);
    }
    if (!handover_is_over(handover))
        timers_arm(federation->timers, TIMER_HANDOVER, handover->id,
                   MIN(handover->deadline_us, federation->now + LOOK_US));
}

void handover_on_timer(Federation *federation, TimerId timer, const char *id)
{
    Handover *handover = g_hash_table_lookup(federation->handovers, id);
    if (handover && timer == TIMER_MOVE)
        handover_repeat_legs(federation, handover);
    else if (handover && handover_is_over(handover))
        handover_forget(federation, handover);
    else if (handover)
        handover_proceed(federation, handover);
}

void handover_on_visit(Federation *federation, const char *sae, const char *agent, Status status,
                       const char *text)
{
    Handover *handover = handover_find_running(federation, sae);
    Application *application = directory_find(federation, sae);
    gboolean is_goal = handover && handover->phase < HANDOVER(SWITCHED) &&
                       strcmp(handover->provider->id, agent) == 0;
    if (is_goal && status != STATUS_OK)
        handover_fail(federation, handover, status, text);
    else if (handover && (is_goal || handover->phase == HANDOVER(SWITCHED)))
        handover_proceed(federation, handover);
    // It serves it already, and does not want to any more.
    if (!is_goal && status != STATUS_OK && application && attachment_is_with(application, agent))
        attachment_leave(federation, application);
}
