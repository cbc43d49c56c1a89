// SPDX-License-Identifier: Apache-2.0
//
// What is counted of a provider, in slots of time of which the window holds the last twelve. Time
// that goes backwards changes nothing: the slot that runs goes on until it is over.

#include "platform/rating.h"

#include "topics/frame.h"

#define SLOTS_OF_WINDOW 12

// Four classes to each doubling, the first up to 128 microseconds, the last from two minutes on.
#define FIRST_DOUBLING 7

struct Rating {
    GPtrArray *slots; // Platform__State__RatingSlot, oldest first; at least one
    gint64 slot_us;
    gint64 counted_until_us; // of the time that it was there or not
    gint64 down_since_us;
    RatingPresence presence;
    gboolean has_news;
};

// --- delays --------------------------------------------------------------------------------------

guint rating_delay_class(gint64 delay_us)
{
    if (delay_us < (gint64)1 << FIRST_DOUBLING)
        return 0;
    guint doubling = g_bit_nth_msf((gulong)delay_us, -1);
    guint quarter = (guint)(delay_us >> (doubling - 2)) & 3;
    return MIN(1 + (doubling - FIRST_DOUBLING) * 4 + quarter, RATING_DELAYS - 1);
}

guint64 rating_delay_of_class(guint class)
{
    if (class == 0)
        return (guint64)1 << FIRST_DOUBLING;
    guint doubling = FIRST_DOUBLING + (class - 1) / 4, quarter = (class - 1) % 4;
    return (guint64)(5 + quarter) << (doubling - 2);
}

// --- slots ---------------------------------------------------------------------------------------

static Platform__State__RatingSlot *slot_new(gint64 start_us)
{
    guint32 delays[RATING_DELAYS] = {0};
    Platform__State__RatingSlot slot = PLATFORM__STATE__RATING_SLOT__INIT;
    slot.start_us = (guint64)start_us;
    slot.delays = delays;
    slot.n_delays = RATING_DELAYS;
    return message_copy(&slot.base);
}

static Platform__State__RatingSlot *last_slot(const Rating *rating)
{
    return rating->slots->pdata[rating->slots->len - 1];
}

// The slot that runs now.
static Platform__State__RatingSlot *slot_at(Rating *rating, gint64 now_us)
{
    gint64 start_us = now_us - now_us % rating->slot_us;
    gint64 first_us = start_us - (SLOTS_OF_WINDOW - 1) * rating->slot_us;
    if (start_us > (gint64)last_slot(rating)->start_us)
        g_ptr_array_add(rating->slots, slot_new(start_us));
    while ((gint64)((Platform__State__RatingSlot *)rating->slots->pdata[0])->start_us < first_us) {
        g_ptr_array_remove_index(rating->slots, 0);
        // What is forgotten counts no more.
        rating->has_news = TRUE;
    }
    return last_slot(rating);
}

static Rating *rating_empty(gint64 now_us, gint64 window_us)
{
    Rating *rating = g_new0(Rating, 1);
    rating->slots = g_ptr_array_new_with_free_func(wire_free);
    rating->slot_us = MAX(window_us / SLOTS_OF_WINDOW, 1);
    rating->counted_until_us = now_us;
    return rating;
}

Rating *rating_new(gint64 now_us, gint64 window_us)
{
    Rating *rating = rating_empty(now_us, window_us);
    g_ptr_array_add(rating->slots, slot_new(now_us - now_us % rating->slot_us));
    return rating;
}

void rating_free(Rating *rating)
{
    if (!rating)
        return;
    g_ptr_array_unref(rating->slots);
    g_free(rating);
}

// --- counting ------------------------------------------------------------------------------------

void rating_count_order(Rating *rating, gint64 now_us, const RatingOrder *order)
{
    Platform__State__RatingSlot *slot = slot_at(rating, now_us);
    guint64 failed_milli = MIN(order->lost_milli + order->wrong_milli, RATING_WHOLE);
    slot->orders++;
    slot->lost_milli += order->lost_milli;
    slot->wrong_milli += order->wrong_milli;
    slot->promised_bits += order->bits;
    slot->delivered_bits += order->bits - order->bits * failed_milli / RATING_WHOLE;
    if (order->delay_us >= 0)
        slot->delays[rating_delay_class(order->delay_us)]++;
    rating->has_news = TRUE;
}

