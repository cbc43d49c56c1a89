// SPDX-License-Identifier: Apache-2.0
//
// Orders: this provider's part in the platform's requests. An order is worked on in memory until it
// is done; then its slots are spent, its keys stored and its answer recorded in one commit, before
// anything of it leaves the process. Until then a crash forgets it, and the platform, which repeats
// what is not answered, starts it again. The same order again gets the same answer again.

#include "agents/federation/order.h"

#include "agents/federation/relay.h"

#include <string.h>

// An answered order is kept for longer than a frame that repeats it can be under way.
#define KEEP_US (3 * G_TIME_SPAN_MINUTE)

#define TEXT_NOT_METERED "too many usage records wait for the platform"

#define TEXT_NO_ROOM "too many keys for these applications wait to be fetched"

static char *order_name(const char *request, guint attempt)
{
    return g_strdup_printf("%s/%u", request, attempt);
}

// --- answers -------------------------------------------------------------------------------------

static void send_outcome(Agent *agent, const char *request, guint attempt, Status status,
                         const char *text)
{
    WireOutcome outcome = WIRE_OUTCOME_INIT;
    outcome.request = (char *)request;
    outcome.attempt = attempt;
    outcome.status = status;
    outcome.text = (char *)(text ? text : "");
    outcome.stage = QKDNF__V1__OUTCOME_STAGE__OUTCOME_STAGE_ORDER;
    agent_send(agent, KIND_OUTCOME, agent->config->platform, &outcome.base);
}

static void answer_release(Agent *agent, const WireRelease *release, gboolean is_used)
{
    WireOutcome outcome = WIRE_OUTCOME_INIT;
    outcome.request = release->request;
    outcome.attempt = release->attempt;
    outcome.status = QKDNF__V1__STATUS__STATUS_OK;
    outcome.stage = QKDNF__V1__OUTCOME_STAGE__OUTCOME_STAGE_RELEASE;
    outcome.is_used = is_used;
    agent_send(agent, KIND_OUTCOME, agent->config->platform, &outcome.base);
}

static void send_relays(Agent *agent, const Order *order)
{
    for (guint i = 0; i < order->sent->len; i++) {
        const OrderSent *sent = order->sent->pdata[i];
        agent_send(agent, KIND_RELAY, sent->to, &sent->relay->base);
    }
}

static void order_answer(Agent *agent, const Order *order, const WireOrder *wire)
{
    send_relays(agent, order);
    send_outcome(agent, wire->request, wire->attempt, order->status, order->text);
}

// From here on the order only repeats its answer, until it is forgotten.
static void order_close(Agent *agent, Order *order, OrderState state, Status status,
                        const char *text)
{
    order->state = state;
    order->status = status;
    g_free(order->text);
    order->text = g_strdup(text);
    g_clear_pointer(&order->order, wire_free);
    g_ptr_array_set_size(order->values, 0);
    order->forget_at_us = agent->now + KEEP_US;
    order_save(agent, order, order->forget_at_us);
    timers_arm_loosely(agent->timers, TIMER_ORDER, order->id,
                       order_is_large(order) ? order->give_up_us : order->forget_at_us);
}

// --- working -------------------------------------------------------------------------------------

// What nobody waits for any more must not use up the interior's key.
static void cancel_relays(Agent *agent, Order *order)
{
    for (guint i = 0; i < order->calls->len; i++)
        agent_driver_cancel(agent, g_array_index(order->calls, guint64, i));
    g_array_set_size(order->calls, 0);
    order->n_relaying = 0;
}

static void order_use(Agent *agent, Order *order)
{
    if (!order->is_used)
        assent_close(agent, order->order, TRUE);
    order->is_used = TRUE;
}

static void order_give_up(Agent *agent, const Order *order)
{
    if (!order->is_used)
        assent_close(agent, order->order, FALSE);
    order_burn_slots(agent, order->order);
}

// Answers the order, for good. What it did not use of its slots will serve nothing else.
static void order_finish(Agent *agent, Order *order, Status status, const char *text)
{
    cancel_relays(agent, order);
    if (status == STATUS_OK) {
        order_use(agent, order);
        usage_meter(agent, order->order, order->started_us);
    } else {
        order_give_up(agent, order);
    }
    WireOrder *wire = g_steal_pointer(&order->order);
    order_close(agent, order, ORDER_DONE, status, text);
    order_answer(agent, order, wire);
    wire_free(wire);
}

// Nobody will do more of it, or use what was kept for it.
static void order_stop(Agent *agent, Order *order)
{
    if (order->state == ORDER_WORKING) {
        cancel_relays(agent, order);
        order_give_up(agent, order);
    }
    g_ptr_array_set_size(order->sent, 0);
}

// Nor does anybody hear of it again but that it is void.
static void order_void(Agent *agent, Order *order)
{
    order_stop(agent, order);
    order_close(agent, order, ORDER_VOIDED, STATUS_VOIDED, NULL);
}

