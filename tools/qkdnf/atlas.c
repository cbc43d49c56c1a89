// SPDX-License-Identifier: Apache-2.0

#include "tools/qkdnf/atlas.h"

#include "tools/qkdnf/json-read.h"
#include "topics/base/id.h"
#include "topics/presence.h"

struct Atlas {
    GTree *presences; // member ID → Presence
    GTree *resources; // provider → json_t, a Resource
    GTree *stocks;    // provider → json_t, a Stock
};

typedef struct {
    PresenceState state;
    json_t *message;
} Presence;

static void presence_free(gpointer data)
{
    Presence *presence = data;
    json_decref(presence->message);
    g_free(presence);
}

static void json_free(gpointer data)
{
    json_decref(data);
}

Atlas *atlas_new(void)
{
    Atlas *atlas = g_new0(Atlas, 1);
    atlas->presences = g_tree_new_full(id_compare, NULL, g_free, presence_free);
    atlas->resources = g_tree_new_full(id_compare, NULL, g_free, json_free);
    atlas->stocks = g_tree_new_full(id_compare, NULL, g_free, json_free);
    return atlas;
}

void atlas_free(Atlas *atlas)
{
    if (!atlas)
        return;
    g_tree_unref(atlas->presences);
    g_tree_unref(atlas->resources);
    g_tree_unref(atlas->stocks);
    g_free(atlas);
}

static gboolean learn_presence(Atlas *atlas, const char *from, const ProtobufCMessage *message)
{
    Presence *presence = g_tree_lookup(atlas->presences, from);
    if (!presence) {
        presence = g_new0(Presence, 1);
        g_tree_insert(atlas->presences, g_strdup(from), presence);
    }
    if (!presence_update(&presence->state, (const WirePresence *)message))
        return FALSE;
    json_decref(presence->message);
    presence->message = decode_message(message);
    return TRUE;
}

// Resources have versions; of stock reports the latest counts.
static gboolean learn_resource(Atlas *atlas, const char *from, const ProtobufCMessage *message)
{
    json_t *resource = decode_message(message);
    json_t *known = g_tree_lookup(atlas->resources, from);
    if (known && json_read_integer(known, "version") >= json_read_integer(resource, "version")) {
        json_decref(resource);
        return FALSE;
    }
    g_tree_replace(atlas->resources, g_strdup(from), resource);
    return TRUE;
}

// A report may be of some of the links only: the others stay as they were.
static gboolean learn_stock(Atlas *atlas, const char *from, const ProtobufCMessage *message)
{
    json_t *stock = g_tree_lookup(atlas->stocks, from);
    if (!stock) {
        stock = json_object();
        g_tree_insert(atlas->stocks, g_strdup(from), stock);
    }
    json_t *report = decode_message(message);
    json_t *links = json_object_get(report, "links");
    for (gsize i = 0; i < json_array_size(links); i++) {
        json_t *link = json_array_get(links, i);
        json_object_set(stock, json_read_text(link, "link"), link);
    }
    json_decref(report);
    return TRUE;
}

static gboolean learn(Atlas *atlas, const Topic *topic, const ProtobufCMessage *message)
{
    if (topic->kind == KIND_PRESENCE)
        return learn_presence(atlas, topic->from, message);
    if (topic->kind == KIND_RESOURCE)
        return learn_resource(atlas, topic->from, message);
    return topic->kind == KIND_STOCK && learn_stock(atlas, topic->from, message);
}

gboolean atlas_learn(Atlas *atlas, const char *text, const guint8 *payload, gsize n_bytes)
{
    Topic topic;
    Refusal refusal;
    if (!topic_parse(text, &topic) ||
        (topic.kind != KIND_PRESENCE && topic.kind != KIND_RESOURCE && topic.kind != KIND_STOCK))
        return FALSE;
    g_autoptr(Frame) frame = frame_parse(&topic, payload, n_bytes, &refusal);
    gboolean changed = FALSE;
    for (gsize i = 0; frame && i < frame->n_messages; i++)
        changed |= learn(atlas, &topic, frame->messages[i]);
    return changed;
}

static gboolean is_alive(const Atlas *atlas, const char *member)
{
    const Presence *presence = g_tree_lookup(atlas->presences, member);
    return presence && presence->state.alive;
}

