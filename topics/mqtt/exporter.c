// SPDX-License-Identifier: Apache-2.0

#include "topics/mqtt/exporter.h"

#include "topics/mqtt/http.h"

#include <event2/buffer.h>
#include <errno.h>
#include <event2/http.h>
#include <string.h>
#include <sys/resource.h>

#define PROMETHEUS_TEXT "text/plain; version=0.0.4; charset=utf-8"
#define BODY_MAX_BYTES  1024
#define HEAD_MAX_BYTES  16384
#define TIMEOUT_S       10

// What is kept free for the bus, the store and the applications.
#define DESCRIPTORS_LEFT 128

struct Exporter {
    struct evhttp *http;
    HttpGuard *guard;
    const ExporterOps *ops;
    gpointer data;
};

static void answer(struct evhttp_request *request, int code, const char *type, const char *text)
{
    struct evbuffer *body = evbuffer_new();
    evbuffer_add(body, text, strlen(text));
    evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Type", type);
    http_reply(request, code, code == HTTP_OK ? "OK" : NULL, body);
    evbuffer_free(body);
}

static void on_metrics(struct evhttp_request *request, void *data)
{
    const Exporter *exporter = data;
    g_autofree char *text = exporter->ops->metrics(exporter->data);
    answer(request, HTTP_OK, PROMETHEUS_TEXT, text);
}

static void on_health(struct evhttp_request *request, void *data)
{
    answer(request, HTTP_OK, "text/plain", "ok\n");
}

static void on_readiness(struct evhttp_request *request, void *data)
{
    const Exporter *exporter = data;
    if (exporter->ops->is_ready(exporter->data))
        answer(request, HTTP_OK, "text/plain", "ready\n");
    else
        answer(request, HTTP_SERVUNAVAIL, "text/plain", "not on the bus\n");
}

static gboolean listen_on(Exporter *exporter, struct event_base *base,
                          const ExporterSettings *settings)
{
    struct rlimit limit = {0};
    getrlimit(RLIMIT_NOFILE, &limit);
    struct evhttp_bound_socket *bound =
        evhttp_bind_socket_with_handle(exporter->http, settings->address, (guint16)settings->port);
    if (bound)
        exporter->guard =
            http_guard_new(base, exporter->http, evhttp_bound_socket_get_listener(bound),
                           (int)MIN(limit.rlim_cur, (rlim_t)G_MAXINT) - DESCRIPTORS_LEFT);
    return bound != NULL;
}

Exporter *exporter_new(struct event_base *base, const ExporterSettings *settings,
                       const ExporterOps *ops, gpointer data, GError **error)
{
    Exporter *exporter = g_new0(Exporter, 1);
    *exporter = (Exporter){evhttp_new(base), NULL, ops, data};
    evhttp_set_allowed_methods(exporter->http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD);
    evhttp_set_max_headers_size(exporter->http, HEAD_MAX_BYTES);
    evhttp_set_max_body_size(exporter->http, BODY_MAX_BYTES);
    evhttp_set_timeout(exporter->http, TIMEOUT_S);
    evhttp_set_cb(exporter->http, "/metrics", on_metrics, exporter);
    evhttp_set_cb(exporter->http, "/healthz", on_health, exporter);
    evhttp_set_cb(exporter->http, "/readyz", on_readiness, exporter);
    if (listen_on(exporter, base, settings))
        return exporter;
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "cannot listen on %s:%u for metrics: %s",
                settings->address, (guint)settings->port, g_strerror(errno));
    exporter_free(exporter);
    return NULL;
}

void exporter_free(Exporter *exporter)
{
    if (!exporter)
        return;
    evhttp_free(exporter->http);
    http_guard_free(exporter->guard);
    g_free(exporter);
}
