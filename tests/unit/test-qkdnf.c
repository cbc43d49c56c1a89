// SPDX-License-Identifier: Apache-2.0
//
// The client library as it is installed, against a fake platform behind a real broker and a real
// key delivery server with a fake agent; both turn in threads of their own.

#include "tests/unit/qkdnf-fixture.h"

#include <signal.h>
#include <string.h>

static const struct qkdnf_request to_bank_b = {
    .targets = (const char *const[]){"bank-b"}, .n_targets = 1, .size_bits = 128};

static void test_a_key_at_both_ends(QkdnfFixture *f, gconstpointer data)
{
    struct qkdnf *q = qkdnf_fixture_join(f, "bank-a");
    struct qkdnf_reply *reply = qkdnf_request_keys_wait(q, &to_bank_b);
    g_assert_cmpint(reply->status, ==, QKDNF_OK);
    g_assert_cmpuint(reply->n_key_ids, ==, 1);
    g_assert_cmpuint(reply->size_bits, ==, 128);
    g_assert_cmpuint(reply->n_paths, ==, 1);
    g_assert_cmpstr(reply->paths[0].providers[1], ==, "graz");
    g_assert_cmpstr(reply->deliveries[1].sae, ==, "bank-b");

    struct qkdnf_kme *near = qkdnf_kme_of(q, NULL);
    struct qkdnf_keys *keys = qkdnf_fetch(near, reply, 5000);
    g_assert_cmpstr(keys->text, ==, "done");
    g_assert_cmpuint(keys->n_keys, ==, 1);
    g_assert_cmpmem(keys->keys[0].bytes, keys->keys[0].n_bytes, "0123456789abcdef", 16);
    struct qkdnf *target = qkdnf_fixture_join(f, "bank-b");
    struct qkdnf_kme *far = qkdnf_kme_of(target, NULL);
    struct qkdnf_keys *same = qkdnf_get_keys_by_id(far, "bank-a", reply->key_ids, 1, 5000);
    g_assert_cmpuint(same->n_keys, ==, 1);
    g_assert_cmpmem(same->keys[0].bytes, 16, keys->keys[0].bytes, 16);
    g_autofree char *calls = g_strdup_printf("get bank-a bank-b 1 128 1 - %s\n"
                                             "get-by-id bank-b bank-a " FAKE_KEY_ID "\n",
                                             reply->id);
    g_assert_cmpstr(f->kme.calls->str, ==, calls);
    qkdnf_keys_free(keys);
    qkdnf_keys_free(same);
    qkdnf_kme_free(near);
    qkdnf_kme_free(far);
    qkdnf_reply_free(reply);
    qkdnf_close(target);
    qkdnf_close(q);
}

static void test_discover_and_register(QkdnfFixture *f, gconstpointer data)
{
    struct qkdnf *q = qkdnf_fixture_join(f, "bank-a");
    struct qkdnf_services *services =
        qkdnf_discover_wait(q, &(struct qkdnf_query){.service = "vault"});
    g_assert_cmpint(services->status, ==, QKDNF_OK);
    g_assert_cmpuint(services->n_services, ==, 1);
    g_assert_cmpstr(services->services[0].sae, ==, "bank-b");
    g_assert_cmpstr(services->services[0].service, ==, "vault");
    struct qkdnf_registration *registration = qkdnf_register_wait(q, "vault", 1, 0);
    g_assert_cmpint(registration->status, ==, QKDNF_OK);
    g_assert_cmpstr(registration->home, ==, "vienna");
    qkdnf_registration_free(registration);
    qkdnf_services_free(services);
    qkdnf_close(q);
}

static void test_repeats_what_is_not_answered(QkdnfFixture *f, gconstpointer data)
{
    g_atomic_int_set(&fake_platform_knobs(f->platform)->n_ignored, 2);
    struct qkdnf *q = qkdnf_fixture_join(f, "bank-a");
    struct qkdnf_reply *reply = qkdnf_request_keys_wait(q, &to_bank_b);
    g_assert_cmpint(reply->status, ==, QKDNF_OK);
    g_assert_cmpint(g_atomic_int_get(&fake_platform_knobs(f->platform)->n_requests), ==, 3);
    qkdnf_reply_free(reply);

    g_atomic_int_set(&fake_platform_knobs(f->platform)->n_ignored, 1000);
    struct qkdnf_request brief = to_bank_b;
    brief.timeout_ms = 1;
    reply = qkdnf_request_keys_wait(q, &brief);
    g_assert_cmpint(reply->status, ==, QKDNF_EXPIRED);
    g_assert_cmpstr(reply->text, ==, "no answer from the platform in time");
    qkdnf_reply_free(reply);
    qkdnf_close(q);
}

