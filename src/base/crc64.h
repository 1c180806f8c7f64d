/* SPDX-License-Identifier: MIT */
#ifndef REELHAUL_BASE_CRC64_H
#define REELHAUL_BASE_CRC64_H
/*
 * CRC-64/NVME (NVM Express NVM Command Set Specification, 64b guard; the same as Amazon S3's
 * CRC64NVME): reflected polynomial 0x9a6c9329ac4bc9b5, initial value and final XOR all ones.
 * "123456789" gives 0xae8b14860a799888. The one checksum of Reelhaul: per slice in the journal, per
 * part on the wire, combined for the whole.
 */
#include <reelhaul/types.h>

/*
 * The finished checksum of everything so far followed by `data`. Start with 0 (the checksum of
 * nothing); every value returned is finished, so there is no final step. Uses carry-less
 * multiplication where the processor has it.
 */
uint64_t rh_crc64_update(uint64_t crc, const void *data, size_t size);

/* The checksum of A followed by B, from the checksums of each and the length of B in bytes. */
uint64_t rh_crc64_combine(uint64_t a, uint64_t b, uint64_t length_b);

/* The table path alone, whatever the processor: the reference the fast path is tested against. */
uint64_t rh_crc64_update_tables(uint64_t crc, const void *data, size_t size);

#endif
