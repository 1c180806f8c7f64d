/* SPDX-License-Identifier: MIT */
/*
 * FilePond's own protocol, at /filepond/. POST makes an upload and answers its id as text: with
 * Upload-Length its bytes follow as chunks, or the form brings the file itself. PATCH appends a
 * chunk, HEAD tells Upload-Offset, DELETE (the id is its body) takes an upload back, finished or
 * not. The id of PATCH and HEAD is in the query (?patch=ID, FilePond's default) or in the path.
 *
 * On resuming FilePond takes every chunk that begins below Upload-Offset for complete. So a chunk
 * counts whole or not at all, and the offset never lies within one.
 */
#include <string.h>

#include "api/resumable.h"
#include "base/bytes.h"
#include "http/url.h"

const struct api_form_spec api_filepond_form = {
    .count = 0,
    .required = 0,
    .chunk_optional = true,
    .chunk_by_file = true,
};

/* ---- heads ---- */

static bool header_number(struct rh_exchange *x, const char *name, bool required, uint64_t *out)
{
    struct rh_bytes value;
    enum rh_error error = api_header_find(x, name, &value);
    if (error == RH_ERR_UNKNOWN && !required)
        return true;
    if (error == RH_ERR_UNKNOWN)
        api_fail(x, "missing_field", "The header %s is missing.", name);
    if (error != RH_OK)
        return false;
    if (rh_bytes_parse_u64(value, out) == RH_OK && *out <= INT64_MAX)
        return true;
    api_fail(x, "invalid_field", "%s must be a whole number that is not negative.", name);
    return false;
}

/* The id in the path, or in one of these pairs of the query, goes to x->resumable. */
static bool target(struct rh_exchange *x)
{
    static const char *const pairs[] = {"patch", "load", "restore", "id"};
    struct rh_buffer value;
    uint8_t memory[API_PARAM_BYTES];
    rh_buffer_init(&value, memory, sizeof memory - 1);
    for (size_t i = 0; api_param(x, 0)[0] == '\0' && i < sizeof pairs / sizeof pairs[0]; i++) {
        if (rh_url_query_find(x->request->query, pairs[i], &value) == RH_OK &&
            !api_param_keep(x, 0, rh_buffer_bytes(&value)))
            return false;
    }
    return api_resumable_target(x);
}

static void send(struct rh_exchange *x, struct rh_vault_request *request)
{
    if (request == NULL)
        return;
    if (x->fault == NULL)
        api_ask(x, request);
    else
        rh_vault_request_free(request);
}

/* ---- requests ---- */

void api_filepond_create(struct rh_exchange *x)
{
    const struct api_form *form = x->form;
    struct rh_bytes name;
    if (!api_resumable_remember(x) ||
        !header_number(x, "Upload-Length", false, &x->resumable->total))
        return;
    struct api_resumable *known = x->resumable;
    known->length = form->chunk_seen ? RH_SIZE_UNKNOWN : 0;
    if (form->chunk_seen)
        known->total = RH_SIZE_UNKNOWN; /* what it is will be seen */
    struct rh_vault_request *request = api_resumable_new(x);
    if (request == NULL)
        return;
    /* The request's own type and disposition are the form's. */
    request->file_name[0] = '\0';
    if (rh_request_single(x->request, "Upload-Name", &name) != RH_OK)
        name = form->file_name;
    if (name.size > 0 && name.size < RH_FILE_NAME_MAX && rh_utf8_valid(name)) {
        memcpy(request->file_name, name.data, name.size);
        request->file_name[name.size] = '\0';
    }
    api_id_mime_of_file(x, rh_bytes_of(form->mime), request->mime);
    send(x, request);
}

void api_filepond_append(struct rh_exchange *x)
{
    struct rh_bytes type;
    if (!api_resumable_remember(x) || !target(x) ||
        !header_number(x, "Upload-Offset", true, &x->resumable->offset) ||
        !header_number(x, "Upload-Length", false, &x->resumable->total))
        return;
    if (rh_request_single(x->request, "Content-Type", &type) != RH_OK ||
        !rh_media_type_is(type, "application/offset+octet-stream")) {
        api_fail(x, "unsupported_type",
                 "This needs Content-Type: application/offset+octet-stream.");
        return;
    }
    if (x->resumable->length == RH_SIZE_UNKNOWN) {
        api_fail(x, "length_required", NULL); /* else its end could not be told from a cut */
        return;
    }
    struct rh_vault_request *request = api_resumable_write(x);
    if (request != NULL)
        request->verified = true; /* all of it, or nothing */
    send(x, request);
}

