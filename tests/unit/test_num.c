/* Numbers from text and to text. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <locale.h>
#include <math.h>
#include <float.h>
#include "base/num.h"

static void integers_are_read_to_their_limits(void **state)
{
    (void)state;
    int64_t v;
    uint64_t u;
    assert_true(dr_parse_i64(DR_LIT("-9223372036854775808"), &v) && v == INT64_MIN);
    assert_true(dr_parse_i64(DR_LIT("+9223372036854775807"), &v) && v == INT64_MAX);
    assert_false(dr_parse_i64(DR_LIT("9223372036854775808"), &v));
    assert_false(dr_parse_i64(DR_LIT("-9223372036854775809"), &v));
    assert_true(dr_parse_u64(DR_LIT("18446744073709551615"), &u) && u == UINT64_MAX);
    assert_false(dr_parse_u64(DR_LIT("18446744073709551616"), &u));
    assert_false(dr_parse_u64(DR_LIT("-1"), &u));
}

static void what_is_not_an_integer_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = { "", "+", "-", " 1", "1 ", "1.0", "0x10", "--1", "1e3", "1_000" };
    int64_t v = 42;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(dr_parse_i64(dr_str_of(bad[i]), &v));
    assert_int_equal(v, 42);
}

static double parsed(const char *text)
{
    double v = -12345;
    assert_true(dr_parse_f64(dr_str_of(text), false, &v));
    return v;
}

static void decimals_are_read(void **state)
{
    (void)state;
    assert_true(parsed("36.6") == 36.6);
    assert_true(parsed(".5") == 0.5);
    assert_true(parsed("5.") == 5);
    assert_true(parsed("+1e3") == 1000);
    assert_true(parsed("1E-3") == 0.001);
    assert_true(signbit(parsed("-0.0")));
    assert_true(parsed("000000000000000000000001.50") == 1.5);
}

static void hard_decimals_are_rounded_to_the_nearest(void **state)
{
    (void)state;
    assert_true(parsed("9007199254740993") == 9007199254740992.0); /* half way: to even */
    assert_true(parsed("9007199254740995") == 9007199254740996.0); /* half way: to even */
    assert_true(parsed("9007199254740993.0001") == 9007199254740994.0);
    assert_true(parsed("0.1234567890123456789") == 0x1.f9add3746f65fp-4);
    assert_true(parsed("123456789012345678e-27") == 0x1.0f7bfe5e2538bp-33);
    assert_true(parsed("1.00000000000000011102230246251565404236316680908203125") == 1.0);
    assert_true(parsed("1.00000000000000011102230246251565404236316680908203126") == 0x1.0000000000001p0);
    assert_true(parsed("2.2250738585072011e-308") == 0x0.fffffffffffffp-1022);
    assert_true(parsed("4.9406564584124654e-324") == 0x1p-1074);
    assert_true(parsed("1.7976931348623157e308") == DBL_MAX);
    assert_true(parsed("1e-400") == 0);
}

static void a_number_too_large_is_refused_rather_than_infinite(void **state)
{
    (void)state;
    double v;
    assert_false(dr_parse_f64(DR_LIT("1e309"), false, &v));
    assert_false(dr_parse_f64(DR_LIT("1e99999999999999999999"), false, &v));
    assert_true(dr_parse_f64(DR_LIT("-1e309"), true, &v) && isinf(v) && v < 0);
}

static void what_is_not_a_decimal_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = { "",   ".",   "+",     "-.", "e5",  "1e",  "1e+", "1.2.3", "1 ",
                                       " 1", "1,5", "0x1p3", "1f", "nan", "inf", "- 1", "--1",   "1e5.5" };
    double v;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(dr_parse_f64(dr_str_of(bad[i]), false, &v));
}

static void special_values_are_read_only_when_asked_for(void **state)
{
    (void)state;
    double v;
    assert_true(dr_parse_f64(DR_LIT("NaN"), true, &v) && isnan(v));
    assert_true(dr_parse_f64(DR_LIT("-Infinity"), true, &v) && isinf(v) && v < 0);
    assert_true(dr_parse_f64(DR_LIT("inf"), true, &v) && isinf(v));
    assert_false(dr_parse_f64(DR_LIT("infin"), true, &v));
    assert_false(dr_parse_f64(DR_LIT("nan(1)"), true, &v));
}

static void a_view_is_not_read_past_its_end(void **state)
{
    (void)state;
    double v;
    int64_t i;
    assert_true(dr_parse_f64((struct dr_str){ "1.25999", 4 }, false, &v) && v == 1.25);
    assert_true(dr_parse_i64((struct dr_str){ "1299", 2 }, &i) && i == 12);
}

