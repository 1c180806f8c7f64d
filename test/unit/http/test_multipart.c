/* SPDX-License-Identifier: MIT */
#include "http/multipart.h"

#include "splits.h"

#define TYPE "multipart/form-data; boundary=xyz"
#define D    "Content-Disposition: form-data; "
#define A    "--xyz\r\n" D "name=a\r\n\r\n"

/* Checks what is said of a body, whole and at every cut. The last line is "\nfinish <error>
 * <problem>". */
static void check(const char *type, struct rh_bytes body, size_t head_bytes, const char *expected,
                  bool whole_text)
{
    struct replay whole;
    replay_init(&whole);
    replay_form(&whole, type, body.data, body.size, head_bytes, (struct replay_cut){0});
    for (size_t first = 0; first < body.size; first++) {
        struct replay cut;
        replay_init(&cut);
        struct replay_cut how = {.first = first, .every = first == 0 ? 1 : 0};
        replay_form(&cut, type, body.data, body.size, head_bytes, how);
        same_text(&cut, whole.text, whole.size, first);
        replay_finish(&cut);
    }
    size_t size = strlen(expected);
    if (whole_text) {
        same_text(&whole, expected, size, 0);
    } else { /* only how it ended */
        replay_put(&whole, "", 1);
        const char *finish = strstr(whole.text, "\nfinish ");
        if (finish == NULL || strncmp(finish + 8, expected, size) != 0) {
            fail_msg("expected %s for\n%.*s\ngot %s", expected, (int)body.size, body.data,
                     whole.text);
        }
    }
    replay_finish(&whole);
}

static const struct {
    const char *body;
    const char *says;
} accepted[] = {
    {A "1\r\n--xyz--\r\n", "begin a\n1\nfield end a size=1\nform end\n\nfinish 0 \n"},
    {A "1\r\n--xyz--", "begin a\n1\nfield end a size=1\nform end\n\nfinish 0 \n"},
    {A "1\r\n--xyz--epilogue\r\n--xyz\r\n",
     "begin a\n1\nfield end a size=1\nform end\n\nfinish 0 \n"},
    {"--xyz--\r\n", "form end\n\nfinish 0 \n"},
    {"preamble\r\n--xy\r\n-\r\n" A "1\r\n--xyz--",
     "begin a\n1\nfield end a size=1\nform end\n\nfinish 0 \n"},
    {"\r\n" A "1\r\n--xyz--", "begin a\n1\nfield end a size=1\nform end\n\nfinish 0 \n"},
    {A "\r\n--xyz \t \r\n" D "name=b\r\n\r\n--xyz--", /* both ways to write an empty part */
     "begin a\n\nfield end a size=0\nbegin b\n\nfield end b size=0\nform end\n\nfinish 0 \n"},
    /* false starts of a boundary are content */
    {A "\r\n-\r\n--\r\n--x\r\n--xy\r\r\n\n--xyz\r--xyz\r\n--xyz--",
     "begin a\n\r\n-\r\n--\r\n--x\r\n--xy\r\r\n\n--xyz\r--xyz\nfield end a size=33\n"
     "form end\n\nfinish 0 \n"},
    {A "\r\n\r\n\r\n--xyz--", "begin a\n\r\n\r\n\nfield end a size=4\nform end\n\nfinish 0 \n"},
    {A "--xy\r\n--xyz--", "begin a\n--xy\nfield end a size=4\nform end\n\nfinish 0 \n"},
    {A "\r\r\n--xyz--", "begin a\n\r\nfield end a size=1\nform end\n\nfinish 0 \n"},
    {"--xyz\r\ncontent-type:video/webm;codecs=vp8 \r\nX-Other: y\r\n"
     "content-DISPOSITION:Form-Data ; FileName=\"a.webm\";\tname=\"chunk\" ; x=y\r\n"
     "Content-Transfer-Encoding: Binary\r\n\r\n1\r\n--xyz--",
     "begin chunk filename=a.webm type=video/webm;codecs=vp8\n1\nfield end chunk size=1\n"
     "form end\n\nfinish 0 \n"},
    {"--xyz\r\n" D "name=\"\"; filename=\"\"\r\n\r\n\r\n--xyz--",
     "begin  filename=\n\nfield end  size=0\nform end\n\nfinish 0 \n"},
    /* what browsers and older clients do to quotes, lines and backslashes */
    {"--xyz\r\n" D
     "name=\"a%22b%0d%0Ac%25%2\"; filename=\"C:\\dir\\\\f\\\"g.webm\"\r\n\r\n1\r\n--xyz--",
     "begin a\"b\r\nc%25%2 filename=C:\\dir\\f\"g.webm\n1\n"
     "field end a\"b\r\nc%25%2 size=1\nform end\n\nfinish 0 \n"},
    {"--xyz\r\n" D "name=\"\xc3\xa4;=\"; filename*=UTF-8''x\r\n\r\n1\r\n--xyz--",
     "begin \xc3\xa4;=\n1\nfield end \xc3\xa4;= size=1\nform end\n\nfinish 0 \n"},
    /* truncated */
    {"", "\nfinish -13 \n"},
    {"--xyz", "\nfinish -13 \n"},
    {"--xyz-", "\nfinish -13 \n"},
    {"--xyz\r\n" D "name=a", "\nfinish -13 \n"},
    {A, "begin a\n\nfinish -13 \n"},
    {A "12", "begin a\n12\nfinish -13 \n"},
    {A "12\r\n--xy", "begin a\n12\nfinish -13 \n"},
    {A "12\r\n--xyz", "begin a\n12\nfield end a size=2\n\nfinish -13 \n"},
    {A "12\r\n--xyz\r\n", "begin a\n12\nfield end a size=2\n\nfinish -13 \n"},
};

