/* Cron expressions and their times, against a minute-by-minute reference. */
#include <time.h>
#include "model_fixture.h"
#include "model/cron.h"

static struct dr_cron cron(struct fixture *f, const char *text)
{
    struct dr_cron c = { 0 };
    if (dr_cron_parse(dr_str_of(text), &c, &f->err))
        fail_msg("'%s': %s", text, f->err.msg);
    return c;
}

static const struct dr_zone *zone(struct fixture *f, const char *name)
{
    const struct dr_zone *z = NULL;
    if (dr_zone_load(&f->a, name, &z, &f->err))
        fail_msg("%s: %s", name, f->err.msg);
    return z;
}

static int64_t instant(const char *text)
{
    int64_t us = 0;
    bool zoned = false;
    assert_true(dr_parse_timestamp(dr_str_of(text), &us, &zoned) && zoned);
    return us;
}

static void assert_next(struct fixture *f, const char *text, const char *zone_name, const char *after,
                        const char *expected)
{
    struct dr_cron c = cron(f, text);
    int64_t us;
    char shown_as[DR_TIME_TEXT] = "never";
    if (dr_cron_next(&c, zone(f, zone_name), instant(after), &us))
        dr_format_timestamp(us, true, shown_as);
    assert_string_equal(shown_as, expected);
}

static void assert_refused(struct fixture *f, const char *text, const char *message)
{
    struct dr_cron c;
    assert_int_equal(dr_cron_parse(dr_str_of(text), &c, &f->err), DR_EDEF);
    assert_contains(f->err.msg, message);
}

static void fields_become_bits(void **state)
{
    struct fixture *f = *state;
    struct dr_cron c = cron(f, "5,10-20/5 */6 1 jan-mar Mon,7");
    assert_int_equal(c.minute, 1 << 5 | 1 << 10 | 1 << 15 | 1 << 20);
    assert_int_equal(c.hour, 1 | 1 << 6 | 1 << 12 | 1 << 18);
    assert_int_equal(c.dom, 1 << 1);
    assert_int_equal(c.month, 1 << 1 | 1 << 2 | 1 << 3);
    assert_int_equal(c.dow, 1 | 1 << 1);
    assert_true(c.wild_time);
    assert_false(c.dom_star);
}

static void macros_stand_for_their_fields(void **state)
{
    struct fixture *f = *state;
    struct dr_cron daily = cron(f, "@daily"), written = cron(f, " 0 0  *\t* * ");
    assert_memory_equal(&daily, &written, sizeof(daily));
    assert_int_equal(cron(f, "@weekly").dow, 1);
    assert_int_equal(cron(f, "@YEARLY").month, 1 << 1);
}

static void wrong_expressions_say_which_field(void **state)
{
    struct fixture *f = *state;
    assert_refused(f, "60 * * * *", "minute: '60' is not a number from 0 to 59");
    assert_refused(f, "0 24 * * *", "hour: '24'");
    assert_refused(f, "0 0 0 * *", "day of month: '0'");
    assert_refused(f, "0 0 * 13 *", "month: '13'");
    assert_refused(f, "0 0 * * 8", "day of week: '8'");
    assert_refused(f, "0 0 * * frid", "three-letter name");
    assert_refused(f, "0 5-2 * * *", "hour: the range 5-2 ends before it starts");
    assert_refused(f, "*/0 * * * *", "step");
    assert_refused(f, "5/15 * * * *", "write '5-59/15'");
    assert_refused(f, "1,,2 * * * *", "minute: ''");
    assert_refused(f, "1, * * * *", "nothing after the last comma");
    assert_refused(f, "-1 * * * *", "minute: ''");
    assert_refused(f, "* * * *", "this has 4");
    assert_refused(f, "0 0 * * * *", "this has 6");
    assert_refused(f, "", "this has 0");
    assert_refused(f, "@reboot", "@hourly");
}

