/* SPDX-License-Identifier: MIT */
#include "world.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/crc64.h"
#include "serve/places.h"
#include "serve/workers.h"
#include "vault/generation.h"

#define WALL_MS 1769527800000 /* 2026-01-27T15:30:00Z */

void world_problem(struct world *w, const char *format, ...)
{
    va_list arguments;
    if (w->problem[0] != '\0')
        return;
    va_start(arguments, format);
    vsnprintf(w->problem, sizeof w->problem, format, arguments);
    va_end(arguments);
}

/* ---- Promises ---- */

void world_mark(struct world *w, bool relaxes)
{
    if (w->tape == NULL)
        return;
    if (w->promise_count == w->promise_cap) {
        w->promise_cap = w->promise_cap == 0 ? 32 : w->promise_cap * 2;
        w->promises = realloc(w->promises, w->promise_cap * sizeof *w->promises);
        RH_ASSERT(w->promises != NULL);
    }
    w->promises[w->promise_count] = w->now;
    tape_mark(w->tape, w->promise_count++, relaxes);
}

static void promise_view(struct promise_video *promise, const struct source *source,
                         const struct rh_vault_reply *reply)
{
    promise->made = true;
    promise->gone = false;
    strcpy(promise->id, reply->upload.id);
    for (size_t i = 0; i < reply->durable_count; i++) {
        const struct rh_interval *range = &reply->durable[i];
        if (range->offset + range->length <= source->size)
            memset(promise->bytes + range->offset, 1, (size_t)range->length);
    }
    for (size_t i = 0; i < reply->chunk_run_count; i++) {
        for (size_t k = 0; k < reply->chunks[i].length; k++) {
            size_t index = (size_t)reply->chunks[i].offset + k;
            size_t start = source->starts[index];
            promise->chunks[index] = true;
            memset(promise->bytes + start, 1, source->starts[index + 1] - start);
        }
    }
    promise->done |= reply->upload.state == RH_UPLOAD_DONE;
}

/* Whatever is said is a promise, also in an answer that says no. */
static void keep_promise(struct world *w, const struct world_asked *asked,
                         const struct rh_vault_reply *reply)
{
    struct promise_video *promise = &w->now.videos[asked->video];
    bool is_good = reply->code == RH_REPLY_OK || reply->code == RH_REPLY_CREATED;
    strcpy(w->now.generation, reply->generation);
    if (asked->kind == RH_REQUEST_SESSION_CREATE) {
        w->now.session |= is_good;
    } else if (asked->kind == RH_REQUEST_DELETE && is_good) {
        char id[RH_ID_TEXT_MAX];
        strcpy(id, promise->id);
        *promise = (struct promise_video){.gone = true};
        strcpy(promise->gone_id, id);
    } else if (reply->has_upload) {
        promise_view(promise, &w->sources[asked->video], reply);
        if (asked->kind == RH_REQUEST_METADATA && is_good)
            promise->metadata = asked->metadata;
    }
    world_mark(w, false);
}

/* ---- Executing ---- */

static void tell(struct world *w, struct rh_vault_event *event)
{
    if (rh_vault_tell(w->vault, event) != RH_OK)
        world_problem(w, "the vault ran out of memory");
}

static void take_reply(struct world *w, struct rh_vault_reply *reply)
{
    struct world_asked *asked = &w->asked[reply->op];
    RH_ASSERT(asked->used && w->replies[reply->op] == NULL);
    w->replies[reply->op] = reply;
    if (reply->has_upload && asked->kind != RH_REQUEST_DELETE)
        strcpy(w->ids[asked->video], reply->upload.id);
    if (reply->code == RH_REPLY_INTERNAL)
        world_problem(w, "an internal error was answered: %s", reply->message);
    if (asked->other_bytes && reply->code == RH_REPLY_OK)
        world_problem(w, "other bytes were taken");
    if (w->tape != NULL)
        keep_promise(w, asked, reply);
}

