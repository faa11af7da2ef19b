/* load_plan.c - what a load has to do with a table: which key its rows are matched by, whether the table
 * is to be made, which table of the load its rows belong to, and whether the ledger knows them already. */
#include "db/load.h"
#include "db/unfinished.h"

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

/* ---- several of one name -------------------------------------------------------------------- */

static struct dr_load_table *earlier_of_name(const struct dr_load *l, const struct dr_load_table *t)
{
    for (int32_t i = 0; i < t->number; i++)
        if (dr_streq(l->tables[i].spec->name, t->spec->name))
            return &l->tables[i];
    return NULL;
}

/* Each is compared with what was there before the load, and known by the ledger for itself. */
static int32_t check_name(const struct dr_load *l, const struct dr_load_table *t, struct dr_err *err)
{
    const struct dr_load_table *first = earlier_of_name(l, t);
    if (!first || (first->spec->mode == DR_LOAD_APPEND && t->spec->mode == DR_LOAD_APPEND))
        return DR_OK;
    return dr_fail(
        err, DR_EDEF,
        "it is loaded twice at once, which only appended rows can be: put the rows together first, "
        "or load one after the other");
}

/* The first one makes it for all, in its place: no other has rows for it beside. */
static int32_t share_made(struct dr_load_table *first, struct dr_load_table *t, struct dr_err *err)
{
    const struct dr_table *rows = t->spec->rows;
    for (int32_t i = 0; i < rows->n; i++)
        if (dr_table_find(first->spec->rows, rows->names[i]) < 0)
            return dr_fail(
                err, DR_EINPUT,
                "the rows that it is made for have no column '%s': make it by a migration, or leave "
                "the column out",
                rows->names[i]);
    first->stays_in_place = t->stays_in_place = true;
    return DR_OK;
}

