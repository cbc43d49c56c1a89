// SPDX-License-Identifier: Apache-2.0

#include "tests/sim/shrink.h"

static GHashTable *set_new(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
}

GHashTable *shrink_set_of(char *const *addresses)
{
    GHashTable *set = set_new();
    for (; *addresses; addresses++)
        g_hash_table_add(set, g_strdup(*addresses));
    return set;
}

char *shrink_list(const GPtrArray *faults)
{
    GString *list = g_string_new(NULL);
    for (guint i = 0; i < faults->len; i++)
        g_string_append_printf(list, "%s%s", i > 0 ? "," : "",
                               ((const Fault *)faults->pdata[i])->address);
    return g_string_free(list, FALSE);
}

typedef struct {
    const Trial *trial;
    TrialResult best;
    guint n_runs;
} Search;

static GHashTable *set_without(const GPtrArray *faults, guint first, guint n_faults)
{
    GHashTable *set = set_new();
    for (guint i = 0; i < faults->len; i++) {
        if (i < first || i >= first + n_faults)
            g_hash_table_add(set, g_strdup(((const Fault *)faults->pdata[i])->address));
    }
    return set;
}

// What did not come to pass any more without these is left out from then on, too.
static gboolean fails_without(Search *search, guint first, guint n_faults)
{
    g_autoptr(GHashTable) only = set_without(search->best.faults, first, n_faults);
    Trial trial = *search->trial;
    trial.only = only;
    trial.is_traced = FALSE;
    g_auto(TrialResult) result = trial_run(&trial);
    search->n_runs++;
    if (!result.failure)
        return FALSE;
    TrialResult larger = search->best;
    search->best = result;
    result = larger;
    return TRUE;
}

static gboolean drop_chunks(Search *search, guint n_faults)
{
    gboolean has_dropped = FALSE;
    for (guint first = 0; first < search->best.faults->len;) {
        if (fails_without(search, first, n_faults))
            has_dropped = TRUE;
        else
            first += n_faults;
    }
    return has_dropped;
}

TrialResult shrink(const Trial *failed, guint *ret_n_runs)
{
    Trial trial = *failed;
    trial.is_traced = FALSE;
    Search search = {.trial = failed, .best = trial_run(&trial), .n_runs = 1};
    guint n_faults = MAX(search.best.faults->len / 2, 1);
    while (search.best.failure && (drop_chunks(&search, n_faults) || n_faults > 1))
        n_faults = MAX(n_faults / 2, 1);
    *ret_n_runs = search.n_runs;
    return search.best;
}
