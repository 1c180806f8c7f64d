/* SPDX-License-Identifier: MIT */
/*
 * The whole vault against a naive reference: what was said to be durable. Random requests, bodies
 * that break, actions executed in random order, failing syncs, a disk that is full now and then,
 * and crashes between any two steps. After every few steps each acknowledged byte must be in the
 * durable image; at the end everything heals, and every video must be complete and equal.
 *
 * RH_SEED=n runs one seed, RH_SEEDS=n so many, RH_TRACE=1 prints what happens.
 */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc64.h"

#define VIDEOS     5
#define SIZE_MAX_B 8192
#define CHUNKS_MAX 12
#define POOL_MAX   1024
#define OPEN_MAX   64
#define STEPS      2500

struct video {
    char name[16];
    char id[RH_ID_TEXT_MAX]; /* ranges; "" while it is not made */
    bool by_chunks;
    uint8_t source[SIZE_MAX_B];
    size_t size;
    size_t starts[CHUNKS_MAX + 1]; /* of chunks */
    size_t chunk_count;
    bool vouched[SIZE_MAX_B]; /* said to be durable */
    bool chunk_vouched[CHUNKS_MAX];
    bool done;     /* said so */
    bool erasing;  /* a DELETE is under way: nothing may be expected */
    size_t erased; /* times */
};

struct body_state {
    uint64_t op;
    bool revoked;
    size_t sent;
    struct rh_grant grant;
    struct rh_written written;
};

struct asked {
    bool used;
    struct video *video;
    enum rh_request_kind kind;
    uint64_t offset;
    size_t size;    /* that the body has */
    uint8_t *bytes; /* of the body */
    bool evil;      /* differs from the source: may never be accepted */
    uint64_t chunk;
    size_t erased; /* of the video, when this was asked */
    bool named;    /* the client chose the session's id */
    bool stranger; /* it is another participant's */
};

#define NAMED "0f9d2c4e-7a51-4b6e-9c1d-3e8f5a6b7c8d" /* by the client */

struct sim {
    struct rh_rng rng;
    uint64_t seed;
    bool trace;
    struct rh_vault_limits limits;
    struct rh_vault *vault;
    struct rh_catalog *catalog;
    struct rh_store *store;
    char session[RH_UUID_TEXT_MAX];
    bool by_client; /* its id is the client's choice */
    struct video videos[VIDEOS];
    struct rh_vault_action jobs[POOL_MAX]; /* in any order */
    size_t job_count;
    struct rh_vault_action catalog_actions[POOL_MAX]; /* in their order */
    size_t catalog_count;
    struct body_state bodies[OPEN_MAX];
    size_t body_count;
    struct asked asked[WORLD_OPS_MAX * 4];
    uint64_t last_op;
    uint64_t entropy;
    rh_ms mono_ms;
    size_t oks, crashes, dones;
};

static uint64_t below(struct sim *s, uint64_t n)
{
    return rh_rng_below(&s->rng, n);
}

static bool one_in(struct sim *s, uint64_t n)
{
    return below(s, n) == 0;
}

#define TRACE(s, ...)                                                                              \
    do {                                                                                           \
        if ((s)->trace)                                                                            \
            print_message(__VA_ARGS__);                                                            \
    } while (0)

/* ---- Checking what is said ---- */

static void vouch(struct video *video, uint64_t offset, uint64_t length)
{
    assert_true(offset + length <= video->size);
    memset(video->vouched + offset, 1, (size_t)length);
}

static void check_view(struct sim *s, struct video *video, const struct rh_vault_reply *reply)
{
    bool now[SIZE_MAX_B] = {false};
    (void)s;
    assert_int_not_equal(reply->upload.state, RH_UPLOAD_LOST);
    assert_true(reply->durable_count < RH_REPLY_RANGES_MAX);
    for (size_t i = 0; i < reply->durable_count; i++) {
        const struct rh_interval *range = &reply->durable[i];
        assert_true(range->offset + range->length <= video->size);
        assert_true(range->crc64 ==
                    rh_crc64_update(0, video->source + range->offset, (size_t)range->length));
        memset(now + range->offset, 1, (size_t)range->length);
    }
    /* What was said before still holds: nothing that was vouched for falls back. */
    for (size_t i = 0; i < video->size && !video->erasing && !video->by_chunks; i++)
        assert_true(now[i] || !video->vouched[i]);
    for (size_t i = 0; i < reply->durable_count && !video->erasing; i++)
        vouch(video, reply->durable[i].offset, reply->durable[i].length);
    for (size_t i = 0; i < reply->chunk_run_count && !video->erasing; i++)
        memset(video->chunk_vouched + reply->chunks[i].offset, 1, (size_t)reply->chunks[i].length);
    assert_false(video->done && reply->upload.state != RH_UPLOAD_DONE);
    if (reply->upload.state == RH_UPLOAD_DONE && !video->erasing) {
        assert_int_equal(reply->upload.total, video->size);
        assert_true(reply->upload.crc64 == rh_crc64_update(0, video->source, video->size));
        s->dones += !video->done;
        video->done = true;
    }
}

