// SPDX-License-Identifier: Apache-2.0
//
// The life of a key request: RECEIVED → ROUTED → ORDERED → GRANTED | REJECTED | EXPIRED. An attempt
// that fails is voided at everyone who took part, and the request goes back to ROUTED without the
// culprit, until its deadline. A final answer is repeated to whoever asks again.

#include "platform/request.h"

#include "topics/base/id.h"

#include <string.h>

#define REPEAT_FIRST_US (250 * G_TIME_SPAN_MILLISECOND)
#define REPEAT_MAX_US   (30 * G_TIME_SPAN_SECOND)
#define ATTEMPTS_MAX    16

// A request that arrives again later than this is taken for expired before it gets here.
#define KEEP_US (3 * G_TIME_SPAN_MINUTE)

// Releases are repeated this long to an agent that does not answer.
#define RELEASE_US (24 * G_TIME_SPAN_HOUR)

// --- states
// ---------------------------------------------------------------------------------------

static const char *const state_names[N_REQUEST_STATES] = {
    [REQUEST_RECEIVED] = "received", [REQUEST_ROUTED] = "routed",     [REQUEST_ORDERED] = "ordered",
    [REQUEST_GRANTED] = "granted",   [REQUEST_REJECTED] = "rejected", [REQUEST_EXPIRED] = "expired",
};

#define TO(state) (1u << (state))
static const guint edges[N_REQUEST_STATES] = {
    [REQUEST_RECEIVED] = TO(REQUEST_ROUTED) | TO(REQUEST_REJECTED),
    [REQUEST_ROUTED] = TO(REQUEST_ORDERED) | TO(REQUEST_REJECTED),
    [REQUEST_ORDERED] =
        TO(REQUEST_ROUTED) | TO(REQUEST_GRANTED) | TO(REQUEST_REJECTED) | TO(REQUEST_EXPIRED),
};

// The only place where the state changes.
static void request_enter(Federation *federation, Request *request, RequestState state)
{
    g_assert(edges[request->state] & TO(state));
    request->state = state;
    request_save(federation, request);
}

static gboolean is_final(const Request *request)
{
    return request->reply != NULL;
}

// --- life
// -----------------------------------------------------------------------------------------

Part *part_new(const char *agent, const WireOrder *order, const WireRelease *release)
{
    Part *part = g_new0(Part, 1);
    part->agent = g_strdup(agent);
    part->order = order ? message_copy(&order->base) : NULL;
    part->release = release ? message_copy(&release->base) : NULL;
    return part;
}

static void part_free(gpointer data)
{
    Part *part = data;
    g_free(part->agent);
    wire_free(part->order);
    wire_free(part->release);
    g_free(part);
}

Request *request_new(Federation *federation, const char *sender, const WireRequest *wire)
{
    Request *request = g_new0(Request, 1);
    request->id = g_strdup(wire->id);
    request->sender = g_strdup(sender);
    request->wire = message_copy(&wire->base);
    request->parts = g_ptr_array_new_with_free_func(part_free);
    request->releases = g_ptr_array_new_with_free_func(part_free);
    request->excluded_providers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    request->excluded_links = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    request->repeat_us = REPEAT_FIRST_US;
    g_hash_table_insert(federation->requests, request->id, request);
    return request;
}

void request_free(gpointer data)
{
    Request *request = data;
    g_free(request->id);
    g_free(request->sender);
    wire_free(request->wire);
    g_ptr_array_unref(request->parts);
    g_ptr_array_unref(request->releases);
    g_hash_table_unref(request->excluded_providers);
    g_hash_table_unref(request->excluded_links);
    g_free(request->last_text);
    wire_free(request->reply);
    g_free(request);
}

guint request_n_running(const Federation *federation, const char *sender)
{
    return GPOINTER_TO_UINT(g_hash_table_lookup(federation->n_running, sender));
}

static void count_running(Federation *federation, const char *sender, int change)
{
    guint n = request_n_running(federation, sender) + (guint)change;
    if (n > 0)
        g_hash_table_insert(federation->n_running, g_strdup(sender), GUINT_TO_POINTER(n));
    else
        g_hash_table_remove(federation->n_running, sender);
}

// --- saying it
// ------------------------------------------------------------------------------------

static void send_parts(Federation *federation, const GPtrArray *parts)
{
    for (guint i = 0; i < parts->len; i++) {
        const Part *part = parts->pdata[i];
        if (part->order)
            federation_send(federation, KIND_ORDER, part->agent, &part->order->base);
        else
            federation_send(federation, KIND_RELEASE, part->agent, &part->release->base);
    }
}

static void arm_repeat(Federation *federation, Request *request)
{
    timers_arm(federation->timers, TIMER_REPEAT, request->id, federation->now + request->repeat_us);
    request->repeat_us = MIN(2 * request->repeat_us, REPEAT_MAX_US);
}

