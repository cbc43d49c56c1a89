#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// What a simulated QKDN consists of, as it stands under the driver's section of an agent's
// configuration.
//
// Rates are those of life: the driver multiplies each by `time_scale`, and so do the rates that it
// reports. Lengths of time (`at_s`, `for_s`) are not scaled. A number that is absent is 0.

#include "topics/base/settings.h"

typedef struct {
    char *id;
    gboolean access;  // users attach here
    gboolean gateway; // border links end here
} SimNode;

// A QKD link between two nodes. Its secret key rate is `rate_bps` where given, else by the rate
// model (rate-model.h) from the loss, or from the length where no loss is given.
typedef struct {
    char *a;
    char *b;
    double km; // fibre; also gives the latency
    double loss_db;
    guint64 rate_bps;
    guint64 store_bytes; // more key than this is not kept
    guint64 initial_bytes;
    guint64 low_water_bytes; // at or below, other routes are preferred
    double qber;             // as published; decides nothing
    char *technology;        // as published; decides nothing
} SimLink;

// This network's end of a border link. Both ends must name the same `id`, `block_bytes` and
// `secret`; what is said of km, loss and rate is as for a link.
typedef struct {
    char *id;
    char *node; // a gateway
    char *peer; // the neighbouring provider
    double km;
    double loss_db;
    guint64 rate_bps;
    guint64 block_bytes; // a multiple of 32, the size of a ledger slot
    guint64 store_bytes;
    guint64 initial_bytes;
    char *secret; // 64 hexadecimal digits; both ends derive the blocks from it
} SimBorder;

// A fault that comes by itself.
typedef struct {
    guint64 at_s;  // after the driver's start
    guint64 for_s; // 0: for good
    int scope;     // DriverScope
    char *subject;
    char *cause;
} SimFault;

typedef struct {
    guint64 time_scale; // at least 1; how many times faster than life keys are made
    GPtrArray *nodes;   // SimNode
    GPtrArray *links;   // SimLink
    GPtrArray *borders; // SimBorder
    GPtrArray *faults;  // SimFault
} SimSettings;

// The table by which a SimSettings is read.
extern const Setting sim_settings[];

// Of these, what of a SimBorder is not particular to one end.
extern const SettingTable sim_border_rate_table;

// What the table cannot say: unknown and repeated nodes, a link without rate and length, ...
void sim_settings_check(const SimSettings *sim, Settings *settings);
