/* SPDX-License-Identifier: MIT */
#include "vault/files.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum rh_error rh_data_error(int number)
{
    switch (number) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return RH_ERR_FULL;
    case ENOENT:
        return RH_ERR_UNKNOWN;
    case EEXIST:
        return RH_ERR_EXISTS;
    case ENOMEM:
        return RH_ERR_MEMORY;
    case ENAMETOOLONG:
        return RH_ERR_LIMIT;
    default:
        return RH_ERR_IO;
    }
}

enum rh_error rh_data_write_all(int fd, const void *data, size_t size, uint64_t offset)
{
    const char *next = data;
    while (size > 0) {
        ssize_t written = pwrite(fd, next, size, (off_t)offset);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return rh_data_error(errno);
        next += written;
        offset += (uint64_t)written;
        size -= (size_t)written;
    }
    return RH_OK;
}

ssize_t rh_data_read_all(int fd, void *data, size_t size, uint64_t offset)
{
    size_t at = 0;
    while (at < size) {
        ssize_t got = pread(fd, (char *)data + at, size - at, (off_t)(offset + at));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        at += (size_t)got;
    }
    return (ssize_t)at;
}

bool rh_data_is_absent(int number)
{
    return number == ENOENT || number == ENOTDIR || number == ELOOP;
}

enum rh_error rh_data_find(int root, const char *path, bool *is_there)
{
    struct stat status;
    *is_there = fstatat(root, path, &status, AT_SYMLINK_NOFOLLOW) == 0;
    return *is_there || rh_data_is_absent(errno) ? RH_OK : rh_data_error(errno);
}

bool rh_data_exists(int root, const char *path)
{
    bool is_there;
    return rh_data_find(root, path, &is_there) != RH_OK || is_there;
}

enum rh_error rh_data_sync_directory(int root, const char *path)
{
    int fd = openat(root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return rh_data_error(errno);
    enum rh_error error = fsync(fd) == 0 ? RH_OK : rh_data_error(errno);
    close(fd);
    return error;
}
