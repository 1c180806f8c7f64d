/* SPDX-License-Identifier: MIT */
/*
 * The catalog of a process. In most seeds it is the model; in others the real one, SQLite on a disk
 * of its own. There the model has what SQLite has said to be committed, and what looks at rows
 * looks at it: after each death, and now and then at what would be left of a power failure just
 * now, it is made anew of the rows that SQLite finds in a copy of the disk.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "inside.h"
#include "sqlite_vfs.h"

#define PATH          "/catalog.db"
#define SHARE         16 /* one of so many seeds has SQLite */
#define LOOK_COMMITS  32 /* so often a power failure is looked at that does not happen */
#define STOP_STEPS    40
#define FAULT_DIVISOR 4 /* a commit is many operations of the disk, and one that fails ends all */

struct sim_catalog {
    struct sim_receiver *r;
    struct sim_sqlite sqlite;
    struct rh_disk disk;
    struct rh_rng rng;       /* chance of its own: the other seeds' worlds are as they were */
    struct rh_catalog *open; /* NULL while the process is down */
    uint64_t commits;
    uint64_t fail_at; /* the commit that fails; 0: none */
    bool fail_applied;
    bool fails; /* just now */
    char generation[33];
};

static int64_t wall_ms(void *context)
{
    return sim_wall_ms(((struct sim_catalog *)context)->r->sim);
}

static bool strikes(void *context, enum rh_disk_fault fault, const char *path)
{
    struct sim_catalog *c = context;
    return c->fails || sim_receiver_strikes(c->r, fault, path);
}

/* ---- looking at rows ---- */

static bool read_rows(struct rh_catalog *from, const struct rh_read *read, struct rh_rows *rows)
{
    memset(rows, 0, sizeof *rows);
    from->ops->read(from, read, rows);
    return rows->error == RH_OK;
}

static struct rh_change *change(struct rh_batch *batch, enum rh_change_kind kind, const char *id)
{
    struct rh_change *added = rh_batch_add(batch, kind);
    RH_ASSERT(added != NULL);
    strcpy(added->upload, id);
    return added;
}

static void put_upload(struct rh_catalog *to, const struct rh_upload_rows *rows)
{
    struct rh_batch batch = {0};
    const char *id = rows->row.id;
    enum rh_error error =
        rh_upload_row_copy(&change(&batch, RH_CHANGE_UPLOAD, "")->u.upload_row, &rows->row);
    for (size_t i = 0; i < rows->interval_count; i++)
        change(&batch, RH_CHANGE_INTERVAL, id)->u.interval = rows->intervals[i];
    for (size_t i = 0; i < rows->chunk_count; i++)
        change(&batch, RH_CHANGE_CHUNK, id)->u.chunk = rows->chunks[i];
    if (error == RH_OK)
        error = to->ops->commit(to, &batch);
    RH_ASSERT(error == RH_OK);
    rh_batch_free(&batch);
}

static void put_uploads(struct rh_catalog *to, const struct rh_rows *rows)
{
    for (size_t i = 0; i < rows->upload_count; i++) {
        if (rh_catalog_model_upload(to, rows->uploads[i].row.id) == NULL)
            put_upload(to, &rows->uploads[i]);
    }
}

static bool copy_session(struct rh_catalog *from, struct rh_catalog *to, const char *id)
{
    struct rh_read read = {.kind = RH_READ_SESSION};
    struct rh_batch batch = {0};
    struct rh_rows rows;
    strcpy(read.session, id);
    bool good = read_rows(from, &read, &rows);
    if (good) {
        change(&batch, RH_CHANGE_SESSION, "")->u.session = rows.session;
        good = to->ops->commit(to, &batch) == RH_OK;
        put_uploads(to, &rows);
    }
    rh_batch_free(&batch);
    rh_rows_free(&rows);
    return good;
}

/* Sessions with their uploads, oldest first as the model has them; then the others. */
static bool copy_rows(struct rh_catalog *from, struct rh_catalog *to)
{
    struct rh_read sessions = {.kind = RH_READ_SESSION_AFTER};
    struct rh_read uploads = {.kind = RH_READ_UPLOADS_AFTER};
    struct rh_rows rows;
    bool good = true;
    bool more = true;
    while (good && more) {
        good = read_rows(from, &sessions, &rows);
        more = good && rows.found;
        if (more) {
            strcpy(sessions.session, rows.session.id);
            good = copy_session(from, to, rows.session.id);
        }
        rh_rows_free(&rows);
    }
    for (more = true; good && more;) {
        good = read_rows(from, &uploads, &rows);
        more = good && rows.upload_count > 0;
        if (more) {
            strcpy(uploads.upload, rows.uploads[rows.upload_count - 1].row.id);
            put_uploads(to, &rows);
        }
        rh_rows_free(&rows);
    }
    return good;
}