// Everything that waits for nobody is done and said at once; the rest when all relay values are
// here.
static void order_proceed(Agent *agent, Order *order)
{
    const WireOrder *wire = order->order;
    if (order->n_relaying > 0)
        return;
    if (!order_keeps_slots(agent, order)) {
        order_finish(agent, order, STATUS_SLOT_UNKNOWN, "slots were let go while it was worked on");
        return;
    }
    // Other orders for the same pair were under way when this one began.
    if (!order_has_room(agent, wire)) {
        order_finish(agent, order, STATUS_BUSY, TEXT_NO_ROOM);
        return;
    }
    gboolean is_complete = order_has_all_values(order);
    if (!order->has_transit) {
        order_relay_transit(agent, order);
        if (!is_complete && order->sent->len > 0) {
            order_use(agent, order);
            order_save(agent, order, agent->now + KEEP_US);
            send_relays(agent, order);
        }
    }
    if (!is_complete)
        return;
    g_autoptr(Secret) keys = NULL;
    if (order_is_home(agent, wire))
        keys = order_make_keys(agent, order);
    else if (order_is_target(wire))
        keys = order_open_keys(agent, order);
    if (!keys && order_is_target(wire)) {
        agent_event(agent, QKDNF__V1__SEVERITY__SEVERITY_ALARM, "relay.tag_mismatch", wire->request,
                    "attempt %u: what arrived is not what was sent", wire->attempt + 1);
        order_finish(agent, order, STATUS_TAG_MISMATCH, NULL);
        return;
    }
    if (keys && order_brings_keys(agent, wire))
        order_store_keys(agent, wire, keys);
    order_finish(agent, order, STATUS_OK, NULL);
}

void order_on_relayed(Agent *agent, const DriverCall *call, Status status)
{
    Order *order = g_hash_table_lookup(agent->orders, call->id);
    if (!order || order->state != ORDER_WORKING)
        return;
    order->n_relaying--;
    if (status == STATUS_OK)
        order_proceed(agent, order);
    else
        order_finish(agent, order, STATUS_QKDN_FAILED, status_text(status));
}

// --- orders in -----------------------------------------------------------------------------------

static void start_relays(Agent *agent, Order *order)
{
    const WireOrder *wire = order->order;
    order->n_relaying = (guint)wire->n_branches;
    for (guint i = 0; i < wire->n_branches; i++) {
        const WireBranch *branch = wire->branches[i];
        guint64 call = agent_driver_call(agent, CALL_RELAY, order->id);
        g_array_append_val(order->calls, call);
        agent->driver->ops->relay(agent->driver, call, branch->from_node, branch->to_node,
                                  relay_payload_bytes(wire));
    }
}

static void order_start(Agent *agent, const char *id, const WireOrder *wire)
{
    if (!order_has_room(agent, wire)) {
        send_outcome(agent, wire->request, wire->attempt, STATUS_BUSY, TEXT_NO_ROOM);
        return;
    }
    if (usage_is_full(agent)) {
        send_outcome(agent, wire->request, wire->attempt, STATUS_BUSY, TEXT_NOT_METERED);
        return;
    }
    Status status = order_reserve_slots(agent, wire);
    if (status != STATUS_OK) {
        agent_event(agent, QKDNF__V1__SEVERITY__SEVERITY_ALARM, "order.slots", wire->request,
                    "attempt %u refused: %s", wire->attempt + 1, status_text(status));
        send_outcome(agent, wire->request, wire->attempt, status, status_text(status));
        return;
    }
    Order *order = order_new(agent, id, ORDER_WORKING);
    order->order = message_copy(&wire->base);
    order->started_us = agent->now;
    assent_hold(agent, wire);
    gint64 wait_us = MIN(wire->timeout_ms, 600000) * G_TIME_SPAN_MILLISECOND;
    order->give_up_us = agent->now + wait_us;
    timers_arm(agent->timers, TIMER_ORDER, id, order->give_up_us);
    order_take_early(agent, order);
    start_relays(agent, order);
}

// The platform tries again when it has given up what it tried before, and its release may be under
// way or lost: what these hold of slots, room and quotas is this attempt's to have.
static void void_earlier_attempts(Agent *agent, const WireOrder *wire)
{
    for (guint attempt = 0; attempt < MIN(wire->attempt, ORDER_ATTEMPTS_MAX); attempt++) {
        g_autofree char *id = order_name(wire->request, attempt);
        Order *order = g_hash_table_lookup(agent->orders, id);
        if (order && order->state == ORDER_WORKING)
            order_void(agent, order);
    }
}

