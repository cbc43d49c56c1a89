#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// The processor time that the processes of a running federation have had. Unlike the time that
// passes, it hardly depends on what else the machine does.

#include <glib.h>
#include <jansson.h>

typedef enum { CPU_PLATFORM, CPU_AGENTS, CPU_BROKER, CPU_ASKER, N_CPU_ROLES } CpuRole;

// Such as "platform".
extern const char *const cpu_role_names[N_CPU_ROLES];

typedef struct {
    gint64 us[N_CPU_ROLES];
} CpuTimes;

// Of this process, until now.
gint64 cpu_self_us(void);

// Until now, of this process (the asker) and by the description of the federation those of others;
// what has ended meanwhile counts nothing.
CpuTimes cpu_times(const json_t *federation);

// `{ROLE: us}` from `before` to `after`, divided by `n`.
json_t *cpu_times_to_json(const CpuTimes *before, const CpuTimes *after, guint64 n);
