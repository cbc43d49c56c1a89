// SPDX-License-Identifier: Apache-2.0

#include "topics/presence.h"

guint64 presence_draw_incarnation(gint64 now_us, const Random *random)
{
    guint32 less_us;
    random_fill(random, (guint8 *)&less_us, sizeof less_us);
    return (guint64)now_us - less_us % G_USEC_PER_SEC;
}

static gsize sign(gpointer data, const WireFrame *frame, guint8 ret_tag[FRAME_TAG_MAX_BYTES])
{
    Credentials *credentials = data;
    return credentials->ops->sign(credentials, frame, ret_tag);
}

static ProtobufCBinaryData *view_chain(const GPtrArray *chain)
{
    ProtobufCBinaryData *views = g_new(ProtobufCBinaryData, chain->len);
    for (guint i = 0; i < chain->len; i++)
        views[i].data = (guint8 *)g_bytes_get_data(chain->pdata[i], &views[i].len);
    return views;
}

GBytes *presence_pack(const Identity *identity, guint64 connection, gboolean alive,
                      Credentials *credentials, gint64 now_us)
{
    WirePresence presence = WIRE_PRESENCE_INIT;
    presence.alive = alive;
    presence.role = (Qkdnf__V1__Role)identity->role;
    presence.incarnation = identity->incarnation;
    presence.connection = connection;
    presence.software = (char *)"qkdnf " QKDNF_VERSION;
    FrameHead head = {KIND_PRESENCE, identity->id, ID_ALL, identity->incarnation, 0, now_us, 0};
    if (!credentials) {
        g_autoptr(GBytes) message = message_pack(&presence.base);
        return frame_pack(&head, &message, 1);
    }
    g_autofree ProtobufCBinaryData *chain = view_chain(credentials->chain);
    presence.share = (ProtobufCBinaryData){SHARE_BYTES, (guint8 *)identity->share};
    presence.n_certificates = credentials->chain->len;
    presence.certificates = chain;
    g_autoptr(GBytes) message = message_pack(&presence.base);
    FrameSeal seal = {.algorithm = credentials->algorithm, .make = sign, .data = credentials};
    return frame_pack_sealed(&head, &message, 1, &seal);
}

gboolean presence_update(PresenceState *state, const WirePresence *message)
{
    if (message->incarnation < state->incarnation)
        return FALSE;
    gboolean same_life = message->incarnation == state->incarnation;
    if (same_life && message->connection < state->connection)
        return FALSE;
    gboolean same_connection = same_life && message->connection == state->connection;
    if (same_connection && (message->alive || !state->alive))
        return FALSE;
    *state = (PresenceState){message->alive, message->incarnation, message->connection};
    return TRUE;
}
