/* pack.c - the words of a row in fewer bits.
 *
 * The first rows of a stream show what its columns hold: so many codes, days of some years, texts of
 * the same shape. Each field is given the bits that this takes, and more where later rows may need
 * them, as long as there are any:
 *
 *   numbers   codes, days and whole numbers: 0 where missing, else 1 + the distance from the lowest
 *   texts     of each of up to 8 bytes the bits that differ: of a digit four, of "P" before it none
 *   values    as numbers after multiplication by a power of ten, where division gives back the same bits
 *
 * A packed row gives its words back, so rows are equal where the bits of their keys are. A row that does not
 * fit (another shape, a day of another age) goes through the rollup in its words: the same key never is
 * the one here and the other there. Where the first rows say that keys are too wide, or that many
 * would not fit, nothing is packed at all. */
#include <math.h>
#include "base/cpu.h"
#include "rollup/impl.h"
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3") /* gcc 12 makes vectors of simple loops only, otherwise */
#endif

enum { SAMPLE_BLOCKS = 4, SAMPLE_ROWS = SAMPLE_BLOCKS * DR_ROLLUP_BLOCK };
enum { CODE_BITS = 28, DAY_BITS = DR_ROLLUP_DAY_BITS, NUMBER_BITS = 56, VALUE_BITS = 40 };
enum { UNUSUAL = 64, MISFITS = 8 }; /* one row in so many does not count; is too many */
enum { GROWTH_UNKNOWN = 64, SCALES = 5 };
#define MAGIC 0x1.8p52                /* adding it rounds to a whole number, in the low bits */
#define DAY_LOW (-(INT64_C(1) << 27)) /* of a window: no other words lie so near */
static const double scales[SCALES] = { 1, 10, 100, 1000, 10000 };

/* ---- packing ------------------------------------------------------------------ */

/* All bits or none. Loops without a branch become vectors. */
static inline __attribute__((always_inline)) uint64_t all_if(bool is)
{
    return -(uint64_t)is;
}
static inline __attribute__((always_inline)) uint64_t double_bits(double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof(bits));
    return bits;
}

/* One word: code, day or bool. */
static inline __attribute__((always_inline)) void pack_small(const struct dr_rollup_place *p,
                                                             uint32_t (*words)[DR_ROLLUP_BLOCK],
                                                             uint64_t *restrict out, uint64_t *restrict odd)
{
    const uint32_t from = (uint32_t)p->from, limit = (uint32_t)p->limit;
    const uint32_t *restrict in = words[0];
    const int32_t shift = p->shift;
    for (int64_t i = 0; i < DR_ROLLUP_BLOCK; i++) {
        uint32_t number = (((in[i] - from) & ~DR_ROLLUP_FLAG) + 1) & -(uint32_t)(in[i] != DR_ROLLUP_MISSING);
        uint32_t misfit = -(uint32_t)(number > limit);
        odd[i] |= misfit;
        out[i] |= (uint64_t)(number & ~misfit) << shift;
    }
}

/* A tag and two halves. */
static inline __attribute__((always_inline)) void pack_large(const struct dr_rollup_place *p,
                                                             uint32_t (*words)[DR_ROLLUP_BLOCK],
                                                             uint64_t *restrict out, uint64_t *restrict odd)
{
    const uint64_t from = p->from, limit = p->limit;
    const int32_t shift = p->shift;
    const uint32_t *restrict tag = words[0], *restrict low = words[1], *restrict high = words[2];
    for (int64_t i = 0; i < DR_ROLLUP_BLOCK; i++) {
        uint64_t number = (low[i] | (uint64_t)high[i] << 32) - from;
        uint64_t fits = all_if(tag[i] == DR_ROLLUP_TAG_VALUE) & all_if(number < limit);
        odd[i] |= ~fits & all_if(tag[i] != DR_ROLLUP_TAG_MISSING);
        out[i] |= ((number + 1) << shift) & fits;
    }
}

static inline __attribute__((always_inline)) void pack_text(const struct dr_rollup_place *p,
                                                            uint32_t (*words)[DR_ROLLUP_BLOCK],
                                                            uint64_t *restrict out, uint64_t *restrict odd)
{
    const uint32_t *restrict low = words[0], *restrict high = words[1];
    const uint64_t same = ~p->mask, fixed = p->from;
    for (int64_t i = 0; i < DR_ROLLUP_BLOCK; i++)
        odd[i] |= ((low[i] | (uint64_t)high[i] << 32) & same) ^ fixed;
    for (int32_t k = 0; k < p->n_runs; k++) {
        const uint64_t run = p->run[k].mask;
        const int32_t down = p->run[k].down, shift = p->shift;
        for (int64_t i = 0; i < DR_ROLLUP_BLOCK; i++)
            out[i] |= ((low[i] | (uint64_t)high[i] << 32) & run) >> down << shift;
    }
}

