/* Time zones: transitions, gaps, folds, and files that lie. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/date.h"
#include "base/file.h"
#include "temp_folder.h"

struct fixture {
    struct dr_arena arena;
    char dir[400]; /* what TZDIR says */
};

/* A small TZif file, built as RFC 8536 lays it out. */
static void put_number(struct dr_buf *b, uint64_t v, int n)
{
    for (int i = n - 1; i >= 0; i--)
        dr_buf_putc(b, (char)(v >> (8 * i) & 0xFF));
}

static void put_header(struct dr_buf *b, char version, uint32_t n_times, uint32_t n_types, uint32_t n_chars)
{
    dr_buf_append(b, "TZif", 4);
    dr_buf_putc(b, version);
    for (int i = 0; i < 15; i++)
        dr_buf_putc(b, 0);
    uint32_t counts[] = { 0, 0, 0, n_times, n_types, n_chars };
    for (int i = 0; i < 6; i++)
        put_number(b, counts[i], 4);
}

static void put_type(struct dr_buf *b, int32_t offset_s, char dst, char abbrev_at)
{
    put_number(b, (uint32_t)offset_s, 4);
    dr_buf_putc(b, dst);
    dr_buf_putc(b, abbrev_at);
}

/* "LMT" (-75 s) until 1847-12-01, then "GMT" with the rule of the footer. */
static void make_london(struct dr_buf *b, const char *rule)
{
    put_header(b, '2', 0, 1, 4);
    put_type(b, 0, 0, 0);
    dr_buf_append(b, "GMT", 4);
    put_header(b, '2', 1, 2, 8);
    put_number(b, (uint64_t)INT64_C(-3852662325), 8);
    dr_buf_putc(b, 1);
    put_type(b, -75, 0, 0);
    put_type(b, 0, 0, 4);
    dr_buf_append(b, "LMT\0GMT", 8);
    dr_buf_printf(b, "\n%s\n", rule);
}

static void write_zone(struct fixture *f, const char *name, struct dr_str bytes)
{
    char path[500];
    snprintf(path, sizeof(path), "%s/%s", f->dir, name);
    assert_int_equal(dr_write_file(path, bytes, NULL), 0);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    if (!make_temp_folder(f->dir, sizeof f->dir))
        return -1;
    setenv("TZDIR", f->dir, 1);
    DR_AUTO_BUF b = { 0 };
    make_london(&b, "GMT0BST,M3.5.0/1,M10.5.0");
    write_zone(f, "London", dr_buf_str(&b));
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    dr_arena_done(&f->arena);
    dr_remove_tree(f->dir, NULL);
    unsetenv("TZDIR");
    free(f);
    return 0;
}

static const struct dr_zone *load(struct fixture *f, const char *name)
{
    const struct dr_zone *z = NULL;
    struct dr_err err = { 0 };
    if (dr_zone_load(&f->arena, name, &z, &err))
        fail_msg("%s", err.msg);
    return z;
}

static const struct dr_zone *load_rule(struct fixture *f, const char *rule)
{
    DR_AUTO_BUF b = { 0 };
    make_london(&b, rule);
    write_zone(f, "Rule", dr_buf_str(&b));
    return load(f, "Rule");
}

static struct dr_civil civil(const char *text)
{
    int64_t us;
    bool zoned;
    struct dr_civil c;
    assert_true(dr_parse_timestamp(dr_str_of(text), &us, &zoned));
    dr_civil_from_us(us, &c);
    return c;
}

static int64_t utc(const char *text)
{
    struct dr_civil c = civil(text);
    return dr_us_from_civil(&c);
}

static void assert_local(const struct dr_zone *z, const char *instant, const char *local, const char *abbrev)
{
    struct dr_civil c;
    const char *name;
    char text[DR_TIME_TEXT];
    int32_t offset_s;
    dr_zone_local(z, utc(instant), &c, &offset_s, &name);
    dr_format_timestamp(dr_us_from_civil(&c), false, text);
    assert_string_equal(text, local);
    assert_string_equal(name, abbrev);
    assert_true(utc(local) - utc(instant) == offset_s * DR_US_PER_S);
}

