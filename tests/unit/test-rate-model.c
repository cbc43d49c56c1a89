// SPDX-License-Identifier: Apache-2.0

#include "agents/qkdn/rate-model.h"

// A link of the 1 GHz class.
typedef struct {
    const char *name;
    double loss_db;
    guint64 published_bps;
} Published;

static void test_published_links(void)
{
    static const Published links[] = {
        // J. F. Dynes et al., npj Quantum Inf. 5, 101 (2019)
        {"Cambridge cape-trel, 10.6 km", 3.9, 2580000},
        {"Cambridge trel-engi, 9.8 km", 4.2, 2400000},
        // M. Sasaki et al., Opt. Express 19, 10387 (2011)
        {"Tokyo k2-o2, 45 km", 14.5, 304000},
        {"Tokyo k1-o1, 45 km", 14.5, 81700},
        // The rule for practical systems of arXiv 2408.04598
        {"50 km of fibre", 10, 1000000},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(links); i++) {
        guint64 bps = rate_model_bps(&rate_model_metro, links[i].loss_db);
        g_test_message("%s: %" G_GUINT64_FORMAT " bit/s, published %" G_GUINT64_FORMAT,
                       links[i].name, bps, links[i].published_bps);
        g_assert_cmpuint(bps, >, links[i].published_bps / 5);
        g_assert_cmpuint(bps, <, links[i].published_bps * 5);
    }
}

// The system of Gobby, Yuan and Shields in 0.21 dB/km of fibre reaches 142.05 km with ideal decoys
// (Ma et al. 2005), to which ever weaker decoys come ever closer.
static void test_published_reach(void)
{
    static const RateModel gys = {
        .clock_hz = 2e12, // the reach is where the rate is 0, whatever the clock
        .signal_photons = 0.48,
        .decoy_photons = 0.001,
        .efficiency = 0.045,
        .background = 1.7e-6,
        .misalignment = 0.033,
        .error_correction = 1.22,
        .sifting = 0.5,
    };
    g_assert_cmpuint(rate_model_bps(&gys, 141.8 * 0.21), >, 0);
    g_assert_cmpuint(rate_model_bps(&gys, 142.1 * 0.21), ==, 0);
}

static void test_more_loss_never_makes_more_key(void)
{
    guint64 last = G_MAXUINT64;
    for (double loss_db = 0; loss_db < 100; loss_db += 0.05) {
        guint64 bps = rate_model_bps(&rate_model_metro, loss_db);
        g_assert_true(bps < last || bps == 0);
        last = bps;
    }
}

static void test_reach_ends(void)
{
    g_assert_cmpuint(rate_model_bps(&rate_model_metro, 27), >, 0);
    g_assert_cmpuint(rate_model_bps(&rate_model_metro, 40), ==, 0);
    g_assert_cmpuint(rate_model_bps(&rate_model_metro, 1000), ==, 0);
}

static void test_published_rate_goes_first(void)
{
    g_assert_cmpuint(link_rate_bps(3100, 7.5, 32), ==, 3100);
    g_assert_cmpuint(link_rate_bps(0, 7.5, 32), ==, rate_model_bps(&rate_model_metro, 7.5));
    g_assert_cmpuint(link_rate_bps(0, 0, 19), ==, rate_model_bps(&rate_model_metro, 3.8));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/rate-model/published-links", test_published_links);
    g_test_add_func("/rate-model/published-reach", test_published_reach);
    g_test_add_func("/rate-model/more-loss-never-makes-more-key",
                    test_more_loss_never_makes_more_key);
    g_test_add_func("/rate-model/reach-ends", test_reach_ends);
    g_test_add_func("/rate-model/published-rate-goes-first", test_published_rate_goes_first);
    return g_test_run();
}