static void test_refused_requests(QkdnfFixture *f, gconstpointer data)
{
    g_atomic_int_set(&fake_platform_knobs(f->platform)->is_refusing, 1);
    struct qkdnf *q = qkdnf_fixture_join(f, "bank-a");
    struct qkdnf_reply *reply = qkdnf_request_keys_wait(q, &to_bank_b);
    g_assert_cmpint(reply->status, ==, QKDNF_INSUFFICIENT_KEY);
    g_assert_cmpstr(reply->text, ==, "not enough key in stock");
    g_assert_cmpuint(reply->available, ==, 3);
    g_assert_cmpuint(reply->available_in_ms, ==, 4000);
    struct qkdnf_kme *kme = qkdnf_kme_of(q, NULL);
    struct qkdnf_keys *none = qkdnf_fetch(kme, reply, 0);
    g_assert_cmpint(none->status, ==, QKDNF_BAD_REQUEST);
    qkdnf_keys_free(none);
    qkdnf_kme_free(kme);
    qkdnf_reply_free(reply);

    struct qkdnf_request odd = to_bank_b;
    odd.size_bits = 127;
    g_assert_cmpint(qkdnf_request_keys(q, &odd, NULL, NULL, NULL), ==, QKDNF_BAD_REQUEST);
    odd = (struct qkdnf_request){.targets = (const char *const[]){"No Id"}, .n_targets = 1};
    reply = qkdnf_request_keys_wait(q, &odd);
    g_assert_cmpint(reply->status, ==, QKDNF_BAD_REQUEST);
    qkdnf_reply_free(reply);
    qkdnf_close(q);
}

static void count_reply(void *data, const struct qkdnf_reply *reply)
{
    g_assert_cmpint(reply->status, ==, QKDNF_OK);
    (*(guint *)data)++;
}

static void test_in_a_loop_of_the_callers(QkdnfFixture *f, gconstpointer data)
{
    struct qkdnf *q = qkdnf_fixture_join(f, "bank-a");
    g_assert_cmpint(qkdnf_timeout_ms(q), ==, -1);
    guint n_replies = 0, n_cancelled = 0;
    char id[37];
    for (guint i = 0; i < 20; i++)
        g_assert_cmpint(qkdnf_request_keys(q, &to_bank_b, count_reply, &n_replies, NULL), ==,
                        QKDNF_OK);
    g_assert_cmpint(qkdnf_request_keys(q, &to_bank_b, count_reply, &n_cancelled, id), ==, QKDNF_OK);
    g_assert_cmpint(qkdnf_timeout_ms(q), >=, 0);
    g_assert_true(qkdnf_cancel(q, id));
    g_assert_false(qkdnf_cancel(q, id));
    qkdnf_fixture_turn(q, &n_replies, 20);
    g_assert_true(qkdnf_is_connected(q));
    g_assert_cmpstr(qkdnf_trouble(q), ==, "");
    g_assert_cmpuint(n_cancelled, ==, 0);
    // What is open when the handle goes is dropped.
    g_atomic_int_set(&fake_platform_knobs(f->platform)->n_ignored, 1000);
    qkdnf_request_keys(q, &to_bank_b, count_reply, &n_cancelled, NULL);
    qkdnf_close(q);
    g_assert_cmpuint(n_cancelled, ==, 0);
}

typedef struct {
    struct qkdnf *q;
    guint n_replies;
} Asker;

static void count_and_ask_more(void *data, const struct qkdnf_reply *reply)
{
    Asker *asker = data;
    if (asker->n_replies++ > 0)
        return;
    for (guint i = 0; i < 10; i++)
        qkdnf_request_keys(asker->q, &to_bank_b, count_and_ask_more, asker, NULL);
}

