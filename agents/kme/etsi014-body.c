// SPDX-License-Identifier: Apache-2.0

#include "agents/kme/etsi014-body.h"

#include "agents/kme/json.h"
#include "topics/base/id.h"

#include <string.h>

#define NOT_MULTIPLE_OF_8       "size shall be a multiple of 8"
#define EXTENSION_NOT_SUPPORTED "not all extension_mandatory parameters are supported"
#define EXTENSION_NOT_MET       "not all extension_mandatory request options could be met"

// More disjoint paths than any federation has.
#define MAX_PATHS 64

// More providers than anyone needs to name.
#define MAX_EXCLUDED 256

// A name that a client chose is repeated to it up to this many characters.
#define MAX_NAME_CHARS 64

typedef struct {
    const KeyLimits *limits;
    Etsi014Call *call;
} Reading;

// A member of a body that has meaning here.
typedef struct {
    const char *name;
    Etsi014Answer *(*read)(const Reading *reading, const json_t *value);
} Field;

Etsi014Answer *etsi014_bad(const char *where, const char *what)
{
    return etsi014_refuse(400, ETSI014_BAD_FORMAT, where, what);
}

static Etsi014Answer *expect_range(const char *where, gint64 value, guint64 min, guint64 max)
{
    max = MIN(max, G_MAXUINT);
    if (value >= 0 && (guint64)value >= min && (guint64)value <= max)
        return NULL;
    g_autofree char *what = g_strdup_printf("expected %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT
                                            ", not %" G_GINT64_FORMAT,
                                            min, max, value);
    return etsi014_bad(where, what);
}

Etsi014Answer *etsi014_set_number(gint64 value, const KeyLimits *limits, Etsi014Call *call)
{
    Etsi014Answer *refused = expect_range("number", value, 1, limits->max_keys_per_request);
    if (!refused)
        call->number = (guint)value;
    return refused;
}

Etsi014Answer *etsi014_set_size(gint64 value, const KeyLimits *limits, Etsi014Call *call)
{
    if (value % 8 != 0)
        return etsi014_refuse(400, NOT_MULTIPLE_OF_8, NULL, NULL);
    Etsi014Answer *refused =
        expect_range("size", value, limits->min_key_size_bits, limits->max_key_size_bits);
    if (!refused)
        call->size_bits = (guint)value;
    return refused;
}

static Etsi014Answer *read_number(const Reading *reading, const json_t *value)
{
    if (!json_is_integer(value))
        return etsi014_bad("number", "expected an integer");
    return etsi014_set_number(json_integer_value(value), reading->limits, reading->call);
}

static Etsi014Answer *read_size(const Reading *reading, const json_t *value)
{
    if (!json_is_integer(value))
        return etsi014_bad("size", "expected an integer, in bits");
    return etsi014_set_size(json_integer_value(value), reading->limits, reading->call);
}

static Etsi014Answer *bad_item(const char *array, gsize i, const char *what)
{
    g_autofree char *where = g_strdup_printf("%s[%zu]", array, i);
    return etsi014_bad(where, what);
}

static Etsi014Answer *read_additional(const Reading *reading, const json_t *value)
{
    static const char name[] = "additional_slave_SAE_IDs";
    if (!json_is_array(value))
        return etsi014_bad(name, "expected an array of strings");
    gsize n = json_array_size(value);
    Etsi014Answer *refused =
        expect_range(name, (gint64)n, 0, reading->limits->max_additional_targets);
    if (refused)
        return refused;
    Etsi014Call *call = reading->call;
    call->targets = g_new0(char *, n + 2);
    call->targets[0] = g_strdup(call->peer);
    for (gsize i = 0; i < n; i++) {
        const char *id = json_string_value(json_array_get(value, i));
        if (!id || !id_is_valid(id))
            return bad_item(name, i, "expected an SAE ID: 1 to 64 of a-z, 0-9, - and .");
        if (g_strv_contains((const char *const *)call->targets, id))
            return bad_item(name, i, "named twice");
        call->targets[i + 1] = g_strdup(id);
    }
    return NULL;
}

