/* condition.h - row_condition: the rows of a table that an expression keeps.
 * Layer: expect.
 *
 * One language reads both of GX's: pandas' query syntax and col("name").
 *
 *     or  and  not   (also | & ~, binding as or, and, not do)
 *     == != < <= > >= (chained: 0 < x <= 5), = and <> as SQL writes them,
 *     in [..], not in [..], == [..], is null, is not null
 *     + - * / // % ** on numbers, unary -, x.abs()
 *     x.isnull() .isna() .notnull() .notna() .notNull() .isNull()
 *     x.isin([..]) .between(a, b)
 *     x.str.contains("re") .str.match("re") .str.fullmatch("re") .str.startswith("a") .str.endswith("a")
 *     x.str.len() .str.lower() .str.upper() .str.strip()
 *     names, `names with spaces`, col("name"), index (the row's number from 0, where
 *     no column has that name), numbers, 'text', "text",
 *     True, False, None, date("2024-01-31")
 *
 * A comparison with a missing value is false, and != is true, as pandas has
 * it; col("name") != x is false, as SQL has it, for which GX made that syntax. Text compared with a number is
 * unequal; asking which is larger is an error. */
#ifndef DR_CONDITION_H
#define DR_CONDITION_H
#include "expect/plan.h"

#define DR_CONDITION_MAX 16384 /* bytes */
enum dr_condition_op {
    DR_CONDITION_OR,
    DR_CONDITION_AND,
    DR_CONDITION_NOT,
    DR_CONDITION_EQ,
    DR_CONDITION_NE,
    DR_CONDITION_LT,
    DR_CONDITION_LE,
    DR_CONDITION_GT,
    DR_CONDITION_GE,
    DR_CONDITION_IN,
    DR_CONDITION_IS_NULL,
    DR_CONDITION_CONTAINS,
    DR_CONDITION_MATCH,
    DR_CONDITION_FULL_MATCH,
    DR_CONDITION_STARTS,
    DR_CONDITION_ENDS,
    DR_CONDITION_ADD,
    DR_CONDITION_SUB,
    DR_CONDITION_MUL,
    DR_CONDITION_DIV,
    DR_CONDITION_FLOOR_DIV,
    DR_CONDITION_MOD,
    DR_CONDITION_POW,
    DR_CONDITION_NEG,
    DR_CONDITION_ABS,
    DR_CONDITION_LENGTH,
    DR_CONDITION_LOWER,
    DR_CONDITION_UPPER,
    DR_CONDITION_STRIP,
    DR_CONDITION_COLUMN,
    DR_CONDITION_VALUE,
    DR_CONDITION_LIST
};
struct dr_condition {
    enum dr_condition_op op;
    struct dr_condition *arg[2]; /* operands; IN and the text tests: arg[1] is a LIST or VALUE */
    const struct dr_node *value; /* VALUE: a scalar; LIST: a list of scalars */
    const char *name;            /* COLUMN */
    bool is_time;                /* VALUE: date("...") */
    bool is_sql;                 /* COLUMN: col("name") */
};
/* Parse into the arena; err names the character where it went wrong. */
int32_t dr_condition_parse(struct dr_arena *a, const char *text, struct dr_condition **ret,
                           struct dr_err *err);
/* The rows for which it holds. */
int32_t dr_condition_rows(struct dr_plan *p, const char *text, uint64_t *in, struct dr_err *err);
#endif
