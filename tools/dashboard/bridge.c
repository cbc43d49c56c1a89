// SPDX-License-Identifier: Apache-2.0

#include "tools/dashboard/bridge.h"

#include "tools/dashboard/page-filter.h"
#include "tools/dashboard/websocket.h"

#include <event2/buffer.h>

// What may wait for a page before the broker is read no more, and when it is read again.
#define PAGE_HIGH_BYTES (1024 * 1024)
#define PAGE_LOW_BYTES  (256 * 1024)

// What may wait for the broker before the page is read no more.
#define BROKER_HIGH_BYTES (64 * 1024)

#define FRAME_MAX_PAYLOAD_BYTES (16 * 1024) // to the page
#define PAGE_READ_BYTES         (16 * 1024) // at once, more than a frame with the longest packet

// How long either end may say nothing (a page that is there says so more often), or take nothing of
// what is sent to it; how long a connection to the broker may take to be made, and how long a page
// may take to read why it is closed.
#define SILENT_S     300
#define STALLED_S    60
#define CONNECTING_S 10
#define CLOSING_S    2

struct Bridge {
    struct evhttp_connection *http;
    struct bufferevent *page;
    struct bufferevent *broker; // NULL: it is being closed
    struct evbuffer *said;      // by the page, unmasked, not yet judged
    Websocket websocket;
    PageFilter filter;
    BridgeEndedFn ended;
    gpointer data;
};

void bridge_free(Bridge *bridge)
{
    if (!bridge)
        return;
    bufferevent_setcb(bridge->page, NULL, NULL, NULL, NULL);
    evhttp_connection_free(bridge->http);
    g_clear_pointer(&bridge->broker, bufferevent_free);
    evbuffer_free(bridge->said);
    g_free(bridge);
}

static void send_frame(Bridge *bridge, WebsocketOpcode opcode, const void *payload, gsize n_bytes)
{
    guint8 head[WEBSOCKET_HEAD_MAX_BYTES];
    bufferevent_write(bridge->page, head, websocket_format_head(head, opcode, n_bytes));
    bufferevent_write(bridge->page, payload, n_bytes);
}

// Says why, and ends when that has left or too long has passed.
static void close_page(Bridge *bridge, guint why)
{
    const guint8 code[] = {(guint8)(why >> 8), (guint8)why};
    g_clear_pointer(&bridge->broker, bufferevent_free);
    send_frame(bridge, WEBSOCKET_CLOSE, code, sizeof code);
    bufferevent_disable(bridge->page, EV_READ);
    bufferevent_setwatermark(bridge->page, EV_WRITE, 0, 0);
    bufferevent_set_timeouts(bridge->page, NULL, &(struct timeval){CLOSING_S, 0});
}

// Not none at all: libevent would then go on with those that were set before, from the first read
// on.
static void set_timeouts(struct bufferevent *stream)
{
    bufferevent_set_timeouts(stream, &(struct timeval){SILENT_S, 0},
                             &(struct timeval){STALLED_S, 0});
}

// --- from the broker -----------------------------------------------------------------------------

static gboolean page_is_full(const Bridge *bridge)
{
    return evbuffer_get_length(bufferevent_get_output(bridge->page)) > PAGE_HIGH_BYTES;
}

static gboolean broker_is_full(const Bridge *bridge)
{
    return evbuffer_get_length(bufferevent_get_output(bridge->broker)) > BROKER_HIGH_BYTES;
}

// A page is read only while both it and the broker take what is sent to them.
static void read_page(Bridge *bridge)
{
    if (page_is_full(bridge) || broker_is_full(bridge))
        bufferevent_disable(bridge->page, EV_READ);
    else
        bufferevent_enable(bridge->page, EV_READ);
}

static void on_broker_read(struct bufferevent *stream, void *data)
{
    Bridge *bridge = data;
    struct evbuffer *input = bufferevent_get_input(stream);
    struct evbuffer *output = bufferevent_get_output(bridge->page);
    guint8 head[WEBSOCKET_HEAD_MAX_BYTES];
    for (gsize n; (n = MIN(evbuffer_get_length(input), FRAME_MAX_PAYLOAD_BYTES)) > 0;) {
        bufferevent_write(bridge->page, head, websocket_format_head(head, WEBSOCKET_BINARY, n));
        evbuffer_remove_buffer(input, output, n);
    }
    if (page_is_full(bridge))
        bufferevent_disable(stream, EV_READ);
}

static void on_broker_write(struct bufferevent *stream, void *data)
{
    read_page(data);
}

static void on_broker_event(struct bufferevent *stream, short what, void *data)
{
    Bridge *bridge = data;
    if (what & BEV_EVENT_CONNECTED)
        set_timeouts(stream);
    else
        close_page(bridge, WEBSOCKET_GOING_AWAY);
}

