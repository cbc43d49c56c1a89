// SPDX-License-Identifier: Apache-2.0

#include "tools/bench/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define PAGE_BYTES 4096
// Overwritten in turn, as SQLite does with its journal.
#define N_PAGES 1000

struct Journal {
    int fd;
    guint n_commits;
};

static gboolean write_page(const Journal *journal, guint page)
{
    static const guint8 bytes[PAGE_BYTES];
    return pwrite(journal->fd, bytes, sizeof bytes, (off_t)page * PAGE_BYTES) == sizeof bytes;
}

static gboolean fill(const Journal *journal)
{
    for (guint i = 0; i < N_PAGES; i++) {
        if (!write_page(journal, i))
            return FALSE;
    }
    return fsync(journal->fd) == 0;
}

Journal *journal_open(const char *dir, GError **error)
{
    g_autofree char *path = g_build_filename(dir, "journal-XXXXXX", NULL);
    g_autoptr(Journal) journal = g_new0(Journal, 1);
    journal->fd = g_mkstemp_full(path, O_RDWR | O_CLOEXEC, 0600);
    if (journal->fd >= 0)
        unlink(path);
    if (journal->fd >= 0 && fill(journal))
        return g_steal_pointer(&journal);
    g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno), "a journal in %s: %s", dir,
                g_strerror(errno));
    return NULL;
}

gboolean journal_commit(Journal *journal)
{
    return write_page(journal, journal->n_commits++ % N_PAGES) && fdatasync(journal->fd) == 0;
}

void journal_free(Journal *journal)
{
    if (!journal)
        return;
    if (journal->fd >= 0)
        close(journal->fd);
    g_free(journal);
}
