// SPDX-License-Identifier: Apache-2.0

#include "tools/bench/cpu.h"

#include "tools/qkdnf/json-read.h"

#include <sys/types.h>
#include <time.h>

const char *const cpu_role_names[N_CPU_ROLES] = {
    [CPU_PLATFORM] = "platform",
    [CPU_AGENTS] = "agents",
    [CPU_BROKER] = "broker",
    [CPU_ASKER] = "asker",
};

static gint64 clock_us(clockid_t clock)
{
    struct timespec had = {0};
    clock_gettime(clock, &had);
    return had.tv_sec * G_USEC_PER_SEC + had.tv_nsec / 1000;
}

gint64 cpu_self_us(void)
{
    return clock_us(CLOCK_PROCESS_CPUTIME_ID);
}

static gint64 process_us(const json_t *process)
{
    pid_t pid = (pid_t)json_read_integer(process, "pid");
    clockid_t clock;
    // A number of 0 would be this process.
    return pid > 0 && clock_getcpuclockid(pid, &clock) == 0 ? clock_us(clock) : 0;
}

CpuTimes cpu_times(const json_t *federation)
{
    const json_t *agents = json_object_get(federation, "qkdns");
    CpuTimes times = {0};
    times.us[CPU_PLATFORM] = process_us(json_object_get(federation, "platform"));
    times.us[CPU_BROKER] = process_us(json_object_get(federation, "broker"));
    for (gsize i = 0; i < json_array_size(agents); i++)
        times.us[CPU_AGENTS] += process_us(json_array_get(agents, i));
    times.us[CPU_ASKER] = cpu_self_us();
    return times;
}

json_t *cpu_times_to_json(const CpuTimes *before, const CpuTimes *after, guint64 n)
{
    json_t *times = json_object();
    for (guint i = 0; i < N_CPU_ROLES; i++)
        json_object_set_new(times, cpu_role_names[i],
                            json_integer((after->us[i] - before->us[i]) / (gint64)MAX(1, n)));
    return times;
}
