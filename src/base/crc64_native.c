/* SPDX-License-Identifier: MIT */
/*
 * CRC-64 by folding with PCLMULQDQ (Gopal et al., "Fast CRC Computation for Generic Polynomials
 * Using PCLMULQDQ", 2009). A 16-byte lane, reflected, is L·x^64 + H with L its first 8 bytes.
 * Moving it D bits on means L·x^(D+64) + H·x^D; the product of two reflected numbers comes out one
 * bit low, so the constants are x^(D+63) and x^(D-1), modulo the polynomial. Eight lanes keep the
 * multiplier busy; the last lane goes through the tables instead of a Barrett reduction, which
 * costs 16 bytes of table work and saves a page of constants.
 */
#include "base/crc64_fast.h"

#if RH_CRC64_FAST

#include <immintrin.h>

#define LANES 8
#define BLOCK (LANES * 16)

_Static_assert(RH_CRC64_FAST_BYTES_MIN >= BLOCK, "one block must be there to start with");

bool rh_crc64_fast_available(void)
{
    return __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1");
}

__attribute__((target("pclmul,sse4.1"))) static __m128i load(const uint8_t *in)
{
    return _mm_loadu_si128((const __m128i *)(const void *)in);
}

__attribute__((target("pclmul,sse4.1"))) static __m128i fold(__m128i lane, __m128i by, __m128i next)
{
    __m128i low = _mm_clmulepi64_si128(lane, by, 0x00);
    __m128i high = _mm_clmulepi64_si128(lane, by, 0x11);

    return _mm_xor_si128(_mm_xor_si128(low, high), next);
}

__attribute__((target("pclmul,sse4.1"))) void rh_crc64_fast_fold(uint64_t raw, const uint8_t **data,
                                                                 size_t *size, uint8_t folded[16])
{
    const __m128i by_block = _mm_set_epi64x(0x5f852fb61e8d92dc, (long long)0xa1ca681e733f9c40);
    const __m128i by_lane = _mm_set_epi64x(0x21e9761e252621ac, (long long)0xeadc41fd2ba3d420);
    const uint8_t *in = *data;
    size_t left = *size;
    __m128i lanes[LANES];

    for (size_t i = 0; i < LANES; i++)
        lanes[i] = load(in + 16 * i);
    lanes[0] = _mm_xor_si128(lanes[0], _mm_set_epi64x(0, (long long)raw));
    for (in += BLOCK, left -= BLOCK; left >= BLOCK; in += BLOCK, left -= BLOCK) {
        for (size_t i = 0; i < LANES; i++)
            lanes[i] = fold(lanes[i], by_block, load(in + 16 * i));
    }
    for (size_t i = 1; i < LANES; i++)
        lanes[i] = fold(lanes[i - 1], by_lane, lanes[i]);
    _mm_storeu_si128((__m128i *)(void *)folded, lanes[LANES - 1]);
    *data = in;
    *size = left;
}

#endif
