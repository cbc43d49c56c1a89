// SPDX-License-Identifier: Apache-2.0

#include "tests/fuzz/state.h"

#include <string.h>

// Little key, so that inputs are short.
#define INITIAL_SLOTS 64
#define RATE_BPS      4096

// No record is from a time later than this after the start of the world.
#define STATE_AGE_US (10 * G_TIME_SPAN_SECOND)

// Of both cores' stores. Where they have a name in common the record is of whoever's it is.
static const char *const tables[] = {
    "agreement", "application", "attachment",    "audit",      "batch",   "block",  "charge",
    "fault",     "grant",       "granted",       "handover",   "key",     "ledger", "leg",
    "link",      "mark",        "member",        "membership", "netting", "order",  "period",
    "quota",     "rating",      "request",       "resource",   "self",    "series", "session",
    "tariff",    "usage",       "usage_session", "visit",      "visitor",
};

gboolean piece_next(const guint8 **bytes, gsize *n_bytes, Piece *ret_piece)
{
    const guint8 *end = *n_bytes > 0 ? memchr(*bytes, '\n', *n_bytes) : NULL;
    guint32 length = 0;
    if (!end || (gsize)(*bytes + *n_bytes - end) <= sizeof length)
        return FALSE;
    memcpy(&length, end + 1, sizeof length);
    const guint8 *content = end + 1 + sizeof length;
    gsize n_left = (gsize)(*bytes + *n_bytes - content);
    gsize n_content = MIN(GUINT32_FROM_LE(length), n_left);
    ret_piece->name = g_strndup((const char *)*bytes, (gsize)(end - *bytes));
    ret_piece->bytes = g_bytes_new(content, n_content);
    *bytes = content + n_content;
    *n_bytes = n_left - n_content;
    return TRUE;
}

void piece_clear(Piece *piece)
{
    g_clear_pointer(&piece->name, g_free);
    g_clear_pointer(&piece->bytes, g_bytes_unref);
}

void piece_append(GByteArray *input, const char *name, GBytes *bytes)
{
    gsize n_bytes = 0;
    const guint8 *data = g_bytes_get_data(bytes, &n_bytes);
    guint32 length = GUINT32_TO_LE((guint32)n_bytes);
    g_byte_array_append(input, (const guint8 *)name, (guint)strlen(name));
    g_byte_array_append(input, (const guint8 *)"\n", 1);
    g_byte_array_append(input, (const guint8 *)&length, sizeof length);
    g_byte_array_append(input, data, (guint)n_bytes);
}

// --- stores --------------------------------------------------------------------------------------

typedef struct {
    GByteArray *input;
    const char *member;
    const char *table;
} Dump;

static char *escape(GBytes *key)
{
    gsize n_bytes = 0;
    const guint8 *bytes = g_bytes_get_data(key, &n_bytes);
    GString *text = g_string_new(NULL);
    for (gsize i = 0; i < n_bytes; i++)
        g_string_append_printf(
            text, g_ascii_isgraph(bytes[i]) && bytes[i] != '\\' ? "%c" : "\\%03o", bytes[i]);
    return g_string_free(text, FALSE);
}

// The escapes of three digits are all that there are.
static GBytes *unescape(const char *text)
{
    GByteArray *bytes = g_byte_array_new();
    for (; *text; text++) {
        guint8 byte = (guint8)*text;
        if (*text == '\\' && strspn(text + 1, "01234567") >= 3) {
            byte = (guint8)((text[1] - '0') << 6 | (text[2] - '0') << 3 | (text[3] - '0'));
            text += 3;
        }
        g_byte_array_append(bytes, &byte, 1);
    }
    return g_byte_array_free_to_bytes(bytes);
}

static void dump_record(gpointer data, GBytes *key, GBytes *value)
{
    const Dump *dump = data;
    g_autofree char *escaped = escape(key);
    g_autofree char *name = g_strdup_printf("%s %s %s", dump->member, dump->table, escaped);
    piece_append(dump->input, name, value);
}

void state_append(GByteArray *input, const Node *node)
{
    g_autoptr(Store) store = store_new_memory(node->disk);
    for (gsize i = 0; i < G_N_ELEMENTS(tables); i++) {
        Dump dump = {input, node->id, tables[i]};
        store_load(store, tables[i], dump_record, &dump, NULL);
    }
}

static const char *find_table(const char *name)
{
    for (gsize i = 0; i < G_N_ELEMENTS(tables); i++) {
        if (strcmp(tables[i], name) == 0)
            return tables[i];
    }
    return NULL;
}

gboolean state_put(World *world, const Piece *piece)
{
    g_auto(GStrv) words = g_strsplit(piece->name, " ", 3);
    const char *table = g_strv_length(words) == 3 ? find_table(words[1]) : NULL;
    for (guint i = 0; table && i < world->nodes->len; i++) {
        const Node *node = world->nodes->pdata[i];
        if (strcmp(node->id, words[0]) != 0)
            continue;
        g_autoptr(Store) store = store_new_memory(node->disk);
        g_autoptr(GBytes) key = unescape(words[2]);
        store_put(store, table, key, piece->bytes);
        return store_commit(store, NULL);
    }
    return FALSE;
}

Network *state_network(void)
{
    Network *network = network_chain(2);
    for (guint i = 0; i < network->sites->len; i++) {
        Site *site = network->sites->pdata[i];
        SimBorder *border = site->qkdn.borders->pdata[0];
        border->rate_bps = RATE_BPS;
        border->initial_bytes = INITIAL_SLOTS * 32;
        site->config.ledger.high_slots = INITIAL_SLOTS;
    }
    return network;
}

World *state_world(void)
{
    World *world = world_new(state_network(), 1, NULL, NULL);
    for (guint i = 0; i < world->nodes->len; i++)
        ((Node *)world->nodes->pdata[i])->skew_us = STATE_AGE_US;
    return world;
}
