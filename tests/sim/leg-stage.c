// SPDX-License-Identifier: Apache-2.0

#include "tests/sim/leg-stage.h"

#include "schemas/agreement.h"

#include <string.h>

Network *leg_network(void)
{
    Network *network = network_chain(2);
    network_add_application(network, "beta", "sae-a");
    network_add_application(network, "alpha", "sae-b");
    return network;
}

LegStage *leg_stage_new(Network *network)
{
    LegStage *legs = g_new0(LegStage, 1);
    legs->stage = stage_new(network ? network : leg_network());
    node_kill(world_find_node(legs->stage->world, PLATFORM));
    return legs;
}

void leg_stage_free(LegStage *legs)
{
    if (!legs)
        return;
    stage_free(legs->stage);
    g_free(legs);
}

void restart(LegStage *legs, const char *agent)
{
    g_autoptr(GError) error = NULL;
    Node *node = world_find_node(legs->stage->world, agent);
    node_kill(node);
    node_start(node, &error);
    g_assert_no_error(error);
    world_run(legs->stage->world, 5 * MS);
}

static void restart_both(LegStage *legs)
{
    restart(legs, "alpha");
    restart(legs, "beta");
}

void tell(LegStage *legs, KindId kind, const char *to, const ProtobufCMessage *message)
{
    g_autoptr(GBytes) packed = message_pack(message);
    FrameHead head = {kind,
                      PLATFORM,
                      to,
                      (guint64)world_now(legs->stage->world),
                      1000 + legs->n_told++,
                      world_now(legs->stage->world)};
    g_autoptr(GBytes) frame = frame_pack(&head, &packed, 1);
    g_autofree char *topic = topic_format(kind, PLATFORM, to);
    broker_publish(legs->stage->world->broker, topic, frame);
    world_run(legs->stage->world, 5 * MS);
    // An order is worked on by two, of whom neither has all of it.
    if (legs->restarts && kind != KIND_ORDER)
        restart_both(legs);
}

// --- legs ----------------------------------------------------------------------------------------

static char *const bob[] = {(char *)"sae-b"};

WireLeg leg_of(const char *sae, guint64 version, Qkdnf__V1__LegPhase phase)
{
    WireLeg leg = WIRE_LEG_INIT;
    leg.session = (char *)SESSION;
    leg.sae = (char *)sae;
    leg.version = version;
    leg.phase = phase;
    leg.initiator = (char *)"sae-a";
    leg.targets = (char **)bob;
    leg.n_targets = 1;
    leg.size_bits = 256;
    leg.buffer = 16;
    leg.report_every = 4;
    return leg;
}

const WireLegState *heard(const LegStage *legs, const char *agent, const char *sae)
{
    for (guint i = legs->stage->seen->len; i > 0; i--) {
        const Seen *seen = legs->stage->seen->pdata[i - 1];
        for (gsize j = seen->frame->n_messages; seen->kind == KIND_LEG_STATE && j > 0; j--) {
            const WireLegState *state = (const WireLegState *)seen->frame->messages[j - 1];
            if (strcmp(seen->from, agent) == 0 && strcmp(state->sae, sae) == 0)
                return state;
        }
    }
    return NULL;
}

const WireLegState *tell_leg(LegStage *legs, const char *agent, const WireLeg *leg)
{
    stage_forget(legs->stage);
    tell(legs, KIND_LEG, agent, &leg->base);
    const WireLegState *state = heard(legs, agent, leg->sae);
    g_assert_nonnull(state);
    return state;
}

const WireLegState *tell_phase(LegStage *legs, const char *agent, const char *sae, guint64 version,
                               Qkdnf__V1__LegPhase phase)
{
    WireLeg leg = leg_of(sae, version, phase);
    const WireLegState *state = tell_leg(legs, agent, &leg);
    g_assert_cmpint(state->status, ==, STATUS_OK);
    g_assert_cmpuint(state->version, ==, version);
    g_assert_cmpint(state->phase, ==, phase);
    return state;
}

