// SPDX-License-Identifier: Apache-2.0
//
// What arrives from the bus (seed.h): frames of every kind through the dispatcher, and into both
// cores, which must stay able to commit and to go on.

#include "agents/federation/agent.h"
#include "agents/qkdn/sim.h"
#include "agents/settings.h"
#include "platform/federation.h"
#include "platform/settings.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/seed.h"
#include "tests/unit/chance.h"

#define BROKER                                                                                     \
    "broker: {url: 'mqtts://127.0.0.1:1', ca: ca.crt, certificate: a.crt, key: a.key}\n"           \
    "store: a.db\n"
#define MEMBERS "members: [{id: " SEED_AGENT "}, {id: " SEED_NEIGHBOR "}]"

static const char platform_text[] =
    BROKER "federation: {id: " SEED_PLATFORM ", " MEMBERS ", operators: [" SEED_OPERATOR "]}\n";

// The link is named as the texts in seeds are, so that what is said about links hits it.
static const char agent_text[] = BROKER
    "agent: {id: " SEED_AGENT ", platform: " SEED_PLATFORM ", operators: [" SEED_OPERATOR "],\n"
    "  kme_id: kme, kme_url: 'https://127.0.0.1:1', applications: [{sae: bank, node: n}]}\n"
    "master_key: master.key\n"
    "kme: {listen: '127.0.0.1:1', ca: ca.crt, certificate: k.crt, key: k.key}\n"
    "qkdn: {driver: sim, sim: {nodes: [{id: n, gateway: true}], borders: [{id: " SEED_NEIGHBOR
    ", node: n, peer: " SEED_NEIGHBOR ", rate_bps: 1000000, initial_bytes: 65536,\n"
    "  secret: '0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef'}]}}\n";

// A member of the federation, and what it stands on.
typedef struct {
    const CoreOps *ops;
    gpointer core;
    StoreDisk *disk;
    Store *store;
    Chance chance;
    Random random;
    gint64 now_us;
    guint n_sent;
} Member;

typedef struct {
    const char *topic;
    const guint8 *payload;
    gsize n_bytes;
} Arrival;

// FALSE at the end, and for what is not of the form.
static gboolean next_arrival(const uint8_t **bytes, size_t *n_bytes, Arrival *ret_arrival)
{
    const uint8_t *end = *n_bytes > 0 ? memchr(*bytes, '\n', *n_bytes) : NULL;
    guint32 length = 0;
    if (!end || (gsize)(*bytes + *n_bytes - end) <= sizeof length)
        return FALSE;
    memcpy(&length, end + 1, sizeof length);
    const uint8_t *payload = end + 1 + sizeof length;
    gsize n_left = (gsize)(*bytes + *n_bytes - payload);
    gsize n_payload = MIN(GUINT32_FROM_LE(length), n_left);
    ret_arrival->topic = g_strndup((const char *)*bytes, (gsize)(end - *bytes));
    // An exact copy, so that a read past the end is seen by the sanitizers.
    ret_arrival->payload = g_memdup2(payload, n_payload);
    ret_arrival->n_bytes = n_payload;
    *bytes = payload + n_payload;
    *n_bytes = n_left - n_payload;
    return TRUE;
}

// --- the dispatcher ------------------------------------------------------------------------------

static void handle(gpointer data, const Sender *sender, gconstpointer message)
{
    // What was taken can be said again.
    g_autoptr(GBytes) packed G_GNUC_UNUSED = message_pack(message);
    g_assert_true(id_is_valid(sender->id));
}

static Role role_of(gpointer data, const char *member)
{
    const Topic *topic = data;
    Role role = ROLE_PLATFORM;
    while (!(kind_get(topic->kind)->from & ROLE_BIT(role)))
        role++;
    return role;
}

