// SPDX-License-Identifier: Apache-2.0
//
// Agreements as they are kept.

#include "platform/agreement.h"
#include "platform/rate.h"
#include "platform/state.pb-c.h"
#include "topics/base/id.h"
#include "topics/record.h"

#include <string.h>

void agreement_save(Federation *federation, const Agreement *agreement)
{
    Platform__State__Agreement state = PLATFORM__STATE__AGREEMENT__INIT;
    state.agreement = agreement->wire;
    state.is_buyer_told = agreement->is_buyer_told;
    state.is_seller_told = agreement->is_seller_told;
    state.used_bits = agreement->used_bits;
    state.period = agreement->period;
    state.is_withheld = agreement->is_withheld;
    state.is_awaited = agreement->is_awaited;
    state.granted_bits = agreement->granted_bits;
    state.granted_period = agreement->granted_period;
    g_autoptr(GBytes) value = message_pack(&state.base);
    store_put_text(federation->store, "agreement", agreement->wire->id, value);
}

// --- loading -------------------------------------------------------------------------------------

static gboolean is_whole(const Platform__State__Agreement *state, const char *id)
{
    const WireAgreement *wire = state ? state->agreement : NULL;
    return wire && wire->terms && strcmp(wire->id, id) == 0 &&
           (!wire->terms->tariff || !rate_check_tariff(wire->terms->tariff)) &&
           wire->state > AGREEMENT(UNSPECIFIED) && wire->state <= AGREEMENT(FAILED);
}

static void restore(Federation *federation, const Platform__State__Agreement *state)
{
    const WireAgreement *wire = state->agreement;
    Provider *buyer = topology_find(federation->topology, wire->buyer);
    Provider *seller = topology_find(federation->topology, wire->seller);
    gboolean is_for_all = strcmp(wire->buyer, ID_ALL) == 0;
    if (!seller || (!buyer && !is_for_all)) {
        federation_drop_later(federation, "agreement", wire->id);
        return;
    }
    Agreement *agreement = agreement_new(federation, wire, is_for_all ? NULL : buyer, seller);
    agreement->is_buyer_told = state->is_buyer_told;
    agreement->is_seller_told = state->is_seller_told;
    agreement->used_bits = state->used_bits;
    agreement->period = state->period;
    agreement->is_withheld = state->is_withheld;
    agreement->is_awaited = state->is_awaited;
    agreement->granted_bits = state->granted_bits;
    agreement->granted_period = state->granted_period;
    agreement->repeat_us = G_TIME_SPAN_SECOND;
    agreement_book(federation, agreement);
    federation->agreement_version = MAX(federation->agreement_version, wire->version);
    timers_arm(federation->timers, TIMER_TERM, agreement->wire->id, federation->now);
    timers_arm(federation->timers, TIMER_TELL, agreement->wire->id, federation->now);
}

static void load_agreement(gpointer data, GBytes *key, GBytes *value)
{
    RecordLoading *loading = data;
    Federation *federation = loading->core;
    g_autofree char *id = record_name(key);
    Platform__State__Agreement *state =
        record_unpack(&platform__state__agreement__descriptor, value);
    if (is_whole(state, id))
        restore(federation, state);
    else
        record_fail(loading, "agreement", id, "is damaged");
    wire_free(state);
}

static gboolean list_one(gpointer key, gpointer value, gpointer data)
{
    g_ptr_array_add(data, value);
    return FALSE;
}

static void restore_rights(Federation *federation)
{
    const GPtrArray *providers = federation->topology->providers;
    g_autoptr(GPtrArray) all = g_ptr_array_new();
    g_tree_foreach(federation->agreements, list_one, all);
    for (guint i = 0; i < all->len; i++) {
        Agreement *agreement = all->pdata[i];
        if (agreement->buyer)
            agreement_review(federation, agreement->buyer, agreement->seller, NULL);
    }
    for (guint i = 0; i < providers->len; i++)
        agreement_review(federation, NULL, providers->pdata[i], NULL);
}

gboolean agreement_load(Federation *federation, GError **error)
{
    if (!record_load(federation->store, "agreement", load_agreement, federation, error))
        return FALSE;
    restore_rights(federation);
    return TRUE;
}

// Terms that are not offered any more hold for nobody.
static void end_old_terms(Federation *federation, Agreement *agreement)
{
    AgreementState state = agreement_can_enter(agreement->wire->state, AGREEMENT(FAILED))
                               ? AGREEMENT(FAILED)
                               : AGREEMENT(ENDING);
    if (agreement_is_standing(agreement) &&
        agreement->wire->terms->version != federation->config->terms.version &&
        agreement_can_enter(agreement->wire->state, state))
        agreement_enter(federation, agreement,
                        &(AgreementChange){state, federation->config->id, "terms",
                                           "other standing terms are offered now"});
}

void agreement_settle(Federation *federation)
{
    g_autoptr(GPtrArray) all = g_ptr_array_new();
    g_tree_foreach(federation->agreements, list_one, all);
    for (guint i = 0; i < all->len; i++)
        end_old_terms(federation, all->pdata[i]);
}
