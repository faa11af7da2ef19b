/* Views, buffers, UTF-8, nearness and patterns. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include "base/str.h"

static void views_compare_by_bytes(void **state)
{
    (void)state;
    assert_true(dr_str_cmp(DR_LIT("a"), DR_LIT("b")) < 0);
    assert_true(dr_str_cmp(DR_LIT("a"), DR_LIT("ab")) < 0);
    assert_true(dr_str_cmp(DR_LIT("\xC3\xA9"), DR_LIT("z")) > 0);
    assert_int_equal(dr_str_cmp((struct dr_str){ NULL, 0 }, DR_LIT("")), 0);
    assert_true(dr_str_eq((struct dr_str){ NULL, 0 }, DR_LIT("")));
}

static void starts_and_ends_are_found(void **state)
{
    (void)state;
    assert_true(dr_str_starts(DR_LIT("abc"), DR_LIT("ab")));
    assert_false(dr_str_starts(DR_LIT("a"), DR_LIT("ab")));
    assert_true(dr_str_ends(DR_LIT("x.csv"), DR_LIT(".csv")));
    assert_false(dr_str_ends(DR_LIT("sv"), DR_LIT("csv")));
    assert_true(dr_str_ends(DR_LIT("x"), DR_LIT("")));
}

static void white_space_is_trimmed_at_both_ends(void **state)
{
    (void)state;
    assert_true(dr_str_eq(dr_str_trim(DR_LIT(" \t a b\r\n")), DR_LIT("a b")));
    assert_int_equal(dr_str_trim(DR_LIT(" \n ")).n, 0);
}

static void splitting_gives_every_piece_also_empty_ones(void **state)
{
    (void)state;
    struct dr_str rest = DR_LIT("a,,b,"), piece;
    const char *expected[] = { "a", "", "b", "" };
    for (size_t i = 0; i < 4; i++) {
        assert_true(dr_str_split(&rest, ',', &piece));
        assert_true(dr_str_eq(piece, dr_str_of(expected[i])));
    }
    assert_false(dr_str_split(&rest, ',', &piece));
}

static void a_buffer_grows_and_stays_terminated(void **state)
{
    (void)state;
    DR_AUTO_BUF b = { 0 };
    assert_string_equal(dr_buf_cstr(&b), "");
    for (int i = 0; i < 1000; i++)
        assert_int_equal(dr_buf_printf(&b, "%03d,", i), 0);
    assert_int_equal(b.n, 4000);
    assert_int_equal(strlen(b.p), 4000);
    assert_memory_equal(b.p + 3996, "999,", 5);
}

static void long_formatted_text_goes_in_whole(void **state)
{
    (void)state;
    DR_AUTO_BUF b = { 0 };
    dr_buf_puts(&b, "x");
    assert_int_equal(dr_buf_printf(&b, "%0*d", 1000, 5), 0);
    assert_int_equal(b.n, 1001);
    assert_int_equal(b.p[1000], '5');
}

static void an_append_past_the_maximum_changes_nothing_and_sticks(void **state)
{
    (void)state;
    DR_AUTO_BUF b = { .max = 5 };
    assert_int_equal(dr_buf_puts(&b, "1234"), 0);
    assert_int_equal(dr_buf_puts(&b, "56"), DR_ELIMIT);
    assert_string_equal(dr_buf_cstr(&b), "1234");
    assert_false(dr_buf_ok(&b));
    assert_int_equal(dr_buf_putc(&b, '5'), DR_ELIMIT); /* though it would fit */
    assert_int_equal(dr_buf_printf(&b, "%0*d", 400, 1), DR_ELIMIT);
    dr_buf_clear(&b);
    assert_true(dr_buf_ok(&b));
    assert_int_equal(dr_buf_puts(&b, "12345"), 0);
}

static void a_huge_reservation_is_refused(void **state)
{
    (void)state;
    DR_AUTO_BUF b = { 0 };
    dr_buf_putc(&b, 'x');
    assert_null(dr_buf_reserve(&b, SIZE_MAX));
    assert_string_equal(dr_buf_cstr(&b), "x");
}

