// SPDX-License-Identifier: Apache-2.0
//
// The shell around an application's core: the bus session, the clock, and a loop of its own that is
// turned by whoever calls.

#include "agents/application/federation-file.h"
#include "agents/application/handle.h"
#include "agents/application/result.h"
#include "topics/mqtt/credentials-file.h"
#include "topics/mqtt/daemon.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/time.h>
#include <unistd.h>

gint64 handle_now(const struct qkdnf *q)
{
    return g_get_monotonic_time() + q->offset_us;
}

static void send_publish(gpointer data, const Publish *publish)
{
    const struct qkdnf *q = data;
    session_publish(q->session, publish);
}

void handle_flush(struct qkdnf *q)
{
    outbox_flush(application_outbox(q->application), handle_now(q), send_publish, q);
}

static void on_connected(gpointer data)
{
    struct qkdnf *q = data;
    g_clear_pointer(&q->trouble, g_free);
    application_connected(q->application, handle_now(q));
}

static void on_disconnected(gpointer data, const char *cause)
{
    struct qkdnf *q = data;
    g_free(q->trouble);
    q->trouble = g_strdup(cause);
}

// What is refused was not meant for this application, or not by the platform.
static void on_arrived(gpointer data, const char *topic, const guint8 *payload, gsize n_bytes)
{
    struct qkdnf *q = data;
    (void)application_receive(q->application, topic, payload, n_bytes, handle_now(q));
}

static const SessionListener listener = {on_connected, on_disconnected, on_arrived};

// libevent does not give its own descriptor away, but it tells what it waits for. The session's
// descriptors are the same as long as it lives.
static int watch_event(const struct event_base *base, const struct event *event, void *data)
{
    const struct qkdnf *q = data;
    struct epoll_event wanted = {.events = EPOLLIN};
    if (event_get_fd(event) >= 0 && (event_get_events(event) & EV_READ))
        epoll_ctl(q->fd, EPOLL_CTL_ADD, event_get_fd(event), &wanted);
    return 0;
}

static gboolean open_session(struct qkdnf *q, const struct qkdnf_config *config, GError **error)
{
    Connection connection = {
        .url = (char *)config->broker_url,
        .ca = (char *)config->ca,
        .certificate = (char *)config->certificate,
        .key = (char *)config->key,
    };
    guint64 incarnation = presence_draw_incarnation(handle_now(q), daemon_random());
    Credentials *credentials = credentials_load(&connection, config->sae, error);
    if (!credentials)
        return FALSE;
    q->application = application_new(config->sae, config->platform, incarnation);
    handle_watch(q);
    q->authentication =
        authentication_new(config->sae, ROLE_APPLICATION, incarnation, daemon_random());
    authentication_set_credentials(q->authentication, credentials, handle_now(q));
    application_authenticate(q->application, q->authentication);
    q->session = session_new(q->base, &connection, authentication_identity(q->authentication),
                             &listener, q, error);
    if (!q->session)
        return FALSE;
    event_base_foreach_event(q->base, watch_event, q);
    return TRUE;
}

static gboolean config_check(const struct qkdnf_config *config, GError **error)
{
    const char *missing = !config->sae || !id_is_valid(config->sae)             ? "sae"
                          : !config->broker_url                                 ? "broker_url"
                          : !config->ca                                         ? "ca"
                          : !config->certificate                                ? "certificate"
                          : !config->key                                        ? "key"
                          : !config->platform || !id_is_valid(config->platform) ? "platform"
                                                                                : NULL;
    if (missing)
        g_set_error(error, g_quark_from_static_string("qkdnf"), 0,
                    "%s is missing, or not what it should be", missing);
    return !missing;
}

struct qkdnf *qkdnf_connect(const struct qkdnf_config *config, struct qkdnf_error *ret_error)
{
    GError *error = NULL;
    if (!config_check(config, &error)) {
        error_give(ret_error, error);
        return NULL;
    }
    struct qkdnf *q = g_new0(struct qkdnf, 1);
    q->sae = g_strdup(config->sae);
    q->ca = g_strdup(config->ca);
    q->certificate = g_strdup(config->certificate);
    q->key = g_strdup(config->key);
    q->kme_url = g_strdup(config->kme_url);
    q->kme_id = g_strdup(config->kme_id);
    q->offset_us = g_get_real_time() - g_get_monotonic_time();
    q->trouble = g_strdup("not connected yet");
    q->base = event_base_new();
    q->fd = epoll_create1(EPOLL_CLOEXEC);
    if (q->base && q->fd >= 0 && open_session(q, config, &error))
        return q;
    if (!error)
        error = g_error_new(g_quark_from_static_string("qkdnf"), 0, "cannot make a loop: %s",
                            g_strerror(errno));
    error_give(ret_error, error);
    qkdnf_close(q);
    return NULL;
}

