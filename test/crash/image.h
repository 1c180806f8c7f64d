/* SPDX-License-Identifier: MIT */
#ifndef TEST_CRASH_IMAGE_H
#define TEST_CRASH_IMAGE_H
/*
 * A directory tree in memory: what is on the medium. Nodes are files and directories, entries are
 * names in directories. Numbers of nodes and entries are never used twice, so that a tape of
 * operations (tape.h) means the same in every image that was made along it. Node 0 is the root.
 *
 * Allocations that fail end the program.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IMAGE_NONE UINT32_MAX
#define IMAGE_PATH 1024

/* Which name an entry is. Shared by all images of a tape, which owns it. */
struct image_name {
    uint32_t dir; /* node */
    char *text;
};

struct image_names {
    struct image_name *items;
    size_t count;
    size_t cap;
};

struct image_node {
    bool is_dir;
    uint8_t *bytes;
    size_t size;
    size_t cap;
};

struct image {
    struct image_node *nodes;
    size_t node_count;
    size_t node_cap;
    uint32_t *entries; /* node that each entry names, or IMAGE_NONE */
    size_t entry_count;
    size_t entry_cap;
};

void image_init(struct image *); /* a root without entries */
void image_finish(struct image *);
void image_copy(struct image *to, const struct image *from); /* `to` is not initialised */

uint32_t image_names_of(struct image_names *, uint32_t dir, const char *text, size_t size);
void image_names_copy(struct image_names *to, const struct image_names *from);
void image_names_finish(struct image_names *);

/* All make room for numbers that they have not seen. */
void image_node(struct image *, uint32_t node, bool is_dir);
void image_set(struct image *, uint32_t entry, uint32_t node);
uint32_t image_get(const struct image *, uint32_t entry);
void image_write(struct image *, uint32_t node, uint64_t offset, const void *, size_t);
void image_resize(struct image *, uint32_t node, uint64_t size);

/* Of all that can be reached from the root. */
uint64_t image_hash(const struct image_names *, const struct image *);
/* Makes the tree below `path`, an existing empty directory; false: errno says why. */
bool image_build(const struct image_names *, const struct image *, const char *path);
/* The tree below `path` as directory `name` of an image that is not initialised; empty names. */
bool image_read(struct image_names *, struct image *, const char *path, const char *name);
/* Empties a directory. */
bool image_clear(const char *path);
/* Whether the tree below `path` is the image, but for names that `ignored` accepts; else `why`. */
bool image_equals(const struct image_names *, const struct image *, const char *path,
                  bool (*ignored)(const char *name), char *why, size_t why_size);

#endif