/* What is not there is 0, and so is what was not chosen. */
static inline __attribute__((always_inline)) void pack_value(const struct dr_rollup_place *p,
                                                             const double *restrict in,
                                                             const uint64_t *restrict chosen,
                                                             uint64_t *restrict out, uint64_t *restrict odd)
{
    const double scale = p->scale;
    const uint64_t from = p->from, limit = p->limit;
    const int32_t shift = p->shift;
    for (int64_t i = 0; i < DR_ROLLUP_BLOCK; i++) {
        double whole = in[i] * scale + MAGIC;
        uint64_t number = double_bits(whole) - double_bits(MAGIC) - from;
        uint64_t same = all_if(double_bits((whole - MAGIC) / scale) == double_bits(in[i]));
        uint64_t none = all_if(double_bits(in[i]) == DR_ROLLUP_NO_VALUE);
        uint64_t fits = same & all_if(number < limit) & ~none;
        odd[i] |= ~(fits | none);
        out[i] |= ((number + 1) << shift) & fits & chosen[i];
    }
}

static inline __attribute__((always_inline)) void pack_rows(const struct dr_rollup *r,
                                                            const struct dr_rollup_columns *c,
                                                            const uint64_t *restrict chosen,
                                                            uint64_t *restrict out)
{
    const struct dr_rollup_pack *p = &r->pack;
    const uint64_t key_mask = p->key_mask;
    uint64_t odd_key[DR_ROLLUP_BLOCK] = { 0 }, odd_rest[DR_ROLLUP_BLOCK] = { 0 };
    memset(out, 0, DR_ROLLUP_BLOCK * sizeof(*out));
    for (int32_t f = 0; f < r->n_fields; f++) {
        uint32_t(*words)[DR_ROLLUP_BLOCK] = c->words + r->fields[f].at;
        uint64_t *odd = r->fields[f].at < r->key_words ? odd_key : odd_rest;
        if (r->fields[f].n == 1)
            pack_small(&p->places[f], words, out, odd);
        else if (r->fields[f].n == 2)
            pack_text(&p->places[f], words, out, odd);
        else
            pack_large(&p->places[f], words, out, odd);
    }
    for (int32_t v = 0; v < (p->raw ? 0 : r->n_values); v++)
        pack_value(&p->places[r->n_fields + v], c->values[v], chosen, out, odd_rest);
    for (int64_t i = 0; i < DR_ROLLUP_BLOCK; i++) {
        uint64_t no_key = all_if(odd_key[i] != 0), whole = no_key | all_if((odd_rest[i] & chosen[i]) != 0);
        out[i] &= ~no_key & (~whole | key_mask);
        out[i] |= (whole & DR_ROLLUP_WHOLE) | (no_key & DR_ROLLUP_NO_KEY) | (chosen[i] & DR_ROLLUP_SELECTED);
    }
}

static void pack_rows_any(const struct dr_rollup *r, const struct dr_rollup_columns *c,
                          const uint64_t *chosen, uint64_t *out)
{
    pack_rows(r, c, chosen, out);
}
DR_AVX2_CODE static void pack_rows_avx2(const struct dr_rollup *r, const struct dr_rollup_columns *c,
                                        const uint64_t *chosen, uint64_t *out)
{
    pack_rows(r, c, chosen, out);
}

void dr_rollup_pack_rows(const struct dr_rollup *r, const struct dr_rollup_columns *c, const uint64_t *chosen,
                         uint64_t *out)
{
    (r->pack.avx2 ? pack_rows_avx2 : pack_rows_any)(r, c, chosen, out);
}

/* ---- unpacking ------------------------------------------------------------------ */

void dr_rollup_unpack(const struct dr_rollup_field *f, const struct dr_rollup_place *p, uint64_t word,
                      uint32_t *words)
{
    uint64_t bits = word >> p->shift & p->limit, all = f->n == 2 ? p->from : bits - 1 + p->from;
    for (int32_t k = 0; k < p->n_runs; k++)
        all |= bits << p->run[k].down & p->run[k].mask;
    if (f->n == 1) {
        words[0] = bits == 0 ? DR_ROLLUP_MISSING : (uint32_t)all & ~DR_ROLLUP_FLAG;
        return;
    }
    words[f->n - 2] = f->n == 3 && bits == 0 ? 0 : (uint32_t)all;
    words[f->n - 1] = f->n == 3 && bits == 0 ? 0 : (uint32_t)(all >> 32);
    if (f->n == 3)
        words[0] = bits == 0 ? DR_ROLLUP_TAG_MISSING : DR_ROLLUP_TAG_VALUE;
}

