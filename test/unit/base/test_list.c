/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/list.h"

#include "base/rng.h"

struct thing {
    int number;
    struct rh_list node;
};

static int number_of(struct rh_list *node)
{
    return RH_LIST_ENTRY(node, struct thing, node)->number;
}

static void keeps_order(void **state)
{
    struct thing things[4] = {{.number = 0}, {.number = 1}, {.number = 2}, {.number = 3}};
    struct rh_list head;
    int expected[] = {3, 0, 2, 1};
    size_t i = 0;

    (void)state;
    rh_list_init(&head);
    assert_true(rh_list_is_empty(&head));
    assert_null(rh_list_first(&head));
    assert_null(rh_list_last(&head));
    rh_list_append(&head, &things[0].node);
    rh_list_append(&head, &things[1].node);
    rh_list_prepend(&head, &things[3].node);
    rh_list_insert_after(&things[0].node, &things[2].node);
    assert_int_equal(rh_list_count(&head), 4);
    RH_LIST_EACH(it, &head)
    {
        assert_int_equal(number_of(it), expected[i++]);
    }
    assert_int_equal(i, 4);
    assert_int_equal(number_of(rh_list_first(&head)), 3);
    assert_int_equal(number_of(rh_list_last(&head)), 1);
    assert_int_equal(number_of(rh_list_next(&head, &things[0].node)), 2);
    assert_null(rh_list_next(&head, &things[1].node));
}

static void removes_while_walking(void **state)
{
    struct thing things[5] = {
        {.number = 0}, {.number = 1}, {.number = 2}, {.number = 3}, {.number = 4}};
    struct rh_list head;

    (void)state;
    rh_list_init(&head);
    for (size_t i = 0; i < 5; i++)
        rh_list_append(&head, &things[i].node);
    RH_LIST_EACH_SAFE(it, &head)
    {
        if (number_of(it) % 2 == 0)
            rh_list_remove(it);
    }
    assert_int_equal(rh_list_count(&head), 2);
    assert_false(rh_list_is_linked(&things[0].node));
    assert_true(rh_list_is_linked(&things[1].node));
    rh_list_remove(&things[0].node); /* in no list: nothing happens */
    rh_list_append(&head, &things[0].node);
    assert_int_equal(number_of(rh_list_last(&head)), 0);
}

/* A thousand random steps against an array. */
static void agrees_with_an_array(void **state)
{
    struct thing things[16];
    int order[16];
    size_t count = 0;
    struct rh_list head;
    struct rh_rng rng;

    (void)state;
    rh_list_init(&head);
    rh_rng_init(&rng, 11);
    for (int i = 0; i < 16; i++)
        things[i] = (struct thing){.number = i};
    for (int step = 0; step < 1000; step++) {
        int pick = (int)rh_rng_below(&rng, 16);
        size_t at = 0;

        while (at < count && order[at] != pick)
            at++;
        if (at < count) {
            rh_list_remove(&things[pick].node);
            for (count--; at < count; at++)
                order[at] = order[at + 1];
        } else {
            rh_list_append(&head, &things[pick].node);
            order[count++] = pick;
        }
        at = 0;
        RH_LIST_EACH(it, &head)
        {
            assert_int_equal(number_of(it), order[at++]);
            assert_ptr_equal(it->next->prev, it);
        }
        assert_int_equal(at, count);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_order),
        cmocka_unit_test(removes_while_walking),
        cmocka_unit_test(agrees_with_an_array),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
