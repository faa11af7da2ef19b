/* row_keys.c - columns as digits, digits packed into words.
 *
 * A digit is planned from the column as a whole (minimum, span, nulls), then
 * filled in blocks of rows; a block stays in the first cache while the digits of
 * one word are shifted into it. A column whose values need all 64 bits and which
 * has nulls gets a digit of one bit before it, except floats, whose ordered bits
 * leave both ends free. Decimals are two digits. */
#include "data/row_keys.h"
#include "data/pool.h"

#define BLOCK 1024

enum digit_kind { DIGIT_VALUE, DIGIT_NULL_FLAG, DIGIT_HIGH, DIGIT_LOW };

struct digit {
    const struct dr_column *c;
    enum digit_kind kind;
    bool desc, has_null;
    uint64_t base;       /* subtracted from the raw value */
    uint64_t span;       /* the largest value after that */
    uint64_t null_digit; /* of a missing value */
    uint64_t shift;      /* added to a present one: 1 where nulls come first */
    const int32_t *rank; /* DICT in order: by code */
    int32_t bits;
    int32_t word;
};

struct plan {
    struct digit *digits;
    int32_t n;
    struct dr_column **coded; /* owned: columns made for this */
    int32_t **ranks;          /* owned */
    int32_t columns;
};

/* ---- raw values ------------------------------------------------------------------ */

uint64_t dr_float_to_ordered(double v)
{
    uint64_t w;
    if (v != v)
        return UINT64_C(0xfff8000000000000);
    v += 0.0; /* -0 becomes 0 */
    memcpy(&w, &v, 8);
    return w >> 63 ? ~w : w | UINT64_C(1) << 63;
}

double dr_float_from_ordered(uint64_t w)
{
    double v;
    w = w >> 63 ? w & ~(UINT64_C(1) << 63) : ~w;
    memcpy(&v, &w, 8);
    return v;
}

/* Signed integers keep their order when the sign bit is flipped. */
static inline uint64_t flip(int64_t v)
{
    return (uint64_t)v ^ UINT64_C(1) << 63;
}

static void fill_decimal(const struct digit *d, const struct dr_array *a, int64_t from, int64_t n,
                         uint64_t *out)
{
    const uint64_t *halves = a->values;
    for (int64_t i = 0; i < n; i++) {
        uint64_t high = halves[(from + i) * 2 + 1], low = halves[(from + i) * 2];
        out[i] = d->kind == DIGIT_HIGH ? flip((int64_t)high) : low;
    }
}

static void fill_codes(const struct digit *d, const struct dr_array *a, int64_t from, int64_t n,
                       uint64_t *out)
{
    const int32_t *codes = (const int32_t *)a->values + from;
    bool by_rank = d->rank != NULL;
    for (int64_t i = 0; i < n; i++) {
        if (by_rank)
            out[i] = dr_array_valid(a, from + i) ? (uint64_t)d->rank[codes[i]] : 0;
        else
            out[i] = (uint64_t)codes[i];
    }
}

/* The values as unsigned words in order, before base, direction and nulls. */
static void fill_raw(const struct digit *d, const struct dr_array *a, int64_t from, int64_t n, uint64_t *out)
{
    switch (a->type) {
    case DR_TYPE_BOOL:
        for (int64_t i = 0; i < n; i++)
            out[i] = dr_bit(a->values, from + i);
        break;
    case DR_TYPE_DATE:
        for (int64_t i = 0; i < n; i++)
            out[i] = flip(((const int32_t *)a->values)[from + i]);
        break;
    case DR_TYPE_FLOAT64:
        for (int64_t i = 0; i < n; i++)
            out[i] = dr_float_to_ordered(((const double *)a->values)[from + i]);
        break;
    case DR_TYPE_DICT:
        fill_codes(d, a, from, n, out);
        break;
    case DR_TYPE_DECIMAL:
        fill_decimal(d, a, from, n, out);
        break;
    default:
        for (int64_t i = 0; i < n; i++)
            out[i] = flip(((const int64_t *)a->values)[from + i]);
    }
}

static void fill(const struct digit *d, const struct dr_array *a, int64_t from, int64_t n, uint64_t *out)
{
    if (d->kind == DIGIT_NULL_FLAG) {
        for (int64_t i = 0; i < n; i++)
            out[i] = dr_array_valid(a, from + i) ? 1 - d->null_digit : d->null_digit;
        return;
    }
    fill_raw(d, a, from, n, out);
    for (int64_t i = 0; i < n; i++)
        out[i] = (d->desc ? d->span - (out[i] - d->base) : out[i] - d->base) + d->shift;
    if (!a->valid)
        return;
    for (int64_t i = 0; i < n; i++)
        if (!dr_bit(a->valid, from + i))
            out[i] = d->null_digit;
}

