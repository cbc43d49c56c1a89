#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// The one list of result codes, as C names it, and what each means in words.

#include "schemas/status.pb-c.h"

typedef Qkdnf__V1__Status Status;

#define STATUS_OK                QKDNF__V1__STATUS__STATUS_OK
#define STATUS_BAD_REQUEST       QKDNF__V1__STATUS__STATUS_BAD_REQUEST
#define STATUS_UNKNOWN_SAE       QKDNF__V1__STATUS__STATUS_UNKNOWN_SAE
#define STATUS_UNKNOWN_MEMBER    QKDNF__V1__STATUS__STATUS_UNKNOWN_MEMBER
#define STATUS_NOT_ALLOWED       QKDNF__V1__STATUS__STATUS_NOT_ALLOWED
#define STATUS_NO_ROUTE          QKDNF__V1__STATUS__STATUS_NO_ROUTE
#define STATUS_NO_DISJOINT_PATHS QKDNF__V1__STATUS__STATUS_NO_DISJOINT_PATHS
#define STATUS_INSUFFICIENT_KEY  QKDNF__V1__STATUS__STATUS_INSUFFICIENT_KEY
#define STATUS_SLOT_USED         QKDNF__V1__STATUS__STATUS_SLOT_USED
#define STATUS_SLOT_UNKNOWN      QKDNF__V1__STATUS__STATUS_SLOT_UNKNOWN
#define STATUS_TAG_MISMATCH      QKDNF__V1__STATUS__STATUS_TAG_MISMATCH
#define STATUS_EXPIRED           QKDNF__V1__STATUS__STATUS_EXPIRED
#define STATUS_VOIDED            QKDNF__V1__STATUS__STATUS_VOIDED
#define STATUS_QKDN_FAILED       QKDNF__V1__STATUS__STATUS_QKDN_FAILED
#define STATUS_BUSY              QKDNF__V1__STATUS__STATUS_BUSY
#define STATUS_UNSUPPORTED       QKDNF__V1__STATUS__STATUS_UNSUPPORTED
#define STATUS_INTERNAL          QKDNF__V1__STATUS__STATUS_INTERNAL
#define STATUS_BLOCK_UNKNOWN     QKDNF__V1__STATUS__STATUS_BLOCK_UNKNOWN
#define STATUS_NO_AGREEMENT      QKDNF__V1__STATUS__STATUS_NO_AGREEMENT
#define STATUS_QUOTA_USED        QKDNF__V1__STATUS__STATUS_QUOTA_USED

// The code's name without the prefix, such as "NO_ROUTE"; "UNKNOWN" for a code that this version
// does not have.
const char *status_name(Status status);

// A sentence for a person, such as "no path of active providers and working border links".
const char *status_text(Status status);
