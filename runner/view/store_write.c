/* store_write.c - a file's resources into the tables.
 *
 * A resource's rows are found by its key, the first column of the primary key of every
 * table; a table without rowid keeps them together. A resource that is new costs one look
 * at fhir_resource and its inserts; one that is the same as before, that look alone.
 *
 * A resource belongs to the file that had it last. Other files that have it stand in
 * fhir_shared: when its own file drops it, one of them takes over, and is read again. */
#include "view/store_impl.h"
#include "base/num.h"
#include "view/number.h"
#include "view/temporal.h"

/* ---- files ---- */

/* What earlier loads of the file said that this one says anew. */
static int32_t forget_file(struct dr_fhir_store *s, struct dr_err *err)
{
    static const char *const deletes[] = { "DELETE FROM fhir_quarantine WHERE file_id = ?1",
                                           "DELETE FROM fhir_shared WHERE file_id = ?1" };
    struct dr_sql_stmt *q;
    for (int i = 0; i < 2; i++) {
        DR_TRY(dr_sql_prepare(s->db, deletes[i], &q, err));
        dr_sql_bind_int(q, 1, s->file);
        DR_TRY(dr_sql_run(q, NULL, err));
    }
    return DR_OK;
}

/* The file's row and, in s, its id and the number of this load. */
static int32_t begin_file(struct dr_fhir_store *s, const char *name, const struct dr_batch *b,
                          struct dr_err *err)
{
    struct dr_sql_stmt *q;
    bool row;
    DR_TRY(dr_sql_prepare(
        s->db,
        "INSERT INTO fhir_file (path, hash, bytes, resources, quarantined, problem, load, loaded_at)\n"
        "VALUES (?1, ?2, ?3, ?4, 0, ?5, (SELECT coalesce(max(load), 0) + 1 FROM fhir_file), ?6)\n"
        "ON CONFLICT (path) DO UPDATE SET hash = excluded.hash, bytes = excluded.bytes,\n"
        "    resources = excluded.resources, quarantined = 0, problem = excluded.problem,\n"
        "    load = excluded.load, loaded_at = excluded.loaded_at\n"
        "RETURNING file_id, load",
        &q, err));
    dr_sql_bind_text(q, 1, name);
    dr_sql_bind_text(q, 2, b->hash);
    dr_sql_bind_int(q, 3, (int64_t)b->size);
    dr_sql_bind_int(q, 4, (int64_t)b->n);
    dr_sql_bind_text(q, 5, b->err.rc ? b->err.msg : NULL);
    dr_sql_bind_text(q, 6, s->now);
    DR_TRY(dr_sql_step(q, &row, err));
    s->file = dr_sql_int(q, 0);
    s->load = dr_sql_int(q, 1);
    dr_sql_reset(q);
    return forget_file(s, err);
}

static int32_t end_file(struct dr_fhir_store *s, int64_t quarantined, struct dr_err *err)
{
    struct dr_sql_stmt *q;
    if (!quarantined)
        return DR_OK;
    DR_TRY(dr_sql_prepare(s->db, "UPDATE fhir_file SET quarantined = ?2 WHERE file_id = ?1", &q, err));
    dr_sql_bind_int(q, 1, s->file);
    dr_sql_bind_int(q, 2, quarantined);
    return dr_sql_run(q, NULL, err);
}

static int32_t set_aside(struct dr_fhir_store *s, const struct dr_batch_resource *r, int64_t entry,
                         const char *reason, struct dr_err *err)
{
    struct dr_sql_stmt *q;
    DR_TRY(dr_sql_prepare(s->db, "INSERT OR REPLACE INTO fhir_quarantine VALUES (?1, ?2, ?3, ?4, ?5, ?6)", &q,
                          err));
    dr_sql_bind_int(q, 1, s->file);
    dr_sql_bind_int(q, 2, entry);
    if (r && r->type.n)
        dr_sql_bind_str(q, 3, r->type);
    if (r && r->key.n)
        dr_sql_bind_str(q, 4, r->key);
    dr_sql_bind_text(q, 5, reason);
    dr_sql_bind_text(q, 6, s->now);
    return dr_sql_run(q, NULL, err);
}

