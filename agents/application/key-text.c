// SPDX-License-Identifier: Apache-2.0

#include "agents/application/key-text.h"

#include <string.h>

// As base64: less is no key.
#define LEAST_CHARS 4

// What of the body is still to be looked at.
typedef struct {
    guint8 *at;
    guint8 *end;
} Rest;

static void skip_space(Rest *rest)
{
    while (rest->at < rest->end && strchr(" \t\r\n", *rest->at) && *rest->at)
        rest->at++;
}

static gboolean skip(Rest *rest, char expected)
{
    skip_space(rest);
    gboolean is_there = rest->at < rest->end && *rest->at == (guint8)expected;
    rest->at += is_there;
    return is_there;
}

// What is between the quotes, the first of which has been read. FALSE: there is no second.
static gboolean read_string(Rest *rest, Rest *ret_string)
{
    ret_string->at = rest->at;
    while (rest->at < rest->end && *rest->at != '"')
        rest->at += *rest->at == '\\' && rest->at + 1 < rest->end ? 2 : 1;
    ret_string->end = rest->at;
    return skip(rest, '"');
}

// One character of a string, and how many it was written with. What no base64 is written with stays
// as it is, for whoever decodes it to refuse.
static gsize read_char(const guint8 *at, const guint8 *end, guint8 *ret_char)
{
    *ret_char = *at;
    if (*at != '\\' || end - at < 2)
        return 1;
    if (at[1] == '/') {
        *ret_char = '/';
        return 2;
    }
    if (at[1] != 'u' || end - at < 6 || at[2] != '0' || at[3] != '0')
        return 1;
    int high = g_ascii_xdigit_value((gchar)at[4]);
    int low = g_ascii_xdigit_value((gchar)at[5]);
    if (high < 0 || low < 0)
        return 1;
    *ret_char = (guint8)(high * 16 + low);
    return 6;
}

// Ends with a zero byte, which is not counted.
static Secret *copy_text(const Rest *string)
{
    Secret *text = secret_new((gsize)(string->end - string->at) + 1);
    gsize n = 0;
    for (const guint8 *at = string->at; at < string->end;)
        at += read_char(at, string->end, &text->data[n++]);
    text->n_bytes = n;
    return text;
}

// With its quotes, which are outside of `string`.
static void take(GPtrArray *texts, const Rest *string)
{
    char number[16];
    int n_digits = g_snprintf(number, sizeof number, "%u", texts->len);
    gsize n_chars = (gsize)(string->end - string->at);
    if (n_chars < LEAST_CHARS || n_chars + 2 < (gsize)n_digits)
        return;
    g_ptr_array_add(texts, copy_text(string));
    secret_wipe(string->at, n_chars);
    memset(string->at - 1, ' ', n_chars + 2);
    memcpy(string->at - 1, number, (gsize)n_digits);
}

GPtrArray *key_texts_take(Secret *body)
{
    static const char name[] = "key";
    GPtrArray *texts = g_ptr_array_new_with_free_func((GDestroyNotify)secret_free);
    if (body->n_bytes == 0)
        return texts;
    Rest rest = {body->data, body->data + body->n_bytes};
    gboolean is_key = FALSE; // what comes next is the value of one
    while (rest.at < rest.end) {
        Rest string;
        if (*rest.at++ != '"')
            continue;
        if (!read_string(&rest, &string)) {
            secret_wipe(string.at, (gsize)(string.end - string.at));
            break;
        }
        if (is_key)
            take(texts, &string);
        is_key = (gsize)(string.end - string.at) == strlen(name) &&
                 memcmp(string.at, name, strlen(name)) == 0 && skip(&rest, ':');
        skip_space(&rest);
        is_key = is_key && rest.at < rest.end && *rest.at == '"';
    }
    return texts;
}
