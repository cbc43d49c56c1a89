// SPDX-License-Identifier: Apache-2.0
//
// qkdnf top: how a federation does, on a full screen.

#include "tools/qkdnf/monitor.h"
#include "tools/qkdnf/picture.h"
#include "tools/qkdnf/screen.h"
#include "tools/qkdnf/verb.h"

#include <locale.h>
#include <ncurses.h>
#include <stdio.h>
#include <unistd.h>

#define REDRAW_MS 250
#define WHOLE_MS  5000 // what is not known by then is shown without
#define KEYS      "q quit   up down PgUp PgDn Home scroll   p pause"

enum { OPTION_ONCE = 1 };

static const struct argp_option options[] = {
    {"once", OPTION_ONCE, NULL, 0, "print one screen as text, and end", 0},
    {"json", 'j', NULL, 0, "print the same as one JSON object, and end", 0},
    {0},
};

typedef struct {
    Access access;
    Picture *picture;
    gboolean once;
    gboolean json;
    gboolean is_paused;
    int first; // line of the rest that is shown at the top
    gint64 drawn_ms;
    char *trouble; // what is said of the bus; NULL: nothing
} Top;

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    Top *top = state->input;
    if (key == ARGP_KEY_INIT)
        state->child_inputs[0] = &top->access;
    else if (key == OPTION_ONCE)
        top->once = TRUE;
    else if (key == 'j')
        top->once = top->json = TRUE;
    else if (key == ARGP_KEY_ARG)
        argp_error(state, "expected no more than options, not '%s'", value);
    else
        return ARGP_ERR_UNKNOWN;
    return 0;
}

static gboolean take(gpointer data, const char *topic, const guint8 *payload, gsize n_bytes)
{
    Top *top = data;
    picture_take(top->picture, topic, payload, n_bytes, g_get_monotonic_time());
    return TRUE;
}

static void missed(gpointer data, guint64 n_frames)
{
    picture_set_missed(((Top *)data)->picture, n_frames);
}

// --- one screen, as text -------------------------------------------------------------------------

static void print_once(Top *top)
{
    json_t *picture = picture_to_json(top->picture, g_get_monotonic_time());
    if (top->json) {
        verb_print_json(picture);
    } else {
        g_autoptr(GPtrArray) lines = screen_format(picture, 80);
        for (guint i = 0; i < lines->len; i++)
            puts(((const ScreenLine *)lines->pdata[i])->text);
    }
    json_decref(picture);
}

static gboolean tick_once(gpointer data, gint64 connected_ms)
{
    Top *top = data;
    if (!picture_is_whole(top->picture) && connected_ms < WHOLE_MS)
        return TRUE;
    print_once(top);
    return FALSE;
}

// --- the screen ----------------------------------------------------------------------------------

static void draw_line(int row, const ScreenLine *line)
{
    static const attr_t attributes[] = {
        [SCREEN_PLAIN] = A_NORMAL, [SCREEN_TITLE] = A_BOLD, [SCREEN_HEADING] = A_REVERSE};
    attr_t attribute = line->style == SCREEN_BAD ? A_BOLD | COLOR_PAIR(1) : attributes[line->style];
    attrset((int)attribute);
    mvaddnstr(row, 0, line->text, -1);
    // A heading is a bar from edge to edge.
    for (int column = (int)g_utf8_strlen(line->text, -1);
         line->style == SCREEN_HEADING && column < COLS; column++)
        mvaddch(row, column, ' ');
    attrset(A_NORMAL);
}

static void draw_foot(const Top *top, int n_rest, int room)
{
    attrset(A_REVERSE);
    mvhline(LINES - 1, 0, ' ', COLS);
    mvprintw(LINES - 1, 0, "%.*s", COLS - 1, top->trouble ? top->trouble : KEYS);
    if (top->is_paused)
        printw("   PAUSED");
    if (n_rest > room)
        mvprintw(LINES - 1, MAX(0, COLS - 16), "%d-%d of %d", top->first + 1,
                 MIN(top->first + room, n_rest), n_rest);
    attrset(A_NORMAL);
}

