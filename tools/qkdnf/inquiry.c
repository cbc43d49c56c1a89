// SPDX-License-Identifier: Apache-2.0

#include "tools/qkdnf/inquiry.h"

#include "agents/application/application.h"
#include "topics/mqtt/credentials-file.h"
#include "topics/mqtt/daemon.h"

#include <string.h>

#define ADMIN_TIMEOUT_MS 10000

typedef struct {
    const Inquiry *inquiry;
    Application *core;
    Authentication *authentication;
    Session *session;
    struct event_base *base;
    char *trouble; // why the bus is not there
    ProtobufCMessage *answer;
    gboolean is_over;
} Ask;

static void send_publish(gpointer data, const Publish *publish)
{
    session_publish(data, publish);
}

static void on_connected(gpointer data)
{
    Ask *ask = data;
    g_clear_pointer(&ask->trouble, g_free);
    application_connected(ask->core, daemon_now_us());
}

static void on_disconnected(gpointer data, const char *cause)
{
    Ask *ask = data;
    g_free(ask->trouble);
    ask->trouble = g_strdup(cause);
}

static void on_arrived(gpointer data, const char *topic, const guint8 *payload, gsize n_bytes)
{
    Ask *ask = data;
    (void)application_receive(ask->core, topic, payload, n_bytes, daemon_now_us());
}

static void on_answer(gpointer data, const char *id, const ProtobufCMessage *answer)
{
    Ask *ask = data;
    g_clear_pointer(&ask->answer, wire_free);
    if (!answer)
        return;
    ask->answer = message_copy(answer);
    if (ask->inquiry->heard)
        ask->inquiry->heard(ask->inquiry->data, answer);
}

// No more answers come.
static void on_over(gpointer data)
{
    ((Ask *)data)->is_over = TRUE;
}

static void on_time(evutil_socket_t fd, short what, void *data) {}

static void wait_for_answer(Ask *ask)
{
    struct event *timer = event_new(ask->base, -1, 0, on_time, NULL);
    while (!ask->is_over) {
        gint64 now_us = daemon_now_us();
        gint64 wait_us = MAX(application_tick(ask->core, now_us) - now_us, 0);
        outbox_flush(application_outbox(ask->core), now_us, send_publish, ask->session);
        if (ask->is_over)
            break;
        event_add(timer, &(struct timeval){wait_us / G_USEC_PER_SEC, wait_us % G_USEC_PER_SEC});
        event_base_loop(ask->base, EVLOOP_ONCE);
    }
    event_free(timer);
}

static void put_question(Ask *ask)
{
    const Inquiry *inquiry = ask->inquiry;
    gint64 now_us = daemon_now_us();
    Question question = {
        .kind = inquiry->kind,
        .message = inquiry->message,
        .id = inquiry->id,
        .deadline_us = now_us + inquiry->timeout_ms * G_TIME_SPAN_MILLISECOND,
        .answer = on_answer,
        .data = ask,
        .free_data = on_over,
    };
    application_ask(ask->core, &question, now_us);
}

static void clear(Ask *ask)
{
    // What is not over yet ends with it.
    session_free(ask->session);
    application_free(ask->core);
    authentication_free(ask->authentication);
    event_base_free(ask->base);
    g_free(ask->trouble);
}

static gboolean open_session(Ask *ask, const Access *access, GError **error)
{
    static const SessionListener listener = {on_connected, on_disconnected, on_arrived};
    gint64 now_us = daemon_now_us();
    Role role = strcmp(ask->inquiry->as, ACCESS_OPERATORS) == 0 ? ROLE_OPERATOR : ROLE_APPLICATION;
    Credentials *credentials = credentials_load(&access->connection, access->id, error);
    if (!credentials)
        return FALSE;
    guint64 incarnation = presence_draw_incarnation(now_us, daemon_random());
    ask->core = application_new(access->id, ask->inquiry->member, incarnation);
    ask->authentication = authentication_new(access->id, role, incarnation, daemon_random());
    authentication_set_credentials(ask->authentication, credentials, now_us);
    application_authenticate(ask->core, ask->authentication);
    ask->session = session_new(ask->base, &access->connection,
                               authentication_identity(ask->authentication), &listener, ask, error);
    return ask->session != NULL;
}

ProtobufCMessage *inquiry_ask(Access *access, const Inquiry *inquiry, GError **error)
{
    if (!access_resolve(access, inquiry->as, error))
        return NULL;
    Ask ask = {
        .inquiry = inquiry, .base = event_base_new(), .trouble = g_strdup("not connected yet")};
    if (open_session(&ask, access, error)) {
        put_question(&ask);
        wait_for_answer(&ask);
    }
    if (ask.session && !ask.answer)
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "%s does not answer%s%s",
                    inquiry->member, ask.trouble ? ": " : "", ask.trouble ? ask.trouble : "");
    clear(&ask);
    return ask.answer;
}

void inquiry_new_id(char ret_id[UUID_CHARS + 1])
{
    uuid_new(daemon_random(), ret_id);
}

WireAdminReply *inquiry_admin(Access *access, const char *member, WireAdmin *question,
                              GError **error)
{
    char id[UUID_CHARS + 1];
    inquiry_new_id(id);
    question->id = id;
    Inquiry inquiry = {ACCESS_OPERATORS, member, KIND_ADMIN, &question->base, id, ADMIN_TIMEOUT_MS};
    ProtobufCMessage *answer = inquiry_ask(access, &inquiry, error);
    question->id = NULL;
    return (WireAdminReply *)answer;
}
