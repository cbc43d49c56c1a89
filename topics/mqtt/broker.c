// SPDX-License-Identifier: Apache-2.0

#include "topics/mqtt/broker.h"

#include "topics/frame.h"

#include <pwd.h>
#include <string.h>
#include <unistd.h>

// Above the largest payload: topic and properties of its packet.
#define PACKET_MAX_BYTES (FRAME_MAX_BYTES + 4096)

// What the broker may use for everything that it queues and retains.
#define MEMORY_MAX_BYTES (G_GUINT64_CONSTANT(1) << 30)

#define ALL_READERS                                                                                \
    (ROLE_BIT(ROLE_PLATFORM) | ROLE_BIT(ROLE_AGENT) | ROLE_BIT(ROLE_APPLICATION) |                 \
     ROLE_BIT(ROLE_OPERATOR))

static void add_kind(GString *rules, const Kind *kind)
{
    const char *to = kind->to_all ? ID_ALL : "+";
    g_string_append_printf(rules, "pattern write " TOPIC_PREFIX "/%s/%%u/%s\n", kind->name, to);
    if (kind->to_all && (kind->to & ALL_READERS))
        g_string_append_printf(rules, "pattern read " TOPIC_PREFIX "/%s/+/" ID_ALL "\n",
                               kind->name);
}

// The patterns are everybody's, so what they would let a monitor write is taken away again.
static void add_monitor(GString *rules, const char *id)
{
    g_string_append_printf(rules, "\nuser %s\n", id);
    g_string_append_printf(rules, "topic deny " TOPIC_PREFIX "/+/%s/#\n", id);
    g_string_append(rules, "topic read " TOPIC_PREFIX "/#\n");
}

char *broker_format_access(const char *const *monitors)
{
    GString *rules = g_string_new("# Written by qkdnf from its table of kinds.\n\n");
    g_string_append(rules, "pattern read " TOPIC_PREFIX "/+/+/%u\n");
    for (guint id = 0; id < N_KINDS; id++)
        add_kind(rules, kind_get(id));
    for (gsize i = 0; monitors && monitors[i]; i++)
        add_monitor(rules, monitors[i]);
    return g_string_free(rules, FALSE);
}

// Wildcard packet sizes, queues and windows: the defaults lose messages silently from the 1,000th
// queued on, also of those retained.
static void add_limits(GString *text)
{
    g_string_append_printf(text, "message_size_limit %d\n", FRAME_MAX_BYTES);
    g_string_append_printf(text, "max_packet_size %d\n", PACKET_MAX_BYTES);
    g_string_append_printf(text, "memory_limit %" G_GUINT64_FORMAT "\n", MEMORY_MAX_BYTES);
    g_string_append(text, "max_inflight_messages 1000\n"
                          "max_queued_messages 100000\n"
                          "set_tcp_nodelay true\n");
}

static void add_listener(GString *text, const BrokerConfig *config)
{
    g_string_append_printf(text, "listener %u %s\n", config->port, config->address);
    g_string_append_printf(text, "cafile %s\n", config->ca);
    if (config->crl)
        g_string_append_printf(text, "crlfile %s\n", config->crl);
    g_string_append_printf(text, "certfile %s\n", config->certificate);
    g_string_append_printf(text, "keyfile %s\n", config->key);
    g_string_append(text, "tls_version tlsv1.3\n"
                          "require_certificate true\n"
                          "use_identity_as_username true\n");
}

// Started by root, the broker would become a user who cannot write into the directory.
static char *format_config(const BrokerConfig *config, const char *dir)
{
    const struct passwd *user = getpwuid(geteuid());
    GString *text = g_string_new("# Written by qkdnf from its table of kinds.\n\n");
    g_string_append(text, "per_listener_settings false\n");
    add_listener(text, config);
    g_string_append_printf(text, "allow_anonymous false\nacl_file %s/" BROKER_ACCESS_FILE "\n",
                           dir);
    if (config->plugin)
        g_string_append_printf(text, "plugin %s\n", config->plugin);
    add_limits(text);
    g_string_append_printf(
        text, "persistence true\npersistence_location %s/\nautosave_interval 30\n", dir);
    g_string_append(text, "log_dest stderr\nlog_type error\nlog_type warning\nlog_type notice\n");
    if (user)
        g_string_append_printf(text, "user %s\n", user->pw_name);
    return g_string_free(text, FALSE);
}

// Each stands on a line of its own, up to its end.
static gboolean check_texts(const BrokerConfig *config, const char *dir, GError **error)
{
    const char *texts[] = {config->address, config->ca,    config->certificate, config->key, dir,
                           config->crl,     config->plugin};
    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        if (!texts[i] || (*texts[i] && !strpbrk(texts[i], "\r\n")))
            continue;
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                    "\"%s\" cannot stand in the broker's configuration", texts[i]);
        return FALSE;
    }
    for (gsize i = 0; config->monitors && config->monitors[i]; i++) {
        if (id_is_valid(config->monitors[i]))
            continue;
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "\"%s\" is not a member ID",
                    config->monitors[i]);
        return FALSE;
    }
    return TRUE;
}

static gboolean write_file(const char *dir, const char *name, const char *text, GError **error)
{
    g_autofree char *path = g_build_filename(dir, name, NULL);
    return g_file_set_contents_full(path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0600, error);
}

gboolean broker_write_config(const BrokerConfig *config, const char *dir, GError **error)
{
    if (!check_texts(config, dir, error))
        return FALSE;
    g_autofree char *text = format_config(config, dir);
    g_autofree char *rules = broker_format_access(config->monitors);
    return write_file(dir, BROKER_ACCESS_FILE, rules, error) &&
           write_file(dir, BROKER_CONFIG_FILE, text, error);
}
