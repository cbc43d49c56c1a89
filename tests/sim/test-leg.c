// SPDX-License-Identifier: Apache-2.0
//
// Agents with sessions, and a platform that is played by hand: every phase of a leg, restarts in
// between, and what comes twice, late or for nobody.

#include "tests/sim/stage.h"

#include <string.h>

#define SESSION  "5e551011-0000-4000-8000-000000000001"
#define SESSION2 "5e551011-0000-4000-8000-000000000002"
#define MS       ((gint64)G_TIME_SPAN_MILLISECOND)
#define SECOND   ((gint64)G_TIME_SPAN_SECOND)

// alpha - beta. The stage's count of what it tampered with numbers the frames and requests of the
// platform; what it keeps for tests counts the slots that were used.
static Stage *stage_without_platform(void)
{
    Stage *stage = stage_chain(2);
    node_kill(world_find_node(stage->world, PLATFORM));
    stage->data = GSIZE_TO_POINTER(0);
    return stage;
}

static void tell(Stage *stage, KindId kind, const char *to, const ProtobufCMessage *message)
{
    g_autoptr(GBytes) packed = message_pack(message);
    FrameHead head = {kind,
                      PLATFORM,
                      to,
                      (guint64)world_now(stage->world),
                      1000 + stage->n_tampered++,
                      world_now(stage->world)};
    g_autoptr(GBytes) frame = frame_pack(&head, &packed, 1);
    g_autofree char *topic = topic_format(kind, PLATFORM, to);
    broker_publish(stage->world->broker, topic, frame);
    world_run(stage->world, 5 * MS);
}

static void restart(Stage *stage, const char *agent)
{
    g_autoptr(GError) error = NULL;
    Node *node = world_find_node(stage->world, agent);
    node_kill(node);
    node_start(node, &error);
    g_assert_no_error(error);
    world_run(stage->world, 5 * MS);
}

// --- legs ----------------------------------------------------------------------------------------

static char *const bob[] = {(char *)"sae-b"};

static WireLeg leg_of(const char *sae, guint64 version, Qkdnf__V1__LegPhase phase)
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

#define PHASE(name) QKDNF__V1__LEG_PHASE__LEG_PHASE_##name

// The last that the agent said of this end since the last stage_forget(), or NULL.
static const WireLegState *heard(const Stage *stage, const char *agent, const char *sae)
{
    for (guint i = stage->seen->len; i > 0; i--) {
        const Seen *seen = stage->seen->pdata[i - 1];
        for (gsize j = seen->frame->n_messages; seen->kind == KIND_LEG_STATE && j > 0; j--) {
            const WireLegState *state = (const WireLegState *)seen->frame->messages[j - 1];
            if (strcmp(seen->from, agent) == 0 && strcmp(state->sae, sae) == 0)
                return state;
        }
    }
    return NULL;
}

static const WireLegState *tell_leg(Stage *stage, const char *agent, const WireLeg *leg)
{
    stage_forget(stage);
    tell(stage, KIND_LEG, agent, &leg->base);
    const WireLegState *state = heard(stage, agent, leg->sae);
    g_assert_nonnull(state);
    return state;
}

static const WireLegState *tell_phase(Stage *stage, const char *agent, const char *sae,
                                      guint64 version, Qkdnf__V1__LegPhase phase)
{
    WireLeg leg = leg_of(sae, version, phase);
    const WireLegState *state = tell_leg(stage, agent, &leg);
    g_assert_cmpint(state->status, ==, STATUS_OK);
    g_assert_cmpuint(state->version, ==, version);
    g_assert_cmpint(state->phase, ==, phase);
    return state;
}

// With one range that is left.
static const WireLegState *tell_left(Stage *stage, const char *agent, const char *sae,
                                     guint64 version, Qkdnf__V1__LegPhase phase, guint64 first,
                                     guint64 end, guint64 resume)
{
    WireSequenceRange range = WIRE_SEQUENCE_RANGE_INIT, *ranges[] = {&range};
    range.first = first;
    range.end = end;
    WireLeg leg = leg_of(sae, version, phase);
    leg.n_left = 1;
    leg.left = ranges;
    leg.resume = resume;
    return tell_leg(stage, agent, &leg);
}

static void assert_left(const WireLegState *state, guint64 first, guint64 end)
{
    g_assert_cmpuint(state->n_left, ==, first < end ? 1 : 0);
    if (first == end)
        return;
    g_assert_cmpuint(state->left[0]->first, ==, first);
    g_assert_cmpuint(state->left[0]->end, ==, end);
}

