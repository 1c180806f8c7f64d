/* SPDX-License-Identifier: MIT */
#include "http/h2.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "http/h2_private.h"

/* ---- what a client may waste ---- */

static void budget_init(struct rh_h2_budget *budget, uint64_t most, uint64_t a_second)
{
    budget->milli = budget->milli_max = most * 1000;
    budget->per_ms = a_second;
}

static void budget_refill(struct rh_h2_budget *budget, rh_ms passed_ms)
{
    uint64_t missing = budget->milli_max - budget->milli;

    if (passed_ms > missing / budget->per_ms)
        budget->milli = budget->milli_max;
    else
        budget->milli += passed_ms * budget->per_ms;
}

/* False: it is used up. */
static bool budget_spend(struct rh_h2_budget *budget)
{
    if (budget->milli < 1000)
        return false;
    budget->milli -= 1000;
    return true;
}

/* Seen while sending, it waits for the next input: what is owed to others goes out first. */
static int flood(struct rh_h2 *h2)
{
    h2->flooded = true;
    return h2->receiving ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

/* ---- content ---- */

static void hand_out(struct rh_h2 *h2)
{
    struct rh_h2_stream *stream = h2->gathering;
    struct rh_bytes content = {h2->gathered, h2->gathered_size};

    h2->gathering = NULL;
    h2->gathered_size = 0;
    if (stream != NULL)
        h2->handler.content(h2->handler.context, stream, content);
}

static struct rh_h2_stream *find(struct rh_h2 *h2, int32_t id)
{
    return nghttp2_session_get_stream_user_data(h2->session, id);
}

/*
 * Frames are small, writes to a disk should not be: content of frames that came together is moved
 * together, over the frames' own heads in the input.
 */
static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
                   size_t size, void *context)
{
    struct rh_h2 *h2 = context;
    struct rh_h2_stream *stream = find(h2, id);

    (void)flags;
    if (stream == NULL || !stream->announced) {
        (void)nghttp2_session_consume(session, id, size);
        return 0;
    }
    if (h2->gathering != stream) {
        hand_out(h2);
        h2->gathering = stream;
        h2->gathered = (uint8_t *)(uintptr_t)data;
    } else {
        memmove(h2->gathered + h2->gathered_size, data, size);
    }
    h2->gathered_size += size;
    return 0;
}

void rh_h2_consume(struct rh_h2 *h2, struct rh_h2_stream *stream, size_t size)
{
    if (size == 0)
        return;
    if (stream->id == 0) {
        (void)nghttp2_session_consume_connection(h2->session, size);
        return;
    }
    (void)nghttp2_session_consume(h2->session, stream->id, size);
    if (stream->large || stream->over || stream->answered)
        return;
    stream->large = true;
    if (stream->request.body_length > RH_H2_WINDOW_FIRST)
        (void)nghttp2_session_set_local_window_size(h2->session, NGHTTP2_FLAG_NONE, stream->id,
                                                    RH_H2_WINDOW_LARGE);
}

/* ---- streams ---- */

