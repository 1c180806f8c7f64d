/* SPDX-License-Identifier: MIT */
#include "vault/store_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "base/assert.h"
#include "base/crc64.h"
#include "vault/store_files_paths.h"

#define HANDLES_MAX 8192

struct handle {
    uint64_t id; /* 0: free */
    struct rh_disk_file *file;
    bool name_is_durable;
};

struct store_model {
    struct rh_store base;
    struct rh_disk disk;
    struct handle *handles;
    size_t open_count;
    uint64_t last_handle;
    uint64_t misuse;
    uint64_t free_bytes;
    uint64_t total_bytes;
    enum rh_error fail[RH_STORE_SPACE + 1];
};

static struct store_model *model_of(struct rh_store *store)
{
    return (struct store_model *)store;
}

static struct handle *handle_of(struct store_model *model, uint64_t id)
{
    for (size_t i = 0; id != 0 && i < HANDLES_MAX; i++) {
        if (model->handles[i].id == id)
            return &model->handles[i];
    }
    model->misuse++;
    return NULL;
}

static void path_of(const struct rh_store_target *target, uint64_t index, char path[RH_PATH_MAX])
{
    enum rh_error error = index == RH_EXTENT_IN_PLACE
                              ? rh_path_incoming(target, path, RH_PATH_MAX)
                              : rh_path_waiting(target, index, path, RH_PATH_MAX);
    RH_ASSERT(error == RH_OK);
}

/* ---- Jobs ---- */

static enum rh_error begin(struct store_model *model, const struct rh_store_job *job,
                           struct rh_store_result *result)
{
    char path[RH_PATH_MAX];
    struct rh_disk_file *file;
    path_of(&job->target, job->index, path);
    const struct rh_disk_file *there = rh_disk_find(&model->disk.seen, path);
    if (job->size > 0 && (there == NULL || there->size < job->size))
        return RH_ERR_UNKNOWN;
    enum rh_error error = rh_disk_open(&model->disk, path, true, &file);
    if (error != RH_OK)
        return error;
    for (size_t i = 0; i < HANDLES_MAX; i++) {
        if (model->handles[i].id != 0)
            continue;
        model->handles[i] = (struct handle){.id = ++model->last_handle, .file = file};
        model->open_count++;
        result->handle = model->last_handle;
        return RH_OK;
    }
    rh_disk_let_go(&model->disk, file);
    return RH_ERR_LIMIT;
}

static enum rh_error sync_handle(struct store_model *model, const struct rh_store_job *job)
{
    struct handle *handle = handle_of(model, job->handle);
    if (handle == NULL)
        return RH_ERR_STATE;
    enum rh_error error = rh_disk_sync(&model->disk, handle->file);
    if (error == RH_OK && !handle->name_is_durable)
        error = rh_disk_sync_names(&model->disk);
    handle->name_is_durable = error == RH_OK;
    return error;
}

static enum rh_error close_handle(struct store_model *model, const struct rh_store_job *job)
{
    struct handle *handle = handle_of(model, job->handle);
    if (handle == NULL)
        return RH_ERR_STATE;
    rh_disk_let_go(&model->disk, handle->file);
    memset(handle, 0, sizeof *handle);
    model->open_count--;
    return RH_OK;
}

static enum rh_error hash(struct store_model *model, const struct rh_store_job *job,
                          struct rh_store_result *result)
{
    char path[RH_PATH_MAX];
    path_of(&job->target, RH_EXTENT_IN_PLACE, path);
    const struct rh_disk_file *file = rh_disk_find(&model->disk.seen, path);
    if (rh_disk_read(&model->disk) != RH_OK)
        return RH_ERR_IO;
    if (file == NULL && rh_path_object(&job->target, path, sizeof path) == RH_OK)
        file = rh_disk_find(&model->disk.seen, path);
    if (file == NULL || job->offset + job->length > file->size)
        return RH_ERR_UNKNOWN;
    result->crc64 = rh_crc64_update(0, file->seen + job->offset, (size_t)job->length);
    if (job->digest_bits != 0 &&
        EVP_Digest(file->seen + job->offset, (size_t)job->length, result->digest, NULL,
                   job->digest_bits == 512 ? EVP_sha512() : EVP_sha256(), NULL) != 1)
        return RH_ERR_MEMORY;
    return RH_OK;
}

