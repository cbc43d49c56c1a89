// SPDX-License-Identifier: Apache-2.0

#include "agents/federation/ledger-block.h"

#include "topics/record.h"
#include "agents/federation/state.pb-c.h"
#include "topics/frame.h"

#include <string.h>

static char *block_place(const Ledger *ledger, const Block *block)
{
    return g_strdup_printf("%s/%016" G_GINT64_MODIFIER "x", ledger->link, block->first);
}

static GBytes *ledger_pack(gpointer data)
{
    const Ledger *ledger = data;
    Agent__State__Ledger state = AGENT__STATE__LEDGER__INIT;
    state.end = ledger->end;
    state.open_end = ledger->open_end;
    state.generation = ledger->generation;
    return message_pack(&state.base);
}

void ledger_save(Ledger *ledger)
{
    store_put_late(ledger->store, "ledger", ledger->link, ledger_pack, ledger);
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

static GByteArray *list_spent(const Block *block)
{
    GByteArray *spent = g_byte_array_new();
    g_byte_array_set_size(spent, (block->n_slots + 7) / 8);
    memset(spent->data, 0, spent->len);
    for (guint i = 0; i < block->n_slots; i++) {
        if (block->states[i] == SLOT_SPENT)
            spent->data[i / 8] |= (guint8)(1u << (i % 8));
    }
    return spent;
}

static GBytes *block_pack(gpointer data)
{
    const Block *block = data;
    const Ledger *ledger = block->ledger;
    g_autofree char *place = block_place(ledger, block);
    g_autoptr(GByteArray) spent = list_spent(block);
    g_autofree char *bound = sealed_place(place, spent->data, spent->len);
    g_autoptr(GBytes) sealed = seal(ledger->master_key, ledger->random, bound, block->key);
    Agent__State__Block state = AGENT__STATE__BLOCK__INIT;
    state.id = block->id;
    state.n_slots = block->n_slots;
    state.spent = (ProtobufCBinaryData){spent->len, spent->data};
    state.sealed.data = (guint8 *)g_bytes_get_data(sealed, &state.sealed.len);
    return message_pack(&state.base);
}

void block_save(Ledger *ledger, Block *block)
{
    g_autofree char *place = block_place(ledger, block);
    if (block->n_unspent == 0)
        store_delete_text(ledger->store, "block", place);
    else
        store_put_late(ledger->store, "block", place, block_pack, block);
}

static gboolean load_failed(RecordLoading *loading, const char *place, const char *what)
{
    record_fail(loading, "ledger block", place, what);
    return FALSE;
}

static gboolean load_block_state(RecordLoading *loading, Ledger *ledger, const char *place,
                                 guint64 first, const Agent__State__Block *state)
{
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
    Block *block = block_new(ledger, state->id, first, key);
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
    RecordLoading *loading = data;
    g_autofree char *place = record_name(key);
    const char *slash = strchr(place, '/');
    g_autofree char *link = slash ? g_strndup(place, (gsize)(slash - place)) : NULL;
    Ledger *ledger = link ? g_hash_table_lookup(loading->core, link) : NULL;
    if (!ledger)
        return;
    guint64 first = g_ascii_strtoull(slash + 1, NULL, 16);
    Agent__State__Block *state = record_unpack(&agent__state__block__descriptor, value);
    if (state)
        load_block_state(loading, ledger, place, first, state);
    else
        load_failed(loading, place, "is damaged");
    wire_free(state);
}

static void load_ledger(gpointer data, GBytes *key, GBytes *value)
{
    RecordLoading *loading = data;
    g_autofree char *link = record_name(key);
    Ledger *ledger = g_hash_table_lookup(loading->core, link);
    if (!ledger)
        return;
    Agent__State__Ledger *state = record_unpack(&agent__state__ledger__descriptor, value);
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

gboolean ledgers_load(Store *store, GHashTable *ledgers, GError **error)
{
    GHashTableIter iter;
    gpointer ledger;
    if (!record_load(store, "ledger", load_ledger, ledgers, error) ||
        !record_load(store, "block", load_block, ledgers, error))
        return FALSE;
    g_hash_table_iter_init(&iter, ledgers);
    while (g_hash_table_iter_next(&iter, NULL, &ledger))
        ledger_count_open(ledger);
    return TRUE;
}
