// SPDX-License-Identifier: Apache-2.0
//
// Frames in: births, which are signed and carry their own certificate, and what members say that
// have one on record.

#include "topics/authentication-core.h"

#include <string.h>

// --- presence ------------------------------------------------------------------------------------

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
    g_autoptr(Certificate) certificate = authentication_verify(
        authentication, presence->certificates, presence->n_certificates, now_us);
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

static Refusal check_tag(const Authentication *authentication, const char *from,
                         const WireFrame *frame, Peer *peer)
{
    Pairwise *pairwise = authentication_keys_with(authentication, from, peer);
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
