/* SPDX-License-Identifier: MIT */
/*
 * WRITE, from the request to the grant. Everything here may run several times for one request:
 * after each wait it is checked from the start, because meanwhile anything may have happened.
 */
#include <string.h>

#include "base/bytes.h"
#include "base/id.h"
#include "base/plant.h"
#include "vault/inside.h"

#define UNKNOWN_LENGTH_RESERVE ((uint64_t)64 << 20) /* counted for a body of unknown length */

static bool is_chunk(const struct rh_vault_request *request)
{
    return request->chunk_index != RH_SIZE_UNKNOWN;
}

static uint64_t end_of(const struct rh_vault_request *request)
{
    return request->length == RH_SIZE_UNKNOWN ? UINT64_MAX : request->offset + request->length;
}

/* ---- Leaving ---- */

void rh_write_leave(struct rh_vault *v, struct rh_op *op)
{
    if (!rh_list_is_linked(&op->in_upload))
        return;
    rh_list_remove(&op->in_upload);
    rh_wake_all(v, &op->upload->turn_waiters, RH_OK);
    if (rh_list_is_empty(&op->upload->writers))
        rh_wake_all(v, &op->upload->idle_waiters, RH_OK);
}

void rh_write_end(struct rh_vault *v, struct rh_op *op, enum rh_reply_code code,
                  const char *message)
{
    RH_ASSERT(op->extent == NULL); /* it comes with the grant, after which nothing is refused */
    rh_reply(v, op, code, message);
}

static void revoke(struct rh_vault *v, struct rh_op *op)
{
    if (op->revoked)
        return;
    op->revoked = true;
    rh_queue_push(v, RH_DO_REVOKE)->u.revoke_op = op->request->op;
}

void rh_write_revoke(struct rh_vault *v, struct rh_upload *u, const struct rh_extent *extent)
{
    RH_LIST_EACH(node, &u->writers)
    {
        struct rh_op *op = RH_LIST_ENTRY(node, struct rh_op, in_upload);
        bool writes = op->extent != NULL && (extent == NULL || op->extent == extent);
        if (op->stage == RH_OP_GRANTED && (writes || u->deleting))
            revoke(v, op);
    }
}

/* ---- Checks that change nothing ---- */

/* How far bytes reach that are there or under way. */
uint64_t rh_write_reach(const struct rh_upload *u, const struct rh_op *except)
{
    uint64_t reach = rh_intervals_end(&u->acked);
    RH_LIST_EACH(node, &u->writers)
    {
        const struct rh_op *op = RH_LIST_ENTRY(node, struct rh_op, in_upload);
        uint64_t end = end_of(op->request);
        if (op == except || op->stage < RH_OP_GRANTED || op->stage >= RH_OP_APPLIED)
            continue;
        if (end == UINT64_MAX)
            end = op->request->offset;
        if (end > reach)
            reach = end;
    }
    return reach;
}

/* The total that this request declares, one way or the other. */
enum rh_reply_code rh_write_declared(const struct rh_vault_request *request, uint64_t *total)
{
    *total = request->total;
    if (!request->final || request->length == RH_SIZE_UNKNOWN)
        return RH_REPLY_OK;
    if (request->total != RH_SIZE_UNKNOWN && request->total != end_of(request))
        return RH_REPLY_TOTAL_CHANGED;
    *total = end_of(request);
    return RH_REPLY_OK;
}

static enum rh_reply_code check_total(const struct rh_vault *v, const struct rh_op *op,
                                      uint64_t *total)
{
    const struct rh_upload *u = op->upload;
    uint64_t declared;
    if (rh_write_declared(op->request, &declared) != RH_REPLY_OK)
        return RH_REPLY_TOTAL_CHANGED;
    *total = u->row.total;
    if (declared == RH_SIZE_UNKNOWN || declared == u->row.total)
        return RH_REPLY_OK;
    if (u->row.total != RH_SIZE_UNKNOWN)
        return RH_REPLY_TOTAL_CHANGED;
    if (declared > v->limits.upload_bytes_max)
        return RH_REPLY_TOO_LARGE;
    *total = declared;
    return rh_write_reach(u, op) > declared ? RH_REPLY_TOTAL_CHANGED : RH_REPLY_OK;
}