const WireLegState *tell_left(LegStage *legs, const char *agent, const char *sae, guint64 version,
                              Qkdnf__V1__LegPhase phase, guint64 first, guint64 end, guint64 resume)
{
    WireSequenceRange range = WIRE_SEQUENCE_RANGE_INIT, *ranges[] = {&range};
    range.first = first;
    range.end = end;
    WireLeg leg = leg_of(sae, version, phase);
    leg.n_left = 1;
    leg.left = ranges;
    leg.resume = resume;
    return tell_leg(legs, agent, &leg);
}

void assert_left(const WireLegState *state, guint64 first, guint64 end)
{
    g_assert_cmpuint(state->n_left, ==, first < end ? 1 : 0);
    if (first == end)
        return;
    g_assert_cmpuint(state->left[0]->first, ==, first);
    g_assert_cmpuint(state->left[0]->end, ==, end);
}

// --- orders --------------------------------------------------------------------------------------

char *request_id(guint n)
{
    return g_strdup_printf("01234567-89ab-4cde-8f01-%012u", n);
}

static char *const path[] = {(char *)"alpha", (char *)"beta"};
static char *const path_back[] = {(char *)"beta", (char *)"alpha"};

static WireOrder order_of(const Split *split, WireSessionKeys *session, char *id)
{
    session->session = (char *)SESSION;
    session->first = split->first;
    WireOrder order = WIRE_ORDER_INIT;
    order.request = id;
    order.attempt = split->attempt;
    order.initiator = (char *)(split->mover ? split->mover : "sae-a");
    order.initiator_agent = split->is_back ? path_back[0] : path[0];
    order.targets = split->mover ? (char **)&split->mover : (char **)bob;
    order.n_targets = 1;
    order.number = split->number;
    order.size_bits = 256;
    order.timeout_ms = 5000;
    order.session = session;
    order.copy = (WireKeyCopy *)split->copy;
    order.buyer = order.initiator_agent;
    return order;
}

void order(LegStage *legs, const Split *split)
{
    g_autofree char *id = request_id(split->request);
    WireSessionKeys session = WIRE_SESSION_KEYS_INIT;
    WireOrder wire = order_of(split, &session, id);
    WireSlotRange slots = WIRE_SLOT_RANGE_INIT;
    slots.link = (char *)"alpha-beta";
    slots.first = legs->n_slots;
    // With the marks of copies, which have a slot of their own here.
    slots.n_slots = split->number + (split->copy ? 2 : 1);
    legs->n_slots += slots.n_slots;
    WireBranch branch = WIRE_BRANCH_INIT, *branches[] = {&branch};
    branch.providers = (char **)(split->is_back ? path_back : path);
    branch.n_providers = 2;
    branch.target_agent = branch.providers[1];
    branch.n_paths = 1;
    wire.n_branches = 1;
    wire.branches = branches;

    branch.role = QKDNF__V1__BRANCH_ROLE__BRANCH_ROLE_INITIATOR;
    branch.from_node = (char *)"access";
    branch.to_node = (char *)"gateway";
    branch.egress = &slots;
    tell(legs, KIND_ORDER, branch.providers[0], &wire.base);
    branch.role = QKDNF__V1__BRANCH_ROLE__BRANCH_ROLE_TARGET;
    branch.from_node = (char *)"gateway";
    branch.to_node = (char *)"access";
    branch.ingress = &slots;
    branch.egress = NULL;
    g_autofree char *agreement = agreement_standing_id(1, wire.buyer, branch.providers[1]);
    wire.agreement = agreement;
    tell(legs, KIND_ORDER, branch.providers[1], &wire.base);
    world_run(legs->stage->world, 50 * MS);
    if (legs->restarts)
        restart_both(legs);
}

