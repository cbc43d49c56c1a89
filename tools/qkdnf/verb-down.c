// SPDX-License-Identifier: Apache-2.0

#include "tools/qkdnf/directory.h"
#include "tools/qkdnf/lock.h"
#include "tools/qkdnf/verb.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

// Longer than `up` gives its programs, phase by phase.
#define LIMIT_MS 40000

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    if (key == ARGP_KEY_INIT)
        state->child_inputs[0] = state->input;
    else if (key == ARGP_KEY_ARG)
        argp_error(state, "expected no more than options, not '%s'", value);
    else
        return ARGP_ERR_UNKNOWN;
    return 0;
}

static const struct argp_child children[] = {{&directory_argp, 0, NULL, 0}, {0}};
static const struct argp argp = {
    .parser = parse_option,
    .children = children,
    .doc = "Stops the federation that `qkdnf up` runs in DIR, and waits until all of it has "
           "ended.",
};

// By a descriptor of the process, whose number nobody else can get meanwhile.
static gboolean stop_process(const char *dir, pid_t pid, GError **error)
{
    int process = (int)syscall(SYS_pidfd_open, pid, 0);
    if (process < 0 && errno != ESRCH) {
        g_set_error(error, G_FILE_ERROR, (int)g_file_error_from_errno(errno),
                    "process %d cannot be watched: %s", (int)pid, g_strerror(errno));
        return FALSE;
    }
    gboolean is_gone = process < 0 || lock_holder(dir) != pid;
    if (!is_gone && kill(pid, SIGTERM) == 0) {
        struct pollfd end = {.fd = process, .events = POLLIN};
        is_gone = poll(&end, 1, LIMIT_MS) == 1;
    }
    if (process >= 0)
        close(process);
    if (!is_gone)
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "process %d did not end within %d s",
                    (int)pid, LIMIT_MS / 1000);
    return is_gone;
}

int verb_down(int argc, char **argv)
{
    const char *option = NULL;
    argp_parse(&argp, argc, argv, 0, NULL, &option);
    g_autoptr(GError) error = NULL;
    g_autofree char *dir = directory_resolve(option, &error);
    if (!dir)
        return verb_fail(argv[0], EXIT_USAGE, error);
    pid_t pid = lock_holder(dir);
    if (!pid)
        fprintf(stderr, "%s: nothing runs in %s\n", argv[0], dir);
    else if (!stop_process(dir, pid, &error))
        return verb_fail(argv[0], EXIT_REFUSED, error);
    return EXIT_DONE;
}
