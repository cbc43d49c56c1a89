// SPDX-License-Identifier: Apache-2.0
//
// A session that outlives what happens on its way.

#include "tools/qkdnf/consumer.h"
#include "tools/qkdnf/demo-core.h"
#include "tools/qkdnf/json-read.h"

#include <signal.h>
#include <string.h>

#define RATE_BPS  2560
#define SIZE_BITS 256
#define WAIT_US   (15 * G_USEC_PER_SEC)
#define POLL_US   (50 * G_TIME_SPAN_MILLISECOND)

// That it goes on is seen for this long after each thing that happens.
#define CALM_US (1 * G_USEC_PER_SEC)

typedef struct {
    Demo *demo;
    const char *from, *to;
    struct qkdnf *application; // `from`, on the bus
    char id[37];
    Consumer *consumer;
    json_t *events;
} Act;

// --- what is known of it -------------------------------------------------------------------------

static struct qkdnf_sessions *learn(const Act *act)
{
    return qkdnf_session_list_wait(act->application, act->id, 0);
}

static GStrv copy_path(const struct qkdnf_sessions *sessions)
{
    g_autoptr(GStrvBuilder) path = g_strv_builder_new();
    const struct qkdnf_session *session = sessions->n_sessions > 0 ? sessions->sessions : NULL;
    for (gsize i = 0; session && session->n_paths > 0 && i < session->paths[0].n_providers; i++)
        g_strv_builder_add(path, session->paths[0].providers[i]);
    return g_strv_builder_end(path);
}

// The providers that its keys cross now, first to last.
static GStrv learn_path(const Act *act)
{
    struct qkdnf_sessions *sessions = learn(act);
    GStrv path = copy_path(sessions);
    qkdnf_sessions_free(sessions);
    return path;
}

typedef gboolean (*ConditionFn)(const Act *act, gconstpointer data);

static gboolean wait_for(const Act *act, ConditionFn is_so, gconstpointer data)
{
    gint64 start_us = g_get_monotonic_time();
    while (!is_so(act, data)) {
        if (g_get_monotonic_time() - start_us > WAIT_US)
            return FALSE;
        g_usleep(POLL_US);
    }
    return TRUE;
}

static gboolean is_active(const Act *act, gconstpointer data)
{
    struct qkdnf_sessions *sessions = learn(act);
    gboolean is_so = sessions->n_sessions > 0 && sessions->sessions->phase == QKDNF_SESSION_ACTIVE;
    qkdnf_sessions_free(sessions);
    return is_so;
}

// What is not there for a while: all borders between two providers, or a provider (`b` is NULL).
typedef struct {
    const char *a, *b;
} Cut;

static gboolean crosses(const GStrv path, const Cut *cut)
{
    for (guint i = 0; path[i]; i++) {
        gboolean is_a = strcmp(path[i], cut->a) == 0, is_b = g_strcmp0(path[i], cut->b) == 0;
        const char *next = path[i + 1] ? path[i + 1] : "";
        if ((!cut->b && is_a) || (is_a && g_strcmp0(next, cut->b) == 0) ||
            (is_b && strcmp(next, cut->a) == 0))
            return TRUE;
    }
    return FALSE;
}

static gboolean goes_around(const Act *act, gconstpointer cut)
{
    g_auto(GStrv) path = learn_path(act);
    return path[0] && !crosses(path, cut);
}

// Whether another way is left, by the topology.
static gboolean can_go_around(const json_t *topology, const GStrv path, const Cut *cut)
{
    g_autoptr(GHashTable) reached = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GPtrArray) queue = g_ptr_array_new();
    const json_t *links = json_object_get(topology, "border_links");
    g_ptr_array_add(queue, path[0]);
    g_hash_table_add(reached, path[0]);
    for (guint next = 0; next < queue->len; next++) {
        for (gsize i = 0; i < 2 * json_array_size(links); i++) {
            const json_t *ends = json_object_get(json_array_get(links, i / 2), "ends");
            const char *here = json_read_text(json_array_get(ends, i % 2), "provider");
            const char *there = json_read_text(json_array_get(ends, 1 - i % 2), "provider");
            char *way[] = {(char *)here, (char *)there, NULL};
            if (strcmp(here, queue->pdata[next]) == 0 && !crosses(way, cut) &&
                g_hash_table_add(reached, (gpointer)there))
                g_ptr_array_add(queue, (gpointer)there);
        }
    }
    return g_hash_table_contains(reached, path[g_strv_length(path) - 1]);
}

// --- what happens --------------------------------------------------------------------------------

