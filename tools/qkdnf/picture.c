// SPDX-License-Identifier: Apache-2.0

#include "tools/qkdnf/picture.h"

#include "tools/qkdnf/json-read.h"
#include "tools/qkdnf/tally.h"
#include "topics/base/id.h"

#include <string.h>

#define REQUESTS_MAX 20000
#define SESSIONS_MAX 20000
#define FAULTS_MAX   2000
#define RATINGS_MAX  5000
#define ALARMS_MAX   32

struct Picture {
    Atlas *atlas;
    GTree *states;        // provider → json_t, the name of its state
    GHashTable *requests; // ID → Asked, in `order`
    GQueue order;         // Asked, oldest first
    guint64 n_granted;
    guint64 n_refused;
    guint n_open;
    TallyRate answers;
    TallyTimes times;
    GTree *sessions; // ID → json_t
    GTree *faults;   // "member/ID" → json_t
    GTree *ratings;  // provider → json_t
    GQueue alarms;   // json_t, newest first
    guint64 n_publishes;
    guint64 n_unreadable;
    guint64 n_missed;
    TallyRate publishes;
};

// A request that was seen.
typedef struct {
    char *id;
    gint64 at_us;
    gboolean is_answered;
} Asked;

static void json_free(gpointer data)
{
    json_decref(data);
}

static void asked_free(gpointer data)
{
    Asked *asked = data;
    g_free(asked->id);
    g_free(asked);
}

Picture *picture_new(void)
{
    Picture *picture = g_new0(Picture, 1);
    picture->atlas = atlas_new();
    picture->states = g_tree_new_full(id_compare, NULL, g_free, json_free);
    picture->requests = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, asked_free);
    picture->sessions = g_tree_new_full(id_compare, NULL, g_free, json_free);
    picture->faults = g_tree_new_full(id_compare, NULL, g_free, json_free);
    picture->ratings = g_tree_new_full(id_compare, NULL, g_free, json_free);
    g_queue_init(&picture->order);
    g_queue_init(&picture->alarms);
    return picture;
}

void picture_free(Picture *picture)
{
    if (!picture)
        return;
    g_queue_clear_full(&picture->alarms, json_free);
    g_queue_clear(&picture->order);
    g_hash_table_unref(picture->requests);
    g_tree_unref(picture->ratings);
    g_tree_unref(picture->faults);
    g_tree_unref(picture->sessions);
    g_tree_unref(picture->states);
    atlas_free(picture->atlas);
    g_free(picture);
}

// --- requests ------------------------------------------------------------------------------------

static void forget_oldest(Picture *picture)
{
    Asked *oldest = g_queue_pop_head(&picture->order);
    picture->n_open -= !oldest->is_answered;
    g_hash_table_remove(picture->requests, oldest->id);
}

static Asked *find_request(Picture *picture, const char *id, gint64 now_us)
{
    Asked *asked = g_hash_table_lookup(picture->requests, id);
    if (asked)
        return asked;
    if (picture->order.length >= REQUESTS_MAX)
        forget_oldest(picture);
    asked = g_new0(Asked, 1);
    asked->id = g_strdup(id);
    asked->at_us = now_us;
    picture->n_open++;
    g_hash_table_insert(picture->requests, asked->id, asked);
    g_queue_push_tail(&picture->order, asked);
    return asked;
}

static void take_request(Picture *picture, const Topic *topic, gconstpointer message, gint64 now_us)
{
    find_request(picture, ((const WireRequest *)message)->id, now_us);
}

// An answer that is repeated counts once; one whose question was not seen has no time.
static void take_reply(Picture *picture, const Topic *topic, gconstpointer message, gint64 now_us)
{
    const WireReply *reply = message;
    gboolean was_seen = g_hash_table_contains(picture->requests, reply->id);
    Asked *asked = find_request(picture, reply->id, now_us);
    if (asked->is_answered)
        return;
    asked->is_answered = TRUE;
    picture->n_open--;
    if (reply->status == QKDNF__V1__STATUS__STATUS_OK)
        picture->n_granted++;
    else
        picture->n_refused++;
    tally_rate_add(&picture->answers, now_us);
    if (was_seen)
        tally_times_add(&picture->times, now_us - asked->at_us);
}

