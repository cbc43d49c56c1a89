#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// Log lines of a program: `TIME LEVEL message key=value ...` on standard error, the time in UTC
// with milliseconds, or the same as fields of the journal, which writes the time itself, when it is
// the journal that listens. Library code returns, programs log. Any thread.

#include <glib.h>

// Sends everything that is logged in this process there, GLib's own warnings, too. Debug lines only
// where G_MESSAGES_DEBUG is set then. Before any other thread.
void log_init(const char *program);

// A line of one message for people and pairs of keys and values, up to a NULL key. Values are
// texts; what is not a plain word is quoted, and everything is cut, so that they may come from
// anybody.
void log_line(GLogLevelFlags level, const char *message, ...) G_GNUC_NULL_TERMINATED;
// The same of an array.
void log_pairs(GLogLevelFlags level, const char *message, const char *const *pairs);

// Whether debug lines are written: whoever makes many need not, otherwise.
gboolean log_has_debug(void);

// A value as it stands in a line: a plain word as it is, anything else in quotes and escaped, cut
// to a length that people read. Free with g_free().
char *log_quote(const char *value);
