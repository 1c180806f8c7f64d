/* SPDX-License-Identifier: MIT */
/*
 * Where parts begin and end. The delimiter is CR LF "--" boundary, and CR occurs in it only as its
 * first byte. So a false start can be given up without looking back: what was matched is data, and
 * the byte that did not match may at most be a new first byte. Nothing of the input needs to be
 * kept between calls, because what was matched is known: it is the delimiter's own beginning.
 */
#include "http/multipart.h"

#include <string.h>

#include "base/assert.h"
#include "http/multipart_private.h"

enum rh_error rh_multipart_fail(struct rh_multipart *m, enum rh_error error, const char *problem)
{
    m->phase = RH_MULTIPART_PHASE_FAILED;
    m->error = error;
    m->problem = problem;
    return error;
}

/*
 * A line begins here although no CR LF was read: the input's first line, or the first one after a
 * part's head.
 */
static void imply_line(struct rh_multipart *m)
{
    m->matched = 2;
    m->implied = 2;
}

enum rh_error rh_multipart_init(struct rh_multipart *m, struct rh_bytes content_type, uint8_t *head,
                                size_t head_cap, size_t fields_max)
{
    *m = (struct rh_multipart){
        .phase = RH_MULTIPART_PHASE_PREAMBLE,
        .head = head,
        .head_cap = head_cap,
        .fields_max = fields_max > 0 ? fields_max : RH_MULTIPART_FIELDS_MAX,
    };
    size_t boundary_size = 0;
    enum rh_error error = rh_multipart_boundary(content_type, m->delimiter + 4,
                                                sizeof m->delimiter - 4, &boundary_size);
    if (error != RH_OK) {
        return rh_multipart_fail(m, error, "Content-Type is not that of a form with a boundary.");
    }
    static const uint8_t start[4] = {'\r', '\n', '-', '-'};
    for (size_t i = 0; i < sizeof start; i++) {
        m->delimiter[i] = start[i];
    }
    m->delimiter_size = sizeof start + boundary_size;
    imply_line(m);
    return RH_OK;
}

/* How many bytes at the start of `in` continue the delimiter after its first `matched` ones. */
static size_t match(const struct rh_multipart *m, size_t matched, struct rh_bytes in)
{
    size_t count = 0;
    while (count < in.size && matched + count < m->delimiter_size &&
           in.data[count] == m->delimiter[matched + count]) {
        count++;
    }
    return count;
}

/*
 * Goes over content up to a delimiter, whole or begun at the end of `in`. Gives at most one span of
 * content: `data` (size 0: none). RH_OK: a whole delimiter was passed; RH_ERR_AGAIN: not yet, call
 * again while bytes are left.
 */
static enum rh_error scan(struct rh_multipart *m, struct rh_bytes in, size_t *used,
                          struct rh_bytes *data)
{
    *data = (struct rh_bytes){0};
    if (m->matched > 0) {
        size_t count = match(m, m->matched, in);
        m->matched += count;
        *used += count;
        if (m->matched == m->delimiter_size) {
            m->matched = 0;
            m->implied = 0;
            return RH_OK;
        }
        if (count < in.size) {
            *data = (struct rh_bytes){m->delimiter + m->implied, m->matched - m->implied};
            m->matched = 0;
            m->implied = 0;
        }
        return RH_ERR_AGAIN;
    }
    size_t at = 0;
    while (at < in.size) {
        const uint8_t *cr = memchr(in.data + at, '\r', in.size - at);
        if (cr == NULL) {
            at = in.size;
            break;
        }
        at = (size_t)(cr - in.data);
        size_t count = match(m, 0, (struct rh_bytes){cr, in.size - at});
        if (count == m->delimiter_size || count == in.size - at) {
            /* Begun or whole: the next call takes it up at its first byte. */
            m->matched = at == 0 ? 1 : 0;
            break;
        }
        at += count;
    }
    *data = (struct rh_bytes){in.data, at};
    *used += at + m->matched;
    return RH_ERR_AGAIN;
}

/* ---- phases; each takes at least one byte, or gives an event ---- */

static enum rh_error preamble(struct rh_multipart *m, struct rh_bytes in, size_t *used)
{
    struct rh_bytes skipped;
    enum rh_error error = scan(m, in, used, &skipped);
    m->skipped += skipped.size;
    if (m->skipped > RH_MULTIPART_PREAMBLE_MAX) {
        return rh_multipart_fail(m, RH_ERR_LIMIT, "The form does not start with its boundary.");
    }
    if (error == RH_OK) {
        m->phase = RH_MULTIPART_PHASE_DELIMITER;
    }
    return RH_ERR_AGAIN;
}

