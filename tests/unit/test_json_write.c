/* test_json_write.c - tables to JSON lines, and back again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "data/column.h"
#include "write_fixture.h"

/* A column of three rows: a value, a missing one, another value. */
static struct dr_column *texts(int32_t type, const char *first, const char *last)
{
    struct dr_builder *b = dr_builder_new(type);
    dr_builder_append_bytes(b, first, (int64_t)strlen(first));
    dr_builder_append_null(b);
    dr_builder_append_bytes(b, last, (int64_t)strlen(last));
    return dr_builder_finish(b);
}
static struct dr_column *wholes(int32_t type, int64_t first, int64_t last)
{
    struct dr_builder *b = dr_builder_new(type);
    dr_builder_append_int(b, first);
    dr_builder_append_null(b);
    dr_builder_append_int(b, last);
    return dr_builder_finish(b);
}
static struct dr_column *floats(double first, double last)
{
    struct dr_builder *b = dr_builder_new(DR_TYPE_FLOAT64);
    dr_builder_append_float(b, first);
    dr_builder_append_null(b);
    dr_builder_append_float(b, last);
    return dr_builder_finish(b);
}

static const char *const NAMES[] = { "flag", "count", "share", "day", "at", "kind", "a \"note\"" };
enum { COLUMNS = sizeof NAMES / sizeof *NAMES };
static const char WRITTEN[] =
    "{\"flag\":true,\"count\":-9223372036854775808,\"share\":0.1,\"day\":\"2024-02-29\","
    "\"at\":\"1970-01-01T00:00:00.000001\",\"kind\":\"A\",\"a \\\"note\\\"\":\"line\\nend \\\\ \\u0001\"}\n"
    "{\"flag\":null,\"count\":null,\"share\":null,\"day\":null,\"at\":null,\"kind\":null,"
    "\"a \\\"note\\\"\":null}\n"
    "{\"flag\":false,\"count\":7,\"share\":5e-324,\"day\":\"1969-12-31\","
    "\"at\":\"1969-12-31T23:59:59\",\"kind\":\"\",\"a \\\"note\\\"\":\"caf\xc3\xa9\"}\n";

static struct dr_table *one_of_each(void)
{
    struct dr_column *columns[COLUMNS] = { wholes(DR_TYPE_BOOL, 1, 0),
                                           wholes(DR_TYPE_INT64, INT64_MIN, 7),
                                           floats(0.1, 5e-324),
                                           wholes(DR_TYPE_DATE, 19782, -1),
                                           wholes(DR_TYPE_TIMESTAMP, 1, -1000000),
                                           texts(DR_TYPE_DICT, "A", ""),
                                           texts(DR_TYPE_STRING, "line\nend \\ \x01", "caf\xc3\xa9") };
    return table_of(COLUMNS, NAMES, columns);
}

static void every_type_is_written_as_json_says_it(void **state)
{
    struct temp_file *f = *state;
    struct dr_err err = { 0 };
    struct dr_table *t = one_of_each();
    assert_int_equal(dr_table_write_json(t, f->path, &err), 0);
    check_file(f->path, WRITTEN);
    dr_table_unref(t);
}

static void what_is_written_reads_back_and_is_written_again_alike(void **state)
{
    struct temp_file *f = *state;
    struct dr_err err = { 0 };
    struct dr_table *t = one_of_each(), *back;
    assert_int_equal(dr_table_write_json(t, f->path, &err), 0);
    dr_table_unref(t);
    assert_int_equal(dr_table_read_json(f->path, NULL, &back, NULL, &err), 0);
    assert_int_equal(dr_table_rows(back), 3);
    assert_int_equal(dr_table_write_json(back, f->path, &err), 0);
    check_file(f->path, WRITTEN);
    dr_table_unref(back);
}

static void a_number_that_json_cannot_say_is_refused_and_leaves_the_file(void **state)
{
    struct temp_file *f = *state;
    struct dr_err err = { 0 };
    struct dr_table *t = one_of_each();
    assert_int_equal(dr_table_write_json(t, f->path, &err), 0);
    dr_table_unref(t);
    for (int i = 0; i < 2; i++) {
        t = table_of(1, (const char *const[]){ "share" },
                     (struct dr_column *[]){ floats(1, i ? NAN : -INFINITY) });
        assert_int_equal(dr_table_write_json(t, f->path, &err), DR_EINPUT);
        assert_non_null(strstr(err.msg, "row 3 of column 'share' is"));
        assert_non_null(strstr(err.msg, i ? "not a number" : "infinite"));
        check_file(f->path, WRITTEN);
        dr_table_unref(t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_type_is_written_as_json_says_it, make_temp_file,
                                        remove_temp_file),
        cmocka_unit_test_setup_teardown(what_is_written_reads_back_and_is_written_again_alike, make_temp_file,
                                        remove_temp_file),
        cmocka_unit_test_setup_teardown(a_number_that_json_cannot_say_is_refused_and_leaves_the_file,
                                        make_temp_file, remove_temp_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
