// SPDX-License-Identifier: Apache-2.0
//
// What a client of the key delivery server can do with a connection that libcurl would not: say
// what it likes, and stay.

#include "tests/unit/certificates.h"
#include "tests/unit/kme-fixture.h"
#include "tests/unit/scratch.h"
#include "topics/mqtt/pem.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define LIMIT_US   (60 * G_TIME_SPAN_SECOND)
#define STATUS_OF  "/api/v1/keys/bank-b/status HTTP/1.1\r\n"
#define KEYS_OF    "/api/v1/keys/bank-b/enc_keys HTTP/1.1\r\n"
#define GET_STATUS "GET " STATUS_OF "Host: x\r\n\r\n"
#define GET_KEYS   "GET " KEYS_OF "Host: x\r\n\r\n"

typedef struct {
    KmeFixture *f;
    SSL *ssl;
    GString *heard;
    gboolean is_closed; // by the server
} Raw;

static int dial(KmeFixture *f)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(kme_server_port(f->server)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    g_assert_cmpint(connect(fd, (struct sockaddr *)&address, sizeof address), ==, 0);
    g_assert_cmpint(fcntl(fd, F_SETFL, O_NONBLOCK), ==, 0);
    return fd;
}

// Before its handshake, which the first thing that is said does.
static Raw *raw_new(KmeFixture *f, X509 *certificate)
{
    Raw *raw = g_new0(Raw, 1);
    g_autofree char *path = g_build_filename(f->dir, "bank-a.key", NULL);
    g_autoptr(EVP_PKEY) key = pem_load_key(path, NULL);
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    g_assert_cmpint(SSL_CTX_use_certificate(context, certificate), ==, 1);
    g_assert_cmpint(SSL_CTX_use_PrivateKey(context, key), ==, 1);
    raw->f = f;
    raw->heard = g_string_new(NULL);
    raw->ssl = SSL_new(context);
    SSL_set_fd(raw->ssl, dial(f));
    SSL_CTX_free(context);
    return raw;
}

static Raw *raw_of_bank_a(KmeFixture *f)
{
    g_autofree char *path = g_build_filename(f->dir, "bank-a.crt", NULL);
    g_autoptr(X509) certificate = pem_load_certificate(path, NULL);
    return raw_new(f, certificate);
}

static void raw_free(Raw *raw)
{
    close(SSL_get_fd(raw->ssl));
    SSL_free(raw->ssl);
    g_string_free(raw->heard, TRUE);
    g_free(raw);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Raw, raw_free)

static void raw_turn(Raw *raw, gint64 since_us)
{
    char bytes[4096];
    g_assert_cmpint(g_get_monotonic_time() - since_us, <, LIMIT_US);
    kme_fixture_turn(raw->f);
    int n = SSL_read(raw->ssl, bytes, sizeof bytes);
    if (n > 0)
        g_string_append_len(raw->heard, bytes, n);
    else if (SSL_get_error(raw->ssl, n) != SSL_ERROR_WANT_READ)
        raw->is_closed = TRUE;
}

static void raw_shake_hands(Raw *raw)
{
    gint64 since_us = g_get_monotonic_time();
    for (int n; !raw->is_closed && (n = SSL_connect(raw->ssl)) != 1;) {
        g_assert_cmpint(g_get_monotonic_time() - since_us, <, LIMIT_US);
        raw->is_closed = SSL_get_error(raw->ssl, n) != SSL_ERROR_WANT_READ;
        kme_fixture_turn(raw->f);
    }
}

static void raw_say(Raw *raw, const char *text)
{
    raw_shake_hands(raw);
    if (!raw->is_closed && SSL_write(raw->ssl, text, (int)strlen(text)) <= 0)
        raw->is_closed = TRUE;
}

static void raw_hear_to_the_end(Raw *raw)
{
    gint64 since_us = g_get_monotonic_time();
    while (!raw->is_closed)
        raw_turn(raw, since_us);
}