static void utc_needs_no_file(void **state)
{
    struct fixture *f = *state;
    const struct dr_zone *z = load(f, "UTC");
    assert_string_equal(dr_zone_name(z), "UTC");
    assert_local(z, "2024-07-01T12:00:00", "2024-07-01T12:00:00", "UTC");
}

static void summer_time_comes_and_goes(void **state)
{
    struct fixture *f = *state;
    const struct dr_zone *z = load(f, "London");
    assert_local(z, "2024-03-31T00:59:59", "2024-03-31T00:59:59", "GMT");
    assert_local(z, "2024-03-31T01:00:00", "2024-03-31T02:00:00", "BST");
    assert_local(z, "2024-10-27T00:59:59.999999", "2024-10-27T01:59:59.999999", "BST");
    assert_local(z, "2024-10-27T01:00:00", "2024-10-27T01:00:00", "GMT");
    assert_local(z, "9999-07-01T00:00:00", "9999-07-01T01:00:00", "BST");
}

static void before_the_first_transition_the_first_type_holds(void **state)
{
    struct fixture *f = *state;
    const struct dr_zone *z = load(f, "London");
    assert_local(z, "1800-01-01T00:01:15", "1800-01-01T00:00:00", "LMT");
}

static void a_time_in_a_gap_becomes_its_end(void **state)
{
    struct fixture *f = *state;
    const struct dr_zone *z = load(f, "London");
    int64_t us = 0;
    struct dr_civil c = civil("2024-03-31T01:30:00");
    assert_int_equal(dr_zone_instant(z, &c, &us, NULL), DR_LOCAL_GAP);
    assert_true(us == utc("2024-03-31T01:00:00"));
    c = civil("2024-03-31T02:00:00");
    assert_int_equal(dr_zone_instant(z, &c, &us, NULL), DR_LOCAL_ONE);
    assert_true(us == utc("2024-03-31T01:00:00"));
}

static void a_time_in_a_fold_has_two_instants(void **state)
{
    struct fixture *f = *state;
    const struct dr_zone *z = load(f, "London");
    int64_t us = 0, second = 0;
    struct dr_civil c = civil("2024-10-27T01:30:00.000007");
    assert_int_equal(dr_zone_instant(z, &c, &us, &second), DR_LOCAL_FOLD);
    assert_true(us == utc("2024-10-27T00:30:00.000007"));
    assert_true(second == utc("2024-10-27T01:30:00.000007"));
    assert_int_equal(dr_zone_instant(z, &c, &us, NULL), DR_LOCAL_FOLD);
}

static void every_hour_converts_both_ways(void **state)
{
    struct fixture *f = *state;
    const struct dr_zone *z = load(f, "London");
    for (int64_t us = utc("2023-12-30T00:00:00"); us < utc("2025-01-03T00:00:00"); us += 3600 * DR_US_PER_S) {
        struct dr_civil c;
        int64_t first = 0, second = 0;
        dr_zone_local(z, us, &c, NULL, NULL);
        enum dr_local_kind kind = dr_zone_instant(z, &c, &first, &second);
        assert_true(kind != DR_LOCAL_GAP);
        assert_true(first == us || (kind == DR_LOCAL_FOLD && second == us));
    }
}

static void the_southern_summer_spans_new_year(void **state)
{
    struct fixture *f = *state;
    const struct dr_zone *z = load_rule(f, "AEST-10AEDT,M10.1.0,M4.1.0/3");
    assert_local(z, "2024-01-01T00:00:00", "2024-01-01T11:00:00", "AEDT");
    assert_local(z, "2024-07-01T00:00:00", "2024-07-01T10:00:00", "AEST");
    assert_local(z, "2023-12-31T23:30:00", "2024-01-01T10:30:00", "AEDT");
}

