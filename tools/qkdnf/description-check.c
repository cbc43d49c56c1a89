// SPDX-License-Identifier: Apache-2.0

#include "tools/qkdnf/description.h"

#include "topics/base/id.h"
#include "topics/topic.h"

#include <string.h>

typedef struct {
    Description *description;
    Settings *settings;
    GHashTable *ids;     // every ID that has a certificate or a directory -> what has it
    GHashTable *borders; // the IDs of border links
} Check;

static const char *const reserved[] = {ID_ALL, "broker", "borders", "dashboard", "pki"};

// `where` is the field or text that the ID stands in. FALSE when there is none or it is taken.
static gboolean claim_id(Check *check, gconstpointer where, const char *id, const char *what)
{
    const char *other = id ? g_hash_table_lookup(check->ids, id) : NULL;
    if (other)
        settings_fail(check->settings, where, "ID '%s' is taken by %s", id, other);
    else if (id)
        g_hash_table_insert(check->ids, (gpointer)id, (gpointer)what);
    return id && !other;
}

static void claim_texts(Check *check, char **ids, const char *what)
{
    for (; *ids; ids++) {
        if (id_is_valid(*ids))
            claim_id(check, *ids, *ids, what);
        else
            settings_fail(check->settings, *ids, "'%s' is not an ID", *ids);
    }
}

static void replace_text(char **field, char *text)
{
    g_free(*field);
    *field = text;
}

static void default_texts(char ***field, const char *const *texts)
{
    if (**field)
        return;
    g_strfreev(*field);
    *field = g_strdupv((char **)texts);
}

static DescriptionProvider *find_provider(const Check *check, const char *id)
{
    const GPtrArray *providers = check->description->providers;
    for (guint i = 0; i < providers->len; i++) {
        DescriptionProvider *provider = providers->pdata[i];
        if (g_strcmp0(provider->agent.id, id) == 0)
            return provider;
    }
    return NULL;
}

static SimNode *find_node(const DescriptionProvider *provider, const char *id)
{
    for (guint i = 0; i < provider->qkdn.sim.nodes->len; i++) {
        SimNode *node = provider->qkdn.sim.nodes->pdata[i];
        if (g_strcmp0(node->id, id) == 0)
            return node;
    }
    return NULL;
}

// Only loopback serves here; port 0 is a free one. Nothing may stand beside that, because the
// daemons refuse it, too.
static void check_url(Check *check, char *const *url, const char *scheme)
{
    int port = -1;
    g_uri_split_network(*url, G_URI_FLAGS_NONE, NULL, NULL, &port, NULL);
    g_autofree char *canonical = g_strdup_printf("%s://127.0.0.1:%d", scheme, port);
    if (port < 0 || strcmp(*url, canonical) != 0)
        settings_fail(check->settings, url, "expected %s://127.0.0.1:PORT, not '%s'", scheme, *url);
}

static void check_platform(Check *check)
{
    static const char *const operators[] = {"admin", NULL}, *const monitors[] = {"ops", NULL};
    Description *description = check->description;
    for (gsize i = 0; i < G_N_ELEMENTS(reserved); i++)
        g_hash_table_insert(check->ids, (gpointer)reserved[i], (gpointer) "the federation itself");
    claim_id(check, &description->platform.id, description->platform.id, "the platform");
    g_hash_table_insert(check->ids, (gpointer) "platform", (gpointer) "the platform");
    default_texts(&description->platform.operators, operators);
    default_texts(&description->monitors, monitors);
    claim_texts(check, description->platform.operators, "an operator");
    claim_texts(check, description->monitors, "a monitor");
    if (description->broker_url)
        check_url(check, &description->broker_url, "mqtts");
    federation_config_check(&description->platform, check->settings);
}

static void complete_platform_of(Check *check, AgentConfig *agent)
{
    const FederationConfig *platform = &check->description->platform;
    default_texts(&agent->operators, (const char *const *)platform->operators);
    if (!platform->id || g_strcmp0(agent->platform, platform->id) == 0)
        return;
    if (g_strcmp0(agent->platform, "platform") == 0)
        replace_text(&agent->platform, g_strdup(platform->id));
    else if (agent->platform)
        settings_fail(check->settings, &agent->platform, "the platform's ID is '%s'", platform->id);
}

