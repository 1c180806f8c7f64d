/* SPDX-License-Identifier: MIT */
#include "base/hex.h"

ptrdiff_t rh_hex_encode(char *out, size_t out_cap, const void *in, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *bytes = in;

    if (size > out_cap / 2)
        return RH_ERR_LIMIT;
    for (size_t i = 0; i < size; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    return (ptrdiff_t)(2 * size);
}

static int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

ptrdiff_t rh_hex_decode(void *out, size_t out_cap, const char *in, size_t size)
{
    uint8_t *bytes = out;

    if (size % 2 != 0)
        return RH_ERR_SYNTAX;
    if (size / 2 > out_cap)
        return RH_ERR_LIMIT;
    for (size_t i = 0; i < size / 2; i++) {
        int high = digit_value(in[2 * i]);
        int low = digit_value(in[2 * i + 1]);

        if (high < 0 || low < 0)
            return RH_ERR_SYNTAX;
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    return (ptrdiff_t)(size / 2);
}
