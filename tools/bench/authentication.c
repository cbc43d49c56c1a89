// SPDX-License-Identifier: Apache-2.0

#include "tools/bench/authentication.h"

#include "tools/qkdnf/json-read.h"
#include "topics/dispatch.h"
#include "topics/mqtt/credentials-file.h"
#include "topics/mqtt/daemon.h"
#include "topics/mqtt/pki.h"
#include "topics/outbox.h"
#include "topics/pairwise.h"

#include <glib/gstdio.h>
#include <string.h>
#include <time.h>

// A round does so many of a thing: the clock is read around them.
#define N_AT_ONCE 20

enum { APPLICATION, PLATFORM, INITIATOR, TARGET, N_MEMBERS };

static const struct {
    const char *id;
    Role role;
} members[N_MEMBERS] = {
    [APPLICATION] = {"application", ROLE_APPLICATION},
    [PLATFORM] = {"platform", ROLE_PLATFORM},
    [INITIATOR] = {"initiator", ROLE_AGENT},
    [TARGET] = {"target", ROLE_AGENT},
};

typedef struct {
    KindId kind;
    guint from;
    guint to;
    gsize n_bytes; // of its text
} Hop;

// What a request waits for, as large as the floor has it.
static const Hop request_hops[] = {
    {KIND_REQUEST, APPLICATION, PLATFORM, 160}, {KIND_ORDER, PLATFORM, INITIATOR, 380},
    {KIND_RELAY, INITIATOR, TARGET, 220},       {KIND_OUTCOME, TARGET, PLATFORM, 120},
    {KIND_REPLY, PLATFORM, APPLICATION, 420},
};
// And what lets those know each other to whom nothing goes back by that.
static const Hop answers[] = {
    {KIND_OUTCOME, INITIATOR, PLATFORM, 120},
    {KIND_RELAY, TARGET, INITIATOR, 220},
};

typedef struct {
    Outbox *outbox;
    Dispatcher *dispatcher;
    Authentication *authentication; // NULL: without
} Member;

typedef struct {
    Member plain[N_MEMBERS], authenticated[N_MEMBERS];
    Credentials *credentials; // one member's, and what others read in its certificate
    Certificate *certificate;
    Pairwise *makes, *checks;
    WireFrame *frame; // a relay
    gsize frame_bytes;
    gint64 now_us;
    guint64 n_messages; // that were handled
} Bench;

static void members_clear(Member *some)
{
    for (guint i = 0; i < N_MEMBERS; i++) {
        dispatcher_free(some[i].dispatcher);
        outbox_free(some[i].outbox);
        authentication_free(some[i].authentication);
    }
}

static void bench_clear(Bench *bench)
{
    members_clear(bench->plain);
    members_clear(bench->authenticated);
    certificate_free(bench->certificate);
    credentials_free(bench->credentials);
    pairwise_free(bench->makes);
    pairwise_free(bench->checks);
    wire_free(bench->frame);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Bench, bench_clear)

// --- a bus of this process -----------------------------------------------------------------------

static void on_message(gpointer core, const Sender *sender, gconstpointer message)
{
    *(guint64 *)core += 1;
}

static Role role_of(gpointer core, const char *id)
{
    return ROLE_BY_CERTIFICATE;
}

static const DispatchTable handlers = {
    .handlers = {[KIND_REQUEST] = on_message,
                 [KIND_ORDER] = on_message,
                 [KIND_RELAY] = on_message,
                 [KIND_OUTCOME] = on_message,
                 [KIND_REPLY] = on_message},
    .role_of = role_of,
};

typedef struct {
    const Member *to;
    gint64 now_us;
} Delivery;

static void deliver(gpointer data, const Publish *publish)
{
    const Delivery *delivery = data;
    gsize n_bytes = 0;
    const guint8 *bytes = g_bytes_get_data(publish->payload, &n_bytes);
    Refusal refusal = dispatcher_receive(delivery->to->dispatcher, publish->topic, bytes, n_bytes,
                                         delivery->now_us);
    if (refusal != REFUSAL_NONE)
        g_error("%s is refused: %s", publish->topic, refusal_name(refusal));
}

