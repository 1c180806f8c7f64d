/* SPDX-License-Identifier: MIT */
/*
 * tus where memory runs out: of each request every allocation fails once. The answer is the right
 * one, with all that belongs to it, or says that the server is busy; nothing leaks, and a grant is
 * given back.
 */
#include "harness.h"

#include <errno.h>

#include "inject.h"

#define TUS  "Tus-Resumable: 1.0.0\r\n"
#define TYPE "Content-Type: application/offset+octet-stream\r\n"
#define SUM  "Upload-Checksum: sha1 98O8HYCOBHMq32eZZczDTKeuNEE=\r\n"

struct request {
    const char *method;
    const char *target;
    const char *extra;
    const char *body;
    unsigned status;
    const char *header; /* without which the right answer is none */
};

static const struct request requests[] = {
    {"POST", "/files/",
     TUS TYPE SUM "Upload-Length: 9\r\n"
                  "Upload-Metadata: filename YS5tcDQ=,filetype dmlkZW8vbXA0,flag\r\n",
     "123456789", 201, "Location"},
    {"POST", "/files/",
     TUS "Upload-Length: 9\r\nUpload-Metadata: filename YS5tcDQ=,filetype dmlkZW8vbXA0,flag\r\n",
     NULL, 201, "Location"},
    {"POST", "/files/",
     TUS "Upload-Concat: final;/files/" TEST_UPLOAD " /files/" TEST_UPLOAD "\r\n", NULL, 201,
     "Location"},
    {"HEAD", "/files/" TEST_UPLOAD, TUS, NULL, 200, "Upload-Metadata"},
    {"PATCH", "/files/" TEST_UPLOAD, TUS TYPE SUM "Upload-Offset: 0\r\n", "123456789", 204,
     "Upload-Offset"},
    {"PATCH", "/files/" TEST_UPLOAD, TUS TYPE "Upload-Offset: 0\r\nTrailer: Upload-Checksum\r\n",
     "123456789", 400, "Upload-Offset"},
    {"DELETE", "/files/" TEST_UPLOAD, TUS, NULL, 204, "Tus-Resumable"},
    {"OPTIONS", "/files/", "", NULL, 200, "Tus-Version"},
};

/* How many allocations it makes, with the nth failing. */
static uint64_t run(struct harness *h, const struct request *request, uint64_t nth)
{
    size_t size = request->body == NULL ? 0 : strlen(request->body);
    char extra[1024];
    snprintf(extra, sizeof extra, "%s", request->extra);
    if (request->body != NULL)
        snprintf(extra + strlen(extra), sizeof extra - strlen(extra), "Content-Length: %zu\r\n",
                 size);
    fault_arm(FAULT_ALL_MEMORY, nth, ENOMEM, NULL);
    harness_begin(h, request->method, request->target, extra);
    harness_run(h, request->body, size);
    return fault_disarm();
}

static char whole[512]; /* metadata, when nothing fails */

static void check(const struct harness *h, const struct request *request, uint64_t nth)
{
    /* What is asked of the vault leaves nothing out. */
    const char *metadata = h->asked_metadata == NULL ? "" : h->asked_metadata;
    if (nth == 0)
        strcpy(whole, metadata);
    else if (h->asked.kind == RH_REQUEST_CREATE)
        assert_string_equal(metadata, whole);
    unsigned status = harness_status(h);
    if (status != request->status && status != 503 && status != 500)
        print_error("%s %s, allocation %u: %u\n", request->method, request->target, (unsigned)nth,
                    status);
    assert_true(status == request->status || status == 503 || status == 500);
    if (status == request->status)
        assert_non_null(harness_header(h, request->header));
    if (h->granted)
        assert_int_equal(h->reports, 1);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    struct harness h;
    harness_open(&h);
    h.pause = fault_pause;
    h.resume = fault_resume;
    h.reply.upload.geometry = RH_GEOMETRY_CURSOR;
    h.metadata = "{\"tus\":{\"upload_metadata\":\"filename YS5tcDQ=\"}}";
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        h.code = requests[i].status == 201 ? RH_REPLY_CREATED : RH_REPLY_OK;
        uint64_t count = run(&h, &requests[i], 0);
        check(&h, &requests[i], 0);
        assert_int_equal(harness_status(&h), requests[i].status);
        assert_true(count > 0);
        for (uint64_t n = 1; n <= count; n++) {
            run(&h, &requests[i], n);
            check(&h, &requests[i], n);
        }
    }
    harness_close(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
