// SPDX-License-Identifier: Apache-2.0
//
// Applications: who is home to them, what they offer, and how they are found.

#include "platform/core.h"

#include "topics/record.h"

#include <string.h>

#define SERVICES_MAX 256

void directory_free(gpointer data)
{
    Application *application = data;
    g_free(application->sae);
    g_free(application->service);
    g_free(application->attachment.node);
    g_free(application);
}

Application *directory_find(const Federation *federation, const char *sae)
{
    return g_tree_lookup(federation->applications, sae);
}

const char *directory_find_conflict(const Federation *federation, const Provider *home,
                                    const WireResource *resource)
{
    for (gsize i = 0; i < resource->n_applications; i++) {
        const char *sae = resource->applications[i]->sae;
        const Application *application = directory_find(federation, sae);
        if (application && application->home != home)
            return sae;
    }
    return NULL;
}

gboolean directory_is_vouched_for(const Federation *federation, const Sender *sender)
{
    const Application *application = directory_find(federation, sender->id);
    if (!application || !sender->certificate_sha256)
        return TRUE;
    const ProtobufCBinaryData *vouched = &application->registration->certificate_sha256;
    return vouched->len == 0 ||
           memcmp(vouched->data, sender->certificate_sha256, vouched->len) == 0;
}

typedef struct {
    const Provider *home;
    GHashTable *kept;
    GPtrArray *gone;
} Sweep;

static gboolean sweep_one(gpointer key, gpointer value, gpointer data)
{
    const Application *application = value;
    Sweep *sweep = data;
    if (application->home == sweep->home && !g_hash_table_contains(sweep->kept, key))
        g_ptr_array_add(sweep->gone, key);
    return FALSE;
}

static void take_application(Federation *federation, Provider *home,
                             const WireApplication *registration)
{
    Application *application = directory_find(federation, registration->sae);
    if (!application) {
        application = g_new0(Application, 1);
        application->sae = g_strdup(registration->sae);
        application->home = home;
        g_tree_insert(federation->applications, application->sae, application);
    }
    application->registration = registration;
    if (!application->is_announced)
        application->visible = registration->visible;
}

void directory_update(Federation *federation, Provider *home)
{
    g_autoptr(GHashTable) kept = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GPtrArray) gone = g_ptr_array_new();
    for (gsize i = 0; i < home->resource->n_applications; i++) {
        take_application(federation, home, home->resource->applications[i]);
        g_hash_table_add(kept, home->resource->applications[i]->sae);
    }
    Sweep sweep = {home, kept, gone};
    g_tree_foreach(federation->applications, sweep_one, &sweep);
    for (guint i = 0; i < gone->len; i++) {
        // Whoever has the name later announces itself anew, and starts at home.
        store_delete_text(federation->store, "application", gone->pdata[i]);
        store_delete_text(federation->store, "attachment", gone->pdata[i]);
        visit_end_all(federation, gone->pdata[i]);
        stream_end_all(federation, gone->pdata[i]);
        g_tree_remove(federation->applications, gone->pdata[i]);
    }
}

static const char *service_of(const Application *application)
{
    return application->service ? application->service : application->registration->service;
}

// --- what an application says itself -------------------------------------------------------------

static void announce(Application *application, const WireRegister *registration)
{
    g_free(application->service);
    application->service = g_strdup(registration->service);
    application->visible = registration->visible;
    application->is_announced = TRUE;
}

static void load_registration(gpointer data, GBytes *key, GBytes *value)
{
    RecordLoading *loading = data;
    Federation *federation = loading->core;
    g_autofree char *sae = record_name(key);
    Application *application = directory_find(federation, sae);
    WireRegister *registration = record_unpack(&qkdnf__v1__register__descriptor, value);
    if (!registration)
        record_fail(loading, "registration of", sae, "is damaged");
    else if (application)
        announce(application, registration);
    wire_free(registration);
}

gboolean directory_load(Federation *federation, GError **error)
{
    return record_load(federation->store, "application", load_registration, federation, error);
}

void directory_on_register(gpointer data, const Sender *sender, gconstpointer message)
{
    Federation *federation = data;
    const WireRegister *registration = message;
    Application *application = directory_find(federation, sender->id);
    WireRegistered answer = WIRE_REGISTERED_INIT;
    answer.id = registration->id;
    if (application && !directory_is_vouched_for(federation, sender)) {
        answer.status = STATUS_NOT_ALLOWED;
        answer.text = (char *)DIRECTORY_OTHER_CERTIFICATE;
    } else if (application && strlen(registration->service) <= 64) {
        announce(application, registration);
        g_autoptr(GBytes) value = message_pack(&registration->base);
        store_put_text(federation->store, "application", sender->id, value);
        answer.status = STATUS_OK;
        answer.home = application->home->id;
        answer.kme_url = attachment_provider(application)->resource->kme_url;
    } else if (application) {
        answer.status = STATUS_BAD_REQUEST;
        answer.text = (char *)"service is longer than 64 bytes";
    } else {
        answer.status = STATUS_UNKNOWN_SAE;
        answer.text = (char *)"no provider vouches for this application";
    }
    federation_send(federation, KIND_REGISTERED, sender->id, &answer.base);
}

// --- discovery -----------------------------------------------------------------------------------

typedef struct {
    const WireDiscover *query;
    GArray *found; // WireService
} Search;

static gboolean matches(const char *wanted, const char *actual)
{
    return !wanted[0] || strcmp(wanted, actual) == 0;
}

static gboolean search_one(gpointer key, gpointer value, gpointer data)
{
    const Application *application = value;
    Search *search = data;
    const WireDiscover *query = search->query;
    const Provider *provider = attachment_provider(application);
    const WireResource *resource = provider->resource;
    gboolean is_found = matches(query->sae, application->sae) &&
                        matches(query->region, resource->region) &&
                        matches(query->service, service_of(application)) && application->visible;
    if (!is_found)
        return FALSE;
    WireService service = WIRE_SERVICE_INIT;
    service.sae = application->sae;
    service.service = (char *)service_of(application);
    service.provider = provider->id;
    service.region = resource->region;
    service.kme_id = resource->kme_id;
    service.kme_url = resource->kme_url;
    g_array_append_val(search->found, service);
    return search->found->len >= SERVICES_MAX;
}

void directory_on_discover(gpointer data, const Sender *sender, gconstpointer message)
{
    Federation *federation = data;
    const WireDiscover *query = message;
    g_autoptr(GArray) found = g_array_new(FALSE, FALSE, sizeof(WireService));
    Search search = {query, found};
    g_tree_foreach(federation->applications, search_one, &search);
    g_autofree WireService **pointers = g_new(WireService *, found->len + 1);
    for (guint i = 0; i < found->len; i++)
        pointers[i] = &g_array_index(found, WireService, i);
    WireServices answer = WIRE_SERVICES_INIT;
    answer.id = query->id;
    answer.status = found->len > 0 ? STATUS_OK : STATUS_UNKNOWN_SAE;
    answer.n_services = found->len;
    answer.services = pointers;
    federation_send(federation, KIND_SERVICES, sender->id, &answer.base);
}
