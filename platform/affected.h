#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// Who is affected by what: from a border link, a provider or an application to the IDs of the
// requests, sessions or agreements that concern it. What happens to one thing is so found for those
// whom it concerns without looking at any other, and in the order of their IDs. Each use is
// counted: what was added twice is there until it was removed twice.

#include <glib.h>

typedef enum {
    BY_LINK,
    BY_PROVIDER,
    BY_RELEASE, // a provider that has not answered what became of it
    BY_SAE,
    BY_INITIATOR, // an application that asked for it itself
    BY_LEFT_LINK, // a border link that was left for another way, and may be taken again
    BY_BUYER,     // a provider that uses another
    BY_SELLER,    // the one that is used
    BY_PAIR,      // "buyer seller"
    N_AFFECTED_BY,
} AffectedBy;

typedef struct Affected Affected;

Affected *affected_new(void);
void affected_free(Affected *affected);

// `id` is not copied: it stays until it was removed.
void affected_add(Affected *affected, AffectedBy by, const char *name, const char *id);
void affected_remove(Affected *affected, AffectedBy by, const char *name, const char *id);

guint affected_count(const Affected *affected, AffectedBy by, const char *name);
// Copies of the IDs, NULL-terminated; to be freed with g_strfreev().
char **affected_find(const Affected *affected, AffectedBy by, const char *name);
