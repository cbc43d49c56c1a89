// SPDX-License-Identifier: Apache-2.0

#include "tests/unit/live-broker.h"
#include "tools/qkdnf/monitor.h"

#include <signal.h>
#include <string.h>

#define WAIT_MS 60000

typedef struct {
    LiveBroker *broker;
    EventBase *base;
    Session *vienna; // a member whose birth is retained
    guint n_connected;
} Bus;

static void on_connected(gpointer data)
{
    ((Bus *)data)->n_connected++;
}

static void on_disconnected(gpointer data, const char *cause)
{
    g_test_message("%s", cause);
}

static void on_arrived(gpointer data, const char *topic, const guint8 *payload, gsize n_bytes)
{
    // Only the monitor is of interest.
}

static void bus_set_up(Bus *bus, gconstpointer data)
{
    static const SessionListener listener = {on_connected, on_disconnected, on_arrived};
    bus->broker = live_broker_new();
    bus->base = event_base_new();
    Connection connection = live_broker_connection(bus->broker, "vienna");
    g_autoptr(GError) error = NULL;
    bus->vienna = session_new(bus->base, &connection, &(Identity){"vienna", ROLE_AGENT, 1, NULL},
                              &listener, bus, &error);
    g_assert_no_error(error);
    live_wait(bus->base, &bus->n_connected, 1);
}

static void bus_tear_down(Bus *bus, gconstpointer data)
{
    session_free(bus->vienna);
    event_base_free(bus->base);
    live_broker_free(bus->broker);
}

// The Access owns its strings, the broker those of its connections.
static Access access_of(const Bus *bus, const char *id)
{
    Connection connection = live_broker_connection(bus->broker, id);
    return (Access){
        .id = g_strdup(id),
        .connection = {g_strdup(connection.url), g_strdup(connection.ca),
                       g_strdup(connection.certificate), g_strdup(connection.key), 0},
    };
}

static gboolean see_one(gpointer data, const char *topic, const guint8 *payload, gsize n_bytes)
{
    g_ptr_array_add(data, g_strdup(topic));
    return FALSE;
}

static gboolean see_all(gpointer data, const char *topic, const guint8 *payload, gsize n_bytes)
{
    g_ptr_array_add(data, g_strdup(topic));
    return TRUE;
}

static gboolean give_up(gpointer data, gint64 connected_ms)
{
    return connected_ms < WAIT_MS;
}

static gboolean end_soon(gpointer data, gint64 connected_ms)
{
    return connected_ms < 300;
}

static void assert_sees_vienna(Access *access)
{
    static const MonitorOps ops = {see_one, give_up};
    g_autoptr(GPtrArray) topics = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GError) error = NULL;
    g_assert_true(monitor_run(access, &ops, topics, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(topics->len, ==, 1);
    g_assert_cmpstr(topics->pdata[0], ==, "qkdnf/v1/presence/vienna/all");
}

static void test_sees_what_is_retained(Bus *bus, gconstpointer data)
{
    g_auto(Access) access = access_of(bus, LIVE_MONITOR);
    assert_sees_vienna(&access);
}

static void test_ends_with_its_tick(Bus *bus, gconstpointer data)
{
    static const MonitorOps ops = {see_all, end_soon};
    g_auto(Access) access = access_of(bus, LIVE_MONITOR);
    g_autoptr(GPtrArray) topics = g_ptr_array_new_with_free_func(g_free);
    g_assert_true(monitor_run(&access, &ops, topics, NULL));
    g_assert_cmpuint(topics->len, ==, 1);
}

static void test_says_why_the_bus_is_not_there(Bus *bus, gconstpointer data)
{
    static const MonitorOps ops = {see_one, NULL};
    live_broker_kill(bus->broker);
    g_auto(Access) access = access_of(bus, LIVE_MONITOR);
    g_autoptr(GError) error = NULL;
    g_assert_false(monitor_run(&access, &ops, NULL, &error));
    g_test_message("%s", error->message);
    g_assert_nonnull(strstr(error->message, " cannot be reached: "));
}

static void write_description(const Bus *bus, const char *dir)
{
    Connection connection = live_broker_connection(bus->broker, LIVE_MONITOR);
    json_t *description = json_pack(
        "{s:{s:s}, s:s, s:[{s:s, s:s, s:s}, {s:s, s:s, s:s}]}", "broker", "url", connection.url,
        "ca", connection.ca, "monitors", "id", LIVE_MONITOR, "certificate", connection.certificate,
        "key", connection.key, "id", "other", "certificate", "/nowhere", "key", "/nowhere");
    g_autofree char *path = g_build_filename(dir, ACCESS_FILE, NULL);
    g_assert_cmpint(json_dump_file(description, path, 0), ==, 0);
    json_decref(description);
}

static void assert_unresolved(Access access, const char *list, const char *why)
{
    g_autoptr(GError) error = NULL;
    g_assert_false(access_resolve(&access, list, &error));
    g_test_message("%s", error->message);
    g_assert_nonnull(strstr(error->message, why));
    access_clear(&access);
}

static void test_finds_its_way_by_the_description(Bus *bus, gconstpointer data)
{
    const char *dir = bus->broker->dir;
    assert_unresolved((Access){.federation = g_strdup(dir)}, ACCESS_MONITORS,
                      "no federation runs in");
    write_description(bus, dir);
    g_auto(Access) access = {.federation = g_strdup(dir)};
    assert_sees_vienna(&access);
    g_assert_cmpstr(access.id, ==, LIVE_MONITOR);

    g_auto(Access) other = {.federation = g_strdup(dir), .id = g_strdup("other")};
    g_assert_true(access_resolve(&other, ACCESS_MONITORS, NULL));
    g_assert_cmpstr(other.connection.key, ==, "/nowhere");
    assert_unresolved((Access){.federation = g_strdup(dir), .id = g_strdup("nobody")},
                      ACCESS_MONITORS, "nobody is not among the monitors of");
    assert_unresolved((Access){.federation = g_strdup(dir)}, ACCESS_OPERATORS,
                      "none is among the operators of");
    assert_unresolved((Access){.id = g_strdup("x")}, ACCESS_MONITORS, "how to connect is not said");
}

#define ADD(name, fn) g_test_add("/monitor/" name, Bus, NULL, bus_set_up, fn, bus_tear_down)

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    g_unsetenv("QKDNF_FEDERATION");
    g_test_init(&argc, &argv, NULL);
    ADD("sees-what-is-retained", test_sees_what_is_retained);
    ADD("ends-with-its-tick", test_ends_with_its_tick);
    ADD("says-why-the-bus-is-not-there", test_says_why_the_bus_is_not_there);
    ADD("finds-its-way-by-the-description", test_finds_its_way_by_the_description);
    return g_test_run();
}
