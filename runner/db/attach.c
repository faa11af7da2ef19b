/* attach.c - a table of ours as a table of SQLite's, without a copy.
 *
 * Numbers are given as they are, texts by address, and only what SQLite has no
 * type for (dates and times) is formatted when it is asked for. The declared
 * type of a column says what it was, with the affinity that its values have, so
 * that a result which takes the column as it is has its type again.
 *
 * Decimals are numbers where all of a column's have at most 15 digits, which a double tells apart: as text
 * '9.5' would be more than 10. Others are text with all their digits, as are rows on their way to a table. */
#include "db/db.h"
#include "data/decimal.h"
#include "data/kernel.h"
#include "base/sqlite_table.h"

enum { TYPE_MAX = 24, SCALE_MAX = 22 /* of powers of ten that are doubles */ };
#define DECIMAL_END INT64_C(1000000000000000)
#define REAL_DECIMAL "REAL_DECIMAL_"

struct view {
    struct dr_table *table;  /* owned reference */
    int32_t *hint;           /* owned: of each column, the chunk last read */
    double *power;           /* owned: of decimals that are numbers, 10 to their scale; else 0 */
    char (*types)[TYPE_MAX]; /* owned: as these are declared */
    struct dr_buf text;      /* of the value last formatted */
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

int32_t dr_db_attached_type(const char *declared, int32_t *ret_scale)
{
    *ret_scale = -1;
    if (declared && strncmp(declared, REAL_DECIMAL, sizeof REAL_DECIMAL - 1) == 0) {
        *ret_scale = 0;
        for (const char *p = declared + sizeof REAL_DECIMAL - 1; *p; p++)
            *ret_scale = *ret_scale * 10 + (*p - '0');
        return DR_TYPE_DECIMAL;
    }
    for (int i = 0; declared && i < N_DECLARED; i++)
        if (dr_streq(declared_types[i].name, declared))
            return declared_types[i].type;
    return -1;
}

/* Mapped files need not lie as the processor would like. */
static dr_int128 decimal_at(const struct dr_array *a, int64_t i)
{
    dr_int128 v;
    memcpy(&v, (const char *)a->values + (size_t)i * sizeof v, sizeof v);
    return v;
}

/* Whether all are whole numbers of 15 digits divided by a power of ten, of which no two are one double. */
static bool are_doubles(const struct dr_column *c)
{
    if (c->scale < 0 || c->scale > SCALE_MAX)
        return false;
    for (int32_t k = 0; k < c->n; k++) {
        const struct dr_array *a = c->chunk[k];
        for (int64_t i = 0; i < a->n; i++) {
            dr_int128 v = dr_array_valid(a, i) ? decimal_at(a, i) : 0;
            if (v >= DECIMAL_END || v <= -DECIMAL_END)
                return false;
        }
    }
    return true;
}

/* How decimals are declared, and given. */
static const char *plan_decimals(struct view *v, int32_t i)
{
    int32_t scale = v->table->columns[i]->scale;
    v->power[i] = 1;
    for (int32_t k = 0; k < scale; k++)
        v->power[i] *= 10;
    snprintf(v->types[i], TYPE_MAX, REAL_DECIMAL "%d", (int)scale);
    return v->types[i];
}

static const char *plan_column(const struct dr_db *db, const char *name, struct view *v, int32_t i,
                               bool exact)
{
    const struct dr_column *c = v->table->columns[i];
    if (c->type == DR_TYPE_DECIMAL && !exact && are_doubles(c))
        return plan_decimals(v, i);
    if (c->type == DR_TYPE_DECIMAL && !exact)
        dr_db_tell(db,
                   "table '%s': column '%s' has decimals of more than 15 digits, and is text in SQL: compare "
                   "and order by CAST(... AS REAL)",
                   name, v->table->names[i]);
    return declared_as(c);
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
    case DR_TYPE_DECIMAL:
        if (v->power[column] > 0) {
            *ret = (struct dr_sql_cell){ .type = DR_SQL_FLOAT,
                                         .f = (double)decimal_at(a, i) / v->power[column] };
            break;
        }
        /* fallthrough */
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
    free(v->power);
    free(v->types);
    free(v);
}

static int64_t distinct_guess(const struct dr_column *c)
{
    if (c->type == DR_TYPE_BOOL)
        return 2;
    return c->dict ? c->dict->n : 0;
}

int32_t dr_db_attach_view(struct dr_db *db, const char *name, const struct dr_table *t, bool exact,
                          struct dr_err *err)
{
    if (t->n == 0)
        return dr_fail(err, DR_EINPUT, "database table '%s': a database table needs at least one column",
                       name);
    DR_AUTO_FREE struct dr_sql_column *columns = dr_calloc((size_t)t->n, sizeof *columns);
    struct view *v = dr_calloc(1, sizeof *v);
    v->table = dr_table_ref(t);
    v->hint = dr_calloc((size_t)t->n, sizeof *v->hint);
    v->power = dr_calloc((size_t)t->n, sizeof *v->power);
    v->types = dr_calloc((size_t)t->n, sizeof *v->types);
    for (int32_t i = 0; i < t->n; i++)
        columns[i] = (struct dr_sql_column){ t->names[i], plan_column(db, name, v, i, exact),
                                             distinct_guess(t->columns[i]) };
    struct dr_sql_rows rows = {
        .n = t->n, .columns = columns, .rows = t->rows, .get = give_value, .close = close_view, .ctx = v
    };
    int32_t rc = dr_sql_attach(db->sql, name, &rows, err);
    return rc ? dr_err_prefix(err, "database table '%s'", name) : DR_OK;
}
