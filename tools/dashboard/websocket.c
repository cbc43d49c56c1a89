// SPDX-License-Identifier: Apache-2.0

#include "tools/dashboard/websocket.h"

#include <string.h>

#define FINAL          0x80
#define RESERVED       0x70
#define OPCODE         0x0f
#define MASKED         0x80
#define LENGTH         0x7f
#define LENGTH_16      126
#define LENGTH_64      127
#define CONTROL_MAX    125
#define MASK_BYTES     4
#define KEY_BYTES      16
#define KEY_TEXT_BYTES 24
#define ACCEPT_GUID    "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
#define HEAD_LEAST     2
#define HEAD_LEAST_16  4
#define HEAD_LEAST_64  10

static guint64 read_number(const guint8 *bytes, gsize n_bytes)
{
    guint64 number = 0;
    for (gsize i = 0; i < n_bytes; i++)
        number = number << 8 | bytes[i];
    return number;
}

// How many bytes stand before the mask, or 0 when they are not all there.
static gsize read_length(const guint8 *bytes, gsize n_bytes, guint64 *ret_length)
{
    guint8 length = bytes[1] & LENGTH;
    gsize n_head = length == LENGTH_16   ? HEAD_LEAST_16
                   : length == LENGTH_64 ? HEAD_LEAST_64
                                         : HEAD_LEAST;
    if (n_bytes < n_head)
        return 0;
    *ret_length =
        n_head == HEAD_LEAST ? length : read_number(bytes + HEAD_LEAST, n_head - HEAD_LEAST);
    return n_head;
}

static gboolean is_control(guint8 opcode)
{
    return opcode >= WEBSOCKET_CLOSE;
}

// What a client must do, and no extension was agreed on: texts are not MQTT's.
static gboolean is_allowed(const Websocket *socket, const guint8 *bytes)
{
    guint8 opcode = bytes[0] & OPCODE;
    if ((bytes[0] & RESERVED) || !(bytes[1] & MASKED))
        return FALSE;
    if (is_control(opcode))
        return opcode <= WEBSOCKET_PONG && (bytes[0] & FINAL) && (bytes[1] & LENGTH) <= CONTROL_MAX;
    return opcode == (socket->is_in_message ? WEBSOCKET_CONTINUATION : WEBSOCKET_BINARY);
}

gsize websocket_read(Websocket *socket, guint8 *bytes, gsize n_bytes, gsize max_bytes,
                     WebsocketFrame *ret_frame, guint *ret_fault)
{
    guint64 length = 0;
    *ret_fault = 0;
    if (n_bytes < HEAD_LEAST)
        return 0;
    if (!is_allowed(socket, bytes)) {
        *ret_fault = WEBSOCKET_PROTOCOL_ERROR;
        return 0;
    }
    gsize n_head = read_length(bytes, n_bytes, &length);
    if (n_head > 0 && length > max_bytes)
        *ret_fault = WEBSOCKET_TOO_BIG;
    gsize n_before = n_head + MASK_BYTES;
    if (n_head == 0 || *ret_fault || n_bytes < n_before || n_bytes - n_before < length)
        return 0;
    const guint8 *mask = bytes + n_head;
    guint8 *payload = bytes + n_before;
    for (gsize i = 0; i < length; i++)
        payload[i] ^= mask[i % MASK_BYTES];
    *ret_frame = (WebsocketFrame){bytes[0] & OPCODE, payload, length};
    if (!is_control(ret_frame->opcode))
        socket->is_in_message = !(bytes[0] & FINAL);
    return n_before + length;
}

gsize websocket_format_head(guint8 ret_head[WEBSOCKET_HEAD_MAX_BYTES], WebsocketOpcode opcode,
                            gsize n_bytes)
{
    gsize n_length = n_bytes <= CONTROL_MAX ? 0 : n_bytes <= G_MAXUINT16 ? 2 : 8;
    ret_head[0] = FINAL | (guint8)opcode;
    ret_head[1] = n_length == 0 ? (guint8)n_bytes : n_length == 2 ? LENGTH_16 : LENGTH_64;
    for (gsize i = 0; i < n_length; i++)
        ret_head[HEAD_LEAST + i] = (guint8)((guint64)n_bytes >> (8 * (n_length - 1 - i)));
    return HEAD_LEAST + n_length;
}

char *websocket_accept(const char *key)
{
    gsize n_bytes = 0;
    if (strlen(key) != KEY_TEXT_BYTES)
        return NULL;
    g_autofree guint8 *nonce = g_base64_decode(key, &n_bytes);
    g_autofree char *canonical = g_base64_encode(nonce, n_bytes);
    if (n_bytes != KEY_BYTES || strcmp(canonical, key) != 0)
        return NULL;
    g_autofree char *text = g_strconcat(key, ACCEPT_GUID, NULL);
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA1);
    guint8 digest[20];
    gsize n_digest = sizeof digest;
    g_checksum_update(sum, (const guchar *)text, -1);
    g_checksum_get_digest(sum, digest, &n_digest);
    return g_base64_encode(digest, n_digest);
}
