// SPDX-License-Identifier: Apache-2.0

#include "tools/bench/compare.h"

#include "tools/qkdnf/json-read.h"

#include <math.h>

#define APART 0.15

static json_t *read_report(const char *path, GError **error)
{
    json_error_t why;
    json_t *report = json_load_file(path, 0, &why);
    if (report && json_is_object(json_object_get(report, "reports")))
        return report;
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                "%s: %s; expected what 'all --json' printed", path,
                report ? "no report of all" : why.text);
    json_decref(report);
    return NULL;
}

// What is measured is a whole number of its unit in reports, and what is a fraction is a ratio, but
// for these. An exponent is none: that of what does not grow is about 0.
static const char *const others[] = {"machine", "runs",        "exponent", "exponents",
                                     "misfits", "affected_us", NULL};

static void add_ratio(json_t *list, const char *name, double first, double second)
{
    json_array_append_new(list,
                          json_pack("{s:s, s:f, s:f, s:f}", "name", name, "first", first, "second",
                                    second, "change", first != 0 ? second / first - 1 : 0.0));
}

// What both have at the same place.
static void walk(json_t *list, const char *at, const json_t *first, const json_t *second)
{
    const char *name;
    json_t *value;
    gsize i;
    json_object_foreach((json_t *)first, name, value)
    {
        g_autofree char *below = g_strdup_printf("%s.%s", at, name);
        const json_t *other = json_object_get(second, name);
        if (g_strv_contains(others, name))
            continue;
        if (json_is_real(value) && json_is_real(other))
            add_ratio(list, below, json_real_value(value), json_real_value(other));
        walk(list, below, value, other);
    }
    json_array_foreach(first, i, value)
    {
        g_autofree char *below = g_strdup_printf("%s %zu", at, i + 1);
        walk(list, below, value, json_array_get(second, i));
    }
}

static json_t *compare(const json_t *first, const json_t *second)
{
    json_t *report = json_pack("{s:s, s:[]}", "bench", "compare", "ratios");
    json_t *ratios = json_object_get(report, "ratios"), *of, *ratio;
    const char *name;
    gsize i;
    guint n_apart = 0;
    json_object_foreach(json_object_get(first, "reports"), name, of)
        walk(ratios, name, of, json_object_get(json_object_get(second, "reports"), name));
    json_array_foreach(ratios, i, ratio) n_apart +=
        fabs(json_real_value(json_object_get(ratio, "change"))) > APART;
    json_object_set_new(report, "n_apart", json_integer(n_apart));
    return report;
}

json_t *compare_reports(const char *first, const char *second, GError **error)
{
    json_auto_t *one = read_report(first, error);
    json_auto_t *other = one ? read_report(second, error) : NULL;
    return other ? compare(one, other) : NULL;
}

char *compare_format_table(const json_t *report)
{
    GString *table = g_string_new(NULL);
    const json_t *ratios = json_object_get(report, "ratios"), *ratio;
    gsize i;
    g_string_append_printf(table, "%-44s%10s%10s%10s\n", "", "first", "second", "change");
    json_array_foreach(ratios, i, ratio)
    {
        double change = json_real_value(json_object_get(ratio, "change"));
        g_string_append_printf(table, "%-44s%10.3f%10.3f%+9.0f%%%s\n",
                               json_read_text(ratio, "name"),
                               json_real_value(json_object_get(ratio, "first")),
                               json_real_value(json_object_get(ratio, "second")), 100 * change,
                               fabs(change) > APART ? " apart" : "");
    }
    g_string_append_printf(table, "%" G_GINT64_FORMAT " of %zu ratios are more than %.0f%% apart\n",
                           json_read_integer(report, "n_apart"), json_array_size(ratios),
                           100 * APART);
    return g_string_free(table, FALSE);
}
