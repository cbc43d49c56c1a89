// SPDX-License-Identifier: Apache-2.0
//
// Users away from home, as the platform tells of them: other providers' users that are served here,
// and own ones that are served elsewhere. One that leaves stays known until it has fetched what is
// here for it; an own one always does.

#include "agents/federation/visitor.h"

#include "agents/federation/state.pb-c.h"
#include "topics/base/id.h"
#include "topics/record.h"

#include <string.h>

#define VISITORS_MAX 10000

// What is late on the bus is not taken for news once it is forgotten that the visitor was here.
#define FORGET_US (3 * G_TIME_SPAN_MINUTE)

void visitor_free(gpointer data)
{
    Visitor *visitor = data;
    wire_free(visitor->visit);
    g_free(visitor);
}

Visitor *visitor_find(const Agent *agent, const char *sae)
{
    return g_tree_lookup(agent->visitors, sae);
}

gboolean visitor_is_known(const Agent *agent, const char *sae)
{
    return discovery_find_application(agent, sae) || visitor_find(agent, sae);
}

gboolean visitor_is_served(const Agent *agent, const char *sae)
{
    const Visitor *visitor = visitor_find(agent, sae);
    return visitor ? visitor->visit->is_served : discovery_find_application(agent, sae) != NULL;
}

// --- who may come in -----------------------------------------------------------------------------

static gboolean is_certificate(const KeyCaller *caller, const guint8 *sha256, gsize n_bytes)
{
    return n_bytes == 0 || (n_bytes == CERTIFICATE_SHA256_BYTES && caller->certificate &&
                            memcmp(caller->certificate, sha256, n_bytes) == 0);
}

static gboolean has_right_certificate(const AgentApplication *own, const Visitor *visitor,
                                      const KeyCaller *caller)
{
    guint8 sha256[CERTIFICATE_SHA256_BYTES];
    if (own)
        return !application_certificate(own, sha256) ||
               is_certificate(caller, sha256, sizeof sha256);
    const ProtobufCBinaryData *told = &visitor->visit->certificate_sha256;
    return is_certificate(caller, told->data, told->len);
}

Admission visitor_admit(const Agent *agent, const KeyCaller *caller)
{
    const AgentApplication *own = discovery_find_application(agent, caller->sae);
    const Visitor *visitor = visitor_find(agent, caller->sae);
    if (!own && !visitor)
        return ADMIT_LATER;
    if (!has_right_certificate(own, visitor, caller))
        return ADMIT_NOT;
    if (!visitor)
        return ADMIT;
    if (!visitor->visit->is_served)
        return ADMIT_LEAVING;
    return visitor->visit->has_come ? ADMIT : ADMIT_LATER;
}

// --- what the platform says ----------------------------------------------------------------------

static void save(Agent *agent, const Visitor *visitor)
{
    Agent__State__Visitor state = AGENT__STATE__VISITOR__INIT;
    state.visit = visitor->visit;
    g_autoptr(GBytes) value = message_pack(&state.base);
    store_put_text(agent->store, "visitor", visitor->visit->sae, value);
}

static gboolean is_access_node(const Agent *agent, const char *node)
{
    for (gsize i = 0; i < agent->resource->n_nodes; i++) {
        const WireNode *found = agent->resource->nodes[i];
        if (found->access && strcmp(found->id, node) == 0)
            return TRUE;
    }
    return FALSE;
}

static gboolean names(char **list, const char *id)
{
    return list && (g_strv_contains((const char *const *)list, ID_ALL) ||
                    g_strv_contains((const char *const *)list, id));
}

// An own user needs nobody's leave.
static Status check(const Agent *agent, const WireVisit *visit, const char **ret_text)
{
    const char *home = visit->home, *self = agent->config->id;
    *ret_text = "";
    if (!id_is_valid(visit->sae) || !id_is_valid(home))
        return STATUS_BAD_REQUEST;
    if (!visit->is_served)
        return STATUS_OK;
    if ((strcmp(home, self) == 0) != (discovery_find_application(agent, visit->sae) != NULL)) {
        *ret_text = "this provider and the platform disagree about who is its home";
        return STATUS_NOT_ALLOWED;
    }
    if (strcmp(home, self) != 0 && !names(agent->config->policy.roaming.serves, home)) {
        *ret_text = "this provider does not serve the home provider's users";
        return STATUS_NOT_ALLOWED;
    }
    if (!is_access_node(agent, visit->node)) {
        *ret_text = "there is no such access node";
        return STATUS_BAD_REQUEST;
    }
    if (!visitor_find(agent, visit->sae) && (guint)g_tree_nnodes(agent->visitors) >= VISITORS_MAX) {
        *ret_text = "there are too many visitors";
        return STATUS_BUSY;
    }
    return STATUS_OK;
}

