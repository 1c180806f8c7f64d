/* SPDX-License-Identifier: MIT */
#include "check.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/assert.h"
#include "base/crc64.h"
#include "fields/receipt.h"
#include "receiver.h"
#include "sim.h"

/* ---- objects ---- */

static struct sim_object *find(struct sim *sim, const char *id)
{
    for (size_t i = 0; i < sim->check.object_count; i++) {
        if (strcmp(sim->check.objects[i]->id, id) == 0)
            return sim->check.objects[i];
    }
    return NULL;
}

static struct sim_object *object_of(struct sim *sim, const char *id, const char *name)
{
    struct sim_object *object = find(sim, id);
    struct sim_upload *upload = sim_upload_named(sim, name);
    if (object != NULL || upload == NULL)
        return object;
    object = calloc(1, sizeof *object);
    RH_ASSERT(object != NULL);
    RH_ASSERT(sim->check.object_count < SIM_OBJECTS_MAX);
    (void)snprintf(object->id, sizeof object->id, "%s", id);
    object->upload = upload;
    object->seen_ms = sim->now_ms;
    sim->check.objects[sim->check.object_count++] = object;
    return object;
}

const struct sim_upload *sim_check_upload_of(struct sim *sim, const char *id, const char *name)
{
    const struct sim_object *object = find(sim, id);
    return object == NULL ? sim_upload_named(sim, name) : object->upload;
}

void sim_check_seen(struct sim *sim, const char *id, const char *name)
{
    const struct sim_object *object = object_of(sim, id, name);
    const struct sim_upload *upload = sim_upload_named(sim, name); /* NULL: not a name of ours */
    if (object != NULL && upload != NULL && object->upload != upload)
        sim_fail(sim, object->upload, "promise 3: its id names %s too", name);
}

void sim_check_heard(struct sim *sim, const struct sim_upload *upload, uint64_t offset,
                     uint64_t length)
{
    if (length <= upload->planned && offset <= upload->planned - length)
        sim_ranges_add(&sim->check.heard[upload->index], offset, length);
}

/* ---- 1 and 3: what is said ---- */

/* The receiver vouches for a range: it must have it by now. */
static void vouch(struct sim *sim, struct sim_object *object, uint64_t offset, uint64_t length,
                  const char *how)
{
    const char *why = "";
    uint64_t limit = object->upload->planned;
    if (sim_ranges_cover(&object->acked, offset, length))
        return;
    if (length > limit || offset > limit - length) {
        sim_fail(sim, object->upload,
                 "invariant 3: %s of %" PRIu64 "+%" PRIu64 " is beyond the end", how, offset,
                 length);
        return;
    }
    if (!sim_receiver_holds(sim, object, offset, length, &why)) {
        sim_fail(sim, object->upload, "invariant 1: %s of %" PRIu64 "+%" PRIu64 ", but %s", how,
                 offset, length, why);
        return;
    }
    sim_ranges_add(&object->acked, offset, length);
}

static void said_chunks(struct sim *sim, struct sim_object *object, const struct sim_said *said)
{
    uint64_t part = object->upload->part_bytes;
    uint64_t size = object->upload->size;
    struct sim_ranges now = {0};
    for (size_t i = 0; i < said->chunk_runs; i++) {
        uint64_t from = said->chunks[i].offset * part;
        uint64_t to = from + said->chunks[i].length * part;
        to = to < size ? to : size;
        vouch(sim, object, from, to - from, "a list of chunks");
        sim_ranges_add(&now, from, to - from);
    }
    if (!sim_ranges_contain(&now, &object->acked))
        sim_fail(sim, object->upload,
                 "invariant 3: the list of chunks lacks one that was vouched for");
    sim_ranges_finish(&now);
}

static void said_ranges(struct sim *sim, struct sim_object *object, const struct sim_said *said)
{
    struct sim_ranges now = {0};
    for (size_t i = 0; i < said->durable_count; i++) {
        vouch(sim, object, said->durable[i].offset, said->durable[i].length, "a list of ranges");
        sim_ranges_add(&now, said->durable[i].offset, said->durable[i].length);
    }
    if (!said->by_chunks && !said->durable_cut && !sim_ranges_contain(&now, &object->acked))
        sim_fail(sim, object->upload, "invariant 3: the list of ranges lacks what was vouched for");
    sim_ranges_finish(&now);
}

static void said_done(struct sim *sim, struct sim_object *object, const struct sim_said *said)
{
    const char *why = "";
    if (!sim_receiver_whole(sim, object, &why)) {
        sim_fail(sim, object->upload, "invariant 2: the receiver says done, but %s", why);
        return;
    }
    object->done = true;
    sim_ranges_add(&object->acked, 0, said->total);
}

