// SPDX-License-Identifier: Apache-2.0
//
// Borders that are cut between one key and the next.

#include "tools/qkdnf/demo-core.h"
#include "tools/qkdnf/json-read.h"

#include <string.h>

#define CUTS_MAX 3

static gboolean find_longest(Demo *demo, const char *from, const char *to, gpointer data)
{
    DemoPair *longest = data;
    gsize i;
    json_t *request;
    json_array_foreach(demo->requests, i, request)
    {
        gsize length = (gsize)json_integer_value(json_object_get(request, "providers_crossed"));
        if (strcmp(json_read_text(request, "from"), from) == 0 &&
            strcmp(json_read_text(request, "to"), to) == 0 && length > longest->length)
            *longest = (DemoPair){(char *)from, (char *)to, length};
    }
    return FALSE;
}

gboolean demo_links_providers(const json_t *link, const char *a, const char *b)
{
    const json_t *ends = json_object_get(link, "ends");
    const char *x = json_read_text(json_array_get(ends, 0), "provider");
    const char *y = json_read_text(json_array_get(ends, 1), "provider");
    return (strcmp(a, x) == 0 && strcmp(b, y) == 0) || (strcmp(a, y) == 0 && strcmp(b, x) == 0);
}

gboolean demo_drill(Demo *demo, const char *action, const char *provider, const char *link)
{
    g_autoptr(GError) error = NULL;
    const char *words[] = {action, provider, "border", link, NULL};
    g_autofree char *said = demo_run_verb(demo, "fault", words, &error);
    if (!said)
        demo_complain(demo, "%s %s at %s: %s", action, link, provider, error->message);
    return said != NULL;
}

// Cuts the border between two providers; its ID, to be freed, or NULL.
static char *cut(Demo *demo, const json_t *topology, const char *a, const char *b)
{
    gsize i;
    json_t *link;
    json_array_foreach(json_object_get(topology, "border_links"), i, link)
    {
        const char *id = json_read_text(link, "id");
        if (!demo_links_providers(link, a, b))
            continue;
        demo_tell(demo, "cutting border link %s", id);
        return demo_drill(demo, "inject", a, id) ? g_strdup(id) : NULL;
    }
    return NULL;
}

// Each round cuts where the last key crossed, by turns its first and its last border.
static gboolean cut_once(Demo *demo, const DemoPair *pair, const json_t *topology, guint round,
                         GPtrArray *mend)
{
    g_auto(Exchange) before = {0}, after = {0};
    if (!demo_ask(demo, pair->from, pair->to, &before))
        return FALSE;
    const struct qkdnf_path *path = &before.reply->paths[0];
    gsize at = round % 2 == 0 ? 0 : path->n_providers - 2;
    char *link = cut(demo, topology, path->providers[at], path->providers[at + 1]);
    if (!link)
        return FALSE;
    g_ptr_array_add(mend, g_strdup(path->providers[at]));
    g_ptr_array_add(mend, link);
    g_autofree char *old_path = demo_path_text(before.reply);
    gboolean is_granted = demo_ask(demo, pair->from, pair->to, &after);
    if (!after.reply)
        return FALSE;
    g_autofree char *new_path = demo_path_text(after.reply);
    json_array_append_new(demo->cuts, json_pack("{s:s, s:s, s:s, s:s}", "link", link, "old_path",
                                                old_path, "new_path", new_path, "status",
                                                qkdnf_status_name(after.reply->status)));
    if (is_granted && strcmp(old_path, new_path) == 0)
        demo_complain(demo, "the next key crossed the border that is cut");
    else if (is_granted)
        demo_compare(demo, pair->from, pair->to, &after);
    else if (after.reply->status == QKDNF_NO_ROUTE)
        demo_tell(demo, "no other way is left: %s", after.reply->text);
    else
        demo_complain(demo, "%s", after.reply->text);
    return is_granted;
}

DemoPair demo_find_longest(Demo *demo)
{
    DemoPair pair = {0};
    demo_for_each_pair(demo, find_longest, &pair);
    return pair;
}

void demo_show_cuts(Demo *demo)
{
    DemoPair pair = demo_find_longest(demo);
    g_autoptr(GError) error = NULL;
    json_t *topology = pair.from ? demo_learn_topology(demo, &error) : NULL;
    if (!topology || pair.length < 2) {
        demo_complain(demo, "there is no border to cut");
        json_decref(topology);
        return;
    }
    demo_tell(demo, "cutting borders between %s and %s: the next key goes another way", pair.from,
              pair.to);
    g_autoptr(GPtrArray) mend = g_ptr_array_new_with_free_func(g_free);
    for (guint round = 0; round < CUTS_MAX && cut_once(demo, &pair, topology, round, mend); round++)
        continue;
    for (guint i = 0; i + 1 < mend->len; i += 2) {
        demo_tell(demo, "mending border link %s", (char *)mend->pdata[i + 1]);
        demo_drill(demo, "clear", mend->pdata[i], mend->pdata[i + 1]);
    }
    demo_show_request(demo, pair.from, pair.to);
    json_decref(topology);
}
