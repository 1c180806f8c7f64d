/* SPDX-License-Identifier: MIT */
/* A device's life: its recordings, its user, its crashes. */
#include "device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "sender.h"
#include "source.h"

/* ---- recording ---- */

static void tell_sealed(struct sim *sim, struct sim_device *device, struct sim_take *take)
{
    struct rh_event event;
    sim_take_seal(take, sim->now_ms);
    sim_note(sim, take->upload, "sealed with %llu bytes", (unsigned long long)take->upload->size);
    sim_about(&event, RH_EVENT_SEALED, take->upload);
    event.sealed.size = take->upload->size;
    event.sealed.crc64 = take->crc64;
    sim_device_tell(sim, device, &event);
}

/* The take that an event of this device is about; NULL when it died meanwhile. */
static struct sim_device *device_of_life(struct sim *sim, uint64_t life)
{
    for (size_t i = 0; i < sim->device_count; i++) {
        if (sim->devices[i]->life == life)
            return sim->devices[i];
    }
    return NULL;
}

bool sim_device_put_off(struct sim *sim, struct sim_device *device, sim_handler *handler,
                        void *context, uint64_t life)
{
    rh_ms until_ms = device->asleep_until_ms;
    if (sim->ending || until_ms <= sim->now_ms)
        return false;
    sim_in(sim, until_ms - sim->now_ms, handler, context, life);
    return true;
}

bool sim_device_is_asleep(const struct sim *sim, const struct sim_device *device)
{
    return device->asleep_until_ms > sim->now_ms;
}

static void slice(struct sim *sim, void *context, uint64_t life);

/* ENOSPC: the recorder keeps what it has in memory and tries again. */
static bool spool_is_full(struct sim *sim, const struct sim_take *take)
{
    return sim->weather[SIM_SPOOL_FULL] && sim_chance(sim, 500) &&
           sim_fires(sim, take->upload, SIM_SPOOL_FULL);
}

static void segment_durable(struct sim *sim, void *context, uint64_t life)
{
    struct sim_take *take = context;
    struct sim_device *device = sim->ending ? NULL : device_of_life(sim, life);
    struct rh_event event;
    if (device == NULL || take->gone || take->upload->cancelled)
        return;
    if (sim_device_put_off(sim, device, segment_durable, take, life))
        return;
    if (spool_is_full(sim, take)) {
        sim_in(sim, sim_between(sim, 100, 2000), segment_durable, take, life);
        return;
    }
    const struct sim_segment *segment = sim_take_sync(take);
    if (segment == NULL)
        return;
    sim_about(&event, RH_EVENT_SPOOLED, take->upload);
    event.spooled.offset = segment->offset;
    event.spooled.length = segment->length;
    event.spooled.crc64 = segment->crc64;
    sim_device_tell(sim, device, &event);
    if (device->life == life && take->over && take->durable == take->count && !take->sealed)
        tell_sealed(sim, device, take);
}

static void slice(struct sim *sim, void *context, uint64_t life)
{
    struct sim_take *take = context;
    struct sim_device *device = sim->ending ? NULL : device_of_life(sim, life);
    if (device == NULL || take->over || take->upload->cancelled)
        return;
    if (sim_device_put_off(sim, device, slice, take, life))
        return;
    if (spool_is_full(sim, take)) {
        sim_in(sim, sim_between(sim, 100, 2000), slice, take, life);
        return;
    }
    uint64_t left = take->upload->planned - sim_take_end(take, false);
    uint64_t length = left;
    if (left > 1)
        length = 1 + sim_below(sim, left < 200000 ? left : 200000);
    if (length > 0) {
        sim_take_append(take, length);
        sim_in(sim, 1 + sim_below(sim, 30), segment_durable, take, life);
    }
    take->over = length == left;
    if (take->over && left == 0)
        tell_sealed(sim, device, take);
    else if (!take->over)
        sim_in(sim, sim_between(sim, 20, 2500), slice, take, life);
}