/* ---- what the first rows show ------------------------------------------------------ */

struct sample {
    struct dr_rollup_columns block[SAMPLE_BLOCKS]; /* owned */
    int64_t rows[SAMPLE_BLOCKS];
    int64_t *numbers; /* owned: of the column at hand */
    int64_t n;        /* of them */
    int64_t growth;   /* how many times as many rows there will be */
};
/* What a column takes. */
struct need {
    int64_t low;
    uint64_t span;
    int32_t bits, want; /* at least; where there is room */
    int32_t scale;
};

static int32_t fill_sample(struct dr_rollup *r, const struct dr_table *batch, struct sample *s,
                           struct dr_err *err)
{
    const struct dr_column *c = batch->columns[0];
    for (int32_t b = 0; b < SAMPLE_BLOCKS; b++) {
        int64_t row = batch->rows * b / SAMPLE_BLOCKS;
        int32_t chunk = 0;
        while (c->start[chunk] + c->chunk[chunk]->n <= row)
            chunk++;
        int64_t at = row - c->start[chunk], left = c->chunk[chunk]->n - at;
        s->rows[b] = left < DR_ROLLUP_BLOCK ? left : DR_ROLLUP_BLOCK;
        s->block[b].words = dr_calloc((size_t)r->words + 1, sizeof(*s->block[b].words));
        s->block[b].values = dr_calloc((size_t)r->n_values + 1, sizeof(*s->block[b].values));
        DR_TRY(dr_rollup_fill_block(r, batch, chunk, at, s->rows[b], &s->block[b], err));
    }
    s->numbers = dr_malloc(SAMPLE_ROWS * sizeof(*s->numbers));
    return DR_OK;
}

static void sample_done(struct sample *s)
{
    for (int32_t b = 0; b < SAMPLE_BLOCKS; b++) {
        free(s->block[b].words);
        free(s->block[b].values);
    }
    free(s->numbers);
}

static int32_t bits_of(uint64_t number)
{
    return number == 0 ? 0 : 64 - __builtin_clzll(number);
}

/* Numbers 0 to span, and one for none. */
static int32_t bits_for_span(uint64_t span)
{
    return span >= UINT64_C(1) << 62 ? 63 : bits_of(span + 1);
}

