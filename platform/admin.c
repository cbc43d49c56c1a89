// SPDX-License-Identifier: Apache-2.0
//
// What operators decide about members. A command either is done, and audited with the operator's
// ID, or changes nothing and says why. One that asks for the state that there is has been done: an
// operator repeats itself until it is answered.

#include "platform/agreement.h"

#include <string.h>

typedef struct {
    const char *name;
    States from;
    MemberState to;
    gboolean needs_reason;
} Command;

#define IN(state) STATE_BIT(MEMBER(state))

static const Command commands[] = {
    [QKDNF__V1__MEMBER_ACTION__MEMBER_ACTION_APPROVE] = {"approve", IN(AUTHENTICATED),
                                                         MEMBER(ACTIVE), FALSE},
    [QKDNF__V1__MEMBER_ACTION__MEMBER_ACTION_REFUSE] = {"refuse", IN(AUTHENTICATED),
                                                        MEMBER(REFUSED), TRUE},
    [QKDNF__V1__MEMBER_ACTION__MEMBER_ACTION_SUSPEND] = {"suspend", IN(ACTIVE), MEMBER(SUSPENDED),
                                                         TRUE},
    [QKDNF__V1__MEMBER_ACTION__MEMBER_ACTION_RESUME] = {"resume", IN(SUSPENDED), MEMBER(ACTIVE),
                                                        FALSE},
    [QKDNF__V1__MEMBER_ACTION__MEMBER_ACTION_EXPEL] = {"expel",
                                                       IN(ACTIVE) | IN(SUSPENDED) | IN(WITHDRAWING),
                                                       MEMBER(EXPELLED), TRUE},
};

static char *format_states(States states)
{
    GString *text = g_string_new(NULL);
    for (guint state = 0; state <= MEMBER(EXPELLED); state++) {
        if (states & STATE_BIT(state))
            g_string_append_printf(text, "%s%s", text->len > 0 ? " or " : "",
                                   member_state_name((MemberState)state));
    }
    return g_string_free(text, FALSE);
}

static AdminResult result(Status status, char *text)
{
    return (AdminResult){status, text};
}

// --- one command ---------------------------------------------------------------------------------

static AdminResult check_scope(const Member *member, const WireMemberCommand *wire)
{
    Purposes scope = purposes_of(wire->scope, wire->n_scope);
    Purposes offered = purposes_of(member->application->purposes, member->application->n_purposes);
    g_autofree char *missing = purposes_format(scope & ~offered);
    if (wire->n_scope > PURPOSES_MAX || (wire->n_scope > 0 && scope == 0))
        return result(STATUS_BAD_REQUEST, g_strdup("scope names no purpose that there is"));
    if (scope & ~offered)
        return result(STATUS_BAD_REQUEST,
                      g_strdup_printf("%s does not offer: %s", member->provider->id, missing));
    return result(STATUS_OK, NULL);
}

static AdminResult check_reason(const Command *command, const WireMemberCommand *wire)
{
    if (command->needs_reason && !wire->reason[0])
        return result(STATUS_BAD_REQUEST, g_strdup_printf("%s needs a reason", command->name));
    if (strlen(wire->reason) > REASON_MAX)
        return result(STATUS_BAD_REQUEST,
                      g_strdup_printf("the reason is longer than %d bytes", REASON_MAX));
    return result(STATUS_OK, NULL);
}

static gboolean is_approval(const WireMemberCommand *wire)
{
    return wire->action == QKDNF__V1__MEMBER_ACTION__MEMBER_ACTION_APPROVE;
}

static AdminResult check(const Command *command, const Member *member,
                         const WireMemberCommand *wire)
{
    AdminResult verdict = check_reason(command, wire);
    if (verdict.status != STATUS_OK)
        return verdict;
    if (member->state != command->to && !(command->from & STATE_BIT(member->state))) {
        g_autofree char *expected = format_states(command->from);
        return result(STATUS_NOT_ALLOWED,
                      g_strdup_printf("%s is %s; expected %s", member->provider->id,
                                      member_state_name(member->state), expected));
    }
    return is_approval(wire) ? check_scope(member, wire) : result(STATUS_OK, NULL);
}

// None named: all that it offers now, and nothing that it may offer later.
static void grant(Federation *federation, Member *member, const WireMemberCommand *wire)
{
    const WireApply *application = member->application;
    member_update_scope(federation, member,
                        wire->n_scope > 0
                            ? purposes_of(wire->scope, wire->n_scope)
                            : purposes_of(application->purposes, application->n_purposes));
}

static char *format_outcome(const Member *member, const char *how)
{
    g_autofree char *scope = purposes_format(member_scope(member));
    gboolean is_active = member->state == MEMBER(ACTIVE);
    return g_strdup_printf("%s is %s%s%s%s", member->provider->id, how,
                           member_state_name(member->state), is_active ? "; scope: " : "",
                           is_active ? scope : "");
}

