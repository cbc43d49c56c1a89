#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// What was measured on: results without it say nothing.

#include <jansson.h>

// `{"cpu", "n_cpus", "kernel", "load"}`.
json_t *machine_to_json(void);

// `{"qkdnf", "broker", "paho", "openssl", "sqlite", "compiler"}`.
json_t *machine_versions_to_json(void);
