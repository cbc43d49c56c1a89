// SPDX-License-Identifier: Apache-2.0
//
// The life of a key request: RECEIVED → ROUTED → ORDERED → GRANTED | REJECTED | EXPIRED. What is
// tried for it is in attempt.c. A final answer is repeated to whoever asks again.

#include "platform/stream.h"
#include "topics/base/id.h"

#include <string.h>

#define REPEAT_MAX_US (30 * G_TIME_SPAN_SECOND)

// A request of the platform's own has the time of so many attempts.
#define OWN_ATTEMPTS 4

// A request that arrives again later than this is taken for expired before it gets here.
#define KEEP_US (3 * G_TIME_SPAN_MINUTE)

// Releases are repeated this long to an agent that does not answer.
#define RELEASE_US (24 * G_TIME_SPAN_HOUR)

// --- states --------------------------------------------------------------------------------------

static const char *const state_names[N_REQUEST_STATES] = {
    [REQUEST_RECEIVED] = "received", [REQUEST_ROUTED] = "routed",     [REQUEST_ORDERED] = "ordered",
    [REQUEST_GRANTED] = "granted",   [REQUEST_REJECTED] = "rejected", [REQUEST_EXPIRED] = "expired",
};

#define TO(state) (1u << (state))
static const guint edges[N_REQUEST_STATES] = {
    [REQUEST_RECEIVED] = TO(REQUEST_ROUTED) | TO(REQUEST_REJECTED),
    [REQUEST_ROUTED] = TO(REQUEST_ORDERED) | TO(REQUEST_REJECTED) | TO(REQUEST_EXPIRED),
    [REQUEST_ORDERED] =
        TO(REQUEST_ROUTED) | TO(REQUEST_GRANTED) | TO(REQUEST_REJECTED) | TO(REQUEST_EXPIRED),
};

// Whoever has a part in what is under way.
static void note_running(Federation *federation, const Request *request,
                         void (*note)(Affected *, AffectedBy, const char *, const char *))
{
    for (guint i = 0; i < request->parts->len; i++)
        note(federation->running, BY_PROVIDER, ((Part *)request->parts->pdata[i])->agent,
             request->id);
}

void request_enter(Federation *federation, Request *request, RequestState state)
{
    g_assert(edges[request->state] & TO(state));
    if (request->state == REQUEST_ORDERED)
        note_running(federation, request, affected_remove);
    if (state == REQUEST_ORDERED)
        note_running(federation, request, affected_add);
    // The orders of an answered request are of no use to anybody, and not stored for days.
    if (request_is_final(request))
        g_ptr_array_set_size(request->parts, 0);
    request->state = state;
    request_save(federation, request);
}

gboolean request_is_final(const Request *request)
{
    return request->reply != NULL;
}

// --- life ----------------------------------------------------------------------------------------

Part *part_new(const char *agent, const WireOrder *order, const WireRelease *release)
{
    Part *part = g_new0(Part, 1);
    part->agent = g_strdup(agent);
    part->order = order ? message_copy(&order->base) : NULL;
    part->release = release ? message_copy(&release->base) : NULL;
    return part;
}

guint64 part_bits(const WireOrder *order)
{
    return (guint64)order->number * order->size_bits * order->n_branches;
}

static void part_free(gpointer data)
{
    Part *part = data;
    g_free(part->agent);
    wire_free(part->order);
    wire_free(part->release);
    wire_free(part->given_back);
    g_free(part);
}

static void count(GHashTable *counts, const char *sender, int change)
{
    guint n = GPOINTER_TO_UINT(g_hash_table_lookup(counts, sender)) + (guint)change;
    if (n > 0)
        g_hash_table_insert(counts, g_strdup(sender), GUINT_TO_POINTER(n));
    else
        g_hash_table_remove(counts, sender);
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
    request->repeat_us = REQUEST_REPEAT_FIRST_US;
    g_hash_table_insert(federation->requests, request->id, request);
    count(federation->n_kept, sender, 1);
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
    wire_free(request->session);
    wire_free(request->copy);
    g_free(request);
}

guint request_n_running(const Federation *federation, const char *sender)
{
    return GPOINTER_TO_UINT(g_hash_table_lookup(federation->n_running, sender));
}

guint request_n_kept(const Federation *federation, const char *sender)
{
    return GPOINTER_TO_UINT(g_hash_table_lookup(federation->n_kept, sender));
}

// --- saying it -----------------------------------------------------------------------------------