void release(LegStage *legs, const char *agent, guint request, guint attempt, gboolean deliver)
{
    g_autofree char *id = request_id(request);
    WireRelease release = WIRE_RELEASE_INIT;
    release.request = id;
    release.attempt = attempt;
    release.disposition = deliver ? QKDNF__V1__DISPOSITION__DISPOSITION_DELIVER
                                  : QKDNF__V1__DISPOSITION__DISPOSITION_VOID;
    tell(legs, KIND_RELEASE, agent, &release.base);
}

void grant(LegStage *legs, guint request)
{
    release(legs, "alpha", request, 0, TRUE);
    release(legs, "beta", request, 0, TRUE);
}

void fill(LegStage *legs, guint64 first, guint number)
{
    order(legs, &(Split){.request = (guint)first, .first = first, .number = number});
    grant(legs, (guint)first);
}

void copy(LegStage *legs, guint request, guint attempt, guint copied, guint number,
          const char *mover, gboolean is_back)
{
    g_autofree char *id = request_id(copied);
    WireKeyCopy keys = WIRE_KEY_COPY_INIT;
    keys.request = id;
    keys.initiator = (char *)"sae-a";
    keys.targets = (char **)bob;
    keys.n_targets = 1;
    order(legs, &(Split){.request = request,
                         .attempt = attempt,
                         .first = copied,
                         .number = number,
                         .copy = &keys,
                         .mover = mover,
                         .is_back = is_back});
}

void open_session(LegStage *legs)
{
    tell_phase(legs, "alpha", "sae-a", 1, PHASE(SERVE));
    tell_phase(legs, "beta", "sae-b", 1, PHASE(SERVE));
}

// --- calls ---------------------------------------------------------------------------------------

const Fetch *get_at(LegStage *legs, const char *agent, guint number, const char *session)
{
    const char *targets[] = {"sae-b", NULL};
    KeyQuery query = {.caller = {.sae = "sae-a"},
                      .targets = targets,
                      .number = number,
                      .size_bits = 256,
                      .n_paths = 1,
                      .session = session};
    const Fetch *fetch = world_get_keys(legs->stage->world, agent, &query);
    world_run(legs->stage->world, 5 * MS);
    return fetch;
}

const Fetch *get(LegStage *legs, guint number)
{
    return get_at(legs, "alpha", number, NULL);
}

const Fetch *get_id_at(LegStage *legs, const char *agent, guint request, guint attempt, guint index)
{
    g_autofree char *name = request_id(request);
    char id[UUID_CHARS + 1];
    key_id_derive(name, attempt, index, id);
    const char *ids[] = {id, NULL};
    const Fetch *fetch = world_get_keys_by_id(legs->stage->world, agent, "sae-b", "sae-a", ids);
    world_run(legs->stage->world, 5 * MS);
    return fetch;
}

const Fetch *get_id(LegStage *legs, guint request, guint index)
{
    return get_id_at(legs, "beta", request, 0, index);
}

void assert_got(const Fetch *fetch, guint request, guint attempt, guint index, guint number)
{
    g_assert_true(fetch->is_answered);
    g_assert_cmpint(fetch->verdict, ==, KEY_VERDICT_OK);
    g_assert_cmpuint(fetch->keys->len, ==, number);
    g_autofree char *name = request_id(request);
    for (guint i = 0; i < number; i++) {
        char id[UUID_CHARS + 1];
        key_id_derive(name, attempt, index + i, id);
        g_assert_cmpstr(((const DeliveredKey *)fetch->keys->pdata[i])->id, ==, id);
    }
}

void assert_same_key(const Fetch *a, const Fetch *b)
{
    const DeliveredKey *x = a->keys->pdata[0], *y = b->keys->pdata[0];
    g_assert_cmpstr(x->id, ==, y->id);
    g_assert_true(secret_equal(x->key, y->key));
}

void assert_refused(const Fetch *fetch, KeyVerdict verdict)
{
    g_assert_true(fetch->is_answered);
    g_assert_cmpint(fetch->verdict, ==, verdict);
    g_assert_cmpuint(fetch->keys->len, ==, 0);
}
