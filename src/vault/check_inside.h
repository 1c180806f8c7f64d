/* SPDX-License-Identifier: MIT */
#ifndef VAULT_CHECK_INSIDE_H
#define VAULT_CHECK_INSIDE_H
/* What the files of the check offer each other. */
#include "vault/check.h"
#include "vault/store_files_paths.h"

struct rh_check {
    const struct rh_check_how *how;
    struct rh_check_totals *totals;
    struct rh_meta_row meta;
    struct rh_batch batch; /* rows to be corrected */
    enum rh_error error;   /* the first that ends the check */
};

/* ---- check.c ---- */
/* A finding; fixable ones are REPAIRED where repairing is asked for. */
__attribute__((format(printf, 7, 8))) void rh_check_say(struct rh_check *, enum rh_weight,
                                                        const char *kind, const char *advice,
                                                        const char *path, const char *upload,
                                                        const char *format, ...);
/* REPAIRED where repairing is asked for, else PROBLEM. */
enum rh_weight rh_check_fixable(const struct rh_check *);
struct rh_change *rh_check_change(struct rh_check *, enum rh_change_kind, const char *upload);
void rh_check_put_rows(struct rh_check *, const struct rh_upload_rows *); /* erased before */
void rh_check_flush(struct rh_check *); /* commits the corrections so far */
void rh_check_target(const struct rh_upload_row *, struct rh_store_target *);
void rh_check_rows(struct rh_check *); /* every row against its bytes */

/* ---- check_files.c: files ---- */
/*
 * Here a file is not there where the system says so, and unreadable where the medium fails to give
 * its bytes. Anything else (no descriptors, no permission, no memory) proves nothing: it ends the
 * check (c->error), so that nothing acknowledged is forgotten for it.
 */
/* RH_ERR_UNKNOWN: not there, or not all of it. RH_ERR_IO: unreadable. */
enum rh_error rh_check_crc(struct rh_check *, const char *path, uint64_t offset, uint64_t length,
                           uint64_t *crc64);
/* Of a regular file; RH_SIZE_UNKNOWN: there is none. */
uint64_t rh_check_size(struct rh_check *, const char *path);
void rh_check_aside(struct rh_check *, const char *path);      /* moves it into aside/ */
void rh_check_aside_copy(struct rh_check *, const char *path); /* copies it there */
/* Calls `each` for the entries of a directory in the order of their names; none where it is not
 * there. Else an error says that they are not known. */
enum rh_error rh_check_entries(int root, const char *path,
                               void (*each)(void *context, const char *path, const char *name),
                               void *context);
void rh_check_orphans(struct rh_check *); /* incoming/, uploaded_data/ */
/* A whole small file, NUL-terminated, malloc'ed; NULL: not there, unreadable, or larger than a
 * companion is. */
enum rh_error rh_check_text(int root, const char *path, char **text);
/* Its sidecar; `fits`: there is one, and it is of this upload. */
enum rh_error rh_check_identity(int root, const char *upload, struct rh_upload_row *, bool *fits);
/* Whether a row may bear these: the vault refuses others. What a companion says may be anything. */
bool rh_check_names(const char *upload, const char *session, const char *name, const char *mime);

/* ---- check_object.c ---- */
void rh_check_objects(struct rh_check *); /* recordings/, files/ */

#endif
