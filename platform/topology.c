// SPDX-License-Identifier: Apache-2.0

#include "platform/booking.h"

#include <string.h>

static void provider_free(gpointer data)
{
    Provider *provider = data;
    g_free(provider->id);
    g_ptr_array_unref(provider->links);
    g_hash_table_unref(provider->rights);
    g_hash_table_unref(provider->interior);
    g_hash_table_unref(provider->claims);
    wire_free(provider->resource);
    g_free(provider);
}

static void end_clear(LinkEnd *end)
{
    g_free(end->node);
    g_free(end->peer);
    *end = (LinkEnd){0};
}

static void link_free(gpointer data)
{
    Link *link = data;
    end_clear(&link->ends[0]);
    end_clear(&link->ends[1]);
    g_free(link->id);
    g_free(link);
}

Topology *topology_new(void)
{
    Topology *topology = g_new0(Topology, 1);
    topology->providers = g_ptr_array_new_with_free_func(provider_free);
    topology->links = g_ptr_array_new_with_free_func(link_free);
    topology->by_id = g_hash_table_new(g_str_hash, g_str_equal);
    topology->links_by_id = g_hash_table_new(g_str_hash, g_str_equal);
    topology->given_out = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    topology->reserved = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    topology->drawn = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    topology->bookings =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
    return topology;
}

void topology_free(Topology *topology)
{
    if (!topology)
        return;
    g_hash_table_unref(topology->by_id);
    g_hash_table_unref(topology->links_by_id);
    g_hash_table_unref(topology->given_out);
    g_hash_table_unref(topology->reserved);
    g_hash_table_unref(topology->drawn);
    g_hash_table_unref(topology->bookings);
    g_ptr_array_unref(topology->links);
    g_ptr_array_unref(topology->providers);
    g_free(topology);
}

Provider *topology_find(const Topology *topology, const char *provider)
{
    return g_hash_table_lookup(topology->by_id, provider);
}

// The sum of what g_str_hash() makes of names that are numbered is much the same for all of them.
static guint node_hash(const char *node)
{
    guint hash = g_str_hash(node) * 0x9e3779b1u; // 2^32 by the golden ratio
    return hash ^ hash >> 15;
}

// Virtual links by their ends, which have no order.
static guint interior_hash(gconstpointer data)
{
    const WireVirtualLink *link = data;
    return node_hash(link->a) + node_hash(link->b);
}

static gboolean interior_equal(gconstpointer a, gconstpointer b)
{
    const WireVirtualLink *one = a, *other = b;
    return (strcmp(one->a, other->a) == 0 && strcmp(one->b, other->b) == 0) ||
           (strcmp(one->a, other->b) == 0 && strcmp(one->b, other->a) == 0);
}

Provider *topology_add(Topology *topology, const char *id)
{
    Provider *provider = g_new0(Provider, 1);
    provider->id = g_strdup(id);
    provider->links = g_ptr_array_new();
    provider->rights = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    provider->claims = g_hash_table_new(g_str_hash, g_str_equal);
    provider->interior = g_hash_table_new(interior_hash, interior_equal);
    provider->index = topology->providers->len;
    g_ptr_array_add(topology->providers, provider);
    g_hash_table_insert(topology->by_id, provider->id, provider);
    return provider;
}

// By standing terms, whom nobody may use may use nobody.
Right provider_right(const Provider *buyer, const Provider *seller)
{
    const Right *own = g_hash_table_lookup(buyer->rights, seller);
    if (own)
        return *own;
    const Right *ours = &buyer->standing, *theirs = &seller->standing;
    if (ours->agreement && ours->purposes)
        return *theirs;
    return (Right){.agreement = ours->agreement ? theirs->agreement : NULL};
}

Purposes provider_visit_purposes(const Provider *home)
{
    return home->links->len > 0 ? PURPOSE_BIT(QKDNF__V1__PURPOSE__PURPOSE_SERVE_VISITOR)
                                : PURPOSE_BIT(QKDNF__V1__PURPOSE__PURPOSE_SHARE);
}

Link *topology_find_link(const Topology *topology, const char *link)
{
    return g_hash_table_lookup(topology->links_by_id, link);
}

static guint64 take_given_out(Topology *topology, const char *id)
{
    gsize next = GPOINTER_TO_SIZE(g_hash_table_lookup(topology->given_out, id));
    g_hash_table_remove(topology->given_out, id);
    return next;
}

static Reserve find_reserve(const Topology *topology, const char *id)
{
    const Reserve *reserve = g_hash_table_lookup(topology->reserved, id);
    return reserve ? *reserve : (Reserve){0};
}

static void link_set_reserve(Link *link, const Reserve *reserve)
{
    link->reserved_bps = reserve->bps;
    link->reserved_slots = reserve->n_slots;
}

