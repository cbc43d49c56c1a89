#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// A temporary directory with a store in it, for the tests of store and file.

#include "topics/base/store-sqlite.h"

#define PLACE_OWNER "agent vienna"

typedef struct {
    char *dir;
    char *path; // of the store
} Place;

// The set-up and tear-down of g_test_add().
void place_set_up(Place *place, gconstpointer data);
void place_tear_down(Place *place, gconstpointer data);

// These must work, or the test has failed.
Store *place_open(const Place *place);
void place_put(Store *store, const char *table, const char *key, const char *value);
void place_commit(Store *store);

// The committed records of a table as "key=value " each; what the file holds.
char *place_contents(const Place *place, const char *table);
GBytes *place_bytes(const Place *place);

// Has one of its tables, and all of it, as the first version of the format had them, and nothing
// else in the file.
void place_make_first_format(const Place *place, const char *table);

// In a process of its own, which may give up privileges, change limits, or end: its exit status.
int place_in_child(void (*fn)(const Place *place), const Place *place);
