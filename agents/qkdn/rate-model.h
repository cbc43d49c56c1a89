#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// The secret key rate of a QKD link by its loss: BB84 with vacuum and weak decoy states, in the
// asymptotic limit. GLLP's rate, with the lower bound of the yield of single photons and the upper
// bound of their error rate that X. Ma, B. Qi, Y. Zhao, H.-K. Lo give in "Practical decoy state for
// quantum key distribution", Phys. Rev. A 72, 012326 (2005) for these two decoys. Pure functions.

#include <glib.h>

typedef struct {
    double clock_hz;         // pulses per second
    double signal_photons;   // mu: mean photon number of a signal pulse
    double decoy_photons;    // nu: of a weak decoy pulse; below mu
    double efficiency;       // of the receiver with its detectors, 0 to 1
    double background;       // Y0: clicks per pulse without light
    double misalignment;     // e_d: share of photons that hit the wrong detector
    double error_correction; // f: bits disclosed over the Shannon limit, at least 1
    double sifting;          // q: share of clicks in matching bases
} RateModel;

// A metro system with a 1 GHz clock and gated InGaAs diodes, as built since 2010.
extern const RateModel rate_model_metro;

// Secret bits per second, rounded down, across a channel of `loss_db` (not negative); 0 beyond the
// reach.
guint64 rate_model_bps(const RateModel *model, double loss_db);

// The rate of a link as configured: `rate_bps` unless it is 0; else the metro system's by
// `loss_db`; or, where that is 0, by `km` of fibre at 0.2 dB/km (ITU-T G.652 at 1550 nm).
guint64 link_rate_bps(guint64 rate_bps, double loss_db, double km);
