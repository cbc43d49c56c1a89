#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// Free TCP ports on loopback. Those that were taken are held until ports_free(), so that none is
// taken twice; whoever shall have them must then be quick.

#include <glib.h>

typedef struct Ports Ports;

Ports *ports_new(void);
void ports_free(Ports *ports);

// This port, or any where it is 0: one that no outgoing connection will be given, so that it can be
// had again after a restart. Returns 0 when it cannot be had.
guint16 ports_take(Ports *ports, guint16 port, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Ports, ports_free)
