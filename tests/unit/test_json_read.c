/* test_json_read.c - JSON lines and documents to tables: columns declared and
 * found, types, child tables, what is refused and where, what is kept aside. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"
#include "data/pool.h"
#include "json_show.h"

#define OPTIONS .size = sizeof(struct dr_json_options)

static void gives_with(const char *text, struct dr_json_options opts, const char *expected)
{
    DR_AUTO_BUF got = { 0 };
    struct dr_json_tuning tuning = dr_json_tuning_default();
    show_json(&got, dr_str_of(text), &opts, &tuning);
    assert_string_equal(dr_buf_cstr(&got), expected);
}

static void gives(const char *text, const char *expected)
{
    gives_with(text, (struct dr_json_options){ OPTIONS }, expected);
}

/* ---- columns found ---------------------------------------------------------------------- */

static void test_lines_become_rows_and_objects_are_flattened(void **state)
{
    (void)state;
    gives("{\"id\":1,\"name\":\"Ann\",\"at\":{\"city\":\"Ulm\",\"geo\":{\"lat\":1.5}}}\n"
          "{\"id\":2,\"at\":null,\"name\":\"Bob\\n\\u00e9\"}\n\n  "
          "{\"at\":{\"geo\":{\"lat\":-2}},\"name\":null,\"id\":3}",
          "id:int64|name:dict|at.city:dict|at.geo.lat:float64\n"
          "1|Ann|Ulm|1.5\n2|Bob\n\xC3\xA9|-|-\n3|-|-|-2\n");
}

static void test_an_array_of_records_is_read_like_lines(void **state)
{
    (void)state;
    gives(" [ {\"a\":1} ,\n{\"a\":2,\"b\":true}, {}\n]\n", "a:int64|b:bool\n1|-\n2|true\n-|-\n");
    gives("[]", "memory: no record has a member that could be a column; declare the columns to read "
                "an empty file as an empty table");
}

static void test_an_array_within_a_document_is_found_by_its_path(void **state)
{
    (void)state;
    struct dr_json_options o = { OPTIONS, .records = "data.items" };
    gives_with(
        "{\"n\":[1,{\"items\":3}],\"data\":{\"x\":\"\",\"items\":[{\"a\":1},{\"a\":2}],\"y\":{}},\"z\":1}", o,
        "a:int64\n1\n2\n");
    gives_with(
        "{\"data\":{\"x\":[]}}", o,
        "memory:1:16: expected an object with the member 'items', which leads to the records, found '}'");
    gives_with("{\"data\":{\"items\":5}}", o, "memory:1:18: expected an array of records, found '5'");
    gives_with("{\"data\":{\"items\":[{\"a\":1}]},}", o, "memory:1:29: expected a key in '\"', found '}'");
    gives_with("{\"data\":{\"items\":[{\"a\":1}]}} x", o,
               "memory:1:30: expected nothing more after the document, found 'x'");
}

static void test_one_object_over_several_lines_is_one_record(void **state)
{
    (void)state;
    gives("{\n \"a\": 1,\n \"b\": [1,\n2]\n}\n", "a:int64|b:dict\n1|[1,\n2]\n");
}

static void test_types_follow_from_all_values(void **state)
{
    (void)state;
    gives("{\"i\":1,\"f\":1,\"b\":true,\"big\":1,\"long\":1,\"s\":\"1\",\"n\":null}\n"
          "{\"i\":-9223372036854775808,\"f\":2.50,\"b\":false,\"big\":12345678901234567890123,\"long\":"
          "0.12345678901234567890,\"s\":\"x\",\"n\":null}",
          "i:int64|f:float64|b:bool|big:dict|long:dict|s:dict|n:dict\n"
          "1|1|true|1|1|1|-\n"
          "-9223372036854775808|2.5|false|12345678901234567890123|0.12345678901234567890|x|-\n");
}

static void test_mixed_values_are_kept_as_json(void **state)
{
    (void)state;
    gives("{\"m\":1.50,\"o\":{\"a\":1}}\n{\"m\":\"a\\\"b\",\"o\":[1, 2]}\n{\"m\":null,\"o\":\"\"}",
          "m:dict|o:dict\n1.50|{\"a\":1}\n\"a\\\"b\"|[1, 2]\n-|\"\"\n");
}

