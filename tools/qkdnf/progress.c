// SPDX-License-Identifier: Apache-2.0

#include "tools/qkdnf/progress.h"

#include <stdio.h>
#include <unistd.h>

#define PATIENCE_US G_USEC_PER_SEC

// Returns to the start of the line and erases it.
#define ERASE "\r\033[K"

// The call blocks in a library, so the time is watched in a thread of its own.
struct Progress {
    const char *text;
    GThread *thread;
    GMutex mutex;
    GCond ended;
    gboolean is_over;
};

static gpointer watch(gpointer data)
{
    Progress *progress = data;
    gint64 end_us = g_get_monotonic_time() + PATIENCE_US;
    g_mutex_lock(&progress->mutex);
    while (!progress->is_over && g_cond_wait_until(&progress->ended, &progress->mutex, end_us))
        continue;
    if (!progress->is_over) {
        fprintf(stderr, "%s ...", progress->text);
        while (!progress->is_over)
            g_cond_wait(&progress->ended, &progress->mutex);
        fputs(ERASE, stderr);
    }
    g_mutex_unlock(&progress->mutex);
    return NULL;
}

Progress *progress_new(const char *text)
{
    if (!isatty(STDERR_FILENO))
        return NULL;
    Progress *progress = g_new0(Progress, 1);
    progress->text = text;
    g_mutex_init(&progress->mutex);
    g_cond_init(&progress->ended);
    progress->thread = g_thread_new("progress", watch, progress);
    return progress;
}

void progress_free(Progress *progress)
{
    if (!progress)
        return;
    g_mutex_lock(&progress->mutex);
    progress->is_over = TRUE;
    g_cond_signal(&progress->ended);
    g_mutex_unlock(&progress->mutex);
    g_thread_join(progress->thread);
    g_cond_clear(&progress->ended);
    g_mutex_clear(&progress->mutex);
    g_free(progress);
}
