// SPDX-License-Identifier: Apache-2.0

#include "tools/bench/handover.h"

#include "tools/bench/request.h"
#include "tools/qkdnf/consumer.h"
#include "tools/qkdnf/exchange.h"
#include "tools/qkdnf/json-read.h"

#include <string.h>

#define PACE_US    (20 * G_TIME_SPAN_MILLISECOND)
#define KEY_BITS   256
#define BUFFER     64
#define TIMEOUT_MS 15000

#define LATE_US G_TIME_SPAN_SECOND

#define ROUNDS_A_HANDOVER 10
// A platform lets no application move much more often in so short a time.
#define HANDOVERS_MAX 24

// Until the session is filled, and between two handovers.
#define FILL_US (2 * G_TIME_SPAN_SECOND)
#define CALM_US (100 * G_TIME_SPAN_MILLISECOND)

// The phases of a handover, and beside them the slowest call in its time.
enum { PREPARED, SWITCHED, RELEASED, SLOWEST, N_FIGURES };
static const char *const figures[] = {"prepared", "switched", "released", "slowest_get_key"};

typedef struct {
    const char *dir;
    guint n_handovers;
    json_t *federation;
    const char *sae, *target, *home, *visited;
    struct qkdnf *application;
    char *session; // NULL: none is open
    Consumer *consumer;
    gint64 asked_us;
    gint64 reached_us[N_FIGURES];
    Samples *samples[N_FIGURES];
    guint n_late;
} Course;

static gboolean fail(GError **error, const char *what, const char *why)
{
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "%s: %s", what, why);
    return FALSE;
}

// --- one handover --------------------------------------------------------------------------------

static void on_phase(void *data, const struct qkdnf_handover_state *state)
{
    Course *course = data;
    gint64 since_us = g_get_monotonic_time() - course->asked_us;
    if (state->phase == QKDNF_HANDOVER_SWITCHED)
        course->reached_us[SWITCHED] = since_us;
    if (state->phase == QKDNF_HANDOVER_RELEASED)
        course->reached_us[RELEASED] = since_us;
    if (state->phase != QKDNF_HANDOVER_PREPARED)
        return;
    course->reached_us[PREPARED] = since_us;
    consumer_move(course->consumer, state->kme_url, *state->kme_id ? state->kme_id : NULL);
}

static gboolean hand_over(Course *course, const char *to, GError **error)
{
    struct qkdnf_handover handover = {.provider = to, .timeout_ms = TIMEOUT_MS};
    consumer_take_slowest(course->consumer);
    course->asked_us = g_get_monotonic_time();
    struct qkdnf_handover_state *state =
        qkdnf_handover_wait(course->application, &handover, NULL, on_phase, course);
    gboolean done = state->phase == QKDNF_HANDOVER_RELEASED;
    if (!done)
        fail(error, qkdnf_handover_phase_name(state->phase), state->text);
    qkdnf_handover_state_free(state);
    g_usleep(CALM_US);
    course->reached_us[SLOWEST] = consumer_take_slowest(course->consumer);
    return done;
}

static gboolean measure_one(Course *course, const char *to, GError **error)
{
    if (!hand_over(course, to, error))
        return FALSE;
    for (guint i = 0; i < N_FIGURES; i++)
        samples_add(course->samples[i], course->reached_us[i]);
    course->n_late += course->reached_us[SLOWEST] > LATE_US;
    return TRUE;
}

// --- who moves where -----------------------------------------------------------------------------

static gboolean open_session(Course *course)
{
    const struct qkdnf_session_request request = {
        .targets = &course->target,
        .n_targets = 1,
        .qos = {.rate_bps = KEY_BITS * G_USEC_PER_SEC / PACE_US,
                .size_bits = KEY_BITS,
                .buffer = BUFFER},
    };
    struct qkdnf_sessions *sessions = qkdnf_session_open_wait(course->application, &request);
    if (sessions->status == QKDNF_OK && sessions->n_sessions == 1)
        course->session = g_strdup(sessions->sessions->id);
    qkdnf_sessions_free(sessions);
    if (course->session)
        g_usleep(FILL_US);
    return course->session != NULL;
}

static void stop(Course *course, ConsumerCount *ret_count)
{
    if (course->consumer)
        consumer_stop(course->consumer, ret_count);
    if (course->session)
        qkdnf_sessions_free(
            qkdnf_session_close_wait(course->application, course->session, TIMEOUT_MS));
    qkdnf_close(course->application);
    g_clear_pointer(&course->session, g_free);
    course->consumer = NULL;
    course->application = NULL;
}

// There and back once, as a rehearsal.
static gboolean try_visit(Course *course)
{
    course->application = request_join(course->dir, course->sae, NULL);
    if (course->application && open_session(course))
        course->consumer =
            consumer_start(course->federation, course->sae, course->target, PACE_US, NULL);
    if (course->consumer && hand_over(course, course->visited, NULL) &&
        hand_over(course, course->home, NULL))
        return TRUE;
    stop(course, NULL);
    return FALSE;
}

