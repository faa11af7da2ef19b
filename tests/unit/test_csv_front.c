/* test_csv_front.c - a field is found among the few values of its column exactly where it is one
 * of them, whatever its length and wherever it stands in its group. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include "csv/front.h"
#include "csv/parse.h"
#include "csv/scan.h"
#include "csv/values.h"

enum { ROWS = 4096, FIELD = 48, VALUES = 40 };

static uint64_t seed = 1;

static uint32_t random_below(uint32_t n)
{
    seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (uint32_t)(seed >> 33) % n;
}

struct column {
    struct dr_csv_front *front;
    char value[VALUES][FIELD]; /* code i is value i, where taken[i] */
    bool taken[VALUES];
    char *text;
    uint32_t *before; /* ROWS + 1 */
    int number[ROWS]; /* of each row's value; -1: it is empty */
    bool quoted[ROWS];
};

static int setup(void **state)
{
    struct column *c = calloc(1, sizeof *c);
    c->front = dr_csv_front_new();
    c->text = calloc(ROWS + 2, FIELD + 3);
    c->before = malloc((ROWS + 1) * sizeof *c->before);
    *state = c;
    return 0;
}

static int teardown(void **state)
{
    struct column *c = *state;
    dr_csv_front_free(c->front);
    free(c->text);
    free(c->before);
    free(c);
    return 0;
}

static void skip_without_avx512(void)
{
    if (dr_best_isa() < DR_ISA_AVX512) {
        print_message("no AVX-512 here\n");
        skip();
    }
}

/* Texts of these lengths of few letters, so that many are alike but for a byte. */
static void make_values(struct column *c, uint32_t shortest, uint32_t longest)
{
    for (int i = 0; i < VALUES; i++) {
        uint32_t n = shortest + random_below(longest - shortest + 1);
        memset(c->value[i], 'a', n);
        c->value[i][n] = '\0';
        for (int k = 0; k < 3; k++)
            c->value[i][random_below(n)] = (char)('a' + random_below(26));
    }
}

static void put_values(struct column *c, int n)
{
    for (int i = 0; i < n; i++)
        c->taken[i] = c->taken[i] || dr_csv_front_put(c->front, dr_str_of(c->value[i]), i);
}

static struct dr_csv_strip make_rows(struct column *c, bool quotes)
{
    size_t at = 0;
    c->before[0] = UINT32_MAX;
    for (int i = 0; i < ROWS; i++) {
        c->number[i] = (int)random_below(VALUES + 2) - 2;
        c->quoted[i] = quotes && random_below(3) == 0;
        const char *value = c->number[i] < 0 ? "" : c->value[c->number[i]];
        at += (size_t)snprintf(c->text + at, FIELD, c->quoted[i] ? "\"%s\"" : "%s", value);
        c->before[i + 1] = (uint32_t)at;
        c->text[at++] = ',';
    }
    return (struct dr_csv_strip){ .p = c->text,
                                  .ends = c->before + 1,
                                  .stride = 1,
                                  .rows = ROWS,
                                  .separator = ',',
                                  .quotes = quotes,
                                  .quote = '"' };
}

/* The code of a value that is not missing: the first that is the same text. */
static int code_of(const struct column *c, int number)
{
    for (int i = 0; i < VALUES; i++)
        if (c->taken[i] && strcmp(c->value[i], c->value[number]) == 0)
            return i;
    return -1;
}

static void check_rows(struct column *c, bool quotes, bool keep_empty)
{
    static int32_t codes[ROWS];
    static uint8_t found[ROWS / DR_CSV_WIDE];
    struct dr_csv_strip strip = make_rows(c, quotes);
    int32_t any = 0, seen = dr_csv_front_find(c->front, &strip, keep_empty, codes, found);
    for (int i = 0; i < ROWS; i++) {
        bool is_found = found[i / DR_CSV_WIDE] >> i % DR_CSV_WIDE & 1, empty = c->number[i] < 0;
        int code = empty ? DR_CSV_NULL : code_of(c, c->number[i]);
        bool expected = empty ? !(keep_empty && c->quoted[i]) : code >= 0;
        if (is_found != expected || (expected && codes[i] != code))
            fail_msg("row %d, value %d: %d, code %d instead of %d, code %d", i, c->number[i], is_found,
                     codes[i], expected, code);
        any |= expected ? code : 0;
    }
    assert_int_equal(seen, any);
}

