/* The calendar, ISO 8601, strptime and the clocks. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include "base/date.h"

static void days_count_from_1970(void **state)
{
    (void)state;
    assert_int_equal(dr_days_from_civil(1970, 1, 1), 0);
    assert_int_equal(dr_days_from_civil(2000, 3, 1), 11017);
    assert_int_equal(dr_days_from_civil(1969, 12, 31), -1);
    assert_int_equal(dr_days_from_civil(1, 1, 1), -719162);
}

static void every_day_converts_both_ways(void **state)
{
    (void)state;
    int32_t last = dr_days_from_civil(9999, 12, 31), day = 0;
    for (int32_t days = dr_days_from_civil(1, 1, 1); days <= last; days++) {
        struct dr_civil c;
        dr_civil_from_days(days, &c);
        assert_true(dr_civil_valid(c.year, c.month, c.day));
        assert_true(c.day == day + 1 || c.day == 1);
        assert_int_equal(dr_days_from_civil(c.year, c.month, c.day), days);
        day = c.day;
    }
}

static void leap_years_follow_the_gregorian_rule(void **state)
{
    (void)state;
    assert_int_equal(dr_days_in_month(2000, 2), 29);
    assert_int_equal(dr_days_in_month(1900, 2), 28);
    assert_int_equal(dr_days_in_month(2024, 2), 29);
    assert_int_equal(dr_days_in_month(2023, 13), 0);
    assert_false(dr_civil_valid(2023, 2, 29));
    assert_false(dr_civil_valid(0, 1, 1));
    assert_false(dr_civil_valid(10000, 1, 1));
}

static void weekdays_are_known_before_and_after_1970(void **state)
{
    (void)state;
    assert_int_equal(dr_weekday(0), 4);
    assert_int_equal(dr_weekday(-1), 3);
    assert_int_equal(dr_weekday(-5), 6);
    assert_int_equal(dr_weekday(dr_days_from_civil(2024, 2, 29)), 4);
}

static void dates_are_read_exactly(void **state)
{
    (void)state;
    int32_t days;
    assert_true(dr_parse_date(DR_LIT("2024-02-29"), &days));
    assert_int_equal(days, dr_days_from_civil(2024, 2, 29));
    static const char *const bad[] = {
        "",           "2024-2-29",   "2023-02-29", "2024-13-01", "2024-00-10",
        "0000-01-01", "2024-02-29 ", "2024/02/29", "20240229",   "+024-02-29"
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(dr_parse_date(dr_str_of(bad[i]), &days));
}

static int64_t instant(const char *text)
{
    int64_t us;
    bool zoned;
    assert_true(dr_parse_timestamp(dr_str_of(text), &us, &zoned));
    return us;
}

static void timestamps_are_read_in_all_their_forms(void **state)
{
    (void)state;
    int64_t base = instant("2024-03-01T02:30:00Z");
    assert_true(instant("2024-03-01 02:30") == base);
    assert_true(instant("2024-03-01T03:30:00+01:00") == base);
    assert_true(instant("2024-02-29T21:00:00-0530") == base);
    assert_true(instant("2024-03-01T02:30:00.5") == base + 500000);
    assert_true(instant("2024-03-01T02:30:00.123456789Z") == base + 123456);
    assert_true(instant("2024-03-01") == base - INT64_C(9000000000));
}

static void it_is_told_whether_an_offset_was_written(void **state)
{
    (void)state;
    int64_t us;
    bool zoned;
    assert_true(dr_parse_timestamp(DR_LIT("2024-03-01T02:30"), &us, &zoned) && !zoned);
    assert_true(dr_parse_timestamp(DR_LIT("2024-03-01"), &us, &zoned) && !zoned);
    assert_true(dr_parse_timestamp(DR_LIT("2024-03-01T02:30Z"), &us, &zoned) && zoned);
}

static void what_is_not_a_timestamp_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "2024-03-01T",
        "2024-03-01T24:00",
        "2024-03-01T10:60",
        "2024-03-01T10:00:60",
        "2024-03-01T10:00:00.",
        "2024-03-01T10:00:00.1234567890",
        "2024-03-01T10:00+1",
        "2024-03-01T10:00+24:00",
        "2024-03-01T10:00z",
        "2024-03-01Z",
        "2024-03-01T10:00Z ",
        "2024-03-01X10:00",
        "0001-01-01T00:00+01:00",
        "9999-12-31T23:59-00:01",
    };
    int64_t us;
    bool zoned;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(dr_parse_timestamp(dr_str_of(bad[i]), &us, &zoned));
}

static void times_are_written_in_iso_8601(void **state)
{
    (void)state;
    char text[DR_TIME_TEXT], date[DR_DATE_TEXT];
    dr_format_timestamp(instant("2024-03-01T02:30:00Z"), true, text);
    assert_string_equal(text, "2024-03-01T02:30:00Z");
    dr_format_timestamp(instant("1969-12-31T23:59:59.000001"), false, text);
    assert_string_equal(text, "1969-12-31T23:59:59.000001");
    assert_int_equal(dr_format_date(dr_days_from_civil(7, 8, 9), date), 10);
    assert_string_equal(date, "0007-08-09");
}

static void any_number_can_be_shown_as_a_time(void **state)
{
    (void)state;
    char text[DR_TIME_TEXT], date[DR_DATE_TEXT];
    assert_true(dr_format_timestamp(INT64_MIN, true, text) < DR_TIME_TEXT);
    assert_true(dr_format_timestamp(INT64_MAX, true, text) < DR_TIME_TEXT);
    assert_true(dr_format_date(INT32_MIN, date) < DR_DATE_TEXT);
    assert_true(dr_format_date(INT32_MAX, date) < DR_DATE_TEXT);
}

static void assert_strptime(const char *text, const char *format, const char *expected,
                            int32_t expected_offset_s)
{
    struct dr_civil c;
    int32_t offset_s;
    char shown[DR_TIME_TEXT];
    assert_true(dr_strptime(dr_str_of(text), format, &c, &offset_s));
    dr_format_timestamp(dr_us_from_civil(&c), false, shown);
    assert_string_equal(shown, expected);
    assert_int_equal(offset_s, expected_offset_s);
}

/* The expected values are those of Python 3.11. */
static void formats_are_read_as_python_reads_them(void **state)
{
    (void)state;
    assert_strptime("2024-03-01", "%Y-%m-%d", "2024-03-01T00:00:00", 0);
    assert_strptime("3/1/24", "%m/%d/%y", "2024-03-01T00:00:00", 0);
    assert_strptime("69", "%y", "1969-01-01T00:00:00", 0);
    assert_strptime("1 MAR 2024 11:05 pm", "%d %b %Y %I:%M %p", "2024-03-01T23:05:00", 0);
    assert_strptime("12 am", "%I %p", "1900-01-01T00:00:00", 0);
    assert_strptime("Friday, 01. March 2024", "%A, %d. %B %Y", "2024-03-01T00:00:00", 0);
    assert_strptime("2024 061", "%Y %j", "2024-03-01T00:00:00", 0);
    assert_strptime("2024-03-01T10:00:00.25+05:30", "%Y-%m-%dT%H:%M:%S.%f%z", "2024-03-01T10:00:00.250000",
                    19800);
    assert_strptime("10 utc", "%H %Z", "1900-01-01T10:00:00", 0);
    assert_strptime("Fri Mar  1 10:11:12 2024", "%c", "2024-03-01T10:11:12", 0);
    assert_strptime("2024-W09-5", "%G-W%V-%u", "2024-03-01T00:00:00", 0);
    assert_strptime("100%", "%j%%", "1900-04-10T00:00:00", 0);
    assert_strptime("03/01/24 10:11:12", "%x %X", "2024-03-01T10:11:12", 0);
    assert_strptime("1  2024", "%d %Y", "2024-01-01T00:00:00", 0);
    assert_strptime("2024- 5", "%Y-%d", "2024-01-05T00:00:00", 0);
    assert_strptime("2024  5", "%Y %d", "2024-01-05T00:00:00", 0);
    assert_strptime("10Z", "%H%z", "1900-01-01T10:00:00", 0);
    assert_strptime("10-0030", "%H%z", "1900-01-01T10:00:00", -1800);
    assert_strptime("+01:02:03.5", "%z", "1900-01-01T00:00:00", 3723);
    assert_strptime("+010203", "%z", "1900-01-01T00:00:00", 3723);
    assert_strptime("2024 09 Fri", "%Y %W %a", "2024-03-01T00:00:00", 0);
    assert_strptime("2024 08 5", "%Y %U %w", "2024-03-01T00:00:00", 0);
    assert_strptime("2023 0 0", "%Y %W %w", "2023-01-01T00:00:00", 0);
    assert_strptime("2024\t 3", "%Y %m", "2024-03-01T00:00:00", 0);
}

