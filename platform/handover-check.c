// SPDX-License-Identifier: Apache-2.0
//
// What a handover must be before anything is done for it: one clear reason for each that is not.

#include "platform/handover.h"
#include "platform/stream.h"

#include "topics/base/id.h"

#include <stdarg.h>
#include <string.h>

#define TIMEOUT_MS_MAX 600000

static Verdict refuse(Status status, const char *format, ...) G_GNUC_PRINTF(2, 3);

static Verdict refuse(Status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    // What was quoted may be cut within a character, and no frame carries that.
    return (Verdict){status, g_utf8_make_valid(text, -1)};
}

static const Verdict no_objection = {STATUS_OK, NULL};

static Verdict check_form(const WireHandover *wire)
{
    if (!uuid_is_valid(wire->id))
        return refuse(STATUS_BAD_REQUEST, "id is no UUID in lower case");
    if (!wire->provider[0] == !wire->region[0])
        return refuse(STATUS_BAD_REQUEST, "expected either a provider or a region");
    if (wire->node[0] && !wire->provider[0])
        return refuse(STATUS_BAD_REQUEST, "a node is only known together with its provider");
    if (wire->timeout_ms < 1 || wire->timeout_ms > TIMEOUT_MS_MAX)
        return refuse(STATUS_BAD_REQUEST, "timeout is %u ms; expected 1 to %d", wire->timeout_ms,
                      TIMEOUT_MS_MAX);
    return no_objection;
}

static Verdict check_application(const Federation *federation, const Sender *sender,
                                 const char *sae)
{
    if (sender->role != ROLE_OPERATOR && strcmp(sender->id, sae) != 0)
        return refuse(STATUS_NOT_ALLOWED, "'%s' may not move '%.64s'", sender->id, sae);
    if (!directory_is_vouched_for(federation, sender))
        return refuse(STATUS_NOT_ALLOWED, "%s", DIRECTORY_OTHER_CERTIFICATE);
    if (!directory_find(federation, sae))
        return refuse(STATUS_UNKNOWN_SAE, "no application '%.64s' is registered", sae);
    const Handover *running = handover_find_running(federation, sae);
    if (running)
        return refuse(STATUS_BUSY, "'%s' is under way to '%s' already", sae, running->provider->id);
    return no_objection;
}

Verdict handover_check_goal(const Federation *federation, const Application *application,
                            Provider *provider, const char *node, HandoverGoal *ret_goal)
{
    if (handover_n_of(federation, application->sae) >= HANDOVER_KEPT_MAX)
        return refuse(STATUS_BUSY, "'%s' has moved %d times in the last minutes", application->sae,
                      HANDOVER_KEPT_MAX);
    if (!provider->is_usable)
        return refuse(STATUS_NO_ROUTE, "provider '%s' does not take part now", provider->id);
    Verdict verdict = roaming_check(federation, application, provider);
    if (verdict.status != STATUS_OK)
        return verdict;
    if (node[0] && !attachment_find_access(provider, node))
        return refuse(STATUS_UNKNOWN_MEMBER, "provider '%s' has no access node '%.64s'",
                      provider->id, node);
    *ret_goal = (HandoverGoal){provider, node[0] ? node : roaming_node(application, provider)};
    if (!ret_goal->node)
        return refuse(STATUS_NOT_ALLOWED, "provider '%s' has no access node for visitors",
                      provider->id);
    return no_objection;
}

// Whoever has a session with it, once for each.
static GPtrArray *list_other_ends(const Federation *federation, const char *sae)
{
    GPtrArray *others = g_ptr_array_new();
    g_auto(GStrv) ids = affected_find(federation->streaming, BY_SAE, sae);
    for (char **id = ids; *id; id++) {
        const Stream *stream = stream_find(federation, *id);
        for (guint i = 0; stream && i < stream->legs->len; i++) {
            const char *other = ((StreamLeg *)stream->legs->pdata[i])->wire->sae;
            Application *application = directory_find(federation, other);
            if (application && strcmp(other, sae) != 0)
                g_ptr_array_add(others, application);
        }
    }
    return others;
}

Verdict handover_check(const Federation *federation, const Sender *sender, const WireHandover *wire,
                       HandoverGoal *ret_goal)
{
    const char *sae = wire->sae[0] ? wire->sae : sender->id;
    Verdict verdict = check_form(wire);
    if (verdict.status == STATUS_OK)
        verdict = check_application(federation, sender, sae);
    if (verdict.status != STATUS_OK)
        return verdict;
    const Application *application = directory_find(federation, sae);
    g_autoptr(GPtrArray) others = list_other_ends(federation, sae);
    Provider *provider = wire->provider[0]
                             ? topology_find(federation->topology, wire->provider)
                             : roaming_find_best(federation, application, wire->region, others);
    if (!provider && wire->provider[0])
        return refuse(STATUS_UNKNOWN_MEMBER, "there is no provider '%.64s'", wire->provider);
    if (!provider)
        return refuse(STATUS_NO_ROUTE, "no provider in region '%.64s' may serve it", wire->region);
    return handover_check_goal(federation, application, provider, wire->node, ret_goal);
}
