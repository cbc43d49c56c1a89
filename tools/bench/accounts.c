// SPDX-License-Identifier: Apache-2.0

#include "tools/bench/accounts.h"

#include "platform/settle.h"
#include "tools/bench/accounts-done.h"
#include "tools/bench/cpu.h"
#include "tools/bench/in-child.h"
#include "tools/bench/rig.h"
#include "tools/qkdnf/json-read.h"
#include "topics/base/store-sqlite.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define REQUESTS_A_PASS 50
#define ANSWERS_A_PASS  10
// Of so many batches the buyer disputes one.
#define BATCHES_A_DISPUTE 50

// 2026-01-01 UTC.
#define START_US (G_GINT64_CONSTANT(1767225600) * G_USEC_PER_SEC)

static const char *const figures[] = {
    "take_us",        "take_cpu_us", "close_us",   "close_cpu_us", "longest_us",
    "longest_cpu_us", "check_us",    "forget_us",  "restart_us",   "record_bytes",
    "bytes",          "store_bytes", "peak_bytes",
};
// And a second.
static const char *const rates[] = {"taken_per_s", "closed_per_s"};

static FederationPrice price = {
    .micro_per_key = 1370000, .micro_per_bit = 1700, .micro_per_second = 2500000};
static FederationBand night = {.from_minute = 1320, .to_minute = 360, .basis_points = 7000};
static FederationStep step = {.from_bits = 1000000, .basis_points = 9000};
static gpointer prices[] = {&price}, bands[] = {&night}, steps[] = {&step};
static GPtrArray of_prices = {prices, 1}, of_bands = {bands, 1}, of_steps = {steps, 1};
static FederationTariff tariff = {.seller = (char *)"all",
                                  .currency = (char *)"EUR",
                                  .decimals = 2,
                                  .prices = &of_prices,
                                  .bands = &of_bands,
                                  .steps = &of_steps};
static gpointer standing[] = {&tariff};
static GPtrArray tariffs = {standing, 1}, members = {NULL, 0};
static const FederationConfig config = {
    .id = (char *)"platform",
    .members = &members,
    .accounts = {.currency = (char *)"EUR", .decimals = 2, .tariffs = &tariffs},
};

typedef struct {
    guint n_records;
    const char *path;
    Store *store;
    Federation *federation;
    gint64 longest_us, longest_cpu_us; // of the passes since they were set to 0
    guint n_passes;
    guint n_answers, n_disputes;
} Bench;

static void fill(gpointer data, guint8 *ret_bytes, gsize n_bytes)
{
    memset(ret_bytes, 7, n_bytes);
}

static const Random fixed = {fill, NULL};

static gboolean open_federation(Bench *bench, GError **error)
{
    bench->store = store_open_sqlite(bench->path, "bench", STORE_SYNC_FULL, error);
    bench->federation =
        bench->store ? federation_new(&config, bench->store, &fixed, START_US, error) : NULL;
    return bench->federation != NULL;
}

static void close_federation(Bench *bench)
{
    g_clear_pointer(&bench->federation, federation_free);
    g_clear_pointer(&bench->store, store_free);
}

static void publish(gpointer data, const Publish *one) {}

typedef struct {
    gint64 wall_us, cpu_us;
} Time;

static Time time_now(void)
{
    return (Time){g_get_monotonic_time(), cpu_self_us()};
}

// As the daemon does: durable, then said.
static gboolean end_pass(Bench *bench, const Time *start, GError **error)
{
    if (!store_commit(bench->store, error))
        return FALSE;
    outbox_flush(federation_outbox(bench->federation), bench->federation->now, publish, NULL);
    Time end = time_now();
    bench->longest_us = MAX(bench->longest_us, end.wall_us - start->wall_us);
    bench->longest_cpu_us = MAX(bench->longest_cpu_us, end.cpu_us - start->cpu_us);
    bench->n_passes++;
    return TRUE;
}

// --- what is done --------------------------------------------------------------------------------

