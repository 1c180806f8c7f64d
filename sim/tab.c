/* SPDX-License-Identifier: MIT */
/* A tab: one life of an engine, and the shell that obeys it. */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/plant.h"
#include "sender.h"

/* Actions that an engine may take for each event from outside, and each second. */
#define BUDGET_EVENT  40
#define BUDGET_SECOND 40
#define BUDGET_MAX    4000

rh_ms sim_tab_mono_ms(const struct sim_tab *tab)
{
    /* While the machine sleeps its next moment lies in the future. */
    rh_ms now_ms = tab->sim->now_ms;
    return (now_ms > tab->started_ms ? now_ms - tab->started_ms : 0) + 1000;
}

static void set_id(char to[RH_UPLOAD_ID_MAX + 1], const char *name)
{
    memset(to, 0, RH_UPLOAD_ID_MAX + 1);
    strcpy(to, name);
}

struct sim_tab *sim_device_leader(struct sim_device *device)
{
    for (size_t i = 0; i < SIM_TABS; i++) {
        if (device->tabs[i].life != 0 && device->tabs[i].lease_number == device->fence)
            return &device->tabs[i];
    }
    return NULL;
}

bool sim_device_has_cursor(const struct sim_device *device)
{
    return (rh_wire_traits(device->dialect, SIM_ABILITIES) & RH_TRAIT_ONE_CURSOR) != 0;
}

bool sim_device_is_sequential(const struct sim_device *device)
{
    return strcmp(device->policy.name, "sequential") == 0;
}

/* ---- obeying ---- */

static bool is_fenced(const struct sim_tab *tab)
{
    return tab->lease_number != tab->device->fence;
}

static void wake(struct sim *sim, void *context, uint64_t life)
{
    struct sim_tab *tab = context;
    if (sim->ending || life != tab->wake_serial || tab->life == 0 ||
        sim_device_put_off(sim, tab->device, wake, tab, life))
        return;
    struct rh_event event = {.kind = RH_EVENT_WAKE};
    (void)sim_tab_tell(sim, tab, &event);
}

static void wake_at(struct sim_tab *tab, rh_ms at_ms)
{
    tab->wake_serial = ++tab->device->lives;
    if (at_ms == RH_MS_NEVER)
        return;
    rh_ms now_ms = sim_tab_mono_ms(tab);
    sim_in(tab->sim, at_ms > now_ms ? at_ms - now_ms : 0, wake, tab, tab->wake_serial);
}

static void sync_record(struct sim *sim, void *context, uint64_t life)
{
    struct sim_device *device = context;
    if (sim->ending || life != device->life)
        return;
    for (size_t i = 0; i < device->spool.count; i++)
        sim_take_sync_record(&device->spool.takes[i]);
}

static void persist(struct sim *sim, struct sim_tab *tab, const struct rh_action *action)
{
    struct sim_device *device = tab->device;
    struct sim_take *take = sim_spool_take(&device->spool, action->upload);
    bool lax = sim->plan.rates[SIM_LAX_LEDGER] != 0 && !sim->healed;
    if (is_fenced(tab) || take == NULL)
        return;
    lax = (lax && sim_fires(sim, take->upload, SIM_LAX_LEDGER)) ||
          (sim->weather[SIM_SPOOL_FULL] && sim_fires(sim, take->upload, SIM_SPOOL_FULL));
    sim_take_persist(take, action->persist.bytes, !lax);
    if (lax)
        sim_in(sim, sim_below(sim, 3000), sync_record, device, device->life);
}

static void forget(struct sim *sim, struct sim_tab *tab, const struct rh_action *action)
{
    struct sim_take *take = sim_spool_take(&tab->device->spool, action->upload);
    if (is_fenced(tab) || take == NULL)
        return;
    struct sim_upload *upload = take->upload;
    uint64_t end = sim_take_end(take, true);
    uint64_t offset = action->forget.whole ? 0 : action->forget.range.offset;
    uint64_t length = action->forget.whole ? end : action->forget.range.length;
    sim_note(sim, upload, "tab %llu forgets %llu+%llu", (unsigned long long)tab->lease_number,
             (unsigned long long)offset, (unsigned long long)length);
    /* Records may be lost, but not their order with what follows from them. */
    if (!RH_PLANTED("forget-before-record"))
        sim_take_sync_record(take);
    /* After a crash it may forget once more what is gone already. */
    if (!upload->cancelled && sim_take_any(take, offset, length))
        sim_check_forget(sim, upload, offset, length);
    sim_take_forget(take, offset, length);
    take->gone = take->gone || action->forget.whole;
}