static void request_event(Federation *federation, const Request *request, const char *name,
                          Qkdnf__V1__Severity severity, const char *cause, char **old_path)
{
    g_auto(GStrv) path = plan_path(request, 0);
    EventHead head = {
        .severity = severity,
        .name = name,
        .subject = request->id,
        .cause = cause,
        .old_path = old_path,
        .new_path = path,
        .duration_us = federation->now - request->received_at_us,
    };
    federation_event(federation, &head, "%s for %s, attempt %u", state_names[request->state],
                     request->wire->initiator, request->attempt);
}

// --- releases
// -------------------------------------------------------------------------------------

// All slots that an order gave to an agent, to be burned. To be freed, not what it points at.
static GPtrArray *ranges_of(const WireOrder *order)
{
    GPtrArray *ranges = g_ptr_array_new();
    for (gsize i = 0; i < order->n_branches; i++) {
        if (order->branches[i]->ingress)
            g_ptr_array_add(ranges, order->branches[i]->ingress);
        if (order->branches[i]->egress)
            g_ptr_array_add(ranges, order->branches[i]->egress);
    }
    return ranges;
}

static gboolean holds_keys(const WireOrder *order)
{
    for (gsize i = 0; i < order->n_branches; i++) {
        if (order->branches[i]->role != QKDNF__V1__BRANCH_ROLE__BRANCH_ROLE_TRANSIT)
            return TRUE;
    }
    return FALSE;
}

// Tells everyone who took part in the attempt, but for those whom a grant does not concern.
static void release_attempt(Federation *federation, Request *request,
                            Qkdnf__V1__Disposition disposition)
{
    gboolean is_void = disposition == QKDNF__V1__DISPOSITION__DISPOSITION_VOID;
    for (guint i = 0; i < request->parts->len; i++) {
        const Part *part = request->parts->pdata[i];
        if (!is_void && !holds_keys(part->order))
            continue;
        g_autoptr(GPtrArray) ranges = ranges_of(part->order);
        WireRelease release = WIRE_RELEASE_INIT;
        release.request = request->id;
        release.attempt = request->attempt;
        release.disposition = disposition;
        release.n_burn = is_void ? ranges->len : 0;
        release.burn = (WireSlotRange **)ranges->pdata;
        g_ptr_array_add(request->releases, part_new(part->agent, NULL, &release));
        federation_send(federation, KIND_RELEASE, part->agent, &release.base);
    }
    request->repeat_us = REPEAT_FIRST_US;
    arm_repeat(federation, request);
}

// --- final answers
// --------------------------------------------------------------------------------

static void send_reply(Federation *federation, const Request *request)
{
    federation_send(federation, KIND_REPLY, request->sender, &request->reply->base);
}

static void request_finish(Federation *federation, Request *request, RequestState state,
                           WireReply *reply)
{
    reply->attempts = request->attempt + 1;
    request->reply = message_copy(&reply->base);
    request->forget_at_us = federation->now + KEEP_US;
    count_running(federation, request->sender, -1);
    timers_disarm(federation->timers, TIMER_ATTEMPT, request->id);
    timers_arm(federation->timers, TIMER_FORGET, request->id, request->forget_at_us);
    send_reply(federation, request);
    request_enter(federation, request, state);
    gboolean is_granted = state == REQUEST_GRANTED;
    request_event(federation, request, is_granted ? "request.granted" : "request.rejected",
                  is_granted ? QKDNF__V1__SEVERITY__SEVERITY_INFO
                             : QKDNF__V1__SEVERITY__SEVERITY_WARNING,
                  is_granted ? NULL : reply->text, NULL);
    g_ptr_array_set_size(request->parts, 0);
}

static void reject(Federation *federation, Request *request, Status status, const char *text)
{
    WireReply reply = WIRE_REPLY_INIT;
    reply.id = request->id;
    reply.status = status;
    reply.text = (char *)(text ? text : status_text(status));
    g_autofree char *offer = NULL;
    if (status == STATUS_INSUFFICIENT_KEY) {
        plan_counter_offer(federation, request, &reply.available_number, &reply.available_in_ms);
        offer = g_strdup_printf("%s: %u of %u keys could be had now, all in %" G_GUINT64_FORMAT
                                " ms (0: never at present rates)",
                                status_text(status), reply.available_number, request->wire->number,
                                reply.available_in_ms);
        reply.text = offer;
    }
    request_finish(federation, request,
                   status == STATUS_EXPIRED && request->state == REQUEST_ORDERED ? REQUEST_EXPIRED
                                                                                 : REQUEST_REJECTED,
                   &reply);
}

