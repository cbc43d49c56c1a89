// SPDX-License-Identifier: Apache-2.0

#include "tests/sim/streams.h"

#include "topics/base/id.h"

#include <string.h>

#define MS         ((gint64)G_TIME_SPAN_MILLISECOND)
#define REPEAT_US  (700 * MS)
#define STREAM_MAX 4

#define TARGETS_MAX 2

// One that fetches by their IDs the keys that the initiator was given.
typedef struct {
    Application *application;
    const Fetch *fetch; // under way
    GQueue to_fetch;    // key IDs
    gboolean is_expecting;
} Target;

// One session, from when it is first asked for.
typedef struct {
    char id[UUID_CHARS + 1];
    char proof[UUID_CHARS + 1]; // under which its state is asked for at the end
    Application *from;
    guint n_targets;
    Target targets[TARGETS_MAX];
    const char *saes[TARGETS_MAX + 1]; // of the targets
    guint32 size_bits;
    guint32 buffer;
    gint64 pause_us;
    gint64 said_at_us;
    gboolean is_open;
    gboolean is_closing;   // by the application
    const Fetch *mine;     // under way
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
    for (guint i = 0; i < stream->n_targets; i++)
        g_queue_clear_full(&stream->targets[i].to_fetch, g_free);
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
    open.n_targets = stream->n_targets;
    open.targets = (char **)stream->saes;
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

// Its KME died, or was not there.
static gboolean is_lost(const Fetch *fetch)
{
    return !fetch->is_answered && fetch->life != fetch->node->life;
}

static void take_key(Stream *stream, const DeliveredKey *key)
{
    for (guint i = 0; i < stream->n_targets; i++)
        g_queue_push_tail(&stream->targets[i].to_fetch, g_strdup(key->id));
    stream->n_keys++;
    stream->is_expecting = FALSE;
}

static void fetch_mine(Streams *streams, Stream *stream)
{
    const Fetch *last = stream->mine;
    if (last && !last->is_answered && !is_lost(last))
        return;
    for (guint i = 0; last && i < last->keys->len; i++)
        take_key(stream, last->keys->pdata[i]);
    guint number = 1;
    if (dice_chance(&streams->dice, 20))
        number = (guint)dice_between(&streams->dice, 1, 3);
    KeyQuery query = {
        .caller = {.sae = stream->from->sae},
        .targets = stream->saes,
        .number = number,
        .size_bits = stream->size_bits,
        .n_paths = 1,
        .session = stream->id,
    };
    stream->mine =
        stream->is_closing ? NULL : world_get_keys(streams->world, stream->from->at, &query);
}

// What cannot be had now is asked for again; what was given or is gone is not.
static void fetch_theirs(Streams *streams, const Stream *stream, Target *target)
{
    const Fetch *last = target->fetch;
    if (last && !last->is_answered && !is_lost(last))
        return;
    if (last && last->keys->len > 0)
        target->is_expecting = FALSE;
    if (last && last->is_answered && last->verdict != KEY_VERDICT_UNAVAILABLE)
        g_free(g_queue_pop_head(&target->to_fetch));
    target->fetch = NULL;
    const char *id = g_queue_peek_head(&target->to_fetch);
    if (!id)
        return;
    const char *ids[] = {id, NULL};
    target->fetch = world_get_keys_by_id(streams->world, target->application->at,
                                         target->application->sae, stream->from->sae, ids);
}

static void fetch(Streams *streams, Stream *stream)
{
    fetch_mine(streams, stream);
    for (guint i = 0; i < stream->n_targets; i++)
        fetch_theirs(streams, stream, &stream->targets[i]);
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

// Each end is served where the platform says.
static void go_where_named(const World *world, const Stream *stream)
{
    const WireSessionState *state = state_of(stream, stream->proof);
    for (gsize i = 0; state && state->n_sessions == 1 && i < state->sessions[0]->n_deliveries;
         i++) {
        const WireDelivery *delivery = state->sessions[0]->deliveries[i];
        if (delivery->provider[0])
            world_find_application(world, delivery->sae)->at =
                network_find_site(world->network, delivery->provider)->config.id;
    }
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
        if (streams->is_proving)
            go_where_named(streams->world, stream);
        fetch(streams, stream);
    }
    agenda_add(streams->world->agenda, now_us + dice_between(&streams->dice, 1, stream->pause_us),
               live, streams, stream, NULL);
}

static void add_target(Stream *stream, Application *application)
{
    Target *target = &stream->targets[stream->n_targets];
    target->application = application;
    g_queue_init(&target->to_fetch);
    stream->saes[stream->n_targets++] = application->sae;
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
    add_target(stream, applications->pdata[dice_below(dice, applications->len)]);
    Application *more = applications->pdata[dice_below(dice, applications->len)];
    if (dice_chance(dice, 25) && more != stream->from && more != stream->targets[0].application)
        add_target(stream, more);
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
        for (guint j = 0; j < stream->n_targets; j++)
            stream->targets[j].is_expecting = stream->is_expecting;
    }
}

// As far as the platform has said so since it could be asked.
static gboolean is_known_open(const Stream *stream)
{
    const WireSessionState *state = state_of(stream, stream->proof);
    return state && state->n_sessions == 1 &&
           state->sessions[0]->phase != QKDNF__V1__SESSION_PHASE__SESSION_PHASE_CLOSED;
}

static const Application *find_waiting_end(const Stream *stream)
{
    if (stream->is_expecting)
        return stream->from;
    for (guint i = 0; i < stream->n_targets; i++) {
        if (stream->targets[i].is_expecting)
            return stream->targets[i].application;
    }
    return NULL;
}

char *streams_find_unserved(const Streams *streams)
{
    for (guint i = 0; i < streams->streams->len; i++) {
        const Stream *stream = streams->streams->pdata[i];
        const Application *end = find_waiting_end(stream);
        if (end && is_known_open(stream))
            return g_strdup_printf("session %s of %s with %s is open and gives %s no key at %s: %s",
                                   stream->id, stream->from->sae, stream->saes[0], end->sae,
                                   end->at, state_of(stream, stream->proof)->sessions[0]->text);
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

guint64 streams_n_of_two(const Streams *streams)
{
    guint64 n = 0;
    for (guint i = 0; i < streams->streams->len; i++) {
        const Stream *stream = streams->streams->pdata[i];
        n += stream->is_open && stream->n_targets == 2 ? 1 : 0;
    }
    return n;
}

guint64 streams_n_keys(const Streams *streams)
{
    guint64 n = 0;
    for (guint i = 0; i < streams->streams->len; i++)
        n += ((const Stream *)streams->streams->pdata[i])->n_keys;
    return n;
}
