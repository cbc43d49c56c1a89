// SPDX-License-Identifier: Apache-2.0

#include "topics/mqtt/daemon.h"

#include "tests/unit/live-broker.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

// A core that sends itself one message and writes down in which order what happens to it.
typedef struct {
    Outbox *outbox;
    Store *store;
    GString *story;
    gboolean can_commit;
    gboolean stops_late;    // not before the store was told to forget what was committed
    Connection *connection; // whose authority is gone when it is to be read again, or NULL
} Core;

static Refusal core_receive(gpointer data, const char *topic, const guint8 *payload, gsize n_bytes,
                            gint64 now_us)
{
    Core *core = data;
    g_assert_cmpint(now_us, >, 0);
    if (strcmp(topic, "qkdnf/v1/filled/vienna/vienna") != 0)
        return REFUSAL_UNHANDLED;
    g_string_append(core->story, "received ");
    raise(SIGHUP);
    if (core->connection) {
        core->connection->ca = (char *)"/nowhere/ca.crt";
        raise(SIGTERM);
    }
    return REFUSAL_NONE;
}

// Fails, which must not end the daemon.
static gboolean core_reload(gpointer data, GError **error)
{
    Core *core = data;
    g_string_append(core->story, "reloaded ");
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOENT, "kme.crt: no such file");
    if (!core->stops_late)
        raise(SIGTERM);
    return FALSE;
}

static gint64 core_tick(gpointer data, gint64 now_us)
{
    return G_MAXINT64;
}

static void core_connected(gpointer data, gint64 now_us)
{
    Core *core = data;
    WireFilled filled = WIRE_FILLED_INIT;
    g_autoptr(GBytes) value = g_bytes_new_static("x", 1);
    store_put_text(core->store, "things", "x", value);
    outbox_add(core->outbox, KIND_FILLED, "vienna", &filled.base);
    g_string_append(core->story, "connected ");
}

static Outbox *core_outbox(gpointer data)
{
    return ((Core *)data)->outbox;
}

// The daemon calls this after every pass; only what was to be committed matters here.
static void core_committed(gpointer data)
{
    Core *core = data;
    if (!outbox_is_empty(core->outbox))
        g_string_append(core->story, "committed ");
}

static const CoreOps core_ops = {core_receive, core_tick, core_connected, core_outbox};

// What it says stays as it is: it talks to itself.
static void core_authenticate(gpointer data, Authentication *authentication) {}

static const CoreOps authenticated_ops = {core_receive, core_tick, core_connected, core_outbox,
                                          .authenticate = core_authenticate};

static gboolean disk_commit(gpointer backend, const StoreChange *changes, gsize n_changes,
                            GError **error)
{
    Core *core = backend;
    if (core->can_commit)
        return TRUE;
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOSPC, "no space left");
    return FALSE;
}

static gboolean disk_forget(gpointer backend, GError **error)
{
    Core *core = backend;
    if (core->stops_late && strstr(core->story->str, "connected ")) {
        g_string_append(core->story, "forgot ");
        raise(SIGTERM);
    }
    return TRUE;
}

static void disk_free(gpointer backend)
{
    // The test owns the core.
}

static const StoreBackend disk = {.commit = disk_commit, .forget = disk_forget, .free = disk_free};

// The shell says "ready ID" on standard output, where this program speaks TAP.
static gboolean run_quietly(const DaemonSetup *setup, GError **error)
{
    fflush(stdout);
    int kept = dup(STDOUT_FILENO), nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    dup2(nowhere, STDOUT_FILENO);
    gboolean is_well = daemon_run(setup, error);
    fflush(stdout);
    dup2(kept, STDOUT_FILENO);
    close(kept);
    close(nowhere);
    return is_well;
}

// What became of it, and why it ended.
static char *run_core(Core *core, gboolean loses_authority, GError **error)
{
    g_autoptr(EventBase) base = event_base_new();
    g_autoptr(LiveBroker) broker = live_broker_new();
    Connection connection = live_broker_connection(broker, "vienna");
    g_autoptr(Outbox) outbox = outbox_new("vienna", 1);
    core->outbox = outbox;
    core->story = g_string_new(NULL);
    core->connection = loses_authority ? &connection : NULL;
    g_autoptr(Store) store = core->store = store_new(&disk, core);
    DaemonSetup setup = {
        .id = "vienna",
        .role = ROLE_AGENT,
        .connection = &connection,
        .core_ops = loses_authority ? &authenticated_ops : &core_ops,
        .core = core,
        .committed = core_committed,
        .reload = core_reload,
        .server = core,
        .store = store,
        .base = base,
    };
    g_string_append(core->story, run_quietly(&setup, error) ? "stopped" : "failed");
    return g_string_free(core->story, FALSE);
}

static char *run(gboolean can_commit, gboolean loses_authority, GError **error)
{
    Core core = {.can_commit = can_commit};
    return run_core(&core, loses_authority, error);
}

static void test_commits_before_it_publishes(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *story = run(TRUE, FALSE, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(story, ==, "connected committed received reloaded stopped");
}

// Nobody else wakes it.
static void test_forgets_when_it_is_calm(void)
{
    Core core = {.can_commit = TRUE, .stops_late = TRUE};
    g_autoptr(GError) error = NULL;
    g_autofree char *story = run_core(&core, FALSE, &error);
    g_assert_no_error(error);
    g_assert_nonnull(strstr(story, "connected "));
    g_assert_true(g_str_has_suffix(story, "forgot stopped"));
}

static void test_ends_where_it_cannot_commit(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *story = run(FALSE, FALSE, &error);
    g_assert_cmpstr(story, ==, "connected failed");
    g_assert_cmpstr(error->message, ==, "cannot make the state of vienna durable: no space left");
}

// The KME would otherwise serve by files that the daemon says it has not taken.
static void test_reloads_all_or_nothing(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *story = run(TRUE, TRUE, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(story, ==, "connected committed received stopped");
}

static void test_time_goes_on(void)
{
    gint64 first_us = daemon_now_us(), second_us = daemon_now_us();
    g_assert_cmpint(first_us, <=, second_us);
    g_assert_cmpint(ABS(second_us - g_get_real_time()), <, G_USEC_PER_SEC);
}

// As daemon_init() has left it.
static void test_gives_up_what_it_does_not_need(void)
{
    struct rlimit limit = {G_MAXUINT, 0};
    g_assert_cmpint(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), ==, 0);
    g_assert_cmpint(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), ==, 1);
    g_assert_cmpint(getrlimit(RLIMIT_CORE, &limit), ==, 0);
    g_assert_cmpuint(limit.rlim_cur, ==, 1);
    g_assert_cmpuint(limit.rlim_max, ==, 1);
    g_assert_cmpuint(umask(077), ==, 077);
}

int main(int argc, char **argv)
{
    daemon_init("test-daemon");
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/daemon/commits-before-it-publishes", test_commits_before_it_publishes);
    g_test_add_func("/daemon/forgets-when-it-is-calm", test_forgets_when_it_is_calm);
    g_test_add_func("/daemon/ends-where-it-cannot-commit", test_ends_where_it_cannot_commit);
    g_test_add_func("/daemon/reloads-all-or-nothing", test_reloads_all_or_nothing);
    g_test_add_func("/daemon/time-goes-on", test_time_goes_on);
    g_test_add_func("/daemon/gives-up-what-it-does-not-need", test_gives_up_what_it_does_not_need);
    return g_test_run();
}