static enum rh_reply_code check_range(const struct rh_vault *v, const struct rh_op *op,
                                      uint64_t total)
{
    const struct rh_vault_request *request = op->request;
    bool known = request->length != RH_SIZE_UNKNOWN;
    if (known && request->length > UINT64_MAX - 1 - request->offset)
        return RH_REPLY_OUT_OF_RANGE;
    uint64_t end = known ? end_of(request) : request->offset;
    if (total != RH_SIZE_UNKNOWN && end > total)
        return RH_REPLY_OUT_OF_RANGE;
    return end > v->limits.upload_bytes_max ? RH_REPLY_TOO_LARGE : RH_REPLY_OK;
}

static enum rh_geometry geometry_of(const struct rh_vault_request *request)
{
    if (request->cursor)
        return RH_GEOMETRY_CURSOR;
    return is_chunk(request) ? RH_GEOMETRY_CHUNKS : RH_GEOMETRY_RANGES;
}

/* An upload nobody sent bytes of yet may take either geometry. */
static bool geometry_fits(const struct rh_op *op, enum rh_geometry geometry)
{
    const struct rh_upload *u = op->upload;
    if (u->row.geometry == geometry)
        return true;
    if (u->row.geometry == RH_GEOMETRY_CURSOR || geometry == RH_GEOMETRY_CURSOR)
        return false;
    if (u->row.state != RH_UPLOAD_OPEN || u->acked.count > 0 || u->chunk_count > 0)
        return false;
    return rh_list_is_empty(&u->writers);
}

static bool is_stale(const struct rh_op *op)
{
    const struct rh_upload_row *row = &op->upload->row;
    return !RH_PLANTED("accept-stale-writer") && op->request->lease[0] != '\0' &&
           strcmp(op->request->lease, row->lease) == 0 &&
           op->request->lease_number < row->lease_number;
}

static const char *message_of(enum rh_reply_code code)
{
    switch (code) {
    case RH_REPLY_TOTAL_CHANGED:
        return "the total differs from the one declared before, or from what has arrived";
    case RH_REPLY_OUT_OF_RANGE:
        return "this lies beyond the end of the video";
    default:
        return "larger than this server keeps";
    }
}

/* ---- What the request declares, once it is believed ---- */

void rh_write_note_lease(struct rh_vault *v, struct rh_op *op)
{
    struct rh_upload_row *row = &op->upload->row;
    /* Of a finished one too: an older writer is refused from now on, whatever it brings. */
    if (op->request->lease[0] == '\0' || row->state > RH_UPLOAD_DONE)
        return;
    if (strcmp(op->request->lease, row->lease) == 0 &&
        op->request->lease_number == row->lease_number)
        return;
    strcpy(row->lease, op->request->lease);
    row->lease_number = RH_PLANTED("forget-lease-number") ? 0 : op->request->lease_number;
    rh_commit_row(v, op->upload);
}

static void note_geometry(struct rh_vault *v, struct rh_op *op, enum rh_geometry geometry)
{
    struct rh_upload *u = op->upload;
    bool chunks_of_unnamed_type = geometry == RH_GEOMETRY_CHUNKS && u->row.mime[0] == '\0';
    if (u->row.state != RH_UPLOAD_OPEN || (u->row.geometry == geometry && !chunks_of_unnamed_type))
        return;
    u->row.geometry = geometry;
    /* The form dialect names no type: its document stores .webm. */
    if (u->row.mime[0] == '\0')
        strcpy(u->row.mime, op->request->mime[0] != '\0' ? op->request->mime : "video/webm");
    rh_commit_row(v, u);
}

static void note_total(struct rh_vault *v, struct rh_op *op, uint64_t total)
{
    if (op->upload->row.total == total)
        return;
    op->upload->row.total = total;
    rh_commit_row(v, op->upload);
}

/* ---- Taking turns ---- */

static bool overlap(const struct rh_op *a, const struct rh_op *b)
{
    const struct rh_vault_request *x = a->request;
    const struct rh_vault_request *y = b->request;
    RH_ASSERT(x->cursor == y->cursor);
    if (x->cursor)
        return true;
    RH_ASSERT(is_chunk(x) == is_chunk(y)); /* an upload has one geometry while it has writers */
    if (is_chunk(x))
        return x->chunk_index == y->chunk_index;
    return x->offset < end_of(y) && y->offset < end_of(x);
}

