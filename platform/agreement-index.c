// SPDX-License-Identifier: Apache-2.0
//
// Agreements by who made them.

#include "platform/agreement.h"

static char *pair_name(const Provider *buyer, const Provider *seller)
{
    return g_strconcat(buyer->id, " ", seller->id, NULL);
}

void agreement_index(Federation *federation, const Agreement *agreement, AgreementIndexFn fn)
{
    const char *id = agreement->wire->id;
    fn(federation->agreed, BY_SELLER, agreement->seller->id, id);
    if (!agreement->buyer)
        return;
    g_autofree char *pair = pair_name(agreement->buyer, agreement->seller);
    fn(federation->agreed, BY_BUYER, agreement->buyer->id, id);
    fn(federation->agreed, BY_PAIR, pair, id);
}

static void add_found(const Federation *federation, AffectedBy by, const char *name,
                      GPtrArray *agreements)
{
    g_auto(GStrv) ids = affected_find(federation->agreed, by, name);
    for (char **id = ids; *id; id++)
        g_ptr_array_add(agreements, agreement_find(federation, *id));
}

GPtrArray *agreement_list_pair(const Federation *federation, const Provider *buyer,
                               const Provider *seller)
{
    GPtrArray *agreements = g_ptr_array_new();
    g_autofree char *pair = pair_name(buyer, seller);
    add_found(federation, BY_PAIR, pair, agreements);
    return agreements;
}

GPtrArray *agreement_list_of(const Federation *federation, const Provider *party)
{
    GPtrArray *agreements = g_ptr_array_new();
    add_found(federation, BY_BUYER, party->id, agreements);
    add_found(federation, BY_SELLER, party->id, agreements);
    return agreements;
}
