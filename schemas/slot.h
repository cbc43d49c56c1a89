#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// What orders count the key of border links in (order.proto).

#define SLOT_BITS 256
