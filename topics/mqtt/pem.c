// SPDX-License-Identifier: Apache-2.0

#include "topics/mqtt/pem.h"

#include "topics/certificate.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

void pem_set_error(GError **error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *what = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    // OpenSSL's first error is the system's, where that is the cause; the last says the most else.
    unsigned long first = ERR_peek_error();
    const char *reason = ERR_SYSTEM_ERROR(first) ? g_strerror(ERR_GET_REASON(first))
                                                 : ERR_reason_error_string(ERR_peek_last_error());
    ERR_clear_error();
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "%s: %s", what,
                reason ? reason : "unusable");
}

static BIO *open_pem(const char *path, char **ret_text, GError **error)
{
    gsize n_bytes = 0;
    if (!g_file_get_contents(path, ret_text, &n_bytes, error))
        return NULL;
    return BIO_new_mem_buf(*ret_text, (int)MIN(n_bytes, G_MAXINT));
}

X509 *pem_load_certificate(const char *path, GError **error)
{
    g_autofree char *text = NULL;
    g_autoptr(BIO) bio = open_pem(path, &text, error);
    if (!bio)
        return NULL;
    X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    if (!certificate)
        pem_set_error(error, "%s is not a certificate in PEM", path);
    return certificate;
}

// Without it OpenSSL would ask on the terminal.
static int no_password(char *ret_password, int n_bytes, int is_writing, void *data)
{
    gboolean *ret_is_encrypted = data;
    *ret_is_encrypted = TRUE;
    return -1;
}

EVP_PKEY *pem_load_key(const char *path, GError **error)
{
    g_autofree char *text = NULL;
    g_autoptr(BIO) bio = open_pem(path, &text, error);
    if (!bio)
        return NULL;
    gboolean is_encrypted = FALSE;
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, no_password, &is_encrypted);
    OPENSSL_cleanse(text, strlen(text));
    if (!key)
        pem_set_error(error,
                      is_encrypted ? "%s: expected a key without a password"
                                   : "%s is not a private key in PEM",
                      path);
    return key;
}

gboolean pem_check_identity(const char *certificate_path, const char *key_path, const char *id,
                            GError **error)
{
    g_autoptr(X509) certificate = pem_load_certificate(certificate_path, error);
    if (!certificate)
        return FALSE;
    g_autoptr(EVP_PKEY) key = pem_load_key(key_path, error);
    if (!key)
        return FALSE;
    if (X509_check_private_key(certificate, key) != 1) {
        pem_set_error(error, "%s is not the key of %s", key_path, certificate_path);
        return FALSE;
    }
    g_autofree char *name = certificate_name(certificate);
    if (g_strcmp0(name, id) == 0)
        return TRUE;
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED,
                "the common name of the certificate %s is %s, not %s", certificate_path,
                name ? name : "missing", id);
    return FALSE;
}
