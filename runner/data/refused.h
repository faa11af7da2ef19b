/* refused.h - the text of values that did not spell the type of their column,
 * and are missing from it for that reason. Layer: data.
 *
 * A reader that makes typed columns keeps such text beside the array, so that a
 * check can show what was written. It belongs to the column as it was read:
 * kernels that make new arrays (filter, take, sort, concat) leave it behind. */
#ifndef DR_REFUSED_H
#define DR_REFUSED_H
#include "data/column.h"

/* Of one array, in order of rows; immutable once the array is shared. */
struct dr_refused {
    atomic_int refs;
    int64_t n;
    int64_t *rows; /* owned; within the array */
    size_t *ends;  /* owned; text i is bytes[ends[i - 1], ends[i]) */
    char *bytes;   /* owned */
};
/* Texts as many as rows; both are copied. */
struct dr_refused *dr_refused_new(int64_t n, const int64_t *rows, const struct dr_str *texts);
void dr_refused_unref(struct dr_refused *r); /* NULL is fine */
struct dr_str dr_refused_text(const struct dr_refused *r, int64_t i);

/* The bit of each row that was refused; bits hold (rows + 7) / 8 bytes. */
void dr_column_refused_bits(const struct dr_column *c, uint8_t *ret_bits);
#endif
