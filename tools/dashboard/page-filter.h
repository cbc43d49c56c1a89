#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// What a page may say to the broker: connect as nobody in particular, subscribe, and keep the
// connection alive. The broker refuses a monitor's publishes, too; but that a page neither leaves a
// will or a session behind nor takes another client's place by its client ID, only the filter
// ensures. Bytes in, verdict out; no I/O.

#include <glib.h>

// The longest packet that passes.
#define PAGE_PACKET_MAX_BYTES 4096

// All zero at first.
typedef struct {
    gboolean is_connected; // the first packet has passed
} PageFilter;

typedef enum {
    PAGE_MORE, // the packet is not whole yet
    PAGE_PASS,
    PAGE_REFUSE,
} PageVerdict;

// Judges the MQTT packet at the beginning of `bytes`; of one that passes, its size.
PageVerdict page_filter_judge(PageFilter *filter, const guint8 *bytes, gsize n_bytes,
                              gsize *ret_n_packet);
