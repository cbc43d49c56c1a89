// SPDX-License-Identifier: Apache-2.0

#include "topics/dispatch.h"

#include <string.h>

// Clocks of members may differ by this much before a frame counts as expired.
#define CLOCK_SKEW_US (60 * G_USEC_PER_SEC)

// Senders whose quotas are remembered; beyond it the table starts afresh.
#define QUOTA_SENDERS_MAX 20000

struct Dispatcher {
    char *self;
    const DispatchTable *table;
    gpointer core;
    GHashTable *quotas; // "kind/sender" → Quota
    Authentication *authentication;
};

// Messages of one sender and kind in the current second.
typedef struct {
    gint64 since_us;
    gsize n_messages;
} Quota;

Dispatcher *dispatcher_new(const char *self, const DispatchTable *table, gpointer core)
{
    Dispatcher *dispatcher = g_new0(Dispatcher, 1);
    dispatcher->self = g_strdup(self);
    dispatcher->table = table;
    dispatcher->core = core;
    dispatcher->quotas = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    return dispatcher;
}

void dispatcher_free(Dispatcher *dispatcher)
{
    if (!dispatcher)
        return;
    g_hash_table_unref(dispatcher->quotas);
    g_free(dispatcher->self);
    g_free(dispatcher);
}

void dispatcher_set_authentication(Dispatcher *dispatcher, Authentication *authentication)
{
    dispatcher->authentication = authentication;
}

static Quota *find_quota(Dispatcher *dispatcher, const Topic *topic, gint64 now_us)
{
    g_autofree char *key = g_strconcat(kind_get(topic->kind)->name, "/", topic->from, NULL);
    Quota *quota = g_hash_table_lookup(dispatcher->quotas, key);
    if (!quota) {
        if (g_hash_table_size(dispatcher->quotas) >= QUOTA_SENDERS_MAX)
            g_hash_table_remove_all(dispatcher->quotas);
        quota = g_new0(Quota, 1);
        quota->since_us = now_us;
        g_hash_table_insert(dispatcher->quotas, g_steal_pointer(&key), quota);
    }
    if (now_us - quota->since_us >= G_USEC_PER_SEC || now_us < quota->since_us)
        *quota = (Quota){.since_us = now_us};
    return quota;
}

// FALSE when that is more than the sender's share. What is refused is charged as well: it had to be
// looked at.
static gboolean charge(Dispatcher *dispatcher, const Topic *topic, gsize n_messages, gint64 now_us)
{
    guint messages_per_s = kind_get(topic->kind)->messages_per_s;
    if (messages_per_s == 0 || n_messages == 0)
        return TRUE;
    Quota *quota = find_quota(dispatcher, topic, now_us);
    quota->n_messages += n_messages;
    return quota->n_messages <= messages_per_s;
}

static gboolean is_in_state(const Dispatcher *dispatcher, const Kind *kind, const char *from,
                            Role role)
{
    const DispatchTable *table = dispatcher->table;
    return role != ROLE_AGENT || !table->state_of ||
           (kind->states & STATE_BIT(table->state_of(dispatcher->core, from)));
}

static Refusal check_topic(Dispatcher *dispatcher, const char *text, gint64 now_us,
                           Topic *ret_topic, Role *ret_role)
{
    if (!topic_parse(text, ret_topic))
        return REFUSAL_TOPIC;
    const Kind *kind = kind_get(ret_topic->kind);
    const char *address = kind->to_all ? ID_ALL : dispatcher->self;
    if (strcmp(ret_topic->to, address) != 0)
        return REFUSAL_ADDRESS;
    gboolean is_learnt = dispatcher->authentication && ret_topic->kind == KIND_PRESENCE;
    if (!dispatcher->table->handlers[ret_topic->kind] && !is_learnt)
        return REFUSAL_UNHANDLED;
    *ret_role = dispatcher->table->role_of(dispatcher->core, ret_topic->from);
    if (*ret_role != ROLE_BY_CERTIFICATE && !(kind->from & ROLE_BIT(*ret_role)))
        return REFUSAL_ROLE;
    if (!is_in_state(dispatcher, kind, ret_topic->from, *ret_role))
        return REFUSAL_STATE;
    // How many messages there are is seen only when it is unpacked: one is paid for in advance.
    return charge(dispatcher, ret_topic, 1, now_us) ? REFUSAL_NONE : REFUSAL_QUOTA;
}

