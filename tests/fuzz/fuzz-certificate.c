// SPDX-License-Identifier: Apache-2.0
//
// An input is a certificate as it came with a birth, and then again what an authority of the
// federation has put into one as its subject: entries, each of which is three bytes that say of
// what it is, in which type of string, and how long, and as many bytes.

#include "tests/fuzz/fuzz.h"
#include "topics/certificate.h"
#include "topics/mqtt/pem.h"

#include <openssl/evp.h>
#include <openssl/pem.h>

#define NOW_S 1700000000

G_DEFINE_AUTOPTR_CLEANUP_FUNC(X509_NAME, X509_NAME_free)

// Of the first version, of which an authority needs no extensions.
static X509 *issue(EVP_PKEY *key, const X509_NAME *subject, const X509_NAME *issuer)
{
    X509 *certificate = X509_new();
    ASN1_TIME_set(X509_getm_notBefore(certificate), NOW_S - 1);
    ASN1_TIME_set(X509_getm_notAfter(certificate), NOW_S + 1);
    X509_set_subject_name(certificate, subject);
    X509_set_issuer_name(certificate, issuer);
    X509_set_pubkey(certificate, key);
    g_assert_true(X509_sign(certificate, key, NULL) > 0);
    return certificate;
}

static X509_NAME *read_subject(const uint8_t *bytes, size_t n_bytes)
{
    static const int nids[] = {NID_commonName, NID_organizationalUnitName, NID_organizationName};
    static const int types[] = {V_ASN1_UTF8STRING,  V_ASN1_PRINTABLESTRING, V_ASN1_T61STRING,
                                V_ASN1_IA5STRING,   V_ASN1_BMPSTRING,       V_ASN1_UNIVERSALSTRING,
                                V_ASN1_OCTET_STRING};
    X509_NAME *subject = X509_NAME_new();
    while (n_bytes >= 3) {
        size_t n_text = MIN(bytes[2], n_bytes - 3);
        X509_NAME_add_entry_by_NID(subject, nids[bytes[0] % G_N_ELEMENTS(nids)],
                                   types[bytes[1] % G_N_ELEMENTS(types)], bytes + 3, (int)n_text,
                                   -1, 0);
        bytes += 3 + n_text;
        n_bytes -= 3 + n_text;
    }
    return subject;
}

static Credentials *credentials_new(X509 *authority, EVP_PKEY *key)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(BIO) bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, authority);
    char *data = NULL;
    long n_bytes = BIO_get_mem_data(bio, &data);
    g_autofree char *pem = g_strndup(data, (gsize)n_bytes);
    CertificateTexts texts = {.ca = pem, .chain = pem, .key = key};
    Credentials *credentials = certificate_credentials_new(&texts, &error);
    g_assert_no_error(error);
    return credentials;
}

static Certificate *verify(Credentials *credentials, const uint8_t *der, size_t n_bytes)
{
    ProtobufCBinaryData chain = {n_bytes, (uint8_t *)der};
    return credentials->ops->verify(credentials, &chain, 1, NOW_S * (gint64)G_USEC_PER_SEC);
}

// Both sides of a connection, and the frames on it, must mean the same member.
static void check_name(Credentials *credentials, X509 *certificate)
{
    unsigned char *der = NULL;
    int n_bytes = i2d_X509(certificate, &der);
    // What cannot be encoded cannot arrive.
    if (n_bytes <= 0)
        return;
    const unsigned char *at = der;
    g_autoptr(X509) arrived = d2i_X509(NULL, &at, n_bytes);
    g_autofree char *name = arrived ? certificate_name(arrived) : NULL;
    g_autoptr(Certificate) found = verify(credentials, der, (size_t)n_bytes);
    if (found) {
        g_assert_cmpstr(found->id, ==, name);
        g_assert_true(g_utf8_validate(found->id, -1, NULL));
        g_assert_cmpuint(found->roles, ==, certificate_roles(arrived));
    }
    OPENSSL_free(der);
}

typedef struct {
    EVP_PKEY *key;
    X509_NAME *name;
    Credentials *credentials; // that trust it
} Authority;

// One for all inputs: to make it takes longer than to look at any of them.
static const Authority *authority_once(void)
{
    static Authority authority;
    if (authority.key)
        return &authority;
    authority.key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    authority.name = X509_NAME_new();
    X509_NAME_add_entry_by_NID(authority.name, NID_organizationName, MBSTRING_UTF8,
                               (const guchar *)"fuzz", -1, -1, 0);
    g_autoptr(X509) certificate = issue(authority.key, authority.name, authority.name);
    authority.credentials = credentials_new(certificate, authority.key);
    return &authority;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    const Authority *authority = authority_once();
    g_autoptr(Certificate) forged = verify(authority->credentials, bytes, n_bytes);
    g_assert_null(forged);
    g_autoptr(X509_NAME) subject = read_subject(bytes, n_bytes);
    g_autoptr(X509) certificate = issue(authority->key, subject, authority->name);
    check_name(authority->credentials, certificate);
    return 0;
}
