// SPDX-License-Identifier: Apache-2.0

#include "agents/kme/etsi014.h"

#include <string.h>

#define KEYS "/api/v1/keys/bank-b/"
#define ENC  KEYS "enc_keys"
#define DEC  KEYS "dec_keys"
#define ID_A "0123abcd-0000-4000-8000-00000000000a"
#define ID_B "0123abcd-0000-4000-8000-00000000000b"

#define BAD(where, what)                                                                           \
    "400 {\"message\":\"Bad request format.\",\"details\":[{\"" where "\":\"" what "\"}]}"
#define NOT_SUPPORTED(name)                                                                        \
    "400 {\"message\":\"not all extension_mandatory parameters are supported\",\"details\":"       \
    "[{\"extension_mandatory_unsupported\":\"" name " is not supported\"}]}"
#define NOT_MET(name, what)                                                                        \
    "400 {\"message\":\"not all extension_mandatory request options could be met\",\"details\":"   \
    "[{\"" name "\":\"" what "\"}]}"
#define NOT_8 "400 {\"message\":\"size shall be a multiple of 8\"}"
#define NOT_FOUND                                                                                  \
    "404 {\"message\":\"Not found.\",\"details\":[{\"path\":\"no such method of ETSI GS QKD "      \
    "014\"}]}"
#define NOT_ALLOWED(m)                                                                             \
    "405 (" m ") {\"message\":\"Method not allowed.\",\"details\":[{\"method\":\"" m "\"}]}"
#define SAE_ID    "expected an SAE ID: 1 to 64 of a-z, 0-9, - and ."
#define PLAIN     "get bank-b 1 x 256 paths=1 exclude=- request=-"
#define TWO_UUIDS "expected an object with a UUID as key_ID"

static const KeyLimits limits = {
    .key_size_bits = 256,
    .min_key_size_bits = 64,
    .max_key_size_bits = 1024,
    .max_keys_per_request = 128,
    .max_keys_stored = 100000,
    .max_additional_targets = 2,
};

typedef struct {
    const char *method;
    const char *path;
    const char *query;
    const char *body;
    const char *expected; // the call as describe_call() has it, or "CODE BODY"
} Case;

static char *joined(char **texts)
{
    return texts ? g_strjoinv(",", texts) : g_strdup("-");
}

static char *describe_call(const Etsi014Call *call)
{
    g_autofree char *targets = joined(call->targets);
    g_autofree char *exclude = joined(call->exclude);
    g_autofree char *ids = joined(call->key_ids);
    if (call->method == ETSI014_GET_KEY)
        return g_strdup_printf(
            "get %s %u x %u paths=%u exclude=%s request=%s%s%s", targets, call->number,
            call->size_bits, call->n_paths, exclude, call->request ? call->request : "-",
            call->session ? " session=" : "", call->session ? call->session : "");
    return g_strdup_printf("%s %s %s", call->method == ETSI014_GET_STATUS ? "status" : "get-by-id",
                           call->peer, ids);
}

static char *describe_answer(const Etsi014Answer *answer)
{
    g_autofree char *allow = g_strdup_printf(" (%s)", answer->allow ? answer->allow : "");
    return g_strdup_printf("%u%s %.*s", answer->code, answer->allow ? allow : "",
                           answer->body ? (int)answer->body->n_bytes : 0,
                           answer->body ? (const char *)answer->body->data : "");
}

static char *parse(const Case *c)
{
    Etsi014Request request = {c->method, c->path, c->query, (const guint8 *)c->body,
                              c->body ? strlen(c->body) : 0};
    g_autoptr(Etsi014Answer) answer = NULL;
    g_autoptr(Etsi014Call) call = etsi014_parse(&request, &limits, &answer);
    g_assert_true((call == NULL) == (answer != NULL));
    return call ? describe_call(call) : describe_answer(answer);
}

static void run(const Case *cases, gsize n)
{
    for (gsize i = 0; i < n; i++) {
        g_autofree char *got = parse(&cases[i]);
        if (strcmp(got, cases[i].expected) != 0)
            g_test_message("case %zu: %s %s ? %s < %s", i, cases[i].method, cases[i].path,
                           cases[i].query, cases[i].body);
        g_assert_cmpstr(got, ==, cases[i].expected);
    }
}

