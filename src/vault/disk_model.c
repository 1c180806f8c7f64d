/* SPDX-License-Identifier: MIT */
#include "vault/disk_model.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

static void *bigger(void *memory, size_t *cap, size_t wanted, size_t item)
{
    if (wanted <= *cap)
        return memory;
    size_t cap_new = *cap == 0 ? 8 : *cap;
    while (cap_new < wanted)
        cap_new *= 2;
    uint8_t *grown = realloc(memory, cap_new * item);
    RH_ASSERT(grown != NULL);
    memset(grown + *cap * item, 0, (cap_new - *cap) * item);
    *cap = cap_new;
    return grown;
}

/* ---- Names and references ---- */

static void drop_ref(struct rh_disk *disk, struct rh_disk_file *file)
{
    RH_ASSERT(file->refs > 0);
    if (--file->refs > 0)
        return;
    disk->used_bytes -= file->size;
    free(file->seen);
    free(file->durable);
    free(file->dirty);
    free(file);
}

struct rh_disk_file *rh_disk_find(const struct rh_disk_names *names, const char *path)
{
    for (size_t i = 0; i < names->count; i++) {
        if (strcmp(names->items[i].path, path) == 0)
            return names->items[i].file;
    }
    return NULL;
}

static void unname(struct rh_disk *disk, struct rh_disk_names *names, const char *path)
{
    for (size_t i = 0; i < names->count; i++) {
        if (strcmp(names->items[i].path, path) != 0)
            continue;
        struct rh_disk_file *file = names->items[i].file;
        names->items[i] = names->items[--names->count];
        drop_ref(disk, file);
        return;
    }
}

static void name(struct rh_disk *disk, struct rh_disk_names *names, const char *path,
                 struct rh_disk_file *file)
{
    file->refs++;
    unname(disk, names, path);
    names->items = bigger(names->items, &names->cap, names->count + 1, sizeof *names->items);
    struct rh_disk_name *item = &names->items[names->count++];
    RH_ASSERT(strlen(path) < sizeof item->path);
    strcpy(item->path, path);
    item->file = file;
}

static void apply(struct rh_disk *disk, struct rh_disk_names *names,
                  const struct rh_disk_change *change)
{
    change->file->refs++;
    if (change->from[0] != '\0')
        unname(disk, names, change->from);
    if (change->to[0] != '\0')
        name(disk, names, change->to, change->file);
    drop_ref(disk, change->file);
}

static void change_names(struct rh_disk *disk, const char *from, const char *to,
                         struct rh_disk_file *file)
{
    disk->pending =
        bigger(disk->pending, &disk->pending_cap, disk->pending_count + 1, sizeof *disk->pending);
    struct rh_disk_change *change = &disk->pending[disk->pending_count++];
    strcpy(change->from, from);
    strcpy(change->to, to);
    change->file = file;
    file->refs++;
    apply(disk, &disk->seen, change);
}

static void settle_pending(struct rh_disk *disk, size_t count)
{
    for (size_t i = 0; i < disk->pending_count; i++) {
        if (i < count)
            apply(disk, &disk->durable, &disk->pending[i]);
        drop_ref(disk, disk->pending[i].file);
    }
    disk->pending_count = 0;
}

/* ---- Life ---- */

void rh_disk_init(struct rh_disk *disk, uint64_t seed)
{
    memset(disk, 0, sizeof *disk);
    rh_rng_init(&disk->rng, seed);
}

static void forget(struct rh_disk *disk, struct rh_disk_names *names)
{
    while (names->count > 0)
        unname(disk, names, names->items[0].path);
    free(names->items);
    memset(names, 0, sizeof *names);
}

void rh_disk_finish(struct rh_disk *disk)
{
    settle_pending(disk, 0);
    forget(disk, &disk->seen);
    forget(disk, &disk->durable);
    free(disk->pending);
    memset(disk, 0, sizeof *disk);
}

bool rh_disk_is_stopped(const struct rh_disk *disk)
{
    return disk->stop_at != 0 && disk->steps >= disk->stop_at;
}

static bool step(struct rh_disk *disk)
{
    if (rh_disk_is_stopped(disk))
        return false;
    disk->steps++;
    return true;
}

static bool chance(struct rh_disk *disk, uint32_t ppm)
{
    return ppm != 0 && rh_rng_below(&disk->rng, 1000000) < ppm;
}

static bool strikes(struct rh_disk *disk, enum rh_disk_fault fault, const char *path)
{
    return disk->strikes == NULL || disk->strikes(disk->strikes_context, fault, path);
}

