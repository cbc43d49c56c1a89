// SPDX-License-Identifier: Apache-2.0

#include "tools/qkdnf/follow.h"

#define ID "11111111-1111-4111-8111-111111111111"

static json_t *publish_of(const char *messages)
{
    json_t *list = json_loads(messages, 0, NULL);
    g_assert_nonnull(list);
    return json_pack("{s:s, s:o}", "topic", "qkdnf/v1/order/platform/vienna", "messages", list);
}

static void check(const char *messages, gsize n_kept)
{
    json_t *publish = publish_of(messages);
    g_assert_cmpint(follow_keep(publish, ID), ==, n_kept > 0);
    g_assert_cmpuint(json_array_size(json_object_get(publish, "messages")), ==, n_kept);
    json_decref(publish);
}

static void test_only_its_messages_are_kept(void)
{
    check("[{\"request\": \"" ID "\", \"attempt\": 1}, {\"request\": \"other\"}]", 1);
    check("[{\"request\": \"other\"}, {\"request\": \"" ID "\"}, {\"request\": \"" ID "\"}]", 2);
    check("[{\"request\": \"other\"}]", 0);
    check("[]", 0);
}

static void test_it_may_stand_within(void)
{
    check("[{\"sessions\": [{\"id\": \"other\"}, {\"id\": \"" ID "\"}]}]", 1);
    check("[{\"text\": \"about " ID "\", \"number\": 3}]", 0);
}

static void test_what_cannot_be_read_is_nobodys(void)
{
    json_t *publish = json_pack("{s:s, s:s}", "topic", "qkdnf/x", "refused", ID);
    g_assert_false(follow_keep(publish, ID));
    json_decref(publish);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/follow/only-its-messages-are-kept", test_only_its_messages_are_kept);
    g_test_add_func("/follow/it-may-stand-within", test_it_may_stand_within);
    g_test_add_func("/follow/what-cannot-be-read-is-nobodys", test_what_cannot_be_read_is_nobodys);
    return g_test_run();
}
