// SPDX-License-Identifier: Apache-2.0

#include "agents/qkdn/rate-model.h"

#include <math.h>

// Half of the clicks without light are wrong.
#define BACKGROUND_ERROR 0.5
#define FIBRE_DB_PER_KM  0.2

// The receiver's 10 % contain its optics and dead time: with them the model meets what the 1 GHz
// systems of Tokyo (2010) and Cambridge (2019) measured.
const RateModel rate_model_metro = {
    .clock_hz = 1e9,
    .signal_photons = 0.5,
    .decoy_photons = 0.1,
    .efficiency = 0.1,
    .background = 2e-6,
    .misalignment = 0.015,
    .error_correction = 1.16,
    .sifting = 0.5,
};

typedef struct {
    double gain;   // clicks per pulse
    double errors; // wrong clicks per pulse
} Clicks;

static Clicks clicks_of(const RateModel *model, double transmittance, double photons)
{
    double detected = 1 - exp(-transmittance * photons);
    return (Clicks){
        .gain = model->background + detected,
        .errors = BACKGROUND_ERROR * model->background + model->misalignment * detected,
    };
}

static double binary_entropy(double p)
{
    if (p <= 0 || p >= 1)
        return 0;
    return -p * log2(p) - (1 - p) * log2(1 - p);
}

// At least.
static double single_photon_yield(const RateModel *model, Clicks signal, Clicks decoy)
{
    double mu = model->signal_photons, nu = model->decoy_photons;
    double ratio = nu * nu / (mu * mu);
    double at_least =
        decoy.gain * exp(nu) - signal.gain * exp(mu) * ratio - (1 - ratio) * model->background;
    return mu / (mu * nu - nu * nu) * at_least;
}

// At most.
static double single_photon_error(const RateModel *model, Clicks decoy, double yield)
{
    double nu = model->decoy_photons;
    return (decoy.errors * exp(nu) - BACKGROUND_ERROR * model->background) / (yield * nu);
}

guint64 rate_model_bps(const RateModel *model, double loss_db)
{
    double transmittance = pow(10, -loss_db / 10) * model->efficiency;
    Clicks signal = clicks_of(model, transmittance, model->signal_photons);
    Clicks decoy = clicks_of(model, transmittance, model->decoy_photons);
    double yield = single_photon_yield(model, signal, decoy);
    double error = yield > 0 ? single_photon_error(model, decoy, yield) : 0.5;
    if (!(yield > 0) || error >= 0.5)
        return 0;
    double single = yield * model->signal_photons * exp(-model->signal_photons);
    double disclosed =
        signal.gain * model->error_correction * binary_entropy(signal.errors / signal.gain);
    double secret = single * (1 - binary_entropy(error)) - disclosed;
    return secret > 0 ? (guint64)(model->clock_hz * model->sifting * secret) : 0;
}

guint64 link_rate_bps(guint64 rate_bps, double loss_db, double km)
{
    if (rate_bps > 0)
        return rate_bps;
    return rate_model_bps(&rate_model_metro, loss_db > 0 ? loss_db : km * FIBRE_DB_PER_KM);
}
