// SPDX-License-Identifier: Apache-2.0

#include "agents/federation/relay.h"
#include "tests/unit/chance.h"

#include <string.h>

#define REQUEST "01234567-89ab-4cde-8f01-23456789abcd"

// An order of the initiator's home: one path to the first target, two to the second.
typedef struct {
    WireOrder order;
    char *targets[2];
    WireBranch branches[3];
    WireBranch *branch_pointers[3];
    char *to_vienna[2];
    char *over_styria[3];
    char *to_linz[2];
} Example;

static void add_branch(Example *example, guint target, char **providers, gsize n_providers)
{
    gsize i = example->order.n_branches++;
    WireBranch *branch = &example->branches[i];
    *branch = (WireBranch)WIRE_BRANCH_INIT;
    branch->role = QKDNF__V1__BRANCH_ROLE__BRANCH_ROLE_INITIATOR;
    branch->target = target;
    branch->providers = providers;
    branch->n_providers = n_providers;
    example->branch_pointers[i] = branch;
}

static void example_init(Example *example)
{
    *example = (Example){
        .order = WIRE_ORDER_INIT,
        .targets = {(char *)"bank-vienna", (char *)"bank-linz"},
        .to_vienna = {(char *)"graz", (char *)"vienna"},
        .over_styria = {(char *)"graz", (char *)"styria", (char *)"linz"},
        .to_linz = {(char *)"graz", (char *)"linz"},
    };
    example->order.request = (char *)REQUEST;
    example->order.attempt = 3;
    example->order.initiator = (char *)"bank-graz";
    example->order.n_targets = 2;
    example->order.targets = example->targets;
    example->order.number = 2;
    example->order.size_bits = 128;
    example->order.branches = example->branch_pointers;
    add_branch(example, 0, example->to_vienna, 2);
    add_branch(example, 1, example->over_styria, 3);
    add_branch(example, 1, example->to_linz, 2);
}

// Keys of 00 01 02 … and an authenticator of 80 81 82 …
static Secret *payload_new(void)
{
    Secret *payload = secret_new(64);
    for (guint i = 0; i < 64; i++)
        payload->data[i] = (guint8)(i < 32 ? i : 0x80 + i - 32);
    return payload;
}

static char *tag_of(const WireOrder *order, guint target, const Secret *payload)
{
    guint8 tag[RELAY_TAG_BYTES];
    relay_tag(order, target, payload, tag);
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < RELAY_TAG_BYTES; i++)
        g_string_append_printf(text, "%02x", tag[i]);
    return g_string_free(text, FALSE);
}

static void test_sizes(void)
{
    static const struct {
        guint number, size_bits, keys_bytes, slots;
    } sizes[] = {{1, 8, 1, 2},   {1, 256, 32, 2}, {1, 264, 33, 3},     {31, 8, 31, 2},
                 {33, 8, 33, 3}, {3, 256, 96, 4}, {2, 8192, 2048, 65}, {128, 8192, 131072, 4097}};
    for (gsize i = 0; i < G_N_ELEMENTS(sizes); i++) {
        WireOrder order = WIRE_ORDER_INIT;
        order.number = sizes[i].number;
        order.size_bits = sizes[i].size_bits;
        g_assert_cmpuint(relay_keys_bytes(&order), ==, sizes[i].keys_bytes);
        g_assert_cmpuint(relay_payload_bytes(&order), ==, sizes[i].keys_bytes + 32);
        g_assert_cmpuint(relay_slots(&order), ==, sizes[i].slots);
    }
}

static void test_marks(void)
{
    WireKeyCopy copy = WIRE_KEY_COPY_INIT;
    WireOrder order = WIRE_ORDER_INIT;
    order.number = 9;
    order.size_bits = 8;
    order.copy = &copy;
    g_assert_cmpuint(relay_keys_bytes(&order), ==, 9 + 2);
    g_assert_cmpuint(relay_slots(&order), ==, 2);
    g_autoptr(Secret) keys = secret_new(relay_keys_bytes(&order));
    guint8 *marks = relay_marks(&order, keys);
    relay_mark(marks, 0, TRUE);
    relay_mark(marks, 3, TRUE);
    relay_mark(marks, 8, TRUE);
    relay_mark(marks, 3, FALSE);
    for (guint i = 0; i < order.number; i++)
        g_assert_cmpint(relay_is_marked(marks, i), ==, i == 0 || i == 8);
    order.copy = NULL;
    keys->n_bytes = 9;
    g_assert_null(relay_marks(&order, keys));
    keys->n_bytes = 11;
}

// By an implementation of Poly1305 (RFC 8439) and of the context that shares nothing with this one.
static void test_a_known_tag(void)
{
    Example example;
    example_init(&example);
    g_autoptr(Secret) payload = payload_new();
    g_autofree char *tag = tag_of(&example.order, 1, payload);
    g_assert_cmpstr(tag, ==, "1249d35d82b233c0c6ed69444364806a");
}

static void assert_differs(const Example *example, const char *tag)
{
    g_autoptr(Secret) payload = payload_new();
    g_autofree char *other = tag_of(&example->order, 1, payload);
    g_assert_cmpstr(other, !=, tag);
}

// What the keys are for is authenticated with them.
static void test_the_context_counts(void)
{
    Example example;
    example_init(&example);
    g_autoptr(Secret) payload = payload_new();
    g_autofree char *tag = tag_of(&example.order, 1, payload);
    example.order.request = (char *)"01234567-89ab-4cde-8f01-23456789abce";
    assert_differs(&example, tag);
    example_init(&example);
    example.order.attempt++;
    assert_differs(&example, tag);
    example_init(&example);
    example.order.initiator = (char *)"bank-linz";
    assert_differs(&example, tag);
    example_init(&example);
    example.targets[0] = (char *)"bank-linz";
    example.targets[1] = (char *)"bank-vienna";
    assert_differs(&example, tag);
    example_init(&example);
    example.order.n_targets = 1;
    assert_differs(&example, tag);
    example_init(&example);
    example.order.number = 1;
    example.order.size_bits = 256;
    assert_differs(&example, tag);
}

