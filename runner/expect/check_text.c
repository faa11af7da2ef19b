/* check_text.c - row-level expectations on texts: patterns, lengths, formats.
 * All look at the text in the file, once for each distinct one. Values that
 * are not text are looked at as Python's str() shows them, where Great
 * Expectations does so; elsewhere they are an error. */
#include "base/date.h"
#include "expect/check.h"
#include "expect/dateutil.h"
#include "expect/json_schema.h"
#include "expect/json_text.h"
#include "expect/regex.h"

/* ---- pattern lists ---- */

struct patterns {
    struct dr_regex **regex; /* or NULL: LIKE */
    struct dr_str *like;
    int32_t n;
    bool all; /* match_on: all */
};

static int patterns_hit(void *ctx, struct dr_str text, struct dr_err *err)
{
    const struct patterns *p = ctx;
    for (int32_t k = 0; k < p->n; k++) {
        int hit = p->regex ? dr_regex_search(p->regex[k], text, err) : dr_like(p->like[k], text);
        if (hit < 0 || (bool)hit != p->all)
            return hit;
    }
    return p->all;
}

static int32_t compile(struct dr_eval *e, const struct dr_node *list, bool regex, struct patterns *ret,
                       struct dr_err *err)
{
    int64_t n = dr_node_kind(list) == DR_NODE_LIST ? dr_node_size(list) : 1;
    struct dr_arena *a = &e->plan->scratch;
    ret->regex = regex ? dr_arena_array(a, (size_t)n, sizeof *ret->regex) : NULL;
    ret->like = dr_arena_array(a, (size_t)n, sizeof *ret->like);
    for (; ret->n < n; ret->n++) {
        const struct dr_node *item = dr_node_kind(list) == DR_NODE_LIST ? dr_node_at(list, ret->n) : list;
        ret->like[ret->n] = item->text;
        if (regex)
            DR_TRY(dr_regex_new(item->text.p, &ret->regex[ret->n], err));
    }
    return DR_OK;
}

static int32_t match(struct dr_eval *e, const char *arg, bool regex, bool wanted, uint64_t *unexpected,
                     struct dr_err *err)
{
    const struct dr_node *list = dr_eval_arg(e, arg);
    struct patterns p = { .all = dr_streq(dr_eval_text(e, "match_on", "any"), "all") };
    if (!list || (dr_node_kind(list) == DR_NODE_LIST && list->n == 0))
        return dr_fail(err, DR_EDEF, "At least one %s must be supplied in the %s.",
                       regex ? "regex" : "like_pattern", arg);
    int32_t rc = compile(e, list, regex, &p, err);
    const struct dr_pattern *one = !rc && regex && p.n == 1 ? dr_regex_pattern(p.regex[0]) : NULL;
    if (!rc)
        rc = dr_scan_pattern(e->plan, e->columns[0], one, patterns_hit, &p, unexpected, err);
    for (int32_t k = 0; regex && k < p.n; k++)
        dr_regex_free(p.regex[k]);
    if (!rc && wanted)
        dr_rows_not(unexpected, e->plan->table->rows);
    return rc;
}

static int32_t regex(struct dr_eval *e, uint64_t *unexpected, struct dr_err *err)
{
    if (!dr_eval_arg(e, "regex"))
        return DR_OK;
    return match(e, "regex", true, true, unexpected, err);
}

static int32_t not_regex(struct dr_eval *e, uint64_t *unexpected, struct dr_err *err)
{
    return match(e, "regex", true, false, unexpected, err);
}

static int32_t regex_list(struct dr_eval *e, uint64_t *unexpected, struct dr_err *err)
{
    return match(e, "regex_list", true, true, unexpected, err);
}

static int32_t not_regex_list(struct dr_eval *e, uint64_t *unexpected, struct dr_err *err)
{
    return match(e, "regex_list", true, false, unexpected, err);
}

static int32_t like(struct dr_eval *e, uint64_t *unexpected, struct dr_err *err)
{
    return match(e, "like_pattern", false, true, unexpected, err);
}

static int32_t not_like(struct dr_eval *e, uint64_t *unexpected, struct dr_err *err)
{
    return match(e, "like_pattern", false, false, unexpected, err);
}

static int32_t like_list(struct dr_eval *e, uint64_t *unexpected, struct dr_err *err)
{
    return match(e, "like_pattern_list", false, true, unexpected, err);
}

