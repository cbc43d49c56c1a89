#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// The server's end of RFC 6455, as far as MQTT over WebSocket needs it: bytes in, frames out. No
// I/O.
//
// Not a library's: libevent 2.1 has none; libwebsockets and libsoup bring a loop of their own, the
// one without security updates in Debian, the other without telling when what was sent has left.

#include <glib.h>

typedef enum {
    WEBSOCKET_CONTINUATION = 0x0,
    WEBSOCKET_BINARY = 0x2,
    WEBSOCKET_CLOSE = 0x8,
    WEBSOCKET_PING = 0x9,
    WEBSOCKET_PONG = 0xa,
} WebsocketOpcode;

// Why a connection is closed (section 7.4.1).
enum {
    WEBSOCKET_GOING_AWAY = 1001,
    WEBSOCKET_PROTOCOL_ERROR = 1002,
    WEBSOCKET_POLICY_VIOLATION = 1008,
    WEBSOCKET_TOO_BIG = 1009,
};

#define WEBSOCKET_HEAD_MAX_BYTES 14

// Of what one connection has sent so far; all zero at first.
typedef struct {
    gboolean is_in_message; // the next frame of data is a continuation
} Websocket;

typedef struct {
    WebsocketOpcode opcode;
    guint8 *payload; // unmasked, within the bytes that were given
    gsize n_bytes;
} WebsocketFrame;

// How many bytes the frame at the beginning of `bytes` takes, or 0 when it is not whole yet. Its
// payload is unmasked in place. When it breaks the rules or its payload exceeds `max_bytes`,
// `*ret_fault` is why, else 0.
gsize websocket_read(Websocket *socket, guint8 *bytes, gsize n_bytes, gsize max_bytes,
                     WebsocketFrame *ret_frame, guint *ret_fault);

// What stands before the payload of a frame; how many bytes that are.
gsize websocket_format_head(guint8 ret_head[WEBSOCKET_HEAD_MAX_BYTES], WebsocketOpcode opcode,
                            gsize n_bytes);

// The answer to Sec-WebSocket-Key; NULL when that is not 16 bytes in Base64. Free with g_free().
char *websocket_accept(const char *key);
