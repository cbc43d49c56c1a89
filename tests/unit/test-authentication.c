// SPDX-License-Identifier: Apache-2.0

#include "topics/authentication.h"

#include "tests/unit/authority.h"
#include "tests/unit/scratch.h"
#include "tests/unit/chance.h"
#include "topics/mqtt/credentials-file.h"
#include "topics/mqtt/pem.h"

#include <glib/gstdio.h>
#include <openssl/pem.h>
#include <string.h>

#define NOW    (g_get_real_time())
#define SECOND ((gint64)G_USEC_PER_SEC)
#define ALL    (ROLE_BIT(ROLE_PLATFORM) | ROLE_BIT(ROLE_AGENT) | ROLE_BIT(ROLE_OPERATOR))

// Two authorities, of which the federation trusts the first.
typedef struct {
    char *dir;
    char *other_dir;
    gint64 now_us;
    Chance chance;
    GPtrArray *sent; // GBytes
} Place;

static void place_set_up(Place *place, gconstpointer data)
{
    place->dir = scratch_new();
    place->other_dir = scratch_new();
    place->now_us = NOW;
    place->chance.state = 1;
    place->sent = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
}

static void place_tear_down(Place *place, gconstpointer data)
{
    scratch_free(place->dir);
    scratch_free(place->other_dir);
    g_ptr_array_unref(place->sent);
}

static Credentials *credentials_of(const char *dir, const char *id, Roles roles)
{
    return authority_issue(dir, id, PKI_USAGE_CLIENT, roles);
}

static Authentication *member_with(Place *place, const char *id, Role role, guint64 incarnation,
                                   Credentials *credentials)
{
    Random random = chance_random(&place->chance);
    Authentication *member = authentication_new(id, role, incarnation, &random);
    authentication_set_credentials(member, credentials, place->now_us);
    return member;
}

static Authentication *member_new(Place *place, const char *id, Role role, guint64 incarnation)
{
    return member_with(place, id, role, incarnation, credentials_of(place->dir, id, ALL));
}

// --- what is said --------------------------------------------------------------------------------

typedef struct {
    Authentication *member;
    gint64 now_us;
    Role role;
    gboolean is_relevant;
} Look;

static Refusal check(gpointer data, const Topic *topic, const WireFrame *frame,
                     const WireHeader *header)
{
    Look *look = data;
    return authentication_check(look->member, topic, frame, header, look->now_us, &look->role,
                                &look->is_relevant);
}

static const char *look_at(const Place *place, Authentication *member, KindId kind,
                           const char *from, const char *to, GBytes *payload)
{
    Look look = {.member = member, .now_us = place->now_us};
    Refusal refusal = REFUSAL_NONE;
    Topic topic = {.kind = kind};
    g_strlcpy(topic.from, from, sizeof topic.from);
    g_strlcpy(topic.to, to, sizeof topic.to);
    gsize n_bytes = 0;
    const guint8 *bytes = g_bytes_get_data(payload, &n_bytes);
    g_autoptr(Frame) frame = frame_parse_checked(&topic, bytes, n_bytes, check, &look, &refusal);
    return frame && !look.is_relevant ? "irrelevant" : refusal_name(refusal);
}

static const char *id_of(const Authentication *member)
{
    return authentication_identity(member)->id;
}

static const char *meet(const Place *place, Authentication *member, const Authentication *other,
                        Credentials *credentials)
{
    g_autoptr(Credentials) signs = credentials;
    g_autoptr(GBytes) birth =
        presence_pack(authentication_identity(other), 1, TRUE, signs, place->now_us);
    return look_at(place, member, KIND_PRESENCE, id_of(other), ID_ALL, birth);
}

// Both have seen the other's presence.
static void introduce(const Place *place, Authentication *a, Authentication *b)
{
    g_assert_cmpstr(meet(place, a, b, credentials_of(place->dir, id_of(b), ALL)), ==, "none");
    g_assert_cmpstr(meet(place, b, a, credentials_of(place->dir, id_of(a), ALL)), ==, "none");
}

static void on_sent(gpointer data, GBytes *payload)
{
    g_ptr_array_add(((Place *)data)->sent, g_bytes_ref(payload));
}

