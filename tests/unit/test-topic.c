// SPDX-License-Identifier: Apache-2.0

#include "topics/topic.h"

static void test_ids(void)
{
    static const char *const good[] = {"a", "7", "vienna", "bank-vienna", "kme.at.example", "a-.b"};
    for (gsize i = 0; i < G_N_ELEMENTS(good); i++)
        g_assert_true(id_is_valid(good[i]));
    static const char *const bad[] = {"",    "-a", "a-",  ".a", "A",  "a/b",
                                      "a+b", "#",  "a b", "ä",  "all"};
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++)
        g_assert_false(id_is_valid(bad[i]));

    g_autofree char *longest = g_strnfill(ID_MAX_BYTES, 'x');
    g_autofree char *too_long = g_strnfill(ID_MAX_BYTES + 1, 'x');
    g_assert_true(id_is_valid(longest));
    g_assert_false(id_is_valid(too_long));
}

static void test_every_kind_round_trips(void)
{
    for (guint id = 0; id < N_KINDS; id++) {
        g_autofree char *text = topic_format(id, "vienna", "platform");
        Topic topic;
        g_assert_true(topic_parse(text, &topic));
        g_assert_cmpuint(topic.kind, ==, id);
        g_assert_cmpstr(topic.from, ==, "vienna");
        g_assert_cmpstr(topic.to, ==, "platform");
    }
}

static void test_what_is_not_of_the_grammar(void)
{
    static const char *const bad[] = {
        "",
        "qkdnf",
        "qkdnf/v1",
        "qkdnf/v1/",
        "qkdnf/v1/order",
        "qkdnf/v1/order/platform",
        "qkdnf/v1/order/platform/",
        "qkdnf/v1/order//vienna",
        "qkdnf/v1/order/platform/vienna/",
        "qkdnf/v1/order/platform/vienna/x",
        "qkdnf/v1/no-such-kind/platform/vienna",
        "qkdnf/v1/order/platform/+",
        "qkdnf/v1/order/all/vienna",
        "qkdnf/v1/order/Platform/vienna",
        "qkdnf/v2/order/platform/vienna",
        "/qkdnf/v1/order/platform/vienna",
        "qkdnf/v1/a-kind-name-that-is-longer-than-any-kind-may-be/platform/vienna",
    };
    Topic topic;
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++)
        g_assert_false(topic_parse(bad[i], &topic));
}

static void test_filters(void)
{
    g_auto(GStrv) agent = topic_filters("vienna", ROLE_AGENT);
    g_autofree char *joined = g_strjoinv(" ", agent);
    g_assert_cmpstr(joined, ==, "qkdnf/v1/+/+/vienna qkdnf/v1/presence/+/all");
    g_auto(GStrv) monitor = topic_filters("ops", ROLE_MONITOR);
    g_assert_cmpuint(g_strv_length(monitor), ==, 1);
    g_assert_cmpstr(monitor[0], ==, "qkdnf/v1/#");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/topic/ids", test_ids);
    g_test_add_func("/topic/every-kind-round-trips", test_every_kind_round_trips);
    g_test_add_func("/topic/what-is-not-of-the-grammar", test_what_is_not_of_the_grammar);
    g_test_add_func("/topic/filters", test_filters);
    return g_test_run();
}
