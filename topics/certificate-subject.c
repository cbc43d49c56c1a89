// SPDX-License-Identifier: Apache-2.0
//
// Whose a certificate is, and in which roles.

#include "topics/certificate.h"

#include <string.h>

static const char *const role_units[] = {
    [ROLE_PLATFORM] = "qkdnf-platform",       [ROLE_AGENT] = "qkdnf-agent",
    [ROLE_APPLICATION] = "qkdnf-application", [ROLE_MONITOR] = "qkdnf-monitor",
    [ROLE_OPERATOR] = "qkdnf-operator",
};

const char *certificate_role_unit(Role role)
{
    return (gsize)role < G_N_ELEMENTS(role_units) ? role_units[role] : NULL;
}

static char *entry_text(const X509_NAME *subject, int at)
{
    unsigned char *text = NULL;
    int n_bytes =
        ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
    if (n_bytes < 0)
        return NULL;
    gboolean is_plain = strlen((char *)text) == (gsize)n_bytes;
    char *copy = is_plain ? g_strdup((char *)text) : NULL;
    OPENSSL_free(text);
    return copy;
}

static Roles unit_role(const char *unit)
{
    for (guint role = 0; unit && role < G_N_ELEMENTS(role_units); role++) {
        if (role_units[role] && strcmp(unit, role_units[role]) == 0)
            return ROLE_BIT(role);
    }
    return 0;
}

char *certificate_name(const X509 *certificate)
{
    const X509_NAME *subject = X509_get_subject_name(certificate);
    int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    if (at < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, at) >= 0)
        return NULL;
    return entry_text(subject, at);
}

Roles certificate_roles(const X509 *certificate)
{
    const X509_NAME *subject = X509_get_subject_name(certificate);
    Roles roles = 0;
    int at = -1;
    while ((at = X509_NAME_get_index_by_NID(subject, NID_organizationalUnitName, at)) >= 0) {
        g_autofree char *unit = entry_text(subject, at);
        roles |= unit_role(unit);
    }
    return roles;
}
