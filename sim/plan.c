/* SPDX-License-Identifier: MIT */
/* What a seed is made of; and the weather and the blows while it lasts. */
#include <string.h>

#include "device.h"
#include "receiver.h"
#include "sim.h"

#define PATIENCE_MS ((rh_ms)2 * 3600 * 1000) /* for all to end, after healing or a retry */

uint64_t sim_plan_below(struct sim *sim, uint64_t limit)
{
    return rh_rng_below(&sim->plan_rng, limit == 0 ? 1 : limit);
}

static bool plan_chance(struct sim *sim, uint32_t per_mille)
{
    return sim_plan_below(sim, 1000) < per_mille;
}

/* Regimes are drawn each on its own. */
static uint32_t chance_of_regime(size_t fault)
{
    switch (fault) {
    case SIM_UNSYNCED_LOST:
    case SIM_NAMES_LOST:
    case SIM_SPOOL_LOST:
        return 900;
    case SIM_CUTS:
        return 60;
    default:
        return 300;
    }
}

/* Everything is drawn, whatever --faults says, so that less changes as little as it can. */
static void draw_faults(struct sim *sim)
{
    struct sim_plan *plan = &sim->plan;
    uint32_t some = plan_chance(sim, 150) ? 0 : 1 + (uint32_t)sim_plan_below(sim, 3);
    for (size_t i = 0; i < SIM_FAULTS; i++) {
        bool on = sim_plan_below(sim, 5) < some;
        uint32_t rate = 10 + (uint32_t)sim_plan_below(sim, plan_chance(sim, 200) ? 250 : 60);
        if (i >= SIM_FATES)
            rate = 1;
        if (i == SIM_CUTS)
            rate = 500 + (uint32_t)sim_plan_below(sim, plan_chance(sim, 500) ? 4000 : 60000);
        if (i >= SIM_BLOWS)
            on = plan_chance(sim, chance_of_regime(i));
        plan->rates_on[i] = rate;
        plan->drawn[i] = on ? rate : 0;
        plan->rates[i] = plan->drawn[i];
    }
}

void sim_plan_make(struct sim *sim, const struct sim_options *options)
{
    struct sim_plan *plan = &sim->plan;
    char why[128];
    draw_faults(sim);
    plan->storm_ms = 20000 + sim_plan_below(sim, 300000);
    plan->weather_ms = 1000 + sim_plan_below(sim, 12000);
    plan->latency_ms = 1 + sim_plan_below(sim, 80);
    plan->bytes_a_ms = 16u << sim_plan_below(sim, 10);
    if (options->storm_ms_max != 0 && plan->storm_ms > options->storm_ms_max)
        plan->storm_ms = options->storm_ms_max;
    plan->calm = sim_plan_is_calm(plan);
    if (options->faults != NULL)
        (void)sim_plan_parse(options->faults, plan, why, sizeof why);
    /* Progress is promised where a connection lasts for 64 KiB, and what goes with them. */
    uint32_t cut_ms_min = (uint32_t)(SIM_CUT_BYTES / plan->bytes_a_ms + 4 * plan->latency_ms + 100);
    if (plan->rates[SIM_CUTS] != 0 && plan->rates[SIM_CUTS] < cut_ms_min)
        plan->rates[SIM_CUTS] = cut_ms_min;
}

/*
 * Where every connection is cut after T, for ever: one brings at least half of the T x rate bytes
 * it has time for, or its whole part; a third of those that break bring nothing (they ask, or begin
 * something); one that broke is followed by another within two delays of 2 s. So an upload needs
 * at most 4 + 3 x size / (T x rate / 2) connections that break, each T + 4 s, and besides for each
 * part that fits its time on the way.
 */
