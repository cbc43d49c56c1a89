// SPDX-License-Identifier: Apache-2.0
//
// Grants and charges, in memory and in the store.

#include "platform/prices.h"
#include "platform/settle.h"
#include "topics/record.h"

#include <string.h>

// One of the standing tariffs, and whose it is.
typedef struct {
    const char *seller; // or "all"
    WireTariff *tariff;
} Standing;

static void standing_free(gpointer data)
{
    wire_free(((Standing *)data)->tariff);
    g_free(data);
}

static void take_prices(Accounts *accounts, const FederationAccounts *config)
{
    WireCurrency currency = WIRE_CURRENCY_INIT;
    currency.code = config->currency ? config->currency : (char *)"EUR";
    currency.decimals = config->currency ? (guint32)config->decimals : 2;
    accounts->currency = message_copy(&currency.base);
    for (guint i = 0; config->tariffs && i < config->tariffs->len; i++) {
        const FederationTariff *tariff = config->tariffs->pdata[i];
        Standing *standing = g_new(Standing, 1);
        *standing = (Standing){tariff->seller, tariff_from_config(tariff)};
        g_ptr_array_add(accounts->tariffs, standing);
    }
    for (guint i = 0; config->rates && i < config->rates->len; i++)
        g_ptr_array_add(accounts->rates, exchange_from_config(config->rates->pdata[i], config));
}

static const WireTariff *find_standing(const Accounts *accounts, const char *seller, gint64 at_us)
{
    g_autoptr(GPtrArray) own = g_ptr_array_new();
    for (guint i = 0; i < accounts->tariffs->len; i++) {
        const Standing *standing = accounts->tariffs->pdata[i];
        if (strcmp(standing->seller, seller) == 0)
            g_ptr_array_add(own, standing->tariff);
    }
    return rate_find_tariff((WireTariff *const *)own->pdata, own->len, at_us);
}

const WireTariff *accounts_tariff(const Federation *federation, const char *seller, gint64 at_us)
{
    const WireTariff *own = find_standing(federation->accounts, seller, at_us);
    return own ? own : find_standing(federation->accounts, "all", at_us);
}

Accounts *accounts_new(const FederationAccounts *config)
{
    Accounts *accounts = g_new0(Accounts, 1);
    accounts->tariffs = g_ptr_array_new_with_free_func(standing_free);
    accounts->rates = g_ptr_array_new_with_free_func(wire_free);
    accounts->series = g_tree_new_full(id_compare, NULL, NULL, series_free);
    take_prices(accounts, config);
    accounts->grants = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, wire_free);
    accounts->known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    accounts->charges = g_tree_new_full(id_compare, NULL, NULL, wire_free);
    return accounts;
}

void accounts_free(Accounts *accounts)
{
    if (!accounts)
        return;
    g_hash_table_unref(accounts->grants);
    g_hash_table_unref(accounts->known);
    g_tree_unref(accounts->charges);
    g_tree_unref(accounts->series);
    g_ptr_array_unref(accounts->tariffs);
    g_ptr_array_unref(accounts->rates);
    g_queue_clear_full(&accounts->nettings, wire_free);
    wire_free(accounts->currency);
    g_free(accounts->settled_by);
    g_free(accounts);
}

// --- requests ------------------------------------------------------------------------------------

// The record of an order is named after its request: two requests of one ID would be one.
static void note_request(Accounts *accounts, const char *request, gint change)
{
    gint n = GPOINTER_TO_INT(g_hash_table_lookup(accounts->known, request)) + change;
    if (n > 0)
        g_hash_table_replace(accounts->known, g_strdup(request), GINT_TO_POINTER(n));
    else
        g_hash_table_remove(accounts->known, request);
}

gboolean accounts_is_new(const Federation *federation, const char *request)
{
    return !g_hash_table_contains(federation->accounts->known, request);
}

static void note_grant(Accounts *accounts, const char *name, gint change)
{
    g_autofree char *request = g_strndup(name, strcspn(name, "/"));
    note_request(accounts, request, change);
}

// --- grants --------------------------------------------------------------------------------------

char *grant_name(const char *request, guint attempt)
{
    return g_strdup_printf("%s/%u", request, attempt);
}

void grant_add(Federation *federation, char *name, Platform__State__Grant *grant)
{
    if (!g_hash_table_contains(federation->accounts->grants, name))
        note_grant(federation->accounts, name, 1);
    g_hash_table_replace(federation->accounts->grants, name, grant);
}

void grant_save(Federation *federation, const char *name, const Platform__State__Grant *grant)
{
    g_autoptr(GBytes) value = message_pack(&grant->base);
    store_put_text(federation->store, "grant", name, value);
}

void grant_drop(Federation *federation, const char *name)
{
    store_delete_text(federation->store, "grant", name);
    note_grant(federation->accounts, name, -1);
    g_hash_table_remove(federation->accounts->grants, name);
}

// --- charges -------------------------------------------------------------------------------------

WireCharge *charge_find(const Federation *federation, const char *record)
{
    return g_tree_lookup(federation->accounts->charges, record);
}

void charge_add(Federation *federation, WireCharge *charge)
{
    if (!charge_find(federation, charge->record))
        note_request(federation->accounts, charge->request, 1);
    g_tree_replace(federation->accounts->charges, charge->record, charge);
}

void charge_save(Federation *federation, const WireCharge *charge)
{
    g_autoptr(GBytes) value = message_pack(&charge->base);
    store_put_text(federation->store, "charge", charge->record, value);
}

void charge_forget(Federation *federation, const char *record)
{
    const WireCharge *charge = charge_find(federation, record);
    note_request(federation->accounts, charge->request, -1);
    store_delete_text(federation->store, "charge", record);
    g_tree_remove(federation->accounts->charges, record);
}

// --- load ----------------------------------------------------------------------------------------

static void load_grant(gpointer data, GBytes *key, GBytes *value)
{
    RecordLoading *loading = data;
    Federation *federation = loading->core;
    g_autofree char *name = record_name(key);
    Platform__State__Grant *grant = record_unpack(&platform__state__grant__descriptor, value);
    if (grant)
        grant_add(federation, g_steal_pointer(&name), grant);
    else
        record_fail(loading, "grant", name, "is damaged");
}

static void load_charge(gpointer data, GBytes *key, GBytes *value)
{
    RecordLoading *loading = data;
    Federation *federation = loading->core;
    g_autofree char *name = record_name(key);
    WireCharge *charge = record_unpack(&qkdnf__v1__charge__descriptor, value);
    if (charge && strcmp(charge->record, name) == 0) {
        charge_add(federation, charge);
        return;
    }
    record_fail(loading, "charge", name, "is damaged");
    wire_free(charge);
}

gboolean accounts_load(Federation *federation, GError **error)
{
    return record_load(federation->store, "grant", load_grant, federation, error) &&
           record_load(federation->store, "charge", load_charge, federation, error) &&
           settle_load(federation, error);
}
