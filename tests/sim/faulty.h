#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// A driver around another one: lets every call fail, run dry, come late or lie as whoever runs the
// world decides, and tells what blocks of key the agent was really given. Keeps the contract of
// agents/qkdn/driver.h, whatever happens.

#include "agents/qkdn/driver.h"

typedef enum {
    FAULTY_NOTHING,
    FAULTY_FAIL,    // STATUS_QKDN_FAILED
    FAULTY_DRY,     // STATUS_INSUFFICIENT_KEY
    FAULTY_UNKNOWN, // STATUS_BLOCK_UNKNOWN, where a block is claimed
    FAULTY_LATE,
    FAULTY_LIE, // a block with one bit changed
    N_FAULTY,
} FaultyFate;

typedef enum { FAULTY_RELAY, FAULTY_TAKE, FAULTY_CLAIM } FaultyCall;

typedef struct {
    // What becomes of a call; `subject` is a border link, or the node that a relay starts from, and
    // `block_id` is NULL unless one is claimed.
    FaultyFate (*fate)(gpointer owner, const char *agent, FaultyCall call, const char *subject,
                       const char *block_id);
    // A block that the agent was given, as it was given.
    void (*given)(gpointer owner, const char *agent, const char *border, const DriverBlock *block);
} FaultyOps;

// Takes over the inner driver. `agent` and `ops` outlive it; the members of `ops` may be NULL.
Driver *driver_faulty_new(Driver *inner, const char *agent, const FaultyOps *ops, gpointer owner);
