// SPDX-License-Identifier: Apache-2.0

#include "topics/metrics.h"

#include "topics/base/id.h"

// What one message takes: far below the size of its kind.
#define SAMPLES_MAX 256

struct Metrics {
    GArray *samples; // Sample
};

typedef struct {
    const MetricInfo *info;
    char *of; // NULL: it has no label
    double value;
} Sample;

static void sample_clear(gpointer data)
{
    g_free(((Sample *)data)->of);
}

Metrics *metrics_new(void)
{
    Metrics *metrics = g_new0(Metrics, 1);
    metrics->samples = g_array_new(FALSE, FALSE, sizeof(Sample));
    g_array_set_clear_func(metrics->samples, sample_clear);
    return metrics;
}

void metrics_free(Metrics *metrics)
{
    if (!metrics)
        return;
    g_array_unref(metrics->samples);
    g_free(metrics);
}

void metrics_add(Metrics *metrics, const MetricInfo *info, const char *of, double value)
{
    g_assert((of != NULL) == (info->label != NULL));
    Sample sample = {info, g_strdup(of), value};
    g_array_append_val(metrics->samples, sample);
}

GTree *metrics_counts_new(void)
{
    return g_tree_new_full(id_compare, NULL, g_free, NULL);
}

void metrics_count(GTree *counts, const char *of)
{
    gsize n = GPOINTER_TO_SIZE(g_tree_lookup(counts, of));
    g_tree_insert(counts, g_strdup(of), GSIZE_TO_POINTER(n + 1));
}

void metrics_add_counts(Metrics *metrics, const MetricInfo *info, GTree *counts)
{
    for (GTreeNode *each = g_tree_node_first(counts); each; each = g_tree_node_next(each))
        metrics_add(metrics, info, g_tree_node_key(each),
                    (double)GPOINTER_TO_SIZE(g_tree_node_value(each)));
}

void metrics_add_alarms(Metrics *metrics, GTree *alarms)
{
    static const MetricInfo alarms_total = {
        "qkdnf_alarms_total", "Warnings and alarms raised as events, by name.", TRUE, "name"};
    metrics_add_counts(metrics, &alarms_total, alarms);
}

// --- Prometheus text -----------------------------------------------------------------------------

static void append_escaped(GString *text, const char *value)
{
    for (; *value; value++) {
        if (*value == '\n')
            g_string_append(text, "\\n");
        else if (*value == '"' || *value == '\\')
            g_string_append_printf(text, "\\%c", *value);
        else
            g_string_append_c(text, *value);
    }
}

static void append_sample(GString *text, const Sample *sample)
{
    char number[G_ASCII_DTOSTR_BUF_SIZE];
    g_string_append(text, sample->info->name);
    if (sample->of) {
        g_string_append_printf(text, "{%s=\"", sample->info->label);
        append_escaped(text, sample->of);
        g_string_append(text, "\"}");
    }
    g_string_append_printf(text, " %s\n", g_ascii_dtostr(number, sizeof number, sample->value));
}

char *metrics_format(const Metrics *metrics)
{
    GString *text = g_string_new(NULL);
    const MetricInfo *last = NULL;
    for (guint i = 0; i < metrics->samples->len; i++) {
        const Sample *sample = &g_array_index(metrics->samples, Sample, i);
        const MetricInfo *info = sample->info;
        if (info != last)
            g_string_append_printf(text, "# HELP %s %s\n# TYPE %s %s\n", info->name, info->help,
                                   info->name, info->is_counter ? "counter" : "gauge");
        append_sample(text, sample);
        last = info;
    }
    return g_string_free(text, FALSE);
}

// --- on the bus ----------------------------------------------------------------------------------

static void send_some(const Metrics *metrics, guint first, guint n, Outbox *outbox, gint64 now_us)
{
    WireSample wires[SAMPLES_MAX];
    WireSample *pointers[SAMPLES_MAX];
    for (guint i = 0; i < n; i++) {
        const Sample *sample = &g_array_index(metrics->samples, Sample, first + i);
        wires[i] = (WireSample)WIRE_SAMPLE_INIT;
        wires[i].name = (char *)sample->info->name;
        wires[i].label = (char *)(sample->of ? sample->info->label : "");
        wires[i].of = sample->of ? sample->of : (char *)"";
        wires[i].value = sample->value;
        pointers[i] = &wires[i];
    }
    WireMetrics message = WIRE_METRICS_INIT;
    message.at_us = (guint64)now_us;
    message.samples = pointers;
    message.n_samples = n;
    outbox_add(outbox, KIND_METRICS, NULL, &message.base);
}

void metrics_send(const Metrics *metrics, Outbox *outbox, gint64 now_us)
{
    for (guint first = 0; first < metrics->samples->len; first += SAMPLES_MAX)
        send_some(metrics, first, MIN(SAMPLES_MAX, metrics->samples->len - first), outbox, now_us);
}