static void begin_take(struct sim *sim, void *context, uint64_t life)
{
    struct sim_take *take = context;
    struct sim_device *device = sim->ending ? NULL : device_of_life(sim, life);
    struct rh_event event;
    if (device == NULL || take->begun)
        return;
    if (sim_device_put_off(sim, device, begin_take, take, life))
        return;
    take->begun = true;
    take->upload->begun = true;
    take->upload->begun_ms = sim->now_ms;
    sim_note(sim, take->upload, "%s begins, %llu bytes planned",
             take->upload->grows ? "a recording" : "a file",
             (unsigned long long)take->upload->planned);
    sim_about(&event, RH_EVENT_ADDED, take->upload);
    event.added.size = take->upload->grows ? RH_SIZE_UNKNOWN : take->upload->planned;
    sim_device_tell(sim, device, &event);
    if (device->life == life)
        slice(sim, take, life);
}

static void plan_takes(struct sim *sim, struct sim_device *device)
{
    for (size_t i = 0; i < device->spool.count; i++) {
        struct sim_take *take = &device->spool.takes[i];
        if (!take->begun)
            sim_in(sim, sim_below(sim, sim->plan.storm_ms / 2), begin_take, take, device->life);
    }
}

/* After a crash: a recorder that died leaves what is durable; a file is read on. */
static void resume_takes(struct sim *sim, struct sim_device *device)
{
    for (size_t i = 0; i < device->spool.count; i++) {
        struct sim_take *take = &device->spool.takes[i];
        if (!take->begun || take->sealed || take->upload->cancelled)
            continue;
        take->over = false;
        if (take->upload->grows) {
            sim_take_seal(take, sim->now_ms);
            sim_note(sim, take->upload, "cut short at %llu bytes",
                     (unsigned long long)take->upload->size);
        } else {
            sim_in(sim, 1, slice, take, device->life);
        }
    }
}

/* ---- life and death ---- */

static void make_lead(struct sim *sim, void *context, uint64_t life)
{
    struct sim_tab *tab = context;
    if (sim->ending || life != tab->life || tab->lease_number != tab->device->fence)
        return;
    if (sim_device_put_off(sim, tab->device, make_lead, tab, life))
        return;
    sim_tab_lead(sim, tab);
    /* In the end nothing stays paused, whatever the records say. */
    if (sim->healed && life == tab->life)
        sim_device_undo(sim, tab->device);
}

static void start_tab(struct sim *sim, struct sim_device *device, size_t index)
{
    struct sim_tab *tab = &device->tabs[index];
    sim_tab_start(sim, tab);
    if (tab->life != 0)
        sim_in(sim, sim_below(sim, 500), make_lead, tab, tab->life);
}

static void restart(struct sim *sim, void *context, uint64_t life)
{
    struct sim_device *device = context;
    if (sim->ending || life != device->life)
        return;
    resume_takes(sim, device);
    start_tab(sim, device, 0);
    if (device->life == life)
        plan_takes(sim, device);
}

void sim_device_start(struct sim *sim, struct sim_device *device)
{
    restart(sim, device, device->life);
}

bool sim_device_has_session(const struct sim_device *device)
{
    return device->session[0] != '\0';
}

void sim_device_crash(struct sim *sim, struct sim_device *device)
{
    if (!sim_device_has_session(device))
        return;
    sim_note(sim, NULL, "device %zu crashes", device->index);
    device->life = ++device->lives;
    device->crash_in = 0;
    device->asleep_until_ms = 0;
    for (size_t i = 0; i < SIM_TABS; i++)
        sim_tab_stop(sim, &device->tabs[i]);
    sim_spool_crash(sim, &device->spool);
    sim_in(sim, sim_between(sim, 100, 30000), restart, device, device->life);
}

void sim_device_crash_after(struct sim *sim, struct sim_device *device, uint32_t actions)
{
    (void)sim;
    device->crash_in = actions;
}