// --- orders --------------------------------------------------------------------------------------

static char *request_id(guint n)
{
    return g_strdup_printf("01234567-89ab-4cde-8f01-%012u", n);
}

static char *const path[] = {(char *)"alpha", (char *)"beta"};
static char *const path_back[] = {(char *)"beta", (char *)"alpha"};

typedef struct {
    guint request;
    guint attempt;
    guint64 first; // number of the first key
    guint number;
    const WireKeyCopy *copy;
    const char *mover; // of the copy
    gboolean is_back;  // from beta to alpha
} Split;

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
    return order;
}

// Orders to both agents, for keys that cross the border.
static void order(Stage *stage, Split split)
{
    g_autofree char *id = request_id(split.request);
    WireSessionKeys session = QKDNF__V1__SESSION_KEYS__INIT;
    WireOrder wire = order_of(&split, &session, id);
    gsize n_used = GPOINTER_TO_SIZE(stage->data);
    WireSlotRange slots = WIRE_SLOT_RANGE_INIT;
    slots.link = (char *)"alpha-beta";
    slots.first = n_used;
    slots.n_slots = split.number + 1;
    stage->data = GSIZE_TO_POINTER(n_used + slots.n_slots);
    WireBranch branch = WIRE_BRANCH_INIT, *branches[] = {&branch};
    branch.providers = (char **)(split.is_back ? path_back : path);
    branch.n_providers = 2;
    branch.target_agent = branch.providers[1];
    branch.n_paths = 1;
    wire.n_branches = 1;
    wire.branches = branches;

    branch.role = QKDNF__V1__BRANCH_ROLE__BRANCH_ROLE_INITIATOR;
    branch.from_node = (char *)"access";
    branch.to_node = (char *)"gateway";
    branch.egress = &slots;
    tell(stage, KIND_ORDER, branch.providers[0], &wire.base);
    branch.role = QKDNF__V1__BRANCH_ROLE__BRANCH_ROLE_TARGET;
    branch.from_node = (char *)"gateway";
    branch.to_node = (char *)"access";
    branch.ingress = &slots;
    branch.egress = NULL;
    tell(stage, KIND_ORDER, branch.providers[1], &wire.base);
    world_run(stage->world, 50 * MS);
}

static void release(Stage *stage, const char *agent, guint request, guint attempt, gboolean deliver)
{
    g_autofree char *id = request_id(request);
    WireRelease release = WIRE_RELEASE_INIT;
    release.request = id;
    release.attempt = attempt;
    release.disposition = deliver ? QKDNF__V1__DISPOSITION__DISPOSITION_DELIVER
                                  : QKDNF__V1__DISPOSITION__DISPOSITION_VOID;
    tell(stage, KIND_RELEASE, agent, &release.base);
}

static void grant(Stage *stage, guint request)
{
    release(stage, "alpha", request, 0, TRUE);
    release(stage, "beta", request, 0, TRUE);
}

// Keys number `first` and on, by a request that is named after it.
static void fill(Stage *stage, guint64 first, guint number)
{
    order(stage, (Split){.request = (guint)first, .first = first, .number = number});
    grant(stage, (guint)first);
}

static void open_session(Stage *stage)
{
    tell_phase(stage, "alpha", "sae-a", 1, PHASE(SERVE));
    tell_phase(stage, "beta", "sae-b", 1, PHASE(SERVE));
}

// --- calls ---------------------------------------------------------------------------------------

static const Fetch *get_at(Stage *stage, const char *agent, guint number, const char *session)
{
    const char *targets[] = {"sae-b", NULL};
    KeyQuery query = {.caller = "sae-a",
                      .targets = targets,
                      .number = number,
                      .size_bits = 256,
                      .n_paths = 1,
                      .session = session};
    const Fetch *fetch = world_get_keys(stage->world, agent, &query);
    world_run(stage->world, 5 * MS);
    return fetch;
}

static const Fetch *get(Stage *stage, guint number)
{
    return get_at(stage, "alpha", number, NULL);
}

static const Fetch *get_id_at(Stage *stage, const char *agent, guint request, guint attempt,
                              guint index)
{
    g_autofree char *name = request_id(request);
    char id[UUID_CHARS + 1];
    key_id_derive(name, attempt, index, id);
    const char *ids[] = {id, NULL};
    const Fetch *fetch = world_get_keys_by_id(stage->world, agent, "sae-b", "sae-a", ids);
    world_run(stage->world, 5 * MS);
    return fetch;
}

