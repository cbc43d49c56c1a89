// SPDX-License-Identifier: Apache-2.0

#include "topics/settlement.h"

#include "topics/frame.h"

#include <string.h>

void record_id_derive(const char *request, guint attempt, const char *provider,
                      char ret_id[UUID_CHARS + 1])
{
    g_autofree char *name = g_strdup_printf("%u/%s", attempt, provider);
    uuid_derive(request, name, ret_id);
}

void statement_digest(const WireStatement *statement, guint8 ret_digest[STATEMENT_DIGEST_BYTES])
{
    WireStatement bare = *statement;
    gsize n_bytes = STATEMENT_DIGEST_BYTES;
    bare.digest = bare.signature = (ProtobufCBinaryData){0};
    bare.algorithm = QKDNF__V1__ALGORITHM__ALGORITHM_UNSPECIFIED;
    g_autoptr(GBytes) bytes = message_pack(&bare.base);
    g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA256);
    g_checksum_update(checksum, g_bytes_get_data(bytes, NULL), (gssize)g_bytes_get_size(bytes));
    g_checksum_get_digest(checksum, ret_digest, &n_bytes);
}

// --- what a party checks -------------------------------------------------------------------------

gboolean digest_equal(const ProtobufCBinaryData *a, const ProtobufCBinaryData *b)
{
    return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

static gboolean has_digest(const WireStatement *statement)
{
    guint8 digest[STATEMENT_DIGEST_BYTES];
    statement_digest(statement, digest);
    return digest_equal(&statement->digest, &(ProtobufCBinaryData){STATEMENT_DIGEST_BYTES, digest});
}

static gboolean has_totals(const WireStatement *statement)
{
    guint64 keys = 0, bits = 0;
    gint64 amount = statement->minimum;
    gboolean is_too_much = FALSE;
    for (gsize i = 0; i < statement->n_items; i++) {
        keys += statement->items[i]->keys;
        bits += statement->items[i]->bits;
        is_too_much |= __builtin_add_overflow(amount, statement->items[i]->amount, &amount);
    }
    return !is_too_much && statement->n_records == statement->n_items && statement->keys == keys &&
           statement->bits == bits && statement->amount == amount;
}

const char *statement_find_fault(const WireStatement *statement, guint64 expected,
                                 const ProtobufCBinaryData *previous)
{
    if (statement->sequence > expected)
        return "a batch before it is missing";
    if (!has_digest(statement))
        return "its digest is not that of its contents";
    if (!digest_equal(&statement->previous, previous))
        return "it does not follow on the batch before it";
    return has_totals(statement) ? NULL : "its totals are not those of its records";
}
