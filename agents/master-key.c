// SPDX-License-Identifier: Apache-2.0

#include "agents/master-key.h"

#include "agents/federation/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static gboolean fail(GError **error, const char *path, const char *what)
{
    g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "master key '%s': %s", path, what);
    return FALSE;
}

static gboolean read_from(int fd, const char *path, Secret *key, GError **error)
{
    struct stat status;
    if (fd < 0 || fstat(fd, &status) != 0)
        return fail(error, path, g_strerror(errno));
    if (!S_ISREG(status.st_mode) || (status.st_mode & 077))
        return fail(error, path, "expected a file that only its owner can read (chmod 0600)");
    if (status.st_size != (off_t)key->n_bytes ||
        read(fd, key->data, key->n_bytes) != (ssize_t)key->n_bytes)
        return fail(error, path, "expected exactly 32 bytes (openssl rand -out FILE 32)");
    return TRUE;
}

Secret *master_key_read(const char *path, GError **error)
{
    g_autoptr(Secret) key = secret_new(SEAL_KEY_BYTES);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    gboolean ok = read_from(fd, path, key, error);
    if (fd >= 0)
        close(fd);
    return ok ? g_steal_pointer(&key) : NULL;
}
