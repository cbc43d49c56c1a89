// SPDX-License-Identifier: Apache-2.0

#include "tools/contract/glossary.h"

#include <string.h>

static const struct {
    const char *field;
    const char *meaning;
} entries[] = {
    {"id", "As in what it answers, or chosen by the sender."},
    {"status", "The result."},
    {"text", "For a person; may be empty."},
    {"request", "The ID of the Request."},
    {"attempt", "Which attempt at the request, counted from 1."},
    {"session", "The ID of the session."},
    {"initiator", "The application that asked, by SAE ID."},
    {"targets", "The applications that are to have the same keys, by SAE ID."},
    {"target", "Which of the order's targets, counted from 0."},
    {"path", "Which of the paths to this target, counted from 0."},
    {"number", "How many keys."},
    {"size_bits", "The size of each key, in bits."},
    {"sae", "An application, by SAE ID."},
    {"provider", "The provider, by the ID of its agent."},
    {"providers", "Providers, by the IDs of their agents, first to last."},
    {"home", "The home provider, by the ID of its agent."},
    {"member", "The member's ID."},
    {"region", "The region that its provider gave."},
    {"service", "What the application offers to others; may be empty."},
    {"visible", "Whether others may find it."},
    {"link", "The border link's ID."},
    {"node", "The node's ID."},
    {"kme_id", "The KME's ID, as in ETSI GS QKD 014."},
    {"kme_url", "Where its ETSI GS QKD 014 server is: `https://HOST:PORT`."},
    {"scope", "What kind of thing it is about."},
    {"cause", "Why, for a person."},
    {"phase", "How far it is."},
    {"qos", "What is asked, granted or offered."},
    {"exclude", "Providers that may not be crossed."},
    {"version", "A higher one replaces a lower one."},
    {"duration_us", "How long it took, in microseconds."},
    {"at_us", "When, in microseconds since 1970-01-01 UTC."},
    {"timeout_ms", "How long the sender waits, in milliseconds."},
    {"first", "The number of the first."},
    {"n_slots", "How many slots of 32 bytes."},
};

const char *glossary_find(const char *field)
{
    for (gsize i = 0; i < G_N_ELEMENTS(entries); i++) {
        if (strcmp(entries[i].field, field) == 0)
            return entries[i].meaning;
    }
    return NULL;
}
