/* SPDX-License-Identifier: MIT */
/* The receiver's process: the vault between its queues, time, weather, death and new life. */
#include "receiver.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/plant.h"
#include "inside.h"

#define BUSY_MS ((rh_ms)90000) /* so long after the last event time is told every second */

enum post_kind { POST_EVENT, POST_GRANT, POST_REVOKE, POST_CHECKPOINT, POST_PROGRESS, POST_REPLY };

struct post {
    enum post_kind kind;
    struct rh_vault_event event;
    struct rh_grant grant;
    struct rh_vault_reply *reply;
    uint64_t op;
    uint64_t cursor;
};

static unsigned loop_of(uint64_t op)
{
    return (unsigned)(op % SIM_LOOPS);
}

static rh_ms mono_ms(const struct sim_receiver *r)
{
    /* While the machine sleeps its next moment lies in the future. */
    return r->sim->now_ms > r->up_ms ? r->sim->now_ms - r->up_ms + 1 : 1;
}

/* ---- death ---- */

static void boot(struct sim *sim, void *context, uint64_t life);

static void die(struct sim_receiver *r, enum sim_death death)
{
    struct sim *sim = r->sim;
    if (sim_catalog_is_stopped(r))
        death = SIM_POWER_LOST;
    sim_note(sim, NULL, "receiver %s", death == SIM_POWER_LOST ? "loses power" : "is killed");
    r->is_up = false;
    r->life = 0;
    r->crash_wanted = false;
    r->paused_until_ms = 0;
    sim_work_drop(r);
    sim_conns_drop(r);
    rh_vault_destroy(r->vault);
    r->vault = NULL;
    if (death == SIM_POWER_LOST)
        rh_store_model_crash(r->store);
    else
        rh_store_model_kill(r->store);
    sim_catalog_died(r, death == SIM_POWER_LOST, r->drained);
    r->drained = false;
    sim_check_all(sim);
    rh_ms down_ms = sim_between(sim, 10, sim_chance(sim, 300) ? 60000 : 2000);
    sim_in(sim, r->away_ms != 0 ? r->away_ms : down_ms, boot, r, 0);
    r->away_ms = 0;
}

static void die_if_wanted(struct sim_receiver *r)
{
    if (r->is_up && r->crash_wanted)
        die(r, r->death == 0 ? SIM_POWER_LOST : r->death);
}

/* Never within a call of the vault or a connection: as an event of its own. */
static void late_death(struct sim *sim, void *context, uint64_t life)
{
    (void)context;
    if (!sim->ending && life == sim->receiver->life &&
        !sim_receiver_put_off(sim, late_death, context, life))
        die_if_wanted(sim->receiver);
}

static void want_death(struct sim_receiver *r, enum sim_death death)
{
    r->crash_wanted = true;
    r->death = death;
    sim_in(r->sim, 0, late_death, r, r->life);
}

/* ---- queues between loops and vault ---- */

static void drop_post(struct post *post)
{
    if (post->kind == POST_EVENT && post->event.kind == RH_HAS_REQUEST) {
        rh_vault_request_free(post->event.u.request);
    }
    if (post->kind == POST_REPLY) {
        rh_vault_reply_finish(post->reply);
        free(post->reply);
    }
    free(post);
}

static void deliver(struct sim *sim, void *context, uint64_t life)
{
    struct post *post = context;
    struct sim_receiver *r = sim->receiver;
    if (sim->ending || life != r->life) {
        drop_post(post);
        return;
    }
    if (sim_receiver_put_off(sim, deliver, post, life))
        return;
    r->busy_ms = sim->now_ms;
    switch (post->kind) {
    case POST_EVENT:
        if (post->event.kind == RH_HAS_REQUEST) {
            struct sim_conn *conn = sim_conn_of(r, post->event.u.request->op);
            if (conn != NULL)
                conn->lease_floor = sim_check_lease_floor(sim, conn->upload);
            if (post->event.u.request->kind == RH_REQUEST_DELETE)
                sim_check_deleting(sim, post->event.u.request->upload);
        }
        sim_receiver_tell(r, &post->event);
        break;
    case POST_GRANT:
        sim_conn_granted(r, &post->grant);
        break;
    case POST_REVOKE:
        sim_conn_revoked(r, post->op);
        break;
    case POST_CHECKPOINT:
        sim_conn_checkpoint(r, post->op);
        break;
    case POST_PROGRESS:
        sim_conn_progressed(r, post->op, post->cursor);
        break;
    case POST_REPLY:
        sim_conn_replied(r, post->reply);
        break;
    }
    if (post->kind == POST_EVENT || post->kind == POST_REPLY)
        post->kind = POST_REVOKE; /* what it owned is somebody else's now */
    drop_post(post);
    die_if_wanted(r);
}

