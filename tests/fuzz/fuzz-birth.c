// SPDX-License-Identifier: Apache-2.0
//
// Frames that are authenticated (publishes as in state.h), as the agent alpha looks at them before
// it knows anything of who sent them. Every signature passes for good here, or no change of a birth
// would get beyond it; tags are what they are.

#include "tests/fuzz/birth.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/state.h"
#include "tests/sim/certifier.h"

typedef struct {
    Authentication *authentication;
    gint64 now_us;
} Listener;

static gboolean believe(const Certificate *certificate, const WireFrame *frame)
{
    return TRUE;
}

static Refusal check(gpointer data, const Topic *topic, const WireFrame *frame,
                     const WireHeader *header)
{
    const Listener *listener = data;
    Role role = ROLE_PLATFORM;
    gboolean is_relevant = FALSE;
    Refusal refusal = authentication_check(listener->authentication, topic, frame, header,
                                           listener->now_us, &role, &is_relevant);
    if (refusal == REFUSAL_NONE && is_relevant)
        g_assert_true(kind_get(topic->kind)->from & ROLE_BIT(role));
    return refusal;
}

static void count(gpointer data, GBytes *payload)
{
    guint *n = data;
    g_assert_cmpuint(g_bytes_get_size(payload), <=, FRAME_MAX_BYTES);
    (*n)++;
}

// Whoever it now believes to be there can be spoken to.
static void answer(const Listener *listener, const Topic *topic)
{
    g_autoptr(GBytes) message = g_bytes_new_static("", 0);
    guint n_frames = 0;
    FrameHead head = {KIND_RELAY, BIRTH_SELF, topic->from, BIRTH_INCARNATION, 1, listener->now_us};
    gboolean is_known =
        authentication_pack(listener->authentication, &head, &message, 1, count, &n_frames);
    g_assert_true(is_known == (n_frames > 0));
    g_autoptr(GBytes) again G_GNUC_UNUSED =
        authentication_announcement(listener->authentication, listener->now_us);
}

static void receive(Listener *listener, const Piece *piece)
{
    Topic topic;
    Refusal refusal = REFUSAL_NONE;
    gsize n_bytes = 0;
    const guint8 *data = g_bytes_get_data(piece->bytes, &n_bytes);
    if (!topic_parse(piece->name, &topic))
        return;
    // An exact copy, so that a read past the end is seen by the sanitizers.
    g_autofree guint8 *payload = g_memdup2(data, n_bytes);
    g_autoptr(Frame) frame =
        frame_parse_checked(&topic, payload, n_bytes, check, listener, &refusal);
    g_assert_true((frame == NULL) == (refusal != REFUSAL_NONE));
    answer(listener, &topic);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    Chance chance = {0};
    Credentials *credentials = certifier_new(BIRTH_SELF, ROLE_AGENT);
    CredentialsOps ops = *credentials->ops;
    ops.check = believe;
    credentials->ops = &ops;
    g_autoptr(Authentication) authentication = birth_member(BIRTH_SELF, ROLE_AGENT, &chance);
    authentication_set_credentials(authentication, credentials, BIRTH_NOW_US);
    Listener listener = {authentication, BIRTH_NOW_US};
    for (g_auto(Piece) piece = {0}; piece_next(&bytes, &n_bytes, &piece); piece_clear(&piece)) {
        receive(&listener, &piece);
        listener.now_us += G_TIME_SPAN_MILLISECOND;
    }
    return 0;
}
