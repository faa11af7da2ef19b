/* test_csv_bad.c - what the user sees when a CSV is not what it should be. */
#include <stdlib.h>
#include "test_csv.h"
#include "temp_folder.h"
#include <sys/stat.h>
#include <unistd.h>

static struct dr_csv_options options(bool forgiving)
{
    return (struct dr_csv_options){ .size = sizeof(struct dr_csv_options), .forgiving = forgiving };
}

/* Strict reading fails with the message, forgiving reading gives the table. */
static void check_both(const char *text, const char *message, const char *forgiven)
{
    DR_AUTO_BUF expected = { 0 };
    struct dr_csv_options opts = options(true);
    dr_buf_printf(&expected, "input error: memory:%s\n", message);
    check_csv(text, NULL, dr_buf_cstr(&expected));
    check_csv(text, &opts, forgiven);
}

static void test_a_short_record_is_named_with_its_line(void **state)
{
    (void)state;
    check_both("a,b,c\n1,2,3\n4,5\n6,7,8\n", "3: record has 2 fields, the header has 3: 4,5",
               "a|b|c\n1|2|3\n6|7|8\n--\nline|reason|text\n3|record has 2 fields, the header has 3|4,5\n");
}

static void test_a_long_record_is_named_with_its_line(void **state)
{
    (void)state;
    check_both("a,b\n\"x\ny\",2\n3,4,5,\"6\n\"\n7,8\n",
               "4: record has 4 fields, the header has 2: 3,4,5,\"6\\x0A\"",
               "a|b\nx\ny|2\n7|8\n--\nline|reason|text\n"
               "4|record has 4 fields, the header has 2|3,4,5,\"6\n\"\n");
    check_both("a,b\n1\n2\n", "2: record has 1 field, the header has 2: 1",
               "a|b\n--\nline|reason|text\n2|record has 1 field, the header has 2|1\n"
               "3|record has 1 field, the header has 2|2\n");
}

static void test_a_stray_quote_is_pointed_at(void **state)
{
    (void)state;
    check_both("a,b\n1,5\" tube\n2,3\n",
               "2:4: a quote inside a field that does not start with one: 1,5\" tube",
               "a|b\n2|3\n--\nline|reason|text\n"
               "2|a quote inside a field that does not start with one|1,5\" tube\n");
    check_both("a;b|c\n1;5\" tube;2\n",
               "2:4: a quote inside a field that does not start with one; the header is one column: is the "
               "delimiter ';'?: 1;5\" tube;2",
               "a;b|c\n--\nline|reason|text\n"
               "2|a quote inside a field that does not start with one|1;5\" tube;2\n");
    check_both(
        "a\tb\n1,2\n",
        "2: record has 2 fields, the header has 1; the header is one column: is the delimiter a tab?: 1,2",
        "a\tb\n--\nline|reason|text\n2|record has 2 fields, the header has 1|1,2\n");
    check_both("a,b\n1, \"x\"\n2,3\n", "2:4: a quote inside a field that does not start with one: 1, \"x\"",
               "a|b\n2|3\n--\nline|reason|text\n"
               "2|a quote inside a field that does not start with one|1, \"x\"\n");
}

static void test_text_after_a_closing_quote_is_pointed_at(void **state)
{
    (void)state;
    check_both("a,b\n\"x\" ,2\n3,4\n", "2:4: text after a closing quote: \"x\" ,2",
               "a|b\n3|4\n--\nline|reason|text\n2|text after a closing quote|\"x\" ,2\n");
    check_both("a,b\n1,\"x\ny\"z\n3,4\n", "3:3: text after a closing quote: 1,\"x\\x0Ay\"",
               "a|b\n3|4\n--\nline|reason|text\n2|text after a closing quote|1,\"x\n"
               "3|a quote inside a field that does not start with one|y\"z\n");
}

static void test_a_quote_never_closed_costs_a_forgiving_reader_one_line(void **state)
{
    (void)state;
    check_both("a,b\n1,2\n\"3,4\n5,6\n7,8", "3:1: a quoted field is never closed: \"3,4",
               "a|b\n1|2\n5|6\n7|8\n--\nline|reason|text\n3|a quoted field is never closed|\"3,4\n");
    check_both("a,b\r\n1,\"\"\"", "2:3: a quoted field is never closed: 1,\"\"\"",
               "a|b\n--\nline|reason|text\n2|a quoted field is never closed|1,\"\"\"\n");
}

