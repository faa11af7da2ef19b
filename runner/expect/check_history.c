/* check_history.c - the table against time and against earlier runs: freshness, row
 * counts, and the schema. What an earlier run found is the result that it gave for the
 * same expectation (dr_expect_options.earlier), so nothing else need be kept. */
#include <math.h>
#include "base/date.h"
#include "base/num.h"
#include "expect/check.h"
#include "expect/infer.h"

const struct dr_node *dr_eval_earlier(const struct dr_eval *e)
{
    const struct dr_expect_options *o = e->plan->opts;
    return o->earlier ? o->earlier(o->ctx, e->check->expectation->id) : NULL;
}

int32_t dr_eval_no_earlier(struct dr_eval *e, struct dr_err *err)
{
    if (dr_eval_flag(e, "require_earlier", false)) {
        e->keeps_result = true; /* or there never would be one */
        return dr_fail(err, DR_ENOTFOUND, "there is no earlier run to compare with");
    }
    e->check->success = true;
    dr_eval_say(e, "There is no earlier run to compare with");
    return DR_OK;
}

/* ---- freshness ---- */

static int64_t now_of(const struct dr_eval *e)
{
    struct dr_value v = dr_value_of_node(dr_eval_arg(e, "as_of"));
    if (v.kind == DR_VALUE_TEXT && dr_value_to_time(&v))
        return v.i;
    return e->plan->opts->now_us;
}

static int32_t duration_of(const struct dr_eval *e, const char *name, int64_t otherwise, int64_t *ret,
                           struct dr_err *err)
{
    const char *text = dr_eval_text(e, name, NULL);
    *ret = otherwise;
    if (!text || dr_parse_duration(dr_str_of(text), ret))
        return DR_OK;
    return dr_fail(err, DR_EDEF, "%s: '%s' is no duration; one is written 36h, 2d or 1h30m", name, text);
}

static int32_t check_as_of(const struct dr_eval *e, struct dr_err *err)
{
    struct dr_value v = dr_value_of_node(dr_eval_arg(e, "as_of"));
    if (v.kind == DR_VALUE_NULL || (v.kind == DR_VALUE_TEXT && dr_value_to_time(&v)))
        return DR_OK;
    return dr_fail(err, DR_EDEF, "as_of: a date or a time expected (ISO 8601)");
}

static int32_t latest(struct dr_eval *e, struct dr_value *ret, struct dr_err *err)
{
    struct dr_source *s = e->columns[0];
    struct dr_value first;
    struct dr_view *v = dr_plan_view(e->plan, s, e->domain);
    *ret = (struct dr_value){ 0 };
    if (s->class == DR_CLASS_EMPTY || v->n == 0)
        return DR_OK;
    if (s->class != DR_CLASS_TIME)
        return dr_fail(err, DR_EINPUT,
                       "TypeError: column '%s' holds %s, not dates or times; declare its type in the suite "
                       "(columns: {%s: {type: timestamp}})",
                       s->name, dr_class_name(s->class), s->name);
    (void)dr_view_extremes(e->plan, v, &first, ret);
    return DR_OK;
}

static int32_t recent(struct dr_eval *e, struct dr_err *err)
{
    int64_t max_age, max_ahead;
    struct dr_value last;
    DR_AUTO_BUF age = { 0 };
    DR_TRY(check_as_of(e, err));
    DR_TRY(duration_of(e, "max_age", 0, &max_age, err));
    DR_TRY(duration_of(e, "max_ahead", INT64_MAX, &max_ahead, err));
    DR_TRY(latest(e, &last, err));
    dr_eval_observe(e, dr_eval_value(e, e->columns[0], &last));
    if (last.kind == DR_VALUE_NULL) {
        dr_eval_say(e, "There is no latest %s: no value", e->columns[0]->name);
        return DR_OK;
    }
    int64_t us = now_of(e) - last.i;
    e->check->success = us <= max_age && (us >= 0 || -us <= max_ahead);
    dr_buf_put_duration(&age, us < 0 ? -us : us);
    dr_eval_say(e, "The latest %s %s %s %s%s", e->columns[0]->name, us < 0 ? "lies" : "is", dr_buf_cstr(&age),
                us < 0 ? "ahead" : "old", e->check->success ? ", as expected" : "");
    return DR_OK;
}

