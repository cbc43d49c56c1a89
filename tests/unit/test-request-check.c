// SPDX-License-Identifier: Apache-2.0

#include "tests/unit/federation-fixture.h"

#include <string.h>

static const GraphLink links[] = {{"a-b", "a", "b", 100}, {"b-c", "b", "c", 100}};

typedef struct {
    FederationFixture *fixture;
    WireRequest wire;
    char *targets[9];
    char *exclude[65];
} Asked;

static void set_up(Asked *asked, gconstpointer data)
{
    asked->fixture = federation_fixture_new(links, G_N_ELEMENTS(links));
    asked->wire = (WireRequest)WIRE_REQUEST_INIT;
    asked->wire.id = (char *)FEDERATION_UUID;
    asked->wire.initiator = (char *)"sae-a";
    asked->targets[0] = (char *)"sae-b";
    asked->wire.n_targets = 1;
    asked->wire.targets = asked->targets;
    asked->wire.number = 1;
    asked->wire.size_bits = 256;
    asked->wire.timeout_ms = 1000;
    asked->wire.exclude = asked->exclude;
}

static void tear_down(Asked *asked, gconstpointer data)
{
    federation_fixture_free(asked->fixture);
}

static void assert_sent(Asked *asked, const Sender *sender, Status status, const char *text)
{
    Verdict verdict = request_check(asked->fixture->federation, sender, &asked->wire);
    g_assert_cmpstr(verdict.text, ==, text);
    g_assert_cmpint(verdict.status, ==, status);
    g_free(verdict.text);
}

static void assert_from(Asked *asked, const char *sender, Status status, const char *text)
{
    assert_sent(asked, &(Sender){sender, ROLE_APPLICATION, 1}, status, text);
}

static void assert_bad(Asked *asked, const char *text)
{
    assert_from(asked, "sae-a", STATUS_BAD_REQUEST, text);
}

static void test_who_may_ask(Asked *asked, gconstpointer data)
{
    assert_from(asked, "sae-a", STATUS_OK, NULL);
    assert_from(asked, "a", STATUS_OK, NULL);
    assert_from(asked, "b", STATUS_NOT_ALLOWED, "'b' may not ask for 'sae-a'");
    assert_from(asked, "sae-b", STATUS_NOT_ALLOWED, "'sae-b' may not ask for 'sae-a'");
    asked->wire.initiator = (char *)"sae-x";
    assert_from(asked, "sae-x", STATUS_UNKNOWN_SAE, "no application 'sae-x' is registered");
}

// The agent that serves it vouches itself, and who is not authenticated cannot be compared.
static void test_certificate(Asked *asked, gconstpointer data)
{
    guint8 registered[32] = {1}, other[32] = {2};
    Application *application = directory_find(asked->fixture->federation, "sae-a");
    WireApplication registration = *application->registration;
    application->registration = &registration;
    Sender sender = {"sae-a", ROLE_APPLICATION, 1, other};
    assert_sent(asked, &sender, STATUS_OK, NULL);
    registration.certificate_sha256 = (ProtobufCBinaryData){sizeof registered, registered};
    assert_sent(asked, &sender, STATUS_NOT_ALLOWED,
                "its certificate is not the one that its provider registered");
    sender.certificate_sha256 = registered;
    assert_sent(asked, &sender, STATUS_OK, NULL);
    assert_from(asked, "sae-a", STATUS_OK, NULL);
    assert_sent(asked, &(Sender){"a", ROLE_AGENT, 1, other}, STATUS_OK, NULL);
}

// What its home provider lets it have, whether it asks itself or its agent does.
static void test_allowance(Asked *asked, gconstpointer data)
{
    Federation *federation = asked->fixture->federation;
    Application *application = directory_find(federation, "sae-a");
    WireApplication registration = *application->registration;
    application->registration = &registration;
    registration.max_keys_per_request = 4;
    asked->wire.number = 5;
    assert_bad(asked, "number is 5; 'a' allows 'sae-a' 1 to 4 in a request");
    assert_from(asked, "a", STATUS_BAD_REQUEST,
                "number is 5; 'a' allows 'sae-a' 1 to 4 in a request");
    asked->wire.number = 4;
    registration.max_requests_per_s = 2;
    for (guint i = 0; i < 2; i++) {
        assert_from(asked, "sae-a", STATUS_OK, NULL);
        request_charge(federation, "sae-a");
    }
    assert_from(asked, "a", STATUS_BUSY, "'a' allows 'sae-a' 2 requests in a second");
    federation->now += G_USEC_PER_SEC - 1;
    assert_from(asked, "sae-a", STATUS_BUSY, "'a' allows 'sae-a' 2 requests in a second");
    federation->now += 1;
    assert_from(asked, "sae-a", STATUS_OK, NULL);
}

