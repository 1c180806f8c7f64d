/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/id.h"

#include <string.h>

#include "base/bytes.h"
#include "base/rng.h"

static void fill(struct rh_rng *rng, uint8_t *out, size_t size)
{
    for (size_t i = 0; i < size; i++)
        out[i] = (uint8_t)rh_rng_next(rng);
}

static void ids_are_known_again(void **state)
{
    struct rh_rng rng;
    uint8_t random[16], key[16], other[16];
    char id[RH_ID_TEXT];

    (void)state;
    rh_rng_init(&rng, 9);
    for (int i = 0; i < 200; i++) {
        fill(&rng, random, sizeof random);
        fill(&rng, key, sizeof key);
        fill(&rng, other, sizeof other);
        rh_id_make(id, random, key);
        assert_int_equal(strlen(id), RH_ID_CHARS);
        assert_int_equal(rh_id_check(rh_bytes_of(id), key), RH_OK);
        assert_int_equal(rh_id_check(rh_bytes_of(id), other), RH_ERR_SYNTAX);
    }
}

/* Any one character changed makes it another id, which we never made. */
static void changed_ids_are_refused(void **state)
{
    static const uint8_t random[16] = {1, 2, 3}, key[16] = {4, 5, 6};
    char id[RH_ID_TEXT], longer[RH_ID_TEXT + 1];

    (void)state;
    rh_id_make(id, random, key);
    for (size_t i = 0; i < RH_ID_CHARS; i++) {
        char kept = id[i];

        for (const char *c = "Aa0-_9Zz+/=. "; *c != '\0'; c++) {
            id[i] = *c;
            assert_int_equal(rh_id_check(rh_bytes_of(id), key), *c == kept ? RH_OK : RH_ERR_SYNTAX);
        }
        id[i] = kept;
    }
    assert_int_equal(rh_id_check((struct rh_bytes){(uint8_t *)id, 31}, key), RH_ERR_SYNTAX);
    memcpy(longer, id, RH_ID_CHARS);
    memcpy(longer + RH_ID_CHARS, "A", 2);
    assert_int_equal(rh_id_check(rh_bytes_of(longer), key), RH_ERR_SYNTAX);
    assert_int_equal(rh_id_check(rh_bytes_of(NULL), key), RH_ERR_SYNTAX);
}

static void uuids_are_version_4(void **state)
{
    uint8_t random[16];
    char text[RH_UUID_TEXT];

    (void)state;
    memset(random, 0xff, sizeof random);
    rh_uuid_format(text, random);
    assert_string_equal(text, "ffffffff-ffff-4fff-bfff-ffffffffffff");
    memset(random, 0, sizeof random);
    rh_uuid_format(text, random);
    assert_string_equal(text, "00000000-0000-4000-8000-000000000000");
    assert_int_equal(rh_uuid_check(rh_bytes_of(text)), RH_OK);
    assert_int_equal(rh_uuid_check(rh_bytes_of("919108F7-52D1-4320-9BAC-F847DB4148A8")), RH_OK);
    assert_int_equal(rh_uuid_check(rh_bytes_of("919108f7-52d1-4320-9bac-f847db4148ag")),
                     RH_ERR_SYNTAX);
    assert_int_equal(rh_uuid_check(rh_bytes_of("919108f752d1-4320-9bac-f847db4148a8-")),
                     RH_ERR_SYNTAX);
    assert_int_equal(rh_uuid_check(rh_bytes_of("919108f7-52d1-4320-9bac-f847db4148a")),
                     RH_ERR_SYNTAX);
}

static void names_stay_in_their_folder(void **state)
{
    static const char *const good[] = {"a", "video_1", "A.b-c_9", "x.webm", "0", "a.", "_a"};
    static const char *const bad[] = {
        "",    ".",        "..",    "../x", "a/b", "a\\b", ".hidden",        "-rf", "a..b", "a b",
        "a\n", "\xc3\xa9", "a%2fb", "a:b",  "x..", "~",    "\xe2\x80\xaepj", "a*"};
    char text[RH_NAME_MAX + 2];

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_int_equal(rh_name_check(rh_bytes_of(good[i])), RH_OK);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(rh_name_check(rh_bytes_of(bad[i])), RH_ERR_SYNTAX);
    assert_int_equal(rh_name_check((struct rh_bytes){(const uint8_t *)"a\0b", 3}), RH_ERR_SYNTAX);
    memset(text, 'n', sizeof text);
    assert_int_equal(rh_name_check((struct rh_bytes){(uint8_t *)text, RH_NAME_MAX}), RH_OK);
    assert_int_equal(rh_name_check((struct rh_bytes){(uint8_t *)text, RH_NAME_MAX + 1}),
                     RH_ERR_SYNTAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_are_known_again),
        cmocka_unit_test(changed_ids_are_refused),
        cmocka_unit_test(uuids_are_version_4),
        cmocka_unit_test(names_stay_in_their_folder),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
