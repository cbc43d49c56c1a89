// SPDX-License-Identifier: Apache-2.0

#include "tools/qkdnf/admin-print.h"
#include "tools/qkdnf/inquiry.h"
#include "tools/qkdnf/progress.h"
#include "tools/qkdnf/verb.h"

#include <stdio.h>
#include <string.h>

typedef struct {
    Access access;
    const char *provider; // NULL: all
    gboolean json;
} Arguments;

static const struct argp_option options[] = {
    {"json", 'j', NULL, 0, "report as JSON, one object a line", 0},
    {0},
};

// --- report --------------------------------------------------------------------------------------

static void print_json(const WireRating *rating)
{
    json_t *parts = json_pack("{s:i, s:i, s:i, s:i, s:i}", "delivery", (int)rating->delivery_part,
                              "delay", (int)rating->delay_part, "availability",
                              (int)rating->availability_part, "throughput",
                              (int)rating->throughput_part, "accounts", (int)rating->accounts_part);
    json_t *report = json_pack(
        "{s:s, s:I, s:I, s:i, s:i, s:b, s:o, s:i, s:i, s:I, s:I, s:I, s:i, s:i, s:I, s:I, s:i, s:I,"
        " s:I, s:I, s:I, s:i, s:i}",
        "provider", rating->provider, "at_us", (json_int_t)rating->at_us, "from_us",
        (json_int_t)rating->from_us, "score", (int)rating->score, "routed", (int)rating->routed,
        "low", rating->low, "parts", parts, "orders", (int)rating->orders, "delays",
        (int)rating->delays, "delay_p50_us", (json_int_t)rating->delay_p50_us, "delay_p95_us",
        (json_int_t)rating->delay_p95_us, "delay_variation_us",
        (json_int_t)rating->delay_variation_us, "loss_ppm", (int)rating->loss_ppm, "error_ppm",
        (int)rating->error_ppm, "observed_us", (json_int_t)rating->observed_us, "down_us",
        (json_int_t)rating->down_us, "outages", (int)rating->outages, "restoration_us",
        (json_int_t)rating->restoration_us, "longest_us", (json_int_t)rating->longest_us,
        "promised_bits", (json_int_t)rating->promised_bits, "delivered_bits",
        (json_int_t)rating->delivered_bits, "records", (int)rating->records, "disputed_ppm",
        (int)rating->disputed_ppm);
    verb_print_json(report);
    json_decref(report);
}

static void print_line(const WireRating *rating)
{
    printf("%-20s %4u of 1000%s  %u orders, %.2f %% lost, %.2f %% wrong, p95 %.1f ms\n",
           rating->provider, rating->score, rating->low ? ", low" : "", rating->orders,
           rating->loss_ppm / 1e4, rating->error_ppm / 1e4, (double)rating->delay_p95_us / 1e3);
}

