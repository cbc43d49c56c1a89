#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// What etsi014_parse() is made of; for the sources of this folder only. Each function returns NULL
// or the answer by which the request is refused.

#include "agents/kme/etsi014.h"

// Read a body into the call. `n_bytes` is within ETSI014_MAX_BODY_BYTES.
Etsi014Answer *etsi014_read_key_request(const guint8 *body, gsize n_bytes, const KeyLimits *limits,
                                        Etsi014Call *call);
Etsi014Answer *etsi014_read_key_ids(const guint8 *body, gsize n_bytes, const KeyLimits *limits,
                                    Etsi014Call *call);

// Check one value, wherever it stood; `value` may lie outside what the call can hold.
Etsi014Answer *etsi014_set_number(gint64 value, const KeyLimits *limits, Etsi014Call *call);
Etsi014Answer *etsi014_set_size(gint64 value, const KeyLimits *limits, Etsi014Call *call);

// 400 `Bad request format.`
Etsi014Answer *etsi014_bad(const char *where, const char *what);
