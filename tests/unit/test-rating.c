// SPDX-License-Identifier: Apache-2.0
//
// How providers are rated: what is counted in a window, what that means, whose doing it was that an
// order failed, and what follows.

#include "platform/rating.h"

#include "platform/member.h"
#include "tests/unit/federation-fixture.h"

#include <string.h>

#define SECOND_US ((gint64)G_USEC_PER_SEC)
#define NOW_US    FEDERATION_NOW
#define WINDOW_US (1200 * SECOND_US)
#define SLOT_US   (WINDOW_US / 12)
#define AIM_US    (1 * SECOND_US)

static WireRating measured(const Rating *rating)
{
    WireRating wire = WIRE_RATING_INIT;
    rating_measure(rating, AIM_US, &wire);
    return wire;
}

static void count(Rating *rating, guint n, RatingOrder order)
{
    for (guint i = 0; i < n; i++)
        rating_count_order(rating, NOW_US, &order);
}

// --- measures ------------------------------------------------------------------------------------

static void test_delay_classes(void)
{
    guint last = 0;
    for (gint64 us = 0; us < 200 * SECOND_US; us += 1 + us / 100) {
        guint class = rating_delay_class(us);
        g_assert_cmpuint(class, >=, last);
        g_assert_cmpuint(class, <, RATING_DELAYS);
        if (class + 1 < RATING_DELAYS)
            g_assert_cmpuint(rating_delay_of_class(class), >, us);
        if (class > 0 && class + 1 < RATING_DELAYS)
            g_assert_cmpuint(rating_delay_of_class(class), <=, us + us / 4 + 1);
        last = class;
    }
    g_assert_cmpuint(last, ==, RATING_DELAYS - 1);
    g_assert_cmpuint(rating_delay_class(0), ==, 0);
    g_assert_cmpuint(rating_delay_class(G_MAXINT64), ==, RATING_DELAYS - 1);
}

static void test_nothing_is_known(void)
{
    g_autoptr(Rating) rating = rating_new(NOW_US, WINDOW_US);
    WireRating wire = measured(rating);
    g_assert_cmpuint(wire.score, ==, RATING_BEST);
    g_assert_cmpuint(wire.orders, ==, 0);
    g_assert_cmpuint(wire.delay_p95_us, ==, 0);
    g_assert_false(rating_take_news(rating));
}

static void test_delays(void)
{
    g_autoptr(Rating) rating = rating_new(NOW_US, WINDOW_US);
    count(rating, 90, (RatingOrder){.bits = 256, .delay_us = 10000});
    count(rating, 10, (RatingOrder){.bits = 256, .delay_us = 4 * SECOND_US});
    count(rating, 5, (RatingOrder){.bits = 256, .delay_us = -1});
    WireRating wire = measured(rating);
    g_assert_cmpuint(wire.orders, ==, 105);
    g_assert_cmpuint(wire.delays, ==, 100);
    g_assert_cmpuint(wire.delay_p50_us, ==, 10240);
    g_assert_cmpuint(wire.delay_p95_us, ==, 4194304);
    g_assert_cmpuint(wire.delay_variation_us, ==, 4194304 - 10240);
    // However late, it is half at least; here a quarter of the aim would be less.
    g_assert_cmpuint(wire.delay_part, ==, 500);
    g_assert_cmpuint(wire.score, ==, 500);
}

static void test_loss_and_error(void)
{
    g_autoptr(Rating) rating = rating_new(NOW_US, WINDOW_US);
    count(rating, 60, (RatingOrder){.bits = 256, .delay_us = 1000});
    count(rating, 10, (RatingOrder){.bits = 256, .lost_milli = RATING_WHOLE, .delay_us = -1});
    count(rating, 10, (RatingOrder){.bits = 256, .wrong_milli = RATING_WHOLE / 2, .delay_us = -1});
    WireRating wire = measured(rating);
    g_assert_cmpuint(wire.loss_ppm, ==, 125000);
    g_assert_cmpuint(wire.error_ppm, ==, 62500);
    g_assert_cmpuint(wire.promised_bits, ==, 80 * 256);
    g_assert_cmpuint(wire.delivered_bits, ==, 65 * 256);
    // 85 of 100 with what everybody begins with.
    g_assert_cmpuint(wire.delivery_part, ==, 850);
    g_assert_cmpuint(wire.throughput_part, ==, 850);
    g_assert_cmpuint(wire.score, ==, 722);
}