static bool begins_request(const nghttp2_frame *frame)
{
    return frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST;
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
    struct rh_h2 *h2 = context;
    bool is_request = begins_request(frame);
    struct rh_h2_stream *stream;

    rh_h2_block_drop(h2);
    if (!rh_h2_block_begin(h2, is_request ? h2->limits.head_bytes_max : RH_H2_TRAILER_BYTES))
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    if (!is_request)
        return 0;
    stream = calloc(1, sizeof *stream);
    if (stream == NULL)
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    stream->id = frame->hd.stream_id;
    if (nghttp2_session_set_stream_user_data(session, stream->id, stream) != 0) {
        free(stream);
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    rh_list_append(&h2->unknown, &stream->link);
    return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_size, const uint8_t *value, size_t value_size, uint8_t flags,
                     void *context)
{
    struct rh_h2 *h2 = context;

    (void)session;
    (void)frame;
    (void)flags;
    if (h2->block != NULL)
        rh_h2_block_add(h2, (struct rh_bytes){name, name_size},
                        (struct rh_bytes){value, value_size});
    return 0;
}

/* Left alone it would be skipped, and another server might see it. */
static int on_invalid_header(nghttp2_session *session, const nghttp2_frame *frame,
                             const uint8_t *name, size_t name_size, const uint8_t *value,
                             size_t value_size, uint8_t flags, void *context)
{
    struct rh_h2 *h2 = context;

    (void)session;
    (void)frame;
    (void)name;
    (void)name_size;
    (void)value;
    (void)value_size;
    (void)flags;
    if (h2->block != NULL)
        h2->block->invalid = true;
    return 0;
}

static void body_ended(struct rh_h2 *h2, struct rh_h2_stream *stream)
{
    stream->over = true;
    hand_out(h2);
    h2->handler.end(h2->handler.context, stream);
}

static int head_came(struct rh_h2 *h2, struct rh_h2_stream *stream, bool is_last)
{
    enum rh_error error = rh_h2_head_finish(h2, stream, !is_last);

    rh_h2_block_drop(h2);
    if (error != RH_OK)
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    hand_out(h2);
    stream->announced = true;
    rh_list_remove(&stream->link);
    h2->handler.head(h2->handler.context, stream);
    if (is_last)
        body_ended(h2, stream);
    return 0;
}

static int trailers_came(struct rh_h2 *h2, struct rh_h2_stream *stream)
{
    enum rh_error error = rh_h2_trailers_finish(h2, stream);

    rh_h2_block_drop(h2);
    if (error == RH_ERR_MEMORY)
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    if (error != RH_OK)
        (void)nghttp2_submit_rst_stream(h2->session, NGHTTP2_FLAG_NONE, stream->id,
                                        NGHTTP2_PROTOCOL_ERROR);
    else
        body_ended(h2, stream);
    return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
    struct rh_h2 *h2 = context;
    struct rh_h2_stream *stream = find(h2, frame->hd.stream_id);
    bool is_last = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;

    (void)session;
    if (stream == NULL)
        return 0;
    if (begins_request(frame))
        return head_came(h2, stream, is_last);
    if (frame->hd.type == NGHTTP2_HEADERS && stream->announced)
        return trailers_came(h2, stream);
    if (frame->hd.type == NGHTTP2_DATA && is_last && stream->announced)
        body_ended(h2, stream);
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t code, void *context)
{
    struct rh_h2 *h2 = context;
    struct rh_h2_stream *stream = find(h2, id);
    bool is_done;

    (void)session;
    if (stream == NULL)
        return 0;
    is_done = stream->answered && stream->left == 0 && code == NGHTTP2_NO_ERROR;
    hand_out(h2);
    stream->id = 0;
    if (!stream->announced) {
        rh_list_remove(&stream->link);
        rh_h2_stream_free(stream);
    } else {
        h2->handler.gone(h2->handler.context, stream,
                         is_done                          ? RH_OK
                         : code == NGHTTP2_PROTOCOL_ERROR ? RH_ERR_SYNTAX
                                                          : RH_ERR_CLOSED);
    }
    /* Whoever resets what it began, or makes us do it, has us work for nothing. */
    if (code != NGHTTP2_NO_ERROR && !budget_spend(&h2->resets))
        return flood(h2);
    return 0;
}

/* Before a frame's content is looked at. */
static int on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *hd, void *context)
{
    struct rh_h2 *h2 = context;
    bool is_empty =
        hd->type == NGHTTP2_DATA && hd->length == 0 && (hd->flags & NGHTTP2_FLAG_END_STREAM) == 0;

    (void)session;
    if (hd->type == NGHTTP2_HEADERS)
        h2->continuations = 0;
    if (hd->type == NGHTTP2_CONTINUATION && ++h2->continuations > RH_H2_CONTINUATIONS_MAX)
        return flood(h2);
    if ((is_empty || (hd->type != NGHTTP2_DATA && hd->type != NGHTTP2_HEADERS)) &&
        !budget_spend(&h2->controls))
        return flood(h2);
    return 0;
}