static void forget_video(struct video *video)
{
    memset(video->vouched, 0, sizeof video->vouched);
    memset(video->chunk_vouched, 0, sizeof video->chunk_vouched);
    video->id[0] = '\0';
    video->done = false;
    video->erased++;
}

/* A session that the client names is made once, found again, and nobody else's. */
static void check_session(struct sim *s, const struct asked *asked,
                          const struct rh_vault_reply *reply)
{
    bool good = reply->code == RH_REPLY_CREATED || reply->code == RH_REPLY_OK;
    if (asked->stranger) {
        assert_int_equal(reply->code, RH_REPLY_CONFLICT);
        return;
    }
    if (!good)
        return;
    if (asked->named)
        assert_string_equal(reply->session.id, s->by_client ? NAMED : s->session);
    if (s->session[0] != '\0' && asked->named)
        assert_int_equal(reply->code, RH_REPLY_OK);
    if (s->session[0] == '\0' && asked->named == s->by_client)
        strcpy(s->session, reply->session.id);
}

static void check_reply(struct sim *s, const struct rh_vault_reply *reply)
{
    struct asked *asked = &s->asked[reply->op];
    struct video *video = asked->video;
    assert_true(asked->used);
    TRACE(s, "  reply %lu: %d %s\n", (unsigned long)reply->op, reply->code,
          reply->message ? reply->message : "");
    asked->used = false;
    free(asked->bytes);
    asked->bytes = NULL;
    assert_int_not_equal(reply->code, RH_REPLY_INTERNAL);
    if (asked->kind == RH_REQUEST_SESSION_CREATE) {
        check_session(s, asked, reply);
        return;
    }
    if (reply->code == RH_REPLY_OK || reply->code == RH_REPLY_CREATED)
        s->oks++;
    if (asked->kind == RH_REQUEST_CREATE && video->id[0] == '\0' && reply->has_upload &&
        reply->code <= RH_REPLY_CREATED)
        strcpy(video->id, reply->upload.id);
    if (asked->kind == RH_REQUEST_DELETE) {
        if (reply->code == RH_REPLY_OK)
            forget_video(video);
        video->erasing = false;
        return;
    }
    if (asked->erased != video->erased)
        return; /* of the one before */
    if (reply->code == RH_REPLY_GONE && video->id[0] != '\0' && !video->erasing)
        fail_msg("a video that nobody deleted is gone");
    if (reply->code == RH_REPLY_OK && asked->kind == RH_REQUEST_WRITE)
        assert_false(asked->evil);
    if (reply->has_upload)
        check_view(s, video, reply);
    if (video->erasing || reply->code != RH_REPLY_OK || asked->kind != RH_REQUEST_WRITE)
        return;
    if (video->by_chunks)
        video->chunk_vouched[asked->chunk] = true;
    else
        for (size_t i = 0; i < asked->size; i++)
            assert_true(video->vouched[asked->offset + i]);
}

/* ---- Checking what is on the disk ---- */

static bool durable_at(struct sim *s, const struct rh_store_target *target,
                       enum rh_store_model_file which, uint64_t index, size_t at,
                       const uint8_t *bytes, size_t size)
{
    size_t there = 0;
    const uint8_t *found = rh_store_model_look(s->store, target, which, index, true, &there);
    return found != NULL && at + size <= there && memcmp(found + at, bytes, size) == 0;
}

