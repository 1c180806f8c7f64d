/* SPDX-License-Identifier: MIT */
/* Policies are data: the table, changing a field by name, and the delay before a retry. */
#include "engine/policy.h"

#include "base/bytes.h"

#define KIB 1024u
#define MIB (1024u * 1024u)

const struct rh_policy rh_policies[] = {
    {
        .name = "never-give-up",
        .uploads_parallel = 3,
        .parts_parallel = 2,
        .part_bytes = MIB,
        .part_bytes_min = 64 * KIB,
        .part_wait_ms = 4000,
        .retries_max = RH_RETRIES_UNLIMITED,
        .attempts_reset = true,
        .backoff = RH_BACKOFF_FULL_JITTER,
        .delay_ms = 1000,
        .delay_ms_max = 5 * 60 * 1000,
        .idle_ms_min = 15000,
        .idle_ms_max = 60000,
        .coding = RH_CODING_AUTO,
        .quota_ms = 30000,
        .free_under_pressure = true,
        .parts_parallel_all = 4,
        .flight_bytes_max = 8 * MIB,
        .share_min_percent = 10,
        .metered = RH_METERED_SHRINK,
        .probe = true,
        .spread_ms = 500,
    },
    {
        /* 000: whole takes, in order, one at a time; each failure counts, whatever its cause. */
        .name = "sequential",
        .uploads_parallel = 1,
        .parts_parallel = 1,
        .part_bytes = MIB,
        .part_bytes_min = 64 * KIB,
        .part_wait_ms = UINT32_MAX,
        .gap_ms = 250,
        .retries_max = 5,
        .unreachable_is_attempt = true,
        .offline_is_attempt = true,
        .quota_is_attempt = true,
        .backoff = RH_BACKOFF_TABLE,
        .delays_count = 5,
        .delays_ms = {2000, 4000, 8000, 16000, 32000},
        .idle_ms_min = 15000,
        .idle_ms_max = 60000,
        .coding = RH_CODING_AUTO,
        .quota_ms = 30000,
        .traits = RH_TRAIT_SEALED_ONLY,
    },
    {
        /* 002: parts as they are recorded; one that used up its retries steps aside. */
        .name = "live",
        .uploads_parallel = 1,
        .parts_parallel = 2,
        .part_bytes = MIB,
        .part_bytes_min = 64 * KIB,
        .part_wait_ms = 0,
        .retries_max = 5,
        .retry_parts = true,
        .set_aside = true,
        .attempts_reset = true,
        .backoff = RH_BACKOFF_TABLE,
        .delays_count = 5,
        .delays_ms = {1000, 2000, 4000, 8000, 16000},
        .idle_ms_min = 15000,
        .idle_ms_max = 60000,
        .coding = RH_CODING_AUTO,
        .quota_ms = 30000,
        .parts_parallel_all = 4,
        .flight_bytes_max = 8 * MIB,
        .share_min_percent = 10,
        .probe = true,
        .spread_ms = 500,
    },
    {
        /* 003: aligned parts of 1 MiB, one at a time; retry n waits 2^n s and up to 1 s more. */
        .name = "form",
        .uploads_parallel = 1,
        .parts_parallel = 1,
        .part_bytes = MIB,
        .part_bytes_min = MIB,
        .part_wait_ms = UINT32_MAX,
        .retries_max = 3,
        .retry_parts = true,
        .attempts_reset = true,
        .unreachable_is_attempt = true,
        .quota_is_attempt = true,
        .backoff = RH_BACKOFF_POWER,
        .delay_ms = 1000,
        .delay_ms_max = 60000,
        .jitter_ms = 1000,
        .idle_ms_min = 15000,
        .idle_ms_max = 60000,
        .coding = RH_CODING_AUTO,
        .quota_ms = 30000,
        .traits = RH_TRAIT_SEALED_ONLY | RH_TRAIT_FIXED_PARTS,
        .probe = true,
        .spread_ms = 500,
    },
    {
        /* 001: one chunk at a time, 2 s doubling to 60 s and staying there. */
        .name = "patient",
        .uploads_parallel = 1,
        .parts_parallel = 1,
        .part_bytes = MIB,
        .part_bytes_min = 64 * KIB,
        .part_wait_ms = 4000,
        .retries_max = RH_RETRIES_UNLIMITED,
        .attempts_reset = true,
        .backoff = RH_BACKOFF_POWER,
        .delay_ms = 1000,
        .delay_ms_max = 60000,
        .idle_ms_min = 60000,
        .idle_ms_max = 60000,
        .coding = RH_CODING_AUTO,
        .quota_ms = 30000,
        .free_under_pressure = true,
        .share_min_percent = 10,
        .metered = RH_METERED_SHRINK,
        .probe = true,
        .spread_ms = 500,
    },
    {
        /* 004: large files, in parts whose size follows the file's. */
        .name = "bulk",
        .uploads_parallel = 3,
        .parts_parallel = 3,
        .parts_parallel_all = 6,
        .flight_bytes_max = 128 * MIB,
        .part_bytes = 32 * MIB,
        .steps_count = 2,
        .steps = {{100 * MIB - 1, 8 * MIB}, {1024 * MIB, 16 * MIB}},
        .part_bytes_min = 64 * KIB,
        .part_wait_ms = 4000,
        .retries_max = 3,
        .retry_parts = true,
        .backoff = RH_BACKOFF_TABLE,
        .delays_count = 3,
        .delays_ms = {1000, 2000, 4000},
        .idle_ms_min = 15000,
        .idle_ms_max = 60000,
        .coding = RH_CODING_AUTO,
        .quota_ms = 30000,
        .free_under_pressure = true,
        .share_min_percent = 10,
        .metered = RH_METERED_SHRINK,
        .probe = true,
        .spread_ms = 500,
    },
};
const uint32_t rh_policies_count = sizeof rh_policies / sizeof rh_policies[0];

