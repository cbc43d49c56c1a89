#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// Inputs of fuzz-birth: what a member says to alpha that alpha believes.

#include <glib.h>

#define N_SEED_BIRTHS 2

void seed_birth(GByteArray *input, guint number);
