// SPDX-License-Identifier: Apache-2.0

#include "topics/authentication.h"

#include "topics/peer-book.h"

#include <string.h>

// Whoever was silent for this long may have forgotten this member: it introduces itself again.
#define INTRODUCE_US (30 * G_TIME_SPAN_SECOND)

// Not announced more often, however many ask for it.
#define ANNOUNCE_US G_TIME_SPAN_SECOND

struct Authentication {
    Identity identity;
    guint8 share[SHARE_BYTES];
    EVP_PKEY *key;
    Credentials *credentials;
    GBytes *introduction;
    Roles partners;         // the roles with which this one has something to say to each other
    GHashTable *pre_shared; // ID → Secret
    PeerBook *peers;
    gboolean is_missed; // somebody does not know of this incarnation
    gint64 announced_at_us;
};

// --- life ----------------------------------------------------------------------------------------

Authentication *authentication_new(const char *id, Role role, guint64 incarnation,
                                   const Random *random)
{
    Authentication *authentication = g_new0(Authentication, 1);
    authentication->identity = (Identity){g_strdup(id), role, incarnation, authentication->share};
    authentication->key = pairwise_generate(random, authentication->share);
    authentication->partners = kind_partners(role);
    authentication->pre_shared =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)secret_free);
    authentication->peers = peer_book_new();
    return authentication;
}

void authentication_free(Authentication *authentication)
{
    if (!authentication)
        return;
    peer_book_free(authentication->peers);
    g_hash_table_unref(authentication->pre_shared);
    g_clear_pointer(&authentication->introduction, g_bytes_unref);
    credentials_free(authentication->credentials);
    EVP_PKEY_free(authentication->key);
    g_free((char *)authentication->identity.id);
    g_free(authentication);
}

const Identity *authentication_identity(const Authentication *authentication)
{
    return &authentication->identity;
}

void authentication_add_pre_shared(Authentication *authentication, const char *peer,
                                   const Secret *key)
{
    g_hash_table_replace(authentication->pre_shared, g_strdup(peer),
                         secret_new_copy(key->data, key->n_bytes));
}

// --- presence ------------------------------------------------------------------------------------

static Certificate *verify_chain(const Authentication *authentication,
                                 const ProtobufCBinaryData *chain, gsize n_certificates,
                                 gint64 now_us)
{
    Credentials *credentials = authentication->credentials;
    return credentials->ops->verify(credentials, chain, n_certificates, now_us);
}

static gboolean is_chain(const GPtrArray *chain, const WirePresence *presence)
{
    if (!chain || chain->len != presence->n_certificates)
        return FALSE;
    for (guint i = 0; i < chain->len; i++) {
        gsize n_bytes = 0;
        gconstpointer bytes = g_bytes_get_data(chain->pdata[i], &n_bytes);
        const ProtobufCBinaryData *other = &presence->certificates[i];
        if (other->len != n_bytes || memcmp(bytes, other->data, n_bytes) != 0)
            return FALSE;
    }
    return TRUE;
}

static GPtrArray *copy_chain(const WirePresence *presence)
{
    GPtrArray *chain = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    for (gsize i = 0; i < presence->n_certificates; i++)
        g_ptr_array_add(chain,
                        g_bytes_new(presence->certificates[i].data, presence->certificates[i].len));
    return chain;
}

static void keep_chain(Peer *peer, const WirePresence *presence)
{
    gsize n_bytes = sizeof peer->certificate_sha256;
    g_clear_pointer(&peer->chain, g_ptr_array_unref);
    peer->chain = copy_chain(presence);
    // The first is the member's own; that it is there has been verified.
    g_autoptr(GChecksum) digest = g_checksum_new(G_CHECKSUM_SHA256);
    g_checksum_update(digest, presence->certificates[0].data,
                      (gssize)presence->certificates[0].len);
    g_checksum_get_digest(digest, peer->certificate_sha256, &n_bytes);
}

