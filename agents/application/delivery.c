// SPDX-License-Identifier: Apache-2.0
//
// The client side of ETSI GS QKD 014 V1.1.1, over libcurl.

#include "agents/application/container.h"
#include "agents/application/handle.h"
#include "agents/application/result.h"

#include <curl/curl.h>
#include <jansson.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_TIMEOUT_MS 10000

// More than a thousand keys of 64 Kibit.
#define MAX_BODY_BYTES (16 * 1024 * 1024)

#define FIRST_BODY_BYTES (16 * 1024)

G_DEFINE_AUTOPTR_CLEANUP_FUNC(json_t, json_decref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CURL, curl_easy_cleanup)

struct qkdnf_kme {
    CURL *curl;
    struct curl_slist *headers;
    char *url; // without a slash at its end
    char *id;  // or NULL
    char trouble[CURL_ERROR_SIZE];
    gboolean is_another; // certified, but not of that ID
    Secret *body;        // room for the answer
    gsize n_body;        // how much of it is the answer
};

// Asked after libcurl's own checks have been set up: the chain as ever, then whose it is.
static int verify(X509_STORE_CTX *store, void *data)
{
    struct qkdnf_kme *kme = data;
    if (X509_verify_cert(store) != 1)
        return 0;
    X509_NAME *subject = X509_get_subject_name(X509_STORE_CTX_get0_cert(store));
    int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    X509_NAME_ENTRY *entry = at >= 0 ? X509_NAME_get_entry(subject, at) : NULL;
    const ASN1_STRING *name = entry ? X509_NAME_ENTRY_get_data(entry) : NULL;
    gsize n = name ? (gsize)ASN1_STRING_length(name) : 0;
    if (n == strlen(kme->id) && memcmp(ASN1_STRING_get0_data(name), kme->id, n) == 0)
        return 1;
    kme->is_another = TRUE;
    X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
    return 0;
}

static CURLcode on_tls_context(CURL *curl, void *context, void *data)
{
    const struct qkdnf_kme *kme = data;
    if (kme->id)
        SSL_CTX_set_cert_verify_callback(context, verify, data);
    return CURLE_OK;
}

// Grows by moving, so that no copy of a key stays behind in freed memory.
static size_t on_body(char *data, size_t size, size_t n, void *user)
{
    struct qkdnf_kme *kme = user;
    gsize n_more = size * n;
    if (n_more > MAX_BODY_BYTES - kme->n_body)
        return 0;
    gsize n_needed = kme->n_body + n_more;
    if (n_needed > kme->body->n_bytes) {
        Secret *larger = secret_new(MAX(n_needed, kme->body->n_bytes * 2));
        memcpy(larger->data, kme->body->data, kme->n_body);
        secret_free(kme->body);
        kme->body = larger;
    }
    memcpy(kme->body->data + kme->n_body, data, n_more);
    kme->n_body = n_needed;
    return n_more;
}

static void set_up(struct qkdnf_kme *kme, const char *ca, const char *certificate, const char *key)
{
    CURL *curl = kme->curl;
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https");
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(curl, CURLOPT_CAINFO, ca);
    curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
    curl_easy_setopt(curl, CURLOPT_SSLCERT, certificate);
    curl_easy_setopt(curl, CURLOPT_SSLKEY, key);
    curl_easy_setopt(curl, CURLOPT_SSL_CTX_FUNCTION, on_tls_context);
    curl_easy_setopt(curl, CURLOPT_SSL_CTX_DATA, kme);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, kme->headers);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, kme);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, kme->trouble);
}

static gboolean is_usable(const char *url)
{
    return url && g_ascii_strncasecmp(url, "https://", 8) == 0;
}

static void complain(const char *url, struct qkdnf_error *ret_error)
{
    error_give(ret_error, g_error_new(g_quark_from_static_string("qkdnf"), 0,
                                      "cannot use KME \"%s\": expected https://HOST:PORT and the "
                                      "files of a CA, a certificate and its key",
                                      url ? url : ""));
}

static void name(struct qkdnf_kme *kme, const char *url, const char *id)
{
    g_free(kme->url);
    g_free(kme->id);
    kme->url = g_strdup(url);
    if (g_str_has_suffix(kme->url, "/"))
        kme->url[strlen(kme->url) - 1] = '\0';
    kme->id = g_strdup(id);
}

