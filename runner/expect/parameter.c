/* parameter.c - see parameter.h. A recursive descent over the text; depth is
 * bounded, and every value is a number, a time or a span of time. */
#include "expect/parameter.h"
#include <math.h>
#include "base/date.h"
#include "base/num.h"

#define DEPTH_MAX 50
#define TEXT_MAX 4096
#define ARGS_MAX 8
#define SPAN_MAX 9e18 /* microseconds; no sum or difference of two overflows int64_t unnoticed */

enum kind { NUMBER, TIME, SPAN };
struct quantity {
    enum kind kind;
    bool integral;
    double f;   /* NUMBER */
    int64_t us; /* TIME, SPAN */
};
struct argument {
    struct dr_str name; /* empty: by position */
    struct quantity value;
};
struct reader {
    struct dr_str all, rest;
    const struct dr_parameters *params;
    int depth;
    struct dr_err *err;
};

static int32_t expression(struct reader *r, struct quantity *ret);

static int32_t fail(struct reader *r, const char *what)
{
    return dr_fail(r->err, DR_EDEF, "the parameter '%.*s' cannot be evaluated: %s at character %zu",
                   (int)(r->all.n > 120 ? 120 : r->all.n), r->all.p, what, r->all.n - r->rest.n + 1);
}

static void skip_space(struct reader *r)
{
    r->rest = dr_str_trim(r->rest);
}

static bool take(struct reader *r, char c)
{
    skip_space(r);
    if (!r->rest.n || r->rest.p[0] != c)
        return false;
    r->rest = (struct dr_str){ r->rest.p + 1, r->rest.n - 1 };
    return true;
}

static bool word_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
}

static struct dr_str word(struct reader *r)
{
    skip_space(r);
    size_t n = 0;
    while (n < r->rest.n && (word_char(r->rest.p[n]) ||
                             (n && (r->rest.p[n] == '-' || r->rest.p[n] == '+') && r->rest.p[n - 1] == 'e' &&
                              r->rest.p[0] >= '0' && r->rest.p[0] <= '9')))
        n++;
    struct dr_str s = { r->rest.p, n };
    r->rest = (struct dr_str){ r->rest.p + n, r->rest.n - n };
    return s;
}

static struct quantity number_of(double f, bool integral)
{
    return (struct quantity){ .kind = NUMBER, .f = f, .integral = integral };
}

static const struct dr_node *find(const struct dr_parameters *p, struct dr_str name)
{
    const struct dr_node *maps[] = { p->given, p->suite };
    for (int m = 0; m < 2; m++)
        for (int64_t i = 0; i < dr_node_size(maps[m]); i++)
            if (dr_node_kind(maps[m]) == DR_NODE_MAP && dr_str_eq(maps[m]->keys[i], name))
                return dr_node_at(maps[m], i);
    return NULL;
}

static int32_t named(struct reader *r, struct dr_str name, struct quantity *ret)
{
    const struct dr_node *n = find(r->params, name);
    bool zoned;
    if (!n)
        return fail(r, "no such evaluation parameter");
    if (dr_node_kind(n) == DR_NODE_INT || dr_node_kind(n) == DR_NODE_FLOAT) {
        *ret = number_of(n->f, dr_node_kind(n) == DR_NODE_INT);
        return DR_OK;
    }
    *ret = (struct quantity){ .kind = TIME };
    if (dr_node_kind(n) == DR_NODE_STRING && dr_parse_timestamp(n->text, &ret->us, &zoned))
        return DR_OK;
    return fail(r, "this evaluation parameter is neither a number nor a time");
}

