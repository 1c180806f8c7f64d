/* SPDX-License-Identifier: MIT */
#include "plants.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/plant.h"
#include "reduce.h"

const struct sim_plant sim_plants[] = {
    /* src/vault/ */
    {"reply-before-commit", "nobody waits for the catalog", NULL},
    {"ack-after-failed-sync", "a failed fsync counts as one", "sync-fails,unsynced-lost"},
    {"retry-failed-sync", "a failed fsync is tried again, and believed",
     "sync-fails,unsynced-lost"},
    {"sync-after-failed-sync", "the next fsync of the same descriptor is believed",
     "sync-fails,disk-slow,catalog-slow,unsynced-lost"},
    {"no-directory-sync", "names are not made durable", NULL},
    {"overwrite-acknowledged", "acknowledged ranges are granted again", NULL},
    {"keep-different-bytes", "what differs is taken as equal", NULL},
    {"takeover-undrained", "the older writer's queued I/O is not waited for", NULL},
    {"accept-stale-writer", "an older lease number is let in", "tab-fight,slow=200"},
    {"forget-lease-number", "a lease's number is not kept", "tab-fight,slow=200"},
    {"expire-receipted", "what was vouched for expires",
     "expiry,network-down,receiver-days,sender-days"},
    {"age-by-wall-clock", "uploads age by the wall clock",
     "expiry,wall-jump,network-down,stall=200"},
    {"receipt-beyond-prefix", "a broken body is vouched for as a whole", "cut=200"},
    {"range-end-off-by-one", "the last byte of a range is not recorded", NULL},
    {"keep-joined-row", "the row of a range that was joined to another stays", NULL},
    {"keep-unchecked", "what came of a broken body counts, checked or not", "cut=200"},
    {"skip-body-checksum", "a body's checksum is not looked at", "flip-request=100"},
    {"accept-stale-offset", "waiting chunks are copied to where the first one went", NULL},
    {"drop-waiting-part", "the chunk after the one that was copied is removed", NULL},
    {"launder-rot", "a copied chunk's checksum is taken from the copy",
     "bit-rot,stall=300,drop=200"},
    {"rename-before-commit", "sealing does not wait for the catalog",
     "receiver-step,receiver-crash,receiver-kill,catalog-slow"},
    {"done-before-rename", "done is committed before sealing", NULL},
    {"seal-with-gap", "the end alone makes a video complete", NULL},
    {"complete-twice", "a finished video gives its name back", NULL},
    {"reuse-id", "each upload gets the same id", NULL},
    {"catalog-trusts-memory", "what a failed fsync left in memory is taken for durable",
     "sync-fails,commit-fails,unsynced-lost,receiver-crash"},
    {"catalog-sync-normal", "SQLite does not sync what it commits", "unsynced-lost,receiver-crash"},
    {"leak-hold", "a part that fails keeps its file open", NULL},
    /* src/engine/ */
    {"forget-before-receipt", "segments go without a receipt", NULL},
    {"forget-unproven", "all goes when the last part has left", NULL},
    {"trust-old-generation", "another generation's receipts are believed",
     "catalog-restore,pressure"},
    {"lose-retry-timer", "a retry is not woken for", NULL},
    {"busy-loop", "a failure is tried again at once", NULL},
    {"backoff-never-grows", "failures are not counted", NULL},
    {"ignore-retry-after", "Retry-After is not looked at", "storm,too-many"},
    {"too-many-parts", "two parts more than the policy allows", NULL},
    {"leak-slot", "a part that was taken keeps its slot", NULL},
    {"send-past-segment", "a part is one byte longer than what is spooled", NULL},
    {"two-methods", "what another method sends is sent here, too", "user-method"},
    {"metered-is-free", "nothing waits where bytes cost money", "metered"},
    /* the shell, sim/tab.c */
    {"reuse-epoch", "a tab takes the lease's number of the one before", NULL},
    {"forget-before-record", "bytes are deleted before the record is durable",
     "lax-ledger,sender-crash,sender-step"},
};
const size_t sim_plants_count = sizeof sim_plants / sizeof sim_plants[0];

static const char *planted;

const struct sim_plant *sim_plant_find(const char *name)
{
    for (size_t i = 0; i < sim_plants_count; i++) {
        if (strcmp(sim_plants[i].name, name) == 0)
            return &sim_plants[i];
    }
    return NULL;
}

void sim_plant_set(const char *name)
{
    planted = name;
}

/* Without the bug: then it is another one that was caught. */
static bool fails_anyway(const struct sim_case *trial)
{
    struct sim_result result;
    const char *name = planted;
    planted = NULL;
    bool answered = sim_case_try(trial, &result);
    planted = name;
    return !answered || result.failed;
}

bool sim_plant_hunt(const struct sim_plant *plant, uint64_t seed, uint64_t seeds)
{
    struct sim_result result;
    struct sim_case trial = {0};
    sim_plant_set(plant->name);
    if (plant->faults != NULL)
        strcpy(trial.faults, plant->faults);
    for (uint64_t i = 0; i < seeds; i++) {
        trial.seed = seed + i;
        bool answered = sim_case_try(&trial, &result);
        if ((answered && !result.failed) || fails_anyway(&trial))
            continue;
        printf("%-24s caught by seed %" PRIu64 ": %s\n", plant->name, trial.seed,
               answered ? result.failure : "the process ended");
        return true;
    }
    printf("%-24s NOT CAUGHT in %" PRIu64 " seeds: %s\n", plant->name, seeds, plant->what);
    return false;
}

#ifdef RH_PLANT
bool rh_planted(const char *name)
{
    return planted != NULL && strcmp(planted, name) == 0;
}
#endif
