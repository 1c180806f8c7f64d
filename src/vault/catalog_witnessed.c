/* SPDX-License-Identifier: MIT */
/*
 * A catalog and its witness as one catalog. The catalog commits first: so the witness is never
 * ahead of a catalog that was not replaced by an older one. It may be behind: a process that was
 * killed leaves out one commit that nobody was told of, a power failure what was not synced yet.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vault/witness.h"

struct catalog_witnessed {
    struct rh_catalog base;
    struct rh_catalog *inner;
    struct rh_witness *witness;
    int root;
    uint64_t sequence;
};

static struct catalog_witnessed *self_of(struct rh_catalog *catalog)
{
    return (struct catalog_witnessed *)catalog;
}

static void witnessed_read(struct rh_catalog *base, const struct rh_read *read,
                           struct rh_rows *rows)
{
    struct catalog_witnessed *self = self_of(base);
    self->inner->ops->read(self->inner, read, rows);
}

static enum rh_error witnessed_commit(struct rh_catalog *base, const struct rh_batch *batch)
{
    struct catalog_witnessed *self = self_of(base);
    enum rh_error error = self->inner->ops->commit(self->inner, batch);
    if (error != RH_OK)
        return error;
    error = rh_witness_append(self->witness, ++self->sequence, batch);
    if (error == RH_OK && rh_witness_is_overdue(self->witness))
        error = rh_witness_sync(self->witness);
    if (error != RH_OK || !rh_witness_is_long(self->witness))
        return error;
    struct rh_witness *fresh = NULL;
    /* Where that fails the old one goes on; there may be room later. */
    if (rh_witness_create(&fresh, self->root, self->inner) == RH_OK) {
        rh_witness_close(self->witness);
        self->witness = fresh;
    }
    return RH_OK;
}

/* An error is remembered: the next commit answers with it. */
static void witnessed_idle(struct rh_catalog *base)
{
    (void)rh_witness_sync(self_of(base)->witness);
}

static void witnessed_close(struct rh_catalog *base)
{
    struct catalog_witnessed *self = self_of(base);
    if (self == NULL)
        return;
    rh_witness_close(self->witness);
    self->inner->ops->close(self->inner);
    close(self->root);
    free(self);
}

static const struct rh_catalog_ops witnessed_ops = {
    .read = witnessed_read,
    .commit = witnessed_commit,
    .close = witnessed_close,
    .idle = witnessed_idle,
};

enum rh_error rh_catalog_witnessed_open(struct rh_catalog **out, struct rh_catalog *inner, int root,
                                        const uint8_t entropy[32])
{
    struct catalog_witnessed *self = calloc(1, sizeof *self);
    struct rh_read read = {.kind = RH_READ_META};
    struct rh_rows rows = {0};
    enum rh_error error = self != NULL ? RH_OK : RH_ERR_MEMORY;
    memcpy(read.entropy, entropy, sizeof read.entropy);
    if (error == RH_OK) {
        inner->ops->read(inner, &read, &rows);
        error = rows.error;
        self->sequence = rows.meta.sequence;
        rh_rows_free(&rows);
    }
    if (error == RH_OK && (self->root = fcntl(root, F_DUPFD_CLOEXEC, 0)) < 0)
        error = RH_ERR_IO;
    if (error == RH_OK)
        error = rh_witness_create(&self->witness, self->root, inner);
    if (error != RH_OK) {
        inner->ops->close(inner);
        if (self != NULL && self->root > 0)
            close(self->root);
        free(self);
        return error;
    }
    self->base.ops = &witnessed_ops;
    self->inner = inner;
    *out = &self->base;
    return RH_OK;
}