void request_send_parts(Federation *federation, const GPtrArray *parts)
{
    for (guint i = 0; i < parts->len; i++) {
        const Part *part = parts->pdata[i];
        if (part->order)
            federation_send(federation, KIND_ORDER, part->agent, &part->order->base);
        else
            federation_send(federation, KIND_RELEASE, part->agent, &part->release->base);
    }
}

void request_arm_repeat(Federation *federation, Request *request)
{
    timers_arm_repeat(federation->timers, TIMER_REPEAT, request->id, federation->now,
                      &request->repeat_us, REPEAT_MAX_US);
}

void request_event(Federation *federation, const Request *request, const EventHead *what)
{
    EventHead head = *what;
    head.subject = request->id;
    head.duration_us = federation->now - request->received_at_us;
    federation_event(federation, &head, "%s for %s, attempt %u", state_names[request->state],
                     request->wire->initiator, request->attempt + 1);
}

// --- final answers -------------------------------------------------------------------------------

static void send_reply(Federation *federation, const Request *request)
{
    federation_send(federation, KIND_REPLY, request->sender, &request->reply->base);
}

// Takes the reply over.
static void request_answer(Federation *federation, Request *request, WireReply *reply)
{
    // What could not be ordered any more was no attempt.
    reply->attempts = request->attempt + (request->state == REQUEST_ORDERED);
    request->reply = reply;
    if (!request->session)
        send_reply(federation, request);
}

// It has been answered.
static void request_finish(Federation *federation, Request *request, RequestState state)
{
    // The sender repeats itself until its own time is up, whenever the answer came.
    request->forget_at_us =
        request->session ? federation->now : MAX(federation->now, request->deadline_us) + KEEP_US;
    count(federation->n_running, request->sender, -1);
    timers_disarm(federation->timers, TIMER_ATTEMPT, request->id);
    timers_arm_loosely(federation->timers, TIMER_FORGET, request->id, request->forget_at_us);
    g_auto(GStrv) path = plan_path(request, 0);
    request_enter(federation, request, state);
    if (request->copy) {
        handover_on_copy_end(federation, request);
        return;
    }
    if (request->session) {
        stream_on_block_end(federation, request);
        return;
    }
    federation->n_answered[request->reply->status]++;
    gboolean is_granted = state == REQUEST_GRANTED;
    request_event(federation, request,
                  &(EventHead){.severity = is_granted ? QKDNF__V1__SEVERITY__SEVERITY_INFO
                                                      : QKDNF__V1__SEVERITY__SEVERITY_WARNING,
                               .name = is_granted ? "request.granted" : "request.rejected",
                               .cause = is_granted ? NULL : request->reply->text,
                               .new_path = path});
}

void request_reject(Federation *federation, Request *request, Status status, const char *text)
{
    WireReply reply = WIRE_REPLY_INIT;
    reply.id = request->id;
    reply.status = status;
    reply.text = (char *)(text ? text : status_text(status));
    g_autofree char *offer = NULL;
    // To look for what could be had is dear: not for those who have had all their share.
    if (status == STATUS_INSUFFICIENT_KEY && !request->session &&
        request_n_kept(federation, request->sender) < federation->config->max_kept) {
        plan_counter_offer(federation, request, &reply.available_number, &reply.available_in_ms);
        offer = g_strdup_printf("%s: %u of %u keys could be had now, all in %" G_GUINT64_FORMAT
                                " ms (0: never at present rates)",
                                status_text(status), reply.available_number, request->wire->number,
                                reply.available_in_ms);
        reply.text = offer;
    }
    request_answer(federation, request, message_copy(&reply.base));
    request_finish(federation, request,
                   status == STATUS_EXPIRED ? REQUEST_EXPIRED : REQUEST_REJECTED);
}

void request_grant(Federation *federation, Request *request)
{
    // The answer goes first: whoever asks its KME at once is kept there until the release comes.
    request_answer(federation, request, request_grant_reply(federation, request));
    request_release_attempt(federation, request, QKDNF__V1__DISPOSITION__DISPOSITION_DELIVER);
    accounts_on_grant(federation, request);
    ratings_on_grant(federation, request);
    request_finish(federation, request, REQUEST_GRANTED);
}

// --- requests in ---------------------------------------------------------------------------------

// The request was never taken in: the same one again is judged again.
static void turn_away(Federation *federation, const Sender *sender, const WireRequest *wire,
                      const Verdict *verdict)
{
    WireReply reply = WIRE_REPLY_INIT;
    reply.id = wire->id;
    reply.status = verdict->status;
    reply.text = verdict->text;
    federation->n_answered[reply.status]++;
    federation_send(federation, KIND_REPLY, sender->id, &reply.base);
}

