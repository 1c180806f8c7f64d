/* SPDX-License-Identifier: MIT */
/* The journal as bytes: each record there and back, cut at every byte, every bit flipped, newer. */
#include "harness.h"

#define TEXT(text) rh_bytes_of(text)

static struct rh_journal_record samples[7];

static void fill_samples(void)
{
    memset(samples, 0, sizeof samples);
    samples[0].kind = RH_JOURNAL_BEGIN;
    samples[0].begin.to = TEXT("https://rec.example.org");
    samples[0].begin.protocol = TEXT("videos");
    samples[0].begin.session = TEXT("");
    samples[0].begin.name = TEXT("lecture");
    samples[0].begin.mime = TEXT("video/webm");
    samples[0].begin.shown = TEXT("lecture.webm");
    samples[0].begin.wall_ms = -5;
    samples[0].begin.flags = RH_JOURNAL_SESSION_MADE;
    samples[1].kind = RH_JOURNAL_FILE;
    samples[1].file.path = TEXT("/home/somebody/lecture.webm");
    samples[1].file.size = 3000;
    samples[1].file.mtime_ns = 1700000000123456789;
    samples[1].file.sample = 0x1122334455667788;
    samples[2].kind = RH_JOURNAL_SLICE;
    samples[2].segment.index = 7;
    samples[2].segment.offset = 0;
    samples[2].segment.length = 1000;
    samples[2].segment.crc64 = UINT64_MAX;
    samples[3] = samples[2];
    samples[3].kind = RH_JOURNAL_SEGMENT;
    samples[4].kind = RH_JOURNAL_FORGOT;
    samples[4].forgot = (struct rh_range){0, 1000};
    samples[5].kind = RH_JOURNAL_SEALED;
    samples[5].sealed.size = 1000;
    samples[5].sealed.crc64 = 9;
    samples[5].sealed.cut = true;
    samples[6].kind = RH_JOURNAL_END;
}

struct text {
    uint8_t bytes[2048];
    size_t size;
    size_t ends[8]; /* of the head, and of each record */
};

static struct text write_samples(void)
{
    struct text t = {.size = RH_JOURNAL_HEAD_BYTES};
    uint64_t crc64 = 0;
    fill_samples();
    rh_journal_head(t.bytes);
    t.ends[0] = t.size;
    for (size_t i = 0; i < 7; i++) {
        size_t used;
        assert_int_equal(
            rh_journal_write(&samples[i], &crc64, t.bytes + t.size, sizeof t.bytes - t.size, &used),
            RH_OK);
        t.size += used;
        t.ends[i + 1] = t.size;
    }
    return t;
}

static void expect_equal(const struct rh_journal_record *a, const struct rh_journal_record *b)
{
    assert_int_equal(a->kind, b->kind);
    switch (a->kind) {
    case RH_JOURNAL_BEGIN:
        assert_true(rh_bytes_equal(a->begin.to, b->begin.to));
        assert_true(rh_bytes_equal(a->begin.protocol, b->begin.protocol));
        assert_true(rh_bytes_equal(a->begin.session, b->begin.session));
        assert_true(rh_bytes_equal(a->begin.name, b->begin.name));
        assert_true(rh_bytes_equal(a->begin.mime, b->begin.mime));
        assert_true(rh_bytes_equal(a->begin.shown, b->begin.shown));
        assert_int_equal(a->begin.wall_ms, b->begin.wall_ms);
        assert_int_equal(a->begin.flags, b->begin.flags);
        break;
    case RH_JOURNAL_FILE:
        assert_true(rh_bytes_equal(a->file.path, b->file.path));
        assert_int_equal(a->file.size, b->file.size);
        assert_int_equal(a->file.mtime_ns, b->file.mtime_ns);
        assert_int_equal(a->file.sample, b->file.sample);
        break;
    case RH_JOURNAL_SLICE:
    case RH_JOURNAL_SEGMENT:
        assert_memory_equal(&a->segment, &b->segment, sizeof a->segment);
        break;
    case RH_JOURNAL_SEALED:
        assert_int_equal(a->sealed.size, b->sealed.size);
        assert_int_equal(a->sealed.crc64, b->sealed.crc64);
        assert_int_equal(a->sealed.cut, b->sealed.cut);
        break;
    case RH_JOURNAL_FORGOT:
        assert_memory_equal(&a->forgot, &b->forgot, sizeof a->forgot);
        break;
    case RH_JOURNAL_PROTOCOL:
        assert_true(rh_bytes_equal(a->protocol, b->protocol));
        break;
    case RH_JOURNAL_END:
        break;
    }
}