// The first field of all these kinds is a text.
static void pass(const Bench *bench, const Member *some, const Hop *hop)
{
    char text[512] = {0};
    union {
        ProtobufCMessage base;
        guint8 room[1024];
    } message;
    memset(text, 'x', hop->n_bytes);
    protobuf_c_message_init(kind_get(hop->kind)->message, &message);
    *(char **)(message.room + kind_get(hop->kind)->message->fields[0].offset) = text;
    Delivery delivery = {&some[hop->to], bench->now_us};
    outbox_add(some[hop->from].outbox, hop->kind, members[hop->to].id, &message.base);
    outbox_flush(some[hop->from].outbox, bench->now_us, deliver, &delivery);
}

// --- who is there --------------------------------------------------------------------------------

static Credentials *certify(const PkiCa *ca, const char *dir, guint member, GError **error)
{
    const char *id = members[member].id;
    g_autofree char *authority = g_build_filename(dir, PKI_CA_CERTIFICATE_FILE, NULL);
    g_autofree char *certificate = g_strdup_printf("%s/%s.crt", dir, id);
    g_autofree char *key = g_strdup_printf("%s/%s.key", dir, id);
    Connection connection = {.ca = authority, .certificate = certificate, .key = key};
    gboolean is_issued =
        pki_issue(ca, id, PKI_USAGE_CLIENT, ROLE_BIT(members[member].role), dir, error);
    Credentials *credentials = is_issued ? credentials_load(&connection, id, error) : NULL;
    g_unlink(certificate);
    g_unlink(key);
    return credentials;
}

static void add_member(Bench *bench, Member *some, guint i, Credentials *credentials)
{
    some[i].outbox = outbox_new(members[i].id, 1);
    some[i].dispatcher = dispatcher_new(members[i].id, &handlers, &bench->n_messages);
    if (!credentials)
        return;
    some[i].authentication = authentication_new(members[i].id, members[i].role, 1, daemon_random());
    authentication_set_credentials(some[i].authentication, credentials, bench->now_us);
    outbox_set_authentication(some[i].outbox, some[i].authentication);
    dispatcher_set_authentication(some[i].dispatcher, some[i].authentication);
}

static void introduce(const Bench *bench, guint i, Credentials *credentials)
{
    const Member *some = bench->authenticated;
    g_autofree char *topic = topic_format(KIND_PRESENCE, members[i].id, ID_ALL);
    g_autoptr(GBytes) birth = presence_pack(authentication_identity(some[i].authentication), 1,
                                            TRUE, credentials, bench->now_us);
    for (guint j = 0; j < N_MEMBERS; j++)
        deliver(&(Delivery){&some[j], bench->now_us}, &(Publish){KIND_PRESENCE, topic, birth});
}

// The credentials are the members' then.
static gboolean add_members(Bench *bench, const PkiCa *ca, const char *dir, GError **error)
{
    Credentials *credentials[N_MEMBERS] = {0};
    for (guint i = 0; i < N_MEMBERS; i++) {
        credentials[i] = certify(ca, dir, i, error);
        if (!credentials[i])
            return FALSE;
        add_member(bench, bench->plain, i, NULL);
        add_member(bench, bench->authenticated, i, credentials[i]);
    }
    for (guint i = 0; i < N_MEMBERS; i++)
        introduce(bench, i, credentials[i]);
    return TRUE;
}

static Certificate *read_certificate(Credentials *credentials, gint64 now_us)
{
    GBytes *leaf = credentials->chain->pdata[0];
    ProtobufCBinaryData chain = {0};
    chain.data = (guint8 *)g_bytes_get_data(leaf, &chain.len);
    return credentials->ops->verify(credentials, &chain, 1, now_us);
}

static void add_pair(Bench *bench)
{
    guint8 shares[2][SHARE_BYTES];
    EVP_PKEY *keys[] = {pairwise_generate(daemon_random(), shares[0]),
                        pairwise_generate(daemon_random(), shares[1])};
    Identity initiator = {members[INITIATOR].id, ROLE_AGENT, 1, shares[0]};
    Identity target = {members[TARGET].id, ROLE_AGENT, 1, shares[1]};
    bench->makes = pairwise_new(keys[0], &initiator, &target, NULL);
    bench->checks = pairwise_new(keys[1], &target, &initiator, NULL);
    EVP_PKEY_free(keys[0]);
    EVP_PKEY_free(keys[1]);
}