static void draw(Top *top)
{
    json_t *picture = picture_to_json(top->picture, g_get_monotonic_time());
    g_autoptr(GPtrArray) lines = screen_format(picture, (guint)COLS);
    int n_rest = (int)lines->len - SCREEN_HEAD_LINES;
    int room = MAX(1, LINES - SCREEN_HEAD_LINES - 1);
    top->first = CLAMP(top->first, 0, MAX(0, n_rest - room));
    erase();
    for (int row = 0; row < LINES - 1; row++) {
        int index = row < SCREEN_HEAD_LINES ? row : row + top->first;
        if (index < (int)lines->len)
            draw_line(row, lines->pdata[index]);
    }
    draw_foot(top, n_rest, room);
    refresh();
    json_decref(picture);
}

// FALSE: it is enough.
static gboolean obey(Top *top, int key)
{
    int page = MAX(1, LINES - SCREEN_HEAD_LINES - 2);
    if (key == 'q')
        return FALSE;
    if (key == 'p')
        top->is_paused = !top->is_paused;
    top->first += key == KEY_UP      ? -1
                  : key == KEY_DOWN  ? 1
                  : key == KEY_PPAGE ? -page
                  : key == KEY_NPAGE ? page
                  : key == KEY_HOME  ? -top->first
                                     : 0;
    return TRUE;
}

static gboolean tick(gpointer data, gint64 connected_ms)
{
    Top *top = data;
    gboolean has_key = FALSE;
    for (int key = getch(); key != ERR; key = getch()) {
        has_key = TRUE;
        if (!obey(top, key))
            return FALSE;
    }
    if (has_key || (!top->is_paused && connected_ms - top->drawn_ms >= REDRAW_MS)) {
        top->drawn_ms = connected_ms;
        draw(top);
    }
    return TRUE;
}

static void lost(gpointer data, const char *cause)
{
    Top *top = data;
    g_free(top->trouble);
    top->trouble = cause ? g_strdup_printf("the bus is lost: %s; trying again", cause) : NULL;
}

static gboolean run_on_screen(Top *top, GError **error)
{
    static const MonitorOps ops = {.arrived = take, .tick = tick, .lost = lost, .missed = missed};
    setlocale(LC_CTYPE, "");
    initscr();
    cbreak();
    noecho();
    keypad(stdscr, TRUE);
    nodelay(stdscr, TRUE);
    curs_set(0);
    if (has_colors() && !g_getenv("NO_COLOR")) {
        start_color();
        use_default_colors();
        init_pair(1, COLOR_RED, -1);
    }
    gboolean done = monitor_run(&top->access, &ops, top, error);
    endwin();
    return done;
}

int verb_top(int argc, char **argv)
{
    static const MonitorOps once = {.arrived = take, .tick = tick_once, .missed = missed};
    static const struct argp_child children[] = {{&access_argp, 0, NULL, 0}, {0}};
    static const struct argp argp = {
        .options = options,
        .parser = parse_option,
        .doc = "Shows how a federation does: providers, border links and their stock, requests, "
               "sessions, faults, ratings. It is what the bus says from now on, and nothing else.",
        .children = children};
    Top top = {0};
    g_autoptr(GError) error = NULL;
    argp_parse(&argp, argc, argv, 0, NULL, &top);
    if (!top.once && !(isatty(STDIN_FILENO) && isatty(STDOUT_FILENO))) {
        fprintf(stderr, "%s: this is no terminal: say --once for one screen as text\n", argv[0]);
        access_clear(&top.access);
        return EXIT_USAGE;
    }
    top.picture = picture_new();
    gboolean done =
        top.once ? monitor_run(&top.access, &once, &top, &error) : run_on_screen(&top, &error);
    picture_free(top.picture);
    g_free(top.trouble);
    access_clear(&top.access);
    return done ? EXIT_DONE : verb_fail_on_bus(argv[0], error);
}
