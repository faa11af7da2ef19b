/* test_json_direct.c - records that are read from the text itself: which lines are,
 * and what comes of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "json/piece.h"

struct fixture {
    struct dr_json_plan plan;
    struct dr_json_walk walk;
    struct dr_json_direct direct;
    char text[2048];
    size_t n;
    int32_t line;
};

static const struct dr_json_column columns[] = { { .name = "id", .type = DR_TYPE_INT64 },
                                                 { .name = "name", .path = "in.name", .type = DR_TYPE_DICT },
                                                 { .name = "x", .type = DR_TYPE_FLOAT64 } };

static int set_up_columns(void **state, const struct dr_json_column *wanted, int32_t n)
{
    if (dr_json_best_isa() != DR_JSON_AVX2) {
        print_message("needs AVX2\n");
        return 0;
    }
    struct fixture *f = dr_calloc(1, sizeof *f);
    struct dr_json_options given = { .size = sizeof given, .columns = wanted, .n_columns = n }, opts;
    dr_json_options_copy(&given, &opts);
    assert_int_equal(dr_json_plan_init(&f->plan, &opts, NULL), DR_OK);
    dr_json_walk_init(&f->walk, &f->plan, 64);
    *state = f;
    return 0;
}

static int set_up(void **state)
{
    return set_up_columns(state, columns, 3);
}

static int set_up_texts(void **state)
{
    static const struct dr_json_column texts[] = { { .name = "a", .type = DR_TYPE_DICT },
                                                   { .name = "day", .type = DR_TYPE_DICT },
                                                   { .name = "c", .type = DR_TYPE_DICT },
                                                   { .name = "in.d", .type = DR_TYPE_DICT },
                                                   { .name = "in.e", .type = DR_TYPE_DICT } };
    return set_up_columns(state, texts, 5);
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    if (f) {
        dr_json_walk_done(&f->walk);
        dr_json_direct_done(&f->direct);
        dr_json_plan_done(&f->plan);
        free(f);
    }
    return 0;
}

/* Read these lines; returns how much of them was read. */
static size_t read_text(struct fixture *f, const char *text)
{
    f->n = strlen(text);
    assert_true(f->n + DR_JSON_PADDING < sizeof f->text);
    memset(f->text, 0, sizeof f->text);
    memcpy(f->text, text, f->n);
    f->line = 0;
    dr_json_walk_clear(&f->walk);
    dr_json_walk_begin(&f->walk, DR_JSON_AVX2, true, f->text, f->n, 0);
    dr_json_direct_begin(&f->direct);
    return dr_json_direct_read(&f->direct, &f->walk, DR_JSON_AVX2, 0, f->n, &f->line);
}

static struct dr_json_cell cell_at(const struct fixture *f, int32_t column, int32_t row)
{
    const struct dr_json_rows *rows = &f->walk.rows[0];
    return rows->cells[column * rows->cap + row];
}

static void expect_cell(const struct fixture *f, int32_t column, int32_t row, uint32_t kind, const char *text)
{
    struct dr_json_cell cell = cell_at(f, column, row);
    struct dr_str is = { f->text + cell.at, dr_cell_length(cell) };
    if (dr_cell_kind(cell) != kind || !dr_str_eq(is, dr_str_of(text)))
        fail_msg("column %d of row %d: kind %u, <%.*s>, not kind %u, <%s>", column, row, dr_cell_kind(cell),
                 (int)is.n, is.p, kind, text);
}

