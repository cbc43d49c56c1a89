// SPDX-License-Identifier: Apache-2.0
//
// Batches to which this provider is a party. It takes each once, in their order: a number that is
// missing, a chain that does not fit, totals that are not those of the records are told, to the
// platform and as an alarm. The same batch again gets the same answer again.

#include "agents/federation/core.h"
#include "agents/federation/state.pb-c.h"
#include "topics/record.h"
#include "topics/settlement.h"

#include <string.h>

// Of one seller and buyer; or NULL.
static const Agent__State__Series *find_series(const Agent *agent, const WireStatement *statement)
{
    g_autofree char *name = g_strdup_printf("%s %s", statement->seller, statement->buyer);
    return g_tree_lookup(agent->statements, name);
}

static void keep(Agent *agent, const WireStatement *statement)
{
    Agent__State__Series series = AGENT__STATE__SERIES__INIT;
    series.sequence = statement->sequence;
    series.digest = statement->digest;
    g_autofree char *name = g_strdup_printf("%s %s", statement->seller, statement->buyer);
    g_autoptr(GBytes) value = message_pack(&series.base);
    store_put_text(agent->store, "series", name, value);
    g_tree_replace(agent->statements, g_steal_pointer(&name), message_copy(&series.base));
}

// --- what is said of it --------------------------------------------------------------------------

// NULL when it follows on the last, and is right in itself.
static const char *find_fault(const WireStatement *statement, const Agent__State__Series *last)
{
    ProtobufCBinaryData none = {0};
    return statement_find_fault(statement, last ? last->sequence + 1 : 1,
                                last ? &last->digest : &none);
}

static void answer(Agent *agent, const WireStatement *statement, const char *fault,
                   guint64 expected)
{
    WireDispute dispute = WIRE_DISPUTE_INIT;
    dispute.seller = statement->seller;
    dispute.buyer = statement->buyer;
    dispute.sequence = statement->sequence;
    dispute.status = fault ? QKDNF__V1__STATUS__STATUS_BAD_REQUEST : QKDNF__V1__STATUS__STATUS_OK;
    dispute.text = (char *)(fault ? fault : "");
    dispute.expected = expected;
    agent_send(agent, KIND_DISPUTE, agent->config->platform, &dispute.base);
}

static void object(Agent *agent, const WireStatement *statement, const char *fault,
                   guint64 expected)
{
    g_autofree char *subject = g_strdup_printf("%s %s %" G_GUINT64_FORMAT, statement->seller,
                                               statement->buyer, statement->sequence);
    agent_event(agent, QKDNF__V1__SEVERITY__SEVERITY_ALARM, "statement.disputed", subject, "%s",
                fault);
    answer(agent, statement, fault, expected);
}

// --- batches in ----------------------------------------------------------------------------------

static gboolean is_party(const Agent *agent, const WireStatement *statement)
{
    return strcmp(statement->seller, agent->config->id) == 0 ||
           strcmp(statement->buyer, agent->config->id) == 0;
}

void statement_on_statement(gpointer data, const Sender *sender, gconstpointer message)
{
    Agent *agent = data;
    const WireStatement *statement = message;
    if (sender->role != ROLE_PLATFORM || !is_party(agent, statement))
        return;
    const Agent__State__Series *last = find_series(agent, statement);
    guint64 expected = last ? last->sequence + 1 : 1;
    gboolean is_last = last && statement->sequence == last->sequence;
    if (is_last && !digest_equal(&statement->digest, &last->digest)) {
        object(agent, statement, "another batch has had its number", 0);
    } else if (statement->sequence < expected) {
        answer(agent, statement, NULL, expected);
    } else {
        const char *fault = find_fault(statement, last);
        if (!fault)
            keep(agent, statement);
        if (fault)
            object(agent, statement, fault, expected);
        else
            answer(agent, statement, NULL, expected + 1);
    }
}

static void load_series(gpointer data, GBytes *key, GBytes *value)
{
    RecordLoading *loading = data;
    Agent *agent = loading->core;
    g_autofree char *name = record_name(key);
    gpointer series = record_unpack(&agent__state__series__descriptor, value);
    if (series)
        g_tree_replace(agent->statements, g_steal_pointer(&name), series);
    else
        record_fail(loading, "series of batches", name, "is damaged");
}

gboolean statement_load(Agent *agent, GError **error)
{
    return record_load(agent->store, "series", load_series, agent, error);
}
