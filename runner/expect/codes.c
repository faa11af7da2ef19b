/* codes.c - columns with a dictionary, looked at once for each distinct value.
 * See plan.h.
 *
 * One pass over the codes counts them. From then on a question about values is
 * answered by code, and only an answer that differs between codes in use is
 * spread over the rows. The rows that got another answer than most, where they are few, are
 * listed with their codes: the next question finds the same codes odd more often than not, and
 * then is answered from the list. */
#if defined(__x86_64__)
#include <immintrin.h>
#endif
#include "base/cpu.h"
#include "data/gather.h"
#include "data/kernel.h"
#include "data/pool.h"
#include "expect/plan.h"

#define AHEAD 4096      /* bytes of codes that are asked of memory before their turn */
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

/* ---- rows that differ ---- */

#define ODD_SHARE 16 /* of so many rows one may be odd */

struct dr_odd_rows {
    int32_t refs;
    uint64_t *codes; /* all rows with these are listed */
    int64_t n, room;
    int64_t *row; /* ascending within a block of rows */
    int32_t *code;
    int64_t *first, *past; /* by block: its part of the list */
};

struct dr_odd_rows *dr_codes_odd(const struct dr_source *s)
{
    struct dr_odd_rows *odd = s->codes ? s->codes->odd : NULL;
    if (odd)
        odd->refs++;
    return odd;
}

void dr_odd_unref(struct dr_odd_rows *odd)
{
    if (!odd || --odd->refs)
        return;
    free(odd->codes);
    free(odd->row);
    free(odd->code);
    free(odd->first);
    free(odd);
}

/* Room for the rows that get another answer than most, if they are few and among them are
 * those listed so far. *ret_flip: what turns their answer into 1. */
static struct dr_odd_rows *odd_new(const struct dr_source *s, const uint64_t *codes, uint64_t *ret_flip)
{
    const struct dr_codes *c = s->codes;
    int64_t in = dr_codes_rows(c, codes), all = s->rows - s->n_null, n = in <= all - in ? in : all - in;
    if (n > s->rows / ODD_SHARE)
        return NULL;
    struct dr_odd_rows *odd = dr_calloc(1, sizeof *odd);
    odd->refs = 1;
    odd->codes = dr_codes_bits(c);
    odd->room = n;
    odd->row = dr_malloc((size_t)n * sizeof *odd->row + 1);
    odd->code = dr_malloc((size_t)n * sizeof *odd->code + 1);
    odd->first = dr_calloc((size_t)dr_blocks(s->rows) * 2, sizeof *odd->first);
    odd->past = odd->first + dr_blocks(s->rows);
    dr_rows_or(odd->codes, codes, c->n);
    *ret_flip = n == in ? 0 : ~UINT64_C(0);
    if (n != in)
        dr_rows_not(odd->codes, c->n);
    for (int64_t w = 0; c->odd && w < dr_words(c->n); w++)
        if (c->odd->codes[w] & ~odd->codes[w] & c->used[w]) {
            dr_odd_unref(odd);
            return NULL;
        }
    return odd;
}

enum among { NONE_OF_THEM, ALL_OF_THEM, SOME_OF_THEM };
/* Whether codes in use, but for `without`, are in the set. */
static enum among codes_among(const struct dr_codes *c, const uint64_t *codes, const uint64_t *without)
{
    bool some = false, others = false;
    for (int64_t w = 0; w < dr_words(c->n); w++) {
        uint64_t used = c->used[w] & ~(without ? without[w] : 0);
        some |= (codes[w] & used) != 0;
        others |= (~codes[w] & used) != 0;
    }
    return some && others ? SOME_OF_THEM : some ? ALL_OF_THEM : NONE_OF_THEM;
}

