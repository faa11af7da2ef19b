/* test_csv_agree.c - every way of reading gives what libcsv alone gives: random
 * text, cut at every size, by threads and without. */
#include <stdlib.h>
#include "test_csv.h"
#include "data/pool.h"

static uint64_t seed;

static size_t random_below(size_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (size_t)(seed % n);
}

static const char *one_of(const char *const *choices, size_t n)
{
    return choices[random_below(n)];
}

/* doubles: quotes may be doubled inside quotes. */
static void put_field(struct dr_buf *out, bool dirty, bool doubles)
{
    static const char *const plain[] = { "",
                                         "a",
                                         "12.5",
                                         "2024-01-31",
                                         "oxygen_saturation",
                                         "P0000123",
                                         " x ",
                                         "a text that is longer than any short one",
                                         "é",
                                         "NA" };
    static const char *const quoted[] = { "\"\"",
                                          "\"a\"",
                                          "\"x,y\"",
                                          "\"l1\nl2\"",
                                          "\"l1\r\nl2\"",
                                          "\"\r\"",
                                          "\"2024-01-31\"",
                                          "\"a quoted text, longer than a short one\"",
                                          "\"say \"\"hi\"\"\"",
                                          "\"\"\"\"" };
    const size_t all_quoted = sizeof quoted / sizeof *quoted;
    static const char *const bad[] = { "a\"b", "\"a\"b", "\"open", "\xFF", "\"\xC3\"", "\r", "," };
    if (dirty && random_below(12) == 0)
        dr_buf_puts(out, one_of(bad, sizeof bad / sizeof *bad));
    else if (random_below(4) == 0)
        dr_buf_puts(out, one_of(quoted, doubles ? all_quoted : all_quoted - 2));
    else
        dr_buf_puts(out, one_of(plain, sizeof plain / sizeof *plain));
}

static void make_text(struct dr_buf *out, bool dirty)
{
    static const char *const ends[] = { "\n", "\r\n", "\r" };
    const char *end = random_below(4) ? "\n" : one_of(ends, 3);
    size_t columns = 1 + random_below(4), rows = random_below(random_below(20) ? 30 : 300);
    bool doubles = random_below(2) == 0;
    dr_buf_puts(out, "a");
    for (size_t c = 1; c < columns; c++)
        dr_buf_printf(out, ",%c", (char)('a' + c));
    dr_buf_puts(out, end);
    for (size_t i = 0; i < rows; i++) {
        size_t n = random_below(dirty ? 15 : 1000000) == 0 ? random_below(6) : columns;
        for (size_t c = 0; c < n; c++) {
            dr_buf_puts(out, c ? "," : "");
            put_field(out, dirty, doubles);
        }
        if (i + 1 < rows || random_below(2))
            dr_buf_puts(out, end);
    }
}

static void check_agreement(struct dr_str text, bool forgiving)
{
    static const size_t pieces[] = { 1, 2, 5, 17, 64, 65, 150, 512 << 10 };
    struct dr_csv_options opts = {
        .size = sizeof opts, .forgiving = forgiving, .line_column = "line", .keep_empty = forgiving
    };
    struct dr_csv_tuning tuning = dr_csv_tuning_default();
    DR_AUTO_BUF expected = { 0 };
    tuning.path = DR_CSV_PATH_LIBCSV;
    show_csv(&expected, text, &opts, &tuning, false);
    tuning.path = DR_CSV_PATH_FAST;
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        DR_AUTO_BUF got = { 0 };
        tuning.piece = pieces[i];
        tuning.block = pieces[random_below(8)];
        tuning.window_rows = (int64_t)random_below(10);
        tuning.round = 1 + (int32_t)random_below(5);
        tuning.isa = (enum dr_isa)random_below((size_t)dr_best_isa() + 1);
        tuning.large = random_below(2) ? 0 : INT64_MAX;
        show_csv(&got, text, &opts, &tuning, false);
        assert_string_equal(dr_buf_cstr(&got), dr_buf_cstr(&expected));
    }
}

