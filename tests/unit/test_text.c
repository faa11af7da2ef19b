/* test_text.c - trimming, case and normal forms of Unicode text. */
#include <stdlib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "data/text.h"

static void check_trim(const char *text, const char *expected)
{
    struct dr_str s = dr_text_trim(dr_str_of(text));
    assert_int_equal(s.n, strlen(expected));
    assert_memory_equal(s.p, expected, s.n);
}

static void check_form(const char *text, enum dr_text_form form, const char *expected)
{
    DR_AUTO_BUF out = { 0 };
    dr_buf_puts(&out, "<");
    assert_int_equal(dr_text_put(&out, dr_str_of(text), form, NULL), 0);
    assert_string_equal(dr_buf_cstr(&out) + 1, expected);
}

static void test_trimming_knows_unicode_spaces(void **state)
{
    (void)state;
    check_trim("", "");
    check_trim(" \t\r\n\v\f", "");
    check_trim(" a b ", "a b");
    check_trim("\xC2\xA0\xE3\x80\x80"
               "ž\xE2\x80\x89\xEF\xBB\xBF",
               "ž");
    check_trim("\xE2\x80\x8Bx", "\xE2\x80\x8Bx"); /* a zero width space is no white space */
}

static void test_trimming_stops_at_bytes_that_are_not_text(void **state)
{
    (void)state;
    check_trim(" \xFF ", "\xFF");
    check_trim("\xA0 \xA0", "\xA0 \xA0");
    check_trim("a\xC2", "a\xC2");
}

static void test_case_folding_makes_spellings_equal(void **state)
{
    (void)state;
    check_form("Heart RATE", DR_TEXT_FOLD, "heart rate");
    check_form("STRASSE", DR_TEXT_FOLD, "strasse");
    check_form("Straße", DR_TEXT_FOLD, "strasse");
    check_form("ÅNGSTRÖM", DR_TEXT_FOLD, "ångström");
}

static void test_upper_and_lower_case(void **state)
{
    (void)state;
    check_form("mmHg", DR_TEXT_LOWER, "mmhg");
    check_form("mmHg", DR_TEXT_UPPER, "MMHG");
    check_form("Žofie", DR_TEXT_UPPER, "ŽOFIE");
    check_form("ŽOFIE", DR_TEXT_LOWER, "žofie");
}

static void test_nfc_composes(void **state)
{
    (void)state;
    check_form("e\xCC\x81", DR_TEXT_NFC, "\xC3\xA9");
    check_form("plain Text", DR_TEXT_NFC, "plain Text");
}

static void test_text_that_is_not_utf8_is_refused_and_nothing_appended(void **state)
{
    (void)state;
    for (int form = DR_TEXT_NFC; form <= DR_TEXT_UPPER; form++) {
        DR_AUTO_BUF out = { 0 };
        struct dr_err err = { 0 };
        assert_int_equal(dr_text_put(&out, DR_LIT("a\xFF"), (enum dr_text_form)form, &err), DR_EINPUT);
        assert_string_equal(err.msg, "the text is not valid UTF-8");
        assert_int_equal(out.n, 0);
    }
}

static void test_text_over_the_limit_of_the_buffer_is_refused(void **state)
{
    (void)state;
    DR_AUTO_BUF out = { .max = 4 };
    struct dr_err err = { 0 };
    assert_int_equal(dr_text_put(&out, DR_LIT("\xC3\xA9\xC3\xA9\xC3\xA9"), DR_TEXT_UPPER, &err), DR_ELIMIT);
    assert_int_equal(out.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trimming_knows_unicode_spaces),
        cmocka_unit_test(test_trimming_stops_at_bytes_that_are_not_text),
        cmocka_unit_test(test_case_folding_makes_spellings_equal),
        cmocka_unit_test(test_upper_and_lower_case),
        cmocka_unit_test(test_nfc_composes),
        cmocka_unit_test(test_text_that_is_not_utf8_is_refused_and_nothing_appended),
        cmocka_unit_test(test_text_over_the_limit_of_the_buffer_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
