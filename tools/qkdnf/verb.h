#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// The verbs of `qkdnf`: one function each, in a file of its own, with the command line from the
// verb on. What it returns is the exit code.

#include "schemas/membership.h"

#include <argp.h>
#include <glib.h>
#include <jansson.h>
#include <stdio.h>

enum {
    EXIT_DONE = 0,
    EXIT_REFUSED = 1, // or failed; the reason is on standard error
    EXIT_USAGE = 2,   // or configuration
};

int verb_accounts(int argc, char **argv);
int verb_admin(int argc, char **argv);
int verb_agreement(int argc, char **argv);
int verb_bench(int argc, char **argv);
int verb_broker(int argc, char **argv);
int verb_certificate(int argc, char **argv);
int verb_check_config(int argc, char **argv);
int verb_contract(int argc, char **argv);
int verb_dashboard(int argc, char **argv);
int verb_demo(int argc, char **argv);
int verb_discover(int argc, char **argv);
int verb_down(int argc, char **argv);
int verb_fault(int argc, char **argv);
int verb_rating(int argc, char **argv);
int verb_request(int argc, char **argv);
int verb_session(int argc, char **argv);
int verb_status(int argc, char **argv);
int verb_tap(int argc, char **argv);
int verb_top(int argc, char **argv);
int verb_topology(int argc, char **argv);
int verb_up(int argc, char **argv);

// Says `VERB: MESSAGE` on standard error and returns the exit code that was given; `verb` is the
// verb's argv[0].
int verb_fail(const char *verb, int exit_code, const GError *error);
// With the exit code of whose mistake it was: how to connect was said wrongly, or it failed.
int verb_fail_on_bus(const char *verb, const GError *error);

// A line for people; what members have said in it can neither steer the terminal nor begin another.
void verb_print(FILE *file, const char *format, ...) G_GNUC_PRINTF(2, 3);

// On standard output, in one line.
void verb_print_json(const json_t *report);

// Of an option's value; anything but a number from `min` to `max` is an error of usage.
guint64 verb_parse_number(struct argp_state *state, const char *option, const char *value,
                          guint64 min, guint64 max);
// Adds the purposes of `PURPOSE,…`; what names none is an error of usage.
void verb_parse_purposes(struct argp_state *state, const char *value,
                         Qkdnf__V1__Purpose purposes[PURPOSES_MAX], gsize *n_purposes);
