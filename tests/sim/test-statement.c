// SPDX-License-Identifier: Apache-2.0
//
// What an agent makes of batches: it takes each once, in order, and finds whatever does not fit,
// whoever changed, lost or repeated it.

#include "tests/sim/stage.h"
#include "topics/settlement.h"

#include <string.h>

typedef struct {
    WireCurrency currency;
    WireStatementItem item;
    WireStatementItem *items[1];
    WireStatement wire;
    guint8 previous[STATEMENT_DIGEST_BYTES], digest[STATEMENT_DIGEST_BYTES];
} Batch;

// Of what alpha did for beta, after the batch before it.
static void batch_init(Batch *batch, guint64 sequence, const Batch *before)
{
    *batch = (Batch){.currency = WIRE_CURRENCY_INIT,
                     .item = WIRE_STATEMENT_ITEM_INIT,
                     .wire = WIRE_STATEMENT_INIT};
    batch->currency.code = (char *)"EUR";
    batch->item.keys = 2;
    batch->item.bits = 512;
    batch->item.amount = 7;
    batch->items[0] = &batch->item;
    WireStatement *wire = &batch->wire;
    wire->seller = (char *)"alpha";
    wire->buyer = (char *)"beta";
    wire->sequence = wire->period = sequence;
    wire->currency = &batch->currency;
    wire->items = batch->items;
    wire->n_items = wire->n_records = 1;
    wire->keys = 2;
    wire->bits = 512;
    wire->amount = 7;
    if (before) {
        memcpy(batch->previous, before->digest, STATEMENT_DIGEST_BYTES);
        wire->previous = (ProtobufCBinaryData){STATEMENT_DIGEST_BYTES, batch->previous};
    }
}

static void batch_seal(Batch *batch)
{
    statement_digest(&batch->wire, batch->digest);
    batch->wire.digest = (ProtobufCBinaryData){STATEMENT_DIGEST_BYTES, batch->digest};
}

static void say(Stage *stage, const char *to, const ProtobufCMessage *message)
{
    g_autoptr(GBytes) packed = message_pack(message);
    FrameHead head = {.kind = KIND_STATEMENT,
                      .from = PLATFORM,
                      .to = to,
                      .incarnation = 1,
                      .sequence = 1000 + stage->n_tampered++,
                      .sent_at_us = world_now(stage->world)};
    g_autoptr(GBytes) frame = frame_pack(&head, &packed, 1);
    g_autofree char *topic = topic_format(KIND_STATEMENT, PLATFORM, to);
    broker_publish(stage->world->broker, topic, frame);
}

// What it answers; NULL: that all is well.
static void assert_answer(Stage *stage, const Batch *batch, const char *fault, guint64 expected)
{
    stage_forget(stage);
    say(stage, "beta", &batch->wire.base);
    world_run(stage->world, 10 * WORLD_HOP_US);
    const Seen *seen = stage_find(stage, KIND_DISPUTE);
    g_assert_nonnull(seen);
    const WireDispute *dispute = (const WireDispute *)seen->frame->messages[0];
    g_assert_cmpstr(seen->from, ==, "beta");
    g_assert_cmpstr(dispute->text, ==, fault ? fault : "");
    g_assert_cmpint(dispute->status, ==, fault ? STATUS_BAD_REQUEST : STATUS_OK);
    g_assert_cmpuint(dispute->sequence, ==, batch->wire.sequence);
    g_assert_cmpuint(dispute->expected, ==, expected);
}

static void test_in_order(void)
{
    g_autoptr(Stage) stage = stage_chain(2);
    Batch first, second, third;
    batch_init(&first, 1, NULL);
    batch_seal(&first);
    batch_init(&second, 2, &first);
    batch_seal(&second);
    batch_init(&third, 3, &second);
    batch_seal(&third);
    assert_answer(stage, &first, NULL, 2);
    assert_answer(stage, &third, "a batch before it is missing", 2);
    assert_answer(stage, &second, NULL, 3);
    // Said again, it is the same; and one before it changes nothing.
    assert_answer(stage, &second, NULL, 3);
    assert_answer(stage, &first, NULL, 3);
    assert_answer(stage, &third, NULL, 4);
}

static void test_not_as_it_was(void)
{
    g_autoptr(Stage) stage = stage_chain(2);
    Batch first, other;
    batch_init(&first, 1, NULL);
    batch_seal(&first);
    first.wire.amount++;
    assert_answer(stage, &first, "its digest is not that of its contents", 1);
    batch_seal(&first);
    assert_answer(stage, &first, "its totals are not those of its records", 1);
    first.wire.amount--;
    batch_seal(&first);
    assert_answer(stage, &first, NULL, 2);
    batch_init(&other, 1, NULL);
    other.item.keys = other.wire.keys = 200;
    batch_seal(&other);
    assert_answer(stage, &other, "another batch has had its number", 0);
    batch_init(&other, 2, NULL);
    batch_seal(&other);
    assert_answer(stage, &other, "it does not follow on the batch before it", 2);
}

static void test_of_others(void)
{
    g_autoptr(Stage) stage = stage_chain(3);
    Batch first;
    batch_init(&first, 1, NULL);
    batch_seal(&first);
    stage_forget(stage);
    say(stage, "gamma", &first.wire.base);
    world_run(stage->world, 10 * WORLD_HOP_US);
    g_assert_null(stage_find(stage, KIND_DISPUTE));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/statement/in-order", test_in_order);
    g_test_add_func("/statement/not-as-it-was", test_not_as_it_was);
    g_test_add_func("/statement/of-others", test_of_others);
    return g_test_run();
}
