// SPDX-License-Identifier: Apache-2.0

#include "tools/dashboard/page-filter.h"

#include <string.h>

// The first byte of a packet (MQTT 3.1.1, section 2.2): its type, and flags that are fixed.
enum {
    PACKET_CONNECT = 0x10,
    PACKET_PUBACK = 0x40,
    PACKET_SUBSCRIBE = 0x82,
    PACKET_UNSUBSCRIBE = 0xa2,
    PACKET_PINGREQ = 0xc0,
    PACKET_DISCONNECT = 0xe0,
};

#define LENGTH_MORE      0x80
#define LENGTH_BITS      7
#define LENGTH_MAX_BYTES 2 // enough for PAGE_PACKET_MAX_BYTES

// The only CONNECT that passes: MQTT 3.1.1, a clean session, no will, no name, an empty client ID.
// The keep-alive in it is free.
static const guint8 connect_head[] = {PACKET_CONNECT, 12, 0, 4, 'M', 'Q', 'T', 'T', 4, 0x02};
static const guint8 connect_tail[] = {0, 0};
#define KEEP_ALIVE_BYTES 2
#define CONNECT_BYTES    (sizeof connect_head + KEEP_ALIVE_BYTES + sizeof connect_tail)

static gboolean is_allowed(const PageFilter *filter, guint8 first)
{
    if (!filter->is_connected)
        return first == PACKET_CONNECT;
    return first == PACKET_PUBACK || first == PACKET_SUBSCRIBE || first == PACKET_UNSUBSCRIBE ||
           first == PACKET_PINGREQ || first == PACKET_DISCONNECT;
}

static PageVerdict judge_connect(PageFilter *filter, const guint8 *bytes, gsize n_packet)
{
    const guint8 *tail = bytes + CONNECT_BYTES - sizeof connect_tail;
    filter->is_connected = n_packet == CONNECT_BYTES &&
                           memcmp(bytes, connect_head, sizeof connect_head) == 0 &&
                           memcmp(tail, connect_tail, sizeof connect_tail) == 0;
    return filter->is_connected ? PAGE_PASS : PAGE_REFUSE;
}

PageVerdict page_filter_judge(PageFilter *filter, const guint8 *bytes, gsize n_bytes,
                              gsize *ret_n_packet)
{
    gsize n_head = 1, length = 0;
    guint8 byte = LENGTH_MORE;
    if (n_bytes > 0 && !is_allowed(filter, bytes[0]))
        return PAGE_REFUSE;
    for (; n_head < n_bytes && n_head <= LENGTH_MAX_BYTES && (byte & LENGTH_MORE); n_head++) {
        byte = bytes[n_head];
        length |= (gsize)(byte & ~LENGTH_MORE) << (LENGTH_BITS * (n_head - 1));
    }
    if (byte & LENGTH_MORE)
        return n_head > LENGTH_MAX_BYTES ? PAGE_REFUSE : PAGE_MORE;
    *ret_n_packet = n_head + length;
    if (*ret_n_packet > PAGE_PACKET_MAX_BYTES)
        return PAGE_REFUSE;
    if (n_bytes < *ret_n_packet)
        return PAGE_MORE;
    return filter->is_connected ? PAGE_PASS : judge_connect(filter, bytes, *ret_n_packet);
}
