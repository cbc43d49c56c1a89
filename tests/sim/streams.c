// SPDX-License-Identifier: Apache-2.0

#include "tests/sim/streams.h"

#include "topics/base/id.h"

#include <string.h>

#define MS         ((gint64)G_TIME_SPAN_MILLISECOND)
#define REPEAT_US  (700 * MS)
#define STREAM_MAX 4

// One session, from when it is first asked for.
typedef struct {
    char id[UUID_CHARS + 1];
    char proof[UUID_CHARS + 1]; // under which its state is asked for at the end
    Application *from;
    const char *target;
    guint32 size_bits;
    guint32 buffer;
    gint64 pause_us;
    gint64 said_at_us;
    gboolean is_open;
    gboolean is_closing; // by the application
    const Fetch *mine;   // under way
    const Fetch *theirs;
    GQueue to_fetch;       // key IDs that the target has yet to fetch
    guint64 n_keys;        // that the initiator was given
    gboolean is_expecting; // since streams_expect_keys() it was not given any
} Stream;

struct Streams {
    Dice dice;
    World *world;
    gint64 until_us;
    GPtrArray *streams; // Stream
    gboolean is_proving;
};

static void stream_free(gpointer data)
{
    Stream *stream = data;
    g_queue_clear_full(&stream->to_fetch, g_free);
    g_free(stream);
}

Streams *streams_new(guint64 seed, World *world)
{
    Streams *streams = g_new0(Streams, 1);
    streams->dice = dice_make(dice_fork(seed, "streams"));
    streams->world = world;
    streams->streams = g_ptr_array_new_with_free_func(stream_free);
    return streams;
}

void streams_free(Streams *streams)
{
    if (!streams)
        return;
    g_ptr_array_unref(streams->streams);
    g_free(streams);
}

// --- what is said to the platform ----------------------------------------------------------------

static void say_open(const Stream *stream)
{
    WireSessionQos qos = WIRE_SESSION_QOS_INIT;
    qos.rate_bps = stream->size_bits * (guint64)G_USEC_PER_SEC / (guint64)stream->pause_us + 1;
    qos.size_bits = stream->size_bits;
    qos.buffer = stream->buffer;
    WireSessionOpen open = WIRE_SESSION_OPEN_INIT;
    open.session = (char *)stream->id;
    open.initiator = stream->from->sae;
    open.n_targets = 1;
    open.targets = (char **)&stream->target;
    open.qos = &qos;
    WireSession session = WIRE_SESSION_INIT;
    session.id = (char *)stream->id;
    session.command_case = QKDNF__V1__SESSION__COMMAND_OPEN;
    session.open = &open;
    application_say(stream->from, KIND_SESSION, &session.base);
}

static void say_close(const Stream *stream)
{
    WireSessionClose close = WIRE_SESSION_CLOSE_INIT;
    close.session = (char *)stream->id;
    WireSession session = WIRE_SESSION_INIT;
    session.id = (char *)stream->id;
    session.command_case = QKDNF__V1__SESSION__COMMAND_CLOSE;
    session.close = &close;
    application_say(stream->from, KIND_SESSION, &session.base);
}

static void say_list(const Stream *stream)
{
    WireSessionList list = WIRE_SESSION_LIST_INIT;
    list.session = (char *)stream->id;
    WireSession session = WIRE_SESSION_INIT;
    session.id = (char *)stream->proof;
    session.command_case = QKDNF__V1__SESSION__COMMAND_LIST;
    session.list = &list;
    application_say(stream->from, KIND_SESSION, &session.base);
}

static const WireSessionState *state_of(const Stream *stream, const char *id)
{
    return application_session_state(stream->from, id);
}

// --- fetching ------------------------------------------------------------------------------------

static const char *home_of(const World *world, const char *sae)
{
    const GPtrArray *sites = world->network->sites;
    for (guint i = 0; i < sites->len; i++) {
        const AgentConfig *config = &((const Site *)sites->pdata[i])->config;
        for (guint j = 0; j < config->applications->len; j++) {
            if (strcmp(((AgentApplication *)config->applications->pdata[j])->sae, sae) == 0)
                return config->id;
        }
    }
    g_assert_not_reached();
}

// Its KME died, or was not there.
static gboolean is_lost(const Fetch *fetch)
{
    return !fetch->is_answered && fetch->life != fetch->node->life;
}

static void fetch_mine(Streams *streams, Stream *stream)
{
    const Fetch *last = stream->mine;
    if (last && !last->is_answered && !is_lost(last))
        return;
    for (guint i = 0; last && i < last->keys->len; i++) {
        const DeliveredKey *key = last->keys->pdata[i];
        g_queue_push_tail(&stream->to_fetch, g_strdup(key->id));
        stream->n_keys++;
        stream->is_expecting = FALSE;
    }
    guint number = 1;
    if (dice_chance(&streams->dice, 20))
        number = (guint)dice_between(&streams->dice, 1, 3);
    KeyQuery query = {
        .caller = {.sae = stream->from->sae},
        .targets = (const char *const[]){stream->target, NULL},
        .number = number,
        .size_bits = stream->size_bits,
        .n_paths = 1,
        .session = stream->id,
    };
    stream->mine =
        stream->is_closing
            ? NULL
            : world_get_keys(streams->world, home_of(streams->world, query.caller.sae), &query);
}

