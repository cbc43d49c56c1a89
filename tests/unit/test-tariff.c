// SPDX-License-Identifier: Apache-2.0
//
// What a buyer and a seller agreed is what a record costs, whatever becomes of the agreement.

#include "platform/agreement.h"
#include "tests/unit/accounts-fixture.h"

#include <string.h>

#define AGREEMENT_ID "aaaaaaaa-89ab-4cde-8f01-23456789abcd"
#define SECOND_ID    "bbbbbbbb-89ab-4cde-8f01-23456789abcd"
#define SECOND_UUID  "01234567-89ab-4cde-8f01-23456789abce"

#define NTH_UUID  "01234567-89ab-4cde-8f01-00000000%04u"
#define ASKS_BITS 768 // of a quota, for the two keys that the fixture asks for

// Prices of b for a, in cents a key.
typedef struct {
    Qkdnf__V1__Purpose purposes[1];
    WireCurrency currency;
    WirePrice price, *prices[1];
    WireTariff tariff;
    WireAgreementTerms terms;
    WireAgreement wire;
} Deal;

static void deal_init(Deal *deal, const char *id, guint64 cents)
{
    *deal = (Deal){.purposes = {QKDNF__V1__PURPOSE__PURPOSE_RELAY},
                   .currency = WIRE_CURRENCY_INIT,
                   .price = WIRE_PRICE_INIT,
                   .tariff = WIRE_TARIFF_INIT,
                   .terms = WIRE_AGREEMENT_TERMS_INIT,
                   .wire = WIRE_AGREEMENT_INIT};
    deal->currency.code = (char *)"EUR";
    deal->currency.decimals = 2;
    deal->price.micro_per_key = cents * 1000000;
    deal->prices[0] = &deal->price;
    deal->tariff.currency = &deal->currency;
    deal->tariff.prices = deal->prices;
    deal->tariff.n_prices = 1;
    deal->terms.purposes = deal->purposes;
    deal->terms.n_purposes = 1;
    deal->terms.tariff = &deal->tariff;
    deal->wire.id = (char *)id;
    deal->wire.buyer = (char *)"a";
    deal->wire.seller = (char *)"b";
    deal->wire.terms = &deal->terms;
}

static void say(FederationFixture *fixture, const char *from, const Deal *deal,
                AgreementAction action)
{
    const Agreement *known = agreement_find(fixture->federation, deal->wire.id);
    WireAgreement said = deal->wire;
    said.action = action;
    said.version = known ? known->wire->version : 0;
    agreement_on_agreement(fixture->federation, &(Sender){from, ROLE_AGENT, 1}, &said);
}

static void agree_for(FederationFixture *fixture, const char *id, guint64 cents, guint64 minimum)
{
    Deal deal;
    deal_init(&deal, id, cents);
    deal.tariff.minimum = minimum;
    say(fixture, "a", &deal, AGREEMENT_ACTION(PROPOSE));
    say(fixture, "b", &deal, AGREEMENT_ACTION(ACCEPT));
    g_assert_cmpint(agreement_find(fixture->federation, id)->wire->state, ==, AGREEMENT(AVAILABLE));
}

static void agree(FederationFixture *fixture, const char *id, guint64 cents)
{
    agree_for(fixture, id, cents, 0);
}

// At 7 cents a key, and half as much again beyond the quota.
static void agree_softly(FederationFixture *fixture, guint64 quota_bits)
{
    Deal deal;
    deal_init(&deal, AGREEMENT_ID, 7);
    deal.tariff.overrun_basis_points = 15000;
    deal.terms.quota_bits = quota_bits;
    deal.terms.period_s = 86400;
    deal.terms.is_quota_soft = TRUE;
    say(fixture, "a", &deal, AGREEMENT_ACTION(PROPOSE));
    say(fixture, "b", &deal, AGREEMENT_ACTION(ACCEPT));
}

