/* union.c - tables one below the other, columns matched by name.
 *
 * Each table is brought to the columns of all, in the order in which they first
 * appear; those it lacks are made of missing values, and concat does the rest. */
#include "base/hash.h"
#include "data/kernel.h"

/* A column of the result. */
struct merged {
    const char *name;             /* borrowed */
    const struct dr_column *like; /* borrowed: the first that is not of type null, or any */
    int32_t table;                /* where that is */
};

struct merging {
    int32_t n; /* tables */
    const struct dr_table *const *tables;
    struct merged *columns;
    int32_t n_columns;
    struct dr_map index; /* name to column */
};

/* Whether rows of both can stand in one column. */
static bool fit(const struct dr_column *a, const struct dr_column *b)
{
    if (a->type == DR_TYPE_NULL || b->type == DR_TYPE_NULL)
        return true;
    if (a->type != b->type)
        return dr_column_is_text(a) && dr_column_is_text(b);
    return a->scale == b->scale && a->zoned == b->zoned;
}

static int32_t refuse(const struct merged *m, const struct dr_column *c, int32_t table, struct dr_err *err)
{
    if (m->like->type != c->type)
        return dr_fail(err, DR_EINPUT, "union: column '%s' is %s in table %d, %s in table %d", m->name,
                       dr_type_name(m->like->type), (int)m->table + 1, dr_type_name(c->type), (int)table + 1);
    return dr_fail(err, DR_EINPUT, "union: column '%s' differs in %s between tables %d and %d", m->name,
                   c->type == DR_TYPE_DECIMAL ? "scale" : "time zone", (int)m->table + 1, (int)table + 1);
}

static int32_t add_column(struct merging *w, int32_t table, int32_t at, struct dr_err *err)
{
    const char *name = w->tables[table]->names[at];
    const struct dr_column *c = w->tables[table]->columns[at];
    bool fresh;
    int64_t *slot = dr_map_put(&w->index, dr_str_of(name), &fresh);
    if (fresh) {
        w->columns[w->n_columns] = (struct merged){ name, c, table };
        *slot = w->n_columns++;
        return DR_OK;
    }
    struct merged *m = &w->columns[*slot];
    if (!fit(m->like, c))
        return refuse(m, c, table, err);
    if (m->like->type == DR_TYPE_NULL) {
        m->like = c;
        m->table = table;
    }
    return DR_OK;
}

/* As many missing values as t has rows, in its chunks, like `like`. */
static struct dr_column *missing_column(const struct dr_table *t, const struct dr_column *like)
{
    const struct dr_column *shape = t->columns[0];
    DR_AUTO_FREE struct dr_array **chunk = dr_malloc((size_t)shape->n * sizeof(struct dr_array *));
    for (int32_t k = 0; k < shape->n; k++) {
        chunk[k] = dr_array_new(like->type, shape->chunk[k]->n, like->dict);
        chunk[k]->scale = like->scale;
        chunk[k]->zoned = like->zoned;
        if (like->type != DR_TYPE_NULL)
            dr_array_make_validity(chunk[k]);
        chunk[k] = dr_array_seal(chunk[k]);
    }
    return dr_column_like(like, shape->n, chunk);
}

/* t with the columns of all tables, in their order. */
static struct dr_table *complete(const struct merging *w, const struct dr_table *t)
{
    size_t n = (size_t)w->n_columns;
    DR_AUTO_FREE const char **names = dr_malloc(n * sizeof(char *));
    DR_AUTO_FREE struct dr_column **columns = dr_malloc(n * sizeof(struct dr_column *));
    for (size_t i = 0; i < n; i++) {
        const struct merged *m = &w->columns[i];
        int32_t at = dr_table_find(t, m->name);
        bool has = at >= 0 && (t->columns[at]->type != DR_TYPE_NULL || m->like->type == DR_TYPE_NULL);
        names[i] = m->name;
        columns[i] = has ? dr_column_ref(t->columns[at]) : missing_column(t, m->like);
    }
    return dr_table_adopt(w->n_columns, names, columns);
}

static int32_t stack_completed(const struct merging *w, struct dr_table **ret, struct dr_err *err)
{
    struct dr_table **whole = dr_calloc((size_t)w->n, sizeof(struct dr_table *));
    int32_t n = 0;
    for (int32_t i = 0; i < w->n; i++)
        if (w->tables[i]->n) /* a table without columns has no rows */
            whole[n++] = complete(w, w->tables[i]);
    int32_t rc = dr_table_concat(n, (const struct dr_table *const *)whole, ret, err);
    for (int32_t i = 0; i < n; i++)
        dr_table_unref(whole[i]);
    free(whole);
    return rc;
}

int32_t dr_table_union(int32_t n, const struct dr_table *const *tables, struct dr_table **ret,
                       struct dr_err *err)
{
    struct merging w = { .n = n, .tables = tables };
    size_t room = 0;
    int32_t rc = DR_OK;
    if (n < 1)
        return dr_fail(err, DR_EINPUT, "union: no tables given");
    for (int32_t i = 0; i < n; i++)
        room += (size_t)tables[i]->n;
    DR_AUTO_FREE struct merged *columns = w.columns = dr_malloc(room * sizeof *columns);
    for (int32_t i = 0; i < n && !rc; i++)
        for (int32_t at = 0; at < tables[i]->n && !rc; at++)
            rc = add_column(&w, i, at, err);
    if (!rc && w.n_columns == 0)
        *ret = dr_table_ref(tables[0]);
    else if (!rc)
        rc = stack_completed(&w, ret, err);
    dr_map_done(&w.index);
    return rc;
}
