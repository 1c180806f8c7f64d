/* SPDX-License-Identifier: MIT */
#ifndef REELHAUL_CLI_CARE_H
#define REELHAUL_CLI_CARE_H
/* `reelhaul fsck` and `reelhaul backup`: looking after a data directory. Arguments are those behind
 * the command's name; the result is the exit status. */

/* Exit statuses: bits, those of fsck(8). */
enum rh_care_exit {
    RH_CARE_CLEAN = 0,
    RH_CARE_REPAIRED = 1, /* fsck: something was corrected */
    RH_CARE_PROBLEMS = 4, /* something is left that needs somebody */
    RH_CARE_FAILED = 8,   /* could not be done: in use, no room, not a data directory … */
    RH_CARE_USAGE = 16,   /* the command line makes no sense */
};

int rh_fsck_main(int argc, char **argv);
int rh_backup_main(int argc, char **argv);

#endif
