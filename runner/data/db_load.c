/* db_load.c - tables into a database: the phases.
 *
 *     plan      which columns and keys, which rows, whether the ledger knows them
 *     stage     the rows, in temporary tables of this connection
 *     classify  compare them with what is there: what is new, differs, is gone reading
 *     fill      large tables that are to be made, beside those that are there  (db_load_beside.c)
 *     pieces    where that is asked for: most of the rows, in short transactions  (db_load_pieces.c)
 *     apply     insert and update what is to do, delete what is to go          writing
 *     ledger    note it; commit
 *
 * Only the last two keep other writers waiting (and each piece does), and they touch no row that stays as
 * it is. SQLite's transaction begins by reading and turns into a writing one; where
 * somebody else wrote in between, it is begun again. Where that happens again and again, and always on
 * PostgreSQL, what is written was compared before the lock: the statements ask each row again, and
 * where another load of the table came between, which the ledger tells, the pass was in vain.
 *
 * Where a statement fails because of a row's values, it is tried again on half of its
 * rows, down to the one that is refused. The transaction is then rolled back, the
 * refused rows are taken out of the staged ones, and all begins anew: what is
 * committed comes from a pass in which nothing was refused. A row may be refused only
 * because of one that is about to be deleted, or for want of one that comes later: refused rows are
 * tried again after the deletes, as long as that helps. */
#include "data/db_load.h"
#include "base/date.h"
#include "base/sqlite.h"
#include "data/db_unfinished.h"
#include <time.h>

enum {
    MAX_PASSES = 100,
    SNAPSHOT_PASSES = 2,
    OVERTAKEN_MAX = 10,
    MANY_REFUSED = 1000,
    RUNNING_US = 30000000
};

struct load {
    struct dr_db *db;
    struct dr_arena arena;
    int32_t n;
    struct dr_load_table *tables; /* in arena */
    int32_t overtaken;            /* passes in vain, since somebody else wrote meanwhile */
    bool inside;                  /* of the caller's transaction: the ledger is not asked */
    bool may_use_pieces;          /* rows may be committed in pieces before the load's own transaction; */
    uint32_t token;               /* they were, or are, by the load of that token; 0: not yet */
    bool pieces_uncounted;        /* what was to do before them is in done, what is to do after them not */
    bool pieces_written;
    int64_t lock_us, lock_since; /* the longest, and since when: 0 while nothing is locked */
};

static int32_t in_table(const struct dr_load_table *t, int32_t rc, struct dr_err *err)
{
    return rc ? dr_err_prefix(err, "database table '%s'", t->spec->name) : DR_OK;
}

/* ---- plan ------------------------------------------------------------------------- */

/* The key that the table has, where the rows have all of it. */
static void take_primary_key(struct dr_load_table *t)
{
    int32_t n = 0, in_key = 0;
    t->keys = dr_arena_array(t->arena, (size_t)t->n_target + 1, sizeof *t->keys);
    for (int32_t i = 0; i < t->n_target; i++)
        in_key += t->target[i].key > 0;
    for (int32_t place = 1; place <= in_key; place++)
        for (int32_t i = 0; i < t->n_target; i++)
            if (t->target[i].key == place && dr_table_find(t->spec->rows, t->target[i].name) >= 0)
                t->keys[n++] = t->target[i].name;
    t->n_keys = n == in_key ? n : 0;
}

static int32_t choose_keys(struct dr_load_table *t, bool made_by_load, struct dr_err *err)
{
    const struct dr_db_load *spec = t->spec;
    t->n_keys = spec->n_keys;
    t->keys = dr_arena_array(t->arena, (size_t)spec->n_keys + 1, sizeof *t->keys);
    for (int32_t k = 0; k < spec->n_keys; k++) {
        if (dr_table_find(spec->rows, spec->keys[k]) < 0)
            return dr_fail(err, DR_ENOTFOUND, "there is no column '%s' to be its key", spec->keys[k]);
        for (int32_t i = 0; i < k; i++)
            if (dr_streq(spec->keys[i], spec->keys[k]))
                return dr_fail(err, DR_EINPUT, "column '%s' is in its key twice", spec->keys[k]);
        t->keys[k] = spec->keys[k];
    }
    if (t->n_keys == 0 && t->n_target > 0 && !(made_by_load && spec->mode == DR_LOAD_REPLACE))
        take_primary_key(t);
    if (spec->mode == DR_LOAD_UPSERT && t->n_keys == 0)
        return dr_fail(err, DR_EDEF, "an upsert needs the key: name its columns");
    return DR_OK;
}

/* Whether the table that is there has the columns, types and key that it would be
 * made with. */
