// SPDX-License-Identifier: Apache-2.0

#include "topics/pairwise.h"

#include "tests/unit/chance.h"

#include <string.h>

// What one end knows of both, and the key that it believes they have in common.
typedef struct {
    Identity own, peer;
    guint8 pre_shared; // 0: none
} End;

typedef struct {
    EVP_PKEY *keys[2];
    guint8 shares[2][SHARE_BYTES];
    End vienna, graz; // that agree
} Place;

static void place_set_up(Place *place, gconstpointer data)
{
    Chance chance = {1};
    Random random = chance_random(&chance);
    for (guint i = 0; i < 2; i++)
        place->keys[i] = pairwise_generate(&random, place->shares[i]);
    Identity vienna = {"vienna", ROLE_AGENT, 7, place->shares[0]};
    Identity graz = {"graz", ROLE_AGENT, 9, place->shares[1]};
    place->vienna = (End){vienna, graz, 1};
    place->graz = (End){graz, vienna, 1};
}

static void place_tear_down(Place *place, gconstpointer data)
{
    EVP_PKEY_free(place->keys[0]);
    EVP_PKEY_free(place->keys[1]);
}

static Pairwise *pairwise_of(EVP_PKEY *key, const End *end)
{
    g_autoptr(Secret) pre_shared = secret_new(32);
    memset(pre_shared->data, end->pre_shared, pre_shared->n_bytes);
    return pairwise_new(key, &end->own, &end->peer, end->pre_shared ? pre_shared : NULL);
}

static gboolean believes(const Place *place, const End *sender, const End *receiver)
{
    static const char text[] = "a frame";
    WireFrame frame = WIRE_FRAME_INIT;
    guint8 tag[FRAME_TAG_MAX_BYTES];
    Pairwise *makes = pairwise_of(place->keys[0], sender);
    Pairwise *checks = pairwise_of(place->keys[1], receiver);
    frame.header = (ProtobufCBinaryData){sizeof text, (guint8 *)text};
    frame.tag = (ProtobufCBinaryData){pairwise_make(makes, &frame, tag), tag};
    gboolean is_good = pairwise_check(checks, &frame);
    pairwise_free(makes);
    pairwise_free(checks);
    return is_good;
}

static void test_both_ends_agree(Place *place, gconstpointer data)
{
    g_assert_true(believes(place, &place->vienna, &place->graz));
    place->vienna.pre_shared = place->graz.pre_shared = 0;
    g_assert_true(believes(place, &place->vienna, &place->graz));
}

// Of sender and receiver alike, whichever end has it wrong.
static void test_everything_of_both_counts(Place *place, gconstpointer data)
{
    static const Identity others[] = {
        {"linz", ROLE_AGENT, 0, NULL}, {NULL, ROLE_PLATFORM, 0, NULL}, {NULL, 0, 8, NULL}};
    Identity *const identities[] = {&place->vienna.own, &place->vienna.peer, &place->graz.own,
                                    &place->graz.peer};
    for (gsize i = 0; i < G_N_ELEMENTS(identities); i++) {
        for (gsize j = 0; j < G_N_ELEMENTS(others); j++) {
            Identity right = *identities[i];
            if (others[j].id)
                identities[i]->id = others[j].id;
            if (others[j].role)
                identities[i]->role = others[j].role;
            if (others[j].incarnation)
                identities[i]->incarnation = others[j].incarnation;
            gboolean is_other = memcmp(&right, identities[i], sizeof right) != 0;
            g_assert_true(is_other);
            g_assert_false(believes(place, &place->vienna, &place->graz));
            *identities[i] = right;
        }
    }
}

// Not only what is said of it.
static void test_the_pre_shared_key_counts(Place *place, gconstpointer data)
{
    place->vienna.pre_shared = 2;
    g_assert_false(believes(place, &place->vienna, &place->graz));
    place->vienna.pre_shared = 0;
    g_assert_false(believes(place, &place->vienna, &place->graz));
}

static void test_each_direction_has_its_key(Place *place, gconstpointer data)
{
    WireFrame frame = WIRE_FRAME_INIT;
    guint8 tag[FRAME_TAG_MAX_BYTES];
    Pairwise *vienna = pairwise_of(place->keys[0], &place->vienna);
    frame.tag = (ProtobufCBinaryData){pairwise_make(vienna, &frame, tag), tag};
    g_assert_false(pairwise_check(vienna, &frame));
    pairwise_free(vienna);
}

// The neutral element, with which every key agrees on the same.
static void test_no_honest_share(Place *place, gconstpointer data)
{
    static const guint8 nothing[SHARE_BYTES];
    place->vienna.peer.share = nothing;
    g_assert_null(pairwise_of(place->keys[0], &place->vienna));
}

#define ADD(name, fn) g_test_add("/pairwise/" name, Place, NULL, place_set_up, fn, place_tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("both-ends-agree", test_both_ends_agree);
    ADD("everything-of-both-counts", test_everything_of_both_counts);
    ADD("the-pre-shared-key-counts", test_the_pre_shared_key_counts);
    ADD("each-direction-has-its-key", test_each_direction_has_its_key);
    ADD("no-honest-share", test_no_honest_share);
    return g_test_run();
}
