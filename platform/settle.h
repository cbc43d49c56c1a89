#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// Periods of settlement. Inside the federation core: settle.c closes periods, piece by piece,
// settle-batch.c makes batches, settle-net.c nets them, settle-tell.c tells the parties,
// settle-store.c keeps it all.

#include "platform/accounts.h"
#include "platform/rate.h"

// A batch stays within the size of its kind.
#define BATCH_RECORDS_MAX 400

// All batches of one seller and buyer.
typedef struct {
    char *name; // "seller buyer"
    char *seller;
    char *buyer;
    guint64 sequence;   // of the last
    GPtrArray *batches; // Platform__State__Batch, oldest first
    gint64 repeat_us;   // until what the parties have not answered is said again
} Series;

Series *series_find(Federation *federation, const char *seller, const char *buyer);
// Where there is none it begins.
Series *series_open(Federation *federation, const char *seller, const char *buyer);
// The first series after that name; or NULL.
Series *series_after(const Accounts *accounts, const char *name);
void series_free(gpointer series);
Platform__State__Batch *series_find_batch(const Series *series, guint64 sequence);
// "seller buyer sequence", the last as 16 digits, so that names are in the order of the batches; to
// be freed.
char *batch_name(const WireStatement *statement);
void batch_save(Federation *federation, const Platform__State__Batch *batch);
// Who has it, whether it is netted, and what stands for it have changed, and nothing else.
void batch_mark(Federation *federation, const Platform__State__Batch *batch);
// Takes it over: the last of its series from now on.
void series_add(Federation *federation, Series *series, Platform__State__Batch *batch);

// Of what a seller did for a buyer in the period that closes: the next batches, until so many
// records were looked at. FALSE: there is more. What cannot go into a batch yet is left out; a
// period without any record has an empty batch. `due` may be NULL.
gboolean settle_series(Federation *federation, Series *series, const Due *due, guint *n_left);
void settle_set_done(Accounts *accounts, const char *name);
// A period is between its first pass and its last.
gboolean settle_is_closing(const Accounts *accounts);
// So it is, or it was closed so little ago that who asked for it may not know yet.
gboolean settle_is_fresh(const Federation *federation);
// The buyer's word is there, or has been waited for.
gboolean settle_is_ripe(const Federation *federation, const WireCharge *charge);
// What was charged in a batch has become less: another one stands for it.
void settle_correct(Federation *federation, WireCharge *charge);

// The batches of the next series, until so many records' time has gone. FALSE: there is more.
gboolean settle_net(Federation *federation, guint *n_left);
void net_free(Net *net);
void netting_add(Federation *federation, WireNetting *netting, gboolean is_new);

// Says the oldest batch that each party has not answered.
void settle_tell(Federation *federation, Series *series);
// The same of all series, some now and the others soon.
void settle_tell_all(Federation *federation);

gboolean settle_load(Federation *federation, GError **error);
void settle_save_period(Federation *federation);
