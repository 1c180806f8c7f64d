/* SPDX-License-Identifier: MIT */
/* SQLite with its witness keeps every rule of a catalog. */
#include "catalog_conformance.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "vault/witness.h"

struct place {
    char directory[64];
    int root;
};

static struct rh_catalog *open_at(const struct place *place)
{
    char path[128];
    struct rh_catalog *inner = NULL;
    struct rh_catalog *catalog = NULL;
    uint8_t entropy[32];
    if (getrandom(entropy, sizeof entropy, 0) != (ssize_t)sizeof entropy)
        return NULL;
    snprintf(path, sizeof path, "%s/reelhaul.db", place->directory);
    if (rh_catalog_sqlite_open(&inner, path) != RH_OK ||
        rh_catalog_witnessed_open(&catalog, inner, place->root, entropy) != RH_OK)
        return NULL;
    return catalog;
}

static struct rh_catalog *fresh(void *context)
{
    struct place *place = context;
    strcpy(place->directory, "/tmp/reelhaul-witnessed-XXXXXX");
    if (mkdtemp(place->directory) == NULL)
        return NULL;
    place->root = open(place->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return open_at(place);
}

static struct rh_catalog *again(void *context, struct rh_catalog *catalog)
{
    catalog->ops->close(catalog);
    return open_at(context);
}

static void done(void *context, struct rh_catalog *catalog)
{
    static const char *names[] = {"reelhaul.db", "reelhaul.db-wal", "reelhaul.db-shm",
                                  RH_WITNESS_FILE};
    const struct place *place = context;
    catalog->ops->close(catalog);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        (void)unlinkat(place->root, names[i], 0);
    close(place->root);
    (void)rmdir(place->directory);
}

int main(void)
{
    static struct place place;
    static const struct catalog_factory factory = {
        .context = &place, .fresh = fresh, .again = again, .done = done};
    return catalog_conformance(&factory);
}