static void check_random(int32_t threads, bool dirty)
{
    dr_pool_init(threads);
    for (int i = 0; i < 300; i++) {
        DR_AUTO_BUF text = { 0 };
        make_text(&text, dirty);
        check_agreement(dr_buf_str(&text), false);
        if (dirty)
            check_agreement(dr_buf_str(&text), true);
    }
    dr_pool_done();
}

static void test_clean_text_on_one_thread(void **state)
{
    (void)state;
    seed = 1;
    check_random(1, false);
}

static void test_dirty_text_on_one_thread(void **state)
{
    (void)state;
    seed = 2;
    check_random(1, true);
}

static void test_clean_text_on_three_threads(void **state)
{
    (void)state;
    seed = 3;
    check_random(3, false);
}

static void test_dirty_text_on_three_threads(void **state)
{
    (void)state;
    seed = 4;
    check_random(3, true);
}

/* Long quoted fields make nearly every guess of the threads wrong. */
static void test_records_longer_than_a_range(void **state)
{
    (void)state;
    DR_AUTO_BUF text = { 0 };
    dr_pool_init(3);
    dr_buf_puts(&text, "id,text\n");
    for (int i = 0; i < 40; i++) {
        dr_buf_printf(&text, "%d,\"", i);
        for (int k = 0; k < 30 * (i % 5); k++)
            dr_buf_puts(&text, k % 3 ? "word\n" : "1,2\n");
        dr_buf_puts(&text, "\"\n");
    }
    seed = 5;
    for (int i = 0; i < 5; i++)
        check_agreement(dr_buf_str(&text), false);
    dr_pool_done();
}

/* Doubled quotes in few records: these are read apart from the others, in the first, the last and
 * neighbouring ones, too. */
static void test_doubled_quotes_far_apart(void **state)
{
    (void)state;
    DR_AUTO_BUF text = { 0 };
    dr_buf_puts(&text, "id,text,more\n");
    for (int i = 0; i < 2000; i++) {
        bool doubled = i == 0 || i == 1999 || i % 97 == 5 || i % 97 == 6;
        dr_buf_printf(&text, "%d,\"%s\",%s\n", i % 7, doubled ? "\"\"a\"\", b" : "a, b",
                      i % 331 == 0 ? "\"\"" : "\"x\ny\"");
    }
    seed = 7;
    check_agreement(dr_buf_str(&text), false);
    check_agreement(dr_buf_str(&text), true);
}

static void test_codes_do_not_depend_on_threads(void **state)
{
    (void)state;
    DR_AUTO_BUF text = { 0 };
    DR_AUTO_BUF one = { 0 };
    DR_AUTO_BUF three = { 0 };
    struct dr_csv_tuning tuning = dr_csv_tuning_default();
    seed = 6;
    dr_buf_puts(&text, "a,b\n");
    for (int i = 0; i < 3000; i++)
        dr_buf_printf(&text, "v%zu,a value too long for the table %zu\n", random_below(50 + (size_t)i / 10),
                      random_below(10 + (size_t)i / 20));
    tuning.window_rows = 20;
    tuning.piece = 200;
    tuning.block = 150;
    show_csv(&one, dr_buf_str(&text), NULL, &tuning, true);
    dr_pool_init(3);
    show_csv(&three, dr_buf_str(&text), NULL, &tuning, true);
    dr_pool_done();
    assert_string_equal(dr_buf_cstr(&one), dr_buf_cstr(&three));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clean_text_on_one_thread),
        cmocka_unit_test(test_dirty_text_on_one_thread),
        cmocka_unit_test(test_clean_text_on_three_threads),
        cmocka_unit_test(test_dirty_text_on_three_threads),
        cmocka_unit_test(test_records_longer_than_a_range),
        cmocka_unit_test(test_doubled_quotes_far_apart),
        cmocka_unit_test(test_codes_do_not_depend_on_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