static bool same_columns(const struct dr_dialect *d, const struct dr_load_table *t)
{
    const struct dr_table *rows = t->spec->rows;
    int32_t keys = 0;
    if (t->n_target != rows->n)
        return false;
    for (int32_t i = 0; i < rows->n; i++) {
        if (!dr_streq(t->target[i].name, rows->names[i]) ||
            strcasecmp(t->target[i].type, d->column_type(rows->columns[i])) != 0)
            return false;
        keys += t->target[i].key > 0;
    }
    for (int32_t k = 0; k < t->n_keys; k++)
        if (dr_load_target_column(t, t->keys[k])->key != k + 1)
            return false;
    return keys == t->n_keys;
}

static int32_t check_columns(const struct dr_load_table *t, struct dr_err *err)
{
    const struct dr_table *rows = t->spec->rows;
    for (int32_t i = 0; i < rows->n; i++)
        if (!dr_load_target_column(t, rows->names[i]))
            return dr_fail(err, DR_EINPUT,
                           "the table that is there has no column '%s'; add it by a migration, or leave the "
                           "column out",
                           rows->names[i]);
    return DR_OK;
}

/* Only a table that load itself made is made anew. */
static int32_t choose_making(struct load *l, struct dr_load_table *t, const char *made_by, struct dr_err *err)
{
    const struct dr_dialect *d = l->db->driver->dialect;
    DR_AUTO_BUF create = { 0 };
    dr_load_sql_create(d, t, d->main_schema, t->spec->name, &create);
    t->create = dr_arena_dup(t->arena, dr_buf_cstr(&create), create.n);
    if (t->n_target == 0)
        t->make = true;
    else if (t->spec->mode == DR_LOAD_REPLACE && made_by && !dr_streq(made_by, t->create))
        t->make = true;
    else if (t->spec->mode == DR_LOAD_REPLACE && t->spec->remake)
        t->make = !same_columns(d, t);
    return t->make ? DR_OK : check_columns(t, err);
}

static int32_t need_column(const struct dr_table *rows, const char *name, const char *what,
                           struct dr_err *err)
{
    if (name && dr_table_find(rows, name) < 0)
        return dr_fail(err, DR_ENOTFOUND, "there is no column '%s' to %s", name, what);
    return DR_OK;
}

static bool same_scope(const struct dr_db_load *a, const struct dr_db_load *b)
{
    for (int32_t i = 0; i < a->n_scope && i < b->n_scope; i++)
        if (!dr_streq(a->scope[i], b->scope[i]))
            return false;
    return a->n_scope == b->n_scope;
}

static struct dr_load_table *find_shared(const struct load *l, struct dr_load_table *t)
{
    for (int32_t i = 0; i < t->number; i++)
        if (l->tables[i].parent == t->parent && same_scope(l->tables[i].spec, t->spec))
            return &l->tables[i];
    return t;
}

static int32_t find_parent(struct load *l, struct dr_load_table *t, struct dr_err *err)
{
    const struct dr_db_load *spec = t->spec;
    t->shares = t;
    if (spec->n_scope && spec->mode == DR_LOAD_APPEND)
        return dr_fail(err, DR_EDEF, "what is appended deletes nothing: use upsert or replace");
    for (int32_t i = 0; i < spec->n_scope; i++)
        DR_TRY(need_column(spec->rows, spec->scope[i], "delete missing rows by", err));
    if (!spec->n_scope || !spec->scope_of)
        return DR_OK;
    for (int32_t i = 0; i < t->number; i++)
        if (dr_streq(l->tables[i].spec->name, spec->scope_of))
            t->parent = &l->tables[i];
    if (!t->parent)
        return dr_fail(err, DR_EDEF, "'%s' is none of the tables loaded before it", spec->scope_of);
    for (int32_t i = 0; i < spec->n_scope; i++)
        DR_TRY(need_column(t->parent->spec->rows, spec->scope[i], "find the parents by", err));
    t->shares = find_shared(l, t);
    return DR_OK;
}

/* After a load that was killed between its pieces, the ledger knows what was there before it. */
static int32_t find_known(struct load *l, struct dr_load_table *t, struct dr_err *err)
{
    struct dr_unfinished other;
    DR_TRY(dr_unfinished_of(l->db, t->arena, t->spec->name, l->token, &other, err));
    if (other.table && !other.runs)
        dr_db_tell(
            l->db,
            "database table '%s': the load begun at %s was not finished; what it wrote is compared with "
            "the rows of this one",
            t->spec->name, other.begun_at);
    return other.table && t->spec->mode != DR_LOAD_APPEND ? DR_OK : dr_ledger_find(l->db, t, err);
}

