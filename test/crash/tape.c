/* SPDX-License-Identifier: MIT */
#include "tape.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

static struct tape_op *add(struct tape *tape, enum tape_kind kind)
{
    static struct tape_op unheard;
    if (tape->is_deaf)
        return &unheard;
    if (tape->count == tape->cap) {
        tape->cap = tape->cap == 0 ? 256 : tape->cap * 2;
        tape->ops = realloc(tape->ops, tape->cap * sizeof *tape->ops);
        RH_ASSERT(tape->ops != NULL);
    }
    struct tape_op *op = &tape->ops[tape->count++];
    *op = (struct tape_op){.kind = kind, .entry = IMAGE_NONE, .entry_from = IMAGE_NONE};
    return op;
}

void tape_init(struct tape *tape, const char *root, const struct image_names *names,
               const struct image *start, bool is_deaf)
{
    *tape = (struct tape){.is_deaf = is_deaf};
    RH_ASSERT(strlen(root) < sizeof tape->root);
    strcpy(tape->root, root);
    if (names != NULL)
        image_names_copy(&tape->names, names);
    if (start != NULL)
        image_copy(&tape->live, start);
    else
        image_init(&tape->live);
    if (!is_deaf)
        image_copy(&tape->start, &tape->live);
}

void tape_finish(struct tape *tape)
{
    for (size_t i = 0; i < tape->count; i++)
        free(tape->ops[i].bytes);
    free(tape->ops);
    image_names_finish(&tape->names);
    image_finish(&tape->start);
    image_finish(&tape->live);
    *tape = (struct tape){0};
}

bool tape_locate(struct tape *tape, uint32_t dir, const char *path, struct tape_place *place)
{
    *place = (struct tape_place){.entry = IMAGE_NONE, .node = dir};
    while (*path != '\0') {
        size_t size = strcspn(path, "/");
        if (size > 0 && !(size == 1 && path[0] == '.')) {
            if (place->node == IMAGE_NONE)
                return false;
            place->entry = image_names_of(&tape->names, place->node, path, size);
            place->node = image_get(&tape->live, place->entry);
        }
        path += size;
        path += strspn(path, "/");
    }
    return true;
}

static size_t entry_of(const struct tape *tape, uint32_t node)
{
    for (size_t i = 0; i < tape->live.entry_count; i++)
        if (tape->live.entries[i] == node)
            return i;
    return SIZE_MAX;
}

const char *tape_name(const struct tape *tape, uint32_t node)
{
    size_t entry = entry_of(tape, node);
    return entry == SIZE_MAX ? "" : tape->names.items[entry].text;
}

uint32_t tape_parent(const struct tape *tape, uint32_t node)
{
    size_t entry = entry_of(tape, node);
    return entry == SIZE_MAX ? IMAGE_NONE : tape->names.items[entry].dir;
}

uint32_t tape_make(struct tape *tape, uint32_t entry, bool is_dir)
{
    uint32_t node = (uint32_t)tape->live.node_count;
    image_node(&tape->live, node, is_dir);
    tape_set(tape, entry, node);
    return node;
}

void tape_set(struct tape *tape, uint32_t entry, uint32_t node)
{
    struct tape_op *op = add(tape, TAPE_SET);
    op->entry = entry;
    op->node = node;
    image_set(&tape->live, entry, node);
}

void tape_move(struct tape *tape, uint32_t from, uint32_t to)
{
    struct tape_op *op = add(tape, TAPE_MOVE);
    op->entry = to;
    op->entry_from = from;
    op->node = image_get(&tape->live, from);
    image_set(&tape->live, to, op->node);
    image_set(&tape->live, from, IMAGE_NONE);
}

void tape_write(struct tape *tape, uint32_t node, uint64_t offset, const void *bytes, size_t size)
{
    if (size == 0)
        return;
    struct tape_op *op = add(tape, TAPE_WRITE);
    op->node = node;
    op->offset = offset;
    op->size = size;
    if (!tape->is_deaf) {
        op->bytes = malloc(size);
        RH_ASSERT(op->bytes != NULL);
        memcpy(op->bytes, bytes, size);
    }
    image_write(&tape->live, node, offset, bytes, size);
}

void tape_truncate(struct tape *tape, uint32_t node, uint64_t size)
{
    struct tape_op *op = add(tape, TAPE_TRUNCATE);
    op->node = node;
    op->size = size;
    image_resize(&tape->live, node, size);
}

void tape_sync(struct tape *tape, uint32_t node)
{
    add(tape, TAPE_SYNC)->node = node;
}

void tape_mark(struct tape *tape, size_t mark, bool relaxes)
{
    struct tape_op *op = add(tape, TAPE_MARK);
    op->mark = mark;
    op->relaxes = relaxes;
}
