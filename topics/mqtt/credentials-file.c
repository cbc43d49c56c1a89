// SPDX-License-Identifier: Apache-2.0

#include "topics/mqtt/credentials-file.h"

#include "topics/certificate.h"
#include "topics/mqtt/pem.h"

#include <glib/gstdio.h>
#include <sys/stat.h>

#define KEY_MIN_BYTES 32
#define KEY_MAX_BYTES 1024

static gboolean read_texts(const Connection *connection, char **ret_ca, char **ret_chain,
                           char **ret_crl, GError **error)
{
    return g_file_get_contents(connection->ca, ret_ca, NULL, error) &&
           g_file_get_contents(connection->certificate, ret_chain, NULL, error) &&
           (!connection->crl || g_file_get_contents(connection->crl, ret_crl, NULL, error));
}

Credentials *credentials_load(const Connection *connection, const char *id, GError **error)
{
    g_autofree char *ca = NULL, *chain = NULL, *crl = NULL;
    if (!pem_check_identity(connection->certificate, connection->key, id, error) ||
        !read_texts(connection, &ca, &chain, &crl, error))
        return NULL;
    g_autoptr(EVP_PKEY) key = pem_load_key(connection->key, error);
    if (!key)
        return NULL;
    CertificateTexts texts = {ca, crl, chain, key};
    Credentials *credentials = certificate_credentials_new(&texts, error);
    if (!credentials)
        g_prefix_error(error, "cannot use %s, %s%s%s and %s: ", connection->certificate,
                       connection->key, connection->crl ? ", " : "",
                       connection->crl ? connection->crl : "", connection->ca);
    return credentials;
}

// --- pre-shared keys -----------------------------------------------------------------------------

static gboolean fail(GError **error, const char *path, const char *expected)
{
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "pre-shared key %s: expected %s", path,
                expected);
    return FALSE;
}

static gboolean add_file(const char *path, const char *peer, Authentication *authentication,
                         GError **error)
{
    g_autofree char *bytes = NULL;
    gsize n_bytes = 0;
    GStatBuf status;
    if (!id_is_valid(peer))
        return fail(error, path, "a member's ID as the name of the file");
    if (g_stat(path, &status) != 0 || !S_ISREG(status.st_mode) || (status.st_mode & 0077) != 0)
        return fail(error, path, "a file that only its owner can read (mode 0600)");
    if (!g_file_get_contents(path, &bytes, &n_bytes, error))
        return FALSE;
    gboolean is_key = n_bytes >= KEY_MIN_BYTES && n_bytes <= KEY_MAX_BYTES;
    if (is_key) {
        g_autoptr(Secret) key = secret_new_copy((const guint8 *)bytes, n_bytes);
        authentication_add_pre_shared(authentication, peer, key);
    }
    secret_wipe(bytes, n_bytes);
    return is_key || fail(error, path, "32 to 1024 random bytes");
}

gboolean pre_shared_load(const char *directory, Authentication *authentication, GError **error)
{
    g_autoptr(GDir) dir = g_dir_open(directory, 0, error);
    if (!dir)
        return FALSE;
    for (const char *name; (name = g_dir_read_name(dir));) {
        g_autofree char *path = g_build_filename(directory, name, NULL);
        if (!add_file(path, name, authentication, error))
            return FALSE;
    }
    return TRUE;
}
