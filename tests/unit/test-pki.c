// SPDX-License-Identifier: Apache-2.0

#include "topics/mqtt/pki.h"

#include "tests/unit/scratch.h"
#include "topics/certificate.h"
#include "topics/mqtt/pem.h"

#include <openssl/x509v3.h>
#include <string.h>

typedef struct {
    char *dir;
    PkiCa *ca;
} Place;

static char *path_in(const Place *place, const char *name)
{
    return g_build_filename(place->dir, name, NULL);
}

static void place_set_up(Place *place, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    place->dir = scratch_new();
    place->ca = pki_create_ca(place->dir, &error);
    g_assert_no_error(error);
}

static void place_tear_down(Place *place, gconstpointer data)
{
    scratch_free(place->dir);
    pki_ca_free(place->ca);
}

static void issue(const Place *place, const char *id, PkiUsage usage)
{
    g_autoptr(GError) error = NULL;
    pki_issue(place->ca, id, usage, ROLE_BIT(ROLE_AGENT), place->dir, &error);
    g_assert_no_error(error);
}

static gboolean verifies(const Place *place, const char *certificate, const char *purpose,
                         const char *option, const char *value)
{
    g_autofree char *ca = path_in(place, PKI_CA_CERTIFICATE_FILE);
    g_autofree char *path = path_in(place, certificate);
    const char *argv[] = {"openssl", "verify", "-x509_strict", "-no-CApath", "-no-CAstore",
                          "-CAfile", ca,       "-purpose",     purpose,      path,
                          NULL,      NULL,     NULL,           NULL};
    if (option) {
        argv[9] = option;
        argv[10] = value;
        argv[11] = path;
    }
    if (g_strcmp0(option, "-CRLfile") == 0) {
        argv[11] = "-crl_check";
        argv[12] = path;
    }
    g_autoptr(GError) error = NULL;
    int status = -1;
    g_spawn_sync(NULL, (char **)argv, NULL,
                 G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL | G_SPAWN_STDERR_TO_DEV_NULL,
                 NULL, NULL, NULL, NULL, &status, &error);
    g_assert_no_error(error);
    return status == 0;
}

static void test_chains_verify_strictly(Place *place, gconstpointer data)
{
    issue(place, "vienna", PKI_USAGE_CLIENT);
    issue(place, "kme.vienna", PKI_USAGE_SERVER | PKI_USAGE_CLIENT);
    issue(place, "broker", PKI_USAGE_SERVER);
    g_assert_true(verifies(place, "vienna.crt", "sslclient", NULL, NULL));
    g_assert_true(verifies(place, "kme.vienna.crt", "sslclient", NULL, NULL));
    g_assert_true(verifies(place, "kme.vienna.crt", "sslserver", NULL, NULL));
    g_assert_true(verifies(place, "broker.crt", "sslserver", NULL, NULL));
    g_assert_false(verifies(place, "vienna.crt", "sslserver", NULL, NULL));
    g_assert_false(verifies(place, "broker.crt", "sslclient", NULL, NULL));
}

static void test_names(Place *place, gconstpointer data)
{
    issue(place, "broker", PKI_USAGE_SERVER);
    g_assert_true(verifies(place, "broker.crt", "sslserver", "-verify_hostname", "localhost"));
    g_assert_true(verifies(place, "broker.crt", "sslserver", "-verify_hostname", "broker"));
    g_assert_true(verifies(place, "broker.crt", "sslserver", "-verify_ip", "127.0.0.1"));
    g_assert_true(verifies(place, "broker.crt", "sslserver", "-verify_ip", "::1"));
    g_assert_false(verifies(place, "broker.crt", "sslserver", "-verify_ip", "127.0.0.2"));
    g_autofree char *path = path_in(place, "broker.crt");
    g_autoptr(X509) certificate = pem_load_certificate(path, NULL);
    g_autofree char *name = certificate_name(certificate);
    g_assert_cmpstr(name, ==, "broker");
}

static guint mode_of(const Place *place, const char *name)
{
    g_autofree char *path = path_in(place, name);
    GStatBuf status;
    g_assert_cmpint(g_stat(path, &status), ==, 0);
    return status.st_mode & 0777;
}

static void test_keys_are_private(Place *place, gconstpointer data)
{
    issue(place, "vienna", PKI_USAGE_CLIENT);
    g_assert_cmpuint(mode_of(place, PKI_CA_KEY_FILE), ==, 0600);
    g_assert_cmpuint(mode_of(place, "vienna.key"), ==, 0600);
    g_autofree char *path = path_in(place, "vienna.key"), *text = NULL;
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_assert_true(g_str_has_prefix(text, "-----BEGIN PRIVATE KEY-----\n"));
}

