/* SPDX-License-Identifier: MIT */
#include "verify.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/crc64.h"
#include "vault/store_files_paths.h"

#define FILE_MAX 16384

/* ---- Files ---- */

/* Bytes read, or -1 where there is no such file. */
static ssize_t read_file(const struct world *w, const char *path, void *out, size_t cap)
{
    int fd = openat(w->data, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return -1;
    ssize_t size = pread(fd, out, cap, 0);
    close(fd);
    return size;
}

static bool exists(const struct world *w, const char *path)
{
    return faccessat(w->data, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Whether the file holds `size` bytes of the source from `offset` on, at `at`. */
static bool file_holds(const struct world *w, const char *path, size_t at,
                       const struct source *source, size_t offset, size_t size)
{
    uint8_t bytes[FILE_MAX];
    ssize_t there = read_file(w, path, bytes, sizeof bytes);
    return there >= 0 && at + size <= (size_t)there &&
           memcmp(bytes + at, source->bytes + offset, size) == 0;
}

/* A small text that people read: all of it is there, and it says `word`. */
static void check_text(struct world *w, const char *path, const char *word)
{
    char text[FILE_MAX];
    ssize_t size = read_file(w, path, text, sizeof text - 1);
    if (size < 0) {
        world_problem(w, "%s is not there", path);
        return;
    }
    text[size] = '\0';
    if (strlen(text) != (size_t)size || text[0] != '{' || size < 2 || text[size - 1] != '}')
        world_problem(w, "%s is torn: %zd bytes", path, size);
    else if (strstr(text, word) == NULL)
        world_problem(w, "%s does not say %s", path, word);
}

/* ---- One video ---- */

struct look {
    struct world *w;
    size_t video;
    const struct source *source;
    const struct promise_video *promise;
    const struct rh_vault_reply *reply;
    char incoming[RH_PATH_MAX];
    char object[RH_PATH_MAX];
    char metadata[RH_PATH_MAX];
    struct rh_store_target target;
};

static bool is_done(const struct look *l)
{
    return l->reply->upload.state == RH_UPLOAD_DONE;
}

static void check_object(const struct look *l)
{
    uint8_t bytes[FILE_MAX];
    char word[64];
    const char *name = l->source->name;
    bool partial = l->reply->upload.partial;
    ssize_t size = read_file(l->w, l->object, bytes, sizeof bytes);
    if (partial && !l->promise->partial)
        world_problem(l->w, "%s is partial, which nobody asked for", name);
    if (size < 0 || (uint64_t)size != l->reply->upload.total ||
        (!partial && (size_t)size != l->source->size))
        world_problem(l->w, "%s is done and its object has %zd bytes", name, size);
    for (ssize_t i = 0; i < size && i < (ssize_t)l->source->size; i++) {
        bool may_be_hole = partial && !l->promise->bytes[i] && bytes[i] == 0;
        if (bytes[i] != l->source->bytes[i] && !may_be_hole)
            world_problem(l->w, "%s is done and its object differs at %zd", name, i);
    }
    if (size >= 0 && rh_crc64_update(0, bytes, (size_t)size) != l->reply->upload.crc64)
        world_problem(l->w, "%s is done with another checksum than its object", name);
    if (exists(l->w, l->incoming))
        world_problem(l->w, "%s is done and lies in incoming/ too", name);
    snprintf(word, sizeof word, "%s", l->reply->upload.id);
    check_text(l->w, l->metadata, word);
}

static void check_ranges(const struct look *l)
{
    bool said[WORLD_BYTES] = {false};
    const char *path = is_done(l) ? l->object : l->incoming;
    for (size_t i = 0; i < l->reply->durable_count && !l->reply->upload.partial; i++) {
        const struct rh_interval *range = &l->reply->durable[i];
        size_t offset = (size_t)range->offset;
        size_t size = (size_t)range->length;
        if (offset + size > l->source->size ||
            range->crc64 != rh_crc64_update(0, l->source->bytes + offset, size) ||
            !file_holds(l->w, path, offset, l->source, offset, size)) {
            world_problem(l->w, "%s: %zu bytes at %zu are said to be there and are not",
                          l->source->name, size, offset);
            return;
        }
        memset(said + offset, 1, size);
    }
    for (size_t i = 0; i < l->source->size && !l->source->by_chunks && !is_done(l); i++)
        if (l->promise->bytes[i] && !said[i])
            world_problem(l->w, "%s: the byte at %zu was acknowledged and is forgotten",
                          l->source->name, i);
}

/* In place, or waiting in a file of its own. */
static bool chunk_is_there(const struct look *l, size_t index)
{
    char path[RH_PATH_MAX];
    size_t start = l->source->starts[index];
    size_t size = l->source->starts[index + 1] - start;
    if (file_holds(l->w, is_done(l) ? l->object : l->incoming, start, l->source, start, size))
        return true;
    return rh_path_waiting(&l->target, index, path, sizeof path) == RH_OK &&
           file_holds(l->w, path, 0, l->source, start, size);
}

static void check_chunks(const struct look *l)
{
    bool said[WORLD_CHUNKS] = {false};
    if (!l->source->by_chunks || l->reply->upload.partial)
        return;
    for (size_t i = 0; i < l->reply->chunk_run_count; i++) {
        for (size_t k = 0; k < l->reply->chunks[i].length; k++) {
            size_t index = (size_t)l->reply->chunks[i].offset + k;
            said[index] = true;
            if (!chunk_is_there(l, index))
                world_problem(l->w, "%s: chunk %zu is said to be there and is not", l->source->name,
                              index);
        }
    }
    for (size_t i = 0; i < l->source->chunk_count && !is_done(l); i++)
        if (l->promise->chunks[i] && !said[i])
            world_problem(l->w, "%s: chunk %zu was acknowledged and is forgotten", l->source->name,
                          i);
}

static void check_metadata(const struct look *l)
{
    char text[64];
    const struct promise_video *promise = l->promise;
    bool found = promise->metadata == 0;
    for (unsigned n = promise->metadata; n <= promise->metadata_asked && n > 0 && !found; n++) {
        world_metadata_text(n, text);
        found = l->reply->upload.metadata != NULL && strcmp(l->reply->upload.metadata, text) == 0;
    }
    if (!found)
        world_problem(l->w, "%s: metadata %u was acknowledged and is forgotten", l->source->name,
                      promise->metadata);
}

static void check_found(const struct look *l)
{
    const char *name = l->source->name;
    enum rh_upload_state state = l->reply->upload.state;
    if (l->promise->made && !l->promise->may_go && strcmp(l->promise->id, l->target.upload) != 0)
        world_problem(l->w, "%s has another id than the one that was told", name);
    if (state == RH_UPLOAD_LOST || state == RH_UPLOAD_FINISHING ||
        (state == RH_UPLOAD_EXPIRED && !l->promise->may_go))
        world_problem(l->w, "%s is in state %d", name, state);
    if (l->promise->done && state != RH_UPLOAD_DONE)
        world_problem(l->w, "%s was said to be done and is in state %d", name, state);
    if (state > RH_UPLOAD_DONE || l->w->problem[0] != '\0')
        return;
    if (is_done(l))
        check_object(l);
    else if (exists(l->w, l->object))
        world_problem(l->w, "%s has an object and is not done", name);
    if (l->promise->may_go) /* it may be another one, made after the one that is promised */
        return;
    check_ranges(l);
    check_chunks(l);
    check_metadata(l);
}

static bool locate(struct look *l)
{
    world_target(l->w, l->video, l->reply->upload.id, &l->target);
    return rh_path_incoming(&l->target, l->incoming, sizeof l->incoming) == RH_OK &&
           rh_path_object(&l->target, l->object, sizeof l->object) == RH_OK &&
           rh_path_text(&l->target, RH_TEXT_METADATA, l->metadata, sizeof l->metadata) == RH_OK;
}

/* True when the video is done. */
static bool check_video(struct world *w, const struct promise *promise, size_t video)
{
    static const struct promise_video nothing;
    struct look look = {.w = w, .video = video, .source = &w->sources[video]};
    uint64_t op = world_get(w, video);
    world_settle(w);
    look.reply = world_answer(w, op);
    look.promise = promise != NULL ? &promise->videos[video] : &nothing;
    if (look.reply == NULL) {
        world_problem(w, "%s: no answer", look.source->name);
        return false;
    }
    if (look.reply->code == RH_REPLY_OK && look.reply->has_upload) {
        if (look.promise->gone || strcmp(look.promise->gone_id, look.reply->upload.id) == 0)
            world_problem(w, "%s was deleted and is back", look.source->name);
        if (!locate(&look))
            world_problem(w, "%s has no path", look.source->name);
        check_found(&look);
        return is_done(&look);
    }
    if (look.promise->made && !look.promise->may_go)
        world_problem(w, "%s was acknowledged and is answered with %d", look.source->name,
                      look.reply->code);
    return false;
}

/* ---- All ---- */

/* Every file that is no text must be the one object of a video that is done. */
static void check_objects(struct world *w, const bool done[WORLD_VIDEOS])
{
    char name[64];
    size_t expected = 0;
    size_t found = 0;
    int fd = openat(w->data, "recordings/" WORLD_SESSION, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    for (size_t v = 0; v < WORLD_VIDEOS; v++)
        expected += done[v];
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        if (entry->d_name[0] == '.' || strstr(entry->d_name, ".json") != NULL)
            continue;
        bool known = false;
        for (size_t v = 0; v < WORLD_VIDEOS; v++) {
            snprintf(name, sizeof name, "%s.webm", w->sources[v].name);
            known |= done[v] && strcmp(entry->d_name, name) == 0;
        }
        found++;
        if (!known)
            world_problem(w, "recordings/ holds %s, which is no finished video", entry->d_name);
    }
    if (dir != NULL)
        closedir(dir);
    if (found != expected)
        world_problem(w, "%zu objects for %zu finished videos", found, expected);
}

void verify_promise(struct world *w, const struct promise *promise)
{
    bool done[WORLD_VIDEOS] = {false};
    uint64_t op = world_session_get(w);
    world_settle(w);
    const struct rh_vault_reply *reply = world_answer(w, op);
    if (reply == NULL ||
        (promise->generation[0] != '\0' && strcmp(promise->generation, reply->generation) != 0))
        world_problem(w, "the server is of another generation than the one that was told");
    if (w->is_another && promise->generation[0] != '\0')
        world_problem(w, "the catalog is taken for another one than the last server left");
    if (promise->session) {
        world_expect(w, op, RH_REPLY_OK);
        if (reply != NULL && strcmp(reply->session.participant, "p-17") != 0)
            world_problem(w, "the session is somebody else's");
        check_text(w, "recordings/" WORLD_SESSION "/session.json", WORLD_SESSION);
    }
    for (size_t v = 0; v < WORLD_VIDEOS; v++)
        if (w->used[v])
            done[v] = check_video(w, promise, v);
    check_objects(w, done);
}

static bool is_overloaded(const struct world *w, uint64_t op)
{
    const struct rh_vault_reply *reply = world_answer(w, op);
    return reply != NULL && reply->code == RH_REPLY_OVERLOADED;
}

static void complete_ranges(struct world *w, size_t video)
{
    char id[RH_ID_TEXT_MAX];
    uint64_t op = world_create(w, video, false);
    world_settle(w);
    const struct rh_vault_reply *reply = world_answer(w, op);
    if (reply == NULL || (reply->code != RH_REPLY_CREATED && reply->code != RH_REPLY_OK)) {
        world_expect(w, op, RH_REPLY_CREATED);
        return;
    }
    strcpy(id, reply->upload.id);
    if (w->sources[video].concat == RH_CONCAT_FINAL)
        return; /* completes by itself */
    size_t cursor = w->sources[video].by_cursor ? (size_t)reply->upload.cursor : 0;
    op = world_write(w, video, id, cursor, w->sources[video].size - cursor, true);
    world_settle(w);
    if (!is_overloaded(w, op))
        world_expect(w, op, RH_REPLY_OK);
}

static void complete_chunks(struct world *w, size_t video)
{
    for (size_t i = 0; i < w->sources[video].chunk_count; i++) {
        uint64_t op = world_chunk(w, video, i);
        world_settle(w);
        if (!is_overloaded(w, op))
            world_expect(w, op, RH_REPLY_OK);
    }
}

static bool video_is_done(struct world *w, size_t video)
{
    uint64_t op = world_get(w, video);
    world_settle(w);
    const struct rh_vault_reply *reply = world_answer(w, op);
    return reply != NULL && reply->code == RH_REPLY_OK && reply->upload.state == RH_UPLOAD_DONE;
}

void verify_continues(struct world *w, const struct promise *promise)
{
    bool done[WORLD_VIDEOS] = {false};
    uint64_t op = world_session(w);
    world_settle(w);
    const struct rh_vault_reply *reply = world_answer(w, op);
    if (reply == NULL || reply->code > RH_REPLY_CREATED)
        world_problem(w, "the session cannot be continued");
    for (size_t v = 0; v < WORLD_VIDEOS && w->problem[0] == '\0'; v++) {
        if (!w->used[v])
            continue;
        for (unsigned tries = 0; tries < 3 && !video_is_done(w, v); tries++) {
            if (tries > 0)
                world_pass(w, 6);
            if (w->sources[v].by_chunks)
                complete_chunks(w, v);
            else
                complete_ranges(w, v);
        }
        struct promise all = {.session = true};
        all.videos[v].partial = promise->videos[v].partial;
        memcpy(all.videos[v].bytes, promise->videos[v].bytes, sizeof all.videos[v].bytes);
        done[v] = check_video(w, &all, v);
        if (!done[v])
            world_problem(w, "%s was continued and is not done", w->sources[v].name);
        check_text(w, "recordings/" WORLD_SESSION "/session.json", w->sources[v].name);
    }
    if (w->problem[0] == '\0')
        check_objects(w, done);
}