static void take_action(struct world *w, struct rh_vault_action *action)
{
    switch (action->kind) {
    case RH_DO_STORE:
        RH_ASSERT(w->job_count < WORLD_POOL);
        w->jobs[w->job_count++] = *action;
        return;
    case RH_DO_READ:
    case RH_DO_COMMIT:
        RH_ASSERT(w->catalog_count < WORLD_POOL);
        w->catalog_actions[w->catalog_count++] = *action;
        return;
    case RH_DO_REPLY:
        take_reply(w, action->u.reply);
        return;
    case RH_DO_GRANT:
        RH_ASSERT(w->body_count < WORLD_BODIES);
        w->bodies[w->body_count++] = (struct world_body){
            .op = action->u.grant.op,
            .grant = action->u.grant,
            .written = {.op = action->u.grant.op, .span_count = action->u.grant.span_count}};
        return;
    case RH_DO_REVOKE:
        w->asked[action->u.revoke_op].revoked = true;
        return;
    case RH_DO_CHECKPOINT:
        w->asked[action->u.checkpoint_op].checkpoint = true;
        return;
    case RH_DO_PROGRESS:
        return;
    case RH_DO_FATAL:
        world_problem(w, "the vault gave up");
        return;
    case RH_DO_DRAINED:
    case RH_DO_LOG:
        return;
    }
}

static void take_actions(struct world *w)
{
    struct rh_vault_action action;
    while (rh_vault_next(w->vault, &action))
        take_action(w, &action);
}

/* The oldest job that may not be overtaken by the one that was drawn. */
static size_t draw_job(struct world *w)
{
    if (!w->shuffle)
        return 0;
    size_t drawn = (size_t)rh_rng_below(&w->rng, w->job_count);
    for (size_t i = 0; i < drawn; i++)
        if (rh_jobs_conflict(&w->jobs[i].u.store, &w->jobs[drawn].u.store))
            return i;
    return drawn;
}

static void run_job(struct world *w)
{
    size_t at = draw_job(w);
    struct rh_vault_action action = w->jobs[at];
    struct rh_vault_event event = {.kind = RH_HAS_STORED};
    w->job_count--;
    memmove(&w->jobs[at], &w->jobs[at + 1], (w->job_count - at) * sizeof *w->jobs);
    w->store->ops->run(w->store, &action.u.store, &event.u.stored);
    rh_store_job_finish(&action.u.store);
    tell(w, &event);
}

static void run_catalog(struct world *w)
{
    struct rh_vault_action action = w->catalog_actions[0];
    struct rh_vault_event event = {0};
    w->catalog_count--;
    memmove(w->catalog_actions, w->catalog_actions + 1,
            w->catalog_count * sizeof *w->catalog_actions);
    if (action.kind == RH_DO_COMMIT) {
        event.kind = RH_HAS_COMMITTED;
        event.u.committed.id = action.u.commit.id;
        event.u.committed.error = w->catalog->ops->commit(w->catalog, &action.u.commit.batch);
        rh_batch_free(&action.u.commit.batch);
    } else {
        event.kind = RH_HAS_READ;
        event.u.read.id = action.u.read.id;
        event.u.read.rows = calloc(1, sizeof *event.u.read.rows);
        RH_ASSERT(event.u.read.rows != NULL);
        w->catalog->ops->read(w->catalog, &action.u.read.read, event.u.read.rows);
    }
    tell(w, &event);
}

static void end_body(struct world *w, size_t index, enum rh_written_end end)
{
    struct rh_vault_event event = {.kind = RH_HAS_WRITTEN};
    event.u.written = w->bodies[index].written;
    event.u.written.end = end;
    w->bodies[index] = w->bodies[--w->body_count];
    tell(w, &event);
}

static size_t taken(const struct world_body *body)
{
    return body->reported + (size_t)body->written.bytes;
}

static void report_sofar(struct world *w, struct world_body *body)
{
    struct rh_vault_event event = {.kind = RH_HAS_WRITTEN};
    uint64_t bytes = body->written.bytes;
    event.u.written = body->written;
    event.u.written.end = RH_WRITTEN_SOFAR;
    event.u.written.asked = true;
    body->written = (struct rh_written){.op = body->op, .span_count = body->written.span_count};
    body->reported += (size_t)bytes;
    body->grant.bytes_max -= bytes;
    body->grant.spans[0].offset += bytes;
    body->grant.spans[0].length -= bytes;
    w->asked[body->op].checkpoint = false;
    tell(w, &event);
}