static void test_disputes(void)
{
    g_autoptr(Rating) rating = rating_new(NOW_US, WINDOW_US);
    for (guint i = 0; i < 20; i++)
        rating_count_record(rating, NOW_US, i < 10 ? RATING_WHOLE : 0);
    WireRating wire = measured(rating);
    g_assert_cmpuint(wire.records, ==, 20);
    g_assert_cmpuint(wire.disputed_ppm, ==, 500000);
    g_assert_cmpuint(wire.accounts_part, ==, 750);
    g_assert_cmpuint(wire.score, ==, 750);
}

static void test_availability(void)
{
    g_autoptr(Rating) rating = rating_new(NOW_US, 36 * 3600 * SECOND_US);
    gint64 hour_us = 3600 * SECOND_US;
    rating_set_presence(rating, NOW_US, RATING_UP);
    rating_set_presence(rating, NOW_US + hour_us, RATING_DOWN);
    // It is one outage, however often that is said.
    rating_set_presence(rating, NOW_US + hour_us + 5, RATING_DOWN);
    rating_set_presence(rating, NOW_US + 2 * hour_us, RATING_UP);
    rating_set_presence(rating, NOW_US + 3 * hour_us, RATING_DOWN);
    rating_set_presence(rating, NOW_US + 3 * hour_us + hour_us / 2, RATING_UP);
    // What the platform does not know is neither.
    rating_set_presence(rating, NOW_US + 4 * hour_us, RATING_UNKNOWN);
    rating_advance(rating, NOW_US + 9 * hour_us);
    WireRating wire = measured(rating);
    g_assert_cmpuint(wire.observed_us, ==, 4 * hour_us);
    g_assert_cmpuint(wire.down_us, ==, hour_us + hour_us / 2);
    g_assert_cmpuint(wire.outages, ==, 2);
    g_assert_cmpuint(wire.restoration_us, ==, hour_us / 4 * 3);
    g_assert_cmpuint(wire.longest_us, ==, hour_us);
    g_assert_cmpuint(wire.availability_part, ==, 700);
}

// --- the window ----------------------------------------------------------------------------------

static void test_window_moves_on(void)
{
    g_autoptr(Rating) rating = rating_new(NOW_US, WINDOW_US);
    RatingOrder lost = {.bits = 256, .lost_milli = RATING_WHOLE, .delay_us = -1};
    for (guint i = 0; i < 12; i++)
        rating_count_order(rating, NOW_US + i * SLOT_US, &lost);
    g_assert_cmpuint(measured(rating).orders, ==, 12);
    rating_advance(rating, NOW_US + 12 * SLOT_US);
    g_assert_cmpuint(measured(rating).orders, ==, 11);
    rating_advance(rating, NOW_US + 100 * SLOT_US);
    WireRating wire = measured(rating);
    g_assert_cmpuint(wire.orders, ==, 0);
    g_assert_cmpuint(wire.score, ==, RATING_BEST);
}

// What is counted then goes into the slot that ran; no time passes, and none is taken back.
static void test_clock_set_back(void)
{
    g_autoptr(Rating) rating = rating_new(NOW_US, WINDOW_US);
    RatingOrder good = {.bits = 256, .delay_us = 10};
    rating_set_presence(rating, NOW_US, RATING_UP);
    rating_advance(rating, NOW_US + SLOT_US);
    rating_advance(rating, NOW_US - 100 * SLOT_US);
    rating_count_order(rating, NOW_US - 100 * SLOT_US, &good);
    rating_set_presence(rating, NOW_US - 99 * SLOT_US, RATING_DOWN);
    rating_set_presence(rating, NOW_US - 101 * SLOT_US, RATING_UP);
    WireRating wire = measured(rating);
    g_assert_cmpuint(wire.orders, ==, 1);
    g_assert_cmpuint(wire.observed_us, ==, 2 * SLOT_US);
    g_assert_cmpuint(wire.down_us, ==, 0);
    g_assert_cmpuint(wire.longest_us, ==, 0);
}