static void test_invalid_utf8_is_named_with_line_column_and_byte(void **state)
{
    (void)state;
    check_both(
        "a,b\n1,2\nx,M\xFCller\n",
        "3:4: byte 0xFC is not valid UTF-8, in column 'b' (is the file in another encoding, such as "
        "latin-1?): x,M\\xFCller",
        "a|b\n1|2\n--\nline|reason|text\n3|byte 0xFC is not valid UTF-8, in column 'b'|x,M\\xFCller\n");
    check_both(
        "a,b\n1,\"\n\xE2\x82\",\n",
        "3:1: byte 0xE2 is not valid UTF-8, in column 'b' (is the file in another encoding, such as "
        "latin-1?): 1,\"\\x0A\\xE2\\x82\",",
        "a|b\n--\nline|reason|text\n2|byte 0xE2 is not valid UTF-8, in column 'b'|1,\"\n\\xE2\\x82\",\n");
}

static void test_the_first_bad_record_is_the_one_named(void **state)
{
    (void)state;
    check_csv("a,b\n1\n\"2\"x,3\n", NULL, "input error: memory:2: record has 1 field, the header has 2: 1\n");
    check_csv("a,b\n\"1\"x,2\n3\n", NULL, "input error: memory:2:4: text after a closing quote: \"1\"x,2\n");
}

static void test_an_early_nul_byte_means_that_this_is_no_text(void **state)
{
    (void)state;
    check_csv_bytes(DR_LIT("PK\3\4\0\0\0\0abc"), NULL,
                    "input error: memory: not a text file (byte 5 is NUL); text is expected; is this "
                    "a spreadsheet or an archive?\n");
    check_csv_bytes(DR_LIT("a\0,\0b\0\n\0"), NULL,
                    "input error: memory: not a text file (byte 2 is NUL); it looks like UTF-16, so set the "
                    "encoding to utf-16le or utf-16be\n");
}

static void test_a_late_nul_byte_is_refused_like_any_bad_record(void **state)
{
    (void)state;
    DR_AUTO_BUF text = { 0 };
    struct dr_csv_tuning tuning = dr_csv_tuning_default();
    struct dr_csv_options opts = options(true);
    dr_buf_puts(&text, "a,b\n");
    while (text.n < DR_INPUT_HEAD + 4)
        dr_buf_puts(&text, "1,2\n");
    dr_buf_append(&text, "3,x\0y\n4,5\n", 10);
    DR_AUTO_BUF strict = { 0 };
    show_csv(&strict, dr_buf_str(&text), NULL, &tuning, false);
    assert_string_equal(dr_buf_cstr(&strict),
                        "input error: memory:2050:4: a NUL byte; text has none: 3,x\\x00y\n");
    DR_AUTO_BUF forgiven = { 0 };
    show_csv(&forgiven, dr_buf_str(&text), &opts, &tuning, false);
    const char *tail = strstr(dr_buf_cstr(&forgiven), "4|5");
    assert_non_null(tail);
    assert_memory_equal(tail, "4|5\n--\nline|reason|text\n2050|a NUL byte|3,x\0y\n", 41);
}

static void test_an_empty_file_is_refused(void **state)
{
    (void)state;
    const char *message =
        "input error: memory: the file is empty; a header line with the names of the columns is expected\n";
    check_csv("", NULL, message);
    check_csv("\n\r\n", NULL, message);
    check_csv("\xEF\xBB\xBF", NULL, message);
    struct dr_csv_options opts = options(false);
    opts.no_header = 1;
    check_csv("", &opts, "input error: memory: the file is empty; a record is expected\n");
}

static void test_a_file_of_more_columns_than_the_limit_is_refused(void **state)
{
    (void)state;
    DR_AUTO_BUF text = { 0 };
    for (int i = 0; i < 65536; i++)
        dr_buf_puts(&text, "x,");
    dr_buf_puts(&text, "x\n");
    check_csv(dr_buf_cstr(&text), NULL,
              "limit error: memory:1: 65537 columns; the limit is 65536 (is the delimiter the right one?)\n");
}

