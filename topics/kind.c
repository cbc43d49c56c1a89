// SPDX-License-Identifier: Apache-2.0

#include "topics/kind.h"

#include <string.h>

#define PLATFORM    ROLE_BIT(ROLE_PLATFORM)
#define AGENT       ROLE_BIT(ROLE_AGENT)
#define APPLICATION ROLE_BIT(ROLE_APPLICATION)
#define OPERATOR    ROLE_BIT(ROLE_OPERATOR)
#define MONITOR     ROLE_BIT(ROLE_MONITOR)
#define ANY         (PLATFORM | AGENT | APPLICATION | OPERATOR)
#define KIB         1024u

#define ACTIVE  STATE_BIT(QKDNF__V1__MEMBER_STATE__MEMBER_STATE_ACTIVE)
#define AT_WORK (ACTIVE | STATE_BIT(QKDNF__V1__MEMBER_STATE__MEMBER_STATE_WITHDRAWING))
#define LEAVING (AT_WORK | STATE_BIT(QKDNF__V1__MEMBER_STATE__MEMBER_STATE_WITHDRAWN))
// What it has done stays owed while it is suspended.
#define OWING (LEAVING | STATE_BIT(QKDNF__V1__MEMBER_STATE__MEMBER_STATE_SUSPENDED))
// All below the last, but one.
#define NOT_OUT                                                                                    \
    ((STATE_BIT(QKDNF__V1__MEMBER_STATE__MEMBER_STATE_EXPELLED) - 1) &                             \
     ~STATE_BIT(QKDNF__V1__MEMBER_STATE__MEMBER_STATE_SUSPENDED))
#define ALWAYS G_MAXUINT
#define NEVER  0

