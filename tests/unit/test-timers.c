// SPDX-License-Identifier: Apache-2.0

#include "topics/base/timers.h"

// Everything that is due, as "what:id " each.
static void assert_due(Timers *timers, gint64 now_us, const char *expected)
{
    g_autoptr(GString) text = g_string_new(NULL);
    guint what;
    char *id;
    while (timers_pop(timers, now_us, &what, &id)) {
        g_string_append_printf(text, "%u:%s ", what, id);
        g_free(id);
    }
    g_assert_cmpstr(text->str, ==, expected);
}

static void test_by_time(void)
{
    g_autoptr(Timers) timers = timers_new();
    g_assert_cmpint(timers_next(timers), ==, TIMERS_NEVER);
    timers_arm(timers, 1, "late", 30);
    timers_arm(timers, 1, "early", 10);
    timers_arm(timers, 1, "past", -5);
    g_assert_cmpint(timers_next(timers), ==, -5);
    assert_due(timers, 9, "1:past ");
    assert_due(timers, 10, "1:early ");
    g_assert_cmpint(timers_next(timers), ==, 30);
    assert_due(timers, TIMERS_NEVER, "1:late ");
    assert_due(timers, TIMERS_NEVER, "");
}

static void test_ties_by_arming(void)
{
    g_autoptr(Timers) timers = timers_new();
    timers_arm(timers, 1, "b", 10);
    timers_arm(timers, 2, "a", 10);
    timers_arm(timers, 1, "c", 10);
    timers_arm(timers, 1, "b", 10);
    assert_due(timers, 10, "2:a 1:c 1:b ");
}

static void test_armed_again(void)
{
    g_autoptr(Timers) timers = timers_new();
    timers_arm(timers, 1, "a", 10);
    timers_arm(timers, 1, "a", 20);
    timers_arm(timers, 2, "a", 15);
    assert_due(timers, 19, "2:a ");
    timers_arm(timers, 1, "a", 5);
    assert_due(timers, 19, "1:a ");
    assert_due(timers, 99, "");
}

static void test_armed_loosely(void)
{
    g_autoptr(Timers) timers = timers_new();
    timers_arm_loosely(timers, 1, "a", 1);
    timers_arm_loosely(timers, 1, "b", TIMERS_SLACK_US);
    timers_arm_loosely(timers, 1, "c", TIMERS_SLACK_US - 1);
    timers_arm_loosely(timers, 1, "later", TIMERS_SLACK_US + 1);
    timers_arm_loosely(timers, 1, "never", TIMERS_NEVER - 1);
    assert_due(timers, TIMERS_SLACK_US - 1, "");
    assert_due(timers, TIMERS_SLACK_US, "1:a 1:b 1:c ");
    assert_due(timers, 2 * TIMERS_SLACK_US, "1:later ");
    g_assert_cmpint(timers_next(timers), ==, TIMERS_NEVER - 1);
}

static void test_disarmed(void)
{
    g_autoptr(Timers) timers = timers_new();
    timers_arm(timers, 1, "a", 10);
    timers_disarm(timers, 2, "a");
    timers_disarm(timers, 1, "b");
    g_assert_cmpint(timers_next(timers), ==, 10);
    timers_disarm(timers, 1, "a");
    g_assert_cmpint(timers_next(timers), ==, TIMERS_NEVER);
}

// What fires may arm again, at once too.
static void test_armed_while_firing(void)
{
    g_autoptr(Timers) timers = timers_new();
    timers_arm(timers, 1, "a", 10);
    guint what;
    g_autofree char *id = NULL;
    g_assert_true(timers_pop(timers, 10, &what, &id));
    timers_arm(timers, what, id, 10);
    assert_due(timers, 10, "1:a ");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/timers/by-time", test_by_time);
    g_test_add_func("/timers/ties-by-arming", test_ties_by_arming);
    g_test_add_func("/timers/armed-again", test_armed_again);
    g_test_add_func("/timers/armed-loosely", test_armed_loosely);
    g_test_add_func("/timers/disarmed", test_disarmed);
    g_test_add_func("/timers/armed-while-firing", test_armed_while_firing);
    return g_test_run();
}
