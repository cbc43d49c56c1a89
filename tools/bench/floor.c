// SPDX-License-Identifier: Apache-2.0

#include "tools/bench/floor.h"

#include "tools/bench/journal.h"
#include "topics/topic.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define READY_MS 10000
#define ROUND_MS 5000

// Rounds before the measured ones, so that caches and paths are warm.
#define WARM_UP(n_rounds) ((n_rounds) / 10 + 10)

// Between the processes of the roles and their parent.
typedef struct {
    int ready[2];   // a byte of each role that has subscribed
    int go[2];      // closed when the first role may begin
    int samples[2]; // gint64 of each round
} Pipes;

// One process.
typedef struct {
    const FloorOps *ops;
    const FloorChain *chain;
    guint role;
    FloorClient *client;
    Journal *journal; // NULL: nothing is made durable
    char **topics;    // of the hops
    guint8 *payload;  // as large as the largest
    // Of the first role, when many rounds are under way:
    guint n_begun;
    gint n_ended; // read and written by different threads
} Worker;

static gsize largest_hop(const FloorChain *chain)
{
    gsize n_bytes = FLOOR_MIN_BYTES;
    for (guint i = 0; i < chain->n_hops; i++)
        n_bytes = MAX(n_bytes, chain->hops[i].n_bytes);
    return n_bytes;
}

static void worker_send(Worker *worker, guint i)
{
    const FloorHop *hop = &worker->chain->hops[i];
    worker->payload[0] = (guint8)i;
    worker->ops->publish(worker->client, worker->topics[i], worker->payload, hop->n_bytes,
                         kind_get(hop->kind)->qos);
}

static void worker_pass_on(Worker *worker, guint i)
{
    if (worker->journal && !journal_commit(worker->journal))
        _exit(1);
    worker_send(worker, i);
}

// One round is over, the next begins.
static void worker_go_round(Worker *worker)
{
    if (worker->n_begun < worker->chain->n_rounds) {
        worker->n_begun++;
        worker_send(worker, 0);
    }
    g_atomic_int_inc(&worker->n_ended);
}

// The payload's first byte says which hop it is; the one after the last is the first role's matter.
static void worker_arrived(gpointer data, const guint8 *payload, gsize n_bytes)
{
    Worker *worker = data;
    guint next = n_bytes > 0 ? payload[0] + 1u : worker->chain->n_hops;
    if (next < worker->chain->n_hops && worker->chain->hops[next].from == worker->role)
        worker_pass_on(worker, next);
    else if (next == worker->chain->n_hops && worker->chain->n_outstanding > 0)
        worker_go_round(worker);
}

// Before the client is there, whose thread sends, too.
static void worker_prepare(Worker *worker)
{
    const FloorChain *chain = worker->chain;
    worker->payload = g_malloc0(largest_hop(chain));
    worker->topics = g_new0(char *, chain->n_hops + 1);
    for (guint i = 0; i < chain->n_hops; i++) {
        const FloorHop *hop = &chain->hops[i];
        worker->topics[i] =
            topic_format(hop->kind, chain->roles[hop->from].id, chain->roles[hop->to].id);
    }
}

static void worker_open(Worker *worker)
{
    g_autoptr(GError) error = NULL;
    const FloorChain *chain = worker->chain;
    const FloorRole *role = &chain->roles[worker->role];
    worker_prepare(worker);
    if (chain->journals)
        worker->journal = journal_open(chain->journals, &error);
    if (!error)
        worker->client =
            worker->ops->open(&role->connection, role->id, worker_arrived, worker, &error);
    for (guint i = 0; !error && i < chain->n_hops; i++) {
        if (chain->hops[i].to == worker->role)
            worker->ops->subscribe(worker->client, worker->topics[i], &error);
    }
    if (error) {
        g_printerr("%s\n", error->message);
        _exit(1);
    }
}

static void worker_report(gint64 duration, int fd)
{
    if (write(fd, &duration, sizeof duration) != sizeof duration)
        _exit(1);
}

// One round after the other.
static void worker_measure(Worker *worker, int fd)
{
    const FloorChain *chain = worker->chain;
    guint n_warm_up = WARM_UP(chain->n_rounds);
    g_autoptr(GRand) random = g_rand_new_with_seed(1);
    for (guint i = 0; i < n_warm_up + chain->n_rounds; i++) {
        if (chain->gap_us > 0)
            g_usleep((gulong)g_rand_int_range(random, 1, (gint32)(2 * chain->gap_us)));
        gint64 begun = g_get_monotonic_time();
        worker_send(worker, 0);
        if (!worker->ops->wait(worker->client, ROUND_MS))
            _exit(1);
        gint64 duration = g_get_monotonic_time() - begun;
        if (i >= n_warm_up)
            worker_report(duration, fd);
    }
}

