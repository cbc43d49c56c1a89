// SPDX-License-Identifier: Apache-2.0

#include "schemas/agreement.h"
#include "tools/qkdnf/admin-print.h"
#include "tools/qkdnf/agreement-print.h"
#include "tools/qkdnf/inquiry.h"
#include "tools/qkdnf/progress.h"
#include "tools/qkdnf/verb.h"

#include <stdio.h>
#include <string.h>

// What the options say of terms.
typedef struct {
    Qkdnf__V1__Purpose purposes[PURPOSES_MAX];
    gsize n_purposes;
    guint64 quota_bits, least_quota_bits;
    gboolean is_quota_soft;
    guint64 rate_bps, least_rate_bps;
    guint64 period_s;
    guint64 valid_from_us, valid_until_us;
    const char *link;
    const char *currency;
    guint64 micro_per_key, micro_per_bit, micro_per_second, minimum, overrun_basis_points;
} Terms;

typedef struct {
    Access access;
    const char *words[3];
    guint n_words;
    const char *reason;
    gboolean json;
    Terms terms;
} Arguments;

enum {
    OPTION_PURPOSES = 300,
    OPTION_QUOTA,
    OPTION_LEAST_QUOTA,
    OPTION_SOFT_QUOTA,
    OPTION_PERIOD,
    OPTION_RATE,
    OPTION_LEAST_RATE,
    OPTION_FROM,
    OPTION_UNTIL,
    OPTION_LINK,
    OPTION_CURRENCY,
    OPTION_PER_KEY,
    OPTION_PER_BIT,
    OPTION_PER_SECOND,
    OPTION_MINIMUM,
    OPTION_OVERRUN,
    OPTION_REASON,
};

static const struct argp_option options[] = {
    {"purposes", OPTION_PURPOSES, "PURPOSE,…", 0,
     "what the buyer may use the seller for: " PURPOSES_EXPECTED, 0},
    {"quota-bits", OPTION_QUOTA, "N", 0, "how much key in a period; 0, the default: no limit", 0},
    {"least-quota-bits", OPTION_LEAST_QUOTA, "N", 0,
     "propose: what would do, if that much is not to be had", 0},
    {"soft-quota", OPTION_SOFT_QUOTA, NULL, 0,
     "more than the quota may be taken, at the price that the seller asks beyond it", 0},
    {"period-s", OPTION_PERIOD, "SECONDS", 0, "the period of the quota; 86400 if it is not given",
     0},
    {"rate-bps", OPTION_RATE, "N", 0,
     "the highest rate of one session; 0, the default: no limit; with --link: what is reserved", 0},
    {"least-rate-bps", OPTION_LEAST_RATE, "N", 0, "propose: what would do", 0},
    {"valid-from", OPTION_FROM, "TIME", 0, "when it begins: " AGREEMENT_TIME_EXPECTED, 0},
    {"valid-until", OPTION_UNTIL, "TIME", 0, "when it ends", 0},
    {"link", OPTION_LINK, "BORDER", 0,
     "instead of --purposes: reserve --rate-bps of what arrives on this border link of the seller, "
     "until --valid-until",
     0},
    {"currency", OPTION_CURRENCY, "CODE", 0, "of the prices: three capital letters of ISO 4217", 0},
    {"micro-per-key", OPTION_PER_KEY, "N", 0, "millionths of a cent for a key", 0},
    {"micro-per-bit", OPTION_PER_BIT, "N", 0, "millionths of a cent for a bit of key", 0},
    {"micro-per-second", OPTION_PER_SECOND, "N", 0, "millionths of a cent for a second of session",
     0},
    {"minimum", OPTION_MINIMUM, "N", 0, "cents that a period costs at least in which it is used",
     0},
    {"overrun-basis-points", OPTION_OVERRUN, "N", 0,
     "of the prices, beyond a soft quota: 15000 is half as much again; 0, the default: the same",
     0},
    {"reason", OPTION_REASON, "TEXT", 0, "why, for people", 0},
    {"json", 'j', NULL, 0, "report as JSON, one object a line", 0},
    {0},
};

// Whom the command goes to, and what its other words are.
typedef enum { TO_PLATFORM, TO_PROVIDER } Receiver;