static gboolean take(Bench *bench, GError **error)
{
    Federation *federation = bench->federation;
    Time start = time_now();
    for (guint i = 0; i < bench->n_records / RECORDS_OF_REQUEST; i++) {
        federation->now += G_TIME_SPAN_MILLISECOND;
        accounts_do_request(federation, i);
        if (i % REQUESTS_A_PASS == 0 && !end_pass(bench, &start, error))
            return FALSE;
    }
    return end_pass(bench, &start, error);
}

static gboolean close_period(Bench *bench, GError **error)
{
    Federation *federation = bench->federation;
    Time start = time_now();
    bench->longest_us = bench->longest_cpu_us = 0;
    bench->n_passes = 0;
    settle_close(federation);
    while (end_pass(bench, &start, error)) {
        if (!settle_is_closing(federation->accounts))
            return TRUE;
        start = time_now();
        federation_tick(federation, federation->now + 1);
    }
    return FALSE;
}

// --- what the parties say ------------------------------------------------------------------------

// As an agent that has all batches before it.
static const char *find_fault(const Series *series, const WireStatement *statement)
{
    ProtobufCBinaryData none = {0};
    const Platform__State__Batch *last = series_find_batch(series, statement->sequence - 1);
    return statement_find_fault(statement, statement->sequence,
                                last ? &last->statement->digest : &none);
}

static void say(Bench *bench, const char *party, const WireStatement *statement, const char *fault)
{
    WireDispute dispute = WIRE_DISPUTE_INIT;
    dispute.seller = statement->seller;
    dispute.buyer = statement->buyer;
    dispute.sequence = statement->sequence;
    dispute.status = fault ? QKDNF__V1__STATUS__STATUS_BAD_REQUEST : QKDNF__V1__STATUS__STATUS_OK;
    dispute.text = (char *)(fault ? fault : "");
    settle_on_dispute(bench->federation, &(Sender){party, ROLE_AGENT, 1}, &dispute);
}

static gboolean answer(Bench *bench, const Series *series, guint64 sequence, GError **error)
{
    const WireStatement *statement = series_find_batch(series, sequence)->statement;
    const char *const parties[] = {series->seller, series->buyer};
    for (guint i = 0; i < G_N_ELEMENTS(parties); i++) {
        const char *fault = find_fault(series, statement);
        if (fault) {
            g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "%s finds in a batch that %s",
                        parties[i], fault);
            return FALSE;
        }
        gboolean is_disputed = i == 1 && ++bench->n_answers % BATCHES_A_DISPUTE == 0;
        bench->n_disputes += is_disputed;
        say(bench, parties[i], statement, is_disputed ? "it is not what was metered" : NULL);
        // A dispute packs the batch anew.
        statement = series_find_batch(series, sequence)->statement;
    }
    Time start = time_now();
    return sequence % ANSWERS_A_PASS != 0 || end_pass(bench, &start, error);
}

static gboolean acknowledge(Bench *bench, GError **error)
{
    GTree *all = bench->federation->accounts->series;
    for (GTreeNode *node = g_tree_node_first(all); node; node = g_tree_node_next(node)) {
        const Series *series = g_tree_node_value(node);
        for (guint64 sequence = 1; sequence <= series->sequence; sequence++) {
            if (!answer(bench, series, sequence, error))
                return FALSE;
        }
    }
    Time start = time_now();
    return end_pass(bench, &start, error);
}

// --- whether it is right -------------------------------------------------------------------------

