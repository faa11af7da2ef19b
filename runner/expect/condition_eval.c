/* condition_eval.c - a parsed row_condition over a table. See condition.h.
 *
 * Truth is computed as sets of rows. A column compared with a constant, tested
 * against a list or a text is one bulk scan; anything else (two columns,
 * arithmetic, .str.lower()) is worked out row by row. */
#include "expect/condition.h"
#include <math.h>
#include "expect/regex.h"

struct eval {
    struct dr_plan *plan;
    struct dr_arena text; /* lowered, trimmed texts of the row at hand */
    struct dr_err *err;
};

static int32_t truth(struct eval *e, const struct dr_condition *c, uint64_t *in);

static int32_t source_of(struct eval *e, const struct dr_condition *c, struct dr_source **ret)
{
    return dr_plan_source(e->plan, c->name, ret, e->err);
}

/* pandas' name for the row's number. */
static bool is_index(const struct eval *e, const struct dr_condition *c)
{
    return c->op == DR_CONDITION_COLUMN && dr_streq(c->name, "index") &&
           dr_table_find(e->plan->table, "index") < 0;
}

/* A column that can be looked at in bulk. */
static bool is_column(const struct eval *e, const struct dr_condition *c)
{
    return c->op == DR_CONDITION_COLUMN && !is_index(e, c);
}

static struct dr_value constant(const struct dr_condition *c, enum dr_class class)
{
    struct dr_value v = dr_value_of_node(c->value);
    if (c->is_time || class == DR_CLASS_TIME)
        (void)dr_value_to_time(&v);
    return v;
}

static bool is_order(enum dr_condition_op op)
{
    return op >= DR_CONDITION_LT && op <= DR_CONDITION_GE;
}

static int32_t incomparable(struct eval *e, const struct dr_value *a, const struct dr_value *b)
{
    return dr_fail(e->err, DR_EINPUT, "row_condition: '<' not supported between %s and %s",
                   dr_value_kind_name(a), dr_value_kind_name(b));
}

/* ---- values row by row ---- */

static int32_t value_of(struct eval *e, const struct dr_condition *c, int64_t row, struct dr_value *ret);

static double calculated(enum dr_condition_op op, double a, double b)
{
    switch (op) {
    case DR_CONDITION_ADD:
        return a + b;
    case DR_CONDITION_SUB:
        return a - b;
    case DR_CONDITION_MUL:
        return a * b;
    case DR_CONDITION_DIV:
        return a / b;
    case DR_CONDITION_FLOOR_DIV:
        return floor(a / b);
    case DR_CONDITION_POW:
        return pow(a, b);
    case DR_CONDITION_NEG:
        return -a;
    case DR_CONDITION_ABS:
        return fabs(a);
    default: /* the remainder has the divisor's sign, as in Python */
        return b == 0 ? NAN : a - b * floor(a / b);
    }
}

static int32_t arithmetic(struct eval *e, const struct dr_condition *c, int64_t row, struct dr_value *ret)
{
    struct dr_value a, b = dr_value_of_int(0);
    DR_TRY(value_of(e, c->arg[0], row, &a));
    if (c->arg[1])
        DR_TRY(value_of(e, c->arg[1], row, &b));
    *ret = (struct dr_value){ 0 };
    if (a.kind == DR_VALUE_NULL || b.kind == DR_VALUE_NULL)
        return DR_OK;
    if (!dr_value_is_number(&a) || !dr_value_is_number(&b))
        return dr_fail(e->err, DR_EINPUT, "row_condition: arithmetic takes numbers, not %s",
                       dr_value_kind_name(dr_value_is_number(&a) ? &b : &a));
    double f = calculated(c->op, a.f, b.f);
    if (!isnan(f))
        *ret = dr_value_of_float(f);
    return DR_OK;
}

static struct dr_str folded(struct eval *e, struct dr_str s, bool upper)
{
    char *out = dr_arena_dup(&e->text, s.p, s.n);
    for (size_t i = 0; i < s.n; i++)
        if (upper ? out[i] >= 'a' && out[i] <= 'z' : out[i] >= 'A' && out[i] <= 'Z')
            out[i] ^= 32;
    return (struct dr_str){ out, s.n };
}

