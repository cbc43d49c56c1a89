// SPDX-License-Identifier: Apache-2.0

#include "platform/fault.h"
#include "tests/unit/federation-fixture.h"
#include "tests/unit/published.h"

#include <string.h>

#define BORDER   QKDNF__V1__FAULT_SCOPE__FAULT_SCOPE_BORDER
#define PROVIDER QKDNF__V1__FAULT_SCOPE__FAULT_SCOPE_PROVIDER
#define NODE     QKDNF__V1__FAULT_SCOPE__FAULT_SCOPE_NODE

// d has nothing to do with a.
static const GraphLink links[] = {
    {"a-b", "a", "b", 100}, {"b-c", "b", "c", 100}, {"c-d", "c", "d", 100}};

static FederationFixture *fixture_new(void)
{
    FederationFixture *fixture = federation_fixture_new(links, G_N_ELEMENTS(links));
    fixture->config.hold_down_ms = 5000;
    for (const char *id = "a\0b\0c\0d\0"; *id; id += 2) {
        WireApply application = WIRE_APPLY_INIT;
        member_find(fixture->federation, id)->application = message_copy(&application.base);
    }
    return fixture;
}

static void set_policy(FederationFixture *fixture, const char *member,
                       Qkdnf__V1__NoticePolicy notices)
{
    member_find(fixture->federation, member)->application->notices = notices;
}

static void report(FederationFixture *fixture, const char *id, Qkdnf__V1__FaultScope scope,
                   const char *subject, gboolean cleared)
{
    WireFault fault = WIRE_FAULT_INIT;
    fault.id = (char *)id;
    fault.scope = scope;
    fault.subject = (char *)subject;
    fault.cause = (char *)"no light";
    fault.cleared = cleared;
    fault_on_fault(fixture->federation, &(Sender){"a", ROLE_AGENT, 7}, &fault);
}

static const WireFaultInfo *find(const FederationFixture *fixture, const char *key)
{
    const Fault *fault = g_tree_lookup(fixture->federation->faults, key);
    return fault ? fault->info : NULL;
}

// "kind receiver or event; " of all that is said, in the order of the topics.
static void note(gpointer data, const Publish *publish)
{
    Topic topic;
    g_autoptr(Frame) frame = published_frame(publish, &topic);
    for (gsize i = 0; i < frame->n_messages; i++) {
        gconstpointer message = frame->messages[i];
        if (topic.kind == KIND_EVENT)
            g_string_append_printf(data, "%s; ", ((const WireEvent *)message)->name);
        else if (topic.kind == KIND_NOTICE)
            g_string_append_printf(data, "%s %s; ",
                                   ((const WireNotice *)message)->cleared ? "end" : "notice",
                                   topic.to);
    }
}

static void assert_said(FederationFixture *fixture, const char *expected)
{
    g_autoptr(GString) said = g_string_new(NULL);
    outbox_flush(federation_outbox(fixture->federation), FEDERATION_NOW, note, said);
    g_assert_cmpstr(said->str, ==, expected);
}

static void test_beginning_and_end(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    report(fixture, "1", BORDER, "a-b", FALSE);
    assert_said(fixture, "fault.reported; notice b; ");
    report(fixture, "1", BORDER, "a-b", FALSE);
    assert_said(fixture, "");
    const WireFaultInfo *info = find(fixture, "a 1");
    g_assert_cmpstr(info->cause, ==, "no light");
    g_assert_cmpuint(info->since_us, ==, FEDERATION_NOW);
    g_assert_cmpuint(info->cleared_at_us, ==, 0);
    fixture->federation->now += G_TIME_SPAN_SECOND;
    report(fixture, "1", BORDER, "a-b", TRUE);
    assert_said(fixture, "fault.cleared; end b; ");
    g_assert_cmpuint(info->cleared_at_us, ==, FEDERATION_NOW + G_TIME_SPAN_SECOND);
    g_assert_cmpuint(info->held_until_us, ==, FEDERATION_NOW + 6 * G_TIME_SPAN_SECOND);
    report(fixture, "1", BORDER, "a-b", TRUE);
    report(fixture, "2", BORDER, "a-b", TRUE);
    assert_said(fixture, "");
    // It is kept for a while, and then forgotten.
    federation_tick(fixture->federation, FEDERATION_NOW + G_TIME_SPAN_HOUR);
    g_assert_nonnull(find(fixture, "a 1"));
    federation_tick(fixture->federation, FEDERATION_NOW + G_TIME_SPAN_HOUR + G_TIME_SPAN_SECOND);
    g_assert_null(find(fixture, "a 1"));
}

