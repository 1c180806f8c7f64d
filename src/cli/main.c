/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "cli/care.h"
#include "cli/push.h"
#include "serve/serve.h"

#define EXIT_USAGE 2

static const char help[] = "Usage: reelhaul COMMAND [flags]\n"
                           "\n"
                           "Recordings from the camera to safe storage.\n"
                           "\n"
                           "  serve       receive recordings and serve the recorder's pages\n"
                           "  push        send files, or standard input while it grows\n"
                           "  watch       send what appears in a folder\n"
                           "  status      list what waits to be sent\n"
                           "  backup      copy a data directory while its server runs\n"
                           "  fsck        check a data directory, repair or rebuild its catalog\n"
                           "\n"
                           "  --help      this text; reelhaul COMMAND --help says more\n"
                           "  --version   the version\n";

int main(int argc, char **argv)
{
    const char *command = argc > 1 ? argv[1] : "--help";

    if (strcmp(command, "serve") == 0)
        return rh_serve_main(argc - 2, argv + 2);
    if (strcmp(command, "push") == 0)
        return rh_push_main(argc - 2, argv + 2);
    if (strcmp(command, "watch") == 0)
        return rh_watch_main(argc - 2, argv + 2);
    if (strcmp(command, "status") == 0)
        return rh_status_main(argc - 2, argv + 2);
    if (strcmp(command, "backup") == 0)
        return rh_backup_main(argc - 2, argv + 2);
    if (strcmp(command, "fsck") == 0)
        return rh_fsck_main(argc - 2, argv + 2);
    if (strcmp(command, "--help") == 0 || strcmp(command, "-h") == 0) {
        fputs(help, stdout);
        return argc > 1 ? 0 : EXIT_USAGE;
    }
    if (strcmp(command, "--version") == 0) {
        puts("reelhaul " RH_VERSION);
        return 0;
    }
    fprintf(stderr, "reelhaul: %s is not a command. See reelhaul --help.\n", command);
    return EXIT_USAGE;
}
