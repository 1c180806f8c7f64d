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
    const char *state = s->state == RH_UPLOAD_PENDING || s->state == RH_UPLOAD_PAUSED ? "waits"
                        : s->state == RH_UPLOAD_COMPLETED ? "sent, not proven"
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
        (void)rh_sender_peek(options, entry, &snapshot);
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
    enum rh_error error =
        rh_options_read(&options, argc, argv, RH_COMMAND_STATUS, complaint, sizeof complaint);
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
