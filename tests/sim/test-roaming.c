// SPDX-License-Identifier: Apache-2.0
//
// Users away from home, with the real cores: who may be served where, who just comes, and who is
// handed over; with losses, and with every process dying in every pass of it.

#include "tests/sim/stage.h"

#include <string.h>

#define OPERATOR "ops"
#define MOVE_ID  "01234567-89ab-4cde-8f01-23456789abcd"
#define OTHER_ID "01234567-89ab-4cde-8f01-23456789abce"

#define PATIENCE_US (70 * G_TIME_SPAN_SECOND)

// No process has more passes than this to do with one handover.
#define PASSES_MAX         10
#define SESSION_PASSES_MAX 24

static const guint8 certificate[CERTIFICATE_SHA256_BYTES] = {0xab, 0xcd};
#define CERTIFICATE_HEX "abcd000000000000000000000000000000000000000000000000000000000000"

static char *all[] = {(char *)ID_ALL, NULL};
static char *operators[] = {(char *)OPERATOR, NULL};

// alpha - beta - gamma; anybody may serve anybody's users.
static Network *network_roaming(void)
{
    Network *network = network_chain(3);
    network->federation.operators = operators;
    for (guint i = 0; i < network->sites->len; i++) {
        RoamingPolicy *policy = &((Site *)network->sites->pdata[i])->config.policy.roaming;
        policy->may_serve_ours = policy->serves = all;
    }
    return network;
}

static RoamingPolicy *policy_of(Network *network, const char *site)
{
    return &network_find_site(network, site)->config.policy.roaming;
}

static Stage *stage_roaming(void)
{
    return stage_new(network_roaming());
}

// --- what users do -------------------------------------------------------------------------------

static const Fetch *call_with(Stage *stage, const char *agent, const KeyCaller *caller,
                              const char *to)
{
    const char *const targets[] = {to, NULL};
    KeyQuery query = {
        .caller = *caller, .targets = targets, .number = 1, .size_bits = 256, .n_paths = 1};
    return stage_await_fetch(stage, world_get_keys(stage->world, agent, &query));
}

static const Fetch *call(Stage *stage, const char *agent, const char *sae, const char *to)
{
    return call_with(stage, agent, &(KeyCaller){.sae = sae}, to);
}

// The target gets, at that agent, the key that the initiator has.
static void assert_same_at(Stage *stage, const Fetch *mine, const char *agent, const char *target)
{
    if (mine->verdict != KEY_VERDICT_OK)
        g_error("%s gets no key: %s", mine->caller, mine->message ? mine->message : "401");
    const DeliveredKey *key = mine->keys->pdata[0];
    const char *const ids[] = {key->id, NULL};
    const Fetch *theirs = stage_await_fetch(
        stage, world_get_keys_by_id(stage->world, agent, target, mine->caller, ids));
    g_assert_cmpint(theirs->verdict, ==, KEY_VERDICT_OK);
    const DeliveredKey *other = theirs->keys->pdata[0];
    g_assert_true(secret_equal(key->key, other->key));
}

static void publish(gpointer broker, const Publish *one)
{
    broker_publish(broker, one->topic, one->payload);
}

static void ask_as(Stage *stage, const char *sender, const WireHandover *wire)
{
    g_autoptr(Outbox) outbox = outbox_new(sender, 1);
    outbox_add(outbox, KIND_HANDOVER, PLATFORM, &wire->base);
    outbox_flush(outbox, world_now(stage->world), publish, stage->world->broker);
}

static WireHandover make_move(const char *provider)
{
    WireHandover wire = WIRE_HANDOVER_INIT;
    wire.id = (char *)MOVE_ID;
    wire.provider = (char *)provider;
    wire.timeout_ms = 10000;
    return wire;
}

// The last that was said of a handover, or NULL.
static const WireHandoverState *find_state(const Stage *stage, const char *id)
{
    for (guint i = stage->seen->len; i > 0; i--) {
        const Seen *seen = stage->seen->pdata[i - 1];
        for (gsize j = seen->frame->n_messages; seen->kind == KIND_HANDOVER_STATE && j > 0; j--) {
            const WireHandoverState *state =
                (const WireHandoverState *)seen->frame->messages[j - 1];
            if (strcmp(state->id, id) == 0)
                return state;
        }
    }
    return NULL;
}

typedef struct {
    const Stage *stage;
    const char *id;
    Qkdnf__V1__HandoverPhase phase;
} Awaited;

static gboolean is_in_phase(gpointer data)
{
    const Awaited *awaited = data;
    const WireHandoverState *state = find_state(awaited->stage, awaited->id);
    return state && state->phase == awaited->phase;
}

#define PHASE(phase) QKDNF__V1__HANDOVER_PHASE__HANDOVER_PHASE_##phase

static const WireHandoverState *await_phase_of(Stage *stage, const char *id,
                                               Qkdnf__V1__HandoverPhase phase)
{
    Awaited awaited = {stage, id, phase};
    if (!world_run_until(stage->world, is_in_phase, &awaited, PATIENCE_US)) {
        const WireHandoverState *state = find_state(stage, id);
        g_error("handover is in phase %d (%s); expected %d", state ? (int)state->phase : -1,
                state ? state->text : "", phase);
    }
    return find_state(stage, id);
}

static const WireHandoverState *await_phase(Stage *stage, Qkdnf__V1__HandoverPhase phase)
{
    return await_phase_of(stage, MOVE_ID, phase);
}

