// SPDX-License-Identifier: Apache-2.0
//
// Reservations of capacity: what is free when, and who gets what of a link that somebody has
// reserved some of.

#include "platform/agreement.h"
#include "platform/booking.h"
#include "tests/unit/stream-fixture.h"

#include <string.h>

// Each has 100 kbit/s; a session of 1 kbit/s takes about half as much again of it.
static const GraphLink links[] = {{"a-b", "a", "b", 900}, {"b-d", "b", "d", 900}};

#define MINUTE_US G_TIME_SPAN_MINUTE

static StreamFixture *fixture_new(void)
{
    StreamFixture *fixture = stream_fixture_new(links, G_N_ELEMENTS(links));
    fixture->federation->config.max_kept = 1000;
    fixture->federation->federation->now = FEDERATION_NOW;
    return fixture;
}

static Federation *core(const StreamFixture *fixture)
{
    return fixture->federation->federation;
}

static guint64 at(const StreamFixture *fixture, gint64 after_us)
{
    return (guint64)(core(fixture)->now + after_us);
}

typedef struct {
    guint number;
    const char *buyer, *seller, *link;
    guint64 rate_bps, least_bps;
    guint64 from_us, until_us;
} Wish;

static const char *id_of(guint number)
{
    static char id[UUID_CHARS + 1];
    g_snprintf(id, sizeof id, "21234567-89ab-4cde-8f01-%012u", number);
    return id;
}

// What the platform tells the buyer of its proposal; valid until what was said is cleared.
static const WireAgreement *propose(StreamFixture *fixture, const Wish *wish)
{
    WireAgreementTerms terms = WIRE_AGREEMENT_TERMS_INIT;
    terms.link = (char *)wish->link;
    terms.rate_bps = wish->rate_bps;
    terms.valid_from_us = wish->from_us;
    terms.valid_until_us = wish->until_us;
    WireAgreementTerms least = terms;
    least.rate_bps = wish->least_bps;
    WireAgreement wire = WIRE_AGREEMENT_INIT;
    wire.id = (char *)id_of(wish->number);
    wire.buyer = (char *)wish->buyer;
    wire.seller = (char *)wish->seller;
    wire.terms = &terms;
    wire.least = wish->least_bps > 0 ? &least : NULL;
    wire.action = AGREEMENT_ACTION(PROPOSE);
    stream_fixture_clear(fixture);
    agreement_on_agreement(core(fixture), &(Sender){wish->buyer, ROLE_AGENT, 1}, &wire);
    stream_fixture_hear(fixture);
    for (guint i = fixture->said->len; i > 0; i--) {
        const Said *said = fixture->said->pdata[i - 1];
        const WireAgreement *told = said->message;
        if (said->kind == KIND_AGREEMENT && strcmp(told->id, wire.id) == 0)
            return told;
    }
    return NULL;
}

static Agreement *find(const StreamFixture *fixture, guint number)
{
    return agreement_find(core(fixture), id_of(number));
}

static void say(StreamFixture *fixture, const char *party, guint number, AgreementAction action)
{
    WireAgreement said = *find(fixture, number)->wire;
    said.action = action;
    agreement_on_agreement(core(fixture), &(Sender){party, ROLE_AGENT, 1}, &said);
}

static AgreementState accept(StreamFixture *fixture, guint number)
{
    const Agreement *agreement = find(fixture, number);
    say(fixture, agreement->seller->id, number, AGREEMENT_ACTION(ACCEPT));
    return agreement->wire->state;
}

// Of b-d, by d, for users of a, from now on for ten minutes.
static Wish wish_new(const StreamFixture *fixture, guint number, guint64 rate_bps)
{
    return (Wish){.number = number,
                  .buyer = "a",
                  .seller = "d",
                  .link = "b-d",
                  .rate_bps = rate_bps,
                  .until_us = at(fixture, 10 * MINUTE_US)};
}

