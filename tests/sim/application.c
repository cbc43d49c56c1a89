// SPDX-License-Identifier: Apache-2.0

#include "tests/sim/application.h"

#include "tests/sim/certifier.h"
#include "tests/sim/network.h"
#include "topics/base/id.h"
#include "topics/presence.h"

#include <string.h>

#define REPEAT_US (500 * G_TIME_SPAN_MILLISECOND)

static void ask_free(gpointer data)
{
    Ask *ask = data;
    g_free(ask->id);
    wire_free(ask->wire);
    g_ptr_array_unref(ask->replies);
    g_free(ask);
}

static void send_frame(gpointer data, const Publish *publish)
{
    const Application *application = data;
    if (broker_is_connected(application->broker, application->sae))
        broker_publish(application->broker, publish->topic, publish->payload);
}

static void flush(Application *application)
{
    outbox_flush(application->outbox, agenda_now(application->agenda), send_frame, application);
}

static void on_reply(gpointer data, const Sender *sender, gconstpointer message)
{
    const Application *application = data;
    const WireReply *reply = message;
    Ask *ask = g_tree_lookup(application->asks, reply->id);
    if (ask)
        g_ptr_array_add(ask->replies, message_copy(&reply->base));
}

static void on_session_state(gpointer data, const Sender *sender, gconstpointer message)
{
    const Application *application = data;
    const WireSessionState *state = message;
    g_tree_replace(application->session_states, g_strdup(state->id), message_copy(&state->base));
}

static void on_handover_state(gpointer data, const Sender *sender, gconstpointer message)
{
    const Application *application = data;
    const WireHandoverState *state = message;
    g_tree_replace(application->handover_states, g_strdup(state->id), message_copy(&state->base));
}

static void on_admin_reply(gpointer data, const Sender *sender, gconstpointer message)
{
    Application *application = data;
    const WireAdminReply *reply = message;
    if (reply->n_members == 0)
        return;
    wire_free(application->members);
    application->members = message_copy(&reply->base);
}

static void ignore(gpointer data, const Sender *sender, gconstpointer message) {}

// To a monitor everyone is who the certificate says.
static Role role_of(gpointer data, const char *member)
{
    const Application *application = data;
    if (application->role == ROLE_MONITOR)
        return ROLE_BY_CERTIFICATE;
    return strcmp(member, PLATFORM) == 0 ? ROLE_PLATFORM : ROLE_APPLICATION;
}

static const DispatchTable dispatch = {.handlers = {[KIND_REPLY] = on_reply,
                                                    [KIND_SESSION_STATE] = on_session_state,
                                                    [KIND_HANDOVER_STATE] = on_handover_state,
                                                    [KIND_ADMIN_REPLY] = on_admin_reply,
                                                    [KIND_EVENT] = ignore,
                                                    [KIND_METRICS] = ignore},
                                       .role_of = role_of};

static void arrive(gpointer member, const char *topic, GBytes *payload)
{
    Application *application = member;
    gsize n_bytes = 0;
    const guint8 *bytes = g_bytes_get_data(payload, &n_bytes);
    Refusal refusal = dispatcher_receive(application->dispatcher, topic, bytes, n_bytes,
                                         agenda_now(application->agenda));
    BrokerReceipt receipt = {application->sae, application->role, 1, topic, payload, refusal};
    if (application->received)
        application->received(application->owner, &receipt);
    flush(application);
}

static void authenticate(Application *application)
{
    Random random = dice_random(&application->dice);
    application->authentication = authentication_new(
        application->sae, application->role, outbox_incarnation(application->outbox), &random);
    authentication_set_credentials(application->authentication,
                                   certifier_new(application->sae, application->role),
                                   agenda_now(application->agenda));
    outbox_set_authentication(application->outbox, application->authentication);
    dispatcher_set_authentication(application->dispatcher, application->authentication);
}