static void test_store(void)
{
    g_autoptr(Rating) rating = rating_new(NOW_US, WINDOW_US);
    count(rating, 40, (RatingOrder){.bits = 256, .lost_milli = 500, .delay_us = 3000});
    rating_set_presence(rating, NOW_US, RATING_UP);
    rating_set_presence(rating, NOW_US + SLOT_US, RATING_DOWN);
    Platform__State__Rating state = PLATFORM__STATE__RATING__INIT;
    rating_save(rating, &state);
    gint64 later_us = NOW_US + 2 * SLOT_US;
    g_autoptr(Rating) loaded = rating_load(&state, later_us, WINDOW_US);
    g_assert_nonnull(loaded);
    WireRating wire = measured(loaded);
    g_assert_cmpuint(wire.orders, ==, 40);
    g_assert_cmpuint(wire.loss_ppm, ==, 500000);
    g_assert_cmpuint(wire.delays, ==, 40);
    g_assert_cmpuint(wire.observed_us, ==, SLOT_US);
    // It was gone meanwhile, as far as anybody knows.
    rating_set_presence(loaded, later_us + SLOT_US, RATING_UP);
    g_assert_cmpuint(measured(loaded).longest_us, ==, 2 * SLOT_US);
}

static void test_damaged_store(void)
{
    g_autoptr(Rating) rating = rating_new(NOW_US, WINDOW_US);
    rating_advance(rating, NOW_US + SLOT_US);
    Platform__State__Rating state = PLATFORM__STATE__RATING__INIT;
    g_assert_null(rating_load(&state, NOW_US, WINDOW_US));
    rating_save(rating, &state);
    g_assert_cmpuint(state.n_slots, ==, 2);
    state.slots[1]->n_delays--;
    g_assert_null(rating_load(&state, NOW_US, WINDOW_US));
    state.slots[1]->n_delays++;
    state.slots[1]->start_us = state.slots[0]->start_us;
    g_assert_null(rating_load(&state, NOW_US, WINDOW_US));
}

// --- what follows --------------------------------------------------------------------------------

static void test_hysteresis(void)
{
    g_assert_cmpuint(rating_follow(1000, 951), ==, 1000);
    g_assert_cmpuint(rating_follow(1000, 950), ==, 950);
    g_assert_cmpuint(rating_follow(950, 999), ==, 950);
    g_assert_cmpuint(rating_follow(951, 1000), ==, 1000);
    g_assert_cmpuint(rating_follow(500, 550), ==, 550);
    g_assert_false(rating_is_low(FALSE, 500, 500));
    g_assert_true(rating_is_low(FALSE, 499, 500));
    g_assert_true(rating_is_low(TRUE, 549, 500));
    g_assert_false(rating_is_low(TRUE, 550, 500));
    g_assert_false(rating_is_low(TRUE, 1000, 1000));
    g_assert_false(rating_is_low(FALSE, 0, 0));
}

// a - b - d and a - c - d
static const GraphLink links[] = {{"a-b", "a", "b", 9000},
                                  {"b-d", "b", "d", 9000},
                                  {"a-c", "a", "c", 9000},
                                  {"c-d", "c", "d", 9000}};

static FederationFixture *fixture_new(void)
{
    FederationFixture *fixture = federation_fixture_new(links, G_N_ELEMENTS(links));
    fixture->federation->started_us = 0;
    return fixture;
}

static WireRating rating_of(FederationFixture *fixture, const char *provider)
{
    Federation *federation = fixture->federation;
    WireRating found = WIRE_RATING_INIT;
    g_assert_true(ratings_find(federation, provider, &found));
    return found;
}