/* ---- rows ---- */

static int32_t delete_rows(struct dr_fhir_store *s, struct dr_str type, struct dr_str key, struct dr_err *err)
{
    struct dr_sql_stmt *q;
    for (int32_t i = 0; i < s->set->n; i++) {
        if (!dr_str_eq(type, dr_str_of(s->set->tables[i].view->resource)))
            continue;
        DR_TRY(dr_sql_prepare(s->db, s->deletes[i], &q, err));
        dr_sql_bind_static(q, 1, key);
        DR_TRY(dr_sql_run(q, NULL, err));
    }
    return DR_OK;
}

/* As the column stores it. What does not fit is bound as text, which the database refuses. But a number
 * that is too large for REAL is refused here: the database would store infinity. */
static bool bind_cell(struct dr_sql_stmt *q, int at, enum dr_view_store store, const struct dr_batch *b,
                      const struct dr_batch_cell *c)
{
    struct dr_str text = dr_batch_text(b, c);
    struct dr_number n;
    int64_t i;
    double f;
    if (c->kind == DR_VIEW_NULL)
        return true;
    if (c->kind == DR_VIEW_BOOL && store != DR_STORE_TEXT)
        dr_sql_bind_int(q, at, c->truth);
    else if (c->kind == DR_VIEW_BOOL)
        dr_sql_bind_static(q, at, c->truth ? DR_LIT("true") : DR_LIT("false"));
    else if (store == DR_STORE_INTEGER &&
             (dr_parse_i64(text, &i) || (dr_number_parse(text, &n) && dr_number_to_i64(n, &i))))
        dr_sql_bind_int(q, at, i);
    else if (store == DR_STORE_REAL && dr_parse_f64(text, false, &f))
        dr_sql_bind_float(q, at, f);
    else if (store == DR_STORE_REAL && dr_parse_f64(text, true, &f))
        return false;
    else
        dr_sql_bind_static(q, at, text);
    return true;
}

static int32_t insert_row(struct dr_fhir_store *s, const struct dr_batch *b, const struct dr_batch_row *row,
                          int64_t number, struct dr_err *err)
{
    const struct dr_view_table *t = &s->set->tables[row->table];
    int32_t n = t->view->n_columns;
    struct dr_sql_stmt *q;
    DR_TRY(dr_sql_prepare(s->db, s->inserts[row->table], &q, err));
    for (int32_t i = 0; i < n; i++)
        if (!bind_cell(q, i + 1, t->stores[i], b, &b->cells[row->first_cell + (size_t)i])) {
            dr_sql_reset(q);
            return dr_fail(err, DR_EINPUT, "column '%s': the number is too large for REAL",
                           t->view->columns[i].name);
        }
    if (!t->single)
        dr_sql_bind_int(q, n + 1, number);
    return dr_sql_run(q, NULL, err);
}

static int32_t insert_rows(struct dr_fhir_store *s, const struct dr_batch *b,
                           const struct dr_batch_resource *r, struct dr_err *err)
{
    int64_t number = 0;
    for (size_t i = r->first_row; i < r->first_row + r->n_rows; i++) {
        number = i > r->first_row && b->rows[i].table == b->rows[i - 1].table ? number + 1 : 0;
        if (insert_row(s, b, &b->rows[i], number, err))
            return dr_err_prefix(err, "table '%s'", s->set->tables[b->rows[i].table].view->name);
    }
    return DR_OK;
}

/* ---- resources ---- */

/* What is known of a resource. */
struct known {
    bool there;
    uint64_t hash;
    int64_t load, file;
    char last_updated[64];
};

