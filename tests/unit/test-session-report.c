// SPDX-License-Identifier: Apache-2.0

#include "tools/qkdnf/session-report.h"

#include "schemas/status.h"

#include <string.h>

#define UUID "0123abcd-0000-4000-8000-00000000000c"

// A session with everything that can be said of one.
typedef struct {
    char *targets[2], *way[2];
    WireSessionQos qos;
    WireProviderPath path;
    WireProviderPath *paths[1];
    WireDelivery delivery;
    WireDelivery *deliveries[1];
    WireSessionInfo info;
    WireSessionInfo *sessions[1];
    WireSessionState state;
} Fixture;

static void set_up(Fixture *f, gconstpointer data)
{
    *f = (Fixture){.targets = {(char *)"bank-b", (char *)"bank-c"},
                   .way = {(char *)"vienna", (char *)"graz"},
                   .qos = WIRE_SESSION_QOS_INIT,
                   .path = WIRE_PROVIDER_PATH_INIT,
                   .delivery = WIRE_DELIVERY_INIT,
                   .info = WIRE_SESSION_INFO_INIT,
                   .state = WIRE_SESSION_STATE_INIT};
    f->qos.rate_bps = 2560, f->qos.size_bits = 256, f->qos.buffer = 40, f->qos.paths = 1;
    f->qos.protected_ = TRUE, f->qos.lifetime_ms = 1500, f->qos.priority = 3;
    f->path.target = f->targets[0], f->path.providers = f->way, f->path.n_providers = 2;
    f->paths[0] = &f->path;
    f->delivery.sae = (char *)"bank-a", f->delivery.provider = f->way[0];
    f->delivery.kme_url = (char *)"https://127.0.0.1:1";
    f->deliveries[0] = &f->delivery;
    f->info.session = (char *)UUID, f->info.initiator = (char *)"bank-a";
    f->info.targets = f->targets, f->info.n_targets = 2, f->info.qos = &f->qos;
    f->info.phase = QKDNF__V1__SESSION_PHASE__SESSION_PHASE_DEGRADED;
    f->info.paths = f->paths, f->info.n_paths = 1;
    f->info.protection = f->paths, f->info.n_protection = 1;
    f->info.deliveries = f->deliveries, f->info.n_deliveries = 1;
    f->info.granted = 20, f->info.delivered = 4, f->info.text = (char *)"no way";
    f->sessions[0] = &f->info;
    f->state.status = QKDNF__V1__STATUS__STATUS_OK, f->state.text = (char *)"";
    f->state.sessions = f->sessions, f->state.n_sessions = 1;
}

static void assert_json(json_t *value, const char *expected)
{
    g_autofree char *text = json_dumps(value, JSON_COMPACT);
    g_assert_cmpstr(text, ==, expected);
    json_decref(value);
}

static void test_as_json(Fixture *f, gconstpointer data)
{
    assert_json(
        session_report_to_json(&f->state),
        "{\"status\":\"OK\",\"text\":\"\",\"sessions\":[{\"session\":\"" UUID "\",\"initiator\":"
        "\"bank-a\",\"targets\":[\"bank-b\",\"bank-c\"],\"phase\":\"DEGRADED\",\"text\":\"no way\","
        "\"qos\":{\"rate_bps\":2560,\"size_bits\":256,\"buffer\":40,\"lifetime_ms\":1500,"
        "\"priority\":3,\"protected\":true,\"paths\":1},\"paths\":[{\"target\":\"bank-b\","
        "\"providers\":[\"vienna\",\"graz\"]}],\"protection\":[{\"target\":\"bank-b\","
        "\"providers\":[\"vienna\",\"graz\"]}],\"deliveries\":[{\"sae\":\"bank-a\",\"provider\":"
        "\"vienna\",\"kme\":\"https://127.0.0.1:1\"}],\"granted\":20,\"delivered\":4,"
        "\"opened_at_us\":0}]}");
    f->state.n_sessions = 0;
    f->state.status = QKDNF__V1__STATUS__STATUS_INSUFFICIENT_KEY;
    f->state.offer = &f->qos;
    assert_json(session_report_to_json(&f->state),
                "{\"status\":\"INSUFFICIENT_KEY\",\"text\":\"\",\"sessions\":[],\"offer\":{"
                "\"rate_bps\":2560,\"size_bits\":256,\"buffer\":40,\"lifetime_ms\":1500,"
                "\"priority\":3,\"protected\":true,\"paths\":1}}");
}