const struct rh_policy *rh_policy_find(struct rh_bytes name)
{
    for (uint32_t i = 0; i < rh_policies_count; i++)
        if (rh_bytes_equal_str(name, rh_policies[i].name))
            return &rh_policies[i];
    return NULL;
}

/* Every field that can be set. Enums and booleans are checked against `max`. */
enum field_type { FIELD_U32, FIELD_BOOL, FIELD_BACKOFF, FIELD_KEEP, FIELD_CODING, FIELD_METERED };

struct field {
    char name[24];
    uint16_t place;
    uint8_t type;
    uint32_t min;
    uint32_t max;
};

#define U32(field, min, max)                                                                       \
    {                                                                                              \
#field, offsetof(struct rh_policy, field), FIELD_U32, min, max                             \
    }
#define BOOL(field)                                                                                \
    {                                                                                              \
#field, offsetof(struct rh_policy, field), FIELD_BOOL, 0, 1                                \
    }
#define DELAY(i)                                                                                   \
    {                                                                                              \
        "delays_ms." #i, offsetof(struct rh_policy, delays_ms[i]), FIELD_U32, 0, UINT32_MAX        \
    }

#define STEP(i)                                                                                    \
    {"steps." #i ".size_max", offsetof(struct rh_policy, steps[i].size_max), FIELD_U32, 0,         \
     UINT32_MAX},                                                                                  \
    {                                                                                              \
        "steps." #i ".part_bytes", offsetof(struct rh_policy, steps[i].part_bytes), FIELD_U32, 1,  \
            1u << 30                                                                               \
    }

