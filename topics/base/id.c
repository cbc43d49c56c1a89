// SPDX-License-Identifier: Apache-2.0

#include "topics/base/id.h"

#include <string.h>

static gboolean is_edge_char(char c)
{
    return g_ascii_islower(c) || g_ascii_isdigit(c);
}

gboolean id_is_valid(const char *id)
{
    gsize n = strnlen(id, ID_MAX_BYTES + 1);
    if (n < 1 || n > ID_MAX_BYTES || !is_edge_char(id[0]) || !is_edge_char(id[n - 1]))
        return FALSE;
    for (gsize i = 0; i < n; i++) {
        if (!is_edge_char(id[i]) && id[i] != '-' && id[i] != '.')
            return FALSE;
    }
    return TRUE;
}
