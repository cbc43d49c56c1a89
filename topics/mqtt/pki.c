// SPDX-License-Identifier: Apache-2.0

#include "topics/mqtt/pki.h"

#include "topics/certificate.h"
#include "topics/mqtt/pem.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <string.h>

#define CA_NAME       "qkdnf private CA"
#define CA_DAYS       3650
#define DAYS          365
#define CRL_DAYS      90
#define BACKDATE_S    300 // clocks differ
#define SERIAL_BYTES  16
#define MODE_PRIVATE  0600
#define MODE_READABLE 0644

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ASN1_TIME, ASN1_TIME_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(X509_CRL, X509_CRL_free)

struct PkiCa {
    X509 *certificate;
    EVP_PKEY *key;
};

typedef struct {
    int nid;
    const char *value;
} Extension;

void pki_ca_free(PkiCa *ca)
{
    if (!ca)
        return;
    X509_free(ca->certificate);
    EVP_PKEY_free(ca->key);
    g_free(ca);
}

static gboolean set_serial(X509 *certificate)
{
    guint8 bytes[SERIAL_BYTES];
    if (RAND_bytes(bytes, sizeof bytes) != 1)
        return FALSE;
    bytes[0] = (bytes[0] & 0x3f) | 0x40; // positive, and of full length
    g_autoptr(BIGNUM) number = BN_bin2bn(bytes, sizeof bytes, NULL);
    return number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
}

static gboolean add_entry(X509_NAME *subject, int nid, const char *text)
{
    return X509_NAME_add_entry_by_NID(subject, nid, MBSTRING_UTF8, (const guchar *)text, -1, -1,
                                      0) == 1;
}

static gboolean name_subject(X509_NAME *subject, const char *name, Roles roles)
{
    for (guint role = ROLE_PLATFORM; role <= ROLE_OPERATOR; role++) {
        if ((roles & ROLE_BIT(role)) &&
            !add_entry(subject, NID_organizationalUnitName, certificate_role_unit((Role)role)))
            return FALSE;
    }
    return add_entry(subject, NID_commonName, name);
}

// Version, serial number, subject, validity and key; for which `issuer` signs.
static X509 *draft(const char *name, Roles roles, int days, EVP_PKEY *key, const X509 *issuer)
{
    g_autoptr(X509) certificate = X509_new();
    if (!certificate || !X509_set_version(certificate, X509_VERSION_3) || !set_serial(certificate))
        return NULL;
    X509_NAME *subject = X509_get_subject_name(certificate);
    if (!name_subject(subject, name, roles) ||
        !X509_set_issuer_name(certificate, issuer ? X509_get_subject_name(issuer) : subject) ||
        !X509_gmtime_adj(X509_getm_notBefore(certificate), -BACKDATE_S) ||
        !X509_time_adj_ex(X509_getm_notAfter(certificate), days, 0, NULL) ||
        !X509_set_pubkey(certificate, key))
        return NULL;
    return g_steal_pointer(&certificate);
}

static gboolean add_extensions(X509 *certificate, X509 *issuer, const Extension *extensions)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    for (const Extension *e = extensions; e->value; e++) {
        X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, e->nid, e->value);
        gboolean is_added = extension && X509_add_ext(certificate, extension, -1);
        X509_EXTENSION_free(extension);
        if (!is_added)
            return FALSE;
    }
    return TRUE;
}

static gboolean write_text(BIO *memory, const char *path, int mode, GError **error)
{
    char *text = NULL;
    long n_bytes = BIO_get_mem_data(memory, &text);
    return g_file_set_contents_full(path, text, n_bytes, G_FILE_SET_CONTENTS_CONSISTENT, mode,
                                    error);
}

static gboolean write_certificate(X509 *certificate, const char *path, GError **error)
{
    g_autoptr(BIO) memory = BIO_new(BIO_s_mem());
    if (PEM_write_bio_X509(memory, certificate))
        return write_text(memory, path, MODE_READABLE, error);
    pem_set_error(error, "cannot write %s", path);
    return FALSE;
}