static Link *link_find_or_add(Topology *topology, const char *id)
{
    Link *link = topology_find_link(topology, id);
    if (link)
        return link;
    link = g_new0(Link, 1);
    link->id = g_strdup(id);
    link->next = take_given_out(topology, id);
    Reserve reserve = find_reserve(topology, id);
    link_set_reserve(link, &reserve);
    link->bookings = g_hash_table_lookup(topology->bookings, id);
    link->index = topology->links->len;
    g_ptr_array_add(topology->links, link);
    g_hash_table_insert(topology->links_by_id, link->id, link);
    return link;
}

static gboolean is_deserted(const Link *link)
{
    return !link->ends[0].provider && !link->ends[1].provider;
}

// Should it return, its slots go on where they were.
static void link_remove(Topology *topology, Link *link)
{
    if (link->next > 0)
        g_hash_table_insert(topology->given_out, g_strdup(link->id), GSIZE_TO_POINTER(link->next));
    Link *last = topology->links->pdata[topology->links->len - 1];
    last->index = link->index;
    g_hash_table_remove(topology->links_by_id, link->id);
    g_ptr_array_remove_index_fast(topology->links, link->index);
}

// --- registration --------------------------------------------------------------------------------

static void list_claims(Provider *provider, const WireResource *resource)
{
    g_hash_table_remove_all(provider->claims);
    for (gsize i = 0; i < resource->n_border_links; i++)
        g_hash_table_insert(provider->claims, resource->border_links[i]->id,
                            resource->border_links[i]);
}

// The links whose end the provider does not claim any more. To be freed.
static GPtrArray *detach(Provider *provider)
{
    GPtrArray *left = g_ptr_array_new();
    for (guint i = 0; i < provider->links->len; i++) {
        Link *link = provider->links->pdata[i];
        if (g_hash_table_contains(provider->claims, link->id))
            continue;
        end_clear(link_end_of(link, provider));
        g_ptr_array_add(left, link);
    }
    g_ptr_array_set_size(provider->links, 0);
    g_hash_table_remove_all(provider->interior);
    return left;
}

static gboolean is_agreed(const Link *link)
{
    const LinkEnd *a = &link->ends[0], *b = &link->ends[1];
    return a->provider && b->provider && strcmp(a->peer, b->provider->id) == 0 &&
           strcmp(b->peer, a->provider->id) == 0;
}

static void evict_others(Link *link, const Provider *a, const Provider *b)
{
    for (guint i = 0; i < 2; i++) {
        LinkEnd *end = &link->ends[i];
        if (!end->provider || end->provider == a || end->provider == b)
            continue;
        g_ptr_array_remove(end->provider->links, link);
        end_clear(end);
    }
}

static void take_end(Link *link, Provider *provider, const WireBorderLink *border)
{
    LinkEnd *end = link_end_of(link, provider);
    if (!end)
        end = link->ends[0].provider ? &link->ends[1] : &link->ends[0];
    g_free(end->node);
    g_free(end->peer);
    end->provider = provider;
    end->node = g_strdup(border->node);
    end->peer = g_strdup(border->peer);
    if (!g_ptr_array_find(provider->links, link, NULL))
        g_ptr_array_add(provider->links, link);
}

// What its peer claims of the same link, if that leads back; or NULL.
static const WireBorderLink *find_answer(const Provider *provider, const WireBorderLink *border,
                                         const Provider *peer)
{
    const WireBorderLink *answer = peer ? g_hash_table_lookup(peer->claims, border->id) : NULL;
    return answer && strcmp(answer->peer, provider->id) == 0 ? answer : NULL;
}

// A claim that nobody answers has no end but of a link that is deserted.
static void attach(Topology *topology, Provider *provider, const WireBorderLink *border)
{
    Link *link = link_find_or_add(topology, border->id);
    gboolean has_end = link_end_of(link, provider) != NULL;
    if (!has_end && is_agreed(link))
        return;
    Provider *peer = topology_find(topology, border->peer);
    const WireBorderLink *answer = find_answer(provider, border, peer);
    if (answer) {
        evict_others(link, provider, peer);
        take_end(link, provider, border);
        take_end(link, peer, answer);
    } else if (has_end || is_deserted(link)) {
        take_end(link, provider, border);
    }
}

// Who had to stand back may have its end now.
static void offer(Topology *topology, Link *link)
{
    for (guint i = 0; i < topology->providers->len; i++) {
        Provider *provider = topology->providers->pdata[i];
        const WireBorderLink *border = g_hash_table_lookup(provider->claims, link->id);
        if (border)
            attach(topology, provider, border);
    }
    if (is_deserted(link))
        link_remove(topology, link);
}

void topology_register(Topology *topology, Provider *provider, WireResource *resource)
{
    list_claims(provider, resource);
    g_autoptr(GPtrArray) left = detach(provider);
    for (gsize i = 0; i < resource->n_border_links; i++)
        attach(topology, provider, resource->border_links[i]);
    for (guint i = 0; i < left->len; i++)
        offer(topology, left->pdata[i]);
    for (gsize i = 0; i < resource->n_virtual_links; i++) {
        // The last that it says of two nodes.
        g_hash_table_add(provider->interior, resource->virtual_links[i]);
    }
    wire_free(provider->resource);
    provider->resource = resource;
}