// The last frame that went out; the place's. NULL when the receiver is not known.
static GBytes *say(Place *place, Authentication *from, KindId kind, const char *to,
                   guint64 sequence)
{
    WireFilled filled = WIRE_FILLED_INIT;
    filled.link = (char *)"alpha-beta";
    filled.end = 7;
    g_autoptr(GBytes) message = message_pack(&filled.base);
    FrameHead head = {kind,     id_of(from),   to, authentication_identity(from)->incarnation,
                      sequence, place->now_us, 0};
    g_ptr_array_set_size(place->sent, 0);
    authentication_pack(from, &head, &message, 1, on_sent, place);
    return place->sent->len > 0 ? place->sent->pdata[place->sent->len - 1] : NULL;
}

static void test_round_trip(Place *place, gconstpointer data)
{
    g_autoptr(Authentication) vienna = member_new(place, "vienna", ROLE_AGENT, 1);
    g_autoptr(Authentication) graz = member_new(place, "graz", ROLE_AGENT, 2);
    g_assert_null(say(place, vienna, KIND_FILLED, "graz", 1));
    introduce(place, vienna, graz);
    for (guint i = 1; i < 4; i++) {
        GBytes *there = say(place, vienna, KIND_FILLED, "graz", i);
        g_assert_cmpstr(look_at(place, graz, KIND_FILLED, "vienna", "graz", there), ==, "none");
        GBytes *back = say(place, graz, KIND_FILLED, "vienna", i);
        g_assert_cmpstr(look_at(place, vienna, KIND_FILLED, "graz", "vienna", back), ==, "none");
    }
}

// By which a core sees whether it is the certificate that somebody vouches for.
static void test_certificate_is_known(Place *place, gconstpointer data)
{
    guint8 expected[32];
    gsize n_bytes = sizeof expected;
    g_autoptr(Authentication) vienna = member_new(place, "vienna", ROLE_AGENT, 1);
    g_autoptr(Authentication) graz = member_new(place, "graz", ROLE_AGENT, 2);
    g_assert_null(authentication_certificate_sha256(graz, "vienna", 1));
    Credentials *credentials = credentials_of(place->dir, "vienna", ALL);
    g_autoptr(GBytes) certificate = g_bytes_ref(credentials->chain->pdata[0]);
    g_assert_cmpstr(meet(place, graz, vienna, credentials), ==, "none");
    g_autoptr(GChecksum) digest = g_checksum_new(G_CHECKSUM_SHA256);
    g_checksum_update(digest, g_bytes_get_data(certificate, NULL),
                      (gssize)g_bytes_get_size(certificate));
    g_checksum_get_digest(digest, expected, &n_bytes);
    g_assert_cmpmem(authentication_certificate_sha256(graz, "vienna", 1), 32, expected, n_bytes);
    g_assert_null(authentication_certificate_sha256(graz, "vienna", 2));
}

// Who has not seen the sender's presence finds it in the frame, as long as it may be missing.
static void test_introduction(Place *place, gconstpointer data)
{
    g_autoptr(Authentication) vienna = member_new(place, "vienna", ROLE_AGENT, 1);
    g_autoptr(Authentication) graz = member_new(place, "graz", ROLE_AGENT, 2);
    meet(place, vienna, graz, credentials_of(place->dir, "graz", ALL));
    gsize with = g_bytes_get_size(say(place, vienna, KIND_FILLED, "graz", 1));
    GBytes *frame = place->sent->pdata[0];
    g_assert_cmpstr(look_at(place, graz, KIND_FILLED, "vienna", "graz", frame), ==, "none");
    frame = say(place, graz, KIND_FILLED, "vienna", 1);
    g_assert_cmpstr(look_at(place, vienna, KIND_FILLED, "graz", "vienna", frame), ==, "none");
    g_assert_cmpuint(g_bytes_get_size(say(place, vienna, KIND_FILLED, "graz", 2)), <, with / 2);
    place->now_us += 31 * SECOND;
    g_assert_cmpuint(g_bytes_get_size(say(place, vienna, KIND_FILLED, "graz", 3)), ==, with);
}

