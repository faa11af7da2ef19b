/* codes.c - columns with a dictionary, looked at once for each distinct value.
 * See plan.h.
 *
 * One pass over the codes counts them. From then on a question about values is
 * answered by code, and only an answer that differs between codes in use is
 * spread over the rows. */
#if defined(__x86_64__)
#include <immintrin.h>
#endif
#include "data/gather.h"
#include "data/pool.h"
#include "expect/plan.h"

#define FEW_CODES 65536 /* so few that each thread may count on its own */

/* ---- counting ---- */

/* The blocks of a column, cut into as many slices as threads count. */
struct tally {
    const struct dr_column *c;
    const uint64_t *rows; /* NULL: all that are valid */
    int64_t codes, slices;
    int64_t *count; /* slices x codes */
};

struct tally_run {
    const uint64_t *rows;
    int64_t *count;
};

static uint64_t valid_bits(const struct dr_array *a, int64_t i, int m)
{
    return a->valid ? dr_bits_window(a->valid, i, m) : ~UINT64_C(0) >> (64 - m);
}

static void count_run(void *ctx, const struct dr_array *a, int64_t i, int m, int64_t row)
{
    const struct tally_run *t = ctx;
    const int32_t *codes = (const int32_t *)a->values + i;
    uint64_t all = ~UINT64_C(0) >> (64 - m);
    uint64_t bits = t->rows ? t->rows[row >> 6] >> (row & 63) & all : valid_bits(a, i, m);
    if (bits == all) {
        for (int j = 0; j < m; j++)
            t->count[codes[j]]++;
        return;
    }
    for (; bits; bits &= bits - 1)
        t->count[codes[__builtin_ctzll(bits)]]++;
}

static void count_slice(void *ctx, int64_t slice)
{
    struct tally *t = ctx;
    struct tally_run run = { t->rows, t->count + slice * t->codes };
    int64_t from, to;
    dr_slice(t->c->rows, t->slices, slice, &from, &to);
    dr_each_run(t->c, from, to, count_run, &run);
}

/* How often each code occurs in the rows given, or in all that are valid. The
 * caller frees it. */
static int64_t *count_codes(const struct dr_column *c, const uint64_t *rows)
{
    struct tally t = { .c = c, .rows = rows, .codes = (int64_t)c->dict->n + 1 };
    t.slices = t.codes <= FEW_CODES ? dr_slices(c->rows) : 1;
    t.count = dr_calloc((size_t)(t.codes * t.slices), sizeof *t.count);
    dr_pool_run(t.slices, count_slice, &t);
    for (int64_t slice = 1; slice < t.slices; slice++)
        for (int64_t k = 0; k < t.codes; k++)
            t.count[k] += t.count[slice * t.codes + k];
    return t.count;
}

/* ---- the dictionary as a column ---- */

uint64_t *dr_codes_bits(const struct dr_codes *c)
{
    return dr_calloc((size_t)dr_words(c->n) + 1, sizeof(uint64_t));
}

struct dr_codes *dr_codes_new(const struct dr_column *raw)
{
    if (raw->type != DR_TYPE_DICT || raw->dict->n > 2 * raw->rows)
        return NULL;
    struct dr_codes *c = dr_calloc(1, sizeof *c);
    c->n = raw->dict->n;
    c->count = count_codes(raw, NULL);
    c->used = dr_codes_bits(c);
    for (int64_t k = 0; k < c->n; k++)
        if (c->count[k]) {
            dr_row_set(c->used, k);
            c->n_used++;
        }
    struct dr_array *values = dr_dict_as_array(raw->dict, (const uint8_t *)c->used);
    c->raw = dr_column_new(DR_TYPE_DICT, c->n > 0, &values, raw->dict);
    if (c->n == 0)
        dr_array_unref(values);
    c->typed = dr_column_ref(c->raw);
    return c;
}

void dr_codes_done(struct dr_codes *c)
{
    if (!c)
        return;
    dr_column_unref(c->raw);
    dr_column_unref(c->typed);
    free(c->count);
    free(c->used);
    free(c->refused);
    free(c);
}

void dr_codes_drop(struct dr_codes *c, const uint64_t *missing)
{
    for (int64_t k = dr_rows_next(missing, c->n, 0); k >= 0; k = dr_rows_next(missing, c->n, k + 1)) {
        c->n_used -= c->count[k] > 0;
        c->count[k] = 0;
    }
    dr_rows_and_not(c->used, missing, c->n);
}

