// SPDX-License-Identifier: Apache-2.0
//
// What a session could have at once where not all that was asked for can be had: the largest buffer
// that is in stock, and with it the largest rate that is not reserved.

#include "platform/stream.h"

static gboolean is_possible(Federation *federation, const WireSessionOpen *open,
                            const WireSessionQos *qos)
{
    Stream stream = {
        .id = open->session,
        .open = (WireSessionOpen *)open,
        .qos = (WireSessionQos *)qos,
    };
    g_autoptr(GPtrArray) ways = g_ptr_array_new_with_free_func(stream_way_free);
    stream.ways = ways;
    gboolean is = stream_take_ways(federation, &stream) == STATUS_OK;
    stream_drop_ways(federation, &stream, -1);
    return is;
}

static void set_buffer(WireSessionQos *qos, guint64 value)
{
    qos->buffer = (guint32)value;
}

static void set_rate(WireSessionQos *qos, guint64 value)
{
    qos->rate_bps = value;
}

// Sets what can be had at most of what was asked for; FALSE: nothing.
static gboolean set_largest(Federation *federation, const WireSessionOpen *open,
                            WireSessionQos *qos, void (*set)(WireSessionQos *, guint64),
                            guint64 asked)
{
    guint64 can = 0, cannot = asked + 1;
    while (can + 1 < cannot) {
        guint64 middle = can + (cannot - can) / 2;
        set(qos, middle);
        if (is_possible(federation, open, qos))
            can = middle;
        else
            cannot = middle;
    }
    set(qos, can);
    return can > 0;
}

gboolean stream_find_offer(Federation *federation, const WireSessionOpen *open,
                           const WireSessionQos *asked, WireSessionQos *ret_offer)
{
    *ret_offer = *asked;
    ret_offer->rate_bps = 1;
    return set_largest(federation, open, ret_offer, set_buffer, asked->buffer) &&
           set_largest(federation, open, ret_offer, set_rate, asked->rate_bps);
}
