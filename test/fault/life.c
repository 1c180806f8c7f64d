/* SPDX-License-Identifier: MIT */
#include "life.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/crc64.h"
#include "fields/receipt.h"

#define SESSION "3f2b8c1e-5d4a-4f6b-9e8d-7c6b5a493827"

enum geometry { RANGES, CHUNKS };

struct part {
    uint32_t offset;
    uint32_t length;
};

struct video {
    const char *name;
    enum geometry geometry;
    uint32_t size;
    bool size_known;
    struct part parts[LIFE_PARTS_MAX]; /* in the order of sending */
    uint32_t indexes[LIFE_PARTS_MAX];
    unsigned part_count;
};

enum { BY_RANGES, BY_CHUNKS, GROWING, WITH_GAP, FORGOTTEN };

static const struct video videos[LIFE_VIDEOS] = {
    [BY_RANGES] = {"ranges", RANGES, 5000, true, {{2000, 3000}, {0, 2000}}, {0}, 2},
    [BY_CHUNKS] =
        {"chunks", CHUNKS, 3100, false, {{1500, 700}, {0, 1500}, {2200, 900}}, {1, 0, 2}, 3},
    [GROWING] = {"growing", RANGES, 1800, false, {{0, 1000}, {1000, 800}}, {0}, 2},
    [WITH_GAP] = {"gap", RANGES, 1300, false, {{0, 500}, {900, 400}}, {0}, 2},
    [FORGOTTEN] = {"forgotten", RANGES, 900, true, {{0, 300}}, {0}, 1},
};

enum kind {
    HEALTH,
    SESSION_MAKE,
    SESSION_LOOK,
    SESSION_LOOK_AT,
    INIT,
    PART,
    METADATA,
    FINALIZE,
    LOOK,
    LOOK_HEAD,
    FETCH,
    DELETE,
    WRONG_JSON,
};

struct step {
    enum kind kind;
    unsigned video;
    unsigned part;
};

static const struct step steps[] = {
    {HEALTH, 0, 0},
    {SESSION_MAKE, 0, 0},
    {INIT, BY_RANGES, 0},
    {PART, BY_RANGES, 0},
    {LOOK, BY_RANGES, 0},
    {PART, BY_CHUNKS, 0},
    {SESSION_LOOK_AT, BY_CHUNKS, 0},
    {PART, BY_CHUNKS, 1},
    {WRONG_JSON, 0, 0},
    {INIT, GROWING, 0},
    {PART, GROWING, 0},
    {METADATA, BY_CHUNKS, 0},
    {PART, BY_CHUNKS, 2},
    {PART, GROWING, 1},
    {FINALIZE, GROWING, 0},
    {PART, BY_RANGES, 1},
    {PART, BY_RANGES, 1},
    {LOOK, BY_RANGES, 0},
    {INIT, WITH_GAP, 0},
    {PART, WITH_GAP, 1},
    {PART, WITH_GAP, 0},
    {LOOK_HEAD, WITH_GAP, 0},
    {FINALIZE, WITH_GAP, 0},
    {METADATA, GROWING, 0},
    {SESSION_LOOK, 0, 0},
    {SESSION_LOOK_AT, BY_CHUNKS, 0},
    {FETCH, BY_CHUNKS, 0},
    {INIT, FORGOTTEN, 0},
    {PART, FORGOTTEN, 0},
    {DELETE, FORGOTTEN, 0},
};

static uint8_t byte_of(unsigned video, uint32_t offset)
{
    return (uint8_t)((offset * 31 + offset / 251 + video * 97) & 0xff);
}

/* ---- requests as bytes ---- */

static char text[16384];
static size_t text_size;

__attribute__((format(printf, 1, 2))) static void put(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(text + text_size, sizeof text - text_size, format, arguments);
    va_end(arguments);
    text_size += (size_t)size;
}

static void put_bytes(unsigned video, struct part part)
{
    for (uint32_t i = 0; i < part.length; i++)
        text[text_size++] = (char)byte_of(video, part.offset + i);
}

