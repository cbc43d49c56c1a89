// SPDX-License-Identifier: Apache-2.0
//
// What was granted, and what those who took part report of it. Seller, buyer and platform each say
// how much it was: the seller by its own metering, the buyer by its own where it served the
// initiator, the platform by what it ordered. Charged is the least; where they differ, that is
// said.

#include "platform/conduct.h"

#include "platform/rating.h"
#include "platform/request.h"
#include "topics/base/id.h"

#include <string.h>

#define PURPOSE(name) QKDNF__V1__USAGE_PURPOSE__USAGE_PURPOSE_##name
#define BRANCH(role)  QKDNF__V1__BRANCH_ROLE__BRANCH_ROLE_##role

// By how much longer than the buyer's a seller's time may be: they end it when they hear of it.
#define TOLERANCE_US (2 * G_TIME_SPAN_SECOND)
// No record of a session is longer: one that has rested for an hour begins anew.
#define LONGEST_US (G_TIME_SPAN_HOUR + 10 * G_TIME_SPAN_MINUTE)

// --- what was granted ----------------------------------------------------------------------------

static gboolean is_foreign(const Federation *federation, const char *sae, const char *provider)
{
    const Application *application = directory_find(federation, sae);
    return application && strcmp(application->home->id, provider) != 0;
}

// The end of a branch that is a visitor there comes before one that is an own user.
static Qkdnf__V1__UsagePurpose purpose_of_branch(const Federation *federation, const Part *part,
                                                 const WireBranch *branch)
{
    const WireOrder *order = part->order;
    gboolean is_initiator = branch->role == BRANCH(INITIATOR) || branch->role == BRANCH(LOCAL);
    gboolean is_target = branch->role == BRANCH(TARGET) || branch->role == BRANCH(LOCAL);
    if ((is_initiator && is_foreign(federation, order->initiator, part->agent)) ||
        (is_target && is_foreign(federation, order->targets[branch->target], part->agent)))
        return PURPOSE(VISITOR);
    return is_initiator || is_target ? PURPOSE(END) : PURPOSE(TRANSIT);
}

static Qkdnf__V1__UsagePurpose purpose_of(const Federation *federation, const Part *part)
{
    Qkdnf__V1__UsagePurpose first = PURPOSE(TRANSIT);
    if (part->order->copy)
        return PURPOSE(COPY);
    for (gsize i = 0; i < part->order->n_branches; i++)
        first = MIN(first, purpose_of_branch(federation, part, part->order->branches[i]));
    return first;
}

static Platform__State__Share share_of(Federation *federation, const Request *request,
                                       const Part *part)
{
    const WireOrder *order = part->order;
    Platform__State__Share share = PLATFORM__STATE__SHARE__INIT;
    share.provider = part->agent;
    share.purpose = purpose_of(federation, part);
    share.bits = part_bits(order);
    share.agreement = (char *)tariff_keep(federation, order->agreement);
    if (order->session) {
        share.n_orders = row_orders(federation, order->session->session, part->agent);
        share.seen_us = row_seen_us(federation, request, part->agent);
    }
    share.is_overrun =
        agreement_use_soft(federation, order->agreement, plan_order_bits(request, order));
    return share;
}

void accounts_on_grant(Federation *federation, const Request *request)
{
    guint n = request->parts->len;
    g_autofree Platform__State__Share *shares = g_new(Platform__State__Share, n);
    g_autofree Platform__State__Share **pointers = g_new(Platform__State__Share *, n);
    for (guint i = 0; i < n; i++) {
        shares[i] = share_of(federation, request, request->parts->pdata[i]);
        pointers[i] = &shares[i];
    }
    Platform__State__Grant grant = PLATFORM__STATE__GRANT__INIT;
    // As the orders said, whatever has become of the application.
    grant.buyer = n > 0 ? ((Part *)request->parts->pdata[0])->order->buyer : (char *)"";
    grant.session = request->session ? request->session->session : (char *)"";
    grant.keys = request->wire->number;
    grant.granted_at_us = (guint64)federation->now;
    grant.n_shares = n;
    grant.shares = pointers;
    g_autofree char *name = grant_name(request->id, request->attempt);
    grant_save(federation, name, &grant);
    grant_add(federation, g_steal_pointer(&name), message_copy(&grant.base));
}

