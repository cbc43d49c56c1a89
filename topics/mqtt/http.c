// SPDX-License-Identifier: Apache-2.0

#include "topics/mqtt/http.h"

#include <event2/buffer.h>

void http_reply(struct evhttp_request *request, int code, const char *reason, struct evbuffer *body)
{
    if (!body || evhttp_request_get_command(request) != EVHTTP_REQ_HEAD) {
        evhttp_send_reply(request, code, reason, body);
        return;
    }
    g_autofree char *n_bytes = g_strdup_printf("%zu", evbuffer_get_length(body));
    evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Length", n_bytes);
    evhttp_send_reply(request, code, reason, NULL);
}
