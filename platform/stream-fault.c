// SPDX-License-Identifier: Apache-2.0
//
// When the ways of sessions fail or run dry, and when better ones are back. Whoever is concerned is
// found by index; the most important are moved first.

#include "platform/stream.h"

#include <string.h>

// What is still missing is looked for again and again, also where nothing is held down.
#define REVERT_MIN_US G_TIME_SPAN_SECOND

// Links that never come back are not remembered for ever.
#define LEFT_LINKS_MAX 64

// --- what is wrong -------------------------------------------------------------------------------

static const StreamWay *find_unusable(Federation *federation, const Stream *stream, guint number)
{
    for (guint i = 0; i < stream->ways->len; i++) {
        const StreamWay *way = stream->ways->pdata[i];
        if (!way->is_spare && !stream_way_is_usable(federation, stream, way, number))
            return way;
    }
    return NULL;
}

char *stream_find_loss(Federation *federation, const Stream *stream)
{
    const StreamWay *way =
        federation_is_settling(federation) ? NULL : find_unusable(federation, stream, 0);
    if (!way)
        return NULL;
    g_autofree char *path = g_strjoinv(" - ", way->providers);
    return g_strdup_printf("no way to '%s' with enough to spare: %s is cut",
                           stream->open->targets[way->target], path);
}

// --- links that were left ------------------------------------------------------------------------

static void forget_left_link(Federation *federation, Stream *stream, guint index)
{
    affected_remove(federation->streaming, BY_LEFT_LINK, stream->left_links->pdata[index],
                    stream->id);
    g_ptr_array_remove_index(stream->left_links, index);
}

void stream_leave_link(Federation *federation, Stream *stream, const char *link)
{
    if (g_ptr_array_find_with_equal_func(stream->left_links, link, g_str_equal, NULL))
        return;
    if (stream->left_links->len >= LEFT_LINKS_MAX)
        forget_left_link(federation, stream, 0);
    g_ptr_array_add(stream->left_links, g_strdup(link));
    affected_add(federation->streaming, BY_LEFT_LINK, link, stream->id);
}

void stream_forget_left_links(Federation *federation, Stream *stream)
{
    while (stream->left_links->len > 0)
        forget_left_link(federation, stream, stream->left_links->len - 1);
}

static gboolean is_there(const Federation *federation, const char *id)
{
    const Link *link = topology_find_link(federation->topology, id);
    return link && link_is_up(link) && link->ends[0].provider->is_usable &&
           link->ends[1].provider->is_usable;
}

static gboolean has_stock(const Federation *federation, const char *id, guint64 n_slots)
{
    const Link *link = topology_find_link(federation->topology, id);
    return link && link_n_available(link) >= n_slots;
}

void stream_arm_revert(Federation *federation, const Stream *stream)
{
    gint64 hold_down_us = (gint64)federation->config->hold_down_ms * G_TIME_SPAN_MILLISECOND;
    timers_arm(federation->timers, TIMER_REVERT, stream->id,
               federation->now + MAX(hold_down_us, REVERT_MIN_US));
}

static void leave_links(Federation *federation, Stream *stream, char **links, guint64 n_slots)
{
    for (char **link = links; *link; link++) {
        if (!is_there(federation, *link))
            stream_leave_link(federation, stream, *link);
        else if (!has_stock(federation, *link, n_slots)) {
            stream_leave_link(federation, stream, *link);
            stream_arm_revert(federation, stream);
        }
    }
}

// --- another way ---------------------------------------------------------------------------------

static const StreamWay *first_way(const Stream *stream, guint target)
{
    for (guint i = 0; i < stream->ways->len; i++) {
        const StreamWay *way = stream->ways->pdata[i];
        if (way->target == target && !way->is_spare)
            return way;
    }
    return NULL;
}

