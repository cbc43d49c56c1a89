// SPDX-License-Identifier: Apache-2.0

#include "tests/sim/faulty.h"

#define LATE_US (1500 * G_TIME_SPAN_MILLISECOND)

// A call from when it is made until it completes.
typedef struct {
    guint64 number;
    FaultyCall type;
    FaultyFate fate;
    char *subject;
    char *detail; // the node a relay leads to, or the block to claim
    gsize n_bytes;
    gint64 due_us; // LATE: when the inner driver is told
    gboolean is_inner;
    gboolean is_cancelled;
} Call;

typedef struct {
    Driver driver;
    Driver *inner;
    const char *agent_id;
    const FaultyOps *ops;
    gpointer owner;
    const DriverListener *listener;
    gpointer agent;
    GPtrArray *calls; // Call, oldest first
    gint64 now_us;    // of the last tick
} Faulty;

static void call_free(gpointer data)
{
    Call *call = data;
    g_free(call->subject);
    g_free(call->detail);
    g_free(call);
}

static Faulty *faulty_of(Driver *driver)
{
    return (Faulty *)driver;
}

// The call, no longer with the driver; to be freed. NULL when it is not known.
static Call *take_call(Faulty *faulty, guint64 number)
{
    for (guint i = 0; i < faulty->calls->len; i++) {
        if (((Call *)faulty->calls->pdata[i])->number == number)
            return g_ptr_array_steal_index(faulty->calls, i);
    }
    return NULL;
}

static void complete(Faulty *faulty, const Call *call, Status status, const DriverBlock *block)
{
    if (call->type == FAULTY_RELAY)
        faulty->listener->relayed(faulty->agent, call->number, status);
    else
        faulty->listener->block(faulty->agent, call->number, status, block);
}

static void give(Faulty *faulty, const Call *call, const DriverBlock *block)
{
    g_autoptr(Secret) key = secret_new_copy(block->key->data, block->key->n_bytes);
    if (call->fate == FAULTY_LIE)
        key->data[key->n_bytes / 2] ^= 0x10;
    DriverBlock given = {block->id, key};
    if (faulty->ops->given)
        faulty->ops->given(faulty->owner, faulty->agent_id, call->subject, &given);
    complete(faulty, call, STATUS_OK, &given);
}

// --- from the inner driver -----------------------------------------------------------------------

static void on_relayed(gpointer data, guint64 number, Status status)
{
    Call *call = take_call(data, number);
    complete(data, call, status, NULL);
    call_free(call);
}

static void on_block(gpointer data, guint64 number, Status status, const DriverBlock *block)
{
    Call *call = take_call(data, number);
    if (status == STATUS_OK)
        give(data, call, block);
    else
        complete(data, call, status, NULL);
    call_free(call);
}

static void on_event(gpointer data, const DriverEvent *event)
{
    Faulty *faulty = data;
    faulty->listener->event(faulty->agent, event);
}

static const DriverListener inner_listener = {on_relayed, on_block, on_event};

// --- to the inner driver -------------------------------------------------------------------------

static void faulty_listen(Driver *driver, const DriverListener *listener, gpointer agent)
{
    Faulty *faulty = faulty_of(driver);
    faulty->listener = listener;
    faulty->agent = agent;
    faulty->inner->ops->listen(faulty->inner, &inner_listener, faulty);
}

static DriverMap *faulty_discover(Driver *driver)
{
    Driver *inner = faulty_of(driver)->inner;
    return inner->ops->discover(inner);
}

static void forward(Faulty *faulty, Call *call)
{
    const DriverOps *ops = faulty->inner->ops;
    call->is_inner = TRUE;
    switch (call->type) {
    case FAULTY_RELAY:
        ops->relay(faulty->inner, call->number, call->subject, call->detail, call->n_bytes);
        break;
    case FAULTY_TAKE:
        ops->take(faulty->inner, call->number, call->subject);
        break;
    case FAULTY_CLAIM:
        ops->claim(faulty->inner, call->number, call->subject, call->detail);
        break;
    }
}

static void accept(Driver *driver, const Call *what)
{
    Faulty *faulty = faulty_of(driver);
    Call *call = g_memdup2(what, sizeof *what);
    call->subject = g_strdup(what->subject);
    call->detail = g_strdup(what->detail);
    const char *block_id = call->type == FAULTY_CLAIM ? call->detail : NULL;
    if (faulty->ops->fate)
        call->fate =
            faulty->ops->fate(faulty->owner, faulty->agent_id, call->type, call->subject, block_id);
    call->due_us = faulty->now_us + LATE_US;
    g_ptr_array_add(faulty->calls, call);
    if (call->fate == FAULTY_NOTHING || call->fate == FAULTY_LIE)
        forward(faulty, call);
}