static void reserve(StreamFixture *fixture, const Wish *wish)
{
    const WireAgreement *told = propose(fixture, wish);
    g_assert_cmpstr(told->reason, ==, "it is proposed");
    g_assert_cmpint(told->state, ==, AGREEMENT(PROPOSED));
    g_assert_cmpint(accept(fixture, wish->number), !=, AGREEMENT(FAILED));
}

// Of a user of `initiator`, to one of d, for a while; the rate that is offered instead, or what was
// asked for.
static guint64 ask_session(StreamFixture *fixture, guint number, const char *initiator,
                           guint64 rate_bps, guint64 lifetime_ms)
{
    Asked asked;
    stream_fixture_ask(&asked, number);
    asked.open.initiator = (char *)initiator;
    asked.qos.rate_bps = rate_bps;
    asked.qos.lifetime_ms = lifetime_ms;
    stream_fixture_clear(fixture);
    const WireSessionState *state = stream_fixture_open(fixture, &asked, initiator);
    if (state->status == STATUS_OK)
        return rate_bps;
    g_assert_cmpint(state->status, ==, STATUS_INSUFFICIENT_KEY);
    return state->offer ? state->offer->rate_bps : 0;
}

static void close_session(StreamFixture *fixture, guint number)
{
    stream_close(core(fixture), stream_fixture_find(fixture, number), "enough");
}

static void refused(StreamFixture *fixture, const Wish *wish, Status status, const char *why)
{
    const WireAgreement *told = propose(fixture, wish);
    g_assert_cmpint(told->state, ==, AGREEMENT(FAILED));
    g_assert_cmpint(told->status, ==, status);
    if (!strstr(told->reason, why))
        g_error("'%s' does not say '%s'", told->reason, why);
    g_assert_null(find(fixture, wish->number));
}

// --- what is agreed ------------------------------------------------------------------------------

static void test_what_is_free_is_offered(void)
{
    g_autoptr(StreamFixture) fixture = fixture_new();
    Wish first = wish_new(fixture, 1, 70000);
    reserve(fixture, &first);
    Wish second = wish_new(fixture, 2, 40000);
    second.buyer = "b";
    refused(fixture, &second, STATUS_INSUFFICIENT_KEY, "has 30000 bit/s free");
    second.least_bps = 30001;
    refused(fixture, &second, STATUS_INSUFFICIENT_KEY, "at least 30001");
    // Less than asked for, but no less than the least.
    second.least_bps = 30000;
    const WireAgreement *told = propose(fixture, &second);
    g_assert_cmpint(told->state, ==, AGREEMENT(PROPOSED));
    g_assert_cmpuint(told->terms->rate_bps, ==, 30000);
    g_assert_cmpstr(told->reason, ==, "so much of what is proposed is free");
    g_assert_cmpint(accept(fixture, 2), ==, AGREEMENT(AVAILABLE));
}

// Nothing is kept for what is not agreed: who agrees first has it.
static void test_the_first_to_agree_has_it(void)
{
    g_autoptr(StreamFixture) fixture = fixture_new();
    Wish first = wish_new(fixture, 1, 60000), second = wish_new(fixture, 2, 60000);
    second.buyer = "b";
    propose(fixture, &first);
    g_assert_cmpint(propose(fixture, &second)->state, ==, AGREEMENT(PROPOSED));
    g_assert_cmpint(accept(fixture, 2), ==, AGREEMENT(AVAILABLE));
    g_assert_cmpint(accept(fixture, 1), ==, AGREEMENT(FAILED));
    g_assert_cmpint(find(fixture, 1)->wire->status, ==, STATUS_INSUFFICIENT_KEY);
    g_assert_cmpint(find(fixture, 2)->wire->state, ==, AGREEMENT(AVAILABLE));
}

