/* SPDX-License-Identifier: MIT */
/*
 * What the vault has to remember of an upload with a cursor beyond its row: how it ends, and what
 * it is a concatenation of. It is kept in the upload's metadata under one name of ours, which
 * senders neither see nor set: so the catalog, the witness, backups and the companion file have it
 * without a column of their own. Also: names made of what clients call their files.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/id.h"
#include "vault/inside.h"
#include "vault/json.h"

#define NOTE "reelhaul_cursor"

static json_t *parsed(const char *text)
{
    json_t *json = NULL;
    if (text != NULL && !rh_json_read(text, strlen(text), &json, NULL))
        rh_out_of_memory();
    return json;
}

static void must(int result)
{
    if (result != 0)
        rh_out_of_memory();
}

/* Takes the object. */
static char *dumped(json_t *object)
{
    char *text = rh_json_write(object, JSON_COMPACT);
    RH_MEMORY(text);
    json_decref(object);
    return text;
}

static json_t *text_of(const char *text)
{
    json_t *json = json_string(text);
    RH_MEMORY(json);
    return json;
}

static json_t *note_of(const struct rh_upload *u)
{
    json_t *note = json_object();
    RH_MEMORY(note);
    if (u->ends_by_final)
        must(json_object_set_new(note, "ends", text_of("by-final")));
    if (u->concat != RH_CONCAT_NONE)
        must(json_object_set_new(note, "concat",
                                 text_of(u->concat == RH_CONCAT_PARTIAL ? "partial" : "final")));
    if (u->source_count > 0) {
        json_t *sources = json_array();
        RH_MEMORY(sources);
        for (size_t i = 0; i < u->source_count; i++)
            must(json_array_append_new(sources, text_of(u->sources[i])));
        must(json_object_set_new(note, "sources", sources));
    }
    return note;
}

/* A sender's own member of that name goes: it would be believed after a restart. */
void rh_cursor_note(struct rh_upload *u)
{
    bool has = u->ends_by_final || u->concat != RH_CONCAT_NONE;
    bool had = u->row.metadata != NULL && strstr(u->row.metadata, "reelhaul") != NULL;
    if (!has && !had)
        return;
    json_t *object = parsed(u->row.metadata);
    if (!json_is_object(object)) {
        json_decref(object);
        object = json_object();
        RH_MEMORY(object);
    }
    (void)json_object_del(object, NOTE);
    if (has)
        must(json_object_set_new(object, NOTE, note_of(u)));
    free(u->row.metadata);
    u->row.metadata = dumped(object);
}

static void recall_sources(struct rh_upload *u, const json_t *sources)
{
    size_t count = json_array_size(sources);
    if (count == 0)
        return;
    u->sources = rh_vault_alloc(count * sizeof *u->sources);
    for (size_t i = 0; i < count; i++) {
        const char *id = json_string_value(json_array_get(sources, i));
        bool good = id != NULL && strlen(id) < sizeof u->sources[i];
        strcpy(u->sources[i], good ? id : "?"); /* names nothing: it never completes */
    }
    u->source_count = count;
}

void rh_cursor_recall(struct rh_upload *u)
{
    if (u->row.metadata == NULL || strstr(u->row.metadata, NOTE) == NULL)
        return;
    /* A catalog that was made anew of files knows how a finished one came no more. */
    if (u->row.geometry != RH_GEOMETRY_CURSOR && u->row.state != RH_UPLOAD_DONE)
        return;
    json_t *object = parsed(u->row.metadata);
    const json_t *note = json_object_get(object, NOTE);
    const char *concat = json_string_value(json_object_get(note, "concat"));
    u->ends_by_final = json_object_get(note, "ends") != NULL;
    if (concat != NULL && strcmp(concat, "partial") == 0)
        u->concat = RH_CONCAT_PARTIAL;
    if (concat != NULL && strcmp(concat, "final") == 0)
        u->concat = RH_CONCAT_FINAL;
    if (u->concat == RH_CONCAT_FINAL && u->row.state == RH_UPLOAD_OPEN)
        recall_sources(u, json_object_get(note, "sources"));
    json_decref(object);
}

char *rh_cursor_metadata(const struct rh_upload *u)
{
    if (strstr(u->row.metadata, NOTE) == NULL) {
        char *copy = strdup(u->row.metadata);
        RH_MEMORY(copy);
        return copy;
    }
    json_t *object = parsed(u->row.metadata);
    (void)json_object_del(object, NOTE);
    if (json_object_size(object) > 0)
        return dumped(object);
    json_decref(object);
    return NULL;
}

/* ---- Names ---- */

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
}

static bool ends_with(const char *text, const char *end)
{
    size_t size = strlen(text);
    size_t end_size = strlen(end);
    return size >= end_size && strcmp(text + size - end_size, end) == 0;
}

/* What is left where a long name is cut in its middle: the extension says what it is. */
static void shorten(char *name)
{
    size_t size = strlen(name);
    size_t most = RH_NAME_TEXT_MAX - 1;
    if (size <= most)
        return;
    const char *dot = strrchr(name, '.');
    size_t tail = dot != NULL ? size - (size_t)(dot - name) : 0;
    if (tail > 16)
        tail = 0;
    memmove(name + most - tail, name + size - tail, tail);
    name[most] = '\0';
}

void rh_cursor_file_name(const char *text, char out[RH_NAME_TEXT_MAX])
{
    /* Our own files beside the object end so. */
    static const char *const ours[] = {".metadata.json", ".tmp", ".identity"};
    char name[RH_FILE_NAME_MAX] = "";
    size_t size = 0;
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '/' || *c == '\\') {
            size = 0; /* a path: what counts is its last part */
            continue;
        }
        char plain = is_plain(*c) ? *c : '_';
        bool leads = size == 0 && (plain == '.' || plain == '-');
        bool again = size > 0 && name[size - 1] == plain && (plain == '.' || plain == '_');
        if (!leads && !again && size < sizeof name - 1)
            name[size++] = plain;
    }
    name[size] = '\0';
    shorten(name);
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) {
        if (ends_with(name, ours[i]))
            name[strlen(name) - strlen(ours[i])] = '_';
    }
    bool good = name[0] != '\0' && rh_name_check(rh_bytes_of(name)) == RH_OK;
    strcpy(out, good ? name : "");
}
