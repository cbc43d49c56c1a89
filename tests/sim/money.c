// SPDX-License-Identifier: Apache-2.0

#include "tests/sim/money.h"

#include "platform/settle.h"

#include <string.h>

// So that few records are many passes, and a platform dies between any two.
#define PASS_RECORDS 7

static FederationPrice by_key = {.micro_per_key = 1370000, .micro_per_bit = 1700};
static FederationPrice by_time = {.micro_per_key = 733333, .micro_per_second = 2500000};
static gpointer keys[] = {&by_key}, times[] = {&by_time};
static GPtrArray of_keys = {keys, 1}, of_times = {times, 1}, none = {NULL, 0};

static FederationTariff of_all = {.seller = (char *)"all",
                                  .currency = (char *)"EUR",
                                  .decimals = 2,
                                  .prices = &of_keys,
                                  .bands = &none,
                                  .steps = &none};
static FederationTariff of_beta = {.seller = (char *)"beta",
                                   .currency = (char *)"NOK",
                                   .decimals = 2,
                                   .minimum = 7,
                                   .prices = &of_times,
                                   .bands = &none,
                                   .steps = &none};
static gpointer standing[] = {&of_all, &of_beta};
static GPtrArray tariffs = {standing, 2};

static FederationExchange krone = {
    .currency = (char *)"NOK", .decimals = 2, .numerator = 86, .denominator = 1000};
static gpointer exchanges[] = {&krone};
static GPtrArray rates = {exchanges, 1};

void money_set_prices(FederationAccounts *accounts)
{
    accounts->currency = (char *)"EUR";
    accounts->decimals = 2;
    accounts->tariffs = &tariffs;
    accounts->rates = &rates;
    accounts->pass_records = PASS_RECORDS;
}

const GList *money_last_netting(gconstpointer federation)
{
    return ((const Federation *)federation)->accounts->nettings.tail;
}

// --- what it has to be ---------------------------------------------------------------------------

#define MICRO 1000000

GHashTable *money_positions_new(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
}

gint64 money_of(GHashTable *positions, const char *member)
{
    const gint64 *position = g_hash_table_lookup(positions, member);
    return position ? *position : 0;
}

void money_give(GHashTable *positions, const char *member, gint64 minor)
{
    gint64 *position = g_new(gint64, 1);
    *position = money_of(positions, member) + minor;
    g_hash_table_replace(positions, g_strdup(member), position);
}

// By the prices above, whatever it is rounded to; a time is in begun seconds. Agreements may have
// others.
gboolean money_is_right(const WireStatement *statement, const WireStatementItem *item)
{
    gboolean is_beta = strcmp(statement->seller, of_beta.seller) == 0;
    const FederationPrice *price = is_beta ? &by_time : &by_key;
    gint64 micro = (gint64)item->keys * price->micro_per_key +
                   (gint64)item->bits * price->micro_per_bit +
                   (gint64)item->duration_us * price->micro_per_second / G_USEC_PER_SEC;
    gint64 asked = item->amount * MICRO,
           of_second = item->duration_us ? price->micro_per_second : 0;
    return item->agreement[0] ||
           (asked > micro - of_second - MICRO && asked < micro + 2 * of_second + MICRO);
}

// What a batch is more than the one that it stands for, in what members settle in.
static gint64 value_of(const Series *series, const WireStatement *statement)
{
    const Platform__State__Batch *old = series_find_batch(series, statement->replaces);
    gint64 minor = statement->amount - (old ? old->statement->amount : 0), sum = 0;
    if (strcmp(statement->currency->code, krone.currency) != 0)
        return minor;
    sum = ABS(minor) * krone.numerator * 2 + krone.denominator;
    sum /= 2 * krone.denominator;
    return minor < 0 ? -sum : sum;
}

static char *add_batch(const Series *series, const Platform__State__Batch *batch, guint64 period,
                       GHashTable *positions)
{
    const WireStatement *statement = batch->statement;
    gboolean is_due =
        statement->period < period || (statement->period == period && statement->replaces == 0);
    if (!batch->is_netted)
        return !is_due ? NULL
                       : g_strdup_printf("batch %" G_GUINT64_FORMAT " of %s is in no netting",
                                         statement->sequence, series->name);
    gint64 minor = value_of(series, statement);
    money_give(positions, statement->seller, minor);
    money_give(positions, statement->buyer, -minor);
    return NULL;
}

char *money_add_batches(gconstpointer federation, GHashTable *positions)
{
    const Accounts *accounts = ((const Federation *)federation)->accounts;
    const WireNetting *last = g_queue_peek_tail((GQueue *)&accounts->nettings);
    for (GTreeNode *node = g_tree_node_first(accounts->series); node;
         node = g_tree_node_next(node)) {
        const Series *series = g_tree_node_value(node);
        for (guint i = 0; i < series->batches->len; i++) {
            char *fault = add_batch(series, series->batches->pdata[i], last->period, positions);
            if (fault)
                return fault;
        }
    }
    return NULL;
}
