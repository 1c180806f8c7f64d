/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <poll.h>

#include "serve/queue.h"

#define POSTS   20000
#define POSTERS 3

static bool is_readable(int fd)
{
    struct pollfd one = {.fd = fd, .events = POLLIN};

    return poll(&one, 1, 0) == 1;
}

static void free_all(struct rh_message *m)
{
    while (m != NULL) {
        struct rh_message *next = m->next;

        free(m);
        m = next;
    }
}

static void event_tells_of_messages(void **state)
{
    struct rh_queue queue;
    struct rh_message *all;

    (void)state;
    assert_int_equal(rh_queue_init(&queue, 4, true), RH_OK);
    assert_null(rh_queue_take(&queue));
    assert_false(is_readable(queue.event));
    for (uint64_t op = 0; op < 4; op++) {
        struct rh_message *m = rh_message_new(RH_MESSAGE_REVOKE);

        m->u.op = op;
        assert_true(rh_queue_has_room(&queue));
        rh_queue_post(&queue, m);
    }
    assert_false(rh_queue_has_room(&queue));
    assert_true(is_readable(queue.event));
    all = rh_queue_take(&queue);
    assert_false(is_readable(queue.event));
    assert_int_equal(all->u.op, 0);
    assert_int_equal(all->next->u.op, 1);
    assert_int_equal(all->next->next->next->u.op, 3);
    assert_null(all->next->next->next->next);
    free_all(all);
    assert_null(rh_queue_wait(&queue, 1));
    rh_queue_finish(&queue);
}

static struct rh_queue shared;

static void *post_many(void *context)
{
    for (uint64_t i = 0; i < POSTS; i++) {
        struct rh_message *m = rh_message_new(RH_MESSAGE_REVOKE);

        m->u.op = ((uint64_t)(uintptr_t)context << 32) | i;
        rh_queue_post(&shared, m);
    }
    return NULL;
}

/* Posters wait for room; nothing is lost, and each poster's order stays. */
static void many_posters_and_few_places(void **state)
{
    pthread_t threads[POSTERS];
    uint64_t next[POSTERS] = {0};
    size_t count = 0;

    (void)state;
    assert_int_equal(rh_queue_init(&shared, 8, false), RH_OK);
    for (uintptr_t i = 0; i < POSTERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, post_many, (void *)i), 0);
    while (count < (size_t)POSTS * POSTERS) {
        struct rh_message *all = rh_queue_wait(&shared, 10000);
        size_t batch = 0;

        assert_non_null(all);
        for (struct rh_message *m = all; m != NULL; m = m->next) {
            assert_int_equal(m->u.op & 0xffffffff, next[m->u.op >> 32]++);
            batch++;
        }
        assert_true(batch <= 8);
        count += batch;
        free_all(all);
    }
    for (size_t i = 0; i < POSTERS; i++)
        pthread_join(threads[i], NULL);
    rh_queue_finish(&shared);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(event_tells_of_messages),
        cmocka_unit_test(many_posters_and_few_places),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
