// SPDX-License-Identifier: Apache-2.0
//
// The atlas as a graph and as a table.

#include "tools/qkdnf/atlas.h"

#include "tools/qkdnf/json-read.h"

#include <string.h>

// A quoted string of Graphviz, from parts that end with NULL; what is not printable becomes `?`.
static void append_quoted(GString *dot, ...) G_GNUC_NULL_TERMINATED;

static void append_quoted(GString *dot, ...)
{
    va_list parts;
    g_string_append_c(dot, '"');
    va_start(parts, dot);
    for (const char *part; (part = va_arg(parts, const char *));) {
        for (; *part; part = g_utf8_next_char(part)) {
            gunichar c = g_utf8_get_char(part);
            if (c == '"' || c == '\\')
                g_string_append_c(dot, '\\');
            g_string_append_unichar(dot, g_unichar_isprint(c) ? c : '?');
        }
    }
    va_end(parts);
    g_string_append_c(dot, '"');
}

static char *format_rate(gint64 rate_bps)
{
    static const char *const units[] = {"bit/s", "kbit/s", "Mbit/s", "Gbit/s"};
    double rate = (double)rate_bps;
    guint unit = 0;
    for (; rate >= 1000 && unit + 1 < G_N_ELEMENTS(units); unit++)
        rate /= 1000;
    return g_strdup_printf("%.3g %s", rate, units[unit]);
}

static void append_node(GString *dot, const char *provider, const json_t *node)
{
    const char *id = json_read_text(node, "id");
    g_string_append(dot, "        ");
    append_quoted(dot, provider, "/", id, NULL);
    g_string_append(dot, " [label=");
    append_quoted(dot, id, NULL);
    g_string_append_printf(dot, ", shape=%s];\n",
                           json_read_flag(node, "gateway") ? "box" : "ellipse");
}

static void append_application(GString *dot, const char *provider, const json_t *application)
{
    const char *sae = json_read_text(application, "sae");
    g_string_append(dot, "        ");
    append_quoted(dot, "sae/", sae, NULL);
    g_string_append(dot, " [label=");
    append_quoted(dot, sae, NULL);
    g_string_append(dot, ", shape=plaintext, fontsize=10];\n        ");
    append_quoted(dot, "sae/", sae, NULL);
    g_string_append(dot, " -- ");
    append_quoted(dot, provider, "/", json_read_text(application, "node"), NULL);
    g_string_append(dot, " [style=dotted];\n");
}

static void append_virtual_link(GString *dot, const char *provider, const json_t *link)
{
    g_string_append(dot, "        ");
    append_quoted(dot, provider, "/", json_read_text(link, "a"), NULL);
    g_string_append(dot, " -- ");
    append_quoted(dot, provider, "/", json_read_text(link, "b"), NULL);
    g_string_append_printf(dot, " [style=dashed, color=%s];\n",
                           json_read_flag(link, "up") ? "gray" : "red");
}

static void append_each(GString *dot, const json_t *provider, const char *list,
                        void (*append)(GString *dot, const char *provider, const json_t *item))
{
    const json_t *items = json_object_get(provider, list);
    for (gsize i = 0; i < json_array_size(items); i++)
        append(dot, json_read_text(provider, "id"), json_array_get(items, i));
}

static void append_provider(GString *dot, const json_t *provider)
{
    const char *id = json_read_text(provider, "id");
    g_string_append(dot, "    subgraph ");
    append_quoted(dot, "cluster ", id, NULL);
    g_string_append(dot, " {\n        label=");
    append_quoted(dot, id, json_read_flag(provider, "alive") ? "" : " (not there)", NULL);
    g_string_append_printf(dot, ";\n        style=rounded; color=%s;\n",
                           json_read_flag(provider, "alive") ? "black" : "red");
    append_each(dot, provider, "nodes", append_node);
    append_each(dot, provider, "virtual_links", append_virtual_link);
    append_each(dot, provider, "applications", append_application);
    g_string_append(dot, "    }\n");
}

static gint64 lowest_stock(const json_t *ends)
{
    gint64 lowest = G_MAXINT64;
    for (gsize i = 0; i < json_array_size(ends); i++)
        lowest = MIN(lowest, json_read_integer(json_array_get(ends, i), "n_open"));
    return lowest;
}

