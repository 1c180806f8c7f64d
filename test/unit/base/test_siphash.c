/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/siphash.h"

#include "base/bytes.h"

/* The first entries of the vectors published with the reference implementation: key 00..0f, message
 * 00, 01, ... */
static const uint64_t vectors[] = {
    0x726fdb47dd0e0e31, 0x74f839c593dc67fd, 0x0d6c8009d9a94f5a,
    0x85676696d7fb7e2d, 0xcf2794e0277187b7, 0x18765564cd99a68d,
    0xcbc9466e58fee3ce, 0xab0200f58b01d137, 0x93f5f5799a932462,
};

static void published_vectors(void **state)
{
    uint8_t key[16], message[16];

    (void)state;
    for (uint8_t i = 0; i < 16; i++) {
        key[i] = i;
        message[i] = i;
    }
    for (size_t size = 0; size < sizeof vectors / sizeof *vectors; size++)
        assert_true(rh_siphash(key, message, size) == vectors[size]);
    /* The example of the paper, appendix A: 15 bytes. */
    assert_true(rh_siphash(key, message, 15) == 0xa129ca6149be45e5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(published_vectors)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
