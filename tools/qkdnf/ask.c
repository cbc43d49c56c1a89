// SPDX-License-Identifier: Apache-2.0

#include "tools/qkdnf/ask.h"

#include "topics/mqtt/daemon.h"

#include <string.h>

#define REPEAT_MS  500
#define TIMEOUT_MS 10000

typedef struct {
    const char *member;
    const WireAdmin *question;
    Session *session;
    Outbox *outbox;
    struct event_base *base;
    guint n_asked;
    char *trouble; // why the bus is not there
    WireAdminReply *answer;
} Ask;

static void send_publish(gpointer data, const Publish *publish)
{
    session_publish(data, publish);
}

static void put_question(evutil_socket_t fd, short what, void *data)
{
    Ask *ask = data;
    if (ask->n_asked++ >= TIMEOUT_MS / REPEAT_MS)
        event_base_loopbreak(ask->base);
    if (!session_is_connected(ask->session))
        return;
    outbox_add(ask->outbox, KIND_ADMIN, ask->member, &ask->question->base);
    outbox_flush(ask->outbox, daemon_now_us(), send_publish, ask->session);
}

static void on_connected(gpointer data)
{
    put_question(-1, 0, data);
}

static void on_disconnected(gpointer data, const char *cause)
{
    Ask *ask = data;
    g_free(ask->trouble);
    ask->trouble = g_strdup(cause);
}

static void on_arrived(gpointer data, const char *text, const guint8 *payload, gsize n_bytes)
{
    Ask *ask = data;
    Topic topic;
    Refusal refusal;
    if (!topic_parse(text, &topic) || topic.kind != KIND_ADMIN_REPLY ||
        strcmp(topic.from, ask->member) != 0)
        return;
    g_autoptr(Frame) frame = frame_parse(&topic, payload, n_bytes, &refusal);
    for (gsize i = 0; frame && !ask->answer && i < frame->n_messages; i++) {
        const WireAdminReply *reply = (const WireAdminReply *)frame->messages[i];
        if (strcmp(reply->id, ask->question->id) == 0)
            ask->answer = message_copy(&reply->base);
    }
    if (ask->answer)
        event_base_loopbreak(ask->base);
}

static void wait_for_answer(Ask *ask)
{
    struct event *timer = event_new(ask->base, -1, EV_PERSIST, put_question, ask);
    event_add(timer, &(struct timeval){0, REPEAT_MS * 1000});
    event_base_dispatch(ask->base);
    event_free(timer);
}

WireAdminReply *ask_admin(Access *access, const char *member, WireAdmin *question, GError **error)
{
    static const SessionListener listener = {on_connected, on_disconnected, on_arrived};
    if (!access_resolve(access, ACCESS_OPERATORS, error))
        return NULL;
    char id[UUID_CHARS + 1];
    uuid_new(daemon_random(), id);
    question->id = id;
    guint64 incarnation = (guint64)daemon_now_us();
    Ask ask = {.member = member, .question = question, .base = event_base_new()};
    ask.outbox = outbox_new(access->id, incarnation);
    ask.session = session_new(ask.base, &access->connection, access->id, ROLE_OPERATOR, incarnation,
                              &listener, &ask, error);
    if (ask.session)
        wait_for_answer(&ask);
    if (ask.session && !ask.answer)
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "%s does not answer%s%s", member,
                    ask.trouble ? ": " : "", ask.trouble ? ask.trouble : "");
    session_free(ask.session);
    outbox_free(ask.outbox);
    event_base_free(ask.base);
    g_free(ask.trouble);
    question->id = NULL;
    return ask.answer;
}