// From the first publish on, each round that ends begins the next one, where it is handled.
static void worker_measure_flow(Worker *worker, int fd)
{
    const FloorChain *chain = worker->chain;
    guint n_first = MIN(chain->n_outstanding, chain->n_rounds);
    gint64 begun = g_get_monotonic_time();
    worker->n_begun = n_first;
    for (guint i = 0; i < n_first; i++)
        worker_send(worker, 0);
    while ((guint)g_atomic_int_get(&worker->n_ended) < chain->n_rounds) {
        if (!worker->ops->wait(worker->client, ROUND_MS))
            _exit(1);
    }
    worker_report(g_get_monotonic_time() - begun, fd);
}

static void worker_run(Worker *worker, Pipes *pipes)
{
    char byte = 0;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    close(pipes->go[1]);
    worker_open(worker);
    if (write(pipes->ready[1], &byte, 1) != 1)
        _exit(1);
    close(pipes->ready[1]);
    if (worker->role == 0) {
        if (read(pipes->go[0], &byte, 1) != 0)
            _exit(1);
        if (worker->chain->n_outstanding > 0)
            worker_measure_flow(worker, pipes->samples[1]);
        else
            worker_measure(worker, pipes->samples[1]);
        _exit(0);
    }
    // Else its parent does not notice that the first role has ended.
    close(pipes->samples[1]);
    for (;;)
        worker->ops->wait(worker->client, READY_MS);
}

static pid_t start_worker(const FloorOps *ops, const FloorChain *chain, guint role, Pipes *pipes)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    Worker worker = {.ops = ops, .chain = chain, .role = role};
    worker_run(&worker, pipes);
    _exit(0);
}

static gboolean fail(const FloorOps *ops, const char *what, GError **error)
{
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "the floor by %s: %s", ops->name, what);
    return FALSE;
}

static gboolean wait_until_ready(const FloorOps *ops, const Pipes *pipes, guint n_roles,
                                 GError **error)
{
    char byte;
    for (guint i = 0; i < n_roles; i++) {
        struct pollfd ready = {.fd = pipes->ready[0], .events = POLLIN};
        if (poll(&ready, 1, READY_MS) != 1 || read(pipes->ready[0], &byte, 1) != 1)
            return fail(ops, "a role did not get ready", error);
    }
    return TRUE;
}

static gboolean read_samples(const FloorOps *ops, const FloorChain *chain, const Pipes *pipes,
                             Samples *samples, GError **error)
{
    gint64 duration;
    guint n_samples = chain->n_outstanding > 0 ? 1 : chain->n_rounds;
    while (samples_count(samples) < n_samples) {
        if (read(pipes->samples[0], &duration, sizeof duration) != sizeof duration)
            return fail(ops, "a round did not come back", error);
        samples_add(samples, duration);
    }
    return TRUE;
}

static void close_end(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void pipes_close(Pipes *pipes)
{
    for (guint i = 0; i < 2; i++) {
        close_end(&pipes->ready[i]);
        close_end(&pipes->go[i]);
        close_end(&pipes->samples[i]);
    }
}

static gboolean run_chain(const FloorOps *ops, const FloorChain *chain, Pipes *pipes,
                          Samples *samples, GError **error)
{
    g_autofree pid_t *pids = g_new0(pid_t, chain->n_roles);
    for (guint i = 0; i < chain->n_roles; i++)
        pids[i] = start_worker(ops, chain, i, pipes);
    // What ends is seen here only when nobody else holds the other end.
    close_end(&pipes->ready[1]);
    close_end(&pipes->samples[1]);
    gboolean done = wait_until_ready(ops, pipes, chain->n_roles, error);
    close_end(&pipes->go[1]);
    done = done && read_samples(ops, chain, pipes, samples, error);
    for (guint i = 0; i < chain->n_roles; i++) {
        if (pids[i] <= 0)
            continue;
        kill(pids[i], SIGKILL);
        waitpid(pids[i], NULL, 0);
    }
    return done;
}

Samples *floor_measure(const FloorOps *ops, const FloorChain *chain, GError **error)
{
    g_assert(chain->n_hops > 0 && chain->n_hops < G_MAXUINT8);
    g_autoptr(Samples) samples = samples_new();
    Pipes pipes = {{-1, -1}, {-1, -1}, {-1, -1}};
    gboolean done = pipe(pipes.ready) == 0 && pipe(pipes.go) == 0 && pipe(pipes.samples) == 0;
    if (done)
        done = run_chain(ops, chain, &pipes, samples, error);
    else
        fail(ops, g_strerror(errno), error);
    pipes_close(&pipes);
    return done ? g_steal_pointer(&samples) : NULL;
}
