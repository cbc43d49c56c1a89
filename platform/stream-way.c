// SPDX-License-Identifier: Apache-2.0
//
// The ways of sessions through the federation, and what is reserved on them: of each link the
// capacity that the rate takes, and of its stock one block, which requests of applications leave
// there. A buffer so has its next block while the link is slow or others are greedy.

#include "platform/handover.h"
#include "platform/stream.h"
#include "schemas/slot.h"

#include <string.h>

// --- what it takes -------------------------------------------------------------------------------

guint64 stream_slots(const FederationConfig *config, const WireSessionQos *qos, guint number)
{
    guint block = stream_block_size(config, qos->buffer);
    guint64 n_slots = number / block * plan_slots(block, qos->size_bits);
    return number % block == 0 ? n_slots : n_slots + plan_slots(number % block, qos->size_bits);
}

guint64 stream_rate_bps(const FederationConfig *config, const WireSessionQos *qos)
{
    guint64 block = stream_block_size(config, qos->buffer);
    double carried_bits = (double)(plan_slots((guint)block, qos->size_bits) * SLOT_BITS);
    return (guint64)((double)qos->rate_bps * carried_bits / (double)(block * qos->size_bits)) + 1;
}

// --- memory --------------------------------------------------------------------------------------

StreamWay *stream_way_new(guint target, char **links, char **providers, gboolean is_spare)
{
    StreamWay *way = g_new(StreamWay, 1);
    *way = (StreamWay){target, links, providers, NULL, is_spare};
    return way;
}

void stream_way_free(gpointer data)
{
    StreamWay *way = data;
    g_strfreev(way->links);
    g_strfreev(way->providers);
    g_free(way->buyer);
    g_free(way);
}

static StreamWay *way_of_route(const RouteQuery *query, const Route *route, guint target,
                               gboolean is_spare)
{
    g_autoptr(GStrvBuilder) links = g_strv_builder_new(), providers = g_strv_builder_new();
    g_autoptr(GPtrArray) crossed = route_providers(query, route);
    for (guint i = 0; i < route->len; i++)
        g_strv_builder_add(links, ((Link *)route->pdata[i])->id);
    for (guint i = 0; i < crossed->len; i++)
        g_strv_builder_add(providers, ((Provider *)crossed->pdata[i])->id);
    return stream_way_new(target, g_strv_builder_end(links), g_strv_builder_end(providers),
                          is_spare);
}

// NULL when one of its links, or the way between two of them, is not registered any more.
static Route *route_of_way(const Federation *federation, const RouteQuery *query,
                           const StreamWay *way)
{
    g_autoptr(GPtrArray) route = g_ptr_array_new();
    for (char **id = way->links; *id; id++) {
        Link *link = topology_find_link(federation->topology, *id);
        if (!link)
            return NULL;
        g_ptr_array_add(route, link);
    }
    return route_is_there(query, route) ? g_steal_pointer(&route) : NULL;
}

// --- reservation ---------------------------------------------------------------------------------

static void note_way(Federation *federation, const Stream *stream, const StreamWay *way,
                     void (*note)(Affected *, AffectedBy, const char *, const char *))
{
    for (char **link = way->links; *link; link++)
        note(federation->streaming, BY_LINK, *link, stream->id);
    for (char **provider = way->providers; *provider; provider++)
        note(federation->streaming, BY_PROVIDER, *provider, stream->id);
}

static Reserve reserve_of(const FederationConfig *config, const WireSessionQos *qos)
{
    guint block = stream_block_size(config, qos->buffer);
    return (Reserve){stream_rate_bps(config, qos), stream_slots(config, qos, block)};
}

void stream_add_way(Federation *federation, Stream *stream, StreamWay *way)
{
    const Application *initiator = directory_find(federation, stream->open->initiator);
    if (!way->buyer)
        way->buyer = g_strdup(initiator ? initiator->home->id : "");
    g_ptr_array_add(stream->ways, way);
    Reserve reserve = reserve_of(federation->config, stream->qos);
    for (char **link = way->links; *link; link++)
        topology_reserve(federation->topology, *link, way->buyer, &reserve);
    note_way(federation, stream, way, affected_add);
}

void stream_drop_way(Federation *federation, Stream *stream, StreamWay *way)
{
    Reserve reserve = reserve_of(federation->config, stream->qos);
    for (char **link = way->links; *link; link++)
        topology_give_back(federation->topology, *link, way->buyer, &reserve);
    note_way(federation, stream, way, affected_remove);
    g_ptr_array_remove(stream->ways, way);
}

