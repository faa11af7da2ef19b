/* table.c - tables: named columns of equal length and equal chunk boundaries. */
#include "base/hash.h"
#include "data/kernel.h"

/* ---- counting and looking ------------------------------------------------------ */

struct dr_table *dr_table_ref(const struct dr_table *t)
{
    struct dr_table *mine = DR_UNCONST(struct dr_table, t);
    atomic_fetch_add_explicit(&mine->refs, 1, memory_order_relaxed);
    return mine;
}

void dr_table_unref(struct dr_table *t)
{
    if (!t || atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (int32_t i = 0; i < t->n; i++) {
        free(t->names[i]);
        dr_column_unref(t->columns[i]);
    }
    free(t->names);
    free(t->columns);
    free(t);
}

static uint64_t array_bytes(const struct dr_array *a)
{
    const int64_t *offsets = a->type == DR_TYPE_STRING ? a->values : NULL;
    uint64_t values = offsets ? (uint64_t)(offsets[a->n] - offsets[0]) + (uint64_t)a->n * sizeof(*offsets)
                              : (uint64_t)a->n * dr_type_width(a->type);
    return values + (uint64_t)a->n / 8;
}

uint64_t dr_table_bytes(const struct dr_table *t)
{
    uint64_t bytes = 0;
    for (int32_t c = 0; c < t->n; c++)
        for (int32_t i = 0; i < t->columns[c]->n; i++)
            bytes += array_bytes(t->columns[c]->chunk[i]);
    return bytes;
}

int64_t dr_table_rows(const struct dr_table *t)
{
    return t->rows;
}

int32_t dr_table_columns(const struct dr_table *t)
{
    return t->n;
}

const char *dr_table_column_name(const struct dr_table *t, int32_t i)
{
    return i >= 0 && i < t->n ? t->names[i] : NULL;
}

const struct dr_column *dr_table_column(const struct dr_table *t, int32_t i)
{
    return i >= 0 && i < t->n ? t->columns[i] : NULL;
}

int32_t dr_table_find(const struct dr_table *t, const char *name)
{
    for (int32_t i = 0; i < t->n; i++)
        if (dr_streq(t->names[i], name))
            return i;
    return -1;
}

int32_t dr_table_need(const struct dr_table *t, const char *name, const char *what,
                      const struct dr_column **ret, struct dr_err *err)
{
    int32_t i = name ? dr_table_find(t, name) : -1;
    if (i >= 0) {
        *ret = t->columns[i];
        return DR_OK;
    }
    if (!name)
        return dr_fail(err, DR_EINPUT, "%s: a column name is missing", what);
    const char *near = dr_nearest(name, (const char *const *)t->names, (size_t)t->n);
    if (near)
        return dr_fail(err, DR_ENOTFOUND, "%s: no column '%s'; did you mean '%s'?", what, name, near);
    return dr_fail(err, DR_ENOTFOUND, "%s: no column '%s' among the table's %d", what, name, (int)t->n);
}

/* ---- making ---------------------------------------------------------------------- */

struct dr_table *dr_table_adopt(int32_t n, const char *const *names, struct dr_column **columns)
{
    struct dr_table *t = dr_calloc(1, sizeof *t);
    atomic_init(&t->refs, 1);
    t->n = n;
    t->rows = n ? columns[0]->rows : 0;
    t->names = dr_malloc((size_t)n * sizeof(char *));
    t->columns = dr_malloc((size_t)n * sizeof(struct dr_column *));
    for (int32_t i = 0; i < n; i++) {
        t->names[i] = dr_strdup(names[i]);
        t->columns[i] = columns[i];
    }
    return t;
}

static int32_t check_names(int32_t n, const char *const *names, struct dr_err *err)
{
    struct dr_map seen = { 0 };
    int32_t rc = DR_OK;
    for (int32_t i = 0; i < n && !rc; i++) {
        bool fresh;
        if (!names[i]) {
            rc = dr_fail(err, DR_EINPUT, "column %d of the table has no name", (int)i + 1);
            break;
        }
        dr_map_put(&seen, dr_str_of(names[i]), &fresh);
        if (!fresh)
            rc = dr_fail(err, DR_EINPUT, "the table would have two columns named '%s'", names[i]);
    }
    dr_map_done(&seen);
    return rc;
}

static bool same_chunks(const struct dr_column *a, const struct dr_column *b)
{
    return a->n == b->n && memcmp(a->start, b->start, ((size_t)a->n + 1) * sizeof *a->start) == 0;
}

int32_t dr_table_new(int32_t n, const char *const *names, const struct dr_column *const *columns,
                     struct dr_table **ret, struct dr_err *err)
{
    if (n < 0)
        return dr_fail(err, DR_EINPUT, "a table cannot have %d columns", (int)n);
    DR_TRY(check_names(n, names, err));
    for (int32_t i = 1; i < n; i++)
        if (columns[i]->rows != columns[0]->rows)
            return dr_fail(err, DR_EINPUT, "column '%s' has %lld rows, '%s' has %lld", names[i],
                           (long long)columns[i]->rows, names[0], (long long)columns[0]->rows);
    DR_AUTO_FREE struct dr_column **mine = dr_malloc((size_t)n * sizeof(struct dr_column *));
    for (int32_t i = 0; i < n; i++)
        mine[i] = same_chunks(columns[i], columns[0])
                      ? dr_column_ref(columns[i])
                      : dr_column_rechunk(columns[i], columns[0]->n, columns[0]->start);
    *ret = dr_table_adopt(n, names, mine);
    return DR_OK;
}

int32_t dr_table_select(const struct dr_table *t, int32_t n, const char *const *names, struct dr_table **ret,
                        struct dr_err *err)
{
    if (n < 0)
        return dr_fail(err, DR_EINPUT, "cannot select %d columns", (int)n);
    DR_AUTO_FREE const struct dr_column **columns = dr_malloc((size_t)n * sizeof(struct dr_column *));
    for (int32_t i = 0; i < n; i++)
        DR_TRY(dr_table_need(t, names[i], "select", &columns[i], err));
    return dr_table_new(n, names, columns, ret, err);
}

int32_t dr_table_with(const struct dr_table *t, const char *name, const struct dr_column *c,
                      struct dr_table **ret, struct dr_err *err)
{
    int32_t at = dr_table_find(t, name);
    if (at < 0)
        at = t->n;
    int32_t n = at == t->n ? t->n + 1 : t->n;
    DR_AUTO_FREE const char **names = dr_malloc((size_t)n * sizeof(char *));
    DR_AUTO_FREE const struct dr_column **columns = dr_malloc((size_t)n * sizeof(struct dr_column *));
    for (int32_t i = 0; i < t->n; i++) {
        names[i] = t->names[i];
        columns[i] = t->columns[i];
    }
    names[at] = name;
    columns[at] = c;
    return dr_table_new(n, names, columns, ret, err);
}