// It is there before its certificate is. One without a certificate is of a start that was cut
// short: it is taken up, since no key is ever overwritten.
static EVP_PKEY *obtain_key(const char *path, GError **error)
{
    if (g_file_test(path, G_FILE_TEST_EXISTS))
        return pem_load_key(path, error);
    g_autoptr(EVP_PKEY) key = EVP_EC_gen("P-256");
    g_autoptr(BIO) memory = BIO_new(BIO_s_secmem());
    if (!key || !PEM_write_bio_PKCS8PrivateKey(memory, key, NULL, NULL, 0, NULL, NULL)) {
        pem_set_error(error, "cannot write %s", path);
        return NULL;
    }
    return write_text(memory, path, MODE_PRIVATE, error) ? g_steal_pointer(&key) : NULL;
}

static PkiCa *create_ca(const char *certificate_path, const char *key_path, GError **error)
{
    static const Extension extensions[] = {
        {NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
        {NID_key_usage, "critical,keyCertSign,cRLSign"},
        {NID_subject_key_identifier, "hash"},
        {NID_authority_key_identifier, "keyid:always"},
        {0, NULL},
    };
    g_autoptr(PkiCa) ca = g_new0(PkiCa, 1);
    ca->key = obtain_key(key_path, error);
    if (!ca->key)
        return NULL;
    ca->certificate = draft(CA_NAME, 0, CA_DAYS, ca->key, NULL);
    if (!ca->certificate || !add_extensions(ca->certificate, ca->certificate, extensions) ||
        !X509_sign(ca->certificate, ca->key, EVP_sha256())) {
        pem_set_error(error, "cannot create a certification authority");
        return NULL;
    }
    if (!write_certificate(ca->certificate, certificate_path, error))
        return NULL;
    return g_steal_pointer(&ca);
}

static gboolean is_in_time(const X509 *certificate)
{
    return X509_cmp_current_time(X509_get0_notBefore(certificate)) < 0 &&
           X509_cmp_current_time(X509_get0_notAfter(certificate)) > 0;
}

static PkiCa *open_ca(const char *certificate_path, const char *key_path, GError **error)
{
    g_autoptr(PkiCa) ca = g_new0(PkiCa, 1);
    ca->certificate = pem_load_certificate(certificate_path, error);
    ca->key = ca->certificate ? pem_load_key(key_path, error) : NULL;
    if (!ca->key)
        return NULL;
    if (X509_check_private_key(ca->certificate, ca->key) != 1 ||
        X509_check_ca(ca->certificate) != 1 || !is_in_time(ca->certificate)) {
        pem_set_error(error, "%s is not, or no longer, the authority of %s", certificate_path,
                      key_path);
        return NULL;
    }
    return g_steal_pointer(&ca);
}

PkiCa *pki_create_ca(const char *dir, GError **error)
{
    g_autofree char *certificate_path = g_build_filename(dir, PKI_CA_CERTIFICATE_FILE, NULL);
    g_autofree char *key_path = g_build_filename(dir, PKI_CA_KEY_FILE, NULL);
    if (g_file_test(certificate_path, G_FILE_TEST_EXISTS))
        return open_ca(certificate_path, key_path, error);
    return create_ca(certificate_path, key_path, error);
}

// What a certificate is issued for.
typedef struct {
    const char *id;
    PkiUsage usage;
    Roles roles;
    const char *const *hosts; // of a server; or NULL
} Subject;

static char *format_names(const Subject *subject)
{
    GString *names = g_string_new(NULL);
    g_string_append_printf(names, "DNS:%s", subject->id);
    if (subject->usage & PKI_USAGE_SERVER)
        g_string_append(names, ",DNS:localhost,IP:127.0.0.1,IP:::1");
    for (gsize i = 0; subject->hosts && subject->hosts[i]; i++)
        g_string_append_printf(names, ",%s:%s",
                               g_hostname_is_ip_address(subject->hosts[i]) ? "IP" : "DNS",
                               subject->hosts[i]);
    return g_string_free(names, FALSE);
}

static gboolean create_pair(const PkiCa *ca, const Subject *subject, const char *certificate_path,
                            const char *key_path, GError **error)
{
    static const char *const purposes[] = {
        [PKI_USAGE_CLIENT] = "clientAuth",
        [PKI_USAGE_SERVER] = "serverAuth",
        [PKI_USAGE_CLIENT | PKI_USAGE_SERVER] = "serverAuth,clientAuth",
    };
    g_autofree char *names = format_names(subject);
    const Extension extensions[] = {
        {NID_basic_constraints, "critical,CA:FALSE"},
        {NID_key_usage, "critical,digitalSignature"},
        {NID_ext_key_usage, purposes[subject->usage]},
        {NID_subject_alt_name, names},
        {NID_subject_key_identifier, "hash"},
        {NID_authority_key_identifier, "keyid:always"},
        {0, NULL},
    };
    g_autoptr(EVP_PKEY) key = obtain_key(key_path, error);
    if (!key)
        return FALSE;
    g_autoptr(X509) certificate = draft(subject->id, subject->roles, DAYS, key, ca->certificate);
    if (!certificate || !add_extensions(certificate, ca->certificate, extensions) ||
        !X509_sign(certificate, ca->key, EVP_sha256())) {
        pem_set_error(error, "cannot issue a certificate for %s", subject->id);
        return FALSE;
    }
    return write_certificate(certificate, certificate_path, error);
}

static gboolean check_pair(const PkiCa *ca, const char *id, Roles roles,
                           const char *certificate_path, const char *key_path, GError **error)
{
    if (!pem_check_identity(certificate_path, key_path, id, error))
        return FALSE;
    g_autoptr(X509) certificate = pem_load_certificate(certificate_path, error);
    if (!certificate)
        return FALSE;
    if (X509_verify(certificate, ca->key) != 1 || !is_in_time(certificate)) {
        pem_set_error(error, "%s was not issued by this authority, or is out of its time",
                      certificate_path);
        return FALSE;
    }
    if ((certificate_roles(certificate) & roles) == roles)
        return TRUE;
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                "%s does not certify all the roles that %s has", certificate_path, id);
    return FALSE;
}

