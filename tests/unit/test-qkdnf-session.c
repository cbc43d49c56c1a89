// SPDX-License-Identifier: Apache-2.0
//
// Sessions and handovers by the client library.

#include "tests/unit/qkdnf-fixture.h"

#include <signal.h>
#include <string.h>

#define SESSION "0123abcd-0000-4000-8000-00000000000c"

static const struct qkdnf_session_request to_bank_b = {
    .id = "0123ABCD-0000-4000-8000-00000000000C",
    .targets = (const char *const[]){"bank-b"},
    .n_targets = 1,
    .qos = {.rate_bps = 2560, .buffer = 12, .priority = 3, .is_protected = 1},
};

static void test_open_list_close(QkdnfFixture *f, gconstpointer data)
{
    struct qkdnf *q = qkdnf_fixture_join(f, "bank-a");
    struct qkdnf_sessions *opened = qkdnf_session_open_wait(q, &to_bank_b);
    g_assert_cmpint(opened->status, ==, QKDNF_OK);
    g_assert_cmpuint(opened->n_sessions, ==, 1);
    const struct qkdnf_session *session = &opened->sessions[0];
    g_assert_cmpstr(session->id, ==, SESSION);
    g_assert_cmpstr(session->targets[0], ==, "bank-b");
    g_assert_cmpstr(qkdnf_session_phase_name(session->phase), ==, "ACTIVE");
    g_assert_cmpuint(session->qos.rate_bps, ==, 2560);
    g_assert_cmpuint(session->qos.size_bits, ==, 256);
    g_assert_cmpuint(session->qos.buffer, ==, 12);
    g_assert_cmpuint(session->qos.priority, ==, 3);
    g_assert_true(session->qos.is_protected);
    g_assert_cmpuint(session->qos.n_paths, ==, 1);
    g_assert_cmpuint(session->n_granted, ==, 20);

    struct qkdnf_sessions *all = qkdnf_session_list_wait(q, NULL, 0);
    g_assert_cmpint(all->status, ==, QKDNF_OK);
    struct qkdnf_sessions *closed = qkdnf_session_close_wait(q, SESSION, 0);
    g_assert_cmpint(closed->sessions[0].phase, ==, QKDNF_SESSION_CLOSED);
    g_assert_cmpstr(closed->sessions[0].id, ==, SESSION);
    qkdnf_sessions_free(opened);
    qkdnf_sessions_free(all);
    qkdnf_sessions_free(closed);
    qkdnf_close(q);
}

static void test_counter_offer(QkdnfFixture *f, gconstpointer data)
{
    g_atomic_int_set(&fake_platform_knobs(f->platform)->is_refusing, 1);
    struct qkdnf *q = qkdnf_fixture_join(f, "bank-a");
    struct qkdnf_sessions *refused = qkdnf_session_open_wait(q, &to_bank_b);
    g_assert_cmpint(refused->status, ==, QKDNF_INSUFFICIENT_KEY);
    g_assert_cmpuint(refused->n_sessions, ==, 0);
    g_assert_cmpuint(refused->offer.rate_bps, ==, 1280);
    qkdnf_sessions_free(refused);
    qkdnf_close(q);
}

static void count_session(void *data, const struct qkdnf_sessions *sessions)
{
    g_assert_cmpint(sessions->status, ==, QKDNF_OK);
    (*(guint *)data)++;
}

static void test_with_callbacks(QkdnfFixture *f, gconstpointer data)
{
    struct qkdnf *q = qkdnf_fixture_join(f, "bank-a");
    guint n = 0;
    char id[37];
    struct qkdnf_session_request request = to_bank_b;
    request.id = NULL;
    g_assert_cmpint(qkdnf_session_open(q, &request, count_session, &n, id), ==, QKDNF_OK);
    g_assert_cmpuint(strlen(id), ==, 36);
    g_assert_cmpint(qkdnf_session_list(q, id, 0, count_session, &n), ==, QKDNF_OK);
    g_assert_cmpint(qkdnf_session_close(q, id, 0, count_session, &n), ==, QKDNF_OK);
    g_assert_cmpuint(n, ==, 0);
    qkdnf_fixture_turn(q, &n, 3);
    qkdnf_close(q);
}

static void assert_bad(struct qkdnf_sessions *sessions, const char *text)
{
    g_assert_cmpint(sessions->status, ==, QKDNF_BAD_REQUEST);
    g_assert_nonnull(strstr(sessions->text, text));
    qkdnf_sessions_free(sessions);
}

