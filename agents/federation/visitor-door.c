// SPDX-License-Identifier: Apache-2.0
//
// The door. Whoever calls with a certificate of the federation, but is not served here or calls for
// the first time, waits while the platform is asked: it knows its home, and whether home and this
// provider let it be served here. Anybody with a certificate can come: how many are asked about is
// bounded, for each and in all, and who was turned away is not asked about again for a while.

#include "agents/federation/visitor.h"

#include <string.h>

#define REPEAT_US     (250 * G_TIME_SPAN_MILLISECOND)
#define REPEAT_MAX_US (4 * G_TIME_SPAN_SECOND)

// How long nobody asks again about one who was refused.
#define REFUSED_US (10 * G_TIME_SPAN_SECOND)

// Before an SAE, in what calls wait for.
#define DOOR_WAIT "door "

#define DOORS_MAX          1024 // that are waited at or remembered
#define KNOCKS_PER_S       32   // first ones, in all
#define WAITING_AT_ONE_MAX 64   // calls

// One who is waited with, or was refused.
typedef struct {
    gint64 repeat_us;
    gint64 refused_until_us; // 0: the platform has not answered
} Door;

// --- what was asked ------------------------------------------------------------------------------

static Asked *asked_copy(const Asked *asked)
{
    const KeyQuery *query = &asked->query;
    Asked *copy = g_memdup2(asked, sizeof *asked);
    copy->query.caller.sae = g_strdup(query->caller.sae);
    copy->query.caller.certificate =
        query->caller.certificate ? g_memdup2(query->caller.certificate, CERTIFICATE_SHA256_BYTES)
                                  : NULL;
    copy->query.targets = (const char *const *)g_strdupv((char **)query->targets);
    copy->query.exclude = (const char *const *)g_strdupv((char **)query->exclude);
    copy->query.request = g_strdup(query->request);
    copy->query.session = g_strdup(query->session);
    copy->peer = g_strdup(asked->peer);
    copy->key_ids = (const char *const *)g_strdupv((char **)asked->key_ids);
    return copy;
}

void asked_free(Asked *asked)
{
    if (!asked)
        return;
    g_free((char *)asked->query.caller.sae);
    g_free((guint8 *)asked->query.caller.certificate);
    g_strfreev((char **)asked->query.targets);
    g_strfreev((char **)asked->query.exclude);
    g_free((char *)asked->query.request);
    g_free((char *)asked->query.session);
    g_free((char *)asked->peer);
    g_strfreev((char **)asked->key_ids);
    g_free(asked);
}

static void ask_again(Agent *agent, guint64 number, const Asked *asked)
{
    const KeyQuery *query = &asked->query;
    if (asked->type == CALL_STATUS)
        agent_key_status(agent, number, &query->caller, asked->peer, agent->now);
    else if (asked->type == CALL_GET)
        agent_get_keys(agent, number, query, agent->now);
    else
        agent_get_keys_by_id(agent, number, &query->caller, asked->peer, asked->key_ids,
                             agent->now);
}

// --- waiting -------------------------------------------------------------------------------------

static char *door_name(const char *sae)
{
    return g_strconcat(DOOR_WAIT, sae, NULL);
}

static void knock(Agent *agent, Door *door, const char *sae)
{
    const Visitor *visitor = visitor_find(agent, sae);
    WireVisitState state = WIRE_VISIT_STATE_INIT;
    state.sae = (char *)sae;
    state.version = visitor ? visitor->visit->version : 0;
    state.status = STATUS_OK;
    state.is_at_the_door = TRUE;
    agent_send(agent, KIND_VISIT_STATE, agent->config->platform, &state.base);
    timers_arm_repeat(agent->timers, TIMER_DOOR, sae, agent->now, &door->repeat_us, REPEAT_MAX_US);
}

static gboolean may_knock(Agent *agent)
{
    if (agent->now - agent->knocks_since_us >= G_USEC_PER_SEC) {
        agent->knocks_since_us = agent->now;
        agent->n_knocks = 0;
    }
    return g_hash_table_size(agent->doors) < DOORS_MAX && agent->n_knocks++ < KNOCKS_PER_S;
}

static guint n_waiting(Agent *agent, const char *sae)
{
    g_autofree char *what = door_name(sae);
    const GPtrArray *waiting = g_hash_table_lookup(agent->waiting, what);
    return waiting ? waiting->len : 0;
}

