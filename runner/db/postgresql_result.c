/* postgresql_result.c - the rows of a statement as a table.
 *
 * Values arrive as text. What a type of ours can hold exactly becomes one; everything else stays text. */
#include "db/db.h"
#include "db/pg.h"
#include "data/kernel.h"

struct result_column {
    struct dr_builder *b; /* owned */
    uint32_t oid;
};
struct result {
    int32_t n;
    struct result_column *columns; /* in arena */
    const char **names;            /* in arena */
    struct dr_arena arena;
};

static int32_t built_as(uint32_t oid)
{
    switch (oid) {
    case DR_PG_OID_BOOL:
        return DR_TYPE_BOOL;
    case DR_PG_OID_INT2:
    case DR_PG_OID_INT4:
    case DR_PG_OID_INT8:
        return DR_TYPE_INT64;
    case DR_PG_OID_FLOAT4:
    case DR_PG_OID_FLOAT8:
        return DR_TYPE_FLOAT64;
    default:
        return DR_TYPE_STRING;
    }
}

/* What text is turned into once all of it is there. */
static int32_t cast_to(uint32_t oid)
{
    switch (oid) {
    case DR_PG_OID_DATE:
        return DR_TYPE_DATE;
    case DR_PG_OID_TIMESTAMP:
    case DR_PG_OID_TIMESTAMPTZ:
        return DR_TYPE_TIMESTAMP;
    case DR_PG_OID_NUMERIC:
        return DR_TYPE_DECIMAL;
    default:
        return DR_TYPE_STRING;
    }
}

static void start_result(struct result *r, const struct dr_pg *pg)
{
    r->n = dr_pg_columns(pg);
    r->columns = dr_arena_array(&r->arena, (size_t)r->n + 1, sizeof *r->columns);
    r->names = dr_arena_array(&r->arena, (size_t)r->n + 1, sizeof *r->names);
    for (int32_t i = 0; i < r->n; i++) {
        uint32_t oid = dr_pg_column_type(pg, i);
        r->names[i] = dr_arena_strdup(&r->arena, dr_pg_column_name(pg, i));
        r->columns[i] = (struct result_column){ dr_builder_new(built_as(oid)), oid };
    }
}

static void append_value(struct result_column *c, struct dr_str v)
{
    int64_t i = 0;
    double f = 0;
    switch (built_as(c->oid)) {
    case DR_TYPE_BOOL:
        dr_builder_append_int(c->b, v.n && v.p[0] == 't');
        return;
    case DR_TYPE_INT64:
        (void)dr_parse_i64(v, &i);
        dr_builder_append_int(c->b, i);
        return;
    case DR_TYPE_FLOAT64:
        (void)dr_parse_f64(v, true, &f);
        dr_builder_append_float(c->b, f);
        return;
    default:
        break;
    }
    /* "+00" is an offset to PostgreSQL, "+00:00" to us. */
    bool short_offset =
        c->oid == DR_PG_OID_TIMESTAMPTZ && v.n > 3 && (v.p[v.n - 3] == '+' || v.p[v.n - 3] == '-');
    if (short_offset) {
        DR_AUTO_BUF text = { 0 };
        dr_buf_printf(&text, "%.*s:00", (int)v.n, v.p);
        dr_builder_append_bytes(c->b, dr_buf_cstr(&text), (int64_t)text.n);
    } else {
        dr_builder_append_bytes(c->b, v.p, (int64_t)v.n);
    }
}

static void append_row(struct result *r, const struct dr_pg *pg)
{
    for (int32_t i = 0; i < r->n; i++) {
        if (dr_pg_is_null(pg, i))
            dr_builder_append_null(r->columns[i].b);
        else
            append_value(&r->columns[i], dr_pg_value(pg, i));
    }
}

/* As the type it has in the database, unless a value of it is none of ours: a date
 * before year 1, "infinity", a number of more than 38 digits. */
static struct dr_column *finish_column(struct result_column *c)
{
    struct dr_column *text = dr_builder_finish(c->b), *typed = NULL;
    c->b = NULL;
    int32_t type = cast_to(c->oid);
    if (text->type != DR_TYPE_STRING || type == DR_TYPE_STRING)
        return text;
    DR_AUTO_FREE uint8_t *refused = dr_calloc((size_t)text->rows / 8 + 1, 1);
    if (dr_column_cast(text, type, refused, &typed, NULL))
        return text;
    bool whole = dr_bits_count(refused, text->rows) == 0;
    dr_column_unref(whole ? text : typed);
    return whole ? typed : text;
}

static int32_t finish_result(struct result *r, struct dr_table **ret, struct dr_err *err)
{
    struct dr_column **columns = dr_arena_array(&r->arena, (size_t)r->n, sizeof *columns);
    for (int32_t i = 0; i < r->n; i++)
        columns[i] = finish_column(&r->columns[i]);
    int32_t rc = dr_table_new(r->n, r->names, (const struct dr_column *const *)columns, ret, err);
    for (int32_t i = 0; i < r->n; i++)
        dr_column_unref(columns[i]);
    return rc;
}

static int32_t read_rows(struct result *r, struct dr_pg *pg, struct dr_err *err)
{
    bool row;
    do {
        DR_TRY(dr_pg_next(pg, &row, err));
        if (!r->columns)
            start_result(r, pg);
        if (row)
            append_row(r, pg);
    } while (row);
    return DR_OK;
}

int32_t dr_db_postgresql_result(struct dr_pg *pg, struct dr_table **ret, struct dr_err *err)
{
    struct result r = { 0 };
    int32_t rc = read_rows(&r, pg, err);
    if (!rc && r.n > 0)
        rc = finish_result(&r, ret, err);
    for (int32_t i = 0; i < r.n; i++)
        dr_builder_free(r.columns[i].b);
    dr_arena_done(&r.arena);
    return rc;
}
