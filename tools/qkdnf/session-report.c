// SPDX-License-Identifier: Apache-2.0

#include "tools/qkdnf/session-report.h"

#include "schemas/status.h"

#include <string.h>

// "ACTIVE" of SESSION_PHASE_ACTIVE; a number that this version does not know is "UNKNOWN".
static const char *name_of(const ProtobufCEnumDescriptor *type, const char *prefix, int number)
{
    const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(type, number);
    return value && number != 0 ? value->name + strlen(prefix) : "UNKNOWN";
}

const char *session_report_phase_name(const WireSessionInfo *info)
{
    return name_of(&qkdnf__v1__session_phase__descriptor, "SESSION_PHASE_", (int)info->phase);
}

const char *handover_report_phase_name(const WireHandoverState *state)
{
    return name_of(&qkdnf__v1__handover_phase__descriptor, "HANDOVER_PHASE_", (int)state->phase);
}

// --- JSON ----------------------------------------------------------------------------------------

static json_t *texts_to_json(char *const *texts, gsize n)
{
    json_t *array = json_array();
    for (gsize i = 0; i < n; i++)
        json_array_append_new(array, json_string(texts[i]));
    return array;
}

static json_t *paths_to_json(WireProviderPath *const *paths, gsize n)
{
    json_t *array = json_array();
    for (gsize i = 0; i < n; i++)
        json_array_append_new(array,
                              json_pack("{s:s, s:o}", "target", paths[i]->target, "providers",
                                        texts_to_json(paths[i]->providers, paths[i]->n_providers)));
    return array;
}

static json_t *deliveries_to_json(const WireSessionInfo *info)
{
    json_t *array = json_array();
    for (gsize i = 0; i < info->n_deliveries; i++) {
        const WireDelivery *delivery = info->deliveries[i];
        json_array_append_new(array, json_pack("{s:s, s:s, s:s}", "sae", delivery->sae, "provider",
                                               delivery->provider, "kme", delivery->kme_url));
    }
    return array;
}

static json_t *qos_to_json(const WireSessionQos *qos)
{
    if (!qos)
        return json_null();
    return json_pack("{s:I, s:i, s:i, s:I, s:i, s:b, s:i}", "rate_bps", (json_int_t)qos->rate_bps,
                     "size_bits", (int)qos->size_bits, "buffer", (int)qos->buffer, "lifetime_ms",
                     (json_int_t)qos->lifetime_ms, "priority", (int)qos->priority, "protected",
                     (int)qos->protected_, "paths", (int)qos->paths);
}

static json_t *session_to_json(const WireSessionInfo *info)
{
    return json_pack(
        "{s:s, s:s, s:o, s:s, s:s, s:o, s:o, s:o, s:o, s:I, s:I, s:I}", "session", info->session,
        "initiator", info->initiator, "targets", texts_to_json(info->targets, info->n_targets),
        "phase", session_report_phase_name(info), "text", info->text, "qos", qos_to_json(info->qos),
        "paths", paths_to_json(info->paths, info->n_paths), "protection",
        paths_to_json(info->protection, info->n_protection), "deliveries", deliveries_to_json(info),
        "granted", (json_int_t)info->granted, "delivered", (json_int_t)info->delivered,
        "opened_at_us", (json_int_t)info->opened_at_us);
}

json_t *session_report_to_json(const WireSessionState *state)
{
    json_t *sessions = json_array();
    for (gsize i = 0; i < state->n_sessions; i++)
        json_array_append_new(sessions, session_to_json(state->sessions[i]));
    json_t *report = json_pack("{s:s, s:s, s:o}", "status", status_name((Status)state->status),
                               "text", state->text, "sessions", sessions);
    if (state->offer)
        json_object_set_new(report, "offer", qos_to_json(state->offer));
    return report;
}

