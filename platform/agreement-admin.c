// SPDX-License-Identifier: Apache-2.0
//
// What operators of the federation decide about agreements, and what they ask. What was decided
// already is answered like the first time: an operator repeats itself until it is answered.

#include "platform/agreement.h"
#include "platform/member.h"

#include <string.h>

#define IN(state) AGREEMENT_BIT(state)

typedef struct {
    const char *name;
    guint from; // the states in which it can be done
    guint done; // in which it has been
    AgreementState to;
    gboolean needs_reason;
} Command;

static const Command commands[] = {
    [AGREEMENT_ACTION(SUSPEND)] = {"suspend", IN(AVAILABLE) | IN(TEMPORARY_FAILURE), IN(LOCKED),
                                   AGREEMENT(LOCKED), TRUE},
    [AGREEMENT_ACTION(RESUME)] = {"resume", IN(LOCKED), IN(AVAILABLE) | IN(TEMPORARY_FAILURE),
                                  AGREEMENT(AVAILABLE), FALSE},
    [AGREEMENT_ACTION(END)] = {"end",
                               IN(ACCEPTED) | IN(AVAILABLE) | IN(TEMPORARY_FAILURE) | IN(LOCKED),
                               IN(ENDING) | IN(ENDED) | IN(FAILED), AGREEMENT(ENDING), TRUE},
};

static const Command *find_command(AgreementAction action)
{
    return (guint)action < G_N_ELEMENTS(commands) && commands[action].name ? &commands[action]
                                                                           : NULL;
}

// What two members have by the standing terms has a name before it is anything of its own.
static Agreement *find_or_single_out(Federation *federation, const char *id)
{
    Agreement *agreement = strlen(id) <= AGREEMENT_ID_MAX ? agreement_find(federation, id) : NULL;
    g_auto(GStrv) words = g_strsplit(id, "/", 4);
    if (agreement || g_strv_length(words) != 3)
        return agreement;
    Provider *buyer = topology_find(federation->topology, words[1]);
    Provider *seller = topology_find(federation->topology, words[2]);
    if (!buyer || !seller || buyer == seller)
        return NULL;
    g_autofree char *name = agreement_name(buyer, seller);
    return strcmp(name, id) == 0 ? agreement_single_out(federation, buyer, seller) : NULL;
}

static AdminResult refuse(Status status, char *text)
{
    return (AdminResult){status, text};
}

static AdminResult check(const Federation *federation, const Command *command,
                         const Agreement *agreement, const WireAgreementCommand *wire)
{
    if (!agreement)
        return refuse(STATUS_BAD_REQUEST,
                      g_strdup_printf("there is no agreement '%.192s'", wire->agreement));
    if (strlen(wire->reason) > REASON_MAX)
        return refuse(STATUS_BAD_REQUEST,
                      g_strdup_printf("the reason is longer than %d bytes", REASON_MAX));
    if (command->needs_reason && !wire->reason[0])
        return refuse(STATUS_BAD_REQUEST, g_strdup_printf("%s needs a reason", command->name));
    if (!((command->from | command->done) & (1u << agreement->wire->state)))
        return refuse(STATUS_NOT_ALLOWED,
                      g_strdup_printf("agreement %s is %s: the federation cannot %s it now",
                                      agreement->wire->id,
                                      agreement_state_name(agreement->wire->state), command->name));
    // What it had reserved may have gone to others.
    Verdict verdict = {STATUS_OK, NULL};
    if (command->to == AGREEMENT(AVAILABLE) && agreement->wire->state == AGREEMENT(LOCKED))
        verdict = agreement_check_booking(federation, agreement);
    return refuse(verdict.status, verdict.text);
}

// Whether to resume it is to offer the standing terms to a member again, or that was done.
static gboolean is_to_be_offered(const Agreement *agreement, AgreementAction action)
{
    gboolean is_withheld = agreement && agreement->is_withheld && agreement_is_final(agreement);
    return action == AGREEMENT_ACTION(RESUME) && agreement && !agreement->buyer &&
           (is_withheld || agreement->wire->state == AGREEMENT(OFFERED));
}

static AdminResult offer_again(Federation *federation, const Sender *sender, Agreement *agreement,
                               const WireAgreementCommand *wire)
{
    const char *seller = agreement->seller->id;
    if (strlen(wire->reason) > REASON_MAX)
        return refuse(STATUS_BAD_REQUEST,
                      g_strdup_printf("the reason is longer than %d bytes", REASON_MAX));
    if (member_state(federation, seller) != MEMBER(ACTIVE))
        return refuse(STATUS_NOT_ALLOWED, g_strdup_printf("'%s' is no active member", seller));
    if (agreement->is_withheld)
        agreement_offer_again(federation, agreement, sender->id, wire->reason);
    return refuse(STATUS_OK, g_strdup_printf("agreement %s is OFFERED", wire->agreement));
}

static void enter(Federation *federation, Agreement *agreement, const AgreementChange *change)
{
    agreement->is_withheld = change->state == AGREEMENT(ENDING) && !agreement->buyer;
    agreement_enter(federation, agreement, change);
}

AdminResult agreement_command(Federation *federation, const Sender *sender,
                              const WireAgreementCommand *wire)
{
    const Command *command = find_command(wire->action);
    if (!command)
        return refuse(STATUS_BAD_REQUEST, g_strdup("the federation decides no such thing; expected "
                                                   "suspend, resume or end"));
    Agreement *agreement = find_or_single_out(federation, wire->agreement);
    if (is_to_be_offered(agreement, wire->action))
        return offer_again(federation, sender, agreement, wire);
    AdminResult verdict = check(federation, command, agreement, wire);
    if (verdict.status != STATUS_OK)
        return verdict;
    if (command->from & (1u << agreement->wire->state))
        enter(federation, agreement,
              &(AgreementChange){command->to, sender->id, command->name, wire->reason});
    agreement_follow_time(federation, agreement);
    return refuse(STATUS_OK, g_strdup_printf("agreement %s is %s", agreement->wire->id,
                                             agreement_state_name(agreement->wire->state)));
}

void agreement_list(Federation *federation, const Sender *sender, const WireAdmin *admin)
{
    WireAgreement *pointers[AGREEMENTS_PER_PAGE];
    WireAdminReply reply = WIRE_ADMIN_REPLY_INIT;
    GTreeNode *node = g_tree_upper_bound(federation->agreements, admin->agreements->after);
    reply.agreements = pointers;
    for (; node && reply.n_agreements < AGREEMENTS_PER_PAGE; node = g_tree_node_next(node))
        pointers[reply.n_agreements++] = ((Agreement *)g_tree_node_value(node))->wire;
    reply.more = node != NULL;
    admin_answer(federation, sender, admin, &reply);
}
