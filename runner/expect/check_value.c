/* check_value.c - row-level expectations on one column's values: ranges,
 * missing values, uniqueness, order, outliers. */
#include <math.h>
#include "expect/check.h"

#define ROW_ARGS DR_ARG_MOSTLY, DR_ARG_CONDITION, DR_ARG_FORMAT

static void say_verb(enum dr_say how, const char *one, const char *many, struct dr_buf *out)
{
    (void)dr_buf_puts(out, how == DR_SAY_ONE ? one : many);
}

/* "lie within R" where all is well, "lie outside R" where not. */
static bool is_bad(const struct dr_eval *e)
{
    return e->check->unexpected_count > 0;
}

/* ---- between ---- */

static int32_t between(struct dr_eval *e, uint64_t *unexpected, struct dr_err *err)
{
    struct dr_range r;
    int order;
    dr_eval_range(e, &r);
    if (!r.has_min && !r.has_max)
        return dr_fail(err, DR_EDEF, "min_value and max_value cannot both be None");
    if (r.has_min && r.has_max && dr_value_compare(&r.min, &r.max, &order) && order > 0)
        return dr_fail(err, DR_EDEF, "min_value cannot be greater than max_value");
    DR_TRY(dr_scan_range(e->plan, e->columns[0], &r, unexpected, err));
    dr_rows_not(unexpected, e->plan->table->rows);
    return DR_OK;
}

static void say_between(const struct dr_eval *e, enum dr_say how, struct dr_buf *out)
{
    struct dr_range r;
    dr_eval_range(e, &r);
    if (r.has_min && r.has_max && !r.strict_min && !r.strict_max) {
        say_verb(how, "lies ", "lie ", out);
        (void)dr_buf_puts(out, is_bad(e) ? "outside " : "within ");
    } else {
        say_verb(how, "is ", "are ", out);
        (void)dr_buf_puts(out, is_bad(e) ? "not " : "");
    }
    dr_range_say(&r, out);
}

/* ---- missing values ---- */

static int32_t not_null(struct dr_eval *e, uint64_t *unexpected, struct dr_err *err)
{
    (void)err;
    if (e->columns[0]->null)
        dr_rows_or(unexpected, e->columns[0]->null, e->plan->table->rows);
    return DR_OK;
}

static int32_t null(struct dr_eval *e, uint64_t *unexpected, struct dr_err *err)
{
    DR_TRY(not_null(e, unexpected, err));
    dr_rows_not(unexpected, e->plan->table->rows);
    return DR_OK;
}

static void say_not_null(const struct dr_eval *e, enum dr_say how, struct dr_buf *out)
{
    say_verb(how, is_bad(e) ? "lacks" : "has", is_bad(e) ? "lack" : "have", out);
    (void)dr_buf_printf(out, " a value of %s", e->columns[0]->name);
}

static void say_null(const struct dr_eval *e, enum dr_say how, struct dr_buf *out)
{
    say_verb(how, is_bad(e) ? "has" : "lacks", is_bad(e) ? "have" : "lack", out);
    (void)dr_buf_printf(out, " a value of %s", e->columns[0]->name);
}

/* ---- uniqueness ---- */

static void unique_codes(struct dr_plan *p, struct dr_source *s, struct dr_view *v, uint64_t *unexpected)
{
    const int64_t *count = dr_view_counts(p, v);
    DR_AUTO_FREE uint64_t *repeated = dr_codes_bits(s->codes);
    for (int64_t k = 0; k < s->codes->n; k++)
        if (count[k] > 1)
            dr_row_set(repeated, k);
    dr_codes_spread(s, repeated, unexpected);
}

/* Values are compared as written, so texts that do not spell the type take part. */
static int32_t unique(struct dr_eval *e, uint64_t *unexpected, struct dr_err *err)
{
    struct dr_source *s = e->columns[0];
    struct dr_view *v = dr_plan_view(e->plan, s, e->domain);
    (void)err;
    if (s->codes) {
        unique_codes(e->plan, s, v, unexpected);
        return DR_OK;
    }
    uint64_t *in = dr_plan_bits(e->plan);
    memcpy(in, v->rows, (size_t)dr_words(s->rows) * 8);
    if (s->refused)
        dr_rows_or(in, s->refused, s->rows);
    if (e->domain->rows)
        dr_rows_and(in, e->domain->rows, s->rows);
    dr_scan_repeats(e->plan, 1, e->columns, in, unexpected);
    dr_plan_bits_back(e->plan, in);
    return DR_OK;
}

