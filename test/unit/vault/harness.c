/* SPDX-License-Identifier: MIT */
#include "harness.h"

#include <stdlib.h>
#include <string.h>

#include "base/crc64.h"

/* ---- Executing ---- */

static void tell(struct world *w, struct rh_vault_event *event)
{
    assert_int_equal(rh_vault_tell(w->vault, event), RH_OK);
}

static void execute_store(struct world *w, struct rh_vault_action *action)
{
    struct rh_vault_event event = {.kind = RH_HAS_STORED};
    w->jobs[action->u.store.verb]++;
    w->store->ops->run(w->store, &action->u.store, &event.u.stored);
    rh_store_job_finish(&action->u.store);
    tell(w, &event);
}

static void execute_read(struct world *w, struct rh_vault_action *action)
{
    struct rh_vault_event event = {.kind = RH_HAS_READ};
    w->reads++;
    event.u.read.id = action->u.read.id;
    event.u.read.rows = calloc(1, sizeof *event.u.read.rows);
    if (w->reads_error != RH_OK)
        event.u.read.rows->error = w->reads_error;
    else if (!w->reads_empty)
        w->catalog->ops->read(w->catalog, &action->u.read.read, event.u.read.rows);
    tell(w, &event);
}

static void execute_commit(struct world *w, struct rh_vault_action *action)
{
    struct rh_vault_event event = {.kind = RH_HAS_COMMITTED};
    w->commits++;
    event.u.committed.id = action->u.commit.id;
    event.u.committed.error = w->catalog->ops->commit(w->catalog, &action->u.commit.batch);
    rh_batch_free(&action->u.commit.batch);
    tell(w, &event);
}

static bool is_held(const struct world *w, const struct rh_vault_action *action)
{
    return (action->kind == RH_DO_COMMIT && w->hold_commits) ||
           (action->kind == RH_DO_READ && w->hold_reads) ||
           (action->kind == RH_DO_STORE && w->hold_verb[action->u.store.verb]);
}

static void execute(struct world *w, struct rh_vault_action *action)
{
    uint64_t op;
    switch (action->kind) {
    case RH_DO_GRANT:
        op = action->u.grant.op;
        assert_null(w->grants[op]);
        w->grants[op] = malloc(sizeof *w->grants[op]);
        *w->grants[op] = action->u.grant;
        return;
    case RH_DO_REVOKE:
        w->revoked[action->u.revoke_op] = true;
        return;
    case RH_DO_CHECKPOINT:
        w->checkpoints[action->u.checkpoint_op]++;
        return;
    case RH_DO_PROGRESS:
        w->progress[action->u.progress.op] = action->u.progress.cursor;
        return;
    case RH_DO_REPLY:
        op = action->u.reply->op;
        assert_null(w->replies[op]); /* one reply for each request */
        w->replies[op] = action->u.reply;
        return;
    case RH_DO_STORE:
        execute_store(w, action);
        return;
    case RH_DO_READ:
        execute_read(w, action);
        return;
    case RH_DO_COMMIT:
        execute_commit(w, action);
        return;
    case RH_DO_FATAL:
        w->fatal = true;
        return;
    case RH_DO_DRAINED:
        w->drained = true;
        return;
    case RH_DO_LOG:
        w->logs++;
        w->last_log = action->u.log.text;
        return;
    }
}

void world_pump(struct world *w)
{
    struct rh_vault_action action;
    while (rh_vault_next(w->vault, &action)) {
        if (is_held(w, &action)) {
            assert_true(w->held_count < WORLD_HELD_MAX);
            w->held[w->held_count++] = action;
        } else {
            execute(w, &action);
        }
    }
}

void world_release(struct world *w)
{
    struct rh_vault_action held[WORLD_HELD_MAX];
    size_t count = w->held_count;
    memcpy(held, w->held, count * sizeof *held);
    w->held_count = 0;
    for (size_t i = 0; i < count; i++)
        execute(w, &held[i]);
    world_pump(w);
}

size_t world_held(const struct world *w, enum rh_vault_action_kind kind)
{
    size_t count = 0;
    for (size_t i = 0; i < w->held_count; i++)
        count += w->held[i].kind == kind;
    return count;
}

/* ---- Life ---- */

static void start_vault(struct world *w)
{
    uint8_t entropy[32];
    fill(entropy, sizeof entropy, ++w->entropy);
    w->vault = rh_vault_create(&w->limits, entropy);
    assert_non_null(w->vault);
    world_time(w, 0, 0);
}

void world_init(struct world *w)
{
    memset(w, 0, sizeof *w);
    rh_vault_limits_default(&w->limits);
    w->limits.reserve_bytes = 1;
    w->wall_ms = (int64_t)1769527800 * 1000; /* 2026-01-27T15:30:00Z */
    w->catalog = rh_catalog_model_open();
    w->store = rh_store_model_open(1);
}

void world_start(struct world *w)
{
    start_vault(w);
}

