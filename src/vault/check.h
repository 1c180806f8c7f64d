/* SPDX-License-Identifier: MIT */
#ifndef VAULT_CHECK_H
#define VAULT_CHECK_H
/*
 * Checks a catalog against the files of its data directory, both ways: every row against its bytes,
 * every file against the rows. Where it is asked to repair, it makes the rows say what the files
 * prove, and moves what no row vouches for into aside/; it never deletes and never overwrites a
 * file. It is what fsck runs, what a rebuilt catalog is filled by, and what a server runs before it
 * serves a restored one. Nobody else may use the directory meanwhile.
 *
 * The rules:
 *   - A finished file without a row becomes a finished upload, if its companion's size and checksum
 *     fit it; without a companion its own bytes are what is known of it. It takes its upload's id
 *     from its companion, or from the unfinished row of its name whose acknowledged bytes it holds.
 *   - A finished file and an unfinished row of another upload with its name: where the row has all
 *     its bytes, it wins, and the file goes aside; else the file wins, and the row is lost.
 *   - An acknowledged range whose bytes do not have its checksum counts as not sent: its sender is
 *     asked for it again. The file is copied to aside/ before.
 *   - A finished row whose file is gone is lost; one whose file is damaged is reported alone.
 */
#include "vault/catalog.h"
#include "vault/witness.h"

enum rh_weight {
    RH_FOUND_NOTE = 1, /* to be known; nothing to be done */
    RH_FOUND_REPAIRED,
    RH_FOUND_PROBLEM, /* left as it is */
};

struct rh_finding {
    enum rh_weight weight;
    const char *kind;   /* a word for programs: "object-missing"; static */
    const char *text;   /* a sentence for people */
    const char *advice; /* what to do; static; NULL: nothing */
    const char *path;   /* below the data directory; "": none */
    const char *upload; /* "": none */
};

struct rh_check_how {
    int root; /* the data directory */
    struct rh_catalog *catalog;
    bool repair;
    bool deep;                            /* read the bytes of finished uploads too… */
    const struct rh_witnessed *witnessed; /* …or of those alone that it speaks of; or NULL */
    void (*found)(void *context, const struct rh_finding *);
    void *context;
};

struct rh_check_totals {
    uint64_t sessions;
    uint64_t done;
    uint64_t open; /* and finishing */
    uint64_t other;
    uint64_t bytes_read;
    uint64_t notes;
    uint64_t repaired;
    uint64_t problems;
};

/* RH_ERR_IO, RH_ERR_FULL, RH_ERR_MEMORY: it could not be brought to its end. */
enum rh_error rh_check_run(const struct rh_check_how *, struct rh_check_totals *);

/*
 * Puts into the catalog what a witness knows and the catalog does not: the unfinished uploads as
 * they were last, and what was erased. A name that a witnessed upload bears is taken from any
 * other. Not yet checked against the bytes: rh_check_run does that. `generation` becomes the
 * catalog's in the same commit. The witness may be NULL.
 */
enum rh_error rh_check_merge(int root, struct rh_catalog *, const struct rh_witnessed *,
                             const char *generation);

/*
 * Removes waiting bytes that no row speaks of, older than `older_than_s` seconds: what a crash
 * between the erasing of a row and the removal of its file left. For catalogs alone that are known
 * to be the newest (generation.h). -> files removed.
 */
size_t rh_check_sweep(int root, struct rh_catalog *, int64_t older_than_s);

#endif
