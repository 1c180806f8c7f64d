/* SPDX-License-Identifier: MIT */
/*
 * The load generator: one sender for floors and server, so that both are measured by the same
 * client.
 *
 *   load raw|videos|tus[:PATH] PORT CONNECTIONS PART_BYTES PARTS [tls]
 *
 * Opens CONNECTIONS connections, each sends PARTS parts of PART_BYTES one after the other and waits
 * for the answer to each: `raw` speaks the floors' protocol, `videos` makes one upload per
 * connection (POST /api/v1/videos/init) and sends to POST /api/v1/videos/chunk with a CRC-64 of
 * each part, as our senders do; `tus` makes one upload per connection with a POST to PATH
 * ("/files/") and sends PATCHes. Setting up is not timed. Prints "SECONDS BYTES". Any answer but
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

enum dialect { RAW, VIDEOS, TUS };

static enum dialect dialect;
static const char *tus_path = "/files/";
static SSL_CTX *tls;
static uint16_t port;
static size_t part_bytes;
static uint64_t parts;
static char *part;
static char part_crc[16];
static pthread_barrier_t ready;

/* Reads one response: its head into `head`, its body is dropped. Ends the program unless it is a
 * 2xx. */
static void read_response(struct net_link *link, char *head, size_t cap)
{
    size_t size = 0;
    char *end = NULL;
    while (end == NULL) {
        net_check(size + 1 < cap, "response head too long");
        size_t got = net_recv_some(link, head + size, cap - 1 - size);
        net_check(got > 0, "recv response");
        size += got;
        head[size] = '\0';
        end = strstr(head, "\r\n\r\n");
    }
    const char *length_text = strcasestr(head, "\r\ncontent-length:");
    size_t length = length_text == NULL ? 0 : strtoul(length_text + 17, NULL, 10);
    size_t have = size - (size_t)(end + 4 - head);
    char rest[4096];
    while (have < length) {
        size_t left = length - have;
        size_t got = net_recv_some(link, rest, left < sizeof rest ? left : sizeof rest);
        net_check(got > 0, "recv response body");
        have += got;
    }
    if (strncmp(head, "HTTP/1.1 2", 10) != 0) {
        fprintf(stderr, "load: unexpected answer:\n%s\n", head);
        _exit(1);
    }
}

/* The value of a header of that response; ends the program where it is not there. */
static void take_header(const char *head, const char *name, char *value, size_t cap)
{
    const char *found = strcasestr(head, name);
    net_check(found != NULL, name);
    found += strlen(name);
    size_t size = strcspn(found, "\r");
    net_check(size < cap, "header too long");
    memcpy(value, found, size);
    value[size] = '\0';
}

/* Writes what names the upload: its id, or its path with tus. */
static void make_upload(struct net_link *link, char *name, size_t cap)
{
    char head[8192];
    char body[128] = "";
    int size = 0;
    int head_size;
    if (dialect == VIDEOS) {
        size = snprintf(body, sizeof body, "{\"mime_type\":\"video/webm\",\"size\":%" PRIu64 "}",
                        parts * part_bytes);
        head_size = snprintf(head, sizeof head,
                             "POST /api/v1/videos/init HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n"
                             "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
                             port, size, body);
    } else {
        head_size = snprintf(head, sizeof head,
                             "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nTus-Resumable: 1.0.0\r\n"
                             "Upload-Length: %" PRIu64 "\r\nContent-Length: 0\r\n\r\n",
                             tus_path, port, parts * part_bytes);
    }
    net_send_all(link, head, (size_t)head_size);
    read_response(link, head, sizeof head);
    if (dialect == VIDEOS) {
        take_header(head, "\r\nreelhaul-upload: ", name, cap);
        return;
    }
    char location[1024];
    take_header(head, "\r\nlocation: ", location, sizeof location);
    const char *path = strstr(location, "//");
    path = path == NULL ? location : strchr(path + 2, '/');
    net_check(path != NULL && strlen(path) < cap, "location");
    strcpy(name, path);
}

static void send_part_http(struct net_link *link, const char *name, uint64_t offset)
{
    char head[8192];
    int size;
    if (dialect == VIDEOS)
        size = snprintf(head, sizeof head,
                        "POST /api/v1/videos/chunk HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n"
                        "Content-Type: application/octet-stream\r\nContent-Length: %zu\r\n"
                        "Reelhaul-Upload: %s\r\nReelhaul-Offset: %" PRIu64
                        "\r\nReelhaul-Length: %zu\r\nReelhaul-Crc64: :%s:\r\n\r\n",
                        port, part_bytes, name, offset, part_bytes, part_crc);
    else
        size = snprintf(head, sizeof head,
                        "PATCH %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nTus-Resumable: 1.0.0\r\n"
                        "Content-Type: application/offset+octet-stream\r\n"
                        "Upload-Offset: %" PRIu64 "\r\nContent-Length: %zu\r\n\r\n",
                        name, port, offset, part_bytes);
    net_send_all(link, head, (size_t)size);
    net_send_all(link, part, part_bytes);
    read_response(link, head, sizeof head);
}

static void send_part_raw(struct net_link *link)
{
    char answer;
    uint64_t length = part_bytes;
    net_send_all(link, &length, sizeof length);
    net_send_all(link, part, part_bytes);
    net_check(net_recv_all(link, &answer, 1) == 1, "no answer");
}

static void *run(void *unused)
{
    char name[512];
    struct net_link link = net_connect(port, tls);
    (void)unused;
    if (dialect != RAW)
        make_upload(&link, name, sizeof name);
    pthread_barrier_wait(&ready);
    for (uint64_t i = 0; i < parts; i++) {
        if (dialect != RAW)
            send_part_http(&link, name, i * part_bytes);
        else
            send_part_raw(&link);
    }
    pthread_barrier_wait(&ready);
    net_close(&link);
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
    if (count != 6 && (count != 7 || strcmp(arguments[6], "tls") != 0)) {
        fprintf(stderr,
                "usage: load raw|videos|tus[:PATH] PORT CONNECTIONS PART_BYTES PARTS [tls]\n");
        return 2;
    }
    dialect = arguments[1][0] == 'r' ? RAW : arguments[1][0] == 'v' ? VIDEOS : TUS;
    if (strncmp(arguments[1], "tus:", 4) == 0)
        tus_path = arguments[1] + 4;
    tls = count == 7 ? net_client_tls() : NULL;
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