static void very_long_digits_are_read(void **state)
{
    (void)state;
    char text[3000];
    memset(text, '0', sizeof(text));
    text[0] = '1';
    text[1] = '.';
    double v;
    assert_true(dr_parse_f64((struct dr_str){ text, sizeof(text) }, false, &v) && v == 1);
    text[1] = '0';
    assert_false(dr_parse_f64((struct dr_str){ text, sizeof(text) }, false, &v));
}

static void zeros_and_exponents_that_cancel_are_read(void **state)
{
    (void)state;
    DR_AUTO_BUF b = { 0 };
    dr_buf_printf(&b, "0.%020000d", 1); /* 1e-20000 */
    double v;
    size_t n = b.n;
    dr_buf_puts(&b, "e20000");
    assert_true(dr_parse_f64(dr_buf_str(&b), false, &v) && v == 1);
    b.n = n;
    dr_buf_puts(&b, "e15000");
    assert_true(dr_parse_f64(dr_buf_str(&b), false, &v) && v == 0);
    b.n = n;
    dr_buf_puts(&b, "e20003");
    assert_true(dr_parse_f64(dr_buf_str(&b), false, &v) && v == 1000);
}

static void assert_formatted(double v, const char *expected)
{
    char text[DR_F64_TEXT];
    assert_int_equal(dr_format_f64(v, text), strlen(expected));
    assert_string_equal(text, expected);
}

static void floats_are_written_as_short_as_can_be(void **state)
{
    (void)state;
    assert_formatted(36.6, "36.6");
    assert_formatted(-0.05, "-0.05");
    assert_formatted(0.1 + 0.2, "0.30000000000000004");
    assert_formatted(1e300, "1e+300");
    assert_formatted(5e-324, "5e-324");
    assert_formatted(DBL_MAX, "1.7976931348623157e+308");
    assert_formatted(0.0001, "0.0001");
    assert_formatted(0.00001, "1e-05");
    assert_formatted(-0.0, "-0");
    assert_formatted(100, "100");
    assert_formatted(999999999999999, "999999999999999");
    assert_formatted(1e15, "1e+15");
    assert_formatted(INFINITY, "inf");
    assert_formatted(-INFINITY, "-inf");
    assert_formatted(NAN, "nan");
    assert_formatted(123456789012345.67, "123456789012345.67");
    assert_formatted(0.000123456789012345678, "0.00012345678901234567");
    assert_formatted(0.0001234567, "0.0001234567");
    assert_formatted(0x1p-13, "0.0001220703125");
    assert_formatted(-1.0 / 3, "-0.3333333333333333");
    assert_formatted(0x1p-1017,
                     "7.120236347223045e-307"); /* a power of two, where 16 digits need rounding up */
}

static void what_is_written_reads_back_the_same(void **state)
{
    (void)state;
    uint64_t seed = 88172645463325252u;
    for (int i = 0; i < 20000; i++) {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        double v, back;
        memcpy(&v, &seed, sizeof(v));
        if (i % 2)
            v = (double)(int64_t)(seed % 2000001 - 1000000) / 1000;
        char text[DR_F64_TEXT];
        size_t n = dr_format_f64(v, text);
        assert_true(dr_parse_f64((struct dr_str){ text, n }, true, &back));
        assert_true(back == v || (isnan(back) && isnan(v)));
    }
}

static void the_locale_changes_nothing(void **state)
{
    (void)state;
    static const char *const comma_locales[] = { "de_DE.UTF-8", "fr_FR.UTF-8", "de_DE.utf8" };
    bool found = false;
    for (size_t i = 0; i < 3 && !found; i++)
        found = setlocale(LC_ALL, comma_locales[i]) != NULL;
    if (!found)
        skip();
    double v = 0;
    bool ok = dr_parse_f64(DR_LIT("0.30000000000000000000004"), false, &v);
    char text[DR_F64_TEXT];
    dr_format_f64(0.1 + 0.2, text);
    setlocale(LC_ALL, "C");
    assert_true(ok && v == 0.3);
    assert_string_equal(text, "0.30000000000000004");
}

static void booleans_have_five_spellings_each(void **state)
{
    (void)state;
    bool v;
    assert_true(dr_parse_bool(DR_LIT("TRUE"), &v) && v);
    assert_true(dr_parse_bool(DR_LIT("y"), &v) && v);
    assert_true(dr_parse_bool(DR_LIT("No"), &v) && !v);
    assert_true(dr_parse_bool(DR_LIT("0"), &v) && !v);
    assert_false(dr_parse_bool(DR_LIT("2"), &v));
    assert_false(dr_parse_bool(DR_LIT(""), &v));
}

