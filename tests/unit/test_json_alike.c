/* test_json_alike.c - records that are written like an earlier one: which lines are
 * taken without looking at tokens, and what comes of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "data/json_piece.h"

static const char first_line[] = "{\"id\": 1, \"in\": {\"name\": \"Ann\", \"no\": null}, \"x\": -2.5}\n";

struct fixture {
    struct dr_json_plan plan;
    struct dr_json_walk walk;
    struct dr_json_alike alike;
    char text[2048];
    size_t n;
    int32_t line;
};

static const struct dr_json_column columns[] = { { .name = "id", .type = DR_TYPE_INT64 },
                                                 { .name = "name", .path = "in.name", .type = DR_TYPE_DICT },
                                                 { .name = "x", .type = DR_TYPE_FLOAT64 } };

static int set_up(void **state)
{
    if (dr_json_best_isa() != DR_JSON_AVX2) {
        print_message("needs AVX2\n");
        return 0;
    }
    struct fixture *f = dr_calloc(1, sizeof *f);
    struct dr_json_options given = { .size = sizeof given, .columns = columns, .n_columns = 3 }, opts;
    dr_json_options_copy(&given, &opts);
    assert_int_equal(dr_json_plan_init(&f->plan, &opts, NULL), DR_OK);
    dr_json_walk_init(&f->walk, &f->plan, 64);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    if (f) {
        dr_json_walk_done(&f->walk);
        dr_json_alike_done(&f->alike);
        dr_json_plan_done(&f->plan);
        free(f);
    }
    return 0;
}

/* The first line read and learned, then `rest` as if it were alike; returns how much of it was. */
static size_t learn_and_read(struct fixture *f, const char *rest)
{
    size_t start = sizeof first_line - 1;
    f->n = start + strlen(rest);
    assert_true(f->n + DR_JSON_PADDING < sizeof f->text);
    memset(f->text, 0, sizeof f->text);
    memcpy(f->text, first_line, start);
    memcpy(f->text + start, rest, strlen(rest));
    f->line = 1;
    dr_json_walk_clear(&f->walk);
    dr_json_walk_begin(&f->walk, DR_JSON_AVX2, true, f->text, f->n, 0);
    dr_json_alike_begin(&f->alike);
    f->alike.credit = 0;
    assert_true(dr_json_alike_wants(&f->alike, &f->walk));
    assert_true(dr_json_walk_record(&f->walk, dr_json_take(&f->walk.tokens)));
    assert_true(dr_json_walk_commit(&f->walk, (struct dr_json_span){ 0, (uint32_t)start - 1, 0 }));
    dr_json_alike_learn(&f->alike, &f->walk, 0, 0, start - 1);
    return dr_json_alike_read(&f->alike, &f->walk, DR_JSON_AVX2, start, f->n, &f->line) - start;
}

static struct dr_str cell_text(const struct fixture *f, int32_t column, int32_t row)
{
    const struct dr_json_rows *rows = &f->walk.rows[0];
    struct dr_json_cell cell = rows->cells[column * rows->cap + row];
    return (struct dr_str){ f->text + cell.at, dr_cell_length(cell) };
}

static void test_lines_with_other_values_are_alike(void **state)
{
    static const char rest[] = "{\"id\": -20, \"in\": {\"name\": \"\", \"no\": null}, \"x\": 0}\n"
                               "{\"id\": null, \"in\": {\"name\": \"J\xC3\xB6rg, who has a name that is "
                               "longer than a block of the search\", \"no\": null}, \"x\": 12345.678}\n"
                               "{\"id\": true, \"in\": {\"name\": false, \"no\": null}, \"x\": \"7\"}\n";
    struct fixture *f = *state;
    if (!f)
        skip();
    assert_int_equal(learn_and_read(f, rest), sizeof rest - 1);
    assert_int_equal(f->line, 4);
    assert_int_equal(f->walk.rows[0].n, 4);
    assert_true(dr_str_eq(cell_text(f, 0, 1), DR_LIT("-20")));
    assert_int_equal(cell_text(f, 1, 1).n, 0);
    assert_true(dr_str_eq(cell_text(f, 2, 2), DR_LIT("12345.678")));
    assert_int_equal(f->walk.spans[2].line, 2);
    assert_int_equal(dr_cell_kind(f->walk.rows[0].cells[3]), DR_JSON_TRUE);
    assert_int_equal(dr_cell_kind(f->walk.rows[0].cells[f->walk.rows[0].cap + 3]), DR_JSON_FALSE);
    assert_int_equal(f->walk.rows[0].cells[f->walk.rows[0].cap + 2].size >> 4, 63);
}

