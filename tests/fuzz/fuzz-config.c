// SPDX-License-Identifier: Apache-2.0
//
// The three configuration files with all their checks, which also see what is incomplete.

#include "agents/settings.h"
#include "platform/settings.h"
#include "tests/fuzz/fuzz.h"
#include "tools/qkdnf/description.h"

static void finish(Settings *settings)
{
    g_autoptr(GError) error = NULL;
    if (!settings_finish(settings, &error))
        g_assert_true(g_utf8_validate(error->message, -1, NULL));
}

static void read_description(const char *text, size_t n_bytes)
{
    g_autoptr(Settings) settings = settings_parse(&description_table, "fuzz", text, n_bytes);
    if (settings_root(settings))
        description_check(settings_root(settings), settings);
    finish(settings);
}

static void read_platform(const char *text, size_t n_bytes)
{
    g_autoptr(Settings) settings = settings_parse(&platform_settings_table, "fuzz", text, n_bytes);
    if (settings_root(settings))
        platform_settings_check(settings_root(settings), settings);
    finish(settings);
}

static void read_agent(const char *text, size_t n_bytes)
{
    g_autoptr(Settings) settings = settings_parse(&agent_settings_table, "fuzz", text, n_bytes);
    if (settings_root(settings))
        agent_settings_check(settings_root(settings), settings);
    finish(settings);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    read_description((const char *)bytes, n_bytes);
    read_platform((const char *)bytes, n_bytes);
    read_agent((const char *)bytes, n_bytes);
    return 0;
}
