// SPDX-License-Identifier: Apache-2.0
//
// Failing runs are made small, and what is left is what they need.

#include "tests/sim/shrink.h"

// Every broken promise is found out within so many seeds, and then needs no more faults than this.
#define SEEDS_MAX  60
#define FAULTS_MAX 8

static Trial find_failing(Breach breach)
{
    Trial trial = {.breach = breach};
    for (trial.seed = 1; trial.seed <= SEEDS_MAX; trial.seed++) {
        g_auto(TrialResult) result = trial_run(&trial);
        if (result.failure)
            return trial;
    }
    g_error("breach %d is not found out", breach);
}

static TrialResult run_only(const Trial *like, const char *list)
{
    g_auto(GStrv) addresses = g_strsplit(list, ",", -1);
    g_autoptr(GHashTable) only = shrink_set_of(addresses);
    Trial trial = *like;
    trial.only = only;
    return trial_run(&trial);
}

static void assert_needs_each(const Trial *trial, const GPtrArray *faults)
{
    for (guint i = 0; i < faults->len; i++) {
        g_autoptr(GPtrArray) others = g_ptr_array_copy((GPtrArray *)faults, NULL, NULL);
        g_ptr_array_set_free_func(others, NULL);
        g_ptr_array_remove_index(others, i);
        g_autofree char *list = shrink_list(others);
        g_auto(TrialResult) result = run_only(trial, list);
        g_assert_null(result.failure);
    }
}

static void test_breach(gconstpointer data)
{
    Trial trial = find_failing((Breach)GPOINTER_TO_INT(data));
    guint n_runs = 0;
    g_auto(TrialResult) least = shrink(&trial, &n_runs);
    g_assert_nonnull(least.failure);
    g_assert_cmpuint(least.faults->len, >=, 1);
    g_assert_cmpuint(least.faults->len, <=, FAULTS_MAX);
    g_autofree char *list = shrink_list(least.faults);
    g_auto(TrialResult) again = run_only(&trial, list);
    g_assert_cmpstr(again.failure, ==, least.failure);
    g_assert_cmpstr(again.digest, ==, least.digest);
    assert_needs_each(&trial, least.faults);
}

static void test_the_same_each_time(void)
{
    Trial trial = find_failing(BREACH_PUBLISH_FIRST);
    guint n_runs = 0, n_more = 0;
    g_auto(TrialResult) once = shrink(&trial, &n_runs);
    g_auto(TrialResult) twice = shrink(&trial, &n_more);
    g_assert_cmpuint(n_runs, ==, n_more);
    g_autofree char *list = shrink_list(once.faults), *other = shrink_list(twice.faults);
    g_assert_cmpstr(list, ==, other);
}

static const Fault *find_fault(const TrialResult *result, const char *kind)
{
    for (guint i = 0; i < result->faults->len; i++) {
        const Fault *fault = result->faults->pdata[i];
        if (g_str_has_prefix(fault->address, kind))
            return fault;
    }
    g_error("nobody is %s", kind);
}

// What happens to members comes at the same time to the same one, whatever else does not.
static void test_faults_stand_alone(void)
{
    Trial trial = {.seed = 3};
    g_auto(TrialResult) all = trial_run(&trial);
    const Fault *killed = find_fault(&all, "crash-after-commit#9");
    g_auto(TrialResult) one = run_only(&trial, killed->address);
    g_assert_cmpuint(one.faults->len, ==, 1);
    const Fault *alone = one.faults->pdata[0];
    g_assert_cmpstr(alone->address, ==, killed->address);
    g_assert_cmpstr(alone->detail, ==, killed->detail);
    g_assert_cmpint(alone->at_us, ==, killed->at_us);
    g_auto(TrialResult) none = run_only(&trial, "");
    g_assert_cmpuint(none.faults->len, ==, 0);
    g_assert_null(none.failure);
}

static void test_addresses(void)
{
    static const char *const good[] = {"killed#1", "lost:alpha:beta:relay#17",
                                       "driver-lies:alpha:driver:take#2"};
    static const char *const bad[] = {"",         "killed", "killed#", "killed#0",
                                      "killed#x", "kill#1", "#1",      "killed #1"};
    for (gsize i = 0; i < G_N_ELEMENTS(good); i++)
        g_assert_true(fault_address_is_valid(good[i]));
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++)
        g_assert_false(fault_address_is_valid(bad[i]));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/shrink/lost-commit", GINT_TO_POINTER(BREACH_LOST_COMMIT), test_breach);
    g_test_add_data_func("/shrink/publish-first", GINT_TO_POINTER(BREACH_PUBLISH_FIRST),
                         test_breach);
    g_test_add_func("/shrink/the-same-each-time", test_the_same_each_time);
    g_test_add_func("/shrink/faults-stand-alone", test_faults_stand_alone);
    g_test_add_func("/shrink/addresses", test_addresses);
    return g_test_run();
}