static enum rh_error stitch(struct store_model *model, const struct rh_store_job *job,
                            struct rh_store_result *result)
{
    char path[RH_PATH_MAX];
    struct handle *handle = handle_of(model, job->handle);
    path_of(&job->target, job->index, path);
    const struct rh_disk_file *from = rh_disk_find(&model->disk.seen, path);
    if (handle == NULL)
        return RH_ERR_STATE;
    if (rh_disk_read(&model->disk) != RH_OK)
        return RH_ERR_IO;
    if (from == NULL || from->size < job->length)
        return RH_ERR_UNKNOWN;
    result->crc64 = rh_crc64_update(0, from->seen, (size_t)job->length);
    return rh_disk_write(&model->disk, handle->file, job->offset, from->seen, (size_t)job->length);
}

static enum rh_error join(struct store_model *model, const struct rh_store_job *job,
                          struct rh_store_result *result)
{
    char path[RH_PATH_MAX];
    struct handle *handle = handle_of(model, job->handle);
    enum rh_error error = rh_path_object(&job->source, path, sizeof path);
    RH_ASSERT(error == RH_OK);
    const struct rh_disk_file *from = rh_disk_find(&model->disk.seen, path);
    if (handle == NULL)
        return RH_ERR_STATE;
    if (rh_disk_read(&model->disk) != RH_OK)
        return RH_ERR_IO;
    if (from == NULL || from->size < job->source_offset + job->length)
        return RH_ERR_UNKNOWN;
    const uint8_t *bytes = from->seen + job->source_offset;
    result->crc64 = rh_crc64_update(0, bytes, (size_t)job->length);
    return rh_disk_write(&model->disk, handle->file, job->offset, bytes, (size_t)job->length);
}

static enum rh_error zero(struct store_model *model, const struct rh_store_job *job)
{
    struct handle *handle = handle_of(model, job->handle);
    uint8_t *zeros = calloc(1, (size_t)job->length + 1);
    RH_ASSERT(zeros != NULL);
    enum rh_error error = handle == NULL ? RH_ERR_STATE
                                         : rh_disk_write(&model->disk, handle->file, job->offset,
                                                         zeros, (size_t)job->length);
    free(zeros);
    return error;
}

/* Calls for each waiting chunk of an upload; the names are copied first, since they go. */
static enum rh_error remove_waiting(struct store_model *model, const struct rh_store_target *target)
{
    char root[RH_PATH_MAX];
    char path[RH_PATH_MAX];
    enum rh_error error = rh_path_waiting_root(target, root, sizeof root - 1);
    RH_ASSERT(error == RH_OK);
    strcat(root, "/");
    for (size_t i = model->disk.seen.count; i-- > 0 && error == RH_OK;) {
        if (i >= model->disk.seen.count ||
            strncmp(model->disk.seen.items[i].path, root, strlen(root)) != 0)
            continue;
        strcpy(path, model->disk.seen.items[i].path);
        error = rh_disk_remove(&model->disk, path);
        i = model->disk.seen.count;
    }
    return error;
}

