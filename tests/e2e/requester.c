// SPDX-License-Identifier: Apache-2.0
//
// An application that lives as long as its standard input: requester FEDERATION.json SAE NUMBER.
// Each line names a target; it asks the platform for so many keys with it, and answers with a line
// `REQUEST STATUS KEY-ID...`.

#include <qkdnf.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void ask(struct qkdnf *q, const char *target, unsigned number)
{
    struct qkdnf_request request = {.targets = &target, .n_targets = 1, .number = number};
    struct qkdnf_reply *reply = qkdnf_request_keys_wait(q, &request);
    printf("%s %s", reply->id, qkdnf_status_name(reply->status));
    for (size_t i = 0; i < reply->n_key_ids; i++)
        printf(" %s", reply->key_ids[i]);
    printf("\n");
    fflush(stdout);
    qkdnf_reply_free(reply);
}

int main(int argc, char **argv)
{
    struct qkdnf_error error = {"expected FEDERATION.json SAE NUMBER"};
    char target[128];
    signal(SIGPIPE, SIG_IGN);
    struct qkdnf *q = argc == 4 ? qkdnf_connect_federation(argv[1], argv[2], &error) : NULL;
    if (!q) {
        fprintf(stderr, "%s\n", error.text);
        return 2;
    }
    while (fgets(target, sizeof target, stdin)) {
        target[strcspn(target, "\n")] = '\0';
        ask(q, target, (unsigned)atoi(argv[3]));
    }
    qkdnf_close(q);
    return 0;
}
