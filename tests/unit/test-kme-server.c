// SPDX-License-Identifier: Apache-2.0

#include "tests/unit/certificates.h"
#include "tests/unit/kme-fixture.h"
#include "tests/unit/scratch.h"
#include "topics/mqtt/pem.h"

#include <signal.h>
#include <string.h>

// Made once for all tests.
static char *make_certificates(void)
{
    char *dir = certificates_new();
    certificates_add_authority(dir, "ca");
    certificates_add_authority(dir, "foreign");
    certificates_add(dir, "ca", "kme", "kme");
    certificates_add(dir, "ca", "bank-a", "bank-a");
    certificates_add(dir, "ca", "bank-c", "bank-c");
    certificates_add(dir, "ca", "nobody", "No Body");
    certificates_add(dir, "foreign", "stranger", "bank-a");
    certificates_encrypt_key(dir, "kme", "encrypted");
    return dir;
}

static char *read_file(const char *dir, const char *name)
{
    g_autofree char *path = g_build_filename(dir, name, NULL);
    char *text = NULL;
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    return text;
}

static void write_file(const char *dir, const char *name, const char *suffix, const char *text)
{
    g_autofree char *file = g_strconcat(name, suffix, NULL);
    g_autofree char *path = g_build_filename(dir, file, NULL);
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

// What the agent compares with what a home provider states.
static void test_the_certificate_is_passed_on(KmeFixture *f, gconstpointer dir)
{
    g_autoptr(Exchange) status = kme_get(f, "bank-c", "/api/v1/keys/bank-b/status");
    g_assert_cmpint(status->code, ==, 200);
    g_autofree char *path = g_build_filename(dir, "bank-c.crt", NULL);
    g_autoptr(X509) certificate = pem_load_certificate(path, NULL);
    guint8 sha256[CERTIFICATE_SHA256_BYTES];
    g_assert_cmpint(X509_digest(certificate, EVP_sha256(), sha256, NULL), ==, 1);
    g_assert_cmpmem(f->certificate, sizeof f->certificate, sha256, sizeof sha256);
}

static void test_every_form(KmeFixture *f, gconstpointer dir)
{
    g_autoptr(Exchange) status = kme_get(f, "bank-a", "/api/v1/keys/bank-b/status");
    g_assert_cmpint(status->code, ==, 200);
    g_assert_nonnull(strstr(status->body->str, "\"stored_key_count\":7"));
    g_assert_nonnull(strstr(status->head->str, "Content-Type: application/json\r\n"));
    g_assert_nonnull(strstr(status->head->str, "Cache-Control: no-store\r\n"));

    g_autoptr(Exchange) plain = kme_get(f, "bank-a", "/api/v1/keys/bank-b/enc_keys");
    g_assert_cmpint(plain->code, ==, 200);
    g_assert_cmpstr(plain->body->str, ==, FAKE_CONTAINER);
    g_autoptr(Exchange) sized =
        kme_get(f, "bank-a", "/api/v1/keys/bank-b/enc_keys?number=3&size=64");
    g_assert_cmpint(sized->code, ==, 200);
    g_autoptr(Exchange) posted = kme_post(
        f, "bank-c", "/api/v1/keys/bank-b/enc_keys",
        "{\"number\":2,\"additional_slave_SAE_IDs\":[\"bank-d\"],\"extension_mandatory\":"
        "[{\"qkdnf_paths\":2},{\"qkdnf_exclude\":[\"p\"]},{\"qkdnf_request\":\"" FAKE_KEY_ID
        "\"}]}");
    g_assert_cmpint(posted->code, ==, 200);

    g_autoptr(Exchange) by_id =
        kme_get(f, "bank-a", "/api/v1/keys/bank-b/dec_keys?key_ID=" FAKE_KEY_ID);
    g_assert_cmpint(by_id->code, ==, 200);
    g_assert_cmpstr(by_id->body->str, ==, FAKE_CONTAINER);
    g_autoptr(Exchange) by_ids = kme_post(f, "bank-a", "/api/v1/keys/bank-b/dec_keys",
                                          "{\"key_IDs\":[{\"key_ID\":\"" FAKE_KEY_ID "\"}]}");
    g_assert_cmpint(by_ids->code, ==, 200);

    g_assert_cmpstr(f->calls->str, ==,
                    "status bank-a bank-b\n"
                    "get bank-a bank-b 1 256 1 - -\n"
                    "get bank-a bank-b 3 64 1 - -\n"
                    "get bank-c bank-b,bank-d 2 256 2 p " FAKE_KEY_ID "\n"
                    "get-by-id bank-a bank-b " FAKE_KEY_ID "\n"
                    "get-by-id bank-a bank-b " FAKE_KEY_ID "\n");
    g_assert_cmpuint(kme_server_n_open(f->server), ==, 0);
    g_assert_cmpuint(f->n_cancelled, ==, 0);
}

static void test_errors_do_not_reach_the_agent(KmeFixture *f, gconstpointer dir)
{
    g_autoptr(Exchange) bad = kme_get(f, "bank-a", "/api/v1/keys/bank-b/enc_keys?size=7");
    g_assert_cmpint(bad->code, ==, 400);
    g_assert_cmpstr(bad->body->str, ==, "{\"message\":\"size shall be a multiple of 8\"}");
    g_autoptr(Exchange) lost = kme_get(f, "bank-a", "/");
    g_assert_cmpint(lost->code, ==, 404);
    g_assert_nonnull(strstr(lost->body->str, "\"message\":\"Not found.\""));
    g_autoptr(Exchange) wrong = kme_post(f, "bank-a", "/api/v1/keys/bank-b/status", "{}");
    g_assert_cmpint(wrong->code, ==, 405);
    g_assert_nonnull(strstr(wrong->head->str, "Allow: GET\r\n"));
    g_assert_cmpstr(f->calls->str, ==, "");
}

static void test_other_methods(KmeFixture *f, gconstpointer dir)
{
    static const char *const methods[] = {"PUT", "DELETE", "OPTIONS", "PATCH"};
    for (gsize i = 0; i < G_N_ELEMENTS(methods); i++) {
        g_autoptr(Exchange) x = exchange_new(f, "bank-a", "/api/v1/keys/bank-b/enc_keys");
        curl_easy_setopt(x->easy, CURLOPT_CUSTOMREQUEST, methods[i]);
        exchange_run(f, x);
        g_assert_cmpint(x->code, ==, 405);
        g_assert_nonnull(strstr(x->head->str, "Allow: GET, POST\r\n"));
    }
    g_autoptr(Exchange) head = exchange_new(f, "bank-a", "/api/v1/keys/bank-b/enc_keys");
    curl_easy_setopt(head->easy, CURLOPT_NOBODY, 1L);
    exchange_run(f, head);
    g_assert_cmpint(head->code, ==, 405);
    g_assert_cmpstr(f->calls->str, ==, "");
}

// The second request would otherwise be read out of the first one's body.
static void test_get_with_body(KmeFixture *f, gconstpointer dir)
{
    g_autoptr(Exchange) x = exchange_new(f, "bank-a", "/api/v1/keys/bank-b/enc_keys");
    exchange_post(x, "GET /api/v1/keys/bank-b/status HTTP/1.1\r\nHost: x\r\n\r\n");
    curl_easy_setopt(x->easy, CURLOPT_CUSTOMREQUEST, "GET");
    exchange_run(f, x);
    g_assert_cmpint(x->code, ==, 400);
    g_assert_nonnull(strstr(x->head->str, "Connection: close\r\n"));
    for (guint i = 0; i < 20; i++)
        kme_fixture_turn(f);
    g_assert_cmpstr(f->calls->str, ==, "");
}

static void assert_silent_401(const Exchange *x)
{
    g_assert_cmpint(x->result, ==, CURLE_OK);
    g_assert_cmpint(x->code, ==, 401);
    g_assert_cmpuint(x->body->len, ==, 0);
    g_assert_null(strstr(x->head->str, "Content-Type"));
}

static void test_unauthorized_has_no_body(KmeFixture *f, gconstpointer dir)
{
    f->behaviour = ANSWER_UNAUTHORIZED;
    g_autoptr(Exchange) refused =
        kme_get(f, "bank-a", "/api/v1/keys/bank-b/dec_keys?key_ID=" FAKE_KEY_ID);
    assert_silent_401(refused);
    g_assert_cmpstr(f->calls->str, ==, "get-by-id bank-a bank-b " FAKE_KEY_ID "\n");
    // A certificate whose name is no SAE ID; not even a wrong path tells it anything.
    g_autoptr(Exchange) nobody = kme_get(f, "nobody", "/api/v1/keys/bank-b/status");
    assert_silent_401(nobody);
    g_autoptr(Exchange) lost = kme_get(f, "nobody", "/");
    assert_silent_401(lost);
    g_assert_cmpstr(f->calls->str, ==, "get-by-id bank-a bank-b " FAKE_KEY_ID "\n");
}

static void test_connections_are_kept(KmeFixture *f, gconstpointer dir)
{
    for (guint i = 0; i < 3; i++) {
        g_autoptr(Exchange) x = kme_get(f, "bank-a", "/api/v1/keys/bank-b/status");
        long n_connects = -1;
        curl_easy_getinfo(x->easy, CURLINFO_NUM_CONNECTS, &n_connects);
        g_assert_cmpint(n_connects, ==, i == 0 ? 1 : 0);
    }
    g_assert_cmpuint(kme_server_n_connections(f->server), ==, 1);
}

static void test_who_is_refused(KmeFixture *f, gconstpointer dir)
{
    static const char path[] = "/api/v1/keys/bank-b/status";
    g_autoptr(Exchange) anonymous = kme_get(f, NULL, path);
    g_assert_cmpint(anonymous->result, !=, CURLE_OK);
    g_autoptr(Exchange) stranger = kme_get(f, "stranger", path);
    g_assert_cmpint(stranger->result, !=, CURLE_OK);
    g_autoptr(Exchange) old = exchange_new(f, "bank-a", path);
    curl_easy_setopt(old->easy, CURLOPT_SSLVERSION,
                     (long)(CURL_SSLVERSION_TLSv1_1 | CURL_SSLVERSION_MAX_TLSv1_1));
    // Else the client's own library refuses to speak it.
    curl_easy_setopt(old->easy, CURLOPT_SSL_CIPHER_LIST, "DEFAULT@SECLEVEL=0");
    exchange_run(f, old);
    g_assert_cmpint(old->result, ==, CURLE_SSL_CONNECT_ERROR);
    g_autoptr(Exchange) plain = exchange_new(f, NULL, path);
    g_autofree char *url =
        g_strdup_printf("http://127.0.0.1:%u%s", kme_server_port(f->server), path);
    curl_easy_setopt(plain->easy, CURLOPT_URL, url);
    exchange_run(f, plain);
    g_assert_cmpint(plain->result, !=, CURLE_OK);
    g_assert_cmpstr(f->calls->str, ==, "");

    g_autoptr(Exchange) good = exchange_new(f, "bank-a", path);
    curl_easy_setopt(good->easy, CURLOPT_SSLVERSION,
                     (long)(CURL_SSLVERSION_TLSv1_2 | CURL_SSLVERSION_MAX_TLSv1_2));
    exchange_run(f, good);
    g_assert_cmpint(good->code, ==, 200);
}

// NAME.crt of bank-a with so many certificates after it, and its key.
static void make_chain(const char *dir, const char *name, guint n_more)
{
    g_autofree char *own = read_file(dir, "bank-a.crt");
    g_autofree char *more = read_file(dir, "foreign.crt");
    g_autofree char *key = read_file(dir, "bank-a.key");
    g_autoptr(GString) chain = g_string_new(own);
    for (guint i = 0; i < n_more; i++)
        g_string_append(chain, more);
    write_file(dir, name, ".crt", chain->str);
    write_file(dir, name, ".key", key);
}

// It is kept for as long as the session can be resumed.
static void test_a_long_chain(KmeFixture *f, gconstpointer dir)
{
    make_chain(dir, "short-chain", 3);
    make_chain(dir, "long-chain", 60);
    g_autoptr(Exchange) good = kme_get(f, "short-chain", "/api/v1/keys/bank-b/status");
    g_assert_cmpint(good->code, ==, 200);
    g_autoptr(Exchange) refused = kme_get(f, "long-chain", "/api/v1/keys/bank-b/status");
    g_assert_cmpint(refused->result, !=, CURLE_OK);
}

static void test_answers_wait_for_the_flush(KmeFixture *f, gconstpointer dir)
{
    f->flushes = FALSE;
    g_autoptr(Exchange) x = exchange_new(f, "bank-a", "/api/v1/keys/bank-b/enc_keys");
    curl_multi_add_handle(f->multi, x->easy);
    while (f->last_call == 0)
        kme_fixture_turn(f);
    for (guint i = 0; i < 20; i++)
        kme_fixture_turn(f);
    g_assert_false(x->done);
    g_assert_cmpuint(kme_server_n_open(f->server), ==, 1);
    kme_server_flush(f->server);
    g_assert_cmpuint(kme_server_n_open(f->server), ==, 0);
    while (!x->done)
        kme_fixture_turn(f);
    g_assert_cmpstr(x->body->str, ==, FAKE_CONTAINER);
}

static void test_client_vanishes(KmeFixture *f, gconstpointer dir)
{
    Exchange *x = kme_start_held(f);
    curl_multi_remove_handle(f->multi, x->easy);
    exchange_free(x);
    while (f->n_cancelled == 0)
        kme_fixture_turn(f);
    g_assert_cmpuint(f->n_cancelled, ==, 1);
    g_assert_cmpuint(kme_server_n_open(f->server), ==, 0);
    // Too late: of no consequence.
    kme_fixture_answer(f, f->last_call);
    while (kme_server_n_connections(f->server) > 0)
        kme_fixture_turn(f);
    g_autoptr(Exchange) next = NULL;
    f->behaviour = ANSWER_AT_ONCE;
    next = kme_get(f, "bank-a", "/api/v1/keys/bank-b/enc_keys");
    g_assert_cmpint(next->code, ==, 200);
}

static void test_client_vanishes_after_the_answer(KmeFixture *f, gconstpointer dir)
{
    f->flushes = FALSE;
    Exchange *x = kme_start_held(f);
    kme_fixture_answer(f, f->last_call);
    curl_multi_remove_handle(f->multi, x->easy);
    exchange_free(x);
    while (kme_server_n_connections(f->server) > 0)
        kme_fixture_turn(f);
    kme_server_flush(f->server);
    g_assert_cmpuint(f->n_cancelled, ==, 0);
    g_assert_cmpuint(kme_server_n_open(f->server), ==, 0);
}

static void test_server_ends_with_open_calls(KmeFixture *f, gconstpointer dir)
{
    g_autoptr(Exchange) x = kme_start_held(f);
    g_clear_pointer(&f->server, kme_server_free);
    g_assert_cmpuint(f->n_cancelled, ==, 1);
    f->flushes = FALSE;
    while (!x->done)
        kme_fixture_turn(f);
    g_assert_cmpint(x->result, !=, CURLE_OK);
}

static void test_oversize_body(KmeFixture *f, gconstpointer dir)
{
    g_autofree char *large = g_strnfill(300 * 1024, ' ');
    g_autoptr(Exchange) x = kme_post(f, "bank-a", "/api/v1/keys/bank-b/enc_keys", large);
    g_assert_cmpint(x->code, ==, 413);
    g_assert_cmpstr(x->body->str, ==,
                    "{\"message\":\"Request body too large.\","
                    "\"details\":[{\"body\":\"at most 256 KiB are read\"}]}");
    // Beyond what is read at all libevent answers, or has closed before the client is through.
    g_autofree char *huge = g_strnfill(3 * 1024 * 1024, ' ');
    g_autoptr(Exchange) y = kme_post(f, "bank-a", "/api/v1/keys/bank-b/enc_keys", huge);
    g_assert_true(y->result != CURLE_OK || y->code == 413);
    g_assert_cmpstr(f->calls->str, ==, "");
}

static void test_reload(KmeFixture *f, gconstpointer dir)
{
    g_autofree char *good = f->settings.certificate;
    f->settings.certificate = g_build_filename(dir, "none.crt", NULL);
    g_autoptr(GError) error = NULL;
    g_assert_false(kme_server_reload(f->server, &error));
    g_assert_nonnull(strstr(error->message, "none.crt"));
    g_autoptr(Exchange) still = kme_get(f, "bank-a", "/api/v1/keys/bank-b/status");
    g_assert_cmpint(still->code, ==, 200);

    g_free(f->settings.certificate);
    f->settings.certificate = g_build_filename(dir, "bank-c.crt", NULL);
    g_clear_error(&error);
    g_assert_false(kme_server_reload(f->server, &error));
    g_assert_nonnull(strstr(error->message, "kme.key"));

    g_free(f->settings.certificate);
    f->settings.certificate = g_steal_pointer(&good);
    g_clear_error(&error);
    g_assert_true(kme_server_reload(f->server, &error));
    g_autoptr(Exchange) fresh = kme_get(f, "bank-c", "/api/v1/keys/bank-b/status");
    g_assert_cmpint(fresh->code, ==, 200);
}

static void assert_not_started(KmeFixture *f, const KmeSettings *settings, const char *says)
{
    g_autoptr(GError) error = NULL;
    g_assert_null(kme_server_new(f->base, settings, &fake_limits, &fake_service, f, &error));
    g_assert_nonnull(strstr(error->message, says));
}

static void test_what_cannot_start(KmeFixture *f, gconstpointer dir)
{
    KmeSettings settings = f->settings;
    settings.listen = (char *)"somewhere";
    assert_not_started(f, &settings, "cannot listen on somewhere: ");
    g_autofree char *taken = g_strdup_printf("127.0.0.1:%u", kme_server_port(f->server));
    settings.listen = taken;
    assert_not_started(f, &settings, taken);
    settings.ca = (char *)"/nowhere/ca.crt";
    assert_not_started(f, &settings, "/nowhere/ca.crt: No such file or directory");
}

// Above all it does not ask for the password, with nobody there.
static void test_an_encrypted_key(KmeFixture *f, gconstpointer dir)
{
    KmeSettings settings = f->settings;
    g_autofree char *key G_GNUC_UNUSED = settings.key =
        g_build_filename(dir, "encrypted.key", NULL);
    assert_not_started(f, &settings, "encrypted.key: expected a key without a password");
}

static void test_the_certificate_of_another(KmeFixture *f, gconstpointer dir)
{
    KmeSettings settings = f->settings;
    settings.id = "kme-b";
    assert_not_started(f, &settings, "kme.crt is kme, not kme-b");
}

static void add(const char *name, const char *dir, void (*test)(KmeFixture *, gconstpointer))
{
    g_test_add(name, KmeFixture, dir, kme_fixture_set_up, test, kme_fixture_tear_down);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    signal(SIGPIPE, SIG_IGN);
    curl_global_init(CURL_GLOBAL_ALL);
    char *dir = make_certificates();
    add("/kme-server/every-form", dir, test_every_form);
    add("/kme-server/the-certificate-is-passed-on", dir, test_the_certificate_is_passed_on);
    add("/kme-server/errors-do-not-reach-the-agent", dir, test_errors_do_not_reach_the_agent);
    add("/kme-server/other-methods", dir, test_other_methods);
    add("/kme-server/get-with-body", dir, test_get_with_body);
    add("/kme-server/unauthorized-has-no-body", dir, test_unauthorized_has_no_body);
    add("/kme-server/connections-are-kept", dir, test_connections_are_kept);
    add("/kme-server/who-is-refused", dir, test_who_is_refused);
    add("/kme-server/a-long-chain", dir, test_a_long_chain);
    add("/kme-server/answers-wait-for-the-flush", dir, test_answers_wait_for_the_flush);
    add("/kme-server/client-vanishes", dir, test_client_vanishes);
    add("/kme-server/client-vanishes-after-the-answer", dir, test_client_vanishes_after_the_answer);
    add("/kme-server/server-ends-with-open-calls", dir, test_server_ends_with_open_calls);
    add("/kme-server/oversize-body", dir, test_oversize_body);
    add("/kme-server/reload", dir, test_reload);
    add("/kme-server/what-cannot-start", dir, test_what_cannot_start);
    add("/kme-server/an-encrypted-key", dir, test_an_encrypted_key);
    add("/kme-server/the-certificate-of-another", dir, test_the_certificate_of_another);
    int status = g_test_run();
    scratch_free(dir);
    curl_global_cleanup();
    return status;
}
