// SPDX-License-Identifier: Apache-2.0
//
// What a request must be before it is taken in: one clear reason for each that is not.

#include "platform/request.h"

#include "topics/base/id.h"

#include <stdarg.h>
#include <string.h>

#define PATHS_MAX   8
#define EXCLUDE_MAX 64

// Branches that an agent takes in one order; the initiator's has one for each path to each target.
#define BRANCHES_MAX 64

Verdict request_refuse(Status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    // What was quoted may be cut within a character, and no frame carries that.
    return (Verdict){status, g_utf8_make_valid(text, -1)};
}

static const Verdict no_objection = {STATUS_OK, NULL};

static Verdict check_numbers(const FederationConfig *config, const WireRequest *wire)
{
    if (!uuid_is_valid(wire->id))
        return request_refuse(STATUS_BAD_REQUEST, "id is no UUID in lower case");
    if (wire->number < 1 || wire->number > config->max_keys_per_request)
        return request_refuse(STATUS_BAD_REQUEST, "number is %u; expected 1 to %" G_GUINT64_FORMAT,
                              wire->number, config->max_keys_per_request);
    if (wire->size_bits % 8 != 0)
        return request_refuse(STATUS_BAD_REQUEST, "size is %u bits; expected a multiple of 8",
                              wire->size_bits);
    if (wire->size_bits < 8 || wire->size_bits > config->max_key_size_bits)
        return request_refuse(STATUS_BAD_REQUEST,
                              "size is %u bits; expected 8 to %" G_GUINT64_FORMAT, wire->size_bits,
                              config->max_key_size_bits);
    if (wire->paths > PATHS_MAX)
        return request_refuse(STATUS_BAD_REQUEST, "paths is %u; expected 1 to %d", wire->paths,
                              PATHS_MAX);
    if (wire->n_targets < 1 || wire->n_targets > config->max_targets)
        return request_refuse(STATUS_BAD_REQUEST, "%zu targets; expected 1 to %" G_GUINT64_FORMAT,
                              wire->n_targets, config->max_targets);
    if (wire->n_targets * MAX(wire->paths, 1) > BRANCHES_MAX)
        return request_refuse(STATUS_BAD_REQUEST,
                              "%zu targets over %u paths each; expected at most %d in all",
                              wire->n_targets, wire->paths, BRANCHES_MAX);
    if (wire->n_exclude > EXCLUDE_MAX)
        return request_refuse(STATUS_BAD_REQUEST, "%zu providers to exclude; expected at most %d",
                              wire->n_exclude, EXCLUDE_MAX);
    if (wire->timeout_ms < 1 || wire->timeout_ms > config->max_timeout_ms)
        return request_refuse(STATUS_BAD_REQUEST,
                              "timeout is %u ms; expected 1 to %" G_GUINT64_FORMAT,
                              wire->timeout_ms, config->max_timeout_ms);
    return no_objection;
}

static Verdict check_names(const Federation *federation, const WireRequest *wire)
{
    for (gsize i = 0; i < wire->n_targets; i++) {
        const char *sae = wire->targets[i];
        const Application *target = directory_find(federation, sae);
        if (!target || !target->visible)
            return request_refuse(STATUS_UNKNOWN_SAE, "no application '%.64s' can be reached", sae);
        if (strcmp(sae, wire->initiator) == 0)
            return request_refuse(STATUS_BAD_REQUEST, "target '%s' is the initiator", sae);
        for (gsize j = 0; j < i; j++) {
            if (strcmp(sae, wire->targets[j]) == 0)
                return request_refuse(STATUS_BAD_REQUEST, "target '%s' is named twice", sae);
        }
    }
    for (gsize i = 0; i < wire->n_exclude; i++) {
        if (!member_find(federation, wire->exclude[i]))
            return request_refuse(STATUS_UNKNOWN_MEMBER, "no provider '%.64s' to exclude",
                                  wire->exclude[i]);
    }
    return no_objection;
}

// An application asks for itself, or the agent that serves it for it.
static Verdict check_sender(const Federation *federation, const Sender *sender,
                            const WireRequest *wire)
{
    const Application *initiator = directory_find(federation, wire->initiator);
    if (!initiator)
        return request_refuse(STATUS_UNKNOWN_SAE, "no application '%.64s' is registered",
                              wire->initiator);
    if (strcmp(sender->id, wire->initiator) != 0 && !attachment_is_with(initiator, sender->id))
        return request_refuse(STATUS_NOT_ALLOWED, "'%s' may not ask for '%s'", sender->id,
                              wire->initiator);
    if (!directory_is_vouched_for(federation, sender))
        return request_refuse(STATUS_NOT_ALLOWED, "%s", DIRECTORY_OTHER_CERTIFICATE);
    if (request_n_running(federation, sender->id) >= federation->config->max_running)
        return request_refuse(STATUS_BUSY, "%" G_GUINT64_FORMAT " requests are under way already",
                              federation->config->max_running);
    if (request_n_kept(federation, sender->id) >= federation->config->max_kept)
        return request_refuse(STATUS_BUSY, "%" G_GUINT64_FORMAT " requests are remembered already",
                              federation->config->max_kept);
    return no_objection;
}

// What the home provider lets its user have.
static Verdict check_allowance(const Federation *federation, const WireRequest *wire)
{
    const Application *initiator = directory_find(federation, wire->initiator);
    const WireApplication *allowed = initiator->registration;
    gboolean is_this_second = federation->now - initiator->second_us < G_USEC_PER_SEC;
    if (allowed->max_keys_per_request > 0 && wire->number > allowed->max_keys_per_request)
        return request_refuse(STATUS_BAD_REQUEST,
                              "number is %u; '%s' allows '%s' 1 to %u in a request", wire->number,
                              initiator->home->id, initiator->sae, allowed->max_keys_per_request);
    if (allowed->max_requests_per_s > 0 && is_this_second &&
        initiator->n_of_second >= allowed->max_requests_per_s)
        return request_refuse(STATUS_BUSY, "'%s' allows '%s' %u requests in a second",
                              initiator->home->id, initiator->sae, allowed->max_requests_per_s);
    return no_objection;
}

void request_charge(const Federation *federation, const char *initiator)
{
    Application *application = directory_find(federation, initiator);
    if (federation->now - application->second_us >= G_USEC_PER_SEC) {
        application->second_us = federation->now;
        application->n_of_second = 0;
    }
    application->n_of_second++;
}

Verdict request_check_contents(const Federation *federation, const WireRequest *wire)
{
    Verdict verdict = check_numbers(federation->config, wire);
    return verdict.status == STATUS_OK ? check_names(federation, wire) : verdict;
}

Verdict request_check(const Federation *federation, const Sender *sender, const WireRequest *wire)
{
    Verdict verdict = check_numbers(federation->config, wire);
    if (verdict.status == STATUS_OK)
        verdict = check_sender(federation, sender, wire);
    if (verdict.status == STATUS_OK)
        verdict = check_allowance(federation, wire);
    if (verdict.status == STATUS_OK)
        verdict = check_names(federation, wire);
    if (verdict.status == STATUS_OK && !accounts_is_new(federation, wire->id))
        return request_refuse(STATUS_BAD_REQUEST,
                              "id was used for a request that is not settled yet");
    return verdict;
}