static void test_for_people(Fixture *f, gconstpointer data)
{
    g_autofree char *list = session_report_list(&f->state);
    g_assert_cmpstr(list, ==,
                    UUID " DEGRADED bank-a → bank-b,bank-c, 2560 bit/s in keys of 256 bits, "
                         "20 keys made, 4 fetched: no way\n");
    g_autofree char *all = session_report_show(&f->info);
    g_assert_true(g_str_has_prefix(all, list));
    g_assert_cmpstr(all + strlen(list), ==,
                    "  40 keys are kept ready, priority 3, protected, 1 path, ends after 1.5 s\n"
                    "  to bank-b: vienna → graz\n"
                    "  or, reserved, to bank-b: vienna → graz\n"
                    "  bank-a fetches at https://127.0.0.1:1, vienna\n");
    g_assert_null(session_report_offer(&f->state));
    f->state.offer = &f->qos;
    g_autofree char *offer = session_report_offer(&f->state);
    g_assert_cmpstr(offer, ==, "2560 bit/s with 40 keys kept ready could be had");
    f->qos.rate_bps = 0;
    g_assert_null(session_report_offer(&f->state));
}

// What a later version may send.
static void test_what_is_not_known(Fixture *f, gconstpointer data)
{
    f->info.phase = (Qkdnf__V1__SessionPhase)77;
    g_assert_cmpstr(session_report_phase_name(&f->info), ==, "UNKNOWN");
    f->info.qos = NULL;
    g_autofree char *text = session_report_show(&f->info);
    g_assert_nonnull(strstr(text, "UNKNOWN"));
    json_decref(session_report_to_json(&f->state));
}

static void test_a_handover(Fixture *f, gconstpointer data)
{
    WireHandoverState state = WIRE_HANDOVER_STATE_INIT;
    state.id = (char *)UUID, state.sae = (char *)"bank-a", state.text = (char *)"";
    state.phase = QKDNF__V1__HANDOVER_PHASE__HANDOVER_PHASE_REQUESTED;
    state.duration_us = 1500;
    g_autofree char *first = handover_report_phase(&state);
    g_assert_cmpstr(first, ==, "[   0.002 s] REQUESTED\n");
    state.phase = QKDNF__V1__HANDOVER_PHASE__HANDOVER_PHASE_PREPARED;
    state.status = QKDNF__V1__STATUS__STATUS_OK;
    state.provider = (char *)"graz", state.node = (char *)"g1", state.n_sessions = 2;
    state.kme_url = (char *)"https://127.0.0.1:1", state.kme_id = (char *)"graz-kme";
    g_autofree char *line = handover_report_phase(&state);
    g_assert_cmpstr(line, ==, "[   0.002 s] PREPARED: bank-a at graz/g1, https://127.0.0.1:1\n");
    assert_json(handover_report_to_json(&state),
                "{\"handover\":\"" UUID "\",\"sae\":\"bank-a\",\"phase\":\"PREPARED\",\"status\":"
                "\"OK\",\"text\":\"\",\"provider\":\"graz\",\"node\":\"g1\",\"kme\":"
                "\"https://127.0.0.1:1\",\"kme_id\":\"graz-kme\",\"sessions\":2,"
                "\"milliseconds\":1.5}");
}

static void add(const char *name, void (*test)(Fixture *, gconstpointer))
{
    g_test_add(name, Fixture, NULL, set_up, test, NULL);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add("/session-report/as-json", test_as_json);
    add("/session-report/for-people", test_for_people);
    add("/session-report/what-is-not-known", test_what_is_not_known);
    add("/session-report/a-handover", test_a_handover);
    return g_test_run();
}
