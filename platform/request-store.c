// SPDX-License-Identifier: Apache-2.0
//
// Requests as they survive the platform.

#include "platform/request.h"

#include "topics/base/id.h"
#include "topics/record.h"

#include <string.h>

static int compare_texts(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

// The members of a set in the order of the alphabet, so that what is stored does not depend on
// hashing; the texts stay with the set.
static GPtrArray *sort_set(GHashTable *set)
{
    GPtrArray *sorted = g_ptr_array_new();
    GHashTableIter iter;
    gpointer text;
    g_hash_table_iter_init(&iter, set);
    while (g_hash_table_iter_next(&iter, &text, NULL))
        g_ptr_array_add(sorted, text);
    g_ptr_array_sort(sorted, compare_texts);
    return sorted;
}

// The parts as stored; what they point at stays with the request.
static GPtrArray *list_parts(const GPtrArray *parts)
{
    GPtrArray *list = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < parts->len; i++) {
        const Part *part = parts->pdata[i];
        Platform__State__Part *state = g_new(Platform__State__Part, 1);
        *state = (Platform__State__Part)PLATFORM__STATE__PART__INIT;
        state->agent = part->agent;
        state->order = part->order;
        state->release = part->release;
        state->given_back = part->given_back;
        g_ptr_array_add(list, state);
    }
    return list;
}

static GBytes *pack(gpointer data)
{
    const Request *request = data;
    g_autoptr(GPtrArray) parts = list_parts(request->parts);
    g_autoptr(GPtrArray) releases = list_parts(request->releases);
    g_autoptr(GPtrArray) providers = sort_set(request->excluded_providers);
    g_autoptr(GPtrArray) links = sort_set(request->excluded_links);
    Platform__State__Request state = PLATFORM__STATE__REQUEST__INIT;
    state.request = request->wire;
    state.sender = request->sender;
    state.state = (Platform__State__RequestState)request->state;
    state.attempt = request->attempt;
    state.received_at_us = (guint64)request->received_at_us;
    state.deadline_us = (guint64)request->deadline_us;
    state.n_parts = parts->len;
    state.parts = (Platform__State__Part **)parts->pdata;
    state.n_excluded_providers = providers->len;
    state.excluded_providers = (char **)providers->pdata;
    state.n_excluded_links = links->len;
    state.excluded_links = (char **)links->pdata;
    state.last_failure = request->last_failure;
    state.last_text = request->last_text ? request->last_text : (char *)"";
    state.n_releases = releases->len;
    state.releases = (Platform__State__Part **)releases->pdata;
    state.reply = request->reply;
    state.forget_at_us = (guint64)request->forget_at_us;
    state.session = request->session;
    state.copy = request->copy;
    return message_pack(&state.base);
}

void request_save(Federation *federation, const Request *request)
{
    store_put_late(federation->store, "request", request->id, pack, (gpointer)request);
}

static void take_texts(GHashTable *set, char **texts, gsize n_texts)
{
    for (gsize i = 0; i < n_texts; i++)
        g_hash_table_add(set, g_strdup(texts[i]));
}

static void take_parts(GPtrArray *parts, Platform__State__Part **states, gsize n_states)
{
    for (gsize i = 0; i < n_states; i++) {
        Part *part = part_new(states[i]->agent, states[i]->order, states[i]->release);
        part->given_back =
            states[i]->given_back ? message_copy(&states[i]->given_back->base) : NULL;
        g_ptr_array_add(parts, part);
    }
}

static void restore(Federation *federation, const Platform__State__Request *state)
{
    Request *request = request_new(federation, state->sender, state->request);
    request->state = (RequestState)state->state;
    request->attempt = state->attempt;
    request->received_at_us = (gint64)state->received_at_us;
    request->deadline_us = (gint64)state->deadline_us;
    request->last_failure = (Status)state->last_failure;
    request->last_text = g_strdup(state->last_text);
    request->forget_at_us = (gint64)state->forget_at_us;
    request->session = state->session ? message_copy(&state->session->base) : NULL;
    request->copy = state->copy ? message_copy(&state->copy->base) : NULL;
    request->reply = state->reply ? message_copy(&state->reply->base) : NULL;
    take_texts(request->excluded_providers, state->excluded_providers, state->n_excluded_providers);
    take_texts(request->excluded_links, state->excluded_links, state->n_excluded_links);
    take_parts(request->parts, state->parts, state->n_parts);
    take_parts(request->releases, state->releases, state->n_releases);
    request_resume(federation, request);
}

static gboolean parts_are_whole(Platform__State__Part **parts, gsize n_parts)
{
    for (gsize i = 0; i < n_parts; i++) {
        if (!id_is_valid(parts[i]->agent))
            return FALSE;
    }
    return TRUE;
}

// Under the ID that it has itself, so that no two records can be of one request.
static gboolean is_whole(const Platform__State__Request *state, const char *id)
{
    return state && state->request && strcmp(state->request->id, id) == 0 &&
           id_is_valid(state->sender) && parts_are_whole(state->parts, state->n_parts) &&
           parts_are_whole(state->releases, state->n_releases);
}

static void load_request(gpointer data, GBytes *key, GBytes *value)
{
    RecordLoading *loading = data;
    Federation *federation = loading->core;
    g_autofree char *id = record_name(key);
    Platform__State__Request *state = record_unpack(&platform__state__request__descriptor, value);
    if (is_whole(state, id))
        restore(federation, state);
    else
        record_fail(loading, "request", id, "is damaged");
    wire_free(state);
}

gboolean request_load(Federation *federation, GError **error)
{
    return record_load(federation->store, "request", load_request, federation, error);
}
