/* SPDX-License-Identifier: MIT */
#include "engine/ledger.h"

#include "base/assert.h"
#include "base/crc64.h"

enum strength { CLAIMED, VERIFIED, SAFE, STRENGTHS };

static enum strength strength_of(const struct rh_interval *i)
{
    if (!i->verified)
        return CLAIMED;
    return i->kept ? SAFE : VERIFIED;
}

static uint64_t end_of(const struct rh_interval *i)
{
    return i->offset + i->length;
}

void rh_ledger_init(struct rh_ledger *ledger, struct rh_interval *items, uint32_t count)
{
    ledger->items = items;
    ledger->free = 0;
    for (uint32_t i = 0; i < count; i++)
        items[i].next = i + 1 < count ? i + 1 : RH_NO_INDEX;
}

void rh_interval_list_init(struct rh_interval_list *list)
{
    list->first = RH_NO_INDEX;
    list->count = 0;
}

void rh_ledger_clear(struct rh_ledger *ledger, struct rh_interval_list *list)
{
    while (list->first != RH_NO_INDEX) {
        uint32_t at = list->first;
        list->first = ledger->items[at].next;
        ledger->items[at].next = ledger->free;
        ledger->free = at;
    }
    list->count = 0;
}

/* The link that points at the interval `at`, or where one at that place would be linked. */
static uint32_t *link_before(const struct rh_books *b, uint64_t offset)
{
    uint32_t *link = &b->acks->first;
    while (*link != RH_NO_INDEX && b->ledger->items[*link].offset < offset)
        link = &b->ledger->items[*link].next;
    return link;
}

static void drop(const struct rh_books *b, uint32_t *link)
{
    uint32_t at = *link;
    *link = b->ledger->items[at].next;
    b->ledger->items[at].next = b->ledger->free;
    b->ledger->free = at;
    b->acks->count--;
    b->acks->changes++;
}

static enum rh_error insert(const struct rh_books *b, const struct rh_interval *interval)
{
    uint32_t at = b->ledger->free;
    if (at == RH_NO_INDEX)
        return RH_ERR_LIMIT;
    b->ledger->free = b->ledger->items[at].next;
    uint32_t *link = link_before(b, interval->offset);
    b->ledger->items[at] = *interval;
    b->ledger->items[at].next = *link;
    *link = at;
    b->acks->count++;
    b->acks->changes++;
    return RH_OK;
}

/* Gives an interval the checksum that our segments give, if it still ends on their boundaries. */
static void refresh_crc(const struct rh_books *b, struct rh_interval *i)
{
    struct rh_range range = {i->offset, i->length};
    bool aligned = rh_segments_crc(b->segments, b->source, range, &i->crc64);
    i->crc_known = i->verified && aligned;
    i->verified = i->crc_known;
}

/* Takes the range out of the intervals weaker than `below`. */
static enum rh_error cut_below(const struct rh_books *b, struct rh_range range, enum strength below)
{
    uint64_t end = range.offset + range.length;
    uint32_t *link = &b->acks->first;
    while (*link != RH_NO_INDEX) {
        struct rh_interval *i = &b->ledger->items[*link];
        if (i->offset >= end)
            return RH_OK;
        if (end_of(i) <= range.offset || strength_of(i) >= below) {
            link = &i->next;
            continue;
        }
        struct rh_interval tail = *i;
        bool head_stays = i->offset < range.offset;
        bool tail_stays = end_of(i) > end;
        tail.length = tail_stays ? end_of(i) - end : 0;
        tail.offset = end;
        if (!head_stays && !tail_stays) {
            drop(b, link);
            continue;
        }
        if (!head_stays) {
            i->offset = tail.offset;
            i->length = tail.length;
            refresh_crc(b, i);
            return RH_OK;
        }
        i->length = range.offset - i->offset;
        refresh_crc(b, i);
        if (tail_stays) {
            refresh_crc(b, &tail);
            return insert(b, &tail);
        }
        link = &i->next;
    }
    return RH_OK;
}

enum rh_error rh_ledger_cut(const struct rh_books *books, struct rh_range range)
{
    if (range.length == 0 || range.offset > UINT64_MAX - range.length)
        return RH_ERR_RANGE;
    return cut_below(books, range, STRENGTHS);
}

/* Does our own checksum confirm it (1), contradict it (-1), or not say (0)? */
static int verdict(const struct rh_books *b, struct rh_range range, uint64_t crc64)
{
    uint64_t ours;
    if (!rh_segments_crc(b->segments, b->source, range, &ours))
        return 0;
    return ours == crc64 ? 1 : -1;
}

static bool joinable(const struct rh_interval *a, const struct rh_interval *b)
{
    return end_of(a) == b->offset && a->verified == b->verified && a->crc_known == b->crc_known &&
           (a->kept == b->kept || !a->verified);
}

/*
 * Joins neighbours until nothing changes. A join of unverified intervals may become verifiable:
 * then it is verified, or taken out as a contradiction. Each round frees an interval or turns one
 * verified, so it ends.
 */
