#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// What a broker lets its members say and hear, by the table of kinds: what patterns cannot say,
// beside them. Role and name of a member are those of its certificate; the state of its membership
// is what the platform says of it, in the retained messages of kind `member`, as they pass. Of whom
// the platform has said nothing since the broker started, any state is taken to be true: receivers
// check everything again, and a broker that has forgotten cuts off nobody who works.
//
// No I/O and no clock.

#include "topics/frame.h"

// A broker looks at so many frames and subscriptions of one member in a second, and so many bytes,
// whatever they are; who says more is to be cut off, and for so long nothing of it is looked at.
// The platform alone has no bounds: everyone speaks with it.
#define GATE_FRAMES_PER_S 20000
#define GATE_BYTES_PER_S  (64 * 1024 * 1024)
#define GATE_PENALTY_US   (10 * G_TIME_SPAN_SECOND)

// A member has so many subscriptions, and leaves state with so many others.
#define GATE_SUBSCRIPTIONS_MAX 64
#define GATE_RETAINED_MAX      4

typedef struct Gate Gate;

Gate *gate_new(void);
void gate_free(Gate *gate);

// What the member's certificate says; needed before anything else of that member is.
void gate_admit(Gate *gate, const char *member, Roles roles);

typedef struct {
    const char *topic;
    const guint8 *payload;
    gsize n_bytes;
    gboolean retained; // the broker is to keep it
} GatePublish;

// Whether the member may say that.
Refusal gate_publish(Gate *gate, const char *member, const GatePublish *publish, gint64 now_us);

// Whether it may hear what that filter matches, while it has `n_subscriptions`.
Refusal gate_subscribe(Gate *gate, const char *member, const char *filter, guint n_subscriptions,
                       gint64 now_us);

// Takes in what the member may say. Returns the ID of a member that this puts out of the federation
// and that has to be cut off, or NULL; free with g_free().
char *gate_learn(Gate *gate, const char *member, const GatePublish *publish);

// Whether the member has said so much that it has to be cut off.
gboolean gate_is_flooded(const Gate *gate, const char *member, gint64 now_us);

// Whether it is time to tell that the member was refused: at most once a minute; then how often it
// was since.
gboolean gate_tell(Gate *gate, const char *member, gint64 now_us, guint64 *ret_n_refused);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Gate, gate_free)
