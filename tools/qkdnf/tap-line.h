#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// The bus for people: a decoded publish as lines, one for each message. No I/O.

#include "tools/qkdnf/decode.h"

// `publish` is what decode_publish() gives. Each line ends with a newline and holds no other
// control character, whatever a sender has put into its texts; long values are cut. With `colours`,
// kinds and severities have the colours of ECMA-48. Free with g_free().
char *tap_line_format(const json_t *publish, gboolean colours);