static void test_paths_and_methods(void)
{
    static const Case cases[] = {
        {"GET", KEYS "status", NULL, NULL, "status bank-b -"},
        {"GET", KEYS "status", "any=thing", NULL, "status bank-b -"},
        {"GET", "/api/v1/keys/%62ank%2db/status", NULL, NULL, "status bank-b -"},
        {"POST", KEYS "status", NULL, "{}", NOT_ALLOWED("GET")},
        {"PUT", ENC, NULL, NULL, NOT_ALLOWED("GET, POST")},
        {"HEAD", ENC, NULL, NULL, NOT_ALLOWED("GET, POST")},
        {"GET", "/", NULL, NULL, NOT_FOUND},
        {"GET", "/api/v1/keys/bank-b", NULL, NULL, NOT_FOUND},
        {"GET", "/api/v1/keys//enc_keys", NULL, NULL, NOT_FOUND},
        {"GET", ENC "/", NULL, NULL, NOT_FOUND},
        {"GET", KEYS "Enc_keys", NULL, NULL, NOT_FOUND},
        {"GET", "/api/v2/keys/bank-b/enc_keys", NULL, NULL, NOT_FOUND},
        {"GET", "//api/v1/keys/bank-b/enc_keys", NULL, NULL, NOT_FOUND},
        {"GET", "/api/v1/keys/Bank-B/status", NULL, NULL, BAD("slave_SAE_ID", SAE_ID)},
        {"GET", "/api/v1/keys/b%2Fc/enc_keys", NULL, NULL, BAD("slave_SAE_ID", SAE_ID)},
        {"GET", "/api/v1/keys/b%00/enc_keys", NULL, NULL, BAD("slave_SAE_ID", SAE_ID)},
        {"GET", "/api/v1/keys/b%zz/dec_keys", NULL, NULL, BAD("master_SAE_ID", SAE_ID)},
    };
    run(cases, G_N_ELEMENTS(cases));
}

static void test_get_key_by_get(void)
{
    static const Case cases[] = {
        {"GET", ENC, NULL, NULL, PLAIN},
        {"GET", ENC, "", NULL, PLAIN},
        {"GET", ENC, "number=3", NULL, "get bank-b 3 x 256 paths=1 exclude=- request=-"},
        {"GET", ENC, "size=1024", NULL, "get bank-b 1 x 1024 paths=1 exclude=- request=-"},
        {"GET", ENC, "size=64&number=128", NULL, "get bank-b 128 x 64 paths=1 exclude=- request=-"},
        {"GET", ENC, "number=%33", NULL, "get bank-b 3 x 256 paths=1 exclude=- request=-"},
        {"GET", ENC, NULL, "{}", BAD("body", "expected none with GET")},
        {"GET", ENC, "number=0", NULL, BAD("number", "expected 1 to 128, not 0")},
        {"GET", ENC, "number=129", NULL, BAD("number", "expected 1 to 128, not 129")},
        {"GET", ENC, "number=-1", NULL, BAD("number", "expected a decimal integer")},
        {"GET", ENC, "number=99999999999999999999", NULL,
         BAD("number", "expected a decimal integer")},
        {"GET", ENC, "number", NULL, BAD("query", "expected name=value, joined by &")},
        {"GET", ENC, "number=1%", NULL, BAD("query", "expected name=value, joined by &")},
        {"GET", ENC, "number=1&number=2", NULL, BAD("number", "named twice in the query")},
        {"GET", ENC, "additional_slave_SAE_IDs=a", NULL,
         BAD("query", "a parameter that needs POST, or that is unknown")},
        {"GET", ENC, "size=255", NULL, NOT_8},
        {"GET", ENC, "size=56", NULL, BAD("size", "expected 64 to 1024, not 56")},
        {"GET", ENC, "size=1032", NULL, BAD("size", "expected 64 to 1024, not 1032")},
        {"GET", ENC, "size=0", NULL, BAD("size", "expected 64 to 1024, not 0")},
    };
    run(cases, G_N_ELEMENTS(cases));
}

