/* SPDX-License-Identifier: MIT */
#include "cli/spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/crc64.h"
#include "base/hex.h"
#include "cli/files.h"

#define WRITER_FORMAT 1
#define WRITER_BYTES  56 /* "RHSW", u16 format, u16 0, 32 of lease, u64 number, u64 CRC-64 */
#define LEASE_BYTES   16
#define ROOM_LEFT     ((uint64_t)4 << 20)
#define RESERVE_BYTES ((off_t)256 << 10)

/* ---- opening ---- */

/* Where the state of programs of this user belongs (XDG Base Directory Specification). */
static enum rh_error place_of(const char *path, char *out, size_t cap)
{
    const char *state = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    char cwd[2048];
    int size;
    if (path != NULL && path[0] == '/')
        size = snprintf(out, cap, "%s", path);
    else if (path != NULL && getcwd(cwd, sizeof cwd) != NULL)
        size = snprintf(out, cap, "%s/%s", cwd, path);
    else if (path != NULL)
        return rh_file_error();
    else if (state != NULL && state[0] == '/')
        size = snprintf(out, cap, "%s/reelhaul", state);
    else if (home != NULL && home[0] == '/')
        size = snprintf(out, cap, "%s/.local/state/reelhaul", home);
    else {
        errno = ENOENT;
        return RH_ERR_UNKNOWN;
    }
    return (size_t)size < cap ? RH_OK : RH_ERR_LIMIT;
}

/* Makes each folder on the way, and its name durable. */
static enum rh_error make_folders(char *path)
{
    for (char *slash = path + 1;; slash++) {
        slash += strcspn(slash, "/");
        bool last = *slash == '\0';
        *slash = '\0';
        if (mkdir(path, 0700) == 0) {
            char parent[4096];
            const char *end = strrchr(path, '/');
            (void)snprintf(parent, sizeof parent, "%.*s/", (int)(end - path), path);
            enum rh_error error = rh_file_sync_names(AT_FDCWD, parent);
            if (error != RH_OK)
                return error;
        } else if (errno != EEXIST) {
            return rh_file_error();
        }
        if (last)
            return RH_OK;
        *slash = '/';
    }
}

