/* value.c - see value.h. */
#include "expect/value.h"
#include <math.h>
#include "base/date.h"
#include "base/num.h"
#include "expect/dateutil.h"

struct dr_value dr_value_of_node(const struct dr_node *n)
{
    switch (dr_node_kind(n)) {
    case DR_NODE_BOOL:
        return (struct dr_value){ .kind = DR_VALUE_BOOL, .i = n->i != 0, .f = n->i != 0 };
    case DR_NODE_INT:
        return dr_value_of_int(n->i);
    case DR_NODE_FLOAT:
        return dr_value_of_float(n->f);
    case DR_NODE_STRING:
        return dr_value_of_text(n->text);
    default:
        return (struct dr_value){ 0 };
    }
}

bool dr_value_to_time(struct dr_value *v)
{
    if (dr_value_is_time(v))
        return true;
    struct dr_civil c;
    struct dr_value t = { .kind = DR_VALUE_TIME };
    int32_t days;
    if (v->kind != DR_VALUE_TEXT)
        return false;
    if (dr_parse_date(v->s, &days)) {
        t.kind = DR_VALUE_DATE;
        t.i = days * DR_US_PER_DAY;
    } else if (!dr_parse_timestamp(v->s, &t.i, &t.zoned)) {
        int32_t offset;
        if (!dr_dateutil_parse(v->s, &c, &t.zoned, &offset))
            return false;
        t.i = dr_us_from_civil(&c) - offset * DR_US_PER_S;
    }
    *v = t;
    return true;
}

struct dr_node *dr_value_node(struct dr_arena *a, const struct dr_value *v)
{
    char text[DR_TIME_TEXT];
    switch (v->kind) {
    case DR_VALUE_BOOL:
        return dr_node_new_bool(a, v->i != 0);
    case DR_VALUE_INT:
        return dr_node_new_int(a, v->i);
    case DR_VALUE_FLOAT:
        return dr_node_new_float(a, v->f);
    case DR_VALUE_DATE:
        return dr_node_new_str(
            a, (struct dr_str){ text, dr_format_date((int32_t)(v->i / DR_US_PER_DAY), text) });
    case DR_VALUE_TIME:
        return dr_node_new_str(a, (struct dr_str){ text, dr_format_timestamp(v->i, v->zoned, text) });
    case DR_VALUE_TEXT:
        return dr_node_new_str(a, v->s);
    default:
        return dr_node_new(a, DR_NODE_NULL);
    }
}

/* Python shows an integral float as "5.0". */
static void put_float(double f, struct dr_buf *out)
{
    char text[DR_F64_TEXT];
    size_t n = dr_format_f64(f, text);
    (void)dr_buf_append(out, text, n);
    if (isfinite(f) && !memchr(text, '.', n) && !memchr(text, 'e', n))
        (void)dr_buf_puts(out, ".0");
}

void dr_value_put_text(const struct dr_value *v, struct dr_buf *out)
{
    char text[DR_TIME_TEXT];
    switch (v->kind) {
    case DR_VALUE_NULL:
        (void)dr_buf_puts(out, "null");
        break;
    case DR_VALUE_BOOL:
        (void)dr_buf_puts(out, v->i ? "True" : "False");
        break;
    case DR_VALUE_INT:
        (void)dr_buf_append(out, text, dr_format_i64(v->i, text));
        break;
    case DR_VALUE_FLOAT:
        put_float(v->f, out);
        break;
    case DR_VALUE_DATE:
        (void)dr_buf_append(out, text, dr_format_date((int32_t)(v->i / DR_US_PER_DAY), text));
        break;
    case DR_VALUE_TIME:
        (void)dr_buf_append(out, text, dr_format_timestamp(v->i, v->zoned, text));
        break;
    default:
        (void)dr_buf_append(out, v->s.p, v->s.n);
    }
}

static int order_i64(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int order_number(const struct dr_value *a, const struct dr_value *b)
{
    if (a->kind != DR_VALUE_FLOAT && b->kind != DR_VALUE_FLOAT)
        return order_i64(a->i, b->i);
    return (a->f > b->f) - (a->f < b->f);
}

bool dr_value_compare(const struct dr_value *a, const struct dr_value *b, int *ret_order)
{
    if (dr_value_is_number(a) && dr_value_is_number(b)) {
        if (isnan(a->f) || isnan(b->f))
            return false;
        *ret_order = order_number(a, b);
    } else if (dr_value_is_time(a) && dr_value_is_time(b)) {
        *ret_order = order_i64(a->i, b->i);
    } else if (a->kind == DR_VALUE_TEXT && b->kind == DR_VALUE_TEXT) {
        *ret_order = dr_str_cmp(a->s, b->s);
    } else {
        return false;
    }
    return true;
}

bool dr_value_equal(const struct dr_value *a, const struct dr_value *b)
{
    int order;
    if (a->kind == DR_VALUE_NULL || b->kind == DR_VALUE_NULL)
        return a->kind == b->kind;
    return dr_value_compare(a, b, &order) && order == 0;
}

static int rank(const struct dr_value *v)
{
    if (v->kind == DR_VALUE_NULL)
        return 0;
    return dr_value_is_number(v) ? 1 : dr_value_is_time(v) ? 2 : 3;
}

int dr_value_order(const struct dr_value *a, const struct dr_value *b)
{
    int order;
    return dr_value_compare(a, b, &order) ? order : rank(a) - rank(b);
}

const char *dr_value_kind_name(const struct dr_value *v)
{
    static const char *const names[] = { "null", "number", "date", "text" };
    return names[rank(v)];
}
