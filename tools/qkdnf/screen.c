// SPDX-License-Identifier: Apache-2.0

#include "tools/qkdnf/screen.h"

#include "tools/qkdnf/json-read.h"

#include <string.h>

// What a line of a border link takes beside its bar.
#define LINK_COLUMNS 64
#define BAR_MAX      60

typedef struct {
    GPtrArray *lines; // ScreenLine
    guint columns;
} Screen;

static void line_free(gpointer data)
{
    ScreenLine *line = data;
    g_free(line->text);
    g_free(line);
}

// Remote texts are UTF-8 by the frame's check, and may hold what a terminal would obey.
static char *as_printable(const char *text, guint columns)
{
    GString *printable = g_string_new(NULL);
    guint n = 0;
    for (; *text && n < columns; text = g_utf8_next_char(text), n++) {
        gunichar c = g_utf8_get_char(text);
        gboolean is_narrow =
            g_unichar_isprint(c) && !g_unichar_iswide(c) && !g_unichar_iszerowidth(c);
        g_string_append_unichar(printable, is_narrow ? c : '?');
    }
    return g_string_free(printable, FALSE);
}

static void add(Screen *screen, ScreenStyle style, const char *format, ...) G_GNUC_PRINTF(3, 4);
static void add(Screen *screen, ScreenStyle style, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    ScreenLine *line = g_new(ScreenLine, 1);
    *line = (ScreenLine){style, as_printable(text, screen->columns)};
    g_ptr_array_add(screen->lines, line);
}

static const char *without(const char *prefix, const char *name)
{
    return g_str_has_prefix(name, prefix) ? name + strlen(prefix) : name;
}

static char *format_bps(gint64 bps)
{
    return bps < 10000      ? g_strdup_printf("%d b/s", (int)bps)
           : bps < 10000000 ? g_strdup_printf("%d kb/s", (int)(bps / 1000))
                            : g_strdup_printf("%d Mb/s", (int)(bps / 1000000));
}

static char *join_texts(const json_t *list)
{
    GString *text = g_string_new(NULL);
    for (gsize i = 0; i < json_array_size(list); i++)
        g_string_append_printf(text, "%s%s", i > 0 ? "," : "",
                               json_string_value(json_array_get(list, i)));
    return g_string_free(text, FALSE);
}

// --- the parts -----------------------------------------------------------------------------------

static gsize count_alive(const json_t *providers)
{
    gsize n = 0;
    for (gsize i = 0; i < json_array_size(providers); i++)
        n += json_read_flag(json_array_get(providers, i), "alive");
    return n;
}

static double read_real(const json_t *object, const char *name)
{
    return json_number_value(json_object_get(object, name));
}

static ScreenStyle alarm_style(const json_t *alarm)
{
    return strcmp(json_read_text(alarm, "severity"), "SEVERITY_ALARM") == 0 ? SCREEN_BAD
                                                                            : SCREEN_PLAIN;
}

static char *alarm_time(const json_t *alarm)
{
    gint64 at_s = json_read_integer(alarm, "at_us") / G_USEC_PER_SEC;
    g_autoptr(GDateTime) at = g_date_time_new_from_unix_local(at_s);
    return at ? g_date_time_format(at, "%H:%M:%S") : g_strdup("");
}

// Seen wherever the rest is scrolled to.
static void add_latest(Screen *screen, const json_t *alarm)
{
    if (!alarm) {
        add(screen, SCREEN_PLAIN, "%s", "");
        return;
    }
    g_autofree char *time = alarm_time(alarm);
    add(screen, alarm_style(alarm), "%-11s %s %s %s %s", "latest", time,
        json_read_text(alarm, "from"), json_read_text(alarm, "name"),
        json_read_text(alarm, "text"));
}

