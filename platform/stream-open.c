// SPDX-License-Identifier: Apache-2.0
//
// Opening, closing and listing sessions.

#include "platform/stream.h"

#include "topics/base/id.h"

#include <string.h>

// How often it is looked for a way while the platform does not know who is there, and for how many
// sessions of one sender. Who has asked for more is not answered, and asks again.
#define OPENING_RETRY_US (250 * G_TIME_SPAN_MILLISECOND)
#define OPENINGS_MAX     64

static void answer_about(Federation *federation, const Sender *sender, const char *id,
                         const Verdict *verdict, Stream *stream)
{
    g_autoptr(GPtrArray) streams = g_ptr_array_new();
    if (stream)
        g_ptr_array_add(streams, stream);
    stream_answer(federation, sender, id, verdict, streams, NULL);
}

static void answer_ok(Federation *federation, const Sender *sender, const char *id, Stream *stream)
{
    answer_about(federation, sender, id, &(Verdict){STATUS_OK, NULL}, stream);
}

static void refuse(Federation *federation, const Sender *sender, const char *id, Verdict verdict)
{
    answer_about(federation, sender, id, &verdict, NULL);
    g_free(verdict.text);
}

// --- open ----------------------------------------------------------------------------------------

static gboolean is_same(const WireSessionOpen *a, const WireSessionOpen *b)
{
    g_autoptr(GBytes) x = message_pack(&a->base), y = message_pack(&b->base);
    return g_bytes_equal(x, y);
}

static void open_again(Federation *federation, const Sender *sender, const char *id, Stream *stream,
                       const WireSessionOpen *open)
{
    if (!stream_may_command(federation, sender, stream->open->initiator))
        refuse(federation, sender, id,
               request_refuse(STATUS_NOT_ALLOWED, "'%s' may not open for '%s'", sender->id,
                              stream->open->initiator));
    else if (!is_same(stream->open, open))
        refuse(federation, sender, id,
               request_refuse(STATUS_BAD_REQUEST, "session '%s' was opened otherwise", stream->id));
    else
        answer_ok(federation, sender, id, stream);
}

static void turn_away(Federation *federation, const Sender *sender, const char *id,
                      const Stream *stream, Status status)
{
    WireSessionQos offer = *stream->qos;
    gboolean has_offer = status == STATUS_INSUFFICIENT_KEY &&
                         stream_find_offer(federation, stream->open, stream->qos, &offer);
    g_autofree char *text =
        has_offer
            ? g_strdup_printf("%s: %" G_GUINT64_FORMAT " bit/s with a buffer of %u keys could be "
                              "had now",
                              status_text(status), offer.rate_bps, offer.buffer)
            : g_strdup(status_text(status));
    g_autoptr(GPtrArray) none = g_ptr_array_new();
    stream_answer(federation, sender, id, &(Verdict){status, text}, none,
                  has_offer ? &offer : NULL);
}

static void start(Federation *federation, Stream *stream)
{
    stream->opened_at_us = federation->now;
    gint64 lifetime_us = (gint64)stream->qos->lifetime_ms * G_TIME_SPAN_MILLISECOND;
    stream_arm_stage(federation, stream, lifetime_us > 0 ? federation->now + lifetime_us : 0);
    stream_add_legs(federation, stream);
    const StreamWay *way = stream->ways->pdata[0];
    stream_event(federation, stream,
                 &(EventHead){.severity = QKDNF__V1__SEVERITY__SEVERITY_INFO,
                              .name = "session.opened",
                              .new_path = way->providers});
    stream_save(federation, stream);
}

// --- waiting -------------------------------------------------------------------------------------

// Not kept over a restart: who is not answered asks again.
typedef struct {
    char *sender;
    Role role;
    char *id; // of the question
    WireSessionOpen *open;
} Opening;

void stream_opening_free(gpointer data)
{
    Opening *opening = data;
    g_free(opening->sender);
    g_free(opening->id);
    wire_free(opening->open);
    g_free(opening);
}

typedef struct {
    const char *sender;
    guint n;
} OpeningCount;

static gboolean count_opening(gpointer key, gpointer value, gpointer data)
{
    OpeningCount *count = data;
    count->n += strcmp(((const Opening *)value)->sender, count->sender) == 0;
    return FALSE;
}

static guint n_openings(const Federation *federation, const char *sender)
{
    OpeningCount count = {sender, 0};
    g_tree_foreach(federation->openings, count_opening, &count);
    return count.n;
}

static void wait_for_way(Federation *federation, const Sender *sender, const char *id,
                         const WireSessionOpen *open)
{
    const Opening *known = g_tree_lookup(federation->openings, open->session);
    if (known ? strcmp(known->sender, sender->id) != 0
              : n_openings(federation, sender->id) >= OPENINGS_MAX)
        return;
    Opening *opening = g_new(Opening, 1);
    *opening =
        (Opening){g_strdup(sender->id), sender->role, g_strdup(id), message_copy(&open->base)};
    g_tree_replace(federation->openings, opening->open->session, opening);
    timers_arm(federation->timers, TIMER_OPENING, open->session,
               federation->now + OPENING_RETRY_US);
}

static void stop_waiting(Federation *federation, const Sender *sender, const char *session)
{
    const Opening *opening = g_tree_lookup(federation->openings, session);
    if (opening && strcmp(opening->sender, sender->id) == 0)
        g_tree_remove(federation->openings, session);
}

// --- judging -------------------------------------------------------------------------------------

