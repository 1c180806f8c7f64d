/* SPDX-License-Identifier: MIT */
#ifndef REELHAUL_FIELDS_SF_H
#define REELHAUL_FIELDS_SF_H
/*
 * Structured fields of RFC 9651: a pull parser and a writer, without allocation. Values point into
 * the text parsed, which must outlive them.
 *
 *     struct rh_sf sf;
 *     rh_sf_init(&sf, text);
 *     while (rh_sf_dict_next(&sf, &key, &value))   // or rh_sf_list_next(&sf, &value)
 *         while (rh_sf_param_next(&sf, &key2, &value2)) ...;
 *     if (rh_sf_end(&sf) != RH_OK) ...             // a broken field is ignored as a whole (RFC
 * 9651, section 4.2)
 *
 * Parameters and members of inner lists that the caller does not pull are skipped, and checked all
 * the same. A key that comes twice is handed out twice: the last one counts, so a caller that
 * simply overwrites is right.
 */
#include "base/bytes.h"

enum rh_sf_type {
    RH_SF_INTEGER,
    RH_SF_DECIMAL,
    RH_SF_STRING,
    RH_SF_TOKEN,
    RH_SF_BYTES,
    RH_SF_BOOLEAN,
    RH_SF_DATE,
    RH_SF_DISPLAY, /* its %-escapes are checked, the UTF-8 behind them is not */
    RH_SF_INNER_LIST,
};

struct rh_sf_value {
    enum rh_sf_type type;
    bool boolean;    /* RH_SF_BOOLEAN */
    int64_t integer; /* RH_SF_INTEGER; RH_SF_DATE in seconds; RH_SF_DECIMAL in thousandths */
    struct rh_bytes
        text; /* token as it is; string, byte sequence and display string between their delimiters,
                 still encoded: see rh_sf_string_copy and rh_sf_bytes_copy */
};

/* The parser. Private, but for `error`. */
struct rh_sf {
    struct rh_bytes text;
    size_t at;
    enum rh_error error; /* RH_OK, or RH_ERR_SYNTAX from the first fault on */
    uint8_t kind;        /* what the first call asked for: item, list or dictionary */
    uint8_t place;       /* inside an inner list or not */
};

#define RH_SF_INTEGER_MAX 999999999999999LL

void rh_sf_init(struct rh_sf *sf, struct rh_bytes text);

/* A field that is one item. False when the text is broken. Parameters may follow. */
bool rh_sf_item(struct rh_sf *sf, struct rh_sf_value *value);
/* The next member of a list, or of a dictionary. False at the end and when broken: rh_sf_end tells
 * which. */
bool rh_sf_list_next(struct rh_sf *sf, struct rh_sf_value *value);
bool rh_sf_dict_next(struct rh_sf *sf, struct rh_bytes *key, struct rh_sf_value *value);
/* After a value of type RH_SF_INNER_LIST: its next item. After each, rh_sf_param_next gives that
 * item's parameters. */
bool rh_sf_inner_next(struct rh_sf *sf, struct rh_sf_value *value);
/*
 * The next parameter of what was handed out last. The parameters of an inner list itself come once
 * rh_sf_inner_next has returned false. A parameter without a value is the boolean true.
 */
bool rh_sf_param_next(struct rh_sf *sf, struct rh_bytes *key, struct rh_sf_value *value);
/* Checks what is left (skipping what the caller did not pull). RH_OK when the whole text is
 * well-formed. */
enum rh_error rh_sf_end(struct rh_sf *sf);

/*
 * Unescapes a string into `out`. Returns its size, or RH_ERR_LIMIT when it does not fit,
 * RH_ERR_SYNTAX when the value is not a string. There is no NUL.
 */
ptrdiff_t rh_sf_string_copy(void *out, size_t cap, const struct rh_sf_value *value);
/* Decodes a byte sequence; the same results. Padding may be absent, as RFC 9651 asks parsers to
 * accept. */
ptrdiff_t rh_sf_bytes_copy(void *out, size_t cap, const struct rh_sf_value *value);

/* Fields that are one item of one type (parameters are ignored). RH_ERR_SYNTAX when broken or of
 * another type, RH_ERR_RANGE when an unsigned number is negative. */
enum rh_error rh_sf_parse_u64(struct rh_bytes text, uint64_t *out);
enum rh_error rh_sf_parse_boolean(struct rh_bytes text, bool *out);
enum rh_error rh_sf_parse_token(struct rh_bytes text, struct rh_bytes *out);

/* Writers. RH_ERR_LIMIT when it does not fit (the buffer is then unchanged), RH_ERR_RANGE or
 * RH_ERR_SYNTAX for a value that has no structured form (an integer of 16 digits, a string with a
 * control character, an empty token). */
enum rh_error rh_sf_put_integer(struct rh_buffer *buffer, int64_t value);
enum rh_error rh_sf_put_u64(struct rh_buffer *buffer, uint64_t value);
enum rh_error rh_sf_put_boolean(struct rh_buffer *buffer, bool value);
enum rh_error rh_sf_put_token(struct rh_buffer *buffer, struct rh_bytes token);
enum rh_error rh_sf_put_string(struct rh_buffer *buffer, struct rh_bytes text);
enum rh_error rh_sf_put_byte_sequence(struct rh_buffer *buffer, const void *data, size_t size);

#endif
