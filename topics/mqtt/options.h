#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// The command line that both daemons have: --config FILE, --check-config, --help, --version.

#include <glib.h>

typedef struct {
    const char *config;  // the file
    gboolean check_only; // say whether it is valid, and end
} DaemonOptions;

// Ends the process itself for --help and --version (0), and for a wrong command line (2).
DaemonOptions daemon_options_parse(int argc, char **argv, const char *what_it_is);

// Reports an error on standard error, as `PROGRAM: MESSAGE`; returns the exit code that was given.
int daemon_fail(int exit_code, const GError *error);
