// SPDX-License-Identifier: Apache-2.0

#include "tools/qkdnf/accounts-print.h"

#include "tools/qkdnf/admin-print.h"
#include "tools/qkdnf/tariff-print.h"
#include "tools/qkdnf/verb.h"

#include <stdio.h>
#include <string.h>

char *accounts_format_money(gint64 minor, const WireCurrency *currency)
{
    guint64 unit = 1, size = minor < 0 ? -(guint64)minor : (guint64)minor;
    guint decimals = currency ? MIN(currency->decimals, 9) : 0;
    for (guint i = 0; i < decimals; i++)
        unit *= 10;
    const char *sign = minor < 0 ? "-" : "";
    if (decimals == 0)
        return g_strdup_printf("%s%" G_GUINT64_FORMAT, sign, size);
    return g_strdup_printf("%s%" G_GUINT64_FORMAT ".%0*" G_GUINT64_FORMAT, sign, size / unit,
                           (int)decimals, size % unit);
}

const char *accounts_currency_code(const WireCurrency *currency)
{
    return currency ? currency->code : "";
}

static void print_json(json_t *object)
{
    verb_print_json(object);
    json_decref(object);
}

// Quoted as in RFC 4180; to be freed.
static char *quote(const char *text)
{
    g_auto(GStrv) parts = g_strsplit(text, "\"", -1);
    g_autofree char *doubled = g_strjoinv("\"\"", parts);
    return g_strdup_printf("\"%s\"", doubled);
}

void accounts_print_head(AccountsTable table, AccountsFormat format)
{
    static const char *const heads[] = {
        [ACCOUNTS_CHARGES] =
            ("record,request,attempt,session,partial,seller,buyer,purpose,keys,bits,"
             "granted_keys,granted_bits,buyer_keys,buyer_bits,charged_keys,"
             "charged_bits,charged_us,start_us,end_us,sequence,dispute,agreement,granted_at_us,"
             "overrun,skipped,changed"),
        [ACCOUNTS_STATEMENTS] =
            ("seller,buyer,sequence,period,replaces,record,purpose,keys,bits,"
             "start_us,duration_us,amount,currency,decimals,remark,agreement,overrun,"
             "granted_at_us"),
        [ACCOUNTS_NETTINGS] = "period,member,amount,currency,decimals",
        [ACCOUNTS_CONDUCTS] =
            ("member,sold,overbilled,overbilled_keys,overbilled_bits,prolonged,prolonged_us,"
             "undelivered,changed,skipped,bought,denied,denied_keys,denied_bits,answered,"
             "objections,objected"),
    };
    if (format == ACCOUNTS_CSV)
        printf("%s\r\n", heads[table]);
}

// --- records -------------------------------------------------------------------------------------

static void print_charge_csv(const WireCharge *charge)
{
    g_autofree char *dispute = quote(charge->dispute);
    printf("%s,%s,%u,%s,%u,%s,%s,%s,%u,%" G_GUINT64_FORMAT ",%u,%" G_GUINT64_FORMAT
           ",%u,%" G_GUINT64_FORMAT ",%u,%" G_GUINT64_FORMAT ",%" G_GUINT64_FORMAT
           ",%" G_GUINT64_FORMAT ",%" G_GUINT64_FORMAT ",%" G_GUINT64_FORMAT
           ",%s,%s,%" G_GUINT64_FORMAT ",%d,%u,%d\r\n",
           charge->record, charge->request, charge->attempt, charge->session, charge->partial,
           charge->seller, charge->buyer, usage_purpose_name(charge->purpose), charge->keys,
           charge->bits, charge->granted_keys, charge->granted_bits, charge->buyer_keys,
           charge->buyer_bits, charge->charged_keys, charge->charged_bits, charge->charged_us,
           charge->start_us, charge->end_us, charge->sequence, dispute, charge->agreement,
           charge->granted_at_us, charge->is_overrun, charge->skipped, charge->changed);
}

