// SPDX-License-Identifier: Apache-2.0
//
// The description of a running federation, as an application reads it.

#include "agents/application/federation-file.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(FederationFile) file =
        federation_file_parse((const char *)bytes, n_bytes, "/f", "bank-vienna", &error);
    g_assert_true((file == NULL) == (error != NULL));
    if (file) {
        g_assert_nonnull(file->broker_url);
        g_assert_true(g_path_is_absolute(file->certificate));
        g_assert_true(g_path_is_absolute(file->key));
    }
    return 0;
}