static int32_t of_text(struct eval *e, const struct dr_condition *c, int64_t row, struct dr_value *ret)
{
    struct dr_value v;
    DR_TRY(value_of(e, c->arg[0], row, &v));
    *ret = (struct dr_value){ 0 };
    if (v.kind != DR_VALUE_TEXT)
        return DR_OK;
    if (c->op == DR_CONDITION_LENGTH)
        *ret = dr_value_of_int(dr_utf8_length(v.s));
    else if (c->op == DR_CONDITION_STRIP)
        *ret = dr_value_of_text(dr_str_trim(v.s));
    else
        *ret = dr_value_of_text(folded(e, v.s, c->op == DR_CONDITION_UPPER));
    return DR_OK;
}

static int32_t value_of(struct eval *e, const struct dr_condition *c, int64_t row, struct dr_value *ret)
{
    struct dr_source *s;
    int32_t hint = 0;
    switch (c->op) {
    case DR_CONDITION_COLUMN:
        if (is_index(e, c)) {
            *ret = dr_value_of_int(row);
            return DR_OK;
        }
        DR_TRY(source_of(e, c, &s));
        *ret = dr_source_value(s, row, &hint);
        return DR_OK;
    case DR_CONDITION_VALUE:
        *ret = constant(c, DR_CLASS_TEXT);
        return DR_OK;
    case DR_CONDITION_ADD:
    case DR_CONDITION_SUB:
    case DR_CONDITION_MUL:
    case DR_CONDITION_DIV:
    case DR_CONDITION_FLOOR_DIV:
    case DR_CONDITION_MOD:
    case DR_CONDITION_POW:
    case DR_CONDITION_NEG:
    case DR_CONDITION_ABS:
        return arithmetic(e, c, row, ret);
    case DR_CONDITION_LENGTH:
    case DR_CONDITION_LOWER:
    case DR_CONDITION_UPPER:
    case DR_CONDITION_STRIP:
        return of_text(e, c, row, ret);
    default:
        return dr_fail(e->err, DR_EDEF, "row_condition: a comparison stands where a value is expected");
    }
}

static bool order_holds(enum dr_condition_op op, int order)
{
    switch (op) {
    case DR_CONDITION_LT:
        return order < 0;
    case DR_CONDITION_LE:
        return order <= 0;
    case DR_CONDITION_GT:
        return order > 0;
    default:
        return order >= 0;
    }
}

static int32_t compare_row(struct eval *e, const struct dr_condition *c, int64_t row, bool *ret)
{
    struct dr_value a, b;
    int order;
    DR_TRY(value_of(e, c->arg[0], row, &a));
    DR_TRY(value_of(e, c->arg[1], row, &b));
    if (dr_value_is_time(&a) && b.kind == DR_VALUE_TEXT)
        (void)dr_value_to_time(&b);
    if (dr_value_is_time(&b) && a.kind == DR_VALUE_TEXT)
        (void)dr_value_to_time(&a);
    bool known = dr_value_compare(&a, &b, &order);
    bool missing = a.kind == DR_VALUE_NULL || b.kind == DR_VALUE_NULL;
    if (!is_order(c->op)) {
        bool sql = c->arg[0]->is_sql || c->arg[1]->is_sql;
        *ret = (known && order == 0) == (c->op == DR_CONDITION_EQ) && !(missing && sql);
        return DR_OK;
    }
    if (!known && !missing)
        return incomparable(e, &a, &b);
    *ret = known && order_holds(c->op, order);
    return DR_OK;
}

static int text_test(enum dr_condition_op op, struct dr_regex *regex, struct dr_str needle,
                     struct dr_str text, struct dr_err *err)
{
    switch (op) {
    case DR_CONDITION_STARTS:
        return dr_str_starts(text, needle);
    case DR_CONDITION_ENDS:
        return dr_str_ends(text, needle);
    case DR_CONDITION_MATCH:
    case DR_CONDITION_FULL_MATCH:
        return dr_regex_match(regex, text, err);
    default:
        return dr_regex_search(regex, text, err);
    }
}