static void check_disk(struct sim *s)
{
    for (size_t v = 0; v < VIDEOS; v++) {
        struct video *video = &s->videos[v];
        struct rh_store_target target = {.mime = "video/webm"};
        if (video->erasing || video->id[0] == '\0')
            continue;
        strcpy(target.upload, video->id);
        strcpy(target.session, s->session);
        strcpy(target.name, video->name);
        if (video->done)
            assert_true(durable_at(s, &target, RH_MODEL_OBJECT, 0, 0, video->source, video->size));
        for (size_t from = 0; from < video->size;) {
            size_t to = from;
            while (to < video->size && video->vouched[to])
                to++;
            if (to > from)
                assert_true(durable_at(s, &target, RH_MODEL_IN_PLACE, 0, from, video->source + from,
                                       to - from) ||
                            durable_at(s, &target, RH_MODEL_OBJECT, 0, from, video->source + from,
                                       to - from));
            from = to + 1;
        }
        for (size_t i = 0; i < video->chunk_count && video->by_chunks; i++) {
            size_t at = video->starts[i];
            size_t size = video->starts[i + 1] - at;
            if (video->chunk_vouched[i])
                assert_true(
                    durable_at(s, &target, RH_MODEL_CHUNK, i, 0, video->source + at, size) ||
                    durable_at(s, &target, RH_MODEL_IN_PLACE, 0, at, video->source + at, size) ||
                    durable_at(s, &target, RH_MODEL_OBJECT, 0, at, video->source + at, size));
        }
    }
}

/* ---- Executing ---- */

static void tell(struct sim *s, struct rh_vault_event *event)
{
    assert_int_equal(rh_vault_tell(s->vault, event), RH_OK);
}

static void take_actions(struct sim *s)
{
    struct rh_vault_action action;
    while (rh_vault_next(s->vault, &action)) {
        if (action.kind == RH_DO_STORE) {
            assert_true(s->job_count < POOL_MAX);
            s->jobs[s->job_count++] = action;
        } else if (action.kind == RH_DO_READ || action.kind == RH_DO_COMMIT) {
            assert_true(s->catalog_count < POOL_MAX);
            s->catalog_actions[s->catalog_count++] = action;
        } else if (action.kind == RH_DO_REPLY) {
            check_reply(s, action.u.reply);
            rh_vault_reply_finish(action.u.reply);
            free(action.u.reply);
        } else if (action.kind == RH_DO_GRANT) {
            assert_true(s->body_count < OPEN_MAX);
            s->bodies[s->body_count] =
                (struct body_state){.op = action.u.grant.op, .grant = action.u.grant};
            s->bodies[s->body_count++].written.span_count = action.u.grant.span_count;
            TRACE(s, "  grant %lu\n", (unsigned long)action.u.grant.op);
        } else if (action.kind == RH_DO_REVOKE) {
            for (size_t i = 0; i < s->body_count; i++)
                s->bodies[i].revoked |= s->bodies[i].op == action.u.revoke_op;
        } else if (action.kind == RH_DO_LOG) {
            TRACE(s, "  log: %s\n", action.u.log.text);
        } else {
            assert_int_not_equal(action.kind, RH_DO_FATAL);
        }
    }
}

static void run_job(struct sim *s, size_t index)
{
    struct rh_vault_action action = s->jobs[index];
    struct rh_vault_event event = {.kind = RH_HAS_STORED};
    s->jobs[index] = s->jobs[--s->job_count];
    s->store->ops->run(s->store, &action.u.store, &event.u.stored);
    TRACE(s, "job %d: %d\n", action.u.store.verb, event.u.stored.error);
    rh_store_job_finish(&action.u.store);
    tell(s, &event);
    take_actions(s);
}

static void run_catalog(struct sim *s)
{
    struct rh_vault_action action = s->catalog_actions[0];
    struct rh_vault_event event = {0};
    s->catalog_count--;
    memmove(s->catalog_actions, s->catalog_actions + 1,
            s->catalog_count * sizeof *s->catalog_actions);
    if (action.kind == RH_DO_COMMIT) {
        event.kind = RH_HAS_COMMITTED;
        event.u.committed.id = action.u.commit.id;
        event.u.committed.error = s->catalog->ops->commit(s->catalog, &action.u.commit.batch);
        rh_batch_free(&action.u.commit.batch);
    } else {
        event.kind = RH_HAS_READ;
        event.u.read.id = action.u.read.id;
        event.u.read.rows = calloc(1, sizeof *event.u.read.rows);
        s->catalog->ops->read(s->catalog, &action.u.read.read, event.u.read.rows);
    }
    tell(s, &event);
    take_actions(s);
}

