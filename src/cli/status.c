/* SPDX-License-Identifier: MIT */
/* `reelhaul status`: what waits in the spool. It locks nothing and changes nothing. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "cli/push.h"
#include "cli/sender.h"

/* What the engine would show of it: its record and its pieces are told to one that never sends. */
static bool look(const struct rh_options *options, const struct rh_entry *entry,
                 struct rh_snapshot *out)
{
    struct rh_limits limits = rh_limits_default;
    limits.uploads_max = 1;
    void *memory = malloc(rh_engine_size(&limits));
    if (memory == NULL)
        return false;
    struct rh_engine *engine = rh_engine_init(memory, &limits, &options->policy, 1);
    struct rh_event event = {.kind = RH_EVENT_RECORD};
    event.record.bytes = (struct rh_bytes){entry->record, entry->record_size};
    if (entry->record_size > 0)
        (void)rh_engine_tell(engine, &event);
    event = (struct rh_event){.kind = RH_EVENT_ADDED};
    strcpy(event.upload, entry->id);
    event.added.size = entry->sealed         ? entry->size
                       : entry->path != NULL ? entry->print.size
                                             : RH_SIZE_UNKNOWN;
    (void)rh_engine_tell(engine, &event);
    event.kind = RH_EVENT_SPOOLED;
    for (size_t i = 0; i < entry->piece_count; i++) {
        event.spooled.offset = entry->pieces[i].offset;
        event.spooled.length = entry->pieces[i].length;
        event.spooled.crc64 = entry->pieces[i].crc64;
        if (entry->pieces[i].held)
            (void)rh_engine_tell(engine, &event);
    }
    bool known = rh_engine_look(engine, rh_bytes_of(entry->id), out) == RH_OK;
    free(memory);
    return known;
}

static const char *trouble_text(enum rh_entry_trouble trouble)
{
    switch (trouble) {
    case RH_ENTRY_NEWER:
        return "kept by a newer version of Reelhaul";
    case RH_ENTRY_DAMAGED:
        return "its journal is damaged";
    default:
        return "";
    }
}

static void print_json(const struct rh_entry *entry, const struct rh_snapshot *s,
                       const char *trouble)
{
    json_t *shown = json_string(entry->shown);
    json_t *json =
        json_pack("{s:s,s:o,s:s,s:s,s:s,s:s,s:I,s:I}", "id", entry->id, "name",
                  shown != NULL ? shown : json_string("?"), "to", entry->to, "session",
                  entry->session, "video", entry->name, "state", rh_show_state(s->state), "acked",
                  (json_int_t)s->acked_bytes, "spooled", (json_int_t)rh_entry_end(entry));
    if (s->total_bytes != RH_SIZE_UNKNOWN)
        (void)json_object_set_new(json, "size", json_integer((json_int_t)s->total_bytes));
    if (s->reason != RH_REASON_NONE && s->reason != RH_REASON_NOT_LEADER)
        (void)json_object_set_new(json, "reason", json_string(rh_show_reason(s->reason)));
    if (trouble[0] != '\0')
        (void)json_object_set_new(json, "trouble", json_string(trouble));
    char *text = json_dumps(json, JSON_COMPACT);
    if (text != NULL)
        puts(text);
    free(text);
    json_decref(json);
}

static void print_text(const struct rh_entry *entry, const struct rh_snapshot *s,
                       const char *trouble)
{
    char acked[24];
    char total[24];
    bool sized = s->total_bytes != RH_SIZE_UNKNOWN;
    rh_show_bytes(s->acked_bytes, acked);
    rh_show_bytes(sized ? s->total_bytes : rh_entry_end(entry), total);
    const char *state = s->state == RH_UPLOAD_PENDING || s->state == RH_UPLOAD_PAUSED
                            ? "waits"
                            : rh_show_state(s->state);
    bool says = s->state == RH_UPLOAD_FAILED && s->reason != RH_REASON_NONE;
    printf("%s  %s: %s, %s of %s%s up, to %s%s%s%s%s\n", entry->id, entry->shown, state, acked,
           total, sized ? "" : " so far", entry->to, says ? ", " : "",
           says ? rh_show_reason(s->reason) : "", trouble[0] == '\0' ? "" : ", ", trouble);
}

static void print_one(const struct rh_options *options, const struct rh_entry *entry,
                      enum rh_entry_trouble trouble)
{
    struct rh_snapshot snapshot = {.total_bytes = RH_SIZE_UNKNOWN};
    if (trouble == RH_ENTRY_EMPTY || trouble == RH_ENTRY_OVER)
        return;
    if (trouble == RH_ENTRY_FINE)
        (void)look(options, entry, &snapshot);
    if (options->json)
        print_json(entry, &snapshot, trouble_text(trouble));
    else
        print_text(entry, &snapshot, trouble_text(trouble));
}

static int list(const struct rh_options *options, struct rh_spool *spool)
{
    char(*ids)[RH_SPOOL_ID_MAX + 1];
    size_t count;
    if (rh_spool_list(spool, &ids, &count) != RH_OK) {
        fprintf(stderr, "reelhaul: the spool %s cannot be read: %s.\n", spool->path,
                strerror(errno));
        return RH_EXIT_SPOOL;
    }
    for (size_t i = 0; i < count; i++) {
        struct rh_entry *entry;
        enum rh_entry_trouble trouble;
        if (rh_entry_load(spool, ids[i], false, &entry, &trouble) != RH_OK)
            continue; /* sent and deleted since it was listed */
        print_one(options, entry, trouble);
        rh_entry_free(entry);
    }
    if (count == 0 && !options->json)
        printf("Nothing waits in the spool %s.\n", spool->path);
    free(ids);
    return RH_EXIT_OK;
}

int rh_status_main(int argc, char **argv)
{
    struct rh_options options;
    struct rh_spool spool;
    char complaint[512];
    enum rh_error error = rh_options_read(&options, argc, argv, true, complaint, sizeof complaint);
    if (error == RH_ERR_EXISTS) {
        fputs(rh_status_help, stdout);
        return RH_EXIT_OK;
    }
    if (error != RH_OK) {
        fprintf(stderr, "reelhaul status: %s\n", complaint);
        return RH_EXIT_USAGE;
    }
    error = rh_spool_open(&spool, options.spool, false);
    if (error != RH_OK && (errno == ENOENT || error == RH_ERR_UNKNOWN)) {
        if (!options.json)
            printf("Nothing waits: there is no spool %s.\n", spool.path);
        return RH_EXIT_OK;
    }
    if (error != RH_OK) {
        fprintf(stderr, "reelhaul: the spool %s cannot be read: %s.\n", spool.path,
                strerror(errno));
        return RH_EXIT_SPOOL;
    }
    int status = list(&options, &spool);
    rh_spool_close(&spool);
    return status;
}
