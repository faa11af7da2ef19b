/* text.h - Unicode text, over utf8proc (text.c alone includes it): trimming,
 * case and normal forms. Layer: data.
 *
 * Text is UTF-8. Where it is not, the functions that rewrite it fail with
 * DR_EINPUT and append nothing. */
#ifndef DR_TEXT_H
#define DR_TEXT_H
#include "base/str.h"

/* Without Unicode white space (White_Space of the Unicode standard, U+0085 and
 * U+00A0 included) and U+FEFF at both ends. A view of s. Stops at bytes that
 * are not UTF-8. */
struct dr_str dr_text_trim(struct dr_str s);
bool dr_text_is_space(uint32_t code_point);

enum dr_text_form {
    DR_TEXT_NFC,   /* canonical composition */
    DR_TEXT_FOLD,  /* full case folding, then NFC: equal where only case differs */
    DR_TEXT_LOWER, /* simple mapping of each code point */
    DR_TEXT_UPPER
};
/* Append s in that form. */
int32_t dr_text_put(struct dr_buf *out, struct dr_str s, enum dr_text_form form, struct dr_err *err);
#endif
