// SPDX-License-Identifier: Apache-2.0

#include "topics/mqtt/daemon.h"

#include "topics/base/log.h"
#include "topics/mqtt/chronicle.h"
#include "topics/mqtt/credentials-file.h"
#include "topics/mqtt/journal.h"
#include "topics/mqtt/privilege.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

// The same refusal is logged once in this time; more different ones than this are not logged.
#define REFUSAL_LOG_US  G_TIME_SPAN_MINUTE
#define REFUSAL_LOG_MAX 1000

// Nor are drops logged more often.
#define DROPS_LOG_US G_TIME_SPAN_MINUTE

// What is counted is said this often; a core that has nothing due is asked again then at the
// latest.
#define METRICS_US (10 * G_TIME_SPAN_SECOND)

// How often, and for how long, a pass looks whether more has come before it makes durable what it
// has taken: whoever came first waits for that.
#define ROUNDS_MAX 4
#define ROUNDS_US  G_TIME_SPAN_MILLISECOND

typedef struct {
    const DaemonSetup *setup;
    Session *session;
    Authentication *authentication; // NULL: without
    Exporter *exporter;             // NULL: there is none
    gint64 measured_us;             // when it was last said what is counted
    Journal journal;
    struct event *timer;
    struct event *on_int;
    struct event *on_term;
    struct event *on_hup;
    gboolean is_stopping;
    gboolean was_ready;
    char *last_cause;        // of being disconnected, as it was logged
    GHashTable *refusals;    // "reason topic" of those that were logged
    gint64 refusals_from_us; // when the table was last cleared
    guint64 n_refused[N_REFUSALS];
    guint64 n_dropped_out, n_dropped_in; // as they were logged
    gint64 drops_logged_us;
} Daemon;

void daemon_init(const char *program)
{
    log_init(program);
    session_prepare_process();
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    privilege_give_up();
}

// The protocol of sd_notify(3): one datagram to the socket that the service manager named.
static void notify_manager(const char *state)
{
    const char *path = g_getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (!path || strlen(path) >= sizeof address.sun_path)
        return;
    strcpy(address.sun_path, path);
    if (path[0] == '@')
        address.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t n_bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    if (fd < 0 ||
        sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&address, n_bytes) < 0)
        log_line(G_LOG_LEVEL_WARNING, "cannot notify the service manager", "socket", path, NULL);
    if (fd >= 0)
        close(fd);
}

static void on_connected(gpointer data)
{
    Daemon *self = data;
    const DaemonSetup *setup = self->setup;
    log_line(G_LOG_LEVEL_MESSAGE, "on the bus", "member", setup->id, "broker",
             setup->connection->url, NULL);
    g_clear_pointer(&self->last_cause, g_free);
    // What was dropped while the bus was away is no news.
    self->n_dropped_out = session_n_dropped_out(self->session);
    setup->core_ops->connected(setup->core, daemon_now_us());
    if (self->was_ready)
        return;
    self->was_ready = TRUE;
    privilege_report();
    printf("ready %s\n", setup->id);
    fflush(stdout);
    notify_manager("READY=1");
}

static void on_disconnected(gpointer data, const char *cause)
{
    Daemon *self = data;
    if (g_strcmp0(cause, self->last_cause) == 0)
        return;
    log_line(G_LOG_LEVEL_WARNING, "not on the bus", "member", self->setup->id, "cause", cause,
             NULL);
    g_free(self->last_cause);
    self->last_cause = g_strdup(cause);
}

// The topic holds sender and kind.
static void log_refusal(Daemon *self, const char *topic, Refusal refusal, gint64 now_us)
{
    if (now_us - self->refusals_from_us >= REFUSAL_LOG_US) {
        g_hash_table_remove_all(self->refusals);
        self->refusals_from_us = now_us;
    }
    if (g_hash_table_size(self->refusals) >= REFUSAL_LOG_MAX)
        return;
    const char *reason = refusal_name(refusal);
    g_autofree char *total = g_strdup_printf("%" G_GUINT64_FORMAT, self->n_refused[refusal]);
    if (g_hash_table_add(self->refusals, g_strconcat(reason, " ", topic, NULL)))
        log_line(G_LOG_LEVEL_WARNING, "refused", "member", self->setup->id, "reason", reason,
                 "topic", topic, "total", total, NULL);
}

static void on_arrived(gpointer data, const char *topic, const guint8 *payload, gsize n_bytes)
{
    Daemon *self = data;
    const DaemonSetup *setup = self->setup;
    gint64 now_us = daemon_now_us();
    Refusal refusal = setup->core_ops->receive(setup->core, topic, payload, n_bytes, now_us);
    self->n_refused[refusal]++;
    if (refusal != REFUSAL_NONE)
        log_refusal(self, topic, refusal, now_us);
    else
        chronicle_heard(setup->id, topic, payload, n_bytes);
}

static void on_signal(evutil_socket_t number, short what, void *data)
{
    Daemon *self = data;
    self->is_stopping = TRUE;
}

