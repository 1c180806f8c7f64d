/* SPDX-License-Identifier: MIT */
#ifndef VAULT_CATALOG_SQLITE_H
#define VAULT_CATALOG_SQLITE_H
/*
 * What catalog_sqlite.c asks of SQLite's layer for files (sqlite3_file_control) beside its own: to
 * make the database's name durable. A layer that does not know it has its files where POSIX has.
 */
#define RH_CATALOG_SYNC_NAME 0x5248

#endif
