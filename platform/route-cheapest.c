// SPDX-License-Identifier: Apache-2.0
//
// The cheapest path: A* (P. Hart, N. Nilsson, B. Raphael, 1968) over the ends of border links, that
// reckons with the fewest crossings that can be still ahead. So what leads away from the target is
// not looked at, and a search of a thousand providers takes an eighth of the instructions of one
// that does not (callgrind, of qkdnf bench scale).

#include "platform/route.h"

#define LATENCY_US_PER_UNIT 10
#define COST_INFINITE       G_MAXUINT64
#define COST_UNKNOWN        0
// What a search reckons for each crossing that is still to come: less than any costs. So whatever
// leads to a state at its least cost is looked at before the state is, and of routes that cost the
// same the one is found that is found without this.
#define COST_AHEAD  (ROUTE_COST_CROSSING - 1)
#define AHEAD_NEVER G_MAXUINT
// A search that has looked at so many states without an end may have none.
#define N_DOUBTFUL 64

// Where the key can be: in the provider at one end of a link, having just crossed it, with so many
// of the providers behind it that it must lead through. State number: that number times all ends of
// links, plus twice the link's index, plus the end.
typedef struct {
    guint64 cost;
    guint64 total; // with the least that is still ahead
    guint state;
} Visit;

typedef struct {
    const Topology *topology;
    const RouteQuery *query;
    guint64 *costs;     // by state
    int *previous;      // by state; -1: the start
    guint64 *crossings; // by state without its number: what it costs to come there over the link,
                        // infinite where the key may not; COST_UNKNOWN: not looked at yet
    // By how many of `via` are behind it, and provider: crossings to the target, at least.
    guint *n_ahead;
    guint8 *is_reached; // by provider: the key can come there
    GArray *queue;      // Visit: a binary heap, least total first; what was improved since is stale
} Search;

// --- what is next --------------------------------------------------------------------------------

// GLib has no heap; with a GTree in its place a search takes 1.8 times the instructions (callgrind,
// in qkdnf bench scale).

static gboolean is_before(const Visit *a, const Visit *b)
{
    return a->total != b->total ? a->total < b->total : a->state < b->state;
}

static void push(GArray *queue, Visit visit)
{
    g_array_append_val(queue, visit);
    Visit *visits = (Visit *)(gpointer)queue->data;
    guint i = queue->len - 1;
    for (; i > 0 && is_before(&visit, &visits[(i - 1) / 2]); i = (i - 1) / 2)
        visits[i] = visits[(i - 1) / 2];
    visits[i] = visit;
}

static guint first_child(const Visit *visits, guint n_visits, guint i)
{
    guint child = 2 * i + 1;
    return child + 1 < n_visits && is_before(&visits[child + 1], &visits[child]) ? child + 1
                                                                                 : child;
}

static Visit pop(GArray *queue)
{
    Visit *visits = (Visit *)(gpointer)queue->data;
    Visit first = visits[0], last = visits[queue->len - 1];
    g_array_set_size(queue, queue->len - 1);
    guint i = 0, child;
    while ((child = first_child(visits, queue->len, i)) < queue->len &&
           is_before(&visits[child], &last)) {
        visits[i] = visits[child];
        i = child;
    }
    visits[i] = last;
    return first;
}

// --- the search ----------------------------------------------------------------------------------

static guint n_ends(const Search *search)
{
    return 2 * search->topology->links->len;
}

static Link *link_of(const Search *search, guint state)
{
    return search->topology->links->pdata[state % n_ends(search) / 2];
}

// How many of `via` are behind it in that provider; -1: it may not come there yet.
static int count_passed(const RouteQuery *query, guint n_passed, const Provider *provider)
{
    if (n_passed < query->n_via && provider == query->via[n_passed])
        return (int)n_passed + 1;
    for (guint i = n_passed; i < query->n_via; i++) {
        if (provider == query->via[i] || provider == query->to)
            return -1;
    }
    return (int)n_passed;
}

