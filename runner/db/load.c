/* load.c - tables into a database: the phases.
 *
 *     plan      which columns and keys, which rows, whether the ledger knows them    load_plan.c
 *     stage     the rows, in temporary tables of this connection
 *     compare   them with what is there: what is new, differs, is gone (reading)     load_compare.c
 *     fill      large tables that are to be made, beside those that are there        load_beside.c
 *     pieces    where that is asked for: most of the rows, in short transactions     load_pieces.c
 *     write     insert and update what is to do, delete what is to go                load_write.c
 *     ledger    note it; commit                                                      ledger.c
 *
 * Only the last two keep other writers waiting (and each piece does), and they touch no row that stays as
 * it is. SQLite's transaction begins by reading and turns into a writing one; where
 * somebody else wrote in between, it is begun again. Where that happens again and again, and always on
 * PostgreSQL, what is written was compared before the lock: the statements ask each row again, and
 * where another load of the table came between, which the ledger tells, the pass was in vain.
 *
 * Where rows were refused, the transaction is rolled back, they are taken out of the staged ones, and all
 * begins anew: what is committed comes from a pass in which nothing was refused. */
#include "db/load.h"
#include "base/date.h"
#include "db/unfinished.h"

enum { MAX_PASSES = 100, SNAPSHOT_PASSES = 2, OVERTAKEN_MAX = 10 };

int32_t dr_load_in_table(const struct dr_load_table *t, int32_t rc, struct dr_err *err)
{
    return rc ? dr_err_prefix(err, "database table '%s'", t->spec->name) : DR_OK;
}

/* ---- stage ------------------------------------------------------------------------ */

static int32_t stage(struct dr_load *l, struct dr_load_table *t, struct dr_err *err)
{
    char name[32];
    if (t->skip || t->staged)
        return DR_OK;
    DR_TRY(dr_load_settle_rows(l->db->driver->dialect, t, err));
    dr_load_temp_name(t, DR_LOAD_STAGE, name);
    DR_TRY(l->db->driver->attach(l->db, name, t->rows, t->row_name, err));
    t->staged = l->db->driver->dialect->staging_copies;
    return DR_OK;
}

/* What a connection that goes on should not carry along, and a database not keep. */
static void unstage(struct dr_load *l)
{
    for (int32_t i = 0; i < l->n; i++) {
        char name[32];
        dr_load_temp_name(&l->tables[i], DR_LOAD_STAGE, name);
        (void)l->db->driver->detach(l->db, name, NULL);
        if (l->tables[i].beside)
            dr_load_stay_in_place(l->db, &l->tables[i], &l->lock_us);
    }
}

/* ---- beside ------------------------------------------------------------------------------ */

/* All rows are to be written, rather than what differs, which is what the caller is told. */
static int32_t replace_whole(struct dr_load *l, struct dr_load_table *t, struct dr_err *err)
{
    int64_t inserted = t->spec->inserted, updated = t->spec->updated, unchanged = t->spec->unchanged;
    t->make = t->replaces_whole = true;
    DR_TRY(dr_load_compare(l, t, err));
    t->spec->inserted = inserted;
    t->spec->updated = updated;
    t->spec->unchanged = unchanged;
    t->spec->deleted = t->gone;
    return DR_OK;
}

static int32_t choose_to_fill(struct dr_load *l, struct dr_load_table *t, struct dr_err *err)
{
    if (!dr_load_keyed(t) && t->n_target > 0)
        DR_TRY(dr_load_count_gone(l, t, false, &t->gone, err));
    DR_TRY(dr_load_may_fill_beside(l->db, t, &t->to_fill, err));
    return t->to_fill && !t->make ? replace_whole(l, t, err) : DR_OK;
}

static int32_t choose_beside(struct dr_load *l, struct dr_err *err)
{
    if (l->inside || !l->db->driver->dialect->fills_beside)
        return DR_OK;
    for (int32_t i = 0; i < l->n; i++)
        if (!l->tables[i].skip && !l->tables[i].filled)
            DR_TRY(dr_load_in_table(&l->tables[i], choose_to_fill(l, &l->tables[i], err), err));
    return DR_OK;
}

static bool any_to_fill(const struct dr_load *l)
{
    for (int32_t i = 0; i < l->n; i++)
        if (l->tables[i].to_fill)
            return true;
    return false;
}

