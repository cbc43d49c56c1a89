// SPDX-License-Identifier: Apache-2.0

#include "agents/policy.h"

#include "topics/mqtt/pem.h"

#include <string.h>

GBytes *policy_fingerprint(const AgentSettings *settings)
{
    g_autoptr(X509) certificate = pem_load_certificate(settings->daemon.broker.certificate, NULL);
    guint8 digest[EVP_MAX_MD_SIZE];
    unsigned n_bytes = 0;
    if (!certificate || X509_digest(certificate, EVP_sha256(), digest, &n_bytes) != 1)
        return NULL;
    return g_bytes_new(digest, n_bytes);
}

#define SWAP(a, b)                                                                                 \
    do {                                                                                           \
        typeof(a) swapped = (a);                                                                   \
        (a) = (b);                                                                                 \
        (b) = swapped;                                                                             \
    } while (0)

// The old values go with the settings that the new ones came from.
static void take_over(AgentConfig *live, AgentConfig *read)
{
    SWAP(live->region, read->region);
    SWAP(live->contact, read->contact);
    SWAP(live->purposes, read->purposes);
    SWAP(live->federation_policy, read->federation_policy);
    SWAP(live->operators, read->operators);
    SWAP(live->applications, read->applications);
    SWAP(live->limits, read->limits);
    SWAP(live->policy, read->policy);
}

// Who it is stands in certificates, and in the others' ledgers.
static void check_identity(const AgentConfig *live, const AgentConfig *read, Settings *settings)
{
    const struct {
        const char *key, *is;
        char *const *read;
    } same[] = {
        {"id", live->id, &read->id},
        {"platform", live->platform, &read->platform},
        {"kme_id", live->kme_id, &read->kme_id},
        {"kme_url", live->kme_url, &read->kme_url},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(same); i++) {
        if (*same[i].read && strcmp(*same[i].read, same[i].is) != 0)
            settings_fail(settings, same[i].read, "%s is '%s'; expected '%s' until the next start",
                          same[i].key, *same[i].read, same[i].is);
    }
}

gboolean policy_reload(AgentSettings *settings, const char *path, GError **error)
{
    g_autoptr(Settings) file = settings_load(&agent_settings_table, path);
    AgentSettings *read = settings_root(file);
    if (read) {
        agent_settings_check(read, file);
        check_identity(&settings->agent, &read->agent, file);
    }
    if (!settings_finish(file, error))
        return FALSE;
    take_over(&settings->agent, &read->agent);
    return TRUE;
}
