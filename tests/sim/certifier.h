#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// Credentials for a world with thousands of members and births: a certificate is its text, and a
// signature is a MAC that everyone in this process could make, so it shows only who has called.
// Everything else of authentication is that of the daemons.

#include "topics/credentials.h"

Credentials *certifier_new(const char *id, Role role);
