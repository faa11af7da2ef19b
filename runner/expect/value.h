/* value.h - one value of a column or an argument, for whatever is not done in
 * bulk: comparing, showing, turning into JSON. Layer: expect. */
#ifndef DR_VALUE_H
#define DR_VALUE_H
#include "base/node.h"

enum dr_value_kind {
    DR_VALUE_NULL,
    DR_VALUE_BOOL,
    DR_VALUE_INT,
    DR_VALUE_FLOAT,
    DR_VALUE_DATE,
    DR_VALUE_TIME,
    DR_VALUE_TEXT
};
struct dr_value {
    int32_t kind;    /* enum dr_value_kind */
    bool zoned;      /* TIME: an instant in UTC rather than local time */
    int64_t i;       /* BOOL, INT; DATE and TIME: microseconds since 1970 */
    double f;        /* BOOL, INT, FLOAT */
    struct dr_str s; /* TEXT: borrowed */
};
static inline struct dr_value dr_value_of_int(int64_t i)
{
    return (struct dr_value){ .kind = DR_VALUE_INT, .i = i, .f = (double)i };
}
static inline struct dr_value dr_value_of_float(double f)
{
    return (struct dr_value){ .kind = DR_VALUE_FLOAT, .f = f };
}
static inline struct dr_value dr_value_of_text(struct dr_str s)
{
    return (struct dr_value){ .kind = DR_VALUE_TEXT, .s = s };
}
static inline bool dr_value_is_number(const struct dr_value *v)
{
    return v->kind >= DR_VALUE_BOOL && v->kind <= DR_VALUE_FLOAT;
}
static inline bool dr_value_is_time(const struct dr_value *v)
{
    return v->kind == DR_VALUE_DATE || v->kind == DR_VALUE_TIME;
}

/* A scalar of a definition; a string stays TEXT. Lists and maps give NULL. */
struct dr_value dr_value_of_node(const struct dr_node *n);
/* A text that is a date or a time becomes one (as dateutil reads it); false
 * leaves *v as it was. */
bool dr_value_to_time(struct dr_value *v);
struct dr_node *dr_value_node(struct dr_arena *a, const struct dr_value *v);
void dr_value_put_text(const struct dr_value *v, struct dr_buf *out); /* as Python's str() shows it */

/* 1 == 1.0 == true; text never equals a number; null equals null. */
bool dr_value_equal(const struct dr_value *a, const struct dr_value *b);
/* Numbers, times, texts (by bytes) each among themselves: <0, 0, >0 in
 * *ret_order. false where the two cannot be compared (a null, text with a number). */
bool dr_value_compare(const struct dr_value *a, const struct dr_value *b, int *ret_order);
/* A total order for showing: nulls, numbers, times, texts. */
int dr_value_order(const struct dr_value *a, const struct dr_value *b);
const char *dr_value_kind_name(const struct dr_value *v); /* "text", "number", ... */
#endif