static int32_t arguments(struct reader *r, struct argument *args, int *ret_n)
{
    *ret_n = 0;
    if (take(r, ')'))
        return DR_OK;
    for (;;) {
        if (*ret_n == ARGS_MAX)
            return fail(r, "too many arguments");
        struct argument *a = &args[(*ret_n)++];
        struct dr_str before = r->rest;
        a->name = word(r);
        if (!a->name.n || !take(r, '=')) {
            r->rest = before;
            a->name.n = 0;
        }
        DR_TRY(expression(r, &a->value));
        if (take(r, ')'))
            return DR_OK;
        if (!take(r, ','))
            return fail(r, "',' or ')' expected");
    }
}

static int32_t span(struct reader *r, const struct argument *args, int n, struct quantity *ret)
{
    static const struct {
        const char *name;
        double us;
    } units[] = { { "days", 86400e6 }, { "seconds", 1e6 },  { "microseconds", 1 }, { "milliseconds", 1e3 },
                  { "minutes", 60e6 }, { "hours", 3600e6 }, { "weeks", 604800e6 } };
    double us = 0;
    for (int i = 0; i < n; i++) {
        size_t k = args[i].name.n ? 0 : (size_t)i;
        while (args[i].name.n && k < 7 && !dr_str_eq(args[i].name, dr_str_of(units[k].name)))
            k++;
        if (k >= 7 || args[i].value.kind != NUMBER)
            return fail(r,
                        "timedelta takes weeks, days, hours, minutes, seconds, milliseconds, microseconds");
        us += args[i].value.f * units[k].us;
    }
    if (!(fabs(us) < SPAN_MAX))
        return fail(r, "the span of time is too long");
    *ret = (struct quantity){ .kind = SPAN, .us = (int64_t)us };
    return DR_OK;
}

static int32_t moment(struct reader *r, const struct argument *args, int n, struct quantity *ret)
{
    struct dr_civil c = { .day = 0 };
    int32_t *const fields[] = { &c.year, &c.month, &c.day, &c.hour, &c.minute, &c.second, &c.micro };
    for (int i = 0; i < n; i++) {
        if (i >= 7 || args[i].name.n || args[i].value.kind != NUMBER || !(fabs(args[i].value.f) < 1e9))
            return fail(r, "datetime takes year, month, day, hour, minute, second, microsecond");
        *fields[i] = (int32_t)args[i].value.f;
    }
    if (n < 3 || !dr_civil_valid(c.year, c.month, c.day) || c.hour < 0 || c.hour > 23 || c.minute < 0 ||
        c.minute > 59 || c.second < 0 || c.second > 59 || c.micro < 0 || c.micro > 999999)
        return fail(r, "no such date or time");
    *ret = (struct quantity){ .kind = TIME, .us = dr_us_from_civil(&c) };
    return DR_OK;
}

static double sgn(double x)
{
    return (x > 0) - (x < 0);
}

static int32_t function(struct reader *r, struct dr_str name, struct quantity *ret)
{
    static const struct {
        const char *name;
        double (*fn)(double);
        bool integral;
    } known[] = { { "abs", fabs, false }, { "round", rint, true }, { "trunc", trunc, true },
                  { "sgn", sgn, true },   { "sin", sin, false },   { "cos", cos, false },
                  { "tan", tan, false },  { "exp", exp, false } };
    struct argument args[ARGS_MAX];
    int n;
    DR_TRY(arguments(r, args, &n));
    if (dr_str_eq(name, DR_LIT("now")) && n == 0) {
        *ret = (struct quantity){ .kind = TIME, .us = r->params->now_us };
        return DR_OK;
    }
    if (dr_str_eq(name, DR_LIT("timedelta")))
        return span(r, args, n, ret);
    if (dr_str_eq(name, DR_LIT("datetime")) || dr_str_eq(name, DR_LIT("date")))
        return moment(r, args, n, ret);
    if (dr_str_eq(name, DR_LIT("hypot")) && n == 2 && args[0].value.kind == NUMBER &&
        args[1].value.kind == NUMBER) {
        *ret = number_of(hypot(args[0].value.f, args[1].value.f), false);
        return DR_OK;
    }
    for (size_t k = 0; k < sizeof known / sizeof known[0]; k++)
        if (dr_str_eq(name, dr_str_of(known[k].name)) && n == 1 && args[0].value.kind == NUMBER) {
            *ret = number_of(known[k].fn(args[0].value.f), known[k].integral || args[0].value.integral);
            return DR_OK;
        }
    return fail(r, "no such function with these arguments");
}