static int on_sent(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
    struct rh_h2 *h2 = context;
    struct rh_h2_stream *stream = find(h2, frame->hd.stream_id);
    bool is_last = (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) &&
                   (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;

    /* What is sent may be answered with window updates: two streams and the connection. */
    if (frame->hd.type == NGHTTP2_DATA && h2->controls.milli + 4000 <= h2->controls.milli_max)
        h2->controls.milli += 4000;
    /* RFC 9113, 8.1: the answer is whole, and the rest of the request is not wanted. */
    if (is_last && stream != NULL && !stream->over)
        (void)nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, stream->id, NGHTTP2_NO_ERROR);
    return 0;
}

void rh_h2_stream_free(struct rh_h2_stream *stream)
{
    if (stream == NULL)
        return;
    free(stream->memory);
    free(stream->trailer_memory);
    free(stream);
}

/* ---- life ---- */

static nghttp2_session *make_session(struct rh_h2 *h2)
{
    nghttp2_session *session = NULL;
    nghttp2_session_callbacks *calls = NULL;
    nghttp2_option *options = NULL;

    if (nghttp2_session_callbacks_new(&calls) == 0 && nghttp2_option_new(&options) == 0) {
        nghttp2_session_callbacks_set_on_begin_frame_callback(calls, on_begin_frame);
        nghttp2_session_callbacks_set_on_begin_headers_callback(calls, on_begin_headers);
        nghttp2_session_callbacks_set_on_header_callback(calls, on_header);
        nghttp2_session_callbacks_set_on_invalid_header_callback(calls, on_invalid_header);
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(calls, on_data);
        nghttp2_session_callbacks_set_on_frame_recv_callback(calls, on_frame);
        nghttp2_session_callbacks_set_on_frame_send_callback(calls, on_sent);
        nghttp2_session_callbacks_set_on_stream_close_callback(calls, on_stream_close);
        nghttp2_option_set_no_auto_window_update(options, 1);
        nghttp2_option_set_no_closed_streams(options, 1);
        nghttp2_option_set_max_outbound_ack(options, 100);
        /* Connections here have few answers, so remembering their headers is not worth the memory.
         */
        nghttp2_option_set_max_deflate_dynamic_table_size(options, 0);
#ifdef RH_NGHTTP2_COUNTS_CONTINUATIONS
        /* It counts pieces of input, too: a client whose packets are small would be refused. */
        nghttp2_option_set_max_continuations(options, 1000);
#endif
        nghttp2_mem memory = rh_h2_memory(h2);

        /* Its functions and their context are copied. */
        if (nghttp2_session_server_new3(&session, calls, h2, options, &memory) != 0)
            session = NULL;
    }
    nghttp2_option_del(options);
    nghttp2_session_callbacks_del(calls);
    return session;
}

struct rh_h2 *rh_h2_create(const struct rh_h2_handler *handler, const struct rh_h2_limits *limits)
{
    struct rh_h2 *h2 = calloc(1, sizeof *h2);
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits->streams_max},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, RH_H2_WINDOW_FIRST},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)limits->head_bytes_max},
    };

    if (h2 == NULL)
        return NULL;
    h2->handler = *handler;
    h2->limits = *limits;
    rh_list_init(&h2->unknown);
    budget_init(&h2->resets, RH_H2_RESETS_MAX, RH_H2_RESETS_A_SEC);
    budget_init(&h2->controls, RH_H2_CONTROLS_MAX, RH_H2_CONTROLS_A_SEC);
    h2->session = make_session(h2);
    if (h2->session == NULL ||
        nghttp2_submit_settings(h2->session, NGHTTP2_FLAG_NONE, settings,
                                sizeof settings / sizeof settings[0]) != 0 ||
        nghttp2_session_set_local_window_size(h2->session, NGHTTP2_FLAG_NONE, 0,
                                              RH_H2_WINDOW_CONNECTION) != 0) {
        rh_h2_destroy(h2);
        return NULL;
    }
    return h2;
}

