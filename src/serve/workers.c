/* SPDX-License-Identifier: MIT */
#include "serve/workers.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "serve/log.h"

#define IDLE_MS ((rh_ms)1000) /* then the catalog does what nobody waits for */

/* ---- disk ---- */

bool rh_jobs_conflict(const struct rh_store_job *a, const struct rh_store_job *b)
{
    if (a->verb == RH_STORE_SPACE || b->verb == RH_STORE_SPACE)
        return false;
    if (a->target.upload[0] != '\0' || b->target.upload[0] != '\0')
        return strcmp(a->target.upload, b->target.upload) == 0;
    return strcmp(a->target.session, b->target.session) == 0;
}

static bool may_run(const struct rh_workers *w, const struct rh_store_job *job)
{
    for (size_t i = 0; i < RH_DISK_WORKERS; i++)
        if (w->running[i] != NULL && rh_jobs_conflict(w->running[i], job))
            return false;
    return true;
}

/* The oldest job that conflicts with none that runs. What conflicts is an equivalence, so a job
 * never overtakes an older one that it conflicts with. */
static struct rh_message *take_job(struct rh_workers *w)
{
    struct rh_message *before = NULL;

    for (struct rh_message *m = w->first; m != NULL; before = m, m = m->next) {
        if (!may_run(w, &m->u.store))
            continue;
        if (before == NULL)
            w->first = m->next;
        else
            before->next = m->next;
        if (w->last == m)
            w->last = before;
        w->job_count--;
        return m;
    }
    return NULL;
}

static void run_job(struct rh_workers *w, struct rh_message *job)
{
    struct rh_message *answer = rh_message_new(RH_MESSAGE_EVENT);
    struct rh_store_result *result = &answer->u.event.u.stored;

    answer->u.event.kind = RH_HAS_STORED;
    w->store->ops->run(w->store, &job->u.store, result);
    result->id = job->u.store.id;
    rh_queue_post(w->vault, answer);
}

static void *run_disk(void *context)
{
    struct rh_workers *w = context;
    size_t self = 0;

    pthread_mutex_lock(&w->mutex);
    while (self < RH_DISK_WORKERS && !pthread_equal(w->disk_threads[self], pthread_self()))
        self++;
    RH_ASSERT(self < RH_DISK_WORKERS);
    for (;;) {
        struct rh_message *job = take_job(w);

        if (job == NULL && w->stopping && w->first == NULL)
            break;
        if (job == NULL) {
            pthread_cond_wait(&w->changed, &w->mutex);
            continue;
        }
        w->running[self] = &job->u.store;
        pthread_mutex_unlock(&w->mutex);
        run_job(w, job);
        pthread_mutex_lock(&w->mutex);
        w->running[self] = NULL;
        rh_store_job_finish(&job->u.store);
        free(job);
        /* Others may have waited for this upload. */
        pthread_cond_broadcast(&w->changed);
    }
    pthread_mutex_unlock(&w->mutex);
    return NULL;
}

/* ---- catalog ---- */

static void run_read(struct rh_workers *w, const struct rh_message *message)
{
    struct rh_message *answer = rh_message_new(RH_MESSAGE_EVENT);
    struct rh_rows *rows = calloc(1, sizeof *rows);

    RH_MEMORY(rows);
    w->catalog->ops->read(w->catalog, &message->u.read.read, rows);
    answer->u.event.kind = RH_HAS_READ;
    answer->u.event.u.read.id = message->u.read.id;
    answer->u.event.u.read.rows = rows;
    rh_queue_post(w->vault, answer);
}

static void run_commit(struct rh_workers *w, struct rh_message *message)
{
    struct rh_message *answer = rh_message_new(RH_MESSAGE_EVENT);

    answer->u.event.kind = RH_HAS_COMMITTED;
    answer->u.event.u.committed.id = message->u.commit.id;
    answer->u.event.u.committed.error =
        w->catalog->ops->commit(w->catalog, &message->u.commit.batch);
    rh_batch_free(&message->u.commit.batch);
    rh_queue_post(w->vault, answer);
}

