/* check_type.c - expectations about types.
 *
 * Great Expectations names types as the engine under it does: pandas and Python
 * ("int64", "str", "datetime64"), or SQL ("INTEGER", "VARCHAR"). Both
 * vocabularies are understood, beside our own names, and what is observed is
 * said in the vocabulary of the question. A column of numbers or dates has one
 * type and is judged as a whole. A column of text is judged value by value: as
 * text, or, where the suite declares a type, by whether each text spells it. */
#include <ctype.h>
#include "expect/check.h"

enum kind {
    KIND_BOOL = 1,
    KIND_INT = 2,
    KIND_FLOAT = 4,
    KIND_TEXT = 8,
    KIND_DATE = 16,
    KIND_TIME = 32,
    KIND_INSTANT = 64,
    KIND_DECIMAL = 128,
    KIND_OBJECT = 256,
    KIND_OTHER = 512 /* a type that no column here has */
};
struct alias {
    const char *name;
    unsigned kinds;
};

static const struct alias aliases[] = {
    { "int", KIND_INT },
    { "int64", KIND_INT },
    { "int_", KIND_INT },
    { "Int64", KIND_INT },
    { "Int64Dtype", KIND_INT },
    { "INT", KIND_INT },
    { "INTEGER", KIND_INT },
    { "BIGINT", KIND_INT },
    { "SMALLINT", KIND_INT },
    { "BIG_INTEGER", KIND_INT },
    { "INT64", KIND_INT },
    { "integer", KIND_INT },
    { "LongType", KIND_INT },
    { "IntegerType", KIND_INT },
    { "float", KIND_FLOAT },
    { "float64", KIND_FLOAT },
    { "float_", KIND_FLOAT },
    { "double", KIND_FLOAT },
    { "FLOAT", KIND_FLOAT },
    { "DOUBLE", KIND_FLOAT },
    { "REAL", KIND_FLOAT },
    { "FLOAT64", KIND_FLOAT },
    { "DOUBLE_PRECISION", KIND_FLOAT },
    { "DoubleType", KIND_FLOAT },
    { "FloatType", KIND_FLOAT },
    { "NUMERIC", KIND_FLOAT | KIND_DECIMAL },
    { "DECIMAL", KIND_DECIMAL },
    { "decimal", KIND_DECIMAL },
    { "bool", KIND_BOOL },
    { "bool_", KIND_BOOL },
    { "boolean", KIND_BOOL },
    { "BOOLEAN", KIND_BOOL },
    { "BOOL", KIND_BOOL },
    { "BooleanType", KIND_BOOL },
    { "str", KIND_TEXT },
    { "text", KIND_TEXT },
    { "TEXT", KIND_TEXT },
    { "VARCHAR", KIND_TEXT },
    { "CHAR", KIND_TEXT },
    { "NVARCHAR", KIND_TEXT },
    { "STRING", KIND_TEXT },
    { "String", KIND_TEXT },
    { "StringType", KIND_TEXT },
    { "string", KIND_TEXT },
    { "date", KIND_DATE },
    { "DATE", KIND_DATE },
    { "DateType", KIND_DATE },
    { "datetime64", KIND_TIME },
    { "datetime64[ns]", KIND_TIME },
    { "datetime", KIND_TIME | KIND_INSTANT },
    { "DATETIME", KIND_TIME | KIND_INSTANT },
    { "TIMESTAMP", KIND_TIME | KIND_INSTANT },
    { "timestamp", KIND_TIME | KIND_INSTANT },
    { "TimestampType", KIND_TIME | KIND_INSTANT },
    { "Timestamp", KIND_INSTANT },
    { "DatetimeTZDtype", KIND_INSTANT },
    { "object", KIND_OBJECT },
    { "object_", KIND_OBJECT },
    { "O", KIND_OBJECT },
    { "i8", KIND_INT },
    { "long", KIND_INT },
    { "f8", KIND_FLOAT },
    { "int8", KIND_OTHER },
    { "int16", KIND_OTHER },
    { "int32", KIND_OTHER },
    { "uint8", KIND_OTHER },
    { "uint16", KIND_OTHER },
    { "uint32", KIND_OTHER },
    { "uint64", KIND_OTHER },
    { "float16", KIND_OTHER },
    { "float32", KIND_OTHER },
    { "complex", KIND_OTHER },
    { "complex128", KIND_OTHER },
    { "bytes", KIND_OTHER },
    { "unicode", KIND_OTHER },
    { "str_", KIND_OTHER },
    { "list", KIND_OTHER },
    { "dict", KIND_OTHER },
    { "timedelta64", KIND_OTHER },
    { "timedelta64[ns]", KIND_OTHER },
    { "Timedelta", KIND_OTHER },
    { "BooleanDtype", KIND_OTHER },
    { "StringDtype", KIND_OTHER },
    { "CategoricalDtype", KIND_OTHER },
};

