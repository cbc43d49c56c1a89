#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// Two applications that fetch the same keys all the time, over ETSI GS QKD 014 and nothing else:
// the initiator a key (enc_keys), then the target the same by its ID (dec_keys). In a thread of its
// own.

#include <glib.h>
#include <jansson.h>

typedef struct Consumer Consumer;

// What became of all that was fetched.
typedef struct {
    guint n_keys;     // that were the same at both ends
    guint n_failed;   // calls
    guint n_wrong;    // different at the two ends, or there before
    char *first_text; // of what failed or was wrong; NULL: nothing
} ConsumerCount;

// With the certificates and KMEs of the federation's description; a key every `pace_us`.
Consumer *consumer_start(const json_t *federation, const char *initiator, const char *target,
                         gint64 pace_us, GError **error);
// From its next call on the initiator fetches at this KME; `id` may be NULL.
void consumer_move(Consumer *consumer, const char *kme_url, const char *kme_id);
// How long the slowest call took since this was last asked.
gint64 consumer_take_slowest(Consumer *consumer);
// Waits for the call that is under way, and frees. `ret_count` may be NULL.
void consumer_stop(Consumer *consumer, ConsumerCount *ret_count);

void consumer_count_clear(ConsumerCount *count);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ConsumerCount, consumer_count_clear)
