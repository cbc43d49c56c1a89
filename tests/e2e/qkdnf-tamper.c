// SPDX-License-Identifier: Apache-2.0
//
// A provider that cheats: the agent as it ships, linked so that what it puts into its outbox passes
// through here (ld --wrap). Of the relay values that it publishes as transit it flips a bit, cuts
// off a byte, swaps those of two requests, or keeps them back, as QKDNF_TAMPER says. Of its
// accounts it lies as QKDNF_CHEAT says.

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

// --- accounts ------------------------------------------------------------------------------------

static void say_usage(Outbox *outbox, const char *to, const WireUsage *usage)
{
    __real_outbox_add(outbox, KIND_USAGE, to, &usage->base);
}

// It did one key more than it did, and in a session for a minute longer.
static void overbill(Outbox *outbox, const char *to, const ProtobufCMessage *message)
{
    WireUsage usage = *(const WireUsage *)message;
    usage.bits += usage.bits / MAX(usage.keys, 1);
    usage.keys++;
    usage.end_us += G_TIME_SPAN_MINUTE;
    say_usage(outbox, to, &usage);
}

// Behind the first record of a session there seems to have been another one.
static void skip(Outbox *outbox, const char *to, const ProtobufCMessage *message)
{
    WireUsage usage = *(const WireUsage *)message;
    usage.partial += usage.partial > 0;
    say_usage(outbox, to, &usage);
}

// Each record once more, for ten times as much.
static void repeat(Outbox *outbox, const char *to, const ProtobufCMessage *message)
{
    WireUsage usage = *(const WireUsage *)message;
    say_usage(outbox, to, &usage);
    usage.keys *= 10;
    usage.bits *= 10;
    say_usage(outbox, to, &usage);
}

// Nothing came from anybody.
static void deny(Outbox *outbox, const char *to, const ProtobufCMessage *message)
{
    WireUsage *usage = message_copy(message);
    for (gsize i = 0; i < usage->n_shares; i++) {
        usage->shares[i]->keys = 0;
        usage->shares[i]->bits = 0;
    }
    say_usage(outbox, to, usage);
    wire_free(usage);
}

// No batch is right.
static void object(Outbox *outbox, const char *to, const ProtobufCMessage *message)
{
    WireDispute dispute = *(const WireDispute *)message;
    dispute.status = QKDNF__V1__STATUS__STATUS_BAD_REQUEST;
    dispute.text = (char *)"we never agreed to this";
    dispute.by = (char *)"somebody else";
    __real_outbox_add(outbox, KIND_DISPUTE, to, &dispute.base);
}

static const struct {
    const char *name;
    KindId kind;
    void (*say)(Outbox *outbox, const char *to, const ProtobufCMessage *message);
} cheats[] = {
    {"overbill", KIND_USAGE, overbill}, {"skip", KIND_USAGE, skip},
    {"repeat", KIND_USAGE, repeat},     {"deny", KIND_USAGE, deny},
    {"object", KIND_DISPUTE, object},
};

static gboolean cheat(Outbox *outbox, KindId kind, const char *to, const ProtobufCMessage *message)
{
    const char *how = g_getenv("QKDNF_CHEAT");
    for (gsize i = 0; how && i < G_N_ELEMENTS(cheats); i++) {
        if (cheats[i].kind == kind && strcmp(cheats[i].name, how) == 0) {
            cheats[i].say(outbox, to, message);
            return TRUE;
        }
    }
    return FALSE;
}

void __wrap_outbox_add(Outbox *outbox, KindId kind, const char *to, const ProtobufCMessage *message)
{
    if (cheat(outbox, kind, to, message))
        return;
    if (kind != KIND_RELAY || ((const WireRelay *)message)->place == 0 ||
        !g_getenv("QKDNF_TAMPER")) {
        __real_outbox_add(outbox, kind, to, message);
        return;
    }
    // The original is stored and said again: it must stay as it is.
    WireRelay *copy = message_copy(message);
    tamper(outbox, to, copy);
    wire_free(copy);
}
