// SPDX-License-Identifier: Apache-2.0

#include "tests/unit/live-broker.h"

#include "topics/presence.h"

#include <glib/gstdio.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

// This program; started with these arguments it is a member and nothing else.
static const char *self_path;
#define MEMBER_ARGUMENT "--member"

typedef struct {
    EventBase *base;
    Session *session;
    guint n_connected;
    guint n_disconnected;
    guint n_arrived;
    char *cause;
    GPtrArray *topics; // of what arrived, without presence
    // What is known of PRESENCE_OF.
    PresenceState presence;
    guint n_births;
    guint n_deaths;
} Member;

#define PRESENCE_OF "vienna"

static void on_connected(gpointer data)
{
    Member *member = data;
    member->n_connected++;
}

static void on_disconnected(gpointer data, const char *cause)
{
    Member *member = data;
    member->n_disconnected++;
    g_free(member->cause);
    member->cause = g_strdup(cause);
}

static void on_presence(Member *member, const Topic *topic, const guint8 *payload, gsize n_bytes)
{
    Refusal refusal;
    g_autoptr(Frame) frame = frame_parse(topic, payload, n_bytes, &refusal);
    g_assert_cmpint(refusal, ==, REFUSAL_NONE);
    const WirePresence *presence = (const WirePresence *)frame->messages[0];
    if (strcmp(topic->from, PRESENCE_OF) != 0 || !presence_update(&member->presence, presence))
        return;
    member->n_births += presence->alive;
    member->n_deaths += !presence->alive;
}

static void on_arrived(gpointer data, const char *text, const guint8 *payload, gsize n_bytes)
{
    Member *member = data;
    Topic topic;
    g_assert_true(topic_parse(text, &topic));
    if (topic.kind == KIND_PRESENCE) {
        on_presence(member, &topic, payload, n_bytes);
        return;
    }
    member->n_arrived++;
    g_ptr_array_add(member->topics, g_strdup_printf("%s %" G_GSIZE_FORMAT, text, n_bytes));
}

static const SessionListener listener = {on_connected, on_disconnected, on_arrived};

static Member *member_new(EventBase *base, const Connection *connection, const char *id, Role role)
{
    g_autoptr(GError) error = NULL;
    Member *member = g_new0(Member, 1);
    member->base = base;
    member->topics = g_ptr_array_new_with_free_func(g_free);
    member->session =
        session_new(base, connection, &(Identity){id, role, 7, NULL}, &listener, member, &error);
    g_assert_no_error(error);
    return member;
}

static void member_free(Member *member)
{
    if (!member)
        return;
    session_free(member->session);
    g_ptr_array_unref(member->topics);
    g_free(member->cause);
    g_free(member);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Member, member_free)

// Connected; certified by the broker's authority.
static Member *join(EventBase *base, LiveBroker *broker, const char *id, Role role)
{
    Connection connection = live_broker_connection(broker, id);
    Member *member = member_new(base, &connection, id, role);
    live_wait(base, &member->n_connected, 1);
    return member;
}

static void publish(Member *member, KindId kind, const char *from, const char *to, gsize n_bytes)
{
    g_autofree char *topic = topic_format(kind, from, to);
    g_autoptr(GBytes) payload = g_bytes_new_take(g_malloc0(n_bytes), n_bytes);
    session_publish(member->session, &(Publish){kind, topic, payload});
}

static void expect(const Member *member, guint at, const char *text)
{
    g_assert_cmpuint(member->topics->len, >, at);
    g_assert_cmpstr(member->topics->pdata[at], ==, text);
}

static void test_publishes_arrive_in_order(void)
{
    g_autoptr(EventBase) base = event_base_new();
    g_autoptr(LiveBroker) broker = live_broker_new();
    g_autoptr(Member) platform = join(base, broker, "platform", ROLE_PLATFORM);
    g_autoptr(Member) vienna = join(base, broker, "vienna", ROLE_AGENT);
    g_assert_true(session_is_connected(vienna->session));
    publish(vienna, KIND_FAULT, "vienna", "platform", 1);
    publish(vienna, KIND_FAULT, "vienna", "platform", FRAME_MAX_BYTES);
    publish(vienna, KIND_FAULT, "vienna", "platform", 3);
    publish(platform, KIND_ORDER, "platform", "vienna", 0);
    live_wait(base, &platform->n_arrived, 3);
    live_wait(base, &vienna->n_arrived, 1);
    expect(platform, 0, "qkdnf/v1/fault/vienna/platform 1");
    expect(platform, 1, "qkdnf/v1/fault/vienna/platform 1048576");
    expect(platform, 2, "qkdnf/v1/fault/vienna/platform 3");
    expect(vienna, 0, "qkdnf/v1/order/platform/vienna 0");
    g_assert_cmpuint(session_n_dropped_out(vienna->session), ==, 0);
    g_assert_cmpuint(session_n_dropped_in(platform->session), ==, 0);
}

