// SPDX-License-Identifier: Apache-2.0
//
// What members may use of each other now, and the books of what was used of quotas. It is kept once
// for whoever takes part under the standing terms, and for those pairs alone that have an agreement
// of their own; it follows from the agreements, and is made anew where one of them changes.

#include "platform/agreement.h"

#include <string.h>

// While the seller is away for a while it takes no orders, but what it agreed to holds.
static gboolean is_available(const Agreement *agreement)
{
    return agreement && (agreement->wire->state == AGREEMENT(AVAILABLE) ||
                         agreement->wire->state == AGREEMENT(TEMPORARY_FAILURE));
}

// It says what the buyer may do, be it nothing.
static gboolean decides(const Agreement *agreement)
{
    const guint deciding = AGREEMENT_BIT(AVAILABLE) | AGREEMENT_BIT(TEMPORARY_FAILURE) |
                           AGREEMENT_BIT(LOCKED) | AGREEMENT_BIT(ENDING);
    return deciding & (1u << agreement->wire->state);
}

// One that ends gives way to what takes its place.
static gboolean outranks(const Agreement *agreement, const Agreement *other)
{
    gboolean is_ending = agreement->wire->state == AGREEMENT(ENDING);
    gboolean is_other_ending = other->wire->state == AGREEMENT(ENDING);
    return is_ending != is_other_ending ? is_other_ending
                                        : agreement->wire->version > other->wire->version;
}

static const Agreement *find_own(const Federation *federation, const Provider *buyer,
                                 const Provider *seller)
{
    const Agreement *latest = NULL;
    g_autoptr(GPtrArray) agreements = agreement_list_pair(federation, buyer, seller);
    for (guint i = 0; i < agreements->len; i++) {
        const Agreement *agreement = agreements->pdata[i];
        if (agreement_is_exclusive(agreement) && decides(agreement) &&
            (!latest || outranks(agreement, latest)))
            latest = agreement;
    }
    return latest;
}

// What the two have by themselves of the standing terms that both have accepted.
static const Agreement *find_single(const Federation *federation, const Provider *buyer,
                                    const Provider *seller)
{
    const Agreement *theirs = seller->standing.agreement;
    if (!buyer->standing.agreement || !theirs)
        return NULL;
    g_autofree char *id =
        agreement_standing_id(theirs->wire->terms->version, buyer->id, seller->id);
    return agreement_find(federation, id);
}

// One by standing terms holds only as long as both have accepted these.
static gboolean is_in_force(const Agreement *agreement)
{
    return is_available(agreement) && (!agreement->buyer || !agreement_is_standing(agreement) ||
                                       (is_available(agreement->buyer->standing.agreement) &&
                                        is_available(agreement->seller->standing.agreement)));
}

static guint64 left_bits(const Federation *federation, const Agreement *agreement)
{
    const WireAgreementTerms *terms = agreement->wire->terms;
    gboolean is_now = agreement->period == agreement_period(terms, federation->now);
    guint64 used = is_now ? agreement->used_bits : 0;
    if (terms->quota_bits == 0 || terms->is_quota_soft)
        return G_MAXUINT64;
    return terms->quota_bits - MIN(used, terms->quota_bits);
}

static Right right_by(const Federation *federation, const Agreement *agreement)
{
    if (!agreement || !is_in_force(agreement))
        return (Right){.agreement = agreement};
    return (Right){.purposes = agreement_terms_purposes(agreement->wire->terms),
                   .left_bits = left_bits(federation, agreement),
                   .rate_bps = agreement->wire->terms->rate_bps,
                   .agreement = agreement};
}

// --- what follows --------------------------------------------------------------------------------

static gboolean is_less(const Right *now, const Right *before)
{
    return (before->purposes & ~now->purposes) || now->left_bits < before->left_bits;
}

static void set_right(Federation *federation, Provider *buyer, Provider *seller,
                      const Agreement *agreement)
{
    Right right = right_by(federation, agreement);
    if (agreement)
        g_hash_table_insert(buyer->rights, seller, g_memdup2(&right, sizeof right));
    else
        g_hash_table_remove(buyer->rights, seller);
}

static void review_pair(Federation *federation, Provider *buyer, Provider *seller)
{
    const Agreement *own = find_own(federation, buyer, seller);
    set_right(federation, buyer, seller, own ? own : find_single(federation, buyer, seller));
}

// What ran over the seller, and may not any more, goes elsewhere; what waited for it goes on.
static void follow(Federation *federation, Provider *seller, const Right *now, const Right *before,
                   const char *cause)
{
    if (!cause || now->purposes == before->purposes)
        return;
    if (is_less(now, before)) {
        stream_on_agreement(federation, seller, cause);
        attachment_review(federation, seller);
    } else {
        stream_on_member_back(federation, seller);
    }
}

static void review_and_follow(Federation *federation, Provider *buyer, Provider *seller,
                              const char *cause)
{
    const Right before = provider_right(buyer, seller);
    review_pair(federation, buyer, seller);
    const Right now = provider_right(buyer, seller);
    follow(federation, seller, &now, &before, cause);
}

// What a pair has by itself of the standing terms goes with them.
static void review_singles(Federation *federation, const Provider *member)
{
    g_autoptr(GPtrArray) agreements = agreement_list_of(federation, member);
    for (guint i = 0; i < agreements->len; i++) {
        const Agreement *agreement = agreements->pdata[i];
        if (agreement->buyer && agreement_is_standing(agreement))
            review_pair(federation, agreement->buyer, agreement->seller);
    }
}