static void say_rerouted(Federation *federation, Stream *stream, char **old_path,
                         const StreamWay *way, const char *cause)
{
    gint64 since_us = stream->lost_us > 0 ? stream->lost_us : federation->now;
    stream_event(federation, stream,
                 &(EventHead){.severity = QKDNF__V1__SEVERITY__SEVERITY_WARNING,
                              .name = "session.rerouted",
                              .cause = cause,
                              .old_path = old_path,
                              .new_path = way ? way->providers : NULL,
                              .duration_us = federation->now - since_us});
    stream->lost_us = 0;
}

static StreamWay *copy_way(const StreamWay *way)
{
    return stream_way_new(way->target, g_strdupv(way->links), g_strdupv(way->providers),
                          way->is_spare);
}

// Gives back what it has to a target; what to take again if there is nothing better.
static GPtrArray *take_out(Federation *federation, Stream *stream, guint target)
{
    GPtrArray *copies = g_ptr_array_new();
    for (guint i = 0; i < stream->ways->len; i++) {
        const StreamWay *way = stream->ways->pdata[i];
        if (way->target == target)
            g_ptr_array_add(copies, copy_way(way));
    }
    stream_drop_ways(federation, stream, (int)target);
    return copies;
}

static void put_back(Federation *federation, Stream *stream, GPtrArray *copies)
{
    for (guint i = 0; i < copies->len; i++)
        stream_add_way(federation, stream, copies->pdata[i]);
    g_ptr_array_set_size(copies, 0);
}

static gboolean switch_to_spare(Federation *federation, Stream *stream, StreamWay *lost,
                                guint number, const char *cause)
{
    for (guint i = 0; i < stream->ways->len; i++) {
        StreamWay *spare = stream->ways->pdata[i];
        if (spare->target != lost->target || !spare->is_spare ||
            !stream_way_is_usable(federation, stream, spare, number))
            continue;
        g_auto(GStrv) old_path = g_strdupv(lost->providers);
        stream_drop_way(federation, stream, lost);
        spare->is_spare = FALSE;
        say_rerouted(federation, stream, old_path, spare, cause);
        // The next spare way is looked for when all have what they need.
        stream_arm_revert(federation, stream);
        return TRUE;
    }
    return FALSE;
}

static gboolean search(Federation *federation, Stream *stream, const StreamWay *lost, guint number,
                       const char *cause)
{
    guint target = lost->target;
    g_auto(GStrv) old_path = g_strdupv(lost->providers);
    g_autoptr(GPtrArray) old = take_out(federation, stream, target);
    if (stream_take_ways_to(federation, stream, target, number) != STATUS_OK) {
        put_back(federation, stream, old);
        return FALSE;
    }
    g_ptr_array_foreach(old, (GFunc)(void (*)(void))stream_way_free, NULL);
    say_rerouted(federation, stream, old_path, first_way(stream, target), cause);
    return TRUE;
}

void stream_mend(Federation *federation, Stream *stream, guint number, const char *cause)
{
    if (federation_is_settling(federation))
        return;
    const StreamWay *lost;
    while ((lost = find_unusable(federation, stream, number))) {
        g_auto(GStrv) links = g_strdupv(lost->links);
        gboolean is_cut = !stream_way_is_usable(federation, stream, lost, 0);
        if (!switch_to_spare(federation, stream, (StreamWay *)lost, number, cause) &&
            !search(federation, stream, lost, number, cause)) {
            if (is_cut && stream->lost_us == 0)
                stream->lost_us = federation->now;
            return;
        }
        leave_links(federation, stream, links,
                    stream_slots(federation->config, stream->qos, number));
    }
    // It can have come back by itself.
    stream->lost_us = 0;
}

// --- who is concerned ----------------------------------------------------------------------------

