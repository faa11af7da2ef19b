/* builder.h - builders beyond the public functions of dagrun/table.h.
 * Layer: data. */
#ifndef DR_BUILDER_H
#define DR_BUILDER_H
#include "data/kernel.h"

/* A builder of c's type, scale and zone; DICT starts with an empty dictionary. */
struct dr_builder *dr_builder_new_like(const struct dr_column *c);
/* Of the whole column; call before the first append. */
void dr_builder_set_zoned(struct dr_builder *b, bool zoned);
void dr_builder_set_scale(struct dr_builder *b, int32_t scale); /* DECIMAL: append 16 bytes each */
/* DICT: the code of a text, added where new, and a row of a code so given. */
int32_t dr_builder_code(struct dr_builder *b, struct dr_str s);
void dr_builder_append_code(struct dr_builder *b, int32_t code);
#endif