static Request *ask(FederationFixture *fixture)
{
    Request *request = federation_fixture_request(fixture, "sae-d", 2, 1);
    request->deadline_us = fixture->federation->now + 60 * SECOND_US;
    request_enter(fixture->federation, request, REQUEST_ROUTED);
    attempt_start(fixture->federation, request);
    g_assert_cmpint(request->state, ==, REQUEST_ORDERED);
    return request;
}

static void answer(FederationFixture *fixture, const Request *request, const char *agent,
                   Status status)
{
    WireOutcome outcome = WIRE_OUTCOME_INIT;
    outcome.request = request->id;
    outcome.attempt = request->attempt;
    outcome.stage = QKDNF__V1__OUTCOME_STAGE__OUTCOME_STAGE_ORDER;
    outcome.status = (Qkdnf__V1__Status)status;
    request_on_outcome(fixture->federation, &(Sender){agent, ROLE_AGENT, 1}, &outcome);
}

// Who is on the way.
static const char *transit_of(const Request *request)
{
    for (guint i = 0; i < request->parts->len; i++) {
        const char *agent = ((const Part *)request->parts->pdata[i])->agent;
        if (strcmp(agent, "b") == 0 || strcmp(agent, "c") == 0)
            return agent;
    }
    g_assert_not_reached();
}

static void test_granted(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    Request *request = ask(fixture);
    g_autofree char *transit = g_strdup(transit_of(request));
    answer(fixture, request, "a", STATUS_OK);
    // What it has done counts once all others confirm that, not before.
    WireRating none = WIRE_RATING_INIT;
    g_assert_false(ratings_find(fixture->federation, "a", &none));
    fixture->federation->now += 20000;
    answer(fixture, request, transit, STATUS_OK);
    fixture->federation->now += 1000;
    answer(fixture, request, "d", STATUS_OK);
    g_assert_cmpint(request->state, ==, REQUEST_GRANTED);
    g_assert_cmpuint(rating_of(fixture, "a").delay_p50_us, ==, rating_delay_of_class(0));
    g_assert_cmpuint(rating_of(fixture, transit).delay_p50_us, ==,
                     rating_delay_of_class(rating_delay_class(20000)));
    // The target is not blamed for the time that it had to wait for the others.
    g_assert_cmpuint(rating_of(fixture, "d").delay_p50_us, ==,
                     rating_delay_of_class(rating_delay_class(1000)));
    g_assert_cmpuint(rating_of(fixture, "d").delivered_bits, ==, 512);
}

static void test_refused(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    Request *request = ask(fixture);
    g_autofree char *transit = g_strdup(transit_of(request));
    answer(fixture, request, transit, STATUS_NOT_ALLOWED);
    WireRating rating = rating_of(fixture, transit), none = WIRE_RATING_INIT;
    g_assert_cmpuint(rating.orders, ==, 1);
    g_assert_cmpuint(rating.loss_ppm, ==, 1000000);
    g_assert_cmpuint(rating.delivered_bits, ==, 0);
    g_assert_false(ratings_find(fixture->federation, "a", &none));
    g_assert_false(ratings_find(fixture->federation, "d", &none));
}

// A target whose store is full of what nobody fetches has done nothing wrong; a transit has no
// store.
static void test_busy(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    Request *request = ask(fixture);
    answer(fixture, request, "d", STATUS_BUSY);
    WireRating none = WIRE_RATING_INIT;
    g_assert_false(ratings_find(fixture->federation, "d", &none));
    g_autoptr(FederationFixture) other = fixture_new();
    request = ask(other);
    g_autofree char *transit = g_strdup(transit_of(request));
    answer(other, request, transit, STATUS_BUSY);
    g_assert_cmpuint(rating_of(other, transit).loss_ppm, ==, 1000000);
}

// Each of the three may have changed it, also the target that says so.
static void test_wrong_key(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    Request *request = ask(fixture);
    g_autofree char *transit = g_strdup(transit_of(request));
    answer(fixture, request, "d", STATUS_TAG_MISMATCH);
    const char *suspects[] = {"a", transit, "d"};
    for (gsize i = 0; i < G_N_ELEMENTS(suspects); i++) {
        g_assert_cmpuint(rating_of(fixture, suspects[i]).error_ppm, ==, 333000);
        g_assert_cmpuint(rating_of(fixture, suspects[i]).loss_ppm, ==, 0);
    }
    WireRating none = WIRE_RATING_INIT;
    g_assert_false(ratings_find(fixture->federation, strcmp(transit, "b") == 0 ? "c" : "b", &none));
}

