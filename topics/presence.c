// SPDX-License-Identifier: Apache-2.0

#include "topics/presence.h"

GBytes *presence_pack(const char *from, Role role, guint64 incarnation, guint64 connection,
                      gboolean alive, gint64 now_us)
{
    WirePresence presence = WIRE_PRESENCE_INIT;
    presence.alive = alive;
    presence.role = (Qkdnf__V1__Role)role;
    presence.incarnation = incarnation;
    presence.connection = connection;
    presence.software = (char *)"qkdnf " QKDNF_VERSION;
    g_autoptr(GBytes) message = message_pack(&presence.base);
    FrameHead head = {KIND_PRESENCE, from, ID_ALL, incarnation, 0, now_us};
    return frame_pack(&head, &message, 1);
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
