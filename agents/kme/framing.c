// SPDX-License-Identifier: Apache-2.0

#include "agents/kme/framing.h"

#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>
#include <string.h>
#include <sys/queue.h>

// The headers by which a request is framed.
typedef struct {
    guint n_hosts;
    guint n_lengths;
    guint n_codings;
    const char *length;
    const char *coding;
    gboolean has_bad_name;
} Frame;

static gboolean is_token(const char *name)
{
    return *name && !strpbrk(name, " \t\"(),/:;<=>?@[\\]{}");
}

static Frame read_frame(struct evhttp_request *request)
{
    Frame frame = {0};
    const struct evkeyval *header;
    TAILQ_FOREACH(header, evhttp_request_get_input_headers(request), next)
    {
        // "Content-Length : 7", which some read as the header and libevent as another.
        frame.has_bad_name |= !is_token(header->key);
        frame.n_hosts += g_ascii_strcasecmp(header->key, "Host") == 0;
        if (g_ascii_strcasecmp(header->key, "Content-Length") == 0) {
            frame.n_lengths++;
            frame.length = header->value;
        } else if (g_ascii_strcasecmp(header->key, "Transfer-Encoding") == 0) {
            frame.n_codings++;
            frame.coding = header->value;
        }
    }
    return frame;
}

static gboolean is_before_1_1(const struct evhttp_request *request)
{
    return request->major < 1 || (request->major == 1 && request->minor < 1);
}

static gboolean is_number(const char *text)
{
    return *text && text[strspn(text, "0123456789")] == '\0';
}

// libevent reads the body of a GET as the next request.
static gboolean has_unread_body(struct evhttp_request *request, const Frame *frame)
{
    return evhttp_request_get_command(request) != EVHTTP_REQ_POST &&
           (frame->n_codings > 0 || (frame->n_lengths > 0 && strcmp(frame->length, "0") != 0));
}

const char *framing_find_fault(struct evhttp_request *request, const char **ret_expected)
{
    Frame frame = read_frame(request);
    gboolean is_old = is_before_1_1(request);
    const struct {
        gboolean is_fault;
        const char *where;
        const char *expected;
    } rules[] = {
        {frame.has_bad_name, "headers", "expected names without spaces"},
        {frame.n_hosts > 1 || (frame.n_hosts == 0 && !is_old), "Host", "expected one"},
        {frame.n_lengths > 1 || (frame.n_lengths == 1 && !is_number(frame.length)),
         "Content-Length", "expected one, a number"},
        {frame.n_codings > 1 ||
             (frame.n_codings == 1 && g_ascii_strcasecmp(frame.coding, "chunked") != 0),
         "Transfer-Encoding", "expected none but chunked"},
        {frame.n_codings > 0 && (is_old || frame.n_lengths > 0), "Transfer-Encoding",
         "expected in HTTP/1.1, and no Content-Length beside it"},
        {has_unread_body(request, &frame), "body", "expected none with this method"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rules); i++) {
        if (!rules[i].is_fault)
            continue;
        *ret_expected = rules[i].expected;
        return rules[i].where;
    }
    return NULL;
}
