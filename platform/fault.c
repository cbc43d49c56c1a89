// SPDX-License-Identifier: Apache-2.0
//
// What is wrong in the federation: what agents report, who is silent, whose orders fail or are
// late. Each has a cause, a beginning and an end, is durable, and is kept for a while once it is
// cleared.

#include "platform/fault.h"

#include "platform/state.pb-c.h"
#include "topics/record.h"

#include <string.h>

#define ID_BYTES_MAX    64
#define CAUSE_BYTES_MAX 256

// Of one member.
#define FAULTS_MAX 100

#define KEEP_US (1 * G_TIME_SPAN_HOUR)

void fault_free(gpointer data)
{
    Fault *fault = data;
    g_free(fault->key);
    wire_free(fault->info);
    g_ptr_array_unref(fault->notified);
    g_free(fault);
}

static char *key_of(const char *member, const char *id)
{
    return g_strconcat(member, " ", id, NULL);
}

static Fault *find(const Federation *federation, const char *member, const char *id)
{
    g_autofree char *key = key_of(member, id);
    return g_tree_lookup(federation->faults, key);
}

void fault_save(Federation *federation, const Fault *fault)
{
    Platform__State__Fault state = PLATFORM__STATE__FAULT__INIT;
    state.info = fault->info;
    state.incarnation = fault->incarnation;
    state.n_notified = fault->notified->len;
    state.notified = (char **)fault->notified->pdata;
    g_autoptr(GBytes) value = message_pack(&state.base);
    store_put_text(federation->store, "fault", fault->key, value);
}

static void forget(Federation *federation, Fault *fault)
{
    timers_disarm(federation->timers, TIMER_FAULT, fault->key);
    store_delete_text(federation->store, "fault", fault->key);
    g_tree_remove(federation->faults, fault->key);
}

// --- of one member -------------------------------------------------------------------------------

typedef struct {
    const char *member;
    GPtrArray *found; // Fault
} Search;

static gboolean collect(gpointer key, gpointer value, gpointer data)
{
    Search *search = data;
    const Fault *fault = value;
    if (strcmp(fault->info->member, search->member) == 0)
        g_ptr_array_add(search->found, value);
    return FALSE;
}

static GPtrArray *faults_of(const Federation *federation, const char *member)
{
    Search search = {member, g_ptr_array_new()};
    g_tree_foreach(federation->faults, collect, &search);
    return search.found;
}

// FALSE when all that there are go on.
static gboolean make_room(Federation *federation, const char *member)
{
    g_autoptr(GPtrArray) faults = faults_of(federation, member);
    Fault *oldest = NULL;
    if (faults->len < FAULTS_MAX)
        return TRUE;
    for (guint i = 0; i < faults->len; i++) {
        Fault *fault = faults->pdata[i];
        if (fault->info->cleared_at_us > 0 &&
            (!oldest || fault->info->cleared_at_us < oldest->info->cleared_at_us))
            oldest = fault;
    }
    if (oldest)
        forget(federation, oldest);
    return oldest != NULL;
}

// --- beginning and end ---------------------------------------------------------------------------

static void say(Federation *federation, const Fault *fault)
{
    const WireFaultInfo *info = fault->info;
    gboolean is_cleared = info->cleared_at_us > 0;
    federation_event(
        federation,
        &(EventHead){.severity = is_cleared ? QKDNF__V1__SEVERITY__SEVERITY_INFO
                                            : QKDNF__V1__SEVERITY__SEVERITY_WARNING,
                     .name = is_cleared ? "fault.cleared" : "fault.reported",
                     .subject = info->subject[0] ? info->subject : info->member,
                     .cause = info->cause,
                     .duration_us =
                         is_cleared ? (gint64)(info->cleared_at_us - info->since_us) : 0},
        "fault %s of %s", info->id, info->member);
}

static void keep(Federation *federation, Fault *fault)
{
    say(federation, fault);
    notice_send(federation, fault);
    fault_save(federation, fault);
}

static Fault *fault_add(Federation *federation, const WireFaultInfo *info)
{
    Fault *fault = g_new0(Fault, 1);
    fault->key = key_of(info->member, info->id);
    fault->info = message_copy(&info->base);
    fault->notified = g_ptr_array_new_with_free_func(g_free);
    g_tree_insert(federation->faults, fault->key, fault);
    return fault;
}

// Again after its end, it is a new one under the old name.
static void begin(Federation *federation, const WireFaultInfo *info, guint64 incarnation)
{
    Fault *fault = find(federation, info->member, info->id);
    if (fault && fault->info->cleared_at_us == 0)
        return;
    if (fault)
        forget(federation, fault);
    else if (!make_room(federation, info->member))
        return;
    fault = fault_add(federation, info);
    fault->incarnation = incarnation;
    keep(federation, fault);
}

// A border that comes and goes is not trusted at once.
static void end(Federation *federation, Fault *fault)
{
    WireFaultInfo *info = fault->info;
    if (info->cleared_at_us > 0)
        return;
    info->cleared_at_us = (guint64)federation->now;
    if (info->scope == QKDNF__V1__FAULT_SCOPE__FAULT_SCOPE_BORDER)
        info->held_until_us = info->cleared_at_us + federation->config->hold_down_ms * 1000;
    timers_arm(federation->timers, TIMER_FAULT, fault->key, federation->now + KEEP_US);
    keep(federation, fault);
}

