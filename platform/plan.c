// SPDX-License-Identifier: Apache-2.0
//
// From a request to its split: routes for all targets, slots on every border link that they cross,
// one order for each provider that takes part.

#include "platform/handover.h"
#include "platform/stream.h"

#include <string.h>

#define SLOT_BYTES          32
#define AUTHENTICATOR_BYTES 32

// Agents may let this pass before they fill up from above their low water mark, and again before
// they report what they hold.
#define REPORT_MS 4000

// No agent takes an order whose path is longer.
#define PATH_MAX_PROVIDERS 32

#define BRANCH(role) QKDNF__V1__BRANCH_ROLE__BRANCH_ROLE_##role

static guint64 slots_of_bytes(guint64 n_bytes)
{
    return (n_bytes + AUTHENTICATOR_BYTES + SLOT_BYTES - 1) / SLOT_BYTES;
}

guint64 plan_slots(guint number, guint size_bits)
{
    return slots_of_bytes((guint64)number * size_bits / 8);
}

// With copies goes a bit for each key.
static guint64 slots_of(const Request *request)
{
    guint64 n_keys = request->wire->number, n_mark_bytes = request->copy ? (n_keys + 7) / 8 : 0;
    return slots_of_bytes(n_keys * request->wire->size_bits / 8 + n_mark_bytes);
}

guint64 plan_order_bits(const Request *request, const WireOrder *order)
{
    return order->n_branches * slots_of(request) * SLOT_BYTES * 8;
}

// --- routes --------------------------------------------------------------------------------------

// All routes of one attempt, with the slots that they will take together.
typedef struct {
    GPtrArray *routes;   // by target: GPtrArray of Route
    GHashTable *planned; // Link or Provider → slots
    char *why_not;       // there is none, where more can be said than the status does
} Plan;

static void plan_clear(Plan *plan)
{
    g_ptr_array_unref(plan->routes);
    g_hash_table_unref(plan->planned);
    g_free(plan->why_not);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Plan, plan_clear)

// From where the application leaves to where it comes.
static RouteQuery query_for_copy(Federation *federation, const Request *request, const Plan *plan)
{
    const Handover *handover = handover_find_running(federation, request->wire->initiator);
    const Application *moving = directory_find(federation, request->wire->initiator);
    return (RouteQuery){
        .buyer = moving->home,
        .is_reroute = TRUE,
        .is_leaving = TRUE,
        .from = handover->old_provider,
        .from_node = handover->old_node,
        .to = handover->provider,
        .to_node = handover->node,
        .n_slots = slots_of(request),
        .excluded_providers = request->excluded_providers,
        .excluded_links = request->excluded_links,
        .planned = plan->planned,
    };
}

static RouteQuery query_for(Federation *federation, const Request *request, guint target,
                            const Plan *plan)
{
    if (request->copy)
        return query_for_copy(federation, request, plan);
    const Application *from = directory_find(federation, request->wire->initiator);
    const Application *to = directory_find(federation, request->wire->targets[target]);
    RouteQuery query = {
        .buyer = from->home,
        .is_reroute = request->session || request->attempt > 0,
        .from = attachment_provider(from),
        .from_node = attachment_node(from),
        .to = attachment_provider(to),
        .to_node = attachment_node(to),
        .n_slots = slots_of(request),
        .n_paths = request->wire->paths,
        .excluded_providers = request->excluded_providers,
        .excluded_links = request->excluded_links,
        .planned = plan->planned,
        .leaves_reserve = !request->session,
        .begins_us = (guint64)federation->now,
        .ends_us = (guint64)federation->now,
    };
    roaming_lead_home(&query, from, to);
    return query;
}

GPtrArray *plan_find_routes(const Topology *topology, const RouteQuery *query, guint n_paths)
{
    if (n_paths > 1 && query->from != query->to)
        return route_find_disjoint(topology, query, n_paths);
    Route *route = route_find(topology, query);
    if (!route)
        return NULL;
    GPtrArray *routes = g_ptr_array_new_with_free_func((GDestroyNotify)g_ptr_array_unref);
    g_ptr_array_add(routes, route);
    return routes;
}