static void report_body(struct sim *s, size_t index, enum rh_written_end end)
{
    struct body_state body = s->bodies[index];
    struct rh_vault_event event = {.kind = RH_HAS_WRITTEN};
    s->bodies[index] = s->bodies[--s->body_count];
    body.written.op = body.op;
    body.written.end = end;
    event.u.written = body.written;
    TRACE(s, "written %lu: end %d bytes %lu\n", (unsigned long)body.op, end,
          (unsigned long)body.written.bytes);
    tell(s, &event);
    take_actions(s);
}

/*
 * Takes some more of a body; reports when it ends, breaks, or was revoked. A prefix of a body that
 * breaks is taken as it came: only the sender can tell that it is not what it sent, from the
 * checksum in the receipt. So a body of other bytes is never cut short here, or not reported so.
 */
static void run_body(struct sim *s, size_t index)
{
    struct body_state *body = &s->bodies[index];
    struct asked *asked = &s->asked[body->op];
    struct rh_written *written = &body->written;
    size_t piece = (size_t)below(s, 700) + 1;
    if (body->revoked && !asked->evil && one_in(s, 2)) {
        report_body(s, index, RH_WRITTEN_REVOKED);
        return;
    }
    if (!asked->evil && one_in(s, 25)) {
        report_body(s, index, RH_WRITTEN_BROKEN);
        return;
    }
    size_t span = 0;
    while (span < body->grant.span_count && written->length[span] == body->grant.spans[span].length)
        span++;
    if (written->bytes == asked->size) {
        report_body(s, index, RH_WRITTEN_WHOLE);
        return;
    }
    if (span == body->grant.span_count || written->bytes == body->grant.bytes_max) {
        report_body(s, index, asked->evil ? RH_WRITTEN_FAILED : RH_WRITTEN_TOO_LONG);
        return;
    }
    const struct rh_grant_span *at = &body->grant.spans[span];
    if (piece > asked->size - written->bytes)
        piece = asked->size - (size_t)written->bytes;
    if (piece > at->length - written->length[span])
        piece = (size_t)(at->length - written->length[span]);
    if (piece > body->grant.bytes_max - written->bytes)
        piece = (size_t)(body->grant.bytes_max - written->bytes);
    const uint8_t *bytes = asked->bytes + written->bytes;
    if (!at->compare) {
        enum rh_error error = s->store->ops->write(
            s->store, body->grant.handle, at->offset + written->length[span], bytes, piece);
        if (error != RH_OK) {
            bool full = error == RH_ERR_FULL && !asked->evil;
            report_body(s, index, full ? RH_WRITTEN_FULL : RH_WRITTEN_FAILED);
            return;
        }
    }
    written->crc64[span] = rh_crc64_update(written->crc64[span], bytes, piece);
    written->length[span] += piece;
    written->bytes += piece;
}

/* ---- Asking ---- */

static struct rh_vault_request *new_request(struct sim *s, enum rh_request_kind kind,
                                            struct video *video)
{
    struct rh_vault_request *request = calloc(1, sizeof *request);
    request->op = ++s->last_op;
    assert_true(request->op < sizeof s->asked / sizeof s->asked[0]);
    request->kind = kind;
    request->length = request->total = request->chunk_index = RH_SIZE_UNKNOWN;
    request->chunk_count = request->declared_size = RH_SIZE_UNKNOWN;
    fill(request->entropy, sizeof request->entropy, s->seed * 1000003 + ++s->entropy);
    s->asked[request->op] = (struct asked){
        .used = true, .kind = kind, .video = video, .erased = video != NULL ? video->erased : 0};
    strcpy(request->session, s->session);
    if (video != NULL)
        strcpy(request->name, video->name);
    return request;
}

static void send(struct sim *s, struct rh_vault_request *request)
{
    struct rh_vault_event event = {.kind = RH_HAS_REQUEST, .u.request = request};
    TRACE(s, "ask %lu: kind %d video %s chunk %ld offset %lu length %ld\n",
          (unsigned long)request->op, request->kind, request->name, (long)request->chunk_index,
          (unsigned long)request->offset, (long)request->length);
    tell(s, &event);
    take_actions(s);
}

