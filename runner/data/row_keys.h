/* row_keys.h - the values of some columns in a row, packed into 64-bit words
 * that compare as the row does. Layer: data.
 *
 * Each column becomes an unsigned digit: numbers, dates and times count from the
 * column's minimum (floats by their bits put in order, -0 as 0, one NaN above
 * all), texts are their code or rank. Missing values get a digit of their own,
 * below or above all others. Digits share words where they fit. Two rows are
 * equal exactly if all their words are: no hash stands in for a value.
 *
 * Making the keys only plans digits; words are computed where they are needed, a
 * block at a time, so that nothing of the size of the table is held. */
#ifndef DR_ROW_KEYS_H
#define DR_ROW_KEYS_H
#include "data/kernel.h"

#define DR_KEY_BLOCK 1024 /* rows that a caller best asks for at once */

/* What keys are wanted. */
struct dr_key_spec {
    int64_t rows;
    int32_t n;
    const struct dr_column *const *columns; /* of that many rows; borrowed until done */
    const int32_t *flags;                   /* n of enum dr_sort_flags, or NULL for 0 */
    bool ordered;                           /* texts are ranked by bytes, so that words compare as rows sort;
                                               else they are only equal or not, which is cheaper */
    const uint32_t *group;                  /* NULL, or a number of each row that counts as a first column */
    uint32_t n_groups;                      /* all numbers are less */
};
struct dr_key_digit;
struct dr_row_keys {
    int64_t rows;
    int32_t n;     /* words of a row, most significant first; may be 0 */
    int32_t *bits; /* owned: how many low bits of each word are used */
    struct dr_key_digit *digits;
    int32_t n_digits;
    int32_t n_columns;
    struct dr_column **coded; /* owned: columns made for this */
    int32_t **ranks;          /* owned */
};
void dr_row_keys_init(struct dr_row_keys *k, const struct dr_key_spec *spec);
void dr_row_keys_done(struct dr_row_keys *k);
/* Words of rows [row, row + n), n <= DR_KEY_BLOCK, into words[w][0..n). */
void dr_row_keys_fill(const struct dr_row_keys *k, int64_t row, int64_t n, uint64_t *const *words);
/* Map between doubles and words that compare as doubles sort. */
static inline uint64_t dr_float_to_ordered(double v)
{
    uint64_t w;
    if (v != v)
        return UINT64_C(0xfff8000000000000);
    v += 0.0; /* -0 becomes 0 */
    memcpy(&w, &v, 8);
    return w >> 63 ? ~w : w | UINT64_C(1) << 63;
}
static inline double dr_float_from_ordered(uint64_t w)
{
    double v;
    w = w >> 63 ? w & ~(UINT64_C(1) << 63) : ~w;
    memcpy(&v, &w, 8);
    return v;
}
/* The codes of a dictionary's values in order of their bytes; malloc. */
int32_t *dr_dict_order(const struct dr_dict *d);
#endif