static int32_t primary(struct reader *r, struct quantity *ret)
{
    if (take(r, '(')) {
        DR_TRY(expression(r, ret));
        return take(r, ')') ? DR_OK : fail(r, "')' expected");
    }
    struct dr_str before = r->rest, w = word(r);
    int64_t i;
    if (dr_parse_i64(w, &i)) {
        *ret = number_of((double)i, true);
        return DR_OK;
    }
    *ret = number_of(0, false);
    if (dr_parse_f64(w, false, &ret->f))
        return DR_OK;
    if (!w.n)
        return fail(r, "a number, a name or '(' expected");
    if (take(r, '('))
        return function(r, w, ret);
    struct dr_str after = r->rest;
    r->rest = before;
    DR_TRY(named(r, w, ret));
    r->rest = after;
    return DR_OK;
}

static int32_t power(struct reader *r, struct quantity *ret)
{
    struct quantity right;
    if (r->depth > DEPTH_MAX)
        return fail(r, "nested too deeply");
    if (take(r, '-')) {
        r->depth++;
        DR_TRY(power(r, ret));
        r->depth--;
        if (ret->kind == TIME)
            return fail(r, "a time has no negative");
        ret->f = -ret->f;
        ret->us = -ret->us;
        return DR_OK;
    }
    DR_TRY(primary(r, ret));
    if (!take(r, '^'))
        return DR_OK;
    r->depth++;
    DR_TRY(power(r, &right));
    r->depth--;
    if (ret->kind != NUMBER || right.kind != NUMBER)
        return fail(r, "'^' takes numbers");
    *ret = number_of(pow(ret->f, right.f), ret->integral && right.integral && right.f >= 0);
    return DR_OK;
}

static int32_t scaled_span(struct reader *r, int64_t us, double factor, struct quantity *ret)
{
    double product = (double)us * factor;
    if (!(fabs(product) < SPAN_MAX))
        return fail(r, "the span of time is too long");
    *ret = (struct quantity){ .kind = SPAN, .us = (int64_t)product };
    return DR_OK;
}

static int32_t scaled(struct reader *r, struct quantity *a, const struct quantity *b, bool divide)
{
    if (b->kind == SPAN && a->kind == NUMBER && !divide)
        return scaled_span(r, b->us, a->f, a);
    if (b->kind != NUMBER || a->kind == TIME)
        return fail(r, "'*' and '/' take numbers, or a span of time and a number");
    if (divide && b->f == 0)
        return fail(r, "division by zero");
    if (a->kind == SPAN)
        return scaled_span(r, a->us, divide ? 1 / b->f : b->f, a);
    *a = number_of(divide ? a->f / b->f : a->f * b->f, !divide && a->integral && b->integral);
    return DR_OK;
}

static int32_t term(struct reader *r, struct quantity *ret)
{
    struct quantity right;
    DR_TRY(power(r, ret));
    for (;;) {
        bool divide = take(r, '/');
        if (!divide && !take(r, '*'))
            return DR_OK;
        DR_TRY(power(r, &right));
        DR_TRY(scaled(r, ret, &right, divide));
    }
}

