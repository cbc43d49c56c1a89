// SPDX-License-Identifier: Apache-2.0

#include "topics/mqtt/plugin/gate.h"

#include <string.h>

#define TELL_US G_TIME_SPAN_MINUTE

#define STATE(name)    QKDNF__V1__MEMBER_STATE__MEMBER_STATE_##name
#define STATES_PUT_OUT (STATE_BIT(STATE(SUSPENDED)) | STATE_BIT(STATE(EXPELLED)))

struct Gate {
    // ID → Member. As many as the federation's authority has certified, or its platform knows.
    GHashTable *members;
};

typedef struct {
    Roles roles;
    States states;        // one of these is its state
    GPtrArray *receivers; // with whom it leaves state
    gint64 since_us;      // the current second
    guint n_frames;
    gsize n_bytes;
    guint n_of_kind[N_KINDS];
    gint64 cut_off_at_us; // as a flood; 0: never
    gint64 told_at_us;
    guint64 n_refused; // since it was told
} Member;

static void member_free(gpointer data)
{
    Member *member = data;
    g_ptr_array_unref(member->receivers);
    g_free(member);
}

Gate *gate_new(void)
{
    Gate *gate = g_new0(Gate, 1);
    gate->members = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, member_free);
    return gate;
}

void gate_free(Gate *gate)
{
    if (!gate)
        return;
    g_hash_table_unref(gate->members);
    g_free(gate);
}

static Member *find(const Gate *gate, const char *id)
{
    return g_hash_table_lookup(gate->members, id);
}

static Member *find_or_add(Gate *gate, const char *id)
{
    Member *member = find(gate, id);
    if (member)
        return member;
    member = g_new0(Member, 1);
    member->states = G_MAXUINT;
    member->receivers = g_ptr_array_new_with_free_func(g_free);
    g_hash_table_insert(gate->members, g_strdup(id), member);
    return member;
}

void gate_admit(Gate *gate, const char *member, Roles roles)
{
    if (id_is_valid(member))
        find_or_add(gate, member)->roles = roles;
}

// --- how much ------------------------------------------------------------------------------------

static void start_second(Member *member, gint64 now_us)
{
    member->since_us = now_us;
    member->n_frames = 0;
    member->n_bytes = 0;
    memset(member->n_of_kind, 0, sizeof member->n_of_kind);
}

static gboolean is_flooded(const Member *member, gint64 now_us)
{
    return member->cut_off_at_us != 0 && now_us - member->cut_off_at_us < GATE_PENALTY_US;
}

gboolean gate_is_flooded(const Gate *gate, const char *id, gint64 now_us)
{
    const Member *member = find(gate, id);
    return member && is_flooded(member, now_us);
}

// FALSE when that is more than anybody says.
static gboolean charge(Member *member, gsize n_bytes, gint64 now_us)
{
    if (is_flooded(member, now_us))
        return FALSE;
    if (now_us - member->since_us >= G_USEC_PER_SEC || now_us < member->since_us)
        start_second(member, now_us);
    member->n_frames++;
    member->n_bytes += n_bytes;
    if ((member->roles & ROLE_BIT(ROLE_PLATFORM)) ||
        (member->n_frames <= GATE_FRAMES_PER_S && member->n_bytes <= GATE_BYTES_PER_S))
        return TRUE;
    member->cut_off_at_us = now_us;
    return FALSE;
}

// A quota is that of one sender at one receiver. Where the table has only one receiver, a frame
// that is beyond it even if it has but one message need not get there.
static gboolean is_beyond_quota(Member *member, KindId id)
{
    const Kind *kind = kind_get(id);
    if (kind->messages_per_s == 0 || !(kind->to_all || kind->to == ROLE_BIT(ROLE_PLATFORM)))
        return FALSE;
    return ++member->n_of_kind[id] > kind->messages_per_s;
}

// FALSE when it would leave state with yet another. Everyone reads what is for all.
static gboolean may_leave_state(Member *member, const Topic *topic)
{
    if (kind_get(topic->kind)->to_all || (member->roles & ROLE_BIT(ROLE_PLATFORM)) ||
        g_ptr_array_find_with_equal_func(member->receivers, topic->to, g_str_equal, NULL))
        return TRUE;
    if (member->receivers->len >= GATE_RETAINED_MAX)
        return FALSE;
    g_ptr_array_add(member->receivers, g_strdup(topic->to));
    return TRUE;
}

// --- what ----------------------------------------------------------------------------------------

static Refusal check_address(const Gate *gate, const char *id, const Topic *topic)
{
    const Kind *kind = kind_get(topic->kind);
    if (strcmp(topic->from, id) != 0)
        return REFUSAL_MISMATCH;
    if (kind->to_all != (strcmp(topic->to, ID_ALL) == 0) || strcmp(topic->to, id) == 0)
        return REFUSAL_ADDRESS;
    const Member *receiver = kind->to_all ? NULL : find(gate, topic->to);
    if (receiver && receiver->roles && !(receiver->roles & kind->to))
        return REFUSAL_ADDRESS;
    return REFUSAL_NONE;
}

// Who acts in several roles has the state of a provider in all of them.
static Refusal check_sender(const Member *member, const Kind *kind)
{
    if (!(member->roles & kind->from))
        return REFUSAL_ROLE;
    gboolean by_state = (member->roles & kind->from & ROLE_BIT(ROLE_AGENT)) != 0;
    return by_state && !(member->states & kind->states) ? REFUSAL_STATE : REFUSAL_NONE;
}