// --- what is charged -----------------------------------------------------------------------------

static guint64 duration_us(guint64 start_us, guint64 end_us)
{
    return end_us > start_us ? end_us - start_us : 0;
}

// It lasted as long as its provider says, at most; and it was done before it was granted, whatever
// that one's clock says.
static void place_in_time(WireCharge *charge, const WireUsage *usage, guint64 granted_at_us)
{
    guint64 us = MIN(duration_us(usage->start_us, usage->end_us), (guint64)LONGEST_US);
    guint64 latest_us = granted_at_us + TOLERANCE_US;
    guint64 earliest_us = latest_us - MIN(latest_us, (guint64)LONGEST_US);
    charge->end_us = CLAMP(usage->start_us + us, earliest_us, latest_us);
    charge->start_us = charge->end_us - MIN(charge->end_us, us);
}

// What it can be at the most, where the platform saw that: clocks differ by less than a thousandth.
static guint64 longest_us(const WireCharge *charge, const Platform__State__Share *share)
{
    if (!charge->session[0] || share->seen_us == 0)
        return G_MAXUINT64;
    return share->seen_us + share->seen_us / 1000;
}

// Whatever the buyer says, and whenever that was stored: nothing lasts longer than a record can.
static guint64 bought_us(const Platform__State__Share *share)
{
    return MIN(share->buyer_us, (guint64)LONGEST_US) + TOLERANCE_US;
}

static gboolean is_shortened(const WireCharge *charge)
{
    return charge->session[0] && charge->charged_us < duration_us(charge->start_us, charge->end_us);
}

static void add_time(GString *text, const WireCharge *charge, const Platform__State__Share *share)
{
    gboolean is_by_platform = charge->charged_us == longest_us(charge, share);
    g_autofree char *buyer = g_strdup_printf("%s got", charge->buyer);
    g_string_append_printf(text, ", %s metered %" G_GUINT64_FORMAT " ms, %s %" G_GUINT64_FORMAT,
                           charge->seller, duration_us(charge->start_us, charge->end_us) / 1000,
                           is_by_platform ? "the platform saw" : buyer,
                           (is_by_platform
                                ? share->seen_us
                                : charge->charged_us - MIN(charge->charged_us, TOLERANCE_US)) /
                               1000);
}

static char *format_dispute(const WireCharge *charge, const Platform__State__Share *share)
{
    if (!is_shortened(charge) && charge->skipped == 0 && charge->keys == charge->charged_keys &&
        charge->bits == charge->charged_bits && charge->keys == charge->granted_keys &&
        charge->bits == charge->granted_bits)
        return g_strdup("");
    GString *text = g_string_new(NULL);
    g_string_printf(text,
                    "%s metered %u keys of %" G_GUINT64_FORMAT
                    " bits, the platform granted %u of %" G_GUINT64_FORMAT,
                    charge->seller, charge->keys, charge->bits, charge->granted_keys,
                    charge->granted_bits);
    if (charge->is_metered)
        g_string_append_printf(text, ", %s got %u of %" G_GUINT64_FORMAT, charge->buyer,
                               charge->buyer_keys, charge->buyer_bits);
    if (charge->skipped > 0)
        g_string_append_printf(text, ", %s skipped %u numbers of the session", charge->seller,
                               charge->skipped);
    if (is_shortened(charge))
        add_time(text, charge, share);
    return g_string_free(text, FALSE);
}

static void tell_dispute(Federation *federation, const WireCharge *charge)
{
    federation_event(federation,
                     &(EventHead){.severity = QKDNF__V1__SEVERITY__SEVERITY_WARNING,
                                  .name = "usage.disputed",
                                  .subject = charge->record,
                                  .cause = charge->dispute},
                     "%u keys are charged", charge->charged_keys);
}