static void assert_event(const Stage *stage, const char *name, const char *subject)
{
    for (guint i = 0; i < stage->seen->len; i++) {
        const Seen *seen = stage->seen->pdata[i];
        for (gsize j = 0; seen->kind == KIND_EVENT && j < seen->frame->n_messages; j++) {
            const WireEvent *event = (const WireEvent *)seen->frame->messages[j];
            if (strcmp(event->name, name) == 0 && strcmp(event->subject, subject) == 0)
                return;
        }
    }
    g_error("no event %s of %s", name, subject);
}

// --- who just comes ------------------------------------------------------------------------------

static void test_it_just_comes(void)
{
    g_autoptr(Stage) stage = stage_roaming();
    assert_same_at(stage, call(stage, "gamma", "sae-a", "sae-b"), "beta", "sae-b");
    assert_event(stage, "visitor.admitted", "sae-a");
    assert_event(stage, "handover.switched", "sae-a");
    // From now on it need not wait for the platform, and is found there by others.
    stage_forget(stage);
    assert_same_at(stage, call(stage, "gamma", "sae-a", "sae-b"), "beta", "sae-b");
    g_assert_cmpuint(stage_count(stage, KIND_VISIT_STATE), ==, 0);
    assert_same_at(stage, call(stage, "beta", "sae-b", "sae-a"), "gamma", "sae-a");
    assert_same_at(stage, call(stage, "gamma", "sae-g", "sae-a"), "gamma", "sae-a");
    const Fetch *status =
        stage_await_fetch(stage, world_key_status(stage->world, "beta", "sae-b", "sae-a"));
    g_assert_cmpstr(status->target_kme, ==, "kme-gamma");
}

// It is back, and was not asked where it is going.
static void test_it_comes_home(void)
{
    g_autoptr(Stage) stage = stage_roaming();
    assert_same_at(stage, call(stage, "gamma", "sae-a", "sae-b"), "beta", "sae-b");
    // A straggler does not move it back.
    g_assert_cmpint(call(stage, "alpha", "sae-a", "sae-b")->verdict, ==, KEY_VERDICT_UNAVAILABLE);
    world_run(stage->world, 6 * G_TIME_SPAN_SECOND);
    assert_same_at(stage, call(stage, "alpha", "sae-a", "sae-b"), "beta", "sae-b");
    stage_forget(stage);
    assert_same_at(stage, call(stage, "beta", "sae-b", "sae-a"), "alpha", "sae-a");
}

// An agent knows its visitors again before they have called.
static void test_a_visitor_is_remembered(void)
{
    g_autoptr(Stage) stage = stage_roaming();
    assert_same_at(stage, call(stage, "gamma", "sae-a", "sae-b"), "beta", "sae-b");
    world_run(stage->world, G_TIME_SPAN_SECOND);
    Node *gamma = world_find_node(stage->world, "gamma");
    node_kill(gamma);
    g_assert_true(node_start(gamma, NULL));
    world_run(stage->world, 3 * G_TIME_SPAN_SECOND);
    stage_forget(stage);
    assert_same_at(stage, call(stage, "beta", "sae-b", "sae-a"), "gamma", "sae-a");
    g_assert_cmpuint(stage_count(stage, KIND_VISIT), ==, 0);
}

static void test_a_stranger(void)
{
    g_autoptr(Stage) stage = stage_roaming();
    g_assert_cmpint(call(stage, "gamma", "nobody", "sae-b")->verdict, ==, KEY_VERDICT_UNAUTHORIZED);
    assert_event(stage, "visitor.refused", "nobody");
    stage_forget(stage);
    g_assert_cmpint(call(stage, "gamma", "nobody", "sae-b")->verdict, ==, KEY_VERDICT_UNAUTHORIZED);
    g_assert_cmpuint(stage_count(stage, KIND_VISIT_STATE), ==, 0);
    world_run(stage->world, 11 * G_TIME_SPAN_SECOND);
    g_assert_cmpint(call(stage, "gamma", "nobody", "sae-b")->verdict, ==, KEY_VERDICT_UNAUTHORIZED);
    g_assert_cmpuint(stage_count(stage, KIND_VISIT_STATE), ==, 1);
}

// A crowd at the door is asked about so fast and no faster; what is known goes on.
static void test_a_crowd(void)
{
    static const char *const targets[] = {"sae-b", NULL};
    g_autoptr(Stage) stage = stage_roaming();
    for (guint i = 0; i < 2000; i++) {
        g_autofree char *sae = g_strdup_printf("nobody-%u", i);
        KeyQuery query = {.caller = {.sae = sae},
                          .targets = targets,
                          .number = 1,
                          .size_bits = 256,
                          .n_paths = 1};
        world_get_keys(stage->world, "gamma", &query);
    }
    g_assert_cmpint(call(stage, "gamma", "sae-g", "sae-b")->verdict, ==, KEY_VERDICT_OK);
    guint n_asked = 0;
    for (guint i = 0; i < stage->seen->len; i++) {
        const Seen *seen = stage->seen->pdata[i];
        n_asked += seen->kind == KIND_VISIT_STATE ? (guint)seen->frame->n_messages : 0;
    }
    g_assert_cmpuint(n_asked, ==, 32);
    world_run(stage->world, G_TIME_SPAN_SECOND);
    assert_same_at(stage, call(stage, "gamma", "sae-a", "sae-b"), "beta", "sae-b");
}

