// SPDX-License-Identifier: Apache-2.0

#include "tools/qkdnf/child.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define READY_LIMIT_MS 90000
#define STOP_LIMIT_MS  10000
#define PORT_PROBE_MS  20
#define TAIL_LINES     10
#define TAIL_BYTES     4096

struct Child {
    char *id;
    char **argv;
    char *log;
    guint16 port;
    const ChildListener *listener;
    gpointer data;

    pid_t pid; // 0: none
    gboolean ready;
    gboolean too_late;
    int log_fd;
    struct event_base *base;
    struct bufferevent *output;
    struct event *probe;
    struct event *limit; // to be ready, then to end
};

static void on_limit(evutil_socket_t fd, short what, void *data)
{
    Child *child = data;
    child->too_late = TRUE;
    if (child->pid)
        kill(child->pid, SIGKILL);
}

static void set_timer(struct event *event, guint ms)
{
    struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000};
    evtimer_add(event, &tv);
}

static void become_ready(Child *child)
{
    child->ready = TRUE;
    evtimer_del(child->limit);
    child->listener->ready(child->data, child);
}

static gboolean is_listening(guint16 port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    gboolean is_there = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
    close(fd);
    return is_there;
}

static void on_probe(evutil_socket_t fd, short what, void *data)
{
    Child *child = data;
    if (!child->pid || child->ready)
        return;
    if (is_listening(child->port))
        become_ready(child);
    else
        set_timer(child->probe, PORT_PROBE_MS);
}

Child *child_new(struct event_base *base, const ChildSpec *spec, const ChildListener *listener,
                 gpointer data)
{
    Child *child = g_new0(Child, 1);
    child->id = g_strdup(spec->id);
    child->argv = g_strdupv((char **)spec->argv);
    child->log = g_strdup(spec->log);
    child->port = spec->port;
    child->listener = listener;
    child->data = data;
    child->base = base;
    child->log_fd = -1;
    child->probe = evtimer_new(base, on_probe, child);
    child->limit = evtimer_new(base, on_limit, child);
    return child;
}

static void close_output(Child *child)
{
    g_clear_pointer(&child->output, bufferevent_free);
    if (child->log_fd >= 0)
        close(child->log_fd);
    child->log_fd = -1;
}

void child_free(Child *child)
{
    if (!child)
        return;
    if (child->pid) {
        kill(child->pid, SIGKILL);
        waitpid(child->pid, NULL, 0);
    }
    close_output(child);
    event_free(child->probe);
    event_free(child->limit);
    g_strfreev(child->argv);
    g_free(child->id);
    g_free(child->log);
    g_free(child);
}

static void take_line(Child *child, const char *line)
{
    g_autofree char *ready = g_strdup_printf("ready %s", child->id);
    if (!child->ready && child->port == 0 && g_str_equal(line, ready)) {
        become_ready(child);
        return;
    }
    g_autofree char *whole = g_strconcat(line, "\n", NULL);
    if (write(child->log_fd, whole, strlen(whole)) < 0)
        g_debug("%s: %s", child->log, g_strerror(errno));
}

static void on_output(struct bufferevent *output, void *data)
{
    struct evbuffer *buffer = bufferevent_get_input(output);
    char *line;
    while ((line = evbuffer_readln(buffer, NULL, EVBUFFER_EOL_LF))) {
        take_line(data, line);
        free(line);
    }
    if (evbuffer_get_length(buffer) > TAIL_BYTES)
        evbuffer_drain(buffer, evbuffer_get_length(buffer));
}

static void on_output_end(struct bufferevent *output, short what, void *data)
{
    bufferevent_disable(output, EV_READ);
}