static void test_the_paths_count(void)
{
    Example example;
    example_init(&example);
    g_autoptr(Secret) payload = payload_new();
    g_autofree char *tag = tag_of(&example.order, 1, payload);
    example.over_styria[1] = (char *)"tyrol";
    assert_differs(&example, tag);
    example_init(&example);
    example.order.n_branches = 2;
    assert_differs(&example, tag);
    example_init(&example);
    example.branches[1].n_providers = 2;
    assert_differs(&example, tag);
    // Paths to others are none of this target's business, nor are transits in the same order.
    example_init(&example);
    example.to_vienna[1] = (char *)"tyrol";
    g_autofree char *same = tag_of(&example.order, 1, payload);
    g_assert_cmpstr(same, ==, tag);
    example.branches[0].target = 1;
    example.branches[0].role = QKDNF__V1__BRANCH_ROLE__BRANCH_ROLE_TRANSIT;
    g_autofree char *still = tag_of(&example.order, 1, payload);
    g_assert_cmpstr(still, ==, tag);
    g_autofree char *other = tag_of(&example.order, 0, payload);
    g_assert_cmpstr(other, !=, tag);
}

// What the initiator says in its order, the target says in its own.
static void test_both_ends_agree(void)
{
    Example initiator, target;
    example_init(&initiator);
    example_init(&target);
    target.order.branches = &target.branch_pointers[1];
    target.order.n_branches = 2;
    for (guint i = 1; i < 3; i++)
        target.branches[i].role = QKDNF__V1__BRANCH_ROLE__BRANCH_ROLE_TARGET;
    g_autoptr(Secret) payload = payload_new();
    g_autofree char *sent = tag_of(&initiator.order, 1, payload);
    g_autofree char *expected = tag_of(&target.order, 1, payload);
    g_assert_cmpstr(sent, ==, expected);
}

// --- a whole relay -------------------------------------------------------------------------------

#define PROVIDERS_MAX 5

typedef struct {
    Example example;
    guint n_links;
    Secret *links[PROVIDERS_MAX - 1];  // the slots of each
    Secret *values[PROVIDERS_MAX - 1]; // what is published
    char *tag;
} Run;

static void run_init(Run *run, guint n_providers, Chance *chance)
{
    example_init(&run->example);
    run->n_links = n_providers - 1;
    Random random = chance_random(chance);
    g_autoptr(Secret) payload = secret_new(64);
    random_fill(&random, payload->data, payload->n_bytes);
    run->tag = tag_of(&run->example.order, 1, payload);
    for (guint i = 0; i < run->n_links; i++) {
        run->links[i] = secret_new(64);
        random_fill(&random, run->links[i]->data, 64);
        run->values[i] = secret_new_copy(run->links[i]->data, 64);
        const Secret *in = i == 0 ? payload : run->links[i - 1];
        secret_xor(run->values[i], 0, in->data, 64);
    }
}

static void run_clear(Run *run)
{
    for (guint i = 0; i < run->n_links; i++) {
        secret_free(run->links[i]);
        secret_free(run->values[i]);
    }
    g_free(run->tag);
}

// In whatever order the values come.
static gboolean is_verified(const Run *run, guint first)
{
    g_autoptr(Secret) payload = secret_new_copy(run->links[run->n_links - 1]->data, 64);
    for (guint i = 0; i < run->n_links; i++)
        secret_xor(payload, 0, run->values[(first + i) % run->n_links]->data, 64);
    g_autofree char *tag = tag_of(&run->example.order, 1, payload);
    return strcmp(tag, run->tag) == 0;
}

// Poly1305 leaves 22 bits of its key unused (RFC 8439, 2.5): the keys are as they were sent.
static gboolean is_clamped(guint bit)
{
    if (bit < 8 * 32 || bit >= 8 * 48)
        return FALSE;
    guint byte = bit / 8 - 32;
    return byte % 4 == 3 ? bit % 8 >= 4 : byte % 4 == 0 && byte > 0 && bit % 8 < 2;
}

static void test_a_relay(void)
{
    Chance chance = {4};
    for (guint n_providers = 2; n_providers <= PROVIDERS_MAX; n_providers++) {
        Run run;
        run_init(&run, n_providers, &chance);
        for (guint first = 0; first < run.n_links; first++)
            g_assert_true(is_verified(&run, first));
        for (guint bit = 0; bit < 8 * 64; bit++) {
            Secret *value = run.values[bit % run.n_links];
            value->data[bit / 8] ^= (guint8)(1u << (bit % 8));
            g_assert_cmpint(is_verified(&run, 0), ==, is_clamped(bit));
            value->data[bit / 8] ^= (guint8)(1u << (bit % 8));
        }
        // Out of step: the slots of another order.
        run.links[run.n_links - 1]->data[0]++;
        g_assert_false(is_verified(&run, 0));
        run_clear(&run);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/relay/sizes", test_sizes);
    g_test_add_func("/relay/marks", test_marks);
    g_test_add_func("/relay/a-known-tag", test_a_known_tag);
    g_test_add_func("/relay/the-context-counts", test_the_context_counts);
    g_test_add_func("/relay/the-paths-count", test_the_paths_count);
    g_test_add_func("/relay/both-ends-agree", test_both_ends_agree);
    g_test_add_func("/relay/a-relay", test_a_relay);
    return g_test_run();
}
