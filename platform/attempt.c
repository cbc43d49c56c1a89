// SPDX-License-Identifier: Apache-2.0
//
// What is tried for a request. An attempt that fails is voided at everyone who took part, and the
// request goes back to ROUTED without the culprit, until its deadline.

#include "platform/conduct.h"
#include "platform/handover.h"
#include "platform/member.h"
#include "platform/request.h"

#include <string.h>

#define ATTEMPTS_MAX 16

// Who is gone or silent may come back: so often it is looked for another way while there is none.
#define RETRY_US (250 * G_TIME_SPAN_MILLISECOND)

// An end that has no room is asked again after this, then after twice as long, and so on.
#define BUSY_FIRST_US  (100 * G_TIME_SPAN_MILLISECOND)
#define BUSY_DOUBLINGS 4

static void order_parts(Federation *federation, Request *request)
{
    request_enter(federation, request, REQUEST_ORDERED);
    rows_on_orders(federation, request);
    request_send_parts(federation, request->parts);
    request->ordered_at_us = federation->now;
    gint64 attempt_us = (gint64)federation->config->attempt_ms * G_TIME_SPAN_MILLISECOND;
    timers_arm(federation->timers, TIMER_ATTEMPT, request->id,
               MIN(federation->now + attempt_us, request->deadline_us));
    request->repeat_us = REQUEST_REPEAT_FIRST_US;
    request_arm_repeat(federation, request);
}

// Whether what stands in the way may pass by itself.
static gboolean may_pass(const Federation *federation, const Request *request, Status status)
{
    if (request->last_failure == 0)
        return status == STATUS_NO_ROUTE && federation_is_settling(federation);
    return request->last_failure == STATUS_EXPIRED || request->last_failure == STATUS_INTERNAL;
}

// Looks again later, and then also at those that have failed before.
static void wait_for_way(Federation *federation, Request *request)
{
    g_hash_table_remove_all(request->excluded_links);
    g_hash_table_remove_all(request->excluded_providers);
    request_exclude_asked(request);
    timers_arm(federation->timers, TIMER_ATTEMPT, request->id,
               MIN(federation->now + RETRY_US, request->deadline_us));
}

// Whoever of the two ends' providers is out, the initiator's first. NULL: none of them.
static char *explain_ends(const Federation *federation, const WireRequest *wire)
{
    const Application *initiator = directory_find(federation, wire->initiator);
    char *text =
        initiator ? member_explain(federation, attachment_provider(initiator)->id, TRUE) : NULL;
    for (gsize i = 0; !text && i < wire->n_targets; i++) {
        const Application *target = directory_find(federation, wire->targets[i]);
        if (target)
            text = member_explain(federation, attachment_provider(target)->id, FALSE);
    }
    return text;
}

// NULL: what the status itself says.
static char *explain_plan(const Federation *federation, const Request *request, Status status)
{
    if (status == STATUS_UNSUPPORTED)
        return g_strdup("the way there leads over more than 32 providers");
    return status == STATUS_NO_ROUTE ? explain_ends(federation, request->wire) : NULL;
}

void attempt_start(Federation *federation, Request *request)
{
    if (federation->now >= request->deadline_us) {
        request_reject(federation, request, STATUS_EXPIRED, request->last_text);
        return;
    }
    g_autofree char *why_not = NULL;
    Status status = plan_make(federation, request, &why_not);
    g_autofree char *text =
        why_not ? g_steal_pointer(&why_not) : explain_plan(federation, request, status);
    // A failed attempt says more than that there is no way around it.
    gboolean has_failed = request->last_failure != 0;
    if (status == STATUS_OK)
        order_parts(federation, request);
    else if (may_pass(federation, request, status))
        wait_for_way(federation, request);
    else
        request_reject(federation, request, has_failed ? request->last_failure : status,
                       has_failed ? request->last_text : text);
}