static gboolean is_whole(const GString *heard)
{
    static const char field[] = "Content-Length: ";
    const char *body = strstr(heard->str, "\r\n\r\n");
    const char *length = strstr(heard->str, field);
    return body && length && strlen(body + 4) >= g_ascii_strtoull(length + strlen(field), NULL, 10);
}

// One answer that has a body.
static void raw_hear(Raw *raw)
{
    gint64 since_us = g_get_monotonic_time();
    g_string_truncate(raw->heard, 0);
    while (!raw->is_closed && !is_whole(raw->heard))
        raw_turn(raw, since_us);
}

static void assert_heard(const Raw *raw, const char *start)
{
    if (!g_str_has_prefix(raw->heard->str, start))
        g_test_message("heard: %s", raw->heard->str);
    g_assert_true(g_str_has_prefix(raw->heard->str, start));
}

// --- trust ---------------------------------------------------------------------------------------

// From here on bank-a's certificate is nobody's.
static void distrust(KmeFixture *f)
{
    g_free(f->settings.ca);
    f->settings.ca = g_build_filename(f->dir, "foreign.crt", NULL);
    g_assert_true(kme_server_reload(f->server, NULL));
}

static void assert_turned_away(Raw *raw)
{
    raw_hear_to_the_end(raw);
    assert_heard(raw, "HTTP/1.1 401 ");
    g_assert_nonnull(strstr(raw->heard->str, "Connection: close\r\n"));
    g_assert_null(strstr(raw->f->calls->str, "get "));
}

static void test_revoked_before_the_first_request(KmeFixture *f, gconstpointer dir)
{
    g_autoptr(Raw) raw = raw_of_bank_a(f);
    raw_shake_hands(raw);
    for (guint i = 0; i < 20; i++)
        kme_fixture_turn(f);
    distrust(f);
    raw_say(raw, GET_KEYS);
    assert_turned_away(raw);
}

static void test_revoked_in_the_handshake(KmeFixture *f, gconstpointer dir)
{
    g_autoptr(Raw) raw = raw_of_bank_a(f);
    gint64 since_us = g_get_monotonic_time();
    g_assert_cmpint(SSL_connect(raw->ssl), !=, 1);
    while (kme_server_n_connections(f->server) == 0) {
        g_assert_cmpint(g_get_monotonic_time() - since_us, <, LIMIT_US);
        kme_fixture_turn(f);
    }
    distrust(f);
    raw_say(raw, GET_KEYS);
    assert_turned_away(raw);
}

static void test_revoked_after_a_request(KmeFixture *f, gconstpointer dir)
{
    g_autoptr(Raw) raw = raw_of_bank_a(f);
    raw_say(raw, GET_STATUS);
    raw_hear(raw);
    assert_heard(raw, "HTTP/1.1 200 ");
    distrust(f);
    g_string_truncate(raw->heard, 0);
    raw_say(raw, GET_KEYS);
    assert_turned_away(raw);
}

// A reload that takes nobody's trust leaves connections as they are.
static void test_still_trusted(KmeFixture *f, gconstpointer dir)
{
    g_autoptr(Raw) raw = raw_of_bank_a(f);
    raw_shake_hands(raw);
    g_assert_true(kme_server_reload(f->server, NULL));
    raw_say(raw, GET_STATUS);
    raw_hear(raw);
    assert_heard(raw, "HTTP/1.1 200 ");
}

static Raw *raw_for(KmeFixture *f, int seconds)
{
    g_autofree char *path = g_build_filename(f->dir, "bank-a.crt", NULL);
    g_autofree char *authority = g_build_filename(f->dir, "ca.key", NULL);
    g_autoptr(X509) certificate = pem_load_certificate(path, NULL);
    g_autoptr(EVP_PKEY) key = pem_load_key(authority, NULL);
    g_assert_nonnull(X509_gmtime_adj(X509_getm_notAfter(certificate), seconds));
    g_assert_cmpint(X509_sign(certificate, key, EVP_sha256()), >, 0);
    return raw_new(f, certificate);
}

