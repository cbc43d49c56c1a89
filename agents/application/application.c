// SPDX-License-Identifier: Apache-2.0

#include "agents/application/application.h"

#include "schemas/status.h"
#include "topics/base/timers.h"
#include "topics/presence.h"

#include <string.h>

// The first pause before a question is repeated; each is twice the one before, up to the longest.
#define PAUSE_US         (500 * G_TIME_SPAN_MILLISECOND)
#define LONGEST_PAUSE_US (8 * G_TIME_SPAN_SECOND)

// Key requests that may be open at a time. What is asked beyond is answered BUSY: it would wait
// until nobody waits for it any more, and its repetitions would hold up those that can be served.
#define REQUESTS_MAX 1024

enum { TIMER_REPEAT, TIMER_DEADLINE };

struct Application {
    char *platform;
    gint64 now_us; // of what is received
    Dispatcher *dispatcher;
    Outbox *outbox;
    Timers *timers;
    GHashTable *open;       // ID → Open, owned
    GQueue order;           // Open, oldest first
    guint n_requests;       // of them that are key requests and were sent
    PresenceState presence; // of the platform; its incarnation is 0 until it is heard of
    ApplicationMovedFn moved;
    gpointer moved_data;
    char *move; // the handover that others asked for and that was last told of
    int move_phase;
};

// A question that is not answered yet.
typedef struct {
    char *id;
    KindId kind;
    ProtobufCMessage *message;
    gint64 pause_us;
    int phase;           // of a handover, the last that was told
    gboolean is_refused; // was not sent, and is answered BUSY
    ApplicationAnswerFn answer;
    gpointer data;
    GDestroyNotify free_data;
    GList link; // in `order`
} Open;

static void open_free(gpointer data)
{
    Open *open = data;
    if (open->free_data)
        open->free_data(open->data);
    g_free(open->id);
    wire_free(open->message);
    g_free(open);
}

static gboolean counts(const Open *open)
{
    return open->kind == KIND_REQUEST && !open->is_refused;
}

// Out of everything, the caller's from here on; NULL when it is not open.
static Open *take_open(Application *application, const char *id)
{
    Open *open = g_hash_table_lookup(application->open, id);
    if (!open)
        return NULL;
    g_hash_table_steal(application->open, id);
    g_queue_unlink(&application->order, &open->link);
    timers_disarm(application->timers, TIMER_REPEAT, open->id);
    timers_disarm(application->timers, TIMER_DEADLINE, open->id);
    application->n_requests -= counts(open);
    return open;
}

static void finish(Application *application, const char *id, const ProtobufCMessage *answer)
{
    Open *open = take_open(application, id);
    if (!open)
        return;
    open->answer(open->data, open->id, answer);
    open_free(open);
}

// Its time is up, or it was refused.
static void give_up(Application *application, const char *id)
{
    const Open *open = g_hash_table_lookup(application->open, id);
    WireReply busy = WIRE_REPLY_INIT;
    busy.id = (char *)id;
    busy.status = STATUS_BUSY;
    busy.text = (char *)"too many requests of this application are under way";
    finish(application, id, open && open->is_refused ? &busy.base : NULL);
}

static void send_open(Application *application, Open *open, gint64 now_us)
{
    outbox_add(application->outbox, open->kind, application->platform, open->message);
    timers_arm(application->timers, TIMER_REPEAT, open->id, now_us + open->pause_us);
    open->pause_us = MIN(open->pause_us * 2, LONGEST_PAUSE_US);
}

// What is open, unless the answer is of another kind than the question.
static Open *find_open(Application *application, const char *id, KindId asked)
{
    Open *open = g_hash_table_lookup(application->open, id);
    return open && open->kind == asked ? open : NULL;
}

static void on_answer(Application *application, const char *id, KindId asked,
                      const ProtobufCMessage *answer)
{
    if (find_open(application, id, asked))
        finish(application, id, answer);
}

static void on_admin_reply(gpointer core, const Sender *sender, gconstpointer message)
{
    const WireAdminReply *answer = message;
    on_answer(core, answer->id, KIND_ADMIN, &answer->base);
}

static void on_registered(gpointer core, const Sender *sender, gconstpointer message)
{
    const WireRegistered *answer = message;
    on_answer(core, answer->id, KIND_REGISTER, &answer->base);
}

static void on_services(gpointer core, const Sender *sender, gconstpointer message)
{
    const WireServices *answer = message;
    on_answer(core, answer->id, KIND_DISCOVER, &answer->base);
}

static void on_reply(gpointer core, const Sender *sender, gconstpointer message)
{
    const WireReply *answer = message;
    on_answer(core, answer->id, KIND_REQUEST, &answer->base);
}

static void on_session_state(gpointer core, const Sender *sender, gconstpointer message)
{
    const WireSessionState *answer = message;
    on_answer(core, answer->id, KIND_SESSION, &answer->base);
}

// --- handovers -----------------------------------------------------------------------------------

static gboolean is_last(const WireHandoverState *state)
{
    return state->phase == QKDNF__V1__HANDOVER_PHASE__HANDOVER_PHASE_RELEASED ||
           state->phase == QKDNF__V1__HANDOVER_PHASE__HANDOVER_PHASE_REFUSED ||
           state->phase == QKDNF__V1__HANDOVER_PHASE__HANDOVER_PHASE_FALLEN_BACK;
}

// One that only a newer platform has is not told: nobody here could act on it, and by its number it
// would hide those that follow it.
static gboolean is_known(const WireHandoverState *state)
{
    const ProtobufCEnumDescriptor *phases = &qkdnf__v1__handover_phase__descriptor;
    return protobuf_c_enum_descriptor_get_value(phases, (int)state->phase) != NULL;
}

