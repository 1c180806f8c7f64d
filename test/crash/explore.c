/* SPDX-License-Identifier: MIT */
#include "explore.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/crc64.h"
#include "shim.h"
#include "verify.h"

#define SECTOR      512
#define PENDING_MAX 4096

/* ---- What is pending ---- */

enum atom_part {
    PART_WHOLE = 0,
    PART_TO,   /* of a rename across directories: the new name */
    PART_FROM, /* … the old one is gone */
};

struct atom {
    const struct tape_op *op;
    size_t at; /* on the tape */
    enum atom_part part;
};

enum choice {
    CHOICE_OFF = 0,
    CHOICE_ON,
    CHOICE_TORN,
};

struct walk {
    struct explore *x;
    const struct tape *tape;
    size_t end;        /* of the operations that are looked at */
    struct image base; /* what is sure */
    struct atom pending[PENDING_MAX];
    size_t count;
    uint8_t choice[PENDING_MAX];
    size_t mark;  /* the newest promise; SIZE_MAX: none yet */
    size_t point; /* on the tape */
    unsigned depth;
    struct rh_rng rng;
    uint64_t *seen; /* hashes of states that were checked; a table */
    size_t seen_count;
    size_t seen_cap;
};

static bool is_name(const struct atom *atom)
{
    return atom->op->kind == TAPE_SET || atom->op->kind == TAPE_MOVE;
}

static bool touches(const struct atom *atom, uint32_t entry)
{
    bool to = atom->part != PART_FROM && atom->op->entry == entry;
    bool from =
        atom->part != PART_TO && atom->op->kind == TAPE_MOVE && atom->op->entry_from == entry;
    return to || from;
}

/* Whether `later` can be there only where `earlier` is. */
static bool requires(const struct atom *later, const struct atom *earlier)
{
    if (!is_name(later) || !is_name(earlier))
        return false;
    if (later->op == earlier->op) /* the old name goes after the new one has come */
        return true;
    bool to = later->part != PART_FROM && touches(earlier, later->op->entry);
    bool from = later->part != PART_TO && later->op->kind == TAPE_MOVE &&
                touches(earlier, later->op->entry_from);
    return to || from;
}

static uint32_t dir_of(const struct walk *walk, uint32_t entry)
{
    return walk->tape->names.items[entry].dir;
}

static bool syncs(const struct walk *walk, uint32_t node, const struct atom *atom)
{
    const struct tape_op *op = atom->op;
    if (!is_name(atom))
        return op->node == node;
    bool to = atom->part != PART_FROM && dir_of(walk, op->entry) == node;
    bool from =
        atom->part != PART_TO && op->kind == TAPE_MOVE && dir_of(walk, op->entry_from) == node;
    return to || from;
}

/* Adds whatever the chosen ones require. */
static void close_choice(const struct walk *walk, uint8_t *choice)
{
    for (size_t i = walk->count; i-- > 0;)
        for (size_t k = 0; choice[i] != CHOICE_OFF && k < i; k++)
            if (choice[k] == CHOICE_OFF && requires(&walk->pending[i], &walk->pending[k]))
                choice[k] = CHOICE_ON;
}

static bool is_closed(const struct walk *walk, const uint8_t *choice)
{
    for (size_t i = walk->count; i-- > 0;)
        for (size_t k = 0; choice[i] != CHOICE_OFF && k < i; k++)
            if (choice[k] == CHOICE_OFF && requires(&walk->pending[i], &walk->pending[k]))
                return false;
    return true;
}

/* ---- Applying ---- */

static void write_sectors(struct image *image, const struct tape_op *op, struct rh_rng *rng)
{
    uint64_t end = op->offset + op->size;
    /* A tear in order (the head arrived), in any order, or the length alone. */
    uint64_t how = rh_rng_below(rng, 4);
    uint64_t head = op->offset + rh_rng_below(rng, op->size + 1);
    for (uint64_t at = op->offset; at < end;) {
        uint64_t next = (at / SECTOR + 1) * SECTOR;
        next = next < end ? next : end;
        bool there = how == 0 ? next <= head : how == 1 ? false : rh_rng_below(rng, 2) == 0;
        if (there)
            image_write(image, op->node, at, op->bytes + (at - op->offset), (size_t)(next - at));
        at = next;
    }
    bool length_too = how == 1 || rh_rng_below(rng, 2) == 0;
    if (length_too && image->nodes[op->node].size < end)
        image_resize(image, op->node, end);
}

