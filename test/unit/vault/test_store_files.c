/* SPDX-License-Identifier: MIT */
#include "store_conformance.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct place {
    char directory[64];
};

static struct rh_store *open_at(const struct place *place)
{
    struct rh_store *store = NULL;
    return rh_store_files_open(&store, place->directory) == RH_OK ? store : NULL;
}

static struct rh_store *fresh(void *context)
{
    struct place *place = context;
    strcpy(place->directory, "/tmp/reelhaul-store-XXXXXX");
    return mkdtemp(place->directory) != NULL ? open_at(place) : NULL;
}

static struct rh_store *again(void *context, struct rh_store *store)
{
    store->ops->close(store);
    return open_at(context);
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status;
    (void)kind;
    (void)walk;
    return remove(path);
}

static void done(void *context, struct rh_store *store)
{
    const struct place *place = context;
    store->ops->close(store);
    (void)nftw(place->directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static size_t load(void *context, struct rh_store *store, const char *path, void *out, size_t cap)
{
    const struct place *place = context;
    struct stat status;
    char whole[768];
    (void)store;
    snprintf(whole, sizeof whole, "%s/%s", place->directory, path);
    int fd = open(whole, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return SIZE_MAX;
    size_t size = fstat(fd, &status) == 0 ? (size_t)status.st_size : SIZE_MAX;
    if (cap > 0 && read(fd, out, size < cap ? size : cap) < 0)
        size = SIZE_MAX;
    close(fd);
    return size;
}

int main(void)
{
    static struct place place;
    static const struct store_factory factory = {
        .context = &place, .fresh = fresh, .again = again, .done = done, .load = load};
    return store_conformance(&factory);
}