static void remember(const Act *act, const char *what, const char *subject, const char *old_place,
                     const char *new_place)
{
    g_usleep(CALM_US);
    double slowest_ms = (double)consumer_take_slowest(act->consumer) / 1000;
    json_array_append_new(act->events, json_pack("{s:s, s:s, s:s, s:s, s:f}", "what", what,
                                                 "subject", subject, "old", old_place, "new",
                                                 new_place, "slowest_get_key_ms", slowest_ms));
    demo_tell(act->demo, "  %s %s: %s, now %s; the slowest get key took %.0f ms", what, subject,
              old_place, new_place, slowest_ms);
}

static void judge_detour(const Act *act, const char *what, const char *subject, const GStrv path,
                         const Cut *cut)
{
    gboolean is_around = wait_for(act, goes_around, cut);
    g_auto(GStrv) now = learn_path(act);
    g_autofree char *old_way = g_strjoinv(" → ", path);
    g_autofree char *new_way = g_strjoinv(" → ", now);
    if (is_around)
        remember(act, what, subject, old_way, new_way);
    else
        demo_complain(act->demo, "%s %s: the session still goes over %s", what, subject, new_way);
}

static void show_cut(const Act *act, const char *link, const GStrv path, const Cut *cut)
{
    if (!demo_drill(act->demo, "inject", cut->a, link))
        return;
    judge_detour(act, "border cut", link, path, cut);
    demo_drill(act->demo, "clear", cut->a, link);
}

static void cut_a_border(const Act *act, const json_t *topology)
{
    g_auto(GStrv) path = learn_path(act);
    const json_t *links = json_object_get(topology, "border_links");
    for (guint i = 0; path[0] && path[i + 1]; i++) {
        Cut cut = {path[i], path[i + 1]};
        for (gsize j = 0; can_go_around(topology, path, &cut) && j < json_array_size(links); j++) {
            const json_t *link = json_array_get(links, j);
            if (demo_links_providers(link, cut.a, cut.b)) {
                show_cut(act, json_read_text(link, "id"), path, &cut);
                return;
            }
        }
    }
    demo_tell(act->demo, "  no border of its way can be gone around: none is cut");
}

static pid_t pid_of(const Act *act, const char *provider)
{
    json_t *federation = access_load(act->demo->dir, NULL);
    pid_t pid = 0;
    gsize i;
    json_t *qkdn;
    json_array_foreach(json_object_get(federation, "qkdns"), i, qkdn)
    {
        if (strcmp(json_read_text(qkdn, "id"), provider) == 0)
            pid = (pid_t)json_read_integer(qkdn, "pid");
    }
    json_decref(federation);
    return pid;
}

// What was killed is started again by `qkdnf up`.
typedef struct {
    const char *provider;
    pid_t pid;
} Victim;

static gboolean is_back(const Act *act, gconstpointer data)
{
    const Victim *victim = data;
    pid_t pid = pid_of(act, victim->provider);
    return pid > 0 && pid != victim->pid;
}

static void kill_a_provider(const Act *act, const json_t *topology)
{
    g_auto(GStrv) path = learn_path(act);
    for (guint i = 1; path[0] && path[i] && path[i + 1]; i++) {
        Cut cut = {path[i], NULL};
        Victim victim = {cut.a, can_go_around(topology, path, &cut) ? pid_of(act, cut.a) : 0};
        if (victim.pid > 0 && kill(victim.pid, SIGKILL) == 0) {
            judge_detour(act, "provider killed", cut.a, path, &cut);
            wait_for(act, is_back, &victim);
            return;
        }
    }
    demo_tell(act->demo, "  no provider of its way can be gone around: none is killed");
}

// --- handover ------------------------------------------------------------------------------------

static void on_phase(void *data, const struct qkdnf_handover_state *state)
{
    const Act *act = data;
    if (state->phase == QKDNF_HANDOVER_PREPARED)
        consumer_move(act->consumer, state->kme_url, *state->kme_id ? state->kme_id : NULL);
}

static gboolean is_home(const Act *act, const char *provider)
{
    const json_t *user = exchange_find_sae(act->demo->federation, act->from, NULL);
    return strcmp(json_read_text(user, "qkdn"), provider) == 0;
}

// FALSE when it was refused.
static gboolean hand_over(Act *act, const char *from, const char *to)
{
    struct qkdnf_handover handover = {.provider = to, .timeout_ms = 15000};
    struct qkdnf_handover_state *state =
        qkdnf_handover_wait(act->application, &handover, NULL, on_phase, act);
    gboolean is_refused = state->phase == QKDNF_HANDOVER_REFUSED;
    if (state->phase == QKDNF_HANDOVER_RELEASED)
        remember(act, "handover", act->from, from, to);
    else if (!is_refused || is_home(act, to))
        demo_complain(act->demo, "handover of %s to %s: %s: %s", act->from, to,
                      qkdnf_handover_phase_name(state->phase), state->text);
    qkdnf_handover_state_free(state);
    return !is_refused;
}