// They stand in a text in which commas part them.
static gboolean check_subject(const Subject *subject, GError **error)
{
    // A member of the name that stands for all would read as its own what is for monitors.
    if (!id_is_valid(subject->id)) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "\"%s\" cannot be a member's ID",
                    subject->id);
        return FALSE;
    }
    for (gsize i = 0; subject->hosts && subject->hosts[i]; i++) {
        const char *host = subject->hosts[i];
        if (*host && (g_hostname_is_ip_address(host) || id_is_valid(host)))
            continue;
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                    "\"%s\" is neither an IP address nor a host name in lower case", host);
        return FALSE;
    }
    return TRUE;
}

static char *path_of(const char *dir, const char *id, const char *suffix)
{
    g_autofree char *name = g_strconcat(id, suffix, NULL);
    return g_build_filename(dir, name, NULL);
}

static gboolean issue(const PkiCa *ca, const Subject *subject, const char *dir, GError **error)
{
    if (!check_subject(subject, error))
        return FALSE;
    g_autofree char *certificate_path = path_of(dir, subject->id, ".crt");
    g_autofree char *key_path = path_of(dir, subject->id, ".key");
    if (g_file_test(certificate_path, G_FILE_TEST_EXISTS))
        return check_pair(ca, subject->id, subject->roles, certificate_path, key_path, error);
    return create_pair(ca, subject, certificate_path, key_path, error);
}

gboolean pki_issue(const PkiCa *ca, const char *id, PkiUsage usage, Roles roles, const char *dir,
                   GError **error)
{
    return issue(ca, &(Subject){id, usage, roles, NULL}, dir, error);
}

gboolean pki_issue_server(const PkiCa *ca, const char *id, const char *const *hosts,
                          const char *dir, GError **error)
{
    return issue(ca, &(Subject){id, PKI_USAGE_SERVER, 0, hosts}, dir, error);
}