void rh_h2_destroy(struct rh_h2 *h2)
{
    if (h2 == NULL)
        return;
    nghttp2_session_del(h2->session);
    while (!rh_list_is_empty(&h2->unknown)) {
        struct rh_list *first = rh_list_first(&h2->unknown);

        rh_list_remove(first);
        rh_h2_stream_free(RH_LIST_ENTRY(first, struct rh_h2_stream, link));
    }
    rh_h2_block_drop(h2);
    free(h2);
}

/* ---- bytes ---- */

static enum rh_error give_up(struct rh_h2 *h2, ssize_t result)
{
    bool flooded = h2->flooded || result == NGHTTP2_ERR_FLOODED;

    h2->failed = true;
    (void)nghttp2_session_terminate_session(h2->session, flooded ? NGHTTP2_ENHANCE_YOUR_CALM
                                                         : result == NGHTTP2_ERR_CALLBACK_FAILURE
                                                             ? NGHTTP2_INTERNAL_ERROR
                                                             : NGHTTP2_PROTOCOL_ERROR);
    if (flooded)
        return RH_ERR_LIMIT;
    return result == NGHTTP2_ERR_NOMEM || result == NGHTTP2_ERR_CALLBACK_FAILURE ? RH_ERR_MEMORY
                                                                                 : RH_ERR_SYNTAX;
}

enum rh_error rh_h2_receive(struct rh_h2 *h2, uint8_t *data, size_t size, rh_ms now_ms)
{
    rh_ms passed_ms = now_ms > h2->now_ms ? now_ms - h2->now_ms : 0;
    ssize_t result;

    if (h2->failed)
        return RH_ERR_SYNTAX;
    budget_refill(&h2->resets, passed_ms);
    budget_refill(&h2->controls, passed_ms);
    h2->now_ms = now_ms;
    if (h2->flooded)
        return give_up(h2, NGHTTP2_ERR_FLOODED);
    h2->receiving = true;
    result = nghttp2_session_mem_recv(h2->session, data, size);
    h2->receiving = false;
    hand_out(h2);
    if (result < 0)
        return give_up(h2, result);
    RH_ASSERT((size_t)result == size);
    return RH_OK;
}

enum rh_error rh_h2_send(struct rh_h2 *h2, struct rh_bytes *bytes)
{
    const uint8_t *data = NULL;
    ssize_t size = nghttp2_session_mem_send(h2->session, &data);

    *bytes = (struct rh_bytes){data, size > 0 ? (size_t)size : 0};
    return size < 0 ? RH_ERR_MEMORY : RH_OK;
}

bool rh_h2_wants_send(const struct rh_h2 *h2)
{
    return nghttp2_session_want_write(h2->session) != 0;
}

bool rh_h2_is_over(const struct rh_h2 *h2)
{
    return !rh_h2_wants_send(h2) && (h2->failed || nghttp2_session_want_read(h2->session) == 0);
}

void rh_h2_reset(struct rh_h2 *h2, struct rh_h2_stream *stream)
{
    if (stream->id != 0)
        (void)nghttp2_submit_rst_stream(h2->session, NGHTTP2_FLAG_NONE, stream->id,
                                        NGHTTP2_INTERNAL_ERROR);
}

void rh_h2_refuse(struct rh_h2 *h2, struct rh_h2_stream *stream)
{
    if (stream->id != 0)
        (void)nghttp2_submit_rst_stream(h2->session, NGHTTP2_FLAG_NONE, stream->id,
                                        NGHTTP2_REFUSED_STREAM);
}

void rh_h2_goaway(struct rh_h2 *h2)
{
    (void)nghttp2_submit_goaway(h2->session, NGHTTP2_FLAG_NONE,
                                nghttp2_session_get_last_proc_stream_id(h2->session),
                                NGHTTP2_NO_ERROR, NULL, 0);
}
