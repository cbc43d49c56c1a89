// SPDX-License-Identifier: Apache-2.0

#include "tests/unit/federation-fixture.h"

static const GraphLink links[] = {{"a-b", "a", "b", 100}};

static void test_an_operator_is_answered(void)
{
    g_autoptr(FederationFixture) fixture = federation_fixture_new(links, G_N_ELEMENTS(links));
    fixture->config.operators = (char *[]){(char *)"ops", NULL};
    WireAdmin admin = WIRE_ADMIN_INIT;
    admin.id = (char *)"1";
    g_autoptr(GBytes) message = message_pack(&admin.base);
    FrameHead head = {KIND_ADMIN, "ops", "platform", 1, 1, FEDERATION_NOW};
    g_autoptr(GBytes) frame = frame_pack(&head, &message, 1);
    g_assert_true(outbox_is_empty(federation_outbox(fixture->federation)));
    g_assert_cmpint(federation_receive(fixture->federation, "qkdnf/v1/admin/ops/platform",
                                       g_bytes_get_data(frame, NULL), g_bytes_get_size(frame),
                                       FEDERATION_NOW),
                    ==, REFUSAL_NONE);
    g_assert_false(outbox_is_empty(federation_outbox(fixture->federation)));
}

// Whatever of it cannot be read: what it says may be what nothing may be done twice by.
static void test_damaged_records(void)
{
    static const char *const tables[] = {"self",    "link",    "fault",  "agreement",
                                         "request", "grant",   "charge", "batch",
                                         "period",  "netting", "audit",  "application"};
    for (gsize i = 0; i < G_N_ELEMENTS(tables); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(FederationFixture) fixture = federation_fixture_new(links, G_N_ELEMENTS(links));
        g_autoptr(GBytes) value = g_bytes_new_static("\xff", 1);
        store_put_text(fixture->store, tables[i], "self", value);
        federation_fixture_restart(fixture, &error);
        g_test_message("%s", tables[i]);
        g_assert_null(fixture->federation);
        g_assert_nonnull(g_strstr_len(error->message, -1, "is damaged"));
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/federation/an-operator-is-answered", test_an_operator_is_answered);
    g_test_add_func("/federation/damaged-records", test_damaged_records);
    return g_test_run();
}