/* Reads from memory of exactly this size, so that the sanitizer sees a step too far. */
static size_t read_all(const uint8_t *bytes, size_t size, enum rh_error *error, size_t *valid)
{
    struct rh_journal_reader reader;
    struct rh_journal_record record;
    uint8_t *exact = malloc(size > 0 ? size : 1);
    size_t count = 0;
    assert_non_null(exact);
    memcpy(exact, bytes, size);
    *error = rh_journal_open(&reader, (struct rh_bytes){exact, size});
    while (*error == RH_OK && rh_journal_next(&reader, &record)) {
        assert_true(count < 7);
        expect_equal(&record, &samples[count]);
        count++;
    }
    *error = reader.error;
    *valid = reader.valid;
    free(exact);
    return count;
}

static void there_and_back(void **state)
{
    struct text t = write_samples();
    enum rh_error error;
    size_t valid;
    (void)state;
    assert_int_equal(read_all(t.bytes, t.size, &error, &valid), 7);
    assert_int_equal(error, RH_OK);
    assert_int_equal(valid, t.size);
}

static void cut_at_every_byte(void **state)
{
    struct text t = write_samples();
    (void)state;
    for (size_t size = 0; size < t.size; size++) {
        enum rh_error error;
        size_t valid;
        size_t whole = 0;
        while (whole < 7 && t.ends[whole + 1] <= size)
            whole++;
        assert_int_equal(read_all(t.bytes, size, &error, &valid), whole);
        bool on_edge = size >= RH_JOURNAL_HEAD_BYTES && t.ends[whole] == size;
        assert_int_equal(error, on_edge ? RH_OK : RH_ERR_AGAIN);
        assert_int_equal(valid, size < RH_JOURNAL_HEAD_BYTES ? 0 : t.ends[whole]);
    }
}