static void test_numbers(Asked *asked, gconstpointer data)
{
    asked->wire.number = 0;
    assert_bad(asked, "number is 0; expected 1 to 128");
    asked->wire.number = 129;
    assert_bad(asked, "number is 129; expected 1 to 128");
    asked->wire.number = 128;
    asked->wire.size_bits = 8193;
    assert_bad(asked, "size is 8193 bits; expected a multiple of 8");
    asked->wire.size_bits = 0;
    assert_bad(asked, "size is 0 bits; expected 8 to 8192");
    asked->wire.size_bits = 8200;
    assert_bad(asked, "size is 8200 bits; expected 8 to 8192");
    asked->wire.size_bits = 8192;
    asked->wire.paths = 9;
    assert_bad(asked, "paths is 9; expected 1 to 8");
    asked->wire.paths = 8;
    asked->wire.timeout_ms = 0;
    assert_bad(asked, "timeout is 0 ms; expected 1 to 60000");
    asked->wire.timeout_ms = 60001;
    assert_bad(asked, "timeout is 60001 ms; expected 1 to 60000");
    asked->wire.timeout_ms = 60000;
    assert_from(asked, "sae-a", STATUS_OK, NULL);
}

static void test_ids(Asked *asked, gconstpointer data)
{
    static const char *const bad[] = {"", "1", "01234567-89AB-4cde-8f01-23456789abcd",
                                      "01234567-89ab-4cde-8f01-23456789abcd "};
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        asked->wire.id = (char *)bad[i];
        assert_bad(asked, "id is no UUID in lower case");
    }
}

static void test_targets(Asked *asked, gconstpointer data)
{
    asked->wire.n_targets = 0;
    assert_bad(asked, "0 targets; expected 1 to 8");
    asked->wire.n_targets = 9;
    assert_bad(asked, "9 targets; expected 1 to 8");
    asked->wire.n_targets = 2;
    asked->targets[1] = (char *)"sae-b";
    assert_bad(asked, "target 'sae-b' is named twice");
    asked->targets[1] = (char *)"sae-a";
    assert_bad(asked, "target 'sae-a' is the initiator");
    asked->targets[1] = (char *)"sae-x";
    assert_from(asked, "sae-a", STATUS_UNKNOWN_SAE, "no application 'sae-x' can be reached");
    // One that does not want to be found looks like one that is not there.
    asked->targets[1] = (char *)"sae-c";
    assert_from(asked, "sae-a", STATUS_OK, NULL);
    directory_find(asked->fixture->federation, "sae-c")->visible = FALSE;
    assert_from(asked, "sae-a", STATUS_UNKNOWN_SAE, "no application 'sae-c' can be reached");
}

// No agent takes more branches in one order.
static void test_branches(Asked *asked, gconstpointer data)
{
    asked->fixture->config.max_targets = 9;
    for (gsize i = 0; i < G_N_ELEMENTS(asked->targets); i++)
        asked->targets[i] = (char *)"sae-b";
    asked->wire.n_targets = 9;
    asked->wire.paths = 8;
    assert_bad(asked, "9 targets over 8 paths each; expected at most 64 in all");
    asked->wire.paths = 7;
    assert_bad(asked, "target 'sae-b' is named twice");
}

static void test_exclusions(Asked *asked, gconstpointer data)
{
    for (guint i = 0; i < G_N_ELEMENTS(asked->exclude); i++)
        asked->exclude[i] = (char *)"c";
    asked->wire.n_exclude = 64;
    assert_from(asked, "sae-a", STATUS_OK, NULL);
    asked->wire.n_exclude = 65;
    assert_bad(asked, "65 providers to exclude; expected at most 64");
    asked->wire.n_exclude = 1;
    asked->exclude[0] = (char *)"x";
    assert_from(asked, "sae-a", STATUS_UNKNOWN_MEMBER, "no provider 'x' to exclude");
}

static void test_too_much_under_way(Asked *asked, gconstpointer data)
{
    GHashTable *running = asked->fixture->federation->n_running;
    g_hash_table_insert(running, g_strdup("sae-a"), GUINT_TO_POINTER(1));
    assert_from(asked, "sae-a", STATUS_OK, NULL);
    g_hash_table_insert(running, g_strdup("sae-a"), GUINT_TO_POINTER(2));
    assert_from(asked, "sae-a", STATUS_BUSY, "2 requests are under way already");
    assert_from(asked, "a", STATUS_OK, NULL);
}

// The reason goes into a frame, which carries only whole characters.
static void test_a_character_is_not_cut(Asked *asked, gconstpointer data)
{
    g_autofree char *dots = g_strnfill(63, '.');
    g_autofree char *id = g_strconcat(dots, "ü", NULL);
    asked->targets[0] = id;
    g_autofree char *expected =
        g_strconcat("no application '", dots, "\xef\xbf\xbd", "' can be reached", NULL);
    assert_from(asked, "sae-a", STATUS_UNKNOWN_SAE, expected);
}

#define ADD(name, fn) g_test_add("/request-check/" name, Asked, NULL, set_up, fn, tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("who-may-ask", test_who_may_ask);
    ADD("certificate", test_certificate);
    ADD("allowance", test_allowance);
    ADD("numbers", test_numbers);
    ADD("ids", test_ids);
    ADD("targets", test_targets);
    ADD("branches", test_branches);
    ADD("exclusions", test_exclusions);
    ADD("too-much-under-way", test_too_much_under_way);
    ADD("a-character-is-not-cut", test_a_character_is_not_cut);
    return g_test_run();
}
