// SPDX-License-Identifier: Apache-2.0

#include "tools/dashboard/websocket.h"

#include <string.h>

#define MAX_BYTES 70000

typedef struct {
    guint8 bytes[MAX_BYTES + WEBSOCKET_HEAD_MAX_BYTES];
    gsize n_bytes;
} Sent;

// As a client sends it: masked.
static void put(Sent *sent, guint8 first, gsize n_payload)
{
    static const guint8 mask[] = {1, 2, 3, 4};
    gsize n = websocket_format_head(sent->bytes, WEBSOCKET_BINARY, n_payload);
    sent->bytes[0] = first;
    sent->bytes[1] |= 0x80;
    memcpy(sent->bytes + n, mask, sizeof mask);
    for (gsize i = 0; i < n_payload; i++)
        sent->bytes[n + sizeof mask + i] = (guint8)i ^ mask[i % sizeof mask];
    sent->n_bytes = n + sizeof mask + n_payload;
}

static gsize take(Websocket *socket, Sent *sent, gsize n_bytes, WebsocketFrame *ret_frame,
                  guint *ret_fault)
{
    return websocket_read(socket, sent->bytes, n_bytes, MAX_BYTES, ret_frame, ret_fault);
}

static void test_frames_of_all_lengths(void)
{
    static const gsize lengths[] = {0, 1, 125, 126, 127, 65535, 65536, MAX_BYTES};
    g_autofree Sent *sent = g_new(Sent, 1);
    for (gsize i = 0; i < G_N_ELEMENTS(lengths); i++) {
        Websocket socket = {0};
        WebsocketFrame frame;
        guint fault = 1;
        put(sent, 0x82, lengths[i]);
        for (gsize n = 0; n < MIN(sent->n_bytes, 20u); n++)
            g_assert_true(n == sent->n_bytes || take(&socket, sent, n, &frame, &fault) == 0);
        g_assert_cmpuint(fault, ==, 0);
        g_assert_cmpuint(take(&socket, sent, sent->n_bytes - 1, &frame, &fault), ==, 0);
        g_assert_cmpuint(take(&socket, sent, sent->n_bytes, &frame, &fault), ==, sent->n_bytes);
        g_assert_cmpuint(frame.n_bytes, ==, lengths[i]);
        for (gsize k = 0; k < frame.n_bytes; k++)
            g_assert_cmpuint(frame.payload[k], ==, (guint8)k);
    }
}

static guint fault_of(guint8 first, gboolean is_masked, gsize n_payload, gsize max_bytes)
{
    g_autofree Sent *sent = g_new(Sent, 1);
    Websocket socket = {0};
    WebsocketFrame frame;
    guint fault;
    put(sent, first, n_payload);
    if (!is_masked)
        sent->bytes[1] &= 0x7f;
    gsize n = websocket_read(&socket, sent->bytes, sent->n_bytes, max_bytes, &frame, &fault);
    g_assert_true((n == 0) == (fault != 0));
    return fault;
}

static void test_what_breaks_the_rules(void)
{
    g_assert_cmpuint(fault_of(0x82, TRUE, 3, MAX_BYTES), ==, 0);
    g_assert_cmpuint(fault_of(0x82, FALSE, 3, MAX_BYTES), ==, WEBSOCKET_PROTOCOL_ERROR);
    g_assert_cmpuint(fault_of(0xc2, TRUE, 3, MAX_BYTES), ==, WEBSOCKET_PROTOCOL_ERROR);
    g_assert_cmpuint(fault_of(0x81, TRUE, 3, MAX_BYTES), ==, WEBSOCKET_PROTOCOL_ERROR);
    g_assert_cmpuint(fault_of(0x80, TRUE, 3, MAX_BYTES), ==, WEBSOCKET_PROTOCOL_ERROR);
    g_assert_cmpuint(fault_of(0x83, TRUE, 3, MAX_BYTES), ==, WEBSOCKET_PROTOCOL_ERROR);
    g_assert_cmpuint(fault_of(0x8b, TRUE, 3, MAX_BYTES), ==, WEBSOCKET_PROTOCOL_ERROR);
    g_assert_cmpuint(fault_of(0x09, TRUE, 3, MAX_BYTES), ==, WEBSOCKET_PROTOCOL_ERROR);
    g_assert_cmpuint(fault_of(0x89, TRUE, 126, MAX_BYTES), ==, WEBSOCKET_PROTOCOL_ERROR);
    g_assert_cmpuint(fault_of(0x89, TRUE, 125, MAX_BYTES), ==, 0);
    g_assert_cmpuint(fault_of(0x82, TRUE, 200, 199), ==, WEBSOCKET_TOO_BIG);
    g_assert_cmpuint(fault_of(0x82, TRUE, 200, 200), ==, 0);
}

static void test_a_length_that_nothing_holds(void)
{
    guint8 bytes[] = {0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0};
    Websocket socket = {0};
    WebsocketFrame frame;
    guint fault;
    g_assert_cmpuint(websocket_read(&socket, bytes, sizeof bytes, G_MAXSIZE, &frame, &fault), ==,
                     0);
    g_assert_cmpuint(websocket_read(&socket, bytes, sizeof bytes, 100, &frame, &fault), ==, 0);
    g_assert_cmpuint(fault, ==, WEBSOCKET_TOO_BIG);
}

static void test_messages_in_pieces(void)
{
    static const struct {
        guint8 first;
        guint fault;
    } steps[] = {{0x02, 0}, {0x89, 0}, {0x00, 0}, {0x80, 0}, {0x80, 1}, {0x02, 0}, {0x82, 1}};
    g_autofree Sent *sent = g_new(Sent, 1);
    Websocket socket = {0};
    for (gsize i = 0; i < G_N_ELEMENTS(steps); i++) {
        WebsocketFrame frame;
        guint fault;
        put(sent, steps[i].first, 5);
        take(&socket, sent, sent->n_bytes, &frame, &fault);
        g_assert_cmpuint(fault != 0, ==, steps[i].fault);
    }
}

// The example of RFC 6455, section 1.3.
static void test_the_answer_to_a_key(void)
{
    static const char *const bad[] = {"", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZQ==\n",
                                      "dGhlIHNhbXBsZSBub25jZQ!!", "dGhlIHNhbXBsZSBub25jZTEy"};
    g_autofree char *accept = websocket_accept("dGhlIHNhbXBsZSBub25jZQ==");
    g_assert_cmpstr(accept, ==, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++)
        g_assert_null(websocket_accept(bad[i]));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/websocket/lengths", test_frames_of_all_lengths);
    g_test_add_func("/websocket/rules", test_what_breaks_the_rules);
    g_test_add_func("/websocket/huge", test_a_length_that_nothing_holds);
    g_test_add_func("/websocket/pieces", test_messages_in_pieces);
    g_test_add_func("/websocket/key", test_the_answer_to_a_key);
    return g_test_run();
}
