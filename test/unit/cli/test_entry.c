/* SPDX-License-Identifier: MIT */
/* One upload of the spool through every kind of death: its journal cut at every byte, its segments
 * cut short or gone, its process killed. */
#include "harness.h"

#include <sys/resource.h>
#include <sys/wait.h>

static struct rh_entry *load(struct place *p, const char *id, enum rh_entry_trouble expected)
{
    struct rh_entry *entry;
    enum rh_entry_trouble trouble;
    assert_int_equal(rh_entry_load(&p->spool, id, true, &entry, &trouble), RH_OK);
    assert_int_equal(trouble, expected);
    return entry;
}

/* A new spool with one upload whose input has just begun; `id` is its own. */
static struct rh_entry *begin(struct place *p, char id[RH_SPOOL_ID_MAX + 1])
{
    place_make(p);
    struct rh_entry *entry = make_input(p);
    strcpy(id, entry->id);
    return entry;
}

static void put_away(struct place *p, struct rh_entry *entry, uint8_t *bytes)
{
    rh_entry_free(entry);
    place_remove(p);
    free(bytes);
}

/* It dies, and what comes back has these bytes. */
static struct rh_entry *comes_back(struct place *p, struct rh_entry *entry, const char *id,
                                   uint64_t size, const uint8_t *bytes)
{
    rh_entry_free(entry);
    entry = load(p, id, RH_ENTRY_FINE);
    assert_int_equal(entry->size, size);
    expect_bytes(entry, bytes);
    return entry;
}

static void whole_life(void **state)
{
    struct place p;
    size_t size = 2 * RH_SEGMENT_BYTES_MAX + 1234;
    uint8_t *bytes = make_bytes(size, 1);
    char id[RH_SPOOL_ID_MAX + 1];
    (void)state;
    struct rh_entry *entry = begin(&p, id);
    append(entry, bytes, size);
    assert_int_equal(rh_entry_seal(entry, false), RH_OK);
    assert_int_equal(entry->size, size);
    assert_int_equal(entry->crc64, rh_crc64_update(0, bytes, size));
    assert_int_equal(rh_entry_persist(entry, rh_bytes_of("a record")), RH_OK);
    assert_int_equal(p.spool.bytes_held, size);
    rh_entry_free(entry);
    assert_int_equal(p.spool.bytes_held, 0);

    entry = load(&p, id, RH_ENTRY_FINE);
    assert_true(entry->sealed);
    assert_false(entry->cut);
    assert_int_equal(entry->piece_count, 3);
    assert_int_equal(entry->crc64, rh_crc64_update(0, bytes, size));
    assert_int_equal(entry->record_size, 8);
    assert_string_equal(entry->name, "take");
    expect_bytes(entry, bytes);

    /* The middle one is forgotten, and stays so. */
    struct rh_range range = {RH_SEGMENT_BYTES_MAX - 1, RH_SEGMENT_BYTES_MAX + 2};
    assert_int_equal(rh_entry_forget(entry, range), RH_OK);
    rh_entry_free(entry);
    entry = load(&p, id, RH_ENTRY_FINE);
    assert_true(entry->pieces[0].held);
    assert_false(entry->pieces[1].held);
    assert_true(entry->pieces[2].held);
    assert_int_equal(p.spool.bytes_held, size - RH_SEGMENT_BYTES_MAX);
    assert_int_equal(entry->crc64, rh_crc64_update(0, bytes, size));
    assert_int_equal(rh_entry_end_all(entry), RH_OK);
    assert_int_equal(p.spool.bytes_held, 0);
    assert_int_not_equal(faccessat(p.spool.uploads, id, F_OK, 0), 0);
    put_away(&p, entry, bytes);
}

static uint8_t *journal_of(struct place *p, const char *id, size_t *size)
{
    char path[128];
    uint8_t *bytes;
    (void)snprintf(path, sizeof path, "%s/journal", id);
    assert_int_equal(rh_file_load(p->spool.uploads, path, 1 << 20, &bytes, size), RH_OK);
    return bytes;
}

static void write_journal(struct place *p, const char *id, const uint8_t *bytes, size_t size)
{
    assert_int_equal(
        rh_file_replace(p->spool.uploads, id, "journal", (struct rh_bytes){bytes, size}), RH_OK);
}

/* A crash after any byte of the journal: what comes back is a prefix, sealed, and sound; and never
 * less than what was durable before that byte. */
