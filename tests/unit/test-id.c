// SPDX-License-Identifier: Apache-2.0

#include "tests/unit/chance.h"
#include "topics/base/id.h"

#include <string.h>

#define REQUEST "01234567-89ab-4cde-8f01-23456789abcd"

static void test_uuids(void)
{
    g_assert_true(uuid_is_valid(REQUEST));
    g_assert_true(uuid_is_valid("00000000-0000-0000-0000-000000000000"));
    static const char *const bad[] = {
        "",
        "01234567-89AB-4cde-8f01-23456789abcd",
        "01234567-89ab-4cde-8f01-23456789abc",
        "01234567-89ab-4cde-8f01-23456789abcde",
        "01234567-89ab-4cde-8f01-23456789abcg",
        "0123456789ab-4cde-8f01-23456789abcd-",
        "{1234567-89ab-4cde-8f01-23456789abc}",
        " 1234567-89ab-4cde-8f01-23456789abcd",
    };
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++)
        g_assert_false(uuid_is_valid(bad[i]));
}

static void test_fresh_uuids(void)
{
    Chance chance = {1};
    Random random = chance_random(&chance);
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = 0; i < 1000; i++) {
        char id[UUID_CHARS + 1];
        uuid_new(&random, id);
        g_assert_true(uuid_is_valid(id));
        g_assert_cmpint(id[14], ==, '4');
        g_assert_nonnull(strchr("89ab", id[19]));
        g_assert_true(g_hash_table_add(seen, g_strdup(id)));
    }
}

// By Python's uuid.uuid5().
static void test_key_ids(void)
{
    static const struct {
        guint attempt, index;
        const char *id;
    } known[] = {
        {0, 0, "1b006752-be62-5a52-9a98-02705469c0fe"},
        {0, 1, "0e974b11-29b9-50fc-8b08-fe4379d18b77"},
        {1, 0, "d55bbe11-5d37-53e9-9b5f-448adbab08ad"},
        {12, 127, "e44dbd56-c1d2-549c-9305-39ffad79ca6d"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(known); i++) {
        char id[UUID_CHARS + 1];
        key_id_derive(REQUEST, known[i].attempt, known[i].index, id);
        g_assert_cmpstr(id, ==, known[i].id);
    }
}

// In whatever case its name space is written.
static void test_name_spaces(void)
{
    char id[UUID_CHARS + 1];
    uuid_derive("01234567-89AB-4CDE-8F01-23456789ABCD", "12/127", id);
    g_assert_cmpstr(id, ==, "e44dbd56-c1d2-549c-9305-39ffad79ca6d");
}

// No two attempts or indices share an ID, also where their digits run together.
static void test_key_ids_differ(void)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint attempt = 0; attempt < 16; attempt++) {
        for (guint i = 0; i < 128; i++) {
            char id[UUID_CHARS + 1];
            key_id_derive(REQUEST, attempt, i, id);
            g_assert_true(g_hash_table_add(seen, g_strdup(id)));
        }
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/id/uuids", test_uuids);
    g_test_add_func("/id/fresh-uuids", test_fresh_uuids);
    g_test_add_func("/id/key-ids", test_key_ids);
    g_test_add_func("/id/name-spaces", test_name_spaces);
    g_test_add_func("/id/key-ids-differ", test_key_ids_differ);
    return g_test_run();
}