static void give_bytes(struct sim *s, struct rh_vault_request *request, size_t offset, size_t size)
{
    struct asked *asked = &s->asked[request->op];
    asked->offset = offset;
    asked->size = size;
    asked->bytes = malloc(size + 1);
    memcpy(asked->bytes, asked->video->source + offset, size);
    request->length = one_in(s, 6) ? RH_SIZE_UNKNOWN : size;
    if (one_in(s, 2)) {
        request->has_crc = true;
        request->crc64 = rh_crc64_update(0, asked->bytes, size);
    }
    /* Other bytes: noticed by the checksum, or because they were vouched for. */
    bool all_vouched = size > 0;
    for (size_t i = 0; i < size; i++)
        all_vouched = all_vouched && asked->video->vouched[offset + i];
    if (size > 0 && one_in(s, 8) && (request->has_crc || all_vouched)) {
        asked->bytes[below(s, size)] ^= 0x40;
        asked->evil = true;
    }
}

static void ask_range(struct sim *s, struct video *video)
{
    struct rh_vault_request *request = new_request(s, RH_REQUEST_WRITE, video);
    size_t offset = (size_t)below(s, video->size);
    size_t size = (size_t)below(s, 3000);
    strcpy(request->upload, video->id);
    if (one_in(s, 2))
        offset -= offset % 512;
    if (offset + size > video->size)
        size = video->size - offset;
    request->offset = offset;
    give_bytes(s, request, offset, size);
    if (one_in(s, 5))
        request->total = video->size;
    if (offset + size == video->size && request->length != RH_SIZE_UNKNOWN && one_in(s, 2))
        request->final = true;
    if (one_in(s, 3)) {
        strcpy(request->lease, "a");
        request->lease_number = below(s, 3);
    }
    send(s, request);
}

static void ask_chunk(struct sim *s, struct video *video)
{
    struct rh_vault_request *request = new_request(s, RH_REQUEST_WRITE, video);
    uint64_t index = below(s, video->chunk_count);
    request->chunk_index = index;
    if (one_in(s, 2))
        request->chunk_count = video->chunk_count;
    give_bytes(s, request, video->starts[index], video->starts[index + 1] - video->starts[index]);
    s->asked[request->op].chunk = index;
    send(s, request);
}

static void ask_other(struct sim *s, struct video *video)
{
    static const enum rh_request_kind kinds[] = {RH_REQUEST_GET, RH_REQUEST_GET, RH_REQUEST_FINISH,
                                                 RH_REQUEST_METADATA, RH_REQUEST_CREATE};
    struct rh_vault_request *request = new_request(s, kinds[below(s, 5)], video);
    if (request->kind == RH_REQUEST_CREATE && (video->by_chunks || one_in(s, 2)))
        request->kind = s->asked[request->op].kind = RH_REQUEST_GET;
    if (request->kind == RH_REQUEST_CREATE)
        strcpy(request->mime, "video/webm");
    if (request->kind == RH_REQUEST_METADATA)
        request->metadata = strdup("{\"prompt_id\":\"p\"}");
    if (request->kind == RH_REQUEST_GET && one_in(s, 6)) {
        request->kind = s->asked[request->op].kind = RH_REQUEST_DELETE;
        video->erasing = true;
    }
    if (request->kind == RH_REQUEST_FINISH) {
        request->total = video->by_chunks ? RH_SIZE_UNKNOWN : video->size;
        request->chunk_count = video->by_chunks ? video->chunk_count : RH_SIZE_UNKNOWN;
    }
    send(s, request);
}

/* Where the client chose the id, it says so again now and then; so does a stranger. */
static void ask_session(struct sim *s)
{
    struct rh_vault_request *request = new_request(s, RH_REQUEST_SESSION_CREATE, NULL);
    struct asked *asked = &s->asked[request->op];
    asked->named = s->by_client || s->session[0] != '\0';
    asked->stranger = s->session[0] != '\0' && one_in(s, 3);
    if (s->by_client)
        strcpy(request->session, NAMED);
    if (s->by_client)
        strcpy(request->participant, "p");
    if (asked->stranger)
        strcpy(request->participant, "q");
    send(s, request);
}

static void ask_something(struct sim *s)
{
    struct video *video = &s->videos[below(s, VIDEOS)];
    if (s->body_count >= OPEN_MAX / 2)
        return;
    if (s->session[0] == '\0' || one_in(s, 40)) {
        ask_session(s);
    } else if (video->erasing) {
        return;
    } else if (one_in(s, 6)) {
        ask_other(s, video);
    } else if (video->by_chunks) {
        ask_chunk(s, video);
    } else if (video->id[0] == '\0') {
        struct rh_vault_request *request = new_request(s, RH_REQUEST_CREATE, video);
        strcpy(request->mime, "video/webm");
        if (one_in(s, 2))
            request->total = video->size;
        send(s, request);
    } else {
        ask_range(s, video);
    }
}