static void grant(Federation *federation, Request *request)
{
    release_attempt(federation, request, QKDNF__V1__DISPOSITION__DISPOSITION_DELIVER);
    WireReply *reply = request_grant_reply(federation, request);
    request_finish(federation, request, REQUEST_GRANTED, reply);
    wire_free(reply);
}

// --- attempts
// -------------------------------------------------------------------------------------

static void start_attempt(Federation *federation, Request *request)
{
    Status status = plan_make(federation, request);
    if (status != STATUS_OK) {
        // A failed attempt says more than that there is no way around it.
        gboolean has_failed = request->last_failure != 0;
        reject(federation, request, has_failed ? request->last_failure : status,
               has_failed ? request->last_text : NULL);
        return;
    }
    request_enter(federation, request, REQUEST_ORDERED);
    send_parts(federation, request->parts);
    gint64 attempt_us = (gint64)federation->config->attempt_ms * G_TIME_SPAN_MILLISECOND;
    timers_arm(federation->timers, TIMER_ATTEMPT, request->id,
               MIN(federation->now + attempt_us, request->deadline_us));
    request->repeat_us = REPEAT_FIRST_US;
    arm_repeat(federation, request);
}

static gboolean is_end(Federation *federation, const Request *request, const char *provider)
{
    const Application *initiator = directory_find(federation, request->wire->initiator);
    if (initiator && strcmp(initiator->home->id, provider) == 0)
        return TRUE;
    for (gsize i = 0; i < request->wire->n_targets; i++) {
        const Application *target = directory_find(federation, request->wire->targets[i]);
        if (target && strcmp(target->home->id, provider) == 0)
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
    g_autoptr(GPtrArray) ranges = ranges_of(order);
    for (guint i = 0; i < ranges->len; i++)
        g_hash_table_add(request->excluded_links,
                         g_strdup(((WireSlotRange *)ranges->pdata[i])->link));
}

// Who changed or lost a relay value is not known: none of those on the way is trusted again, nor
// are the links, where there was nobody on the way.
static void exclude_path(Federation *federation, Request *request)
{
    gboolean has_transit = FALSE;
    for (guint i = 0; i < request->parts->len; i++) {
        const Part *part = request->parts->pdata[i];
        gboolean is_transit = !is_end(federation, request, part->agent);
        has_transit |= is_transit;
        exclude_provider(federation, request, part->agent);
    }
    for (guint i = 0; !has_transit && i < request->parts->len; i++)
        exclude_links(request, ((Part *)request->parts->pdata[i])->order);
}

static void learn(Federation *federation, Request *request, const Part *culprit, Status status)
{
    if (status == STATUS_TAG_MISMATCH)
        exclude_path(federation, request);
    else if (status == STATUS_SLOT_USED || status == STATUS_SLOT_UNKNOWN)
        return; // the next attempt gets other slots
    else if (!is_end(federation, request, culprit->agent))
        exclude_provider(federation, request, culprit->agent);
    else if (status == STATUS_QKDN_FAILED)
        exclude_links(request, culprit->order);
}

static void attempt_failed(Federation *federation, Request *request, Status status,
                           const char *culprit, const char *text)
{
    request->last_failure = status;
    g_free(request->last_text);
    request->last_text = g_strdup_printf("%s: %s", culprit, text);
    g_auto(GStrv) old_path = plan_path(request, 0);
    release_attempt(federation, request, QKDNF__V1__DISPOSITION__DISPOSITION_VOID);
    if (federation->now >= request->deadline_us) {
        reject(federation, request, STATUS_EXPIRED, request->last_text);
        return;
    }
    if (request->attempt + 1 >= ATTEMPTS_MAX || status == STATUS_BAD_REQUEST) {
        reject(federation, request, status, request->last_text);
        return;
    }
    request_enter(federation, request, REQUEST_ROUTED);
    request->attempt++;
    start_attempt(federation, request);
    if (!is_final(request))
        request_event(federation, request, "request.rerouted",
                      QKDNF__V1__SEVERITY__SEVERITY_WARNING, request->last_text, old_path);
}

static void attempt_timed_out(Federation *federation, Request *request)
{
    g_autofree char *agents = NULL;
    for (guint i = 0; i < request->parts->len; i++) {
        const Part *part = request->parts->pdata[i];
        if (part->is_answered)
            continue;
        exclude_provider(federation, request, part->agent);
        char *more = agents ? g_strconcat(agents, ", ", part->agent, NULL) : g_strdup(part->agent);
        g_free(agents);
        agents = more;
    }
    attempt_failed(federation, request, STATUS_EXPIRED, agents ? agents : "platform",
                   "no answer in time");
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
    if (outcome->status != STATUS_OK) {
        learn(federation, request, part, outcome->status);
        const char *text = outcome->text[0] ? outcome->text : status_text((Status)outcome->status);
        attempt_failed(federation, request, outcome->status, agent, text);
    } else if (all_answered(request)) {
        grant(federation, request);
    }
}

static void on_release_outcome(Federation *federation, Request *request, const char *agent,
                               const WireOutcome *outcome)
{
    Part *part = find_part(request->releases, agent, outcome->attempt);
    if (!part)
        return;
    g_ptr_array_remove(request->releases, part);
    if (request->releases->len == 0 && is_final(request)) {
        timers_disarm(federation->timers, TIMER_REPEAT, request->id);
        request_save(federation, request);
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
    g_autoptr(GList) requests = g_hash_table_get_values(federation->requests);
    for (GList *item = requests; item; item = item->next) {
        Request *request = item->data;
        const Part *part = find_part(request->parts, member, request->attempt);
        if (request->state != REQUEST_ORDERED || !part || part->is_answered)
            continue;
        exclude_provider(federation, request, member);
        attempt_failed(federation, request, STATUS_EXPIRED, member, "it is gone");
    }
}

// --- requests in
// ----------------------------------------------------------------------------------

// The request was never taken in: the same one again is judged again.
static void turn_away(Federation *federation, const Sender *sender, const WireRequest *wire,
                      const Verdict *verdict)
{
    WireReply reply = WIRE_REPLY_INIT;
    reply.id = wire->id;
    reply.status = verdict->status;
    reply.text = verdict->text;
    federation_send(federation, KIND_REPLY, sender->id, &reply.base);
}

static void take_in(Federation *federation, const Sender *sender, const WireRequest *wire)
{
    Request *request = request_new(federation, sender->id, wire);
    request->received_at_us = federation->now;
    request->deadline_us = federation->now + wire->timeout_ms * G_TIME_SPAN_MILLISECOND;
    for (gsize i = 0; i < wire->n_exclude; i++)
        g_hash_table_add(request->excluded_providers, g_strdup(wire->exclude[i]));
    count_running(federation, sender->id, 1);
    request_enter(federation, request, REQUEST_ROUTED);
    start_attempt(federation, request);
}

void request_on_request(gpointer data, const Sender *sender, gconstpointer message)
{
    Federation *federation = data;
    const WireRequest *wire = message;
    const Request *known = g_hash_table_lookup(federation->requests, wire->id);
    if (known) {
        if (is_final(known) && strcmp(known->sender, sender->id) == 0)
            send_reply(federation, known);
        return;
    }
    Verdict verdict = request_check(federation, sender, wire);
    if (verdict.status == STATUS_OK)
        take_in(federation, sender, wire);
    else
        turn_away(federation, sender, wire, &verdict);
    g_free(verdict.text);
}

// --- time
// -----------------------------------------------------------------------------------------

static void request_repeat(Federation *federation, Request *request)
{
    // All orders of the attempt, also answered ones: a target may still lack a relay value.
    if (request->state == REQUEST_ORDERED)
        send_parts(federation, request->parts);
    send_parts(federation, request->releases);
    if (request->state == REQUEST_ORDERED || request->releases->len > 0)
        arm_repeat(federation, request);
}

static void request_forget(Federation *federation, Request *request)
{
    gint64 give_up_us = request->forget_at_us + RELEASE_US;
    if (request->releases->len > 0 && federation->now < give_up_us) {
        timers_arm(federation->timers, TIMER_FORGET, request->id, federation->now + KEEP_US);
        return;
    }
    timers_disarm(federation->timers, TIMER_REPEAT, request->id);
    store_delete_text(federation->store, "request", request->id);
    g_hash_table_remove(federation->requests, request->id);
}

void request_on_timer(Federation *federation, TimerId timer, const char *id)
{
    Request *request = g_hash_table_lookup(federation->requests, id);
    if (!request)
        return;
    if (timer == TIMER_REPEAT)
        request_repeat(federation, request);
    else if (timer == TIMER_FORGET)
        request_forget(federation, request);
    else if (request->state == REQUEST_ORDERED)
        attempt_timed_out(federation, request);
}

// After a restart: goes on where it was. Agents take what they have done already for what it is.
void request_resume(Federation *federation, Request *request)
{
    if (is_final(request)) {
        timers_arm(federation->timers, TIMER_FORGET, request->id, request->forget_at_us);
    } else {
        count_running(federation, request->sender, 1);
        gint64 attempt_us = (gint64)federation->config->attempt_ms * G_TIME_SPAN_MILLISECOND;
        timers_arm(federation->timers, TIMER_ATTEMPT, request->id,
                   MIN(federation->now + attempt_us, request->deadline_us));
    }
    timers_arm(federation->timers, TIMER_REPEAT, request->id, federation->now);
}