static void answer(Agent *agent, const char *sae, guint64 version, Status status, const char *text)
{
    WireVisitState state = WIRE_VISIT_STATE_INIT;
    state.sae = (char *)sae;
    state.version = version;
    state.status = status;
    state.text = (char *)text;
    agent_send(agent, KIND_VISIT_STATE, agent->config->platform, &state.base);
}

static Visitor *find_or_add(Agent *agent, const char *sae)
{
    Visitor *visitor = visitor_find(agent, sae);
    if (!visitor) {
        visitor = g_new0(Visitor, 1);
        g_tree_insert(agent->visitors, g_strdup(sae), visitor);
    }
    return visitor;
}

static void take(Agent *agent, const WireVisit *visit)
{
    Visitor *visitor = find_or_add(agent, visit->sae);
    gboolean was_served = visitor->visit && visitor->visit->is_served;
    wire_free(visitor->visit);
    visitor->visit = message_copy(&visit->base);
    save(agent, visitor);
    timers_disarm(agent->timers, TIMER_VISITOR, visit->sae);
    if (!visit->is_served)
        timers_arm(agent->timers, TIMER_VISITOR, visit->sae, agent->now + FORGET_US);
    else if (!was_served && strcmp(visit->home, agent->config->id) != 0)
        agent_event(agent, QKDNF__V1__SEVERITY__SEVERITY_INFO, "visitor.admitted", visit->sae,
                    "a user of %s is served at node %s", visit->home, visit->node);
    if (visit->is_served && visit->has_come)
        door_open(agent, visit->sae);
    else if (!visit->is_served)
        door_refuse(agent, visit->sae, STATUS_BUSY, "it is served elsewhere");
}

void visitor_on_visit(gpointer data, const Sender *sender, gconstpointer message)
{
    Agent *agent = data;
    const WireVisit *visit = message;
    const Visitor *known = visitor_find(agent, visit->sae);
    const char *text = "";
    if (visit->version == 0) {
        door_refuse(agent, visit->sae, (Status)visit->status, visit->text);
        return;
    }
    // What is older is answered with what is newer: a platform that has forgotten learns of it.
    if (known && known->visit->version >= visit->version) {
        answer(agent, visit->sae, known->visit->version, STATUS_OK, "");
        return;
    }
    Status status = check(agent, visit, &text);
    if (status == STATUS_OK)
        take(agent, visit);
    else if (id_is_valid(visit->sae))
        agent_event(agent, QKDNF__V1__SEVERITY__SEVERITY_WARNING, "visitor.refused", visit->sae,
                    "%s: %s", status_name(status), text);
    answer(agent, visit->sae, visit->version, status, text);
}

// --- time and store ------------------------------------------------------------------------------

// An own user is never forgotten: where it is served follows from nothing else.
static void forget(Agent *agent, const char *sae)
{
    const Visitor *visitor = visitor_find(agent, sae);
    if (!visitor || visitor->visit->is_served || discovery_find_application(agent, sae))
        return;
    if (keystore_holds_for(agent->keys, sae)) {
        timers_arm(agent->timers, TIMER_VISITOR, sae, agent->now + FORGET_US);
        return;
    }
    store_delete_text(agent->store, "visitor", sae);
    g_tree_remove(agent->visitors, sae);
}

void visitor_on_timer(Agent *agent, TimerId timer, const char *sae)
{
    if (timer == TIMER_VISITOR)
        forget(agent, sae);
    else
        door_on_timer(agent, sae);
}

static void load_visitor(gpointer data, GBytes *key, GBytes *value)
{
    RecordLoading *loading = data;
    Agent *agent = loading->core;
    g_autofree char *sae = record_name(key);
    Agent__State__Visitor *state = record_unpack(&agent__state__visitor__descriptor, value);
    if (state && state->visit) {
        Visitor *visitor = find_or_add(agent, sae);
        visitor->visit = message_copy(&state->visit->base);
        if (!visitor->visit->is_served)
            timers_arm(agent->timers, TIMER_VISITOR, sae, agent->now + FORGET_US);
    } else {
        record_fail(loading, "visitor", sae, "is damaged");
    }
    wire_free(state);
}

gboolean visitor_load(Agent *agent, GError **error)
{
    return record_load(agent->store, "visitor", load_visitor, agent, error);
}
