// SPDX-License-Identifier: Apache-2.0

#include "platform/agreement.h"
#include "tests/unit/federation-fixture.h"

#include <string.h>

// Two ways from a to d: over b, and over c.
static const GraphLink links[] = {
    {"a-b", "a", "b", 100}, {"b-d", "b", "d", 100}, {"a-c", "a", "c", 100}, {"c-d", "c", "d", 100}};

static FederationFixture *fixture_new(void)
{
    FederationFixture *fixture = federation_fixture_new(links, G_N_ELEMENTS(links));
    fixture->federation->now = FEDERATION_NOW;
    return fixture;
}

static Provider *provider(const FederationFixture *fixture, const char *id)
{
    return topology_find(fixture->federation->topology, id);
}

static void enter(FederationFixture *fixture, Agreement *agreement, AgreementState state)
{
    agreement_enter(fixture->federation, agreement,
                    &(AgreementChange){state, "admin", "test", "a test"});
}

static Agreement *single_out(FederationFixture *fixture, const char *buyer, const char *seller)
{
    return agreement_single_out(fixture->federation, provider(fixture, buyer),
                                provider(fixture, seller));
}

static Request *request_new_to_d(FederationFixture *fixture)
{
    g_hash_table_remove_all(fixture->federation->requests);
    return federation_fixture_request(fixture, "sae-d", 1, 1);
}

// By way of whom a request of a user of a to one of d goes; or why it does not.
static void assert_way(FederationFixture *fixture, Status expected, const char *says)
{
    Request *request = request_new_to_d(fixture);
    g_autofree char *why_not = NULL;
    g_assert_cmpint(plan_make(fixture->federation, request, &why_not), ==, expected);
    if (expected == STATUS_OK) {
        g_auto(GStrv) path = plan_path(request, 0);
        g_assert_cmpstr(path[1], ==, says);
    } else if (!strstr(why_not ? why_not : "", says)) {
        g_error("'%s' does not say '%s'", why_not, says);
    }
}

// --- states --------------------------------------------------------------------------------------

// Written down once more, as in the procedure.
static const struct {
    AgreementState from, to;
} edges[] = {
    {AGREEMENT(UNSPECIFIED), AGREEMENT(PROPOSED)},
    {AGREEMENT(UNSPECIFIED), AGREEMENT(OFFERED)},
    {AGREEMENT(UNSPECIFIED), AGREEMENT(AVAILABLE)},
    {AGREEMENT(PROPOSED), AGREEMENT(OFFERED)},
    {AGREEMENT(PROPOSED), AGREEMENT(ACCEPTED)},
    {AGREEMENT(PROPOSED), AGREEMENT(FAILED)},
    {AGREEMENT(OFFERED), AGREEMENT(ACCEPTED)},
    {AGREEMENT(OFFERED), AGREEMENT(FAILED)},
    {AGREEMENT(ACCEPTED), AGREEMENT(AVAILABLE)},
    {AGREEMENT(ACCEPTED), AGREEMENT(ENDING)},
    {AGREEMENT(AVAILABLE), AGREEMENT(TEMPORARY_FAILURE)},
    {AGREEMENT(AVAILABLE), AGREEMENT(LOCKED)},
    {AGREEMENT(AVAILABLE), AGREEMENT(ENDING)},
    {AGREEMENT(TEMPORARY_FAILURE), AGREEMENT(AVAILABLE)},
    {AGREEMENT(TEMPORARY_FAILURE), AGREEMENT(LOCKED)},
    {AGREEMENT(TEMPORARY_FAILURE), AGREEMENT(ENDING)},
    {AGREEMENT(LOCKED), AGREEMENT(AVAILABLE)},
    {AGREEMENT(LOCKED), AGREEMENT(TEMPORARY_FAILURE)},
    {AGREEMENT(LOCKED), AGREEMENT(ENDING)},
    {AGREEMENT(ENDING), AGREEMENT(ENDED)},
};

static gboolean is_edge(guint from, guint to)
{
    gboolean is = FALSE;
    for (gsize i = 0; i < G_N_ELEMENTS(edges); i++)
        is |= edges[i].from == from && edges[i].to == to;
    return is;
}

