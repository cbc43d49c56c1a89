#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// What is found about what members say in the accounts: told as it is found, and counted for good,
// for records are forgotten when they are settled. Inside the federation core. It changes no money.

#include "platform/settle.h"

void conduct_free(gpointer conduct);
// Where there is none it begins.
WireConduct *conduct_open(Federation *federation, const char *member);
void conduct_save(Federation *federation, const WireConduct *conduct);
gboolean conduct_load(Federation *federation, GError **error);

// A record that says more than was ordered.
void conduct_on_overbill(Federation *federation, const WireCharge *charge);
// A record of a session that says more time than the buyer's, or than the platform saw.
void conduct_on_prolong(Federation *federation, const WireCharge *charge, guint64 excess_us);
// The buyer says that it got less than was granted.
void conduct_on_denial(Federation *federation, const Platform__State__Grant *grant,
                       const Platform__State__Share *share);
// What the seller says under the ID of a record that it has said before.
void conduct_on_repeat(Federation *federation, WireCharge *charge, const WireUsage *usage);
void conduct_on_batch(Federation *federation, const WireStatement *statement);
void conduct_on_answer(Federation *federation, const char *party);
void conduct_on_objection(Federation *federation, const char *party,
                          const WireStatement *statement);

// Numbers of the records of a session. A seller that was sent so many orders of it has no record of
// a higher number: then it has skipped some, or keeps them back.
void rows_on_orders(Federation *federation, const struct Request *request);
// How many orders it had been sent; 0: not known.
guint row_orders(const Federation *federation, const char *session, const char *provider);
// How long the record of an order that is granted now can be: since the provider was ordered to
// carry the keys before these, if it was, else since these were asked for; 0: not known.
guint64 row_seen_us(const Federation *federation, const struct Request *request,
                    const char *provider);
// Before the record is saved; by how many orders its seller had when it was granted.
void rows_check(Federation *federation, WireCharge *charge, guint n_orders);
void rows_drop(Federation *federation, const char *session);
gboolean rows_load(Federation *federation, GError **error);

// A page of them.
void conduct_list(Federation *federation, const Sender *sender, const WireAdmin *admin);
