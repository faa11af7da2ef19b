/* profile.h - what the columns of a table hold, and a suite that says so.
 * Layer: expect. */
#ifndef DR_PROFILE_H
#define DR_PROFILE_H
#include "expect/infer.h"

#define DR_PROFILE_TOP 50    /* most common values that are kept */
#define DR_PROFILE_SHAPES 4  /* most common shapes of text that are kept */
#define DR_PROFILE_KEY_MAX 4 /* columns of a key */

/* How a text looks: digits as 9, upper case A, lower case a, anything else as it
 * is; "P99999", "AAAA999". Texts longer than 40 characters have none. */
struct dr_shape {
    const char *text;
    int64_t count;
};
struct dr_column_profile {
    const char *name;
    struct dr_inferred type;
    struct dr_source *source; /* read as that type */
    struct dr_view *view;     /* over all rows */
    int64_t missing, distinct;
    bool ordered;                              /* numbers, dates, times: min, max and the rest are known */
    struct dr_value min, max;                  /* of text too */
    struct dr_value quantile[5];               /* 5 %, 25 %, 50 %, 75 %, 95 %: of the nearest rank */
    double mean, deviation;                    /* numbers */
    int64_t shortest, longest;                 /* text: characters */
    struct dr_value_count top[DR_PROFILE_TOP]; /* most common first */
    int32_t n_top;
    struct dr_shape shapes[DR_PROFILE_SHAPES]; /* text, most common first */
    int32_t n_shapes;
    int64_t other_shapes; /* texts of none of them */
};
struct dr_profile {
    struct dr_arena arena;
    struct dr_plan plan;
    struct dr_suite suite; /* the inferred types */
    const char *line_column;
    int64_t rows;
    struct dr_column_profile *columns;
    int32_t n;
    int32_t key[DR_PROFILE_KEY_MAX]; /* the fewest columns that name each row */
    int32_t n_key;                   /* 0: none was found */
};
/* table is borrowed and must outlive the profile; line_column is none of its data. */
int32_t dr_profile_new(const struct dr_table *table, const char *line_column, struct dr_profile **ret,
                       struct dr_err *err);
void dr_profile_free(struct dr_profile *p); /* NULL is fine */

/* A suite as YAML that the profiled table passes and damaged deliveries of the
 * same kind fail: see propose.c. */
int32_t dr_profile_propose(struct dr_profile *p, const char *name, struct dr_buf *out, struct dr_err *err);
#endif