// NULL without an error when there is no authentication.
static Credentials *load_credentials(const Daemon *self, GError **error)
{
    return self->authentication ? credentials_load(self->setup->connection, self->setup->id, error)
                                : NULL;
}

static void take_credentials(Daemon *self, Credentials *credentials)
{
    if (credentials)
        authentication_set_credentials(self->authentication, credentials, daemon_now_us());
}

// All of it or nothing: what can fail comes before what is then in force.
static gboolean reload(Daemon *self, GError **error)
{
    const DaemonSetup *setup = self->setup;
    g_autoptr(Credentials) credentials = load_credentials(self, error);
    if (self->authentication && !credentials)
        return FALSE;
    if (setup->reload && !setup->reload(setup->server, error))
        return FALSE;
    take_credentials(self, g_steal_pointer(&credentials));
    return TRUE;
}

static void on_hangup(evutil_socket_t number, short what, void *data)
{
    Daemon *self = data;
    const DaemonSetup *setup = self->setup;
    g_autoptr(GError) error = NULL;
    if (reload(self, &error))
        log_line(G_LOG_LEVEL_MESSAGE, "reloaded", "member", setup->id, NULL);
    else
        log_line(G_LOG_LEVEL_WARNING, "not reloaded", "member", setup->id, "cause", error->message,
                 NULL);
}

static void on_timer(evutil_socket_t fd, short what, void *data)
{
    // Wakes the loop; the pass that follows does the rest.
}

static void send_publish(gpointer data, const Publish *publish)
{
    Daemon *self = data;
    session_publish(self->session, publish);
    chronicle_said(self->setup->id, publish);
}

static void log_drops(Daemon *self, gint64 now_us)
{
    guint64 n_out = session_n_dropped_out(self->session);
    guint64 n_in = session_n_dropped_in(self->session);
    if ((n_out == self->n_dropped_out && n_in == self->n_dropped_in) ||
        now_us - self->drops_logged_us < DROPS_LOG_US)
        return;
    g_autofree char *out = g_strdup_printf("%" G_GUINT64_FORMAT, n_out);
    g_autofree char *in = g_strdup_printf("%" G_GUINT64_FORMAT, n_in);
    log_line(G_LOG_LEVEL_WARNING, "dropped publishes", "member", self->setup->id, "total_out", out,
             "total_in", in, NULL);
    self->n_dropped_out = n_out;
    self->n_dropped_in = n_in;
    self->drops_logged_us = now_us;
}

// --- what is counted -----------------------------------------------------------------------------

static const MetricInfo on_bus = {"qkdnf_on_bus", "1 while this member is on the bus.", FALSE,
                                  NULL};
static const MetricInfo taken_total = {"qkdnf_publishes_taken_total",
                                       "Publishes that came and were taken.", TRUE, NULL};
static const MetricInfo refused_total = {"qkdnf_publishes_refused_total",
                                         "Publishes that came and were refused, by reason.", TRUE,
                                         "reason"};
static const MetricInfo dropped_total = {
    "qkdnf_publishes_dropped_total", "Publishes that found no room, or no bus.", TRUE, "direction"};
static const MetricInfo sent_total = {"qkdnf_messages_sent_total",
                                      "Messages that were said, by kind.", TRUE, "kind"};

static Metrics *daemon_measure(const Daemon *self)
{
    const DaemonSetup *setup = self->setup;
    Metrics *metrics = metrics_new();
    metrics_add(metrics, &on_bus, NULL, session_is_connected(self->session));
    metrics_add(metrics, &taken_total, NULL, (double)self->n_refused[REFUSAL_NONE]);
    for (guint i = REFUSAL_NONE + 1; i < N_REFUSALS; i++)
        metrics_add(metrics, &refused_total, refusal_name((Refusal)i), (double)self->n_refused[i]);
    metrics_add(metrics, &dropped_total, "in", (double)session_n_dropped_in(self->session));
    metrics_add(metrics, &dropped_total, "out", (double)session_n_dropped_out(self->session));
    const Outbox *outbox = setup->core_ops->outbox(setup->core);
    for (guint id = 0; id < N_KINDS; id++) {
        guint64 n = outbox_n_added(outbox, id);
        if (n > 0)
            metrics_add(metrics, &sent_total, kind_get(id)->name, (double)n);
    }
    if (setup->core_ops->measure)
        setup->core_ops->measure(setup->core, metrics);
    return metrics;
}

static char *format_metrics(gpointer data)
{
    g_autoptr(Metrics) metrics = daemon_measure(data);
    return metrics_format(metrics);
}

static gboolean is_ready(gpointer data)
{
    return session_is_connected(((Daemon *)data)->session);
}

static void say_metrics(Daemon *self, gint64 now_us)
{
    if (now_us - self->measured_us < METRICS_US || !session_is_connected(self->session))
        return;
    self->measured_us = now_us;
    g_autoptr(Metrics) metrics = daemon_measure(self);
    metrics_send(metrics, self->setup->core_ops->outbox(self->setup->core), now_us);
}

