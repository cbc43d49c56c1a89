// SPDX-License-Identifier: Apache-2.0
//
// A member that holds a valid certificate and says what it likes: makes frames for the test of
// that, which gives them to the broker. Arguments: the ID of the certificate, the ID to speak as,
// the role, and the files of authority, certificate and key. On standard input, a command a line,
// and for each one line back:
//
//   hear TOPIC HEX      takes in a publish, such as somebody's presence; why it is refused, or
//   "none" birth               its presence frame, in hexadecimal say KIND TO HEX     a frame with
//   this message; empty when there is no such receiver

#include "topics/mqtt/credentials-file.h"
#include "topics/mqtt/daemon.h"
#include "topics/outbox.h"

#include "topics/certificate.h"

#include <stdio.h>
#include <string.h>

typedef struct {
    Authentication *authentication;
    Credentials *signs;
    guint64 sequence;
} Forger;

static Role role_by_name(const char *name)
{
    for (Role role = ROLE_PLATFORM; role <= ROLE_OPERATOR; role++) {
        if (g_str_has_suffix(certificate_role_unit(role), name))
            return role;
    }
    g_error("there is no role %s", name);
}

static GBytes *read_hex(const char *text)
{
    gsize n_bytes = strlen(text) / 2;
    guint8 *bytes = g_malloc(n_bytes);
    for (gsize i = 0; i < n_bytes; i++)
        bytes[i] = (guint8)(g_ascii_xdigit_value(text[2 * i]) << 4 |
                            g_ascii_xdigit_value(text[2 * i + 1]));
    return g_bytes_new_take(bytes, n_bytes);
}

static void print_hex(gpointer data, GBytes *payload)
{
    gsize n_bytes = 0;
    const guint8 *bytes = g_bytes_get_data(payload, &n_bytes);
    for (gsize i = 0; i < n_bytes; i++)
        printf("%02x", bytes[i]);
}

static Refusal check(gpointer data, const Topic *topic, const WireFrame *frame,
                     const WireHeader *header)
{
    Role role;
    gboolean is_relevant;
    return authentication_check(data, topic, frame, header, daemon_now_us(), &role, &is_relevant);
}

static void hear(Forger *forger, const char *text, const char *hex)
{
    Topic topic;
    Refusal refusal = REFUSAL_TOPIC;
    g_autoptr(GBytes) payload = read_hex(hex);
    g_autoptr(Frame) frame = NULL;
    if (topic_parse(text, &topic))
        frame =
            frame_parse_checked(&topic, g_bytes_get_data(payload, NULL), g_bytes_get_size(payload),
                                check, forger->authentication, &refusal);
    printf("%s", refusal_name(refusal));
}

static void say(Forger *forger, const char *kind, const char *to, const char *hex)
{
    const Identity *self = authentication_identity(forger->authentication);
    g_autoptr(GBytes) message = read_hex(hex);
    FrameHead head = {.from = self->id,
                      .to = to,
                      .incarnation = self->incarnation,
                      .sequence = ++forger->sequence,
                      .sent_at_us = daemon_now_us()};
    g_assert_true(kind_find(kind, &head.kind));
    authentication_pack(forger->authentication, &head, &message, 1, print_hex, NULL);
}

static void obey(Forger *forger, char *const *words)
{
    guint n_words = g_strv_length((char **)words);
    if (n_words == 3 && strcmp(words[0], "hear") == 0) {
        hear(forger, words[1], words[2]);
    } else if (n_words == 4 && strcmp(words[0], "say") == 0) {
        say(forger, words[1], words[2], words[3]);
    } else if (n_words == 1 && strcmp(words[0], "birth") == 0) {
        g_autoptr(GBytes) birth = presence_pack(authentication_identity(forger->authentication), 1,
                                                TRUE, forger->signs, daemon_now_us());
        print_hex(NULL, birth);
    } else {
        g_error("expected hear, birth or say");
    }
    putchar('\n');
    fflush(stdout);
}

int main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    g_assert_true(argc == 7);
    Role role = role_by_name(argv[3]);
    Connection files = {.ca = argv[4], .certificate = argv[5], .key = argv[6]};
    Forger forger = {authentication_new(argv[2], role, (guint64)daemon_now_us(), daemon_random()),
                     credentials_load(&files, argv[1], &error), 0};
    g_assert_no_error(error);
    authentication_set_credentials(forger.authentication, credentials_load(&files, argv[1], &error),
                                   daemon_now_us());
    char *line = NULL;
    gsize n_line = 0;
    while (getline(&line, &n_line, stdin) > 0) {
        g_auto(GStrv) words = g_strsplit(g_strchomp(line), " ", 4);
        obey(&forger, words);
    }
    free(line);
    authentication_free(forger.authentication);
    credentials_free(forger.signs);
    return 0;
}