static const struct field fields[] = {
    U32(uploads_parallel, 1, 64),
    U32(parts_parallel, 1, 64),
    U32(parts_parallel_all, 0, 1024),
    U32(flight_bytes_max, 0, UINT32_MAX),
    U32(part_bytes, 1, 1u << 30),
    U32(steps_count, 0, RH_STEPS_MAX),
    STEP(0),
    STEP(1),
    STEP(2),
    STEP(3),
    U32(part_bytes_min, 1, 1u << 30),
    U32(part_wait_ms, 0, UINT32_MAX),
    U32(gap_ms, 0, UINT32_MAX),
    U32(retries_max, 0, UINT32_MAX),
    BOOL(retry_parts),
    BOOL(set_aside),
    BOOL(attempts_reset),
    BOOL(unreachable_is_attempt),
    BOOL(offline_is_attempt),
    BOOL(quota_is_attempt),
    {"backoff", 0, FIELD_BACKOFF, 0, RH_BACKOFF_POWER},
    U32(delay_ms, 0, UINT32_MAX),
    U32(delay_ms_max, 0, UINT32_MAX),
    U32(jitter_ms, 0, UINT32_MAX),
    U32(delays_count, 0, RH_DELAYS_MAX),
    DELAY(0),
    DELAY(1),
    DELAY(2),
    DELAY(3),
    DELAY(4),
    DELAY(5),
    DELAY(6),
    DELAY(7),
    U32(idle_ms_min, 1, UINT32_MAX),
    U32(idle_ms_max, 1, UINT32_MAX),
    U32(quota_ms, 1, UINT32_MAX),
    {"keep", 0, FIELD_KEEP, 0, RH_KEEP_FOR_GOOD},
    {"coding", 0, FIELD_CODING, 0, RH_CODING_ALWAYS},
    BOOL(free_under_pressure),
    U32(share_min_percent, 0, 100),
    {"metered", 0, FIELD_METERED, 0, RH_METERED_WAIT},
    BOOL(probe),
    U32(spread_ms, 0, 60000),
    U32(traits, 0, RH_TRAITS_ALL),
};

enum rh_error rh_policy_set(struct rh_policy *policy, struct rh_bytes field, uint32_t value)
{
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (!rh_bytes_equal_str(field, fields[i].name))
            continue;
        if (value < fields[i].min || value > fields[i].max)
            return RH_ERR_RANGE;
        unsigned char *at = (unsigned char *)policy + fields[i].place;
        switch ((enum field_type)fields[i].type) {
        case FIELD_U32:
            *(uint32_t *)(void *)at = value;
            break;
        case FIELD_BOOL:
            *(bool *)(void *)at = value != 0;
            break;
        case FIELD_BACKOFF:
            policy->backoff = (enum rh_backoff)value;
            break;
        case FIELD_KEEP:
            policy->keep = (enum rh_keep)value;
            break;
        case FIELD_CODING:
            policy->coding = (enum rh_coding_use)value;
            break;
        default:
            policy->metered = (enum rh_metered)value;
            break;
        }
        return RH_OK;
    }
    return RH_ERR_UNKNOWN;
}

/* delay << n, cut at the maximum without overflow. */
static uint64_t shifted(uint64_t delay_ms, uint32_t n, uint64_t delay_ms_max)
{
    for (uint32_t i = 0; i < n && delay_ms < delay_ms_max; i++)
        delay_ms *= 2;
    return delay_ms < delay_ms_max ? delay_ms : delay_ms_max;
}

rh_ms rh_policy_delay(const struct rh_policy *policy, struct rh_rng *rng, uint32_t failures)
{
    uint32_t n = failures == 0 ? 1 : failures;
    uint64_t top;
    switch (policy->backoff) {
    case RH_BACKOFF_TABLE:
        if (policy->delays_count == 0)
            return policy->delay_ms;
        return policy->delays_ms[(n <= policy->delays_count ? n : policy->delays_count) - 1];
    case RH_BACKOFF_FULL_JITTER:
        top = shifted(policy->delay_ms, n, policy->delay_ms_max);
        if (top <= policy->delay_ms)
            return policy->delay_ms;
        return policy->delay_ms + rh_rng_below(rng, top - policy->delay_ms + 1);
    default:
        break;
    }
    top = shifted(policy->delay_ms, n, policy->delay_ms_max);
    return top + (policy->jitter_ms > 0 ? rh_rng_below(rng, (uint64_t)policy->jitter_ms + 1) : 0);
}
