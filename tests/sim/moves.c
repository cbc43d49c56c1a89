// SPDX-License-Identifier: Apache-2.0

#include "tests/sim/moves.h"

#include "topics/base/id.h"

#include <string.h>

#define MS        ((gint64)G_TIME_SPAN_MILLISECOND)
#define REPEAT_US (1000 * MS)
#define CALL_US   (1500 * MS)

// Federations in which somebody moves, and providers that let their users go, or serve others'.
#define MOVING_PERCENT  60
#define ROAMING_PERCENT 85

// Whoever is not served where it calls goes home after so many calls.
#define CALLS_IN_VAIN 3

// One that moves.
typedef struct {
    Application *application;
    const char *home;
    // The handover under way
    char id[UUID_CHARS + 1]; // empty: none
    gboolean is_by_operator;
    const char *provider;
    const char *region;
    guint32 timeout_ms;
    gint64 said_at_us;
    gint64 goes_at_us; // 0: it is not prepared; G_MAXINT64: never
    // Whether it is served where it calls
    gboolean is_served;
    const Fetch *call;
    guint n_in_vain;
} Mover;

struct Moves {
    Dice dice;
    World *world;
    const Operator *operator;
    gint64 until_us;
    gint64 pause_us;
    gboolean is_moving;
    GPtrArray *movers; // Mover
    guint64 n_came;
};

// --- the network ---------------------------------------------------------------------------------

void moves_prepare(Network *network, guint64 seed)
{
    static char *all[] = {(char *)ID_ALL, NULL};
    static const char *const regions[] = {"north", "south"};
    Dice dice = dice_make(dice_fork(seed, "roaming"));
    for (guint i = 0; i < network->sites->len; i++) {
        AgentConfig *config = &((Site *)network->sites->pdata[i])->config;
        RoamingPolicy *policy = &config->policy.roaming;
        policy->may_serve_ours = dice_chance(&dice, ROAMING_PERCENT) ? all : NULL;
        policy->serves = dice_chance(&dice, ROAMING_PERCENT) ? all : NULL;
        config->region = (char *)regions[dice_below(&dice, G_N_ELEMENTS(regions))];
    }
}

static const char *any_provider(Moves *moves)
{
    const GPtrArray *sites = moves->world->network->sites;
    return ((const Site *)sites->pdata[dice_below(&moves->dice, sites->len)])->config.id;
}

// --- being served --------------------------------------------------------------------------------

static void go(const Moves *moves, Mover *mover, const char *provider)
{
    const char *to = network_find_site(moves->world->network, provider)->config.id;
    if (to == mover->application->at)
        return;
    mover->application->at = to;
    mover->is_served = FALSE;
    mover->call = NULL;
    mover->n_in_vain = 0;
}

static void note_call(Moves *moves, Mover *mover)
{
    gboolean is_answered = mover->call->is_answered;
    mover->is_served = is_answered && mover->call->verdict == KEY_VERDICT_OK;
    mover->n_in_vain = mover->is_served ? 0 : mover->n_in_vain + 1;
    mover->call = NULL;
    if (mover->is_served && !mover->id[0] && mover->application->at != mover->home)
        moves->n_came++;
    if (mover->n_in_vain >= CALLS_IN_VAIN)
        go(moves, mover, mover->home);
}

// Until it is served: a visitor whom nobody announced is let in by its call.
static void call(Moves *moves, Mover *mover)
{
    const Fetch *last = mover->call;
    gboolean is_due = last && world_now(moves->world) - last->called_at_us >= CALL_US;
    if (last && (last->is_answered || is_due))
        note_call(moves, mover);
    if (mover->is_served || mover->call)
        return;
    const GPtrArray *applications = moves->world->applications;
    const Application *other = applications->pdata[dice_below(&moves->dice, applications->len)];
    mover->call =
        world_key_status(moves->world, mover->application->at, mover->application->sae, other->sae);
}

// --- handovers -----------------------------------------------------------------------------------

static Application *asker_of(const Moves *moves, const Mover *mover)
{
    return mover->is_by_operator ? operator_member(moves->operator) : mover->application;
}

