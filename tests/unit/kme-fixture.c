// SPDX-License-Identifier: Apache-2.0

#include "tests/unit/kme-fixture.h"

#include <string.h>

const KeyLimits fake_limits = {
    .key_size_bits = 256,
    .min_key_size_bits = 64,
    .max_key_size_bits = 1024,
    .max_keys_per_request = 128,
    .max_keys_stored = 1000,
    .max_additional_targets = 2,
};

void kme_fixture_answer(KmeFixture *f, guint64 call)
{
    g_autoptr(Secret) key = secret_new_copy((const guint8 *)"0123456789abcdef", 16);
    DeliveredKey delivered = {FAKE_KEY_ID, key};
    g_autoptr(GPtrArray) keys = g_ptr_array_new();
    g_ptr_array_add(keys, &delivered);
    KeyStatus status = {"kme-a", "kme-b", "bank-a", "bank-b", 7};
    KeyAnswer ok = {KEY_VERDICT_OK, .keys = keys, .status = &status};
    KeyAnswer no = {KEY_VERDICT_UNAUTHORIZED};
    kme_server_answer(f->server, call, f->behaviour == ANSWER_UNAUTHORIZED ? &no : &ok);
}

static void record(KmeFixture *f, guint64 call, char *text)
{
    g_string_append_printf(f->calls, "%s\n", text);
    g_free(text);
    f->last_call = call;
    if (f->behaviour != HOLD)
        kme_fixture_answer(f, call);
}

static void fake_status(gpointer agent, guint64 call, const KeyCaller *caller, const char *target)
{
    memcpy(((KmeFixture *)agent)->certificate, caller->certificate, CERTIFICATE_SHA256_BYTES);
    record(agent, call, g_strdup_printf("status %s %s", caller->sae, target));
}

static void fake_get(gpointer agent, guint64 call, const KeyQuery *query)
{
    g_autofree char *targets = g_strjoinv(",", (char **)query->targets);
    g_autofree char *exclude = query->exclude ? g_strjoinv(",", (char **)query->exclude) : NULL;
    record(agent, call,
           g_strdup_printf("get %s %s %u %u %u %s %s", query->caller.sae, targets, query->number,
                           query->size_bits, query->n_paths, exclude ? exclude : "-",
                           query->request   ? query->request
                           : query->session ? query->session
                                            : "-"));
}

static void fake_get_by_id(gpointer agent, guint64 call, const KeyCaller *caller,
                           const char *initiator, const char *const *key_ids)
{
    g_autofree char *ids = g_strjoinv(",", (char **)key_ids);
    record(agent, call, g_strdup_printf("get-by-id %s %s %s", caller->sae, initiator, ids));
}

static void fake_cancel(gpointer agent, guint64 call)
{
    KmeFixture *f = agent;
    g_assert_cmpuint(call, ==, f->last_call);
    f->n_cancelled++;
}

const KeyService fake_service = {fake_status, fake_get, fake_get_by_id, fake_cancel};

void kme_fixture_set_up(KmeFixture *f, gconstpointer dir)
{
    f->dir = g_strdup(dir);
    f->base = event_base_new();
    f->multi = curl_multi_init();
    f->calls = g_string_new(NULL);
    f->flushes = TRUE;
    f->settings = (KmeSettings){
        .listen = g_strdup("127.0.0.1:0"),
        .ca = g_build_filename(dir, "ca.crt", NULL),
        .certificate = g_build_filename(dir, "kme.crt", NULL),
        .key = g_build_filename(dir, "kme.key", NULL),
        .max_connections = 100,
        .max_calls = 100,
        .max_calls_per_application = 100,
        .id = "kme",
    };
    g_autoptr(GError) error = NULL;
    f->server = kme_server_new(f->base, &f->settings, &fake_limits, &fake_service, f, &error);
    g_assert_no_error(error);
}

void kme_fixture_tear_down(KmeFixture *f, gconstpointer dir)
{
    curl_multi_cleanup(f->multi);
    kme_server_free(f->server);
    event_base_free(f->base);
    g_string_free(f->calls, TRUE);
    g_free(f->settings.listen);
    g_free(f->settings.ca);
    g_free(f->settings.certificate);
    g_free(f->settings.key);
    g_free(f->dir);
}