static void apply(const struct walk *walk, struct image *image, const struct atom *atom,
                  enum choice choice, struct rh_rng *rng)
{
    const struct tape_op *op = atom->op;
    if (choice == CHOICE_OFF)
        return;
    if (op->node != IMAGE_NONE && op->node >= image->node_count)
        image_node(image, op->node, walk->tape->live.nodes[op->node].is_dir);
    switch (op->kind) {
    case TAPE_SET:
        image_set(image, op->entry, op->node);
        return;
    case TAPE_MOVE:
        if (atom->part != PART_FROM)
            image_set(image, op->entry, op->node);
        if (atom->part != PART_TO)
            image_set(image, op->entry_from, IMAGE_NONE);
        return;
    case TAPE_WRITE:
        if (choice == CHOICE_TORN)
            write_sectors(image, op, rng);
        else
            image_write(image, op->node, op->offset, op->bytes, (size_t)op->size);
        return;
    case TAPE_TRUNCATE:
        image_resize(image, op->node, op->size);
        return;
    case TAPE_SYNC:
    case TAPE_MARK:
        break;
    }
    RH_ASSERT(false);
}

/* image_node of a node in the middle makes the ones before it files: each gets its kind here. */
static void add_pending(struct walk *walk, const struct tape_op *op, size_t at)
{
    RH_ASSERT(walk->count + 2 <= PENDING_MAX);
    if (op->node != IMAGE_NONE)
        for (uint32_t n = (uint32_t)walk->base.node_count; n <= op->node; n++)
            image_node(&walk->base, n, walk->tape->live.nodes[n].is_dir);
    bool across = op->kind == TAPE_MOVE && dir_of(walk, op->entry) != dir_of(walk, op->entry_from);
    walk->pending[walk->count++] =
        (struct atom){.op = op, .at = at, .part = across ? PART_TO : PART_WHOLE};
    if (across)
        walk->pending[walk->count++] = (struct atom){.op = op, .at = at, .part = PART_FROM};
}

/* What a sync makes sure; none of it: 0. */
static size_t choose_synced(const struct walk *walk, uint32_t node, uint8_t *choice)
{
    size_t count = 0;
    for (size_t i = 0; i < walk->count; i++) {
        choice[i] = syncs(walk, node, &walk->pending[i]) ? CHOICE_ON : CHOICE_OFF;
        count += choice[i] != CHOICE_OFF;
    }
    close_choice(walk, choice);
    return count;
}

static void make_sure(struct walk *walk, const uint8_t *choice)
{
    size_t left = 0;
    for (size_t i = 0; i < walk->count; i++) {
        apply(walk, &walk->base, &walk->pending[i], choice[i], NULL);
        if (choice[i] == CHOICE_OFF)
            walk->pending[left++] = walk->pending[i];
    }
    walk->count = left;
}

/* ---- Saying what went wrong ---- */

static const char *name_of(const struct tape *tape, uint32_t node)
{
    for (size_t i = 0; i < tape->count; i++) {
        const struct tape_op *op = &tape->ops[i];
        if ((op->kind == TAPE_SET || op->kind == TAPE_MOVE) && op->node == node)
            return tape->names.items[op->entry].text;
    }
    const char *name = tape_name(tape, node);
    return name[0] != '\0' ? name : "(root)";
}

