// SPDX-License-Identifier: Apache-2.0
//
// An input is what a page sends to the dashboard after the upgrade: frames of WebSocket, and in
// them packets of MQTT.

#include "tests/fuzz/fuzz.h"
#include "tools/dashboard/page-filter.h"
#include "tools/dashboard/websocket.h"

#include <glib.h>

static void judge(GByteArray *said)
{
    PageFilter filter = {0};
    gsize n_packet = 0;
    while (page_filter_judge(&filter, said->data, said->len, &n_packet) == PAGE_PASS) {
        g_assert_cmpuint(n_packet, >, 0);
        g_assert_cmpuint(n_packet, <=, said->len);
        g_assert_cmpuint(said->data[0] & 0xf0, !=, 0x30);
        g_byte_array_remove_range(said, 0, (guint)n_packet);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    if (n_bytes == 0)
        return 0;
    g_autofree guint8 *copy = g_memdup2(bytes, n_bytes);
    g_autoptr(GByteArray) said = g_byte_array_new();
    Websocket socket = {0};
    WebsocketFrame frame;
    guint fault = 0;
    gsize at = 0;
    for (gsize n; (n = websocket_read(&socket, copy + at, n_bytes - at, PAGE_PACKET_MAX_BYTES,
                                      &frame, &fault)) > 0;
         at += n) {
        g_assert_cmpuint(n, <=, n_bytes - at);
        g_byte_array_append(said, frame.payload, (guint)frame.n_bytes);
    }
    judge(said);
    return 0;
}