static void keep_frame(gpointer data, const Publish *publish)
{
    Bench *bench = data;
    gsize n_bytes = 0;
    const guint8 *bytes = g_bytes_get_data(publish->payload, &n_bytes);
    bench->frame = qkdnf__v1__frame__unpack(NULL, n_bytes, bytes);
    bench->frame_bytes = n_bytes;
}

static void add_frame(Bench *bench)
{
    guint8 value[220] = {0};
    WireRelay relay = WIRE_RELAY_INIT;
    relay.value = (ProtobufCBinaryData){sizeof value, value};
    Outbox *outbox = bench->plain[INITIATOR].outbox;
    outbox_add(outbox, KIND_RELAY, members[TARGET].id, &relay.base);
    outbox_flush(outbox, bench->now_us, keep_frame, bench);
}

static gboolean bench_prepare(Bench *bench, const char *dir, GError **error)
{
    g_autoptr(PkiCa) ca = pki_create_ca(dir, error);
    bench->now_us = g_get_real_time();
    if (!ca || !add_members(bench, ca, dir, error))
        return FALSE;
    bench->credentials = certify(ca, dir, INITIATOR, error);
    if (!bench->credentials)
        return FALSE;
    bench->certificate = read_certificate(bench->credentials, bench->now_us);
    add_pair(bench);
    add_frame(bench);
    return TRUE;
}

// --- what is measured ----------------------------------------------------------------------------

// What is made is what the next one checks.
typedef struct {
    guint8 bytes[FRAME_TAG_MAX_BYTES];
    gsize n_bytes;
} Tag;

static WireFrame with_tag(const Bench *bench, Tag *tag)
{
    WireFrame frame = *bench->frame;
    frame.algorithm = bench->credentials->algorithm;
    frame.tag = (ProtobufCBinaryData){tag->n_bytes, tag->bytes};
    return frame;
}

static void sign(Bench *bench, Tag *tag)
{
    WireFrame frame = with_tag(bench, tag);
    tag->n_bytes = bench->credentials->ops->sign(bench->credentials, &frame, tag->bytes);
}

static void verify(Bench *bench, Tag *tag)
{
    WireFrame frame = with_tag(bench, tag);
    if (!bench->certificate->ops->check(bench->certificate, &frame))
        g_error("a signature is not what it should be");
}

static void make_tag(Bench *bench, Tag *tag)
{
    WireFrame frame = with_tag(bench, tag);
    tag->n_bytes = pairwise_make(bench->makes, &frame, tag->bytes);
}

static void check_tag(Bench *bench, Tag *tag)
{
    WireFrame frame = with_tag(bench, tag);
    if (!pairwise_check(bench->checks, &frame))
        g_error("a tag is not what it should be");
}

static void request(const Bench *bench, const Member *some)
{
    for (gsize i = 0; i < G_N_ELEMENTS(request_hops); i++)
        pass(bench, some, &request_hops[i]);
}

static void request_plain(Bench *bench, Tag *tag)
{
    request(bench, bench->plain);
}

static void request_authenticated(Bench *bench, Tag *tag)
{
    request(bench, bench->authenticated);
}

static const struct {
    const char *name; // in reports
    const char *text; // for people
    void (*run)(Bench *bench, Tag *tag);
} figures[] = {
    {"sign", "sign a frame to all", sign},
    {"verify", "verify its signature", verify},
    {"tag", "make the tag of a frame to one", make_tag},
    {"check", "check its tag", check_tag},
    {"request_plain", "five frames of a request, without", request_plain},
    {"request_authenticated", "five frames of a request, with tags", request_authenticated},
};
#define N_FIGURES G_N_ELEMENTS(figures)

static gint64 cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return now.tv_sec * G_GINT64_CONSTANT(1000000000) + now.tv_nsec;
}

