// SPDX-License-Identifier: Apache-2.0

#include "tests/sim/witness-core.h"

#include "agents/federation/relay.h"

#include <string.h>

#define BRANCH(role) QKDNF__V1__BRANCH_ROLE__BRANCH_ROLE_##role

// Which key a slot's number was given to.
typedef struct {
    char *block_id;
    guint index; // of the slot in the block
    guint64 generation;
} Place;

void witness_place_free(gpointer data)
{
    Place *place = data;
    g_free(place->block_id);
    g_free(place);
}

static char *slot_name(const char *link, guint64 slot)
{
    return g_strdup_printf("%s %" G_GUINT64_FORMAT, link, slot);
}

// --- which key a slot is
// --------------------------------------------------------------------------

static void place_slot(Witness *witness, const WireFill *fill, const WireBlock *block, guint index,
                       guint64 slot)
{
    g_autofree char *name = slot_name(fill->link, slot);
    const Place *known = g_hash_table_lookup(witness->places, name);
    gboolean is_same = known && strcmp(known->block_id, block->id) == 0 && known->index == index;
    if (is_same || (known && known->generation > fill->generation))
        return;
    if (known && g_hash_table_contains(witness->slot_uses, name)) {
        witness_fail(witness, "slot %s was ordered, and is given other key", name);
        return;
    }
    Place *place = g_new(Place, 1);
    *place = (Place){g_strdup(block->id), index, fill->generation};
    g_hash_table_replace(witness->places, g_steal_pointer(&name), place);
}

void witness_on_fill(Witness *witness, const WireFill *fill)
{
    guint64 slot = fill->first;
    for (gsize i = 0; i < fill->n_blocks; i++) {
        for (guint j = 0; j < fill->blocks[i]->n_slots; j++)
            place_slot(witness, fill, fill->blocks[i], j, slot++);
    }
}

// The bytes of a range at one end, after their drivers; NULL when some were never there.
static Secret *slots_of(Witness *witness, const char *agent, const WireSlotRange *range)
{
    g_autoptr(Secret) bytes = secret_new((gsize)range->n_slots * SLOT_BYTES);
    for (guint i = 0; i < range->n_slots; i++) {
        g_autofree char *slot = slot_name(range->link, range->first + i);
        const Place *place = g_hash_table_lookup(witness->places, slot);
        g_autofree char *name = place ? g_strdup_printf("%s %s", agent, place->block_id) : NULL;
        const Secret *block = place ? g_hash_table_lookup(witness->blocks, name) : NULL;
        if (!block || (place->index + 1) * SLOT_BYTES > block->n_bytes)
            return NULL;
        memcpy(bytes->data + i * SLOT_BYTES, block->data + place->index * SLOT_BYTES, SLOT_BYTES);
    }
    return g_steal_pointer(&bytes);
}

// --- each slot serves once
// ------------------------------------------------------------------------

static void use(Witness *witness, GHashTable *uses, const char *what, const char *for_what)
{
    const char *known = g_hash_table_lookup(uses, what);
    if (!known)
        g_hash_table_insert(uses, g_strdup(what), g_strdup(for_what));
    else if (strcmp(known, for_what) != 0)
        witness_fail(witness, "%s serves %s and %s", what, known, for_what);
}

static void use_range(Witness *witness, const WireSlotRange *range, const char *for_what)
{
    for (guint i = 0; range && i < range->n_slots; i++) {
        g_autofree char *slot = slot_name(range->link, range->first + i);
        use(witness, witness->slot_uses, slot, for_what);
        const Place *place = g_hash_table_lookup(witness->places, slot);
        if (!place) {
            witness_fail(witness, "slot %s is ordered, but nobody has filled it", slot);
            continue;
        }
        g_autofree char *key = g_strdup_printf("%s %u", place->block_id, place->index);
        use(witness, witness->block_uses, key, for_what);
    }
}

static char *order_name(const char *agent, const char *request, guint attempt)
{
    return g_strdup_printf("%s %s/%u", agent, request, attempt);
}

static char *share_name(const char *request, guint attempt, guint target, guint path)
{
    return g_strdup_printf("%s/%u %u %u", request, attempt, target, path);
}

void witness_on_order(Witness *witness, const char *agent, const WireOrder *order)
{
    g_autofree char *name = order_name(agent, order->request, order->attempt);
    if (g_hash_table_contains(witness->orders, name))
        return;
    g_hash_table_insert(witness->orders, g_steal_pointer(&name), message_copy(&order->base));
    witness_entitle(witness, order);
    for (gsize i = 0; i < order->n_branches; i++) {
        const WireBranch *branch = order->branches[i];
        g_autofree char *for_what =
            share_name(order->request, order->attempt, branch->target, branch->path);
        use_range(witness, branch->ingress, for_what);
        use_range(witness, branch->egress, for_what);
    }
}

