/* SPDX-License-Identifier: MIT */
#ifndef TEST_CRASH_SHIM_H
#define TEST_CRASH_SHIM_H
/*
 * Stands between the program and the kernel: this executable defines the calls of libc that change
 * files, so they are taken here for the store and for libsqlite3.so alike. Each does what it says,
 * and is put on a tape while one is being recorded. One thread only.
 */
#include "tape.h"

/*
 * Not recorded: .lock says which process runs, for people, and nothing depends on it; *-shm is
 * SQLite's shared memory, which whoever opens the database first after a crash makes anew.
 */
bool shim_ignores(const char *name);

/* From now on all below tape->root is recorded; NULL: nothing is. */
void shim_record(struct tape *);

/*
 * Sabotages: the tape hears of fewer syncs, or of later ones, than the program made, just as if
 * the program had not made them. So the tests prove that they would see it.
 */
enum shim_sabotage {
    SHIM_HONEST = 0,
    SHIM_NO_DIRECTORY_SYNC,    /* fsync of a directory in the data directory does nothing */
    SHIM_NO_ROOT_SYNC,         /* … of the data directory itself */
    SHIM_NO_FOLDER_SYNC,       /* of recordings/ and uploaded_data/, that hold the new folders */
    SHIM_NO_PLACE_SYNC,        /* of the directory that holds the data directory */
    SHIM_NO_DATA_SYNC,         /* fdatasync of what is received does nothing */
    SHIM_NO_TEXT_SYNC,         /* fsync of *.tmp does nothing: renamed before it is there */
    SHIM_RENAME_BEFORE_SYNC,   /* a file's fsync comes after its rename */
    SHIM_COMMIT_BEFORE_SYNC,   /* fdatasync of what is received comes after the next commit */
    SHIM_RANGE_SYNC_IS_ENOUGH, /* what is received has sync_file_range alone */
    SHIM_NO_WITNESS_SYNC,      /* fdatasync of the witness does nothing */
    SHIM_SQLITE_NORMAL,        /* the catalog asks for synchronous = FULL and gets NORMAL */
    SHIM_SQLITE_OFF,           /* … and gets OFF */
    SHIM_SABOTAGES,
};

void shim_sabotage(enum shim_sabotage);
const char *shim_sabotage_name(enum shim_sabotage);

#endif
