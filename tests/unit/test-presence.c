// SPDX-License-Identifier: Apache-2.0

#include "tests/unit/chance.h"
#include "topics/presence.h"

static gboolean update(PresenceState *state, guint64 incarnation, guint64 connection,
                       gboolean alive)
{
    WirePresence message = WIRE_PRESENCE_INIT;
    message.incarnation = incarnation;
    message.connection = connection;
    message.alive = alive;
    return presence_update(state, &message);
}

static void test_a_life(void)
{
    PresenceState state = {0};
    g_assert_true(update(&state, 5, 1, TRUE));
    g_assert_true(state.alive);
    g_assert_false(update(&state, 5, 1, TRUE));
    g_assert_true(update(&state, 5, 1, FALSE));
    g_assert_false(state.alive);
    g_assert_false(update(&state, 5, 1, FALSE));
    g_assert_true(update(&state, 5, 2, TRUE));
    g_assert_true(update(&state, 6, 1, TRUE));
    g_assert_cmpuint(state.incarnation, ==, 6);
    g_assert_cmpuint(state.connection, ==, 1);
}

static void test_a_will_overtakes_the_birth(void)
{
    PresenceState state = {0};
    g_assert_true(update(&state, 5, 1, FALSE));
    g_assert_false(update(&state, 5, 1, TRUE));
    g_assert_false(state.alive);
}

// The will of a connection that is over comes after the birth of the next one.
static void test_a_late_will(void)
{
    PresenceState state = {0};
    update(&state, 5, 1, TRUE);
    update(&state, 5, 2, TRUE);
    g_assert_false(update(&state, 5, 1, FALSE));
    g_assert_true(state.alive);
    update(&state, 6, 1, TRUE);
    g_assert_false(update(&state, 5, 9, FALSE));
    g_assert_false(update(&state, 5, 9, TRUE));
    g_assert_true(state.alive);
    g_assert_cmpuint(state.incarnation, ==, 6);
}

// Whatever the order in which they come, the same is known in the end.
static void test_any_order(void)
{
    static const struct {
        guint64 incarnation, connection;
        gboolean alive;
    } all[] = {{5, 1, TRUE}, {5, 1, FALSE}, {5, 2, TRUE}, {5, 2, FALSE}, {6, 1, TRUE}};
    for (guint order = 0; order < 5 * 5 * 5 * 5 * 5; order++) {
        PresenceState state = {0};
        guint seen = 0;
        for (guint i = 0, rest = order; i < 5; i++, rest /= 5) {
            update(&state, all[rest % 5].incarnation, all[rest % 5].connection,
                   all[rest % 5].alive);
            seen |= 1u << rest % 5;
        }
        guint best = seen & 16 ? 4 : seen & 8 ? 3 : seen & 4 ? 2 : seen & 2 ? 1 : 0;
        g_assert_cmpuint(state.incarnation, ==, all[best].incarnation);
        g_assert_cmpuint(state.connection, ==, all[best].connection);
        g_assert_cmpint(state.alive, ==, all[best].alive);
    }
}

static void test_packed(void)
{
    g_autoptr(GBytes) payload =
        presence_pack(&(Identity){"vienna", ROLE_AGENT, 5, NULL}, 2, TRUE, NULL, 99);
    static const Topic topic = {KIND_PRESENCE, "vienna", ID_ALL};
    Refusal refusal = REFUSAL_NONE;
    g_autoptr(Frame) frame =
        frame_parse(&topic, g_bytes_get_data(payload, NULL), g_bytes_get_size(payload), &refusal);
    g_assert_nonnull(frame);
    g_assert_cmpuint(frame->header->incarnation, ==, 5);
    // A will lies at the broker for as long as the connection lasts.
    g_assert_cmpuint(frame->header->expires_at_us, ==, 0);
    const WirePresence *presence = (const WirePresence *)frame->messages[0];
    g_assert_true(presence->alive);
    g_assert_cmpint(presence->role, ==, ROLE_AGENT);
    g_assert_cmpuint(presence->incarnation, ==, 5);
    g_assert_cmpuint(presence->connection, ==, 2);
    g_assert_true(g_str_has_prefix(presence->software, "qkdnf "));
}

// Even when all start at once: of 20 drawn, with this chance, no two are alike.
static void test_programs_that_start_at_once(void)
{
    enum { N = 20, NOW_US = 2000000 };
    Chance chance = {1};
    Random random = chance_random(&chance);
    guint64 drawn[N];
    for (guint i = 0; i < N; i++) {
        drawn[i] = presence_draw_incarnation(NOW_US, &random);
        g_assert_cmpuint(drawn[i], <=, NOW_US);
        g_assert_cmpuint(drawn[i], >, NOW_US - G_TIME_SPAN_SECOND);
        for (guint earlier = 0; earlier < i; earlier++)
            g_assert_cmpuint(drawn[i], !=, drawn[earlier]);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/presence/a-life", test_a_life);
    g_test_add_func("/presence/a-will-overtakes-the-birth", test_a_will_overtakes_the_birth);
    g_test_add_func("/presence/a-late-will", test_a_late_will);
    g_test_add_func("/presence/any-order", test_any_order);
    g_test_add_func("/presence/packed", test_packed);
    g_test_add_func("/presence/programs-that-start-at-once", test_programs_that_start_at_once);
    return g_test_run();
}
