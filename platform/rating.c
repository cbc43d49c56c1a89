// SPDX-License-Identifier: Apache-2.0
//
// The ratings of all providers: kept, said, and used for choosing paths. Every ten seconds what was
// counted meanwhile is looked at, made durable and said. What was counted since is lost when the
// platform dies: that is a sample of what it measures, and nobody is owed it.

#include "platform/rating.h"

#include "platform/admin.h"
#include "platform/state.pb-c.h"
#include "topics/record.h"

#include <string.h>

#define REVIEW_US (10 * G_TIME_SPAN_SECOND)

// Well below what an answer may hold.
#define RATINGS_PER_PAGE 500

// A provider of score 0 costs as much as three more borders.
#define COST_PER_POINT 3

typedef struct {
    char *provider;
    Rating *rating;
    guint routed;
    gboolean is_low;
    gboolean is_to_be_said;
} Rated;

void ratings_free(gpointer data)
{
    Rated *rated = data;
    g_free(rated->provider);
    rating_free(rated->rating);
    g_free(rated);
}

static gint64 window_us(const Federation *federation)
{
    return (gint64)federation->config->rating.window_s * G_USEC_PER_SEC;
}

static Rated *rated_add(Federation *federation, const char *provider, Rating *rating)
{
    Rated *rated = g_new0(Rated, 1);
    rated->provider = g_strdup(provider);
    rated->rating = rating;
    rated->routed = RATING_BEST;
    g_tree_insert(federation->ratings, rated->provider, rated);
    return rated;
}

// NULL: nobody is rated.
static Rated *rated_open(Federation *federation, const char *provider)
{
    if (window_us(federation) == 0)
        return NULL;
    Rated *rated = g_tree_lookup(federation->ratings, provider);
    return rated ? rated
                 : rated_add(federation, provider,
                             rating_new(federation->now, window_us(federation)));
}

// --- what is counted -----------------------------------------------------------------------------

void ratings_count_order(Federation *federation, const char *provider, const RatingOrder *order)
{
    Rated *rated = rated_open(federation, provider);
    if (rated)
        rating_count_order(rated->rating, federation->now, order);
}

void ratings_count_record(Federation *federation, const char *provider, guint disputed_milli)
{
    Rated *rated = rated_open(federation, provider);
    if (rated)
        rating_count_record(rated->rating, federation->now, disputed_milli);
}

void ratings_on_presence(Federation *federation, const Member *member)
{
    Rated *rated = rated_open(federation, member->provider->id);
    if (rated)
        rating_set_presence(rated->rating, federation->now,
                            member->state != MEMBER(ACTIVE) ? RATING_UNKNOWN
                            : member->provider->is_usable   ? RATING_UP
                                                            : RATING_DOWN);
}

// --- what follows --------------------------------------------------------------------------------

static void save(Federation *federation, const Rated *rated)
{
    Platform__State__Rating state = PLATFORM__STATE__RATING__INIT;
    rating_save(rated->rating, &state);
    state.routed = rated->routed;
    state.is_low = rated->is_low;
    g_autoptr(GBytes) value = message_pack(&state.base);
    store_put_text(federation->store, "rating", rated->provider, value);
}

static WireRating wire_of(const Federation *federation, const Rated *rated)
{
    WireRating wire = WIRE_RATING_INIT;
    rating_measure(rated->rating,
                   (gint64)federation->config->rating.delay_ms * G_TIME_SPAN_MILLISECOND, &wire);
    wire.provider = rated->provider;
    wire.at_us = (guint64)federation->now;
    wire.routed = rated->routed;
    wire.low = rated->is_low;
    return wire;
}

static void set_cost(const Federation *federation, const Rated *rated)
{
    Provider *provider = topology_find(federation->topology, rated->provider);
    if (provider)
        provider->rating_cost = (RATING_BEST - rated->routed) * COST_PER_POINT;
}

static void tell_floor(Federation *federation, const Rated *rated, const WireRating *wire)
{
    federation_event(federation,
                     &(EventHead){.severity = rated->is_low ? QKDNF__V1__SEVERITY__SEVERITY_ALARM
                                                            : QKDNF__V1__SEVERITY__SEVERITY_INFO,
                                  .name = rated->is_low ? "rating.low" : "rating.recovered",
                                  .subject = rated->provider},
                     "score %u of %u, delivery %u, delay %u, availability %u, throughput %u, "
                     "accounts %u; the floor is %" G_GUINT64_FORMAT,
                     wire->score, RATING_BEST, wire->delivery_part, wire->delay_part,
                     wire->availability_part, wire->throughput_part, wire->accounts_part,
                     federation->config->rating.floor);
}

