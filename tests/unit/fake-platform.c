// SPDX-License-Identifier: Apache-2.0

#include "tests/unit/fake-platform.h"

#include "schemas/status.h"
#include "topics/dispatch.h"
#include "topics/mqtt/credentials-file.h"
#include "topics/mqtt/daemon.h"

struct FakePlatform {
    FakePlatformKnobs knobs;
    EventBase *base;
    Session *session;
    Outbox *outbox;
    Dispatcher *dispatcher;
    Authentication *authentication;
    GThread *thread;
    gint is_stopping; // atomic
};

static void send_publish(gpointer data, const Publish *publish)
{
    session_publish(((FakePlatform *)data)->session, publish);
}

static void answer_request(FakePlatform *platform, const char *to, const WireRequest *request)
{
    if (g_atomic_int_add(&platform->knobs.n_requests, 1) <
        g_atomic_int_get(&platform->knobs.n_ignored))
        return;
    g_assert_cmpstr(request->initiator, ==, to);
    char *ids[] = {(char *)FAKE_GRANTED_ID}, *crossed[] = {(char *)"vienna", (char *)"graz"};
    WireDelivery near = WIRE_DELIVERY_INIT, far = WIRE_DELIVERY_INIT;
    near.sae = request->initiator, near.provider = crossed[0];
    far.sae = request->targets[0], far.provider = crossed[1];
    WireProviderPath path = WIRE_PROVIDER_PATH_INIT;
    path.target = request->targets[0], path.providers = crossed, path.n_providers = 2;
    WireReply reply = WIRE_REPLY_INIT;
    reply.id = request->id;
    reply.status = STATUS_OK;
    reply.key_ids = ids, reply.n_key_ids = 1;
    reply.size_bits = request->size_bits;
    reply.paths = (WireProviderPath *[]){&path}, reply.n_paths = 1;
    reply.deliveries = (WireDelivery *[]){&near, &far}, reply.n_deliveries = 2;
    if (g_atomic_int_get(&platform->knobs.is_refusing)) {
        reply = (WireReply)WIRE_REPLY_INIT;
        reply.id = request->id, reply.status = STATUS_INSUFFICIENT_KEY;
        reply.available_number = 3, reply.available_in_ms = 4000;
    }
    outbox_add(platform->outbox, KIND_REPLY, to, &reply.base);
}

static void answer_discover(FakePlatform *platform, const char *to, const WireDiscover *discover)
{
    WireService service = WIRE_SERVICE_INIT;
    service.sae = (char *)"bank-b", service.service = discover->service;
    service.provider = (char *)"graz", service.kme_url = (char *)"https://127.0.0.1:1";
    WireServices services = WIRE_SERVICES_INIT;
    services.id = discover->id, services.status = STATUS_OK;
    services.services = (WireService *[]){&service}, services.n_services = 1;
    outbox_add(platform->outbox, KIND_SERVICES, to, &services.base);
}

static void answer_register(FakePlatform *platform, const char *to, const WireRegister *message)
{
    g_assert_cmpstr(message->service, ==, "vault");
    g_assert_true(message->visible);
    WireRegistered registered = WIRE_REGISTERED_INIT;
    registered.id = message->id, registered.status = STATUS_OK;
    registered.home = (char *)"vienna", registered.kme_url = (char *)"https://127.0.0.1:1";
    outbox_add(platform->outbox, KIND_REGISTERED, to, &registered.base);
}

static WireSessionQos half_of(const WireSessionQos *qos)
{
    WireSessionQos half = *qos;
    half.rate_bps /= 2;
    return half;
}

// Knows of the one session that it is asked about.
static void answer_session(FakePlatform *platform, const char *to, const WireSession *message)
{
    WireSessionQos qos = WIRE_SESSION_QOS_INIT;
    WireSessionInfo info = WIRE_SESSION_INFO_INIT;
    info.initiator = (char *)to;
    info.phase = QKDNF__V1__SESSION_PHASE__SESSION_PHASE_ACTIVE;
    info.granted = 20, info.delivered = 4;
    WireSessionState state = WIRE_SESSION_STATE_INIT;
    state.id = message->id, state.status = STATUS_OK;
    state.sessions = (WireSessionInfo *[]){&info}, state.n_sessions = 1;
    if (message->command_case == QKDNF__V1__SESSION__COMMAND_OPEN) {
        g_assert_cmpstr(message->open->initiator, ==, to);
        info.session = message->open->session;
        info.targets = message->open->targets, info.n_targets = message->open->n_targets;
        info.qos = message->open->qos;
        if (g_atomic_int_get(&platform->knobs.is_refusing)) {
            qos = half_of(message->open->qos);
            state.status = STATUS_INSUFFICIENT_KEY, state.n_sessions = 0, state.offer = &qos;
        }
    } else if (message->command_case == QKDNF__V1__SESSION__COMMAND_CLOSE) {
        info.session = message->close->session;
        info.phase = QKDNF__V1__SESSION_PHASE__SESSION_PHASE_CLOSED;
    } else {
        info.session = message->list->session;
    }
    outbox_add(platform->outbox, KIND_SESSION_STATE, to, &state.base);
}

