// SPDX-License-Identifier: Apache-2.0

#include "tools/bench/accounts-done.h"

#include "platform/accounts.h"

#define N_PROVIDERS 10
#define KEYS        4
#define BITS        1024

static const char *const providers[N_PROVIDERS] = {"p0", "p1", "p2", "p3", "p4",
                                                   "p5", "p6", "p7", "p8", "p9"};

typedef struct {
    char id[UUID_CHARS + 1];
    char session[UUID_CHARS + 1]; // of every other; or ""
    const char *buyer, *carrier, *end;
} Done;

static void done_init(Done *done, guint i)
{
    guint buyer = i % N_PROVIDERS, carrier = (buyer + 1 + i / N_PROVIDERS % 8) % N_PROVIDERS;
    g_snprintf(done->id, sizeof done->id, "%08x-0000-4000-8000-000000000001", i);
    done->session[0] = '\0';
    if (i % 2)
        g_snprintf(done->session, sizeof done->session, "%08x-0000-4000-8000-000000000002",
                   i % 1000);
    done->buyer = providers[buyer];
    done->carrier = providers[carrier];
    done->end = providers[(carrier + 1) % N_PROVIDERS == buyer ? (carrier + 2) % N_PROVIDERS
                                                               : (carrier + 1) % N_PROVIDERS];
}

static void grant(Federation *federation, const Done *done)
{
    Platform__State__Share shares[RECORDS_OF_REQUEST], *pointers[RECORDS_OF_REQUEST];
    const char *const who[] = {done->carrier, done->end, done->buyer};
    for (guint i = 0; i < RECORDS_OF_REQUEST; i++) {
        shares[i] = (Platform__State__Share)PLATFORM__STATE__SHARE__INIT;
        shares[i].provider = (char *)who[i];
        shares[i].purpose = i == 0 ? QKDNF__V1__USAGE_PURPOSE__USAGE_PURPOSE_TRANSIT
                                   : QKDNF__V1__USAGE_PURPOSE__USAGE_PURPOSE_END;
        shares[i].bits = BITS;
        pointers[i] = &shares[i];
    }
    Platform__State__Grant wire = PLATFORM__STATE__GRANT__INIT;
    wire.buyer = (char *)done->buyer;
    wire.session = (char *)done->session;
    wire.keys = KEYS;
    wire.granted_at_us = (guint64)federation->now;
    wire.n_shares = RECORDS_OF_REQUEST;
    wire.shares = pointers;
    char *name = grant_name(done->id, 1);
    grant_save(federation, name, &wire);
    grant_add(federation, name, message_copy(&wire.base));
}

static void report(Federation *federation, const Done *done, const char *provider)
{
    WireUsageShare shares[] = {WIRE_USAGE_SHARE_INIT, WIRE_USAGE_SHARE_INIT};
    WireUsageShare *pointers[] = {&shares[0], &shares[1]};
    char record[UUID_CHARS + 1];
    WireUsage usage = WIRE_USAGE_INIT;
    record_id_derive(done->id, 1, provider, record);
    shares[0].provider = (char *)done->carrier;
    shares[1].provider = (char *)done->end;
    shares[0].keys = shares[1].keys = usage.keys = KEYS;
    shares[0].bits = shares[1].bits = usage.bits = BITS;
    usage.record = record;
    usage.request = (char *)done->id;
    usage.attempt = 1;
    usage.session = (char *)done->session;
    usage.start_us = (guint64)federation->now - 3 * G_USEC_PER_SEC;
    usage.end_us = (guint64)federation->now;
    usage.shares = pointers;
    usage.n_shares = provider == done->buyer ? G_N_ELEMENTS(shares) : 0;
    accounts_on_usage(federation, &(Sender){provider, ROLE_AGENT, 1}, &usage);
}

void accounts_do_request(Federation *federation, guint i)
{
    Done done;
    done_init(&done, i);
    grant(federation, &done);
    report(federation, &done, done.carrier);
    report(federation, &done, done.end);
    report(federation, &done, done.buyer);
}