static bool befalls(struct rh_disk *disk, uint32_t ppm, enum rh_disk_fault fault)
{
    return chance(disk, ppm) && strikes(disk, fault, "");
}

static bool is_dirty(const struct rh_disk_file *file)
{
    for (size_t i = 0; i < file->dirty_cap; i++) {
        if (file->dirty[i] != 0)
            return true;
    }
    return file->size != file->durable_size;
}

/* Each dirty sector made it, or did not. */
static void crash_file(struct rh_disk *disk, struct rh_disk_file *file, const char *path)
{
    bool spared = !is_dirty(file) || !strikes(disk, RH_DISK_BYTES_LOST, path);
    size_t size = !spared && rh_rng_below(&disk->rng, 2) == 0 ? file->durable_size : file->size;
    file->durable = bigger(file->durable, &file->durable_cap, file->size, 1);
    for (size_t i = 0; i * RH_SECTOR < file->size; i++) {
        size_t from = i * RH_SECTOR;
        size_t length = file->size - from < RH_SECTOR ? file->size - from : RH_SECTOR;
        if (i >= file->dirty_cap || file->dirty[i] == 0 ||
            (!spared && rh_rng_below(&disk->rng, 2) == 0))
            continue;
        memcpy(file->durable + from, file->seen + from, length);
        if (from + length > size)
            size = from + length;
    }
    disk->used_bytes -= file->size;
    disk->used_bytes += size;
    if (size < file->durable_size) /* what a cut took must not come back with the next growth */
        memset(file->durable + size, 0, file->durable_size - size);
    file->durable_size = size;
    file->seen = bigger(file->seen, &file->cap, size, 1);
    if (size > 0)
        memcpy(file->seen, file->durable, size);
    if (file->cap > size)
        memset(file->seen + size, 0, file->cap - size);
    file->size = size;
    if (file->dirty != NULL)
        memset(file->dirty, 0, file->dirty_cap);
}

void rh_disk_crash(struct rh_disk *disk)
{
    size_t kept = (size_t)rh_rng_below(&disk->rng, disk->pending_count + 1);
    if (kept < disk->pending_count && !strikes(disk, RH_DISK_NAMES_LOST, ""))
        kept = disk->pending_count;
    settle_pending(disk, kept);
    while (disk->seen.count > 0)
        unname(disk, &disk->seen, disk->seen.items[0].path);
    for (size_t i = 0; i < disk->durable.count; i++) {
        crash_file(disk, disk->durable.items[i].file, disk->durable.items[i].path);
        name(disk, &disk->seen, disk->durable.items[i].path, disk->durable.items[i].file);
    }
    disk->stop_at = 0;
    disk->misdirects = false;
}

/* ---- Files ---- */

enum rh_error rh_disk_open(struct rh_disk *disk, const char *path, bool make,
                           struct rh_disk_file **out)
{
    struct rh_disk_file *file = rh_disk_find(&disk->seen, path);
    *out = NULL;
    if (!step(disk) || befalls(disk, disk->faults.open_io_ppm, RH_DISK_OPEN_IO))
        return RH_ERR_IO;
    if (file == NULL && !make)
        return RH_ERR_UNKNOWN;
    if (file == NULL) {
        file = calloc(1, sizeof *file);
        RH_ASSERT(file != NULL);
        file->refs = 1;
        change_names(disk, "", path, file);
    } else {
        file->refs++;
    }
    *out = file;
    return RH_OK;
}

void rh_disk_let_go(struct rh_disk *disk, struct rh_disk_file *file)
{
    if (file != NULL)
        drop_ref(disk, file);
}

static void dirty(struct rh_disk_file *file, uint64_t offset, uint64_t size)
{
    size_t last = (size_t)((offset + size + RH_SECTOR - 1) / RH_SECTOR);
    file->dirty = bigger(file->dirty, &file->dirty_cap, last, 1);
    for (size_t i = (size_t)(offset / RH_SECTOR); i < last; i++)
        file->dirty[i] = 1;
}

static enum rh_error resize(struct rh_disk *disk, struct rh_disk_file *file, uint64_t size)
{
    uint64_t used = disk->used_bytes - file->size + size;
    if (disk->faults.capacity_bytes != 0 && size > file->size && used > disk->faults.capacity_bytes)
        return RH_ERR_FULL;
    file->seen = bigger(file->seen, &file->cap, (size_t)size, 1);
    if (size < file->size)
        memset(file->seen + size, 0, file->size - (size_t)size);
    disk->used_bytes = used;
    file->size = (size_t)size;
    return RH_OK;
}

