// SPDX-License-Identifier: Apache-2.0

#include "tests/unit/sim-fixture.h"

#include <string.h>

Settings *network_parse(const char *yaml, const SimSettings **ret_sim)
{
    static const SettingTable table = {sim_settings, sizeof(SimSettings)};
    g_autoptr(GError) error = NULL;
    Settings *settings = settings_parse(&table, "network", yaml, strlen(yaml));
    *ret_sim = settings_root(settings);
    g_assert_nonnull(*ret_sim);
    sim_settings_check(*ret_sim, settings);
    settings_finish(settings, &error);
    g_assert_no_error(error);
    return settings;
}

static void fill_seeded(gpointer data, guint8 *ret_bytes, gsize n_bytes)
{
    for (gsize i = 0; i < n_bytes; i++)
        ret_bytes[i] = (guint8)g_rand_int(data);
}

static void on_relayed(gpointer agent, guint64 call, Status status)
{
    Site *site = agent;
    site->status = status;
    g_string_append_printf(site->trace, "%" G_GUINT64_FORMAT "=%s ", call, status_name(status));
    if (site->again)
        site->driver->ops->relay(site->driver, site->again, "a", "b", 1);
    site->again = 0;
}

static void on_block(gpointer agent, guint64 call, Status status, const DriverBlock *block)
{
    Site *site = agent;
    g_assert_true((status == STATUS_OK) == (block != NULL));
    site->status = status;
    g_clear_pointer(&site->key, secret_free);
    g_clear_pointer(&site->id, g_free);
    g_string_append_printf(site->trace, "%" G_GUINT64_FORMAT "=%s", call, status_name(status));
    if (block) {
        site->key = secret_new_copy(block->key->data, block->key->n_bytes);
        site->id = g_strdup(block->id);
        g_string_append_printf(site->trace, ":%s", block->id);
    }
    g_string_append_c(site->trace, ' ');
}

static void on_event(gpointer agent, const DriverEvent *event)
{
    Site *site = agent;
    if (event->type == DRIVER_EVENT_MAP_CHANGED)
        g_string_append(site->trace, "map ");
    else
        g_string_append_printf(site->trace, "%c%s:%s(%s) ", event->cleared ? '-' : '+',
                               driver_scope_names[event->scope], event->subject, event->cause);
}

static const DriverListener listener = {on_relayed, on_block, on_event};

void site_init(Site *site, const char *yaml, guint32 seed)
{
    const SimSettings *sim;
    *site = (Site){.settings = network_parse(yaml, &sim)};
    site->seeded = g_rand_new_with_seed(seed);
    site->random = (Random){fill_seeded, site->seeded};
    site->trace = g_string_new(NULL);
    site->driver = driver_sim_new(sim, &site->random, START_US);
    site->driver->ops->listen(site->driver, &listener, site);
}

void site_clear(Site *site)
{
    driver_free(site->driver);
    secret_free(site->key);
    g_free(site->id);
    g_string_free(site->trace, TRUE);
    g_rand_free(site->seeded);
    settings_free(site->settings);
}

gint64 site_tick(Site *site, double after_s)
{
    return site->driver->ops->tick(site->driver, START_US + (gint64)(after_s * SECOND_US));
}

void site_assert_said(Site *site, const char *expected)
{
    g_assert_cmpstr(site->trace->str, ==, expected);
    g_string_truncate(site->trace, 0);
}

Status site_relay(Site *site, double after_s, const char *from, const char *to, gsize n_bytes)
{
    site->driver->ops->relay(site->driver, 99, from, to, n_bytes);
    site_tick(site, after_s);
    return site->status;
}

Status site_take(Site *site, double after_s, const char *border)
{
    site->driver->ops->take(site->driver, 98, border);
    site_tick(site, after_s);
    return site->status;
}

Status site_claim(Site *site, double after_s, const char *border, const char *id)
{
    site->driver->ops->claim(site->driver, 97, border, id);
    site_tick(site, after_s);
    return site->status;
}

Status site_drill(Site *site, gboolean inject, DriverScope scope, const char *subject)
{
    g_autofree char *text = NULL;
    Status status = site->driver->ops->drill(site->driver, inject, scope, subject, &text);
    g_assert_nonnull(text);
    return status;
}
