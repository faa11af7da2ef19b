/* check.h - what an expectation type is, and what its implementation is given.
 * Layer: expect.
 *
 * A row-level type marks the rows that break it; which rows count, percentages,
 * lists, `mostly`, index columns and masking are the frame's (rows.c). Other
 * types measure something and say whether it is as expected. */
#ifndef DR_CHECK_H
#define DR_CHECK_H
#include "expect/plan.h"

enum dr_check_domain { DR_ON_TABLE, DR_ON_ROWS, DR_ON_COLUMN, DR_ON_PAIR, DR_ON_COLUMNS };
enum dr_check_flags {
    DR_CHECK_NULLS = 1,  /* about missing values themselves: they are not left out */
    DR_CHECK_TEXT = 2,   /* looks at the text in the file, so that a text which does not
                            spell the declared type is not unexpected by itself */
    DR_CHECK_HISTORY = 4 /* compares with what an earlier run found */
};
/* How a sentence speaks of the rows. */
enum dr_say { DR_SAY_GOOD, DR_SAY_ONE, DR_SAY_MANY };

struct dr_format {
    enum dr_result_format level;
    int32_t partial;          /* longest partial list */
    const char *const *index; /* columns that name rows */
    int32_t n_index;
    bool rows; /* include_unexpected_rows */
};
struct dr_eval {
    struct dr_plan *plan;
    struct dr_arena *arena; /* the results' */
    const struct dr_check_type *type;
    const struct dr_node *args; /* parameters resolved, checked against info.args */
    struct dr_check *check;
    struct dr_format format;
    const struct dr_domain *domain;
    double mostly;
    struct dr_source **columns; /* those of the arguments */
    int32_t n_columns;
    struct dr_node *result; /* MAP; stays empty with BOOLEAN_ONLY, unless later runs compare with it */
    bool keeps_result;      /* also where it cannot be evaluated */
};
struct dr_check_type {
    struct dr_expect_info info;
    enum dr_check_domain domain;
    int32_t flags;
    /* One of the two. rows: set the bit of each row that is unexpected; rows that
     * do not count are masked by the frame. */
    int32_t (*rows)(struct dr_eval *e, uint64_t *unexpected, struct dr_err *err);
    int32_t (*measure)(struct dr_eval *e, struct dr_err *err);
    /* "lie within 20 to 250", "lies outside ...", "lie outside ..." */
    void (*say)(const struct dr_eval *e, enum dr_say how, struct dr_buf *out);
};
struct dr_check_group {
    const struct dr_check_type *types;
    int32_t n;
};
extern const struct dr_check_group dr_checks_table, dr_checks_value, dr_checks_text, dr_checks_type,
    dr_checks_set, dr_checks_aggregate, dr_checks_distribution, dr_checks_pair, dr_checks_columns,
    dr_checks_identifier, dr_checks_outlier, dr_checks_group, dr_checks_other, dr_checks_history,
    dr_checks_shift, dr_checks_sql, dr_checks_plugin;
const struct dr_check_type *dr_check_find(const char *name); /* or NULL */

/* ---- args.c ---- */
/* NULL where absent or null. */
const struct dr_node *dr_eval_arg(const struct dr_eval *e, const char *name);
const char *dr_eval_text(const struct dr_eval *e, const char *name, const char *otherwise);
double dr_eval_number(const struct dr_eval *e, const char *name, double otherwise);
bool dr_eval_flag(const struct dr_eval *e, const char *name, bool otherwise);
/* min_value, max_value, strict_min, strict_max; texts become numbers or times. */
void dr_eval_range(const struct dr_eval *e, struct dr_range *ret);
/* What is wrong with the arguments of a type: the first problem in err. */
int32_t dr_args_check(const struct dr_check_type *t, const struct dr_node *args, struct dr_err *err);
void dr_args_diagnose(const struct dr_check_type *t, const struct dr_expectation *x, struct dr_diags *d);

/* ---- rows.c ---- */
/* Evaluate a row-level check: counts, lists, success, sentence. fn is usually type->rows. */
int32_t dr_eval_rows(struct dr_eval *e, int32_t (*fn)(struct dr_eval *, uint64_t *, struct dr_err *),
                     struct dr_err *err);

/* The value of a row in a list: one value; a list of two for a pair; a map for
 * several columns, or, as_list, a list. Sensitive values are masked. */