static struct post *post_new(enum post_kind kind)
{
    struct post *post = calloc(1, sizeof *post);
    RH_ASSERT(post != NULL);
    post->kind = kind;
    return post;
}

static void post_to(struct sim_receiver *r, struct post *post, rh_ms *last_ms)
{
    rh_ms at_ms = r->sim->now_ms + sim_below(r->sim, 3);
    if (at_ms < *last_ms)
        at_ms = *last_ms;
    *last_ms = at_ms;
    sim_in(r->sim, at_ms - r->sim->now_ms, deliver, post, r->life);
}

static void ask(void *context, struct rh_exchange *x, struct rh_vault_request *request)
{
    struct sim_receiver *r = context;
    struct post *post = post_new(POST_EVENT);
    struct sim_conn *conn = sim_conn_of(r, request->op);
    (void)x;
    if (conn != NULL && request->kind == RH_REQUEST_WRITE) {
        conn->is_write = true;
        conn->lease_number = request->lease_number;
        strcpy(conn->upload, request->upload);
    }
    post->event.kind = RH_HAS_REQUEST;
    post->event.u.request = request;
    post_to(r, post, &r->to_vault_ms[loop_of(request->op)]);
}

static void written(void *context, struct rh_exchange *x, const struct rh_written *what)
{
    struct sim_receiver *r = context;
    struct post *post = post_new(POST_EVENT);
    (void)x;
    post->event.kind = RH_HAS_WRITTEN;
    post->event.u.written = *what;
    post_to(r, post, &r->to_vault_ms[loop_of(what->op)]);
}

static void random_bytes(void *context, uint8_t *out, size_t size)
{
    struct sim_receiver *r = context;
    for (size_t i = 0; i < size; i++)
        out[i] = (uint8_t)rh_rng_next(&r->sim->rng);
}

/* ---- what the vault wants ---- */

static void check_reply(struct sim_receiver *r, const struct rh_vault_reply *reply)
{
    const struct rh_upload_view *view = &reply->upload;
    struct sim_conn *conn = sim_conn_of(r, reply->op);
    struct rh_range durable[RH_REPLY_RANGES_MAX];
    if (!reply->has_upload)
        return;
    for (size_t i = 0; i < reply->durable_count; i++)
        durable[i] = (struct rh_range){reply->durable[i].offset, reply->durable[i].length};
    struct sim_said said = {
        .id = view->id,
        .name = view->name,
        .done = view->state == RH_UPLOAD_DONE,
        .partial = view->partial,
        .total = view->total,
        .received = view->received,
        .crc64 = view->crc64,
        .by_chunks = view->geometry == RH_GEOMETRY_CHUNKS,
        .has_receipt = reply->has_receipt,
        .kept = reply->upload.geometry != RH_GEOMETRY_CURSOR,
        .receipt = {reply->receipt.offset, reply->receipt.length},
        .receipt_crc64 = reply->receipt.crc64,
        .durable = durable,
        .durable_count = reply->durable_count,
        .durable_cut = reply->durable_count == RH_REPLY_RANGES_MAX,
        .chunks = reply->chunks,
        .chunk_runs = reply->chunk_run_count,
    };
    sim_check_said(r->sim, &said);
    if (conn != NULL && conn->is_write && reply->code == RH_REPLY_OK && conn->lease_number > 0)
        sim_check_lease(r->sim, view->id, conn->lease_number, conn->lease_floor);
}

