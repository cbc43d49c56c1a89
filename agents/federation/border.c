// SPDX-License-Identifier: Apache-2.0
//
// Filling the ledgers of border links. The filler, the end whose member ID sorts first, takes
// blocks from its driver and gives them numbers; the other end claims the same blocks by ID. Both
// sides repeat themselves and take repetition, loss and reordering for normal.

#include "agents/federation/border.h"

#include <string.h>

// Driver calls under way, and blocks not yet acknowledged, of one link.
#define TAKES_MAX   8
#define UNACKED_MAX 64

// No end that has lost its memory is further behind than this; a jump beyond would use up the
// numbers that a link has for good.
#define SLOTS_JUMP_MAX       (G_GUINT64_CONSTANT(1) << 40)
#define GENERATIONS_JUMP_MAX (G_GUINT64_CONSTANT(1) << 32)

#define REPEAT_US    (500 * G_TIME_SPAN_MILLISECOND)
#define RETRY_MIN_US (100 * G_TIME_SPAN_MILLISECOND)
#define RETRY_MAX_US (2 * G_TIME_SPAN_SECOND)

// A block that the filler has announced, until it is in the ledger.
typedef struct {
    char *block_id;
    guint64 first;
    guint n_slots;
    guint64 call; // of the driver; 0: none under way
    Secret *key;  // once claimed
    gboolean is_unknown;
} Claim;

static void claim_free(gpointer data)
{
    Claim *claim = data;
    g_free(claim->block_id);
    secret_free(claim->key);
    g_free(claim);
}

void border_free(gpointer data)
{
    Border *border = data;
    g_queue_clear_full(&border->claims, claim_free);
    ledger_free(border->ledger);
    g_free(border->id);
    g_free(border->node);
    g_free(border->peer);
    g_free(border);
}

void border_add(Agent *agent, const DriverBorder *description)
{
    Border *border = g_new0(Border, 1);
    border->id = g_strdup(description->id);
    border->node = g_strdup(description->node);
    border->peer = g_strdup(description->peer);
    border->is_filler = strcmp(agent->config->id, description->peer) < 0;
    border->ledger = ledger_new(border->id, agent->store, agent->config->master_key, agent->random);
    g_tree_replace(agent->borders, border->id, border);
    border_update(agent, description);
}

gboolean borders_load(Agent *agent, GError **error)
{
    g_autoptr(GHashTable) ledgers = g_hash_table_new(g_str_hash, g_str_equal);
    GTreeNode *first = g_tree_node_first(agent->borders);
    for (GTreeNode *node = first; node; node = g_tree_node_next(node)) {
        Border *border = g_tree_node_value(node);
        g_hash_table_insert(ledgers, border->id, border->ledger);
    }
    if (!ledgers_load(agent->store, ledgers, error))
        return FALSE;
    for (GTreeNode *node = first; node; node = g_tree_node_next(node)) {
        Border *border = g_tree_node_value(node);
        border->sent_end = ledger_open_end(border->ledger);
    }
    return TRUE;
}

void border_update(Agent *agent, const DriverBorder *description)
{
    Border *border = g_tree_lookup(agent->borders, description->id);
    if (!border)
        return;
    border->up = description->up;
    border->rate_bps = description->rate_bps * agent->config->policy.share_percent / 100;
    border->is_dry = FALSE;
}

Ledger *border_find_ledger(const Agent *agent, const char *link)
{
    const Border *border = g_tree_lookup(agent->borders, link);
    return border ? border->ledger : NULL;
}

// How long the link needs for another block.
static gint64 retry_us(const Border *border)
{
    guint64 bits = MAX(border->block_bytes, 1024) * 8;
    guint64 us = border->rate_bps > 0 ? bits * G_USEC_PER_SEC / border->rate_bps : RETRY_MAX_US;
    return (gint64)CLAMP(us, RETRY_MIN_US, RETRY_MAX_US);
}

// Whether the other end's word can be true.
static gboolean is_credible(const Border *border, guint64 end, guint64 generation)
{
    guint64 own = ledger_generation(border->ledger);
    return end < LEDGER_SLOT_MAX && end <= ledger_end(border->ledger) + SLOTS_JUMP_MAX &&
           (generation <= own || generation - own <= GENERATIONS_JUMP_MAX);
}