static void print_op(const struct tape *tape, const struct tape_op *op)
{
    const struct image_name *names = tape->names.items;
    switch (op->kind) {
    case TAPE_SET:
        printf("%s %s", op->node == IMAGE_NONE ? "remove" : "make", names[op->entry].text);
        return;
    case TAPE_MOVE:
        printf("rename %s to %s", names[op->entry_from].text, names[op->entry].text);
        return;
    case TAPE_WRITE:
        printf("write %s %lu+%lu", name_of(tape, op->node), (unsigned long)op->offset,
               (unsigned long)op->size);
        return;
    case TAPE_TRUNCATE:
        printf("truncate %s to %lu", name_of(tape, op->node), (unsigned long)op->size);
        return;
    case TAPE_SYNC:
        printf("sync %s", name_of(tape, op->node));
        return;
    case TAPE_MARK:
        printf("mark %zu%s", op->mark, op->relaxes ? " (relaxes)" : "");
        return;
    }
}

static void print_state(const struct walk *walk, const char *problem)
{
    static const char *const words[] = {"lost", "kept", "torn"};
    static const char *const parts[] = {"", " (new name)", " (old name)"};
    printf("FAILED %s: %s\n", walk->x->label, problem);
    printf("  crash %s before operation %zu of %zu: ", walk->depth > 0 ? "of the recovery" : "",
           walk->point, walk->end);
    if (walk->point < walk->end)
        print_op(walk->tape, &walk->tape->ops[walk->point]);
    printf("\n  mark %zd; pending:\n", (ssize_t)walk->mark);
    for (size_t i = 0; i < walk->count; i++) {
        printf("    %4zu %s: ", walk->pending[i].at, words[walk->choice[i]]);
        print_op(walk->tape, walk->pending[i].op);
        printf("%s\n", parts[walk->pending[i].part]);
    }
    fflush(stdout);
}

/* ---- One state ---- */

static bool is_new(struct walk *walk, uint64_t hash)
{
    if (walk->seen_count * 2 >= walk->seen_cap) {
        size_t cap = walk->seen_cap == 0 ? 1024 : walk->seen_cap * 2;
        uint64_t *table = calloc(cap, sizeof *table);
        RH_ASSERT(table != NULL);
        for (size_t i = 0; i < walk->seen_cap; i++) {
            size_t slot = walk->seen[i] % cap;
            while (walk->seen[i] != 0 && table[slot] != 0)
                slot = (slot + 1) % cap;
            if (walk->seen[i] != 0)
                table[slot] = walk->seen[i];
        }
        free(walk->seen);
        walk->seen = table;
        walk->seen_cap = cap;
    }
    hash |= 1;
    size_t slot = hash % walk->seen_cap;
    while (walk->seen[slot] != 0 && walk->seen[slot] != hash)
        slot = (slot + 1) % walk->seen_cap;
    if (walk->seen[slot] == hash)
        return false;
    walk->seen[slot] = hash;
    walk->seen_count++;
    return true;
}

static void walk_tape(struct walk *walk);

static void crash_recovery(struct walk *outer, const struct tape *tape, size_t end)
{
    struct walk *walk = calloc(1, sizeof *walk);
    RH_ASSERT(walk != NULL);
    walk->x = outer->x;
    walk->tape = tape;
    walk->end = end;
    walk->mark = outer->mark;
    walk->depth = outer->depth + 1;
    rh_rng_init(&walk->rng, rh_rng_next(&outer->rng));
    walk_tape(walk);
    free(walk->seen);
    free(walk);
}

static const struct promise *promise_of(const struct walk *walk)
{
    static const struct promise none;
    return walk->mark == SIZE_MAX ? &none : &walk->x->of->promises[walk->mark];
}

static void verify_all(struct world *w, const struct promise *promise)
{
    if (w->problem[0] == '\0')
        verify_promise(w, promise);
    if (w->problem[0] == '\0')
        verify_continues(w, promise);
}

static void found(struct walk *walk, const char *problem)
{
    struct explore *x = walk->x;
    if (x->counts.problems++ == 0)
        snprintf(x->first_problem, sizeof x->first_problem, "%s", problem);
    if (x->counts.problems <= x->options->problems_max && !x->options->is_quiet)
        print_state(walk, problem);
}

