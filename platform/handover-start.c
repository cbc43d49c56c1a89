// SPDX-License-Identifier: Apache-2.0
//
// How a handover begins: it is asked for, the application comes to another provider's door by
// itself, or it cannot stay where it is.

#include "platform/handover.h"

#include "topics/base/id.h"

#include <string.h>

// What nobody has asked for may take this long: who comes by itself, and who cannot stay with an
// agent that may not serve any more.
#define UNASKED_US (20 * G_TIME_SPAN_SECOND)

// A call that was under way to the KME that the application has left does not move it back.
#define HOLD_DOWN_US (5 * G_TIME_SPAN_SECOND)

// --- what is asked for ---------------------------------------------------------------------------

typedef struct {
    const char *id;
    const char *sender; // empty: nobody
    gboolean is_by_operator;
    gboolean has_called;
    gboolean is_forced;
    gint64 timeout_us;
} Wish;

static void start(Federation *federation, Application *application, const HandoverGoal *goal,
                  const Wish *wish)
{
    Handover *handover = handover_new(federation, wish->id, wish->sender, application->sae);
    handover->status = STATUS_OK;
    handover->provider = goal->provider;
    handover->node = g_strdup(goal->node);
    handover->old_provider = attachment_provider(application);
    handover->old_node = g_strdup(attachment_node(application));
    handover->is_by_operator = wish->is_by_operator;
    handover->has_called = wish->has_called;
    handover->is_forced = wish->is_forced;
    handover->asked_at_us = federation->now;
    handover->deadline_us = federation->now + wish->timeout_us;
    handover_enter(federation, handover, HANDOVER(REQUESTED));
    handover_enter(federation, handover, HANDOVER(AUTHORISED));
    handover_proceed(federation, handover);
}

// Nobody has asked for it: the application comes by itself, or must go.
static void start_unasked(Federation *federation, Application *application,
                          const HandoverGoal *goal, gboolean is_forced)
{
    char id[UUID_CHARS + 1];
    uuid_new(federation->random, id);
    start(federation, application, goal,
          &(Wish){.id = id,
                  .sender = "",
                  .has_called = TRUE,
                  .is_forced = is_forced,
                  .timeout_us = UNASKED_US});
}

// What is refused was never begun, and leaves nothing behind.
static void refuse(Federation *federation, const Sender *sender, const WireHandover *wire,
                   const Verdict *verdict)
{
    WireHandoverState state = WIRE_HANDOVER_STATE_INIT;
    state.id = wire->id;
    state.sae = wire->sae[0] ? wire->sae : (char *)sender->id;
    state.phase = HANDOVER(REFUSED);
    state.status = verdict->status;
    state.text = verdict->text;
    federation_send(federation, KIND_HANDOVER_STATE, sender->id, &state.base);
    federation_event(federation,
                     &(EventHead){.severity = QKDNF__V1__SEVERITY__SEVERITY_WARNING,
                                  .name = "handover.refused",
                                  .subject = sender->id,
                                  .cause = status_name(verdict->status)},
                     "%s", verdict->text);
}

void handover_on_handover(gpointer data, const Sender *sender, gconstpointer message)
{
    Federation *federation = data;
    const WireHandover *wire = message;
    const Handover *known = g_hash_table_lookup(federation->handovers, wire->id);
    if (known && strcmp(known->sender, sender->id) == 0) {
        handover_send_state(federation, known, sender->id);
        return;
    }
    HandoverGoal goal = {NULL, NULL};
    Verdict verdict = known ? (Verdict){STATUS_NOT_ALLOWED, g_strdup("this ID is another's")}
                            : handover_check(federation, sender, wire, &goal);
    if (verdict.status != STATUS_OK) {
        refuse(federation, sender, wire, &verdict);
        g_free(verdict.text);
        return;
    }
    Application *application = directory_find(federation, wire->sae[0] ? wire->sae : sender->id);
    start(federation, application, &goal,
          &(Wish){.id = wire->id,
                  .sender = sender->id,
                  .is_by_operator = sender->role == ROLE_OPERATOR,
                  .timeout_us = wire->timeout_ms * G_TIME_SPAN_MILLISECOND});
}

// --- who cannot stay -----------------------------------------------------------------------------

void handover_take_home(Federation *federation, Application *application)
{
    Handover *running = handover_find_running(federation, application->sae);
    // Where it has come from is told on.
    if (running && running->phase == HANDOVER(SWITCHED)) {
        handover_enter(federation, running, HANDOVER(RELEASED));
        running = NULL;
    }
    if (!running) {
        HandoverGoal goal = {application->home, application->registration->node};
        start_unasked(federation, application, &goal, TRUE);
    } else if (!running->is_forced) {
        running->is_forced = TRUE;
        handover_save(federation, running);
    }
}

// --- who comes without being announced -----------------------------------------------------------

static Verdict check_door(const Federation *federation, const Application *application,
                          Provider *provider, HandoverGoal *ret_goal)
{
    if (!application)
        return (Verdict){STATUS_UNKNOWN_SAE, g_strdup("no provider vouches for it")};
    const Handover *running = handover_find_running(federation, application->sae);
    if (running)
        return (Verdict){STATUS_BUSY,
                         g_strdup_printf("it is under way to '%s'", running->provider->id)};
    if (application->left == provider && federation->now < application->left_us + HOLD_DOWN_US)
        return (Verdict){STATUS_BUSY, g_strdup_printf("it has moved to '%s' just now",
                                                      attachment_provider(application)->id)};
    return handover_check_goal(federation, application, provider, "", ret_goal);
}

// The agent has forgotten, or not heard yet, that it serves it.
static void tell_again(Federation *federation, const Application *application,
                       const Provider *provider)
{
    visit_tell(federation, application, provider, attachment_node(application), TRUE);
    visit_repeat(federation, application->sae, provider->id);
}

void handover_at_the_door(Federation *federation, const char *sae, const char *agent)
{
    Application *application = directory_find(federation, sae);
    Provider *provider = topology_find(federation->topology, agent);
    Handover *running = handover_find_running(federation, sae);
    HandoverGoal goal = {NULL, NULL};
    if (application && running && running->provider == provider &&
        running->phase < HANDOVER(SWITCHED)) {
        running->has_called = TRUE;
        handover_save(federation, running);
        handover_proceed(federation, running);
        return;
    }
    if (application && attachment_provider(application) == provider) {
        tell_again(federation, application, provider);
        return;
    }
    Verdict verdict = check_door(federation, application, provider, &goal);
    if (verdict.status == STATUS_OK)
        start_unasked(federation, application, &goal, FALSE);
    else
        visit_turn_away(federation, sae, agent, verdict.status, verdict.text);
    g_free(verdict.text);
}
