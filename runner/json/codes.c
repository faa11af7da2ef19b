/* codes.c - the codes of a column's texts, in one of three ways: of few values eight texts at
 * a time, of some one after the other, and of many a group at a time, so that the slots of all
 * are asked for before the first is looked at. */
#if defined(__GNUC__) && !defined(__clang__)
/* gcc 12 packs the words of a dictionary's key into a vector only to take them apart. */
#pragma GCC optimize("no-tree-slp-vectorize")
#endif
#include "csv/front.h"
#include "csv/spell.h"
#include "json/fill.h"

/* The scratch text with as many readable bytes after it as finding a code takes. */
static struct dr_str padded(struct dr_buf *scratch)
{
    (void)dr_buf_reserve(scratch, DR_JSON_PADDING);
    return dr_buf_str(scratch);
}

/* The code of any cell; 0 where it has none. */
static __attribute__((noinline)) int32_t code_of(const struct dr_json_fill *c, int32_t i,
                                                 struct dr_csv_values *v)
{
    struct dr_json_cell cell = c->cells[i];
    if (dr_json_passes_missing(c, i))
        return 0;
    if (!dr_json_kind_found(c, i)) {
        dr_json_refuse(c, i, "a string");
        return 0;
    }
    struct dr_str s = dr_json_text_of(c, cell);
    if (!dr_json_text_fits(c, i, s))
        return 0;
    if (s.n == 0)
        return dr_csv_values_empty(v);
    if (dr_cell_kind(cell) == DR_JSON_ESCAPED && !c->field->json)
        s = padded(&c->w->scratch);
    struct dr_csv_finder finder = dr_csv_finder_of(v);
    return dr_csv_code(v, &finder, s);
}

/* The length of a string as it lies there, less one; of all other cells, and of an empty
 * string, a number that no length comes to. */
static inline uint32_t length_less_one(struct dr_json_cell cell)
{
    uint32_t size = cell.size - (1u << 4 | DR_JSON_STRING);
    return size >> 4 | size << 28; /* the kind, if it is another, comes first */
}

/* Rows from `from` on, where all texts in the table fill no more than so many words of a
 * slot. Returns the first that is not found at once. */
static inline __attribute__((always_inline)) int32_t codes_at_once(const struct dr_json_fill *c,
                                                                   int32_t *codes,
                                                                   const struct dr_csv_values *v,
                                                                   int32_t from, int words, int32_t *seen)
{
    const struct dr_csv_finder finder = dr_csv_finder_of(v);
    const struct dr_json_cell *cells = c->cells;
    const char *text = c->text;
    int32_t i = from, any = 0;
    for (int32_t n = c->n; i < n; i++) {
        uint32_t length = length_less_one(cells[i]) + 1;
        if (__builtin_expect(length - 1 >= 8u * (uint32_t)words, 0))
            break;
        struct dr_csv_key key = dr_csv_key_of_words(&finder, text + cells[i].at, length, words);
        const struct dr_csv_slot *slot = finder.slots + (key.hash >> finder.shift);
        if (__builtin_expect(!dr_csv_is_slot_of_words(slot, &key, words), 0))
            break;
        codes[i] = slot->code;
        any |= slot->code;
    }
    *seen |= any;
    return i;
}

/* Both return whether a code is not yet the dictionary's. */
static inline __attribute__((always_inline)) bool codes_of_few(const struct dr_json_fill *c, int32_t *codes,
                                                               struct dr_csv_values *v)
{
    int32_t seen = 0;
    for (int32_t i = 0;; i++) {
        i = v->words == 1   ? codes_at_once(c, codes, v, i, 1, &seen)
            : v->words == 2 ? codes_at_once(c, codes, v, i, 2, &seen)
                            : codes_at_once(c, codes, v, i, 3, &seen);
        if (i >= c->n)
            return seen & DR_CSV_PROVISIONAL;
        codes[i] = code_of(c, i, v);
        seen |= codes[i];
    }
}

/* Rows from `from` on, where all texts in the table fill no more than so many words of a slot and there are
 * so many that finding one misses the cache: a group asks for its slots together. Returns the first after a
 * group in which a text was met that fills more words. */
