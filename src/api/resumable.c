/* SPDX-License-Identifier: MIT */
/*
 * IETF resumable uploads (draft-ietf-httpbis-resumable-upload, -01 to -11: interop versions 3 to 8)
 * below /files/. A request that names no version, or none of these, is heard as the newest, but is
 * never sent 104, so that what will be the standard is not mistaken for a draft.
 *
 * Only a request that says so completes an upload, not that its length is reached. Where a
 * Repr-Digest was declared, the bytes are made durable first, then compared, and only then is the
 * upload finished.
 */
#include <string.h>

#include "api/resumable.h"
#include "base/bytes.h"
#include "fields/sf.h"

#define VERSION_OLDEST   3
#define VERSION_PROGRESS 5 /* 104 with Upload-Offset */
#define VERSION_PARTIAL  6 /* application/partial-upload, Upload-Limit, 204 to an append */
#define VERSION_MAX_AGE  7 /* before: expires */
#define VERSION_NEWEST   8
#define PROBLEMS         "https://iana.org/assignments/http-problem-types#"

static bool has(const struct rh_exchange *x, const char *name)
{
    return rh_request_find(x->request, name, NULL) != NULL;
}

bool api_resumable_speaks(const struct rh_exchange *x)
{
    struct rh_bytes type;
    if (has(x, "Upload-Draft-Interop-Version") || has(x, "Upload-Complete") ||
        has(x, "Upload-Incomplete"))
        return true;
    /* To ask where an upload stands takes no more than HEAD once this is a standard. */
    if (x->method == RH_METHOD_HEAD)
        return true;
    return x->method == RH_METHOD_PATCH &&
           rh_request_single(x->request, "Content-Type", &type) == RH_OK &&
           rh_media_type_is(type, "application/partial-upload");
}

/* ---- heads ---- */

/* Fields of another type than they should be are as if they were not there. */
static bool read_boolean(const struct rh_exchange *x, const char *name, bool *out)
{
    struct rh_bytes value;
    return rh_request_single(x->request, name, &value) == RH_OK &&
           rh_sf_parse_boolean(value, out) == RH_OK;
}

static bool read_number(const struct rh_exchange *x, const char *name, uint64_t *out)
{
    struct rh_bytes value;
    return rh_request_single(x->request, name, &value) == RH_OK &&
           rh_sf_parse_u64(value, out) == RH_OK;
}

/* Whether it is said at all; how goes to known->complete. */
static bool read_complete(const struct rh_exchange *x, struct api_resumable *known)
{
    bool said = false;
    if (!known->inverted)
        return read_boolean(x, "Upload-Complete", &known->complete);
    if (read_boolean(x, "Upload-Incomplete", &said))
        known->complete = !said;
    else
        return false;
    return true;
}

static bool begin(struct rh_exchange *x)
{
    if (!api_resumable_remember(x))
        return false;
    struct api_resumable *known = x->resumable;
    uint64_t version = 0;
    if (read_number(x, "Upload-Draft-Interop-Version", &version) && version >= VERSION_OLDEST &&
        version <= VERSION_NEWEST)
        known->version = (unsigned)version;
    known->inverted =
        known->version == VERSION_OLDEST ||
        (known->version == 0 && !has(x, "Upload-Complete") && has(x, "Upload-Incomplete"));
    return true;
}

static bool is_before(const struct rh_exchange *x, unsigned version)
{
    return x->resumable->version != 0 && x->resumable->version < version;
}

/* The length of the upload, by either of its indicators; false: failed. */
static bool read_length(struct rh_exchange *x)
{
    struct api_resumable *known = x->resumable;
    (void)read_number(x, "Upload-Length", &known->total);
    if (!known->complete || known->length == RH_SIZE_UNKNOWN)
        return true;
    uint64_t end = known->offset + known->length;
    if (known->total != RH_SIZE_UNKNOWN && known->total != end) {
        known->problem_length = true;
        api_fail(x, "total_changed", "Upload-Length is not where this body ends.");
        return false;
    }
    known->total = end;
    return true;
}