static void drop_answers(struct world *w)
{
    for (size_t i = 0; i < WORLD_OPS_MAX; i++) {
        free(w->grants[i]);
        w->grants[i] = NULL;
        w->revoked[i] = false;
        w->checkpoints[i] = 0;
        w->progress[i] = 0;
        if (w->replies[i] != NULL)
            rh_vault_reply_finish(w->replies[i]);
        free(w->replies[i]);
        w->replies[i] = NULL;
    }
    for (size_t i = 0; i < w->held_count; i++) {
        if (w->held[i].kind == RH_DO_COMMIT)
            rh_batch_free(&w->held[i].u.commit.batch);
        else if (w->held[i].kind == RH_DO_STORE)
            rh_store_job_finish(&w->held[i].u.store);
    }
    w->held_count = 0;
    w->last_op = 0;
}

void world_finish(struct world *w)
{
    rh_vault_destroy(w->vault);
    drop_answers(w);
    assert_int_equal(rh_store_model_misuse(w->store), 0);
    w->catalog->ops->close(w->catalog);
    w->store->ops->close(w->store);
}

void world_restart(struct world *w, bool power)
{
    rh_vault_destroy(w->vault);
    drop_answers(w);
    w->hold_commits = w->hold_reads = w->fatal = w->drained = false;
    memset(w->hold_verb, 0, sizeof w->hold_verb);
    if (power)
        rh_store_model_crash(w->store);
    else
        rh_store_model_kill(w->store);
    start_vault(w);
}

void world_time(struct world *w, uint64_t mono_ms_more, int64_t wall_ms_more)
{
    struct rh_vault_event event = {.kind = RH_HAS_TIME};
    w->mono_ms += mono_ms_more;
    w->wall_ms += wall_ms_more;
    event.u.time.mono_ms = w->mono_ms;
    event.u.time.wall_ms = w->wall_ms;
    tell(w, &event);
    world_pump(w);
}

void world_pass(struct world *w, uint64_t seconds)
{
    for (uint64_t i = 0; i < seconds; i++)
        world_time(w, 1000, 1000);
}

/* ---- Asking ---- */

struct rh_vault_request *request_new(struct world *w, enum rh_request_kind kind)
{
    struct rh_vault_request *request = calloc(1, sizeof *request);
    request->op = ++w->last_op;
    request->kind = kind;
    request->length = RH_SIZE_UNKNOWN;
    request->total = RH_SIZE_UNKNOWN;
    request->chunk_index = RH_SIZE_UNKNOWN;
    request->chunk_count = RH_SIZE_UNKNOWN;
    request->declared_size = RH_SIZE_UNKNOWN;
    fill(request->entropy, sizeof request->entropy, ++w->entropy);
    assert_true(request->op < WORLD_OPS_MAX);
    return request;
}

uint64_t ask(struct world *w, struct rh_vault_request *request)
{
    struct rh_vault_event event = {.kind = RH_HAS_REQUEST, .u.request = request};
    uint64_t op = request->op;
    tell(w, &event);
    world_pump(w);
    return op;
}

const struct rh_vault_reply *answer_if(const struct world *w, uint64_t op)
{
    return w->replies[op];
}

const struct rh_vault_reply *answer(struct world *w, uint64_t op)
{
    assert_non_null(w->replies[op]);
    return w->replies[op];
}

const struct rh_vault_reply *ask_answer(struct world *w, struct rh_vault_request *request)
{
    return answer(w, ask(w, request));
}

const struct rh_grant *granted(const struct world *w, uint64_t op)
{
    return w->grants[op];
}

/* ---- Bodies ---- */

void body_only(struct world *w, uint64_t op, const void *bytes, size_t size,
               enum rh_written_end end, struct rh_written *written)
{
    const struct rh_grant *grant = w->grants[op];
    const uint8_t *next = bytes;
    assert_non_null(grant);
    memset(written, 0, sizeof *written);
    written->op = op;
    written->end = end;
    written->span_count = grant->span_count;
    for (size_t i = 0; i < grant->span_count && written->bytes < size; i++) {
        uint64_t take = size - written->bytes;
        if (take > grant->spans[i].length)
            take = grant->spans[i].length;
        if (take > grant->bytes_max - written->bytes)
            take = grant->bytes_max - written->bytes;
        if (!grant->spans[i].compare) {
            enum rh_error error = w->store->ops->write(w->store, grant->handle,
                                                       grant->spans[i].offset, next, (size_t)take);
            if (error != RH_OK) {
                written->end = error == RH_ERR_FULL ? RH_WRITTEN_FULL : RH_WRITTEN_FAILED;
                return;
            }
        }
        written->crc64[i] = rh_crc64_update(0, next, (size_t)take);
        written->length[i] = take;
        written->bytes += take;
        next += take;
    }
    if (written->bytes < size)
        written->end = RH_WRITTEN_TOO_LONG;
}

void report(struct world *w, const struct rh_written *written)
{
    struct rh_vault_event event = {.kind = RH_HAS_WRITTEN, .u.written = *written};
    tell(w, &event);
    world_pump(w);
}

