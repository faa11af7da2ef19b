/* sqlite_result.c - the rows of a SELECT as a table.
 *
 * SQLite types values, not columns: a column of the result takes the type of
 * its first value. Where whole numbers and others meet they are all float64, as coalesce(x, 0) would have
 * them; where texts and numbers meet, or whole numbers that are no double, text. A column without any value
 * is of type NULL. A column taken as it is from an attached table gets back the type that it has there. */
#include "db/db.h"
#include <math.h>
#include "base/num.h"
#include "base/sqlite.h"
#include "data/builder.h"
#include "data/decimal.h"

#define DOUBLE_MOST (INT64_C(1) << 53)

struct result_column {
    struct dr_builder *b; /* owned; NULL until the first value */
    int32_t type;         /* of b */
    int64_t nulls;        /* before the first value */
    bool all_doubles;     /* the whole numbers so far: each is a double */
    int32_t attached;     /* the type that it has in the attached table it comes from, or -1 */
    int32_t scale;        /* of decimals that were numbers there, or -1 */
};
struct result {
    int32_t n;
    struct result_column *columns; /* owned */
    const char **names;            /* in arena: SQLite's own may move at the first step */
    struct dr_arena arena;
    int64_t rows;
};

static int32_t column_type(enum dr_sql_type type)
{
    switch (type) {
    case DR_SQL_INT:
        return DR_TYPE_INT64;
    case DR_SQL_FLOAT:
        return DR_TYPE_FLOAT64;
    default:
        return DR_TYPE_STRING;
    }
}

static void start_column(struct result_column *c, int32_t type)
{
    c->b = dr_builder_new(type);
    c->type = type;
    c->all_doubles = true;
    for (int64_t i = 0; i < c->nulls; i++)
        dr_builder_append_null(c->b);
}

/* Begin the column again, of another type, with the values that it has. */
static void turn_into(struct result_column *c, int32_t type)
{
    DR_AUTO_BUF text = { 0 };
    struct dr_column *old = dr_builder_finish(c->b);
    c->b = dr_builder_new(type);
    c->type = type;
    for (int32_t k = 0; k < old->n; k++) {
        const struct dr_array *a = old->chunk[k];
        for (int64_t i = 0; i < a->n; i++) {
            dr_buf_clear(&text);
            dr_array_put_text(a, i, &text);
            if (!dr_array_valid(a, i))
                dr_builder_append_null(c->b);
            else if (type == DR_TYPE_FLOAT64)
                dr_builder_append_float(c->b, (double)((const int64_t *)a->values)[i]);
            else
                dr_builder_append_bytes(c->b, dr_buf_cstr(&text), (int64_t)text.n);
        }
    }
    dr_column_unref(old);
}

static void append_as_text(struct dr_builder *b, struct dr_sql_stmt *s, int i, enum dr_sql_type type)
{
    char text[DR_F64_TEXT];
    struct dr_str v = { text, 0 };
    if (type == DR_SQL_INT)
        v.n = dr_format_i64(dr_sql_int(s, i), text);
    else if (type == DR_SQL_FLOAT)
        v.n = dr_format_f64(dr_sql_float(s, i), text);
    else
        v = dr_sql_str(s, i);
    dr_builder_append_bytes(b, v.p, (int64_t)v.n);
}

static void append_null(struct result_column *c)
{
    if (c->b)
        dr_builder_append_null(c->b);
    else
        c->nulls++;
}

static bool is_double(int64_t v)
{
    return v >= -DOUBLE_MOST && v <= DOUBLE_MOST;
}

/* The type of a column that has another one so far, after one more value. */
static int32_t type_with(const struct result_column *c, struct dr_sql_stmt *s, int i, enum dr_sql_type type)
{
    if (c->type == DR_TYPE_INT64 && type == DR_SQL_FLOAT && c->all_doubles)
        return DR_TYPE_FLOAT64;
    if (c->type == DR_TYPE_FLOAT64 && type == DR_SQL_INT && is_double(dr_sql_int(s, i)))
        return DR_TYPE_FLOAT64;
    return DR_TYPE_STRING;
}

static void append_value(struct result_column *c, struct dr_sql_stmt *s, int i, enum dr_sql_type type)
{
    if (!c->b)
        start_column(c, column_type(type));
    if (c->type != DR_TYPE_STRING && c->type != column_type(type)) {
        int32_t wider = type_with(c, s, i, type);
        if (wider != c->type)
            turn_into(c, wider);
    }
    if (c->type == DR_TYPE_INT64) {
        c->all_doubles &= is_double(dr_sql_int(s, i));
        dr_builder_append_int(c->b, dr_sql_int(s, i));
    } else if (c->type == DR_TYPE_FLOAT64) {
        dr_builder_append_float(c->b, type == DR_SQL_INT ? (double)dr_sql_int(s, i) : dr_sql_float(s, i));
    } else {
        append_as_text(c->b, s, i, type);
    }
}

/* SQLite stores whatever bytes it is given as text, and another program may
 * have given it any. */
