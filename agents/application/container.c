// SPDX-License-Identifier: Apache-2.0

#include "agents/application/container.h"

#include "agents/application/key-text.h"

#include <jansson.h>
#include <openssl/evp.h>
#include <string.h>

G_DEFINE_AUTOPTR_CLEANUP_FUNC(json_t, json_decref)

#define NOT_A_CONTAINER "the answer is not a Key container of ETSI GS QKD 014"

struct qkdnf_keys *keys_fail(enum qkdnf_status status, guint http_code, const char *text)
{
    struct qkdnf_keys *keys = g_new0(struct qkdnf_keys, 1);
    keys->status = status;
    keys->http_code = (int)http_code;
    keys->text = g_strdup(text && *text ? text : qkdnf_status_text(status));
    return keys;
}

void qkdnf_keys_free(struct qkdnf_keys *keys)
{
    if (!keys)
        return;
    for (gsize i = 0; i < keys->n_keys; i++) {
        secret_wipe((gpointer)keys->keys[i].bytes, keys->keys[i].n_bytes);
        g_free((gpointer)keys->keys[i].bytes);
    }
    g_free((gpointer)keys->keys);
    g_free((gpointer)keys->text);
    g_free(keys);
}

// Strict: whole groups of four, padding only at the end. NULL otherwise, and for no bytes at all.
static guint8 *decode(const char *text, gsize n_chars, gsize *ret_n_bytes)
{
    if (n_chars == 0 || n_chars % 4 != 0 || n_chars > G_MAXINT)
        return NULL;
    gsize n_padding = text[n_chars - 1] != '=' ? 0 : text[n_chars - 2] != '=' ? 1 : 2;
    if (strcspn(text, "= \t\r\n") != n_chars - n_padding)
        return NULL;
    gsize n_bytes = n_chars / 4 * 3;
    guint8 *bytes = g_malloc(n_bytes);
    if (EVP_DecodeBlock(bytes, (const guchar *)text, (int)n_chars) != (int)n_bytes) {
        secret_wipe(bytes, n_bytes);
        g_free(bytes);
        return NULL;
    }
    *ret_n_bytes = n_bytes - n_padding;
    return bytes;
}

// NULL: it is none of those that were taken, or was read before.
static Secret *take_text(GPtrArray *texts, const json_t *number)
{
    json_int_t i = json_is_integer(number) ? json_integer_value(number) : -1;
    return i >= 0 && i < (json_int_t)texts->len
               ? g_steal_pointer(&g_ptr_array_index(texts, (guint)i))
               : NULL;
}

static gboolean read_key(const json_t *item, GPtrArray *texts, struct qkdnf_key *ret_key)
{
    const char *id = json_string_value(json_object_get(item, "key_ID"));
    g_autoptr(Secret) text = take_text(texts, json_object_get(item, "key"));
    if (!text || !id || !g_uuid_string_is_valid(id))
        return FALSE;
    g_autofree char *lower = g_ascii_strdown(id, -1);
    g_strlcpy(ret_key->id, lower, sizeof ret_key->id);
    ret_key->bytes = decode((const char *)text->data, text->n_bytes, &ret_key->n_bytes);
    return ret_key->bytes != NULL;
}

static struct qkdnf_keys *read_container(const json_t *root, GPtrArray *texts)
{
    const json_t *array = json_object_get(root, "keys");
    gsize n = json_array_size(array);
    struct qkdnf_key *items = g_new0(struct qkdnf_key, n);
    gboolean is_good = n > 0;
    for (gsize i = 0; i < n; i++)
        is_good = is_good && read_key(json_array_get(array, i), texts, &items[i]);
    struct qkdnf_keys *keys =
        keys_fail(is_good ? QKDNF_OK : QKDNF_BAD_ANSWER, 200, is_good ? NULL : NOT_A_CONTAINER);
    keys->keys = items;
    keys->n_keys = n;
    if (is_good)
        return keys;
    qkdnf_keys_free(keys);
    return keys_fail(QKDNF_BAD_ANSWER, 200, NOT_A_CONTAINER);
}

// The message of an Error, and its details behind it.
static char *read_error(const json_t *root)
{
    const char *message = json_string_value(json_object_get(root, "message"));
    if (!message)
        return NULL;
    GString *text = g_string_new(message);
    const json_t *details = json_object_get(root, "details");
    for (gsize i = 0; i < json_array_size(details); i++) {
        const char *where;
        json_t *what;
        json_object_foreach(json_array_get(details, i), where, what)
        {
            if (json_is_string(what))
                g_string_append_printf(text, "%s%s: %s", text->len > 0 ? "; " : "", where,
                                       json_string_value(what));
        }
    }
    return g_string_free(text, FALSE);
}

static enum qkdnf_status status_of(guint http_code)
{
    switch (http_code) {
    case 400:
        return QKDNF_BAD_REQUEST;
    case 401:
        return QKDNF_NOT_ALLOWED;
    case 503:
        return QKDNF_UNAVAILABLE;
    default:
        return QKDNF_BAD_ANSWER;
    }
}

static struct qkdnf_keys *read_refusal(guint http_code, const json_t *root)
{
    enum qkdnf_status status = status_of(http_code);
    g_autofree char *text = read_error(root);
    if (!text && status == QKDNF_BAD_ANSWER)
        text = g_strdup_printf("HTTP status %u", http_code);
    return keys_fail(status, http_code, text);
}

struct qkdnf_keys *keys_parse(guint http_code, Secret *body)
{
    g_autoptr(GPtrArray) texts = http_code == 200 ? key_texts_take(body) : NULL;
    g_autoptr(json_t) root = json_loadb((const char *)body->data, body->n_bytes, 0, NULL);
    secret_wipe(body->data, body->n_bytes);
    if (http_code == 200)
        return read_container(root, texts);
    return read_refusal(http_code, root);
}

gboolean keys_are(const struct qkdnf_keys *keys, const char *const *key_ids, gsize n_key_ids)
{
    if (keys->n_keys != n_key_ids)
        return FALSE;
    g_autoptr(GHashTable) wanted = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (gsize i = 0; i < n_key_ids; i++)
        g_hash_table_add(wanted, g_ascii_strdown(key_ids[i], -1));
    for (gsize i = 0; i < n_key_ids; i++) {
        if (!g_hash_table_remove(wanted, keys->keys[i].id))
            return FALSE;
    }
    return TRUE;
}