static int by_number(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Where nearly all numbers lie; where all of them do, if that takes hardly more. */
static void find_window(struct sample *s, struct need *ret)
{
    if (s->n == 0)
        return;
    qsort(s->numbers, (size_t)s->n, sizeof(*s->numbers), by_number);
    int64_t most = s->n - s->n / UNUSUAL, *v = s->numbers;
    ret->low = v[0];
    ret->span = (uint64_t)v[s->n - 1] - (uint64_t)v[0];
    struct need near = *ret;
    for (int64_t i = 0; i + most <= s->n; i++) {
        uint64_t span = (uint64_t)v[i + most - 1] - (uint64_t)v[i];
        if (span < near.span) {
            near.low = v[i];
            near.span = span;
        }
    }
    if (bits_for_span(near.span) + 2 < bits_for_span(ret->span))
        *ret = near;
}

static uint64_t grown(const struct sample *s, uint64_t span)
{
    uint64_t product;
    return __builtin_mul_overflow(span + 1, (uint64_t)s->growth, &product) ? UINT64_MAX : product;
}

static void need_numbers(const struct dr_rollup *r, int32_t field, struct sample *s, struct need *ret)
{
    const struct dr_rollup_field *f = &r->fields[field];
    bool code = f->type == DR_TYPE_DICT || f->type == DR_TYPE_BOOL;
    s->n = 0;
    for (int32_t b = 0; b < SAMPLE_BLOCKS; b++)
        for (int64_t i = 0; i < s->rows[b]; i++)
            s->n += dr_rollup_number(f, s->block[b].words + f->at, i, &s->numbers[s->n]);
    find_window(s, ret);
    if (code) {
        ret->span += (uint64_t)ret->low;
        ret->low = 0;
    }
    int32_t most = f->n == 3 ? NUMBER_BITS : f->type == DR_TYPE_DATE ? DAY_BITS : CODE_BITS;
    ret->bits = bits_for_span(ret->span);
    ret->want = bits_for_span(f->type == DR_TYPE_BOOL ? 1 : grown(s, ret->span));
    ret->want = ret->want < most ? ret->want : most;
    if (ret->bits > most || (f->type == DR_TYPE_DATE && ret->low < DAY_LOW))
        ret->bits = DR_ROLLUP_PAYLOAD + 1;
}

/* The fewest bits of a byte that hold nearly all of what was counted. A digit that never changed in the first
 * rows (of a number that counts up) may do so later, a letter less likely. */
static void choose_mask(const int64_t *count, int64_t rows, uint8_t *ret_mask, uint8_t *ret_fixed)
{
    static const uint8_t masks[][2] = { { 0, 0 },    { 0x0F, '0' }, { 0x1F, '@' }, { 0x1F, '`' },
                                        { 0x3F, 0 }, { 0x7F, 0 },   { 0xFF, 0 } };
    int32_t often = 0;
    for (int32_t byte = 1; byte < 256; byte++)
        often = count[byte] > count[often] ? byte : often;
    int64_t fit = -1;
    for (size_t k = often >= '0' && often <= '9'; fit < rows - rows / UNUSUAL; k++) {
        *ret_mask = masks[k][0];
        *ret_fixed = k == 0 ? (uint8_t)often : masks[k][1];
        fit = 0;
        for (int32_t byte = 0; byte < 256; byte++)
            fit += (byte & ~*ret_mask) == *ret_fixed ? count[byte] : 0;
    }
}

static void need_text(const struct dr_rollup_field *f, const struct sample *s, struct dr_rollup_place *p,
                      struct need *ret)
{
    for (int32_t at = 0; at < 8; at++) {
        int64_t count[256] = { 0 }, rows = 0;
        uint8_t mask = 0, fixed = 0;
        for (int32_t b = 0; b < SAMPLE_BLOCKS; rows += s->rows[b++])
            for (int64_t i = 0; i < s->rows[b]; i++)
                count[s->block[b].words[f->at + at / 4][i] >> at % 4 * 8 & 0xFF]++;
        choose_mask(count, rows, &mask, &fixed);
        p->mask |= (uint64_t)mask << at * 8;
        p->from |= (uint64_t)fixed << at * 8;
    }
    ret->bits = ret->want = __builtin_popcountll(p->mask);
}

/* The numbers that a scale makes of a column's values; how many are none. */
static int64_t scale_values(const struct sample *s, int32_t value, double scale, struct sample *ret)
{
    int64_t misfits = 0;
    ret->n = 0;
    for (int32_t b = 0; b < SAMPLE_BLOCKS; b++)
        for (int64_t i = 0; i < s->rows[b]; i++) {
            double v = s->block[b].values[value][i], whole = nearbyint(v * scale);
            if (double_bits(v) == DR_ROLLUP_NO_VALUE)
                continue;
            bool fits = fabs(whole) < 0x1p50 && double_bits(whole / scale) == double_bits(v);
            if (fits)
                ret->numbers[ret->n++] = (int64_t)whole;
            misfits += !fits;
        }
    return misfits;
}

static void need_values(struct sample *s, int32_t value, struct need *ret)
{
    int64_t misfits = INT64_MAX;
    for (ret->scale = -1; misfits > s->n / UNUSUAL && ret->scale + 1 < SCALES;)
        misfits = scale_values(s, value, scales[++ret->scale], s);
    bool fits = misfits <= s->n / UNUSUAL;
    find_window(s, ret);
    ret->bits = fits ? bits_for_span(ret->span) : DR_ROLLUP_PAYLOAD + 1;
    ret->want = ret->bits + 2;
}

/* ---- who gets which bits -------------------------------------------------------------- */

static int32_t sum_bits(const struct need *needs, int32_t n)
{
    int32_t sum = 0;
    for (int32_t i = 0; i < n; i++)
        sum += needs[i].bits;
    return sum;
}

/* Deal out what is left, a bit at a time. */
static void spread(struct need *needs, int32_t n)
{
    int32_t left = DR_ROLLUP_PAYLOAD - sum_bits(needs, n);
    for (bool any = true; any && left > 0;) {
        any = false;
        for (int32_t i = 0; i < n && left > 0; i++)
            if (needs[i].bits < needs[i].want) {
                needs[i].bits++;
                left--;
                any = true;
            }
    }
}

/* Room beyond what was seen is on both sides of it, but for codes, which count from 0. */
static void place_number(struct dr_rollup_place *p, const struct need *need, bool code)
{
    uint64_t spare = p->limit - 1 - need->span;
    int64_t from = need->low - (code ? 0 : (int64_t)(spare / 2));
    p->from = (uint64_t)from;
    p->scale = scales[need->scale];
}

/* The bits of a text that lie together move together. */
static void find_runs(struct dr_rollup_place *p)
{
    int32_t packed = 0;
    for (int32_t at = 0; at < 64;) {
        int32_t n = 0;
        while (at + n < 64 && (p->mask >> (at + n) & 1))
            n++;
        if (n > 0)
            p->run[p->n_runs++] =
                (struct dr_rollup_run){ .mask = (~UINT64_C(0) >> (64 - n)) << at, .down = at - packed };
        packed += n;
        at += n + 1;
    }
}

static void lay_out(struct dr_rollup *r, const struct need *needs)
{
    struct dr_rollup_pack *p = &r->pack;
    int32_t shift = 0, n = r->n_fields + (p->raw ? 0 : r->n_values);
    p->key_mask = 0;
    for (int32_t i = 0; i < n; i++) {
        struct dr_rollup_place *place = &p->places[i];
        bool is_field = i < r->n_fields, text = is_field && r->fields[i].n == 2;
        int32_t type = is_field ? r->fields[i].type : DR_TYPE_FLOAT64;
        place->shift = shift;
        place->limit = (UINT64_C(1) << needs[i].bits) - 1;
        if (text)
            find_runs(place);
        else
            place_number(place, &needs[i], type == DR_TYPE_DICT || type == DR_TYPE_BOOL);
        if (is_field && r->fields[i].at < r->key_words)
            p->key_mask |= place->limit << shift;
        shift += needs[i].bits;
    }
    p->entry = sizeof(uint64_t) + (p->raw ? (size_t)r->n_values * sizeof(double) : 0);
}

/* How many of the first rows the plan does not fit. */
static bool fits_most(const struct dr_rollup *r, const struct sample *s)
{
    uint64_t chosen[DR_ROLLUP_BLOCK], packed[DR_ROLLUP_BLOCK];
    int64_t rows = 0, whole = 0;
    memset(chosen, 0xFF, sizeof(chosen));
    for (int32_t b = 0; b < SAMPLE_BLOCKS; b++) {
        dr_rollup_pack_rows(r, &s->block[b], chosen, packed);
        for (int64_t i = 0; i < s->rows[b]; i++)
            whole += (packed[i] & DR_ROLLUP_WHOLE) != 0;
        rows += s->rows[b];
    }
    return whole <= rows / MISFITS;
}

static void plan_sample(struct dr_rollup *r, struct sample *s)
{
    struct dr_rollup_pack *p = &r->pack;
    int32_t n = r->n_fields + r->n_values;
    DR_AUTO_FREE struct need *needs = dr_calloc((size_t)n + 1, sizeof(*needs));
    p->places = dr_calloc((size_t)n + 1, sizeof(*p->places));
    for (int32_t f = 0; f < r->n_fields; f++) {
        if (r->fields[f].hashed) /* 126 bits */
            return;
        if (r->fields[f].n == 2)
            need_text(&r->fields[f], s, &p->places[f], &needs[f]);
        else
            need_numbers(r, f, s, &needs[f]);
    }
    for (int32_t v = 0; v < r->n_values; v++)
        need_values(s, v, &needs[r->n_fields + v]);
    if (sum_bits(needs, r->n_fields) > DR_ROLLUP_PAYLOAD)
        return;
    p->raw = sum_bits(needs, n) > DR_ROLLUP_PAYLOAD;
    spread(needs, p->raw ? r->n_fields : n);
    lay_out(r, needs);
    p->on = fits_most(r, s);
}

int32_t dr_rollup_plan_pack(struct dr_rollup *r, const struct dr_table *batch, struct dr_err *err)
{
    struct sample s = { 0 };
    int64_t expected = r->o->expected_rows;
    r->pack.avx2 = dr_best_isa() >= DR_ISA_AVX2;
    if (r->o->n_keys == 0 || batch->rows == 0)
        return DR_OK;
    s.growth = expected > batch->rows ? expected / batch->rows : expected > 0 ? 1 : GROWTH_UNKNOWN;
    int32_t rc = fill_sample(r, batch, &s, err);
    if (!rc)
        plan_sample(r, &s);
    sample_done(&s);
    return rc;
}
