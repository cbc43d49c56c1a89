// SPDX-License-Identifier: Apache-2.0

#include "tests/unit/stream-fixture.h"

#include "tests/unit/published.h"
#include "topics/topic.h"

#include <string.h>

#define LINK_BPS 100000

static void said_free(gpointer data)
{
    Said *said = data;
    g_free(said->to);
    wire_free(said->message);
    g_free(said);
}

static Federation *core(const StreamFixture *fixture)
{
    return fixture->federation->federation;
}

static void settle(StreamFixture *fixture)
{
    Topology *topology = core(fixture)->topology;
    for (guint i = 0; i < topology->links->len; i++) {
        Link *link = topology->links->pdata[i];
        link->ends[0].fill_bps = link->ends[1].fill_bps = LINK_BPS;
    }
    core(fixture)->started_us = 0;
}

StreamFixture *stream_fixture_new(const GraphLink *links, gsize n_links)
{
    StreamFixture *fixture = g_new0(StreamFixture, 1);
    fixture->federation = federation_fixture_new(links, n_links);
    // Nobody is heard of but when a test says so.
    fixture->federation->config.stale_ms = 3600000;
    fixture->links = links;
    fixture->n_links = n_links;
    fixture->said = g_ptr_array_new_with_free_func(said_free);
    fixture->n_stored = 1;
    settle(fixture);
    return fixture;
}

void stream_fixture_free(StreamFixture *fixture)
{
    if (!fixture)
        return;
    federation_fixture_free(fixture->federation);
    g_ptr_array_unref(fixture->said);
    g_free(fixture);
}

static void come_back(StreamFixture *fixture, gint64 now)
{
    core(fixture)->now = now;
    graph_register(core(fixture)->topology, fixture->links, fixture->n_links);
    GPtrArray *providers = core(fixture)->topology->providers;
    for (guint i = 0; i < providers->len; i++)
        directory_update(core(fixture), providers->pdata[i]);
    settle(fixture);
}

void stream_fixture_restart(StreamFixture *fixture)
{
    g_autoptr(GError) error = NULL;
    gint64 now = core(fixture)->now;
    federation_fixture_restart(fixture->federation, &error);
    g_assert_no_error(error);
    come_back(fixture, now);
}

void stream_fixture_crash(StreamFixture *fixture)
{
    g_autoptr(GError) error = NULL;
    gint64 now = core(fixture)->now;
    federation_fixture_crash(fixture->federation, &error);
    g_assert_no_error(error);
    come_back(fixture, now);
}

void stream_fixture_ask(Asked *asked, guint number)
{
    *asked = (Asked){WIRE_SESSION_OPEN_INIT, WIRE_SESSION_QOS_INIT, {(char *)"sae-d"}, ""};
    g_snprintf(asked->id, sizeof asked->id, "01234567-89ab-4cde-8f01-%012u", number);
    asked->open.session = asked->id;
    asked->open.initiator = (char *)"sae-a";
    asked->open.n_targets = 1;
    asked->open.targets = asked->targets;
    asked->open.qos = &asked->qos;
    asked->qos.rate_bps = 1000;
    asked->qos.size_bits = 256;
    asked->qos.buffer = 8;
}

const WireSessionState *stream_fixture_command(StreamFixture *fixture, const WireSession *wire,
                                               const Sender *sender)
{
    stream_on_session(core(fixture), sender, wire);
    stream_fixture_hear(fixture);
    const Said *said = stream_fixture_last(fixture, KIND_SESSION_STATE);
    g_assert_nonnull(said);
    g_assert_cmpstr(said->to, ==, sender->id);
    const WireSessionState *state = said->message;
    g_assert_cmpstr(state->id, ==, wire->id);
    return state;
}