static int32_t look_up(struct dr_fhir_store *s, const struct dr_batch_resource *r, struct known *ret,
                       struct dr_err *err)
{
    struct dr_sql_stmt *q;
    DR_TRY(dr_sql_prepare(s->db,
                          "SELECT hash, load, last_updated, file_id FROM fhir_resource WHERE resource_type = "
                          "?1 AND resource_key = ?2",
                          &q, err));
    dr_sql_bind_static(q, 1, r->type);
    dr_sql_bind_static(q, 2, r->key);
    *ret = (struct known){ 0 };
    DR_TRY(dr_sql_step(q, &ret->there, err));
    if (ret->there) {
        struct dr_str text = dr_sql_str(q, 2);
        ret->hash = (uint64_t)dr_sql_int(q, 0);
        ret->load = dr_sql_int(q, 1);
        ret->file = dr_sql_int(q, 3);
        (void)snprintf(ret->last_updated, sizeof ret->last_updated, "%.*s", (int)text.n,
                       text.p ? text.p : "");
    }
    dr_sql_reset(q);
    return DR_OK;
}

/* Both say when they were last updated, and the one that is there did so later. */
static bool is_newer(const struct known *k, const struct dr_batch_resource *r)
{
    struct dr_temporal there, here;
    int order;
    return dr_temporal_parse(dr_str_of(k->last_updated), &there) &&
           dr_temporal_parse(r->last_updated, &here) && dr_temporal_cmp(&there, &here, &order) && order > 0;
}

static int32_t record(struct dr_fhir_store *s, const struct dr_batch_resource *r, struct dr_err *err)
{
    struct dr_sql_stmt *q;
    DR_TRY(dr_sql_prepare(s->db,
                          "INSERT INTO fhir_resource VALUES (?1, ?2, ?3, ?4, ?5, ?6)\n"
                          "ON CONFLICT DO UPDATE SET file_id = ?3, hash = ?4, last_updated = ?5, load = ?6",
                          &q, err));
    dr_sql_bind_static(q, 1, r->type);
    dr_sql_bind_static(q, 2, r->key);
    dr_sql_bind_int(q, 3, s->file);
    dr_sql_bind_int(q, 4, (int64_t)r->hash);
    if (r->last_updated.n)
        dr_sql_bind_static(q, 5, r->last_updated);
    dr_sql_bind_int(q, 6, s->load);
    return dr_sql_run(q, NULL, err);
}

/* That a file, which is not the resource's own, has it too. */
static int32_t share(struct dr_fhir_store *s, const struct dr_batch_resource *r, int64_t file,
                     struct dr_err *err)
{
    struct dr_sql_stmt *q;
    DR_TRY(dr_sql_prepare(s->db, "INSERT OR IGNORE INTO fhir_shared VALUES (?1, ?2, ?3)", &q, err));
    dr_sql_bind_static(q, 1, r->type);
    dr_sql_bind_static(q, 2, r->key);
    dr_sql_bind_int(q, 3, file);
    return dr_sql_run(q, NULL, err);
}

/* A resource that was there and is set aside now keeps its place: it has not vanished. */
static int32_t touch(struct dr_fhir_store *s, const struct dr_batch_resource *r, struct dr_err *err)
{
    struct dr_sql_stmt *q;
    DR_TRY(dr_sql_prepare(
        s->db, "UPDATE fhir_resource SET load = ?3 WHERE resource_type = ?1 AND resource_key = ?2", &q, err));
    dr_sql_bind_static(q, 1, r->type);
    dr_sql_bind_static(q, 2, r->key);
    dr_sql_bind_int(q, 3, s->load);
    return dr_sql_run(q, NULL, err);
}

static struct dr_fhir_count *count_of(struct dr_fhir_counts *counts, struct dr_str type)
{
    if (!type.n)
        type = DR_LIT("(none)");
    for (int32_t i = 0; i < counts->n; i++)
        if (dr_str_eq(type, dr_str_of(counts->types[i].type)))
            return &counts->types[i];
    if (counts->n == DR_FHIR_TYPES_MAX)
        return &counts->types[DR_FHIR_TYPES_MAX - 1];
    if (counts->n == DR_FHIR_TYPES_MAX - 1)
        type = DR_LIT("(other)");
    struct dr_fhir_count *c = &counts->types[counts->n++];
    *c = (struct dr_fhir_count){ 0 };
    (void)snprintf(c->type, sizeof c->type, "%.*s", (int)(type.n < 60 ? type.n : 60), type.p);
    return c;
}