static void set_reserve(Topology *topology, const char *id, const Reserve *reserve)
{
    if (reserve->bps > 0 || reserve->n_slots > 0)
        g_hash_table_insert(topology->reserved, g_strdup(id), g_memdup2(reserve, sizeof *reserve));
    else
        g_hash_table_remove(topology->reserved, id);
    Link *link = topology_find_link(topology, id);
    if (link)
        link_set_reserve(link, reserve);
}

guint64 topology_drawn_bps(const Topology *topology, const char *id, const char *buyer)
{
    g_autofree char *name = g_strdup_printf("%s %s", id, buyer);
    const guint64 *bps = g_hash_table_lookup(topology->drawn, name);
    return bps ? *bps : 0;
}

static void set_drawn(Topology *topology, const char *id, const char *buyer, guint64 bps)
{
    g_autofree char *name = g_strdup_printf("%s %s", id, buyer);
    if (bps > 0)
        g_hash_table_insert(topology->drawn, g_steal_pointer(&name), g_memdup2(&bps, sizeof bps));
    else
        g_hash_table_remove(topology->drawn, name);
    booking_set_drawn(topology, id, buyer, bps);
}

void topology_reserve(Topology *topology, const char *id, const char *buyer, const Reserve *reserve)
{
    Reserve all = find_reserve(topology, id);
    all.bps += reserve->bps;
    all.n_slots += reserve->n_slots;
    set_reserve(topology, id, &all);
    set_drawn(topology, id, buyer, topology_drawn_bps(topology, id, buyer) + reserve->bps);
}

void topology_give_back(Topology *topology, const char *id, const char *buyer,
                        const Reserve *reserve)
{
    Reserve all = find_reserve(topology, id);
    g_assert(all.bps >= reserve->bps && all.n_slots >= reserve->n_slots);
    all.bps -= reserve->bps;
    all.n_slots -= reserve->n_slots;
    set_reserve(topology, id, &all);
    set_drawn(topology, id, buyer, topology_drawn_bps(topology, id, buyer) - reserve->bps);
}

gboolean topology_report(Topology *topology, const Provider *provider, const WireLinkStock *stock)
{
    Link *link = topology_find_link(topology, stock->link);
    LinkEnd *end = link ? link_end_of(link, provider) : NULL;
    if (!end)
        return FALSE;
    end->open_end = stock->open_end;
    end->first_open = stock->first_open;
    end->fill_bps = stock->fill_bps;
    end->capacity = stock->capacity;
    end->is_up = stock->up;
    return TRUE;
}

// --- links ---------------------------------------------------------------------------------------

LinkEnd *link_end_of(Link *link, const Provider *provider)
{
    for (guint i = 0; i < 2; i++) {
        if (link->ends[i].provider == provider)
            return &link->ends[i];
    }
    return NULL;
}

LinkEnd *link_end_beyond(Link *link, const Provider *provider)
{
    return &link->ends[link->ends[0].provider == provider ? 1 : 0];
}

gboolean link_is_up(const Link *link)
{
    const LinkEnd *a = &link->ends[0], *b = &link->ends[1];
    return is_agreed(link) && a->is_up && b->is_up;
}

// An end that has lost its store reports a first slot beyond what was given out.
static guint64 first_free(const Link *link)
{
    guint64 first = MAX(link->ends[0].first_open, link->ends[1].first_open);
    return MAX(link->next, first);
}

guint64 link_n_available(const Link *link)
{
    guint64 end = MIN(link->ends[0].open_end, link->ends[1].open_end);
    guint64 first = first_free(link);
    return end > first ? end - first : 0;
}

guint64 link_fill_bps(const Link *link)
{
    return MIN(link->ends[0].fill_bps, link->ends[1].fill_bps);
}

guint64 link_spare_bps(const Link *link)
{
    guint64 fill_bps = link_fill_bps(link);
    return fill_bps - MIN(fill_bps, link->reserved_bps);
}

guint64 link_capacity(const Link *link)
{
    return MAX(link->ends[0].capacity, link->ends[1].capacity);
}

guint64 link_allocate(Link *link, guint64 n_slots)
{
    g_assert(n_slots <= link_n_available(link));
    guint64 first = first_free(link);
    link->next = first + n_slots;
    return first;
}

gboolean provider_connects(const Provider *provider, const char *a, const char *b,
                           guint64 *ret_latency_us)
{
    *ret_latency_us = 0;
    if (strcmp(a, b) == 0)
        return TRUE;
    const WireVirtualLink ends = {.a = (char *)a, .b = (char *)b};
    const WireVirtualLink *link = g_hash_table_lookup(provider->interior, &ends);
    if (!link || !link->up)
        return FALSE;
    *ret_latency_us = link->latency_us;
    return TRUE;
}

void topology_restore_link(Topology *topology, const char *id, guint64 next)
{
    g_hash_table_insert(topology->given_out, g_strdup(id), GSIZE_TO_POINTER(next));
}