static void test_lines_are_read_whatever_the_order_of_their_members(void **state)
{
    static const char text[] =
        "{\"id\":-20,\"in\":{\"name\":\"\",\"no\":null},\"x\":0}\n"
        "{ \"x\" : 12345.678 , \"in\" : { \"name\" : \"J\xC3\xB6rg\" } , \"id\" : null }\t\r\n"
        "{\"in\": {\"no\": [1, {\"a\": \"}\"}, [], {}], \"name\": \"a \\\"b\\\" \\u00e9\"}, \"id\": true}\n"
        "{\"more\": {\"id\": 5}, \"x\": \"7\", \"id\": 1e3, \"in\": null}\n"
        "{}\n"
        "{\"id\": [1, 2], \"in\": {}, \"x\": {\"y\": 1}}\n"
        "{\"id\":12345678901234567890123456789012345,\"in\":{\"name\":\"a text that is longer than a "
        "block\"}}\n";
    struct fixture *f = *state;
    if (!f)
        skip();
    assert_int_equal(read_text(f, text), sizeof text - 1);
    assert_int_equal(f->line, 7);
    assert_int_equal(f->walk.rows[0].n, 7);
    expect_cell(f, 0, 0, DR_JSON_NUMBER, "-20");
    expect_cell(f, 1, 0, DR_JSON_STRING, "");
    expect_cell(f, 2, 0, DR_JSON_NUMBER, "0");
    expect_cell(f, 0, 1, DR_JSON_NULL, "null");
    expect_cell(f, 1, 1, DR_JSON_STRING, "J\xC3\xB6rg");
    expect_cell(f, 2, 1, DR_JSON_NUMBER, "12345.678");
    expect_cell(f, 0, 2, DR_JSON_TRUE, "true");
    expect_cell(f, 1, 2, DR_JSON_ESCAPED, "a \\\"b\\\" \\u00e9");
    assert_int_equal(cell_at(f, 2, 2).size, 0);
    expect_cell(f, 0, 3, DR_JSON_NUMBER, "1e3");
    assert_int_equal(cell_at(f, 1, 3).size, 0);
    expect_cell(f, 2, 3, DR_JSON_STRING, "7");
    assert_int_equal(cell_at(f, 0, 4).size, 0);
    expect_cell(f, 0, 5, DR_JSON_ARRAY, "[1, 2]");
    expect_cell(f, 2, 5, DR_JSON_OBJECT, "{\"y\": 1}");
    assert_int_equal(dr_cell_length(cell_at(f, 0, 6)), 35);
    expect_cell(f, 1, 6, DR_JSON_STRING, "a text that is longer than a block");
    assert_int_equal(f->walk.spans[3].line, 3);
}

/* So that what the last lines looked like is known and expected. */
static void test_lines_after_many_alike_may_differ_from_them(void **state)
{
    static const char usual[] = "{\"id\":1,\"in\":{\"name\":\"Ann\",\"no\":null},\"x\":-2.5}\n";
    static const char *const others[] = {
        "{\"id\":1,\"in\":{\"name\":\"An\",\"no\":null},\"x\":-2.5}\n",
        "{\"id\":1,\"in\":{\"name\":\"\",\"no\":null},\"x\":-2.5}\n",
        "{\"id\":1,\"in\":{\"name\": \"Ann\",\"no\":null},\"x\":-2.5}\n",
        "{\"id\":1,\"in\":{\"name\":null,\"no\":null},\"x\":-2.5}\n",
        "{\"id\":1,\"in\":{\"name\":\"J\xC3\xB6rg\"},\"x\":-2.5}\n",
        "{\"id\":1,\"in\":{\"name\":\"A\\n\"},\"x\":-2.5}\n",
        "{\"id\":\"1\",\"in\":{\"name\":\"longer than a block, all of it\"}}\n",
        "{\"in\":{\"no\":1,\"name\":\"Ann\"},\"id\":1}\n"
    };
    struct fixture *f = *state;
    if (!f)
        skip();
    DR_AUTO_BUF lines = { 0 };
    for (int i = 0; i < 20; i++)
        dr_buf_puts(&lines, usual);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        assert_int_equal(read_text(f, lines.p), lines.n);
        assert_int_equal(read_text(f, others[i]), strlen(others[i]));
        if (i < 2)
            expect_cell(f, 1, 0, DR_JSON_STRING, i ? "" : "An");
        if (i == 2)
            expect_cell(f, 1, 0, DR_JSON_STRING, "Ann");
        if (i == 4)
            expect_cell(f, 1, 0, DR_JSON_STRING, "J\xC3\xB6rg");
        if (i == 5)
            expect_cell(f, 1, 0, DR_JSON_ESCAPED, "A\\n");
        expect_cell(f, 0, 0, i == 6 ? DR_JSON_STRING : DR_JSON_NUMBER, "1");
    }
}