static void test_home_forbids(void)
{
    static char *beta_only[] = {(char *)"beta", NULL};
    Network *network = network_roaming();
    policy_of(network, "alpha")->may_serve_ours = beta_only;
    g_autoptr(Stage) stage = stage_new(network);
    g_assert_cmpint(call(stage, "gamma", "sae-a", "sae-b")->verdict, ==, KEY_VERDICT_UNAUTHORIZED);
    g_assert_cmpint(call(stage, "beta", "sae-a", "sae-b")->verdict, ==, KEY_VERDICT_OK);
}

static void test_visited_forbids(void)
{
    Network *network = network_roaming();
    policy_of(network, "gamma")->serves = NULL;
    g_autoptr(Stage) stage = stage_new(network);
    g_assert_cmpint(call(stage, "gamma", "sae-a", "sae-b")->verdict, ==, KEY_VERDICT_UNAUTHORIZED);
    WireHandover wire = make_move("gamma");
    ask_as(stage, "sae-a", &wire);
    const WireHandoverState *state = await_phase(stage, PHASE(REFUSED));
    g_assert_cmpint(state->status, ==, STATUS_NOT_ALLOWED);
    g_assert_cmpstr(state->text, ==, "provider 'gamma' does not serve users of 'alpha'");
    assert_event(stage, "handover.refused", "sae-a");
}

// The home provider states the certificate: at home, and wherever its user is.
static void test_the_certificate(void)
{
    Network *network = network_roaming();
    AgentApplication *application =
        network_find_site(network, "alpha")->config.applications->pdata[0];
    application->certificate_sha256 = (char *)CERTIFICATE_HEX;
    g_autoptr(Stage) stage = stage_new(network);
    static const guint8 other[CERTIFICATE_SHA256_BYTES] = {0xab, 0xce};
    static const char *const agents[] = {"alpha", "gamma"};
    for (guint i = 0; i < G_N_ELEMENTS(agents); i++) {
        KeyCaller caller = {"sae-a", other};
        g_assert_cmpint(call_with(stage, agents[i], &caller, "sae-b")->verdict, ==,
                        KEY_VERDICT_UNAUTHORIZED);
        caller.certificate = NULL;
        g_assert_cmpint(call_with(stage, agents[i], &caller, "sae-b")->verdict, ==,
                        KEY_VERDICT_UNAUTHORIZED);
        caller.certificate = certificate;
        world_run(stage->world, 6 * G_TIME_SPAN_SECOND);
        g_assert_cmpint(call_with(stage, agents[i], &caller, "sae-b")->verdict, ==, KEY_VERDICT_OK);
    }
}

// --- who is handed over --------------------------------------------------------------------------

static void test_handover(void)
{
    g_autoptr(Stage) stage = stage_roaming();
    const Fetch *first = call(stage, "beta", "sae-b", "sae-a");
    WireHandover wire = make_move("gamma");
    ask_as(stage, "sae-a", &wire);
    const WireHandoverState *state = await_phase(stage, PHASE(PREPARED));
    g_assert_cmpstr(state->provider, ==, "gamma");
    g_assert_cmpstr(state->kme_url, ==, "https://gamma.example");
    // The old one still serves.
    assert_same_at(stage, call(stage, "alpha", "sae-a", "sae-b"), "beta", "sae-b");
    world_run(stage->world, G_TIME_SPAN_SECOND);
    g_assert_cmpint(find_state(stage, MOVE_ID)->phase, ==, PHASE(PREPARED));
    assert_same_at(stage, call(stage, "gamma", "sae-a", "sae-b"), "beta", "sae-b");
    state = await_phase(stage, PHASE(RELEASED));
    g_assert_cmpint(state->status, ==, STATUS_OK);
    g_assert_cmpstr(state->provider, ==, "gamma");
    g_assert_cmpuint(state->duration_us, >, G_TIME_SPAN_SECOND);
    // What was here for it is not lost.
    assert_same_at(stage, first, "alpha", "sae-a");
    assert_same_at(stage, call(stage, "beta", "sae-b", "sae-a"), "gamma", "sae-a");
}

// Also a target that only fetches is noticed when it comes.
static void test_handover_of_a_target(void)
{
    g_autoptr(Stage) stage = stage_roaming();
    WireHandover wire = make_move("gamma");
    ask_as(stage, "sae-a", &wire);
    await_phase(stage, PHASE(PREPARED));
    static const char *const unknown[] = {"00000000-0000-4000-8000-000000000000", NULL};
    const Fetch *fetch = stage_await_fetch(
        stage, world_get_keys_by_id(stage->world, "gamma", "sae-a", "sae-b", unknown));
    g_assert_cmpint(fetch->verdict, ==, KEY_VERDICT_BAD_REQUEST);
    await_phase(stage, PHASE(RELEASED));
    assert_same_at(stage, call(stage, "beta", "sae-b", "sae-a"), "gamma", "sae-a");
}

static void test_handover_by_operator(void)
{
    g_autoptr(Stage) stage = stage_roaming();
    WireHandover wire = make_move("gamma");
    wire.sae = (char *)"sae-a";
    ask_as(stage, OPERATOR, &wire);
    await_phase(stage, PHASE(RELEASED));
    stage_forget(stage);
    assert_same_at(stage, call(stage, "gamma", "sae-a", "sae-b"), "beta", "sae-b");
    g_assert_cmpuint(stage_count(stage, KIND_VISIT_STATE), ==, 0);
}