const WireSessionState *stream_fixture_open(StreamFixture *fixture, const Asked *asked,
                                            const char *sender)
{
    WireSession wire = WIRE_SESSION_INIT;
    wire.id = (char *)"question";
    wire.command_case = QKDNF__V1__SESSION__COMMAND_OPEN;
    wire.open = (WireSessionOpen *)&asked->open;
    Role role = member_find(core(fixture), sender) ? ROLE_AGENT : ROLE_APPLICATION;
    return stream_fixture_command(fixture, &wire, &(Sender){sender, role, 1});
}

// --- hearing -------------------------------------------------------------------------------------

static void take_publish(gpointer data, const Publish *publish)
{
    StreamFixture *fixture = data;
    Topic topic;
    g_autoptr(Frame) frame = published_frame(publish, &topic);
    for (gsize i = 0; i < frame->n_messages; i++) {
        Said *said = g_new(Said, 1);
        *said = (Said){topic.kind, g_strdup(topic.to), message_copy(frame->messages[i])};
        g_ptr_array_add(fixture->said, said);
    }
}

void stream_fixture_hear(StreamFixture *fixture)
{
    g_assert_true(store_commit(fixture->federation->store, NULL));
    outbox_flush(federation_outbox(core(fixture)), core(fixture)->now, take_publish, fixture);
}

void stream_fixture_clear(StreamFixture *fixture)
{
    g_ptr_array_set_size(fixture->said, 0);
    fixture->n_acted_on = 0;
}

const Said *stream_fixture_last(const StreamFixture *fixture, KindId kind)
{
    for (guint i = fixture->said->len; i > 0; i--) {
        const Said *said = fixture->said->pdata[i - 1];
        if (said->kind == kind)
            return said;
    }
    return NULL;
}

guint stream_fixture_count(const StreamFixture *fixture, KindId kind)
{
    guint n = 0;
    for (guint i = 0; i < fixture->said->len; i++)
        n += ((Said *)fixture->said->pdata[i])->kind == kind;
    return n;
}

char *stream_fixture_events(const StreamFixture *fixture, const char *name)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < fixture->said->len; i++) {
        const Said *said = fixture->said->pdata[i];
        const WireEvent *event = said->message;
        if (said->kind != KIND_EVENT || strcmp(event->name, name) != 0)
            continue;
        g_autoptr(GStrvBuilder) path = g_strv_builder_new();
        for (gsize j = 0; j < event->n_new_path; j++)
            g_strv_builder_add(path, event->new_path[j]);
        g_auto(GStrv) providers = g_strv_builder_end(path);
        g_autofree char *joined = g_strjoinv("-", providers);
        guint64 number = g_ascii_strtoull(event->subject + 24, NULL, 10);
        g_string_append_printf(text, "%ss%" G_GUINT64_FORMAT ":%s", text->len > 0 ? " " : "",
                               number, joined);
    }
    return g_string_free(text, FALSE);
}

// --- agents --------------------------------------------------------------------------------------

static void answer_order(StreamFixture *fixture, const Said *said, const char *request,
                         guint attempt, Qkdnf__V1__OutcomeStage stage)
{
    gboolean fails = fixture->fails && strcmp(said->to, fixture->fails) == 0;
    WireOutcome outcome = WIRE_OUTCOME_INIT;
    outcome.request = (char *)request;
    outcome.attempt = attempt;
    outcome.stage = stage;
    outcome.status = fails && said->kind == KIND_ORDER ? STATUS_BAD_REQUEST : STATUS_OK;
    request_on_outcome(core(fixture), &(Sender){said->to, ROLE_AGENT, 1}, &outcome);
}

static void answer_leg(StreamFixture *fixture, const Said *said)
{
    const WireLeg *leg = said->message;
    gboolean refuses = fixture->refuses && strcmp(said->to, fixture->refuses) == 0;
    WireLegState state = WIRE_LEG_STATE_INIT;
    state.session = leg->session;
    state.sae = leg->sae;
    state.version = leg->version;
    state.phase = leg->phase;
    state.delivered = fixture->delivered;
    state.n_stored = fixture->n_stored;
    state.status = refuses ? STATUS_UNSUPPORTED : STATUS_OK;
    state.text = (char *)(refuses ? "no sessions here" : "");
    stream_on_leg_state(core(fixture), &(Sender){said->to, ROLE_AGENT, 1}, &state);
}

