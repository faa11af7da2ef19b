/* direct.h - records that are lines, read from the text itself. Layer: json.
 *
 * The scan finds every token, and the walk looks at each; most of them say what is
 * known: which member comes next, and that a ':' follows its key. Here a record is read
 * in one go, from one value to the next, and what lies between them is compared with
 * how the same member was written before. Whatever is wrong or unusual is the walk's to
 * read, so what comes of a text, and each message about it, does not depend on what is
 * read here. */
#ifndef DR_JSON_DIRECT_H
#define DR_JSON_DIRECT_H
#include "json/place.h"
#include "json/walk.h"

/* Zeroed, it is ready for begin. */
struct dr_json_direct {
    struct dr_arena arena;
    struct dr_json_place *root; /* in the arena; NULL until needed */
    int32_t credit;             /* grows with records that are read here, and falls with those that are not */
};
/* A new text of the same plan. */
void dr_json_direct_begin(struct dr_json_direct *d);
void dr_json_direct_done(struct dr_json_direct *d);
/* Read lines into the walk's table 0 from `at` on, as far as they can be read here, there
 * is room, and they start before limit, which is past an LF. Returns where the next line
 * starts, and counts those read. */
size_t dr_json_direct_read(struct dr_json_direct *d, struct dr_json_walk *w, enum dr_json_isa isa, size_t at,
                           size_t limit, int32_t *line);
#endif