static void end(FederationFixture *fixture, const char *id)
{
    Deal deal;
    deal_init(&deal, id, 0);
    say(fixture, "b", &deal, AGREEMENT_ACTION(END));
    g_assert_cmpint(agreement_find(fixture->federation, id)->wire->state, ==, AGREEMENT(ENDING));
}

static FederationFixture *fixture_new(void)
{
    FederationFixture *fixture = accounts_fixture_new();
    accounts_set_prices(fixture, "EUR");
    return fixture;
}

static const WireStatementItem *item_of(FederationFixture *fixture, guint64 sequence, gsize i)
{
    const WireStatement *statement = accounts_statement_of(fixture, "b", sequence);
    g_assert_cmpuint(statement->n_items, >, i);
    return statement->items[i];
}

// Two keys, asked for and granted; the reports are still to come.
static Request *buy(FederationFixture *fixture, guint nth)
{
    g_autofree char *id = g_strdup_printf(NTH_UUID, nth);
    Request *request = accounts_ask_as(fixture, id);
    g_assert_nonnull(request);
    fixture->federation->now += G_USEC_PER_SEC;
    accounts_grant(fixture, request);
    return request;
}

// What b asks for it in that batch; 0: it is not in it.
static gint64 amount_of(FederationFixture *fixture, guint64 sequence, const Request *request)
{
    const WireStatement *statement = accounts_statement_of(fixture, "b", sequence);
    for (gsize i = 0; i < statement->n_items; i++) {
        const WireStatementItem *item = statement->items[i];
        g_assert_cmpint(item->is_overrun, ==, item->amount == 21);
        if (strcmp(item->request, request->id) == 0)
            return item->amount;
    }
    return 0;
}

static guint n_contracts(const FederationFixture *fixture)
{
    return (guint)g_tree_nnodes(fixture->federation->accounts->contracts);
}

// --- tests ---------------------------------------------------------------------------------------

static void test_costs_what_was_agreed(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    agree(fixture, AGREEMENT_ID, 7);
    Request *request = accounts_ask(fixture);
    accounts_grant(fixture, request);
    accounts_report_all(fixture, request);
    settle_close(fixture->federation);
    g_assert_cmpint(item_of(fixture, 1, 0)->amount, ==, 14);
    g_assert_cmpstr(item_of(fixture, 1, 0)->agreement, ==, AGREEMENT_ID);
    // It has none with d, which asks of a what it asks of everybody.
    g_assert_cmpint(accounts_statement_of(fixture, "d", 1)->amount, ==, 4);
    g_assert_cmpstr(accounts_statement_of(fixture, "d", 1)->items[0]->agreement, ==, "");
}

// It ends between the order and the grant, and another begins before the record comes: what runs on
// is paid as it was ordered, what is ordered then by what holds then.
static void test_ends_in_the_middle(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    agree(fixture, AGREEMENT_ID, 7);
    Request *first = accounts_ask(fixture);
    end(fixture, AGREEMENT_ID);
    accounts_grant(fixture, first);
    agree(fixture, SECOND_ID, 11);
    accounts_report_all(fixture, first);
    fixture->federation->now += G_USEC_PER_SEC;
    Request *second = accounts_ask_as(fixture, SECOND_UUID);
    accounts_grant(fixture, second);
    accounts_report_all(fixture, second);
    settle_close(fixture->federation);
    g_assert_cmpint(item_of(fixture, 1, 0)->amount, ==, 14);
    g_assert_cmpstr(item_of(fixture, 1, 0)->agreement, ==, AGREEMENT_ID);
    g_assert_cmpint(item_of(fixture, 1, 1)->amount, ==, 22);
    g_assert_cmpstr(item_of(fixture, 1, 1)->agreement, ==, SECOND_ID);
}