void api_filepond_look(struct rh_exchange *x)
{
    if (api_resumable_remember(x) && target(x))
        send(x, api_resumable_request(x, RH_REQUEST_GET, API_STAGE_LOOK));
}

void api_filepond_revert(struct rh_exchange *x)
{
    if (!api_resumable_remember(x))
        return;
    if (x->held_size > 0) {
        struct rh_bytes text = {x->held, x->held_size};
        while (text.size > 0 && text.data[text.size - 1] <= ' ') /* people with echo */
            text.size--;
        if (!api_id_upload(x, text, "not_found", x->resumable->upload))
            return;
    } else if (!target(x)) {
        return;
    }
    struct rh_vault_request *request =
        api_resumable_request(x, RH_REQUEST_DELETE, API_STAGE_FINISH);
    if (request != NULL)
        request->terminate = true; /* that is what reverting is */
    send(x, request);
}

/* ---- answers ---- */

static void answer_id(struct rh_exchange *x, const struct rh_vault_reply *reply)
{
    char *text = strdup(x->resumable->upload);
    x->text_type = "text/plain; charset=utf-8";
    api_respond_text(x, 201, text, reply);
}

static void write_file(struct rh_exchange *x)
{
    struct rh_vault_request *request = api_resumable_write(x);
    if (request != NULL) {
        request->final = true;
        request->verified = true;
    }
    send(x, request);
}

static void created(struct rh_exchange *x, struct rh_vault_reply *reply)
{
    memcpy(x->resumable->upload, reply->upload.id, sizeof x->resumable->upload);
    x->resumable->created = true;
    if (x->form->chunk_seen)
        write_file(x);
    else
        answer_id(x, reply);
}

static void add_offset(struct rh_exchange *x, const struct rh_vault_reply *reply)
{
    const struct rh_upload_view *upload = &reply->upload;
    (void)rh_response_add_u64(x->response, "Upload-Offset",
                              upload->state == RH_UPLOAD_DONE ? upload->total : upload->cursor);
    if (upload->total != RH_SIZE_UNKNOWN)
        (void)rh_response_add_u64(x->response, "Upload-Length", upload->total);
}

static void looked(struct rh_exchange *x, struct rh_vault_reply *reply)
{
    enum rh_upload_state state = reply->upload.state;
    if (state > RH_UPLOAD_DONE) {
        api_fail(x, "gone", NULL);
    } else if (x->method == RH_METHOD_HEAD) {
        api_respond_empty(x, 200, reply);
        add_offset(x, reply);
    } else if (state == RH_UPLOAD_DONE) {
        api_deliver_object(x, &reply->upload);
    } else {
        api_note(x, "conflict", "This upload is not finished.");
        api_respond_fault(x, reply);
    }
}

void api_filepond_replied(struct rh_exchange *x, struct rh_vault_reply *reply)
{
    struct api_resumable *known = x->resumable;
    if (known->stage == API_STAGE_CREATE) {
        created(x, reply);
    } else if (known->stage == API_STAGE_LOOK) {
        looked(x, reply);
    } else if (known->stage == API_STAGE_FINISH) {
        api_respond_empty(x, 204, NULL);
    } else if (known->created) {
        answer_id(x, reply);
    } else {
        api_respond_empty(x, 204, reply);
        add_offset(x, reply);
    }
}

/* A chunk whose answer was lost is sent again; and where the size is a multiple of the chunk's, an
 * empty one follows the end. Both are there already. */
static bool refused(struct rh_exchange *x, struct rh_vault_reply *reply)
{
    const struct api_resumable *known = x->resumable;
    const struct rh_upload_view *upload = &reply->upload;
    bool done = reply->has_upload && upload->state == RH_UPLOAD_DONE;
    bool offset = reply->code == RH_REPLY_OFFSET || (reply->code == RH_REPLY_STATE && done);
    if (known == NULL || known->stage != API_STAGE_WRITE || known->created || !offset)
        return false;
    uint64_t cursor = done ? upload->total : upload->cursor;
    if (known->offset + known->length <= cursor) {
        api_respond_empty(x, 204, reply);
    } else {
        api_note(x, "offset_mismatch", "");
        api_respond_fault(x, reply);
    }
    add_offset(x, reply);
    return true;
}

const struct api_dialect api_filepond = {.name = "filepond", .refused = refused};
