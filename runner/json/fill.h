/* fill.h - cells of a column that become the values of an array: what convert.c and
 * codes.c share. Layer: json. */
#ifndef DR_JSON_FILL_H
#define DR_JSON_FILL_H
#include "json/piece.h"

struct dr_json_fill {
    struct dr_json_worker *w;
    const char *text;
    const struct dr_json_field *field;
    const struct dr_json_cell *cells;
    const int32_t *records; /* of child tables: the record of each row */
    int32_t n, first;       /* rows; the first of them in the block */
    bool *missing;          /* a cell was met that is null or not there */
};

/* convert.c: the record of that row is dead. why: what was expected; NULL: what the type is called. */
void dr_json_refuse(const struct dr_json_fill *c, int32_t row, const char *why);
/* The bytes of a string with escapes, valid until the next call. */
struct dr_str dr_json_unescaped(const struct dr_json_fill *c, struct dr_json_cell cell);
/* codes.c: the codes of all cells; whether one is not yet the dictionary's. */
bool dr_json_fill_codes(const struct dr_json_fill *c, int32_t *codes, struct dr_csv_values *v);

static inline bool dr_json_is_missing(struct dr_json_cell cell)
{
    return dr_cell_kind(cell) <= DR_JSON_NULL;
}

/* Whether cell i is missing, which is noted. */
static inline bool dr_json_passes_missing(const struct dr_json_fill *c, int32_t i)
{
    bool missing = dr_json_is_missing(c->cells[i]);
    if (missing)
        *c->missing = true;
    return missing;
}

static inline bool dr_json_is_string(struct dr_json_cell cell)
{
    return dr_cell_kind(cell) == DR_JSON_STRING || dr_cell_kind(cell) == DR_JSON_ESCAPED;
}

/* The text of a cell that is not missing, valid until the next call. */
static inline struct dr_str dr_json_text_of(const struct dr_json_fill *c, struct dr_json_cell cell)
{
    struct dr_str s = { c->text + cell.at, dr_cell_length(cell) };
    if (c->field->json && dr_json_is_string(cell))
        return (struct dr_str){ s.p - 1, s.n + 2 };
    return dr_cell_kind(cell) == DR_JSON_ESCAPED ? dr_json_unescaped(c, cell) : s;
}

/* Whether a text column takes the cell; s is its text. */
static inline bool dr_json_text_fits(const struct dr_json_fill *c, int32_t i, struct dr_str s)
{
    uint32_t kind = dr_cell_kind(c->cells[i]);
    if (__builtin_expect(kind == DR_JSON_STRING, 1) || c->field->json)
        return true;
    if (kind == DR_JSON_ESCAPED && !memchr(s.p, '\0', s.n))
        return true;
    if (kind == DR_JSON_ESCAPED) {
        dr_json_refuse(c, i, "a text without \\u0000");
        return false;
    }
    return true;
}

/* A column found to hold one kind of value must go on so. */
static inline bool dr_json_kind_found(const struct dr_json_fill *c, int32_t i)
{
    const struct dr_json_field *f = c->field;
    uint32_t kind = dr_cell_kind(c->cells[i]);
    if (!f->found || dr_json_is_string(c->cells[i]) || kind <= DR_JSON_NULL)
        return true;
    if (f->json)
        return !f->mixed || kind < DR_JSON_ARRAY;
    return kind == DR_JSON_NUMBER && f->numbers;
}
#endif