/* ---- headers ---- */

static void write_limit(const struct rh_exchange *x, const struct rh_upload_view *upload,
                        char out[96])
{
    struct rh_buffer text;
    rh_buffer_init(&text, (uint8_t *)out, 95);
    (void)rh_buffer_put_str(&text, "max-size=");
    uint64_t most = x->api->config->upload_bytes_max;
    (void)rh_sf_put_u64(&text, most < RH_SF_INTEGER_MAX ? most : RH_SF_INTEGER_MAX);
    if (upload != NULL && upload->expires_in_s > 0) {
        (void)rh_buffer_put_str(&text, is_before(x, VERSION_MAX_AGE) ? ", expires=" : ", max-age=");
        (void)rh_sf_put_u64(&text, upload->expires_in_s);
    }
    out[text.size] = '\0';
}

void api_resumable_options(struct rh_exchange *x)
{
    char text[64] = "max-size=";
    struct rh_buffer rest;
    rh_buffer_init(&rest, (uint8_t *)text + 9, sizeof text - 10);
    uint64_t most = x->api->config->upload_bytes_max;
    (void)rh_sf_put_u64(&rest, most < RH_SF_INTEGER_MAX ? most : RH_SF_INTEGER_MAX);
    text[9 + rest.size] = '\0';
    (void)rh_response_add_str(x->response, "Upload-Limit", text);
    (void)rh_response_add_str(x->response, "Accept-Patch", "application/partial-upload");
}

static bool is_there(const struct rh_vault_reply *reply)
{
    if (reply == NULL || !reply->has_upload)
        return false;
    return reply->code != RH_REPLY_UNKNOWN && reply->code != RH_REPLY_UNKNOWN_SESSION &&
           reply->code != RH_REPLY_GONE && reply->upload.state <= RH_UPLOAD_DONE;
}

static void add_complete(struct rh_exchange *x, bool complete)
{
    /* Version 3: never ?0 of a completed one's final answer, but HEAD wants it. */
    bool inverted = x->resumable->inverted;
    (void)rh_response_add_str(x->response, inverted ? "Upload-Incomplete" : "Upload-Complete",
                              complete != inverted ? "?1" : "?0");
}

static void headers(struct rh_exchange *x, const struct rh_vault_reply *reply)
{
    struct api_resumable *known = x->resumable;
    unsigned status = x->response->status;
    char limit[96];
    if (known == NULL)
        return;
    bool dropped = known->stage == API_STAGE_DROP;
    if (known->created && !dropped)
        api_resumable_location(x);
    bool there = is_there(reply) && !dropped;
    bool tells_limit =
        status == 413 ||
        (there && (status == 201 || x->method == RH_METHOD_HEAD || x->method == RH_METHOD_GET));
    write_limit(x, there ? &reply->upload : NULL, limit);
    if (tells_limit && !is_before(x, VERSION_PARTIAL))
        (void)rh_response_add_str(x->response, "Upload-Limit", limit);
    if (!there)
        return;
    const struct rh_upload_view *upload = &reply->upload;
    bool done = upload->state == RH_UPLOAD_DONE;
    (void)rh_response_add_u64(x->response, "Upload-Offset", done ? upload->total : upload->cursor);
    add_complete(x, done && status < 400);
    bool looks = x->method == RH_METHOD_HEAD || x->method == RH_METHOD_GET;
    if (looks && upload->total != RH_SIZE_UNKNOWN)
        (void)rh_response_add_u64(x->response, "Upload-Length", upload->total);
}

/* ---- 104 ---- */

