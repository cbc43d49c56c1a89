// SPDX-License-Identifier: Apache-2.0
//
// As little MQTT 5 as a broker accepts, over one blocking TLS connection: whatever one reading
// causes leaves in one writing.

#include "tools/bench/floor.h"

#include "tools/bench/dial.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

enum {
    PACKET_CONNECT = 0x10,
    PACKET_CONNACK = 0x20,
    PACKET_PUBLISH = 0x30,
    PACKET_PUBACK = 0x40,
    PACKET_SUBSCRIBE = 0x82,
    PACKET_SUBACK = 0x90,
};

#define READ_BYTES 65536

struct FloorClient {
    SSL_CTX *context;
    Dial dial;
    FloorArrivedFn arrived;
    gpointer data;
    GByteArray *in;
    GByteArray *out;
    gboolean is_handling;
    guint16 packet_id;
    guint n_handled;
    guint8 acknowledged; // the type of the last acknowledgement
};

static void append_byte(GByteArray *bytes, guint8 byte)
{
    g_byte_array_append(bytes, &byte, 1);
}

static void append_uint16(GByteArray *bytes, guint16 value)
{
    append_byte(bytes, (guint8)(value >> 8));
    append_byte(bytes, (guint8)value);
}

static void append_text(GByteArray *bytes, const char *text)
{
    append_uint16(bytes, (guint16)strlen(text));
    g_byte_array_append(bytes, (const guint8 *)text, (guint)strlen(text));
}

static void append_head(GByteArray *bytes, guint8 type, gsize n_bytes)
{
    append_byte(bytes, type);
    do {
        append_byte(bytes, (guint8)((n_bytes & 0x7f) | (n_bytes > 0x7f ? 0x80 : 0)));
        n_bytes >>= 7;
    } while (n_bytes > 0);
}

static gboolean flush(FloorClient *client)
{
    gboolean done = client->out->len == 0 ||
                    SSL_write(client->dial.ssl, client->out->data, (int)client->out->len) > 0;
    g_byte_array_set_size(client->out, 0);
    return done;
}

static void raw_publish(FloorClient *client, const char *topic, const guint8 *payload,
                        gsize n_bytes, int qos)
{
    gsize n_id = qos > 0 ? 2 : 0;
    append_head(client->out, (guint8)(PACKET_PUBLISH | qos << 1),
                2 + strlen(topic) + n_id + 1 + n_bytes);
    append_text(client->out, topic);
    if (qos > 0)
        append_uint16(client->out, client->packet_id = MAX(1, client->packet_id + 1));
    append_byte(client->out, 0); // no properties
    g_byte_array_append(client->out, payload, (guint)n_bytes);
    if (!client->is_handling)
        flush(client);
}

// Topic, packet ID, properties, payload; what does not fit is not for a floor.
static void handle_publish(FloorClient *client, guint8 type, const guint8 *packet, gsize n_bytes)
{
    gsize at = 2 + (gsize)(packet[0] << 8 | packet[1]);
    const guint8 *packet_id = packet + at;
    gboolean wants_answer = (type & 0x06) != 0;
    at += wants_answer ? 2 : 0;
    at += 1 + (gsize)packet[at]; // the properties' length is one byte below 128
    if (wants_answer) {
        append_head(client->out, PACKET_PUBACK, 2);
        g_byte_array_append(client->out, packet_id, 2);
    }
    client->arrived(client->data, packet + at, n_bytes - at);
    client->n_handled++;
}

static void handle_packet(FloorClient *client, guint8 type, const guint8 *packet, gsize n_bytes)
{
    if ((type & 0xf0) == PACKET_PUBLISH)
        handle_publish(client, type, packet, n_bytes);
    else
        client->acknowledged = type;
}

// The whole packet at the front: its length, and where its contents begin; 0 when there is none.
static gsize find_packet(const guint8 *bytes, gsize n_bytes, gsize *ret_begin)
{
    gsize length = 0;
    for (gsize i = 1; i < n_bytes && i < 5; i++) {
        length |= (gsize)(bytes[i] & 0x7f) << (7 * (i - 1));
        if (bytes[i] & 0x80)
            continue;
        *ret_begin = i + 1;
        return i + 1 + length <= n_bytes ? i + 1 + length : 0;
    }
    return 0;
}

