/* SPDX-License-Identifier: MIT */
/* Files below a data directory, and catalogs as files. */
#include "vault/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "vault/catalog.h"
#include "vault/catalog_copy.h"

static struct {
    char directory[64];
    int root;
    char why[256];
} place;

static int setup(void **state)
{
    (void)state;
    strcpy(place.directory, "/tmp/reelhaul-files-XXXXXX");
    if (mkdtemp(place.directory) == NULL)
        return -1;
    place.root = open(place.directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return place.root < 0 ? -1 : 0;
}

static int teardown(void **state)
{
    (void)state;
    DIR *listing = fdopendir(place.root);
    if (listing == NULL)
        return -1;
    for (struct dirent *entry; (entry = readdir(listing)) != NULL;)
        (void)unlinkat(place.root, entry->d_name, 0);
    closedir(listing);
    return rmdir(place.directory);
}

static const char *path_of(const char *name)
{
    static char paths[2][128];
    static unsigned turn;
    char *path = paths[turn++ % 2];
    snprintf(path, sizeof paths[0], "%s/%s", place.directory, name);
    return path;
}

static void put(const char *name, const char *text)
{
    int fd = openat(place.root, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(rh_data_write_all(fd, text, strlen(text), 0), RH_OK);
    close(fd);
}

static void errors_have_their_names(void **state)
{
    static const struct {
        int number;
        enum rh_error error;
        bool is_absent;
    } cases[] = {{ENOSPC, RH_ERR_FULL, false},        {EDQUOT, RH_ERR_FULL, false},
                 {EFBIG, RH_ERR_FULL, false},         {ENOENT, RH_ERR_UNKNOWN, true},
                 {EEXIST, RH_ERR_EXISTS, false},      {ENOMEM, RH_ERR_MEMORY, false},
                 {ENAMETOOLONG, RH_ERR_LIMIT, false}, {EIO, RH_ERR_IO, false},
                 {EMFILE, RH_ERR_IO, false},          {EACCES, RH_ERR_IO, false},
                 {ENOTDIR, RH_ERR_IO, true},          {ELOOP, RH_ERR_IO, true}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(rh_data_error(cases[i].number), cases[i].error);
        assert_int_equal(rh_data_is_absent(cases[i].number), cases[i].is_absent);
    }
}

static void what_there_is_is_read(void **state)
{
    char text[16];
    (void)state;
    put("a", "0123456789");
    int fd = openat(place.root, "a", O_RDONLY | O_CLOEXEC);
    assert_int_equal(rh_data_read_all(fd, text, 4, 3), 4);
    assert_memory_equal(text, "3456", 4);
    assert_int_equal(rh_data_read_all(fd, text, sizeof text, 8), 2);
    assert_int_equal(rh_data_write_all(fd, "x", 1, 0), RH_ERR_IO); /* not open for writing */
    close(fd);
    assert_int_equal(rh_data_read_all(fd, text, 4, 0), -1);
}

static void a_name_is_there_or_not_or_nobody_knows(void **state)
{
    char long_name[300];
    bool is_there;
    (void)state;
    put("a", "");
    assert_int_equal(symlinkat("nowhere", place.root, "link"), 0);
    assert_int_equal(rh_data_find(place.root, "a", &is_there), RH_OK);
    assert_true(is_there);
    assert_true(rh_data_exists(place.root, "link")); /* the link itself */
    assert_int_equal(rh_data_find(place.root, "b", &is_there), RH_OK);
    assert_false(is_there);
    assert_false(rh_data_exists(place.root, "a/b"));
    memset(long_name, 'n', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    assert_int_equal(rh_data_find(place.root, long_name, &is_there), RH_ERR_LIMIT);
    assert_true(rh_data_exists(place.root, long_name));
    assert_int_equal(rh_data_sync_directory(place.root, "."), RH_OK);
    assert_int_equal(rh_data_sync_directory(place.root, "b"), RH_ERR_UNKNOWN);
}

/* ---- Catalogs as files ---- */

static void make_catalog(void)
{
    static const uint8_t entropy[32] = {5};
    struct rh_catalog *catalog = NULL;
    struct rh_read read = {.kind = RH_READ_META};
    struct rh_rows rows = {0};
    memcpy(read.entropy, entropy, sizeof entropy);
    assert_int_equal(rh_catalog_sqlite_open(&catalog, path_of("a")), RH_OK);
    catalog->ops->read(catalog, &read, &rows);
    assert_int_equal(rows.error, RH_OK);
    rh_rows_free(&rows);
    catalog->ops->close(catalog);
}

static enum rh_error copy(const char *from, const char *to)
{
    place.why[0] = '\0';
    return rh_catalog_copy(path_of(from), path_of(to), place.why, sizeof place.why);
}

static enum rh_error integrity(const char *name)
{
    place.why[0] = '\0';
    return rh_catalog_integrity(path_of(name), place.why, sizeof place.why);
}

static void a_copy_is_a_sound_catalog(void **state)
{
    (void)state;
    make_catalog();
    assert_int_equal(copy("a", "b"), RH_OK);
    assert_int_equal(integrity("a"), RH_OK);
    assert_int_equal(integrity("b"), RH_OK);
    assert_string_equal(place.why, "ok");
    assert_int_equal(copy("a", "b"), RH_ERR_IO); /* never over another */
    assert_true(place.why[0] != '\0');
    assert_int_equal(copy("nothing", "c"), RH_ERR_UNKNOWN);
    assert_int_equal(copy("a/nothing", "c"), RH_ERR_IO); /* a file is no folder */
    assert_int_equal(copy("a", "no-folder/b"), RH_ERR_IO);
}

static void damage_is_told(void **state)
{
    char rubbish[3000];
    (void)state;
    make_catalog();
    memset(rubbish, 0x5a, sizeof rubbish);
    int fd = openat(place.root, "a", O_WRONLY | O_CLOEXEC);
    assert_int_equal(rh_data_write_all(fd, rubbish, sizeof rubbish, 4096), RH_OK);
    close(fd);
    assert_int_not_equal(integrity("a"), RH_OK);
    assert_string_not_equal(place.why, "ok");
    put("b",
        "this is no database, and long enough to be taken for none ..........................");
    assert_int_equal(integrity("b"), RH_ERR_IO);
    assert_non_null(strstr(place.why, "not a database"));
    assert_int_equal(copy("b", "c"), RH_ERR_IO);
    assert_int_equal(integrity("no-folder/x"), RH_ERR_IO);
    assert_true(place.why[0] != '\0');
}

/* An older Reelhaul's, on a medium that cannot be written. */
static void one_that_may_only_be_read_is_copied(void **state)
{
    (void)state;
    make_catalog();
    assert_int_equal(fchmodat(place.root, "a", 0400, 0), 0);
    assert_int_equal(copy("a", "b"), RH_OK);
    assert_int_equal(integrity("b"), RH_OK);
    assert_int_equal(mkdirat(place.root, "d", 0700), 0);
    assert_int_equal(copy("d", "c"), RH_ERR_IO); /* a folder */
    assert_int_equal(unlinkat(place.root, "d", AT_REMOVEDIR), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_have_their_names),
        T(what_there_is_is_read),
        T(a_name_is_there_or_not_or_nobody_knows),
        T(a_copy_is_a_sound_catalog),
        T(damage_is_told),
        T(one_that_may_only_be_read_is_copied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
