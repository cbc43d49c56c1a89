// SPDX-License-Identifier: Apache-2.0

#include "tools/dashboard/page-filter.h"

#include <string.h>

static const guint8 hello[] = {0x10, 12, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 30, 0, 0};

static PageVerdict judge(PageFilter *filter, const void *bytes, gsize n_bytes)
{
    gsize n_packet = 0;
    return page_filter_judge(filter, bytes, n_bytes, &n_packet);
}

static void test_a_page_may_listen(void)
{
    static const guint8 subscribe[] = {0x82, 6, 0, 1, 0, 1, '#', 0};
    static const guint8 ping[] = {0xc0, 0}, bye[] = {0xe0, 0}, puback[] = {0x40, 2, 0, 1};
    PageFilter filter = {0};
    for (gsize n = 0; n < sizeof hello; n++)
        g_assert_cmpint(judge(&filter, hello, n), ==, PAGE_MORE);
    g_assert_cmpint(judge(&filter, hello, sizeof hello), ==, PAGE_PASS);
    g_assert_cmpint(judge(&filter, subscribe, sizeof subscribe - 1), ==, PAGE_MORE);
    g_assert_cmpint(judge(&filter, subscribe, sizeof subscribe), ==, PAGE_PASS);
    g_assert_cmpint(judge(&filter, ping, sizeof ping), ==, PAGE_PASS);
    g_assert_cmpint(judge(&filter, puback, sizeof puback), ==, PAGE_PASS);
    g_assert_cmpint(judge(&filter, bye, sizeof bye), ==, PAGE_PASS);
}

static void test_several_packets_pass_one_by_one(void)
{
    guint8 bytes[sizeof hello + 2] = {0};
    gsize n_packet = 0;
    PageFilter filter = {0};
    memcpy(bytes, hello, sizeof hello);
    bytes[sizeof hello] = 0xc0;
    g_assert_cmpint(page_filter_judge(&filter, bytes, sizeof bytes, &n_packet), ==, PAGE_PASS);
    g_assert_cmpuint(n_packet, ==, sizeof hello);
    g_assert_cmpint(page_filter_judge(&filter, bytes + n_packet, 2, &n_packet), ==, PAGE_PASS);
    g_assert_cmpuint(n_packet, ==, 2);
}

// A will, a session that stays, somebody's name or client ID, another version.
static void test_a_page_is_nobody(void)
{
    static const struct {
        gsize at;
        guint8 value;
    } changes[] = {{9, 0x06}, {9, 0x00}, {9, 0x82}, {9, 0x42}, {9, 0x03},
                   {8, 5},    {8, 3},    {13, 1},   {1, 13},   {4, 'm'}};
    for (gsize i = 0; i < G_N_ELEMENTS(changes); i++) {
        guint8 bytes[sizeof hello + 1] = {0};
        PageFilter filter = {0};
        memcpy(bytes, hello, sizeof hello);
        bytes[changes[i].at] = changes[i].value;
        g_assert_cmpint(judge(&filter, bytes, sizeof bytes), ==, PAGE_REFUSE);
    }
}

static void test_a_page_says_nothing(void)
{
    static const guint8 refused[] = {0x30, 0x31, 0x32, 0x34, 0x10, 0x20, 0x50, 0x62, 0x70,
                                     0x80, 0x90, 0xa0, 0xb0, 0xd0, 0xf0, 0x00, 0xff};
    for (gsize i = 0; i < G_N_ELEMENTS(refused); i++) {
        PageFilter filter = {TRUE};
        g_assert_cmpint(judge(&filter, &refused[i], 1), ==, PAGE_REFUSE);
    }
    static const guint8 ping[] = {0xc0, 0};
    g_assert_cmpint(judge(&(PageFilter){0}, ping, sizeof ping), ==, PAGE_REFUSE);
}

static void test_packets_are_bounded(void)
{
    guint8 bytes[PAGE_PACKET_MAX_BYTES + 1] = {0x82, 0xfd, 0x1f}; // 3 and 4093
    gsize n_packet = 0;
    PageFilter filter = {TRUE};
    g_assert_cmpint(page_filter_judge(&filter, bytes, PAGE_PACKET_MAX_BYTES, &n_packet), ==,
                    PAGE_PASS);
    g_assert_cmpuint(n_packet, ==, PAGE_PACKET_MAX_BYTES);
    bytes[1]++;
    g_assert_cmpint(judge(&filter, bytes, 3), ==, PAGE_REFUSE);
    memset(bytes + 1, 0x80, 3);
    g_assert_cmpint(judge(&filter, bytes, 3), ==, PAGE_REFUSE);
    g_assert_cmpint(judge(&filter, bytes, 2), ==, PAGE_MORE);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/page-filter/listen", test_a_page_may_listen);
    g_test_add_func("/page-filter/several", test_several_packets_pass_one_by_one);
    g_test_add_func("/page-filter/nobody", test_a_page_is_nobody);
    g_test_add_func("/page-filter/nothing", test_a_page_says_nothing);
    g_test_add_func("/page-filter/bounds", test_packets_are_bounded);
    return g_test_run();
}