static void test_what_cannot_be_reserved(void)
{
    g_autoptr(StreamFixture) fixture = fixture_new();
    const Wish good = wish_new(fixture, 1, 1000);
    Wish bad = good;
    bad.link = "x-y";
    refused(fixture, &bad, STATUS_NO_ROUTE, "no border link 'x-y'");
    bad.link = "a-b";
    refused(fixture, &bad, STATUS_NOT_ALLOWED, "'d' has no end of border link 'a-b'");
    bad = good;
    bad.until_us = at(fixture, 0);
    refused(fixture, &bad, STATUS_BAD_REQUEST, "over already");
    bad.until_us = at(fixture, 400 * G_TIME_SPAN_DAY);
    refused(fixture, &bad, STATUS_BAD_REQUEST, "more than 366 days");
    bad.until_us = 0;
    refused(fixture, &bad, STATUS_BAD_REQUEST, "needs a rate, and a time");
    reserve(fixture, &good);
    bad = good;
    bad.number = 2;
    refused(fixture, &bad, STATUS_NOT_ALLOWED, "some of that time already");
    // When that is over, there is no objection.
    bad.from_us = good.until_us;
    bad.until_us = good.until_us + 1;
    reserve(fixture, &bad);
}

// Until it has heard from everybody again, the platform does not know what is free: who asks then
// asks again.
static void test_a_platform_that_starts_waits(void)
{
    g_autoptr(StreamFixture) fixture = fixture_new();
    Wish wish = wish_new(fixture, 1, 1000);
    core(fixture)->started_us = core(fixture)->now;
    g_assert_null(propose(fixture, &wish));
    core(fixture)->now += FEDERATION_SETTLE_US;
    reserve(fixture, &wish);
}

// --- what is kept --------------------------------------------------------------------------------

static void test_it_is_kept_from_other_sessions(void)
{
    g_autoptr(StreamFixture) fixture = fixture_new();
    Wish wish = wish_new(fixture, 1, 60000);
    reserve(fixture, &wish);
    guint64 offered = ask_session(fixture, 1, "sae-b", 50000, 0);
    g_assert_cmpuint(offered, >, 20000);
    g_assert_cmpuint(offered, <, 30000);
    // The buyer's users draw it, and beyond that what others may have, too.
    g_assert_cmpuint(ask_session(fixture, 2, "sae-a", 50000, 0), ==, 50000);
    guint64 beside = ask_session(fixture, 3, "sae-b", 30000, 0);
    g_assert_cmpuint(beside, >, 16000);
    g_assert_cmpuint(beside, <, 17000);
    close_session(fixture, 2);
    g_assert_cmpuint(ask_session(fixture, 4, "sae-b", 50000, 0), ==, offered);
    say(fixture, "a", 1, AGREEMENT_ACTION(END));
    g_assert_cmpint(find(fixture, 1)->wire->state, ==, AGREEMENT(ENDING));
    g_assert_cmpuint(ask_session(fixture, 5, "sae-b", 50000, 0), ==, 50000);
}

static void test_it_is_kept_for_its_time(void)
{
    g_autoptr(StreamFixture) fixture = fixture_new();
    Wish wish = wish_new(fixture, 1, 80000);
    wish.from_us = at(fixture, 5 * MINUTE_US);
    reserve(fixture, &wish);
    g_assert_cmpint(find(fixture, 1)->wire->state, ==, AGREEMENT(ACCEPTED));
    // Who is done by then is not in the way.
    g_assert_cmpuint(ask_session(fixture, 1, "sae-b", 50000, 5 * 60000), ==, 50000);
    close_session(fixture, 1);
    g_assert_cmpuint(ask_session(fixture, 2, "sae-b", 50000, 5 * 60000 + 1), <, 20000);
    g_assert_cmpuint(ask_session(fixture, 3, "sae-b", 50000, 0), <, 20000);
    // Its time ends it by itself.
    stream_fixture_wait(fixture, 10 * MINUTE_US);
    g_assert_cmpint(find(fixture, 1)->wire->state, ==, AGREEMENT(ENDED));
    g_assert_cmpuint(ask_session(fixture, 4, "sae-b", 50000, 0), ==, 50000);
}