static void answer_odd(const struct dr_odd_rows *odd, const uint64_t *codes, uint64_t *out)
{
    for (int64_t k = 0; k < odd->n; k++) {
        uint64_t *word = &out[odd->row[k] >> 6], in = dr_row_get(codes, odd->code[k]);
        int at = (int)(odd->row[k] & 63);
        *word = (*word & ~(UINT64_C(1) << at)) | in << at;
    }
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
    dr_odd_unref(c->odd);
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

/* Memory that the processor foresees ends with its page. */
static inline void fetch_ahead(const int32_t *codes)
{
    for (int k = 0; k < 64; k += 16)
        __builtin_prefetch((const char *)((uintptr_t)(codes + k) + AHEAD));
}

static uint64_t codes_word(const struct dr_array *a, int64_t i, int m, const void *ctx)
{
    const uint8_t *by_code = ((const struct answers *)ctx)->bytes;
    const int32_t *codes = (const int32_t *)a->values + i;
    fetch_ahead(codes);
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
DR_AVX2_CODE static uint64_t few_codes_word(const struct dr_array *a, int64_t i, int m, const void *ctx)
{
    const struct answers *by_code = ctx;
    const int32_t *codes = (const int32_t *)a->values + i;
    const __m256i place = _mm256_set1_epi32(31);
    fetch_ahead(codes);
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
    return codes < PERMUTED && dr_has_avx2() ? few_codes_word : codes_word;
}
#else
static dr_scan_fn best_codes_word(int64_t codes)
{
    (void)codes;
    return codes_word;
}
#endif

struct spreading {
    const struct dr_source *s;
    dr_scan_fn fn;
    const struct answers *answers;
    uint64_t *out, flip;
    struct dr_odd_rows *odd; /* NULL: not listed */
};

static void spread_run(void *ctx, const struct dr_array *a, int64_t i, int m, int64_t row)
{
    const struct spreading *p = ctx;
    p->out[row >> 6] |= p->fn(a, i, m, p->answers) << (row & 63);
}

/* Of the words [from, to) of rows: which are odd. */
static uint64_t odd_word(const struct spreading *p, int64_t row, int64_t to)
{
    uint64_t odd = p->out[row >> 6] ^ p->flip;
    if (to - row < 64)
        odd &= dr_tail_mask(to);
    return p->s->null ? odd & ~p->s->null[row >> 6] : odd;
}

/* The codes are in the cache still. */
static void list_block(const struct spreading *p, int64_t block, int64_t from, int64_t to)
{
    const struct dr_column *c = p->s->raw;
    int64_t n = 0;
    for (int64_t row = from; row < to; row += 64)
        n += __builtin_popcountll(odd_word(p, row, to));
    int64_t at = __atomic_fetch_add(&p->odd->n, n, __ATOMIC_RELAXED);
    if (at + n > p->odd->room)
        return;
    p->odd->first[block] = at;
    p->odd->past[block] = at + n;
    int32_t chunk = dr_column_chunk_of(c, from);
    for (int64_t w = from; w < to; w += 64)
        for (uint64_t bits = odd_word(p, w, to); bits; bits &= bits - 1, at++) {
            int64_t row = w + __builtin_ctzll(bits);
            while (row >= c->start[chunk + 1])
                chunk++;
            p->odd->row[at] = row;
            p->odd->code[at] = ((const int32_t *)c->chunk[chunk]->values)[row - c->start[chunk]];
        }
}

static void spread_block(void *ctx, int64_t block, int64_t from, int64_t to)
{
    struct spreading *p = ctx;
    dr_each_run(p->s->raw, from, to, spread_run, p);
    if (p->odd)
        list_block(p, block, from, to);
}

static void spread_over_rows(struct dr_source *s, const uint64_t *codes, const struct answers *answers,
                             uint64_t *out)
{
    struct dr_codes *c = s->codes;
    struct spreading p = { .s = s, .fn = best_codes_word(c->n), .answers = answers, .out = out };
    p.odd = odd_new(s, codes, &p.flip);
    dr_each_block(s->rows, spread_block, &p);
    if (p.odd && p.odd->n == p.odd->room) {
        dr_odd_unref(c->odd);
        c->odd = p.odd;
    } else {
        dr_odd_unref(p.odd); /* rows are missing that nobody has said to be so yet */
    }
}

void dr_codes_spread(struct dr_source *s, const uint64_t *codes, uint64_t *out)
{
    const struct dr_codes *c = s->codes;
    enum among all = codes_among(c, codes, NULL), common = all;
    if (all == SOME_OF_THEM && c->odd)
        common = codes_among(c, codes, c->odd->codes);
    if (common == ALL_OF_THEM)
        dr_rows_fill(out, s->rows);
    if (common != SOME_OF_THEM) {
        if (all == SOME_OF_THEM)
            answer_odd(c->odd, codes, out);
        return;
    }
    DR_AUTO_FREE uint8_t *by_code = dr_calloc((size_t)c->n + 1, 1);
    for (int64_t k = 0; k < c->n; k++)
        by_code[k] = dr_row_get(codes, k);
    uint64_t few[PERMUTED / 64] = { 0 };
    struct answers answers = { few, by_code };
    if (c->n < PERMUTED)
        memcpy(few, codes, (size_t)dr_words(c->n) * sizeof *few);
    spread_over_rows(s, codes, &answers, out);
}

bool dr_codes_each_known(const struct dr_source *s, const struct dr_odd_rows *odd, const uint64_t *rows,
                         dr_code_fn fn, void *ctx)
{
    int64_t known = 0;
    for (int64_t k = 0; odd && k < odd->n; k++)
        known += dr_row_get(rows, odd->row[k]) && !(s->null && dr_row_get(s->null, odd->row[k]));
    if (known == 0 || known != dr_rows_count(rows, s->rows))
        return false;
    for (int64_t b = 0; b < dr_blocks(s->rows); b++)
        for (int64_t k = odd->first[b]; k < odd->past[b]; k++)
            if (dr_row_get(rows, odd->row[k]))
                fn(ctx, odd->row[k], odd->code[k]);
    return true;
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