static int32_t fill_beside(struct dr_load *l, struct dr_err *err)
{
    for (int32_t i = 0; i < l->n; i++)
        if (l->tables[i].to_fill)
            DR_TRY(dr_load_in_table(&l->tables[i],
                                    dr_load_fill_beside(l->db, &l->tables[i], &l->lock_us, err), err));
    return DR_OK;
}

/* What was filled from rows whose parents have been refused since is not right any more. */
static void drop_orphaned(struct dr_load *l, const int32_t *before)
{
    for (int32_t i = 0; i < l->n; i++) {
        struct dr_load_table *t = &l->tables[i];
        if (t->filled && t->parent && t->parent->n_refusals > before[t->parent->number])
            dr_load_stay_in_place(l->db, t, &l->lock_us);
    }
}

/* After a transaction: what it made beside is in its place, or has gone with it. */
static void forget_beside(struct dr_load *l, bool done)
{
    for (int32_t i = 0; i < l->n; i++)
        if (done || !l->tables[i].filled)
            l->tables[i].beside = NULL;
    for (int32_t i = 0; i < l->n && !done; i++)
        l->tables[i].replaced = NULL;
}

/* ---- pieces beforehand ---------------------------------------------------------------------- */

static bool wants_pieces(const struct dr_load *l)
{
    int64_t rows = 0;
    if (!l->may_use_pieces || l->pieces_written || l->inside)
        return false;
    for (int32_t i = 0; i < l->n; i++)
        rows += dr_load_rows_for_pieces(&l->tables[i]);
    return dr_load_worth_pieces(rows);
}

static int32_t mark_all(struct dr_load *l, struct dr_err *err)
{
    DR_TRY(dr_load_check_overtaken(l, err));
    for (int32_t i = 0; i < l->n; i++) {
        const struct dr_load_table *t = &l->tables[i];
        if (t->skip)
            continue;
        DR_TRY(dr_unfinished_begin(l->db, t->spec->name, l->token, err));
        if (t->spec->mode == DR_LOAD_APPEND)
            DR_TRY(dr_appended_begin(l->db, t->spec->name, t->content, l->token, err));
    }
    return DR_OK;
}

/* From here on other loads leave these tables alone. */
static int32_t mark_unfinished(struct dr_load *l, struct dr_err *err)
{
    const struct dr_db_driver *driver = l->db->driver;
    l->token = l->token ? l->token : dr_unfinished_token(l->db);
    DR_TRY(driver->begin(l->db, true, err));
    int32_t rc = mark_all(l, err);
    if (!rc)
        rc = driver->commit(l->db, err);
    if (rc)
        driver->rollback(l->db);
    return rc;
}

/* How many rows were written shows when they are compared again. */
static void count_pieces(struct dr_load *l, int sign)
{
    for (int32_t i = 0; i < l->n; i++) {
        struct dr_load_table *t = &l->tables[i];
        if (dr_load_rows_for_pieces(t) == 0)
            continue;
        t->done.inserted += sign * t->spec->inserted;
        t->done.updated += sign * t->spec->updated;
    }
    l->pieces_uncounted = sign > 0;
}

/* Where the lock would not come, the next pass goes on. */
static int32_t commit_in_pieces(struct dr_load *l, struct dr_err *err)
{
    int32_t rc = mark_unfinished(l, err);
    if (!rc) {
        count_pieces(l, 1);
        rc = dr_load_write_in_pieces(l, err);
        l->pieces_written = !rc;
    }
    return rc == DR_EBUSY && ++l->overtaken < OVERTAKEN_MAX ? DR_OK : rc;
}

static void add_pieces(struct dr_load_table *t)
{
    t->spec->inserted += t->done.inserted;
    t->spec->updated += t->done.updated;
    t->spec->deleted += t->done.deleted;
    t->spec->unchanged -= t->done.inserted + t->done.updated;
}

/* ---- a transaction ------------------------------------------------------------------------ */

static int32_t classify_all(struct dr_load *l, const int32_t *before, struct dr_err *err)
{
    for (int32_t i = 0; i < l->n; i++)
        l->tables[i].parents_known = false;
    for (int32_t i = 0; i < l->n; i++) {
        struct dr_load_table *t = &l->tables[i];
        if (t->skip || t->filled)
            continue;
        DR_TRY(dr_load_in_table(t, dr_load_compare(l, t, err), err));
        if (t->n_refusals > before[i])
            return dr_load_fail_refused(l, DR_EDB, err);
    }
    if (l->pieces_uncounted)
        count_pieces(l, -1);
    return choose_beside(l, err);
}

