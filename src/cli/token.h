/* SPDX-License-Identifier: MIT */
#ifndef REELHAUL_CLI_TOKEN_H
#define REELHAUL_CLI_TOKEN_H
/* The token that a server asks for: from a file or the environment, never from the command line,
 * where everybody could read it. */
#include "reelhaul/types.h"

/* `file` NULL: environment REELHAUL_TOKEN, or none: "". RH_OK; RH_ERR_SYNTAX: not one word of
 * printable ASCII, or too long; errors of files. */
enum rh_error rh_token_read(const char *file, char *out, size_t cap);

#endif
