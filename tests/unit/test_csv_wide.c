/* test_csv_wide.c - what a group of fields gives is what each of them gives alone, wherever it
 * stands in its group. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>
#include "csv/infer.h"
#include "csv/parse.h"
#include "csv/wide.h"

enum { MOST = 1 << 16, QUOTE = '"' };

/* Fields one below the other, as a run of records. */
struct fields {
    struct dr_buf text;
    uint32_t *before; /* MOST + 1: where fields end; before[0] is before the first */
    int64_t n;
    struct fields *quoted; /* the same, some of them in quotes; NULL: this is it */
};

static struct fields *new_fields(struct fields *quoted)
{
    struct fields *f = calloc(1, sizeof *f);
    f->text.max = SIZE_MAX / 4;
    f->before = malloc((MOST + 1) * sizeof *f->before);
    f->before[0] = UINT32_MAX;
    f->quoted = quoted;
    return f;
}

static int setup(void **state)
{
    *state = new_fields(new_fields(NULL));
    return 0;
}

static void free_fields(struct fields *f)
{
    dr_buf_done(&f->text);
    free(f->before);
    free(f);
}

static int teardown(void **state)
{
    struct fields *f = *state;
    free_fields(f->quoted);
    free_fields(f);
    return 0;
}

static void add(struct fields *f, const char *p)
{
    dr_buf_puts(&f->text, p);
    f->before[++f->n] = (uint32_t)f->text.n;
    dr_buf_putc(&f->text, ',');
}

static struct dr_str field(const struct fields *f, int64_t i)
{
    uint32_t from = f->before[i] + 1;
    return (struct dr_str){ f->text.p + from, f->before[i + 1] - from };
}

static void clear(struct fields *f)
{
    dr_buf_clear(&f->text);
    f->n = 0;
}

/* Every field again, two of three in quotes; a quote within would be doubled, and no field of a group is. */
static struct fields *put_in_quotes(struct fields *f)
{
    struct fields *quoted = f->quoted;
    clear(quoted);
    for (int64_t i = 0; i < f->n; i++) {
        struct dr_str s = field(f, i);
        if (memchr(s.p, QUOTE, s.n))
            s.n = 0;
        if (i % 3)
            dr_buf_putc(&quoted->text, QUOTE);
        dr_buf_append(&quoted->text, s.p, s.n);
        add(quoted, i % 3 ? "\"" : "");
    }
    return quoted;
}

static struct dr_str trimmed(struct dr_str s)
{
    bool quoted = s.n > 0 && s.p[0] == QUOTE;
    return (struct dr_str){ s.p + quoted, s.n - 2 * (size_t)quoted };
}

/* Whole groups, and bytes that may be read after the last. */
static struct dr_csv_strip end_strip(struct fields *f)
{
    while (f->n % DR_CSV_WIDE)
        add(f, "");
    memset(dr_buf_reserve(&f->text, DR_CSV_SLACK), 0, DR_CSV_SLACK);
    return (struct dr_csv_strip){ .p = f->text.p,
                                  .ends = f->before + 1,
                                  .stride = 1,
                                  .rows = f->n,
                                  .separator = ',',
                                  .quotes = !f->quoted,
                                  .quote = QUOTE };
}

static bool is_read(const uint8_t *read, int64_t i)
{
    return read[i / DR_CSV_WIDE] >> i % DR_CSV_WIDE & 1;
}

static void skip_without_avx2(void)
{
    if (!dr_csv_wide_can(dr_best_isa(), ',')) {
        print_message("no AVX2 here\n");
        skip();
    }
}

/* ---- dates ---------------------------------------------------------------------- */

static void check_dates_as_they_are(struct fields *f)
{
    static int32_t days[MOST];
    static uint8_t read[MOST / DR_CSV_WIDE];
    struct dr_csv_strip strip = end_strip(f);
    dr_csv_wide_dates(&strip, days, read);
    for (int64_t i = 0; i < f->n; i++) {
        struct dr_str s = f->quoted ? field(f, i) : trimmed(field(f, i));
        int32_t expected = 0;
        bool taken = dr_csv_fast_date(dr_csv_months(), s, &expected);
        if (is_read(read, i) != taken || (taken && days[i] != expected))
            fail_msg("field %d, '%.*s': %d and %d days, alone %d and %d", (int)i, (int)s.n, s.p,
                     is_read(read, i), days[i], taken, expected);
    }
}

