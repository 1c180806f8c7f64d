/* SPDX-License-Identifier: MIT */
#include "cli/intake.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/crc64.h"

#define SEGMENT_MS    1000 /* a segment is closed when it is this old */
#define FULL_MS       200
#define RELIEF_BYTES  ((uint64_t)16 << 20)
#define PIECE_BYTES   ((size_t)1 << 20)
#define PIECES_A_STEP 4
#define AHEAD_BYTES   ((uint64_t)32 << 20) /* read before the server has what came before */

enum rh_error rh_intake_init(struct rh_intake *intake, struct rh_sender *sender)
{
    intake->sender = sender;
    intake->input = NULL;
    intake->input_over = true;
    intake->full = intake->pressed = false;
    intake->pending_at = intake->pending_size = 0;
    intake->reading = NULL;
    intake->read_at_ms = 0;
    intake->source.fd = -1;
    intake->piece = malloc(PIECE_BYTES);
    return intake->piece == NULL ? RH_ERR_MEMORY : RH_OK;
}

void rh_intake_finish(struct rh_intake *intake)
{
    rh_source_close(&intake->source);
    free(intake->piece);
    intake->piece = NULL;
}

bool rh_intake_open(const struct rh_intake *intake)
{
    return intake->input != NULL && !intake->input->entry->sealed;
}

bool rh_intake_wants_input(const struct rh_intake *intake)
{
    return rh_intake_open(intake) && !intake->input_over && !intake->full &&
           intake->pending_size == 0;
}

/* ---- standard input ---- */

static void tell_pressure(struct rh_intake *intake, bool pressed)
{
    struct rh_event event = {.kind = RH_EVENT_STORAGE};
    if (pressed == intake->pressed)
        return;
    intake->pressed = pressed;
    event.storage.level = pressed ? RH_PRESSURE_CRITICAL : RH_PRESSURE_NONE;
    (void)rh_sender_tell(intake->sender, &event);
}

static void now_full(struct rh_intake *intake)
{
    if (!intake->pressed)
        rh_progress_say(intake->sender->progress, "full",
                        "The spool %s has no more room. Nothing is lost: standard input waits "
                        "until the server has taken some of it, or there is more room.",
                        intake->sender->spool->path);
    intake->full = true;
    intake->retry_at_ms = rh_clock_ms() + FULL_MS;
    tell_pressure(intake, true);
}

static void maybe_relieved(struct rh_intake *intake)
{
    const struct rh_spool *spool = intake->sender->spool;
    uint64_t relief = RELIEF_BYTES;
    if (spool->bytes_max > 0 && spool->bytes_max / 2 < relief)
        relief = spool->bytes_max / 2;
    if (!intake->pressed || intake->full || rh_spool_room(spool) < relief)
        return;
    rh_spool_reserve(spool);
    tell_pressure(intake, false);
}

static enum rh_error close_segment(struct rh_intake *intake)
{
    enum rh_error error = rh_entry_close_segment(intake->input->entry);
    if (error == RH_OK)
        rh_sender_inform(intake->sender, intake->input);
    return error;
}

/* What was read goes into the spool. RH_ERR_FULL: later. */
static enum rh_error spool_pending(struct rh_intake *intake)
{
    struct rh_entry *entry = intake->input->entry;
    while (intake->pending_size > 0) {
        size_t taken;
        if (rh_spool_room(intake->sender->spool) < entry->open.size + intake->pending_size) {
            /* What is in the open segment may be sent, and make room. */
            enum rh_error error = close_segment(intake);
            return error == RH_OK ? RH_ERR_FULL : error;
        }
        if (entry->open.size == 0)
            intake->segment_since_ms = rh_clock_ms();
        enum rh_error error = rh_entry_append(entry, intake->pending + intake->pending_at,
                                              intake->pending_size, &taken);
        if (error == RH_OK && entry->open.size == RH_SEGMENT_BYTES_MAX)
            error = close_segment(intake);
        intake->pending_at += taken;
        intake->pending_size -= taken;
        if (error != RH_OK)
            return error;
    }
    return RH_OK;
}

static enum rh_error read_input(struct rh_intake *intake)
{
    ssize_t got = read(STDIN_FILENO, intake->pending, RH_INTAKE_BYTES);
    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return RH_OK;
    if (got < 0)
        rh_progress_say(intake->sender->progress, "trouble",
                        "Standard input cannot be read any more; what came is kept and sent.");
    intake->input_over = got <= 0;
    intake->pending_at = 0;
    intake->pending_size = got > 0 ? (size_t)got : 0;
    return RH_OK;
}

