/* json_alike.h - records that are written like one that was read before. Layer: data.
 *
 * The records of a file mostly differ in their plain values only: what lies between
 * these (brackets, keys, commas, white space) is the same bytes in each. Once those
 * of one record have been read, a record with the same bytes around its values is
 * known to be right and which value goes where; only the values are looked at, and
 * no token is. Whatever is written differently is the walk's to read, so what comes
 * of a text, and each message about it, does not depend on what is read here. */
#ifndef DR_JSON_ALIKE_H
#define DR_JSON_ALIKE_H
#include "data/json_walk.h"

struct dr_json_alike_value;
struct dr_json_alike {
    struct dr_json_alike_value *values; /* owned: in the order of the text */
    int32_t n, cap;                     /* n 0: nothing is known */
    char *same;                         /* owned: what lies before each value, and after the last one */
    uint32_t same_n, same_cap, tail, tail_n;
    int32_t credit;  /* grows with records that are alike, and falls with those that are not */
    int32_t learned; /* how often, since the text began */
};
/* A new text. What is known stays known. */
void dr_json_alike_begin(struct dr_json_alike *a);
void dr_json_alike_done(struct dr_json_alike *a);
/* Whether to learn from the next record that the walk reads. */
bool dr_json_alike_wants(const struct dr_json_alike *a, const struct dr_json_walk *w);
/* Learn from a row of the walk's table 0, whose line is [start, lf]. */
void dr_json_alike_learn(struct dr_json_alike *a, const struct dr_json_walk *w, int32_t row, size_t start,
                         size_t lf);
/* Take lines from `at` on while they are alike, there is room, and they start before
 * limit, which is past an LF. Returns where the next one starts, and counts the lines. */
size_t dr_json_alike_read(struct dr_json_alike *a, struct dr_json_walk *w, enum dr_json_isa isa, size_t at,
                          size_t limit, int32_t *line);
#endif
