#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// The description of a running federation (federation.json), as far as one application needs it.
// Text in, struct out; no I/O.

#include <glib.h>

typedef struct {
    char *broker_url;
    char *ca;
    char *platform;
    char *certificate;
    char *key;
    char *kme_url; // NULL where the file does not say
    char *kme_id;  // NULL where the file does not say
} FederationFile;

// `dir` is what file names in it are relative to. The error says what is missing.
FederationFile *federation_file_parse(const char *text, gsize n_bytes, const char *dir,
                                      const char *sae, GError **error);
void federation_file_free(FederationFile *file);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(FederationFile, federation_file_free)