static int32_t plan_table(struct load *l, struct dr_load_table *t, struct dr_err *err)
{
    const struct dr_db_driver *driver = l->db->driver;
    const char *made_by;
    bool view;
    if (t->spec->rows->n == 0)
        return dr_fail(err, DR_EINPUT, "a database table needs at least one column");
    DR_TRY(driver->columns(l->db, t->spec->name, t->arena, &t->target, &t->n_target, &view, err));
    if (view)
        return dr_fail(err, DR_EDB, "the database has a view of that name");
    DR_TRY(dr_ledger_made(l->db, t->spec->name, t->arena, &made_by, err));
    DR_TRY(choose_keys(t, made_by != NULL, err));
    DR_TRY(need_column(t->spec->rows, t->spec->newer_wins, "tell which row is newer", err));
    DR_TRY(find_parent(l, t, err));
    DR_TRY(choose_making(l, t, made_by, err));
    DR_TRY(dr_load_row_name(driver->dialect, t, err));
    t->rows = dr_table_ref(t->spec->rows);
    dr_load_hash(t, t->content);
    if (!l->inside)
        DR_TRY(find_known(l, t, err));
    return t->skip ? DR_OK : dr_load_choose_rows(driver->dialect, t, err);
}

/* A parent that is known is staged nevertheless where a child asks which parents there are. */
static int32_t stage_known_parents(struct load *l, struct dr_err *err)
{
    for (int32_t i = l->n - 1; i > 0; i--) {
        struct dr_load_table *t = &l->tables[i], *parent = t->parent;
        if (t->skip || !parent || !parent->skip)
            continue;
        parent->skip = false;
        parent->n_refusals = 0;
        DR_TRY(dr_load_choose_rows(l->db->driver->dialect, parent, err));
    }
    return DR_OK;
}

/* ---- stage ------------------------------------------------------------------------ */

static int32_t stage(struct load *l, struct dr_load_table *t, struct dr_err *err)
{
    char name[32];
    if (t->skip)
        return DR_OK;
    DR_TRY(dr_load_settle_rows(l->db->driver->dialect, t, err));
    dr_load_temp_name(t, DR_LOAD_STAGE, name);
    return l->db->driver->attach(l->db, name, t->rows, t->row_name, err);
}

/* What a connection that goes on should not carry along, and a database not keep. */
static void unstage(struct load *l)
{
    for (int32_t i = 0; i < l->n; i++) {
        char name[32];
        dr_load_temp_name(&l->tables[i], DR_LOAD_STAGE, name);
        (void)l->db->driver->detach(l->db, name, NULL);
        if (l->tables[i].beside)
            dr_load_stay_in_place(l->db, &l->tables[i], &l->lock_us);
    }
}

/* ---- pieces ----------------------------------------------------------------------- */

static int32_t fail_row(const struct dr_load_table *t, int32_t rc, struct dr_err *err)
{
    const struct dr_refusal *r = &t->refusals[0];
    return dr_fail(err, rc, "row %lld: %s", (long long)r->row + 1, r->told ? r->told : r->reason);
}

/* Where a row of a table that is to be loaded whole is refused for good. */
static int32_t fail_refused(const struct load *l, int32_t rc, struct dr_err *err)
{
    for (int32_t i = 0; i < l->n; i++)
        if (l->tables[i].spec->strict && l->tables[i].n_refusals)
            return in_table(&l->tables[i], fail_row(&l->tables[i], rc, err), err);
    return DR_OK;
}

/* err has what the database said, without the row's values. It is not the end of a load that is to be
 * whole: room may be made for the row. But where so many are refused, that is unlikely, and the search
 * for them long. */
static int32_t refuse_row(struct dr_load_table *t, int64_t staged, const char *reason, struct dr_err *err)
{
    dr_load_refuse(t, staged, reason, t->spec->strict && err ? err->msg : NULL);
    return t->spec->strict && t->n_refusals >= MANY_REFUSED ? fail_row(t, DR_EDB, err) : DR_OK;
}

/* Run a statement over the staged rows first to last, without those that it refuses. */
static int32_t run_piece(struct load *l, struct dr_load_table *t, const char *sql, int64_t first,
                         int64_t last, struct dr_err *err)
{
    const struct dr_db_driver *driver = l->db->driver;
    struct dr_db_value range[] = { dr_db_int(first), dr_db_int(last) };
    if (first > last)
        return DR_OK;
    DR_TRY(driver->exec(l->db, "SAVEPOINT dagrun_piece", err));
    int32_t rc = driver->run(l->db, sql, 2, range, NULL, NULL, err);
    if (!rc)
        return driver->exec(l->db, "RELEASE dagrun_piece", err);
    if (!l->db->failure.refused)
        return rc;
    struct dr_db_failure why = l->db->failure;
    DR_TRY(driver->exec(l->db, "ROLLBACK TO dagrun_piece", err));
    DR_TRY(driver->exec(l->db, "RELEASE dagrun_piece", err));
    if (first == last)
        return refuse_row(t, first - 1, why.reason, err);
    int64_t middle = first + (last - first) / 2;
    DR_TRY(run_piece(l, t, sql, first, middle, err));
    return run_piece(l, t, sql, middle + 1, last, err);
}

