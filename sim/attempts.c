/* SPDX-License-Identifier: MIT */
#include "attempts.h"

#include <string.h>

#include "sender.h"

#define RETRY_AFTER_MS_MAX ((rh_ms)24 * 3600 * 1000)

/* ---- the reference: what the policy's numbers say ---- */

static uint64_t doubled(uint64_t delay_ms, uint32_t times, uint64_t most)
{
    while (times-- > 0 && delay_ms < most)
        delay_ms *= 2;
    return delay_ms < most ? delay_ms : most;
}

/* The shortest wait after so many failures in a row. */
static rh_ms least_ms(const struct rh_policy *policy, uint32_t failures)
{
    if (policy->backoff == RH_BACKOFF_POWER)
        return doubled(policy->delay_ms, failures, policy->delay_ms_max);
    if (policy->backoff == RH_BACKOFF_FULL_JITTER || policy->delays_count == 0)
        return policy->delay_ms;
    return policy
        ->delays_ms[(failures < policy->delays_count ? failures : policy->delays_count) - 1];
}

/* The longest there is. */
static rh_ms most_ms(const struct rh_policy *policy)
{
    rh_ms most = policy->delay_ms > policy->delay_ms_max ? policy->delay_ms : policy->delay_ms_max;
    for (uint32_t i = 0; i < policy->delays_count; i++)
        most = most > policy->delays_ms[i] ? most : policy->delays_ms[i];
    return (most > policy->quota_ms ? most : policy->quota_ms) + policy->jitter_ms;
}

/* ---- what waits ---- */

static bool counts_per_part(const struct sim_tab *tab, const struct sim_flight *flight)
{
    return tab->device->policy.retry_parts && flight->kind == RH_SEND_PART;
}

static struct sim_part_wait *part_wait(struct sim_attempts *a, uint32_t upload, uint64_t offset)
{
    for (size_t i = 0; i < a->part_count; i++) {
        if (a->parts[i].upload == upload && a->parts[i].range.offset == offset)
            return &a->parts[i];
    }
    return NULL;
}

static struct sim_wait *wait_of(struct sim_tab *tab, const struct sim_flight *flight)
{
    struct sim_attempts *a = &tab->attempts;
    if (!counts_per_part(tab, flight))
        return &a->waits[flight->upload];
    struct sim_part_wait *wait = part_wait(a, flight->upload, flight->range.offset);
    if (wait == NULL && a->part_count < SIM_WAITS_MAX) {
        wait = &a->parts[a->part_count++];
        *wait = (struct sim_part_wait){.upload = flight->upload, .range = flight->range};
    }
    return wait == NULL ? NULL : &wait->wait;
}

/* The network is up: whatever waits may go on at once. */
static void excuse_all(struct sim_attempts *a)
{
    for (size_t i = 0; i < SIM_UPLOADS_MAX; i++)
        a->waits[i].until_ms = 0;
    for (size_t i = 0; i < a->part_count; i++)
        a->parts[i].wait.until_ms = 0;
}

/* The receiver was heard of: so may what waited for that; not the upload that it spoke of. */
static void excuse_others(struct sim_attempts *a, uint32_t upload)
{
    for (uint32_t i = 0; i < SIM_UPLOADS_MAX; i++) {
        if (a->waits[i].unreachable && i != upload)
            a->waits[i].until_ms = 0;
    }
    for (size_t i = 0; i < a->part_count; i++) {
        if (a->parts[i].wait.unreachable)
            a->parts[i].wait.until_ms = 0;
    }
}

/* The user's wish is above all waiting: of this upload, or of all. */
static void start_anew(struct sim *sim, struct sim_attempts *a, const char *name)
{
    const struct sim_upload *upload = name[0] == '\0' ? NULL : sim_upload_named(sim, name);
    for (uint32_t i = 0; i < SIM_UPLOADS_MAX; i++) {
        if (upload == NULL || upload->index == i)
            memset(&a->waits[i], 0, sizeof a->waits[i]);
    }
    for (size_t i = a->part_count; i-- > 0;) {
        if (upload == NULL || upload->index == a->parts[i].upload)
            a->parts[i] = a->parts[--a->part_count];
    }
}

