/* YAML to value trees and back. */
#include "model_fixture.h"
#include <math.h>
#include "base/json.h"
#include "model/yaml.h"

static const struct dr_node *parse_bytes(struct fixture *f, const char *p, size_t n)
{
    return dr_yaml_parse(&f->a, (struct dr_str){ p, n }, "x.yaml", &f->d);
}

static const struct dr_node *parse(struct fixture *f, const char *text)
{
    return parse_bytes(f, text, strlen(text));
}

static void assert_refused(struct fixture *f, const char *text, const char *message)
{
    assert_null(parse(f, text));
    assert_shows(f, message);
}

/* What the plain scalar is, as JSON would show its kind: "int 5". */
static void assert_scalar(struct fixture *f, const char *text, int32_t kind, int64_t i, double v)
{
    const struct dr_node *n = dr_node_get(parse(f, dr_arena_printf(&f->a, "k: %s\n", text)), "k");
    if (!n)
        fail_msg("'%s' was refused: %s", text, shown(f));
    if (n->kind != kind)
        fail_msg("'%s' has kind %d, not %d", text, (int)n->kind, (int)kind);
    if (kind == DR_NODE_INT || kind == DR_NODE_BOOL)
        assert_int_equal(n->i, i);
    if (kind == DR_NODE_FLOAT && !(isnan(v) && isnan(n->f)))
        assert_true(n->f == v);
    assert_string_equal(n->text.p, text);
}

static void plain_scalars_follow_the_core_schema(void **state)
{
    struct fixture *f = *state;
    static const char *const texts[] = { "2024-01-01", "10s", "no",  "on",   "yes", "0b1",
                                         "1_000",      "1e",  "-",   "0x",   "0o8", "1.2.3",
                                         "12:30",      "nan", "inf", "tRue", "0xZ" };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (strcmp(texts[i], "-") != 0)
            assert_scalar(f, texts[i], DR_NODE_STRING, 0, 0);
    assert_scalar(f, "~", DR_NODE_NULL, 0, 0);
    assert_scalar(f, "null", DR_NODE_NULL, 0, 0);
    assert_scalar(f, "", DR_NODE_NULL, 0, 0);
    assert_scalar(f, "true", DR_NODE_BOOL, 1, 0);
    assert_scalar(f, "FALSE", DR_NODE_BOOL, 0, 0);
    assert_scalar(f, "012", DR_NODE_INT, 12, 0);
    assert_scalar(f, "-5", DR_NODE_INT, -5, 0);
    assert_scalar(f, "0x1F", DR_NODE_INT, 31, 0);
    assert_scalar(f, "0o17", DR_NODE_INT, 15, 0);
    assert_scalar(f, "9223372036854775807", DR_NODE_INT, INT64_MAX, 0);
    assert_scalar(f, ".5", DR_NODE_FLOAT, 0, 0.5);
    assert_scalar(f, "5.", DR_NODE_FLOAT, 0, 5.0);
    assert_scalar(f, "1e3", DR_NODE_FLOAT, 0, 1000.0);
    assert_scalar(f, "-1.5E-2", DR_NODE_FLOAT, 0, -0.015);
    assert_scalar(f, ".inf", DR_NODE_FLOAT, 0, (double)INFINITY);
    assert_scalar(f, "-.INF", DR_NODE_FLOAT, 0, -(double)INFINITY);
    assert_scalar(f, ".nan", DR_NODE_FLOAT, 0, (double)NAN);
}

static void quoted_scalars_are_text(void **state)
{
    struct fixture *f = *state;
    const struct dr_node *n = parse(f, "[\"5\", 'true', \"\", !!str 7, |\n  null\n]");
    assert_null(n); /* a block scalar has no place in brackets */
    f->d = (struct dr_diags){ .arena = &f->a };
    n = parse(f, "- \"5\"\n- 'true'\n- ''\n- !!str 7\n- |\n  null\n");
    assert_int_equal(dr_node_size(n), 5);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(dr_node_kind(dr_node_at(n, i)), DR_NODE_STRING);
        assert_true(dr_node_at(n, i)->quoted);
    }
    assert_string_equal(dr_node_str(dr_node_at(n, 4), ""), "null\n");
}

static void a_number_that_does_not_fit_is_refused(void **state)
{
    struct fixture *f = *state;
    assert_refused(f, "k: 9223372036854775808\n",
                   "x.yaml:1:4: error: the number 9223372036854775808 does not fit");
    assert_refused(f, "k: 1e999\n", "does not fit 64 bits");
}

static void marks_count_lines_and_columns_from_one(void **state)
{
    struct fixture *f = *state;
    const struct dr_node *n = parse(f, "\xef\xbb\xbf# comment\na:\n  b\xc3\xa9: \"x\"\n");
    const struct dr_node *a = dr_node_get(n, "a");
    assert_int_equal(n->key_marks[0].line, 2);
    assert_int_equal(n->key_marks[0].column, 1);
    assert_int_equal(a->items[0]->mark.line, 3);
    assert_int_equal(a->items[0]->mark.column, 7);
    assert_string_equal(a->items[0]->mark.file, "x.yaml");
}

