/* SPDX-License-Identifier: MIT */
/*
 * The small companion files that people read: session.json (as the session backend's document
 * shows it) and {name}.metadata.json beside the object. One write of a file at a time; those that
 * ask meanwhile share the next one, so the last write always says the most.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/base64.h"
#include "base/bytes.h"
#include "vault/inside.h"
#include "vault/json.h"

#define ISO_TEXT 32

void rh_text_slot_init(struct rh_text_slot *slot)
{
    rh_list_init(&slot->now);
    rh_list_init(&slot->next);
    slot->busy = false;
}

/* ISO 8601 in UTC without a zone, as the document has it. */
static void iso_of(int64_t wall_s, char out[ISO_TEXT])
{
    struct tm parts;
    time_t seconds = (time_t)wall_s;
    if (gmtime_r(&seconds, &parts) == NULL) { /* a year beyond an int */
        strcpy(out, "1970-01-01T00:00:00");
        return;
    }
    RH_ASSERT(strftime(out, ISO_TEXT, "%Y-%m-%dT%H:%M:%S", &parts) > 0);
}

/* What jansson cannot do with good arguments it cannot do for want of memory. */
static void must(int failed)
{
    if (failed != 0)
        rh_out_of_memory();
}

static void set_text(json_t *object, const char *key, const char *value)
{
    json_t *text = NULL;
    if (!rh_json_string(value, &text))
        rh_out_of_memory();
    /* NULL for text that is not UTF-8 too; then the key stays away. */
    if (text != NULL)
        must(json_object_set_new(object, key, text));
}

static void set_u64(json_t *object, const char *key, uint64_t value)
{
    must(json_object_set_new(object, key, json_integer((json_int_t)value)));
}

/* NULL where the text is no JSON, or NULL; never for want of memory. */
static json_t *parsed(const char *text)
{
    json_t *json = NULL;
    if (text != NULL && !rh_json_read(text, strlen(text), &json, NULL))
        rh_out_of_memory();
    return json;
}

/* The sender's metadata as an object; an empty one where there is none. */
static json_t *metadata_of(const struct rh_upload *u)
{
    json_t *object = parsed(u->row.metadata);
    if (!json_is_object(object)) {
        json_decref(object);
        object = json_object();
    }
    RH_MEMORY(object);
    return object;
}

/* Takes the object. */
static char *dumped(json_t *object)
{
    char *text = rh_json_write(object, JSON_INDENT(2));
    RH_MEMORY(text);
    json_decref(object);
    return text;
}

uint64_t rh_text_file_size(const char *metadata)
{
    uint64_t size = RH_SIZE_UNKNOWN;
    json_t *object = parsed(metadata);
    const json_t *value = json_object_get(object, "file_size");
    if (json_is_integer(value) && json_integer_value(value) >= 0)
        size = (uint64_t)json_integer_value(value);
    json_decref(object);
    return size;
}

static char *session_text(const struct rh_session *s)
{
    char iso[ISO_TEXT];
    json_t *object = json_object();
    json_t *videos = json_array();
    RH_MEMORY(object);
    RH_MEMORY(videos);
    set_text(object, "session_id", s->row.id);
    iso_of(s->row.created_wall_s, iso);
    set_text(object, "created_at", iso);
    set_text(object, "status", "created");
    if (s->row.participant[0] != '\0')
        set_text(object, "participant_id", s->row.participant);
    RH_LIST_EACH(node, &s->uploads)
    {
        const struct rh_upload *u = RH_LIST_ENTRY(node, struct rh_upload, in_session);
        if (!u->sealed)
            continue;
        json_t *video = json_object();
        json_t *metadata = metadata_of(u);
        json_t *prompt = json_object_get(metadata, "prompt_id");
        RH_MEMORY(video);
        set_text(video, "video_id", u->row.name);
        if (prompt != NULL)
            must(json_object_set(video, "prompt_id", prompt));
        iso_of(u->row.done_wall_s, iso);
        set_text(video, "uploaded_at", iso);
        json_decref(metadata);
        must(json_array_append_new(videos, video));
    }
    must(json_object_set_new(object, "videos", videos));
    return dumped(object);
}

static json_t *missing_of(const struct rh_upload *u)
{
    json_t *missing = json_array();
    uint64_t at = 0;
    struct rh_range piece;
    bool present;
    RH_MEMORY(missing);
    while (rh_intervals_piece(&u->acked, &at, u->row.total, &piece, &present)) {
        if (present)
            continue;
        json_t *range = json_object();
        RH_MEMORY(range);
        set_u64(range, "offset", piece.offset);
        set_u64(range, "length", piece.length);
        must(json_array_append_new(missing, range));
    }
    return missing;
}

