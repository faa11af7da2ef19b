/* measure.c - what checks that measure have in common: observed values, bounds
 * and the words for people. */
#include <math.h>
#include "base/date.h"
#include "base/num.h"
#include "expect/check.h"

#define MASK "***"
#define SAID_ITEMS 6
#define SAID_TEXT 40

void dr_eval_set(struct dr_eval *e, const char *key, struct dr_node *value)
{
    if (e->format.level != DR_RESULT_BOOLEAN_ONLY || e->type->flags & DR_CHECK_HISTORY)
        dr_node_set(e->arena, e->result, dr_str_of(key), value);
}

struct dr_node *dr_eval_value(struct dr_eval *e, const struct dr_source *s, const struct dr_value *v)
{
    if (s && s->sensitive && v->kind != DR_VALUE_NULL)
        return dr_node_new_str(e->arena, DR_LIT(MASK));
    return dr_value_node(e->arena, v);
}

void dr_eval_observe(struct dr_eval *e, struct dr_node *value)
{
    dr_eval_set(e, "observed_value", value);
}

void dr_eval_say(struct dr_eval *e, const char *fmt, ...)
{
    DR_AUTO_BUF b = { 0 };
    va_list ap;
    va_start(ap, fmt);
    (void)dr_buf_vprintf(&b, fmt, ap);
    va_end(ap);
    if (e->domain->condition)
        (void)dr_buf_printf(&b, ", where %s", e->domain->condition);
    (void)dr_buf_putc(&b, '.');
    e->check->sentence = dr_arena_dup(e->arena, dr_buf_cstr(&b), b.n);
}

void dr_count_say(int64_t n, const char *one, const char *many, struct dr_buf *out)
{
    dr_buf_put_count(out, n);
    (void)dr_buf_printf(out, " %s", n == 1 ? one : many);
}

static void say_float(double f, struct dr_buf *out)
{
    char text[DR_F64_TEXT];
    if (f == floor(f) && fabs(f) < 1e15)
        dr_buf_put_count(out, (int64_t)f);
    else
        (void)dr_buf_append(out, text, dr_format_f64(f, text));
}

void dr_value_say(const struct dr_value *v, struct dr_buf *out)
{
    switch (v->kind) {
    case DR_VALUE_INT:
        dr_buf_put_count(out, v->i);
        break;
    case DR_VALUE_FLOAT:
        say_float(v->f, out);
        break;
    case DR_VALUE_BOOL:
        (void)dr_buf_puts(out, v->i ? "true" : "false");
        break;
    case DR_VALUE_TEXT:
        (void)dr_buf_putc(out, '"');
        dr_buf_put_visible(out, v->s, SAID_TEXT);
        (void)dr_buf_putc(out, '"');
        break;
    default:
        dr_value_put_text(v, out);
    }
}

void dr_range_say(const struct dr_range *r, struct dr_buf *out)
{
    if (r->has_min && r->has_max && !r->strict_min && !r->strict_max) {
        bool same = dr_value_equal(&r->min, &r->max);
        dr_value_say(&r->min, out);
        if (!same) {
            (void)dr_buf_puts(out, " to ");
            dr_value_say(&r->max, out);
        }
        return;
    }
    if (r->has_min) {
        (void)dr_buf_puts(out, r->strict_min ? "more than " : "at least ");
        dr_value_say(&r->min, out);
    }
    if (r->has_max) {
        (void)dr_buf_printf(out, "%s%s", r->has_min ? " and " : "",
                            r->strict_max ? "less than " : "at most ");
        dr_value_say(&r->max, out);
    }
    if (!r->has_min && !r->has_max)
        (void)dr_buf_puts(out, "anything");
}

static void say_node(const struct dr_node *n, struct dr_buf *out)
{
    if (dr_node_kind(n) == DR_NODE_LIST) {
        (void)dr_buf_putc(out, '(');
        dr_list_say(n, out);
        (void)dr_buf_putc(out, ')');
        return;
    }
    struct dr_value v = dr_value_of_node(n);
    dr_value_say(&v, out);
}

void dr_list_say(const struct dr_node *list, struct dr_buf *out)
{
    int64_t n = dr_node_size(list);
    for (int64_t i = 0; i < n && i < SAID_ITEMS; i++) {
        (void)dr_buf_puts(out, i ? ", " : "");
        say_node(dr_node_at(list, i), out);
    }
    if (n > SAID_ITEMS) {
        (void)dr_buf_puts(out, " and ");
        dr_buf_put_count(out, n - SAID_ITEMS);
        (void)dr_buf_puts(out, " more");
    }
    if (n == 0)
        (void)dr_buf_puts(out, "nothing");
}

static int32_t cannot_compare(const struct dr_value *v, const struct dr_range *r, struct dr_err *err)
{
    const struct dr_value *bound = r->has_min ? &r->min : &r->max;
    return dr_fail(
        err, DR_EINPUT,
        "TypeError: '>=' not supported between the observed value, a %s, and the bound, a %s; for text, "
        "declare the column's type in the suite",
        dr_value_kind_name(v), dr_value_kind_name(bound));
}

int32_t dr_eval_between(struct dr_eval *e, const struct dr_source *s, const struct dr_value *observed,
                        const char *noun, struct dr_err *err)
{
    struct dr_range r;
    struct dr_value v = observed ? *observed : (struct dr_value){ 0 };
    DR_AUTO_BUF b = { 0 };
    bool comparable = true;
    dr_eval_range(e, &r);
    dr_eval_observe(e, dr_eval_value(e, s, &v));
    if (v.kind == DR_VALUE_NULL) {
        e->check->success = false;
        dr_eval_say(e, "There is no %s: no value to measure", noun);
        return DR_OK;
    }
    struct dr_value compared = v;
    if (v.kind == DR_VALUE_TEXT &&
        ((r.has_min && dr_value_is_time(&r.min)) || (r.has_max && dr_value_is_time(&r.max))))
        (void)dr_value_to_time(&compared);
    bool nan = v.kind == DR_VALUE_FLOAT && isnan(v.f); /* infinities of both signs */
    e->check->success = !nan && dr_range_holds(&r, &compared, &comparable);
    if (!comparable)
        return cannot_compare(&compared, &r, err);
    if (s && s->sensitive)
        (void)dr_buf_puts(&b, MASK);
    else
        dr_value_say(&v, &b);
    if (r.has_min || r.has_max) {
        (void)dr_buf_puts(&b, e->check->success ? ", as expected: " : "; expected ");
        dr_range_say(&r, &b);
    }
    dr_eval_say(e, "The %s is %s", noun, dr_buf_cstr(&b));
    return DR_OK;
}
