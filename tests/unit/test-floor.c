// SPDX-License-Identifier: Apache-2.0

#include "tests/unit/live-broker.h"
#include "tools/bench/floor.h"
#include "tools/bench/journal.h"

static const char *const ids[] = {"floor-application", "floor-platform", "floor-a", "floor-b"};

static const FloorHop hops[] = {
    {KIND_REQUEST, 0, 1, 200}, {KIND_ORDER, 1, 2, 700},  {KIND_RELAY, 2, 3, 300},
    {KIND_OUTCOME, 3, 1, 100}, {KIND_REPLY, 1, 0, 1000},
};

static void measure(const FloorOps *ops, guint n_outstanding, const char *journals)
{
    g_autoptr(LiveBroker) broker = live_broker_new();
    FloorRole roles[G_N_ELEMENTS(ids)];
    for (guint i = 0; i < G_N_ELEMENTS(ids); i++)
        roles[i] = (FloorRole){ids[i], live_broker_connection(broker, ids[i])};
    FloorChain chain = {roles, G_N_ELEMENTS(roles), hops,    G_N_ELEMENTS(hops), 30,
                        0,     n_outstanding,       journals};
    g_autoptr(GError) error = NULL;
    g_autoptr(Samples) samples = floor_measure(ops, &chain, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(samples_count(samples), ==, n_outstanding > 0 ? 1 : 30);
    g_assert_cmpint(samples_quantile(samples, 0.5), >, 0);
    g_test_message("%s: %" G_GINT64_FORMAT " us", ops->name, samples_quantile(samples, 0.5));
}

static void test_bare_socket(void)
{
    measure(&floor_raw, 0, NULL);
    measure(&floor_raw, 8, NULL);
}

static void test_paho(void)
{
    measure(&floor_paho, 0, NULL);
    // More than there are rounds.
    measure(&floor_paho, 64, NULL);
}

static void test_no_broker(void)
{
    Connection connection = {.url = (char *)"mqtts://127.0.0.1:1",
                             .ca = (char *)"/dev/null",
                             .certificate = (char *)"/dev/null",
                             .key = (char *)"/dev/null"};
    FloorRole roles[] = {{"a", connection}, {"b", connection}};
    FloorHop there_and_back[] = {{KIND_REQUEST, 0, 1, 10}, {KIND_REPLY, 1, 0, 10}};
    FloorChain chain = {roles, 2, there_and_back, 2, 1, 0, 0, NULL};
    g_autoptr(GError) error = NULL;
    g_assert_null(floor_measure(&floor_raw, &chain, &error));
    g_assert_nonnull(error);
}

static void test_durable(void)
{
    measure(&floor_paho, 0, g_get_tmp_dir());
    g_autoptr(GError) error = NULL;
    g_assert_null(journal_open("/nowhere", &error));
    g_assert_error(error, G_FILE_ERROR, G_FILE_ERROR_NOENT);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/floor/bare-socket", test_bare_socket);
    g_test_add_func("/floor/paho", test_paho);
    g_test_add_func("/floor/durable", test_durable);
    g_test_add_func("/floor/no-broker", test_no_broker);
    return g_test_run();
}