void body(struct world *w, uint64_t op, const void *bytes, size_t size, enum rh_written_end end)
{
    struct rh_written written;
    body_only(w, op, bytes, size, end, &written);
    report(w, &written);
}

/* ---- Short forms ---- */

const char *make_session(struct world *w, char out[RH_UUID_TEXT_MAX])
{
    const struct rh_vault_reply *reply = ask_answer(w, request_new(w, RH_REQUEST_SESSION_CREATE));
    assert_int_equal(reply->code, RH_REPLY_CREATED);
    strcpy(out, reply->session.id);
    return out;
}

const char *make_upload(struct world *w, const char *session, const char *name, uint64_t total,
                        char out[RH_ID_TEXT_MAX])
{
    struct rh_vault_request *request = request_new(w, RH_REQUEST_CREATE);
    strcpy(request->session, session);
    strcpy(request->name, name);
    strcpy(request->mime, "video/webm");
    request->total = total;
    const struct rh_vault_reply *reply = ask_answer(w, request);
    assert_int_equal(reply->code, RH_REPLY_CREATED);
    assert_true(reply->has_upload);
    strcpy(out, reply->upload.id);
    return out;
}

struct rh_vault_request *write_of(struct world *w, const char *upload, uint64_t offset,
                                  uint64_t length)
{
    struct rh_vault_request *request = request_new(w, RH_REQUEST_WRITE);
    strcpy(request->upload, upload);
    request->offset = offset;
    request->length = length;
    return request;
}

struct rh_vault_request *chunk_of(struct world *w, const char *session, const char *name,
                                  uint64_t index, uint64_t count)
{
    struct rh_vault_request *request = request_new(w, RH_REQUEST_WRITE);
    strcpy(request->session, session);
    strcpy(request->name, name);
    request->chunk_index = index;
    request->chunk_count = count;
    return request;
}

static enum rh_reply_code send(struct world *w, struct rh_vault_request *request, const void *bytes,
                               size_t size)
{
    uint64_t op = ask(w, request);
    if (w->replies[op] == NULL)
        body(w, op, bytes, size, RH_WRITTEN_WHOLE);
    return answer(w, op)->code;
}

enum rh_reply_code put(struct world *w, const char *upload, uint64_t offset, const void *bytes,
                       size_t size)
{
    return send(w, write_of(w, upload, offset, size), bytes, size);
}

enum rh_reply_code put_chunk(struct world *w, const char *session, const char *name, uint64_t index,
                             uint64_t count, const void *bytes, size_t size)
{
    return send(w, chunk_of(w, session, name, index, count), bytes, size);
}

const struct rh_vault_reply *get(struct world *w, const char *upload)
{
    struct rh_vault_request *request = request_new(w, RH_REQUEST_GET);
    strcpy(request->upload, upload);
    return ask_answer(w, request);
}

void target_of(const struct rh_upload_view *view, struct rh_store_target *target)
{
    memset(target, 0, sizeof *target);
    strcpy(target->upload, view->id);
    strcpy(target->session, view->session);
    strcpy(target->name, view->name);
    strcpy(target->mime, view->mime);
}

void assert_object(struct world *w, const char *upload, const void *bytes, size_t size)
{
    const struct rh_vault_reply *reply = get(w, upload);
    struct rh_store_target target;
    size_t size_there = 0;
    assert_int_equal(reply->upload.state, RH_UPLOAD_DONE);
    assert_int_equal(reply->upload.total, size);
    assert_int_equal(reply->upload.crc64, rh_crc64_update(0, bytes, size));
    target_of(&reply->upload, &target);
    const uint8_t *there =
        rh_store_model_look(w->store, &target, RH_MODEL_OBJECT, 0, true, &size_there);
    assert_non_null(there);
    assert_int_equal(size_there, size);
    assert_memory_equal(there, bytes, size);
    assert_null(rh_store_model_look(w->store, &target, RH_MODEL_IN_PLACE, 0, false, &size_there));
}

void fill(void *bytes, size_t size, uint64_t seed)
{
    struct rh_rng rng;
    uint8_t *next = bytes;
    rh_rng_init(&rng, seed);
    for (size_t i = 0; i < size; i++)
        next[i] = (uint8_t)rh_rng_next(&rng);
}

int fixture_setup(void **state, void (*limits)(struct rh_vault_limits *), const char *name)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    world_init(&f->w);
    if (limits != NULL)
        limits(&f->w.limits);
    world_start(&f->w);
    make_session(&f->w, f->session);
    if (name != NULL)
        make_upload(&f->w, f->session, name, RH_SIZE_UNKNOWN, f->id);
    *state = f;
    return 0;
}

int fixture_teardown(void **state)
{
    struct fixture *f = *state;
    world_finish(&f->w);
    free(f);
    return 0;
}

uint64_t seed_of(const char *variable, uint64_t fallback)
{
    const char *text = getenv(variable);
    return text != NULL ? strtoull(text, NULL, 10) : fallback;
}
