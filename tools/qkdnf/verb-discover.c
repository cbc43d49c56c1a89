// SPDX-License-Identifier: Apache-2.0
//
// qkdnf discover: which applications can be reached, as an application sees it.

#include "tools/qkdnf/inquiry.h"
#include "tools/qkdnf/progress.h"
#include "tools/qkdnf/verb.h"

#include <stdio.h>

#define TIMEOUT_MS 10000

typedef struct {
    Access access;
    WireDiscover question;
    gboolean json;
} Arguments;

enum { OPTION_SAE = 512, OPTION_REGION, OPTION_SERVICE };

static const struct argp_option options[] = {
    {"sae", OPTION_SAE, "ID", 0, "this application", 0},
    {"region", OPTION_REGION, "R", 0, "those of a region", 0},
    {"service", OPTION_SERVICE, "T", 0, "those that offer a type of service", 0},
    {"json", 'j', NULL, 0, "report as one JSON object", 0},
    {0},
};

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    Arguments *arguments = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &arguments->access;
        return 0;
    case OPTION_SAE:
        arguments->question.sae = value;
        return 0;
    case OPTION_REGION:
        arguments->question.region = value;
        return 0;
    case OPTION_SERVICE:
        arguments->question.service = value;
        return 0;
    case 'j':
        arguments->json = TRUE;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "unexpected argument '%s'", value);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {{&access_asking_argp, 0, NULL, 0}, {0}};
static const struct argp argp = {
    .options = options,
    .parser = parse_option,
    .children = children,
    .doc = "Finds applications that can be reached; without options, all that are visible.",
};

static json_t *to_json(const WireServices *answer)
{
    json_t *services = json_array();
    for (gsize i = 0; i < answer->n_services; i++) {
        const WireService *one = answer->services[i];
        json_array_append_new(services, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "sae", one->sae,
                                                  "service", one->service, "provider",
                                                  one->provider, "region", one->region, "kme_id",
                                                  one->kme_id, "kme", one->kme_url));
    }
    return json_pack("{s:s, s:s, s:o}", "status", status_name((Status)answer->status), "text",
                     answer->text, "services", services);
}

static void print_lines(const WireServices *answer)
{
    for (gsize i = 0; i < answer->n_services; i++) {
        const WireService *one = answer->services[i];
        verb_print(stdout, "%-24s %-16s %-16s %-8s %s\n", one->sae, one->service, one->provider,
                   one->region, one->kme_url);
    }
}

static int report(const Arguments *arguments, const WireServices *answer, const char *verb)
{
    if (arguments->json) {
        json_t *object = to_json(answer);
        verb_print_json(object);
        json_decref(object);
    } else {
        print_lines(answer);
    }
    if (answer->status == STATUS_OK)
        return EXIT_DONE;
    verb_print(stderr, "%s: %s: %s\n", verb, status_name((Status)answer->status),
               *answer->text ? answer->text : status_text((Status)answer->status));
    return EXIT_REFUSED;
}

static WireServices *ask(Arguments *arguments, GError **error)
{
    Access *access = &arguments->access;
    if (!access_resolve(access, ACCESS_SAES, error))
        return NULL;
    char id[UUID_CHARS + 1];
    inquiry_new_id(id);
    arguments->question.id = id;
    Inquiry inquiry = {.as = ACCESS_SAES,
                       .member = access->platform,
                       .kind = KIND_DISCOVER,
                       .message = &arguments->question.base,
                       .id = id,
                       .timeout_ms = TIMEOUT_MS};
    g_autoptr(Progress) progress G_GNUC_UNUSED = progress_new("waiting for the platform's answer");
    return (WireServices *)inquiry_ask(access, &inquiry, error);
}

int verb_discover(int argc, char **argv)
{
    Arguments arguments = {.question = WIRE_DISCOVER_INIT};
    argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    g_autoptr(GError) error = NULL;
    WireServices *answer = ask(&arguments, &error);
    int code = answer ? report(&arguments, answer, argv[0]) : verb_fail_on_bus(argv[0], error);
    wire_free(answer);
    access_clear(&arguments.access);
    return code;
}