static void test_states(void)
{
    for (guint from = 0; from <= AGREEMENT(FAILED); from++) {
        for (guint to = 0; to <= AGREEMENT(FAILED); to++) {
            if (agreement_can_enter((AgreementState)from, (AgreementState)to) != is_edge(from, to))
                g_error("%s → %s", agreement_state_name((AgreementState)from),
                        agreement_state_name((AgreementState)to));
        }
    }
}

// --- routes --------------------------------------------------------------------------------------

static void test_routes_go_by_agreements(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    assert_way(fixture, STATUS_OK, "b");
    Agreement *with_b = single_out(fixture, "a", "b");
    enter(fixture, with_b, AGREEMENT(LOCKED));
    assert_way(fixture, STATUS_OK, "c");
    Agreement *with_c = single_out(fixture, "a", "c");
    enter(fixture, with_c, AGREEMENT(LOCKED));
    assert_way(fixture, STATUS_NO_AGREEMENT, "agreement terms-1/a/b is LOCKED");
    enter(fixture, with_b, AGREEMENT(AVAILABLE));
    assert_way(fixture, STATUS_OK, "b");
    enter(fixture, single_out(fixture, "a", "d"), AGREEMENT(LOCKED));
    assert_way(fixture, STATUS_NO_AGREEMENT, "'a' may not use 'd' for any purpose");
}

// What others have agreed is nothing to a.
static void test_the_buyer_counts(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    enter(fixture, single_out(fixture, "d", "b"), AGREEMENT(LOCKED));
    enter(fixture, single_out(fixture, "b", "a"), AGREEMENT(LOCKED));
    assert_way(fixture, STATUS_OK, "b");
}

static void test_purposes_count(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    Agreement *with_b = single_out(fixture, "a", "b");
    with_b->wire->terms->n_purposes = 1;
    with_b->wire->terms->purposes[0] = QKDNF__V1__PURPOSE__PURPOSE_REROUTE;
    agreement_review(fixture->federation, with_b->buyer, with_b->seller, NULL);
    assert_way(fixture, STATUS_OK, "c");
    // What takes over for c is not what relays.
    enter(fixture, single_out(fixture, "a", "c"), AGREEMENT(LOCKED));
    assert_way(fixture, STATUS_NO_AGREEMENT, "for relay");
    Request *again = request_new_to_d(fixture);
    again->attempt = 1;
    g_assert_cmpint(plan_make(fixture->federation, again, NULL), ==, STATUS_OK);
    const Part *b = again->parts->pdata[1];
    g_assert_cmpint(b->order->purpose, ==, QKDNF__V1__PURPOSE__PURPOSE_REROUTE);
}

static void test_scope_of_role_counts(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    provider(fixture, "b")->denied = PURPOSE_BIT(QKDNF__V1__PURPOSE__PURPOSE_RELAY);
    assert_way(fixture, STATUS_OK, "c");
    provider(fixture, "c")->denied = PURPOSES_ALL;
    assert_way(fixture, STATUS_NO_ROUTE, "");
}

static void test_orders_say_by_what(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    Request *request = request_new_to_d(fixture);
    g_assert_cmpint(plan_make(fixture->federation, request, NULL), ==, STATUS_OK);
    static const char *const agreements[] = {"", "terms-1/a/b", "terms-1/a/d"};
    for (guint i = 0; i < request->parts->len; i++) {
        const WireOrder *order = ((Part *)request->parts->pdata[i])->order;
        g_assert_cmpstr(order->buyer, ==, "a");
        g_assert_cmpstr(order->agreement, ==, agreements[i]);
        g_assert_cmpint(order->purpose, ==,
                        i == 1 ? QKDNF__V1__PURPOSE__PURPOSE_RELAY
                               : QKDNF__V1__PURPOSE__PURPOSE_UNSPECIFIED);
    }
}

// --- standing terms ------------------------------------------------------------------------------

static void say(FederationFixture *fixture, const char *from, const WireAgreement *about,
                AgreementAction action)
{
    WireAgreement said = *about;
    said.action = action;
    agreement_on_agreement(fixture->federation, &(Sender){from, ROLE_AGENT, 1}, &said);
}

