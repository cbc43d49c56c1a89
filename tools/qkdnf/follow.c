// SPDX-License-Identifier: Apache-2.0

#include "tools/qkdnf/follow.h"

#include <string.h>

// As deep as messages are nested, which have no recursive types.
static gboolean says(json_t *value, const char *id)
{
    const char *key;
    json_t *inner;
    gsize i;
    if (json_is_string(value))
        return strcmp(json_string_value(value), id) == 0;
    json_object_foreach(value, key, inner)
    {
        if (says(inner, id))
            return TRUE;
    }
    json_array_foreach(value, i, inner)
    {
        if (says(inner, id))
            return TRUE;
    }
    return FALSE;
}

gboolean follow_keep(json_t *publish, const char *id)
{
    json_t *messages = json_object_get(publish, "messages");
    for (gsize i = json_array_size(messages); i > 0; i--) {
        if (!says(json_array_get(messages, i - 1), id))
            json_array_remove(messages, i - 1);
    }
    return json_array_size(messages) > 0;
}