/* ---- rows against an earlier run ---- */

static int32_t row_count_change(struct dr_eval *e, struct dr_err *err)
{
    const struct dr_node *before = dr_node_get(dr_node_get(dr_eval_earlier(e), "details"), "row_count");
    struct dr_node *details = dr_node_new(e->arena, DR_NODE_MAP);
    int64_t now = e->domain->n, then = dr_node_int(before, 0);
    dr_node_set(e->arena, details, DR_LIT("row_count"), dr_node_new_int(e->arena, now));
    if (before)
        dr_node_set(e->arena, details, DR_LIT("earlier_row_count"), dr_node_new_int(e->arena, then));
    dr_eval_set(e, "details", details);
    if (!before)
        return dr_eval_no_earlier(e, err);
    struct dr_value change = dr_value_of_float(then  ? (double)(now - then) / (double)then
                                               : now ? INFINITY
                                                     : 0);
    const char *noun = dr_arena_printf(e->arena, "change in the number of rows (%lld, before %lld)",
                                       (long long)now, (long long)then);
    return dr_eval_between(e, NULL, &change, noun, err);
}

/* ---- schema ---- */

static bool is_data(const struct dr_eval *e, int32_t i)
{
    const char *line = e->plan->opts->line_column;
    return !line || !dr_streq(line, e->plan->table->names[i]);
}

/* [{"name": "id", "type": "int64"}, ...] */
static int32_t observed_schema(struct dr_eval *e, struct dr_node **ret, struct dr_err *err)
{
    struct dr_node *list = dr_node_new(e->arena, DR_NODE_LIST);
    for (int32_t i = 0; i < e->plan->table->n; i++) {
        const char *name = e->plan->table->names[i];
        struct dr_source *s;
        if (!is_data(e, i))
            continue;
        DR_TRY(dr_plan_source(e->plan, name, &s, err));
        struct dr_node *entry = dr_node_new(e->arena, DR_NODE_MAP);
        dr_node_set(e->arena, entry, DR_LIT("name"), dr_node_new_str(e->arena, dr_str_of(name)));
        dr_node_set(e->arena, entry, DR_LIT("type"),
                    dr_node_new_str(e->arena, dr_str_of(dr_infer_type(s)->name)));
        dr_node_add(e->arena, list, entry);
    }
    *ret = list;
    return DR_OK;
}

/* What differs between two schemas. */
struct drift {
    struct dr_node *added, *removed, *retyped;
    bool reordered;
};

static int64_t schema_find(const struct dr_node *schema, const char *name)
{
    for (int64_t i = 0; i < dr_node_size(schema); i++)
        if (dr_streq(dr_node_str(dr_node_get(dr_node_at(schema, i), "name"), ""), name))
            return i;
    return -1;
}

static void add_name(struct dr_eval *e, struct dr_node *list, const char *name)
{
    dr_node_add(e->arena, list, dr_node_new_str(e->arena, dr_str_of(name)));
}

/* A column without any value could be of any type. */
static bool same_type(const char *expected, const char *found)
{
    return dr_streq(expected, found) || dr_streq(found, "empty") || dr_streq(expected, "empty");
}

static void compare_column(struct dr_eval *e, const struct dr_node *expected, const struct dr_node *found,
                           struct drift *d)
{
    const char *name = dr_node_str(dr_node_get(expected, "name"), "");
    const char *type = dr_node_str(dr_node_get(expected, "type"), NULL);
    int64_t at = schema_find(found, name);
    if (at < 0) {
        add_name(e, d->removed, name);
        return;
    }
    const char *its = dr_node_str(dr_node_get(dr_node_at(found, at), "type"), "");
    if (type && !same_type(type, its))
        add_name(e, d->retyped, dr_arena_printf(e->arena, "%s: %s, expected %s", name, its, type));
}

