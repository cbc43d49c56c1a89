// SPDX-License-Identifier: Apache-2.0

#include "agents/qkdn/sim-settings.h"

#include "agents/qkdn/driver.h"
#include "agents/qkdn/link-store.h"
#include "agents/qkdn/rate-model.h"

#include <string.h>

#define OF(type, field) .offset = offsetof(type, field)

#define MAX_STORE_BYTES  LINK_STORE_MAX_BYTES
#define MAX_RATE_BPS     G_GUINT64_CONSTANT(1000000000)
#define MAX_TIME_SCALE   10000
#define MAX_KM           20000
#define MAX_LOSS_DB      200
#define MAX_SECONDS      G_GUINT64_CONSTANT(3155760000) // a hundred years
#define SECRET_HEX_CHARS 64
#define SLOT_BYTES       32

G_STATIC_ASSERT((MAX_RATE_BPS * MAX_TIME_SCALE) <= LINK_STORE_MAX_BPS);

static const Setting node_settings[] = {
    {"id", SETTING_ID, OF(SimNode, id), .required = TRUE},
    {"access", SETTING_BOOL, OF(SimNode, access), .fallback = "true",
     .expects = "whether users attach here"},
    {"gateway", SETTING_BOOL, OF(SimNode, gateway), .fallback = "false",
     .expects = "whether border links end here"},
    {NULL},
};
static const SettingTable node_table = {node_settings, sizeof(SimNode)};

static const Setting link_settings[] = {
    {"a", SETTING_ID, OF(SimLink, a), .required = TRUE},
    {"b", SETTING_ID, OF(SimLink, b), .required = TRUE},
    {"km", SETTING_REAL, OF(SimLink, km), .max = MAX_KM, .expects = "a length in km"},
    {"loss_db", SETTING_REAL, OF(SimLink, loss_db), .max = MAX_LOSS_DB, .expects = "a loss in dB"},
    {"rate_bps", SETTING_UINT, OF(SimLink, rate_bps), .max = MAX_RATE_BPS,
     .expects = "secret bits per second"},
    {"store_bytes", SETTING_UINT, OF(SimLink, store_bytes), .min = 32, .max = MAX_STORE_BYTES,
     .fallback = "16777216"},
    {"initial_bytes", SETTING_UINT, OF(SimLink, initial_bytes), .max = MAX_STORE_BYTES},
    {"low_water_bytes", SETTING_UINT, OF(SimLink, low_water_bytes), .max = MAX_STORE_BYTES},
    {"qber", SETTING_REAL, OF(SimLink, qber), .max = 0.5, .expects = "a share of 1"},
    {"technology", SETTING_TEXT, OF(SimLink, technology), .max = 64, .fallback = ""},
    {NULL},
};
static const SettingTable link_table = {link_settings, sizeof(SimLink)};

static const Setting border_rate_settings[] = {
    {"km", SETTING_REAL, OF(SimBorder, km), .max = MAX_KM, .expects = "a length in km"},
    {"loss_db", SETTING_REAL, OF(SimBorder, loss_db), .max = MAX_LOSS_DB,
     .expects = "a loss in dB"},
    {"rate_bps", SETTING_UINT, OF(SimBorder, rate_bps), .max = MAX_RATE_BPS,
     .expects = "secret bits per second"},
    {"block_bytes", SETTING_UINT, OF(SimBorder, block_bytes), .min = 32, .max = 65536,
     .fallback = "1024", .expects = "a multiple of 32"},
    {"store_bytes", SETTING_UINT, OF(SimBorder, store_bytes), .min = 32, .max = MAX_STORE_BYTES,
     .fallback = "1048576"},
    {"initial_bytes", SETTING_UINT, OF(SimBorder, initial_bytes), .max = MAX_STORE_BYTES},
    {NULL},
};
const SettingTable sim_border_rate_table = {border_rate_settings, sizeof(SimBorder)};

static const Setting border_settings[] = {
    {"id", SETTING_ID, OF(SimBorder, id), .required = TRUE},
    {"node", SETTING_ID, OF(SimBorder, node), .required = TRUE},
    {"peer", SETTING_ID, OF(SimBorder, peer), .required = TRUE},
    {"", SETTING_INCLUDE, .table = &sim_border_rate_table},
    {"secret", SETTING_TEXT, OF(SimBorder, secret), .required = TRUE, .is_secret = TRUE,
     .expects = "64 hexadecimal digits, the same at both ends"},
    {NULL},
};
static const SettingTable border_table = {border_settings, sizeof(SimBorder)};

static const Setting fault_settings[] = {
    {"at_s", SETTING_UINT, OF(SimFault, at_s), .max = MAX_SECONDS, .required = TRUE,
     .expects = "seconds after the start"},
    {"for_s", SETTING_UINT, OF(SimFault, for_s), .max = MAX_SECONDS,
     .expects = "seconds; 0: for good"},
    {"scope", SETTING_CHOICE, OF(SimFault, scope), .choices = driver_scope_names, .required = TRUE},
    {"subject", SETTING_TEXT, OF(SimFault, subject), .max = 129, .fallback = "",
     .expects = "a/b for a link, a node, a border link, nothing for the provider"},
    {"cause", SETTING_TEXT, OF(SimFault, cause), .max = 64, .fallback = "scheduled fault"},
    {NULL},
};
static const SettingTable fault_table = {fault_settings, sizeof(SimFault)};

const Setting sim_settings[] = {
    {"time_scale", SETTING_UINT, OF(SimSettings, time_scale), .min = 1, .max = MAX_TIME_SCALE,
     .fallback = "1", .expects = "how many times faster than life"},
    {"nodes", SETTING_LIST, OF(SimSettings, nodes), .table = &node_table, .required = TRUE},
    {"links", SETTING_LIST, OF(SimSettings, links), .table = &link_table},
    {"borders", SETTING_LIST, OF(SimSettings, borders), .table = &border_table},
    {"faults", SETTING_LIST, OF(SimSettings, faults), .table = &fault_table},
    {NULL},
};