static json_t *charge_json(const WireCharge *charge)
{
    return json_pack(
        "{s:s, s:s, s:I, s:s, s:I, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:b, s:I, s:I, s:I, s:I, s:I,"
        " s:I, s:I, s:I, s:s, s:s, s:I, s:b, s:I, s:b}",
        "record", charge->record, "request", charge->request, "attempt",
        (json_int_t)charge->attempt, "session", charge->session, "partial",
        (json_int_t)charge->partial, "seller", charge->seller, "buyer", charge->buyer, "purpose",
        usage_purpose_name(charge->purpose), "keys", (json_int_t)charge->keys, "bits",
        (json_int_t)charge->bits, "granted_keys", (json_int_t)charge->granted_keys, "granted_bits",
        (json_int_t)charge->granted_bits, "is_metered", charge->is_metered, "buyer_keys",
        (json_int_t)charge->buyer_keys, "buyer_bits", (json_int_t)charge->buyer_bits,
        "charged_keys", (json_int_t)charge->charged_keys, "charged_bits",
        (json_int_t)charge->charged_bits, "charged_us", (json_int_t)charge->charged_us, "start_us",
        (json_int_t)charge->start_us, "end_us", (json_int_t)charge->end_us, "sequence",
        (json_int_t)charge->sequence, "dispute", charge->dispute, "agreement", charge->agreement,
        "granted_at_us", (json_int_t)charge->granted_at_us, "overrun", charge->is_overrun,
        "skipped", (json_int_t)charge->skipped, "changed", charge->changed);
}

static void print_charge(const WireCharge *charge, AccountsFormat format)
{
    if (format == ACCOUNTS_JSON)
        print_json(charge_json(charge));
    else if (format == ACCOUNTS_CSV)
        print_charge_csv(charge);
    else
        printf("%s  %-16s for %-16s %-8s %4u keys %9" G_GUINT64_FORMAT " bits  batch %" //
               G_GUINT64_FORMAT "%s%s%s%s%s%s\n",
               charge->record, charge->seller, charge->buyer, usage_purpose_name(charge->purpose),
               charge->charged_keys, charge->charged_bits, charge->sequence,
               charge->agreement[0] ? "  by agreement " : "", charge->agreement,
               charge->is_overrun ? "  beyond the quota" : "",
               charge->changed ? "  said again otherwise" : "", charge->dispute[0] ? "; " : "",
               charge->dispute);
}

char *accounts_print_charges(const WireAdminReply *answer, AccountsFormat format)
{
    for (gsize i = 0; i < answer->n_charges; i++)
        print_charge(answer->charges[i], format);
    return answer->n_charges > 0 ? g_strdup(answer->charges[answer->n_charges - 1]->record) : NULL;
}

// --- statements ----------------------------------------------------------------------------------

static json_t *item_json(const WireStatementItem *item)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:s, s:s, s:b, s:I}",
                     "record", item->record, "request", item->request, "session", item->session,
                     "purpose", usage_purpose_name(item->purpose), "keys", (json_int_t)item->keys,
                     "bits", (json_int_t)item->bits, "start_us", (json_int_t)item->start_us,
                     "duration_us", (json_int_t)item->duration_us, "partial",
                     (json_int_t)item->partial, "amount", (json_int_t)item->amount, "remark",
                     item->remark, "agreement", item->agreement, "overrun", item->is_overrun,
                     "granted_at_us", (json_int_t)item->granted_at_us);
}

static char *hexadecimal(const ProtobufCBinaryData *bytes)
{
    GString *text = g_string_new(NULL);
    for (gsize i = 0; i < bytes->len; i++)
        g_string_append_printf(text, "%02x", bytes->data[i]);
    return g_string_free(text, FALSE);
}

// The next that is said against it, or NULL.
static const WireDispute *next_objection(const WireAdminReply *answer,
                                         const WireStatement *statement, gsize *at)
{
    while (*at < answer->n_objections) {
        const WireDispute *objection = answer->objections[(*at)++];
        if (objection->sequence == statement->sequence &&
            strcmp(objection->seller, statement->seller) == 0 &&
            strcmp(objection->buyer, statement->buyer) == 0)
            return objection;
    }
    return NULL;
}

static json_t *objections_json(const WireAdminReply *answer, const WireStatement *statement)
{
    json_t *objections = json_array();
    const WireDispute *objection = NULL;
    for (gsize at = 0; (objection = next_objection(answer, statement, &at));)
        json_array_append_new(
            objections, json_pack("{s:s, s:s}", "by", objection->by, "text", objection->text));
    return objections;
}