static int32_t not_like_list(struct dr_eval *e, uint64_t *unexpected, struct dr_err *err)
{
    return match(e, "like_pattern_list", false, false, unexpected, err);
}

static const char *pattern_of(const struct dr_eval *e, struct dr_arena *a)
{
    static const char *const names[] = { "regex", "like_pattern", "regex_list", "like_pattern_list" };
    DR_AUTO_BUF b = { 0 };
    for (int k = 0; k < 4; k++) {
        const struct dr_node *n = dr_eval_arg(e, names[k]);
        if (!n)
            continue;
        if (dr_node_kind(n) == DR_NODE_STRING) {
            dr_buf_put_visible(&b, n->text, 80);
            continue;
        }
        (void)dr_buf_puts(&b, dr_streq(dr_eval_text(e, "match_on", "any"), "all") ? "all of " : "any of ");
        dr_list_say(n, &b);
    }
    if (b.n == 0)
        (void)dr_buf_puts(&b, "any pattern");
    return dr_arena_dup(a, dr_buf_cstr(&b), b.n);
}

static void say_pattern(const struct dr_eval *e, enum dr_say how, bool matches, struct dr_buf *out)
{
    const char *verb = matches             ? (how == DR_SAY_ONE ? "matches" : "match")
                       : how == DR_SAY_ONE ? "does not match"
                                           : "do not match";
    (void)dr_buf_printf(out, "%s %s", verb, pattern_of(e, &e->plan->scratch));
}

static void say_match(const struct dr_eval *e, enum dr_say how, struct dr_buf *out)
{
    say_pattern(e, how, e->check->unexpected_count == 0, out);
}

static void say_not_match(const struct dr_eval *e, enum dr_say how, struct dr_buf *out)
{
    say_pattern(e, how, e->check->unexpected_count > 0, out);
}

/* ---- lengths ---- */

struct lengths {
    double min, max;
    bool strict_min, strict_max;
};

static int length_fits(void *ctx, struct dr_str text, struct dr_err *err)
{
    const struct lengths *l = ctx;
    double n = (double)dr_utf8_length(text);
    (void)err;
    return (l->strict_min ? n > l->min : n >= l->min) && (l->strict_max ? n < l->max : n <= l->max);
}

static int32_t check_lengths(struct dr_eval *e, struct lengths *l, uint64_t *unexpected, struct dr_err *err)
{
    DR_TRY(dr_scan_text(e->plan, e->columns[0], length_fits, l, unexpected, err));
    dr_rows_not(unexpected, e->plan->table->rows);
    return DR_OK;
}

static int32_t length_between(struct dr_eval *e, uint64_t *unexpected, struct dr_err *err)
{
    struct lengths l = { dr_eval_number(e, "min_value", 0), dr_eval_number(e, "max_value", 1e18),
                         dr_eval_flag(e, "strict_min", false), dr_eval_flag(e, "strict_max", false) };
    if (!dr_eval_arg(e, "min_value") && !dr_eval_arg(e, "max_value"))
        return dr_fail(err, DR_EDEF, "min_value and max_value cannot both be None: Invalid configuration");
    return check_lengths(e, &l, unexpected, err);
}

static int32_t length_equal(struct dr_eval *e, uint64_t *unexpected, struct dr_err *err)
{
    double n = dr_eval_number(e, "value", 0);
    struct lengths l = { n, n, false, false };
    return check_lengths(e, &l, unexpected, err);
}

static void say_length(const struct dr_eval *e, enum dr_say how, struct dr_buf *out)
{
    struct dr_range r;
    const struct dr_node *value = dr_eval_arg(e, "value");
    dr_eval_range(e, &r);
    if (value) {
        r = (struct dr_range){ .has_min = true, .has_max = true, .min = dr_value_of_node(value) };
        r.max = r.min;
    }
    (void)dr_buf_printf(out, "%s a length of ",
                        e->check->unexpected_count ? (how == DR_SAY_ONE ? "does not have" : "do not have")
                        : how == DR_SAY_ONE        ? "has"
                                                   : "have");
    dr_range_say(&r, out);
    (void)dr_buf_puts(out, " characters");
}

/* ---- formats ---- */

