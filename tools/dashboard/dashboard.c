// SPDX-License-Identifier: Apache-2.0

#include "tools/dashboard/dashboard.h"

#include "tools/dashboard/bridge.h"
#include "tools/dashboard/site.h"
#include "tools/dashboard/websocket.h"
#include "topics/mqtt/daemon.h"
#include "topics/mqtt/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <netinet/tcp.h>
#include <openssl/crypto.h>
#include <string.h>
#include <unistd.h>

#define BUS_PATH       "/bus"
#define TOKEN_BYTES    32
#define HEAD_MAX_BYTES 8192
#define TIMEOUT_S      10 // for a request to come, and for its answer to be taken
#define MAX_PAGES      16
#define BACKLOG        32

// While more descriptors than these are open no connection is accepted, and how soon that is looked
// at again.
#define MAX_DESCRIPTORS 256

// Nothing from elsewhere, no script or style in the page itself, in no frame, and no word to others
// about where it is.
static const struct {
    const char *name;
    const char *value;
} headers[] = {
    {"Content-Security-Policy",
     "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
     "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
    {"X-Content-Type-Options", "nosniff"},
    {"X-Frame-Options", "DENY"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Cache-Control", "no-store"},
    {"Connection", "close"},
};

struct Dashboard {
    char *host; // the address as it stands in a URL
    char *token;
    guint16 port;
    struct event_base *base;
    struct evhttp *http;
    struct evconnlistener *listener;
    HttpGuard *guard;
    Upstream *upstream;
    Site *site;
    GPtrArray *bridges;
};

gboolean dashboard_is_built(void)
{
    return site_is_built();
}

char *dashboard_make_token(void)
{
    guint8 bytes[TOKEN_BYTES];
    random_fill(daemon_random(), bytes, sizeof bytes);
    GString *text = g_string_new(NULL);
    for (gsize i = 0; i < sizeof bytes; i++)
        g_string_append_printf(text, "%02x", bytes[i]);
    return g_string_free(text, FALSE);
}

// --- answers -------------------------------------------------------------------------------------

static void answer(struct evhttp_request *request, int code, const char *type, const void *bytes,
                   gsize n_bytes)
{
    struct evkeyvalq *out = evhttp_request_get_output_headers(request);
    struct evbuffer *body = evbuffer_new();
    for (gsize i = 0; i < G_N_ELEMENTS(headers); i++)
        evhttp_add_header(out, headers[i].name, headers[i].value);
    evhttp_add_header(out, "Content-Type", type);
    evbuffer_add(body, bytes, n_bytes);
    http_reply(request, code, NULL, body);
    evbuffer_free(body);
}

static void refuse(struct evhttp_request *request, int code, const char *why)
{
    answer(request, code, "text/plain; charset=utf-8", why, strlen(why));
}

static const char *header_of(struct evhttp_request *request, const char *name)
{
    const char *value = evhttp_find_header(evhttp_request_get_input_headers(request), name);
    return value ? value : "";
}

// --- who may -------------------------------------------------------------------------------------

// By whichever name of this machine a browser came here: a name that somebody else made point at it
// is not among them.
static gboolean is_our_host(const Dashboard *dashboard, const char *host)
{
    const char *names[] = {"127.0.0.1", "localhost", "[::1]", dashboard->host};
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *ours = g_strdup_printf("%s:%u", names[i], dashboard->port);
        if (g_ascii_strcasecmp(ours, host) == 0)
            return TRUE;
    }
    return FALSE;
}

static gboolean has_token(const Dashboard *dashboard, struct evhttp_request *request)
{
    const char *query = evhttp_uri_get_query(evhttp_request_get_evhttp_uri(request));
    struct evkeyvalq pairs = {0};
    gsize n_bytes = strlen(dashboard->token);
    if (!query || evhttp_parse_query_str(query, &pairs) != 0)
        return FALSE;
    const char *token = evhttp_find_header(&pairs, "token");
    gboolean is_right =
        token && strlen(token) == n_bytes && CRYPTO_memcmp(token, dashboard->token, n_bytes) == 0;
    evhttp_clear_headers(&pairs);
    return is_right;
}

static gboolean is_from_our_page(struct evhttp_request *request)
{
    g_autofree char *origin = g_strconcat("http://", header_of(request, "Host"), NULL);
    return g_ascii_strcasecmp(origin, header_of(request, "Origin")) == 0;
}

static gboolean has_word(const char *list, const char *word)
{
    g_auto(GStrv) words = g_strsplit(list, ",", -1);
    for (char **each = words; *each; each++) {
        if (g_ascii_strcasecmp(g_strstrip(*each), word) == 0)
            return TRUE;
    }
    return FALSE;
}

static gboolean is_upgrade(struct evhttp_request *request)
{
    return evhttp_request_get_command(request) == EVHTTP_REQ_GET &&
           has_word(header_of(request, "Upgrade"), "websocket") &&
           has_word(header_of(request, "Connection"), "upgrade") &&
           has_word(header_of(request, "Sec-WebSocket-Protocol"), "mqtt") &&
           strcmp(header_of(request, "Sec-WebSocket-Version"), "13") == 0;
}

// --- what is asked for ---------------------------------------------------------------------------

// The array frees it.
static void on_bridge_ended(gpointer data, Bridge *bridge)
{
    Dashboard *dashboard = data;
    g_ptr_array_remove_fast(dashboard->bridges, bridge);
}

static void serve_bus(Dashboard *dashboard, struct evhttp_request *request)
{
    g_autofree char *accept = websocket_accept(header_of(request, "Sec-WebSocket-Key"));
    if (!is_from_our_page(request)) {
        refuse(request, 403, "the bus is only for the dashboard's own page\n");
    } else if (!is_upgrade(request) || !accept) {
        refuse(request, 400, "expected a WebSocket of the protocol mqtt\n");
    } else if (dashboard->bridges->len >= MAX_PAGES) {
        refuse(request, 503, "too many pages are open: close one\n");
    } else {
        Bridge *bridge =
            bridge_new(dashboard->base, dashboard->upstream, evhttp_request_get_connection(request),
                       accept, on_bridge_ended, dashboard);
        if (bridge)
            g_ptr_array_add(dashboard->bridges, bridge);
        else
            refuse(request, 503, "the broker cannot be found\n");
    }
}

static void serve_file(const Dashboard *dashboard, struct evhttp_request *request, const char *path)
{
    gsize n_bytes = 0;
    GBytes *file = site_find(dashboard->site, path);
    if (!file) {
        refuse(request, 404, "there is nothing of this name\n");
        return;
    }
    const void *bytes = g_bytes_get_data(file, &n_bytes);
    answer(request, 200, site_content_type(path), bytes, n_bytes);
}

// What has no secret in it, such as scripts, needs no token: only the page and the bus do.
static void on_request(struct evhttp_request *request, void *data)
{
    Dashboard *dashboard = data;
    const char *path = evhttp_uri_get_path(evhttp_request_get_evhttp_uri(request));
    gboolean is_bus = g_strcmp0(path, BUS_PATH) == 0;
    if (!is_our_host(dashboard, header_of(request, "Host")))
        refuse(request, 403, "this is not the host that was asked for\n");
    else if ((is_bus || g_strcmp0(path, "/") == 0) && !has_token(dashboard, request))
        refuse(request, 403,
               "the token is missing or not of now: open the URL that `qkdnf "
               "dashboard` printed, or that is in federation.json\n");
    else if (is_bus)
        serve_bus(dashboard, request);
    else
        serve_file(dashboard, request, path ? path : "");
}

// --- connections ---------------------------------------------------------------------------------

static guint16 bound_port(struct evconnlistener *listener)
{
    struct sockaddr_storage address = {0};
    socklen_t n_bytes = sizeof address;
    getsockname(evconnlistener_get_fd(listener), (struct sockaddr *)&address, &n_bytes);
    return address.ss_family == AF_INET6 ? ntohs(((struct sockaddr_in6 *)&address)->sin6_port)
                                         : ntohs(((struct sockaddr_in *)&address)->sin_port);
}

static gboolean parse_address(const DashboardSettings *settings,
                              struct sockaddr_storage *ret_address, int *ret_n_bytes)
{
    *ret_n_bytes = sizeof *ret_address;
    if (evutil_parse_sockaddr_port(settings->address, (struct sockaddr *)ret_address,
                                   ret_n_bytes) != 0)
        return FALSE;
    if (ret_address->ss_family == AF_INET6)
        ((struct sockaddr_in6 *)ret_address)->sin6_port = htons(settings->port);
    else
        ((struct sockaddr_in *)ret_address)->sin_port = htons(settings->port);
    return TRUE;
}

static gboolean start(Dashboard *dashboard, const DashboardSettings *settings, GError **error)
{
    struct sockaddr_storage address = {0};
    int n_bytes = 0, on = 1;
    errno = EINVAL;
    if (parse_address(settings, &address, &n_bytes))
        dashboard->listener = evconnlistener_new_bind(
            dashboard->base, NULL, NULL,
            LEV_OPT_REUSEABLE | LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, BACKLOG,
            (struct sockaddr *)&address, n_bytes);
    if (!dashboard->listener) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "cannot listen on %s port %u: %s",
                    settings->address, settings->port, g_strerror(errno));
        return FALSE;
    }
    // Inherited by what is accepted; without it every answer waits 40 ms for an acknowledgement.
    setsockopt(evconnlistener_get_fd(dashboard->listener), IPPROTO_TCP, TCP_NODELAY, &on,
               sizeof on);
    dashboard->port = bound_port(dashboard->listener);
    struct evhttp_bound_socket *bound = evhttp_bind_listener(dashboard->http, dashboard->listener);
    g_assert(bound);
    dashboard->guard =
        http_guard_new(dashboard->base, dashboard->http, dashboard->listener, MAX_DESCRIPTORS);
    return TRUE;
}

