#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// Routing on the domain graph: the cheapest path, or k paths that share no transit provider, from a
// user of one provider to a user of another, over border links that are up and have enough in
// stock. Pure functions of topology and query; ties are broken by the order of registration.

#include "platform/topology.h"

typedef struct {
    Provider *from;
    const char *from_node;
    Provider *to;
    const char *to_node;
    const Provider *via[2]; // providers that the path must lead through, in this order
    guint n_via;
    Provider *buyer;         // by whose agreements; NULL: agreements do not matter
    gboolean is_reroute;     // it takes over what failed elsewhere: also by who serves no more
    gboolean is_leaving;     // what is moved away from where it may not stay
    guint64 n_slots;         // needed on every link
    guint n_paths;           // that are asked for together, each through both ends; 0: one
    guint64 rate_bps;        // needed on every link beside what is reserved there; 0: none
    gboolean leaves_reserve; // what is in stock for sessions and bookings is not for it
    // When it needs the capacity: what is booked for others then is not for it. 0: bookings do not
    // matter.
    guint64 begins_us, ends_us;
    gboolean ignores_stock;
    gboolean can_wait;              // where more key arrives, a link may be short of stock
    GHashTable *excluded_providers; // set of IDs, or NULL
    GHashTable *excluded_links;     // set of IDs, or NULL
    GHashTable *planned; // Link or Provider → slots that an earlier part of the plan takes, or NULL
} RouteQuery;

// A crossing costs this much, plus as much again when it takes all that the link has in stock; the
// interior adds a unit per 10 microseconds, and a provider what it costs by its rating: half of it
// where the path comes in, and half where it leaves.
#define ROUTE_COST_CROSSING 1000

// Border links in the order in which the key crosses them; empty within one provider.
typedef GPtrArray Route;

// NULL when there is none. With `via`, it may miss one that exists where only a detour before a
// provider leaves the way behind it free.
Route *route_find(const Topology *topology, const RouteQuery *query);

// Exactly `n_paths` routes without a common transit provider and without a common link, of least
// total cost; NULL when there are not as many. Of providers that cannot carry key between all of
// their own gateways it may miss some that exist. With `via` there are none: that would be common
// to all.
GPtrArray *route_find_disjoint(const Topology *topology, const RouteQuery *query, guint n_paths);

// The providers of a route, first to last.
GPtrArray *route_providers(const RouteQuery *query, const Route *route);

// Whether the links lead from user to user, through whom they must, and every provider on the way
// can carry the key inside; and whether the key may cross all of them.
gboolean route_is_there(const RouteQuery *query, const Route *route);
gboolean route_can_take(const RouteQuery *query, const Route *route);
guint64 route_total_cost(const RouteQuery *query, const Route *route);

// Whether the buyer may use the provider for its part in the path.
gboolean route_may_use(const RouteQuery *query, const Provider *provider);
// What it would have to serve one of; PURPOSES_ANY: anything.
Purposes route_wanted_purposes(const RouteQuery *query, const Provider *provider);
// For what of it, as agreed and in its scope; none for the buyer itself.
Purposes route_purposes(const RouteQuery *query, const Provider *provider);
// Whether the key may cross the link from this provider, and what that costs.
gboolean route_can_cross(const RouteQuery *query, Link *link, const Provider *from);
guint64 route_cost(const RouteQuery *query, const Link *link);
// What of the link's stock is not for the query: for others, or for an earlier part of its plan.
guint64 route_slots_taken(const RouteQuery *query, const Link *link);
