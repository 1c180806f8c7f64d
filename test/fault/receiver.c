/* SPDX-License-Identifier: MIT */
#include "receiver.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/rng.h"

static void call(void (*hook)(void))
{
    if (hook != NULL)
        hook();
}

/* ---- the vault ---- */

static void tell(struct receiver *r, struct rh_vault_event *event)
{
    call(r->hooks->enter_vault);
    if (rh_vault_tell(r->vault, event) != RH_OK)
        rh_out_of_memory(); /* as the server does */
    call(r->hooks->leave_vault);
}

static bool next(struct receiver *r, struct rh_vault_action *action)
{
    call(r->hooks->enter_vault);
    bool more = rh_vault_next(r->vault, action);
    call(r->hooks->leave_vault);
    return more;
}

static void do_store(struct receiver *r, struct rh_store_job *job)
{
    struct rh_vault_event event = {.kind = RH_HAS_STORED};
    r->store->ops->run(r->store, job, &event.u.stored);
    rh_store_job_finish(job);
    tell(r, &event);
}

static void do_read(struct receiver *r, uint64_t id, const struct rh_read *read)
{
    struct rh_vault_event event = {.kind = RH_HAS_READ};
    call(r->hooks->pause);
    event.u.read.rows = calloc(1, sizeof *event.u.read.rows);
    call(r->hooks->resume);
    RH_MEMORY(event.u.read.rows);
    event.u.read.id = id;
    r->catalog->ops->read(r->catalog, read, event.u.read.rows);
    tell(r, &event);
}

static void do_commit(struct receiver *r, uint64_t id, struct rh_batch *batch)
{
    struct rh_vault_event event = {.kind = RH_HAS_COMMITTED};
    event.u.committed.id = id;
    event.u.committed.error = r->catalog->ops->commit(r->catalog, batch);
    rh_batch_free(batch);
    tell(r, &event);
}

static void do_reply(struct receiver *r, struct rh_vault_reply *reply)
{
    if (r->exchange != NULL && reply->op == r->last_op) {
        rh_exchange_replied(r->exchange, reply);
        return;
    }
    rh_vault_reply_finish(reply);
    free(reply);
}

static void act(struct receiver *r, struct rh_vault_action *action)
{
    switch (action->kind) {
    case RH_DO_GRANT:
        RH_ASSERT(r->exchange != NULL);
        rh_exchange_granted(r->exchange, &action->u.grant);
        return;
    case RH_DO_REVOKE:
        if (r->exchange != NULL)
            rh_exchange_revoked(r->exchange);
        return;
    case RH_DO_CHECKPOINT:
        if (r->exchange != NULL)
            rh_exchange_checkpoint(r->exchange);
        return;
    case RH_DO_PROGRESS:
        if (r->exchange != NULL)
            rh_exchange_progressed(r->exchange, action->u.progress.cursor);
        return;
    case RH_DO_REPLY:
        do_reply(r, action->u.reply);
        return;
    case RH_DO_STORE:
        do_store(r, &action->u.store);
        return;
    case RH_DO_READ:
        do_read(r, action->u.read.id, &action->u.read.read);
        return;
    case RH_DO_COMMIT:
        do_commit(r, action->u.commit.id, &action->u.commit.batch);
        return;
    case RH_DO_FATAL:
        r->fatal = true;
        return;
    case RH_DO_DRAINED:
        return;
    case RH_DO_LOG:
        r->last_log = action->u.log.text;
        return;
    }
}

void receiver_pump(struct receiver *r)
{
    struct rh_vault_action action;
    while (next(r, &action))
        act(r, &action);
}

/* ---- what api asks for ---- */

static void ask(void *context, struct rh_exchange *x, struct rh_vault_request *request)
{
    struct receiver *r = context;
    struct rh_vault_event event = {.kind = RH_HAS_REQUEST, .u.request = request};
    (void)x;
    tell(r, &event); /* answers come out of the pump, never from within this call */
}

static void written(void *context, struct rh_exchange *x, const struct rh_written *what)
{
    struct receiver *r = context;
    struct rh_vault_event event = {.kind = RH_HAS_WRITTEN, .u.written = *what};
    (void)x;
    tell(r, &event);
}

