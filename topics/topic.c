// SPDX-License-Identifier: Apache-2.0

#include "topics/topic.h"

#include <string.h>

// Copies the next level of the topic and moves past it; FALSE when there is none or it is too long.
static gboolean next_level(const char **text, char *ret_level, gsize n_bytes)
{
    if (!*text)
        return FALSE;
    const char *end = strchrnul(*text, '/');
    gsize n = (gsize)(end - *text);
    if (n >= n_bytes)
        return FALSE;
    memcpy(ret_level, *text, n);
    ret_level[n] = '\0';
    *text = *end ? end + 1 : NULL;
    return TRUE;
}

gboolean topic_parse(const char *text, Topic *ret_topic)
{
    char kind[32];
    if (!g_str_has_prefix(text, TOPIC_PREFIX "/"))
        return FALSE;
    text += strlen(TOPIC_PREFIX "/");
    return next_level(&text, kind, sizeof kind) && kind_find(kind, &ret_topic->kind) &&
           next_level(&text, ret_topic->from, sizeof ret_topic->from) &&
           next_level(&text, ret_topic->to, sizeof ret_topic->to) && !text &&
           id_is_valid(ret_topic->from) &&
           (id_is_valid(ret_topic->to) || strcmp(ret_topic->to, ID_ALL) == 0);
}

char *topic_format(KindId kind, const char *from, const char *to)
{
    return g_strconcat(TOPIC_PREFIX "/", kind_get(kind)->name, "/", from, "/", to, NULL);
}

char **topic_filters(const char *member, Role role)
{
    g_autoptr(GStrvBuilder) filters = g_strv_builder_new();
    if (role == ROLE_MONITOR) {
        g_strv_builder_add(filters, TOPIC_PREFIX "/#");
        return g_strv_builder_end(filters);
    }
    g_autofree char *own = g_strconcat(TOPIC_PREFIX "/+/+/", member, NULL);
    g_strv_builder_add(filters, own);
    for (guint id = 0; id < N_KINDS; id++) {
        const Kind *kind = kind_get(id);
        if (!kind->to_all || !(kind->to & ROLE_BIT(role)))
            continue;
        g_autofree char *all = topic_format(id, "+", ID_ALL);
        g_strv_builder_add(filters, all);
    }
    return g_strv_builder_end(filters);
}