/* True until STOP. */
static bool run_catalog_message(struct rh_workers *w, struct rh_message *message)
{
    switch (message->kind) {
    case RH_MESSAGE_READ:
        run_read(w, message);
        return true;
    case RH_MESSAGE_COMMIT:
        run_commit(w, message);
        return true;
    default:
        return false;
    }
}

static void *run_catalog(void *context)
{
    struct rh_workers *w = context;
    bool going = true;
    bool rested = w->catalog->ops->idle == NULL;

    while (going) {
        struct rh_message *message = rh_queue_wait(&w->catalog_queue, rested ? 3600000 : IDLE_MS);

        if (message == NULL && !rested)
            w->catalog->ops->idle(w->catalog);
        rested = message == NULL || w->catalog->ops->idle == NULL;

        while (message != NULL) {
            struct rh_message *next = message->next;

            going = run_catalog_message(w, message) && going;
            free(message);
            message = next;
        }
    }
    return NULL;
}

/* ---- both ---- */

enum rh_error rh_workers_start(struct rh_workers *w, struct rh_store *store,
                               struct rh_catalog *catalog, struct rh_queue *vault)
{
    w->store = store;
    w->catalog = catalog;
    w->vault = vault;
    pthread_mutex_init(&w->mutex, NULL);
    pthread_cond_init(&w->changed, NULL);
    if (rh_queue_init(&w->catalog_queue, RH_CATALOG_MAX + 1, false) != RH_OK)
        return RH_ERR_IO;
    /* Held, so that each thread finds itself in the table. */
    pthread_mutex_lock(&w->mutex);
    while (w->disk_thread_count < RH_DISK_WORKERS &&
           pthread_create(&w->disk_threads[w->disk_thread_count], NULL, run_disk, w) == 0)
        w->disk_thread_count++;
    pthread_mutex_unlock(&w->mutex);
    if (w->disk_thread_count < RH_DISK_WORKERS)
        return RH_ERR_IO;
    w->catalog_started = pthread_create(&w->catalog_thread, NULL, run_catalog, w) == 0;
    return w->catalog_started ? RH_OK : RH_ERR_IO;
}

bool rh_workers_have_room(struct rh_workers *w)
{
    bool room;

    pthread_mutex_lock(&w->mutex);
    room = w->job_count < RH_DISK_JOBS_MAX;
    pthread_mutex_unlock(&w->mutex);
    return room && rh_queue_has_room(&w->catalog_queue);
}

void rh_workers_post(struct rh_workers *w, struct rh_message *message)
{
    if (message->kind != RH_MESSAGE_STORE) {
        rh_queue_post_now(&w->catalog_queue, message);
        return;
    }
    pthread_mutex_lock(&w->mutex);
    message->next = NULL;
    if (w->first == NULL)
        w->first = message;
    else
        w->last->next = message;
    w->last = message;
    w->job_count++;
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->mutex);
}

void rh_workers_join(struct rh_workers *w)
{
    pthread_mutex_lock(&w->mutex);
    w->stopping = true;
    pthread_cond_broadcast(&w->changed);
    pthread_mutex_unlock(&w->mutex);
    for (size_t i = 0; i < w->disk_thread_count; i++)
        pthread_join(w->disk_threads[i], NULL);
    if (!w->catalog_started)
        return;
    rh_queue_post(&w->catalog_queue, rh_message_new(RH_MESSAGE_STOP));
    pthread_join(w->catalog_thread, NULL);
}

void rh_workers_finish(struct rh_workers *w)
{
    struct rh_message *message;

    while ((message = w->first) != NULL) {
        w->first = message->next;
        rh_store_job_finish(&message->u.store);
        free(message);
    }
    message = rh_queue_take(&w->catalog_queue);
    while (message != NULL) {
        struct rh_message *next = message->next;

        if (message->kind == RH_MESSAGE_COMMIT)
            rh_batch_free(&message->u.commit.batch);
        free(message);
        message = next;
    }
    rh_queue_finish(&w->catalog_queue);
    pthread_cond_destroy(&w->changed);
    pthread_mutex_destroy(&w->mutex);
}