static void say_unique(const struct dr_eval *e, enum dr_say how, struct dr_buf *out)
{
    if (is_bad(e))
        say_verb(how, "occurs more than once", "occur more than once", out);
    else
        say_verb(how, "is unique", "are unique", out);
}

/* ---- order ---- */

struct ordering {
    const struct dr_view *v;
    bool falling, strictly;
    uint64_t *unexpected;
};

/* The last row of the view before `row`, or -1. */
static int64_t row_before(const struct dr_view *v, int64_t row)
{
    for (int64_t w = row / 64 - 1; w >= 0; w--) /* blocks start with a word */
        if (v->rows[w])
            return w * 64 + 63 - __builtin_clzll(v->rows[w]);
    return -1;
}

static void order_block(void *ctx, int64_t block, int64_t from, int64_t to)
{
    const struct ordering *o = ctx;
    const struct dr_source *s = o->v->source;
    int64_t before = row_before(o->v, from);
    int32_t hint = 0;
    struct dr_value last = { 0 };
    (void)block;
    if (before >= 0)
        last = dr_source_value(s, before, &hint);
    for (int64_t r = dr_rows_next(o->v->rows, to, from); r >= 0; r = dr_rows_next(o->v->rows, to, r + 1)) {
        struct dr_value value = dr_source_value(s, r, &hint);
        int order = 0;
        if (dr_value_compare(&value, &last, &order)) {
            order = o->falling ? -order : order;
            if (order < 0 || (o->strictly && order == 0))
                dr_row_set(o->unexpected, r);
        }
        last = value;
    }
    dr_column_let_go(s->raw, from, to);
}

static int32_t ordered(struct dr_eval *e, uint64_t *unexpected, bool falling, struct dr_err *err)
{
    struct dr_source *s = e->columns[0];
    struct ordering o = { dr_plan_view(e->plan, s, e->domain), falling, dr_eval_flag(e, "strictly", false),
                          unexpected };
    if (s->class == DR_CLASS_TEXT || s->class == DR_CLASS_MIXED)
        return dr_fail(
            err, DR_EINPUT,
            "TypeError: unsupported operand type(s) for -: column '%s' holds %s, whose order is not defined; "
            "declare its type in the suite (columns: {%s: {type: date}})",
            s->name, dr_class_name(s->class), s->name);
    dr_each_block(s->rows, order_block, &o);
    return DR_OK;
}

static int32_t increasing(struct dr_eval *e, uint64_t *unexpected, struct dr_err *err)
{
    return ordered(e, unexpected, false, err);
}

static int32_t decreasing(struct dr_eval *e, uint64_t *unexpected, struct dr_err *err)
{
    return ordered(e, unexpected, true, err);
}

static void say_order(const struct dr_eval *e, enum dr_say how, const char *smaller, const char *or_equal,
                      struct dr_buf *out)
{
    say_verb(how, "is ", "are ", out);
    if (!is_bad(e))
        (void)dr_buf_puts(out, "in order");
    else
        (void)dr_buf_printf(out, "%s%s the one before", smaller,
                            dr_eval_flag(e, "strictly", false) ? or_equal : " than");
}

static void say_increasing(const struct dr_eval *e, enum dr_say how, struct dr_buf *out)
{
    say_order(e, how, "smaller", " than or equal to", out);
}

static void say_decreasing(const struct dr_eval *e, enum dr_say how, struct dr_buf *out)
{
    say_order(e, how, "larger", " than or equal to", out);
}

/* ---- z scores ---- */

/* A number, or the microseconds of a time. */
static double magnitude(const struct dr_value *v)
{
    return dr_value_is_time(v) ? (double)v->i : v->f;
}