static void copy_disk(const struct rh_disk_names *names, bool durable, struct rh_disk *to)
{
    rh_disk_init(to, 1);
    for (size_t i = 0; i < names->count; i++) {
        const struct rh_disk_file *from = names->items[i].file;
        struct rh_disk_file *file = NULL;
        enum rh_error error = rh_disk_open(to, names->items[i].path, true, &file);
        if (error == RH_OK)
            error = rh_disk_write(to, file, 0, durable ? from->durable : from->seen,
                                  durable ? from->durable_size : from->size);
        RH_ASSERT(error == RH_OK);
        rh_disk_let_go(to, file);
    }
}

/* What SQLite finds in a copy of the disk becomes what is looked at. */
static void look(struct sim_catalog *c, bool durable)
{
    struct sim *sim = c->r->sim;
    struct rh_disk copy;
    struct rh_catalog *found = NULL;
    struct rh_catalog *rows = rh_catalog_model_open();
    char why[128] = "";
    RH_ASSERT(rows != NULL);
    copy_disk(durable ? &c->disk.durable : &c->disk.seen, durable, &copy);
    c->sqlite.disk = &copy;
    enum rh_error error = rh_catalog_sqlite_open(&found, PATH);
    bool good = error == RH_OK && copy_rows(found, rows);
    if (found != NULL)
        found->ops->close(found);
    if (!good)
        sim_fail(sim, NULL, "invariant 1: the catalog that is left cannot be read (%d)", error);
    else if (!sim_sqlite_is_intact(PATH, why, sizeof why))
        sim_fail(sim, NULL, "invariant 1: the catalog that is left is damaged: %s", why);
    c->sqlite.disk = &c->disk;
    rh_disk_finish(&copy);
    c->r->catalog->ops->close(c->r->catalog);
    c->r->catalog = rows;
    sim->check.commits_seen = UINT64_MAX; /* all is to be checked again */
}

/* ---- life ---- */

static bool has_sqlite(const struct sim *sim)
{
    struct rh_rng rng;
    rh_rng_init(&rng, sim->seed ^ 0x73716c697465);
    bool drawn = rh_rng_below(&rng, SHARE) == 0;
    return sim->options->catalog == SIM_CATALOG_DRAWN ? drawn
                                                      : sim->options->catalog == SIM_CATALOG_SQLITE;
}

void sim_catalog_create(struct sim_receiver *r)
{
    r->catalog = rh_catalog_model_open();
    RH_ASSERT(r->catalog != NULL);
    if (!has_sqlite(r->sim))
        return;
    struct sim_catalog *c = calloc(1, sizeof *c);
    RH_ASSERT(c != NULL);
    c->r = r;
    rh_rng_init(&c->rng, r->sim->seed ^ 0x6361746c6f67);
    rh_disk_init(&c->disk, rh_rng_next(&c->rng));
    c->disk.strikes = strikes;
    c->disk.strikes_context = c;
    sim_sqlite_install(&c->sqlite, &c->disk, rh_rng_next(&c->rng), wall_ms, c);
    r->sqlite = c;
}

bool sim_catalog_boot(struct sim_receiver *r)
{
    return r->sqlite == NULL || rh_catalog_sqlite_open(&r->sqlite->open, PATH) == RH_OK;
}

static void close_open(struct sim_catalog *c, bool well)
{
    if (c->open == NULL)
        return;
    if (!well)
        c->disk.stop_at = c->disk.steps; /* a dead process writes nothing */
    c->open->ops->close(c->open);
    c->open = NULL;
}

void sim_catalog_died(struct sim_receiver *r, bool power_lost, bool well)
{
    struct sim_catalog *c = r->sqlite;
    if (c == NULL)
        return;
    close_open(c, well);
    c->disk.stop_at = 0;
    if (power_lost)
        rh_disk_crash(&c->disk);
    look(c, false);
}

bool sim_catalog_is_stopped(const struct sim_receiver *r)
{
    return r->sqlite != NULL && rh_disk_is_stopped(&r->sqlite->disk);
}

void sim_catalog_destroy(struct sim_receiver *r)
{
    struct sim_catalog *c = r->sqlite;
    r->catalog->ops->close(r->catalog);
    if (c == NULL)
        return;
    close_open(c, false);
    sim_sqlite_remove(&c->sqlite);
    rh_disk_finish(&c->disk);
    free(c);
}

void sim_receiver_look_again(struct sim *sim)
{
    if (sim->receiver->sqlite != NULL)
        look(sim->receiver->sqlite, true);
}