static enum rh_error data(struct rh_multipart *m, struct rh_bytes in, size_t *used,
                          struct rh_multipart_event *event)
{
    struct rh_bytes span;
    enum rh_error error = scan(m, in, used, &span);
    if (error == RH_OK) {
        m->phase = RH_MULTIPART_PHASE_DELIMITER;
        *event = m->field;
        event->kind = RH_MULTIPART_FIELD_END;
        return RH_OK;
    }
    if (span.size == 0) {
        return RH_ERR_AGAIN;
    }
    *event = m->field;
    event->kind = RH_MULTIPART_DATA;
    event->data = span;
    return RH_OK;
}

/*
 * What follows a boundary in its line. RFC 2046 forbids content lines that start with the boundary.
 */
static enum rh_error delimiter_byte(struct rh_multipart *m, uint8_t c)
{
    if (m->phase == RH_MULTIPART_PHASE_DELIMITER) {
        m->skipped = 0;
        if (c == '-') {
            m->phase = RH_MULTIPART_PHASE_DASH;
            return RH_ERR_AGAIN;
        }
        m->phase = RH_MULTIPART_PHASE_PADDING;
    }
    if (c == '\r') {
        m->phase = RH_MULTIPART_PHASE_PADDING_LF;
        return RH_ERR_AGAIN;
    }
    if (c != ' ' && c != '\t') {
        return rh_multipart_fail(m, RH_ERR_SYNTAX, "A line starts with the boundary and goes on.");
    }
    if (++m->skipped > RH_MULTIPART_PADDING_MAX) {
        return rh_multipart_fail(m, RH_ERR_LIMIT, "Too much white space follows a boundary.");
    }
    return RH_ERR_AGAIN;
}

static enum rh_error delimiter_lf_byte(struct rh_multipart *m, uint8_t c)
{
    if (c != '\n') {
        return rh_multipart_fail(m, RH_ERR_SYNTAX,
                                 "A carriage return is not followed by a line feed.");
    }
    if (m->field_count == m->fields_max) {
        return rh_multipart_fail(m, RH_ERR_LIMIT, "The form has too many fields.");
    }
    m->field_count++;
    m->phase = RH_MULTIPART_PHASE_HEAD;
    rh_multipart_head_begin(m);
    return RH_ERR_AGAIN;
}

static enum rh_error dash_byte(struct rh_multipart *m, uint8_t c, struct rh_multipart_event *event)
{
    if (c != '-') {
        return rh_multipart_fail(m, RH_ERR_SYNTAX, "A line starts with the boundary and goes on.");
    }
    m->phase = RH_MULTIPART_PHASE_EPILOGUE;
    *event = (struct rh_multipart_event){.kind = RH_MULTIPART_END};
    return RH_OK;
}

static enum rh_error head_byte(struct rh_multipart *m, uint8_t c, struct rh_multipart_event *event)
{
    enum rh_error error = rh_multipart_head_byte(m, c);
    if (error == RH_OK) {
        m->phase = RH_MULTIPART_PHASE_DATA;
        imply_line(m);
        *event = m->field;
        event->kind = RH_MULTIPART_FIELD_BEGIN;
    }
    return error;
}

static enum rh_error step(struct rh_multipart *m, struct rh_bytes in, size_t *used,
                          struct rh_multipart_event *event)
{
    switch (m->phase) {
    case RH_MULTIPART_PHASE_PREAMBLE:
        return preamble(m, in, used);
    case RH_MULTIPART_PHASE_DATA:
        return data(m, in, used, event);
    case RH_MULTIPART_PHASE_EPILOGUE:
        *used += in.size;
        return RH_ERR_AGAIN;
    default:
        break;
    }
    *used += 1;
    switch (m->phase) {
    case RH_MULTIPART_PHASE_DELIMITER:
    case RH_MULTIPART_PHASE_PADDING:
        return delimiter_byte(m, in.data[0]);
    case RH_MULTIPART_PHASE_PADDING_LF:
        return delimiter_lf_byte(m, in.data[0]);
    case RH_MULTIPART_PHASE_DASH:
        return dash_byte(m, in.data[0], event);
    default:
        RH_ASSERT(m->phase == RH_MULTIPART_PHASE_HEAD);
        return head_byte(m, in.data[0], event);
    }
}

enum rh_error rh_multipart_next(struct rh_multipart *m, struct rh_bytes in, size_t *used,
                                struct rh_multipart_event *event)
{
    *used = 0;
    *event = (struct rh_multipart_event){0};
    enum rh_error error = m->phase == RH_MULTIPART_PHASE_FAILED ? m->error : RH_ERR_AGAIN;
    while (error == RH_ERR_AGAIN && *used < in.size) {
        struct rh_bytes rest = {in.data + *used, in.size - *used};
        error = step(m, rest, used, event);
    }
    return error;
}

enum rh_error rh_multipart_finish(const struct rh_multipart *m)
{
    if (m->phase == RH_MULTIPART_PHASE_FAILED) {
        return m->error;
    }
    return m->phase == RH_MULTIPART_PHASE_EPILOGUE ? RH_OK : RH_ERR_CLOSED;
}

const char *rh_multipart_problem(const struct rh_multipart *m)
{
    return m->problem != NULL ? m->problem : "";
}