static void complete_kme(Check *check, AgentConfig *agent, gboolean has_id)
{
    gboolean is_derived = !agent->kme_id;
    if (is_derived)
        agent->kme_id = g_strdup_printf("%s-kme", agent->id ? agent->id : "");
    if (!agent->kme_url)
        agent->kme_url = g_strdup("https://127.0.0.1:0");
    check_url(check, &agent->kme_url, "https");
    if (is_derived && !has_id)
        return;
    claim_id(check, &agent->kme_id, agent->kme_id, "a key management entity");
    if (!id_is_valid(agent->kme_id))
        settings_fail(check->settings, &agent->kme_id, "'%s' is too long; give a 'kme_id'",
                      agent->kme_id);
}

static void check_identity(Check *check, DescriptionProvider *provider)
{
    AgentConfig *agent = &provider->agent;
    gboolean has_id = claim_id(check, &agent->id, agent->id, "a provider");
    complete_platform_of(check, agent);
    complete_kme(check, agent, has_id);
    if (provider->qkdn.sim.borders->len > 0)
        settings_fail(check->settings, &provider->qkdn.sim.borders,
                      "border links stand in the federation's list 'borders'");
}

// What is refused is left unresolved.
static void resolve_end(Check *check, char *const *text, DescriptionEnd *ret_end)
{
    g_auto(GStrv) parts = g_strsplit(*text ? *text : "", "/", 3);
    if (g_strv_length(parts) != 2) {
        if (*text)
            settings_fail(check->settings, text, "expected PROVIDER/NODE, not '%s'", *text);
        return;
    }
    DescriptionProvider *provider = find_provider(check, parts[0]);
    SimNode *node = provider ? find_node(provider, parts[1]) : NULL;
    if (!provider)
        settings_fail(check->settings, text, "there is no provider '%s'", parts[0]);
    else if (!node)
        settings_fail(check->settings, text, "provider '%s' has no node '%s'", parts[0], parts[1]);
    else
        *ret_end = (DescriptionEnd){.provider = provider, .node = node};
}

static void attach_end(Check *check, const DescriptionBorder *border, guint end)
{
    const DescriptionEnd *here = &border->ends[end], *there = &border->ends[1 - end];
    SimBorder *sim = g_memdup2(&border->sim, sizeof(SimBorder));
    sim->id = g_strdup(border->id);
    sim->node = g_strdup(here->node->id);
    sim->peer = g_strdup(there->provider->agent.id);
    here->node->gateway = TRUE;
    settings_copy_marks(check->settings, sim, &border->sim, sizeof(SimBorder));
    g_ptr_array_add(here->provider->qkdn.sim.borders, sim);
}

static char *border_name(const DescriptionBorder *border)
{
    const char *a = border->ends[0].provider->agent.id, *b = border->ends[1].provider->agent.id;
    return strcmp(a, b) < 0 ? g_strdup_printf("%s-%s", a, b) : g_strdup_printf("%s-%s", b, a);
}

static void check_border(Check *check, DescriptionBorder *border)
{
    resolve_end(check, &border->a, &border->ends[0]);
    resolve_end(check, &border->b, &border->ends[1]);
    if (!border->ends[0].node || !border->ends[1].node)
        return;
    if (border->ends[0].provider == border->ends[1].provider) {
        settings_fail(check->settings, &border->b, "a border link from '%s' to itself",
                      border->ends[0].provider->agent.id);
        return;
    }
    if (!border->id)
        border->id = border_name(border);
    if (!id_is_valid(border->id))
        settings_fail(check->settings, border, "'%s' is too long; give an 'id'", border->id);
    if (!g_hash_table_add(check->borders, border->id)) {
        settings_fail(check->settings, &border->id,
                      "border link '%s' is listed twice; give each an 'id'", border->id);
        return;
    }
    attach_end(check, border, 0);
    attach_end(check, border, 1);
}

