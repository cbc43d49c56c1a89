// SPDX-License-Identifier: Apache-2.0
//
// Where the dashboard is, and how it comes to the broker.

#include "tests/unit/live-broker.h"
#include "tools/dashboard/dashboard.h"
#include "tools/dashboard/upstream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define LIMIT_US (60 * G_TIME_SPAN_SECOND)

typedef struct {
    EventBase *base;
    LiveBroker *broker;
    Connection connection;
} Fixture;

static void set_up(Fixture *f, gconstpointer data)
{
    f->base = event_base_new();
    f->broker = live_broker_new();
    f->connection = live_broker_connection(f->broker, LIVE_MONITOR);
}

static void tear_down(Fixture *f, gconstpointer data)
{
    live_broker_free(f->broker);
    event_base_free(f->base);
}

static gboolean has_ipv6(void)
{
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    gboolean has = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0;
    if (fd >= 0)
        close(fd);
    return has;
}

// What is answered to a request for the page with this Host.
static char *ask(Fixture *f, guint16 port, const char *host)
{
    struct sockaddr_in6 address = {
        .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT, .sin6_port = htons(port)};
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    g_assert_cmpint(connect(fd, (struct sockaddr *)&address, sizeof address), ==, 0);
    g_autofree char *request = g_strdup_printf("GET /none HTTP/1.1\r\nHost: %s\r\n\r\n", host);
    g_assert_cmpint(write(fd, request, strlen(request)), ==, (gssize)strlen(request));
    g_assert_cmpint(fcntl(fd, F_SETFL, O_NONBLOCK), ==, 0);
    GString *heard = g_string_new(NULL);
    gint64 since_us = g_get_monotonic_time();
    char bytes[1024];
    for (gssize n; (n = read(fd, bytes, sizeof bytes)) != 0;) {
        g_assert_true(n > 0 || errno == EAGAIN);
        g_assert_cmpint(g_get_monotonic_time() - since_us, <, LIMIT_US);
        g_string_append_len(heard, bytes, MAX(n, 0));
        event_base_loop(f->base, EVLOOP_NONBLOCK);
    }
    close(fd);
    return g_string_free(heard, FALSE);
}

static void assert_answers(Fixture *f, const Dashboard *dashboard)
{
    g_autofree char *url = dashboard_url(dashboard);
    static const char start[] = "http://[0:0:0:0:0:0:0:1]:";
    g_assert_true(g_str_has_prefix(url, start));
    guint16 port = (guint16)g_ascii_strtoull(url + strlen(start), NULL, 10);
    g_autofree char *host = g_strdup_printf("[0:0:0:0:0:0:0:1]:%u", port);
    g_autofree char *ours = ask(f, port, host);
    g_assert_true(g_str_has_prefix(ours, "HTTP/1.1 404 "));
    g_autofree char *foreign = ask(f, port, "elsewhere.example");
    g_assert_true(g_str_has_prefix(foreign, "HTTP/1.1 403 "));
}

// However it is written, it stands in brackets in a URL and in what a browser says.
static void test_an_ipv6_address(Fixture *f, gconstpointer data)
{
    static const char *const addresses[] = {"0:0:0:0:0:0:0:1", "[0:0:0:0:0:0:0:1]"};
    if (!has_ipv6()) {
        g_test_skip("there is no IPv6 here");
        return;
    }
    for (gsize i = 0; i < G_N_ELEMENTS(addresses); i++) {
        g_autoptr(GError) error = NULL;
        DashboardSettings settings = {.address = (char *)addresses[i],
                                      .token = (char *)"t",
                                      .id = LIVE_MONITOR,
                                      .broker = &f->connection};
        g_autoptr(Dashboard) dashboard = dashboard_new(f->base, &settings, &error);
        g_assert_no_error(error);
        assert_answers(f, dashboard);
    }
}

static void on_event(struct bufferevent *stream, short what, void *data)
{
    *(short *)data = what;
}

// The broker listens on 127.0.0.1 alone.
static void test_a_broker_by_name(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *url = g_strdup_printf("mqtts://localhost:%u", f->broker->port);
    Connection connection = f->connection;
    connection.url = url;
    g_autoptr(Upstream) upstream = upstream_new(&connection, LIVE_MONITOR, &error);
    g_assert_no_error(error);
    struct bufferevent *stream = upstream_connect(upstream, f->base);
    g_assert_nonnull(stream);
    short what = 0;
    bufferevent_setcb(stream, NULL, NULL, on_event, &what);
    bufferevent_enable(stream, EV_READ | EV_WRITE);
    gint64 since_us = g_get_monotonic_time();
    while (what == 0) {
        g_assert_cmpint(g_get_monotonic_time() - since_us, <, LIMIT_US);
        event_base_loopexit(f->base, &(struct timeval){0, 10000});
        event_base_loop(f->base, 0);
    }
    g_assert_true(what & BEV_EVENT_CONNECTED);
    bufferevent_free(stream);
}

static void test_which_address(void)
{
    struct addrinfo last = {.ai_family = AF_INET6};
    struct addrinfo second = {.ai_family = AF_INET, .ai_next = &last};
    struct addrinfo first = {.ai_family = AF_INET6, .ai_next = &second};
    g_assert_true(upstream_choose(&first) == &second);
    g_assert_true(upstream_choose(&last) == &last);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    signal(SIGPIPE, SIG_IGN);
    g_test_add("/dashboard-host/an-ipv6-address", Fixture, NULL, set_up, test_an_ipv6_address,
               tear_down);
    g_test_add("/dashboard-host/a-broker-by-name", Fixture, NULL, set_up, test_a_broker_by_name,
               tear_down);
    g_test_add_func("/dashboard-host/which-address", test_which_address);
    return g_test_run();
}
