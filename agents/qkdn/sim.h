#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// The driver `sim`: a QKDN inside the process. Nodes, QKD links and border links make key at their
// rates into bounded stores; relaying inside is one-time-pad encryption hop by hop, so that n bytes
// over h hops cost h times n; the two ends of a border link derive equal blocks from a secret that
// both are configured with. Faults come by schedule or by drill.
//
// No I/O, no clock, no thread. Everything it does follows from the settings, the calls, their order
// and times, and the random bytes: the same again gives the same again.

#include "agents/qkdn/driver.h"
#include "agents/qkdn/sim-settings.h"
#include "topics/base/random.h"

// `settings` must have passed sim_settings_check(), and are not used afterwards. `random` outlives
// the driver. Stores hold their initial key at `now_us`, from which the schedule of faults counts.
Driver *driver_sim_new(const SimSettings *settings, const Random *random, gint64 now_us);
