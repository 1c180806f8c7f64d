/* SPDX-License-Identifier: MIT */
/* What a seed is made of; and the weather and the blows while it lasts. */
#include <inttypes.h>
#include <stdio.h>

#include "device.h"
#include "receiver.h"
#include "sim.h"

const char *const sim_groups[SIM_GROUPS] = {
    "loss",    /* requests and answers are lost, cut, stalled */
    "repeat",  /* duplicates and twins */
    "delay",   /* late requests and answers */
    "network", /* partitions, storms, portals */
    "space",   /* full disks, pressure */
    "disk",    /* failing and slow disk and catalog */
    "server",  /* the receiver dies */
    "client",  /* a sender dies */
    "tabs",    /* two tabs fight */
    "clock",   /* the wall clock jumps */
    "user",    /* pause, resume, cancel, retry */
};

enum { LOSS, REPEAT, DELAY, NETWORK, SPACE, DISK, SERVER, CLIENT, TABS, CLOCK, USER };

static const uint8_t group_of_fate[SIM_FATES] = {
    [SIM_DROP] = LOSS,        [SIM_CUT] = LOSS,       [SIM_STALL] = LOSS,
    [SIM_DUPLICATE] = REPEAT, [SIM_TWIN] = REPEAT,    [SIM_SLOW] = DELAY,
    [SIM_NO_REPLY] = LOSS,    [SIM_CUT_REPLY] = LOSS, [SIM_LATE_REPLY] = DELAY,
};

static const uint8_t group_of_weather[SIM_WEATHERS] = {
    [SIM_NETWORK_DOWN] = NETWORK, [SIM_STORM] = NETWORK,     [SIM_PORTAL] = NETWORK,
    [SIM_LOGIN] = NETWORK,        [SIM_DISK_FULL] = SPACE,   [SIM_DISK_FAILS] = DISK,
    [SIM_DISK_SLOW] = DISK,       [SIM_CATALOG_SLOW] = DISK, [SIM_PRESSURE] = SPACE,
};

static const uint8_t group_of_blow[SIM_BLOWS] = {
    [SIM_RECEIVER_CRASH] = SERVER, [SIM_RECEIVER_KILL] = SERVER,
    [SIM_RECEIVER_STEP] = SERVER,  [SIM_COMMIT_FAILS] = SERVER,
    [SIM_RECEIVER_DRAIN] = SERVER, [SIM_SENDER_CRASH] = CLIENT,
    [SIM_SENDER_STEP] = CLIENT,    [SIM_TAB_FIGHT] = TABS,
    [SIM_WALL_JUMP] = CLOCK,       [SIM_USER] = USER,
};

static const char *const fate_names[SIM_FATES] = {
    "drop", "cut", "stall", "duplicate", "twin", "slow", "no-reply", "cut-reply", "late-reply"};
static const char *const weather_names[SIM_WEATHERS] = {
    "network-down", "storm",     "portal",       "login",   "disk-full",
    "disk-fails",   "disk-slow", "catalog-slow", "pressure"};
static const char *const blow_names[SIM_BLOWS] = {
    "receiver-crash", "receiver-kill", "receiver-step", "commit-fails", "receiver-drain",
    "sender-crash",   "sender-step",   "tab-fight",     "wall-jump",    "user"};

static bool allowed(uint32_t only, uint8_t group)
{
    return (only >> group & 1) != 0;
}

/* Everything is drawn, whatever is allowed, so that less changes as little as it can. */
void sim_plan_make(struct sim *sim, uint32_t only)
{
    struct sim_plan *plan = &sim->plan;
    uint32_t some = sim_chance(sim, 150) ? 0 : 1 + (uint32_t)sim_below(sim, 3);
    for (size_t i = 0; i < SIM_FATES; i++) {
        bool on = sim_below(sim, 3) < some;
        uint32_t rate = 10 + (uint32_t)sim_below(sim, sim_chance(sim, 200) ? 250 : 60);
        plan->fates[i] = on && some > 0 && allowed(only, group_of_fate[i]) ? rate : 0;
    }
    for (size_t i = 0; i < SIM_WEATHERS; i++) {
        bool on = sim_below(sim, 4) < some;
        plan->weather[i] = on && some > 0 && allowed(only, group_of_weather[i]);
    }
    for (size_t i = 0; i < SIM_BLOWS; i++) {
        bool on = sim_below(sim, 4) < some;
        plan->blows[i] = on && some > 0 && allowed(only, group_of_blow[i]);
    }
    plan->lax_ledger = sim_chance(sim, 300) && allowed(only, CLIENT);
    plan->expires = sim_chance(sim, 300) && allowed(only, SERVER);
    plan->storm_ms = 20000 + sim_below(sim, 300000);
    plan->weather_ms = 1000 + sim_below(sim, 12000);
    plan->latency_ms = 1 + sim_below(sim, 80);
    plan->bytes_a_ms = 16u << sim_below(sim, 10);
    plan->calm = some == 0;
}