static enum rh_error coalesce(const struct rh_books *b)
{
    enum rh_error result = RH_OK;
    uint32_t *link = &b->acks->first;
    while (*link != RH_NO_INDEX && b->ledger->items[*link].next != RH_NO_INDEX) {
        struct rh_interval *a = &b->ledger->items[*link];
        const struct rh_interval *n = &b->ledger->items[a->next];
        if (!joinable(a, n)) {
            link = &a->next;
            continue;
        }
        if (a->crc_known)
            a->crc64 = rh_crc64_combine(a->crc64, n->crc64, n->length);
        a->length += n->length;
        a->kept = a->kept && n->kept;
        drop(b, &a->next);
        if (a->verified || !a->crc_known)
            continue;
        struct rh_range range = {a->offset, a->length};
        int says = verdict(b, range, a->crc64);
        if (says < 0) {
            result = RH_ERR_CHECKSUM;
            drop(b, link);
        }
        if (says > 0) {
            a->verified = true;
            b->acks->changes++;
        }
        if (says != 0)
            link = &b->acks->first; /* its neighbour before may be joinable now */
    }
    return result;
}

/* Inserts the pieces of the ack that no interval covers. */
static enum rh_error fill(const struct rh_books *b, const struct rh_interval *whole)
{
    uint64_t at = whole->offset;
    uint64_t end = end_of(whole);
    while (at < end) {
        struct rh_range run = {end, 0};
        bool any = rh_ledger_run(b, at, &run);
        uint64_t stop = any && run.offset < end ? run.offset : end;
        if (stop > at) {
            struct rh_interval piece = *whole;
            piece.offset = at;
            piece.length = stop - at;
            if (piece.length != whole->length)
                refresh_crc(b, &piece);
            if (insert(b, &piece) != RH_OK)
                return RH_ERR_LIMIT;
        }
        at = any ? run.offset + run.length : end;
    }
    return RH_OK;
}

enum rh_error rh_ledger_add(const struct rh_books *books, const struct rh_ack *ack)
{
    if (ack->length == 0 || ack->offset > UINT64_MAX - 1 - ack->length)
        return RH_ERR_RANGE;
    struct rh_range range = {ack->offset, ack->length};
    struct rh_interval whole = {
        .offset = ack->offset,
        .length = ack->length,
        .crc64 = ack->crc64,
        .crc_known = ack->crc_known,
        .kept = ack->kept && ack->durable,
    };
    if (ack->crc_known) {
        int says = verdict(books, range, ack->crc64);
        if (says < 0)
            return RH_ERR_CHECKSUM;
        whole.verified = says > 0;
    }
    if (whole.verified && cut_below(books, range, strength_of(&whole)) != RH_OK)
        return RH_ERR_LIMIT;
    enum rh_error error = fill(books, &whole);
    enum rh_error joined = coalesce(books);
    return error != RH_OK ? error : joined;
}

bool rh_ledger_replace(const struct rh_books *books, const struct rh_ack *acks, uint32_t count)
{
    bool contradicted = false;
    uint64_t at = 0;
    /* What the list leaves out is not on the server any more, whatever was promised. */
    for (uint32_t i = 0; i < count; i++) {
        if (acks[i].offset > at)
            (void)rh_ledger_cut(books, (struct rh_range){at, acks[i].offset - at});
        uint64_t end = acks[i].offset + acks[i].length;
        at = end > at ? end : at;
    }
    if (count < RH_RANGES_MAX)
        (void)rh_ledger_cut(books, (struct rh_range){at, UINT64_MAX - 1 - at});
    for (uint32_t i = 0; i < count; i++) {
        struct rh_range range = {acks[i].offset, acks[i].length};
        if (range.length == 0)
            continue;
        (void)cut_below(books, range, VERIFIED);
        if (rh_ledger_add(books, &acks[i]) != RH_ERR_CHECKSUM)
            continue;
        contradicted = true;
        (void)rh_ledger_cut(books, range);
    }
    return contradicted;
}

bool rh_ledger_run(const struct rh_books *books, uint64_t offset, struct rh_range *run)
{
    bool found = false;
    for (uint32_t at = books->acks->first; at != RH_NO_INDEX; at = books->ledger->items[at].next) {
        const struct rh_interval *i = &books->ledger->items[at];
        if (end_of(i) <= offset)
            continue;
        if (!found) {
            found = true;
            run->offset = i->offset > offset ? i->offset : offset;
            run->length = end_of(i) - run->offset;
            continue;
        }
        if (i->offset != run->offset + run->length)
            break;
        run->length += i->length;
    }
    return found;
}

bool rh_ledger_covers(const struct rh_books *books, struct rh_range range)
{
    struct rh_range run;
    if (range.length == 0)
        return true;
    return rh_ledger_run(books, range.offset, &run) && run.offset == range.offset &&
           run.length >= range.length;
}

uint64_t rh_ledger_bytes(const struct rh_books *books)
{
    uint64_t bytes = 0;
    for (uint32_t at = books->acks->first; at != RH_NO_INDEX; at = books->ledger->items[at].next)
        bytes += books->ledger->items[at].length;
    return bytes;
}

bool rh_ledger_safe_run(const struct rh_books *books, uint64_t offset, struct rh_range *run)
{
    for (uint32_t at = books->acks->first; at != RH_NO_INDEX; at = books->ledger->items[at].next) {
        const struct rh_interval *i = &books->ledger->items[at];
        if (end_of(i) <= offset || strength_of(i) != SAFE)
            continue;
        run->offset = i->offset > offset ? i->offset : offset;
        run->length = end_of(i) - run->offset;
        return true;
    }
    return false;
}