static void test_get_key_by_post(void)
{
    static const Case cases[] = {
        {"POST", ENC, NULL, NULL, PLAIN},
        {"POST", ENC, NULL, "{}", PLAIN},
        {"POST", ENC, NULL, " {\"number\": 3, \"size\": 1024}\r\n",
         "get bank-b 3 x 1024 paths=1 exclude=- request=-"},
        {"POST", ENC, NULL, "{\"added_by_edition_9\":{\"number\":9}}", PLAIN},
        {"POST", ENC, "number=1", "{}", BAD("query", "expected none with POST")},
        {"POST", ENC, NULL, "{\"additional_slave_SAE_IDs\":[]}", PLAIN},
        {"POST", ENC, NULL, "{\"additional_slave_SAE_IDs\":[\"c\",\"d\"]}",
         "get bank-b,c,d 1 x 256 paths=1 exclude=- request=-"},
        {"POST", ENC, NULL, "{\"additional_slave_SAE_IDs\":[\"c\",\"d\",\"e\"]}",
         BAD("additional_slave_SAE_IDs", "expected 0 to 2, not 3")},
        {"POST", ENC, NULL, "{\"additional_slave_SAE_IDs\":[\"c\",\"c\"]}",
         BAD("additional_slave_SAE_IDs[1]", "named twice")},
        {"POST", ENC, NULL, "{\"additional_slave_SAE_IDs\":[\"bank-b\"]}",
         BAD("additional_slave_SAE_IDs[0]", "named twice")},
        {"POST", ENC, NULL, "{\"additional_slave_SAE_IDs\":[7]}",
         BAD("additional_slave_SAE_IDs[0]", SAE_ID)},
        {"POST", ENC, NULL, "{\"additional_slave_SAE_IDs\":[\"c/d\"]}",
         BAD("additional_slave_SAE_IDs[0]", SAE_ID)},
        {"POST", ENC, NULL, "{\"additional_slave_SAE_IDs\":\"c\"}",
         BAD("additional_slave_SAE_IDs", "expected an array of strings")},
        {"POST", ENC, NULL, "{\"number\":\"3\"}", BAD("number", "expected an integer")},
        {"POST", ENC, NULL, "{\"number\":3.0}", BAD("number", "expected an integer")},
        {"POST", ENC, NULL, "{\"number\":null}", BAD("number", "expected an integer")},
        {"POST", ENC, NULL, "{\"number\":-1}", BAD("number", "expected 1 to 128, not -1")},
        {"POST", ENC, NULL, "{\"number\":4294967297}",
         BAD("number", "expected 1 to 128, not 4294967297")},
        {"POST", ENC, NULL, "{\"size\":true}", BAD("size", "expected an integer, in bits")},
        {"POST", ENC, NULL, "{\"size\":257}", NOT_8},
        {"POST", ENC, NULL, "{\"size\":-7}", NOT_8},
        {"POST", ENC, NULL, "{\"size\":-8}", BAD("size", "expected 64 to 1024, not -8")},
        {"POST", ENC, NULL, "[]", BAD("body", "expected an object")},
        {"POST", ENC, NULL, "{\"number\":1,\"number\":2}",
         BAD("body", "line 1, column 20: duplicate object key near '\\\"number\\\"'")},
        {"POST", ENC, NULL, "{} {}",
         BAD("body", "line 1, column 4: end of file expected near '{'")},
        {"POST", ENC, NULL, "number=3&size=64",
         BAD("body", "line 1, column 6: '[' or '{' expected near 'number'")},
        {"POST", ENC, NULL, "\xff", BAD("body", "line 1, column 0: unable to decode byte 0xff")},
    };
    run(cases, G_N_ELEMENTS(cases));
}

#define MANDATORY(objects) "{\"extension_mandatory\":[" objects "]}"
#define OPTIONAL(objects)  "{\"extension_optional\":[" objects "]}"

