// SPDX-License-Identifier: Apache-2.0

#include "tests/unit/authority.h"

#include "topics/mqtt/credentials-file.h"

Credentials *authority_issue(const char *dir, const char *id, PkiUsage usage, Roles roles)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(PkiCa) ca = pki_create_ca(dir, &error);
    g_assert_no_error(error);
    pki_issue(ca, id, usage, roles, dir, &error);
    g_assert_no_error(error);
    return authority_load(dir, id, NULL);
}

Credentials *authority_load(const char *dir, const char *id, const char *crl)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *authority = g_build_filename(dir, PKI_CA_CERTIFICATE_FILE, NULL);
    g_autofree char *certificate = g_strdup_printf("%s/%s.crt", dir, id);
    g_autofree char *key = g_strdup_printf("%s/%s.key", dir, id);
    g_autofree char *list = crl ? g_build_filename(dir, crl, NULL) : NULL;
    Connection connection = {.ca = authority, .certificate = certificate, .key = key, .crl = list};
    Credentials *credentials = credentials_load(&connection, id, &error);
    g_assert_no_error(error);
    return credentials;
}