static void every_bit_flipped(void **state)
{
    struct text t = write_samples();
    (void)state;
    for (size_t bit = 8 * RH_JOURNAL_HEAD_BYTES; bit < 8 * t.size; bit++) {
        enum rh_error error;
        size_t valid;
        size_t hit = 0;
        while (t.ends[hit + 1] <= bit / 8)
            hit++;
        t.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        /* Nothing from the damaged record on, and all before it. */
        assert_int_equal(read_all(t.bytes, t.size, &error, &valid), hit);
        assert_true(error == RH_ERR_CHECKSUM || error == RH_ERR_AGAIN);
        assert_int_equal(valid, t.ends[hit]);
        t.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

static void a_record_left_out_or_swapped(void **state)
{
    struct text t = write_samples();
    struct text other = t;
    enum rh_error error;
    size_t valid;
    (void)state;
    /* Without the third: what follows it no longer counts. */
    size_t third = t.ends[3] - t.ends[2];
    memmove(other.bytes + t.ends[2], t.bytes + t.ends[3], t.size - t.ends[3]);
    assert_int_equal(read_all(other.bytes, t.size - third, &error, &valid), 2);
    assert_int_equal(error, RH_ERR_CHECKSUM);
    assert_int_equal(valid, t.ends[2]);
}

static void zeros_behind(void **state)
{
    struct text t = write_samples();
    enum rh_error error;
    size_t valid;
    (void)state;
    memset(t.bytes + t.size, 0, 500); /* a power cut: the size was written, the bytes were not */
    assert_int_equal(read_all(t.bytes, t.size + 500, &error, &valid), 7);
    assert_int_equal(error, RH_ERR_CHECKSUM);
    assert_int_equal(valid, t.size);
}

static void heads(void **state)
{
    struct text t = write_samples();
    enum rh_error error;
    size_t valid;
    (void)state;
    t.bytes[4] = RH_JOURNAL_FORMAT + 1;
    assert_int_equal(read_all(t.bytes, t.size, &error, &valid), 0);
    assert_int_equal(error, RH_ERR_VERSION);
    t.bytes[4] = 0;
    assert_int_equal(read_all(t.bytes, t.size, &error, &valid), 0);
    assert_int_equal(error, RH_ERR_SYNTAX);
    t.bytes[4] = RH_JOURNAL_FORMAT;
    t.bytes[0] = 'X';
    assert_int_equal(read_all(t.bytes, t.size, &error, &valid), 0);
    assert_int_equal(error, RH_ERR_SYNTAX);
}

/* One record behind a BEGIN, with a right checksum: what is wrong is what it says. */
static enum rh_error read_second(const struct rh_journal_record *record, int spoil_at,
                                 uint8_t value)
{
    static uint8_t bytes[RH_JOURNAL_HEAD_BYTES + 2 * RH_JOURNAL_RECORD_MAX];
    uint64_t crc64 = 0;
    size_t used;
    size_t size = RH_JOURNAL_HEAD_BYTES;
    struct rh_journal_reader reader;
    struct rh_journal_record out;
    fill_samples();
    rh_journal_head(bytes);
    assert_int_equal(
        rh_journal_write(&samples[0], &crc64, bytes + size, sizeof bytes - size, &used), RH_OK);
    size += used;
    uint64_t before = crc64;
    assert_int_equal(rh_journal_write(record, &crc64, bytes + size, sizeof bytes - size, &used),
                     RH_OK);
    if (spoil_at >= 0) {
        bytes[size + (size_t)spoil_at] = value;
        crc64 = rh_crc64_update(before, bytes + size, used - 8);
        rh_le64_put(bytes + size + used - 8, crc64);
    }
    assert_int_equal(rh_journal_open(&reader, (struct rh_bytes){bytes, size + used}), RH_OK);
    assert_true(rh_journal_next(&reader, &out));
    (void)rh_journal_next(&reader, &out);
    return reader.error;
}

static void records_that_make_no_sense(void **state)
{
    struct rh_journal_record r;
    (void)state;
    fill_samples();
    assert_int_equal(read_second(&samples[3], -1, 0), RH_OK);
    assert_int_equal(read_second(&samples[3], 4, 9), RH_ERR_SYNTAX); /* an unknown kind */
    assert_int_equal(read_second(&samples[3], 4, 0), RH_ERR_SYNTAX);
    assert_int_equal(read_second(&samples[3], 5, 1), RH_ERR_SYNTAX);                 /* reserved */
    assert_int_equal(read_second(&samples[3], 4, RH_JOURNAL_END), RH_ERR_SYNTAX);    /* too long */
    assert_int_equal(read_second(&samples[6], 4, RH_JOURNAL_SEALED), RH_ERR_SYNTAX); /* too short */
    assert_int_equal(read_second(&samples[0], -1, 0), RH_ERR_SYNTAX); /* begins twice */
    r = samples[3];
    r.segment.length = 0;
    assert_int_equal(read_second(&r, -1, 0), RH_ERR_SYNTAX);
    r.segment.length = UINT64_MAX - 5;
    r.segment.offset = 6;
    assert_int_equal(read_second(&r, -1, 0), RH_ERR_SYNTAX);
    r = samples[1];
    r.file.path = (struct rh_bytes){(const uint8_t *)"a\0b", 3};
    assert_int_equal(read_second(&r, -1, 0), RH_ERR_SYNTAX);
    r.file.path = TEXT("");
    assert_int_equal(read_second(&r, -1, 0), RH_ERR_SYNTAX);
}

static void caps(void **state)
{
    static char text[RH_JOURNAL_TEXT_MAX + 2];
    static uint8_t out[RH_JOURNAL_RECORD_MAX];
    uint64_t crc64 = 3;
    size_t used;
    (void)state;
    fill_samples();
    memset(text, 'x', RH_JOURNAL_TEXT_MAX + 1);
    struct rh_journal_record r = samples[0];
    r.begin.to = r.begin.protocol = r.begin.session = r.begin.name = r.begin.mime =
        (struct rh_bytes){(uint8_t *)text, RH_JOURNAL_TEXT_MAX};
    r.begin.shown = r.begin.to;
    assert_int_equal(rh_journal_write(&r, &crc64, out, sizeof out, &used), RH_OK);
    crc64 = 3;
    r.begin.shown = TEXT(text);
    assert_int_equal(rh_journal_write(&r, &crc64, out, sizeof out, &used), RH_ERR_LIMIT);
    assert_int_equal(crc64, 3);
    assert_int_equal(rh_journal_write(&samples[0], &crc64, out, 30, &used), RH_ERR_LIMIT);
    assert_int_equal(crc64, 3);
}

/* Golden files of each format stay readable. */
static void golden(void **state)
{
    struct text t = write_samples();
    char path[512];
    uint8_t bytes[2048];
    (void)state;
    (void)snprintf(path, sizeof path, "%s/journal-1.bin", getenv("GOLDEN"));
    FILE *file = fopen(path, getenv("MAKE_GOLDEN") != NULL ? "w+b" : "rb");
    assert_non_null(file);
    if (getenv("MAKE_GOLDEN") != NULL) {
        assert_int_equal(fwrite(t.bytes, 1, t.size, file), t.size);
        rewind(file);
    }
    size_t size = fread(bytes, 1, sizeof bytes, file);
    (void)fclose(file);
    enum rh_error error;
    size_t valid;
    assert_int_equal(read_all(bytes, size, &error, &valid), 7);
    assert_int_equal(error, RH_OK);
    assert_int_equal(size, t.size);
    assert_memory_equal(bytes, t.bytes, size); /* while this is the format that is written */
}

static void a_protocol_may_be_found_out_later(void **state)
{
    (void)state;
    uint8_t bytes[512];
    struct rh_journal_reader reader;
    struct rh_journal_record record;
    struct rh_journal_record later = {.kind = RH_JOURNAL_PROTOCOL};
    static const char *const names[] = {"tus", ""};
    fill_samples();
    for (unsigned i = 0; i < 2; i++) {
        uint64_t crc64 = 0;
        size_t used;
        size_t size = RH_JOURNAL_HEAD_BYTES;
        rh_journal_head(bytes);
        assert_int_equal(
            rh_journal_write(&samples[0], &crc64, bytes + size, sizeof bytes - size, &used), RH_OK);
        size += used;
        later.protocol = rh_bytes_of(names[i]);
        assert_int_equal(rh_journal_write(&later, &crc64, bytes + size, sizeof bytes - size, &used),
                         RH_OK);
        size += used;
        assert_int_equal(rh_journal_open(&reader, (struct rh_bytes){bytes, size}), RH_OK);
        assert_true(rh_journal_next(&reader, &record));
        assert_int_equal(rh_journal_next(&reader, &record), i == 0);
        if (i == 0)
            expect_equal(&later, &record);
        else
            assert_int_equal(reader.error, RH_ERR_SYNTAX); /* nobody writes none */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_protocol_may_be_found_out_later),
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(cut_at_every_byte),
        cmocka_unit_test(every_bit_flipped),
        cmocka_unit_test(a_record_left_out_or_swapped),
        cmocka_unit_test(zeros_behind),
        cmocka_unit_test(heads),
        cmocka_unit_test(records_that_make_no_sense),
        cmocka_unit_test(caps),
        cmocka_unit_test(golden),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
