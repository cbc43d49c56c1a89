// SPDX-License-Identifier: Apache-2.0
//
// What stands in the stores of both cores (state.h), and what arrives in the midst of things: keys
// on their way, a session open. A core refuses its store or takes it; if it takes it, it must be
// able to go on, to commit, and to start again from what it has committed.

#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/state.h"

static void discard(gpointer data, const Publish *publish)
{
    Topic topic;
    g_assert_true(topic_parse(publish->topic, &topic));
}

static void pass(Node *node, gint64 now_us)
{
    const CoreOps *core = node->ops->core;
    core->tick(node->core, now_us);
    g_assert_true(store_commit(node->store, NULL));
    outbox_flush(core->outbox(node->core), now_us, discard, NULL);
}

// FALSE when it refuses what is on its disk.
static gboolean start(Node *node)
{
    g_autoptr(GError) error = NULL;
    node->store = store_new_memory(node->disk);
    node->core = node->ops->start(node, &error);
    g_assert_true((node->core == NULL) == (error != NULL));
    if (node->core) {
        node->ops->core->connected(node->core, node_now(node));
        pass(node, node_now(node));
    }
    return node->core != NULL;
}

static void stop(Node *node)
{
    if (node->core)
        node->ops->stop(node);
    node->core = NULL;
    g_clear_pointer(&node->store, store_free);
}

static void play(Node *node, const uint8_t *bytes, size_t n_bytes)
{
    gint64 now_us = node_now(node);
    for (g_auto(Piece) piece = {0}; piece_next(&bytes, &n_bytes, &piece); piece_clear(&piece)) {
        gsize n_payload = 0;
        const guint8 *data = g_bytes_get_data(piece.bytes, &n_payload);
        // An exact copy, so that a read past the end is seen by the sanitizers.
        g_autofree guint8 *payload = g_memdup2(data, n_payload);
        node->ops->core->receive(node->core, piece.name, payload, n_payload, now_us);
        now_us += G_TIME_SPAN_MILLISECOND;
        pass(node, now_us);
    }
    // Whatever it waits for now comes too late.
    pass(node, now_us + G_TIME_SPAN_MINUTE);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    g_autoptr(World) world = state_world();
    g_auto(Piece) piece = {0};
    const uint8_t *from = bytes;
    size_t n_left = n_bytes;
    // The first piece that is none of theirs is the first publish.
    while (piece_next(&bytes, &n_bytes, &piece) && state_put(world, &piece)) {
        piece_clear(&piece);
        from = bytes;
        n_left = n_bytes;
    }
    for (guint i = 0; i < world->nodes->len; i++) {
        Node *node = world->nodes->pdata[i];
        gboolean is_good = start(node);
        if (is_good)
            play(node, from, n_left);
        stop(node);
        gboolean is_good_again = start(node);
        g_assert_true(is_good == is_good_again);
        stop(node);
    }
    return 0;
}