static void test_a_surprise_after_the_window_makes_it_start_again(void **state)
{
    (void)state;
    struct dr_json_options o = { OPTIONS, .infer_bytes = 8 };
    gives_with("{\"a\":1}\n{\"a\":2}\n{\"a\":2.5}\n{\"a\":3,\"b\":{\"c\":\"x\"}}\n{\"b\":{\"d\":1}}\n", o,
               "a:float64|b.c:dict|b.d:int64\n1|-|-\n2|-|-\n2.5|-|-\n3|x|-\n-|-|1\n");
    gives_with("[{\"a\":1},\n{\"a\":\"x\"}]", o, "a:dict\n1\n\"x\"\n");
}

static void test_scalars_and_arrays_may_be_records(void **state)
{
    (void)state;
    gives("1\n2\nnull\n", "value:int64\n1\n2\n-\n");
    gives("[[1,2],[3]]", "value:dict\n[1,2]\n[3]\n");
}

static void test_names_that_would_meet_are_refused(void **state)
{
    (void)state;
    gives("{\"a.b\":1,\"a\":{\"b\":2}}",
          "memory: two members give the column name 'a.b': one has a '.' in its "
          "name; declare the columns");
}

/* The second record has them the other way round, the third not all and
 * one that is written with an escape. */
static void test_many_members_are_told_apart_in_any_order(void **state)
{
    enum { MANY = 300 };
    (void)state;
    for (int array = 0; array < 2; array++) {
        DR_AUTO_BUF text = { 0 };
        DR_AUTO_BUF expected = { 0 };
        dr_buf_puts(&text, array ? "[{" : "{");
        for (int i = 0; i < MANY; i++)
            dr_buf_printf(&text, "%s\"k%d\":%d", i ? "," : "", i, i);
        dr_buf_puts(&text, array ? "},\n{" : "}\n{");
        for (int i = MANY; i-- > 0;)
            dr_buf_printf(&text, "\"k%d\":%d%s", i, i * 2, i ? "," : "");
        dr_buf_puts(&text, array ? "},\n{\"k2\\u00399\":9,\"k7\":8}]" : "}\n{\"k2\\u00399\":9,\"k7\":8}\n");
        for (int i = 0; i < MANY; i++)
            dr_buf_printf(&expected, "%sk%d:int64", i ? "|" : "", i);
        for (int row = 1; row <= 2; row++)
            for (int i = 0; i < MANY; i++)
                dr_buf_printf(&expected, "%s%d", i ? "|" : "\n", i * row);
        for (int i = 0; i < MANY; i++)
            dr_buf_printf(&expected, "%s%s", i ? "|" : "\n", i == 299 ? "9" : i == 7 ? "8" : "-");
        dr_buf_putc(&expected, '\n');
        gives(dr_buf_cstr(&text), dr_buf_cstr(&expected));
    }
}

static void test_more_members_than_can_be_columns_are_refused(void **state)
{
    (void)state;
    DR_AUTO_BUF text = { 0 };
    dr_buf_putc(&text, '{');
    for (int i = 0; i < 16385; i++)
        dr_buf_printf(&text, "%s\"k%d\":{}", i ? "," : "", i);
    dr_buf_puts(&text, "}\n");
    gives(dr_buf_cstr(&text),
          "memory: more than 16384 different members; declare the columns to read, with their types");
    static const struct dr_json_column columns[] = { { .name = "k7", .type = DR_TYPE_DICT } };
    struct dr_json_options o = { OPTIONS, .columns = columns, .n_columns = 1 };
    gives_with(dr_buf_cstr(&text), o, "k7:dict\n{}\n");
}

/* ---- columns declared ---------------------------------------------------------------------- */

static void test_declared_columns_have_paths_and_types(void **state)
{
    (void)state;
    const struct dr_json_column columns[] = {
        { .name = "id", .type = DR_TYPE_STRING },
        { .name = "first", .path = "names[0].given", .type = DR_TYPE_DICT },
        { .name = "day", .path = "[\"birth.date\"]", .type = DR_TYPE_DATE },
        { .name = "at", .type = DR_TYPE_TIMESTAMP },
        { .name = "price", .type = DR_TYPE_DECIMAL, .scale = 2 },
        { .name = "n", .type = DR_TYPE_INT64 },
        { .name = "f", .type = DR_TYPE_FLOAT64 },
        { .name = "raw", .path = "names", .type = DR_JSON_UNDECIDED }
    };
    struct dr_json_options o = { OPTIONS, .columns = columns, .n_columns = 7 };
    gives_with("{\"id\":007}", o, "memory:1:7: expected a number as JSON writes them: -12, 0.5, 1e9");
    gives_with("{\"id\":1.50,\"names\":[{\"given\":\"A\"},{\"given\":\"B\"}],\"birth.date\":\"1980-02-29\","
               "\"at\":\"2024-01-02T03:04:05Z\",\"price\":12.5,\"n\":\"12\",\"f\":1e3,\"other\":[{}]}\n"
               "{\"names\":[],\"price\":\"-0.05\",\"n\":null,\"f\":9007199254740993}",
               o,
               "id:string|first:dict|day:date|at:timestamp|price:decimal|n:int64|f:float64\n"
               "1.50|A|1980-02-29|2024-01-02T03:04:05Z|12.50|12|1000\n-|-|-|-|-0.05|-|9007199254740992\n");
}