// Flips each bit in turn; nothing of that is taken, and what was meant still is afterwards.
static void assert_every_bit_counts(const Place *place, Authentication *member, KindId kind,
                                    const char *from, const char *to, GBytes *payload)
{
    gsize n_bytes = 0;
    const guint8 *bytes = g_bytes_get_data(payload, &n_bytes);
    for (gsize bit = 0; bit < 8 * n_bytes; bit++) {
        guint8 *changed = g_memdup2(bytes, n_bytes);
        changed[bit / 8] ^= (guint8)(1u << (bit % 8));
        g_autoptr(GBytes) forged = g_bytes_new_take(changed, n_bytes);
        g_assert_cmpstr(look_at(place, member, kind, from, to, forged), !=, "none");
    }
    g_assert_cmpstr(look_at(place, member, kind, from, to, payload), ==, "none");
}

static void test_every_bit_counts(Place *place, gconstpointer data)
{
    g_autoptr(Authentication) vienna = member_new(place, "vienna", ROLE_AGENT, 1);
    g_autoptr(Authentication) graz = member_new(place, "graz", ROLE_AGENT, 2);
    meet(place, vienna, graz, credentials_of(place->dir, "graz", ALL));
    GBytes *frame = say(place, vienna, KIND_FILLED, "graz", 1);
    assert_every_bit_counts(place, graz, KIND_FILLED, "vienna", "graz", frame);
}

static void test_every_bit_of_presence_counts(Place *place, gconstpointer data)
{
    g_autoptr(Authentication) vienna = member_new(place, "vienna", ROLE_AGENT, 1);
    g_autoptr(Authentication) graz = member_new(place, "graz", ROLE_AGENT, 2);
    g_autoptr(Credentials) credentials = credentials_of(place->dir, "graz", ALL);
    g_autoptr(GBytes) birth =
        presence_pack(authentication_identity(graz), 1, TRUE, credentials, place->now_us);
    assert_every_bit_counts(place, vienna, KIND_PRESENCE, "graz", ID_ALL, birth);
}

// --- what is moved -------------------------------------------------------------------------------

// The same frame with another header, as who runs the broker could write it.
static GBytes *rewritten(GBytes *payload, const char *kind, const char *from, const char *to,
                         guint64 incarnation, guint64 receiver)
{
    gsize n_bytes = 0;
    const guint8 *bytes = g_bytes_get_data(payload, &n_bytes);
    WireFrame *frame = qkdnf__v1__frame__unpack(NULL, n_bytes, bytes);
    WireHeader *header = qkdnf__v1__header__unpack(NULL, frame->header.len, frame->header.data);
    WireHeader changed = *header;
    changed.kind = (char *)kind, changed.from = (char *)from, changed.to = (char *)to;
    changed.incarnation = incarnation, changed.receiver = receiver;
    g_autoptr(GBytes) packed = message_pack(&changed.base);
    WireFrame moved = *frame;
    moved.header.data = (guint8 *)g_bytes_get_data(packed, &moved.header.len);
    GBytes *result = message_pack(&moved.base);
    wire_free(header);
    wire_free(frame);
    return result;
}

static void test_what_is_moved(Place *place, gconstpointer data)
{
    g_autoptr(Authentication) vienna = member_new(place, "vienna", ROLE_AGENT, 1);
    g_autoptr(Authentication) graz = member_new(place, "graz", ROLE_AGENT, 2);
    g_autoptr(Authentication) linz = member_new(place, "linz", ROLE_AGENT, 2);
    introduce(place, vienna, graz);
    introduce(place, vienna, linz);
    introduce(place, graz, linz);
    g_autoptr(GBytes) frame = g_bytes_ref(say(place, vienna, KIND_FILLED, "graz", 1));
    g_autoptr(GBytes) other_kind = rewritten(frame, "fill", "vienna", "graz", 1, 2);
    g_autoptr(GBytes) other_receiver = rewritten(frame, "filled", "vienna", "linz", 1, 2);
    g_autoptr(GBytes) other_sender = rewritten(frame, "filled", "linz", "graz", 2, 2);
    g_autoptr(GBytes) reflected = rewritten(frame, "filled", "graz", "vienna", 2, 1);
    g_assert_cmpstr(look_at(place, graz, KIND_FILL, "vienna", "graz", frame), ==, "mismatch");
    g_assert_cmpstr(look_at(place, graz, KIND_FILL, "vienna", "graz", other_kind), ==, "tag");
    g_assert_cmpstr(look_at(place, linz, KIND_FILLED, "vienna", "linz", other_receiver), ==, "tag");
    g_assert_cmpstr(look_at(place, graz, KIND_FILLED, "linz", "graz", other_sender), ==, "tag");
    g_assert_cmpstr(look_at(place, vienna, KIND_FILLED, "graz", "vienna", reflected), ==, "tag");
    g_assert_cmpstr(look_at(place, graz, KIND_FILLED, "vienna", "graz", frame), ==, "none");
}

