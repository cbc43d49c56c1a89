// SPDX-License-Identifier: Apache-2.0

#include "tools/bench/rig.h"

#include "schemas/agreement.h"
#include "schemas/status.h"
#include "topics/base/store-sqlite.h"
#include "topics/presence.h"

#include <string.h>
#include <time.h>

#define PLATFORM "platform"

#define START_US (G_GINT64_CONSTANT(1800000000) * G_USEC_PER_SEC)
#define STEP_US  (10 * G_TIME_SPAN_MILLISECOND)
// In which the platform gets to know who is there.
#define SETTLE_US (10 * G_TIME_SPAN_SECOND)

// Links are never what is short.
#define N_SLOTS  G_GUINT64_CONSTANT(100000000)
#define LINK_BPS G_GUINT64_CONSTANT(1000000000000)

#define RATE_BPS  1000
#define SIZE_BITS 256
#define BUFFER    4

#define NODES_MAX 3

static const struct {
    const char *id, *a, *b;
} borders[] = {
    {"west-north", "west", "north"}, // the one that fails
    {"north-east", "north", "east"},           {"west-south", "west", "south"},
    {"south-southeast", "south", "southeast"}, {"southeast-east", "southeast", "east"},
};

static const char *const agents[] = {"west", "north", "south", "southeast", "east"};
#define N_AGENTS G_N_ELEMENTS(agents)

static const char config_text[] =
    "members: [{id: west}, {id: north}, {id: south}, {id: southeast}, {id: east}]\n"
    "max_sessions: 1000000\n"
    "max_running: 100000\n"
    "max_kept: 10000000\n";

struct Rig {
    Settings *settings;
    StoreDisk *disk; // NULL: the store is a file
    Store *store;
    GRand *dice;
    Random random;
    Federation *federation;
    gint64 now_us;
    Outbox *agents[N_AGENTS];
    Outbox *asker;
    GQueue said; // Publish of the platform
    guint n_opened;
    guint n_rerouted;
};

// --- the platform's loop -------------------------------------------------------------------------

static void take_publish(gpointer data, const Publish *publish)
{
    Rig *rig = data;
    Publish *copy = g_new(Publish, 1);
    *copy = (Publish){publish->kind, g_strdup(publish->topic), g_bytes_ref(publish->payload)};
    g_queue_push_tail(&rig->said, copy);
}

static void publish_free(gpointer data)
{
    Publish *publish = data;
    g_free((char *)publish->topic);
    g_bytes_unref(publish->payload);
    g_free(publish);
}

static void end_pass(Rig *rig)
{
    g_autoptr(GError) error = NULL;
    federation_tick(rig->federation, rig->now_us);
    if (!store_commit(rig->store, &error))
        g_error("the store of the benchmark: %s", error->message);
    outbox_flush(federation_outbox(rig->federation), rig->now_us, take_publish, rig);
}

static void hear(gpointer data, const Publish *publish)
{
    Rig *rig = data;
    gsize n_bytes = 0;
    const guint8 *bytes = g_bytes_get_data(publish->payload, &n_bytes);
    federation_receive(rig->federation, publish->topic, bytes, n_bytes, rig->now_us);
}

// Everybody else says what there is to say.
static void hear_all(Rig *rig)
{
    for (guint i = 0; i < N_AGENTS; i++)
        outbox_flush(rig->agents[i], rig->now_us, hear, rig);
    outbox_flush(rig->asker, rig->now_us, hear, rig);
}

// --- agents --------------------------------------------------------------------------------------

static Outbox *find_agent(const Rig *rig, const char *id)
{
    for (guint i = 0; i < N_AGENTS; i++) {
        if (strcmp(agents[i], id) == 0)
            return rig->agents[i];
    }
    return NULL;
}

static void answer(Outbox *agent, const char *request, guint attempt, Qkdnf__V1__OutcomeStage stage)
{
    WireOutcome outcome = WIRE_OUTCOME_INIT;
    outcome.request = (char *)request;
    outcome.attempt = attempt;
    outcome.status = STATUS_OK;
    outcome.stage = stage;
    outbox_add(agent, KIND_OUTCOME, PLATFORM, &outcome.base);
}