/* How a video that came in numbered chunks was cut, as runs [[count, bytes], …]. A catalog that is
 * made anew from the files needs it to know a chunk that is sent again. */
static json_t *chunks_of(const struct rh_upload *u)
{
    json_t *runs = json_array();
    RH_MEMORY(runs);
    for (size_t i = 0, next; i < u->chunk_count; i = next) {
        next = i + 1;
        while (next < u->chunk_count && u->chunks[next].length == u->chunks[i].length)
            next++;
        json_t *run = json_array();
        RH_MEMORY(run);
        must(json_array_append_new(run, json_integer((json_int_t)(next - i))));
        must(json_array_append_new(run, json_integer((json_int_t)u->chunks[i].length)));
        must(json_array_append_new(runs, run));
    }
    return runs;
}

/* What the sender said, and under "reelhaul" what we know: enough to make the catalog anew. */
static char *metadata_text(const struct rh_upload *u)
{
    char iso[ISO_TEXT];
    char crc[RH_BASE64_SIZE(8) + 1];
    uint8_t bytes[8];
    json_t *object = metadata_of(u);
    json_t *ours = json_object();
    RH_MEMORY(ours);
    set_text(ours, "upload_id", u->row.id);
    set_text(ours, "mime_type", u->row.mime);
    set_u64(ours, "size", u->row.total);
    rh_be64_put(bytes, u->row.crc64);
    crc[rh_base64_encode(crc, sizeof crc - 1, bytes, sizeof bytes)] = '\0';
    set_text(ours, "crc64nvme", crc);
    iso_of(u->row.created_wall_s, iso);
    set_text(ours, "created_at", iso);
    iso_of(u->row.done_wall_s, iso);
    set_text(ours, "uploaded_at", iso);
    set_text(ours, "status", u->row.partial ? "partial" : "complete");
    if (u->row.partial)
        must(json_object_set_new(ours, "missing", missing_of(u)));
    else if (u->row.geometry == RH_GEOMETRY_CHUNKS)
        must(json_object_set_new(ours, "chunks", chunks_of(u)));
    if (u->row.size_disagrees)
        must(json_object_set_new(ours, "declared_size_disagrees", json_true()));
    must(json_object_set_new(object, "reelhaul", ours));
    return dumped(object);
}

/* ---- Writing ---- */

static void take_next(struct rh_text_slot *slot)
{
    struct rh_list *node;
    slot->busy = true;
    while ((node = rh_list_first(&slot->next)) != NULL) {
        rh_list_remove(node);
        rh_list_append(&slot->now, node);
    }
}

static void session_start(struct rh_vault *v, struct rh_session *s);

static void session_put(struct rh_vault *v, struct rh_job *job,
                        const struct rh_store_result *result)
{
    struct rh_session *s = job->context;
    s->text.busy = false;
    s->pins--;
    rh_wake_all(v, &s->text.now, result->error);
    if (!rh_list_is_empty(&s->text.next))
        session_start(v, s);
}

static void session_start(struct rh_vault *v, struct rh_session *s)
{
    take_next(&s->text);
    s->pins++;
    struct rh_store_job *job = rh_job_start(v, RH_STORE_PUT_TEXT, NULL, session_put, s);
    strcpy(job->target.session, s->row.id);
    job->text_kind = RH_TEXT_SESSION;
    job->text = session_text(s);
    job->text_size = strlen(job->text);
}

void rh_text_session(struct rh_vault *v, struct rh_session *s, struct rh_waiter *waiter,
                     void (*wake)(struct rh_vault *, struct rh_waiter *, enum rh_error))
{
    RH_ASSERT(s->loaded);
    rh_wait(&s->text.next, waiter, wake);
    if (!s->text.busy)
        session_start(v, s);
}

static void metadata_start(struct rh_vault *v, struct rh_upload *u);

static void metadata_put(struct rh_vault *v, struct rh_job *job,
                         const struct rh_store_result *result)
{
    struct rh_upload *u = job->context;
    u->text.busy = false;
    rh_wake_all(v, &u->text.now, result->error);
    if (!rh_list_is_empty(&u->text.next))
        metadata_start(v, u);
}

static void metadata_start(struct rh_vault *v, struct rh_upload *u)
{
    take_next(&u->text);
    struct rh_store_job *job = rh_job_start(v, RH_STORE_PUT_TEXT, u, metadata_put, u);
    job->text_kind = RH_TEXT_METADATA;
    job->text = metadata_text(u);
    job->text_size = strlen(job->text);
}

void rh_text_metadata(struct rh_vault *v, struct rh_upload *u, struct rh_waiter *waiter,
                      void (*wake)(struct rh_vault *, struct rh_waiter *, enum rh_error))
{
    rh_wait(&u->text.next, waiter, wake);
    if (!u->text.busy)
        metadata_start(v, u);
}
