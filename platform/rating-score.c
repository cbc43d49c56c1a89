// SPDX-License-Identifier: Apache-2.0
//
// What the counts of a window mean. Whole numbers throughout: the same counts give the same score
// everywhere.

#include "platform/rating.h"

// What everybody begins with, so that the first order that fails does not say all: so many good
// orders, records and bits, and so much time without a fault.
#define GOOD_ORDERS  20
#define GOOD_BITS    (GOOD_ORDERS * G_GUINT64_CONSTANT(256))
#define GOOD_TIME_US ((guint64)G_TIME_SPAN_HOUR)

// However slow, an order that is done is worth half.
#define SLOWEST_PART 500

#define MILLION G_GUINT64_CONSTANT(1000000)

// a * b / c, where a is not above c, without an overflow for any a and c that are counted here.
static guint64 portion(guint64 a, guint64 b, guint64 c)
{
    while (a > G_MAXUINT64 / b) {
        a >>= 1;
        c >>= 1;
    }
    return c > 0 ? a * b / c : 0;
}

static guint32 ratio_ppm(guint64 part, guint64 whole)
{
    return (guint32)portion(MIN(part, whole), MILLION, whole);
}

// Of what there was, with what everybody begins with, this part of 1000 was good.
static guint32 good_part(guint64 bad, guint64 all, guint64 begin)
{
    return (guint32)portion(all - MIN(bad, all) + begin, RATING_BEST, all + begin);
}

// --- delays --------------------------------------------------------------------------------------

static guint32 count_delays(const Platform__State__RatingSlot *sum)
{
    guint32 n = 0;
    for (guint i = 0; i < RATING_DELAYS; i++)
        n += sum->delays[i];
    return n;
}

// That so many of 100 were done within; 0: there were none.
static guint64 delay_of(const Platform__State__RatingSlot *sum, guint32 n_delays, guint percent)
{
    guint64 rank = ((guint64)n_delays * percent + 99) / 100, n = 0;
    for (guint i = 0; n_delays > 0 && i < RATING_DELAYS; i++) {
        n += sum->delays[i];
        if (n >= rank)
            return rating_delay_of_class(i);
    }
    return 0;
}

static guint32 delay_part(const WireRating *wire, gint64 aim_us)
{
    if (wire->delays < GOOD_ORDERS || wire->delay_p95_us <= (guint64)aim_us)
        return RATING_BEST;
    return MAX(SLOWEST_PART, (guint32)((guint64)aim_us * RATING_BEST / wire->delay_p95_us));
}

// --- all of it -----------------------------------------------------------------------------------

static void measure(const Platform__State__RatingSlot *sum, WireRating *ret_wire)
{
    guint64 orders_milli = (guint64)sum->orders * RATING_WHOLE;
    ret_wire->from_us = sum->start_us;
    ret_wire->orders = sum->orders;
    ret_wire->delays = count_delays(sum);
    ret_wire->delay_p50_us = delay_of(sum, ret_wire->delays, 50);
    ret_wire->delay_p95_us = delay_of(sum, ret_wire->delays, 95);
    ret_wire->delay_variation_us = ret_wire->delay_p95_us - ret_wire->delay_p50_us;
    ret_wire->loss_ppm = ratio_ppm(sum->lost_milli, orders_milli);
    ret_wire->error_ppm = ratio_ppm(sum->wrong_milli, orders_milli);
    ret_wire->observed_us = sum->observed_us;
    ret_wire->down_us = sum->down_us;
    ret_wire->outages = sum->outages;
    ret_wire->restoration_us = sum->outages > 0 ? sum->restoration_us / sum->outages : 0;
    ret_wire->longest_us = sum->longest_us;
    ret_wire->promised_bits = sum->promised_bits;
    ret_wire->delivered_bits = sum->delivered_bits;
    ret_wire->records = sum->records;
    ret_wire->disputed_ppm = ratio_ppm(sum->disputed_milli, (guint64)sum->records * RATING_WHOLE);
}

static void judge(const Platform__State__RatingSlot *sum, gint64 delay_aim_us, WireRating *ret_wire)
{
    static const guint64 good_milli = GOOD_ORDERS * RATING_WHOLE;
    ret_wire->delivery_part = good_part(sum->lost_milli + sum->wrong_milli,
                                        (guint64)sum->orders * RATING_WHOLE, good_milli);
    ret_wire->delay_part = delay_part(ret_wire, delay_aim_us);
    ret_wire->availability_part = good_part(sum->down_us, sum->observed_us, GOOD_TIME_US);
    ret_wire->throughput_part =
        good_part(sum->promised_bits - sum->delivered_bits, sum->promised_bits, GOOD_BITS);
    ret_wire->accounts_part =
        good_part(sum->disputed_milli, (guint64)sum->records * RATING_WHOLE, good_milli);
    const guint32 parts[] = {ret_wire->delivery_part, ret_wire->delay_part,
                             ret_wire->availability_part, ret_wire->throughput_part,
                             ret_wire->accounts_part};
    guint64 score = RATING_BEST;
    for (gsize i = 0; i < G_N_ELEMENTS(parts); i++)
        score = score * parts[i] / RATING_BEST;
    ret_wire->score = (guint32)score;
}

void rating_measure(const Rating *rating, gint64 delay_aim_us, WireRating *ret_wire)
{
    Platform__State__RatingSlot *sum = rating_sum(rating);
    measure(sum, ret_wire);
    judge(sum, delay_aim_us, ret_wire);
    wire_free(sum);
}

guint rating_follow(guint in_use, guint score)
{
    guint distance = in_use > score ? in_use - score : score - in_use;
    // Whoever has nothing against it any more has the best again.
    return distance >= RATING_HYSTERESIS || score == RATING_BEST ? score : in_use;
}

gboolean rating_is_low(gboolean was_low, guint score, guint floor)
{
    return score < floor || (was_low && score < MIN(floor + RATING_HYSTERESIS, RATING_BEST));
}
