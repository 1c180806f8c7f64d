/* SPDX-License-Identifier: MIT */
#include "harness.h"

struct file {
    struct place p;
    char path[96];
    uint8_t *bytes;
    size_t size;
    struct rh_entry *entry;
};

static void write_file(struct file *f)
{
    int fd = open(f->path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(rh_file_write(fd, f->bytes, f->size, 0), RH_OK);
    close(fd);
}

static struct rh_fingerprint print_of(const struct file *f)
{
    struct rh_fingerprint print;
    int fd = open(f->path, O_RDONLY);
    assert_true(fd >= 0);
    assert_int_equal(rh_fingerprint_take(fd, &print), RH_OK);
    close(fd);
    return print;
}

static void make_file(struct file *f, size_t size)
{
    place_make(&f->p);
    (void)snprintf(f->path, sizeof f->path, "%s/film.webm", f->p.folder);
    f->bytes = make_bytes(size, size);
    f->size = size;
    write_file(f);
    struct rh_entry_plan plan = {.to = "http://127.0.0.1:1",
                                 .protocol = "videos",
                                 .name = "film",
                                 .mime = "video/webm",
                                 .shown = "film.webm",
                                 .path = f->path,
                                 .print = print_of(f)};
    assert_int_equal(rh_entry_create(&f->p.spool, &plan, &f->entry), RH_OK);
}

static void remove_file(struct file *f)
{
    rh_entry_free(f->entry);
    place_remove(&f->p);
    free(f->bytes);
}

static void set_time(const struct file *f, int64_t mtime_ns)
{
    struct timespec times[2] = {{0, UTIME_OMIT}, {mtime_ns / 1000000000, mtime_ns % 1000000000}};
    assert_int_equal(utimensat(AT_FDCWD, f->path, times, 0), 0);
}

/* Size and time alone do not tell: samples see most changes. */
static void fingerprints(void **state)
{
    static const size_t sizes[] = {0, 1, 4095, 4096, 4097, 100000, 3000000};
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct file f;
        make_file(&f, sizes[i]);
        struct rh_fingerprint first = print_of(&f);
        struct rh_fingerprint again = print_of(&f);
        assert_true(rh_fingerprint_equal(&first, &again));
        for (int k = 0; k < 3 && f.size > 0; k++) {
            size_t at = k == 0 ? 0 : k == 1 ? f.size - 1 : f.size > 100000 ? 0 : f.size / 2;
            f.bytes[at] ^= 1;
            write_file(&f);
            set_time(&f, first.mtime_ns);
            again = print_of(&f);
            assert_int_equal(again.size, first.size);
            assert_int_equal(again.mtime_ns, first.mtime_ns);
            assert_false(rh_fingerprint_equal(&first, &again));
            f.bytes[at] ^= 1;
        }
        remove_file(&f);
    }
}

static void a_file_that_changes_is_refused(void **state)
{
    struct file f;
    struct rh_source source;
    uint8_t out[100];
    size_t got;
    uint64_t crc64;
    (void)state;
    make_file(&f, 1000);
    struct rh_range all = {0, 1000};
    assert_int_equal(rh_source_crc64(f.entry, all, &crc64), RH_OK);
    assert_int_equal(crc64, rh_crc64_update(0, f.bytes, 1000));
    /* Touched while it is read: known at the latest when the part ends. */
    assert_int_equal(rh_source_open(&source, f.entry, (struct rh_range){900, 100}), RH_OK);
    set_time(&f, f.entry->print.mtime_ns + 1);
    assert_int_equal(rh_source_read(&source, out, sizeof out, &got), RH_ERR_STATE);
    rh_source_close(&source);
    assert_int_equal(rh_source_open(&source, f.entry, all), RH_ERR_STATE);
    set_time(&f, f.entry->print.mtime_ns);
    assert_int_equal(rh_source_open(&source, f.entry, all), RH_OK);
    rh_source_close(&source);
    assert_int_equal(truncate(f.path, 999), 0);
    set_time(&f, f.entry->print.mtime_ns);
    assert_int_equal(rh_source_open(&source, f.entry, all), RH_ERR_STATE);
    unlink(f.path);
    assert_int_equal(rh_source_open(&source, f.entry, all), RH_ERR_UNKNOWN);
    remove_file(&f);
}

static void other_bytes_at_the_same_time(void **state)
{
    struct file f;
    (void)state;
    make_file(&f, 3000);
    for (size_t at = 0; at < 3000; at += 1000)
        assert_int_equal(rh_entry_piece(f.entry, 1000, rh_crc64_update(0, f.bytes + at, 1000)),
                         RH_OK);
    assert_int_equal(rh_source_verify(f.entry, (struct rh_range){0, 3000}), RH_OK);
    f.bytes[1500] ^= 1;
    write_file(&f);
    set_time(&f, f.entry->print.mtime_ns);
    assert_int_equal(rh_source_verify(f.entry, (struct rh_range){0, 1000}), RH_OK);
    assert_int_equal(rh_source_verify(f.entry, (struct rh_range){999, 2}), RH_ERR_CHECKSUM);
    assert_int_equal(rh_source_verify(f.entry, (struct rh_range){2000, 1000}), RH_OK);
    remove_file(&f);
}

static void ranges_of_segments(void **state)
{
    struct place p;
    uint8_t *bytes = make_bytes(5000, 11);
    (void)state;
    place_make(&p);
    struct rh_entry *entry = make_input(&p);
    for (size_t at = 0; at < 5000; at += 1000) {
        append(entry, bytes + at, 1000);
        assert_int_equal(rh_entry_close_segment(entry), RH_OK);
    }
    struct rh_rng rng;
    rh_rng_init(&rng, 12);
    for (int i = 0; i < 200; i++) {
        uint64_t offset = rh_rng_below(&rng, 5000);
        struct rh_range range = {offset, rh_rng_below(&rng, 5001 - offset)};
        uint64_t crc64;
        assert_int_equal(rh_source_crc64(entry, range, &crc64), RH_OK);
        assert_int_equal(crc64, rh_crc64_update(0, bytes + range.offset, (size_t)range.length));
    }
    uint64_t crc64;
    assert_int_equal(rh_source_crc64(entry, (struct rh_range){4000, 1001}, &crc64), RH_ERR_UNKNOWN);
    assert_int_equal(rh_entry_forget(entry, (struct rh_range){1000, 1000}), RH_OK);
    assert_int_equal(rh_source_crc64(entry, (struct rh_range){999, 2}, &crc64), RH_ERR_UNKNOWN);
    rh_entry_free(entry);
    place_remove(&p);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fingerprints),
        cmocka_unit_test(a_file_that_changes_is_refused),
        cmocka_unit_test(other_bytes_at_the_same_time),
        cmocka_unit_test(ranges_of_segments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