// Extensions of ours. Each says whether the value could be used.
static gboolean read_paths(const json_t *value, Etsi014Call *call)
{
    json_int_t n = json_integer_value(value);
    if (!json_is_integer(value) || n < 1 || n > MAX_PATHS)
        return FALSE;
    call->n_paths = (guint)n;
    return TRUE;
}

static gboolean read_exclude(const json_t *value, Etsi014Call *call)
{
    gsize n = json_array_size(value);
    if (!json_is_array(value) || n > MAX_EXCLUDED)
        return FALSE;
    g_auto(GStrv) ids = g_new0(char *, n + 1);
    for (gsize i = 0; i < n; i++) {
        const char *id = json_string_value(json_array_get(value, i));
        if (!id || !id_is_valid(id))
            return FALSE;
        ids[i] = g_strdup(id);
    }
    g_strfreev(call->exclude);
    call->exclude = g_steal_pointer(&ids);
    return TRUE;
}

static gboolean read_uuid(const json_t *value, char **ret_id)
{
    const char *id = json_string_value(value);
    if (!id || !g_uuid_string_is_valid(id))
        return FALSE;
    g_free(*ret_id);
    *ret_id = g_ascii_strdown(id, -1);
    return TRUE;
}

static gboolean read_request(const json_t *value, Etsi014Call *call)
{
    return read_uuid(value, &call->request);
}

static gboolean read_session(const json_t *value, Etsi014Call *call)
{
    return read_uuid(value, &call->session);
}

typedef struct {
    const char *name;
    gboolean (*read)(const json_t *value, Etsi014Call *call);
    const char *expects;
} Extension;

static const Extension extensions[] = {
    {"qkdnf_paths", read_paths, "expected an integer from 1 to 64"},
    {"qkdnf_exclude", read_exclude, "expected an array of at most 256 provider IDs"},
    {"qkdnf_request", read_request, "expected the UUID of a granted request"},
    {"qkdnf_session", read_session, "expected the UUID of a session"},
};

static const Extension *find_extension(const char *name)
{
    for (gsize i = 0; i < G_N_ELEMENTS(extensions); i++) {
        if (strcmp(extensions[i].name, name) == 0)
            return &extensions[i];
    }
    return NULL;
}

// Each array item is an object of one or more extensions (clause 6.2).
static Etsi014Answer *expect_objects(const char *name, const json_t *array)
{
    if (!json_is_array(array))
        return etsi014_bad(name, "expected an array of objects");
    for (gsize i = 0; i < json_array_size(array); i++) {
        if (!json_is_object(json_array_get(array, i)))
            return bad_item(name, i, "expected an object");
    }
    return NULL;
}

static Etsi014Answer *refuse_unknown(const char *name)
{
    gsize n_chars = (gsize)MIN(g_utf8_strlen(name, -1), MAX_NAME_CHARS);
    g_autofree char *cut = g_utf8_substring(name, 0, (glong)n_chars);
    g_autofree char *what = g_strconcat(cut, " is not supported", NULL);
    return etsi014_refuse(400, EXTENSION_NOT_SUPPORTED, "extension_mandatory_unsupported", what);
}

static Etsi014Answer *expect_known(const json_t *array)
{
    for (gsize i = 0; i < json_array_size(array); i++) {
        const char *name;
        json_t *value;
        json_object_foreach(json_array_get(array, i), name, value)
        {
            if (!find_extension(name))
                return refuse_unknown(name);
        }
    }
    return NULL;
}

// Where a value is of no use: refused when mandatory, else ignored.
static Etsi014Answer *read_known(const json_t *array, gboolean mandatory, Etsi014Call *call)
{
    for (gsize i = 0; i < json_array_size(array); i++) {
        const char *name;
        json_t *value;
        json_object_foreach(json_array_get(array, i), name, value)
        {
            const Extension *extension = find_extension(name);
            if (extension && !extension->read(value, call) && mandatory)
                return etsi014_refuse(400, EXTENSION_NOT_MET, extension->name, extension->expects);
        }
    }
    return NULL;
}

