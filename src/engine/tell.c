/* SPDX-License-Identifier: MIT */
/* Events in. Each is checked whole before anything changes. */
#include "base/bytes.h"
#include "base/mem.h"
#include "engine/state.h"

/* Ids are put into requests and file names: printable ASCII without what needs quoting. */
static bool id_fits(struct rh_bytes id)
{
    if (id.size == 0)
        return false;
    for (size_t i = 0; i < id.size; i++)
        if (id.data[i] <= 0x20 || id.data[i] >= 0x7f || id.data[i] == '"' || id.data[i] == '\\')
            return false;
    return true;
}

static struct rh_bytes text_of(const char *text, size_t max)
{
    size_t size = 0;
    while (size < max && text[size] != 0)
        size++;
    return (struct rh_bytes){(const uint8_t *)text, size};
}

static enum rh_error told_added(struct rh_engine *e, struct rh_bytes id, uint64_t size,
                                enum rh_priority priority)
{
    if (!id_fits(id))
        return RH_ERR_SYNTAX;
    struct rh_upload *u = rh_engine_find(e, id);
    if (u != NULL) {
        if (size != RH_SIZE_UNKNOWN && u->size != RH_SIZE_UNKNOWN && size != u->size)
            return RH_ERR_RANGE;
        if (size != RH_SIZE_UNKNOWN)
            u->size = size;
        return RH_OK;
    }
    enum rh_error error = rh_engine_slot(e, id, e->sequence_next, &u);
    if (error != RH_OK)
        return error;
    u->size = size;
    u->priority = priority;
    u->part_bytes = rh_link_geometry(e, u);
    u->persist_now = true;
    return RH_OK;
}

/* Gives detail up for room: the longest list of segments is halved; where it is all gaps, another.
 */
static bool make_segment_room(struct rh_engine *e, struct rh_upload *longest)
{
    for (uint32_t i = 0; i < e->count; i++) {
        struct rh_upload *u = &e->uploads[e->order[i]];
        if (u->segments.count > longest->segments.count)
            longest = u;
    }
    uint32_t freed = rh_segments_halve(&e->segments, &longest->segments);
    for (uint32_t i = 0; i < e->count && freed == 0; i++)
        freed = rh_segments_halve(&e->segments, &e->uploads[e->order[i]].segments);
    return freed > 0;
}

static enum rh_error told_spooled(struct rh_engine *e, struct rh_upload *u,
                                  const struct rh_event *event)
{
    struct rh_segment segment = {
        .offset = event->spooled.offset,
        .length = event->spooled.length,
        .crc64 = event->spooled.crc64,
        .held = true,
    };
    uint64_t end = rh_segments_end(&e->segments, &u->segments);
    if (segment.length > 0 && segment.length <= end && segment.offset <= end - segment.length) {
        uint64_t crc;
        struct rh_range range = {segment.offset, segment.length};
        bool same =
            rh_segments_crc(&e->segments, &u->segments, range, &crc) && crc == segment.crc64;
        return same ? RH_OK : RH_ERR_RANGE; /* told twice is fine */
    }
    if (u->size != RH_SIZE_UNKNOWN &&
        (segment.length > u->size || segment.offset > u->size - segment.length))
        return RH_ERR_RANGE;
    enum rh_error error = rh_segments_append(&e->segments, &u->segments, &segment);
    if (error == RH_ERR_LIMIT && make_segment_room(e, u))
        error = rh_segments_append(&e->segments, &u->segments, &segment);
    if (error != RH_OK)
        return error;
    u->forgot_whole = false;
    if (u->unsent_since_ms == RH_MS_NEVER)
        u->unsent_since_ms = e->now_ms;
    rh_upload_progressed(e, u);
    return RH_OK;
}

static enum rh_error told_sealed(struct rh_engine *e, struct rh_upload *u, uint64_t size,
                                 uint64_t crc64)
{
    uint64_t crc = 0;
    if (size == RH_SIZE_UNKNOWN || size < rh_segments_end(&e->segments, &u->segments))
        return RH_ERR_RANGE;
    if (u->size != RH_SIZE_UNKNOWN && u->size != size)
        return RH_ERR_RANGE;
    if (u->sealed && u->crc64 != crc64)
        return RH_ERR_CHECKSUM;
    bool all = rh_segments_crc(&e->segments, &u->segments, (struct rh_range){0, size}, &crc);
    if (all && crc != crc64)
        return RH_ERR_CHECKSUM;
    u->source_complete = true;
    if (u->sealed)
        return RH_OK;
    u->sealed = true;
    u->size = size;
    u->crc64 = crc64;
    if (u->server_done) {
        u->server_done = false;
        u->doubt = true; /* done before it could be compared with the whole: ask for its receipt */
    }
    rh_upload_changed(u);
    return RH_OK;
}