static Agreement *offer_anew(FederationFixture *fixture, const char *seller)
{
    Agreement *standing = agreement_standing_of(fixture->federation, provider(fixture, seller));
    agreement_forget(fixture->federation, standing);
    agreement_offer_standing(fixture->federation, member_find(fixture->federation, seller));
    return agreement_standing_of(fixture->federation, provider(fixture, seller));
}

static void test_who_does_not_accept_is_left_out(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    Agreement *with_b = offer_anew(fixture, "b");
    g_assert_cmpint(with_b->wire->state, ==, AGREEMENT(OFFERED));
    assert_way(fixture, STATUS_OK, "c");
    // Nobody answers for another.
    say(fixture, "c", with_b->wire, AGREEMENT_ACTION(ACCEPT));
    g_assert_cmpint(with_b->wire->state, ==, AGREEMENT(OFFERED));
    say(fixture, "b", with_b->wire, AGREEMENT_ACTION(REFUSE));
    g_assert_cmpint(with_b->wire->state, ==, AGREEMENT(FAILED));
    assert_way(fixture, STATUS_OK, "c");
    agreement_offer_standing(fixture->federation, member_find(fixture->federation, "b"));
    with_b = agreement_standing_of(fixture->federation, provider(fixture, "b"));
    WireAgreement late = *with_b->wire;
    late.version--;
    say(fixture, "b", &late, AGREEMENT_ACTION(ACCEPT));
    g_assert_cmpint(with_b->wire->state, ==, AGREEMENT(OFFERED));
    say(fixture, "b", with_b->wire, AGREEMENT_ACTION(ACCEPT));
    g_assert_cmpint(with_b->wire->state, ==, AGREEMENT(AVAILABLE));
    assert_way(fixture, STATUS_OK, "b");
}

static void test_who_leaves_sells_nothing(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    agreement_on_member_gone(fixture->federation, provider(fixture, "b"));
    assert_way(fixture, STATUS_OK, "c");
    federation_tick(fixture->federation, FEDERATION_NOW + G_TIME_SPAN_SECOND);
    const Agreement *with_b = agreement_standing_of(fixture->federation, provider(fixture, "b"));
    g_assert_cmpint(with_b->wire->state, ==, AGREEMENT(ENDED));
}

// By which `seller` lets a do everything, from some time on.
static Agreement *make_own(FederationFixture *fixture, const char *id, const char *seller,
                           gint64 valid_from_us)
{
    Qkdnf__V1__Purpose purposes[PURPOSES_MAX];
    WireAgreementTerms terms = WIRE_AGREEMENT_TERMS_INIT;
    WireAgreement wire = WIRE_AGREEMENT_INIT;
    terms.purposes = purposes;
    terms.n_purposes = purposes_list(PURPOSES_ANY, purposes);
    terms.valid_from_us = (guint64)valid_from_us;
    wire.id = (char *)id;
    wire.buyer = (char *)"a";
    wire.seller = (char *)seller;
    wire.terms = &terms;
    Agreement *agreement = agreement_new(fixture->federation, &wire, provider(fixture, "a"),
                                         provider(fixture, seller));
    enter(fixture, agreement, AGREEMENT(OFFERED));
    enter(fixture, agreement, AGREEMENT(ACCEPTED));
    agreement_follow_time(fixture->federation, agreement);
    return agreement;
}

static gboolean covers(const FederationFixture *fixture, const char *seller)
{
    return agreement_covers(provider(fixture, "a"), provider(fixture, seller),
                            PURPOSE_BIT(QKDNF__V1__PURPOSE__PURPOSE_RELAY));
}

// The buyer is never without one.
static void test_the_next_takes_over_in_time(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    Agreement *first = make_own(fixture, "one", "b", FEDERATION_NOW);
    Agreement *second = make_own(fixture, "two", "b", FEDERATION_NOW + 1000);
    g_assert_cmpint(first->wire->state, ==, AGREEMENT(AVAILABLE));
    g_assert_cmpint(second->wire->state, ==, AGREEMENT(ACCEPTED));
    g_assert_true(covers(fixture, "b"));
    fixture->federation->now += 1000;
    agreement_follow_time(fixture->federation, second);
    g_assert_cmpint(second->wire->state, ==, AGREEMENT(AVAILABLE));
    g_assert_cmpint(first->wire->state, ==, AGREEMENT(ENDING));
    g_assert_true(covers(fixture, "b"));
}