static void test_a_header_must_name_each_column_once(void **state)
{
    (void)state;
    check_csv("a,b,a\n1,2,3\n", NULL,
              "input error: memory:1: columns 1 and 3 of the header are both named 'a'\n");
    check_csv("\na,,c\n", NULL, "input error: memory:2: column 2 of the header has no name\n");
    check_csv("a,b,\n", NULL, "input error: memory:1: column 3 of the header has no name\n");
    check_csv("a,b\"\n", NULL,
              "input error: memory:1: a quote inside a field that does not start with one, in the header\n");
    check_csv("a,\"b\n", NULL, "input error: memory:1: a quoted field is never closed, in the header\n");
    check_csv("a,\xFF\n", NULL,
              "input error: memory:1: the name of column 2 is not valid UTF-8 (is the file in another "
              "encoding, such as latin-1?)\n");
}

static void test_delimiter_and_quote_must_differ(void **state)
{
    (void)state;
    struct dr_csv_options opts = options(false);
    opts.delimiter = '"';
    check_csv("a\n", &opts,
              "definition error: the CSV delimiter (0x22) and quote (0x22) must be two different ASCII "
              "characters, not line ends\n");
    opts.delimiter = '\n';
    check_csv("a\n", &opts,
              "definition error: the CSV delimiter (0x0A) and quote (0x22) must be two different ASCII "
              "characters, not line ends\n");
}

static void test_an_unknown_encoding_lists_the_known_ones(void **state)
{
    (void)state;
    struct dr_csv_options opts = options(false);
    opts.encoding = "ebcdic";
    check_csv("a\n", &opts,
              "definition error: unknown encoding 'ebcdic': expected utf-8, utf-16, utf-16le, utf-16be, "
              "latin-1 or windows-1252\n");
}

static void test_a_field_over_the_limit_ends_the_reading(void **state)
{
    (void)state;
    struct dr_csv_options opts = options(false);
    opts.max_field = 5;
    check_csv("a,b\n12345,\"67\"\"90\"\n1,123456\n", &opts,
              "limit error: memory:3: a field of 6 bytes, in column 'b': the limit is 5\n");
    check_csv("a,b\n12345,\"67\"\"90\"\n", &opts, "a|b\n12345|67\"90\n");
}

static void test_a_record_over_the_limit_ends_the_reading(void **state)
{
    (void)state;
    struct dr_csv_options opts = options(false);
    opts.max_record = 8;
    check_csv("a,b\n1234,678\n1234,6789\n", &opts,
              "limit error: memory:3: a record longer than the limit of 8 bytes; is this a CSV file?\n");
    check_csv("a,b\n1,\"2\n3,4\n5,6\n", &opts,
              "limit error: memory:2: a record longer than the limit of 8 bytes; is a quote never closed?\n");
    check_csv("a,b\n1,123456789", &opts,
              "limit error: memory:2: a record longer than the limit of 8 bytes; is this a CSV file?\n");
    check_csv("a,b,cdefg\n", &opts,
              "limit error: memory:1: the header is longer than the limit of 8 bytes\n");
}

static void test_a_forgiving_reader_gives_up_a_line_of_a_record_over_the_limit(void **state)
{
    (void)state;
    struct dr_csv_options opts = options(true);
    opts.max_record = 8;
    check_csv("a,b\n1,\"2\n3,4\n5,6\n7,8\n", &opts,
              "a|b\n3|4\n5|6\n7|8\n--\nline|reason|text\n"
              "2|a quoted field is never closed, or the record is too long|1,\"2\n");
}

/* ---- files ------------------------------------------------------------------- */

static void test_a_missing_file_is_named(void **state)
{
    struct temp_file *f = *state;
    struct dr_table *t = NULL;
    struct dr_err err = { 0 };
    char expected[500];
    assert_int_equal(dr_table_read_csv(f->path, NULL, &t, NULL, &err), DR_ENOTFOUND);
    snprintf(expected, sizeof expected, "cannot open '%s': there is no such file", f->path);
    assert_string_equal(err.msg, expected);
    assert_null(t);
}

