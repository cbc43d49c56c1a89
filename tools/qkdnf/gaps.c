// SPDX-License-Identifier: Apache-2.0

#include "tools/qkdnf/gaps.h"

// More senders than this are not watched.
#define SENDERS_MAX 10000

struct Gaps {
    GHashTable *senders; // ID → Sender
    guint64 n_missing;   // of all lives of all senders
};

typedef struct {
    guint64 incarnation;
    guint64 last;      // the highest number that was seen
    guint64 n_missing; // of this incarnation
} Sender;

Gaps *gaps_new(void)
{
    Gaps *gaps = g_new0(Gaps, 1);
    gaps->senders = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    return gaps;
}

void gaps_free(Gaps *gaps)
{
    if (!gaps)
        return;
    g_hash_table_unref(gaps->senders);
    g_free(gaps);
}

// What is retained may be old: a life begins, for whoever listens, with what is not.
static void begin(Gaps *gaps, const WireHeader *header, Sender *sender, gboolean is_retained)
{
    if (is_retained)
        return;
    if (!sender) {
        if (g_hash_table_size(gaps->senders) >= SENDERS_MAX)
            return;
        sender = g_new0(Sender, 1);
        g_hash_table_insert(gaps->senders, g_strdup(header->from), sender);
    }
    *sender = (Sender){.incarnation = header->incarnation, .last = header->sequence};
}

static void count(Gaps *gaps, Sender *sender, guint64 sequence, gboolean is_retained)
{
    if (sequence > sender->last) {
        gaps->n_missing += sequence - sender->last - 1;
        sender->n_missing += sequence - sender->last - 1;
        sender->last = sequence;
    } else if (sequence < sender->last && sender->n_missing > 0 && !is_retained) {
        gaps->n_missing--;
        sender->n_missing--;
    }
}

// Births and deaths have no number.
static void take_header(Gaps *gaps, KindId kind, const WireHeader *header)
{
    gboolean is_retained = kind_get(kind)->retained;
    Sender *sender = g_hash_table_lookup(gaps->senders, header->from);
    if (header->sequence == 0 || (sender && header->incarnation < sender->incarnation))
        return;
    if (!sender || header->incarnation > sender->incarnation)
        begin(gaps, header, sender, is_retained);
    else
        count(gaps, sender, header->sequence, is_retained);
}

// Enough is known before the messages are unpacked.
static Refusal look(gpointer gaps, const Topic *topic, const WireFrame *frame,
                    const WireHeader *header)
{
    take_header(gaps, topic->kind, header);
    return REFUSAL_UNHANDLED;
}

void gaps_take(Gaps *gaps, const char *text, const guint8 *payload, gsize n_bytes)
{
    Topic topic;
    Refusal refusal;
    if (!topic_parse(text, &topic))
        return;
    frame_free(frame_parse_checked(&topic, payload, n_bytes, look, gaps, &refusal));
}

guint64 gaps_n_missing(const Gaps *gaps)
{
    return gaps->n_missing;
}
