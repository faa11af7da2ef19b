/* infer.h - what type the texts of a column are: the narrowest that all of them
 * spell. Layer: expect. */
#ifndef DR_INFER_H
#define DR_INFER_H
#include "expect/plan.h"

struct dr_inferred {
    const char *name;   /* bool, int64, float64, decimal, date, timestamp, text, empty */
    int32_t type;       /* enum dr_type; DR_TYPE_DICT for text, DR_TYPE_NULL for empty */
    const char *format; /* strptime format that dates are written in, or NULL for ISO 8601 */
};
/* A typed column has its own type. Text that looks like a number but has leading
 * zeros or a sign + is text: it is more likely a code. true, false, yes, no are truth
 * values; 0 and 1 are numbers. */
const struct dr_inferred *dr_infer_type(struct dr_source *s);
/* The canonical name of a type (int for int64, string for text), or NULL. */
const char *dr_infer_name(const char *name);
#endif