/* Read a line as the first of its kind, and then after many others: the same must come of it. */
static void expect_no_difference(struct fixture *f, const char *others, const char *line)
{
    enum { COLUMNS = 5 };
    struct dr_json_cell first[COLUMNS];
    dr_json_direct_done(&f->direct);
    size_t done = read_text(f, line);
    for (int32_t c = 0; c < COLUMNS; c++)
        first[c] = cell_at(f, c, 0);
    dr_json_direct_done(&f->direct);
    (void)read_text(f, others);
    size_t now = read_text(f, line);
    for (int32_t c = 0; c < COLUMNS; c++)
        if (now != done || (first[c].size != cell_at(f, c, 0).size || first[c].at != cell_at(f, c, 0).at))
            fail_msg("read to %zu, not %zu; or column %d differs: %s", now, done, c, line);
}

static void test_a_line_with_any_byte_changed_is_read_the_same_after_many_alike(void **state)
{
    static const char bytes[] = "\"\\\n\t ,:}x7\xC3";
    static const char *const usual[] = {
        "{\"a\":\"H1\",\"day\":\"2024-03-08\",\"c\":\"P04\",\"in\":{\"d\":\"u\",\"e\":\"kg\"}}\n",
        "{\"a\": \"H1\", \"day\": \"2024-03-08\",\t\"c\": \"\", \"in\": {\"d\": \"u\", \"e\": \"kg\"}}\n",
    };
    struct fixture *f = *state;
    if (!f)
        skip();
    for (int k = 0; k < 2; k++) {
        DR_AUTO_BUF many = { 0 };
        for (int i = 0; i < 17; i++)
            dr_buf_puts(&many, usual[k]);
        for (size_t at = 0; at + 1 < strlen(usual[k]); at++)
            for (const char *byte = bytes; *byte; byte++) {
                DR_AUTO_BUF line = { 0 };
                dr_buf_puts(&line, usual[k]);
                line.p[at] = *byte;
                expect_no_difference(f, many.p, dr_buf_cstr(&line));
            }
    }
}

static void test_members_written_alike_may_come_twice_or_lack(void **state)
{
    static const char usual[] = "{\"a\":\"H1\",\"day\":\"2024-03-08\",\"c\":\"P04\","
                                "\"in\":{\"d\":\"u\",\"e\":\"kg\"}}\n";
    static const char *const others[] = {
        "{\"a\":\"H1\",\"day\":\"2024-03-08\",\"c\":\"P04\",\"a\":\"H2\"}\n",
        "{\"c\":\"P04\",\"a\":\"H1\",\"day\":\"2024-03-08\",\"c\":\"P05\"}\n",
        "{\"a\":\"H1\",\"day\":\"2024-03-08\"}\n",
        "{\"a\":\"H1\",\"day\":\"2024-03-08\",\"c\":null}\n",
        "{\"in\":{\"d\":\"u\",\"e\":\"kg\"},\"in\":{\"d\":\"v\",\"e\":\"km\"}}\n",
        "{\"in\":{},\"a\":\"H1\",\"day\":\"2024-03-08\",\"c\":\"P04\"}\n",
    };
    struct fixture *f = *state;
    if (!f)
        skip();
    DR_AUTO_BUF many = { 0 };
    for (int i = 0; i < 17; i++)
        dr_buf_puts(&many, usual);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        expect_no_difference(f, many.p, others[i]);
}

