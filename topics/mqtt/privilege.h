#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// What a daemon takes from itself, for the sake of the keys that it holds; and as many descriptors
// as the system lets it have. Of the whole process and for good; before it reads anything secret
// and has a second thread.

#include <glib.h>

// No core dumps; no reading or tracing of its memory by other processes of the same user; no
// privileges through programs that it would run; files that it makes are its user's only; memory
// that does not go to swap, where the system permits that.
void privilege_give_up(void);

// Logs, in one line each, what the system does not permit, and what is not needed.
void privilege_report(void);