static void act(struct sim_receiver *r, struct rh_vault_action *action)
{
    struct post *post;
    switch (action->kind) {
    case RH_DO_GRANT:
        post = post_new(POST_GRANT);
        post->grant = action->u.grant;
        post_to(r, post, &r->to_loop_ms[loop_of(action->u.grant.op)]);
        break;
    case RH_DO_REVOKE:
        post = post_new(POST_REVOKE);
        post->op = action->u.revoke_op;
        post_to(r, post, &r->to_loop_ms[loop_of(action->u.revoke_op)]);
        break;
    case RH_DO_CHECKPOINT:
        post = post_new(POST_CHECKPOINT);
        post->op = action->u.checkpoint_op;
        post_to(r, post, &r->to_loop_ms[loop_of(post->op)]);
        break;
    case RH_DO_PROGRESS:
        post = post_new(POST_PROGRESS);
        post->op = action->u.progress.op;
        post->cursor = action->u.progress.cursor;
        post_to(r, post, &r->to_loop_ms[loop_of(post->op)]);
        break;
    case RH_DO_REPLY:
        sim_note(r->sim, sim_upload_named(r->sim, action->u.reply->upload.name),
                 "vault replies %d, state %d, %" PRIu64 " bytes", action->u.reply->code,
                 action->u.reply->upload.state, action->u.reply->upload.received);
        check_reply(r, action->u.reply);
        post = post_new(POST_REPLY);
        post->reply = action->u.reply;
        post_to(r, post, &r->to_loop_ms[loop_of(action->u.reply->op)]);
        break;
    case RH_DO_STORE:
        sim_work_store(r, &action->u.store);
        break;
    case RH_DO_READ:
        sim_work_read(r, action->u.read.id, &action->u.read.read);
        break;
    case RH_DO_COMMIT:
        sim_work_commit(r, action->u.commit.id, &action->u.commit.batch);
        break;
    case RH_DO_FATAL:
    case RH_DO_DRAINED:
        r->drained = action->kind == RH_DO_DRAINED;
        want_death(r, SIM_KILLED);
        break;
    case RH_DO_LOG:
        sim_note(r->sim, NULL, "vault: %s (%d)", action->u.log.text, action->u.log.error);
        break;
    }
}

void sim_receiver_pump(struct sim_receiver *r)
{
    struct rh_vault_action action;
    while (r->vault != NULL && rh_vault_next(r->vault, &action))
        act(r, &action);
}

static void tell_time(struct sim_receiver *r)
{
    struct rh_vault_event event = {.kind = RH_HAS_TIME};
    event.u.time.mono_ms = mono_ms(r);
    event.u.time.wall_ms = sim_wall_ms(r->sim);
    r->told_ms = r->sim->now_ms;
    (void)rh_vault_tell(r->vault, &event);
}

void sim_receiver_tell(struct sim_receiver *r, struct rh_vault_event *event)
{
    if (r->sim->now_ms - r->told_ms >= 100)
        tell_time(r);
    enum rh_error error = rh_vault_tell(r->vault, event);
    RH_ASSERT(error == RH_OK);
    sim_receiver_pump(r);
    if (r->crash_wanted)
        want_death(r, r->death == 0 ? SIM_POWER_LOST : r->death);
}

static void tick(struct sim *sim, void *context, uint64_t life)
{
    struct sim_receiver *r = sim->receiver;
    (void)context;
    if (sim->ending || life != r->life || sim_receiver_put_off(sim, tick, context, life))
        return;
    rh_ms busy_ms = r->busy_ms;
    tell_time(r);
    sim_receiver_pump(r);
    r->busy_ms = busy_ms; /* time alone is no business */
    sim_in(sim, sim->now_ms - busy_ms < BUSY_MS ? 1000 : 60000, tick, r, life);
}

/* ---- life ---- */

/* Through the front the api writes: nothing may land on what was vouched for. */
static enum rh_error front_write(struct rh_store *store, uint64_t handle, uint64_t offset,
                                 const void *data, size_t size)
{
    struct sim_receiver *r = sim_receiver_of_front(store);
    const struct sim_handle *known = sim_work_handle(r, handle);
    if (known != NULL && known->index == RH_EXTENT_IN_PLACE)
        sim_check_written(r->sim, known->upload, offset, size);
    else if (known != NULL)
        sim_check_written_chunk(r->sim, known->upload, known->index, offset, size);
    return r->store->ops->write(r->store, handle, offset, data, size);
}

static const struct rh_store_ops front_ops = {.write = front_write};

struct sim_receiver *sim_receiver_of_front(struct rh_store *store)
{
    return (struct sim_receiver *)(void *)((unsigned char *)store -
                                           offsetof(struct sim_receiver, front));
}

