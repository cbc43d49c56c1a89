// SPDX-License-Identifier: Apache-2.0

#include "tools/qkdnf/stage.h"

#include "tools/qkdnf/access.h"
#include "tools/qkdnf/program.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define READY_MS 180000
#define STOP_MS  15000
#define STEP_MS  20

// `up` ends with it when the description is wrong.
#define EXIT_USAGE 2

typedef struct {
    const Play *play;
    char *dir;
    GPid up; // 0: it has ended
    int up_status;
    sigset_t signals; // that interrupt; blocked, and waited for
    sigset_t old_signals;
} Stage;

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *place)
{
    return remove(path);
}

static gboolean has_ended(Stage *stage)
{
    if (stage->up > 0 && waitpid(stage->up, &stage->up_status, WNOHANG) == stage->up)
        stage->up = 0;
    return stage->up == 0;
}

static gboolean is_interrupted(const Stage *stage)
{
    return sigtimedwait(&stage->signals, NULL, &(struct timespec){0, STEP_MS * 1000000}) > 0;
}

// --- start and stop ------------------------------------------------------------------------------

static void become_child(gpointer data)
{
    const Stage *stage = data;
    sigprocmask(SIG_SETMASK, &stage->old_signals, NULL);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
}

static void block_signals(Stage *stage)
{
    sigemptyset(&stage->signals);
    sigaddset(&stage->signals, SIGINT);
    sigaddset(&stage->signals, SIGTERM);
    sigaddset(&stage->signals, SIGHUP);
    sigprocmask(SIG_BLOCK, &stage->signals, &stage->old_signals);
}

static gboolean start(Stage *stage, const char *log, GError **error)
{
    g_autofree char *program = program_find("qkdnf", "tools/qkdnf", error);
    int fd = program ? open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
    if (program && fd < 0)
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "%s: %s", log, g_strerror(errno));
    if (fd < 0)
        return FALSE;
    const char *argv[] = {program, "up", stage->play->file, "--dir", stage->dir, NULL};
    gboolean done = g_spawn_async_with_fds(NULL, (char **)argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD,
                                           become_child, stage, &stage->up, -1, fd, fd, error);
    close(fd);
    return done;
}

static void explain(const Stage *stage, const char *log, GError **error)
{
    g_autofree char *text = NULL;
    gboolean is_wrong = stage->up == 0 && WIFEXITED(stage->up_status) &&
                        WEXITSTATUS(stage->up_status) == EXIT_USAGE;
    g_file_get_contents(log, &text, NULL, NULL);
    g_set_error(error, G_FILE_ERROR, is_wrong ? G_FILE_ERROR_INVAL : G_FILE_ERROR_FAILED,
                "the federation of %s does not start:\n%s", stage->play->file,
                text ? g_strchomp(text) : "");
}

static gboolean fail_interrupted(GError **error)
{
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INTR, "interrupted");
    return FALSE;
}

static gboolean wait_until_ready(Stage *stage, const char *log, GError **error)
{
    g_autofree char *path = g_build_filename(stage->dir, ACCESS_FILE, NULL);
    for (guint waited_ms = 0; waited_ms < READY_MS && !has_ended(stage); waited_ms += STEP_MS) {
        if (g_file_test(path, G_FILE_TEST_EXISTS))
            return TRUE;
        if (is_interrupted(stage))
            return fail_interrupted(error);
    }
    explain(stage, log, error);
    return FALSE;
}

static gboolean open_stage(Stage *stage, GError **error)
{
    g_autofree char *template = g_strdup_printf("qkdnf-%s-XXXXXX", stage->play->name);
    stage->dir = g_dir_make_tmp(template, error);
    if (!stage->dir)
        return FALSE;
    g_autofree char *log = g_build_filename(stage->dir, "up.log", NULL);
    return start(stage, log, error) && wait_until_ready(stage, log, error);
}

static void close_stage(Stage *stage, gboolean stays)
{
    if (!has_ended(stage))
        kill(stage->up, SIGTERM);
    for (guint waited_ms = 0; !has_ended(stage) && waited_ms < STOP_MS; waited_ms += STEP_MS)
        g_usleep(STEP_MS * G_TIME_SPAN_MILLISECOND);
    if (!has_ended(stage)) {
        kill(stage->up, SIGKILL);
        waitpid(stage->up, NULL, 0);
    }
    if (stage->dir && stays)
        g_printerr("qkdnf %s: the logs and keys of the federation stay in %s\n", stage->play->name,
                   stage->dir);
    else if (stage->dir)
        nftw(stage->dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    g_free(stage->dir);
    // What has interrupted it has been obeyed; a second one of these must not end the caller.
    while (sigtimedwait(&stage->signals, NULL, &(struct timespec){0}) > 0)
        continue;
    sigprocmask(SIG_SETMASK, &stage->old_signals, NULL);
}

// --- the act -------------------------------------------------------------------------------------

static pid_t begin(Stage *stage)
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    become_child(stage);
    int code = stage->play->act(stage->play->data, stage->dir);
    fflush(NULL);
    _exit(code);
}

static int act(Stage *stage, GError **error)
{
    pid_t pid = begin(stage);
    int status = 0;
    while (pid > 0 && waitpid(pid, &status, WNOHANG) == 0) {
        if (!is_interrupted(stage))
            continue;
        kill(pid, SIGTERM);
        waitpid(pid, NULL, 0);
        fail_interrupted(error);
        return -1;
    }
    if (pid > 0 && WIFEXITED(status))
        return WEXITSTATUS(status);
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "%s",
                pid < 0 ? "no process can be started" : g_strsignal(WTERMSIG(status)));
    return -1;
}

static void wait_for_interrupt(Stage *stage)
{
    printf("the federation keeps running in %s; Ctrl-C ends it\n", stage->dir);
    fflush(stdout);
    while (!has_ended(stage) && !is_interrupted(stage))
        continue;
}

int stage_run(const Play *play, GError **error)
{
    Stage stage = {.play = play};
    block_signals(&stage);
    gboolean is_open = open_stage(&stage, error);
    int code = is_open ? act(&stage, error) : -1;
    gboolean runs_on = play->end == STAGE_KEEP_RUNNING && code >= 0;
    if (runs_on)
        wait_for_interrupt(&stage);
    close_stage(&stage, runs_on || (play->end != STAGE_REMOVE && code > 0));
    return code;
}
