// SPDX-License-Identifier: Apache-2.0
//
// The cores together, where nothing goes wrong: keys within a provider and across several, to one
// target and to several, over one path and over disjoint ones.

#include "tests/sim/stage.h"

#include <string.h>

static const char *const last_sae[] = {"", "sae-a2", "sae-b", "sae-g", "sae-d"};

static void test_key_across(gconstpointer data)
{
    guint n_sites = GPOINTER_TO_UINT(data);
    g_autoptr(Stage) stage = stage_chain(n_sites);
    const Ask *ask = stage_ask(stage, "sae-a", last_sae[n_sites], 2, 256);
    const WireReply *reply = stage_await_grant(stage, ask);
    g_assert_cmpuint(reply->n_key_ids, ==, 2);
    g_assert_cmpuint(reply->size_bits, ==, 256);
    g_assert_cmpuint(reply->n_paths, ==, 1);
    g_assert_cmpuint(reply->paths[0]->n_providers, ==, n_sites);
    g_assert_cmpuint(reply->n_deliveries, ==, 2);
    stage_assert_delivered(stage, ask);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint n = 1; n <= 4; n++) {
        g_autofree char *path = g_strdup_printf("/fabric/across-%u", n);
        g_test_add_data_func(path, GUINT_TO_POINTER(n), test_key_across);
    }
    return g_test_run();
}