rh_ms sim_plan_patience_ms(const struct sim *sim)
{
    const struct sim_plan *plan = &sim->plan;
    rh_ms cut_ms = plan->rates[SIM_CUTS];
    uint64_t carried = cut_ms * plan->bytes_a_ms / 2 + 1;
    rh_ms sum_ms = plan->storm_ms / 2 + 120000; /* until the last recording is over */
    /* Nor is there a bound where a sender's bytes rot: such a part has six tries, with delays of up
     * to five minutes between, before it is given up. */
    if (cut_ms == 0 || sim->fired[SIM_SPOOL_ROT] > 0)
        return PATIENCE_MS;
    for (size_t i = 0; i < sim->upload_count; i++) {
        uint64_t size = sim->uploads[i].planned;
        uint64_t parts = 4 + size / (sim->uploads[i].part_bytes / 4 + 1);
        sum_ms += (4 + 3 * size / carried) * (cut_ms + 4000);
        sum_ms += parts * (4 * plan->latency_ms + 100) + 2 * size / plan->bytes_a_ms;
    }
    return sum_ms;
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
    if (!on)
        sim_note(sim, NULL, "weather: %s ends", sim_fault_name(which));
    tell_weather(sim);
}

static void end_weather(struct sim *sim, void *context, uint64_t which)
{
    (void)context;
    if (!sim->ending && !sim->healed)
        set_weather(sim, (size_t)which, false);
}

/* For days nothing else need happen: it would cost much and show little. */
static bool quiet(struct sim *sim, sim_handler *handler)
{
    if (sim->quiet_until_ms <= sim->now_ms)
        return false;
    sim_in(sim, sim->quiet_until_ms - sim->now_ms, handler, NULL, 0);
    return true;
}

/* Weather that only raises chances: what comes of it is counted where it happens. */
static bool counts_itself(size_t weather)
{
    return (weather >= SIM_WRITE_FULL && weather <= SIM_READ_FAILS) || weather == SIM_SPOOL_FULL;
}

static void change_weather(struct sim *sim, void *context, uint64_t life)
{
    size_t which = SIM_FATES + (size_t)sim_plan_below(sim, SIM_WEATHERS - SIM_FATES);
    rh_ms lasts_ms = 1 + sim_plan_below(sim, sim->plan.weather_ms * 2);
    (void)context;
    (void)life;
    if (sim->ending || sim->healed || quiet(sim, change_weather))
        return;
    if (sim->plan.rates[which] != 0 && !sim->weather[which] &&
        sim_fires(sim, NULL, (enum sim_fault)which)) {
        sim->fired[which] -= counts_itself(which);
        set_weather(sim, which, true);
        sim_in(sim, lasts_ms, end_weather, NULL, which);
    }
    sim_in(sim, sim_plan_below(sim, sim->plan.weather_ms), change_weather, NULL, 0);
}

/* ---- blows ---- */

static void both_crash(struct sim *sim)
{
    if (!sim_receiver_is_up(sim) || !sim_fires(sim, NULL, SIM_BOTH_CRASH))
        return;
    sim_receiver_crash(sim, SIM_POWER_LOST);
    for (size_t i = 0; i < sim->device_count; i++)
        sim_device_crash(sim, sim->devices[i]);
}

static void jump(struct sim *sim, struct sim_device *device)
{
    if (!sim_fires(sim, NULL, SIM_WALL_JUMP))
        return;
    sim_device_wall_jump(sim, device);
    sim->wall_skew_ms = ((int64_t)sim_below(sim, 21) - 10) * (int64_t)365 * 86400 * 1000;
}

/* Nothing heals while somebody sleeps. */
static void sleep_until(struct sim *sim, rh_ms until_ms)
{
    if (sim->healing_at_ms < until_ms)
        sim->healing_at_ms = until_ms;
}

static void pause_one(struct sim *sim, struct sim_device *device, enum sim_fault blow)
{
    rh_ms length_ms = sim_plan_below(sim, plan_chance(sim, 150) ? 6 * 3600000 : 120000);
    if (blow == SIM_RECEIVER_PAUSE ? sim_receiver_paused_ms(sim) != 0 || !sim_receiver_is_up(sim)
                                   : !sim_device_has_session(device))
        return;
    if (!sim_fires(sim, NULL, blow))
        return;
    sleep_until(sim, sim->now_ms + length_ms + 1);
    if (length_ms > 600000)
        sim->quiet_until_ms = sim->now_ms + length_ms;
    if (blow == SIM_RECEIVER_PAUSE)
        sim_receiver_pause(sim, length_ms);
    else
        sim_device_pause(sim, device, length_ms);
}

