// SPDX-License-Identifier: Apache-2.0
//
// The bus of a large federation, without the federation: as many providers as one likes say what
// real ones say, in valid frames of one message, over one connection to a broker without access
// rules. Arguments: the broker's URL, the files of authority, certificate and key, how many
// providers, how many publishes a second, for how many seconds. Says how many it was; then, for
// each line on standard input, everybody says a little more, and it is counted again.

#include "tools/bench/floor.h"
#include "topics/outbox.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define PLATFORM    "platform"
#define TICK_US     5000
#define STOCK_TURNS 20

typedef struct {
    FloorClient *client;
    Outbox *platform;
    Outbox **agents;
    Outbox **users;
    guint n_providers;
    guint64 n_turns;
    guint64 n_publishes;
    guint64 n_sent; // with those that were lost
    guint64 n_lost;
    guint lose;     // each of so many; 0: none
    gboolean loses; // now
    gint64 now_us;
    char request[UUID_CHARS + 1]; // of this turn
} Crowd;

static void send_publish(gpointer data, const Publish *publish)
{
    Crowd *crowd = data;
    gsize n_bytes = 0;
    crowd->n_sent++;
    if (crowd->loses && crowd->n_sent % crowd->lose == 0) {
        crowd->n_lost++;
        return;
    }
    const guint8 *payload = g_bytes_get_data(publish->payload, &n_bytes);
    floor_raw.publish(crowd->client, publish->topic, payload, n_bytes, 0);
    crowd->n_publishes++;
}

static void say(Crowd *crowd, Outbox *outbox, KindId kind, const char *to,
                const ProtobufCMessage *message)
{
    outbox_add(outbox, kind, to, message);
    outbox_flush(outbox, crowd->now_us, send_publish, crowd);
}

// --- who there is --------------------------------------------------------------------------------

static void say_birth(Crowd *crowd, Outbox *outbox, Role role)
{
    WirePresence presence = WIRE_PRESENCE_INIT;
    presence.alive = TRUE;
    presence.incarnation = outbox_incarnation(outbox);
    presence.role = (Qkdnf__V1__Role)role;
    presence.software = (char *)"crowd";
    say(crowd, outbox, KIND_PRESENCE, NULL, &presence.base);
}

// A ring of border links: provider i has those to i - 1 and i + 1.
static char *link_id(const Crowd *crowd, guint i)
{
    return g_strdup_printf("l%03u", i % crowd->n_providers);
}

static void say_resource(Crowd *crowd, guint i)
{
    WireNode node = WIRE_NODE_INIT;
    WireNode *nodes[] = {&node};
    WireBorderLink links[2] = {WIRE_BORDER_LINK_INIT, WIRE_BORDER_LINK_INIT};
    WireBorderLink *pointers[] = {&links[0], &links[1]};
    g_autofree char *left = link_id(crowd, i + crowd->n_providers - 1);
    g_autofree char *right = link_id(crowd, i);
    node.id = (char *)"n";
    links[0].id = left;
    links[1].id = right;
    links[0].node = links[1].node = node.id;
    links[0].peer =
        (char *)outbox_from(crowd->agents[(i + crowd->n_providers - 1) % crowd->n_providers]);
    links[1].peer = (char *)outbox_from(crowd->agents[(i + 1) % crowd->n_providers]);
    WireResource resource = WIRE_RESOURCE_INIT;
    resource.version = 1;
    resource.region = (char *)"eu";
    resource.kme_id = (char *)"kme";
    resource.nodes = nodes;
    resource.n_nodes = 1;
    resource.border_links = pointers;
    resource.n_border_links = 2;
    say(crowd, crowd->agents[i], KIND_RESOURCE, PLATFORM, &resource.base);
    WireMember member = WIRE_MEMBER_INIT;
    member.state = QKDNF__V1__MEMBER_STATE__MEMBER_STATE_ACTIVE;
    say(crowd, crowd->platform, KIND_MEMBER, outbox_from(crowd->agents[i]), &member.base);
}

