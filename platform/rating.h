#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// How one provider serves: what was counted of it in the slots of a window that moves on, what that
// is in the terms of ITU-T Y.3807, and the score that is made of it. Pure: rating-window.c counts,
// rating-score.c measures and judges. What is counted, and of whom, is decided in rating-blame.c;
// rating.c keeps, says and uses it.

#include "platform/state.pb-c.h"
#include "schemas/wire.h"

#include <glib.h>

// Beginning of a scale: nothing is known that speaks against it.
#define RATING_BEST 1000
// A score in use follows the one that was measured once it is so far from it.
#define RATING_HYSTERESIS 50
// All of an order or record, in the unit in which parts of one are counted.
#define RATING_WHOLE 1000

typedef struct Rating Rating;

typedef enum {
    RATING_UNKNOWN, // it takes no part, or the platform cannot know
    RATING_UP,
    RATING_DOWN,
} RatingPresence;

// What became of an order.
typedef struct RatingOrder {
    guint64 bits;        // that it was to carry
    guint32 lost_milli;  // how much of the order's loss is taken for its own
    guint32 wrong_milli; // or of a change of its key
    gint64 delay_us;     // below 0: not known
} RatingOrder;

Rating *rating_new(gint64 now_us, gint64 window_us);
void rating_free(Rating *rating);

void rating_count_order(Rating *rating, gint64 now_us, const RatingOrder *order);
// A record of usage, and how much of the dispute about it is taken for its own.
void rating_count_record(Rating *rating, gint64 now_us, guint32 disputed_milli);
// What it was until now is counted. Back from DOWN, it was an outage, which is over.
void rating_set_presence(Rating *rating, gint64 now_us, RatingPresence presence);
// The time until now is counted; slots that have left the window go.
void rating_advance(Rating *rating, gint64 now_us);
// Whether anything but time was counted since the last call.
gboolean rating_take_news(Rating *rating);

// For the store. The slots belong to the rating.
void rating_save(const Rating *rating, Platform__State__Rating *ret_state);
// NULL: damaged. Whether the provider is there has to be learnt anew, unless it was gone.
Rating *rating_load(const Platform__State__Rating *state, gint64 now_us, gint64 window_us);

// All slots of the window together; to be freed with wire_free().
Platform__State__RatingSlot *rating_sum(const Rating *rating);

// rating-score.c

// Fills in what is measured and the score, by the delay within which orders are to be done.
void rating_measure(const Rating *rating, gint64 delay_aim_us, WireRating *ret_wire);
// The score to use from now on, where this one was in use.
guint rating_follow(guint in_use, guint score);
// Whether it is below the floor now, where it was or was not.
gboolean rating_is_low(gboolean was_low, guint score, guint floor);

// Which delays are counted together, and the longest of them.
#define RATING_DELAYS 81
guint rating_delay_class(gint64 delay_us);
guint64 rating_delay_of_class(guint class);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Rating, rating_free)