struct qkdnf_kme *qkdnf_kme_new(const char *url, const char *id, const char *ca,
                                const char *certificate, const char *key,
                                struct qkdnf_error *ret_error)
{
    g_autoptr(CURL) curl = NULL;
    if (is_usable(url) && ca && certificate && key)
        curl = curl_easy_init();
    if (!curl) {
        complain(url, ret_error);
        return NULL;
    }
    struct qkdnf_kme *kme = g_new0(struct qkdnf_kme, 1);
    kme->curl = g_steal_pointer(&curl);
    name(kme, url, id);
    kme->headers = curl_slist_append(NULL, "Content-Type: application/json");
    kme->headers = curl_slist_append(kme->headers, "Accept: application/json");
    kme->headers = curl_slist_append(kme->headers, "Expect:");
    kme->body = secret_new(FIRST_BODY_BYTES);
    set_up(kme, ca, certificate, key);
    return kme;
}

// A handle of its own for each KME: whose certificate it is was checked for the connections that
// the old handle keeps, and for the TLS sessions that it remembers.
int qkdnf_kme_move(struct qkdnf_kme *kme, const char *url, const char *id,
                   struct qkdnf_error *ret_error)
{
    CURL *fresh = is_usable(url) ? curl_easy_duphandle(kme->curl) : NULL;
    if (!fresh) {
        complain(url, ret_error);
        return 0;
    }
    curl_easy_cleanup(kme->curl);
    kme->curl = fresh;
    name(kme, url, id);
    return 1;
}

void qkdnf_kme_free(struct qkdnf_kme *kme)
{
    if (!kme)
        return;
    curl_easy_cleanup(kme->curl);
    curl_slist_free_all(kme->headers);
    secret_free(kme->body);
    g_free(kme->url);
    g_free(kme->id);
    g_free(kme);
}

static struct qkdnf_keys *fail_transfer(const struct qkdnf_kme *kme, CURLcode result)
{
    const char *why = *kme->trouble ? kme->trouble : curl_easy_strerror(result);
    enum qkdnf_status status = result == CURLE_OPERATION_TIMEDOUT ? QKDNF_EXPIRED
                               : result == CURLE_WRITE_ERROR      ? QKDNF_BAD_ANSWER
                                                                  : QKDNF_UNREACHABLE;
    g_autofree char *text =
        kme->is_another
            ? g_strdup_printf("%s: its certificate is not that of %s", kme->url, kme->id)
            : g_strdup_printf("%s: %s", kme->url, why);
    return keys_fail(status, 0, text);
}