static void test_again(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    report(fixture, "1", BORDER, "a-b", FALSE);
    report(fixture, "1", BORDER, "a-b", TRUE);
    fixture->federation->now += G_TIME_SPAN_SECOND;
    report(fixture, "1", BORDER, "a-b", FALSE);
    g_assert_cmpuint(find(fixture, "a 1")->cleared_at_us, ==, 0);
    g_assert_cmpuint(find(fixture, "a 1")->since_us, ==, FEDERATION_NOW + G_TIME_SPAN_SECOND);
    // What was to forget the first does not forget this one.
    federation_tick(fixture->federation, FEDERATION_NOW + 2 * G_TIME_SPAN_HOUR);
    g_assert_nonnull(find(fixture, "a 1"));
}

static void test_who_is_told(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    set_policy(fixture, "b", QKDNF__V1__NOTICE_POLICY__NOTICE_POLICY_NONE);
    set_policy(fixture, "c", QKDNF__V1__NOTICE_POLICY__NOTICE_POLICY_OWN);
    set_policy(fixture, "d", QKDNF__V1__NOTICE_POLICY__NOTICE_POLICY_ALL);
    report(fixture, "1", BORDER, "a-b", FALSE);
    assert_said(fixture, "fault.reported; notice d; ");
    member_find(fixture->federation, "d")->state = MEMBER(SUSPENDED);
    report(fixture, "2", BORDER, "a-b", FALSE);
    assert_said(fixture, "fault.reported; ");
    // What is inside another's network concerns nobody, a whole neighbour does.
    set_policy(fixture, "b", QKDNF__V1__NOTICE_POLICY__NOTICE_POLICY_OWN);
    report(fixture, "3", NODE, "", FALSE);
    assert_said(fixture, "fault.reported; ");
    report(fixture, "4", PROVIDER, "", FALSE);
    assert_said(fixture, "fault.reported; notice b; ");
    // Who is there again is told again what it was told.
    notice_repeat(fixture->federation, "b");
    assert_said(fixture, "notice b; ");
}

// Whoever has key on its way together with it is concerned as well.
static void test_transit(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    Request *request = federation_fixture_request(fixture, "sae-c", 1, 1);
    fixture->federation->now = FEDERATION_NOW;
    request->deadline_us = FEDERATION_NOW + 10 * G_TIME_SPAN_SECOND;
    request_enter(fixture->federation, request, REQUEST_ROUTED);
    attempt_start(fixture->federation, request);
    g_assert_cmpint(request->state, ==, REQUEST_ORDERED);
    assert_said(fixture, "");
    report(fixture, "1", NODE, "", FALSE);
    assert_said(fixture, "fault.reported; notice b; notice c; ");
}

static void test_bad_reports(void)
{
    g_autofree char *long_id = g_strnfill(65, 'x');
    g_autoptr(FederationFixture) fixture = fixture_new();
    report(fixture, "", BORDER, "a-b", FALSE);
    report(fixture, long_id, BORDER, "a-b", FALSE);
    report(fixture, FAULT_PRESENCE, BORDER, "a-b", FALSE);
    report(fixture, "1", BORDER, "A B", FALSE);
    report(fixture, "1", (Qkdnf__V1__FaultScope)9, "a-b", FALSE);
    g_assert_cmpint(g_tree_nnodes(fixture->federation->faults), ==, 0);
    assert_said(fixture, "");
}

