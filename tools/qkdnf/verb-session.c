// SPDX-License-Identifier: Apache-2.0
//
// qkdnf session: key streams of an application, and its handovers.

#include "tools/qkdnf/inquiry.h"
#include "tools/qkdnf/progress.h"
#include "tools/qkdnf/session-arguments.h"
#include "tools/qkdnf/session-report.h"
#include "tools/qkdnf/verb.h"

#include <stdio.h>

#define TIMEOUT_S          10
#define HANDOVER_TIMEOUT_S 30

// From the end of a handover's time to the word of what became of it: the old KME is cleared, too.
#define HANDOVER_GRACE_MS 15000

// --- sessions ------------------------------------------------------------------------------------

// As the application that is named; else, or about another one, as an operator.
static const char *list_of(const SessionArguments *arguments)
{
    return arguments->access.id && !arguments->sae ? ACCESS_SAES : ACCESS_OPERATORS;
}

static ProtobufCMessage *inquire(SessionArguments *arguments, Inquiry *inquiry, GError **error)
{
    Access *access = &arguments->access;
    inquiry->as = list_of(arguments);
    if (!access_resolve(access, inquiry->as, error))
        return NULL;
    inquiry->member = access->platform;
    g_autoptr(Progress) progress G_GNUC_UNUSED = progress_new("waiting for the platform's answer");
    return inquiry_ask(access, inquiry, error);
}

static WireSessionState *inquire_sessions(SessionArguments *arguments, WireSession *wire,
                                          GError **error)
{
    char id[UUID_CHARS + 1];
    inquiry_new_id(id);
    wire->id = id;
    Inquiry inquiry = {.kind = KIND_SESSION,
                       .message = &wire->base,
                       .id = id,
                       .timeout_ms =
                           arguments->timeout_ms ? arguments->timeout_ms : 1000 * TIMEOUT_S};
    ProtobufCMessage *answer = inquire(arguments, &inquiry, error);
    wire->id = NULL;
    return (WireSessionState *)answer;
}

static void print_text(char *text)
{
    fputs(text, stdout);
    g_free(text);
}

static void print_json(json_t *report)
{
    verb_print_json(report);
    fflush(stdout);
    json_decref(report);
}

static int refuse(const char *verb, const WireSessionState *state)
{
    g_autofree char *offer = session_report_offer(state);
    const char *why = *state->text ? state->text : status_text((Status)state->status);
    verb_print(stderr, "%s: %s: %s%s%s\n", verb, status_name((Status)state->status), why,
               offer ? "; " : "", offer ? offer : "");
    return EXIT_REFUSED;
}

static int run_session(SessionArguments *arguments, WireSession *wire, const char *verb)
{
    g_autoptr(GError) error = NULL;
    WireSessionState *state = inquire_sessions(arguments, wire, &error);
    if (!state)
        return verb_fail_on_bus(verb, error);
    gboolean is_list = wire->command_case == QKDNF__V1__SESSION__COMMAND_LIST;
    gboolean is_missing = is_list && arguments->session && state->n_sessions == 0;
    if (arguments->json)
        print_json(session_report_to_json(state));
    else if (is_list && !arguments->session)
        print_text(session_report_list(state));
    else
        for (gsize i = 0; i < state->n_sessions; i++)
            print_text(session_report_show(state->sessions[i]));
    int code = state->status == STATUS_OK ? EXIT_DONE : refuse(verb, state);
    if (code == EXIT_DONE && is_missing) {
        verb_print(stderr, "%s: there is no session %s\n", verb, arguments->session);
        code = EXIT_REFUSED;
    }
    wire_free(state);
    return code;
}

static int run_open(SessionArguments *arguments, const char *verb)
{
    char id[UUID_CHARS + 1];
    inquiry_new_id(id);
    g_autofree char *lower = arguments->id ? g_ascii_strdown(arguments->id, -1) : NULL;
    WireSessionOpen open = WIRE_SESSION_OPEN_INIT;
    open.session = lower ? lower : id;
    open.initiator = arguments->access.id;
    open.targets = arguments->targets;
    open.n_targets = g_strv_length(arguments->targets);
    open.exclude = arguments->exclude;
    open.n_exclude = arguments->exclude ? g_strv_length(arguments->exclude) : 0;
    open.qos = &arguments->qos;
    WireSession wire = WIRE_SESSION_INIT;
    wire.command_case = QKDNF__V1__SESSION__COMMAND_OPEN;
    wire.open = &open;
    return run_session(arguments, &wire, verb);
}