/* The tab that lost the lock hears of it at last. */
static void lose_lead(struct sim *sim, void *context, uint64_t life)
{
    struct sim_tab *tab = context;
    if (sim->ending || life != tab->life || tab->lease_number == tab->device->fence)
        return;
    if (sim_device_put_off(sim, tab->device, lose_lead, tab, life))
        return;
    struct rh_event event = {.kind = RH_EVENT_LEADER_LOST};
    (void)sim_tab_tell(sim, tab, &event);
    if (life == tab->life)
        sim_tab_stop(sim, tab);
}

void sim_device_fight(struct sim *sim, struct sim_device *device)
{
    struct sim_tab *leader = sim_device_leader(device);
    if (leader == NULL || sim_device_is_asleep(sim, device))
        return;
    if (!sim_fires(sim, NULL, SIM_TAB_FIGHT))
        return;
    size_t other = leader == &device->tabs[0] ? 1 : 0;
    if (device->tabs[other].life != 0)
        sim_tab_stop(sim, &device->tabs[other]);
    uint64_t life = device->life;
    sim_in(sim, sim_below(sim, 15000), lose_lead, leader, leader->life);
    start_tab(sim, device, other);
    if (device->life == life)
        sim_note(sim, NULL, "device %zu: two tabs fight", device->index);
}

void sim_device_wall_jump(struct sim *sim, struct sim_device *device)
{
    device->wall_skew_ms = ((int64_t)sim_below(sim, 20) - 10) * (int64_t)365 * 24 * 3600 * 1000;
}

/* ---- sleep, and being away ---- */

static void notice_weather(struct sim *sim, void *context, uint64_t life)
{
    struct sim_device *device = context;
    if (!sim->ending && life == device->life)
        sim_device_weather(sim, device);
}

/* Stopped, or the machine sleeps: then its monotonic clock sleeps too. */
void sim_device_pause(struct sim *sim, struct sim_device *device, rh_ms length_ms)
{
    bool clock_sleeps = sim_chance(sim, 500);
    device->asleep_until_ms = sim->now_ms + length_ms;
    for (size_t i = 0; clock_sleeps && i < SIM_TABS; i++) {
        device->tabs[i].started_ms += length_ms;
        device->tabs[i].budget_ms += length_ms;
    }
    sim_in(sim, length_ms, notice_weather, device, device->life);
}

void sim_device_away(struct sim *sim, struct sim_device *device, rh_ms length_ms)
{
    device->away_until_ms = sim->now_ms + length_ms;
    sim_device_weather(sim, device);
    sim_in(sim, length_ms, notice_weather, device, device->life);
}

void sim_device_rot(struct sim *sim, struct sim_device *device)
{
    if (device->spool.count == 0)
        return;
    struct sim_take *take = &device->spool.takes[sim_plan_below(sim, device->spool.count)];
    if (take->durable == 0 || take->upload->cancelled)
        return;
    struct sim_segment *segment = &take->segments[sim_plan_below(sim, take->durable)];
    if (!segment->held || segment->length == 0 || segment->rotten ||
        !sim_fires(sim, take->upload, SIM_SPOOL_ROT))
        return;
    segment->rotten = true;
    segment->rotten_at = segment->offset + sim_plan_below(sim, segment->length);
    take->upload->hopeless = true;
}

void sim_device_weather(struct sim *sim, struct sim_device *device)
{
    struct rh_event event = {.kind = RH_EVENT_STORAGE};
    if (sim_device_is_asleep(sim, device))
        return; /* it is told when it wakes */
    event.storage.level = sim->weather[SIM_PRESSURE] ? RH_PRESSURE_CRITICAL : RH_PRESSURE_NONE;
    sim_device_tell(sim, device, &event);
    /* A network that is down may look up, or the other way round for a while. */
    if (sim_chance(sim, 700) || sim->healed) {
        event.kind = RH_EVENT_NETWORK;
        event.network.up = !sim->weather[SIM_NETWORK_DOWN] && device->away_until_ms <= sim->now_ms;
        event.network.metered = sim->weather[SIM_METERED];
        sim_device_tell(sim, device, &event);
    }
}

/* ---- healing ---- */