gboolean plan_is_too_long(const GPtrArray *routes)
{
    for (guint i = 0; i < routes->len; i++) {
        if (((Route *)routes->pdata[i])->len >= PATH_MAX_PROVIDERS)
            return TRUE;
    }
    return FALSE;
}

static void take_of_each(Plan *plan, const GPtrArray *crossed, guint64 n_slots)
{
    for (guint i = 0; i < crossed->len; i++) {
        gsize planned = GPOINTER_TO_SIZE(g_hash_table_lookup(plan->planned, crossed->pdata[i]));
        g_hash_table_insert(plan->planned, crossed->pdata[i], GSIZE_TO_POINTER(planned + n_slots));
    }
}

static void take_into_plan(Plan *plan, GPtrArray *routes, const RouteQuery *query)
{
    g_ptr_array_add(plan->routes, routes);
    for (guint i = 0; i < routes->len; i++) {
        g_autoptr(GPtrArray) providers = route_providers(query, routes->pdata[i]);
        take_of_each(plan, routes->pdata[i], query->n_slots);
        take_of_each(plan, providers, query->n_slots);
    }
}

// An application can go while a request for it is under way.
static gboolean are_registered(const Federation *federation, const WireRequest *wire)
{
    gboolean are = directory_find(federation, wire->initiator) != NULL;
    for (gsize i = 0; are && i < wire->n_targets; i++)
        are = directory_find(federation, wire->targets[i]) != NULL;
    return are;
}

// A session's keys go its own way as long as that has enough in stock, else any.
static GPtrArray *find_routes(Federation *federation, const Request *request, guint target,
                              const RouteQuery *query)
{
    const Stream *stream = request->session && !request->copy
                               ? stream_find(federation, request->session->session)
                               : NULL;
    GPtrArray *routes = stream ? stream_routes(federation, stream, target, query) : NULL;
    return routes ? routes
                  : plan_find_routes(federation->topology, query, MAX(request->wire->paths, 1));
}

// One that withdraws takes no part in anything new, but what it holds can still be moved away.
static gboolean can_leave(const Federation *federation, const Request *request,
                          const Provider *from)
{
    return from->is_usable || (request->copy && from->resource &&
                               member_state(federation, from->id) ==
                                   QKDNF__V1__MEMBER_STATE__MEMBER_STATE_WITHDRAWING);
}

static Status find_all_routes(Federation *federation, const Request *request, gboolean can_wait,
                              Plan *plan)
{
    plan->routes = g_ptr_array_new_with_free_func((GDestroyNotify)g_ptr_array_unref);
    plan->planned = g_hash_table_new(NULL, NULL);
    if (!are_registered(federation, request->wire))
        return STATUS_UNKNOWN_SAE;
    if (request->copy && !handover_find_running(federation, request->wire->initiator))
        return STATUS_VOIDED;
    for (guint target = 0; target < request->wire->n_targets; target++) {
        RouteQuery query = query_for(federation, request, target, plan);
        query.can_wait = can_wait;
        guint n_paths = MAX(request->wire->paths, 1);
        if (!can_leave(federation, request, query.from) || !query.to->is_usable)
            return STATUS_NO_ROUTE;
        GPtrArray *routes = find_routes(federation, request, target, &query);
        if (!routes)
            return plan_explain(federation->topology, &query, n_paths, &plan->why_not);
        take_into_plan(plan, routes, &query);
        if (plan_is_too_long(routes))
            return STATUS_UNSUPPORTED;
    }
    return STATUS_OK;
}

// --- orders --------------------------------------------------------------------------------------

// The order for one agent while it grows; what its branches point at lives as long as the split.
typedef struct {
    Provider *agent;
    GPtrArray *branches; // WireBranch
    Purposes purposes;   // that it serves for them
} Draft;

typedef struct {
    Federation *federation;
    const Request *request;
    const Provider *from; // where the initiator is served
    Provider *buyer;      // its home
    GArray *drafts;       // Draft
    GPtrArray *memory;    // everything that was allocated for them
} Split;

static gpointer split_alloc(Split *split, gsize n_bytes)
{
    gpointer memory = g_malloc0(n_bytes);
    g_ptr_array_add(split->memory, memory);
    return memory;
}