/* True: nobody else is at this range. False: op waits until somebody leaves. The newest wins: who
 * has not begun is sent away, who writes is stopped, and what it wrote is committed first. */
static bool take_turn(struct rh_vault *v, struct rh_op *op)
{
    struct rh_upload *u = op->upload;
    bool free_now = true;
    op->stage = RH_OP_TURN;
    if (!rh_list_is_linked(&op->in_upload))
        rh_list_append(&u->writers, &op->in_upload);
    RH_LIST_EACH_SAFE(node, &u->writers)
    {
        struct rh_op *other = RH_LIST_ENTRY(node, struct rh_op, in_upload);
        if (other == op || !overlap(op, other))
            continue;
        if (other->stage == RH_OP_TURN) {
            rh_list_remove(&other->in_upload);
            rh_write_end(v, other, RH_REPLY_SUPERSEDED, "a newer request took this range over");
            continue;
        }
        if (other->stage == RH_OP_GRANTED) {
            other->superseded = true;
            revoke(v, other);
        }
        free_now = free_now && RH_PLANTED("takeover-undrained");
    }
    if (!free_now)
        rh_wait(&u->turn_waiters, &op->waiter, rh_op_rerun);
    return free_now;
}

/* ---- The grant ---- */

static void add_span(struct rh_op_grant *grant, uint64_t offset, uint64_t length, bool compare)
{
    RH_ASSERT(grant->span_count < RH_GRANT_SPANS_MAX);
    grant->spans[grant->span_count++] =
        (struct rh_grant_span){.offset = offset, .length = length, .compare = compare};
}

/* Cuts the range at the borders of what is acknowledged. More pieces than a grant holds: the first
 * of them; the sender learns what is durable and sends the rest. */
static void plan_range(struct rh_op *op)
{
    const struct rh_upload *u = op->upload;
    const struct rh_vault_request *request = op->request;
    uint64_t at = request->offset;
    uint64_t end = end_of(request);
    struct rh_range piece;
    bool present;
    if (end == UINT64_MAX && u->row.total != RH_SIZE_UNKNOWN)
        end = u->row.total;
    while (rh_intervals_piece(&u->acked, &at, end, &piece, &present)) {
        if (op->grant.span_count == RH_GRANT_SPANS_MAX) {
            op->cut = true;
            return;
        }
        present = present && !RH_PLANTED("overwrite-acknowledged");
        bool endless = end == UINT64_MAX && at == end;
        add_span(&op->grant, piece.offset, endless ? RH_SIZE_UNKNOWN : piece.length, present);
    }
}

/* Bytes to be compared, and bytes to be written (RH_SIZE_UNKNOWN: nobody knows how many). */
static void weigh(const struct rh_op_grant *grant, uint64_t *compared, uint64_t *written)
{
    *compared = 0;
    *written = 0;
    for (size_t i = 0; i < grant->span_count; i++) {
        const struct rh_grant_span *span = &grant->spans[i];
        if (span->compare)
            *compared += span->length;
        else if (span->length == RH_SIZE_UNKNOWN)
            *written = RH_SIZE_UNKNOWN;
        else
            *written += span->length;
    }
}

/* How much of an endless body is taken at most. */
static uint64_t bound_of(const struct rh_vault *v, struct rh_op *op, uint64_t compared)
{
    const struct rh_upload *u = op->upload;
    uint64_t start =
        is_chunk(op->request) ? u->acked.bytes + u->waiting_bytes : op->request->offset;
    uint64_t room = v->limits.upload_bytes_max > start ? v->limits.upload_bytes_max - start : 0;
    uint64_t left = rh_space_left(v);
    op->short_of_space = left < room;
    return op->short_of_space ? left + compared : room;
}

/* Whether it may become one more interval. What goes on from one that is there never does, so that
 * a sender whose upload is in too many pieces can still fill the gaps from the front. */