// What cannot be had now is asked for again; what was given or is gone is not.
static void fetch_theirs(Streams *streams, Stream *stream)
{
    const Fetch *last = stream->theirs;
    if (last && !last->is_answered && !is_lost(last))
        return;
    if (last && last->is_answered && last->verdict != KEY_VERDICT_UNAVAILABLE)
        g_free(g_queue_pop_head(&stream->to_fetch));
    stream->theirs = NULL;
    const char *id = g_queue_peek_head(&stream->to_fetch);
    if (!id)
        return;
    const char *ids[] = {id, NULL};
    stream->theirs = world_get_keys_by_id(streams->world, home_of(streams->world, stream->target),
                                          stream->target, stream->from->sae, ids);
}

// --- the course of it ----------------------------------------------------------------------------

static void speak(Streams *streams, Stream *stream)
{
    gint64 now_us = world_now(streams->world);
    const WireSessionState *state = state_of(stream, stream->id);
    if (!stream->is_open && state && state->status == STATUS_OK)
        stream->is_open = TRUE;
    if (now_us - stream->said_at_us < REPEAT_US)
        return;
    stream->said_at_us = now_us;
    if (stream->is_closing)
        say_close(stream);
    else if (!state && now_us < streams->until_us)
        say_open(stream);
    else if (streams->is_proving && stream->is_open)
        say_list(stream);
}

static void live(gpointer owner, gpointer data)
{
    Streams *streams = owner;
    Stream *stream = data;
    gint64 now_us = world_now(streams->world);
    speak(streams, stream);
    if (stream->is_open) {
        if (!stream->is_closing && now_us < streams->until_us && dice_chance(&streams->dice, 1))
            stream->is_closing = TRUE;
        fetch_mine(streams, stream);
        fetch_theirs(streams, stream);
    }
    agenda_add(streams->world->agenda, now_us + dice_between(&streams->dice, 1, stream->pause_us),
               live, streams, stream, NULL);
}

static void begin_one(Streams *streams)
{
    Dice *dice = &streams->dice;
    const GPtrArray *applications = streams->world->applications;
    Stream *stream = g_new0(Stream, 1);
    Random random = dice_random(dice);
    uuid_new(&random, stream->id);
    uuid_new(&random, stream->proof);
    stream->from = applications->pdata[dice_below(dice, applications->len)];
    const Application *to = applications->pdata[dice_below(dice, applications->len)];
    stream->target = to->sae;
    stream->size_bits = 64 * (guint32)dice_between(dice, 1, 4);
    stream->buffer = (guint32)dice_between(dice, 4, 24);
    stream->pause_us = dice_between(dice, 50 * MS, 500 * MS);
    stream->said_at_us = G_MININT64 / 2;
    g_ptr_array_add(streams->streams, stream);
    agenda_add(streams->world->agenda, world_now(streams->world) + dice_between(dice, 1, 5000 * MS),
               live, streams, stream, NULL);
}

void streams_begin(Streams *streams, gint64 until_us)
{
    streams->until_us = until_us;
    guint n = (guint)dice_between(&streams->dice, 0, STREAM_MAX);
    for (guint i = 0; i < n; i++)
        begin_one(streams);
}

// --- proof ---------------------------------------------------------------------------------------

void streams_expect_keys(Streams *streams)
{
    streams->is_proving = TRUE;
    for (guint i = 0; i < streams->streams->len; i++) {
        Stream *stream = streams->streams->pdata[i];
        stream->is_expecting = stream->is_open && !stream->is_closing;
    }
}

// As far as the platform has said so since it could be asked.
static gboolean is_known_open(const Stream *stream)
{
    const WireSessionState *state = state_of(stream, stream->proof);
    return state && state->n_sessions == 1 &&
           state->sessions[0]->phase != QKDNF__V1__SESSION_PHASE__SESSION_PHASE_CLOSED;
}

char *streams_find_unserved(const Streams *streams)
{
    for (guint i = 0; i < streams->streams->len; i++) {
        const Stream *stream = streams->streams->pdata[i];
        if (stream->is_expecting && is_known_open(stream))
            return g_strdup_printf("session %s of %s with %s is open and gives no key: %s",
                                   stream->id, stream->from->sae, stream->target,
                                   state_of(stream, stream->proof)->sessions[0]->text);
    }
    return NULL;
}

guint64 streams_n_opened(const Streams *streams)
{
    guint64 n = 0;
    for (guint i = 0; i < streams->streams->len; i++)
        n += ((const Stream *)streams->streams->pdata[i])->is_open ? 1 : 0;
    return n;
}

guint64 streams_n_keys(const Streams *streams)
{
    guint64 n = 0;
    for (guint i = 0; i < streams->streams->len; i++)
        n += ((const Stream *)streams->streams->pdata[i])->n_keys;
    return n;
}