/* ---- a pass ------------------------------------------------------------------------- */

static int32_t exec_made(struct load *l, const struct dr_load_table *t,
                         void (*make)(const struct dr_dialect *d, const struct dr_load_table *t,
                                      struct dr_buf *b),
                         struct dr_err *err)
{
    DR_AUTO_BUF sql = { 0 };
    make(l->db->driver->dialect, t, &sql);
    return sql.n ? l->db->driver->exec(l->db, dr_buf_cstr(&sql), err) : DR_OK;
}

static int32_t analyze(struct load *l, const struct dr_load_table *t, int which, struct dr_err *err)
{
    const struct dr_dialect *d = l->db->driver->dialect;
    DR_AUTO_BUF sql = { 0 };
    char name[32];
    if (!d->analyze)
        return DR_OK;
    dr_load_temp_name(t, which, name);
    dr_buf_printf(&sql, "ANALYZE %s.%s", d->temp_schema, name);
    return l->db->driver->exec(l->db, dr_buf_cstr(&sql), err);
}

static int32_t find_parents(struct load *l, struct dr_load_table *t, struct dr_err *err)
{
    if (t->shares->parents_known)
        return DR_OK;
    t->shares->parents_known = true;
    DR_TRY(exec_made(l, t, dr_load_sql_make_parents, err));
    DR_TRY(exec_made(l, t, dr_load_sql_index_parents, err));
    return analyze(l, t, DR_LOAD_PARENTS, err);
}

static int32_t count_todo(struct load *l, struct dr_load_table *t, struct dr_err *err)
{
    DR_AUTO_BUF sql = { 0 };
    char name[32];
    dr_load_temp_name(t, DR_LOAD_TODO, name);
    for (int is_new = 0; is_new < 2; is_new++) {
        dr_buf_clear(&sql);
        dr_buf_printf(&sql, "SELECT count(*) FROM %s.%s WHERE is_new = %d",
                      l->db->driver->dialect->temp_schema, name, is_new);
        DR_TRY(dr_db_number(l->db, dr_buf_cstr(&sql), 0, NULL,
                            is_new ? &t->spec->inserted : &t->spec->updated, err));
    }
    t->spec->unchanged = t->rows->rows - t->spec->inserted - t->spec->updated;
    return DR_OK;
}

static int32_t count_gone(struct load *l, const struct dr_load_table *t, bool keyless, int64_t *ret,
                          struct dr_err *err)
{
    DR_AUTO_BUF sql = { 0 };
    dr_load_sql_count_gone(l->db->driver->dialect, t, keyless, &sql);
    return dr_db_number(l->db, dr_buf_cstr(&sql), 0, NULL, ret, err);
}

/* What is to go is looked for here, where nobody waits for it. */
static int32_t find_gone(struct load *l, struct dr_load_table *t, struct dr_err *err)
{
    int64_t keyless;
    DR_TRY(exec_made(l, t, dr_load_sql_make_gone, err));
    DR_TRY(analyze(l, t, DR_LOAD_GONE, err));
    DR_TRY(count_gone(l, t, true, &keyless, err));
    t->keyless_gone = keyless > 0;
    return count_gone(l, t, false, &t->gone, err);
}

/* A row that is refused here ends the pass: what follows could not read it either. */
static int32_t classify(struct load *l, struct dr_load_table *t, struct dr_err *err)
{
    DR_AUTO_BUF sql = { 0 };
    int32_t before = t->n_refusals;
    DR_TRY(exec_made(l, t, dr_load_sql_make_todo, err));
    if (t->parent)
        DR_TRY(find_parents(l, t, err));
    dr_load_sql_classify(l->db->driver->dialect, t, &sql);
    DR_TRY(run_piece(l, t, dr_buf_cstr(&sql), 1, t->rows->rows, err));
    if (t->n_refusals > before)
        return DR_OK;
    DR_TRY(analyze(l, t, DR_LOAD_TODO, err));
    DR_TRY(count_todo(l, t, err));
    if (t->spec->n_scope && !t->parent)
        DR_TRY(find_parents(l, t, err));
    return dr_load_deletes_by_key(t) ? find_gone(l, t, err) : DR_OK;
}