static void boot(struct sim *sim, void *context, uint64_t life)
{
    struct sim_receiver *r = context;
    uint8_t entropy[32];
    (void)life;
    if (sim->ending || r->is_up)
        return;
    if (!sim_catalog_boot(r)) {
        sim_note(sim, NULL, "receiver does not start: its catalog does not open");
        sim_catalog_died(r, false, false);
        sim_in(sim, sim_between(sim, 10, 2000), boot, r, 0);
        return;
    }
    r->is_up = true;
    r->life = ++r->lives;
    r->death = 0;
    r->up_ms = sim->now_ms;
    r->busy_ms = sim->now_ms;
    memset(r->to_vault_ms, 0, sizeof r->to_vault_ms);
    memset(r->to_loop_ms, 0, sizeof r->to_loop_ms);
    r->api.held_bytes = 0;
    random_bytes(r, entropy, sizeof entropy);
    r->vault = rh_vault_create(&r->limits, entropy);
    RH_ASSERT(r->vault != NULL);
    sim_note(sim, NULL, "receiver starts");
    tell_time(r);
    sim_receiver_pump(r);
    sim_in(sim, 1000, tick, r, r->life);
}

struct sim_receiver *sim_receiver_create(struct sim *sim)
{
    struct sim_receiver *r = calloc(1, sizeof *r);
    RH_ASSERT(r != NULL);
    r->sim = sim;
    sim->receiver = r;
    r->store = rh_store_model_open(rh_rng_next(&sim->rng));
    RH_ASSERT(r->store != NULL);
    sim_catalog_create(r);
    rh_store_model_set_strikes(r->store, sim_receiver_strikes, r);
    rh_store_model_skip_name_sync(r->store, RH_PLANTED("no-directory-sync"));
    r->front.ops = &front_ops;
    rh_vault_limits_default(&r->limits);
    r->limits.extents_open_max = 2 + (size_t)sim_below(sim, 20);
    r->limits.cached_max = (size_t)sim_below(sim, 8);
    if (sim->plan.rates[SIM_EXPIRY] != 0)
        r->limits.expire_after_ticks = 5 + sim_below(sim, sim_chance(sim, 500) ? 20 : 300);
    rh_api_config_default(&r->config);
    r->hosts[0] = "sim";
    r->config.hosts = r->hosts;
    r->api = (struct rh_api){
        .config = &r->config,
        .store = &r->front,
        .ask = ask,
        .written = written,
        .random = random_bytes,
        .context = r,
    };
    boot(sim, r, 0);
    return r;
}

void sim_receiver_halt(struct sim_receiver *r)
{
    r->life = 0;
    sim_work_drop(r);
}

void sim_receiver_destroy(struct sim_receiver *r)
{
    sim_conns_drop(r);
    rh_vault_destroy(r->vault);
    r->store->ops->close(r->store);
    sim_catalog_destroy(r);
    free(r->handles);
    free(r);
}

/* ---- faults ---- */

/*
 * From then on nobody can tell what a look at it gives; but what it is must show. After a restored
 * catalog an upload's earlier object may lie in the same files.
 */
static void rots(struct sim *sim, const struct sim_object *object)
{
    sim_note(sim, object->upload, "bytes at rest change");
    object->upload->hopeless = true;
    for (size_t i = 0; i < sim->check.object_count; i++) {
        struct sim_object *other = sim->check.objects[i];
        other->rotten = other->rotten || other->upload == object->upload;
    }
}

/* The disk asks before a fault strikes. */
bool sim_receiver_strikes(void *context, enum rh_disk_fault fault, const char *path)
{
    static const enum sim_fault names[] = {
        [RH_DISK_SYNC_IO] = SIM_SYNC_FAILS,    [RH_DISK_WRITE_IO] = SIM_WRITE_FAILS,
        [RH_DISK_WRITE_FULL] = SIM_WRITE_FULL, [RH_DISK_OPEN_IO] = SIM_OPEN_FAILS,
        [RH_DISK_READ_IO] = SIM_READ_FAILS,    [RH_DISK_BYTES_LOST] = SIM_UNSYNCED_LOST,
        [RH_DISK_NAMES_LOST] = SIM_NAMES_LOST, [RH_DISK_MISDIRECTED] = SIM_MISDIRECTED,
    };
    struct sim_receiver *r = context;
    struct sim_object *owner = NULL;
    if (r->sim->healed || r->sim->ending || r->sim->plan.rates[names[fault]] == 0)
        return false;
    if (fault == RH_DISK_MISDIRECTED) {
        owner = sim_receiver_owner(r->sim, path);
        if (owner == NULL || !sim_fires(r->sim, owner->upload, names[fault]))
            return false;
        rots(r->sim, owner);
        return true;
    }
    return sim_fires(r->sim, NULL, names[fault]);
}