// --- filler --------------------------------------------------------------------------------------

static void send_fill(Agent *agent, Border *border, guint64 from)
{
    WireBlock blocks[UNACKED_MAX], *pointers[UNACKED_MAX];
    WireFill fill = WIRE_FILL_INIT;
    fill.n_blocks = ledger_list_blocks(border->ledger, from, blocks, UNACKED_MAX);
    for (guint i = 0; i < fill.n_blocks; i++)
        pointers[i] = &blocks[i];
    fill.blocks = pointers;
    fill.link = border->id;
    fill.generation = ledger_generation(border->ledger);
    fill.first = from;
    fill.acknowledged = ledger_open_end(border->ledger);
    agent_send(agent, KIND_FILL, border->peer, &fill.base);
    border->sent_end = ledger_end(border->ledger);
    timers_arm(agent->timers, TIMER_FILL, border->id, agent->now + REPEAT_US);
}

static gboolean wants_key(const Agent *agent, Border *border)
{
    guint64 high = agent->config->ledger.high_slots;
    guint64 low = high * agent->config->ledger.low_percent / 100;
    guint64 n_unacked = ledger_end(border->ledger) - ledger_open_end(border->ledger);
    guint64 n_held = ledger_n_open(border->ledger) + n_unacked;
    if (n_held >= high)
        border->is_filling = FALSE;
    else if (n_held <= low)
        border->is_filling = TRUE;
    guint64 n_block_slots = MAX(border->block_bytes, 1024) / SLOT_BYTES;
    return border->is_filling && border->up && !border->is_dry &&
           n_unacked + border->n_taking * n_block_slots < UNACKED_MAX * n_block_slots;
}

// A filler that remembers nothing must not give out numbers yet: the other end could have key under
// the same ones. An empty fill is answered with how far it is.
static void ask_for_end(Agent *agent, Border *border)
{
    if (border->has_asked)
        return;
    border->has_asked = TRUE;
    send_fill(agent, border, 0);
}

static void pump_filler(Agent *agent, Border *border)
{
    if (!ledger_has_record(border->ledger)) {
        ask_for_end(agent, border);
        return;
    }
    while (border->n_taking < TAKES_MAX && wants_key(agent, border)) {
        guint64 call = agent_driver_call(agent, CALL_TAKE, border->id);
        border->n_taking++;
        agent->driver->ops->take(agent->driver, call, border->id);
    }
    if (ledger_end(border->ledger) > border->sent_end)
        send_fill(agent, border, border->sent_end);
}

static void on_taken(Agent *agent, Border *border, Status status, const DriverBlock *block)
{
    border->n_taking--;
    if (status == STATUS_OK && block->key->n_bytes % SLOT_BYTES == 0 && block->key->n_bytes > 0) {
        border->block_bytes = block->key->n_bytes;
        ledger_append(border->ledger, block->id, block->key);
        return;
    }
    border->is_dry = TRUE;
    timers_arm(agent->timers, TIMER_TAKE, border->id, agent->now + retry_us(border));
}

// The two ends disagree in a way that only lost memory explains.
static void restart_ledger(Agent *agent, Border *border, guint64 end, guint64 generation)
{
    agent_event(agent, QKDNF__V1__SEVERITY__SEVERITY_ALARM, "ledger.restarted", border->id,
                "slots below %" G_GUINT64_FORMAT " are let go: one end has lost its store", end);
    ledger_restart(border->ledger, end);
    ledger_set_generation(border->ledger, generation);
    border->sent_end = end;
}

static void refill(Agent *agent, Border *border)
{
    guint64 from = ledger_open_end(border->ledger);
    if (!ledger_truncate(border->ledger, from))
        return;
    ledger_set_generation(border->ledger, ledger_generation(border->ledger) + 1);
    border->sent_end = from;
    agent_event(agent, QKDNF__V1__SEVERITY__SEVERITY_WARNING, "ledger.refilled", border->id,
                "blocks from slot %" G_GUINT64_FORMAT " on could not be claimed by %s", from,
                border->peer);
}

