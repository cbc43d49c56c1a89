// SPDX-License-Identifier: Apache-2.0

#include "topics/frame.h"

#include <string.h>

#define ALL_ROLES                                                                                  \
    (ROLE_BIT(ROLE_PLATFORM) | ROLE_BIT(ROLE_AGENT) | ROLE_BIT(ROLE_APPLICATION) |                 \
     ROLE_BIT(ROLE_MONITOR) | ROLE_BIT(ROLE_OPERATOR))

static void test_names(void)
{
    for (guint i = 0; i < N_KINDS; i++) {
        const Kind *kind = kind_get(i);
        KindId id = N_KINDS;
        g_assert_true(kind_find(kind->name, &id));
        g_assert_cmpuint(id, ==, i);
        g_assert_true(id_is_valid(kind->name));
        // The topic grammar reads no longer ones.
        g_assert_cmpuint(strlen(kind->name), <, 32);
        g_assert_cmpuint(strlen(kind->carries), >, 0);
    }
    KindId id;
    g_assert_false(kind_find("", &id));
    g_assert_false(kind_find("Order", &id));
    g_assert_false(kind_find("orders", &id));
}

static void test_messages(void)
{
    for (guint i = 0; i < N_KINDS; i++) {
        g_assert_nonnull(kind_get(i)->message);
        g_assert_true(g_str_has_prefix(kind_get(i)->message->name, "qkdnf.v1."));
        for (guint j = 0; j < i; j++)
            g_assert_true(kind_get(i)->message != kind_get(j)->message);
    }
}

// A message as large as its kind allows fits a frame, with the longest IDs in the header.
static void test_sizes(void)
{
    g_autofree char *id = g_strnfill(ID_MAX_BYTES, 'x');
    for (guint i = 0; i < N_KINDS; i++) {
        g_autofree guint8 *bytes = g_malloc0(kind_get(i)->max_bytes);
        g_autoptr(GBytes) message = g_bytes_new_static(bytes, kind_get(i)->max_bytes);
        FrameHead head = {i, id, id, G_MAXUINT64, G_MAXUINT64, G_MAXINT64 / 2};
        g_autoptr(GBytes) frame = frame_pack(&head, &message, 1);
        g_assert_cmpuint(g_bytes_get_size(frame), <=, FRAME_MAX_BYTES);
        g_assert_cmpuint(kind_get(i)->max_bytes, >=, 1024);
    }
}

static void test_roles(void)
{
    for (guint i = 0; i < N_KINDS; i++) {
        const Kind *kind = kind_get(i);
        g_assert_cmpuint(kind->from & ALL_ROLES, !=, 0);
        g_assert_cmpuint(kind->to & ALL_ROLES, !=, 0);
        g_assert_cmpuint((kind->from | kind->to) & ~ALL_ROLES, ==, 0);
        // A monitor reads, and writes nothing.
        g_assert_cmpuint(kind->from & ROLE_BIT(ROLE_MONITOR), ==, 0);
    }
}

static void test_delivery(void)
{
    for (guint i = 0; i < N_KINDS; i++) {
        const Kind *kind = kind_get(i);
        g_assert_cmpuint(kind->qos, <=, 1);
        // What is retained is a state: it must not get lost, and it does not age.
        if (kind->retained)
            g_assert_cmpuint(kind->qos, ==, 1);
        g_assert_cmpint(kind->retained, ==, kind->expiry_ms == 0);
        // Who is neither the platform nor an agent is bounded.
        Roles bounded = ROLE_BIT(ROLE_APPLICATION) | ROLE_BIT(ROLE_OPERATOR);
        if (kind->from & bounded)
            g_assert_cmpuint(kind->messages_per_s, >, 0);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/kind/names", test_names);
    g_test_add_func("/kind/messages", test_messages);
    g_test_add_func("/kind/sizes", test_sizes);
    g_test_add_func("/kind/roles", test_roles);
    g_test_add_func("/kind/delivery", test_delivery);
    return g_test_run();
}
