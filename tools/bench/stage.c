// SPDX-License-Identifier: Apache-2.0

#include "tools/bench/stage.h"

#include "tools/qkdnf/access.h"
#include "tools/qkdnf/program.h"

#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define READY_MS 60000
#define STOP_MS  15000
#define STEP_MS  20

struct Stage {
    char *dir;
    GPid pid; // 0: it has ended
};

const char *stage_dir(const Stage *stage)
{
    return stage->dir;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *place)
{
    return remove(path);
}

static gboolean has_ended(Stage *stage)
{
    if (stage->pid > 0 && waitpid(stage->pid, NULL, WNOHANG) == stage->pid)
        stage->pid = 0;
    return stage->pid == 0;
}

void stage_free(Stage *stage)
{
    if (!stage)
        return;
    if (!has_ended(stage))
        kill(stage->pid, SIGTERM);
    for (guint waited_ms = 0; !has_ended(stage) && waited_ms < STOP_MS; waited_ms += STEP_MS)
        g_usleep(STEP_MS * G_TIME_SPAN_MILLISECOND);
    if (!has_ended(stage)) {
        kill(stage->pid, SIGKILL);
        waitpid(stage->pid, NULL, 0);
    }
    nftw(stage->dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    g_free(stage->dir);
    g_free(stage);
}

static void die_with_parent(gpointer data)
{
    prctl(PR_SET_PDEATHSIG, SIGTERM);
}

static gboolean start(Stage *stage, const char *file, GError **error)
{
    g_autofree char *program = program_find("qkdnf", "tools/qkdnf", error);
    if (!program)
        return FALSE;
    const char *argv[] = {program, "up", file, "--dir", stage->dir, NULL};
    GSpawnFlags flags = G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDOUT_TO_DEV_NULL;
    return g_spawn_async(NULL, (char **)argv, NULL, flags, die_with_parent, NULL, &stage->pid,
                         error);
}

static gboolean wait_until_ready(Stage *stage, const char *file, GError **error)
{
    g_autofree char *path = g_build_filename(stage->dir, ACCESS_FILE, NULL);
    for (guint waited_ms = 0; waited_ms < READY_MS; waited_ms += STEP_MS) {
        if (g_file_test(path, G_FILE_TEST_EXISTS))
            return TRUE;
        if (has_ended(stage))
            break;
        g_usleep(STEP_MS * G_TIME_SPAN_MILLISECOND);
    }
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "the federation of %s does not start",
                file);
    return FALSE;
}

Stage *stage_new(const char *file, GError **error)
{
    g_autofree char *dir = g_dir_make_tmp("qkdnf-bench-XXXXXX", error);
    if (!dir)
        return NULL;
    g_autoptr(Stage) stage = g_new0(Stage, 1);
    stage->dir = g_steal_pointer(&dir);
    if (!start(stage, file, error) || !wait_until_ready(stage, file, error))
        return NULL;
    return g_steal_pointer(&stage);
}
