// SPDX-License-Identifier: Apache-2.0

#include "topics/peer-book.h"

// All of these need a certificate of the federation to be used up.
#define MEMBERS_MAX   20000
#define PROGRAMS_MAX  1024 // of one member: seven a second
#define RECEIVERS_MAX 16

// A program that is gone is remembered until everything that it said has expired, or it could be
// said again: 60 s at the most, and the clocks' difference (dispatch.c).
#define REMEMBER_US (150 * G_TIME_SPAN_SECOND)

struct PeerBook {
    GHashTable *members; // ID → GPtrArray of Peer
};

// A platform or agent is there once.
static gboolean is_single(Role role)
{
    return role == ROLE_PLATFORM || role == ROLE_AGENT;
}

static void peer_free(gpointer data)
{
    Peer *peer = data;
    certificate_free(peer->certificate);
    pairwise_free(peer->pairwise);
    g_clear_pointer(&peer->chain, g_ptr_array_unref);
    g_free(peer);
}

PeerBook *peer_book_new(void)
{
    PeerBook *book = g_new0(PeerBook, 1);
    book->members =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
    return book;
}

void peer_book_free(PeerBook *book)
{
    if (!book)
        return;
    g_hash_table_unref(book->members);
    g_free(book);
}

Peer *peer_book_find(const PeerBook *book, const char *id, guint64 incarnation)
{
    const GPtrArray *programs = g_hash_table_lookup(book->members, id);
    for (guint i = 0; programs && i < programs->len; i++) {
        Peer *peer = programs->pdata[i];
        if (peer->presence.incarnation == incarnation)
            return peer;
    }
    return NULL;
}

static const Peer *find_single(const GPtrArray *programs, Role role)
{
    for (guint i = 0; programs && i < programs->len; i++) {
        const Peer *peer = programs->pdata[i];
        if (peer->role == role)
            return peer;
    }
    return NULL;
}

gboolean peer_book_is_outdated(const PeerBook *book, const char *id, Role role, guint64 incarnation)
{
    if (!is_single(role))
        return FALSE;
    const Peer *known = find_single(g_hash_table_lookup(book->members, id), role);
    return known && incarnation < known->presence.incarnation;
}

// A program that is gone, or of which nothing was heard for the longest time: it introduces itself
// again should it still be there.
static gboolean make_room(GPtrArray *programs, gint64 now_us)
{
    guint oldest = 0;
    for (guint i = 1; i < programs->len; i++) {
        const Peer *peer = programs->pdata[i], *other = programs->pdata[oldest];
        if (peer->noted_at_us < other->noted_at_us)
            oldest = i;
    }
    if (now_us - ((const Peer *)programs->pdata[oldest])->noted_at_us < REMEMBER_US)
        return FALSE;
    g_ptr_array_remove_index(programs, oldest);
    return TRUE;
}

static GPtrArray *find_programs(PeerBook *book, const char *id)
{
    GPtrArray *programs = g_hash_table_lookup(book->members, id);
    if (programs || g_hash_table_size(book->members) >= MEMBERS_MAX)
        return programs;
    programs = g_ptr_array_new_with_free_func(peer_free);
    g_hash_table_insert(book->members, g_strdup(id), programs);
    return programs;
}

Peer *peer_book_add(PeerBook *book, const char *id, Role role, guint64 incarnation, gint64 now_us)
{
    GPtrArray *programs = find_programs(book, id);
    if (!programs)
        return NULL;
    const Peer *earlier = is_single(role) ? find_single(programs, role) : NULL;
    if (earlier)
        g_ptr_array_remove(programs, (gpointer)earlier);
    if (programs->len >= PROGRAMS_MAX && !make_room(programs, now_us))
        return NULL;
    Peer *peer = g_new0(Peer, 1);
    peer->role = role;
    peer->presence.incarnation = incarnation;
    peer->noted_at_us = now_us;
    g_ptr_array_add(programs, peer);
    return peer;
}

static gboolean receives(const Peer *peer, Roles roles)
{
    return peer->certificate && (roles & ROLE_BIT(peer->role)) &&
           (peer->presence.alive || is_single(peer->role));
}

static int compare_heard(gconstpointer a, gconstpointer b)
{
    const Peer *first = *(Peer *const *)a, *second = *(Peer *const *)b;
    return (first->heard_at_us < second->heard_at_us) - (first->heard_at_us > second->heard_at_us);
}

GPtrArray *peer_book_receivers(const PeerBook *book, const char *id, Roles roles)
{
    const GPtrArray *programs = g_hash_table_lookup(book->members, id);
    GPtrArray *receivers = g_ptr_array_new();
    for (guint i = 0; programs && i < programs->len; i++) {
        if (receives(programs->pdata[i], roles))
            g_ptr_array_add(receivers, programs->pdata[i]);
    }
    if (receivers->len > RECEIVERS_MAX) {
        g_ptr_array_sort(receivers, compare_heard);
        g_ptr_array_set_size(receivers, RECEIVERS_MAX);
    }
    return receivers;
}

void peer_book_foreach(const PeerBook *book, PeerFn fn, gpointer data)
{
    GHashTableIter members;
    gpointer programs;
    g_hash_table_iter_init(&members, book->members);
    while (g_hash_table_iter_next(&members, NULL, &programs)) {
        for (guint i = 0; i < ((GPtrArray *)programs)->len; i++)
            fn(data, ((GPtrArray *)programs)->pdata[i]);
    }
}
