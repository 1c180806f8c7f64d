/* SPDX-License-Identifier: MIT */
/*
 * The load generator: one sender for floors and server, so that both are measured by the same
 * client.
 *
 *   load raw|videos PORT CONNECTIONS PART_BYTES PARTS
 *
 * Opens CONNECTIONS connections, each sends PARTS parts of PART_BYTES one after the other and waits
 * for the answer to each: `raw` speaks the floors' protocol, `videos` makes one upload per
 * connection (POST /api/v1/videos/init) and sends to POST /api/v1/videos/chunk with a CRC-64 of
 * each part, as our senders do. Setting up is not timed. Prints "SECONDS BYTES". Any answer but
 * success ends it with a failure.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/bytes.h"
#include "base/crc64.h"
#include "net.h"

static int speaks_videos;
static uint16_t port;
static size_t part_bytes;
static uint64_t parts;
static char *part;
static char part_crc[16];
static pthread_barrier_t ready;

/* Reads one response: its head into `head`, its body is dropped. Ends the program unless it is a
 * 2xx. */
static void read_response(int fd, char *head, size_t cap)
{
    size_t size = 0;
    char *end = NULL;
    while (end == NULL) {
        net_check(size + 1 < cap, "response head too long");
        ssize_t got = recv(fd, head + size, cap - 1 - size, 0);
        net_check(got > 0, "recv response");
        size += (size_t)got;
        head[size] = '\0';
        end = strstr(head, "\r\n\r\n");
    }
    const char *length_text = strcasestr(head, "\r\ncontent-length:");
    size_t length = length_text == NULL ? 0 : strtoul(length_text + 17, NULL, 10);
    size_t have = size - (size_t)(end + 4 - head);
    char rest[4096];
    while (have < length) {
        ssize_t got = recv(fd, rest, length - have < sizeof rest ? length - have : sizeof rest, 0);
        net_check(got > 0, "recv response body");
        have += (size_t)got;
    }
    if (strncmp(head, "HTTP/1.1 2", 10) != 0) {
        fprintf(stderr, "load: unexpected answer:\n%s\n", head);
        _exit(1);
    }
}

static void make_upload(int fd, char *id, size_t cap)
{
    char head[8192];
    char body[128];
    int size = snprintf(body, sizeof body, "{\"mime_type\":\"video/webm\",\"size\":%" PRIu64 "}",
                        parts * part_bytes);
    int head_size = snprintf(head, sizeof head,
                             "POST /api/v1/videos/init HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n"
                             "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
                             port, size, body);
    net_send_all(fd, head, (size_t)head_size);
    read_response(fd, head, sizeof head);
    const char *found = strcasestr(head, "\r\nreelhaul-upload: ");
    net_check(found != NULL, "no Reelhaul-Upload header");
    size_t id_size = strcspn(found + 19, "\r");
    net_check(id_size < cap, "upload id too long");
    memcpy(id, found + 19, id_size);
    id[id_size] = '\0';
}

static void send_part_videos(int fd, const char *id, uint64_t offset)
{
    char head[8192];
    int size = snprintf(head, sizeof head,
                        "POST /api/v1/videos/chunk HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n"
                        "Content-Type: application/octet-stream\r\nContent-Length: %zu\r\n"
                        "Reelhaul-Upload: %s\r\nReelhaul-Offset: %" PRIu64
                        "\r\nReelhaul-Length: %zu\r\nReelhaul-Crc64: :%s:\r\n\r\n",
                        port, part_bytes, id, offset, part_bytes, part_crc);
    net_send_all(fd, head, (size_t)size);
    net_send_all(fd, part, part_bytes);
    read_response(fd, head, sizeof head);
}

static void send_part_raw(int fd)
{
    char answer;
    uint64_t length = part_bytes;
    net_send_all(fd, &length, sizeof length);
    net_send_all(fd, part, part_bytes);
    net_check(net_recv_all(fd, &answer, 1) == 1, "no answer");
}

static void *run(void *unused)
{
    char id[128];
    int fd = net_connect(port);
    (void)unused;
    if (speaks_videos)
        make_upload(fd, id, sizeof id);
    pthread_barrier_wait(&ready);
    for (uint64_t i = 0; i < parts; i++) {
        if (speaks_videos)
            send_part_videos(fd, id, i * part_bytes);
        else
            send_part_raw(fd);
    }
    pthread_barrier_wait(&ready);
    close(fd);
    return NULL;
}

static void fill_part(void)
{
    uint8_t bytes[8];
    uint64_t state = 0x9e3779b97f4a7c15u;
    part = malloc(part_bytes);
    net_check(part != NULL, "malloc");
    for (size_t i = 0; i < part_bytes; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        part[i] = (char)(state >> 56);
    }
    rh_be64_put(bytes, rh_crc64_update(0, part, part_bytes));
    ptrdiff_t size = rh_base64_encode(part_crc, sizeof part_crc - 1, bytes, sizeof bytes);
    net_check(size > 0, "base64");
    part_crc[size] = '\0';
}

int main(int count, char **arguments)
{
    pthread_t threads[1024];
    if (count != 6) {
        fprintf(stderr, "usage: load raw|videos PORT CONNECTIONS PART_BYTES PARTS\n");
        return 2;
    }
    speaks_videos = strcmp(arguments[1], "videos") == 0;
    port = (uint16_t)strtoul(arguments[2], NULL, 10);
    unsigned connections = (unsigned)strtoul(arguments[3], NULL, 10);
    part_bytes = strtoul(arguments[4], NULL, 10);
    parts = strtoul(arguments[5], NULL, 10);
    net_check(connections >= 1 && connections <= 1024 && part_bytes > 0 && parts > 0, "arguments");
    fill_part();
    pthread_barrier_init(&ready, NULL, connections + 1);
    for (unsigned i = 0; i < connections; i++)
        net_check(pthread_create(&threads[i], NULL, run, NULL) == 0, "pthread_create");
    pthread_barrier_wait(&ready);
    double start_s = net_now_s();
    pthread_barrier_wait(&ready);
    double end_s = net_now_s();
    for (unsigned i = 0; i < connections; i++)
        pthread_join(threads[i], NULL);
    printf("%.6f %" PRIu64 "\n", end_s - start_s, (uint64_t)connections * parts * part_bytes);
    free(part);
    return 0;
}