static json_t *statement_json(const WireStatement *statement)
{
    json_t *items = json_array();
    for (gsize i = 0; i < statement->n_items; i++)
        json_array_append_new(items, item_json(statement->items[i]));
    g_autofree char *previous = hexadecimal(&statement->previous);
    g_autofree char *digest = hexadecimal(&statement->digest);
    g_autofree char *signature = hexadecimal(&statement->signature);
    return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:s, s:i, s:I, s:I, s:I, s:I, s:I, s:s, "
                     "s:s, s:s, s:o}",
                     "seller", statement->seller, "buyer", statement->buyer, "sequence",
                     (json_int_t)statement->sequence, "period", (json_int_t)statement->period,
                     "from_us", (json_int_t)statement->from_us, "until_us",
                     (json_int_t)statement->until_us, "replaces", (json_int_t)statement->replaces,
                     "currency", accounts_currency_code(statement->currency), "decimals",
                     statement->currency ? (int)statement->currency->decimals : 0, "records",
                     (json_int_t)statement->n_records, "keys", (json_int_t)statement->keys, "bits",
                     (json_int_t)statement->bits, "minimum", (json_int_t)statement->minimum,
                     "amount", (json_int_t)statement->amount, "previous", previous, "digest",
                     digest, "signature", signature, "items", items);
}

// So that the lines of a statement add up to its amount.
static void print_minimum_csv(const WireStatement *statement)
{
    printf("%s,%s,%" G_GUINT64_FORMAT ",%" G_GUINT64_FORMAT ",%" G_GUINT64_FORMAT
           ",,minimum,0,0,%" G_GUINT64_FORMAT ",0,%" G_GINT64_FORMAT
           ",%s,%u,\"missing to the minimum of the tariff\",,0,0\r\n",
           statement->seller, statement->buyer, statement->sequence, statement->period,
           statement->replaces, statement->from_us, statement->minimum,
           accounts_currency_code(statement->currency),
           statement->currency ? statement->currency->decimals : 0);
}

static void print_statement_csv(const WireStatement *statement)
{
    if (statement->minimum > 0)
        print_minimum_csv(statement);
    for (gsize i = 0; i < statement->n_items; i++) {
        const WireStatementItem *item = statement->items[i];
        g_autofree char *remark = quote(item->remark);
        printf("%s,%s,%" G_GUINT64_FORMAT ",%" G_GUINT64_FORMAT ",%" G_GUINT64_FORMAT
               ",%s,%s,%u,%" G_GUINT64_FORMAT ",%" G_GUINT64_FORMAT ",%" G_GUINT64_FORMAT
               ",%" G_GINT64_FORMAT ",%s,%u,%s,%s,%d,%" G_GUINT64_FORMAT "\r\n",
               statement->seller, statement->buyer, statement->sequence, statement->period,
               statement->replaces, item->record, usage_purpose_name(item->purpose), item->keys,
               item->bits, item->start_us, item->duration_us, item->amount,
               accounts_currency_code(statement->currency),
               statement->currency ? statement->currency->decimals : 0, remark, item->agreement,
               item->is_overrun, item->granted_at_us);
    }
}

static void print_statement_items(const WireStatement *statement)
{
    for (gsize i = 0; i < statement->n_items; i++) {
        const WireStatementItem *item = statement->items[i];
        g_autofree char *amount = accounts_format_money(item->amount, statement->currency);
        g_autofree char *start = admin_format_time(item->start_us);
        printf("  %s  %s  %-8s %4u keys %9" G_GUINT64_FORMAT " bits %14s%s%s%s%s%s\n", start,
               item->record, usage_purpose_name(item->purpose), item->keys, item->bits, amount,
               item->agreement[0] ? "  by agreement " : "", item->agreement,
               item->is_overrun ? "  beyond the quota" : "", item->remark[0] ? "  " : "",
               item->remark);
    }
}

// To be printed and filed.
static void print_statement_text(const WireAdminReply *answer, const WireStatement *statement)
{
    g_autofree char *amount = accounts_format_money(statement->amount, statement->currency);
    g_autofree char *minimum = accounts_format_money(statement->minimum, statement->currency);
    g_autofree char *from = admin_format_time(statement->from_us);
    g_autofree char *until = admin_format_time(statement->until_us);
    g_autofree char *digest = hexadecimal(&statement->digest);
    printf("Statement %" G_GUINT64_FORMAT " of %s to %s, period %" G_GUINT64_FORMAT ": %s to %s\n",
           statement->sequence, statement->seller, statement->buyer, statement->period, from,
           until);
    if (statement->replaces > 0)
        printf("  corrects and replaces statement %" G_GUINT64_FORMAT "\n", statement->replaces);
    print_statement_items(statement);
    if (statement->minimum > 0)
        printf("  missing to the minimum of the tariff: %s\n", minimum);
    printf("  %u records, %" G_GUINT64_FORMAT " keys, %" G_GUINT64_FORMAT " bits: %s %s\n",
           statement->n_records, statement->keys, statement->bits, amount,
           accounts_currency_code(statement->currency));
    printf("  SHA-256 %s\n", digest);
    const WireDispute *objection = NULL;
    for (gsize at = 0; (objection = next_objection(answer, statement, &at));)
        verb_print(stdout, "  objection of %s: %s\n", objection->by, objection->text);
    printf("\n");
}

