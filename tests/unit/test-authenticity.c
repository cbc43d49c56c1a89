// SPDX-License-Identifier: Apache-2.0

#include "tools/qkdnf/authenticity.h"

#include "tests/unit/authority.h"
#include "tests/unit/scratch.h"
#include "tests/unit/chance.h"

#define AGENT ROLE_BIT(ROLE_AGENT)

// A federation, and somebody with a certificate of another one.
typedef struct {
    char *dir;
    char *other_dir;
    Chance chance;
    Authenticity *authenticity; // of a monitor
    GBytes *payload;            // that was made last
} Place;

static void set_up(Place *place, gconstpointer data)
{
    place->dir = scratch_new();
    place->other_dir = scratch_new();
    Random random = chance_random(&place->chance);
    Credentials *credentials =
        authority_issue(place->dir, "watch", PKI_USAGE_CLIENT, ROLE_BIT(ROLE_MONITOR));
    place->authenticity = authenticity_new("watch", credentials, &random, g_get_real_time());
}

static void tear_down(Place *place, gconstpointer data)
{
    authenticity_free(place->authenticity);
    g_clear_pointer(&place->payload, g_bytes_unref);
    scratch_free(place->dir);
    scratch_free(place->other_dir);
}

// --- what members say ----------------------------------------------------------------------------

static Authentication *member_new(Place *place, const char *dir, guint64 incarnation)
{
    Random random = chance_random(&place->chance);
    Authentication *member = authentication_new("vienna", ROLE_AGENT, incarnation, &random);
    authentication_set_credentials(member, authority_issue(dir, "vienna", PKI_USAGE_CLIENT, AGENT),
                                   g_get_real_time());
    return member;
}

static void keep(gpointer data, GBytes *payload)
{
    Place *place = data;
    g_clear_pointer(&place->payload, g_bytes_unref);
    place->payload = g_bytes_ref(payload);
}

static void pack_birth(Place *place, const char *dir, const Authentication *member)
{
    g_autoptr(Credentials) credentials = authority_issue(dir, "vienna", PKI_USAGE_CLIENT, AGENT);
    g_autoptr(GBytes) birth =
        presence_pack(authentication_identity(member), 1, TRUE, credentials, g_get_real_time());
    keep(place, birth);
}

static void pack_event(Place *place, Authentication *member, guint64 sequence)
{
    WireEvent event = WIRE_EVENT_INIT;
    event.name = (char *)"link.up";
    g_autoptr(GBytes) message = message_pack(&event.base);
    FrameHead head = {
        KIND_EVENT, "vienna",          ID_ALL, authentication_identity(member)->incarnation,
        sequence,   g_get_real_time(), 0};
    authentication_pack(member, &head, &message, 1, keep, place);
}

static void change_last_byte(Place *place)
{
    gsize n_bytes = 0;
    const guint8 *bytes = g_bytes_get_data(place->payload, &n_bytes);
    guint8 *changed = g_memdup2(bytes, n_bytes);
    changed[n_bytes - 1] ^= 1;
    g_autoptr(GBytes) payload = g_bytes_new_take(changed, n_bytes);
    keep(place, payload);
}

static void assert_mark(const Place *place, const char *topic, const char *mark, Refusal reason)
{
    gsize n_bytes = 0;
    const guint8 *bytes = g_bytes_get_data(place->payload, &n_bytes);
    Refusal refusal = REFUSAL_NONE;
    AuthenticityMark is =
        authenticity_check(place->authenticity, topic, bytes, n_bytes, g_get_real_time(), &refusal);
    g_assert_cmpstr(authenticity_name(is), ==, mark);
    g_assert_cmpstr(refusal_name(refusal), ==, refusal_name(reason));
}

#define BIRTH "qkdnf/v1/presence/vienna/all"
#define EVENT "qkdnf/v1/event/vienna/all"

