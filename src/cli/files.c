/* SPDX-License-Identifier: MIT */
#include "cli/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum rh_error rh_file_error(void)
{
    switch (errno) {
    case ENOSPC:
    case EDQUOT:
        return RH_ERR_FULL;
    case ENOENT:
    case ENOTDIR:
        return RH_ERR_UNKNOWN;
    case EACCES:
    case EPERM:
    case EROFS:
        return RH_ERR_DENIED;
    default:
        return RH_ERR_IO;
    }
}

enum rh_error rh_file_write(int fd, const void *data, size_t size, uint64_t offset)
{
    const uint8_t *at = data;
    while (size > 0) {
        ssize_t wrote = pwrite(fd, at, size, (off_t)offset);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0)
            return rh_file_error();
        if (wrote == 0) {
            errno = ENOSPC;
            return RH_ERR_FULL;
        }
        at += wrote;
        size -= (size_t)wrote;
        offset += (uint64_t)wrote;
    }
    return RH_OK;
}

enum rh_error rh_file_read(int fd, void *data, size_t size, uint64_t offset)
{
    uint8_t *at = data;
    while (size > 0) {
        ssize_t got = pread(fd, at, size, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return rh_file_error();
        if (got == 0)
            return RH_ERR_RANGE;
        at += got;
        size -= (size_t)got;
        offset += (uint64_t)got;
    }
    return RH_OK;
}

enum rh_error rh_file_sync(int fd)
{
    return fdatasync(fd) == 0 ? RH_OK : rh_file_error();
}

enum rh_error rh_file_sync_names(int base, const char *path)
{
    int fd = openat(base, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return rh_file_error();
    enum rh_error error = fsync(fd) == 0 ? RH_OK : rh_file_error();
    close(fd);
    return error;
}

enum rh_error rh_file_load(int base, const char *path, size_t max, uint8_t **data, size_t *size)
{
    struct stat stat;
    enum rh_error error = RH_OK;
    *data = NULL;
    *size = 0;
    int fd = openat(base, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return rh_file_error();
    if (fstat(fd, &stat) != 0)
        error = rh_file_error();
    else if (!S_ISREG(stat.st_mode) || stat.st_size < 0 || (uint64_t)stat.st_size > max)
        error = RH_ERR_LIMIT;
    if (error == RH_OK) {
        *size = (size_t)stat.st_size;
        *data = malloc(*size + 1);
        error = *data == NULL ? RH_ERR_MEMORY : rh_file_read(fd, *data, *size, 0);
    }
    close(fd);
    if (error != RH_OK) {
        free(*data);
        *data = NULL;
        *size = 0;
    }
    return error;
}

enum rh_error rh_file_replace(int base, const char *folder, const char *name, struct rh_bytes bytes)
{
    char path[256];
    char beside[sizeof path];
    if ((size_t)snprintf(path, sizeof path, "%s/%s", folder, name) >= sizeof path ||
        (size_t)snprintf(beside, sizeof beside, "%s/%s.new", folder, name) >= sizeof beside)
        return RH_ERR_LIMIT;
    int fd = openat(base, beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return rh_file_error();
    enum rh_error error = rh_file_write(fd, bytes.data, bytes.size, 0);
    if (error == RH_OK)
        error = rh_file_sync(fd);
    if (close(fd) != 0 && error == RH_OK)
        error = rh_file_error();
    if (error == RH_OK && renameat(base, beside, base, path) != 0)
        error = rh_file_error();
    if (error == RH_OK)
        return rh_file_sync_names(base, folder);
    int why = errno;
    (void)unlinkat(base, beside, 0);
    errno = why;
    return error;
}
