/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "serve/workers.h"

#define JOBS    400
#define UPLOADS 5

/* A store that watches who runs with whom. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static unsigned running[UPLOADS];
static uint64_t next_offset[UPLOADS];
static unsigned running_all;
static unsigned running_all_max;
static bool gate_open;

static void watch_run(struct rh_store *store, const struct rh_store_job *job,
                      struct rh_store_result *result)
{
    unsigned upload = (unsigned)(job->target.upload[0] - 'a');

    (void)store;
    pthread_mutex_lock(&mutex);
    assert_int_equal(running[upload]++, 0);
    assert_int_equal(job->offset, next_offset[upload]++);
    running_all++;
    if (running_all > running_all_max)
        running_all_max = running_all;
    pthread_cond_broadcast(&changed);
    /* The first jobs wait for each other: so many must be able to run side by side. */
    while (!gate_open && running_all_max < RH_DISK_WORKERS)
        pthread_cond_wait(&changed, &mutex);
    gate_open = true;
    running_all--;
    running[upload]--;
    pthread_mutex_unlock(&mutex);
    result->handle = job->offset;
}

static const struct rh_store_ops watch_ops = {.run = watch_run};

static enum rh_error commit_ok(struct rh_catalog *catalog, const struct rh_batch *batch)
{
    (void)catalog;
    return batch->count == 1 ? RH_OK : RH_ERR_IO;
}

static void read_nothing(struct rh_catalog *catalog, const struct rh_read *read,
                         struct rh_rows *rows)
{
    (void)catalog;
    rows->found = read->kind == RH_READ_META;
}

static const struct rh_catalog_ops catalog_ops = {.read = read_nothing, .commit = commit_ok};

static struct rh_workers workers;
static struct rh_queue vault;

static struct rh_message *next_answer(void)
{
    static struct rh_message *rest;
    struct rh_message *m;

    if (rest == NULL)
        rest = rh_queue_wait(&vault, 10000);
    assert_non_null(rest);
    m = rest;
    rest = m->next;
    return m;
}

static void jobs_of_an_upload_keep_their_order(void **state)
{
    struct rh_store store = {&watch_ops};
    struct rh_catalog catalog = {&catalog_ops};
    bool seen[JOBS] = {false};

    (void)state;
    memset(&workers, 0, sizeof workers);
    assert_int_equal(rh_queue_init(&vault, 2 * JOBS, false), RH_OK);
    assert_int_equal(rh_workers_start(&workers, &store, &catalog, &vault), RH_OK);
    for (uint64_t i = 0; i < JOBS; i++) {
        struct rh_message *m = rh_message_new(RH_MESSAGE_STORE);

        m->u.store.id = i;
        m->u.store.verb = RH_STORE_SYNC;
        m->u.store.offset = i / UPLOADS;
        m->u.store.target.upload[0] = (char)('a' + i % UPLOADS);
        m->u.store.text = malloc(1); /* freed with the job */
        assert_true(rh_workers_have_room(&workers));
        rh_workers_post(&workers, m);
    }
    for (uint64_t i = 0; i < JOBS; i++) {
        struct rh_message *m = next_answer();

        assert_int_equal(m->u.event.kind, RH_HAS_STORED);
        assert_true(m->u.event.u.stored.id < JOBS && !seen[m->u.event.u.stored.id]);
        seen[m->u.event.u.stored.id] = true;
        free(m);
    }
    assert_int_equal(running_all_max, RH_DISK_WORKERS);
    rh_workers_join(&workers);
    rh_workers_finish(&workers);
    rh_queue_finish(&vault);
}

static void catalog_answers(void **state)
{
    struct rh_store store = {&watch_ops};
    struct rh_catalog catalog = {&catalog_ops};
    struct rh_message *m;

    (void)state;
    memset(&workers, 0, sizeof workers);
    assert_int_equal(rh_queue_init(&vault, 8, false), RH_OK);
    assert_int_equal(rh_workers_start(&workers, &store, &catalog, &vault), RH_OK);
    m = rh_message_new(RH_MESSAGE_READ);
    m->u.read.id = 7;
    m->u.read.read.kind = RH_READ_META;
    rh_workers_post(&workers, m);
    m = next_answer();
    assert_int_equal(m->u.event.kind, RH_HAS_READ);
    assert_int_equal(m->u.event.u.read.id, 7);
    assert_true(m->u.event.u.read.rows->found);
    free(m->u.event.u.read.rows);
    free(m);
    m = rh_message_new(RH_MESSAGE_COMMIT);
    m->u.commit.id = 8;
    assert_non_null(rh_batch_add(&m->u.commit.batch, RH_CHANGE_META));
    rh_workers_post(&workers, m);
    m = next_answer();
    assert_int_equal(m->u.event.kind, RH_HAS_COMMITTED);
    assert_int_equal(m->u.event.u.committed.id, 8);
    assert_int_equal(m->u.event.u.committed.error, RH_OK);
    free(m);
    rh_workers_join(&workers);
    rh_workers_finish(&workers);
    rh_queue_finish(&vault);
}

static void conflicts(void **state)
{
    struct rh_store_job a = {.verb = RH_STORE_SYNC, .target = {.upload = "u", .session = "s"}};
    struct rh_store_job b = {.verb = RH_STORE_PUT_TEXT, .target = {.session = "s"}};
    struct rh_store_job c = {.verb = RH_STORE_SPACE};

    (void)state;
    assert_true(rh_jobs_conflict(&a, &a));
    assert_true(rh_jobs_conflict(&b, &b));
    assert_false(rh_jobs_conflict(&a, &b));
    assert_false(rh_jobs_conflict(&c, &c));
}

static atomic_int rests;

static void rest(struct rh_catalog *catalog)
{
    (void)catalog;
    rests++;
}

/* Once after a second in which nothing was asked, and not again until something was. */
static void a_catalog_rests_once(void **state)
{
    static const struct rh_catalog_ops resting = {
        .read = read_nothing, .commit = commit_ok, .idle = rest};
    struct rh_store store = {&watch_ops};
    struct rh_catalog catalog = {&resting};

    (void)state;
    memset(&workers, 0, sizeof workers);
    assert_int_equal(rh_queue_init(&vault, 8, false), RH_OK);
    assert_int_equal(rh_workers_start(&workers, &store, &catalog, &vault), RH_OK);
    for (int round = 1; round <= 2; round++) {
        struct rh_message *m = rh_message_new(RH_MESSAGE_COMMIT);

        assert_non_null(rh_batch_add(&m->u.commit.batch, RH_CHANGE_META));
        rh_workers_post(&workers, m);
        free(next_answer());
        assert_int_equal(rests, round - 1);
        while (rests < round)
            usleep(10000);
    }
    rh_workers_join(&workers);
    rh_workers_finish(&workers);
    rh_queue_finish(&vault);
    assert_int_equal(rests, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jobs_of_an_upload_keep_their_order),
        cmocka_unit_test(catalog_answers),
        cmocka_unit_test(a_catalog_rests_once),
        cmocka_unit_test(conflicts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