// NULL, and why.
static Certificate *verify_presence(const Authentication *authentication, const char *from,
                                    const WireFrame *frame, const WirePresence *presence,
                                    gint64 now_us, Refusal *ret_refusal)
{
    g_autoptr(Certificate) certificate =
        verify_chain(authentication, presence->certificates, presence->n_certificates, now_us);
    if (!certificate || strcmp(certificate->id, from) != 0)
        *ret_refusal = REFUSAL_CERTIFICATE;
    else if (!(certificate->roles & ROLE_BIT(presence->role)))
        *ret_refusal = REFUSAL_ROLE;
    else if (!certificate->ops->check(certificate, frame))
        *ret_refusal = REFUSAL_TAG;
    else
        return g_steal_pointer(&certificate);
    return NULL;
}

// What a certificate says that was verified before is not looked up again.
static Refusal update_peer(Authentication *authentication, const char *from, Peer *peer,
                           const WireFrame *frame, const WirePresence *presence, gint64 now_us)
{
    Refusal refusal = REFUSAL_NONE;
    // Two programs cannot be the same incarnation.
    if (memcmp(peer->share, presence->share.data, SHARE_BYTES) != 0 ||
        peer->role != (Role)presence->role)
        return REFUSAL_INCARNATION;
    if (peer->certificate && now_us < peer->certificate->valid_until_us &&
        is_chain(peer->chain, presence))
        return peer->certificate->ops->check(peer->certificate, frame) ? REFUSAL_NONE : REFUSAL_TAG;
    Certificate *certificate =
        verify_presence(authentication, from, frame, presence, now_us, &refusal);
    if (!certificate)
        return refusal;
    certificate_free(peer->certificate);
    peer->certificate = certificate;
    keep_chain(peer, presence);
    return REFUSAL_NONE;
}

static Refusal add_peer(Authentication *authentication, const char *from, const WireFrame *frame,
                        const WirePresence *presence, gint64 now_us)
{
    Refusal refusal = REFUSAL_NONE;
    Role role = (Role)presence->role;
    if (peer_book_is_outdated(authentication->peers, from, role, presence->incarnation))
        return REFUSAL_INCARNATION;
    g_autoptr(Certificate) certificate =
        verify_presence(authentication, from, frame, presence, now_us, &refusal);
    if (!certificate)
        return refusal;
    Peer *peer = peer_book_add(authentication->peers, from, role, presence->incarnation, now_us);
    if (!peer)
        return REFUSAL_QUOTA;
    peer->presence.alive = presence->alive;
    peer->presence.connection = presence->connection;
    memcpy(peer->share, presence->share.data, SHARE_BYTES);
    peer->certificate = g_steal_pointer(&certificate);
    keep_chain(peer, presence);
    return REFUSAL_NONE;
}

static Refusal take_presence(Authentication *authentication, const char *from,
                             const WireFrame *frame, const WirePresence *presence, gint64 now_us)
{
    Peer *peer = peer_book_find(authentication->peers, from, presence->incarnation);
    Refusal refusal = peer ? update_peer(authentication, from, peer, frame, presence, now_us)
                           : add_peer(authentication, from, frame, presence, now_us);
    if (refusal != REFUSAL_NONE)
        return refusal;
    peer = peer_book_find(authentication->peers, from, presence->incarnation);
    presence_update(&peer->presence, presence);
    peer->noted_at_us = now_us;
    return REFUSAL_NONE;
}

static WirePresence *unpack_presence(const WireFrame *frame)
{
    if (frame->n_messages != 1 || frame->messages[0].len > kind_get(KIND_PRESENCE)->max_bytes)
        return NULL;
    return (WirePresence *)protobuf_c_message_unpack(
        &qkdnf__v1__presence__descriptor, NULL, frame->messages[0].len, frame->messages[0].data);
}

static gboolean is_role(int role)
{
    return role >= ROLE_PLATFORM && role <= ROLE_OPERATOR;
}

