// SPDX-License-Identifier: Apache-2.0

#include "tests/sim/network.h"

#include <string.h>

#define BLOCK_BYTES 256
#define STORE_BYTES (1024 * 1024)

#define INTERIOR_BPS 10000000

static void site_free(gpointer data)
{
    Site *site = data;
    g_ptr_array_unref(site->config.applications);
    secret_free(site->config.master_key);
    g_ptr_array_unref(site->qkdn.nodes);
    g_ptr_array_unref(site->qkdn.links);
    g_ptr_array_unref(site->qkdn.borders);
    g_ptr_array_unref(site->qkdn.faults);
    g_free(site);
}

Network *network_new(void)
{
    Network *network = g_new0(Network, 1);
    network->sites = g_ptr_array_new_with_free_func(site_free);
    network->texts = g_string_chunk_new(1024);
    network->federation = (FederationConfig){
        .id = g_string_chunk_insert_const(network->texts, PLATFORM),
        .members = g_ptr_array_new_with_free_func(g_free),
        .terms = {.version = 1, .period_s = 86400},
        .max_keys_per_request = 128,
        .max_key_size_bits = 8192,
        .max_targets = 8,
        .max_timeout_ms = 60000,
        .max_running = 4096,
        .max_kept = 65536,
        .attempt_ms = 3000,
        .max_sessions = 4096,
        .max_session_buffer = 4096,
        .max_session_rate_bps = 1000000000,
        .session_drain_ms = 600000,
        .hold_down_ms = 30000,
        .stale_ms = 30000,
        .drain_ms = 5000,
        .accounts.period_s = 7,
        .rating = {.window_s = 120, .delay_ms = 1000, .floor = 300},
    };
    return network;
}

void network_free(Network *network)
{
    if (!network)
        return;
    g_ptr_array_unref(network->federation.members);
    g_ptr_array_unref(network->sites);
    g_string_chunk_free(network->texts);
    g_free(network);
}

static char *text_new(Network *network, const char *format, ...) G_GNUC_PRINTF(2, 3);

static char *text_new(Network *network, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    return g_string_chunk_insert_const(network->texts, text);
}

static void add_node(Network *network, SimSettings *qkdn, const char *id, gboolean gateway)
{
    SimNode *node = g_new0(SimNode, 1);
    *node = (SimNode){text_new(network, "%s", id), !gateway, gateway};
    g_ptr_array_add(qkdn->nodes, node);
}

static void make_interior(Network *network, SimSettings *qkdn)
{
    qkdn->time_scale = 1;
    qkdn->nodes = g_ptr_array_new_with_free_func(g_free);
    qkdn->links = g_ptr_array_new_with_free_func(g_free);
    qkdn->borders = g_ptr_array_new_with_free_func(g_free);
    qkdn->faults = g_ptr_array_new_with_free_func(g_free);
    add_node(network, qkdn, "access", FALSE);
    add_node(network, qkdn, "gateway", TRUE);
    SimLink *link = g_new0(SimLink, 1);
    *link = (SimLink){
        .a = text_new(network, "access"),
        .b = text_new(network, "gateway"),
        .rate_bps = INTERIOR_BPS,
        .store_bytes = STORE_BYTES,
        .initial_bytes = STORE_BYTES,
    };
    g_ptr_array_add(qkdn->links, link);
}

// Every provider its own, and nothing that a scan for leaked bytes could take for a text.
static Secret *master_key_new(const char *id)
{
    Secret *key = secret_new(32);
    g_autoptr(GChecksum) hash = g_checksum_new(G_CHECKSUM_SHA256);
    g_checksum_update(hash, (const guchar *)id, (gssize)strlen(id));
    g_checksum_get_digest(hash, key->data, &key->n_bytes);
    return key;
}

static AgentConfig make_config(Network *network, const char *id)
{
    return (AgentConfig){
        .id = text_new(network, "%s", id),
        .region = text_new(network, "region of %s", id),
        .platform = text_new(network, PLATFORM),
        .kme_id = text_new(network, "kme-%s", id),
        .kme_url = text_new(network, "https://%s.example", id),
        .agreements = {.terms = 1},
        .request_timeout_ms = 10000,
        .key_lifetime_s = 86400,
        .applications = g_ptr_array_new_with_free_func(g_free),
        .limits = {256, 64, 8192, 128, 10000, 7},
        .policy = {.share_percent = 100},
        .ledger = {.high_slots = 512, .low_percent = 80},
        .master_key = master_key_new(id),
    };
}

Site *network_add_site(Network *network, const char *id)
{
    Site *site = g_new0(Site, 1);
    site->config = make_config(network, id);
    make_interior(network, &site->qkdn);
    g_ptr_array_add(network->sites, site);
    FederationMember *member = g_new0(FederationMember, 1);
    member->id = site->config.id;
    g_ptr_array_add(network->federation.members, member);
    return site;
}

Site *network_find_site(const Network *network, const char *id)
{
    for (guint i = 0; i < network->sites->len; i++) {
        Site *site = network->sites->pdata[i];
        if (strcmp(site->config.id, id) == 0)
            return site;
    }
    g_assert_not_reached();
}

void network_add_border(Network *network, const char *a, const char *b, guint64 rate_bps,
                        guint64 initial_slots)
{
    const char *first = strcmp(a, b) < 0 ? a : b, *second = first == a ? b : a;
    SimBorder border = {
        .id = text_new(network, "%s-%s", first, second),
        .node = text_new(network, "gateway"),
        .rate_bps = rate_bps,
        .block_bytes = BLOCK_BYTES,
        .store_bytes = STORE_BYTES,
        .initial_bytes = initial_slots * 32,
    };
    g_autofree char *hash =
        g_compute_checksum_for_string(G_CHECKSUM_SHA256, border.id, (gssize)strlen(border.id));
    border.secret = text_new(network, "%s", hash);
    border.peer = text_new(network, "%s", second);
    g_ptr_array_add(network_find_site(network, first)->qkdn.borders,
                    g_memdup2(&border, sizeof border));
    border.peer = text_new(network, "%s", first);
    g_ptr_array_add(network_find_site(network, second)->qkdn.borders,
                    g_memdup2(&border, sizeof border));
}

SimBorder *site_find_border(const Site *site, const char *peer)
{
    for (guint i = 0; i < site->qkdn.borders->len; i++) {
        SimBorder *border = site->qkdn.borders->pdata[i];
        if (strcmp(border->peer, peer) == 0)
            return border;
    }
    return NULL;
}

void network_add_application(Network *network, const char *site, const char *sae)
{
    AgentApplication *application = g_new0(AgentApplication, 1);
    *application = (AgentApplication){
        .sae = text_new(network, "%s", sae),
        .node = text_new(network, "access"),
        .service = text_new(network, "test"),
        .visible = TRUE,
    };
    g_ptr_array_add(network_find_site(network, site)->config.applications, application);
}
