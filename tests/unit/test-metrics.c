// SPDX-License-Identifier: Apache-2.0

#include "tests/unit/published.h"
#include "topics/metrics.h"

static const MetricInfo things_total = {"x_things_total", "Things.", TRUE, NULL};
static const MetricInfo amount = {"x_amount", "How much.", FALSE, "of"};

static void test_text(void)
{
    g_autoptr(Metrics) metrics = metrics_new();
    metrics_add(metrics, &things_total, NULL, 12345678901234);
    metrics_add(metrics, &amount, "a", 0.5);
    metrics_add(metrics, &amount, "b\"\\\n", 0);
    g_autofree char *text = metrics_format(metrics);
    g_assert_cmpstr(text, ==,
                    "# HELP x_things_total Things.\n# TYPE x_things_total counter\n"
                    "x_things_total 12345678901234\n"
                    "# HELP x_amount How much.\n# TYPE x_amount gauge\n"
                    "x_amount{of=\"a\"} 0.5\nx_amount{of=\"b\\\"\\\\\\n\"} 0\n");
}

static void count_samples(gpointer data, const Publish *publish)
{
    Topic topic;
    gsize *n = data;
    g_autoptr(Frame) frame = published_frame(publish, &topic);
    for (gsize i = 0; i < frame->n_messages; i++)
        *n += ((const WireMetrics *)frame->messages[i])->n_samples;
}

// However many there are, no message is larger than its kind allows.
static void test_on_the_bus(void)
{
    g_autoptr(Metrics) metrics = metrics_new();
    g_autoptr(Outbox) outbox = outbox_new("vienna", 1);
    g_autofree char *id = g_strnfill(ID_MAX_BYTES, 'x');
    for (guint i = 0; i < 5000; i++)
        metrics_add(metrics, &amount, id, i);
    metrics_send(metrics, outbox, 1);
    g_assert_cmpuint(outbox_n_added(outbox, KIND_METRICS), ==, 20);
    gsize n = 0;
    outbox_flush(outbox, 1, count_samples, &n);
    g_assert_cmpuint(n, ==, 5000);
}

static void test_counts_by_name(void)
{
    g_autoptr(Metrics) metrics = metrics_new();
    g_autoptr(GTree) counts = metrics_counts_new();
    static const char *const happened[] = {"b", "a", "b"};
    for (gsize i = 0; i < G_N_ELEMENTS(happened); i++)
        metrics_count(counts, happened[i]);
    metrics_add_counts(metrics, &amount, counts);
    g_autofree char *text = metrics_format(metrics);
    g_assert_nonnull(strstr(text, "x_amount{of=\"a\"} 1\nx_amount{of=\"b\"} 2\n"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/metrics/text", test_text);
    g_test_add_func("/metrics/counts", test_counts_by_name);
    g_test_add_func("/metrics/on-the-bus", test_on_the_bus);
    return g_test_run();
}