static void journal_cut_at_every_byte(void **state)
{
    struct place p;
    uint8_t *bytes = make_bytes(9000, 2);
    char id[RH_SPOOL_ID_MAX + 1];
    uint64_t promised[4096] = {0}; /* by the journal's size */
    size_t size;
    (void)state;
    struct rh_entry *entry = begin(&p, id);
    for (size_t at = 0; at < 9000; at += 3000) {
        append(entry, bytes + at, 1000);
        append(entry, bytes + at + 1000, 2000);
        if (at < 6000)
            assert_int_equal(rh_entry_close_segment(entry), RH_OK);
        promised[entry->journal_size] = rh_entry_end(entry);
    }
    rh_entry_free(entry); /* as a kill does: the last segment is open */
    uint8_t *journal = journal_of(&p, id, &size);
    uint64_t least = 0;
    uint64_t most = 0;
    for (size_t cut = 0; cut <= size; cut++) {
        least = promised[cut] > least ? promised[cut] : least;
        write_journal(&p, id, journal, cut);
        struct rh_entry *found;
        enum rh_entry_trouble trouble;
        assert_int_equal(rh_entry_load(&p.spool, id, true, &found, &trouble), RH_OK);
        if (trouble == RH_ENTRY_EMPTY) {
            assert_int_equal(least, 0);
            rh_entry_free(found);
            continue;
        }
        assert_int_equal(trouble, RH_ENTRY_FINE);
        assert_true(found->sealed);
        assert_true(found->cut);
        assert_true(found->size >= least);
        most = found->size > most ? found->size : most;
        assert_int_equal(found->crc64, rh_crc64_update(0, bytes, (size_t)found->size));
        expect_bytes(found, bytes);
        uint64_t before = found->size;
        rh_entry_free(found);
        found = load(&p, id, RH_ENTRY_FINE); /* recovering is done once */
        assert_int_equal(found->size, before);
        rh_entry_free(found);
    }
    assert_int_equal(most, 9000);
    free(journal);
    free(bytes);
    place_remove(&p);
}

/* The open segment's file is shorter than its slices say, or has other bytes: sound ones stay. */
static void open_segment_damaged(void **state)
{
    static const struct {
        long cut;
        size_t flip;
        uint64_t left;
    } cases[] = {{2500, 9999, 2000}, {0, 9999, 0},       {3000, 1500, 1000},
                 {3000, 0, 0},       {3000, 2999, 2000}, {3000, 9999, 3000}};
    uint8_t *bytes = make_bytes(3000, 3);
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct place p;
        char id[RH_SPOOL_ID_MAX + 1];
        char path[128];
        struct rh_entry *entry = begin(&p, id);
        for (size_t at = 0; at < 3000; at += 1000)
            append(entry, bytes + at, 1000);
        rh_entry_free(entry);
        (void)snprintf(path, sizeof path, "%s/00000000.seg", id);
        int fd = openat(p.spool.uploads, path, O_RDWR);
        assert_true(fd >= 0);
        assert_int_equal(ftruncate(fd, cases[i].cut), 0);
        if (cases[i].flip < 3000) {
            uint8_t other = (uint8_t)(bytes[cases[i].flip] ^ 1);
            assert_int_equal(pwrite(fd, &other, 1, (off_t)cases[i].flip), 1);
        }
        close(fd);
        put_away(&p, comes_back(&p, NULL, id, cases[i].left, bytes), NULL);
    }
    free(bytes);
}

static void forgetting_beside_an_open_segment(void **state)
{
    struct place p;
    uint8_t *bytes = make_bytes(5000, 4);
    char id[RH_SPOOL_ID_MAX + 1];
    (void)state;
    struct rh_entry *entry = begin(&p, id);
    append(entry, bytes, 1000);
    assert_int_equal(rh_entry_close_segment(entry), RH_OK);
    append(entry, bytes + 1000, 1000);
    assert_int_equal(rh_entry_forget(entry, (struct rh_range){0, 1000}), RH_OK);
    append(entry, bytes + 2000, 1000);
    assert_int_equal(rh_entry_close_segment(entry), RH_OK);
    append(entry, bytes + 3000, 2000);
    rh_entry_free(entry);
    entry = load(&p, id, RH_ENTRY_FINE);
    assert_int_equal(entry->size, 5000);
    assert_false(entry->pieces[0].held);
    assert_true(entry->pieces[1].held);
    assert_int_equal(entry->crc64, rh_crc64_update(0, bytes, 5000));
    expect_bytes(entry, bytes);
    put_away(&p, entry, bytes);
}