static void every_duplicate_key_is_named_with_both_places(void **state)
{
    struct fixture *f = *state;
    assert_null(parse(f, "a: 1\nb: {c: 1, c: 2}\na: 3\n"));
    assert_shows(f, "x.yaml:3:1: error: the key 'a' stands twice; first at line 1, column 1");
    assert_shows(f, "x.yaml:2:11: error: the key 'c' stands twice; first at line 2, column 5");
}

static void aliases_share_and_merge_keys_give_way_to_written_ones(void **state)
{
    struct fixture *f = *state;
    const struct dr_node *n = parse(f, "base: &b {x: 1, y: 2}\nother: &o {y: 5, z: 6}\n"
                                       "one: {<<: *b, y: 3}\ntwo: {<<: [*o, *b]}\nsame: *b\n");
    assert_non_null(n);
    assert_int_equal(dr_node_int(dr_node_get(dr_node_get(n, "one"), "x"), 0), 1);
    assert_int_equal(dr_node_int(dr_node_get(dr_node_get(n, "one"), "y"), 0), 3);
    assert_int_equal(dr_node_int(dr_node_get(dr_node_get(n, "two"), "y"), 0), 5);
    assert_int_equal(dr_node_size(dr_node_get(n, "two")), 3);
    assert_true(dr_node_equal(dr_node_get(n, "same"), dr_node_get(n, "base")));
}

