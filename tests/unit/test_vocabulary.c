/* The plugin vocabulary: distances as their definition has them, and what is decided from them. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include "../../tasks/vocabulary.c"
#include "../../bench/random.h"

static struct word word_of(const char *text)
{
    return spell(text, (int64_t)strlen(text));
}

static int between(const char *a, const char *b)
{
    struct word x = word_of(a), y = word_of(b);
    return distance(&x, &y);
}

/* The definition itself, without a table: what the last letters may be. */
static int by_definition(const uint32_t *a, int n, const uint32_t *b, int m)
{
    if (n == 0 || m == 0)
        return n + m;
    int best = by_definition(a, n - 1, b, m - 1) + (a[n - 1] != b[m - 1]);
    best = least(best, by_definition(a, n - 1, b, m) + 1);
    best = least(best, by_definition(a, n, b, m - 1) + 1);
    if (n > 1 && m > 1 && a[n - 1] == b[m - 2] && a[n - 2] == b[m - 1])
        best = least(best, by_definition(a, n - 2, b, m - 2) + 1);
    return best;
}

static void a_distance_is_what_its_definition_says(void **state)
{
    (void)state;
    struct rng r;
    rng_init(&r, 7);
    for (int i = 0; i < 3000; i++) {
        struct word a = { .n = (int)below(&r, 7) }, b = { .n = (int)below(&r, 7) };
        for (int k = 0; k < 7; k++) {
            a.letter[k] = 'a' + below(&r, 3);
            b.letter[k] = 'a' + below(&r, 3);
        }
        assert_int_equal(distance(&a, &b), by_definition(a.letter, a.n, b.letter, b.n));
        assert_int_equal(distance(&a, &b), distance(&b, &a));
    }
}

static void each_slip_counts_one(void **state)
{
    (void)state;
    assert_int_equal(between("glucose", "glucose"), 0);
    assert_int_equal(between("glucse", "glucose"), 1);
    assert_int_equal(between("gluccose", "glucose"), 1);
    assert_int_equal(between("glukose", "glucose"), 1);
    assert_int_equal(between("glcuose", "glucose"), 1);
    assert_int_equal(between("ca", "abc"), 3); /* swapped letters are not touched again */
}

static void case_and_white_space_around_do_not_count(void **state)
{
    (void)state;
    assert_int_equal(between(" \tHEART Rate\r\n", "heart rate"), 0);
    assert_int_equal(word_of(" \t ").n, 0);
}

static void letters_are_code_points(void **state)
{
    (void)state;
    assert_int_equal(word_of("a\u00e4\u20ac\U0001f600").n, 4);
    assert_int_equal(between("Gr\u00f6\u00dfe", "Gro\u00dfe"), 1);
    assert_int_equal(between("\u00c4", "\u00e4"), 1); /* only ASCII is folded */
}

static void any_bytes_are_spelt_without_harm(void **state)
{
    (void)state;
    struct rng r;
    rng_init(&r, 11);
    for (int i = 0; i < 20000; i++) {
        size_t n = below(&r, 6);
        char *bytes = need(malloc(n ? n : 1)); /* exactly as long: a step too far would show */
        for (size_t k = 0; k < n; k++)
            bytes[k] = (char)below(&r, 256);
        struct word w = spell(bytes, (int64_t)n);
        assert_in_range(w.n, 0, n);
        free(bytes);
    }
}

static void words_of_200_letters_are_compared_and_longer_ones_are_not(void **state)
{
    (void)state;
    char text[202];
    memset(text, 'x', sizeof text);
    struct word longest = spell(text, 200), longer = spell(text, 201);
    assert_int_equal(longest.n, 200);
    assert_int_equal(longer.n, -1);
    text[100] = 'y';
    longer = spell(text, 200);
    assert_int_equal(distance(&longest, &longer), 1);
}

/* ---- decisions ---- */

static void setup_terms(struct vocabulary *v, int n, const char *const terms[][2])
{
    *v = (struct vocabulary){ .max_distance = 2, .max_share = 0.34 };
    v->terms = need(calloc((size_t)n, sizeof *v->terms));
    for (int i = 0; i < n; i++) {
        v->terms[i].word = word_of(terms[i][0]);
        v->terms[i].means = copy(terms[i][1], (int64_t)strlen(terms[i][1]));
    }
    v->n_terms = n;
}

static void release(struct vocabulary *v)
{
    for (int64_t i = 0; i < v->n_terms; i++)
        free(v->terms[i].means);
    for (size_t i = 0; i < v->room; i++)
        free(v->memory[i].text);
    free(v->terms);
    free(v->memory);
}