// Whoever takes part under standing terms buys and sells by them.
static void review_standing(Federation *federation, Provider *member, const char *cause)
{
    const Agreement *standing = agreement_standing_of(federation, member);
    const Right before = member->standing;
    member->standing = right_by(federation, standing && decides(standing) ? standing : NULL);
    review_singles(federation, member);
    follow(federation, member, &member->standing, &before, cause);
    if (cause && member->standing.purposes != before.purposes)
        stream_on_buyer(federation, member, cause);
}

void agreement_review(Federation *federation, Provider *buyer, Provider *seller, const char *cause)
{
    if (buyer)
        review_and_follow(federation, buyer, seller, cause);
    else
        review_standing(federation, seller, cause);
}

// --- what is used --------------------------------------------------------------------------------

// A limit that all have together by standing terms is counted for each by itself.
static Agreement *find_to_count(Federation *federation, Provider *buyer, Provider *seller)
{
    const Right right = provider_right(buyer, seller);
    if (!right.agreement || right.agreement->wire->terms->quota_bits == 0)
        return NULL;
    return right.agreement->buyer ? (Agreement *)right.agreement
                                  : agreement_single_out(federation, buyer, seller);
}

guint64 agreement_use(Federation *federation, Provider *buyer, Provider *seller, guint64 n_bits)
{
    Agreement *agreement = buyer == seller ? NULL : find_to_count(federation, buyer, seller);
    if (!agreement)
        return 0;
    guint64 period = agreement_period(agreement->wire->terms, federation->now);
    if (agreement->period != period)
        agreement->used_bits = 0;
    agreement->period = period;
    agreement->used_bits += n_bits;
    agreement_save(federation, agreement);
    timers_arm(federation->timers, TIMER_TERM, agreement->wire->id, federation->now);
    set_right(federation, buyer, seller, agreement);
    return period;
}

void agreement_correct(Federation *federation, const Platform__State__QuotaUse *use,
                       gboolean is_used)
{
    Agreement *agreement = use->period > 0 ? agreement_find(federation, use->agreement) : NULL;
    if (!agreement || !agreement->buyer || agreement->period != use->period)
        return;
    if (is_used)
        agreement->used_bits += use->n_bits;
    else
        agreement->used_bits -= MIN(use->n_bits, agreement->used_bits);
    agreement_save(federation, agreement);
    timers_arm(federation->timers, TIMER_TERM, agreement->wire->id, federation->now);
    review_pair(federation, agreement->buyer, agreement->seller);
}

// By the platform's clock; where that is set back into another period, that one begins anew.
gboolean agreement_use_soft(Federation *federation, const char *id, guint64 n_bits)
{
    Agreement *agreement = agreement_find(federation, id);
    if (!agreement || !agreement->wire->terms->is_quota_soft)
        return FALSE;
    guint64 period = agreement_period(agreement->wire->terms, federation->now);
    if (agreement->granted_period != period)
        agreement->granted_bits = 0;
    gboolean is_beyond = agreement->granted_bits >= agreement->wire->terms->quota_bits;
    agreement->granted_period = period;
    agreement->granted_bits += n_bits;
    agreement_save(federation, agreement);
    return is_beyond;
}

// --- whether, and why not ------------------------------------------------------------------------

gboolean agreement_covers(const Provider *buyer, const Provider *seller, Purposes purposes)
{
    return buyer == seller || (provider_right(buyer, seller).purposes & purposes);
}

// What a pair has by standing terms stands in nobody's way where it is one's own that does.
static const Agreement *find_obstacle(const Provider *buyer, const Provider *seller,
                                      const Agreement *agreement)
{
    const Agreement *all[] = {agreement, buyer->standing.agreement, seller->standing.agreement};
    guint n = agreement && agreement_is_standing(agreement) ? G_N_ELEMENTS(all) : 0;
    for (guint i = 0; i < n; i++) {
        if (all[i] && !is_available(all[i]))
            return all[i];
    }
    return agreement;
}

char *agreement_explain(const Provider *buyer, const Provider *seller, Purposes purposes,
                        Status *ret_status)
{
    const Right right = provider_right(buyer, seller);
    g_autofree char *names = purposes_format(purposes);
    const char *what = purposes == PURPOSES_ANY ? "any purpose" : names;
    *ret_status = right.purposes & purposes ? STATUS_QUOTA_USED : STATUS_NO_AGREEMENT;
    if (right.purposes & purposes)
        return g_strdup_printf("what '%s' may use of '%s' is used up: %" G_GUINT64_FORMAT
                               " bits are left of %s in this period",
                               buyer->id, seller->id, right.left_bits, right.agreement->wire->id);
    const Agreement *obstacle = find_obstacle(buyer, seller, right.agreement);
    const char *state = obstacle ? agreement_state_name(obstacle->wire->state) : NULL;
    return state ? g_strdup_printf("'%s' may not use '%s' for %s: agreement %s is %s; expected one "
                                   "that is AVAILABLE and for that",
                                   buyer->id, seller->id, what, obstacle->wire->id, state)
                 : g_strdup_printf("'%s' may not use '%s' for %s: expected an agreement between "
                                   "them that is AVAILABLE",
                                   buyer->id, seller->id, what);
}

char *agreement_name(const Provider *buyer, const Provider *seller)
{
    const Agreement *agreement = buyer == seller ? NULL : provider_right(buyer, seller).agreement;
    if (!agreement)
        return g_strdup("");
    return agreement->buyer
               ? g_strdup(agreement->wire->id)
               : agreement_standing_id(agreement->wire->terms->version, buyer->id, seller->id);
}