static enum rh_error seal(struct store_model *model, const struct rh_store_job *job)
{
    char incoming[RH_PATH_MAX];
    char object[RH_PATH_MAX];
    struct rh_disk_file *file = NULL;
    path_of(&job->target, RH_EXTENT_IN_PLACE, incoming);
    enum rh_error error = rh_path_object(&job->target, object, sizeof object);
    RH_ASSERT(error == RH_OK);
    const struct rh_disk_file *there = rh_disk_find(&model->disk.seen, object);
    error = rh_disk_open(&model->disk, incoming, false, &file);
    if (error == RH_ERR_UNKNOWN) {
        if (there == NULL)
            return RH_ERR_UNKNOWN;
        error = there->size == job->size ? rh_disk_sync_names(&model->disk) : RH_ERR_CHECKSUM;
        return error == RH_OK ? remove_waiting(model, &job->target) : error;
    }
    if (error == RH_OK && there != NULL)
        error = RH_ERR_EXISTS;
    if (error == RH_OK && file->size < job->size)
        error = RH_ERR_CHECKSUM;
    if (error == RH_OK && file->size > job->size)
        error = rh_disk_cut(&model->disk, file, job->size);
    if (error == RH_OK)
        error = rh_disk_sync(&model->disk, file);
    if (error == RH_OK)
        error = rh_disk_rename(&model->disk, incoming, object);
    if (error == RH_OK)
        error = rh_disk_sync_names(&model->disk);
    rh_disk_let_go(&model->disk, file);
    return error == RH_OK ? remove_waiting(model, &job->target) : error;
}

static enum rh_error drop(struct store_model *model, const struct rh_store_target *target)
{
    char path[RH_PATH_MAX];
    path_of(target, RH_EXTENT_IN_PLACE, path);
    enum rh_error error = rh_disk_remove(&model->disk, path);
    if (error == RH_OK)
        error = remove_waiting(model, target);
    return error == RH_OK ? rh_disk_sync_names(&model->disk) : error;
}

static enum rh_error erase(struct store_model *model, const struct rh_store_target *target)
{
    char path[RH_PATH_MAX];
    enum rh_error error = drop(model, target);
    if (error == RH_OK)
        error = rh_path_object(target, path, sizeof path);
    if (error == RH_OK)
        error = rh_disk_remove(&model->disk, path);
    if (error == RH_OK)
        error = rh_path_text(target, RH_TEXT_METADATA, path, sizeof path);
    if (error == RH_OK)
        error = rh_disk_remove(&model->disk, path);
    return error == RH_OK ? rh_disk_sync_names(&model->disk) : error;
}

static enum rh_error put_text(struct store_model *model, const struct rh_store_job *job)
{
    char path[RH_PATH_MAX];
    char beside[RH_PATH_MAX + 8];
    struct rh_disk_file *file;
    enum rh_error error = rh_path_text(&job->target, job->text_kind, path, sizeof path);
    RH_ASSERT(error == RH_OK);
    snprintf(beside, sizeof beside, "%s.tmp", path);
    error = rh_disk_open(&model->disk, beside, true, &file);
    if (error != RH_OK)
        return error;
    error = rh_disk_cut(&model->disk, file, 0);
    if (error == RH_OK)
        error = rh_disk_write(&model->disk, file, 0, job->text, job->text_size);
    if (error == RH_OK)
        error = rh_disk_sync(&model->disk, file);
    if (error == RH_OK)
        error = rh_disk_rename(&model->disk, beside, path);
    if (error == RH_OK)
        error = rh_disk_sync_names(&model->disk);
    rh_disk_let_go(&model->disk, file);
    return error;
}

static enum rh_error space(const struct store_model *model, struct rh_store_result *result)
{
    uint64_t capacity = model->disk.faults.capacity_bytes;
    result->free_bytes = model->free_bytes;
    result->total_bytes = model->total_bytes;
    if (capacity != 0) {
        result->total_bytes = capacity;
        result->free_bytes =
            capacity > model->disk.used_bytes ? capacity - model->disk.used_bytes : 0;
    }
    return RH_OK;
}

