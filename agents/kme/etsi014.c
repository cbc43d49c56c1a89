// SPDX-License-Identifier: Apache-2.0

#include "agents/kme/etsi014.h"

#include "agents/kme/etsi014-body.h"
#include "topics/base/id.h"

#include <string.h>

#define PREFIX "/api/v1/keys/"

typedef Etsi014Answer *(*QueryFn)(const char *query, const KeyLimits *limits, Etsi014Call *call);
typedef Etsi014Answer *(*BodyFn)(const guint8 *body, gsize n_bytes, const KeyLimits *limits,
                                 Etsi014Call *call);

// One path of clause 5: what it is called there, and how its two forms are read.
typedef struct {
    const char *name; // the last segment of the path
    Etsi014Method method;
    const char *peer; // what the standard calls the SAE ID in the path
    const char *allow;
    QueryFn read_query; // GET
    BodyFn read_body;   // POST; NULL where there is only GET
} Route;

static Etsi014Answer *read_decimal(const char *where, const char *text, gint64 *ret_value)
{
    guint64 value;
    if (!g_ascii_string_to_unsigned(text, 10, 0, G_MAXINT64, &value, NULL))
        return etsi014_bad(where, "expected a decimal integer");
    *ret_value = (gint64)value;
    return NULL;
}

static Etsi014Answer *read_number(const char *text, const KeyLimits *limits, Etsi014Call *call)
{
    gint64 value = 0;
    Etsi014Answer *refused = read_decimal("number", text, &value);
    return refused ? refused : etsi014_set_number(value, limits, call);
}

static Etsi014Answer *read_size(const char *text, const KeyLimits *limits, Etsi014Call *call)
{
    gint64 value = 0;
    Etsi014Answer *refused = read_decimal("size", text, &value);
    return refused ? refused : etsi014_set_size(value, limits, call);
}

static Etsi014Answer *read_key_id(const char *text, const KeyLimits *limits, Etsi014Call *call)
{
    if (!g_uuid_string_is_valid(text))
        return etsi014_bad("key_ID", "expected a UUID");
    call->key_ids = g_new0(char *, 2);
    call->key_ids[0] = g_ascii_strdown(text, -1);
    return NULL;
}

typedef struct {
    const char *name;
    Etsi014Answer *(*read)(const char *text, const KeyLimits *limits, Etsi014Call *call);
} Parameter;

// The parameters that a query may have, each at most once.
static const Parameter key_parameters[] = {{"number", read_number}, {"size", read_size}, {NULL}};
static const Parameter id_parameters[] = {{"key_ID", read_key_id}, {NULL}};

static Etsi014Answer *read_parameter(const Parameter *known, guint *seen, const char *name,
                                     const char *value, const KeyLimits *limits, Etsi014Call *call)
{
    for (guint i = 0; known[i].name; i++) {
        if (strcmp(known[i].name, name) != 0)
            continue;
        if (*seen & (1u << i))
            return etsi014_bad(name, "named twice in the query");
        *seen |= 1u << i;
        return known[i].read(value, limits, call);
    }
    return etsi014_bad("query", "a parameter that needs POST, or that is unknown");
}

static Etsi014Answer *read_query(const Parameter *known, const char *query, const KeyLimits *limits,
                                 Etsi014Call *call)
{
    GUriParamsIter iter;
    g_uri_params_iter_init(&iter, query ? query : "", -1, "&", G_URI_PARAMS_WWW_FORM);
    guint seen = 0;
    for (;;) {
        g_autofree char *name = NULL, *value = NULL;
        g_autoptr(GError) error = NULL;
        if (!g_uri_params_iter_next(&iter, &name, &value, &error))
            return error ? etsi014_bad("query", "expected name=value, joined by &") : NULL;
        Etsi014Answer *refused = read_parameter(known, &seen, name, value, limits, call);
        if (refused)
            return refused;
    }
}

static Etsi014Answer *read_key_query(const char *query, const KeyLimits *limits, Etsi014Call *call)
{
    return read_query(key_parameters, query, limits, call);
}

static Etsi014Answer *read_id_query(const char *query, const KeyLimits *limits, Etsi014Call *call)
{
    Etsi014Answer *refused = read_query(id_parameters, query, limits, call);
    if (!refused && !call->key_ids)
        refused = etsi014_bad("key_ID", "expected exactly one in the query");
    return refused;
}

