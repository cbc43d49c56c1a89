// SPDX-License-Identifier: Apache-2.0

#include "agents/application/application.h"
#include "tests/unit/published.h"
#include "topics/presence.h"

#include <string.h>

#define SECOND G_USEC_PER_SEC
#define START  (1000 * SECOND)
#define NEVER  G_MAXINT64

// A core, what it published last, and what was answered.
typedef struct {
    Application *core;
    guint n_sent;
    guint n_answered;
    char *last_topic;
    char *last_answer; // ID and text of a reply; the ID alone when there was none
    gboolean asks_again;
} Fixture;

static void set_up(Fixture *f, gconstpointer data)
{
    f->core = application_new("bank-a", "platform", 7);
}

static void tear_down(Fixture *f, gconstpointer data)
{
    application_free(f->core);
    g_free(f->last_topic);
    g_free(f->last_answer);
}

static void on_publish(gpointer data, const Publish *publish)
{
    Fixture *f = data;
    Topic topic;
    g_autoptr(Frame) frame = published_frame(publish, &topic);
    f->n_sent += (guint)frame->n_messages;
    g_free(f->last_topic);
    f->last_topic = g_strdup(publish->topic);
}

static guint sent(Fixture *f, gint64 now_us)
{
    f->n_sent = 0;
    outbox_flush(application_outbox(f->core), now_us, on_publish, f);
    return f->n_sent;
}

static void ask(Fixture *f, const char *id, gint64 deadline_us, gint64 now_us);

static void on_answer(gpointer data, const char *id, const ProtobufCMessage *answer)
{
    Fixture *f = data;
    f->n_answered++;
    g_free(f->last_answer);
    f->last_answer =
        answer ? g_strdup_printf("%s %s", id, ((const WireReply *)answer)->text) : g_strdup(id);
    if (f->asks_again)
        ask(f, "again", START + 60 * SECOND, START);
}

static void ask(Fixture *f, const char *id, gint64 deadline_us, gint64 now_us)
{
    WireRequest request = WIRE_REQUEST_INIT;
    request.id = (char *)id;
    Question question = {KIND_REQUEST, &request.base, id, deadline_us, on_answer, f, NULL};
    application_ask(f->core, &question, now_us);
}

static Refusal hear(Fixture *f, KindId kind, const char *from, const ProtobufCMessage *message)
{
    g_autoptr(GBytes) packed = message_pack(message);
    FrameHead head = {kind, from, "bank-a", 1, 1, START};
    g_autoptr(GBytes) payload = frame_pack(&head, &packed, 1);
    g_autofree char *topic = topic_format(kind, from, "bank-a");
    gsize n_bytes;
    const guint8 *bytes = g_bytes_get_data(payload, &n_bytes);
    return application_receive(f->core, topic, bytes, n_bytes, START);
}

static Refusal reply(Fixture *f, const char *from, const char *id)
{
    WireReply message = WIRE_REPLY_INIT;
    message.id = (char *)id;
    message.text = (char *)"granted";
    return hear(f, KIND_REPLY, from, &message.base);
}

static void test_repeats_with_growing_pauses(Fixture *f, gconstpointer data)
{
    ask(f, "one", START + 60 * SECOND, START);
    g_assert_cmpuint(sent(f, START), ==, 1);
    g_assert_cmpstr(f->last_topic, ==, "qkdnf/v1/request/bank-a/platform");
    static const gint64 pauses[] = {500000,     SECOND,     2 * SECOND, 4 * SECOND,
                                    8 * SECOND, 8 * SECOND, 8 * SECOND};
    gint64 now_us = START;
    for (gsize i = 0; i < G_N_ELEMENTS(pauses); i++) {
        g_assert_cmpint(application_tick(f->core, now_us + pauses[i] - 1), ==, now_us + pauses[i]);
        g_assert_cmpuint(sent(f, now_us), ==, 0);
        now_us += pauses[i];
        application_tick(f->core, now_us);
        g_assert_cmpuint(sent(f, now_us), ==, 1);
    }
    g_assert_cmpuint(f->n_answered, ==, 0);
}

static void test_answered_once(Fixture *f, gconstpointer data)
{
    ask(f, "one", START + 60 * SECOND, START);
    ask(f, "two", START + 60 * SECOND, START);
    g_assert_cmpuint(sent(f, START), ==, 2);
    g_assert_cmpint(reply(f, "platform", "one"), ==, REFUSAL_NONE);
    g_assert_cmpstr(f->last_answer, ==, "one granted");
    reply(f, "platform", "one");
    reply(f, "platform", "unknown");
    g_assert_cmpuint(f->n_answered, ==, 1);
    application_tick(f->core, START + SECOND);
    g_assert_cmpuint(sent(f, START), ==, 1);
    reply(f, "platform", "two");
    g_assert_cmpint(application_tick(f->core, START + 90 * SECOND), ==, NEVER);
    g_assert_cmpuint(f->n_answered, ==, 2);
    g_assert_cmpuint(sent(f, START), ==, 0);
}