static void rules_may_name_days_and_odd_hours(void **state)
{
    struct fixture *f = *state;
    assert_local(load_rule(f, "<-03>3"), "2024-01-01T00:00:00", "2023-12-31T21:00:00", "-03");
    assert_local(load_rule(f, "XXX3EDT4,0/0,J365/23"), "2024-06-01T12:00:00", "2024-06-01T08:00:00", "EDT");
    const struct dr_zone *z = load_rule(f, "<-02>2<-01>,M3.5.0/-1,M10.5.0/0"); /* America/Nuuk */
    assert_local(z, "2024-03-31T00:59:59", "2024-03-30T22:59:59", "-02");
    assert_local(z, "2024-03-31T01:00:00", "2024-03-31T00:00:00", "-01");
    assert_local(load_rule(f, "AAA-5:30:15"), "2024-01-01T00:00:00", "2024-01-01T05:30:15", "AAA");
    z = load_rule(f, "AAA0BBB,J60/0,J61/0"); /* March 1, in leap years too */
    assert_local(z, "2024-03-01T00:00:00", "2024-03-01T01:00:00", "BBB");
    assert_local(z, "2023-02-28T23:59:59", "2023-02-28T23:59:59", "AAA");
}

static void a_file_of_version_1_is_read(void **state)
{
    struct fixture *f = *state;
    DR_AUTO_BUF b = { 0 };
    put_header(&b, '\0', 1, 2, 8);
    put_number(&b, 0, 4);
    dr_buf_putc(&b, 1);
    put_type(&b, 0, 0, 0);
    put_type(&b, 7200, 0, 4);
    dr_buf_append(&b, "AAA\0BBB", 8);
    write_zone(f, "Old", dr_buf_str(&b));
    const struct dr_zone *z = load(f, "Old");
    assert_local(z, "1969-12-31T23:59:59", "1969-12-31T23:59:59", "AAA");
    assert_local(z, "2050-01-01T00:00:00", "2050-01-01T02:00:00", "BBB");
}

static void assert_refused(struct fixture *f, const char *name, int32_t rc, const char *words)
{
    const struct dr_zone *z = NULL;
    struct dr_err err = { 0 };
    assert_int_equal(dr_zone_load(&f->arena, name, &z, &err), rc);
    assert_null(z);
    if (!strstr(err.msg, words))
        fail_msg("'%s' not in: %s", words, err.msg);
}

static void names_cannot_leave_the_folder(void **state)
{
    struct fixture *f = *state;
    assert_refused(f, "../London", DR_EINPUT, "not the name of a time zone");
    assert_refused(f, "a/../../b", DR_EINPUT, "not the name of a time zone");
    assert_refused(f, "/etc/passwd", DR_EINPUT, "not the name of a time zone");
    assert_refused(f, "", DR_EINPUT, "not the name of a time zone");
    assert_refused(f, "Europe/London\n", DR_EINPUT, "not the name of a time zone");
}

static void an_unknown_zone_is_not_found(void **state)
{
    struct fixture *f = *state;
    assert_refused(f, "Mars/Olympus", DR_ENOTFOUND, "tzdata");
    assert_refused(f, "London/x", DR_ENOTFOUND, "is not known");
}

static void a_file_that_is_not_tzif_is_refused(void **state)
{
    struct fixture *f = *state;
    write_zone(f, "Text", DR_LIT("Europe/London is a nice place to be in, and this is long enough"));
    assert_refused(f, "Text", DR_EINPUT, "not a TZif file");
    write_zone(f, "Empty", DR_LIT(""));
    assert_refused(f, "Empty", DR_EINPUT, "not a TZif file");
}

static void a_file_cut_anywhere_is_refused(void **state)
{
    struct fixture *f = *state;
    DR_AUTO_BUF b = { 0 };
    make_london(&b, "GMT0BST,M3.5.0/1,M10.5.0");
    for (size_t n = 0; n < b.n; n++) {
        write_zone(f, "Cut", (struct dr_str){ b.p, n });
        assert_refused(f, "Cut", DR_EINPUT, "time zone 'Cut'");
    }
}

