// SPDX-License-Identifier: Apache-2.0
//
// Grants and charges, in memory and in the store.

#include "platform/accounts.h"

#include <string.h>

Accounts *accounts_new(void)
{
    Accounts *accounts = g_new0(Accounts, 1);
    accounts->grants = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, wire_free);
    accounts->charges = g_tree_new_full(id_compare, NULL, NULL, wire_free);
    return accounts;
}

void accounts_free(Accounts *accounts)
{
    if (!accounts)
        return;
    g_hash_table_unref(accounts->grants);
    g_tree_unref(accounts->charges);
    g_free(accounts);
}

// --- grants --------------------------------------------------------------------------------------

char *grant_name(const char *request, guint attempt)
{
    return g_strdup_printf("%s/%u", request, attempt);
}

void grant_save(Federation *federation, const char *name, const Platform__State__Grant *grant)
{
    g_autoptr(GBytes) value = message_pack(&grant->base);
    store_put_text(federation->store, "grant", name, value);
}

void grant_drop(Federation *federation, const char *name)
{
    store_delete_text(federation->store, "grant", name);
    g_hash_table_remove(federation->accounts->grants, name);
}

// --- charges -------------------------------------------------------------------------------------

WireCharge *charge_find(const Federation *federation, const char *record)
{
    return g_tree_lookup(federation->accounts->charges, record);
}

static void insert(Accounts *accounts, WireCharge *charge)
{
    g_tree_replace(accounts->charges, charge->record, charge);
    accounts->n_disputed += charge->dispute[0] != '\0';
}

void charge_save(Federation *federation, const WireCharge *charge)
{
    g_autoptr(GBytes) value = message_pack(&charge->base);
    store_put_text(federation->store, "charge", charge->record, value);
}

void charge_add(Federation *federation, WireCharge *charge)
{
    charge_save(federation, charge);
    insert(federation->accounts, charge);
}

// --- load ----------------------------------------------------------------------------------------

// Money is not guessed: a platform whose accounts are damaged does not start.
typedef struct {
    Federation *federation;
    GError **error;
    gboolean has_failed;
} Loading;

static void fail(Loading *loading, const char *what, const char *name)
{
    if (!loading->has_failed)
        g_set_error(loading->error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "%s '%s' is damaged", what,
                    name);
    loading->has_failed = TRUE;
}

static gpointer unpack(const ProtobufCMessageDescriptor *type, GBytes *value)
{
    gsize n_bytes = 0;
    const guint8 *bytes = g_bytes_get_data(value, &n_bytes);
    return protobuf_c_message_unpack(type, NULL, n_bytes, bytes);
}

static char *name_of(GBytes *key)
{
    gsize n_bytes = 0;
    const char *text = g_bytes_get_data(key, &n_bytes);
    return g_strndup(text, n_bytes);
}

static void load_grant(gpointer data, GBytes *key, GBytes *value)
{
    Loading *loading = data;
    g_autofree char *name = name_of(key);
    Platform__State__Grant *grant = unpack(&platform__state__grant__descriptor, value);
    if (grant)
        g_hash_table_replace(loading->federation->accounts->grants, g_steal_pointer(&name), grant);
    else
        fail(loading, "grant", name);
}

static void load_charge(gpointer data, GBytes *key, GBytes *value)
{
    Loading *loading = data;
    g_autofree char *name = name_of(key);
    WireCharge *charge = unpack(&qkdnf__v1__charge__descriptor, value);
    if (charge && strcmp(charge->record, name) == 0) {
        insert(loading->federation->accounts, charge);
        return;
    }
    fail(loading, "charge", name);
    wire_free(charge);
}

gboolean accounts_load(Federation *federation, GError **error)
{
    Loading loading = {federation, error, FALSE};
    return store_load(federation->store, "grant", load_grant, &loading, error) &&
           !loading.has_failed &&
           store_load(federation->store, "charge", load_charge, &loading, error) &&
           !loading.has_failed;
}
