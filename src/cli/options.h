/* SPDX-License-Identifier: MIT */
#ifndef REELHAUL_CLI_OPTIONS_H
#define REELHAUL_CLI_OPTIONS_H
/* The flags of `reelhaul push` and `reelhaul status`. */
#include "reelhaul/engine.h"

#define RH_SETS_MAX 32

/* Exit statuses, as --help documents them. */
enum rh_exit {
    RH_EXIT_OK = 0,
    RH_EXIT_FAILED = 1,   /* some uploads failed */
    RH_EXIT_USAGE = 2,    /* the command line makes no sense, or a file cannot be read */
    RH_EXIT_WAITING = 3,  /* stopped by a signal; the rest waits in the spool */
    RH_EXIT_TOKEN = 4,    /* the server wants a (new) token */
    RH_EXIT_SPOOL = 5,    /* the spool cannot be used */
    RH_EXIT_UNPROVEN = 6, /* all is sent, but the server cannot prove that it has all of it */
};

struct rh_options {
    const char *to; /* without a slash at its end; NULL: not said */
    const char *spool;
    const char *session; /* "new", an id, or NULL */
    const char *name;
    const char *mime;
    const char *token_file;
    const char *protocol; /* "auto", or the name of a dialect */
    const char *cacert;   /* a file of authorities, or NULL */
    bool trust_server;    /* its word is enough */
    bool watch;           /* `reelhaul watch`: the only file is a folder */
    bool remove;          /* files that are proven to be there */
    const char *cancel;   /* the id of an upload to give up */
    struct rh_policy policy;
    uint64_t limit_bytes_s; /* 0: none */
    uint64_t spool_bytes_max;
    bool json;
    bool quiet;
    char **files;
    int file_count;
};

extern const char rh_push_help[];
extern const char rh_status_help[];
extern const char rh_watch_help[];

enum rh_command { RH_COMMAND_PUSH, RH_COMMAND_STATUS, RH_COMMAND_WATCH };

/* Reads the arguments behind the command's name. RH_OK; RH_ERR_SYNTAX with a complaint that says
 * what to do; RH_ERR_EXISTS: --help was asked for. Texts point into argv. */
enum rh_error rh_options_read(struct rh_options *options, int argc, char **argv,
                              enum rh_command command, char *complaint, size_t complaint_size);

#endif
