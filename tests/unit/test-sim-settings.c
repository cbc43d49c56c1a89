// SPDX-License-Identifier: Apache-2.0

#include "agents/qkdn/sim-settings.h"

#include <string.h>

#define SECRET "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define NODES  "nodes: [{id: a}, {id: b, gateway: true}]\n"

// Everything that is wrong with it; "" for nothing.
static char *errors_of(const char *yaml)
{
    static const SettingTable table = {sim_settings, sizeof(SimSettings)};
    g_autoptr(Settings) settings = settings_parse(&table, "network", yaml, strlen(yaml));
    g_autoptr(GError) error = NULL;
    if (settings_root(settings))
        sim_settings_check(settings_root(settings), settings);
    return g_strdup(settings_finish(settings, &error) ? "" : error->message);
}

static void test_defaults(void)
{
    static const SettingTable table = {sim_settings, sizeof(SimSettings)};
    static const char yaml[] = NODES "links: [{a: a, b: b, km: 0.08}]\n"
                                     "borders: [{id: x, node: b, peer: p, loss_db: 3, "
                                     "secret: " SECRET "}]\n"
                                     "faults: [{at_s: 1, scope: provider}]\n";
    g_autofree char *errors = errors_of(yaml);
    g_assert_cmpstr(errors, ==, "");
    g_autoptr(Settings) settings = settings_parse(&table, "network", yaml, strlen(yaml));
    const SimSettings *sim = settings_root(settings);
    const SimNode *node = sim->nodes->pdata[0];
    const SimBorder *border = sim->borders->pdata[0];
    const SimFault *fault = sim->faults->pdata[0];
    g_assert_cmpuint(sim->time_scale, ==, 1);
    g_assert_true(node->access && !node->gateway);
    g_assert_cmpuint(border->block_bytes, ==, 1024);
    g_assert_cmpstr(fault->subject, ==, "");
    g_assert_cmpstr(fault->cause, ==, "scheduled fault");
}

typedef struct {
    const char *yaml;
    const char *complaint;
} Mistake;

#define LINK(rest)   NODES "links: [{a: a, b: " rest "}]\n"
#define BORDER(rest) NODES "borders: [{id: x, peer: p, " rest "}]\n"
#define SECRETS      "secret: " SECRET

static void test_mistakes_are_named(void)
{
    static const Mistake mistakes[] = {
        {"nodes: [{id: a}, {id: a}]\n", "node 'a' is listed twice"},
        {LINK("z, km: 1"), "there is no node 'z'"},
        {LINK("a, km: 1"), "a link from 'a' to itself"},
        {LINK("b, km: 1}, {a: b, b: a, km: 2"), "link 'b/a' is listed twice"},
        {LINK("b"), "no rate; expected rate_bps, loss_db or km"},
        {LINK("b, km: 500"), "out of reach"},
        {LINK("b, km: 1, store_bytes: 64, initial_bytes: 65"), "initial_bytes is 65"},
        {LINK("b, km: 1, store_bytes: 64, low_water_bytes: 65"), "low_water_bytes is 65"},
        {BORDER("node: a, km: 1, " SECRETS), "node 'a' is no gateway"},
        {BORDER("node: z, km: 1, " SECRETS), "there is no node 'z'"},
        {BORDER("node: b, km: 1, secret: 0011"), "expected 64 hexadecimal digits"},
        {BORDER("node: b, " SECRETS), "no rate"},
        {BORDER("node: b, km: 1, block_bytes: 100, " SECRETS), "a multiple of 32"},
        {BORDER("node: b, km: 1, block_bytes: 64, store_bytes: 32, " SECRETS), "block_bytes is 64"},
        {BORDER("node: b, km: 1, " SECRETS "}, {id: x, peer: q, node: b, km: 1, " SECRETS),
         "border link 'x' is listed twice"},
        {NODES "faults: [{at_s: 1, scope: link, subject: a/b}]\n", "there is no link 'a/b'"},
        {NODES "faults: [{at_s: 1, scope: node, subject: c}]\n", "there is no node 'c'"},
        {NODES "faults: [{at_s: 1, scope: border}]\n", "there is no border ''"},
        {NODES "time_scale: 0\n", "time_scale"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(mistakes); i++) {
        g_autofree char *errors = errors_of(mistakes[i].yaml);
        g_test_message("%s", errors);
        g_assert_nonnull(strstr(errors, mistakes[i].complaint));
    }
}

static void test_half_a_configuration_is_checked_too(void)
{
    g_autofree char *errors = errors_of("nodes: [{access: true}]\nlinks: [{a: q}]\n"
                                        "borders: [{km: 1}]\nfaults: [{at_s: 1}]\n");
    g_assert_nonnull(strstr(errors, "there is no node 'q'"));
    g_assert_null(strstr(errors, "listed twice"));
}

static void test_secrets_are_not_repeated(void)
{
    g_autofree char *errors = errors_of(NODES "borders:\n"
                                              "  - id: x\n"
                                              "    node: a\n"
                                              "    peer: p\n"
                                              "    km: 1\n"
                                              "    secret: " SECRET "\n");
    g_assert_nonnull(strstr(errors, "no gateway"));
    g_assert_null(strstr(errors, SECRET));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/sim-settings/defaults", test_defaults);
    g_test_add_func("/sim-settings/mistakes-are-named", test_mistakes_are_named);
    g_test_add_func("/sim-settings/half-a-configuration-is-checked-too",
                    test_half_a_configuration_is_checked_too);
    g_test_add_func("/sim-settings/secrets-are-not-repeated", test_secrets_are_not_repeated);
    return g_test_run();
}