static void print_statement_json(const WireAdminReply *answer, const WireStatement *statement)
{
    json_t *object = statement_json(statement);
    json_object_set_new(object, "objections", objections_json(answer, statement));
    print_json(object);
}

char *accounts_print_statements(const WireAdminReply *answer, AccountsFormat format)
{
    for (gsize i = 0; i < answer->n_statements; i++) {
        if (format == ACCOUNTS_JSON)
            print_statement_json(answer, answer->statements[i]);
        else if (format == ACCOUNTS_CSV)
            print_statement_csv(answer->statements[i]);
        else
            print_statement_text(answer, answer->statements[i]);
    }
    return answer->n_statements > 0 ? g_strdup(answer->cursor) : NULL;
}

// --- netting -------------------------------------------------------------------------------------

static json_t *netting_json(const WireNetting *netting)
{
    json_t *positions = json_object(), *payments = json_array(), *waiting = json_array();
    for (gsize i = 0; i < netting->n_positions; i++)
        json_object_set_new(positions, netting->positions[i]->member,
                            json_integer(netting->positions[i]->amount));
    for (gsize i = 0; i < netting->n_payments; i++) {
        const WirePayment *payment = netting->payments[i];
        json_array_append_new(payments,
                              json_pack("{s:s, s:s, s:I}", "from", payment->from, "to", payment->to,
                                        "amount", (json_int_t)payment->amount));
    }
    for (gsize i = 0; i < netting->n_waiting; i++)
        json_array_append_new(waiting, json_string(netting->waiting[i]));
    return json_pack("{s:I, s:I, s:I, s:s, s:i, s:o, s:o, s:o}", "period",
                     (json_int_t)netting->period, "from_us", (json_int_t)netting->from_us,
                     "until_us", (json_int_t)netting->until_us, "currency",
                     accounts_currency_code(netting->currency), "decimals",
                     netting->currency ? (int)netting->currency->decimals : 0, "positions",
                     positions, "payments", payments, "waiting", waiting);
}

static void print_netting_csv(const WireNetting *netting)
{
    for (gsize i = 0; i < netting->n_positions; i++)
        printf("%" G_GUINT64_FORMAT ",%s,%" G_GINT64_FORMAT ",%s,%u\r\n", netting->period,
               netting->positions[i]->member, netting->positions[i]->amount,
               accounts_currency_code(netting->currency),
               netting->currency ? netting->currency->decimals : 0);
}

static void print_netting_text(const WireNetting *netting)
{
    g_autofree char *from = admin_format_time(netting->from_us);
    g_autofree char *until = admin_format_time(netting->until_us);
    const char *code = accounts_currency_code(netting->currency);
    printf("Period %" G_GUINT64_FORMAT ": %s to %s\n", netting->period, from, until);
    for (gsize i = 0; i < netting->n_positions; i++) {
        g_autofree char *amount =
            accounts_format_money(netting->positions[i]->amount, netting->currency);
        printf("  %-20s %16s %s\n", netting->positions[i]->member, amount, code);
    }
    for (gsize i = 0; i < netting->n_payments; i++) {
        const WirePayment *payment = netting->payments[i];
        g_autofree char *amount = accounts_format_money(payment->amount, netting->currency);
        printf("  %s pays %s %s %s\n", payment->from, payment->to, amount, code);
    }
    for (gsize i = 0; i < netting->n_waiting; i++)
        printf("  waits for an exchange rate: %s\n", netting->waiting[i]);
}

char *accounts_print_nettings(const WireAdminReply *answer, AccountsFormat format)
{
    for (gsize i = 0; i < answer->n_nettings; i++) {
        if (format == ACCOUNTS_JSON)
            print_json(netting_json(answer->nettings[i]));
        else if (format == ACCOUNTS_CSV)
            print_netting_csv(answer->nettings[i]);
        else
            print_netting_text(answer->nettings[i]);
    }
    return answer->n_nettings > 0
               ? g_strdup_printf("%" G_GUINT64_FORMAT,
                                 answer->nettings[answer->n_nettings - 1]->period)
               : NULL;
}