// It is nobody's business but the target's and those on the way to say that a key is wrong.
static void test_wrong_key_said_by_transit(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    Request *request = ask(fixture);
    g_autofree char *transit = g_strdup(transit_of(request));
    answer(fixture, request, transit, STATUS_TAG_MISMATCH);
    g_assert_cmpuint(rating_of(fixture, transit).loss_ppm, ==, 1000000);
    WireRating none = WIRE_RATING_INIT;
    g_assert_false(ratings_find(fixture->federation, "a", &none));
}

static void let_time_out(FederationFixture *fixture, const Request *request)
{
    fixture->federation->now += 3 * SECOND_US;
    request_on_timer(fixture->federation, TIMER_ATTEMPT, request->id);
}

// Who waits for somebody that is silent has done nothing.
static void test_silent_transit(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    Request *request = ask(fixture);
    g_autofree char *transit = g_strdup(transit_of(request));
    answer(fixture, request, "a", STATUS_OK);
    let_time_out(fixture, request);
    WireRating none = WIRE_RATING_INIT;
    g_assert_cmpuint(rating_of(fixture, transit).loss_ppm, ==, 1000000);
    g_assert_false(ratings_find(fixture->federation, "a", &none));
    g_assert_false(ratings_find(fixture->federation, "d", &none));
}

// All others say that they have done their part: one of them, or the target, has not.
static void test_silent_target(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    Request *request = ask(fixture);
    g_autofree char *transit = g_strdup(transit_of(request));
    answer(fixture, request, "a", STATUS_OK);
    answer(fixture, request, transit, STATUS_OK);
    let_time_out(fixture, request);
    g_assert_cmpuint(rating_of(fixture, "a").loss_ppm, ==, 333000);
    g_assert_cmpuint(rating_of(fixture, transit).loss_ppm, ==, 333000);
    g_assert_cmpuint(rating_of(fixture, "d").loss_ppm, ==, 333000);
}

static void test_impatient_application(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    Request *request = ask(fixture);
    g_autofree char *transit = g_strdup(transit_of(request));
    WireRating none = WIRE_RATING_INIT;
    fixture->federation->now += 10;
    request->deadline_us = fixture->federation->now;
    request_on_timer(fixture->federation, TIMER_ATTEMPT, request->id);
    g_assert_cmpint(request->state, ==, REQUEST_EXPIRED);
    g_assert_false(ratings_find(fixture->federation, transit, &none));
}

// --- floor, costs, restart -----------------------------------------------------------------------

static void lose_orders(FederationFixture *fixture, const char *provider, guint n)
{
    RatingOrder lost = {.bits = 256, .lost_milli = RATING_WHOLE, .delay_us = -1};
    for (guint i = 0; i < n; i++)
        ratings_count_order(fixture->federation, provider, &lost);
}

static guint cost_of(FederationFixture *fixture, const char *provider)
{
    return topology_find(fixture->federation->topology, provider)->rating_cost;
}

static guint64 n_said(FederationFixture *fixture, KindId kind)
{
    return outbox_n_added(fixture->federation->outbox, kind);
}