static void answer_leg(Outbox *agent, const WireLeg *leg)
{
    WireLegState state = WIRE_LEG_STATE_INIT;
    state.session = leg->session;
    state.sae = leg->sae;
    state.version = leg->version;
    state.phase = leg->phase;
    state.status = STATUS_OK;
    outbox_add(agent, KIND_LEG_STATE, PLATFORM, &state.base);
}

static void answer_agreement(Outbox *agent, const WireAgreement *offered)
{
    WireAgreement said = WIRE_AGREEMENT_INIT;
    said.id = offered->id;
    said.buyer = offered->buyer;
    said.seller = offered->seller;
    said.version = offered->version;
    said.action = offered->state == AGREEMENT(OFFERED) ? AGREEMENT_ACTION(ACCEPT)
                                                       : AGREEMENT_ACTION(ACKNOWLEDGE);
    outbox_add(agent, KIND_AGREEMENT, PLATFORM, &said.base);
}

static void act_on(Rig *rig, const Topic *topic, const ProtobufCMessage *message)
{
    Outbox *agent = find_agent(rig, topic->to);
    const WireOrder *order = (const WireOrder *)message;
    const WireRelease *release = (const WireRelease *)message;
    if (topic->kind == KIND_ORDER)
        answer(agent, order->request, order->attempt,
               QKDNF__V1__OUTCOME_STAGE__OUTCOME_STAGE_ORDER);
    else if (topic->kind == KIND_RELEASE)
        answer(agent, release->request, release->attempt,
               QKDNF__V1__OUTCOME_STAGE__OUTCOME_STAGE_RELEASE);
    else if (topic->kind == KIND_LEG)
        answer_leg(agent, (const WireLeg *)message);
    else if (topic->kind == KIND_AGREEMENT)
        answer_agreement(agent, (const WireAgreement *)message);
    else if (topic->kind == KIND_SESSION_STATE)
        rig->n_opened += ((const WireSessionState *)message)->status == STATUS_OK;
    else if (topic->kind == KIND_EVENT)
        rig->n_rerouted += strcmp(((const WireEvent *)message)->name, "session.rerouted") == 0;
}

static void act(Rig *rig, const Publish *publish)
{
    Topic topic;
    Refusal refusal;
    gsize n_bytes = 0;
    const guint8 *bytes = g_bytes_get_data(publish->payload, &n_bytes);
    if (!topic_parse(publish->topic, &topic))
        return;
    g_autoptr(Frame) frame = frame_parse(&topic, bytes, n_bytes, &refusal);
    for (gsize i = 0; frame && i < frame->n_messages; i++)
        act_on(rig, &topic, frame->messages[i]);
}

// Until nobody has anything more to say.
static void settle(Rig *rig)
{
    do {
        Publish *publish;
        while ((publish = g_queue_pop_head(&rig->said))) {
            act(rig, publish);
            publish_free(publish);
        }
        rig->now_us += STEP_US;
        hear_all(rig);
        end_pass(rig);
    } while (!g_queue_is_empty(&rig->said));
}

// --- what there is -------------------------------------------------------------------------------

// The parts of a resource live beside it.
typedef struct {
    WireResource resource;
    WireNode node;
    WireNode *nodes[1];
    WireBorderLink border[NODES_MAX];
    WireBorderLink *border_pointers[NODES_MAX];
    WireApplication application;
    WireApplication *applications[1];
} Draft;

static void draft_borders(Draft *draft, const char *agent)
{
    for (gsize i = 0; i < G_N_ELEMENTS(borders); i++) {
        gboolean is_a = strcmp(borders[i].a, agent) == 0;
        if (!is_a && strcmp(borders[i].b, agent) != 0)
            continue;
        gsize n = draft->resource.n_border_links++;
        draft->border[n] = (WireBorderLink)WIRE_BORDER_LINK_INIT;
        draft->border[n].id = (char *)borders[i].id;
        draft->border[n].node = draft->node.id;
        draft->border[n].peer = (char *)(is_a ? borders[i].b : borders[i].a);
        draft->border[n].rate_bps = LINK_BPS;
        draft->border_pointers[n] = &draft->border[n];
    }
}