/* ---- bulk ---- */

static void drop_unreadable(const struct eval *e, struct dr_source *s, uint64_t *in)
{
    const uint64_t *refused = dr_source_refused(e->plan, s);
    if (s->null)
        dr_rows_and_not(in, s->null, s->rows);
    if (refused)
        dr_rows_and_not(in, refused, s->rows);
}

static bool classes_meet(enum dr_class class, const struct dr_value *v)
{
    return class == DR_CLASS_NUMBER ? dr_value_is_number(v)
           : class == DR_CLASS_TIME ? dr_value_is_time(v)
                                    : class == DR_CLASS_TEXT && v->kind == DR_VALUE_TEXT;
}

/* True of no row, or of each: nobody means that of a column that was never given a type, and a check
 * of no rows would pass. (Of numbers, Great Expectations' own cases ask whether they equal a text.) */
static int32_t text_is_no_number(struct eval *e, const struct dr_source *s, const struct dr_value *v)
{
    return dr_fail(
        e->err, DR_EINPUT,
        "row_condition: column '%s' holds text, which never equals a number; declare its type in the "
        "suite (columns: {%s: {type: %s}}) or put the value in quotes",
        s->name, s->name, v->kind == DR_VALUE_INT ? "int64" : "float64");
}

static int32_t compare_constant(struct eval *e, struct dr_source *s, enum dr_condition_op op,
                                const struct dr_value *v, bool sql, uint64_t *in)
{
    struct dr_range r = { .min = *v, .max = *v };
    int64_t rows = s->rows;
    if (s->class != DR_CLASS_EMPTY && v->kind != DR_VALUE_NULL) {
        bool meet = classes_meet(s->class, v);
        if (!meet && is_order(op)) {
            struct dr_value example = { .kind = s->class == DR_CLASS_NUMBER ? DR_VALUE_INT
                                                : s->class == DR_CLASS_TIME ? DR_VALUE_TIME
                                                                            : DR_VALUE_TEXT };
            return incomparable(e, &example, v);
        }
        if (s->class == DR_CLASS_TEXT && dr_value_is_number(v))
            return text_is_no_number(e, s, v);
        r.has_max =
            op == DR_CONDITION_LT || op == DR_CONDITION_LE || op == DR_CONDITION_EQ || op == DR_CONDITION_NE;
        r.has_min =
            op == DR_CONDITION_GT || op == DR_CONDITION_GE || op == DR_CONDITION_EQ || op == DR_CONDITION_NE;
        r.strict_max = op == DR_CONDITION_LT;
        r.strict_min = op == DR_CONDITION_GT;
        if (meet)
            DR_TRY(dr_scan_range(e->plan, s, &r, in, e->err));
        drop_unreadable(e, s, in);
    }
    if (op == DR_CONDITION_NE) {
        dr_rows_not(in, rows);
        if (sql && s->null)
            dr_rows_and_not(in, s->null, rows);
    }
    return DR_OK;
}

static enum dr_condition_op mirrored(enum dr_condition_op op)
{
    switch (op) {
    case DR_CONDITION_LT:
        return DR_CONDITION_GT;
    case DR_CONDITION_LE:
        return DR_CONDITION_GE;
    case DR_CONDITION_GT:
        return DR_CONDITION_LT;
    case DR_CONDITION_GE:
        return DR_CONDITION_LE;
    default:
        return op;
    }
}

