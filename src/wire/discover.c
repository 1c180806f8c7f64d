/* SPDX-License-Identifier: MIT */
/* What a server says about itself when it is asked with OPTIONS. */
#include "base/mem.h"
#include "wire/dialect.h"

/* The next item of a comma-separated list; false at its end. */
static bool next_item(struct rh_bytes *list, struct rh_bytes *item)
{
    if (list->size == 0)
        return false;
    size_t comma = rh_bytes_find(*list, ',');
    *item = rh_bytes_trim((struct rh_bytes){list->data, comma});
    comma += comma < list->size;
    *list = (struct rh_bytes){list->data + comma, list->size - comma};
    return true;
}

static void read_extensions(struct rh_wire_offer *offer, struct rh_bytes list)
{
    struct rh_bytes item;
    while (next_item(&list, &item)) {
        offer->creation |= rh_bytes_equal_str(item, "creation");
        if (rh_bytes_equal_str(item, "creation-defer-length"))
            offer->abilities |= RH_WIRE_CAN_DEFER;
        else if (rh_bytes_equal_str(item, "termination"))
            offer->abilities |= RH_WIRE_CAN_DELETE;
        else if (rh_bytes_equal_str(item, "concatenation"))
            offer->abilities |= RH_WIRE_CAN_CONCAT;
    }
}

static bool lists(struct rh_bytes list, const char *wanted)
{
    struct rh_bytes item;
    while (next_item(&list, &item))
        if (rh_bytes_equal_str(item, wanted))
            return true;
    return false;
}

void rh_wire_offer_init(struct rh_wire_offer *offer, uint16_t status)
{
    rh_mem_set(offer, 0, sizeof *offer);
    offer->status = status;
    offer->size_max = RH_SIZE_UNKNOWN;
}

void rh_wire_offer_header(struct rh_wire_offer *offer, struct rh_bytes name, struct rh_bytes value)
{
    uint64_t number;
    value = rh_bytes_trim(value);
    if (rh_bytes_equal_nocase(name, rh_bytes_of("Reelhaul-Protocols")) ||
        rh_bytes_equal_nocase(name, rh_bytes_of("Reelhaul-Error")))
        offer->ours = true; /* older ones refuse the question, in words of their own */
    else if (rh_bytes_equal_nocase(name, rh_bytes_of("Tus-Version")))
        offer->tus = lists(value, "1.0.0");
    else if (rh_bytes_equal_nocase(name, rh_bytes_of("Tus-Extension")))
        read_extensions(offer, value);
    else if (rh_bytes_equal_nocase(name, rh_bytes_of("Tus-Checksum-Algorithm")))
        offer->abilities |= lists(value, "crc64nvme") ? RH_WIRE_CAN_CRC64 : 0;
    else if (rh_bytes_equal_nocase(name, rh_bytes_of("Tus-Max-Size")) &&
             rh_bytes_parse_u64(value, &number) == RH_OK && number > 0)
        offer->size_max = number; /* tusd says 0 for no limit */
    else if (rh_bytes_equal_nocase(name, rh_bytes_of("Upload-Limit")))
        offer->resumable = true;
}

const struct rh_wire_dialect *rh_wire_offer_pick(const struct rh_wire_offer *offer)
{
    if (offer->ours)
        return &rh_wire_videos;
    if (offer->status < 200 || offer->status > 299)
        return NULL;
    if (offer->tus && offer->creation)
        return &rh_wire_tus;
    return offer->resumable ? &rh_wire_resumable : NULL;
}

uint32_t rh_wire_offer_abilities(const struct rh_wire_offer *offer,
                                 const struct rh_wire_dialect *dialect)
{
    if (dialect == &rh_wire_tus)
        return offer->abilities;
    /* The draft needs no extensions for these; with chunks neither is possible. */
    bool draft = dialect == &rh_wire_resumable || dialect == &rh_wire_resumable6;
    return draft ? RH_WIRE_CAN_DEFER | RH_WIRE_CAN_DELETE : 0;
}
