/* num.h - numbers to text and back, exactly and whatever the locale. Layer: base.
 *
 * Parsing takes the whole view or fails: no white space, no trailing bytes.
 * The locale is never consulted. */
#ifndef DR_NUM_H
#define DR_NUM_H
#include "base/str.h"

bool dr_parse_i64(struct dr_str s, int64_t *ret);  /* [+-]digits, in range */
bool dr_parse_u64(struct dr_str s, uint64_t *ret); /* digits, in range */
/* Decimal floating point: [+-]digits[.digits][(e|E)[+-]digits], ".5", "5.",
 * correctly rounded; "inf", "infinity", "nan" (any case) only with `special`.
 * Without `special` a number too large for a double is refused, not infinite. */
bool dr_parse_f64(struct dr_str s, bool special, double *ret);
/* "true"/"false", "yes"/"no", "1"/"0", "t"/"f", "y"/"n", any case. */
bool dr_parse_bool(struct dr_str s, bool *ret);
/* "1h30m", "10s", "250ms", "2d", "0": microseconds; units d h m s ms us,
 * from large to small, each once. */
bool dr_parse_duration(struct dr_str s, int64_t *ret_us);
/* "512", "64k", "16MiB", "2GB": bytes, k = KiB = 1024. */
bool dr_parse_size(struct dr_str s, uint64_t *ret);

#define DR_F64_TEXT 32
/* The shortest text that reads back equal: 36.6, 1e+300, -0, inf, nan.
 * Returns its length. An integral value below 1e15 has no decimal point. */
size_t dr_format_f64(double v, char ret[DR_F64_TEXT]);
#define DR_I64_TEXT 24
size_t dr_format_i64(int64_t v, char ret[DR_I64_TEXT]);
/* For people: "1,020", "1.2 s", "340 ms", "2 min 5 s", "16.4 MB". */
void dr_buf_put_count(struct dr_buf *b, int64_t v);
void dr_buf_put_duration(struct dr_buf *b, int64_t us);
void dr_buf_put_size(struct dr_buf *b, uint64_t bytes);
#endif
