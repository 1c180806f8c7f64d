/* SPDX-License-Identifier: MIT */
#ifndef SERVE_PLACES_H
#define SERVE_PLACES_H
/* Directories of a server: the data, which it locks, and the pages. */
#include "serve/config.h"

/*
 * Makes the data directory where it is missing, opens it and locks it for as long as `*lock` is
 * open, so that two servers never share it; the lock ends with the process, however it ends.
 * RH_ERR_EXISTS: another server has it; RH_ERR_IO; with a complaint.
 */
enum rh_error rh_places_data(const char *directory, int *data, int *lock,
                             char complaint[static RH_COMPLAINT_BYTES]);

/*
 * Opens the directory of the pages: `said`, or ./web, or share/reelhaul/web beside the binary's
 * directory. RH_ERR_UNKNOWN: none was said and none is there (`*pages` is -1); RH_ERR_IO: the one
 * that was said cannot be opened; with a complaint.
 */
enum rh_error rh_places_pages(const char *said, int *pages,
                              char complaint[static RH_COMPLAINT_BYTES]);

#endif
