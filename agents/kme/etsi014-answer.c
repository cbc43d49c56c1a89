// SPDX-License-Identifier: Apache-2.0

#include "agents/kme/etsi014.h"

#include "agents/kme/json.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

// Told by an empty string: a KME that the federation has not learned of yet.
#define OR_EMPTY(text) ((text) ? (text) : "")

// What surrounds keys in a Key container; the text of a key goes from its Secret straight into the
// Secret that is sent, so that no JSON library or string builder ever holds it.
#define CONTAINER_HEAD "{\"keys\":["
#define CONTAINER_TAIL "]}"
#define KEY_HEAD       "{\"key_ID\":\""
#define KEY_MIDDLE     "\",\"key\":\""
#define KEY_TAIL       "\"}"

static Etsi014Answer *answer_new(guint code, Secret *body)
{
    Etsi014Answer *answer = g_new0(Etsi014Answer, 1);
    answer->code = code;
    answer->body = body;
    return answer;
}

void etsi014_answer_free(Etsi014Answer *answer)
{
    if (!answer)
        return;
    secret_free(answer->body);
    g_free(answer);
}

static Secret *dump(const json_t *root)
{
    char *text = json_dumps(root, JSON_COMPACT);
    g_assert(text);
    Secret *body = secret_new_copy((const guint8 *)text, strlen(text));
    free(text);
    return body;
}

Etsi014Answer *etsi014_refuse(guint code, const char *message, const char *where, const char *what)
{
    // Some texts come from elsewhere: jansson cuts its own by bytes, which may halve a character.
    g_autofree char *valid_message = g_utf8_make_valid(message, -1);
    g_autoptr(json_t) root = json_pack("{s:s}", "message", valid_message);
    if (where) {
        g_autofree char *valid_what = g_utf8_make_valid(what, -1);
        json_t *details = json_pack("[{s:s}]", where, valid_what);
        g_assert(details && json_object_set_new(root, "details", details) == 0);
    }
    return answer_new(code, dump(root));
}

static gsize base64_length(gsize n_bytes)
{
    return (n_bytes + 2) / 3 * 4;
}

static gsize container_length(const GPtrArray *keys)
{
    gsize n = strlen(CONTAINER_HEAD CONTAINER_TAIL) + (keys->len > 0 ? keys->len - 1 : 0);
    for (guint i = 0; i < keys->len; i++) {
        const DeliveredKey *key = keys->pdata[i];
        n += strlen(KEY_HEAD KEY_MIDDLE KEY_TAIL) + strlen(key->id);
        n += base64_length(key->key->n_bytes);
    }
    return n;
}

static guint8 *put(guint8 *at, const char *text)
{
    gsize n = strlen(text);
    memcpy(at, text, n);
    return at + n;
}

static guint8 *put_key(guint8 *at, const DeliveredKey *key)
{
    at = put(at, KEY_HEAD);
    at = put(at, key->id);
    at = put(at, KEY_MIDDLE);
    // Writes a NUL behind, where the tail goes next.
    at += EVP_EncodeBlock(at, key->key->data, (int)key->key->n_bytes);
    return put(at, KEY_TAIL);
}

static Etsi014Answer *answer_container(const GPtrArray *keys)
{
    Secret *body = secret_new(container_length(keys));
    guint8 *at = put(body->data, CONTAINER_HEAD);
    for (guint i = 0; i < keys->len; i++) {
        if (i > 0)
            at = put(at, ",");
        at = put_key(at, keys->pdata[i]);
    }
    at = put(at, CONTAINER_TAIL);
    g_assert(at == body->data + body->n_bytes);
    return answer_new(200, body);
}

static Etsi014Answer *answer_status(const KeyStatus *status, const KeyLimits *limits)
{
    g_autoptr(json_t) root =
        json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", //
                  "source_KME_ID", OR_EMPTY(status->source_kme), "target_KME_ID",
                  OR_EMPTY(status->target_kme),                                       //
                  "master_SAE_ID", status->initiator, "slave_SAE_ID", status->target, //
                  "key_size", (json_int_t)limits->key_size_bits,                      //
                  "stored_key_count", (json_int_t)status->n_stored,                   //
                  "max_key_count", (json_int_t)limits->max_keys_stored,               //
                  "max_key_per_request", (json_int_t)limits->max_keys_per_request,    //
                  "max_key_size", (json_int_t)limits->max_key_size_bits,              //
                  "min_key_size", (json_int_t)limits->min_key_size_bits,              //
                  "max_SAE_ID_count", (json_int_t)limits->max_additional_targets);
    g_assert(root);
    return answer_new(200, dump(root));
}

static Etsi014Answer *answer_ok(Etsi014Method method, const KeyAnswer *answer,
                                const KeyLimits *limits)
{
    switch (method) {
    case ETSI014_GET_STATUS:
        g_assert(answer->status);
        return answer_status(answer->status, limits);
    case ETSI014_GET_KEY:
    case ETSI014_GET_KEY_WITH_IDS:
        g_assert(answer->keys);
        return answer_container(answer->keys);
    }
    g_assert_not_reached();
}

Etsi014Answer *etsi014_answer(Etsi014Method method, const KeyAnswer *answer,
                              const KeyLimits *limits)
{
    const char *where = answer->detail ? "reason" : NULL;
    switch (answer->verdict) {
    case KEY_VERDICT_OK:
        return answer_ok(method, answer, limits);
    case KEY_VERDICT_BAD_REQUEST:
        return etsi014_refuse(400, answer->message ? answer->message : ETSI014_BAD_FORMAT, where,
                              answer->detail);
    case KEY_VERDICT_UNAUTHORIZED:
        return answer_new(401, NULL);
    case KEY_VERDICT_UNAVAILABLE:
        return etsi014_refuse(503, answer->message ? answer->message : ETSI014_SERVER_FAILED, where,
                              answer->detail);
    }
    g_assert_not_reached();
}