static uint64_t crc_of(unsigned video, struct part part)
{
    uint64_t crc = 0;
    for (uint32_t i = 0; i < part.length; i++) {
        uint8_t byte = byte_of(video, part.offset + i);
        crc = rh_crc64_update(crc, &byte, 1);
    }
    return crc;
}

static void put_crc(unsigned video, struct part part)
{
    uint8_t memory[RH_CRC64_FIELD_SIZE];
    struct rh_buffer buffer;
    rh_buffer_init(&buffer, memory, sizeof memory);
    (void)rh_crc64_field_write(&buffer, crc_of(video, part));
    put("Reelhaul-Crc64: %.*s\r\n", (int)buffer.size, (const char *)memory);
}

static void put_json(const char *target, const char *body)
{
    put("POST %s HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n"
        "Content-Length: %zu\r\n\r\n%s",
        target, strlen(body), body);
}

static void put_get(const char *method, const char *target, const char *more)
{
    put("%s %s%s HTTP/1.1\r\nHost: test\r\n\r\n", method, target, more);
}

static void put_init(const struct video *v)
{
    char body[256];
    char size[32] = "";
    if (v->size_known)
        snprintf(size, sizeof size, ",\"size\":%u", v->size);
    snprintf(body, sizeof body,
             "{\"session_id\":\"" SESSION "\",\"video_id\":\"%s\",\"mime_type\":\"video/webm\"%s}",
             v->name, size);
    put_json("/api/v1/videos/init", body);
}

static void put_part(const struct life_facts *facts, unsigned at, unsigned part)
{
    const struct video *v = &videos[at];
    bool last = at == GROWING && part + 1 == v->part_count;
    put("POST /api/v1/videos/chunk HTTP/1.1\r\nHost: test\r\n"
        "Content-Type: application/octet-stream\r\nContent-Length: %u\r\n"
        "Reelhaul-Upload: %s\r\nReelhaul-Offset: %u\r\nReelhaul-Length: %u\r\n%s",
        v->parts[part].length, facts->videos[at].id, v->parts[part].offset, v->parts[part].length,
        last ? "Reelhaul-Final: ?1\r\n" : "");
    put_crc(at, v->parts[part]);
    put("\r\n");
    put_bytes(at, v->parts[part]);
}

/* The chunk's part comes before its ids now and then: then it is held in memory. */
static void put_chunk(unsigned at, unsigned part)
{
    const struct video *v = &videos[at];
    static const char field[] = "--XX\r\nContent-Disposition: form-data; name=\"%s\"\r\n\r\n%s\r\n";
    char index[16];
    put("POST /api/upload/chunk HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n"
        "Content-Type: multipart/form-data; boundary=XX\r\n\r\n");
    size_t frame = text_size;
    put("%04x\r\n", 0);
    size_t from = text_size;
    snprintf(index, sizeof index, "%u", v->indexes[part]);
    put(field, "session_id", SESSION);
    put(field, "video_id", v->name);
    if (part != 1)
        put(field, "chunk_index", index);
    put(field, "total_chunks", "3");
    put("--XX\r\nContent-Disposition: form-data; name=\"chunk\"; filename=\"blob\"\r\n"
        "Content-Type: video/webm\r\n\r\n");
    put_bytes(at, v->parts[part]);
    put("\r\n");
    if (part == 1)
        put(field, "chunk_index", index);
    put("--XX--\r\n");
    size_t size = text_size - from;
    char length[8];
    snprintf(length, sizeof length, "%04zx", size);
    memcpy(text + frame, length, 4);
    put("\r\n0\r\n\r\n");
}

static void put_metadata(const struct video *v)
{
    char body[256];
    snprintf(body, sizeof body,
             "{\"session_id\":\"" SESSION "\",\"video_id\":\"%s\",\"prompt_id\":\"why-%s\","
             "\"duration\":1.5,\"file_size\":%u}",
             v->name, v->name, v->size);
    put_json("/api/upload/metadata", body);
}

static void put_finalize(const struct life_facts *facts, unsigned at)
{
    char body[256];
    snprintf(body, sizeof body, "{\"upload_id\":\"%s\",\"size\":%u,\"allow_partial\":%s}",
             facts->videos[at].id, videos[at].size, at == WITH_GAP ? "true" : "false");
    put_json("/api/v1/videos/finalize", body);
}