static void told_source_lost(struct rh_engine *e, struct rh_upload *u)
{
    struct rh_books books = rh_upload_books(e, u);
    u->source_lost = true;
    for (uint32_t i = u->segments.first; i != RH_NO_INDEX; i = e->segments.items[i].next)
        rh_segments_release(&u->segments, &e->segments.items[i]);
    bool all_there = u->sealed && rh_ledger_covers(&books, (struct rh_range){0, u->size});
    if (!rh_upload_over(u) && !all_there)
        rh_upload_fail(e, u, RH_REASON_BYTES_MISSING);
}

static enum rh_error told_cancel(struct rh_engine *e, struct rh_upload *u)
{
    if (u->end == RH_UPLOAD_COMPLETED)
        return RH_ERR_STATE;
    if (u->end == RH_UPLOAD_CANCELLED)
        return RH_OK;
    rh_upload_cancel(e, u);
    return RH_OK;
}

static void told_sampled(struct rh_upload *u, const struct rh_event *event)
{
    rh_mem_copy(u->mime, event->sampled.mime, sizeof u->mime);
    u->mime[RH_MIME_MAX] = 0;
    u->codings_able = event->sampled.codings;
    u->sample_plain_bytes = event->sampled.plain_bytes;
    u->sample_coded_bytes = event->sampled.coded_bytes;
    u->coder_bytes_s = event->sampled.coder_bytes_s;
}

static enum rh_error told_traits(struct rh_engine *e, struct rh_upload *u, uint32_t traits)
{
    if ((traits & ~RH_TRAITS_ALL) != 0)
        return RH_ERR_SYNTAX;
    u->traits = traits;
    if (u->geometry == 0)
        u->part_bytes = rh_link_geometry(e, u);
    return RH_OK;
}

static enum rh_error told_about(struct rh_engine *e, struct rh_upload *u,
                                const struct rh_event *event)
{
    switch (event->kind) {
    case RH_EVENT_SPOOLED:
        return told_spooled(e, u, event);
    case RH_EVENT_SEALED:
        return told_sealed(e, u, event->sealed.size, event->sealed.crc64);
    case RH_EVENT_SOURCE_LOST:
        told_source_lost(e, u);
        return RH_OK;
    case RH_EVENT_PAUSE:
        if (rh_upload_over(u))
            return RH_ERR_STATE;
        if (u->user_paused)
            return RH_OK;
        rh_upload_stop(e, u);
        u->user_paused = true;
        rh_count_pause(e, u);
        rh_upload_changed(u);
        return RH_OK;
    case RH_EVENT_RESUME:
        if (!u->user_paused)
            return RH_OK;
        u->user_paused = false;
        rh_count_resume(e, u);
        rh_upload_changed(u);
        return RH_OK;
    case RH_EVENT_SAMPLED:
        told_sampled(u, event);
        return RH_OK;
    case RH_EVENT_PRIORITY:
        if (event->priority.level > RH_PRIORITY_MANUAL)
            return RH_ERR_SYNTAX;
        u->persist_now |= u->priority != event->priority.level;
        u->priority = event->priority.level;
        return RH_OK;
    case RH_EVENT_METHOD:
        return rh_link_method(e, u, text_of(event->method.name, sizeof event->method.name));
    case RH_EVENT_TRAITS:
        return told_traits(e, u, event->traits.traits);
    case RH_EVENT_CANCEL:
        return told_cancel(e, u);
    case RH_EVENT_RETRY:
        if (u->end == RH_UPLOAD_COMPLETED || u->end == RH_UPLOAD_CANCELLED)
            return RH_ERR_STATE;
        if (u->end_reason == RH_REASON_CONFLICT && u->remote[0] != 0 &&
            (rh_upload_has(e, u, RH_TRAIT_NO_CANCEL) || !rh_upload_held(e, u)))
            return RH_ERR_STATE; /* what the server has cannot be replaced */
        rh_upload_revive(e, u);
        return RH_OK;
    default: /* REMOVE */
        if (!rh_upload_over(u))
            return RH_ERR_STATE;
        u->remove_wanted = true;
        u->erase_now = true;
        return RH_OK;
    }
}