/* ---- Life and death ---- */

static void start_vault(struct sim *s)
{
    uint8_t entropy[32];
    struct rh_vault_event event = {.kind = RH_HAS_TIME};
    fill(entropy, sizeof entropy, s->seed * 7919 + ++s->entropy);
    s->vault = rh_vault_create(&s->limits, entropy);
    event.u.time.mono_ms = s->mono_ms;
    event.u.time.wall_ms = (int64_t)1769527800000 + (int64_t)s->mono_ms;
    tell(s, &event);
    take_actions(s);
}

static void forget_in_flight(struct sim *s)
{
    for (size_t i = 0; i < s->job_count; i++)
        rh_store_job_finish(&s->jobs[i].u.store);
    for (size_t i = 0; i < s->catalog_count; i++) {
        if (s->catalog_actions[i].kind == RH_DO_COMMIT)
            rh_batch_free(&s->catalog_actions[i].u.commit.batch);
    }
    for (size_t i = 0; i <= s->last_op; i++) {
        free(s->asked[i].bytes);
        s->asked[i] = (struct asked){0};
    }
    s->job_count = s->catalog_count = s->body_count = 0;
}

static void crash(struct sim *s)
{
    TRACE(s, "--- crash ---\n");
    s->crashes++;
    /* A commit under way was lost, or applied and not heard of. */
    if (s->catalog_count > 0 && s->catalog_actions[0].kind == RH_DO_COMMIT && one_in(s, 2))
        assert_int_equal(s->catalog->ops->commit(s->catalog, &s->catalog_actions[0].u.commit.batch),
                         RH_OK);
    rh_vault_destroy(s->vault);
    forget_in_flight(s);
    if (one_in(s, 3))
        rh_store_model_kill(s->store);
    else
        rh_store_model_crash(s->store);
    for (size_t i = 0; i < VIDEOS; i++) {
        if (s->videos[i].erasing) /* nobody heard whether it happened */
            forget_video(&s->videos[i]);
        s->videos[i].erasing = false;
    }
    check_disk(s);
    start_vault(s);
}

static void pass_time(struct sim *s)
{
    struct rh_vault_event event = {.kind = RH_HAS_TIME};
    s->mono_ms += 1000 + below(s, 3000);
    event.u.time.mono_ms = s->mono_ms;
    event.u.time.wall_ms = (int64_t)1769527800000 + (int64_t)s->mono_ms;
    tell(s, &event);
    take_actions(s);
}

static void step(struct sim *s)
{
    uint64_t what = below(s, 100);
    if (what < 20)
        ask_something(s);
    else if (what < 50 && s->body_count > 0)
        run_body(s, (size_t)below(s, s->body_count));
    else if (what < 75 && s->job_count > 0)
        run_job(s, (size_t)below(s, s->job_count));
    else if (what < 97 && s->catalog_count > 0)
        run_catalog(s);
    else if (what == 97)
        pass_time(s);
    else if (what == 98 && one_in(s, 8))
        rh_store_model_stop_after(s->store, below(s, 30) + 1);
    if (rh_store_model_is_stopped(s->store) && one_in(s, 4))
        crash(s);
}

static void settle(struct sim *s)
{
    while (s->job_count + s->catalog_count + s->body_count > 0) {
        if (s->job_count > 0)
            run_job(s, 0);
        else if (s->catalog_count > 0)
            run_catalog(s);
        else
            run_body(s, 0);
    }
}

static void send_rest(struct sim *s, struct video *video)
{
    for (uint64_t i = 0; i < video->chunk_count && video->by_chunks; i++) {
        struct rh_vault_request *request = new_request(s, RH_REQUEST_WRITE, video);
        request->chunk_index = i;
        request->chunk_count = video->chunk_count;
        struct asked *asked = &s->asked[request->op];
        asked->chunk = i;
        asked->size = video->starts[i + 1] - video->starts[i];
        asked->bytes = malloc(asked->size + 1);
        memcpy(asked->bytes, video->source + video->starts[i], asked->size);
        send(s, request);
        settle(s);
    }
    if (video->by_chunks)
        return;
    if (video->id[0] == '\0') {
        struct rh_vault_request *request = new_request(s, RH_REQUEST_CREATE, video);
        strcpy(request->mime, "video/webm");
        send(s, request);
        settle(s);
        return;
    }
    struct rh_vault_request *request = new_request(s, RH_REQUEST_WRITE, video);
    struct asked *asked = &s->asked[request->op];
    strcpy(request->upload, video->id);
    request->length = request->total = video->size;
    asked->size = video->size;
    asked->bytes = malloc(asked->size);
    memcpy(asked->bytes, video->source, asked->size);
    send(s, request);
    settle(s);
}