// At any moment of the time that is wanted, not all of it together.
static void test_those_of_different_times_do_not_add_up(void)
{
    g_autoptr(StreamFixture) fixture = fixture_new();
    Wish wish = wish_new(fixture, 1, 60000);
    reserve(fixture, &wish);
    wish.number = 2;
    wish.from_us = wish.until_us;
    wish.until_us += MINUTE_US;
    reserve(fixture, &wish);
    Wish over_both = wish_new(fixture, 3, 40000);
    over_both.buyer = "b";
    over_both.until_us = wish.until_us;
    reserve(fixture, &over_both);
    over_both.number = 4;
    over_both.buyer = "d";
    over_both.seller = "b";
    refused(fixture, &over_both, STATUS_INSUFFICIENT_KEY, "has 0 bit/s free");
}

static const WireReply *ask_keys(StreamFixture *fixture, guint number, const char *initiator,
                                 guint n_keys)
{
    g_autofree char *id = g_strdup_printf("11234567-89ab-4cde-8f01-%012u", number);
    WireRequest wire = WIRE_REQUEST_INIT;
    wire.id = id;
    wire.initiator = (char *)initiator;
    wire.n_targets = 1;
    wire.targets = (char *[]){(char *)"sae-d"};
    wire.number = n_keys;
    wire.size_bits = 256;
    wire.timeout_ms = 1000;
    stream_fixture_clear(fixture);
    request_on_request(core(fixture), &(Sender){initiator, ROLE_APPLICATION, 1}, &wire);
    stream_fixture_run(fixture);
    return stream_fixture_last(fixture, KIND_REPLY)->message;
}

// Ten seconds of 10240 bit/s are 400 slots; and no more than its share of what there is.
static void test_stock_is_kept_from_requests(void)
{
    g_autoptr(StreamFixture) fixture = fixture_new();
    Wish wish = wish_new(fixture, 1, 10240);
    Link *link = graph_link(core(fixture)->topology, "b-d");
    reserve(fixture, &wish);
    link->ends[0].capacity = 4000;
    link->next = 900 - 405;
    const WireReply *reply = ask_keys(fixture, 1, "sae-b", 5);
    g_assert_cmpint(reply->status, ==, STATUS_INSUFFICIENT_KEY);
    g_assert_cmpuint(reply->available_number, ==, 4);
    g_assert_cmpuint(reply->available_in_ms, >, 0);
    g_assert_cmpint(ask_keys(fixture, 2, "sae-b", 4)->status, ==, STATUS_OK);
    g_assert_cmpint(ask_keys(fixture, 3, "sae-a", 20)->status, ==, STATUS_OK);
    stream_fixture_wait(fixture, 10 * MINUTE_US);
    g_assert_cmpint(ask_keys(fixture, 4, "sae-b", 20)->status, ==, STATUS_OK);
}

// --- what becomes of it --------------------------------------------------------------------------

static AdminResult decide(StreamFixture *fixture, AgreementAction action)
{
    WireAgreementCommand wire = WIRE_AGREEMENT_COMMAND_INIT;
    wire.action = action;
    wire.agreement = (char *)id_of(1);
    wire.reason = (char *)"a test";
    return agreement_command(core(fixture), &(Sender){"admin", ROLE_OPERATOR, 1}, &wire);
}

static void test_suspended_it_holds_nothing(void)
{
    g_autoptr(StreamFixture) fixture = fixture_new();
    Wish wish = wish_new(fixture, 1, 80000);
    reserve(fixture, &wish);
    g_free(decide(fixture, AGREEMENT_ACTION(SUSPEND)).text);
    g_assert_cmpuint(ask_session(fixture, 1, "sae-b", 50000, 0), ==, 50000);
    AdminResult result = decide(fixture, AGREEMENT_ACTION(RESUME));
    g_assert_cmpint(result.status, ==, STATUS_INSUFFICIENT_KEY);
    g_assert_cmpint(find(fixture, 1)->wire->state, ==, AGREEMENT(LOCKED));
    g_free(result.text);
    close_session(fixture, 1);
    result = decide(fixture, AGREEMENT_ACTION(RESUME));
    g_assert_cmpint(result.status, ==, STATUS_OK);
    g_free(result.text);
    g_assert_cmpuint(ask_session(fixture, 2, "sae-b", 50000, 0), <, 20000);
}