static void inform(struct rh_exchange *x, const char *name, const char *value, const char *limit)
{
    const struct api_resumable *known = x->resumable;
    if (known->version == 0 || x->api->inform == NULL || x->api->config->no_informational)
        return;
    char version[2] = {(char)('0' + known->version), '\0'};
    struct rh_header list[] = {
        {rh_bytes_of("Upload-Draft-Interop-Version"), rh_bytes_of(version)},
        {rh_bytes_of(name), rh_bytes_of(value)},
        {rh_bytes_of("Upload-Limit"), rh_bytes_of(limit == NULL ? "" : limit)},
    };
    bool limited = limit != NULL && !is_before(x, VERSION_PARTIAL);
    (void)x->api->inform(x->api->context, x->op, 104, list, limited ? 3 : 2);
}

static void progressed(struct rh_exchange *x)
{
    uint8_t text[24];
    struct rh_buffer number;
    if (x->resumable == NULL || is_before(x, VERSION_PROGRESS))
        return;
    rh_buffer_init(&number, text, sizeof text - 1);
    (void)rh_buffer_put_u64(&number, x->committed);
    text[number.size] = '\0';
    inform(x, "Upload-Offset", (const char *)text, NULL);
}

/* ---- creation ---- */

/* What later requests have to know of this one. */
static bool keep_digests(struct rh_exchange *x, struct rh_vault_request *request)
{
    static const char *const names[] = {"Repr-Digest", "Want-Repr-Digest"};
    static const char *const members[] = {"repr_digest", "want_repr_digest"};
    json_t *kept = json_object();
    for (size_t i = 0; i < 2; i++) {
        struct rh_bytes value;
        if (rh_request_single(x->request, names[i], &value) == RH_OK && value.size <= 1024)
            api_json_set(&kept, members[i], json_stringn((const char *)value.data, value.size));
    }
    bool some = json_object_size(kept) > 0;
    json_t *json = kept == NULL ? NULL : json_object();
    if (json == NULL)
        json_decref(kept);
    else
        api_json_set(&json, "resumable", kept);
    request->metadata = json == NULL || !some ? NULL : rh_json_write(json, JSON_COMPACT);
    bool good = json != NULL && (!some || request->metadata != NULL);
    json_decref(json);
    if (!good)
        api_fail(x, "overloaded", NULL);
    return good;
}

static void create(struct rh_exchange *x)
{
    if (!begin(x))
        return;
    if (!read_complete(x, x->resumable)) {
        api_fail(x, "bad_request",
                 "The head does not say which protocol this is: Upload-Complete must be ?1 or ?0.");
        return;
    }
    if (!read_length(x) || !api_digest_heads_read(x))
        return;
    struct rh_vault_request *request = api_resumable_new(x);
    if (request == NULL)
        return;
    request->ends_by_final = true;
    if (keep_digests(x, request))
        api_ask(x, request);
    else
        rh_vault_request_free(request);
}

/* ---- bytes ---- */

static void write_body(struct rh_exchange *x)
{
    struct api_resumable *known = x->resumable;
    struct rh_vault_request *request = api_resumable_write(x);
    if (request == NULL)
        return;
    request->final = known->complete && !known->whole.is;
    request->progress = known->version >= VERSION_PROGRESS;
    unsigned mask = known->offset == 0 ? known->wanted : 0;
    if (known->content.is) {
        request->verified = true; /* checked whole, so it counts whole or not at all */
        mask |= 1U << known->content.which;
    }
    if (mask == 0 || api_digests_begin(x, mask))
        api_ask(x, request);
    else
        rh_vault_request_free(request);
}

static void end(struct rh_exchange *x)
{
    bool fits = api_content_digest_fits(x);
    if (!fits) {
        x->resumable->problem_digest = true;
        api_note(x, "checksum_mismatch", "The body does not have its Content-Digest.");
    }
    api_sink_report(x, fits ? RH_WRITTEN_WHOLE : RH_WRITTEN_MISMATCH);
}

static void ask_look(struct rh_exchange *x)
{
    struct rh_vault_request *request = api_resumable_request(x, RH_REQUEST_GET, API_STAGE_LOOK);
    if (request != NULL)
        api_ask(x, request);
}

