// SPDX-License-Identifier: Apache-2.0

#include "agents/qkdn/border-end.h"

#include "agents/qkdn/link-store.h"
#include "agents/qkdn/rate-model.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

// How many blocks back a second use of a block ID is noticed. IDs are random, so only a message
// that is repeated can name one again; one that is so many blocks late concerns ledger slots that
// were used or burned long before, which the ledger refuses by itself.
#define MAX_SPENT 16384

#define BLOCK_KEY_BYTES 32

struct BorderEnd {
    char *id;
    char *node;
    char *peer;
    const Outage *outages[3]; // its own, its gateway's, the provider's
    const Random *random;
    Secret *secret;
    gsize block_bytes;
    LinkStore store;
    GHashTable *spent;  // block IDs, owned by the queue
    GQueue spent_order; // the same, oldest first
};

// `hex` was checked with the settings.
static Secret *secret_from_hex(const char *hex)
{
    Secret *secret = secret_new(strlen(hex) / 2);
    for (gsize i = 0; i < secret->n_bytes; i++)
        secret->data[i] =
            (guint8)(g_ascii_xdigit_value(hex[2 * i]) << 4 | g_ascii_xdigit_value(hex[2 * i + 1]));
    return secret;
}

BorderEnd *border_end_new(const SimBorder *settings, guint64 time_scale, const Outages *outages,
                          const Random *random, gint64 now_us)
{
    BorderEnd *end = g_new0(BorderEnd, 1);
    end->id = g_strdup(settings->id);
    end->node = g_strdup(settings->node);
    end->peer = g_strdup(settings->peer);
    end->outages[0] = outages_find(outages, DRIVER_SCOPE_BORDER, settings->id);
    end->outages[1] = outages_find(outages, DRIVER_SCOPE_NODE, settings->node);
    end->outages[2] = outages_find(outages, DRIVER_SCOPE_PROVIDER, "");
    g_assert(end->outages[0] && end->outages[1] && end->outages[2]);
    end->random = random;
    end->secret = secret_from_hex(settings->secret);
    end->block_bytes = settings->block_bytes;
    guint64 rate_bps = link_rate_bps(settings->rate_bps, settings->loss_db, settings->km);
    end->store = link_store_make(rate_bps * time_scale, settings->store_bytes,
                                 settings->initial_bytes, now_us);
    end->spent = g_hash_table_new(g_str_hash, g_str_equal);
    g_queue_init(&end->spent_order);
    return end;
}

void border_end_free(BorderEnd *end)
{
    if (!end)
        return;
    g_hash_table_unref(end->spent);
    g_queue_clear_full(&end->spent_order, g_free);
    secret_free(end->secret);
    g_free(end->id);
    g_free(end->node);
    g_free(end->peer);
    g_free(end);
}

const char *border_end_id(const BorderEnd *end)
{
    return end->id;
}

static gboolean is_up(const BorderEnd *end)
{
    for (gsize i = 0; i < G_N_ELEMENTS(end->outages); i++) {
        if (end->outages[i]->in_force)
            return FALSE;
    }
    return TRUE;
}

void border_end_pass(BorderEnd *end, gint64 now_us)
{
    link_store_pass(&end->store, now_us, is_up(end));
}

// The keystream of AES-256-CTR from counter 0. No two blocks share a key, so none shares a stream.
static gboolean fill_with_keystream(Secret *block, const guint8 *key)
{
    static const guint8 counter[16];
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    int n = 0;
    gboolean done =
        context && EVP_EncryptInit_ex2(context, EVP_aes_256_ctr(), key, counter, NULL) == 1 &&
        EVP_EncryptUpdate(context, block->data, &n, block->data, (int)block->n_bytes) == 1;
    EVP_CIPHER_CTX_free(context);
    return done;
}

// NULL if the cryptographic library fails.
static Secret *derive(const BorderEnd *end, const char *block_id)
{
    guint8 key[BLOCK_KEY_BYTES];
    g_autoptr(Secret) block = secret_new(end->block_bytes);
    gboolean done = HMAC(EVP_sha256(), end->secret->data, (int)end->secret->n_bytes,
                         (const guint8 *)block_id, strlen(block_id), key, NULL) &&
                    fill_with_keystream(block, key);
    secret_wipe(key, sizeof(key));
    return done ? g_steal_pointer(&block) : NULL;
}

static void remember(BorderEnd *end, const char *block_id)
{
    char *id = g_strdup(block_id);
    g_queue_push_tail(&end->spent_order, id);
    g_hash_table_add(end->spent, id);
    if (end->spent_order.length <= MAX_SPENT)
        return;
    g_autofree char *oldest = g_queue_pop_head(&end->spent_order);
    g_hash_table_remove(end->spent, oldest);
}

// RFC 9562 section 5.4.
static char *new_uuid(const Random *random)
{
    guint8 b[16];
    random_fill(random, b, sizeof(b));
    b[6] = (b[6] & 0x0f) | 0x40;
    b[8] = (b[8] & 0x3f) | 0x80;
    GString *text = g_string_sized_new(36);
    for (gsize i = 0; i < sizeof(b); i++)
        g_string_append_printf(text, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x",
                               b[i]);
    return g_string_free(text, FALSE);
}

// One spelling per block: another would derive other bytes.
static gboolean is_block_id(const char *text)
{
    if (!g_uuid_string_is_valid(text))
        return FALSE;
    for (; *text; text++) {
        if (g_ascii_isupper(*text))
            return FALSE;
    }
    return TRUE;
}

Status border_end_take(BorderEnd *end, char **ret_id, Secret **ret_key)
{
    if (!is_up(end))
        return STATUS_QKDN_FAILED;
    if (link_store_bytes(&end->store) < end->block_bytes)
        return STATUS_INSUFFICIENT_KEY;
    g_autofree char *id = new_uuid(end->random);
    g_autoptr(Secret) key = derive(end, id);
    if (!key)
        return STATUS_INTERNAL;
    link_store_spend(&end->store, end->block_bytes);
    remember(end, id);
    *ret_id = g_steal_pointer(&id);
    *ret_key = g_steal_pointer(&key);
    return STATUS_OK;
}

Status border_end_claim(BorderEnd *end, const char *block_id, Secret **ret_key)
{
    if (!is_up(end))
        return STATUS_QKDN_FAILED;
    if (!is_block_id(block_id) || g_hash_table_contains(end->spent, block_id))
        return STATUS_BLOCK_UNKNOWN;
    g_autoptr(Secret) key = derive(end, block_id);
    if (!key)
        return STATUS_INTERNAL;
    link_store_overdraw(&end->store, end->block_bytes);
    remember(end, block_id);
    *ret_key = g_steal_pointer(&key);
    return STATUS_OK;
}

void border_end_describe(const BorderEnd *end, DriverMap *map)
{
    driver_map_add_border(map, &(DriverBorder){
                                   .id = end->id,
                                   .node = end->node,
                                   .peer = end->peer,
                                   .rate_bps = end->store.rate_bps,
                                   .up = is_up(end),
                               });
}
