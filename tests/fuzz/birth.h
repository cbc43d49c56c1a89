#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// Who is there in the inputs of fuzz-birth: the agent alpha, and whoever says something to it.

#include "tests/unit/chance.h"
#include "topics/authentication.h"

#define BIRTH_SELF        "alpha"
#define BIRTH_INCARNATION 1
#define BIRTH_NOW_US      (G_GINT64_CONSTANT(1700000000) * G_USEC_PER_SEC)

// Always with the same share, so that what was sealed for it once can be opened for good.
static inline Authentication *birth_member(const char *id, Role role, Chance *chance)
{
    Random random = chance_random(chance);
    chance->state = (guint64)id[0];
    return authentication_new(id, role, BIRTH_INCARNATION, &random);
}
