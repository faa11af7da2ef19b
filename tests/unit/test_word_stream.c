/* Ranks and distinct values of more words than the room holds, against all of them sorted. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "rollup/word_stream.h"
#include "random_table.h"

enum { WORDS = 50000, PIECE = 777 };

/* ---- words that are awkward in some way ---- */

static uint64_t any_word(uint64_t *s)
{
    return (uint64_t)random_below(s, INT64_C(1) << 32) << 32 | (uint64_t)random_below(s, INT64_C(1) << 32);
}
static uint64_t all_equal(uint64_t *s, int64_t i)
{
    (void)s;
    (void)i;
    return UINT64_MAX;
}
static uint64_t the_two_ends(uint64_t *s, int64_t i)
{
    (void)i;
    return random_below(s, 2) ? UINT64_MAX : 0;
}
static uint64_t near_the_end(uint64_t *s, int64_t i)
{
    (void)i;
    return UINT64_MAX - (uint64_t)random_below(s, 100000);
}
static uint64_t anything(uint64_t *s, int64_t i)
{
    (void)i;
    return any_word(s);
}
static uint64_t mostly_one(uint64_t *s, int64_t i)
{
    return i % 10 ? UINT64_C(1) << 40 : any_word(s);
}
static uint64_t dense_and_far_apart(uint64_t *s, int64_t i)
{
    return (i % 2 ? UINT64_C(1) << 63 : 0) + (uint64_t)random_below(s, 300);
}
static uint64_t (*const makers[])(uint64_t *s, int64_t i) = { all_equal, the_two_ends, near_the_end,
                                                              anything,  mostly_one,   dense_and_far_apart };
enum { N_MAKERS = sizeof(makers) / sizeof(makers[0]) };

/* ---- a stream of an array ---- */

struct source {
    const uint64_t *words;
    int64_t n;
    int32_t fail_at, passes; /* the pass that cannot be read; 0: none */
};

static int32_t each(void *source, dr_words_fn fn, void *ctx, struct dr_err *err)
{
    struct source *s = source;
    if (++s->passes == s->fail_at)
        return dr_fail(err, DR_ESYS, "cannot be read");
    for (int64_t i = 0; i < s->n; i += PIECE)
        fn(ctx, s->words + i, s->n - i < PIECE ? s->n - i : PIECE);
    return DR_OK;
}

static int by_word(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

struct words {
    uint64_t *all, *sorted, *room;
    struct source source;
    struct dr_word_stream stream;
};

static struct words make_words(int32_t maker, int64_t room)
{
    uint64_t seed = 5 + (uint64_t)maker;
    struct words w = { .all = dr_malloc(WORDS * 8), .sorted = dr_malloc(WORDS * 8) };
    w.room = dr_malloc((size_t)room * 8);
    for (int64_t i = 0; i < WORDS; i++)
        w.all[i] = w.sorted[i] = makers[maker](&seed, i);
    qsort(w.sorted, WORDS, sizeof(*w.sorted), by_word);
    w.source = (struct source){ w.all, WORDS, 0, 0 };
    w.stream = (struct dr_word_stream){ each, NULL, WORDS, w.room, room };
    return w;
}

static void words_done(struct words *w)
{
    free(w->all);
    free(w->sorted);
    free(w->room);
}

/* ---- tests ---- */

static void ranks_are_those_of_the_sorted_words(void **state)
{
    (void)state;
    for (int32_t maker = 0; maker < N_MAKERS; maker++)
        for (int64_t room = 1; room <= 100000; room *= 100) {
            struct words w = make_words(maker, room);
            struct dr_rank ranks[] = { { 0, 0 },         { 1, 0 },         { 1, 0 },
                                       { WORDS / 4, 0 }, { WORDS / 2, 0 }, { WORDS / 2 + 1, 0 },
                                       { 47500, 0 },     { WORDS - 2, 0 }, { WORDS - 1, 0 } };
            enum { N = sizeof(ranks) / sizeof(ranks[0]) };
            struct dr_err err = { 0 };
            w.stream.source = &w.source;
            assert_int_equal(DR_OK, dr_stream_ranks(&w.stream, ranks, N, &err));
            for (int32_t i = 0; i < N; i++)
                assert_true(ranks[i].word == w.sorted[ranks[i].k]);
            assert_int_equal(WORDS / 4, ranks[3].k);
            words_done(&w);
        }
}

static void distinct_words_are_counted_within_the_room(void **state)
{
    (void)state;
    for (int32_t maker = 0; maker < N_MAKERS; maker++)
        for (int64_t room = 100; room <= 100000; room *= 10) {
            struct words w = make_words(maker, room);
            struct dr_err err = { 0 };
            int64_t wanted = 1, got = 0;
            for (int64_t i = 1; i < WORDS; i++)
                wanted += w.sorted[i] != w.sorted[i - 1];
            w.stream.source = &w.source;
            assert_int_equal(DR_OK, dr_stream_distinct(&w.stream, &got, &err));
            assert_int_equal(wanted, got);
            words_done(&w);
        }
}

/* Four passes count, and one gathers: no words make it read for ever. */
static void passes_are_few(void **state)
{
    (void)state;
    for (int32_t maker = 0; maker < N_MAKERS; maker++) {
        struct words w = make_words(maker, 1000);
        struct dr_rank median = { WORDS / 2, 0 };
        struct dr_err err = { 0 };
        w.stream.source = &w.source;
        assert_int_equal(DR_OK, dr_stream_ranks(&w.stream, &median, 1, &err));
        assert_in_range(w.source.passes, 1, 5);
        words_done(&w);
    }
}

static void a_pass_that_fails_fails_all(void **state)
{
    (void)state;
    for (int32_t pass = 1; pass <= 2; pass++) {
        struct words w = make_words(3, 10);
        struct dr_rank median = { WORDS / 2, 0 };
        struct dr_err err = { 0 };
        int64_t distinct;
        w.stream.source = &w.source;
        w.source.fail_at = pass;
        assert_int_equal(DR_ESYS, dr_stream_ranks(&w.stream, &median, 1, &err));
        w.source.passes = 0;
        assert_int_equal(DR_ESYS, dr_stream_distinct(&w.stream, &distinct, &err));
        words_done(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranks_are_those_of_the_sorted_words),
        cmocka_unit_test(distinct_words_are_counted_within_the_room),
        cmocka_unit_test(passes_are_few),
        cmocka_unit_test(a_pass_that_fails_fails_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