static void days(struct sim *sim, struct sim_device *device, enum sim_fault blow)
{
    rh_ms length_ms = (1 + sim_plan_below(sim, 96)) * 3600000;
    bool rare = plan_chance(sim, 150); /* days cost much time and show little more than hours */
    if (sim->days_over || !sim_receiver_is_up(sim))
        return;
    sim->days_over = true;
    if (!rare || !sim_fires(sim, NULL, blow))
        return;
    sim->quiet_until_ms = sim->now_ms + length_ms;
    sleep_until(sim, sim->now_ms + length_ms + 1);
    if (blow == SIM_RECEIVER_DAYS)
        sim_receiver_away(sim, length_ms);
    else
        sim_device_away(sim, device, length_ms);
}

static void strike_receiver(struct sim *sim, enum sim_fault blow)
{
    if (!sim_receiver_is_up(sim) || !sim_fires(sim, NULL, blow))
        return;
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
    case SIM_CATALOG_RESTORE:
        sim_receiver_restore(sim);
        break;
    default:
        break;
    }
}

static void strike(struct sim *sim, enum sim_fault blow)
{
    struct sim_device *device = sim->devices[sim_plan_below(sim, sim->device_count)];
    switch (blow) {
    case SIM_RECEIVER_CRASH:
    case SIM_RECEIVER_KILL:
    case SIM_RECEIVER_STEP:
    case SIM_COMMIT_FAILS:
    case SIM_RECEIVER_DRAIN:
    case SIM_CATALOG_RESTORE:
        strike_receiver(sim, blow);
        break;
    case SIM_BIT_ROT:
        sim_receiver_rot(sim);
        break;
    case SIM_MISDIRECTED:
        sim_receiver_misdirect(sim);
        break;
    case SIM_SENDER_CRASH:
        if (sim_device_has_session(device) && sim_fires(sim, NULL, blow))
            sim_device_crash(sim, device);
        break;
    case SIM_SENDER_STEP:
        if (sim_device_has_session(device) && sim_fires(sim, NULL, blow))
            sim_device_crash_after(sim, device, 1 + (uint32_t)sim_below(sim, 40));
        break;
    case SIM_RECEIVER_PAUSE:
    case SIM_SENDER_PAUSE:
        pause_one(sim, device, blow);
        break;
    case SIM_RECEIVER_DAYS:
    case SIM_SENDER_DAYS:
        days(sim, device, blow);
        break;
    case SIM_BOTH_CRASH:
        both_crash(sim);
        break;
    case SIM_TAB_FIGHT:
        sim_device_fight(sim, device);
        break;
    case SIM_WALL_JUMP:
        jump(sim, device);
        break;
    case SIM_USER_PAUSE:
    case SIM_USER_RETRY:
    case SIM_USER_CANCEL:
    case SIM_USER_LIMIT:
    case SIM_USER_SHARE:
    case SIM_USER_PRIORITY:
    case SIM_USER_METHOD:
    case SIM_USER_HOLD:
        sim_device_user(sim, device, blow);
        break;
    case SIM_SPOOL_ROT:
        sim_device_rot(sim, device);
        break;
    default:
        break;
    }
}

static void next_blow(struct sim *sim, void *context, uint64_t life)
{
    size_t which = SIM_WEATHERS + (size_t)sim_plan_below(sim, SIM_BLOWS - SIM_WEATHERS);
    (void)context;
    (void)life;
    if (sim->ending || sim->healed || quiet(sim, next_blow))
        return;
    if (sim->plan.rates[which] != 0)
        strike(sim, (enum sim_fault)which);
    sim_in(sim, sim_plan_below(sim, sim->plan.weather_ms * 2), next_blow, NULL, 0);
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
    sim->fired[SIM_EXPIRY] += sim_receiver_expired(sim);
    memset(sim->weather, 0, sizeof sim->weather);
    sim_receiver_weather(sim);
    for (size_t i = 0; i < sim->device_count; i++)
        sim_device_heal(sim, sim->devices[i]);
}
