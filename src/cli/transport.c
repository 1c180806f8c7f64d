/* SPDX-License-Identifier: MIT */
#include "cli/transport.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"

#define FDS_MAX 8

struct rh_transport {
    CURLM *multi;
    const char *cacert;
};

/* ---- what libcurl asks ---- */

/* Bytes of a text before or behind the source's. */
static size_t take_text(const uint8_t *text, size_t size, uint64_t *at, char *out, size_t cap)
{
    size_t left = size - (size_t)*at;
    size_t count = left < cap ? left : cap;
    memcpy(out, text + *at, count);
    *at += count;
    return count;
}

static size_t on_read(char *out, size_t unit, size_t count, void *context)
{
    struct rh_call *call = context;
    size_t cap = unit * count;
    uint64_t at = call->given_bytes;
    uint64_t source_end = call->body_bytes - call->back_size;
    size_t got = 0;
    if (at < call->front_size) {
        got = take_text(call->front, call->front_size, &at, out, cap);
    } else if (at < source_end) {
        call->source_error = rh_source_read(&call->source, out, cap, &got);
        if (call->source_error != RH_OK)
            return CURL_READFUNC_ABORT;
    } else {
        at -= source_end;
        got = take_text(call->back, call->back_size, &at, out, cap);
    }
    call->given_bytes += got;
    return got;
}

/* "HTTP/1.1 200 OK": each answer begins with one, interim ones too. */
static bool read_status_line(struct rh_bytes line, uint16_t *status)
{
    if (!rh_bytes_starts_with(line, "HTTP/"))
        return false;
    size_t space = rh_bytes_find(line, ' ');
    if (line.size < space + 4)
        return false;
    uint64_t number;
    if (rh_bytes_parse_u64((struct rh_bytes){line.data + space + 1, 3}, &number) != RH_OK)
        return false;
    *status = (uint16_t)number;
    return true;
}

static size_t on_header_line(char *data, size_t unit, size_t count, void *context)
{
    struct rh_call *call = context;
    struct rh_bytes line = {(const uint8_t *)data, unit * count};
    while (line.size > 0 && (line.data[line.size - 1] == '\n' || line.data[line.size - 1] == '\r'))
        line.size--;
    if (read_status_line(line, &call->status)) {
        call->body_size = 0;
        call->on_status(call, call->status);
        return unit * count;
    }
    size_t colon = rh_bytes_find(line, ':');
    if (colon < line.size)
        call->on_header(
            call, (struct rh_bytes){line.data, colon},
            rh_bytes_trim((struct rh_bytes){line.data + colon + 1, line.size - colon - 1}));
    return unit * count;
}

static size_t on_body(char *data, size_t unit, size_t count, void *context)
{
    struct rh_call *call = context;
    size_t size = unit * count;
    size_t room = RH_CALL_BODY_KEPT - call->body_size;
    size_t kept = size < room ? size : room;
    memcpy(call->body + call->body_size, data, kept);
    call->body_size += kept;
    call->body[call->body_size] = '\0';
    return size;
}

static int on_progress(void *context, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
                       curl_off_t up)
{
    struct rh_call *call = context;
    (void)down_total;
    (void)down;
    (void)up_total;
    if (up > 0)
        call->sent_bytes = (uint64_t)up;
    return 0;
}

/* ---- calls ---- */

static struct curl_slist *header_list(const char *lines)
{
    /* Without it curl waits for a 100 before larger bodies. */
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");
    if (strstr(lines, "Content-Type:") == NULL) /* nor does it know the type of what it sends */
        list = curl_slist_append(list, "Content-Type:");
    char line[4096];
    while (*lines != '\0') {
        size_t size = strcspn(lines, "\r\n");
        if (size > 0 && size < sizeof line) {
            memcpy(line, lines, size);
            line[size] = '\0';
            list = curl_slist_append(list, line);
        }
        lines += size;
        lines += strspn(lines, "\r\n");
    }
    return list;
}

