// SPDX-License-Identifier: Apache-2.0

#include "platform/conduct.h"

#include "platform/admin.h"
#include "platform/rating.h"
#include "topics/record.h"

#include <string.h>

// Well below what an answer may hold.
#define CONDUCTS_PER_PAGE 200
// A member that sells in more currencies has the others left out.
#define CURRENCIES_MAX 16

void conduct_free(gpointer conduct)
{
    wire_free(conduct);
}

WireConduct *conduct_open(Federation *federation, const char *member)
{
    GTree *conducts = federation->accounts->conducts;
    WireConduct *conduct = g_tree_lookup(conducts, member);
    if (conduct)
        return conduct;
    WireConduct wire = WIRE_CONDUCT_INIT;
    wire.member = (char *)member;
    conduct = message_copy(&wire.base);
    g_tree_insert(conducts, conduct->member, conduct);
    return conduct;
}

void conduct_save(Federation *federation, const WireConduct *conduct)
{
    g_autoptr(GBytes) value = message_pack(&conduct->base);
    store_put_text(federation->store, "conduct", conduct->member, value);
}

// --- records -------------------------------------------------------------------------------------

// Whoever says more than can be counted does not begin at 0 again.
static void add_up(guint64 *sum, guint64 n)
{
    if (!g_uint64_checked_add(sum, *sum, n))
        *sum = G_MAXUINT64;
}

void conduct_on_overbill(Federation *federation, const WireCharge *charge)
{
    WireConduct *conduct = conduct_open(federation, charge->seller);
    conduct->overbilled++;
    conduct->overbilled_keys += charge->keys - MIN(charge->keys, charge->granted_keys);
    add_up(&conduct->overbilled_bits, charge->bits - MIN(charge->bits, charge->granted_bits));
    conduct_save(federation, conduct);
}

void conduct_on_prolong(Federation *federation, const WireCharge *charge, guint64 excess_us)
{
    WireConduct *conduct = conduct_open(federation, charge->seller);
    conduct->prolonged++;
    conduct->prolonged_us += excess_us;
    conduct_save(federation, conduct);
}

void conduct_on_denial(Federation *federation, const Platform__State__Grant *grant,
                       const Platform__State__Share *share)
{
    WireConduct *seller = conduct_open(federation, share->provider);
    WireConduct *buyer = conduct_open(federation, grant->buyer);
    seller->undelivered++;
    buyer->denied++;
    buyer->denied_keys += grant->keys - MIN(grant->keys, share->buyer_keys);
    buyer->denied_bits += share->bits - MIN(share->bits, share->buyer_bits);
    conduct_save(federation, seller);
    conduct_save(federation, buyer);
}

// Once for each record, however often it is said; of what it did for itself only it is told.
void conduct_on_repeat(Federation *federation, WireCharge *charge, const WireUsage *usage)
{
    gboolean is_same = usage->keys == charge->keys && usage->bits == charge->bits &&
                       usage->partial == charge->partial;
    if (is_same || charge->changed || charge_is_own(charge))
        return;
    charge->changed = TRUE;
    charge_save(federation, charge);
    WireConduct *conduct = conduct_open(federation, charge->seller);
    conduct->changed++;
    conduct_save(federation, conduct);
    ratings_count_record(federation, charge->seller, RATING_WHOLE);
    federation_event(federation,
                     &(EventHead){.severity = QKDNF__V1__SEVERITY__SEVERITY_WARNING,
                                  .name = "usage.changed",
                                  .subject = charge->record},
                     "%s says again %u keys of %" G_GUINT64_FORMAT " bits, number %u; first it was "
                     "%u of %" G_GUINT64_FORMAT ", number %u, and that counts",
                     charge->seller, usage->keys, usage->bits, usage->partial, charge->keys,
                     charge->bits, charge->partial);
}

// --- batches -------------------------------------------------------------------------------------

void conduct_on_batch(Federation *federation, const WireStatement *statement)
{
    if (statement->replaces > 0 || statement->n_records == 0)
        return;
    WireConduct *seller = conduct_open(federation, statement->seller);
    WireConduct *buyer = conduct_open(federation, statement->buyer);
    seller->sold += statement->n_records;
    buyer->bought += statement->n_records;
    conduct_save(federation, seller);
    conduct_save(federation, buyer);
}

static WireMoney *money_in(WireConduct *conduct, const WireCurrency *currency)
{
    for (gsize i = 0; i < conduct->n_objected; i++) {
        if (currency_equal(conduct->objected[i]->currency, currency))
            return conduct->objected[i];
    }
    if (conduct->n_objected == CURRENCIES_MAX)
        return NULL;
    WireMoney none = WIRE_MONEY_INIT;
    none.currency = (WireCurrency *)currency;
    conduct->objected = g_renew(WireMoney *, conduct->objected, conduct->n_objected + 1);
    conduct->objected[conduct->n_objected] = message_copy(&none.base);
    return conduct->objected[conduct->n_objected++];
}

void conduct_on_answer(Federation *federation, const char *party)
{
    WireConduct *conduct = conduct_open(federation, party);
    conduct->answered++;
    conduct_save(federation, conduct);
}

void conduct_on_objection(Federation *federation, const char *party, const WireStatement *statement)
{
    WireConduct *conduct = conduct_open(federation, party);
    WireMoney *money = money_in(conduct, statement->currency);
    conduct->objections++;
    if (money && __builtin_add_overflow(money->minor, statement->amount, &money->minor))
        money->minor = statement->amount < 0 ? G_MININT64 : G_MAXINT64;
    conduct_save(federation, conduct);
}

// --- questions -----------------------------------------------------------------------------------

void conduct_list(Federation *federation, const Sender *sender, const WireAdmin *admin)
{
    WireConduct *pointers[CONDUCTS_PER_PAGE];
    WireAdminReply reply = WIRE_ADMIN_REPLY_INIT;
    GTreeNode *node = g_tree_upper_bound(federation->accounts->conducts, admin->accounts->after);
    reply.conducts = pointers;
    for (; node && reply.n_conducts < CONDUCTS_PER_PAGE; node = g_tree_node_next(node))
        pointers[reply.n_conducts++] = g_tree_node_value(node);
    reply.more = node != NULL;
    admin_answer(federation, sender, admin, &reply);
}

// --- load ----------------------------------------------------------------------------------------

static void load_conduct(gpointer data, GBytes *key, GBytes *value)
{
    RecordLoading *loading = data;
    Federation *federation = loading->core;
    g_autofree char *member = record_name(key);
    WireConduct *conduct = record_unpack(&qkdnf__v1__conduct__descriptor, value);
    if (conduct && strcmp(conduct->member, member) == 0) {
        g_tree_replace(federation->accounts->conducts, conduct->member, conduct);
        return;
    }
    record_fail(loading, "conduct", member, "is damaged");
    wire_free(conduct);
}

gboolean conduct_load(Federation *federation, GError **error)
{
    return record_load(federation->store, "conduct", load_conduct, federation, error);
}