/* SQLite's shared memory may be anything after a crash: it must be made anew. */
static void leave_shared_memory(const char *place)
{
    char path[IMAGE_PATH];
    uint8_t bytes[32768];
    snprintf(path, sizeof path, "%s/data/reelhaul.db", place);
    if (access(path, F_OK) != 0)
        return;
    snprintf(path, sizeof path, "%s/data/reelhaul.db-shm", place);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    memset(bytes, 0xa5, sizeof bytes);
    if (fd < 0 || pwrite(fd, bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        abort();
    close(fd);
}

static void check_state(struct walk *walk, const struct image *image)
{
    static struct world w; /* too large for a stack that recurses; one is open at a time */
    static struct tape tapes[2];
    struct explore *x = walk->x;
    struct tape *tape = &tapes[walk->depth];
    char path[IMAGE_PATH - 256];
    char problem[sizeof w.problem];
    const struct explore_options *o = x->options;
    bool nested =
        walk->depth == 0 && o->nested_every > 0 && x->counts.states % o->nested_every == 0;
    x->counts.states++;
    x->counts.nested += walk->depth > 0;
    snprintf(path, sizeof path, "%s/%u", x->place, walk->depth);
    if ((mkdir(path, 0700) != 0 && errno != EEXIST) || !image_clear(path) ||
        !image_build(&walk->tape->names, image, path)) {
        printf("%s cannot be built: %s\n", path, strerror(errno));
        abort();
    }
    if (x->counts.states % 2 == 0)
        leave_shared_memory(path);
    world_init_after(&w, path, x->of);
    w.entropy = 900000000 + x->counts.states;
    tape_init(tape, path, &walk->tape->names, image, !nested);
    shim_record(tape); /* also where it is deaf: it gives files the numbers that they had */
    if (world_open(&w))
        world_settle(&w);
    size_t recovered = tape->count;
    if (o->verify == NULL)
        verify_all(&w, promise_of(walk));
    else if (w.problem[0] == '\0' && !o->verify(&w, promise_of(walk)))
        world_problem(&w, "it is not as it should be");
    strcpy(problem, w.problem);
    world_finish(&w);
    shim_record(NULL);
    if (problem[0] != '\0')
        found(walk, problem);
    else if (nested)
        crash_recovery(walk, tape, recovered);
    tape_finish(tape);
}

static bool gave_up(const struct walk *walk)
{
    const struct explore *x = walk->x;
    return x->counts.problems >= x->options->problems_max ||
           (x->stop != NULL && atomic_load(x->stop));
}

/* Makes the state that walk->choice says, unless it was checked before. */
static void try_choice(struct walk *walk)
{
    struct image image;
    char what[256];
    if (gave_up(walk))
        return;
    image_copy(&image, &walk->base);
    for (size_t i = 0; i < walk->count; i++)
        apply(walk, &image, &walk->pending[i], (enum choice)walk->choice[i], &walk->rng);
    uint64_t hash = image_hash(&walk->tape->names, &image);
    hash = rh_crc64_update(hash, &walk->mark, sizeof walk->mark);
    if (is_new(walk, hash)) {
        snprintf(what, sizeof what, "%s, crash before operation %zu, state %zu", walk->x->label,
                 walk->point, walk->x->counts.states);
        if (walk->x->watch != NULL)
            walk->x->watch(what);
        check_state(walk, &image);
    } else {
        walk->x->counts.same++;
    }
    image_finish(&image);
}

/* ---- The states of one point ---- */

static void choose_all(struct walk *walk, enum choice choice)
{
    memset(walk->choice, (int)choice, walk->count);
}

static void try_every_subset(struct walk *walk)
{
    for (uint64_t mask = 0; mask < (uint64_t)1 << walk->count && !gave_up(walk); mask++) {
        for (size_t i = 0; i < walk->count; i++)
            walk->choice[i] = (mask >> i & 1) != 0 ? CHOICE_ON : CHOICE_OFF;
        if (is_closed(walk, walk->choice))
            try_choice(walk);
    }
}

/* The telling ones first: nothing, all, all but one, one alone, heads; then any. */
static void choose_sample(struct walk *walk, size_t number)
{
    size_t n = walk->count;
    size_t kind = number - 2 < n * 3 ? (number - 2) % 3 : 3;
    size_t at = n > 0 ? (number - 2) / 3 % n : 0;
    choose_all(walk, number == 1 ? CHOICE_ON : CHOICE_OFF);
    if (number < 2 || n == 0)
        return;
    for (size_t i = 0; i < n; i++) {
        bool on = kind == 0   ? i != at
                  : kind == 1 ? i < at
                  : kind == 2 ? i == at
                              : rh_rng_below(&walk->rng, 2) == 0;
        walk->choice[i] = on ? CHOICE_ON : CHOICE_OFF;
    }
    close_choice(walk, walk->choice);
}

static bool is_torn_easily(const struct atom *atom)
{
    return atom->op->kind == TAPE_WRITE;
}

/* Some writes torn: the last ones of a head, or one here and there. */
static void choose_torn(struct walk *walk)
{
    size_t n = walk->count;
    size_t head = (size_t)rh_rng_below(&walk->rng, n) + 1;
    bool in_order = rh_rng_below(&walk->rng, 2) == 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t draw = rh_rng_below(&walk->rng, 4);
        bool on = in_order ? i < head : draw != 0;
        bool torn = is_torn_easily(&walk->pending[i]) && (in_order ? i + 1 == head : draw == 1);
        walk->choice[i] = torn ? CHOICE_TORN : on ? CHOICE_ON : CHOICE_OFF;
    }
    close_choice(walk, walk->choice);
}

static void try_point(struct walk *walk)
{
    const struct explore_options *o = walk->x->options;
    size_t cap = walk->depth > 0 ? o->nested_states : o->point_states_max;
    bool few = walk->depth == 0 && walk->count <= o->exhaustive_max &&
               (cap == 0 || (uint64_t)1 << walk->count <= cap);
    bool may_tear = false;
    if (walk->point < walk->tape->interesting)
        return;
    walk->x->counts.points += walk->depth == 0;
    if (walk->count > walk->x->counts.pending_max)
        walk->x->counts.pending_max = walk->count;
    if (few) {
        walk->x->counts.points_whole += walk->depth == 0;
        try_every_subset(walk);
    } else {
        size_t most = cap != 0 ? cap : (size_t)1 << o->exhaustive_max;
        for (size_t i = 0; i < most && !gave_up(walk); i++) {
            choose_sample(walk, walk->depth > 0 && i > 0 ? 5 * walk->count + 5 : i);
            try_choice(walk);
        }
    }
    for (size_t i = 0; i < walk->count; i++)
        may_tear |= is_torn_easily(&walk->pending[i]);
    for (size_t i = 0; may_tear && i < (walk->depth > 0 ? 1 : o->torn_max) && !gave_up(walk); i++) {
        choose_torn(walk);
        try_choice(walk);
    }
}

/* ---- All points ---- */

static void walk_tape(struct walk *walk)
{
    uint8_t *choice = malloc(PENDING_MAX);
    RH_ASSERT(choice != NULL);
    image_copy(&walk->base, &walk->tape->start);
    for (walk->point = 0; walk->point < walk->end && !gave_up(walk); walk->point++) {
        const struct tape_op *op = &walk->tape->ops[walk->point];
        if (op->kind == TAPE_SYNC) {
            if (choose_synced(walk, op->node, choice) == 0)
                continue;
            try_point(walk);
            (void)choose_synced(walk, op->node, choice);
            make_sure(walk, choice);
        } else if (op->kind == TAPE_MARK) {
            if (op->relaxes)
                try_point(walk);
            walk->mark = op->mark;
        } else {
            add_pending(walk, op, walk->point);
        }
    }
    if (!gave_up(walk))
        try_point(walk);
    image_finish(&walk->base);
    free(choice);
}

void explore_run(struct explore *x)
{
    struct walk *walk = calloc(1, sizeof *walk);
    RH_ASSERT(walk != NULL);
    walk->x = x;
    walk->tape = x->tape;
    walk->end = x->tape->count;
    walk->mark = SIZE_MAX;
    rh_rng_init(&walk->rng, x->options->seed);
    walk_tape(walk);
    free(walk->seen);
    free(walk);
}