static const Fetch *get_id(Stage *stage, guint request, guint index)
{
    return get_id_at(stage, "beta", request, 0, index);
}

// That it was given these keys of a request.
static void assert_got(const Fetch *fetch, guint request, guint attempt, guint index, guint number)
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

static void assert_same_key(const Fetch *a, const Fetch *b)
{
    const DeliveredKey *x = a->keys->pdata[0], *y = b->keys->pdata[0];
    g_assert_cmpstr(x->id, ==, y->id);
    g_assert_true(secret_equal(x->key, y->key));
}

static void assert_refused(const Fetch *fetch, KeyVerdict verdict)
{
    g_assert_true(fetch->is_answered);
    g_assert_cmpint(fetch->verdict, ==, verdict);
    g_assert_cmpuint(fetch->keys->len, ==, 0);
}

// --- serving -------------------------------------------------------------------------------------

static void test_in_order(void)
{
    g_autoptr(Stage) stage = stage_without_platform();
    open_session(stage);
    // What comes first is not the first.
    fill(stage, 4, 4);
    const Fetch *first = get(stage, 2);
    g_assert_false(first->is_answered);
    fill(stage, 0, 4);
    assert_got(first, 0, 0, 0, 2);
    const Fetch *theirs = get_id(stage, 0, 0);
    assert_got(theirs, 0, 0, 0, 1);
    assert_same_key(first, theirs);
    assert_refused(get_id(stage, 0, 0), KEY_VERDICT_BAD_REQUEST);
    assert_got(get(stage, 2), 0, 0, 2, 2);
    assert_got(get_at(stage, "alpha", 4, SESSION), 4, 0, 0, 4);
    assert_got(get_id(stage, 4, 3), 4, 0, 3, 1);
}

static void test_over_restarts(void)
{
    g_autoptr(Stage) stage = stage_without_platform();
    open_session(stage);
    restart(stage, "alpha");
    fill(stage, 0, 3);
    for (guint i = 0; i < 3; i++) {
        restart(stage, "alpha");
        assert_got(get(stage, 1), 0, 0, i, 1);
        restart(stage, "beta");
        assert_got(get_id(stage, 0, i), 0, 0, i, 1);
        restart(stage, "beta");
        assert_refused(get_id(stage, 0, i), KEY_VERDICT_BAD_REQUEST);
    }
    fill(stage, 3, 1);
    assert_got(get(stage, 1), 3, 0, 0, 1);
}

// The same numbers again, under another attempt; what was voided is as if it never was.
static void test_voided_and_tried_again(void)
{
    g_autoptr(Stage) stage = stage_without_platform();
    open_session(stage);
    order(stage, (Split){.request = 7, .first = 0, .number = 2});
    const Fetch *early = get(stage, 1);
    g_assert_false(early->is_answered);
    order(stage, (Split){.request = 7, .attempt = 1, .first = 0, .number = 2});
    release(stage, "alpha", 7, 1, TRUE);
    release(stage, "beta", 7, 1, TRUE);
    assert_got(early, 7, 1, 0, 1);
    assert_got(get_id_at(stage, "beta", 7, 1, 0), 7, 1, 0, 1);
    // Not even when its void is late.
    g_assert_false(get_id_at(stage, "beta", 7, 0, 1)->is_answered);
    const WireLegState *state = tell_phase(stage, "beta", "sae-b", 2, PHASE(FREEZE));
    assert_left(state, 1, 2);
    tell_phase(stage, "beta", "sae-b", 3, PHASE(SERVE));
    release(stage, "alpha", 7, 0, FALSE);
    release(stage, "beta", 7, 0, FALSE);
    assert_got(get(stage, 1), 7, 1, 1, 1);
    assert_got(get_id_at(stage, "beta", 7, 1, 1), 7, 1, 1, 1);
    g_assert_false(get(stage, 1)->is_answered);
}