static void set_up(const struct rh_transport *transport, CURL *easy, struct rh_call *call)
{
    if (transport->cacert != NULL)
        curl_easy_setopt(easy, CURLOPT_CAINFO, transport->cacert);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
    curl_easy_setopt(easy, CURLOPT_URL, call->url);
#if LIBCURL_VERSION_NUM >= 0x075500
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, 262144L);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "reelhaul/" RH_VERSION);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, call->header_list);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header_line);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
    curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(easy, CURLOPT_XFERINFODATA, call);
    curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->why);
    if (strcmp(call->method, "HEAD") == 0) {
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    } else if (call->body_bytes != RH_SIZE_UNKNOWN) {
        curl_easy_setopt(easy, CURLOPT_POST, 1L);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body_bytes);
        curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
        curl_easy_setopt(easy, CURLOPT_READDATA, call);
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, call->method);
    } else if (strcmp(call->method, "GET") != 0) {
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, call->method);
    }
}

enum rh_error rh_transport_start(struct rh_transport *transport, struct rh_call *call)
{
    CURL *easy = curl_easy_init();
    if (easy == NULL)
        return RH_ERR_MEMORY;
    call->header_list = header_list(call->headers);
    set_up(transport, easy, call);
    if (curl_multi_add_handle(transport->multi, easy) != CURLM_OK) {
        curl_easy_cleanup(easy);
        return RH_ERR_MEMORY;
    }
    call->easy = easy;
    return RH_OK;
}

void rh_call_free(struct rh_transport *transport, struct rh_call *call)
{
    if (call == NULL)
        return;
    if (call->easy != NULL) {
        (void)curl_multi_remove_handle(transport->multi, call->easy);
        curl_easy_cleanup(call->easy);
    }
    curl_slist_free_all(call->header_list);
    if (call->has_source)
        rh_source_close(&call->source);
    if (call->headers != NULL) /* a token may be among them */
        memset(call->headers, 0, strlen(call->headers));
    free(call->headers);
    free(call->url);
    free(call->front);
    free(call->back);
    free(call);
}

/* ---- all of them ---- */

enum rh_error rh_transport_create(struct rh_transport **out, const char *cacert)
{
    *out = NULL;
    struct rh_transport *transport = calloc(1, sizeof *transport);
    if (transport == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        free(transport);
        return RH_ERR_MEMORY;
    }
    transport->cacert = cacert;
    transport->multi = curl_multi_init();
    if (transport->multi == NULL) {
        rh_transport_destroy(transport);
        return RH_ERR_MEMORY;
    }
    *out = transport;
    return RH_OK;
}

void rh_transport_destroy(struct rh_transport *transport)
{
    if (transport == NULL)
        return;
    (void)curl_multi_cleanup(transport->multi);
    curl_global_cleanup();
    free(transport);
}

void rh_transport_wait(struct rh_transport *transport, const int *fds, size_t count, int timeout_ms,
                       unsigned *ready)
{
    struct curl_waitfd waits[FDS_MAX] = {0};
    int running;
    RH_ASSERT(count <= FDS_MAX);
    for (size_t i = 0; i < count; i++) {
        waits[i].fd = fds[i];
        waits[i].events = CURL_WAIT_POLLIN;
    }
    *ready = 0;
    (void)curl_multi_perform(transport->multi, &running);
    (void)curl_multi_poll(transport->multi, waits, (unsigned)count, timeout_ms, NULL);
    for (size_t i = 0; i < count; i++)
        if (waits[i].revents != 0)
            *ready |= 1u << i;
    (void)curl_multi_perform(transport->multi, &running);
}

struct rh_call *rh_transport_finished(struct rh_transport *transport)
{
    int left;
    for (const CURLMsg *message; (message = curl_multi_info_read(transport->multi, &left));) {
        char *owner = NULL;
        if (message->msg != CURLMSG_DONE)
            continue;
        CURLcode code = message->data.result;
        (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &owner);
        struct rh_call *call = (struct rh_call *)(void *)owner;
        if (code != CURLE_OK) {
            call->status = 0; /* a cut answer is no answer */
            if (call->why[0] == '\0')
                (void)snprintf(call->why, sizeof call->why, "%s", curl_easy_strerror(code));
        }
        return call;
    }
    return NULL;
}
