// SPDX-License-Identifier: Apache-2.0

#include "agents/settings.h"
#include "platform/settings.h"
#include "tools/qkdnf/description.h"
#include "tools/qkdnf/verb.h"

#include <argp.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

typedef struct {
    const char *name;
    const char *mark; // a key that only this kind has
    const SettingTable *table;
    void (*check)(gpointer root, Settings *settings);
} FileKind;

static void check_federation(gpointer root, Settings *settings)
{
    description_check(root, settings);
}

static void check_platform(gpointer root, Settings *settings)
{
    platform_settings_check(root, settings);
}

static void check_agent(gpointer root, Settings *settings)
{
    agent_settings_check(root, settings);
}

// What a file is taken for that has no key of any kind comes first.
static const FileKind kinds[] = {
    {"federation", "providers:", &description_table, check_federation},
    {"platform", "federation:", &platform_settings_table, check_platform},
    {"agent", "agent:", &agent_settings_table, check_agent},
};

typedef struct {
    const char *file;
    const FileKind *kind;
    gboolean json;
} Arguments;

static const FileKind *find_kind(const char *name)
{
    for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++) {
        if (g_str_equal(kinds[i].name, name))
            return &kinds[i];
    }
    return NULL;
}

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    Arguments *arguments = state->input;
    switch (key) {
    case 'k':
        arguments->kind = find_kind(value);
        if (!arguments->kind)
            argp_error(state, "--kind: expected federation, platform or agent, not '%s'", value);
        return 0;
    case 'j':
        arguments->json = TRUE;
        return 0;
    case ARGP_KEY_ARG:
        if (arguments->file)
            argp_error(state, "expected only one file");
        arguments->file = value;
        return 0;
    case ARGP_KEY_END:
        if (!arguments->file)
            argp_error(state, "expected a file");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option options[] = {
    {"kind", 'k', "KIND", 0,
     "what the file is: federation, platform or agent (default: by its keys)", 0},
    {"json", 'j', NULL, 0, "report as one JSON object", 0},
    {0},
};
static const struct argp argp = {
    .options = options,
    .parser = parse_option,
    .args_doc = "FILE",
    .doc = "Finds every error in the description of a federation, or in the configuration of a "
           "platform or an agent.",
};

static const FileKind *guess_kind(const char *path)
{
    char line[256];
    const FileKind *kind = &kinds[0];
    FILE *file = fopen(path, "re");
    for (guint n = 0; file && n < 10000 && fgets(line, sizeof line, file); n++) {
        for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++) {
            if (g_str_has_prefix(line, kinds[i].mark))
                kind = &kinds[i];
        }
    }
    if (file)
        fclose(file);
    return kind;
}

typedef struct {
    const char *file;
    json_t *list;
} Errors;

// Of what is about the whole file, line and column are null.
static void add_error(gpointer data, gsize line, gsize column, const char *message)
{
    const Errors *errors = data;
    json_t *error = json_pack("{s:s, s:n, s:n, s:s}", "file", errors->file, "line", "column",
                              "message", message);
    if (line > 0) {
        json_object_set_new(error, "line", json_integer((json_int_t)line));
        json_object_set_new(error, "column", json_integer((json_int_t)column));
    }
    json_array_append_new(errors->list, error);
}

static void report_json(const Arguments *arguments, Settings *settings)
{
    Errors errors = {arguments->file, json_array()};
    settings_for_each_error(settings, add_error, &errors);
    gboolean is_valid = json_array_size(errors.list) == 0;
    json_t *report = json_pack("{s:s, s:s, s:b, s:o}", "file", arguments->file, "kind",
                               arguments->kind->name, "valid", is_valid, "errors", errors.list);
    verb_print_json(report);
    json_decref(report);
}

int verb_check_config(int argc, char **argv)
{
    Arguments arguments = {0};
    argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    if (!arguments.kind)
        arguments.kind = guess_kind(arguments.file);
    g_autoptr(GError) error = NULL;
    g_autoptr(Settings) settings = settings_load(arguments.kind->table, arguments.file);
    gpointer root = settings_root(settings);
    if (root)
        arguments.kind->check(root, settings);
    gboolean is_valid = settings_finish(settings, &error);
    if (arguments.json)
        report_json(&arguments, settings);
    else if (is_valid)
        printf("%s: valid (%s)\n", arguments.file, arguments.kind->name);
    else
        fprintf(stderr, "%s\n", error->message);
    return is_valid ? EXIT_DONE : EXIT_USAGE;
}