static Draft *draft_of(Split *split, Provider *agent)
{
    for (guint i = 0; i < split->drafts->len; i++) {
        Draft *draft = &g_array_index(split->drafts, Draft, i);
        if (draft->agent == agent)
            return draft;
    }
    Draft draft = {agent, g_ptr_array_new(), 0};
    g_array_append_val(split->drafts, draft);
    return &g_array_index(split->drafts, Draft, split->drafts->len - 1);
}

static void add_branch(Split *split, const RouteQuery *query, Provider *agent,
                       const WireBranch *branch)
{
    WireBranch *copy = split_alloc(split, sizeof *copy);
    *copy = *branch;
    Draft *draft = draft_of(split, agent);
    g_ptr_array_add(draft->branches, copy);
    draft->purposes |= route_purposes(query, agent);
}

static void save_link(Federation *federation, const Link *link)
{
    Platform__State__Link state = PLATFORM__STATE__LINK__INIT;
    state.next = link->next;
    g_autoptr(GBytes) value = message_pack(&state.base);
    store_put_text(federation->store, "link", link->id, value);
}

static WireSlotRange *allocate(Split *split, Link *link, guint64 n_slots)
{
    WireSlotRange *range = split_alloc(split, sizeof *range);
    *range = (WireSlotRange)WIRE_SLOT_RANGE_INIT;
    range->link = link->id;
    range->first = link_allocate(link, n_slots);
    range->n_slots = (guint32)n_slots;
    save_link(split->federation, link);
    return range;
}

// One branch for each provider of a route.
static void split_route(Split *split, const RouteQuery *query, const Route *route,
                        const WireBranch *common)
{
    g_autoptr(GPtrArray) providers = route_providers(query, route);
    char **names = split_alloc(split, sizeof(char *) * providers->len);
    for (guint i = 0; i < providers->len; i++)
        names[i] = ((Provider *)providers->pdata[i])->id;
    const char *node = query->from_node;
    WireSlotRange *ingress = NULL;
    for (guint i = 0; i < providers->len; i++) {
        Provider *provider = providers->pdata[i];
        Link *link = i < route->len ? route->pdata[i] : NULL;
        WireBranch branch = *common;
        branch.role = route->len == 0 ? BRANCH(LOCAL)
                      : i == 0        ? BRANCH(INITIATOR)
                      : link          ? BRANCH(TRANSIT)
                                      : BRANCH(TARGET);
        branch.n_providers = providers->len;
        branch.providers = names;
        branch.target_agent = query->to->id;
        branch.ingress = ingress;
        branch.egress = link ? allocate(split, link, query->n_slots) : NULL;
        branch.from_node = (char *)node;
        branch.to_node = link ? link_end_of(link, provider)->node : (char *)query->to_node;
        add_branch(split, query, provider, &branch);
        ingress = branch.egress;
        node = link ? link_end_beyond(link, provider)->node : NULL;
    }
}

static void split_all(Split *split, const Plan *plan)
{
    for (guint target = 0; target < plan->routes->len; target++) {
        const GPtrArray *routes = plan->routes->pdata[target];
        RouteQuery query = query_for(split->federation, split->request, target, plan);
        split->from = query.from;
        split->buyer = query.buyer;
        for (guint path = 0; path < routes->len; path++) {
            WireBranch common = WIRE_BRANCH_INIT;
            common.target = target;
            common.path = path;
            common.n_paths = routes->len;
            split_route(split, &query, routes->pdata[path], &common);
        }
    }
}

// The first that is agreed, of those that it could be.
static Qkdnf__V1__Purpose first_purpose(Purposes purposes)
{
    Qkdnf__V1__Purpose list[PURPOSES_MAX];
    return purposes_list(purposes, list) > 0 ? list[0] : QKDNF__V1__PURPOSE__PURPOSE_UNSPECIFIED;
}

static Part *finish_draft(const Split *split, const Draft *draft)
{
    const WireRequest *wire = split->request->wire;
    WireOrder order = WIRE_ORDER_INIT;
    order.request = wire->id;
    order.attempt = split->request->attempt;
    order.initiator = wire->initiator;
    order.initiator_agent = split->from->id;
    order.n_targets = wire->n_targets;
    order.targets = wire->targets;
    order.number = wire->number;
    order.size_bits = wire->size_bits;
    order.n_branches = draft->branches->len;
    order.branches = (WireBranch **)draft->branches->pdata;
    order.timeout_ms = (guint32)split->federation->config->attempt_ms;
    order.session = split->request->session;
    order.copy = split->request->copy;
    order.buyer = split->buyer->id;
    order.purpose = first_purpose(draft->purposes);
    g_autofree char *agreement = agreement_name(split->buyer, draft->agent);
    order.agreement = agreement;
    order.period = agreement_use(split->federation, split->buyer, draft->agent,
                                 plan_order_bits(split->request, &order));
    return part_new(draft->agent->id, &order, NULL);
}