// What a seller that is away agreed to holds: nobody who is there is sent home.
static void test_a_seller_is_away(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    fixture->federation->started_us = 0;
    Agreement *agreement = make_own(fixture, "one", "b", FEDERATION_NOW);
    provider(fixture, "b")->is_usable = FALSE;
    agreement_on_presence(fixture->federation, provider(fixture, "b"));
    g_assert_cmpint(agreement->wire->state, ==, AGREEMENT(TEMPORARY_FAILURE));
    g_assert_true(covers(fixture, "b"));
}

static void test_who_comes_back_sells_again(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    Federation *federation = fixture->federation;
    single_out(fixture, "a", "b");
    agreement_on_member_gone(federation, provider(fixture, "b"));
    g_assert_false(covers(fixture, "b"));
    Agreement *standing = agreement_standing_of(federation, provider(fixture, "b"));
    enter(fixture, standing, AGREEMENT(ENDED));
    agreement_offer_standing(federation, member_find(federation, "b"));
    standing = agreement_standing_of(federation, provider(fixture, "b"));
    enter(fixture, standing, AGREEMENT(ACCEPTED));
    enter(fixture, standing, AGREEMENT(AVAILABLE));
    g_assert_true(covers(fixture, "b"));
}

// It comes back before all is done that ran under what it had; the platform may end in between.
static void test_who_comes_back_early_sells_again(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    agreement_on_member_gone(fixture->federation, provider(fixture, "b"));
    agreement_offer_standing(fixture->federation, member_find(fixture->federation, "b"));
    federation_fixture_restart(fixture, NULL);
    member_find(fixture->federation, "b")->state = MEMBER(ACTIVE);
    Agreement *standing = agreement_standing_of(fixture->federation, provider(fixture, "b"));
    g_assert_cmpint(standing->wire->state, ==, AGREEMENT(ENDING));
    agreement_on_timer(fixture->federation, TIMER_TERM, "terms-1/all/b");
    standing = agreement_standing_of(fixture->federation, provider(fixture, "b"));
    g_assert_cmpint(standing->wire->state, ==, AGREEMENT(OFFERED));
    // What a member ends while it is there is not offered to it by itself.
    enter(fixture, standing, AGREEMENT(ACCEPTED));
    enter(fixture, standing, AGREEMENT(ENDING));
    agreement_on_timer(fixture->federation, TIMER_TERM, "terms-1/all/b");
    standing = agreement_standing_of(fixture->federation, provider(fixture, "b"));
    g_assert_cmpint(standing->wire->state, ==, AGREEMENT(ENDED));
}

// It says whose agreement it is that does not hold.
static void test_says_what_does_not_hold(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    const Provider *buyer = provider(fixture, "a"), *seller = provider(fixture, "d");
    const char *expected = "agreement terms-1/all/a is LOCKED; expected one that is AVAILABLE";
    Status status;
    enter(fixture, agreement_standing_of(fixture->federation, buyer), AGREEMENT(LOCKED));
    g_autofree char *text = agreement_explain(buyer, seller, PURPOSES_ANY, &status);
    g_assert_nonnull(strstr(text, expected));
    g_assert_cmpint(status, ==, STATUS_NO_AGREEMENT);
    // Also where the two have one of their own by the same terms.
    single_out(fixture, "a", "d");
    g_autofree char *again = agreement_explain(buyer, seller, PURPOSES_ANY, &status);
    g_assert_nonnull(strstr(again, expected));
}

static void test_other_terms_replace_the_old(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    fixture->config.terms.version = 2;
    federation_fixture_restart(fixture, NULL);
    const Agreement *old = agreement_find(fixture->federation, "terms-1/all/b");
    g_assert_cmpint(old->wire->state, ==, AGREEMENT(ENDING));
    g_assert_cmpuint(provider_right(provider(fixture, "a"), provider(fixture, "b")).purposes, ==,
                     0);
}

