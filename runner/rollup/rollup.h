/* rollup.h - statistics by group over the distinct rows of a stream, in one pass
 * and bounded memory. Layer: rollup.
 *
 * For what a filter, a distinct (keep first) and a group by would do one after the
 * other on a table that need not fit into memory. Each row is reduced to its key,
 * its order and the values to aggregate; rows are partitioned by the hash of the key
 * as they come, and each partition is then resolved by itself, in cache.
 *
 *     dr_rollup_new -> dr_rollup_add, from several threads -> dr_rollup_finish
 *
 * Two rows are equal where all key columns are: missing values equal each other, a
 * value that does not spell its type equals one with the same text. */
#ifndef DR_ROLLUP_H
#define DR_ROLLUP_H
#include "data/column.h"

struct dr_rollup_options {
    int32_t n_keys; /* 0: every selected row counts */
    const char *const *keys;
    int32_t n_groups;
    const struct dr_rollup_group *groups;
    int32_t n_aggs; /* of INT64 and FLOAT64 columns; results are FLOAT64, counts INT64 */
    const struct dr_agg *aggs;
    int32_t workers;          /* how many threads may add at once */
    int64_t expected_rows;    /* about; 0: unknown */
    size_t memory_limit;      /* bytes of working memory; beyond it a temporary file is used; 0: none */
    size_t memory_beside;     /* of these, what the caller holds until all rows are added */
    const char *spill_folder; /* NULL: TMPDIR, or /tmp */
};
struct dr_rollup;

/* schema: any batch of the stream, about as long as the others. DR_ENOTFOUND where it lacks a column, DR_EDEF
 * where a type or function cannot be used. The options are borrowed until free. */
DR_CHECK int32_t dr_rollup_new(const struct dr_rollup_options *o, const struct dr_table *schema,
                               struct dr_rollup **ret, struct dr_err *err);
void dr_rollup_free(struct dr_rollup *r); /* NULL is fine */
/* Add a batch of the stream; DICT columns of all batches share their dictionaries.
 * first_row: says of any two batches which comes first; each worker's grow. selected: a
 * bit for each row that may be kept, or NULL for all. Threads may add at once, each as
 * another worker in [0, workers). */
DR_CHECK int32_t dr_rollup_add(struct dr_rollup *r, int32_t worker, int64_t first_row,
                               const struct dr_table *batch, const uint64_t *selected, struct dr_err *err);
/* One row for each group, ordered by it ascending, missing values last. Nothing can be
 * added any more. ret may be NULL where only the counts matter. */
DR_CHECK int32_t dr_rollup_finish(struct dr_rollup *r, struct dr_table **ret,
                                  struct dr_rollup_counts *ret_counts, struct dr_err *err);
#endif