static void print_part(guint part, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void print_part(guint part, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    printf("  %4u  %s\n", part, text);
}

// All that it was made of: the parts, each with what was measured.
static void explain(const WireRating *rating)
{
    g_autofree char *from = admin_format_time(rating->from_us);
    double seconds = (double)rating->observed_us / G_USEC_PER_SEC;
    double up =
        rating->observed_us > 0 ? 1 - (double)rating->down_us / (double)rating->observed_us : 1;
    printf("%s: %u of 1000%s since %s; paths are chosen by %u; the product of\n", rating->provider,
           rating->score, rating->low ? ", below the floor," : "", from, rating->routed);
    print_part(rating->delivery_part,
               "delivery: of %u orders %.4f %% were lost, the key of %.4f %% was wrong",
               rating->orders, rating->loss_ppm / 1e4, rating->error_ppm / 1e4);
    print_part(rating->delay_part,
               "delay: of %u orders half were done in %.1f ms, 95 %% in %.1f ms, variation %.1f ms",
               rating->delays, (double)rating->delay_p50_us / 1e3,
               (double)rating->delay_p95_us / 1e3, (double)rating->delay_variation_us / 1e3);
    print_part(rating->availability_part,
               "availability: %.4f %% of %.0f s; %u times restored, in %.1f s, at most %.1f s",
               up * 100, seconds, rating->outages, (double)rating->restoration_us / G_USEC_PER_SEC,
               (double)rating->longest_us / G_USEC_PER_SEC);
    print_part(rating->throughput_part,
               "throughput: of %" G_GUINT64_FORMAT " bits promised, %" G_GUINT64_FORMAT
               " were delivered",
               rating->promised_bits, rating->delivered_bits);
    print_part(rating->accounts_part, "accounts: of %u records %.4f %% are disputed",
               rating->records, rating->disputed_ppm / 1e4);
}

// Whether it was one that was asked for.
static gboolean print(const Arguments *arguments, const WireRating *rating)
{
    if (arguments->provider && strcmp(rating->provider, arguments->provider) != 0)
        return FALSE;
    if (arguments->json)
        print_json(rating);
    else if (arguments->provider)
        explain(rating);
    else
        print_line(rating);
    return TRUE;
}

// --- question ------------------------------------------------------------------------------------

static WireAdminReply *ask(Arguments *arguments, const char *after, GError **error)
{
    g_autoptr(Progress) progress G_GNUC_UNUSED = progress_new("waiting for the answer");
    WireRatingQuery query = WIRE_RATING_QUERY_INIT;
    query.after = (char *)after;
    WireAdmin question = WIRE_ADMIN_INIT;
    question.command_case = QKDNF__V1__ADMIN__COMMAND_RATINGS;
    question.ratings = &query;
    return inquiry_admin(&arguments->access, arguments->access.platform, &question, error);
}

static int run(Arguments *arguments, const char *verb)
{
    guint n_printed = 0;
    g_autofree char *after = g_strdup("");
    while (after) {
        g_autoptr(GError) error = NULL;
        WireAdminReply *answer = ask(arguments, after, &error);
        if (!answer)
            return verb_fail_on_bus(verb, error);
        for (gsize i = 0; i < answer->n_ratings; i++)
            n_printed += print(arguments, answer->ratings[i]);
        g_free(after);
        after = answer->more && answer->n_ratings > 0
                    ? g_strdup(answer->ratings[answer->n_ratings - 1]->provider)
                    : NULL;
        wire_free(answer);
    }
    if (n_printed > 0 || !arguments->provider)
        return EXIT_DONE;
    fprintf(stderr, "%s: nothing was measured yet of a provider '%s'\n", verb, arguments->provider);
    return EXIT_REFUSED;
}

// --- command line --------------------------------------------------------------------------------

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    Arguments *arguments = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &arguments->access;
        return 0;
    case 'j':
        arguments->json = TRUE;
        return 0;
    case ARGP_KEY_ARG:
        if (arguments->provider)
            argp_error(state, "unexpected argument '%s'", value);
        arguments->provider = value;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {{&access_asking_argp, 0, NULL, 0}, {0}};
static const struct argp argp = {
    .options = options,
    .parser = parse_option,
    .args_doc = "[PROVIDER]",
    .children = children,
    .doc =
        "Shows how providers serve, in the terms of ITU-T Y.3807: delay and its variation, error "
        "and loss ratio, availability with restoration time, throughput promised and delivered. "
        "What others measured counts, not what a provider says of itself. Of one PROVIDER, shows "
        "all that its score was made of.",
};

int verb_rating(int argc, char **argv)
{
    Arguments arguments = {0};
    argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    g_autoptr(GError) error = NULL;
    int code = access_resolve(&arguments.access, ACCESS_OPERATORS, &error)
                   ? run(&arguments, argv[0])
                   : verb_fail_on_bus(argv[0], error);
    access_clear(&arguments.access);
    return code;
}
