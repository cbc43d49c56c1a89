// SPDX-License-Identifier: Apache-2.0
//
// An input is what members say to a broker and want to hear from it: a byte for who and what, one
// for the length of a topic or filter, one for that of the payload, then both. Whatever the
// platform is made to say, nobody speaks in another's name or hears what is not for it.

#include "tests/fuzz/fuzz.h"
#include "topics/mqtt/plugin/gate.h"

static const char *const members[] = {"platform", "vienna", "alice", "wall", "x"};
static const Roles roles[] = {ROLE_BIT(ROLE_PLATFORM), ROLE_BIT(ROLE_AGENT),
                              ROLE_BIT(ROLE_APPLICATION) | ROLE_BIT(ROLE_OPERATOR),
                              ROLE_BIT(ROLE_MONITOR)};

static void say(Gate *gate, const char *member, const GatePublish *publish)
{
    Topic topic;
    char *out = NULL;
    if (gate_publish(gate, member, publish, 1) != REFUSAL_NONE)
        return;
    g_assert_true(topic_parse(publish->topic, &topic));
    g_assert_cmpstr(topic.from, ==, member);
    out = gate_learn(gate, member, publish);
    g_assert_true(!out || strcmp(member, "platform") == 0);
    g_free(out);
}

static void hear(Gate *gate, const char *member, const char *filter)
{
    g_autofree char *own = g_strconcat("/", member, NULL);
    if (gate_subscribe(gate, member, filter, 0, 1) == REFUSAL_NONE && strcmp(member, "wall") != 0)
        g_assert_true(g_str_has_suffix(filter, own) || g_str_has_suffix(filter, "/" ID_ALL));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    g_autoptr(Gate) gate = gate_new();
    for (gsize i = 0; i < G_N_ELEMENTS(roles); i++)
        gate_admit(gate, members[i], roles[i]);
    while (n_bytes >= 3) {
        gsize n_topic = MIN(bytes[1], n_bytes - 3);
        gsize n_payload = MIN(bytes[2], n_bytes - 3 - n_topic);
        const char *member = members[(bytes[0] & 7) % G_N_ELEMENTS(members)];
        // A broker takes no topic with a zero in it.
        g_autofree char *topic = g_strndup((const char *)bytes + 3, n_topic);
        GatePublish publish = {topic, bytes + 3 + n_topic, n_payload, bytes[0] & 8};
        if (bytes[0] & 16)
            hear(gate, member, topic);
        else
            say(gate, member, &publish);
        bytes += 3 + n_topic + n_payload;
        n_bytes -= 3 + n_topic + n_payload;
    }
    return 0;
}