static void test_comes_back_after_the_broker_was_killed(void)
{
    g_autoptr(EventBase) base = event_base_new();
    g_autoptr(LiveBroker) broker = live_broker_new();
    g_autoptr(Member) monitor = join(base, broker, LIVE_MONITOR, ROLE_MONITOR);
    g_autoptr(Member) vienna = join(base, broker, PRESENCE_OF, ROLE_AGENT);
    live_wait(base, &monitor->n_births, 1);
    g_assert_cmpuint(monitor->presence.incarnation, ==, 7);
    guint64 connection = monitor->presence.connection;
    g_assert_cmpuint(connection, >=, 1);

    live_broker_kill(broker);
    live_wait(base, &vienna->n_disconnected, 1);
    live_wait(base, &monitor->n_disconnected, 1);
    g_assert_false(session_is_connected(vienna->session));
    publish(vienna, KIND_FAULT, "vienna", "platform", 1);
    g_assert_cmpuint(session_n_dropped_out(vienna->session), ==, 1);

    live_broker_start(broker);
    live_wait(base, &vienna->n_connected, 2);
    live_wait(base, &monitor->n_connected, 2);
    live_wait(base, &monitor->n_births, 2);
    g_assert_cmpuint(monitor->presence.connection, >, connection);
    publish(vienna, KIND_FILL, "vienna", "vienna", 1);
    live_wait(base, &vienna->n_arrived, 1);
    live_wait(base, &monitor->n_arrived, 1);
}

static void test_announces_its_death(void)
{
    g_autoptr(EventBase) base = event_base_new();
    g_autoptr(LiveBroker) broker = live_broker_new();
    g_autoptr(Member) monitor = join(base, broker, LIVE_MONITOR, ROLE_MONITOR);
    Connection connection = live_broker_connection(broker, PRESENCE_OF);
    const char *argv[] = {self_path,     MEMBER_ARGUMENT,        connection.url,
                          connection.ca, connection.certificate, connection.key,
                          NULL};
    GPid child = live_spawn(argv);
    live_wait(base, &monitor->n_births, 1);
    kill(child, SIGKILL);
    live_wait(base, &monitor->n_deaths, 1);
    waitpid(child, NULL, 0);

    // The same incarnation again: only the connection tells its births apart, so end it first.
    monitor->presence = (PresenceState){0};
    member_free(join(base, broker, PRESENCE_OF, ROLE_AGENT));
    live_wait(base, &monitor->n_deaths, 2);
}

static void test_nobody_acts_outside_the_rules(void)
{
    g_autoptr(EventBase) base = event_base_new();
    g_autoptr(LiveBroker) broker = live_broker_new();
    g_autoptr(Member) platform = join(base, broker, "platform", ROLE_PLATFORM);
    g_autoptr(Member) monitor = join(base, broker, LIVE_MONITOR, ROLE_MONITOR);
    // A member that asks to read everything, as a monitor does.
    g_autoptr(Member) mallory = join(base, broker, "mallory", ROLE_MONITOR);

    publish(mallory, KIND_FAULT, "vienna", "platform", 1);
    publish(mallory, KIND_PRESENCE, "vienna", ID_ALL, 1);
    publish(mallory, KIND_FAULT, "mallory", "platform", 2);
    live_wait(base, &platform->n_arrived, 1);
    expect(platform, 0, "qkdnf/v1/fault/mallory/platform 2");
    live_wait(base, &monitor->n_arrived, 1);
    expect(monitor, 0, "qkdnf/v1/fault/mallory/platform 2");

    publish(monitor, KIND_FAULT, LIVE_MONITOR, "platform", 3);
    publish(monitor, KIND_FAULT, "vienna", "platform", 4);
    publish(platform, KIND_ORDER, "platform", "platform", 5);
    publish(platform, KIND_ORDER, "platform", "mallory", 6);
    live_wait(base, &mallory->n_arrived, 1);
    expect(mallory, 0, "qkdnf/v1/order/platform/mallory 6");
    live_wait(base, &monitor->n_arrived, 3);
    live_wait(base, &platform->n_arrived, 2);
    expect(platform, 1, "qkdnf/v1/order/platform/platform 5");
    g_assert_cmpuint(monitor->n_births, ==, 0);
}