static size_t append(char *data, size_t size, size_t n, void *into)
{
    g_string_append_len(into, data, (gssize)(size * n));
    return size * n;
}

Exchange *exchange_new(KmeFixture *f, const char *client, const char *path)
{
    Exchange *x = g_new0(Exchange, 1);
    x->easy = curl_easy_init();
    x->body = g_string_new(NULL);
    x->head = g_string_new(NULL);
    g_autofree char *url =
        g_strdup_printf("https://127.0.0.1:%u%s", kme_server_port(f->server), path);
    curl_easy_setopt(x->easy, CURLOPT_URL, url);
    curl_easy_setopt(x->easy, CURLOPT_CAINFO, f->settings.ca);
    if (client) {
        g_autofree char *certificate = g_strdup_printf("%s/%s.crt", f->dir, client);
        g_autofree char *key = g_strdup_printf("%s/%s.key", f->dir, client);
        curl_easy_setopt(x->easy, CURLOPT_SSLCERT, certificate);
        curl_easy_setopt(x->easy, CURLOPT_SSLKEY, key);
    }
    curl_easy_setopt(x->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(x->easy, CURLOPT_TIMEOUT, 60L);
    curl_easy_setopt(x->easy, CURLOPT_WRITEFUNCTION, append);
    curl_easy_setopt(x->easy, CURLOPT_WRITEDATA, x->body);
    curl_easy_setopt(x->easy, CURLOPT_HEADERFUNCTION, append);
    curl_easy_setopt(x->easy, CURLOPT_HEADERDATA, x->head);
    curl_easy_setopt(x->easy, CURLOPT_PRIVATE, x);
    return x;
}

void exchange_post(Exchange *x, const char *body)
{
    x->headers = curl_slist_append(NULL, "Content-Type: application/json");
    x->headers = curl_slist_append(x->headers, "Expect:");
    curl_easy_setopt(x->easy, CURLOPT_HTTPHEADER, x->headers);
    curl_easy_setopt(x->easy, CURLOPT_COPYPOSTFIELDS, body);
}

void exchange_free(Exchange *x)
{
    curl_easy_cleanup(x->easy);
    curl_slist_free_all(x->headers);
    g_string_free(x->body, TRUE);
    g_string_free(x->head, TRUE);
    g_free(x);
}

static void collect(KmeFixture *f)
{
    int n_left;
    for (CURLMsg *message; (message = curl_multi_info_read(f->multi, &n_left));) {
        Exchange *x;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &x);
        curl_easy_getinfo(message->easy_handle, CURLINFO_RESPONSE_CODE, &x->code);
        x->result = message->data.result;
        x->done = TRUE;
        curl_multi_remove_handle(f->multi, message->easy_handle);
    }
}

void kme_fixture_turn(KmeFixture *f)
{
    int n_running;
    curl_multi_perform(f->multi, &n_running);
    collect(f);
    event_base_loop(f->base, EVLOOP_NONBLOCK);
    if (f->flushes)
        kme_server_flush(f->server);
    curl_multi_poll(f->multi, NULL, 0, 1, NULL);
}

void exchange_run(KmeFixture *f, Exchange *x)
{
    curl_multi_add_handle(f->multi, x->easy);
    while (!x->done)
        kme_fixture_turn(f);
}

Exchange *kme_get(KmeFixture *f, const char *client, const char *path)
{
    Exchange *x = exchange_new(f, client, path);
    exchange_run(f, x);
    return x;
}

Exchange *kme_post(KmeFixture *f, const char *client, const char *path, const char *body)
{
    Exchange *x = exchange_new(f, client, path);
    exchange_post(x, body);
    exchange_run(f, x);
    return x;
}

Exchange *kme_start_held(KmeFixture *f)
{
    f->behaviour = HOLD;
    guint64 before = f->last_call;
    Exchange *x = exchange_new(f, "bank-a", "/api/v1/keys/bank-b/enc_keys");
    // Closed when the exchange is given up, not kept for the next one.
    curl_easy_setopt(x->easy, CURLOPT_FORBID_REUSE, 1L);
    curl_multi_add_handle(f->multi, x->easy);
    while (f->last_call == before)
        kme_fixture_turn(f);
    return x;
}
