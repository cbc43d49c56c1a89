// SPDX-License-Identifier: Apache-2.0
//
// What goes wrong with members of the bus: their connections, their processes, their networks.

#include "tests/sim/misfortune-core.h"

static void connect_again(gpointer owner, gpointer data)
{
    node_connect(data);
}

static void connect_application(gpointer owner, gpointer data)
{
    application_connect(data);
}

static void disconnect(Misfortune *misfortune, Node *node, Dice *dice)
{
    if (!node_is_running(node))
        return;
    node_disconnect(node);
    agenda_add(misfortune->world->agenda,
               world_now(misfortune->world) + dice_between(dice, 1 * MS, 3000 * MS), connect_again,
               NULL, node, NULL);
}

static void restart_broker(Misfortune *misfortune, Dice *dice)
{
    World *world = misfortune->world;
    broker_forget(world->broker);
    for (guint i = 0; i < world->nodes->len; i++) {
        Node *node = world->nodes->pdata[i];
        broker_disconnect(world->broker, node->id, TRUE);
        agenda_add(world->agenda, world_now(world) + dice_between(dice, 1 * MS, 2000 * MS),
                   connect_again, NULL, node, NULL);
    }
    for (guint i = 0; i < world->applications->len; i++) {
        Application *application = world->applications->pdata[i];
        broker_disconnect(world->broker, application->sae, TRUE);
        agenda_add(world->agenda, world_now(world) + dice_between(dice, 1 * MS, 2000 * MS),
                   connect_application, NULL, application, NULL);
    }
}

static void cut_off(Misfortune *misfortune, const Node *node, Dice *dice)
{
    gint64 until_us = world_now(misfortune->world) + dice_between(dice, 50 * MS, 8000 * MS);
    g_hash_table_replace(misfortune->cut_off, g_strdup(node->id),
                         g_memdup2(&until_us, sizeof until_us));
}

static void crash(Node *node, FaultKind kind, Dice *dice)
{
    static const gint64 longest_us[] = {5 * MS, 500 * MS, 6000 * MS};
    node->restart_us = dice_between(dice, 1, longest_us[dice_below(dice, 3)]);
    CrashPoint point = kind == FAULT_CRASH_BEFORE_COMMIT  ? CRASH_BEFORE_COMMIT
                       : kind == FAULT_CRASH_AFTER_COMMIT ? CRASH_AFTER_COMMIT
                                                          : CRASH_WHILE_SENDING;
    if (kind == FAULT_KILLED)
        node_kill(node);
    else
        node_kill_at(node, point, (guint)dice_between(dice, 1, 8));
}

static void quicken(gpointer owner, gpointer data)
{
    Node *node = data;
    node->lag_us = 0;
}

static void slow_down(Misfortune *misfortune, Node *node, Dice *dice)
{
    World *world = misfortune->world;
    node->lag_us = dice_between(dice, 1 * MS, 2500 * MS);
    agenda_add(world->agenda, world_now(world) + dice_between(dice, 100 * MS, 6000 * MS), quicken,
               NULL, node, NULL);
}

// A clock is set while its process runs, which then never sees it go back, or before it starts.
static void set_clock(Node *node, Dice *dice)
{
    gint64 low_us = node_is_running(node) ? node->skew_us : -15000 * MS;
    node->skew_us = dice_between(dice, low_us, MAX(low_us, 15000 * MS));
    node_wake(node);
}

typedef struct {
    Node *node;
    DriverScope scope;
    char *subject;
} Outage;

static void outage_free(gpointer data)
{
    Outage *outage = data;
    g_free(outage->subject);
    g_free(outage);
}

static void drill(Node *node, gboolean inject, DriverScope scope, const char *subject)
{
    if (!node_is_running(node) || node->role != ROLE_AGENT)
        return;
    g_autofree char *text = NULL;
    Driver *driver = world_driver(node);
    driver->ops->drill(driver, inject, scope, subject, &text);
    node_wake(node);
}

static void end_outage(gpointer owner, gpointer data)
{
    const Outage *outage = data;
    drill(outage->node, FALSE, outage->scope, outage->subject);
}

static void begin_outage(Misfortune *misfortune, Node *node, Dice *dice)
{
    World *world = misfortune->world;
    if (node->role != ROLE_AGENT)
        return;
    const Site *site = network_find_site(world->network, node->id);
    const SimBorder *border = site->qkdn.borders->pdata[dice_below(dice, site->qkdn.borders->len)];
    static const DriverScope scopes[] = {DRIVER_SCOPE_BORDER, DRIVER_SCOPE_NODE, DRIVER_SCOPE_LINK,
                                         DRIVER_SCOPE_PROVIDER};
    const char *const subjects[] = {border->id, "gateway", "access/gateway", ""};
    guint64 which = dice_below(dice, G_N_ELEMENTS(scopes));
    drill(node, TRUE, scopes[which], subjects[which]);
    Outage *outage = g_new(Outage, 1);
    *outage = (Outage){node, scopes[which], g_strdup(subjects[which])};
    agenda_add(world->agenda, world_now(world) + dice_between(dice, 10 * MS, 8000 * MS), end_outage,
               NULL, outage, outage_free);
}

void misfortune_strike(Misfortune *misfortune, Node *node, FaultKind kind, Dice *dice)
{
    if (kind == FAULT_PARTITION)
        cut_off(misfortune, node, dice);
    else if (kind == FAULT_DISCONNECT)
        disconnect(misfortune, node, dice);
    else if (kind == FAULT_BROKER)
        restart_broker(misfortune, dice);
    else if (kind == FAULT_SLOW)
        slow_down(misfortune, node, dice);
    else if (kind == FAULT_CLOCK)
        set_clock(node, dice);
    else if (kind == FAULT_OUTAGE)
        begin_outage(misfortune, node, dice);
    else
        crash(node, kind, dice);
}
