#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// The file that holds an agent's master key: exactly 32 bytes, readable by its owner only.

#include "topics/base/secret.h"

Secret *master_key_read(const char *path, GError **error);
