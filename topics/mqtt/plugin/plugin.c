// SPDX-License-Identifier: Apache-2.0
//
// The plugin of the broker mosquitto (its plugin interface 5): asks the gate about each publish and
// each subscription, and passes on what that lets through to the access rules, which decide. All of
// it happens on the broker's only thread.

#include "topics/certificate.h"
#include "topics/mqtt/plugin/gate.h"

#include <mosquitto.h>
#include <mosquitto_broker.h>
#include <mosquitto_plugin.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

typedef struct {
    Gate *gate;
    GPtrArray *cut_off; // IDs of members, at the next tick: their connections may be in use now
} Plugin;

// FALSE when the certificate is not the member's. A will is said when the connection is no more,
// and the certificate has gone with it: what it said last counts.
static gboolean admit(Plugin *plugin, const struct mosquitto *client, const char *member)
{
    X509 *certificate = mosquitto_client_certificate(client);
    if (!certificate)
        return TRUE;
    g_autofree char *name = certificate_name(certificate);
    gboolean is_named = g_strcmp0(name, member) == 0;
    if (is_named)
        gate_admit(plugin->gate, member, certificate_roles(certificate));
    X509_free(certificate);
    return is_named;
}

static void cut_off(Plugin *plugin, const char *member)
{
    if (!g_ptr_array_find_with_equal_func(plugin->cut_off, member, g_str_equal, NULL))
        g_ptr_array_add(plugin->cut_off, g_strdup(member));
}

static Refusal check_access(Plugin *plugin, const char *member,
                            const struct mosquitto_evt_acl_check *check, gint64 now_us)
{
    GatePublish publish = {check->topic, check->payload, check->payloadlen, check->retain};
    if (!member)
        return REFUSAL_CERTIFICATE;
    // Not even its certificate is looked at.
    if (gate_is_flooded(plugin->gate, member, now_us))
        return REFUSAL_QUOTA;
    if (!admit(plugin, check->client, member))
        return REFUSAL_CERTIFICATE;
    if (check->access == MOSQ_ACL_WRITE)
        return gate_publish(plugin->gate, member, &publish, now_us);
    return gate_subscribe(plugin->gate, member, check->topic,
                          (guint)mosquitto_client_sub_count(check->client), now_us);
}

// Only what was read as a topic is quoted: anything else can be any bytes.
static void tell(Plugin *plugin, const char *member, const char *text, Refusal refusal,
                 gint64 now_us)
{
    Topic topic;
    guint64 n_refused = 0;
    if (!gate_tell(plugin->gate, member, now_us, &n_refused))
        return;
    mosquitto_log_printf(
        MOSQ_LOG_NOTICE, "qkdnf: refused member=%s reason=%s topic=%s publishes=%" G_GUINT64_FORMAT,
        member, refusal_name(refusal), topic_parse(text, &topic) ? text : "-", n_refused);
}

// What is delivered to a member is left to the access rules.
static int on_access(int event, void *event_data, void *data)
{
    Plugin *plugin = data;
    const struct mosquitto_evt_acl_check *check = event_data;
    if (check->access != MOSQ_ACL_WRITE && check->access != MOSQ_ACL_SUBSCRIBE)
        return MOSQ_ERR_PLUGIN_DEFER;
    const char *member = mosquitto_client_username(check->client);
    gint64 now_us = g_get_monotonic_time();
    Refusal refusal = check_access(plugin, member, check, now_us);
    if (refusal == REFUSAL_NONE)
        return MOSQ_ERR_PLUGIN_DEFER;
    if (!member)
        return MOSQ_ERR_ACL_DENIED;
    tell(plugin, member, check->topic, refusal, now_us);
    // Any other error ends the connection, at once: a broker reads on as long as there is something
    // to read, and meanwhile nobody else is served.
    return gate_is_flooded(plugin->gate, member, now_us) ? MOSQ_ERR_ADMINISTRATIVE_ACTION
                                                         : MOSQ_ERR_ACL_DENIED;
}

// A publish that the access rules have let through as well.
static int on_message(int event, void *event_data, void *data)
{
    Plugin *plugin = data;
    const struct mosquitto_evt_message *message = event_data;
    const char *sender = mosquitto_client_username(message->client);
    GatePublish publish = {message->topic, message->payload, message->payloadlen, message->retain};
    g_autofree char *out = sender ? gate_learn(plugin->gate, sender, &publish) : NULL;
    if (out)
        cut_off(plugin, out);
    return MOSQ_ERR_SUCCESS;
}

static int on_tick(int event, void *event_data, void *data)
{
    Plugin *plugin = data;
    g_autoptr(GPtrArray) members = g_steal_pointer(&plugin->cut_off);
    plugin->cut_off = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < members->len; i++) {
        const char *member = members->pdata[i];
        mosquitto_log_printf(MOSQ_LOG_NOTICE, "qkdnf: cut off member=%s", member);
        mosquitto_kick_client_by_username(member, true);
    }
    return MOSQ_ERR_SUCCESS;
}

EXPORT int mosquitto_plugin_version(int n_supported, const int *supported)
{
    for (int i = 0; i < n_supported; i++) {
        if (supported[i] == MOSQ_PLUGIN_VERSION)
            return MOSQ_PLUGIN_VERSION;
    }
    return -1;
}

EXPORT int mosquitto_plugin_init(mosquitto_plugin_id_t *id, void **ret_data,
                                 struct mosquitto_opt *options, int n_options)
{
    static const struct {
        int event;
        MOSQ_FUNC_generic_callback callback;
    } callbacks[] = {
        {MOSQ_EVT_ACL_CHECK, on_access}, {MOSQ_EVT_MESSAGE, on_message}, {MOSQ_EVT_TICK, on_tick}};
    Plugin *plugin = g_new0(Plugin, 1);
    plugin->gate = gate_new();
    plugin->cut_off = g_ptr_array_new_with_free_func(g_free);
    *ret_data = plugin;
    for (gsize i = 0; i < G_N_ELEMENTS(callbacks); i++) {
        int result = mosquitto_callback_register(id, callbacks[i].event, callbacks[i].callback,
                                                 NULL, plugin);
        if (result != MOSQ_ERR_SUCCESS)
            return result;
    }
    return MOSQ_ERR_SUCCESS;
}

// By then the broker has dropped what was registered.
EXPORT int mosquitto_plugin_cleanup(void *data, struct mosquitto_opt *options, int n_options)
{
    Plugin *plugin = data;
    gate_free(plugin->gate);
    g_ptr_array_unref(plugin->cut_off);
    g_free(plugin);
    return MOSQ_ERR_SUCCESS;
}
