// SPDX-License-Identifier: Apache-2.0

#include "topics/outbox.h"

// A frame takes no further message beyond this size, so that one large frame does not hold up small
// ones; a single message may be larger.
#define FRAME_FULL_BYTES (256 * 1024)

struct Outbox {
    char *from;
    guint64 incarnation;
    guint64 sequence;
    GPtrArray *frames;    // OpenFrame, oldest first
    GHashTable *by_topic; // topic → the OpenFrame that still takes messages
};

typedef struct {
    KindId kind;
    char *to;
    char *topic;
    GPtrArray *messages; // GBytes
    gsize n_bytes;
} OpenFrame;

static void open_frame_free(gpointer data)
{
    OpenFrame *frame = data;
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

gboolean outbox_is_empty(const Outbox *outbox)
{
    return outbox->frames->len == 0;
}

void outbox_flush(Outbox *outbox, gint64 now_us, OutboxSendFn send, gpointer data)
{
    for (guint i = 0; i < outbox->frames->len; i++) {
        const OpenFrame *frame = outbox->frames->pdata[i];
        if (frame->messages->len == 0) {
            // An empty payload, as MQTT defines it (clause 3.3.1.3 of version 5.0).
            g_autoptr(GBytes) nothing = g_bytes_new_static("", 0);
            send(data, &(Publish){frame->kind, frame->topic, nothing});
            continue;
        }
        FrameHead head = {
            .kind = frame->kind,
            .from = outbox->from,
            .to = frame->to,
            .incarnation = outbox->incarnation,
            .sequence = ++outbox->sequence,
            .sent_at_us = now_us,
        };
        g_autoptr(GBytes) payload =
            frame_pack(&head, (GBytes *const *)frame->messages->pdata, frame->messages->len);
        send(data, &(Publish){frame->kind, frame->topic, payload});
    }
    g_hash_table_remove_all(outbox->by_topic);
    g_ptr_array_set_size(outbox->frames, 0);
}