/* True when the body has nothing more to give, and was reported. */
static bool body_ends(struct world *w, size_t index)
{
    struct world_body *body = &w->bodies[index];
    const struct world_asked *asked = &w->asked[body->op];
    if (asked->revoked)
        end_body(w, index, RH_WRITTEN_REVOKED);
    else if (taken(body) == asked->size)
        end_body(w, index, RH_WRITTEN_WHOLE);
    else if (taken(body) >= asked->cut)
        end_body(w, index, RH_WRITTEN_BROKEN);
    else if (body->written.bytes == body->grant.bytes_max)
        end_body(w, index, RH_WRITTEN_TOO_LONG);
    else
        return false;
    return true;
}

static void run_body(struct world *w, size_t index)
{
    struct world_body *body = &w->bodies[index];
    const struct world_asked *asked = &w->asked[body->op];
    const uint8_t *source = w->sources[asked->video].bytes + asked->offset;
    struct rh_written *written = &body->written;
    uint8_t bytes[WORLD_BYTES];
    size_t span = 0;
    if (body_ends(w, index))
        return;
    while (span < body->grant.span_count && written->length[span] == body->grant.spans[span].length)
        span++;
    RH_ASSERT(span < body->grant.span_count);
    const struct rh_grant_span *at = &body->grant.spans[span];
    size_t most = asked->hold > taken(body) ? asked->hold : asked->size;
    size_t piece = (most < asked->cut ? most : asked->cut) - taken(body);
    if (w->shuffle && piece > 700)
        piece = 300 + (size_t)rh_rng_below(&w->rng, 400);
    if (piece > at->length - written->length[span])
        piece = (size_t)(at->length - written->length[span]);
    memcpy(bytes, source + taken(body), piece);
    if (asked->other_bytes)
        bytes[0] ^= 0x40;
    if (!at->compare &&
        w->store->ops->write(w->store, body->grant.handle, at->offset + written->length[span],
                             bytes, piece) != RH_OK) {
        end_body(w, index, RH_WRITTEN_FAILED);
        return;
    }
    written->crc64[span] = rh_crc64_update(written->crc64[span], bytes, piece);
    written->length[span] += piece;
    written->bytes += piece;
}

static bool stands_still(const struct world *w, size_t index)
{
    const struct world_asked *asked = &w->asked[w->bodies[index].op];
    return asked->hold != 0 && asked->hold <= taken(&w->bodies[index]) && !asked->revoked;
}

static bool run_bodies(struct world *w)
{
    size_t first =
        w->shuffle && w->body_count > 0 ? (size_t)rh_rng_below(&w->rng, w->body_count) : 0;
    for (size_t i = 0; i < w->body_count; i++) {
        size_t index = (first + i) % w->body_count;
        if (w->asked[w->bodies[index].op].checkpoint) {
            report_sofar(w, &w->bodies[index]);
            return true;
        }
        if (stands_still(w, index))
            continue;
        run_body(w, index);
        return true;
    }
    return false;
}

void world_settle(struct world *w)
{
    bool moved = true;
    for (size_t steps = 0; moved && w->problem[0] == '\0'; steps++) {
        unsigned first = w->shuffle ? (unsigned)rh_rng_below(&w->rng, 3) : 0;
        moved = false;
        for (unsigned i = 0; i < 3 && !moved; i++) {
            unsigned what = (first + i) % 3;
            if (what == 0)
                moved = run_bodies(w);
            else if (what == 1 && w->job_count > 0)
                moved = (run_job(w), true);
            else if (what == 2 && w->catalog_count > 0)
                moved = (run_catalog(w), true);
        }
        take_actions(w);
        if (steps > 20000)
            world_problem(w, "the server works without an end");
    }
}

void world_release(struct world *w, uint64_t op)
{
    w->asked[op].hold = 0;
}

/* ---- Life ---- */

static void make_sources(struct world *w, struct rh_rng *rng)
{
    for (size_t v = 0; v < WORLD_VIDEOS; v++) {
        struct source *source = &w->sources[v];
        snprintf(source->name, sizeof source->name, "take-%zu", v);
        source->by_chunks = v == 1;
        source->size = v == 2 ? 700 : 2600 + 100 * v;
        for (size_t i = 0; i < source->size; i++)
            source->bytes[i] = (uint8_t)(rh_rng_next(rng) % 255 + 1); /* a hole is never equal */
        source->chunk_count = source->by_chunks ? 4 : 0;
        for (size_t i = 1; i <= source->chunk_count; i++)
            source->starts[i] = i == source->chunk_count ? source->size : i * 600;
    }
}

