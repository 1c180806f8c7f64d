/* SPDX-License-Identifier: MIT */
#include "serve/output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"

/* So that one fast reader does not keep the loop from the others. */
#define TURN_BYTES_MAX ((size_t)4 * 1024 * 1024)

void rh_output_begin(struct rh_output *output, struct rh_bytes head, struct rh_bytes body)
{
    memset(output, 0, sizeof *output);
    output->file = -1;
    output->head = head;
    output->body = body;
}

void rh_output_add_file(struct rh_output *output, int file, struct rh_range range)
{
    output->file = file;
    output->file_offset = range.offset;
    output->file_left = range.length;
}

void rh_output_finish(struct rh_output *output)
{
    free(output->kept);
    memset(output, 0, sizeof *output);
    output->file = -1;
}

static void advance(struct rh_bytes *bytes, size_t *sent)
{
    size_t n = *sent < bytes->size ? *sent : bytes->size;

    if (n == 0)
        return;
    bytes->data += n;
    bytes->size -= n;
    *sent -= n;
}

/* The head is in memory that others will write over: keep what did not go. */
static enum rh_error keep_head(struct rh_output *output)
{
    if (output->head.size == 0 || output->kept != NULL)
        return RH_ERR_AGAIN;
    output->kept = malloc(output->head.size);
    if (output->kept == NULL)
        return RH_ERR_CLOSED;
    memcpy(output->kept, output->head.data, output->head.size);
    output->head.data = output->kept;
    return RH_ERR_AGAIN;
}

static enum rh_error send_memory(struct rh_output *output, int socket, bool *progress)
{
    while (output->head.size + output->body.size > 0) {
        struct iovec parts[2] = {
            {.iov_base = (void *)(uintptr_t)output->head.data, .iov_len = output->head.size},
            {.iov_base = (void *)(uintptr_t)output->body.data, .iov_len = output->body.size},
        };
        struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
        int flags = MSG_NOSIGNAL | (output->file_left > 0 ? MSG_MORE : 0);
        ssize_t n = sendmsg(socket, &message, flags);
        size_t sent;

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return keep_head(output);
        if (n < 0)
            return RH_ERR_CLOSED;
        *progress = true;
        sent = (size_t)n;
        advance(&output->head, &sent);
        output->sent_bytes += sent;
        advance(&output->body, &sent);
    }
    return RH_OK;
}

static enum rh_error send_file(struct rh_output *output, int socket, bool *progress)
{
    size_t turn_left = TURN_BYTES_MAX;

    while (output->file_left > 0) {
        off_t offset = (off_t)output->file_offset;
        size_t want = output->file_left < turn_left ? (size_t)output->file_left : turn_left;
        ssize_t n;

        if (want == 0)
            return RH_ERR_AGAIN;
        n = sendfile(socket, output->file, &offset, want);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return RH_ERR_AGAIN;
        if (n < 0)
            return errno == EIO ? RH_ERR_IO : RH_ERR_CLOSED;
        if (n == 0)
            return RH_ERR_IO;
        *progress = true;
        output->file_offset += (uint64_t)n;
        output->file_left -= (uint64_t)n;
        output->sent_bytes += (uint64_t)n;
        turn_left -= (size_t)n;
    }
    return RH_OK;
}

/* ---- through TLS: everything is copied, so it goes in pieces that fit the scratch memory ---- */

/* The next piece of the answer; its size, or 0 at the end. RH_ERR_IO. */
static enum rh_error next_piece(struct rh_output *output, uint8_t *memory, size_t *size)
{
    struct rh_bytes *const sources[] = {&output->head, &output->body};
    struct rh_buffer piece;

    rh_buffer_init(&piece, memory, RH_TLS_WRITE_BYTES);
    for (size_t i = 0; i < 2; i++) {
        size_t n = sources[i]->size;

        if (n > piece.cap - piece.size)
            n = piece.cap - piece.size;
        RH_ASSERT(rh_buffer_put(&piece, sources[i]->data, n) == RH_OK);
        output->sent_bytes += i == 1 ? n : 0;
        advance(sources[i], &n);
    }
    while (output->file_left > 0 && piece.size < piece.cap) {
        size_t room = piece.cap - piece.size;
        size_t want = output->file_left < room ? (size_t)output->file_left : room;
        ssize_t n = pread(output->file, memory + piece.size, want, (off_t)output->file_offset);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return RH_ERR_IO;
        piece.size += (size_t)n;
        output->file_offset += (uint64_t)n;
        output->file_left -= (uint64_t)n;
        output->sent_bytes += (uint64_t)n;
    }
    *size = piece.size;
    return RH_OK;
}

static enum rh_error send_copied(struct rh_output *output, struct rh_transport *transport,
                                 uint8_t *memory, bool *progress)
{
    size_t turn_left = TURN_BYTES_MAX;

    while (output->head.size + output->body.size > 0 || output->file_left > 0) {
        size_t size = 0;
        enum rh_error error;

        if (rh_transport_is_full(transport) || turn_left < RH_TLS_WRITE_BYTES)
            return keep_head(output);
        error = next_piece(output, memory, &size);
        if (error == RH_OK)
            error = rh_transport_push(transport, (struct rh_bytes){memory, size});
        if (error != RH_OK)
            return error;
        *progress = true;
        turn_left -= size;
    }
    return rh_transport_is_full(transport) ? RH_ERR_AGAIN : RH_OK;
}

enum rh_error rh_output_send(struct rh_output *output, struct rh_transport *transport,
                             uint8_t *memory, bool *progress)
{
    enum rh_error error;

    *progress = false;
    error = rh_transport_flush(transport, progress);
    if (error == RH_ERR_AGAIN)
        return keep_head(output);
    if (error != RH_OK)
        return error;
    if (transport->tls != NULL)
        return send_copied(output, transport, memory, progress);
    error = send_memory(output, transport->fd, progress);
    if (error != RH_OK)
        return error;
    return send_file(output, transport->fd, progress);
}