// Of the seller's, the granted and the buyer's figures the least is charged.
static void reconcile(Federation *federation, WireCharge *charge,
                      const Platform__State__Share *share)
{
    guint64 us = MIN(duration_us(charge->start_us, charge->end_us), longest_us(charge, share));
    charge->charged_keys = MIN(charge->keys, charge->granted_keys);
    charge->charged_bits = MIN(charge->bits, charge->granted_bits);
    if (share->is_metered) {
        charge->is_metered = TRUE;
        charge->buyer_keys = share->buyer_keys;
        charge->buyer_bits = share->buyer_bits;
        charge->charged_keys = MIN(charge->charged_keys, share->buyer_keys);
        charge->charged_bits = MIN(charge->charged_bits, share->buyer_bits);
        if (charge->session[0] && us > bought_us(share))
            conduct_on_prolong(federation, charge, us - bought_us(share));
        us = MIN(us, bought_us(share));
    }
    charge->charged_us = charge->session[0] ? us : 0;
    g_autofree char *dispute = format_dispute(charge, share);
    gboolean was_disputed = charge->dispute[0] != '\0', is_disputed = dispute[0] != '\0';
    if (was_disputed || is_disputed) {
        // What was unpacked without it points at a constant.
        if (charge->dispute != (char *)protobuf_c_empty_string)
            g_free(charge->dispute);
        charge->dispute = g_steal_pointer(&dispute);
    }
    if (is_disputed && !was_disputed)
        tell_dispute(federation, charge);
}

// --- what is reported ----------------------------------------------------------------------------

static Platform__State__Share *find_share(const Platform__State__Grant *grant, const char *provider)
{
    for (gsize i = 0; i < grant->n_shares; i++) {
        if (strcmp(grant->shares[i]->provider, provider) == 0)
            return grant->shares[i];
    }
    return NULL;
}

// Who says that it did more than it was ordered to, or for longer than that took, or keeps a record
// back, is wrong. What a provider did for itself nobody else sees.
static void rate_seller(Federation *federation, const WireCharge *charge,
                        const Platform__State__Share *share)
{
    guint64 us = duration_us(charge->start_us, charge->end_us);
    guint64 excess_us = us - MIN(us, longest_us(charge, share));
    gboolean is_more = charge->keys > charge->granted_keys || charge->bits > charge->granted_bits;
    gboolean is_wrong = is_more || excess_us > 0 || charge->skipped > 0;
    if (charge_is_own(charge))
        return;
    ratings_count_record(federation, charge->seller, is_wrong ? RATING_WHOLE : 0);
    if (is_more)
        conduct_on_overbill(federation, charge);
    if (excess_us > 0)
        conduct_on_prolong(federation, charge, excess_us);
}

// Where the buyer got less than was granted, one of the two is wrong.
static void rate_both(Federation *federation, const Platform__State__Grant *grant,
                      const Platform__State__Share *share)
{
    gboolean is_less = share->buyer_keys < grant->keys || share->buyer_bits < share->bits;
    guint milli = is_less ? RATING_WHOLE / 2 : 0;
    ratings_count_record(federation, share->provider, milli);
    ratings_count_record(federation, grant->buyer, milli);
    if (is_less)
        conduct_on_denial(federation, grant, share);
}

// What the buyer got from a seller counts also for the record that is there already.
static void take_buyers_word(Federation *federation, const Platform__State__Grant *grant,
                             const WireUsage *usage)
{
    for (gsize i = 0; i < usage->n_shares; i++) {
        const WireUsageShare *got = usage->shares[i];
        Platform__State__Share *share = find_share(grant, got->provider);
        if (!share || share->is_metered || strcmp(share->provider, grant->buyer) == 0)
            continue;
        share->is_metered = TRUE;
        share->buyer_keys = got->keys;
        share->buyer_bits = got->bits;
        share->buyer_us = duration_us(usage->start_us, usage->end_us);
        rate_both(federation, grant, share);
        char id[UUID_CHARS + 1];
        record_id_derive(usage->request, usage->attempt, share->provider, id);
        WireCharge *charge = charge_find(federation, id);
        if (!charge)
            continue;
        guint64 bits = charge->charged_bits, us = charge->charged_us;
        guint keys = charge->charged_keys;
        reconcile(federation, charge, share);
        charge_save(federation, charge);
        if (charge->sequence > 0 && (charge->charged_keys != keys || charge->charged_bits != bits ||
                                     charge->charged_us != us))
            settle_correct(federation, charge);
    }
}