static void a_directive_gives_back_digits_that_the_next_needs(void **state)
{
    (void)state;
    assert_strptime("111", "%m%d", "1900-11-01T00:00:00", 0);
    assert_strptime("1 11", "%j %m", "1900-01-01T00:00:00", 0);
}

static void what_does_not_fit_the_format_is_refused(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        { "2023-02-29", "%Y-%m-%d" },
        { "2024-03-01x", "%Y-%m-%d" },
        { "2024-3", "%Y-%m-%d" },
        { "0000", "%Y" },
        { "60", "%S" },
        { "311", "%d" },
        { "13 am", "%I %p" },
        { "foo", "%b" },
        { "20243", "%Y %m" },
        { "+24:00", "%z" },
        { "2024 54", "%Y %W" },
        { "", "%Y" },
        { "2024 54 1", "%G %V %u" },
        { "2024-W09", "%G-W%V" },
        { "1", "%Q" },
        { "1 1", "%d %d" },
        { "+1:00", "%z" },
        { "+01:02:0", "%z" },
        { "10", "%H%z" },
        { "2024 x", "%Y %p" },
        { "1231", "%d%m" }, /* 12 and 3 fit the format; that 1 is left does not try 1 and 23 */
    };
    struct dr_civil c;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(dr_strptime(dr_str_of(bad[i][0]), bad[i][1], &c, NULL));
}

