// SPDX-License-Identifier: Apache-2.0
//
// The same keys at two applications: example FEDERATION.json INITIATOR TARGET

#include <qkdnf.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>

static struct qkdnf *join(const char *file, const char *sae)
{
    struct qkdnf_error error;
    struct qkdnf *q = qkdnf_connect_federation(file, sae, &error);
    if (!q)
        fprintf(stderr, "%s\n", error.text);
    return q;
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: %s FEDERATION.json INITIATOR TARGET\n", argv[0]);
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    struct qkdnf *alice = join(argv[1], argv[2]);
    struct qkdnf *bob = alice ? join(argv[1], argv[3]) : NULL;
    if (!bob)
        return 2;
    struct qkdnf_request request = {.targets = (const char *const[]){argv[3]}, .n_targets = 1};
    struct qkdnf_reply *reply = qkdnf_request_keys_wait(alice, &request);
    printf("request: %s, %s\n", qkdnf_status_name(reply->status), reply->text);

    // Here Alice would send the key IDs to Bob, who is elsewhere.
    struct qkdnf_kme *near = qkdnf_kme_of(alice, NULL), *far = qkdnf_kme_of(bob, NULL);
    struct qkdnf_keys *a = qkdnf_fetch(near, reply, 0);
    struct qkdnf_keys *b = qkdnf_get_keys_by_id(far, argv[2], reply->key_ids, reply->n_key_ids, 0);
    printf("initiator: %s, target: %s\n", a->text, b->text);
    int same = a->n_keys == 1 && b->n_keys == 1 && a->keys[0].n_bytes == b->keys[0].n_bytes &&
               memcmp(a->keys[0].bytes, b->keys[0].bytes, a->keys[0].n_bytes) == 0;
    printf("%s\n", same ? "the same key at both ends" : "no common key");

    qkdnf_keys_free(a), qkdnf_keys_free(b);
    qkdnf_kme_free(near), qkdnf_kme_free(far);
    qkdnf_reply_free(reply);
    qkdnf_close(alice), qkdnf_close(bob);
    return !same;
}
