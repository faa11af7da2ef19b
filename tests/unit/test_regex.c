/* Regular expressions and LIKE patterns. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "expect/regex.h"

static int find(const char *pattern, const char *text, bool at_start)
{
    struct dr_regex *r;
    struct dr_err err = { 0 };
    if (dr_regex_new(pattern, &r, &err))
        fail_msg("%s", err.msg);
    int hit = at_start ? dr_regex_match(r, dr_str_of(text), &err) : dr_regex_search(r, dr_str_of(text), &err);
    dr_regex_free(r);
    return hit;
}

static void a_search_looks_anywhere(void **state)
{
    (void)state;
    assert_int_equal(find("b+", "aabb", false), 1);
    assert_int_equal(find("^b", "aabb", false), 0);
    assert_int_equal(find("", "", false), 1);
}

static void a_match_begins_at_the_first_byte(void **state)
{
    (void)state;
    assert_int_equal(find("a", "ab", true), 1);
    assert_int_equal(find("b", "ab", true), 0);
}

static void classes_are_those_of_unicode(void **state)
{
    (void)state;
    assert_int_equal(find("^\\w+$", "M\xc3\xbcller", false), 1);
    assert_int_equal(find("^.$", "\xe2\x82\xac", false), 1);
    assert_int_equal(find("^\\d$", "\xd9\xa3", false), 1);
}

static void a_dollar_matches_before_a_final_newline_as_in_python(void **state)
{
    (void)state;
    assert_int_equal(find("^a$", "a\n", false), 1);
    assert_int_equal(find("^a$", "a\nb", false), 0);
}

static void a_bad_pattern_names_the_place(void **state)
{
    struct dr_regex *r;
    struct dr_err err = { 0 };
    (void)state;
    assert_int_equal(dr_regex_new("a(b", &r, &err), DR_EDEF);
    assert_non_null(strstr(err.msg, "'a(b'"));
    assert_non_null(strstr(err.msg, "character 3"));
}

static void a_hostile_pattern_ends_in_an_error(void **state)
{
    char text[64];
    struct dr_regex *r;
    struct dr_err err = { 0 };
    (void)state;
    memset(text, 'a', sizeof text - 2);
    text[sizeof text - 2] = '!';
    text[sizeof text - 1] = 0;
    assert_int_equal(dr_regex_new("^(a+)+$|(?R)", &r, &err), 0);
    assert_int_equal(dr_regex_search(r, dr_str_of(text), &err), -1);
    assert_int_not_equal(err.rc, 0);
    dr_regex_free(r);
}

static void text_that_is_not_utf8_is_an_error(void **state)
{
    (void)state;
    assert_int_equal(find("a", "\xff", false), -1);
}

static bool like(const char *pattern, const char *text)
{
    return dr_like(dr_str_of(pattern), dr_str_of(text));
}

static void like_knows_percent_and_underscore_only(void **state)
{
    (void)state;
    assert_true(like("a%", "abc"));
    assert_true(like("%b%", "abc"));
    assert_true(like("a_c", "abc"));
    assert_true(like("%", ""));
    assert_true(like("%a%b%", "xxaxxbxx"));
    assert_false(like("a_", "a"));
    assert_false(like("[a]", "a"));
    assert_false(like("", "a"));
}

static void like_folds_ascii_letters_and_counts_characters(void **state)
{
    (void)state;
    assert_true(like("A%Z", "aZZz"));
    assert_true(like("_", "\xc3\xa4"));
    assert_false(like("\xc3\x84", "\xc3\xa4"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_search_looks_anywhere),
        cmocka_unit_test(a_match_begins_at_the_first_byte),
        cmocka_unit_test(classes_are_those_of_unicode),
        cmocka_unit_test(a_dollar_matches_before_a_final_newline_as_in_python),
        cmocka_unit_test(a_bad_pattern_names_the_place),
        cmocka_unit_test(a_hostile_pattern_ends_in_an_error),
        cmocka_unit_test(text_that_is_not_utf8_is_an_error),
        cmocka_unit_test(like_knows_percent_and_underscore_only),
        cmocka_unit_test(like_folds_ascii_letters_and_counts_characters),
    };
    return cmocka_run_group_tests_name("regex", tests, NULL, NULL);
}