static void test_accepted(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(accepted); i++) {
        check(TYPE, rh_bytes_of(accepted[i].body), RH_MULTIPART_HEAD_BYTES, accepted[i].says, true);
    }
}

static const struct {
    const char *error;
    struct rh_bytes body;
} refused[] = {
#define ROW(error, text)                                                                           \
    {                                                                                              \
        error,                                                                                     \
        {                                                                                          \
            (const uint8_t *)(text), sizeof(text) - 1                                              \
        }                                                                                          \
    }
    ROW("-2", "--xyzw\r\n" D "name=a\r\n\r\n1\r\n--xyz--"),
    ROW("-2", "--xyz\n" D "name=a\r\n\r\n1\r\n--xyz--"),
    ROW("-2", "--xyz\rX"),
    ROW("-2", "--xyz-x"),
    ROW("-2", A "1\r\n--xyzw"),
    ROW("-2", "--xyz\r\n\r\n1\r\n--xyz--"),
    ROW("-2", "--xyz\r\nContent-Type: a/b\r\n\r\n1\r\n--xyz--"),
    ROW("-2", "--xyz\r\n" D "\r\n\r\n1\r\n--xyz--"),
    ROW("-2", "--xyz\r\nContent-Disposition: form-data\r\n\r\n1\r\n--xyz--"),
    ROW("-2", "--xyz\r\nContent-Disposition: attachment; name=a\r\n\r\n1\r\n--xyz--"),
    ROW("-2", "--xyz\r\n" D "filename=a\r\n\r\n1\r\n--xyz--"),
    ROW("-2", "--xyz\r\n" D "name=a; name=a\r\n\r\n1\r\n--xyz--"),
    ROW("-2", "--xyz\r\n" D "name=a; filename=a; filename=b\r\n\r\n1\r\n--xyz--"),
    ROW("-2", "--xyz\r\n" D "name=a\r\n" D "name=a\r\n\r\n1\r\n--xyz--"),
    ROW("-2", "--xyz\r\n" D "name=a\r\nContent-Type: a/b\r\nContent-Type: a/b\r\n\r\n1"),
    ROW("-2", "--xyz\r\n" D "name=\r\n\r\n1\r\n--xyz--"),
    ROW("-2", "--xyz\r\n" D "name=\"a\r\n\r\n1\r\n--xyz--"),
    ROW("-2", "--xyz\r\n" D "name=\"a\\\"\r\n\r\n1\r\n--xyz--"),
    ROW("-2", "--xyz\r\n" D "name=\"a\"b\r\n\r\n1\r\n--xyz--"),
    ROW("-2", "--xyz\r\n" D "name=a b\r\n\r\n1\r\n--xyz--"),
    ROW("-2", "--xyz\r\n" D "name=a;\r\n\r\n1\r\n--xyz--"),
    ROW("-2", "--xyz\r\n" D "name =a\r\n\r\n1\r\n--xyz--"),
    ROW("-2", "--xyz\r\n" D "name=\"\xff\"\r\n\r\n1\r\n--xyz--"),
    ROW("-2", "--xyz\r\n" D "name=a; filename=\"\xc3\"\r\n\r\n1\r\n--xyz--"),
    ROW("-2", "--xyz\r\n" D "name=\"a\0b\"\r\n\r\n1\r\n--xyz--"),
    ROW("-2", "--xyz\r\n" D "name=a\r\n b\r\n\r\n1\r\n--xyz--"),
    ROW("-2", "--xyz\r\n" D "name=a\n\r\n1\r\n--xyz--"),
    ROW("-2", "--xyz\r\n" D "name=a\rb\r\n\r\n1\r\n--xyz--"),
    ROW("-2", "--xyz\r\nContent-Disposition : form-data; name=a\r\n\r\n1\r\n--xyz--"),
    ROW("-2", "--xyz\r\n" D "name=a\r\nContent-Transfer-Encoding: base64\r\n\r\nMQ==\r\n--xyz--"),
    ROW("-2", "--xyz\r\n" D "name=a\r\nno colon\r\n\r\n1\r\n--xyz--"),
#undef ROW
};

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(refused); i++) {
        check(TYPE, refused[i].body, RH_MULTIPART_HEAD_BYTES, refused[i].error, false);
    }
}

