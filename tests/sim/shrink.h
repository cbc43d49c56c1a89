#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// Makes a failing run small, by delta debugging: leaves out as many of its faults as it can, one by
// one in the end, so that none of those that stay can be spared. The same run, the same faults.

#include "tests/sim/trial.h"

// The smallest run that still fails, and how many were tried.
TrialResult shrink(const Trial *failed, guint *ret_n_runs);

// As a trial's `only`, from texts, NULL-terminated, or from faults.
GHashTable *shrink_set_of(char *const *addresses);
// "a,b,c"; free with g_free().
char *shrink_list(const GPtrArray *faults);
