// SPDX-License-Identifier: Apache-2.0
//
// What members believe of the bus: only what was said by who it says, on that topic, to them, and
// no more than once; and nothing of a sender's earlier life after the next.

#include "tests/sim/witness-core.h"

#include <string.h>

// A publish as its sender meant it.
typedef struct {
    char *topic;
    guint64 incarnation;
} Said;

// A process of a member.
typedef struct {
    guint64 life;
    GHashTable *taken;  // set of GBytes
    GHashTable *newest; // sender → incarnation (guint64)
} Listener;

void witness_said_free(gpointer data)
{
    Said *said = data;
    g_free(said->topic);
    g_free(said);
}

void witness_listener_free(gpointer data)
{
    Listener *listener = data;
    g_hash_table_unref(listener->taken);
    g_hash_table_unref(listener->newest);
    g_free(listener);
}

void witness_on_frame(Witness *witness, const char *topic, GBytes *payload,
                      const WireHeader *header)
{
    Said *said = g_new(Said, 1);
    *said = (Said){g_strdup(topic), header->incarnation};
    g_hash_table_replace(witness->said, payload, said);
}

static Listener *listener_of(Witness *witness, const BrokerReceipt *receipt)
{
    Listener *listener = g_hash_table_lookup(witness->listeners, receipt->id);
    if (listener && listener->life == receipt->life)
        return listener;
    listener = g_new(Listener, 1);
    *listener = (Listener){receipt->life, g_hash_table_new(NULL, NULL),
                           g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free)};
    g_hash_table_replace(witness->listeners, g_strdup(receipt->id), listener);
    return listener;
}

// Nobody looks at the presence of those with whom there is nothing to talk about, and nothing comes
// of it.
static gboolean is_looked_at(Role listener, GBytes *payload)
{
    gsize n_bytes = 0;
    const guint8 *bytes = g_bytes_get_data(payload, &n_bytes);
    WireFrame *frame = qkdnf__v1__frame__unpack(NULL, n_bytes, bytes);
    const ProtobufCBinaryData *message = &frame->messages[0];
    WirePresence *presence = qkdnf__v1__presence__unpack(NULL, message->len, message->data);
    gboolean is_partner = (kind_partners(listener) & ROLE_BIT(presence->role)) != 0;
    wire_free(presence);
    wire_free(frame);
    return is_partner;
}

static void check_once(Witness *witness, const BrokerReceipt *receipt, const char *from,
                       guint64 incarnation)
{
    Listener *listener = listener_of(witness, receipt);
    const guint64 *newest = g_hash_table_lookup(listener->newest, from);
    if (!g_hash_table_add(listener->taken, receipt->payload))
        witness_fail(witness, "%s believes twice what came once on %s", receipt->id,
                     receipt->topic);
    if (newest && *newest > incarnation)
        witness_fail(witness, "%s believes on %s what was said in an earlier life of %s",
                     receipt->id, receipt->topic, from);
    if (!newest || *newest < incarnation)
        g_hash_table_replace(listener->newest, g_strdup(from),
                             g_memdup2(&incarnation, sizeof incarnation));
}

void witness_on_received(Witness *witness, const BrokerReceipt *receipt)
{
    Topic topic;
    // That nothing is retained any more says nothing.
    if (receipt->refusal != REFUSAL_NONE || g_bytes_get_size(receipt->payload) == 0)
        return;
    g_assert_true(topic_parse(receipt->topic, &topic));
    const Said *said = g_hash_table_lookup(witness->said, receipt->payload);
    gboolean is_said = said && strcmp(said->topic, receipt->topic) == 0;
    gboolean is_presence = topic.kind == KIND_PRESENCE;
    if (!is_said && (!is_presence || is_looked_at(receipt->role, receipt->payload)))
        witness_fail(witness, "%s believes on %s what nobody has said there", receipt->id,
                     receipt->topic);
    // A birth is true for a whole life, whenever it is heard.
    if (is_said && !is_presence)
        check_once(witness, receipt, topic.from, said->incarnation);
}
