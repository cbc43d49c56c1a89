#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// Certificate authorities for tests, as the project itself makes them, each in a directory of its
// own (scratch.h). Every failure fails the test.

#include "topics/certificate.h"
#include "topics/mqtt/pki.h"

// Issues a certificate, and loads it.
Credentials *authority_issue(const char *dir, const char *id, PkiUsage usage, Roles roles);
// What was issued before; `crl`: the file in the directory that lists what was revoked, or NULL.
Credentials *authority_load(const char *dir, const char *id, const char *crl);
