#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// What every fuzz target has: libFuzzer's entry point, one input at a time, in one process.

#include <glib.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

// Returns 0; ends the process when something is wrong.
__attribute__((visibility("default"))) int LLVMFuzzerTestOneInput(const uint8_t *bytes,
                                                                  size_t n_bytes);
