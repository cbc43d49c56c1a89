// SPDX-License-Identifier: Apache-2.0
//
// What the platform counts of quotas: whole orders, in the period in which they were made. A key of
// 256 bits takes two slots of each border that it crosses, with its authentication: 512 bits.

#include "platform/agreement.h"
#include "tests/unit/federation-fixture.h"

#include <string.h>

#define DAY_US G_TIME_SPAN_DAY

// Two ways from a to d: over b, and over c; e is reached from d alone.
static const GraphLink links[] = {{"a-b", "a", "b", 900},
                                  {"b-d", "b", "d", 900},
                                  {"a-c", "a", "c", 900},
                                  {"c-d", "c", "d", 900},
                                  {"d-e", "d", "e", 900}};

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

static void limit(FederationFixture *fixture, const char *seller, guint64 quota_bits)
{
    Agreement *standing = agreement_standing_of(fixture->federation, provider(fixture, seller));
    standing->wire->terms->quota_bits = quota_bits;
    agreement_review(fixture->federation, NULL, standing->seller, NULL);
}

static guint64 left_of(const FederationFixture *fixture, const char *seller)
{
    return provider_right(provider(fixture, "a"), provider(fixture, seller)).left_bits;
}

static Request *request_new_to(FederationFixture *fixture, const char *targets, guint n_paths)
{
    g_hash_table_remove_all(fixture->federation->requests);
    return federation_fixture_request(fixture, targets, 1, n_paths);
}

static Status plan(FederationFixture *fixture, const char *targets, guint n_paths)
{
    return plan_make(fixture->federation, request_new_to(fixture, targets, n_paths), NULL);
}

// By way of whom a request of a user of a to one of d goes; or why it does not.
static void assert_way(FederationFixture *fixture, Status expected, const char *says)
{
    Request *request = request_new_to(fixture, "sae-d", 1);
    g_autofree char *why_not = NULL;
    g_assert_cmpint(plan_make(fixture->federation, request, &why_not), ==, expected);
    if (expected == STATUS_OK) {
        g_auto(GStrv) path = plan_path(request, 0);
        g_assert_cmpstr(path[1], ==, says);
    } else if (!strstr(why_not ? why_not : "", says)) {
        g_error("'%s' does not say '%s'", why_not, says);
    }
}

static void test_used_up(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    limit(fixture, "b", 1024);
    limit(fixture, "c", 512);
    assert_way(fixture, STATUS_OK, "b");
    assert_way(fixture, STATUS_OK, "b");
    assert_way(fixture, STATUS_OK, "c");
    assert_way(fixture, STATUS_QUOTA_USED, "0 bits are left of terms-1/a/b");
    federation_fixture_restart(fixture, NULL);
    const Agreement *with_b = agreement_find(fixture->federation, "terms-1/a/b");
    g_assert_cmpuint(with_b->used_bits, ==, 1024);
    g_assert_cmpuint(left_of(fixture, "b"), ==, 0);
    federation_tick(fixture->federation, FEDERATION_NOW + DAY_US);
    g_assert_cmpuint(left_of(fixture, "b"), ==, 1024);
}

// What each path leaves is not left for all of them together.
static void test_paths_are_one_order(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    limit(fixture, "d", 1023);
    g_assert_cmpint(plan(fixture, "sae-d", 2), ==, STATUS_QUOTA_USED);
    g_assert_cmpuint(left_of(fixture, "d"), ==, 1023);
    limit(fixture, "d", 1024);
    limit(fixture, "b", 512);
    g_assert_cmpint(plan(fixture, "sae-d", 2), ==, STATUS_OK);
    g_assert_cmpuint(left_of(fixture, "d"), ==, 0);
    g_assert_cmpuint(left_of(fixture, "b"), ==, 0);
}

// d delivers to its own user, and relays to that of e.
static void test_targets_are_one_order(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    limit(fixture, "d", 1023);
    g_assert_cmpint(plan(fixture, "sae-d,sae-e", 1), ==, STATUS_QUOTA_USED);
    g_assert_cmpuint(left_of(fixture, "d"), ==, 1023);
    limit(fixture, "d", 1024);
    g_assert_cmpint(plan(fixture, "sae-d,sae-e", 1), ==, STATUS_OK);
    g_assert_cmpuint(left_of(fixture, "d"), ==, 0);
}

static Request *ordered_to_d(FederationFixture *fixture)
{
    Request *request = request_new_to(fixture, "sae-d", 1);
    request->deadline_us = FEDERATION_NOW + 2 * DAY_US;
    request->state = REQUEST_ROUTED;
    attempt_start(fixture->federation, request);
    g_assert_cmpint(request->state, ==, REQUEST_ORDERED);
    return request;
}

static void void_attempt(FederationFixture *fixture, Request *request)
{
    request_release_attempt(fixture->federation, request, QKDNF__V1__DISPOSITION__DISPOSITION_VOID);
}

static void answer_release(FederationFixture *fixture, const char *agent, gboolean is_used)
{
    WireOutcome outcome = WIRE_OUTCOME_INIT;
    outcome.request = (char *)FEDERATION_UUID;
    outcome.stage = QKDNF__V1__OUTCOME_STAGE__OUTCOME_STAGE_RELEASE;
    outcome.status = QKDNF__V1__STATUS__STATUS_OK;
    outcome.is_used = is_used;
    request_on_outcome(fixture->federation, &(Sender){agent, ROLE_AGENT, 1}, &outcome);
}

