// SPDX-License-Identifier: Apache-2.0

#include "topics/mqtt/advice.h"

#include "topics/mqtt/pem.h"

#include <string.h>

static char *format_day(const ASN1_TIME *time)
{
    struct tm day = {0};
    return ASN1_TIME_to_tm(time, &day) == 1
               ? g_strdup_printf("%d-%02d-%02d", day.tm_year + 1900, day.tm_mon + 1, day.tm_mday)
               : g_strdup("an unknown day");
}

// NULL: the certificate is good for now.
static char *explain_dates(const X509 *certificate, const char *path, gint64 now_s)
{
    time_t now = (time_t)now_s;
    g_autofree char *from = format_day(X509_get0_notBefore(certificate));
    g_autofree char *until = format_day(X509_get0_notAfter(certificate));
    if (X509_cmp_time(X509_get0_notAfter(certificate), &now) < 0)
        return g_strdup_printf("our certificate is refused: %s has expired on %s; have it renewed "
                               "(qkdnf certificate renew)",
                               path, until);
    if (X509_cmp_time(X509_get0_notBefore(certificate), &now) > 0)
        return g_strdup_printf("our certificate is refused: %s is good only from %s on; check this "
                               "machine's clock",
                               path, from);
    return NULL;
}

char *advice_on_refusal(const char *certificate_path, gint64 now_s)
{
    g_autoptr(X509) certificate = pem_load_certificate(certificate_path, NULL);
    char *text = certificate ? explain_dates(certificate, certificate_path, now_s) : NULL;
    return text ? text
                : g_strdup_printf("it hangs up, as if our certificate is refused: check that %s is "
                                  "of an authority of this federation, and not revoked",
                                  certificate_path);
}

char *advice_on_tls(const char *reason, const char *ca_path, const char *host)
{
    if (!strstr(reason, "certificate verify failed"))
        return g_strdup(reason);
    return g_strdup_printf(
        "%s: that of the broker is not of an authority in %s, has expired, or is "
        "not for %s; check that this is the federation's list of authorities, "
        "and the broker's URL",
        reason, ca_path, host);
}