static void test_terms_are_compared(void)
{
    Qkdnf__V1__Purpose both[] = {QKDNF__V1__PURPOSE__PURPOSE_RELAY,
                                 QKDNF__V1__PURPOSE__PURPOSE_SHARE};
    WireAgreementTerms wanted = WIRE_AGREEMENT_TERMS_INIT;
    wanted.purposes = both;
    wanted.n_purposes = 1;
    wanted.quota_bits = 100;
    wanted.period_s = 60;
    wanted.rate_bps = 10;
    wanted.valid_from_us = 5;
    wanted.valid_until_us = 9;
    WireAgreementTerms offered = wanted;
    g_assert_true(agreement_terms_cover(&offered, &wanted));
    const struct {
        guint64 quota_bits, rate_bps, from_us, until_us;
        guint32 period_s;
        gsize n_purposes;
        gboolean is_enough;
    } cases[] = {
        {101, 10, 5, 9, 60, 1, TRUE},  {99, 10, 5, 9, 60, 1, FALSE},  {0, 10, 5, 9, 61, 1, TRUE},
        {100, 10, 5, 9, 61, 1, FALSE}, {100, 0, 5, 9, 60, 1, TRUE},   {100, 9, 5, 9, 60, 1, FALSE},
        {100, 10, 4, 0, 60, 2, TRUE},  {100, 10, 6, 9, 60, 1, FALSE}, {100, 10, 5, 8, 60, 1, FALSE},
        {100, 10, 5, 9, 60, 0, FALSE},
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        offered.quota_bits = cases[i].quota_bits;
        offered.rate_bps = cases[i].rate_bps;
        offered.valid_from_us = cases[i].from_us;
        offered.valid_until_us = cases[i].until_us;
        offered.period_s = cases[i].period_s;
        offered.n_purposes = cases[i].n_purposes;
        g_assert_cmpint(agreement_terms_cover(&offered, &wanted), ==, cases[i].is_enough);
    }
    // What may cost more is not taken for what never does; without a quota nothing is beyond it.
    offered = wanted;
    offered.is_quota_soft = TRUE;
    g_assert_false(agreement_terms_cover(&offered, &wanted));
    g_assert_false(agreement_terms_cover(&wanted, &offered));
    g_assert_false(agreement_terms_equal(&wanted, &offered));
    WireAgreementTerms unlimited = wanted;
    unlimited.quota_bits = 0;
    g_assert_true(agreement_terms_cover(&unlimited, &offered));
    unlimited.is_quota_soft = TRUE;
    g_autofree char *fault = agreement_terms_fault(&unlimited);
    g_assert_cmpstr(fault, ==,
                    "the terms have a soft quota of 0 bits; expected how many, or no quota");
    // Nothing that costs is taken as if it were free.
    Qkdnf__V1__Tariff tariff = QKDNF__V1__TARIFF__INIT;
    offered = wanted;
    offered.tariff = &tariff;
    g_assert_false(agreement_terms_cover(&offered, &wanted));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/agreement/states", test_states);
    g_test_add_func("/agreement/routes", test_routes_go_by_agreements);
    g_test_add_func("/agreement/buyer", test_the_buyer_counts);
    g_test_add_func("/agreement/purposes", test_purposes_count);
    g_test_add_func("/agreement/scope", test_scope_of_role_counts);
    g_test_add_func("/agreement/orders", test_orders_say_by_what);
    g_test_add_func("/agreement/not-accepted", test_who_does_not_accept_is_left_out);
    g_test_add_func("/agreement/member-leaves", test_who_leaves_sells_nothing);
    g_test_add_func("/agreement/the-next-takes-over-in-time", test_the_next_takes_over_in_time);
    g_test_add_func("/agreement/a-seller-is-away", test_a_seller_is_away);
    g_test_add_func("/agreement/who-comes-back-sells-again", test_who_comes_back_sells_again);
    g_test_add_func("/agreement/who-comes-back-early-sells-again",
                    test_who_comes_back_early_sells_again);
    g_test_add_func("/agreement/says-what-does-not-hold", test_says_what_does_not_hold);
    g_test_add_func("/agreement/other-terms", test_other_terms_replace_the_old);
    g_test_add_func("/agreement/terms", test_terms_are_compared);
    return g_test_run();
}
