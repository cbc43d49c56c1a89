// SPDX-License-Identifier: Apache-2.0

#include "tests/unit/federation-fixture.h"

#include "platform/agreement.h"

#include <string.h>

static void add_member(GPtrArray *members, const char *id)
{
    for (guint i = 0; i < members->len; i++) {
        if (strcmp(((FederationMember *)members->pdata[i])->id, id) == 0)
            return;
    }
    FederationMember *member = g_new(FederationMember, 1);
    member->id = (char *)id;
    g_ptr_array_add(members, member);
}

static FederationConfig config_new(const GraphLink *links, gsize n_links)
{
    FederationConfig config = {
        .id = (char *)"platform",
        .members = g_ptr_array_new_with_free_func(g_free),
        .terms = {.version = 1, .period_s = 86400},
        .max_keys_per_request = 128,
        .max_key_size_bits = 8192,
        .max_targets = 8,
        .max_timeout_ms = 60000,
        .max_running = 2,
        .max_kept = 3,
        .attempt_ms = 3000,
        .max_sessions = 4096,
        .max_session_buffer = 4096,
        .max_session_rate_bps = 1000000000,
        .session_drain_ms = 600000,
        .hold_down_ms = 30000,
        .stale_ms = 30000,
        .rating = {.window_s = 3600, .delay_ms = 1000, .floor = 500},
    };
    for (gsize i = 0; i < n_links; i++) {
        add_member(config.members, links[i].a);
        add_member(config.members, links[i].b);
    }
    return config;
}

static void forget(gpointer data, const Publish *publish) {}

// As if all had accepted the standing terms long ago: nothing of it is said any more.
static void agree(Federation *federation)
{
    const GPtrArray *providers = federation->topology->providers;
    for (guint i = 0; i < providers->len; i++) {
        Provider *provider = providers->pdata[i];
        agreement_offer_standing(federation, member_find(federation, provider->id));
        Agreement *agreement = agreement_standing_of(federation, provider);
        agreement->wire->state = AGREEMENT(AVAILABLE);
        agreement->is_seller_told = TRUE;
        agreement_save(federation, agreement);
        agreement_review(federation, NULL, provider, NULL);
        timers_disarm(federation->timers, TIMER_TERM, agreement->wire->id);
        timers_disarm(federation->timers, TIMER_TELL, agreement->wire->id);
    }
    outbox_flush(federation->outbox, FEDERATION_NOW, forget, NULL);
}

FederationFixture *federation_fixture_new(const GraphLink *links, gsize n_links)
{
    g_autoptr(GError) error = NULL;
    FederationFixture *fixture = g_new0(FederationFixture, 1);
    fixture->config = config_new(links, n_links);
    fixture->random = chance_random(&fixture->chance);
    fixture->disk = store_disk_new();
    fixture->store = store_new_memory(fixture->disk);
    fixture->federation =
        federation_new(&fixture->config, fixture->store, &fixture->random, FEDERATION_NOW, &error);
    g_assert_no_error(error);
    GPtrArray *providers = fixture->federation->topology->providers;
    for (guint i = 0; i < fixture->config.members->len; i++) {
        const FederationMember *listed = fixture->config.members->pdata[i];
        member_find(fixture->federation, listed->id)->state = MEMBER(ACTIVE);
    }
    graph_register(fixture->federation->topology, links, n_links);
    for (guint i = 0; i < providers->len; i++)
        directory_update(fixture->federation, providers->pdata[i]);
    agree(fixture->federation);
    return fixture;
}

void federation_fixture_free(FederationFixture *fixture)
{
    if (!fixture)
        return;
    federation_free(fixture->federation);
    store_free(fixture->store);
    store_disk_free(fixture->disk);
    g_ptr_array_unref(fixture->config.members);
    g_free(fixture);
}

void federation_fixture_restart(FederationFixture *fixture, GError **error)
{
    g_assert_true(store_commit(fixture->store, NULL));
    federation_fixture_crash(fixture, error);
}

void federation_fixture_crash(FederationFixture *fixture, GError **error)
{
    g_clear_pointer(&fixture->federation, federation_free);
    g_clear_pointer(&fixture->store, store_free);
    fixture->store = store_new_memory(fixture->disk);
    fixture->federation =
        federation_new(&fixture->config, fixture->store, &fixture->random, FEDERATION_NOW, error);
}

Request *federation_fixture_request(FederationFixture *fixture, const char *targets, guint number,
                                    guint n_paths)
{
    g_auto(GStrv) split = g_strsplit(targets, ",", -1);
    WireRequest wire = WIRE_REQUEST_INIT;
    wire.id = (char *)FEDERATION_UUID;
    wire.initiator = (char *)"sae-a";
    wire.n_targets = g_strv_length(split);
    wire.targets = split;
    wire.number = number;
    wire.size_bits = 256;
    wire.paths = n_paths;
    wire.timeout_ms = 10000;
    return request_new(fixture->federation, "sae-a", &wire);
}

void federation_fixture_drop_application(FederationFixture *fixture, const char *provider,
                                         const GraphLink *links, gsize n_links)
{
    Provider *home = topology_find(fixture->federation->topology, provider);
    WireResource *resource = graph_resource(provider, links, n_links);
    wire_free(resource->applications[0]);
    resource->n_applications = 0;
    topology_register(fixture->federation->topology, home, resource);
    directory_update(fixture->federation, home);
}