static bool begins_apart(const struct rh_op *op)
{
    const struct rh_intervals *acked = &op->upload->acked;
    uint64_t offset = op->request->offset;
    size_t i = rh_intervals_find(acked, offset);
    bool touches = i > 0 && acked->items[i - 1].offset + acked->items[i - 1].length == offset;
    return offset > 0 && !touches && !op->grant.spans[0].compare;
}

static enum rh_reply_code admit_bytes(struct rh_vault *v, struct rh_op *op, uint64_t *reserve)
{
    const struct rh_upload *u = op->upload;
    uint64_t compared;
    uint64_t written;
    uint64_t left = rh_space_left(v);
    weigh(&op->grant, &compared, &written);
    *reserve = written;
    op->grant.bytes_max = compared + written;
    if (written == 0)
        return RH_REPLY_OK;
    if (!is_chunk(op->request) && begins_apart(op) &&
        u->acked.count + rh_list_count(&u->writers) > v->limits.intervals_max)
        return RH_REPLY_OVERLOADED;
    if (written == RH_SIZE_UNKNOWN) {
        op->grant.bytes_max = bound_of(v, op, compared);
        *reserve = left < UNKNOWN_LENGTH_RESERVE ? left : UNKNOWN_LENGTH_RESERVE;
        return left == 0 ? RH_REPLY_FULL : RH_REPLY_OK;
    }
    if (is_chunk(op->request) &&
        written > v->limits.upload_bytes_max - (u->acked.bytes + u->waiting_bytes))
        return RH_REPLY_TOO_LARGE;
    return written > left ? RH_REPLY_FULL : RH_REPLY_OK;
}

static void extent_opened(struct rh_vault *v, struct rh_waiter *waiter, enum rh_error error)
{
    struct rh_op *op = RH_LIST_ENTRY(waiter, struct rh_op, waiter);
    if (error == RH_OK)
        rh_op_run(v, op);
    else if (error == RH_ERR_UNKNOWN)
        rh_finish_lost(v, op->upload, error), rh_write_end(v, op, RH_REPLY_GONE, NULL);
    else
        rh_write_end(v, op, rh_reply_code_of(error), "the video's file could not be opened");
}

static bool has_gap(const struct rh_op_grant *grant)
{
    for (size_t i = 0; i < grant->span_count; i++) {
        if (!grant->spans[i].compare)
            return true;
    }
    return false;
}

static void give(struct rh_vault *v, struct rh_op *op)
{
    struct rh_op_grant *grant = &op->grant;
    size_t size = grant->span_count * sizeof *grant->spans;
    RH_ASSERT(op->spans == NULL);
    op->spans = rh_vault_alloc(size > 0 ? size : 1);
    memcpy(op->spans, grant->spans, size);
    grant->spans = op->spans;
    op->stage = RH_OP_GRANTED;
    if (grant->checkpoint)
        rh_cursor_granted(v, op);
    struct rh_grant *out = &rh_queue_push(v, RH_DO_GRANT)->u.grant;
    out->op = op->request->op;
    out->handle = grant->handle;
    memcpy(out->spans, grant->spans, size);
    out->span_count = grant->span_count;
    out->bytes_max = grant->bytes_max;
    out->checkpoint = grant->checkpoint;
}

static void grant(struct rh_vault *v, struct rh_op *op)
{
    struct rh_upload *u = op->upload;
    bool writes = has_gap(&op->grant);
    uint64_t reserve;
    if (writes && u->row.state != RH_UPLOAD_OPEN) {
        rh_write_end(v, op, RH_REPLY_STATE, "this video was finished without these bytes");
        return;
    }
    enum rh_reply_code code = admit_bytes(v, op, &reserve);
    if (code != RH_REPLY_OK) {
        rh_write_end(v, op, code,
                     code == RH_REPLY_FULL         ? "the server has no room"
                     : code == RH_REPLY_OVERLOADED ? "this video is in too many pieces"
                                                   : message_of(code));
        return;
    }
    if (writes) {
        uint64_t index = RH_EXTENT_IN_PLACE;
        if (is_chunk(op->request) && !op->in_place_chunk)
            index = op->request->chunk_index;
        struct rh_extent *extent = rh_extent_of(v, u, index);
        if (!rh_extent_hold(v, extent, &op->waiter, extent_opened))
            return;
        op->extent = extent;
        op->grant.handle = extent->handle;
        rh_space_reserve(v, op, reserve);
    }
    give(v, op);
}