static void test_a_value_of_another_type_is_refused_with_its_place(void **state)
{
    (void)state;
    const struct dr_json_column columns[] = { { .name = "n", .type = DR_TYPE_INT64 },
                                              { .name = "d", .type = DR_TYPE_DATE } };
    struct dr_json_options o = { OPTIONS, .columns = columns, .n_columns = 2 };
    gives_with("{\"n\":1}\n{\"n\":\"x\"}", o, "memory:2:7: column 'n': expected int64, found a string x");
    gives_with("{\"n\":1.5}", o, "memory:1:6: column 'n': expected int64, found a number 1.5");
    gives_with("{\"n\":[1]}", o, "memory:1:6: column 'n': expected int64, found an array");
    gives_with("{\"d\":\"2024-02-30\"}", o,
               "memory:1:7: column 'd': expected a date (YYYY-MM-DD), found a string "
               "2024-02-30");
    o.hide_text = 1;
    gives_with("{\"n\":\"secret\"}", o, "memory:1:7: column 'n': expected int64, found a string");
}

static void test_bad_declarations_are_refused(void **state)
{
    (void)state;
    struct dr_json_column c[2] = { { .name = "a..b", .type = DR_TYPE_INT64 },
                                   { .name = "a", .type = DR_TYPE_INT64 } };
    struct dr_json_options o = { OPTIONS, .columns = c, .n_columns = 2 };
    gives_with("{}", o,
               "'a..b' is not a path: names joined by '.', [0] for an item of an array, [\"a.b\"] for a "
               "name with a '.' in it");
    c[0].path = "a";
    gives_with("{}", o, "columns 'a' and 'a..b' have the same path");
    c[0] = (struct dr_json_column){ .name = "a", .path = "b" };
    c[0].type = 77;
    gives_with("{}", o, "column 'a': there is no type 77");
    c[0].type = DR_TYPE_INT64;
    gives_with("{}", o, "column 'a' is declared twice");
}

static void test_an_empty_file_of_declared_columns_is_an_empty_table(void **state)
{
    (void)state;
    const struct dr_json_column columns[] = { { .name = "n", .type = DR_TYPE_INT64 } };
    struct dr_json_options o = { OPTIONS, .columns = columns, .n_columns = 1 };
    gives_with("", o, "n:int64\n");
    gives_with("\n \n", o, "n:int64\n");
    gives_with("[ ]", o, "n:int64\n");
}

/* ---- what is refused, what is kept aside -------------------------------------------------------- */

static void test_a_bad_line_is_refused_with_its_place(void **state)
{
    (void)state;
    gives("{\"a\":1}\n{\"a\":}\n", "memory:2:6: expected a value, found '}'");
    gives("{\"a\":1}\n{\"a\":\n2}\n", "memory:2:6: expected a value, but the line ends here");
    gives("{\"a\":1}\n{\"a\":2} {\"a\":3}\n",
          "memory:2:9: expected nothing more on the line after the record, found '{'");
    gives("{\"a\":1}\n{\"a\":\"x\ny\"}\n", "memory:2:8: the line ends inside a string");
    gives("{\"a\":1}\n{\"a\":\"\xFF\"}\n", "memory:2:7: not valid UTF-8 (byte 0xff)");
    gives("{\"a\":1}\n5\n", "memory:2:1: expected an object, as the others are, found '5'");
    gives("{\"a\":1,\"a\":2}\n", "memory:1:12: the member is there twice");
}

