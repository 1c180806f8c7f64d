/* SPDX-License-Identifier: MIT */
/*
 * Every call goes to the kernel through syscall(2): no other library's idea of these names (the
 * sanitizer's, for one) is in between. _FILE_OFFSET_BITS is taken back because with it the plain
 * names would be redirected to the *64 ones, and both are defined here.
 */
#undef _FILE_OFFSET_BITS
#include "shim.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/assert.h"

#define FDS_MAX  4096
#define LATE_MAX 16

#define FIRST_INODE 1000000

static struct tape *tape;
static uint32_t node_of_fd[FDS_MAX]; /* node + 1; 0: none of ours */
static enum shim_sabotage sabotage;
static uint32_t late[LATE_MAX]; /* syncs that a sabotage puts off */
static size_t late_count;

void shim_record(struct tape *to)
{
    tape = to;
    memset(node_of_fd, 0, sizeof node_of_fd);
    late_count = 0;
}

void shim_sabotage(enum shim_sabotage which)
{
    sabotage = which;
}

const char *shim_sabotage_name(enum shim_sabotage which)
{
    static const char *const names[SHIM_SABOTAGES] = {
        [SHIM_HONEST] = "none",
        [SHIM_NO_DIRECTORY_SYNC] = "no-directory-sync",
        [SHIM_NO_ROOT_SYNC] = "no-root-sync",
        [SHIM_NO_FOLDER_SYNC] = "no-folder-sync",
        [SHIM_NO_PLACE_SYNC] = "no-place-sync",
        [SHIM_NO_DATA_SYNC] = "no-data-sync",
        [SHIM_NO_TEXT_SYNC] = "no-text-sync",
        [SHIM_RENAME_BEFORE_SYNC] = "rename-before-sync",
        [SHIM_COMMIT_BEFORE_SYNC] = "commit-before-sync",
        [SHIM_RANGE_SYNC_IS_ENOUGH] = "range-sync-is-enough",
        [SHIM_NO_WITNESS_SYNC] = "no-witness-sync",
        [SHIM_SQLITE_NORMAL] = "sqlite-normal",
        [SHIM_SQLITE_OFF] = "sqlite-off",
    };
    return names[which];
}

/* ---- Where things are ---- */

static bool is_ours(int fd)
{
    return tape != NULL && fd >= 0 && fd < FDS_MAX && node_of_fd[fd] != 0;
}

static uint32_t node_at(int fd)
{
    return node_of_fd[fd] - 1;
}

/* Whether a path leads below the tape's root, and where. */
static bool locate(int dir, const char *path, struct tape_place *place)
{
    if (tape == NULL)
        return false;
    if (path[0] != '/')
        return is_ours(dir) && tape_locate(tape, node_at(dir), path, place);
    size_t size = strlen(tape->root);
    if (strncmp(path, tape->root, size) != 0 || (path[size] != '/' && path[size] != '\0'))
        return false;
    return tape_locate(tape, 0, path + size, place);
}

static bool ends_with(const char *text, const char *end)
{
    size_t size = strlen(text);
    return size >= strlen(end) && strcmp(text + size - strlen(end), end) == 0;
}

bool shim_ignores(const char *name)
{
    return ends_with(name, ".lock") || ends_with(name, "-shm");
}

static bool is_named(uint32_t node, const char *name)
{
    return node != IMAGE_NONE && strcmp(tape_name(tape, node), name) == 0;
}

/* Bytes on their way: in incoming/, or a waiting chunk. */
static bool is_received(uint32_t node)
{
    const char *name = tape_name(tape, node);
    return (is_named(tape_parent(tape, node), "incoming") && strchr(name, '.') == NULL) ||
           ends_with(name, ".part");
}

/* ---- Syncs ---- */

static bool put_off(uint32_t node)
{
    RH_ASSERT(late_count < LATE_MAX);
    late[late_count++] = node;
    return false;
}

static void catch_up(void)
{
    for (size_t i = 0; i < late_count; i++)
        tape_sync(tape, late[i]);
    late_count = 0;
}