static void change_scope(Federation *federation, Member *member, const Sender *sender,
                         const WireMemberCommand *wire)
{
    Purposes before = member->granted;
    grant(federation, member, wire);
    if (member->granted == before)
        return;
    g_autofree char *scope = purposes_format(member->granted);
    g_autofree char *text = g_strconcat("scope: ", scope, NULL);
    audit_add(federation, &(AuditEntry){.actor = sender->id,
                                        .member = member->provider->id,
                                        .command = "approve",
                                        .from = member->state,
                                        .to = member->state,
                                        .status = STATUS_OK,
                                        .text = text});
    member_send_state(federation, member);
}

static AdminResult carry_out(Federation *federation, const Command *command, Member *member,
                             const Sender *sender, const WireMemberCommand *wire)
{
    if (member->state == command->to) {
        if (is_approval(wire) && wire->n_scope > 0)
            change_scope(federation, member, sender, wire);
        return result(STATUS_OK, format_outcome(member, "already "));
    }
    if (is_approval(wire))
        grant(federation, member, wire);
    member_enter(federation, member,
                 &(MemberChange){command->to, sender->id, command->name, wire->reason});
    return result(STATUS_OK, format_outcome(member, ""));
}

static const Command *find_command(Qkdnf__V1__MemberAction action)
{
    return (guint)action < G_N_ELEMENTS(commands) && commands[action].name ? &commands[action]
                                                                           : NULL;
}

static AdminResult run(Federation *federation, const Sender *sender, const WireMemberCommand *wire)
{
    const Command *command = find_command(wire->action);
    Member *member = member_find(federation, wire->member);
    if (!command)
        return result(STATUS_BAD_REQUEST, g_strdup("unknown action"));
    if (!member || member->state == MEMBER(UNSPECIFIED))
        return result(STATUS_UNKNOWN_MEMBER,
                      g_strdup_printf("no provider '%.64s' has applied", wire->member));
    AdminResult verdict = check(command, member, wire);
    if (verdict.status == STATUS_OK)
        return carry_out(federation, command, member, sender, wire);
    audit_add(federation, &(AuditEntry){.actor = sender->id,
                                        .member = member->provider->id,
                                        .command = command->name,
                                        .from = member->state,
                                        .to = member->state,
                                        .status = verdict.status,
                                        .text = verdict.text});
    return verdict;
}

// --- messages ------------------------------------------------------------------------------------

void admin_on_admin(gpointer data, const Sender *sender, gconstpointer message)
{
    Federation *federation = data;
    const WireAdmin *admin = message;
    AdminResult outcome = {STATUS_UNSUPPORTED, NULL};
    switch (admin->command_case) {
    case QKDNF__V1__ADMIN__COMMAND_MEMBER:
        outcome = run(federation, sender, admin->member);
        break;
    case QKDNF__V1__ADMIN__COMMAND_AGREEMENT:
        outcome = agreement_command(federation, sender, admin->agreement);
        break;
    case QKDNF__V1__ADMIN__COMMAND_AGREEMENTS:
        agreement_list(federation, sender, admin);
        return;
    case QKDNF__V1__ADMIN__COMMAND_MEMBERS:
        admin_list_members(federation, sender, admin);
        return;
    case QKDNF__V1__ADMIN__COMMAND_AUDIT:
        admin_list_audit(federation, sender, admin);
        return;
    case QKDNF__V1__ADMIN__COMMAND_FAULTS:
        admin_list_faults(federation, sender, admin);
        return;
    case QKDNF__V1__ADMIN__COMMAND_ACCOUNTS:
        accounts_on_command(federation, sender, admin);
        return;
    case QKDNF__V1__ADMIN__COMMAND_RATINGS:
        ratings_list(federation, sender, admin);
        return;
    case QKDNF__V1__ADMIN__COMMAND_DRILL:
    case QKDNF__V1__ADMIN__COMMAND_AGENT:
    case QKDNF__V1__ADMIN__COMMAND__NOT_SET:
    case _QKDNF__V1__ADMIN__COMMAND__CASE_IS_INT_SIZE:
        outcome.text = g_strdup("the platform takes no such command");
    }
    WireAdminReply reply = WIRE_ADMIN_REPLY_INIT;
    // What was quoted may be cut within a character, and no frame carries that.
    g_autofree char *text = g_utf8_make_valid(outcome.text, -1);
    reply.status = (Qkdnf__V1__Status)outcome.status;
    reply.text = text;
    admin_answer(federation, sender, admin, &reply);
    g_free(outcome.text);
}