static void a_file_with_any_byte_changed_does_no_harm(void **state)
{
    struct fixture *f = *state;
    DR_AUTO_BUF b = { 0 };
    make_london(&b, "GMT0BST,M3.5.0/1,M10.5.0");
    for (size_t i = 0; i < b.n; i++) {
        char kept = b.p[i];
        for (int k = 0; k < 3; k++) {
            b.p[i] = (char)(k == 0 ? 0xFF : k == 1 ? 0x80 : kept + 1);
            write_zone(f, "Odd", dr_buf_str(&b));
            DR_AUTO_ARENA arena = { 0 };
            const struct dr_zone *z;
            if (dr_zone_load(&arena, "Odd", &z, NULL))
                continue;
            struct dr_civil c;
            int64_t us;
            dr_zone_local(z, INT64_MIN, &c, NULL, NULL);
            dr_zone_local(z, INT64_MAX, &c, NULL, NULL);
            c = civil("2024-10-27T01:30:00");
            (void)dr_zone_instant(z, &c, &us, NULL);
        }
        b.p[i] = kept;
    }
}

static void transitions_that_do_not_increase_are_refused(void **state)
{
    struct fixture *f = *state;
    DR_AUTO_BUF b = { 0 };
    put_header(&b, '\0', 2, 1, 4);
    put_number(&b, 5, 4);
    put_number(&b, 5, 4);
    put_number(&b, 0, 2);
    put_type(&b, 0, 0, 0);
    dr_buf_append(&b, "AAA", 4);
    write_zone(f, "Twice", dr_buf_str(&b));
    assert_refused(f, "Twice", DR_EINPUT, "do not increase");
}

static void a_wrong_rule_is_refused(void **state)
{
    struct fixture *f = *state;
    static const char *const bad[] = { "G",
                                       "GMT",
                                       "GMT0BST",
                                       "GMT0BST,M3.5.0",
                                       "GMT99",
                                       "<+03",
                                       "GMT0BST,M13.5.0,M1.1.0",
                                       "GMT0BST,M3.6.0,M1.1.0",
                                       "GMT0BST,J0,J5",
                                       "GMT0BST,366,5",
                                       "GMT0BST,1,2x",
                                       "GMT0BST,1/168,2" };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        DR_AUTO_BUF b = { 0 };
        make_london(&b, bad[i]);
        write_zone(f, "Bad", dr_buf_str(&b));
        assert_refused(f, "Bad", DR_EINPUT, "POSIX TZ string");
    }
}

static void leap_seconds_are_refused(void **state)
{
    struct fixture *f = *state;
    DR_AUTO_BUF b = { 0 };
    put_header(&b, '\0', 0, 1, 4);
    b.p[31] = 1; /* one leap second */
    put_type(&b, 0, 0, 0);
    dr_buf_append(&b, "AAA", 4);
    put_number(&b, 1, 8);
    write_zone(f, "Right", dr_buf_str(&b));
    assert_refused(f, "Right", DR_EINPUT, "leap seconds");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(utc_needs_no_file, setup, teardown),
        cmocka_unit_test_setup_teardown(summer_time_comes_and_goes, setup, teardown),
        cmocka_unit_test_setup_teardown(before_the_first_transition_the_first_type_holds, setup, teardown),
        cmocka_unit_test_setup_teardown(a_time_in_a_gap_becomes_its_end, setup, teardown),
        cmocka_unit_test_setup_teardown(a_time_in_a_fold_has_two_instants, setup, teardown),
        cmocka_unit_test_setup_teardown(every_hour_converts_both_ways, setup, teardown),
        cmocka_unit_test_setup_teardown(the_southern_summer_spans_new_year, setup, teardown),
        cmocka_unit_test_setup_teardown(rules_may_name_days_and_odd_hours, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_of_version_1_is_read, setup, teardown),
        cmocka_unit_test_setup_teardown(names_cannot_leave_the_folder, setup, teardown),
        cmocka_unit_test_setup_teardown(an_unknown_zone_is_not_found, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_that_is_not_tzif_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_cut_anywhere_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_with_any_byte_changed_does_no_harm, setup, teardown),
        cmocka_unit_test_setup_teardown(transitions_that_do_not_increase_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_wrong_rule_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(leap_seconds_are_refused, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
