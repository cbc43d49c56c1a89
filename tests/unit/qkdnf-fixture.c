// SPDX-License-Identifier: Apache-2.0

#include "tests/unit/qkdnf-fixture.h"

#include <poll.h>

static gpointer kme_run(gpointer data)
{
    QkdnfFixture *f = data;
    while (!g_atomic_int_get(&f->is_stopping)) {
        event_base_loopexit(f->kme.base, &(struct timeval){0, 5000});
        event_base_loop(f->kme.base, 0);
        kme_server_flush(f->kme.server);
    }
    return NULL;
}

void qkdnf_fixture_set_up(QkdnfFixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    f->broker = live_broker_new();
    live_broker_connection(f->broker, "bank-a");
    live_broker_connection(f->broker, "bank-b");
    pki_issue(f->broker->ca, "kme", PKI_USAGE_SERVER, 0, f->broker->dir, &error);
    g_assert_no_error(error);
    f->platform = fake_platform_new(f->broker);
    kme_fixture_set_up(&f->kme, f->broker->dir);
    f->kme_url = g_strdup_printf("https://127.0.0.1:%u", kme_server_port(f->kme.server));
    f->kme_thread = g_thread_new("kme", kme_run, f);
}

void qkdnf_fixture_tear_down(QkdnfFixture *f, gconstpointer data)
{
    g_atomic_int_set(&f->is_stopping, 1);
    g_thread_join(f->kme_thread);
    kme_fixture_tear_down(&f->kme, NULL);
    fake_platform_free(f->platform);
    live_broker_free(f->broker);
    g_free(f->kme_url);
}

struct qkdnf *qkdnf_fixture_join(QkdnfFixture *f, const char *sae)
{
    Connection connection = live_broker_connection(f->broker, sae);
    struct qkdnf_config config = {
        .sae = sae,
        .broker_url = connection.url,
        .ca = connection.ca,
        .certificate = connection.certificate,
        .key = connection.key,
        .platform = "platform",
        .kme_url = f->kme_url,
        .kme_id = "kme",
    };
    struct qkdnf_error error = {""};
    struct qkdnf *q = qkdnf_connect(&config, &error);
    g_assert_cmpstr(error.text, ==, "");
    g_assert_nonnull(q);
    return q;
}

void qkdnf_fixture_turn(struct qkdnf *q, const guint *counter, guint goal)
{
    while (*counter < goal) {
        struct pollfd readable = {.fd = qkdnf_fd(q), .events = POLLIN};
        g_assert_cmpint(poll(&readable, 1, qkdnf_timeout_ms(q)), >=, 0);
        qkdnf_process(q);
    }
}