Status plan_make(Federation *federation, Request *request, char **ret_why_not)
{
    g_auto(Plan) plan = {0};
    Status status = find_all_routes(federation, request, FALSE, &plan);
    if (status != STATUS_OK) {
        if (ret_why_not)
            *ret_why_not = g_steal_pointer(&plan.why_not);
        return status;
    }
    g_autoptr(GArray) drafts = g_array_new(FALSE, FALSE, sizeof(Draft));
    g_autoptr(GPtrArray) memory = g_ptr_array_new_with_free_func(g_free);
    Split split = {
        .federation = federation, .request = request, .drafts = drafts, .memory = memory};
    split_all(&split, &plan);
    g_ptr_array_set_size(request->parts, 0);
    for (guint i = 0; i < drafts->len; i++) {
        Draft *draft = &g_array_index(drafts, Draft, i);
        g_ptr_array_add(request->parts, finish_draft(&split, draft));
        g_ptr_array_unref(draft->branches);
    }
    return STATUS_OK;
}

char **plan_path(const Request *request, guint target)
{
    for (guint i = 0; i < request->parts->len; i++) {
        const WireOrder *order = ((Part *)request->parts->pdata[i])->order;
        for (gsize j = 0; j < order->n_branches; j++) {
            const WireBranch *branch = order->branches[j];
            if (branch->target != target || branch->path != 0)
                continue;
            g_autoptr(GStrvBuilder) path = g_strv_builder_new();
            for (gsize k = 0; k < branch->n_providers; k++)
                g_strv_builder_add(path, branch->providers[k]);
            return g_strv_builder_end(path);
        }
    }
    return NULL;
}

// --- counter-offer -------------------------------------------------------------------------------

static gboolean has_routes_for(Federation *federation, const Request *request, guint number)
{
    WireRequest wire = *request->wire;
    wire.number = number;
    Request smaller = *request;
    smaller.wire = &wire;
    g_auto(Plan) plan = {0};
    return find_all_routes(federation, &smaller, FALSE, &plan) == STATUS_OK;
}

static guint64 link_wait_ms(const RouteQuery *query, const Link *link)
{
    guint64 needed = route_slots_taken(query, link);
    guint64 available = link_n_available(link), bps = link_fill_bps(link);
    if (available >= needed || bps == 0)
        return 1;
    guint64 bits = (needed - available) * SLOT_BYTES * 8;
    return (bits * 1000 + bps - 1) / bps + REPORT_MS;
}

// How long until all links of the plan have enough; 0: never at present rates.
static guint64 plan_wait_ms(Federation *federation, const Request *request)
{
    g_auto(Plan) plan = {0};
    if (find_all_routes(federation, request, TRUE, &plan) != STATUS_OK)
        return 0;
    guint64 wait_ms = 1;
    for (guint target = 0; target < plan.routes->len; target++) {
        const GPtrArray *routes = plan.routes->pdata[target];
        RouteQuery query = query_for(federation, request, target, &plan);
        for (guint path = 0; path < routes->len; path++) {
            const Route *route = routes->pdata[path];
            for (guint i = 0; i < route->len; i++)
                wait_ms = MAX(wait_ms, link_wait_ms(&query, route->pdata[i]));
        }
    }
    return wait_ms;
}

void plan_counter_offer(Federation *federation, const Request *request, guint *ret_number,
                        guint64 *ret_in_ms)
{
    guint can = 0, cannot = request->wire->number;
    while (can + 1 < cannot) {
        guint middle = (can + cannot) / 2;
        if (has_routes_for(federation, request, middle))
            can = middle;
        else
            cannot = middle;
    }
    *ret_number = can;
    *ret_in_ms = plan_wait_ms(federation, request);
}
