/* SPDX-License-Identifier: MIT */
#ifndef REELHAUL_CLI_PUSH_H
#define REELHAUL_CLI_PUSH_H
/* `reelhaul push`, `reelhaul watch` and `reelhaul status`. Arguments are those behind the command's
 * name; the result is the exit status (enum rh_exit). */

int rh_push_main(int argc, char **argv);
int rh_watch_main(int argc, char **argv);
int rh_status_main(int argc, char **argv);

#endif