static void check_dates(struct fields *f)
{
    check_dates_as_they_are(f);
    check_dates_as_they_are(put_in_quotes(f));
    clear(f);
}

static void test_every_day_of_four_centuries_is_what_it_is_alone(void **state)
{
    struct fields *f = *state;
    skip_without_avx2();
    for (int year = 1800; year < 2200; year++) {
        for (int month = 0; month <= 17; month++) {
            for (int day = 0; day <= 33; day++) {
                char text[48];
                snprintf(text, sizeof text, "%04d-%02d-%02d", year, month, day);
                add(f, text);
            }
        }
        if (year % 50 == 49)
            check_dates(f);
    }
}

static void test_a_date_with_any_byte_changed_is_what_it_is_alone(void **state)
{
    struct fields *f = *state;
    skip_without_avx2();
    for (int at = 0; at < 10; at++) {
        for (int c = 1; c < 256; c++) {
            char text[] = "2024-02-29";
            text[at] = (char)c;
            if (c != ',')
                add(f, text);
        }
    }
    check_dates(f);
}

static void test_shorter_and_longer_dates_are_not_read(void **state)
{
    static const char *const texts[] = {
        "",           "2",           "2024-01-0",  "2024-01-011", "2024-01-01 ",
        "2024-01-01", "2024-01-01Z", "2024-1-001", "9999-12-31",  "0000-01-01"
    };
    struct fields *f = *state;
    skip_without_avx2();
    for (int shift = 0; shift < 8; shift++) {
        for (int i = 0; i < 10; i++)
            add(f, texts[i]);
        add(f, "1999-12-31");
    }
    check_dates(f);
}

static void test_a_date_before_another_separator_is_not_read(void **state)
{
    struct fields *f = *state;
    int32_t days[DR_CSV_WIDE];
    uint8_t read;
    skip_without_avx2();
    for (int i = 0; i < 8; i++)
        add(f, "2024-01-01");
    struct dr_csv_strip strip = end_strip(f);
    f->text.p[f->before[4]] = '\n';
    dr_csv_wide_dates(&strip, days, &read);
    assert_int_equal(read, 0xFF & ~(1 << 3));
}

static void test_delimiters_that_dates_are_made_of_are_not_for_groups(void **state)
{
    (void)state;
    assert_false(dr_csv_wide_can(dr_best_isa(), '-'));
    assert_false(dr_csv_wide_can(dr_best_isa(), '0'));
    assert_false(dr_csv_wide_can(dr_best_isa(), '9'));
    assert_false(dr_csv_wide_can(DR_ISA_SSE2, ','));
}

/* ---- floats ----------------------------------------------------------------------- */

static void check_floats(struct fields *f, bool inferred)
{
    static double values[MOST];
    static uint8_t read[MOST / DR_CSV_WIDE];
    struct dr_csv_strip strip = end_strip(f);
    dr_csv_wide_floats(&strip, inferred, values, read);
    for (int64_t i = 0; i < f->n; i++) {
        struct dr_str whole = field(f, i), s = f->quoted ? whole : trimmed(whole);
        double expected = 0;
        bool taken = s.n + (s.n < whole.n) <= 8 && dr_csv_fast_float(s, &expected) &&
                     (!inferred || dr_csv_is_canonical(s));
        if (is_read(read, i) != taken || (taken && memcmp(&values[i], &expected, sizeof expected) != 0))
            fail_msg("field %d, '%.*s': %d and %.17g, alone %d and %.17g", (int)i, (int)s.n, s.p,
                     is_read(read, i), values[i], taken, expected);
    }
}

