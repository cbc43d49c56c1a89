// SPDX-License-Identifier: Apache-2.0

#include "tools/qkdnf/demo.h"

#include "tools/qkdnf/access.h"
#include "tools/qkdnf/curl.h"
#include "tools/qkdnf/exchange.h"
#include "tools/qkdnf/json-read.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SLOTS_WANTED   64
#define BORDER_WAIT_US (60 * G_USEC_PER_SEC)
#define CUTS_MAX       3

G_GNUC_PRINTF(3, 0)
static void tell(const Demo *demo, const char *mark, const char *format, va_list arguments)
{
    double seconds = (double)(g_get_monotonic_time() - demo->start_us) / G_USEC_PER_SEC;
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    printf("[%6.2f s] %s%s\n", seconds, mark, text);
    fflush(stdout);
}

void demo_tell(const Demo *demo, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    tell(demo, "", format, arguments);
    va_end(arguments);
}

void demo_complain(Demo *demo, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    tell(demo, "NOT AS EXPECTED: ", format, arguments);
    va_end(arguments);
    demo->n_failures++;
}

char *demo_run_verb(const Demo *demo, const char *verb, const char *const *words, GError **error)
{
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    g_ptr_array_add(argv, (gpointer)demo->program);
    g_ptr_array_add(argv, (gpointer)verb);
    g_ptr_array_add(argv, (gpointer) "--federation");
    g_ptr_array_add(argv, (gpointer)demo->dir);
    for (; *words; words++)
        g_ptr_array_add(argv, (gpointer)*words);
    g_ptr_array_add(argv, NULL);
    g_autofree char *output = NULL, *complaint = NULL;
    int status = 0;
    if (!g_spawn_sync(NULL, (char **)argv->pdata, NULL, G_SPAWN_DEFAULT, NULL, NULL, &output,
                      &complaint, &status, error))
        return NULL;
    if (g_spawn_check_wait_status(status, NULL))
        return g_steal_pointer(&output);
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "%s", g_strchomp(complaint));
    return NULL;
}

// --- borders -------------------------------------------------------------------------------------

static json_t *learn_topology(const Demo *demo, GError **error)
{
    const char *words[] = {"--json", NULL};
    g_autofree char *text = demo_run_verb(demo, "topology", words, error);
    return text ? json_loads(text, 0, NULL) : NULL;
}

static guint64 link_stock(const json_t *link)
{
    guint64 least = G_MAXUINT64;
    gsize i;
    json_t *end;
    json_array_foreach(json_object_get(link, "ends"), i, end)
    {
        least = MIN(least, (guint64)json_integer_value(json_object_get(end, "n_open")));
    }
    return least;
}

static gboolean all_have_key(const json_t *topology)
{
    const json_t *links = json_object_get(topology, "border_links");
    for (gsize i = 0; i < json_array_size(links); i++) {
        if (link_stock(json_array_get(links, i)) < SLOTS_WANTED)
            return FALSE;
    }
    return json_array_size(links) > 0;
}

static json_t *wait_for_key(Demo *demo)
{
    for (;;) {
        g_autoptr(GError) error = NULL;
        json_t *topology = learn_topology(demo, &error);
        if (topology && all_have_key(topology))
            return topology;
        json_decref(topology);
        if (g_get_monotonic_time() - demo->start_us > BORDER_WAIT_US) {
            demo_complain(demo, "not all border links have key in time%s%s", error ? ": " : "",
                          error ? error->message : "");
            return NULL;
        }
        g_usleep(100000);
    }
}

void demo_show_borders(Demo *demo)
{
    demo_tell(demo, "waiting until neighbours have filled their border ledgers");
    json_t *topology = wait_for_key(demo);
    gsize i;
    json_t *link;
    json_array_foreach(json_object_get(topology, "border_links"), i, link)
    {
        demo_tell(demo, "  border link %-40s %6" G_GUINT64_FORMAT " slots of 32 bytes",
                  json_read_text(link, "id"), link_stock(link));
    }
    json_decref(topology);
}

// --- requests ------------------------------------------------------------------------------------

