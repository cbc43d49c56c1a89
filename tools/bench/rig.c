// SPDX-License-Identifier: Apache-2.0

#include "tools/bench/rig.h"

#include "schemas/status.h"
#include "tools/bench/cpu.h"
#include "tools/bench/rig-say.h"
#include "topics/base/store-sqlite.h"
#include "topics/presence.h"

#include <malloc.h>
#include <sqlite3.h>
#include <string.h>

#define START_US (G_GINT64_CONSTANT(1800000000) * G_USEC_PER_SEC)
#define STEP_US  (10 * G_TIME_SPAN_MILLISECOND)
// In which the platform gets to know who is there.
#define SETTLE_US (10 * G_TIME_SPAN_SECOND)

static const char config_text[] = "max_sessions: 1000000\n"
                                  "max_running: 100000\n"
                                  "max_kept: 10000000\n";

// What somebody else than the platform says.
typedef struct {
    Outbox *agent; // of a provider
    Outbox *user;  // of its application
} Party;

struct Rig {
    Network *network;
    Settings *settings;
    char *store_path; // NULL: it is in memory
    StoreDisk *disk;  // or NULL
    Store *store;
    GRand *dice;
    Random random;
    Federation *federation;
    gint64 now_us;
    GArray *parties;    // Party, one for each provider
    GHashTable *agents; // provider ID → Outbox
    GQueue said;        // Publish of the platform
    GRand *pairs;       // who opens a session with whom
    guint n_opened;
    guint n_rerouted;
};

static Party *party(const Rig *rig, guint provider)
{
    return &g_array_index(rig->parties, Party, provider);
}

static guint n_providers(const Rig *rig)
{
    return rig->network->providers->len;
}

static const NetworkBorder *border(const Rig *rig, guint i)
{
    return &g_array_index(rig->network->borders, NetworkBorder, i);
}

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
    for (guint i = 0; i < rig->parties->len; i++) {
        outbox_flush(party(rig, i)->agent, rig->now_us, hear, rig);
        outbox_flush(party(rig, i)->user, rig->now_us, hear, rig);
    }
}

// --- agents --------------------------------------------------------------------------------------