// --- members, sessions, faults, ratings, alarms --------------------------------------------------

static void take_member(Picture *picture, const Topic *topic, gconstpointer message, gint64 now_us)
{
    json_t *member = decode_message(message);
    json_t *state = json_object_get(member, "state");
    g_tree_replace(picture->states, g_strdup(topic->to), json_incref(state));
    json_decref(member);
}

static json_t *find_session(Picture *picture, const char *id)
{
    json_t *session = g_tree_lookup(picture->sessions, id);
    if (session || g_tree_nnodes(picture->sessions) >= SESSIONS_MAX)
        return session;
    session = json_pack("{s:s, s:i}", "session", id, "delivered", 0);
    g_tree_insert(picture->sessions, g_strdup(id), session);
    return session;
}

// A session is over when the platform wants one of its ends gone that is not about to be elsewhere.
static void take_leg(Picture *picture, const Topic *topic, gconstpointer message, gint64 now_us)
{
    const WireLeg *leg = message;
    gboolean is_initiator = strcmp(leg->sae, leg->initiator) == 0;
    if (leg->phase == QKDNF__V1__LEG_PHASE__LEG_PHASE_DRAIN) {
        g_tree_remove(picture->sessions, leg->session);
        return;
    }
    if (!is_initiator || leg->phase == QKDNF__V1__LEG_PHASE__LEG_PHASE_END)
        return;
    json_t *session = find_session(picture, leg->session);
    json_t *fields = decode_message(&leg->base);
    const char *const names[] = {"initiator", "targets", "phase"};
    for (gsize i = 0; session && i < G_N_ELEMENTS(names); i++)
        json_object_set(session, names[i], json_object_get(fields, names[i]));
    json_decref(fields);
}

static void take_leg_state(Picture *picture, const Topic *topic, gconstpointer message,
                           gint64 now_us)
{
    const WireLegState *state = message;
    json_t *session = g_tree_lookup(picture->sessions, state->session);
    if (session && strcmp(state->sae, json_read_text(session, "initiator")) == 0)
        json_object_set_new(session, "delivered", json_integer((json_int_t)state->delivered));
}

static void take_fault(Picture *picture, const Topic *topic, gconstpointer message, gint64 now_us)
{
    const WireFault *fault = message;
    g_autofree char *key = g_strconcat(topic->from, "/", fault->id, NULL);
    if (fault->cleared) {
        g_tree_remove(picture->faults, key);
        return;
    }
    if (g_tree_lookup(picture->faults, key) || g_tree_nnodes(picture->faults) >= FAULTS_MAX)
        return;
    json_t *shown = decode_message(&fault->base);
    json_object_del(shown, "cleared");
    json_object_set_new(shown, "member", json_string(topic->from));
    json_object_set_new(shown, "since_us", json_integer(now_us));
    g_tree_insert(picture->faults, g_steal_pointer(&key), shown);
}

static void take_rating(Picture *picture, const Topic *topic, gconstpointer message, gint64 now_us)
{
    const WireRating *rating = message;
    gboolean is_new = !g_tree_lookup(picture->ratings, rating->provider);
    if (is_new && g_tree_nnodes(picture->ratings) >= RATINGS_MAX)
        return;
    g_tree_replace(picture->ratings, g_strdup(rating->provider), decode_message(&rating->base));
}

static void take_event(Picture *picture, const Topic *topic, gconstpointer message, gint64 now_us)
{
    const WireEvent *event = message;
    if (event->severity < QKDNF__V1__SEVERITY__SEVERITY_WARNING)
        return;
    json_t *fields = decode_message(&event->base);
    json_object_set_new(fields, "from", json_string(topic->from));
    g_queue_push_head(&picture->alarms, fields);
    if (picture->alarms.length > ALARMS_MAX)
        json_decref(g_queue_pop_tail(&picture->alarms));
}