static int32_t read_cell(struct result *r, struct dr_sql_stmt *s, int32_t i, struct dr_err *err)
{
    enum dr_sql_type type = dr_sql_column_type(s, i);
    if (type == DR_SQL_BLOB)
        return dr_fail(err, DR_EINPUT,
                       "row %lld of the result has a BLOB in column '%s'; CAST it, or leave it out",
                       (long long)r->rows + 1, r->names[i]);
    if (type == DR_SQL_TEXT && !dr_utf8_valid(dr_sql_str(s, i)))
        return dr_fail(err, DR_EINPUT, "row %lld of the result is not UTF-8 text in column '%s'",
                       (long long)r->rows + 1, r->names[i]);
    if (type == DR_SQL_NULL)
        append_null(&r->columns[i]);
    else
        append_value(&r->columns[i], s, i, type);
    return DR_OK;
}

static int32_t read_rows(struct result *r, struct dr_sql_stmt *s, struct dr_err *err)
{
    for (;; r->rows++) {
        bool row;
        DR_TRY(dr_sql_step(s, &row, err));
        if (!row)
            return DR_OK;
        for (int32_t i = 0; i < r->n; i++)
            DR_TRY(read_cell(r, s, i, err));
    }
}

/* The column with the type of the attached table. Its values were text only because
 * SQLite has no such type, so that all of them convert; else it stays as it is. */
static struct dr_column *given_back(struct dr_column *c, int32_t type)
{
    struct dr_column *typed = NULL;
    DR_AUTO_FREE uint8_t *refused = dr_calloc((size_t)c->rows / 8 + 1, 1);
    if (dr_column_cast(c, type, refused, &typed, NULL))
        return c;
    if (dr_bits_count(refused, c->rows) > 0) {
        dr_column_unref(typed);
        return c;
    }
    dr_column_unref(c);
    return typed;
}

/* A double as the decimal of a scale that it is; false where it is none. */
static bool put_decimal(struct dr_builder *b, double v, double power)
{
    double whole = nearbyint(v * power);
    if (!(fabs(whole) < 1e15) || whole / power != v)
        return false;
    dr_int128 digits = (dr_int128)whole;
    dr_builder_append_bytes(b, (const char *)&digits, sizeof digits);
    return true;
}

/* Doubles, or only missing values, as decimals; NULL where one is none. */
static struct dr_column *as_decimals(const struct dr_column *c, int32_t scale)
{
    struct dr_builder *b = dr_builder_new(DR_TYPE_DECIMAL);
    double power = pow(10, scale);
    bool all = true;
    dr_builder_set_scale(b, scale);
    for (int32_t k = 0; k < c->n; k++) {
        const struct dr_array *a = c->chunk[k];
        for (int64_t i = 0; i < a->n && all; i++) {
            if (a->type == DR_TYPE_NULL || !dr_array_valid(a, i))
                dr_builder_append_null(b);
            else
                all = put_decimal(b, ((const double *)a->values)[i], power);
        }
    }
    struct dr_column *made = dr_builder_finish(b);
    if (all)
        return made;
    dr_column_unref(made);
    return NULL;
}

static struct dr_column *given_back_number(struct dr_column *c, int32_t scale)
{
    struct dr_column *decimals = as_decimals(c, scale);
    if (!decimals)
        return c;
    dr_column_unref(c);
    return decimals;
}

static struct dr_column *finish_column(struct result_column *c)
{
    if (!c->b)
        start_column(c, DR_TYPE_NULL);
    struct dr_column *made = dr_builder_finish(c->b);
    c->b = NULL;
    if (c->scale >= 0 && (made->type == DR_TYPE_FLOAT64 || made->type == DR_TYPE_NULL))
        return given_back_number(made, c->scale);
    return c->attached >= 0 && c->attached != made->type ? given_back(made, c->attached) : made;
}

static int32_t finish(struct result *r, struct dr_table **ret, struct dr_err *err)
{
    DR_AUTO_FREE struct dr_column **columns = dr_malloc((size_t)r->n * sizeof(struct dr_column *));
    for (int32_t i = 0; i < r->n; i++)
        columns[i] = finish_column(&r->columns[i]);
    int32_t rc = dr_table_new(r->n, r->names, (const struct dr_column *const *)columns, ret, err);
    for (int32_t i = 0; i < r->n; i++)
        dr_column_unref(columns[i]);
    return rc;
}

int32_t dr_db_read_result(struct dr_sql_stmt *s, struct dr_table **ret, struct dr_err *err)
{
    struct result r = { .n = dr_sql_columns(s) };
    r.columns = dr_calloc((size_t)r.n, sizeof *r.columns);
    r.names = dr_arena_array(&r.arena, (size_t)r.n, sizeof *r.names);
    for (int32_t i = 0; i < r.n; i++) {
        r.names[i] = dr_arena_strdup(&r.arena, dr_sql_column_name(s, i));
        r.columns[i].attached = dr_db_attached_type(dr_sql_column_type_name(s, i), &r.columns[i].scale);
    }
    int32_t rc = read_rows(&r, s, err);
    if (!rc)
        rc = finish(&r, ret, err);
    for (int32_t i = 0; i < r.n; i++)
        dr_builder_free(r.columns[i].b);
    free(r.columns);
    dr_arena_done(&r.arena);
    return rc;
}