static void tell_moved(Application *application, const WireHandoverState *state)
{
    gboolean is_same = g_strcmp0(application->move, state->id) == 0;
    if (!application->moved || (is_same && (int)state->phase <= application->move_phase))
        return;
    g_free(application->move);
    application->move = g_strdup(state->id);
    application->move_phase = (int)state->phase;
    application->moved(application->moved_data, state);
}

// Until its last phase it is asked for again like anything else: what is lost comes again.
static void on_handover_state(gpointer core, const Sender *sender, gconstpointer message)
{
    const WireHandoverState *state = message;
    if (!is_known(state))
        return;
    Open *open = find_open(core, state->id, KIND_HANDOVER);
    if (!open) {
        tell_moved(core, state);
    } else if (is_last(state)) {
        finish(core, state->id, &state->base);
    } else if ((int)state->phase > open->phase) {
        open->phase = (int)state->phase;
        open->answer(open->data, open->id, &state->base);
    }
}

// --- the platform --------------------------------------------------------------------------------

// What it was asked before it started, or was away, it may never have heard. When it is heard of
// for the first time, everything has just been asked.
static void on_presence(gpointer core, const Sender *sender, gconstpointer message)
{
    Application *application = core;
    if (strcmp(sender->id, application->platform) != 0)
        return;
    gboolean was_known = application->presence.incarnation != 0;
    gboolean is_new = presence_update(&application->presence, message);
    if (is_new && was_known && application->presence.alive)
        application_connected(application, application->now_us);
}

// An operator asks agents, too.
static Role role_of(gpointer core, const char *member)
{
    const Application *application = core;
    return strcmp(member, application->platform) == 0 ? ROLE_BY_CERTIFICATE : ROLE_APPLICATION;
}

static const DispatchTable dispatch = {
    .handlers =
        {
            [KIND_PRESENCE] = on_presence,
            [KIND_ADMIN_REPLY] = on_admin_reply,
            [KIND_REGISTERED] = on_registered,
            [KIND_SERVICES] = on_services,
            [KIND_REPLY] = on_reply,
            [KIND_SESSION_STATE] = on_session_state,
            [KIND_HANDOVER_STATE] = on_handover_state,
        },
    .role_of = role_of,
};

Application *application_new(const char *id, const char *platform, guint64 incarnation)
{
    Application *application = g_new0(Application, 1);
    application->platform = g_strdup(platform);
    application->dispatcher = dispatcher_new(id, &dispatch, application);
    application->outbox = outbox_new(id, incarnation);
    application->timers = timers_new();
    application->open = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, open_free);
    g_queue_init(&application->order);
    return application;
}

void application_free(Application *application)
{
    if (!application)
        return;
    g_hash_table_unref(application->open);
    timers_free(application->timers);
    outbox_free(application->outbox);
    dispatcher_free(application->dispatcher);
    g_free(application->platform);
    g_free(application->move);
    g_free(application);
}

void application_ask(Application *application, const Question *question, gint64 now_us)
{
    g_assert(!g_hash_table_contains(application->open, question->id));
    Open *open = g_new0(Open, 1);
    open->id = g_strdup(question->id);
    open->kind = question->kind;
    open->message = message_copy(question->message);
    open->pause_us = PAUSE_US;
    open->answer = question->answer;
    open->data = question->data;
    open->free_data = question->free_data;
    open->link.data = open;
    open->is_refused = open->kind == KIND_REQUEST && application->n_requests >= REQUESTS_MAX;
    application->n_requests += counts(open);
    g_hash_table_insert(application->open, open->id, open);
    g_queue_push_tail_link(&application->order, &open->link);
    timers_arm(application->timers, TIMER_DEADLINE, open->id,
               open->is_refused ? now_us : question->deadline_us);
    if (!open->is_refused)
        send_open(application, open, now_us);
}

gboolean application_cancel(Application *application, const char *id)
{
    Open *open = take_open(application, id);
    if (!open)
        return FALSE;
    open_free(open);
    return TRUE;
}

void application_watch(Application *application, ApplicationMovedFn moved, gpointer data)
{
    application->moved = moved;
    application->moved_data = data;
}

Refusal application_receive(Application *application, const char *topic, const guint8 *payload,
                            gsize n_bytes, gint64 now_us)
{
    application->now_us = now_us;
    return dispatcher_receive(application->dispatcher, topic, payload, n_bytes, now_us);
}

gint64 application_tick(Application *application, gint64 now_us)
{
    guint what;
    char *due;
    while (timers_pop(application->timers, now_us, &what, &due)) {
        g_autofree char *id = due;
        Open *open = g_hash_table_lookup(application->open, id);
        if (what == TIMER_DEADLINE)
            give_up(application, id);
        else if (open)
            send_open(application, open, now_us);
    }
    return timers_next(application->timers);
}

gint64 application_next(const Application *application)
{
    return timers_next(application->timers);
}

void application_connected(Application *application, gint64 now_us)
{
    for (GList *link = application->order.head; link; link = link->next) {
        Open *open = link->data;
        if (open->is_refused)
            continue;
        open->pause_us = PAUSE_US;
        send_open(application, open, now_us);
    }
}

Outbox *application_outbox(Application *application)
{
    return application->outbox;
}

void application_authenticate(Application *application, Authentication *authentication)
{
    dispatcher_set_authentication(application->dispatcher, authentication);
    outbox_set_authentication(application->outbox, authentication);
}