static void notice(struct sim *sim, struct sim_tab *tab, const struct rh_action *action)
{
    static const char *const states[] = {"pending",   "uploading", "paused",
                                         "completed", "failed",    "cancelled"};
    struct sim_upload *upload = sim_upload_named(sim, action->upload);
    const struct rh_snapshot *now = &action->notify;
    if (upload == NULL)
        return;
    struct sim_shown *shown = &tab->shown[upload->index];
    if (shown->known && shown->state == now->state && shown->reason == now->reason)
        return;
    bool completes =
        now->state == RH_UPLOAD_COMPLETED && (!shown->known || shown->state != RH_UPLOAD_COMPLETED);
    *shown = (struct sim_shown){true, now->state, now->reason, shown->elsewhere};
    sim_note(sim, upload, "tab %llu shows %s, reason %d, acked %llu",
             (unsigned long long)tab->lease_number, states[now->state], now->reason,
             (unsigned long long)now->acked_bytes);
    if (completes)
        sim_check_completed(sim, upload, sim->plan.calm && sim_device_is_sequential(tab->device));
}

static void give_token(struct sim *sim, void *context, uint64_t life)
{
    struct sim_tab *tab = context;
    struct rh_event event = {.kind = RH_EVENT_TOKEN};
    if (!sim->ending && life == tab->life &&
        !sim_device_put_off(sim, tab->device, give_token, tab, life))
        (void)sim_tab_tell(sim, tab, &event);
}

static void obey(struct sim *sim, struct sim_tab *tab, const struct rh_action *action)
{
    struct sim_take *take;
    switch (action->kind) {
    case RH_ACTION_SEND:
        sim_tab_send(sim, tab, action);
        break;
    case RH_ACTION_ABORT:
        sim_tab_abort(sim, tab, action->abort.token);
        break;
    case RH_ACTION_WAKE_AT:
        wake_at(tab, action->wake_at.at_ms);
        break;
    case RH_ACTION_PERSIST:
        persist(sim, tab, action);
        break;
    case RH_ACTION_ERASE_RECORD:
        take = sim_spool_take(&tab->device->spool, action->upload);
        if (take != NULL && !is_fenced(tab))
            sim_take_erase_record(take);
        break;
    case RH_ACTION_FORGET:
        forget(sim, tab, action);
        break;
    case RH_ACTION_NOTIFY:
        notice(sim, tab, action);
        break;
    case RH_ACTION_NEED_TOKEN:
        sim_in(sim, 1 + sim_below(sim, 3000), give_token, tab, tab->life);
        break;
    case RH_ACTION_NOTIFY_QUEUE:
        break;
    }
}

/* 7: an engine that acts much more than there is reason to. */
static bool spend(struct sim *sim, struct sim_tab *tab)
{
    if (--tab->budget >= 0)
        return true;
    sim_fail(sim, NULL, "invariant 7: the engine of tab %llu is in a busy loop",
             (unsigned long long)tab->lease_number);
    return false;
}

static void earn(struct sim_tab *tab, const struct rh_event *event)
{
    rh_ms passed = tab->sim->now_ms - tab->budget_ms;
    tab->budget += (int64_t)(passed < 100000 ? passed * BUDGET_SECOND / 1000 : BUDGET_MAX);
    if (passed * BUDGET_SECOND >= 1000)
        tab->budget_ms = tab->sim->now_ms;
    if (event->kind != RH_EVENT_WAKE)
        tab->budget += BUDGET_EVENT;
    if (tab->budget > BUDGET_MAX)
        tab->budget = BUDGET_MAX;
}

/* What the engine took in decides what it may send. */
static void remember(struct sim *sim, struct sim_tab *tab, const struct rh_event *event)
{
    if (event->kind == RH_EVENT_NETWORK)
        tab->metered = event->network.metered;
    if (event->kind == RH_EVENT_METHOD)
        tab->shown[sim_upload_named(sim, event->upload)->index].elsewhere =
            strcmp(event->method.name, SIM_METHOD) != 0;
}

bool sim_tab_tell(struct sim *sim, struct sim_tab *tab, struct rh_event *event)
{
    struct rh_action action;
    struct sim_device *device = tab->device;
    uint64_t life = tab->life;
    event->now_ms = sim_tab_mono_ms(tab);
    event->wall_ms = sim_wall_ms(sim) + device->wall_skew_ms;
    sim_attempts_told(sim, tab, event);
    enum rh_error error = rh_engine_tell(tab->engine, event);
    if (error == RH_OK)
        remember(sim, tab, event);
    earn(tab, event);
    while (!sim->failed && tab->life == life && rh_engine_next(tab->engine, &action)) {
        if (device->crash_in > 0 && --device->crash_in == 0 && !sim->healed) {
            sim_device_crash(sim, device);
            return error == RH_OK;
        }
        if (!spend(sim, tab))
            break;
        sim_attempts_act(sim, tab, &action);
        obey(sim, tab, &action);
    }
    return error == RH_OK;
}

