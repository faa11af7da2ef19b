/* test_csv_read.c - what a CSV means: fields, quotes, line ends, missing values. */
#include <stdlib.h>
#include "test_csv.h"

static struct dr_csv_options options(void)
{
    return (struct dr_csv_options){ .size = sizeof(struct dr_csv_options) };
}

static void test_plain_records_become_rows(void **state)
{
    (void)state;
    check_csv("a,b\n1,2\n3,4\n", NULL, "a|b\n1|2\n3|4\n");
}

static void test_the_last_line_needs_no_line_end(void **state)
{
    (void)state;
    check_csv("a,b\n1,2", NULL, "a|b\n1|2\n");
    check_csv("a,b\n1,", NULL, "a|b\n1|~\n");
    check_csv("a,b\n\"1\",\"2\"", NULL, "a|b\n1|2\n");
    check_csv("a,b", NULL, "a|b\n");
}

static void test_line_ends_are_lf_crlf_or_cr(void **state)
{
    (void)state;
    check_csv("a,b\r\n1,2\r\n3,4\r\n", NULL, "a|b\n1|2\n3|4\n");
    check_csv("a,b\r1,2\r3,4", NULL, "a|b\n1|2\n3|4\n");
    check_csv("a,b\r1,2\n3,4\r\n5,6", NULL, "a|b\n1|2\n3|4\n5|6\n");
    check_csv("a,b\r\n\"1\",\"2\"\r\n", NULL, "a|b\n1|2\n");
    check_csv("a,b\n1,2\r", NULL, "a|b\n1|2\n");
}

static void test_quoted_fields_hold_delimiters_quotes_and_line_ends(void **state)
{
    (void)state;
    check_csv("a,b\n\"x,y\",\"say \"\"hi\"\"\"\n", NULL, "a|b\nx,y|say \"hi\"\n");
    check_csv("a,b\n\"x\ny\",\"\"\"\"\n", NULL, "a|b\nx\ny|\"\n");
    check_csv("a,b\n\"x\r\ny\",1\n", NULL, "a|b\nx\r\ny|1\n");
    check_csv("a,b\n\"x\ry\",1\n2,3\n", NULL, "a|b\nx\ry|1\n2|3\n");
    check_csv("\"a\",\"b,c\"\n1,2\n", NULL, "a|b,c\n1|2\n");
}

static void test_long_quoted_fields_cross_every_word_of_the_scan(void **state)
{
    (void)state;
    for (size_t n = 50; n < 80; n++) {
        DR_AUTO_BUF text = { 0 };
        DR_AUTO_BUF expected = { 0 };
        dr_buf_puts(&text, "a,b\n\"");
        dr_buf_puts(&expected, "a|b\n");
        for (size_t i = 0; i < n; i++) {
            dr_buf_puts(&text, i % 7 == 3 ? "\"\"" : i % 5 ? "," : "x");
            dr_buf_puts(&expected, i % 7 == 3 ? "\"" : i % 5 ? "," : "x");
        }
        dr_buf_puts(&text, "\",z\n");
        dr_buf_puts(&expected, "|z\n");
        check_csv(dr_buf_cstr(&text), NULL, dr_buf_cstr(&expected));
    }
}

static void test_spaces_belong_to_their_field(void **state)
{
    (void)state;
    check_csv("a, b\n  1 ,\t2\t\n , \n", NULL, "a| b\n  1 |\t2\t\n | \n");
}

static void test_an_empty_field_is_missing_quoted_or_not(void **state)
{
    (void)state;
    check_csv("a,b\n,\"\"\n", NULL, "a|b\n~|~\n");
}

static void test_keep_empty_tells_quoted_empty_fields_from_missing_ones(void **state)
{
    (void)state;
    struct dr_csv_options opts = options();
    opts.keep_empty = 1;
    check_csv("a,b\n,\"\"\n\"\",\n\"\",x\n", &opts, "a|b\n~|\n|~\n|x\n");
    check_csv("a\n\"\"\n\n\"\"\r\n", &opts, "a\n\n~\n\n");
}

static void test_other_spellings_of_missing_are_missing_too(void **state)
{
    (void)state;
    struct dr_csv_options opts = options();
    opts.null_values = "NA\n-\n\nnot measured on that day";
    check_csv("a,b\nNA,-\nNAN,\n\"NA\",na\nnot measured on that day,x\n", &opts,
              "a|b\n~|~\nNAN|~\n~|na\n~|x\n");
}

