// SPDX-License-Identifier: Apache-2.0

#include "tests/sim/application.h"

#include "tests/sim/network.h"
#include "topics/presence.h"

#include <string.h>

#define REPEAT_US (500 * G_TIME_SPAN_MILLISECOND)

static int compare_texts(gconstpointer a, gconstpointer b, gpointer data)
{
    return strcmp(a, b);
}

static void ask_free(gpointer data)
{
    Ask *ask = data;
    g_free(ask->id);
    wire_free(ask->wire);
    g_ptr_array_unref(ask->replies);
    g_free(ask);
}

Application *application_new(Agenda *agenda, Broker *broker, const char *sae, guint64 seed)
{
    Application *application = g_new0(Application, 1);
    application->sae = g_strdup(sae);
    application->agenda = agenda;
    application->broker = broker;
    application->dice = dice_make(dice_fork(seed, sae));
    application->outbox = outbox_new(sae, (guint64)agenda_now(agenda));
    application->asks = g_tree_new_full(compare_texts, NULL, NULL, ask_free);
    application->session_states = g_tree_new_full(compare_texts, NULL, g_free, wire_free);
    return application;
}

void application_free(Application *application)
{
    if (!application)
        return;
    g_tree_unref(application->session_states);
    g_tree_unref(application->asks);
    outbox_free(application->outbox);
    g_free(application->sae);
    g_free(application);
}

static void on_reply(Application *application, const WireReply *reply)
{
    Ask *ask = g_tree_lookup(application->asks, reply->id);
    if (ask)
        g_ptr_array_add(ask->replies, message_copy(&reply->base));
}

static void on_session_state(Application *application, const WireSessionState *state)
{
    g_tree_replace(application->session_states, g_strdup(state->id), message_copy(&state->base));
}

const WireSessionState *application_session_state(const Application *application, const char *id)
{
    return g_tree_lookup(application->session_states, id);
}

static void arrive(gpointer member, const char *text, GBytes *payload)
{
    Topic topic;
    Refusal refusal;
    gsize n_bytes = 0;
    const guint8 *bytes = g_bytes_get_data(payload, &n_bytes);
    if (!topic_parse(text, &topic) ||
        (topic.kind != KIND_REPLY && topic.kind != KIND_SESSION_STATE))
        return;
    g_autoptr(Frame) frame = frame_parse(&topic, bytes, n_bytes, &refusal);
    for (gsize i = 0; frame && i < frame->n_messages; i++) {
        if (topic.kind == KIND_REPLY)
            on_reply(member, (const WireReply *)frame->messages[i]);
        else
            on_session_state(member, (const WireSessionState *)frame->messages[i]);
    }
}

void application_connect(Application *application)
{
    guint64 incarnation = outbox_incarnation(application->outbox);
    g_autoptr(GBytes) will = presence_pack(application->sae, ROLE_APPLICATION, incarnation, 1,
                                           FALSE, agenda_now(application->agenda));
    broker_connect(application->broker, application->sae, ROLE_APPLICATION, will, arrive,
                   application);
}

static void send_frame(gpointer data, const Publish *publish)
{
    const Application *application = data;
    if (broker_is_connected(application->broker, application->sae))
        broker_publish(application->broker, publish->topic, publish->payload);
}

void application_say(Application *application, KindId kind, const ProtobufCMessage *message)
{
    outbox_add(application->outbox, kind, PLATFORM, message);
    outbox_flush(application->outbox, agenda_now(application->agenda), send_frame, application);
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
