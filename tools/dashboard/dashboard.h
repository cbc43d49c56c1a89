#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// The web dashboard's server: a page that is compiled in, the published contract that the page
// decodes the bus by, and for each page a bridge to the broker. Whoever has the URL with the token
// sees what a monitor sees, and nobody writes. Loop thread only.

#include "topics/mqtt/session.h"

typedef struct Dashboard Dashboard;

typedef struct {
    const char *address;      // to listen at
    guint16 port;             // 0: any free one
    const char *token;        // what a page must know
    const Connection *broker; // as the monitor
    const char *id;           // the monitor's
} DashboardSettings;

// FALSE where the page was not there when this was built.
gboolean dashboard_is_built(void);

// 256 random bits as text; free with g_free().
char *dashboard_make_token(void);

Dashboard *dashboard_new(struct event_base *base, const DashboardSettings *settings,
                         GError **error);
void dashboard_free(Dashboard *dashboard);

// What to open in a browser; free with g_free().
char *dashboard_url(const Dashboard *dashboard);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Dashboard, dashboard_free)
