// SPDX-License-Identifier: Apache-2.0

#include "tools/qkdnf/ports.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

// Below those that outgoing connections get, on Linux as it comes (net.ipv4.ip_local_port_range).
#define FIRST_PORT 12000
#define LAST_PORT  32767
#define ATTEMPTS   1000

struct Ports {
    GArray *sockets;
};

Ports *ports_new(void)
{
    Ports *ports = g_new0(Ports, 1);
    ports->sockets = g_array_new(FALSE, FALSE, sizeof(int));
    return ports;
}

void ports_free(Ports *ports)
{
    if (!ports)
        return;
    for (guint i = 0; i < ports->sockets->len; i++)
        close(g_array_index(ports->sockets, int, i));
    g_array_unref(ports->sockets);
    g_free(ports);
}

// FALSE, and errno.
static gboolean hold(Ports *ports, guint16 port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int yes = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    // As the servers do: a port on which only old connections linger is free.
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(fd, 1) == 0) {
        g_array_append_val(ports->sockets, fd);
        return TRUE;
    }
    int cause = errno;
    if (fd >= 0)
        close(fd);
    errno = cause;
    return FALSE;
}

static guint16 take_any(Ports *ports, GError **error)
{
    for (guint i = 0; i < ATTEMPTS; i++) {
        guint16 port = (guint16)g_random_int_range(FIRST_PORT, LAST_PORT + 1);
        if (hold(ports, port))
            return port;
    }
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED,
                "no free port of 127.0.0.1 from %d to %d can be had: %s", FIRST_PORT, LAST_PORT,
                g_strerror(errno));
    return 0;
}

guint16 ports_take(Ports *ports, guint16 port, GError **error)
{
    if (!port)
        return take_any(ports, error);
    if (hold(ports, port))
        return port;
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "port %u of 127.0.0.1 cannot be had: %s",
                port, g_strerror(errno));
    return 0;
}