static void dispatch(const Arrival *arrival)
{
    Topic topic;
    if (!topic_parse(arrival->topic, &topic))
        return;
    DispatchTable table = {.role_of = role_of};
    for (guint i = 0; i < N_KINDS; i++)
        table.handlers[i] = handle;
    g_autoptr(Dispatcher) dispatcher = dispatcher_new(topic.to, &table, &topic);
    dispatcher_receive(dispatcher, arrival->topic, arrival->payload, arrival->n_bytes, SEED_NOW_US);
}

// --- the cores -----------------------------------------------------------------------------------

static void send_publish(gpointer data, const Publish *publish)
{
    Member *member = data;
    Topic topic;
    g_assert_true(topic_parse(publish->topic, &topic));
    member->n_sent++;
}

static void member_pass(Member *member)
{
    member->ops->tick(member->core, member->now_us);
    g_assert_true(store_commit(member->store, NULL));
    outbox_flush(member->ops->outbox(member->core), member->now_us, send_publish, member);
}

static void member_start(Member *member)
{
    member->disk = store_disk_new();
    member->store = store_new_memory(member->disk);
    member->random = chance_random(&member->chance);
    member->now_us = SEED_NOW_US;
}

static void member_play(Member *member, const uint8_t *bytes, size_t n_bytes)
{
    member->ops->connected(member->core, member->now_us);
    member_pass(member);
    for (Arrival arrival; next_arrival(&bytes, &n_bytes, &arrival);) {
        member->ops->receive(member->core, arrival.topic, arrival.payload, arrival.n_bytes,
                             member->now_us);
        g_free((gpointer)arrival.topic);
        g_free((gpointer)arrival.payload);
        member->now_us += G_TIME_SPAN_MILLISECOND;
        member_pass(member);
    }
    // Whatever it waits for now comes too late.
    member->now_us += G_TIME_SPAN_MINUTE;
    member_pass(member);
}

static void member_stop(Member *member)
{
    store_free(member->store);
    store_disk_free(member->disk);
}

static Settings *read_settings(const SettingTable *table, const char *text)
{
    g_autoptr(GError) error = NULL;
    Settings *settings = settings_parse(table, "fuzz", text, strlen(text));
    settings_finish(settings, &error);
    g_assert_no_error(error);
    return settings;
}

static void play_platform(const uint8_t *bytes, size_t n_bytes)
{
    g_autoptr(Settings) settings = read_settings(&platform_settings_table, platform_text);
    const PlatformSettings *platform = settings_root(settings);
    Member member = {.ops = &federation_ops};
    member_start(&member);
    Federation *federation = member.core =
        federation_new(&platform->federation, member.store, &member.random, member.now_us, NULL);
    g_assert_nonnull(federation);
    member_play(&member, bytes, n_bytes);
    federation_free(federation);
    member_stop(&member);
}

static void play_agent(const uint8_t *bytes, size_t n_bytes)
{
    g_autoptr(Settings) settings = read_settings(&agent_settings_table, agent_text);
    AgentSettings *config = settings_root(settings);
    g_autoptr(Secret) key G_GNUC_UNUSED = config->agent.master_key = secret_new(32);
    Member member = {.ops = &agent_ops};
    member_start(&member);
    g_autoptr(Driver) driver = driver_sim_new(&config->qkdn.sim, &member.random, member.now_us);
    Agent *agent = member.core =
        agent_new(&config->agent, member.store, driver, &member.random, member.now_us, NULL);
    g_assert_nonnull(agent);
    member_play(&member, bytes, n_bytes);
    agent_free(agent);
    member_stop(&member);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    const uint8_t *at = bytes;
    size_t n_left = n_bytes;
    for (Arrival arrival; next_arrival(&at, &n_left, &arrival);) {
        dispatch(&arrival);
        g_free((gpointer)arrival.topic);
        g_free((gpointer)arrival.payload);
    }
    play_platform(bytes, n_bytes);
    play_agent(bytes, n_bytes);
    return 0;
}
