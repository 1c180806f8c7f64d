/* SPDX-License-Identifier: MIT */
/*
 * The journal of the command line's spool. As it is: anything may be in a file. And written by
 * ourselves (first byte odd), cut and damaged: what is read is then a prefix of what was written,
 * to the byte, since all that follows was never promised.
 */
#include "base/assert.h"
#include "base/bytes.h"
#include "cli/journal.h"
#include "input.h"

#define FILE_BYTES 16384

static uint8_t file[FILE_BYTES];

/* Reads all there is; what was read, written again, is the same bytes. */
static size_t read_all(struct rh_bytes bytes)
{
    static uint8_t again[RH_JOURNAL_RECORD_MAX];
    struct rh_journal_reader reader;
    struct rh_journal_record record;
    uint64_t crc64 = 0;
    if (rh_journal_open(&reader, bytes) != RH_OK)
        return 0;
    size_t at = reader.valid;
    while (rh_journal_next(&reader, &record)) {
        size_t used = 0;
        RH_ASSERT(rh_journal_write(&record, &crc64, again, sizeof again, &used) == RH_OK);
        RH_ASSERT(used == reader.valid - at);
        RH_ASSERT(memcmp(again, bytes.data + at, used) == 0);
        RH_ASSERT(crc64 == reader.crc64);
        at = reader.valid;
    }
    RH_ASSERT(reader.valid <= bytes.size);
    RH_ASSERT(reader.error != RH_OK || reader.valid == bytes.size);
    return reader.valid;
}

static struct rh_journal_record record_of(struct input *in)
{
    struct rh_journal_record record = {.kind = (enum rh_journal_kind)(1 + input_u8(in) % 8)};
    switch (record.kind) {
    case RH_JOURNAL_BEGIN:
        record.begin.to = input_line(in);
        record.begin.protocol = rh_bytes_of("videos");
        record.begin.session = input_line(in);
        record.begin.name = input_line(in);
        record.begin.mime = rh_bytes_of("video/webm");
        record.begin.shown = input_line(in);
        record.begin.flags = input_u8(in) & 3u;
        break;
    case RH_JOURNAL_FILE:
        record.file.path = input_line(in);
        record.file.size = input_u64(in);
        break;
    case RH_JOURNAL_SLICE:
    case RH_JOURNAL_SEGMENT:
        record.segment.index = input_u8(in);
        record.segment.offset = input_u64(in);
        record.segment.length = input_u64(in);
        record.segment.crc64 = input_u64(in);
        break;
    case RH_JOURNAL_SEALED:
        record.sealed.size = input_u64(in);
        record.sealed.cut = (input_u8(in) & 1) != 0;
        break;
    case RH_JOURNAL_FORGOT:
        record.forgot.offset = input_u64(in);
        record.forgot.length = input_u64(in);
        break;
    case RH_JOURNAL_PROTOCOL:
        record.protocol = input_line(in);
        break;
    case RH_JOURNAL_END:
        break;
    }
    return record;
}

static void write_and_damage(struct input *in)
{
    static uint8_t damaged[FILE_BYTES];
    uint64_t crc64 = 0;
    size_t size = RH_JOURNAL_HEAD_BYTES;
    unsigned count = 1 + input_u8(in) % 8;
    rh_journal_head(file);
    for (unsigned i = 0; i < count; i++) {
        struct rh_journal_record record = record_of(in);
        size_t used = 0;
        if (rh_journal_write(&record, &crc64, file + size, sizeof file - size, &used) == RH_OK)
            size += used;
    }
    (void)read_all((struct rh_bytes){file, size});
    memcpy(damaged, file, size);
    size_t first = size;
    for (unsigned i = 0; i < 3; i++) {
        size_t at = input_below(in, (uint32_t)size);
        uint8_t bits = input_u8(in);
        damaged[at] ^= bits;
        if (bits != 0 && at < first)
            first = at;
    }
    size_t cut = size - input_below(in, (uint32_t)size) % 64 % size;
    size_t valid = read_all((struct rh_bytes){damaged, cut});
    /* Twice the same bit is no damage; else nothing behind the first damage counts. (Two bytes of
     * the head mean nothing.) */
    if (valid > first && valid > RH_JOURNAL_HEAD_BYTES)
        RH_ASSERT(memcmp(damaged + RH_JOURNAL_HEAD_BYTES, file + RH_JOURNAL_HEAD_BYTES,
                         valid - RH_JOURNAL_HEAD_BYTES) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    if ((input_u8(&in) & 1) != 0)
        write_and_damage(&in);
    else
        (void)read_all((struct rh_bytes){in.data, in.size});
    return 0;
}
