// SPDX-License-Identifier: Apache-2.0

#include "tools/qkdnf/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define LOCK_FILE "up.pid"

static int open_lock(const char *dir, int flags)
{
    g_autofree char *path = g_build_filename(dir, LOCK_FILE, NULL);
    return open(path, flags | O_CLOEXEC, 0600);
}

gboolean lock_take(const char *dir, GError **error)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int fd = open_lock(dir, O_RDWR | O_CREAT);
    // Closing any descriptor of the file would let go of the lock: this one stays open.
    if (fd >= 0 && fcntl(fd, F_SETLK, &whole) == 0) {
        if (ftruncate(fd, 0) == 0)
            dprintf(fd, "%d\n", (int)getpid());
        return TRUE;
    }
    int cause = errno;
    pid_t holder = lock_holder(dir);
    if (holder)
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_AGAIN, "%s is in use by process %d", dir,
                    (int)holder);
    else
        g_set_error(error, G_FILE_ERROR, (int)g_file_error_from_errno(cause), "%s/%s: %s", dir,
                    LOCK_FILE, g_strerror(cause));
    if (fd >= 0)
        close(fd);
    return FALSE;
}

pid_t lock_holder(const char *dir)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int fd = open_lock(dir, O_RDONLY);
    gboolean is_held =
        fd >= 0 && fcntl(fd, F_GETLK, &whole) == 0 && whole.l_type != F_UNLCK && whole.l_pid > 0;
    if (fd >= 0)
        close(fd);
    return is_held ? whole.l_pid : 0;
}