static Etsi014Answer *read_mandatory(const Reading *reading, const json_t *value)
{
    Etsi014Answer *refused = expect_objects("extension_mandatory", value);
    if (!refused)
        refused = expect_known(value);
    return refused ? refused : read_known(value, TRUE, reading->call);
}

static Etsi014Answer *read_optional(const Reading *reading, const json_t *value)
{
    Etsi014Answer *refused = expect_objects("extension_optional", value);
    return refused ? refused : read_known(value, FALSE, reading->call);
}

// Mandatory extensions are read last so that they win over optional ones.
static const Field key_request[] = {
    {"number", read_number},
    {"size", read_size},
    {"additional_slave_SAE_IDs", read_additional},
    {"extension_optional", read_optional},
    {"extension_mandatory", read_mandatory},
};

static json_t *load(const guint8 *body, gsize n_bytes, Etsi014Answer **ret_refused)
{
    json_error_t error;
    const char *text = n_bytes > 0 ? (const char *)body : "";
    json_t *root = json_loadb(text, n_bytes, JSON_REJECT_DUPLICATES, &error);
    if (root)
        return root;
    g_autofree char *what =
        g_strdup_printf("line %d, column %d: %s", error.line, error.column, error.text);
    *ret_refused = etsi014_bad("body", what);
    return NULL;
}

Etsi014Answer *etsi014_read_key_request(const guint8 *body, gsize n_bytes, const KeyLimits *limits,
                                        Etsi014Call *call)
{
    if (n_bytes == 0)
        return NULL;
    Etsi014Answer *refused = NULL;
    g_autoptr(json_t) root = load(body, n_bytes, &refused);
    if (!root)
        return refused;
    if (!json_is_object(root))
        return etsi014_bad("body", "expected an object");
    Reading reading = {limits, call};
    for (gsize i = 0; i < G_N_ELEMENTS(key_request) && !refused; i++) {
        const json_t *value = json_object_get(root, key_request[i].name);
        if (value)
            refused = key_request[i].read(&reading, value);
    }
    return refused;
}

static Etsi014Answer *read_key_id(const json_t *item, gsize i, GHashTable *seen, char **ret_id)
{
    const char *id = json_string_value(json_object_get(item, "key_ID"));
    if (!id || !g_uuid_string_is_valid(id))
        return bad_item("key_IDs", i, "expected an object with a UUID as key_ID");
    const json_t *extension = json_object_get(item, "key_ID_extension");
    if (extension && !json_is_object(extension))
        return bad_item("key_IDs", i, "expected an object as key_ID_extension");
    *ret_id = g_ascii_strdown(id, -1);
    if (!g_hash_table_add(seen, *ret_id))
        return bad_item("key_IDs", i, "named twice");
    return NULL;
}

static Etsi014Answer *read_key_ids(const json_t *array, const KeyLimits *limits, Etsi014Call *call)
{
    if (!json_is_array(array))
        return etsi014_bad("key_IDs", "expected an array of objects");
    gsize n = json_array_size(array);
    Etsi014Answer *refused = expect_range("key_IDs", (gint64)n, 1, limits->max_keys_per_request);
    if (refused)
        return refused;
    call->key_ids = g_new0(char *, n + 1);
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    for (gsize i = 0; i < n && !refused; i++)
        refused = read_key_id(json_array_get(array, i), i, seen, &call->key_ids[i]);
    return refused;
}

Etsi014Answer *etsi014_read_key_ids(const guint8 *body, gsize n_bytes, const KeyLimits *limits,
                                    Etsi014Call *call)
{
    Etsi014Answer *refused = NULL;
    g_autoptr(json_t) root = load(body, n_bytes, &refused);
    if (!root)
        return refused;
    if (!json_is_object(root))
        return etsi014_bad("body", "expected an object");
    const json_t *extension = json_object_get(root, "key_IDs_extension");
    if (extension && !json_is_object(extension))
        return etsi014_bad("key_IDs_extension", "expected an object");
    return read_key_ids(json_object_get(root, "key_IDs"), limits, call);
}