static void test_a_foreign_certificate_is_refused(void)
{
    g_autoptr(EventBase) base = event_base_new();
    g_autoptr(LiveBroker) broker = live_broker_new();
    g_autoptr(LiveBroker) foreign = live_broker_new();
    Connection own = live_broker_connection(broker, "vienna");
    Connection other = live_broker_connection(foreign, "vienna");

    // Ours at their broker, and theirs at ours while believing our broker.
    Connection mixed = {broker->url, own.ca, other.certificate, other.key, 0};
    other.url = broker->url;
    g_autoptr(Member) disbelieves = member_new(base, &other, "vienna", ROLE_AGENT);
    g_autoptr(Member) disbelieved = member_new(base, &mixed, "vienna", ROLE_AGENT);
    live_wait(base, &disbelieves->n_disconnected, 1);
    live_wait(base, &disbelieved->n_disconnected, 1);
    g_assert_nonnull(strstr(disbelieves->cause, "certificate verify failed"));
    g_assert_nonnull(strstr(disbelieved->cause, "our certificate is refused"));
    g_assert_cmpuint(disbelieves->n_connected + disbelieved->n_connected, ==, 0);
}

static void test_a_broker_of_another_name_is_refused(void)
{
    g_autoptr(EventBase) base = event_base_new();
    g_autoptr(LiveBroker) broker = live_broker_new();
    Connection connection = live_broker_connection(broker, "vienna");
    // Of the whole loopback network, its certificate has only the first address.
    g_autofree char *url = g_strdup_printf("mqtts://127.0.0.2:%u", broker->port);
    g_autofree char *local = g_strdup_printf("mqtts://localhost:%u", broker->port);
    connection.url = local;
    g_autoptr(Member) by_name = member_new(base, &connection, "vienna", ROLE_AGENT);
    live_wait(base, &by_name->n_connected, 1);
    connection.url = url;
    g_autoptr(Member) misled = member_new(base, &connection, "vienna", ROLE_AGENT);
    live_wait(base, &misled->n_disconnected, 1);
    g_assert_cmpuint(misled->n_connected, ==, 0);
}

static void test_no_broker_at_all(void)
{
    g_autoptr(EventBase) base = event_base_new();
    g_autoptr(LiveBroker) broker = live_broker_new();
    Connection connection = live_broker_connection(broker, "vienna");
    live_broker_kill(broker);
    g_autoptr(Member) vienna = member_new(base, &connection, "vienna", ROLE_AGENT);
    live_wait(base, &vienna->n_disconnected, 1);
    g_assert_true(g_str_has_suffix(vienna->cause, ": Connection refused"));
}

static void test_a_flood_is_bounded_and_counted(void)
{
    g_autoptr(EventBase) base = event_base_new();
    g_autoptr(LiveBroker) broker = live_broker_new();
    g_autoptr(Member) vienna = join(base, broker, "vienna", ROLE_AGENT);
    g_autoptr(Member) platform = join(base, broker, "platform", ROLE_PLATFORM);
    static const guint n_published = 18000;
    kill(broker->pid, SIGSTOP);
    gint64 since_us = g_get_monotonic_time();
    for (guint i = 0; i < n_published; i++)
        publish(vienna, KIND_FAULT, "vienna", "platform", 8);
    g_assert_cmpint(g_get_monotonic_time() - since_us, <, G_USEC_PER_SEC);
    guint64 n_dropped = session_n_dropped_out(vienna->session);
    g_assert_cmpuint(n_dropped, >, 0);
    g_assert_cmpuint(n_dropped, <, n_published / 2);
    kill(broker->pid, SIGCONT);
    live_wait(base, &platform->n_arrived, n_published - (guint)n_dropped);
    g_assert_cmpuint(session_n_dropped_out(vienna->session), ==, n_dropped);
}

