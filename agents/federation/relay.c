// SPDX-License-Identifier: Apache-2.0

#include "agents/federation/relay.h"

#include <openssl/evp.h>
#include <string.h>

static gsize bare_keys_bytes(const WireOrder *order)
{
    return (gsize)order->number * order->size_bits / 8;
}

gsize relay_keys_bytes(const WireOrder *order)
{
    return bare_keys_bytes(order) + (order->copy ? (order->number + 7) / 8 : 0);
}

gsize relay_payload_bytes(const WireOrder *order)
{
    return relay_keys_bytes(order) + RELAY_AUTHENTICATOR_BYTES;
}

gsize relay_slots(const WireOrder *order)
{
    return (relay_payload_bytes(order) + SLOT_BYTES - 1) / SLOT_BYTES;
}

guint8 *relay_marks(const WireOrder *order, const Secret *keys)
{
    g_assert(keys->n_bytes == relay_keys_bytes(order));
    return order->copy ? keys->data + bare_keys_bytes(order) : NULL;
}

void relay_mark(guint8 *marks, guint index, gboolean is_there)
{
    guint8 bit = (guint8)(1u << index % 8), *mark = &marks[index / 8];
    *mark = (guint8)(is_there ? *mark | bit : *mark & ~bit);
}

gboolean relay_is_marked(const guint8 *marks, guint index)
{
    return (marks[index / 8] >> index % 8 & 1) != 0;
}

static void add_number(GByteArray *context, guint32 number)
{
    guint32 big_endian = GUINT32_TO_BE(number);
    g_byte_array_append(context, (const guint8 *)&big_endian, sizeof big_endian);
}

static void add_text(GByteArray *context, const char *text)
{
    gsize n_bytes = strlen(text);
    add_number(context, (guint32)n_bytes);
    g_byte_array_append(context, (const guint8 *)text, (guint)n_bytes);
}

static void add_texts(GByteArray *context, char *const *texts, gsize n_texts)
{
    add_number(context, (guint32)n_texts);
    for (gsize i = 0; i < n_texts; i++)
        add_text(context, texts[i]);
}

// The paths to a target stand in the branches of both its ends: of the initiator's order and of the
// target's, in the same order.
static gboolean branch_ends_path(const WireBranch *branch, guint target)
{
    return branch->target == target &&
           (branch->role == QKDNF__V1__BRANCH_ROLE__BRANCH_ROLE_INITIATOR ||
            branch->role == QKDNF__V1__BRANCH_ROLE__BRANCH_ROLE_TARGET);
}

// A canonical encoding: every text with its length, every list with its count.
static GByteArray *context_new(const WireOrder *order, guint target)
{
    GByteArray *context = g_byte_array_new();
    add_text(context, "qkdnf/v1 relay");
    add_text(context, order->request);
    add_number(context, order->attempt);
    add_text(context, order->initiator);
    add_texts(context, order->targets, order->n_targets);
    add_number(context, target);
    add_number(context, order->number);
    add_number(context, order->size_bits);
    for (gsize i = 0; i < order->n_branches; i++) {
        const WireBranch *branch = order->branches[i];
        if (branch_ends_path(branch, target))
            add_texts(context, branch->providers, branch->n_providers);
    }
    return context;
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(EVP_MAC, EVP_MAC_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EVP_MAC_CTX, EVP_MAC_CTX_free)

void relay_tag(const WireOrder *order, guint target, const Secret *payload,
               guint8 ret_tag[RELAY_TAG_BYTES])
{
    gsize n_keys_bytes = relay_keys_bytes(order);
    g_assert(payload->n_bytes == n_keys_bytes + RELAY_AUTHENTICATOR_BYTES);
    g_autoptr(GByteArray) context = context_new(order, target);
    g_autoptr(EVP_MAC) poly1305 = EVP_MAC_fetch(NULL, "POLY1305", NULL);
    g_autoptr(EVP_MAC_CTX) mac = EVP_MAC_CTX_new(poly1305);
    gsize n_tag = 0;
    gboolean ok =
        mac &&
        EVP_MAC_init(mac, payload->data + n_keys_bytes, RELAY_AUTHENTICATOR_BYTES, NULL) == 1 &&
        EVP_MAC_update(mac, context->data, context->len) == 1 &&
        EVP_MAC_update(mac, payload->data, n_keys_bytes) == 1 &&
        EVP_MAC_final(mac, ret_tag, &n_tag, RELAY_TAG_BYTES) == 1;
    g_assert(ok && n_tag == RELAY_TAG_BYTES);
}
