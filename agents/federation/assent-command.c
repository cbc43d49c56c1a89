// SPDX-License-Identifier: Apache-2.0
//
// What operators of the provider decide about its agreements. A decision is durable when it is
// answered, and the platform is told until it has taken it in. One that was made already is
// answered like the first time: an operator repeats itself until it is answered.

#include "agents/federation/assent.h"
#include "topics/base/id.h"

#include <string.h>

#define IN(state) AGREEMENT_BIT(state)

typedef struct {
    const char *name;
    gboolean needs_word; // it is for whoever has the next word
    guint from;          // the states in which it can be said
    guint done;          // in which it has been done
} Saying;

static const Saying sayings[] = {
    [AGREEMENT_ACTION(OFFER)] = {"offer", TRUE, IN(PROPOSED), 0},
    [AGREEMENT_ACTION(ACCEPT)] = {"accept", TRUE, IN(PROPOSED) | IN(OFFERED),
                                  IN(ACCEPTED) | IN(AVAILABLE) | IN(TEMPORARY_FAILURE)},
    [AGREEMENT_ACTION(REFUSE)] = {"refuse", TRUE, IN(PROPOSED) | IN(OFFERED), IN(FAILED)},
    [AGREEMENT_ACTION(END)] = {"end", FALSE,
                               IN(PROPOSED) | IN(OFFERED) | IN(ACCEPTED) | IN(AVAILABLE) |
                                   IN(TEMPORARY_FAILURE) | IN(LOCKED),
                               IN(ENDING) | IN(ENDED) | IN(FAILED)},
};

static const Saying *find_saying(AgreementAction action)
{
    return (guint)action < G_N_ELEMENTS(sayings) && sayings[action].name ? &sayings[action] : NULL;
}

gboolean assent_can_say(const Agent *agent, const WireAgreement *wire, AgreementAction action)
{
    const Saying *saying = find_saying(action);
    return saying && (saying->from & (1u << wire->state)) &&
           (!saying->needs_word || g_strcmp0(agreement_next_party(wire), agent->config->id) == 0);
}

static Status refuse(Status status, char **ret_text, char *text)
{
    *ret_text = text;
    return status;
}

// --- to propose ----------------------------------------------------------------------------------

static char *find_terms_fault(const WireAgreementTerms *terms)
{
    if (!terms || terms->version != 0)
        return g_strdup("expected the terms between the two providers");
    return agreement_terms_fault(terms);
}

static char *find_proposal_fault(const Agent *agent, const WireAgreementCommand *command)
{
    if (!uuid_is_valid(command->agreement))
        return g_strdup_printf("'%.64s' is no UUID in lower case", command->agreement);
    if (!id_is_valid(command->seller) || strcmp(command->seller, agent->config->id) == 0)
        return g_strdup_printf("'%.64s' is no other provider", command->seller);
    if (assent_is_full(agent))
        return g_strdup("too many agreements are remembered");
    char *fault = find_terms_fault(command->terms);
    return fault || !command->least ? fault : find_terms_fault(command->least);
}

static void add_proposal(Agent *agent, const WireAgreementCommand *command)
{
    WireAgreement wire = WIRE_AGREEMENT_INIT;
    wire.id = command->agreement;
    wire.buyer = agent->config->id;
    wire.seller = command->seller;
    wire.state = AGREEMENT(PROPOSED);
    wire.terms = command->terms;
    wire.least = command->least;
    wire.reason = command->reason;
    wire.actor = agent->config->id;
    wire.since_us = (guint64)agent->now;
    Assent *agreement = assent_new(agent, command->agreement);
    agreement->wire = message_copy(&wire.base);
    assent_agree(agreement, command->least ? command->least : command->terms);
    assent_say(agent, agreement, AGREEMENT_ACTION(PROPOSE), NULL, command->reason);
}

static Status propose(Agent *agent, const WireAgreementCommand *command, char **ret_text)
{
    const Assent *known = assent_find(agent, command->agreement);
    char *fault = known ? NULL : find_proposal_fault(agent, command);
    if (fault)
        return refuse(STATUS_BAD_REQUEST, ret_text, fault);
    if (!known)
        add_proposal(agent, command);
    *ret_text = g_strdup_printf("%s is %s", command->agreement,
                                known ? agreement_state_name(known->wire->state) : "PROPOSED");
    return STATUS_OK;
}

