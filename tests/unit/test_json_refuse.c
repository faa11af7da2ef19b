/* test_json_refuse.c - what the JSON reader does not take: declarations that make no sense, records
 * nested or written to do harm, and what a stream did not foresee. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "data/pool.h"
#include "json_show.h"

#define OPTIONS .size = sizeof(struct dr_json_options)
#define ALL_COLUMNS(c) .columns = (c), .n_columns = (int32_t)(sizeof(c) / sizeof *(c))

static void gives_with(const char *text, struct dr_json_options opts, const char *expected)
{
    DR_AUTO_BUF got = { 0 };
    struct dr_json_tuning tuning = dr_json_tuning_default();
    show_json(&got, dr_str_of(text), &opts, &tuning);
    assert_string_equal(dr_buf_cstr(&got), expected);
}

/* ---- declarations ----------------------------------------------------------------------------- */

static void refuses_column(struct dr_json_column column, const char *expected)
{
    struct dr_json_options o = { OPTIONS, .columns = &column, .n_columns = 1 };
    gives_with("{}\n", o, expected);
}

static void test_columns_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    refuses_column((struct dr_json_column){ .type = DR_TYPE_INT64 },
                   "a column has neither a name nor a path");
    refuses_column((struct dr_json_column){ .name = "d", .type = DR_TYPE_DECIMAL, .scale = 39 },
                   "column 'd': a decimal has 0 to 38 digits after the point");
    refuses_column((struct dr_json_column){ .name = "d", .type = DR_TYPE_DECIMAL, .scale = -1 },
                   "column 'd': a decimal has 0 to 38 digits after the point");
    static const char *const paths[] = { "a[", "a[x]", "a[\"b]", "a[\"b\"", "a[2147483648]", "a.", "[0]x" };
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        DR_AUTO_BUF expected = { 0 };
        dr_buf_printf(&expected,
                      "'%s' is not a path: names joined by '.', [0] for an item of an array, [\"a.b\"] for a "
                      "name with a '.' in it",
                      paths[i]);
        refuses_column((struct dr_json_column){ .name = "c", .path = paths[i], .type = DR_TYPE_INT64 },
                       dr_buf_cstr(&expected));
    }
}

static void test_child_tables_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    struct dr_json_child c[] = { { .name = "x" }, { .name = "y", .path = "a" } };
    struct dr_json_options o = { OPTIONS, .children = c, .n_children = 2 };
    gives_with("{}\n", o, "a child table has no path");
    c[0].path = "a";
    gives_with("{}\n", o, "two child tables have the path 'a'");
    c[0].path = "b";
    c[0].columns = &(struct dr_json_column){ .name = "c", .type = 99 };
    c[0].n_columns = 1;
    gives_with("{}\n", o, "child table x: column 'c': there is no type 99");
}

/* Each value is read once: the inner one would be missing everywhere. */
static void test_a_place_within_what_is_taken_as_a_whole_is_refused(void **state)
{
    static const char why[] = " takes as a whole; leave one of them out, and take it from the other by SQL";
    static const struct {
        const char *first, *second, *child, *what;
    } cases[] = { { "a", "a.b", NULL, "column 'y' lies within what column 'x'" },
                  { "a.b[1].c", "a", NULL, "column 'x' lies within what column 'y'" },
                  { "a", "b", "a", "child table 'z' lies within what column 'x'" },
                  { "a", "b", "a.c", "child table 'z' lies within what column 'x'" },
                  { "a[0]", "b", "a", "column 'x' lies within what child table 'z'" },
                  { "b", "a[2].d", "a", "column 'y' lies within what child table 'z'" } };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct dr_json_column columns[] = {
            { .name = "x", .path = cases[i].first, .type = DR_TYPE_STRING },
            { .name = "y", .path = cases[i].second, .type = DR_TYPE_STRING }
        };
        struct dr_json_child child = { .name = "z", .path = cases[i].child };
        struct dr_json_options o = { OPTIONS, .columns = columns, .n_columns = 2, .children = &child,
                                     .n_children = child.path != NULL };
        DR_AUTO_BUF expected = { 0 };
        dr_buf_printf(&expected, "%s%s", cases[i].what, why);
        gives_with("{}\n", o, dr_buf_cstr(&expected));
    }
}