void sim_device_heal(struct sim *sim, struct sim_device *device)
{
    device->crash_in = 0;
    sim_device_weather(sim, device);
    sim_device_undo(sim, device);
    /* Whoever lost the lead by an answer alone takes the lock anew. */
    struct sim_tab *leader = sim_device_leader(device);
    if (leader != NULL)
        sim_tab_lead(sim, leader);
}

void sim_device_retry(struct sim *sim, struct sim_device *device)
{
    sim_device_tell_about(sim, device, RH_EVENT_RESUME, NULL);
    sim_device_tell_about(sim, device, RH_EVENT_RETRY, NULL);
}

/* What cannot complete is not lost: every byte is in the spool, or was let go with a right. */
static void check_kept(struct sim *sim, const struct sim_take *take)
{
    for (size_t i = 0; i < take->count; i++) {
        const struct sim_segment *segment = &take->segments[i];
        if (!segment->held)
            sim_check_forgotten(sim, take->upload, segment->offset, segment->length);
    }
}

bool sim_device_settled(struct sim *sim, const struct sim_device *device, size_t *failed)
{
    const struct sim_tab *leader = NULL;
    (void)sim;
    for (size_t i = 0; i < SIM_TABS; i++) {
        if (device->tabs[i].life != 0 && device->tabs[i].lease_number == device->fence)
            leader = &device->tabs[i];
    }
    if (leader == NULL)
        return false;
    for (size_t i = 0; i < device->spool.count; i++) {
        const struct sim_take *take = &device->spool.takes[i];
        const struct sim_shown *shown = &leader->shown[take->upload->index];
        if (take->upload->cancelled)
            continue;
        if (!take->sealed || !shown->known)
            return false;
        if (shown->state == RH_UPLOAD_FAILED && take->upload->hopeless)
            check_kept(sim, take);
        else if (shown->state == RH_UPLOAD_FAILED)
            (*failed)++;
        else if (shown->state != RH_UPLOAD_COMPLETED)
            return false;
    }
    return true;
}

void sim_device_explain(struct sim *sim, const struct sim_device *device)
{
    for (size_t i = 0; i < device->spool.count; i++) {
        const struct sim_take *take = &device->spool.takes[i];
        for (size_t k = 0; k < SIM_TABS; k++) {
            const struct sim_shown *shown = &device->tabs[k].shown[take->upload->index];
            if (device->tabs[k].life != 0)
                sim_note(sim, take->upload, "%s (%s, %s): tab %zu%s shows state %d, reason %d",
                         take->upload->name, device->policy.name,
                         take->upload->sealed ? "sealed" : "not sealed", k,
                         device->tabs[k].lease_number == device->fence ? ", leading," : "",
                         shown->state, shown->reason);
        }
    }
}

/* ---- birth ---- */

/*
 * Numbered parts count whole or not at all: one must fit between two cuts, twice over. So do those
 * for one cursor, as each has a digest; and they are larger.
 */
static void fit_cuts(const struct sim *sim, struct rh_policy *policy)
{
    uint64_t most = (uint64_t)sim->plan.rates[SIM_CUTS] * sim->plan.bytes_a_ms / 4;
    if ((policy->traits & RH_TRAIT_ONE_CURSOR) != 0)
        most /= 16;
    else if ((policy->traits & RH_TRAIT_FIXED_PARTS) == 0)
        return;
    if (policy->part_bytes > most)
        policy->part_bytes = (uint32_t)most;
    if (policy->part_bytes_min > policy->part_bytes)
        policy->part_bytes_min = policy->part_bytes;
}

/* Videos and forms, as browsers send; and what other people's clients speak. */
static const struct rh_wire_dialect *pick_dialect(struct sim *sim)
{
    uint64_t kind = sim_below(sim, 1000);
    if (kind < 220)
        return &rh_wire_form;
    if (kind < 400)
        return &rh_wire_tus;
    if (kind < 490)
        return &rh_wire_resumable;
    if (kind < 530)
        return &rh_wire_resumable6;
    return kind < 580 ? &rh_wire_chunks : &rh_wire_videos;
}