void sim_receiver_rot(struct sim *sim)
{
    struct sim_check *check = &sim->check;
    if (check->object_count == 0)
        return;
    struct sim_object *object = check->objects[sim_plan_below(sim, check->object_count)];
    if (object->deleting || object->acked.count == 0 || object->upload->cancelled ||
        !sim_fires(sim, object->upload, SIM_BIT_ROT))
        return;
    if (sim_receiver_flip(sim, object))
        rots(sim, object);
    else
        sim->fired[SIM_BIT_ROT]--;
}

void sim_receiver_misdirect(struct sim *sim)
{
    rh_store_model_misdirect(sim->receiver->store, true);
}

bool sim_receiver_is_up(const struct sim *sim)
{
    return sim->receiver->is_up;
}

rh_ms sim_receiver_paused_ms(const struct sim *sim)
{
    const struct sim_receiver *r = sim->receiver;
    return r->is_up && r->paused_until_ms > sim->now_ms ? r->paused_until_ms - sim->now_ms : 0;
}

bool sim_receiver_put_off(struct sim *sim, sim_handler *handler, void *context, uint64_t life)
{
    rh_ms delay_ms = sim->ending ? 0 : sim_receiver_paused_ms(sim);
    if (delay_ms != 0)
        sim_in(sim, delay_ms, handler, context, life);
    return delay_ms != 0;
}

/* Stopped, or the machine sleeps: then its monotonic clock sleeps too. */
void sim_receiver_pause(struct sim *sim, rh_ms length_ms)
{
    struct sim_receiver *r = sim->receiver;
    if (r->paused_until_ms > sim->now_ms)
        return;
    r->paused_until_ms = sim->now_ms + length_ms;
    if (sim_chance(sim, 500))
        r->up_ms += length_ms;
}

void sim_receiver_restore(struct sim *sim)
{
    char generation[33];
    (void)snprintf(generation, sizeof generation, "%016" PRIx64 "%016" PRIx64,
                   rh_rng_next(&sim->rng), rh_rng_next(&sim->rng));
    die(sim->receiver, SIM_KILLED);
    sim_catalog_set_generation(sim->receiver, generation);
}

void sim_receiver_away(struct sim *sim, rh_ms length_ms)
{
    sim->receiver->away_ms = length_ms;
    die(sim->receiver, sim_chance(sim, 500) ? SIM_POWER_LOST : SIM_KILLED);
}

void sim_receiver_crash(struct sim *sim, enum sim_death death)
{
    if (sim->receiver->is_up)
        die(sim->receiver, death);
}

void sim_receiver_crash_after(struct sim *sim, uint64_t steps)
{
    if (sim->receiver->is_up && !sim_catalog_stop_after(sim->receiver))
        rh_store_model_stop_after(sim->receiver->store, steps);
}

void sim_receiver_fail_commit(struct sim *sim)
{
    uint64_t skip = sim_below(sim, 4);
    bool applied = sim_chance(sim, 500);
    sim_catalog_fail(sim->receiver, skip, applied);
}

void sim_receiver_drain(struct sim *sim)
{
    struct rh_vault_event event = {.kind = RH_HAS_DRAIN};
    if (!sim->receiver->is_up)
        return;
    sim_note(sim, NULL, "receiver drains");
    sim_receiver_tell(sim->receiver, &event);
}

void sim_receiver_weather(struct sim *sim)
{
    struct rh_store *store = sim->receiver->store;
    struct rh_disk_faults faults = {0};
    uint64_t size = (uint64_t)1 << 40;
    faults.sync_io_ppm = sim->weather[SIM_SYNC_FAILS] ? 200000 : 0;
    faults.write_io_ppm = sim->weather[SIM_WRITE_FAILS] ? 30000 : 0;
    faults.write_full_ppm = sim->weather[SIM_WRITE_FULL] ? 50000 : 0;
    faults.read_io_ppm = sim->weather[SIM_READ_FAILS] ? 600000 : 0;
    faults.open_io_ppm = sim->weather[SIM_OPEN_FAILS] ? 150000 : 0;
    if (sim->healed) {
        /* What was armed does not strike any more. */
        rh_store_model_stop_after(store, UINT64_MAX / 2);
        rh_store_model_misdirect(store, false);
    }
    sim_catalog_weather(sim->receiver, &faults);
    rh_store_model_set_faults(store, &faults);
    rh_store_model_set_space(store, sim->weather[SIM_DISK_FULL] ? size / 100 : size, size);
}