static void random_bytes(void *context, uint8_t *out, size_t size)
{
    struct receiver *r = context;
    struct rh_rng rng;
    rh_rng_init(&rng, r->seed);
    for (size_t i = 0; i < size; i++)
        out[i] = (uint8_t)rh_rng_next(&rng);
}

/* ---- life ---- */

void receiver_init(struct receiver *r, struct rh_catalog *catalog, struct rh_store *store,
                   const struct receiver_hooks *hooks)
{
    static const struct receiver_hooks none;
    static const char *const hosts[] = {"test", NULL};
    memset(r, 0, sizeof *r);
    r->catalog = catalog;
    r->store = store;
    r->hooks = hooks != NULL ? hooks : &none;
    r->wall_ms = (int64_t)1769527800 * 1000;
    rh_api_config_default(&r->config);
    r->config.hosts = hosts;
    rh_vault_limits_default(&r->limits);
    r->limits.reserve_bytes = 1;
    r->api = (struct rh_api){
        .config = &r->config,
        .store = store,
        .ask = ask,
        .written = written,
        .random = random_bytes,
        .context = r,
    };
}

static void tell_time(struct receiver *r)
{
    struct rh_vault_event event = {.kind = RH_HAS_TIME};
    event.u.time.mono_ms = r->mono_ms;
    event.u.time.wall_ms = r->wall_ms;
    tell(r, &event);
}

void receiver_pass(struct receiver *r, unsigned seconds)
{
    for (unsigned i = 0; i < seconds && !r->fatal; i++) {
        r->mono_ms += 1000;
        r->wall_ms += 1000;
        tell_time(r);
        receiver_pump(r);
    }
}

enum rh_error receiver_start(struct receiver *r)
{
    uint8_t entropy[32];
    random_bytes(r, entropy, sizeof entropy);
    call(r->hooks->enter_vault);
    r->vault = rh_vault_create(&r->limits, entropy);
    call(r->hooks->leave_vault);
    if (r->vault == NULL)
        return RH_ERR_MEMORY;
    r->fatal = false;
    tell_time(r);
    receiver_pump(r);
    return RH_OK;
}

void receiver_stop(struct receiver *r)
{
    rh_vault_destroy(r->vault);
    r->vault = NULL;
}

/* ---- a request ---- */

static void write_answer(struct receiver *r, const struct rh_response *response, bool head_only)
{
    struct rh_h1_answer how = {.date_s = r->wall_ms / 1000, .head_only = head_only};
    struct rh_buffer text;
    rh_buffer_init(&text, r->answer, sizeof r->answer);
    RH_ASSERT(rh_h1_write_head(&text, response, &how) == RH_OK);
    if (rh_h1_sends_body(response, &how) && response->body == RH_RESPONSE_BODY_BYTES)
        RH_ASSERT(rh_buffer_put(&text, response->bytes.data, response->bytes.size) == RH_OK);
    r->answer_size = text.size;
    r->status = response->status;
    r->close = r->close || response->close;
}

/* Of the piece that is there: true if anything changed. */
static bool feed_body(struct receiver *r, struct rh_bytes *piece)
{
    struct rh_bytes content = {NULL, 0};
    size_t used = 0;
    if (r->content > 0) {
        size_t taken = rh_exchange_body(r->exchange, piece->data, r->content);
        RH_ASSERT(taken <= r->content);
        RH_ASSERT(taken > 0 || rh_exchange_want(r->exchange) != RH_WANT_BODY);
        r->content -= taken;
        piece->data += taken;
        piece->size -= taken;
        return true;
    }
    enum rh_error error = rh_h1_body(&r->h1, *piece, &used, &content);
    if (error == RH_OK && content.size > 0)
        used -= content.size;
    piece->data += used;
    piece->size -= used;
    r->content = error == RH_OK ? content.size : 0;
    if (error == RH_ERR_AGAIN)
        return false;
    if (error == RH_OK && content.size > 0)
        return true;
    r->body_ended = true;
    if (error == RH_OK)
        rh_exchange_body_end(r->exchange);
    else
        rh_exchange_body_broken(r->exchange, error);
    return true;
}

static struct rh_bytes take(struct rh_bytes *in, size_t piece)
{
    struct rh_bytes now = *in;
    if (piece > 0 && now.size > piece)
        now.size = piece;
    in->data += now.size;
    in->size -= now.size;
    return now;
}