void request_exclude_asked(Request *request)
{
    for (gsize i = 0; i < request->wire->n_exclude; i++)
        g_hash_table_add(request->excluded_providers, g_strdup(request->wire->exclude[i]));
}

static void take_in(Federation *federation, const char *sender, const WireRequest *wire,
                    const WireSessionKeys *session, const WireKeyCopy *copy)
{
    Request *request = request_new(federation, sender, wire);
    request->session = session ? message_copy(&session->base) : NULL;
    request->copy = copy ? message_copy(&copy->base) : NULL;
    request->received_at_us = federation->now;
    request->deadline_us = federation->now + wire->timeout_ms * G_TIME_SPAN_MILLISECOND;
    request_exclude_asked(request);
    count(federation->n_running, sender, 1);
    request_enter(federation, request, REQUEST_ROUTED);
    attempt_start(federation, request);
}

void request_start_own(Federation *federation, WireRequest *wire, const WireSessionKeys *session,
                       const WireKeyCopy *copy)
{
    const FederationConfig *config = federation->config;
    wire->timeout_ms = (guint32)MIN(OWN_ATTEMPTS * config->attempt_ms, config->max_timeout_ms);
    take_in(federation, config->id, wire, session, copy);
}

void request_call_off(Federation *federation, Request *request, const char *text)
{
    if (request_is_final(request))
        return;
    if (request->state == REQUEST_ORDERED)
        request_release_attempt(federation, request, QKDNF__V1__DISPOSITION__DISPOSITION_VOID);
    request_reject(federation, request, STATUS_VOIDED, text);
}

void request_on_request(gpointer data, const Sender *sender, gconstpointer message)
{
    Federation *federation = data;
    const WireRequest *wire = message;
    const Request *known = g_hash_table_lookup(federation->requests, wire->id);
    if (known) {
        if (request_is_final(known) && strcmp(known->sender, sender->id) == 0)
            send_reply(federation, known);
        return;
    }
    Verdict verdict = request_check(federation, sender, wire);
    if (verdict.status == STATUS_OK) {
        request_charge(federation, wire->initiator);
        take_in(federation, sender->id, wire, NULL, NULL);
    } else {
        turn_away(federation, sender, wire, &verdict);
    }
    g_free(verdict.text);
}

// --- time ----------------------------------------------------------------------------------------

static void request_repeat(Federation *federation, Request *request)
{
    // All orders of the attempt, also answered ones: a target may still lack a relay value.
    if (request->state == REQUEST_ORDERED)
        request_send_parts(federation, request->parts);
    request_send_parts(federation, request->releases);
    if (request->state == REQUEST_ORDERED || request->releases->len > 0)
        request_arm_repeat(federation, request);
}

static void request_forget(Federation *federation, Request *request)
{
    gint64 give_up_us = request->forget_at_us + RELEASE_US;
    if (request->releases->len > 0 && federation->now < give_up_us) {
        timers_arm(federation->timers, TIMER_FORGET, request->id, federation->now + KEEP_US);
        return;
    }
    while (request->releases->len > 0)
        request_drop_release(federation, request, request->releases->pdata[0]);
    timers_disarm(federation->timers, TIMER_REPEAT, request->id);
    store_delete_text(federation->store, "request", request->id);
    count(federation->n_kept, request->sender, -1);
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
    else
        attempt_on_timer(federation, request);
}

// After a restart: goes on where it was. Agents take what they have done already for what it is.
void request_resume(Federation *federation, Request *request)
{
    for (guint i = 0; i < request->releases->len; i++)
        affected_add(federation->running, BY_RELEASE, ((Part *)request->releases->pdata[i])->agent,
                     request->id);
    if (request_is_final(request)) {
        timers_arm_loosely(federation->timers, TIMER_FORGET, request->id, request->forget_at_us);
    } else {
        count(federation->n_running, request->sender, 1);
        if (request->state == REQUEST_ORDERED)
            note_running(federation, request, affected_add);
        gint64 attempt_us = (gint64)federation->config->attempt_ms * G_TIME_SPAN_MILLISECOND;
        timers_arm(federation->timers, TIMER_ATTEMPT, request->id,
                   MIN(federation->now + attempt_us, request->deadline_us));
    }
    timers_arm(federation->timers, TIMER_REPEAT, request->id, federation->now);
}