static bool sync_counts(uint32_t node, bool data_only)
{
    bool is_dir = tape->live.nodes[node].is_dir;
    switch (sabotage) {
    case SHIM_NO_DIRECTORY_SYNC:
        return !is_dir || node == 0 || is_named(node, "data");
    case SHIM_NO_ROOT_SYNC:
        return !is_named(node, "data");
    case SHIM_NO_FOLDER_SYNC:
        return !is_named(node, "recordings") && !is_named(node, "uploaded_data");
    case SHIM_NO_PLACE_SYNC:
        return node != 0;
    case SHIM_NO_DATA_SYNC:
        return !data_only || !is_received(node);
    case SHIM_RANGE_SYNC_IS_ENOUGH:
        return is_dir || !is_received(node);
    case SHIM_NO_WITNESS_SYNC:
        return !data_only || !is_named(node, "reelhaul.witness");
    case SHIM_NO_TEXT_SYNC:
        return !ends_with(tape_name(tape, node), ".tmp");
    case SHIM_RENAME_BEFORE_SYNC:
        return is_dir || data_only || strncmp(tape_name(tape, node), "reelhaul", 8) == 0 ||
               put_off(node);
    case SHIM_COMMIT_BEFORE_SYNC:
        return !data_only || !is_received(node) || put_off(node);
    default:
        return true;
    }
}

static int sync_fd(int fd, bool data_only)
{
    int result = (int)syscall(data_only ? SYS_fdatasync : SYS_fsync, fd);
    if (result != 0 || !is_ours(fd))
        return result;
    uint32_t node = node_at(fd);
    if (sync_counts(node, data_only))
        tape_sync(tape, node);
    if (sabotage == SHIM_COMMIT_BEFORE_SYNC && is_named(node, "reelhaul.db-wal"))
        catch_up();
    return result;
}

int fsync(int fd)
{
    return sync_fd(fd, false);
}

int fdatasync(int fd)
{
    return sync_fd(fd, true);
}

/* Promises nothing: no word of it on the tape. */
int sync_file_range(int fd, off_t offset, off_t size, unsigned flags)
{
    return (int)syscall(SYS_sync_file_range, fd, offset, size, flags);
}

/* ---- Opening ---- */

static int open_at(int dir, const char *path, int flags, mode_t mode)
{
    struct tape_place place;
    bool ours = !shim_ignores(path) && locate(dir, path, &place);
    int fd = (int)syscall(SYS_openat, dir, path, flags, mode);
    if (fd < 0)
        return fd;
    RH_ASSERT(fd < FDS_MAX);
    node_of_fd[fd] = 0;
    if (!ours)
        return fd;
    RH_ASSERT((flags & O_APPEND) == 0 && (flags & O_TMPFILE) != O_TMPFILE);
    if (place.node == IMAGE_NONE)
        place.node = tape_make(tape, place.entry, false);
    else if ((flags & O_TRUNC) != 0 && tape->live.nodes[place.node].size > 0)
        tape_truncate(tape, place.node, 0);
    node_of_fd[fd] = place.node + 1;
    return fd;
}

static mode_t mode_of(int flags, va_list arguments)
{
    return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
}

#define OPEN(name)                                                                                 \
    int name(const char *path, int flags, ...)                                                     \
    {                                                                                              \
        va_list arguments;                                                                         \
        va_start(arguments, flags);                                                                \
        mode_t mode = mode_of(flags, arguments);                                                   \
        va_end(arguments);                                                                         \
        return open_at(AT_FDCWD, path, flags, mode);                                               \
    }

#define OPENAT(name)                                                                               \
    int name(int dir, const char *path, int flags, ...)                                            \
    {                                                                                              \
        va_list arguments;                                                                         \
        va_start(arguments, flags);                                                                \
        mode_t mode = mode_of(flags, arguments);                                                   \
        va_end(arguments);                                                                         \
        return open_at(dir, path, flags, mode);                                                    \
    }

OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

static int control(int fd, int command, void *argument)
{
    int result = (int)syscall(SYS_fcntl, fd, command, argument);
    if ((command == F_DUPFD || command == F_DUPFD_CLOEXEC) && result >= 0) {
        RH_ASSERT(result < FDS_MAX);
        node_of_fd[result] = is_ours(fd) ? node_of_fd[fd] : 0;
    }
    return result;
}

/* The argument is a pointer, a number, or none; each fits. */
#define FCNTL(name)                                                                                \
    int name(int fd, int command, ...)                                                             \
    {                                                                                              \
        va_list arguments;                                                                         \
        va_start(arguments, command);                                                              \
        void *argument = va_arg(arguments, void *);                                                \
        va_end(arguments);                                                                         \
        return control(fd, command, argument);                                                     \
    }

FCNTL(fcntl)
FCNTL(fcntl64)

int dup(int fd)
{
    return control(fd, F_DUPFD, NULL);
}

int close(int fd)
{
    if (fd >= 0 && fd < FDS_MAX)
        node_of_fd[fd] = 0;
    return (int)syscall(SYS_close, fd);
}

