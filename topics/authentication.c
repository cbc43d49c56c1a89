// SPDX-License-Identifier: Apache-2.0

#include "topics/authentication-core.h"

// Whoever was silent for this long may have forgotten this member: it introduces itself again.
#define INTRODUCE_US (30 * G_TIME_SPAN_SECOND)

// Not announced more often, however many ask for it.
#define ANNOUNCE_US G_TIME_SPAN_SECOND

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

// --- peers ---------------------------------------------------------------------------------------

Certificate *authentication_verify(const Authentication *authentication,
                                   const ProtobufCBinaryData *chain, gsize n_certificates,
                                   gint64 now_us)
{
    Credentials *credentials = authentication->credentials;
    return credentials->ops->verify(credentials, chain, n_certificates, now_us);
}

Pairwise *authentication_keys_with(const Authentication *authentication, const char *id, Peer *peer)
{
    if (!peer->pairwise) {
        Identity other = {id, peer->role, peer->presence.incarnation, peer->share};
        peer->pairwise = pairwise_new(authentication->key, &authentication->identity, &other,
                                      g_hash_table_lookup(authentication->pre_shared, id));
    }
    return peer->pairwise;
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
    Pairwise *pairwise = authentication_keys_with(authentication, head->to, peer);
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
        authentication_verify(renewal->authentication, views, peer->chain->len, renewal->now_us);
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