// A link with one known end is drawn to the neighbour's name.
static void append_border_link(GString *dot, const json_t *link)
{
    const json_t *ends = json_object_get(link, "ends");
    const json_t *a = json_array_get(ends, 0), *b = json_array_get(ends, 1);
    g_autofree char *rate = format_rate(json_read_integer(a, "rate_bps"));
    g_autofree char *stock = g_strdup_printf("%" G_GINT64_FORMAT " slots", lowest_stock(ends));
    g_string_append(dot, "    ");
    append_quoted(dot, json_read_text(a, "provider"), "/", json_read_text(a, "node"), NULL);
    g_string_append(dot, " -- ");
    if (b)
        append_quoted(dot, json_read_text(b, "provider"), "/", json_read_text(b, "node"), NULL);
    else
        append_quoted(dot, json_read_text(a, "peer"), NULL);
    g_string_append(dot, " [label=");
    append_quoted(dot, json_read_text(link, "id"), ", ", rate, ", ", stock, NULL);
    g_string_append_printf(dot, ", fontsize=10, penwidth=2, color=%s];\n",
                           json_read_flag(link, "up") ? "blue" : "red");
}

char *atlas_format_dot(const json_t *map)
{
    GString *dot = g_string_new("graph federation {\n    graph [fontname=\"sans-serif\"];\n    "
                                "node [fontname=\"sans-serif\"];\n"
                                "    edge [fontname=\"sans-serif\"];\n");
    const json_t *providers = json_object_get(map, "providers");
    for (gsize i = 0; i < json_array_size(providers); i++)
        append_provider(dot, json_array_get(providers, i));
    const json_t *links = json_object_get(map, "border_links");
    for (gsize i = 0; i < json_array_size(links); i++)
        append_border_link(dot, json_array_get(links, i));
    g_string_append(dot, "}\n");
    return g_string_free(dot, FALSE);
}

static char *join_field(const json_t *items, const char *name)
{
    g_autoptr(GString) text = g_string_new(NULL);
    for (gsize i = 0; i < json_array_size(items); i++)
        g_string_append_printf(text, "%s%s", i > 0 ? ", " : "",
                               json_read_text(json_array_get(items, i), name));
    return g_strescape(text->str, NULL);
}

static void append_provider_row(GString *table, const json_t *provider)
{
    g_autofree char *nodes = join_field(json_object_get(provider, "nodes"), "id");
    g_autofree char *saes = join_field(json_object_get(provider, "applications"), "sae");
    g_string_append_printf(
        table, "%-20s %-10s nodes %s; applications %s\n", json_read_text(provider, "id"),
        json_read_flag(provider, "alive") ? "there" : "gone", nodes, *saes ? saes : "none");
}

static void append_link_row(GString *table, const json_t *link)
{
    const json_t *ends = json_object_get(link, "ends");
    g_autofree char *id = g_strescape(json_read_text(link, "id"), NULL);
    g_string_append_printf(table, "%-20s %-10s ", id, json_read_flag(link, "up") ? "up" : "down");
    for (gsize i = 0; i < json_array_size(ends); i++) {
        const json_t *end = json_array_get(ends, i);
        g_autofree char *rate = format_rate(json_read_integer(end, "rate_bps"));
        g_autofree char *node = g_strescape(json_read_text(end, "node"), NULL);
        g_string_append_printf(table, "%s%s/%s %s, %" G_GINT64_FORMAT " slots", i > 0 ? " -- " : "",
                               json_read_text(end, "provider"), node, rate,
                               json_read_integer(end, "n_open"));
    }
    g_string_append_c(table, '\n');
}

char *atlas_format_table(const json_t *map)
{
    GString *table = g_string_new(NULL);
    const json_t *providers = json_object_get(map, "providers");
    const json_t *links = json_object_get(map, "border_links");
    g_string_append_printf(table, "%zu providers\n", json_array_size(providers));
    for (gsize i = 0; i < json_array_size(providers); i++)
        append_provider_row(table, json_array_get(providers, i));
    g_string_append_printf(table, "%zu border links\n", json_array_size(links));
    for (gsize i = 0; i < json_array_size(links); i++)
        append_link_row(table, json_array_get(links, i));
    return g_string_free(table, FALSE);
}