static bool append_type_is_fine(struct rh_exchange *x)
{
    struct rh_bytes type;
    if (is_before(x, VERSION_PARTIAL) ||
        (rh_request_single(x->request, "Content-Type", &type) == RH_OK &&
         rh_media_type_is(type, "application/partial-upload")))
        return true;
    api_fail(x, "unsupported_type", "This needs Content-Type: application/partial-upload.");
    return false;
}

static void append(struct rh_exchange *x)
{
    if (!begin(x) || !api_resumable_target(x) || !append_type_is_fine(x))
        return;
    struct api_resumable *known = x->resumable;
    if (!read_number(x, "Upload-Offset", &known->offset)) {
        api_fail(x, "missing_field", "The header Upload-Offset is missing.");
        return;
    }
    /* In version 3 the last part of an upload did not say so. In others silence is not the end:
     * what is left open can be completed, what is completed too early cannot be opened. */
    if (!read_complete(x, known))
        known->complete = known->version == VERSION_OLDEST;
    if (!read_length(x) || !api_digest_heads_read(x))
        return;
    if (known->complete)
        ask_look(x); /* a Repr-Digest may have been declared when it was created */
    else
        write_body(x);
}

static void head(struct rh_exchange *x)
{
    if (!begin(x) || !api_resumable_target(x))
        return;
    /* Up to -03: "MUST reject". */
    if (is_before(x, VERSION_PARTIAL) &&
        (has(x, "Upload-Offset") || has(x, "Upload-Complete") || has(x, "Upload-Incomplete")))
        api_fail(x, "bad_request", "A question brings neither an offset nor completeness.");
    else
        ask_look(x);
}

static void cancel(struct rh_exchange *x)
{
    if (!begin(x) || !api_resumable_target(x))
        return;
    struct rh_vault_request *request =
        api_resumable_request(x, RH_REQUEST_DELETE, API_STAGE_FINISH);
    if (request != NULL)
        api_ask(x, request);
}

/* ---- answers ---- */

/* Asks for a digest of all bytes that is lacking; false: none is. */
static bool ask_digest(struct rh_exchange *x, bool all)
{
    unsigned bits = api_repr_digest_lacks(x, all);
    if (bits == 0)
        return false;
    struct rh_vault_request *request =
        api_resumable_request(x, RH_REQUEST_DIGEST, API_STAGE_DIGEST);
    if (request == NULL)
        return true;
    request->digest_bits = bits;
    x->resumable->asked_bits = bits;
    api_ask(x, request);
    return true;
}

static void answer_complete(struct rh_exchange *x, struct rh_vault_reply *reply)
{
    x->resumable->finished = true;
    if (reply->upload.state != RH_UPLOAD_DONE) {
        /* Every byte is durable; that the end did not come about now is not for the client. */
        api_note(x, "overloaded", "The upload could not be finished now; complete it again.");
        api_respond_fault(x, reply);
        return;
    }
    if (reply->upload.total > 0 && ask_digest(x, true))
        return;
    bool old = x->method == RH_METHOD_POST || is_before(x, VERSION_PARTIAL);
    api_respond_json(x, old ? 201 : 200, api_resumable_json(&reply->upload), reply);
    api_repr_digest_note(x, reply);
    api_repr_digest_add(x);
}

static void answer_more(struct rh_exchange *x, struct rh_vault_reply *reply)
{
    bool made = x->resumable->created || is_before(x, VERSION_PARTIAL);
    api_respond_empty(x, made ? 201 : 204, reply);
}

