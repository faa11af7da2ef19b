/* check_pair.c - row-level expectations on two columns. */
#include <math.h>
#include "expect/check.h"

/* Two columns of one type that came typed: no need for single values. */
static bool both_are(const struct dr_eval *e, int32_t type)
{
    const struct dr_column *a = e->columns[0]->raw, *b = e->columns[1]->raw;
    return a->type == type && b->type == type;
}

enum relation { EQUAL, GREATER, GREATER_OR_EQUAL };

static uint64_t f64_word(const double *a, const double *b, int m, enum relation relation)
{
    uint64_t w = 0;
    for (int j = 0; j < m; j++)
        w |= (uint64_t)(relation == EQUAL     ? a[j] == b[j]
                        : relation == GREATER ? a[j] > b[j]
                                              : a[j] >= b[j])
             << j;
    return w;
}

static uint64_t i64_word(const int64_t *a, const int64_t *b, int m, enum relation relation)
{
    uint64_t w = 0;
    for (int j = 0; j < m; j++)
        w |= (uint64_t)(relation == EQUAL     ? a[j] == b[j]
                        : relation == GREATER ? a[j] > b[j]
                                              : a[j] >= b[j])
             << j;
    return w;
}

struct comparison {
    const struct dr_column *a, *b;
    enum relation relation;
    uint64_t *holds;
    int32_t hint;
};

static void compare_run(void *ctx, const struct dr_array *a, int64_t i, int m, int64_t row)
{
    struct comparison *c = ctx;
    int64_t at;
    const struct dr_array *b = dr_column_at(c->b, row, &c->hint, &at);
    const void *x = (const int64_t *)a->values + i, *y = (const int64_t *)b->values + at;
    uint64_t w = a->type == DR_TYPE_FLOAT64 ? f64_word(x, y, m, c->relation) : i64_word(x, y, m, c->relation);
    c->holds[row >> 6] |= w << (row & 63);
}

static void compare_block(void *ctx, int64_t block, int64_t from, int64_t to)
{
    struct comparison own = *(const struct comparison *)ctx;
    (void)block;
    dr_each_run(own.a, from, to, compare_run, &own);
}

static void unless_both_present(const struct dr_eval *e, uint64_t *unexpected)
{
    for (int k = 0; k < 2; k++)
        if (e->columns[k]->null)
            dr_rows_or(unexpected, e->columns[k]->null, e->plan->table->rows);
}

/* The columns of a table share their chunks. */
static bool bulk(const struct dr_eval *e, enum relation relation, uint64_t *unexpected)
{
    struct comparison c = { e->columns[0]->raw, e->columns[1]->raw, relation, unexpected, 0 };
    if (!both_are(e, DR_TYPE_FLOAT64) && !both_are(e, DR_TYPE_INT64) && !both_are(e, DR_TYPE_TIMESTAMP))
        return false;
    dr_each_block(e->plan->table->rows, compare_block, &c);
    dr_rows_not(unexpected, e->plan->table->rows);
    unless_both_present(e, unexpected);
    return true;
}

/* ---- equal ---- */

static int differ(void *ctx, const struct dr_value *a, const struct dr_value *b, struct dr_buf *scratch,
                  struct dr_err *err)
{
    (void)ctx;
    (void)scratch;
    (void)err;
    return a->kind == DR_VALUE_NULL || !dr_value_equal(a, b);
}

static int32_t equal(struct dr_eval *e, uint64_t *unexpected, struct dr_err *err)
{
    if (bulk(e, EQUAL, unexpected))
        return DR_OK;
    return dr_scan_pairs(e->columns[0], e->columns[1], differ, NULL, unexpected, err);
}

static void say_equal(const struct dr_eval *e, enum dr_say how, struct dr_buf *out)
{
    (void)dr_buf_printf(out, "%s %s values in %s and %s", how == DR_SAY_ONE ? "has" : "have",
                        e->check->unexpected_count ? "different" : "equal", e->columns[0]->name,
                        e->columns[1]->name);
}

/* ---- greater ---- */