static void act_on(Rig *rig, const Topic *topic, const ProtobufCMessage *message)
{
    Outbox *agent = g_hash_table_lookup(rig->agents, topic->to);
    const WireOrder *order = (const WireOrder *)message;
    const WireRelease *release = (const WireRelease *)message;
    if (topic->kind == KIND_ORDER)
        say_outcome(agent, order->request, order->attempt,
                    QKDNF__V1__OUTCOME_STAGE__OUTCOME_STAGE_ORDER);
    else if (topic->kind == KIND_RELEASE)
        say_outcome(agent, release->request, release->attempt,
                    QKDNF__V1__OUTCOME_STAGE__OUTCOME_STAGE_RELEASE);
    else if (topic->kind == KIND_LEG)
        say_leg_state(agent, (const WireLeg *)message);
    else if (topic->kind == KIND_AGREEMENT)
        say_agreed(agent, (const WireAgreement *)message);
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

static void say_birth(Rig *rig, guint provider)
{
    const char *id = network_id(rig->network, provider);
    g_autofree char *topic = topic_format(KIND_PRESENCE, id, ID_ALL);
    Identity identity = {id, ROLE_AGENT, outbox_incarnation(party(rig, provider)->agent), NULL};
    g_autoptr(GBytes) birth = presence_pack(&identity, 1, TRUE, NULL, rig->now_us);
    hear(rig, &(Publish){KIND_PRESENCE, topic, birth});
}

static void say_links(const Rig *rig)
{
    for (guint i = 0; i < rig->network->borders->len; i++) {
        say_stock(party(rig, border(rig, i)->a)->agent, border(rig, i)->id, TRUE);
        say_stock(party(rig, border(rig, i)->b)->agent, border(rig, i)->id, TRUE);
    }
}

static void report_links(Rig *rig)
{
    say_links(rig);
    settle(rig);
}

static void come_to_life(Rig *rig)
{
    for (guint i = 0; i < n_providers(rig); i++) {
        say_birth(rig, i);
        say_apply(party(rig, i)->agent, network_id(rig->network, i));
    }
    settle(rig);
    for (guint i = 0; i < n_providers(rig); i++)
        say_resource(party(rig, i)->agent, rig->network, i);
    settle(rig);
    report_links(rig);
}

// --- sessions ------------------------------------------------------------------------------------

static void open_one(const Rig *rig, guint number, const RigSettings *settings)
{
    guint n = n_providers(rig), from = 0, to = n - 1;
    if (settings->n_providers > 0) {
        from = (guint)g_rand_int_range(rig->pairs, 0, (gint32)n);
        to = (from + 1 + (guint)g_rand_int_range(rig->pairs, 0, (gint32)n - 1)) % n;
    }
    g_autofree char *initiator = network_sae(rig->network, from);
    g_autofree char *target = network_sae(rig->network, to);
    say_open(party(rig, from)->user, number, initiator, target, settings->is_protected);
}

// In groups, as there is a quota; agents report at least as often as they have to.
#define GROUP     100
#define GROUP_MAX 2000

static gboolean open_all(Rig *rig, const RigSettings *settings, GError **error)
{
    guint group = MIN(GROUP_MAX, GROUP * MAX(1, settings->n_providers / 4));
    for (guint i = 0; i < settings->n_sessions; i++) {
        open_one(rig, i, settings);
        if (i % group != group - 1)
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

// What was under way is forgotten, and whoever looks at the memory sees what stays.
#define REST_S 10

static void rest(Rig *rig)
{
    for (guint i = 0; i < REST_S; i++) {
        report_links(rig);
        rig->now_us += G_TIME_SPAN_SECOND;
    }
    settle(rig);
}

// --- life ----------------------------------------------------------------------------------------

// Repeatable, as the settings are.
static void fill(gpointer data, guint8 *ret_bytes, gsize n_bytes)
{
    for (gsize i = 0; i < n_bytes; i++)
        ret_bytes[i] = (guint8)g_rand_int(data);
}

static Settings *configure(const Network *network)
{
    static const SettingTable table = {federation_settings, sizeof(FederationConfig)};
    g_autoptr(GString) text = g_string_new(config_text);
    g_string_append(text, "members:\n");
    for (guint i = 0; i < network->providers->len; i++)
        g_string_append_printf(text, "  - {id: %s}\n", network_id(network, i));
    return settings_parse(&table, "bench", text->str, text->len);
}

static gboolean start(Rig *rig, GError **error)
{
    rig->store = rig->store_path
                     ? store_open_sqlite(rig->store_path, "bench", STORE_SYNC_FULL, error)
                     : store_new_memory(rig->disk);
    if (rig->store)
        rig->federation = federation_new(settings_root(rig->settings), rig->store, &rig->random,
                                         rig->now_us, error);
    return rig->federation != NULL;
}

static void add_parties(Rig *rig)
{
    rig->parties = g_array_new(FALSE, FALSE, sizeof(Party));
    rig->agents = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < n_providers(rig); i++) {
        const char *id = network_id(rig->network, i);
        g_autofree char *sae = network_sae(rig->network, i);
        Party one = {outbox_new(id, 1), outbox_new(sae, 1)};
        g_array_append_val(rig->parties, one);
        g_hash_table_insert(rig->agents, (char *)id, one.agent);
    }
}

Rig *rig_new(const RigSettings *settings, GError **error)
{
    g_autoptr(Rig) rig = g_new0(Rig, 1);
    rig->network = settings->n_providers > 0 ? network_new_random(settings->n_providers)
                                             : network_new_detour();
    rig->dice = g_rand_new_with_seed(1);
    rig->pairs = g_rand_new_with_seed(2);
    rig->random = (Random){fill, rig->dice};
    rig->now_us = START_US;
    rig->store_path = g_strdup(settings->store);
    rig->disk = settings->store ? NULL : store_disk_new();
    rig->settings = configure(rig->network);
    add_parties(rig);
    if (!settings_finish(rig->settings, error) || !start(rig, error))
        return NULL;
    come_to_life(rig);
    rig->now_us += SETTLE_US;
    if (!open_all(rig, settings, error))
        return NULL;
    rest(rig);
    return g_steal_pointer(&rig);
}

static void stop(Rig *rig)
{
    g_clear_pointer(&rig->federation, federation_free);
    g_clear_pointer(&rig->store, store_free);
}

void rig_free(Rig *rig)
{
    if (!rig)
        return;
    stop(rig);
    g_clear_pointer(&rig->disk, store_disk_free);
    for (guint i = 0; i < rig->parties->len; i++) {
        outbox_free(party(rig, i)->agent);
        outbox_free(party(rig, i)->user);
    }
    g_array_unref(rig->parties);
    g_hash_table_unref(rig->agents);
    g_queue_clear_full(&rig->said, publish_free);
    settings_free(rig->settings);
    network_free(rig->network);
    g_rand_free(rig->dice);
    g_rand_free(rig->pairs);
    g_free(rig->store_path);
    g_free(rig);
}

// --- the fault -----------------------------------------------------------------------------------

static RigTime clock_now(void)
{
    return (RigTime){g_get_monotonic_time(), cpu_self_us()};
}

static RigTime clock_since(RigTime start)
{
    return (RigTime){g_get_monotonic_time() - start.wall_us, cpu_self_us() - start.cpu_us};
}

RigTime rig_cut(Rig *rig)
{
    Outbox *agent = party(rig, border(rig, 0)->a)->agent;
    rig->now_us += STEP_US;
    say_fault(agent, border(rig, 0)->id);
    say_stock(agent, border(rig, 0)->id, FALSE);
    RigTime start = clock_now();
    hear_all(rig);
    end_pass(rig);
    RigTime took = clock_since(start);
    settle(rig);
    return took;
}

guint rig_n_rerouted(const Rig *rig)
{
    return rig->n_rerouted;
}

// --- restart -------------------------------------------------------------------------------------

gboolean rig_restart(Rig *rig, RigTime *ret_took, GError **error)
{
    g_queue_clear_full(&rig->said, publish_free);
    stop(rig);
    RigTime begin = clock_now();
    if (!start(rig, error))
        return FALSE;
    for (guint i = 0; i < n_providers(rig); i++) {
        say_birth(rig, i);
        say_resource(party(rig, i)->agent, rig->network, i);
    }
    say_links(rig);
    hear_all(rig);
    end_pass(rig);
    *ret_took = clock_since(begin);
    return TRUE;
}

gsize rig_n_bytes(void)
{
    struct mallinfo2 heap = mallinfo2();
    return heap.uordblks + heap.hblkhd - (gsize)sqlite3_memory_used();
}