// The first application that is not of this provider.
static const char *find_target(const Course *course)
{
    const json_t *saes = json_object_get(course->federation, ACCESS_SAES);
    for (gsize i = 0; i < json_array_size(saes); i++) {
        const json_t *sae = json_array_get(saes, i);
        if (strcmp(json_read_text(sae, "qkdn"), course->home) != 0)
            return json_read_text(sae, "id");
    }
    return NULL;
}

static gboolean find_visit(Course *course)
{
    const json_t *saes = json_object_get(course->federation, ACCESS_SAES);
    const json_t *qkdns = json_object_get(course->federation, "qkdns");
    for (gsize i = 0; i < json_array_size(saes); i++) {
        course->sae = json_read_text(json_array_get(saes, i), "id");
        course->home = json_read_text(json_array_get(saes, i), "qkdn");
        course->target = find_target(course);
        for (gsize j = 0; course->target && j < json_array_size(qkdns); j++) {
            course->visited = json_read_text(json_array_get(qkdns, j), "id");
            if (strcmp(course->visited, course->home) != 0 && try_visit(course))
                return TRUE;
        }
    }
    return FALSE;
}

// --- all of them ---------------------------------------------------------------------------------

static json_t *course_to_json(const Course *course, const ConsumerCount *count)
{
    json_t *result = json_pack("{s:s, s:s, s:s, s:s}", "sae", course->sae, "target", course->target,
                               "home", course->home, "visited", course->visited);
    for (guint i = 0; i < N_FIGURES; i++)
        json_object_set_new(result, figures[i], samples_to_json(course->samples[i]));
    json_t *keys = json_pack("{s:i, s:i, s:i, s:i}", "keys", (int)count->n_keys, "n_missing",
                             (int)count->n_failed, "n_wrong", (int)count->n_wrong, "n_late",
                             (int)course->n_late);
    json_object_update(result, keys);
    json_decref(keys);
    return result;
}

static json_t *measure_all(Course *course, GError **error)
{
    gboolean done = TRUE;
    for (guint i = 0; done && i < course->n_handovers; i++)
        done = measure_one(course, i % 2 == 0 ? course->visited : course->home, error);
    g_auto(ConsumerCount) count = {0};
    stop(course, &count);
    return done ? course_to_json(course, &count) : NULL;
}

// In a child: the threads end with it.
static json_t *measure(gpointer data, InChild *self, GError **error)
{
    Course *course = data;
    course->federation = access_load(course->dir, error);
    if (!course->federation)
        return NULL;
    if (!find_visit(course)) {
        fail(error, "no handover", "no provider serves the users of another one");
        return NULL;
    }
    for (guint i = 0; i < N_FIGURES; i++)
        course->samples[i] = samples_new();
    return measure_all(course, error);
}

json_t *bench_handover(const char *dir, const BenchSettings *settings, GError **error)
{
    guint64 n_rounds = settings->n_rounds * settings->n_runs;
    guint64 n_handovers = CLAMP(n_rounds / ROUNDS_A_HANDOVER, 2, HANDOVERS_MAX);
    Course course = {.dir = dir, .n_handovers = (guint)n_handovers};
    json_t *result = in_child(measure, &course, error);
    if (!result)
        return NULL;
    json_t *report = bench_report_new("handover", settings);
    json_object_update(report, result);
    json_decref(result);
    return report;
}

// --- for people ----------------------------------------------------------------------------------

char *handover_format_table(const json_t *report)
{
    static const char *const names[] = {"asked until prepared", "asked until switched",
                                        "asked until released", "slowest get key meanwhile"};
    GString *table = g_string_new(NULL);
    bench_format_head(table, report);
    g_string_append_printf(table, "%s of %s to %s and back, %" G_GINT64_FORMAT " handovers\n",
                           json_read_text(report, "sae"), json_read_text(report, "home"),
                           json_read_text(report, "visited"),
                           json_read_integer(json_object_get(report, figures[0]), "n"));
    g_string_append_printf(table, "%-44s%10s%10s%10s\n", "", "p50 us", "p99 us", "max us");
    for (guint i = 0; i < N_FIGURES; i++) {
        const json_t *figure = json_object_get(report, figures[i]);
        g_string_append_printf(
            table, "%-44s%10" G_GINT64_FORMAT "%10" G_GINT64_FORMAT "%10" G_GINT64_FORMAT "\n",
            names[i], json_read_integer(figure, "p50_us"), json_read_integer(figure, "p99_us"),
            json_read_integer(figure, "max_us"));
    }
    g_string_append_printf(
        table,
        "keys: %" G_GINT64_FORMAT " equal, %" G_GINT64_FORMAT " missing, "
        "%" G_GINT64_FORMAT " different or doubled; handovers with a call of "
        "more than 1 s: %" G_GINT64_FORMAT "\n",
        json_read_integer(report, "keys"), json_read_integer(report, "n_missing"),
        json_read_integer(report, "n_wrong"), json_read_integer(report, "n_late"));
    return g_string_free(table, FALSE);
}