static void measure_round(Bench *bench, gint64 ret_sums_ns[N_FIGURES])
{
    Tag tag = {.n_bytes = 0};
    // The quotas of a second are for that second; and who is heard from needs no introduction.
    bench->now_us += G_USEC_PER_SEC;
    for (gsize i = 0; i < G_N_ELEMENTS(answers); i++)
        pass(bench, bench->authenticated, &answers[i]);
    for (gsize i = 0; i < N_FIGURES; i++) {
        gint64 start_ns = cpu_ns();
        for (guint j = 0; j < N_AT_ONCE; j++)
            figures[i].run(bench, &tag);
        ret_sums_ns[i] += cpu_ns() - start_ns;
    }
}

static void measure_run(Bench *bench, guint64 n_rounds, json_t *measured)
{
    gint64 sums_ns[N_FIGURES] = {0}, warm_up[N_FIGURES] = {0};
    for (guint64 i = 0; i < n_rounds / 10 + 2; i++)
        measure_round(bench, warm_up);
    for (guint64 i = 0; i < n_rounds; i++)
        measure_round(bench, sums_ns);
    for (gsize i = 0; i < N_FIGURES; i++) {
        json_t *figure = json_object_get(measured, figures[i].name);
        gint64 each_ns = sums_ns[i] / (gint64)(n_rounds * N_AT_ONCE);
        json_array_append_new(json_object_get(figure, "runs"),
                              json_pack("{s:I}", "cpu_ns", (json_int_t)each_ns));
    }
}

static gint64 figure_ns(const json_t *report, const char *name)
{
    return json_read_integer(json_object_get(json_object_get(report, "figures"), name), "cpu_ns");
}

static double ratio(const json_t *report, const char *above, const char *below)
{
    return (double)figure_ns(report, above) / (double)MAX(1, figure_ns(report, below));
}

static json_t *measure(Bench *bench, const BenchSettings *settings)
{
    json_t *report = bench_report_new("authentication", settings);
    json_t *measured = json_object();
    for (gsize i = 0; i < N_FIGURES; i++)
        json_object_set_new(measured, figures[i].name, json_pack("{s:[]}", "runs"));
    json_object_set_new(report, "frame_bytes", json_integer((json_int_t)bench->frame_bytes));
    json_object_set_new(report, "figures", measured);
    for (guint64 i = 0; i < settings->n_runs; i++)
        measure_run(bench, settings->n_rounds, measured);
    for (gsize i = 0; i < N_FIGURES; i++) {
        json_t *figure = json_object_get(measured, figures[i].name);
        json_object_set_new(figure, "cpu_ns",
                            json_integer(bench_median(json_object_get(figure, "runs"), "cpu_ns")));
    }
    json_object_set_new(report, "sign_over_tag", json_real(ratio(report, "sign", "tag")));
    json_object_set_new(report, "verify_over_check", json_real(ratio(report, "verify", "check")));
    json_object_set_new(report, "request_ratio",
                        json_real(ratio(report, "request_authenticated", "request_plain")));
    return report;
}

static void remove_authority(const char *dir)
{
    static const char *const files[] = {PKI_CA_CERTIFICATE_FILE, PKI_CA_KEY_FILE};
    for (gsize i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autofree char *path = g_build_filename(dir, files[i], NULL);
        g_unlink(path);
    }
    g_rmdir(dir);
}

json_t *bench_authentication(const BenchSettings *settings, GError **error)
{
    g_auto(Bench) bench = {0};
    g_autofree char *place = g_dir_make_tmp("qkdnf-bench-XXXXXX", error);
    gboolean is_ready = place && bench_prepare(&bench, place, error);
    if (place)
        remove_authority(place);
    return is_ready ? measure(&bench, settings) : NULL;
}

// --- for people ----------------------------------------------------------------------------------

char *authentication_format_table(const json_t *report)
{
    GString *table = g_string_new(NULL);
    bench_format_head(table, report);
    g_string_append_printf(table, "%-44s%12s\n", "", "CPU us");
    for (gsize i = 0; i < N_FIGURES; i++)
        g_string_append_printf(table, "%-44s%12.2f\n", figures[i].text,
                               (double)figure_ns(report, figures[i].name) / 1000);
    g_string_append_printf(table, "sign/tag %.1f, verify/check %.1f, request with/without %.2f\n",
                           json_number_value(json_object_get(report, "sign_over_tag")),
                           json_number_value(json_object_get(report, "verify_over_check")),
                           json_number_value(json_object_get(report, "request_ratio")));
    return g_string_free(table, FALSE);
}