void fault_clear_all(Federation *federation, const char *member, guint64 before_incarnation)
{
    g_autoptr(GPtrArray) faults = faults_of(federation, member);
    for (guint i = 0; i < faults->len; i++) {
        Fault *fault = faults->pdata[i];
        // What the platform notices ends as the platform notices it, or with the membership.
        gboolean is_own = fault->incarnation == 0 && before_incarnation < G_MAXUINT64;
        if (!is_own && fault->incarnation < before_incarnation)
            end(federation, fault);
    }
}

void fault_on_timer(Federation *federation, const char *key)
{
    Fault *fault = g_tree_lookup(federation->faults, key);
    if (fault)
        forget(federation, fault);
}

// --- who notices ---------------------------------------------------------------------------------

static gboolean is_good(const WireFault *fault)
{
    gsize n_id = strlen(fault->id);
    return n_id > 0 && n_id <= ID_BYTES_MAX && !g_str_has_prefix(fault->id, "platform/") &&
           (!fault->subject[0] || id_is_valid(fault->subject)) &&
           fault->scope > QKDNF__V1__FAULT_SCOPE__FAULT_SCOPE_UNSPECIFIED &&
           fault->scope <= QKDNF__V1__FAULT_SCOPE__FAULT_SCOPE_PROVIDER;
}

void fault_on_fault(gpointer data, const Sender *sender, gconstpointer message)
{
    Federation *federation = data;
    const WireFault *report = message;
    if (!is_good(report))
        return;
    Fault *known = find(federation, sender->id, report->id);
    if (report->cleared) {
        if (known)
            end(federation, known);
        return;
    }
    g_autofree char *cut = g_strndup(report->cause, CAUSE_BYTES_MAX);
    g_autofree char *cause = g_utf8_make_valid(cut, -1);
    WireFaultInfo info = WIRE_FAULT_INFO_INIT;
    info.member = (char *)sender->id;
    info.id = report->id;
    info.scope = report->scope;
    info.subject = report->subject;
    info.cause = cause;
    info.since_us = (guint64)federation->now;
    begin(federation, &info, sender->incarnation);
}

static void notice_provider(Federation *federation, const char *member, const char *id,
                            const char *cause)
{
    WireFaultInfo info = WIRE_FAULT_INFO_INIT;
    info.member = (char *)member;
    info.id = (char *)id;
    info.scope = QKDNF__V1__FAULT_SCOPE__FAULT_SCOPE_PROVIDER;
    info.cause = (char *)cause;
    info.since_us = (guint64)federation->now;
    begin(federation, &info, 0);
}

static void end_own(Federation *federation, const char *member, const char *id)
{
    Fault *fault = find(federation, member, id);
    if (fault)
        end(federation, fault);
}

void fault_on_silence(Federation *federation, const char *member, const char *cause)
{
    notice_provider(federation, member, FAULT_PRESENCE, cause);
}

void fault_on_return(Federation *federation, const char *member)
{
    end_own(federation, member, FAULT_PRESENCE);
}

// Not what another provider may have done, nor what only says that there is not enough.
static gboolean is_its_fault(Status status)
{
    return status == STATUS_EXPIRED || status == STATUS_QKDN_FAILED || status == STATUS_INTERNAL ||
           status == STATUS_SLOT_USED || status == STATUS_SLOT_UNKNOWN;
}

void fault_on_order(Federation *federation, const char *member, Status status)
{
    if (status == STATUS_OK && g_tree_nnodes(federation->faults) > 0)
        end_own(federation, member, FAULT_ORDERS);
    else if (is_its_fault(status))
        notice_provider(federation, member, FAULT_ORDERS,
                        status == STATUS_EXPIRED ? "an order was not answered in time"
                                                 : status_text(status));
}

// --- store ---------------------------------------------------------------------------------------

static void take_over(Federation *federation, const Platform__State__Fault *state)
{
    Fault *fault = fault_add(federation, state->info);
    fault->incarnation = state->incarnation;
    for (gsize i = 0; i < state->n_notified; i++)
        g_ptr_array_add(fault->notified, g_strdup(state->notified[i]));
    if (fault->info->cleared_at_us > 0)
        timers_arm(federation->timers, TIMER_FAULT, fault->key,
                   (gint64)fault->info->cleared_at_us + KEEP_US);
}

static void load_fault(gpointer data, GBytes *key, GBytes *value)
{
    RecordLoading *loading = data;
    Federation *federation = loading->core;
    g_autofree char *name = record_name(key);
    Platform__State__Fault *state = record_unpack(&platform__state__fault__descriptor, value);
    if (state && state->info)
        take_over(federation, state);
    else
        record_fail(loading, "fault", name, "is damaged");
    wire_free(state);
}

gboolean fault_load(Federation *federation, GError **error)
{
    return record_load(federation->store, "fault", load_fault, federation, error);
}
