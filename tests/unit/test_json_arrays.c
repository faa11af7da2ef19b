/* test_json_arrays.c - the arrays of a JSON text, item by item: their paths, their positions, and what
 * texts that are made to harm do not do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/hash.h"
#include "json/arrays.h"

static int setup(void **state)
{
    *state = dr_json_arrays_new();
    return 0;
}

static int teardown(void **state)
{
    dr_json_arrays_free(*state);
    return 0;
}

/* "path@position=item" for each, a space between; "path@" for an array without items. */
static void put_arrays(struct dr_json_arrays *a, struct dr_buf *out)
{
    while (dr_json_arrays_next(a)) {
        struct dr_str path = dr_json_arrays_path(a), item = dr_json_source(dr_json_arrays_item(a));
        int64_t position = dr_json_arrays_position(a);
        dr_buf_printf(out, "%s%.*s@", out->n ? " " : "", (int)path.n, path.p);
        if (position >= 0)
            dr_buf_printf(out, "%lld=%.*s", (long long)position, (int)item.n, item.p);
    }
}

static void has_under(struct dr_json_arrays *a, const char *text, const char *under, const char *expected)
{
    DR_AUTO_BUF got = { 0 };
    dr_json_arrays_begin(a, dr_str_of(text), dr_str_of(under));
    put_arrays(a, &got);
    assert_string_equal(dr_buf_cstr(&got), expected);
}

static void has(struct dr_json_arrays *a, const char *text, const char *expected)
{
    has_under(a, text, "", expected);
}

static void test_objects_lead_to_arrays_and_items_are_whole(void **state)
{
    has(*state,
        "{\"a\":[1,\"x\"],\"b\":{\"c\":{\"d\":[{\"e\":[1]},[2]]},\"n\":5},\"s\":\"[1]\",\"z\":[null]}",
        "a@0=1 a@1=\"x\" b.c.d@0={\"e\":[1]} b.c.d@1=[2] z@0=null");
}

static void test_empty_arrays_are_told(void **state)
{
    has(*state, "{\"a\":[],\"b\":{},\"c\":{\"d\":[ ]}}", "a@ c.d@");
    has(*state, "[]", "@");
}

static void test_a_text_may_be_an_array_itself(void **state)
{
    has(*state, " [[1],{\"a\":[2]}] ", "@0=[1] @1={\"a\":[2]}");
    has_under(*state, "[7]", "notes[0]", "notes[0]@0=7");
    has_under(*state, "{\"f\":[7],\"\":{\"g\":[8]}}", "notes[0]", "notes[0].f@0=7 notes[0][\"\"].g@0=8");
}

