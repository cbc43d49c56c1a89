// SPDX-License-Identifier: Apache-2.0

#include "tools/qkdnf/demo-core.h"

#include "tools/qkdnf/access.h"
#include "tools/qkdnf/curl.h"
#include "tools/qkdnf/json-read.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SLOTS_WANTED   64
#define BORDER_WAIT_US (60 * G_USEC_PER_SEC)

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

json_t *demo_learn_topology(const Demo *demo, GError **error)
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
        json_t *topology = demo_learn_topology(demo, &error);
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

char *demo_path_text(const struct qkdnf_reply *reply)
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

void demo_compare(Demo *demo, const char *from, const char *to, const Exchange *exchange)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = demo_path_text(exchange->reply);
    guint n_equal = curl_compare(demo->federation, exchange->reply->id, from, &to, 1, &error);
    remember(demo, from, to, exchange, n_equal);
    if (n_equal > 0)
        demo_tell(demo, "%s and %s: %s, %.2f ms; fetched at both ends with curl: equal", from, to,
                  path, (double)exchange->duration_us / 1000);
    else
        demo_complain(demo, "%s and %s over %s: %s", from, to, path, error->message);
}

gboolean demo_ask(Demo *demo, const char *from, const char *to, Exchange *ret_exchange)
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

gsize demo_show_request(Demo *demo, const char *from, const char *to)
{
    g_auto(Exchange) exchange = {0};
    if (demo_ask(demo, from, to, &exchange)) {
        demo_compare(demo, from, to, &exchange);
        return path_length(&exchange);
    }
    if (exchange.reply)
        demo_complain(demo, "%s and %s: %s: %s", from, to,
                      qkdnf_status_name(exchange.reply->status), exchange.reply->text);
    return 0;
}

void demo_for_each_pair(Demo *demo, DemoPairFn fn, gpointer data)
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
    demo_show_request(demo, from, to);
    return FALSE;
}

void demo_show_requests(Demo *demo)
{
    demo_tell(demo, "a key of 256 bits between the users of each two networks");
    demo_for_each_pair(demo, show_pair, NULL);
}