void sim_about(struct rh_event *event, enum rh_event_kind kind, const struct sim_upload *upload)
{
    memset(event, 0, sizeof *event);
    event->kind = kind;
    if (upload != NULL)
        strcpy(event->upload, upload->name);
}

void sim_device_tell_about(struct sim *sim, struct sim_device *device, enum rh_event_kind kind,
                           const struct sim_upload *upload)
{
    struct rh_event event;
    sim_about(&event, kind, upload);
    sim_device_tell(sim, device, &event);
}

void sim_device_tell(struct sim *sim, struct sim_device *device, struct rh_event *event)
{
    for (size_t i = 0; i < SIM_TABS; i++) {
        if (device->tabs[i].life != 0)
            (void)sim_tab_tell(sim, &device->tabs[i], event);
    }
}

/* ---- life ---- */

static void must(struct sim *sim, struct sim_tab *tab, const struct sim_upload *upload,
                 struct rh_event *event)
{
    uint64_t life = tab->life;
    if (!sim_tab_tell(sim, tab, event) && tab->life == life)
        sim_fail(sim, upload, "the engine refuses event %d", event->kind);
}

/* What the spool and the ledger say, after a start. */
static void replay(struct sim *sim, struct sim_tab *tab)
{
    struct sim_device *device = tab->device;
    uint64_t life = tab->life;
    for (size_t i = 0; i < device->spool.count && tab->life == life; i++) {
        struct sim_take *take = &device->spool.takes[i];
        struct rh_event event = {.kind = RH_EVENT_RECORD};
        event.record.bytes = (struct rh_bytes){take->record, take->record_size};
        if (take->record_size > 0)
            must(sim, tab, take->upload, &event);
    }
    for (size_t i = 0; i < device->spool.count && tab->life == life; i++) {
        struct sim_take *take = &device->spool.takes[i];
        if (!take->begun || take->gone)
            continue;
        struct rh_event event = {.kind = RH_EVENT_ADDED};
        set_id(event.upload, take->upload->name);
        event.added.size = take->upload->grows ? RH_SIZE_UNKNOWN : take->upload->planned;
        if (take->sealed)
            event.added.size = take->upload->size;
        must(sim, tab, take->upload, &event);
        for (size_t k = 0; k < take->durable && tab->life == life; k++) {
            const struct sim_segment *segment = &take->segments[k];
            if (!segment->held)
                continue;
            event.kind = RH_EVENT_SPOOLED;
            event.spooled.offset = segment->offset;
            event.spooled.length = segment->length;
            event.spooled.crc64 = segment->crc64;
            must(sim, tab, take->upload, &event);
        }
        event.kind = RH_EVENT_SEALED;
        event.sealed.size = take->upload->size;
        event.sealed.crc64 = take->crc64;
        if (take->sealed && tab->life == life)
            must(sim, tab, take->upload, &event);
    }
}

void sim_tab_start(struct sim *sim, struct sim_tab *tab)
{
    struct sim_device *device = tab->device;
    free(tab->memory);
    tab->memory = malloc(rh_engine_size(&device->limits));
    RH_ASSERT(tab->memory != NULL);
    tab->engine =
        rh_engine_init(tab->memory, &device->limits, &device->policy, rh_rng_next(&sim->rng));
    tab->life = ++device->lives;
    bool reuse = RH_PLANTED("reuse-epoch") && device->fence > 0;
    tab->lease_number = reuse ? device->fence : ++device->fence;
    tab->started_ms = sim->now_ms;
    tab->budget = BUDGET_MAX;
    tab->budget_ms = sim->now_ms;
    tab->metered = false;
    memset(tab->shown, 0, sizeof tab->shown);
    memset(&tab->attempts, 0, sizeof tab->attempts);
    sim_note(sim, NULL, "device %zu: tab %llu starts", device->index,
             (unsigned long long)tab->lease_number);
    uint64_t life = tab->life;
    replay(sim, tab);
    if (tab->life == life)
        sim_device_weather(sim, device);
}

void sim_tab_stop(struct sim *sim, struct sim_tab *tab)
{
    tab->life = 0;
    tab->wake_serial = 0;
    sim_net_abort_all(sim, tab);
}

void sim_tab_lead(struct sim *sim, struct sim_tab *tab)
{
    struct rh_event event = {.kind = RH_EVENT_LEADER};
    (void)sim_tab_tell(sim, tab, &event);
}