static void next_is_strictly_after(void **state)
{
    struct fixture *f = *state;
    assert_next(f, "30 2 * * *", "UTC", "2024-03-01T02:29:59Z", "2024-03-01T02:30:00Z");
    assert_next(f, "30 2 * * *", "UTC", "2024-03-01T02:30:00Z", "2024-03-02T02:30:00Z");
    assert_next(f, "*/15 * * * *", "UTC", "2024-03-01T02:45:00Z", "2024-03-01T03:00:00Z");
    assert_next(f, "0 0 29 2 *", "UTC", "2024-03-01T00:00:00Z", "2028-02-29T00:00:00Z");
    assert_next(f, "0 0 31 2 *", "UTC", "2024-03-01T00:00:00Z", "never");
    assert_next(f, "*/5 * 30 2 *", "Europe/London", "2024-03-01T00:00:00Z", "never");
}

static void two_restricted_day_fields_are_alternatives(void **state)
{
    struct fixture *f = *state;
    assert_next(f, "0 0 13 * fri", "UTC", "2024-03-01T00:00:00Z", "2024-03-08T00:00:00Z");
    assert_next(f, "0 0 13 * fri", "UTC", "2024-03-08T00:00:00Z", "2024-03-13T00:00:00Z");
    assert_next(f, "0 0 * * fri", "UTC", "2024-03-01T00:00:00Z", "2024-03-08T00:00:00Z");
}

static void a_time_in_a_gap_fires_once_after_it(void **state)
{
    struct fixture *f = *state;
    /* London 2024-03-31: 01:00 GMT becomes 02:00 BST, which is 01:00Z. */
    assert_next(f, "30 1 * * *", "Europe/London", "2024-03-30T12:00:00Z", "2024-03-31T01:00:00Z");
    assert_next(f, "0,30 1 * * *", "Europe/London", "2024-03-31T01:00:00Z", "2024-04-01T00:00:00Z");
    assert_next(f, "30 2 * * *", "America/New_York", "2024-03-10T00:00:00-05:00", "2024-03-10T07:00:00Z");
    /* Lord Howe 2024-10-06: 02:00 (+10:30) becomes 02:30 (+11). */
    assert_next(f, "15 2 * * *", "Australia/Lord_Howe", "2024-10-05T12:00:00Z", "2024-10-05T15:30:00Z");
}

static void a_fixed_time_in_a_fold_fires_at_its_first_occurrence(void **state)
{
    struct fixture *f = *state;
    assert_next(f, "30 1 * * *", "Europe/London", "2024-10-26T12:00:00Z", "2024-10-27T00:30:00Z");
    assert_next(f, "30 1 * * *", "Europe/London", "2024-10-27T00:30:00Z", "2024-10-28T01:30:00Z");
    assert_next(f, "45 1 * * *", "Australia/Lord_Howe", "2024-04-06T12:00:00Z", "2024-04-06T14:45:00Z");
    assert_next(f, "45 1 * * *", "Australia/Lord_Howe", "2024-04-06T14:45:00Z", "2024-04-07T15:15:00Z");
}

static void a_wildcard_schedule_follows_the_clock(void **state)
{
    struct fixture *f = *state;
    assert_next(f, "30 * * * *", "Europe/London", "2024-10-27T00:30:00Z", "2024-10-27T01:30:00Z");
    assert_next(f, "30 * * * *", "Europe/London", "2024-03-31T00:30:00Z", "2024-03-31T01:30:00Z");
    assert_next(f, "*/30 1 * * *", "Europe/London", "2024-03-31T00:00:00Z", "2024-04-01T00:00:00Z");
}

/* ---- against minute-by-minute search ------------------------------------------------ */

static bool local_matches(const struct dr_cron *c, const struct dr_civil *t)
{
    int32_t days = dr_days_from_civil(t->year, t->month, t->day);
    bool dom = c->dom >> t->day & 1, dow = c->dow >> dr_weekday(days) & 1;
    bool day = c->dom_star || c->dow_star ? dom && dow : dom || dow;
    return day && (c->month >> t->month & 1) && (c->hour >> t->hour & 1) && (c->minute >> t->minute & 1);
}