static enum rh_error run(struct store_model *model, const struct rh_store_job *job,
                         struct rh_store_result *result)
{
    switch (job->verb) {
    case RH_STORE_BEGIN:
        return begin(model, job, result);
    case RH_STORE_SYNC:
        return sync_handle(model, job);
    case RH_STORE_CLOSE:
        return close_handle(model, job);
    case RH_STORE_HASH:
        return hash(model, job, result);
    case RH_STORE_STITCH:
        return stitch(model, job, result);
    case RH_STORE_JOIN:
        return join(model, job, result);
    case RH_STORE_ZERO:
        return zero(model, job);
    case RH_STORE_SEAL:
        return seal(model, job);
    case RH_STORE_DROP_CHUNK: {
        char path[RH_PATH_MAX];
        path_of(&job->target, job->index, path);
        return rh_disk_remove(&model->disk, path);
    }
    case RH_STORE_DROP:
        return drop(model, &job->target);
    case RH_STORE_ERASE:
        return erase(model, &job->target);
    case RH_STORE_PUT_TEXT:
        return put_text(model, job);
    case RH_STORE_SPACE:
        return space(model, result);
    }
    return RH_ERR_STATE;
}

static void model_run(struct rh_store *store, const struct rh_store_job *job,
                      struct rh_store_result *result)
{
    struct store_model *model = model_of(store);
    memset(result, 0, sizeof *result);
    result->id = job->id;
    result->error = model->fail[job->verb];
    model->fail[job->verb] = RH_OK;
    if (result->error == RH_OK)
        result->error = run(model, job, result);
}

static enum rh_error model_write(struct rh_store *store, uint64_t id, uint64_t offset,
                                 const void *data, size_t size)
{
    struct store_model *model = model_of(store);
    struct handle *handle = handle_of(model, id);
    if (handle == NULL)
        return RH_ERR_IO;
    return rh_disk_write(&model->disk, handle->file, offset, data, size);
}

static enum rh_error model_object_path(struct rh_store *store, const struct rh_store_target *target,
                                       char *out, size_t cap)
{
    (void)store;
    return rh_path_object(target, out, cap);
}

static void let_go_all(struct store_model *model)
{
    for (size_t i = 0; i < HANDLES_MAX; i++) {
        if (model->handles[i].id != 0)
            rh_disk_let_go(&model->disk, model->handles[i].file);
    }
    memset(model->handles, 0, HANDLES_MAX * sizeof *model->handles);
    model->open_count = 0;
}

static void model_close(struct rh_store *store)
{
    struct store_model *model = model_of(store);
    if (model == NULL)
        return;
    let_go_all(model);
    rh_disk_finish(&model->disk);
    free(model->handles);
    free(model);
}

static const struct rh_store_ops model_ops = {
    .run = model_run,
    .write = model_write,
    .object_path = model_object_path,
    .close = model_close,
};

struct rh_store *rh_store_model_open(uint64_t seed)
{
    struct store_model *model = calloc(1, sizeof *model);
    if (model == NULL)
        return NULL;
    model->handles = calloc(HANDLES_MAX, sizeof *model->handles);
    if (model->handles == NULL) {
        free(model);
        return NULL;
    }
    model->base.ops = &model_ops;
    model->free_bytes = (uint64_t)1 << 40;
    model->total_bytes = (uint64_t)1 << 40;
    rh_disk_init(&model->disk, seed);
    return &model->base;
}

/* ---- Faults, crashes, and looking in ---- */

void rh_store_model_set_faults(struct rh_store *store, const struct rh_disk_faults *faults)
{
    model_of(store)->disk.faults = *faults;
}

void rh_store_model_set_strikes(struct rh_store *store, rh_disk_strikes *strikes, void *context)
{
    model_of(store)->disk.strikes = strikes;
    model_of(store)->disk.strikes_context = context;
}

void rh_store_model_misdirect(struct rh_store *store, bool wanted)
{
    model_of(store)->disk.misdirects = wanted;
}

void rh_store_model_stop_after(struct rh_store *store, uint64_t steps)
{
    struct rh_disk *disk = &model_of(store)->disk;
    disk->stop_at = steps == 0 ? 0 : disk->steps + steps;
}