static void build(const struct life_facts *facts, const struct step *step)
{
    const struct video *v = &videos[step->video];
    const char *id = facts->videos[step->video].id;
    text_size = 0;
    switch (step->kind) {
    case HEALTH:
        put_get("GET", "/health", "");
        return;
    case SESSION_MAKE:
        put_json("/api/session/create",
                 "{\"session_id\":\"" SESSION "\",\"participant_id\":\"Zo\xc3\xab\"}");
        return;
    case SESSION_LOOK:
        put_get("GET", "/api/session/" SESSION, "");
        return;
    case SESSION_LOOK_AT:
        put_get("GET", "/api/session/" SESSION "?video=", v->name);
        return;
    case INIT:
        put_init(v);
        return;
    case PART:
        if (v->geometry == CHUNKS)
            put_chunk(step->video, step->part);
        else
            put_part(facts, step->video, step->part);
        return;
    case METADATA:
        put_metadata(v);
        return;
    case FINALIZE:
        put_finalize(facts, step->video);
        return;
    case LOOK:
        put_get("GET", "/api/v1/videos/", id);
        return;
    case LOOK_HEAD:
        put_get("HEAD", "/api/v1/videos/", id);
        return;
    case FETCH:
        put("GET /recordings/" SESSION "/%s.webm HTTP/1.1\r\nHost: test\r\n\r\n", v->name);
        return;
    case DELETE:
        put_get("DELETE", "/api/v1/videos/", id);
        return;
    case WRONG_JSON:
        put_json("/api/v1/videos/init", "{\"mime_type\":");
        return;
    }
}

/* ---- going through it ---- */

__attribute__((format(printf, 2, 3))) static bool broken(struct life_facts *facts,
                                                         const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(facts->problem, sizeof facts->problem, format, arguments);
    va_end(arguments);
    return false;
}

static void send_step(struct receiver *r, const struct life_facts *facts, unsigned number,
                      size_t piece)
{
    build(facts, &steps[number]);
    r->seed = 1000 + number; /* the same ids, however often something was tried */
    struct rh_bytes in = {(const uint8_t *)text, text_size};
    (void)receiver_exchange(r, &in, piece);
}

static bool is_fine(const struct step *step, unsigned status)
{
    if (step->kind == WRONG_JSON)
        return status == 400;
    if (step->kind == FINALIZE) /* 202: it is being sealed; asked again it is done */
        return status == 200;
    if (step->kind == DELETE) /* the row was gone before the first try failed */
        return status == 204 || status == 410;
    return status == 200 || status == 201 || status == 204;
}

/* 404 for a file: what is done behind the scenes is not done yet. */
static bool is_error(const struct step *step, unsigned status)
{
    return status == 0 || status == 202 || status >= 500 || (step->kind == FETCH && status == 404);
}

static void note(const struct receiver *r, struct life_facts *facts, const struct step *step)
{
    struct rh_bytes id = receiver_header(r, "Reelhaul-Upload");
    switch (step->kind) {
    case SESSION_MAKE:
        facts->session = true;
        return;
    case INIT:
    case PART:
        if (id.size == RH_ID_TEXT_MAX - 1)
            memcpy(facts->videos[step->video].id, id.data, id.size);
        if (step->kind == PART)
            facts->videos[step->video].acked[step->part] = true;
        break;
    case METADATA:
        facts->videos[step->video].metadata = true;
        return;
    case DELETE:
        facts->videos[step->video].deleted = true;
        return;
    default:
        break;
    }
    if (id.size > 0 && rh_bytes_equal_str(receiver_header(r, "Reelhaul-State"), "done"))
        facts->videos[step->video].done = true;
}

