// SPDX-License-Identifier: Apache-2.0

#include "agents/federation/ledger-block.h"

#include <string.h>

static void block_free(gpointer data)
{
    Block *block = data;
    g_free(block->id);
    g_free(block->states);
    secret_free(block->key);
    g_free(block);
}

Block *block_new(const Ledger *ledger, const char *id, guint64 first, const Secret *key)
{
    Block *block = g_new0(Block, 1);
    block->ledger = ledger;
    block->id = g_strdup(id);
    block->first = first;
    block->n_slots = block->n_unspent = (guint)(key->n_bytes / SLOT_BYTES);
    block->states = g_new0(guint8, block->n_slots);
    block->key = secret_new_copy(key->data, key->n_bytes);
    return block;
}

static int compare_slots(gconstpointer a, gconstpointer b, gpointer data)
{
    guint64 x = *(const guint64 *)a, y = *(const guint64 *)b;
    return x < y ? -1 : x > y;
}

static guint64 block_end(const Block *block)
{
    return block->first + block->n_slots;
}

// The block that holds the slot, or the next one after it.
static Block *block_at(const Ledger *ledger, guint64 slot)
{
    GTreeNode *node = g_tree_upper_bound(ledger->blocks, &slot);
    GTreeNode *before = node ? g_tree_node_previous(node) : g_tree_node_last(ledger->blocks);
    if (before && block_end(g_tree_node_value(before)) > slot)
        return g_tree_node_value(before);
    return node ? g_tree_node_value(node) : NULL;
}

static Block *block_next(const Ledger *ledger, const Block *block)
{
    GTreeNode *node = g_tree_upper_bound(ledger->blocks, &block->first);
    return node ? g_tree_node_value(node) : NULL;
}

// The unspent slots of all blocks that end after `from` and not after `to`.
static guint64 count_unspent(const Ledger *ledger, guint64 from, guint64 to)
{
    guint64 n_unspent = 0;
    for (Block *block = block_at(ledger, from); block && block_end(block) <= to;
         block = block_next(ledger, block))
        n_unspent += block->n_unspent;
    return n_unspent;
}

Ledger *ledger_new(const char *link, Store *store, const Secret *master_key, const Random *random)
{
    Ledger *ledger = g_new0(Ledger, 1);
    ledger->link = link;
    ledger->store = store;
    ledger->master_key = master_key;
    ledger->random = random;
    ledger->blocks = g_tree_new_full(compare_slots, NULL, NULL, block_free);
    return ledger;
}

void ledger_count_open(Ledger *ledger)
{
    ledger->n_open = count_unspent(ledger, 0, ledger->open_end);
}

void ledger_free(Ledger *ledger)
{
    if (!ledger)
        return;
    g_tree_unref(ledger->blocks);
    g_free(ledger);
}

guint64 ledger_end(const Ledger *ledger)
{
    return ledger->end;
}

guint64 ledger_open_end(const Ledger *ledger)
{
    return ledger->open_end;
}

guint64 ledger_n_open(const Ledger *ledger)
{
    return ledger->n_open;
}

guint64 ledger_generation(const Ledger *ledger)
{
    return ledger->generation;
}

gboolean ledger_has_record(const Ledger *ledger)
{
    return ledger->has_record;
}

guint64 ledger_first_open(const Ledger *ledger)
{
    const Block *block = block_at(ledger, 0);
    for (guint i = 0; block && i < block->n_slots; i++) {
        if (block->states[i] != SLOT_SPENT)
            return MIN(block->first + i, ledger->open_end);
    }
    return ledger->open_end;
}

void ledger_append(Ledger *ledger, const char *block_id, const Secret *key)
{
    g_assert(key->n_bytes > 0 && key->n_bytes % SLOT_BYTES == 0);
    Block *block = block_new(ledger, block_id, ledger->end, key);
    g_tree_insert(ledger->blocks, &block->first, block);
    ledger->end = block_end(block);
    block_save(ledger, block);
    ledger_save(ledger);
}

void ledger_set_open_end(Ledger *ledger, guint64 open_end)
{
    g_assert(open_end <= ledger->end);
    if (open_end >= ledger->open_end)
        ledger->n_open += count_unspent(ledger, ledger->open_end, open_end);
    else
        ledger->n_open -= count_unspent(ledger, open_end, ledger->open_end);
    ledger->open_end = open_end;
    ledger_save(ledger);
}

void ledger_set_generation(Ledger *ledger, guint64 generation)
{
    ledger->generation = generation;
    ledger_save(ledger);
}

static void block_drop(Ledger *ledger, Block *block)
{
    if (block_end(block) <= ledger->open_end)
        ledger->n_open -= block->n_unspent;
    block->n_unspent = 0;
    block_save(ledger, block);
    g_tree_remove(ledger->blocks, &block->first);
}

// Whether nothing from this block boundary on was ever used, or is kept for an order: what was used
// must never be numbered again.
static gboolean is_untouched(const Ledger *ledger, guint64 from)
{
    guint64 at = from;
    for (Block *block = block_at(ledger, from); block; block = block_next(ledger, block)) {
        if (block->first != at)
            return FALSE;
        for (guint i = 0; i < block->n_slots; i++) {
            if (block->states[i] != SLOT_OPEN)
                return FALSE;
        }
        at = block_end(block);
    }
    return at == ledger->end;
}

gboolean ledger_truncate(Ledger *ledger, guint64 from)
{
    if (!is_untouched(ledger, from))
        return FALSE;
    Block *block;
    while ((block = block_at(ledger, from)))
        block_drop(ledger, block);
    ledger->end = from;
    ledger_set_open_end(ledger, MIN(ledger->open_end, from));
    return TRUE;
}