static int32_t compare(struct eval *e, const struct dr_condition *c, uint64_t *in)
{
    const struct dr_condition *a = c->arg[0], *b = c->arg[1];
    enum dr_condition_op op = c->op;
    struct dr_source *s;
    if (a->op == DR_CONDITION_VALUE && is_column(e, b)) {
        const struct dr_condition *swap = a;
        a = b;
        b = swap;
        op = mirrored(op);
    }
    if (is_column(e, a) && b->op == DR_CONDITION_VALUE) {
        DR_TRY(source_of(e, a, &s));
        struct dr_value v = constant(b, s->class);
        if (s->class != DR_CLASS_MIXED)
            return compare_constant(e, s, op, &v, a->is_sql, in);
    }
    for (int64_t row = 0; row < e->plan->table->rows; row++) {
        bool holds = false;
        DR_TRY(compare_row(e, c, row, &holds));
        if (holds)
            dr_row_set(in, row);
        dr_arena_done(&e->text);
    }
    return DR_OK;
}

/* Whether a column of text is looked for in a list without any text. */
static bool only_numbers(const struct dr_source *s, const struct dr_value_set *set)
{
    bool numbers = s->class == DR_CLASS_TEXT && set->n > 0 && !set->has_null;
    for (int32_t i = 0; i < set->n && numbers; i++)
        numbers = dr_value_is_number(&set->items[i]);
    return numbers;
}

static int32_t in_list(struct eval *e, const struct dr_condition *c, uint64_t *in)
{
    struct dr_source *s = NULL;
    struct dr_value_set set = { 0 };
    int32_t rc = DR_OK;
    if (is_column(e, c->arg[0]))
        DR_TRY(source_of(e, c->arg[0], &s));
    dr_value_set_init(&set, &e->plan->scratch, c->arg[1]->value, s ? s->class : DR_CLASS_TEXT);
    if (s && only_numbers(s, &set)) {
        rc = text_is_no_number(e, s, &set.items[0]);
    } else if (s) {
        dr_scan_set(e->plan, s, &set, in);
        drop_unreadable(e, s, in);
        if (set.has_null && s->null)
            dr_rows_or(in, s->null, s->rows);
    }
    for (int64_t row = 0; !s && !rc && row < e->plan->table->rows; row++) {
        struct dr_value v;
        rc = value_of(e, c->arg[0], row, &v);
        if (!rc && dr_value_set_has(&set, &v))
            dr_row_set(in, row);
        dr_arena_done(&e->text);
    }
    dr_value_set_done(&set);
    return rc;
}

static int32_t is_null(struct eval *e, const struct dr_condition *c, uint64_t *in)
{
    struct dr_source *s;
    if (is_column(e, c->arg[0])) {
        DR_TRY(source_of(e, c->arg[0], &s));
        if (s->null)
            memcpy(in, s->null, (size_t)dr_words(s->rows) * 8);
        return DR_OK;
    }
    for (int64_t row = 0; row < e->plan->table->rows; row++) {
        struct dr_value v;
        DR_TRY(value_of(e, c->arg[0], row, &v));
        if (v.kind == DR_VALUE_NULL)
            dr_row_set(in, row);
        dr_arena_done(&e->text);
    }
    return DR_OK;
}

struct test_ctx {
    enum dr_condition_op op;
    struct dr_regex *regex;
    struct dr_str needle;
};

static int test_text(void *ctx, struct dr_str text, struct dr_err *err)
{
    const struct test_ctx *t = ctx;
    return text_test(t->op, t->regex, t->needle, text, err);
}

static int32_t test_rows(struct eval *e, const struct dr_condition *c, struct test_ctx *t, uint64_t *in)
{
    struct dr_source *s;
    if (is_column(e, c->arg[0])) {
        DR_TRY(source_of(e, c->arg[0], &s));
        if (s->class == DR_CLASS_TEXT) {
            DR_TRY(dr_scan_text(e->plan, s, test_text, t, in, e->err));
            drop_unreadable(e, s, in);
            return DR_OK;
        }
    }
    for (int64_t row = 0; row < e->plan->table->rows; row++) {
        struct dr_value v;
        DR_TRY(value_of(e, c->arg[0], row, &v));
        int hit = v.kind == DR_VALUE_TEXT ? test_text(t, v.s, e->err) : 0;
        if (hit < 0)
            return e->err ? e->err->rc : DR_EINPUT;
        if (hit)
            dr_row_set(in, row);
        dr_arena_done(&e->text);
    }
    return DR_OK;
}