/* PostgreSQL closes a table to readers from its drop to the end: the new one is made beside it. */
static int32_t make_table(struct load *l, struct dr_load_table *t, struct dr_err *err)
{
    DR_AUTO_BUF drop = { 0 };
    if (t->n_target > 0 && !l->db->driver->dialect->fills_beside)
        return dr_load_make_beside(l->db, t, err);
    if (t->n_target > 0) {
        dr_buf_printf(&drop, "DROP TABLE %s", l->db->driver->dialect->main_schema);
        dr_buf_put_sql_ident(&drop, dr_str_of(t->spec->name));
        DR_TRY(l->db->driver->exec(l->db, dr_buf_cstr(&drop), err));
    }
    DR_TRY(l->db->driver->exec(l->db, t->create, err));
    return dr_ledger_note_made(l->db, t, err);
}

static int32_t delete_rows(struct load *l, struct dr_load_table *t, struct dr_err *err)
{
    DR_AUTO_BUF sql = { 0 };
    dr_load_sql_delete(l->db->driver->dialect, t, &sql);
    return sql.n ? dr_db_run(l->db, dr_buf_cstr(&sql), 0, NULL, &t->spec->deleted, err) : DR_OK;
}

static int32_t swap_in(struct load *l, struct dr_load_table *t, struct dr_err *err)
{
    DR_TRY(dr_load_swap_in(l->db, t, err));
    return dr_ledger_note_made(l->db, t, err);
}

/* Rows without a key make room first; others stay until their successors are there,
 * since rows of other tables may refer to them. */
static int32_t apply(struct load *l, struct dr_load_table *t, struct dr_err *err)
{
    DR_AUTO_BUF sql = { 0 };
    if (t->filled)
        return swap_in(l, t, err);
    if (t->make)
        DR_TRY(make_table(l, t, err));
    if (!dr_load_keyed(t))
        DR_TRY(delete_rows(l, t, err));
    if (t->spec->inserted + t->spec->updated == 0)
        return DR_OK;
    dr_load_sql_apply(l->db->driver->dialect, t, &sql);
    return run_piece(l, t, dr_buf_cstr(&sql), 1, t->rows->rows, err);
}

/* Try the rows refused since `before` again; the list keeps those refused again. */
static int32_t apply_refused(struct load *l, struct dr_load_table *t, int32_t before, struct dr_err *err)
{
    int32_t n = t->n_refusals - before;
    DR_AUTO_BUF sql = { 0 };
    DR_AUTO_FREE int64_t *rows = dr_malloc((size_t)n * sizeof *rows);
    for (int32_t i = 0; i < n; i++)
        rows[i] = t->refusals[before + i].staged + 1;
    t->n_refusals = before;
    dr_load_sql_apply(l->db->driver->dialect, t, &sql);
    for (int32_t i = 0; i < n; i++)
        DR_TRY(run_piece(l, t, dr_buf_cstr(&sql), rows[i], rows[i], err));
    return DR_OK;
}

static int64_t count_refused(const struct load *l, const int32_t *before)
{
    int64_t n = 0;
    for (int32_t i = 0; i < l->n; i++)
        n += l->tables[i].n_refusals - before[i];
    return n;
}

/* A row may have been refused because of one that has gone since, or for want of one that
 * came after it. Whoever makes room for others does so in one of these rounds. */
static int32_t apply_all_refused(struct load *l, const int32_t *before, struct dr_err *err)
{
    int64_t n = count_refused(l, before), last;
    do {
        last = n;
        for (int32_t i = 0; i < l->n; i++)
            if (l->tables[i].n_refusals > before[i])
                DR_TRY(in_table(&l->tables[i], apply_refused(l, &l->tables[i], before[i], err), err));
        n = count_refused(l, before);
    } while (n > 0 && n < last);
    return DR_OK;
}

/* Tables that were made beside in this transaction; those that were filled before it have their place. */
static int32_t swap_in_made(struct load *l, struct dr_err *err)
{
    for (int32_t i = 0; i < l->n; i++)
        if (l->tables[i].beside && !l->tables[i].filled)
            DR_TRY(in_table(&l->tables[i], swap_in(l, &l->tables[i], err), err));
    return DR_OK;
}

static int32_t note(struct load *l, struct dr_load_table *t, struct dr_err *err)
{
    DR_TRY(dr_unfinished_end(l->db, t->spec->name, err));
    return dr_ledger_note(l->db, t, err);
}

static int32_t note_all(struct load *l, struct dr_err *err)
{
    for (int32_t i = 0; i < l->n; i++)
        if (!l->tables[i].skip)
            DR_TRY(l->inside ? dr_ledger_forget(l->db, &l->tables[i], err) : note(l, &l->tables[i], err));
    return DR_OK;
}