/* How many bytes it has: never fewer than before, never more than it lists. */
static void said_count(struct sim *sim, struct sim_object *object, const struct sim_said *said)
{
    uint64_t listed = 0;
    for (size_t i = 0; i < said->durable_count; i++)
        listed += said->durable[i].length;
    if (said->received < object->received)
        sim_fail(sim, object->upload, "invariant 3: %" PRIu64 " bytes after %" PRIu64,
                 said->received, object->received);
    bool all_listed = !said->by_chunks && !said->durable_cut && !said->done;
    if (all_listed && said->received != listed)
        sim_fail(sim, object->upload, "invariant 3: %" PRIu64 " bytes, and %" PRIu64 " listed",
                 said->received, listed);
    object->received = said->received;
}

void sim_check_said(struct sim *sim, const struct sim_said *said)
{
    struct sim_object *object = object_of(sim, said->id, said->name);
    if (object == NULL || object->deleting || object->rotten)
        return;
    if (object->done && !said->done) {
        sim_fail(sim, object->upload, "invariant 2: it was done, and is said to be open");
        return;
    }
    said_count(sim, object, said);
    if (said->done) {
        said_done(sim, object, said);
        return;
    }
    if (said->has_receipt) {
        object->kept = object->kept || said->kept;
        const struct rh_range *range = &said->receipt;
        vouch(sim, object, range->offset, range->length, "a receipt");
        if (!sim->failed &&
            said->receipt_crc64 !=
                rh_crc64_update(0, object->upload->bytes + range->offset, (size_t)range->length))
            sim_fail(sim, object->upload, "invariant 1: a receipt with a wrong checksum");
    }
    if (said->by_chunks)
        said_chunks(sim, object, said);
    said_ranges(sim, object, said);
}

/* ---- heads ---- */

static bool header(const char *head, const char *name, struct rh_bytes *value)
{
    size_t size = strlen(name);
    for (const char *line = strstr(head, "\r\n"); line != NULL; line = strstr(line, "\r\n")) {
        line += 2;
        if (strncasecmp(line, name, size) != 0 || line[size] != ':')
            continue;
        const char *end = strstr(line, "\r\n");
        *value =
            (struct rh_bytes){(const uint8_t *)line + size + 1, (size_t)(end - line) - size - 1};
        *value = rh_bytes_trim(*value);
        return true;
    }
    return false;
}

void sim_check_head(struct sim *sim, const char *head)
{
    struct rh_bytes value;
    struct rh_receipt receipt;
    char id[40];
    if (!header(head, "Reelhaul-Upload", &value) || value.size >= sizeof id)
        return;
    memcpy(id, value.data, value.size);
    id[value.size] = '\0';
    struct sim_object *object = find(sim, id);
    if (object == NULL || !header(head, "Reelhaul-Receipt", &value))
        return;
    if (rh_receipt_parse(value, &receipt) != RH_OK)
        sim_fail(sim, object->upload, "invariant 1: a receipt that cannot be read");
    else if (!object->deleting && !object->rotten &&
             !sim_ranges_cover(&object->acked, receipt.offset, receipt.length))
        sim_fail(sim, object->upload, "invariant 1: a receipt that the vault never gave");
}

/* ---- what happens to bytes ---- */

void sim_check_written(struct sim *sim, const char *id, uint64_t offset, uint64_t length)
{
    const struct sim_object *object = find(sim, id);
    if (object != NULL && sim_ranges_touch(&object->acked, offset, length))
        sim_fail(sim, object->upload,
                 "promise 5: %" PRIu64 "+%" PRIu64 " is written over what was vouched for", offset,
                 length);
}

void sim_check_written_chunk(struct sim *sim, const char *id, uint64_t index, uint64_t offset,
                             uint64_t length)
{
    const struct sim_object *object = find(sim, id);
    if (object != NULL)
        sim_check_written(sim, id, index * object->upload->part_bytes + offset, length);
}

static void check_object(struct sim *sim, struct sim_object *object)
{
    const char *why = "";
    /* Whoever gives an upload up may delete it by its address when it is whole, too. */
    bool may_go = !object->done || (object->upload->nameless && object->upload->cancelled);
    sim_check_lapsed(sim, object);
    if ((object->deleting && may_go) || object->rotten)
        return;
    for (size_t i = 0; i < object->acked.count && !sim->failed; i++) {
        const struct rh_range *range = &object->acked.items[i];
        if (!sim_receiver_holds(sim, object, range->offset, range->length, &why))
            sim_fail(sim, object->upload,
                     "invariant 1: %" PRIu64 "+%" PRIu64 " was vouched for, but %s", range->offset,
                     range->length, why);
    }
    if (!sim->failed && object->done && !sim_receiver_whole(sim, object, &why))
        sim_fail(sim, object->upload, "invariant 2: it was done, but %s", why);
}

void sim_check_object(struct sim *sim, const char *id)
{
    struct sim_object *object = find(sim, id);
    if (object != NULL)
        check_object(sim, object);
}

void sim_check_all(struct sim *sim)
{
    for (size_t i = 0; i < sim->check.object_count; i++)
        check_object(sim, sim->check.objects[i]);
}

