#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// ETSI GS QKD 014 calls over one kept-alive connection, with a client that costs next to nothing,
// and as the floor a server that answers each with the same bytes and does nothing else.

#include "tools/bench/dial.h"
#include "tools/bench/in-child.h"

#define KME_KEY_ID_CHARS 36

typedef struct {
    guint code;                        // of HTTP; 0: the connection broke
    char key_id[KME_KEY_ID_CHARS + 1]; // of the first key; "" when there is none
} KmeAnswer;

// POSTs `body` (NULL: GETs) and waits for the whole answer, of which no key is kept.
KmeAnswer kme_call(const Dial *dial, const char *path, const char *body);

// The server, in a child, with the certificate of the connection; says ready when it listens on the
// port, and serves until it is stopped.
typedef struct {
    const Connection *connection;
    int listening; // a socket that listens
} KmeMock;

json_t *kme_mock_run(gpointer mock, InChild *self, GError **error);
// A socket on a free loopback port for it; -1 on failure.
int kme_mock_listen(guint16 *ret_port);