static inline __attribute__((always_inline)) int32_t codes_ahead(const struct dr_json_fill *c, int32_t *codes,
                                                                 struct dr_csv_values *v, int32_t from,
                                                                 int words, int32_t *seen)
{
    enum { GROUP = 32 };
    struct dr_csv_finder finder = dr_csv_finder_of(v);
    struct dr_csv_key keys[GROUP];
    for (; from < c->n && v->words <= words; from += GROUP) {
        int32_t n = c->n - from < GROUP ? c->n - from : GROUP;
        const struct dr_json_cell *cells = c->cells + from;
        for (int32_t i = 0; i < n; i++)
            if (length_less_one(cells[i]) < 8u * (uint32_t)words) {
                keys[i] =
                    dr_csv_key_of_words(&finder, c->text + cells[i].at, dr_cell_length(cells[i]), words);
                dr_csv_ask(&finder, &keys[i]);
            }
        for (int32_t i = 0; i < n; i++) {
            struct dr_str s = { c->text + cells[i].at, dr_cell_length(cells[i]) };
            if (__builtin_expect(length_less_one(cells[i]) < 8u * (uint32_t)words && v->words <= words, 1)) {
                codes[from + i] = dr_csv_code_past(v, &finder, s, &keys[i], words);
            } else {
                codes[from + i] = code_of(c, from + i, v);
                finder = dr_csv_finder_of(v);
            }
            *seen |= codes[from + i];
        }
    }
    return from < c->n ? from : c->n;
}

static inline __attribute__((always_inline)) bool codes_of_many(const struct dr_json_fill *c, int32_t *codes,
                                                                struct dr_csv_values *v)
{
    int32_t seen = 0;
    for (int32_t i = 0; i < c->n;)
        i = v->words == 1 ? codes_ahead(c, codes, v, i, 1, &seen) : codes_ahead(c, codes, v, i, 3, &seen);
    return seen & DR_CSV_PROVISIONAL;
}

#define CODES(suffix, target)                                                                                \
    target static bool fill_codes##suffix(const struct dr_json_fill *c, int32_t *codes,                      \
                                          struct dr_csv_values *v)                                           \
    {                                                                                                        \
        return v->used > DR_CSV_MANY ? codes_of_many(c, codes, v) : codes_of_few(c, codes, v);               \
    }
CODES(_any, )
CODES(_avx2, DR_AVX2_CODE)

/* Whether the few values of the column have the text of cell i from now on, or need not. */
static bool put_few(const struct dr_json_fill *c, int32_t i, int32_t code, struct dr_csv_values *v)
{
    struct dr_str s = { c->text + c->cells[i].at, dr_cell_length(c->cells[i]) };
    if (dr_json_is_missing(c->cells[i]))
        return true;
    return dr_cell_kind(c->cells[i]) == DR_JSON_STRING && dr_csv_front_put(v->front, s, code);
}

/* The same for a column of few values, a group of rows at a time; the first strips are short,
 * since that is where the values are new. Where more than one row in eight has none of them,
 * groups do not pay. */
static bool codes_of_fewest(const struct dr_json_fill *c, int32_t *codes, struct dr_csv_values *v)
{
    enum { GROUPS = 64 };
    uint8_t found[GROUPS];
    int32_t seen = 0, others = 0, groups = 1, whole = c->n - c->n % DR_CSV_WIDE;
    if (!v->front)
        v->front = dr_csv_front_new();
    for (int32_t at = 0, n; at < whole; at += n, groups = groups < GROUPS ? groups * 2 : GROUPS) {
        n = whole - at < groups * DR_CSV_WIDE ? whole - at : groups * DR_CSV_WIDE;
        seen |= dr_csv_front_find_tagged(v->front, c->text, &c->cells[at].at, n, DR_JSON_STRING, codes + at,
                                         found);
        for (int32_t g = 0; g < n / DR_CSV_WIDE; g++)
            for (unsigned left = found[g] ^ 0xFFu; left; left &= left - 1) {
                int32_t i = at + g * DR_CSV_WIDE + __builtin_ctz(left);
                seen |= codes[i] = code_of(c, i, v);
                others += !put_few(c, i, codes[i], v);
            }
    }
    for (int32_t i = whole; i < c->n; i++)
        seen |= codes[i] = code_of(c, i, v);
    if (others > c->n / 8) {
        v->many = true;
        dr_csv_front_free(v->front);
        v->front = NULL;
    }
    return seen & DR_CSV_PROVISIONAL;
}

/* As JSON, where strings keep their quotes. */
static bool fill_json(const struct dr_json_fill *c, int32_t *codes, struct dr_csv_values *v)
{
    int32_t seen = 0;
    for (int32_t i = 0; i < c->n; i++)
        seen |= codes[i] = code_of(c, i, v);
    return seen & DR_CSV_PROVISIONAL;
}

bool dr_json_fill_codes(const struct dr_json_fill *c, int32_t *codes, struct dr_csv_values *v)
{
    if (c->field->json)
        return fill_json(c, codes, v);
    if (c->w->wide && !v->many)
        return codes_of_fewest(c, codes, v);
    return (c->w->isa == DR_JSON_AVX2 ? fill_codes_avx2 : fill_codes_any)(c, codes, v);
}
