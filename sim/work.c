/* SPDX-License-Identifier: MIT */
/*
 * What disk threads and the catalog thread do in the server: a job takes effect at one moment and
 * is reported at a later one, so that a crash may come before, between and after. Jobs of one
 * upload run one after the other, as serve's workers do it; the catalog is asked strictly in order.
 */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "inside.h"

static rh_ms delay_of(struct sim_receiver *r, bool slow, rh_ms most)
{
    rh_ms delay = sim_below(r->sim, most + 1);
    return slow ? delay + sim_below(r->sim, 3000) : delay;
}

/* ---- disk ---- */

static bool conflict(const struct rh_store_job *a, const struct rh_store_job *b)
{
    if (a->verb == RH_STORE_SPACE || b->verb == RH_STORE_SPACE)
        return false;
    if (a->target.upload[0] != '\0' || b->target.upload[0] != '\0')
        return strcmp(a->target.upload, b->target.upload) == 0;
    return strcmp(a->target.session, b->target.session) == 0;
}

static void free_job(struct sim_job *job)
{
    rh_store_job_finish(&job->job);
    free(job);
}

static void note_handle(struct sim_receiver *r, const struct sim_job *job)
{
    if (r->handle_count == r->handle_cap) {
        r->handle_cap = r->handle_cap == 0 ? 32 : r->handle_cap * 2;
        r->handles = realloc(r->handles, r->handle_cap * sizeof *r->handles);
        RH_ASSERT(r->handles != NULL);
    }
    struct sim_handle *handle = &r->handles[r->handle_count++];
    handle->handle = job->result.handle;
    handle->index = job->job.index;
    strcpy(handle->upload, job->job.target.upload);
}

const struct sim_handle *sim_work_handle(const struct sim_receiver *r, uint64_t handle)
{
    for (size_t i = r->handle_count; i-- > 0;) {
        if (r->handles[i].handle == handle)
            return &r->handles[i];
    }
    return NULL;
}

static void start_jobs(struct sim_receiver *r);

static void report(struct sim *sim, void *context, uint64_t life)
{
    struct sim_job *job = context;
    struct sim_receiver *r = sim->receiver;
    if (sim->ending || life != r->life) {
        free_job(job);
        return;
    }
    if (sim_receiver_put_off(sim, report, job, life))
        return;
    struct sim_job **link = &r->jobs;
    while (*link != job)
        link = &(*link)->next;
    *link = job->next;
    struct rh_vault_event event = {.kind = RH_HAS_STORED};
    event.u.stored = job->result;
    event.u.stored.id = job->job.id;
    free_job(job);
    start_jobs(r);
    sim_receiver_tell(r, &event);
}

static void take_effect(struct sim *sim, void *context, uint64_t life)
{
    static const char *const verbs[] = {"?",      "begin", "sync", "close",      "hash",
                                        "stitch", "zero",  "seal", "drop-chunk", "drop",
                                        "erase",  "text",  "space"};
    struct sim_job *job = context;
    struct sim_receiver *r = sim->receiver;
    if (sim->ending || life != r->life) {
        free_job(job);
        return;
    }
    if (sim_receiver_put_off(sim, take_effect, job, life))
        return;
    r->store->ops->run(r->store, &job->job, &job->result);
    job->state = SIM_JOB_RAN;
    if (job->job.verb != RH_STORE_SPACE)
        sim_note(sim, sim_upload_named(sim, job->job.target.name), "disk %s%s -> %d",
                 verbs[job->job.verb], job->job.index == RH_EXTENT_IN_PLACE ? "" : " chunk",
                 job->result.error);
    if (job->job.verb == RH_STORE_BEGIN && job->result.error == RH_OK)
        note_handle(r, job);
    if (job->job.verb != RH_STORE_BEGIN && job->job.verb != RH_STORE_HASH)
        sim_check_object(sim, job->job.target.upload);
    sim_in(sim, delay_of(r, false, 3), report, job, r->life);
    if (rh_store_model_is_stopped(r->store))
        r->crash_wanted = true;
}