/* A load that is committing one of these tables in pieces; ret->table NULL: none. */
static int32_t find_running(struct load *l, struct dr_unfinished *ret, struct dr_err *err)
{
    *ret = (struct dr_unfinished){ 0 };
    for (int32_t i = 0; i < l->n && !ret->runs; i++)
        if (!l->tables[i].skip)
            DR_TRY(dr_unfinished_of(l->db, &l->arena, l->tables[i].spec->name, l->token, ret, err));
    ret->table = ret->runs ? ret->table : NULL;
    return DR_OK;
}

static int32_t fail_running(const struct dr_unfinished *other, struct dr_err *err)
{
    return dr_fail(err, DR_EBUSY, "database table '%s': the load begun at %s is still writing", other->table,
                   other->begun_at);
}

/* Its transactions are short, but it is not done between them. */
static int32_t wait_for_running(struct load *l, struct dr_err *err)
{
    static const struct timespec pause = { .tv_nsec = 20000000 };
    int64_t since = dr_monotonic_us();
    for (bool told = false;; nanosleep(&pause, NULL)) {
        struct dr_unfinished other;
        DR_TRY(find_running(l, &other, err));
        int64_t waited = dr_monotonic_us() - since;
        if (!other.table)
            return DR_OK;
        if (waited >= RUNNING_US)
            return fail_running(&other, err);
        if (!told && waited >= DR_US_PER_S)
            dr_db_tell(l->db, "database table '%s': waiting for the load begun at %s, up to %d s",
                       other.table, other.begun_at, (int)(RUNNING_US / DR_US_PER_S));
        told = told || waited >= DR_US_PER_S;
    }
}

/* Loads of one table write one after the other, each what it compared with what is there now. */
static int32_t check_overtaken(struct load *l, struct dr_err *err)
{
    struct dr_unfinished other;
    DR_TRY(find_running(l, &other, err));
    if (other.table)
        return fail_running(&other, err);
    for (int32_t i = 0; i < l->n; i++) {
        struct dr_load_table *t = &l->tables[i];
        int64_t last;
        if (t->skip)
            continue;
        DR_TRY(dr_ledger_lock(l->db, t, err));
        DR_TRY(dr_ledger_last(l->db, t, &last, err));
        if (last != t->ledger_last)
            return in_table(t, dr_fail(err, DR_EBUSY, "other loads of it came between, again and again"),
                            err);
    }
    return DR_OK;
}

static int32_t write_all(struct load *l, const int32_t *before, struct dr_err *err)
{
    if (!l->inside)
        DR_TRY(check_overtaken(l, err));
    l->lock_since = dr_monotonic_us();
    DR_TRY(dr_ledger_make(l->db, err));
    for (int32_t i = 0; i < l->n; i++)
        if (!l->tables[i].skip)
            DR_TRY(in_table(&l->tables[i], apply(l, &l->tables[i], err), err));
    for (int32_t i = l->n - 1; i >= 0; i--)
        if (!l->tables[i].skip && dr_load_deletes_by_key(&l->tables[i]))
            DR_TRY(in_table(&l->tables[i], delete_rows(l, &l->tables[i], err), err));
    DR_TRY(apply_all_refused(l, before, err));
    if (count_refused(l, before))
        return fail_refused(l, DR_EDB, err);
    DR_TRY(swap_in_made(l, err));
    return note_all(l, err);
}

/* ---- beside ------------------------------------------------------------------------------ */

/* All rows are to be written, rather than what differs, which is what the caller is told. */
static int32_t replace_whole(struct load *l, struct dr_load_table *t, struct dr_err *err)
{
    int64_t inserted = t->spec->inserted, updated = t->spec->updated, unchanged = t->spec->unchanged;
    t->make = t->replaces_whole = true;
    DR_TRY(classify(l, t, err));
    t->spec->inserted = inserted;
    t->spec->updated = updated;
    t->spec->unchanged = unchanged;
    t->spec->deleted = t->gone;
    return DR_OK;
}

static int32_t choose_to_fill(struct load *l, struct dr_load_table *t, struct dr_err *err)
{
    if (!dr_load_keyed(t) && t->n_target > 0)
        DR_TRY(count_gone(l, t, false, &t->gone, err));
    DR_TRY(dr_load_may_fill_beside(l->db, t, &t->to_fill, err));
    return t->to_fill && !t->make ? replace_whole(l, t, err) : DR_OK;
}

static int32_t choose_beside(struct load *l, struct dr_err *err)
{
    if (l->inside || !l->db->driver->dialect->fills_beside)
        return DR_OK;
    for (int32_t i = 0; i < l->n; i++)
        if (!l->tables[i].skip && !l->tables[i].filled)
            DR_TRY(in_table(&l->tables[i], choose_to_fill(l, &l->tables[i], err), err));
    return DR_OK;
}

