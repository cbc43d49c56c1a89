// SPDX-License-Identifier: Apache-2.0
//
// What an outbox does with frames for members whose presence it has not seen.

#include "topics/outbox.h"

#include "tests/unit/chance.h"
#include "tests/unit/published.h"

#include <string.h>

#define START_US (1000 * G_USEC_PER_SEC)

// --- certificates that say what they are told ----------------------------------------------------

static gsize sign(Credentials *credentials, const WireFrame *frame,
                  guint8 ret_tag[FRAME_TAG_MAX_BYTES])
{
    ret_tag[0] = 1;
    return 1;
}

static gboolean check(const Certificate *certificate, const WireFrame *frame)
{
    return TRUE;
}

static void free_certificate(Certificate *certificate)
{
    g_free(certificate->id);
    g_free(certificate);
}

static void free_credentials(Credentials *credentials)
{
    g_ptr_array_unref(credentials->chain);
    g_free(credentials);
}

static Certificate *verify(Credentials *credentials, const ProtobufCBinaryData *chain,
                           gsize n_certificates, gint64 now_us)
{
    Certificate *certificate = g_new0(Certificate, 1);
    certificate->ops = credentials->ops;
    certificate->id = g_strndup((const char *)chain[0].data, chain[0].len);
    certificate->roles = ROLE_BIT(ROLE_AGENT);
    certificate->valid_until_us = G_MAXINT64;
    return certificate;
}

static Credentials *credentials_of(const char *id)
{
    static const CredentialsOps ops = {sign, verify, check, free_certificate, free_credentials};
    Credentials *credentials = g_new0(Credentials, 1);
    credentials->ops = &ops;
    credentials->algorithm = QKDNF__V1__ALGORITHM__ALGORITHM_ED25519;
    credentials->chain = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    g_ptr_array_add(credentials->chain, g_bytes_new(id, strlen(id)));
    return credentials;
}

// --- vienna's outbox, and graz, whom it does not know yet ----------------------------------------

typedef struct {
    Authentication *vienna, *graz;
    Outbox *outbox;
    gint64 now_us;
    GString *sent; // "kind/receiver[incarnation of the receiver]: n of messages; "
} Place;

static Authentication *member_new(const char *id, guint64 incarnation, Chance *chance)
{
    Random random = chance_random(chance);
    Authentication *member = authentication_new(id, ROLE_AGENT, incarnation, &random);
    authentication_set_credentials(member, credentials_of(id), START_US);
    return member;
}

static void place_set_up(Place *place, gconstpointer data)
{
    Chance chance = {1};
    place->vienna = member_new("vienna", 7, &chance);
    place->graz = member_new("graz", 9, &chance);
    place->outbox = outbox_new("vienna", 7);
    place->now_us = START_US;
    place->sent = g_string_new(NULL);
    outbox_set_authentication(place->outbox, place->vienna);
}

static void place_tear_down(Place *place, gconstpointer data)
{
    outbox_free(place->outbox);
    authentication_free(place->vienna);
    authentication_free(place->graz);
    g_string_free(place->sent, TRUE);
}

static void on_send(gpointer data, const Publish *publish)
{
    Place *place = data;
    Topic topic;
    g_autoptr(Frame) frame = published_frame(publish, &topic);
    g_string_append_printf(place->sent, "%s/%s[%" G_GUINT64_FORMAT "]: %zu; ",
                           kind_get(topic.kind)->name, topic.to, frame->header->receiver,
                           frame->n_messages);
}

static void assert_sent(Place *place, gint64 later_us, const char *expected)
{
    place->now_us += later_us;
    g_string_truncate(place->sent, 0);
    outbox_flush(place->outbox, place->now_us, on_send, place);
    g_assert_cmpstr(place->sent->str, ==, expected);
}

static void add(Place *place, const char *to, const char *link)
{
    WireFilled filled = WIRE_FILLED_INIT;
    filled.link = (char *)link;
    outbox_add(place->outbox, KIND_FILLED, to, &filled.base);
}

static Refusal look(gpointer data, const Topic *topic, const WireFrame *frame,
                    const WireHeader *header)
{
    const Place *place = data;
    Role role;
    gboolean is_relevant;
    return authentication_check(place->vienna, topic, frame, header, place->now_us, &role,
                                &is_relevant);
}

static void meet_graz(Place *place)
{
    Topic topic = {.kind = KIND_PRESENCE, .from = "graz", .to = ID_ALL};
    Refusal refusal = REFUSAL_NONE;
    g_autoptr(Credentials) credentials = credentials_of("graz");
    g_autoptr(GBytes) birth =
        presence_pack(authentication_identity(place->graz), 1, TRUE, credentials, place->now_us);
    g_autoptr(Frame) frame = frame_parse_checked(&topic, g_bytes_get_data(birth, NULL),
                                                 g_bytes_get_size(birth), look, place, &refusal);
    g_assert_cmpstr(refusal_name(refusal), ==, "none");
    g_assert_nonnull(frame);
}

// Presence comes right after the bus: the frame waits for it, and others do not wait for the frame.
static void test_waits_for_presence(Place *place, gconstpointer data)
{
    WireEvent event = WIRE_EVENT_INIT;
    add(place, "graz", "1");
    outbox_add(place->outbox, KIND_EVENT, NULL, &event.base);
    assert_sent(place, 0, "event/all[0]: 1; ");
    g_assert_false(outbox_is_empty(place->outbox));
    add(place, "graz", "2");
    assert_sent(place, G_USEC_PER_SEC / 2, "");
    meet_graz(place);
    assert_sent(place, 1, "filled/graz[9]: 2; ");
    g_assert_true(outbox_is_empty(place->outbox));
}

// Who repeats itself meanwhile is heard once.
static void test_holds_each_once(Place *place, gconstpointer data)
{
    add(place, "graz", "1");
    add(place, "graz", "1");
    assert_sent(place, 0, "");
    add(place, "graz", "1");
    add(place, "graz", "2");
    add(place, "graz", "2");
    meet_graz(place);
    assert_sent(place, 1, "filled/graz[9]: 3; ");
}

// A frame for no incarnation: whoever is there announces itself.
static void test_knocks_after_a_while(Place *place, gconstpointer data)
{
    add(place, "graz", "1");
    assert_sent(place, 0, "");
    assert_sent(place, G_USEC_PER_SEC - 1, "");
    assert_sent(place, 1, "filled/graz[0]: 1; ");
    g_assert_true(outbox_is_empty(place->outbox));
    assert_sent(place, 1, "");
}

static void test_holds_no_more_than_so_much(Place *place, gconstpointer data)
{
    // 27 of them are less than 4 MiB, and 28 more.
    g_autofree char *value = g_strnfill(150 * 1024, 'a');
    WireRelay relay = WIRE_RELAY_INIT;
    relay.value = (ProtobufCBinaryData){strlen(value), (guint8 *)value};
    for (guint i = 1; i <= 28; i++) {
        g_autofree char *to = g_strdup_printf("unknown-%u", i);
        outbox_add(place->outbox, KIND_RELAY, to, &relay.base);
    }
    assert_sent(place, 0, "relay/unknown-28[0]: 1; ");
    g_assert_false(outbox_is_empty(place->outbox));
}

#define ADD(name, fn)                                                                              \
    g_test_add("/outbox-hold/" name, Place, NULL, place_set_up, fn, place_tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("waits-for-presence", test_waits_for_presence);
    ADD("holds-each-once", test_holds_each_once);
    ADD("knocks-after-a-while", test_knocks_after_a_while);
    ADD("holds-no-more-than-so-much", test_holds_no_more_than_so_much);
    return g_test_run();
}