static void act(StreamFixture *fixture, const Said *said)
{
    if (fixture->mute && strcmp(said->to, fixture->mute) == 0)
        return;
    const WireOrder *order = said->message;
    const WireRelease *release = said->message;
    if (said->kind == KIND_ORDER)
        answer_order(fixture, said, order->request, order->attempt,
                     QKDNF__V1__OUTCOME_STAGE__OUTCOME_STAGE_ORDER);
    else if (said->kind == KIND_RELEASE)
        answer_order(fixture, said, release->request, release->attempt,
                     QKDNF__V1__OUTCOME_STAGE__OUTCOME_STAGE_RELEASE);
    else if (said->kind == KIND_LEG)
        answer_leg(fixture, said);
}

void stream_fixture_step(StreamFixture *fixture)
{
    act(fixture, fixture->said->pdata[fixture->n_acted_on++]);
}

void stream_fixture_run(StreamFixture *fixture)
{
    stream_fixture_hear(fixture);
    while (fixture->n_acted_on < fixture->said->len) {
        stream_fixture_step(fixture);
        stream_fixture_hear(fixture);
    }
}

void stream_fixture_wait(StreamFixture *fixture, gint64 for_us)
{
    gint64 until = core(fixture)->now + for_us;
    stream_fixture_clear(fixture);
    for (;;) {
        stream_fixture_run(fixture);
        gint64 next = timers_next(core(fixture)->timers);
        if (next > until)
            break;
        federation_tick(core(fixture), MAX(next, core(fixture)->now));
    }
    core(fixture)->now = until;
}

// --- sessions ------------------------------------------------------------------------------------

Stream *stream_fixture_find(const StreamFixture *fixture, guint number)
{
    Asked asked;
    stream_fixture_ask(&asked, number);
    return stream_find(core(fixture), asked.id);
}

Stream *stream_fixture_start(StreamFixture *fixture, const Asked *asked)
{
    const WireSessionState *state = stream_fixture_open(fixture, asked, asked->open.initiator);
    g_assert_cmpstr(state->text, ==, "");
    g_assert_cmpint(state->status, ==, STATUS_OK);
    stream_fixture_run(fixture);
    Stream *stream = stream_find(core(fixture), asked->id);
    g_assert_nonnull(stream);
    return stream;
}

void stream_fixture_leg_state(StreamFixture *fixture, const Stream *stream, const char *sae,
                              const char *agent, Qkdnf__V1__LegPhase phase, guint64 version)
{
    WireLegState state = WIRE_LEG_STATE_INIT;
    state.session = stream->id;
    state.sae = (char *)sae;
    state.version = version;
    state.phase = phase;
    state.delivered = fixture->delivered;
    state.n_stored = fixture->n_stored;
    state.status = STATUS_OK;
    stream_on_leg_state(core(fixture), &(Sender){agent, ROLE_AGENT, 1}, &state);
}

void stream_fixture_link(StreamFixture *fixture, const char *id, gboolean is_up)
{
    Link *link = graph_link(core(fixture)->topology, id);
    WireLinkStock report = WIRE_LINK_STOCK_INIT;
    report.link = (char *)id;
    report.open_end = link->ends[0].open_end;
    report.fill_bps = LINK_BPS;
    report.up = is_up;
    WireStock stock = WIRE_STOCK_INIT;
    stock.resource_version = 1;
    stock.n_links = 1;
    stock.links = (WireLinkStock *[]){&report};
    const char *agents[] = {link->ends[0].provider->id, link->ends[1].provider->id};
    for (guint i = 0; i < 2; i++)
        member_on_stock(core(fixture), &(Sender){agents[i], ROLE_AGENT, 1}, &stock);
    stream_fixture_hear(fixture);
}