static void test_costs_follow(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    lose_orders(fixture, "b", 4);
    g_assert_cmpuint(cost_of(fixture, "b"), ==, 0);
    ratings_on_timer(fixture->federation);
    guint score = rating_of(fixture, "b").score;
    g_assert_cmpuint(score, ==, 693);
    g_assert_cmpuint(rating_of(fixture, "b").routed, ==, score);
    g_assert_cmpuint(cost_of(fixture, "b"), ==, (RATING_BEST - score) * 3);
    g_assert_cmpuint(n_said(fixture, KIND_RATING), ==, 1);
    // Nothing new, nothing said; a little more, and the paths stay.
    ratings_on_timer(fixture->federation);
    g_assert_cmpuint(n_said(fixture, KIND_RATING), ==, 1);
    ratings_count_order(fixture->federation, "b", &(RatingOrder){.bits = 256, .delay_us = 10});
    ratings_on_timer(fixture->federation);
    g_assert_cmpuint(n_said(fixture, KIND_RATING), ==, 2);
    g_assert_cmpuint(rating_of(fixture, "b").score, >, score);
    g_assert_cmpuint(rating_of(fixture, "b").routed, ==, score);
    // And the paths go elsewhere.
    Request *request = ask(fixture);
    g_assert_cmpstr(transit_of(request), ==, "c");
}

static void test_floor(gconstpointer suspends)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    Federation *federation = fixture->federation;
    fixture->config.rating.suspend = GPOINTER_TO_INT(suspends);
    lose_orders(fixture, "b", 20);
    ratings_on_timer(federation);
    g_assert_true(rating_of(fixture, "b").low);
    g_assert_nonnull(g_tree_lookup(federation->alarms, "rating.low"));
    g_assert_cmpint(member_state(federation, "b"), ==,
                    suspends ? MEMBER(SUSPENDED) : MEMBER(ACTIVE));
    if (!suspends)
        return;
    // Whom an operator lets in again stays in.
    member_enter(federation, member_find(federation, "b"),
                 &(MemberChange){MEMBER(ACTIVE), "op", "resume", ""});
    lose_orders(fixture, "b", 20);
    ratings_on_timer(federation);
    g_assert_cmpint(member_state(federation, "b"), ==, MEMBER(ACTIVE));
}

static void test_restart(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    lose_orders(fixture, "b", 4);
    ratings_on_timer(fixture->federation);
    WireRating before = rating_of(fixture, "b");
    g_autoptr(GError) error = NULL;
    federation_fixture_restart(fixture, &error);
    g_assert_no_error(error);
    WireRating after = rating_of(fixture, "b");
    g_assert_cmpuint(after.score, ==, before.score);
    g_assert_cmpuint(after.routed, ==, before.routed);
    g_assert_cmpuint(cost_of(fixture, "b"), ==, (RATING_BEST - before.routed) * 3);
    // What is retained may be lost.
    ratings_on_timer(fixture->federation);
    g_assert_cmpuint(n_said(fixture, KIND_RATING), ==, 1);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/rating/delay-classes", test_delay_classes);
    g_test_add_func("/rating/nothing-is-known", test_nothing_is_known);
    g_test_add_func("/rating/delays", test_delays);
    g_test_add_func("/rating/loss-and-error", test_loss_and_error);
    g_test_add_func("/rating/disputes", test_disputes);
    g_test_add_func("/rating/availability", test_availability);
    g_test_add_func("/rating/window-moves-on", test_window_moves_on);
    g_test_add_func("/rating/clock-set-back", test_clock_set_back);
    g_test_add_func("/rating/store", test_store);
    g_test_add_func("/rating/damaged-store", test_damaged_store);
    g_test_add_func("/rating/hysteresis", test_hysteresis);
    g_test_add_func("/rating/granted", test_granted);
    g_test_add_func("/rating/refused", test_refused);
    g_test_add_func("/rating/busy", test_busy);
    g_test_add_func("/rating/wrong-key", test_wrong_key);
    g_test_add_func("/rating/wrong-key-said-by-transit", test_wrong_key_said_by_transit);
    g_test_add_func("/rating/silent-transit", test_silent_transit);
    g_test_add_func("/rating/silent-target", test_silent_target);
    g_test_add_func("/rating/impatient-application", test_impatient_application);
    g_test_add_func("/rating/costs-follow", test_costs_follow);
    g_test_add_data_func("/rating/floor", GINT_TO_POINTER(FALSE), test_floor);
    g_test_add_data_func("/rating/floor-suspends", GINT_TO_POINTER(TRUE), test_floor);
    g_test_add_func("/rating/restart", test_restart);
    return g_test_run();
}