// --- what is repeated ----------------------------------------------------------------------------

static void test_replay(Place *place, gconstpointer data)
{
    g_autoptr(Authentication) vienna = member_new(place, "vienna", ROLE_AGENT, 1);
    g_autoptr(Authentication) graz = member_new(place, "graz", ROLE_AGENT, 2);
    introduce(place, vienna, graz);
    g_autoptr(GBytes) first = g_bytes_ref(say(place, vienna, KIND_FILLED, "graz", 1));
    g_autoptr(GBytes) second = g_bytes_ref(say(place, vienna, KIND_FILLED, "graz", 2));
    g_autoptr(GBytes) late = g_bytes_ref(say(place, vienna, KIND_FILLED, "graz", 3));
    g_assert_cmpstr(look_at(place, graz, KIND_FILLED, "vienna", "graz", second), ==, "none");
    g_assert_cmpstr(look_at(place, graz, KIND_FILLED, "vienna", "graz", first), ==, "none");
    g_assert_cmpstr(look_at(place, graz, KIND_FILLED, "vienna", "graz", second), ==, "replay");
    g_assert_cmpstr(look_at(place, graz, KIND_FILLED, "vienna", "graz", first), ==, "replay");
    GBytes *far = say(place, vienna, KIND_FILLED, "graz", 3 + 4096);
    g_assert_cmpstr(look_at(place, graz, KIND_FILLED, "vienna", "graz", far), ==, "none");
    g_assert_cmpstr(look_at(place, graz, KIND_FILLED, "vienna", "graz", late), ==, "replay");
    // Nothing is noted of what has left the window.
    g_assert_cmpstr(look_at(place, graz, KIND_FILLED, "vienna", "graz", second), ==, "replay");
}

// What was said to an earlier life of the receiver, and what an earlier life of the sender said.
static void test_restarts(Place *place, gconstpointer data)
{
    g_autoptr(Authentication) vienna = member_new(place, "vienna", ROLE_AGENT, 1);
    g_autoptr(Authentication) vienna2 = member_new(place, "vienna", ROLE_AGENT, 9);
    g_autoptr(Authentication) graz = member_new(place, "graz", ROLE_AGENT, 2);
    g_autoptr(Authentication) graz2 = member_new(place, "graz", ROLE_AGENT, 8);
    introduce(place, vienna, graz);
    g_autoptr(GBytes) before = g_bytes_ref(say(place, vienna, KIND_FILLED, "graz", 1));
    g_autoptr(GBytes) forged = rewritten(before, "filled", "vienna", "graz", 1, 8);
    introduce(place, vienna, graz2);
    g_assert_null(authentication_announcement(graz2, place->now_us));
    g_assert_cmpstr(look_at(place, graz2, KIND_FILLED, "vienna", "graz", before), ==,
                    "incarnation");
    g_assert_cmpstr(look_at(place, graz2, KIND_FILLED, "vienna", "graz", forged), ==, "tag");
    // Who still speaks to the earlier life is told of this one, but not at any rate.
    g_autoptr(GBytes) again = authentication_announcement(graz2, place->now_us);
    g_assert_cmpstr(look_at(place, vienna, KIND_PRESENCE, "graz", ID_ALL, again), ==, "none");
    look_at(place, graz2, KIND_FILLED, "vienna", "graz", before);
    g_assert_null(authentication_announcement(graz2, place->now_us));
    introduce(place, graz, vienna2);
    g_assert_cmpstr(look_at(place, graz, KIND_FILLED, "vienna", "graz", before), ==, "incarnation");
    g_assert_cmpstr(meet(place, graz, vienna, credentials_of(place->dir, "vienna", ALL)), ==,
                    "incarnation");
}