static void test_extensions(void)
{
    static const Case cases[] = {
        {"POST", ENC, NULL, MANDATORY(""), PLAIN},
        {"POST", ENC, NULL, MANDATORY("{}"), PLAIN},
        {"POST", ENC, NULL, MANDATORY("{\"qkdnf_paths\":2},{\"qkdnf_exclude\":[\"p\",\"q\"]}"),
         "get bank-b 1 x 256 paths=2 exclude=p,q request=-"},
        {"POST", ENC, NULL,
         MANDATORY(
             "{\"qkdnf_paths\":2,\"qkdnf_request\":\"0123ABCD-0000-4000-8000-00000000000A\"}"),
         "get bank-b 1 x 256 paths=2 exclude=- request=" ID_A},
        {"POST", ENC, NULL, MANDATORY("{\"abc_route_type\":\"direct\"}"),
         NOT_SUPPORTED("abc_route_type")},
        {"POST", ENC, NULL, MANDATORY("{\"qkdnf_paths\":0},{\"abc_max_age\":30000}"),
         NOT_SUPPORTED("abc_max_age")},
        {"POST", ENC, NULL, MANDATORY("{\"qkdnf_paths\":0}"),
         NOT_MET("qkdnf_paths", "expected an integer from 1 to 64")},
        {"POST", ENC, NULL, MANDATORY("{\"qkdnf_paths\":\"2\"}"),
         NOT_MET("qkdnf_paths", "expected an integer from 1 to 64")},
        {"POST", ENC, NULL, MANDATORY("{\"qkdnf_paths\":65}"),
         NOT_MET("qkdnf_paths", "expected an integer from 1 to 64")},
        {"POST", ENC, NULL, MANDATORY("{\"qkdnf_exclude\":\"p\"}"),
         NOT_MET("qkdnf_exclude", "expected an array of at most 256 provider IDs")},
        {"POST", ENC, NULL, MANDATORY("{\"qkdnf_exclude\":[\"P\"]}"),
         NOT_MET("qkdnf_exclude", "expected an array of at most 256 provider IDs")},
        {"POST", ENC, NULL, MANDATORY("{\"qkdnf_request\":\"7\"}"),
         NOT_MET("qkdnf_request", "expected the UUID of a granted request")},
        {"POST", ENC, NULL,
         MANDATORY("{\"qkdnf_session\":\"0123ABCD-0000-4000-8000-00000000000A\"}"),
         PLAIN " session=" ID_A},
        {"POST", ENC, NULL,
         OPTIONAL("{\"qkdnf_session\":\"0123abcd-0000-4000-8000-00000000000a\"}"),
         PLAIN " session=" ID_A},
        {"POST", ENC, NULL, OPTIONAL("{\"qkdnf_session\":true}"), PLAIN},
        {"POST", ENC, NULL, MANDATORY("{\"qkdnf_session\":\"0123abcd\"}"),
         NOT_MET("qkdnf_session", "expected the UUID of a session")},
        {"POST", ENC, NULL, MANDATORY("7"), BAD("extension_mandatory[0]", "expected an object")},
        {"POST", ENC, NULL, "{\"extension_mandatory\":{}}",
         BAD("extension_mandatory", "expected an array of objects")},
        {"POST", ENC, NULL, OPTIONAL("{\"abc_max_age\":30000},{\"qkdnf_paths\":2}"),
         "get bank-b 1 x 256 paths=2 exclude=- request=-"},
        {"POST", ENC, NULL, OPTIONAL("{\"qkdnf_paths\":-2,\"qkdnf_exclude\":[\"p\"]}"),
         "get bank-b 1 x 256 paths=1 exclude=p request=-"},
        {"POST", ENC, NULL, OPTIONAL("[]"), BAD("extension_optional[0]", "expected an object")},
        {"POST", ENC, NULL, "{\"extension_optional\":3}",
         BAD("extension_optional", "expected an array of objects")},
        {"POST", ENC, NULL,
         "{\"extension_mandatory\":[{\"qkdnf_paths\":3}],"
         "\"extension_optional\":[{\"qkdnf_paths\":2}]}",
         "get bank-b 1 x 256 paths=3 exclude=- request=-"},
    };
    run(cases, G_N_ELEMENTS(cases));
}