// --- to answer, and to end -----------------------------------------------------------------------

static char *find_saying_fault(const Agent *agent, const Assent *agreement, const Saying *saying,
                               const WireAgreementCommand *command)
{
    const WireAgreement *wire = agreement->wire;
    const char *next = agreement_next_party(wire);
    if (strcmp(wire->buyer, ID_ALL) == 0)
        return g_strdup("the standing terms are agreed to by the setting agreements.terms");
    if (!assent_can_say(agent, wire, command->action))
        return g_strdup_printf("agreement %s is %s%s%s: '%s' cannot %s it now", agreement->id,
                               agreement_state_name(wire->state),
                               next ? ", to be answered by " : "", next ? next : "",
                               agent->config->id, saying->name);
    return command->action == AGREEMENT_ACTION(OFFER) ? find_terms_fault(command->terms) : NULL;
}

static gboolean is_done(const Assent *agreement, const Saying *saying,
                        const WireAgreementCommand *command)
{
    return (saying->done & (1u << agreement->wire->state)) ||
           (agreement->said && agreement->said->action == command->action);
}

static void decide(Agent *agent, Assent *agreement, const WireAgreementCommand *command)
{
    gboolean is_offer = command->action == AGREEMENT_ACTION(OFFER);
    if (is_offer || command->action == AGREEMENT_ACTION(ACCEPT))
        assent_agree(agreement, is_offer ? command->terms : agreement->wire->terms);
    assent_say(agent, agreement, command->action, is_offer ? command->terms : NULL,
               command->reason);
}

static Status say(Agent *agent, const Saying *saying, const WireAgreementCommand *command,
                  char **ret_text)
{
    Assent *agreement = assent_find(agent, command->agreement);
    if (!agreement)
        return refuse(STATUS_BAD_REQUEST, ret_text,
                      g_strdup_printf("'%s' knows no agreement '%.64s'", agent->config->id,
                                      command->agreement));
    gboolean was_done = is_done(agreement, saying, command);
    char *fault = was_done ? NULL : find_saying_fault(agent, agreement, saying, command);
    if (fault)
        return refuse(STATUS_NOT_ALLOWED, ret_text, fault);
    if (!was_done)
        decide(agent, agreement, command);
    *ret_text = g_strdup_printf("%s: %s; the platform said last: %s", agreement->id, saying->name,
                                agreement_state_name(agreement->wire->state));
    return STATUS_OK;
}

Status assent_command(Agent *agent, const WireAgreementCommand *command, char **ret_text)
{
    const Saying *saying = find_saying(command->action);
    if (strlen(command->reason) > REASON_MAX)
        return refuse(STATUS_BAD_REQUEST, ret_text,
                      g_strdup_printf("the reason is longer than %d bytes", REASON_MAX));
    if (command->action == AGREEMENT_ACTION(PROPOSE))
        return propose(agent, command, ret_text);
    if (!saying)
        return refuse(STATUS_BAD_REQUEST, ret_text, g_strdup("no provider says that"));
    return say(agent, saying, command, ret_text);
}

// --- to look -------------------------------------------------------------------------------------

void assent_list(Agent *agent, const char *asker, const WireAdmin *admin)
{
    WireAgreement *pointers[AGREEMENTS_PER_PAGE];
    WireAdminReply reply = WIRE_ADMIN_REPLY_INIT;
    GTreeNode *node = g_tree_upper_bound(agent->agreements, admin->agreements->after);
    reply.agreements = pointers;
    for (; node && reply.n_agreements < AGREEMENTS_PER_PAGE; node = g_tree_node_next(node))
        pointers[reply.n_agreements++] = ((Assent *)g_tree_node_value(node))->wire;
    reply.id = admin->id;
    reply.status = QKDNF__V1__STATUS__STATUS_OK;
    reply.more = node != NULL;
    agent_send(agent, KIND_ADMIN_REPLY, asker, &reply.base);
}