static void test_handover_to_a_region(void)
{
    Network *network = network_roaming();
    network_find_site(network, "gamma")->config.region = (char *)"south";
    network_find_site(network, "beta")->config.region = (char *)"south";
    g_autoptr(Stage) stage = stage_new(network);
    WireHandover wire = make_move("");
    wire.region = (char *)"south";
    ask_as(stage, "sae-a", &wire);
    // Both could; the nearer is better.
    g_assert_cmpstr(await_phase(stage, PHASE(PREPARED))->provider, ==, "beta");
    g_assert_cmpint(call(stage, "beta", "sae-a", "sae-g")->verdict, ==, KEY_VERDICT_OK);
    await_phase(stage, PHASE(RELEASED));
}

static void test_back_and_forth(void)
{
    g_autoptr(Stage) stage = stage_roaming();
    for (guint i = 0; i < 6; i++) {
        static const char *const agents[] = {"gamma", "beta", "alpha"};
        const char *to = agents[i % 3];
        g_autofree char *id = g_strdup_printf("01234567-89ab-4cde-8f01-%012u", i);
        WireHandover wire = make_move(to);
        wire.id = id;
        ask_as(stage, "sae-a", &wire);
        await_phase_of(stage, id, PHASE(PREPARED));
        assert_same_at(stage, call(stage, to, "sae-a", "sae-b2"), "beta", "sae-b2");
        await_phase_of(stage, id, PHASE(RELEASED));
        assert_same_at(stage, call(stage, "beta", "sae-b", "sae-a"), to, "sae-a");
    }
}

static void test_another_node(void)
{
    Network *network = network_roaming();
    Site *alpha = network_find_site(network, "alpha");
    SimNode *node = g_new0(SimNode, 1);
    *node = (SimNode){(char *)"annex", TRUE, FALSE};
    g_ptr_array_add(alpha->qkdn.nodes, node);
    SimLink *link = g_memdup2(alpha->qkdn.links->pdata[0], sizeof(SimLink));
    link->a = (char *)"annex";
    g_ptr_array_add(alpha->qkdn.links, link);
    g_autoptr(Stage) stage = stage_new(network);
    WireHandover wire = make_move("alpha");
    wire.node = (char *)"annex";
    ask_as(stage, "sae-a", &wire);
    g_assert_cmpstr(await_phase(stage, PHASE(RELEASED))->node, ==, "annex");
    stage_forget(stage);
    assert_same_at(stage, call(stage, "alpha", "sae-a", "sae-b"), "beta", "sae-b");
    const WireOrder *order = NULL;
    for (guint i = 0; i < stage->seen->len; i++) {
        const Seen *seen = stage->seen->pdata[i];
        if (seen->kind == KIND_ORDER && strcmp(seen->to, "alpha") == 0)
            order = (const WireOrder *)seen->frame->messages[0];
    }
    g_assert_cmpstr(order->branches[0]->from_node, ==, "annex");
}

static void test_it_does_not_come(void)
{
    g_autoptr(Stage) stage = stage_roaming();
    WireHandover wire = make_move("gamma");
    ask_as(stage, "sae-a", &wire);
    const WireHandoverState *state = await_phase(stage, PHASE(FALLEN_BACK));
    g_assert_cmpint(state->status, ==, STATUS_EXPIRED);
    g_assert_cmpstr(state->provider, ==, "alpha");
    assert_event(stage, "handover.fallen-back", "sae-a");
    assert_same_at(stage, call(stage, "alpha", "sae-a", "sae-b"), "beta", "sae-b");
    // Repeated, it has the same answer, and nothing else.
    stage_forget(stage);
    ask_as(stage, "sae-a", &wire);
    await_phase(stage, PHASE(FALLEN_BACK));
    world_run(stage->world, G_TIME_SPAN_SECOND);
    g_assert_cmpuint(stage_count(stage, KIND_VISIT), ==, 0);
}

// The provider is there when it is asked for, and dies.
static void test_the_visited_dies(void)
{
    g_autoptr(Stage) stage = stage_roaming();
    node_kill_at(world_find_node(stage->world, "gamma"), CRASH_BEFORE_COMMIT, 1);
    WireHandover wire = make_move("gamma");
    ask_as(stage, "sae-a", &wire);
    const WireHandoverState *state = await_phase(stage, PHASE(FALLEN_BACK));
    g_assert_cmpstr(state->text, ==, "it could not be prepared in time");
    assert_same_at(stage, call(stage, "alpha", "sae-a", "sae-b"), "beta", "sae-b");
}

static void assert_refused(Stage *stage, const char *sender, const WireHandover *wire,
                           Status status, const char *text)
{
    stage_forget(stage);
    ask_as(stage, sender, wire);
    const WireHandoverState *state = await_phase_of(stage, wire->id, PHASE(REFUSED));
    g_assert_cmpint(state->status, ==, status);
    g_assert_cmpstr(state->text, ==, text);
}