void stream_drop_ways(Federation *federation, Stream *stream, int target)
{
    for (guint i = stream->ways->len; i > 0; i--) {
        StreamWay *way = stream->ways->pdata[i - 1];
        if (target < 0 || way->target == (guint)target)
            stream_drop_way(federation, stream, way);
    }
}

// --- search --------------------------------------------------------------------------------------

gboolean stream_query(const Federation *federation, const WireSessionOpen *open, guint target,
                      RouteQuery *ret_query)
{
    const Application *from = directory_find(federation, open->initiator);
    const Application *to = directory_find(federation, open->targets[target]);
    if (!from || !to)
        return FALSE;
    guint64 now = (guint64)federation->now, life_ms = open->qos->lifetime_ms;
    *ret_query = (RouteQuery){
        .buyer = from->home,
        .begins_us = now,
        .ends_us = life_ms > 0 ? now + life_ms * G_TIME_SPAN_MILLISECOND : G_MAXUINT64,
        .is_reroute = TRUE,
        .from = attachment_provider(from),
        .from_node = attachment_node(from),
        .to = attachment_provider(to),
        .to_node = attachment_node(to),
    };
    roaming_lead_home(ret_query, from, to);
    return TRUE;
}

static GHashTable *excluded_providers(const WireSessionOpen *open)
{
    GHashTable *set = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (gsize i = 0; i < open->n_exclude; i++)
        g_hash_table_add(set, g_strdup(open->exclude[i]));
    return set;
}

static guint n_paths_of(const Stream *stream)
{
    return MAX(stream->qos->paths, 1);
}

// Dearest last, so that the spare way is the one that is used least.
static int compare_routes(gconstpointer a, gconstpointer b, gpointer query)
{
    guint64 x = route_total_cost(query, *(Route *const *)a);
    guint64 y = route_total_cost(query, *(Route *const *)b);
    return (x > y) - (x < y);
}

static Status take_routes(Federation *federation, Stream *stream, guint target, RouteQuery *query,
                          guint n_routes)
{
    g_autoptr(GPtrArray) routes = plan_find_routes(federation->topology, query, n_routes);
    if (!routes)
        return plan_explain(federation->topology, query, n_routes, NULL);
    if (plan_is_too_long(routes))
        return STATUS_UNSUPPORTED;
    g_ptr_array_sort_with_data(routes, compare_routes, query);
    for (guint i = 0; i < routes->len; i++)
        stream_add_way(federation, stream,
                       way_of_route(query, routes->pdata[i], target, i >= n_paths_of(stream)));
    return STATUS_OK;
}

// What is searched for a session that runs has to last until its end, and no longer.
static gboolean query_of(const Federation *federation, const Stream *stream, guint target,
                         RouteQuery *ret_query)
{
    if (!stream_query(federation, stream->open, target, ret_query))
        return FALSE;
    if (stream->opened_at_us > 0 && stream->stage_ends_at_us > 0)
        ret_query->ends_us = (guint64)stream->stage_ends_at_us;
    return TRUE;
}

// Finds and takes ways to one target, a spare one among them if that is wanted.
static Status take_ways_to(Federation *federation, Stream *stream, guint target, guint number,
                           gboolean with_spare)
{
    RouteQuery query;
    if (!query_of(federation, stream, target, &query))
        return STATUS_UNKNOWN_SAE;
    if (!query.from->is_usable || !query.to->is_usable)
        return STATUS_NO_ROUTE;
    g_autoptr(GHashTable) excluded = excluded_providers(stream->open);
    query.excluded_providers = excluded;
    query.rate_bps = stream_rate_bps(federation->config, stream->qos);
    query.n_slots = stream_slots(federation->config, stream->qos, number);
    query.n_paths = n_paths_of(stream);
    // One that is new gets nothing of what others live on, and has nothing to be moved from.
    query.leaves_reserve = stream->opened_at_us == 0;
    query.is_reroute = !query.leaves_reserve;
    return take_routes(federation, stream, target, &query, n_paths_of(stream) + with_spare);
}

Status stream_take_ways_to(Federation *federation, Stream *stream, guint target, guint number)
{
    Status status = STATUS_NO_DISJOINT_PATHS;
    if (stream->qos->protected_)
        status = take_ways_to(federation, stream, target, number, TRUE);
    return status == STATUS_OK ? status : take_ways_to(federation, stream, target, number, FALSE);
}