/* End the transaction that compared and begin the one that writes. */
static int32_t turn_to_writing(struct dr_load *l, struct dr_err *err)
{
    DR_TRY(l->db->driver->commit(l->db, err));
    return l->db->driver->begin(l->db, true, err);
}

/* Everything between begin and commit; where rows were refused, or tables are to be filled or pieces to be
 * committed first, it stops early. After the pieces others may have written, and no other load. */
static int32_t pass(struct dr_load *l, const int32_t *before, struct dr_err *err)
{
    DR_TRY(classify_all(l, before, err));
    if (dr_load_count_refused(l, before) || any_to_fill(l) || wants_pieces(l))
        return DR_OK;
    if (l->overtaken >= SNAPSHOT_PASSES || l->pieces_written)
        DR_TRY(turn_to_writing(l, err));
    return dr_load_write(l, before, err);
}

static void unlock(struct dr_load *l)
{
    int64_t us = l->lock_since ? dr_monotonic_us() - l->lock_since : 0;
    l->lock_us = us > l->lock_us ? us : l->lock_us;
    l->lock_since = 0;
}

static int32_t transact(struct dr_load *l, const int32_t *before, bool *ret_done, struct dr_err *err)
{
    const struct dr_db_driver *driver = l->db->driver;
    DR_TRY(dr_load_wait_for_others(l, err));
    DR_TRY(driver->begin(l->db, false, err));
    int32_t rc = pass(l, before, err);
    bool whole = !rc && dr_load_count_refused(l, before) == 0;
    if (whole)
        rc = driver->commit(l->db, err);
    if (rc || !whole)
        driver->rollback(l->db);
    unlock(l);
    *ret_done = whole && !rc && !any_to_fill(l) && !wants_pieces(l);
    forget_beside(l, *ret_done);
    return rc;
}

/* ---- the whole ------------------------------------------------------------------------ */

static int32_t plan(struct dr_load *l, struct dr_db_load *specs, struct dr_err *err)
{
    l->tables = dr_arena_array(&l->arena, (size_t)l->n, sizeof *l->tables);
    for (int32_t i = 0; i < l->n; i++) {
        struct dr_load_table *t = &l->tables[i];
        *t = (struct dr_load_table){ .spec = &specs[i], .arena = &l->arena, .number = i };
        DR_TRY(dr_load_in_table(t, dr_load_plan_table(l, t, err), err));
    }
    DR_TRY(dr_load_fail_refused(l, DR_EINPUT, err));
    return dr_load_stage_known_parents(l, err);
}

static bool nothing_to_do(const struct dr_load *l)
{
    for (int32_t i = 0; i < l->n; i++)
        if (!l->tables[i].skip)
            return false;
    return true;
}

/* One pass, and after it what it refused taken out. Where somebody wrote since it read, it is in vain:
 * reading again keeps nobody waiting, but cannot go on for ever. */
static int32_t pass_and_drop(struct dr_load *l, bool *ret_done, struct dr_err *err)
{
    DR_AUTO_FREE int32_t *before = dr_malloc((size_t)l->n * sizeof *before);
    DR_TRY(dr_load_read_notes(l, err));
    for (int32_t i = 0; i < l->n; i++) {
        DR_TRY(dr_load_in_table(&l->tables[i], stage(l, &l->tables[i], err), err));
        before[i] = l->tables[i].n_refusals;
    }
    int32_t rc = transact(l, before, ret_done, err);
    if (rc == DR_EBUSY && ++l->overtaken < OVERTAKEN_MAX) {
        for (int32_t i = 0; i < l->n; i++)
            l->tables[i].n_refusals = before[i];
        return DR_OK;
    }
    bool to_be_cut = !rc && !*ret_done && dr_load_count_refused(l, before) == 0 && wants_pieces(l);
    drop_orphaned(l, before);
    for (int32_t i = 0; i < l->n && !rc; i++)
        rc = dr_load_drop_refused(&l->tables[i], before[i], err);
    if (rc || *ret_done)
        return rc;
    DR_TRY(fill_beside(l, err));
    return to_be_cut ? commit_in_pieces(l, err) : DR_OK;
}

