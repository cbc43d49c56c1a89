// SPDX-License-Identifier: Apache-2.0

#include "tools/bench/traffic.h"

#include "tools/qkdnf/json-read.h"
#include "tools/qkdnf/monitor.h"

typedef struct {
    InChild *self;
    gboolean is_ready;
    guint64 n[N_KINDS];
    guint64 n_bytes[N_KINDS];
} Traffic;

static gboolean count_publish(gpointer data, const char *text, const guint8 *payload, gsize n_bytes)
{
    Traffic *traffic = data;
    Topic topic;
    // What is retained is from before.
    if (traffic->is_ready && topic_parse(text, &topic)) {
        traffic->n[topic.kind]++;
        traffic->n_bytes[topic.kind] += n_bytes;
    }
    return TRUE;
}

static gboolean say_ready(gpointer data, gint64 connected_ms)
{
    Traffic *traffic = data;
    if (!traffic->is_ready)
        in_child_say_ready(traffic->self);
    traffic->is_ready = TRUE;
    return TRUE;
}

json_t *traffic_count(gpointer dir, InChild *self, GError **error)
{
    static const MonitorOps ops = {count_publish, say_ready};
    g_auto(Access) access = {.federation = g_strdup(dir)};
    Traffic traffic = {.self = self};
    if (!monitor_run(&access, &ops, &traffic, error))
        return NULL;
    json_t *result = json_object();
    for (guint kind = 0; kind < N_KINDS; kind++) {
        if (traffic.n[kind] > 0)
            json_object_set_new(result, kind_get(kind)->name,
                                json_pack("{s:I, s:I}", "n", (json_int_t)traffic.n[kind], "n_bytes",
                                          (json_int_t)traffic.n_bytes[kind]));
    }
    return result;
}

gsize traffic_mean_bytes(const json_t *traffic, KindId kind, gsize fallback)
{
    const json_t *count = json_object_get(traffic, kind_get(kind)->name);
    gint64 n = json_read_integer(count, "n");
    return n > 0 ? (gsize)(json_read_integer(count, "n_bytes") / n) : fallback;
}
