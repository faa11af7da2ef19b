/* JSON in, with places; JSON out, always well formed. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include "base/json.h"

static int setup(void **state)
{
    static struct dr_arena arena;
    *state = &arena;
    return 0;
}

static int teardown(void **state)
{
    dr_arena_done(*state);
    return 0;
}

static struct dr_node *parse(struct dr_arena *a, const char *text)
{
    struct dr_node *n = NULL;
    struct dr_err err = { 0 };
    if (dr_json_parse(a, dr_str_of(text), "f.json", false, &n, &err))
        fail_msg("%s", err.msg);
    return n;
}

static void assert_refused(struct dr_arena *a, struct dr_str text, bool lenient, const char *words)
{
    struct dr_node *n = NULL;
    struct dr_err err = { 0 };
    assert_int_equal(dr_json_parse(a, text, "f.json", lenient, &n, &err), DR_EINPUT);
    assert_null(n);
    if (!strstr(err.msg, words))
        fail_msg("'%s' not in: %s", words, err.msg);
}

static void every_kind_is_read(void **state)
{
    const struct dr_node *n = parse(*state, "{\"a\": [1, 2.50, \"x\\u00e9\", true, false, null], \"b\": {}}");
    const struct dr_node *a = dr_node_get(n, "a");
    assert_int_equal(dr_node_size(n), 2);
    assert_int_equal(dr_node_int(dr_node_at(a, 0), 0), 1);
    assert_true(dr_node_float(dr_node_at(a, 1), 0) == 2.5);
    assert_string_equal(dr_node_str(dr_node_at(a, 2), ""), "x\xC3\xA9");
    assert_int_equal(dr_node_bool(dr_node_at(a, 3), 0), 1);
    assert_int_equal(dr_node_bool(dr_node_at(a, 4), 1), 0);
    assert_int_equal(dr_node_kind(dr_node_at(a, 5)), DR_NODE_NULL);
    assert_int_equal(dr_node_kind(dr_node_get(n, "b")), DR_NODE_MAP);
}

static void numbers_keep_their_digits(void **state)
{
    const struct dr_node *n = parse(*state, "[2.50, -0, 1E2]");
    assert_string_equal(dr_node_str(dr_node_at(n, 0), ""), "2.50");
    assert_string_equal(dr_node_str(dr_node_at(n, 1), ""), "-0");
    assert_string_equal(dr_node_str(dr_node_at(n, 2), ""), "1E2");
    assert_int_equal(dr_node_kind(dr_node_at(n, 2)), DR_NODE_FLOAT);
}

static void every_value_knows_its_place(void **state)
{
    const char *text = "{\n  \"a,[\\\"\": [\n    {},\n    \"x: y\", [ [ ] ], 7 ],\n  \"z\"  : true\n}";
    const struct dr_node *n = parse(*state, text);
    const struct dr_node *list = dr_node_at(n, 0);
    assert_string_equal(n->mark.file, "f.json");
    assert_int_equal(n->mark.line, 1);
    assert_int_equal(n->key_marks[0].line, 2);
    assert_int_equal(n->key_marks[0].column, 3);
    assert_int_equal(list->mark.column, 12);
    assert_int_equal(dr_node_at(list, 0)->mark.line, 3);
    assert_int_equal(dr_node_at(list, 1)->mark.line, 4);
    assert_int_equal(dr_node_at(list, 1)->mark.column, 5);
    assert_int_equal(dr_node_at(list, 3)->mark.column, 22);
    assert_int_equal(dr_node_get(n, "z")->mark.line, 5);
    assert_int_equal(dr_node_get(n, "z")->mark.column, 10);
}

static void a_tree_can_be_added_to_after_parsing(void **state)
{
    struct dr_node *n = parse(*state, "[1, 2, 3, 4, 5, 6, 7, 8, 9]");
    for (int i = 0; i < 20; i++)
        dr_node_add(*state, n, dr_node_new_int(*state, i));
    assert_int_equal(dr_node_size(n), 29);
    assert_int_equal(dr_node_int(dr_node_at(n, 8), 0), 9);
    assert_int_equal(dr_node_int(dr_node_at(n, 28), 0), 19);
}

static void errors_name_file_line_and_column(void **state)
{
    assert_refused(*state, DR_LIT("{\"a\": 1,\n \"b\": }"), false, "f.json:2:7: not valid JSON");
    assert_refused(*state, DR_LIT(""), false, "f.json:1:1: not valid JSON");
}

static void what_is_not_json_is_refused(void **state)
{
    static const char *const bad[] = { "[1,]",
                                       "{\"a\":1,}",
                                       "[1 2]",
                                       "{a:1}",
                                       "'x'",
                                       "[1]x",
                                       "\"a\nb\"",
                                       "01",
                                       "+1",
                                       "1.",
                                       ".5",
                                       "nul",
                                       "[",
                                       "\"\\ud800\"",
                                       "\"\\x\"",
                                       "\"\xFF\"",
                                       "99999999999999999999",
                                       "1e999",
                                       "\"a\\u0000b\"",
                                       "NaN",
                                       "-Infinity" };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_refused(*state, dr_str_of(bad[i]), false, "not valid JSON");
}

static void repeated_keys_are_refused(void **state)
{
    assert_refused(*state, DR_LIT("{\"a\": 1, \"a\": 2}"), false, "duplicate");
}

static void deep_nesting_is_refused(void **state)
{
    enum { DEPTH = 100000 };
    char *text = malloc(DEPTH);
    memset(text, '[', DEPTH);
    assert_refused(*state, (struct dr_str){ text, DEPTH }, false, "depth");
    free(text);
}

static void nesting_within_the_limit_is_read(void **state)
{
    enum { DEPTH = 2000 };
    char text[2 * DEPTH + 1];
    memset(text, '[', DEPTH);
    memset(text + DEPTH, ']', DEPTH);
    text[2 * DEPTH] = '\0';
    struct dr_node *n = parse(*state, text);
    DR_AUTO_BUF b = { 0 };
    dr_json_put_node(&b, n, 0);
    assert_string_equal(dr_buf_cstr(&b), text);
}

static void bare_names_are_floats_when_lenient(void **state)
{
    struct dr_node *n = NULL;
    struct dr_str text = DR_LIT("[NaN, -Infinity, \"NaN\", {\"Infinity\": Infinity}, 0.0, -1]");
    assert_int_equal(dr_json_parse(*state, text, NULL, true, &n, NULL), 0);
    assert_true(isnan(dr_node_float(dr_node_at(n, 0), 0)));
    assert_true(isinf(dr_node_float(dr_node_at(n, 1), 0)) && dr_node_float(dr_node_at(n, 1), 0) < 0);
    assert_string_equal(dr_node_str(dr_node_at(n, 2), ""), "NaN");
    assert_true(isinf(dr_node_float(dr_node_get(dr_node_at(n, 3), "Infinity"), 0)));
    assert_true(dr_node_float(dr_node_at(n, 4), 1) == 0);
    assert_int_equal(dr_node_int(dr_node_at(n, 5), 0), -1);
    assert_int_equal(dr_node_at(n, 5)->mark.column, 54);
}

static void lenient_is_no_more_than_bare_names(void **state)
{
    static const char *const bad[] = { "[nan]",  "[+Infinity]", "[1NaN]",   "[NaNNaN]", "[NaN5]",
                                       "[-NaN]", "\"NaN",       "{NaN: 1}", "[NaN",     "1NaN" };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_refused(*state, dr_str_of(bad[i]), true, "not valid JSON");
}

static void the_writer_sets_commas_and_nesting(void **state)
{
    (void)state;
    DR_AUTO_BUF b = { 0 };
    struct dr_json j = { .out = &b };
    dr_json_object(&j);
    dr_json_key(&j, "a");
    dr_json_array(&j);
    dr_json_int(&j, 1);
    dr_json_float(&j, 0.5);
    dr_json_bool(&j, true);
    dr_json_null(&j);
    dr_json_object(&j);
    dr_json_end_object(&j);
    dr_json_end_array(&j);
    dr_json_key(&j, "b");
    dr_json_cstr(&j, NULL);
    dr_json_key(&j, "c");
    dr_json_cstr(&j, "x");
    dr_json_end_object(&j);
    assert_string_equal(dr_buf_cstr(&b), "{\"a\":[1,0.5,true,null,{}],\"b\":null,\"c\":\"x\"}");
}

static void indented_output_has_a_line_per_value(void **state)
{
    DR_AUTO_BUF b = { 0 };
    dr_json_put_node(&b, parse(*state, "{\"a\":[1,{}],\"b\":[]}"), 2);
    assert_string_equal(dr_buf_cstr(&b), "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": []\n}");
}

static void strings_are_escaped(void **state)
{
    (void)state;
    DR_AUTO_BUF b = { 0 };
    struct dr_json j = { .out = &b };
    dr_json_str(&j, DR_LIT("q\"b\\ \n\t\x01\x7F\0\xC3\xA9"));
    assert_string_equal(dr_buf_cstr(&b), "\"q\\\"b\\\\ \\n\\t\\u0001\\u007f\\u0000\xC3\xA9\"");
}

static void invalid_bytes_become_the_replacement_character(void **state)
{
    (void)state;
    DR_AUTO_BUF b = { 0 };
    struct dr_json j = { .out = &b };
    dr_json_str(&j, DR_LIT("a\xFF"
                           "b\xE2\x82"));
    assert_string_equal(dr_buf_cstr(&b), "\"a\xEF\xBF\xBD"
                                         "b\xEF\xBF\xBD\xEF\xBF\xBD\"");
}

static void floats_that_json_lacks_are_null_unless_asked_for(void **state)
{
    (void)state;
    DR_AUTO_BUF b = { 0 };
    struct dr_json j = { .out = &b };
    dr_json_array(&j);
    dr_json_float(&j, NAN);
    j.bare_nan = true;
    dr_json_float(&j, NAN);
    dr_json_float(&j, -INFINITY);
    dr_json_end_array(&j);
    assert_string_equal(dr_buf_cstr(&b), "[null,NaN,-Infinity]");
}

static void what_is_written_reads_back_equal(void **state)
{
    const char *text =
        "{\"a\":[1,2.5,\"x\\n\\u0001\",true,null,{\"\":[[],{}]}],\"b\":-9223372036854775808,\"c\":1e300}";
    struct dr_node *n = parse(*state, text);
    DR_AUTO_BUF b = { 0 };
    dr_json_put_node(&b, n, 0);
    assert_true(dr_node_equal(n, parse(*state, dr_buf_cstr(&b))));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_kind_is_read, setup, teardown),
        cmocka_unit_test_setup_teardown(numbers_keep_their_digits, setup, teardown),
        cmocka_unit_test_setup_teardown(every_value_knows_its_place, setup, teardown),
        cmocka_unit_test_setup_teardown(a_tree_can_be_added_to_after_parsing, setup, teardown),
        cmocka_unit_test_setup_teardown(errors_name_file_line_and_column, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_not_json_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(repeated_keys_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(deep_nesting_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(nesting_within_the_limit_is_read, setup, teardown),
        cmocka_unit_test_setup_teardown(bare_names_are_floats_when_lenient, setup, teardown),
        cmocka_unit_test_setup_teardown(lenient_is_no_more_than_bare_names, setup, teardown),
        cmocka_unit_test_setup_teardown(the_writer_sets_commas_and_nesting, setup, teardown),
        cmocka_unit_test_setup_teardown(indented_output_has_a_line_per_value, setup, teardown),
        cmocka_unit_test_setup_teardown(strings_are_escaped, setup, teardown),
        cmocka_unit_test_setup_teardown(invalid_bytes_become_the_replacement_character, setup, teardown),
        cmocka_unit_test_setup_teardown(floats_that_json_lacks_are_null_unless_asked_for, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_written_reads_back_equal, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
