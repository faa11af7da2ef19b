/* expect.h - run a suite over a table. Layer: expect. */
#ifndef DR_EXPECT_H
#define DR_EXPECT_H
#include "data/column.h"
#include "model/suite.h"

struct dr_row_check; /* dagrun/task.h */
enum dr_result_format { DR_RESULT_BOOLEAN_ONLY, DR_RESULT_BASIC, DR_RESULT_SUMMARY, DR_RESULT_COMPLETE };

/* Counts of a row-level expectation over rows of which the table holds only some. */
struct dr_tally {
    bool given;
    int64_t elements, missing, counted, unexpected;
};
struct dr_expect_options {
    enum dr_result_format result_format;
    int32_t partial_unexpected_count; /* 0: GX's default, 20; negative: none */
    const char *row_key;              /* a column that names rows in unexpected_index_list, or NULL */
    const char *line_column;          /* a column that is not data but the line number, or NULL; it
                                         names rows where row_key does not, and counts as no column */
    bool include_unexpected_rows;
    /* Columns of mixed kinds (numbers and texts, as JSON has them): DICT columns
     * whose texts are JSON scalars. NULL-terminated, or NULL. */
    const char *const *mixed_columns;
    const struct dr_node *evaluation_parameters; /* MAP: values given by the caller, or NULL */
    /* Where the table holds a sample of the rows (batches.h); NULL otherwise. */
    const struct dr_tally *tallies; /* by place in the suite */
    const int64_t *row_numbers;     /* of each row of the table, in the whole */
    /* Other tables by name, for expectations that compare tables; may be NULL. */
    const struct dr_table *(*other_table)(void *ctx, const char *name);
    /* What the last good run found: the result (a MAP) of the expectation with this
     * id, or NULL. May be NULL. */
    const struct dr_node *(*earlier)(void *ctx, const char *expectation_id);
    /* The check of a plugin NAME.so, or an error. May be NULL: there are none. */
    int32_t (*row_check)(void *ctx, const char *plugin, const struct dr_row_check **ret, struct dr_err *err);
    void *ctx;                /* of all three */
    int64_t now_us;           /* now(), and what ages are counted to; 0: the clock, read once */
    int64_t query_timeout_us; /* of each expectation in SQL; 0: none */
    uint64_t memory; /* bytes, about, that a check may hold where several passes do as well; 0: no limit */
};
/* The outcome of one expectation. */
struct dr_check {
    const struct dr_expectation *expectation; /* borrowed from the suite */
    bool success;
    enum dr_severity severity;    /* of a failure: the expectation's, or that of the threshold passed */
    const char *exception;        /* why it could not be evaluated, or NULL; then success is false */
    const struct dr_node *result; /* MAP with GX's fields, sensitive values masked; in the results' arena */
    const char *sentence;         /* for people: "11 of 1,020 values of heart_rate lie outside 20 to 250" */
    int64_t element_count;        /* -1 where the expectation does not count */
    int64_t unexpected_count;     /* -1 likewise */
    int64_t missing_count;        /* -1 likewise */
    /* Row-level expectations: bit 1 = that row of the table is unexpected. NULL for
     * aggregates. Owned by the results. */
    const uint8_t *unexpected;
    const char *column; /* the column(s) concerned, comma between; or NULL */
    const char *reason; /* row-level: what to say of one unexpected row ("value lies outside 20 to 250"),
                           the expectation's description where it has one; else NULL */
};
struct dr_results {
    struct dr_arena arena;
    const struct dr_suite *suite; /* borrowed */
    struct dr_check *checks;      /* in the suite's order */
    int32_t n;
    int32_t passed, failed, errors;
    int32_t failed_by_severity[3]; /* enum dr_severity; errors not counted */
    bool must_fail;          /* a critical or on_failure: fail expectation failed or could not be evaluated */
    int64_t rows, us;        /* microseconds it took */
    int64_t unread;          /* records that never became rows, where whoever read them says so */
    struct dr_results *next; /* owned: parts whose memory the checks use (dr_results_take); or NULL */
};
/* Run every expectation. A failed or unevaluable expectation is a result, not
 * an error; errors are bad options and limits. The caller frees the results. */
int32_t dr_expect_run(const struct dr_suite *suite, const struct dr_table *table,
                      const struct dr_expect_options *opts, struct dr_results **ret, struct dr_err *err);
void dr_results_free(struct dr_results *r); /* NULL is fine */
/* Whether it failed, or could not be evaluated, and whoever asked must not go on. */
bool dr_check_must_fail(const struct dr_check *c);
/* Results that dr_results_take fills: check i of a part becomes check place[i] of the whole, without its
 * bits of rows. Takes the part over. */
struct dr_results *dr_results_new(const struct dr_suite *suite, int64_t rows);
void dr_results_take(struct dr_results *r, struct dr_results *part, const int32_t *place);
/* Check i could not be evaluated after all. */
void dr_results_set_exception(struct dr_results *r, int32_t i, const char *why);
/* Rows that an expectation with on_failure: quarantine refuses: the others, and
 * those with _reasons (descriptions, "; " between) and _expectations (ids, ", " between). */
int32_t dr_expect_split(const struct dr_results *r, const struct dr_table *table, struct dr_table **ret_valid,
                        struct dr_table **ret_quarantined, struct dr_err *err);
/* The results as GX's validation result JSON (success, statistics, results). */
void dr_results_put_json(const struct dr_results *r, struct dr_buf *out, int indent);

/* The first column from the suite's `from`-th on that the suite declares (its type, or that
 * it is sensitive) and the table lacks, or -1; *ret_nearest is the column that may be meant, or NULL. */
int32_t dr_expect_absent_column(const struct dr_suite *suite, const struct dr_table *table, int32_t from,
                                const char **ret_nearest);

/* Whether expectations of this type compare with an earlier run. */
bool dr_expect_uses_history(const char *type);

/* The check for dr_suite_load. */
const struct dr_expectation_source *dr_expect_source(void);
/* The reference: every expectation type, its domain, arguments and meaning. */
struct dr_expect_arg {
    const char *name, *type, *fallback, *doc; /* type: "column", "number", "list of strings", ... */
    bool required;
};
struct dr_expect_info {
    const char *name, *domain, *summary, *doc,
        *example; /* domain: table, column_map, column_aggregate, ... */
    const struct dr_expect_arg *args;
    int32_t n_args;
};
const struct dr_expect_info *dr_expect_infos(int32_t *ret_n); /* sorted by name */
/* docs/expectations.md: the rules that hold for all, and every type. */
void dr_expect_put_reference(struct dr_buf *out);
#endif
