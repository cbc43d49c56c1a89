// SPDX-License-Identifier: Apache-2.0

#include "schemas/agreement.h"

#include <string.h>

#define STATE_PREFIX "AGREEMENT_STATE_"

// As IDs on the bus.
#define LINK_MAX 64

// Packed: of two of them and all else, what is said of an agreement fits into a frame.
#define TERMS_MAX_BYTES 4096

const char *agreement_state_name(AgreementState state)
{
    const ProtobufCEnumValue *value =
        protobuf_c_enum_descriptor_get_value(&qkdnf__v1__agreement_state__descriptor, (int)state);
    return value && state != AGREEMENT(UNSPECIFIED) ? value->name + strlen(STATE_PREFIX) : "NONE";
}

char *agreement_standing_id(guint64 version, const char *buyer, const char *seller)
{
    return g_strdup_printf("terms-%" G_GUINT64_FORMAT "/%s/%s", version, buyer, seller);
}

Purposes agreement_terms_purposes(const WireAgreementTerms *terms)
{
    return purposes_of(terms->purposes, terms->n_purposes);
}

gboolean agreement_state_is_final(AgreementState state)
{
    return (AGREEMENT_BIT(ENDED) | AGREEMENT_BIT(FAILED)) & (1u << state);
}

gboolean agreement_terms_are_standing(const WireAgreementTerms *terms)
{
    return terms->version > 0;
}

gboolean agreement_terms_reserve(const WireAgreementTerms *terms)
{
    return terms->link[0] != 0;
}

static gboolean is_same_tariff(const Qkdnf__V1__Tariff *a, const Qkdnf__V1__Tariff *b)
{
    if (!a || !b)
        return a == b;
    gsize n_a = protobuf_c_message_get_packed_size(&a->base);
    gsize n_b = protobuf_c_message_get_packed_size(&b->base);
    g_autofree guint8 *packed_a = g_malloc(n_a + 1), *packed_b = g_malloc(n_b + 1);
    protobuf_c_message_pack(&a->base, packed_a);
    protobuf_c_message_pack(&b->base, packed_b);
    return n_a == n_b && memcmp(packed_a, packed_b, n_a) == 0;
}

gboolean agreement_terms_equal(const WireAgreementTerms *a, const WireAgreementTerms *b)
{
    return a->version == b->version && agreement_terms_purposes(a) == agreement_terms_purposes(b) &&
           a->quota_bits == b->quota_bits && a->period_s == b->period_s &&
           a->rate_bps == b->rate_bps && a->valid_from_us == b->valid_from_us &&
           a->valid_until_us == b->valid_until_us && strcmp(a->link, b->link) == 0 &&
           a->is_quota_soft == b->is_quota_soft && is_same_tariff(a->tariff, b->tariff);
}

// 0 is no limit, and so more than any.
static gboolean is_enough(guint64 offered, guint64 wanted)
{
    return offered == 0 || (wanted != 0 && offered >= wanted);
}

// Beyond a soft quota there is more, but it may cost more.
static gboolean is_quota_enough(const WireAgreementTerms *offered, const WireAgreementTerms *wanted)
{
    return offered->quota_bits == 0 || (is_enough(offered->quota_bits, wanted->quota_bits) &&
                                        offered->period_s <= wanted->period_s &&
                                        offered->is_quota_soft == wanted->is_quota_soft);
}

gboolean agreement_terms_cover(const WireAgreementTerms *offered, const WireAgreementTerms *wanted)
{
    return !(agreement_terms_purposes(wanted) & ~agreement_terms_purposes(offered)) &&
           is_quota_enough(offered, wanted) && is_enough(offered->rate_bps, wanted->rate_bps) &&
           offered->valid_from_us <= wanted->valid_from_us &&
           is_enough(offered->valid_until_us, wanted->valid_until_us) &&
           strcmp(offered->link, wanted->link) == 0 &&
           is_same_tariff(offered->tariff, wanted->tariff);
}

static const char *find_reservation_fault(const WireAgreementTerms *terms)
{
    if (strlen(terms->link) > LINK_MAX)
        return "the terms name a border link whose ID is too long";
    if (terms->n_purposes > 0 || terms->quota_bits > 0 || terms->is_quota_soft || terms->tariff)
        return "a reservation has neither purposes nor quota nor tariff";
    return terms->rate_bps == 0 || terms->valid_until_us == 0
               ? "a reservation needs a rate, and a time at which it ends"
               : NULL;
}

char *agreement_terms_fault(const WireAgreementTerms *terms)
{
    gsize n_bytes = protobuf_c_message_get_packed_size(&terms->base);
    if (n_bytes > TERMS_MAX_BYTES)
        return g_strdup_printf("the terms have %" G_GSIZE_FORMAT " bytes; expected at most %d",
                               n_bytes, TERMS_MAX_BYTES);
    if (terms->valid_until_us > 0 && terms->valid_until_us <= terms->valid_from_us)
        return g_strdup("the terms end before they begin");
    if (agreement_terms_reserve(terms))
        return g_strdup(find_reservation_fault(terms));
    if (terms->n_purposes > PURPOSES_MAX || agreement_terms_purposes(terms) == 0)
        return g_strdup("the terms name no purpose that there is; expected " PURPOSES_EXPECTED);
    if (terms->quota_bits > 0 && terms->period_s == 0)
        return g_strdup("the terms have a quota without a period");
    if (terms->quota_bits == 0 && terms->is_quota_soft)
        return g_strdup("the terms have a soft quota of 0 bits; expected how many, or no quota");
    return NULL;
}

const char *agreement_next_party(const WireAgreement *agreement)
{
    if (agreement->state == AGREEMENT(PROPOSED))
        return agreement->seller;
    if (agreement->state != AGREEMENT(OFFERED))
        return NULL;
    return strcmp(agreement->buyer, "all") == 0 ? agreement->seller : agreement->buyer;
}

guint64 agreement_period(const WireAgreementTerms *terms, gint64 now_us)
{
    if (terms->quota_bits == 0 || terms->period_s == 0)
        return 0;
    return 1 + (guint64)now_us / (terms->period_s * (guint64)G_USEC_PER_SEC);
}

gboolean agreement_time_parse(const char *text, guint64 *ret_us)
{
    g_autoptr(GTimeZone) utc = g_time_zone_new_utc();
    g_autoptr(GDateTime) time = text ? g_date_time_new_from_iso8601(text, utc) : NULL;
    gint64 unix_s = time ? g_date_time_to_unix(time) : 0;
    *ret_us = unix_s > 0 ? (guint64)unix_s * G_USEC_PER_SEC : 0;
    return !text || unix_s > 0;
}
