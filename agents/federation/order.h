#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// One order as the agent works on it. Inside the agent core: order.c is the conversation,
// order-check.c what may be asked for, order-early.c keeps relay values that came before it,
// order-relay.c is what it does with slots, order-keys.c where its keys come from and go to,
// order-slots.c takes its slots and burns them, order-store.c keeps it.

#include "agents/federation/core.h"

// More than any platform tries for one request.
#define ORDER_ATTEMPTS_MAX 1024

#define BRANCH(role) QKDNF__V1__BRANCH_ROLE__BRANCH_ROLE_##role

typedef enum {
    ORDER_WORKING,
    ORDER_DONE, // answered, well or badly
    ORDER_VOIDED,
} OrderState;

// A relay value that was published, kept to be published again.
typedef struct {
    char *to;
    WireRelay *relay;
} OrderSent;

typedef struct {
    char *id; // "request/attempt"
    OrderState state;
    Status status;
    char *text;
    GPtrArray *sent;     // OrderSent
    gboolean is_used;    // what it takes of a quota is: something of it has left the process
    gint64 forget_at_us; // once it is answered

    // While working
    WireOrder *order;
    gint64 started_us;
    gint64 give_up_us;    // the platform does not wait for longer
    GArray *calls;        // of the driver, by number: interior relays
    guint n_relaying;     // of these, under way
    gboolean has_transit; // its TRANSIT branches are done
    GPtrArray *values;    // WireRelay that arrived for its TARGET branches
} Order;

Order *order_new(Agent *agent, const char *id, OrderState state);
Slots order_slots(const WireSlotRange *range);

// Whether a branch of this role leads to this target.
gboolean order_has_role(const WireOrder *wire, Qkdnf__V1__BranchRole role, guint target);
gboolean order_is_target(const WireOrder *wire);
gboolean order_is_home(const Agent *agent, const WireOrder *wire);

// Whether every relay value that its TARGET branches need has arrived.
gboolean order_has_all_values(const Order *order);
// The branch and place that a relay value belongs to, if `from` is the one to send it; else FALSE.
gboolean order_expects(const Order *order, const WireRelay *relay, const char *from);

// Whether the slots that it has yet to spend are still reserved for it.
gboolean order_keeps_slots(const Agent *agent, const Order *order);
// Each spends reserved slots and adds what is to be published to `sent`.
void order_relay_transit(Agent *agent, Order *order);
// The initiator's side: fresh keys, sent to all targets elsewhere.
Secret *order_make_keys(Agent *agent, Order *order);
// The targets' side; NULL when what was relayed does not authenticate.
Secret *order_open_keys(Agent *agent, Order *order);

// order-keys.c
// Whether keys of it stay in the store here.
gboolean order_brings_keys(const Agent *agent, const WireOrder *wire);
// Whether they are within what is kept for one pair, or for one end of a session.
gboolean order_has_room(const Agent *agent, const WireOrder *wire);
// Puts into their places those of the keys to be copied that the moving user could still get here;
// the others stay what they are.
void order_copy_keys(const Agent *agent, const WireOrder *wire, Secret *keys);
// Puts the keys into the store for those of the applications that are users of this provider.
void order_store_keys(Agent *agent, const WireOrder *wire, const Secret *keys);

// order-slots.c
// All slots of the order, or none.
Status order_reserve_slots(Agent *agent, const WireOrder *wire);
// What is left of them will serve nothing else.
void order_burn_slots(Agent *agent, const WireOrder *wire);

// order-early.c
void order_keep_early(Agent *agent, const char *id, const char *from, const WireRelay *relay);
void order_take_early(Agent *agent, Order *order);
void order_forget_early(Agent *agent, const char *id);

// order-store.c
void order_save(Agent *agent, const Order *order, gint64 forget_at_us);
// Whether what was published for it is too much to be kept for as long as its answer.
gboolean order_is_large(const Order *order);
// Nobody will ask for what was published again: it is kept no longer.
void order_let_go(Agent *agent, Order *order);

// order-check.c: NULL when the order makes sense here, else why not.
const char *order_find_fault(const Agent *agent, const WireOrder *wire);
