#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// Why a broker cannot be used, and what a person does about it. Reads files, never writes; any
// thread. All texts are to be freed with g_free().

#include <glib.h>

// The broker hangs up once it has seen our certificate, at this time (seconds since 1970).
char *advice_on_refusal(const char *certificate_path, gint64 now_s);

// OpenSSL's reason why there is no TLS with the broker, which is believed by what is in a file.
char *advice_on_tls(const char *reason, const char *ca_path, const char *host);