typedef struct {
    const char *name;
    Receiver to;
    guint n_words; // with the name
    AgreementAction action;
    gboolean has_terms;
    const char *expected;
} Action;

static const Action actions[] = {
    {"list", TO_PLATFORM, 1, AGREEMENT_ACTION(UNSPECIFIED), FALSE, "no more words"},
    {"list", TO_PROVIDER, 2, AGREEMENT_ACTION(UNSPECIFIED), FALSE, "a provider"},
    {"propose", TO_PROVIDER, 3, AGREEMENT_ACTION(PROPOSE), TRUE, "BUYER and SELLER"},
    {"offer", TO_PROVIDER, 3, AGREEMENT_ACTION(OFFER), TRUE, "PROVIDER and AGREEMENT"},
    {"accept", TO_PROVIDER, 3, AGREEMENT_ACTION(ACCEPT), FALSE, "PROVIDER and AGREEMENT"},
    {"refuse", TO_PROVIDER, 3, AGREEMENT_ACTION(REFUSE), FALSE, "PROVIDER and AGREEMENT"},
    {"end", TO_PROVIDER, 3, AGREEMENT_ACTION(END), FALSE, "PROVIDER and AGREEMENT"},
    {"end", TO_PLATFORM, 2, AGREEMENT_ACTION(END), FALSE, "AGREEMENT"},
    {"suspend", TO_PLATFORM, 2, AGREEMENT_ACTION(SUSPEND), FALSE, "AGREEMENT"},
    {"resume", TO_PLATFORM, 2, AGREEMENT_ACTION(RESUME), FALSE, "AGREEMENT"},
};

static const Action *find_action(const Arguments *arguments, gboolean with_words)
{
    const char *name = arguments->n_words > 0 ? arguments->words[0] : "";
    for (gsize i = 0; i < G_N_ELEMENTS(actions); i++) {
        if (strcmp(actions[i].name, name) == 0 &&
            (!with_words || actions[i].n_words == arguments->n_words))
            return &actions[i];
    }
    return NULL;
}

// --- terms ---------------------------------------------------------------------------------------

typedef struct {
    WireAgreementTerms wire;
    WireTariff tariff;
    WireCurrency currency;
    WirePrice price;
    WirePrice *prices[1];
} TermsMessage;

static void fill_tariff(const Terms *terms, TermsMessage *ret_message)
{
    ret_message->currency = (WireCurrency)WIRE_CURRENCY_INIT;
    ret_message->currency.code = (char *)terms->currency;
    ret_message->currency.decimals = 2;
    ret_message->price = (WirePrice)WIRE_PRICE_INIT;
    ret_message->price.micro_per_key = terms->micro_per_key;
    ret_message->price.micro_per_bit = terms->micro_per_bit;
    ret_message->price.micro_per_second = terms->micro_per_second;
    ret_message->prices[0] = &ret_message->price;
    ret_message->tariff = (WireTariff)WIRE_TARIFF_INIT;
    ret_message->tariff.currency = &ret_message->currency;
    ret_message->tariff.prices = ret_message->prices;
    ret_message->tariff.n_prices = 1;
    ret_message->tariff.minimum = terms->minimum;
    ret_message->tariff.overrun_basis_points = (guint32)terms->overrun_basis_points;
    ret_message->wire.tariff = &ret_message->tariff;
}

static void fill_terms(Terms *terms, TermsMessage *ret_message)
{
    WireAgreementTerms *wire = &ret_message->wire;
    *wire = (WireAgreementTerms)WIRE_AGREEMENT_TERMS_INIT;
    wire->purposes = terms->purposes;
    wire->n_purposes = terms->n_purposes;
    wire->quota_bits = terms->quota_bits;
    wire->is_quota_soft = terms->is_quota_soft;
    wire->period_s = terms->link ? 0 : (guint32)terms->period_s;
    wire->rate_bps = terms->rate_bps;
    wire->valid_from_us = terms->valid_from_us;
    wire->valid_until_us = terms->valid_until_us;
    wire->link = (char *)(terms->link ? terms->link : "");
    if (terms->currency)
        fill_tariff(terms, ret_message);
}

static void fill_least(const Terms *terms, const WireAgreementTerms *wanted,
                       WireAgreementTerms *ret_least)
{
    *ret_least = *wanted;
    if (terms->least_quota_bits > 0)
        ret_least->quota_bits = terms->least_quota_bits;
    if (terms->least_rate_bps > 0)
        ret_least->rate_bps = terms->least_rate_bps;
}