static void test_what_the_walk_has_to_look_at_is_left_to_it(void **state)
{
    static const char *const odd[] = {
        " {\"id\": 1}\n",
        "{\"id\": 1, \"id\": 2}\n",
        "{\"id\": 1, \"in\": {\"name\": \"A\tn\"}}\n",
        "{\"id\": 1, \"in\": {\"name\": \"A\xFFn\"}}\n",
        "{\"id\": 1, \"in\": {\"name\": \"A\xC3\"}}\n",
        "{\"id\": \"\xC3\", \"in\": {\"name\": \"\xB6\"}}\n",
        "{\"\xC3\": 1}\n",
        "{\"id\": 1, \"in\": {\"name\": \"A\\x\"}}\n",
        "{\"id\": 1, \"in\": {\"name\": \"A\\ud800\"}}\n",
        "{\"id\": 1, \"in\": {\"name\": \"Ann}}\n",
        "{\"id\": 1, \"in\": {\"name\": \"Ann\"}\n",
        "{\"id\": 1, \"in\": {\"name\": \"Ann\"}}}\n",
        "{\"i\\u0064\": 1}\n",
        "{\"id\": 01}\n",
        "{\"id\": -}\n",
        "{\"id\": 1.}\n",
        "{\"id\": .5}\n",
        "{\"id\": -01}\n",
        "{\"id\": 1e}\n",
        "{\"id\": 1.5.2}\n",
        "{\"id\": 1-2}\n",
        "{\"id\": +1}\n",
        "{\"id\": nul}\n",
        "{\"id\": nulls}\n",
        "{\"id\": [1}}\n",
        "{\"id\": [1,]}\n",
        "{\"id\": [,1]}\n",
        "{\"id\": {\"a\"}}\n",
        "{\"id\": {\"a\": 1, 2}}\n",
        "{\"id\": 1,}\n",
        "{,\"id\": 1}\n",
        "{\"id\" 1}\n",
        "{id: 1}\n",
        "{\"id\": 1}{\n",
        "{\"id\": 1\n}\n",
        "{\"id\": \"1\n\"}\n",
        "{\"id\":\n1}\n",
        "{\"id\": [1,\n2]}\n",
        "[1]\n",
        "\n",
    };
    struct fixture *f = *state;
    if (!f)
        skip();
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        if (read_text(f, odd[i]) != 0)
            fail_msg("read: %s", odd[i]);
        assert_int_equal(f->walk.rows[0].n, 0);
        assert_int_equal(f->line, 0);
        for (int c = 0; c < 3; c++) /* nothing is left of it */
            assert_int_equal(cell_at(f, c, 0).size, 0);
    }
}

static void test_what_is_nested_too_deep_is_left_to_the_walk(void **state)
{
    struct fixture *f = *state;
    if (!f)
        skip();
    for (int deep = 60; deep <= 70; deep++) {
        DR_AUTO_BUF text = { 0 };
        dr_buf_puts(&text, "{\"more\":");
        for (int i = 0; i < deep; i++)
            dr_buf_puts(&text, "[");
        for (int i = 0; i < deep; i++)
            dr_buf_puts(&text, "]");
        dr_buf_puts(&text, "}\n");
        assert_int_equal(read_text(f, text.p), deep < 64 ? text.n : 0);
    }
}

static void test_a_record_longer_than_the_limit_is_left_to_the_walk(void **state)
{
    struct fixture *f = *state;
    if (!f)
        skip();
    f->walk.max_record = 20;
    assert_int_equal(read_text(f, "{\"id\": 1234567890}\n{\"id\": 1234567890123}\n"), 19);
}

static void test_records_that_cannot_be_read_are_soon_left_to_the_walk(void **state)
{
    struct fixture *f = *state;
    if (!f)
        skip();
    assert_int_equal(read_text(f, "[]\n{}\n"), 0);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(dr_json_direct_read(&f->direct, &f->walk, DR_JSON_AVX2, 0, f->n, &f->line), 0);
    }
    assert_int_equal(dr_json_direct_read(&f->direct, &f->walk, DR_JSON_AVX2, 3, f->n, &f->line), 3);
    dr_json_direct_begin(&f->direct);
    assert_int_equal(dr_json_direct_read(&f->direct, &f->walk, DR_JSON_AVX2, 3, f->n, &f->line), 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lines_are_read_whatever_the_order_of_their_members, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_lines_after_many_alike_may_differ_from_them, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_line_with_any_byte_changed_is_read_the_same_after_many_alike,
                                        set_up_texts, tear_down),
        cmocka_unit_test_setup_teardown(test_members_written_alike_may_come_twice_or_lack, set_up_texts,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_what_the_walk_has_to_look_at_is_left_to_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_nested_too_deep_is_left_to_the_walk, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_record_longer_than_the_limit_is_left_to_the_walk, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_records_that_cannot_be_read_are_soon_left_to_the_walk, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
