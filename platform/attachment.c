// SPDX-License-Identifier: Apache-2.0
//
// Where applications are served now. Each is at home until it is attached elsewhere, to another
// provider or to another access node; routes, the ends of orders and deliveries go by that. Who
// vouches for it does not change.

#include "platform/handover.h"
#include "platform/state.pb-c.h"
#include "topics/record.h"

#include <string.h>

static gboolean is_at_home(const Application *application)
{
    const Attachment *attachment = &application->attachment;
    return !attachment->provider || !attachment->provider->resource;
}

Provider *attachment_provider(const Application *application)
{
    return is_at_home(application) ? application->home : application->attachment.provider;
}

const char *attachment_node(const Application *application)
{
    return is_at_home(application) ? application->registration->node : application->attachment.node;
}

gboolean attachment_is_with(const Application *application, const char *provider)
{
    return strcmp(attachment_provider(application)->id, provider) == 0;
}

const WireNode *attachment_find_access(const Provider *provider, const char *node)
{
    for (gsize i = 0; provider->resource && i < provider->resource->n_nodes; i++) {
        const WireNode *found = provider->resource->nodes[i];
        if (found->access && (!node || strcmp(found->id, node) == 0))
            return found;
    }
    return NULL;
}

// --- changes -------------------------------------------------------------------------------------

static void set(Application *application, Provider *provider, const char *node)
{
    Attachment *attachment = &application->attachment;
    gboolean is_home =
        provider == application->home && strcmp(node, application->registration->node) == 0;
    attachment->provider = is_home ? NULL : provider;
    char *old = g_steal_pointer(&attachment->node);
    attachment->node = is_home ? NULL : g_strdup(node);
    g_free(old); // which `node` may be
}

static void save(Federation *federation, const Application *application)
{
    const Attachment *attachment = &application->attachment;
    Platform__State__Attachment state = PLATFORM__STATE__ATTACHMENT__INIT;
    state.provider = attachment->provider ? attachment->provider->id : (char *)"";
    state.node = attachment->node ? attachment->node : (char *)"";
    g_autoptr(GBytes) value = message_pack(&state.base);
    if (attachment->provider)
        store_put_text(federation->store, "attachment", application->sae, value);
    else
        store_delete_text(federation->store, "attachment", application->sae);
}

void attachment_move(Federation *federation, Application *application, Provider *provider,
                     const char *node)
{
    set(application, provider, node);
    save(federation, application);
}

// --- who cannot stay -----------------------------------------------------------------------------

void attachment_fall(Federation *federation, Application *application)
{
    attachment_move(federation, application, application->home, application->registration->node);
    visit_follow(federation, application);
    stream_recover_legs(federation, application);
}

// What it says of the sessions that it serves is still heard.
static gboolean can_speak(const Federation *federation, const Provider *provider)
{
    return (kind_get(KIND_LEG_STATE)->states & STATE_BIT(member_state(federation, provider->id))) !=
           0;
}

void attachment_leave(Federation *federation, Application *application)
{
    const Provider *at = attachment_provider(application);
    if (at != application->home && can_speak(federation, at)) {
        handover_take_home(federation, application);
        return;
    }
    Handover *running = handover_find_running(federation, application->sae);
    if (running && running->phase < HANDOVER(SWITCHED)) {
        running->is_forced = FALSE; // this is its end already
        handover_fail(federation, running, STATUS_NO_ROUTE, "where it was takes no part any more");
    }
    attachment_fall(federation, application);
}

typedef struct {
    Federation *federation;
    const Provider *provider;
    GPtrArray *stranded;
} Review;

gboolean attachment_is_lost(const Federation *federation, const Provider *provider)
{
    const States gone = STATE_BIT(QKDNF__V1__MEMBER_STATE__MEMBER_STATE_WITHDRAWN) |
                        STATE_BIT(QKDNF__V1__MEMBER_STATE__MEMBER_STATE_REFUSED) |
                        STATE_BIT(QKDNF__V1__MEMBER_STATE__MEMBER_STATE_EXPELLED);
    return !member_find(federation, provider->id) ||
           (gone & STATE_BIT(member_state(federation, provider->id)));
}

// Whether it can still be served where it is attached.
static gboolean is_tenable(const Federation *federation, const Application *application)
{
    const Attachment *attachment = &application->attachment;
    // Nobody but its own users stays with one that leaves.
    gboolean is_left = attachment->provider != application->home &&
                       member_state(federation, attachment->provider->id) ==
                           QKDNF__V1__MEMBER_STATE__MEMBER_STATE_WITHDRAWING;
    if (attachment_is_lost(federation, attachment->provider) || is_left ||
        !attachment_find_access(attachment->provider, attachment->node))
        return FALSE;
    Verdict verdict = roaming_check(federation, application, attachment->provider);
    g_free(verdict.text);
    return verdict.status == STATUS_OK;
}

static gboolean review_one(gpointer key, gpointer value, gpointer data)
{
    Application *application = value;
    const Provider *at = application->attachment.provider;
    Review *review = data;
    gboolean is_concerned = at == review->provider || application->home == review->provider;
    if (at && is_concerned && !is_tenable(review->federation, application))
        g_ptr_array_add(review->stranded, application);
    return FALSE;
}

void attachment_review(Federation *federation, const Provider *provider)
{
    g_autoptr(GPtrArray) stranded = g_ptr_array_new();
    Review review = {federation, provider, stranded};
    g_tree_foreach(federation->applications, review_one, &review);
    for (guint i = 0; i < stranded->len; i++)
        attachment_leave(federation, stranded->pdata[i]);
}

// --- store ---------------------------------------------------------------------------------------

// What could be attached once need not fit the members and resources that there are now.
static gboolean restore(Federation *federation, const char *sae,
                        const Platform__State__Attachment *state)
{
    Application *application = directory_find(federation, sae);
    Provider *provider = topology_find(federation->topology, state->provider);
    if (!application || !provider || attachment_is_lost(federation, provider))
        return FALSE;
    set(application, provider, state->node);
    return TRUE;
}

static void load_attachment(gpointer data, GBytes *key, GBytes *value)
{
    RecordLoading *loading = data;
    Federation *federation = loading->core;
    g_autofree char *sae = record_name(key);
    Platform__State__Attachment *state =
        record_unpack(&platform__state__attachment__descriptor, value);
    if (state && !restore(federation, sae, state))
        federation_drop_later(federation, "attachment", sae);
    if (!state)
        record_fail(loading, "attachment of", sae, "is damaged");
    wire_free(state);
}

gboolean attachment_load(Federation *federation, GError **error)
{
    return record_load(federation->store, "attachment", load_attachment, federation, error);
}

static void settle(Federation *federation, Application *application)
{
    const Attachment *attachment = &application->attachment;
    if (attachment->provider && !attachment_find_access(attachment->provider, attachment->node)) {
        attachment_leave(federation, application);
        return;
    }
    // While it moves, one more may know of it.
    if (!handover_find_running(federation, application->sae))
        visit_follow(federation, application);
    stream_recover_legs(federation, application);
}

static gboolean list_one(gpointer key, gpointer value, gpointer data)
{
    g_ptr_array_add(data, value);
    return FALSE;
}

void attachment_settle(Federation *federation)
{
    g_autoptr(GPtrArray) all = g_ptr_array_new();
    g_tree_foreach(federation->applications, list_one, all);
    for (guint i = 0; i < all->len; i++)
        settle(federation, all->pdata[i]);
}