static void failed(struct sim_tab *tab, const struct sim_flight *flight, rh_ms after_ms,
                   bool unreachable)
{
    struct sim_attempts *a = &tab->attempts;
    const struct rh_policy *policy = &tab->device->policy;
    struct sim_wait *wait = wait_of(tab, flight);
    rh_ms until_ms = 0;
    if (after_ms != RH_MS_NEVER)
        until_ms = a->now_ms + (after_ms < RETRY_AFTER_MS_MAX ? after_ms : RETRY_AFTER_MS_MAX);
    if (until_ms > a->asked_ms[flight->upload])
        a->asked_ms[flight->upload] = until_ms;
    if (wait == NULL)
        return;
    /*
     * Where nothing was sent since the last failure this is no further one: it may still wait,
     * since only the least it waits is known here. But what the receiver asks for holds.
     */
    if (wait->until_ms <= a->now_ms && wait->sent >= wait->serial) {
        wait->serial = ++a->serial;
        wait->unreachable = unreachable;
        bool counted =
            !counts_per_part(tab, flight) || !unreachable || policy->unreachable_is_attempt;
        wait->failures += counted || wait->failures == 0;
        /* A part that was planned anew starts its count anew. */
        uint32_t count = wait->failures;
        if (counts_per_part(tab, flight) && flight->attempt < count)
            count = flight->attempt;
        wait->until_ms = a->now_ms + least_ms(policy, count);
    }
    /* It steps aside, and its last chance has no delay. A wish of the user since began the count
     * here anew, but not the engine's of a part that had not failed. */
    if (counts_per_part(tab, flight) && policy->set_aside &&
        (wait->failures > policy->retries_max || flight->attempt > policy->retries_max)) {
        memset(wait, 0, sizeof *wait);
        return;
    }
    if (until_ms > wait->until_ms)
        wait->until_ms = until_ms;
}

/* The receiver has some of a part that waited: what is left of it is another part. */
static void cut_parts(struct sim_attempts *a, uint32_t upload, const struct rh_ack *ack)
{
    for (size_t i = a->part_count; i-- > 0;) {
        const struct rh_range *range = &a->parts[i].range;
        if (a->parts[i].upload == upload && ack->offset < range->offset + range->length &&
            range->offset < ack->offset + ack->length)
            a->parts[i] = a->parts[--a->part_count];
    }
}

static void succeeded(struct sim_tab *tab, const struct sim_flight *flight)
{
    struct sim_attempts *a = &tab->attempts;
    const struct rh_policy *policy = &tab->device->policy;
    struct sim_part_wait *part = part_wait(a, flight->upload, flight->range.offset);
    bool is_part = flight->kind == RH_SEND_PART;
    if (is_part ? policy->attempts_reset : policy->retry_parts || policy->set_aside)
        a->waits[flight->upload].failures = 0;
    if (is_part && part != NULL)
        *part = a->parts[--a->part_count];
}

/* ---- events ---- */

static bool take_flight(struct sim_attempts *a, uint32_t token, struct sim_flight *out)
{
    for (size_t i = 0; i < a->flight_count; i++) {
        if (a->flights[i].token != token)
            continue;
        *out = a->flights[i];
        a->flights[i] = a->flights[--a->flight_count];
        return true;
    }
    return false;
}

/* A receiver of another generation vouches for nothing that the one before did. A late answer to
 * what was sent before it was heard of may come from the one before. */
static void note_generation(struct sim *sim, struct sim_device *device,
                            const struct sim_flight *flight, const char *generation)
{
    if (generation[0] == '\0' || strcmp(device->generation, generation) == 0 ||
        (device->generation[0] != '\0' && flight->sent_ms < device->generation_ms))
        return;
    strcpy(device->generation, generation);
    device->generation_ms = sim->now_ms;
    for (size_t i = 0; i < sim->upload_count; i++) {
        if (sim->uploads[i].device == device->index)
            sim_ranges_finish(&sim->check.heard[i]);
    }
}