static int32_t need_text(const struct dr_eval *e, struct dr_err *err)
{
    const struct dr_source *s = e->columns[0];
    bool text =
        s->raw->type == DR_TYPE_STRING || s->raw->type == DR_TYPE_DICT || s->raw->type == DR_TYPE_NULL;
    if ((text && !s->of_code) || s->class == DR_CLASS_EMPTY)
        return DR_OK;
    return dr_fail(
        err, DR_EINPUT,
        "TypeError: Values passed to %s must be of type string. If you want to validate a column of dates or "
        "timestamps, please call the expectation before converting from string format.",
        e->type->info.name);
}

static int is_strftime(void *ctx, struct dr_str text, struct dr_err *err)
{
    struct dr_civil c;
    int32_t offset;
    (void)err;
    return dr_strptime(text, ctx, &c, &offset);
}

static int32_t strftime_format(struct dr_eval *e, uint64_t *unexpected, struct dr_err *err)
{
    char *format = dr_arena_strdup(&e->plan->scratch, dr_eval_text(e, "strftime_format", ""));
    struct dr_err why = { 0 };
    if (dr_strptime_check(format, &why))
        return dr_fail(err, DR_EDEF, "Unable to use provided strftime_format: %s", why.msg);
    DR_TRY(need_text(e, err));
    DR_TRY(dr_scan_text(e->plan, e->columns[0], is_strftime, format, unexpected, err));
    dr_rows_not(unexpected, e->plan->table->rows);
    return DR_OK;
}

static void say_strftime(const struct dr_eval *e, enum dr_say how, struct dr_buf *out)
{
    bool bad = e->check->unexpected_count > 0;
    (void)dr_buf_printf(out, "%s the format %s",
                        bad                 ? (how == DR_SAY_ONE ? "does not have" : "do not have")
                        : how == DR_SAY_ONE ? "has"
                                            : "have",
                        dr_eval_text(e, "strftime_format", ""));
}

static int is_dateutil(void *ctx, struct dr_str text, struct dr_err *err)
{
    struct dr_civil c;
    bool zoned;
    int32_t offset;
    (void)ctx;
    (void)err;
    return dr_dateutil_parse(text, &c, &zoned, &offset);
}

static int32_t dateutil_parseable(struct dr_eval *e, uint64_t *unexpected, struct dr_err *err)
{
    DR_TRY(need_text(e, err));
    DR_TRY(dr_scan_text(e->plan, e->columns[0], is_dateutil, NULL, unexpected, err));
    dr_rows_not(unexpected, e->plan->table->rows);
    return DR_OK;
}

static void say_kind(const struct dr_eval *e, enum dr_say how, const char *kind, struct dr_buf *out)
{
    (void)dr_buf_printf(out, "%s %s%s", how == DR_SAY_ONE ? "is" : "are",
                        e->check->unexpected_count ? "not " : "", kind);
}

static void say_date(const struct dr_eval *e, enum dr_say how, struct dr_buf *out)
{
    say_kind(e, how, "readable as a date", out);
}

static int is_json(void *ctx, struct dr_str text, struct dr_err *err)
{
    (void)ctx;
    (void)err;
    return dr_json_text_read(NULL, text, NULL);
}

/* A number is no JSON text. */
static int32_t json_parseable(struct dr_eval *e, uint64_t *unexpected, struct dr_err *err)
{
    if (!need_text(e, NULL))
        DR_TRY(dr_scan_text(e->plan, e->columns[0], is_json, NULL, unexpected, err));
    dr_rows_not(unexpected, e->plan->table->rows);
    return DR_OK;
}

static void say_json(const struct dr_eval *e, enum dr_say how, struct dr_buf *out)
{
    say_kind(e, how, "valid JSON", out);
}

static int fits_schema(void *ctx, struct dr_str text, struct dr_err *err)
{
    struct dr_node *n;
    DR_AUTO_ARENA a = { 0 };
    if (!dr_json_text_read(&a, text, &n))
        return 0;
    return dr_json_schema_holds(ctx, n, err);
}

static int32_t json_schema(struct dr_eval *e, uint64_t *unexpected, struct dr_err *err)
{
    struct dr_json_schema *schema;
    if (need_text(e, NULL))
        return dr_fail(err, DR_EINPUT,
                       "TypeError: the JSON object must be str, bytes or bytearray: column '%s' holds %s",
                       e->columns[0]->name, dr_class_name(e->columns[0]->class));
    DR_TRY(dr_json_schema_new(dr_eval_arg(e, "json_schema"), &schema, err));
    int32_t rc = dr_scan_text(e->plan, e->columns[0], fits_schema, schema, unexpected, err);
    dr_json_schema_free(schema);
    if (!rc)
        dr_rows_not(unexpected, e->plan->table->rows);
    return rc;
}