static void say_resource(Outbox *agent, const char *id)
{
    g_autofree char *sae = g_strconcat("sae-", id, NULL);
    Draft draft = {WIRE_RESOURCE_INIT,    WIRE_NODE_INIT,      {&draft.node}, {}, {},
                   WIRE_APPLICATION_INIT, {&draft.application}};
    draft.node.id = (char *)"node";
    draft.node.access = draft.node.gateway = TRUE;
    draft.application.sae = sae;
    draft.application.node = draft.node.id;
    draft.application.visible = TRUE;
    draft.resource.version = 1;
    draft.resource.n_nodes = draft.resource.n_applications = 1;
    draft.resource.nodes = draft.nodes;
    draft.resource.applications = draft.applications;
    draft.resource.border_links = draft.border_pointers;
    draft_borders(&draft, id);
    outbox_add(agent, KIND_RESOURCE, PLATFORM, &draft.resource.base);
}

static void say_stock(Outbox *agent, const char *link, gboolean is_up)
{
    WireLinkStock report = WIRE_LINK_STOCK_INIT, *reports[] = {&report};
    report.link = (char *)link;
    report.open_end = N_SLOTS;
    report.fill_bps = LINK_BPS;
    report.capacity = N_SLOTS;
    report.up = is_up;
    WireStock stock = WIRE_STOCK_INIT;
    stock.resource_version = 1;
    stock.n_links = 1;
    stock.links = reports;
    outbox_add(agent, KIND_STOCK, PLATFORM, &stock.base);
}

static void come_to_life(Rig *rig, guint i)
{
    guint64 incarnation = outbox_incarnation(rig->agents[i]);
    g_autofree char *topic = topic_format(KIND_PRESENCE, agents[i], ID_ALL);
    Identity identity = {agents[i], ROLE_AGENT, incarnation, NULL};
    g_autoptr(GBytes) birth = presence_pack(&identity, 1, TRUE, NULL, rig->now_us);
    hear(rig, &(Publish){KIND_PRESENCE, topic, birth});
    WireApply apply = WIRE_APPLY_INIT;
    apply.version = 1;
    apply.provider = (char *)agents[i];
    apply.policy_version = 1;
    apply.share_percent = 100;
    apply.purposes = (Qkdnf__V1__Purpose[]){QKDNF__V1__PURPOSE__PURPOSE_RELAY,
                                            QKDNF__V1__PURPOSE__PURPOSE_REROUTE};
    apply.n_purposes = 2;
    outbox_add(rig->agents[i], KIND_APPLY, PLATFORM, &apply.base);
    settle(rig);
    say_resource(rig->agents[i], agents[i]);
}

static void report_links(Rig *rig)
{
    for (gsize i = 0; i < G_N_ELEMENTS(borders); i++) {
        say_stock(find_agent(rig, borders[i].a), borders[i].id, TRUE);
        say_stock(find_agent(rig, borders[i].b), borders[i].id, TRUE);
    }
    settle(rig);
}

// --- sessions ------------------------------------------------------------------------------------

static void say_open(Rig *rig, guint number, gboolean is_protected)
{
    char *targets[] = {(char *)"sae-east"};
    g_autofree char *id = g_strdup_printf("01234567-89ab-4cde-8f01-%012u", number);
    WireSessionQos qos = WIRE_SESSION_QOS_INIT;
    qos.rate_bps = RATE_BPS;
    qos.size_bits = SIZE_BITS;
    qos.buffer = BUFFER;
    qos.protected_ = is_protected;
    WireSessionOpen open = WIRE_SESSION_OPEN_INIT;
    open.session = id;
    open.initiator = (char *)"sae-west";
    open.n_targets = G_N_ELEMENTS(targets);
    open.targets = targets;
    open.qos = &qos;
    WireSession session = WIRE_SESSION_INIT;
    session.id = id;
    session.command_case = QKDNF__V1__SESSION__COMMAND_OPEN;
    session.open = &open;
    outbox_add(rig->asker, KIND_SESSION, PLATFORM, &session.base);
}