enum rh_error rh_disk_write(struct rh_disk *disk, struct rh_disk_file *file, uint64_t offset,
                            const void *data, size_t size)
{
    enum rh_error result = RH_OK;
    if (!step(disk) || befalls(disk, disk->faults.write_io_ppm, RH_DISK_WRITE_IO))
        return RH_ERR_IO;
    if (befalls(disk, disk->faults.write_full_ppm, RH_DISK_WRITE_FULL)) {
        size = (size_t)rh_rng_below(&disk->rng, size + 1);
        result = RH_ERR_FULL;
    }
    if (size == 0)
        return result;
    if (offset + size > file->size) {
        enum rh_error error = resize(disk, file, offset + size);
        if (error != RH_OK)
            return error;
    }
    memcpy(file->seen + offset, data, size);
    dirty(file, offset, size);
    return result;
}

enum rh_error rh_disk_read(struct rh_disk *disk)
{
    if (rh_disk_is_stopped(disk) || befalls(disk, disk->faults.read_io_ppm, RH_DISK_READ_IO))
        return RH_ERR_IO;
    return RH_OK;
}

enum rh_error rh_disk_cut(struct rh_disk *disk, struct rh_disk_file *file, uint64_t size)
{
    if (!step(disk))
        return RH_ERR_IO;
    return resize(disk, file, size);
}

static const char *path_of(const struct rh_disk *disk, const struct rh_disk_file *file)
{
    for (size_t i = 0; i < disk->seen.count; i++) {
        if (disk->seen.items[i].file == file)
            return disk->seen.items[i].path;
    }
    return "";
}

/* Two sectors of which one was meant: both have the same bytes now, and nobody is told. */
static void misdirect(struct rh_disk *disk, struct rh_disk_file *file)
{
    size_t sectors = file->durable_size / RH_SECTOR;
    if (!disk->misdirects || sectors < 2)
        return;
    size_t from = (size_t)rh_rng_below(&disk->rng, sectors);
    size_t to = (from + 1 + (size_t)rh_rng_below(&disk->rng, sectors - 1)) % sectors;
    if (memcmp(file->durable + to * RH_SECTOR, file->durable + from * RH_SECTOR, RH_SECTOR) == 0 ||
        !strikes(disk, RH_DISK_MISDIRECTED, path_of(disk, file)))
        return;
    disk->misdirects = false;
    memcpy(file->durable + to * RH_SECTOR, file->durable + from * RH_SECTOR, RH_SECTOR);
}

enum rh_error rh_disk_sync(struct rh_disk *disk, struct rh_disk_file *file)
{
    bool fails = befalls(disk, disk->faults.sync_io_ppm, RH_DISK_SYNC_IO);
    if (!step(disk))
        return RH_ERR_IO;
    file->durable = bigger(file->durable, &file->durable_cap, file->size, 1);
    if (!fails && file->size < file->durable_size)
        memset(file->durable + file->size, 0, file->durable_size - file->size);
    for (size_t i = 0; i * RH_SECTOR < file->size; i++) {
        size_t from = i * RH_SECTOR;
        size_t length = file->size - from < RH_SECTOR ? file->size - from : RH_SECTOR;
        /* A failed one writes some pages and forgets that the others were dirty. */
        if (i < file->dirty_cap && file->dirty[i] != 0 &&
            (!fails || rh_rng_below(&disk->rng, 2) == 0)) {
            memcpy(file->durable + from, file->seen + from, length);
            if (from + length > file->durable_size)
                file->durable_size = from + length;
        }
    }
    if (file->dirty != NULL)
        memset(file->dirty, 0, file->dirty_cap);
    if (!fails)
        file->durable_size = file->size;
    misdirect(disk, file);
    return fails ? RH_ERR_IO : RH_OK;
}

enum rh_error rh_disk_rename(struct rh_disk *disk, const char *from, const char *to)
{
    struct rh_disk_file *file = rh_disk_find(&disk->seen, from);
    if (!step(disk))
        return RH_ERR_IO;
    if (file == NULL)
        return RH_ERR_UNKNOWN;
    change_names(disk, from, to, file);
    return RH_OK;
}

enum rh_error rh_disk_remove(struct rh_disk *disk, const char *path)
{
    struct rh_disk_file *file = rh_disk_find(&disk->seen, path);
    if (!step(disk))
        return RH_ERR_IO;
    if (file != NULL)
        change_names(disk, path, "", file);
    return RH_OK;
}

enum rh_error rh_disk_sync_names(struct rh_disk *disk)
{
    if (!step(disk))
        return RH_ERR_IO;
    if (!disk->skip_name_sync)
        settle_pending(disk, disk->pending_count);
    return RH_OK;
}