static void test_it_survives_the_platform(void)
{
    g_autoptr(StreamFixture) fixture = fixture_new();
    Wish wish = wish_new(fixture, 1, 60000);
    reserve(fixture, &wish);
    g_assert_cmpuint(ask_session(fixture, 1, "sae-a", 20000, 0), ==, 20000);
    guint64 offered = ask_session(fixture, 2, "sae-b", 50000, 0);
    stream_fixture_restart(fixture);
    g_assert_cmpint(find(fixture, 1)->wire->state, ==, AGREEMENT(AVAILABLE));
    // What its users draw is not kept a second time.
    g_assert_cmpuint(ask_session(fixture, 3, "sae-b", 50000, 0), ==, offered);
}

// It says what is kept, not what may be done.
static void test_it_grants_nothing_else(void)
{
    g_autoptr(StreamFixture) fixture = fixture_new();
    Wish wish = wish_new(fixture, 1, 1000);
    reserve(fixture, &wish);
    Provider *buyer = topology_find(core(fixture)->topology, "a");
    g_autofree char *name = agreement_name(buyer, topology_find(core(fixture)->topology, "d"));
    g_assert_cmpstr(name, ==, "terms-1/a/d");
    g_assert_cmpint(ask_keys(fixture, 1, "sae-a", 1)->status, ==, STATUS_OK);
}

// Whoever has a link of that name when the seller has none any more owes the buyer nothing.
static void test_it_binds_while_the_seller_has_the_link(void)
{
    g_autoptr(StreamFixture) fixture = fixture_new();
    Topology *topology = core(fixture)->topology;
    const Link *link = topology_find_link(topology, "b-d");
    const Span now = {at(fixture, 0), at(fixture, 0)};
    Booking booking = {.id = (char *)"1",
                       .buyer = topology_find(topology, "a"),
                       .seller = topology_find(topology, "d"),
                       .bps = 60000,
                       .from_us = 1,
                       .until_us = G_MAXUINT64};
    booking_put(topology, "b-d", &booking);
    g_assert_cmpuint(booking_kept_bps(link, NULL, &now), ==, 60000);
    g_assert_cmpuint(booking_count(link), ==, 1);
    booking.seller = topology_find(topology, "a");
    booking_put(topology, "b-d", &booking);
    g_assert_cmpuint(booking_kept_bps(link, NULL, &now), ==, 0);
    g_assert_cmpuint(booking_kept_slots(link, NULL, now.from_us), ==, 0);
    g_assert_cmpuint(booking_count(link), ==, 0);
    g_assert_false(booking_overlaps(link, booking.buyer, &now));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/booking/free", test_what_is_free_is_offered);
    g_test_add_func("/booking/first", test_the_first_to_agree_has_it);
    g_test_add_func("/booking/bad", test_what_cannot_be_reserved);
    g_test_add_func("/booking/early", test_a_platform_that_starts_waits);
    g_test_add_func("/booking/sessions", test_it_is_kept_from_other_sessions);
    g_test_add_func("/booking/time", test_it_is_kept_for_its_time);
    g_test_add_func("/booking/peak", test_those_of_different_times_do_not_add_up);
    g_test_add_func("/booking/requests", test_stock_is_kept_from_requests);
    g_test_add_func("/booking/suspended", test_suspended_it_holds_nothing);
    g_test_add_func("/booking/durable", test_it_survives_the_platform);
    g_test_add_func("/booking/nothing-else", test_it_grants_nothing_else);
    g_test_add_func("/booking/seller", test_it_binds_while_the_seller_has_the_link);
    return g_test_run();
}
