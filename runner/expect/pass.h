/* pass.h - a whole suite over a stream that need not fit into memory. Layer: expect.
 *
 * The results are those of dr_expect_run over the same rows, to the last byte. What each expectation
 * looks at (needs.h) decides how it is evaluated:
 *
 *   single rows, columns, number of rows   batch by batch (batches.h)
 *   keys                                   batch by batch, and in a rollup whether any occurs twice
 *   all else, and keys that do             the columns that it needs go to a temporary Arrow file, which
 *                                          is mapped when the stream has ended
 *
 * So what is held beside batches and rollup is what one evaluation makes of its columns. */
#ifndef DR_PASS_H
#define DR_PASS_H
#include "data/stream.h"
#include "expect/expect.h"

/* The most that the process has held, mapped pages that were in memory included; 0: not known. */
struct dr_pass_peak {
    uint64_t bytes;
    const struct dr_expectation *of; /* what it was for, with others of the same columns; NULL: reading */
};
struct dr_pass_options {
    const struct dr_expect_options *expect; /* borrowed */
    uint64_t memory;               /* bytes to hold, about, beyond which keys go to a temporary file */
    const char *folder;            /* of temporary files; NULL: TMPDIR, or /tmp */
    struct dr_pass_peak *ret_peak; /* set at the end; may be NULL */
};
/* ret_columns: a table without rows that has the stream's columns, for whoever has something to say of them.
 * The reader stays the caller's. */
DR_CHECK int32_t dr_expect_pass(const struct dr_suite *suite, struct dr_reader *reader,
                                const struct dr_pass_options *o, struct dr_results **ret,
                                struct dr_table **ret_columns, struct dr_err *err);
#endif
