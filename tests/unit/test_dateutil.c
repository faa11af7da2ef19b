/* Dates as people write them. The expected readings are dateutil's. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "expect/dateutil.h"

static int fix_clock(void **state)
{
    (void)state;
    return setenv("DAGRUN_NOW", "2024-05-15T10:00:00Z", 1);
}

static const char *read_text(const char *text, char shown[64])
{
    struct dr_civil c;
    bool zoned;
    int32_t offset;
    if (!dr_dateutil_parse(dr_str_of(text), &c, &zoned, &offset))
        return "refused";
    int n = snprintf(shown, 64, "%04d-%02d-%02d %02d:%02d:%02d", c.year, c.month, c.day, c.hour, c.minute,
                     c.second);
    if (c.micro)
        n += snprintf(shown + n, 64 - (size_t)n, ".%06d", c.micro);
    if (zoned)
        snprintf(shown + n, 64 - (size_t)n, " %+d", offset / 60);
    return shown;
}

struct example {
    const char *text, *expected;
};

static void assert_all(const struct example *e, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        char shown[64];
        const char *found = read_text(e[k].text, shown);
        if (strcmp(found, e[k].expected) != 0)
            fail_msg("'%s' should be read as %s and is %s", e[k].text, e[k].expected, found);
    }
}
#define ASSERT_ALL(list) assert_all(list, sizeof(list) / sizeof(list)[0])

static void iso_dates_are_read(void **state)
{
    static const struct example list[] = {
        { "2019-04-13", "2019-04-13 00:00:00" },
        { "2003-09-25T10:49:41", "2003-09-25 10:49:41" },
        { "2003-09-25T10:49:41.5-03:00", "2003-09-25 10:49:41.500000 -180" },
        { "2003-09-25 10:49Z", "2003-09-25 10:49:00 +0" },
        { "20030925T104941", "2003-09-25 10:49:41" },
        { "20030925T1049", "2003-09-25 10:49:00" },
        { "20030925", "2003-09-25 00:00:00" },
        { "20030925104941", "2003-09-25 10:49:41" },
        { "199709020908", "1997-09-02 09:08:00" },
    };
    (void)state;
    ASSERT_ALL(list);
}

static void numbers_are_month_first_unless_that_cannot_be(void **state)
{
    static const struct example list[] = {
        { "01/02/2010", "2010-01-02 00:00:00" }, { "13/02/2010", "2010-02-13 00:00:00" },
        { "09.25.2003", "2003-09-25 00:00:00" }, { "09 25 2003", "2003-09-25 00:00:00" },
        { "2003/9/25", "2003-09-25 00:00:00" },  { "10-09-03", "2003-10-09 00:00:00" },
        { "2/3/68", "2068-02-03 00:00:00" },     { "2/3/80", "1980-02-03 00:00:00" },
    };
    (void)state;
    ASSERT_ALL(list);
}

static void names_of_months_and_days_are_read(void **state)
{
    static const struct example list[] = {
        { "Jan 01 1970 12:00:01", "1970-01-01 12:00:01" },
        { "25 September 2003", "2003-09-25 00:00:00" },
        { "Thu Sep 25 10:36:28 2003", "2003-09-25 10:36:28" },
        { "September 25, 2003", "2003-09-25 00:00:00" },
        { "3rd of May 2001", "2001-05-03 00:00:00" },
        { "Sep-25-2003", "2003-09-25 00:00:00" },
        { "25-Sep-2003", "2003-09-25 00:00:00" },
        { "2003 Sep 25", "2003-09-25 00:00:00" },
    };
    (void)state;
    ASSERT_ALL(list);
}

static void times_of_day_are_read(void **state)
{
    static const struct example list[] = {
        { "10am", "2024-05-15 10:00:00" },      { "10 pm", "2024-05-15 22:00:00" },
        { "12:30 AM", "2024-05-15 00:30:00" },  { "10:36:28.25", "2024-05-15 10:36:28.250000" },
        { "10h36m28s", "2024-05-15 10:36:28" }, { "2003-09-25 10:36 UTC", "2003-09-25 10:36:00 +0" },
    };
    (void)state;
    ASSERT_ALL(list);
}

static void what_is_lacking_is_todays(void **state)
{
    static const struct example list[] = {
        { "Sep 2003", "2003-09-15 00:00:00" },
        { "2003", "2003-05-15 00:00:00" },
        { "Feb", "2024-02-15 00:00:00" },
        { "10", "2024-05-10 00:00:00" },
    };
    (void)state;
    ASSERT_ALL(list);
}

static void what_is_no_date_is_refused(void **state)
{
    static const struct example list[] = {
        { "", "refused" },           { "abc", "refused" },         { "horse", "refused" },
        { "2019-02-30", "refused" }, { "2019-13-45", "refused" },  { "25:61", "refused" },
        { "1/2/3/4", "refused" },    { "25pm", "refused" },        { "2003-09-25T10:49:41+99:00", "refused" },
        { "\xc3\xa4", "refused" },   { "99999999999", "refused" },
    };
    (void)state;
    ASSERT_ALL(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(iso_dates_are_read),
        cmocka_unit_test(numbers_are_month_first_unless_that_cannot_be),
        cmocka_unit_test(names_of_months_and_days_are_read),
        cmocka_unit_test(times_of_day_are_read),
        cmocka_unit_test(what_is_lacking_is_todays),
        cmocka_unit_test(what_is_no_date_is_refused),
    };
    return cmocka_run_group_tests_name("dateutil", tests, fix_clock, NULL);
}
