// SPDX-License-Identifier: Apache-2.0

#include "tools/bench/durability.h"

#include "tools/bench/load.h"
#include "tools/bench/request.h"
#include "tools/qkdnf/description.h"
#include "tools/qkdnf/json-read.h"
#include "tools/qkdnf/stage.h"

#include <sqlite3.h>

// Of what a run asks for at low load, so much more is asked for under load and committed bare.
#define LOAD_FACTOR 10
#define ROW_BYTES   400

#define N_STORES 2

// By StoreSync; figures of a run, and of all runs their median.
static const char *const figures[] = {"commits_per_s", "requests_per_s", "loaded_p50_us", "p50_us"};

// --- bare SQLite ---------------------------------------------------------------------------------

static gboolean run_sql(sqlite3 *db, const char *sql, GError **error)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK)
        return TRUE;
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "SQLite: %s", sqlite3_errmsg(db));
    return FALSE;
}

// One row a commit, as a process does that has one thing to promise.
static gint64 commit_all(sqlite3 *db, guint n_commits, GError **error)
{
    g_autofree char *insert =
        g_strdup_printf("INSERT INTO t (value) VALUES (randomblob(%d))", ROW_BYTES);
    gint64 start_us = g_get_monotonic_time();
    for (guint i = 0; i < n_commits; i++) {
        if (!run_sql(db, insert, error))
            return 0;
    }
    gint64 took_us = MAX(1, g_get_monotonic_time() - start_us);
    return n_commits * G_USEC_PER_SEC / took_us;
}

static gint64 measure_commits(const char *dir, StoreSync sync, guint n_commits, GError **error)
{
    g_autofree char *path = g_build_filename(dir, "bare.db", NULL);
    g_autofree char *prepare = g_strdup_printf(
        "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = %s;"
        "CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, value BLOB); DELETE FROM t",
        store_sync_names[sync]);
    sqlite3 *db = NULL;
    gint64 per_s = 0;
    if (sqlite3_open(path, &db) == SQLITE_OK && run_sql(db, prepare, error))
        per_s = commit_all(db, n_commits, error);
    sqlite3_close(db);
    return per_s;
}

// --- one store -----------------------------------------------------------------------------------

static gint64 p50_of(const json_t *result)
{
    g_autoptr(Samples) samples = samples_new();
    const json_t *durations = json_object_get(result, "durations_us");
    for (gsize i = 0; i < json_array_size(durations); i++)
        samples_add(samples, json_integer_value(json_array_get(durations, i)));
    return samples_quantile(samples, 0.5);
}

static json_t *measure_run(const char *dir, const json_t *pair, const BenchSettings *settings,
                           StoreSync sync, GError **error)
{
    guint n_many = LOAD_FACTOR * (guint)settings->n_rounds;
    gint64 commits_per_s = measure_commits(dir, sync, n_many, error);
    RequestMeasure low = {dir, pair, (guint)settings->n_rounds, (guint)settings->gap_us};
    json_t *at_low_load = commits_per_s > 0 ? in_child(request_measure, &low, error) : NULL;
    LoadMeasure high = {dir, pair, n_many, FALSE};
    json_t *run = at_low_load ? in_child(load_measure, &high, error) : NULL;
    if (run) {
        json_object_set_new(run, "commits_per_s", json_integer(commits_per_s));
        json_object_set_new(run, "p50_us", json_integer(p50_of(at_low_load)));
    }
    json_decref(at_low_load);
    return run;
}

// --- both ----------------------------------------------------------------------------------------

static void add_medians(json_t *store)
{
    for (gsize i = 0; i < G_N_ELEMENTS(figures); i++)
        json_object_set_new(store, figures[i],
                            json_integer(bench_median(json_object_get(store, "runs"), figures[i])));
}

static json_t *ratios(const json_t *stores)
{
    json_t *found = json_object();
    for (gsize i = 0; i < G_N_ELEMENTS(figures); i++) {
        const json_t *full = json_object_get(json_array_get(stores, STORE_SYNC_FULL), "runs");
        const json_t *off = json_object_get(json_array_get(stores, STORE_SYNC_OFF), "runs");
        json_object_set_new(found, figures[i],
                            json_real(bench_median_ratio(full, figures[i], off, figures[i])));
    }
    return found;
}