static void only_well_formed_utf8_is_valid(void **state)
{
    (void)state;
    static const char *const good[] = {
        "", "abc", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80", "\xF4\x8F\xBF\xBF"
    };
    static const char *const bad[] = {
        "\x80",         "\xC0\xAF",         "\xC1\xBF",         "\xE0\x80\x80",
        "\xED\xA0\x80", "\xF0\x80\x80\x80", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80",
        "\xC3",         "\xE2\x82",         "\xF0\x9F\x98",     "\xC3(",
        "\xFF"
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_true(dr_utf8_valid(dr_str_of(good[i])));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(dr_utf8_valid(dr_str_of(bad[i])));
}

static void the_valid_prefix_ends_at_the_first_bad_byte(void **state)
{
    (void)state;
    char text[64];
    for (size_t at = 0; at < 40; at++) {
        memset(text, 'a', sizeof(text));
        text[at] = '\xFF';
        assert_int_equal(dr_utf8_valid_prefix((struct dr_str){ text, 40 }), at);
    }
}

static void length_counts_code_points_and_bad_bytes(void **state)
{
    (void)state;
    assert_int_equal(dr_utf8_length(DR_LIT("a\xC3\xA9\xF0\x9F\x98\x80")), 3);
    assert_int_equal(dr_utf8_length(DR_LIT("\xE2\x82x")), 3);
}

static void code_points_are_decoded(void **state)
{
    (void)state;
    size_t n;
    assert_int_equal(dr_utf8_next(DR_LIT("\xE2\x82\xAC!"), &n), 0x20AC);
    assert_int_equal(n, 3);
    assert_int_equal(dr_utf8_next(DR_LIT("\xF0\x9F\x98\x80"), &n), 0x1F600);
    assert_int_equal(dr_utf8_next(DR_LIT("\xE2\x82"), &n), 0xFFFD);
    assert_int_equal(n, 1);
}

static void assert_visible(const char *text, size_t max, const char *expected)
{
    DR_AUTO_BUF b = { 0 };
    dr_buf_put_visible(&b, dr_str_of(text), max);
    assert_string_equal(dr_buf_cstr(&b), expected);
}

static void shown_text_cannot_control_a_terminal(void **state)
{
    (void)state;
    assert_visible("caf\xC3\xA9 \xE2\x82\xAC", 0, "caf\xC3\xA9 \xE2\x82\xAC");
    assert_visible("a\x1B[31m\nb\x7F", 0, "a\\x1B[31m\\x0Ab\\x7F");
    assert_visible("\xFF\x80", 0, "\\xFF\\x80");
    assert_visible("\xE2\x80\xAE"
                   "gpj",
                   0, "\\u{202E}gpj");
    assert_visible("\xC2\x9B"
                   "31m",
                   0, "\\u{009B}31m");
}

static void shown_text_is_cut_after_max_code_points(void **state)
{
    (void)state;
    assert_visible("\xC3\xA9\xC3\xA9\xC3\xA9", 2, "\xC3\xA9\xC3\xA9...");
    assert_visible("abc", 3, "abc");
}

static int distance(const char *a, const char *b, int max)
{
    return dr_edit_distance(dr_str_of(a), dr_str_of(b), max);
}

static void the_edit_distance_counts_swaps_as_one(void **state)
{
    (void)state;
    assert_int_equal(distance("", "", 5), 0);
    assert_int_equal(distance("kitten", "sitting", 5), 3);
    assert_int_equal(distance("teh", "the", 5), 1);
    assert_int_equal(distance("ca", "abc", 5), 3);
    assert_int_equal(distance("abcdef", "", 10), 6);
}

static void a_larger_distance_is_max_plus_one(void **state)
{
    (void)state;
    assert_int_equal(distance("abcdef", "uvwxyz", 2), 3);
    assert_int_equal(distance("a", "abcdef", 2), 3);
    assert_int_equal(distance("kitten", "sitting", 2), 3);
}

static void the_nearest_candidate_is_found(void **state)
{
    (void)state;
    const char *const names[] = { "validate", "transform", "shell" };
    assert_string_equal(dr_nearest("validat", names, 3), "validate");
    assert_string_equal(dr_nearest("tranfsorm", names, 3), "transform");
    assert_null(dr_nearest("quarantine", names, 3));
    assert_null(dr_nearest("x", NULL, 0));
}

static void of_several_near_candidates_the_nearest_wins(void **state)
{
    (void)state;
    const char *const names[] = { "abcdxy", "abcdex", "abcdez" };
    assert_string_equal(dr_nearest("abcdef", names, 3), "abcdex");
}

static void patterns_match_as_in_a_shell(void **state)
{
    (void)state;
    assert_true(dr_glob("*", ""));
    assert_true(dr_glob("load_*", "load_patients"));
    assert_true(dr_glob("*_v?", "x_v2"));
    assert_true(dr_glob("a*b*c", "a-b-b-c"));
    assert_true(dr_glob("?", "\xC3\xA9"));
    assert_true(dr_glob("[a-c]1", "b1"));
    assert_true(dr_glob("[!a-c]1", "d1"));
    assert_true(dr_glob("[]]", "]"));
    assert_true(dr_glob("[x", "[x"));
    assert_false(dr_glob("[a-c]1", "d1"));
    assert_false(dr_glob("a*b", "a-b-c"));
    assert_false(dr_glob("", "x"));
    assert_false(dr_glob("?", ""));
}

static void a_pattern_of_many_stars_is_quick(void **state)
{
    (void)state;
    char text[2001];
    memset(text, 'a', 2000);
    text[2000] = '\0';
    assert_false(dr_glob("*a*a*a*a*a*a*a*a*a*a*a*a*b", text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(views_compare_by_bytes),
        cmocka_unit_test(starts_and_ends_are_found),
        cmocka_unit_test(white_space_is_trimmed_at_both_ends),
        cmocka_unit_test(splitting_gives_every_piece_also_empty_ones),
        cmocka_unit_test(a_buffer_grows_and_stays_terminated),
        cmocka_unit_test(long_formatted_text_goes_in_whole),
        cmocka_unit_test(an_append_past_the_maximum_changes_nothing_and_sticks),
        cmocka_unit_test(a_huge_reservation_is_refused),
        cmocka_unit_test(only_well_formed_utf8_is_valid),
        cmocka_unit_test(the_valid_prefix_ends_at_the_first_bad_byte),
        cmocka_unit_test(length_counts_code_points_and_bad_bytes),
        cmocka_unit_test(code_points_are_decoded),
        cmocka_unit_test(shown_text_cannot_control_a_terminal),
        cmocka_unit_test(shown_text_is_cut_after_max_code_points),
        cmocka_unit_test(the_edit_distance_counts_swaps_as_one),
        cmocka_unit_test(a_larger_distance_is_max_plus_one),
        cmocka_unit_test(the_nearest_candidate_is_found),
        cmocka_unit_test(of_several_near_candidates_the_nearest_wins),
        cmocka_unit_test(patterns_match_as_in_a_shell),
        cmocka_unit_test(a_pattern_of_many_stars_is_quick),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