// Of those who said nothing of it, what the next attempt may have is settled when they do.
static void test_what_comes_to_nothing(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    limit(fixture, "b", 1024);
    limit(fixture, "d", 1024);
    Request *request = ordered_to_d(fixture);
    ((Part *)request->parts->pdata[1])->is_answered = TRUE;
    g_assert_cmpuint(left_of(fixture, "b"), ==, 512);
    void_attempt(fixture, request);
    g_assert_cmpuint(left_of(fixture, "b"), ==, 512);
    g_assert_cmpuint(left_of(fixture, "d"), ==, 1024);
    answer_release(fixture, "b", TRUE);
    g_assert_cmpuint(left_of(fixture, "b"), ==, 512);
    answer_release(fixture, "d", TRUE);
    answer_release(fixture, "d", TRUE);
    g_assert_cmpuint(left_of(fixture, "d"), ==, 512);
}

static void test_not_used(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    limit(fixture, "d", 1024);
    void_attempt(fixture, ordered_to_d(fixture));
    answer_release(fixture, "d", FALSE);
    g_assert_cmpuint(left_of(fixture, "d"), ==, 1024);
    answer_release(fixture, "d", TRUE);
    g_assert_cmpuint(left_of(fixture, "d"), ==, 1024);
}

static void test_used_after_a_restart(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    limit(fixture, "d", 1024);
    agreement_single_out(fixture->federation, provider(fixture, "a"), provider(fixture, "d"));
    Request *request = ordered_to_d(fixture);
    void_attempt(fixture, request);
    request_save(fixture->federation, request);
    federation_fixture_restart(fixture, NULL);
    fixture->federation->now = FEDERATION_NOW;
    g_assert_cmpuint(left_of(fixture, "d"), ==, 1024);
    answer_release(fixture, "d", TRUE);
    g_assert_cmpuint(left_of(fixture, "d"), ==, 512);
    // Once, however often it says so, in whichever life.
    federation_fixture_restart(fixture, NULL);
    fixture->federation->now = FEDERATION_NOW;
    answer_release(fixture, "d", TRUE);
    g_assert_cmpuint(left_of(fixture, "d"), ==, 512);
}

static gboolean is_due(const FederationFixture *fixture, TimerId timer, const char *id)
{
    gboolean is = FALSE;
    guint what;
    char *of;
    while (timers_pop(fixture->federation->timers, fixture->federation->now, &what, &of)) {
        is |= what == timer && strcmp(of, id) == 0;
        g_free(of);
    }
    return is;
}

// Nothing else was counted in that period: its end is waited for all the same.
static void test_used_after_all_ends_with_its_period(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    limit(fixture, "d", 512);
    void_attempt(fixture, ordered_to_d(fixture));
    federation_tick(fixture->federation, FEDERATION_NOW + 1);
    g_assert_false(is_due(fixture, TIMER_TERM, "terms-1/a/d"));
    answer_release(fixture, "d", TRUE);
    g_assert_cmpuint(left_of(fixture, "d"), ==, 0);
    g_assert_true(is_due(fixture, TIMER_TERM, "terms-1/a/d"));
}

// It counts where it was made, however late it is known what became of it.
static void test_the_period_turns(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    limit(fixture, "d", 1024);
    Request *request = ordered_to_d(fixture);
    const Part *d = request->parts->pdata[2];
    const Agreement *with_d = agreement_find(fixture->federation, "terms-1/a/d");
    g_assert_cmpuint(d->order->period, ==, agreement_period(with_d->wire->terms, FEDERATION_NOW));
    fixture->federation->now += DAY_US;
    agreement_use(fixture->federation, provider(fixture, "a"), provider(fixture, "d"), 256);
    g_assert_cmpuint(left_of(fixture, "d"), ==, 768);
    void_attempt(fixture, request);
    g_assert_cmpuint(left_of(fixture, "d"), ==, 768);
    answer_release(fixture, "d", TRUE);
    g_assert_cmpuint(left_of(fixture, "d"), ==, 768);
}

// Without a quota there is nothing to count.
static void test_no_quota(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    const Request *request = ordered_to_d(fixture);
    for (guint i = 0; i < request->parts->len; i++)
        g_assert_cmpuint(((Part *)request->parts->pdata[i])->order->period, ==, 0);
}

// One that is longer than all time since 1970 is one, too.
static void test_periods_have_numbers(void)
{
    WireAgreementTerms terms = WIRE_AGREEMENT_TERMS_INIT;
    g_assert_cmpuint(agreement_period(&terms, FEDERATION_NOW), ==, 0);
    terms.quota_bits = 1;
    terms.period_s = G_MAXUINT32;
    g_assert_cmpuint(agreement_period(&terms, FEDERATION_NOW), ==, 1);
    terms.period_s = 10;
    g_assert_cmpuint(agreement_period(&terms, 10 * G_TIME_SPAN_SECOND - 1), ==, 1);
    g_assert_cmpuint(agreement_period(&terms, 10 * G_TIME_SPAN_SECOND), ==, 2);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/quota/used-up", test_used_up);
    g_test_add_func("/quota/paths-are-one-order", test_paths_are_one_order);
    g_test_add_func("/quota/targets-are-one-order", test_targets_are_one_order);
    g_test_add_func("/quota/what-comes-to-nothing", test_what_comes_to_nothing);
    g_test_add_func("/quota/not-used", test_not_used);
    g_test_add_func("/quota/used-after-a-restart", test_used_after_a_restart);
    g_test_add_func("/quota/used-after-all-ends", test_used_after_all_ends_with_its_period);
    g_test_add_func("/quota/the-period-turns", test_the_period_turns);
    g_test_add_func("/quota/no-quota", test_no_quota);
    g_test_add_func("/quota/periods-have-numbers", test_periods_have_numbers);
    return g_test_run();
}