static void assert_bad_format(const char *format, const char *expected)
{
    struct dr_err err = { 0 };
    assert_int_equal(dr_strptime_check(format, &err), DR_EDEF);
    assert_string_equal(err.msg, expected);
}

static void a_wrong_format_is_explained(void **state)
{
    (void)state;
    assert_int_equal(dr_strptime_check("%Y-%m-%dT%H:%M:%S.%f%z %%", NULL), 0);
    assert_bad_format("%Y-%Q", "date format '%Y-%Q' has an unknown directive %Q");
    assert_bad_format("%d %d", "date format '%d %d' repeats the directive %d");
    assert_bad_format("%c %Y", "date format '%c %Y' repeats the directive %Y");
    assert_bad_format("%Y%", "date format '%Y%' ends in a single %");
    assert_bad_format("%\xC3\xA9", "date format '%\xC3\xA9' has an unknown directive %\xC3\xA9");
}

static void an_ambiguous_format_ends_quickly(void **state)
{
    (void)state;
    struct dr_civil c;
    assert_false(dr_strptime(DR_LIT("11111111111111111111111111"), "%m%d%H%I%M%S%f%y%j%w%U%V%Wx", &c, NULL));
}

static int restore_clock(void **state)
{
    (void)state;
    return unsetenv("DAGRUN_NOW");
}

static void the_clock_can_be_fixed(void **state)
{
    (void)state;
    setenv("DAGRUN_NOW", "2024-03-01T02:30:00Z", 1);
    assert_true(dr_now_us() == instant("2024-03-01T02:30:00Z"));
    setenv("DAGRUN_NOW", "nonsense", 1);
    assert_true(dr_now_us() > instant("2024-03-01T02:30:00Z"));
}

static void the_monotonic_clock_does_not_go_back(void **state)
{
    (void)state;
    int64_t before = dr_monotonic_us();
    assert_true(dr_monotonic_us() >= before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(days_count_from_1970),
        cmocka_unit_test(every_day_converts_both_ways),
        cmocka_unit_test(leap_years_follow_the_gregorian_rule),
        cmocka_unit_test(weekdays_are_known_before_and_after_1970),
        cmocka_unit_test(dates_are_read_exactly),
        cmocka_unit_test(timestamps_are_read_in_all_their_forms),
        cmocka_unit_test(it_is_told_whether_an_offset_was_written),
        cmocka_unit_test(what_is_not_a_timestamp_is_refused),
        cmocka_unit_test(times_are_written_in_iso_8601),
        cmocka_unit_test(any_number_can_be_shown_as_a_time),
        cmocka_unit_test(formats_are_read_as_python_reads_them),
        cmocka_unit_test(a_directive_gives_back_digits_that_the_next_needs),
        cmocka_unit_test(what_does_not_fit_the_format_is_refused),
        cmocka_unit_test(a_wrong_format_is_explained),
        cmocka_unit_test(an_ambiguous_format_ends_quickly),
        cmocka_unit_test_teardown(the_clock_can_be_fixed, restore_clock),
        cmocka_unit_test(the_monotonic_clock_does_not_go_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
