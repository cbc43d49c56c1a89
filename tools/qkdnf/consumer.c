// SPDX-License-Identifier: Apache-2.0

#include "tools/qkdnf/consumer.h"

#include "tools/qkdnf/exchange.h"

#include <pthread.h>

#define TIMEOUT_MS 15000

struct Consumer {
    char *initiator;
    char *target;
    gint64 pace_us;
    struct qkdnf_kme *near, *far;
    GHashTable *seen; // key IDs
    GThread *thread;
    pthread_mutex_t mutex; // of what follows; not GLib's, which no checker of threads sees into
    pthread_cond_t stopping;
    gboolean is_stopping;
    char *move_url; // where the initiator is to go; NULL: nowhere else
    char *move_id;
    gint64 slowest_us;
    ConsumerCount count;
};

void consumer_count_clear(ConsumerCount *count)
{
    g_free(count->first_text);
    *count = (ConsumerCount){0};
}

// --- in the thread -------------------------------------------------------------------------------

static void note(Consumer *consumer, guint *counter, const char *what, const char *text)
{
    pthread_mutex_lock(&consumer->mutex);
    ++*counter;
    if (text && !consumer->count.first_text)
        consumer->count.first_text = g_strdup_printf("%s: %s", what, text);
    pthread_mutex_unlock(&consumer->mutex);
}

static void go_where_told(Consumer *consumer)
{
    pthread_mutex_lock(&consumer->mutex);
    g_autofree char *url = g_steal_pointer(&consumer->move_url);
    g_autofree char *id = g_steal_pointer(&consumer->move_id);
    pthread_mutex_unlock(&consumer->mutex);
    struct qkdnf_error error = {0};
    if (url && !qkdnf_kme_move(consumer->near, url, id, &error))
        note(consumer, &consumer->count.n_failed, consumer->initiator, error.text);
}

// NULL when it failed, which is noted.
static struct qkdnf_keys *checked(Consumer *consumer, const char *sae, struct qkdnf_keys *keys,
                                  gint64 since_us)
{
    pthread_mutex_lock(&consumer->mutex);
    consumer->slowest_us = MAX(consumer->slowest_us, g_get_monotonic_time() - since_us);
    pthread_mutex_unlock(&consumer->mutex);
    if (keys->status == QKDNF_OK)
        return keys;
    note(consumer, &consumer->count.n_failed, sae, keys->text);
    qkdnf_keys_free(keys);
    return NULL;
}

static void fetch_at_target(Consumer *consumer, const struct qkdnf_keys *ours)
{
    const char *id = ours->keys[0].id;
    gint64 since_us = g_get_monotonic_time();
    struct qkdnf_keys *theirs = checked(
        consumer, consumer->target,
        qkdnf_get_keys_by_id(consumer->far, consumer->initiator, &id, 1, TIMEOUT_MS), since_us);
    if (!theirs)
        return;
    if (!g_hash_table_add(consumer->seen, g_strdup(id)))
        note(consumer, &consumer->count.n_wrong, id, "it was there before");
    else if (!exchange_keys_equal(ours, theirs))
        note(consumer, &consumer->count.n_wrong, id, "it differs at the two ends");
    else
        note(consumer, &consumer->count.n_keys, id, NULL);
    qkdnf_keys_free(theirs);
}

static void fetch_once(Consumer *consumer)
{
    const char *target = consumer->target;
    struct qkdnf_key_query query = {.targets = &target, .n_targets = 1, .number = 1};
    gint64 since_us = g_get_monotonic_time();
    struct qkdnf_keys *ours = checked(consumer, consumer->initiator,
                                      qkdnf_get_keys(consumer->near, &query, TIMEOUT_MS), since_us);
    if (ours)
        fetch_at_target(consumer, ours);
    qkdnf_keys_free(ours);
}

// FALSE when it is over.
static gboolean wait_until(Consumer *consumer, gint64 next_us)
{
    struct timespec next = {next_us / G_USEC_PER_SEC, next_us % G_USEC_PER_SEC * 1000};
    pthread_mutex_lock(&consumer->mutex);
    while (!consumer->is_stopping &&
           pthread_cond_timedwait(&consumer->stopping, &consumer->mutex, &next) == 0)
        continue;
    gboolean goes_on = !consumer->is_stopping;
    pthread_mutex_unlock(&consumer->mutex);
    return goes_on;
}

static gpointer run(gpointer data)
{
    Consumer *consumer = data;
    gint64 next_us = g_get_monotonic_time();
    while (wait_until(consumer, next_us)) {
        next_us = g_get_monotonic_time() + consumer->pace_us;
        go_where_told(consumer);
        fetch_once(consumer);
    }
    return NULL;
}

// --- outside -------------------------------------------------------------------------------------

static void consumer_free(Consumer *consumer)
{
    qkdnf_kme_free(consumer->near);
    qkdnf_kme_free(consumer->far);
    g_hash_table_unref(consumer->seen);
    consumer_count_clear(&consumer->count);
    pthread_mutex_destroy(&consumer->mutex);
    pthread_cond_destroy(&consumer->stopping);
    g_free(consumer->move_url);
    g_free(consumer->move_id);
    g_free(consumer->initiator);
    g_free(consumer->target);
    g_free(consumer);
}

// Its times are those of g_get_monotonic_time().
static void init_lock(Consumer *consumer)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&consumer->mutex, NULL);
    pthread_cond_init(&consumer->stopping, &attributes);
    pthread_condattr_destroy(&attributes);
}

Consumer *consumer_start(const json_t *federation, const char *initiator, const char *target,
                         gint64 pace_us, GError **error)
{
    Consumer *consumer = g_new0(Consumer, 1);
    consumer->initiator = g_strdup(initiator);
    consumer->target = g_strdup(target);
    consumer->pace_us = pace_us;
    consumer->seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    init_lock(consumer);
    consumer->near = exchange_open_kme(federation, initiator, error);
    consumer->far = consumer->near ? exchange_open_kme(federation, target, error) : NULL;
    if (!consumer->far) {
        consumer_free(consumer);
        return NULL;
    }
    consumer->thread = g_thread_new("consumer", run, consumer);
    return consumer;
}

void consumer_move(Consumer *consumer, const char *kme_url, const char *kme_id)
{
    pthread_mutex_lock(&consumer->mutex);
    g_free(consumer->move_url);
    g_free(consumer->move_id);
    consumer->move_url = g_strdup(kme_url);
    consumer->move_id = g_strdup(kme_id);
    pthread_mutex_unlock(&consumer->mutex);
}

gint64 consumer_take_slowest(Consumer *consumer)
{
    pthread_mutex_lock(&consumer->mutex);
    gint64 slowest_us = consumer->slowest_us;
    consumer->slowest_us = 0;
    pthread_mutex_unlock(&consumer->mutex);
    return slowest_us;
}

void consumer_stop(Consumer *consumer, ConsumerCount *ret_count)
{
    pthread_mutex_lock(&consumer->mutex);
    consumer->is_stopping = TRUE;
    pthread_cond_signal(&consumer->stopping);
    pthread_mutex_unlock(&consumer->mutex);
    g_thread_join(consumer->thread);
    if (ret_count) {
        *ret_count = consumer->count;
        consumer->count = (ConsumerCount){0};
    }
    consumer_free(consumer);
}