static bool any_to_fill(const struct load *l)
{
    for (int32_t i = 0; i < l->n; i++)
        if (l->tables[i].to_fill)
            return true;
    return false;
}

static int32_t fill_beside(struct load *l, struct dr_err *err)
{
    for (int32_t i = 0; i < l->n; i++)
        if (l->tables[i].to_fill)
            DR_TRY(in_table(&l->tables[i], dr_load_fill_beside(l->db, &l->tables[i], &l->lock_us, err), err));
    return DR_OK;
}

/* What was filled from rows whose parents have been refused since is not right any more. */
static void drop_orphaned(struct load *l, const int32_t *before)
{
    for (int32_t i = 0; i < l->n; i++) {
        struct dr_load_table *t = &l->tables[i];
        if (t->filled && t->parent && t->parent->n_refusals > before[t->parent->number])
            dr_load_stay_in_place(l->db, t, &l->lock_us);
    }
}

/* After a transaction: what it made beside is in its place, or has gone with it. */
static void forget_beside(struct load *l, bool done)
{
    for (int32_t i = 0; i < l->n; i++)
        if (done || !l->tables[i].filled)
            l->tables[i].beside = NULL;
    for (int32_t i = 0; i < l->n && !done; i++)
        l->tables[i].replaced = NULL;
}

/* ---- pieces beforehand ---------------------------------------------------------------------- */

static bool wants_pieces(const struct load *l)
{
    int64_t rows = 0;
    if (!l->may_use_pieces || l->pieces_written || l->inside || !l->db->driver->dialect->fills_beside)
        return false;
    for (int32_t i = 0; i < l->n; i++)
        rows += dr_load_rows_for_pieces(&l->tables[i]);
    return dr_load_worth_pieces(rows);
}

static int32_t mark_all(struct load *l, struct dr_err *err)
{
    DR_TRY(check_overtaken(l, err));
    for (int32_t i = 0; i < l->n; i++)
        if (!l->tables[i].skip)
            DR_TRY(dr_unfinished_begin(l->db, l->tables[i].spec->name, l->token, err));
    return DR_OK;
}

/* From here on other loads leave these tables alone. */
static int32_t mark_unfinished(struct load *l, struct dr_err *err)
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

static int32_t write_pieces(struct load *l, struct dr_err *err)
{
    for (int32_t i = 0; i < l->n; i++)
        DR_TRY(in_table(&l->tables[i], dr_load_apply_in_pieces(l->db, &l->tables[i], &l->lock_us, err), err));
    for (int32_t i = l->n - 1; i >= 0; i--)
        DR_TRY(
            in_table(&l->tables[i], dr_load_delete_in_pieces(l->db, &l->tables[i], &l->lock_us, err), err));
    l->pieces_written = true;
    return DR_OK;
}

