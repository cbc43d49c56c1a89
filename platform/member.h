#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// A provider's membership. Inside the federation core: member-state.c holds the table of states and
// is the only one that changes them, member-apply.c what members ask for, admin.c what operators
// decide, member.c what members report while they take part.

#include "platform/core.h"
#include "schemas/membership.h"

typedef Qkdnf__V1__MemberState MemberState;
#define MEMBER(state) QKDNF__V1__MEMBER_STATE__MEMBER_STATE_##state

struct Member {
    Provider *provider;
    const FederationMember *listed; // in the configuration: approved beforehand; NULL: it is not
    MemberState state;
    PresenceState presence;
    gint64 heard_at_us;

    WireApply *application; // the last that was good; NULL: none
    guint64 judged_version; // of the last that was judged
    char *objection;        // why that one changed nothing, or is good no more; NULL: it is
    gint64 policy_due_us;   // when it is suspended for that; 0: it is not
    Purposes granted;       // what an administrator lets it serve

    // Of the last change of the state.
    char *reason;
    char *actor;
    gint64 since_us;

    guint64 refused_version; // of its resources
    char *refused_text;
};

typedef struct {
    MemberState state;
    const char *actor;   // an operator, the member itself, or the platform
    const char *command; // that led to it
    const char *reason;
} MemberChange;

// Whether one change leads from one state to the other.
gboolean member_can_enter(MemberState from, MemberState to);
// The only place where the state changes, along an edge of the table: durable, audited, told to the
// member; whatever follows from it for its links and resources is done.
void member_enter(Federation *federation, Member *member, const MemberChange *change);

// It withdraws: is it done?
void member_on_drain(Federation *federation, Member *member);

// What it may serve: granted, and offered by itself.
Purposes member_scope(const Member *member);
// After a change of what was granted or offered.
void member_update_scope(Federation *federation, Member *member, Purposes granted);

// Adds a provider of which nothing is known.
Member *member_add(Federation *federation, const char *id);
void member_save(Federation *federation, const Member *member);
// NULL, or why the federation's policy does not allow it; free with g_free().
char *member_check_policy(const FederationConfig *config, const WireApply *application);

// member-policy.c
// Its application meets the policy.
void member_policy_settle(Federation *federation, Member *member);
// Its time of grace is over.
void member_policy_on_timer(Federation *federation, Member *member);

// member.c
void member_send_state(Federation *federation, const Member *member);
// That a provider is suspended or expelled, for those whose keys that concerns, and for its own
// users also why; NULL when it is neither. Free with g_free().
char *member_explain(const Federation *federation, const char *provider, gboolean to_its_own);
// Whether it was heard of lately.
gboolean member_is_present(const Federation *federation, const Member *member);
// Whether it can be used, that is ACTIVE, registered and heard of lately, may have changed; the
// cause is said if it cannot any more.
void member_review(Federation *federation, Member *member, const char *cause);
// Its resources are gone, with its links and applications.
void member_drop_resource(Federation *federation, Member *member);
// NULL, or why they cannot be registered; free with g_free().
char *member_check_resource(const Federation *federation, const Member *member,
                            const WireResource *resource);
void member_refuse_resource(Federation *federation, Member *member, guint64 version, char *why);
