/* SPDX-License-Identifier: MIT */
/* The words of mission 4.7 for what went wrong. */
#include "engine/state.h"

const char *rh_fault_name(enum rh_fault fault)
{
    static const char names[][24] = {
        "",
        "NETWORK_ERROR",
        "CHUNK_UPLOAD_FAILED",
        "UPLOAD_INIT_FAILED",
        "UPLOAD_COMPLETE_FAILED",
        "VALIDATION_ERROR",
    };
    return (unsigned)fault <= RH_FAULT_VALIDATION ? names[fault] : "";
}

/* Of a request. An ask belongs to the beginning: it finds out where to go on. */
static enum rh_fault of_request(enum rh_send_kind kind, enum rh_outcome outcome)
{
    switch (outcome) {
    case RH_OUTCOME_NETWORK:
    case RH_OUTCOME_TIMEOUT:
    case RH_OUTCOME_MALFORMED:
    case RH_OUTCOME_GONE_BARE:
        return RH_FAULT_NETWORK;
    case RH_OUTCOME_REJECTED:
        return RH_FAULT_VALIDATION;
    default:
        break;
    }
    if (kind == RH_SEND_PART)
        return RH_FAULT_CHUNK_UPLOAD;
    return kind == RH_SEND_FINISH ? RH_FAULT_UPLOAD_COMPLETE : RH_FAULT_UPLOAD_INIT;
}

static uint32_t part_number(const struct rh_engine *e, const struct rh_upload *u, uint64_t offset)
{
    uint64_t number = offset / rh_link_geometry(e, u) + 1;
    return number > UINT32_MAX ? UINT32_MAX : (uint32_t)number;
}

void rh_fault_note(const struct rh_engine *engine, struct rh_upload *u,
                   const struct rh_request *request, enum rh_outcome outcome)
{
    u->fault = of_request(request->kind, outcome);
    u->fault_part =
        request->kind == RH_SEND_PART ? part_number(engine, u, request->range.offset) : 0;
}

/* What no request says: that trying again cannot help, or that parts were set aside. */
void rh_fault_end(const struct rh_engine *engine, struct rh_upload *u, enum rh_reason reason)
{
    switch (reason) {
    case RH_REASON_BYTES_MISSING:
    case RH_REASON_REJECTED:
    case RH_REASON_CONFLICT:
    case RH_REASON_SUPERSEDED:
    case RH_REASON_EXPIRED:
        u->fault = RH_FAULT_VALIDATION;
        return;
    default:
        break;
    }
    if (u->fault != RH_FAULT_NONE)
        return;
    u->fault = RH_FAULT_CHUNK_UPLOAD;
    uint32_t index = rh_engine_index(engine, u);
    for (uint32_t i = 0; i < engine->limits.parts_max; i++) {
        const struct rh_request *r = &engine->requests[i];
        if (r->phase == RH_REQUEST_ASIDE && r->upload == index)
            u->fault_part = part_number(engine, u, r->range.offset);
    }
}
