// SPDX-License-Identifier: Apache-2.0

#include "tools/bench/in-child.h"

#include "tools/qkdnf/json-read.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

// Comes before the result, which begins with a brace.
#define READY '!'

struct InChild {
    pid_t pid;
    FILE *pipe; // written in the child, read in the parent
    char *failure;
};

static void run(InChildFn fn, gpointer data, InChild *self)
{
    g_autoptr(GError) error = NULL;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    json_t *result = fn(data, self, &error);
    json_t *answer = result ? json_pack("{s:o}", "result", result)
                            : json_pack("{s:s}", "error", error ? error->message : "failed");
    json_dumpf(answer, self->pipe, JSON_COMPACT);
    fflush(self->pipe);
    _exit(0);
}

InChild *in_child_start(InChildFn fn, gpointer data)
{
    InChild *child = g_new0(InChild, 1);
    int ends[2];
    fflush(NULL);
    if (pipe(ends) != 0) {
        child->failure = g_strdup(g_strerror(errno));
        return child;
    }
    child->pid = fork();
    gboolean is_child = child->pid == 0;
    close(ends[is_child ? 0 : 1]);
    child->pipe = fdopen(ends[is_child ? 1 : 0], is_child ? "w" : "r");
    if (is_child)
        run(fn, data, child);
    if (child->pid < 0)
        child->failure = g_strdup(g_strerror(errno));
    return child;
}

void in_child_say_ready(InChild *self)
{
    putc(READY, self->pipe);
    fflush(self->pipe);
}

gboolean in_child_wait_ready(InChild *child)
{
    int c = child->failure ? EOF : getc(child->pipe);
    if (c == READY)
        return TRUE;
    if (c != EOF)
        ungetc(c, child->pipe);
    return FALSE;
}

// How it ended matters only when it could not say it itself.
static json_t *read_answer(const InChild *child)
{
    json_t *answer = json_loadf(child->pipe, JSON_DISABLE_EOF_CHECK, NULL);
    return answer ? answer : json_pack("{s:s}", "error", "the process ended without a result");
}

static void in_child_free(InChild *child)
{
    if (child->pipe)
        fclose(child->pipe);
    if (child->pid > 0)
        waitpid(child->pid, NULL, 0);
    g_free(child->failure);
    g_free(child);
}

json_t *in_child_finish(InChild *child, gboolean stop, GError **error)
{
    if (stop && child->pid > 0)
        kill(child->pid, SIGTERM);
    json_t *answer =
        child->failure ? json_pack("{s:s}", "error", child->failure) : read_answer(child);
    json_t *result = json_incref(json_object_get(answer, "result"));
    if (!result)
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "%s",
                    json_read_text(answer, "error"));
    json_decref(answer);
    in_child_free(child);
    return result;
}

json_t *in_child(InChildFn fn, gpointer data, GError **error)
{
    return in_child_finish(in_child_start(fn, data), FALSE, error);
}
