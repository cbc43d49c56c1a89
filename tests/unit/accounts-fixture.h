#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// A federation core whose members a - b - d serve a's user and meter it, for the tests of accounts.

#include "platform/settle.h"
#include "tests/unit/federation-fixture.h"

#define ACCOUNTS_BITS 512 // of the two keys of each request

FederationFixture *accounts_fixture_new(void);
// b asks 5 cents a key, all others 2; everything before is forgotten.
void accounts_set_prices(FederationFixture *fixture, const char *currency_of_b);
// After a restart: the same prices, as the settings have them.
void accounts_set_standing(FederationFixture *fixture, const char *currency_of_b);

// Two keys from a's user to d's, over b; and all three have done it.
Request *accounts_ask(FederationFixture *fixture);
Request *accounts_ask_as(FederationFixture *fixture, const char *id);
void accounts_grant(FederationFixture *fixture, const Request *request);

// What an agent says; the buyer, a, says it of both others.
typedef struct {
    const char *agent;
    guint keys;
    guint64 bits;
    guint got_keys; // of each other, where the agent is a
} AccountsReport;

// The status of the answer; 0: there is none.
Status accounts_report(FederationFixture *fixture, const Request *request,
                       const AccountsReport *what);
Status accounts_report_as(FederationFixture *fixture, const Request *request,
                          const AccountsReport *what, const char *record);
Status accounts_report_usage(FederationFixture *fixture, const char *agent, const WireUsage *usage);
// What was granted, by all three.
void accounts_report_all(FederationFixture *fixture, const Request *request);
const WireCharge *accounts_charge_of(FederationFixture *fixture, const Request *request,
                                     const char *agent);

// Of the series to a.
const WireStatement *accounts_statement_of(FederationFixture *fixture, const char *seller,
                                           guint64 sequence);
// What a party says of a batch of b to a.
void accounts_answer(FederationFixture *fixture, const char *party, guint64 sequence, Status status,
                     guint64 expected);

// All parties have all batches.
void accounts_acknowledge(FederationFixture *fixture);

// n records of b for a, each of one key; all of the same time and as many bits.
void accounts_add_charges(FederationFixture *fixture, guint n, const char *dispute);

// Of the last netting: "a:-14 b:10 d:4".
char *accounts_positions(const FederationFixture *fixture);
void accounts_assert_positions(const FederationFixture *fixture, const char *expected);