// What the events before have changed becomes durable, then goes out.
static gboolean daemon_pass(Daemon *self, GError **error)
{
    const DaemonSetup *setup = self->setup;
    gint64 now_us = daemon_now_us();
    gint64 due_us = setup->core_ops->tick(setup->core, now_us);
    due_us = MIN(due_us, journal_note(&self->journal, now_us));
    gint64 delay_us = CLAMP(due_us - now_us, 0, METRICS_US);
    event_add(self->timer, &(struct timeval){delay_us / G_USEC_PER_SEC, delay_us % G_USEC_PER_SEC});
    if (setup->store && !store_commit(setup->store, error)) {
        g_prefix_error(error, "cannot make the state of %s durable: ", setup->id);
        return FALSE;
    }
    if (setup->committed)
        setup->committed(setup->server);
    say_metrics(self, now_us);
    outbox_flush(setup->core_ops->outbox(setup->core), now_us, send_publish, self);
    if (session_is_connected(self->session))
        log_drops(self, now_us);
    journal_tidy(&self->journal, now_us);
    return TRUE;
}

static gboolean daemon_export(Daemon *self, GError **error)
{
    static const ExporterOps ops = {format_metrics, is_ready};
    const ExporterSettings *settings = self->setup->metrics;
    if (!settings || settings->port == 0)
        return TRUE;
    self->exporter = exporter_new(self->setup->base, settings, &ops, self, error);
    return self->exporter != NULL;
}

// Waits for what comes first, and takes with it what came meanwhile: the more one commit covers,
// the more can be promised in a second. Nothing is waited for.
static gboolean take_events(struct event_base *base)
{
    int result = event_base_loop(base, EVLOOP_ONCE);
    gint64 until_us = g_get_monotonic_time() + ROUNDS_US;
    for (guint round = 1; result >= 0 && round < ROUNDS_MAX && g_get_monotonic_time() < until_us;
         round++)
        result = event_base_loop(base, EVLOOP_NONBLOCK);
    return result >= 0;
}

static gboolean daemon_loop(Daemon *self, GError **error)
{
    for (;;) {
        if (!daemon_pass(self, error))
            return FALSE;
        if (self->is_stopping)
            return TRUE;
        if (!take_events(self->setup->base)) {
            g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "the event loop failed");
            return FALSE;
        }
    }
}

static void daemon_start(Daemon *self, const DaemonSetup *setup)
{
    self->setup = setup;
    self->journal = journal_of(setup->store, setup->id, daemon_now_us());
    self->refusals = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    self->timer = evtimer_new(setup->base, on_timer, self);
    self->on_int = evsignal_new(setup->base, SIGINT, on_signal, self);
    self->on_term = evsignal_new(setup->base, SIGTERM, on_signal, self);
    event_add(self->on_int, NULL);
    event_add(self->on_term, NULL);
    self->on_hup = evsignal_new(setup->base, SIGHUP, on_hangup, self);
    event_add(self->on_hup, NULL);
}

static void daemon_stop(Daemon *self)
{
    if (self->was_ready)
        notify_manager("STOPPING=1");
    exporter_free(self->exporter);
    session_free(self->session);
    if (self->authentication)
        self->setup->core_ops->authenticate(self->setup->core, NULL);
    authentication_free(self->authentication);
    event_free(self->timer);
    event_free(self->on_int);
    event_free(self->on_term);
    event_free(self->on_hup);
    g_hash_table_unref(self->refusals);
    g_free(self->last_cause);
}

static gboolean daemon_authenticate(Daemon *self, const Identity *identity, GError **error)
{
    const DaemonSetup *setup = self->setup;
    if (!setup->core_ops->authenticate)
        return TRUE;
    self->authentication =
        authentication_new(identity->id, identity->role, identity->incarnation, daemon_random());
    Credentials *credentials = load_credentials(self, error);
    if (!credentials)
        return FALSE;
    take_credentials(self, credentials);
    if (setup->pre_shared && !pre_shared_load(setup->pre_shared, self->authentication, error))
        return FALSE;
    setup->core_ops->authenticate(setup->core, self->authentication);
    return TRUE;
}

static gboolean daemon_connect(Daemon *self, GError **error)
{
    static const SessionListener listener = {on_connected, on_disconnected, on_arrived};
    const DaemonSetup *setup = self->setup;
    guint64 incarnation = outbox_incarnation(setup->core_ops->outbox(setup->core));
    Identity plain = {setup->id, setup->role, incarnation, NULL};
    if (!daemon_authenticate(self, &plain, error))
        return FALSE;
    const Identity *identity =
        self->authentication ? authentication_identity(self->authentication) : &plain;
    self->session = session_new(setup->base, setup->connection, identity, &listener, self, error);
    return self->session != NULL;
}

gboolean daemon_run(const DaemonSetup *setup, GError **error)
{
    Daemon self = {0};
    daemon_start(&self, setup);
    gboolean is_well =
        daemon_connect(&self, error) && daemon_export(&self, error) && daemon_loop(&self, error);
    daemon_stop(&self);
    return is_well;
}