/* ---- planning -------------------------------------------------------------------- */

static int32_t bits_of(uint64_t largest)
{
    return largest ? 64 - __builtin_clzll(largest) : 0;
}

/* The least and the largest raw value; false where no value is present. */
static bool raw_range(const struct digit *d, uint64_t *ret_least, uint64_t *ret_largest)
{
    uint64_t raw[BLOCK], least = UINT64_MAX, largest = 0;
    bool any = false;
    for (int32_t k = 0; k < d->c->n; k++) {
        const struct dr_array *a = d->c->chunk[k];
        for (int64_t from = 0; from < a->n; from += BLOCK) {
            int64_t n = a->n - from < BLOCK ? a->n - from : BLOCK;
            fill_raw(d, a, from, n, raw);
            for (int64_t i = 0; i < n; i++) {
                if (a->valid && !dr_bit(a->valid, from + i))
                    continue;
                any = true;
                least = raw[i] < least ? raw[i] : least;
                largest = raw[i] > largest ? raw[i] : largest;
            }
        }
    }
    *ret_least = least;
    *ret_largest = largest;
    return any;
}

static void add_digit(struct plan *p, struct digit d)
{
    if (d.bits > 0)
        p->digits[p->n++] = d;
}

static void add_null_flag(struct plan *p, const struct digit *like, bool nulls_first)
{
    struct digit flag = *like;
    flag.kind = DIGIT_NULL_FLAG;
    flag.null_digit = !nulls_first;
    flag.bits = 1;
    add_digit(p, flag);
}

/* A digit that takes all 64 bits. */
static void add_wide(struct plan *p, struct digit d, bool nulls_first)
{
    d.base = 0;
    d.span = UINT64_MAX;
    d.bits = 64;
    if (d.c->type == DR_TYPE_FLOAT64)
        d.null_digit = nulls_first ? 0 : UINT64_MAX;
    else if (d.has_null)
        add_null_flag(p, &d, nulls_first);
    if (d.c->type != DR_TYPE_DECIMAL) {
        add_digit(p, d);
        return;
    }
    d.kind = DIGIT_HIGH;
    add_digit(p, d);
    d.kind = DIGIT_LOW;
    add_digit(p, d);
}

static void add_column(struct plan *p, const struct dr_column *c, const int32_t *rank, int32_t flags)
{
    bool nulls_first = (flags & DR_SORT_NULLS_FIRST) != 0;
    struct digit d = { .c = c, .rank = rank, .desc = (flags & DR_SORT_DESC) != 0, .has_null = c->nulls > 0 };
    uint64_t largest = 0;
    if (c->type == DR_TYPE_NULL || c->rows == 0)
        return;
    if (c->type == DR_TYPE_FLOAT64 || c->type == DR_TYPE_DECIMAL) {
        add_wide(p, d, nulls_first);
        return;
    }
    if (c->type == DR_TYPE_DICT)
        largest = c->dict->n ? (uint64_t)c->dict->n - 1 : 0;
    else if (!raw_range(&d, &d.base, &largest))
        d.base = largest = 0;
    d.span = largest - d.base;
    if (d.span == UINT64_MAX) {
        add_wide(p, d, nulls_first);
        return;
    }
    d.shift = d.has_null && nulls_first;
    d.null_digit = nulls_first ? 0 : d.span + 1;
    d.bits = bits_of(d.span + d.has_null);
    add_digit(p, d);
}

static const struct dr_column *coded_column(struct plan *p, int32_t i, const struct dr_column *c)
{
    if (c->type != DR_TYPE_STRING)
        return c;
    p->coded[i] = dr_column_dict(c);
    return p->coded[i];
}

struct text_code {
    struct dr_str s;
    int32_t code;
};

static int compare_texts(const void *a, const void *b)
{
    return dr_str_cmp(((const struct text_code *)a)->s, ((const struct text_code *)b)->s);
}

int32_t *dr_dict_order(const struct dr_dict *d)
{
    DR_AUTO_FREE struct text_code *sorted = dr_malloc((size_t)d->n * sizeof *sorted);
    int32_t *order = dr_malloc((size_t)d->n * sizeof *order);
    for (int32_t code = 0; code < d->n; code++)
        sorted[code] = (struct text_code){ d->values[code], code };
    qsort(sorted, (size_t)d->n, sizeof *sorted, compare_texts);
    for (int32_t i = 0; i < d->n; i++)
        order[i] = sorted[i].code;
    return order;
}