static Refusal check_presence(Authentication *authentication, const char *from,
                              const WireFrame *frame, const WireHeader *header, gint64 now_us,
                              Role *ret_role, gboolean *ret_is_relevant)
{
    WirePresence *presence = unpack_presence(frame);
    Refusal refusal = REFUSAL_DECODE;
    if (presence && (presence->share.len != SHARE_BYTES || !is_role(presence->role) ||
                     presence->incarnation != header->incarnation))
        refusal = REFUSAL_MISMATCH;
    else if (presence) {
        *ret_role = (Role)presence->role;
        *ret_is_relevant = (authentication->partners & ROLE_BIT(*ret_role)) != 0;
        refusal = *ret_is_relevant ? take_presence(authentication, from, frame, presence, now_us)
                                   : REFUSAL_NONE;
    }
    wire_free(presence);
    return refusal;
}

// What is wrong with an introduction is no worse than that there is none.
static void take_introduction(Authentication *authentication, const char *from,
                              const ProtobufCBinaryData *bytes, gint64 now_us)
{
    WireFrame *frame = qkdnf__v1__frame__unpack(NULL, bytes->len, bytes->data);
    WireHeader *header =
        frame ? qkdnf__v1__header__unpack(NULL, frame->header.len, frame->header.data) : NULL;
    Role role;
    gboolean is_relevant;
    if (header && strcmp(header->kind, kind_get(KIND_PRESENCE)->name) == 0 &&
        strcmp(header->from, from) == 0)
        check_presence(authentication, from, frame, header, now_us, &role, &is_relevant);
    wire_free(header);
    wire_free(frame);
}

// --- frames in -----------------------------------------------------------------------------------

// The keys with that peer; NULL when its share is no honest one.
static Pairwise *pairwise_with(const Authentication *authentication, const char *id, Peer *peer)
{
    if (!peer->pairwise) {
        Identity other = {id, peer->role, peer->presence.incarnation, peer->share};
        peer->pairwise = pairwise_new(authentication->key, &authentication->identity, &other,
                                      g_hash_table_lookup(authentication->pre_shared, id));
    }
    return peer->pairwise;
}

static Refusal check_tag(const Authentication *authentication, const char *from,
                         const WireFrame *frame, Peer *peer)
{
    Pairwise *pairwise = pairwise_with(authentication, from, peer);
    if (!pairwise || frame->algorithm != QKDNF__V1__ALGORITHM__ALGORITHM_HMAC_SHA256_128)
        return REFUSAL_TAG;
    if (frame->pre_shared != pairwise_hint(pairwise))
        return REFUSAL_PRE_SHARED;
    return pairwise_check(pairwise, frame) ? REFUSAL_NONE : REFUSAL_TAG;
}

static Refusal check_certified(const Peer *peer, gint64 now_us)
{
    return peer->certificate && now_us < peer->certificate->valid_until_us ? REFUSAL_NONE
                                                                           : REFUSAL_CERTIFICATE;
}

// A frame to this member.
static Refusal check_pairwise(Authentication *authentication, const char *from,
                              const WireFrame *frame, const WireHeader *header, gint64 now_us,
                              Peer *peer)
{
    Refusal refusal = check_certified(peer, now_us);
    if (refusal == REFUSAL_NONE)
        refusal = check_tag(authentication, from, frame, peer);
    if (refusal == REFUSAL_NONE && !replay_accept(&peer->window, header->sequence))
        refusal = REFUSAL_REPLAY;
    if (refusal == REFUSAL_NONE)
        peer->heard_at_us = peer->noted_at_us = now_us;
    return refusal;
}