static void init(struct world *w, const char *root)
{
    memset(w, 0, sizeof *w);
    RH_ASSERT(strlen(root) < sizeof w->root);
    strcpy(w->root, root);
    w->data = w->lock = -1;
}

void world_init_after(struct world *w, const char *root, const struct world *before)
{
    init(w, root);
    memcpy(w->sources, before->sources, sizeof w->sources);
    memcpy(w->used, before->used, sizeof w->used);
    w->limits = before->limits;
    w->may_rebuild = before->may_rebuild;
}

void world_init(struct world *w, const char *root, uint64_t seed)
{
    struct rh_rng rng;
    init(w, root);
    rh_rng_init(&rng, 1); /* sources are the same in every world */
    make_sources(w, &rng);
    rh_rng_init(&w->rng, seed);
    w->shuffle = seed != 0;
    w->entropy = seed;
    rh_vault_limits_default(&w->limits);
    w->limits.reserve_bytes = 1;
}

void world_finish(struct world *w)
{
    world_close(w);
    free(w->promises);
    w->promises = NULL;
}

static void entropy_of(struct world *w, uint8_t out[32])
{
    struct rh_rng rng;
    rh_rng_init(&rng, 1000003 * w->entropy + 17);
    w->entropy += 1000;
    for (size_t i = 0; i < 32; i++)
        out[i] = (uint8_t)rh_rng_next(&rng);
}

static void tell_time(struct world *w)
{
    struct rh_vault_event event = {.kind = RH_HAS_TIME};
    event.u.time.mono_ms = w->mono_ms;
    event.u.time.wall_ms = WALL_MS + (int64_t)w->mono_ms;
    tell(w, &event);
    take_actions(w);
}

static enum rh_error open_catalog(struct world *w, const char *data, struct rh_opening *opening)
{
    enum rh_error error = rh_generation_open(&w->catalog, data, opening);
    if (error != RH_ERR_UNKNOWN || !w->may_rebuild)
        return error;
    error = rh_generation_rebuild(data, opening);
    *opening = (struct rh_opening){.why = opening->why};
    return error == RH_OK ? rh_generation_open(&w->catalog, data, opening) : error;
}

bool world_open(struct world *w)
{
    char data[IMAGE_PATH];
    char complaint[RH_COMPLAINT_BYTES] = "";
    uint8_t entropy[32];
    snprintf(data, sizeof data, "%s/data", w->root);
    struct rh_opening opening = {0};
    enum rh_error error = rh_places_data(data, &w->data, &w->lock, complaint);
    if (error != RH_OK)
        world_problem(w, "the data directory cannot be used: %.200s", complaint);
    if (error == RH_OK && (error = rh_store_files_open(&w->store, data)) != RH_OK)
        world_problem(w, "the store cannot be opened: error %d", error);
    if (error == RH_OK && (error = open_catalog(w, data, &opening)) != RH_OK)
        world_problem(w, "the catalog cannot be opened: error %d: %s", error, opening.why);
    w->is_another = opening.opened > RH_OPENED_SAME;
    if (w->is_another && w->now.generation[0] != '\0')
        world_problem(w, "the catalog is taken for another one: case %d", opening.opened);
    if (error != RH_OK)
        return false;
    entropy_of(w, entropy);
    w->vault = rh_vault_create(&w->limits, entropy);
    RH_ASSERT(w->vault != NULL);
    w->running = true;
    tell_time(w);
    return true;
}

static void drop_under_way(struct world *w)
{
    for (size_t i = 0; i < w->job_count; i++)
        rh_store_job_finish(&w->jobs[i].u.store);
    for (size_t i = 0; i < w->catalog_count; i++)
        if (w->catalog_actions[i].kind == RH_DO_COMMIT)
            rh_batch_free(&w->catalog_actions[i].u.commit.batch);
    for (size_t i = 0; i <= w->last_op; i++) {
        if (w->replies[i] != NULL)
            rh_vault_reply_finish(w->replies[i]);
        free(w->replies[i]);
        w->replies[i] = NULL;
        w->asked[i] = (struct world_asked){0};
    }
    w->job_count = w->catalog_count = w->body_count = 0;
    w->last_op = 0;
}