static const int32_t *rank_codes(struct plan *p, int32_t i, const struct dr_dict *d)
{
    DR_AUTO_FREE int32_t *order = dr_dict_order(d);
    p->ranks[i] = dr_malloc((size_t)d->n * sizeof(int32_t));
    for (int32_t at = 0; at < d->n; at++)
        p->ranks[i][order[at]] = at;
    return p->ranks[i];
}

/* Give each digit its word: the next one where the last has no room left. */
static void assign_words(struct plan *p, struct dr_row_keys *k)
{
    k->bits = dr_calloc((size_t)p->n, sizeof *k->bits);
    for (int32_t i = 0; i < p->n; i++) {
        struct digit *d = &p->digits[i];
        if (k->n == 0 || k->bits[k->n - 1] + d->bits > 64)
            k->n++;
        d->word = k->n - 1;
        k->bits[d->word] += d->bits;
    }
    k->word = dr_calloc((size_t)k->n, sizeof *k->word);
    for (int32_t w = 0; w < k->n; w++)
        k->word[w] = dr_malloc((size_t)k->rows * sizeof **k->word);
}

/* ---- filling ----------------------------------------------------------------------- */

struct fill_job {
    const struct plan *plan;
    struct dr_row_keys *keys;
};

static void fill_digit(const struct fill_job *j, const struct digit *d, int64_t row, int64_t n, bool first)
{
    uint64_t values[BLOCK];
    uint64_t *word = j->keys->word[d->word] + row;
    int32_t hint = dr_column_chunk_of(d->c, row);
    for (int64_t done = 0; done < n;) {
        int64_t i;
        const struct dr_array *a = dr_column_at(d->c, row + done, &hint, &i);
        int64_t piece = a->n - i < n - done ? a->n - i : n - done;
        fill(d, a, i, piece, values + done);
        done += piece;
    }
    if (first)
        memcpy(word, values, (size_t)n * sizeof *word);
    else
        for (int64_t i = 0; i < n; i++)
            word[i] = word[i] << d->bits | values[i];
}

static void fill_block(void *ctx, int64_t task)
{
    const struct fill_job *j = ctx;
    int64_t from = task * DR_CHUNK_ROWS;
    int64_t until = from + DR_CHUNK_ROWS < j->keys->rows ? from + DR_CHUNK_ROWS : j->keys->rows;
    for (int64_t row = from; row < until; row += BLOCK) {
        int64_t n = until - row < BLOCK ? until - row : BLOCK;
        int32_t word = -1;
        for (int32_t i = 0; i < j->plan->n; i++) {
            const struct digit *d = &j->plan->digits[i];
            fill_digit(j, d, row, n, d->word != word);
            word = d->word;
        }
    }
}

static void plan_done(struct plan *p)
{
    for (int32_t i = 0; i < p->columns; i++) {
        dr_column_unref(p->coded[i]);
        free(p->ranks[i]);
    }
    free(p->coded);
    free(p->ranks);
    free(p->digits);
}

void dr_row_keys_init(struct dr_row_keys *k, int32_t n, const struct dr_column *const *columns,
                      const int32_t *flags, bool ordered)
{
    struct plan p = { .columns = n };
    *k = (struct dr_row_keys){ .rows = n ? columns[0]->rows : 0 };
    p.coded = dr_calloc((size_t)n, sizeof *p.coded);
    p.ranks = dr_calloc((size_t)n, sizeof *p.ranks);
    p.digits = dr_calloc((size_t)n * 3, sizeof *p.digits);
    for (int32_t i = 0; i < n; i++) {
        const struct dr_column *c = coded_column(&p, i, columns[i]);
        const int32_t *rank = ordered && c->type == DR_TYPE_DICT ? rank_codes(&p, i, c->dict) : NULL;
        add_column(&p, c, rank, flags ? flags[i] : 0);
    }
    assign_words(&p, k);
    struct fill_job job = { .plan = &p, .keys = k };
    dr_pool_run((k->rows + DR_CHUNK_ROWS - 1) / DR_CHUNK_ROWS, fill_block, &job);
    plan_done(&p);
}

void dr_row_keys_done(struct dr_row_keys *k)
{
    for (int32_t w = 0; w < k->n; w++)
        free(k->word[w]);
    free(k->word);
    free(k->bits);
    *k = (struct dr_row_keys){ 0 };
}
