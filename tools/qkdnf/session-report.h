#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// Sessions and handovers as a person or a script is told of them.

#include "schemas/wire.h"

#include <jansson.h>

// `{"status", "text", "sessions": [...], "offer"}`; release with json_decref().
json_t *session_report_to_json(const WireSessionState *state);
// One line for each session.
char *session_report_list(const WireSessionState *state);
// Everything that is known of one.
char *session_report_show(const WireSessionInfo *info);
// What could be had instead of what was refused; NULL: nothing.
char *session_report_offer(const WireSessionState *state);

// `{"handover", "sae", "phase", "status", "text", "provider", ...}`; release with json_decref().
json_t *handover_report_to_json(const WireHandoverState *state);
// One phase, in one line.
char *handover_report_phase(const WireHandoverState *state);

// Such as "ACTIVE".
const char *session_report_phase_name(const WireSessionInfo *info);
const char *handover_report_phase_name(const WireHandoverState *state);