// --- who it is -----------------------------------------------------------------------------------

static void test_strangers(Place *place, gconstpointer data)
{
    g_autoptr(Authentication) vienna = member_new(place, "vienna", ROLE_AGENT, 1);
    g_autoptr(Authentication) other =
        member_with(place, "graz", ROLE_AGENT, 2, credentials_of(place->other_dir, "graz", ALL));
    g_assert_cmpstr(meet(place, vienna, other, credentials_of(place->other_dir, "graz", ALL)), ==,
                    "certificate");
    // By a certificate of the federation, but another member's.
    g_assert_cmpstr(meet(place, vienna, other, credentials_of(place->dir, "linz", ALL)), ==,
                    "certificate");
    // By one that is for servers only, whatever name it has.
    g_autoptr(Authentication) server =
        member_with(place, "kme-graz", ROLE_AGENT, 2,
                    authority_issue(place->dir, "kme-graz", PKI_USAGE_SERVER, ALL));
    g_assert_cmpstr(
        meet(place, vienna, server, authority_issue(place->dir, "kme-graz", PKI_USAGE_SERVER, ALL)),
        ==, "certificate");
    // In a role that is not its own.
    g_assert_cmpstr(
        meet(place, vienna, other, credentials_of(place->dir, "graz", ROLE_BIT(ROLE_OPERATOR))), ==,
        "role");
    // Introduced by what is no better.
    meet(place, other, vienna, credentials_of(place->dir, "vienna", ALL));
    introduce(place, vienna, vienna);
    g_autoptr(Authentication) trusting =
        member_with(place, "graz", ROLE_AGENT, 2, credentials_of(place->dir, "mallory", ALL));
    meet(place, trusting, vienna, credentials_of(place->dir, "vienna", ALL));
    GBytes *frame = say(place, trusting, KIND_FILLED, "vienna", 1);
    g_assert_cmpstr(look_at(place, vienna, KIND_FILLED, "graz", "vienna", frame), ==, "stranger");
}

// Neither speaks with the other: nothing is looked at, or kept.
static void test_what_is_irrelevant(Place *place, gconstpointer data)
{
    g_autoptr(Authentication) bank =
        member_with(place, "bank", ROLE_APPLICATION, 1,
                    credentials_of(place->dir, "bank", ROLE_BIT(ROLE_APPLICATION)));
    g_autoptr(Authentication) shop = member_with(place, "shop", ROLE_APPLICATION, 1,
                                                 credentials_of(place->other_dir, "shop", 0));
    g_assert_cmpstr(meet(place, bank, shop, credentials_of(place->other_dir, "shop", 0)), ==,
                    "irrelevant");
    g_assert_null(say(place, bank, KIND_FILLED, "shop", 1));
}

// Several programs of an operator are there at once, until they say that they are not.
static void test_several_programs(Place *place, gconstpointer data)
{
    g_autoptr(Authentication) vienna = member_new(place, "vienna", ROLE_AGENT, 1);
    g_autoptr(Authentication) first = member_new(place, "ops", ROLE_OPERATOR, 5);
    g_autoptr(Authentication) second = member_new(place, "ops", ROLE_OPERATOR, 3);
    introduce(place, vienna, first);
    introduce(place, vienna, second);
    say(place, vienna, KIND_ADMIN_REPLY, "ops", 1);
    g_assert_cmpuint(place->sent->len, ==, 2);
    GBytes *one = place->sent->pdata[0], *two = place->sent->pdata[1];
    g_assert_cmpstr(look_at(place, first, KIND_ADMIN_REPLY, "vienna", "ops", two), ==,
                    "incarnation");
    g_assert_cmpstr(look_at(place, second, KIND_ADMIN_REPLY, "vienna", "ops", one), ==,
                    "incarnation");
    g_autoptr(Credentials) credentials = credentials_of(place->dir, "ops", ALL);
    g_autoptr(GBytes) death =
        presence_pack(authentication_identity(first), 1, FALSE, credentials, place->now_us);
    g_assert_cmpstr(look_at(place, vienna, KIND_PRESENCE, "ops", ID_ALL, death), ==, "none");
    say(place, vienna, KIND_ADMIN_REPLY, "ops", 2);
    g_assert_cmpuint(place->sent->len, ==, 1);
}