// In groups, as there is a quota; agents report at least as often as they have to.
#define GROUP 100

static gboolean open_all(Rig *rig, const RigSettings *settings, GError **error)
{
    for (guint i = 0; i < settings->n_sessions; i++) {
        say_open(rig, i, settings->is_protected);
        if (i % GROUP != GROUP - 1)
            continue;
        report_links(rig);
        rig->now_us += G_TIME_SPAN_SECOND;
    }
    settle(rig);
    if (rig->n_opened == settings->n_sessions)
        return TRUE;
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "only %u of %u sessions were opened",
                rig->n_opened, settings->n_sessions);
    return FALSE;
}

// --- life ----------------------------------------------------------------------------------------

// Repeatable, as the settings are.
static void fill(gpointer data, guint8 *ret_bytes, gsize n_bytes)
{
    for (gsize i = 0; i < n_bytes; i++)
        ret_bytes[i] = (guint8)g_rand_int(data);
}

static gboolean start(Rig *rig, const RigSettings *settings, GError **error)
{
    static const SettingTable table = {federation_settings, sizeof(FederationConfig)};
    rig->settings = settings_parse(&table, "bench", config_text, strlen(config_text));
    if (!settings_finish(rig->settings, error))
        return FALSE;
    if (!settings->store)
        rig->disk = store_disk_new();
    rig->store = settings->store
                     ? store_open_sqlite(settings->store, "bench", STORE_SYNC_FULL, error)
                     : store_new_memory(rig->disk);
    if (rig->store)
        rig->federation = federation_new(settings_root(rig->settings), rig->store, &rig->random,
                                         rig->now_us, error);
    return rig->federation != NULL;
}

Rig *rig_new(const RigSettings *settings, GError **error)
{
    g_autoptr(Rig) rig = g_new0(Rig, 1);
    rig->dice = g_rand_new_with_seed(1);
    rig->random = (Random){fill, rig->dice};
    rig->now_us = START_US;
    for (guint i = 0; i < N_AGENTS; i++)
        rig->agents[i] = outbox_new(agents[i], 1);
    rig->asker = outbox_new("sae-west", 1);
    if (!start(rig, settings, error))
        return NULL;
    for (guint i = 0; i < N_AGENTS; i++)
        come_to_life(rig, i);
    settle(rig);
    report_links(rig);
    rig->now_us += SETTLE_US;
    return open_all(rig, settings, error) ? g_steal_pointer(&rig) : NULL;
}

void rig_free(Rig *rig)
{
    if (!rig)
        return;
    federation_free(rig->federation);
    store_free(rig->store);
    g_clear_pointer(&rig->disk, store_disk_free);
    for (guint i = 0; i < N_AGENTS; i++)
        outbox_free(rig->agents[i]);
    outbox_free(rig->asker);
    g_queue_clear_full(&rig->said, publish_free);
    settings_free(rig->settings);
    g_rand_free(rig->dice);
    g_free(rig);
}

// --- the fault -----------------------------------------------------------------------------------

static void say_fault(Outbox *agent)
{
    WireFault fault = WIRE_FAULT_INIT;
    fault.id = (char *)"1";
    fault.scope = QKDNF__V1__FAULT_SCOPE__FAULT_SCOPE_BORDER;
    fault.subject = (char *)borders[0].id;
    fault.cause = (char *)"fibre cut";
    outbox_add(agent, KIND_FAULT, PLATFORM, &fault.base);
}

static gint64 cpu_now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return now.tv_sec * G_USEC_PER_SEC + now.tv_nsec / 1000;
}

RigTime rig_cut(Rig *rig)
{
    Outbox *agent = find_agent(rig, borders[0].a);
    rig->now_us += STEP_US;
    say_fault(agent);
    say_stock(agent, borders[0].id, FALSE);
    gint64 start_us = g_get_monotonic_time(), cpu_start_us = cpu_now_us();
    hear_all(rig);
    end_pass(rig);
    RigTime took = {g_get_monotonic_time() - start_us, cpu_now_us() - cpu_start_us};
    settle(rig);
    return took;
}

guint rig_n_rerouted(const Rig *rig)
{
    return rig->n_rerouted;
}