static void test_what_is_no_json_and_what_has_no_arrays_gives_none(void **state)
{
    static const char *const texts[] = {
        "", "x", "{\"a\":[1}", "[1,]", "5", "\"[]\"", "{\"a\":[1]} x", "\xFF", "[\"\\ud800\"]", "null"
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        has(*state, texts[i], "");
    has(*state, "{\"a\":[1]}", "a@0=1"); /* nothing of them remains */
}

static void test_names_that_a_path_would_misread_are_quoted(void **state)
{
    has(*state, "{\"a.b\":[1],\"a\":{\"b\":[2]},\"c[0]\":[3],\"\":[4],\"q\\\"\":[5],\"q.\\\"\\\\\":[6]}",
        "[\"a.b\"]@0=1 a.b@0=2 [\"c[0]\"]@0=3 [\"\"]@0=4 q\"@0=5 [\"q.\\\"\\\\\"]@0=6");
    has(*state,
        "{\"\\u0000\":[1],\"\\n\":[2],\"\\\\u0000\":[3],\"\xC3\xA9\":[4],\"\\u00e8\":[5],\"a. b\":[6]}",
        "[\"\\u0000\"]@0=1 [\"\\u000a\"]@0=2 \\u0000@0=3 \xC3\xA9@0=4 \xC3\xA8@0=5 [\"a. b\"]@0=6");
}

static void test_positions_go_on_where_a_name_comes_again(void **state)
{
    has(*state, "{\"x\":[1,2],\"y\":[],\"\\u0078\":[3],\"x\":[],\"o\":{\"p\":[4]},\"o\":{\"p\":[5]}}",
        "x@0=1 x@1=2 y@ x@2=3 x@ o.p@0=4 o.p@1=5");
    has(*state, "{\"x\":[6]}", "x@0=6");
}

static void test_long_paths_are_cut_and_stay_different(void **state)
{
    enum { LONG = 2000 };
    struct dr_json_arrays *a = *state;
    DR_AUTO_BUF text = { 0 };
    char name[LONG + 1], first[DR_JSON_PATH_MAX + 1];
    for (int i = 0; i < LONG; i += 2)
        memcpy(name + i, "\xC3\xA9", 2);
    name[LONG] = '\0';
    dr_buf_printf(&text, "{\"%sa\":[1],\"%sb\":[2]}", name, name);
    dr_json_arrays_begin(a, dr_buf_str(&text), DR_LIT(""));
    assert_true(dr_json_arrays_next(a));
    struct dr_str path = dr_json_arrays_path(a);
    assert_in_range(path.n, DR_JSON_PATH_MAX - 3, DR_JSON_PATH_MAX);
    assert_true(dr_utf8_valid(path));
    assert_int_equal(path.p[path.n - DR_HASH_HEX], '~');
    memcpy(first, path.p, path.n);
    assert_true(dr_json_arrays_next(a));
    path = dr_json_arrays_path(a);
    assert_memory_not_equal(first, path.p, path.n);
    assert_int_equal(dr_json_arrays_position(a), 0);
    assert_false(dr_json_arrays_next(a));
}

static void test_a_path_of_the_longest_length_stays_whole(void **state)
{
    struct dr_json_arrays *a = *state;
    DR_AUTO_BUF text = { 0 };
    char name[DR_JSON_PATH_MAX + 1];
    memset(name, 'n', sizeof name);
    name[DR_JSON_PATH_MAX] = '\0';
    dr_buf_printf(&text, "{\"%s\":[1]}", name);
    dr_json_arrays_begin(a, dr_buf_str(&text), DR_LIT(""));
    assert_true(dr_json_arrays_next(a));
    assert_true(dr_str_eq(dr_json_arrays_path(a), dr_str_of(name)));
}

static void test_each_text_begins_anew(void **state)
{
    has(*state, "{\"a\":[1,2]}", "a@0=1 a@1=2");
    has(*state, "{\"a\":[3]}", "a@0=3");
}

static void test_the_deepest_objects_are_gone_through(void **state)
{
    DR_AUTO_BUF text = { 0 };
    for (int i = 0; i < DR_JSON_DEPTH - 1; i++)
        dr_buf_puts(&text, "{\"k\":");
    dr_buf_puts(&text, "[8]");
    for (int i = 0; i < DR_JSON_DEPTH - 1; i++)
        dr_buf_putc(&text, '}');
    dr_json_arrays_begin(*state, dr_buf_str(&text), DR_LIT(""));
    assert_true(dr_json_arrays_next(*state));
    assert_true(dr_str_eq(dr_json_source(dr_json_arrays_item(*state)), DR_LIT("8")));
    assert_false(dr_json_arrays_next(*state));
}

static void test_many_items_and_many_arrays(void **state)
{
    enum { MANY = 200000 };
    struct dr_json_arrays *a = *state;
    DR_AUTO_BUF text = { 0 };
    int64_t n = 0;
    dr_buf_puts(&text, "{\"items\":[0");
    for (int i = 1; i < MANY; i++)
        dr_buf_printf(&text, ",%d", i);
    dr_buf_putc(&text, ']');
    for (int i = 0; i < MANY; i++)
        dr_buf_printf(&text, ",\"%d\":[]", i);
    dr_buf_putc(&text, '}');
    dr_json_arrays_begin(a, dr_buf_str(&text), DR_LIT(""));
    for (; dr_json_arrays_next(a); n++)
        assert_int_equal(dr_json_arrays_position(a), n < MANY ? n : -1);
    assert_int_equal(n, 2 * MANY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_objects_lead_to_arrays_and_items_are_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(test_empty_arrays_are_told, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_text_may_be_an_array_itself, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_no_json_and_what_has_no_arrays_gives_none, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_names_that_a_path_would_misread_are_quoted, setup, teardown),
        cmocka_unit_test_setup_teardown(test_positions_go_on_where_a_name_comes_again, setup, teardown),
        cmocka_unit_test_setup_teardown(test_long_paths_are_cut_and_stay_different, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_path_of_the_longest_length_stays_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(test_each_text_begins_anew, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_deepest_objects_are_gone_through, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_items_and_many_arrays, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