static void test_refusals(void)
{
    g_autoptr(Stage) stage = stage_roaming();
    WireHandover wire = make_move("omega");
    assert_refused(stage, "sae-a", &wire, STATUS_UNKNOWN_MEMBER, "there is no provider 'omega'");
    wire.provider = (char *)"";
    assert_refused(stage, "sae-a", &wire, STATUS_BAD_REQUEST,
                   "expected either a provider or a region");
    wire.region = (char *)"nowhere";
    assert_refused(stage, "sae-a", &wire, STATUS_NO_ROUTE,
                   "no provider in region 'nowhere' may serve it");
    wire = make_move("gamma");
    wire.node = (char *)"gateway";
    assert_refused(stage, "sae-a", &wire, STATUS_UNKNOWN_MEMBER,
                   "provider 'gamma' has no access node 'gateway'");
    wire = make_move("gamma");
    wire.sae = (char *)"sae-b";
    assert_refused(stage, "sae-a", &wire, STATUS_NOT_ALLOWED, "'sae-a' may not move 'sae-b'");
    wire.sae = (char *)"sae-x";
    assert_refused(stage, OPERATOR, &wire, STATUS_UNKNOWN_SAE,
                   "no application 'sae-x' is registered");
    wire = make_move("gamma");
    wire.timeout_ms = 0;
    assert_refused(stage, "sae-a", &wire, STATUS_BAD_REQUEST,
                   "timeout is 0 ms; expected 1 to 600000");
    wire = make_move("gamma");
    wire.id = (char *)"one";
    assert_refused(stage, "sae-a", &wire, STATUS_BAD_REQUEST, "id is no UUID in lower case");
    g_assert_cmpint(call(stage, "alpha", "sae-a", "sae-b")->verdict, ==, KEY_VERDICT_OK);
}

static void test_two_at_once(void)
{
    g_autoptr(Stage) stage = stage_roaming();
    WireHandover wire = make_move("gamma"), other = make_move("beta");
    ask_as(stage, "sae-a", &wire);
    await_phase(stage, PHASE(PREPARED));
    other.id = (char *)OTHER_ID;
    assert_refused(stage, "sae-a", &other, STATUS_BUSY, "'sae-a' is under way to 'gamma' already");
    // Nor does it get in anywhere else meanwhile.
    g_assert_cmpint(call(stage, "beta", "sae-a", "sae-b")->verdict, ==, KEY_VERDICT_UNAVAILABLE);
    // Somebody else's handover is nobody's business.
    wire.sae = (char *)"sae-a";
    assert_refused(stage, OPERATOR, &wire, STATUS_NOT_ALLOWED, "this ID is another's");
    g_assert_cmpint(call(stage, "gamma", "sae-a", "sae-b")->verdict, ==, KEY_VERDICT_OK);
    await_phase(stage, PHASE(RELEASED));
}

static void test_the_policy_ends(void)
{
    Network *network = network_roaming();
    RoamingPolicy *policy = policy_of(network, "gamma");
    g_autoptr(Stage) stage = stage_new(network);
    g_assert_cmpint(call(stage, "gamma", "sae-a", "sae-b")->verdict, ==, KEY_VERDICT_OK);
    policy->serves = NULL;
    Node *gamma = world_find_node(stage->world, "gamma");
    node_kill(gamma);
    g_assert_true(node_start(gamma, NULL));
    world_run(stage->world, 6 * G_TIME_SPAN_SECOND);
    g_assert_cmpint(call(stage, "alpha", "sae-a", "sae-b")->verdict, ==, KEY_VERDICT_OK);
    g_assert_cmpint(call(stage, "gamma", "sae-a", "sae-b")->verdict, !=, KEY_VERDICT_OK);
}

// --- with sessions -------------------------------------------------------------------------------

#define SESSION "5e551011-0000-4000-8000-000000000001"

// A consumer at both ends of a session of sae-a with sae-b.
typedef struct {
    Stage *stage;
    const char *initiator_at, *target_at;
    GHashTable *ids; // of all keys so far
    guint n_keys;
} Consumer;

static void say(Stage *stage, const char *sender, KindId kind, const ProtobufCMessage *message)
{
    g_autoptr(Outbox) outbox = outbox_new(sender, 1);
    outbox_add(outbox, kind, PLATFORM, message);
    outbox_flush(outbox, world_now(stage->world), publish, stage->world->broker);
}

static void open_session_with(Stage *stage, const char *target)
{
    WireSessionQos qos = WIRE_SESSION_QOS_INIT;
    qos.rate_bps = 4096;
    qos.size_bits = 256;
    qos.buffer = 32;
    WireSessionOpen open = WIRE_SESSION_OPEN_INIT;
    open.session = (char *)SESSION;
    open.initiator = (char *)"sae-a";
    open.n_targets = 1;
    open.targets = (char *[]){(char *)target};
    open.qos = &qos;
    WireSession session = WIRE_SESSION_INIT;
    session.id = (char *)OTHER_ID;
    session.command_case = QKDNF__V1__SESSION__COMMAND_OPEN;
    session.open = &open;
    say(stage, "sae-a", KIND_SESSION, &session.base);
    world_run(stage->world, 3 * G_TIME_SPAN_SECOND);
}

static void open_session(Stage *stage)
{
    open_session_with(stage, "sae-b");
}

// The best provider of a region is the one nearest to whom it has a session with.
static void test_a_session_to_a_region(void)
{
    Network *network = network_roaming();
    network_find_site(network, "alpha")->config.region = (char *)"south";
    network_find_site(network, "gamma")->config.region = (char *)"south";
    network_add_site(network, "delta");
    network_add_application(network, "delta", "sae-d");
    network_add_border(network, "gamma", "delta", 1000000, 1024);
    g_autoptr(Stage) stage = stage_new(network);
    open_session_with(stage, "sae-d");
    WireHandover wire = make_move("");
    wire.region = (char *)"south";
    ask_as(stage, "sae-a", &wire);
    g_assert_cmpstr(await_phase(stage, PHASE(PREPARED))->provider, ==, "gamma");
}

static Consumer consumer_new(Stage *stage)
{
    return (Consumer){stage, "alpha", "beta",
                      g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL), 0};
}