static char *path_text(const struct qkdnf_reply *reply)
{
    GString *text = g_string_new(NULL);
    for (gsize i = 0; reply->n_paths > 0 && i < reply->paths[0].n_providers; i++)
        g_string_append_printf(text, "%s%s", i > 0 ? " → " : "", reply->paths[0].providers[i]);
    return g_string_free(text, FALSE);
}

static gsize path_length(const Exchange *exchange)
{
    return exchange->reply->n_paths > 0 ? exchange->reply->paths[0].n_providers : 0;
}

static void remember(Demo *demo, const char *from, const char *to, const Exchange *exchange,
                     guint n_equal)
{
    json_t *entry = exchange_to_json(exchange);
    json_object_set_new(entry, "from", json_string(from));
    json_object_set_new(entry, "to", json_string(to));
    json_object_set_new(entry, "providers_crossed",
                        json_integer((json_int_t)path_length(exchange)));
    json_object_set_new(entry, "keys_equal", json_boolean(n_equal > 0));
    json_object_set_new(entry, "n_keys_equal", json_integer(n_equal));
    json_array_append_new(demo->requests, entry);
    demo->n_keys_equal += n_equal;
}

static void compare(Demo *demo, const char *from, const char *to, const Exchange *exchange)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = path_text(exchange->reply);
    guint n_equal = curl_compare(demo->federation, exchange->reply->id, from, &to, 1, &error);
    remember(demo, from, to, exchange, n_equal);
    if (n_equal > 0)
        demo_tell(demo, "%s and %s: %s, %.2f ms; fetched at both ends with curl: equal", from, to,
                  path, (double)exchange->duration_us / 1000);
    else
        demo_complain(demo, "%s and %s over %s: %s", from, to, path, error->message);
}

// A key from one user to another; FALSE when it was not granted. Without a reply, it has been said
// why there is none.
static gboolean ask(Demo *demo, const char *from, const char *to, Exchange *ret_exchange)
{
    g_autofree char *path = g_build_filename(demo->dir, ACCESS_FILE, NULL);
    struct qkdnf_error trouble = {0};
    struct qkdnf *application = qkdnf_connect_federation(path, from, &trouble);
    if (!application) {
        demo_complain(demo, "%s cannot connect: %s", from, trouble.text);
        return FALSE;
    }
    g_autoptr(GError) error = NULL;
    struct qkdnf_request request = {.targets = &to, .n_targets = 1};
    if (exchange_warm_up(application, from, 0, &error))
        exchange_run(application, demo->federation, &request, FALSE, ret_exchange);
    else
        demo_complain(demo, "%s gets no answer: %s", from, error->message);
    qkdnf_close(application);
    return ret_exchange->reply && ret_exchange->reply->status == QKDNF_OK;
}

// The first user of a provider, or NULL.
static const char *user_of(const Demo *demo, const json_t *qkdn)
{
    gsize i;
    json_t *sae;
    json_array_foreach(json_object_get(demo->federation, ACCESS_SAES), i, sae)
    {
        if (strcmp(json_read_text(sae, "qkdn"), json_read_text(qkdn, "id")) == 0)
            return json_read_text(sae, "id");
    }
    return NULL;
}

static gsize show_request(Demo *demo, const char *from, const char *to)
{
    g_auto(Exchange) exchange = {0};
    if (ask(demo, from, to, &exchange)) {
        compare(demo, from, to, &exchange);
        return path_length(&exchange);
    }
    if (exchange.reply)
        demo_complain(demo, "%s and %s: %s: %s", from, to,
                      qkdnf_status_name(exchange.reply->status), exchange.reply->text);
    return 0;
}

// Calls for each two providers that have users; stops when it returns TRUE.
typedef gboolean (*PairFn)(Demo *demo, const char *from, const char *to, gpointer data);