static void newer_and_damaged_are_left_alone(void **state)
{
    struct place p;
    char id[RH_SPOOL_ID_MAX + 1];
    size_t size;
    size_t size_after;
    (void)state;
    struct rh_entry *entry = begin(&p, id);
    rh_entry_free(entry);
    uint8_t *journal = journal_of(&p, id, &size);
    journal[4] = RH_JOURNAL_FORMAT + 1;
    write_journal(&p, id, journal, size);
    rh_entry_free(load(&p, id, RH_ENTRY_NEWER));
    uint8_t *after = journal_of(&p, id, &size_after);
    assert_int_equal(size_after, size);
    assert_memory_equal(after, journal, size);
    free(after);
    journal[0] = '?';
    write_journal(&p, id, journal, size);
    rh_entry_free(load(&p, id, RH_ENTRY_DAMAGED));
    after = journal_of(&p, id, &size_after);
    assert_memory_equal(after, journal, size);
    free(after);
    free(journal);
    place_remove(&p);
}

static void who_spools_keeps_others_out(void **state)
{
    struct place p;
    (void)state;
    place_make(&p);
    struct rh_entry *entry = make_input(&p);
    rh_entry_free(load(&p, entry->id, RH_ENTRY_BUSY));
    assert_int_equal(rh_entry_seal(entry, false), RH_OK);
    rh_entry_free(load(&p, entry->id, RH_ENTRY_FINE));
    rh_entry_free(entry);
    place_remove(&p);
}

static void end_cut_short(void **state)
{
    struct place p;
    uint8_t *bytes = make_bytes(1000, 5);
    struct rh_journal_record end = {.kind = RH_JOURNAL_END};
    (void)state;
    place_make(&p);
    struct rh_entry *entry = make_input(&p);
    append(entry, bytes, 1000);
    assert_int_equal(rh_entry_seal(entry, false), RH_OK);
    assert_int_equal(rh_entry_log(entry, &end, true), RH_OK); /* and then the process dies */
    struct rh_entry *found = load(&p, entry->id, RH_ENTRY_OVER);
    assert_int_equal(rh_entry_end_all(found), RH_OK);
    assert_int_not_equal(faccessat(p.spool.uploads, entry->id, F_OK, 0), 0);
    rh_entry_free(found);
    entry->piece_count = 0; /* its files are gone: nothing is held */
    p.spool.bytes_held = 0;
    put_away(&p, entry, bytes);
}

/* Killed at a random moment, many times: what comes back is a prefix of what was written, and at
 * least what was closed. */
static void killed_at_any_moment(void **state)
{
    uint8_t *bytes = make_bytes(400000, 6);
    struct rh_rng rng;
    (void)state;
    rh_rng_init(&rng, 7);
    for (int round = 0; round < 25; round++) {
        struct place p;
        int says[2];
        uint64_t closed = 0;
        place_make(&p);
        assert_int_equal(pipe(says), 0);
        pid_t child = fork();
        if (child == 0) {
            struct rh_entry *entry = make_input(&p);
            for (size_t at = 0; at < 400000; at += 500) {
                append(entry, bytes + at, 500);
                uint64_t end = at + 500;
                if (at % 4000 == 3500 && (rh_entry_close_segment(entry) != RH_OK ||
                                          write(says[1], &end, sizeof end) != sizeof end))
                    _exit(1);
            }
            pause();
        }
        close(says[1]);
        usleep((useconds_t)rh_rng_below(&rng, 20000));
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, NULL, 0), child);
        while (read(says[0], &closed, sizeof closed) == sizeof closed) {
        }
        close(says[0]);
        char(*ids)[RH_SPOOL_ID_MAX + 1];
        size_t count;
        assert_int_equal(rh_spool_list(&p.spool, &ids, &count), RH_OK);
        if (count == 1) {
            struct rh_entry *entry;
            enum rh_entry_trouble trouble;
            assert_int_equal(rh_entry_load(&p.spool, ids[0], true, &entry, &trouble), RH_OK);
            if (trouble == RH_ENTRY_FINE) {
                assert_true(entry->size >= closed);
                assert_int_equal(entry->crc64, rh_crc64_update(0, bytes, (size_t)entry->size));
                expect_bytes(entry, bytes);
            } else {
                assert_int_equal(closed, 0);
                assert_int_equal(trouble, RH_ENTRY_EMPTY);
            }
            rh_entry_free(entry);
        }
        free(ids);
        place_remove(&p);
    }
    free(bytes);
}

