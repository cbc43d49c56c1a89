// SPDX-License-Identifier: Apache-2.0
//
// What providers ask for themselves: to take part, and to leave. An application has a version, and
// each is judged once; whoever repeats one is told what became of it.

#include "platform/member.h"
#include "schemas/membership.h"

#include <stdarg.h>
#include <string.h>

#define CONTACT_MAX  256
#define SHA256_BYTES 32

// Applications of providers that are not listed, which an administrator has not decided on.
#define APPLICANTS_MAX 1000

// --- whether it is good --------------------------------------------------------------------------

static char *check_form(const Member *member, const WireApply *application)
{
    // The broker guarantees who sends: with mutual TLS, the common name of its certificate.
    if (strcmp(application->provider, member->provider->id) != 0)
        return g_strdup_printf("'%s' applies for another provider", member->provider->id);
    if (strlen(application->contact) > CONTACT_MAX)
        return g_strdup_printf("contact is longer than %d bytes", CONTACT_MAX);
    if (application->certificate_sha256.len != 0 &&
        application->certificate_sha256.len != SHA256_BYTES)
        return g_strdup_printf("certificate_sha256 is %zu bytes long; expected %d",
                               application->certificate_sha256.len, SHA256_BYTES);
    if (application->n_purposes > PURPOSES_MAX)
        return g_strdup_printf("%zu purposes; expected at most %d", application->n_purposes,
                               PURPOSES_MAX);
    if (application->share_percent > 100)
        return g_strdup_printf("share_percent is %u; expected at most 100",
                               application->share_percent);
    return NULL;
}

char *member_check_policy(const FederationConfig *config, const WireApply *application)
{
    const FederationPolicy *policy = &config->policy;
    // No purposes in the configuration: none is demanded.
    Purposes demanded =
        policy->purposes && policy->purposes[0] ? purposes_from_names(policy->purposes) : 0;
    Purposes missing = demanded & ~purposes_of(application->purposes, application->n_purposes);
    if (application->policy_version != policy->version)
        return g_strdup_printf("agrees to version %" G_GUINT64_FORMAT
                               " of the federation's policy; expected %" G_GUINT64_FORMAT,
                               application->policy_version, policy->version);
    if (missing) {
        g_autofree char *names = purposes_format(missing);
        return g_strdup_printf("does not offer what the federation's policy demands: %s", names);
    }
    if (application->share_percent < policy->min_share_percent)
        return g_strdup_printf("shares %u %% of its rates; expected at least %" G_GUINT64_FORMAT,
                               application->share_percent, policy->min_share_percent);
    return NULL;
}

// --- what follows --------------------------------------------------------------------------------

static void keep_application(Federation *federation, Member *member, const WireApply *application)
{
    WireApply *copy = message_copy(&application->base);
    wire_free(member->application);
    member->application = copy;
    member_policy_settle(federation, member);
    member_update_scope(federation, member, member->granted);
}

static void refuse(Federation *federation, Member *member, const char *why)
{
    member_enter(federation, member,
                 &(MemberChange){MEMBER(REFUSED), federation->config->id, "apply", why});
}

static void admit_listed(Federation *federation, Member *member)
{
    member_update_scope(federation, member, purposes_from_names(member->listed->scope));
    member_enter(
        federation, member,
        &(MemberChange){MEMBER(ACTIVE), federation->config->id, "approve", "approved beforehand"});
}

// For the first time, or anew after it was refused or has left.
static void take_in(Federation *federation, Member *member, const WireApply *application,
                    const char *why_not)
{
    member_enter(federation, member,
                 &(MemberChange){MEMBER(APPLIED), member->provider->id, "apply", "it applies"});
    if (why_not) {
        refuse(federation, member, why_not);
        return;
    }
    keep_application(federation, member, application);
    member_enter(federation, member,
                 &(MemberChange){MEMBER(AUTHENTICATED), federation->config->id, "apply",
                                 "an administrator decides"});
    if (member->listed)
        admit_listed(federation, member);
}