void ledger_restart(Ledger *ledger, guint64 end)
{
    Block *block;
    while ((block = block_at(ledger, 0)))
        block_drop(ledger, block);
    ledger->end = ledger->open_end = end;
    ledger->n_open = 0;
    ledger_save(ledger);
}

guint ledger_list_blocks(const Ledger *ledger, guint64 from, WireBlock *ret_blocks, guint max)
{
    guint n = 0;
    for (Block *block = block_at(ledger, from); block && n < max;
         block = block_next(ledger, block)) {
        ret_blocks[n] = (WireBlock)WIRE_BLOCK_INIT;
        ret_blocks[n].id = block->id;
        ret_blocks[n++].n_slots = block->n_slots;
    }
    return n;
}

// Calls for each slot of the range that is in a block.
typedef void (*SlotFn)(Ledger *ledger, Block *block, guint index, gpointer data);

static void for_each_slot(Ledger *ledger, Slots slots, SlotFn fn, gpointer data)
{
    guint64 end = slots.first + slots.n_slots;
    for (Block *block = block_at(ledger, slots.first); block && block->first < end;
         block = block_next(ledger, block)) {
        guint64 from = MAX(slots.first, block->first), to = MIN(end, block_end(block));
        for (guint64 slot = from; slot < to; slot++)
            fn(ledger, block, (guint)(slot - block->first), data);
    }
}

static gboolean slots_are_sane(Slots slots)
{
    return slots.n_slots > 0 && slots.n_slots < LEDGER_SLOT_MAX && slots.first < LEDGER_SLOT_MAX;
}

static void count_if_open(Ledger *ledger, Block *block, guint index, gpointer data)
{
    if (block->states[index] == SLOT_OPEN)
        ++*(guint64 *)data;
}

static void mark_reserved(Ledger *ledger, Block *block, guint index, gpointer data)
{
    block->states[index] = SLOT_RESERVED;
}

Status ledger_reserve(Ledger *ledger, Slots slots)
{
    if (!slots_are_sane(slots) || slots.first + slots.n_slots > ledger->end)
        return STATUS_SLOT_UNKNOWN;
    guint64 n_open = 0;
    for_each_slot(ledger, slots, count_if_open, &n_open);
    if (n_open != slots.n_slots)
        return STATUS_SLOT_USED;
    for_each_slot(ledger, slots, mark_reserved, NULL);
    return STATUS_OK;
}

static void mark_open(Ledger *ledger, Block *block, guint index, gpointer data)
{
    if (block->states[index] == SLOT_RESERVED)
        block->states[index] = SLOT_OPEN;
}

void ledger_unreserve(Ledger *ledger, Slots slots)
{
    for_each_slot(ledger, slots, mark_open, NULL);
}

static void spend_slot(Ledger *ledger, Block *block, guint index, gpointer data)
{
    if (block->states[index] == SLOT_SPENT)
        return;
    block->states[index] = SLOT_SPENT;
    block->n_unspent--;
    if (block_end(block) <= ledger->open_end)
        ledger->n_open--;
    secret_wipe(block->key->data + (gsize)index * SLOT_BYTES, SLOT_BYTES);
}

// Makes the change to the blocks of a range durable, and drops those that are used up. The platform
// gives out only slots that both ends reported, so the other end holds these, even if its own word
// for it is still on the way.
static void save_range(Ledger *ledger, Slots slots)
{
    guint64 end = slots.first + slots.n_slots;
    Block *block = block_at(ledger, slots.first);
    while (block && block->first < end) {
        Block *next = block_next(ledger, block);
        if (block_end(block) > ledger->open_end)
            ledger_set_open_end(ledger, block_end(block));
        block_save(ledger, block);
        if (block->n_unspent == 0)
            g_tree_remove(ledger->blocks, &block->first);
        block = next;
    }
}

static void count_if_reserved(Ledger *ledger, Block *block, guint index, gpointer data)
{
    if (block->states[index] == SLOT_RESERVED)
        ++*(guint64 *)data;
}

gboolean ledger_keeps(Ledger *ledger, Slots slots)
{
    guint64 n_reserved = 0;
    if (slots_are_sane(slots))
        for_each_slot(ledger, slots, count_if_reserved, &n_reserved);
    return n_reserved > 0 && n_reserved == slots.n_slots;
}

typedef struct {
    guint64 first;
    Secret *bytes;
} Copy;

static void copy_and_spend(Ledger *ledger, Block *block, guint index, gpointer data)
{
    const Copy *copy = data;
    memcpy(copy->bytes->data + (block->first + index - copy->first) * SLOT_BYTES,
           block->key->data + (gsize)index * SLOT_BYTES, SLOT_BYTES);
    spend_slot(ledger, block, index, NULL);
}

Secret *ledger_spend(Ledger *ledger, Slots slots)
{
    // A slot that is gone would pad with zeros.
    g_assert(ledger_keeps(ledger, slots));
    Copy copy = {slots.first, secret_new(slots.n_slots * SLOT_BYTES)};
    for_each_slot(ledger, slots, copy_and_spend, &copy);
    save_range(ledger, slots);
    return copy.bytes;
}

void ledger_burn(Ledger *ledger, Slots slots)
{
    if (!slots_are_sane(slots))
        return;
    for_each_slot(ledger, slots, spend_slot, NULL);
    save_range(ledger, slots);
}
