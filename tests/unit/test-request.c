// SPDX-License-Identifier: Apache-2.0

#include "tests/unit/federation-fixture.h"

#include <string.h>

static const GraphLink links[] = {{"a-b", "a", "b", 900}};

static void ask(FederationFixture *fixture, guint number)
{
    g_autofree char *id = g_strdup_printf("01234567-89ab-4cde-8f01-%012u", number);
    WireRequest wire = WIRE_REQUEST_INIT;
    wire.id = id;
    wire.initiator = (char *)"sae-a";
    wire.n_targets = 1;
    wire.targets = (char *[]){(char *)"sae-b"};
    wire.number = 1;
    wire.size_bits = 256;
    wire.timeout_ms = 1000;
    request_on_request(fixture->federation, &(Sender){"sae-a", ROLE_APPLICATION, 1}, &wire);
}

static Request *find(FederationFixture *fixture, guint number)
{
    g_autofree char *id = g_strdup_printf("01234567-89ab-4cde-8f01-%012u", number);
    return g_hash_table_lookup(fixture->federation->requests, id);
}

// What is finished is kept for those who ask again, and so at their expense.
static void test_what_is_kept_is_counted(void)
{
    g_autoptr(FederationFixture) fixture = federation_fixture_new(links, G_N_ELEMENTS(links));
    for (guint i = 0; i <= fixture->config.max_kept; i++) {
        ask(fixture, i);
        Request *request = find(fixture, i);
        g_assert_cmpint(request != NULL, ==, i < fixture->config.max_kept);
        if (request)
            request_reject(fixture->federation, request, STATUS_INTERNAL, NULL);
    }
    federation_tick(fixture->federation, FEDERATION_NOW + 25 * G_TIME_SPAN_HOUR);
    g_assert_cmpuint(g_hash_table_size(fixture->federation->requests), ==, 0);
    ask(fixture, 9);
    g_assert_nonnull(find(fixture, 9));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/request/what-is-kept-is-counted", test_what_is_kept_is_counted);
    return g_test_run();
}
