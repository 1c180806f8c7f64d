/* SPDX-License-Identifier: MIT */
#ifndef REELHAUL_BASE_BYTES_H
#define REELHAUL_BASE_BYTES_H
/* Bytes: views over text that somebody else owns, a capped writer, numbers in text and in
 * little-endian. */
#include <reelhaul/types.h>

/*
 * A capped writer over memory that the caller provides and keeps alive. It never grows: a write
 * that does not fit returns RH_ERR_LIMIT and leaves the buffer exactly as it was, so a caller may
 * give up cleanly at any point.
 */
struct rh_buffer {
    uint8_t *data;
    size_t size; /* bytes written so far */
    size_t cap;  /* bytes that fit */
};

/* Points the buffer at `cap` bytes of `memory`, empty. */
void rh_buffer_init(struct rh_buffer *buffer, void *memory, size_t cap);

/* Appends; RH_OK or RH_ERR_LIMIT (then nothing was written). `data` may be NULL where `size` is 0.
 */
enum rh_error rh_buffer_put(struct rh_buffer *buffer, const void *data, size_t size);
enum rh_error rh_buffer_put_bytes(struct rh_buffer *buffer, struct rh_bytes bytes);
enum rh_error rh_buffer_put_str(struct rh_buffer *buffer, const char *text);
enum rh_error rh_buffer_put_byte(struct rh_buffer *buffer, uint8_t byte);
enum rh_error rh_buffer_put_u64(struct rh_buffer *buffer, uint64_t value); /* decimal digits */
enum rh_error rh_buffer_put_i64(struct rh_buffer *buffer,
                                int64_t value); /* decimal, '-' where negative */

/* What was written so far. Valid until the buffer's memory is changed. */
struct rh_bytes rh_buffer_bytes(const struct rh_buffer *buffer);

/* A view of a C string (without its NUL). NULL gives the empty view. */
struct rh_bytes rh_bytes_of(const char *text);

bool rh_bytes_equal(struct rh_bytes a, struct rh_bytes b);
bool rh_bytes_equal_str(struct rh_bytes a, const char *b);
/* The same, where the letters A-Z and a-z are the same (ASCII alone). */
bool rh_bytes_equal_nocase(struct rh_bytes a, struct rh_bytes b);
bool rh_bytes_starts_with(struct rh_bytes bytes, const char *prefix);

/* The view without the spaces and tabs at either end (OWS of RFC 9110). */
struct rh_bytes rh_bytes_trim(struct rh_bytes bytes);

/* Finds the first `byte`; its index, or bytes.size when absent. */
size_t rh_bytes_find(struct rh_bytes bytes, uint8_t byte);

/*
 * Strict decimal: one or more digits and nothing else. RH_ERR_SYNTAX for anything that is not
 * digits (also when empty), RH_ERR_RANGE beyond 2^64-1. `*out` is written on RH_OK only.
 */
enum rh_error rh_bytes_parse_u64(struct rh_bytes bytes, uint64_t *out);

uint16_t rh_le16_get(const uint8_t in[2]);
uint32_t rh_le32_get(const uint8_t in[4]);
uint64_t rh_le64_get(const uint8_t in[8]);
void rh_le16_put(uint8_t out[2], uint16_t value);
void rh_le32_put(uint8_t out[4], uint32_t value);
void rh_le64_put(uint8_t out[8], uint64_t value);
uint64_t rh_be64_get(const uint8_t in[8]);
void rh_be64_put(uint8_t out[8], uint64_t value);

#endif
