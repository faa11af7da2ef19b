/* functions.c - json_arrays(json, under): a row for each item of the arrays of a JSON text,
 * see docs/sql.md. */
#include "db/db.h"
#include "base/sqlite_function.h"
#include "json/arrays.h"

enum { PATH, POSITION, KIND, VALUE, ITEM, COLUMNS };

static void *open_arrays(void)
{
    return dr_json_arrays_new();
}

static void begin_arrays(void *state, const struct dr_str *arguments)
{
    dr_json_arrays_begin(state, arguments[0], arguments[1]);
}

static bool next_item(void *state)
{
    return dr_json_arrays_next(state);
}

static void close_arrays(void *state)
{
    dr_json_arrays_free(state);
}

static const char *kind_of(struct dr_json_value v)
{
    switch (dr_json_kind(v)) {
    case DR_JSON_NULL:
        return "null";
    case DR_JSON_FALSE:
    case DR_JSON_TRUE:
        return "boolean";
    case DR_JSON_NUMBER:
        return "number";
    case DR_JSON_STRING:
        return "string";
    case DR_JSON_ARRAY:
        return "array";
    case DR_JSON_OBJECT:
        return "object";
    default:
        return NULL;
    }
}

static void give(struct dr_str s, struct dr_sql_cell *ret)
{
    *ret = (struct dr_sql_cell){ .type = DR_SQL_TEXT, .passing = true, .s = s };
}

/* Not of objects and arrays, which are in ITEM; nor of a text with a NUL character, which no
 * database keeps. */
static void give_value(struct dr_json_value v, struct dr_sql_cell *ret)
{
    enum dr_json_kind kind = dr_json_kind(v);
    struct dr_str text = dr_json_text(v);
    if (kind < DR_JSON_FALSE || kind > DR_JSON_STRING || (text.n > 0 && memchr(text.p, '\0', text.n)))
        return;
    give(text, ret);
}

static void give_column(void *state, int32_t column, struct dr_sql_cell *ret)
{
    const struct dr_json_arrays *a = state;
    struct dr_json_value item = dr_json_arrays_item(a);
    bool empty = dr_json_arrays_position(a) < 0;
    if (column == PATH)
        give(dr_json_arrays_path(a), ret);
    else if (empty)
        return;
    else if (column == POSITION)
        *ret = (struct dr_sql_cell){ .type = DR_SQL_INT, .i = dr_json_arrays_position(a) };
    else if (column == KIND)
        give(dr_str_of(kind_of(item)), ret);
    else if (column == VALUE)
        give_value(item, ret);
    else
        give(dr_json_source(item), ret);
}

static const struct dr_sql_function json_arrays = {
    .name = "json_arrays",
    .columns = "path TEXT, position INTEGER, kind TEXT, value TEXT, item TEXT",
    .arguments = "json, under",
    .n_columns = COLUMNS,
    .n_arguments = 2,
    .open = open_arrays,
    .begin = begin_arrays,
    .next = next_item,
    .get = give_column,
    .close = close_arrays,
};

int32_t dr_db_add_functions(struct dr_sql *sql, struct dr_err *err)
{
    return dr_sql_add_function(sql, &json_arrays, err);
}