struct dr_node *dr_eval_row_value(struct dr_eval *e, int64_t row, bool as_list);
/* ---- rows_counts.c ---- */
#define DR_COUNTED_ROWS_MAX 100000 /* unexpected rows that are looked at, except with COMPLETE */
/* The list of a check's unexpected values with their counts: empty until dr_plan_count_values. */
struct dr_node *dr_eval_value_counts(struct dr_eval *e);

/* ---- measure.c ---- */
void dr_eval_set(struct dr_eval *e, const char *key,
                 struct dr_node *value); /* into result; not with BOOLEAN_ONLY */
struct dr_node *dr_eval_value(struct dr_eval *e, const struct dr_source *s,
                              const struct dr_value *v); /* masked */
void dr_eval_observe(struct dr_eval *e, struct dr_node *value);
void dr_eval_say(struct dr_eval *e, const char *fmt, ...) DR_PRINTF(2, 3);
/* Observed against min_value and max_value; what is measured is named `noun`
 * ("the mean of value"). A NULL observed (nothing to measure) fails. */
int32_t dr_eval_between(struct dr_eval *e, const struct dr_source *s, const struct dr_value *observed,
                        const char *noun, struct dr_err *err);
/* " 20 to 250", " at least 20", " more than 20 and less than 250" */
void dr_range_say(const struct dr_range *r, struct dr_buf *out);
void dr_value_say(const struct dr_value *v, struct dr_buf *out); /* 1,020 or 0.25 or "text" in quotes */
/* "a, b, c" of the first few items, "and 12 more" */
void dr_list_say(const struct dr_node *list, struct dr_buf *out);
void dr_count_say(int64_t n, const char *one, const char *many,
                  struct dr_buf *out); /* "1 row", "1,020 rows" */

/* ---- partition.c ---- */
/* Whether a partition_object is one: weights that add up to 1 with as many values, or with one more bins that
 * increase, numbers or, with `times`, texts that spell dates or times; err says what is wrong. */
int32_t dr_partition_check(const struct dr_node *part, bool times, struct dr_err *err);
/* A number, or the microseconds of a text that spells a time. */
double dr_partition_edge(const struct dr_node *edges, int64_t k);

/* ---- check_history.c ---- */
/* What the last good run found for the same expectation (its result), or NULL. */
const struct dr_node *dr_eval_earlier(const struct dr_eval *e);
/* The outcome where there is nothing to compare with. */
int32_t dr_eval_no_earlier(struct dr_eval *e, struct dr_err *err);

/* ---- check_sql.c ---- */
/* The table as the suite means it: its declared types and, where domain_only, the
 * rows that the row_condition keeps. The caller drops it. */
int32_t dr_eval_typed_table(struct dr_eval *e, bool domain_only, struct dr_table **ret, struct dr_err *err);

/* Arguments that every type of a domain takes. */
#define DR_ARG_CONDITION                                                                                     \
    { "row_condition", "string", NULL, "Only rows for which this holds are looked at.", false },             \
    {                                                                                                        \
        "condition_parser", "choice pandas|great_expectations|great_expectations__experimental__|spark",     \
            "pandas", "Accepted for Great Expectations' sake; one language reads both syntaxes.", false      \
    }
#define DR_ARG_FORMAT                                                                                        \
    { "result_format", "format", "SUMMARY",                                                                  \
      "BOOLEAN_ONLY, BASIC, SUMMARY or COMPLETE, or a map with "                                             \
      "result_format, partial_unexpected_count, unexpected_index_column_names and include_unexpected_rows.", \
      false },                                                                                               \
    {                                                                                                        \
        "catch_exceptions", "boolean", NULL,                                                                 \
            "Accepted for Great Expectations' sake: what cannot be evaluated "                               \
            "is always a result of its own.",                                                                \
            false                                                                                            \
    }
#define DR_ARG_MOSTLY                                                                                        \
    {                                                                                                        \
        "mostly", "fraction", "1", "The share of the values that must be as expected.", false                \
    }
#define DR_ARG_COLUMN                                                                                        \
    {                                                                                                        \
        "column", "column", NULL, "The column.", true                                                        \
    }
#define DR_ARG_RANGE(min_doc, max_doc)                                                                       \
    { "min_value", "bound", NULL, min_doc, false }, { "max_value", "bound", NULL, max_doc, false },          \
        { "strict_min", "boolean", "false", "The smallest value itself is not allowed.", false },            \
    {                                                                                                        \
        "strict_max", "boolean", "false", "The largest value itself is not allowed.", false                  \
    }
#define DR_ARGS(array) .args = (array), .n_args = (int32_t)(sizeof(array) / sizeof(array)[0])
#endif