/* Whether the schedule fires at this instant, by the rules of cron.h: each local
 * minute of the two days around is tried. */
static bool fires_fixed(const struct dr_cron *c, const struct dr_zone *z, int64_t us)
{
    struct dr_civil local, t;
    dr_zone_local(z, us, &local, NULL, NULL);
    int64_t now = dr_us_from_civil(&local);
    for (int64_t m = -180; m <= 180; m++) {
        int64_t at;
        dr_civil_from_us(now + m * 60 * DR_US_PER_S, &t);
        dr_zone_instant(z, &t, &at, NULL);
        if (at == us && local_matches(c, &t))
            return true;
    }
    return false;
}

static bool fires(const struct dr_cron *c, const struct dr_zone *z, int64_t us)
{
    struct dr_civil local;
    if (!c->wild_time)
        return fires_fixed(c, z, us);
    dr_zone_local(z, us, &local, NULL, NULL);
    return local_matches(c, &local);
}

static void compare_window(struct fixture *f, const char *text, const char *zone_name, const char *from,
                           int hours)
{
    struct dr_cron c = cron(f, text);
    const struct dr_zone *z = zone(f, zone_name);
    int64_t start = instant(from), last = INT64_MIN;
    for (int minute = 0; minute < hours * 60; minute++) {
        int64_t us = start + minute * 60 * DR_US_PER_S, next, prev;
        if (!fires(&c, z, us))
            continue;
        if (last != INT64_MIN) {
            assert_true(dr_cron_next(&c, z, last, &next));
            if (next != us)
                fail_msg("'%s' in %s: next after %lld is %lld, not %lld", text, zone_name, (long long)last,
                         (long long)next, (long long)us);
            assert_true(dr_cron_prev(&c, z, us - 1, &prev));
            if (prev != last)
                fail_msg("'%s' in %s: prev before %lld is %lld, not %lld", text, zone_name, (long long)us,
                         (long long)prev, (long long)last);
            assert_true(dr_cron_prev(&c, z, us, &prev));
            assert_int_equal(prev, us);
        }
        last = us;
    }
    assert_true(last != INT64_MIN);
}

static void times_agree_with_a_search_of_every_minute(void **state)
{
    struct fixture *f = *state;
    static const char *const schedules[] = { "30 1 * * *",   "0,15,30,45 0,1,2,3 * * *",
                                             "*/7 * * * *",  "45 1 * * *",
                                             "*/20 2 * * *", "30 * * * *",
                                             "15 2 1-7 * 0", "0 2,3 */2 * *" };
    static const struct {
        const char *zone, *from;
    } windows[] = {
        { "Europe/London", "2024-03-29T00:00:00Z" },
        { "Europe/London", "2024-10-25T00:00:00Z" },
        { "America/New_York", "2024-03-08T00:00:00Z" },
        { "America/New_York", "2024-11-01T00:00:00Z" },
        { "Australia/Lord_Howe", "2024-04-05T00:00:00Z" },
        { "Australia/Lord_Howe", "2024-10-04T00:00:00Z" },
        { "UTC", "2024-02-28T00:00:00Z" },
    };
    for (size_t w = 0; w < sizeof(windows) / sizeof(windows[0]); w++)
        for (size_t s = 0; s < sizeof(schedules) / sizeof(schedules[0]); s++)
            compare_window(f, schedules[s], windows[w].zone, windows[w].from, 24 * 5);
}

static void a_search_over_years_is_quick(void **state)
{
    struct fixture *f = *state;
    struct dr_cron c = cron(f, "*/5 * 29 2 *");
    const struct dr_zone *z = zone(f, "Europe/London");
    int64_t us = 0;
    clock_t begin = clock(); /* of this process alone: others may have work, too */
    for (int i = 0; i < 200; i++)
        assert_true(dr_cron_next(&c, z, instant("2024-03-01T00:00:00Z"), &us));
    assert_int_equal(us, instant("2028-02-29T00:00:00Z"));
    assert_true(clock() - begin < 5 * CLOCKS_PER_SEC); /* minutes of four years: 420 million steps */
}