static void responded(struct sim *sim, struct sim_tab *tab, const struct rh_response *response)
{
    struct sim_flight flight;
    rh_ms after_ms = response->retry_after_ms;
    if (!take_flight(&tab->attempts, response->token, &flight))
        return;
    note_generation(sim, tab->device, &flight, response->generation);
    for (uint32_t i = 0; i < response->acks_count; i++) {
        cut_parts(&tab->attempts, flight.upload, &response->acks[i]);
        if (response->acks[i].durable)
            sim_check_heard(sim, &sim->uploads[flight.upload], response->acks[i].offset,
                            response->acks[i].length);
    }
    excuse_others(&tab->attempts, flight.upload);
    switch (response->outcome) {
    case RH_OUTCOME_OK:
    case RH_OUTCOME_DONE:
        succeeded(tab, &flight);
        break;
    case RH_OUTCOME_RETRY:
    case RH_OUTCOME_TOO_BUSY:
    case RH_OUTCOME_MALFORMED:
    case RH_OUTCOME_CHECKSUM_MISMATCH:
    case RH_OUTCOME_SUPERSEDED:
        failed(tab, &flight, after_ms, false);
        break;
    default: /* each has a rule of its own; none is repeated without an end */
        if (after_ms != RH_MS_NEVER &&
            tab->attempts.now_ms + after_ms > tab->attempts.asked_ms[flight.upload])
            tab->attempts.asked_ms[flight.upload] = tab->attempts.now_ms + after_ms;
        break;
    }
}

void sim_attempts_told(struct sim *sim, struct sim_tab *tab, const struct rh_event *event)
{
    struct sim_attempts *a = &tab->attempts;
    struct sim_flight flight;
    if (event->now_ms > a->now_ms)
        a->now_ms = event->now_ms;
    switch (event->kind) {
    case RH_EVENT_RESPONSE:
        responded(sim, tab, &event->response);
        break;
    case RH_EVENT_BROKEN:
        if (take_flight(a, event->broken.token, &flight) && !a->offline)
            failed(tab, &flight, RH_MS_NEVER, true);
        break;
    case RH_EVENT_NETWORK:
        a->offline = !event->network.up;
        if (event->network.up)
            excuse_all(a);
        for (size_t i = 0; event->network.up && i < sim->upload_count; i++) {
            /* Its parts that were set aside get a new chance. */
            const struct sim_shown *shown = &tab->shown[i];
            if (shown->state == RH_UPLOAD_FAILED && shown->reason == RH_REASON_SET_ASIDE)
                start_anew(sim, a, sim->uploads[i].name);
        }
        break;
    case RH_EVENT_RETRY:
    case RH_EVENT_CANCEL:
        start_anew(sim, a, event->upload);
        break;
    default:
        break;
    }
}

/* ---- actions ---- */

static void check_caps(struct sim *sim, const struct sim_tab *tab, const struct sim_upload *upload)
{
    const struct sim_attempts *a = &tab->attempts;
    const struct rh_policy *policy = &tab->device->policy;
    bool busy[SIM_UPLOADS_MAX] = {0};
    uint32_t uploads = 0;
    uint32_t parts = 0;
    for (size_t i = 0; i < a->flight_count; i++) {
        const struct sim_flight *flight = &a->flights[i];
        /* One that waits has given its turn to another, whatever else of it is still on its way. */
        if (flight->kind == RH_SEND_CANCEL)
            continue;
        uploads += !busy[flight->upload];
        busy[flight->upload] = true;
        parts += flight->kind == RH_SEND_PART && flight->upload == upload->index;
    }
    if (a->flight_count > tab->device->limits.parts_max)
        sim_fail(sim, upload, "invariant 6: %zu requests in flight, of at most %u", a->flight_count,
                 tab->device->limits.parts_max);
    if (parts > policy->parts_parallel)
        sim_fail(sim, upload, "invariant 6: %u parts in flight, of at most %u", parts,
                 policy->parts_parallel);
    if (uploads > policy->uploads_parallel)
        sim_fail(sim, upload, "invariant 6: %u uploads at once, of at most %u", uploads,
                 policy->uploads_parallel);
}

