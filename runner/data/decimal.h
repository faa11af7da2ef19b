/* decimal.h - exact decimals of up to 38 digits: an integer times a power of
 * ten, as in Arrow's decimal128. Layer: data. */
#ifndef DR_DECIMAL_H
#define DR_DECIMAL_H
#include "base/str.h"

__extension__ typedef __int128 dr_int128;
__extension__ typedef unsigned __int128 dr_uint128;

#define DR_DECIMAL_DIGITS 38
#define DR_DECIMAL_TEXT 192
/* The exact text of v * 10^-scale; returns its length. -128 <= scale <= 127. */
size_t dr_format_decimal(dr_int128 v, int32_t scale, char ret[DR_DECIMAL_TEXT]);
/* [+-]digits[.digits][(e|E)[+-]digits], exactly: *ret * 10^-*ret_scale, where
 * the scale is that of the digits written and never negative. False where it is
 * not a number or needs more than 38 digits. */
bool dr_parse_decimal(struct dr_str s, dr_int128 *ret, int32_t *ret_scale);
/* The same number at another scale; false where digits would be lost or there
 * would be more than 38. */
bool dr_decimal_rescale(dr_int128 v, int32_t from, int32_t to, dr_int128 *ret);
#endif
