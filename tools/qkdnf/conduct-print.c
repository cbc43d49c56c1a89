// SPDX-License-Identifier: Apache-2.0
//
// What was found about each member: a line of what it did, and one of each thing that is odd.

#include "tools/qkdnf/accounts-print.h"

#include "tools/qkdnf/verb.h"

#include <stdio.h>

// --- JSON and CSV --------------------------------------------------------------------------------

static json_t *objected_json(const WireConduct *conduct)
{
    json_t *objected = json_array();
    for (gsize i = 0; i < conduct->n_objected; i++) {
        const WireMoney *money = conduct->objected[i];
        json_array_append_new(
            objected, json_pack("{s:I, s:s, s:i}", "amount", (json_int_t)money->minor, "currency",
                                accounts_currency_code(money->currency), "decimals",
                                money->currency ? (int)money->currency->decimals : 0));
    }
    return objected;
}

static void print_json(const WireConduct *conduct)
{
    json_t *report = json_pack(
        "{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}",
        "member", conduct->member, "sold", (json_int_t)conduct->sold, "overbilled",
        (json_int_t)conduct->overbilled, "overbilled_keys", (json_int_t)conduct->overbilled_keys,
        "overbilled_bits", (json_int_t)conduct->overbilled_bits, "prolonged",
        (json_int_t)conduct->prolonged, "prolonged_us", (json_int_t)conduct->prolonged_us,
        "undelivered", (json_int_t)conduct->undelivered, "changed", (json_int_t)conduct->changed,
        "skipped", (json_int_t)conduct->skipped, "bought", (json_int_t)conduct->bought, "denied",
        (json_int_t)conduct->denied, "denied_keys", (json_int_t)conduct->denied_keys, "denied_bits",
        (json_int_t)conduct->denied_bits, "answered", (json_int_t)conduct->answered, "objections",
        (json_int_t)conduct->objections, "objected", objected_json(conduct));
    verb_print_json(report);
    json_decref(report);
}

// "3.50 EUR, 20.00 NOK"; to be freed.
static char *format_objected(const WireConduct *conduct)
{
    GString *text = g_string_new(NULL);
    for (gsize i = 0; i < conduct->n_objected; i++) {
        const WireMoney *money = conduct->objected[i];
        g_autofree char *amount = accounts_format_money(money->minor, money->currency);
        g_string_append_printf(text, "%s%s %s", i > 0 ? ", " : "", amount,
                               accounts_currency_code(money->currency));
    }
    return g_string_free(text, FALSE);
}

#define COUNT "%" G_GUINT64_FORMAT

static void print_csv(const WireConduct *conduct)
{
    g_autofree char *objected = format_objected(conduct);
    printf("%s," COUNT "," COUNT "," COUNT "," COUNT "," COUNT "," COUNT "," COUNT "," COUNT
           "," COUNT "," COUNT "," COUNT "," COUNT "," COUNT "," COUNT "," COUNT ",\"%s\"\r\n",
           conduct->member, conduct->sold, conduct->overbilled, conduct->overbilled_keys,
           conduct->overbilled_bits, conduct->prolonged, conduct->prolonged_us,
           conduct->undelivered, conduct->changed, conduct->skipped, conduct->bought,
           conduct->denied, conduct->denied_keys, conduct->denied_bits, conduct->answered,
           conduct->objections, objected);
}

// --- text ----------------------------------------------------------------------------------------

static void print_as_seller(const WireConduct *conduct)
{
    if (conduct->overbilled > 0)
        printf("    overbilled: " COUNT " records say more than was ordered, by " COUNT
               " keys and " COUNT " bits\n",
               conduct->overbilled, conduct->overbilled_keys, conduct->overbilled_bits);
    if (conduct->prolonged > 0)
        printf("    prolonged: " COUNT
               " records say %.1f s more than their buyers metered or the platform saw\n",
               conduct->prolonged, (double)conduct->prolonged_us / G_USEC_PER_SEC);
    if (conduct->undelivered > 0)
        printf("    undelivered: of " COUNT " records the buyers got less than was granted\n",
               conduct->undelivered);
    if (conduct->changed > 0)
        printf("    changed: " COUNT " records were said again with other figures\n",
               conduct->changed);
    if (conduct->skipped > 0)
        printf("    skipped: " COUNT " numbers of records of sessions are missing\n",
               conduct->skipped);
}

static void print_as_buyer(const WireConduct *conduct)
{
    g_autofree char *objected = format_objected(conduct);
    if (conduct->denied > 0)
        printf("    denied: of " COUNT " records it says that " COUNT " keys and " COUNT
               " bits did not come\n",
               conduct->denied, conduct->denied_keys, conduct->denied_bits);
    if (conduct->objections > 0)
        printf("    objections: to " COUNT " of " COUNT " statements, about %s\n",
               conduct->objections, conduct->answered, objected);
}

static void print_text(const WireConduct *conduct)
{
    printf("%-20s sold " COUNT " records, bought " COUNT ", answered " COUNT " statements\n",
           conduct->member, conduct->sold, conduct->bought, conduct->answered);
    print_as_seller(conduct);
    print_as_buyer(conduct);
}

char *accounts_print_conducts(const WireAdminReply *answer, AccountsFormat format)
{
    for (gsize i = 0; i < answer->n_conducts; i++) {
        if (format == ACCOUNTS_JSON)
            print_json(answer->conducts[i]);
        else if (format == ACCOUNTS_CSV)
            print_csv(answer->conducts[i]);
        else
            print_text(answer->conducts[i]);
    }
    return answer->n_conducts > 0 ? g_strdup(answer->conducts[answer->n_conducts - 1]->member)
                                  : NULL;
}
