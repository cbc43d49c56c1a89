#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// The incarnations of other members that authentication knows: what each said of itself, and the
// keys with it. For authentication.c only.

#include "topics/pairwise.h"
#include "topics/replay.h"

#define CERTIFICATE_DIGEST_BYTES 32

// One incarnation of a member: a program.
typedef struct {
    PresenceState presence;
    Role role;
    guint8 share[SHARE_BYTES];
    Certificate *certificate; // NULL: it is not valid any more
    GPtrArray *chain;         // GBytes: as it was verified
    guint8 certificate_sha256[CERTIFICATE_DIGEST_BYTES];
    Pairwise *pairwise;         // made with the first frame
    gint64 heard_at_us;         // when it last showed that it knows this member; 0: never
    gint64 noted_at_us;         // when it was last heard of at all
    ReplayWindow window;        // of what it said to this member
    ReplayWindow signed_window; // of what it said to all
} Peer;

typedef struct PeerBook PeerBook;

PeerBook *peer_book_new(void);
void peer_book_free(PeerBook *book);

// NULL when it is not known.
Peer *peer_book_find(const PeerBook *book, const char *id, guint64 incarnation);

// Whether that incarnation is older than what is known of a member that has one at a time.
gboolean peer_book_is_outdated(const PeerBook *book, const char *id, Role role,
                               guint64 incarnation);

// A new entry, whose role is set; NULL when there is no room for it. Takes the place of the earlier
// incarnation of a member that has one at a time.
Peer *peer_book_add(PeerBook *book, const char *id, Role role, guint64 incarnation, gint64 now_us);

// Those to whom a frame for `id` goes: in one of these roles and there, the last heard of first; no
// more than a few. Release with g_ptr_array_unref().
GPtrArray *peer_book_receivers(const PeerBook *book, const char *id, Roles roles);

// All, in no order.
typedef void (*PeerFn)(gpointer data, Peer *peer);
void peer_book_foreach(const PeerBook *book, PeerFn fn, gpointer data);
