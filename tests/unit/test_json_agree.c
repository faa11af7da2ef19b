/* test_json_agree.c - however a JSON text is cut into pieces, by however many
 * threads and with whatever instructions it is read, the same comes of it; and
 * what comes is what jansson finds in each record. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/json.h"
#include "data/pool.h"
#include "json_show.h"

static uint32_t seed;
static uint32_t below(uint32_t n)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % n;
}

static void put_text(struct dr_buf *out)
{
    static const char *const parts[] = { "a",
                                         "Ulm",
                                         " ",
                                         "\\n",
                                         "\\u00e9",
                                         "\xC3\xA9",
                                         "\\\\",
                                         "\\\"",
                                         "0123",
                                         "{",
                                         "]",
                                         ",",
                                         ":",
                                         "\\ud83d\\ude00",
                                         "\xE2\x82\xAC",
                                         "the quick brown fox jumps over the lazy dog and far away" };
    dr_buf_putc(out, '"');
    for (uint32_t n = below(4); n > 0; n--)
        dr_buf_puts(out, parts[below(sizeof parts / sizeof *parts)]);
    dr_buf_putc(out, '"');
}

static void put_space(struct dr_buf *out)
{
    if (below(4) == 0)
        dr_buf_puts(out, below(2) ? " " : "\t ");
}

/* A record; members may lack and stand in another order. */
static void put_record(struct dr_buf *out)
{
    const char *between = "";
    dr_buf_putc(out, '{');
    for (uint32_t k = 0, shift = below(8) ? 0 : below(6); k < 6; k++) {
        uint32_t member = (k + shift) % 6;
        if (below(9) == 0)
            continue;
        dr_buf_puts(out, between);
        put_space(out);
        dr_buf_printf(out, "\"%s\"",
                      (const char *const[]){ "id", "name", "x", "flag", "in", "list" }[member]);
        put_space(out);
        dr_buf_putc(out, ':');
        put_space(out);
        if (below(12) == 0)
            dr_buf_puts(out, "null");
        else if (member == 0)
            dr_buf_printf(out, "%d", (int)below(100000) - 50000);
        else if (member == 1)
            put_text(out);
        else if (member == 2)
            dr_buf_printf(out, "%d.%02d%s", (int)below(500), (int)below(100), below(5) ? "" : "e-3");
        else if (member == 3)
            dr_buf_puts(out, below(2) ? "true" : "false");
        else if (member == 4)
            dr_buf_printf(out, "{\"a\":%d,\"b\":{\"c\":\"%d\"}}", (int)below(9), (int)below(9));
        else
            dr_buf_printf(out, "[%d,[],{\"k\":\"%d\"}]", (int)below(9), (int)below(9));
        between = ",";
    }
    dr_buf_putc(out, '}');
}

static void put_records(struct dr_buf *out, int n, bool array, bool dirty)
{
    if (array)
        dr_buf_putc(out, '[');
    for (int i = 0; i < n; i++) {
        put_record(out);
        if (dirty && below(10) == 0)
            dr_buf_puts(out, below(2) ? "x" : "\"");
        dr_buf_puts(out, array && i + 1 < n ? "," : "");
        dr_buf_puts(out, below(10) ? "\n" : below(2) ? "\r\n" : "\n\n");
    }
    if (array)
        dr_buf_putc(out, ']');
}

static void compare(struct dr_str text, const struct dr_json_options *opts)
{
    static const size_t pieces[] = { 1, 7, 64, 300, 5000 };
    DR_AUTO_BUF expected = { 0 };
    struct dr_json_tuning tuning = dr_json_tuning_default();
    tuning.isa = DR_JSON_SCALAR;
    show_json(&expected, text, opts, &tuning);
    for (size_t i = 0; i < 5; i++) {
        for (int isa = DR_JSON_SCALAR; isa <= (int)dr_json_best_isa(); isa++) {
            DR_AUTO_BUF got = { 0 };
            tuning = (struct dr_json_tuning){ (enum dr_json_isa)isa, pieces[i], 1 + (int32_t)below(40),
                                              below(2) ? 0 : 1 + (int32_t)below(40) };
            show_json(&got, text, opts, &tuning);
            if (!dr_str_eq(dr_buf_str(&expected), dr_buf_str(&got)))
                fail_msg("pieces of %zu, instructions %d: expected <<<%s>>> got <<<%s>>>", pieces[i], isa,
                         dr_buf_cstr(&expected), dr_buf_cstr(&got));
        }
    }
}

static void test_pieces_and_instructions_do_not_matter(void **state)
{
    (void)state;
    for (int round = 0; round < 40; round++) {
        DR_AUTO_BUF text = { 0 };
        struct dr_json_options opts = { .size = sizeof opts, .line_column = "line", .forgiving = round & 1 };
        opts.infer_bytes = round % 3 == 0 ? 1 + (int64_t)below(3000) : 0;
        seed = (uint32_t)round;
        put_records(&text, 1 + (int)below(60), round % 4 >= 2, round % 8 >= 5);
        compare(dr_buf_str(&text), &opts);
    }
}

/* A record of one of three layouts, whose values are mostly plain ones; `odd`: one in so
 * many is not, or is wrong. */