static void check_applications(Check *check, const DescriptionProvider *provider)
{
    for (guint i = 0; i < provider->agent.applications->len; i++) {
        const AgentApplication *application = provider->agent.applications->pdata[i];
        claim_id(check, &application->sae, application->sae, "an application");
        const SimNode *node = find_node(provider, application->node);
        if (application->node && !node)
            settings_fail(check->settings, &application->node, "there is no node '%s'",
                          application->node);
        else if (node && !node->access)
            settings_fail(check->settings, &application->node, "users do not attach to node '%s'",
                          application->node);
    }
}

static gboolean has_border(const DescriptionProvider *provider, const char *id)
{
    for (guint i = 0; i < provider->qkdn.sim.borders->len; i++) {
        const SimBorder *border = provider->qkdn.sim.borders->pdata[i];
        if (g_strcmp0(border->id, id) == 0)
            return TRUE;
    }
    return FALSE;
}

static void check_policy(Check *check, const DescriptionProvider *provider)
{
    for (char **id = provider->agent.policy.nodes; *id; id++) {
        if (!find_node(provider, *id))
            settings_fail(check->settings, *id, "there is no node '%s'", *id);
    }
    for (char **id = provider->agent.policy.borders; *id; id++) {
        if (!has_border(provider, *id))
            settings_fail(check->settings, *id, "no border link '%s' ends here", *id);
    }
}

static void check_partners(Check *check, char **ids)
{
    for (; *ids; ids++) {
        // What is no ID is told by whoever knows what it is for.
        if (id_is_valid(*ids) && !find_provider(check, *ids))
            settings_fail(check->settings, *ids, "there is no provider '%s'", *ids);
    }
}

static void check_roaming(Check *check, const DescriptionProvider *provider)
{
    const RoamingPolicy *roaming = &provider->agent.policy.roaming;
    check_partners(check, roaming->may_serve_ours);
    check_partners(check, roaming->serves);
    for (char **id = roaming->nodes; *id; id++) {
        const SimNode *node = find_node(provider, *id);
        if (!node && id_is_valid(*id))
            settings_fail(check->settings, *id, "there is no node '%s'", *id);
        else if (node && !node->access)
            settings_fail(check->settings, *id, "users do not attach to node '%s'", *id);
    }
}

static void check_provider(Check *check, const DescriptionProvider *provider)
{
    check_applications(check, provider);
    check_policy(check, provider);
    check_roaming(check, provider);
    agent_config_check(&provider->agent, check->settings);
    qkdn_settings_check(&provider->qkdn, check->settings);
}

static void check_members(Check *check)
{
    GPtrArray *members = check->description->platform.members;
    for (guint i = 0; i < members->len; i++) {
        const FederationMember *member = members->pdata[i];
        if (member->id && !find_provider(check, member->id))
            settings_fail(check->settings, &member->id, "there is no provider '%s'", member->id);
    }
    if (members->len > 0)
        return;
    for (guint i = 0; i < check->description->providers->len; i++) {
        const DescriptionProvider *provider = check->description->providers->pdata[i];
        FederationMember *member = g_new0(FederationMember, 1);
        member->id = g_strdup(provider->agent.id);
        member->scope = g_new0(char *, 1);
        g_ptr_array_add(members, member);
    }
}

void description_check(Description *description, Settings *settings)
{
    g_autoptr(GHashTable) ids = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GHashTable) borders = g_hash_table_new(g_str_hash, g_str_equal);
    Check check = {description, settings, ids, borders};
    check_platform(&check);
    for (guint i = 0; i < description->providers->len; i++)
        check_identity(&check, description->providers->pdata[i]);
    for (guint i = 0; i < description->borders->len; i++)
        check_border(&check, description->borders->pdata[i]);
    for (guint i = 0; i < description->providers->len; i++)
        check_provider(&check, description->providers->pdata[i]);
    check_members(&check);
}