static char *contents(const Place *place, const char *name)
{
    g_autofree char *path = path_in(place, name);
    char *text = NULL;
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    return text;
}

static void test_what_is_valid_is_kept(Place *place, gconstpointer data)
{
    issue(place, "vienna", PKI_USAGE_CLIENT);
    g_autofree char *before = contents(place, "vienna.crt");
    g_autofree char *ca_before = contents(place, PKI_CA_CERTIFICATE_FILE);
    g_autoptr(PkiCa) again = pki_create_ca(place->dir, NULL);
    g_assert_nonnull(again);
    g_assert_true(
        pki_issue(again, "vienna", PKI_USAGE_CLIENT, ROLE_BIT(ROLE_AGENT), place->dir, NULL));
    g_autofree char *after = contents(place, "vienna.crt");
    g_autofree char *ca_after = contents(place, PKI_CA_CERTIFICATE_FILE);
    g_assert_cmpstr(before, ==, after);
    g_assert_cmpstr(ca_before, ==, ca_after);
}

static void expect_refused(const PkiCa *ca, const char *id, const char *dir, const char *why)
{
    g_autoptr(GError) error = NULL;
    g_assert_false(pki_issue(ca, id, PKI_USAGE_CLIENT, ROLE_BIT(ROLE_AGENT), dir, &error));
    if (!strstr(error->message, why))
        g_error("\"%s\" does not say \"%s\"", error->message, why);
}

static void remove_file(const Place *place, const char *name)
{
    g_autofree char *path = path_in(place, name);
    g_assert_cmpint(g_unlink(path), ==, 0);
}

// As a process that is killed between a key and its certificate leaves them.
static void test_what_was_cut_short_goes_on(Place *place, gconstpointer data)
{
    issue(place, "vienna", PKI_USAGE_CLIENT);
    g_autofree char *key = contents(place, "vienna.key");
    g_autofree char *ca_key = contents(place, PKI_CA_KEY_FILE);
    remove_file(place, "vienna.crt");
    remove_file(place, PKI_CA_CERTIFICATE_FILE);
    g_clear_pointer(&place->ca, pki_ca_free);
    place->ca = pki_create_ca(place->dir, NULL);
    g_assert_nonnull(place->ca);
    issue(place, "vienna", PKI_USAGE_CLIENT);
    g_assert_true(verifies(place, "vienna.crt", "sslclient", NULL, NULL));
    g_autofree char *key_after = contents(place, "vienna.key");
    g_autofree char *ca_key_after = contents(place, PKI_CA_KEY_FILE);
    g_assert_cmpstr(key, ==, key_after);
    g_assert_cmpstr(ca_key, ==, ca_key_after);
}

static void test_half_a_retirement_is_repeated(Place *place, gconstpointer data)
{
    issue(place, "vienna", PKI_USAGE_CLIENT);
    g_autofree char *before = contents(place, "vienna.key");
    g_autofree char *key = path_in(place, "vienna.key"), *old = path_in(place, "vienna.key.old");
    g_assert_cmpint(g_rename(key, old), ==, 0);
    expect_refused(place->ca, "vienna", place->dir, "vienna.key");
    g_assert_true(pki_retire("vienna", place->dir, NULL));
    g_assert_true(pki_retire("vienna", place->dir, NULL));
    issue(place, "vienna", PKI_USAGE_CLIENT);
    g_autofree char *after = contents(place, "vienna.key");
    g_assert_cmpstr(before, !=, after);
    g_autoptr(GError) error = NULL;
    g_assert_false(pki_retire("graz", place->dir, &error));
    g_assert_nonnull(strstr(error->message, "graz.key: No such file"));
}

static void test_what_is_not_valid_is_refused(Place *place, gconstpointer data)
{
    Place other;
    place_set_up(&other, NULL);
    issue(place, "vienna", PKI_USAGE_CLIENT);
    expect_refused(other.ca, "vienna", place->dir, "was not issued by this authority");
    expect_refused(place->ca, "ca", place->dir, "not ca");
    expect_refused(place->ca, "all", place->dir, "cannot be a member's ID");
    expect_refused(place->ca, "../vienna", place->dir, "cannot be a member's ID");
    expect_refused(place->ca, "graz", "/nowhere", "/nowhere");

    g_autofree char *key = path_in(&other, PKI_CA_KEY_FILE);
    g_assert_cmpint(g_unlink(key), ==, 0);
    g_autoptr(GError) error = NULL;
    g_assert_null(pki_create_ca(other.dir, &error));
    g_assert_nonnull(strstr(error->message, PKI_CA_KEY_FILE));
    place_tear_down(&other, NULL);
}

