// SPDX-License-Identifier: Apache-2.0

#include "tools/bench/machine.h"

#include "tools/bench/floor.h"

#include <openssl/crypto.h>
#include <sched.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

// What follows `name` and a colon in a file of such lines; "" when there is none.
static char *read_field(const char *path, const char *name)
{
    g_autofree char *text = NULL;
    const char *found = NULL;
    if (g_file_get_contents(path, &text, NULL, NULL))
        found = strstr(text, name);
    const char *colon = found ? strchr(found, ':') : NULL;
    return colon ? g_strstrip(g_strndup(colon + 1, strcspn(colon + 1, "\n"))) : g_strdup("");
}

// Those that this process may use.
static int count_cpus(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

json_t *machine_to_json(void)
{
    struct utsname kernel = {0};
    double load = 0;
    uname(&kernel);
    getloadavg(&load, 1);
    g_autofree char *cpu = read_field("/proc/cpuinfo", "model name");
    return json_pack("{s:s, s:i, s:s, s:f}", "cpu", cpu, "n_cpus", count_cpus(), "kernel",
                     kernel.release, "load", load);
}

// The first line of what it says of itself; it has no other way.
static char *broker_version(void)
{
    g_autofree char *found = g_find_program_in_path("mosquitto");
    const char *argv[] = {found ? found : "/usr/sbin/mosquitto", "-h", NULL};
    char *said = NULL;
    if (!g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL, &said,
                      NULL, NULL, NULL))
        return g_strdup("unknown");
    said[strcspn(said, "\n")] = '\0';
    return said;
}

json_t *machine_versions_to_json(void)
{
    g_autofree char *broker = broker_version();
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "qkdnf", QKDNF_VERSION, "broker", broker,
                     "paho", floor_paho_version(), "openssl",
                     OpenSSL_version(OPENSSL_VERSION_STRING), "sqlite", sqlite3_libversion(),
                     "compiler", __VERSION__);
}
