#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// A federation's directory: everything that its programs need to run, made from the description.
//
//   pki/           the private authority; ID.crt and ID.key of everybody
//   borders/       ID.secret of each simulated border link, for both its ends
//   broker/        mosquitto's configuration, access rules and state
//   platform/      platform.yaml, platform.db
//   dashboard/     the token that its page must know
//   PROVIDER/      agent.yaml, agent.db, master.key
//
// and in each of the last four the program's `log`. What is there of certificates, keys, secrets
// and stores is kept; configuration is written anew. Only the owner can read any of it.

#include "tools/qkdnf/description.h"

// The directories of the broker, the platform and the dashboard.
#define DEPLOYMENT_BROKER     "broker"
#define DEPLOYMENT_PLATFORM   "platform"
#define DEPLOYMENT_DASHBOARD  "dashboard"
#define DEPLOYMENT_TOKEN_FILE "token"

// Makes `dir` and everything in it, given as an absolute path. In the description, URLs get the
// ports that are free now, and border links their secrets. A port that was asked for and is taken
// is an error.
gboolean deployment_make(const char *dir, Description *description, GError **error);

// The path of what `member` (a provider's ID, or one of those above) has there; free with g_free().
char *deployment_path(const char *dir, const char *member, const char *file);
// ID.crt or ID.key.
char *deployment_pki_path(const char *dir, const char *id, const char *suffix);

// The port that a URL names.
guint16 deployment_url_port(const char *url);
