/* batches.h - a suite over a stream of rows, batch by batch, in bounded memory.
 * Layer: expect.
 *
 * Row-level expectations whose verdict on a row needs nothing but that row are
 * evaluated on each batch, by several threads at once. What remains of a batch is counts, a
 * bit for each row that is refused, and the first unexpected rows of each expectation;
 * of these the results are made at the end, as dr_expect_run makes them of a table.
 *
 * A compound key is unique or not over all rows: who knows (rollup/rollup.h) tells its counts. */
#ifndef DR_BATCHES_H
#define DR_BATCHES_H
#include "expect/expect.h"

struct dr_batches;

/* DR_EDEF names the first expectation that needs the whole table at once. suite and opts
 * are borrowed until free. */
DR_CHECK int32_t dr_batches_new(const struct dr_suite *suite, const struct dr_expect_options *opts,
                                int32_t workers, struct dr_batches **ret, struct dr_err *err);
/* The same for a suite that holds nothing which needs the whole table (DR_SCOPE_WHOLE of needs.h), with
 * results that are those of dr_expect_run to the last byte: as many unexpected rows are kept as it lists
 * or counts. Of uniqueness expectations each batch is looked at by itself, so that counts and lists are
 * right where no key occurs twice in the stream, which the caller finds out. */
DR_CHECK int32_t dr_batches_new_exact(const struct dr_suite *suite, const struct dr_expect_options *opts,
                                      int32_t workers, struct dr_batches **ret, struct dr_err *err);
void dr_batches_free(struct dr_batches *b); /* NULL is fine */
/* The columns of the suite's uniqueness expectations, which must be one and the same set;
 * *ret_n is 0 where there is none. */
const char *const *dr_batches_key(const struct dr_batches *b, int32_t *ret_n);
/* Whether a column may be read as its declared type: no expectation looks at its text. */
bool dr_batches_typed(const struct dr_batches *b, const char *column);
/* Evaluate the rows of a batch, which begin with first_row of the stream. refused gets a bit
 * for each row that an expectation with on_failure: quarantine refuses; it holds
 * (rows + 63) / 64 words. split: NULL, or the batch in two as dr_expect_split has it, which the caller
 * drops. Threads may add at once, each as another worker; the batches of one worker come in order. */
struct dr_batch_split {
    struct dr_table *valid, *quarantined;
};
DR_CHECK int32_t dr_batches_add(struct dr_batches *b, int32_t worker, int64_t first_row,
                                const struct dr_table *batch, uint64_t *refused, struct dr_batch_split *split,
                                struct dr_err *err);
/* The results over all rows. duplicate_rows: rows whose key is not the only one. The caller frees
 * them; their checks have no unexpected rows to split by. */
DR_CHECK int32_t dr_batches_finish(struct dr_batches *b, int64_t duplicate_rows, struct dr_results **ret,
                                   struct dr_err *err);
#endif
