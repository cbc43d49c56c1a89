// SPDX-License-Identifier: Apache-2.0

#include "schemas/status.h"

#include <glib.h>
#include <string.h>

static const char *const texts[] = {
    [STATUS_OK] = "done",
    [STATUS_BAD_REQUEST] = "malformed, or outside the limits",
    [STATUS_UNKNOWN_SAE] = "no such application is registered",
    [STATUS_UNKNOWN_MEMBER] = "no such member, or nothing registered by it",
    [STATUS_NOT_ALLOWED] = "not allowed to this sender",
    [STATUS_NO_ROUTE] = "no path of active providers and working border links",
    [STATUS_NO_DISJOINT_PATHS] = "not as many disjoint paths as asked for",
    [STATUS_INSUFFICIENT_KEY] = "not enough key in stock",
    [STATUS_SLOT_USED] = "a border-link slot was used before",
    [STATUS_SLOT_UNKNOWN] = "a border-link slot is not held",
    [STATUS_TAG_MISMATCH] = "relayed key failed its authentication",
    [STATUS_EXPIRED] = "the deadline passed",
    [STATUS_VOIDED] = "voided",
    [STATUS_QKDN_FAILED] = "the provider's network could not do its part",
    [STATUS_BUSY] = "too much under way for this sender",
    [STATUS_UNSUPPORTED] = "not offered here",
    [STATUS_INTERNAL] = "failed inside the answering member",
    [STATUS_BLOCK_UNKNOWN] = "a key block could not be claimed",
    [STATUS_NO_AGREEMENT] = "no agreement between the providers covers it",
    [STATUS_QUOTA_USED] = "the quota of an agreement is used up",
};

const char *status_name(Status status)
{
    const ProtobufCEnumValue *value =
        protobuf_c_enum_descriptor_get_value(&qkdnf__v1__status__descriptor, (int)status);
    return value ? value->name + strlen("STATUS_") : "UNKNOWN";
}

const char *status_text(Status status)
{
    return (gsize)status < G_N_ELEMENTS(texts) && texts[status] ? texts[status] : "unknown result";
}