static void durations_are_sums_of_units(void **state)
{
    (void)state;
    int64_t us;
    assert_true(dr_parse_duration(DR_LIT("1h30m"), &us) && us == INT64_C(5400000000));
    assert_true(dr_parse_duration(DR_LIT("250ms"), &us) && us == 250000);
    assert_true(dr_parse_duration(DR_LIT("2d"), &us) && us == INT64_C(172800000000));
    assert_true(dr_parse_duration(DR_LIT("0"), &us) && us == 0);
    static const char *const bad[] = { "",     "10",    "10x",
                                       "-1s",  "30m1h", "1s1s",
                                       "1.5h", " 1s",   "9999999999999999d" };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(dr_parse_duration(dr_str_of(bad[i]), &us));
}

static void sizes_are_powers_of_1024(void **state)
{
    (void)state;
    uint64_t v;
    assert_true(dr_parse_size(DR_LIT("512"), &v) && v == 512);
    assert_true(dr_parse_size(DR_LIT("64k"), &v) && v == 65536);
    assert_true(dr_parse_size(DR_LIT("16MiB"), &v) && v == 16u << 20);
    assert_true(dr_parse_size(DR_LIT("2GB"), &v) && v == UINT64_C(2) << 30);
    assert_false(dr_parse_size(DR_LIT("99999999999T"), &v));
    assert_false(dr_parse_size(DR_LIT("5 MB"), &v));
    assert_false(dr_parse_size(DR_LIT("k"), &v));
}

static void assert_duration(int64_t us, const char *expected)
{
    DR_AUTO_BUF b = { 0 };
    dr_buf_put_duration(&b, us);
    assert_string_equal(dr_buf_cstr(&b), expected);
}

static void durations_are_shown_for_people(void **state)
{
    (void)state;
    assert_duration(0, "0 us");
    assert_duration(340000, "340 ms");
    assert_duration(999600, "1.0 s");
    assert_duration(1234567, "1.2 s");
    assert_duration(59960000, "1 min 0 s");
    assert_duration(125000000, "2 min 5 s");
    assert_duration(INT64_C(3600000000), "1 h 0 min");
    assert_duration(INT64_C(180000000000), "2 d 2 h");
    assert_duration(-1500, "-2 ms");
}

static void counts_and_sizes_are_shown_for_people(void **state)
{
    (void)state;
    DR_AUTO_BUF b = { 0 };
    dr_buf_put_count(&b, 1020);
    dr_buf_putc(&b, ' ');
    dr_buf_put_count(&b, INT64_MIN);
    dr_buf_putc(&b, ' ');
    dr_buf_put_count(&b, 999);
    assert_string_equal(dr_buf_cstr(&b), "1,020 -9,223,372,036,854,775,808 999");
    dr_buf_clear(&b);
    dr_buf_put_size(&b, 999);
    dr_buf_puts(&b, ", ");
    dr_buf_put_size(&b, 16400000);
    dr_buf_puts(&b, ", ");
    dr_buf_put_size(&b, 999999);
    dr_buf_puts(&b, ", ");
    dr_buf_put_size(&b, UINT64_MAX);
    assert_string_equal(dr_buf_cstr(&b), "999 B, 16.4 MB, 1.0 MB, 18.4 EB");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_are_read_to_their_limits),
        cmocka_unit_test(what_is_not_an_integer_is_refused),
        cmocka_unit_test(decimals_are_read),
        cmocka_unit_test(hard_decimals_are_rounded_to_the_nearest),
        cmocka_unit_test(a_number_too_large_is_refused_rather_than_infinite),
        cmocka_unit_test(what_is_not_a_decimal_is_refused),
        cmocka_unit_test(special_values_are_read_only_when_asked_for),
        cmocka_unit_test(a_view_is_not_read_past_its_end),
        cmocka_unit_test(very_long_digits_are_read),
        cmocka_unit_test(zeros_and_exponents_that_cancel_are_read),
        cmocka_unit_test(floats_are_written_as_short_as_can_be),
        cmocka_unit_test(what_is_written_reads_back_the_same),
        cmocka_unit_test(the_locale_changes_nothing),
        cmocka_unit_test(booleans_have_five_spellings_each),
        cmocka_unit_test(durations_are_sums_of_units),
        cmocka_unit_test(sizes_are_powers_of_1024),
        cmocka_unit_test(durations_are_shown_for_people),
        cmocka_unit_test(counts_and_sizes_are_shown_for_people),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