static struct evhttp *make_http(Dashboard *dashboard)
{
    struct evhttp *http = evhttp_new(dashboard->base);
    g_assert(http);
    evhttp_set_allowed_methods(http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD);
    evhttp_set_max_headers_size(http, HEAD_MAX_BYTES);
    evhttp_set_max_body_size(http, 0);
    evhttp_set_default_content_type(http, NULL);
    evhttp_set_timeout(http, TIMEOUT_S);
    evhttp_set_gencb(http, on_request, dashboard);
    return http;
}

Dashboard *dashboard_new(struct event_base *base, const DashboardSettings *settings, GError **error)
{
    g_autoptr(Dashboard) dashboard = g_new0(Dashboard, 1);
    dashboard->base = base;
    gboolean is_bare_6 = strchr(settings->address, ':') && settings->address[0] != '[';
    dashboard->host = g_strdup_printf(is_bare_6 ? "[%s]" : "%s", settings->address);
    dashboard->token = g_strdup(settings->token);
    dashboard->bridges = g_ptr_array_new_with_free_func((GDestroyNotify)bridge_free);
    dashboard->site = site_new();
    dashboard->http = make_http(dashboard);
    dashboard->upstream = upstream_new(settings->broker, settings->id, error);
    if (!dashboard->upstream || !start(dashboard, settings, error))
        return NULL;
    return g_steal_pointer(&dashboard);
}

void dashboard_free(Dashboard *dashboard)
{
    if (!dashboard)
        return;
    g_ptr_array_unref(dashboard->bridges);
    evhttp_free(dashboard->http);
    http_guard_free(dashboard->guard);
    upstream_free(dashboard->upstream);
    site_free(dashboard->site);
    g_free(dashboard->host);
    g_free(dashboard->token);
    g_free(dashboard);
}

char *dashboard_url(const Dashboard *dashboard)
{
    return g_strdup_printf("http://%s:%u/?token=%s", dashboard->host, dashboard->port,
                           dashboard->token);
}
