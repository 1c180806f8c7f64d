/* SPDX-License-Identifier: MIT */
/*
 * The multipart form of both dialects: a few named fields and one part "chunk". Fields may come in
 * any order. Where all that the dialect knows came before the chunk, its bytes go straight under
 * the grant; else the chunk is held in memory until the form ends or it grows too large for that.
 */
#include <stdlib.h>
#include <string.h>

#include "api/internal.h"
#include "base/assert.h"
#include "base/bytes.h"

#define FIELD_CHUNK   API_FIELDS_MAX
#define FIELD_UNKNOWN (API_FIELDS_MAX + 1)

bool api_form_begin(struct rh_exchange *x)
{
    struct rh_bytes type;
    if (rh_request_single(x->request, "Content-Type", &type) != RH_OK ||
        !rh_media_type_is(type, "multipart/form-data")) {
        api_fail(x, "unsupported_type", "This needs a body of type multipart/form-data.");
        return false;
    }
    x->form = calloc(1, sizeof *x->form);
    if (x->form == NULL) {
        api_fail(x, "overloaded", NULL);
        return false;
    }
    struct api_form *form = x->form;
    form->field_at = FIELD_UNKNOWN;
    if (rh_multipart_init(&form->parser, type, form->head, sizeof form->head, 0) != RH_OK) {
        api_fail(x, "bad_form", "The Content-Type has no usable boundary.");
        return false;
    }
    x->mode = API_MODE_FORM;
    x->want = RH_WANT_BODY;
    return true;
}

static bool fields_seen(const struct rh_exchange *x, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!x->form->fields[i].seen)
            return false;
    }
    return true;
}

static void ask(struct rh_exchange *x)
{
    x->form->asked = true;
    x->route->form_ask(x);
}

static void chunk_begin(struct rh_exchange *x, const struct rh_multipart_event *event)
{
    struct api_form *form = x->form;
    const struct api_form_spec *spec = x->route->form;
    if (form->chunk_seen) {
        api_fail(x, "bad_form", "The part chunk comes twice.");
        return;
    }
    form->chunk_seen = true;
    form->field_at = FIELD_CHUNK;
    if (event->has_filename)
        form->file_name = event->filename;
    if (event->content_type.size > 0 && event->content_type.size < sizeof form->mime)
        memcpy(form->mime, event->content_type.data, event->content_type.size);
    /* Where memory is short, optional fields that might follow are not waited for. */
    const struct rh_api_config *config = x->api->config;
    bool roomy = x->api->held_bytes + config->form_wait_bytes_max <= config->held_bytes_max;
    if (fields_seen(x, spec->count) || (!roomy && fields_seen(x, spec->required)))
        ask(x);
}

static void field_begin(struct rh_exchange *x, const struct rh_multipart_event *event)
{
    struct api_form *form = x->form;
    const struct api_form_spec *spec = x->route->form;
    if (spec->chunk_by_file ? event->has_filename : rh_bytes_equal_str(event->name, "chunk")) {
        chunk_begin(x, event);
        return;
    }
    size_t i = 0;
    while (i < spec->count && !rh_bytes_equal_str(event->name, spec->names[i]))
        i++;
    if (i == spec->count) {
        form->field_at = FIELD_UNKNOWN;
        return;
    }
    form->field_at = i;
    if (form->fields[i].seen)
        api_fail(x, "bad_form", "The field %s comes twice.", spec->names[i]);
    else if (form->asked)
        api_fail(x, "fields_after_chunk", "The field %s comes after a large chunk.",
                 spec->names[i]);
    form->fields[i].seen = true;
}

static void chunk_hold(struct rh_exchange *x, struct rh_bytes data)
{
    size_t wait_max = x->api->config->form_wait_bytes_max;
    /* One feed more than may wait: what is over must not be lost when the vault is asked then. */
    enum rh_error error = api_hold(x, data.data, data.size, wait_max + API_FEED_BYTES);
    if (error == RH_ERR_FULL || error == RH_ERR_MEMORY) {
        api_fail(x, "overloaded", NULL);
    } else if (error != RH_OK || x->held_size > wait_max) {
        if (fields_seen(x, x->route->form->required))
            ask(x);
        else
            api_fail(x, "fields_after_chunk", NULL);
    }
}