static gboolean is_expired(const WireHeader *header, gint64 now_us)
{
    return header->expires_at_us > 0 && now_us > CLOCK_SKEW_US &&
           header->expires_at_us < (guint64)(now_us - CLOCK_SKEW_US);
}

typedef struct {
    Dispatcher *dispatcher;
    gint64 now_us;
    Role role; // the sender's, as the core has it; then by its certificate
    gboolean is_relevant;
} Check;

// Whether a sender may act in the role that its certificate gives it. A stranger, whom a core takes
// for an application, is one as far as both go. What it is present as its certificate alone says.
static gboolean is_in_role(const Check *check, const Topic *topic, Role certified)
{
    if (!(kind_get(topic->kind)->from & ROLE_BIT(certified)))
        return FALSE;
    return topic->kind == KIND_PRESENCE || check->role == ROLE_BY_CERTIFICATE ||
           check->role == ROLE_APPLICATION || check->role == certified;
}

static Refusal authenticate(gpointer data, const Topic *topic, const WireFrame *frame,
                            const WireHeader *header)
{
    Check *check = data;
    Authentication *authentication = check->dispatcher->authentication;
    Role role = ROLE_BY_CERTIFICATE;
    // Where nobody is authenticated, nobody can be asked to be.
    if (!authentication)
        return frame->algorithm == QKDNF__V1__ALGORITHM__ALGORITHM_UNSPECIFIED ? REFUSAL_NONE
                                                                               : REFUSAL_TAG;
    Refusal refusal = authentication_check(authentication, topic, frame, header, check->now_us,
                                           &role, &check->is_relevant);
    if (refusal == REFUSAL_NONE && !is_in_role(check, topic, role))
        return REFUSAL_ROLE;
    if (topic->kind == KIND_PRESENCE || check->role == ROLE_BY_CERTIFICATE)
        check->role = role;
    return refusal;
}

Refusal dispatcher_receive(Dispatcher *dispatcher, const char *text, const guint8 *payload,
                           gsize n_bytes, gint64 now_us)
{
    Topic topic;
    Check check = {dispatcher, now_us, 0, TRUE};
    Refusal refusal = check_topic(dispatcher, text, now_us, &topic, &check.role);
    if (refusal != REFUSAL_NONE)
        return refusal;
    // What was retained there is no more: that says nothing.
    if (n_bytes == 0 && kind_get(topic.kind)->retained)
        return REFUSAL_NONE;
    g_autoptr(Frame) frame =
        frame_parse_checked(&topic, payload, n_bytes, authenticate, &check, &refusal);
    if (!frame)
        return refusal;
    if (!charge(dispatcher, &topic, frame->n_messages - 1, now_us))
        return REFUSAL_QUOTA;
    if (is_expired(frame->header, now_us))
        return REFUSAL_EXPIRED;
    HandlerFn handler = dispatcher->table->handlers[topic.kind];
    guint64 incarnation = frame->header->incarnation;
    const guint8 *sha256 =
        dispatcher->authentication
            ? authentication_certificate_sha256(dispatcher->authentication, topic.from, incarnation)
            : NULL;
    Sender sender = {topic.from, check.role, incarnation, sha256};
    for (gsize i = 0; handler && check.is_relevant && i < frame->n_messages; i++)
        handler(dispatcher->core, &sender, frame->messages[i]);
    return REFUSAL_NONE;
}
