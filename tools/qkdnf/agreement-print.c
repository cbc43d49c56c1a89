// SPDX-License-Identifier: Apache-2.0

#include "tools/qkdnf/agreement-print.h"

#include "schemas/agreement.h"
#include "schemas/status.h"
#include "tools/qkdnf/admin-print.h"
#include "tools/qkdnf/inquiry.h"
#include "tools/qkdnf/progress.h"
#include "tools/qkdnf/tariff-print.h"
#include "tools/qkdnf/verb.h"

#include <stdio.h>

static json_t *terms_json(const WireAgreementTerms *terms)
{
    if (!terms)
        return json_null();
    g_autofree char *purposes = purposes_format(agreement_terms_purposes(terms));
    const WireTariff *tariff = terms->tariff;
    return json_pack("{s:I, s:s, s:I, s:b, s:I, s:I, s:I, s:I, s:s?, s:o, s:s}", "version",
                     (json_int_t)terms->version, "purposes", purposes, "quota_bits",
                     (json_int_t)terms->quota_bits, "soft_quota", terms->is_quota_soft, "period_s",
                     (json_int_t)terms->period_s, "rate_bps", (json_int_t)terms->rate_bps,
                     "valid_from_us", (json_int_t)terms->valid_from_us, "valid_until_us",
                     (json_int_t)terms->valid_until_us, "currency",
                     tariff && tariff->currency ? tariff->currency->code : NULL, "tariff",
                     tariff_json(tariff), "link", terms->link);
}

static void print_json(const WireAgreement *agreement)
{
    json_t *object = json_pack(
        "{s:s, s:s, s:s, s:s, s:I, s:s, s:s, s:I, s:s, s:o}", "id", agreement->id, "buyer",
        agreement->buyer, "seller", agreement->seller, "state",
        agreement_state_name(agreement->state), "version", (json_int_t)agreement->version, "reason",
        agreement->reason, "actor", agreement->actor, "since_us", (json_int_t)agreement->since_us,
        "status", agreement->status ? status_name((Status)agreement->status) : "", "terms",
        terms_json(agreement->terms));
    verb_print_json(object);
    json_decref(object);
}

static void add_time(GString *text, const char *word, guint64 at_us)
{
    if (at_us == 0)
        return;
    g_autofree char *time = admin_format_time(at_us);
    g_string_append_printf(text, " %s %s", word, time);
}

// What is agreed, in a few words; to be freed.
static char *terms_text(const WireAgreementTerms *terms)
{
    GString *text = g_string_new(NULL);
    g_autofree char *purposes = purposes_format(agreement_terms_purposes(terms));
    if (agreement_terms_reserve(terms))
        g_string_append_printf(text, "reserved: %" G_GUINT64_FORMAT " bit/s of %s", terms->rate_bps,
                               terms->link);
    else
        g_string_append_printf(text, "purposes: %s", purposes);
    if (terms->quota_bits > 0)
        g_string_append_printf(text, "; %s %" G_GUINT64_FORMAT " bits in %u s%s",
                               terms->is_quota_soft ? "soft quota of" : "at most",
                               terms->quota_bits, terms->period_s,
                               terms->is_quota_soft ? ", more at the price beyond it" : "");
    if (terms->rate_bps > 0 && !agreement_terms_reserve(terms))
        g_string_append_printf(text, "; a session at most %" G_GUINT64_FORMAT " bit/s",
                               terms->rate_bps);
    add_time(text, "from", terms->valid_from_us);
    add_time(text, "until", terms->valid_until_us);
    return g_string_free(text, FALSE);
}

static void print_text(const WireAgreement *agreement)
{
    g_autofree char *since = admin_format_time(agreement->since_us);
    g_autofree char *terms = agreement->terms ? terms_text(agreement->terms) : g_strdup("no terms");
    g_autofree char *tariff =
        agreement->terms ? tariff_format(agreement->terms->tariff) : g_strdup("-");
    verb_print(stdout, "%-36s %s may use %s: %s since %s by %s: %s; %s; %s\n", agreement->id,
               agreement->buyer, agreement->seller, agreement_state_name(agreement->state), since,
               agreement->actor[0] ? agreement->actor : "-", agreement->reason, terms, tariff);
}

static WireAdminReply *ask(Access *access, const char *member, const char *after, GError **error)
{
    g_autoptr(Progress) progress G_GNUC_UNUSED = progress_new("waiting for the answer");
    WireAgreementQuery query = WIRE_AGREEMENT_QUERY_INIT;
    WireAdmin question = WIRE_ADMIN_INIT;
    query.after = (char *)after;
    question.command_case = QKDNF__V1__ADMIN__COMMAND_AGREEMENTS;
    question.agreements = &query;
    return inquiry_admin(access, member, &question, error);
}

int agreement_print_all(Access *access, const char *member, gboolean json, const char *verb)
{
    g_autofree char *after = g_strdup("");
    for (gboolean more = TRUE; more;) {
        g_autoptr(GError) error = NULL;
        WireAdminReply *answer = ask(access, member, after, &error);
        if (!answer)
            return verb_fail_on_bus(verb, error);
        for (gsize i = 0; i < answer->n_agreements; i++)
            (json ? print_json : print_text)(answer->agreements[i]);
        more = answer->more && answer->n_agreements > 0;
        if (more) {
            g_free(after);
            after = g_strdup(answer->agreements[answer->n_agreements - 1]->id);
        }
        wire_free(answer);
    }
    return EXIT_DONE;
}