// The key goes first, so that a key without a certificate is never one that was in use; what a
// retirement that was cut short has put aside already may be missing.
gboolean pki_retire(const char *id, const char *dir, GError **error)
{
    static const char *const suffixes[] = {".key", ".crt"};
    for (gsize i = 0; i < G_N_ELEMENTS(suffixes); i++) {
        g_autofree char *path = path_of(dir, id, suffixes[i]);
        g_autofree char *old = g_strconcat(path, ".old", NULL);
        if (g_rename(path, old) == 0 || (errno == ENOENT && g_file_test(old, G_FILE_TEST_EXISTS)))
            continue;
        g_set_error(error, G_FILE_ERROR, (int)g_file_error_from_errno(errno), "%s: %s", path,
                    g_strerror(errno));
        return FALSE;
    }
    return TRUE;
}

// --- revocation ----------------------------------------------------------------------------------

static gboolean add_revoked(X509_CRL *list, const PkiCa *ca, const char *path, GError **error)
{
    g_autoptr(X509) certificate = pem_load_certificate(path, error);
    if (!certificate)
        return FALSE;
    if (X509_verify(certificate, ca->key) != 1) {
        pem_set_error(error, "%s was not issued by this authority", path);
        return FALSE;
    }
    X509_REVOKED *entry = NULL;
    if (X509_CRL_get0_by_cert(list, &entry, certificate) == 1)
        return TRUE;
    g_autoptr(ASN1_TIME) now = X509_gmtime_adj(NULL, 0);
    entry = X509_REVOKED_new();
    if (now && entry && X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(certificate)) &&
        X509_REVOKED_set_revocationDate(entry, now) && X509_CRL_add0_revoked(list, entry))
        return TRUE;
    X509_REVOKED_free(entry);
    pem_set_error(error, "cannot revoke %s", path);
    return FALSE;
}

// What is there, to be written anew; an empty one where there is none.
static X509_CRL *open_list(const PkiCa *ca, const char *path, GError **error)
{
    if (!g_file_test(path, G_FILE_TEST_EXISTS))
        return X509_CRL_new();
    g_autoptr(BIO) file = BIO_new_file(path, "r");
    g_autoptr(X509_CRL) list = file ? PEM_read_bio_X509_CRL(file, NULL, NULL, NULL) : NULL;
    if (list && X509_CRL_verify(list, ca->key) == 1)
        return g_steal_pointer(&list);
    pem_set_error(error, "%s is not this authority's list of revoked certificates", path);
    return NULL;
}

static gboolean sign_list(X509_CRL *list, const PkiCa *ca)
{
    g_autoptr(ASN1_TIME) now = X509_gmtime_adj(NULL, -BACKDATE_S);
    g_autoptr(ASN1_TIME) then = X509_time_adj_ex(NULL, CRL_DAYS, 0, NULL);
    return now && then && X509_CRL_set_version(list, X509_CRL_VERSION_2) &&
           X509_CRL_set_issuer_name(list, X509_get_subject_name(ca->certificate)) &&
           X509_CRL_set1_lastUpdate(list, now) && X509_CRL_set1_nextUpdate(list, then) &&
           X509_CRL_sort(list) && X509_CRL_sign(list, ca->key, EVP_sha256());
}

static gboolean write_list(X509_CRL *list, const char *path, GError **error)
{
    g_autoptr(BIO) memory = BIO_new(BIO_s_mem());
    if (memory && PEM_write_bio_X509_CRL(memory, list))
        return write_text(memory, path, MODE_READABLE, error);
    pem_set_error(error, "cannot write %s", path);
    return FALSE;
}

gboolean pki_revoke(const PkiCa *ca, const char *const *certificate_paths, const char *dir,
                    GError **error)
{
    g_autofree char *path = g_build_filename(dir, PKI_CRL_FILE, NULL);
    g_autoptr(X509_CRL) list = open_list(ca, path, error);
    for (gsize i = 0; list && certificate_paths[i]; i++) {
        if (!add_revoked(list, ca, certificate_paths[i], error))
            return FALSE;
    }
    if (!list)
        return FALSE;
    if (sign_list(list, ca))
        return write_list(list, path, error);
    pem_set_error(error, "cannot write %s", path);
    return FALSE;
}