/* ---- The two geometries ---- */

static bool admit_range(struct rh_vault *v, struct rh_op *op)
{
    uint64_t total;
    enum rh_reply_code code = check_total(v, op, &total);
    if (code == RH_REPLY_OK)
        code = check_range(v, op, total);
    if (code != RH_REPLY_OK) {
        rh_write_end(v, op, code, message_of(code));
        return false;
    }
    note_geometry(v, op, RH_GEOMETRY_RANGES);
    rh_write_note_lease(v, op);
    note_total(v, op, total);
    return true;
}

static void after_finish(struct rh_vault *v, struct rh_waiter *waiter, enum rh_error error)
{
    struct rh_op *op = RH_LIST_ENTRY(waiter, struct rh_op, waiter);
    if (error == RH_OK)
        rh_op_run(v, op);
    else
        rh_write_end(v, op, RH_REPLY_OVERLOADED, "the video is still being finished");
}

/* False: answered, or waiting. */
static bool admit(struct rh_vault *v, struct rh_op *op)
{
    struct rh_upload *u = op->upload;
    bool chunk = is_chunk(op->request);
    if (u->row.state > RH_UPLOAD_DONE) {
        rh_write_end(v, op, RH_REPLY_GONE, "this upload is no longer here");
        return false;
    }
    if (u->quieting || (u->finish != RH_FINISH_NO && u->row.state != RH_UPLOAD_DONE)) {
        rh_write_leave(v, op);
        rh_wait(&u->finish_waiters, &op->waiter, after_finish);
        return false;
    }
    if (chunk && u->session == NULL) {
        rh_write_end(v, op, RH_REPLY_STATE, "chunks by index need a session");
        return false;
    }
    if (!geometry_fits(op, geometry_of(op->request))) {
        rh_write_end(v, op, RH_REPLY_STATE,
                     u->row.geometry == RH_GEOMETRY_CURSOR || op->request->cursor
                         ? "this upload was begun in a protocol that sends its bytes otherwise"
                         : "this video is being sent by ranges and by chunks at once");
        return false;
    }
    if (is_stale(op)) {
        rh_write_end(v, op, RH_REPLY_STALE_WRITER, "a newer writer has this upload");
        return false;
    }
    rh_upload_touch(v, u);
    if (op->request->cursor)
        return rh_cursor_admit(v, op);
    if (!chunk)
        return admit_range(v, op);
    if (!rh_chunk_admit(v, op))
        return false;
    note_geometry(v, op, RH_GEOMETRY_CHUNKS);
    rh_write_note_lease(v, op);
    return true;
}

/* The form dialect has no CREATE: a video is made by its first chunk. */
static bool make_by_chunk(struct rh_vault *v, struct rh_op *op)
{
    const struct rh_vault_request *request = op->request;
    if (op->session == NULL || !is_chunk(request) ||
        rh_name_check(rh_bytes_of(request->name)) != RH_OK) {
        rh_reply(v, op, RH_REPLY_UNKNOWN, "no such upload");
        return false;
    }
    if (v->open_count >= v->limits.uploads_open_max) {
        rh_reply(v, op, RH_REPLY_OVERLOADED, "too many uploads are open");
        return false;
    }
    if (rh_space_left(v) == 0) {
        rh_reply(v, op, RH_REPLY_FULL, "the server has no room");
        return false;
    }
    rh_op_attach(op, rh_upload_new(v, op->session, request->name, request->entropy));
    return true;
}

void rh_write_run(struct rh_vault *v, struct rh_op *op)
{
    enum rh_found found = rh_upload_find(v, op);
    if (found == RH_WAITS || found == RH_ANSWERED)
        return;
    if (found == RH_ABSENT && !make_by_chunk(v, op))
        return;
    if (!admit(v, op) || !take_turn(v, op))
        return;
    op->grant = (struct rh_op_grant){.spans = v->plan};
    op->cut = false;
    if (op->request->cursor) {
        if (!rh_cursor_plan(v, op))
            return;
    } else if (is_chunk(op->request))
        rh_chunk_plan(v, op);
    else
        plan_range(op);
    grant(v, op);
}