static enum rh_error spool_input(struct rh_intake *intake)
{
    struct rh_entry *entry = intake->input->entry;
    rh_ms now_ms = rh_clock_ms();
    enum rh_error error = RH_OK;
    if (intake->full && now_ms < intake->retry_at_ms)
        return RH_OK;
    intake->full = false;
    error = spool_pending(intake);
    if (error == RH_OK && intake->input_over) {
        error = rh_entry_seal(entry, false);
        if (error == RH_OK)
            rh_sender_inform(intake->sender, intake->input);
    } else if (error == RH_OK && entry->open.size > 0 &&
               now_ms - intake->segment_since_ms >= SEGMENT_MS) {
        error = close_segment(intake);
    }
    if (error == RH_ERR_FULL)
        now_full(intake);
    maybe_relieved(intake);
    return error == RH_ERR_FULL ? RH_OK : error;
}

/* ---- files ---- */

static bool may_read_ahead(const struct rh_intake *intake, const struct rh_item *item)
{
    bool whole_first = (intake->sender->options->policy.traits & RH_TRAIT_SEALED_ONLY) != 0;
    uint64_t end = rh_entry_end(item->entry);
    return whole_first || end < item->snapshot.acked_bytes + AHEAD_BYTES;
}

static bool wants_reading(const struct rh_intake *intake, const struct rh_item *item)
{
    return item->entry->path != NULL && !item->entry->sealed && item->added && !item->lost &&
           !rh_item_over(item) && may_read_ahead(intake, item);
}

static struct rh_item *next_to_read(const struct rh_intake *intake)
{
    const struct rh_sender *sender = intake->sender;
    for (size_t i = 0; i < sender->item_count; i++)
        if (wants_reading(intake, sender->items[i]))
            return sender->items[i];
    return NULL;
}

/* The next piece of a file, or its seal. */
static enum rh_error read_piece(struct rh_intake *intake, struct rh_item *item)
{
    struct rh_entry *entry = item->entry;
    uint64_t end = rh_entry_end(entry);
    size_t got = 0;
    enum rh_error error = RH_OK;
    if (intake->reading != item) {
        struct rh_range rest = {end, entry->print.size - end};
        rh_source_close(&intake->source);
        intake->reading = item;
        error = rh_source_open(&intake->source, entry, rest);
    }
    while (error == RH_OK && got < PIECE_BYTES && intake->source.at < intake->source.end) {
        size_t more;
        error = rh_source_read(&intake->source, intake->piece + got, PIECE_BYTES - got, &more);
        got += more;
    }
    if (error != RH_OK) {
        intake->reading = NULL;
        item->lost = true;
        rh_item_lost_text(item, error);
        return RH_OK;
    }
    if (got > 0)
        error = rh_entry_piece(entry, got, rh_crc64_update(0, intake->piece, got));
    if (error == RH_OK && rh_entry_end(entry) == entry->print.size)
        error = rh_entry_seal(entry, false);
    if (error == RH_OK)
        rh_sender_inform(intake->sender, item);
    else
        intake->reading = NULL; /* whatever was not written down is read again */
    return error;
}

static enum rh_error read_files(struct rh_intake *intake)
{
    for (int i = 0; i < PIECES_A_STEP; i++) {
        struct rh_item *item = next_to_read(intake);
        if (item == NULL || !intake->sender->leads || intake->sender->stopping)
            return RH_OK;
        if (rh_clock_ms() < intake->read_at_ms)
            return RH_OK;
        enum rh_error error = read_piece(intake, item);
        if (error == RH_ERR_FULL) { /* of the journal: what was read can be read again */
            intake->read_at_ms = rh_clock_ms() + FULL_MS;
            return RH_OK;
        }
        if (error != RH_OK)
            return error;
    }
    return RH_OK;
}

/* ---- all ---- */

enum rh_error rh_intake_step(struct rh_intake *intake, bool readable)
{
    enum rh_error error = RH_OK;
    if (readable && rh_intake_wants_input(intake))
        error = read_input(intake);
    if (error == RH_OK && rh_intake_open(intake))
        error = spool_input(intake);
    return error == RH_OK ? read_files(intake) : error;
}

enum rh_error rh_intake_stop(struct rh_intake *intake)
{
    if (!rh_intake_open(intake))
        return RH_OK;
    enum rh_error error = spool_pending(intake);
    intake->input_over = true;
    return error == RH_OK ? close_segment(intake) : error;
}

rh_ms rh_intake_due_ms(const struct rh_intake *intake)
{
    rh_ms now_ms = rh_clock_ms();
    rh_ms due_ms = RH_MS_NEVER;
    if (rh_intake_open(intake)) {
        rh_ms at_ms = RH_MS_NEVER;
        if (intake->full)
            at_ms = intake->retry_at_ms;
        else if (intake->pending_size > 0 || intake->input_over)
            at_ms = now_ms;
        else if (intake->input->entry->open.size > 0)
            at_ms = intake->segment_since_ms + SEGMENT_MS;
        if (at_ms != RH_MS_NEVER)
            due_ms = at_ms > now_ms ? at_ms - now_ms : 0;
    }
    if (intake->sender->leads && !intake->sender->stopping && next_to_read(intake) != NULL) {
        rh_ms read_ms = intake->read_at_ms > now_ms ? intake->read_at_ms - now_ms : 0;
        due_ms = read_ms < due_ms ? read_ms : due_ms;
    }
    return due_ms;
}