/* A text that does not spell its column's type cannot be compared, and is
 * unexpected anyway; other kinds that do not meet are an error. */
static int not_greater(void *ctx, const struct dr_value *a, const struct dr_value *b, struct dr_buf *scratch,
                       struct dr_err *err)
{
    const struct dr_eval *e = ctx;
    int order = -1;
    (void)scratch;
    bool known = dr_value_compare(a, b, &order);
    bool refused = (a->kind == DR_VALUE_TEXT && e->columns[0]->n_refused) ||
                   (b->kind == DR_VALUE_TEXT && e->columns[1]->n_refused);
    if (!known && !refused && a->kind != DR_VALUE_NULL && b->kind != DR_VALUE_NULL) {
        dr_fail(err, DR_EINPUT, "TypeError: '>' not supported between a %s in '%s' and a %s in '%s'",
                dr_value_kind_name(a), e->columns[0]->name, dr_value_kind_name(b), e->columns[1]->name);
        return -1;
    }
    return !known || !(order > 0 || (order == 0 && dr_eval_flag(e, "or_equal", false)));
}

static int32_t greater(struct dr_eval *e, uint64_t *unexpected, struct dr_err *err)
{
    if (bulk(e, dr_eval_flag(e, "or_equal", false) ? GREATER_OR_EQUAL : GREATER, unexpected))
        return DR_OK;
    return dr_scan_pairs(e->columns[0], e->columns[1], not_greater, e, unexpected, err);
}

static void say_greater(const struct dr_eval *e, enum dr_say how, struct dr_buf *out)
{
    bool bad = e->check->unexpected_count > 0, or_equal = dr_eval_flag(e, "or_equal", false);
    (void)dr_buf_printf(out, "%s %s %s%s than %s%s", how == DR_SAY_ONE ? "has" : "have", e->columns[0]->name,
                        bad ? "not " : "", "greater", or_equal ? "or equal to " : "", e->columns[1]->name);
}

/* ---- in set ---- */

static void put_number(struct dr_buf *out, int64_t i)
{
    (void)dr_buf_append(out, &i, sizeof i);
}

/* A pair as bytes that are equal where both values are: numbers by value. */
static void put_pair_key(const struct dr_value *a, const struct dr_value *b, struct dr_buf *out)
{
    const struct dr_value *const v[2] = { a, b };
    dr_buf_clear(out);
    for (int k = 0; k < 2; k++) {
        struct dr_value x = *v[k];
        if (dr_value_is_number(&x) && x.kind != DR_VALUE_INT)
            x = dr_value_of_float(x.f);
        if (x.kind == DR_VALUE_FLOAT && fabs(x.f) < 9e15 && x.f == floor(x.f))
            x = dr_value_of_int((int64_t)x.f);
        put_number(out, dr_value_is_time(&x) ? DR_VALUE_TIME : x.kind);
        if (dr_value_is_time(&x) || x.kind == DR_VALUE_INT) {
            put_number(out, x.i);
            continue;
        }
        if (x.kind == DR_VALUE_TEXT)
            put_number(out, (int64_t)x.s.n);
        dr_value_put_text(&x, out);
        (void)dr_buf_putc(out, 0);
    }
}

static void add_pairs(struct dr_eval *e, const struct dr_node *list, struct dr_map *map)
{
    DR_AUTO_BUF key = { 0 };
    for (int64_t i = 0; i < dr_node_size(list); i++) {
        struct dr_value v[2];
        for (int k = 0; k < 2; k++) {
            v[k] = dr_value_of_node(dr_node_at(dr_node_at(list, i), k));
            if (e->columns[k]->class == DR_CLASS_TIME)
                (void)dr_value_to_time(&v[k]);
        }
        put_pair_key(&v[0], &v[1], &key);
        (void)dr_map_put(map, (struct dr_str){ dr_arena_dup(&e->plan->scratch, key.p, key.n), key.n }, NULL);
    }
}