gboolean atlas_is_whole(const Atlas *atlas)
{
    for (GTreeNode *each = g_tree_node_first(atlas->resources); each;
         each = g_tree_node_next(each)) {
        const char *provider = g_tree_node_key(each);
        json_t *links = json_object_get(g_tree_node_value(each), "border_links");
        if (is_alive(atlas, provider) && json_array_size(links) > 0 &&
            !g_tree_lookup(atlas->stocks, provider))
            return FALSE;
    }
    return g_tree_nnodes(atlas->resources) > 0;
}

static json_t *members_to_json(const Atlas *atlas)
{
    json_t *members = json_array();
    for (GTreeNode *each = g_tree_node_first(atlas->presences); each;
         each = g_tree_node_next(each)) {
        const Presence *presence = g_tree_node_value(each);
        json_array_append_new(members,
                              json_pack("{s:s, s:O, s:b, s:O}", "id", (char *)g_tree_node_key(each),
                                        "role", json_object_get(presence->message, "role"), "alive",
                                        presence->state.alive, "software",
                                        json_object_get(presence->message, "software")));
    }
    return members;
}

static json_t *providers_to_json(const Atlas *atlas)
{
    json_t *providers = json_array();
    for (GTreeNode *each = g_tree_node_first(atlas->resources); each;
         each = g_tree_node_next(each)) {
        const char *id = g_tree_node_key(each);
        json_t *provider = json_pack("{s:s, s:b}", "id", id, "alive", is_alive(atlas, id));
        json_object_update(provider, g_tree_node_value(each));
        json_object_del(provider, "border_links");
        json_array_append_new(providers, provider);
    }
    return providers;
}

// One end, and what its provider last reported of it.
static json_t *end_to_json(const Atlas *atlas, const char *provider, const json_t *border)
{
    json_t *stock =
        json_object_get(g_tree_lookup(atlas->stocks, provider), json_read_text(border, "id"));
    gboolean up = is_alive(atlas, provider) && json_read_flag(stock, "up");
    return json_pack("{s:s, s:O, s:O, s:O, s:b, s:I, s:I, s:I}", "provider", provider, "node",
                     json_object_get(border, "node"), "peer", json_object_get(border, "peer"),
                     "rate_bps", json_object_get(border, "rate_bps"), "up", up, "n_open",
                     (json_int_t)json_read_integer(stock, "n_open"), "fill_bps",
                     (json_int_t)json_read_integer(stock, "fill_bps"), "capacity",
                     (json_int_t)json_read_integer(stock, "capacity"));
}

static void collect_borders(const Atlas *atlas, const char *provider, const json_t *resource,
                            GTree *links)
{
    json_t *borders = json_object_get(resource, "border_links");
    for (gsize i = 0; i < json_array_size(borders); i++) {
        const json_t *border = json_array_get(borders, i);
        json_t *ends = g_tree_lookup(links, json_read_text(border, "id"));
        if (!ends) {
            ends = json_array();
            g_tree_insert(links, g_strdup(json_read_text(border, "id")), ends);
        }
        json_array_append_new(ends, end_to_json(atlas, provider, border));
    }
}

static gboolean both_are_up(const json_t *ends)
{
    return json_array_size(ends) == 2 && json_read_flag(json_array_get(ends, 0), "up") &&
           json_read_flag(json_array_get(ends, 1), "up");
}

static json_t *border_links_to_json(const Atlas *atlas)
{
    g_autoptr(GTree) links = g_tree_new_full(id_compare, NULL, g_free, json_free);
    for (GTreeNode *each = g_tree_node_first(atlas->resources); each; each = g_tree_node_next(each))
        collect_borders(atlas, g_tree_node_key(each), g_tree_node_value(each), links);
    json_t *array = json_array();
    for (GTreeNode *each = g_tree_node_first(links); each; each = g_tree_node_next(each)) {
        json_t *ends = g_tree_node_value(each);
        json_array_append_new(array,
                              json_pack("{s:s, s:b, s:O}", "id", (char *)g_tree_node_key(each),
                                        "up", both_are_up(ends), "ends", ends));
    }
    return array;
}

json_t *atlas_to_json(const Atlas *atlas)
{
    return json_pack("{s:o, s:o, s:o}", "members", members_to_json(atlas), "providers",
                     providers_to_json(atlas), "border_links", border_links_to_json(atlas));
}