// TRUE: it has just fallen below the floor.
static gboolean judge(Federation *federation, Rated *rated)
{
    WireRating wire = wire_of(federation, rated);
    gboolean was_low = rated->is_low;
    rated->routed = rating_follow(rated->routed, wire.score);
    rated->is_low = rating_is_low(was_low, wire.score, (guint)federation->config->rating.floor);
    set_cost(federation, rated);
    wire.routed = rated->routed;
    wire.low = rated->is_low;
    save(federation, rated);
    federation_send(federation, KIND_RATING, rated->provider, &wire.base);
    if (rated->is_low != was_low)
        tell_floor(federation, rated, &wire);
    return rated->is_low && !was_low;
}

typedef struct {
    Federation *federation;
    GPtrArray *fallen; // Rated
} Review;

static gboolean review_one(gpointer id, gpointer value, gpointer data)
{
    Review *review = data;
    Rated *rated = value;
    Federation *federation = review->federation;
    if (member_state(federation, id) != MEMBER(ACTIVE))
        rating_set_presence(rated->rating, federation->now, RATING_UNKNOWN);
    rating_advance(rated->rating, federation->now);
    gboolean has_news = rating_take_news(rated->rating);
    if ((has_news || rated->is_to_be_said) && judge(federation, rated))
        g_ptr_array_add(review->fallen, rated);
    rated->is_to_be_said = FALSE;
    return FALSE;
}

// Once for each fall: who is let in again by an operator stays, until it has recovered and falls
// again.
static void suspend(Federation *federation, const char *provider)
{
    Member *member = member_find(federation, provider);
    if (!member || member->state != MEMBER(ACTIVE))
        return;
    g_autofree char *reason = g_strdup_printf("its rating is below the floor of %" G_GUINT64_FORMAT,
                                              federation->config->rating.floor);
    member_enter(federation, member,
                 &(MemberChange){MEMBER(SUSPENDED), federation->config->id, "suspend", reason});
}

static void arm(Federation *federation)
{
    if (window_us(federation) > 0)
        timers_arm_loosely(federation->timers, TIMER_RATING, "", federation->now + REVIEW_US);
}

void ratings_on_timer(Federation *federation)
{
    g_autoptr(GPtrArray) fallen = g_ptr_array_new();
    Review review = {federation, fallen};
    g_tree_foreach(federation->ratings, review_one, &review);
    for (guint i = 0; federation->config->rating.suspend && i < fallen->len; i++)
        suspend(federation, ((Rated *)fallen->pdata[i])->provider);
    arm(federation);
}

static gboolean say_again(gpointer id, gpointer value, gpointer data)
{
    ((Rated *)value)->is_to_be_said = TRUE;
    return FALSE;
}

void ratings_resume(Federation *federation)
{
    g_tree_foreach(federation->ratings, say_again, NULL);
    arm(federation);
}

// --- questions -----------------------------------------------------------------------------------

gboolean ratings_find(Federation *federation, const char *provider, WireRating *ret_wire)
{
    Rated *rated = g_tree_lookup(federation->ratings, provider);
    if (!rated)
        return FALSE;
    rating_advance(rated->rating, federation->now);
    *ret_wire = wire_of(federation, rated);
    return TRUE;
}

void ratings_list(Federation *federation, const Sender *sender, const WireAdmin *admin)
{
    g_autofree WireRating *wires = g_new(WireRating, RATINGS_PER_PAGE);
    g_autofree WireRating **pointers = g_new(WireRating *, RATINGS_PER_PAGE);
    WireAdminReply reply = WIRE_ADMIN_REPLY_INIT;
    reply.ratings = pointers;
    GTreeNode *node = g_tree_upper_bound(federation->ratings, admin->ratings->after);
    for (; node && reply.n_ratings < RATINGS_PER_PAGE; node = g_tree_node_next(node)) {
        Rated *rated = g_tree_node_value(node);
        rating_advance(rated->rating, federation->now);
        wires[reply.n_ratings] = wire_of(federation, rated);
        pointers[reply.n_ratings] = &wires[reply.n_ratings];
        reply.n_ratings++;
    }
    reply.more = node != NULL;
    admin_answer(federation, sender, admin, &reply);
}

// --- store ---------------------------------------------------------------------------------------

static void load_rating(gpointer data, GBytes *key, GBytes *value)
{
    RecordLoading *loading = data;
    Federation *federation = loading->core;
    g_autofree char *provider = record_name(key);
    Platform__State__Rating *state = record_unpack(&platform__state__rating__descriptor, value);
    Rating *rating =
        state ? rating_load(state, federation->now, MAX(window_us(federation), 1)) : NULL;
    if (rating) {
        Rated *rated = rated_add(federation, provider, rating);
        rated->routed = MIN(state->routed, RATING_BEST);
        rated->is_low = state->is_low;
        set_cost(federation, rated);
    } else {
        record_fail(loading, "rating", provider, "is damaged");
    }
    wire_free(state);
}

gboolean ratings_load(Federation *federation, GError **error)
{
    return record_load(federation->store, "rating", load_rating, federation, error);
}