static void test_what_cannot_be_sent(QkdnfFixture *f, gconstpointer data)
{
    struct qkdnf *q = qkdnf_fixture_join(f, "bank-a");
    struct qkdnf_session_request bad = to_bank_b;
    bad.id = "seven";
    assert_bad(qkdnf_session_open_wait(q, &bad), "'seven' is no UUID");
    bad = to_bank_b;
    bad.n_targets = 0;
    assert_bad(qkdnf_session_open_wait(q, &bad), "no target");
    bad = to_bank_b;
    bad.qos.size_bits = 100;
    assert_bad(qkdnf_session_open_wait(q, &bad), "multiple of 8");
    g_assert_cmpint(qkdnf_session_open(q, &bad, NULL, NULL, NULL), ==, QKDNF_BAD_REQUEST);
    assert_bad(qkdnf_session_close_wait(q, NULL, 0), "no UUID");
    assert_bad(qkdnf_session_list_wait(q, "x", 0), "no UUID");
    g_assert_cmpint(qkdnf_session_close(q, "x", 0, NULL, NULL), ==, QKDNF_BAD_REQUEST);
    g_assert_cmpint(qkdnf_session_list(q, "x", 0, NULL, NULL), ==, QKDNF_BAD_REQUEST);
    static const struct qkdnf_handover handovers[] = {
        {0}, {.node = "sie"}, {.node = "sie", .region = "at"}, {.provider = "No Id"}};
    for (gsize i = 0; i < G_N_ELEMENTS(handovers); i++)
        g_assert_cmpint(qkdnf_handover(q, &handovers[i], NULL, NULL, NULL), ==, QKDNF_BAD_REQUEST);
    struct qkdnf_handover_state *state = qkdnf_handover_wait(q, &handovers[0], NULL, NULL, NULL);
    g_assert_cmpint(state->status, ==, QKDNF_BAD_REQUEST);
    g_assert_cmpint(state->phase, ==, QKDNF_HANDOVER_UNHEARD);
    qkdnf_handover_state_free(state);
    qkdnf_close(q);
}

// --- handover ------------------------------------------------------------------------------------

static void note_phase(void *data, const struct qkdnf_handover_state *state)
{
    g_assert_cmpint(state->status, ==, QKDNF_OK);
    g_string_append_printf(data, "%s ", qkdnf_handover_phase_name(state->phase));
}

static const struct qkdnf_handover to_graz = {.provider = "graz"};

// Of a KME that is not there any more: the handle only works once it has been moved.
static struct qkdnf_kme *old_kme(QkdnfFixture *f)
{
    Connection connection = live_broker_connection(f->broker, "bank-a");
    return qkdnf_kme_new("https://127.0.0.1:1", "kme", connection.ca, connection.certificate,
                         connection.key, NULL);
}

static enum qkdnf_status try_to_get(struct qkdnf_kme *kme)
{
    struct qkdnf_key_query query = {.targets = (const char *const[]){"bank-b"}, .n_targets = 1};
    struct qkdnf_keys *keys = qkdnf_get_keys(kme, &query, 5000);
    enum qkdnf_status status = keys->status;
    qkdnf_keys_free(keys);
    return status;
}

static void test_handover(QkdnfFixture *f, gconstpointer data)
{
    fake_platform_knobs(f->platform)->kme_url = g_strdup(f->kme_url);
    struct qkdnf *q = qkdnf_fixture_join(f, "bank-a");
    struct qkdnf_kme *kme = old_kme(f);
    g_assert_cmpint(try_to_get(kme), ==, QKDNF_UNREACHABLE);
    g_autoptr(GString) phases = g_string_new(NULL);
    struct qkdnf_handover_state *state = qkdnf_handover_wait(q, &to_graz, kme, note_phase, phases);
    g_assert_cmpint(state->phase, ==, QKDNF_HANDOVER_RELEASED);
    g_assert_cmpstr(state->provider, ==, "graz");
    g_assert_cmpstr(phases->str, ==, "REQUESTED AUTHORISED PREPARED SWITCHED RELEASED ");
    // It was asked for again although it had been heard of.
    g_assert_cmpint(g_atomic_int_get(&fake_platform_knobs(f->platform)->n_handovers), ==, 2);
    g_assert_cmpint(try_to_get(kme), ==, QKDNF_OK);
    g_assert_cmpstr(f->kme.calls->str, ==, "status bank-a bank-a\nget bank-a bank-b 1 256 1 - -\n");
    qkdnf_handover_state_free(state);
    qkdnf_kme_free(kme);
    qkdnf_close(q);
}

static void test_falls_back(QkdnfFixture *f, gconstpointer data)
{
    g_atomic_int_set(&fake_platform_knobs(f->platform)->is_refusing, 1);
    fake_platform_knobs(f->platform)->kme_url = g_strdup("https://127.0.0.1:1");
    struct qkdnf *q = qkdnf_fixture_join(f, "bank-a");
    struct qkdnf_kme *kme = qkdnf_kme_of(q, NULL);
    g_autoptr(GString) phases = g_string_new(NULL);
    struct qkdnf_handover_state *state = qkdnf_handover_wait(q, &to_graz, kme, note_phase, phases);
    g_assert_cmpint(state->phase, ==, QKDNF_HANDOVER_FALLEN_BACK);
    g_assert_cmpstr(phases->str, ==, "REQUESTED AUTHORISED PREPARED FALLEN_BACK ");
    g_assert_cmpint(try_to_get(kme), ==, QKDNF_OK);
    struct qkdnf_kme *again = qkdnf_kme_of(q, NULL);
    g_assert_cmpint(try_to_get(again), ==, QKDNF_OK);
    qkdnf_kme_free(again);
    qkdnf_kme_free(kme);
    qkdnf_handover_state_free(state);
    qkdnf_close(q);
}