static const char boundary_70[] =
    "1234567890123456789012345678901234567890123456789012345678901234567890";

static void test_boundaries(void **state)
{
    (void)state;
    static const struct {
        const char *type;
        enum rh_error error;
    } rows[] = {
        {"multipart/form-data; boundary=x", RH_OK},
        {"Multipart/Form-Data;charset=utf-8;BOUNDARY=----WebKitFormBoundary7MA4YWxkTrZu0gW", RH_OK},
        {"multipart/form-data ; boundary=\"a b'()+_,-./:=?z\" ; x=\"\\\";\"", RH_OK},
        {"multipart/form-data", RH_ERR_SYNTAX},
        {"multipart/form-data; charset=utf-8", RH_ERR_SYNTAX},
        {"multipart/form-data; boundary=", RH_ERR_SYNTAX},
        {"multipart/form-data; boundary=\"\"", RH_ERR_SYNTAX},
        {"multipart/form-data; boundary=\"a \"", RH_ERR_SYNTAX},
        {"multipart/form-data; boundary=\"a", RH_ERR_SYNTAX},
        {"multipart/form-data; boundary=\"a\\\"b\"", RH_ERR_SYNTAX},
        {"multipart/form-data; boundary=\"a\xc3\xa4\"", RH_ERR_SYNTAX},
        {"multipart/form-data; boundary=a*b", RH_ERR_SYNTAX},
        {"multipart/form-data; boundary=a/b", RH_ERR_SYNTAX}, /* needs quotes */
        {"multipart/form-data; boundary=a; boundary=a", RH_ERR_SYNTAX},
        {"multipart/form-data; boundary=a b", RH_ERR_SYNTAX},
        {"multipart/form-data boundary=a", RH_ERR_UNKNOWN},
        {"multipart/form-datax; boundary=a", RH_ERR_UNKNOWN},
        {"multipart/mixed; boundary=a", RH_ERR_UNKNOWN},
        {"application/json", RH_ERR_UNKNOWN},
        {"", RH_ERR_UNKNOWN},
    };
    uint8_t head[64];
    struct rh_multipart m;
    for (size_t i = 0; i < COUNT(rows); i++) {
        enum rh_error error = rh_multipart_init(&m, rh_bytes_of(rows[i].type), head, 64, 0);
        if (error != rows[i].error) {
            fail_msg("%s: %d", rows[i].type, error);
        }
        if (error != RH_OK) { /* and it stays so */
            size_t used;
            struct rh_multipart_event event;
            assert_int_equal(rh_multipart_next(&m, LITERAL("--x--"), &used, &event), error);
            assert_int_equal(rh_multipart_finish(&m), error);
        }
    }
    char type[160];
    char body[200];
    snprintf(type, sizeof type, "multipart/form-data; boundary=%s", boundary_70);
    snprintf(body, sizeof body, "--%s\r\n" D "name=a\r\n\r\n1\r\n--%s--", boundary_70, boundary_70);
    check(type, rh_bytes_of(body), 64, "begin a\n1\nfield end a size=1\nform end\n\nfinish 0 \n",
          true);
    snprintf(type, sizeof type, "multipart/form-data; boundary=%s1", boundary_70);
    assert_int_equal(rh_multipart_init(&m, rh_bytes_of(type), head, 64, 0), RH_ERR_SYNTAX);
}