// Without another one the standing terms hold, and the standing prices.
static void test_falls_to_standing_prices(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    agree(fixture, AGREEMENT_ID, 7);
    end(fixture, AGREEMENT_ID);
    federation_tick(fixture->federation, fixture->federation->now + G_USEC_PER_SEC);
    g_assert_cmpint(agreement_find(fixture->federation, AGREEMENT_ID)->wire->state, ==,
                    AGREEMENT(ENDED));
    Request *request = accounts_ask(fixture);
    accounts_grant(fixture, request);
    accounts_report_all(fixture, request);
    settle_close(fixture->federation);
    g_assert_cmpint(item_of(fixture, 1, 0)->amount, ==, 10);
    g_assert_cmpuint(n_contracts(fixture), ==, 0);
}

// The platform dies, the agreement is forgotten, and the buyer says only then that it got less.
static void test_outlives_its_agreement(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    agree(fixture, AGREEMENT_ID, 7);
    Request *request = accounts_ask(fixture);
    accounts_grant(fixture, request);
    accounts_report(fixture, request, &(AccountsReport){"b", 2, ACCOUNTS_BITS, 0});
    agreement_forget(fixture->federation, agreement_find(fixture->federation, AGREEMENT_ID));
    federation_fixture_restart(fixture, NULL);
    g_assert_cmpuint(n_contracts(fixture), ==, 1);
    fixture->federation->now += 11 * G_USEC_PER_SEC;
    settle_close(fixture->federation);
    g_assert_cmpint(item_of(fixture, 1, 0)->amount, ==, 14);
    request = g_hash_table_lookup(fixture->federation->requests, FEDERATION_UUID);
    accounts_report(fixture, request, &(AccountsReport){"a", 2, ACCOUNTS_BITS, 1});
    g_assert_cmpint(item_of(fixture, 2, 0)->amount, ==, 7);
    // Nothing needs it any more once all is settled for good.
    accounts_report(fixture, request, &(AccountsReport){"d", 2, ACCOUNTS_BITS, 0});
    settle_close(fixture->federation);
    accounts_acknowledge(fixture);
    settle_close(fixture->federation);
    g_assert_cmpuint(n_contracts(fixture), ==, 0);
    federation_fixture_restart(fixture, NULL);
    g_assert_cmpuint(n_contracts(fixture), ==, 0);
}

// Prices that cannot be said, or that begin later than the terms, are agreed by nobody.
static void test_bad_tariffs(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    Deal deal;
    deal_init(&deal, AGREEMENT_ID, 7);
    deal.currency.code = (char *)"eur";
    say(fixture, "a", &deal, AGREEMENT_ACTION(PROPOSE));
    g_assert_null(agreement_find(fixture->federation, AGREEMENT_ID));
    // Nobody could ever net it.
    deal.currency.code = (char *)"XTS";
    say(fixture, "a", &deal, AGREEMENT_ACTION(PROPOSE));
    g_assert_null(agreement_find(fixture->federation, AGREEMENT_ID));
    deal_init(&deal, AGREEMENT_ID, 7);
    deal.tariff.valid_from_us = 1;
    say(fixture, "a", &deal, AGREEMENT_ACTION(PROPOSE));
    g_assert_null(agreement_find(fixture->federation, AGREEMENT_ID));
    deal.terms.valid_from_us = 1;
    say(fixture, "a", &deal, AGREEMENT_ACTION(PROPOSE));
    g_assert_nonnull(agreement_find(fixture->federation, AGREEMENT_ID));
}

// What is rated by an agreement is not rated by another one of its name.
static void test_an_id_used_again(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    Deal deal;
    agree(fixture, AGREEMENT_ID, 7);
    Request *request = accounts_ask(fixture);
    accounts_grant(fixture, request);
    agreement_forget(fixture->federation, agreement_find(fixture->federation, AGREEMENT_ID));
    deal_init(&deal, AGREEMENT_ID, 11);
    say(fixture, "a", &deal, AGREEMENT_ACTION(PROPOSE));
    g_assert_null(agreement_find(fixture->federation, AGREEMENT_ID));
}