/* ---- what the vault asks ---- */

static enum rh_error commit_sqlite(struct sim_catalog *c, const struct rh_batch *batch)
{
    struct rh_disk_faults faults = c->disk.faults;
    c->fails = ++c->commits == c->fail_at;
    if (c->fails && c->fail_applied)
        c->disk.faults.sync_io_ppm = 1000000;
    else if (c->fails)
        c->disk.faults.write_io_ppm = 1000000;
    enum rh_error error = c->open->ops->commit(c->open, batch);
    c->fails = false;
    c->disk.faults = faults;
    return error;
}

enum rh_error sim_catalog_commit(struct sim_receiver *r, const struct rh_batch *batch)
{
    struct sim_catalog *c = r->sqlite;
    enum rh_error error = c == NULL ? RH_OK : commit_sqlite(c, batch);
    if (error == RH_OK)
        error = r->catalog->ops->commit(r->catalog, batch);
    if (error == RH_OK && c != NULL && c->commits % LOOK_COMMITS == 0)
        look(c, true);
    return error;
}

void sim_catalog_read(struct sim_receiver *r, const struct rh_read *read, struct rh_rows *rows)
{
    struct sim_catalog *c = r->sqlite;
    if (c == NULL) {
        r->catalog->ops->read(r->catalog, read, rows);
        return;
    }
    c->open->ops->read(c->open, read, rows);
    if (read->kind != RH_READ_META || rows->error != RH_OK)
        return;
    if (c->generation[0] != '\0' && strcmp(c->generation, rows->meta.generation) != 0)
        sim_fail(r->sim, NULL, "invariant 4: the generation changed, and nothing was restored");
    strcpy(c->generation, rows->meta.generation);
}

/* ---- faults ---- */

void sim_catalog_fail(struct sim_receiver *r, uint64_t skip, bool applied)
{
    struct sim_catalog *c = r->sqlite;
    if (c == NULL) {
        rh_catalog_model_fail(r->catalog, skip, RH_ERR_IO, applied);
        return;
    }
    c->fail_at = c->commits + 1 + skip;
    c->fail_applied = applied;
}

bool sim_catalog_stop_after(struct sim_receiver *r)
{
    struct sim_catalog *c = r->sqlite;
    if (c == NULL || rh_rng_below(&c->rng, 2) == 0)
        return false;
    c->disk.stop_at = c->disk.steps + 1 + rh_rng_below(&c->rng, STOP_STEPS);
    return true;
}

void sim_catalog_weather(struct sim_receiver *r, const struct rh_disk_faults *faults)
{
    struct sim_catalog *c = r->sqlite;
    if (r->sim->healed)
        rh_catalog_model_fail(r->catalog, UINT64_MAX / 2, RH_ERR_IO, false);
    if (c == NULL)
        return;
    if (r->sim->healed)
        c->disk.stop_at = c->fail_at = 0;
    c->disk.faults = (struct rh_disk_faults){
        .sync_io_ppm = faults->sync_io_ppm / FAULT_DIVISOR,
        .write_io_ppm = faults->write_io_ppm / FAULT_DIVISOR,
        .write_full_ppm = faults->write_full_ppm / FAULT_DIVISOR,
        .open_io_ppm = faults->open_io_ppm / FAULT_DIVISOR,
        .read_io_ppm = faults->read_io_ppm / FAULT_DIVISOR,
    };
}

/* An operator's hand, while nothing else fails. */
void sim_catalog_set_generation(struct sim_receiver *r, const char *generation)
{
    struct sim_catalog *c = r->sqlite;
    struct rh_read read = {.kind = RH_READ_META};
    struct rh_catalog *catalog = NULL;
    struct rh_batch batch = {0};
    struct rh_rows rows;
    rh_catalog_model_set_generation(r->catalog, generation);
    if (c == NULL || c->generation[0] == '\0')
        return;
    struct rh_disk_faults faults = c->disk.faults;
    c->disk.faults = (struct rh_disk_faults){0};
    enum rh_error error = rh_catalog_sqlite_open(&catalog, PATH);
    RH_ASSERT(error == RH_OK);
    bool good = read_rows(catalog, &read, &rows);
    RH_ASSERT(good);
    strcpy(rows.meta.generation, generation);
    change(&batch, RH_CHANGE_META, "")->u.meta = rows.meta;
    error = catalog->ops->commit(catalog, &batch);
    RH_ASSERT(error == RH_OK);
    rh_batch_free(&batch);
    rh_rows_free(&rows);
    catalog->ops->close(catalog);
    c->disk.faults = faults;
    strcpy(c->generation, generation);
}