static void say_schema(const struct dr_eval *e, enum dr_say how, struct dr_buf *out)
{
    bool bad = e->check->unexpected_count > 0;
    (void)dr_buf_printf(out, "%s the JSON schema",
                        bad                 ? (how == DR_SAY_ONE ? "does not match" : "do not match")
                        : how == DR_SAY_ONE ? "matches"
                                            : "match");
}

/* ---- declarations ---- */

#define ROW_ARGS DR_ARG_MOSTLY, DR_ARG_CONDITION, DR_ARG_FORMAT
#define MATCH_ARG                                                                                            \
    {                                                                                                        \
        "match_on", "choice any|all", "any", "Whether one of the patterns must match, or each.", false       \
    }
static const struct dr_expect_arg regex_args[] = {
    DR_ARG_COLUMN,
    { "regex", "string", "(?s).*",
      "The pattern; it may match anywhere unless it starts with ^. Without it, every value matches.", false },
    ROW_ARGS
};
static const struct dr_expect_arg not_regex_args[] = {
    DR_ARG_COLUMN,
    { "regex", "string", NULL, "The pattern; it may match anywhere unless it starts with ^.", true },
    ROW_ARGS
};
static const struct dr_expect_arg regexes_args[] = {
    DR_ARG_COLUMN, { "regex_list", "list of strings", NULL, "The patterns.", true }, MATCH_ARG, ROW_ARGS
};
static const struct dr_expect_arg not_regexes_args[] = {
    DR_ARG_COLUMN, { "regex_list", "list of strings", NULL, "The patterns.", true }, ROW_ARGS
};
static const struct dr_expect_arg like_args[] = { DR_ARG_COLUMN,
                                                  { "like_pattern", "string", NULL,
                                                    "The pattern: % is any text, _ one character.", true },
                                                  ROW_ARGS };
static const struct dr_expect_arg likes_args[] = { DR_ARG_COLUMN,
                                                   { "like_pattern_list", "list of strings", NULL,
                                                     "The patterns.", true },
                                                   MATCH_ARG,
                                                   ROW_ARGS };
static const struct dr_expect_arg not_likes_args[] = {
    DR_ARG_COLUMN, { "like_pattern_list", "list of strings", NULL, "The patterns.", true }, ROW_ARGS
};
static const struct dr_expect_arg lengths_args[] = {
    DR_ARG_COLUMN,
    { "min_value", "integer", NULL, "The fewest characters allowed.", false },
    { "max_value", "integer", NULL, "The most characters allowed.", false },
    { "strict_min", "boolean", "false", "The fewest itself is not allowed.", false },
    { "strict_max", "boolean", "false", "The most itself is not allowed.", false },
    ROW_ARGS
};
static const struct dr_expect_arg length_args[] = {
    DR_ARG_COLUMN, { "value", "integer", NULL, "The number of characters.", true }, ROW_ARGS
};
static const struct dr_expect_arg strftime_args[] = { DR_ARG_COLUMN,
                                                      { "strftime_format", "string", NULL,
                                                        "The format, as Python's strptime reads it.", true },
                                                      ROW_ARGS };
static const struct dr_expect_arg plain_args[] = { DR_ARG_COLUMN, ROW_ARGS };
static const struct dr_expect_arg schema_args[] = { DR_ARG_COLUMN,
                                                    { "json_schema", "map", NULL, "The schema.", true },
                                                    ROW_ARGS };
#define REGEX_DOC                                                                                            \
    "Patterns are Python's as far as PCRE2 shares them, in Unicode. A match that takes too many steps is "   \
    "an error, not a hang."
#define LIKE_DOC                                                                                             \
    "SQL's LIKE as SQLite has it: ASCII letters match in either case, and brackets mean themselves."
#define TEXT_CHECK(type, what, more, example, arguments, fn, said)                                           \
    {                                                                                                        \
        .info = { type, "column_map", what, more, example, DR_ARGS(arguments) }, .domain = DR_ON_ROWS,       \
        .flags = DR_CHECK_TEXT, .rows = fn, .say = said                                                      \
    }