// --- asking --------------------------------------------------------------------------------------

static int put(Arguments *arguments, const char *member, WireAgreementCommand *command,
               const char *verb)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Progress) progress G_GNUC_UNUSED = progress_new("waiting for the answer");
    WireAdmin question = WIRE_ADMIN_INIT;
    question.command_case = QKDNF__V1__ADMIN__COMMAND_AGREEMENT;
    question.agreement = command;
    WireAdminReply *answer = inquiry_admin(&arguments->access, member, &question, &error);
    int code = answer ? admin_report(answer, arguments->words[0], "agreement", command->agreement,
                                     arguments->json, verb)
                      : verb_fail_on_bus(verb, error);
    wire_free(answer);
    return code;
}

static int run(Arguments *arguments, const char *verb)
{
    const Action *action = find_action(arguments, TRUE);
    const char *member =
        action->to == TO_PLATFORM ? arguments->access.platform : arguments->words[1];
    if (action->action == AGREEMENT_ACTION(UNSPECIFIED))
        return agreement_print_all(&arguments->access, member, arguments->json, verb);
    TermsMessage terms;
    WireAgreementTerms least;
    char id[UUID_CHARS + 1];
    gboolean is_proposal = action->action == AGREEMENT_ACTION(PROPOSE);
    WireAgreementCommand command = WIRE_AGREEMENT_COMMAND_INIT;
    command.action = action->action;
    command.agreement = (char *)arguments->words[arguments->n_words - 1];
    command.reason = (char *)(arguments->reason ? arguments->reason : "");
    if (action->has_terms) {
        fill_terms(&arguments->terms, &terms);
        command.terms = &terms.wire;
    }
    if (is_proposal) {
        inquiry_new_id(id);
        fill_least(&arguments->terms, &terms.wire, &least);
        command.seller = command.agreement;
        command.agreement = id;
        command.least = &least;
    }
    return put(arguments, member, &command, verb);
}

// --- command line --------------------------------------------------------------------------------

static void parse_time(guint64 *ret_us, const char *option, const char *value,
                       struct argp_state *state)
{
    if (!agreement_time_parse(value, ret_us))
        argp_error(state, "--%s: '%s' is not " AGREEMENT_TIME_EXPECTED, option, value);
}