static void start_jobs(struct sim_receiver *r)
{
    size_t running = 0;
    for (struct sim_job *job = r->jobs; job != NULL; job = job->next)
        running += job->state != SIM_JOB_QUEUED;
    for (struct sim_job *job = r->jobs; job != NULL && running < SIM_WORKERS; job = job->next) {
        bool may_run = job->state == SIM_JOB_QUEUED;
        for (struct sim_job *other = r->jobs; may_run && other != job; other = other->next)
            may_run = !conflict(&other->job, &job->job);
        if (!may_run)
            continue;
        job->state = SIM_JOB_RUNS;
        running++;
        sim_in(r->sim, delay_of(r, r->sim->weather[SIM_DISK_SLOW], 6), take_effect, job, r->life);
    }
}

void sim_work_store(struct sim_receiver *r, const struct rh_store_job *store_job)
{
    struct sim_job *job = calloc(1, sizeof *job);
    struct sim_job **link = &r->jobs;
    RH_ASSERT(job != NULL);
    job->life = r->life;
    job->job = *store_job;
    while (*link != NULL)
        link = &(*link)->next;
    *link = job;
    start_jobs(r);
}

/* ---- catalog ---- */

static void free_query(struct sim_query *query)
{
    rh_batch_free(&query->batch);
    if (query->rows != NULL) {
        rh_rows_free(query->rows);
        free(query->rows);
    }
    free(query);
}

static void start_query(struct sim_receiver *r);

static void query_report(struct sim *sim, void *context, uint64_t life)
{
    struct sim_query *query = context;
    struct sim_receiver *r = sim->receiver;
    struct rh_vault_event event = {.kind = RH_HAS_READ};
    if (sim->ending || life != r->life) {
        free_query(query);
        return;
    }
    if (sim_receiver_put_off(sim, query_report, query, life))
        return;
    RH_ASSERT(r->queries == query);
    r->queries = query->next;
    if (query->is_commit) {
        event.kind = RH_HAS_COMMITTED;
        event.u.committed.id = query->id;
        event.u.committed.error = query->error;
    } else {
        event.u.read.id = query->id;
        event.u.read.rows = query->rows;
        query->rows = NULL;
    }
    free_query(query);
    start_query(r);
    sim_receiver_tell(r, &event);
}

static void query_effect(struct sim *sim, void *context, uint64_t life)
{
    struct sim_query *query = context;
    struct sim_receiver *r = sim->receiver;
    if (sim->ending || life != r->life) {
        free_query(query);
        return;
    }
    if (sim_receiver_put_off(sim, query_effect, query, life))
        return;
    if (query->is_commit) {
        query->error = sim_catalog_commit(r, &query->batch);
        sim_aside(sim, "catalog commit of %zu -> %d", query->batch.count, query->error);
    } else {
        query->rows = calloc(1, sizeof *query->rows);
        RH_ASSERT(query->rows != NULL);
        sim_catalog_read(r, &query->read, query->rows);
    }
    if (sim_catalog_is_stopped(r))
        r->crash_wanted = true;
    sim_in(sim, delay_of(r, false, 3), query_report, query, r->life);
}

static void start_query(struct sim_receiver *r)
{
    struct sim_query *query = r->queries;
    if (query == NULL || query->ran)
        return;
    query->ran = true;
    sim_in(r->sim, delay_of(r, r->sim->weather[SIM_CATALOG_SLOW], 5), query_effect, query, r->life);
}

static struct sim_query *add_query(struct sim_receiver *r, uint64_t id)
{
    struct sim_query *query = calloc(1, sizeof *query);
    struct sim_query **link = &r->queries;
    RH_ASSERT(query != NULL);
    query->life = r->life;
    query->id = id;
    while (*link != NULL)
        link = &(*link)->next;
    *link = query;
    return query;
}

void sim_work_read(struct sim_receiver *r, uint64_t id, const struct rh_read *read)
{
    add_query(r, id)->read = *read;
    start_query(r);
}

void sim_work_commit(struct sim_receiver *r, uint64_t id, const struct rh_batch *batch)
{
    struct sim_query *query = add_query(r, id);
    query->is_commit = true;
    query->batch = *batch;
    start_query(r);
}

/* The process died: what was queued is gone; what runs has an event that frees it. */
void sim_work_drop(struct sim_receiver *r)
{
    while (r->jobs != NULL) {
        struct sim_job *job = r->jobs;
        r->jobs = job->next;
        if (job->state == SIM_JOB_QUEUED)
            free_job(job);
    }
    while (r->queries != NULL) {
        struct sim_query *query = r->queries;
        r->queries = query->next;
        if (!query->ran)
            free_query(query);
    }
    r->handle_count = 0;
}
