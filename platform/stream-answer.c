// SPDX-License-Identifier: Apache-2.0
//
// What askers are told of sessions.

#include "platform/stream.h"

#include <string.h>

// Room for the rest of a frame of the kind's largest size.
#define ANSWER_BYTES_MAX (192 * 1024)

// What one description points at, beside what belongs to the session.
typedef struct {
    WireSessionInfo info;
    GPtrArray *paths, *protection; // WireProviderPath
    GPtrArray *deliveries;         // WireDelivery
} Description;

static void description_free(gpointer data)
{
    Description *description = data;
    g_ptr_array_unref(description->paths);
    g_ptr_array_unref(description->protection);
    g_ptr_array_unref(description->deliveries);
    g_free(description);
}

static void describe_ways(const Stream *stream, Description *description)
{
    for (guint i = 0; i < stream->ways->len; i++) {
        const StreamWay *way = stream->ways->pdata[i];
        WireProviderPath *path = g_new(WireProviderPath, 1);
        *path = (WireProviderPath)WIRE_PROVIDER_PATH_INIT;
        path->target = stream->open->targets[way->target];
        path->n_providers = g_strv_length(way->providers);
        path->providers = way->providers;
        g_ptr_array_add(way->is_spare ? description->protection : description->paths, path);
    }
}

static void describe_delivery(const Federation *federation, Description *description,
                              const char *sae)
{
    const Application *application = directory_find(federation, sae);
    const Provider *provider = application ? attachment_provider(application) : NULL;
    WireDelivery *delivery = g_new(WireDelivery, 1);
    *delivery = (WireDelivery)WIRE_DELIVERY_INIT;
    delivery->sae = (char *)sae;
    if (provider) {
        delivery->provider = provider->id;
        delivery->kme_url = provider->resource->kme_url;
    }
    g_ptr_array_add(description->deliveries, delivery);
}

static Description *describe(const Federation *federation, const Stream *stream)
{
    Description *description = g_new0(Description, 1);
    description->paths = g_ptr_array_new_with_free_func(g_free);
    description->protection = g_ptr_array_new_with_free_func(g_free);
    description->deliveries = g_ptr_array_new_with_free_func(g_free);
    describe_ways(stream, description);
    describe_delivery(federation, description, stream->open->initiator);
    for (gsize i = 0; i < stream->open->n_targets; i++)
        describe_delivery(federation, description, stream->open->targets[i]);
    WireSessionInfo *info = &description->info;
    *info = (WireSessionInfo)WIRE_SESSION_INFO_INIT;
    info->session = stream->id;
    info->initiator = stream->open->initiator;
    info->n_targets = stream->open->n_targets;
    info->targets = stream->open->targets;
    info->phase = (Qkdnf__V1__SessionPhase)stream->phase;
    info->qos = stream->qos;
    info->n_paths = description->paths->len;
    info->paths = (WireProviderPath **)description->paths->pdata;
    info->n_protection = description->protection->len;
    info->protection = (WireProviderPath **)description->protection->pdata;
    info->n_deliveries = description->deliveries->len;
    info->deliveries = (WireDelivery **)description->deliveries->pdata;
    info->granted = stream_granted(stream);
    info->delivered = stream->delivered;
    info->text = stream->text ? stream->text : (char *)"";
    info->opened_at_us = (guint64)stream->opened_at_us;
    return description;
}

void stream_answer(Federation *federation, const Sender *sender, const char *id,
                   const Verdict *verdict, const GPtrArray *streams, WireSessionQos *offer)
{
    g_autoptr(GPtrArray) descriptions = g_ptr_array_new_with_free_func(description_free);
    g_autoptr(GPtrArray) infos = g_ptr_array_new();
    gsize n_bytes = 0;
    for (guint i = 0; i < streams->len; i++) {
        Description *description = describe(federation, streams->pdata[i]);
        g_ptr_array_add(descriptions, description);
        n_bytes += protobuf_c_message_get_packed_size(&description->info.base);
        if (n_bytes > ANSWER_BYTES_MAX)
            break;
        g_ptr_array_add(infos, &description->info);
    }
    g_autofree char *cut =
        infos->len < streams->len
            ? g_strdup_printf("%u of %u sessions: the others do not fit", infos->len, streams->len)
            : NULL;
    WireSessionState state = WIRE_SESSION_STATE_INIT;
    state.id = (char *)id;
    state.status = verdict->status;
    state.text = verdict->text ? verdict->text : cut ? cut : (char *)"";
    state.n_sessions = infos->len;
    state.sessions = (WireSessionInfo **)infos->pdata;
    state.offer = offer;
    federation_send(federation, KIND_SESSION_STATE, sender->id, &state.base);
}
