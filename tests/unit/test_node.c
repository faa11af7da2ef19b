/* Trees of values and their public accessors. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include "base/node.h"

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

static void scalars_keep_their_value_and_text(void **state)
{
    struct dr_arena *a = *state;
    const struct dr_node *n = dr_node_new_int(a, -42);
    assert_int_equal(dr_node_int(n, 0), -42);
    assert_true(dr_node_float(n, 0) == -42);
    assert_string_equal(dr_node_str(n, "no"), "-42");
    n = dr_node_new_float(a, 0.5);
    assert_int_equal(dr_node_int(n, 9), 9);
    assert_true(dr_node_float(n, 0) == 0.5);
    assert_string_equal(dr_node_str(n, "no"), "0.5");
    n = dr_node_new_bool(a, true);
    assert_int_equal(dr_node_bool(n, 0), 1);
    assert_string_equal(dr_node_str(n, "no"), "true");
    n = dr_node_new_str(a, DR_LIT("x"));
    assert_int_equal(dr_node_kind(n), DR_NODE_STRING);
    assert_string_equal(dr_node_str(n, "no"), "x");
}

static void nothing_is_a_null_value(void **state)
{
    (void)state;
    assert_int_equal(dr_node_kind(NULL), DR_NODE_NULL);
    assert_int_equal(dr_node_int(NULL, 5), 5);
    assert_int_equal(dr_node_bool(NULL, 1), 1);
    assert_string_equal(dr_node_str(NULL, "no"), "no");
    assert_int_equal(dr_node_size(NULL), 0);
    assert_null(dr_node_at(NULL, 0));
    assert_null(dr_node_key(NULL, 0));
    assert_null(dr_node_get(dr_node_get(NULL, "a"), "b"));
}

static void lists_grow_and_keep_order(void **state)
{
    struct dr_arena *a = *state;
    struct dr_node *list = dr_node_new(a, DR_NODE_LIST);
    for (int i = 0; i < 100; i++)
        dr_node_add(a, list, dr_node_new_int(a, i));
    assert_int_equal(dr_node_size(list), 100);
    for (int i = 0; i < 100; i++)
        assert_int_equal(dr_node_int(dr_node_at(list, i), -1), i);
    assert_null(dr_node_at(list, 100));
    assert_null(dr_node_at(list, -1));
    assert_null(dr_node_get(list, "x"));
}

static void maps_find_replace_and_keep_order(void **state)
{
    struct dr_arena *a = *state;
    struct dr_node *map = dr_node_new(a, DR_NODE_MAP);
    char key[16];
    for (int i = 0; i < 50; i++) {
        snprintf(key, sizeof(key), "k%d", i);
        dr_node_set(a, map, dr_str_of(key), dr_node_new_int(a, i));
    }
    dr_node_set(a, map, DR_LIT("k7"), dr_node_new_int(a, 700));
    assert_int_equal(dr_node_size(map), 50);
    assert_int_equal(dr_node_int(dr_node_get(map, "k7"), 0), 700);
    assert_int_equal(dr_node_index(map, "k49"), 49);
    assert_int_equal(dr_node_index(map, "none"), -1);
    assert_string_equal(dr_node_key(map, 3), "k3");
    assert_int_equal(dr_node_int(dr_node_at(map, 3), 0), 3);
}

static void numbers_are_equal_by_value(void **state)
{
    struct dr_arena *a = *state;
    assert_true(dr_node_equal(dr_node_new_int(a, 1), dr_node_new_float(a, 1.0)));
    assert_false(dr_node_equal(dr_node_new_int(a, 1), dr_node_new_float(a, 1.5)));
    assert_false(dr_node_equal(dr_node_new_int(a, (INT64_C(1) << 53) + 1), dr_node_new_float(a, 0x1p53)));
    assert_false(dr_node_equal(dr_node_new_int(a, INT64_MAX), dr_node_new_float(a, 0x1p63)));
    assert_false(dr_node_equal(dr_node_new_int(a, 0), dr_node_new_float(a, NAN)));
    assert_true(dr_node_equal(dr_node_new_float(a, NAN), dr_node_new_float(a, NAN)));
    assert_false(dr_node_equal(dr_node_new_int(a, 1), dr_node_new_bool(a, true)));
    assert_false(dr_node_equal(dr_node_new_int(a, 1), dr_node_new_str(a, DR_LIT("1"))));
}

static struct dr_node *pair(struct dr_arena *a, const char *first, const char *second)
{
    struct dr_node *map = dr_node_new(a, DR_NODE_MAP);
    dr_node_set(a, map, dr_str_of(first), dr_node_new_str(a, dr_str_of(first)));
    dr_node_set(a, map, dr_str_of(second), dr_node_new_str(a, dr_str_of(second)));
    return map;
}

static void maps_are_equal_whatever_their_order(void **state)
{
    struct dr_arena *a = *state;
    assert_true(dr_node_equal(pair(a, "x", "y"), pair(a, "y", "x")));
    assert_false(dr_node_equal(pair(a, "x", "y"), pair(a, "x", "z")));
    assert_true(dr_node_equal(NULL, dr_node_new(a, DR_NODE_NULL)));
}

static void lists_are_equal_in_order_only(void **state)
{
    struct dr_arena *a = *state;
    struct dr_node *one = dr_node_new(a, DR_NODE_LIST), *two = dr_node_new(a, DR_NODE_LIST);
    dr_node_add(a, one, dr_node_new_int(a, 1));
    assert_false(dr_node_equal(one, two));
    dr_node_add(a, two, dr_node_new_int(a, 2));
    assert_false(dr_node_equal(one, two));
    two->items[0] = one->items[0];
    assert_true(dr_node_equal(one, two));
}

static void a_duration_is_microseconds(void **state)
{
    struct dr_arena *a = *state;
    assert_int_equal(5400000000, dr_node_duration(dr_node_new_str(a, DR_LIT("1h30m")), -1));
    assert_int_equal(250000, dr_node_duration(dr_node_new_str(a, DR_LIT("250ms")), -1));
    assert_int_equal(-1, dr_node_duration(dr_node_new_str(a, DR_LIT("soon")), -1));
    assert_int_equal(-1, dr_node_duration(NULL, -1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(scalars_keep_their_value_and_text, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_is_a_null_value, setup, teardown),
        cmocka_unit_test_setup_teardown(lists_grow_and_keep_order, setup, teardown),
        cmocka_unit_test_setup_teardown(maps_find_replace_and_keep_order, setup, teardown),
        cmocka_unit_test_setup_teardown(numbers_are_equal_by_value, setup, teardown),
        cmocka_unit_test_setup_teardown(maps_are_equal_whatever_their_order, setup, teardown),
        cmocka_unit_test_setup_teardown(lists_are_equal_in_order_only, setup, teardown),
        cmocka_unit_test_setup_teardown(a_duration_is_microseconds, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