static int32_t load_all(struct dr_load *l, struct dr_db_load *specs, struct dr_err *err)
{
    bool done = false;
    int32_t left_over;
    (void)dr_unfinished_remove(l->db, &left_over, &l->lock_us, NULL); /* of others: no failure of this one */
    DR_TRY(plan(l, specs, err));
    for (int passes = 0; !done && !nothing_to_do(l); passes++) {
        if (passes == MAX_PASSES)
            return dr_fail(err, DR_ELIMIT, "rows were still refused after %d passes", MAX_PASSES);
        DR_TRY(pass_and_drop(l, &done, err));
    }
    for (int32_t i = 0; i < l->n; i++) {
        l->tables[i].spec->skipped = l->tables[i].skip;
        add_pieces(&l->tables[i]);
        dr_load_remove_replaced(l->db, &l->tables[i], &l->lock_us);
        DR_TRY(dr_load_give_refused(&l->tables[i], err));
    }
    return DR_OK;
}

static void load_done(struct dr_load *l)
{
    for (int32_t i = 0; l->tables && i < l->n; i++) {
        dr_table_unref(l->tables[i].rows);
        free(l->tables[i].source);
        free(l->tables[i].refusals);
    }
    dr_arena_done(&l->arena);
}

static int32_t query(struct dr_db *db, const char *sql, struct dr_err *err)
{
    return sql ? dr_db_run(db, sql, 0, NULL, NULL, err) : DR_OK;
}

static int32_t load(struct dr_db *db, int32_t n, struct dr_db_load *tables, bool may_use_pieces,
                    int64_t *ret_lock_us, struct dr_err *err)
{
    struct dr_load l = { .db = db, .n = n, .may_use_pieces = may_use_pieces };
    for (int32_t i = 0; i < n; i++) {
        struct dr_db_load *t = &tables[i];
        t->skipped = 0;
        t->inserted = t->updated = t->deleted = t->unchanged = 0;
        t->refused = NULL;
    }
    if (db->driver->in_transaction(db))
        return dr_fail(err, DR_EINPUT,
                       "a load is a transaction of its own; commit the one that is open first");
    DR_TRY(query(db, db->driver->dialect->before_load, err));
    int32_t rc = load_all(&l, tables, err);
    unstage(&l);
    load_done(&l);
    (void)query(db, db->driver->dialect->after_load, NULL);
    if (!rc && ret_lock_us)
        *ret_lock_us = l.lock_us;
    return rc;
}

int32_t dr_db_load(struct dr_db *db, int32_t n, struct dr_db_load *tables, int64_t *ret_lock_us,
                   struct dr_err *err)
{
    return load(db, n, tables, false, ret_lock_us, err);
}

int32_t dr_db_load_in_pieces(struct dr_db *db, int32_t n, struct dr_db_load *tables, int64_t *ret_lock_us,
                             struct dr_err *err)
{
    return load(db, n, tables, true, ret_lock_us, err);
}

/* ---- replacing within the caller's transaction ------------------------------------------- */

static int32_t replace(struct dr_load *l, struct dr_db_load *spec, struct dr_err *err)
{
    int32_t before = 0;
    DR_TRY(plan(l, spec, err));
    DR_TRY(dr_load_in_table(&l->tables[0], stage(l, &l->tables[0], err), err));
    return pass(l, &before, err);
}

int32_t dr_db_replace(struct dr_db *db, const char *name, const struct dr_table *t, int32_t n_keys,
                      const char *const *keys, struct dr_err *err)
{
    struct dr_db_load spec = {
        .size = sizeof spec, .name = name, .rows = t, .n_keys = n_keys, .keys = keys, .remake = 1, .strict = 1
    };
    struct dr_load l = { .db = db, .n = 1, .inside = true };
    if (!db->driver->in_transaction(db))
        return dr_fail(err, DR_EINPUT,
                       "database table '%s': dr_db_replace needs a transaction; call dr_db_begin first",
                       name);
    DR_TRY(db->driver->exec(db, "SAVEPOINT dagrun_load", err));
    int32_t rc = replace(&l, &spec, err);
    if (rc)
        (void)db->driver->exec(db, "ROLLBACK TO dagrun_load", NULL);
    int32_t released = db->driver->exec(db, "RELEASE dagrun_load", rc ? NULL : err);
    unstage(&l);
    load_done(&l);
    return rc ? rc : released;
}
