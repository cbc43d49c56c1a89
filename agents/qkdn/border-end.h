#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// One end of a simulated border link. Both ends derive a block's bytes from the secret that they
// share and the block's ID: as two QKD modules would, they deliver equal key without exchanging it.
// A block goes out at most once at each end, whether by taking or by claiming.

#include "agents/qkdn/driver.h"
#include "agents/qkdn/outages.h"
#include "agents/qkdn/sim-settings.h"
#include "topics/base/random.h"

typedef struct BorderEnd BorderEnd;

// `outages` and `random` outlive the end; `settings` are not kept.
BorderEnd *border_end_new(const SimBorder *settings, guint64 time_scale, const Outages *outages,
                          const Random *random, gint64 now_us);
void border_end_free(BorderEnd *end);

const char *border_end_id(const BorderEnd *end);

// Makes key up to `now_us` if the link is up. To be called before any change of an outage.
void border_end_pass(BorderEnd *end, gint64 now_us);

// A new block, with an ID by `random`: a UUID version 4 of lower case. On STATUS_OK the caller owns
// the key and the ID. Limited by the stock at this end.
Status border_end_take(BorderEnd *end, char **ret_id, Secret **ret_key);

// The block that the other end took. Not limited by the stock: the other end's was, and clocks that
// differ a little must not refuse a block that exists; so what is claimed early is made up for by
// what is made next.
Status border_end_claim(BorderEnd *end, const char *block_id, Secret **ret_key);

void border_end_describe(const BorderEnd *end, DriverMap *map);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(BorderEnd, border_end_free)