bool rh_store_model_is_stopped(const struct rh_store *store)
{
    return rh_disk_is_stopped(&((const struct store_model *)store)->disk);
}

uint64_t rh_store_model_steps(const struct rh_store *store)
{
    return ((const struct store_model *)store)->disk.steps;
}

void rh_store_model_crash(struct rh_store *store)
{
    let_go_all(model_of(store));
    rh_disk_crash(&model_of(store)->disk);
    memset(model_of(store)->fail, 0, sizeof model_of(store)->fail);
}

void rh_store_model_kill(struct rh_store *store)
{
    let_go_all(model_of(store));
    model_of(store)->disk.stop_at = 0;
}

void rh_store_model_fail(struct rh_store *store, enum rh_store_verb verb, enum rh_error error)
{
    model_of(store)->fail[verb] = error;
}

void rh_store_model_set_space(struct rh_store *store, uint64_t free_bytes, uint64_t total_bytes)
{
    model_of(store)->free_bytes = free_bytes;
    model_of(store)->total_bytes = total_bytes;
}

void rh_store_model_skip_name_sync(struct rh_store *store, bool skip)
{
    model_of(store)->disk.skip_name_sync = skip;
}

static struct rh_disk_file *file_of(const struct store_model *model,
                                    const struct rh_store_target *target,
                                    enum rh_store_model_file which, uint64_t index, bool durable)
{
    char path[RH_PATH_MAX];
    enum rh_error error = RH_OK;
    switch (which) {
    case RH_MODEL_IN_PLACE:
        error = rh_path_incoming(target, path, sizeof path);
        break;
    case RH_MODEL_CHUNK:
        error = rh_path_waiting(target, index, path, sizeof path);
        break;
    case RH_MODEL_OBJECT:
        error = rh_path_object(target, path, sizeof path);
        break;
    case RH_MODEL_METADATA:
        error = rh_path_text(target, RH_TEXT_METADATA, path, sizeof path);
        break;
    case RH_MODEL_SESSION:
        error = rh_path_text(target, RH_TEXT_SESSION, path, sizeof path);
        break;
    }
    RH_ASSERT(error == RH_OK);
    return rh_disk_find(durable ? &model->disk.durable : &model->disk.seen, path);
}

const uint8_t *rh_store_model_look(const struct rh_store *store,
                                   const struct rh_store_target *target,
                                   enum rh_store_model_file which, uint64_t index, bool durable,
                                   size_t *size)
{
    const struct rh_disk_file *file =
        file_of((const struct store_model *)store, target, which, index, durable);
    static const uint8_t nothing[1];
    if (file == NULL)
        return NULL;
    *size = durable ? file->durable_size : file->size;
    const uint8_t *bytes = durable ? file->durable : file->seen;
    return bytes != NULL ? bytes : nothing;
}

const uint8_t *rh_store_model_load(const struct rh_store *store, const char *path, size_t *size)
{
    static const uint8_t nothing[1];
    const struct rh_disk_file *file =
        rh_disk_find(&((const struct store_model *)store)->disk.seen, path);
    if (file == NULL)
        return NULL;
    *size = file->size;
    return file->seen != NULL ? file->seen : nothing;
}

bool rh_store_model_flip(struct rh_store *store, const struct rh_store_target *target,
                         enum rh_store_model_file which, uint64_t index, uint64_t offset)
{
    struct rh_disk_file *file = file_of(model_of(store), target, which, index, false);
    if (file == NULL || offset >= file->size)
        return false;
    file->seen[offset] ^= 1;
    if (offset < file->durable_size)
        file->durable[offset] ^= 1;
    return true;
}

size_t rh_store_model_open_count(const struct rh_store *store)
{
    return ((const struct store_model *)store)->open_count;
}

uint64_t rh_store_model_misuse(const struct rh_store *store)
{
    return ((const struct store_model *)store)->misuse;
}

size_t rh_store_model_file_count(const struct rh_store *store)
{
    return ((const struct store_model *)store)->disk.seen.count;
}