static void test_time_is_up(Fixture *f, gconstpointer data)
{
    ask(f, "one", START + 3 * SECOND, START);
    for (gint64 now_us = START; now_us < NEVER;)
        now_us = application_tick(f->core, now_us);
    g_assert_cmpuint(f->n_answered, ==, 1);
    g_assert_cmpstr(f->last_answer, ==, "one");
    reply(f, "platform", "one");
    g_assert_cmpuint(f->n_answered, ==, 1);
}

static void be_born(Fixture *f, const char *member, guint64 incarnation, guint64 connection,
                    gboolean alive)
{
    g_autoptr(GBytes) payload = presence_pack(&(Identity){member, ROLE_PLATFORM, incarnation, NULL},
                                              connection, alive, NULL, START);
    g_autofree char *topic = topic_format(KIND_PRESENCE, member, ID_ALL);
    gsize n_bytes;
    const guint8 *bytes = g_bytes_get_data(payload, &n_bytes);
    application_receive(f->core, topic, bytes, n_bytes, START + 3 * SECOND);
}

static void test_asked_again_when_the_platform_is_back(Fixture *f, gconstpointer data)
{
    ask(f, "one", START + 60 * SECOND, START);
    sent(f, START);
    be_born(f, "platform", 5, 1, TRUE);
    g_assert_cmpuint(sent(f, START), ==, 0); // as it is heard of for the first time
    application_tick(f->core, START + 3 * SECOND);
    g_assert_cmpuint(sent(f, START), ==, 1);
    be_born(f, "platform", 5, 1, FALSE);
    be_born(f, "platform", 5, 1, TRUE);
    be_born(f, "vienna", 9, 1, TRUE);
    be_born(f, "vienna", 10, 1, TRUE);
    g_assert_cmpuint(sent(f, START), ==, 0);
    be_born(f, "platform", 6, 1, TRUE);
    g_assert_cmpuint(sent(f, START), ==, 1);
    g_assert_cmpint(application_next(f->core), ==, START + 3 * SECOND + 500000);
    be_born(f, "platform", 6, 2, TRUE);
    g_assert_cmpuint(sent(f, START), ==, 1);
    be_born(f, "platform", 6, 2, TRUE);
    be_born(f, "platform", 5, 3, TRUE);
    g_assert_cmpuint(sent(f, START), ==, 0);
}

static void on_phase(gpointer data, const char *id, const ProtobufCMessage *answer)
{
    g_string_append_printf(data, "%d",
                           answer ? (int)((const WireHandoverState *)answer)->phase : 0);
}

static void on_moved(gpointer data, const WireHandoverState *state)
{
    g_string_append_printf(data, "%s%d ", state->id, (int)state->phase);
}

static void say_phase(Fixture *f, const char *id, int phase)
{
    WireHandoverState state = WIRE_HANDOVER_STATE_INIT;
    state.id = (char *)id;
    state.phase = (Qkdnf__V1__HandoverPhase)phase;
    hear(f, KIND_HANDOVER_STATE, "platform", &state.base);
}

static void test_each_phase_of_a_handover_once(Fixture *f, gconstpointer data)
{
    g_autoptr(GString) phases = g_string_new(NULL);
    WireHandover handover = WIRE_HANDOVER_INIT;
    handover.id = (char *)"one";
    Question question = {KIND_HANDOVER, &handover.base, "one", START + 60 * SECOND,
                         on_phase,      phases,         NULL};
    application_ask(f->core, &question, START);
    sent(f, START);
    static const int heard[] = {1, 1, 3, 99, 2, 3, 4, 3};
    for (gsize i = 0; i < G_N_ELEMENTS(heard); i++)
        say_phase(f, "one", heard[i]);
    g_assert_cmpstr(phases->str, ==, "134");
    // It is asked for until its last phase.
    application_tick(f->core, START + SECOND);
    g_assert_cmpuint(sent(f, START), ==, 1);
    say_phase(f, "one", 5);
    say_phase(f, "one", 5);
    g_assert_cmpstr(phases->str, ==, "1345");
    g_assert_cmpint(application_tick(f->core, START + 90 * SECOND), ==, NEVER);
}

static void test_handovers_that_others_ask_for(Fixture *f, gconstpointer data)
{
    g_autoptr(GString) phases = g_string_new(NULL);
    say_phase(f, "a", 1);
    application_watch(f->core, on_moved, phases);
    say_phase(f, "a", 2);
    say_phase(f, "a", 2);
    say_phase(f, "a", 1);
    say_phase(f, "a", 99);
    say_phase(f, "a", 6);
    say_phase(f, "b", 3);
    g_assert_cmpstr(phases->str, ==, "a2 a6 b3 ");
}

// Only the platform answers, and only what it was asked.
static void test_who_may_answer(Fixture *f, gconstpointer data)
{
    ask(f, "one", START + 60 * SECOND, START);
    g_assert_cmpint(reply(f, "bank-b", "one"), ==, REFUSAL_ROLE);
    WireServices services = WIRE_SERVICES_INIT;
    services.id = (char *)"one";
    g_assert_cmpint(hear(f, KIND_SERVICES, "platform", &services.base), ==, REFUSAL_NONE);
    g_assert_cmpuint(f->n_answered, ==, 0);
    reply(f, "platform", "one");
    g_assert_cmpuint(f->n_answered, ==, 1);
}