static gboolean is_answered(Raw *raw)
{
    raw_say(raw, GET_STATUS);
    raw_hear(raw);
    return g_str_has_prefix(raw->heard->str, "HTTP/1.1 200 ");
}

// The certificate is in time when the connection is made, and not for long.
static void test_expires_while_connected(KmeFixture *f, gconstpointer dir)
{
    g_autoptr(Raw) raw = raw_for(f, 3);
    for (int seconds = 6; seconds < 60 && !is_answered(raw); seconds *= 2) {
        raw_free(raw);
        raw = raw_for(f, seconds);
    }
    gint64 since_us = g_get_monotonic_time();
    while (is_answered(raw))
        g_assert_cmpint(g_get_monotonic_time() - since_us, <, 2 * LIMIT_US);
    assert_turned_away(raw);
}

// --- sessions ------------------------------------------------------------------------------------

static void answer_one(Raw *raw)
{
    raw_say(raw, GET_STATUS);
    raw_hear(raw);
    assert_heard(raw, "HTTP/1.1 200 ");
}

// Of a client that leaves without a last word; when the server knows that it is gone.
static SSL_SESSION *leave_session(KmeFixture *f)
{
    Raw *raw = raw_of_bank_a(f);
    answer_one(raw);
    SSL_SESSION *session = SSL_SESSION_dup(SSL_get0_session(raw->ssl));
    raw_free(raw);
    gint64 since_us = g_get_monotonic_time();
    while (kme_server_n_connections(f->server) > 0) {
        g_assert_cmpint(g_get_monotonic_time() - since_us, <, LIMIT_US);
        kme_fixture_turn(f);
    }
    return session;
}

static gboolean is_resumed(KmeFixture *f, SSL_SESSION *session)
{
    g_autoptr(Raw) raw = raw_of_bank_a(f);
    g_assert_cmpint(SSL_set_session(raw->ssl, session), ==, 1);
    answer_one(raw);
    return SSL_session_reused(raw->ssl) != 0;
}

// Also twice: clients may open several connections with the one that they have.
static void test_sessions_are_resumed(KmeFixture *f, gconstpointer dir)
{
    SSL_SESSION *session = leave_session(f);
    g_assert_true(is_resumed(f, session));
    g_assert_true(is_resumed(f, session));
    SSL_SESSION_free(session);
}

// Whoever comes after a reload is verified by what is trusted then.
static void test_no_session_outlives_a_reload(KmeFixture *f, gconstpointer dir)
{
    SSL_SESSION *session = leave_session(f);
    g_assert_true(kme_server_reload(f->server, NULL));
    g_assert_false(is_resumed(f, session));
    SSL_SESSION_free(session);
}

// --- where a request ends ------------------------------------------------------------------------