/* Replace the rows, all or none. Whether values were refused goes to *ret_refused. */
static int32_t replace(struct dr_fhir_store *s, const struct dr_batch *b, const struct dr_batch_resource *r,
                       bool there, bool *ret_refused, struct dr_err *err)
{
    int32_t rc;
    *ret_refused = false;
    if (there)
        DR_TRY(dr_sql_exec(s->db, "SAVEPOINT one", err));
    rc = there ? delete_rows(s, r->type, r->key, err) : DR_OK;
    if (!rc)
        rc = insert_rows(s, b, r, err);
    if (!rc)
        rc = record(s, r, err);
    *ret_refused = rc == DR_EINPUT || (rc == DR_EDB && dr_sql_refused(s->db));
    if (rc && !*ret_refused)
        return rc;
    struct dr_err undo = { 0 };
    if (*ret_refused)
        rc = there ? dr_sql_exec(s->db, "ROLLBACK TO one", &undo) : delete_rows(s, r->type, r->key, &undo);
    if (there && !rc)
        rc = dr_sql_exec(s->db, "RELEASE one", &undo);
    if (rc)
        *err = undo;
    return rc;
}

static int32_t quarantine(struct dr_fhir_store *s, const struct dr_batch_resource *r, const char *reason,
                          struct dr_fhir_count *c, struct dr_err *err)
{
    c->quarantined++;
    DR_TRY(set_aside(s, r, r->entry, reason, err));
    return r->type.n && r->key.n ? touch(s, r, err) : DR_OK;
}

static int32_t write_resource(struct dr_fhir_store *s, const struct dr_batch *b,
                              const struct dr_batch_resource *r, struct dr_fhir_counts *counts,
                              struct dr_err *err)
{
    struct dr_fhir_count *c = count_of(counts, r->type);
    struct known k;
    bool refused;
    c->resources++;
    if (r->problem.n)
        return quarantine(s, r, r->problem.p, c, err);
    DR_TRY(look_up(s, r, &k, err));
    bool twice = k.there && k.load == s->load, older = k.there && is_newer(&k, r);
    if (twice || older)
        c->superseded++; /* of two in one file, one counts as loaded, whichever it is */
    if (twice && (older || k.hash == r->hash))
        return DR_OK;
    if (k.there && k.file != s->file)
        DR_TRY(share(s, r, older ? s->file : k.file, err));
    if (older)
        return touch(s, r, err);
    if (k.there && k.hash == r->hash) {
        c->unchanged++;
        return record(s, r, err);
    }
    DR_TRY(replace(s, b, r, k.there, &refused, err));
    if (refused) {
        c->superseded -= twice;
        return quarantine(s, r, err->msg, c, err);
    }
    c->loaded += !twice;
    c->rows += (int64_t)r->n_rows;
    return DR_OK;
}

/* ---- what a file no longer has ---- */

struct gone {
    struct dr_str type, key;
};

static int32_t find_gone(struct dr_fhir_store *s, struct dr_arena *a, struct gone **ret, size_t *ret_n,
                         struct dr_err *err)
{
    struct dr_sql_stmt *q;
    size_t n = 0, cap = 0;
    bool row;
    *ret = NULL;
    DR_TRY(dr_sql_prepare(
        s->db, "SELECT resource_type, resource_key FROM fhir_resource WHERE file_id = ?1 AND load < ?2", &q,
        err));
    dr_sql_bind_int(q, 1, s->file);
    dr_sql_bind_int(q, 2, s->load);
    for (;;) {
        DR_TRY(dr_sql_step(q, &row, err));
        if (!row)
            break;
        if (n == cap) {
            cap = cap ? cap * 2 : 16;
            struct gone *more = dr_arena_array(a, cap, sizeof *more);
            if (n)
                memcpy(more, *ret, n * sizeof *more);
            *ret = more;
        }
        struct dr_str type = dr_sql_str(q, 0), key = dr_sql_str(q, 1);
        (*ret)[n++] = (struct gone){ { dr_arena_dup(a, type.p, type.n), type.n },
                                     { dr_arena_dup(a, key.p, key.n), key.n } };
    }
    *ret_n = n;
    return DR_OK;
}

