// SPDX-License-Identifier: Apache-2.0

#include "tests/fuzz/seed-birth.h"

#include "tests/fuzz/birth.h"
#include "tests/fuzz/state.h"
#include "tests/sim/certifier.h"
#include "topics/presence.h"

typedef struct {
    const char *id;
    Role role;
    KindId kind; // what it says to alpha
} Speaker;

static void append(GByteArray *input, KindId kind, const char *from, const char *to, GBytes *bytes)
{
    g_autofree char *topic = topic_format(kind, from, to);
    piece_append(input, topic, bytes);
}

typedef struct {
    GByteArray *input;
    const Speaker *speaker;
} Saying;

static void append_frame(gpointer data, GBytes *payload)
{
    const Saying *saying = data;
    append(saying->input, saying->speaker->kind, saying->speaker->id, BIRTH_SELF, payload);
}

// Takes in the birth of alpha, so that it knows whom it speaks to.
static Refusal hear(gpointer data, const Topic *topic, const WireFrame *frame,
                    const WireHeader *header)
{
    Role role = ROLE_PLATFORM;
    gboolean is_relevant = FALSE;
    return authentication_check(data, topic, frame, header, BIRTH_NOW_US, &role, &is_relevant);
}

static GBytes *birth_of(Authentication *member, Credentials *credentials)
{
    return presence_pack(authentication_identity(member), 1, TRUE, credentials, BIRTH_NOW_US);
}

static void meet_alpha(Authentication *member)
{
    Chance chance = {0};
    Refusal refusal = REFUSAL_NONE;
    Topic topic = {.kind = KIND_PRESENCE, .from = BIRTH_SELF, .to = ID_ALL};
    g_autoptr(Authentication) alpha = birth_member(BIRTH_SELF, ROLE_AGENT, &chance);
    g_autoptr(Credentials) credentials = certifier_new(BIRTH_SELF, ROLE_AGENT);
    g_autoptr(GBytes) birth = birth_of(alpha, credentials);
    g_autoptr(Frame) frame = frame_parse_checked(&topic, g_bytes_get_data(birth, NULL),
                                                 g_bytes_get_size(birth), hear, member, &refusal);
    g_assert_nonnull(frame);
}

// Its birth, and one frame under the key of the two.
void seed_birth(GByteArray *input, guint number)
{
    static const Speaker speakers[N_SEED_BIRTHS] = {
        {"platform", ROLE_PLATFORM, KIND_ORDER},
        {"beta", ROLE_AGENT, KIND_RELAY},
    };
    const Speaker *speaker = &speakers[number];
    Chance chance = {0};
    g_autoptr(Authentication) member = birth_member(speaker->id, speaker->role, &chance);
    authentication_set_credentials(member, certifier_new(speaker->id, speaker->role), BIRTH_NOW_US);
    g_autoptr(Credentials) credentials = certifier_new(speaker->id, speaker->role);
    g_autoptr(GBytes) birth = birth_of(member, credentials);
    append(input, KIND_PRESENCE, speaker->id, ID_ALL, birth);
    meet_alpha(member);
    g_autoptr(GBytes) message = g_bytes_new_static("", 0);
    FrameHead head = {speaker->kind, speaker->id, BIRTH_SELF, BIRTH_INCARNATION, 1, BIRTH_NOW_US};
    Saying saying = {input, speaker};
    gboolean is_sealed = authentication_pack(member, &head, &message, 1, append_frame, &saying);
    g_assert_true(is_sealed);
}