static gboolean is_end(Federation *federation, const Request *request, const char *provider)
{
    const Handover *handover =
        request->copy ? handover_find_running(federation, request->wire->initiator) : NULL;
    if (handover)
        return strcmp(handover->old_provider->id, provider) == 0 ||
               strcmp(handover->provider->id, provider) == 0;
    const Application *initiator = directory_find(federation, request->wire->initiator);
    if (initiator && attachment_is_with(initiator, provider))
        return TRUE;
    for (gsize i = 0; i < request->wire->n_targets; i++) {
        const Application *target = directory_find(federation, request->wire->targets[i]);
        if (target && attachment_is_with(target, provider))
            return TRUE;
    }
    return FALSE;
}

static void exclude_provider(Federation *federation, Request *request, const char *provider)
{
    if (!is_end(federation, request, provider))
        g_hash_table_add(request->excluded_providers, g_strdup(provider));
}

// Next time, not over the links that this agent was to use.
static void exclude_links(Request *request, const WireOrder *order)
{
    g_autoptr(GPtrArray) ranges = part_ranges(order);
    for (guint i = 0; i < ranges->len; i++)
        g_hash_table_add(request->excluded_links,
                         g_strdup(((WireSlotRange *)ranges->pdata[i])->link));
}

static void exclude_transits(Federation *federation, Request *request)
{
    for (guint i = 0; i < request->parts->len; i++)
        exclude_provider(federation, request, ((Part *)request->parts->pdata[i])->agent);
}

// Who changed a relay value is not known: none of those on the way to this target is trusted again,
// nor are the links, where there was nobody on the way.
static void exclude_path(Federation *federation, Request *request, const Part *target)
{
    gboolean has_transit = FALSE;
    for (gsize i = 0; i < target->order->n_branches; i++) {
        const WireBranch *branch = target->order->branches[i];
        if (branch->role != QKDNF__V1__BRANCH_ROLE__BRANCH_ROLE_TARGET)
            continue;
        for (gsize j = 1; j + 1 < branch->n_providers; j++) {
            has_transit |= !is_end(federation, request, branch->providers[j]);
            exclude_provider(federation, request, branch->providers[j]);
        }
    }
    if (!has_transit)
        exclude_links(request, target->order);
}

static gboolean is_target(const Part *part)
{
    for (gsize i = 0; i < part->order->n_branches; i++) {
        if (part->order->branches[i]->role == QKDNF__V1__BRANCH_ROLE__BRANCH_ROLE_TARGET)
            return TRUE;
    }
    return FALSE;
}

static gboolean is_of_slots(guint status)
{
    return status == STATUS_SLOT_USED || status == STATUS_SLOT_UNKNOWN;
}

// Whatever somebody on the way says, it is not asked again: nobody can stop a request that has
// another way, nor make others go.
static void learn(Federation *federation, Request *request, const Part *culprit, Status status)
{
    // The next attempt gets other slots; if these are not good either, it is the link.
    gboolean is_link =
        status == STATUS_QKDN_FAILED || (is_of_slots(status) && is_of_slots(request->last_failure));
    if (!is_end(federation, request, culprit->agent))
        exclude_provider(federation, request, culprit->agent);
    else if (status == STATUS_TAG_MISMATCH && is_target(culprit))
        exclude_path(federation, request, culprit);
    else if (is_link)
        exclude_links(request, culprit->order);
}

// There is no way around an end: only time helps, where enough of it is left.
static void wait_for_room(Federation *federation, Request *request)
{
    guint n_doublings = MIN(request->attempt - 1, BUSY_DOUBLINGS);
    gint64 again_us = federation->now + (BUSY_FIRST_US << n_doublings);
    if (again_us < request->deadline_us)
        timers_arm(federation->timers, TIMER_ATTEMPT, request->id, again_us);
    else
        request_reject(federation, request, STATUS_BUSY, request->last_text);
}