// Each tariff by which anything was used in a period costs its minimum, once.
static void test_two_minimums(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    agree_for(fixture, AGREEMENT_ID, 7, 100);
    Request *first = accounts_ask(fixture);
    accounts_grant(fixture, first);
    accounts_report_all(fixture, first);
    agree_for(fixture, SECOND_ID, 11, 30);
    fixture->federation->now += G_USEC_PER_SEC;
    Request *second = accounts_ask_as(fixture, SECOND_UUID);
    accounts_grant(fixture, second);
    accounts_report_all(fixture, second);
    settle_close(fixture->federation);
    const WireStatement *statement = accounts_statement_of(fixture, "b", 1);
    g_assert_cmpint(item_of(fixture, 1, 0)->amount + item_of(fixture, 1, 1)->amount, ==, 14 + 22);
    g_assert_cmpint(statement->minimum, ==, 100 - 14 + 30 - 22);
}

// The minimum of one tariff is not paid with what another's record turned out to be less.
static void test_a_minimum_and_a_correction(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    agree_for(fixture, AGREEMENT_ID, 7, 100);
    Request *first = accounts_ask(fixture);
    accounts_grant(fixture, first);
    accounts_report_all(fixture, first);
    agree(fixture, SECOND_ID, 11);
    Request *second = accounts_ask_as(fixture, SECOND_UUID);
    accounts_grant(fixture, second);
    accounts_report(fixture, second, &(AccountsReport){"b", 2, ACCOUNTS_BITS, 0});
    fixture->federation->now += 11 * G_USEC_PER_SEC;
    settle_close(fixture->federation);
    g_assert_cmpint(accounts_statement_of(fixture, "b", 1)->amount, ==, 100 + 22);
    accounts_report(fixture, second, &(AccountsReport){"a", 2, ACCOUNTS_BITS, 1});
    const WireStatement *corrected = accounts_statement_of(fixture, "b", 2);
    g_assert_cmpuint(corrected->replaces, ==, 1);
    g_assert_cmpint(corrected->minimum, ==, 100 - 14);
    g_assert_cmpint(corrected->amount, ==, 100 + 11);
}

// However often the currency changes from one record to the next.
static void test_a_minimum_in_each_currency(void)
{
    g_autoptr(FederationFixture) fixture = accounts_fixture_new();
    const WireStatement *statement = NULL;
    gint64 sums[2] = {0};
    accounts_set_prices(fixture, "NOK");
    agree_for(fixture, AGREEMENT_ID, 7, 100);
    Request *request = accounts_ask(fixture);
    accounts_grant(fixture, request);
    accounts_report_all(fixture, request);
    accounts_add_charges(fixture, 5, "");
    for (guint i = 0; i < 5; i++) {
        g_autofree char *record = g_strdup_printf("%08x-89ab-4cde-8f01-23456789abcd", i);
        WireCharge *charge = charge_find(fixture->federation, record);
        due_unlist(fixture->federation->accounts, charge);
        charge->start_us += i;
        charge->agreement = g_strdup(i % 2 ? AGREEMENT_ID : "");
        tariff_use(fixture->federation, charge->agreement);
        due_list(fixture->federation->accounts, charge);
    }
    settle_close(fixture->federation);
    for (guint64 i = 1; i <= series_find(fixture->federation, "b", "a")->sequence; i++) {
        statement = accounts_statement_of(fixture, "b", i);
        sums[strcmp(statement->currency->code, "EUR") == 0] += statement->amount;
    }
    g_assert_cmpint(sums[0], ==, 3 * 5);
    g_assert_cmpint(sums[1], ==, 100);
}

