#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// The federation's faults, whoever noticed them. Inside the federation core: fault.c keeps them,
// notice.c shares them.

#include "platform/member.h"

// As the platform itself names what it notices; no member's reports are named so.
#define FAULT_PRESENCE "platform/presence"
#define FAULT_ORDERS   "platform/orders"

typedef struct {
    char *key;           // "member id", by which it is sorted and kept
    WireFaultInfo *info; // owned
    guint64 incarnation; // of the member that reported it; 0: the platform noticed it
    GPtrArray *notified; // IDs of members that were told and have not been told of its end
} Fault;

void fault_save(Federation *federation, const Fault *fault);
// Tells those whose policy asks for it and whom it concerns; once it is cleared, those who were
// told.
void notice_send(Federation *federation, Fault *fault);