static void the_ends_of_time_are_no_trap(void **state)
{
    struct fixture *f = *state;
    struct dr_cron c = cron(f, "@hourly"), fixed = cron(f, "@daily");
    const struct dr_zone *z = zone(f, "Europe/London");
    int64_t us;
    assert_true(dr_cron_next(&c, z, INT64_MIN, &us));
    assert_true(dr_cron_next(&fixed, z, INT64_MIN, &us));
    assert_true(dr_cron_prev(&c, z, INT64_MAX, &us));
    assert_true(dr_cron_prev(&fixed, z, INT64_MAX, &us));
}

static void schedules_read_as_english(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *schedule, *english;
    } cases[] = {
        { "30 2 * * *", "at 02:30 every day" },
        { "@hourly", "every hour" },
        { "*/15 * * * *", "every 15 minutes" },
        { "* * * * *", "every minute" },
        { "30 2,14 * * 1-5", "at 02:30 and 14:30 on Monday to Friday" },
        { "0 0 1 * *", "at 00:00 on day 1 of the month" },
        { "0 6 13 * 5", "at 06:00 on day 13 of the month or on Friday" },
        { "0 0 1 1,7 *", "at 00:00 on day 1 of the month in January and July" },
        { "5 * * * *", "at minute 5 of every hour" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct dr_cron c = cron(f, cases[i].schedule);
        dr_buf_clear(&f->text);
        dr_cron_describe(&c, &f->text);
        assert_string_equal(dr_buf_cstr(&f->text), cases[i].english);
    }
}

static void the_last_year_is_no_earlier_one(void **state)
{
    struct fixture *f = *state;
    assert_next(f, "30 2 * * *", "UTC", "9999-03-01T02:30:00Z", "9999-03-02T02:30:00Z");
    assert_next(f, "0 0 1 1 *", "UTC", "9997-06-01T00:00:00Z", "9998-01-01T00:00:00Z");
    assert_next(f, "0 0 1 1 *", "UTC", "9999-06-01T00:00:00Z", "never");
    assert_next(f, "59 23 31 12 *", "UTC", "9999-06-01T00:00:00Z", "9999-12-31T23:59:00Z");
    assert_next(f, "59 23 31 12 *", "UTC", "9999-12-31T23:59:00Z", "never");
    assert_next(f, "59 23 31 12 *", "America/New_York", "9999-06-01T00:00:00Z",
                "never"); /* in 10000 of UTC */
    assert_next(f, "*/5 * * * *", "America/New_York", "9999-12-31T23:54:00Z", "9999-12-31T23:55:00Z");
    assert_next(f, "*/5 * * * *", "Asia/Tokyo", "9999-12-31T23:54:00Z", "never");
    assert_next(f, "*/5 * * * *", "America/New_York", "9999-12-31T23:55:00Z", "never");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(fields_become_bits),
        TEST(macros_stand_for_their_fields),
        TEST(wrong_expressions_say_which_field),
        TEST(next_is_strictly_after),
        TEST(two_restricted_day_fields_are_alternatives),
        TEST(a_time_in_a_gap_fires_once_after_it),
        TEST(a_fixed_time_in_a_fold_fires_at_its_first_occurrence),
        TEST(a_wildcard_schedule_follows_the_clock),
        TEST(times_agree_with_a_search_of_every_minute),
        TEST(a_search_over_years_is_quick),
        TEST(the_ends_of_time_are_no_trap),
        TEST(the_last_year_is_no_earlier_one),
        TEST(schedules_read_as_english),
    };
    return cmocka_run_group_tests_name("cron", tests, NULL, NULL);
}
