/* SPDX-License-Identifier: MIT */
#include "catalog_conformance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct place {
    char directory[64];
    char path[96];
};

static struct rh_catalog *open_at(struct place *place)
{
    struct rh_catalog *catalog = NULL;
    return rh_catalog_sqlite_open(&catalog, place->path) == RH_OK ? catalog : NULL;
}

static struct rh_catalog *fresh(void *context)
{
    struct place *place = context;
    strcpy(place->directory, "/tmp/reelhaul-catalog-XXXXXX");
    if (mkdtemp(place->directory) == NULL)
        return NULL;
    snprintf(place->path, sizeof place->path, "%s/reelhaul.db", place->directory);
    return open_at(place);
}

static struct rh_catalog *again(void *context, struct rh_catalog *catalog)
{
    catalog->ops->close(catalog);
    return open_at(context);
}

static void done(void *context, struct rh_catalog *catalog)
{
    static const char *suffixes[] = {"", "-wal", "-shm", "-journal"};
    struct place *place = context;
    char path[128];
    catalog->ops->close(catalog);
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        snprintf(path, sizeof path, "%s%s", place->path, suffixes[i]);
        (void)unlink(path);
    }
    (void)rmdir(place->directory);
}

int main(void)
{
    static struct place place;
    static const struct catalog_factory factory = {
        .context = &place, .fresh = fresh, .again = again, .done = done};
    return catalog_conformance(&factory);
}