// --- pre-shared keys -----------------------------------------------------------------------------

static void share(Authentication *member, const char *peer, guint8 byte)
{
    g_autoptr(Secret) key = secret_new(32);
    memset(key->data, byte, key->n_bytes);
    authentication_add_pre_shared(member, peer, key);
}

static void test_pre_shared(Place *place, gconstpointer data)
{
    static const struct {
        guint8 vienna, graz; // 0: none
        const char *result;
    } cases[] = {{1, 1, "none"},
                 {1, 2, "pre-shared-key"},
                 {1, 0, "pre-shared-key"},
                 {0, 1, "pre-shared-key"}};
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(Authentication) vienna = member_new(place, "vienna", ROLE_AGENT, 1);
        g_autoptr(Authentication) graz = member_new(place, "graz", ROLE_AGENT, 2);
        if (cases[i].vienna)
            share(vienna, "graz", cases[i].vienna);
        if (cases[i].graz)
            share(graz, "vienna", cases[i].graz);
        introduce(place, vienna, graz);
        GBytes *frame = say(place, vienna, KIND_FILLED, "graz", 1);
        g_assert_cmpstr(look_at(place, graz, KIND_FILLED, "vienna", "graz", frame), ==,
                        cases[i].result);
    }
}

static void assert_key_file(const Place *place, const char *name, gsize n_bytes, int mode,
                            const char *fault)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *dir = g_build_filename(place->dir, "keys", NULL);
    g_autofree char *path = g_build_filename(dir, name, NULL);
    g_autofree char *bytes = g_strnfill(n_bytes, 'k');
    Random random = chance_random(&(Chance){1});
    g_autoptr(Authentication) member = authentication_new("vienna", ROLE_AGENT, 1, &random);
    g_mkdir(dir, 0700);
    g_assert_true(g_file_set_contents_full(path, bytes, (gssize)n_bytes, G_FILE_SET_CONTENTS_NONE,
                                           mode, NULL));
    g_assert_cmpint(pre_shared_load(dir, member, &error), ==, !fault);
    g_assert_true(!fault || strstr(error->message, fault));
    g_unlink(path);
    g_rmdir(dir);
}

static void test_pre_shared_files(Place *place, gconstpointer data)
{
    assert_key_file(place, "graz", 32, 0600, NULL);
    assert_key_file(place, "graz", 32, 0640, "mode 0600");
    assert_key_file(place, "graz", 31, 0600, "32 to 1024 random bytes");
    assert_key_file(place, "Graz", 32, 0600, "a member's ID");
}

// --- certificates --------------------------------------------------------------------------------

