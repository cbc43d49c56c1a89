// SPDX-License-Identifier: Apache-2.0
//
// Who may say what about sessions, and what a session must be before it is looked at: one clear
// reason for each that is not.

#include "platform/stream.h"

#include "topics/base/id.h"

#include <string.h>

#define PRIORITY_MAX 7

// A year.
#define LIFETIME_MS_MAX (365 * G_TIME_SPAN_DAY / G_TIME_SPAN_MILLISECOND)

// As many keys as the rate uses up in this many attempts last while a way is changed.
#define BUFFER_ATTEMPTS 2
#define BUFFER_MIN      8

gboolean stream_may_command(const Federation *federation, const Sender *sender,
                            const char *initiator)
{
    const Application *application = directory_find(federation, initiator);
    return strcmp(sender->id, initiator) == 0 ||
           (application && attachment_is_with(application, sender->id));
}

static Verdict check_qos(const FederationConfig *config, const WireSessionQos *qos)
{
    if (qos->rate_bps < 1 || qos->rate_bps > config->max_session_rate_bps)
        return request_refuse(STATUS_BAD_REQUEST,
                              "rate is %" G_GUINT64_FORMAT
                              " bit/s; expected 1 to %" G_GUINT64_FORMAT,
                              qos->rate_bps, config->max_session_rate_bps);
    if (qos->buffer > config->max_session_buffer)
        return request_refuse(STATUS_BAD_REQUEST,
                              "buffer is %u keys; expected at most %" G_GUINT64_FORMAT, qos->buffer,
                              config->max_session_buffer);
    if (qos->lifetime_ms > (guint64)LIFETIME_MS_MAX)
        return request_refuse(STATUS_BAD_REQUEST,
                              "lifetime is %" G_GUINT64_FORMAT
                              " ms; expected at most %" G_GINT64_FORMAT,
                              qos->lifetime_ms, LIFETIME_MS_MAX);
    if (qos->priority > PRIORITY_MAX)
        return request_refuse(STATUS_BAD_REQUEST, "priority is %u; expected 0 to %d", qos->priority,
                              PRIORITY_MAX);
    return (Verdict){STATUS_OK, NULL};
}

// Each block of it will be such a request.
static Verdict check_keys(const Federation *federation, const WireSessionOpen *open)
{
    WireRequest wire = WIRE_REQUEST_INIT;
    wire.id = open->session;
    wire.initiator = open->initiator;
    wire.n_targets = open->n_targets;
    wire.targets = open->targets;
    wire.number = 1;
    wire.size_bits = open->qos->size_bits;
    wire.paths = open->qos->paths;
    wire.n_exclude = open->n_exclude;
    wire.exclude = open->exclude;
    wire.timeout_ms = 1;
    return request_check_contents(federation, &wire);
}

static Verdict check_sender(const Federation *federation, const Sender *sender,
                            const WireSessionOpen *open)
{
    if (!directory_find(federation, open->initiator))
        return request_refuse(STATUS_UNKNOWN_SAE, "no application '%.64s' is registered",
                              open->initiator);
    if (!stream_may_command(federation, sender, open->initiator))
        return request_refuse(STATUS_NOT_ALLOWED, "'%s' may not open for '%s'", sender->id,
                              open->initiator);
    // Those that others opened with it are charged to these.
    if (affected_count(federation->streaming, BY_INITIATOR, open->initiator) >=
        federation->config->max_sessions)
        return request_refuse(STATUS_BUSY, "'%s' has %" G_GUINT64_FORMAT " sessions already",
                              open->initiator, federation->config->max_sessions);
    return (Verdict){STATUS_OK, NULL};
}

Verdict stream_check_open(const Federation *federation, const Sender *sender,
                          const WireSessionOpen *open)
{
    if (!uuid_is_valid(open->session))
        return request_refuse(STATUS_BAD_REQUEST, "session is no UUID in lower case");
    if (!open->qos)
        return request_refuse(STATUS_BAD_REQUEST, "qos is not set");
    Verdict verdict = check_sender(federation, sender, open);
    if (verdict.status == STATUS_OK)
        verdict = check_qos(federation->config, open->qos);
    return verdict.status == STATUS_OK ? check_keys(federation, open) : verdict;
}

WireSessionQos *stream_resolve_qos(const FederationConfig *config, const WireSessionQos *asked)
{
    WireSessionQos *qos = message_copy(&asked->base);
    qos->paths = MAX(qos->paths, 1);
    if (qos->buffer > 0)
        return qos;
    double seconds = (double)(BUFFER_ATTEMPTS * config->attempt_ms) / 1000;
    double n_keys = (double)qos->rate_bps * seconds / qos->size_bits + 1;
    double most = (double)config->max_session_buffer;
    qos->buffer = (guint)CLAMP(n_keys, MIN(BUFFER_MIN, most), most);
    return qos;
}
