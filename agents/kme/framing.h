#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// Where one request ends and the next begins (RFC 9112). libevent passes on requests of which it
// and a proxy before it may think differently; what is hidden in one of them would be read as the
// next. Such a request is refused, and its connection closed.

#include <event2/http.h>
#include <glib.h>

// NULL when there is no doubt; else where it lies, and what was expected there. Static.
const char *framing_find_fault(struct evhttp_request *request, const char **ret_expected);