// One key, which is the next of the session, new, and the same at both ends.
static void consume(Consumer *consumer)
{
    const char *const targets[] = {"sae-b", NULL};
    KeyQuery query = {.caller = {.sae = "sae-a"},
                      .targets = targets,
                      .number = 1,
                      .size_bits = 256,
                      .n_paths = 1,
                      .session = SESSION};
    const Fetch *mine = stage_await_fetch(
        consumer->stage, world_get_keys(consumer->stage->world, consumer->initiator_at, &query));
    assert_same_at(consumer->stage, mine, consumer->target_at, "sae-b");
    const DeliveredKey *key = mine->keys->pdata[0];
    g_assert_true(g_hash_table_add(consumer->ids, g_strdup(key->id)));
    consumer->n_keys++;
}

static void consume_some(Consumer *consumer, guint n)
{
    for (guint i = 0; i < n; i++) {
        consume(consumer);
        world_run(consumer->stage->world, 50 * G_TIME_SPAN_MILLISECOND);
    }
}

// What the agent said last of the initiator's end; or NULL.
static const WireLegState *find_leg_state(const Stage *stage, const char *agent)
{
    for (guint i = stage->seen->len; i > 0; i--) {
        const Seen *seen = stage->seen->pdata[i - 1];
        for (gsize j = seen->frame->n_messages; seen->kind == KIND_LEG_STATE && j > 0; j--) {
            const WireLegState *state = (const WireLegState *)seen->frame->messages[j - 1];
            if (strcmp(state->sae, "sae-a") == 0 && strcmp(seen->from, agent) == 0)
                return state;
        }
    }
    return NULL;
}

// Keys are handed out in their order: as many as were, and so none was left out.
static void assert_unbroken(const Consumer *consumer)
{
    world_run(consumer->stage->world, 10 * G_TIME_SPAN_SECOND);
    const WireLegState *state = find_leg_state(consumer->stage, consumer->initiator_at);
    g_assert_nonnull(state);
    g_assert_cmpuint(state->delivered, ==, consumer->n_keys);
}

// That the agent was sent keys which another one held.
static gboolean has_seen_copies(const Stage *stage, const char *agent)
{
    for (guint i = 0; i < stage->seen->len; i++) {
        const Seen *seen = stage->seen->pdata[i];
        for (gsize j = 0; seen->kind == KIND_ORDER && j < seen->frame->n_messages; j++) {
            if (((const WireOrder *)seen->frame->messages[j])->copy && strcmp(seen->to, agent) == 0)
                return TRUE;
        }
    }
    return FALSE;
}

static void move_to(Consumer *consumer, const char *sae, const char *id, const char *to)
{
    Stage *stage = consumer->stage;
    WireHandover wire = make_move(to);
    wire.id = (char *)id;
    ask_as(stage, sae, &wire);
    await_phase_of(stage, id, PHASE(PREPARED));
    g_assert_true(has_seen_copies(stage, to));
    // The old one serves on, and what is made meanwhile is copied, too.
    consume_some(consumer, 12);
    if (strcmp(sae, "sae-a") == 0)
        consumer->initiator_at = to;
    else
        consumer->target_at = to;
    consume_some(consumer, 4);
    const WireHandoverState *state = await_phase_of(stage, id, PHASE(RELEASED));
    g_assert_cmpuint(state->n_sessions, ==, 1);
    stage_forget(stage);
    consume_some(consumer, 40);
    g_assert_false(has_seen_copies(stage, to));
}

static void test_a_session_moves(gconstpointer who)
{
    g_autoptr(Stage) stage = stage_roaming();
    open_session(stage);
    Consumer consumer = consumer_new(stage);
    consume_some(&consumer, 10);
    static const char *const route[] = {"gamma", "alpha", "beta", "gamma"};
    for (guint i = 0; i < G_N_ELEMENTS(route); i++) {
        g_autofree char *id = g_strdup_printf("01234567-89ab-4cde-8f01-%012u", i);
        const char *at = strcmp(who, "sae-a") == 0 ? consumer.initiator_at : consumer.target_at;
        if (strcmp(at, route[i]) != 0)
            move_to(&consumer, who, id, route[i]);
        assert_unbroken(&consumer);
    }
    g_hash_table_unref(consumer.ids);
}

static void test_a_session_does_not_move(void)
{
    g_autoptr(Stage) stage = stage_roaming();
    open_session(stage);
    Consumer consumer = consumer_new(stage);
    consume_some(&consumer, 10);
    WireHandover wire = make_move("gamma");
    ask_as(stage, "sae-a", &wire);
    await_phase(stage, PHASE(PREPARED));
    consume_some(&consumer, 20);
    await_phase(stage, PHASE(FALLEN_BACK));
    consume_some(&consumer, 40);
    // And then it does.
    move_to(&consumer, "sae-a", OTHER_ID, "gamma");
    assert_unbroken(&consumer);
    g_hash_table_unref(consumer.ids);
}

// --- what goes wrong -----------------------------------------------------------------------------

static guint n_lost;
static KindId lost_kind;

static gboolean loses_first(Stage *stage, const BrokerLeg *leg)
{
    return leg->kind == lost_kind && n_lost > 0 && n_lost-- > 0;
}

// Keys are under way to where the application leaves, at the moment when it has come.
static void run_losses_of_session(KindId kind, guint n)
{
    g_autoptr(Stage) stage = stage_roaming();
    open_session(stage);
    Consumer consumer = consumer_new(stage);
    WireHandover wire = make_move("gamma");
    ask_as(stage, "sae-a", &wire);
    await_phase(stage, PHASE(PREPARED));
    consume_some(&consumer, 7);
    lost_kind = kind;
    n_lost = n;
    stage->loses = loses_first;
    // With this one the buffer is to be filled up again.
    consume(&consumer);
    consumer.initiator_at = "gamma";
    consume_some(&consumer, 60);
    await_phase(stage, PHASE(RELEASED));
    assert_unbroken(&consumer);
    g_hash_table_unref(consumer.ids);
}

