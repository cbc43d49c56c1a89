// SPDX-License-Identifier: Apache-2.0
//
// The numbers of a seller's records of a session. They follow on each other, and each order gives
// one record at the most; which orders a provider was sent, the platform knows.

#include "platform/conduct.h"
#include "platform/request.h"
#include "topics/record.h"

#include <string.h>

static char *row_name(const char *session, const char *provider)
{
    return g_strdup_printf("%s %s", session, provider);
}

static Platform__State__Row *find_row(const Federation *federation, const char *session,
                                      const char *provider)
{
    g_autofree char *name = row_name(session, provider);
    return g_tree_lookup(federation->accounts->rows, name);
}

static void put(Federation *federation, const char *session, const char *provider,
                Platform__State__Row *row)
{
    g_autofree char *name = row_name(session, provider);
    g_autoptr(GBytes) value = message_pack(&row->base);
    store_put_text(federation->store, "row", name, value);
    if (g_tree_lookup(federation->accounts->rows, name) != row)
        g_tree_replace(federation->accounts->rows, g_steal_pointer(&name), row);
}

// The first that is known of the session.
static const char *first_row(const Federation *federation, const char *session)
{
    GTreeNode *node = g_tree_lower_bound(federation->accounts->rows, session);
    const char *name = node ? g_tree_node_key(node) : NULL;
    return name && g_str_has_prefix(name, session) ? name : NULL;
}

// So many blocks of a session are under way at a time, and some more.
#define BLOCKS_KEPT 8

// Of an order that is sent again, the first time counts.
static void note_block(Platform__State__Row *row, const Request *request, gint64 now_us)
{
    Platform__State__RowBlock block = PLATFORM__STATE__ROW_BLOCK__INIT;
    block.next = request->session->first + request->wire->number;
    block.ordered_at_us = (guint64)now_us;
    for (gsize i = 0; i < row->n_blocks; i++) {
        if (row->blocks[i]->next == block.next)
            return;
    }
    row->blocks = g_renew(Platform__State__RowBlock *, row->blocks, row->n_blocks + 1);
    row->blocks[row->n_blocks++] = message_copy(&block.base);
    if (row->n_blocks <= BLOCKS_KEPT)
        return;
    wire_free(row->blocks[0]);
    memmove(row->blocks, row->blocks + 1, --row->n_blocks * sizeof *row->blocks);
}

// Of a session that began before its orders were counted nothing is known, be what is ordered now
// a copy of its first keys, or another attempt to make them.
static gboolean begins(const Request *request)
{
    return request->session->first == 0 && request->attempt == 0 && !request->copy;
}

void rows_on_orders(Federation *federation, const Request *request)
{
    const WireSessionKeys *keys = request->session;
    if (!keys || !(begins(request) || first_row(federation, keys->session)))
        return;
    for (guint i = 0; i < request->parts->len; i++) {
        const Part *part = request->parts->pdata[i];
        Platform__State__Row *row = find_row(federation, keys->session, part->agent);
        if (!part->order)
            continue;
        if (!row) {
            Platform__State__Row none = PLATFORM__STATE__ROW__INIT;
            row = message_copy(&none.base);
        }
        row->n_orders++;
        // Copies have the numbers of keys that were ordered before.
        if (!request->copy)
            note_block(row, request, federation->now);
        put(federation, keys->session, part->agent, row);
    }
}

guint row_orders(const Federation *federation, const char *session, const char *provider)
{
    const Platform__State__Row *row = find_row(federation, session, provider);
    return row ? row->n_orders : 0;
}

static guint64 begin_us(const Platform__State__Row *row, const Request *request)
{
    for (gsize i = 0; row && !request->copy && i < row->n_blocks; i++) {
        if (row->blocks[i]->next == request->session->first)
            return row->blocks[i]->ordered_at_us;
    }
    return (guint64)request->received_at_us;
}

// By a clock that was set back nothing is known.
guint64 row_seen_us(const Federation *federation, const Request *request, const char *provider)
{
    const Platform__State__Row *row = find_row(federation, request->session->session, provider);
    guint64 from_us = begin_us(row, request), now_us = (guint64)federation->now;
    return row && now_us > from_us ? now_us - from_us : 0;
}

static void tell(Federation *federation, const WireCharge *charge, guint n_orders)
{
    WireConduct *conduct = conduct_open(federation, charge->seller);
    conduct->skipped += charge->skipped;
    conduct_save(federation, conduct);
    federation_event(federation,
                     &(EventHead){.severity = QKDNF__V1__SEVERITY__SEVERITY_WARNING,
                                  .name = "usage.skipped",
                                  .subject = charge->record,
                                  .cause = charge->session},
                     "%s gives number %u to this record, and had been sent %u orders of the "
                     "session: it is %u at the most",
                     charge->seller, charge->partial, n_orders, n_orders - 1);
}

// Those that come after it have as many too many: only more than that is new. When the session is
// forgotten, so is what was told of it.
void rows_check(Federation *federation, WireCharge *charge, guint n_orders)
{
    Platform__State__Row *row = find_row(federation, charge->session, charge->seller);
    if (!row || n_orders == 0 || charge->partial < n_orders)
        return;
    guint n = charge->partial - n_orders + 1;
    if (n <= row->n_skipped)
        return;
    charge->skipped = n - row->n_skipped;
    row->n_skipped = n;
    put(federation, charge->session, charge->seller, row);
    tell(federation, charge, n_orders);
}

void rows_drop(Federation *federation, const char *session)
{
    const char *name = NULL;
    while ((name = first_row(federation, session))) {
        store_delete_text(federation->store, "row", name);
        g_tree_remove(federation->accounts->rows, name);
    }
}

static void load_row(gpointer data, GBytes *key, GBytes *value)
{
    RecordLoading *loading = data;
    Federation *federation = loading->core;
    g_autofree char *name = record_name(key);
    Platform__State__Row *row = record_unpack(&platform__state__row__descriptor, value);
    if (row)
        g_tree_replace(federation->accounts->rows, g_steal_pointer(&name), row);
    else
        record_fail(loading, "row", name, "is damaged");
}

gboolean rows_load(Federation *federation, GError **error)
{
    return record_load(federation->store, "row", load_row, federation, error);
}
