/* shape.h - what occurs at each place of some records, counted. Layer: json. */
#ifndef DR_JSON_SHAPE_H
#define DR_JSON_SHAPE_H
#include "json/doc.h"
#include "json/plan.h"
#include "data/word_map.h"

enum { DR_JSON_KINDS = DR_JSON_OBJECT + 1 };

struct dr_json_shape {
    struct dr_str key;
    bool plain; /* a text may hold the key as it is, between quotes */
    int64_t kinds[DR_JSON_KINDS];
    int64_t fractions;              /* numbers with '.' or an exponent */
    int64_t large, large_line;      /* numbers beyond int64 */
    int64_t precise, precise_line;  /* numbers that a double would change */
    int64_t first_line, other_line; /* of the first value, and the first of another kind than it */
    enum dr_json_kind first, other;
    struct dr_word_map texts; /* hashes of the distinct strings or numbers */
    struct dr_json_shape **members;
    int32_t n, cap, guess;
    struct dr_map numbers; /* owned: of each member, where they are not few */
};

struct dr_json_shapes {
    const struct dr_json_plan *plan; /* borrowed */
    struct dr_arena arena;
    struct dr_json_shape **tables; /* owned: of each table's root */
    int32_t members;               /* shapes of members and items */
    bool too_many;                 /* no more are looked at */
    /* Of the record looked at: */
    int64_t line;
    const char *end;
    struct dr_buf scratch;
};
void dr_json_shapes_init(struct dr_json_shapes *s, const struct dr_json_plan *p);
void dr_json_shapes_done(struct dr_json_shapes *s);
/* A record as written: a JSON value, which the caller has checked. A number or name with
 * something after it is passed over. */
void dr_json_shapes_look(struct dr_json_shapes *s, const char *text, size_t n, int64_t line);
#endif
