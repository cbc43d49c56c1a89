// SPDX-License-Identifier: Apache-2.0
//
// To be preloaded: nothing can be made durable while the file exists that $BAD_DISK names.

#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PUBLIC __attribute__((visibility("default")))

static int sync_file(int fd, long call)
{
    const char *flag = getenv("BAD_DISK");
    if (!flag || access(flag, F_OK) != 0)
        return (int)syscall(call, fd);
    errno = EIO;
    return -1;
}

PUBLIC int fsync(int fd)
{
    return sync_file(fd, SYS_fsync);
}

PUBLIC int fdatasync(int fd)
{
    return sync_file(fd, SYS_fdatasync);
}
