/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "cli/sender.h"

/* What the engine would show of it: its record and its pieces are told to one that never sends. */
bool rh_sender_peek(const struct rh_options *options, const struct rh_entry *entry,
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
