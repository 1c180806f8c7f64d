/* SPDX-License-Identifier: MIT */
#include "base/base64.h"

static const char alphabet_plain[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char alphabet_url[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static ptrdiff_t encode(char *out, size_t out_cap, const uint8_t *in, size_t size,
                        const char *alphabet, bool padded)
{
    size_t full = size / 3;
    size_t rest = size % 3;
    size_t tail = rest == 0 ? 0 : (padded ? 4 : rest + 1);
    size_t at = 0;

    if (full > out_cap / 4 || out_cap - full * 4 < tail)
        return RH_ERR_LIMIT;
    for (size_t i = 0; i < full; i++, in += 3) {
        uint32_t group = (uint32_t)in[0] << 16 | (uint32_t)in[1] << 8 | in[2];

        out[at++] = alphabet[group >> 18];
        out[at++] = alphabet[group >> 12 & 63];
        out[at++] = alphabet[group >> 6 & 63];
        out[at++] = alphabet[group & 63];
    }
    if (rest > 0) {
        uint32_t group = (uint32_t)in[0] << 16 | (rest == 2 ? (uint32_t)in[1] << 8 : 0);

        out[at++] = alphabet[group >> 18];
        out[at++] = alphabet[group >> 12 & 63];
        if (rest == 2)
            out[at++] = alphabet[group >> 6 & 63];
        for (size_t i = rest; padded && i < 3; i++)
            out[at++] = '=';
    }
    return (ptrdiff_t)at;
}

static int digit_value(char c, const char *alphabet)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == alphabet[62])
        return 62;
    return c == alphabet[63] ? 63 : -1;
}

/* `size` counts digits alone: the caller has taken the padding off. */
static ptrdiff_t decode(uint8_t *out, size_t out_cap, const char *in, size_t size,
                        const char *alphabet)
{
    uint32_t bits = 0;
    unsigned count = 0;
    size_t at = 0;

    if (size % 4 == 1)
        return RH_ERR_SYNTAX;
    for (size_t i = 0; i < size; i++) {
        int value = digit_value(in[i], alphabet);

        if (value < 0)
            return RH_ERR_SYNTAX;
        bits = bits << 6 | (uint32_t)value;
        count += 6;
        if (count < 8)
            continue;
        if (at == out_cap)
            return RH_ERR_LIMIT;
        count -= 8;
        out[at++] = (uint8_t)(bits >> count);
        bits &= ((uint32_t)1 << count) - 1;
    }
    /* Bits left over must be zero, or two texts would mean the same bytes. */
    return bits == 0 ? (ptrdiff_t)at : RH_ERR_SYNTAX;
}

ptrdiff_t rh_base64_encode(char *out, size_t out_cap, const void *in, size_t size)
{
    return encode(out, out_cap, in, size, alphabet_plain, true);
}

ptrdiff_t rh_base64_decode(void *out, size_t out_cap, const char *in, size_t size)
{
    if (size % 4 != 0)
        return RH_ERR_SYNTAX;
    if (size > 0 && in[size - 1] == '=') {
        size--;
        if (in[size - 1] == '=')
            size--;
    }
    return decode(out, out_cap, in, size, alphabet_plain);
}

ptrdiff_t rh_base64_decode_lenient(void *out, size_t out_cap, const char *in, size_t size)
{
    if (size > 0 && in[size - 1] == '=')
        return rh_base64_decode(out, out_cap, in, size);
    return decode(out, out_cap, in, size, alphabet_plain);
}

ptrdiff_t rh_base64url_encode(char *out, size_t out_cap, const void *in, size_t size)
{
    return encode(out, out_cap, in, size, alphabet_url, false);
}

ptrdiff_t rh_base64url_decode(void *out, size_t out_cap, const char *in, size_t size)
{
    return decode(out, out_cap, in, size, alphabet_url);
}