static Refusal check_retained(Member *member, const Topic *topic, const GatePublish *publish)
{
    if (!publish->retained)
        return REFUSAL_NONE;
    if (!kind_get(topic->kind)->retained)
        return REFUSAL_UNHANDLED;
    return may_leave_state(member, topic) ? REFUSAL_NONE : REFUSAL_QUOTA;
}

// In any state a member may take back what it has left.
static gboolean is_taking_back(const GatePublish *publish, const Topic *topic)
{
    return publish->retained && publish->n_bytes == 0 && kind_get(topic->kind)->retained;
}

static Refusal check(Gate *gate, const char *id, const GatePublish *publish, gint64 now_us)
{
    Topic topic;
    Member *member = find(gate, id);
    if (!member)
        return REFUSAL_STRANGER;
    if (!charge(member, publish->n_bytes, now_us))
        return REFUSAL_QUOTA;
    if (!topic_parse(publish->topic, &topic))
        return REFUSAL_TOPIC;
    if (publish->n_bytes > FRAME_MAX_BYTES)
        return REFUSAL_SIZE;
    Refusal refusal = check_address(gate, id, &topic);
    if (refusal == REFUSAL_NONE)
        refusal = check_sender(member, kind_get(topic.kind));
    if (refusal == REFUSAL_STATE && is_taking_back(publish, &topic))
        refusal = REFUSAL_NONE;
    if (refusal == REFUSAL_NONE)
        refusal = check_retained(member, &topic, publish);
    if (refusal == REFUSAL_NONE && is_beyond_quota(member, topic.kind))
        refusal = REFUSAL_QUOTA;
    return refusal;
}

Refusal gate_publish(Gate *gate, const char *id, const GatePublish *publish, gint64 now_us)
{
    Refusal refusal = check(gate, id, publish, now_us);
    Member *member = refusal == REFUSAL_NONE ? NULL : find(gate, id);
    if (member)
        member->n_refused++;
    return refusal;
}

gboolean gate_tell(Gate *gate, const char *id, gint64 now_us, guint64 *ret_n_refused)
{
    Member *member = find(gate, id);
    if (!member || (member->told_at_us != 0 && now_us - member->told_at_us < TELL_US &&
                    now_us >= member->told_at_us))
        return FALSE;
    *ret_n_refused = member->n_refused;
    member->n_refused = 0;
    member->told_at_us = now_us;
    return TRUE;
}

// --- who hears what ------------------------------------------------------------------------------

// A filter that matches nothing else than what one of the member's does.
static gboolean is_covered(const char *filter, const char *own)
{
    g_auto(GStrv) levels = g_strsplit(filter, "/", 6);
    g_auto(GStrv) own_levels = g_strsplit(own, "/", 6);
    if (g_strv_length(levels) != 5 || g_strv_length(own_levels) != 5)
        return FALSE;
    for (guint i = 0; i < 5; i++) {
        if (strcmp(levels[i], "#") == 0 ||
            (strcmp(own_levels[i], "+") != 0 && strcmp(own_levels[i], levels[i]) != 0))
            return FALSE;
    }
    return TRUE;
}

static gboolean may_hear(const char *id, Role role, const char *filter)
{
    g_auto(GStrv) filters = topic_filters(id, role);
    gboolean is_own = FALSE;
    for (char **own = filters; *own && !is_own; own++)
        is_own = is_covered(filter, *own);
    return is_own;
}

Refusal gate_subscribe(Gate *gate, const char *id, const char *filter, guint n_subscriptions,
                       gint64 now_us)
{
    Member *member = find(gate, id);
    if (!member)
        return REFUSAL_STRANGER;
    if (!charge(member, strlen(filter), now_us) || n_subscriptions >= GATE_SUBSCRIPTIONS_MAX)
        return REFUSAL_QUOTA;
    // A monitor reads everything, by whatever filter.
    if (member->roles & ROLE_BIT(ROLE_MONITOR))
        return REFUSAL_NONE;
    for (Role role = ROLE_PLATFORM; role <= ROLE_OPERATOR; role++) {
        if ((member->roles & ROLE_BIT(role)) && may_hear(id, role, filter))
            return REFUSAL_NONE;
    }
    return REFUSAL_ROLE;
}

// --- what the platform says of members -----------------------------------------------------------

// Puts what is known of the member in place of what was; TRUE when it has been put out by that.
static gboolean enter(Member *member, States states)
{
    gboolean was_in = member->states != G_MAXUINT && !(member->states & STATES_PUT_OUT);
    member->states = states;
    return was_in && (states & STATES_PUT_OUT) != 0 && states != G_MAXUINT;
}

char *gate_learn(Gate *gate, const char *id, const GatePublish *publish)
{
    Topic topic;
    Refusal refusal;
    const Member *sender = find(gate, id);
    if (!sender || !(sender->roles & ROLE_BIT(ROLE_PLATFORM)) ||
        !topic_parse(publish->topic, &topic) || topic.kind != KIND_MEMBER ||
        strcmp(topic.from, id) != 0)
        return NULL;
    States states = G_MAXUINT;
    if (publish->n_bytes > 0) {
        g_autoptr(Frame) frame = frame_parse(&topic, publish->payload, publish->n_bytes, &refusal);
        const WireMember *last =
            frame ? (const WireMember *)frame->messages[frame->n_messages - 1] : NULL;
        if (!last || last->state > STATE(EXPELLED))
            return NULL;
        states = STATE_BIT(last->state);
    }
    return enter(find_or_add(gate, topic.to), states) ? g_strdup(topic.to) : NULL;
}