// A path that enters a provider twice would only be needed where its interior is cut in two.
static gboolean has_visited(const Search *search, int state, const Provider *provider)
{
    if (provider == search->query->from)
        return TRUE;
    for (; state >= 0; state = search->previous[state]) {
        if (link_of(search, (guint)state)->ends[state % 2].provider == provider)
            return TRUE;
    }
    return FALSE;
}

static guint64 cost_ahead(const Search *search, guint state)
{
    guint passed = state / n_ends(search);
    const Provider *provider = link_of(search, state)->ends[state % 2].provider;
    return (guint64)search->n_ahead[passed * search->topology->providers->len + provider->index] *
           COST_AHEAD;
}

// Of two ways that cost the same, the one whose last step but one is the cheaper, or the earlier
// registered, whichever of them was found first.
static gboolean is_first(const Search *search, int a, int b)
{
    if (a < 0 || b < 0)
        return a < b;
    return search->costs[a] != search->costs[b] ? search->costs[a] < search->costs[b] : a < b;
}

// To a cost that is no higher than what is known.
static void improve(Search *search, guint state, guint64 cost, int previous)
{
    if (cost == search->costs[state]) {
        if (is_first(search, previous, search->previous[state]))
            search->previous[state] = previous;
        return;
    }
    search->costs[state] = cost;
    search->previous[state] = previous;
    search->is_reached[link_of(search, state)->ends[state % 2].provider->index] = TRUE;
    push(search->queue, (Visit){cost, cost + cost_ahead(search, state), state});
}

// What it costs to come to the far end of a link, which is asked once for each way to the near one.
static guint64 crossing(Search *search, Link *link, const Provider *from, guint end)
{
    guint64 *cost = &search->crossings[2 * link->index + end];
    if (*cost == COST_UNKNOWN)
        *cost = route_can_cross(search->query, link, from) ? route_cost(search->query, link)
                                                           : COST_INFINITE;
    return *cost;
}

// Goes on from a node of a provider over all its links.
static void expand(Search *search, Provider *provider, const char *node, guint64 cost, int state)
{
    const RouteQuery *query = search->query;
    guint n_passed = state < 0 ? 0 : (guint)state / n_ends(search);
    for (guint i = 0; i < provider->links->len; i++) {
        Link *link = provider->links->pdata[i];
        const LinkEnd *near = link_end_of(link, provider), *far = link_end_beyond(link, provider);
        guint end = far == &link->ends[1];
        guint64 near_us, far_us = 0, cross = crossing(search, link, provider, end);
        if (cross == COST_INFINITE || !provider_connects(provider, node, near->node, &near_us))
            continue;
        int passed = count_passed(query, n_passed, far->provider);
        if (passed < 0)
            continue;
        if (far->provider == query->to &&
            !provider_connects(far->provider, far->node, query->to_node, &far_us))
            continue;
        guint64 step = cross + (near_us + far_us) / LATENCY_US_PER_UNIT;
        guint next = (guint)passed * n_ends(search) + 2 * link->index + end;
        if (cost + step <= search->costs[next] && !has_visited(search, state, far->provider))
            improve(search, next, cost + step, state);
    }
}

static Route *trace(const Search *search, int state)
{
    Route *route = g_ptr_array_new();
    for (; state >= 0; state = search->previous[state])
        g_ptr_array_insert(route, 0, link_of(search, (guint)state));
    return route;
}

static void add_before(Search *search, const Provider *provider, GHashTable *seen, GQueue *queue)
{
    for (guint i = 0; i < provider->links->len; i++) {
        Link *link = provider->links->pdata[i];
        Provider *before = link_end_beyond(link, provider)->provider;
        guint end = &link->ends[1] == link_end_of(link, provider);
        if (before && crossing(search, link, before, end) != COST_INFINITE &&
            g_hash_table_add(seen, before))
            g_queue_push_tail(queue, before);
    }
}