static void add_head(Screen *screen, const json_t *picture)
{
    const json_t *requests = json_object_get(picture, "requests");
    const json_t *bus = json_object_get(picture, "bus");
    const json_t *providers = json_object_get(picture, "providers");
    gint64 n_missed = json_read_integer(bus, "missed");
    g_autofree char *sampled =
        n_missed > 0 ? g_strdup_printf(", sampled: %" G_GINT64_FORMAT " missed", n_missed)
                     : g_strdup("");
    add(screen, SCREEN_TITLE,
        "qkdnf top   providers %zu of %zu   sessions %zu   faults %zu   bus %.1f/s%s",
        count_alive(providers), json_array_size(providers),
        json_array_size(json_object_get(picture, "sessions")),
        json_array_size(json_object_get(picture, "faults")), read_real(bus, "publishes_per_s"),
        sampled);
    add(screen, SCREEN_PLAIN,
        "requests    granted %" G_GINT64_FORMAT "   refused %" G_GINT64_FORMAT
        "   open %" G_GINT64_FORMAT "   %.1f/s   p50 %.1f ms   p99 %.1f ms",
        json_read_integer(requests, "granted"), json_read_integer(requests, "refused"),
        json_read_integer(requests, "open"), read_real(requests, "per_s"),
        (double)json_read_integer(requests, "p50_us") / 1000,
        (double)json_read_integer(requests, "p99_us") / 1000);
    add_latest(screen, json_array_get(json_object_get(picture, "alarms"), 0));
}

static void add_providers(Screen *screen, const json_t *providers)
{
    add(screen, SCREEN_HEADING, "%-20s %-14s %-5s %-12s %5s %5s  %s", "PROVIDER", "STATE", "BUS",
        "REGION", "NODES", "USERS", "KME");
    for (gsize i = 0; i < json_array_size(providers); i++) {
        const json_t *provider = json_array_get(providers, i);
        gboolean is_alive = json_read_flag(provider, "alive");
        add(screen, is_alive ? SCREEN_PLAIN : SCREEN_BAD, "%-20s %-14s %-5s %-12s %5zu %5zu  %s",
            json_read_text(provider, "id"),
            without("MEMBER_STATE_", json_read_text(provider, "state")),
            is_alive ? "there" : "gone", json_read_text(provider, "region"),
            json_array_size(json_object_get(provider, "nodes")),
            json_array_size(json_object_get(provider, "applications")),
            json_read_text(provider, "kme_id"));
    }
}

// How much is in stock of what its filler keeps, by the end that has less.
static char *format_bar(gint64 n_open, gint64 capacity, guint width)
{
    GString *bar = g_string_new("[");
    gint64 n = capacity > 0 ? MIN(n_open, capacity) * width / capacity : 0;
    for (guint i = 0; i < width; i++)
        g_string_append_c(bar, i < n ? '#' : '.');
    g_string_append_c(bar, ']');
    return g_string_free(bar, FALSE);
}

static void add_link(Screen *screen, const json_t *link, guint width)
{
    gint64 n_open = G_MAXINT64, capacity = 0, fill_bps = 0;
    const json_t *ends = json_object_get(link, "ends");
    for (gsize i = 0; i < json_array_size(ends); i++) {
        const json_t *end = json_array_get(ends, i);
        n_open = MIN(n_open, json_read_integer(end, "n_open"));
        capacity = MAX(capacity, json_read_integer(end, "capacity"));
        fill_bps = MAX(fill_bps, json_read_integer(end, "fill_bps"));
    }
    gboolean is_up = json_read_flag(link, "up");
    g_autofree char *bar = format_bar(n_open, capacity, width);
    g_autofree char *rate = format_bps(fill_bps);
    add(screen, is_up ? SCREEN_PLAIN : SCREEN_BAD,
        "%-26s %-5s %s %8" G_GINT64_FORMAT " %8" G_GINT64_FORMAT " %10s",
        json_read_text(link, "id"), is_up ? "up" : "down", bar, n_open, capacity, rate);
}

static void add_links(Screen *screen, const json_t *links)
{
    guint width = MIN(BAR_MAX, screen->columns - LINK_COLUMNS);
    add(screen, SCREEN_PLAIN, "%s", "");
    add(screen, SCREEN_HEADING, "%-26s %-5s %-*s %8s %8s %10s", "BORDER LINK", "STATE",
        (int)width + 2, "STOCK", "SLOTS", "OF", "FILLED AT");
    for (gsize i = 0; i < json_array_size(links); i++)
        add_link(screen, json_array_get(links, i), width);
}

static void add_faults(Screen *screen, const json_t *faults)
{
    if (json_array_size(faults) == 0)
        return;
    add(screen, SCREEN_PLAIN, "%s", "");
    add(screen, SCREEN_HEADING, "%-20s %-10s %-20s %s", "FAULT AT", "OF", "SUBJECT", "CAUSE");
    for (gsize i = 0; i < json_array_size(faults); i++) {
        const json_t *fault = json_array_get(faults, i);
        add(screen, SCREEN_BAD, "%-20s %-10s %-20s %s", json_read_text(fault, "member"),
            without("FAULT_SCOPE_", json_read_text(fault, "scope")),
            json_read_text(fault, "subject"), json_read_text(fault, "cause"));
    }
}