// What was granted first has the listed price, whoever's record comes first, and in which batch:
// the second one crosses the quota, the third is beyond it.
static void test_beyond_the_quota(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    const Request *requests[3];
    agree_softly(fixture, ASKS_BITS + 1);
    for (guint i = 0; i < G_N_ELEMENTS(requests); i++)
        requests[i] = buy(fixture, i);
    accounts_report_all(fixture, requests[2]);
    settle_close(fixture->federation);
    accounts_report_all(fixture, requests[1]);
    accounts_report_all(fixture, requests[0]);
    settle_close(fixture->federation);
    g_assert_cmpint(amount_of(fixture, 1, requests[2]), ==, 21);
    g_assert_cmpint(amount_of(fixture, 2, requests[1]), ==, 14);
    g_assert_cmpint(amount_of(fixture, 2, requests[0]), ==, 14);
}

// A request that came to nothing has used nothing, and the period of the settlement does not
// matter.
static void test_what_came_to_nothing(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    agree_softly(fixture, ASKS_BITS);
    request_call_off(fixture->federation, accounts_ask(fixture), "nobody wants it");
    const Request *first = buy(fixture, 0);
    accounts_report_all(fixture, first);
    settle_close(fixture->federation);
    const Request *beyond = buy(fixture, 1);
    accounts_report_all(fixture, beyond);
    settle_close(fixture->federation);
    g_assert_cmpint(amount_of(fixture, 1, first), ==, 14);
    g_assert_cmpint(amount_of(fixture, 2, beyond), ==, 21);
}

// The next one begins with the day, also within a period of the settlement; and another one when
// the clock is set back.
static void test_the_period_of_a_quota(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    Federation *federation = fixture->federation;
    const gint64 times_us[] = {federation->now, federation->now + G_TIME_SPAN_DAY, federation->now};
    agree_softly(fixture, ASKS_BITS);
    for (guint i = 0; i < G_N_ELEMENTS(times_us); i++) {
        federation->now = times_us[i];
        accounts_report_all(fixture, buy(fixture, i));
    }
    settle_close(federation);
    for (guint i = 0; i < G_N_ELEMENTS(times_us); i++)
        g_assert_false(item_of(fixture, 1, i)->is_overrun);
}

// What was decided at the grant is so after a restart, be it before the record comes, before it is
// settled, or before the grant itself; and when the buyer says later that it got less.
static void test_beyond_the_quota_after_a_restart(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    agree_softly(fixture, ASKS_BITS);
    buy(fixture, 0);
    accounts_ask(fixture);
    federation_fixture_restart(fixture, NULL);
    accounts_grant(fixture, g_hash_table_lookup(fixture->federation->requests, FEDERATION_UUID));
    federation_fixture_restart(fixture, NULL);
    const Request *second = g_hash_table_lookup(fixture->federation->requests, FEDERATION_UUID);
    accounts_report(fixture, second, &(AccountsReport){"b", 2, ACCOUNTS_BITS, 0});
    agreement_forget(fixture->federation, agreement_find(fixture->federation, AGREEMENT_ID));
    federation_fixture_restart(fixture, NULL);
    second = g_hash_table_lookup(fixture->federation->requests, FEDERATION_UUID);
    fixture->federation->now += 11 * G_USEC_PER_SEC;
    settle_close(fixture->federation);
    g_assert_cmpint(amount_of(fixture, 1, second), ==, 21);
    accounts_report(fixture, second, &(AccountsReport){"a", 2, ACCOUNTS_BITS, 1});
    g_assert_true(item_of(fixture, 2, 0)->is_overrun);
    // 7 * 1.5, rounded up.
    g_assert_cmpint(item_of(fixture, 2, 0)->amount, ==, 11);
}

// By standing terms, at the standing price of the seller.
static void test_beyond_a_standing_quota(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    Federation *federation = fixture->federation;
    Agreement *standing =
        agreement_standing_of(federation, topology_find(federation->topology, "b"));
    standing->wire->terms->quota_bits = ASKS_BITS;
    standing->wire->terms->is_quota_soft = TRUE;
    agreement_review(federation, NULL, standing->seller, NULL);
    const Request *first = buy(fixture, 0), *second = buy(fixture, 1);
    accounts_report_all(fixture, first);
    accounts_report_all(fixture, second);
    ((WireTariff *)tariff_of(federation, accounts_charge_of(fixture, second, "b")))
        ->overrun_basis_points = 20000;
    settle_close(federation);
    g_assert_cmpint(item_of(fixture, 1, 0)->amount, ==, 10);
    g_assert_cmpint(item_of(fixture, 1, 1)->amount, ==, 20);
    g_assert_true(item_of(fixture, 1, 1)->is_overrun);
}