static void test_losses_of_session(void)
{
    static const KindId kinds[] = {KIND_ORDER, KIND_OUTCOME,   KIND_RELAY, KIND_RELEASE,
                                   KIND_LEG,   KIND_LEG_STATE, KIND_VISIT, KIND_VISIT_STATE};
    for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
        for (guint n = 1; n <= 4; n++)
            run_losses_of_session(kinds[i], n);
    }
}

// Closed while it moves: nothing is left of it anywhere, and the handover goes on without it.
static void test_a_session_is_closed(void)
{
    g_autoptr(Stage) stage = stage_roaming();
    open_session(stage);
    WireHandover wire = make_move("gamma");
    ask_as(stage, "sae-a", &wire);
    await_phase(stage, PHASE(PREPARED));
    WireSessionClose close = WIRE_SESSION_CLOSE_INIT;
    close.session = (char *)SESSION;
    WireSession session = WIRE_SESSION_INIT;
    session.id = (char *)OTHER_ID;
    session.command_case = QKDNF__V1__SESSION__COMMAND_CLOSE;
    session.close = &close;
    say(stage, "sae-a", KIND_SESSION, &session.base);
    world_run(stage->world, G_TIME_SPAN_SECOND);
    g_assert_cmpint(call(stage, "gamma", "sae-a", "sae-b")->verdict, ==, KEY_VERDICT_OK);
    await_phase(stage, PHASE(RELEASED));
    const WireLegState *state = find_leg_state(stage, "gamma");
    g_assert_cmpint(state->phase, ==, QKDNF__V1__LEG_PHASE__LEG_PHASE_END);
    g_assert_cmpuint(state->n_stored, ==, 0);
}

// The way to the other end fails in the middle of it.
static void test_a_reroute_meanwhile(void)
{
    Network *network = network_roaming();
    network_add_border(network, "alpha", "gamma", 1000000, 1024);
    g_autoptr(Stage) stage = stage_new(network);
    open_session(stage);
    Consumer consumer = consumer_new(stage);
    consume_some(&consumer, 5);
    WireHandover wire = make_move("gamma");
    ask_as(stage, "sae-a", &wire);
    stage_drill(stage, "alpha", TRUE, DRIVER_SCOPE_BORDER, "alpha-beta");
    await_phase(stage, PHASE(PREPARED));
    consume_some(&consumer, 12);
    stage_drill(stage, "alpha", FALSE, DRIVER_SCOPE_BORDER, "alpha-beta");
    stage_drill(stage, "gamma", TRUE, DRIVER_SCOPE_BORDER, "beta-gamma");
    consumer.initiator_at = "gamma";
    consume_some(&consumer, 40);
    await_phase(stage, PHASE(RELEASED));
    assert_unbroken(&consumer);
    g_hash_table_unref(consumer.ids);
}

// However far it came, it comes to an end, and the user is served at one place.
static void assert_it_ends(Stage *stage, const char *what)
{
    WireHandover wire = make_move("gamma");
    const WireHandoverState *state = NULL;
    for (guint i = 0; i < 60; i++) {
        // It calls at the new KME once it is told to, and asks again until it is over.
        state = find_state(stage, MOVE_ID);
        if (state && (state->phase == PHASE(PREPARED) || state->phase == PHASE(SWITCHED)))
            world_key_status(stage->world, "gamma", "sae-a", "sae-b");
        if (state && state->phase >= PHASE(RELEASED))
            break;
        world_run(stage->world, 500 * G_TIME_SPAN_MILLISECOND);
        ask_as(stage, "sae-a", &wire);
        world_run(stage->world, 10 * WORLD_HOP_US);
    }
    if (!state || state->phase < PHASE(RELEASED))
        g_error("%s: the handover does not end", what);
    world_run(stage->world, 40 * G_TIME_SPAN_SECOND);
    const char *at = state->phase == PHASE(RELEASED) ? "gamma" : "alpha";
    g_assert_cmpstr(find_state(stage, MOVE_ID)->provider, ==, at);
    assert_same_at(stage, call(stage, at, "sae-a", "sae-b"), "beta", "sae-b");
    assert_same_at(stage, call(stage, "beta", "sae-b", "sae-a"), at, "sae-a");
}

static void test_losses(void)
{
    static const KindId kinds[] = {KIND_HANDOVER, KIND_HANDOVER_STATE, KIND_VISIT,
                                   KIND_VISIT_STATE};
    for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
        for (guint n = 1; n <= 5; n++) {
            g_autoptr(Stage) stage = stage_roaming();
            g_autofree char *what =
                g_strdup_printf("%u of %s are lost", n, kind_get(kinds[i])->name);
            lost_kind = kinds[i];
            n_lost = n;
            stage->loses = loses_first;
            WireHandover wire = make_move("gamma");
            ask_as(stage, "sae-a", &wire);
            assert_it_ends(stage, what);
        }
    }
}