/* Only a table that load itself made is made anew. */
static int32_t choose_making(struct dr_load *l, struct dr_load_table *t, const char *made_by,
                             struct dr_err *err)
{
    const struct dr_dialect *d = l->db->driver->dialect;
    struct dr_load_table *first = earlier_of_name(l, t);
    DR_AUTO_BUF create = { 0 };
    if (first && t->n_target == 0)
        return share_made(first, t, err);
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

static struct dr_load_table *find_shared(const struct dr_load *l, struct dr_load_table *t)
{
    for (int32_t i = 0; i < t->number; i++)
        if (l->tables[i].parent == t->parent && same_scope(l->tables[i].spec, t->spec))
            return &l->tables[i];
    return t;
}

static int32_t find_parent(struct dr_load *l, struct dr_load_table *t, struct dr_err *err)
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

/* ---- what is noted of it ------------------------------------------------------------------ */

/* Of a load that was killed. Appended rows stay unless all are replaced; others are compared. */
static void tell_unfinished(const struct dr_db *db, const struct dr_load_table *t,
                            const struct dr_unfinished *u)
{
    const char *name = t->spec->name, *begun = u->begun_at;
    if (u->content && t->spec->mode == DR_LOAD_APPEND && dr_streq(u->content, t->content))
        dr_db_tell(db,
                   "database table '%s': %lld of these rows are there since the load begun at %s, which was "
                   "not finished; the others follow",
                   name, (long long)u->rows, begun);
    else if (u->content && t->spec->mode != DR_LOAD_REPLACE)
        dr_db_tell(db,
                   "database table '%s': the load begun at %s was not finished: it appended %lld rows, and "
                   "others only the same load again can",
                   name, begun, (long long)u->rows);
    else if (t->spec->mode == DR_LOAD_APPEND)
        dr_db_tell(db, "database table '%s': the load begun at %s was not finished; load the same again",
                   name, begun);
    else
        dr_db_tell(
            db,
            "database table '%s': the load begun at %s was not finished; what it wrote is compared with "
            "the rows of this one",
            name, begun);
}

/* Loads of the table that are under way, or were killed between their pieces. */
static int32_t find_unfinished(const struct dr_load *l, const struct dr_load_table *t, bool *ret,
                               struct dr_err *err)
{
    struct dr_unfinished_list list;
    *ret = false;
    DR_TRY(dr_unfinished_find(l->db, t->arena, &list, err));
    for (int32_t i = 0; i < list.n; i++) {
        const struct dr_unfinished *u = &list.items[i];
        if (u->beside || !dr_streq(u->table, t->spec->name))
            continue;
        *ret = true;
        if (!u->runs)
            tell_unfinished(l->db, t, u);
    }
    return DR_OK;
}

/* Whether appended rows are known, all of them or some. */
static int32_t find_appended(const struct dr_load *l, struct dr_load_table *t, struct dr_err *err)
{
    t->in = (struct dr_appended){ 0 };
    if (t->n_target > 0)
        DR_TRY(dr_appended_read(l->db, t->arena, t->spec->name, t->content, &t->in, err));
    return t->in.n ? DR_OK : dr_ledger_find(l->db, t, err);
}

/* Rows that an earlier table of the load brings are known as those of an earlier load are. */
static bool is_repeated(const struct dr_load *l, const struct dr_load_table *t)
{
    for (int32_t i = 0; i < t->number; i++)
        if (dr_streq(l->tables[i].spec->name, t->spec->name) && dr_streq(l->tables[i].content, t->content))
            return !t->spec->no_ledger;
    return false;
}

/* Of others, the ledger knows what was there before a load that is not finished. */
static int32_t find_known(const struct dr_load *l, struct dr_load_table *t, struct dr_err *err)
{
    bool unfinished;
    DR_TRY(find_unfinished(l, t, &unfinished, err));
    if (t->spec->mode == DR_LOAD_APPEND)
        return find_appended(l, t, err);
    return unfinished ? DR_OK : dr_ledger_find(l->db, t, err);
}

static int32_t read_notes(const struct dr_load *l, struct dr_load_table *t, struct dr_err *err)
{
    if (t->skip)
        return DR_OK;
    DR_TRY(dr_ledger_last(l->db, t, &t->ledger_last, err));
    if (t->spec->mode != DR_LOAD_APPEND || t->only_asked)
        return DR_OK;
    DR_TRY(find_appended(l, t, err));
    if (t->skip)
        t->spec->inserted = 0;
    return DR_OK;
}

int32_t dr_load_read_notes(struct dr_load *l, struct dr_err *err)
{
    for (int32_t i = 0; i < l->n; i++)
        DR_TRY(dr_load_in_table(&l->tables[i], read_notes(l, &l->tables[i], err), err));
    return dr_load_stage_known_parents(l, err);
}

/* ---- the plan ------------------------------------------------------------------------------- */

int32_t dr_load_plan_table(struct dr_load *l, struct dr_load_table *t, struct dr_err *err)
{
    const struct dr_db_driver *driver = l->db->driver;
    const char *made_by;
    bool view;
    if (t->spec->rows->n == 0)
        return dr_fail(err, DR_EINPUT, "a database table needs at least one column");
    DR_TRY(check_name(l, t, err));
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
    t->skip |= is_repeated(l, t);
    return t->skip ? DR_OK : dr_load_choose_rows(driver->dialect, t, err);
}

/* Rows that were appended are in the table: to compare them is to append them again. What was refused then is
 * told already. */
static int32_t stage_known(struct dr_load *l, struct dr_load_table *t, struct dr_err *err)
{
    int32_t refused = t->n_refusals;
    t->skip = false;
    t->only_asked = t->spec->mode == DR_LOAD_APPEND;
    if (!t->only_asked)
        t->n_refusals = 0;
    DR_TRY(dr_load_choose_rows(l->db->driver->dialect, t, err));
    if (!t->only_asked)
        return DR_OK;
    t->n_refusals = refused;
    t->in = (struct dr_appended){ dr_arena_array(t->arena, 1, sizeof *t->in.ranges), 1, 0 };
    t->in.ranges[0] = (struct dr_appended_range){ 1, t->spec->rows->rows };
    return DR_OK;
}

int32_t dr_load_stage_known_parents(struct dr_load *l, struct dr_err *err)
{
    for (int32_t i = l->n - 1; i > 0; i--) {
        const struct dr_load_table *t = &l->tables[i];
        if (!t->skip && t->parent && t->parent->skip)
            DR_TRY(stage_known(l, t->parent, err));
    }
    return DR_OK;
}