/* The same texts told by offset and length, every seventh with another tag. */
static void check_tagged(struct fields *f)
{
    enum { TAG = 4, OTHER = 5 };
    static uint32_t texts[MOST][2];
    static double values[MOST];
    static uint8_t read[MOST / DR_CSV_WIDE];
    (void)end_strip(f);
    for (int64_t i = 0; i < f->n; i++) {
        texts[i][0] = f->before[i] + 1;
        texts[i][1] = (uint32_t)field(f, i).n << 4 | (i % 7 ? TAG : OTHER);
    }
    dr_csv_wide_tagged_floats(f->text.p, texts[0], f->n, TAG, values, read);
    for (int64_t i = 0; i < f->n; i++) {
        struct dr_str s = field(f, i);
        double expected = 0;
        bool taken = i % 7 && s.n <= 8 && dr_csv_fast_float(s, &expected);
        if (is_read(read, i) != taken || (taken && memcmp(&values[i], &expected, sizeof expected) != 0))
            fail_msg("tagged field %d, '%.*s': %d and %.17g, alone %d and %.17g", (int)i, (int)s.n, s.p,
                     is_read(read, i), values[i], taken, expected);
    }
}

static void check_both(struct fields *f)
{
    check_floats(f, false);
    check_floats(f, true);
    check_tagged(f);
    check_floats(put_in_quotes(f), false);
    check_floats(put_in_quotes(f), true);
    clear(f);
}

/* All texts of `length` of these characters, at most four of them. */
static void test_every_short_text_of_signs_points_and_digits_is_what_it_is_alone(void **state)
{
    static const char chars[] = "-+.0159e: ";
    struct fields *f = *state;
    skip_without_avx2();
    for (int length = 0, count = 1; length <= 4; length++, count *= 10) {
        for (int k = 0; k < count; k++) {
            char text[8] = "";
            for (int i = 0, rest = k; i < length; i++, rest /= 10)
                text[i] = chars[rest % 10];
            add(f, text);
        }
    }
    check_both(f);
}

static void test_a_point_and_a_sign_anywhere_in_nine_characters(void **state)
{
    struct fields *f = *state;
    skip_without_avx2();
    for (int length = 1; length <= 10; length++) {
        for (int point = -1; point < length; point++) {
            for (int sign = -1; sign < length; sign++) {
                char text[16] = "9876543219";
                text[length] = '\0';
                if (point >= 0)
                    text[point] = '.';
                if (sign >= 0)
                    text[sign] = '-';
                add(f, text);
            }
        }
    }
    check_both(f);
}

static void test_a_number_with_any_byte_changed_is_what_it_is_alone(void **state)
{
    struct fields *f = *state;
    skip_without_avx2();
    for (int at = 0; at < 6; at++) {
        for (int c = 1; c < 256; c++) {
            char text[] = "12.345";
            text[at] = (char)c;
            if (c != ',')
                add(f, text);
        }
    }
    check_both(f);
}

static void test_lengths_that_do_not_fit_a_byte_are_not_read(void **state)
{
    struct fields *f = *state;
    char text[1024];
    skip_without_avx2();
    for (size_t length = 250; length < 520; length++) {
        memset(text, '1', length);
        text[length] = '\0';
        add(f, text);
        if (length % 3 == 0)
            add(f, "7.5");
    }
    check_both(f);
}

int main(void)
{
#define EACH(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        EACH(test_every_day_of_four_centuries_is_what_it_is_alone),
        EACH(test_a_date_with_any_byte_changed_is_what_it_is_alone),
        EACH(test_shorter_and_longer_dates_are_not_read),
        EACH(test_a_date_before_another_separator_is_not_read),
        EACH(test_delimiters_that_dates_are_made_of_are_not_for_groups),
        EACH(test_every_short_text_of_signs_points_and_digits_is_what_it_is_alone),
        EACH(test_a_point_and_a_sign_anywhere_in_nine_characters),
        EACH(test_a_number_with_any_byte_changed_is_what_it_is_alone),
        EACH(test_lengths_that_do_not_fit_a_byte_are_not_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
