#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// Accounts for people, as CSV and as JSON. Amounts are exact: whole minor units in CSV and JSON,
// with the currency and its decimals beside them.

#include "schemas/wire.h"

typedef enum { ACCOUNTS_TEXT, ACCOUNTS_CSV, ACCOUNTS_JSON } AccountsFormat;
typedef enum {
    ACCOUNTS_CHARGES,
    ACCOUNTS_STATEMENTS,
    ACCOUNTS_NETTINGS,
    ACCOUNTS_CONDUCTS,
} AccountsTable;

// 12345 with two decimals: "123.45". To be freed.
char *accounts_format_money(gint64 minor, const WireCurrency *currency);
// "EUR"; "" where none is said.
const char *accounts_currency_code(const WireCurrency *currency);

void accounts_print_head(AccountsTable table, AccountsFormat format);

// Each prints what the answer lists; returns what to ask behind for more, to be freed, or NULL.
char *accounts_print_charges(const WireAdminReply *answer, AccountsFormat format);
char *accounts_print_statements(const WireAdminReply *answer, AccountsFormat format);
char *accounts_print_nettings(const WireAdminReply *answer, AccountsFormat format);
// conduct-print.c
char *accounts_print_conducts(const WireAdminReply *answer, AccountsFormat format);