/* ---- Which file it is ---- */

/*
 * A file keeps its inode through a crash, but not through being built anew here. So what is below
 * the root has the number of its node.
 */
static uint32_t node_of(int dir, const char *path)
{
    struct tape_place place;
    if (path[0] == '\0')
        return is_ours(dir) ? node_at(dir) : IMAGE_NONE;
    return !shim_ignores(path) && locate(dir, path, &place) ? place.node : IMAGE_NONE;
}

static int stat_at(int dir, const char *path, struct stat *status, int flags)
{
    int result = (int)syscall(SYS_newfstatat, dir, path, status, flags);
    uint32_t node = result == 0 ? node_of(dir, path) : IMAGE_NONE;
    if (node != IMAGE_NONE)
        status->st_ino = FIRST_INODE + node;
    return result;
}

/* The time of birth, too, is kept by a file and is not by being built anew. */
int statx(int dir, const char *restrict path, int flags, unsigned mask,
          struct statx *restrict status)
{
    int result = (int)syscall(SYS_statx, dir, path, flags, mask, status);
    uint32_t node = result == 0 ? node_of(dir, path) : IMAGE_NONE;
    if (node == IMAGE_NONE)
        return result;
    status->stx_ino = FIRST_INODE + node;
    status->stx_mask |= STATX_BTIME;
    status->stx_btime = (struct statx_timestamp){.tv_sec = (int64_t)node};
    return result;
}

#define STAT(name, type)                                                                           \
    int name(const char *path, struct type *status)                                                \
    {                                                                                              \
        return stat_at(AT_FDCWD, path, (struct stat *)status, 0);                                  \
    }

STAT(stat, stat)
STAT(stat64, stat64)

int lstat(const char *path, struct stat *status)
{
    return stat_at(AT_FDCWD, path, status, AT_SYMLINK_NOFOLLOW);
}

int lstat64(const char *path, struct stat64 *status)
{
    return stat_at(AT_FDCWD, path, (struct stat *)status, AT_SYMLINK_NOFOLLOW);
}

int fstat(int fd, struct stat *status)
{
    return stat_at(fd, "", status, AT_EMPTY_PATH);
}

int fstat64(int fd, struct stat64 *status)
{
    return stat_at(fd, "", (struct stat *)status, AT_EMPTY_PATH);
}

int fstatat(int dir, const char *path, struct stat *status, int flags)
{
    return stat_at(dir, path, status, flags);
}

int fstatat64(int dir, const char *path, struct stat64 *status, int flags)
{
    return stat_at(dir, path, (struct stat *)status, flags);
}

/* ---- Bytes ---- */

static ssize_t write_at(int fd, const void *bytes, size_t size, off_t offset)
{
    ssize_t written = syscall(SYS_pwrite64, fd, bytes, size, offset);
    if (written > 0 && is_ours(fd))
        tape_write(tape, node_at(fd), (uint64_t)offset, bytes, (size_t)written);
    return written;
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t offset)
{
    return write_at(fd, bytes, size, offset);
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t offset)
{
    return write_at(fd, bytes, size, offset);
}

ssize_t write(int fd, const void *bytes, size_t size)
{
    off_t offset = is_ours(fd) ? lseek(fd, 0, SEEK_CUR) : 0;
    ssize_t written = syscall(SYS_write, fd, bytes, size);
    if (written > 0 && is_ours(fd))
        tape_write(tape, node_at(fd), (uint64_t)offset, bytes, (size_t)written);
    return written;
}

static ssize_t write_parts(int fd, const struct iovec *parts, int count, off_t offset)
{
    ssize_t all = 0;
    for (int i = 0; i < count; i++) {
        ssize_t written = write_at(fd, parts[i].iov_base, parts[i].iov_len, offset + all);
        if (written < 0)
            return all > 0 ? all : written;
        all += written;
        if ((size_t)written < parts[i].iov_len)
            break;
    }
    return all;
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset)
{
    return write_parts(fd, parts, count, offset);
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset)
{
    return write_parts(fd, parts, count, offset);
}

static int truncate_fd(int fd, off_t size)
{
    int result = (int)syscall(SYS_ftruncate, fd, size);
    if (result == 0 && is_ours(fd))
        tape_truncate(tape, node_at(fd), (uint64_t)size);
    return result;
}

int ftruncate(int fd, off_t size)
{
    return truncate_fd(fd, size);
}

int ftruncate64(int fd, off64_t size)
{
    return truncate_fd(fd, size);
}