static void test_line_ends_are_counted_wherever_they_lie(void **state)
{
    (void)state;
    static const char bytes[] = "\n\rx\n\n\r\0\x8A\x0B\x8D";
    char text[64];
    uint32_t seed = 7;
    for (int round = 0; round < 5000; round++) {
        size_t n = (size_t)round % sizeof text;
        int64_t expected = 0;
        for (size_t i = 0; i < n; i++)
            text[i] = bytes[(seed = seed * 1664525 + 1013904223) >> 16 & 7 ? 2 : (seed >> 24) % 10];
        for (size_t i = 0; i < n; i++)
            expected += text[i] == '\n' ? !(i > 0 && text[i - 1] == '\r') : text[i] == '\r';
        assert_int_equal(dr_csv_count_lines(text, n), expected);
    }
}

static void test_blank_lines_are_skipped(void **state)
{
    (void)state;
    check_csv("\n\na,b\n\n1,2\n\r\n\n3,4\n\n", NULL, "a|b\n1|2\n3|4\n");
}

static void test_a_blank_line_is_a_missing_value_of_a_single_column(void **state)
{
    (void)state;
    check_csv("a\n1\n\n2\r\n\r\n", NULL, "a\n1\n~\n2\n~\n");
    check_csv("\na\n\n", NULL, "a\n~\n");
}

static void test_a_header_alone_gives_no_rows(void **state)
{
    (void)state;
    check_csv("a,b\n", NULL, "a|b\n");
    check_csv("\xEF\xBB\xBF\"a\"\r\n", NULL, "a\n");
}

static void test_delimiter_and_quote_can_be_chosen(void **state)
{
    (void)state;
    struct dr_csv_options opts = options();
    opts.delimiter = ';';
    opts.quote = '\'';
    check_csv("a;b\n'x;y';1,5\n\"2;''\n", &opts, "a|b\nx;y|1,5\n\"2|~\n");
    opts.delimiter = '\t';
    opts.quote = 0;
    check_csv("a\tb\n1 \t\"2\t\"\n", &opts, "a|b\n1 |2\t\n");
}

static void test_without_a_header_columns_are_numbered(void **state)
{
    (void)state;
    struct dr_csv_options opts = options();
    opts.no_header = 1;
    check_csv("1,2\n3,4\n", &opts, "column_1|column_2\n1|2\n3|4\n");
}

static void test_the_line_column_counts_physical_lines(void **state)
{
    (void)state;
    struct dr_csv_options opts = options();
    opts.line_column = "line";
    check_csv("a,b\n1,2\n\n\"x\ny\r\nz\",3\n4,5\r\n6,7\n", &opts,
              "a|b|line\n1|2|2\nx\ny\r\nz|3|4\n4|5|7\n6|7|8\n");
    check_csv("\"a\nb\",c\r1,2\r\r\"\r\",4\r5,6\r", &opts, "a\nb|c|line\n1|2|3\n\r|4|5\n5|6|7\n");
}

static void test_a_line_column_of_the_file_stays(void **state)
{
    (void)state;
    struct dr_csv_options opts = options();
    opts.line_column = "line";
    check_csv("a,line,b\n1,70,2\n3,x,4\n", &opts, "a|line|b\n1|70|2\n3|x|4\n");
}

static void test_unicode_passes_through(void **state)
{
    (void)state;
    check_csv("größe,name\n1,Žofie\n2,北京市\n3,\xF0\x9F\x98\x80\n", NULL,
              "größe|name\n1|Žofie\n2|北京市\n3|\xF0\x9F\x98\x80\n");
}

static void test_values_of_every_length_keep_apart(void **state)
{
    (void)state;
    DR_AUTO_BUF text = { 0 };
    DR_AUTO_BUF expected = { 0 };
    dr_buf_puts(&text, "a,b\n");
    dr_buf_puts(&expected, "a|b\n");
    for (int k = 1; k < 79; k++) {
        int n = k < 40 ? k : k - 39; /* once more, when all are known */
        for (int twice = 0; twice < 2; twice++) {
            dr_buf_printf(&text, "%.*s,%.*s\n", n, "0123456789012345678901234567890123456789", 40 - n,
                          "0123456789012345678901234567890123456789");
            dr_buf_printf(&expected, "%.*s|%.*s\n", n, "0123456789012345678901234567890123456789", 40 - n,
                          "0123456789012345678901234567890123456789");
        }
    }
    check_csv(dr_buf_cstr(&text), NULL, dr_buf_cstr(&expected));
}