static void test_a_layout_that_there_is_none_of_is_refused(void **state)
{
    (void)state;
    gives_with("{}\n", (struct dr_json_options){ OPTIONS, .layout = 7 }, "there is no JSON layout 7");
}

/* ---- two places in one array, and types to be found ---------------------------------------------- */

static void test_items_of_one_array_may_be_several_columns(void **state)
{
    (void)state;
    const struct dr_json_column columns[] = { { .name = "x", .path = "a[0].v", .type = DR_TYPE_INT64 },
                                              { .name = "y", .path = "a[0].w", .type = DR_JSON_UNDECIDED },
                                              { .name = "z", .path = "a[1]", .type = DR_JSON_UNDECIDED } };
    gives_with("{\"a\":[{\"v\":1,\"w\":2.5},\"q\"]}\n{\"a\":[]}\n",
               (struct dr_json_options){ OPTIONS, ALL_COLUMNS(columns) },
               "x:int64|y:float64|z:dict\n1|2.5|q\n-|-|-\n");
}

static void test_a_value_of_each_type_that_does_not_fit_is_refused(void **state)
{
    (void)state;
    static const struct {
        int32_t type;
        const char *value, *said;
    } cases[] = {
        { DR_TYPE_BOOL, "1", "expected bool, found a number 1" },
        { DR_TYPE_BOOL, "\"maybe\"", "expected bool, found a string maybe" },
        { DR_TYPE_FLOAT64, "true", "expected float64, found true true" },
        { DR_TYPE_FLOAT64, "\"x\"", "expected float64, found a string x" },
        { DR_TYPE_INT64, "9223372036854775808", "expected int64, found a number 9223372036854775808" },
        { DR_TYPE_DECIMAL, "1e-7", "expected decimal, found a number 1e-7" },
        { DR_TYPE_DECIMAL, "[]", "expected decimal, found an array" },
        { DR_TYPE_TIMESTAMP, "5", "expected a time (YYYY-MM-DDTHH:MM:SS), found a number 5" },
        { DR_TYPE_STRING, "\"\\u0000\"", "expected a text without \\u0000, found a string \\u0000" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct dr_json_column column = { .name = "c", .type = cases[i].type };
        DR_AUTO_BUF text = { 0 };
        DR_AUTO_BUF expected = { 0 };
        dr_buf_printf(&text, "{\"c\":%s}\n", cases[i].value);
        dr_buf_printf(&expected, "memory:1:%d: column 'c': %s", cases[i].value[0] == '"' ? 7 : 6,
                      cases[i].said);
        gives_with(dr_buf_cstr(&text),
                   (struct dr_json_options){ OPTIONS, .columns = &column, .n_columns = 1 },
                   dr_buf_cstr(&expected));
    }
}

static void test_spellings_that_a_declared_type_takes(void **state)
{
    (void)state;
    const struct dr_json_column columns[] = { { .name = "b", .type = DR_TYPE_BOOL },
                                              { .name = "f", .type = DR_TYPE_FLOAT64 },
                                              { .name = "i", .type = DR_TYPE_INT64 } };
    gives_with("{\"b\":\"true\",\"f\":\"2.5\",\"i\":\"-9223372036854775808\"}\n"
               "{\"b\":false,\"f\":1234567890.1234567890123,\"i\":1234567890123456789}\n",
               (struct dr_json_options){ OPTIONS, ALL_COLUMNS(columns) },
               "b:bool|f:float64|i:int64\ntrue|2.5|-9223372036854775808\n"
               "false|1234567890.1234567|1234567890123456789\n");
}

/* ---- records made to do harm ------------------------------------------------------------------------ */

static void nest(struct dr_buf *out, const char *open, const char *middle, const char *close, int depth)
{
    for (int i = 0; i < depth; i++)
        dr_buf_puts(out, open);
    dr_buf_puts(out, middle);
    for (int i = 0; i < depth; i++)
        dr_buf_puts(out, close);
}

static void refuses_nested(struct dr_json_options o, const char *open, const char *close)
{
    DR_AUTO_BUF text = { 0 };
    DR_AUTO_BUF got = { 0 };
    struct dr_json_tuning tuning = dr_json_tuning_default();
    dr_buf_puts(&text, "{\"k\":1,\"a\":");
    nest(&text, open, "1", close, 600);
    dr_buf_puts(&text, "}\n");
    show_json(&got, dr_buf_str(&text), &o, &tuning);
    assert_non_null(strstr(dr_buf_cstr(&got), "nested more than 512 deep"));
}

static void test_what_is_nested_too_deep_is_refused(void **state)
{
    (void)state;
    const struct dr_json_column columns[] = { { .name = "k", .type = DR_TYPE_INT64 } };
    const struct dr_json_column raw[] = { { .name = "a", .type = DR_TYPE_STRING } };
    struct dr_json_child child = { .name = "x", .path = "a" };
    refuses_nested((struct dr_json_options){ OPTIONS }, "[", "]");
    refuses_nested((struct dr_json_options){ OPTIONS }, "{\"a\":", "}");
    refuses_nested((struct dr_json_options){ OPTIONS, ALL_COLUMNS(columns) }, "[", "]");
    refuses_nested((struct dr_json_options){ OPTIONS, ALL_COLUMNS(raw) }, "{\"a\":", "}");
    refuses_nested((struct dr_json_options){ OPTIONS, .children = &child, .n_children = 1 }, "[", "]");
}

static void test_paths_that_lead_too_deep_are_refused(void **state)
{
    (void)state;
    DR_AUTO_BUF path = { 0 };
    DR_AUTO_BUF items = { 0 };
    dr_buf_puts(&path, "a");
    nest(&path, ".a", "", "", 600);
    dr_buf_puts(&items, "a");
    nest(&items, "[0]", "", "", 600);
    struct dr_json_column c = { .name = "c", .path = dr_buf_cstr(&path), .type = DR_TYPE_INT64 };
    refuses_nested((struct dr_json_options){ OPTIONS, .columns = &c, .n_columns = 1 }, "{\"a\":", "}");
    c.path = dr_buf_cstr(&items);
    refuses_nested((struct dr_json_options){ OPTIONS, .columns = &c, .n_columns = 1 }, "[", "]");
}

static void test_a_name_that_no_column_can_have_is_refused(void **state)
{
    (void)state;
    gives_with("{\"a\\u0000b\":1}\n", (struct dr_json_options){ OPTIONS },
               "memory: a member's name holds \\u0000, which no column's name can");
}

/* More items than the rows of a child table have room for at first, in one record. */
static void test_a_record_may_have_many_items(void **state)
{
    enum { ITEMS = 20000 };
    (void)state;
    struct dr_json_child child = { .name = "x", .path = "a" };
    struct dr_json_options o = { OPTIONS, .children = &child, .n_children = 1 };
    DR_AUTO_BUF text = { 0 };
    DR_AUTO_BUF expected = { 0 };
    dr_buf_puts(&text, "{\"k\":1,\"a\":[");
    dr_buf_puts(&expected, "k:int64\n1\n2\n== x\nposition:int64|v:int64\n");
    for (int i = 0; i < ITEMS; i++) {
        dr_buf_printf(&text, "%s{\"v\":%d}", i ? "," : "", i);
        dr_buf_printf(&expected, "%d|%d\n", i, i);
    }
    dr_buf_puts(&text, "]}\n{\"k\":2,\"a\":[{\"v\":7}]}\n");
    dr_buf_puts(&expected, "0|7\n");
    gives_with(dr_buf_cstr(&text), o, dr_buf_cstr(&expected));
}

/* A line of a file that several threads read, longer than a record may be. */
static void test_a_line_beyond_the_limit_is_refused_by_whoever_meets_it(void **state)
{
    (void)state;
    DR_AUTO_BUF text = { 0 };
    DR_AUTO_BUF got = { 0 };
    dr_buf_puts(&text, "{\"a\":\"x\"}\n{\"a\":\"");
    nest(&text, "xxxxxxxxxx", "", "", 20000);
    dr_buf_puts(&text, "\"}\n{\"a\":\"y\"}\n");
    struct dr_json_column column = { .name = "a", .type = DR_TYPE_STRING };
    struct dr_json_options o = { OPTIONS, .columns = &column, .n_columns = 1, .max_record = 1000 };
    struct dr_json_tuning tuning = dr_json_tuning_default();
    o.layout = DR_JSON_LINES;
    tuning.piece = 64;
    show_json(&got, dr_buf_str(&text), &o, &tuning);
    assert_non_null(strstr(dr_buf_cstr(&got), "a record is longer than"));
}

/* ---- surprises --------------------------------------------------------------------------------------- */

/* The line so many times that the columns are found in nothing else, then the other. */
enum { ALIKE = 20 };
static void put_surprise(struct dr_buf *text, const char *line, const char *other)
{
    for (int i = 0; i < ALIKE; i++)
        dr_buf_printf(text, "%s\n", line);
    dr_buf_printf(text, "%s\n", other);
}

/* Batch by batch: what comes, or the message. */
static void show_stream(struct dr_buf *got, struct dr_str text, const struct dr_json_options *o)
{
    struct dr_input in;
    struct dr_json_reader *r;
    struct dr_table *t;
    struct dr_err err = { 0 };
    struct dr_json_tuning tuning = dr_json_tuning_default();
    tuning.piece = 8;
    int32_t rc = dr_input_open_bytes(&in, text, NULL, &err);
    if (!rc)
        rc = dr_json_open_input(&in, o, &tuning, DR_JSON_STREAM, NULL, &r, &err);
    if (!rc)
        rc = dr_reader_collect(&r->base, &t, &err);
    if (rc) {
        dr_buf_puts(got, err.msg);
    } else {
        show_table(got, t);
        dr_table_unref(t);
    }
}

static void stream_refuses(const char *line, const char *other, const char *expected)
{
    struct dr_json_options o = { OPTIONS, .infer_bytes = 1, .layout = DR_JSON_LINES };
    DR_AUTO_BUF text = { 0 };
    DR_AUTO_BUF got = { 0 };
    put_surprise(&text, line, other);
    show_stream(&got, dr_buf_str(&text), &o);
    assert_string_equal(dr_buf_cstr(&got), expected);
}

static void test_a_stream_says_what_it_did_not_foresee(void **state)
{
    (void)state;
    stream_refuses(
        "{\"a\":{\"b\":1}}", "{\"a\":[1]}",
        "memory:21:6: there is an array at 'a', unlike the records from which the columns were found");
    stream_refuses(
        "{\"a\":{\"b\":1}}", "{\"a\":{\"c\":1}}",
        "memory:21:7: there is a member 'c', unlike the records from which the columns were found");
    stream_refuses("{\"a\":{\"b\":1}}", "{\"a\":{\"b\":\"x\"}}",
                   "memory:21:12: column 'a.b': expected int64, found a string x");
    stream_refuses("{\"a\":\"x\"}", "{\"a\":1}",
                   "memory:21:6: column 'a': expected a string, found a number 1");
}

static void test_a_stream_whose_times_change_their_kind_is_refused(void **state)
{
    (void)state;
    const struct dr_json_column columns[] = { { .name = "t", .type = DR_TYPE_TIMESTAMP } };
    struct dr_json_options o = { OPTIONS, ALL_COLUMNS(columns) };
    DR_AUTO_BUF got = { 0 };
    show_stream(&got, DR_LIT("{\"t\":\"2024-01-01T00:00:00Z\"}\n{\"t\":\"2024-01-01T00:00:00\"}\n"), &o);
    assert_string_equal(
        dr_buf_cstr(&got),
        "memory: column 't': times with an offset and times without are mixed, from line 2 on");
}

static void test_a_stream_without_records_is_an_empty_table(void **state)
{
    (void)state;
    const struct dr_json_column columns[] = { { .name = "t", .type = DR_TYPE_INT64 } };
    struct dr_json_options o = { OPTIONS, ALL_COLUMNS(columns) };
    DR_AUTO_BUF got = { 0 };
    show_stream(&got, DR_LIT(""), &o);
    assert_string_equal(dr_buf_cstr(&got), "t:int64\n");
}

/* Where all rows are held the reader starts again, and finds it. */
static void becomes(const char *line, const char *other, struct dr_json_options o, const char *head,
                    const char *shown, const char *last)
{
    DR_AUTO_BUF text = { 0 };
    DR_AUTO_BUF expected = { 0 };
    o.infer_bytes = 1;
    o.layout = DR_JSON_LINES;
    put_surprise(&text, line, other);
    dr_buf_puts(&expected, head);
    for (int i = 0; i < ALIKE; i++)
        dr_buf_puts(&expected, shown);
    dr_buf_puts(&expected, last);
    gives_with(dr_buf_cstr(&text), o, dr_buf_cstr(&expected));
}

static void test_other_kinds_after_the_window_become_json(void **state)
{
    (void)state;
    struct dr_json_options o = { OPTIONS };
    struct dr_json_child child = { .name = "x", .path = "a" };
    becomes("{\"a\":{\"b\":1}}", "{\"a\":[1]}", o, "a:dict\n", "{\"b\":1}\n", "[1]\n");
    becomes("{\"a\":{\"b\":1}}", "{\"a\":2}", o, "a:dict\n", "{\"b\":1}\n", "2\n");
    becomes("{\"a\":\"x\"}", "{\"a\":2}", o, "a:dict\n", "\"x\"\n", "2\n");
    o.children = &child;
    o.n_children = 1;
    becomes("{\"k\":1,\"a\":[]}", "{\"k\":2,\"a\":{}}", o, "k:int64|a:dict\n", "1|[]\n",
            "2|{}\n== x\nposition:int64\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_columns_that_make_no_sense_are_refused),
        cmocka_unit_test(test_child_tables_that_make_no_sense_are_refused),
        cmocka_unit_test(test_a_place_within_what_is_taken_as_a_whole_is_refused),
        cmocka_unit_test(test_a_layout_that_there_is_none_of_is_refused),
        cmocka_unit_test(test_items_of_one_array_may_be_several_columns),
        cmocka_unit_test(test_a_value_of_each_type_that_does_not_fit_is_refused),
        cmocka_unit_test(test_spellings_that_a_declared_type_takes),
        cmocka_unit_test(test_what_is_nested_too_deep_is_refused),
        cmocka_unit_test(test_paths_that_lead_too_deep_are_refused),
        cmocka_unit_test(test_a_name_that_no_column_can_have_is_refused),
        cmocka_unit_test(test_a_record_may_have_many_items),
        cmocka_unit_test(test_a_line_beyond_the_limit_is_refused_by_whoever_meets_it),
        cmocka_unit_test(test_a_stream_says_what_it_did_not_foresee),
        cmocka_unit_test(test_a_stream_whose_times_change_their_kind_is_refused),
        cmocka_unit_test(test_a_stream_without_records_is_an_empty_table),
        cmocka_unit_test(test_other_kinds_after_the_window_become_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