static unsigned kinds_of_name(const char *name)
{
    for (size_t k = 0; k < sizeof aliases / sizeof aliases[0]; k++)
        if (dr_streq(aliases[k].name, name))
            return aliases[k].kinds;
    return 0;
}

/* All kinds that a list of names, or a name, admits. */
static unsigned kinds_asked(const struct dr_node *n)
{
    unsigned kinds = 0;
    if (dr_node_kind(n) == DR_NODE_STRING)
        return kinds_of_name(n->text.p);
    for (int64_t i = 0; i < dr_node_size(n); i++)
        kinds |= kinds_of_name(dr_node_str(dr_node_at(n, i), ""));
    return kinds;
}

static bool is_sql(const struct dr_node *n)
{
    bool all = dr_node_size(n) > 0;
    if (dr_node_kind(n) == DR_NODE_LIST) {
        for (int32_t i = 0; i < n->n; i++)
            all = all && is_sql(n->items[i]);
        return all;
    }
    const char *p = dr_node_str(n, "a");
    while (*p && !islower((unsigned char)*p))
        p++;
    return *p == 0 && !dr_streq(dr_node_str(n, ""), "O");
}

static unsigned kind_of_type(int32_t type, bool zoned)
{
    switch (type) {
    case DR_TYPE_BOOL:
        return KIND_BOOL;
    case DR_TYPE_INT64:
        return KIND_INT;
    case DR_TYPE_FLOAT64:
        return KIND_FLOAT;
    case DR_TYPE_DATE:
        return KIND_DATE;
    case DR_TYPE_TIMESTAMP:
        return zoned ? KIND_INSTANT : KIND_TIME;
    case DR_TYPE_DECIMAL:
        return KIND_DECIMAL;
    default:
        return KIND_TEXT;
    }
}

static const char *observed_name(const struct dr_source *s, bool sql)
{
    switch (kind_of_type(s->raw->type, s->raw->zoned)) {
    case KIND_BOOL:
        return sql ? "BOOLEAN" : "bool_";
    case KIND_INT:
        return sql ? "INTEGER" : "int64";
    case KIND_FLOAT:
        return sql ? "FLOAT" : "float64";
    case KIND_DATE:
        return sql ? "DATE" : "date";
    case KIND_TIME:
        return sql ? "TIMESTAMP" : "datetime64";
    case KIND_INSTANT:
        return sql ? "TIMESTAMP" : "Timestamp";
    case KIND_DECIMAL:
        return sql ? "DECIMAL" : "decimal";
    default:
        return sql ? "VARCHAR" : "object_";
    }
}

static const struct dr_node *asked(const struct dr_eval *e)
{
    const struct dr_node *n = dr_eval_arg(e, "type_");
    return n ? n : dr_eval_arg(e, "type_list");
}

static void put_asked(const struct dr_node *names, struct dr_buf *out)
{
    if (dr_node_kind(names) == DR_NODE_LIST)
        dr_list_say(names, out);
    else
        (void)dr_buf_puts(out, dr_node_str(names, ""));
}

/* ---- as a whole ---- */

static int32_t whole_column(struct dr_eval *e)
{
    const struct dr_source *s = e->columns[0];
    const struct dr_node *names = asked(e);
    const char *found = observed_name(s, is_sql(names));
    unsigned kind = kind_of_type(s->raw->type, s->raw->zoned), kinds = kinds_asked(names);
    e->check->success = !names || (kinds & kind) || (kind == KIND_TEXT && (kinds & KIND_OBJECT));
    dr_eval_observe(e, dr_node_new_str(e->arena, dr_str_of(found)));
    DR_AUTO_BUF b = { 0 };
    put_asked(names, &b);
    dr_eval_say(e, "The column %s has the type %s%s%s", s->name, found,
                e->check->success ? ", as expected" : "; expected ",
                e->check->success ? "" : dr_buf_cstr(&b));
    return DR_OK;
}

/* ---- value by value ---- */

static bool value_is(const struct dr_value *v, unsigned kinds)
{
    switch (v->kind) {
    case DR_VALUE_BOOL:
        return kinds & (KIND_BOOL | KIND_INT); /* Python's bool is an int */
    case DR_VALUE_INT:
        return kinds & KIND_INT;
    case DR_VALUE_FLOAT:
        return kinds & KIND_FLOAT;
    default:
        return kinds & KIND_TEXT;
    }
}

