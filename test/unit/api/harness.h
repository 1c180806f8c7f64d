/* SPDX-License-Identifier: MIT */
#ifndef TEST_API_HARNESS_H
#define TEST_API_HARNESS_H
/*
 * Runs exchanges without sockets: a request head goes through the real parser, a scripted vault
 * answers, a store keeps the bytes in memory. What the exchange did is left here to be looked at.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "api/api.h"
#include "base/rng.h"
#include "http/h1.h"

#define TEST_HOST    "127.0.0.1:5000"
#define TEST_SESSION "6f1c2b34-0000-4000-8000-00000000000a"
#define TEST_OTHER   "6f1c2b34-0000-4000-8000-00000000000b"
#define TEST_UPLOAD  "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA_-"
#define TEST_TOKEN   "correct horse battery"
#define TEST_DISK    ((size_t)4 << 20)

struct harness {
    struct rh_api_config config;
    struct rh_api api;
    struct rh_store store;
    uint8_t *disk;
    size_t disk_writes;
    size_t fail_at_write; /* which call of the store fails with write_error; 0: none */
    enum rh_error write_error;

    /* the scripted vault */
    /* Where set, it decides instead of all below: fills the (zeroed) reply, or says that h->grant
     * is given first; then it is asked again when what was written is reported. */
    void (*vault)(struct harness *h, struct rh_vault_reply *reply, bool *grant);
    void *vault_context;
    bool grants;           /* WRITEs get `grant` */
    struct rh_grant grant; /* of one open span unless a test says otherwise */
    enum rh_reply_code code;
    struct rh_vault_reply reply;    /* template; owned texts are copied */
    const char *metadata;           /* of the upload in replies to GET */
    size_t video_count;             /* in replies to SESSION_GET: copies of reply.upload */
    enum rh_reply_code second_code; /* of a second request in one exchange */
    size_t revoke_after;            /* body bytes taken before the vault revokes; 0: never */
    size_t break_after;             /* body bytes fed before the body breaks; SIZE_MAX: never */
    enum rh_error break_why;
    size_t split;          /* most bytes fed at once; 0: all */
    struct rh_rng *splits; /* random feeds, also of 0 bytes */
    void (*pause)(void);   /* round the harness's own allocations; NULL: nobody counts */
    void (*resume)(void);

    /* what happened */
    size_t informs;      /* 1xx answers */
    char inform[512];    /* the last: "104 Name: value; Name: value; " */
    char informed[4096]; /* all of them, a line each */
    struct rh_exchange *x;
    size_t asks;
    struct rh_vault_request asked; /* the last; its metadata is asked_metadata */
    char *asked_metadata;
    bool waiting;
    bool granted;
    size_t reports;
    struct rh_written written;
    size_t fed;
    bool ended;

    struct rh_h1 h1;
    uint8_t head[16384];
    struct rh_header headers[100];
    char raw[32768];
};

void harness_open(struct harness *h);
void harness_close(struct harness *h);
void harness_auth(struct harness *h); /* --auth token with TEST_TOKEN */

/* Begins an exchange; `extra` are more header lines, each with CRLF. No Content-Length is added. */
void harness_begin(struct harness *h, const char *method, const char *target, const char *extra);
/* Obeys the exchange until it wants to respond, or to serve a file. */
void harness_run(struct harness *h, const void *body, size_t size);
/* Begin with a fitting Content-Length (none for NULL), run, and give the status (1: a file). */
unsigned harness_send(struct harness *h, const char *method, const char *target, const char *extra,
                      const void *body, size_t size);
unsigned harness_get(struct harness *h, const char *target);
unsigned harness_post_json(struct harness *h, const char *target, const char *json);

unsigned harness_status(const struct harness *h);
/* Value of a header of the response, or NULL; the text lives until the next call. */
const char *harness_header(const struct harness *h, const char *name);
/* The parsed body; the caller frees it. NULL: it is no JSON. */
json_t *harness_json(const struct harness *h);
const char *harness_body(const struct harness *h); /* "" when there is none */
/* An error answer: status, code in the JSON and in the header, message and hint well-formed. */
void harness_expect_error(const struct harness *h, unsigned status, const char *code);

/* Forms: builds one with boundary "XX" into memory; each field is "name=value", the chunk part is
 * placed where a field is "*". Returns its size. */
#define TEST_FORM_TYPE "Content-Type: multipart/form-data; boundary=XX\r\n"
size_t harness_form(char *out, size_t cap, const char *const *fields, const char *chunk_type,
                    const void *chunk, size_t chunk_size);

#endif
