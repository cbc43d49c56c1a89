// SPDX-License-Identifier: Apache-2.0
//
// What operators ask of the accounts, in pages that fit a message; and that a period closes now.

#include "platform/admin.h"
#include "platform/conduct.h"

#include <string.h>

#define CHARGES_PER_PAGE  200
#define NETTINGS_PER_PAGE 20
#define NETTINGS_BYTES    (64 << 10)
#define STATEMENTS_BYTES  (64 << 10)

// So many may wait for one period.
#define ASKERS_MAX 64

static void list_charges(Federation *federation, const Sender *sender, const WireAdmin *admin)
{
    WireCharge *pointers[CHARGES_PER_PAGE];
    WireAdminReply answer = WIRE_ADMIN_REPLY_INIT;
    gboolean is_all = admin->accounts->action == QKDNF__V1__ACCOUNTS_ACTION__ACCOUNTS_ACTION_USAGE;
    GTreeNode *node = g_tree_upper_bound(federation->accounts->charges, admin->accounts->after);
    answer.charges = pointers;
    for (; node; node = g_tree_node_next(node)) {
        WireCharge *charge = g_tree_node_value(node);
        if (!is_all && !charge->dispute[0])
            continue;
        if (answer.n_charges == CHARGES_PER_PAGE) {
            answer.more = TRUE;
            break;
        }
        pointers[answer.n_charges++] = charge;
    }
    admin_answer(federation, sender, admin, &answer);
}

// --- batches -------------------------------------------------------------------------------------

typedef struct {
    GPtrArray *statements; // WireStatement
    GPtrArray *objections; // WireDispute
    gsize n_bytes;
    char *cursor; // of the last
    gboolean is_full;
} Page;

// FALSE: there is no room for it. One batch has a page of its own, if need be.
static gboolean add_batch(Page *page, const Platform__State__Batch *batch)
{
    page->n_bytes += protobuf_c_message_get_packed_size(&batch->base);
    if (page->statements->len > 0 && page->n_bytes > STATEMENTS_BYTES)
        return FALSE;
    g_ptr_array_add(page->statements, batch->statement);
    for (gsize i = 0; i < batch->n_objections; i++)
        g_ptr_array_add(page->objections, batch->objections[i]);
    return TRUE;
}

// FALSE: there is more.
static gboolean add_series(Page *page, const Series *series, const char *after)
{
    for (guint i = 0; i < series->batches->len; i++) {
        const Platform__State__Batch *batch = series->batches->pdata[i];
        g_autofree char *cursor = batch_name(batch->statement);
        if (strcmp(cursor, after) <= 0)
            continue;
        if (!add_batch(page, batch))
            return FALSE;
        g_free(page->cursor);
        page->cursor = g_steal_pointer(&cursor);
    }
    return TRUE;
}

// From the series that the last one was of.
static void fill_page(Page *page, const Accounts *accounts, const char *after)
{
    const char *end = strrchr(after, ' ');
    g_autofree char *name = g_strndup(after, end ? (gsize)(end - after) : 0);
    for (GTreeNode *node = g_tree_lower_bound(accounts->series, name); node && !page->is_full;
         node = g_tree_node_next(node))
        page->is_full = !add_series(page, g_tree_node_value(node), after);
}

static void list_statements(Federation *federation, const Sender *sender, const WireAdmin *admin)
{
    WireAdminReply answer = WIRE_ADMIN_REPLY_INIT;
    g_autoptr(GPtrArray) statements = g_ptr_array_new();
    g_autoptr(GPtrArray) objections = g_ptr_array_new();
    Page page = {statements, objections};
    fill_page(&page, federation->accounts, admin->accounts->after);
    answer.statements = (WireStatement **)statements->pdata;
    answer.n_statements = statements->len;
    answer.objections = (WireDispute **)objections->pdata;
    answer.n_objections = objections->len;
    answer.more = page.is_full;
    if (page.cursor)
        answer.cursor = page.cursor;
    admin_answer(federation, sender, admin, &answer);
    g_free(page.cursor);
}

// --- periods -------------------------------------------------------------------------------------