// --- from the page -------------------------------------------------------------------------------

// FALSE when the page has said what it may not.
static gboolean pass_on(Bridge *bridge)
{
    for (;;) {
        gsize n_bytes = MIN(evbuffer_get_length(bridge->said), PAGE_PACKET_MAX_BYTES), n_packet = 0;
        const guint8 *bytes = evbuffer_pullup(bridge->said, (ev_ssize_t)n_bytes);
        switch (page_filter_judge(&bridge->filter, bytes, n_bytes, &n_packet)) {
        case PAGE_MORE:
            return TRUE;
        case PAGE_REFUSE:
            return FALSE;
        case PAGE_PASS:
            evbuffer_remove_buffer(bridge->said, bufferevent_get_output(bridge->broker), n_packet);
            break;
        }
    }
}

// Why the page is to be closed, or 0.
static guint take_frame(Bridge *bridge, const WebsocketFrame *frame)
{
    switch (frame->opcode) {
    case WEBSOCKET_CONTINUATION:
    case WEBSOCKET_BINARY:
        evbuffer_add(bridge->said, frame->payload, frame->n_bytes);
        return pass_on(bridge) ? 0 : WEBSOCKET_POLICY_VIOLATION;
    case WEBSOCKET_PING:
        send_frame(bridge, WEBSOCKET_PONG, frame->payload, frame->n_bytes);
        return 0;
    case WEBSOCKET_CLOSE:
        return WEBSOCKET_GOING_AWAY;
    case WEBSOCKET_PONG:
        return 0;
    }
    return WEBSOCKET_PROTOCOL_ERROR;
}

static void on_page_read(struct bufferevent *stream, void *data)
{
    Bridge *bridge = data;
    struct evbuffer *input = bufferevent_get_input(stream);
    guint why = 0;
    while (!why && evbuffer_get_length(input) > 0) {
        WebsocketFrame frame;
        gsize n_bytes = MIN(evbuffer_get_length(input), PAGE_READ_BYTES);
        guint8 *bytes = evbuffer_pullup(input, (ev_ssize_t)n_bytes);
        gsize n_taken =
            websocket_read(&bridge->websocket, bytes, n_bytes, PAGE_PACKET_MAX_BYTES, &frame, &why);
        if (n_taken > 0)
            why = take_frame(bridge, &frame);
        else if (!why)
            break;
        evbuffer_drain(input, n_taken);
    }
    if (why)
        close_page(bridge, why);
    else
        read_page(bridge);
}

static void on_page_write(struct bufferevent *stream, void *data)
{
    Bridge *bridge = data;
    if (!bridge->broker) {
        bridge->ended(bridge->data, bridge);
        return;
    }
    bufferevent_enable(bridge->broker, EV_READ);
    read_page(bridge);
}

static void on_page_event(struct bufferevent *stream, short what, void *data)
{
    Bridge *bridge = data;
    bridge->ended(bridge->data, bridge);
}

static void take_over(Bridge *bridge, const char *accept)
{
    bridge->page = evhttp_connection_get_bufferevent(bridge->http);
    bufferevent_setcb(bridge->page, on_page_read, on_page_write, on_page_event, bridge);
    set_timeouts(bridge->page);
    bufferevent_setwatermark(bridge->page, EV_READ, 0, PAGE_READ_BYTES);
    bufferevent_setwatermark(bridge->page, EV_WRITE, PAGE_LOW_BYTES, 0);
    evbuffer_add_printf(bufferevent_get_output(bridge->page),
                        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                        "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n"
                        "Sec-WebSocket-Protocol: mqtt\r\n\r\n",
                        accept);
    bufferevent_enable(bridge->page, EV_READ | EV_WRITE);
}

Bridge *bridge_new(struct event_base *base, const Upstream *upstream,
                   struct evhttp_connection *page, const char *accept, BridgeEndedFn ended,
                   gpointer data)
{
    struct bufferevent *broker = upstream_connect(upstream, base);
    if (!broker)
        return NULL;
    Bridge *bridge = g_new0(Bridge, 1);
    bridge->http = page;
    bridge->broker = broker;
    bridge->said = evbuffer_new();
    bridge->ended = ended;
    bridge->data = data;
    struct timeval limit = {CONNECTING_S, 0};
    bufferevent_setcb(broker, on_broker_read, on_broker_write, on_broker_event, bridge);
    bufferevent_set_timeouts(broker, &limit, &limit);
    bufferevent_setwatermark(broker, EV_READ, 0, PAGE_LOW_BYTES);
    bufferevent_enable(broker, EV_READ | EV_WRITE);
    take_over(bridge, accept);
    return bridge;
}