// Also shows one.
static int run_list(SessionArguments *arguments, const char *verb)
{
    WireSessionList list = WIRE_SESSION_LIST_INIT;
    list.session = (char *)(arguments->session ? arguments->session : "");
    list.sae = (char *)(arguments->sae ? arguments->sae : "");
    WireSession wire = WIRE_SESSION_INIT;
    wire.command_case = QKDNF__V1__SESSION__COMMAND_LIST;
    wire.list = &list;
    return run_session(arguments, &wire, verb);
}

static int run_close(SessionArguments *arguments, const char *verb)
{
    WireSessionClose close = WIRE_SESSION_CLOSE_INIT;
    close.session = (char *)arguments->session;
    WireSession wire = WIRE_SESSION_INIT;
    wire.command_case = QKDNF__V1__SESSION__COMMAND_CLOSE;
    wire.close = &close;
    return run_session(arguments, &wire, verb);
}

// --- handovers -----------------------------------------------------------------------------------

static void print_phase(gpointer data, const ProtobufCMessage *answer)
{
    const SessionArguments *arguments = data;
    const WireHandoverState *state = (const WireHandoverState *)answer;
    if (arguments->json)
        print_json(handover_report_to_json(state));
    else
        print_text(handover_report_phase(state));
    fflush(stdout);
}

static int judge(const char *verb, const WireHandoverState *state)
{
    if (state->phase == QKDNF__V1__HANDOVER_PHASE__HANDOVER_PHASE_RELEASED)
        return EXIT_DONE;
    verb_print(stderr, "%s: %s: %s\n", verb, handover_report_phase_name(state),
               *state->text ? state->text : status_text((Status)state->status));
    return EXIT_REFUSED;
}

static int run_move(SessionArguments *arguments, const char *verb)
{
    char id[UUID_CHARS + 1];
    inquiry_new_id(id);
    WireHandover wire = WIRE_HANDOVER_INIT;
    wire.id = id;
    wire.sae = (char *)(arguments->sae ? arguments->sae : arguments->access.id);
    wire.provider = (char *)(arguments->provider ? arguments->provider : "");
    wire.node = (char *)(arguments->node ? arguments->node : "");
    wire.region = (char *)(arguments->region ? arguments->region : "");
    wire.timeout_ms = arguments->timeout_ms ? arguments->timeout_ms : 1000 * HANDOVER_TIMEOUT_S;
    Inquiry inquiry = {.kind = KIND_HANDOVER,
                       .message = &wire.base,
                       .id = id,
                       .timeout_ms = wire.timeout_ms + HANDOVER_GRACE_MS,
                       .heard = print_phase,
                       .data = arguments};
    g_autoptr(GError) error = NULL;
    ProtobufCMessage *answer = inquire(arguments, &inquiry, &error);
    int code =
        answer ? judge(verb, (const WireHandoverState *)answer) : verb_fail_on_bus(verb, error);
    wire_free(answer);
    return code;
}

// --- the verb ------------------------------------------------------------------------------------

static int run(SessionArguments *arguments, const char *verb)
{
    switch (arguments->action) {
    case SESSION_ACTION_OPEN:
        return run_open(arguments, verb);
    case SESSION_ACTION_LIST:
    case SESSION_ACTION_SHOW:
        return run_list(arguments, verb);
    case SESSION_ACTION_MOVE:
        return run_move(arguments, verb);
    case SESSION_ACTION_CLOSE:
        return run_close(arguments, verb);
    case SESSION_ACTION_NONE:
        break;
    }
    return EXIT_USAGE;
}

int verb_session(int argc, char **argv)
{
    SessionArguments arguments = {.qos = WIRE_SESSION_QOS_INIT};
    arguments.qos.size_bits = 256;
    arguments.qos.paths = 1;
    argp_parse(&session_argp, argc, argv, 0, NULL, &arguments);
    int code = run(&arguments, argv[0]);
    session_arguments_clear(&arguments);
    return code;
}