static void test_a_forgiving_reader_keeps_bad_lines_aside(void **state)
{
    (void)state;
    struct dr_json_options o = { OPTIONS, .forgiving = 1, .line_column = "line" };
    gives_with("{\"a\":1}\nnot "
               "json\n{\"a\":\"x\ny\"}\r\n{\"a\":2}\n{\"a\":\"\\ud800\"}\n[\n{\"a\":\"\xC3(\"}\n{\"a\":3}",
               o,
               "a:int64|line:int64\n1|1\n2|5\n3|9\n== rejects\nline:int64|reason:string|text:string\n"
               "2|expected an object, as the others are, found 'n'|not json\n"
               "3|the line ends inside a string|{\"a\":\"x\n"
               "4|expected an object, as the others are, found 'y'|y\"}\r\n"
               "6|half of a surrogate pair, which is no character|{\"a\":\"\\ud800\"}\n"
               "7|expected an object, as the others are, found '['|[\n"
               "8|not valid UTF-8 (byte 0xc3)|{\"a\":\"\xC3(\"}\n");
}

static void test_a_line_column_of_the_records_stays(void **state)
{
    (void)state;
    struct dr_json_options o = { OPTIONS, .line_column = "line" };
    gives_with("{\"a\":1,\"line\":70}\n{\"line\":71}\n", o, "a:int64|line:int64\n1|70\n-|71\n");
}

static void test_a_forgiving_reader_keeps_records_aside_whose_values_do_not_fit(void **state)
{
    (void)state;
    const struct dr_json_column columns[] = { { .name = "n", .type = DR_TYPE_INT64 },
                                              { .name = "s", .type = DR_TYPE_DICT } };
    struct dr_json_options o = { OPTIONS, .columns = columns, .n_columns = 2, .forgiving = 1 };
    const char *expected =
        "n:int64|s:dict\n1|a\n3|c\n== rejects\nline:int64|reason:string|text:string\n"
        "2|column 'n': expected int64, found a string x|{\"n\":\"x\",\"s\":\"b\"}\n"
        "4|column 's': expected a text without \\u0000, found a string \\u0000|{\"s\":\"\\u0000\"}\n";
    gives_with(
        "{\"n\":1,\"s\":\"a\"}\n{\"n\":\"x\",\"s\":\"b\"}\n{\"n\":3,\"s\":\"c\"}\n{\"s\":\"\\u0000\"}\n", o,
        expected);
    gives_with(
        "[{\"n\":1,\"s\":\"a\"},\n{\"n\":\"x\",\"s\":\"b\"},\n{\"n\":3,\"s\":\"c\"},\n{\"s\":\"\\u0000\"}]",
        o, expected);
}

static void test_times_with_and_without_an_offset_do_not_mix(void **state)
{
    (void)state;
    const struct dr_json_column columns[] = { { .name = "t", .type = DR_TYPE_TIMESTAMP } };
    struct dr_json_options o = { OPTIONS, .columns = columns, .n_columns = 1 };
    gives_with("{\"t\":\"2024-01-01T00:00:00Z\"}\n{\"t\":\"2024-01-01T00:00:00\"}", o,
               "memory:2:7: column 't': expected a time with an offset, as those before, found a string "
               "2024-01-01T00:00:00");
}

static void test_a_record_beyond_the_limit_is_refused(void **state)
{
    (void)state;
    DR_AUTO_BUF text = { 0 };
    dr_buf_puts(&text, "[{\"a\":\"");
    for (int i = 0; i < 5000; i++)
        dr_buf_puts(&text, "xxxxxxxxxx");
    dr_buf_puts(&text, "\"}]");
    struct dr_json_tuning tuning = dr_json_tuning_default();
    struct dr_json_options o = { OPTIONS, .max_record = 1000 };
    tuning.piece = 64;
    DR_AUTO_BUF got = { 0 };
    show_json(&got, dr_buf_str(&text), &o, &tuning);
    assert_non_null(
        strstr(dr_buf_cstr(&got), "a record is longer than the limit of 1000 bytes (max_record)"));
}

/* ---- child tables --------------------------------------------------------------------------------- */