static gboolean check(const Bench *bench, guint *ret_n_batches, GError **error)
{
    GTree *all = bench->federation->accounts->series;
    const WireNetting *netting = g_queue_peek_head(&bench->federation->accounts->nettings);
    guint64 n_records = 0;
    gint64 sum = 0, owed = 0;
    *ret_n_batches = 0;
    for (GTreeNode *node = g_tree_node_first(all); node; node = g_tree_node_next(node)) {
        const GPtrArray *batches = ((const Series *)g_tree_node_value(node))->batches;
        for (guint i = 0; i < batches->len; i++)
            n_records += ((Platform__State__Batch *)batches->pdata[i])->statement->n_records;
        *ret_n_batches += batches->len;
    }
    for (gsize i = 0; i < netting->n_positions; i++) {
        sum += netting->positions[i]->amount;
        owed += ABS(netting->positions[i]->amount);
    }
    guint64 expected = bench->n_records / RECORDS_OF_REQUEST * (RECORDS_OF_REQUEST - 1);
    if (n_records == expected && sum == 0 && owed > 0)
        return TRUE;
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED,
                "%" G_GUINT64_FORMAT " records are in batches, expected %" G_GUINT64_FORMAT
                "; the netting sums up to %" G_GINT64_FORMAT,
                n_records, expected, sum);
    return FALSE;
}

// --- one number of records -----------------------------------------------------------------------

static void add_time(json_t *row, const char *name, const Time *since)
{
    Time now = time_now();
    g_autofree char *wall = g_strdup_printf("%s_us", name);
    g_autofree char *cpu = g_strdup_printf("%s_cpu_us", name);
    json_object_set_new(row, wall, json_integer(now.wall_us - since->wall_us));
    json_object_set_new(row, cpu, json_integer(now.cpu_us - since->cpu_us));
}

static void add_number(json_t *row, const char *name, gint64 number)
{
    json_object_set_new(row, name, json_integer(number));
}

static gint64 peak_bytes(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss * G_GINT64_CONSTANT(1024);
}

static void add_rate(json_t *row, const char *name, guint n_records, const char *of)
{
    gint64 us = MAX(json_read_integer(row, of), 1);
    add_number(row, name, (gint64)n_records * G_USEC_PER_SEC / us);
}

static gint64 file_bytes(const char *path)
{
    struct stat file;
    return stat(path, &file) == 0 ? file.st_size : 0;
}

// Its journal, too.
static gint64 store_bytes(const char *path)
{
    g_autofree char *journal = g_strconcat(path, "-wal", NULL);
    return file_bytes(path) + file_bytes(journal);
}

static gboolean measure_taking(Bench *bench, json_t *row, GError **error)
{
    gsize before = rig_n_bytes();
    Time start = time_now();
    if (!take(bench, error))
        return FALSE;
    add_time(row, "take", &start);
    add_number(row, "record_bytes", (gint64)((rig_n_bytes() - before) / bench->n_records));
    start = time_now();
    if (!close_period(bench, error))
        return FALSE;
    add_time(row, "close", &start);
    add_rate(row, "taken_per_s", bench->n_records, "take_us");
    add_rate(row, "closed_per_s", bench->n_records, "close_us");
    add_number(row, "longest_us", bench->longest_us);
    add_number(row, "longest_cpu_us", bench->longest_cpu_us);
    add_number(row, "store_bytes", store_bytes(bench->path));
    add_number(row, "passes", bench->n_passes);
    add_number(row, "bytes", (gint64)(rig_n_bytes() - before));
    return TRUE;
}

static gboolean measure_rest(Bench *bench, json_t *row, GError **error)
{
    guint n_batches = 0;
    close_federation(bench);
    Time start = time_now();
    if (!open_federation(bench, error))
        return FALSE;
    add_time(row, "restart", &start);
    if (!check(bench, &n_batches, error))
        return FALSE;
    start = time_now();
    if (!acknowledge(bench, error))
        return FALSE;
    add_time(row, "check", &start);
    add_number(row, "batches", n_batches);
    add_number(row, "disputes", bench->n_disputes);
    start = time_now();
    if (!close_period(bench, error))
        return FALSE;
    add_time(row, "forget", &start);
    add_number(row, "peak_bytes", peak_bytes());
    return TRUE;
}

