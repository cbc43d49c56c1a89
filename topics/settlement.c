// SPDX-License-Identifier: Apache-2.0

#include "topics/settlement.h"

#include "topics/frame.h"

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
