/* word_stream.c - passes over words, each of which looks at a range of them.
 *
 * A range that does not fit into the room is counted in BINS equal parts and then taken part by
 * part: after four passes a part is one word, so depth is bounded whatever the words are. */
#include "rollup/word_stream.h"
#include <stdlib.h>
#include "base/mem.h"

enum { BIN_BITS = 16, BINS = 1 << BIN_BITS };

/* The words from least to most, so many. */
struct range {
    uint64_t least, most;
    int64_t n;
};
static const struct range everything = { 0, UINT64_MAX, 0 };

/* ---- passes -------------------------------------------------------------------------- */

struct gather {
    struct range range;
    uint64_t *room;
    int64_t n;
};

static void gather_piece(void *ctx, const uint64_t *words, int64_t n)
{
    struct gather *g = ctx;
    const uint64_t least = g->range.least, span = g->range.most - least;
    for (int64_t i = 0; i < n; i++)
        if (words[i] - least <= span && g->n < g->range.n)
            g->room[g->n++] = words[i];
}

/* The words of a range that fits into the room. */
static int32_t gather(const struct dr_word_stream *s, const struct range *range, struct dr_err *err)
{
    struct gather g = { *range, s->room, 0 };
    DR_TRY(s->each(s->source, gather_piece, &g, err));
    return g.n == range->n ? DR_OK : dr_fail(err, DR_EBUG, "values changed while they were read");
}

struct bins {
    struct range range;
    int32_t shift; /* word - least >> shift is its bin */
    int64_t n;     /* up to BINS */
    int64_t *count;
};

static void count_piece(void *ctx, const uint64_t *words, int64_t n)
{
    const struct bins *b = ctx;
    const uint64_t least = b->range.least, span = b->range.most - least;
    for (int64_t i = 0; i < n; i++)
        if (words[i] - least <= span)
            b->count[(words[i] - least) >> b->shift]++;
}

static int32_t count_bins(const struct dr_word_stream *s, const struct range *range, struct bins *b,
                          struct dr_err *err)
{
    int32_t bits = range->most > range->least ? 64 - __builtin_clzll(range->most - range->least) : 0;
    *b = (struct bins){ .range = *range, .shift = bits > BIN_BITS ? bits - BIN_BITS : 0 };
    b->n = (int64_t)((range->most - range->least) >> b->shift) + 1;
    b->count = dr_calloc((size_t)b->n, sizeof(*b->count));
    return s->each(s->source, count_piece, b, err);
}

static struct range range_of_bin(const struct bins *b, int64_t bin)
{
    uint64_t least = b->range.least + ((uint64_t)bin << b->shift);
    uint64_t most = least + ((UINT64_C(1) << b->shift) - 1);
    return (struct range){ least, most < b->range.most ? most : b->range.most, b->count[bin] };
}

/* ---- ranks ----------------------------------------------------------------------------- */

/* Ranks count from the first word of the range. */
static int32_t find_in_range(const struct dr_word_stream *s, const struct range *range, struct dr_rank *ranks,
                             int32_t n_ranks, struct dr_err *err)
{
    struct bins b;
    int64_t before = 0;
    if (range->n <= s->room_n) {
        DR_TRY(gather(s, range, err));
        dr_find_ranks(s->room, range->n, ranks, n_ranks);
        return DR_OK;
    }
    for (int32_t i = 0; i < n_ranks && range->least == range->most; i++)
        ranks[i].word = range->least;
    if (range->least == range->most)
        return DR_OK;
    int32_t rc = count_bins(s, range, &b, err);
    for (int64_t bin = 0; bin < b.n && n_ranks > 0 && !rc; before += b.count[bin++]) {
        int32_t n = 0;
        while (n < n_ranks && ranks[n].k - before < b.count[bin])
            ranks[n++].k -= before;
        struct range part = range_of_bin(&b, bin);
        if (n > 0)
            rc = find_in_range(s, &part, ranks, n, err);
        for (; n > 0; n--, n_ranks--)
            (ranks++)->k += before;
    }
    free(b.count);
    return rc;
}

int32_t dr_stream_ranks(const struct dr_word_stream *s, struct dr_rank *ranks, int32_t n_ranks,
                        struct dr_err *err)
{
    struct range all = everything;
    all.n = s->n;
    return find_in_range(s, &all, ranks, n_ranks, err);
}

/* ---- distinct ---------------------------------------------------------------------------- */

static int by_word(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static int64_t distinct_in_room(uint64_t *words, int64_t n)
{
    int64_t distinct = 0;
    qsort(words, (size_t)n, sizeof(*words), by_word);
    for (int64_t i = 0; i < n; i++)
        distinct += i == 0 || words[i] != words[i - 1];
    return distinct;
}

/* As many bins from `bin` on as fit together; one that does not fit is alone. */
static struct range next_part(const struct bins *b, int64_t *bin, int64_t room)
{
    struct range part = range_of_bin(b, (*bin)++);
    while (*bin < b->n && part.n + b->count[*bin] <= room) {
        part.n += b->count[*bin];
        part.most = range_of_bin(b, (*bin)++).most;
    }
    return part;
}

static int32_t count_in_range(const struct dr_word_stream *s, const struct range *range, int64_t *ret,
                              struct dr_err *err)
{
    struct bins b;
    if (range->n == 0 || range->least == range->most) {
        *ret += range->n > 0;
        return DR_OK;
    }
    if (range->n <= s->room_n) {
        DR_TRY(gather(s, range, err));
        *ret += distinct_in_room(s->room, range->n);
        return DR_OK;
    }
    int32_t rc = count_bins(s, range, &b, err);
    for (int64_t bin = 0; bin < b.n && !rc;) {
        struct range part = next_part(&b, &bin, s->room_n);
        rc = count_in_range(s, &part, ret, err);
    }
    free(b.count);
    return rc;
}

int32_t dr_stream_distinct(const struct dr_word_stream *s, int64_t *ret, struct dr_err *err)
{
    struct range all = everything;
    all.n = s->n;
    *ret = 0;
    return count_in_range(s, &all, ret, err);
}
