// SPDX-License-Identifier: Apache-2.0
//
// The audit trail of membership: who changed what, when and why, and what was tried in vain.

#include "platform/core.h"
#include "schemas/membership.h"
#include "topics/record.h"

#include <string.h>

// Older ones are dropped.
#define RECORDS_MAX 100000

// The store loads records in the order of their keys.
static GBytes *key_of(const WireAuditRecord *record)
{
    guint64 number = GUINT64_TO_BE(record->number);
    return g_bytes_new(&number, sizeof number);
}

static char *name_of(GBytes *key)
{
    guint64 number = 0;
    if (g_bytes_get_size(key) == sizeof number)
        memcpy(&number, g_bytes_get_data(key, NULL), sizeof number);
    return g_strdup_printf("%" G_GUINT64_FORMAT, GUINT64_FROM_BE(number));
}

static void drop_oldest(Federation *federation)
{
    WireAuditRecord *record = g_queue_pop_head(&federation->audit);
    g_autoptr(GBytes) key = key_of(record);
    store_delete(federation->store, "audit", key);
    wire_free(record);
}

static void say(Federation *federation, const AuditEntry *entry)
{
    gboolean is_done = entry->status == STATUS_OK;
    federation_event(federation,
                     &(EventHead){.severity = is_done ? QKDNF__V1__SEVERITY__SEVERITY_INFO
                                                      : QKDNF__V1__SEVERITY__SEVERITY_WARNING,
                                  .name = is_done ? "member.state" : "member.command-refused",
                                  .subject = entry->member,
                                  .cause = entry->text},
                     "%s by %s: %s → %s", entry->command, entry->actor,
                     member_state_name(entry->from), member_state_name(entry->to));
}

void audit_add(Federation *federation, const AuditEntry *entry)
{
    const WireAuditRecord *last = g_queue_peek_tail(&federation->audit);
    WireAuditRecord record = WIRE_AUDIT_RECORD_INIT;
    record.number = last ? last->number + 1 : 1;
    record.at_us = (guint64)federation->now;
    record.actor = (char *)entry->actor;
    record.member = (char *)entry->member;
    record.command = (char *)entry->command;
    record.from = entry->from;
    record.to = entry->to;
    record.status = (Qkdnf__V1__Status)entry->status;
    record.text = (char *)(entry->text ? entry->text : "");
    g_autoptr(GBytes) key = key_of(&record);
    g_autoptr(GBytes) value = message_pack(&record.base);
    store_put(federation->store, "audit", key, value);
    g_queue_push_tail(&federation->audit, message_copy(&record.base));
    if (federation->audit.length > RECORDS_MAX)
        drop_oldest(federation);
    say(federation, entry);
}

// Under its own number.
static gboolean is_whole(const WireAuditRecord *record, GBytes *key)
{
    g_autoptr(GBytes) expected = record ? key_of(record) : NULL;
    return expected && g_bytes_equal(expected, key);
}

static void load_record(gpointer data, GBytes *key, GBytes *value)
{
    RecordLoading *loading = data;
    Federation *federation = loading->core;
    g_autofree char *name = name_of(key);
    WireAuditRecord *record = record_unpack(&qkdnf__v1__audit_record__descriptor, value);
    if (is_whole(record, key)) {
        g_queue_push_tail(&federation->audit, record);
        return;
    }
    record_fail(loading, "audit record", name, "is damaged");
    wire_free(record);
}

gboolean audit_load(Federation *federation, GError **error)
{
    return record_load(federation->store, "audit", load_record, federation, error);
}