static void test_limits(void **state)
{
    (void)state;
    /* a part's head */
    size_t at_cap = sizeof(D "name=a") - 1;
    check(TYPE, LITERAL(A "1\r\n--xyz--"), at_cap, "0", false);
    check(TYPE, LITERAL(A "1\r\n--xyz--"), at_cap - 1, "-3", false);
    /* a field's name */
    char name[RH_MULTIPART_NAME_MAX + 2];
    char body[512];
    for (size_t size = RH_MULTIPART_NAME_MAX; size <= RH_MULTIPART_NAME_MAX + 1; size++) {
        memset(name, 'n', size);
        name[size] = '\0';
        snprintf(body, sizeof body, "--xyz\r\n" D "name=\"%s\"\r\n\r\n1\r\n--xyz--", name);
        check(TYPE, rh_bytes_of(body), RH_MULTIPART_HEAD_BYTES,
              size == RH_MULTIPART_NAME_MAX ? "0" : "-3", false);
    }
    /* white space after a boundary */
    char padding[RH_MULTIPART_PADDING_MAX + 2];
    for (size_t size = RH_MULTIPART_PADDING_MAX; size <= RH_MULTIPART_PADDING_MAX + 1; size++) {
        memset(padding, ' ', size);
        padding[size] = '\0';
        snprintf(body, sizeof body, "--xyz%s\r\n" D "name=a\r\n\r\n1\r\n--xyz--", padding);
        check(TYPE, rh_bytes_of(body), RH_MULTIPART_HEAD_BYTES,
              size == RH_MULTIPART_PADDING_MAX ? "0" : "-3", false);
    }
    /* the preamble */
    static char long_body[RH_MULTIPART_PREAMBLE_MAX + 64];
    for (int size = RH_MULTIPART_PREAMBLE_MAX; size <= RH_MULTIPART_PREAMBLE_MAX + 1; size++) {
        snprintf(long_body, sizeof long_body, "%*s\r\n--xyz--", size, "p");
        check(TYPE, rh_bytes_of(long_body), RH_MULTIPART_HEAD_BYTES,
              size == RH_MULTIPART_PREAMBLE_MAX ? "0" : "-3", false);
    }
}

static void test_field_count(void **state)
{
    (void)state;
    uint8_t head[64];
    struct rh_multipart m;
    struct rh_multipart_event event;
    assert_int_equal(rh_multipart_init(&m, LITERAL(TYPE), head, sizeof head, 2), RH_OK);
    struct rh_bytes part = LITERAL(A "1\r\n");
    enum rh_error error = RH_OK;
    unsigned begun = 0;
    for (int i = 0; i < 3; i++) {
        size_t done = 0;
        size_t used;
        do {
            struct rh_bytes rest = {part.data + done, part.size - done};
            error = rh_multipart_next(&m, rest, &used, &event);
            done += used;
            begun += error == RH_OK && event.kind == RH_MULTIPART_FIELD_BEGIN;
        } while (error == RH_OK);
    }
    assert_int_equal(error, RH_ERR_LIMIT);
    assert_int_equal(begun, 2);
}

/* A large part goes through in as few spans as the input has pieces, and is not copied. */
static void test_zero_copy(void **state)
{
    (void)state;
    enum { SIZE = 1 << 20 };
    uint8_t *data = malloc(SIZE);
    struct rh_rng rng;
    rh_rng_init(&rng, 7);
    for (size_t i = 0; i < SIZE; i++) {
        data[i] = (uint8_t)rh_rng_next(&rng);
    }
    data[SIZE - 1] = 'x'; /* no CR at the end, so that nothing is held back */
    uint8_t head[64];
    struct rh_multipart m;
    struct rh_multipart_event event;
    size_t used;
    assert_int_equal(rh_multipart_init(&m, LITERAL(TYPE), head, sizeof head, 0), RH_OK);
    assert_int_equal(rh_multipart_next(&m, LITERAL(A "a"), &used, &event), RH_OK);
    assert_int_equal(event.kind, RH_MULTIPART_FIELD_BEGIN);
    assert_int_equal(rh_multipart_next(&m, LITERAL("a"), &used, &event), RH_OK);
    assert_int_equal(rh_multipart_next(&m, (struct rh_bytes){data, SIZE}, &used, &event), RH_OK);
    assert_int_equal(event.kind, RH_MULTIPART_DATA);
    assert_ptr_equal(event.data.data, data);
    assert_int_equal(event.data.size, SIZE);
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepted),    cmocka_unit_test(test_refused),
        cmocka_unit_test(test_boundaries),  cmocka_unit_test(test_limits),
        cmocka_unit_test(test_field_count), cmocka_unit_test(test_zero_copy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