// --- relay values
// ---------------------------------------------------------------------------------

static const WireBranch *find_branch(const WireOrder *order, const WireRelay *relay)
{
    for (gsize i = 0; order && i < order->n_branches; i++) {
        const WireBranch *branch = order->branches[i];
        gboolean sends = branch->role == (relay->place == 0 ? BRANCH(INITIATOR) : BRANCH(TRANSIT));
        if (sends && branch->target == relay->target && branch->path == relay->path)
            return branch;
    }
    return NULL;
}

// A pad that is used for two different values shows the difference of what is under it.
static gboolean is_new_value(Witness *witness, const char *from, const WireRelay *relay)
{
    g_autofree char *name = g_strdup_printf("%s %s/%u %u %u", from, relay->request, relay->attempt,
                                            relay->target, relay->path);
    g_autoptr(GBytes) value = message_pack(&relay->base);
    GBytes *known = g_hash_table_lookup(witness->values, name);
    if (known && !g_bytes_equal(known, value))
        witness_fail(witness, "two relay values under one pad: %s", name);
    if (known)
        return FALSE;
    g_hash_table_insert(witness->values, g_steal_pointer(&name), g_steal_pointer(&value));
    return TRUE;
}

static void check_transit(Witness *witness, const char *from, const WireBranch *branch,
                          const WireRelay *relay)
{
    g_autoptr(Secret) ingress = slots_of(witness, from, branch->ingress);
    g_autoptr(Secret) egress = slots_of(witness, from, branch->egress);
    if (!ingress || !egress) {
        witness_fail(witness, "%s relays with slots that it was never given", from);
        return;
    }
    secret_xor(ingress, 0, egress->data, egress->n_bytes);
    if (relay->value.len > ingress->n_bytes ||
        memcmp(ingress->data, relay->value.data, relay->value.len) != 0)
        witness_fail(witness, "%s relays with other slots than ordered", from);
}

// The XOR of what all paths to a target carry, or NULL while some are missing.
static Secret *combine(Witness *witness, const WireOrder *order, const WireBranch *branch)
{
    g_autoptr(Secret) payload = secret_new(relay_payload_bytes(order));
    for (guint path = 0; path < MAX(branch->n_paths, 1); path++) {
        g_autofree char *name = share_name(order->request, order->attempt, branch->target, path);
        const Secret *share = g_hash_table_lookup(witness->shares, name);
        if (!share)
            return NULL;
        secret_xor(payload, 0, share->data, payload->n_bytes);
    }
    return g_steal_pointer(&payload);
}

static void learn_keys(Witness *witness, const WireOrder *order, const Secret *payload)
{
    gsize n_bytes = order->size_bits / 8;
    for (guint i = 0; i < order->number; i++) {
        char id[UUID_CHARS + 1];
        key_id_derive(order->request, order->attempt, i, id);
        witness_set_key(witness, id, payload->data + i * n_bytes, n_bytes);
    }
}

static void take_share(Witness *witness, const char *from, const WireOrder *order,
                       const WireBranch *branch, const WireRelay *relay)
{
    g_autoptr(Secret) pad = slots_of(witness, from, branch->egress);
    if (!pad || relay->value.len != relay_payload_bytes(order)) {
        witness_fail(witness, "%s sends keys with slots that it was never given", from);
        return;
    }
    g_autoptr(Secret) share = secret_new_copy(relay->value.data, relay->value.len);
    secret_xor(share, 0, pad->data, share->n_bytes);
    windows_add(witness->windows, share->data, share->n_bytes);
    g_hash_table_insert(witness->shares,
                        share_name(order->request, order->attempt, branch->target, branch->path),
                        g_steal_pointer(&share));
    g_autoptr(Secret) payload = combine(witness, order, branch);
    if (payload)
        learn_keys(witness, order, payload);
}

void witness_on_relay(Witness *witness, const char *from, const WireRelay *relay)
{
    g_autofree char *name = order_name(from, relay->request, relay->attempt);
    const WireOrder *order = g_hash_table_lookup(witness->orders, name);
    const WireBranch *branch = find_branch(order, relay);
    if (!branch)
        witness_fail(witness, "%s relays what it was not ordered to", from);
    else if (is_new_value(witness, from, relay) && relay->place == 0)
        take_share(witness, from, order, branch, relay);
    else if (relay->place > 0)
        check_transit(witness, from, branch, relay);
}
