#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// A picture of a federation as lines of text, for a terminal of any width from 80 columns on. No
// I/O.

#include <glib.h>
#include <jansson.h>

typedef enum { SCREEN_PLAIN, SCREEN_TITLE, SCREEN_HEADING, SCREEN_BAD } ScreenStyle;

typedef struct {
    ScreenStyle style;
    char *text; // at most `columns` characters, none of them a control character
} ScreenLine;

// The head stays when the rest is scrolled.
#define SCREEN_HEAD_LINES 3

// `picture` is what picture_to_json() gives. ScreenLine; release with g_ptr_array_unref().
GPtrArray *screen_format(const json_t *picture, guint columns);