static void put_alike(struct dr_buf *out, uint32_t layout, uint32_t odd)
{
    static const char *const before[3][5] = {
        { "{\"id\":", ",\"name\":", ",\"x\":", ",\"flag\":", "}\n" },
        { "{\"id\": ", ", \"in\": {\"name\": ", ", \"x\": ", "}, \"flag\": ", "}\r\n" },
        { "{ \"list\" : [ ", ",{\"the name, which is longer than a block of bytes\":", "}], \"x\":",
          ",\"e\":{},\"flag\":", " }\n" },
    };
    static const char *const values[] = { "0",
                                          "-0",
                                          "12",
                                          "3.25",
                                          "-17.5",
                                          "123456789012345",
                                          "null",
                                          "true",
                                          "\"\"",
                                          "\"Ulm\"",
                                          "\"\xC3\xA9\"",
                                          "false",
                                          "\"a text that is longer than the block of a search\"" };
    static const char *const odds[] = {
        "1e3",      "\"\\u00e9\"", "\"\xC3\"", "01", "1.", "-", "[1]", "{}",
        "\"a\tb\"", "nul",         "\"a",      " 1", "1 ", "",  "+1",  "1234567890123456789",
        "\"\\\"\""
    };
    for (int i = 0; i < 4; i++) {
        bool plain = below(odd) != 0;
        dr_buf_puts(out, before[layout][i]);
        dr_buf_puts(out, plain ? values[below(sizeof values / sizeof *values)]
                               : odds[below(sizeof odds / sizeof *odds)]);
    }
    dr_buf_puts(out, before[layout][4]);
}

static void test_records_written_alike_are_read_as_the_walk_reads_them(void **state)
{
    (void)state;
    for (uint32_t round = 0; round < 60; round++) {
        DR_AUTO_BUF text = { 0 };
        struct dr_json_options opts = { .size = sizeof opts,
                                        .line_column = "line",
                                        .forgiving = round % 4 != 0 };
        seed = round;
        uint32_t odd = round % 5 ? 8 + below(200) : UINT32_MAX >> 8;
        for (uint32_t i = 0, n = below(150); i < n; i++)
            put_alike(&text, below(30) ? round % 3 : below(3), odd);
        compare(dr_buf_str(&text), &opts);
    }
}

static void test_a_text_cut_anywhere_is_read_the_same_in_any_pieces(void **state)
{
    (void)state;
    for (int array = 0; array < 2; array++) {
        DR_AUTO_BUF text = { 0 };
        struct dr_json_options opts = { .size = sizeof opts,
                                        .layout = array ? DR_JSON_DOCUMENT : DR_JSON_LINES };
        seed = 5;
        put_records(&text, 3, array, false);
        for (size_t n = 0; n < text.n; n += 1 + n % 3) {
            DR_AUTO_BUF exact = { 0 };
            dr_buf_append(&exact, text.p, n);
            compare(dr_buf_str(&exact), &opts);
        }
    }
}

/* What a node of jansson's says of the value at a column's place, as the table shows it. */
static void put_expected(struct dr_buf *out, const struct dr_node *record, const char *name)
{
    const struct dr_node *v = dr_node_get(record, name);
    if (!v || dr_node_kind(v) == DR_NODE_NULL)
        dr_buf_putc(out, '-');
    else if (dr_node_kind(v) == DR_NODE_INT)
        dr_buf_printf(out, "%lld", (long long)dr_node_int(v, 0));
    else if (dr_node_kind(v) == DR_NODE_BOOL)
        dr_buf_puts(out, dr_node_bool(v, 0) ? "true" : "false");
    else
        dr_buf_puts(out, dr_node_str(v, "?"));
}

static void test_cells_are_what_jansson_finds(void **state)
{
    (void)state;
    static const struct dr_json_column columns[] = { { .name = "id", .type = DR_TYPE_INT64 },
                                                     { .name = "name", .type = DR_TYPE_DICT },
                                                     { .name = "flag", .type = DR_TYPE_BOOL } };
    DR_AUTO_BUF text = { 0 };
    DR_AUTO_BUF got = { 0 };
    DR_AUTO_BUF expected = { 0 };
    struct dr_json_options opts = { .size = sizeof opts, .columns = columns, .n_columns = 3 };
    struct dr_json_tuning tuning = dr_json_tuning_default();
    DR_AUTO_ARENA a = { 0 };
    seed = 99;
    put_records(&text, 3000, false, false);
    tuning.piece = 3000;
    show_json(&got, dr_buf_str(&text), &opts, &tuning);
    dr_buf_puts(&expected, "id:int64|name:dict|flag:bool\n");
    struct dr_str rest = dr_buf_str(&text), line;
    while (dr_str_split(&rest, '\n', &line)) {
        struct dr_node *record;
        if (dr_str_trim(line).n == 0 || dr_json_parse(&a, line, "t", false, &record, NULL))
            continue;
        for (int c = 0; c < 3; c++) {
            dr_buf_puts(&expected, c ? "|" : "");
            put_expected(&expected, record, columns[c].name);
        }
        dr_buf_putc(&expected, '\n');
    }
    assert_int_equal(expected.n, got.n);
    assert_memory_equal(expected.p, got.p, got.n);
}

static int start_threads(void **state)
{
    (void)state;
    dr_pool_init(4);
    return 0;
}

static int stop_threads(void **state)
{
    (void)state;
    dr_pool_done();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces_and_instructions_do_not_matter),
        cmocka_unit_test(test_records_written_alike_are_read_as_the_walk_reads_them),
        cmocka_unit_test(test_a_text_cut_anywhere_is_read_the_same_in_any_pieces),
        cmocka_unit_test(test_cells_are_what_jansson_finds),
    };
    return cmocka_run_group_tests(tests, start_threads, stop_threads);
}
