// SPDX-License-Identifier: Apache-2.0

#include "topics/mqtt/privilege.h"

#include "topics/base/log.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

// All memory rather than that of Secrets: keys are also in buffers of the libraries on their way to
// an application, and in OpenSSL's. Only where there is no limit at all, because under a limit it
// is later allocations that fail: with a limit of nothing this works for those alone whom it does
// not bind (CAP_IPC_LOCK). On fault, so that the stacks of threads do not become resident.
static gboolean lock_memory(void)
{
    struct rlimit limit = {0};
    getrlimit(RLIMIT_MEMLOCK, &limit);
    limit.rlim_cur = limit.rlim_max == RLIM_INFINITY ? RLIM_INFINITY : 0;
    return setrlimit(RLIMIT_MEMLOCK, &limit) == 0 &&
           mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0;
}

// A soft limit is for programs that select(): none is here.
static void take_descriptors(void)
{
    struct rlimit limit = {0};
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

void privilege_give_up(void)
{
    // One byte, because a limit of nothing still lets a core dump go to a pipe.
    setrlimit(RLIMIT_CORE, &(struct rlimit){1, 1});
    // The whole process, so no part of its memory needs to be marked as not to be dumped.
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    umask(077);
    take_descriptors();
    lock_memory();
}

void privilege_report(void)
{
    // Asking again changes nothing.
    if (!lock_memory())
        log_line(G_LOG_LEVEL_WARNING, "keys can get to the swap: memory may not be locked",
                 "expected", "RLIMIT_MEMLOCK unlimited, or CAP_IPC_LOCK", NULL);
    // A service manager can give a daemon a user of its own; on a terminal root may be all there
    // is.
    if (geteuid() == 0 && g_getenv("NOTIFY_SOCKET"))
        log_line(G_LOG_LEVEL_WARNING, "runs as root, without need", "expected",
                 "a user of its own in its unit (User=)", NULL);
}