static struct drift compare_schemas(struct dr_eval *e, const struct dr_node *expected,
                                    const struct dr_node *found)
{
    struct drift d = { dr_node_new(e->arena, DR_NODE_LIST), dr_node_new(e->arena, DR_NODE_LIST),
                       dr_node_new(e->arena, DR_NODE_LIST), false };
    int64_t last = -1;
    for (int64_t i = 0; i < dr_node_size(expected); i++)
        compare_column(e, dr_node_at(expected, i), found, &d);
    for (int64_t i = 0; i < dr_node_size(found); i++) {
        const char *name = dr_node_str(dr_node_get(dr_node_at(found, i), "name"), "");
        int64_t at = schema_find(expected, name);
        if (at < 0)
            add_name(e, d.added, name);
        else if (at < last)
            d.reordered = true;
        last = at > last ? at : last;
    }
    return d;
}

static void put_part(struct dr_eval *e, struct dr_node *details, const char *key, struct dr_node *list,
                     const char *words, struct dr_buf *said)
{
    if (!list->n)
        return;
    dr_node_set(e->arena, details, dr_str_of(key), list);
    (void)dr_buf_printf(said, "; %s: ", words);
    dr_list_say(list, said);
}

static void conclude(struct dr_eval *e, struct dr_node *found, const struct drift *d, const char *than)
{
    DR_AUTO_BUF said = { 0 };
    struct dr_node *details = dr_node_new(e->arena, DR_NODE_MAP);
    bool ordered = dr_eval_flag(e, "ordered", true), added = dr_eval_flag(e, "allow_added", false);
    put_part(e, details, "removed", d->removed, "missing", &said);
    put_part(e, details, "added", d->added, "new", &said);
    put_part(e, details, "retyped", d->retyped, "of another type", &said);
    if (d->reordered) {
        dr_node_set(e->arena, details, DR_LIT("reordered"), dr_node_new_bool(e->arena, true));
        (void)dr_buf_puts(&said, "; in another order");
    }
    dr_eval_observe(e, found);
    if (details->n)
        dr_eval_set(e, "details", details);
    e->check->success =
        !d->removed->n && !d->retyped->n && (added || !d->added->n) && (!ordered || !d->reordered);
    dr_eval_say(e, "The schema is %s%s%s", e->check->success && !details->n ? "" : "not entirely ", than,
                dr_buf_cstr(&said));
}

/* {id: int64, name: text} as a list of columns. */
static int32_t declared_schema(struct dr_eval *e, struct dr_node **ret, struct dr_err *err)
{
    const struct dr_node *map = dr_eval_arg(e, "columns");
    struct dr_node *list = dr_node_new(e->arena, DR_NODE_LIST);
    for (int64_t i = 0; i < dr_node_size(map); i++) {
        struct dr_node *entry = dr_node_new(e->arena, DR_NODE_MAP);
        const char *type = dr_node_str(dr_node_at(map, i), NULL), *known = type ? dr_infer_name(type) : NULL;
        if (type && !known)
            return dr_fail(err, DR_EDEF, "columns: %s: there is no type '%s'", dr_node_key(map, i), type);
        dr_node_set(e->arena, entry, DR_LIT("name"),
                    dr_node_new_str(e->arena, dr_str_of(dr_node_key(map, i))));
        if (known)
            dr_node_set(e->arena, entry, DR_LIT("type"), dr_node_new_str(e->arena, dr_str_of(known)));
        dr_node_add(e->arena, list, entry);
    }
    *ret = list;
    return DR_OK;
}

static int32_t schema(struct dr_eval *e, struct dr_err *err)
{
    struct dr_node *expected = NULL, *found = NULL;
    DR_TRY(declared_schema(e, &expected, err));
    DR_TRY(observed_schema(e, &found, err));
    struct drift d = compare_schemas(e, expected, found);
    conclude(e, found, &d, "as expected");
    return DR_OK;
}

static int32_t schema_as_before(struct dr_eval *e, struct dr_err *err)
{
    const struct dr_node *before = dr_node_get(dr_eval_earlier(e), "observed_value");
    struct dr_node *found = NULL;
    DR_TRY(observed_schema(e, &found, err));
    if (dr_node_kind(before) != DR_NODE_LIST) {
        dr_eval_observe(e, found);
        return dr_eval_no_earlier(e, err);
    }
    struct drift d = compare_schemas(e, before, found);
    conclude(e, found, &d, "as it was");
    return DR_OK;
}