static void test_sent_again_when_the_bus_is_back(Fixture *f, gconstpointer data)
{
    ask(f, "one", START + 60 * SECOND, START);
    ask(f, "two", START + 60 * SECOND, START);
    application_tick(f->core, START + 3 * SECOND);
    sent(f, START);
    application_connected(f->core, START + 3 * SECOND);
    g_assert_cmpuint(sent(f, START), ==, 2);
    g_assert_cmpint(application_next(f->core), ==, START + 3 * SECOND + 500000);
}

static void test_cancelled(Fixture *f, gconstpointer data)
{
    ask(f, "one", START + 60 * SECOND, START);
    g_assert_true(application_cancel(f->core, "one"));
    g_assert_false(application_cancel(f->core, "one"));
    reply(f, "platform", "one");
    g_assert_cmpint(application_tick(f->core, START + 90 * SECOND), ==, NEVER);
    g_assert_cmpuint(f->n_answered, ==, 0);
}

static void test_asks_from_a_callback(Fixture *f, gconstpointer data)
{
    f->asks_again = TRUE;
    ask(f, "one", START + 60 * SECOND, START);
    sent(f, START);
    reply(f, "platform", "one");
    g_assert_cmpuint(sent(f, START), ==, 1);
    f->asks_again = FALSE;
    reply(f, "platform", "again");
    g_assert_cmpuint(f->n_answered, ==, 2);
}

static void count(gpointer data)
{
    (*(guint *)data)++;
}

static void no_answer(gpointer data, const char *id, const ProtobufCMessage *answer)
{
    g_assert_not_reached();
}

static void test_data_is_freed_without_an_answer(Fixture *f, gconstpointer data)
{
    guint n_freed = 0;
    WireRequest request = WIRE_REQUEST_INIT;
    request.id = (char *)"one";
    Question question = {KIND_REQUEST, &request.base, "one", NEVER, no_answer, &n_freed, count};
    application_ask(f->core, &question, START);
    application_cancel(f->core, "one");
    g_assert_cmpuint(n_freed, ==, 1);
    application_ask(f->core, &question, START);
    g_clear_pointer(&f->core, application_free);
    g_assert_cmpuint(n_freed, ==, 2);
}

static void ask_many(Fixture *f, guint first, guint n)
{
    for (guint i = first; i < first + n; i++) {
        g_autofree char *id = g_strdup_printf("%u", i);
        ask(f, id, START + 60 * SECOND, START);
    }
}

// Others wait for nothing but their answers.
static void test_too_many_requests(Fixture *f, gconstpointer data)
{
    ask_many(f, 0, 1024);
    g_assert_cmpuint(sent(f, START), ==, 1024);
    ask(f, "excess", START + 60 * SECOND, START);
    g_assert_cmpint(application_next(f->core), ==, START);
    g_assert_cmpuint(f->n_answered, ==, 0);
    application_connected(f->core, START);
    g_assert_cmpuint(sent(f, START), ==, 1024);
    application_tick(f->core, START);
    g_assert_cmpuint(sent(f, START), ==, 0);
    g_assert_cmpuint(f->n_answered, ==, 1);
    g_assert_cmpstr(f->last_answer, ==,
                    "excess too many requests of this application are under way");
    // Each that ends makes room for one, however it ends; what was refused made none.
    reply(f, "platform", "0");
    application_cancel(f->core, "1");
    ask_many(f, 2000, 3);
    g_assert_cmpuint(sent(f, START), ==, 2);
    application_cancel(f->core, "2002");
    ask(f, "more", START + 60 * SECOND, START);
    g_assert_cmpuint(sent(f, START), ==, 0);
}

static void add(const char *name, void (*test)(Fixture *, gconstpointer))
{
    g_test_add(name, Fixture, NULL, set_up, test, tear_down);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add("/application/repeats-with-growing-pauses", test_repeats_with_growing_pauses);
    add("/application/answered-once", test_answered_once);
    add("/application/time-is-up", test_time_is_up);
    add("/application/who-may-answer", test_who_may_answer);
    add("/application/sent-again-when-the-bus-is-back", test_sent_again_when_the_bus_is_back);
    add("/application/asked-again-when-the-platform-is-back",
        test_asked_again_when_the_platform_is_back);
    add("/application/each-phase-of-a-handover-once", test_each_phase_of_a_handover_once);
    add("/application/handovers-that-others-ask-for", test_handovers_that_others_ask_for);
    add("/application/cancelled", test_cancelled);
    add("/application/asks-from-a-callback", test_asks_from_a_callback);
    add("/application/too-many-requests", test_too_many_requests);
    add("/application/data-is-freed-without-an-answer", test_data_is_freed_without_an_answer);
    return g_test_run();
}