static void add_sessions(Screen *screen, const json_t *sessions)
{
    if (json_array_size(sessions) == 0)
        return;
    add(screen, SCREEN_PLAIN, "%s", "");
    add(screen, SCREEN_HEADING, "%-36s %-8s %8s  %s", "SESSION", "PHASE", "KEYS", "WHO");
    for (gsize i = 0; i < json_array_size(sessions); i++) {
        const json_t *session = json_array_get(sessions, i);
        g_autofree char *targets = join_texts(json_object_get(session, "targets"));
        add(screen, SCREEN_PLAIN, "%-36s %-8s %8" G_GINT64_FORMAT "  %s → %s",
            json_read_text(session, "session"),
            without("LEG_PHASE_", json_read_text(session, "phase")),
            json_read_integer(session, "delivered"), json_read_text(session, "initiator"), targets);
    }
}

static double read_percent(const json_t *rating, const char *ppm)
{
    return (double)json_read_integer(rating, ppm) / 1e4;
}

static double read_ms(const json_t *rating, const char *us)
{
    return (double)json_read_integer(rating, us) / 1e3;
}

// The share of the time in which it was there.
static double availability(const json_t *rating)
{
    double observed = (double)json_read_integer(rating, "observed_us");
    return observed > 0 ? 1 - (double)json_read_integer(rating, "down_us") / observed : 1;
}

static void add_ratings(Screen *screen, const json_t *ratings)
{
    if (json_array_size(ratings) == 0)
        return;
    add(screen, SCREEN_PLAIN, "%s", "");
    add(screen, SCREEN_HEADING, "%-20s %6s %6s %7s %7s %9s %9s %8s", "RATING OF", "SCORE", "ORDERS",
        "LOST %", "WRONG %", "P50 MS", "P95 MS", "THERE %");
    for (gsize i = 0; i < json_array_size(ratings); i++) {
        const json_t *rating = json_array_get(ratings, i);
        add(screen, json_read_flag(rating, "low") ? SCREEN_BAD : SCREEN_PLAIN,
            "%-20s %6" G_GINT64_FORMAT " %6" G_GINT64_FORMAT " %7.2f %7.2f %9.1f %9.1f %8.2f",
            json_read_text(rating, "provider"), json_read_integer(rating, "score"),
            json_read_integer(rating, "orders"), read_percent(rating, "loss_ppm"),
            read_percent(rating, "error_ppm"), read_ms(rating, "delay_p50_us"),
            read_ms(rating, "delay_p95_us"), 100 * availability(rating));
    }
}

static void add_alarms(Screen *screen, const json_t *alarms)
{
    if (json_array_size(alarms) == 0)
        return;
    add(screen, SCREEN_PLAIN, "%s", "");
    add(screen, SCREEN_HEADING, "%-8s %-8s %-16s %-22s %s", "LATEST", "", "FROM", "WHAT", "TEXT");
    for (gsize i = 0; i < json_array_size(alarms); i++) {
        const json_t *alarm = json_array_get(alarms, i);
        g_autofree char *time = alarm_time(alarm);
        add(screen, alarm_style(alarm), "%-8s %-8s %-16s %-22s %s", time,
            without("SEVERITY_", json_read_text(alarm, "severity")), json_read_text(alarm, "from"),
            json_read_text(alarm, "name"), json_read_text(alarm, "text"));
    }
}

GPtrArray *screen_format(const json_t *picture, guint columns)
{
    Screen screen = {g_ptr_array_new_with_free_func(line_free), MAX(columns, 80)};
    add_head(&screen, picture);
    add_providers(&screen, json_object_get(picture, "providers"));
    add_links(&screen, json_object_get(picture, "border_links"));
    add_faults(&screen, json_object_get(picture, "faults"));
    add_sessions(&screen, json_object_get(picture, "sessions"));
    add_ratings(&screen, json_object_get(picture, "ratings"));
    add_alarms(&screen, json_object_get(picture, "alarms"));
    return screen.lines;
}
