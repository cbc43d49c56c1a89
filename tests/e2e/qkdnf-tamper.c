// SPDX-License-Identifier: Apache-2.0
//
// A provider that cheats: the agent as it ships, linked so that what it puts into its outbox passes
// through here (ld --wrap). Of the relay values that it publishes as transit it flips a bit, cuts
// off a byte, swaps those of two requests, or keeps them back, as QKDNF_TAMPER says. With
// QKDNF_OVERCHARGE it says of each order that it did one key more.

#include "topics/outbox.h"

#include <string.h>

void __real_outbox_add(Outbox *outbox, KindId kind, const char *to,
                       const ProtobufCMessage *message);
void __wrap_outbox_add(Outbox *outbox, KindId kind, const char *to,
                       const ProtobufCMessage *message);

// Waits for another request to swap values with. It is a process's own, as the whole program is.
static WireRelay *held;

static void send_relay(Outbox *outbox, const char *to, const WireRelay *relay)
{
    __real_outbox_add(outbox, KIND_RELAY, to, &relay->base);
}

static void swap(Outbox *outbox, const char *to, WireRelay *relay)
{
    if (!held) {
        held = message_copy(&relay->base);
        return;
    }
    if (strcmp(held->request, relay->request) == 0)
        return;
    ProtobufCBinaryData value = held->value;
    held->value = relay->value;
    relay->value = value;
    send_relay(outbox, to, held);
    send_relay(outbox, to, relay);
    g_clear_pointer(&held, wire_free);
}

static void tamper(Outbox *outbox, const char *to, WireRelay *relay)
{
    const char *how = g_getenv("QKDNF_TAMPER");
    g_assert(how && relay->value.len > 0);
    if (strcmp(how, "swap") == 0) {
        swap(outbox, to, relay);
    } else if (strcmp(how, "cut") == 0) {
        relay->value.len--;
        send_relay(outbox, to, relay);
    } else if (strcmp(how, "flip") == 0) {
        relay->value.data[relay->value.len / 2] ^= 0x10;
        send_relay(outbox, to, relay);
    }
}

// It says that it did more than it did.
static void overcharge(Outbox *outbox, const char *to, const ProtobufCMessage *message)
{
    WireUsage usage = *(const WireUsage *)message;
    usage.keys++;
    __real_outbox_add(outbox, KIND_USAGE, to, &usage.base);
}

void __wrap_outbox_add(Outbox *outbox, KindId kind, const char *to, const ProtobufCMessage *message)
{
    if (kind == KIND_USAGE && g_getenv("QKDNF_OVERCHARGE")) {
        overcharge(outbox, to, message);
        return;
    }
    if (kind != KIND_RELAY || ((const WireRelay *)message)->place == 0) {
        __real_outbox_add(outbox, kind, to, message);
        return;
    }
    // The original is stored and said again: it must stay as it is.
    WireRelay *copy = message_copy(message);
    tamper(outbox, to, copy);
    wire_free(copy);
}