Status stream_take_ways(Federation *federation, Stream *stream)
{
    // What one target's ways take of a link's stock is not there for another's.
    guint number = stream->qos->buffer * (guint)stream->open->n_targets;
    Status status = STATUS_OK;
    for (guint target = 0; status == STATUS_OK && target < stream->open->n_targets; target++)
        status = take_ways_to(federation, stream, target, number, stream->qos->protected_);
    if (status != STATUS_OK)
        stream_drop_ways(federation, stream, -1);
    return status;
}

// Nothing of a way that is used already may be on the spare one.
static void exclude_way(RouteQuery *query, const StreamWay *way)
{
    for (char **link = way->links; *link; link++)
        g_hash_table_add(query->excluded_links, *link);
    for (char **provider = way->providers; *provider; provider++) {
        if (strcmp(*provider, query->from->id) != 0 && strcmp(*provider, query->to->id) != 0)
            g_hash_table_add(query->excluded_providers, g_strdup(*provider));
    }
}

void stream_take_spare(Federation *federation, Stream *stream, guint target)
{
    RouteQuery query;
    if (!stream->qos->protected_ || stream_n_ways(stream, target, TRUE) > 0 ||
        !query_of(federation, stream, target, &query) || query.from == query.to)
        return;
    g_autoptr(GHashTable) providers = excluded_providers(stream->open);
    g_autoptr(GHashTable) links = g_hash_table_new(g_str_hash, g_str_equal);
    query.excluded_providers = providers;
    query.excluded_links = links;
    query.ignores_stock = TRUE;
    query.rate_bps = stream_rate_bps(federation->config, stream->qos);
    for (guint i = 0; i < stream->ways->len; i++) {
        const StreamWay *way = stream->ways->pdata[i];
        if (way->target == target)
            exclude_way(&query, way);
    }
    g_autoptr(GPtrArray) routes = plan_find_routes(federation->topology, &query, 1);
    if (routes && !plan_is_too_long(routes))
        stream_add_way(federation, stream, way_of_route(&query, routes->pdata[0], target, TRUE));
}

// --- what it has ---------------------------------------------------------------------------------

guint stream_n_ways(const Stream *stream, guint target, gboolean is_spare)
{
    guint n = 0;
    for (guint i = 0; i < stream->ways->len; i++) {
        const StreamWay *way = stream->ways->pdata[i];
        n += way->target == target && way->is_spare == is_spare;
    }
    return n;
}

GPtrArray *stream_routes(Federation *federation, const Stream *stream, guint target,
                         const RouteQuery *query)
{
    g_autoptr(GPtrArray) routes = g_ptr_array_new_with_free_func((GDestroyNotify)g_ptr_array_unref);
    for (guint i = 0; i < stream->ways->len; i++) {
        const StreamWay *way = stream->ways->pdata[i];
        if (way->target != target || way->is_spare)
            continue;
        Route *route = route_of_way(federation, query, way);
        if (route)
            g_ptr_array_add(routes, route);
        if (!route || !route_can_take(query, route))
            return NULL;
    }
    guint n_needed = query->from == query->to ? 1 : n_paths_of(stream);
    return routes->len == n_needed ? g_steal_pointer(&routes) : NULL;
}

gboolean stream_way_is_usable(Federation *federation, const Stream *stream, const StreamWay *way,
                              guint number)
{
    RouteQuery query;
    if (!stream_query(federation, stream->open, way->target, &query) || !query.from->is_usable)
        return FALSE;
    query.n_slots = stream_slots(federation->config, stream->qos, number);
    g_autoptr(GPtrArray) route = route_of_way(federation, &query, way);
    return route && route_can_take(&query, route);
}

guint64 stream_cost(Federation *federation, const Stream *stream, guint target)
{
    guint64 cost = 0;
    RouteQuery query;
    if (!stream_query(federation, stream->open, target, &query))
        return G_MAXUINT64;
    for (guint i = 0; i < stream->ways->len; i++) {
        const StreamWay *way = stream->ways->pdata[i];
        if (way->target != target || way->is_spare)
            continue;
        g_autoptr(GPtrArray) route = route_of_way(federation, &query, way);
        if (!route)
            return G_MAXUINT64;
        cost += route_total_cost(&query, route);
    }
    return cost;
}