static void test_servers_have_their_hosts(Place *place, gconstpointer data)
{
    static const char *const hosts[] = {"10.0.0.1", "2001:db8::1", "bus.example.net", NULL};
    static const char *const bad[] = {"a,DNS:b", NULL};
    g_autoptr(GError) error = NULL;
    g_assert_true(pki_issue_server(place->ca, "broker", hosts, place->dir, &error));
    g_assert_no_error(error);
    g_assert_true(verifies(place, "broker.crt", "sslserver", "-verify_ip", "10.0.0.1"));
    g_assert_true(verifies(place, "broker.crt", "sslserver", "-verify_ip", "2001:db8::1"));
    g_assert_true(
        verifies(place, "broker.crt", "sslserver", "-verify_hostname", "bus.example.net"));
    g_assert_false(verifies(place, "broker.crt", "sslserver", "-verify_ip", "10.0.0.2"));
    g_assert_false(pki_issue_server(place->ca, "kme", bad, place->dir, &error));
    g_assert_nonnull(strstr(error->message, "a,DNS:b"));
}

static gboolean is_revoked(const Place *place, const char *certificate)
{
    g_autofree char *list = path_in(place, PKI_CRL_FILE);
    g_assert_true(g_file_test(list, G_FILE_TEST_EXISTS));
    return !verifies(place, certificate, "sslclient", "-CRLfile", list);
}

static void revoke_files(const Place *place, const char *name)
{
    g_autofree char *path = name ? path_in(place, name) : NULL;
    const char *const paths[] = {path, NULL};
    g_autoptr(GError) error = NULL;
    g_assert_true(pki_revoke(place->ca, paths, place->dir, &error));
    g_assert_no_error(error);
}

static void test_renewal_and_revocation(Place *place, gconstpointer data)
{
    issue(place, "vienna", PKI_USAGE_CLIENT);
    issue(place, "graz", PKI_USAGE_CLIENT);
    g_autofree char *before = contents(place, "vienna.crt");
    g_assert_true(pki_retire("vienna", place->dir, NULL));
    issue(place, "vienna", PKI_USAGE_CLIENT);
    g_autofree char *old = contents(place, "vienna.crt.old"),
                    *after = contents(place, "vienna.crt");
    g_assert_cmpstr(old, ==, before);
    g_assert_cmpstr(after, !=, before);
    revoke_files(place, NULL);
    g_assert_false(is_revoked(place, "vienna.crt.old"));
    revoke_files(place, "vienna.crt.old");
    revoke_files(place, "vienna.crt.old");
    revoke_files(place, "graz.crt");
    g_assert_true(is_revoked(place, "vienna.crt.old"));
    g_assert_true(is_revoked(place, "graz.crt"));
    g_assert_false(is_revoked(place, "vienna.crt"));
}

static void test_what_is_not_ours_is_not_revoked(Place *place, gconstpointer data)
{
    Place other;
    place_set_up(&other, NULL);
    issue(&other, "tokyo", PKI_USAGE_CLIENT);
    g_autofree char *path = path_in(&other, "tokyo.crt");
    const char *const paths[] = {path, NULL}, *const none[] = {NULL};
    g_autoptr(GError) error = NULL;
    g_assert_false(pki_revoke(place->ca, paths, place->dir, &error));
    g_assert_nonnull(strstr(error->message, "was not issued by this authority"));
    g_clear_error(&error);
    revoke_files(place, NULL);
    g_assert_false(pki_revoke(other.ca, none, place->dir, &error));
    g_assert_nonnull(strstr(error->message, PKI_CRL_FILE));
    place_tear_down(&other, NULL);
}

static void add(const char *path, void (*test)(Place *, gconstpointer))
{
    g_test_add(path, Place, NULL, place_set_up, test, place_tear_down);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add("/pki/chains-verify-strictly", test_chains_verify_strictly);
    add("/pki/names", test_names);
    add("/pki/keys-are-private", test_keys_are_private);
    add("/pki/what-is-valid-is-kept", test_what_is_valid_is_kept);
    add("/pki/what-was-cut-short-goes-on", test_what_was_cut_short_goes_on);
    add("/pki/half-a-retirement-is-repeated", test_half_a_retirement_is_repeated);
    add("/pki/what-is-not-valid-is-refused", test_what_is_not_valid_is_refused);
    add("/pki/servers-have-their-hosts", test_servers_have_their_hosts);
    add("/pki/renewal-and-revocation", test_renewal_and_revocation);
    add("/pki/what-is-not-ours-is-not-revoked", test_what_is_not_ours_is_not_revoked);
    return g_test_run();
}
