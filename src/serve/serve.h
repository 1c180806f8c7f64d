/* SPDX-License-Identifier: MIT */
#ifndef SERVE_SERVE_H
#define SERVE_SERVE_H
/*
 * `reelhaul serve`: arguments after "serve". Returns the exit status: 0 after a stop that was asked
 * for, 1 when it could not start, 2 for arguments that make no sense. (70, from deeper down: the
 * catalog could not be made durable.)
 */
int rh_serve_main(int argc, char *const *argv);

#endif
