// SPDX-License-Identifier: Apache-2.0

#include "tools/qkdnf/ports.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

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

guint16 ports_take(Ports *ports, guint16 port, GError **error)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t n_bytes = sizeof address;
    int yes = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0)
        g_array_append_val(ports->sockets, fd);
    // As the servers do: a port on which only old connections linger is free.
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(fd, (struct sockaddr *)&address, n_bytes) == 0 && listen(fd, 1) == 0 &&
        getsockname(fd, (struct sockaddr *)&address, &n_bytes) == 0)
        return ntohs(address.sin_port);
    int cause = errno;
    if (port)
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED,
                    "port %u of 127.0.0.1 cannot be had: %s", port, g_strerror(cause));
    else
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED,
                    "no free port of 127.0.0.1 can be had: %s", g_strerror(cause));
    return 0;
}