// QoS: what repeats itself until it is answered needs no second guarantee (0); what states or
// starts something once is 1. Expiry bounds how stale a queued frame may be when it arrives. /s:
// what of it one sender may say in a second, however it is packed into frames. A provider that the
// platform does not know counts as an application: as such it applies.
// clang-format off
static const Kind kinds[N_KINDS] = {
    //                         name              message                                 from                            states   to                              to_all retained qos expiry max_bytes  /s    carries
    [KIND_PRESENCE]       = {"presence",       &qkdnf__v1__presence__descriptor,       ANY,                            ALWAYS,  ANY | MONITOR,                  TRUE,  TRUE,  1, 0,     16 * KIB,  20,   "birth, and as MQTT will, death"},
    [KIND_APPLY]          = {"apply",          &qkdnf__v1__apply__descriptor,          AGENT | APPLICATION,            ALWAYS,  PLATFORM,                       FALSE, FALSE, 1, 60000, 4 * KIB,   20,   "a provider asks to take part"},
    [KIND_WITHDRAW]       = {"withdraw",       &qkdnf__v1__withdraw__descriptor,       AGENT,                          LEAVING, PLATFORM,                       FALSE, FALSE, 1, 60000, KIB,       20,   "a provider leaves"},
    [KIND_MEMBER]         = {"member",         &qkdnf__v1__member__descriptor,         PLATFORM,                       NEVER,   AGENT,                          FALSE, TRUE,  1, 0,     KIB,       0,    "membership state; acknowledges resources"},
    [KIND_ADMIN]          = {"admin",          &qkdnf__v1__admin__descriptor,          OPERATOR,                       NEVER,   PLATFORM | AGENT,               FALSE, FALSE, 1, 30000, 4 * KIB,   50,   "administration and drills"},
    [KIND_ADMIN_REPLY]    = {"admin-reply",    &qkdnf__v1__admin_reply__descriptor,    PLATFORM | AGENT,               ALWAYS,  OPERATOR,                       FALSE, FALSE, 1, 30000, 256 * KIB, 0,    "the answer to admin"},
    [KIND_RESOURCE]       = {"resource",       &qkdnf__v1__resource__descriptor,       AGENT,                          ACTIVE,  PLATFORM,                       FALSE, TRUE,  1, 0,     512 * KIB, 20,   "a provider's abstract QKDN, versioned"},
    [KIND_STOCK]          = {"stock",          &qkdnf__v1__stock__descriptor,          AGENT,                          AT_WORK, PLATFORM,                       FALSE, FALSE, 0, 30000, 64 * KIB,  1000, "stock and rate of border links"},
    [KIND_REGISTER]       = {"register",       &qkdnf__v1__register__descriptor,       APPLICATION,                    NEVER,   PLATFORM,                       FALSE, FALSE, 1, 30000, 4 * KIB,   20,   "an application announces itself"},
    [KIND_REGISTERED]     = {"registered",     &qkdnf__v1__registered__descriptor,     PLATFORM,                       NEVER,   APPLICATION,                    FALSE, FALSE, 1, 30000, 4 * KIB,   0,    "the answer to register"},
    [KIND_DISCOVER]       = {"discover",       &qkdnf__v1__discover__descriptor,       APPLICATION | AGENT,            AT_WORK, PLATFORM,                       FALSE, FALSE, 0, 30000, 4 * KIB,   100,  "which applications can be reached"},
    [KIND_SERVICES]       = {"services",       &qkdnf__v1__services__descriptor,       PLATFORM,                       NEVER,   APPLICATION | AGENT,            FALSE, FALSE, 0, 30000, 256 * KIB, 0,    "the answer to discover"},
    [KIND_REQUEST]        = {"request",        &qkdnf__v1__request__descriptor,        APPLICATION | AGENT,            AT_WORK, PLATFORM,                       FALSE, FALSE, 1, 60000, 16 * KIB,  9000, "key request"},
    [KIND_REPLY]          = {"reply",          &qkdnf__v1__reply__descriptor,          PLATFORM,                       NEVER,   APPLICATION | AGENT,            FALSE, FALSE, 0, 60000, 64 * KIB,  0,    "its one final answer"},
    [KIND_ORDER]          = {"order",          &qkdnf__v1__order__descriptor,          PLATFORM,                       NEVER,   AGENT,                          FALSE, FALSE, 0, 30000, 64 * KIB,  0,    "one provider's part of a request"},
    [KIND_OUTCOME]        = {"outcome",        &qkdnf__v1__outcome__descriptor,        AGENT,                          AT_WORK, PLATFORM,                       FALSE, FALSE, 0, 30000, 4 * KIB,   0,    "the answer to order and release"},
    [KIND_RELEASE]        = {"release",        &qkdnf__v1__release__descriptor,        PLATFORM,                       NEVER,   AGENT,                          FALSE, FALSE, 0, 30000, 64 * KIB,  0,    "deliver or void an attempt, burn slots"},
    [KIND_FILL]           = {"fill",           &qkdnf__v1__fill__descriptor,           AGENT,                          NOT_OUT, AGENT,                          FALSE, FALSE, 0, 30000, 64 * KIB,  9000, "slot numbers for key blocks of a border link"},
    [KIND_FILLED]         = {"filled",         &qkdnf__v1__filled__descriptor,         AGENT,                          NOT_OUT, AGENT,                          FALSE, FALSE, 0, 30000, KIB,       9000, "how far the other end holds them"},
    [KIND_RELAY]          = {"relay",          &qkdnf__v1__relay__descriptor,          AGENT,                          AT_WORK, AGENT,                          FALSE, FALSE, 0, 30000, 160 * KIB, 0,    "one-time-padded relay values"},
    [KIND_FAULT]          = {"fault",          &qkdnf__v1__fault__descriptor,          AGENT,                          AT_WORK, PLATFORM,                       FALSE, FALSE, 1, 60000, 4 * KIB,   1000, "a fault, or its end"},
    [KIND_NOTICE]         = {"notice",         &qkdnf__v1__notice__descriptor,         PLATFORM,                       NEVER,   AGENT,                          FALSE, FALSE, 1, 60000, 4 * KIB,   0,    "a fault shared with other members"},
    [KIND_SESSION]        = {"session",        &qkdnf__v1__session__descriptor,        APPLICATION | AGENT | OPERATOR, AT_WORK, PLATFORM,                       FALSE, FALSE, 1, 60000, 16 * KIB,  200,  "opens, closes and lists key streams"},
    [KIND_SESSION_STATE]  = {"session-state",  &qkdnf__v1__session_state__descriptor,  PLATFORM,                       NEVER,   APPLICATION | AGENT | OPERATOR, FALSE, FALSE, 0, 60000, 256 * KIB, 0,    "the answer to session"},
    [KIND_LEG]            = {"leg",            &qkdnf__v1__leg__descriptor,            PLATFORM,                       NEVER,   AGENT,                          FALSE, FALSE, 0, 30000, 64 * KIB,  0,    "one end of a session, at the agent that serves it"},
    [KIND_LEG_STATE]      = {"leg-state",      &qkdnf__v1__leg_state__descriptor,      AGENT,                          AT_WORK, PLATFORM,                       FALSE, FALSE, 0, 30000, 64 * KIB,  9000, "the answer to leg; how much was handed out"},
    [KIND_HANDOVER]       = {"handover",       &qkdnf__v1__handover__descriptor,       APPLICATION | OPERATOR,         NEVER,   PLATFORM,                       FALSE, FALSE, 1, 60000, 4 * KIB,   20,   "an application moves"},
    [KIND_HANDOVER_STATE] = {"handover-state", &qkdnf__v1__handover_state__descriptor, PLATFORM,                       NEVER,   APPLICATION | OPERATOR,         FALSE, FALSE, 1, 60000, 4 * KIB,   0,    "how far its handover is"},
    [KIND_VISIT]          = {"visit",          &qkdnf__v1__visit__descriptor,          PLATFORM,                       NEVER,   AGENT,                          FALSE, FALSE, 0, 30000, 4 * KIB,   0,    "another provider's user is served here"},
    [KIND_VISIT_STATE]    = {"visit-state",    &qkdnf__v1__visit_state__descriptor,    AGENT,                          AT_WORK, PLATFORM,                       FALSE, FALSE, 0, 30000, 4 * KIB,   1000, "the answer to visit; a user at the door"},
    [KIND_USAGE]          = {"usage",          &qkdnf__v1__usage__descriptor,          AGENT,                          OWING,   PLATFORM,                       FALSE, FALSE, 0, 60000, 4 * KIB,   9000, "what a provider did for an order"},
    [KIND_USAGE_STATE]    = {"usage-state",    &qkdnf__v1__usage_state__descriptor,    PLATFORM,                       NEVER,   AGENT,                          FALSE, FALSE, 0, 60000, KIB,       0,    "the answer to usage"},
    [KIND_STATEMENT]      = {"statement",      &qkdnf__v1__statement__descriptor,      PLATFORM,                       NEVER,   AGENT,                          FALSE, FALSE, 0, 60000, 256 * KIB, 0,    "a batch of what one provider owes another"},
    [KIND_DISPUTE]        = {"dispute",        &qkdnf__v1__dispute__descriptor,        AGENT,                          OWING,   PLATFORM,                       FALSE, FALSE, 0, 60000, 4 * KIB,   1000, "the answer to statement"},
    [KIND_AGREEMENT]      = {"agreement",      &qkdnf__v1__agreement__descriptor,      AGENT | PLATFORM,               AT_WORK, PLATFORM | AGENT,               FALSE, FALSE, 1, 60000, 16 * KIB,  1000, "negotiation and state of agreements"},
    [KIND_RATING]         = {"rating",         &qkdnf__v1__rating__descriptor,         PLATFORM,                       NEVER,   AGENT,                          FALSE, TRUE,  1, 0,     KIB,       0,    "how a provider serves, as others measured it"},
    [KIND_EVENT]          = {"event",          &qkdnf__v1__event__descriptor,          PLATFORM | AGENT,               NOT_OUT, MONITOR,                        TRUE,  FALSE, 0, 60000, 8 * KIB,   500,  "what happened, for monitors and audit"},
    [KIND_METRICS]        = {"metrics",        &qkdnf__v1__metrics__descriptor,        PLATFORM | AGENT,               NOT_OUT, MONITOR,                        TRUE,  FALSE, 0, 60000, 64 * KIB,  20,   "what a member counts of itself"},
};
// clang-format on

const Kind *kind_get(KindId id)
{
    g_assert(id < N_KINDS);
    return &kinds[id];
}

Roles kind_partners(Role role)
{
    Roles partners = 0;
    for (guint id = 0; id < N_KINDS; id++) {
        const Kind *kind = &kinds[id];
        if (!kind->to_all && (kind->from & ROLE_BIT(role)))
            partners |= kind->to;
        if (!kind->to_all && (kind->to & ROLE_BIT(role)))
            partners |= kind->from;
    }
    return partners ? partners : ~(Roles)0;
}

gboolean kind_find(const char *name, KindId *ret_id)
{
    for (guint i = 0; i < N_KINDS; i++) {
        if (strcmp(kinds[i].name, name) == 0) {
            *ret_id = (KindId)i;
            return TRUE;
        }
    }
    return FALSE;
}