static void test_what_the_walk_has_to_look_at_is_not_alike(void **state)
{
    static const char *const odd[] = {
        "{\"id\":1, \"in\": {\"name\": \"Ann\", \"no\": null}, \"x\": 1}\n",
        "{\"id\": 1, \"in\": {\"name\": \"A\\u006en\", \"no\": null}, \"x\": 1}\n",
        "{\"id\": 1, \"in\": {\"name\": \"A\tn\", \"no\": null}, \"x\": 1}\n",
        "{\"id\": 1, \"in\": {\"name\": \"A\xFFn\", \"no\": null}, \"x\": 1}\n",
        "{\"id\": 1, \"in\": {\"name\": \"A\xC3\", \"no\": null}, \"x\": 1}\n",
        "{\"id\": \"\xC3\", \"in\": {\"name\": \"\xB6\", \"no\": null}, \"x\": 1}\n",
        "{\"id\": \"\xC3\xB6\", \"in\": {\"name\": \"Ann\", \"no\": null}, \"x\": \"\xB6\"}\n",
        "{\"id\": \"\xB6\", \"in\": {\"name\": \"\xC3\xB6\", \"no\": null}, \"x\": \"\xC3\xB6\"}\n",
        "{\"id\": 1, \"in\": {\"name\": \"Ann, \"no\": null}, \"x\": 1}\n",
        "{\"id\": 1, \"in\": {\"name\": \"Ann\", \"no\": 5}, \"x\": 1}\n",
        "{\"id\": 01, \"in\": {\"name\": \"Ann\", \"no\": null}, \"x\": 1}\n",
        "{\"id\": -, \"in\": {\"name\": \"Ann\", \"no\": null}, \"x\": 1}\n",
        "{\"id\": 1., \"in\": {\"name\": \"Ann\", \"no\": null}, \"x\": 1}\n",
        "{\"id\": 1e3, \"in\": {\"name\": \"Ann\", \"no\": null}, \"x\": 1}\n",
        "{\"id\": 1.5E3, \"in\": {\"name\": \"Ann\", \"no\": null}, \"x\": 1}\n",
        "{\"id\": 12345678901234567, \"in\": {\"name\": \"Ann\", \"no\": null}, \"x\": 1}\n",
        "{\"id\": nul, \"in\": {\"name\": \"Ann\", \"no\": null}, \"x\": 1}\n",
        "{\"id\": nulls, \"in\": {\"name\": \"Ann\", \"no\": null}, \"x\": 1}\n",
        "{\"id\": [1], \"in\": {\"name\": \"Ann\", \"no\": null}, \"x\": 1}\n",
        "{\"id\": 1, \"in\": {\"name\": \"Ann\", \"no\": null}, \"x\": 1} \n",
        "{\"id\": 1, \"in\": {\"name\": \"Ann\", \"no\": null}, \"x\": 1}\r\n",
        "{\"id\": 1, \"in\": {\"name\": \"Ann\", \"no\": null}}\n",
        "{\"id\": 1, \"in\": {\"name\": \"Ann\", \"no\": null}, \"x\": 1, \"y\": 2}\n",
        "{\"id\": 1, \"in\": {\"name\": \"Ann\n\", \"no\": null}, \"x\": 1}\n",
        "\n",
    };
    struct fixture *f = *state;
    if (!f)
        skip();
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        if (learn_and_read(f, odd[i]) != 0)
            fail_msg("taken as alike: %s", odd[i]);
        assert_int_equal(f->walk.rows[0].n, 1);
        assert_int_equal(f->line, 1);
        for (int c = 0; c < 3; c++) /* nothing is left of it */
            assert_int_equal(f->walk.rows[0].cells[c * f->walk.rows[0].cap + 1].size, 0);
    }
}

static void test_a_record_longer_than_the_limit_is_left_to_the_walk(void **state)
{
    struct fixture *f = *state;
    if (!f)
        skip();
    f->walk.max_record = sizeof first_line;
    assert_int_equal(
        learn_and_read(f, "{\"id\": 1234, \"in\": {\"name\": \"Ann\", \"no\": null}, \"x\": -2.5}\n"), 0);
}

static void test_records_that_are_seldom_alike_are_soon_left_to_the_walk(void **state)
{
    struct fixture *f = *state;
    if (!f)
        skip();
    for (int i = 0; i < 4; i++) {
        assert_int_equal(learn_and_read(f, "{}\n"), 0);
        while (f->alike.credit > 0)
            assert_int_equal(dr_json_alike_read(&f->alike, &f->walk, DR_JSON_AVX2, f->n - 3, f->n, &f->line),
                             f->n - 3);
    }
    f->alike.learned = 4;
    assert_false(dr_json_alike_wants(&f->alike, &f->walk));
    dr_json_alike_begin(&f->alike);
    assert_true(dr_json_alike_wants(&f->alike, &f->walk));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lines_with_other_values_are_alike, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_the_walk_has_to_look_at_is_not_alike, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_record_longer_than_the_limit_is_left_to_the_walk, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_records_that_are_seldom_alike_are_soon_left_to_the_walk, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