static void decides(struct vocabulary *v, const char *text, const char *becomes, int away,
                    const char *decision)
{
    struct dr_cell in = { .state = 1, .p = text, .n = (int64_t)strlen(text) }, out = { 0 };
    put_term(v, 1, &in, &out);
    assert_int_equal(out.n, strlen(becomes));
    assert_memory_equal(out.p, becomes, out.n);
    out = (struct dr_cell){ 0 };
    put_distance(v, 1, &in, &out);
    assert_int_equal(out.state, away >= 0);
    assert_int_equal(away >= 0 ? out.i : -1, away);
    out = (struct dr_cell){ 0 };
    put_decision(v, 1, &in, &out);
    assert_string_equal(out.p, decision);
}

static void the_nearest_term_within_the_limits_is_meant(void **state)
{
    (void)state;
    struct vocabulary v;
    setup_terms(
        &v, 4,
        (const char *const[][2]){
            { "HgB", "HgB" }, { "hemoglobin", "HgB" }, { "HbA1c", "HbA1c" }, { "glucose", "glucose" } });
    decides(&v, "hgb", "HgB", 0, "known");
    decides(&v, "Hgx", "HgB", 1, "corrected"); /* a third of three letters, within 0.34 */
    decides(&v, "Hxx", "Hxx", -1, "kept: no term is near");
    decides(&v, "hemglobni", "HgB", 2, "corrected");
    decides(&v, "hmglobni", "hmglobni", -1, "kept: no term is near");
    decides(&v, "", "", -1, "kept: no term is near");
    release(&v);
}

static void between_two_meanings_nobody_decides(void **state)
{
    (void)state;
    struct vocabulary v;
    setup_terms(&v, 4,
                (const char *const[][2]){
                    { "sodium", "Na" }, { "podium", "P" }, { "kalium", "K" }, { "kalzum", "K" } });
    decides(&v, "modium", "modium", -1, "kept: several terms are equally near");
    decides(&v, "sodium", "Na", 0, "known"); /* nearer than the other */
    decides(&v, "kalixum", "K", 1, "corrected");
    decides(&v, "kalum", "K", 1, "corrected"); /* one from both, which mean the same */
    release(&v);
}

static void thousands_of_spellings_are_remembered_apart(void **state)
{
    (void)state;
    struct vocabulary v;
    char text[32];
    setup_terms(&v, 1, (const char *const[][2]){ { "unit 7", "seven" } });
    for (int round = 0; round < 2; round++)
        for (int i = 100; i < 5100; i++) {
            snprintf(text, sizeof text, "spelling number %d", i);
            decides(&v, text, text, -1, "kept: no term is near");
        }
    assert_int_equal(v.used, 5000);
    decides(&v, "unit 7", "seven", 0, "known");
    release(&v);
}

static void a_missing_text_stays_missing(void **state)
{
    (void)state;
    struct vocabulary v;
    struct dr_cell in = { .state = 0 }, out = { 0 };
    setup_terms(&v, 1, (const char *const[][2]){ { "a", "a" } });
    put_term(&v, 1, &in, &out);
    put_distance(&v, 1, &in, &out);
    assert_int_equal(out.state, 0);
    put_decision(&v, 1, &in, &out);
    assert_string_equal(out.p, "missing");
    release(&v);
}

static void what_follows_a_nul_byte_is_not_compared(void **state)
{
    (void)state;
    struct vocabulary v;
    setup_terms(&v, 1, (const char *const[][2]){ { "glucose", "glucose" } });
    assert_ptr_equal(look_up(&v, "glucose\0 x", 10), look_up(&v, "glucose", 7));
    assert_int_equal(look_up(&v, "glucose\0 x", 10)->distance, 0);
    release(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_distance_is_what_its_definition_says),
        cmocka_unit_test(each_slip_counts_one),
        cmocka_unit_test(case_and_white_space_around_do_not_count),
        cmocka_unit_test(letters_are_code_points),
        cmocka_unit_test(any_bytes_are_spelt_without_harm),
        cmocka_unit_test(words_of_200_letters_are_compared_and_longer_ones_are_not),
        cmocka_unit_test(the_nearest_term_within_the_limits_is_meant),
        cmocka_unit_test(between_two_meanings_nobody_decides),
        cmocka_unit_test(thousands_of_spellings_are_remembered_apart),
        cmocka_unit_test(a_missing_text_stays_missing),
        cmocka_unit_test(what_follows_a_nul_byte_is_not_compared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
