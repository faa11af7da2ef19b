/* row_keys.c - columns as digits, digits packed into words.
 *
 * A digit is planned from the column as a whole (minimum, span, nulls) and
 * computed as offset + value, or offset - value where the order is descending,
 * in arithmetic that wraps: ranges past 2^63 need no care. A column whose values
 * need all 64 bits and which has nulls gets a digit of one bit before it.
 * Decimals are two digits. */
#include "data/row_keys.h"
#include "data/pool.h"

enum digit_kind { DIGIT_VALUE, DIGIT_NULL_FLAG, DIGIT_HIGH, DIGIT_LOW, DIGIT_GROUP };

struct dr_key_digit {
    const struct dr_column *c;
    const uint32_t *group; /* DIGIT_GROUP */
    enum digit_kind kind;
    bool desc;
    uint64_t offset;     /* to which the raw value is added, or from which it is taken */
    uint64_t null_digit; /* of a missing value */
    const int32_t *rank; /* DICT in order: by code */
    int32_t bits;
    int32_t word;
    int32_t shift; /* of the word so far, before this digit is put in; 0 for its first */
};

/* ---- ranges ---------------------------------------------------------------------- */

/* Signed integers keep their order when the sign bit is flipped. */
static inline uint64_t flip(int64_t v)
{
    return (uint64_t)v ^ UINT64_C(1) << 63;
}

/* The least and the largest value of a chunk, as words in order. */
struct range {
    uint64_t least, largest; /* least > largest: no value is present */
};

#define WIDEN(r, v)                                                                                          \
    do {                                                                                                     \
        uint64_t w_ = (v);                                                                                   \
        (r).least = w_ < (r).least ? w_ : (r).least;                                                         \
        (r).largest = w_ > (r).largest ? w_ : (r).largest;                                                   \
    } while (0)

static struct range date_range(const struct dr_array *a)
{
    const int32_t *v = a->values;
    int32_t least = INT32_MAX, largest = INT32_MIN;
    for (int64_t i = 0; i < a->n; i++) {
        if (a->valid && !dr_bit(a->valid, i))
            continue;
        least = v[i] < least ? v[i] : least;
        largest = v[i] > largest ? v[i] : largest;
    }
    if (a->nulls == a->n)
        return (struct range){ UINT64_MAX, 0 };
    return (struct range){ flip(least), flip(largest) };
}

static struct range array_range(const struct dr_array *a)
{
    struct range r = { UINT64_MAX, 0 };
    const int64_t *ints = a->values;
    const double *floats = a->values;
    if (a->type == DR_TYPE_DATE)
        return date_range(a);
    for (int64_t i = 0; i < a->n; i++) {
        if (a->valid && !dr_bit(a->valid, i))
            continue;
        if (a->type == DR_TYPE_FLOAT64)
            WIDEN(r, dr_float_to_ordered(floats[i]));
        else if (a->type == DR_TYPE_BOOL)
            WIDEN(r, flip(dr_bit(a->values, i)));
        else
            WIDEN(r, flip(ints[i]));
    }
    return r;
}

struct range_job {
    const struct dr_column *c;
    struct range *of; /* by chunk */
};

static void range_task(void *ctx, int64_t k)
{
    const struct range_job *j = ctx;
    j->of[k] = array_range(j->c->chunk[k]);
}

static struct range column_range(const struct dr_column *c)
{
    struct range all = { UINT64_MAX, 0 };
    DR_AUTO_FREE struct range *of = dr_malloc((size_t)c->n * sizeof *of);
    struct range_job job = { .c = c, .of = of };
    dr_pool_run(c->n, range_task, &job);
    for (int32_t k = 0; k < c->n; k++) {
        all.least = of[k].least < all.least ? of[k].least : all.least;
        all.largest = of[k].largest > all.largest ? of[k].largest : all.largest;
    }
    return all;
}

/* ---- planning -------------------------------------------------------------------- */

