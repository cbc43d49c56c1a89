// SPDX-License-Identifier: Apache-2.0

#include "agents/federation/seal.h"
#include "tests/unit/chance.h"

#include <string.h>

#define TEXT  "a secret of the bank"
#define PLACE "graz-vienna/0000000000000008"

typedef struct {
    Chance chance;
    Random random;
    Secret *master_key;
    Secret *secret;
    GBytes *sealed;
} Fixture;

static void set_up(Fixture *fixture, gconstpointer data)
{
    fixture->random = chance_random(&fixture->chance);
    fixture->master_key = secret_new(SEAL_KEY_BYTES);
    random_fill(&fixture->random, fixture->master_key->data, SEAL_KEY_BYTES);
    fixture->secret = secret_new_copy((const guint8 *)TEXT, strlen(TEXT));
    fixture->sealed = seal(fixture->master_key, &fixture->random, PLACE, fixture->secret);
}

static void tear_down(Fixture *fixture, gconstpointer data)
{
    secret_free(fixture->master_key);
    secret_free(fixture->secret);
    g_bytes_unref(fixture->sealed);
}

static Secret *open_sealed(const Fixture *fixture, const char *place, gsize n_cut)
{
    gsize n_bytes = 0;
    const guint8 *sealed = g_bytes_get_data(fixture->sealed, &n_bytes);
    return unseal(fixture->master_key, place, sealed, n_bytes - n_cut);
}

static void test_round_trip(Fixture *fixture, gconstpointer data)
{
    g_autoptr(Secret) opened = open_sealed(fixture, PLACE, 0);
    g_assert_nonnull(opened);
    g_assert_true(secret_equal(opened, fixture->secret));
    gsize n_bytes = 0;
    gconstpointer sealed = g_bytes_get_data(fixture->sealed, &n_bytes);
    g_assert_cmpuint(n_bytes, ==, 12 + strlen(TEXT) + 16);
    g_assert_null(memmem(sealed, n_bytes, TEXT, 4));
}

static void test_nothing_is_a_secret_too(Fixture *fixture, gconstpointer data)
{
    g_autoptr(Secret) nothing = secret_new(0);
    g_autoptr(GBytes) sealed = seal(fixture->master_key, &fixture->random, PLACE, nothing);
    g_autoptr(Secret) opened = unseal(fixture->master_key, PLACE, g_bytes_get_data(sealed, NULL),
                                      g_bytes_get_size(sealed));
    g_assert_nonnull(opened);
    g_assert_cmpuint(opened->n_bytes, ==, 0);
}

static void test_the_place_counts(Fixture *fixture, gconstpointer data)
{
    g_assert_null(open_sealed(fixture, "graz-vienna/0000000000000009", 0));
    g_assert_null(open_sealed(fixture, "graz-vienna/000000000000000", 0));
    g_assert_null(open_sealed(fixture, "", 0));
}

static void test_another_key(Fixture *fixture, gconstpointer data)
{
    fixture->master_key->data[31] ^= 0x80;
    g_assert_null(open_sealed(fixture, PLACE, 0));
}

static void test_any_flipped_bit(Fixture *fixture, gconstpointer data)
{
    gsize n_bytes = 0;
    const guint8 *sealed = g_bytes_get_data(fixture->sealed, &n_bytes);
    g_autofree guint8 *copy = g_memdup2(sealed, n_bytes);
    for (gsize bit = 0; bit < 8 * n_bytes; bit++) {
        copy[bit / 8] ^= (guint8)(1u << (bit % 8));
        g_assert_null(unseal(fixture->master_key, PLACE, copy, n_bytes));
        copy[bit / 8] ^= (guint8)(1u << (bit % 8));
    }
}

static void test_any_cut(Fixture *fixture, gconstpointer data)
{
    for (gsize n_cut = 1; n_cut <= g_bytes_get_size(fixture->sealed); n_cut++)
        g_assert_null(open_sealed(fixture, PLACE, n_cut));
}

static void test_never_the_same_twice(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GBytes) again = seal(fixture->master_key, &fixture->random, PLACE, fixture->secret);
    const guint8 *a = g_bytes_get_data(fixture->sealed, NULL), *b = g_bytes_get_data(again, NULL);
    g_assert_cmpint(memcmp(a, b, 12), !=, 0);
    g_assert_cmpint(memcmp(a + 12, b + 12, strlen(TEXT)), !=, 0);
}

#define ADD(name, fn) g_test_add("/seal/" name, Fixture, NULL, set_up, fn, tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("round-trip", test_round_trip);
    ADD("nothing-is-a-secret-too", test_nothing_is_a_secret_too);
    ADD("the-place-counts", test_the_place_counts);
    ADD("another-key", test_another_key);
    ADD("any-flipped-bit", test_any_flipped_bit);
    ADD("any-cut", test_any_cut);
    ADD("never-the-same-twice", test_never_the_same_twice);
    return g_test_run();
}