static int32_t text_condition(struct eval *e, const struct dr_condition *c, uint64_t *in)
{
    struct test_ctx t = { .op = c->op, .needle = c->arg[1]->value->text };
    const char *pattern = t.needle.p;
    if (c->op == DR_CONDITION_FULL_MATCH)
        pattern = dr_arena_printf(&e->plan->scratch, "(?:%s)\\z", pattern);
    if (c->op != DR_CONDITION_STARTS && c->op != DR_CONDITION_ENDS)
        DR_TRY(dr_regex_new(pattern, &t.regex, e->err));
    int32_t rc = test_rows(e, c, &t, in);
    dr_regex_free(t.regex);
    return rc;
}

static int32_t combined(struct eval *e, const struct dr_condition *c, uint64_t *in)
{
    int64_t rows = e->plan->table->rows;
    DR_TRY(truth(e, c->arg[0], in));
    if (c->op == DR_CONDITION_NOT) {
        dr_rows_not(in, rows);
        return DR_OK;
    }
    uint64_t *other = dr_calloc((size_t)dr_words(rows) + 1, sizeof *other);
    int32_t rc = truth(e, c->arg[1], other);
    if (!rc && c->op == DR_CONDITION_AND)
        dr_rows_and(in, other, rows);
    else if (!rc)
        dr_rows_or(in, other, rows);
    free(other);
    return rc;
}

/* A column of truth values, or a constant, standing alone. */
static int32_t bare(struct eval *e, const struct dr_condition *c, uint64_t *in)
{
    struct dr_value yes = { .kind = DR_VALUE_BOOL, .i = 1, .f = 1 };
    struct dr_source *s;
    if (c->op == DR_CONDITION_VALUE && dr_node_kind(c->value) == DR_NODE_BOOL) {
        if (c->value->i)
            dr_rows_fill(in, e->plan->table->rows);
        return DR_OK;
    }
    if (c->op != DR_CONDITION_COLUMN)
        return dr_fail(e->err, DR_EDEF, "row_condition: a value stands where a comparison is expected");
    DR_TRY(source_of(e, c, &s));
    if (s->class != DR_CLASS_EMPTY && s->type != DR_TYPE_BOOL)
        return dr_fail(e->err, DR_EDEF,
                       "row_condition: column '%s' holds %s, not truth values; compare it with something",
                       c->name, dr_class_name(s->class));
    return compare_constant(e, s, DR_CONDITION_EQ, &yes, false, in);
}

static int32_t truth(struct eval *e, const struct dr_condition *c, uint64_t *in)
{
    switch (c->op) {
    case DR_CONDITION_OR:
    case DR_CONDITION_AND:
    case DR_CONDITION_NOT:
        return combined(e, c, in);
    case DR_CONDITION_EQ:
    case DR_CONDITION_NE:
    case DR_CONDITION_LT:
    case DR_CONDITION_LE:
    case DR_CONDITION_GT:
    case DR_CONDITION_GE:
        return compare(e, c, in);
    case DR_CONDITION_IN:
        return in_list(e, c, in);
    case DR_CONDITION_IS_NULL:
        return is_null(e, c, in);
    case DR_CONDITION_CONTAINS:
    case DR_CONDITION_MATCH:
    case DR_CONDITION_FULL_MATCH:
    case DR_CONDITION_STARTS:
    case DR_CONDITION_ENDS:
        return text_condition(e, c, in);
    default:
        return bare(e, c, in);
    }
}

int32_t dr_condition_rows(struct dr_plan *p, const char *text, uint64_t *in, struct dr_err *err)
{
    struct dr_condition *c;
    struct dr_err local = { 0 };
    struct eval e = { .plan = p, .err = err ? err : &local };
    DR_TRY(dr_condition_parse(&p->scratch, text, &c, e.err));
    int32_t rc = truth(&e, c, in);
    dr_arena_done(&e.text);
    return rc;
}