static void handle_packets(FloorClient *client)
{
    gsize at = 0, begin = 0, n;
    const guint8 *bytes = client->in->data;
    client->is_handling = TRUE;
    while ((n = find_packet(bytes + at, client->in->len - at, &begin)) > 0) {
        handle_packet(client, bytes[at], bytes + at + begin, n - begin);
        at += n;
    }
    client->is_handling = FALSE;
    g_byte_array_remove_range(client->in, 0, (guint)at);
}

// FALSE after the socket's time-out, and when the connection is lost.
static gboolean read_once(FloorClient *client)
{
    guint8 bytes[READ_BYTES];
    int n = SSL_read(client->dial.ssl, bytes, sizeof bytes);
    if (n <= 0)
        return FALSE;
    g_byte_array_append(client->in, bytes, (guint)n);
    handle_packets(client);
    return flush(client);
}

static gboolean raw_wait(FloorClient *client, guint timeout_ms)
{
    struct timeval timeout = {timeout_ms / 1000, timeout_ms % 1000 * 1000};
    setsockopt(client->dial.fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    guint n_before = client->n_handled;
    while (client->n_handled == n_before) {
        if (!read_once(client))
            return FALSE;
    }
    return TRUE;
}

static gboolean wait_for_acknowledgement(FloorClient *client, guint8 type)
{
    client->acknowledged = 0;
    while (client->acknowledged != type) {
        if (!read_once(client))
            return FALSE;
    }
    return TRUE;
}

static gboolean fail(const char *what, GError **error)
{
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "bare socket: %s", what);
    return FALSE;
}

static gboolean raw_subscribe(FloorClient *client, const char *filter, GError **error)
{
    append_head(client->out, PACKET_SUBSCRIBE, 2 + 1 + 2 + strlen(filter) + 1);
    append_uint16(client->out, client->packet_id = MAX(1, client->packet_id + 1));
    append_byte(client->out, 0);
    append_text(client->out, filter);
    append_byte(client->out, 1);
    if (flush(client) && wait_for_acknowledgement(client, PACKET_SUBACK))
        return TRUE;
    return fail("the broker does not answer to a subscription", error);
}

static void raw_close(FloorClient *client)
{
    if (!client)
        return;
    dial_close(&client->dial);
    SSL_CTX_free(client->context);
    g_byte_array_unref(client->in);
    g_byte_array_unref(client->out);
    g_free(client);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(FloorClient, raw_close)

static gboolean connect_mqtt(FloorClient *client, const char *id)
{
    append_head(client->out, PACKET_CONNECT, 2 + 4 + 1 + 1 + 2 + 1 + 2 + strlen(id));
    append_text(client->out, "MQTT");
    append_byte(client->out, 5);    // the version
    append_byte(client->out, 0x02); // a clean start
    append_uint16(client->out, 0);  // no keep-alive
    append_byte(client->out, 0);    // no properties
    append_text(client->out, id);
    return flush(client) && wait_for_acknowledgement(client, PACKET_CONNACK);
}

static FloorClient *raw_open(const Connection *connection, const char *id, FloorArrivedFn arrived,
                             gpointer data, GError **error)
{
    Peer peer;
    if (!peer_parse(connection->url, &peer, error))
        return NULL;
    g_autoptr(FloorClient) client = g_new0(FloorClient, 1);
    client->arrived = arrived;
    client->data = data;
    client->in = g_byte_array_new();
    client->out = g_byte_array_new();
    client->context = dial_context(connection);
    gboolean is_open = client->context && dial_open(&client->dial, client->context, &peer, NULL);
    peer_clear(&peer);
    if (is_open && connect_mqtt(client, id))
        return g_steal_pointer(&client);
    fail("cannot connect", error);
    return NULL;
}

const FloorOps floor_raw = {
    .name = "bare socket",
    .open = raw_open,
    .subscribe = raw_subscribe,
    .publish = raw_publish,
    .wait = raw_wait,
    .close = raw_close,
};