static void test_not_by_other_ways(void)
{
    g_autoptr(Stage) stage = stage_without_platform();
    open_session(stage);
    fill(stage, 0, 4);
    const char *targets[] = {"sae-b", NULL};
    g_autofree char *id = request_id(0);
    KeyQuery query = {"sae-a", targets, 4, 256, 1, NULL, id, NULL};
    const Fetch *fetch = world_get_keys(stage->world, "alpha", &query);
    world_run(stage->world, 5 * MS);
    assert_refused(fetch, KEY_VERDICT_BAD_REQUEST);
    // Another size, more than is kept ready, other paths: a request to the platform.
    stage_forget(stage);
    query = (KeyQuery){"sae-a", targets, 1, 128, 1, NULL, NULL, NULL};
    world_get_keys(stage->world, "alpha", &query);
    query = (KeyQuery){"sae-a", targets, 17, 256, 1, NULL, NULL, NULL};
    world_get_keys(stage->world, "alpha", &query);
    query = (KeyQuery){"sae-a", targets, 1, 256, 2, NULL, NULL, NULL};
    world_get_keys(stage->world, "alpha", &query);
    world_run(stage->world, 5 * MS);
    g_assert_cmpuint(stage_find(stage, KIND_REQUEST)->frame->n_messages, ==, 3);
    // A session that is not there, or not theirs.
    assert_refused(get_at(stage, "alpha", 1, SESSION2), KEY_VERDICT_BAD_REQUEST);
    assert_refused(get_at(stage, "alpha", 17, SESSION), KEY_VERDICT_BAD_REQUEST);
    assert_got(get(stage, 4), 0, 0, 0, 4);
}

static void test_status_counts_both(void)
{
    g_autoptr(Stage) stage = stage_without_platform();
    open_session(stage);
    fill(stage, 0, 3);
    fill(stage, 8, 3);
    // The platform is not there to say who serves the other: this agent is told by hand.
    const Fetch *fetch = world_key_status(stage->world, "alpha", "sae-a", "sae-b");
    world_run(stage->world, 5 * MS);
    WireServices services = WIRE_SERVICES_INIT;
    WireService service = WIRE_SERVICE_INIT, *found[] = {&service};
    service.sae = services.id = (char *)"sae-b";
    service.kme_id = (char *)"kme-beta";
    services.n_services = 1;
    services.services = found;
    tell(stage, KIND_SERVICES, "alpha", &services.base);
    g_assert_true(fetch->is_answered);
    g_assert_cmpuint(fetch->n_stored, ==, 3);
}

// --- what the platform is told -------------------------------------------------------------------

static void test_reports(void)
{
    g_autoptr(Stage) stage = stage_without_platform();
    open_session(stage);
    fill(stage, 0, 8);
    stage_forget(stage);
    get(stage, 3);
    g_assert_null(heard(stage, "alpha", "sae-a"));
    get(stage, 1);
    const WireLegState *state = heard(stage, "alpha", "sae-a");
    g_assert_nonnull(state);
    g_assert_cmpuint(state->delivered, ==, 4);
    g_assert_cmpuint(state->n_stored, ==, 4);
    stage_forget(stage);
    world_run(stage->world, 2 * SECOND);
    g_assert_nonnull(heard(stage, "alpha", "sae-a"));
    g_assert_nonnull(heard(stage, "beta", "sae-b"));
}

// Whoever waits is told of at once, and again less and less often.
static void test_empty(void)
{
    g_autoptr(Stage) stage = stage_without_platform();
    open_session(stage);
    stage_forget(stage);
    const Fetch *fetch = get(stage, 1);
    g_assert_nonnull(heard(stage, "alpha", "sae-a"));
    world_run(stage->world, 9 * SECOND);
    guint n = stage_count(stage, KIND_LEG_STATE);
    g_assert_cmpuint(n, >=, 10);
    g_assert_cmpuint(n, <=, 16);
    g_assert_false(fetch->is_answered);
    world_run(stage->world, 2 * SECOND);
    assert_refused(fetch, KEY_VERDICT_UNAVAILABLE);
    g_assert_true(g_str_has_prefix(fetch->message, "INSUFFICIENT_KEY"));
}

static void test_told_twice_or_late(void)
{
    g_autoptr(Stage) stage = stage_without_platform();
    tell_phase(stage, "alpha", "sae-a", 5, PHASE(SERVE));
    tell_phase(stage, "alpha", "sae-a", 5, PHASE(SERVE));
    WireLeg old = leg_of("sae-a", 4, PHASE(END));
    const WireLegState *state = tell_leg(stage, "alpha", &old);
    g_assert_cmpuint(state->version, ==, 5);
    g_assert_cmpint(state->phase, ==, PHASE(SERVE));
    fill(stage, 0, 1);
    assert_got(get(stage, 1), 0, 0, 0, 1);
}

