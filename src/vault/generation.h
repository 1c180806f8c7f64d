/* SPDX-License-Identifier: MIT */
#ifndef VAULT_GENERATION_H
#define VAULT_GENERATION_H
/*
 * Opening the catalog of a data directory, and what a server generation is: a token that every
 * answer carries (Reelhaul-Generation). It stays over restarts. It becomes a new one when the
 * catalog is not, or may not be, the one that the last server left: an older copy, a copy of the
 * whole directory, a rebuilt one. Senders that see a new generation ask what is there before they
 * trust receipts of the old one; and before such a catalog is served it is brought up to what the
 * witness and the files prove (check.h).
 *
 * How that is told: the catalog counts its commits, and the witness holds the count, the
 * generation, its own inode and time of birth. Equal, or the catalog ahead (the witness is synced
 * later): the same. Nobody else may use the directory meanwhile (the caller has its lock).
 */
#include "vault/check.h"

#define RH_CATALOG_FILE "reelhaul.db"
/* The key of upload ids once more, 32 hexadecimal digits: with catalog and witness gone, a rebuilt
 * catalog still knows the ids of finished files as its own. */
#define RH_KEY_FILE "reelhaul.key"

enum rh_opened {
    RH_OPENED_NEW = 1,     /* an empty directory */
    RH_OPENED_SAME,        /* what the last server left */
    RH_OPENED_OLDER,       /* behind the witness, or of another generation: restored */
    RH_OPENED_COPIED,      /* the directory is a copy */
    RH_OPENED_UNWITNESSED, /* no usable witness: a backup, or data of an older Reelhaul */
};

struct rh_opening {
    void (*found)(void *context, const struct rh_finding *); /* NULL: nobody listens */
    void *context;
    bool repair; /* repair it also where it is the same (fsck --repair)… */
    bool quick;  /* …without reading the bytes of finished uploads */
    /* The rest is the answer. */
    enum rh_opened opened;
    struct rh_check_totals totals;
    uint64_t early_problems; /* found before the check; not among its totals */
    size_t swept;            /* old orphans that were removed */
    const char *why;         /* static text for people, where it could not be opened */
};

/* RH_ERR_UNKNOWN: the catalog is gone while files are there; RH_ERR_VERSION; RH_ERR_DENIED: the
 * catalog and the witness are of different servers; RH_ERR_IO, RH_ERR_FULL, RH_ERR_MEMORY. */
enum rh_error rh_generation_open(struct rh_catalog **, const char *directory, struct rh_opening *);

/*
 * Makes the catalog anew from the witness and the files, beside the old one, which then is renamed
 * to reelhaul.db.aside-N and never deleted. Where there is no usable witness the old catalog is
 * asked for the unfinished uploads, if it can be read. A new generation. Errors as above; on any
 * the old catalog is in its place.
 */
enum rh_error rh_generation_rebuild(const char *directory, struct rh_opening *);

/* What rh_generation_open would find; changes nothing. `catalog` may be a copy of it elsewhere. */
enum rh_error rh_generation_look(int root, struct rh_catalog *, struct rh_opening *);

#endif