// Of a provider that waits, or takes part: the application is another one now.
static void take_over(Federation *federation, Member *member, const WireApply *application,
                      const char *why_not)
{
    if (!why_not)
        keep_application(federation, member, application);
    else if (member->state == MEMBER(AUTHENTICATED))
        refuse(federation, member, why_not);
    else
        member->objection = g_strdup(why_not);
    federation_event(federation,
                     &(EventHead){.severity = why_not ? QKDNF__V1__SEVERITY__SEVERITY_WARNING
                                                      : QKDNF__V1__SEVERITY__SEVERITY_INFO,
                                  .name = "member.application",
                                  .subject = member->provider->id},
                     "version %" G_GUINT64_FORMAT ": %s", application->version,
                     why_not ? why_not : "taken over");
}

static void judge(Federation *federation, Member *member, const WireApply *application)
{
    g_autofree char *fault = check_form(member, application);
    if (!fault)
        fault = member_check_policy(federation->config, application);
    // What was quoted may be cut within a character, and no frame carries that.
    g_autofree char *why_not = fault ? g_utf8_make_valid(fault, -1) : NULL;
    g_clear_pointer(&member->objection, g_free);
    member->judged_version = application->version;
    if (member_can_enter(member->state, MEMBER(APPLIED)))
        take_in(federation, member, application, why_not);
    else
        take_over(federation, member, application, why_not);
    member_save(federation, member);
}

// --- messages ------------------------------------------------------------------------------------

static gboolean count_applicant(gpointer key, gpointer value, gpointer data)
{
    const Member *member = value;
    guint *n = data;
    *n += !member->listed &&
          (member->state == MEMBER(AUTHENTICATED) || member->state == MEMBER(REFUSED));
    return FALSE;
}

// A provider that nobody has heard of. Bounded: anyone with a certificate can apply.
static Member *find_or_add(Federation *federation, const char *id)
{
    Member *member = member_find(federation, id);
    if (member)
        return member;
    guint n = 0;
    g_tree_foreach(federation->members, count_applicant, &n);
    return n < APPLICANTS_MAX ? member_add(federation, id) : NULL;
}

// What would change the state again and again, fill the audit trail and keep administrators busy.
static gboolean is_too_soon(const Federation *federation, const Member *member)
{
    gint64 pause_us = (gint64)federation->config->reapply_ms * G_TIME_SPAN_MILLISECOND;
    return member->since_us > 0 && member_can_enter(member->state, MEMBER(APPLIED)) &&
           federation->now < member->since_us + pause_us;
}

static gboolean is_heard(const Federation *federation, const Member *member)
{
    switch (member->state) {
    case MEMBER(UNSPECIFIED):
    case MEMBER(AUTHENTICATED):
    case MEMBER(ACTIVE):
        return TRUE;
    case MEMBER(WITHDRAWN):
    case MEMBER(REFUSED):
        return !is_too_soon(federation, member);
    case MEMBER(APPLIED):
    case MEMBER(SUSPENDED):
    case MEMBER(WITHDRAWING):
    case MEMBER(EXPELLED):
    case _QKDNF__V1__MEMBER_STATE_IS_INT_SIZE:
        return FALSE;
    }
    return FALSE;
}

void member_on_apply(gpointer data, const Sender *sender, gconstpointer message)
{
    Federation *federation = data;
    const WireApply *application = message;
    // A user of some provider is no provider.
    if (directory_find(federation, sender->id))
        return;
    Member *member = find_or_add(federation, sender->id);
    if (!member)
        return;
    if (application->version > member->judged_version && is_heard(federation, member))
        judge(federation, member, application);
    else
        member_send_state(federation, member);
}

void member_on_withdraw(gpointer data, const Sender *sender, gconstpointer message)
{
    Federation *federation = data;
    const WireWithdraw *withdraw = message;
    Member *member = member_find(federation, sender->id);
    gboolean is_current = withdraw->version >= member->judged_version;
    if (member->state != MEMBER(ACTIVE) || !is_current) {
        member_send_state(federation, member);
        return;
    }
    g_autofree char *cut = g_strndup(withdraw->reason, REASON_MAX);
    g_autofree char *reason = g_utf8_make_valid(cut, -1);
    member_enter(federation, member,
                 &(MemberChange){MEMBER(WITHDRAWING), sender->id, "withdraw", reason});
}