static void heal(struct sim *s)
{
    struct rh_disk_faults none = {0};
    rh_store_model_set_faults(s->store, &none);
    if (rh_store_model_is_stopped(s->store))
        crash(s);
    rh_store_model_stop_after(s->store, 0);
    settle(s);
    for (size_t round = 0; round < 60; round++) {
        bool all = true;
        for (size_t i = 0; i < VIDEOS; i++) {
            if (s->session[0] == '\0')
                ask_session(s);
            else if (!s->videos[i].done)
                send_rest(s, &s->videos[i]);
            settle(s);
            all = all && s->videos[i].done;
        }
        if (all)
            return;
        pass_time(s);
        settle(s);
    }
    fail_msg("seed %lu: a video never completed", (unsigned long)s->seed);
}

static void make_videos(struct sim *s)
{
    for (size_t i = 0; i < VIDEOS; i++) {
        struct video *video = &s->videos[i];
        snprintf(video->name, sizeof video->name, "video_%zu", i);
        fill(video->source, sizeof video->source, s->seed * 31 + i);
        video->by_chunks = i % 2 == 1;
        video->size = (size_t)below(s, SIZE_MAX_B - 1) + 1;
        video->chunk_count = video->by_chunks ? (size_t)below(s, CHUNKS_MAX) + 1 : 0;
        for (size_t k = 1; k <= video->chunk_count; k++)
            video->starts[k] = video->starts[k - 1] + (size_t)below(s, SIZE_MAX_B / CHUNKS_MAX);
        if (video->by_chunks)
            video->size = video->starts[video->chunk_count];
    }
}

static void run_seed(uint64_t seed)
{
    struct sim *s = calloc(1, sizeof *s);
    s->seed = seed;
    s->trace = seed_of("RH_TRACE", 0) != 0;
    rh_rng_init(&s->rng, seed);
    rh_vault_limits_default(&s->limits);
    s->limits.reserve_bytes = 1;
    s->limits.cached_max = one_in(s, 2) ? 1 : 100;
    s->limits.extents_open_max = one_in(s, 2) ? 3 : 100;
    s->catalog = rh_catalog_model_open();
    s->store = rh_store_model_open(seed);
    struct rh_disk_faults faults = {0};
    if (one_in(s, 2))
        faults.sync_io_ppm = 40000;
    if (one_in(s, 3))
        faults.write_io_ppm = 10000;
    if (one_in(s, 3))
        faults.write_full_ppm = 10000;
    if (one_in(s, 4))
        faults.open_io_ppm = 30000;
    if (one_in(s, 4))
        faults.read_io_ppm = 100000;
    if (one_in(s, 4))
        faults.capacity_bytes = 30000;
    rh_store_model_set_faults(s->store, &faults);
    make_videos(s);
    s->by_client = one_in(s, 2);
    start_vault(s);
    for (size_t i = 0; i < STEPS; i++) {
        step(s);
        if (i % 8 == 0)
            check_disk(s);
    }
    TRACE(s, "healing: %zu ok, %zu crashes, %zu done\n", s->oks, s->crashes, s->dones);
    heal(s);
    check_disk(s);
    for (size_t i = 0; i < VIDEOS; i++)
        assert_true(s->videos[i].done);
    assert_int_equal(rh_store_model_misuse(s->store), 0);
    TRACE(s, "seed %lu: %zu ok, %zu crashes, %zu done\n", (unsigned long)seed, s->oks, s->crashes,
          s->dones);
    rh_vault_destroy(s->vault);
    forget_in_flight(s);
    s->catalog->ops->close(s->catalog);
    s->store->ops->close(s->store);
    free(s);
}

static void random_life_keeps_every_promise(void **state)
{
    (void)state;
    uint64_t only = seed_of("RH_SEED", 0);
    uint64_t seeds = seed_of("RH_SEEDS", 150);
    if (only != 0) {
        run_seed(only);
        return;
    }
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        run_seed(seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_life_keeps_every_promise)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
