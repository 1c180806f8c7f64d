/* SPDX-License-Identifier: MIT */
#include "vault/generation.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/hex.h"
#include "vault/catalog_copy.h"
#include "vault/files.h"

#define REBUILT      RH_CATALOG_FILE ".rebuild"
#define ORPHAN_AGE_S 86400 /* a crash's leftovers that are younger may still be somebody's work */
#define GENERATION   33
#define ASIDE_MAX    10000

static const char why_gone[] =
    "the catalog (reelhaul.db) is gone, but recordings or uploads are here. Bring it back, or have "
    "it made anew from the files: reelhaul fsck --rebuild";
static const char why_mixed[] =
    "reelhaul.db and reelhaul.witness are of different servers. Move the one that does not belong "
    "here out of the directory";
static const char why_newer[] = "it was written by a newer Reelhaul; update this one";
static const char why_damaged[] = "see whether the disk is full or the file is damaged; reelhaul "
                                  "fsck says more";

/* ---- Looking ---- */

static bool has_entries(int root, const char *path)
{
    int fd = openat(root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
    bool found = false;
    if (directory == NULL) {
        found = !rh_data_is_absent(errno); /* perhaps */
        if (fd >= 0)
            close(fd);
        return found;
    }
    for (const struct dirent *entry; !found && (entry = readdir(directory)) != NULL;)
        found = strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(directory);
    return found;
}

/* Something that a catalog should speak of. */
static bool has_remains(int root)
{
    return rh_data_exists(root, RH_WITNESS_FILE) || rh_data_exists(root, RH_CATALOG_FILE "-wal") ||
           rh_data_exists(root, REBUILT) || has_entries(root, "recordings") ||
           has_entries(root, "files") || has_entries(root, "incoming") ||
           has_entries(root, "uploaded_data");
}

static enum rh_error read_meta(struct rh_catalog *catalog, const uint8_t entropy[32],
                               struct rh_meta_row *meta)
{
    struct rh_read read = {.kind = RH_READ_META};
    struct rh_rows rows = {0};
    memcpy(read.entropy, entropy, sizeof read.entropy);
    catalog->ops->read(catalog, &read, &rows);
    *meta = rows.meta;
    enum rh_error error = rows.error;
    rh_rows_free(&rows);
    return error;
}

/* ---- The key ---- */

static bool read_key(int root, uint8_t key[16])
{
    char text[33] = "";
    int fd = openat(root, RH_KEY_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    bool fits = fd >= 0 && read(fd, text, 32) == 32 && rh_hex_decode(key, 16, text, 32) == 16;
    if (fd >= 0)
        close(fd);
    return fits;
}

static enum rh_error keep_key(int root, const uint8_t key[16])
{
    uint8_t there[16];
    char text[34];
    if (read_key(root, there) && memcmp(there, key, sizeof there) == 0)
        return RH_OK;
    (void)rh_hex_encode(text, sizeof text, key, 16);
    text[32] = '\n';
    int fd = openat(root, RH_KEY_FILE ".new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
                    0600);
    enum rh_error error = fd >= 0 ? rh_data_write_all(fd, text, 33, 0) : rh_data_error(errno);
    if (error == RH_OK && fsync(fd) != 0)
        error = rh_data_error(errno);
    if (fd >= 0)
        close(fd);
    if (error == RH_OK && renameat(root, RH_KEY_FILE ".new", root, RH_KEY_FILE) != 0)
        error = RH_ERR_IO;
    return error == RH_OK ? rh_data_sync_directory(root, ".") : error;
}

/* RH_OK with how it was opened; has_meta of the witness says whether it can be used. */
static enum rh_error decide(const struct rh_meta_row *meta, enum rh_error witness_error,
                            const struct rh_witnessed *w, struct rh_opening *opening)
{
    if (witness_error == RH_ERR_VERSION) {
        opening->why = why_newer;
        return witness_error;
    }
    if (witness_error != RH_OK && witness_error != RH_ERR_UNKNOWN && witness_error != RH_ERR_SYNTAX)
        return witness_error;
    if (witness_error != RH_OK || !w->has_meta) {
        opening->opened = RH_OPENED_UNWITNESSED;
        return RH_OK;
    }
    if (memcmp(w->meta.id_key, meta->id_key, sizeof meta->id_key) != 0) {
        opening->why = why_mixed;
        return RH_ERR_DENIED;
    }
    if (strcmp(w->meta.generation, meta->generation) != 0 || meta->sequence < w->summary.last)
        opening->opened = RH_OPENED_OLDER;
    else if (w->summary.is_copied)
        opening->opened = RH_OPENED_COPIED;
    else
        opening->opened = RH_OPENED_SAME;
    return RH_OK;
}

enum rh_error rh_generation_look(int root, struct rh_catalog *catalog, struct rh_opening *opening)
{
    static const uint8_t entropy[32];
    struct rh_meta_row meta;
    struct rh_witnessed w;
    enum rh_error error = read_meta(catalog, entropy, &meta);
    if (error != RH_OK)
        return error;
    error = decide(&meta, rh_witnessed_load(root, &w), &w, opening);
    rh_witnessed_finish(&w);
    return error;
}

/* ---- Opening ---- */

static void note(struct rh_opening *opening, enum rh_weight weight, const char *kind,
                 const char *path, const char *text)
{
    struct rh_finding finding = {
        .weight = weight, .kind = kind, .text = text, .path = path, .upload = ""};
    if (weight == RH_FOUND_PROBLEM)
        opening->early_problems++;
    if (opening->found != NULL)
        opening->found(opening->context, &finding);
}

static enum rh_error check(int root, struct rh_catalog *catalog, const struct rh_witnessed *w,
                           struct rh_opening *opening, bool repair, bool deep)
{
    struct rh_check_how how = {.root = root,
                               .catalog = catalog,
                               .repair = repair,
                               .deep = deep,
                               .witnessed = w,
                               .found = repair ? opening->found : NULL,
                               .context = opening->context};
    return rh_check_run(&how, &opening->totals);
}

static enum rh_error random_token(char out[GENERATION])
{
    uint8_t random[16];
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        return RH_ERR_IO;
    (void)rh_hex_encode(out, GENERATION, random, sizeof random);
    out[GENERATION - 1] = '\0';
    return RH_OK;
}

/* Another generation, and rows that say what the witness and the files prove. The token changes
 * first: where this is cut off, the next start finds a witness of another generation and begins
 * anew. */
static enum rh_error reconcile(int root, struct rh_catalog *catalog, const struct rh_witnessed *w,
                               struct rh_opening *opening, bool deep)
{
    char generation[GENERATION];
    enum rh_error error = random_token(generation);
    if (error == RH_OK)
        error = rh_check_merge(root, catalog, w, generation);
    return error == RH_OK ? check(root, catalog, w, opening, true, deep) : error;
}

static enum rh_error repair_same(int root, struct rh_catalog *catalog, struct rh_opening *opening)
{
    enum rh_error error = check(root, catalog, NULL, opening, false, !opening->quick);
    if (error != RH_OK)
        return error;
    if (opening->totals.problems == 0) /* again, to be heard */
        return check(root, catalog, NULL, opening, true, false);
    return reconcile(root, catalog, NULL, opening, !opening->quick);
}

static enum rh_error settle(int root, struct rh_catalog *catalog, struct rh_opening *opening)
{
    uint8_t entropy[32];
    struct rh_meta_row meta;
    struct rh_witnessed w = {0};
    if (getrandom(entropy, sizeof entropy, 0) != (ssize_t)sizeof entropy)
        return RH_ERR_IO;
    enum rh_error error = read_meta(catalog, entropy, &meta);
    if (error == RH_OK && opening->opened == RH_OPENED_NEW)
        return keep_key(root, meta.id_key);
    if (error != RH_OK)
        return error;
    error = decide(&meta, rh_witnessed_load(root, &w), &w, opening);
    if (error == RH_OK && opening->opened == RH_OPENED_SAME) {
        if (w.summary.is_damaged)
            note(
                opening, RH_FOUND_NOTE, "witness-damaged", RH_WITNESS_FILE,
                "the witness has a gap, as a power failure may leave; the catalog has all, and the "
                "witness is written anew");
        error = opening->repair ? repair_same(root, catalog, opening) : RH_OK;
    } else if (error == RH_OK) {
        if (w.summary.is_damaged && opening->opened == RH_OPENED_OLDER)
            note(opening, RH_FOUND_PROBLEM, "witness-damaged", RH_WITNESS_FILE,
                 "the witness is damaged: some acknowledged ranges are not known; their senders "
                 "are asked for them");
        error = reconcile(root, catalog, opening->opened == RH_OPENED_OLDER ? &w : NULL, opening,
                          opening->repair && !opening->quick);
    }
    rh_witnessed_finish(&w);
    return error == RH_OK ? keep_key(root, meta.id_key) : error;
}

static int open_root(const char *directory)
{
    return open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static enum rh_error open_sqlite(struct rh_catalog **out, const char *directory, const char *name,
                                 struct rh_opening *opening)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/%s", directory, name) >= (int)sizeof path)
        return RH_ERR_LIMIT;
    enum rh_error error = rh_catalog_sqlite_open(out, path);
    if (error != RH_OK)
        opening->why = error == RH_ERR_VERSION ? why_newer : why_damaged;
    return error;
}

enum rh_error rh_generation_open(struct rh_catalog **out, const char *directory,
                                 struct rh_opening *opening)
{
    uint8_t entropy[32] = {0}; /* the meta row is there by then */
    struct rh_catalog *catalog = NULL;
    int root = open_root(directory);
    opening->why = why_damaged;
    if (root < 0)
        return RH_ERR_IO;
    bool is_there;
    enum rh_error error = rh_data_find(root, RH_CATALOG_FILE, &is_there);
    bool is_new = error == RH_OK && !is_there; /* or it would be made */
    if (is_new && has_remains(root)) {
        opening->why = why_gone;
        error = RH_ERR_UNKNOWN;
    }
    if (is_new)
        opening->opened = RH_OPENED_NEW;
    if (error == RH_OK)
        error = open_sqlite(&catalog, directory, RH_CATALOG_FILE, opening);
    if (error == RH_OK)
        error = settle(root, catalog, opening);
    if (error == RH_OK && opening->opened == RH_OPENED_SAME && !opening->repair)
        opening->swept = rh_check_sweep(root, catalog, ORPHAN_AGE_S);
    if (error == RH_OK) {
        struct rh_catalog *inner = catalog;
        catalog = NULL;
        error = rh_catalog_witnessed_open(out, inner, root, entropy);
    }
    if (catalog != NULL)
        catalog->ops->close(catalog);
    close(root);
    return error;
}

/* ---- Rebuilding ---- */

static void remove_rebuilt(int root)
{
    (void)unlinkat(root, REBUILT, 0);
    (void)unlinkat(root, REBUILT "-wal", 0);
    (void)unlinkat(root, REBUILT "-shm", 0);
    (void)unlinkat(root, REBUILT "-journal", 0);
}

/* A sound catalog that could not be read just now is asked again, and not done without. */
static bool is_sound(const char *directory)
{
    char path[PATH_MAX];
    char why[256];
    return snprintf(path, sizeof path, "%s/" RH_CATALOG_FILE, directory) < (int)sizeof path &&
           rh_catalog_integrity(path, why, sizeof why) == RH_OK;
}

/* What is known of the unfinished uploads: the witness's word, else the old catalog's. */
static enum rh_error load_unfinished(int root, const char *directory, struct rh_witnessed *w,
                                     struct rh_opening *opening)
{
    struct rh_catalog *old = NULL;
    enum rh_error error = rh_witnessed_load(root, w);
    if (error == RH_ERR_VERSION)
        opening->why = why_newer;
    if (error == RH_OK && w->summary.is_damaged)
        note(opening, RH_FOUND_PROBLEM, "witness-damaged", RH_WITNESS_FILE,
             "the witness is damaged: some acknowledged ranges are not known; their senders are "
             "asked for them");
    if (error == RH_OK && w->has_meta)
        return RH_OK;
    if (error != RH_OK && error != RH_ERR_UNKNOWN && error != RH_ERR_SYNTAX)
        return error;
    rh_witnessed_finish(w);
    error = RH_ERR_UNKNOWN;
    if (rh_data_exists(root, RH_CATALOG_FILE))
        error = open_sqlite(&old, directory, RH_CATALOG_FILE, opening);
    if (error == RH_OK) {
        error = rh_witnessed_of_catalog(old, w);
        old->ops->close(old);
    }
    if (error == RH_OK) {
        note(opening, RH_FOUND_NOTE, "witness-missing", RH_WITNESS_FILE,
             "there is no usable witness; the old catalog is asked for the unfinished uploads");
        return RH_OK;
    }
    rh_witnessed_finish(w);
    if (error != RH_ERR_UNKNOWN && error != RH_ERR_SYNTAX && is_sound(directory))
        return error;
    note(opening, RH_FOUND_PROBLEM, "witness-missing", RH_WITNESS_FILE,
         "there is neither a usable witness nor a readable catalog: unfinished uploads are not "
         "known, their bytes go to aside/");
    return RH_OK;
}

static enum rh_error fill(int root, const char *directory, const struct rh_witnessed *w,
                          struct rh_opening *opening)
{
    struct rh_catalog *catalog = NULL;
    struct rh_meta_row meta;
    uint8_t entropy[32];
    if (getrandom(entropy, sizeof entropy, 0) != (ssize_t)sizeof entropy)
        return RH_ERR_IO;
    if (w->has_meta) /* ids that were given stay ours */
        memcpy(entropy + 16, w->meta.id_key, sizeof w->meta.id_key);
    else
        (void)read_key(root, entropy + 16);
    enum rh_error error = open_sqlite(&catalog, directory, REBUILT, opening);
    if (error != RH_OK)
        return error;
    error = read_meta(catalog, entropy, &meta);
    if (error == RH_OK)
        error = reconcile(root, catalog, w, opening, false);
    catalog->ops->close(catalog);
    if (error == RH_OK && rh_data_exists(root, REBUILT "-wal"))
        error = RH_ERR_IO; /* what it was closed into is not all of it */
    return error;
}

static void aside_names(int root, char catalog[64], char wal[64], char witness[64])
{
    for (unsigned i = 1; i < ASIDE_MAX; i++) {
        (void)snprintf(catalog, 64, RH_CATALOG_FILE ".aside-%u", i);
        (void)snprintf(wal, 64, RH_CATALOG_FILE ".aside-%u-wal", i);
        (void)snprintf(witness, 64, RH_WITNESS_FILE ".aside-%u", i);
        if (!rh_data_exists(root, catalog) && !rh_data_exists(root, wal) &&
            !rh_data_exists(root, witness))
            return;
    }
}

/* The new catalog takes the old one's place in one step; the old one keeps a name. A log without
 * its database must never lie beside another database: it goes first. */
static enum rh_error swap(int root)
{
    char catalog[64];
    char wal[64];
    char witness[64];
    aside_names(root, catalog, wal, witness);
    if (rh_data_exists(root, RH_WITNESS_FILE) &&
        linkat(root, RH_WITNESS_FILE, root, witness, 0) != 0)
        return RH_ERR_IO;
    if (rh_data_exists(root, RH_CATALOG_FILE) &&
        linkat(root, RH_CATALOG_FILE, root, catalog, 0) != 0)
        return RH_ERR_IO;
    if (rh_data_exists(root, RH_CATALOG_FILE "-wal") &&
        renameat(root, RH_CATALOG_FILE "-wal", root, wal) != 0)
        return RH_ERR_IO;
    (void)unlinkat(root, RH_CATALOG_FILE "-shm", 0);
    if (rh_data_sync_directory(root, ".") != RH_OK ||
        renameat(root, REBUILT, root, RH_CATALOG_FILE) != 0)
        return RH_ERR_IO;
    return rh_data_sync_directory(root, ".");
}

/* The witness of the new catalog: else the next start would take it for a restored one. */
static enum rh_error witness(int root, const char *directory, struct rh_opening *opening)
{
    uint8_t entropy[32] = {0};
    struct rh_catalog *inner = NULL;
    struct rh_catalog *catalog = NULL;
    enum rh_error error = open_sqlite(&inner, directory, RH_CATALOG_FILE, opening);
    if (error == RH_OK)
        error = rh_catalog_witnessed_open(&catalog, inner, root, entropy);
    if (error == RH_OK)
        catalog->ops->close(catalog);
    return error;
}

enum rh_error rh_generation_rebuild(const char *directory, struct rh_opening *opening)
{
    struct rh_witnessed w = {0};
    int root = open_root(directory);
    opening->why = why_damaged;
    if (root < 0)
        return RH_ERR_IO;
    remove_rebuilt(root);
    enum rh_error error = load_unfinished(root, directory, &w, opening);
    if (error == RH_OK)
        error = fill(root, directory, &w, opening);
    if (error == RH_OK)
        error = swap(root);
    if (error == RH_OK)
        error = witness(root, directory, opening);
    else
        remove_rebuilt(root);
    rh_witnessed_finish(&w);
    close(root);
    return error;
}