void border_on_filled(gpointer data, const Sender *sender, gconstpointer message)
{
    Agent *agent = data;
    const WireFilled *filled = message;
    Border *border = g_tree_lookup(agent->borders, filled->link);
    if (!border || !border->is_filler || strcmp(sender->id, border->peer) != 0 ||
        !is_credible(border, filled->end, filled->generation))
        return;
    guint64 generation = ledger_generation(border->ledger);
    guint64 open_end = ledger_open_end(border->ledger);
    if (filled->generation > generation ||
        (filled->generation == generation && filled->end > ledger_end(border->ledger))) {
        restart_ledger(agent, border, MAX(filled->end, open_end), filled->generation + 1);
        return;
    }
    // Both ends begin, here.
    if (!ledger_has_record(border->ledger))
        ledger_set_generation(border->ledger, generation);
    // Late, or from an end that has lost its store: what was acknowledged says which.
    if (filled->generation < generation || filled->end < open_end) {
        send_fill(agent, border, open_end);
        return;
    }
    if (filled->end > ledger_open_end(border->ledger))
        ledger_set_open_end(border->ledger, filled->end);
    if (filled->status == STATUS_BLOCK_UNKNOWN)
        refill(agent, border);
    if (ledger_open_end(border->ledger) == ledger_end(border->ledger))
        timers_disarm(agent->timers, TIMER_FILL, border->id);
}

// --- the other end -------------------------------------------------------------------------------

static void send_filled(Agent *agent, Border *border, Status status)
{
    WireFilled filled = WIRE_FILLED_INIT;
    filled.link = border->id;
    filled.generation = ledger_generation(border->ledger);
    filled.end = ledger_end(border->ledger);
    filled.status = status;
    agent_send(agent, KIND_FILLED, border->peer, &filled.base);
    border->owes_filled = FALSE;
}

static void drop_claims(Border *border)
{
    g_queue_clear_full(&border->claims, claim_free);
}

static guint64 claims_end(const Border *border)
{
    const Claim *last = g_queue_peek_tail((GQueue *)&border->claims);
    return last ? last->first + last->n_slots : ledger_end(border->ledger);
}

static void claim_start(Agent *agent, Border *border, Claim *claim)
{
    claim->call = agent_driver_call(agent, CALL_CLAIM, border->id);
    agent->driver->ops->claim(agent->driver, claim->call, border->id, claim->block_id);
}

static void add_claims(Agent *agent, Border *border, const WireFill *fill)
{
    guint64 first = fill->first;
    for (gsize i = 0; i < fill->n_blocks; i++) {
        const WireBlock *block = fill->blocks[i];
        const Claim *last = g_queue_peek_tail(&border->claims);
        gboolean is_next = first == claims_end(border) && !(last && last->is_unknown);
        if (is_next && g_queue_get_length(&border->claims) < UNACKED_MAX && block->n_slots > 0) {
            Claim *claim = g_new0(Claim, 1);
            claim->block_id = g_strdup(block->id);
            claim->first = first;
            claim->n_slots = block->n_slots;
            g_queue_push_tail(&border->claims, claim);
            claim_start(agent, border, claim);
        }
        first += block->n_slots;
    }
}

// What this end holds beyond what was acknowledged never was open: the filler gives the numbers
// again. This may not be the first fill that does so, but all begin there. FALSE when some of it
// was used, so that the filler must have lost its store: those numbers must not be given again.
static gboolean follow_generation(Agent *agent, Border *border, const WireFill *fill)
{
    drop_claims(border);
    if (fill->acknowledged < ledger_end(border->ledger) &&
        !ledger_truncate(border->ledger, fill->acknowledged)) {
        restart_ledger(agent, border, ledger_end(border->ledger), fill->generation + 1);
        return FALSE;
    }
    ledger_set_generation(border->ledger, fill->generation);
    return TRUE;
}

void border_on_fill(gpointer data, const Sender *sender, gconstpointer message)
{
    Agent *agent = data;
    const WireFill *fill = message;
    Border *border = g_tree_lookup(agent->borders, fill->link);
    if (!border || border->is_filler || strcmp(sender->id, border->peer) != 0 ||
        fill->n_blocks > UNACKED_MAX || !is_credible(border, fill->acknowledged, fill->generation))
        return;
    // Late, or from a filler that has lost its store: the answer says which.
    border->owes_filled = TRUE;
    if (fill->generation < ledger_generation(border->ledger))
        return;
    if (fill->generation > ledger_generation(border->ledger) &&
        !follow_generation(agent, border, fill))
        return;
    if (ledger_end(border->ledger) < fill->acknowledged) {
        drop_claims(border);
        // A generation that the filler has not had tells it to let go as well.
        restart_ledger(agent, border, fill->acknowledged, fill->generation + 1);
        return;
    }
    add_claims(agent, border, fill);
}

