#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// What the parts of the demo share.

#include "tools/qkdnf/demo.h"
#include "tools/qkdnf/exchange.h"

// The report of `qkdnf topology`; release with json_decref().
json_t *demo_learn_topology(const Demo *demo, GError **error);
// Whether a border link of it joins these providers.
gboolean demo_links_providers(const json_t *link, const char *a, const char *b);
// `qkdnf fault ACTION PROVIDER border LINK`.
gboolean demo_drill(Demo *demo, const char *action, const char *provider, const char *link);

// A key from one user to another; FALSE when it was not granted. Without a reply, it has been said
// why there is none.
gboolean demo_ask(Demo *demo, const char *from, const char *to, Exchange *ret_exchange);
// Fetches it at both ends with curl, compares and remembers it.
void demo_compare(Demo *demo, const char *from, const char *to, const Exchange *exchange);
// All of this; how many providers were crossed.
gsize demo_show_request(Demo *demo, const char *from, const char *to);
char *demo_path_text(const struct qkdnf_reply *reply);

// Calls for each two providers that have users; stops when it returns TRUE.
typedef gboolean (*DemoPairFn)(Demo *demo, const char *from, const char *to, gpointer data);
void demo_for_each_pair(Demo *demo, DemoPairFn fn, gpointer data);

// The users whose key has crossed the most providers; both NULL when there was none.
typedef struct {
    char *from, *to;
    gsize length;
} DemoPair;
DemoPair demo_find_longest(Demo *demo);