static void wait_at(Agent *agent, guint64 number, const Asked *asked)
{
    const char *sae = asked->query.caller.sae;
    g_autofree char *what = door_name(sae);
    Call *call = call_new(agent, number, CALL_AT_DOOR, sae);
    call->asked = asked_copy(asked);
    call_wait_for(agent, call, what);
}

// Who was refused because it may not come in looks like one whom nobody knows.
static void turn_away(Agent *agent, guint64 number)
{
    call_refuse_number(agent, number, KEY_VERDICT_UNAUTHORIZED, NULL, NULL);
}

static void hold(Agent *agent, guint64 number, const Asked *asked)
{
    const char *sae = asked->query.caller.sae;
    Door *door = g_hash_table_lookup(agent->doors, sae);
    if (door && door->refused_until_us > agent->now) {
        turn_away(agent, number);
        return;
    }
    if ((!door && !may_knock(agent)) || n_waiting(agent, sae) >= WAITING_AT_ONE_MAX) {
        call_refuse_number(agent, number, KEY_VERDICT_UNAVAILABLE,
                           "BUSY: too many applications are new here", NULL);
        return;
    }
    wait_at(agent, number, asked);
    if (door && door->refused_until_us == 0)
        return;
    if (!door) {
        door = g_new0(Door, 1);
        g_hash_table_insert(agent->doors, g_strdup(sae), door);
    }
    *door = (Door){.repeat_us = REPEAT_US};
    knock(agent, door, sae);
}

gboolean door_pass(Agent *agent, guint64 number, const Asked *asked)
{
    switch (visitor_admit(agent, &asked->query.caller)) {
    case ADMIT:
    case ADMIT_LEAVING:
        return TRUE;
    case ADMIT_LATER:
        hold(agent, number, asked);
        return FALSE;
    case ADMIT_NOT:
        turn_away(agent, number);
        return FALSE;
    }
    g_assert_not_reached();
}

gboolean door_pass_served(Agent *agent, guint64 number, const Asked *asked)
{
    if (visitor_admit(agent, &asked->query.caller) == ADMIT)
        return TRUE;
    hold(agent, number, asked);
    return FALSE;
}

// --- what the platform says ----------------------------------------------------------------------

static void forget(Agent *agent, const char *sae)
{
    timers_disarm(agent->timers, TIMER_DOOR, sae);
    g_hash_table_remove(agent->doors, sae);
}

void door_open(Agent *agent, const char *sae)
{
    g_autofree char *what = door_name(sae);
    g_autoptr(GArray) numbers = call_list_waiting(agent, what);
    forget(agent, sae);
    for (guint i = 0; i < numbers->len; i++) {
        guint64 number = g_array_index(numbers, guint64, i);
        Call *call = g_hash_table_lookup(agent->calls, &number);
        Asked *asked = g_steal_pointer(&call->asked);
        call_remove(agent, call);
        ask_again(agent, number, asked);
        asked_free(asked);
    }
}

void door_refuse(Agent *agent, const char *sae, Status status, const char *text)
{
    Door *door = g_hash_table_lookup(agent->doors, sae);
    if (!door || door->refused_until_us > 0)
        return;
    g_autofree char *what = door_name(sae);
    g_autoptr(GArray) numbers = call_list_waiting(agent, what);
    g_autofree char *why = g_strdup_printf("%s: %s", status_name(status), text);
    gboolean may_pass = status != STATUS_NOT_ALLOWED && status != STATUS_UNKNOWN_SAE;
    for (guint i = 0; i < numbers->len; i++) {
        Call *call = g_hash_table_lookup(agent->calls, &g_array_index(numbers, guint64, i));
        call_refuse(agent, call, may_pass ? KEY_VERDICT_UNAVAILABLE : KEY_VERDICT_UNAUTHORIZED,
                    may_pass ? why : NULL, NULL);
    }
    agent_event(agent, QKDNF__V1__SEVERITY__SEVERITY_WARNING, "visitor.refused", sae, "%s", why);
    if (may_pass) {
        forget(agent, sae);
        return;
    }
    door->refused_until_us = agent->now + REFUSED_US;
    timers_arm(agent->timers, TIMER_DOOR, sae, door->refused_until_us);
}

void door_on_timer(Agent *agent, const char *sae)
{
    Door *door = g_hash_table_lookup(agent->doors, sae);
    if (!door)
        return;
    if (door->refused_until_us == 0 && n_waiting(agent, sae) > 0)
        knock(agent, door, sae);
    else
        g_hash_table_remove(agent->doors, sae);
}
