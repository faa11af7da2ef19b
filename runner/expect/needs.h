/* needs.h - what of a table an expectation looks at, by which a suite is cut up where the table
 * does not fit into memory. Layer: expect. */
#ifndef DR_NEEDS_H
#define DR_NEEDS_H
#include "expect/expect.h"

enum dr_scope {
    DR_SCOPE_ROW,     /* each row by itself */
    DR_SCOPE_COLUMNS, /* names of columns */
    DR_SCOPE_COUNT,   /* how many rows there are */
    DR_SCOPE_KEY,     /* whether a key, of all rows, occurs twice */
    DR_SCOPE_WHOLE
};
/* columns: the table's, or NULL where they are not known yet. */
enum dr_scope dr_expect_scope(const struct dr_expectation *x, const struct dr_table *columns);
/* DR_SCOPE_KEY: the columns of the key, in the arena. */
const char *const *dr_expect_key(struct dr_arena *a, const struct dr_expectation *x, int32_t *ret_n);
/* Mark in ret, one for each column of the table, those whose values the expectation may look at or show:
 * rather too many than too few. */
void dr_expect_needs(const struct dr_suite *suite, const struct dr_expectation *x,
                     const struct dr_expect_options *opts, const struct dr_table *columns, bool *ret);
/* Whether the column is one of those that are said to hold several kinds of values. */
bool dr_expect_is_mixed(const struct dr_expect_options *opts, const char *column);
#endif