static void test_arrays_become_child_tables_with_keys_and_positions(void **state)
{
    (void)state;
    const char *const keys[] = { "id" };
    const struct dr_json_column items[] = { { .name = "code", .type = DR_TYPE_DICT },
                                            { .name = "qty", .path = "amount.n", .type = DR_TYPE_INT64 } };
    const struct dr_json_child children[] = {
        { .name = "orders", .path = "orders", .keys = keys, .n_keys = 1, .columns = items, .n_columns = 2 },
        { .name = "tags", .path = "meta.tags", .keys = keys, .n_keys = 1, .position = "tag_number" }
    };
    struct dr_json_options o = { OPTIONS, .children = children, .n_children = 2 };
    const char *expected = "id:dict|meta.x:int64\nA|1\nB|-\nC|-\n"
                           "== orders\nid:dict|position:int64|code:dict|qty:int64\n"
                           "A|0|p|1\nA|1|q|-\nC|0|-|7\n"
                           "== tags\nid:dict|tag_number:int64|value:dict\nA|0|red\nB|0|blue\nB|1|red\n";
    gives_with(
        "{\"id\":\"A\",\"orders\":[{\"code\":\"p\",\"amount\":{\"n\":1}},{\"code\":\"q\"}],\"meta\":{\"x\":1,"
        "\"tags\":[\"red\"]}}\n{\"id\":\"B\",\"orders\":[],\"meta\":{\"tags\":[\"blue\",\"red\"]}}\n"
        "{\"id\":\"C\",\"orders\":[{\"amount\":{\"n\":7}}],\"meta\":null}\n",
        o, expected);
    o.children = (struct dr_json_child[]){
        { .name = "x", .path = "orders", .keys = (const char *const[]){ "ident" }, .n_keys = 1 }
    };
    o.n_children = 1;
    gives_with("{\"id\":1,\"orders\":[]}", o,
               "keys of child table x: select: no column 'ident' among the table's 1");
}

static void test_rows_of_a_child_go_aside_with_their_record(void **state)
{
    (void)state;
    const char *const keys[] = { "id" };
    const struct dr_json_column own[] = { { .name = "id", .type = DR_TYPE_INT64 } };
    const struct dr_json_column items[] = { { .name = "n", .type = DR_TYPE_INT64 } };
    const struct dr_json_child child = { "c", "c", NULL, keys, items, 1, 1 };
    struct dr_json_options o = { OPTIONS,         .columns = own, .n_columns = 1, .children = &child,
                                 .n_children = 1, .forgiving = 1 };
    gives_with("{\"id\":1,\"c\":[{\"n\":1},{\"n\":2}]}\n{\"id\":2,\"c\":[{\"n\":3},{\"n\":\"x\"}]}\n"
               "{\"id\":3,\"c\":[{\"n\":4},]}\n{\"id\":4,\"c\":[{\"n\":5}]}\n",
               o,
               "id:int64\n1\n4\n== c\nid:int64|position:int64|n:int64\n1|0|1\n1|1|2\n4|0|5\n"
               "== rejects\nline:int64|reason:string|text:string\n"
               "2|column 'n': expected int64, found a string x|{\"id\":2,\"c\":[{\"n\":3},{\"n\":\"x\"}]}\n"
               "3|expected a value, found ']'|{\"id\":3,\"c\":[{\"n\":4},]}\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines_become_rows_and_objects_are_flattened),
        cmocka_unit_test(test_an_array_of_records_is_read_like_lines),
        cmocka_unit_test(test_an_array_within_a_document_is_found_by_its_path),
        cmocka_unit_test(test_one_object_over_several_lines_is_one_record),
        cmocka_unit_test(test_types_follow_from_all_values),
        cmocka_unit_test(test_mixed_values_are_kept_as_json),
        cmocka_unit_test(test_a_surprise_after_the_window_makes_it_start_again),
        cmocka_unit_test(test_scalars_and_arrays_may_be_records),
        cmocka_unit_test(test_names_that_would_meet_are_refused),
        cmocka_unit_test(test_many_members_are_told_apart_in_any_order),
        cmocka_unit_test(test_more_members_than_can_be_columns_are_refused),
        cmocka_unit_test(test_declared_columns_have_paths_and_types),
        cmocka_unit_test(test_a_value_of_another_type_is_refused_with_its_place),
        cmocka_unit_test(test_bad_declarations_are_refused),
        cmocka_unit_test(test_an_empty_file_of_declared_columns_is_an_empty_table),
        cmocka_unit_test(test_a_bad_line_is_refused_with_its_place),
        cmocka_unit_test(test_a_forgiving_reader_keeps_bad_lines_aside),
        cmocka_unit_test(test_a_line_column_of_the_records_stays),
        cmocka_unit_test(test_a_forgiving_reader_keeps_records_aside_whose_values_do_not_fit),
        cmocka_unit_test(test_times_with_and_without_an_offset_do_not_mix),
        cmocka_unit_test(test_a_record_beyond_the_limit_is_refused),
        cmocka_unit_test(test_arrays_become_child_tables_with_keys_and_positions),
        cmocka_unit_test(test_rows_of_a_child_go_aside_with_their_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