static void field_data(struct rh_exchange *x, struct rh_bytes data)
{
    struct api_form *form = x->form;
    if (form->field_at == FIELD_CHUNK) {
        if (form->asked)
            api_sink(x, data.data, data.size);
        else
            chunk_hold(x, data);
        return;
    }
    form->text_bytes += data.size;
    if (form->text_bytes > x->api->config->json_bytes_max) {
        api_fail(x, "too_large", "The fields of the form are too large.");
        return;
    }
    if (form->field_at >= API_FIELDS_MAX)
        return;
    struct api_field *field = &form->fields[form->field_at];
    if (data.size > API_FIELD_BYTES - 1 - field->size) {
        field->too_long = true;
        return;
    }
    memcpy(field->text + field->size, data.data, data.size);
    field->size += data.size;
}

/* Feeds bytes to the parser until they are used or something else is wanted than body. */
static size_t pump(struct rh_exchange *x, struct rh_bytes in)
{
    struct api_form *form = x->form;
    size_t total = 0;
    while (x->want == RH_WANT_BODY && x->mode == API_MODE_FORM) {
        struct rh_multipart_event event;
        size_t used = 0;
        enum rh_error error = rh_multipart_next(&form->parser, in, &used, &event);
        in.data = used == 0 ? in.data : in.data + used;
        in.size -= used;
        total += used;
        x->body_taken += x->coding == NULL ? used : 0;
        if (error == RH_ERR_AGAIN)
            break;
        if (error != RH_OK)
            api_fail(x, "bad_form", "%s", rh_multipart_problem(&form->parser));
        else if (event.kind == RH_MULTIPART_FIELD_BEGIN)
            field_begin(x, &event);
        else if (event.kind == RH_MULTIPART_DATA)
            field_data(x, event.data);
        else if (event.kind == RH_MULTIPART_FIELD_END)
            form->field_at = FIELD_UNKNOWN;
    }
    return total;
}

size_t api_form_feed(struct rh_exchange *x, const uint8_t *data, size_t size)
{
    size_t total = 0;
    while (total < size && x->want == RH_WANT_BODY && x->mode == API_MODE_FORM) {
        size_t part = size - total < API_FEED_BYTES ? size - total : API_FEED_BYTES;
        total += pump(x, (struct rh_bytes){data + total, part});
    }
    return total;
}

void api_form_end(struct rh_exchange *x)
{
    struct api_form *form = x->form;
    const struct api_form_spec *spec = x->route->form;
    (void)pump(x, (struct rh_bytes){(const uint8_t *)"", 0}); /* an event may be due */
    if (x->want != RH_WANT_BODY || x->mode != API_MODE_FORM)
        return;
    if (rh_multipart_finish(&form->parser) != RH_OK) {
        api_fail(x, "bad_form", "The form is truncated.");
        return;
    }
    if (form->asked) {
        if (x->declared_length != RH_SIZE_UNKNOWN && x->written.bytes < x->declared_length)
            api_fail(x, "invalid_field", "The chunk is shorter than its length says.");
        else
            api_sink_report(x, RH_WRITTEN_WHOLE);
        return;
    }
    bool alone = spec->chunk_optional && !form->chunk_seen;
    for (size_t i = 0; i < (alone && spec->required > 1 ? 1 : spec->required); i++) {
        if (!form->fields[i].seen) {
            api_fail(x, "missing_field", "The field %s is missing.", spec->names[i]);
            return;
        }
    }
    if (!form->chunk_seen && !alone)
        api_fail(x, "missing_field", "The part chunk is missing.");
    else
        ask(x);
}

void api_form_granted(struct rh_exchange *x)
{
    if (x->held_size > 0)
        api_sink(x, x->held, x->held_size);
    api_hold_release(x);
    if (x->ask != API_ASK_GRANTED)
        return;
    if (x->body_over)
        api_sink_report(x, RH_WRITTEN_WHOLE);
    else
        x->want = RH_WANT_BODY;
}