// In the new process, between fork and exec. Its own group: what is typed at the terminal reaches
// only the parent, which ends its children in order.
static G_NORETURN void become_program(const Child *child, pid_t parent, int output)
{
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    signal(SIGPIPE, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    dup2(open("/dev/null", O_RDONLY), STDIN_FILENO);
    dup2(output, STDOUT_FILENO);
    dup2(child->log_fd, STDERR_FILENO);
    execv(child->argv[0], child->argv);
    dprintf(STDERR_FILENO, "cannot run %s: %s\n", child->argv[0], g_strerror(errno));
    _exit(127);
}

static gboolean open_log(Child *child, GError **error)
{
    child->log_fd = open(child->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (child->log_fd >= 0)
        return TRUE;
    g_set_error(error, G_FILE_ERROR, (int)g_file_error_from_errno(errno), "%s: %s", child->log,
                g_strerror(errno));
    return FALSE;
}

static gboolean fork_program(Child *child, GError **error)
{
    int ends[2];
    pid_t parent = getpid();
    pid_t pid = -1;
    if (pipe2(ends, O_CLOEXEC) == 0)
        pid = fork();
    if (pid < 0) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "%s: cannot be started: %s",
                    child->id, g_strerror(errno));
        return FALSE;
    }
    if (pid == 0)
        become_program(child, parent, ends[1]);
    close(ends[1]);
    evutil_make_socket_nonblocking(ends[0]);
    child->output = bufferevent_socket_new(child->base, ends[0], BEV_OPT_CLOSE_ON_FREE);
    bufferevent_setcb(child->output, on_output, NULL, on_output_end, child);
    bufferevent_enable(child->output, EV_READ);
    child->pid = pid;
    return TRUE;
}

gboolean child_start(Child *child, GError **error)
{
    g_assert(child->pid == 0);
    child->ready = FALSE;
    child->too_late = FALSE;
    if (!open_log(child, error))
        return FALSE;
    if (!fork_program(child, error)) {
        close_output(child);
        return FALSE;
    }
    set_timer(child->limit, READY_LIMIT_MS);
    if (child->port)
        set_timer(child->probe, PORT_PROBE_MS);
    return TRUE;
}

void child_stop(Child *child)
{
    if (!child->pid)
        return;
    kill(child->pid, SIGTERM);
    set_timer(child->limit, STOP_LIMIT_MS);
}

static char *describe_end(const Child *child, int status)
{
    if (child->too_late && !child->ready)
        return g_strdup_printf("was not ready within %d s", READY_LIMIT_MS / 1000);
    if (child->too_late)
        return g_strdup_printf("did not end within %d s and was killed", STOP_LIMIT_MS / 1000);
    if (WIFSIGNALED(status))
        return g_strdup_printf("was ended by signal %d (%s)", WTERMSIG(status),
                               strsignal(WTERMSIG(status)));
    return g_strdup_printf("ended with status %d", WEXITSTATUS(status));
}

void child_reap(Child *child)
{
    int status;
    if (!child->pid || waitpid(child->pid, &status, WNOHANG) != child->pid)
        return;
    child->pid = 0;
    evtimer_del(child->limit);
    evtimer_del(child->probe);
    g_autofree char *how = describe_end(child, status);
    child->ready = FALSE;
    close_output(child);
    child->listener->ended(child->data, child, how);
}

const char *child_id(const Child *child)
{
    return child->id;
}

pid_t child_pid(const Child *child)
{
    return child->pid;
}

gboolean child_is_ready(const Child *child)
{
    return child->ready;
}

const char *child_log(const Child *child)
{
    return child->log;
}

char *child_log_tail(const Child *child)
{
    char text[TAIL_BYTES + 1];
    int fd = open(child->log, O_RDONLY | O_CLOEXEC);
    off_t n_bytes = lseek(fd, 0, SEEK_END);
    off_t from = MAX(0, n_bytes - TAIL_BYTES);
    ssize_t n = pread(fd, text, TAIL_BYTES, from);
    close(fd);
    text[MAX(0, n)] = '\0';
    g_auto(GStrv) lines = g_strsplit(g_strchomp(text), "\n", -1);
    guint n_lines = g_strv_length(lines);
    GString *tail = g_string_new(NULL);
    for (guint i = n_lines > TAIL_LINES ? n_lines - TAIL_LINES : 0; i < n_lines; i++)
        g_string_append_printf(tail, "%s    %s", tail->len > 0 ? "\n" : "", lines[i]);
    return g_string_free(tail, FALSE);
}