static void test_callbacks_share_a_publish(QkdnfFixture *f, gconstpointer data)
{
    Asker asker = {qkdnf_fixture_join(f, "bank-a"), 0};
    gint *n_publishes = &fake_platform_knobs(f->platform)->n_publishes;
    gint n_before = g_atomic_int_get(n_publishes);
    qkdnf_request_keys(asker.q, &to_bank_b, count_and_ask_more, &asker, NULL);
    qkdnf_fixture_turn(asker.q, &asker.n_replies, 11);
    // Repeated by a busy machine, if at all: never each for itself.
    g_assert_cmpint(g_atomic_int_get(n_publishes) - n_before, <, 11);
    qkdnf_close(asker.q);
}

static void test_no_bus(QkdnfFixture *f, gconstpointer data)
{
    live_broker_kill(f->broker);
    struct qkdnf *q = qkdnf_fixture_join(f, "bank-a");
    struct qkdnf_request brief = to_bank_b;
    brief.timeout_ms = 1;
    struct qkdnf_reply *reply = qkdnf_request_keys_wait(q, &brief);
    g_assert_cmpint(reply->status, ==, QKDNF_UNREACHABLE);
    g_assert_nonnull(strstr(reply->text, "cannot connect to 127.0.0.1"));
    qkdnf_reply_free(reply);

    // The bus comes back: what is asked meanwhile is answered.
    guint n_replies = 0;
    qkdnf_request_keys(q, &to_bank_b, count_reply, &n_replies, NULL);
    live_broker_start(f->broker);
    qkdnf_fixture_turn(q, &n_replies, 1);
    qkdnf_close(q);
}

static void test_what_no_retry_can_mend(QkdnfFixture *f, gconstpointer data)
{
    struct qkdnf_error error;
    struct qkdnf_config config = {.sae = "No Id"};
    g_assert_null(qkdnf_connect(&config, &error));
    g_assert_nonnull(strstr(error.text, "sae is missing"));
    Connection connection = live_broker_connection(f->broker, "bank-a");
    config =
        (struct qkdnf_config){"bank-b",       connection.url, connection.ca, connection.certificate,
                              connection.key, "platform"};
    g_assert_null(qkdnf_connect(&config, &error));
    g_assert_nonnull(strstr(error.text, connection.certificate));
    g_assert_null(qkdnf_connect_federation("/nowhere/federation.json", "bank-a", &error));
    g_assert_nonnull(strstr(error.text, "/nowhere/federation.json"));
}

static void test_from_a_federation_file(QkdnfFixture *f, gconstpointer data)
{
    g_autofree char *path = g_build_filename(f->broker->dir, "federation.json", NULL);
    g_autofree char *text =
        g_strdup_printf("{\"broker\":{\"url\":\"%s\"},\"ca\":\"ca.crt\",\"platform\":{\"id\":"
                        "\"platform\"},\"saes\":[{\"id\":\"bank-a\",\"certificate\":\"bank-a.crt\","
                        "\"key\":\"bank-a.key\",\"kme\":\"%s\"}]}",
                        f->broker->url, f->kme_url);
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
    struct qkdnf_error error = {""};
    struct qkdnf *q = qkdnf_connect_federation(path, "bank-a", &error);
    g_assert_cmpstr(error.text, ==, "");
    struct qkdnf_reply *reply = qkdnf_request_keys_wait(q, &to_bank_b);
    g_assert_cmpint(reply->status, ==, QKDNF_OK);
    qkdnf_reply_free(reply);
    qkdnf_close(q);
}

static struct qkdnf_kme *kme(QkdnfFixture *f, const char *id, const char *sae)
{
    Connection connection = live_broker_connection(f->broker, sae);
    struct qkdnf_kme *kme =
        qkdnf_kme_new(f->kme_url, id, connection.ca, connection.certificate, connection.key, NULL);
    g_assert_nonnull(kme);
    return kme;
}

