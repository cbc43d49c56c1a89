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

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/federation/an-operator-is-answered", test_an_operator_is_answered);
    return g_test_run();
}