// In a child, whose memory holds nothing else.
static json_t *measure_case(gpointer data, InChild *self, GError **error)
{
    Bench *bench = data;
    json_auto_t *row = json_pack("{s:i}", "records", (int)bench->n_records);
    gboolean is_done = open_federation(bench, error) && measure_taking(bench, row, error) &&
                       measure_rest(bench, row, error);
    close_federation(bench);
    return is_done ? g_steal_pointer(&row) : NULL;
}

static gboolean add_case(json_t *rows, guint n_records, const char *path, GError **error)
{
    Bench bench = {.n_records = n_records, .path = path};
    remove(path);
    json_t *row = in_child(measure_case, &bench, error);
    return row && json_array_append_new(rows, row) == 0;
}

// --- all of them ---------------------------------------------------------------------------------

static gboolean measure_all(json_t *rows, guint64 n_records, const char *path, GError **error)
{
    for (guint64 part = 100; part > 0; part /= 10) {
        if (!add_case(rows, (guint)MAX(n_records / part, RECORDS_OF_REQUEST), path, error))
            return FALSE;
    }
    return TRUE;
}

json_t *bench_accounts(const BenchSettings *settings, GError **error)
{
    g_autofree char *dir = g_dir_make_tmp("qkdnf-bench-XXXXXX", error);
    if (!dir)
        return NULL;
    g_autofree char *path = g_build_filename(dir, "platform.db", NULL);
    // Each row is one federation's.
    BenchSettings once = *settings;
    once.n_rounds = once.n_runs = 1;
    json_auto_t *report = bench_report_new("accounts", &once);
    json_t *rows = json_array(), *exponents = json_object();
    json_object_set_new(report, "rows", rows);
    json_object_set_new(report, "exponents", exponents);
    gboolean is_done = measure_all(rows, settings->n_records, path, error);
    remove(path);
    rmdir(dir);
    for (gsize i = 0; i < G_N_ELEMENTS(figures); i++)
        json_object_set_new(exponents, figures[i],
                            json_real(bench_exponent(rows, "records", figures[i])));
    return is_done ? g_steal_pointer(&report) : NULL;
}

// --- for people ----------------------------------------------------------------------------------

static void format_rates(GString *table, const json_t *rows)
{
    g_string_append_c(table, '\n');
    for (gsize i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        g_string_append_printf(table, "%10" G_GINT64_FORMAT, json_read_integer(row, "records"));
        for (gsize j = 0; j < G_N_ELEMENTS(rates); j++)
            g_string_append_printf(table, "%14" G_GINT64_FORMAT " %s",
                                   json_read_integer(row, rates[j]), rates[j]);
        g_string_append_c(table, '\n');
    }
}

char *accounts_format_table(const json_t *report)
{
    const json_t *rows = json_object_get(report, "rows");
    const json_t *exponents = json_object_get(report, "exponents");
    GString *table = g_string_new(NULL);
    bench_format_head(table, report);
    g_string_append_printf(table, "%10s", "records");
    for (gsize i = 0; i < G_N_ELEMENTS(figures); i++)
        g_string_append_printf(table, "%15s", figures[i]);
    g_string_append_c(table, '\n');
    for (gsize i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        g_string_append_printf(table, "%10" G_GINT64_FORMAT, json_read_integer(row, "records"));
        for (gsize j = 0; j < G_N_ELEMENTS(figures); j++)
            g_string_append_printf(table, "%15" G_GINT64_FORMAT,
                                   json_read_integer(row, figures[j]));
        g_string_append_c(table, '\n');
    }
    g_string_append_printf(table, "%10s", "records ^");
    for (gsize i = 0; i < G_N_ELEMENTS(figures); i++)
        g_string_append_printf(table, "%15.2f",
                               json_number_value(json_object_get(exponents, figures[i])));
    format_rates(table, rows);
    g_string_append(
        table,
        "\nTime to take records in and reconcile them, to rate and batch them "
        "(and the longest pass of that),\nto forget them once both parties have "
        "their batches, and to start with all of it; to check batches\nas both parties do, and "
        "take what they say, some of it disputes.\n");
    return g_string_free(table, FALSE);
}
