#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// Requests that were done, for the benchmark of the accounts: granted, and then metered by all who
// took part, as their agents say it.

#include "platform/federation.h"

// Of who carries its key, who ends it, and who pays, which meters both.
#define RECORDS_OF_REQUEST 3

// The i-th, at the platform's time; another each.
void accounts_do_request(Federation *federation, guint i);