static void test_framing(KmeFixture *f, gconstpointer dir)
{
    static const struct {
        const char *request;
        const char *where;
    } cases[] = {
        {"GET " STATUS_OF "\r\n", "Host"},
        {"GET " STATUS_OF "Host: x\r\nHost: y\r\n\r\n", "Host"},
        {"GET " STATUS_OF "Host: x\r\nContent-Length: 2\r\n\r\n{}", "body"},
        {"GET " STATUS_OF "Host: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "body"},
        {"POST " KEYS_OF "Host: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"
         "2\r\n{}\r\n0\r\n\r\n",
         "Transfer-Encoding"},
        {"POST " KEYS_OF "Host: x\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
         "0\r\n\r\n",
         "Transfer-Encoding"},
        {"POST " KEYS_OF "Host: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n"
         "2\r\n{}\r\n0\r\n\r\n",
         "Transfer-Encoding"},
        {"POST /api/v1/keys/bank-b/enc_keys HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"
         "2\r\n{}\r\n0\r\n\r\n",
         "Transfer-Encoding"},
        {"POST " KEYS_OF "Host: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{} ",
         "Content-Length"},
        {"POST " KEYS_OF "Host: x\r\nContent-Length: +2\r\n\r\n{}", "Content-Length"},
        {"POST " KEYS_OF "Host: x\r\nContent-Length : 64\r\n\r\n" GET_KEYS, "headers"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(Raw) raw = raw_of_bank_a(f);
        raw_say(raw, cases[i].request);
        raw_hear_to_the_end(raw);
        g_test_message("%s: %s", cases[i].request, raw->heard->str);
        g_assert_nonnull(strstr(raw->heard->str, " 400 "));
        g_assert_nonnull(strstr(raw->heard->str, "Connection: close\r\n"));
        g_autofree char *detail = g_strdup_printf("\"details\":[{\"%s\":", cases[i].where);
        // Some versions of libevent refuse some of them by themselves, with a page.
        g_assert_true(strstr(raw->heard->str, detail) || strstr(raw->heard->str, "<HTML>"));
    }
    g_assert_cmpstr(f->calls->str, ==, "");
}

static void test_good_frames(KmeFixture *f, gconstpointer dir)
{
    static const char *const requests[] = {
        GET_KEYS,
        "GET " KEYS_OF "Host: x\r\nContent-Length: 0\r\n\r\n",
        "GET /api/v1/keys/bank-b/enc_keys HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        "POST " KEYS_OF "Host: x\r\nTransfer-Encoding: Chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        "POST " KEYS_OF "Host: x\r\nContent-Length: 2\r\n\r\n{}",
    };
    g_autoptr(Raw) raw = raw_of_bank_a(f);
    for (gsize i = 0; i < G_N_ELEMENTS(requests); i++) {
        raw_say(raw, requests[i]);
        raw_hear(raw);
        g_assert_nonnull(strstr(raw->heard->str, " 200 "));
        g_assert_nonnull(strstr(raw->heard->str, FAKE_CONTAINER));
    }
}

static void test_head_has_no_body(KmeFixture *f, gconstpointer dir)
{
    g_autoptr(Raw) raw = raw_of_bank_a(f);
    raw_say(raw, "HEAD " KEYS_OF "Host: x\r\n\r\n"
                 "GET " STATUS_OF "Host: x\r\nConnection: close\r\n\r\n");
    raw_hear_to_the_end(raw);
    assert_heard(raw, "HTTP/1.1 405 ");
    const char *next = strstr(raw->heard->str, "\r\n\r\n");
    g_assert_nonnull(next);
    g_assert_true(g_str_has_prefix(next + 4, "HTTP/1.1 200 "));
}

static char *make_certificates(void)
{
    char *dir = certificates_new();
    certificates_add_authority(dir, "ca");
    certificates_add_authority(dir, "foreign");
    certificates_add(dir, "ca", "kme", "kme");
    certificates_add(dir, "ca", "bank-a", "bank-a");
    return dir;
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
    add("/kme-connection/revoked-before-the-first-request", dir,
        test_revoked_before_the_first_request);
    add("/kme-connection/sessions-are-resumed", dir, test_sessions_are_resumed);
    add("/kme-connection/no-session-outlives-a-reload", dir, test_no_session_outlives_a_reload);
    add("/kme-connection/revoked-in-the-handshake", dir, test_revoked_in_the_handshake);
    add("/kme-connection/revoked-after-a-request", dir, test_revoked_after_a_request);
    add("/kme-connection/still-trusted", dir, test_still_trusted);
    add("/kme-connection/expires-while-connected", dir, test_expires_while_connected);
    add("/kme-connection/framing", dir, test_framing);
    add("/kme-connection/good-frames", dir, test_good_frames);
    add("/kme-connection/head-has-no-body", dir, test_head_has_no_body);
    int status = g_test_run();
    scratch_free(dir);
    curl_global_cleanup();
    return status;
}