// Moves the claimed blocks at the head of the queue into the ledger.
static void append_claimed(Agent *agent, Border *border)
{
    Claim *claim;
    while ((claim = g_queue_peek_head(&border->claims)) && claim->key) {
        ledger_append(border->ledger, claim->block_id, claim->key);
        ledger_set_open_end(border->ledger, ledger_end(border->ledger));
        border->owes_filled = TRUE;
        claim_free(g_queue_pop_head(&border->claims));
    }
    if (claim && claim->is_unknown) {
        drop_claims(border);
        send_filled(agent, border, STATUS_BLOCK_UNKNOWN);
    }
}

static void on_claimed(Agent *agent, Border *border, Claim *claim, Status status,
                       const DriverBlock *block)
{
    claim->call = 0;
    gsize n_bytes = (gsize)claim->n_slots * SLOT_BYTES;
    if (status == STATUS_OK && block->key->n_bytes == n_bytes) {
        claim->key = secret_new_copy(block->key->data, n_bytes);
        append_claimed(agent, border);
    } else if (status == STATUS_OK || status == STATUS_BLOCK_UNKNOWN) {
        // Only what is contiguous counts: all from this block on is to be filled again.
        while (g_queue_peek_tail(&border->claims) != claim)
            claim_free(g_queue_pop_tail(&border->claims));
        claim->is_unknown = TRUE;
        append_claimed(agent, border);
    } else {
        timers_arm(agent->timers, TIMER_CLAIM, border->id, agent->now + retry_us(border));
    }
}

// --- both ----------------------------------------------------------------------------------------

void border_on_block(Agent *agent, const DriverCall *call, Status status, const DriverBlock *block)
{
    Border *border = g_tree_lookup(agent->borders, call->id);
    if (!border)
        return;
    if (call->type == CALL_TAKE) {
        on_taken(agent, border, status, block);
        return;
    }
    for (GList *item = border->claims.head; item; item = item->next) {
        Claim *claim = item->data;
        if (claim->call == call->number) {
            on_claimed(agent, border, claim, status, block);
            return;
        }
    }
}

static void retry_claims(Agent *agent, Border *border)
{
    for (GList *item = border->claims.head; item; item = item->next) {
        Claim *claim = item->data;
        if (claim->call == 0 && !claim->key && !claim->is_unknown)
            claim_start(agent, border, claim);
    }
}

void border_on_timer(Agent *agent, TimerId timer, const char *link)
{
    Border *border = g_tree_lookup(agent->borders, link);
    if (!border)
        return;
    if (timer == TIMER_TAKE)
        border->is_dry = FALSE;
    else if (timer == TIMER_CLAIM)
        retry_claims(agent, border);
    else if (!ledger_has_record(border->ledger) ||
             ledger_open_end(border->ledger) < ledger_end(border->ledger))
        send_fill(agent, border, ledger_open_end(border->ledger));
}

static gboolean pump_one(gpointer key, gpointer value, gpointer data)
{
    Agent *agent = data;
    Border *border = value;
    if (border->is_filler)
        pump_filler(agent, border);
    else if (border->owes_filled)
        send_filled(agent, border, STATUS_OK);
    return FALSE;
}

void border_pump(Agent *agent)
{
    g_tree_foreach(agent->borders, pump_one, agent);
    border_report(agent, FALSE);
}

// Below the low water mark key is taken at once; what is missing above it can wait, but not for
// ever: someone may need all of it. And a filler that has nothing to say does not learn by itself
// that the other end has lost its store.
static gboolean beat_one(gpointer key, gpointer value, gpointer data)
{
    Border *border = value;
    border->is_filling = TRUE;
    border->owes_filled = !border->is_filler;
    return FALSE;
}

void border_heartbeat(Agent *agent)
{
    g_tree_foreach(agent->borders, beat_one, NULL);
    border_report(agent, TRUE);
}