static int not_in(void *ctx, const struct dr_value *a, const struct dr_value *b, struct dr_buf *scratch,
                  struct dr_err *err)
{
    (void)err;
    put_pair_key(a, b, scratch);
    return !dr_map_get(ctx, dr_buf_str(scratch));
}

static int32_t in_set(struct dr_eval *e, uint64_t *unexpected, struct dr_err *err)
{
    const struct dr_node *list = dr_eval_arg(e, "value_pairs_set");
    struct dr_map map = { 0 };
    if (!list)
        return DR_OK;
    add_pairs(e, list, &map);
    int32_t rc = dr_scan_pairs(e->columns[0], e->columns[1], not_in, &map, unexpected, err);
    dr_map_done(&map);
    return rc;
}

static void say_in_set(const struct dr_eval *e, enum dr_say how, struct dr_buf *out)
{
    (void)dr_buf_printf(out, "%s %s and %s %s ", how == DR_SAY_ONE ? "has" : "have", e->columns[0]->name,
                        e->columns[1]->name, e->check->unexpected_count ? "not among" : "among");
    dr_list_say(dr_eval_arg(e, "value_pairs_set"), out);
}

/* ---- declarations ---- */

#define PAIR_ARGS                                                                                            \
    { "column_A", "column", NULL, "The first column.", true },                                               \
    {                                                                                                        \
        "column_B", "column", NULL, "The second column.", true                                               \
    }
#define IGNORE_ARG                                                                                           \
    {                                                                                                        \
        "ignore_row_if", "choice both_values_are_missing|either_value_is_missing|neither",                   \
            "both_values_are_missing", "Which rows are left out.", false                                     \
    }
static const struct dr_expect_arg equal_args[] = { PAIR_ARGS, IGNORE_ARG, DR_ARG_MOSTLY, DR_ARG_CONDITION,
                                                   DR_ARG_FORMAT };
static const struct dr_expect_arg greater_args[] = {
    PAIR_ARGS,
    { "or_equal", "boolean", "false", "Equal values are fine too.", false },
    { "parse_strings_as_datetimes", "boolean", "false",
      "Read a column of text as dates and times, as dateutil does. Better: declare its type in the suite.",
      false },
    IGNORE_ARG,
    DR_ARG_MOSTLY,
    DR_ARG_CONDITION,
    DR_ARG_FORMAT
};
static const struct dr_expect_arg set_args[] = {
    PAIR_ARGS,
    { "value_pairs_set", "pairs", NULL, "The pairs allowed; null in a pair is a missing value.", true },
    IGNORE_ARG,
    DR_ARG_MOSTLY,
    DR_ARG_CONDITION,
    DR_ARG_FORMAT
};
#define MISSING_DOC "A row that is not left out and lacks a value is unexpected."

static const struct dr_check_type types[] = {
    { .info = { "expect_column_pair_values_to_be_equal", "column_pair", "Two columns agree in each row.",
                MISSING_DOC, "expect_column_pair_values_to_be_equal: {column_A: id, column_B: patient_id}",
                DR_ARGS(equal_args) },
      .domain = DR_ON_PAIR,
      .rows = equal,
      .say = say_equal },
    { .info = { "expect_column_pair_values_a_to_be_greater_than_b", "column_pair",
                "The first column exceeds the second in each row.", MISSING_DOC,
                "expect_column_pair_values_a_to_be_greater_than_b: {column_A: systolic, column_B: diastolic}",
                DR_ARGS(greater_args) },
      .domain = DR_ON_PAIR,
      .rows = greater,
      .say = say_greater },
    { .info = { "expect_column_pair_values_to_be_in_set", "column_pair",
                "The two values of each row form one of the given pairs.", NULL,
                "expect_column_pair_values_to_be_in_set: {column_A: vital_type, column_B: unit, "
                "value_pairs_set: "
                "[[heart_rate, bpm], [spo2, '%']]}",
                DR_ARGS(set_args) },
      .domain = DR_ON_PAIR,
      .rows = in_set,
      .say = say_in_set },
};
const struct dr_check_group dr_checks_pair = { types, (int32_t)(sizeof types / sizeof types[0]) };
