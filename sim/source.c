/* SPDX-License-Identifier: MIT */
#include "source.h"

#include <string.h>

#include "sim.h"

#define STEP 4099 /* a prime: no two uploads are a multiple of a sector apart */

static uint8_t pool[SIM_SIZE_MAX + SIM_UPLOADS_MAX * STEP + 8];

const uint8_t *sim_source(uint32_t upload)
{
    static bool filled;
    if (!filled) {
        struct rh_rng rng;
        rh_rng_init(&rng, 1);
        for (size_t i = 0; i + 8 <= sizeof pool; i += 8) {
            uint64_t value = rh_rng_next(&rng);
            memcpy(pool + i, &value, 8);
        }
        filled = true;
    }
    return pool + (size_t)upload * STEP;
}