void world_close(struct world *w)
{
    rh_vault_destroy(w->vault);
    drop_under_way(w);
    if (w->catalog != NULL)
        w->catalog->ops->close(w->catalog);
    if (w->store != NULL)
        w->store->ops->close(w->store);
    if (w->data >= 0)
        close(w->data);
    if (w->lock >= 0)
        close(w->lock);
    w->vault = NULL;
    w->catalog = NULL;
    w->store = NULL;
    w->data = w->lock = -1;
    w->running = false;
}

void world_pass(struct world *w, unsigned seconds)
{
    for (unsigned i = 0; i < seconds; i++) {
        w->mono_ms += 1000;
        tell_time(w);
        world_settle(w);
    }
}

/* ---- An older catalog ---- */

void world_catalog_take(struct world *w, struct world_catalog *catalog)
{
    char path[IMAGE_PATH];
    struct stat status;
    snprintf(path, sizeof path, "%s/data/" RH_CATALOG_FILE, w->root);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    RH_ASSERT(!w->running && fd >= 0 && fstat(fd, &status) == 0);
    catalog->size = (size_t)status.st_size;
    catalog->bytes = malloc(catalog->size);
    RH_ASSERT(catalog->bytes != NULL);
    RH_ASSERT(pread(fd, catalog->bytes, catalog->size, 0) == status.st_size);
    close(fd);
}

static void begin_another(struct world *w)
{
    RH_ASSERT(!w->running);
    if (w->tape != NULL)
        w->tape->interesting = w->tape->count;
    w->now.generation[0] = '\0';
    world_mark(w, true);
}

void world_catalog_lose(struct world *w)
{
    char path[IMAGE_PATH];
    begin_another(w);
    w->may_rebuild = true;
    snprintf(path, sizeof path, "%s/data/" RH_CATALOG_FILE, w->root);
    RH_ASSERT(unlink(path) == 0);
}