/* ---- declarations ---- */

#define EARLIER_ARG                                                                                          \
    {                                                                                                        \
        "require_earlier", "boolean", "false",                                                               \
            "Without an earlier run the check cannot be evaluated; set it after the first run where it is "  \
            "critical.",                                                                                     \
            false                                                                                            \
    }
#define SCHEMA_ARGS                                                                                          \
    { "ordered", "boolean", "true", "The order counts.", false },                                            \
    {                                                                                                        \
        "allow_added", "boolean", "false", "Further columns are fine.", false                                \
    }
static const struct dr_expect_arg recent_args[] = {
    DR_ARG_COLUMN,
    { "max_age", "string", NULL, "How old the latest value may be: 36h, 2d, 1h30m.", true },
    { "max_ahead", "string", NULL, "How far in the future it may lie; any distance without it.", false },
    { "as_of", "string", NULL, "The time that ages are counted to; now without it.", false },
    DR_ARG_CONDITION,
    DR_ARG_FORMAT
};
static const struct dr_expect_arg change_args[] = {
    { "min_value", "number", NULL, "The smallest change allowed: -0.2 is a fifth fewer rows.", false },
    { "max_value", "number", NULL, "The largest change allowed: 0.5 is half as many more.", false },
    { "strict_min", "boolean", "false", "The smallest change itself is not allowed.", false },
    { "strict_max", "boolean", "false", "The largest change itself is not allowed.", false },
    EARLIER_ARG,
    DR_ARG_CONDITION,
    DR_ARG_FORMAT
};
static const struct dr_expect_arg schema_args[] = {
    { "columns", "map", NULL,
      "Each column and its type: bool, int64, float64, decimal, date, timestamp, text; null for any.", true },
    SCHEMA_ARGS,
    DR_ARG_FORMAT
};
static const struct dr_expect_arg drift_args[] = { SCHEMA_ARGS, EARLIER_ARG, DR_ARG_FORMAT };
#define EARLIER_DOC                                                                                          \
    "The earlier run is the last one whose suite let the same dataset pass; `dagrun expect` takes its "      \
    "results from --baseline. Where there is none, the check succeeds and says so."

static const struct dr_check_type types[] = {
    { .info = { "expect_column_max_to_be_recent", "column_aggregate", "The latest date or time is recent.",
                "Times without a zone are taken as UTC, a date as its midnight.",
                "expect_column_max_to_be_recent: {column: measured_at, max_age: 36h}", DR_ARGS(recent_args) },
      .domain = DR_ON_COLUMN,
      .measure = recent },
    { .info = { "expect_table_row_count_change_to_be_between", "table",
                "The number of rows changed by so much since an earlier run.", EARLIER_DOC,
                "expect_table_row_count_change_to_be_between: {min_value: -0.2, max_value: 0.5}",
                DR_ARGS(change_args) },
      .domain = DR_ON_TABLE,
      .flags = DR_CHECK_HISTORY,
      .measure = row_count_change },
    { .info = { "expect_table_schema_to_match", "table", "The columns have these names, types and order.",
                "A column of text has the narrowest type that all its values spell; one without any value "
                "fits every type.",
                "expect_table_schema_to_match: {columns: {id: int64, name: text, born: date}, allow_added: "
                "true}",
                DR_ARGS(schema_args) },
      .domain = DR_ON_TABLE,
      .measure = schema },
    { .info = { "expect_table_schema_to_match_earlier", "table",
                "The columns have the names, types and order of an earlier run.", EARLIER_DOC,
                "expect_table_schema_to_match_earlier: {allow_added: true}", DR_ARGS(drift_args) },
      .domain = DR_ON_TABLE,
      .flags = DR_CHECK_HISTORY,
      .measure = schema_as_before },
};
const struct dr_check_group dr_checks_history = { types, (int32_t)(sizeof types / sizeof types[0]) };
