// SPDX-License-Identifier: Apache-2.0

#include "tools/bench/samples.h"

static void test_quantiles(void)
{
    g_autoptr(Samples) samples = samples_new();
    g_assert_cmpint(samples_quantile(samples, 0.5), ==, 0);
    for (gint64 i = 100; i > 0; i--)
        samples_add(samples, i * 10);
    g_assert_cmpuint(samples_count(samples), ==, 100);
    g_assert_cmpint(samples_quantile(samples, 0.5), ==, 500);
    g_assert_cmpint(samples_quantile(samples, 0.99), ==, 990);
    g_assert_cmpint(samples_quantile(samples, 1), ==, 1000);
    g_assert_cmpint(samples_quantile(samples, 0.001), ==, 10);
}

static void test_one(void)
{
    g_autoptr(Samples) samples = samples_new();
    samples_add(samples, 7);
    json_t *json = samples_to_json(samples);
    g_autofree char *text = json_dumps(json, JSON_COMPACT);
    g_assert_cmpstr(text, ==, "{\"n\":1,\"p50_us\":7,\"p90_us\":7,\"p99_us\":7,\"max_us\":7}");
    json_decref(json);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/samples/quantiles", test_quantiles);
    g_test_add_func("/samples/one", test_one);
    return g_test_run();
}