/* ---- 4 and 10: what the spool forgets ---- */

void sim_check_forget(struct sim *sim, struct sim_upload *upload, uint64_t offset, uint64_t length)
{
    if (length == 0)
        return;
    if (!sim_ranges_cover(&sim->check.heard[upload->index], offset, length)) {
        sim_fail(sim, upload,
                 "invariant 4: the sender deletes %" PRIu64 "+%" PRIu64 ", but heard of no receipt",
                 offset, length);
        return;
    }
    sim_ranges_add(&sim->check.forgot[upload->index], offset, length);
    sim_check_forgotten(sim, upload, offset, length);
}

void sim_check_forgotten(struct sim *sim, struct sim_upload *upload, uint64_t offset,
                         uint64_t length)
{
    const char *why = "nobody vouched for it";
    for (size_t i = 0; i < sim->check.object_count; i++) {
        const struct sim_object *object = sim->check.objects[i];
        if (object->upload == upload && object->rotten)
            return; /* it vouched for them when they were well, or does by rows that show the rot */
        if (object->upload == upload && sim_ranges_cover(&object->acked, offset, length) &&
            sim_receiver_holds(sim, object, offset, length, &why))
            return;
    }
    sim_fail(sim, upload, "invariant 4: the sender deletes %" PRIu64 "+%" PRIu64 ", but %s", offset,
             length, why);
}

/* ---- 2 and 5: completion ---- */

void sim_check_completed(struct sim *sim, struct sim_upload *upload, bool sequential)
{
    const char *why = "the receiver never said so";
    bool whole = false;
    for (size_t i = 0; i < sim->check.object_count && !whole; i++) {
        const struct sim_object *object = sim->check.objects[i];
        whole = object->upload == upload &&
                (object->rotten || (object->done && sim_receiver_whole(sim, object, &why)));
    }
    if (!whole) {
        sim_fail(sim, upload, "invariant 2: the sender says complete, but %s", why);
        return;
    }
    for (size_t i = 0; sequential && i < sim->upload_count; i++) {
        const struct sim_upload *other = &sim->uploads[i];
        bool earlier =
            other->device == upload->device && other->begun && other->begun_ms < upload->begun_ms;
        if (earlier && !other->completed && other->sealed &&
            other->sealed_ms < upload->sent_first_ms)
            sim_fail(sim, upload, "invariant 5: complete before %s, which was recorded earlier",
                     other->name);
    }
    upload->completed = true;
}

/* ---- leases ---- */

uint64_t sim_check_lease_floor(struct sim *sim, const char *id)
{
    const struct sim_object *object = find(sim, id);
    return object == NULL ? 0 : object->lease_max;
}

void sim_check_lease(struct sim *sim, const char *id, uint64_t number, uint64_t floor)
{
    struct sim_object *object = find(sim, id);
    if (object == NULL)
        return;
    if (number < floor)
        sim_fail(sim, object->upload,
                 "promise 4: writer %" PRIu64 " succeeds after writer %" PRIu64 " did", number,
                 floor);
    if (number > object->lease_max)
        object->lease_max = number;
}

void sim_check_deleting(struct sim *sim, const char *id)
{
    struct sim_object *object = find(sim, id);
    if (object != NULL)
        object->deleting = true;
}

/* ---- the end ---- */

void sim_check_end(struct sim *sim)
{
    sim_check_all(sim);
    for (size_t i = 0; i < sim->check.object_count && !sim->failed; i++) {
        const struct sim_object *object = sim->check.objects[i];
        if (object->rotten && !sim_receiver_shows_rot(sim, object))
            sim_fail(sim, object->upload,
                     "invariant 1: bytes at rest changed, and every checksum fits them");
    }
    for (size_t i = 0; i < sim->upload_count && !sim->failed; i++) {
        struct sim_upload *upload = &sim->uploads[i];
        size_t done = 0;
        size_t count = sim_receiver_named(sim, upload, &done);
        /* Two tabs that fight may each have made a session of its own. */
        if (upload->cancelled || (upload->makes_session && done > 0) ||
            (upload->hopeless && !upload->completed))
            continue;
        /* A create whose answer was lost leaves one that is empty, and whole if nothing is whole.
         */
        bool fine = upload->nameless ? done > 0 : done == 1 && count == 1;
        if (!fine)
            sim_fail(sim, upload, "invariant 2: %zu uploads of that name are there, %zu are done",
                     count, done);
    }
}

void sim_check_finish(struct sim_check *check)
{
    for (size_t i = 0; i < check->object_count; i++) {
        sim_ranges_finish(&check->objects[i]->acked);
        free(check->objects[i]);
    }
    for (size_t i = 0; i < SIM_UPLOADS_MAX; i++) {
        sim_ranges_finish(&check->heard[i]);
        sim_ranges_finish(&check->forgot[i]);
    }
    memset(check, 0, sizeof *check);
}
