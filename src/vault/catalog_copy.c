/* SPDX-License-Identifier: MIT */
#include "vault/catalog_copy.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BUSY_MS 10000

/* Nothing is created, and the format is left as it is: the one who writes it may be an older
 * Reelhaul. */
static sqlite3 *open_existing(const char *path, char *why, size_t cap)
{
    sqlite3 *database = NULL;
    int code = sqlite3_open_v2(path, &database, SQLITE_OPEN_READWRITE, NULL);
    if (code != SQLITE_OK) {
        sqlite3_close(database);
        code = sqlite3_open_v2(path, &database, SQLITE_OPEN_READONLY, NULL);
    }
    if (code == SQLITE_OK) {
        sqlite3_busy_timeout(database, BUSY_MS);
        return database;
    }
    (void)snprintf(why, cap, "%s", sqlite3_errmsg(database));
    sqlite3_close(database);
    return NULL;
}

enum rh_error rh_catalog_copy(const char *from, const char *to, char *why, size_t cap)
{
    sqlite3_stmt *statement = NULL;
    (void)snprintf(why, cap, "there is no such file");
    if (access(from, F_OK) != 0)
        return errno == ENOENT ? RH_ERR_UNKNOWN : RH_ERR_IO;
    sqlite3 *database = open_existing(from, why, cap);
    if (database == NULL)
        return RH_ERR_IO;
    /* One read transaction: writers go on, and what they commit is not in it. */
    int code = sqlite3_prepare_v2(database, "VACUUM INTO ?1", -1, &statement, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_bind_text(statement, 1, to, -1, SQLITE_STATIC);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    if (code != SQLITE_DONE)
        (void)snprintf(why, cap, "%s", sqlite3_errmsg(database));
    sqlite3_finalize(statement);
    sqlite3_close(database);
    return code == SQLITE_DONE ? RH_OK : code == SQLITE_FULL ? RH_ERR_FULL : RH_ERR_IO;
}

enum rh_error rh_catalog_integrity(const char *path, char *why, size_t cap)
{
    sqlite3_stmt *statement = NULL;
    enum rh_error error = RH_ERR_IO;
    sqlite3 *database = open_existing(path, why, cap);
    if (database == NULL)
        return RH_ERR_IO;
    if (sqlite3_prepare_v2(database, "PRAGMA integrity_check(1)", -1, &statement, NULL) ==
            SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(statement, 0);
        error = text != NULL && strcmp(text, "ok") == 0 ? RH_OK : RH_ERR_CHECKSUM;
        (void)snprintf(why, cap, "%s", text != NULL ? text : "no answer");
    } else {
        (void)snprintf(why, cap, "%s", sqlite3_errmsg(database));
    }
    sqlite3_finalize(statement);
    sqlite3_close(database);
    return error;
}
