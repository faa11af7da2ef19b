/* attach.c - a table of ours as a table of SQLite's, without a copy.
 *
 * Numbers are given as they are, texts by address, and only what SQLite has no
 * type for (dates, times, decimals) is formatted when it is asked for. The declared
 * type of a column says what it was, with the affinity that its values have, so
 * that a result which takes the column as it is has its type again. */
#include "db/db.h"
#include "data/kernel.h"
#include "base/sqlite_table.h"

struct view {
    struct dr_table *table; /* owned reference */
    int32_t *hint;          /* owned: of each column, the chunk last read */
    struct dr_buf text;     /* of the value last formatted */
};

/* SQLite derives the affinity of a column from parts of its declared type: INT and
 * REAL make numbers, TEXT text. No ordinary table uses these names. */
static const struct declared {
    int32_t type;
    bool zoned;
    const char *name;
} declared_types[] = {
    { DR_TYPE_NULL, false, "TEXT_NULL" },
    { DR_TYPE_BOOL, false, "INTEGER_BOOL" },
    { DR_TYPE_INT64, false, "INTEGER_64" },
    { DR_TYPE_FLOAT64, false, "REAL_64" },
    { DR_TYPE_DATE, false, "TEXT_DATE" },
    { DR_TYPE_TIMESTAMP, false, "TEXT_TIMESTAMP" },
    { DR_TYPE_TIMESTAMP, true, "TEXT_TIMESTAMP_UTC" },
    { DR_TYPE_DECIMAL, false, "TEXT_DECIMAL" },
    { DR_TYPE_STRING, false, "TEXT_UTF8" },
    { DR_TYPE_DICT, false, "TEXT_UTF8" },
};
enum { N_DECLARED = sizeof declared_types / sizeof declared_types[0] };

static const char *declared_as(const struct dr_column *c)
{
    for (int i = 0; i < N_DECLARED; i++)
        if (declared_types[i].type == c->type && declared_types[i].zoned == c->zoned)
            return declared_types[i].name;
    return "TEXT";
}

int32_t dr_db_attached_type(const char *declared)
{
    for (int i = 0; declared && i < N_DECLARED; i++)
        if (dr_streq(declared_types[i].name, declared))
            return declared_types[i].type;
    return -1;
}

static void give_formatted(struct view *v, const struct dr_array *a, int64_t i, struct dr_sql_cell *ret)
{
    dr_buf_clear(&v->text);
    dr_array_put_text(a, i, &v->text);
    *ret = (struct dr_sql_cell){ .type = DR_SQL_TEXT, .passing = true, .s = dr_buf_str(&v->text) };
}

/* The chunk of a row: that of the last one, or looked for, since joins jump. */
static const struct dr_array *chunk_of(const struct dr_column *c, int64_t row, int32_t *hint, int64_t *ret_i)
{
    if (row < c->start[*hint] || row >= c->start[*hint + 1])
        *hint = dr_column_chunk_of(c, row);
    *ret_i = row - c->start[*hint];
    return c->chunk[*hint];
}

static void give_value(void *ctx, int32_t column, int64_t row, struct dr_sql_cell *ret)
{
    struct view *v = ctx;
    int64_t i;
    const struct dr_array *a = chunk_of(v->table->columns[column], row, &v->hint[column], &i);
    if (a->type == DR_TYPE_NULL || !dr_array_valid(a, i))
        return;
    switch (a->type) {
    case DR_TYPE_BOOL:
        *ret = (struct dr_sql_cell){ .type = DR_SQL_INT, .i = dr_bit(a->values, i) };
        break;
    case DR_TYPE_INT64:
        *ret = (struct dr_sql_cell){ .type = DR_SQL_INT, .i = ((const int64_t *)a->values)[i] };
        break;
    case DR_TYPE_FLOAT64:
        *ret = (struct dr_sql_cell){ .type = DR_SQL_FLOAT, .f = ((const double *)a->values)[i] };
        break;
    case DR_TYPE_STRING:
    case DR_TYPE_DICT:
        *ret = (struct dr_sql_cell){ .type = DR_SQL_TEXT, .s = dr_array_str(a, i) };
        break;
    default:
        give_formatted(v, a, i, ret);
    }
}

static void close_view(void *ctx)
{
    struct view *v = ctx;
    dr_table_unref(v->table);
    dr_buf_done(&v->text);
    free(v->hint);
    free(v);
}

static int64_t distinct_guess(const struct dr_column *c)
{
    if (c->type == DR_TYPE_BOOL)
        return 2;
    return c->dict ? c->dict->n : 0;
}

int32_t dr_db_attach_view(struct dr_sql *sql, const char *name, const struct dr_table *t, struct dr_err *err)
{
    if (t->n == 0)
        return dr_fail(err, DR_EINPUT, "database table '%s': a database table needs at least one column",
                       name);
    DR_AUTO_FREE struct dr_sql_column *columns = dr_calloc((size_t)t->n, sizeof *columns);
    for (int32_t i = 0; i < t->n; i++)
        columns[i] =
            (struct dr_sql_column){ t->names[i], declared_as(t->columns[i]), distinct_guess(t->columns[i]) };
    struct view *v = dr_calloc(1, sizeof *v);
    v->table = dr_table_ref(t);
    v->hint = dr_calloc((size_t)t->n, sizeof *v->hint);
    struct dr_sql_rows rows = {
        .n = t->n, .columns = columns, .rows = t->rows, .get = give_value, .close = close_view, .ctx = v
    };
    int32_t rc = dr_sql_attach(sql, name, &rows, err);
    return rc ? dr_err_prefix(err, "database table '%s'", name) : DR_OK;
}