static void test_a_folder_is_refused(void **state)
{
    struct temp_file *f = *state;
    struct dr_table *t = NULL;
    struct dr_err err = { 0 };
    assert_int_equal(dr_table_read_csv(f->folder, NULL, &t, NULL, &err), DR_EINPUT);
    assert_non_null(strstr(err.msg, "is a folder; a file is expected"));
}

static void test_a_huge_line_ends_quickly_with_little_memory(void **state)
{
    struct temp_file *f = *state;
    struct dr_table *t = NULL;
    struct dr_err err = { 0 };
    FILE *file = fopen(f->path, "we");
    assert_non_null(file);
    char block[8192];
    memset(block, 'x', sizeof block);
    fputs("a,b\n", file);
    for (int i = 0; i < 10240; i++) /* 80 MiB, past the limit of 64 */
        fwrite(block, sizeof block, 1, file);
    fclose(file);
    assert_int_equal(dr_table_read_csv(f->path, NULL, &t, NULL, &err), DR_ELIMIT);
    assert_non_null(
        strstr(err.msg, ":2: a record longer than the limit of 67108864 bytes; is this a CSV file?"));
}

static void test_rejects_come_back_as_a_table(void **state)
{
    struct temp_file *f = *state;
    struct dr_csv_options opts = options(true);
    struct dr_table *t, *rejects;
    struct dr_err err = { 0 };
    FILE *file = fopen(f->path, "we");
    assert_non_null(file);
    fputs("a,b\n1\n2,3\n", file);
    fclose(file);
    assert_int_equal(dr_table_read_csv(f->path, &opts, &t, &rejects, &err), DR_OK);
    DR_AUTO_BUF shown = { 0 };
    show_table(&shown, t);
    show_table(&shown, rejects);
    assert_string_equal(dr_buf_cstr(&shown),
                        "a|b\n2|3\nline|reason|text\n2|record has 1 field, the header has 2|1\n");
    dr_table_unref(t);
    dr_table_unref(rejects);
    assert_int_equal(dr_table_read_csv(f->path, &opts, &t, NULL, &err), DR_OK);
    dr_table_unref(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_short_record_is_named_with_its_line),
        cmocka_unit_test(test_a_long_record_is_named_with_its_line),
        cmocka_unit_test(test_a_stray_quote_is_pointed_at),
        cmocka_unit_test(test_text_after_a_closing_quote_is_pointed_at),
        cmocka_unit_test(test_a_quote_never_closed_costs_a_forgiving_reader_one_line),
        cmocka_unit_test(test_invalid_utf8_is_named_with_line_column_and_byte),
        cmocka_unit_test(test_the_first_bad_record_is_the_one_named),
        cmocka_unit_test(test_an_early_nul_byte_means_that_this_is_no_text),
        cmocka_unit_test(test_a_late_nul_byte_is_refused_like_any_bad_record),
        cmocka_unit_test(test_an_empty_file_is_refused),
        cmocka_unit_test(test_a_file_of_more_columns_than_the_limit_is_refused),
        cmocka_unit_test(test_a_header_must_name_each_column_once),
        cmocka_unit_test(test_delimiter_and_quote_must_differ),
        cmocka_unit_test(test_an_unknown_encoding_lists_the_known_ones),
        cmocka_unit_test(test_a_field_over_the_limit_ends_the_reading),
        cmocka_unit_test(test_a_record_over_the_limit_ends_the_reading),
        cmocka_unit_test(test_a_forgiving_reader_gives_up_a_line_of_a_record_over_the_limit),
        cmocka_unit_test_setup_teardown(test_a_missing_file_is_named, make_temp_file, remove_temp_file),
        cmocka_unit_test_setup_teardown(test_a_folder_is_refused, make_temp_file, remove_temp_file),
        cmocka_unit_test_setup_teardown(test_a_huge_line_ends_quickly_with_little_memory, make_temp_file,
                                        remove_temp_file),
        cmocka_unit_test_setup_teardown(test_rejects_come_back_as_a_table, make_temp_file, remove_temp_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