static int compare_importance(gconstpointer a, gconstpointer b)
{
    const Stream *x = *(Stream *const *)a, *y = *(Stream *const *)b;
    if (x->qos->priority != y->qos->priority)
        return x->qos->priority > y->qos->priority ? -1 : 1;
    if (x->qos->protected_ != y->qos->protected_)
        return x->qos->protected_ ? -1 : 1;
    if (x->opened_at_us != y->opened_at_us)
        return x->opened_at_us < y->opened_at_us ? -1 : 1;
    return strcmp(x->id, y->id);
}

static void add_streams(const Federation *federation, AffectedBy by, const char *name,
                        GPtrArray *streams)
{
    g_auto(GStrv) ids = affected_find(federation->streaming, by, name);
    for (char **id = ids; *id; id++)
        g_ptr_array_add(streams, stream_find(federation, *id));
}

static gboolean is_unwell(Federation *federation, const Stream *stream)
{
    if (stream->phase == STREAM_DEGRADED)
        return TRUE;
    for (guint i = 0; i < stream->ways->len; i++) {
        if (!stream_way_is_usable(federation, stream, stream->ways->pdata[i], 0))
            return TRUE;
    }
    return FALSE;
}

// A spare way that is cut is let go when there is another one.
static void renew_spares(Federation *federation, Stream *stream)
{
    for (guint i = stream->ways->len; i > 0; i--) {
        StreamWay *way = stream->ways->pdata[i - 1];
        if (way->is_spare && !stream_way_is_usable(federation, stream, way, 0))
            stream_drop_way(federation, stream, way);
    }
    for (guint target = 0; target < stream->open->n_targets; target++)
        stream_take_spare(federation, stream, target);
}

static gboolean lacks_spare(const Stream *stream)
{
    for (guint target = 0; stream->qos->protected_ && target < stream->open->n_targets; target++) {
        const StreamWay *way = first_way(stream, target);
        if (way && way->links[0] && stream_n_ways(stream, target, TRUE) == 0)
            return TRUE;
    }
    return FALSE;
}

static void look_after_all(Federation *federation, GPtrArray *streams, const char *cause)
{
    if (federation_is_settling(federation))
        return;
    for (guint i = streams->len; i > 0; i--) {
        if (!is_unwell(federation, streams->pdata[i - 1]))
            g_ptr_array_remove_index_fast(streams, i - 1);
    }
    // Most important first.
    g_ptr_array_sort(streams, compare_importance);
    for (guint i = 0; i < streams->len; i++) {
        Stream *stream = streams->pdata[i];
        stream_mend(federation, stream, 0, cause);
        stream_retry_blocks(federation, stream);
        stream_review(federation, stream);
    }
    for (guint i = 0; i < streams->len; i++) {
        Stream *stream = streams->pdata[i];
        renew_spares(federation, stream);
        if (lacks_spare(stream))
            stream_arm_revert(federation, stream);
        stream_save(federation, stream);
    }
}

static void look_after(Federation *federation, AffectedBy by, const char *name, const char *cause)
{
    g_autoptr(GPtrArray) streams = g_ptr_array_new();
    add_streams(federation, by, name, streams);
    look_after_all(federation, streams, cause);
}

void stream_on_link_lost(Federation *federation, const char *link)
{
    g_autofree char *cause = g_strdup_printf("border link %s is down", link);
    look_after(federation, BY_LINK, link, cause);
}

void stream_on_link_back(Federation *federation, const char *link)
{
    look_after(federation, BY_LINK, link, "a border link is back");
    g_auto(GStrv) ids = affected_find(federation->streaming, BY_LEFT_LINK, link);
    for (char **id = ids; *id; id++)
        stream_arm_revert(federation, stream_find(federation, *id));
}

void stream_on_member_lost(Federation *federation, const Provider *member, const char *cause)
{
    g_autofree char *text = g_strdup_printf("%s: %s", member->id, cause);
    look_after(federation, BY_PROVIDER, member->id, text);
}