// --- all of it -----------------------------------------------------------------------------------

typedef void (*TakeFn)(Picture *picture, const Topic *topic, gconstpointer message, gint64 now_us);

static const TakeFn takers[N_KINDS] = {
    [KIND_REQUEST] = take_request, [KIND_REPLY] = take_reply,         [KIND_MEMBER] = take_member,
    [KIND_LEG] = take_leg,         [KIND_LEG_STATE] = take_leg_state, [KIND_FAULT] = take_fault,
    [KIND_EVENT] = take_event,     [KIND_RATING] = take_rating,
};

void picture_take(Picture *picture, const char *text, const guint8 *payload, gsize n_bytes,
                  gint64 now_us)
{
    Topic topic;
    Refusal refusal;
    picture->n_publishes++;
    tally_rate_add(&picture->publishes, now_us);
    g_autoptr(Frame) frame =
        topic_parse(text, &topic) ? frame_parse(&topic, payload, n_bytes, &refusal) : NULL;
    if (!frame) {
        picture->n_unreadable++;
        return;
    }
    for (gsize i = 0; takers[topic.kind] && i < frame->n_messages; i++)
        takers[topic.kind](picture, &topic, frame->messages[i], now_us);
    atlas_learn(picture->atlas, text, payload, n_bytes);
}

void picture_set_missed(Picture *picture, guint64 n_frames)
{
    picture->n_missed = n_frames;
}

gboolean picture_is_whole(const Picture *picture)
{
    return atlas_is_whole(picture->atlas);
}

static json_t *list_values(GTree *tree)
{
    json_t *list = json_array();
    for (GTreeNode *each = g_tree_node_first(tree); each; each = g_tree_node_next(each))
        json_array_append(list, g_tree_node_value(each));
    return list;
}

static json_t *list_alarms(const Picture *picture)
{
    json_t *list = json_array();
    for (GList *each = picture->alarms.head; each; each = each->next)
        json_array_append(list, each->data);
    return list;
}

static json_t *requests_to_json(Picture *picture, gint64 now_us)
{
    return json_pack("{s:I, s:I, s:i, s:f, s:I, s:I}", "granted", (json_int_t)picture->n_granted,
                     "refused", (json_int_t)picture->n_refused, "open", (int)picture->n_open,
                     "per_s", tally_rate_per_s(&picture->answers, now_us), "p50_us",
                     (json_int_t)tally_times_quantile(&picture->times, 0.5), "p99_us",
                     (json_int_t)tally_times_quantile(&picture->times, 0.99));
}

json_t *picture_to_json(Picture *picture, gint64 now_us)
{
    json_t *all = atlas_to_json(picture->atlas);
    gsize i;
    json_t *provider;
    json_array_foreach(json_object_get(all, "providers"), i, provider)
    {
        json_t *state = g_tree_lookup(picture->states, json_read_text(provider, "id"));
        json_object_set_new(provider, "state", state ? json_incref(state) : json_string(""));
    }
    json_object_set_new(all, "requests", requests_to_json(picture, now_us));
    json_object_set_new(all, "sessions", list_values(picture->sessions));
    json_object_set_new(all, "faults", list_values(picture->faults));
    json_object_set_new(all, "ratings", list_values(picture->ratings));
    json_object_set_new(all, "alarms", list_alarms(picture));
    json_object_set_new(
        all, "bus",
        json_pack("{s:I, s:f, s:I, s:I}", "publishes", (json_int_t)picture->n_publishes,
                  "publishes_per_s", tally_rate_per_s(&picture->publishes, now_us), "unreadable",
                  (json_int_t)picture->n_unreadable, "missed", (json_int_t)picture->n_missed));
    return all;
}
