/* SPDX-License-Identifier: MIT */
#ifndef REELHAUL_WIRE_DIALECT_H
#define REELHAUL_WIRE_DIALECT_H
/* What a dialect is, and what its file may use. Private to src/wire/. */
#include "base/bytes.h"
#include "fields/receipt.h"
#include "reelhaul/wire.h"

/* A request while it is written. All texts go into one buffer, one after the other; the first
 * failure stays. */
struct rh_wire_writer {
    struct rh_buffer text;
    size_t start; /* of the text that is being written */
    enum rh_error error;
};

struct rh_wire_dialect {
    const char *name;
    uint32_t traits;
    /* Fills method, path, headers and body. */
    void (*request)(struct rh_wire_writer *w, const struct rh_action *action,
                    const struct rh_wire_source *source, struct rh_wire_request *request);
    /* A field that the common reader does not know; NULL for none. */
    void (*header)(struct rh_wire_reply *reply, struct rh_bytes name, struct rh_bytes value);
    /* The outcome of a 2xx, once all fields were read. */
    enum rh_outcome (*success)(struct rh_wire_reply *reply);
    /* Of any other status that our own error codes do not explain: what the dialect says it means,
     * or NONE; NULL where it says nothing. */
    enum rh_outcome (*failure)(struct rh_wire_reply *reply);
    unsigned version; /* of the IETF's draft */
};

/* ---- writing ---- */
void rh_wire_put(struct rh_wire_writer *w, const char *text);
void rh_wire_put_bytes(struct rh_wire_writer *w, struct rh_bytes bytes);
void rh_wire_put_number(struct rh_wire_writer *w, uint64_t value);
/* A JSON string with its quotes; UTF-8 goes as it is. */
void rh_wire_put_json(struct rh_wire_writer *w, struct rh_bytes text);
/* Percent-encoded but for unreserved characters. */
void rh_wire_put_url(struct rh_wire_writer *w, struct rh_bytes text);
/* The text since the last cut; the next one starts here. */
struct rh_bytes rh_wire_cut(struct rh_wire_writer *w);
/* "Name: value\r\n" */
void rh_wire_field(struct rh_wire_writer *w, const char *name, const char *value);
void rh_wire_field_number(struct rh_wire_writer *w, const char *name, uint64_t value);
void rh_wire_field_crc64(struct rh_wire_writer *w, const char *name, uint64_t crc64);
/* Nothing where there are none. */
void rh_wire_field_slices(struct rh_wire_writer *w, const struct rh_send *send);
void rh_wire_field_writer(struct rh_wire_writer *w, const struct rh_wire_source *source);
void rh_wire_method(struct rh_wire_request *request, const char *method);
void rh_wire_fail(struct rh_wire_writer *w, enum rh_error error);

/* Names that go into paths and forms as they are: 1 to `max` of [A-Za-z0-9._~-]. */
bool rh_wire_name_fits(struct rh_bytes name, size_t max);
/* A media type that can stand in a header field. */
bool rh_wire_mime_fits(struct rh_bytes mime);
/* Printable ASCII and UTF-8 without controls. */
bool rh_wire_text_fits(struct rh_bytes text);
/* Text that could be one JSON object: braces at both ends, no control characters outside white
 * space. */
bool rh_wire_object_fits(struct rh_bytes text);

/* ---- resources: uploads with a URL of their own and one cursor ---- */
/* The remote name of such an upload is what Location said: a path, an address, or a name beside the
 * endpoint. With this mark in front its size is told at the end. */
#define RH_WIRE_DEFERRED '~'
bool rh_wire_deferred(const struct rh_send *send);
void rh_wire_endpoint(struct rh_wire_writer *w, const struct rh_wire_source *source,
                      struct rh_wire_request *request);
/* The upload's own address, as the request's path. */
void rh_wire_target(struct rh_wire_writer *w, const struct rh_send *send,
                    const struct rh_wire_source *source, struct rh_wire_request *request);
/* Content-Digest of a part, where its checksum is known (RFC 9530): who does not know the algorithm
 * passes over it. */
void rh_wire_field_digest(struct rh_wire_writer *w, const struct rh_send *send);
/* Upload-Offset, Upload-Length, Location. True: it was one of them. */
bool rh_wire_cursor_header(struct rh_wire_reply *reply, struct rh_bytes name,
                           struct rh_bytes value);
/* A server of ours has every byte, but has not made one object of them yet. */
bool rh_wire_finishing(const struct rh_wire_reply *reply);
/* The upload's name from Location, for the answer to a create. */
enum rh_outcome rh_wire_created(struct rh_wire_reply *reply, bool deferred);
/* The server has the bytes up to `end`, asked for, or those of this part: one ack, the receipt's
 * where it says the same. */
void rh_wire_cursor_acks(struct rh_wire_reply *reply, uint64_t from, uint64_t end);
/* The same for the answer to a part: OK, or SUPERSEDED where the cursor stands elsewhere. */
enum rh_outcome rh_wire_cursor_part(struct rh_wire_reply *reply, uint64_t end);

/* ---- reading ---- */
/* Adds an ack, if there is room. */
void rh_wire_ack(struct rh_wire_reply *reply, const struct rh_ack *ack);

#endif