static void an_alias_bomb_is_refused(void **state)
{
    struct fixture *f = *state;
    DR_AUTO_BUF b = { 0 };
    dr_buf_puts(&b, "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
    for (int i = 1; i < 9; i++) {
        dr_buf_printf(&b, "a%d: &a%d [", i, i);
        for (int k = 0; k < 10; k++)
            dr_buf_printf(&b, "%s*a%d", k ? "," : "", i - 1);
        dr_buf_puts(&b, "]\n");
    }
    assert_null(parse_bytes(f, b.p, b.n));
    assert_shows(f, "more than 200000 values");
}

static void an_alias_within_itself_is_refused(void **state)
{
    struct fixture *f = *state;
    assert_refused(f, "&a [1, *a]\n", "'*a' contains itself");
    assert_refused(f, "x: *.csv\n", "in quotes");
    assert_refused(f, "x: *nowhere\n", "no anchor '&nowhere'");
}

static void depth_is_limited_also_through_aliases(void **state)
{
    struct fixture *f = *state;
    char deep[400];
    memset(deep, '[', 200);
    memset(deep + 200, ']', 200);
    assert_null(parse_bytes(f, deep, 400));
    assert_shows(f, "nested more than 64 deep");
    f->d = (struct dr_diags){ .arena = &f->a };
    DR_AUTO_BUF b = { 0 };
    dr_buf_puts(&b, "a0: &a0 [1]\n");
    for (int i = 1; i < 80; i++)
        dr_buf_printf(&b, "a%d: &a%d [*a%d]\n", i, i, i - 1);
    assert_null(parse_bytes(f, b.p, b.n));
    assert_shows(f, "nested more than 64 deep");
}

static void a_second_document_is_refused(void **state)
{
    struct fixture *f = *state;
    assert_refused(f, "a: 1\n---\nb: 2\n", "x.yaml:2:1: error: a second document");
}

static void an_empty_document_is_null(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(parse(f, "")->kind, DR_NODE_NULL);
    assert_int_equal(parse(f, "# nothing\n")->kind, DR_NODE_NULL);
    assert_int_equal(parse(f, "---\n")->kind, DR_NODE_NULL);
}

static void bytes_that_are_no_text_are_refused_with_their_place(void **state)
{
    struct fixture *f = *state;
    assert_refused(f, "a: 1\nb: \xff\n", "x.yaml:2:4: error: the byte 0xff is not UTF-8");
    assert_null(parse_bytes(f, "a: 1\nb: \0\n", 10));
    assert_shows(f, "x.yaml:2:4: error: a NUL byte");
    assert_null(parse_bytes(f,
                            "\xff\xfe"
                            "a\0",
                            4));
    assert_shows(f, "UTF-16");
    assert_refused(f, "a: \x01\n", "x.yaml:1:4: error: a control character");
    assert_refused(f, "a: \"\\0\"\n", "NUL character");
}

static void syntax_errors_say_what_to_do(void **state)
{
    struct fixture *f = *state;
    assert_refused(f, "a:\n\tb: 1\n", "x.yaml:2:1: error: a tab is used to indent");
    assert_refused(f, "a: @x\n", "x.yaml:1:4: error: a value cannot start with '@'");
    assert_refused(f, "a: b: c\n", "a ':' cannot stand here");
    assert_refused(f, "a: [1, 2\nb: 3\n", "expected ',' or ']'");
    assert_refused(f, "a: {b: 1\n", "expected ',' or '}'");
    assert_refused(f, "a: \"open\n", "the file ends inside quoted text");
    assert_refused(f, "a: \"\\d\"\n", "use single quotes");
    assert_refused(f, "a: 1\n b: 2\n", "x.yaml:2:");
    assert_refused(f, "a:\n  - 1\n - 2\n", "x.yaml:3:2: error: ");
    assert_refused(f, "a: 1\nword\n", "a key without ':'");
}

static void keys_must_be_words(void **state)
{
    struct fixture *f = *state;
    assert_refused(f, "{a: 1}: 2\n", "a key must be a word");
    assert_refused(f, "? [a]\n: 2\n", "a key must be a word");
    assert_refused(f, ": 2\n", "expected a key");
    assert_refused(f, "?\n: 2\n", "expected a key before ':'");
    assert_string_equal(dr_node_key(parse(f, "5: x\n"), 0), "5");
}

static void unknown_tags_are_refused(void **state)
{
    struct fixture *f = *state;
    assert_refused(f, "a: !python/object x\n", "the tag '!python/object' is unknown");
    assert_refused(f, "a: !!int x\n", "the tag 'int'");
    assert_int_equal(dr_node_kind(dr_node_get(parse(f, "a: !!float 1\n"), "a")), DR_NODE_FLOAT);
}

static void a_large_map_is_read_quickly_and_whole(void **state)
{
    struct fixture *f = *state;
    DR_AUTO_BUF b = { 0 };
    for (int i = 0; i < 50000; i++)
        dr_buf_printf(&b, "k%d: %d\n", i, i);
    const struct dr_node *n = parse_bytes(f, b.p, b.n);
    assert_int_equal(dr_node_size(n), 50000);
    assert_int_equal(dr_node_int(dr_node_get(n, "k49999"), 0), 49999);
}

static void a_file_that_is_not_there_is_an_error_without_a_line(void **state)
{
    struct fixture *f = *state;
    assert_null(dr_yaml_load(&f->a, dr_path_join(&f->a, f->dir, "none.yaml"), "none.yaml", &f->d));
    assert_int_equal(f->d.items[0].mark.line, 0);
    assert_string_equal(f->d.items[0].mark.file, "none.yaml");
}

static void what_is_written_reads_back_equal(void **state)
{
    struct fixture *f = *state;
    const struct dr_node *n = parse(
        f,
        "a: [1, -2.5, 5.0, .inf, true, ~, 'true', '5', '', ' x ', \"a\\nb\\t\\\"\\\\\", '<<', '-', 'x: y', "
        "'# no', 2024-01-01, \"\\x01\\u2028\\uFEFF\", \xc3\xa9, [], {}]\n"
        "'null': {'': 1, 'a b': [[1], [{x: [2]}]], '?': {}}\n"
        "deep:\n- - - 1\n    - a: 2\n      b: [3]\n");
    assert_non_null(n);
    dr_yaml_put_node(&f->text, n, 0);
    DR_AUTO_BUF copy = { 0 };
    dr_buf_append(&copy, f->text.p, f->text.n);
    const struct dr_node *back = parse_bytes(f, copy.p, copy.n);
    if (!back || !dr_node_equal(n, back))
        fail_msg("not equal:\n%s\n%s", dr_buf_cstr(&copy), shown(f));
    assert_int_equal(dr_node_kind(dr_node_at(dr_node_get(back, "a"), 2)), DR_NODE_FLOAT);
}

static void long_keys_read_back_too(void **state)
{
    struct fixture *f = *state;
    char *key = dr_arena_alloc(&f->a, 3001);
    memset(key, 'k', 3000);
    struct dr_node *n = dr_node_new(&f->a, DR_NODE_MAP);
    dr_node_set(&f->a, n, dr_str_of(key), dr_node_new_int(&f->a, 1));
    dr_yaml_put_node(&f->text, n, 0);
    DR_AUTO_BUF copy = { 0 };
    dr_buf_append(&copy, f->text.p, f->text.n);
    assert_true(dr_node_equal(n, parse_bytes(f, copy.p, copy.n)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(plain_scalars_follow_the_core_schema),
        TEST(quoted_scalars_are_text),
        TEST(a_number_that_does_not_fit_is_refused),
        TEST(marks_count_lines_and_columns_from_one),
        TEST(every_duplicate_key_is_named_with_both_places),
        TEST(aliases_share_and_merge_keys_give_way_to_written_ones),
        TEST(an_alias_bomb_is_refused),
        TEST(an_alias_within_itself_is_refused),
        TEST(depth_is_limited_also_through_aliases),
        TEST(a_second_document_is_refused),
        TEST(an_empty_document_is_null),
        TEST(bytes_that_are_no_text_are_refused_with_their_place),
        TEST(syntax_errors_say_what_to_do),
        TEST(keys_must_be_words),
        TEST(unknown_tags_are_refused),
        TEST(a_large_map_is_read_quickly_and_whole),
        TEST(a_file_that_is_not_there_is_an_error_without_a_line),
        TEST(what_is_written_reads_back_equal),
        TEST(long_keys_read_back_too),
    };
    return cmocka_run_group_tests_name("yaml", tests, NULL, NULL);
}