static void take_in(Federation *federation, const char *seller, const WireUsage *usage,
                    const Platform__State__Grant *grant, Platform__State__Share *share)
{
    WireCharge wire = WIRE_CHARGE_INIT;
    wire.record = usage->record;
    wire.request = usage->request;
    wire.attempt = usage->attempt;
    wire.session = grant->session;
    wire.seller = (char *)seller;
    wire.buyer = grant->buyer;
    wire.purpose = share->purpose;
    wire.keys = usage->keys;
    wire.bits = usage->bits;
    place_in_time(&wire, usage, grant->granted_at_us);
    wire.partial = usage->partial;
    wire.granted_keys = grant->keys;
    wire.granted_bits = share->bits;
    wire.agreement = share->agreement;
    wire.is_overrun = share->is_overrun;
    wire.granted_at_us = grant->granted_at_us;
    wire.received_at_us = (guint64)federation->now;
    WireCharge *charge = message_copy(&wire.base);
    charge_add(federation, charge);
    if (!charge_is_own(charge))
        rows_check(federation, charge, share->n_orders);
    reconcile(federation, charge, share);
    charge_save(federation, charge);
    share->is_reported = TRUE;
    rate_seller(federation, charge, share);
    if (strcmp(seller, grant->buyer) == 0)
        take_buyers_word(federation, grant, usage);
}

static gboolean is_complete(const Platform__State__Grant *grant)
{
    for (gsize i = 0; i < grant->n_shares; i++) {
        if (!grant->shares[i]->is_reported)
            return FALSE;
    }
    return TRUE;
}

static Status take(Federation *federation, const char *seller, const WireUsage *usage)
{
    g_autofree char *name = grant_name(usage->request, usage->attempt);
    Platform__State__Grant *grant = g_hash_table_lookup(federation->accounts->grants, name);
    if (!grant)
        return STATUS_VOIDED;
    Platform__State__Share *share = find_share(grant, seller);
    if (!share)
        return STATUS_NOT_ALLOWED;
    if (!share->is_reported)
        take_in(federation, seller, usage, grant, share);
    if (is_complete(grant))
        grant_drop(federation, name);
    else
        grant_save(federation, name, grant);
    return STATUS_OK;
}

// Whether it may still be granted: nothing can be said of it yet.
static gboolean is_open(const Federation *federation, const WireUsage *usage)
{
    const Request *request = g_hash_table_lookup(federation->requests, usage->request);
    return request && !request_is_final(request) && request->attempt == usage->attempt;
}

static void answer(Federation *federation, const char *to, const WireUsage *usage, Status status,
                   const char *text)
{
    WireUsageState state = WIRE_USAGE_STATE_INIT;
    state.record = usage->record;
    state.status = (Qkdnf__V1__Status)status;
    state.text = (char *)text;
    federation_send(federation, KIND_USAGE_STATE, to, &state.base);
}

static const char *find_fault(const char *seller, const WireUsage *usage)
{
    char id[UUID_CHARS + 1];
    if (!uuid_is_valid(usage->request))
        return "the request ID is not a UUID";
    record_id_derive(usage->request, usage->attempt, seller, id);
    return strcmp(id, usage->record) == 0 ? NULL : "the record ID is not that of the order";
}

void accounts_on_usage(gpointer data, const Sender *sender, gconstpointer message)
{
    Federation *federation = data;
    const WireUsage *usage = message;
    const char *fault = find_fault(sender->id, usage);
    if (fault) {
        if (strlen(usage->record) <= UUID_CHARS)
            answer(federation, sender->id, usage, STATUS_BAD_REQUEST, fault);
        return;
    }
    WireCharge *known = charge_find(federation, usage->record);
    if (known) {
        conduct_on_repeat(federation, known, usage);
        answer(federation, sender->id, usage, STATUS_OK, "");
    } else if (!is_open(federation, usage)) {
        answer(federation, sender->id, usage, take(federation, sender->id, usage), "");
    }
}
