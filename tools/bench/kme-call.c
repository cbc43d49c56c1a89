// SPDX-License-Identifier: Apache-2.0

#include "tools/bench/kme-call.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define MESSAGE_MAX_BYTES 16384

// One HTTP message: its head, then as many bytes as that says.
typedef struct {
    char bytes[MESSAGE_MAX_BYTES + 1];
    gsize n_bytes;
} Message;

static gsize whole_bytes(const Message *message)
{
    const char *end = strstr(message->bytes, "\r\n\r\n");
    const char *length = end ? strcasestr(message->bytes, "\r\nContent-Length:") : NULL;
    if (!end)
        return G_MAXSIZE;
    gsize n_head = (gsize)(end + strlen("\r\n\r\n") - message->bytes);
    gboolean has_body = length && length < end;
    return n_head + (has_body ? strtoul(strchr(length, ':') + 1, NULL, 10) : 0);
}

static gboolean read_message(SSL *ssl, Message *message)
{
    message->n_bytes = 0;
    message->bytes[0] = '\0';
    while (message->n_bytes < whole_bytes(message)) {
        int n = SSL_read(ssl, message->bytes + message->n_bytes,
                         (int)(MESSAGE_MAX_BYTES - message->n_bytes));
        if (n <= 0)
            return FALSE;
        message->n_bytes += (gsize)n;
        message->bytes[message->n_bytes] = '\0';
    }
    return TRUE;
}

static void find_key_id(const Message *message, char ret_id[KME_KEY_ID_CHARS + 1])
{
    static const char name[] = "\"key_ID\":\"";
    const char *found = strstr(message->bytes, name);
    if (found)
        g_strlcpy(ret_id, found + strlen(name), KME_KEY_ID_CHARS + 1);
}

KmeAnswer kme_call(const Dial *dial, const char *path, const char *body)
{
    g_autofree char *request =
        body ? g_strdup_printf("POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
                               "application/json\r\nContent-Length: %zu\r\n\r\n%s",
                               path, strlen(body), body)
             : g_strdup_printf("GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path);
    KmeAnswer answer = {0};
    Message message;
    if (SSL_write(dial->ssl, request, (int)strlen(request)) <= 0 ||
        !read_message(dial->ssl, &message))
        return answer;
    // "HTTP/1.1 200 OK"
    answer.code = (guint)strtoul(message.bytes + strlen("HTTP/1.1 "), NULL, 10);
    find_key_id(&message, answer.key_id);
    OPENSSL_cleanse(message.bytes, message.n_bytes);
    return answer;
}

// --- the floor -----------------------------------------------------------------------------------

int kme_mock_listen(guint16 *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n_bytes = sizeof address;
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) == 0 &&
        bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(fd, 128) == 0 &&
        getsockname(fd, (struct sockaddr *)&address, &n_bytes) == 0) {
        *ret_port = ntohs(address.sin_port);
        return fd;
    }
    if (fd >= 0)
        close(fd);
    return -1;
}

static SSL_CTX *mock_context(const Connection *connection)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_session_id_context(context, (const guint8 *)"mock", 4);
    SSL_CTX_set_num_tickets(context, 1);
    if (dial_load(context, connection))
        return context;
    SSL_CTX_free(context);
    return NULL;
}

// As long as an answer with one key of 256 bits.
static void serve(SSL *ssl)
{
    static const char answer[] =
        "HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nContent-Type: application/json\r\n"
        "Content-Length: 119\r\n\r\n"
        "{\"keys\":[{\"key_ID\":\"00000000-0000-4000-8000-000000000000\","
        "\"key\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"}],\"k\":0}";
    Message message;
    while (read_message(ssl, &message) && SSL_write(ssl, answer, sizeof answer - 1) > 0)
        continue;
}

// A process for each connection.
static void accept_one(SSL_CTX *context, int fd)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    SSL *ssl = SSL_new(context);
    if (SSL_set_fd(ssl, fd) == 1 && SSL_accept(ssl) == 1)
        serve(ssl);
    _exit(0);
}

json_t *kme_mock_run(gpointer data, InChild *self, GError **error)
{
    const KmeMock *mock = data;
    SSL_CTX *context = mock_context(mock->connection);
    if (!context) {
        g_set_error_literal(error, G_FILE_ERROR, G_FILE_ERROR_FAILED,
                            "the floor's server cannot use its certificate");
        return NULL;
    }
    signal(SIGTERM, SIG_DFL);
    signal(SIGCHLD, SIG_IGN);
    in_child_say_ready(self);
    for (;;) {
        int fd = accept(mock->listening, NULL, NULL);
        if (fd >= 0 && fork() == 0)
            accept_one(context, fd);
        if (fd >= 0)
            close(fd);
    }
}
