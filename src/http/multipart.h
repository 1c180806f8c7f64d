/* SPDX-License-Identifier: MIT */
#ifndef REELHAUL_HTTP_MULTIPART_H
#define REELHAUL_HTTP_MULTIPART_H
/*
 * multipart/form-data, incremental and without allocation (RFC 7578, RFC 2046 5.1, and what
 * browsers send: WHATWG HTML 4.10.21.8). Content is handed out as spans of the input; only part
 * heads are copied. The events never depend on how the input was split, but for where data spans
 * are cut.
 *
 *   rh_multipart_init(), then for all body bytes rh_multipart_next() until RH_ERR_AGAIN, at the end
 * of the body rh_multipart_finish().
 */
#include <reelhaul/types.h>

#define RH_MULTIPART_BOUNDARY_MAX 70   /* RFC 2046 */
#define RH_MULTIPART_NAME_MAX     256  /* bytes of a field's name */
#define RH_MULTIPART_HEAD_BYTES   1024 /* default room for the headers of one part */
#define RH_MULTIPART_PREAMBLE_MAX 1024
#define RH_MULTIPART_PADDING_MAX  64 /* white space after a boundary */
#define RH_MULTIPART_FIELDS_MAX   64 /* default cap on fields of one form */

enum rh_multipart_kind {
    RH_MULTIPART_FIELD_BEGIN, /* name … content_type are set */
    RH_MULTIPART_DATA,        /* data is set, size > 0 */
    RH_MULTIPART_FIELD_END,   /* the field is whole */
    RH_MULTIPART_END,         /* the form is whole; comes once */
};

/*
 * Names and types point into the head memory and live until the call after FIELD_END. They are what
 * the sender wrote, without NUL but otherwise untrusted: names are valid UTF-8 and may hold '/', CR
 * or LF. `data` points into the input, or (a false start of a boundary) into the parser; it lives
 * until the next call.
 */
struct rh_multipart_event {
    enum rh_multipart_kind kind;
    struct rh_bytes name;
    struct rh_bytes filename; /* set only if has_filename */
    bool has_filename;
    struct rh_bytes content_type; /* empty if absent: text/plain */
    struct rh_bytes data;
};

/* Private. DELIMITER: a boundary was read, and what follows decides. */
enum rh_multipart_phase {
    RH_MULTIPART_PHASE_PREAMBLE,
    RH_MULTIPART_PHASE_DELIMITER,
    RH_MULTIPART_PHASE_PADDING,
    RH_MULTIPART_PHASE_PADDING_LF,
    RH_MULTIPART_PHASE_DASH,
    RH_MULTIPART_PHASE_HEAD,
    RH_MULTIPART_PHASE_DATA,
    RH_MULTIPART_PHASE_EPILOGUE,
    RH_MULTIPART_PHASE_FAILED,
};

/* Private; it is here so that the caller can own it. */
struct rh_multipart {
    enum rh_multipart_phase phase;
    uint8_t delimiter[4 + RH_MULTIPART_BOUNDARY_MAX]; /* CR LF "--" boundary */
    size_t delimiter_size;
    size_t matched; /* bytes of it that the input ended with */
    size_t implied; /* of them, those that were never in the input: a line began anyway */
    uint8_t *head;
    size_t head_cap;
    size_t head_size;
    size_t line_start;
    size_t field_count;
    size_t fields_max;
    size_t skipped; /* bytes of preamble, then of padding */
    bool cr;        /* the last byte of a part's head was CR: only LF may follow */
    struct rh_multipart_event field;
    bool has_disposition;
    bool has_type;
    bool has_encoding;
    enum rh_error error;
    const char *problem;
};

/*
 * `content_type` is the request's Content-Type value. `head` is the caller's memory for the headers
 * of one part. `fields_max` 0 means RH_MULTIPART_FIELDS_MAX. RH_ERR_UNKNOWN: not
 * multipart/form-data; RH_ERR_SYNTAX: no boundary, two, or one that RFC 2046 does not allow.
 */
enum rh_error rh_multipart_init(struct rh_multipart *m, struct rh_bytes content_type, uint8_t *head,
                                size_t head_cap, size_t fields_max);

/*
 * RH_OK: `*event` happened and `*used` bytes were used; call again with the rest. RH_ERR_AGAIN: all
 * of `in` was used (after END: ignored as epilogue). RH_ERR_SYNTAX: not a form; RH_ERR_LIMIT: a cap
 * was reached. Errors stay.
 */
enum rh_error rh_multipart_next(struct rh_multipart *m, struct rh_bytes in, size_t *used,
                                struct rh_multipart_event *event);

/*
 * At the end of the body: RH_OK if END was seen, RH_ERR_CLOSED if the form is truncated, or the
 * earlier error.
 */
enum rh_error rh_multipart_finish(const struct rh_multipart *m);

/* After an error: one English sentence. */
const char *rh_multipart_problem(const struct rh_multipart *m);

#endif