static void run_crash(const char *victim, CrashPoint crash, guint pass, gint64 restart_us)
{
    g_autoptr(Stage) stage = stage_roaming();
    g_autofree char *what = g_strdup_printf("%s dies at %d of pass %u for %" G_GINT64_FORMAT " us",
                                            victim, crash, pass, restart_us);
    Node *node = world_find_node(stage->world, victim);
    WireHandover wire = make_move("gamma");
    ask_as(stage, "sae-a", &wire);
    node_kill_at(node, crash, pass);
    node->restart_us = restart_us;
    world_run(stage->world, 3 * WORLD_HOP_US);
    // An impatient one.
    world_key_status(stage->world, "gamma", "sae-a", "sae-b");
    world_run(stage->world, 20 * WORLD_HOP_US);
    assert_it_ends(stage, what);
}

// The same with a session: wherever the user is served in the end, its keys go on there unbroken.
static void run_crash_of_session(const char *victim, CrashPoint crash, guint pass,
                                 gint64 restart_us)
{
    g_autoptr(Stage) stage = stage_roaming();
    g_autofree char *what = g_strdup_printf("%s dies at %d of pass %u for %" G_GINT64_FORMAT " us",
                                            victim, crash, pass, restart_us);
    open_session(stage);
    Consumer consumer = consumer_new(stage);
    consume_some(&consumer, 3);
    Node *node = world_find_node(stage->world, victim);
    WireHandover wire = make_move("gamma");
    ask_as(stage, "sae-a", &wire);
    node_kill_at(node, crash, pass);
    node->restart_us = restart_us;
    assert_it_ends(stage, what);
    consumer.n_keys++;                 // which that has taken, too
    node_kill_at(node, CRASH_NONE, 0); // who dies while it is asked for keys has no answer
    if (find_state(stage, MOVE_ID)->phase == PHASE(RELEASED))
        consumer.initiator_at = "gamma";
    consume_some(&consumer, 40);
    assert_unbroken(&consumer);
    g_hash_table_unref(consumer.ids);
}

static void run_all_crashes(const char *victim, guint n_passes,
                            void (*run)(const char *, CrashPoint, guint, gint64))
{
    static const gint64 restarts_us[] = {1000, 700000};
    for (guint pass = 1; pass <= n_passes; pass++) {
        for (int crash = CRASH_BEFORE_COMMIT; crash < N_CRASHES; crash++) {
            for (gsize i = 0; i < G_N_ELEMENTS(restarts_us); i++)
                run(victim, (CrashPoint)crash, pass, restarts_us[i]);
        }
    }
}

static void test_dies_anywhere(gconstpointer victim)
{
    run_all_crashes(victim, PASSES_MAX, run_crash);
}

static void test_dies_with_a_session(gconstpointer victim)
{
    run_all_crashes(victim, SESSION_PASSES_MAX, run_crash_of_session);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/roaming/it-just-comes", test_it_just_comes);
    g_test_add_func("/roaming/it-comes-home", test_it_comes_home);
    g_test_add_func("/roaming/a-visitor-is-remembered", test_a_visitor_is_remembered);
    g_test_add_func("/roaming/a-stranger", test_a_stranger);
    g_test_add_func("/roaming/a-crowd", test_a_crowd);
    g_test_add_func("/roaming/home-forbids", test_home_forbids);
    g_test_add_func("/roaming/visited-forbids", test_visited_forbids);
    g_test_add_func("/roaming/the-certificate", test_the_certificate);
    g_test_add_func("/roaming/handover", test_handover);
    g_test_add_func("/roaming/handover-of-a-target", test_handover_of_a_target);
    g_test_add_func("/roaming/handover-by-operator", test_handover_by_operator);
    g_test_add_func("/roaming/handover-to-a-region", test_handover_to_a_region);
    g_test_add_func("/roaming/back-and-forth", test_back_and_forth);
    g_test_add_func("/roaming/another-node", test_another_node);
    g_test_add_func("/roaming/it-does-not-come", test_it_does_not_come);
    g_test_add_func("/roaming/the-visited-dies", test_the_visited_dies);
    g_test_add_func("/roaming/refusals", test_refusals);
    g_test_add_func("/roaming/two-at-once", test_two_at_once);
    g_test_add_func("/roaming/the-policy-ends", test_the_policy_ends);
    g_test_add_data_func("/roaming/a-session-moves-with-its-initiator", "sae-a",
                         test_a_session_moves);
    g_test_add_data_func("/roaming/a-session-moves-with-its-target", "sae-b", test_a_session_moves);
    g_test_add_func("/roaming/a-session-does-not-move", test_a_session_does_not_move);
    g_test_add_func("/roaming/a-session-to-a-region", test_a_session_to_a_region);
    g_test_add_func("/roaming/losses", test_losses);
    g_test_add_func("/roaming/losses-of-a-session", test_losses_of_session);
    g_test_add_func("/roaming/a-session-is-closed", test_a_session_is_closed);
    g_test_add_func("/roaming/a-reroute-meanwhile", test_a_reroute_meanwhile);
    g_test_add_data_func("/roaming/platform-dies-anywhere", PLATFORM, test_dies_anywhere);
    g_test_add_data_func("/roaming/old-agent-dies-anywhere", "alpha", test_dies_anywhere);
    g_test_add_data_func("/roaming/new-agent-dies-anywhere", "gamma", test_dies_anywhere);
    g_test_add_data_func("/roaming/platform-dies-with-a-session", PLATFORM,
                         test_dies_with_a_session);
    g_test_add_data_func("/roaming/old-agent-dies-with-a-session", "alpha",
                         test_dies_with_a_session);
    g_test_add_data_func("/roaming/new-agent-dies-with-a-session", "gamma",
                         test_dies_with_a_session);
    return g_test_run();
}
