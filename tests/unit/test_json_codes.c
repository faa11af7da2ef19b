/* test_json_codes.c - columns of so many texts that their codes are found in another way than those of
 * few: each cell is the text that the record has, with any instructions, on one thread and on several. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include "data/pool.h"
#include "json_show.h"

enum { ROWS = 30000, DISTINCT = 21000 };

/* What row i has: as JSON, and as it is shown; NULL: nothing. Short texts that fill one word; from `longer`
 * on also such as fill three, and long ones; a few are empty, have escapes, or lack. */
struct cell {
    char json[96], shown[64];
};
static struct cell cell_of(int i, int longer)
{
    struct cell c;
    int k = i * 7919 % DISTINCT;
    if (i % 1009 == 5)
        return (struct cell){ "null", "-" };
    if (i % 1013 == 6)
        return (struct cell){ "\"\"", "" };
    if (i >= longer && i % 7 == 0)
        snprintf(c.shown, sizeof c.shown, "k%06d of twenty", k);
    else if (i >= longer && i % 7 == 1)
        snprintf(c.shown, sizeof c.shown, "k%06d, which is longer than what a slot holds", k);
    else if (i >= longer && i % 7 == 2)
        snprintf(c.shown, sizeof c.shown, "k%06d\xC3\xA9", k);
    else
        snprintf(c.shown, sizeof c.shown, "k%06d", k);
    snprintf(c.json, sizeof c.json, "\"%s%s\"", i % 11 == 0 ? "\\u006b" : "k", c.shown + 1);
    return c;
}

static void put_table(struct dr_buf *text, struct dr_buf *expected, int longer)
{
    dr_buf_puts(expected, "a:dict|n:int64\n");
    for (int i = 0; i < ROWS; i++) {
        struct cell c = cell_of(i, longer);
        dr_buf_printf(text, "{\"a\":%s,\"n\":%d}\n", c.json, i);
        dr_buf_printf(expected, "%s|%d\n", c.shown, i);
    }
}

static void each_way_gives_its_texts(int longer, int32_t threads)
{
    static const struct dr_json_column columns[] = { { .name = "a", .type = DR_TYPE_DICT },
                                                     { .name = "n", .type = DR_TYPE_INT64 } };
    struct dr_json_options o = { .size = sizeof o, .columns = columns, .n_columns = 2 };
    DR_AUTO_BUF text = { 0 };
    DR_AUTO_BUF expected = { 0 };
    put_table(&text, &expected, longer);
    dr_pool_init(threads);
    for (int isa = DR_JSON_SCALAR; isa <= (int)dr_json_best_isa(); isa++) {
        DR_AUTO_BUF got = { 0 };
        struct dr_json_tuning tuning = dr_json_tuning_default();
        tuning.isa = (enum dr_json_isa)isa;
        tuning.piece = threads > 1 ? 20000 : tuning.piece;
        show_json(&got, dr_buf_str(&text), &o, &tuning);
        assert_true(dr_str_eq(dr_buf_str(&got), dr_buf_str(&expected)));
    }
    dr_pool_done();
}

static void test_many_short_texts(void **state)
{
    (void)state;
    each_way_gives_its_texts(ROWS, 1);
    each_way_gives_its_texts(ROWS, 3);
}

static void test_many_texts_of_any_length(void **state)
{
    (void)state;
    each_way_gives_its_texts(0, 1);
    each_way_gives_its_texts(0, 3);
}

static void test_longer_texts_come_after_many_short_ones(void **state)
{
    (void)state;
    each_way_gives_its_texts(ROWS / 2 + 777, 1);
    each_way_gives_its_texts(ROWS / 2 + 777, 3);
}

/* The dictionary has its values in the order of the text, whichever thread met them first. */
static void test_the_dictionary_does_not_depend_on_the_threads(void **state)
{
    static const struct dr_json_column columns[] = { { .name = "a", .type = DR_TYPE_DICT } };
    struct dr_json_options o = { .size = sizeof o, .columns = columns, .n_columns = 1 };
    struct dr_json_tuning tuning = dr_json_tuning_default();
    DR_AUTO_BUF text = { 0 };
    (void)state;
    for (int i = 0; i < ROWS; i++)
        dr_buf_printf(&text, "{\"a\":\"%d\"}\n", i < DISTINCT ? i : i * 7919 % DISTINCT);
    tuning.piece = 5000;
    dr_pool_init(3);
    struct dr_input in;
    struct dr_table *t;
    struct dr_err err;
    assert_int_equal(dr_input_open_bytes(&in, dr_buf_str(&text), NULL, &err), 0);
    assert_int_equal(dr_json_read_input(&in, &o, &tuning, &t, NULL, &err), 0);
    const struct dr_dict *d = t->columns[0]->dict;
    assert_int_equal(d->n, DISTINCT);
    for (int i = 0; i < DISTINCT; i++) {
        char expected[16];
        snprintf(expected, sizeof expected, "%d", i);
        assert_true(dr_str_eq(d->values[i], dr_str_of(expected)));
    }
    dr_table_unref(t);
    dr_pool_done();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many_short_texts),
        cmocka_unit_test(test_many_texts_of_any_length),
        cmocka_unit_test(test_longer_texts_come_after_many_short_ones),
        cmocka_unit_test(test_the_dictionary_does_not_depend_on_the_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