/* True: a head is there. */
static bool feed_head(struct receiver *r, struct rh_bytes *in, size_t piece)
{
    while (in->size > 0) {
        struct rh_bytes now = take(in, piece);
        size_t used = 0;
        enum rh_error error = rh_h1_head(&r->h1, now, &used);
        in->data -= now.size - used;
        in->size += now.size - used;
        if (error == RH_OK)
            return true;
        if (error != RH_ERR_AGAIN) {
            struct rh_response response;
            char memory[RH_API_ERROR_BYTES];
            unsigned status = rh_h1_status(&r->h1);
            rh_api_error_response(&response, memory, sizeof memory, rh_api_error_code(status),
                                  rh_h1_problem(&r->h1));
            r->close = true;
            write_answer(r, &response, false);
            return false;
        }
    }
    r->close = true;
    return false;
}

/* Until the exchange wants to answer, or the process has to end. */
static void run_exchange(struct receiver *r, struct rh_bytes *in, size_t piece)
{
    struct rh_bytes now = {in->data, 0};
    unsigned waited_s = 0;
    for (;;) {
        receiver_pump(r);
        enum rh_want want = rh_exchange_want(r->exchange);
        if (r->fatal || want == RH_WANT_RESPOND || want == RH_WANT_FILE)
            break;
        if (want == RH_WANT_VAULT) {    /* for something that is tried again later */
            RH_ASSERT(waited_s++ < 60); /* else the vault has forgotten this request */
            receiver_pass(r, 1);
            continue;
        }
        if (feed_body(r, &now))
            continue;
        if (in->size > 0) {
            now = take(in, piece);
        } else {
            r->body_ended = true;
            r->close = true;
            rh_exchange_body_broken(r->exchange, RH_ERR_CLOSED);
        }
    }
    in->data -= now.size;
    in->size += now.size;
}

static void answer(struct receiver *r)
{
    enum rh_want want = rh_exchange_want(r->exchange);
    if (r->fatal)
        return;
    if (want == RH_WANT_FILE) {
        r->has_file = true;
        r->file = *rh_exchange_file(r->exchange);
        r->status = 200;
    } else {
        write_answer(r, rh_exchange_response(r->exchange),
                     r->h1.request.method_id == RH_METHOD_HEAD);
    }
}

bool receiver_exchange(struct receiver *r, struct rh_bytes *in, size_t piece)
{
    static uint8_t head[RH_H1_HEAD_BYTES];
    static struct rh_header headers[RH_H1_HEADERS];
    r->answer_size = 0;
    r->status = 0;
    r->has_file = false;
    r->close = false;
    r->content = 0;
    r->body_ended = false;
    rh_h1_init(&r->h1, head, sizeof head, headers, RH_H1_HEADERS, 0);
    if (!feed_head(r, in, piece))
        return false;
    r->exchange = malloc(rh_exchange_size());
    if (r->exchange == NULL) { /* as serve does */
        r->close = true;
        return false;
    }
    r->last_op++;
    rh_exchange_begin(r->exchange, &r->api, &r->h1.request, r->last_op);
    run_exchange(r, in, piece);
    answer(r);
    rh_exchange_finish(r->exchange);
    free(r->exchange);
    r->exchange = NULL;
    if (!r->fatal)
        receiver_pump(r);
    return !r->fatal && !r->close && rh_h1_done(&r->h1) && r->h1.request.keep_alive;
}

struct rh_bytes receiver_header(const struct receiver *r, const char *name)
{
    struct rh_bytes none = {NULL, 0};
    size_t size = strlen(name);
    const char *at = r->answer;
    const char *end = r->answer + r->answer_size;
    while (at < end) {
        const char *line_end = memchr(at, '\r', (size_t)(end - at));
        if (line_end == NULL || line_end == at)
            return none;
        if ((size_t)(line_end - at) > size + 1 && at[size] == ':' &&
            strncasecmp(at, name, size) == 0)
            return (struct rh_bytes){(const uint8_t *)at + size + 2,
                                     (size_t)(line_end - at) - size - 2};
        at = line_end + 2;
    }
    return none;
}