static void test_get_key_with_ids(void)
{
    static const Case cases[] = {
        {"GET", DEC, "key_ID=" ID_A, NULL, "get-by-id bank-b " ID_A},
        {"GET", DEC, "key_ID=0123ABCD-0000-4000-8000-00000000000A", NULL, "get-by-id bank-b " ID_A},
        {"GET", DEC, NULL, NULL, BAD("key_ID", "expected exactly one in the query")},
        {"GET", DEC, "key_ID=" ID_A "&key_ID=" ID_B, NULL,
         BAD("key_ID", "named twice in the query")},
        {"GET", DEC, "key_ID=7", NULL, BAD("key_ID", "expected a UUID")},
        {"GET", DEC, "key_id=" ID_A, NULL,
         BAD("query", "a parameter that needs POST, or that is unknown")},
        {"POST", DEC, NULL, "{\"key_IDs\":[{\"key_ID\":\"" ID_B "\"},{\"key_ID\":\"" ID_A "\"}]}",
         "get-by-id bank-b " ID_B "," ID_A},
        {"POST", DEC, NULL,
         "{\"key_IDs\":[{\"key_ID\":\"" ID_B "\",\"key_ID_extension\":{\"x\":1}}],"
         "\"key_IDs_extension\":{}}",
         "get-by-id bank-b " ID_B},
        {"POST", DEC, NULL, "{\"key_IDs\":[{\"key_ID\":\"" ID_B "\",\"key_ID_extension\":1}]}",
         BAD("key_IDs[0]", "expected an object as key_ID_extension")},
        {"POST", DEC, NULL, "{\"key_IDs\":[],\"key_IDs_extension\":[]}",
         BAD("key_IDs_extension", "expected an object")},
        {"POST", DEC, NULL, "{\"key_IDs\":[{\"key_ID\":\"" ID_A "\"},{\"key_ID\":\"" ID_A "\"}]}",
         BAD("key_IDs[1]", "named twice")},
        {"POST", DEC, NULL,
         "{\"key_IDs\":[{\"key_ID\":\"" ID_A "\"},"
         "{\"key_ID\":\"0123ABCD-0000-4000-8000-00000000000A\"}]}",
         BAD("key_IDs[1]", "named twice")},
        {"POST", DEC, NULL, "{\"key_IDs\":[\"" ID_A "\"]}", BAD("key_IDs[0]", TWO_UUIDS)},
        {"POST", DEC, NULL, "{\"key_IDs\":[{\"key_ID\":\"0123\"}]}", BAD("key_IDs[0]", TWO_UUIDS)},
        {"POST", DEC, NULL, "{\"key_IDs\":[{\"key_ID\":7}]}", BAD("key_IDs[0]", TWO_UUIDS)},
        {"POST", DEC, NULL, "{\"key_IDs\":[{}]}", BAD("key_IDs[0]", TWO_UUIDS)},
        {"POST", DEC, NULL, "{\"key_IDs\":[]}", BAD("key_IDs", "expected 1 to 128, not 0")},
        {"POST", DEC, NULL, "{\"key_IDs\":{}}", BAD("key_IDs", "expected an array of objects")},
        {"POST", DEC, NULL, "{}", BAD("key_IDs", "expected an array of objects")},
        {"POST", DEC, NULL, "[]", BAD("body", "expected an object")},
        {"POST", DEC, NULL, NULL,
         BAD("body", "line 1, column 0: '[' or '{' expected near end of file")},
    };
    run(cases, G_N_ELEMENTS(cases));
}

static void test_too_much(void)
{
    g_autoptr(GString) body = g_string_new("{\"key_IDs\":[");
    for (guint i = 0; i < 129; i++)
        g_string_append_printf(body, "%s{\"key_ID\":\"0123abcd-0000-4000-8000-%012x\"}",
                               i > 0 ? "," : "", i);
    g_string_append(body, "]}");
    Case many = {"POST", DEC, NULL, body->str, BAD("key_IDs", "expected 1 to 128, not 129")};
    run(&many, 1);

    g_autofree char *huge = g_strnfill(ETSI014_MAX_BODY_BYTES + 1, ' ');
    Case too_large = {"POST", ENC, NULL, huge,
                      "413 {\"message\":\"Request body too large.\","
                      "\"details\":[{\"body\":\"at most 256 KiB are read\"}]}"};
    run(&too_large, 1);
}

// What a client sent is repeated to it only in part, and never cut within a character.
static void test_remote_text_is_cut(void)
{
    g_autoptr(GString) name = g_string_new("{\"extension_mandatory\":[{\"");
    for (guint i = 0; i < 1000; i++)
        g_string_append(name, "é");
    g_string_append(name, "\":1}]}");
    Case unknown = {"POST", ENC, NULL, name->str, ""};
    g_autofree char *got = parse(&unknown);
    g_assert_true(g_utf8_validate(got, -1, NULL));
    g_assert_cmpuint(strlen(got), <, 400);

    for (guint i = 0; i < 4; i++) {
        g_autofree char *pad = g_strnfill(i, 'x');
        g_autofree char *body = g_strconcat("{\"", pad, name->str + 26, NULL);
        Case malformed = {"POST", ENC, NULL, body, ""};
        g_autofree char *said = parse(&malformed);
        g_assert_true(g_utf8_validate(said, -1, NULL));
        g_assert_true(g_str_has_prefix(said, "400 "));
    }
}

static char *answer(Etsi014Method method, const KeyAnswer *of_agent)
{
    g_autoptr(Etsi014Answer) got = etsi014_answer(method, of_agent, &limits);
    return describe_answer(got);
}