bool life_run(struct receiver *r, struct life_facts *facts, const struct life_watch *watch)
{
    for (unsigned i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        const struct step *step = &steps[i];
        if (facts->videos[step->video].deleted && step->video == FORGOTTEN)
            continue;
        if (watch != NULL)
            watch->before(i);
        send_step(r, facts, i, i % 3 == 1 ? 100 : 0);
        if (r->fatal)
            return false;
        if (watch != NULL)
            watch->after(i, r);
        for (int tries = 0; tries < 3 && is_error(step, r->status); tries++) {
            receiver_pass(r, 6);
            if (r->fatal)
                return false;
            send_step(r, facts, i, 0);
            if (r->fatal)
                return false;
        }
        if (!is_fine(step, r->status))
            return broken(facts, "step %u is answered with %u: %.300s", i, r->status, r->answer);
        note(r, facts, step);
    }
    receiver_pass(r, 12); /* what failed behind the scenes is tried again */
    return !r->fatal;
}

bool life_begin(struct receiver *r, struct life_facts *facts, unsigned count)
{
    for (unsigned i = 0; i < count && i < sizeof steps / sizeof steps[0]; i++) {
        send_step(r, facts, i, 0);
        if (r->fatal || !is_fine(&steps[i], r->status))
            return broken(facts, "step %u is answered with %u", i, r->status);
        note(r, facts, &steps[i]);
    }
    return true;
}

/* ---- looking ---- */

static bool ask(struct receiver *r, const char *method, const char *target, const char *more)
{
    text_size = 0;
    put_get(method, target, more);
    struct rh_bytes in = {(const uint8_t *)text, text_size};
    (void)receiver_exchange(r, &in, 0);
    return r->status == 200;
}

/* Reads a file of the data directory; its size, or -1. */
static long contents(const char *directory, const char *path, char *out, size_t cap)
{
    char whole[4096];
    snprintf(whole, sizeof whole, "%s/%s", directory, path);
    FILE *file = fopen(whole, "rb");
    if (file == NULL)
        return -1;
    size_t size = fread(out, 1, cap, file);
    fclose(file);
    return (long)size;
}

static bool expected(unsigned at, uint32_t offset, uint8_t *out)
{
    const struct video *v = &videos[at];
    for (unsigned i = 0; i < v->part_count; i++) {
        if (offset >= v->parts[i].offset && offset - v->parts[i].offset < v->parts[i].length) {
            *out = byte_of(at, offset);
            return true;
        }
    }
    *out = 0;
    return false;
}

static bool same_bytes(struct life_facts *facts, unsigned at, const char *bytes, struct part part)
{
    for (uint32_t i = 0; i < part.length; i++) {
        uint8_t want;
        (void)expected(at, part.offset + i, &want);
        if ((uint8_t)bytes[part.offset + i] != want)
            return broken(facts, "%s differs at %u", videos[at].name, part.offset + i);
    }
    return true;
}

static bool check_done(struct receiver *r, struct life_facts *facts, unsigned at,
                       const char *directory)
{
    static char bytes[8192];
    char target[128];
    const struct video *v = &videos[at];
    snprintf(target, sizeof target, "/recordings/" SESSION "/%s.webm", v->name);
    if (!ask(r, "GET", target, "") || !r->has_file)
        return broken(facts, "%s is done and not served: %u", v->name, r->status);
    if (contents(directory, r->file.path, bytes, sizeof bytes) != (long)v->size)
        return broken(facts, "%s is done and has another size", v->name);
    return same_bytes(facts, at, bytes, (struct part){0, v->size});
}

static bool check_chunk(struct receiver *r, struct life_facts *facts, unsigned at, unsigned part)
{
    struct rh_bytes field;
    uint64_t first;
    uint64_t last;
    bool found = false;
    if (!ask(r, "GET", "/api/session/" SESSION "?video=", videos[at].name))
        return broken(facts, "the session is not there: %u", r->status);
    field = receiver_header(r, "Reelhaul-Chunks");
    while (rh_chunks_next(&field, &first, &last) == RH_OK)
        found = found || (videos[at].indexes[part] >= first && videos[at].indexes[part] <= last);
    return found ||
           broken(facts, "chunk %u was acknowledged and is gone", videos[at].indexes[part]);
}

