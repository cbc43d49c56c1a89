// SPDX-License-Identifier: Apache-2.0

#include "agents/federation/leg.h"
#include "topics/base/id.h"

#include <string.h>

// One that has ended is kept for longer than a frame about it can be under way.
#define KEEP_US (3 * G_TIME_SPAN_MINUTE)

// --- the table -----------------------------------------------------------------------------------

static void leg_free(gpointer data)
{
    Leg *leg = data;
    wire_free(leg->told);
    sequence_set_free(leg->spent);
    g_free(leg->pair);
    g_free(leg->name);
    g_free(leg);
}

LegTable *leg_table_new(void)
{
    LegTable *table = g_new0(LegTable, 1);
    table->legs = g_tree_new_full(id_compare, NULL, NULL, leg_free);
    table->pairs =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
    table->held =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
    table->owing = g_ptr_array_new();
    return table;
}

void leg_table_free(LegTable *table)
{
    if (!table)
        return;
    g_ptr_array_unref(table->owing);
    g_hash_table_unref(table->held);
    g_hash_table_unref(table->pairs);
    g_tree_unref(table->legs);
    g_free(table->beat);
    g_free(table);
}

Leg *leg_find(const Agent *agent, const char *session, const char *sae)
{
    g_autofree char *name = keystore_end_name(session, sae);
    return g_tree_lookup(agent->legs->legs, name);
}

gboolean leg_is_initiator(const Leg *leg)
{
    return strcmp(leg->told->sae, leg->told->initiator) == 0;
}

char *leg_wait_name(const char *end)
{
    return g_strconcat(LEG_WAIT, end, NULL);
}

static gboolean is_older(const Leg *leg, const Leg *other)
{
    return leg->since_us != other->since_us ? leg->since_us < other->since_us
                                            : strcmp(leg->name, other->name) < 0;
}

static void list_in(GHashTable *table, const char *key, Leg *leg)
{
    GPtrArray *legs = g_hash_table_lookup(table, key);
    if (!legs) {
        legs = g_ptr_array_new();
        g_hash_table_insert(table, g_strdup(key), legs);
    }
    guint i = legs->len;
    while (i > 0 && is_older(leg, legs->pdata[i - 1]))
        i--;
    g_ptr_array_insert(legs, (gint)i, leg);
}

static void unlist_from(GHashTable *table, const char *key, Leg *leg)
{
    GPtrArray *legs = g_hash_table_lookup(table, key);
    if (legs && g_ptr_array_remove(legs, leg) && legs->len == 0)
        g_hash_table_remove(table, key);
}

static gboolean is_held(const Leg *leg)
{
    return leg->told->phase == LEG_PHASE(PREPARE) || leg->told->phase == LEG_PHASE(FREEZE);
}

static gboolean is_open(const Leg *leg)
{
    return is_held(leg) || leg->told->phase == LEG_PHASE(SERVE);
}

static void leg_unindex(Agent *agent, Leg *leg)
{
    unlist_from(agent->legs->held, leg->told->sae, leg);
    if (leg->pair)
        unlist_from(agent->legs->pairs, leg->pair, leg);
    g_clear_pointer(&leg->pair, g_free);
}

void leg_index(Agent *agent, Leg *leg)
{
    const WireLeg *told = leg->told;
    keystore_end_keep(agent->keys, leg->name, is_open(leg));
    if (is_held(leg))
        list_in(agent->legs->held, told->sae, leg);
    if (!is_open(leg) || !leg_is_initiator(leg))
        return;
    KeyAudience audience = {told->initiator, told->targets, told->n_targets};
    leg->pair = key_audience_name(&audience, told->size_bits / 8);
    list_in(agent->legs->pairs, leg->pair, leg);
}

// A buffer is filled up again when a block of it is gone, of which the platform is told.
guint leg_n_most(const Leg *leg)
{
    guint buffer = leg->told->buffer;
    return buffer - MIN(MAX(leg->told->report_every, 1), buffer) + 1;
}

