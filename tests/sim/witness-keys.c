// SPDX-License-Identifier: Apache-2.0

#include "tests/sim/witness-core.h"

#include <string.h>

// Who may have a key, and what it belongs to.
typedef struct {
    char *attempt; // "request/attempt"
    char **saes;   // the initiator first
} Audience;

void witness_audience_free(gpointer data)
{
    Audience *audience = data;
    g_free(audience->attempt);
    g_strfreev(audience->saes);
    g_free(audience);
}

void witness_set_key(Witness *witness, const char *key_id, const guint8 *bytes, gsize n_bytes)
{
    g_autoptr(Secret) key = secret_new_copy(bytes, n_bytes);
    const Secret *known = g_hash_table_lookup(witness->keys, key_id);
    if (known && !secret_equal(known, key))
        witness_fail(witness, "key %s has two values", key_id);
    if (known)
        return;
    windows_add(witness->windows, bytes, n_bytes);
    g_hash_table_insert(witness->keys, g_strdup(key_id), g_steal_pointer(&key));
}

void witness_entitle(Witness *witness, const WireOrder *order)
{
    witness_number_keys(witness, order);
    for (guint i = 0; i < order->number; i++) {
        char id[UUID_CHARS + 1];
        key_id_derive(order->request, order->attempt, i, id);
        if (g_hash_table_contains(witness->audiences, id))
            continue;
        g_autoptr(GStrvBuilder) saes = g_strv_builder_new();
        g_strv_builder_add(saes, order->initiator);
        for (gsize j = 0; j < order->n_targets; j++)
            g_strv_builder_add(saes, order->targets[j]);
        Audience *audience = g_new(Audience, 1);
        audience->attempt = g_strdup_printf("%s/%u", order->request, order->attempt);
        audience->saes = g_strv_builder_end(saes);
        g_hash_table_insert(witness->audiences, g_strdup(id), audience);
    }
}

void witness_on_release(Witness *witness, const WireRelease *release)
{
    if (release->disposition != QKDNF__V1__DISPOSITION__DISPOSITION_DELIVER)
        return;
    g_autofree char *name = g_strdup_printf("%s/%u", release->request, release->attempt);
    const char *known = g_hash_table_lookup(witness->grants, release->request);
    if (known && strcmp(known, name) != 0)
        witness_fail(witness, "both %s and %s are granted", known, name);
    g_hash_table_replace(witness->grants, g_strdup(release->request), g_strdup(name));
    g_hash_table_add(witness->granted, g_steal_pointer(&name));
}

static void check_delivery(Witness *witness, const char *sae, const DeliveredKey *key)
{
    const Audience *audience = g_hash_table_lookup(witness->audiences, key->id);
    if (!audience || !g_strv_contains((const char *const *)audience->saes, sae)) {
        witness_fail(witness, "key %s is delivered to %s, which may not have it", key->id, sae);
        return;
    }
    if (!g_hash_table_contains(witness->granted, audience->attempt))
        witness_fail(witness, "key %s of %s is delivered before it is granted", key->id,
                     audience->attempt);
    if (!g_hash_table_add(witness->delivered, g_strdup_printf("%s %s", key->id, sae)))
        witness_fail(witness, "key %s is delivered to %s twice", key->id, sae);
    witness_set_key(witness, key->id, key->key->data, key->key->n_bytes);
    witness_on_numbered(witness, sae, key->id);
}

void witness_on_fetched(Witness *witness, const Fetch *fetch)
{
    for (guint i = 0; i < fetch->keys->len; i++)
        check_delivery(witness, fetch->caller, fetch->keys->pdata[i]);
}