// What the settings declare, as "scope subject": a link both ways.
typedef struct {
    Settings *settings;
    GHashTable *known;
    GHashTable *gateways;
} Check;

static gboolean declare(Check *check, DriverScope scope, const char *subject)
{
    return g_hash_table_add(check->known,
                            g_strdup_printf("%s %s", driver_scope_names[scope], subject));
}

static gboolean is_known(const Check *check, int scope, const char *subject)
{
    g_autofree char *key = g_strdup_printf("%s %s", driver_scope_names[scope], subject);
    return g_hash_table_contains(check->known, key);
}

static void check_node(Check *check, const SimNode *node)
{
    if (!node->id)
        return;
    if (!declare(check, DRIVER_SCOPE_NODE, node->id))
        settings_fail(check->settings, &node->id, "node '%s' is listed twice", node->id);
    if (node->gateway)
        g_hash_table_add(check->gateways, node->id);
}

static void check_rate(Check *check, gconstpointer item, const guint64 *rate_bps, double loss_db,
                       double km)
{
    if (*rate_bps == 0 && !(loss_db > 0) && !(km > 0))
        settings_fail(check->settings, item, "no rate; expected rate_bps, loss_db or km");
    else if (link_rate_bps(*rate_bps, loss_db, km) == 0)
        settings_fail(
            check->settings, item,
            "out of reach: no key comes across so much loss; shorten it or give rate_bps");
}

static void check_fits(Check *check, const guint64 *n_bytes, const char *key, guint64 store_bytes)
{
    if (*n_bytes > store_bytes)
        settings_fail(check->settings, n_bytes,
                      "%s is %" G_GUINT64_FORMAT
                      "; expected at most store_bytes, %" G_GUINT64_FORMAT,
                      key, *n_bytes, store_bytes);
}

static void check_end(Check *check, char *const *node)
{
    if (*node && !is_known(check, DRIVER_SCOPE_NODE, *node))
        settings_fail(check->settings, node, "there is no node '%s'", *node);
}

static void check_link(Check *check, const SimLink *link)
{
    check_end(check, &link->a);
    check_end(check, &link->b);
    check_rate(check, link, &link->rate_bps, link->loss_db, link->km);
    check_fits(check, &link->initial_bytes, "initial_bytes", link->store_bytes);
    check_fits(check, &link->low_water_bytes, "low_water_bytes", link->store_bytes);
    if (!link->a || !link->b)
        return;
    g_autofree char *there = g_strdup_printf("%s/%s", link->a, link->b);
    g_autofree char *back = g_strdup_printf("%s/%s", link->b, link->a);
    if (g_str_equal(link->a, link->b))
        settings_fail(check->settings, &link->b, "a link from '%s' to itself", link->a);
    else if (!declare(check, DRIVER_SCOPE_LINK, there) || !declare(check, DRIVER_SCOPE_LINK, back))
        settings_fail(check->settings, link, "link '%s' is listed twice", there);
}

static gboolean is_secret(const char *text)
{
    return strlen(text) == SECRET_HEX_CHARS &&
           strspn(text, "0123456789abcdefABCDEF") == SECRET_HEX_CHARS;
}

static void check_border_end(Check *check, const SimBorder *border)
{
    check_end(check, &border->node);
    if (border->node && is_known(check, DRIVER_SCOPE_NODE, border->node) &&
        !g_hash_table_contains(check->gateways, border->node))
        settings_fail(check->settings, &border->node, "node '%s' is no gateway", border->node);
    if (border->secret && !is_secret(border->secret))
        settings_fail(check->settings, &border->secret, "expected 64 hexadecimal digits");
    if (border->id && !declare(check, DRIVER_SCOPE_BORDER, border->id))
        settings_fail(check->settings, &border->id, "border link '%s' is listed twice", border->id);
}

static void check_border(Check *check, const SimBorder *border)
{
    check_border_end(check, border);
    check_rate(check, border, &border->rate_bps, border->loss_db, border->km);
    check_fits(check, &border->initial_bytes, "initial_bytes", border->store_bytes);
    check_fits(check, &border->block_bytes, "block_bytes", border->store_bytes);
    if (border->block_bytes % SLOT_BYTES != 0)
        settings_fail(check->settings, &border->block_bytes,
                      "block_bytes is %" G_GUINT64_FORMAT "; expected a multiple of %d",
                      border->block_bytes, SLOT_BYTES);
}

static void check_fault(Check *check, const SimFault *fault)
{
    if (fault->subject && !is_known(check, fault->scope, fault->subject))
        settings_fail(check->settings, &fault->subject, "there is no %s '%s'",
                      driver_scope_names[fault->scope], fault->subject);
}

void sim_settings_check(const SimSettings *sim, Settings *settings)
{
    g_autoptr(GHashTable) known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GHashTable) gateways = g_hash_table_new(g_str_hash, g_str_equal);
    Check check = {settings, known, gateways};
    declare(&check, DRIVER_SCOPE_PROVIDER, "");
    for (guint i = 0; i < sim->nodes->len; i++)
        check_node(&check, sim->nodes->pdata[i]);
    for (guint i = 0; i < sim->links->len; i++)
        check_link(&check, sim->links->pdata[i]);
    for (guint i = 0; i < sim->borders->len; i++)
        check_border(&check, sim->borders->pdata[i]);
    for (guint i = 0; i < sim->faults->len; i++)
        check_fault(&check, sim->faults->pdata[i]);
}