/* Did it meet no server of ours? What another network may change. */
static bool unreachable(enum rh_outcome waits_for)
{
    return waits_for == RH_OUTCOME_NETWORK || waits_for == RH_OUTCOME_TIMEOUT ||
           waits_for == RH_OUTCOME_MALFORMED || waits_for == RH_OUTCOME_GONE_BARE;
}

static void told_network(struct rh_engine *e, bool up, bool metered)
{
    e->metered = metered;
    rh_link_network(e, up);
    if (!up) {
        e->online = false;
        if (!e->policy.offline_is_attempt)
            for (uint32_t i = 0; i < e->count; i++)
                rh_upload_stop(e, &e->uploads[e->order[i]]);
        return;
    }
    e->online = true;
    if (e->policy.offline_is_attempt)
        return; /* its schedule stands whatever the network says */
    for (uint32_t i = 0; i < e->count; i++) {
        struct rh_upload *u = &e->uploads[e->order[i]];
        if (unreachable(u->waits_for) && u->retry_at_ms != RH_MS_NEVER &&
            u->retry_at_ms > e->now_ms)
            u->retry_at_ms = e->now_ms;
        if (u->end == RH_UPLOAD_FAILED && u->end_reason == RH_REASON_SET_ASIDE)
            rh_upload_revive(e, u);
    }
    for (uint32_t i = 0; i < e->limits.parts_max; i++) {
        struct rh_request *r = &e->requests[i];
        if (r->phase == RH_REQUEST_ASIDE)
            r->attempts = 0;
        if (r->phase != RH_REQUEST_ASIDE && r->phase != RH_REQUEST_WAITING)
            continue;
        if (r->phase == RH_REQUEST_WAITING && !unreachable(r->waits_for))
            continue;
        r->phase = RH_REQUEST_WAITING;
        r->retry_at_ms = e->now_ms;
    }
}

/* Another writer may have gone on with them: nothing is assumed. */
static void told_leader(struct rh_engine *e)
{
    if (e->leader)
        return;
    e->leader = true;
    for (uint32_t i = 0; i < e->count; i++) {
        struct rh_upload *u = &e->uploads[e->order[i]];
        u->doubt = u->doubt || (u->remote[0] != 0 && !rh_upload_over(u));
        u->erase_now |= u->erase_at_leader;
        u->erase_at_leader = false;
    }
}

static void told_left(struct rh_engine *e, rh_ms ms)
{
    e->left_until_ms = ms > RH_MS_NEVER - 1 - e->now_ms ? RH_MS_NEVER - 1 : e->now_ms + ms;
    for (uint32_t i = 0; i < e->count; i++) {
        struct rh_upload *u = &e->uploads[e->order[i]];
        u->persist_now |= u->persist_at_ms != RH_MS_NEVER;
    }
    e->counters_now = e->counters_now || e->counters_at_ms != RH_MS_NEVER;
}

static void told_progress(struct rh_engine *e, uint32_t token, uint64_t bytes)
{
    struct rh_request *r = rh_request_of(e, token);
    if (r == NULL || r->kind != RH_SEND_PART || bytes <= r->sent_bytes)
        return;
    struct rh_upload *u = &e->uploads[r->upload];
    bytes = bytes < r->range.length ? bytes : r->range.length;
    rh_patience_life(&e->patience, e->now_ms, e->now_ms - r->progress_ms);
    rh_count_bytes(e, u, bytes - r->sent_bytes);
    uint64_t moved = bytes - r->sent_bytes;
    r->sent_bytes = bytes;
    r->progress_ms = e->now_ms;
    rh_link_moved(e, u, moved);
    rh_upload_progressed(e, u);
}

