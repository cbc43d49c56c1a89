#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// How a federation does, as a monitor sees it on the bus and by nothing else: who is there, how
// much key its border links have, how requests, sessions and faults go. What others make it
// remember is bounded. No I/O, no clock.

#include "tools/qkdnf/atlas.h"

typedef struct Picture Picture;

Picture *picture_new(void);
void picture_free(Picture *picture);

// Takes in any publish, at the time when it came: microseconds that never go back.
void picture_take(Picture *picture, const char *topic, const guint8 *payload, gsize n_bytes,
                  gint64 now_us);

// So many frames did not arrive, of all that were said.
void picture_set_missed(Picture *picture, guint64 n_frames);

// As atlas_is_whole().
gboolean picture_is_whole(const Picture *picture);

// What atlas_to_json() gives, with `state` of each provider, and
// `"requests": {"granted", "refused", "open", "per_s", "p50_us", "p99_us"}` (counted since the
// start; rates of the last ten seconds, times of the last 256 answers),
// `"sessions": [{"session", "initiator", "targets", "phase", "delivered"}]`,
// `"faults": [{"member", "id", "scope", "subject", "cause", "since_us"}]` (those that last),
// `"ratings": [what Rating has]`,
// `"alarms": [{"at_us", "severity", "from", "name", "text"}]` (the latest warnings and alarms,
// newest first), `"bus": {"publishes", "publishes_per_s", "unreadable", "missed"}`. Sorted by ID
// where nothing else is said; release with json_decref().
json_t *picture_to_json(Picture *picture, gint64 now_us);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Picture, picture_free)