/* Mean and standard deviation of times, by Welford's method. */
static void time_moments(const struct dr_view *v, double *ret_mean, double *ret_m2)
{
    double mean = 0, m2 = 0, n = 0;
    int64_t rows = v->source->rows;
    int32_t hint = 0;
    for (int64_t r = dr_rows_next(v->rows, rows, 0); r >= 0; r = dr_rows_next(v->rows, rows, r + 1)) {
        struct dr_value value = dr_source_value(v->source, r, &hint);
        double x = magnitude(&value), delta = x - mean;
        mean += delta / ++n;
        m2 += delta * (x - mean);
    }
    *ret_mean = mean;
    *ret_m2 = m2;
}

struct z_pass {
    const struct dr_view *v;
    bool both;
    double threshold, mean, sd;
    uint64_t *unexpected;
};

static bool is_far(const struct z_pass *p, const struct dr_value *v)
{
    double z = (magnitude(v) - p->mean) / p->sd;
    return !(p->both ? fabs(z) < fabs(p->threshold) : z < p->threshold);
}

static void z_codes(const struct z_pass *p)
{
    struct dr_source *s = p->v->source;
    const struct dr_codes *c = s->codes;
    DR_AUTO_FREE uint64_t *far = dr_codes_bits(c);
    for (int64_t k = dr_rows_next(c->used, c->n, 0); k >= 0; k = dr_rows_next(c->used, c->n, k + 1)) {
        struct dr_value v = dr_codes_value(s, k);
        if (is_far(p, &v))
            dr_row_set(far, k);
    }
    dr_codes_spread(s, far, p->unexpected);
}

static void z_block(void *ctx, int64_t block, int64_t from, int64_t to)
{
    const struct z_pass *p = ctx;
    const uint64_t *rows = p->v->rows;
    int32_t hint = 0;
    (void)block;
    for (int64_t r = dr_rows_next(rows, to, from); r >= 0; r = dr_rows_next(rows, to, r + 1)) {
        struct dr_value v = dr_source_value(p->v->source, r, &hint);
        if (is_far(p, &v))
            dr_row_set(p->unexpected, r);
    }
    dr_column_let_go(p->v->source->raw, from, to);
}

static int32_t z_scores(struct dr_eval *e, uint64_t *unexpected, struct dr_err *err)
{
    struct dr_source *s = e->columns[0];
    struct dr_view *v = dr_plan_view(e->plan, s, e->domain);
    struct z_pass z = { .v = v,
                        .both = dr_eval_flag(e, "double_sided", true),
                        .threshold = dr_eval_number(e, "threshold", 0) };
    double m2;
    if (s->class == DR_CLASS_EMPTY)
        return DR_OK;
    if (s->class != DR_CLASS_NUMBER && s->class != DR_CLASS_TIME)
        return dr_fail(err, DR_EINPUT,
                       "Cannot check z scores of column '%s': it holds %s, not numeric values", s->name,
                       dr_class_name(s->class));
    if (s->class == DR_CLASS_TIME) {
        time_moments(v, &z.mean, &m2);
    } else {
        dr_view_moments(e->plan, v);
        z.mean = v->mean;
        m2 = v->m2;
    }
    z.sd = v->n > 1 ? sqrt(m2 / (double)(v->n - 1)) : NAN;
    z.unexpected = unexpected;
    if (s->codes)
        z_codes(&z);
    else
        dr_each_block(s->rows, z_block, &z);
    return DR_OK;
}

static void say_z_scores(const struct dr_eval *e, enum dr_say how, struct dr_buf *out)
{
    say_verb(how, "lies ", "lie ", out);
    (void)dr_buf_printf(out, "%s %g standard deviations %s the mean", is_bad(e) ? "at least" : "less than",
                        dr_eval_number(e, "threshold", 0),
                        dr_eval_flag(e, "double_sided", true) ? "from" : "above");
}

/* ---- declarations ---- */

