#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// A federation core with sessions, and hand-made agents that do at once what they are told, or not.

#include "platform/stream.h"
#include "tests/unit/federation-fixture.h"
#include "topics/base/id.h"

// What the core said.
typedef struct {
    KindId kind;
    char *to;
    gpointer message; // of the kind's type
} Said;

typedef struct {
    FederationFixture *federation;
    const GraphLink *links;
    gsize n_links;
    GPtrArray *said;     // Said, oldest first, since it was cleared
    guint n_acted_on;    // of them
    const char *mute;    // an agent that answers nothing; NULL: all do
    const char *refuses; // an agent that serves no leg
    const char *fails;   // an agent that rejects orders
    guint64 delivered;   // what agents say that the initiator got
    guint n_stored;      // what agents say that they hold for an end
} StreamFixture;

// All links have 100 kbit/s.
StreamFixture *stream_fixture_new(const GraphLink *links, gsize n_links);
void stream_fixture_free(StreamFixture *fixture);
// The platform dies and starts again, and its members are back at once.
void stream_fixture_restart(StreamFixture *fixture);
// And before it has committed what it did since it was last heard.
void stream_fixture_crash(StreamFixture *fixture);

// A session of "sae-a" with "sae-d": 8 keys of 256 bits in stock at 1000 bit/s.
typedef struct {
    WireSessionOpen open;
    WireSessionQos qos;
    char *targets[20];
    char id[UUID_CHARS + 1];
} Asked;
void stream_fixture_ask(Asked *ret_asked, guint number);
// What the core answers; valid until what was said is cleared.
const WireSessionState *stream_fixture_open(StreamFixture *fixture, const Asked *asked,
                                            const char *sender);
const WireSessionState *stream_fixture_command(StreamFixture *fixture, const WireSession *wire,
                                               const Sender *sender);

// Takes in what the core has to say.
void stream_fixture_hear(StreamFixture *fixture);
// Has the agents act on the next thing that was said.
void stream_fixture_step(StreamFixture *fixture);
// Takes in what the core has to say, and has the agents act on it until nobody has anything more to
// say.
void stream_fixture_run(StreamFixture *fixture);
// Only what is said from here on is known afterwards.
void stream_fixture_wait(StreamFixture *fixture, gint64 for_us);
void stream_fixture_clear(StreamFixture *fixture);
// The last of a kind, or NULL; and how many there are.
const Said *stream_fixture_last(const StreamFixture *fixture, KindId kind);
guint stream_fixture_count(const StreamFixture *fixture, KindId kind);
// Number and new path of all events of this name, such as "s1:a-b-d s2:a-c-d". To be freed.
char *stream_fixture_events(const StreamFixture *fixture, const char *name);

Stream *stream_fixture_find(const StreamFixture *fixture, guint number);
// Opens it and has its buffer filled.
Stream *stream_fixture_start(StreamFixture *fixture, const Asked *asked);
void stream_fixture_leg_state(StreamFixture *fixture, const Stream *stream, const char *sae,
                              const char *agent, Qkdnf__V1__LegPhase phase, guint64 version);
// Both ends of a link report.
void stream_fixture_link(StreamFixture *fixture, const char *link, gboolean is_up);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(StreamFixture, stream_fixture_free)
