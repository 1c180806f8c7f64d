/* SPDX-License-Identifier: MIT */
#include "harness.h"

#include <sys/wait.h>

static void one_leads_and_its_number_rises(void **state)
{
    struct place p;
    struct rh_spool other;
    char lease[RH_LEASE_MAX + 1];
    long pid;
    (void)state;
    place_make(&p);
    assert_int_equal(rh_spool_lead(&p.spool, &pid), RH_OK);
    assert_int_equal(p.spool.number, 1);
    assert_int_equal(strlen(p.spool.lease), 32);
    strcpy(lease, p.spool.lease);
    assert_int_equal(rh_spool_open(&other, p.folder, true), RH_OK);
    assert_int_equal(rh_spool_lead(&other, &pid), RH_ERR_STATE);
    assert_int_equal(pid, (long)getpid());
    rh_spool_close(&p.spool);
    assert_int_equal(rh_spool_lead(&other, &pid), RH_OK);
    assert_int_equal(other.number, 2);
    assert_string_equal(other.lease, lease);
    rh_spool_close(&other);
    place_remove(&p);
}

static void write_writer(struct place *p, const uint8_t *bytes, size_t size)
{
    assert_int_equal(rh_file_replace(p->spool.dir, ".", "writer", (struct rh_bytes){bytes, size}),
                     RH_OK);
}

static void writers_that_are_newer_or_torn(void **state)
{
    struct place p;
    char lease[RH_LEASE_MAX + 1];
    uint8_t *bytes;
    size_t size;
    long pid;
    (void)state;
    place_make(&p);
    assert_int_equal(rh_spool_lead(&p.spool, &pid), RH_OK);
    strcpy(lease, p.spool.lease);
    assert_int_equal(rh_file_load(p.spool.dir, "writer", 4096, &bytes, &size), RH_OK);
    for (size_t cut = 0; cut < size; cut++) {
        rh_spool_close(&p.spool);
        place_open(&p);
        write_writer(&p, bytes, cut);
        assert_int_equal(rh_spool_lead(&p.spool, &pid), RH_OK);
        /* A lower number under the old lease would be refused for ever: it must be another. */
        assert_string_not_equal(p.spool.lease, lease);
    }
    bytes[4] = 2;
    rh_spool_close(&p.spool);
    place_open(&p);
    write_writer(&p, bytes, size);
    assert_int_equal(rh_spool_lead(&p.spool, &pid), RH_ERR_VERSION);
    free(bytes);
    place_remove(&p);
}

static void ids_are_in_order(void **state)
{
    char before[RH_SPOOL_ID_MAX + 1] = "";
    (void)state;
    for (int64_t i = 0; i < 2000; i++) {
        char id[RH_SPOOL_ID_MAX + 1];
        rh_spool_id(id, 1700000000000 + i / 10);
        assert_true(strcmp(before, id) < 0);
        strcpy(before, id);
    }
}

static void where_it_lies(void **state)
{
    struct place p;
    struct rh_spool spool;
    char expected[128];
    (void)state;
    place_make(&p);
    setenv("XDG_STATE_HOME", p.folder, 1);
    assert_int_equal(rh_spool_open(&spool, NULL, true), RH_OK);
    (void)snprintf(expected, sizeof expected, "%s/reelhaul", p.folder);
    assert_string_equal(spool.path, expected);
    rh_spool_close(&spool);
    unsetenv("XDG_STATE_HOME");
    setenv("HOME", p.folder, 1);
    assert_int_equal(rh_spool_open(&spool, NULL, false), RH_ERR_UNKNOWN);
    assert_int_equal(rh_spool_open(&spool, NULL, true), RH_OK);
    (void)snprintf(expected, sizeof expected, "%s/.local/state/reelhaul", p.folder);
    assert_string_equal(spool.path, expected);
    rh_spool_close(&spool);
    unsetenv("HOME");
    assert_int_equal(rh_spool_open(&spool, NULL, true), RH_ERR_UNKNOWN);
    place_remove(&p);
}

static void room(void **state)
{
    struct place p;
    (void)state;
    place_make(&p);
    assert_true(rh_spool_room(&p.spool) > 0);
    p.spool.bytes_max = 1000;
    p.spool.bytes_held = 400;
    assert_int_equal(rh_spool_room(&p.spool), 600);
    p.spool.bytes_held = 2000;
    assert_int_equal(rh_spool_room(&p.spool), 0);
    p.spool.bytes_held = 0;
    place_remove(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_leads_and_its_number_rises),
        cmocka_unit_test(writers_that_are_newer_or_torn),
        cmocka_unit_test(ids_are_in_order),
        cmocka_unit_test(where_it_lies),
        cmocka_unit_test(room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