static const struct dr_expect_arg between_args[] = {
    DR_ARG_COLUMN,
    DR_ARG_RANGE("The smallest value allowed.", "The largest value allowed."),
    { "parse_strings_as_datetimes", "boolean", "false",
      "Read a column of text as dates and times, as dateutil does. Better: declare its type in the suite.",
      false },
    ROW_ARGS
};
static const struct dr_expect_arg plain_args[] = { DR_ARG_COLUMN, ROW_ARGS };
static const struct dr_expect_arg order_args[] = {
    DR_ARG_COLUMN,
    { "strictly", "boolean", "false", "Equal neighbours are unexpected too.", false },
    { "parse_strings_as_datetimes", "boolean", "false",
      "Read a column of text as dates and times, as dateutil does. Better: declare its type in the suite.",
      false },
    ROW_ARGS
};
static const struct dr_expect_arg z_args[] = {
    DR_ARG_COLUMN,
    { "threshold", "number", NULL, "How many standard deviations are too far.", true },
    { "double_sided", "boolean", NULL, "Whether values far below the mean count too.", true },
    ROW_ARGS
};

static const struct dr_check_type types[] = {
    { .info = { "expect_column_values_to_be_between", "column_map", "Values lie in a range.",
                "Compares numbers with numbers and dates or times with dates or times (ISO 8601). A text "
                "that does not "
                "spell the column's declared type is unexpected. At least one bound must be given.",
                "expect_column_values_to_be_between: {column: value, min_value: 20, max_value: 250}",
                DR_ARGS(between_args) },
      .domain = DR_ON_ROWS,
      .rows = between,
      .say = say_between },
    { .info = { "expect_column_values_to_not_be_null", "column_map", "Every row has a value.",
                "A missing value is an empty field, a NaN, or one of the suite's null_values.",
                "expect_column_values_to_not_be_null: {column: patient_id}", DR_ARGS(plain_args) },
      .domain = DR_ON_ROWS,
      .flags = DR_CHECK_NULLS,
      .rows = not_null,
      .say = say_not_null },
    { .info = { "expect_column_values_to_be_null", "column_map", "No row has a value.", NULL,
                "expect_column_values_to_be_null: {column: deprecated}", DR_ARGS(plain_args) },
      .domain = DR_ON_ROWS,
      .flags = DR_CHECK_NULLS,
      .rows = null,
      .say = say_null },
    { .info = { "expect_column_values_to_be_unique", "column_map", "No value occurs twice.",
                "Every row of a value that occurs more than once is unexpected, the first too. Values are "
                "compared as "
                "they are written.",
                "expect_column_values_to_be_unique: {column: id}", DR_ARGS(plain_args) },
      .domain = DR_ON_ROWS,
      .flags = DR_CHECK_TEXT,
      .rows = unique,
      .say = say_unique },
    { .info = { "expect_column_values_to_be_increasing", "column_map",
                "No value is smaller than the one before it.",
                "Missing values are passed over; the order is that of the rows. Numbers, dates and times "
                "only.",
                "expect_column_values_to_be_increasing: {column: sequence, strictly: true}",
                DR_ARGS(order_args) },
      .domain = DR_ON_ROWS,
      .rows = increasing,
      .say = say_increasing },
    { .info = { "expect_column_values_to_be_decreasing", "column_map",
                "No value is larger than the one before it.",
                "Missing values are passed over; the order is that of the rows. Numbers, dates and times "
                "only.",
                "expect_column_values_to_be_decreasing: {column: remaining}", DR_ARGS(order_args) },
      .domain = DR_ON_ROWS,
      .rows = decreasing,
      .say = say_decreasing },
    { .info = { "expect_column_value_z_scores_to_be_less_than", "column_map",
                "No value lies too many standard deviations from the mean.",
                "The standard deviation is the sample's (n - 1).",
                "expect_column_value_z_scores_to_be_less_than: {column: value, threshold: 4, double_sided: "
                "true}",
                DR_ARGS(z_args) },
      .domain = DR_ON_ROWS,
      .rows = z_scores,
      .say = say_z_scores },
};
const struct dr_check_group dr_checks_value = { types, (int32_t)(sizeof types / sizeof types[0]) };
