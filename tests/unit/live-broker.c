// SPDX-License-Identifier: Apache-2.0

#include "tests/unit/live-broker.h"

#include "tests/unit/scratch.h"
#include "tools/qkdnf/ports.h"

#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define WAIT_S 60

static struct sockaddr_in loopback(guint16 port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

guint16 live_free_port(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Ports) ports = ports_new();
    guint16 port = ports_take(ports, 0, &error);
    g_assert_no_error(error);
    return port;
}

static gboolean is_listening(guint16 port)
{
    struct sockaddr_in address = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    gboolean is = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
    close(fd);
    return is;
}

static void die_with_parent(gpointer data)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

GPid live_spawn(const char *const *argv)
{
    GSpawnFlags flags = G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_SEARCH_PATH;
    if (!g_test_verbose())
        flags |= G_SPAWN_STDERR_TO_DEV_NULL | G_SPAWN_STDOUT_TO_DEV_NULL;
    g_autoptr(GError) error = NULL;
    GPid pid = 0;
    g_spawn_async(NULL, (char **)argv, NULL, flags, die_with_parent, NULL, &pid, &error);
    g_assert_no_error(error);
    return pid;
}

void live_broker_start(LiveBroker *broker)
{
    g_autofree char *config = g_build_filename(broker->dir, BROKER_CONFIG_FILE, NULL);
    const char *argv[] = {"/usr/sbin/mosquitto", "-c", config, NULL};
    g_autofree char *program = g_find_program_in_path("mosquitto");
    if (program)
        argv[0] = program;
    broker->pid = live_spawn(argv);
    gint64 until_us = g_get_monotonic_time() + WAIT_S * G_USEC_PER_SEC;
    while (!is_listening(broker->port)) {
        g_assert_cmpint(g_get_monotonic_time(), <, until_us);
        g_assert_cmpint(waitpid(broker->pid, NULL, WNOHANG), ==, 0);
        g_usleep(2000);
    }
}

void live_broker_kill(LiveBroker *broker)
{
    if (broker->pid == 0)
        return;
    kill(broker->pid, SIGKILL);
    waitpid(broker->pid, NULL, 0);
    broker->pid = 0;
}

static char *live_path(LiveBroker *broker, const char *name, const char *suffix)
{
    char *path = g_strdup_printf("%s/%s%s", broker->dir, name, suffix);
    g_ptr_array_add(broker->strings, path);
    return path;
}

// A test may be whoever it likes.
#define ALL_ROLES                                                                                  \
    (ROLE_BIT(ROLE_PLATFORM) | ROLE_BIT(ROLE_AGENT) | ROLE_BIT(ROLE_APPLICATION) |                 \
     ROLE_BIT(ROLE_OPERATOR) | ROLE_BIT(ROLE_MONITOR))

Connection live_broker_connection(LiveBroker *broker, const char *id)
{
    g_autoptr(GError) error = NULL;
    pki_issue(broker->ca, id, PKI_USAGE_CLIENT, ALL_ROLES, broker->dir, &error);
    g_assert_no_error(error);
    return (Connection){
        .url = broker->url,
        .ca = live_path(broker, PKI_CA_CERTIFICATE_FILE, ""),
        .certificate = live_path(broker, id, ".crt"),
        .key = live_path(broker, id, ".key"),
    };
}

static void write_config(LiveBroker *broker)
{
    static const char *const monitors[] = {LIVE_MONITOR, NULL};
    g_autoptr(GError) error = NULL;
    pki_issue(broker->ca, "broker", PKI_USAGE_SERVER, 0, broker->dir, &error);
    g_assert_no_error(error);
    BrokerConfig config = {
        .address = "127.0.0.1",
        .port = broker->port,
        .ca = live_path(broker, PKI_CA_CERTIFICATE_FILE, ""),
        .certificate = live_path(broker, "broker", ".crt"),
        .key = live_path(broker, "broker", ".key"),
        .monitors = monitors,
    };
    broker_write_config(&config, broker->dir, &error);
    g_assert_no_error(error);
}

LiveBroker *live_broker_new(void)
{
    g_autoptr(GError) error = NULL;
    session_prepare_process();
    LiveBroker *broker = g_new0(LiveBroker, 1);
    broker->strings = g_ptr_array_new_with_free_func(g_free);
    broker->dir = scratch_new();
    broker->ca = pki_create_ca(broker->dir, &error);
    g_assert_no_error(error);
    broker->port = live_free_port();
    broker->url = g_strdup_printf("mqtts://127.0.0.1:%u", broker->port);
    write_config(broker);
    live_broker_start(broker);
    return broker;
}

void live_broker_free(LiveBroker *broker)
{
    if (!broker)
        return;
    live_broker_kill(broker);
    pki_ca_free(broker->ca);
    g_ptr_array_unref(broker->strings);
    scratch_free(broker->dir);
    g_free(broker->url);
    g_free(broker);
}

static void give_up(evutil_socket_t fd, short what, void *data)
{
    g_error("nothing came of it in %d s", WAIT_S);
}

void live_wait(EventBase *base, const guint *counter, guint goal)
{
    struct event *timeout = evtimer_new(base, give_up, NULL);
    event_add(timeout, &(struct timeval){WAIT_S, 0});
    while (*counter < goal)
        event_base_loop(base, EVLOOP_ONCE);
    event_free(timeout);
}