static void for_each_pair(Demo *demo, PairFn fn, gpointer data)
{
    const json_t *qkdns = json_object_get(demo->federation, "qkdns");
    for (gsize i = 0; i < json_array_size(qkdns); i++) {
        for (gsize j = i + 1; j < json_array_size(qkdns); j++) {
            const char *from = user_of(demo, json_array_get(qkdns, i));
            const char *to = user_of(demo, json_array_get(qkdns, j));
            if (from && to && fn(demo, from, to, data))
                return;
        }
    }
}

static gboolean show_pair(Demo *demo, const char *from, const char *to, gpointer data)
{
    show_request(demo, from, to);
    return FALSE;
}

void demo_show_requests(Demo *demo)
{
    demo_tell(demo, "a key of 256 bits between the users of each two networks");
    for_each_pair(demo, show_pair, NULL);
}

// --- cuts ----------------------------------------------------------------------------------------

typedef struct {
    char *from, *to;
    gsize length;
} Longest;

static gboolean find_longest(Demo *demo, const char *from, const char *to, gpointer data)
{
    Longest *longest = data;
    gsize i;
    json_t *request;
    json_array_foreach(demo->requests, i, request)
    {
        gsize length = (gsize)json_integer_value(json_object_get(request, "providers_crossed"));
        if (strcmp(json_read_text(request, "from"), from) == 0 &&
            strcmp(json_read_text(request, "to"), to) == 0 && length > longest->length)
            *longest = (Longest){(char *)from, (char *)to, length};
    }
    return FALSE;
}

static gboolean links_providers(const json_t *link, const char *a, const char *b)
{
    const json_t *ends = json_object_get(link, "ends");
    const char *x = json_read_text(json_array_get(ends, 0), "provider");
    const char *y = json_read_text(json_array_get(ends, 1), "provider");
    return (strcmp(a, x) == 0 && strcmp(b, y) == 0) || (strcmp(a, y) == 0 && strcmp(b, x) == 0);
}

static gboolean drill(Demo *demo, const char *action, const char *provider, const char *link)
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
        if (!links_providers(link, a, b))
            continue;
        demo_tell(demo, "cutting border link %s", id);
        return drill(demo, "inject", a, id) ? g_strdup(id) : NULL;
    }
    return NULL;
}

// Each round cuts where the last key crossed, by turns its first and its last border.
static gboolean cut_once(Demo *demo, const Longest *pair, const json_t *topology, guint round,
                         GPtrArray *mend)
{
    g_auto(Exchange) before = {0}, after = {0};
    if (!ask(demo, pair->from, pair->to, &before))
        return FALSE;
    const struct qkdnf_path *path = &before.reply->paths[0];
    gsize at = round % 2 == 0 ? 0 : path->n_providers - 2;
    char *link = cut(demo, topology, path->providers[at], path->providers[at + 1]);
    if (!link)
        return FALSE;
    g_ptr_array_add(mend, g_strdup(path->providers[at]));
    g_ptr_array_add(mend, link);
    g_autofree char *old_path = path_text(before.reply);
    gboolean is_granted = ask(demo, pair->from, pair->to, &after);
    if (!after.reply)
        return FALSE;
    g_autofree char *new_path = path_text(after.reply);
    json_array_append_new(demo->cuts, json_pack("{s:s, s:s, s:s, s:s}", "link", link, "old_path",
                                                old_path, "new_path", new_path, "status",
                                                qkdnf_status_name(after.reply->status)));
    if (is_granted && strcmp(old_path, new_path) == 0)
        demo_complain(demo, "the next key crossed the border that is cut");
    else if (is_granted)
        compare(demo, pair->from, pair->to, &after);
    else if (after.reply->status == QKDNF_NO_ROUTE)
        demo_tell(demo, "no other way is left: %s", after.reply->text);
    else
        demo_complain(demo, "%s", after.reply->text);
    return is_granted;
}

void demo_show_cuts(Demo *demo)
{
    Longest pair = {0};
    for_each_pair(demo, find_longest, &pair);
    g_autoptr(GError) error = NULL;
    json_t *topology = pair.from ? learn_topology(demo, &error) : NULL;
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
        drill(demo, "clear", mend->pdata[i], mend->pdata[i + 1]);
    }
    show_request(demo, pair.from, pair.to);
    json_decref(topology);
}