// By turns, so that what else the machine does meets both alike.
static gboolean measure_in_turns(const char *const dirs[N_STORES], const json_t *pair,
                                 const BenchSettings *settings, json_t *stores, GError **error)
{
    for (guint64 i = 0; i < settings->n_runs * N_STORES; i++) {
        StoreSync sync = (StoreSync)(i % N_STORES);
        json_t *run = measure_run(dirs[sync], pair, settings, sync, error);
        if (!run)
            return FALSE;
        json_array_append_new(json_object_get(json_array_get(stores, sync), "runs"), run);
    }
    return TRUE;
}

static json_t *measure_both(const char *const dirs[N_STORES], const BenchSettings *settings,
                            GError **error)
{
    json_t *pairs = in_child(request_find_pairs, (gpointer)dirs[STORE_SYNC_FULL], error);
    if (!pairs)
        return NULL;
    json_t *pair = request_choose_pair(pairs);
    json_t *report = bench_report_new("durability", settings);
    json_t *stores = json_array();
    for (guint sync = 0; sync < N_STORES; sync++)
        json_array_append_new(
            stores, json_pack("{s:s, s:[]}", "synchronous", store_sync_names[sync], "runs"));
    json_object_set(report, "pair", pair);
    json_object_set_new(report, "stores", stores);
    gboolean done = measure_in_turns(dirs, pair, settings, stores, error);
    json_decref(pairs);
    for (guint sync = 0; sync < N_STORES; sync++)
        add_medians(json_array_get(stores, sync));
    json_object_set_new(report, "full_over_off", ratios(stores));
    if (done)
        return report;
    json_decref(report);
    return NULL;
}

// --- two federations, one within the other -------------------------------------------------------

typedef struct {
    const char *file;
    const BenchSettings *settings;
    DurabilityDoneFn done;
    gpointer data;
    const char *dirs[N_STORES];
} Course;

static int act_on_both(gpointer data, const char *dir)
{
    Course *course = data;
    g_autoptr(GError) error = NULL;
    course->dirs[STORE_SYNC_OFF] = dir;
    json_t *report = measure_both(course->dirs, course->settings, &error);
    return course->done(course->data, report, error);
}

// The same description, but for its store; what is wrong with it has been said by now.
static gboolean write_unsynced(const char *file, const char *path, GError **error)
{
    g_autoptr(Settings) settings = settings_load(&description_table, file);
    if (!settings_finish(settings, error))
        return FALSE;
    Description *description = settings_root(settings);
    description->store_synchronous = STORE_SYNC_OFF;
    g_autofree char *text = settings_format(&description_table, description);
    return g_file_set_contents(path, text, -1, error);
}

static int act_on_first(gpointer data, const char *dir)
{
    Course *course = data;
    g_autoptr(GError) error = NULL;
    g_autofree char *path = g_build_filename(dir, "unsynced.yaml", NULL);
    course->dirs[STORE_SYNC_FULL] = dir;
    const Play play = {"bench", path, STAGE_REMOVE, act_on_both, course};
    int code = write_unsynced(course->file, path, &error) ? stage_run(&play, &error) : -1;
    return code >= 0 ? code : course->done(course->data, NULL, error);
}

int durability_run(const char *file, const BenchSettings *settings, DurabilityDoneFn done,
                   gpointer data, GError **error)
{
    Course course = {.file = file, .settings = settings, .done = done, .data = data};
    const Play play = {"bench", file, STAGE_REMOVE, act_on_first, &course};
    return stage_run(&play, error);
}

// --- for people ----------------------------------------------------------------------------------

char *durability_format_table(const json_t *report)
{
    static const char *const names[] = {"bare SQLite, commits/s", "64 at a time, requests/s",
                                        "64 at a time, p50 us", "one at a time, p50 us"};
    const json_t *stores = json_object_get(report, "stores");
    const json_t *found = json_object_get(report, "full_over_off");
    GString *table = g_string_new(NULL);
    bench_format_head(table, report);
    g_string_append_printf(table, "%-44s%10s%10s%12s\n", "synchronous", "full", "off", "full/off");
    for (gsize i = 0; i < G_N_ELEMENTS(figures); i++) {
        g_string_append_printf(table, "%-44s", names[i]);
        for (guint sync = 0; sync < N_STORES; sync++)
            g_string_append_printf(table, "%10" G_GINT64_FORMAT,
                                   json_read_integer(json_array_get(stores, sync), figures[i]));
        g_string_append_printf(table, "%12.2f\n",
                               json_number_value(json_object_get(found, figures[i])));
    }
    return g_string_free(table, FALSE);
}