static void ask(const Moves *moves, Mover *mover)
{
    WireHandover wire = WIRE_HANDOVER_INIT;
    wire.id = mover->id;
    wire.sae = mover->is_by_operator ? mover->application->sae : (char *)"";
    wire.provider = (char *)mover->provider;
    wire.region = (char *)mover->region;
    wire.timeout_ms = mover->timeout_ms;
    mover->said_at_us = world_now(moves->world);
    application_say(asker_of(moves, mover), KIND_HANDOVER, &wire.base);
}

static void begin_handover(Moves *moves, Mover *mover)
{
    Dice *dice = &moves->dice;
    Random random = dice_random(dice);
    uuid_new(&random, mover->id);
    mover->is_by_operator = dice_chance(dice, 15);
    mover->provider = dice_chance(dice, 95) ? any_provider(moves) : "omega";
    mover->region = "";
    if (dice_chance(dice, 20)) {
        mover->provider = "";
        mover->region = dice_chance(dice, 50) ? "north" : "south";
    }
    mover->timeout_ms = (guint32)dice_between(dice, 500, 15000);
    mover->goes_at_us = 0;
    ask(moves, mover);
}

static void be_prepared(Moves *moves, Mover *mover)
{
    Dice *dice = &moves->dice;
    gint64 now_us = world_now(moves->world);
    guint64 how = dice_below(dice, 100);
    mover->goes_at_us = how < 70   ? now_us
                        : how < 90 ? now_us + dice_between(dice, 1, 8000 * MS)
                                   : G_MAXINT64;
}

static void follow(Moves *moves, Mover *mover)
{
    gint64 now_us = world_now(moves->world);
    const WireHandoverState *state = application_handover_state(asker_of(moves, mover), mover->id);
    HandoverPhase phase = state ? state->phase : HANDOVER(UNSPECIFIED);
    if (phase == HANDOVER(PREPARED) && mover->goes_at_us == 0)
        be_prepared(moves, mover);
    gboolean goes = phase == HANDOVER(PREPARED) && now_us >= mover->goes_at_us;
    if (goes || phase == HANDOVER(SWITCHED) || phase == HANDOVER(RELEASED) ||
        phase == HANDOVER(FALLEN_BACK))
        go(moves, mover, state->provider);
    if (phase >= HANDOVER(RELEASED))
        mover->id[0] = '\0';
    else if (now_us - mover->said_at_us >= REPEAT_US)
        ask(moves, mover);
}

// --- the course of it ----------------------------------------------------------------------------

static void set_out(Moves *moves, Mover *mover)
{
    if (world_now(moves->world) >= moves->until_us || !moves->is_moving ||
        !dice_chance(&moves->dice, 15))
        return;
    if (dice_chance(&moves->dice, 80))
        begin_handover(moves, mover);
    else
        go(moves, mover, any_provider(moves));
}

static void live(gpointer owner, gpointer data)
{
    Moves *moves = owner;
    Mover *mover = data;
    if (mover->id[0])
        follow(moves, mover);
    else
        set_out(moves, mover);
    call(moves, mover);
    agenda_add(moves->world->agenda,
               world_now(moves->world) + dice_between(&moves->dice, 1, moves->pause_us), live,
               moves, mover, NULL);
}

Moves *moves_new(guint64 seed, World *world, const Operator *operator)
{
    Moves *moves = g_new0(Moves, 1);
    moves->dice = dice_make(dice_fork(seed, "moves"));
    moves->world = world;
    moves->operator= operator;
    moves->is_moving = dice_chance(&moves->dice, MOVING_PERCENT);
    moves->pause_us = dice_between(&moves->dice, 300 * MS, 2500 * MS);
    moves->movers = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < world->applications->len; i++) {
        Mover *mover = g_new0(Mover, 1);
        mover->application = world->applications->pdata[i];
        mover->home = mover->application->at;
        mover->is_served = TRUE;
        g_ptr_array_add(moves->movers, mover);
    }
    return moves;
}

void moves_free(Moves *moves)
{
    if (!moves)
        return;
    g_ptr_array_unref(moves->movers);
    g_free(moves);
}

void moves_begin(Moves *moves, gint64 until_us)
{
    moves->until_us = until_us;
    for (guint i = 0; i < moves->movers->len; i++)
        live(moves, moves->movers->pdata[i]);
}

guint64 moves_n_came(const Moves *moves)
{
    return moves->n_came;
}