/* The log of the later one went when its server ended; that it stays away is made sure first. */
void world_catalog_give(struct world *w, struct world_catalog *catalog)
{
    char path[IMAGE_PATH];
    begin_another(w);
    snprintf(path, sizeof path, "%s/data", w->root);
    int data = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    RH_ASSERT(data >= 0 && faccessat(data, RH_CATALOG_FILE "-wal", F_OK, 0) != 0);
    int fd = openat(data, "restored", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    RH_ASSERT(fd >= 0);
    RH_ASSERT(pwrite(fd, catalog->bytes, catalog->size, 0) == (ssize_t)catalog->size);
    RH_ASSERT(fsync(fd) == 0 && fsync(data) == 0);
    RH_ASSERT(renameat(data, "restored", data, RH_CATALOG_FILE) == 0 && fsync(data) == 0);
    close(fd);
    close(data);
    free(catalog->bytes);
}

/* ---- Asking ---- */

static struct rh_vault_request *request_of(struct world *w, enum rh_request_kind kind, size_t video)
{
    struct rh_vault_request *request = calloc(1, sizeof *request);
    RH_ASSERT(request != NULL && w->last_op + 1 < WORLD_OPS);
    request->op = ++w->last_op;
    request->kind = kind;
    request->length = request->total = RH_SIZE_UNKNOWN;
    request->chunk_index = request->chunk_count = RH_SIZE_UNKNOWN;
    request->declared_size = RH_SIZE_UNKNOWN;
    entropy_of(w, request->entropy);
    strcpy(request->session, WORLD_SESSION);
    strcpy(request->name, w->sources[video].name);
    w->asked[request->op] =
        (struct world_asked){.used = true, .kind = kind, .video = video, .cut = SIZE_MAX};
    return request;
}

static uint64_t give(struct world *w, struct rh_vault_request *request)
{
    struct promise_video *promise = &w->now.videos[w->asked[request->op].video];
    w->used[w->asked[request->op].video] |= request->name[0] != '\0';
    bool makes = request->kind == RH_REQUEST_CREATE || request->kind == RH_REQUEST_WRITE ||
                 request->kind == RH_REQUEST_METADATA;
    if (makes && promise->gone) { /* another one may be there from now on */
        promise->gone = false;
        world_mark(w, true);
    }
    struct rh_vault_event event = {.kind = RH_HAS_REQUEST, .u.request = request};
    uint64_t op = request->op;
    tell(w, &event);
    take_actions(w);
    return op;
}

uint64_t world_session(struct world *w)
{
    struct rh_vault_request *request = request_of(w, RH_REQUEST_SESSION_CREATE, 0);
    request->name[0] = '\0';
    strcpy(request->participant, "p-17");
    return give(w, request);
}

uint64_t world_session_get(struct world *w)
{
    struct rh_vault_request *request = request_of(w, RH_REQUEST_SESSION_GET, 0);
    request->name[0] = '\0';
    return give(w, request);
}

uint64_t world_create(struct world *w, size_t video, bool with_total)
{
    struct rh_vault_request *request = request_of(w, RH_REQUEST_CREATE, video);
    strcpy(request->mime, "video/webm");
    if (with_total)
        request->total = w->sources[video].size;
    request->cursor = w->sources[video].by_cursor;
    request->concat = w->sources[video].concat;
    if (request->concat == RH_CONCAT_FINAL) {
        request->sources = calloc(video, sizeof *request->sources);
        RH_ASSERT(request->sources != NULL);
        request->source_count = video;
        for (size_t i = 0; i < video; i++)
            strcpy(request->sources[i], w->ids[i]);
    }
    return give(w, request);
}

uint64_t world_get(struct world *w, size_t video)
{
    return give(w, request_of(w, RH_REQUEST_GET, video));
}

uint64_t world_write(struct world *w, size_t video, const char *id, size_t offset, size_t size,
                     bool ends)
{
    struct rh_vault_request *request = request_of(w, RH_REQUEST_WRITE, video);
    strcpy(request->upload, id);
    request->offset = offset;
    request->length = size;
    request->final = ends;
    request->cursor = w->sources[video].by_cursor;
    w->asked[request->op].offset = offset;
    w->asked[request->op].size = size;
    return give(w, request);
}

uint64_t world_chunk(struct world *w, size_t video, uint64_t index)
{
    const struct source *source = &w->sources[video];
    struct rh_vault_request *request = request_of(w, RH_REQUEST_WRITE, video);
    strcpy(request->mime, "video/webm");
    request->chunk_index = index;
    request->chunk_count = source->chunk_count;
    request->length = source->starts[index + 1] - source->starts[index];
    w->asked[request->op].offset = source->starts[index];
    w->asked[request->op].size = (size_t)request->length;
    w->asked[request->op].chunk = index;
    return give(w, request);
}

uint64_t world_end(struct world *w, size_t video, bool allow_partial)
{
    struct rh_vault_request *request = request_of(w, RH_REQUEST_FINISH, video);
    request->allow_partial = allow_partial;
    if (w->sources[video].by_chunks)
        request->chunk_count = w->sources[video].chunk_count;
    if (allow_partial) {
        w->now.videos[video].partial = true;
        world_mark(w, true);
    }
    return give(w, request);
}

void world_metadata_text(unsigned number, char out[64])
{
    snprintf(out, 64, "{\"prompt_id\":\"prompt-%u\"}", number);
}

uint64_t world_metadata(struct world *w, size_t video, unsigned number)
{
    struct rh_vault_request *request = request_of(w, RH_REQUEST_METADATA, video);
    char text[64];
    world_metadata_text(number, text);
    request->metadata = strdup(text);
    RH_ASSERT(request->metadata != NULL);
    w->asked[request->op].metadata = number;
    w->now.videos[video].metadata_asked = number;
    world_mark(w, true);
    return give(w, request);
}

uint64_t world_delete(struct world *w, size_t video, const char *id)
{
    struct rh_vault_request *request = request_of(w, RH_REQUEST_DELETE, video);
    strcpy(request->upload, id);
    w->now.videos[video].may_go = true;
    world_mark(w, true);
    return give(w, request);
}

/* ---- Looking ---- */

const struct rh_vault_reply *world_answer(const struct world *w, uint64_t op)
{
    return w->replies[op];
}

void world_expect(struct world *w, uint64_t op, enum rh_reply_code code)
{
    const struct rh_vault_reply *reply = w->replies[op];
    if (reply == NULL)
        world_problem(w, "request %u was not answered", (unsigned)op);
    else if (reply->code != code)
        world_problem(w, "request %u was answered with %d, not %d: %s", (unsigned)op, reply->code,
                      code, reply->message != NULL ? reply->message : "");
}

void world_target(const struct world *w, size_t video, const char *id,
                  struct rh_store_target *target)
{
    *target = (struct rh_store_target){0};
    strcpy(target->upload, id);
    strcpy(target->session, WORLD_SESSION);
    strcpy(target->name, w->sources[video].name);
    strcpy(target->mime, "video/webm");
}
