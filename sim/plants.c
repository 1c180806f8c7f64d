/* SPDX-License-Identifier: MIT */
#include "plants.h"

#include <string.h>

#include "base/plant.h"

const char *const sim_plants[] = {
    "reply-before-commit",    /* src/vault/reply.c: nobody waits for the catalog */
    "ack-after-failed-sync",  /* src/vault/extents.c: a failed sync counts as one */
    "no-directory-sync",      /* store_model: names are not made durable */
    "overwrite-acknowledged", /* src/vault/write.c: acknowledged ranges are granted again */
    "takeover-undrained",     /* src/vault/write.c: the older writer is not waited for */
    "accept-stale-writer",    /* src/vault/write.c: an older lease number is let in */
    "expire-receipted",       /* src/vault/expiry.c: what was vouched for expires */
    "keep-different-bytes",   /* src/vault/written.c: what differs is taken as equal */
    "receipt-beyond-prefix",  /* src/vault/written.c: a broken body is vouched for as a whole */
    "forget-before-receipt",  /* src/engine/next.c: segments go without a receipt */
    "forget-unproven",        /* src/engine/next.c: all goes when the last part has left */
};
const size_t sim_plants_count = sizeof sim_plants / sizeof sim_plants[0];

static const char *planted;

bool sim_plant_known(const char *name)
{
    for (size_t i = 0; i < sim_plants_count; i++) {
        if (strcmp(sim_plants[i], name) == 0)
            return true;
    }
    return false;
}

void sim_plant_set(const char *name)
{
    planted = name;
}

#ifdef RH_PLANT
bool rh_planted(const char *name)
{
    return planted != NULL && strcmp(planted, name) == 0;
}
#endif