struct qkdnf *qkdnf_connect_federation(const char *path, const char *sae,
                                       struct qkdnf_error *ret_error)
{
    GError *error = NULL;
    g_autofree char *text = NULL;
    g_autofree char *dir = g_path_get_dirname(path);
    gsize n_bytes;
    g_autoptr(FederationFile) file = NULL;
    if (g_file_get_contents(path, &text, &n_bytes, &error))
        file = federation_file_parse(text, n_bytes, dir, sae, &error);
    if (!file) {
        g_prefix_error(&error, "%s: ", path);
        error_give(ret_error, error);
        return NULL;
    }
    struct qkdnf_config config = {
        .sae = sae,
        .broker_url = file->broker_url,
        .ca = file->ca,
        .certificate = file->certificate,
        .key = file->key,
        .platform = file->platform,
        .kme_url = file->kme_url,
        .kme_id = file->kme_id,
    };
    return qkdnf_connect(&config, ret_error);
}

void qkdnf_close(struct qkdnf *q)
{
    if (!q)
        return;
    session_free(q->session);
    application_free(q->application);
    authentication_free(q->authentication);
    if (q->base)
        event_base_free(q->base);
    if (q->fd >= 0)
        close(q->fd);
    g_free(q->sae);
    g_free(q->ca);
    g_free(q->certificate);
    g_free(q->key);
    g_free(q->kme_url);
    g_free(q->kme_id);
    g_free(q->last_kme_url);
    g_free(q->last_kme_id);
    g_free(q->follows);
    g_free(q->trouble);
    g_free(q);
}

int qkdnf_is_connected(const struct qkdnf *q)
{
    return session_is_connected(q->session);
}

const char *qkdnf_trouble(const struct qkdnf *q)
{
    return q->trouble ? q->trouble : "";
}

int qkdnf_fd(const struct qkdnf *q)
{
    return q->fd;
}

typedef struct {
    gint64 now_us; // as gettimeofday() has it, which libevent's answers are in
    gint64 next_us;
} Soonest;

static int find_timeout(const struct event_base *base, const struct event *event, void *data)
{
    Soonest *soonest = data;
    struct timeval at;
    if (event_pending(event, EV_TIMEOUT, &at))
        soonest->next_us = MIN(soonest->next_us, at.tv_sec * G_USEC_PER_SEC + at.tv_usec);
    return 0;
}

int qkdnf_timeout_ms(const struct qkdnf *q)
{
    Soonest soonest = {g_get_real_time(), G_MAXINT64};
    event_base_foreach_event(q->base, find_timeout, &soonest);
    gint64 of_loop_us =
        soonest.next_us == G_MAXINT64 ? G_MAXINT64 : soonest.next_us - soonest.now_us;
    gint64 next_us = application_next(q->application);
    gint64 of_core_us = next_us == G_MAXINT64 ? G_MAXINT64 : next_us - handle_now(q);
    gint64 delay_us = MIN(of_loop_us, of_core_us);
    if (delay_us == G_MAXINT64)
        return -1;
    // Rounded up, or the caller would turn idly for the rest of a millisecond.
    return (int)CLAMP((delay_us + 999) / 1000, 0, G_MAXINT);
}

void qkdnf_process(struct qkdnf *q)
{
    q->is_processing = 1;
    event_base_loop(q->base, EVLOOP_NONBLOCK);
    application_tick(q->application, handle_now(q));
    q->is_processing = 0;
    handle_flush(q);
}

struct qkdnf_kme *qkdnf_kme_of(const struct qkdnf *q, struct qkdnf_error *ret_error)
{
    return qkdnf_kme_new(q->kme_url, q->kme_id, q->ca, q->certificate, q->key, ret_error);
}
