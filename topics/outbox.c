// SPDX-License-Identifier: Apache-2.0

#include "topics/outbox.h"

// A frame takes no further message beyond this size, so that one large frame does not hold up small
// ones; a single message may be larger.
#define FRAME_FULL_BYTES (256 * 1024)

// How long a frame waits for its receiver's presence: retained, it comes right after the bus. And
// how much waits together. Who wanted it sent repeats it.
#define HOLD_US        G_TIME_SPAN_SECOND
#define HOLD_MAX_BYTES (4 * 1024 * 1024)

struct Outbox {
    char *from;
    guint64 incarnation;
    guint64 sequence;
    GPtrArray *frames;    // OpenFrame, oldest first
    GHashTable *by_topic; // topic → the OpenFrame that still takes messages
    Authentication *authentication;
    guint64 n_added[N_KINDS];
};

typedef struct {
    KindId kind;
    char *to;
    char *topic;
    GPtrArray *messages; // GBytes
    gsize n_bytes;
    gint64 held_at_us; // since when its receiver is not known; 0: it was not tried
} OpenFrame;

static void open_frame_free(gpointer data)
{
    OpenFrame *frame = data;
    if (!frame)
        return;
    g_free(frame->to);
    g_free(frame->topic);
    g_ptr_array_unref(frame->messages);
    g_free(frame);
}

Outbox *outbox_new(const char *from, guint64 incarnation)
{
    Outbox *outbox = g_new0(Outbox, 1);
    outbox->from = g_strdup(from);
    outbox->incarnation = incarnation;
    outbox->frames = g_ptr_array_new_with_free_func(open_frame_free);
    outbox->by_topic = g_hash_table_new(g_str_hash, g_str_equal);
    return outbox;
}

void outbox_free(Outbox *outbox)
{
    if (!outbox)
        return;
    g_hash_table_unref(outbox->by_topic);
    g_ptr_array_unref(outbox->frames);
    g_free(outbox->from);
    g_free(outbox);
}

void outbox_set_authentication(Outbox *outbox, Authentication *authentication)
{
    outbox->authentication = authentication;
}

const char *outbox_from(const Outbox *outbox)
{
    return outbox->from;
}

guint64 outbox_incarnation(const Outbox *outbox)
{
    return outbox->incarnation;
}

static OpenFrame *frame_open(Outbox *outbox, KindId kind, const char *to)
{
    OpenFrame *frame = g_new0(OpenFrame, 1);
    frame->kind = kind;
    frame->to = g_strdup(to);
    frame->topic = topic_format(kind, outbox->from, to);
    frame->messages = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    g_ptr_array_add(outbox->frames, frame);
    g_hash_table_replace(outbox->by_topic, frame->topic, frame);
    return frame;
}

// Whoever waits repeats itself: once is enough.
static gboolean is_held_already(const OpenFrame *frame, GBytes *message)
{
    return frame->held_at_us > 0 &&
           g_ptr_array_find_with_equal_func(frame->messages, message, g_bytes_equal, NULL);
}

void outbox_add(Outbox *outbox, KindId kind, const char *to, const ProtobufCMessage *message)
{
    g_assert(message->descriptor == kind_get(kind)->message);
    if (kind_get(kind)->to_all)
        to = ID_ALL;
    g_autoptr(GBytes) packed = message_pack(message);
    g_autofree char *topic = topic_format(kind, outbox->from, to);
    OpenFrame *frame = g_hash_table_lookup(outbox->by_topic, topic);
    if (!frame || frame->messages->len == FRAME_MAX_MESSAGES ||
        frame->n_bytes + g_bytes_get_size(packed) > FRAME_FULL_BYTES)
        frame = frame_open(outbox, kind, to);
    if (is_held_already(frame, packed))
        return;
    outbox->n_added[kind]++;
    frame->n_bytes += g_bytes_get_size(packed);
    g_ptr_array_add(frame->messages, g_steal_pointer(&packed));
}

void outbox_clear(Outbox *outbox, KindId kind, const char *to)
{
    g_assert(kind_get(kind)->retained);
    OpenFrame *frame = frame_open(outbox, kind, kind_get(kind)->to_all ? ID_ALL : to);
    // It takes no messages.
    g_hash_table_remove(outbox->by_topic, frame->topic);
}