int64_t dr_codes_rows(const struct dr_codes *c, const uint64_t *set)
{
    int64_t rows = 0;
    for (int64_t k = dr_rows_next(set, c->n, 0); k >= 0; k = dr_rows_next(set, c->n, k + 1))
        rows += c->count[k];
    return rows;
}

/* ---- spreading ---- */

/* An answer for each code, as bits and as bytes. */
struct answers {
    const uint64_t *bits;
    const uint8_t *bytes;
};

/* Eight at a time: shifts by a constant cost a third of the others. */
static inline uint64_t eight_codes(const uint8_t *by_code, const int32_t *code)
{
    return (uint64_t)(by_code[code[0]] | by_code[code[1]] << 1 | by_code[code[2]] << 2 |
                      by_code[code[3]] << 3 | by_code[code[4]] << 4 | by_code[code[5]] << 5 |
                      by_code[code[6]] << 6 | by_code[code[7]] << 7);
}

static uint64_t codes_word(const struct dr_array *a, int64_t i, int m, const void *ctx)
{
    const uint8_t *by_code = ((const struct answers *)ctx)->bytes;
    const int32_t *codes = (const int32_t *)a->values + i;
    uint64_t w = 0;
    int j = 0;
    for (; j + 8 <= m; j += 8)
        w |= eight_codes(by_code, codes + j) << j;
    for (; j < m; j++)
        w |= (uint64_t)by_code[codes[j]] << j;
    return w;
}

#define PERMUTED 256 /* answers that fit into a register */

#if defined(__x86_64__)
/* Where codes are few: fetching words from memory by eight addresses at once is slow on
 * processors that guard it against speculation, permuting a register is not. */
__attribute__((target("avx2"))) static uint64_t few_codes_word(const struct dr_array *a, int64_t i, int m,
                                                               const void *ctx)
{
    const struct answers *by_code = ctx;
    const int32_t *codes = (const int32_t *)a->values + i;
    const __m256i place = _mm256_set1_epi32(31);
    const __m256i words = _mm256_loadu_si256((const __m256i *)(const void *)by_code->bits);
    uint64_t w = 0;
    int j = 0;
    for (; j + 8 <= m; j += 8) {
        __m256i eight = _mm256_loadu_si256((const __m256i *)(const void *)(codes + j));
        __m256i bits = _mm256_permutevar8x32_epi32(words, _mm256_srli_epi32(eight, 5));
        bits = _mm256_sllv_epi32(bits, _mm256_andnot_si256(eight, place)); /* the answer is the sign */
        w |= (uint64_t)(uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(bits)) << j;
    }
    for (; j < m; j++)
        w |= (uint64_t)by_code->bytes[codes[j]] << j;
    return w;
}

static dr_scan_fn best_codes_word(int64_t codes)
{
    return codes < PERMUTED && __builtin_cpu_supports("avx2") ? few_codes_word : codes_word;
}
#else
static dr_scan_fn best_codes_word(int64_t codes)
{
    (void)codes;
    return codes_word;
}
#endif

void dr_codes_spread(struct dr_source *s, const uint64_t *codes, uint64_t *out)
{
    const struct dr_codes *c = s->codes;
    bool some = false, others = false;
    for (int64_t w = 0; w < dr_words(c->n); w++) {
        some |= (codes[w] & c->used[w]) != 0;
        others |= (~codes[w] & c->used[w]) != 0;
    }
    if (!some)
        return;
    if (!others) {
        dr_rows_fill(out, s->rows);
        return;
    }
    DR_AUTO_FREE uint8_t *by_code = dr_calloc((size_t)c->n + 1, 1);
    for (int64_t k = 0; k < c->n; k++)
        by_code[k] = dr_row_get(codes, k);
    uint64_t few[PERMUTED / 64] = { 0 };
    struct answers answers = { few, by_code };
    if (c->n < PERMUTED)
        memcpy(few, codes, (size_t)dr_words(c->n) * sizeof *few);
    dr_scan(s->raw, best_codes_word(c->n), &answers, out);
}

const int64_t *dr_view_counts(struct dr_plan *p, struct dr_view *v)
{
    struct dr_source *s = v->source;
    if (v->count)
        return v->count;
    if (!v->domain->rows && s->codes)
        return s->codes->count;
    uint64_t *present = dr_plan_bits(p);
    if (v->domain->rows)
        memcpy(present, v->domain->rows, (size_t)dr_words(s->rows) * 8);
    else
        dr_rows_fill(present, s->rows);
    if (s->null)
        dr_rows_and_not(present, s->null, s->rows);
    v->count = count_codes(dr_source_dict(s), present);
    dr_plan_bits_back(p, present);
    return v->count;
}
