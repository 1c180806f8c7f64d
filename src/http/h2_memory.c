/* SPDX-License-Identifier: MIT */
/*
 * Memory of nghttp2. Each session has a block of 16 KiB for the frame that is being sent, of which
 * most connections only ever use the start. From the heap all of it would be resident, as such
 * blocks go where others were before; pages of its own cost what is touched of them.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "http/h2_private.h"

static void *pages_new(struct rh_h2 *h2, size_t size)
{
    void *pages;

    if (size < RH_H2_PAGES_MIN || h2->pages != NULL)
        return NULL;
    pages = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED)
        return NULL;
    h2->pages = pages;
    h2->pages_size = size;
    return pages;
}

static void *memory_new(size_t size, void *context)
{
    void *pages = pages_new(context, size);

    return pages != NULL ? pages : malloc(size);
}

static void *memory_new_zeroed(size_t count, size_t size, void *context)
{
    (void)context;
    return calloc(count, size);
}

static void memory_free(void *memory, void *context)
{
    struct rh_h2 *h2 = context;

    if (memory == NULL || memory != h2->pages) {
        free(memory);
        return;
    }
    (void)munmap(h2->pages, h2->pages_size);
    h2->pages = NULL;
}

static void *memory_resize(void *memory, size_t size, void *context)
{
    struct rh_h2 *h2 = context;
    void *moved;

    if (memory == NULL)
        return memory_new(size, context);
    if (memory != h2->pages)
        return realloc(memory, size);
    moved = malloc(size);
    if (moved == NULL)
        return NULL;
    memcpy(moved, memory, size < h2->pages_size ? size : h2->pages_size);
    memory_free(memory, context);
    return moved;
}

nghttp2_mem rh_h2_memory(struct rh_h2 *h2)
{
    return (nghttp2_mem){h2, memory_new, memory_free, memory_new_zeroed, memory_resize};
}
