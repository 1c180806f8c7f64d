/* SPDX-License-Identifier: MIT */
#include "sqlite_vfs.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "vault/catalog_sqlite.h"

#define PATH_CAP       64
#define SECTOR_BYTES   4096                       /* what SQLite's own layer says */
#define JULIAN_AT_0_MS ((int64_t)210866760000000) /* 1970 in Julian milliseconds */

struct file {
    sqlite3_file base;
    struct rh_disk *disk;
    struct rh_disk_file *file;
    bool syncs_names; /* a new journal: its first sync is of its name too */
    bool is_temporary;
    char path[PATH_CAP];
};

static struct sim_sqlite *of(sqlite3_vfs *vfs)
{
    return vfs->pAppData;
}

/* ---- files ---- */

static int file_close(sqlite3_file *base)
{
    struct file *f = (struct file *)base;
    rh_disk_let_go(f->disk, f->file);
    if (f->is_temporary)
        (void)rh_disk_remove(f->disk, f->path);
    return SQLITE_OK;
}

static int file_read(sqlite3_file *base, void *out, int size, sqlite3_int64 offset)
{
    struct file *f = (struct file *)base;
    size_t at = (size_t)offset;
    size_t wanted = (size_t)size;
    if (rh_disk_read(f->disk) != RH_OK)
        return SQLITE_IOERR_READ;
    size_t there = at >= f->file->size ? 0 : f->file->size - at;
    if (there > wanted)
        there = wanted;
    if (there > 0)
        memcpy(out, f->file->seen + at, there);
    if (there == wanted)
        return SQLITE_OK;
    memset((uint8_t *)out + there, 0, wanted - there);
    return SQLITE_IOERR_SHORT_READ;
}

static int file_write(sqlite3_file *base, const void *data, int size, sqlite3_int64 offset)
{
    struct file *f = (struct file *)base;
    enum rh_error error = rh_disk_write(f->disk, f->file, (uint64_t)offset, data, (size_t)size);
    return error == RH_OK ? SQLITE_OK : error == RH_ERR_FULL ? SQLITE_FULL : SQLITE_IOERR_WRITE;
}

static int file_truncate(sqlite3_file *base, sqlite3_int64 size)
{
    struct file *f = (struct file *)base;
    return rh_disk_cut(f->disk, f->file, (uint64_t)size) == RH_OK ? SQLITE_OK
                                                                  : SQLITE_IOERR_TRUNCATE;
}

static int file_sync(sqlite3_file *base, int flags)
{
    struct file *f = (struct file *)base;
    (void)flags;
    if (rh_disk_sync(f->disk, f->file) != RH_OK)
        return SQLITE_IOERR_FSYNC;
    if (f->syncs_names)
        (void)rh_disk_sync_names(
            f->disk); /* nor does SQLite's own layer look at what comes of it */
    f->syncs_names = false;
    return SQLITE_OK;
}

static int file_size(sqlite3_file *base, sqlite3_int64 *out)
{
    *out = (sqlite3_int64)((struct file *)base)->file->size;
    return SQLITE_OK;
}

static int file_lock(sqlite3_file *base, int level)
{
    (void)base;
    (void)level;
    return SQLITE_OK;
}

static int file_check_lock(sqlite3_file *base, int *out)
{
    (void)base;
    *out = 0;
    return SQLITE_OK;
}

static int file_control(sqlite3_file *base, int what, void *argument)
{
    (void)argument;
    if (what != RH_CATALOG_SYNC_NAME)
        return SQLITE_NOTFOUND;
    return rh_disk_sync_names(((struct file *)base)->disk) == RH_OK ? SQLITE_OK
                                                                    : SQLITE_IOERR_DIR_FSYNC;
}

static int file_sector(sqlite3_file *base)
{
    (void)base;
    return SECTOR_BYTES;
}

static int file_character(sqlite3_file *base)
{
    (void)base;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static const sqlite3_io_methods methods = {
    .iVersion = 1, /* no shared memory */
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_lock,
    .xCheckReservedLock = file_check_lock,
    .xFileControl = file_control,
    .xSectorSize = file_sector,
    .xDeviceCharacteristics = file_character,
};

/* ---- the layer ---- */

static int vfs_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *base, int flags, int *out)
{
    struct sim_sqlite *s = of(vfs);
    struct file *f = (struct file *)base;
    bool is_journal =
        (flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL)) != 0;
    bool makes = (flags & SQLITE_OPEN_CREATE) != 0;
    memset(f, 0, sizeof *f);
    f->disk = s->disk;
    f->is_temporary = path == NULL || (flags & SQLITE_OPEN_DELETEONCLOSE) != 0;
    f->syncs_names = makes && is_journal;
    if (path == NULL)
        (void)snprintf(f->path, sizeof f->path, "/temporary-%llu",
                       (unsigned long long)++s->temporary_count);
    else if (snprintf(f->path, sizeof f->path, "%s", path) >= (int)sizeof f->path)
        return SQLITE_CANTOPEN;
    if (rh_disk_open(f->disk, f->path, makes, &f->file) != RH_OK)
        return SQLITE_CANTOPEN;
    f->base.pMethods = &methods;
    if (out != NULL)
        *out = flags;
    return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *path, int syncs)
{
    struct rh_disk *disk = of(vfs)->disk;
    if (rh_disk_find(&disk->seen, path) == NULL)
        return SQLITE_IOERR_DELETE_NOENT;
    if (rh_disk_remove(disk, path) != RH_OK)
        return SQLITE_IOERR_DELETE;
    if (syncs && rh_disk_sync_names(disk) != RH_OK)
        return SQLITE_IOERR_DIR_FSYNC;
    return SQLITE_OK;
}