/* Events that concern all, or a request. */
static enum rh_error told_general(struct rh_engine *e, const struct rh_event *event)
{
    struct rh_request *r;
    switch (event->kind) {
    case RH_EVENT_WAKE:
        return RH_OK;
    case RH_EVENT_NETWORK:
        told_network(e, event->network.up, event->network.metered);
        return RH_OK;
    case RH_EVENT_RESPONSE:
        if (event->response.acks_count > RH_RANGES_MAX ||
            event->response.missing_count > RH_RANGES_MAX)
            return RH_ERR_LIMIT;
        rh_outcome_response(e, &event->response);
        return RH_OK;
    case RH_EVENT_PROGRESS:
        told_progress(e, event->progress.token, event->progress.bytes);
        return RH_OK;
    case RH_EVENT_BROKEN:
        r = rh_request_of(e, event->broken.token);
        if (r != NULL)
            rh_outcome_failed(e, r, event->broken.timeout ? RH_OUTCOME_TIMEOUT : RH_OUTCOME_NETWORK,
                              NULL);
        return RH_OK;
    case RH_EVENT_PART_CRC:
        r = rh_request_of(e, event->part_crc.token);
        if (r != NULL && r->kind == RH_SEND_PART && !r->crc_known) {
            r->crc_known = true;
            r->crc64 = event->part_crc.crc64;
        }
        return RH_OK;
    case RH_EVENT_STORAGE:
        e->pressure = event->storage.level;
        return RH_OK;
    case RH_EVENT_LEADER:
        told_leader(e);
        return RH_OK;
    case RH_EVENT_LEADER_LOST:
        e->leader = false;
        for (uint32_t i = 0; i < e->count; i++)
            rh_upload_stop(e, &e->uploads[e->order[i]]);
        return RH_OK;
    case RH_EVENT_LEFT:
        told_left(e, event->left.ms);
        return RH_OK;
    case RH_EVENT_LIMIT:
        e->limit_bytes_s = event->limit.bytes_per_s;
        e->limit_percent = event->limit.percent <= 100 ? event->limit.percent : 100;
        rh_link_limit(e);
        return RH_OK;
    case RH_EVENT_HOLD:
    case RH_EVENT_RELEASE:
        e->held = event->kind == RH_EVENT_HOLD;
        return RH_OK;
    case RH_EVENT_TOKEN:
        for (uint32_t i = 0; i < e->count; i++)
            e->uploads[e->order[i]].need_token = false;
        return RH_OK;
    default:
        return RH_ERR_SYNTAX;
    }
}

/* What time alone brings about. */
static void run_timers(struct rh_engine *e)
{
    rh_ms limit_ms = rh_patience_limit(&e->patience, &e->policy);
    for (uint32_t i = 0; i < e->limits.parts_max; i++) {
        struct rh_request *r = &e->requests[i];
        if (r->phase != RH_REQUEST_FLYING || e->now_ms - r->progress_ms < limit_ms)
            continue;
        rh_patience_timeout(&e->patience, limit_ms);
        r->abort_token = r->token;
        rh_outcome_failed(e, r, RH_OUTCOME_TIMEOUT, NULL);
    }
}

static bool for_all(enum rh_event_kind kind)
{
    return kind == RH_EVENT_PAUSE || kind == RH_EVENT_RESUME || kind == RH_EVENT_RETRY;
}

static bool about_upload(enum rh_event_kind kind)
{
    return kind == RH_EVENT_SPOOLED || kind == RH_EVENT_SEALED || kind == RH_EVENT_SOURCE_LOST ||
           kind == RH_EVENT_CANCEL || kind == RH_EVENT_REMOVE || kind == RH_EVENT_SAMPLED ||
           kind == RH_EVENT_PRIORITY || kind == RH_EVENT_METHOD || kind == RH_EVENT_TRAITS ||
           for_all(kind);
}

enum rh_error rh_engine_tell(struct rh_engine *engine, const struct rh_event *event)
{
    struct rh_bytes id = text_of(event->upload, sizeof event->upload);
    if (event->now_ms > engine->now_ms)
        engine->now_ms = event->now_ms; /* a clock that falls is taken to stand still */
    engine->wall_ms = event->wall_ms;
    engine->plan_idle = false;
    engine->counted = false;
    /* A wake that comes early (timers round) is spent all the same: the next one is told anew. */
    if (engine->now_ms >= engine->wake_told_ms || event->kind == RH_EVENT_WAKE)
        engine->wake_told_ms = RH_MS_NEVER;
    enum rh_error error;
    if (id.size > RH_UPLOAD_ID_MAX) {
        error = RH_ERR_SYNTAX;
    } else if (event->kind == RH_EVENT_ADDED) {
        error = told_added(engine, id, event->added.size, event->added.priority);
    } else if (event->kind == RH_EVENT_RECORD) {
        error = rh_counters_is(event->record.bytes) ? rh_counters_read(engine, event->record.bytes)
                                                    : rh_record_read(engine, event->record.bytes);
    } else if (for_all(event->kind) && id.size == 0) {
        error = RH_OK;
        for (uint32_t i = 0; i < engine->count; i++)
            (void)told_about(engine, &engine->uploads[engine->order[i]], event);
    } else if (about_upload(event->kind)) {
        struct rh_upload *upload = rh_engine_find(engine, id);
        error = upload == NULL ? RH_ERR_UNKNOWN : told_about(engine, upload, event);
    } else {
        error = told_general(engine, event);
    }
    run_timers(engine);
    return error;
}
