/* SPDX-License-Identifier: MIT */
#ifndef TEST_CRASH_TAPE_H
#define TEST_CRASH_TAPE_H
/*
 * The operation log: everything that changed the files below one directory, in order, every sync,
 * and marks at the moments at which the outside was told something. The shim (shim.h) writes it,
 * the explorer (explore.h) reads it.
 */
#include "image.h"

enum tape_kind {
    TAPE_SET = 1,  /* entry names node (or nothing): create, mkdir, link, unlink, rmdir */
    TAPE_MOVE,     /* entry names node, entry_from names nothing: rename */
    TAPE_WRITE,    /* node, offset, bytes, size */
    TAPE_TRUNCATE, /* node, size */
    TAPE_SYNC,     /* node: a file or a directory */
    TAPE_MARK,     /* mark, relaxes */
};

struct tape_op {
    enum tape_kind kind;
    uint32_t node;
    uint32_t entry;
    uint32_t entry_from;
    uint64_t offset;
    uint64_t size;
    uint8_t *bytes;
    size_t mark;  /* what the outside knows from now on: an index of the world's */
    bool relaxes; /* from now on less is promised than before */
};

struct tape {
    char root[IMAGE_PATH]; /* absolute, without a link in it */
    struct image_names names;
    struct image start; /* durable when the tape begins */
    struct image live;  /* as programs see it now */
    struct tape_op *ops;
    size_t count;
    size_t cap;
    size_t interesting; /* crashes before this operation are looked at elsewhere */
    bool is_deaf;       /* only `live` is kept */
};

/* Where a path leads. */
struct tape_place {
    uint32_t entry; /* IMAGE_NONE: the directory that it started from itself */
    uint32_t node;  /* IMAGE_NONE: nothing bears that name */
};

/* names and start are copied; both NULL: an empty root. */
void tape_init(struct tape *, const char *root, const struct image_names *, const struct image *,
               bool is_deaf);
void tape_finish(struct tape *);

/* False: a directory on the way is not there. */
bool tape_locate(struct tape *, uint32_t dir, const char *path, struct tape_place *);
/* Some name that the node bears now, for people and sabotages; "" for none. */
const char *tape_name(const struct tape *, uint32_t node);
/* The directory of that name; IMAGE_NONE for none. */
uint32_t tape_parent(const struct tape *, uint32_t node);

/* All bring `live` up to date. */
uint32_t tape_make(struct tape *, uint32_t entry, bool is_dir); /* a new node */
void tape_set(struct tape *, uint32_t entry, uint32_t node);
void tape_move(struct tape *, uint32_t from, uint32_t to);
void tape_write(struct tape *, uint32_t node, uint64_t offset, const void *, size_t);
void tape_truncate(struct tape *, uint32_t node, uint64_t size);
void tape_sync(struct tape *, uint32_t node);
void tape_mark(struct tape *, size_t mark, bool relaxes);

#endif