static bool check_part(struct receiver *r, struct life_facts *facts, unsigned at, unsigned part,
                       const char *directory)
{
    static char bytes[8192];
    char path[128];
    struct part want = videos[at].parts[part];
    struct rh_ranges list;
    struct rh_ranges_item item;
    bool found = false;
    rh_ranges_init(&list, receiver_header(r, "Reelhaul-Durable"));
    while (rh_ranges_next(&list, &item))
        found = found || (item.range.offset <= want.offset &&
                          item.range.offset + item.range.length >= want.offset + want.length);
    if (!found)
        return broken(facts, "%s: [%u, +%u) was acknowledged and is gone", videos[at].name,
                      want.offset, want.length);
    snprintf(path, sizeof path, "incoming/%s", facts->videos[at].id);
    if (contents(directory, path, bytes, sizeof bytes) < (long)(want.offset + want.length))
        return broken(facts, "%s: %s is short", videos[at].name, path);
    return same_bytes(facts, at, bytes, want);
}

static bool check_parts(struct receiver *r, struct life_facts *facts, unsigned at,
                        const char *directory)
{
    for (unsigned i = 0; i < videos[at].part_count; i++) {
        if (!facts->videos[at].acked[i])
            continue;
        if (!ask(r, "GET", "/api/v1/videos/", facts->videos[at].id))
            return broken(facts, "%s was made and is gone: %u", videos[at].name, r->status);
        if (rh_bytes_equal_str(receiver_header(r, "Reelhaul-State"), "done"))
            return check_done(r, facts, at, directory);
        bool good = videos[at].geometry == CHUNKS ? check_chunk(r, facts, at, i)
                                                  : check_part(r, facts, at, i, directory);
        if (!good)
            return false;
    }
    return true;
}

static bool mentions(const char *directory, const char *path, const char *words)
{
    static char bytes[8192];
    long size = contents(directory, path, bytes, sizeof bytes - 1);
    if (size < 0)
        return false;
    bytes[size] = '\0';
    return strstr(bytes, words) != NULL;
}

static bool check_metadata(struct receiver *r, struct life_facts *facts, unsigned at)
{
    char words[64];
    snprintf(words, sizeof words, "\"why-%s\"", videos[at].name);
    if (!ask(r, "GET", "/api/session/" SESSION, ""))
        return broken(facts, "the session is not there: %u", r->status);
    r->answer[r->answer_size] = '\0';
    return strstr(r->answer, words) != NULL ||
           broken(facts, "metadata of %s was acknowledged and is gone", videos[at].name);
}

bool life_check(struct receiver *r, struct life_facts *facts, const char *directory)
{
    receiver_pass(r, 12);
    if (facts->session && !ask(r, "GET", "/api/session/" SESSION, ""))
        return broken(facts, "the session was acknowledged and is gone: %u", r->status);
    for (unsigned i = 0; i < LIFE_VIDEOS; i++) {
        if (facts->videos[i].deleted) {
            if (ask(r, "GET", "/api/v1/videos/", facts->videos[i].id) || r->status != 410)
                return broken(facts, "what was deleted is answered with %u", r->status);
            continue;
        }
        if (facts->videos[i].done && !check_done(r, facts, i, directory))
            return false;
        if (facts->videos[i].metadata && !check_metadata(r, facts, i))
            return false;
        /* It may have been deleted by a request that was answered with an error. */
        if (i != FORGOTTEN && !check_parts(r, facts, i, directory))
            return false;
    }
    return true;
}

bool life_check_end(struct receiver *r, struct life_facts *facts, const char *directory)
{
    char path[128];
    if (!life_check(r, facts, directory))
        return false;
    for (unsigned i = 0; i < FORGOTTEN; i++) {
        if (!check_done(r, facts, i, directory))
            return false;
        snprintf(path, sizeof path, "recordings/" SESSION "/%s.metadata.json", videos[i].name);
        if (!mentions(directory, path, "\"crc64nvme\"") ||
            !mentions(directory, path, facts->videos[i].id))
            return broken(facts, "%s does not say whose it is", path);
        char words[64];
        snprintf(words, sizeof words, "\"why-%s\"", videos[i].name);
        if (facts->videos[i].metadata && !mentions(directory, path, words))
            return broken(facts, "%s lacks what the sender said", path);
        if (!mentions(directory, "recordings/" SESSION "/session.json", videos[i].name))
            return broken(facts, "session.json lacks %s", videos[i].name);
    }
    return facts->videos[FORGOTTEN].deleted || broken(facts, "nothing was deleted");
}