static void free_in_time(Session **session)
{
    gint64 since_us = g_get_monotonic_time();
    g_clear_pointer(session, session_free);
    g_assert_cmpint(g_get_monotonic_time() - since_us, <, 2 * G_USEC_PER_SEC);
}

static void test_freeing_does_not_hang(void)
{
    g_autoptr(EventBase) base = event_base_new();
    g_autoptr(LiveBroker) broker = live_broker_new();
    g_autoptr(Member) vienna = join(base, broker, "vienna", ROLE_AGENT);
    kill(broker->pid, SIGSTOP);
    for (guint i = 0; i < 40; i++)
        publish(vienna, KIND_FAULT, "vienna", "platform", FRAME_MAX_BYTES);
    Connection connection = live_broker_connection(broker, "berlin");
    g_autoptr(Member) berlin = member_new(base, &connection, "berlin", ROLE_AGENT);
    event_base_loop(base, EVLOOP_NONBLOCK);
    free_in_time(&vienna->session);
    free_in_time(&berlin->session);
    kill(broker->pid, SIGCONT);
}

static void expect_error(const Connection *connection, const char *id, const char *text)
{
    g_autoptr(EventBase) base = event_base_new();
    g_autoptr(GError) error = NULL;
    g_assert_null(session_new(base, connection, &(Identity){id, ROLE_AGENT, 1, NULL}, &listener,
                              NULL, &error));
    g_assert_nonnull(error);
    if (!strstr(error->message, text))
        g_error("\"%s\" does not say \"%s\"", error->message, text);
}

static void test_what_no_retry_can_mend(void)
{
    g_autoptr(LiveBroker) broker = live_broker_new();
    Connection good = live_broker_connection(broker, "vienna");
    Connection other = live_broker_connection(broker, "berlin");
    static char *const urls[] = {"",
                                 "tcp://localhost:1883",
                                 "mqtts://localhost",
                                 "mqtts://h:0",
                                 "mqtts://h:99999",
                                 "mqtts://h:1/path",
                                 "mqtts://u@h:1"};
    Connection bad = good;
    for (gsize i = 0; i < G_N_ELEMENTS(urls); i++) {
        bad.url = urls[i];
        expect_error(&bad, "vienna", "the broker's URL");
    }
    expect_error(&good, "graz", "is vienna, not graz");
    bad = good;
    bad.key = other.key;
    expect_error(&bad, "vienna", "is not the key of");
    bad.key = (char *)"/nowhere/x.key";
    expect_error(&bad, "vienna", "/nowhere/x.key");
    bad = good;
    bad.certificate = (char *)"/nowhere/x.crt";
    expect_error(&bad, "vienna", "/nowhere/x.crt");
    bad = good;
    bad.ca = good.key;
    expect_error(&bad, "vienna", "is not a certificate");
}

static int run_member(char **argv)
{
    EventBase *base = event_base_new();
    Connection connection = {argv[2], argv[3], argv[4], argv[5], 0};
    g_autoptr(Member) member G_GNUC_UNUSED = member_new(base, &connection, PRESENCE_OF, ROLE_AGENT);
    event_base_dispatch(base);
    return 1;
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    self_path = argv[0];
    if (argc == 6 && strcmp(argv[1], MEMBER_ARGUMENT) == 0)
        return run_member(argv);
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/session/publishes-arrive-in-order", test_publishes_arrive_in_order);
    g_test_add_func("/session/comes-back-after-the-broker-was-killed",
                    test_comes_back_after_the_broker_was_killed);
    g_test_add_func("/session/announces-its-death", test_announces_its_death);
    g_test_add_func("/session/nobody-acts-outside-the-rules", test_nobody_acts_outside_the_rules);
    g_test_add_func("/session/a-foreign-certificate-is-refused",
                    test_a_foreign_certificate_is_refused);
    g_test_add_func("/session/a-broker-of-another-name-is-refused",
                    test_a_broker_of_another_name_is_refused);
    g_test_add_func("/session/no-broker-at-all", test_no_broker_at_all);
    g_test_add_func("/session/a-flood-is-bounded-and-counted", test_a_flood_is_bounded_and_counted);
    g_test_add_func("/session/freeing-does-not-hang", test_freeing_does_not_hang);
    g_test_add_func("/session/what-no-retry-can-mend", test_what_no_retry_can_mend);
    return g_test_run();
}
