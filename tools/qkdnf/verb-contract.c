// SPDX-License-Identifier: Apache-2.0
//
// qkdnf contract: what those need who write programs against the bus without a file of ours.

#include "tools/contract/contract.h"
#include "tools/qkdnf/verb.h"

#include <argp.h>
#include <stdio.h>

enum { OPTION_DIR = 1 };

static const struct argp_option options[] = {
    {"dir", OPTION_DIR, "DIR", 0, "where to write it; made if need be (required)", 0},
    {0},
};

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    const char **dir = state->input;
    if (key == OPTION_DIR)
        *dir = value;
    else if (key == ARGP_KEY_ARG)
        argp_error(state, "expected no more than options, not '%s'", value);
    else if (key == ARGP_KEY_END && !*dir)
        argp_error(state, "--dir DIR is missing");
    else
        return ARGP_ERR_UNKNOWN;
    return 0;
}

int verb_contract(int argc, char **argv)
{
    static const struct argp argp = {
        .options = options,
        .parser = parse_option,
        .doc = "Writes what is published of the bus: a guide (README.md), an AsyncAPI document "
               "(asyncapi.json), reference pages (kinds.md, messages.md), test vectors "
               "(vectors.json) and the schemas (schemas/*.proto).",
    };
    const char *dir = NULL;
    g_autoptr(GError) error = NULL;
    argp_parse(&argp, argc, argv, 0, NULL, &dir);
    if (!contract_write(dir, &error))
        return verb_fail(argv[0], EXIT_REFUSED, error);
    printf("the contract is in %s: begin with %s/README.md\n", dir, dir);
    return EXIT_DONE;
}