json_t *handover_report_to_json(const WireHandoverState *state)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:f}", "handover",
                     state->id, "sae", state->sae, "phase", handover_report_phase_name(state),
                     "status", status_name((Status)state->status), "text", state->text, "provider",
                     state->provider, "node", state->node, "kme", state->kme_url, "kme_id",
                     state->kme_id, "sessions", (int)state->n_sessions, "milliseconds",
                     (double)state->duration_us / 1000);
}

// --- for people ----------------------------------------------------------------------------------

static void append_texts(GString *text, char *const *texts, gsize n, const char *separator)
{
    for (gsize i = 0; i < n; i++)
        g_string_append_printf(text, "%s%s", i > 0 ? separator : "", texts[i]);
}

static void append_paths(GString *text, const char *word, WireProviderPath *const *paths, gsize n)
{
    for (gsize i = 0; i < n; i++) {
        g_string_append_printf(text, "  %s %s: ", word, paths[i]->target);
        append_texts(text, paths[i]->providers, paths[i]->n_providers, " → ");
        g_string_append_c(text, '\n');
    }
}

static void append_line(GString *text, const WireSessionInfo *info)
{
    g_string_append_printf(text, "%s %-8s %s → ", info->session, session_report_phase_name(info),
                           info->initiator);
    append_texts(text, info->targets, info->n_targets, ",");
    if (info->qos)
        g_string_append_printf(text, ", %" G_GUINT64_FORMAT " bit/s in keys of %u bits",
                               info->qos->rate_bps, info->qos->size_bits);
    g_string_append_printf(text,
                           ", %" G_GUINT64_FORMAT " keys made, %" G_GUINT64_FORMAT " fetched%s%s\n",
                           info->granted, info->delivered, *info->text ? ": " : "", info->text);
}

char *session_report_list(const WireSessionState *state)
{
    GString *text = g_string_new(NULL);
    for (gsize i = 0; i < state->n_sessions; i++)
        append_line(text, state->sessions[i]);
    return g_string_free(text, FALSE);
}

static void append_qos(GString *text, const WireSessionQos *qos)
{
    if (!qos)
        return;
    g_string_append_printf(
        text, "  %u keys are kept ready, priority %u, %s, %u path%s", qos->buffer, qos->priority,
        qos->protected_ ? "protected" : "not protected", qos->paths, qos->paths == 1 ? "" : "s");
    if (qos->lifetime_ms > 0)
        g_string_append_printf(text, ", ends after %.1f s", (double)qos->lifetime_ms / 1000);
    g_string_append_c(text, '\n');
}

char *session_report_show(const WireSessionInfo *info)
{
    GString *text = g_string_new(NULL);
    append_line(text, info);
    append_qos(text, info->qos);
    append_paths(text, "to", info->paths, info->n_paths);
    append_paths(text, "or, reserved, to", info->protection, info->n_protection);
    for (gsize i = 0; i < info->n_deliveries; i++)
        g_string_append_printf(text, "  %s fetches at %s, %s\n", info->deliveries[i]->sae,
                               info->deliveries[i]->kme_url, info->deliveries[i]->provider);
    return g_string_free(text, FALSE);
}

char *session_report_offer(const WireSessionState *state)
{
    const WireSessionQos *offer = state->offer;
    if (!offer || offer->rate_bps == 0)
        return NULL;
    return g_strdup_printf("%" G_GUINT64_FORMAT " bit/s with %u keys kept ready could be had",
                           offer->rate_bps, offer->buffer);
}

char *handover_report_phase(const WireHandoverState *state)
{
    GString *text = g_string_new(NULL);
    g_string_append_printf(text, "[%8.3f s] %s", (double)state->duration_us / G_USEC_PER_SEC,
                           handover_report_phase_name(state));
    if (*state->provider)
        g_string_append_printf(text, ": %s at %s%s%s, %s", state->sae, state->provider,
                               *state->node ? "/" : "", state->node, state->kme_url);
    if (*state->text)
        g_string_append_printf(text, ": %s", state->text);
    g_string_append_c(text, '\n');
    return g_string_free(text, FALSE);
}