/* How many rows were written shows when they are compared again. */
static void count_pieces(struct load *l, int sign)
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
static int32_t commit_in_pieces(struct load *l, struct dr_err *err)
{
    int32_t rc = mark_unfinished(l, err);
    if (!rc) {
        count_pieces(l, 1);
        rc = write_pieces(l, err);
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

static int32_t classify_all(struct load *l, const int32_t *before, struct dr_err *err)
{
    for (int32_t i = 0; i < l->n; i++)
        l->tables[i].parents_known = false;
    for (int32_t i = 0; i < l->n; i++) {
        struct dr_load_table *t = &l->tables[i];
        if (t->skip)
            continue;
        if (!l->inside)
            DR_TRY(dr_ledger_last(l->db, t, &t->ledger_last, err));
        if (t->filled)
            continue;
        DR_TRY(in_table(t, classify(l, t, err), err));
        if (t->n_refusals > before[i])
            return fail_refused(l, DR_EDB, err);
    }
    if (l->pieces_uncounted)
        count_pieces(l, -1);
    return choose_beside(l, err);
}

/* End the transaction that compared and begin the one that writes. */
static int32_t turn_to_writing(struct load *l, struct dr_err *err)
{
    DR_TRY(l->db->driver->commit(l->db, err));
    return l->db->driver->begin(l->db, true, err);
}

/* Everything between begin and commit; where rows were refused, or tables are to be filled or pieces to be
 * committed first, it stops early. After the pieces others may have written, and no other load. */
static int32_t pass(struct load *l, const int32_t *before, struct dr_err *err)
{
    DR_TRY(classify_all(l, before, err));
    if (count_refused(l, before) || any_to_fill(l) || wants_pieces(l))
        return DR_OK;
    if (l->overtaken >= SNAPSHOT_PASSES || l->pieces_written)
        DR_TRY(turn_to_writing(l, err));
    return write_all(l, before, err);
}

static void unlock(struct load *l)
{
    int64_t us = l->lock_since ? dr_monotonic_us() - l->lock_since : 0;
    l->lock_us = us > l->lock_us ? us : l->lock_us;
    l->lock_since = 0;
}

static int32_t transact(struct load *l, const int32_t *before, bool *ret_done, struct dr_err *err)
{
    const struct dr_db_driver *driver = l->db->driver;
    DR_TRY(wait_for_running(l, err));
    DR_TRY(driver->begin(l->db, false, err));
    int32_t rc = pass(l, before, err);
    bool whole = !rc && count_refused(l, before) == 0;
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

static int32_t plan(struct load *l, struct dr_db_load *specs, struct dr_err *err)
{
    l->tables = dr_arena_array(&l->arena, (size_t)l->n, sizeof *l->tables);
    for (int32_t i = 0; i < l->n; i++) {
        struct dr_load_table *t = &l->tables[i];
        *t = (struct dr_load_table){ .spec = &specs[i], .arena = &l->arena, .number = i };
        DR_TRY(in_table(t, plan_table(l, t, err), err));
    }
    DR_TRY(fail_refused(l, DR_EINPUT, err));
    return stage_known_parents(l, err);
}

static bool nothing_to_do(const struct load *l)
{
    for (int32_t i = 0; i < l->n; i++)
        if (!l->tables[i].skip)
            return false;
    return true;
}

/* One pass, and after it what it refused taken out. Where somebody wrote since it read, it is in vain:
 * reading again keeps nobody waiting, but cannot go on for ever. */
static int32_t pass_and_drop(struct load *l, bool *ret_done, struct dr_err *err)
{
    DR_AUTO_FREE int32_t *before = dr_malloc((size_t)l->n * sizeof *before);
    for (int32_t i = 0; i < l->n; i++) {
        DR_TRY(in_table(&l->tables[i], stage(l, &l->tables[i], err), err));
        before[i] = l->tables[i].n_refusals;
    }
    int32_t rc = transact(l, before, ret_done, err);
    if (rc == DR_EBUSY && ++l->overtaken < OVERTAKEN_MAX) {
        for (int32_t i = 0; i < l->n; i++)
            l->tables[i].n_refusals = before[i];
        return DR_OK;
    }
    bool to_be_cut = !rc && !*ret_done && count_refused(l, before) == 0 && wants_pieces(l);
    drop_orphaned(l, before);
    for (int32_t i = 0; i < l->n && !rc; i++)
        rc = dr_load_drop_refused(&l->tables[i], before[i], err);
    if (rc || *ret_done)
        return rc;
    DR_TRY(fill_beside(l, err));
    return to_be_cut ? commit_in_pieces(l, err) : DR_OK;
}

static int32_t load_all(struct load *l, struct dr_db_load *specs, struct dr_err *err)
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

static void load_done(struct load *l)
{
    for (int32_t i = 0; l->tables && i < l->n; i++) {
        dr_table_unref(l->tables[i].rows);
        free(l->tables[i].source);
        free(l->tables[i].refusals);
    }
    dr_arena_done(&l->arena);
}

static int32_t load(struct dr_db *db, int32_t n, struct dr_db_load *tables, bool may_use_pieces,
                    int64_t *ret_lock_us, struct dr_err *err)
{
    struct load l = { .db = db, .n = n, .may_use_pieces = may_use_pieces };
    for (int32_t i = 0; i < n; i++) {
        struct dr_db_load *t = &tables[i];
        t->skipped = 0;
        t->inserted = t->updated = t->deleted = t->unchanged = 0;
        t->refused = NULL;
    }
    if (db->driver->in_transaction(db))
        return dr_fail(err, DR_EINPUT,
                       "a load is a transaction of its own; commit the one that is open first");
    int32_t rc = load_all(&l, tables, err);
    unstage(&l);
    load_done(&l);
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

static int32_t replace(struct load *l, struct dr_db_load *spec, struct dr_err *err)
{
    int32_t before = 0;
    DR_TRY(plan(l, spec, err));
    DR_TRY(in_table(&l->tables[0], stage(l, &l->tables[0], err), err));
    return pass(l, &before, err);
}

int32_t dr_db_replace(struct dr_db *db, const char *name, const struct dr_table *t, int32_t n_keys,
                      const char *const *keys, struct dr_err *err)
{
    struct dr_db_load spec = {
        .size = sizeof spec, .name = name, .rows = t, .n_keys = n_keys, .keys = keys, .remake = 1, .strict = 1
    };
    struct load l = { .db = db, .n = 1, .inside = true };
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
