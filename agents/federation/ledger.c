// SPDX-License-Identifier: Apache-2.0

#include "agents/federation/ledger.h"

#include "agents/federation/state.pb-c.h"
#include "topics/frame.h"

#include <string.h>

typedef enum {
    SLOT_OPEN,
    SLOT_RESERVED, // for an order under way; in memory only
    SLOT_SPENT,
} SlotState;

typedef struct {
    char *id;
    guint64 first;
    guint n_slots;
    guint n_unspent;
    guint8 *states; // SlotState of each
    Secret *key;
} Block;

struct Ledger {
    const char *link;
    Store *store;
    const Secret *master_key;
    const Random *random;
    GTree *blocks; // &block->first → Block; a block without unspent slots is gone
    guint64 end;
    guint64 open_end;
    guint64 generation;
    guint64 n_open;
    gboolean has_record;
};

static void block_free(gpointer data)
{
    Block *block = data;
    g_free(block->id);
    g_free(block->states);
    secret_free(block->key);
    g_free(block);
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

static char *block_place(const Ledger *ledger, const Block *block)
{
    return g_strdup_printf("%s/%016" G_GINT64_MODIFIER "x", ledger->link, block->first);
}

static void ledger_save(Ledger *ledger)
{
    Agent__State__Ledger state = AGENT__STATE__LEDGER__INIT;
    state.end = ledger->end;
    state.open_end = ledger->open_end;
    state.generation = ledger->generation;
    g_autoptr(GBytes) value = message_pack(&state.base);
    store_put_text(ledger->store, "ledger", ledger->link, value);
    ledger->has_record = TRUE;
}

// What is spent is sealed in with the block: a bit that falls over on disk must not bring back a
// slot whose bytes are zeros by now.
static char *sealed_place(const char *place, const guint8 *spent, gsize n_bytes)
{
    GString *text = g_string_new(place);
    g_string_append_c(text, ' ');
    for (gsize i = 0; i < n_bytes; i++)
        g_string_append_printf(text, "%02x", spent[i]);
    return g_string_free(text, FALSE);
}

static void block_save(Ledger *ledger, const Block *block)
{
    g_autofree char *place = block_place(ledger, block);
    if (block->n_unspent == 0) {
        store_delete_text(ledger->store, "block", place);
        return;
    }
    g_autoptr(GByteArray) spent = g_byte_array_new();
    g_byte_array_set_size(spent, (block->n_slots + 7) / 8);
    memset(spent->data, 0, spent->len);
    for (guint i = 0; i < block->n_slots; i++) {
        if (block->states[i] == SLOT_SPENT)
            spent->data[i / 8] |= (guint8)(1u << (i % 8));
    }
    g_autofree char *bound = sealed_place(place, spent->data, spent->len);
    g_autoptr(GBytes) sealed = seal(ledger->master_key, ledger->random, bound, block->key);
    Agent__State__Block state = AGENT__STATE__BLOCK__INIT;
    state.id = block->id;
    state.n_slots = block->n_slots;
    state.spent = (ProtobufCBinaryData){spent->len, spent->data};
    state.sealed.data = (guint8 *)g_bytes_get_data(sealed, &state.sealed.len);
    g_autoptr(GBytes) value = message_pack(&state.base);
    store_put_text(ledger->store, "block", place, value);
}

static Block *block_new(const char *id, guint64 first, const Secret *key)
{
    Block *block = g_new0(Block, 1);
    block->id = g_strdup(id);
    block->first = first;
    block->n_slots = block->n_unspent = (guint)(key->n_bytes / SLOT_BYTES);
    block->states = g_new0(guint8, block->n_slots);
    block->key = secret_new_copy(key->data, key->n_bytes);
    return block;
}

typedef struct {
    Ledger *ledger;
    GError **error;
    gboolean failed;
} Loading;

static gboolean load_failed(Loading *loading, const char *place, const char *what)
{
    if (!loading->failed)
        g_set_error(loading->error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "ledger block '%s': %s",
                    place, what);
    loading->failed = TRUE;
    return FALSE;
}

static gboolean load_block_state(Loading *loading, const char *place, guint64 first,
                                 const Agent__State__Block *state)
{
    Ledger *ledger = loading->ledger;
    g_autofree char *bound = sealed_place(place, state->spent.data, state->spent.len);
    g_autoptr(Secret) key =
        unseal(ledger->master_key, bound, state->sealed.data, state->sealed.len);
    if (!key)
        return load_failed(loading, place,
                           "is damaged, or sealed with another master key: give the one that "
                           "belongs to this store");
    if (key->n_bytes != (gsize)state->n_slots * SLOT_BYTES ||
        state->spent.len != (state->n_slots + 7) / 8 || state->n_slots == 0)
        return load_failed(loading, place, "is damaged");
    Block *block = block_new(state->id, first, key);
    for (guint i = 0; i < block->n_slots; i++) {
        if (state->spent.data[i / 8] & (1u << (i % 8))) {
            block->states[i] = SLOT_SPENT;
            block->n_unspent--;
        }
    }
    g_tree_insert(ledger->blocks, &block->first, block);
    return TRUE;
}

static void load_block(gpointer data, GBytes *key, GBytes *value)
{
    Loading *loading = data;
    gsize n_key = 0, n_value = 0;
    const char *text = g_bytes_get_data(key, &n_key);
    g_autofree char *place = g_strndup(text, n_key);
    char *slash = strchr(place, '/');
    if (!slash || strncmp(place, loading->ledger->link, (gsize)(slash - place)) != 0 ||
        loading->ledger->link[slash - place])
        return;
    guint64 first = g_ascii_strtoull(slash + 1, NULL, 16);
    const guint8 *bytes = g_bytes_get_data(value, &n_value);
    Agent__State__Block *state = agent__state__block__unpack(NULL, n_value, bytes);
    if (state)
        load_block_state(loading, place, first, state);
    else
        load_failed(loading, place, "is damaged");
    wire_free(state);
}

static void load_ledger(gpointer data, GBytes *key, GBytes *value)
{
    Loading *loading = data;
    Ledger *ledger = loading->ledger;
    gsize n_key = 0, n_value = 0;
    const char *link = g_bytes_get_data(key, &n_key);
    if (n_key != strlen(ledger->link) || memcmp(link, ledger->link, n_key) != 0)
        return;
    const guint8 *bytes = g_bytes_get_data(value, &n_value);
    Agent__State__Ledger *state = agent__state__ledger__unpack(NULL, n_value, bytes);
    if (!state) {
        load_failed(loading, ledger->link, "is damaged");
        return;
    }
    ledger->end = state->end;
    ledger->open_end = state->open_end;
    ledger->generation = state->generation;
    ledger->has_record = TRUE;
    wire_free(state);
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

Ledger *ledger_open(const char *link, Store *store, const Secret *master_key, const Random *random,
                    GError **error)
{
    g_autoptr(Ledger) ledger = g_new0(Ledger, 1);
    ledger->link = link;
    ledger->store = store;
    ledger->master_key = master_key;
    ledger->random = random;
    ledger->blocks = g_tree_new_full(compare_slots, NULL, NULL, block_free);
    Loading loading = {ledger, error, FALSE};
    if (!store_load(store, "ledger", load_ledger, &loading, error) || loading.failed ||
        !store_load(store, "block", load_block, &loading, error) || loading.failed)
        return NULL;
    ledger->n_open = count_unspent(ledger, 0, ledger->open_end);
    return g_steal_pointer(&ledger);
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
    Block *block = block_new(block_id, ledger->end, key);
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
