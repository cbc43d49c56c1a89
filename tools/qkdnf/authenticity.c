// SPDX-License-Identifier: Apache-2.0

#include "tools/qkdnf/authenticity.h"

#include "topics/pairwise.h"

// Who was verified and says something without signature or tag after that is somebody else. So many
// are remembered.
#define MEMBERS_MAX 20000

struct Authenticity {
    Authentication *authentication;
    GHashTable *verified; // set of members
};

const char *authenticity_name(AuthenticityMark mark)
{
    static const char *const names[] = {
        [AUTHENTICITY_VERIFIED] = "verified", [AUTHENTICITY_SEALED] = "sealed",
        [AUTHENTICITY_UNKNOWN] = "unknown",   [AUTHENTICITY_OUTDATED] = "outdated",
        [AUTHENTICITY_REPEATED] = "repeated", [AUTHENTICITY_NONE] = "none",
        [AUTHENTICITY_FAILED] = "failed",
    };
    return names[mark];
}

Authenticity *authenticity_new(const char *monitor, Credentials *credentials, const Random *random,
                               gint64 now_us)
{
    Authenticity *authenticity = g_new(Authenticity, 1);
    authenticity->authentication = authentication_new(monitor, ROLE_MONITOR, 1, random);
    authenticity->verified = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    authentication_set_credentials(authenticity->authentication, credentials, now_us);
    return authenticity;
}

void authenticity_free(Authenticity *authenticity)
{
    if (!authenticity)
        return;
    authentication_free(authenticity->authentication);
    g_hash_table_unref(authenticity->verified);
    g_free(authenticity);
}

typedef struct {
    Authenticity *authenticity;
    gint64 now_us;
    AuthenticityMark mark; // of what is not refused
} Check;

static Refusal check_sealed(const WireFrame *frame)
{
    gboolean has_tag = frame->algorithm == QKDNF__V1__ALGORITHM__ALGORITHM_HMAC_SHA256_128 &&
                       frame->tag.len == PAIRWISE_TAG_BYTES;
    return has_tag ? REFUSAL_NONE : REFUSAL_TAG;
}

static Refusal check_signed(const Check *check, const Topic *topic, const WireFrame *frame,
                            const WireHeader *header)
{
    GHashTable *verified = check->authenticity->verified;
    Role role = ROLE_MONITOR;
    gboolean is_relevant;
    Refusal refusal = authentication_check(check->authenticity->authentication, topic, frame,
                                           header, check->now_us, &role, &is_relevant);
    if (refusal == REFUSAL_NONE && !(kind_get(topic->kind)->from & ROLE_BIT(role)))
        return REFUSAL_ROLE;
    if (refusal == REFUSAL_NONE && g_hash_table_size(verified) < MEMBERS_MAX)
        g_hash_table_add(verified, g_strdup(topic->from));
    return refusal;
}

static Refusal check_frame(gpointer data, const Topic *topic, const WireFrame *frame,
                           const WireHeader *header)
{
    Check *check = data;
    gboolean to_all = kind_get(topic->kind)->to_all;
    check->mark = to_all ? AUTHENTICITY_VERIFIED : AUTHENTICITY_SEALED;
    if (frame->algorithm == QKDNF__V1__ALGORITHM__ALGORITHM_UNSPECIFIED) {
        check->mark = AUTHENTICITY_NONE;
        return g_hash_table_contains(check->authenticity->verified, topic->from) ? REFUSAL_TAG
                                                                                 : REFUSAL_NONE;
    }
    return to_all ? check_signed(check, topic, frame, header) : check_sealed(frame);
}

AuthenticityMark authenticity_check(Authenticity *authenticity, const char *text,
                                    const guint8 *payload, gsize n_bytes, gint64 now_us,
                                    Refusal *ret_reason)
{
    Topic topic;
    Check check = {authenticity, now_us, AUTHENTICITY_NONE};
    *ret_reason = REFUSAL_TOPIC;
    if (!topic_parse(text, &topic))
        return AUTHENTICITY_FAILED;
    // Nothing is retained there any more; who wanted that cannot be told.
    if (n_bytes == 0 && kind_get(topic.kind)->retained)
        return AUTHENTICITY_NONE;
    g_autoptr(Frame) frame =
        frame_parse_checked(&topic, payload, n_bytes, check_frame, &check, ret_reason);
    if (frame)
        return check.mark;
    if (*ret_reason == REFUSAL_STRANGER)
        return AUTHENTICITY_UNKNOWN;
    if (*ret_reason == REFUSAL_INCARNATION)
        return AUTHENTICITY_OUTDATED;
    return *ret_reason == REFUSAL_REPLAY ? AUTHENTICITY_REPEATED : AUTHENTICITY_FAILED;
}
