/* SPDX-License-Identifier: MIT */
/* A device's user: what somebody does at a queue, at any moment, and changes again. */
#include <string.h>

#include "sender.h"

static void resume(struct sim *sim, void *context, uint64_t life)
{
    struct sim_device *device = context;
    if (!sim->ending && life == device->life &&
        !sim_device_put_off(sim, device, resume, device, life))
        sim_device_tell_about(sim, device, RH_EVENT_RESUME, NULL);
}

static void release(struct sim *sim, void *context, uint64_t life)
{
    struct sim_device *device = context;
    if (!sim->ending && life == device->life &&
        !sim_device_put_off(sim, device, release, device, life))
        sim_device_tell_about(sim, device, RH_EVENT_RELEASE, NULL);
}

static void set_limit(struct sim *sim, struct sim_device *device, enum sim_fault what)
{
    struct rh_event event = {.kind = RH_EVENT_LIMIT};
    if (sim_chance(sim, 700) && what == SIM_USER_SHARE)
        event.limit.percent = (uint8_t)(1 + sim_below(sim, 100));
    else if (sim_chance(sim, 700))
        event.limit.bytes_per_s = (uint64_t)2000 << sim_below(sim, 12);
    sim_device_tell(sim, device, &event);
}

static void set_priority(struct sim *sim, struct sim_device *device,
                         const struct sim_upload *upload)
{
    struct rh_event event;
    sim_about(&event, RH_EVENT_PRIORITY, upload);
    event.priority.level = (enum rh_priority)sim_below(sim, RH_PRIORITY_MANUAL + 1);
    sim_device_tell(sim, device, &event);
}

/* ---- the method ---- */

static void set_method(struct sim *sim, struct sim_device *device, const struct sim_upload *upload,
                       const char *method)
{
    struct rh_event event;
    sim_about(&event, RH_EVENT_METHOD, upload);
    strcpy(event.method.name, method);
    sim_device_tell(sim, device, &event);
}

/* Nothing is left to a method that nobody speaks here. */
static void take_back(struct sim *sim, struct sim_device *device)
{
    for (size_t i = 0; i < device->spool.count; i++) {
        const struct sim_take *take = &device->spool.takes[i];
        if (take->begun && !take->gone)
            set_method(sim, device, take->upload, SIM_METHOD);
    }
}

static void choose_method(struct sim *sim, void *context, uint64_t life)
{
    struct sim_device *device = context;
    if (!sim->ending && life == device->life &&
        !sim_device_put_off(sim, device, choose_method, device, life))
        take_back(sim, device);
}

/* ---- what the plan calls ---- */

static void obey(struct sim *sim, struct sim_device *device, struct sim_take *take,
                 enum sim_fault what)
{
    rh_ms while_ms = sim_below(sim, 60000);
    switch (what) {
    case SIM_USER_PAUSE:
        sim_device_tell_about(sim, device, RH_EVENT_PAUSE, take->upload);
        sim_in(sim, while_ms, resume, device, device->life);
        break;
    case SIM_USER_RETRY:
        sim_device_tell_about(sim, device, sim_chance(sim, 300) ? RH_EVENT_RESUME : RH_EVENT_RETRY,
                              take->upload);
        break;
    case SIM_USER_CANCEL:
        take->upload->cancelled = true;
        sim_device_tell_about(sim, device, RH_EVENT_CANCEL, take->upload);
        break;
    case SIM_USER_LIMIT:
    case SIM_USER_SHARE:
        set_limit(sim, device, what);
        break;
    case SIM_USER_PRIORITY:
        set_priority(sim, device, take->upload);
        break;
    case SIM_USER_METHOD:
        set_method(sim, device, take->upload, SIM_METHOD_OTHER);
        sim_in(sim, while_ms, choose_method, device, device->life);
        break;
    default:
        sim_device_tell_about(sim, device, RH_EVENT_HOLD, NULL);
        sim_in(sim, while_ms, release, device, device->life);
        break;
    }
}

void sim_device_user(struct sim *sim, struct sim_device *device, enum sim_fault what)
{
    struct sim_take *take = &device->spool.takes[sim_below(sim, device->spool.count)];
    if (!take->begun || sim_device_leader(device) == NULL || sim_device_is_asleep(sim, device))
        return;
    if (what == SIM_USER_CANCEL && (take->upload->completed || !sim_chance(sim, 300)))
        return;
    if (sim_fires(sim, take->upload, what))
        obey(sim, device, take, what);
}

void sim_device_undo(struct sim *sim, struct sim_device *device)
{
    struct rh_event event = {.kind = RH_EVENT_LIMIT};
    sim_device_tell(sim, device, &event);
    take_back(sim, device);
    sim_device_tell_about(sim, device, RH_EVENT_RELEASE, NULL);
    sim_device_tell_about(sim, device, RH_EVENT_RESUME, NULL);
}