static int32_t bits_of(uint64_t largest)
{
    return largest ? 64 - __builtin_clzll(largest) : 0;
}

static void add_digit(struct dr_row_keys *k, struct dr_key_digit d)
{
    if (d.bits > 0)
        k->digits[k->n_digits++] = d;
}

static void add_null_flag(struct dr_row_keys *k, const struct dr_key_digit *like, bool nulls_first)
{
    struct dr_key_digit flag = *like;
    flag.kind = DIGIT_NULL_FLAG;
    flag.null_digit = !nulls_first;
    flag.bits = 1;
    add_digit(k, flag);
}

/* The word from which a raw value counts: integers come signed, floats as ordered
 * words, texts as codes. */
static uint64_t bias_of(const struct dr_key_digit *d)
{
    bool is_unsigned = d->c->type == DR_TYPE_FLOAT64 || d->c->type == DR_TYPE_DICT || d->kind == DIGIT_LOW;
    return is_unsigned ? 0 : UINT64_C(1) << 63;
}

static void set_offset(struct dr_key_digit *d, struct range r, uint64_t shift)
{
    d->offset = (d->desc ? r.largest - bias_of(d) : bias_of(d) - r.least) + shift;
}

/* Digits that take all 64 bits. */
static void add_wide(struct dr_row_keys *k, struct dr_key_digit d, bool nulls_first)
{
    static const struct range all = { 0, UINT64_MAX };
    d.bits = 64;
    if (d.c->nulls)
        add_null_flag(k, &d, nulls_first);
    if (d.c->type == DR_TYPE_DECIMAL)
        d.kind = DIGIT_HIGH;
    set_offset(&d, all, 0);
    add_digit(k, d);
    if (d.c->type != DR_TYPE_DECIMAL)
        return;
    d.kind = DIGIT_LOW;
    set_offset(&d, all, 0);
    add_digit(k, d);
}

static void add_column(struct dr_row_keys *k, const struct dr_column *c, const int32_t *rank, int32_t flags)
{
    bool nulls_first = (flags & DR_SORT_NULLS_FIRST) != 0, has_null = c->nulls > 0;
    struct dr_key_digit d = { .c = c, .rank = rank, .desc = (flags & DR_SORT_DESC) != 0 };
    struct range r = { 0, 0 };
    if (c->type == DR_TYPE_NULL || c->rows == 0)
        return;
    if (c->type == DR_TYPE_DECIMAL) {
        add_wide(k, d, nulls_first);
        return;
    }
    if (c->type != DR_TYPE_DICT)
        r = column_range(c);
    else
        r.largest = c->dict->n ? (uint64_t)c->dict->n - 1 : 0;
    if (r.least > r.largest) /* all are missing */
        r = (struct range){ 0, 0 };
    uint64_t span = r.largest - r.least;
    if (span == UINT64_MAX) {
        add_wide(k, d, nulls_first);
        return;
    }
    set_offset(&d, r, has_null && nulls_first);
    d.null_digit = nulls_first ? 0 : span + 1;
    d.bits = bits_of(span + has_null);
    add_digit(k, d);
}

static void add_group(struct dr_row_keys *k, const uint32_t *group, uint32_t n)
{
    add_digit(k, (struct dr_key_digit){
                     .group = group, .kind = DIGIT_GROUP, .bits = bits_of(n ? (uint64_t)n - 1 : 0) });
}

static const struct dr_column *coded_column(struct dr_row_keys *k, int32_t i, const struct dr_column *c)
{
    if (c->type != DR_TYPE_STRING)
        return c;
    k->coded[i] = dr_column_dict(c);
    return k->coded[i];
}

/* ---- ranks of texts --------------------------------------------------------------- */

/* A text with its first eight bytes as a number, which decides most comparisons. */
struct text_code {
    uint64_t start;
    struct dr_str s;
    int32_t code;
};

