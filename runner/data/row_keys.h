/* row_keys.h - the values of some columns in a row, packed into 64-bit words
 * that compare as the row does. Layer: data.
 *
 * Each column becomes an unsigned digit: integers count from the column's
 * minimum, floats are their bits put in order (-0 as 0, one NaN above all),
 * texts are their code or rank. Missing values get a digit of their own, below
 * or above all others. Digits share words where they fit. Two rows are equal
 * exactly if all their words are: no hash stands in for a value. */
#ifndef DR_ROW_KEYS_H
#define DR_ROW_KEYS_H
#include "data/kernel.h"

struct dr_row_keys {
    int64_t rows;
    int32_t n;       /* words of a row, most significant first; may be 0 */
    uint64_t **word; /* owned: n arrays of rows entries */
    int32_t *bits;   /* owned: how many low bits of each word are used */
};
/* flags: n of enum dr_sort_flags, or NULL for 0. With ordered, texts are ranked
 * by bytes, so that words compare as rows sort; without, they are only equal or
 * not, which is cheaper. */
void dr_row_keys_init(struct dr_row_keys *k, int32_t n, const struct dr_column *const *columns,
                      const int32_t *flags, bool ordered);
void dr_row_keys_done(struct dr_row_keys *k);
/* Map between doubles and words that compare as doubles sort. */
uint64_t dr_float_to_ordered(double v);
double dr_float_from_ordered(uint64_t w);
/* The codes of a dictionary's values in order of their bytes; malloc. */
int32_t *dr_dict_order(const struct dr_dict *d);
#endif