static void list_nettings(Federation *federation, const Sender *sender, const WireAdmin *admin)
{
    WireNetting *pointers[NETTINGS_PER_PAGE];
    gsize n_bytes = 0;
    WireAdminReply answer = WIRE_ADMIN_REPLY_INIT;
    guint64 after = g_ascii_strtoull(admin->accounts->after, NULL, 10);
    answer.nettings = pointers;
    for (GList *item = federation->accounts->nettings.head; item; item = item->next) {
        WireNetting *netting = item->data;
        if (netting->period <= after)
            continue;
        if (answer.n_nettings == NETTINGS_PER_PAGE || n_bytes > NETTINGS_BYTES) {
            answer.more = TRUE;
            break;
        }
        pointers[answer.n_nettings++] = netting;
        n_bytes += protobuf_c_message_get_packed_size(&netting->base);
    }
    admin_answer(federation, sender, admin, &answer);
}

static AdminResult result(Status status, const char *text)
{
    return (AdminResult){status, (char *)text};
}

// Who asks while a period closes, means that one, too: all are answered with its netting. The
// question's ID tells a repeat from another wish.
static AdminResult join(Federation *federation, const char *id)
{
    Accounts *accounts = federation->accounts;
    if (settle_is_fresh(federation) &&
        g_ptr_array_find_with_equal_func(accounts->settled_by, id, g_str_equal, NULL))
        return result(STATUS_OK, "");
    if (!id[0] || strlen(id) > ID_MAX_BYTES || strchr(id, ' '))
        return result(STATUS_BAD_REQUEST, "the question's ID is not a UUID");
    if (!settle_is_closing(accounts))
        g_ptr_array_set_size(accounts->settled_by, 0);
    if (accounts->settled_by->len >= ASKERS_MAX)
        return result(STATUS_BUSY, "too many wait for the period that closes");
    settle_close(federation);
    g_ptr_array_add(accounts->settled_by, g_strdup(id));
    settle_save_period(federation);
    return result(STATUS_OK, "");
}

static void settle_now(Federation *federation, const Sender *sender, const WireAdmin *admin)
{
    Accounts *accounts = federation->accounts;
    WireAdminReply answer = WIRE_ADMIN_REPLY_INIT;
    AdminResult verdict = join(federation, admin->id);
    if (verdict.status != STATUS_OK) {
        answer.status = (Qkdnf__V1__Status)verdict.status;
        answer.text = verdict.text;
        admin_answer(federation, sender, admin, &answer);
        return;
    }
    // The repeated question is answered when it is done.
    if (settle_is_closing(accounts))
        return;
    WireNetting *netting = g_queue_peek_tail(&accounts->nettings);
    answer.nettings = &netting;
    answer.n_nettings = 1;
    admin_answer(federation, sender, admin, &answer);
}

void accounts_on_command(Federation *federation, const Sender *sender, const WireAdmin *admin)
{
    WireAdminReply unknown = WIRE_ADMIN_REPLY_INIT;
    switch (admin->accounts->action) {
    case QKDNF__V1__ACCOUNTS_ACTION__ACCOUNTS_ACTION_USAGE:
    case QKDNF__V1__ACCOUNTS_ACTION__ACCOUNTS_ACTION_DISPUTES:
        list_charges(federation, sender, admin);
        return;
    case QKDNF__V1__ACCOUNTS_ACTION__ACCOUNTS_ACTION_STATEMENTS:
        list_statements(federation, sender, admin);
        return;
    case QKDNF__V1__ACCOUNTS_ACTION__ACCOUNTS_ACTION_SETTLE:
        settle_now(federation, sender, admin);
        return;
    case QKDNF__V1__ACCOUNTS_ACTION__ACCOUNTS_ACTION_NETTING:
        list_nettings(federation, sender, admin);
        return;
    case QKDNF__V1__ACCOUNTS_ACTION__ACCOUNTS_ACTION_PARTIES:
        conduct_list(federation, sender, admin);
        return;
    case QKDNF__V1__ACCOUNTS_ACTION__ACCOUNTS_ACTION_UNSPECIFIED:
    case _QKDNF__V1__ACCOUNTS_ACTION_IS_INT_SIZE:
        break;
    }
    unknown.status = QKDNF__V1__STATUS__STATUS_UNSUPPORTED;
    unknown.text = (char *)"the accounts know no such question";
    admin_answer(federation, sender, admin, &unknown);
}