Leg *leg_find_for(const Agent *agent, const KeyAudience *audience, guint number, guint size_bits)
{
    g_autofree char *pair = key_audience_name(audience, size_bits / 8);
    const GPtrArray *legs = g_hash_table_lookup(agent->legs->pairs, pair);
    for (guint i = 0; legs && i < legs->len; i++) {
        Leg *leg = legs->pdata[i];
        if (number <= leg_n_most(leg))
            return leg;
    }
    return NULL;
}

Leg *leg_find_held(const Agent *agent, const char *sae, const char *initiator)
{
    const GPtrArray *legs = g_hash_table_lookup(agent->legs->held, sae);
    for (guint i = 0; legs && i < legs->len; i++) {
        Leg *leg = legs->pdata[i];
        if (strcmp(leg->told->initiator, initiator) == 0)
            return leg;
    }
    return NULL;
}

void leg_note_call(Agent *agent, const char *sae)
{
    const GPtrArray *legs = g_hash_table_lookup(agent->legs->held, sae);
    for (guint i = 0; legs && i < legs->len; i++) {
        Leg *leg = legs->pdata[i];
        if (leg->told->phase != LEG_PHASE(PREPARE) || leg->is_wanted)
            continue;
        leg->is_wanted = TRUE;
        leg_urge(agent, leg);
    }
}

Leg *leg_insert(Agent *agent, const char *name, const WireLeg *told, gint64 since_us)
{
    Leg *leg = g_new0(Leg, 1);
    leg->name = g_strdup(name);
    leg->told = message_copy(&told->base);
    leg->spent = sequence_set_new();
    leg->since_us = since_us;
    g_tree_insert(agent->legs->legs, leg->name, leg);
    return leg;
}

// --- what is told --------------------------------------------------------------------------------

static gboolean is_of_session(const WireLeg *told)
{
    gboolean is_known = strcmp(told->sae, told->initiator) == 0;
    for (gsize i = 0; !is_known && i < told->n_targets; i++)
        is_known = strcmp(told->sae, told->targets[i]) == 0;
    return is_known;
}

static const char *find_fault(const WireLeg *told)
{
    if (!uuid_is_valid(told->session))
        return "session ID is not a UUID";
    if (!id_is_valid(told->sae))
        return "end is not an SAE ID";
    if (told->phase < LEG_PHASE(PREPARE) || told->phase > LEG_PHASE(END))
        return "unknown phase";
    if (told->phase == LEG_PHASE(END))
        return NULL;
    if (!id_is_valid(told->initiator) || told->n_targets < 1 || !is_of_session(told))
        return "end is neither initiator nor target of the session";
    if (told->size_bits < 8 || told->size_bits > 8192 || told->size_bits % 8 != 0)
        return "size of keys outside the limits";
    return NULL;
}

// Whether an end can be served here that comes, or goes on.
static Status check_service(const Agent *agent, const WireLeg *told, const char **ret_text)
{
    if (told->phase != LEG_PHASE(PREPARE) && told->phase != LEG_PHASE(SERVE))
        return STATUS_OK;
    *ret_text = "not a user here";
    if (!visitor_is_known(agent, told->sae))
        return STATUS_UNKNOWN_SAE;
    *ret_text = "a larger buffer than is kept here for one pair of applications";
    return told->buffer > agent->config->limits.max_keys_stored ? STATUS_UNSUPPORTED : STATUS_OK;
}

static gboolean is_same_session(const WireLeg *a, const WireLeg *b)
{
    gboolean is_same = strcmp(a->initiator, b->initiator) == 0 && a->size_bits == b->size_bits &&
                       a->n_targets == b->n_targets;
    for (gsize i = 0; is_same && i < a->n_targets; i++)
        is_same = strcmp(a->targets[i], b->targets[i]) == 0;
    return is_same;
}

// --- phases --------------------------------------------------------------------------------------

// What is not left of the numbers below `end` is gone, whatever stands here of it.
static void keep_only_left(Agent *agent, Leg *leg, guint64 end)
{
    g_autoptr(SequenceSet) left = sequence_set_new();
    sequence_set_add_ranges(left, leg->told->left, leg->told->n_left);
    sequence_set_add_others(leg->spent, left, end);
    leg_sweep(agent, leg);
}

