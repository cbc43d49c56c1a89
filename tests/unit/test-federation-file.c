// SPDX-License-Identifier: Apache-2.0

#include "agents/application/federation-file.h"

#include <string.h>

#define HEAD                                                                                       \
    "{\"broker\":{\"url\":\"mqtts://127.0.0.1:8883\",\"dashboard\":\"http://x\"},\"ca\":"          \
    "\"/f/ca.crt\",\"platform\":{\"id\":\"platform\",\"pid\":1},\"qkdns\":[{\"id\":\"graz\"},"     \
    "{\"id\":\"vienna\",\"kme\":\"https://127.0.0.1:1\",\"kme_id\":\"vienna-kme\"}],\"saes\":["
#define GRAZ_BANK                                                                                  \
    "{\"id\":\"bank-graz\",\"qkdn\":\"graz\",\"certificate\":\"/f/g.crt\",\"key\":\"/f/g.key\"}"
#define VIENNA_BANK                                                                                \
    "{\"id\":\"bank-vienna\",\"qkdn\":\"vienna\",\"certificate\":\"v.crt\",\"key\":\"v.key\","     \
    "\"kme\":\"https://127.0.0.1:1\"}"
#define TAIL "]}"

static FederationFile *parse(const char *text, const char *sae, GError **error)
{
    return federation_file_parse(text, strlen(text), "/f", sae, error);
}

static void test_an_application_is_found(void)
{
    g_autoptr(FederationFile) file =
        parse(HEAD GRAZ_BANK "," VIENNA_BANK TAIL, "bank-vienna", NULL);
    g_assert_nonnull(file);
    g_assert_cmpstr(file->broker_url, ==, "mqtts://127.0.0.1:8883");
    g_assert_cmpstr(file->ca, ==, "/f/ca.crt");
    g_assert_cmpstr(file->platform, ==, "platform");
    g_assert_cmpstr(file->certificate, ==, "/f/v.crt");
    g_assert_cmpstr(file->key, ==, "/f/v.key");
    g_assert_cmpstr(file->kme_url, ==, "https://127.0.0.1:1");
    g_assert_cmpstr(file->kme_id, ==, "vienna-kme");
    g_autoptr(FederationFile) graz = parse(HEAD GRAZ_BANK TAIL, "bank-graz", NULL);
    g_assert_nonnull(graz);
    g_assert_null(graz->kme_url);
    g_assert_null(graz->kme_id);
}

static void test_what_is_missing_is_said(void)
{
    static const struct {
        const char *text;
        const char *says;
    } cases[] = {
        {HEAD GRAZ_BANK TAIL, "no such application for bank-vienna"},
        {"{}", "no such application for bank-vienna"},
        {"[7]", "no such application for bank-vienna"},
        {"{\"saes\":[" VIENNA_BANK "]}", "no broker url for bank-vienna"},
        {HEAD "{\"id\":\"bank-vienna\"}" TAIL, "no certificate for bank-vienna"},
        {"{\"a\":", "line 1: "},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(parse(cases[i].text, "bank-vienna", &error));
        g_assert_true(g_str_has_prefix(error->message, cases[i].says));
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/federation-file/an-application-is-found", test_an_application_is_found);
    g_test_add_func("/federation-file/what-is-missing-is-said", test_what_is_missing_is_said);
    return g_test_run();
}
