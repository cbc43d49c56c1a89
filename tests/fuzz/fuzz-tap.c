// SPDX-License-Identifier: Apache-2.0
//
// What a tap shows of a publish (as in state.h) that anyone can make: decoded, marked by what a
// monitor can tell of who said it, and as lines in which nothing is left that a terminal obeys.

#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/state.h"
#include "tests/sim/certifier.h"
#include "tests/unit/chance.h"
#include "tools/qkdnf/authenticity.h"
#include "tools/qkdnf/decode.h"
#include "tools/qkdnf/tap-line.h"

#define NOW_US (G_GINT64_CONSTANT(1700000000) * G_USEC_PER_SEC)

static gboolean is_harmless(const char *text)
{
    for (; *text; text = g_utf8_next_char(text)) {
        gunichar c = g_utf8_get_char(text);
        if (c != '\n' && !g_unichar_isprint(c))
            return FALSE;
    }
    return TRUE;
}

static void show(Authenticity *authenticity, const char *topic, const guint8 *payload,
                 gsize n_bytes)
{
    Refusal reason = REFUSAL_NONE;
    json_t *publish = decode_publish(topic, payload, n_bytes);
    AuthenticityMark mark =
        authenticity_check(authenticity, topic, payload, n_bytes, NOW_US, &reason);
    json_object_set_new(publish, "authenticity", json_string(authenticity_name(mark)));
    g_assert_true(mark != AUTHENTICITY_FAILED || reason != REFUSAL_NONE);
    // Nobody has said what cannot be read.
    gboolean is_believed = mark == AUTHENTICITY_VERIFIED || mark == AUTHENTICITY_SEALED;
    g_assert_true(!is_believed || json_object_get(publish, "messages"));
    g_autofree char *lines = tap_line_format(publish, FALSE);
    g_assert_true(g_utf8_validate(lines, -1, NULL));
    g_assert_true(is_harmless(lines));
    json_decref(publish);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    Chance chance = {1};
    Random random = chance_random(&chance);
    g_autoptr(Authenticity) authenticity =
        authenticity_new("watch", certifier_new("watch", ROLE_MONITOR), &random, NOW_US);
    for (g_auto(Piece) piece = {0}; piece_next(&bytes, &n_bytes, &piece); piece_clear(&piece)) {
        gsize n_payload = 0;
        const guint8 *payload = g_bytes_get_data(piece.bytes, &n_payload);
        // An exact copy, so that a read past the end is seen by the sanitizers.
        g_autofree guint8 *exact = g_memdup2(payload, n_payload);
        show(authenticity, piece.name, exact, n_payload);
    }
    return 0;
}
