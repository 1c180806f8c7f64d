/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base64.h"

#include <string.h>

#include "base/rng.h"

/* RFC 4648, section 10. */
static const char *const vectors[][2] = {
    {"", ""},
    {"f", "Zg=="},
    {"fo", "Zm8="},
    {"foo", "Zm9v"},
    {"foob", "Zm9vYg=="},
    {"fooba", "Zm9vYmE="},
    {"foobar", "Zm9vYmFy"},
};

static void rfc_vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        const char *plain = vectors[i][0], *coded = vectors[i][1];
        char out[16];

        assert_int_equal(rh_base64_encode(out, sizeof out, plain, strlen(plain)), strlen(coded));
        assert_memory_equal(out, coded, strlen(coded));
        assert_int_equal(rh_base64_decode(out, sizeof out, coded, strlen(coded)), strlen(plain));
        assert_memory_equal(out, plain, strlen(plain));
        assert_int_equal(RH_BASE64_SIZE(strlen(plain)), strlen(coded));
    }
}

static void round_trips(void **state)
{
    struct rh_rng rng;

    (void)state;
    rh_rng_init(&rng, 3);
    for (size_t i = 0; i < 2000; i++) {
        uint8_t in[40], back[40];
        char text[64];
        size_t size = (size_t)rh_rng_below(&rng, sizeof in + 1);
        ptrdiff_t chars;

        for (size_t k = 0; k < size; k++)
            in[k] = (uint8_t)rh_rng_next(&rng);
        chars = rh_base64_encode(text, sizeof text, in, size);
        assert_int_equal(chars, RH_BASE64_SIZE(size));
        assert_int_equal(rh_base64_decode(back, size, text, (size_t)chars), size);
        assert_memory_equal(back, in, size);
        if (size > 0)
            assert_int_equal(rh_base64_decode(back, size - 1, text, (size_t)chars), RH_ERR_LIMIT);
        chars = rh_base64url_encode(text, sizeof text, in, size);
        assert_int_equal(chars, RH_BASE64URL_SIZE(size));
        assert_null(memchr(text, '+', (size_t)chars));
        assert_null(memchr(text, '=', (size_t)chars));
        assert_int_equal(rh_base64url_decode(back, size, text, (size_t)chars), size);
        assert_memory_equal(back, in, size);
        if (size > 0)
            assert_int_equal(rh_base64url_encode(text, (size_t)chars - 1, in, size), RH_ERR_LIMIT);
    }
}

static void broken_is_refused(void **state)
{
    static const char *const broken[] = {"Zg",       "Zg=",  "Z===", "====",   "Zh==", "Zm9=",
                                         "Zg==Zg==", "Z g=", "Zm_v", "Zm9v\n", "=",    "Zm8=Zm8="};
    uint8_t out[16];

    (void)state;
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
        assert_int_equal(rh_base64_decode(out, sizeof out, broken[i], strlen(broken[i])),
                         RH_ERR_SYNTAX);
    assert_int_equal(rh_base64url_decode(out, sizeof out, "Zg==", 4), RH_ERR_SYNTAX);
    assert_int_equal(rh_base64url_decode(out, sizeof out, "Zm+v", 4), RH_ERR_SYNTAX);
    assert_int_equal(rh_base64url_decode(out, sizeof out, "Z", 1), RH_ERR_SYNTAX);
    assert_int_equal(rh_base64_decode_lenient(out, sizeof out, "Zg", 2), 1);
    assert_int_equal(rh_base64_decode_lenient(out, sizeof out, "Zg==", 4), 1);
    assert_int_equal(rh_base64_decode_lenient(out, sizeof out, "Zg=", 3), RH_ERR_SYNTAX);
}

static void caps_are_kept(void **state)
{
    char out[4] = "###";

    (void)state;
    assert_int_equal(rh_base64_encode(out, 3, "f", 1), RH_ERR_LIMIT);
    assert_int_equal(rh_base64_encode(out, 4, "foob", 4), RH_ERR_LIMIT);
    assert_int_equal(rh_base64_encode(out, 0, "", 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc_vectors),
        cmocka_unit_test(round_trips),
        cmocka_unit_test(broken_is_refused),
        cmocka_unit_test(caps_are_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