static void test_signed(Place *place, gconstpointer data)
{
    g_autoptr(Authentication) vienna = member_new(place, place->dir, 5);
    pack_event(place, vienna, 1);
    assert_mark(place, EVENT, "unknown", REFUSAL_STRANGER);
    pack_birth(place, place->dir, vienna);
    assert_mark(place, BIRTH, "verified", REFUSAL_NONE);
    pack_event(place, vienna, 2);
    assert_mark(place, "qkdnf/v1/event/graz/all", "failed", REFUSAL_MISMATCH);
    assert_mark(place, EVENT, "verified", REFUSAL_NONE);
    assert_mark(place, EVENT, "repeated", REFUSAL_REPLAY);
    pack_event(place, vienna, 3);
    change_last_byte(place);
    assert_mark(place, EVENT, "failed", REFUSAL_TAG);
}

static void test_births(Place *place, gconstpointer data)
{
    g_autoptr(Authentication) foreign = member_new(place, place->other_dir, 9);
    pack_birth(place, place->other_dir, foreign);
    assert_mark(place, BIRTH, "failed", REFUSAL_CERTIFICATE);
    g_autoptr(Authentication) later = member_new(place, place->dir, 5);
    g_autoptr(Authentication) earlier = member_new(place, place->dir, 4);
    pack_birth(place, place->dir, later);
    assert_mark(place, BIRTH, "verified", REFUSAL_NONE);
    pack_birth(place, place->dir, earlier);
    assert_mark(place, BIRTH, "outdated", REFUSAL_INCARNATION);
    pack_birth(place, place->dir, later);
    change_last_byte(place);
    assert_mark(place, BIRTH, "failed", REFUSAL_TAG);
}

static gsize make_tag(gpointer data, const WireFrame *frame, guint8 ret_tag[FRAME_TAG_MAX_BYTES])
{
    memset(ret_tag, 0, 16);
    return GPOINTER_TO_SIZE(data);
}

static void pack_filled(Place *place, Qkdnf__V1__Algorithm algorithm, gsize n_tag)
{
    FrameHead head = {KIND_FILLED, "vienna", "graz", 5, 1, g_get_real_time(), 7};
    FrameSeal seal = {.algorithm = algorithm, .make = make_tag, .data = GSIZE_TO_POINTER(n_tag)};
    g_autoptr(GBytes) message = g_bytes_new_static("", 0);
    g_autoptr(GBytes) frame = frame_pack_sealed(&head, &message, 1, &seal);
    keep(place, frame);
}

// Nobody but its receiver can check a tag; that there is one, and whether somebody who signs has
// left it out, everyone sees.
static void test_sealed(Place *place, gconstpointer data)
{
    const char *topic = "qkdnf/v1/filled/vienna/graz";
    pack_filled(place, QKDNF__V1__ALGORITHM__ALGORITHM_HMAC_SHA256_128, 16);
    assert_mark(place, topic, "sealed", REFUSAL_NONE);
    pack_filled(place, QKDNF__V1__ALGORITHM__ALGORITHM_HMAC_SHA256_128, 15);
    assert_mark(place, topic, "failed", REFUSAL_TAG);
    pack_filled(place, QKDNF__V1__ALGORITHM__ALGORITHM_ED25519, 16);
    assert_mark(place, topic, "failed", REFUSAL_TAG);
    pack_filled(place, QKDNF__V1__ALGORITHM__ALGORITHM_UNSPECIFIED, 0);
    assert_mark(place, topic, "none", REFUSAL_NONE);
    g_autoptr(Authentication) vienna = member_new(place, place->dir, 5);
    pack_birth(place, place->dir, vienna);
    assert_mark(place, BIRTH, "verified", REFUSAL_NONE);
    pack_filled(place, QKDNF__V1__ALGORITHM__ALGORITHM_UNSPECIFIED, 0);
    assert_mark(place, topic, "failed", REFUSAL_TAG);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/authenticity/signed", Place, NULL, set_up, test_signed, tear_down);
    g_test_add("/authenticity/births", Place, NULL, set_up, test_births, tear_down);
    g_test_add("/authenticity/sealed", Place, NULL, set_up, test_sealed, tear_down);
    return g_test_run();
}