static void test_reports_are_bounded(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    report(fixture, "cleared", BORDER, "a-b", FALSE);
    report(fixture, "cleared", BORDER, "a-b", TRUE);
    for (guint i = 0; i < 150; i++) {
        g_autofree char *id = g_strdup_printf("f%03u", i);
        report(fixture, id, BORDER, "a-b", FALSE);
    }
    g_assert_cmpint(g_tree_nnodes(fixture->federation->faults), ==, 100);
    // What goes on stays.
    g_assert_nonnull(find(fixture, "a f099"));
    g_assert_null(find(fixture, "a f100"));
    g_assert_null(find(fixture, "a cleared"));
}

static void test_what_the_platform_notices(void)
{
    g_autoptr(FederationFixture) fixture = fixture_new();
    fault_on_order(fixture->federation, "b", STATUS_OK);
    fault_on_order(fixture->federation, "b", STATUS_INSUFFICIENT_KEY);
    assert_said(fixture, "");
    fault_on_order(fixture->federation, "b", STATUS_EXPIRED);
    fault_on_order(fixture->federation, "b", STATUS_QKDN_FAILED);
    assert_said(fixture, "fault.reported; notice a; notice c; ");
    g_assert_cmpstr(find(fixture, "b " FAULT_ORDERS)->cause, ==,
                    "an order was not answered in time");
    fault_on_silence(fixture->federation, "b", "silence");
    fault_on_order(fixture->federation, "b", STATUS_OK);
    g_assert_cmpuint(find(fixture, "b " FAULT_ORDERS)->cleared_at_us, >, 0);
    g_assert_cmpuint(find(fixture, "b " FAULT_PRESENCE)->cleared_at_us, ==, 0);
    // A new life of it ends what it reported, not what is noticed.
    report(fixture, "1", BORDER, "a-b", FALSE);
    fault_clear_all(fixture->federation, "a", 7);
    g_assert_cmpuint(find(fixture, "a 1")->cleared_at_us, ==, 0);
    fault_clear_all(fixture->federation, "a", 8);
    g_assert_cmpuint(find(fixture, "a 1")->cleared_at_us, >, 0);
    fault_clear_all(fixture->federation, "b", 8);
    g_assert_cmpuint(find(fixture, "b " FAULT_PRESENCE)->cleared_at_us, ==, 0);
    fault_clear_all(fixture->federation, "b", G_MAXUINT64);
    g_assert_cmpuint(find(fixture, "b " FAULT_PRESENCE)->cleared_at_us, >, 0);
}

static void test_they_are_durable(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(FederationFixture) fixture = fixture_new();
    report(fixture, "1", BORDER, "a-b", FALSE);
    report(fixture, "2", BORDER, "a-b", FALSE);
    report(fixture, "2", BORDER, "a-b", TRUE);
    federation_fixture_restart(fixture, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(find(fixture, "a 1")->cleared_at_us, ==, 0);
    g_assert_cmpuint(find(fixture, "a 2")->cleared_at_us, >, 0);
    assert_said(fixture, "");
    // Who was told of it is told of its end.
    report(fixture, "1", BORDER, "a-b", TRUE);
    assert_said(fixture, "fault.cleared; end b; ");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/fault/beginning-and-end", test_beginning_and_end);
    g_test_add_func("/fault/again", test_again);
    g_test_add_func("/fault/who-is-told", test_who_is_told);
    g_test_add_func("/fault/transit", test_transit);
    g_test_add_func("/fault/bad-reports", test_bad_reports);
    g_test_add_func("/fault/reports-are-bounded", test_reports_are_bounded);
    g_test_add_func("/fault/what-the-platform-notices", test_what_the_platform_notices);
    g_test_add_func("/fault/they-are-durable", test_they_are_durable);
    return g_test_run();
}