// Of one of the standard's paths; `body` is posted, or NULL for GET. The answer is in `kme->body`.
static CURLcode perform(struct qkdnf_kme *kme, const char *peer, const char *method,
                        const char *body, guint timeout_ms)
{
    g_autofree char *escaped = g_uri_escape_string(peer, NULL, FALSE);
    g_autofree char *url = g_strdup_printf("%s/api/v1/keys/%s/%s", kme->url, escaped, method);
    kme->n_body = 0;
    kme->is_another = FALSE;
    kme->trouble[0] = '\0';
    curl_easy_setopt(kme->curl, CURLOPT_URL, url);
    curl_easy_setopt(kme->curl, CURLOPT_HTTPGET, 1L);
    if (body)
        curl_easy_setopt(kme->curl, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(kme->curl, CURLOPT_TIMEOUT_MS,
                     (long)(timeout_ms ? timeout_ms : DEFAULT_TIMEOUT_MS));
    CURLcode result = curl_easy_perform(kme->curl);
    curl_easy_setopt(kme->curl, CURLOPT_POSTFIELDS, NULL);
    return result;
}

// POSTs and reads what comes back. `root` is the body.
static struct qkdnf_keys *call(struct qkdnf_kme *kme, const char *peer, const char *method,
                               const json_t *root, guint timeout_ms)
{
    char *body = json_dumps(root, JSON_COMPACT);
    CURLcode result = perform(kme, peer, method, body, timeout_ms);
    free(body);
    long code = 0;
    curl_easy_getinfo(kme->curl, CURLINFO_RESPONSE_CODE, &code);
    Secret answer = {kme->body->data, kme->n_body};
    struct qkdnf_keys *keys =
        result == CURLE_OK ? keys_parse((guint)code, &answer) : fail_transfer(kme, result);
    secret_wipe(kme->body->data, kme->n_body);
    return keys;
}

void handle_call(struct qkdnf_kme *kme, const char *sae)
{
    (void)perform(kme, sae, "status", NULL, DEFAULT_TIMEOUT_MS);
}

// NULL when one of them is no text.
static json_t *text_array(const char *const *texts, gsize n)
{
    g_autoptr(json_t) array = json_array();
    for (gsize i = 0; i < n; i++) {
        if (json_array_append_new(array, texts[i] ? json_string(texts[i]) : NULL) != 0)
            return NULL;
    }
    return g_steal_pointer(&array);
}

static gboolean add_extension(json_t *array, const char *name, json_t *value)
{
    json_t *object = json_object();
    return json_object_set_new(object, name, value) == 0 ? json_array_append_new(array, object) == 0
                                                         : (json_decref(object), FALSE);
}

static gboolean add_extensions(json_t *root, const struct qkdnf_key_query *query)
{
    g_autoptr(json_t) array = json_array();
    if (query->n_paths > 0 &&
        !add_extension(array, "qkdnf_paths", json_integer((json_int_t)query->n_paths)))
        return FALSE;
    if (query->n_exclude > 0 &&
        !add_extension(array, "qkdnf_exclude", text_array(query->exclude, query->n_exclude)))
        return FALSE;
    if (query->request && !add_extension(array, "qkdnf_request", json_string(query->request)))
        return FALSE;
    if (query->session && !add_extension(array, "qkdnf_session", json_string(query->session)))
        return FALSE;
    if (json_array_size(array) == 0)
        return TRUE;
    return json_object_set(root, "extension_mandatory", array) == 0;
}

// A Key request (clause 6.2); NULL when it cannot be said in JSON.
static json_t *key_request(const struct qkdnf_key_query *query)
{
    g_autoptr(json_t) root = json_object();
    if (query->n_targets == 0 || !query->targets[0])
        return NULL;
    if (query->number > 0)
        json_object_set_new(root, "number", json_integer((json_int_t)query->number));
    if (query->size_bits > 0)
        json_object_set_new(root, "size", json_integer((json_int_t)query->size_bits));
    if (query->n_targets > 1 &&
        json_object_set_new(root, "additional_slave_SAE_IDs",
                            text_array(query->targets + 1, query->n_targets - 1)) != 0)
        return NULL;
    return add_extensions(root, query) ? g_steal_pointer(&root) : NULL;
}

struct qkdnf_keys *qkdnf_get_keys(struct qkdnf_kme *kme, const struct qkdnf_key_query *query,
                                  unsigned timeout_ms)
{
    g_autoptr(json_t) root = key_request(query);
    if (!root)
        return keys_fail(QKDNF_BAD_REQUEST, 0, "expected at least one target, and texts in UTF-8");
    return call(kme, query->targets[0], "enc_keys", root, timeout_ms);
}

struct qkdnf_keys *qkdnf_fetch(struct qkdnf_kme *kme, const struct qkdnf_reply *reply,
                               unsigned timeout_ms)
{
    if (reply->status != QKDNF_OK || reply->n_deliveries < 2)
        return keys_fail(QKDNF_BAD_REQUEST, 0, "the request was not granted");
    g_autofree const char **targets = g_new0(const char *, reply->n_deliveries);
    for (gsize i = 1; i < reply->n_deliveries; i++)
        targets[i - 1] = reply->deliveries[i].sae;
    struct qkdnf_key_query query = {
        .targets = targets,
        .n_targets = reply->n_deliveries - 1,
        .number = (unsigned)reply->n_key_ids,
        .size_bits = reply->size_bits,
        .request = reply->id,
    };
    struct qkdnf_keys *keys = qkdnf_get_keys(kme, &query, timeout_ms);
    if (keys->status != QKDNF_OK || keys_are(keys, reply->key_ids, reply->n_key_ids))
        return keys;
    qkdnf_keys_free(keys);
    return keys_fail(QKDNF_BAD_ANSWER, 200, "other keys than those that were granted");
}

// Key IDs (clause 6.4).
static json_t *key_ids_container(const char *const *key_ids, gsize n_key_ids)
{
    g_autoptr(json_t) array = json_array();
    for (gsize i = 0; i < n_key_ids; i++) {
        if (json_array_append_new(array, json_pack("{s:s}", "key_ID", key_ids[i])) != 0)
            return NULL;
    }
    return json_pack("{s:O}", "key_IDs", array);
}

struct qkdnf_keys *qkdnf_get_keys_by_id(struct qkdnf_kme *kme, const char *initiator,
                                        const char *const *key_ids, size_t n_key_ids,
                                        unsigned timeout_ms)
{
    g_autoptr(json_t) root = key_ids_container(key_ids, n_key_ids);
    if (!root || !initiator || n_key_ids == 0)
        return keys_fail(QKDNF_BAD_REQUEST, 0, "expected an initiator and at least one key ID");
    struct qkdnf_keys *keys = call(kme, initiator, "dec_keys", root, timeout_ms);
    if (keys->status != QKDNF_OK || keys_are(keys, key_ids, n_key_ids))
        return keys;
    qkdnf_keys_free(keys);
    return keys_fail(QKDNF_BAD_ANSWER, 200, "other keys than those that were asked for");
}