static void test_status_answer(void)
{
    KeyStatus status = {"kme-a", "kme-b", "bank-a", "bank-b", 25000};
    KeyAnswer ok = {.verdict = KEY_VERDICT_OK, .status = &status};
    g_autofree char *got = answer(ETSI014_GET_STATUS, &ok);
    g_assert_cmpstr(
        got, ==,
        "200 {\"source_KME_ID\":\"kme-a\",\"target_KME_ID\":\"kme-b\",\"master_SAE_ID\":\"bank-a\","
        "\"slave_SAE_ID\":\"bank-b\",\"key_size\":256,\"stored_key_count\":25000,"
        "\"max_key_count\":100000,\"max_key_per_request\":128,\"max_key_size\":1024,"
        "\"min_key_size\":64,\"max_SAE_ID_count\":2}");
}

static void test_container_answer(void)
{
    static const guint8 bytes[] = {0, 1, 2, 3, 0xfb, 0xff, 0xfe, 7, 8};
    g_autoptr(GPtrArray) keys = g_ptr_array_new();
    KeyAnswer ok = {.verdict = KEY_VERDICT_OK, .keys = keys};
    g_autofree char *none = answer(ETSI014_GET_KEY, &ok);
    g_assert_cmpstr(none, ==, "200 {\"keys\":[]}");

    g_autoptr(Secret) nine = secret_new_copy(bytes, 9);
    g_autoptr(Secret) eight = secret_new_copy(bytes, 8);
    DeliveredKey a = {ID_A, nine}, b = {ID_B, eight};
    g_ptr_array_add(keys, &a);
    g_autofree char *one = answer(ETSI014_GET_KEY, &ok);
    g_assert_cmpstr(one, ==, "200 {\"keys\":[{\"key_ID\":\"" ID_A "\",\"key\":\"AAECA/v//gcI\"}]}");
    g_ptr_array_add(keys, &b);
    g_autofree char *two = answer(ETSI014_GET_KEY_WITH_IDS, &ok);
    g_assert_cmpstr(two, ==,
                    "200 {\"keys\":[{\"key_ID\":\"" ID_A "\",\"key\":\"AAECA/v//gcI\"},"
                    "{\"key_ID\":\"" ID_B "\",\"key\":\"AAECA/v//gc=\"}]}");
}

static void test_error_answers(void)
{
    KeyAnswer unauthorized = {.verdict = KEY_VERDICT_UNAUTHORIZED, .message = "x", .detail = "y"};
    g_autoptr(Etsi014Answer) silent =
        etsi014_answer(ETSI014_GET_KEY_WITH_IDS, &unauthorized, &limits);
    g_assert_cmpuint(silent->code, ==, 401);
    g_assert_null(silent->body);

    KeyAnswer not_found = {.verdict = KEY_VERDICT_BAD_REQUEST,
                           .message = "one or more keys specified are not found on KME"};
    g_autofree char *bad = answer(ETSI014_GET_KEY_WITH_IDS, &not_found);
    g_assert_cmpstr(bad, ==,
                    "400 {\"message\":\"one or more keys specified are not found on KME\"}");

    KeyAnswer plain = {.verdict = KEY_VERDICT_UNAVAILABLE};
    g_autofree char *unavailable = answer(ETSI014_GET_KEY, &plain);
    g_assert_cmpstr(unavailable, ==, "503 {\"message\":\"Error on server side.\"}");

    KeyAnswer reasoned = {KEY_VERDICT_UNAVAILABLE, "Error on server side.", "no \"path\" \xc3"};
    g_autofree char *why = answer(ETSI014_GET_KEY, &reasoned);
    g_assert_cmpstr(why, ==,
                    "503 {\"message\":\"Error on server side.\","
                    "\"details\":[{\"reason\":\"no \\\"path\\\" \xef\xbf\xbd\"}]}");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/etsi014/paths-and-methods", test_paths_and_methods);
    g_test_add_func("/etsi014/get-key-by-get", test_get_key_by_get);
    g_test_add_func("/etsi014/get-key-by-post", test_get_key_by_post);
    g_test_add_func("/etsi014/extensions", test_extensions);
    g_test_add_func("/etsi014/get-key-with-ids", test_get_key_with_ids);
    g_test_add_func("/etsi014/too-much", test_too_much);
    g_test_add_func("/etsi014/remote-text-is-cut", test_remote_text_is_cut);
    g_test_add_func("/etsi014/status-answer", test_status_answer);
    g_test_add_func("/etsi014/container-answer", test_container_answer);
    g_test_add_func("/etsi014/error-answers", test_error_answers);
    return g_test_run();
}