// The authority's list of revoked certificates, with one on it.
static void write_list(const char *dir, const char *id)
{
    g_autofree char *ca_path = g_build_filename(dir, PKI_CA_CERTIFICATE_FILE, NULL);
    g_autofree char *key_path = g_build_filename(dir, PKI_CA_KEY_FILE, NULL);
    g_autofree char *path = g_strdup_printf("%s/%s.crt", dir, id);
    g_autofree char *crl_path = g_build_filename(dir, "ca.crl", NULL);
    g_autoptr(X509) ca = pem_load_certificate(ca_path, NULL);
    g_autoptr(X509) certificate = pem_load_certificate(path, NULL);
    g_autoptr(EVP_PKEY) key = pem_load_key(key_path, NULL);
    X509_CRL *list = X509_CRL_new();
    X509_REVOKED *revoked = X509_REVOKED_new();
    ASN1_TIME *before = X509_gmtime_adj(NULL, -60), *after = X509_gmtime_adj(NULL, 86400);
    X509_CRL_set_version(list, X509_CRL_VERSION_2);
    X509_CRL_set_issuer_name(list, X509_get_subject_name(ca));
    X509_CRL_set1_lastUpdate(list, before);
    X509_CRL_set1_nextUpdate(list, after);
    X509_REVOKED_set_serialNumber(revoked, X509_get_serialNumber(certificate));
    X509_REVOKED_set_revocationDate(revoked, before);
    X509_CRL_add0_revoked(list, revoked);
    g_assert_cmpint(X509_CRL_sign(list, key, EVP_sha256()), >, 0);
    g_autoptr(BIO) bio = BIO_new_file(crl_path, "w");
    g_assert_cmpint(PEM_write_bio_X509_CRL(bio, list), ==, 1);
    ASN1_TIME_free(before);
    ASN1_TIME_free(after);
    X509_CRL_free(list);
}

// Known or not, who is revoked is not believed any more; all others are.
static void test_revocation(Place *place, gconstpointer data)
{
    g_autoptr(Authentication) vienna = member_new(place, "vienna", ROLE_AGENT, 1);
    g_autoptr(Authentication) graz = member_new(place, "graz", ROLE_AGENT, 2);
    g_autoptr(Authentication) linz = member_new(place, "linz", ROLE_AGENT, 2);
    introduce(place, vienna, graz);
    introduce(place, linz, graz);
    write_list(place->dir, "vienna");
    authentication_set_credentials(graz, authority_load(place->dir, "graz", "ca.crl"),
                                   place->now_us);
    GBytes *frame = say(place, vienna, KIND_FILLED, "graz", 1);
    g_assert_cmpstr(look_at(place, graz, KIND_FILLED, "vienna", "graz", frame), ==, "certificate");
    g_assert_cmpstr(meet(place, graz, vienna, credentials_of(place->dir, "vienna", ALL)), ==,
                    "certificate");
    frame = say(place, linz, KIND_FILLED, "graz", 1);
    g_assert_cmpstr(look_at(place, graz, KIND_FILLED, "linz", "graz", frame), ==, "none");
    g_assert_null(say(place, graz, KIND_FILLED, "vienna", 1));
}

static void test_expiry(Place *place, gconstpointer data)
{
    g_autoptr(Authentication) vienna = member_new(place, "vienna", ROLE_AGENT, 1);
    g_autoptr(Authentication) graz = member_new(place, "graz", ROLE_AGENT, 2);
    introduce(place, vienna, graz);
    GBytes *frame = say(place, vienna, KIND_FILLED, "graz", 1);
    place->now_us += 366 * G_TIME_SPAN_DAY;
    g_assert_cmpstr(look_at(place, graz, KIND_FILLED, "vienna", "graz", frame), ==, "certificate");
    g_assert_cmpstr(meet(place, graz, vienna, credentials_of(place->dir, "vienna", ALL)), ==,
                    "certificate");
    place->now_us -= 366 * G_TIME_SPAN_DAY;
    g_assert_cmpstr(look_at(place, graz, KIND_FILLED, "vienna", "graz", frame), ==, "none");
}

#define ADD(name, fn)                                                                              \
    g_test_add("/authentication/" name, Place, NULL, place_set_up, fn, place_tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("round-trip", test_round_trip);
    ADD("certificate-is-known", test_certificate_is_known);
    ADD("introduction", test_introduction);
    ADD("every-bit-counts", test_every_bit_counts);
    ADD("every-bit-of-presence-counts", test_every_bit_of_presence_counts);
    ADD("what-is-moved", test_what_is_moved);
    ADD("replay", test_replay);
    ADD("restarts", test_restarts);
    ADD("strangers", test_strangers);
    ADD("what-is-irrelevant", test_what_is_irrelevant);
    ADD("several-programs", test_several_programs);
    ADD("pre-shared", test_pre_shared);
    ADD("pre-shared-files", test_pre_shared_files);
    ADD("revocation", test_revocation);
    ADD("expiry", test_expiry);
    return g_test_run();
}
