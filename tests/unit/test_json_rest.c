/* test_json_rest.c - what no column and no child table takes of a record: which members, as they are
 * written, whichever way the records are read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "json_show.h"

static const struct dr_json_column id_and_family[] = {
    { .name = "id", .type = DR_TYPE_INT64 },
    { .name = "family", .path = "name.family", .type = DR_TYPE_STRING },
};

static void gives_with(const char *text, struct dr_json_options opts, const char *expected)
{
    struct dr_json_tuning tuning = dr_json_tuning_default();
    opts.size = sizeof opts;
    for (int isa = DR_JSON_SCALAR; isa <= (int)dr_json_best_isa(); isa++) {
        DR_AUTO_BUF got = { 0 };
        tuning.isa = (enum dr_json_isa)isa;
        show_json(&got, dr_str_of(text), &opts, &tuning);
        assert_string_equal(dr_buf_cstr(&got), expected);
    }
}

/* Of id and family beside the rest. */
static void leaves(const char *record, const char *rest)
{
    DR_AUTO_BUF expected = { 0 };
    dr_buf_printf(&expected, "id:int64|family:string|rest:string\n%s\n", rest);
    gives_with(record,
               (struct dr_json_options){ .columns = id_and_family, .n_columns = 2, .rest_column = "rest" },
               dr_buf_cstr(&expected));
}

static void test_members_without_a_column_are_the_rest(void **state)
{
    (void)state;
    leaves("{\"id\":1}", "1|-|-");
    leaves("{}", "-|-|-");
    leaves("{\"x\":[1, 2],\"id\":1,\"y\":null}", "1|-|{\"x\":[1, 2],\"y\":null}");
    leaves("{\"a.b\":{\"c\": 1.10}, \"\\u0078\\\"\":\"\\u0000\",\"id\":null,\"\":0}",
           "-|-|{\"a.b\":{\"c\": 1.10},\"x\\\"\":\"\\u0000\",\"\":0}");
}

static void test_objects_that_lead_to_columns_keep_what_is_left(void **state)
{
    (void)state;
    leaves("{\"id\":1,\"name\":{\"family\":\"F\"}}", "1|F|-");
    leaves("{\"id\":1,\"name\":{}}", "1|-|-");
    leaves("{\"id\":1,\"name\":null}", "1|-|-");
    leaves("{\"id\":1,\"name\":{\"given\":[\"G\"],\"family\":\"F\",\"use\":\"o\"}}",
           "1|F|{\"name\":{\"given\":[\"G\"],\"use\":\"o\"}}");
    leaves("{\"id\":1,\"name\":\"F\"}", "1|-|{\"name\":\"F\"}");
    leaves("{\"id\":1,\"name\":[{\"family\":\"F\"}]}", "1|-|{\"name\":[{\"family\":\"F\"}]}");
}

static void test_a_name_that_comes_twice_is_kept_twice(void **state)
{
    (void)state;
    leaves("{\"x\":[1],\"id\":1,\"x\":[2]}", "1|-|{\"x\":[1],\"x\":[2]}");
    leaves("{\"name\":{\"a\":1},\"name\":{\"b\":2}}", "-|-|{\"name\":{\"a\":1},\"name\":{\"b\":2}}");
}

static void test_a_column_of_the_whole_record_leaves_nothing(void **state)
{
    (void)state;
    const struct dr_json_column whole[] = { { .name = "record", .path = "", .type = DR_TYPE_STRING } };
    gives_with("{\"a\": [1]}",
               (struct dr_json_options){ .columns = whole, .n_columns = 1, .rest_column = "rest" },
               "record:string|rest:string\n{\"a\": [1]}|-\n");
}

static void test_items_with_columns_leave_nothing_or_their_whole_array(void **state)
{
    (void)state;
    const struct dr_json_column items[] = { { .name = "first", .path = "a[0]", .type = DR_TYPE_STRING },
                                            { .name = "x", .path = "a[1].x", .type = DR_TYPE_INT64 } };
    gives_with("{\"a\":[\"p\"]}\n{\"a\":[\"p\",{\"x\":5}]}\n{\"a\":[\"p\",{\"x\":5,\"y\":6}]}\n"
               "{\"a\":[\"p\",{},7]}\n{\"a\":[]}\n{\"a\":\"s\"}",
               (struct dr_json_options){ .columns = items, .n_columns = 2, .rest_column = "rest" },
               "first:string|x:int64|rest:string\np|-|-\np|5|-\np|5|{\"a\":[\"p\",{\"x\":5,\"y\":6}]}\n"
               "p|-|{\"a\":[\"p\",{},7]}\n-|-|-\n-|-|{\"a\":\"s\"}\n");
}

static void test_an_array_is_its_child_tables_and_no_array_is_not(void **state)
{
    (void)state;
    static const char *const keys[] = { "id" };
    static const struct dr_json_column value = { .name = "value", .path = "", .type = DR_TYPE_STRING };
    const struct dr_json_child child = {
        .name = "t", .path = "t", .keys = keys, .n_keys = 1, .columns = &value, .n_columns = 1
    };
    gives_with("{\"id\":1,\"t\":[\"a\",[2]]}\n{\"id\":2,\"t\":\"a\"}\n{\"id\":3,\"t\":null,\"u\":[]}",
               (struct dr_json_options){ .columns = id_and_family,
                                         .n_columns = 1,
                                         .children = &child,
                                         .n_children = 1,
                                         .rest_column = "rest" },
               "id:int64|rest:string\n1|-\n2|{\"t\":\"a\"}\n3|{\"u\":[]}\n"
               "== t\nid:int64|position:int64|value:string\n1|0|a\n1|1|[2]\n");
}

