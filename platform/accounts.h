#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// Who did what for whom. Inside the federation core: accounts.c takes in what providers report,
// accounts-store.c keeps it, accounts-tariff.c knows what it costs.
//
// A record counts once: the grant of an attempt names every provider that took part, and each of
// them is crossed off with the record that it reports, in one commit. What no grant expects is not
// counted, however often and by whomever it is said.

#include "platform/core.h"
#include "platform/state.pb-c.h"
#include "topics/base/id.h"
#include "topics/settlement.h"

// Where a walk through what is due of a pair, or over, stands.
typedef struct {
    guint64 at_us; // of what is due, when it is priced; of what is over, when it came
    char record[UUID_CHARS + 1];
} DuePosition;

// What a seller did for a buyer and is not in a batch.
typedef struct {
    char *name; // "seller buyer"
    char *seller;
    char *buyer;
    GTree *charges; // WireCharge, in the order of their grants, then by record
} Due;

typedef struct Net Net;

struct Accounts {
    GHashTable *grants; // "request/attempt" → Platform__State__Grant
    GTree *charges;     // record ID → WireCharge: all that is not settled and forgotten
    GTree *over;        // of these, as they came, what is settled or nobody pays
    GTree *due;         // "seller buyer" → Due: the others
    GHashTable *known;  // request → of how many grants and charges it is

    WireCurrency *currency; // in which members settle
    GPtrArray *tariffs;     // Standing: the federation's standing prices
    GTree *contracts;       // agreement ID → Contract: prices of its own
    GPtrArray *rates;       // WireExchangeRate

    guint64 period;        // the last that was closed
    gint64 from_us;        // when it began
    gint64 closed_at_us;   // and when it ended
    GTree *series;         // "seller buyer" → Series
    GQueue nettings;       // WireNetting, oldest first
    GTree *conducts;       // member → WireConduct
    GTree *rows;           // "session provider" → Platform__State__Row
    GPtrArray *settled_by; // IDs of the questions that closed it

    // While the period closes, in as many passes as that takes.
    Platform__State__SettleStage stage;
    char *done;         // "seller buyer" up to which the stage is done; ""
    char *current;      // the pair that the following is of; NULL: none
    DuePosition at;     // in what is due of it
    GArray *spent;      // Spent: what its batches cost so far; NULL: not counted yet
    Net *net;           // of the batches up to `done`; NULL: of none
    GPtrArray *late;    // names of grants that are to be given up, last first; NULL: not looked for
    gint64 finished_us; // when the last one was done
};

// accounts-tariff.c
void tariffs_init(Accounts *accounts, const FederationAccounts *config);
void tariffs_clear(Accounts *accounts);
// Before what names them.
gboolean tariffs_load(Federation *federation, GError **error);
// By which a record is rated: that of the agreement under which it was ordered, else the one that
// its seller asks of everybody when it is granted. NULL: none, and it costs nothing.
const WireTariff *tariff_of(const Federation *federation, const WireCharge *charge);
// The ID when the agreement has a tariff of its own, which is kept from now on; else "".
const char *tariff_keep(Federation *federation, const char *agreement);
gboolean tariff_is_kept(const Federation *federation, const char *agreement);
// NULL, or why nobody can agree on it.
const char *tariff_fault(const Federation *federation, const WireTariff *tariff);
// A grant or charge names it, or does not any more.
void tariff_use(Federation *federation, const char *agreement);
void tariff_release(Federation *federation, const char *agreement);

char *grant_name(const char *request, guint attempt);
// Takes both over; durable when it is saved.
void grant_add(Federation *federation, char *name, Platform__State__Grant *grant);
void grant_save(Federation *federation, const char *name, const Platform__State__Grant *grant);
void grant_drop(Federation *federation, const char *name);

// accounts-due.c
// "seller buyer"; to be freed.
char *pair_name(const char *seller, const char *buyer);
void due_init(Accounts *accounts);
void due_clear(Accounts *accounts);
// Into the list that it belongs to, or out of either.
void due_list(Accounts *accounts, WireCharge *charge);
void due_unlist(Accounts *accounts, WireCharge *charge);
// The first pair after that name; or NULL.
const Due *due_after(const Accounts *accounts, const char *name);
// The first record after that position, to which it moves; or NULL.
WireCharge *due_next(const Due *due, DuePosition *position);
// The same of all that is over.
WireCharge *over_next(const Accounts *accounts, DuePosition *position);
// By the prices of when it is rated: by the platform's clock, so that no seller chooses.
guint64 charge_priced_us(const WireCharge *charge);
gboolean charge_is_own(const WireCharge *charge);

WireCharge *charge_find(const Federation *federation, const char *record);
// Takes it over; durable when it is saved.
void charge_add(Federation *federation, WireCharge *charge);
void charge_forget(Federation *federation, const char *record);
void charge_save(Federation *federation, const WireCharge *charge);