void stream_on_member_back(Federation *federation, const Provider *member)
{
    look_after(federation, BY_PROVIDER, member->id, "a provider is back");
    for (guint i = 0; i < member->links->len; i++) {
        const Link *link = member->links->pdata[i];
        if (is_there(federation, link->id))
            stream_on_link_back(federation, link->id);
    }
}

void stream_on_agreement(Federation *federation, const Provider *seller, const char *cause)
{
    look_after(federation, BY_PROVIDER, seller->id, cause);
}

void stream_on_buyer(Federation *federation, const Provider *buyer, const char *cause)
{
    const WireResource *resource = buyer->resource;
    g_autoptr(GPtrArray) streams = g_ptr_array_new();
    for (gsize i = 0; resource && i < resource->n_applications; i++)
        add_streams(federation, BY_INITIATOR, resource->applications[i]->sae, streams);
    for (guint i = 0; i < streams->len; i++) {
        const Stream *stream = streams->pdata[i];
        if (stream->left_links->len > 0)
            stream_arm_revert(federation, stream);
    }
    look_after_all(federation, streams, cause);
}

gboolean stream_is_under(const Federation *federation, const char *member, const Provider *buyer)
{
    gboolean is_under = FALSE;
    g_auto(GStrv) ids = affected_find(federation->streaming, BY_PROVIDER, member);
    for (char **id = ids; *id && !is_under; id++) {
        const Stream *stream = stream_find(federation, *id);
        const Application *initiator = directory_find(federation, stream->open->initiator);
        is_under = !buyer || (initiator && initiator->home == buyer);
    }
    return is_under;
}

void stream_on_resource(Federation *federation, const Provider *member)
{
    g_autofree char *cause = g_strdup_printf("%s registered other resources", member->id);
    look_after(federation, BY_PROVIDER, member->id, cause);
}

void stream_end_all(Federation *federation, const char *sae)
{
    g_autofree char *text = g_strdup_printf("'%s' is not registered any more", sae);
    g_auto(GStrv) ids = affected_find(federation->streaming, BY_SAE, sae);
    for (char **id = ids; *id; id++)
        stream_close(federation, stream_find(federation, *id), text);
}

// --- back again ----------------------------------------------------------------------------------

static gboolean revert_target(Federation *federation, Stream *stream, guint target)
{
    guint64 old_cost = stream_cost(federation, stream, target);
    const StreamWay *way = first_way(stream, target);
    if (!way)
        return FALSE;
    g_auto(GStrv) old_path = g_strdupv(way->providers);
    g_autoptr(GPtrArray) old = take_out(federation, stream, target);
    if (stream_take_ways_to(federation, stream, target, stream->qos->buffer) == STATUS_OK &&
        stream_cost(federation, stream, target) < old_cost) {
        g_ptr_array_foreach(old, (GFunc)(void (*)(void))stream_way_free, NULL);
        say_rerouted(federation, stream, old_path, first_way(stream, target),
                     "a better way is back");
        return TRUE;
    }
    stream_drop_ways(federation, stream, (int)target);
    put_back(federation, stream, old);
    return FALSE;
}

void stream_revert(Federation *federation, Stream *stream)
{
    if (stream->phase == STREAM_CLOSED)
        return;
    for (guint target = 0; stream->left_links->len > 0 && target < stream->open->n_targets;
         target++)
        revert_target(federation, stream, target);
    guint64 n_slots = stream_slots(federation->config, stream->qos, stream->qos->buffer);
    gboolean is_short = FALSE;
    for (guint i = stream->left_links->len; i > 0; i--) {
        const char *link = stream->left_links->pdata[i - 1];
        if (!is_there(federation, link))
            continue;
        if (has_stock(federation, link, n_slots))
            forget_left_link(federation, stream, i - 1);
        else
            is_short = TRUE;
    }
    renew_spares(federation, stream);
    if (is_short || lacks_spare(stream))
        stream_arm_revert(federation, stream);
    stream_review(federation, stream);
}
