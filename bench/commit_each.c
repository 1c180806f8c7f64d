/* SPDX-License-Identifier: MIT */
/*
 * What group commit is worth: linked into a second copy of the server (bench/meson.build), this
 * puts a catalog in front of SQLite that commits every upload's changes of a batch by themselves,
 * one durable transaction after the other, as a server without group commit would. Nothing else
 * differs. For measuring only; the product has no such switch.
 */
#include <stdlib.h>
#include <string.h>

#include "vault/catalog.h"

enum rh_error __real_rh_catalog_sqlite_open(struct rh_catalog **out, const char *path);
enum rh_error __wrap_rh_catalog_sqlite_open(struct rh_catalog **out, const char *path);

struct each {
    struct rh_catalog base;
    struct rh_catalog *real;
};

static const char *upload_of(const struct rh_change *change)
{
    return change->kind == RH_CHANGE_UPLOAD ? change->u.upload_row.id : change->upload;
}

static void each_read(struct rh_catalog *base, const struct rh_read *read, struct rh_rows *rows)
{
    struct rh_catalog *real = ((struct each *)base)->real;
    real->ops->read(real, read, rows);
}

/* Changes of one upload keep their order; those of different uploads do not depend on each other.
 */
static enum rh_error each_commit(struct rh_catalog *base, const struct rh_batch *batch)
{
    struct rh_catalog *real = ((struct each *)base)->real;
    struct rh_batch one = {.changes = calloc(batch->count, sizeof *one.changes)};
    bool *taken = calloc(batch->count, sizeof *taken);
    enum rh_error error = one.changes == NULL || taken == NULL ? RH_ERR_MEMORY : RH_OK;
    for (size_t first = 0; first < batch->count && error == RH_OK; first++) {
        if (taken[first])
            continue;
        one.count = 0;
        for (size_t i = first; i < batch->count; i++) {
            if (taken[i] ||
                strcmp(upload_of(&batch->changes[i]), upload_of(&batch->changes[first])) != 0)
                continue;
            taken[i] = true;
            one.changes[one.count++] = batch->changes[i];
        }
        error = real->ops->commit(real, &one);
    }
    free(one.changes); /* what the changes point to is the batch's */
    free(taken);
    return error;
}

static void each_close(struct rh_catalog *base)
{
    struct each *each = (struct each *)base;
    if (each == NULL)
        return;
    each->real->ops->close(each->real);
    free(each);
}

static const struct rh_catalog_ops each_ops = {
    .read = each_read,
    .commit = each_commit,
    .close = each_close,
};

enum rh_error __wrap_rh_catalog_sqlite_open(struct rh_catalog **out, const char *path)
{
    struct each *each = calloc(1, sizeof *each);
    if (each == NULL)
        return RH_ERR_MEMORY;
    each->base.ops = &each_ops;
    enum rh_error error = __real_rh_catalog_sqlite_open(&each->real, path);
    if (error != RH_OK) {
        free(each);
        return error;
    }
    *out = &each->base;
    return RH_OK;
}
