// SPDX-License-Identifier: Apache-2.0
//
// How much of a KME its clients may take, and that none takes what is for the others.

#include "tests/unit/certificates.h"
#include "tests/unit/kme-fixture.h"
#include "tests/unit/scratch.h"

#include <signal.h>
#include <string.h>
#include <sys/resource.h>

static guint n_warnings;

static GLogWriterOutput count(GLogLevelFlags level, const GLogField *fields, gsize n_fields,
                              gpointer data)
{
    n_warnings += (level & G_LOG_LEVEL_WARNING) != 0;
    return G_LOG_WRITER_HANDLED;
}

static void test_too_many_calls(KmeFixture *f, gconstpointer dir)
{
    f->settings.max_calls = 2;
    f->settings.max_calls_per_application = 1;
    g_autoptr(Exchange) first = kme_start_held(f);
    guint64 held = f->last_call;
    g_autoptr(Exchange) refused = kme_get(f, "bank-a", "/api/v1/keys/bank-b/status");
    g_assert_cmpint(refused->code, ==, 503);
    g_assert_nonnull(strstr(refused->body->str, "\"message\":\"Error on server side.\""));

    f->behaviour = ANSWER_AT_ONCE;
    g_autoptr(Exchange) other = kme_get(f, "bank-c", "/api/v1/keys/bank-b/status");
    g_assert_cmpint(other->code, ==, 200);
    f->settings.max_calls = 1;
    g_autoptr(Exchange) full = kme_get(f, "bank-c", "/api/v1/keys/bank-b/status");
    g_assert_cmpint(full->code, ==, 503);

    kme_fixture_answer(f, held);
    while (!first->done)
        kme_fixture_turn(f);
    g_assert_cmpint(first->code, ==, 200);
    g_autoptr(Exchange) again = kme_get(f, "bank-a", "/api/v1/keys/bank-b/status");
    g_assert_cmpint(again->code, ==, 200);
}

static void test_too_many_connections(KmeFixture *f, gconstpointer dir)
{
    kme_server_free(f->server);
    f->settings.max_connections = 1;
    f->server = kme_server_new(f->base, &f->settings, &fake_limits, &fake_service, f, NULL);
    g_autoptr(Exchange) first = kme_start_held(f);
    guint64 held = f->last_call;
    g_autoptr(Exchange) second = exchange_new(f, "bank-c", "/api/v1/keys/bank-b/enc_keys");
    curl_multi_add_handle(f->multi, second->easy);
    for (guint i = 0; i < 50; i++)
        kme_fixture_turn(f);
    g_assert_cmpuint(kme_server_n_connections(f->server), ==, 1);
    g_assert_cmpuint(f->last_call, ==, held);
    f->behaviour = ANSWER_AT_ONCE;
    kme_fixture_answer(f, held);
    while (!second->done)
        kme_fixture_turn(f);
    g_assert_cmpint(second->code, ==, 200);
    g_assert_true(first->done);
}

static void restart_with_share(KmeFixture *f, guint share)
{
    kme_server_free(f->server);
    f->settings.max_connections_per_application = share;
    f->server = kme_server_new(f->base, &f->settings, &fake_limits, &fake_service, f, NULL);
}

// What it wants beyond is closed, whatever it asks for, and told once.
static void test_the_share_of_an_application(KmeFixture *f, gconstpointer dir)
{
    static const char path[] = "/api/v1/keys/bank-b/status";
    restart_with_share(f, 2);
    n_warnings = 0;
    g_autoptr(Exchange) first = kme_start_held(f);
    guint64 held = f->last_call;
    g_autoptr(Exchange) second = kme_start_held(f);
    f->behaviour = ANSWER_AT_ONCE;
    guint64 last = f->last_call;
    for (guint i = 0; i < 2; i++) {
        g_autoptr(Exchange) third = kme_get(f, "bank-a", path);
        g_assert_cmpint(third->result, !=, CURLE_OK);
    }
    g_assert_cmpuint(n_warnings, ==, 1);
    g_assert_cmpuint(f->last_call, ==, last);
    g_autoptr(Exchange) other = kme_get(f, "bank-c", path);
    g_assert_cmpint(other->code, ==, 200);
    kme_fixture_answer(f, held);
    while (!first->done)
        kme_fixture_turn(f);
    while (kme_server_n_connections(f->server) > 2)
        kme_fixture_turn(f);
    g_autoptr(Exchange) again = kme_get(f, "bank-a", path);
    g_assert_cmpint(again->code, ==, 200);
    kme_fixture_answer(f, last);
    while (!second->done)
        kme_fixture_turn(f);
}

static void test_more_connections_than_files(KmeFixture *f, gconstpointer dir)
{
    struct rlimit limit;
    g_assert_cmpint(getrlimit(RLIMIT_NOFILE, &limit), ==, 0);
    rlim_t before = limit.rlim_cur;
    limit.rlim_cur = 400;
    g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &limit), ==, 0);
    KmeSettings settings = f->settings;
    settings.max_connections = 145;
    g_autoptr(GError) error = NULL;
    g_assert_null(kme_server_new(f->base, &settings, &fake_limits, &fake_service, f, &error));
    g_assert_nonnull(
        strstr(error->message,
               "kme.max_connections: 145 connections and what else is opened take 401 open "
               "files, of which the process may have 400: lower it, or raise the limit"));
    settings.max_connections = 144;
    KmeServer *server = kme_server_new(f->base, &settings, &fake_limits, &fake_service, f, NULL);
    g_assert_nonnull(server);
    kme_server_free(server);
    limit.rlim_cur = before;
    g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &limit), ==, 0);
}

static void add(const char *name, const char *dir, void (*test)(KmeFixture *, gconstpointer))
{
    g_test_add(name, KmeFixture, dir, kme_fixture_set_up, test, kme_fixture_tear_down);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    signal(SIGPIPE, SIG_IGN);
    g_log_set_writer_func(count, NULL, NULL);
    curl_global_init(CURL_GLOBAL_ALL);
    char *dir = certificates_new();
    certificates_add_authority(dir, "ca");
    certificates_add(dir, "ca", "kme", "kme");
    certificates_add(dir, "ca", "bank-a", "bank-a");
    certificates_add(dir, "ca", "bank-c", "bank-c");
    add("/kme-limits/calls", dir, test_too_many_calls);
    add("/kme-limits/connections", dir, test_too_many_connections);
    add("/kme-limits/the-share-of-an-application", dir, test_the_share_of_an_application);
    add("/kme-limits/more-connections-than-files", dir, test_more_connections_than_files);
    int status = g_test_run();
    scratch_free(dir);
    curl_global_cleanup();
    return status;
}
