/* infer.c - see infer.h. Each distinct text strikes out the types that it does not
 * spell; the first that is left, in the order of the table, is the column's. */
#include "expect/infer.h"
#include "base/date.h"
#include "base/num.h"

/* ISO 8601 first: the others are tried only where it fails. Two of them that both
 * fit (3/4/2024) leave the matter open. */
static const struct dr_inferred kinds[] = {
    { "bool", DR_TYPE_BOOL, NULL },           { "int64", DR_TYPE_INT64, NULL },
    { "float64", DR_TYPE_FLOAT64, NULL },     { "date", DR_TYPE_DATE, NULL },
    { "timestamp", DR_TYPE_TIMESTAMP, NULL }, { "date", DR_TYPE_DATE, "%d.%m.%Y" },
    { "date", DR_TYPE_DATE, "%Y/%m/%d" },     { "date", DR_TYPE_DATE, "%d/%m/%Y" },
    { "date", DR_TYPE_DATE, "%m/%d/%Y" },     { "date", DR_TYPE_DATE, "%d-%m-%Y" },
};
enum { N_KINDS = sizeof kinds / sizeof kinds[0], DAY_FIRST = 7, MONTH_FIRST = 8 };
static const struct dr_inferred text_kind = { "text", DR_TYPE_DICT, NULL },
                                empty_kind = { "empty", DR_TYPE_NULL, NULL },
                                decimal_kind = { "decimal", DR_TYPE_DECIMAL, NULL };

/* 007 and +49 are spelled like numbers and are none. */
static bool is_code(struct dr_str s)
{
    if (s.n && s.p[0] == '-')
        s = (struct dr_str){ s.p + 1, s.n - 1 };
    return s.n && (s.p[0] == '+' || (s.n > 1 && s.p[0] == '0' && s.p[1] >= '0' && s.p[1] <= '9'));
}

static bool is_truth(struct dr_str s)
{
    bool b;
    return s.n > 1 && dr_parse_bool(s, &b);
}

static bool spells(struct dr_str s, int kind)
{
    struct dr_civil c;
    int32_t days, offset;
    int64_t i;
    double f;
    bool zoned;
    switch (kinds[kind].type) {
    case DR_TYPE_BOOL:
        return is_truth(s);
    case DR_TYPE_INT64:
        return !is_code(s) && dr_parse_i64(s, &i);
    case DR_TYPE_FLOAT64:
        return !is_code(s) && dr_parse_f64(s, false, &f);
    case DR_TYPE_TIMESTAMP:
        return dr_parse_date(s, &days) || dr_parse_timestamp(s, &i, &zoned);
    default:
        return kinds[kind].format ? dr_strptime(s, kinds[kind].format, &c, &offset) : dr_parse_date(s, &days);
    }
}

static unsigned strike(unsigned left, struct dr_str s)
{
    for (int k = 0; k < N_KINDS; k++)
        if (left >> k & 1 && !spells(s, k))
            left &= ~(1u << k);
    return left;
}

static const struct dr_inferred *narrowest(unsigned left)
{
    if (left >> DAY_FIRST & left >> MONTH_FIRST & 1)
        return &text_kind;
    return left ? &kinds[__builtin_ctz(left)] : &text_kind;
}

static const struct dr_inferred *of_texts(struct dr_source *s)
{
    unsigned left = (1u << N_KINDS) - 1;
    int32_t hint = 0;
    if (s->codes) {
        for (int64_t k = dr_rows_next(s->codes->used, s->codes->n, 0); k >= 0 && left;
             k = dr_rows_next(s->codes->used, s->codes->n, k + 1)) {
            int64_t i;
            const struct dr_array *a = dr_column_at(s->codes->raw, k, &hint, &i);
            left = strike(left, dr_array_str(a, i));
        }
        return narrowest(left);
    }
    for (int64_t row = 0; row < s->rows && left; row++) {
        struct dr_value v = dr_source_raw_value(s, row, &hint);
        if (v.kind == DR_VALUE_TEXT)
            left = strike(left, v.s);
    }
    return narrowest(left);
}

static const struct dr_inferred *of_type(int32_t type)
{
    for (int k = 0; k < N_KINDS; k++)
        if (kinds[k].type == type)
            return &kinds[k];
    return type == DR_TYPE_DECIMAL ? &decimal_kind : &text_kind;
}

const struct dr_inferred *dr_infer_type(struct dr_source *s)
{
    bool text = s->raw->type == DR_TYPE_DICT || s->raw->type == DR_TYPE_STRING;
    if (s->class == DR_CLASS_EMPTY || s->n_null == s->rows)
        return &empty_kind;
    if (!text)
        return of_type(s->raw->type);
    if (s->of_code)
        return &text_kind;
    if (s->declared && s->declared->type >= 0 && s->type != DR_TYPE_DICT && s->type != DR_TYPE_STRING)
        return s->n_refused ? &text_kind : of_type(s->type);
    return of_texts(s);
}

const char *dr_infer_name(const char *name)
{
    int32_t type = dr_type_parse(name);
    if (type < 0)
        return NULL;
    return type == DR_TYPE_DICT || type == DR_TYPE_STRING ? text_kind.name
           : type == DR_TYPE_NULL                         ? NULL
                                                          : of_type(type)->name;
}
