// SPDX-License-Identifier: Apache-2.0

#include "tools/qkdnf/picture.h"

#include "tools/qkdnf/json-read.h"
#include "tools/qkdnf/screen.h"
#include "tools/qkdnf/tally.h"
#include "topics/outbox.h"

#include <string.h>

#define S G_USEC_PER_SEC

typedef struct {
    Picture *picture;
    gint64 now_us;
} Watch;

static void arrive(gpointer data, const Publish *publish)
{
    Watch *watch = data;
    gsize n_bytes = 0;
    const guint8 *payload = g_bytes_get_data(publish->payload, &n_bytes);
    picture_take(watch->picture, publish->topic, payload, n_bytes, watch->now_us);
}

static void say(Watch *watch, const char *from, KindId kind, const char *to,
                const ProtobufCMessage *message)
{
    g_autoptr(Outbox) outbox = outbox_new(from, 1);
    outbox_add(outbox, kind, to, message);
    outbox_flush(outbox, watch->now_us, arrive, watch);
}

static void ask(Watch *watch, const char *id)
{
    WireRequest request = WIRE_REQUEST_INIT;
    request.id = (char *)id;
    say(watch, "bank", KIND_REQUEST, "platform", &request.base);
}

static void answer(Watch *watch, const char *id, Qkdnf__V1__Status status)
{
    WireReply reply = WIRE_REPLY_INIT;
    reply.id = (char *)id;
    reply.status = status;
    say(watch, "platform", KIND_REPLY, "bank", &reply.base);
}

static void assert_part(Watch *watch, const char *name, const char *expected)
{
    json_t *all = picture_to_json(watch->picture, watch->now_us);
    char *text = json_dumps(json_object_get(all, name), JSON_COMPACT | JSON_REAL_PRECISION(3));
    g_assert_cmpstr(text, ==, expected);
    free(text);
    json_decref(all);
}

static void test_requests(void)
{
    Watch watch = {picture_new(), 1000 * S};
    ask(&watch, "r1");
    ask(&watch, "r2");
    watch.now_us += 4000;
    ask(&watch, "r1");
    answer(&watch, "r1", QKDNF__V1__STATUS__STATUS_OK);
    answer(&watch, "r1", QKDNF__V1__STATUS__STATUS_OK);
    assert_part(&watch, "requests",
                "{\"granted\":1,\"refused\":0,\"open\":1,\"per_s\":0.1,\"p50_us\":4000,"
                "\"p99_us\":4000}");
    watch.now_us += 2000;
    answer(&watch, "r2", QKDNF__V1__STATUS__STATUS_NO_ROUTE);
    // Whoever comes late sees answers whose questions it has not: they have no time.
    answer(&watch, "r3", QKDNF__V1__STATUS__STATUS_OK);
    assert_part(&watch, "requests",
                "{\"granted\":2,\"refused\":1,\"open\":0,\"per_s\":0.3,\"p50_us\":6000,"
                "\"p99_us\":6000}");
    picture_free(watch.picture);
}

// However many are asked and never answered.
static void test_what_is_remembered_is_bounded(void)
{
    Watch watch = {picture_new(), 1000 * S};
    for (guint i = 0; i < 30000; i++) {
        g_autofree char *id = g_strdup_printf("r%u", i);
        ask(&watch, id);
    }
    json_t *all = picture_to_json(watch.picture, watch.now_us);
    g_assert_cmpint(json_read_integer(json_object_get(all, "requests"), "open"), ==, 20000);
    json_decref(all);
    picture_free(watch.picture);
}

static void say_leg(Watch *watch, const char *sae, Qkdnf__V1__LegPhase phase)
{
    WireLeg leg = WIRE_LEG_INIT;
    char *targets[] = {(char *)"ministry"};
    leg.session = (char *)"s1";
    leg.sae = (char *)sae;
    leg.initiator = (char *)"bank";
    leg.targets = targets;
    leg.n_targets = 1;
    leg.phase = phase;
    say(watch, "platform", KIND_LEG, "vienna", &leg.base);
}

static void test_sessions(void)
{
    Watch watch = {picture_new(), 1000 * S};
    say_leg(&watch, "ministry", QKDNF__V1__LEG_PHASE__LEG_PHASE_SERVE);
    assert_part(&watch, "sessions", "[]");
    say_leg(&watch, "bank", QKDNF__V1__LEG_PHASE__LEG_PHASE_SERVE);
    WireLegState state = WIRE_LEG_STATE_INIT;
    state.session = (char *)"s1";
    state.sae = (char *)"bank";
    state.delivered = 7;
    say(&watch, "vienna", KIND_LEG_STATE, "platform", &state.base);
    state.sae = (char *)"ministry";
    state.delivered = 0;
    say(&watch, "vienna", KIND_LEG_STATE, "platform", &state.base);
    // Where it was before a handover: it goes on elsewhere.
    say_leg(&watch, "bank", QKDNF__V1__LEG_PHASE__LEG_PHASE_END);
    assert_part(&watch, "sessions",
                "[{\"session\":\"s1\",\"delivered\":7,\"initiator\":\"bank\",\"targets\":"
                "[\"ministry\"],\"phase\":\"LEG_PHASE_SERVE\"}]");
    say_leg(&watch, "ministry", QKDNF__V1__LEG_PHASE__LEG_PHASE_DRAIN);
    assert_part(&watch, "sessions", "[]");
    picture_free(watch.picture);
}