Application *application_new(Agenda *agenda, Broker *broker, const char *sae, Role role,
                             guint64 seed, gboolean is_authenticated)
{
    Application *application = g_new0(Application, 1);
    application->sae = g_strdup(sae);
    application->role = role;
    application->agenda = agenda;
    application->broker = broker;
    application->dice = dice_make(dice_fork(seed, sae));
    application->outbox = outbox_new(sae, (guint64)agenda_now(agenda));
    application->dispatcher = dispatcher_new(sae, &dispatch, application);
    if (is_authenticated)
        authenticate(application);
    application->asks = g_tree_new_full(id_compare, NULL, NULL, ask_free);
    application->session_states = g_tree_new_full(id_compare, NULL, g_free, wire_free);
    application->handover_states = g_tree_new_full(id_compare, NULL, g_free, wire_free);
    return application;
}

void application_free(Application *application)
{
    if (!application)
        return;
    wire_free(application->members);
    g_tree_unref(application->handover_states);
    g_tree_unref(application->session_states);
    g_tree_unref(application->asks);
    dispatcher_free(application->dispatcher);
    outbox_free(application->outbox);
    authentication_free(application->authentication);
    g_free(application->sae);
    g_free(application);
}

const WireSessionState *application_session_state(const Application *application, const char *id)
{
    return g_tree_lookup(application->session_states, id);
}

const WireHandoverState *application_handover_state(const Application *application, const char *id)
{
    return g_tree_lookup(application->handover_states, id);
}

void application_connect(Application *application)
{
    guint64 incarnation = outbox_incarnation(application->outbox);
    Identity plain = {application->sae, application->role, incarnation, NULL};
    g_autoptr(Credentials) credentials =
        application->authentication ? certifier_new(application->sae, application->role) : NULL;
    const Identity *identity =
        application->authentication ? authentication_identity(application->authentication) : &plain;
    g_autoptr(GBytes) will =
        presence_pack(identity, 1, FALSE, credentials, agenda_now(application->agenda));
    broker_connect(application->broker, application->sae, application->role, will, arrive,
                   application);
}

void application_say(Application *application, KindId kind, const ProtobufCMessage *message)
{
    application_say_to(application, kind, PLATFORM, message);
}

void application_say_to(Application *application, KindId kind, const char *to,
                        const ProtobufCMessage *message)
{
    outbox_add(application->outbox, kind, to, message);
    flush(application);
}

void application_repeat(Application *application, const Ask *ask)
{
    application_say(application, KIND_REQUEST, &ask->wire->base);
}

static void ask_again(gpointer owner, gpointer data)
{
    Application *application = owner;
    Ask *ask = data;
    gint64 now_us = agenda_now(application->agenda);
    gint64 until_us = ask->asked_at_us + ask->wire->timeout_ms * G_TIME_SPAN_MILLISECOND;
    if (ask->replies->len > 0 || now_us > until_us + REPEAT_US)
        return;
    application_repeat(application, ask);
    agenda_add(application->agenda, now_us + ask->repeat_us, ask_again, application, ask, NULL);
    ask->repeat_us *= 2;
}

Ask *application_ask(Application *application, const WireRequest *request)
{
    Random random = dice_random(&application->dice);
    Ask *ask = g_new0(Ask, 1);
    ask->id = g_malloc(UUID_CHARS + 1);
    uuid_new(&random, ask->id);
    WireRequest named = *request;
    named.id = ask->id;
    ask->wire = message_copy(&named.base);
    ask->asked_at_us = agenda_now(application->agenda);
    ask->repeat_us = REPEAT_US;
    ask->replies = g_ptr_array_new_with_free_func(wire_free);
    g_tree_insert(application->asks, ask->id, ask);
    ask_again(application, ask);
    return ask;
}

const WireReply *ask_reply(const Ask *ask)
{
    return ask->replies->len > 0 ? ask->replies->pdata[0] : NULL;
}
