/* SPDX-License-Identifier: MIT */
/*
 * The floors that a server is measured against: nothing but what any server must do at the least.
 *
 *   floor discard|write|sync DIR
 *
 * listens on a free loopback port (printed), takes parts (8 bytes little-endian length, then the
 * bytes) on any number of connections and answers one byte for each: after receiving it (a:
 * discard), after pwrite (b: write), after pwrite and fdatasync (c: sync). Each connection writes
 * one file below DIR. Ends at end of standard input.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net.h"

enum mode { DISCARD, WRITE, SYNC };

static enum mode mode;
static const char *directory;

static void take_part(int fd, int file, uint64_t *offset, uint64_t left, char *block)
{
    while (left > 0) {
        ssize_t got = recv(fd, block, left < BLOCK_BYTES ? (size_t)left : BLOCK_BYTES, 0);
        net_check(got > 0, "recv");
        if (mode != DISCARD)
            net_check(pwrite(file, block, (size_t)got, (off_t)*offset) == got, "pwrite");
        *offset += (uint64_t)got;
        left -= (uint64_t)got;
    }
    if (mode == SYNC)
        net_check(fdatasync(file) == 0, "fdatasync");
}

static void *serve(void *argument)
{
    int fd = (int)(intptr_t)argument;
    char path[4096];
    uint64_t length;
    uint64_t offset = 0;
    int file = -1;
    char *block = malloc(BLOCK_BYTES);
    net_check(block != NULL, "malloc");
    snprintf(path, sizeof path, "%s/floor-%d", directory, fd);
    if (mode != DISCARD) {
        file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        net_check(file >= 0, path);
    }
    while (net_recv_all(fd, &length, sizeof length) == 1) {
        take_part(fd, file, &offset, length, block);
        net_send_all(fd, "k", 1);
    }
    if (file >= 0)
        close(file);
    close(fd);
    free(block);
    return NULL;
}

static void *wait_for_end(void *unused)
{
    char byte;
    (void)unused;
    while (read(STDIN_FILENO, &byte, 1) > 0) {
    }
    _exit(0);
}

int main(int count, char **arguments)
{
    pthread_t thread;
    uint16_t port;
    if (count != 3) {
        fprintf(stderr, "usage: floor discard|write|sync DIR\n");
        return 2;
    }
    mode = strcmp(arguments[1], "sync") == 0 ? SYNC : arguments[1][0] == 'w' ? WRITE : DISCARD;
    directory = arguments[2];
    int listener = net_listen(&port);
    printf("%u\n", port);
    fflush(stdout);
    net_check(pthread_create(&thread, NULL, wait_for_end, NULL) == 0, "pthread_create");
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        if (fd < 0 && errno == EINTR)
            continue;
        net_check(fd >= 0, "accept");
        net_check(pthread_create(&thread, NULL, serve, (void *)(intptr_t)fd) == 0,
                  "pthread_create");
        pthread_detach(thread);
    }
}