static const struct dr_check_type types[] = {
    TEXT_CHECK("expect_column_values_to_match_regex", "Every value matches a regular expression.", REGEX_DOC,
               "expect_column_values_to_match_regex: {column: patient_id, regex: '^P\\d{5}$', mostly: 0.99}",
               regex_args, regex, say_match),
    TEXT_CHECK("expect_column_values_to_not_match_regex", "No value matches a regular expression.", REGEX_DOC,
               "expect_column_values_to_not_match_regex: {column: name, regex: '\\d'}", not_regex_args,
               not_regex, say_not_match),
    TEXT_CHECK(
        "expect_column_values_to_match_regex_list",
        "Every value matches one, or all, of several regular expressions.", REGEX_DOC,
        "expect_column_values_to_match_regex_list: {column: code, regex_list: ['^A', '^B'], match_on: any}",
        regexes_args, regex_list, say_match),
    TEXT_CHECK(
        "expect_column_values_to_not_match_regex_list",
        "No value matches any of several regular expressions.", REGEX_DOC,
        "expect_column_values_to_not_match_regex_list: {column: note, regex_list: ['(?i)test', 'xxx']}",
        not_regexes_args, not_regex_list, say_not_match),
    TEXT_CHECK("expect_column_values_to_match_like_pattern", "Every value matches an SQL LIKE pattern.",
               LIKE_DOC,
               "expect_column_values_to_match_like_pattern: {column: patient_id, like_pattern: 'P%'}",
               like_args, like, say_match),
    TEXT_CHECK("expect_column_values_to_not_match_like_pattern", "No value matches an SQL LIKE pattern.",
               LIKE_DOC,
               "expect_column_values_to_not_match_like_pattern: {column: name, like_pattern: '%test%'}",
               like_args, not_like, say_not_match),
    TEXT_CHECK(
        "expect_column_values_to_match_like_pattern_list",
        "Every value matches one, or all, of several LIKE patterns.", LIKE_DOC,
        "expect_column_values_to_match_like_pattern_list: {column: code, like_pattern_list: ['A%', 'B%']}",
        likes_args, like_list, say_match),
    TEXT_CHECK(
        "expect_column_values_to_not_match_like_pattern_list",
        "No value matches any of several LIKE patterns.", LIKE_DOC,
        "expect_column_values_to_not_match_like_pattern_list: {column: code, like_pattern_list: ['%?%']}",
        not_likes_args, not_like_list, say_not_match),
    TEXT_CHECK("expect_column_value_lengths_to_be_between", "The length of every value lies in a range.",
               "Counts characters (Unicode code points).",
               "expect_column_value_lengths_to_be_between: {column: note, max_value: 200}", lengths_args,
               length_between, say_length),
    TEXT_CHECK("expect_column_value_lengths_to_equal", "Every value has a certain length.",
               "Counts characters (Unicode code points).",
               "expect_column_value_lengths_to_equal: {column: patient_id, value: 6}", length_args,
               length_equal, say_length),
    TEXT_CHECK(
        "expect_column_values_to_match_strftime_format", "Every value is a date or time in a certain format.",
        "The whole text must match, and the date must exist.",
        "expect_column_values_to_match_strftime_format: {column: test_date, strftime_format: '%Y-%m-%d'}",
        strftime_args, strftime_format, say_strftime),
    TEXT_CHECK("expect_column_values_to_be_dateutil_parseable", "Every value can be read as a date or time.",
               "By the rules of Python's dateutil: most ways in which people write dates.",
               "expect_column_values_to_be_dateutil_parseable: {column: test_date}", plain_args,
               dateutil_parseable, say_date),
    TEXT_CHECK("expect_column_values_to_be_json_parseable", "Every value is valid JSON.",
               "As Python's json.loads has it: RFC 8259, and NaN, Infinity and -Infinity too.",
               "expect_column_values_to_be_json_parseable: {column: payload}", plain_args, json_parseable,
               say_json),
    TEXT_CHECK("expect_column_values_to_match_json_schema", "Every value is JSON that a schema accepts.",
               DR_JSON_SCHEMA_DOC,
               "expect_column_values_to_match_json_schema: {column: payload, json_schema: {required: [id]}}",
               schema_args, json_schema, say_schema),
};
const struct dr_check_group dr_checks_text = { types, (int32_t)(sizeof types / sizeof types[0]) };