static int vfs_access(sqlite3_vfs *vfs, const char *path, int flags, int *out)
{
    const struct rh_disk_file *file = rh_disk_find(&of(vfs)->disk->seen, path);
    /* A file without bytes is no journal: as SQLite's own layer has it. */
    *out = file != NULL && (flags != SQLITE_ACCESS_EXISTS || file->size > 0);
    return SQLITE_OK;
}

static int vfs_full_path(sqlite3_vfs *vfs, const char *path, int cap, char *out)
{
    (void)vfs;
    return snprintf(out, (size_t)cap, "%s", path) < cap ? SQLITE_OK : SQLITE_CANTOPEN;
}

static int vfs_random(sqlite3_vfs *vfs, int size, char *out)
{
    for (int i = 0; i < size; i++)
        out[i] = (char)(rh_rng_next(&of(vfs)->rng) & 0x7f);
    return size;
}

static int vfs_sleep(sqlite3_vfs *vfs, int us)
{
    (void)vfs;
    return us;
}

static int vfs_time_ms(sqlite3_vfs *vfs, sqlite3_int64 *out)
{
    *out = JULIAN_AT_0_MS + of(vfs)->wall_ms(of(vfs)->context);
    return SQLITE_OK;
}

static int vfs_time(sqlite3_vfs *vfs, double *out)
{
    sqlite3_int64 ms = 0;
    (void)vfs_time_ms(vfs, &ms);
    *out = (double)ms / 86400000;
    return SQLITE_OK;
}

static int vfs_last_error(sqlite3_vfs *vfs, int cap, char *out)
{
    (void)vfs;
    (void)cap;
    (void)out;
    return 0;
}

void sim_sqlite_install(struct sim_sqlite *s, struct rh_disk *disk, uint64_t seed,
                        int64_t (*wall_ms)(void *), void *context)
{
    memset(s, 0, sizeof *s);
    s->disk = disk;
    s->wall_ms = wall_ms;
    s->context = context;
    rh_rng_init(&s->rng, seed);
    s->vfs = (sqlite3_vfs){
        .iVersion = 2,
        .szOsFile = sizeof(struct file),
        .mxPathname = PATH_CAP - 1,
        .zName = "sim",
        .pAppData = s,
        .xOpen = vfs_open,
        .xDelete = vfs_delete,
        .xAccess = vfs_access,
        .xFullPathname = vfs_full_path,
        .xRandomness = vfs_random,
        .xSleep = vfs_sleep,
        .xCurrentTime = vfs_time,
        .xGetLastError = vfs_last_error,
        .xCurrentTimeInt64 = vfs_time_ms,
    };
    int code = sqlite3_vfs_register(&s->vfs, 1);
    RH_ASSERT(code == SQLITE_OK);
    sqlite3_randomness(0, NULL); /* its generator begins anew, from xRandomness of the default */
}

void sim_sqlite_remove(struct sim_sqlite *s)
{
    (void)sqlite3_vfs_unregister(&s->vfs);
}

bool sim_sqlite_is_intact(const char *path, char *why, size_t cap)
{
    sqlite3 *database = NULL;
    sqlite3_stmt *statement = NULL;
    const char *text = NULL;
    if (sqlite3_open_v2(path, &database, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK &&
        sqlite3_exec(database, "PRAGMA locking_mode = EXCLUSIVE", NULL, NULL, NULL) == SQLITE_OK &&
        sqlite3_prepare_v2(database, "PRAGMA integrity_check(1)", -1, &statement, NULL) ==
            SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW)
        text = (const char *)sqlite3_column_text(statement, 0);
    (void)snprintf(why, cap, "%s", text != NULL ? text : sqlite3_errmsg(database));
    bool good = text != NULL && strcmp(text, "ok") == 0;
    sqlite3_finalize(statement);
    sqlite3_close(database);
    return good;
}
