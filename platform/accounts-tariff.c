// SPDX-License-Identifier: Apache-2.0
//
// By what records are rated. An agreement may have prices of its own: these are kept from the first
// grant under it until the last record of it is settled for good, whatever has become of the
// agreement. All else costs what its seller asks of everybody, by the settings. When the
// platform ordered and granted decides about them, not a record's times: these are the seller's
// word.

#include "platform/agreement.h"
#include "platform/prices.h"
#include "platform/settle.h"
#include "topics/record.h"

#include <string.h>

// One of the standing tariffs, and whose it is.
typedef struct {
    const char *seller; // or "all"
    WireTariff *tariff;
} Standing;

// The prices of one agreement, and how many grants' shares and charges name it.
typedef struct {
    WireTariff *tariff;
    guint n_uses;
} Contract;

static void standing_free(gpointer data)
{
    wire_free(((Standing *)data)->tariff);
    g_free(data);
}

static void contract_free(gpointer data)
{
    wire_free(((Contract *)data)->tariff);
    g_free(data);
}

void tariffs_init(Accounts *accounts, const FederationAccounts *config)
{
    WireCurrency currency = WIRE_CURRENCY_INIT;
    currency.code = config->currency ? config->currency : (char *)"EUR";
    currency.decimals = config->currency ? (guint32)config->decimals : 2;
    accounts->currency = message_copy(&currency.base);
    accounts->tariffs = g_ptr_array_new_with_free_func(standing_free);
    accounts->contracts = g_tree_new_full(id_compare, NULL, g_free, contract_free);
    accounts->rates = g_ptr_array_new_with_free_func(wire_free);
    for (guint i = 0; config->tariffs && i < config->tariffs->len; i++) {
        const FederationTariff *tariff = config->tariffs->pdata[i];
        Standing *standing = g_new(Standing, 1);
        *standing = (Standing){tariff->seller, tariff_from_config(tariff)};
        g_ptr_array_add(accounts->tariffs, standing);
    }
    for (guint i = 0; config->rates && i < config->rates->len; i++)
        g_ptr_array_add(accounts->rates, exchange_from_config(config->rates->pdata[i], config));
}

void tariffs_clear(Accounts *accounts)
{
    wire_free(accounts->currency);
    g_ptr_array_unref(accounts->tariffs);
    g_tree_unref(accounts->contracts);
    g_ptr_array_unref(accounts->rates);
}

// --- standing prices -----------------------------------------------------------------------------

static const WireTariff *find_standing(const Accounts *accounts, const char *seller, gint64 at_us)
{
    g_autoptr(GPtrArray) own = g_ptr_array_new();
    for (guint i = 0; i < accounts->tariffs->len; i++) {
        const Standing *standing = accounts->tariffs->pdata[i];
        if (strcmp(standing->seller, seller) == 0)
            g_ptr_array_add(own, standing->tariff);
    }
    return rate_find_tariff((WireTariff *const *)own->pdata, own->len, at_us);
}

const WireTariff *tariff_of(const Federation *federation, const WireCharge *charge)
{
    const Accounts *accounts = federation->accounts;
    const Contract *contract = g_tree_lookup(accounts->contracts, charge->agreement);
    if (contract)
        return contract->tariff;
    gint64 at_us = (gint64)charge_priced_us(charge);
    const WireTariff *own = find_standing(accounts, charge->seller, at_us);
    return own ? own : find_standing(accounts, "all", at_us);
}

// What cannot be netted would be owed for ever.
static gboolean can_be_netted(const Accounts *accounts, const WireCurrency *currency)
{
    gboolean can = strcmp(currency->code, accounts->currency->code) == 0;
    for (guint i = 0; i < accounts->rates->len; i++)
        can |=
            currency_equal(((const WireExchangeRate *)accounts->rates->pdata[i])->from, currency);
    return can;
}

const char *tariff_fault(const Federation *federation, const WireTariff *tariff)
{
    const char *fault = rate_check_tariff(tariff);
    if (!fault && !can_be_netted(federation->accounts, tariff->currency))
        fault = "its currency, with these decimals, is neither that in which the federation "
                "settles nor one of which it has an exchange rate";
    return fault;
}

// --- prices of agreements ------------------------------------------------------------------------

static void add(Accounts *accounts, const char *agreement, WireTariff *tariff)
{
    Contract *contract = g_new0(Contract, 1);
    contract->tariff = tariff;
    g_tree_insert(accounts->contracts, g_strdup(agreement), contract);
}

const char *tariff_keep(Federation *federation, const char *agreement)
{
    const Agreement *made = agreement_find(federation, agreement);
    if (g_tree_lookup(federation->accounts->contracts, agreement))
        return agreement;
    if (!made || !made->wire->terms->tariff)
        return "";
    const WireTariff *tariff = made->wire->terms->tariff;
    g_autoptr(GBytes) value = message_pack(&tariff->base);
    store_put_text(federation->store, "tariff", agreement, value);
    add(federation->accounts, agreement, message_copy(&tariff->base));
    return agreement;
}

gboolean tariff_is_kept(const Federation *federation, const char *agreement)
{
    return !agreement[0] || g_tree_lookup(federation->accounts->contracts, agreement);
}

void tariff_use(Federation *federation, const char *agreement)
{
    Contract *contract = g_tree_lookup(federation->accounts->contracts, agreement);
    if (contract)
        contract->n_uses++;
}

void tariff_release(Federation *federation, const char *agreement)
{
    Contract *contract = g_tree_lookup(federation->accounts->contracts, agreement);
    if (!contract || --contract->n_uses > 0)
        return;
    store_delete_text(federation->store, "tariff", agreement);
    g_tree_remove(federation->accounts->contracts, agreement);
}

// --- load ----------------------------------------------------------------------------------------

static void load_tariff(gpointer data, GBytes *key, GBytes *value)
{
    RecordLoading *loading = data;
    const Federation *federation = loading->core;
    g_autofree char *agreement = record_name(key);
    WireTariff *tariff = record_unpack(&qkdnf__v1__tariff__descriptor, value);
    const char *fault = tariff ? rate_check_tariff(tariff) : "is damaged";
    if (!fault) {
        add(federation->accounts, agreement, tariff);
        return;
    }
    record_fail(loading, "tariff of agreement", agreement, fault);
    wire_free(tariff);
}

gboolean tariffs_load(Federation *federation, GError **error)
{
    return record_load(federation->store, "tariff", load_tariff, federation, error);
}