/* A hole is zeros that were written; room that is set aside is a length, or nothing. */
static int allocate(int fd, int mode, off_t offset, off_t size)
{
    int result = (int)syscall(SYS_fallocate, fd, mode, offset, size);
    if (result != 0 || !is_ours(fd))
        return result;
    const struct image_node *file = &tape->live.nodes[node_at(fd)];
    uint64_t end = (uint64_t)(offset + size);
    if ((mode & FALLOC_FL_KEEP_SIZE) == 0 && end > file->size)
        tape_truncate(tape, node_at(fd), end);
    if ((mode & FALLOC_FL_PUNCH_HOLE) != 0 && (uint64_t)offset < file->size) {
        size_t count = (size_t)((end < file->size ? end : file->size) - (uint64_t)offset);
        void *zeros = calloc(1, count);
        RH_ASSERT(zeros != NULL);
        tape_write(tape, node_at(fd), (uint64_t)offset, zeros, count);
        free(zeros);
    }
    return result;
}

int fallocate(int fd, int mode, off_t offset, off_t size)
{
    return allocate(fd, mode, offset, size);
}

int fallocate64(int fd, int mode, off64_t offset, off64_t size)
{
    return allocate(fd, mode, offset, size);
}

/* ---- Names ---- */

static int make_dir_at(int dir, const char *path, mode_t mode)
{
    struct tape_place place;
    bool ours = locate(dir, path, &place);
    int result = (int)syscall(SYS_mkdirat, dir, path, mode);
    if (result == 0 && ours)
        (void)tape_make(tape, place.entry, true);
    return result;
}

int mkdir(const char *path, mode_t mode)
{
    return make_dir_at(AT_FDCWD, path, mode);
}

int mkdirat(int dir, const char *path, mode_t mode)
{
    return make_dir_at(dir, path, mode);
}

static int remove_at(int dir, const char *path, int flags)
{
    struct tape_place place;
    bool ours = !shim_ignores(path) && locate(dir, path, &place);
    int result = (int)syscall(SYS_unlinkat, dir, path, flags);
    if (result == 0 && ours)
        tape_set(tape, place.entry, IMAGE_NONE);
    return result;
}

int unlink(const char *path)
{
    return remove_at(AT_FDCWD, path, 0);
}

int unlinkat(int dir, const char *path, int flags)
{
    return remove_at(dir, path, flags);
}

int rmdir(const char *path)
{
    return remove_at(AT_FDCWD, path, AT_REMOVEDIR);
}

static int rename_at(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
    struct tape_place source;
    struct tape_place target;
    bool ours = locate(from_dir, from, &source) && locate(to_dir, to, &target);
    RH_ASSERT((flags & ~(unsigned)RENAME_NOREPLACE) == 0);
    int result = (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
    if (result == 0 && ours) {
        tape_move(tape, source.entry, target.entry);
        if (sabotage == SHIM_RENAME_BEFORE_SYNC)
            catch_up();
    }
    return result;
}

int rename(const char *from, const char *to)
{
    return rename_at(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
    return rename_at(from_dir, from, to_dir, to, 0);
}

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
    return rename_at(from_dir, from, to_dir, to, flags);
}

int linkat(int from_dir, const char *from, int to_dir, const char *to, int flags)
{
    struct tape_place source;
    struct tape_place target;
    bool ours = locate(from_dir, from, &source) && locate(to_dir, to, &target);
    int result = (int)syscall(SYS_linkat, from_dir, from, to_dir, to, flags);
    if (result == 0 && ours)
        tape_set(tape, target.entry, source.node);
    return result;
}

int link(const char *from, const char *to)
{
    return linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}

/* ---- SQLite's settings ---- */

int sqlite3_exec(sqlite3 *database, const char *text, int (*each)(void *, int, char **, char **),
                 void *context, char **message)
{
    static int (*real)(sqlite3 *, const char *, int (*)(void *, int, char **, char **), void *,
                       char **);
    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "sqlite3_exec");
    RH_ASSERT(real != NULL);
    int code = real(database, text, each, context, message);
    if (code == SQLITE_OK && strstr(text, "synchronous = FULL") != NULL) {
        if (sabotage == SHIM_SQLITE_NORMAL)
            return real(database, "PRAGMA synchronous = NORMAL", NULL, NULL, NULL);
        if (sabotage == SHIM_SQLITE_OFF)
            return real(database, "PRAGMA synchronous = OFF", NULL, NULL, NULL);
    }
    return code;
}