static void cancel_at_once(void *data, const struct qkdnf_handover_state *state)
{
    g_assert_cmpint(state->phase, ==, QKDNF_HANDOVER_REQUESTED);
    g_assert_true(qkdnf_cancel(data, state->id));
}

static void test_handover_with_a_callback(QkdnfFixture *f, gconstpointer data)
{
    fake_platform_knobs(f->platform)->kme_url = g_strdup("https://127.0.0.1:1");
    struct qkdnf *q = qkdnf_fixture_join(f, "bank-a");
    struct qkdnf_kme *moved;
    guint n = 0;
    g_assert_cmpint(qkdnf_handover(q, &to_graz, cancel_at_once, q, NULL), ==, QKDNF_OK);
    // What is heard of it from here on is as of one that somebody else has asked for.
    g_autoptr(GString) phases = g_string_new(NULL);
    qkdnf_on_handover(q, note_phase, phases);
    qkdnf_session_list(q, NULL, 0, count_session, &n);
    qkdnf_fixture_turn(q, &n, 1);
    g_assert_cmpstr(phases->str, ==, "AUTHORISED PREPARED ");
    moved = qkdnf_kme_of(q, NULL);
    g_assert_cmpint(try_to_get(moved), ==, QKDNF_UNREACHABLE);
    qkdnf_kme_free(moved);
    qkdnf_close(q);
}

static void test_cancelled_while_waiting(QkdnfFixture *f, gconstpointer data)
{
    fake_platform_knobs(f->platform)->kme_url = g_strdup("https://127.0.0.1:1");
    struct qkdnf *q = qkdnf_fixture_join(f, "bank-a");
    struct qkdnf_handover_state *state = qkdnf_handover_wait(q, &to_graz, NULL, cancel_at_once, q);
    g_assert_cmpint(state->status, ==, QKDNF_CANCELLED);
    g_assert_cmpint(state->phase, ==, QKDNF_HANDOVER_REQUESTED);
    g_assert_cmpstr(state->text, ==, "cancelled by this application");
    g_assert_false(qkdnf_cancel(q, state->id));
    qkdnf_handover_state_free(state);
    qkdnf_close(q);
}

static void test_a_handle_is_moved(QkdnfFixture *f, gconstpointer data)
{
    struct qkdnf_kme *kme = old_kme(f);
    struct qkdnf_error error = {""};
    g_assert_false(qkdnf_kme_move(kme, "http://127.0.0.1:1", NULL, &error));
    g_assert_nonnull(strstr(error.text, "expected https://HOST:PORT"));
    g_assert_true(qkdnf_kme_move(kme, f->kme_url, "kme", &error));
    g_assert_cmpint(try_to_get(kme), ==, QKDNF_OK);
    // Whose certificate it is is asked anew, also where the connection would do.
    g_assert_true(qkdnf_kme_move(kme, f->kme_url, "another-kme", &error));
    g_assert_cmpint(try_to_get(kme), ==, QKDNF_UNREACHABLE);
    g_assert_true(qkdnf_kme_move(kme, f->kme_url, NULL, &error));
    g_assert_cmpint(try_to_get(kme), ==, QKDNF_OK);
    qkdnf_kme_free(kme);
}

static void test_keys_of_a_session(QkdnfFixture *f, gconstpointer data)
{
    struct qkdnf *q = qkdnf_fixture_join(f, "bank-a");
    struct qkdnf_kme *kme = qkdnf_kme_of(q, NULL);
    struct qkdnf_key_query query = {
        .targets = (const char *const[]){"bank-b"}, .n_targets = 1, .session = SESSION};
    struct qkdnf_keys *keys = qkdnf_get_keys(kme, &query, 5000);
    g_assert_cmpint(keys->status, ==, QKDNF_OK);
    g_assert_cmpstr(f->kme.calls->str, ==, "get bank-a bank-b 1 256 1 - " SESSION "\n");
    qkdnf_keys_free(keys);
    qkdnf_kme_free(kme);
    qkdnf_close(q);
}

static void add(const char *name, void (*test)(QkdnfFixture *, gconstpointer))
{
    g_test_add(name, QkdnfFixture, NULL, qkdnf_fixture_set_up, test, qkdnf_fixture_tear_down);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    signal(SIGPIPE, SIG_IGN);
    add("/qkdnf-session/open-list-close", test_open_list_close);
    add("/qkdnf-session/counter-offer", test_counter_offer);
    add("/qkdnf-session/with-callbacks", test_with_callbacks);
    add("/qkdnf-session/what-cannot-be-sent", test_what_cannot_be_sent);
    add("/qkdnf-session/keys-of-a-session", test_keys_of_a_session);
    add("/qkdnf-session/handover", test_handover);
    add("/qkdnf-session/falls-back", test_falls_back);
    add("/qkdnf-session/handover-with-a-callback", test_handover_with_a_callback);
    add("/qkdnf-session/cancelled-while-waiting", test_cancelled_while_waiting);
    add("/qkdnf-session/a-handle-is-moved", test_a_handle_is_moved);
    return g_test_run();
}
