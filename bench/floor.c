/* SPDX-License-Identifier: MIT */
/*
 * The floors that a server is measured against: nothing but what any server must do at the least.
 *
 *   floor discard|write|sync|seal DIR [CERTIFICATE KEY]
 *
 * listens on a free loopback port (printed), takes parts (8 bytes little-endian length, then the
 * bytes) on any number of connections and answers one byte for each: after receiving it (a:
 * discard), after pwrite (b: write), after pwrite and fdatasync (c: sync), the same of bytes that
 * come by TLS (d: seal). Each connection writes one file below DIR. Ends at end of standard input.
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

enum mode { DISCARD, WRITE, SYNC, SEAL };

static enum mode mode;
static const char *directory;
static SSL_CTX *tls;

static void take_part(struct net_link *link, int file, uint64_t *offset, uint64_t left, char *block)
{
    while (left > 0) {
        size_t got = net_recv_some(link, block, left < BLOCK_BYTES ? (size_t)left : BLOCK_BYTES);
        net_check(got > 0, "recv");
        if (mode != DISCARD)
            net_check(pwrite(file, block, got, (off_t)*offset) == (ssize_t)got, "pwrite");
        *offset += got;
        left -= got;
    }
    if (mode >= SYNC)
        net_check(fdatasync(file) == 0, "fdatasync");
}

static void *serve(void *argument)
{
    int fd = (int)(intptr_t)argument;
    struct net_link link = net_accepted(fd, tls);
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
    while (net_recv_all(&link, &length, sizeof length) == 1) {
        take_part(&link, file, &offset, length, block);
        net_send_all(&link, "k", 1);
    }
    if (file >= 0)
        close(file);
    net_close(&link);
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

static enum mode mode_named(const char *name)
{
    static const char *const names[] = {"discard", "write", "sync", "seal"};
    for (unsigned i = 0; i < 4; i++) {
        if (strcmp(name, names[i]) == 0)
            return (enum mode)i;
    }
    return DISCARD;
}

int main(int count, char **arguments)
{
    pthread_t thread;
    uint16_t port;
    mode = mode_named(count > 1 ? arguments[1] : "");
    if (count != (mode == SEAL ? 5 : 3)) {
        fprintf(stderr, "usage: floor discard|write|sync|seal DIR [CERTIFICATE KEY]\n");
        return 2;
    }
    directory = arguments[2];
    if (mode == SEAL)
        tls = net_server_tls(arguments[3], arguments[4]);
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
