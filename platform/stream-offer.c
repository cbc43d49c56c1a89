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

static guint largest_buffer(Federation *federation, const WireSessionOpen *open,
                            const WireSessionQos *asked)
{
    WireSessionQos qos = *asked;
    qos.rate_bps = 1;
    guint can = 0, cannot = asked->buffer + 1;
    while (can + 1 < cannot) {
        qos.buffer = can + (cannot - can) / 2;
        if (is_possible(federation, open, &qos))
            can = qos.buffer;
        else
            cannot = qos.buffer;
    }
    return can;
}

static guint64 largest_rate(Federation *federation, const WireSessionOpen *open,
                            const WireSessionQos *asked, guint buffer)
{
    WireSessionQos qos = *asked;
    qos.buffer = buffer;
    guint64 can = 0, cannot = asked->rate_bps + 1;
    while (can + 1 < cannot) {
        qos.rate_bps = can + (cannot - can) / 2;
        if (is_possible(federation, open, &qos))
            can = qos.rate_bps;
        else
            cannot = qos.rate_bps;
    }
    return can;
}

gboolean stream_find_offer(Federation *federation, const WireSessionOpen *open,
                           const WireSessionQos *asked, WireSessionQos *ret_offer)
{
    *ret_offer = *asked;
    ret_offer->buffer = largest_buffer(federation, open, asked);
    if (ret_offer->buffer > 0)
        ret_offer->rate_bps = largest_rate(federation, open, asked, ret_offer->buffer);
    return ret_offer->buffer > 0 && ret_offer->rate_bps > 0;
}
