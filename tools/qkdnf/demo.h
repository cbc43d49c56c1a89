#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// The demo: a running federation shown at work, and checked as it is shown.

#include <glib.h>
#include <jansson.h>

// A federation that `qkdnf up` runs in `dir`, and what is remembered of it for the report.
typedef struct {
    const char *dir;
    const char *program; // qkdnf itself, for the verbs that are shown
    json_t *federation;  // its description
    gint64 start_us;
    json_t *requests; // what the report lists
    json_t *cuts;
    json_t *session; // NULL: there was none
    guint n_keys_equal;
    guint n_failures; // of what is shown, not as expected
} Demo;

// Says what happens, with the time since the start.
void demo_tell(const Demo *demo, const char *format, ...) G_GNUC_PRINTF(2, 3);
// The same, and counts it as a failure.
void demo_complain(Demo *demo, const char *format, ...) G_GNUC_PRINTF(2, 3);

// Runs `qkdnf VERB --federation DIR WORDS...`; its standard output, or NULL and an error with what
// it said.
char *demo_run_verb(const Demo *demo, const char *verb, const char *const *words, GError **error);

// Waits until every border link has key for some requests, and shows them.
void demo_show_borders(Demo *demo);
// A key between the first users of each two providers, fetched with curl at both ends.
void demo_show_requests(Demo *demo);
// Cuts border links on the way between two users, one after another: keys go other ways. Mends
// them.
void demo_show_cuts(Demo *demo);
// A session between the users of two networks, from which both fetch keys all the time: a border on
// its way is cut, a provider on its way is killed, and its user moves to another network and back.
void demo_show_session(Demo *demo);