static void test_the_rest_stands_behind_the_lines(void **state)
{
    (void)state;
    gives_with("[{\"id\":1},\n {\"id\":2, \"z\" : [ ] }]",
               (struct dr_json_options){
                   .columns = id_and_family, .n_columns = 1, .line_column = "_line", .rest_column = "rest" },
               "id:int64|_line:int64|rest:string\n1|1|-\n2|2|{\"z\":[ ]}\n");
}

static void test_records_kept_aside_take_their_rest_with_them(void **state)
{
    (void)state;
    gives_with("{\"id\":1,\"a\":1}\n{\"id\":\"x\",\"a\":2}\n{\"id\":3,\"a\":3}",
               (struct dr_json_options){
                   .columns = id_and_family, .n_columns = 1, .forgiving = 1, .rest_column = "rest" },
               "id:int64|rest:string\n1|{\"a\":1}\n3|{\"a\":3}\n== rejects\n"
               "line:int64|reason:string|text:string\n"
               "2|column 'id': expected int64, found a string x|{\"id\":\"x\",\"a\":2}\n");
}

/* One record of many members, and many records in pieces of few bytes. */
static void test_large_texts_in_small_pieces_give_the_same(void **state)
{
    (void)state;
    enum { RECORDS = 3000 };
    DR_AUTO_BUF text = { 0 };
    DR_AUTO_BUF expected = { 0 };
    dr_buf_puts(&expected, "id:int64|rest:string\n");
    for (int i = 0; i < RECORDS; i++) {
        bool more = i % 3 == 0;
        dr_buf_printf(&text, "{\"id\":%d%s}\n", i, more ? ",\"m\":[[[\"\xC3\xA9\"]]]" : "");
        dr_buf_printf(&expected, "%d|%s\n", i, more ? "{\"m\":[[[\"\xC3\xA9\"]]]}" : "-");
    }
    struct dr_json_options opts = {
        .size = sizeof opts, .columns = id_and_family, .n_columns = 1, .rest_column = "rest"
    };
    for (size_t piece = 64; piece <= 4096; piece *= 8) {
        struct dr_json_tuning tuning = dr_json_tuning_default();
        DR_AUTO_BUF got = { 0 };
        tuning.piece = piece;
        show_json(&got, dr_buf_str(&text), &opts, &tuning);
        assert_string_equal(dr_buf_cstr(&got), dr_buf_cstr(&expected));
    }
}

static void test_what_is_nested_to_the_limit_is_kept(void **state)
{
    (void)state;
    enum { DEEP = 511 };
    DR_AUTO_BUF text = { 0 };
    DR_AUTO_BUF expected = { 0 };
    dr_buf_puts(&text, "{\"id\":1,\"m\":");
    for (int i = 0; i < DEEP; i++)
        dr_buf_putc(&text, '[');
    for (int i = 0; i < DEEP; i++)
        dr_buf_putc(&text, ']');
    dr_buf_putc(&text, '}');
    dr_buf_printf(&expected, "1|-|{%s", dr_buf_cstr(&text) + strlen("{\"id\":1,"));
    leaves(dr_buf_cstr(&text), dr_buf_cstr(&expected));
}

static void test_the_column_needs_others_and_a_name_of_its_own(void **state)
{
    (void)state;
    gives_with("{\"a\":1}", (struct dr_json_options){ .rest_column = "rest" },
               "column 'rest': where no columns are declared nothing is left for it");
    gives_with("{\"id\":1}",
               (struct dr_json_options){ .columns = id_and_family, .n_columns = 1, .rest_column = "id" },
               "there is a column 'id' already, so it cannot hold what is left of the records");
    gives_with("{\"id\":1}",
               (struct dr_json_options){
                   .columns = id_and_family, .n_columns = 1, .line_column = "n", .rest_column = "n" },
               "there is a column 'n' already, so it cannot hold what is left of the records");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members_without_a_column_are_the_rest),
        cmocka_unit_test(test_objects_that_lead_to_columns_keep_what_is_left),
        cmocka_unit_test(test_a_name_that_comes_twice_is_kept_twice),
        cmocka_unit_test(test_a_column_of_the_whole_record_leaves_nothing),
        cmocka_unit_test(test_items_with_columns_leave_nothing_or_their_whole_array),
        cmocka_unit_test(test_an_array_is_its_child_tables_and_no_array_is_not),
        cmocka_unit_test(test_the_rest_stands_behind_the_lines),
        cmocka_unit_test(test_records_kept_aside_take_their_rest_with_them),
        cmocka_unit_test(test_large_texts_in_small_pieces_give_the_same),
        cmocka_unit_test(test_what_is_nested_to_the_limit_is_kept),
        cmocka_unit_test(test_the_column_needs_others_and_a_name_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