// A frame to all, such as an event.
static Refusal check_signed(const WireFrame *frame, const WireHeader *header, gint64 now_us,
                            Peer *peer)
{
    Refusal refusal = check_certified(peer, now_us);
    if (refusal == REFUSAL_NONE && !peer->certificate->ops->check(peer->certificate, frame))
        refusal = REFUSAL_TAG;
    if (refusal == REFUSAL_NONE && !replay_accept(&peer->signed_window, header->sequence))
        refusal = REFUSAL_REPLAY;
    return refusal;
}

static Refusal refuse_stranger(const Authentication *authentication, const char *from,
                               const WireHeader *header)
{
    gboolean is_earlier =
        peer_book_is_outdated(authentication->peers, from, ROLE_AGENT, header->incarnation) ||
        peer_book_is_outdated(authentication->peers, from, ROLE_PLATFORM, header->incarnation);
    return is_earlier ? REFUSAL_INCARNATION : REFUSAL_STRANGER;
}

static Refusal check_ordinary(Authentication *authentication, const Topic *topic,
                              const WireFrame *frame, const WireHeader *header, gint64 now_us,
                              Role *ret_role)
{
    gboolean to_all = kind_get(topic->kind)->to_all;
    const char *from = topic->from;
    if (!to_all && header->receiver != authentication->identity.incarnation) {
        // What is retained was said to whoever was there at the time.
        authentication->is_missed |= !kind_get(topic->kind)->retained || header->receiver == 0;
        return REFUSAL_INCARNATION;
    }
    Peer *peer = peer_book_find(authentication->peers, from, header->incarnation);
    if (!peer && frame->introduction.len > 0) {
        take_introduction(authentication, from, &frame->introduction, now_us);
        peer = peer_book_find(authentication->peers, from, header->incarnation);
    }
    if (!peer)
        return refuse_stranger(authentication, from, header);
    *ret_role = peer->role;
    return to_all ? check_signed(frame, header, now_us, peer)
                  : check_pairwise(authentication, from, frame, header, now_us, peer);
}

Refusal authentication_check(Authentication *authentication, const Topic *topic,
                             const WireFrame *frame, const WireHeader *header, gint64 now_us,
                             Role *ret_role, gboolean *ret_is_relevant)
{
    *ret_is_relevant = TRUE;
    if (topic->kind == KIND_PRESENCE)
        return check_presence(authentication, topic->from, frame, header, now_us, ret_role,
                              ret_is_relevant);
    return check_ordinary(authentication, topic, frame, header, now_us, ret_role);
}

const guint8 *authentication_certificate_sha256(const Authentication *authentication,
                                                const char *id, guint64 incarnation)
{
    const Peer *peer = peer_book_find(authentication->peers, id, incarnation);
    return peer ? peer->certificate_sha256 : NULL;
}

// --- frames out ----------------------------------------------------------------------------------

static gsize sign(gpointer data, const WireFrame *frame, guint8 ret_tag[FRAME_TAG_MAX_BYTES])
{
    Credentials *credentials = data;
    return credentials->ops->sign(credentials, frame, ret_tag);
}

static gsize tag(gpointer data, const WireFrame *frame, guint8 ret_tag[FRAME_TAG_MAX_BYTES])
{
    return pairwise_make(data, frame, ret_tag);
}

gsize authentication_sign(const Authentication *authentication, const guint8 *bytes, gsize n_bytes,
                          Qkdnf__V1__Algorithm *ret_algorithm,
                          guint8 ret_signature[FRAME_TAG_MAX_BYTES])
{
    Credentials *credentials = authentication->credentials;
    if (!credentials)
        return 0;
    ProtobufCBinaryData text = {n_bytes, (guint8 *)bytes};
    WireFrame frame = WIRE_FRAME_INIT;
    frame.messages = &text;
    frame.n_messages = 1;
    frame.algorithm = *ret_algorithm = credentials->algorithm;
    return credentials->ops->sign(credentials, &frame, ret_signature);
}