static void finish(struct rh_exchange *x, const struct rh_vault_reply *reply)
{
    struct api_resumable *known = x->resumable;
    api_repr_digest_note(x, reply);
    if (reply->upload.cursor > 0 && ask_digest(x, false))
        return;
    if (!api_repr_digest_fits(x)) {
        known->problem_digest = true;
        api_resumable_drop(x, "checksum_mismatch",
                           "The upload does not have its Repr-Digest; it was given up.");
        return;
    }
    struct rh_vault_request *request =
        api_resumable_request(x, RH_REQUEST_FINISH, API_STAGE_FINISH);
    if (request == NULL)
        return;
    request->total = reply->upload.cursor;
    api_ask(x, request);
}

static void written(struct rh_exchange *x, struct rh_vault_reply *reply)
{
    struct api_resumable *known = x->resumable;
    if (!known->complete)
        answer_more(x, reply);
    else if (known->whole.is && reply->upload.state == RH_UPLOAD_OPEN)
        finish(x, reply);
    else
        answer_complete(x, reply);
}

static void created(struct rh_exchange *x, struct rh_vault_reply *reply)
{
    struct api_resumable *known = x->resumable;
    char path[16 + RH_ID_TEXT_MAX] = "/files/";
    char location[API_LOCATION_TEXT];
    char limit[96];
    memcpy(known->upload, reply->upload.id, sizeof known->upload);
    known->created = true;
    strcat(path, known->upload);
    api_location_text(x, path, location);
    write_limit(x, &reply->upload, limit);
    inform(x, "Location", location, limit);
    if (known->length == 0 && !known->complete)
        answer_more(x, reply);
    else
        write_body(x);
}

/* The upload's own Repr-Digest, as it was declared when it was made. */
static void recall_digests(struct rh_exchange *x, const char *metadata)
{
    json_t *json = NULL;
    struct api_resumable *known = x->resumable;
    if (!api_json_load(metadata, &json)) {
        api_fail(x, "overloaded", NULL);
        return;
    }
    json_t *kept = json_object_get(json, "resumable");
    const char *repr = json_string_value(json_object_get(kept, "repr_digest"));
    const char *want = json_string_value(json_object_get(kept, "want_repr_digest"));
    if (repr != NULL)
        (void)api_repr_digest_parse(rh_bytes_of(repr), &known->whole, &known->wanted);
    if (want != NULL)
        api_want_digest_parse(rh_bytes_of(want), &known->wanted);
    json_decref(json);
}

/* Of a finished upload GET is for the bytes, and so is HEAD where nothing says that it is for the
 * upload's state. */
static bool serves_file(const struct rh_exchange *x)
{
    return x->method == RH_METHOD_GET || !has(x, "Upload-Draft-Interop-Version");
}

void api_resumable_file_headers(const struct rh_exchange *x, struct rh_response *response)
{
    if (x->dialect != &api_resumable || x->want != RH_WANT_FILE || x->resumable == NULL)
        return;
    (void)rh_response_add_u64(response, "Upload-Offset", x->resumable->total);
    (void)rh_response_add_u64(response, "Upload-Length", x->resumable->total);
    (void)rh_response_add_str(response, "Upload-Complete", "?1");
}

/* What is complete is not changed, not even by what would change nothing. */
static void refuse_completed(struct rh_exchange *x, const struct rh_vault_reply *reply)
{
    bool empty = x->resumable->length == 0;
    x->resumable->problem_done = empty;
    x->resumable->problem_length = !empty;
    api_note(x, empty ? "completed" : "total_changed", "");
    api_respond_fault(x, reply);
}

static void looked(struct rh_exchange *x, struct rh_vault_reply *reply)
{
    bool there = reply->upload.state <= RH_UPLOAD_DONE;
    if (!there) {
        api_fail(x, "gone", NULL);
    } else if (x->method == RH_METHOD_PATCH && reply->upload.state == RH_UPLOAD_DONE) {
        refuse_completed(x, reply);
    } else if (x->method == RH_METHOD_PATCH) {
        recall_digests(x, reply->upload.metadata);
        if (x->fault == NULL)
            write_body(x);
    } else if (reply->upload.state == RH_UPLOAD_DONE && serves_file(x)) {
        x->resumable->total = reply->upload.total;
        api_deliver_object(x, &reply->upload);
    } else {
        api_respond_empty(x, 204, reply);
    }
}