static uint64_t start_of(struct dr_str s)
{
    uint64_t start = 0;
    memcpy(&start, s.p, s.n < 8 ? s.n : 8);
    return __builtin_bswap64(start);
}

static int compare_texts(const void *a, const void *b)
{
    const struct text_code *x = a, *y = b;
    if (x->start != y->start)
        return x->start < y->start ? -1 : 1;
    return dr_str_cmp(x->s, y->s);
}

int32_t *dr_dict_order(const struct dr_dict *d)
{
    DR_AUTO_FREE struct text_code *sorted = dr_malloc((size_t)d->n * sizeof *sorted);
    int32_t *order = dr_malloc((size_t)d->n * sizeof *order);
    bool in_order = true;
    for (int32_t code = 0; code < d->n; code++) {
        sorted[code] = (struct text_code){ start_of(d->values[code]), d->values[code], code };
        in_order &= code == 0 || compare_texts(&sorted[code - 1], &sorted[code]) < 0;
    }
    if (!in_order)
        qsort(sorted, (size_t)d->n, sizeof *sorted, compare_texts);
    for (int32_t i = 0; i < d->n; i++)
        order[i] = sorted[i].code;
    return order;
}

static const int32_t *rank_codes(struct dr_row_keys *k, int32_t i, const struct dr_dict *d)
{
    DR_AUTO_FREE int32_t *order = dr_dict_order(d);
    k->ranks[i] = dr_malloc((size_t)d->n * sizeof(int32_t));
    for (int32_t at = 0; at < d->n; at++)
        k->ranks[i][order[at]] = at;
    return k->ranks[i];
}

/* Give each digit its word: the next one where the last has no room left. */
static void assign_words(struct dr_row_keys *k)
{
    k->bits = dr_calloc((size_t)k->n_digits, sizeof *k->bits);
    for (int32_t i = 0; i < k->n_digits; i++) {
        struct dr_key_digit *d = &k->digits[i];
        if (k->n == 0 || k->bits[k->n - 1] + d->bits > 64)
            k->n++;
        d->word = k->n - 1;
        d->shift = k->bits[d->word] ? d->bits : 0;
        k->bits[d->word] += d->bits;
    }
}

void dr_row_keys_init(struct dr_row_keys *k, const struct dr_key_spec *spec)
{
    *k = (struct dr_row_keys){ .rows = spec->rows, .n_columns = spec->n };
    k->coded = dr_calloc((size_t)spec->n, sizeof *k->coded);
    k->ranks = dr_calloc((size_t)spec->n, sizeof *k->ranks);
    k->digits = dr_calloc((size_t)spec->n * 3 + 1, sizeof *k->digits);
    if (spec->group)
        add_group(k, spec->group, spec->n_groups);
    for (int32_t i = 0; i < spec->n; i++) {
        const struct dr_column *c = coded_column(k, i, spec->columns[i]);
        const int32_t *rank = spec->ordered && c->type == DR_TYPE_DICT ? rank_codes(k, i, c->dict) : NULL;
        add_column(k, c, rank, spec->flags ? spec->flags[i] : 0);
    }
    assign_words(k);
}

void dr_row_keys_done(struct dr_row_keys *k)
{
    for (int32_t i = 0; i < k->n_columns; i++) {
        dr_column_unref(k->coded[i]);
        free(k->ranks[i]);
    }
    free(k->coded);
    free(k->ranks);
    free(k->digits);
    free(k->bits);
    *k = (struct dr_row_keys){ 0 };
}

/* ---- filling ----------------------------------------------------------------------- */

/* Put the digit `raw` (of row i) gives into each word: one loop without nulls, one
 * that asks for each. */
