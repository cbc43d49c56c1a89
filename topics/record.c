// SPDX-License-Identifier: Apache-2.0

#include "topics/record.h"

#include "topics/frame.h"

char *record_name(GBytes *key)
{
    gsize n_bytes = 0;
    const char *text = g_bytes_get_data(key, &n_bytes);
    return g_strndup(n_bytes > 0 ? text : "", n_bytes);
}

gpointer record_unpack(const ProtobufCMessageDescriptor *type, GBytes *value)
{
    gsize n_bytes = 0;
    const guint8 *bytes = g_bytes_get_data(value, &n_bytes);
    return message_unpack(type, bytes, n_bytes);
}

gboolean record_load(Store *store, const char *table, StoreLoadFn fn, gpointer core, GError **error)
{
    RecordLoading loading = {core, error, FALSE};
    return store_load(store, table, fn, &loading, error) && !loading.failed;
}

void record_fail(RecordLoading *loading, const char *what, const char *name, const char *why)
{
    if (!loading->failed)
        g_set_error(loading->error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "%s '%s': %s", what, name,
                    why);
    loading->failed = TRUE;
}