static void move_there_and_back(Act *act)
{
    const json_t *qkdns = json_object_get(act->demo->federation, "qkdns");
    const char *home = "";
    for (gsize i = 0; i < json_array_size(qkdns); i++) {
        const char *provider = json_read_text(json_array_get(qkdns, i), "id");
        home = is_home(act, provider) ? provider : home;
    }
    for (gsize i = 0; i < json_array_size(qkdns); i++) {
        const char *provider = json_read_text(json_array_get(qkdns, i), "id");
        if (!is_home(act, provider) && hand_over(act, home, provider)) {
            hand_over(act, provider, home);
            return;
        }
    }
    demo_tell(act->demo, "  no provider serves users of %s: no handover", home);
}

// --- all of it -----------------------------------------------------------------------------------

static gboolean open_session(Act *act)
{
    struct qkdnf_session_request request = {
        .targets = &act->to,
        .n_targets = 1,
        .qos = {.rate_bps = RATE_BPS, .size_bits = SIZE_BITS, .is_protected = 1},
    };
    struct qkdnf_sessions *sessions = qkdnf_session_open_wait(act->application, &request);
    if (sessions->status != QKDNF_OK) {
        // Where there is only one way, it is not protected.
        qkdnf_sessions_free(sessions);
        request.qos.is_protected = 0;
        sessions = qkdnf_session_open_wait(act->application, &request);
    }
    gboolean ok = sessions->status == QKDNF_OK && sessions->n_sessions > 0;
    if (ok)
        g_strlcpy(act->id, sessions->sessions->id, sizeof act->id);
    else
        demo_complain(act->demo, "no session between %s and %s: %s", act->from, act->to,
                      sessions->text);
    qkdnf_sessions_free(sessions);
    if (ok && !wait_for(act, is_active, NULL)) {
        demo_complain(act->demo, "the session is not filled in time");
        ok = FALSE;
    }
    return ok;
}

// All that it was told to have been handed out, the consumer has got.
static gboolean is_accounted_for(const Act *act, gconstpointer n_keys)
{
    struct qkdnf_sessions *sessions = learn(act);
    gboolean is_so =
        sessions->n_sessions > 0 && sessions->sessions->n_delivered == *(const guint *)n_keys;
    qkdnf_sessions_free(sessions);
    return is_so;
}

static void settle(Act *act)
{
    g_auto(ConsumerCount) count = {0};
    Demo *demo = act->demo;
    consumer_stop(act->consumer, &count);
    gboolean none_missing = wait_for(act, is_accounted_for, &count.n_keys);
    demo->session = json_pack(
        "{s:s, s:s, s:s, s:i, s:i, s:i, s:b, s:O}", "session", act->id, "from", act->from, "to",
        act->to, "keys", (int)count.n_keys, "failed_get_keys", (int)count.n_failed, "wrong_keys",
        (int)count.n_wrong, "none_missing", (int)none_missing, "events", act->events);
    if (count.first_text)
        demo_complain(demo, "%u calls failed, %u keys were wrong: %s", count.n_failed,
                      count.n_wrong, count.first_text);
    if (!none_missing)
        demo_complain(demo, "not as many keys were fetched as were handed out");
    if (!count.first_text && none_missing)
        demo_tell(demo,
                  "  %u keys, each the same at both ends, none missing; no get key has failed",
                  count.n_keys);
    demo->n_keys_equal += count.n_keys;
    qkdnf_sessions_free(qkdnf_session_close_wait(act->application, act->id, 0));
}

static void perform(Act *act)
{
    Demo *demo = act->demo;
    g_autoptr(GError) error = NULL;
    if (!open_session(act))
        return;
    act->consumer = consumer_start(demo->federation, act->from, act->to,
                                   G_USEC_PER_SEC * SIZE_BITS / RATE_BPS, &error);
    json_t *topology = act->consumer ? demo_learn_topology(demo, &error) : NULL;
    if (topology) {
        cut_a_border(act, topology);
        kill_a_provider(act, topology);
        move_there_and_back(act);
    } else {
        demo_complain(demo, "%s", error->message);
    }
    json_decref(topology);
    if (act->consumer)
        settle(act);
}

void demo_show_session(Demo *demo)
{
    DemoPair pair = demo_find_longest(demo);
    if (!pair.from)
        return;
    g_autofree char *path = g_build_filename(demo->dir, ACCESS_FILE, NULL);
    struct qkdnf_error trouble = {0};
    Act act = {.demo = demo, .from = pair.from, .to = pair.to, .events = json_array()};
    demo_tell(demo,
              "a session between %s and %s, at both ends of which keys are fetched all the time",
              pair.from, pair.to);
    act.application = qkdnf_connect_federation(path, pair.from, &trouble);
    if (act.application)
        perform(&act);
    else
        demo_complain(demo, "%s cannot connect: %s", pair.from, trouble.text);
    qkdnf_close(act.application);
    json_decref(act.events);
}
