// SPDX-License-Identifier: Apache-2.0

#include "tests/unit/certificates.h"

#include "tests/unit/scratch.h"

static void openssl(const char *dir, const char *arguments)
{
    g_autofree char *command = g_strconcat("openssl ", arguments, NULL);
    g_auto(GStrv) argv = NULL;
    g_assert_true(g_shell_parse_argv(command, NULL, &argv, NULL));
    int status = -1;
    g_autofree char *complaint = NULL;
    g_assert_true(g_spawn_sync(dir, argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, &complaint,
                               &status, NULL));
    if (status != 0)
        g_test_message("%s: %s", command, complaint);
    g_assert_cmpint(status, ==, 0);
}

#define NEW_KEY                                                                                    \
    "req -x509 -config req.cnf -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "

void certificates_add_authority(const char *dir, const char *name)
{
    g_autofree char *arguments = g_strdup_printf(
        NEW_KEY "-subj /CN=%s -addext basicConstraints=critical,CA:TRUE -keyout %s.key -out %s.crt",
        name, name, name);
    openssl(dir, arguments);
}

void certificates_add(const char *dir, const char *authority, const char *file, const char *name)
{
    g_autofree char *arguments = g_strdup_printf(
        NEW_KEY "-subj '/CN=%s' -addext subjectAltName=IP:127.0.0.1 -CA %s.crt -CAkey %s.key "
                "-keyout %s.key -out %s.crt",
        name, authority, authority, file, file);
    openssl(dir, arguments);
}

void certificates_encrypt_key(const char *dir, const char *file, const char *encrypted)
{
    g_autofree char *arguments = g_strdup_printf(
        "pkey -in %s.key -aes256 -passout pass:secret -out %s.key", file, encrypted);
    openssl(dir, arguments);
}

char *certificates_new(void)
{
    char *dir = scratch_new();
    g_autofree char *config = g_build_filename(dir, "req.cnf", NULL);
    g_assert_true(g_file_set_contents(config, "[req]\ndistinguished_name=dn\n[dn]\n", -1, NULL));
    return dir;
}