static void check_time(struct sim *sim, struct sim_tab *tab, const struct sim_upload *upload,
                       const struct sim_flight *flight)
{
    const struct sim_attempts *a = &tab->attempts;
    const struct rh_policy *policy = &tab->device->policy;
    const struct sim_wait *wait = &a->waits[upload->index];
    struct sim_part_wait *part = part_wait(&tab->attempts, upload->index, flight->range.offset);
    rh_ms until_ms = wait->until_ms;
    /* Where slots are short a part that waits gives its own up, and is planned anew. */
    bool waited = counts_per_part(tab, flight) && part != NULL && flight->attempt > 1;
    if (waited && part->wait.until_ms > until_ms)
        until_ms = part->wait.until_ms;
    if (until_ms > a->now_ms)
        sim_fail(sim, upload, "invariant 7: sent %llu ms before its retry is due",
                 (unsigned long long)(until_ms - a->now_ms));
    bool limited = policy->retries_max != RH_RETRIES_UNLIMITED && !policy->set_aside &&
                   policy->unreachable_is_attempt && policy->quota_is_attempt &&
                   flight->kind != RH_SEND_CANCEL; /* it has a cap of its own */
    if (limited && flight->attempt > policy->retries_max + 1)
        sim_fail(sim, upload, "invariant 7: try %u, of at most %u", flight->attempt,
                 policy->retries_max + 1);
}

/* A number of a lease is one writer's. */
static void check_writer(struct sim *sim, const struct sim_tab *tab,
                         const struct sim_upload *upload)
{
    uint64_t number = tab->lease_number;
    if (number >= SIM_WRITERS_MAX)
        return;
    uint64_t *life = &tab->device->writers[number];
    if (*life != 0 && *life != tab->life)
        sim_fail(sim, upload, "promise 4: two writers use number %llu of a lease",
                 (unsigned long long)number);
    *life = tab->life;
}

static void sent(struct sim *sim, struct sim_tab *tab, const struct rh_action *action)
{
    struct sim_attempts *a = &tab->attempts;
    struct sim_upload *upload = sim_upload_named(sim, action->upload);
    if (upload == NULL || a->flight_count == SIM_FLIGHTS_MAX)
        return;
    struct sim_flight flight = {
        .token = action->send.token,
        .upload = upload->index,
        .attempt = action->send.attempt,
        .serial = ++a->serial,
        .kind = action->send.kind,
        .range = action->send.range,
        .sent_ms = sim->now_ms,
    };
    upload->part_bytes = action->send.part_bytes; /* the geometry that was chosen for it */
    check_writer(sim, tab, upload);
    check_time(sim, tab, upload, &flight);
    a->flights[a->flight_count++] = flight;
    struct sim_part_wait *part = part_wait(a, upload->index, flight.range.offset);
    if (!counts_per_part(tab, &flight))
        a->waits[upload->index].sent = flight.serial;
    else if (part != NULL && flight.attempt == 1) /* planned anew: its count too */
        part->wait = (struct sim_wait){.sent = flight.serial};
    else if (part != NULL)
        part->wait.sent = flight.serial;
    check_caps(sim, tab, upload);
}

/* What is shown of a retry must be what the policy can wait for, or what the receiver asked for. */
static void shown(struct sim *sim, const struct sim_tab *tab, const struct rh_action *action)
{
    const struct sim_attempts *a = &tab->attempts;
    const struct sim_upload *upload = sim_upload_named(sim, action->upload);
    rh_ms at_ms = action->notify.retry_at_ms;
    if (upload == NULL || at_ms == RH_MS_NEVER)
        return;
    rh_ms latest_ms = a->now_ms + most_ms(&tab->device->policy);
    if (at_ms > latest_ms && at_ms > a->asked_ms[upload->index])
        sim_fail(sim, upload, "invariant 7: a retry in %llu ms, of at most %llu",
                 (unsigned long long)(at_ms - a->now_ms),
                 (unsigned long long)(latest_ms - a->now_ms));
}

/* Perhaps since it made no progress, which is a failure that only the engine knows of. */
static void aborted(struct sim_tab *tab, uint32_t token)
{
    struct sim_attempts *a = &tab->attempts;
    struct sim_flight flight;
    if (!take_flight(a, token, &flight))
        return;
    struct sim_wait *wait = wait_of(tab, &flight);
    if (wait == NULL)
        return;
    wait->serial = ++a->serial;
    wait->unreachable = true;
}

void sim_attempts_act(struct sim *sim, struct sim_tab *tab, const struct rh_action *action)
{
    if (action->kind == RH_ACTION_SEND)
        sent(sim, tab, action);
    else if (action->kind == RH_ACTION_ABORT)
        aborted(tab, action->abort.token);
    else if (action->kind == RH_ACTION_NOTIFY)
        shown(sim, tab, action);
}