/* A write that is refused in the middle moves nothing, and may be repeated. */
static void refused_writes(void **state)
{
    struct place p;
    uint8_t *bytes = make_bytes(200000, 8);
    char id[RH_SPOOL_ID_MAX + 1];
    size_t taken;
    (void)state;
    struct rh_entry *entry = begin(&p, id);
    append(entry, bytes, 50000);
    pid_t child = fork();
    if (child == 0) {
        struct rlimit limit = {60000, 60000};
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &limit);
        bool fine = rh_entry_append(entry, bytes + 50000, 50000, &taken) != RH_OK && taken == 0 &&
                    entry->open.size == 50000;
        fine = fine && rh_entry_append(entry, bytes + 50000, 10000, &taken) == RH_OK &&
               taken == 10000 && rh_entry_close_segment(entry) == RH_OK;
        _exit(fine ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    entry = comes_back(&p, entry, id, 60000, bytes);
    put_away(&p, entry, bytes);
}

/* After a failed sync the bytes are written anew from memory, into another file. */
static void written_anew(void **state)
{
    struct place p;
    uint8_t *bytes = make_bytes(3000, 9);
    char id[RH_SPOOL_ID_MAX + 1];
    (void)state;
    struct rh_entry *entry = begin(&p, id);
    append(entry, bytes, 1000);
    entry->open.spoiled = true; /* as a failed fdatasync leaves it */
    assert_int_equal(ftruncate(entry->open.fd, 0), 0);
    append(entry, bytes + 1000, 1000);
    assert_int_equal(entry->open.index, 1);
    entry->open.spoiled = true;
    assert_int_equal(rh_entry_close_segment(entry), RH_OK);
    append(entry, bytes + 2000, 1000);
    entry = comes_back(&p, entry, id, 3000, bytes);
    put_away(&p, entry, bytes);
}

/* Folders that nobody began an upload in go after an hour, not before, and not with bytes in them.
 */
static void a_protocol_is_settled_for_good(void **state)
{
    (void)state;
    struct place p;
    char id[RH_SPOOL_ID_MAX + 1];
    struct rh_entry *entry = begin(&p, id);
    uint8_t *bytes = make_bytes(1000, 1);
    size_t taken;
    assert_int_equal(rh_entry_append(entry, bytes, 1000, &taken), RH_OK);
    assert_int_equal(rh_entry_settle(entry, "tus"), RH_OK);
    assert_string_equal(entry->protocol, "tus");
    assert_int_equal(rh_entry_seal(entry, false), RH_OK);
    rh_entry_free(entry);
    entry = load(&p, id, RH_ENTRY_FINE);
    assert_string_equal(entry->protocol, "tus");
    assert_true(entry->sealed && entry->size == 1000);
    char text[RH_JOURNAL_TEXT_MAX + 2];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = 0;
    assert_int_equal(rh_entry_settle(entry, text), RH_ERR_LIMIT);
    assert_string_equal(entry->protocol, "tus");
    put_away(&p, entry, bytes);
}

static void debris(void **state)
{
    static const struct {
        bool journal, segment, old, goes;
    } cases[] = {{false, false, false, false},
                 {false, false, true, true},
                 {true, false, true, true},
                 {true, true, true, false},
                 {true, false, false, false}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct place p;
        struct timespec times[2] = {{1700000000, 0}, {1700000000, 0}};
        place_make(&p);
        assert_int_equal(mkdirat(p.spool.uploads, "x", 0700), 0);
        if (cases[i].journal)
            close(openat(p.spool.uploads, "x/journal", O_CREAT | O_WRONLY, 0600));
        if (cases[i].segment)
            close(openat(p.spool.uploads, "x/00000000.seg", O_CREAT | O_WRONLY, 0600));
        if (cases[i].old)
            assert_int_equal(utimensat(p.spool.uploads, "x", times, 0), 0);
        rh_entry_free(load(&p, "x", RH_ENTRY_EMPTY));
        rh_entry_remove_debris(&p.spool, "x");
        assert_int_equal(faccessat(p.spool.uploads, "x", F_OK, 0), cases[i].goes ? -1 : 0);
        place_remove(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_life),
        cmocka_unit_test(journal_cut_at_every_byte),
        cmocka_unit_test(open_segment_damaged),
        cmocka_unit_test(forgetting_beside_an_open_segment),
        cmocka_unit_test(newer_and_damaged_are_left_alone),
        cmocka_unit_test(who_spools_keeps_others_out),
        cmocka_unit_test(end_cut_short),
        cmocka_unit_test(killed_at_any_moment),
        cmocka_unit_test(refused_writes),
        cmocka_unit_test(written_anew),
        cmocka_unit_test(a_protocol_is_settled_for_good),
        cmocka_unit_test(debris),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