static int32_t fail_unknown(const struct dr_node *names, struct dr_err *err)
{
    DR_AUTO_BUF b = { 0 };
    put_asked(names, &b);
    return dr_fail(err, DR_EDEF,
                   "ValueError: %s: %s; known are, for example, int64, float64, bool, str, date, timestamp, "
                   "and SQL's INTEGER, VARCHAR",
                   dr_node_kind(names) == DR_NODE_LIST ? "No recognized numpy/python type in list"
                                                       : "Unrecognized numpy/python type",
                   dr_buf_cstr(&b));
}

static int32_t each_value(struct dr_eval *e, uint64_t *unexpected, struct dr_err *err)
{
    struct dr_source *s = e->columns[0];
    unsigned kinds = kinds_asked(asked(e));
    int32_t hint = 0;
    if (!kinds)
        return fail_unknown(asked(e), err);
    if (s->of_code) {
        for (int64_t row = 0; row < s->rows; row++) {
            struct dr_value v = dr_source_value(s, row, &hint);
            if (!value_is(&v, kinds))
                dr_row_set(unexpected, row);
        }
        return DR_OK;
    }
    if (kinds & KIND_TEXT)
        return DR_OK;
    bool spelt = s->type != s->raw->type && (kinds & kind_of_type(s->type, s->zoned));
    if (!spelt)
        dr_rows_fill(unexpected, s->rows);
    else if (dr_source_refused(e->plan, s))
        dr_rows_or(unexpected, s->refused, s->rows);
    return DR_OK;
}

static void say_type(const struct dr_eval *e, enum dr_say how, struct dr_buf *out)
{
    const struct dr_node *names = asked(e);
    bool bad = e->check->unexpected_count > 0;
    (void)dr_buf_printf(out, "%s of type ",
                        bad                 ? (how == DR_SAY_ONE ? "is not" : "are not")
                        : how == DR_SAY_ONE ? "is"
                                            : "are");
    if (dr_node_kind(names) == DR_NODE_LIST)
        dr_list_say(names, out);
    else
        (void)dr_buf_puts(out, dr_node_str(names, ""));
}

static int32_t type(struct dr_eval *e, struct dr_err *err)
{
    const struct dr_source *s = e->columns[0];
    const struct dr_node *names = asked(e);
    bool text = kind_of_type(s->raw->type, s->raw->zoned) == KIND_TEXT;
    bool object = dr_node_kind(names) == DR_NODE_STRING && (kinds_asked(names) & KIND_OBJECT);
    if (!names || !text || object || (is_sql(names) && s->type == s->raw->type))
        return whole_column(e);
    return dr_eval_rows(e, each_value, err);
}

static const struct dr_expect_arg type_args[] = { DR_ARG_COLUMN,
                                                  { "type_", "string", NULL, "The type.", true },
                                                  DR_ARG_MOSTLY,
                                                  DR_ARG_CONDITION,
                                                  DR_ARG_FORMAT };
static const struct dr_expect_arg list_args[] = { DR_ARG_COLUMN,
                                                  { "type_list", "list of strings", NULL,
                                                    "The types allowed; none given allows any.", false },
                                                  DR_ARG_MOSTLY,
                                                  DR_ARG_CONDITION,
                                                  DR_ARG_FORMAT };
#define TYPE_DOC                                                                                             \
    "Names of pandas and Python (int64, float64, bool, str, object, datetime64, Timestamp), of SQL "         \
    "(INTEGER, FLOAT, "                                                                                      \
    "VARCHAR, BOOLEAN, TIMESTAMP) and dagrun's own (int64, float64, bool, date, timestamp, text) are "       \
    "understood. A "                                                                                         \
    "column of text is judged value by value: where the suite declares its type, the texts that do not "     \
    "spell that "                                                                                            \
    "type are unexpected."

static const struct dr_check_type types[] = {
    { .info = { "expect_column_values_to_be_of_type", "column_map", "Values are of a type.", TYPE_DOC,
                "expect_column_values_to_be_of_type: {column: value, type_: float64}", DR_ARGS(type_args) },
      .domain = DR_ON_ROWS,
      .flags = DR_CHECK_TEXT,
      .measure = type,
      .say = say_type },
    { .info = { "expect_column_values_to_be_in_type_list", "column_map",
                "Values are of one of several types.", TYPE_DOC,
                "expect_column_values_to_be_in_type_list: {column: value, type_list: [int64, float64]}",
                DR_ARGS(list_args) },
      .domain = DR_ON_ROWS,
      .flags = DR_CHECK_TEXT,
      .measure = type,
      .say = say_type },
};
const struct dr_check_group dr_checks_type = { types, (int32_t)(sizeof types / sizeof types[0]) };