static void test_plain_get_key(QkdnfFixture *f, gconstpointer data)
{
    struct qkdnf_kme *plain = kme(f, NULL, "bank-a");
    struct qkdnf_key_query query = {.targets = (const char *const[]){"bank-b", "bank-c"},
                                    .n_targets = 2,
                                    .n_paths = 2,
                                    .exclude = (const char *const[]){"graz"},
                                    .n_exclude = 1};
    struct qkdnf_keys *keys = qkdnf_get_keys(plain, &query, 0);
    g_assert_cmpint(keys->status, ==, QKDNF_OK);
    g_assert_cmpstr(keys->keys[0].id, ==, FAKE_KEY_ID);
    g_assert_cmpstr(f->kme.calls->str, ==, "get bank-a bank-b,bank-c 1 256 2 graz -\n");
    qkdnf_keys_free(keys);

    query = (struct qkdnf_key_query){.targets = query.targets, .n_targets = 1, .size_bits = 127};
    keys = qkdnf_get_keys(plain, &query, 0);
    g_assert_cmpint(keys->status, ==, QKDNF_BAD_REQUEST);
    g_assert_cmpint(keys->http_code, ==, 400);
    g_assert_cmpstr(keys->text, ==, "size shall be a multiple of 8");
    qkdnf_keys_free(keys);

    // Another key than the one that was asked for.
    static const char other[] = "0123abcd-0000-4000-8000-00000000000b";
    keys = qkdnf_get_keys_by_id(plain, "bank-b", (const char *const[]){other}, 1, 0);
    g_assert_cmpint(keys->status, ==, QKDNF_BAD_ANSWER);
    g_assert_cmpuint(keys->n_keys, ==, 0);
    qkdnf_keys_free(keys);
    keys = qkdnf_get_keys_by_id(plain, "bank-b", NULL, 0, 0);
    g_assert_cmpint(keys->status, ==, QKDNF_BAD_REQUEST);
    qkdnf_keys_free(keys);
    qkdnf_kme_free(plain);
}

static void test_only_the_right_kme(QkdnfFixture *f, gconstpointer data)
{
    const char *ids[] = {FAKE_KEY_ID};
    struct qkdnf_kme *other = kme(f, "another-kme", "bank-a");
    struct qkdnf_keys *keys = qkdnf_get_keys_by_id(other, "bank-b", ids, 1, 0);
    g_assert_cmpint(keys->status, ==, QKDNF_UNREACHABLE);
    g_assert_nonnull(strstr(keys->text, "its certificate is not that of another-kme"));
    qkdnf_keys_free(keys);
    qkdnf_kme_free(other);

    struct qkdnf_error error;
    g_assert_null(qkdnf_kme_new("http://127.0.0.1:1", NULL, "ca", "crt", "key", &error));
    g_assert_nonnull(strstr(error.text, "expected https://HOST:PORT"));
    struct qkdnf_kme *nowhere =
        qkdnf_kme_new("https://127.0.0.1:1/", NULL, f->kme.settings.ca, f->kme.settings.certificate,
                      f->kme.settings.key, NULL);
    keys = qkdnf_get_keys_by_id(nowhere, "bank-b", ids, 1, 0);
    g_assert_cmpint(keys->status, ==, QKDNF_UNREACHABLE);
    qkdnf_keys_free(keys);
    qkdnf_kme_free(nowhere);

    f->kme.behaviour = ANSWER_UNAUTHORIZED;
    struct qkdnf_kme *good = kme(f, "kme", "bank-a");
    keys = qkdnf_get_keys_by_id(good, "bank-b", ids, 1, 0);
    g_assert_cmpint(keys->status, ==, QKDNF_NOT_ALLOWED);
    qkdnf_keys_free(keys);
    qkdnf_kme_free(good);
}

static void add(const char *name, void (*test)(QkdnfFixture *, gconstpointer))
{
    g_test_add(name, QkdnfFixture, NULL, qkdnf_fixture_set_up, test, qkdnf_fixture_tear_down);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    signal(SIGPIPE, SIG_IGN);
    add("/qkdnf/a-key-at-both-ends", test_a_key_at_both_ends);
    add("/qkdnf/discover-and-register", test_discover_and_register);
    add("/qkdnf/repeats-what-is-not-answered", test_repeats_what_is_not_answered);
    add("/qkdnf/refused-requests", test_refused_requests);
    add("/qkdnf/in-a-loop-of-the-callers", test_in_a_loop_of_the_callers);
    add("/qkdnf/callbacks-share-a-publish", test_callbacks_share_a_publish);
    add("/qkdnf/no-bus", test_no_bus);
    add("/qkdnf/what-no-retry-can-mend", test_what_no_retry_can_mend);
    add("/qkdnf/from-a-federation-file", test_from_a_federation_file);
    add("/qkdnf/plain-get-key", test_plain_get_key);
    add("/qkdnf/only-the-right-kme", test_only_the_right_kme);
    return g_test_run();
}
