// SPDX-License-Identifier: Apache-2.0

#include "tools/qkdnf/access.h"

#include "tools/qkdnf/json-read.h"

#include <string.h>

enum {
    OPTION_FEDERATION = 256,
    OPTION_BROKER,
    OPTION_CA,
    OPTION_CERTIFICATE,
    OPTION_KEY,
    OPTION_AS,
    OPTION_PLATFORM
};

static const struct argp_option options[] = {
    {NULL, 0, NULL, 0, "How to connect:", 1},
    {"federation", OPTION_FEDERATION, "DIR", 0,
     "the directory of a running federation (or $QKDNF_FEDERATION)", 1},
    {"as", OPTION_AS, "ID", 0, "who connects", 1},
    {"broker", OPTION_BROKER, "URL", 0, "mqtts://HOST:PORT", 1},
    {"ca", OPTION_CA, "FILE", 0, "who certified the broker (PEM)", 1},
    {"certificate", OPTION_CERTIFICATE, "FILE", 0, "one's own (PEM)", 1},
    {"key", OPTION_KEY, "FILE", 0, "its key (PEM, PKCS#8)", 1},
    {0},
};

static void set(char **ret_value, const char *value)
{
    g_free(*ret_value);
    *ret_value = g_strdup(value);
}

static error_t parse_option(int option, char *value, struct argp_state *state)
{
    Access *access = state->input;
    switch (option) {
    case OPTION_FEDERATION:
        set(&access->federation, value);
        return 0;
    case OPTION_AS:
        set(&access->id, value);
        return 0;
    case OPTION_BROKER:
        set(&access->connection.url, value);
        return 0;
    case OPTION_CA:
        set(&access->connection.ca, value);
        return 0;
    case OPTION_CERTIFICATE:
        set(&access->connection.certificate, value);
        return 0;
    case OPTION_KEY:
        set(&access->connection.key, value);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp access_argp = {.options = options, .parser = parse_option};

static const struct argp_option asking_options[] = {
    {"platform", OPTION_PLATFORM, "ID", 0, "whom to ask, where no federation is given", 1},
    {0},
};

static error_t parse_asking(int option, char *value, struct argp_state *state)
{
    Access *access = state->input;
    switch (option) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = access;
        return 0;
    case OPTION_PLATFORM:
        set(&access->platform, value);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child plain[] = {{&access_argp, 0, NULL, 0}, {0}};
const struct argp access_asking_argp = {
    .options = asking_options, .parser = parse_asking, .children = plain};

void access_clear(Access *access)
{
    g_free(access->federation);
    g_free(access->id);
    g_free(access->platform);
    g_free(access->connection.url);
    g_free(access->connection.ca);
    g_free(access->connection.certificate);
    g_free(access->connection.key);
    *access = (Access){0};
}

// With what to do next, where that can be told.
static void set_load_error(GError **error, const char *dir, const char *path, const GError *cause)
{
    if (g_error_matches(cause, G_FILE_ERROR, G_FILE_ERROR_NOENT))
        g_set_error(error, cause->domain, cause->code,
                    "no federation runs in %s: there is no %s; start one with `qkdnf up FILE --dir "
                    "%s`, or name the directory of one that runs",
                    dir, path, dir);
    else if (g_error_matches(cause, G_FILE_ERROR, G_FILE_ERROR_ACCES))
        g_set_error(error, cause->domain, cause->code,
                    "%s may only be read by who started the federation: be that user, or root",
                    path);
    else
        g_set_error(error, cause->domain, cause->code, "%s cannot be read: %s", path,
                    cause->message);
}

json_t *access_load(const char *dir, GError **error)
{
    g_autofree char *path = g_build_filename(dir, ACCESS_FILE, NULL);
    g_autofree char *text = NULL;
    gsize n_bytes = 0;
    g_autoptr(GError) cause = NULL;
    if (!g_file_get_contents(path, &text, &n_bytes, &cause)) {
        set_load_error(error, dir, path, cause);
        return NULL;
    }
    json_error_t fault;
    json_t *object = json_loadb(text, n_bytes, JSON_REJECT_DUPLICATES, &fault);
    if (json_is_object(object))
        return object;
    json_decref(object);
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "%s is damaged (line %d: %s)", path,
                fault.line, fault.text);
    return NULL;
}

// By ID, or the first.
static const json_t *find_member(const json_t *description, const char *list, const char *id)
{
    const json_t *members = json_object_get(description, list);
    for (gsize i = 0; i < json_array_size(members); i++) {
        const json_t *member = json_array_get(members, i);
        if (!id || strcmp(json_read_text(member, "id"), id) == 0)
            return member;
    }
    return NULL;
}

static void set_default(char **ret_value, const char *value)
{
    if (!*ret_value && *value)
        *ret_value = g_strdup(value);
}

static gboolean resolve_by_description(Access *access, const char *list, GError **error)
{
    json_t *description = access_load(access->federation, error);
    if (!description)
        return FALSE;
    const json_t *member = find_member(description, list, access->id);
    if (member) {
        Connection *connection = &access->connection;
        set_default(&access->id, json_read_text(member, "id"));
        set_default(&access->platform,
                    json_read_text(json_object_get(description, "platform"), "id"));
        set_default(&connection->url,
                    json_read_text(json_object_get(description, "broker"), "url"));
        set_default(&connection->ca, json_read_text(description, "ca"));
        set_default(&connection->certificate, json_read_text(member, "certificate"));
        set_default(&connection->key, json_read_text(member, "key"));
    } else {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "%s %s among the %s of %s",
                    access->id ? access->id : "none", access->id ? "is not" : "is", list,
                    access->federation);
    }
    json_decref(description);
    return member != NULL;
}

static gboolean resolve(Access *access, const char *list, GError **error)
{
    const Connection *connection = &access->connection;
    if (!access->federation && !connection->url)
        access->federation = g_strdup(g_getenv("QKDNF_FEDERATION"));
    if (access->federation && !resolve_by_description(access, list, error))
        return FALSE;
    set_default(&access->platform, "platform");
    if (access->id && connection->url && connection->ca && connection->certificate &&
        connection->key)
        return TRUE;
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                "how to connect is not said: give --federation, or all of --broker, --ca, "
                "--certificate, --key and --as");
    return FALSE;
}

gboolean access_resolve(Access *access, const char *list, GError **error)
{
    g_autoptr(GError) cause = NULL;
    if (resolve(access, list, &cause))
        return TRUE;
    g_set_error_literal(error, ACCESS_ERROR, 0, cause->message);
    return FALSE;
}