// --- what is damaged -----------------------------------------------------------------------------

static void assert_does_not_start(FederationFixture *fixture, const char *what, const char *why)
{
    g_autoptr(GError) error = NULL;
    federation_fixture_restart(fixture, &error);
    g_assert_nonnull(error);
    g_assert_nonnull(strstr(error->message, what));
    g_assert_nonnull(strstr(error->message, why));
}

// Money is not guessed.
static void test_a_tariff_is_lost(gconstpointer what)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    agree(fixture, AGREEMENT_ID, 7);
    Request *request = accounts_ask(fixture);
    accounts_grant(fixture, request);
    if (strcmp(what, "charge") == 0)
        accounts_report_all(fixture, request);
    store_delete_text(fixture->store, "tariff", AGREEMENT_ID);
    assert_does_not_start(fixture, what, "names an agreement whose tariff is lost");
}

static void test_a_tariff_is_damaged(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    g_autoptr(GBytes) empty = g_bytes_new(NULL, 0);
    agree(fixture, AGREEMENT_ID, 7);
    accounts_grant(fixture, accounts_ask(fixture));
    store_put_text(fixture->store, "tariff", AGREEMENT_ID, empty);
    assert_does_not_start(fixture, "tariff of agreement", "its currency is not");
}

static void test_terms_are_damaged(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    agree(fixture, AGREEMENT_ID, 7);
    Agreement *agreement = agreement_find(fixture->federation, AGREEMENT_ID);
    agreement->wire->terms->tariff->currency->decimals = 10;
    agreement_save(fixture->federation, agreement);
    assert_does_not_start(fixture, AGREEMENT_ID, "is damaged");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/tariff/costs-what-was-agreed", test_costs_what_was_agreed);
    g_test_add_func("/tariff/ends-in-the-middle", test_ends_in_the_middle);
    g_test_add_func("/tariff/falls-to-standing-prices", test_falls_to_standing_prices);
    g_test_add_func("/tariff/outlives-its-agreement", test_outlives_its_agreement);
    g_test_add_func("/tariff/bad-tariffs", test_bad_tariffs);
    g_test_add_func("/tariff/an-id-used-again", test_an_id_used_again);
    g_test_add_func("/tariff/two-minimums", test_two_minimums);
    g_test_add_func("/tariff/a-minimum-and-a-correction", test_a_minimum_and_a_correction);
    g_test_add_func("/tariff/a-minimum-in-each-currency", test_a_minimum_in_each_currency);
    g_test_add_func("/tariff/beyond-the-quota", test_beyond_the_quota);
    g_test_add_func("/tariff/what-came-to-nothing", test_what_came_to_nothing);
    g_test_add_func("/tariff/the-period-of-a-quota", test_the_period_of_a_quota);
    g_test_add_func("/tariff/beyond-the-quota-after-a-restart",
                    test_beyond_the_quota_after_a_restart);
    g_test_add_func("/tariff/beyond-a-standing-quota", test_beyond_a_standing_quota);
    g_test_add_data_func("/tariff/a-tariff-of-a-grant-is-lost", "grant", test_a_tariff_is_lost);
    g_test_add_data_func("/tariff/a-tariff-of-a-charge-is-lost", "charge", test_a_tariff_is_lost);
    g_test_add_func("/tariff/a-tariff-is-damaged", test_a_tariff_is_damaged);
    g_test_add_func("/tariff/terms-are-damaged", test_terms_are_damaged);
    return g_test_run();
}