static void say_fault(Watch *watch, const char *from, gboolean cleared)
{
    WireFault fault = WIRE_FAULT_INIT;
    fault.id = (char *)"f1";
    fault.subject = (char *)"graz-vienna";
    fault.cleared = cleared;
    say(watch, from, KIND_FAULT, "platform", &fault.base);
}

static void test_faults(void)
{
    Watch watch = {picture_new(), 1000 * S};
    say_fault(&watch, "vienna", FALSE);
    say_fault(&watch, "graz", FALSE);
    watch.now_us += S;
    say_fault(&watch, "graz", FALSE);
    say_fault(&watch, "vienna", TRUE);
    assert_part(&watch, "faults",
                "[{\"id\":\"f1\",\"scope\":\"FAULT_SCOPE_UNSPECIFIED\",\"subject\":\"graz-vienna\","
                "\"cause\":\"\",\"member\":\"graz\",\"since_us\":1000000000}]");
    picture_free(watch.picture);
}

static gboolean is_on_screen(Watch *watch, const char *expected, ScreenStyle style)
{
    json_t *all = picture_to_json(watch->picture, watch->now_us);
    g_autoptr(GPtrArray) lines = screen_format(all, 80);
    gboolean is_there = FALSE;
    for (guint i = 0; i < lines->len; i++) {
        const ScreenLine *line = lines->pdata[i];
        is_there |= line->style == style && strcmp(line->text, expected) == 0;
    }
    json_decref(all);
    return is_there;
}

static void test_ratings(void)
{
    Watch watch = {picture_new(), 1000 * S};
    WireRating rating = WIRE_RATING_INIT;
    rating.provider = (char *)"vienna";
    rating.score = 1000;
    say(&watch, "platform", KIND_RATING, "vienna", &rating.base);
    // The latest counts.
    rating.score = 412;
    rating.low = TRUE;
    rating.orders = 7;
    rating.loss_ppm = 142857;
    rating.delay_p50_us = 1280;
    rating.delay_p95_us = 20480;
    rating.observed_us = 4000;
    rating.down_us = 1000;
    say(&watch, "platform", KIND_RATING, "vienna", &rating.base);
    g_assert_true(is_on_screen(&watch,
                               "vienna                  412      7   14.29    0.00       1.3"
                               "      20.5    75.00",
                               SCREEN_BAD));
    picture_free(watch.picture);
}

static void test_what_is_not_readable(void)
{
    Watch watch = {picture_new(), 1000 * S};
    picture_take(watch.picture, "else", NULL, 0, watch.now_us);
    picture_take(watch.picture, "qkdnf/v1/reply/platform/bank", (const guint8 *)"\xff", 1,
                 watch.now_us);
    assert_part(&watch, "bus",
                "{\"publishes\":2,\"publishes_per_s\":0.2,\"unreadable\":2,\"missed\":0}");
    picture_free(watch.picture);
}

static void test_rates_and_times(void)
{
    TallyRate rate = {0};
    for (guint i = 0; i < 20; i++)
        tally_rate_add(&rate, 100 * S + i * S / 4);
    g_assert_cmpfloat(tally_rate_per_s(&rate, 104 * S), ==, 2.0);
    g_assert_cmpfloat(tally_rate_per_s(&rate, 111 * S), ==, 1.2);
    g_assert_cmpfloat(tally_rate_per_s(&rate, 114 * S), ==, 0.0);
    TallyTimes times = {0};
    g_assert_cmpint(tally_times_quantile(&times, 0.5), ==, 0);
    for (gint64 i = 0; i < 2 * TALLY_DURATIONS; i++)
        tally_times_add(&times, i);
    g_assert_cmpint(tally_times_quantile(&times, 0), ==, TALLY_DURATIONS);
    g_assert_cmpint(tally_times_quantile(&times, 1), ==, 2 * TALLY_DURATIONS - 1);
}

// Whatever a member puts into its texts: no line is wider than the terminal, none can drive it.
static void test_the_screen_obeys_nobody(void)
{
    Watch watch = {picture_new(), 1000 * S};
    WireFault fault = WIRE_FAULT_INIT;
    g_autofree char *much = g_strnfill(500, 'x');
    g_autofree char *cause = g_strconcat("\033[2J\n\t\xc2\x9b \xe6\xbc\xa2", much, NULL);
    fault.cause = cause;
    say(&watch, "vienna", KIND_FAULT, "platform", &fault.base);
    json_t *all = picture_to_json(watch.picture, watch.now_us);
    for (guint columns = 80; columns <= 200; columns += 40) {
        g_autoptr(GPtrArray) lines = screen_format(all, columns);
        gboolean is_shown = FALSE;
        for (guint i = 0; i < lines->len; i++) {
            const ScreenLine *line = lines->pdata[i];
            g_assert_cmpint(g_utf8_strlen(line->text, -1), <=, columns);
            g_assert_null(strpbrk(line->text, "\033\n\t"));
            is_shown |= strstr(line->text, "?[2J???") != NULL;
        }
        g_assert_true(is_shown);
    }
    json_decref(all);
    picture_free(watch.picture);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/picture/requests", test_requests);
    g_test_add_func("/picture/what-is-remembered-is-bounded", test_what_is_remembered_is_bounded);
    g_test_add_func("/picture/sessions", test_sessions);
    g_test_add_func("/picture/faults", test_faults);
    g_test_add_func("/picture/ratings", test_ratings);
    g_test_add_func("/picture/what-is-not-readable", test_what_is_not_readable);
    g_test_add_func("/picture/rates-and-times", test_rates_and_times);
    g_test_add_func("/picture/the-screen-obeys-nobody", test_the_screen_obeys_nobody);
    return g_test_run();
}