static void leg_end(Agent *agent, Leg *leg)
{
    leg_wipe(agent, leg);
    leg->forget_at_us = agent->now + KEEP_US;
    timers_arm(agent->timers, TIMER_LEG, leg->name, leg->forget_at_us);
}

static void leg_enter(Agent *agent, Leg *leg, Qkdnf__V1__LegPhase from)
{
    switch (leg->told->phase) {
    case LEG_PHASE(PREPARE):
        break;
    case LEG_PHASE(SERVE):
        keep_only_left(agent, leg, leg->told->resume);
        break;
    case LEG_PHASE(FREEZE):
        // Nothing of it was served here, and what became of the originals is not known here.
        if (from == LEG_PHASE(PREPARE))
            leg_wipe(agent, leg);
        break;
    case LEG_PHASE(DRAIN):
        if (leg_is_initiator(leg))
            leg_wipe(agent, leg);
        else
            keep_only_left(agent, leg, G_MAXUINT64);
        break;
    case LEG_PHASE(END):
        leg_end(agent, leg);
        break;
    case LEG_PHASE(UNSPECIFIED):
    case _QKDNF__V1__LEG_PHASE_IS_INT_SIZE:
        break;
    }
}

static void leg_change(Agent *agent, Leg *leg, const WireLeg *told)
{
    Qkdnf__V1__LegPhase from = leg->told->phase;
    leg_unindex(agent, leg);
    leg_stop_urging(agent, leg);
    wire_free(leg->told);
    leg->told = message_copy(&told->base);
    leg->forget_at_us = 0;
    leg->is_wanted &= told->phase == LEG_PHASE(PREPARE);
    leg_enter(agent, leg, from);
    leg_index(agent, leg);
    leg_save(agent, leg);
    leg_owe(agent, leg);
    service_on_leg(agent, leg);
}

void leg_on_leg(gpointer data, const Sender *sender, gconstpointer message)
{
    Agent *agent = data;
    const WireLeg *told = message;
    Leg *leg = leg_find(agent, told->session, told->sae);
    if (leg && told->version <= leg->told->version) {
        leg_owe(agent, leg);
        return;
    }
    const char *text = find_fault(told);
    Status status = text ? STATUS_BAD_REQUEST : check_service(agent, told, &text);
    if (status == STATUS_OK && leg && told->phase != LEG_PHASE(END) &&
        leg->told->phase != LEG_PHASE(END) && !is_same_session(leg->told, told)) {
        status = STATUS_BAD_REQUEST;
        text = "another session than the one of this ID that is known here";
    }
    if (status != STATUS_OK) {
        leg_refuse(agent, told, status, text);
        return;
    }
    if (!leg) {
        g_autofree char *name = keystore_end_name(told->session, told->sae);
        leg = leg_insert(agent, name, told, agent->now);
    }
    leg_change(agent, leg, told);
}

// --- time ----------------------------------------------------------------------------------------

static void leg_forget(Agent *agent, Leg *leg)
{
    leg_unindex(agent, leg);
    leg_forget_owing(agent, leg);
    store_delete_text(agent->store, "leg", leg->name);
    g_tree_remove(agent->legs->legs, leg->name);
}

void leg_on_timer(Agent *agent, const char *name)
{
    Leg *leg = g_tree_lookup(agent->legs->legs, name);
    if (!leg)
        return;
    if (leg->told->phase == LEG_PHASE(END))
        leg_forget(agent, leg);
    else
        leg_repeat(agent, leg);
}

void leg_on_granted(Agent *agent, const char *session)
{
    g_autofree char *first = keystore_end_name(session, "");
    GTreeNode *node = g_tree_lower_bound(agent->legs->legs, first);
    for (; node && g_str_has_prefix(g_tree_node_key(node), first); node = g_tree_node_next(node)) {
        Leg *leg = g_tree_node_value(node);
        leg_on_stored(agent, session, leg->told->sae);
        service_on_leg(agent, leg);
    }
}
