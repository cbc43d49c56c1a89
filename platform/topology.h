#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// The federation as a graph of domains: providers, what each can do between its published nodes,
// and the border links between them with what is in stock and what of it was given out. Built from
// what the providers registered; pure state, no I/O.

#include "schemas/agreement.h"

typedef struct Link Link;
struct Agreement;

// What one provider may use of another now.
typedef struct {
    Purposes purposes;
    guint64 left_bits;                 // of the quota
    guint64 rate_bps;                  // of one session; 0: no limit
    const struct Agreement *agreement; // that says so, be it that it may use nothing; NULL: none
} Right;

typedef struct {
    char *id;
    gboolean is_usable;     // active, present and heard of lately
    guint rating_cost;      // for how it serves; 0: nothing is known against it
    Purposes denied;        // what its scope of role does not let it serve
    WireResource *resource; // as registered; NULL: nothing yet
    GPtrArray *links;       // Link with an end here, as registered
    GHashTable *claims;   // link ID → WireBorderLink: all that it registered, with an end or not
    GHashTable *interior; // set of WireVirtualLink in the resource, by both its ends
    guint index;          // in topology->providers
    Right standing;       // of all who have accepted the same terms as it has
    GHashTable *rights;   // Provider → Right: of those for which an agreement of the two decides
} Provider;

// One end of a border link, as its provider registered and reported it.
typedef struct {
    Provider *provider; // NULL: not registered
    char *node;
    char *peer;
    guint64 open_end;
    guint64 first_open;
    guint64 fill_bps;
    guint64 capacity; // slots that it keeps in stock at most; 0: the other end says
    gboolean is_up;
} LinkEnd;

struct Link {
    char *id;
    LinkEnd ends[2];
    guint64 next;           // the first slot that was not given out
    guint64 reserved_bps;   // of what arrives, for sessions
    guint64 reserved_slots; // of what is in stock, for their next blocks
    GPtrArray *bookings;    // Booking (booking.h), which is the topology's; NULL: none
    guint index;            // in topology->links
};

// What sessions have set aside of a link.
typedef struct {
    guint64 bps;
    guint64 n_slots;
} Reserve;

typedef struct {
    GPtrArray *providers; // Provider, in the order of registration
    GPtrArray *links;     // Link
    GHashTable *by_id;    // provider ID → Provider
    GHashTable *links_by_id;
    GHashTable *given_out; // ID of a link that has no end now → what its `next` was
    GHashTable *reserved;  // link ID → Reserve, whether the link is there or not
    GHashTable *drawn;     // "link buyer" → bit/s of that, for sessions of the buyer's users
    GHashTable *bookings;  // link ID → GPtrArray of Booking, whether it is there or not
} Topology;

Topology *topology_new(void);
void topology_free(Topology *topology);

Provider *topology_find(const Topology *topology, const char *provider);
Provider *topology_add(Topology *topology, const char *provider);
Link *topology_find_link(const Topology *topology, const char *link);

// What the buyer may use of the seller.
Right provider_right(const Provider *buyer, const Provider *seller);
// What it takes to serve a user of that home: one that has no network of its own shares another's.
Purposes provider_visit_purposes(const Provider *home);

// NULL when the resources can be registered, else why not (free with g_free()).
char *topology_check(const Provider *provider, const WireResource *resource);
// Replaces what the provider registered; the resource has passed the check and is owned from now
// on. Anyone can claim an end of any link: two that name each other have it, whoever came before.
void topology_register(Topology *topology, Provider *provider, WireResource *resource);

// What was given out of a link's slots before a restart, known before its ends register again.
void topology_restore_link(Topology *topology, const char *link, guint64 next);

// Sets so much of a link's capacity and stock aside for a session of the buyer's users, whether it
// is registered now or not; and gives back what was.
void topology_reserve(Topology *topology, const char *link, const char *buyer,
                      const Reserve *reserve);
void topology_give_back(Topology *topology, const char *link, const char *buyer,
                        const Reserve *reserve);
// What sessions of the buyer's users have of it.
guint64 topology_drawn_bps(const Topology *topology, const char *link, const char *buyer);

// Takes in a stock report. FALSE when the provider has no such link.
gboolean topology_report(Topology *topology, const Provider *provider, const WireLinkStock *stock);

// The end of the link that is with this provider, or the other one; NULL if it has none.
LinkEnd *link_end_of(Link *link, const Provider *provider);
LinkEnd *link_end_beyond(Link *link, const Provider *provider);
// Both ends are registered, name each other, and are up.
gboolean link_is_up(const Link *link);
// Slots that both ends hold and nobody was given.
guint64 link_n_available(const Link *link);
// Key arriving, bits per second: the slower end decides.
guint64 link_fill_bps(const Link *link);
// Of that, what nobody has reserved.
guint64 link_spare_bps(const Link *link);
// How many slots the link keeps in stock at most; 0: not known.
guint64 link_capacity(const Link *link);
// Gives out `n_slots`, which must be available; the first of them.
guint64 link_allocate(Link *link, guint64 n_slots);

// Whether the provider's network can carry key between two of its published nodes now.
gboolean provider_connects(const Provider *provider, const char *a, const char *b,
                           guint64 *ret_latency_us);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Topology, topology_free)