static void make_policy(struct sim *sim, struct sim_device *device)
{
    uint32_t part = 4096u << sim_below(sim, 6);
    device->dialect = pick_dialect(sim);
    device->policy = rh_policies[sim_below(sim, rh_policies_count)];
    if (device->dialect == &rh_wire_form && sim_chance(sim, 600))
        device->policy = *rh_policy_find(rh_bytes_of("form"));
    struct rh_policy *policy = &device->policy;
    policy->part_bytes = part;
    policy->part_bytes_min = policy->part_bytes_min > part ? part : part / 4;
    policy->traits |= rh_wire_traits(device->dialect, SIM_ABILITIES);
    policy->idle_ms_max = 20000;
    strcpy(policy->method, SIM_METHOD);
    if (sim_chance(sim, 300))
        policy->metered = (enum rh_metered)sim_below(sim, RH_METERED_WAIT + 1);
    if (sim_chance(sim, 300))
        policy->keep = RH_KEEP_UNTIL_RECEIPT;
    if (sim->plan.rates[SIM_CUTS] != 0)
        fit_cuts(sim, policy);
    uint32_t segments = 64u << (uint32_t)sim_below(sim, 4);
    uint32_t parts = 8 + (uint32_t)sim_below(sim, 24);
    device->limits = (struct rh_limits){
        .uploads_max = 12, .segments_max = segments, .intervals_max = 256, .parts_max = parts};
}

static void make_upload(struct sim *sim, struct sim_device *device)
{
    struct sim_upload *upload = &sim->uploads[sim->upload_count];
    struct sim_take *take = &device->spool.takes[device->spool.count++];
    uint64_t kind = sim_below(sim, 100);
    memset(upload, 0, sizeof *upload);
    upload->index = (uint32_t)sim->upload_count++;
    upload->device = device->index;
    (void)snprintf(upload->name, sizeof upload->name, "take-%u", upload->index);
    upload->bytes = sim_source(upload->index);
    upload->part_bytes = device->policy.part_bytes;
    upload->makes_session = device->makes_sessions;
    upload->nameless = sim_device_has_cursor(device);
    upload->grows = sim_chance(sim, 600);
    if (kind < 5)
        upload->planned = 0;
    else if (kind < 15)
        upload->planned = 1 + sim_below(sim, 2000);
    else if (kind < 90)
        upload->planned = 1 + sim_below(sim, device->policy.part_bytes * 12);
    else
        upload->planned = 1 + sim_below(sim, (uint64_t)device->policy.part_bytes * 40);
    if (upload->planned > SIM_SIZE_MAX)
        upload->planned = SIM_SIZE_MAX;
    memset(take, 0, sizeof *take);
    take->upload = upload;
}

void sim_device_create(struct sim *sim)
{
    struct sim_device *device = calloc(1, sizeof *device);
    RH_ASSERT(device != NULL);
    device->sim = sim;
    device->index = sim->device_count;
    /* Lives of devices and tabs are told apart by their number alone. */
    device->lives = (uint64_t)(device->index + 1) << 32;
    device->life = ++device->lives;
    sim->devices[sim->device_count++] = device;
    for (size_t i = 0; i < SIM_TABS; i++) {
        device->tabs[i].sim = sim;
        device->tabs[i].device = device;
    }
    make_policy(sim, device);
    device->makes_sessions = device->dialect == &rh_wire_form && sim_chance(sim, 300);
    uint64_t count = 1 + sim_below(sim, 5);
    if (sim->options->uploads_max != 0 && count > sim->options->uploads_max)
        count = sim->options->uploads_max;
    for (uint64_t i = 0; i < count; i++)
        make_upload(sim, device);
    sim_device_make_session(sim, device);
}

void sim_device_destroy(struct sim_device *device)
{
    for (size_t i = 0; i < SIM_TABS; i++)
        free(device->tabs[i].memory);
    sim_spool_finish(&device->spool);
    free(device);
}