/* The same rows told by offset and length. The first of every seven has another tag. */
static void check_tagged(struct column *c)
{
    enum { TAG = 5, OTHER = 4 };
    static int32_t codes[ROWS];
    static uint8_t found[ROWS / DR_CSV_WIDE];
    static uint32_t texts[ROWS][2];
    (void)make_rows(c, false);
    for (int i = 0; i < ROWS; i++) {
        uint32_t from = c->before[i] + 1;
        texts[i][0] = from;
        texts[i][1] = (c->before[i + 1] - from) << 4 | (i % 7 ? TAG : OTHER);
    }
    int32_t any = 0, seen = dr_csv_front_find_tagged(c->front, c->text, texts[0], ROWS, TAG, codes, found);
    for (int i = 0; i < ROWS; i++) {
        bool is_found = found[i / DR_CSV_WIDE] >> i % DR_CSV_WIDE & 1;
        int code = c->number[i] < 0 || i % 7 == 0 ? -1 : code_of(c, c->number[i]);
        if (is_found != (code >= 0) || (is_found && codes[i] != code))
            fail_msg("row %d, value %d: %d, code %d instead of %d", i, c->number[i], is_found, codes[i],
                     code);
        any |= code >= 0 ? code : 0;
    }
    assert_int_equal(seen, any);
}

static void check_lengths(struct column *c, uint32_t shortest, uint32_t longest)
{
    skip_without_avx512();
    make_values(c, shortest, longest);
    for (int n = 0; n <= VALUES; n += 5) {
        put_values(c, n);
        for (int how = 0; how < 4; how++)
            check_rows(c, how & 1, how & 2);
        check_tagged(c);
    }
}

static void test_values_of_one_word(void **state)
{
    check_lengths(*state, 1, 8);
}

static void test_values_of_two_words(void **state)
{
    check_lengths(*state, 8, 16);
}

static void test_values_of_four_words(void **state)
{
    check_lengths(*state, 17, DR_CSV_FRONT_TEXT);
}

static void test_values_of_every_length_and_longer_ones(void **state)
{
    check_lengths(*state, 1, DR_CSV_FRONT_TEXT + 3);
}

static void test_a_dozen_values_find_a_place_and_a_hundred_do_not(void **state)
{
    struct column *c = *state;
    int taken = 0;
    for (int i = 0; i < 100; i++) {
        char text[FIELD] = { 0 };
        snprintf(text, sizeof text, "ward %d", i);
        taken += dr_csv_front_put(c->front, dr_str_of(text), i);
        assert_true(i >= 12 || taken == i + 1);
    }
    assert_in_range(taken, 12, 31);
}

static void test_a_value_is_taken_once_and_its_code_may_change(void **state)
{
    struct column *c = *state;
    skip_without_avx512();
    make_values(c, 5, 20);
    put_values(c, 10);
    put_values(c, 10);
    dr_csv_front_set(c->front, dr_str_of(c->value[3]), 77);
    dr_csv_front_set(c->front, dr_str_of("not there"), 5);
    struct dr_csv_strip strip = make_rows(c, false);
    int32_t codes[DR_CSV_WIDE];
    uint8_t found;
    int checked = 0;
    for (int i = 0; i + DR_CSV_WIDE <= ROWS; i += DR_CSV_WIDE, strip.ends += DR_CSV_WIDE) {
        strip.rows = DR_CSV_WIDE;
        (void)dr_csv_front_find(c->front, &strip, false, codes, &found);
        for (int k = 0; k < DR_CSV_WIDE; k++) {
            if (c->number[i + k] != 3)
                continue;
            assert_true(found >> k & 1);
            assert_int_equal(codes[k], 77);
            checked++;
        }
    }
    assert_true(checked > 0);
}

static void test_empty_and_long_texts_are_not_taken(void **state)
{
    struct column *c = *state;
    char text[FIELD] = { 0 };
    assert_false(dr_csv_front_put(c->front, dr_str_of(text), 0));
    memset(text, 'x', DR_CSV_FRONT_TEXT + 1);
    assert_false(dr_csv_front_put(c->front, dr_str_of(text), 0));
    text[DR_CSV_FRONT_TEXT] = '\0';
    assert_true(dr_csv_front_put(c->front, dr_str_of(text), 0));
}

int main(void)
{
#define EACH(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        EACH(test_values_of_one_word),
        EACH(test_values_of_two_words),
        EACH(test_values_of_four_words),
        EACH(test_values_of_every_length_and_longer_ones),
        EACH(test_a_dozen_values_find_a_place_and_a_hundred_do_not),
        EACH(test_a_value_is_taken_once_and_its_code_may_change),
        EACH(test_empty_and_long_texts_are_not_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