static void admit(Federation *federation, const Sender *sender, const char *id,
                  const WireSessionOpen *open)
{
    WireSessionQos *qos = stream_resolve_qos(federation->config, open->qos);
    Stream *stream = stream_new(federation, open, qos);
    wire_free(qos);
    Status status = stream_take_ways(federation, stream);
    gboolean is_too_early = status == STATUS_NO_ROUTE && federation_is_settling(federation);
    if (status == STATUS_OK) {
        start(federation, stream);
        answer_ok(federation, sender, id, stream);
        return;
    }
    if (is_too_early)
        wait_for_way(federation, sender, id, open);
    else
        turn_away(federation, sender, id, stream, status);
    stream_drop(federation, stream);
}

static void on_open(Federation *federation, const Sender *sender, const char *id,
                    const WireSessionOpen *open)
{
    Stream *known = stream_find(federation, open->session);
    if (known) {
        open_again(federation, sender, id, known, open);
        return;
    }
    Verdict verdict = stream_check_open(federation, sender, open);
    if (verdict.status == STATUS_OK)
        admit(federation, sender, id, open);
    else
        refuse(federation, sender, id, verdict);
}

void stream_retry_opening(Federation *federation, const char *session)
{
    Opening *opening = g_tree_lookup(federation->openings, session);
    if (!opening)
        return;
    g_tree_steal(federation->openings, session);
    on_open(federation, &(Sender){opening->sender, opening->role, 0}, opening->id, opening->open);
    stream_opening_free(opening);
}

// --- close ---------------------------------------------------------------------------------------

static void on_close(Federation *federation, const Sender *sender, const char *id,
                     const WireSessionClose *close)
{
    Stream *stream = stream_find(federation, close->session);
    if (!stream) {
        stop_waiting(federation, sender, close->session);
        refuse(federation, sender, id,
               request_refuse(STATUS_BAD_REQUEST, "no session '%.64s'", close->session));
        return;
    }
    if (sender->role != ROLE_OPERATOR &&
        !stream_may_command(federation, sender, stream->open->initiator)) {
        refuse(federation, sender, id,
               request_refuse(STATUS_NOT_ALLOWED, "'%s' may not close for '%s'", sender->id,
                              stream->open->initiator));
        return;
    }
    g_autofree char *text = g_strdup_printf("closed by %s", sender->id);
    stream_close(federation, stream, text);
    answer_ok(federation, sender, id, stream);
}

// --- list ----------------------------------------------------------------------------------------

static gboolean takes_part(const Stream *stream, const char *sae)
{
    gboolean does = strcmp(stream->open->initiator, sae) == 0;
    for (gsize i = 0; !does && i < stream->open->n_targets; i++)
        does = strcmp(stream->open->targets[i], sae) == 0;
    return does;
}

static gboolean serves(const Stream *stream, const char *agent)
{
    for (guint i = 0; i < stream->legs->len; i++) {
        if (strcmp(((StreamLeg *)stream->legs->pdata[i])->agent, agent) == 0)
            return TRUE;
    }
    return FALSE;
}

static gboolean may_see(const Sender *sender, const Stream *stream)
{
    return sender->role == ROLE_OPERATOR ||
           (sender->role == ROLE_AGENT ? serves(stream, sender->id)
                                       : takes_part(stream, sender->id));
}

typedef struct {
    const Sender *sender;
    const WireSessionList *query;
    GPtrArray *found;
} Search;

static gboolean search_one(gpointer key, gpointer value, gpointer data)
{
    const Stream *stream = value;
    Search *search = data;
    const WireSessionList *query = search->query;
    if (may_see(search->sender, stream) &&
        (!query->session[0] || strcmp(query->session, stream->id) == 0) &&
        (!query->sae[0] || takes_part(stream, query->sae)))
        g_ptr_array_add(search->found, value);
    return FALSE;
}

// Those of an application are found without looking at any other.
static void search_sae(const Federation *federation, const char *sae, Search *search)
{
    g_auto(GStrv) ids = affected_find(federation->streaming, BY_SAE, sae);
    for (char **id = ids; *id; id++)
        search_one(*id, stream_find(federation, *id), search);
}

static void on_list(Federation *federation, const Sender *sender, const char *id,
                    const WireSessionList *query)
{
    g_autoptr(GPtrArray) found = g_ptr_array_new();
    Search search = {sender, query, found};
    Stream *one = query->session[0] ? stream_find(federation, query->session) : NULL;
    if (query->session[0] && one)
        search_one(one->id, one, &search);
    else if (query->sae[0])
        search_sae(federation, query->sae, &search);
    else if (!query->session[0] && sender->role == ROLE_APPLICATION)
        search_sae(federation, sender->id, &search);
    else if (!query->session[0])
        g_tree_foreach(federation->streams, search_one, &search);
    stream_answer(federation, sender, id, &(Verdict){STATUS_OK, NULL}, found, NULL);
}

// --- messages ------------------------------------------------------------------------------------

void stream_on_session(gpointer data, const Sender *sender, gconstpointer message)
{
    const WireSession *wire = message;
    if (!directory_is_vouched_for(data, sender)) {
        refuse(data, sender, wire->id,
               request_refuse(STATUS_NOT_ALLOWED, "%s", DIRECTORY_OTHER_CERTIFICATE));
        return;
    }
    switch (wire->command_case) {
    case QKDNF__V1__SESSION__COMMAND_OPEN:
        on_open(data, sender, wire->id, wire->open);
        break;
    case QKDNF__V1__SESSION__COMMAND_CLOSE:
        on_close(data, sender, wire->id, wire->close);
        break;
    case QKDNF__V1__SESSION__COMMAND_LIST:
        on_list(data, sender, wire->id, wire->list);
        break;
    case QKDNF__V1__SESSION__COMMAND__NOT_SET:
    case _QKDNF__V1__SESSION__COMMAND__CASE_IS_INT_SIZE:
        refuse(data, sender, wire->id,
               request_refuse(STATUS_BAD_REQUEST, "expected open, close or list"));
        break;
    }
}