enum rh_error rh_spool_open(struct rh_spool *spool, const char *path, bool make)
{
    *spool = (struct rh_spool){.dir = -1, .uploads = -1, .lock = -1};
    enum rh_error error = place_of(path, spool->path, sizeof spool->path);
    if (error == RH_OK && make)
        error = make_folders(spool->path);
    if (error != RH_OK)
        return error;
    spool->dir = open(spool->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (spool->dir < 0)
        return rh_file_error();
    if (make && mkdirat(spool->dir, "uploads", 0700) != 0 && errno != EEXIST)
        error = rh_file_error();
    if (error == RH_OK && make)
        error = rh_file_sync_names(spool->dir, ".");
    if (error == RH_OK) {
        spool->uploads = openat(spool->dir, "uploads", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        error = spool->uploads < 0 ? rh_file_error() : RH_OK;
    }
    if (error != RH_OK) {
        int why = errno;
        rh_spool_close(spool);
        errno = why;
    }
    return error;
}

void rh_spool_close(struct rh_spool *spool)
{
    int fds[] = {spool->lock, spool->uploads, spool->dir};
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    spool->dir = spool->uploads = spool->lock = -1;
    spool->leads = false;
}

/* ---- the lock, and the lease ---- */

static enum rh_error write_writer(struct rh_spool *spool)
{
    uint8_t bytes[WRITER_BYTES] = {'R', 'H', 'S', 'W', WRITER_FORMAT};
    memcpy(bytes + 8, spool->lease, (size_t)2 * LEASE_BYTES);
    rh_le64_put(bytes + 40, spool->number);
    rh_le64_put(bytes + 48, rh_crc64_update(0, bytes, 48));
    return rh_file_replace(spool->dir, ".", "writer", (struct rh_bytes){bytes, sizeof bytes});
}

/* A spool whose writer cannot be read gets a new lease: a number below one that was used would be
 * refused for ever. */
static enum rh_error next_writer(struct rh_spool *spool)
{
    uint8_t *bytes;
    size_t size;
    uint8_t chance[LEASE_BYTES];
    enum rh_error error = rh_file_load(spool->dir, "writer", 4096, &bytes, &size);
    bool ours = error == RH_OK && size >= 8 && memcmp(bytes, "RHSW", 4) == 0;
    if (ours && rh_le16_get(bytes + 4) > WRITER_FORMAT) {
        free(bytes);
        return RH_ERR_VERSION;
    }
    bool whole =
        ours && size == WRITER_BYTES && rh_le64_get(bytes + 48) == rh_crc64_update(0, bytes, 48);
    if (whole) {
        memcpy(spool->lease, bytes + 8, (size_t)2 * LEASE_BYTES);
        spool->number = rh_le64_get(bytes + 40) + 1;
    }
    free(bytes);
    if (error != RH_OK && error != RH_ERR_UNKNOWN && error != RH_ERR_LIMIT)
        return error;
    if (!whole) {
        if (getrandom(chance, sizeof chance, 0) != (ssize_t)sizeof chance)
            return RH_ERR_IO;
        (void)rh_hex_encode(spool->lease, sizeof spool->lease, chance, sizeof chance);
        spool->number = 1;
    }
    return write_writer(spool);
}

static long pid_in(int fd)
{
    char text[24] = "";
    ssize_t size = pread(fd, text, sizeof text - 1, 0);
    return size > 0 ? strtol(text, NULL, 10) : 0;
}

enum rh_error rh_spool_lead(struct rh_spool *spool, long *pid)
{
    char text[24];
    *pid = 0;
    if (spool->lock < 0)
        spool->lock = openat(spool->dir, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (spool->lock < 0)
        return rh_file_error();
    if (flock(spool->lock, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK)
            return rh_file_error();
        *pid = pid_in(spool->lock);
        return RH_ERR_STATE;
    }
    /* Only for people: a failure to write it harms nobody. */
    int size = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (ftruncate(spool->lock, 0) == 0)
        (void)rh_file_write(spool->lock, text, (size_t)size, 0);
    enum rh_error error = next_writer(spool);
    spool->leads = error == RH_OK;
    return error;
}

/* ---- what is there ---- */

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

enum rh_error rh_spool_list(const struct rh_spool *spool, char (**ids)[RH_SPOOL_ID_MAX + 1],
                            size_t *count)
{
    size_t cap = 0;
    *ids = NULL;
    *count = 0;
    int fd = openat(spool->uploads, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (dir == NULL) {
        if (fd >= 0)
            close(fd);
        return rh_file_error();
    }
    enum rh_error error = RH_OK;
    for (const struct dirent *each; error == RH_OK && (each = readdir(dir)) != NULL;) {
        size_t size = strlen(each->d_name);
        if (each->d_name[0] == '.' || size > RH_SPOOL_ID_MAX)
            continue;
        if (*count == cap) {
            cap = cap == 0 ? 64 : cap * 2;
            void *more = realloc(*ids, cap * sizeof **ids);
            if (more == NULL) {
                error = RH_ERR_MEMORY;
                break;
            }
            *ids = more;
        }
        memcpy((*ids)[(*count)++], each->d_name, size + 1);
    }
    closedir(dir);
    if (error == RH_OK && *count > 0)
        qsort(*ids, *count, sizeof **ids, by_name);
    if (error != RH_OK) {
        free(*ids);
        *ids = NULL;
        *count = 0;
    }
    return error;
}

void rh_spool_id(char out[RH_SPOOL_ID_MAX + 1], int64_t wall_ms)
{
    static unsigned count;
    uint8_t chance[4] = {0};
    char hex[9] = "";
    struct tm tm;
    time_t seconds = (time_t)(wall_ms / 1000);
    if (gmtime_r(&seconds, &tm) == NULL)
        memset(&tm, 0, sizeof tm);
    if (getrandom(chance, sizeof chance, 0) < 0)
        memset(chance, 0, sizeof chance); /* the count and the time tell most of them apart */
    (void)rh_hex_encode(hex, sizeof hex, chance, sizeof chance);
    (void)snprintf(out, RH_SPOOL_ID_MAX + 1, "%04d%02d%02dT%02d%02d%02d.%03d-%05u-%s",
                   tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
                   (int)(wall_ms % 1000), count++ % 100000, hex);
}

uint64_t rh_spool_room(const struct rh_spool *spool)
{
    struct statvfs disk;
    uint64_t room = RH_SIZE_UNKNOWN;
    if (fstatvfs(spool->dir, &disk) == 0) {
        uint64_t free_bytes = (uint64_t)disk.f_bavail * disk.f_frsize;
        room = free_bytes > ROOM_LEFT ? free_bytes - ROOM_LEFT : 0;
    }
    if (spool->bytes_max > 0) {
        uint64_t left =
            spool->bytes_max > spool->bytes_held ? spool->bytes_max - spool->bytes_held : 0;
        room = left < room ? left : room;
    }
    return room;
}

void rh_spool_reserve(const struct rh_spool *spool)
{
    if (faccessat(spool->dir, "reserve", F_OK, 0) == 0)
        return;
    int fd = openat(spool->dir, "reserve", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return;
    if (posix_fallocate(fd, 0, RESERVE_BYTES) != 0)
        (void)unlinkat(spool->dir, "reserve", 0);
    close(fd);
}

bool rh_spool_spend_reserve(const struct rh_spool *spool)
{
    return unlinkat(spool->dir, "reserve", 0) == 0;
}