// From the target backwards, over what may be crossed, whatever providers can carry inside: what
// leads there need not be near what was looked at. Where hardly anything does, that is seen at
// once, and not only when all the rest was looked at.
static gboolean leads_to_target(Search *search)
{
    const RouteQuery *query = search->query;
    g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);
    g_auto(GQueue) queue = G_QUEUE_INIT;
    Provider *provider = query->to;
    g_hash_table_add(seen, provider);
    while (provider && provider != query->from && !search->is_reached[provider->index]) {
        add_before(search, provider, seen, &queue);
        provider = g_queue_pop_head(&queue);
    }
    return provider != NULL;
}

static Route *run(Search *search)
{
    const RouteQuery *query = search->query;
    guint n_states = 0;
    expand(search, query->from, query->from_node, 0, -1);
    while (search->queue->len > 0) {
        Visit visit = pop(search->queue);
        if (visit.cost > search->costs[visit.state])
            continue;
        if (n_states++ == N_DOUBTFUL && !leads_to_target(search))
            return NULL;
        const LinkEnd *end = &link_of(search, visit.state)->ends[visit.state % 2];
        if (end->provider == query->to)
            return trace(search, (int)visit.state);
        expand(search, end->provider, end->node, visit.cost, (int)visit.state);
    }
    return NULL;
}

// How many links lie between each provider and the one at least, whatever may be crossed; and that
// many more behind it.
static void count_ahead(const Topology *topology, Provider *to, guint n_behind, guint *n_ahead)
{
    guint n = topology->providers->len, n_seen = 0, n_done = 0;
    g_autofree Provider **seen = g_new(Provider *, n);
    for (guint i = 0; i < n; i++)
        n_ahead[i] = AHEAD_NEVER;
    n_ahead[to->index] = n_behind;
    seen[n_seen++] = to;
    while (n_done < n_seen) {
        const Provider *provider = seen[n_done++];
        for (guint i = 0; i < provider->links->len; i++) {
            Provider *next = link_end_beyond(provider->links->pdata[i], provider)->provider;
            if (!next || n_ahead[next->index] != AHEAD_NEVER)
                continue;
            n_ahead[next->index] = n_ahead[provider->index] + 1;
            seen[n_seen++] = next;
        }
    }
}

// FALSE: no links lead there.
static gboolean count_all_ahead(const Search *search)
{
    const RouteQuery *query = search->query;
    guint n = search->topology->providers->len, n_behind = 0;
    for (guint passed = query->n_via + 1; passed-- > 0 && n_behind != AHEAD_NEVER;) {
        Provider *next = passed < query->n_via ? (Provider *)query->via[passed] : query->to;
        Provider *before = passed > 0 ? (Provider *)query->via[passed - 1] : query->from;
        count_ahead(search->topology, next, n_behind, search->n_ahead + passed * n);
        n_behind = search->n_ahead[passed * n + before->index];
    }
    return n_behind != AHEAD_NEVER;
}

static Route *route_within(const RouteQuery *query)
{
    guint64 latency_us;
    return provider_connects(query->from, query->from_node, query->to_node, &latency_us)
               ? g_ptr_array_new()
               : NULL;
}

Route *route_find(const Topology *topology, const RouteQuery *query)
{
    if (!route_may_use(query, query->from))
        return NULL;
    if (query->from == query->to)
        return query->n_via == 0 ? route_within(query) : NULL;
    guint n_states = 2 * topology->links->len * (query->n_via + 1);
    g_autofree guint *n_ahead = g_new(guint, topology->providers->len * (query->n_via + 1));
    g_autofree guint64 *costs = g_new(guint64, n_states);
    g_autofree int *previous = g_new(int, n_states);
    for (guint i = 0; i < n_states; i++)
        costs[i] = COST_INFINITE;
    g_autofree guint64 *crossings = g_new0(guint64, 2 * topology->links->len);
    g_autofree guint8 *is_reached = g_new0(guint8, topology->providers->len);
    g_autoptr(GArray) queue = g_array_new(FALSE, FALSE, sizeof(Visit));
    Search search = {topology, query, costs, previous, crossings, n_ahead, is_reached, queue};
    return count_all_ahead(&search) ? run(&search) : NULL;
}
