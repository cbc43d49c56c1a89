#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// What a demo has measured, as JSON.

#include "tools/qkdnf/demo.h"

// Known before all that is to be reported is done: whether it can be written. `file` may be NULL.
gboolean demo_report_check(const char *file, GError **error);

// Writes all of it or, where it is a file, nothing. `tap` is what a tap of the bus has recorded.
gboolean demo_report_write(const Demo *demo, const char *file, const char *tap, GError **error);