static void pack_signed(const Authentication *authentication, const FrameHead *head,
                        GBytes *const *messages, gsize n_messages, AuthenticatedFn fn,
                        gpointer data)
{
    FrameSeal seal = {.algorithm = authentication->credentials->algorithm,
                      .make = sign,
                      .data = authentication->credentials};
    g_autoptr(GBytes) payload = frame_pack_sealed(head, messages, n_messages, &seal);
    fn(data, payload);
}

static gboolean knows_us(const Peer *peer, gint64 now_us)
{
    return peer->heard_at_us > 0 && now_us - peer->heard_at_us < INTRODUCE_US;
}

static gboolean pack_for(const Authentication *authentication, const FrameHead *head,
                         GBytes *const *messages, gsize n_messages, Peer *peer, AuthenticatedFn fn,
                         gpointer data)
{
    Pairwise *pairwise = pairwise_with(authentication, head->to, peer);
    if (!pairwise)
        return FALSE;
    FrameHead addressed = *head;
    addressed.receiver = peer->presence.incarnation;
    FrameSeal seal = {
        .algorithm = QKDNF__V1__ALGORITHM__ALGORITHM_HMAC_SHA256_128,
        .pre_shared = pairwise_hint(pairwise),
        .introduction = knows_us(peer, head->sent_at_us) ? NULL : authentication->introduction,
        .make = tag,
        .data = pairwise,
    };
    g_autoptr(GBytes) payload = frame_pack_sealed(&addressed, messages, n_messages, &seal);
    fn(data, payload);
    return TRUE;
}

gboolean authentication_pack(Authentication *authentication, const FrameHead *head,
                             GBytes *const *messages, gsize n_messages, AuthenticatedFn fn,
                             gpointer data)
{
    const Kind *kind = kind_get(head->kind);
    if (kind->to_all) {
        pack_signed(authentication, head, messages, n_messages, fn, data);
        return TRUE;
    }
    g_autoptr(GPtrArray) receivers = peer_book_receivers(authentication->peers, head->to, kind->to);
    gboolean is_any = FALSE;
    for (guint i = 0; i < receivers->len; i++)
        is_any |=
            pack_for(authentication, head, messages, n_messages, receivers->pdata[i], fn, data);
    return is_any;
}

GBytes *authentication_announcement(Authentication *authentication, gint64 now_us)
{
    if (!authentication->is_missed || now_us - authentication->announced_at_us < ANNOUNCE_US)
        return NULL;
    authentication->is_missed = FALSE;
    authentication->announced_at_us = now_us;
    return g_bytes_ref(authentication->introduction);
}

// --- credentials ---------------------------------------------------------------------------------

typedef struct {
    const Authentication *authentication;
    gint64 now_us;
} Renewal;

static ProtobufCBinaryData *view_chain(const GPtrArray *chain)
{
    ProtobufCBinaryData *views = g_new(ProtobufCBinaryData, chain->len);
    for (guint i = 0; i < chain->len; i++)
        views[i].data = (guint8 *)g_bytes_get_data(chain->pdata[i], &views[i].len);
    return views;
}

static void verify_again(gpointer data, Peer *peer)
{
    const Renewal *renewal = data;
    g_autofree ProtobufCBinaryData *views = view_chain(peer->chain);
    g_clear_pointer(&peer->certificate, certificate_free);
    peer->certificate =
        verify_chain(renewal->authentication, views, peer->chain->len, renewal->now_us);
}

void authentication_set_credentials(Authentication *authentication, Credentials *credentials,
                                    gint64 now_us)
{
    // Who is on the bus says so when a certificate was renewed.
    authentication->is_missed |= authentication->credentials != NULL;
    credentials_free(authentication->credentials);
    authentication->credentials = credentials;
    g_clear_pointer(&authentication->introduction, g_bytes_unref);
    // No connection's: whatever else is known of this incarnation counts for more.
    authentication->introduction =
        presence_pack(&authentication->identity, 0, TRUE, credentials, now_us);
    peer_book_foreach(authentication->peers, verify_again, &(Renewal){authentication, now_us});
}