// Who says so at an end will say so again.
static gboolean is_final_word(Status status)
{
    return status == STATUS_BAD_REQUEST || status == STATUS_NO_AGREEMENT ||
           status == STATUS_QUOTA_USED;
}

static void attempt_failed(Federation *federation, Request *request, Status status,
                           const char *culprit, const char *text)
{
    request->last_failure = status;
    g_free(request->last_text);
    request->last_text = g_strdup_printf("%s: %s", culprit, text);
    g_auto(GStrv) old_path = plan_path(request, 0);
    request_release_attempt(federation, request, QKDNF__V1__DISPOSITION__DISPOSITION_VOID);
    if (federation->now >= request->deadline_us) {
        request_reject(federation, request, STATUS_EXPIRED, request->last_text);
        return;
    }
    gboolean is_hopeless = is_final_word(status) && is_end(federation, request, culprit);
    if (request->attempt + 1 >= ATTEMPTS_MAX || is_hopeless) {
        request_reject(federation, request, status, request->last_text);
        return;
    }
    // Durable before it is tried: a platform that restarts must not give the number again.
    request->attempt++;
    request_enter(federation, request, REQUEST_ROUTED);
    if (status == STATUS_BUSY && is_end(federation, request, culprit)) {
        wait_for_room(federation, request);
        return;
    }
    attempt_start(federation, request);
    if (request->state != REQUEST_ORDERED)
        return;
    g_auto(GStrv) new_path = plan_path(request, 0);
    request_event(federation, request,
                  &(EventHead){.severity = QKDNF__V1__SEVERITY__SEVERITY_WARNING,
                               .name = "request.rerouted",
                               .cause = request->last_text,
                               .old_path = old_path,
                               .new_path = new_path});
}

static void attempt_timed_out(Federation *federation, Request *request)
{
    g_autofree char *agents = NULL;
    gboolean is_end_waiting = TRUE;
    ratings_on_timeout(federation, request);
    for (guint i = 0; i < request->parts->len; i++) {
        const Part *part = request->parts->pdata[i];
        if (part->is_answered)
            continue;
        fault_on_order(federation, part->agent, STATUS_EXPIRED);
        is_end_waiting &= is_end(federation, request, part->agent);
        exclude_provider(federation, request, part->agent);
        char *more = agents ? g_strconcat(agents, ", ", part->agent, NULL) : g_strdup(part->agent);
        g_free(agents);
        agents = more;
    }
    // Somebody on the way may have said that all is well, and kept back its relay value.
    if (is_end_waiting)
        exclude_transits(federation, request);
    attempt_failed(federation, request, STATUS_EXPIRED, agents ? agents : "platform",
                   "no answer in time");
}

void attempt_on_timer(Federation *federation, Request *request)
{
    if (request->state == REQUEST_ORDERED)
        attempt_timed_out(federation, request);
    else if (request->state == REQUEST_ROUTED)
        attempt_start(federation, request);
}

static Part *find_part(const GPtrArray *parts, const char *agent, guint attempt)
{
    for (guint i = 0; i < parts->len; i++) {
        Part *part = parts->pdata[i];
        guint of = part->order ? part->order->attempt : part->release->attempt;
        if (of == attempt && strcmp(part->agent, agent) == 0)
            return part;
    }
    return NULL;
}

static gboolean all_answered(const Request *request)
{
    for (guint i = 0; i < request->parts->len; i++) {
        if (!((Part *)request->parts->pdata[i])->is_answered)
            return FALSE;
    }
    return TRUE;
}