void sim_plan_print(const struct sim *sim)
{
    const struct sim_plan *plan = &sim->plan;
    printf("  faults:");
    for (size_t i = 0; i < SIM_FATES; i++) {
        if (plan->fates[i] > 0)
            printf(" %s=%u/1000", fate_names[i], plan->fates[i]);
    }
    for (size_t i = 0; i < SIM_WEATHERS; i++)
        printf("%s%s", plan->weather[i] ? " " : "", plan->weather[i] ? weather_names[i] : "");
    for (size_t i = 0; i < SIM_BLOWS; i++)
        printf("%s%s", plan->blows[i] ? " " : "", plan->blows[i] ? blow_names[i] : "");
    printf("%s%s\n  storm=%" PRIu64 "ms every=%" PRIu64 "ms latency=%" PRIu64 "ms rate=%uB/ms\n",
           plan->lax_ledger ? " lax-ledger" : "", plan->expires ? " expiry" : "", plan->storm_ms,
           plan->weather_ms, plan->latency_ms, plan->bytes_a_ms);
}

/* ---- weather ---- */

static void tell_weather(struct sim *sim)
{
    sim_receiver_weather(sim);
    for (size_t i = 0; i < sim->device_count; i++)
        sim_device_weather(sim, sim->devices[i]);
}

static void set_weather(struct sim *sim, size_t which, bool on)
{
    sim->weather[which] = on;
    sim_note(sim, NULL, "weather: %s %s", weather_names[which], on ? "begins" : "ends");
    tell_weather(sim);
}

static void end_weather(struct sim *sim, void *context, uint64_t which)
{
    (void)context;
    if (!sim->ending && !sim->healed)
        set_weather(sim, (size_t)which, false);
}

static void change_weather(struct sim *sim, void *context, uint64_t life)
{
    size_t which = (size_t)sim_below(sim, SIM_WEATHERS);
    (void)context;
    (void)life;
    if (sim->ending || sim->healed)
        return;
    if (sim->plan.weather[which] && !sim->weather[which]) {
        set_weather(sim, which, true);
        sim_in(sim, 1 + sim_below(sim, sim->plan.weather_ms * 2), end_weather, NULL, which);
    }
    sim_in(sim, sim_below(sim, sim->plan.weather_ms), change_weather, NULL, 0);
}

static void strike(struct sim *sim, enum sim_blow blow)
{
    struct sim_device *device = sim->devices[sim_below(sim, sim->device_count)];
    switch (blow) {
    case SIM_RECEIVER_CRASH:
        sim_receiver_crash(sim, SIM_POWER_LOST);
        break;
    case SIM_RECEIVER_KILL:
        sim_receiver_crash(sim, SIM_KILLED);
        break;
    case SIM_RECEIVER_STEP:
        sim_receiver_crash_after(sim, 1 + sim_below(sim, 60));
        break;
    case SIM_COMMIT_FAILS:
        sim_receiver_fail_commit(sim);
        break;
    case SIM_RECEIVER_DRAIN:
        sim_receiver_drain(sim);
        break;
    case SIM_SENDER_CRASH:
        sim_device_crash(sim, device);
        break;
    case SIM_SENDER_STEP:
        sim_device_crash_after(sim, device, 1 + (uint32_t)sim_below(sim, 40));
        break;
    case SIM_TAB_FIGHT:
        sim_device_fight(sim, device);
        break;
    case SIM_WALL_JUMP:
        sim_device_wall_jump(sim, device);
        sim->wall_skew_ms = ((int64_t)sim_below(sim, 21) - 10) * (int64_t)365 * 86400 * 1000;
        sim_note(sim, NULL, "the wall clocks jump");
        break;
    case SIM_USER:
        sim_device_user(sim, device);
        break;
    case SIM_BLOWS:
        break;
    }
}

static void next_blow(struct sim *sim, void *context, uint64_t life)
{
    enum sim_blow which = (enum sim_blow)sim_below(sim, SIM_BLOWS);
    (void)context;
    (void)life;
    if (sim->ending || sim->healed)
        return;
    if (sim->plan.blows[which])
        strike(sim, which);
    sim_in(sim, sim_below(sim, sim->plan.weather_ms * 2), next_blow, NULL, 0);
}

void sim_plan_start(struct sim *sim)
{
    sim_in(sim, 500, change_weather, NULL, 0);
    sim_in(sim, 500, next_blow, NULL, 0);
}

void sim_plan_heal(struct sim *sim)
{
    sim->healed = true;
    sim->healed_ms = sim->now_ms;
    sim_note(sim, NULL, "everything heals");
    for (size_t i = 0; i < SIM_WEATHERS; i++)
        sim->weather[i] = false;
    sim_receiver_weather(sim);
    for (size_t i = 0; i < sim->device_count; i++)
        sim_device_heal(sim, sim->devices[i]);
}
