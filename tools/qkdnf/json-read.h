#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// Reading fields of JSON objects that may lack them: absent or of another type is "", 0 or FALSE.

#include <glib.h>
#include <jansson.h>

static inline const char *json_read_text(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

static inline gint64 json_read_integer(const json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

static inline gboolean json_read_flag(const json_t *object, const char *name)
{
    return json_is_true(json_object_get(object, name));
}