static void say_stock(Crowd *crowd, guint i)
{
    WireLinkStock links[2] = {WIRE_LINK_STOCK_INIT, WIRE_LINK_STOCK_INIT};
    WireLinkStock *pointers[] = {&links[0], &links[1]};
    g_autofree char *left = link_id(crowd, i + crowd->n_providers - 1);
    g_autofree char *right = link_id(crowd, i);
    links[0].link = left;
    links[1].link = right;
    for (guint j = 0; j < 2; j++) {
        links[j].up = TRUE;
        links[j].capacity = 8192;
        links[j].n_open = 4096 + crowd->n_turns % 4096;
        links[j].fill_bps = 4000;
    }
    WireStock stock = WIRE_STOCK_INIT;
    stock.links = pointers;
    stock.n_links = 2;
    say(crowd, crowd->agents[i], KIND_STOCK, PLATFORM, &stock.base);
}

static Outbox **make_members(const Crowd *crowd, const char *prefix)
{
    Outbox **members = g_new(Outbox *, crowd->n_providers);
    for (guint i = 0; i < crowd->n_providers; i++) {
        g_autofree char *id = g_strdup_printf("%s%03u", prefix, i);
        members[i] = outbox_new(id, (guint64)crowd->now_us);
    }
    return members;
}

static void say_members(Crowd *crowd)
{
    say_birth(crowd, crowd->platform, ROLE_PLATFORM);
    for (guint i = 0; i < crowd->n_providers; i++) {
        say_birth(crowd, crowd->agents[i], ROLE_AGENT);
        say_resource(crowd, i);
        say_stock(crowd, i);
    }
}

// --- what they do --------------------------------------------------------------------------------

static void say_request(Crowd *crowd, guint i, guint j)
{
    char *targets[] = {(char *)outbox_from(crowd->users[j])};
    WireRequest request = WIRE_REQUEST_INIT;
    request.id = crowd->request;
    request.initiator = (char *)outbox_from(crowd->users[i]);
    request.targets = targets;
    request.n_targets = 1;
    request.number = 1;
    request.size_bits = 256;
    say(crowd, crowd->users[i], KIND_REQUEST, PLATFORM, &request.base);
}

static void say_order(Crowd *crowd, guint agent)
{
    WireOrder order = WIRE_ORDER_INIT;
    order.request = crowd->request;
    order.number = 1;
    order.size_bits = 256;
    say(crowd, crowd->platform, KIND_ORDER, outbox_from(crowd->agents[agent]), &order.base);
}

static void say_outcome(Crowd *crowd, guint agent)
{
    WireOutcome outcome = WIRE_OUTCOME_INIT;
    outcome.request = crowd->request;
    outcome.status = QKDNF__V1__STATUS__STATUS_OK;
    say(crowd, crowd->agents[agent], KIND_OUTCOME, PLATFORM, &outcome.base);
}

static void say_relay(Crowd *crowd, guint i, guint j)
{
    guint8 value[64] = {0};
    WireRelay relay = WIRE_RELAY_INIT;
    relay.request = crowd->request;
    relay.value = (ProtobufCBinaryData){sizeof value, value};
    say(crowd, crowd->agents[i], KIND_RELAY, outbox_from(crowd->agents[j]), &relay.base);
}

static void say_reply(Crowd *crowd, guint i)
{
    WireReply reply = WIRE_REPLY_INIT;
    reply.id = crowd->request;
    reply.status = QKDNF__V1__STATUS__STATUS_OK;
    say(crowd, crowd->platform, KIND_REPLY, outbox_from(crowd->users[i]), &reply.base);
    WireEvent event = WIRE_EVENT_INIT;
    event.at_us = (guint64)crowd->now_us;
    event.severity = QKDNF__V1__SEVERITY__SEVERITY_INFO;
    event.name = (char *)"request.granted";
    event.subject = crowd->request;
    event.text = (char *)"granted";
    say(crowd, crowd->platform, KIND_EVENT, NULL, &event.base);
}

