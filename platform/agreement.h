#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// Agreements between members. Inside the federation core: agreement-state.c holds the table of
// states and is the only one that changes them, agreement.c is the conversation with the parties,
// agreement-standing.c the federation's own standing terms, agreement-right.c the index that routes
// are looked up in, agreement-check.c says what cannot be agreed, agreement-capacity.c keeps what
// is reserved, agreement-admin.c is what operators do, agreement-store.c keeps them all.
//
// One agreement at a time decides what a buyer may use of a seller: the latest of those that the
// two made between them, while it is in force or suspended; else what the federation's standing
// terms say, if both have accepted them.

#include "platform/admin.h"
#include "platform/request.h"
#include "schemas/agreement.h"

typedef struct Agreement {
    WireAgreement *wire; // as the parties are told
    Provider *buyer;     // NULL: every member under the same standing terms
    Provider *seller;
    gboolean is_buyer_told, is_seller_told;
    gint64 repeat_us;                     // until what is not acknowledged is said again
    guint64 used_bits;                    // of the quota
    guint64 period;                       // in this one
    guint64 granted_bits, granted_period; // the same of a soft one: what it was granted
    // Of a member with the federation: an operator has ended it, and no birth of the member undoes
    // that.
    gboolean is_withheld;
    gboolean is_awaited; // it ends, and the member has come back: then it is offered anew
} Agreement;

typedef struct {
    AgreementState state;
    const char *actor;   // a party, an operator, or the platform
    const char *command; // that led to it
    const char *reason;
} AgreementChange;

// Whether one change leads from one state to the other.
gboolean agreement_can_enter(AgreementState from, AgreementState to);
// The only place where the state changes, along an edge of the table: durable, audited, told to
// the parties; what follows from it for routes, sessions and visitors is done.
void agreement_enter(Federation *federation, Agreement *agreement, const AgreementChange *change);
// Of the same two, by one that is in force now.
void agreement_replace_others(Federation *federation, Agreement *agreement);
// It is in the state that it has because of what both said; time and presence may say another.
void agreement_follow_time(Federation *federation, Agreement *agreement);
gboolean agreement_is_final(const Agreement *agreement);
// Its terms are those of the federation.
gboolean agreement_is_standing(const Agreement *agreement);
// The two made it between them, and it is no reservation: of these they have one at a time.
gboolean agreement_is_exclusive(const Agreement *agreement);

Agreement *agreement_find(const Federation *federation, const char *id);
// Not saved; `buyer` may be NULL.
Agreement *agreement_new(Federation *federation, const WireAgreement *wire, Provider *buyer,
                         Provider *seller);
// The latest version is given to it.
void agreement_renew(Federation *federation, Agreement *agreement);
void agreement_save(Federation *federation, const Agreement *agreement);
void agreement_forget(Federation *federation, Agreement *agreement);
// To those who have not acknowledged; again until they have.
void agreement_tell(Federation *federation, Agreement *agreement);

// agreement-index.c
typedef void (*AgreementIndexFn)(Affected *affected, AffectedBy by, const char *name,
                                 const char *id);
// Adds or removes it, wherever it is looked for by who made it.
void agreement_index(Federation *federation, const Agreement *agreement, AgreementIndexFn fn);
// Of these two, and of a member with anybody; Agreement, to be freed with g_ptr_array_unref().
GPtrArray *agreement_list_pair(const Federation *federation, const Provider *buyer,
                               const Provider *seller);
GPtrArray *agreement_list_of(const Federation *federation, const Provider *party);

// agreement-admin.c
AdminResult agreement_command(Federation *federation, const Sender *sender,
                              const WireAgreementCommand *wire);
void agreement_list(Federation *federation, const Sender *sender, const WireAdmin *admin);

// agreement-check.c
// To be freed.
char *agreement_find_terms_fault(const Federation *federation, const WireAgreementTerms *terms);
// The capacity that it can have, if it reserves some, is what it asks for or less.
Verdict agreement_check_proposal(const Federation *federation, const Provider *buyer,
                                 const WireAgreement *said, guint64 *ret_bps);

// agreement-capacity.c
// Whether the capacity is there that the terms reserve, if they do; how much of it.
Verdict agreement_check_capacity(const Federation *federation, const Provider *buyer,
                                 const Provider *seller, const WireAgreementTerms *terms,
                                 guint64 least_bps, guint64 *ret_bps);
// Whether all that an agreement reserves is there, before it holds.
Verdict agreement_check_booking(const Federation *federation, const Agreement *agreement);
// What it reserves is kept from now on, or not any more, by the state that it is in.
void agreement_book(Federation *federation, const Agreement *agreement);
void agreement_unbook(Federation *federation, const Agreement *agreement);

// agreement-standing.c
// The member takes part: the federation's standing terms are offered to it, unless they have been.
void agreement_offer_standing(Federation *federation, Member *member);
// One has ended that was awaited. TRUE: it is gone, and another is offered in its place.
gboolean agreement_follow_return(Federation *federation, const Agreement *agreement);
// An operator has ended that, and takes it up again: it is offered anew.
void agreement_offer_again(Federation *federation, Agreement *agreement, const char *operator_id,
                           const char *reason);
// Of the buyer with that seller, which it has by the standing terms, as an agreement of its own:
// to be suspended, ended or counted by itself. NULL: the two have none by these terms.
Agreement *agreement_single_out(Federation *federation, Provider *buyer, Provider *seller);
// The member's own agreement with the federation; NULL: none was offered.
Agreement *agreement_standing_of(const Federation *federation, const Provider *seller);

// agreement-right.c
// What is in force between the two, or with `buyer` NULL between all and the seller, may be another
// now; what ran by it is moved. Without a cause, nothing runs yet.
void agreement_review(Federation *federation, Provider *buyer, Provider *seller, const char *cause);