static void replied(struct rh_exchange *x, struct rh_vault_reply *reply)
{
    switch (x->resumable->stage) {
    case API_STAGE_LOOK:
        looked(x, reply);
        break;
    case API_STAGE_CREATE:
        created(x, reply);
        break;
    case API_STAGE_WRITE:
        written(x, reply);
        break;
    case API_STAGE_FINISH:
        if (x->method == RH_METHOD_DELETE)
            api_respond_empty(x, 204, NULL);
        else
            answer_complete(x, reply);
        break;
    case API_STAGE_DIGEST:
        api_repr_digest_note(x, reply);
        if (x->resumable->finished)
            answer_complete(x, reply);
        else
            finish(x, reply);
        break;
    case API_STAGE_DROP:
        break; /* the fault is answered */
    }
}

/* ---- faults ---- */

static bool refused(struct rh_exchange *x, struct rh_vault_reply *reply)
{
    struct api_resumable *known = x->resumable;
    if (known == NULL || !reply->has_upload)
        return false;
    if (known->stage == API_STAGE_DIGEST && known->finished) {
        /* It is complete all the same; the answer goes without what could not be read. */
        known->wanted = 0;
        known->asked_bits = 0;
        answer_complete(x, reply);
        return true;
    }
    if (known->stage != API_STAGE_WRITE)
        return false;
    if (reply->upload.state == RH_UPLOAD_DONE) {
        refuse_completed(x, reply);
        return true;
    }
    if (reply->code == RH_REPLY_TOTAL_CHANGED)
        known->problem_length = true;
    if (reply->code != RH_REPLY_OUT_OF_RANGE)
        return false;
    /* Past its length: the draft wants it invalid from then on. */
    known->problem_length = true;
    api_resumable_drop(x, "out_of_range", "More came than the upload's length; it was given up.");
    return true;
}

static void fault(struct rh_exchange *x, const struct rh_vault_reply *reply)
{
    (void)reply;
    if (x->resumable == NULL)
        return;
    if (strcmp(x->fault, "gone") == 0 && is_before(x, VERSION_PARTIAL))
        x->fault = "not_found"; /* "MUST respond with 404" */
    if (x->resumable->problem_digest)
        x->fault_status = 400;
}

static json_t *problem(struct rh_exchange *x, const struct rh_vault_reply *reply)
{
    const struct api_resumable *known = x->resumable;
    if (known == NULL)
        return NULL;
    if (reply != NULL && reply->code == RH_REPLY_OFFSET)
        return json_pack("{s:s,s:s,s:i,s:o,s:o}", "type", PROBLEMS "mismatching-upload-offset",
                         "title", "offset from request does not match offset of resource", "status",
                         409, "expected-offset", api_json_size(reply->upload.cursor),
                         "provided-offset", api_json_size(known->offset));
    if (known->problem_digest)
        return json_pack("{s:s,s:s,s:i}", "type", PROBLEMS "digest-mismatched-values", "title",
                         "the digest does not match the bytes", "status", 400);
    if (known->problem_length)
        return json_pack("{s:s,s:s,s:i}", "type", PROBLEMS "inconsistent-upload-length", "title",
                         "inconsistent length values for upload", "status", 400);
    if (known->problem_done)
        return json_pack("{s:s,s:s,s:i}", "type", PROBLEMS "completed-upload", "title",
                         "upload is already completed", "status", 400);
    return NULL;
}

const struct api_dialect api_resumable = {
    .name = "resumable",
    .create = create,
    .head = head,
    .gets = true,
    .append = append,
    .cancel = cancel,
    .replied = replied,
    .end = end,
    .progressed = progressed,
    .fault = fault,
    .problem = problem,
    .refused = refused,
    .headers = headers,
};
