/* SPDX-License-Identifier: MIT */
/* Batches as the witness keeps them: what is read, written again, is the same bytes. */
#include <stdlib.h>

#include "base/assert.h"
#include "input.h"
#include "vault/witness.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rh_batch batch = {0};
    uint8_t *again = NULL;
    size_t again_size = 0;
    size_t taken = 0;
    if (rh_witness_decode((struct rh_bytes){data, size}, &batch) != RH_OK) {
        RH_ASSERT(batch.count == 0);
        return 0;
    }
    if (batch.count > 0) {
        RH_ASSERT(rh_witness_encode(&batch, 0, SIZE_MAX, &again, &again_size, &taken) == RH_OK);
        RH_ASSERT(taken == batch.count);
        RH_ASSERT(again_size == size);
        RH_ASSERT(memcmp(again, data, size) == 0);
    }
    free(again);
    rh_batch_free(&batch);
    return 0;
}
