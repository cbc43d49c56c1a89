// SPDX-License-Identifier: Apache-2.0
//
// Grants and charges, in memory and in the store.

#include "platform/conduct.h"
#include "topics/record.h"

#include <string.h>

Accounts *accounts_new(const FederationAccounts *config)
{
    Accounts *accounts = g_new0(Accounts, 1);
    accounts->series = g_tree_new_full(id_compare, NULL, NULL, series_free);
    accounts->conducts = g_tree_new_full(id_compare, NULL, NULL, conduct_free);
    accounts->rows = g_tree_new_full(id_compare, NULL, g_free, wire_free);
    tariffs_init(accounts, config);
    due_init(accounts);
    accounts->settled_by = g_ptr_array_new_with_free_func(g_free);
    accounts->done = g_strdup("");
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
    due_clear(accounts);
    g_clear_pointer(&accounts->spent, g_array_unref);
    g_clear_pointer(&accounts->net, net_free);
    g_clear_pointer(&accounts->late, g_ptr_array_unref);
    g_tree_unref(accounts->charges);
    g_tree_unref(accounts->series);
    g_tree_unref(accounts->conducts);
    g_tree_unref(accounts->rows);
    tariffs_clear(accounts);
    g_queue_clear_full(&accounts->nettings, wire_free);
    g_ptr_array_unref(accounts->settled_by);
    g_free(accounts->done);
    g_free(accounts->current);
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
    if (!g_hash_table_contains(federation->accounts->grants, name)) {
        note_grant(federation->accounts, name, 1);
        for (gsize i = 0; i < grant->n_shares; i++)
            tariff_use(federation, grant->shares[i]->agreement);
    }
    g_hash_table_replace(federation->accounts->grants, name, grant);
}

void grant_save(Federation *federation, const char *name, const Platform__State__Grant *grant)
{
    g_autoptr(GBytes) value = message_pack(&grant->base);
    store_put_text(federation->store, "grant", name, value);
}

void grant_drop(Federation *federation, const char *name)
{
    const Platform__State__Grant *grant = g_hash_table_lookup(federation->accounts->grants, name);
    for (gsize i = 0; i < grant->n_shares; i++)
        tariff_release(federation, grant->shares[i]->agreement);
    store_delete_text(federation->store, "grant", name);
    note_grant(federation->accounts, name, -1);
    g_hash_table_remove(federation->accounts->grants, name);
}

// --- charges -------------------------------------------------------------------------------------

WireCharge *charge_find(const Federation *federation, const char *record)
{
    return g_tree_lookup(federation->accounts->charges, record);
}

static void keep(Federation *federation, WireCharge *charge)
{
    if (!charge_find(federation, charge->record)) {
        note_request(federation->accounts, charge->request, 1);
        tariff_use(federation, charge->agreement);
    }
    g_tree_replace(federation->accounts->charges, charge->record, charge);
}

void charge_add(Federation *federation, WireCharge *charge)
{
    WireCharge *known = charge_find(federation, charge->record);
    if (known)
        due_unlist(federation->accounts, known);
    keep(federation, charge);
    due_list(federation->accounts, charge);
}

void charge_save(Federation *federation, const WireCharge *charge)
{
    g_autoptr(GBytes) value = message_pack(&charge->base);
    store_put_text(federation->store, "charge", charge->record, value);
}

void charge_forget(Federation *federation, const char *record)
{
    WireCharge *charge = charge_find(federation, record);
    due_unlist(federation->accounts, charge);
    note_request(federation->accounts, charge->request, -1);
    tariff_release(federation, charge->agreement);
    store_delete_text(federation->store, "charge", record);
    g_tree_remove(federation->accounts->charges, record);
}

// --- load ----------------------------------------------------------------------------------------

static gboolean has_tariffs(const Federation *federation, const Platform__State__Grant *grant)
{
    for (gsize i = 0; i < grant->n_shares; i++) {
        if (!tariff_is_kept(federation, grant->shares[i]->agreement))
            return FALSE;
    }
    return TRUE;
}

static void load_grant(gpointer data, GBytes *key, GBytes *value)
{
    RecordLoading *loading = data;
    Federation *federation = loading->core;
    g_autofree char *name = record_name(key);
    Platform__State__Grant *grant = record_unpack(&platform__state__grant__descriptor, value);
    if (grant && has_tariffs(federation, grant)) {
        grant_add(federation, g_steal_pointer(&name), grant);
        return;
    }
    record_fail(loading, "grant", name,
                grant ? "names an agreement whose tariff is lost" : "is damaged");
    wire_free(grant);
}

static void load_charge(gpointer data, GBytes *key, GBytes *value)
{
    RecordLoading *loading = data;
    Federation *federation = loading->core;
    g_autofree char *name = record_name(key);
    WireCharge *charge = record_unpack(&qkdnf__v1__charge__descriptor, value);
    if (charge && strcmp(charge->record, name) == 0 &&
        tariff_is_kept(federation, charge->agreement)) {
        keep(federation, charge);
        return;
    }
    record_fail(loading, "charge", name,
                charge && !tariff_is_kept(federation, charge->agreement)
                    ? "names an agreement whose tariff is lost"
                    : "is damaged");
    wire_free(charge);
}

static gboolean list_one(gpointer record, gpointer charge, gpointer accounts)
{
    due_list(accounts, charge);
    return FALSE;
}

// What is settled is known only from the batches.
gboolean accounts_load(Federation *federation, GError **error)
{
    if (!tariffs_load(federation, error) ||
        !record_load(federation->store, "grant", load_grant, federation, error) ||
        !record_load(federation->store, "charge", load_charge, federation, error) ||
        !settle_load(federation, error) || !conduct_load(federation, error) ||
        !rows_load(federation, error))
        return FALSE;
    g_tree_foreach(federation->accounts->charges, list_one, federation->accounts);
    return TRUE;
}