void rating_count_record(Rating *rating, gint64 now_us, guint32 disputed_milli)
{
    Platform__State__RatingSlot *slot = slot_at(rating, now_us);
    slot->records++;
    slot->disputed_milli += disputed_milli;
    rating->has_news = TRUE;
}

void rating_advance(Rating *rating, gint64 now_us)
{
    Platform__State__RatingSlot *slot = slot_at(rating, now_us);
    guint64 passed_us = (guint64)MAX(now_us - rating->counted_until_us, 0);
    if (rating->presence != RATING_UNKNOWN)
        slot->observed_us += passed_us;
    if (rating->presence == RATING_DOWN)
        slot->down_us += passed_us;
    rating->has_news |= rating->presence == RATING_DOWN && passed_us > 0;
    rating->counted_until_us = now_us;
}

static void end_outage(Rating *rating, gint64 now_us)
{
    Platform__State__RatingSlot *slot = last_slot(rating);
    guint64 lasted_us = (guint64)MAX(now_us - rating->down_since_us, 0);
    slot->outages++;
    slot->restoration_us += lasted_us;
    slot->longest_us = MAX(slot->longest_us, lasted_us);
    rating->has_news = TRUE;
}

void rating_set_presence(Rating *rating, gint64 now_us, RatingPresence presence)
{
    rating_advance(rating, now_us);
    if (presence == rating->presence)
        return;
    if (rating->presence == RATING_DOWN && presence == RATING_UP)
        end_outage(rating, now_us);
    rating->down_since_us = presence == RATING_DOWN ? now_us : 0;
    rating->presence = presence;
}

gboolean rating_take_news(Rating *rating)
{
    gboolean has_news = rating->has_news;
    rating->has_news = FALSE;
    return has_news;
}

// --- together ------------------------------------------------------------------------------------

static void add_slot(Platform__State__RatingSlot *sum, const Platform__State__RatingSlot *slot)
{
    sum->orders += slot->orders;
    sum->lost_milli += slot->lost_milli;
    sum->wrong_milli += slot->wrong_milli;
    sum->promised_bits += slot->promised_bits;
    sum->delivered_bits += slot->delivered_bits;
    for (guint i = 0; i < RATING_DELAYS; i++)
        sum->delays[i] += slot->delays[i];
    sum->observed_us += slot->observed_us;
    sum->down_us += slot->down_us;
    sum->outages += slot->outages;
    sum->restoration_us += slot->restoration_us;
    sum->longest_us = MAX(sum->longest_us, slot->longest_us);
    sum->records += slot->records;
    sum->disputed_milli += slot->disputed_milli;
}

Platform__State__RatingSlot *rating_sum(const Rating *rating)
{
    const Platform__State__RatingSlot *first = rating->slots->pdata[0];
    Platform__State__RatingSlot *sum = slot_new((gint64)first->start_us);
    for (guint i = 0; i < rating->slots->len; i++)
        add_slot(sum, rating->slots->pdata[i]);
    return sum;
}

// --- store ---------------------------------------------------------------------------------------

void rating_save(const Rating *rating, Platform__State__Rating *ret_state)
{
    ret_state->slots = (Platform__State__RatingSlot **)rating->slots->pdata;
    ret_state->n_slots = rating->slots->len;
    ret_state->down_since_us = (guint64)rating->down_since_us;
}

static gboolean is_whole(const Platform__State__Rating *state)
{
    for (gsize i = 0; i < state->n_slots; i++) {
        const Platform__State__RatingSlot *slot = state->slots[i];
        if (slot->n_delays != RATING_DELAYS || slot->start_us > G_MAXINT64 ||
            (i > 0 && slot->start_us <= state->slots[i - 1]->start_us))
            return FALSE;
    }
    return state->n_slots > 0 && state->down_since_us <= G_MAXINT64;
}

Rating *rating_load(const Platform__State__Rating *state, gint64 now_us, gint64 window_us)
{
    if (!is_whole(state))
        return NULL;
    Rating *rating = rating_empty(now_us, window_us);
    for (gsize i = 0; i < state->n_slots; i++)
        g_ptr_array_add(rating->slots, message_copy(&state->slots[i]->base));
    rating->down_since_us = (gint64)state->down_since_us;
    rating->presence = rating->down_since_us > 0 ? RATING_DOWN : RATING_UNKNOWN;
    return rating;
}