static void faulty_relay(Driver *driver, guint64 number, const char *from, const char *to,
                         gsize n_bytes)
{
    accept(driver, &(Call){.number = number,
                           .type = FAULTY_RELAY,
                           .subject = (char *)from,
                           .detail = (char *)to,
                           .n_bytes = n_bytes});
}

static void faulty_take(Driver *driver, guint64 number, const char *border)
{
    accept(driver, &(Call){.number = number, .type = FAULTY_TAKE, .subject = (char *)border});
}

static void faulty_claim(Driver *driver, guint64 number, const char *border, const char *block_id)
{
    accept(driver, &(Call){.number = number,
                           .type = FAULTY_CLAIM,
                           .subject = (char *)border,
                           .detail = (char *)block_id});
}

static void faulty_cancel(Driver *driver, guint64 number)
{
    Faulty *faulty = faulty_of(driver);
    for (guint i = 0; i < faulty->calls->len; i++) {
        Call *call = faulty->calls->pdata[i];
        if (call->number == number && call->is_inner)
            faulty->inner->ops->cancel(faulty->inner, number);
        else if (call->number == number)
            call->is_cancelled = TRUE;
    }
}

// --- time ----------------------------------------------------------------------------------------

static Status status_of(const Call *call)
{
    if (call->is_cancelled)
        return STATUS_VOIDED;
    if (call->fate == FAULTY_UNKNOWN && call->type == FAULTY_CLAIM)
        return STATUS_BLOCK_UNKNOWN;
    return call->fate == FAULTY_DRY ? STATUS_INSUFFICIENT_KEY : STATUS_QKDN_FAILED;
}

// The oldest call that is not with the inner driver and due, or NULL.
static Call *next_own(const Faulty *faulty)
{
    for (guint i = 0; i < faulty->calls->len; i++) {
        Call *call = faulty->calls->pdata[i];
        gboolean waits = call->fate == FAULTY_LATE && !call->is_cancelled;
        if (!call->is_inner && (!waits || call->due_us <= faulty->now_us))
            return call;
    }
    return NULL;
}

static void settle(Faulty *faulty, Call *call)
{
    if (call->fate == FAULTY_LATE && !call->is_cancelled) {
        forward(faulty, call);
        return;
    }
    take_call(faulty, call->number);
    complete(faulty, call, status_of(call), NULL);
    call_free(call);
}

static gint64 next_due_us(const Faulty *faulty)
{
    gint64 next_us = G_MAXINT64;
    for (guint i = 0; i < faulty->calls->len; i++) {
        const Call *call = faulty->calls->pdata[i];
        if (!call->is_inner)
            next_us = MIN(next_us, call->fate == FAULTY_LATE ? call->due_us : faulty->now_us);
    }
    return next_us;
}

static gint64 faulty_tick(Driver *driver, gint64 now_us)
{
    Faulty *faulty = faulty_of(driver);
    faulty->now_us = now_us;
    // What the listener calls meanwhile waits for the next tick, so that a tick always ends.
    Call *call;
    for (guint n_due = faulty->calls->len; n_due > 0 && (call = next_own(faulty)); n_due--)
        settle(faulty, call);
    gint64 inner_us = faulty->inner->ops->tick(faulty->inner, now_us);
    return MIN(inner_us, next_due_us(faulty));
}

static Status faulty_drill(Driver *driver, gboolean inject, DriverScope scope, const char *subject,
                           char **ret_text)
{
    Driver *inner = faulty_of(driver)->inner;
    return inner->ops->drill(inner, inject, scope, subject, ret_text);
}

static char **faulty_drills(Driver *driver)
{
    Driver *inner = faulty_of(driver)->inner;
    return inner->ops->drills(inner);
}

static void faulty_free(Driver *driver)
{
    Faulty *faulty = faulty_of(driver);
    g_ptr_array_unref(faulty->calls);
    driver_free(faulty->inner);
    g_free(faulty);
}

static const DriverOps faulty_ops = {
    .name = "faulty",
    .listen = faulty_listen,
    .discover = faulty_discover,
    .relay = faulty_relay,
    .take = faulty_take,
    .claim = faulty_claim,
    .cancel = faulty_cancel,
    .tick = faulty_tick,
    .drill = faulty_drill,
    .drills = faulty_drills,
    .free = faulty_free,
};

Driver *driver_faulty_new(Driver *inner, const char *agent, const FaultyOps *ops, gpointer owner)
{
    Faulty *faulty = g_new0(Faulty, 1);
    faulty->driver.ops = &faulty_ops;
    faulty->inner = inner;
    faulty->agent_id = agent;
    faulty->ops = ops;
    faulty->owner = owner;
    faulty->calls = g_ptr_array_new_with_free_func(call_free);
    return &faulty->driver;
}