// One key, from request to event.
static void take_turn(Crowd *crowd)
{
    guint i = (guint)(crowd->n_turns % crowd->n_providers);
    guint j = (i + 1) % crowd->n_providers;
    g_snprintf(crowd->request, sizeof crowd->request, "%08x-0000-4000-8000-%012x",
               (guint)(outbox_incarnation(crowd->platform) & G_MAXUINT32), (guint)crowd->n_turns);
    say_request(crowd, i, j);
    say_order(crowd, i);
    say_order(crowd, j);
    say_relay(crowd, i, j);
    say_outcome(crowd, i);
    say_outcome(crowd, j);
    say_reply(crowd, i);
    if (crowd->n_turns % STOCK_TURNS == 0)
        say_stock(crowd, i);
    crowd->n_turns++;
}

// A word of each: whoever listens knows then what did not arrive before.
static void say_more(Crowd *crowd)
{
    WireDiscover discover = WIRE_DISCOVER_INIT;
    WireEvent event = WIRE_EVENT_INIT;
    crowd->now_us = g_get_real_time();
    event.severity = QKDNF__V1__SEVERITY__SEVERITY_INFO;
    event.name = (char *)"crowd.more";
    say(crowd, crowd->platform, KIND_EVENT, NULL, &event.base);
    for (guint i = 0; i < crowd->n_providers; i++) {
        say_stock(crowd, i);
        say(crowd, crowd->users[i], KIND_DISCOVER, PLATFORM, &discover.base);
    }
}

static double run(Crowd *crowd, guint64 per_s, guint64 seconds)
{
    gint64 began_us = g_get_monotonic_time(), past_us = 0;
    say_members(crowd);
    say_more(crowd);
    crowd->loses = crowd->lose > 0;
    guint64 n_first = crowd->n_publishes;
    while (past_us < (gint64)(seconds * G_USEC_PER_SEC)) {
        crowd->now_us = g_get_real_time();
        while (crowd->n_publishes - n_first < (guint64)past_us * per_s / G_USEC_PER_SEC)
            take_turn(crowd);
        g_usleep(TICK_US);
        past_us = g_get_monotonic_time() - began_us;
    }
    crowd->loses = FALSE;
    return (double)past_us / G_USEC_PER_SEC;
}

static void print_counts(const Crowd *crowd, double seconds)
{
    printf("{\"lost\": %" G_GUINT64_FORMAT ", \"publishes\": %" G_GUINT64_FORMAT
           ", \"requests\": %" G_GUINT64_FORMAT ", \"seconds\": %.3f}\n",
           crowd->n_lost, crowd->n_publishes, crowd->n_turns, seconds);
    fflush(stdout);
}

static void arrived(gpointer data, const guint8 *payload, gsize n_bytes) {}

static void free_members(Outbox **members, guint n)
{
    for (guint i = 0; i < n; i++)
        outbox_free(members[i]);
    g_free(members);
}

int main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    g_assert_true(argc == 9);
    signal(SIGPIPE, SIG_IGN);
    Connection connection = {.url = argv[1], .ca = argv[2], .certificate = argv[3], .key = argv[4]};
    Crowd crowd = {.n_providers = (guint)atoi(argv[5]),
                   .lose = (guint)atoi(argv[8]),
                   .now_us = g_get_real_time()};
    crowd.client = floor_raw.open(&connection, "crowd", arrived, NULL, &error);
    g_assert_no_error(error);
    crowd.platform = outbox_new(PLATFORM, (guint64)crowd.now_us);
    crowd.agents = make_members(&crowd, "p");
    crowd.users = make_members(&crowd, "u");
    double seconds = run(&crowd, (guint64)atoi(argv[6]), (guint64)atoi(argv[7]));
    print_counts(&crowd, seconds);
    while (getchar() != EOF) {
        say_more(&crowd);
        print_counts(&crowd, seconds);
    }
    free_members(crowd.agents, crowd.n_providers);
    free_members(crowd.users, crowd.n_providers);
    outbox_free(crowd.platform);
    floor_raw.close(crowd.client);
    return 0;
}
