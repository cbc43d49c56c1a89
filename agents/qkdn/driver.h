#pragma once
// SPDX-License-Identifier: Apache-2.0
//
// The driver seam (reference point Fq): what a QKDN must give its agent.
//
// Contract. Everything is on the loop thread. No call blocks; a driver with blocking work does it
// in a worker of its own and wakes the loop. relay(), take() and claim() complete exactly once
// each, by the call number that the agent chose (unique among all open calls), and never before the
// call has returned: completions and events are handed to the listener from within tick(), which
// must follow a call soon. The listener may call anything but tick() and free(). cancel() completes
// the call with STATUS_VOIDED, unless it has completed. After free() nothing completes any more.
// Times are microseconds since 1970-01-01 UTC; a driver reads no clock of its own for decisions.

#include "schemas/status.h"
#include "topics/base/secret.h"

// A node of the QKDN.
typedef struct {
    char *id;
    gboolean access;  // users attach here
    gboolean gateway; // a border link ends here
} DriverNode;

// A border link's end in this QKDN.
typedef struct {
    char *id;   // the same at both ends
    char *node; // the gateway
    char *peer; // the neighbouring provider
    guint64 rate_bps;
    gboolean up;
} DriverBorder;

// What the interior can do between two nodes, whatever route it takes.
typedef struct {
    char *a;
    char *b;
    guint64 rate_bps;
    guint64 latency_us;
    gboolean up;
} DriverVirtualLink;

// A snapshot of what there is; free with driver_map_free().
typedef struct {
    GPtrArray *nodes;         // DriverNode
    GPtrArray *borders;       // DriverBorder
    GPtrArray *virtual_links; // DriverVirtualLink, one per pair of nodes, a before b
} DriverMap;

DriverMap *driver_map_new(void);
void driver_map_free(DriverMap *map);
void driver_map_add_node(DriverMap *map, const char *id, gboolean access, gboolean gateway);
void driver_map_add_border(DriverMap *map, const DriverBorder *border);
void driver_map_add_virtual_link(DriverMap *map, const DriverVirtualLink *link);

// The next block of a border link's key, or the one claimed by ID. Belongs to the driver.
typedef struct {
    const char *id; // at most 64 printable ASCII characters
    const Secret *key;
} DriverBlock;

typedef enum {
    DRIVER_EVENT_MAP_CHANGED, // discover() again: something went up or down, or changed its rate
    DRIVER_EVENT_FAULT,       // something is down, or not any more
} DriverEventType;

typedef enum {
    DRIVER_SCOPE_LINK,
    DRIVER_SCOPE_NODE,
    DRIVER_SCOPE_BORDER,
    DRIVER_SCOPE_PROVIDER,
} DriverScope;

// "link", "node", "border", "provider", by DriverScope; NULL-terminated.
extern const char *const driver_scope_names[];

typedef struct {
    DriverEventType type;
    // FAULT only:
    DriverScope scope;
    const char *subject; // "a/b" for a link, a node, a border link's ID, "" for the provider
    const char *cause;
    gboolean cleared;
} DriverEvent;

// STATUS_BAD_REQUEST: no such node or border link; STATUS_QKDN_FAILED: it, or every way there, is
// down; STATUS_INSUFFICIENT_KEY: not enough key there yet.
typedef struct {
    void (*relayed)(gpointer agent, guint64 call, Status status);
    // `block` is NULL unless the status is STATUS_OK. STATUS_BLOCK_UNKNOWN: this ID cannot be
    // claimed, or was before.
    void (*block)(gpointer agent, guint64 call, Status status, const DriverBlock *block);
    void (*event)(gpointer agent, const DriverEvent *event);
} DriverListener;

typedef struct Driver Driver;

typedef struct {
    const char *name;
    // Before the first tick.
    void (*listen)(Driver *driver, const DriverListener *listener, gpointer agent);
    DriverMap *(*discover)(Driver *driver);
    // Spends interior QKD key so that node `to` holds `n_bytes` that node `from` holds. The same
    // node twice costs nothing.
    void (*relay)(Driver *driver, guint64 call, const char *from, const char *to, gsize n_bytes);
    // The next key block of a border link at this end; every block has the same size on one link.
    void (*take)(Driver *driver, guint64 call, const char *border);
    // The same block at the other end.
    void (*claim)(Driver *driver, guint64 call, const char *border, const char *block_id);
    void (*cancel)(Driver *driver, guint64 call);
    // Makes time pass; hands over completions and events. Returns when it wants to be called next
    // (G_MAXINT64: not before the next call).
    gint64 (*tick)(Driver *driver, gint64 now_us);
    // Drill: inject or clear a fault (from the next tick on; again changes nothing), or list those
    // that are in force, one line of text each (free with g_strfreev()). `ret_text`, for a person,
    // is to be freed. NULL where the driver cannot.
    Status (*drill)(Driver *driver, gboolean inject, DriverScope scope, const char *subject,
                    char **ret_text);
    char **(*drills)(Driver *driver);
    void (*free)(Driver *driver);
} DriverOps;

// The first member of every driver.
struct Driver {
    const DriverOps *ops;
};

static inline void driver_free(Driver *driver)
{
    if (driver)
        driver->ops->free(driver);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DriverMap, driver_map_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Driver, driver_free)