// What is not covered is nobody's mistake in the path: it is counted and told by itself.
static char *find_fault(Agent *agent, const WireOrder *wire, Status *ret_status)
{
    const char *fault = order_find_fault(agent, wire);
    *ret_status = STATUS_BAD_REQUEST;
    if (fault)
        return g_strdup(fault);
    g_autofree char *uncovered = assent_find_fault(agent, wire, ret_status);
    // What was quoted may be cut within a character, and no frame carries that.
    char *text = uncovered ? g_utf8_make_valid(uncovered, -1) : NULL;
    if (text) {
        agent->n_uncovered++;
        agent_event(agent, QKDNF__V1__SEVERITY__SEVERITY_WARNING, "order.uncovered", wire->request,
                    "attempt %u refused: %s", wire->attempt + 1, text);
    }
    return text;
}

void order_on_order(gpointer data, const Sender *sender, gconstpointer message)
{
    Agent *agent = data;
    const WireOrder *wire = message;
    g_autofree char *id = order_name(wire->request, wire->attempt);
    Order *order = g_hash_table_lookup(agent->orders, id);
    Status status = STATUS_OK;
    void_earlier_attempts(agent, wire);
    g_autofree char *fault = order ? NULL : find_fault(agent, wire, &status);
    if (fault)
        send_outcome(agent, wire->request, wire->attempt, status, fault);
    else if (!order)
        order_start(agent, id, wire);
    else if (order->state == ORDER_WORKING)
        send_relays(agent, order);
    else
        order_answer(agent, order, wire);
}

// --- relay values in -----------------------------------------------------------------------------

void order_on_relay(gpointer data, const Sender *sender, gconstpointer message)
{
    Agent *agent = data;
    const WireRelay *relay = message;
    // There never is an order for these.
    if (!uuid_is_valid(relay->request) || relay->attempt >= ORDER_ATTEMPTS_MAX)
        return;
    g_autofree char *id = order_name(relay->request, relay->attempt);
    Order *order = g_hash_table_lookup(agent->orders, id);
    if (!order) {
        order_keep_early(agent, id, sender->id, relay);
        return;
    }
    if (order->state != ORDER_WORKING || !order_expects(order, relay, sender->id))
        return;
    g_ptr_array_add(order->values, message_copy(&relay->base));
    order_proceed(agent, order);
}

// --- releases ------------------------------------------------------------------------------------

// Whether what it took of a quota stays used.
static gboolean void_attempt(Agent *agent, const WireRelease *release, const char *id)
{
    Order *order = g_hash_table_lookup(agent->orders, id);
    if (!order)
        order = order_new(agent, id, ORDER_VOIDED);
    order_void(agent, order);
    keystore_void(agent->keys, release->request, release->attempt);
    usage_void(agent, release->request, release->attempt);
    order_forget_early(agent, id);
    return order->is_used;
}

static void deliver_attempt(Agent *agent, const WireRelease *release)
{
    g_autofree char *session =
        g_strdup(keystore_session_of_attempt(agent->keys, release->request, release->attempt));
    keystore_deliver(agent->keys, release->request, release->attempt);
    g_autofree char *id = order_name(release->request, release->attempt);
    Order *order = g_hash_table_lookup(agent->orders, id);
    if (order && order->state == ORDER_DONE && order_is_large(order))
        order_let_go(agent, order);
    if (session)
        leg_on_granted(agent, session);
}

void order_on_release(gpointer data, const Sender *sender, gconstpointer message)
{
    Agent *agent = data;
    const WireRelease *release = message;
    if (!uuid_is_valid(release->request))
        return;
    for (gsize i = 0; i < release->n_burn; i++) {
        Ledger *ledger = border_find_ledger(agent, release->burn[i]->link);
        if (ledger)
            ledger_burn(ledger, order_slots(release->burn[i]));
    }
    gboolean is_used = FALSE;
    if (release->disposition == QKDNF__V1__DISPOSITION__DISPOSITION_DELIVER) {
        deliver_attempt(agent, release);
    } else {
        g_autofree char *id = order_name(release->request, release->attempt);
        is_used = void_attempt(agent, release, id);
    }
    answer_release(agent, release, is_used);
    service_on_release(agent, release->request);
}

// --- time and store ------------------------------------------------------------------------------

static void order_forget(Agent *agent, const char *id)
{
    Order *order = g_hash_table_lookup(agent->orders, id);
    if (!order)
        return;
    if (order->state != ORDER_WORKING && agent->now < order->forget_at_us) {
        order_let_go(agent, order);
        timers_arm_loosely(agent->timers, TIMER_ORDER, id, order->forget_at_us);
        return;
    }
    // Who says what became of it is still to be told that it has used its share of a quota.
    if (order->state == ORDER_WORKING && order->is_used) {
        order_void(agent, order);
        return;
    }
    // Of one that is worked on the platform never said that; it will not use these slots again.
    order_stop(agent, order);
    store_delete_text(agent->store, "order", id);
    g_hash_table_remove(agent->orders, id);
}

void order_on_timer(Agent *agent, TimerId timer, const char *id)
{
    if (timer == TIMER_ORDER)
        order_forget(agent, id);
    else
        order_forget_early(agent, id);
}