#define FILL(raw)                                                                                            \
    do {                                                                                                     \
        if (valid)                                                                                           \
            for (int64_t i = 0; i < n; i++)                                                                  \
                word[i] = word[i] << shift |                                                                 \
                          (dr_bit(valid, from + i) ? offset + (uint64_t)(raw)*sign : null_digit);            \
        else                                                                                                 \
            for (int64_t i = 0; i < n; i++)                                                                  \
                word[i] = word[i] << shift | (offset + (uint64_t)(raw)*sign);                                \
    } while (0)

static void fill_codes(const struct dr_key_digit *d, const struct dr_array *a, int64_t from, int64_t n,
                       uint64_t *word)
{
    const int32_t *codes = (const int32_t *)a->values + from;
    const uint8_t *valid = a->valid;
    uint64_t offset = d->offset, null_digit = d->null_digit, sign = d->desc ? UINT64_MAX : 1;
    int32_t shift = d->shift;
    if (d->rank)
        FILL(d->rank[codes[i]]);
    else
        FILL(codes[i]);
}

static void fill_null_flag(const struct dr_key_digit *d, const struct dr_array *a, int64_t from, int64_t n,
                           uint64_t *word)
{
    for (int64_t i = 0; i < n; i++) {
        bool present = dr_array_valid(a, from + i);
        word[i] = word[i] << d->shift | (present ? 1 - d->null_digit : d->null_digit);
    }
}

static void fill_numbers(const struct dr_key_digit *d, const struct dr_array *a, int64_t from, int64_t n,
                         uint64_t *word)
{
    const int64_t *ints = (const int64_t *)a->values + from;
    const int32_t *days = (const int32_t *)a->values + from;
    const double *floats = (const double *)a->values + from;
    const uint64_t *halves = (const uint64_t *)a->values + from * 2;
    const uint8_t *valid = a->valid;
    uint64_t offset = d->offset, null_digit = d->null_digit, sign = d->desc ? UINT64_MAX : 1;
    int32_t shift = d->shift;
    switch (a->type) {
    case DR_TYPE_BOOL:
        FILL(dr_bit(a->values, from + i));
        break;
    case DR_TYPE_DATE:
        FILL((int64_t)days[i]);
        break;
    case DR_TYPE_FLOAT64:
        FILL(dr_float_to_ordered(floats[i]));
        break;
    case DR_TYPE_DECIMAL:
        if (d->kind == DIGIT_HIGH)
            FILL(halves[i * 2 + 1]);
        else
            FILL(halves[i * 2]);
        break;
    default:
        FILL(ints[i]);
    }
}

static void fill_array(const struct dr_key_digit *d, const struct dr_array *a, int64_t from, int64_t n,
                       uint64_t *word)
{
    if (d->kind == DIGIT_NULL_FLAG)
        fill_null_flag(d, a, from, n, word);
    else if (a->type == DR_TYPE_DICT)
        fill_codes(d, a, from, n, word);
    else
        fill_numbers(d, a, from, n, word);
}

static void fill_column(const struct dr_key_digit *d, int64_t row, int64_t n, uint64_t *word)
{
    int32_t hint = dr_column_chunk_of(d->c, row);
    for (int64_t done = 0; done < n;) {
        int64_t i;
        const struct dr_array *a = dr_column_at(d->c, row + done, &hint, &i);
        int64_t piece = a->n - i < n - done ? a->n - i : n - done;
        fill_array(d, a, i, piece, word + done);
        done += piece;
    }
}

void dr_row_keys_fill(const struct dr_row_keys *k, int64_t row, int64_t n, uint64_t *const *words)
{
    for (int32_t w = 0; w < k->n; w++)
        memset(words[w], 0, (size_t)n * sizeof *words[w]);
    for (int32_t i = 0; i < k->n_digits; i++) {
        const struct dr_key_digit *d = &k->digits[i];
        uint64_t *word = words[d->word];
        if (d->kind != DIGIT_GROUP)
            fill_column(d, row, n, word);
        else
            for (int64_t r = 0; r < n; r++)
                word[r] = d->group[row + r];
    }
}