guint64 outbox_n_added(const Outbox *outbox, KindId kind)
{
    return outbox->n_added[kind];
}

gboolean outbox_is_empty(const Outbox *outbox)
{
    return outbox->frames->len == 0;
}

typedef struct {
    Outbox *outbox;
    gint64 now_us;
    OutboxSendFn send;
    gpointer data;
    const OpenFrame *frame; // that is being sent
} Flush;

static void send_payload(gpointer data, GBytes *payload)
{
    const Flush *flush = data;
    flush->send(flush->data, &(Publish){flush->frame->kind, flush->frame->topic, payload});
}

static FrameHead head_of(const Flush *flush, const OpenFrame *frame)
{
    return (FrameHead){
        .kind = frame->kind,
        .from = flush->outbox->from,
        .to = frame->to,
        .incarnation = flush->outbox->incarnation,
        .sequence = flush->outbox->sequence + 1,
        .sent_at_us = flush->now_us,
    };
}

// FALSE when its receiver is not known.
static gboolean send_frame(Flush *flush, const OpenFrame *frame)
{
    Authentication *authentication = flush->outbox->authentication;
    GBytes *const *messages = (GBytes *const *)frame->messages->pdata;
    FrameHead head = head_of(flush, frame);
    flush->frame = frame;
    if (frame->messages->len == 0) {
        // An empty payload, as MQTT defines it (clause 3.3.1.3 of version 5.0).
        g_autoptr(GBytes) nothing = g_bytes_new_static("", 0);
        send_payload(flush, nothing);
        return TRUE;
    }
    if (authentication && !authentication_pack(authentication, &head, messages,
                                               frame->messages->len, send_payload, flush))
        return FALSE;
    flush->outbox->sequence = head.sequence;
    if (authentication)
        return TRUE;
    g_autoptr(GBytes) payload = frame_pack(&head, messages, frame->messages->len);
    send_payload(flush, payload);
    return TRUE;
}

static gboolean waits(OpenFrame *frame, gint64 now_us, gsize *n_held_bytes)
{
    if (frame->held_at_us == 0)
        frame->held_at_us = now_us;
    *n_held_bytes += frame->n_bytes;
    return now_us - frame->held_at_us < HOLD_US && *n_held_bytes <= HOLD_MAX_BYTES;
}

// The presence was lost on its way: a frame for no incarnation is refused, and makes its receiver
// announce itself.
static void knock(Flush *flush, const OpenFrame *frame)
{
    FrameHead head = head_of(flush, frame);
    flush->outbox->sequence = head.sequence;
    flush->frame = frame;
    g_autoptr(GBytes) payload =
        frame_pack(&head, (GBytes *const *)frame->messages->pdata, frame->messages->len);
    send_payload(flush, payload);
}

static void announce(const Flush *flush)
{
    Outbox *outbox = flush->outbox;
    g_autoptr(GBytes) presence =
        outbox->authentication ? authentication_announcement(outbox->authentication, flush->now_us)
                               : NULL;
    if (!presence)
        return;
    g_autofree char *topic = topic_format(KIND_PRESENCE, outbox->from, ID_ALL);
    flush->send(flush->data, &(Publish){KIND_PRESENCE, topic, presence});
}

void outbox_flush(Outbox *outbox, gint64 now_us, OutboxSendFn send, gpointer data)
{
    Flush flush = {outbox, now_us, send, data, NULL};
    g_autoptr(GPtrArray) frames = g_steal_pointer(&outbox->frames);
    gsize n_held_bytes = 0;
    outbox->frames = g_ptr_array_new_with_free_func(open_frame_free);
    g_hash_table_remove_all(outbox->by_topic);
    announce(&flush);
    for (guint i = 0; i < frames->len; i++) {
        OpenFrame *frame = frames->pdata[i];
        if (send_frame(&flush, frame))
            continue;
        if (!waits(frame, now_us, &n_held_bytes)) {
            knock(&flush, frame);
            continue;
        }
        frames->pdata[i] = NULL;
        g_ptr_array_add(outbox->frames, frame);
        g_hash_table_replace(outbox->by_topic, frame->topic, frame);
    }
}