static void on_order_outcome(Federation *federation, Request *request, const char *agent,
                             const WireOutcome *outcome)
{
    Part *part = find_part(request->parts, agent, outcome->attempt);
    if (request->state != REQUEST_ORDERED || !part || part->is_answered)
        return;
    part->is_answered = TRUE;
    part->answered_at_us = federation->now;
    fault_on_order(federation, agent, (Status)outcome->status);
    if (outcome->status != STATUS_OK) {
        ratings_on_refusal(federation, request, part, (Status)outcome->status);
        // It has not done its part: what that would have used is given back.
        part->is_answered = FALSE;
        learn(federation, request, part, outcome->status);
        const char *text = outcome->text[0] ? outcome->text : status_text((Status)outcome->status);
        attempt_failed(federation, request, outcome->status, agent, text);
    } else if (all_answered(request)) {
        request_grant(federation, request);
    }
}

static void on_release_outcome(Federation *federation, Request *request, const char *agent,
                               const WireOutcome *outcome)
{
    Part *part = find_part(request->releases, agent, outcome->attempt);
    if (!part)
        return;
    gboolean was_given_back = part->given_back != NULL;
    if (outcome->is_used)
        request_use_after_all(federation, part);
    request_drop_release(federation, request, part);
    gboolean is_over = request->releases->len == 0 && request_is_final(request);
    // Durable with what it counted, or it would be counted again when the agent is asked again.
    if (was_given_back || is_over)
        request_save(federation, request);
    if (is_over) {
        timers_disarm(federation->timers, TIMER_REPEAT, request->id);
        // Nobody asks for it again.
        if (request->session)
            timers_arm_loosely(federation->timers, TIMER_FORGET, request->id, federation->now);
    }
}

void request_on_outcome(gpointer data, const Sender *sender, gconstpointer message)
{
    Federation *federation = data;
    const WireOutcome *outcome = message;
    Request *request = g_hash_table_lookup(federation->requests, outcome->request);
    if (!request)
        return;
    if (outcome->stage == QKDNF__V1__OUTCOME_STAGE__OUTCOME_STAGE_RELEASE)
        on_release_outcome(federation, request, sender->id, outcome);
    else
        on_order_outcome(federation, request, sender->id, outcome);
}

void request_on_member_lost(Federation *federation, const char *member)
{
    g_auto(GStrv) ids = affected_find(federation->running, BY_PROVIDER, member);
    for (char **id = ids; *id; id++) {
        Request *request = g_hash_table_lookup(federation->requests, *id);
        const Part *part = find_part(request->parts, member, request->attempt);
        if (request->state != REQUEST_ORDERED || !part || part->is_answered)
            continue;
        // What an administrator stops is not its doing.
        if (member_state(federation, member) == MEMBER(ACTIVE))
            ratings_on_refusal(federation, request, part, STATUS_EXPIRED);
        exclude_provider(federation, request, member);
        attempt_failed(federation, request, STATUS_EXPIRED, member, "it is gone");
    }
}

gboolean request_concerns(const Federation *federation, const char *member)
{
    return affected_count(federation->running, BY_PROVIDER, member) > 0 ||
           affected_count(federation->running, BY_RELEASE, member) > 0;
}

gboolean request_is_under(const Federation *federation, const char *member, const Provider *buyer)
{
    gboolean is_under = FALSE;
    g_auto(GStrv) ids = affected_find(federation->running, BY_PROVIDER, member);
    for (char **id = ids; *id && !is_under; id++) {
        const Request *request = g_hash_table_lookup(federation->requests, *id);
        const Part *part = find_part(request->parts, member, request->attempt);
        is_under = part && (!buyer || strcmp(part->order->buyer, buyer->id) == 0);
    }
    return is_under;
}

GHashTable *request_companions(const Federation *federation, const char *member)
{
    GHashTable *companions = g_hash_table_new(g_str_hash, g_str_equal);
    g_auto(GStrv) ids = affected_find(federation->running, BY_PROVIDER, member);
    for (char **id = ids; *id; id++) {
        const Request *request = g_hash_table_lookup(federation->requests, *id);
        for (guint i = 0; i < request->parts->len; i++)
            g_hash_table_add(companions, ((Part *)request->parts->pdata[i])->agent);
    }
    return companions;
}