// Get status has no parameters, so it is never served other than asked for.
static Etsi014Answer *read_status_query(const char *query, const KeyLimits *limits,
                                        Etsi014Call *call)
{
    return NULL;
}

static const Route routes[] = {
    {"status", ETSI014_GET_STATUS, "slave_SAE_ID", "GET", read_status_query, NULL},
    {"enc_keys", ETSI014_GET_KEY, "slave_SAE_ID", "GET, POST", read_key_query,
     etsi014_read_key_request},
    {"dec_keys", ETSI014_GET_KEY_WITH_IDS, "master_SAE_ID", "GET, POST", read_id_query,
     etsi014_read_key_ids},
};

// Splits `/api/v1/keys/{SAE_ID}/{name}`; the SAE ID is still encoded.
static const Route *find_route(const char *path, char **ret_peer)
{
    if (!g_str_has_prefix(path, PREFIX))
        return NULL;
    const char *peer = path + strlen(PREFIX);
    const char *slash = strchr(peer, '/');
    if (!slash || slash == peer)
        return NULL;
    for (gsize i = 0; i < G_N_ELEMENTS(routes); i++) {
        if (strcmp(routes[i].name, slash + 1) == 0) {
            *ret_peer = g_strndup(peer, (gsize)(slash - peer));
            return &routes[i];
        }
    }
    return NULL;
}

static Etsi014Answer *read_peer(const Route *route, const char *encoded, Etsi014Call *call)
{
    call->peer = g_uri_unescape_string(encoded, NULL);
    if (!call->peer || !id_is_valid(call->peer))
        return etsi014_bad(route->peer, "expected an SAE ID: 1 to 64 of a-z, 0-9, - and .");
    return NULL;
}

static Etsi014Answer *refuse_method(const Route *route)
{
    Etsi014Answer *answer = etsi014_refuse(405, "Method not allowed.", "method", route->allow);
    answer->allow = route->allow;
    return answer;
}

static Etsi014Answer *read_parameters(const Route *route, const Etsi014Request *request,
                                      const KeyLimits *limits, Etsi014Call *call)
{
    if (strcmp(request->method, "GET") == 0)
        return request->n_bytes > 0 ? etsi014_bad("body", "expected none with GET")
                                    : route->read_query(request->query, limits, call);
    if (!route->read_body || strcmp(request->method, "POST") != 0)
        return refuse_method(route);
    if (request->query && *request->query)
        return etsi014_bad("query", "expected none with POST");
    if (request->n_bytes > ETSI014_MAX_BODY_BYTES)
        return etsi014_refuse(413, "Request body too large.", "body", "at most 256 KiB are read");
    return route->read_body(request->body, request->n_bytes, limits, call);
}

// What an empty Key request asks for (clause 6.2).
static Etsi014Call *call_new(Etsi014Method method, const KeyLimits *limits)
{
    Etsi014Call *call = g_new0(Etsi014Call, 1);
    call->method = method;
    call->number = 1;
    call->size_bits = (guint)limits->key_size_bits;
    call->n_paths = 1;
    return call;
}

// Unless additional_slave_SAE_IDs were read already.
static void default_targets(Etsi014Call *call)
{
    if (call->targets)
        return;
    call->targets = g_new0(char *, 2);
    call->targets[0] = g_strdup(call->peer);
}

Etsi014Call *etsi014_parse(const Etsi014Request *request, const KeyLimits *limits,
                           Etsi014Answer **ret_answer)
{
    g_autofree char *peer = NULL;
    const Route *route = find_route(request->path, &peer);
    if (!route) {
        *ret_answer =
            etsi014_refuse(404, "Not found.", "path", "no such method of ETSI GS QKD 014");
        return NULL;
    }
    g_autoptr(Etsi014Call) call = call_new(route->method, limits);
    Etsi014Answer *refused = read_peer(route, peer, call);
    if (!refused)
        refused = read_parameters(route, request, limits, call);
    if (refused) {
        *ret_answer = refused;
        return NULL;
    }
    default_targets(call);
    return g_steal_pointer(&call);
}

void etsi014_call_free(Etsi014Call *call)
{
    if (!call)
        return;
    g_free(call->peer);
    g_strfreev(call->targets);
    g_strfreev(call->exclude);
    g_free(call->request);
    g_free(call->session);
    g_strfreev(call->key_ids);
    g_free(call);
}