static void test_codes_are_numbered_by_first_appearance(void **state)
{
    (void)state;
    DR_AUTO_BUF shown = { 0 };
    struct dr_csv_tuning tuning = dr_csv_tuning_default();
    tuning.piece = 8;
    show_csv(&shown, DR_LIT("a,b\nz,1\ny,1\n,2\nz,1\nx,3\n"), NULL, &tuning, true);
    assert_string_equal(dr_buf_cstr(&shown), "a|b\nz|1\ny|1\n~|2\nz|1\nx|3\na dict: z y x\nb dict: 1 2 3\n");
}

static void test_columns_that_hardly_repeat_become_plain_text(void **state)
{
    (void)state;
    DR_AUTO_BUF text = { 0 };
    DR_AUTO_BUF shown = { 0 };
    struct dr_csv_tuning tuning = dr_csv_tuning_default();
    tuning.piece = 32;
    tuning.window_rows = 10;
    dr_buf_puts(&text, "id,sex,note\n");
    for (int i = 0; i < 30; i++)
        dr_buf_printf(&text, "%d,%c,%s\n", i, i % 2 ? 'f' : 'm',
                      i % 3 ? "" : "\"a \"\"long\"\" note to keep\"");
    show_csv(&shown, dr_buf_str(&text), NULL, &tuning, true);
    const char *types = strstr(dr_buf_cstr(&shown), "id string");
    assert_non_null(types);
    assert_string_equal(types, "id string:\nsex dict: m f\nnote dict: a \"long\" note to keep\n");
    DR_AUTO_BUF whole = { 0 };
    struct dr_csv_tuning at_once = dr_csv_tuning_default();
    show_csv(&whole, dr_buf_str(&text), NULL, &at_once, false);
    assert_memory_equal(whole.p, shown.p, whole.n);
}

static void test_a_table_of_more_rows_than_a_chunk_holds(void **state)
{
    (void)state;
    enum { ROWS = 3 * DR_CHUNK_ROWS / 2 };
    DR_AUTO_BUF text = { 0 };
    struct dr_csv_options opts = options();
    struct dr_csv_tuning tuning = dr_csv_tuning_default();
    struct dr_input in;
    struct dr_reader *r;
    struct dr_table *t;
    opts.line_column = "line";
    dr_buf_puts(&text, "a\n");
    for (int i = 0; i < ROWS; i++)
        dr_buf_printf(&text, "%d\n", i % 10);
    assert_int_equal(dr_input_open_bytes(&in, dr_buf_str(&text), NULL, NULL), 0);
    assert_int_equal(dr_csv_open_input(&in, &opts, &tuning, NULL, NULL, &r, NULL), 0);
    assert_int_equal(dr_reader_collect(r, &t, NULL), 0);
    assert_int_equal(t->rows, ROWS);
    int32_t hint = 0;
    for (int64_t row = 0; row < ROWS; row++) {
        int64_t i;
        const struct dr_array *a = dr_column_at(t->columns[1], row, &hint, &i);
        assert_true(a->n <= DR_CHUNK_ROWS);
        assert_int_equal(((const int64_t *)a->values)[i], row + 2);
    }
    dr_table_unref(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_records_become_rows),
        cmocka_unit_test(test_the_last_line_needs_no_line_end),
        cmocka_unit_test(test_line_ends_are_lf_crlf_or_cr),
        cmocka_unit_test(test_quoted_fields_hold_delimiters_quotes_and_line_ends),
        cmocka_unit_test(test_long_quoted_fields_cross_every_word_of_the_scan),
        cmocka_unit_test(test_spaces_belong_to_their_field),
        cmocka_unit_test(test_an_empty_field_is_missing_quoted_or_not),
        cmocka_unit_test(test_keep_empty_tells_quoted_empty_fields_from_missing_ones),
        cmocka_unit_test(test_other_spellings_of_missing_are_missing_too),
        cmocka_unit_test(test_line_ends_are_counted_wherever_they_lie),
        cmocka_unit_test(test_blank_lines_are_skipped),
        cmocka_unit_test(test_a_blank_line_is_a_missing_value_of_a_single_column),
        cmocka_unit_test(test_a_header_alone_gives_no_rows),
        cmocka_unit_test(test_delimiter_and_quote_can_be_chosen),
        cmocka_unit_test(test_without_a_header_columns_are_numbered),
        cmocka_unit_test(test_the_line_column_counts_physical_lines),
        cmocka_unit_test(test_a_line_column_of_the_file_stays),
        cmocka_unit_test(test_unicode_passes_through),
        cmocka_unit_test(test_values_of_every_length_keep_apart),
        cmocka_unit_test(test_codes_are_numbered_by_first_appearance),
        cmocka_unit_test(test_columns_that_hardly_repeat_become_plain_text),
        cmocka_unit_test(test_a_table_of_more_rows_than_a_chunk_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
