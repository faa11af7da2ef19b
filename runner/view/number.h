/* number.h - FHIRPath's numbers: exact decimals, read from and written as text.
 * Layer: view. */
#ifndef DR_VIEW_NUMBER_H
#define DR_VIEW_NUMBER_H
#include "data/decimal.h"

struct dr_number {
    dr_int128 v;
    int32_t scale; /* value = v * 10^-scale; digits after the point as written */
};
#define DR_NUMBER_TEXT DR_DECIMAL_TEXT
bool dr_number_parse(struct dr_str text, struct dr_number *ret); /* false: no number, or over 38 digits */
size_t dr_number_format(struct dr_number n, char ret[DR_NUMBER_TEXT]);
struct dr_number dr_number_of(int64_t v);
bool dr_number_is_integer(struct dr_number n);           /* 2 and 2.0 are */
bool dr_number_to_i64(struct dr_number n, int64_t *ret); /* false: a fraction, or out of range */
int dr_number_cmp(struct dr_number a, struct dr_number b);
/* False where the result has more than 38 digits or the divisor is 0; FHIRPath then
 * yields nothing. A quotient has as many digits as it needs, at most 16 after the point. */
bool dr_number_add(struct dr_number a, struct dr_number b, struct dr_number *ret);
bool dr_number_sub(struct dr_number a, struct dr_number b, struct dr_number *ret);
bool dr_number_mul(struct dr_number a, struct dr_number b, struct dr_number *ret);
bool dr_number_divide(struct dr_number a, struct dr_number b, struct dr_number *ret);
bool dr_number_div(struct dr_number a, struct dr_number b, struct dr_number *ret); /* towards zero */
bool dr_number_mod(struct dr_number a, struct dr_number b, struct dr_number *ret);
/* To so many digits after the point: half away from zero, down or up. */
enum dr_round { DR_ROUND_HALF, DR_ROUND_FLOOR, DR_ROUND_CEILING, DR_ROUND_TRUNCATE };
bool dr_number_round(struct dr_number n, int32_t digits, enum dr_round how, struct dr_number *ret);
/* Equal at the precision of the less precise; zeros at the end do not count as such. */
bool dr_number_alike(struct dr_number a, struct dr_number b);
/* The ends of the interval that rounds to n as written: 1.0 stands for 0.95 to 1.05.
 * digits: how many after the point, or -1 for one more than n has. */
bool dr_number_boundary(struct dr_number n, bool high, int32_t digits, struct dr_number *ret);
#endif
