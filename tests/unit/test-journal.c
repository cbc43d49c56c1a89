// SPDX-License-Identifier: Apache-2.0

#include "topics/mqtt/journal.h"

#include "topics/base/log.h"
#include "topics/base/timers.h"

#define START_US 1000

typedef struct {
    gboolean can_forget;
    guint n_forgotten;
    Store *store;
    Journal journal;
} Fixture;

static gboolean disk_commit(gpointer backend, const StoreChange *changes, gsize n_changes,
                            GError **error)
{
    return TRUE;
}

static gboolean disk_forget(gpointer backend, GError **error)
{
    Fixture *fixture = backend;
    fixture->n_forgotten++;
    if (fixture->can_forget)
        return TRUE;
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_IO, "no luck");
    return FALSE;
}

static void disk_free(gpointer backend)
{
    // The fixture is the disk.
}

static void set_up(Fixture *fixture, gconstpointer data)
{
    static const StoreBackend backend = {NULL, disk_commit, disk_forget, disk_free};
    fixture->can_forget = TRUE;
    fixture->store = store_new(&backend, fixture);
    fixture->journal = journal_of(fixture->store, "vienna", START_US);
}

static void tear_down(Fixture *fixture, gconstpointer data)
{
    store_free(fixture->store);
}

// As in a daemon: when the store is to forget, as it was known before the commit.
static gint64 pass(Fixture *fixture, gint64 now_us, gboolean has_change)
{
    if (has_change)
        store_delete_text(fixture->store, "things", "a");
    gint64 due_us = journal_note(&fixture->journal, now_us);
    g_assert_true(store_commit(fixture->store, NULL));
    journal_tidy(&fixture->journal, now_us);
    return due_us;
}

static void forget_what_was_before(Fixture *fixture)
{
    g_assert_cmpint(pass(fixture, START_US, FALSE), ==, START_US + JOURNAL_CALM_US);
    g_assert_cmpuint(fixture->n_forgotten, ==, 0);
    pass(fixture, START_US + JOURNAL_CALM_US, FALSE);
    g_assert_cmpuint(fixture->n_forgotten, ==, 1);
}

static void test_only_what_was_written(Fixture *fixture, gconstpointer data)
{
    forget_what_was_before(fixture);
    g_assert_cmpint(pass(fixture, G_TIME_SPAN_DAY, FALSE), ==, TIMERS_NEVER);
    g_assert_cmpuint(fixture->n_forgotten, ==, 1);
}

static void test_when_it_is_calm(Fixture *fixture, gconstpointer data)
{
    forget_what_was_before(fixture);
    gint64 now_us = G_TIME_SPAN_DAY;
    g_assert_cmpint(pass(fixture, now_us, TRUE), ==, now_us + JOURNAL_CALM_US);
    now_us += JOURNAL_CALM_US - 1;
    g_assert_cmpint(pass(fixture, now_us, TRUE), ==, now_us + JOURNAL_CALM_US);
    pass(fixture, now_us + JOURNAL_CALM_US - 1, FALSE);
    g_assert_cmpuint(fixture->n_forgotten, ==, 1);
    pass(fixture, now_us + JOURNAL_CALM_US, FALSE);
    g_assert_cmpuint(fixture->n_forgotten, ==, 2);
}

static void test_under_load(Fixture *fixture, gconstpointer data)
{
    forget_what_was_before(fixture);
    gint64 from_us = G_TIME_SPAN_DAY, now_us = from_us;
    for (; now_us < from_us + JOURNAL_HELD_US; now_us += JOURNAL_CALM_US / 2) {
        g_assert_cmpint(pass(fixture, now_us, TRUE), <=, from_us + JOURNAL_HELD_US);
        g_assert_cmpuint(fixture->n_forgotten, ==, 1);
    }
    pass(fixture, now_us, TRUE);
    g_assert_cmpuint(fixture->n_forgotten, ==, 2);
}

static void test_what_fails_is_tried_again(Fixture *fixture, gconstpointer data)
{
    fixture->can_forget = FALSE;
    forget_what_was_before(fixture);
    gint64 again_us = START_US + JOURNAL_CALM_US + JOURNAL_HELD_US;
    g_assert_cmpint(pass(fixture, again_us - 1, TRUE), ==, again_us);
    g_assert_cmpuint(fixture->n_forgotten, ==, 1);
    fixture->can_forget = TRUE;
    pass(fixture, again_us, FALSE);
    g_assert_cmpuint(fixture->n_forgotten, ==, 2);
    g_assert_cmpint(pass(fixture, again_us, FALSE), ==, TIMERS_NEVER);
}

static void test_without_a_store(void)
{
    Journal journal = journal_of(NULL, "vienna", START_US);
    g_assert_cmpint(journal_note(&journal, START_US), ==, TIMERS_NEVER);
    journal_tidy(&journal, G_TIME_SPAN_DAY);
}

#define ADD(name, fn) g_test_add("/journal/" name, Fixture, NULL, set_up, fn, tear_down)

int main(int argc, char **argv)
{
    log_init("test-journal");
    g_test_init(&argc, &argv, NULL);
    ADD("only-what-was-written", test_only_what_was_written);
    ADD("when-it-is-calm", test_when_it_is_calm);
    ADD("under-load", test_under_load);
    ADD("what-fails-is-tried-again", test_what_fails_is_tried_again);
    g_test_add_func("/journal/without-a-store", test_without_a_store);
    return g_test_run();
}
