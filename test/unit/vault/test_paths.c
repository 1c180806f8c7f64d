/* SPDX-License-Identifier: MIT */
/* Where files lie, and that no name leads out of its folder. */
#include "harness.h"

#include <string.h>

#include "base/bytes.h"
#include "base/id.h"
#include "vault/store_files_paths.h"

enum which { INCOMING, IDENTITY, ROOT, WAITING, OBJECT, METADATA, SESSION, WHICH };

static enum rh_error path_of(enum which which, const struct rh_store_target *t, char *out,
                             size_t cap)
{
    switch (which) {
    case INCOMING:
        return rh_path_incoming(t, out, cap);
    case IDENTITY:
        return rh_path_identity(t, out, cap);
    case ROOT:
        return rh_path_waiting_root(t, out, cap);
    case WAITING:
        return rh_path_waiting(t, 1234, out, cap);
    case OBJECT:
        return rh_path_object(t, out, cap);
    case METADATA:
        return rh_path_text(t, RH_TEXT_METADATA, out, cap);
    default:
        return rh_path_text(t, RH_TEXT_SESSION, out, cap);
    }
}

static struct rh_store_target target(const char *upload, const char *session, const char *name)
{
    struct rh_store_target t = {0};
    strcpy(t.upload, upload);
    strcpy(t.session, session);
    strcpy(t.name, name);
    strcpy(t.mime, "video/webm");
    return t;
}

static void files_lie_where_the_document_says(void **state)
{
    static const char *const in_session[WHICH] = {
        "incoming/u",
        "incoming/u.identity",
        "uploaded_data/s/n/temp",
        "uploaded_data/s/n/temp/shard_0001/1234.part",
        "recordings/s/n.webm",
        "recordings/s/n.metadata.json",
        "recordings/s/session.json",
    };
    static const char *const alone[SESSION] = {
        "incoming/u",           "incoming/u.identity",
        "uploaded_data/n/temp", "uploaded_data/n/temp/shard_0001/1234.part",
        "files/u/n.webm",       "files/u/n.metadata.json",
    };
    char out[RH_PATH_MAX];
    (void)state;
    struct rh_store_target t = target("u", "s", "n");
    for (enum which i = INCOMING; i < WHICH; i++) {
        assert_int_equal(path_of(i, &t, out, sizeof out), RH_OK);
        assert_string_equal(out, in_session[i]);
        assert_int_equal(path_of(i, &t, out, strlen(in_session[i])), RH_ERR_LIMIT);
    }
    t = target("u", "", "n");
    for (enum which i = INCOMING; i < SESSION; i++) {
        assert_int_equal(path_of(i, &t, out, sizeof out), RH_OK);
        assert_string_equal(out, alone[i]);
    }
    assert_int_equal(path_of(SESSION, &t, out, sizeof out), RH_ERR_DENIED);
}

/* /upload/chunk: the sessionId of a client is one upload (mission 1.7). */
static void an_upload_that_is_its_own_session_waits_under_its_name(void **state)
{
    char out[RH_PATH_MAX];
    char session[RH_UUID_TEXT];
    (void)state;
    rh_named_session(session, rh_bytes_of("sess_123"));
    assert_int_equal(rh_uuid_check(rh_bytes_of(session)), RH_OK);
    struct rh_store_target t = target("u", session, "sess_123");
    assert_int_equal(rh_path_waiting(&t, 999, out, sizeof out), RH_OK);
    assert_string_equal(out, "uploaded_data/sess_123/temp/shard_0000/999.part");
    assert_int_equal(rh_path_waiting(&t, 1000, out, sizeof out), RH_OK);
    assert_string_equal(out, "uploaded_data/sess_123/temp/shard_0001/1000.part");
    /* Another name in that session, and a name that is a session's, wait where all others do. */
    t = target("u", session, "other");
    assert_int_equal(rh_path_waiting_root(&t, out, sizeof out), RH_OK);
    assert_non_null(strstr(out, "/other/temp"));
    const char *uuid = "6f1c2b34-0000-4000-8000-00000000000a";
    rh_named_session(session, rh_bytes_of(uuid));
    t = target("u", session, uuid);
    assert_int_equal(rh_path_waiting_root(&t, out, sizeof out), RH_OK);
    assert_memory_equal(out + strlen("uploaded_data/"), session, RH_UUID_CHARS);
}

static void a_name_alone_keeps_the_extension_it_brings(void **state)
{
    static const char *const cases[][2] = {
        {"holiday.mkv", "files/u/holiday.mkv"},
        {"holiday", "files/u/holiday.webm"},
        {"holiday.", "files/u/holiday..webm"},
        {"a.b", "files/u/a.b.webm"}, /* too short for one */
    };
    char out[RH_PATH_MAX];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rh_store_target t = target("u", "", cases[i][0]);
        assert_int_equal(rh_path_object(&t, out, sizeof out), RH_OK);
        assert_string_equal(out, cases[i][1]);
    }
}

static void no_name_leads_out_of_its_folder(void **state)
{
    static const char *const bad[] = {"", ".", "..", ".hidden", "../x", "a/b", "/etc"};
    char out[RH_PATH_MAX];
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        for (enum which w = INCOMING; w < WHICH; w++) {
            struct rh_store_target t = target(bad[i], "s", "n");
            bool uses = w != SESSION;
            assert_int_equal(path_of(w, &t, out, sizeof out), uses ? RH_ERR_DENIED : RH_OK);
            t = target("u", "s", bad[i]);
            uses = w >= ROOT && w != SESSION;
            assert_int_equal(path_of(w, &t, out, sizeof out), uses ? RH_ERR_DENIED : RH_OK);
            if (i == 0)
                continue; /* no session is fine */
            t = target("u", bad[i], "n");
            assert_int_equal(path_of(w, &t, out, sizeof out), w >= ROOT ? RH_ERR_DENIED : RH_OK);
        }
    }
}

static void the_parent_of_a_path(void **state)
{
    char path[] = "a/b/c";
    (void)state;
    rh_path_parent(path);
    assert_string_equal(path, "a/b");
    rh_path_parent(path);
    assert_string_equal(path, "a");
    rh_path_parent(path);
    assert_string_equal(path, ".");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_lie_where_the_document_says),
        cmocka_unit_test(an_upload_that_is_its_own_session_waits_under_its_name),
        cmocka_unit_test(a_name_alone_keeps_the_extension_it_brings),
        cmocka_unit_test(no_name_leads_out_of_its_folder),
        cmocka_unit_test(the_parent_of_a_path),
    };
    return cmocka_run_group_tests_name("paths", tests, NULL, NULL);
}