/* Another file has it: give it to that one, which will be read again, since its version may differ. */
static int32_t hand_over(struct dr_fhir_store *s, const struct gone *g, bool *ret_done, struct dr_err *err)
{
    static const char *const moves[] = {
        "UPDATE fhir_file SET hash = '' WHERE file_id = ?1",
        "UPDATE fhir_resource SET file_id = ?1 WHERE resource_type = ?2 AND resource_key = ?3",
        "DELETE FROM fhir_shared WHERE file_id = ?1 AND resource_type = ?2 AND resource_key = ?3",
    };
    struct dr_sql_stmt *q;
    DR_TRY(dr_sql_prepare(s->db,
                          "SELECT file_id FROM fhir_shared WHERE resource_type = ?1 AND resource_key = ?2 "
                          "ORDER BY file_id DESC LIMIT 1",
                          &q, err));
    dr_sql_bind_static(q, 1, g->type);
    dr_sql_bind_static(q, 2, g->key);
    DR_TRY(dr_sql_step(q, ret_done, err));
    int64_t file = *ret_done ? dr_sql_int(q, 0) : 0;
    dr_sql_reset(q);
    for (int i = 0; *ret_done && i < 3; i++) {
        DR_TRY(dr_sql_prepare(s->db, moves[i], &q, err));
        dr_sql_bind_int(q, 1, file);
        if (i > 0) {
            dr_sql_bind_static(q, 2, g->type);
            dr_sql_bind_static(q, 3, g->key);
        }
        DR_TRY(dr_sql_run(q, NULL, err));
    }
    return DR_OK;
}

static int32_t remove_resource(struct dr_fhir_store *s, const struct gone *g, struct dr_err *err)
{
    struct dr_sql_stmt *q;
    DR_TRY(delete_rows(s, g->type, g->key, err));
    DR_TRY(dr_sql_prepare(s->db, "DELETE FROM fhir_resource WHERE resource_type = ?1 AND resource_key = ?2",
                          &q, err));
    dr_sql_bind_static(q, 1, g->type);
    dr_sql_bind_static(q, 2, g->key);
    return dr_sql_run(q, NULL, err);
}

static int32_t remove_gone(struct dr_fhir_store *s, struct dr_fhir_counts *counts, struct dr_err *err)
{
    DR_AUTO_ARENA a = { 0 };
    struct gone *gone;
    size_t n;
    bool handed = false;
    DR_TRY(find_gone(s, &a, &gone, &n, err));
    for (size_t i = 0; i < n; i++) {
        DR_TRY(hand_over(s, &gone[i], &handed, err));
        if (handed)
            continue;
        DR_TRY(remove_resource(s, &gone[i], err));
        count_of(counts, gone[i].type)->removed++;
    }
    return DR_OK;
}

/* ---- a file ---- */

static int64_t quarantined(const struct dr_fhir_counts *counts)
{
    int64_t n = 0;
    for (int32_t i = 0; i < counts->n; i++)
        n += counts->types[i].quarantined;
    return n;
}

static int32_t write_file(struct dr_fhir_store *s, const char *name, const struct dr_batch *b,
                          struct dr_fhir_counts *counts, struct dr_err *err)
{
    int64_t before = quarantined(counts);
    DR_TRY(begin_file(s, name, b, err));
    if (b->err.rc) /* nothing can be said of its resources: they stay */
        return set_aside(s, NULL, -1, b->err.msg, err);
    for (size_t i = 0; i < b->n; i++)
        DR_TRY(write_resource(s, b, &b->resources[i], counts, err));
    DR_TRY(remove_gone(s, counts, err));
    return end_file(s, quarantined(counts) - before, err);
}

int32_t dr_fhir_store_write(struct dr_fhir_store *s, const char *name, const struct dr_batch *b,
                            struct dr_fhir_counts *counts, struct dr_err *err)
{
    struct dr_fhir_counts *before = dr_malloc(sizeof *before);
    *before = *counts;
    int32_t rc = dr_sql_begin(s->db, err);
    if (!rc)
        rc = write_file(s, name, b, counts, err);
    if (!rc)
        rc = dr_sql_commit(s->db, err);
    if (rc) {
        dr_sql_rollback(s->db);
        *counts = *before;
    }
    free(before);
    return rc;
}