static void say_phase(FakePlatform *platform, const char *to, const char *id,
                      Qkdnf__V1__HandoverPhase phase)
{
    WireHandoverState state = WIRE_HANDOVER_STATE_INIT;
    state.id = (char *)id, state.sae = (char *)to;
    state.status = STATUS_OK, state.phase = phase;
    state.provider = (char *)"graz", state.kme_url = platform->knobs.kme_url;
    outbox_add(platform->outbox, KIND_HANDOVER_STATE, to, &state.base);
}

// That only a platform newer than this library would say.
#define NEWER_PHASE ((Qkdnf__V1__HandoverPhase)9)

// Prepares it at once; what follows is said only when it is asked again, and then all of it.
static void answer_handover(FakePlatform *platform, const char *to, const WireHandover *message)
{
    gboolean is_first = g_atomic_int_add(&platform->knobs.n_handovers, 1) == 0;
    gboolean is_refused = !is_first && g_atomic_int_get(&platform->knobs.is_refusing);
    int last = is_first ? QKDNF__V1__HANDOVER_PHASE__HANDOVER_PHASE_PREPARED
                        : QKDNF__V1__HANDOVER_PHASE__HANDOVER_PHASE_RELEASED;
    if (is_refused)
        say_phase(platform, to, message->id, QKDNF__V1__HANDOVER_PHASE__HANDOVER_PHASE_FALLEN_BACK);
    for (int phase = 1; phase <= last && !is_refused; phase++)
        say_phase(platform, to, message->id, (Qkdnf__V1__HandoverPhase)phase);
    if (is_first)
        say_phase(platform, to, message->id, NEWER_PHASE);
}

static void on_request(gpointer data, const Sender *sender, gconstpointer message)
{
    answer_request(data, sender->id, message);
}

static void on_discover(gpointer data, const Sender *sender, gconstpointer message)
{
    answer_discover(data, sender->id, message);
}

static void on_register(gpointer data, const Sender *sender, gconstpointer message)
{
    answer_register(data, sender->id, message);
}

static void on_session(gpointer data, const Sender *sender, gconstpointer message)
{
    answer_session(data, sender->id, message);
}

static void on_handover(gpointer data, const Sender *sender, gconstpointer message)
{
    answer_handover(data, sender->id, message);
}

static Role role_of(gpointer data, const char *member)
{
    return ROLE_APPLICATION;
}

static const DispatchTable dispatch = {.handlers = {[KIND_REQUEST] = on_request,
                                                    [KIND_DISCOVER] = on_discover,
                                                    [KIND_REGISTER] = on_register,
                                                    [KIND_SESSION] = on_session,
                                                    [KIND_HANDOVER] = on_handover},
                                       .role_of = role_of};

static void on_arrived(gpointer data, const char *text, const guint8 *payload, gsize n_bytes)
{
    FakePlatform *platform = data;
    gint64 now_us = g_get_real_time();
    g_atomic_int_inc(&platform->knobs.n_publishes);
    Refusal refusal = dispatcher_receive(platform->dispatcher, text, payload, n_bytes, now_us);
    g_assert_cmpstr(refusal_name(refusal), ==, refusal_name(REFUSAL_NONE));
    outbox_flush(platform->outbox, now_us, send_publish, platform);
}

static void on_connected(gpointer data) {}

static void on_disconnected(gpointer data, const char *cause) {}

static const SessionListener listener = {on_connected, on_disconnected, on_arrived};

static gpointer platform_run(gpointer data)
{
    FakePlatform *platform = data;
    while (!g_atomic_int_get(&platform->is_stopping)) {
        event_base_loopexit(platform->base, &(struct timeval){0, 20000});
        event_base_loop(platform->base, 0);
    }
    return NULL;
}

FakePlatform *fake_platform_new(LiveBroker *broker)
{
    g_autoptr(GError) error = NULL;
    Connection connection = live_broker_connection(broker, "platform");
    FakePlatform *platform = g_new0(FakePlatform, 1);
    platform->base = event_base_new();
    platform->outbox = outbox_new("platform", 1);
    platform->dispatcher = dispatcher_new("platform", &dispatch, platform);
    platform->authentication = authentication_new("platform", ROLE_PLATFORM, 1, daemon_random());
    authentication_set_credentials(platform->authentication,
                                   credentials_load(&connection, "platform", &error),
                                   g_get_real_time());
    g_assert_no_error(error);
    outbox_set_authentication(platform->outbox, platform->authentication);
    dispatcher_set_authentication(platform->dispatcher, platform->authentication);
    platform->session =
        session_new(platform->base, &connection, authentication_identity(platform->authentication),
                    &listener, platform, &error);
    g_assert_no_error(error);
    platform->thread = g_thread_new("platform", platform_run, platform);
    return platform;
}

void fake_platform_free(FakePlatform *platform)
{
    g_atomic_int_set(&platform->is_stopping, 1);
    g_thread_join(platform->thread);
    session_free(platform->session);
    dispatcher_free(platform->dispatcher);
    outbox_free(platform->outbox);
    authentication_free(platform->authentication);
    event_base_free(platform->base);
    g_free(platform->knobs.kme_url);
    g_free(platform);
}

FakePlatformKnobs *fake_platform_knobs(FakePlatform *platform)
{
    return &platform->knobs;
}
