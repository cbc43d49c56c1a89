// SPDX-License-Identifier: Apache-2.0

#include "agents/federation/order.h"
#include "agents/federation/state.pb-c.h"
#include "agents/qkdn/sim.h"
#include "agents/settings.h"
#include "tests/unit/chance.h"

#include <string.h>

#define NOW_US G_GINT64_CONSTANT(1700000000000000)

static const char text[] =
    "broker: {url: 'mqtts://127.0.0.1:1', ca: ca.crt, certificate: a.crt, key: a.key}\n"
    "store: a.db\n"
    "agent: {id: vienna, platform: platform, kme_id: kme, kme_url: 'https://127.0.0.1:1'}\n"
    "master_key: master.key\n"
    "kme: {listen: '127.0.0.1:1', ca: ca.crt, certificate: k.crt, key: k.key}\n"
    "qkdn: {driver: sim, sim: {nodes: [{id: n, gateway: true}], borders: [{id: graz, node: n,\n"
    "  peer: graz, rate_bps: 1000000, initial_bytes: 65536,\n"
    "  secret: '0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef'}]}}\n";

typedef struct {
    Settings *settings;
    AgentSettings *config;
    Chance chance;
    Random random;
    StoreDisk *disk;
    Store *store;
    Driver *driver;
} Site;

static void site_set_up(Site *site, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    site->settings = settings_parse(&agent_settings_table, "test", text, strlen(text));
    settings_finish(site->settings, &error);
    g_assert_no_error(error);
    site->config = settings_root(site->settings);
    site->config->agent.master_key = secret_new(32);
    site->chance.state = 1;
    site->random = chance_random(&site->chance);
    site->disk = store_disk_new();
    site->store = store_new_memory(site->disk);
    site->driver = driver_sim_new(&site->config->qkdn.sim, &site->random, NOW_US);
}

static void site_tear_down(Site *site, gconstpointer data)
{
    driver_free(site->driver);
    store_free(site->store);
    store_disk_free(site->disk);
    g_clear_pointer(&site->config->agent.master_key, secret_free);
    settings_free(site->settings);
}

static Agent *start(Site *site, GError **error)
{
    return agent_new(&site->config->agent, site->store, site->driver, &site->random, NOW_US, error);
}

static void test_a_beginning(Site *site, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    Agent *agent = start(site, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(outbox_incarnation(agent_outbox(agent)), ==, NOW_US);
    agent_free(agent);
}

// What cannot be read may be what nothing may be done twice by: it is no beginning.
static void test_a_damaged_record(Site *site, gconstpointer table)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) damaged = g_bytes_new_static("\xff", 1);
    // Of a border the records are looked for by its ID.
    gboolean is_border = strcmp(table, "ledger") == 0;
    store_put_text(site->store, table, is_border ? "graz" : "self", damaged);
    g_assert_true(store_commit(site->store, &error));
    g_assert_null(start(site, &error));
    g_assert_nonnull(g_strstr_len(error->message, -1, "is damaged"));
}

// Which would be counted on as one of those that there are.
static void test_a_state_that_is_none(Site *site, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    Agent__State__Membership membership = AGENT__STATE__MEMBERSHIP__INIT;
    membership.state = (Qkdnf__V1__MemberState)98;
    g_autoptr(GBytes) record = message_pack(&membership.base);
    store_put_text(site->store, "membership", "self", record);
    g_assert_true(store_commit(site->store, &error));
    g_assert_null(start(site, &error));
    g_assert_nonnull(g_strstr_len(error->message, -1, "is damaged"));
}

// Of an order that nobody speaks of again, and that has used nothing, nothing is left to do.
static void test_an_order_that_is_forgotten(Site *site, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    Agent *agent = start(site, &error);
    g_assert_no_error(error);
    WireOrder wire = WIRE_ORDER_INIT;
    wire.request = (char *)"01234567-89ab-4cde-8f01-23456789abcd";
    Order *order = order_new(agent, "01234567-89ab-4cde-8f01-23456789abcd/0", ORDER_WORKING);
    order->order = message_copy(&wire.base);
    order_on_timer(agent, TIMER_ORDER, "01234567-89ab-4cde-8f01-23456789abcd/0");
    g_assert_cmpuint(g_hash_table_size(agent->orders), ==, 0);
    guint what;
    char *id;
    while (timers_pop(agent->timers, G_MAXINT64, &what, &id)) {
        g_free(id);
        g_assert_cmpuint(what, !=, TIMER_ORDER);
    }
    agent_free(agent);
}

int main(int argc, char **argv)
{
    static const char *const tables[] = {"agreement",  "key",   "ledger",        "leg",
                                         "membership", "order", "quota",         "self",
                                         "series",     "usage", "usage_session", "visitor"};
    g_test_init(&argc, &argv, NULL);
    g_test_add("/agent/a-beginning", Site, NULL, site_set_up, test_a_beginning, site_tear_down);
    g_test_add("/agent/a-state-that-is-none", Site, NULL, site_set_up, test_a_state_that_is_none,
               site_tear_down);
    g_test_add("/agent/an-order-that-is-forgotten", Site, NULL, site_set_up,
               test_an_order_that_is_forgotten, site_tear_down);
    for (gsize i = 0; i < G_N_ELEMENTS(tables); i++) {
        g_autofree char *name = g_strdup_printf("/agent/a-damaged-record/%s", tables[i]);
        g_test_add(name, Site, tables[i], site_set_up, test_a_damaged_record, site_tear_down);
    }
    return g_test_run();
}
