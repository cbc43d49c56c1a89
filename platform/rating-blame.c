// SPDX-License-Identifier: Apache-2.0
//
// What became of orders, and whose doing it was. A provider's own word counts only against itself:
// that it has done its part is believed once all others have, and whatever it refuses, it has not
// done. Where several may have done it, each is taken for an equal part: who is honest is in good
// company elsewhere, who is not is there each time.

#include "platform/rating.h"
#include "platform/request.h"

#include <string.h>

// It can do nothing before the relay values of all others have come.
static gboolean waits_for_others(const Part *part)
{
    for (gsize i = 0; i < part->order->n_branches; i++) {
        if (part->order->branches[i]->role == QKDNF__V1__BRANCH_ROLE__BRANCH_ROLE_TARGET)
            return TRUE;
    }
    return FALSE;
}

// What a provider does for its own users alone nobody else sees.
static gboolean has_counterparts(const Request *request)
{
    return request->parts->len > 1;
}

// --- granted -------------------------------------------------------------------------------------

// When the last of those had answered for whom nobody has to wait.
static gint64 latest_answer_us(const Request *request)
{
    gint64 latest_us = request->ordered_at_us;
    for (guint i = 0; i < request->parts->len; i++) {
        const Part *part = request->parts->pdata[i];
        if (!waits_for_others(part))
            latest_us = MAX(latest_us, part->answered_at_us);
    }
    return latest_us;
}

void ratings_on_grant(Federation *federation, const Request *request)
{
    gint64 latest_us = latest_answer_us(request);
    if (!has_counterparts(request))
        return;
    for (guint i = 0; i < request->parts->len; i++) {
        const Part *part = request->parts->pdata[i];
        gint64 from_us = waits_for_others(part) ? latest_us : request->ordered_at_us;
        // After a restart it is not known when it was ordered.
        gboolean is_timed = request->ordered_at_us > 0 && part->answered_at_us > 0;
        RatingOrder order = {
            .bits = part_bits(part->order),
            .delay_us = is_timed ? MAX(part->answered_at_us - from_us, 0) : -1,
        };
        ratings_count_order(federation, part->agent, &order);
    }
}

// --- failed --------------------------------------------------------------------------------------

static const Part *part_of(const Request *request, const char *agent)
{
    for (guint i = 0; i < request->parts->len; i++) {
        const Part *part = request->parts->pdata[i];
        if (strcmp(part->agent, agent) == 0)
            return part;
    }
    return NULL;
}

static void add_suspect(GPtrArray *suspects, const Part *part)
{
    if (part && !g_ptr_array_find(suspects, part, NULL))
        g_ptr_array_add(suspects, (gpointer)part);
}

// Everybody whose relay values that target needs, and itself.
static void add_path(GPtrArray *suspects, const Request *request, const Part *target)
{
    for (gsize i = 0; i < target->order->n_branches; i++) {
        const WireBranch *branch = target->order->branches[i];
        if (branch->role != QKDNF__V1__BRANCH_ROLE__BRANCH_ROLE_TARGET)
            continue;
        for (gsize j = 0; j < branch->n_providers; j++)
            add_suspect(suspects, part_of(request, branch->providers[j]));
    }
}

static void blame(Federation *federation, const GPtrArray *suspects, gboolean is_wrong)
{
    for (guint i = 0; i < suspects->len; i++) {
        const Part *part = suspects->pdata[i];
        guint32 milli = RATING_WHOLE / suspects->len;
        RatingOrder order = {.bits = part_bits(part->order), .delay_us = -1};
        if (is_wrong)
            order.wrong_milli = milli;
        else
            order.lost_milli = milli;
        ratings_count_order(federation, part->agent, &order);
    }
}

void ratings_on_refusal(Federation *federation, const Request *request, const Part *culprit,
                        Status status)
{
    g_autoptr(GPtrArray) suspects = g_ptr_array_new();
    // Keys that nobody fetches fill up who keeps them: that is for applications to mend.
    if (status == STATUS_BUSY && order_holds_keys(culprit->order))
        return;
    if (!has_counterparts(request))
        return;
    gboolean is_wrong = status == STATUS_TAG_MISMATCH && waits_for_others(culprit);
    if (is_wrong)
        add_path(suspects, request, culprit);
    else
        add_suspect(suspects, culprit);
    blame(federation, suspects, is_wrong);
}

// Nobody has to answer faster because an application is impatient, or the platform was down: after
// a restart it is not known how long they had.
static gboolean was_impatient(const Federation *federation, const Request *request)
{
    gint64 attempt_us = (gint64)federation->config->attempt_ms * G_TIME_SPAN_MILLISECOND;
    return request->ordered_at_us == 0 || federation->now - request->ordered_at_us < attempt_us;
}

void ratings_on_timeout(Federation *federation, const Request *request)
{
    g_autoptr(GPtrArray) silent = g_ptr_array_new();
    g_autoptr(GPtrArray) suspects = g_ptr_array_new();
    if (was_impatient(federation, request) || !has_counterparts(request))
        return;
    for (guint i = 0; i < request->parts->len; i++) {
        const Part *part = request->parts->pdata[i];
        if (part->is_answered)
            continue;
        if (waits_for_others(part))
            add_path(suspects, request, part);
        else
            g_ptr_array_add(silent, (gpointer)part);
    }
    // Who waits for somebody that is silent has done nothing.
    for (guint i = 0; i < silent->len; i++)
        ratings_on_refusal(federation, request, silent->pdata[i], STATUS_EXPIRED);
    if (silent->len == 0)
        blame(federation, suspects, FALSE);
}