static void test_nonsense(void)
{
    g_autoptr(Stage) stage = stage_without_platform();
    WireLeg legs[7];
    for (guint i = 0; i < G_N_ELEMENTS(legs); i++)
        legs[i] = leg_of("sae-a", 1, PHASE(SERVE));
    legs[0].session = (char *)"5e55";
    legs[1].phase = PHASE(UNSPECIFIED);
    legs[2].initiator = (char *)"sae-b2";
    legs[3].size_bits = 7;
    legs[4].n_targets = 0;
    legs[5].buffer = 1000000;
    legs[6].sae = legs[6].initiator = (char *)"sae-b2";
    for (guint i = 0; i < G_N_ELEMENTS(legs); i++) {
        const WireLegState *state = tell_leg(stage, "alpha", &legs[i]);
        g_assert_cmpint(state->status, !=, STATUS_OK);
        g_assert_cmpuint(state->version, ==, 1);
        g_assert_cmpstr(state->text, !=, "");
    }
    tell_phase(stage, "alpha", "sae-a", 1, PHASE(SERVE));
    WireLeg other = leg_of("sae-a", 2, PHASE(SERVE));
    other.size_bits = 512;
    g_assert_cmpint(tell_leg(stage, "alpha", &other)->status, ==, STATUS_BAD_REQUEST);
    fill(stage, 0, 1);
    assert_got(get(stage, 1), 0, 0, 0, 1);
}

// --- the end -------------------------------------------------------------------------------------

static void test_ends(void)
{
    g_autoptr(Stage) stage = stage_without_platform();
    open_session(stage);
    fill(stage, 0, 4);
    assert_got(get(stage, 2), 0, 0, 0, 2);
    const WireLegState *state = tell_phase(stage, "alpha", "sae-a", 2, PHASE(DRAIN));
    g_assert_cmpuint(state->n_stored, ==, 0);
    g_assert_cmpuint(state->delivered, ==, 2);
    tell_left(stage, "beta", "sae-b", 2, PHASE(DRAIN), 0, 2, 0);
    restart(stage, "beta");
    assert_got(get_id(stage, 0, 1), 0, 0, 1, 1);
    assert_refused(get_id(stage, 0, 2), KEY_VERDICT_BAD_REQUEST);
    assert_refused(get_at(stage, "alpha", 1, SESSION), KEY_VERDICT_BAD_REQUEST);
    state = tell_phase(stage, "beta", "sae-b", 3, PHASE(END));
    g_assert_cmpuint(state->n_stored, ==, 0);
    assert_refused(get_id(stage, 0, 0), KEY_VERDICT_BAD_REQUEST);
    // What comes late does not bring it back; nor do keys.
    restart(stage, "beta");
    WireLeg late = leg_of("sae-b", 1, PHASE(SERVE));
    g_assert_cmpint(tell_leg(stage, "beta", &late)->phase, ==, PHASE(END));
    fill(stage, 4, 2);
    assert_refused(get_id(stage, 4, 0), KEY_VERDICT_BAD_REQUEST);
}

static void test_end_of_nothing(void)
{
    g_autoptr(Stage) stage = stage_without_platform();
    tell_phase(stage, "alpha", "sae-nobody", 9, PHASE(END));
    restart(stage, "alpha");
    tell_phase(stage, "alpha", "sae-nobody", 9, PHASE(END));
    world_run(stage->world, 181 * SECOND);
    tell_phase(stage, "alpha", "sae-nobody", 9, PHASE(END));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/leg/in-order", test_in_order);
    g_test_add_func("/leg/over-restarts", test_over_restarts);
    g_test_add_func("/leg/voided-and-tried-again", test_voided_and_tried_again);
    g_test_add_func("/leg/not-by-other-ways", test_not_by_other_ways);
    g_test_add_func("/leg/status-counts-both", test_status_counts_both);
    g_test_add_func("/leg/reports", test_reports);
    g_test_add_func("/leg/empty", test_empty);
    g_test_add_func("/leg/told-twice-or-late", test_told_twice_or_late);
    g_test_add_func("/leg/nonsense", test_nonsense);
    g_test_add_func("/leg/ends", test_ends);
    g_test_add_func("/leg/end-of-nothing", test_end_of_nothing);
    return g_test_run();
}