static error_t parse_terms(Terms *terms, int key, const char *value, struct argp_state *state)
{
    switch (key) {
    case OPTION_PURPOSES:
        verb_parse_purposes(state, value, terms->purposes, &terms->n_purposes);
        return 0;
    case OPTION_QUOTA:
        terms->quota_bits = verb_parse_number(state, "quota-bits", value, 0, 1000000000000000);
        return 0;
    case OPTION_LEAST_QUOTA:
        terms->least_quota_bits =
            verb_parse_number(state, "least-quota-bits", value, 1, 1000000000000000);
        return 0;
    case OPTION_SOFT_QUOTA:
        terms->is_quota_soft = TRUE;
        return 0;
    case OPTION_PERIOD:
        terms->period_s = verb_parse_number(state, "period-s", value, 1, 31622400);
        return 0;
    case OPTION_RATE:
        terms->rate_bps = verb_parse_number(state, "rate-bps", value, 0, 1000000000000);
        return 0;
    case OPTION_LEAST_RATE:
        terms->least_rate_bps = verb_parse_number(state, "least-rate-bps", value, 1, 1000000000000);
        return 0;
    case OPTION_FROM:
        parse_time(&terms->valid_from_us, "valid-from", value, state);
        return 0;
    case OPTION_UNTIL:
        parse_time(&terms->valid_until_us, "valid-until", value, state);
        return 0;
    case OPTION_LINK:
        terms->link = value;
        return 0;
    case OPTION_CURRENCY:
        terms->currency = value;
        return 0;
    case OPTION_PER_KEY:
        terms->micro_per_key = verb_parse_number(state, "micro-per-key", value, 0, 1000000000000);
        return 0;
    case OPTION_PER_BIT:
        terms->micro_per_bit = verb_parse_number(state, "micro-per-bit", value, 0, 1000000000000);
        return 0;
    case OPTION_PER_SECOND:
        terms->micro_per_second =
            verb_parse_number(state, "micro-per-second", value, 0, 1000000000000);
        return 0;
    case OPTION_MINIMUM:
        terms->minimum = verb_parse_number(state, "minimum", value, 0, 1000000000000);
        return 0;
    case OPTION_OVERRUN:
        terms->overrun_basis_points =
            verb_parse_number(state, "overrun-basis-points", value, 0, 100000);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void check_words(const Arguments *arguments, struct argp_state *state)
{
    const Terms *terms = &arguments->terms;
    const Action *action = find_action(arguments, FALSE);
    if (!action)
        argp_error(state,
                   "expected list, propose, offer, accept, refuse, end, suspend or resume%s%s",
                   arguments->n_words > 0 ? ", not " : "",
                   arguments->n_words > 0 ? arguments->words[0] : "");
    if (!find_action(arguments, TRUE))
        argp_error(state, "%s: expected %s", action->name, action->expected);
    guint n_subjects = (terms->n_purposes > 0) + (terms->link != NULL);
    if (action->has_terms && n_subjects != 1)
        argp_error(state, "%s needs --purposes or --link, and not both", action->name);
    if (!action->has_terms && n_subjects > 0)
        argp_error(state, "%s takes no terms", action->name);
    if (terms->link && (terms->rate_bps == 0 || terms->valid_until_us == 0))
        argp_error(state, "--link needs --rate-bps and --valid-until");
    if (terms->is_quota_soft && terms->quota_bits == 0)
        argp_error(state, "--soft-quota needs --quota-bits");
    if (!terms->currency && terms->micro_per_key + terms->micro_per_bit + terms->micro_per_second +
                                    terms->minimum + terms->overrun_basis_points >
                                0)
        argp_error(state, "prices need a --currency");
}

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    Arguments *arguments = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &arguments->access;
        return 0;
    case OPTION_REASON:
        arguments->reason = value;
        return 0;
    case 'j':
        arguments->json = TRUE;
        return 0;
    case ARGP_KEY_ARG:
        if (arguments->n_words >= G_N_ELEMENTS(arguments->words))
            argp_error(state, "unexpected argument '%s'", value);
        arguments->words[arguments->n_words++] = value;
        return 0;
    case ARGP_KEY_END:
        check_words(arguments, state);
        return 0;
    default:
        return parse_terms(&arguments->terms, key, value, state);
    }
}

static const struct argp_child children[] = {{&access_asking_argp, 0, NULL, 0}, {0}};
static const struct argp argp = {
    .options = options,
    .parser = parse_option,
    .args_doc = "list [PROVIDER]\n"
                "propose BUYER SELLER --purposes=PURPOSE,…\n"
                "propose BUYER SELLER --link=BORDER --rate-bps=N --valid-until=TIME\n"
                "offer PROVIDER AGREEMENT --purposes=PURPOSE,…\n"
                "offer PROVIDER AGREEMENT --link=BORDER --rate-bps=N --valid-until=TIME\n"
                "accept|refuse|end PROVIDER AGREEMENT\n"
                "suspend|resume|end AGREEMENT",
    .children = children,
    .doc =
        "Agreements: what one provider may use of another. A buyer proposes; the seller accepts, "
        "offers other terms or refuses; the buyer accepts that or refuses. With --link, capacity "
        "of "
        "a border link is reserved for the buyer's sessions: if not all of it is free, the "
        "platform "
        "cuts the proposal down to no less than --least-rate-bps, or refuses it and says what is "
        "free. What names a provider "
        "is for its operators, and goes to its agent; the rest is for operators of the "
        "federation. What runs under an agreement that ends is moved, or has a while to end. The "
        "standing terms that the federation has ended for a member, terms-VERSION/all/PROVIDER, "
        "are not offered to it again until they are resumed.",
};

int verb_agreement(int argc, char **argv)
{
    Arguments arguments = {.terms = {.period_s = 86400}};
    argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    g_autoptr(GError) error = NULL;
    int code = access_resolve(&arguments.access, ACCESS_OPERATORS, &error)
                   ? run(&arguments, argv[0])
                   : verb_fail_on_bus(argv[0], error);
    access_clear(&arguments.access);
    return code;
}