static int32_t added(struct reader *r, struct quantity *a, const struct quantity *b, bool minus)
{
    if (a->kind == NUMBER && b->kind == NUMBER) {
        *a = number_of(minus ? a->f - b->f : a->f + b->f, a->integral && b->integral);
        return DR_OK;
    }
    if (a->kind == NUMBER || b->kind == NUMBER || (b->kind == TIME && (a->kind == TIME) != minus))
        return fail(r, "these cannot be added or subtracted");
    double sum = minus ? (double)a->us - (double)b->us : (double)a->us + (double)b->us;
    if (!(fabs(sum) < SPAN_MAX))
        return fail(r, "the time is out of range");
    int64_t us = minus ? a->us - b->us : a->us + b->us;
    bool is_time = (a->kind == TIME) != (b->kind == TIME);
    *a = (struct quantity){ .kind = is_time ? TIME : SPAN, .us = us };
    return DR_OK;
}

static int32_t expression(struct reader *r, struct quantity *ret)
{
    struct quantity right;
    if (++r->depth > DEPTH_MAX)
        return fail(r, "nested too deeply");
    DR_TRY(term(r, ret));
    for (;;) {
        bool minus = take(r, '-');
        if (!minus && !take(r, '+'))
            break;
        DR_TRY(term(r, &right));
        DR_TRY(added(r, ret, &right, minus));
    }
    r->depth--;
    return DR_OK;
}

static struct dr_node *node_of(struct dr_arena *a, const struct quantity *q)
{
    char text[DR_TIME_TEXT];
    if (q->kind == TIME)
        return dr_node_new_str(a, (struct dr_str){ text, dr_format_timestamp(q->us, false, text) });
    double f = q->kind == SPAN ? (double)q->us / 1e6 : q->f;
    return q->integral && fabs(f) < 9e15 ? dr_node_new_int(a, (int64_t)f) : dr_node_new_float(a, f);
}

static int32_t evaluate(struct dr_arena *a, const struct dr_parameters *p, struct dr_str text,
                        const struct dr_node **ret, struct dr_err *err)
{
    const struct dr_node *given = find(p, text);
    struct reader r = { .all = text, .rest = text, .params = p, .err = err };
    struct quantity q;
    if (given) {
        *ret = given;
        return DR_OK;
    }
    if (text.n > TEXT_MAX)
        return dr_fail(err, DR_ELIMIT, "an evaluation parameter is longer than %d bytes", TEXT_MAX);
    DR_TRY(expression(&r, &q));
    skip_space(&r);
    if (r.rest.n)
        return fail(&r, "an operator expected");
    if (q.kind == TIME && (q.us < -62135596800 * DR_US_PER_S || q.us >= 253402300800 * DR_US_PER_S))
        return fail(&r, "the time is out of range");
    *ret = node_of(a, &q);
    return DR_OK;
}

static bool is_parameter(const struct dr_node *n)
{
    return dr_node_kind(n) == DR_NODE_MAP && n->n == 1 && dr_str_eq(n->keys[0], DR_LIT("$PARAMETER")) &&
           dr_node_kind(n->items[0]) == DR_NODE_STRING;
}

static bool has_parameter(const struct dr_node *n)
{
    if (is_parameter(n))
        return true;
    for (int64_t i = 0; i < dr_node_size(n); i++)
        if (has_parameter(dr_node_at(n, i)))
            return true;
    return false;
}

int32_t dr_parameters_resolve(struct dr_arena *a, const struct dr_parameters *p, const struct dr_node *args,
                              const struct dr_node **ret, struct dr_err *err)
{
    if (is_parameter(args))
        return evaluate(a, p, args->items[0]->text, ret, err);
    if (!has_parameter(args)) {
        *ret = args;
        return DR_OK;
    }
    struct dr_node *copy = dr_node_new(a, args->kind);
    copy->mark = args->mark;
    for (int64_t i = 0; i < args->n; i++) {
        const struct dr_node *item;
        DR_TRY(dr_parameters_resolve(a, p, args->items[i], &item, err));
        struct dr_node *shared = (struct dr_node *)(uintptr_t)item; /* read-only from here on */
        if (args->kind == DR_NODE_MAP)
            dr_node_set(a, copy, args->keys[i], shared);
        else
            dr_node_add(a, copy, shared);
    }
    *ret = copy;
    return DR_OK;
}
