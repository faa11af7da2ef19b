/* test_json_doc.c - JSON documents: what is read, what is refused and where, and
 * that no text, however broken, does more than fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "base/file.h"
#include "json/doc.h"
#include "data/utf8.h"

static int setup(void **state)
{
    *state = dr_json_doc_new();
    return 0;
}

static int teardown(void **state)
{
    dr_json_doc_free(*state);
    return 0;
}

/* ---- helpers ------------------------------------------------------------------------ */

/* Parse a copy that ends where readable memory does, which is freed by the next call. */
static int32_t parse_bytes(struct dr_json_doc *d, struct dr_str s, struct dr_err *err)
{
    static char *copy;
    free(copy);
    copy = dr_malloc(s.n + DR_JSON_PADDING);
    memcpy(copy, s.p, s.n);
    memset(copy + s.n, '1', DR_JSON_PADDING); /* what follows must not be taken for text */
    return dr_json_doc_parse(d, "t.json", copy, s.n, err);
}

static struct dr_json_value parse(struct dr_json_doc *d, const char *text)
{
    struct dr_err err = { 0 };
    if (parse_bytes(d, dr_str_of(text), &err))
        fail_msg("%s", err.msg);
    return dr_json_root(d);
}

static void refused(struct dr_json_doc *d, const char *text, const char *message)
{
    for (int isa = DR_JSON_SCALAR; isa <= (int)dr_json_best_isa(); isa++) {
        struct dr_err err = { 0 };
        dr_json_doc_set_isa(d, (enum dr_json_isa)isa);
        assert_int_not_equal(parse_bytes(d, dr_str_of(text), &err), DR_OK);
        assert_string_equal(err.msg, message);
        assert_int_equal(dr_json_kind(dr_json_root(d)), DR_JSON_ABSENT);
    }
}

static void text_is(struct dr_json_value v, const char *expected)
{
    struct dr_str s = dr_json_text(v);
    if (!dr_str_eq(s, dr_str_of(expected)))
        fail_msg("expected <%s>, got <%.*s>", expected, (int)s.n, s.p);
}

static struct dr_json_value member(struct dr_json_value v, const char *key)
{
    return dr_json_get(v, key, strlen(key));
}

/* ---- what is read ---------------------------------------------------------------------- */

static void test_values_of_every_kind_are_read(void **state)
{
    struct dr_json_value v = parse(
        *state, " {\"a\": [1, -0.50e+7, \"x\"], \"b\":null,\"c\" : true, \"d\":false, \"e\":{}, \"\":[]}\n");
    assert_int_equal(dr_json_kind(v), DR_JSON_OBJECT);
    assert_int_equal(dr_json_size(v), 6);
    struct dr_json_iter it = dr_json_iter(member(v, "a"));
    assert_true(dr_json_iter_next(&it));
    text_is(it.value, "1");
    assert_true(dr_json_iter_next(&it));
    assert_int_equal(dr_json_kind(it.value), DR_JSON_NUMBER);
    text_is(it.value, "-0.50e+7");
    assert_true(dr_json_iter_next(&it));
    assert_int_equal(dr_json_kind(it.value), DR_JSON_STRING);
    assert_false(dr_json_iter_next(&it));
    text_is(member(v, "b"), "null");
    assert_int_equal(dr_json_kind(member(v, "b")), DR_JSON_NULL);
    assert_int_equal(dr_json_kind(member(v, "c")), DR_JSON_TRUE);
    assert_int_equal(dr_json_kind(member(v, "d")), DR_JSON_FALSE);
    assert_int_equal(dr_json_kind(member(v, "e")), DR_JSON_OBJECT);
    assert_int_equal(dr_json_size(member(v, "e")), 0);
    assert_int_equal(dr_json_kind(member(v, "")), DR_JSON_ARRAY);
    assert_int_equal(dr_json_kind(member(v, "f")), DR_JSON_ABSENT);
    assert_int_equal(dr_json_kind(member(member(v, "f"), "g")), DR_JSON_ABSENT);
}

static void test_a_scalar_may_be_the_whole_text(void **state)
{
    text_is(parse(*state, "12"), "12");
    text_is(parse(*state, " true"), "true");
    text_is(parse(*state, "null "), "null");
    text_is(parse(*state, "\"a\""), "a");
    text_is(parse(*state, "\xEF\xBB\xBF\"after a byte order mark\""), "after a byte order mark");
}

static void test_members_are_met_in_order_and_get_finds_the_first(void **state)
{
    struct dr_json_value v = parse(*state, "{\"k\":1,\"l\":{\"k\":9},\"k\":2}");
    const char *keys[] = { "k", "l", "k" };
    int i = 0;
    for (struct dr_json_iter it = dr_json_iter(v); dr_json_iter_next(&it); i++)
        assert_true(dr_str_eq(it.key, dr_str_of(keys[i])));
    assert_int_equal(i, 3);
    text_is(member(v, "k"), "1");
}

static void test_escapes_are_replaced(void **state)
{
    text_is(parse(*state, "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), "\"\\/\b\f\n\r\t");
    text_is(parse(*state, "\"x\\u0041y\\u00e9\\u20AC\\ud83d\\ude00z\""),
            "xAy\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80z");
    struct dr_json_value v = parse(*state, "[\"\\u0000\", \"a\\\\\", {\"k\\n\": \"\\\\\\\"\"}]");
    struct dr_json_iter it = dr_json_iter(v);
    assert_true(dr_json_iter_next(&it));
    assert_int_equal(dr_json_text(it.value).n, 1);
    assert_true(dr_json_iter_next(&it));
    text_is(it.value, "a\\");
    assert_true(dr_json_iter_next(&it));
    text_is(member(it.value, "k\n"), "\\\"");
}

static void test_a_value_knows_how_it_was_written(void **state)
{
    const char *text = "{ \"a\" : [ 1 , {} ] , \"b\":\"\\u0041\", \"c\": 1.50, \"d\":\"\" }";
    struct dr_json_value v = parse(*state, text);
    const char *expected[] = { "[ 1 , {} ]", "\"\\u0041\"", "1.50", "\"\"" };
    int i = 0;
    for (struct dr_json_iter it = dr_json_iter(v); dr_json_iter_next(&it); i++) {
        size_t n = dr_json_end(it.value) - dr_json_offset(it.value);
        assert_int_equal(n, strlen(expected[i]));
        assert_memory_equal(text + dr_json_offset(it.value), expected[i], n);
    }
    assert_int_equal(i, 4);
    assert_int_equal(dr_json_end(v), strlen(text));
}

/* ---- what is refused ------------------------------------------------------------------------ */

static void test_what_is_not_json_is_refused_with_its_place(void **state)
{
    refused(*state, "", "t.json:1:1: expected a value, but the text ends here");
    refused(*state, "[1,\n 2,]", "t.json:2:4: expected a value, found ']'");
    refused(*state, "{\"a\":1,}", "t.json:1:8: expected a key in '\"', found '}'");
    refused(*state, "{a:1}", "t.json:1:2: expected a key in '\"' or '}', found 'a'");
    refused(*state, "{\"a\" 1}", "t.json:1:6: expected ':', found '1'");
    refused(*state, "[1 2]", "t.json:1:4: expected ',' or ']', found '2'");
    refused(*state, "[1}", "t.json:1:3: expected ',' or ']', found '}'");
    refused(*state, "{\"a\":1]", "t.json:1:7: expected ',' or '}', found ']'");
    refused(*state, "[\"a", "t.json:1:4: expected the '\"' that closes the string, but the text ends here");
    refused(*state, "{} {}", "t.json:1:4: expected nothing more after the value, found '{'");
    refused(*state, "[,1]", "t.json:1:2: expected a value, found ','");
    refused(*state, "['a']", "t.json:1:2: expected a value, found '''");
    refused(*state, "[\f1]", "t.json:1:2: expected a value, found byte 0x0c");
    refused(*state, "[1\x1a]", "t.json:1:3: expected ',' or ']', found byte 0x1a");
    refused(*state, "[\"a\"b]", "t.json:1:5: expected ',' or ']', found 'b'");
    refused(*state, "[1\"a\"]", "t.json:1:3: expected ',' or ']', found '\"'");
}

static void test_numbers_and_names_must_be_json_s(void **state)
{
    static const char *const bad[] = { "01",  "-",   "+1",   "1.",  ".5",       "1e",  "1e+",  "0x10",
                                       "1_0", "-01", "1a",   "NaN", "nul",      "Nan", "True", "nulll",
                                       "tru", "--1", "1.e5", "1-",  "Infinity", "-a",  "1.2.3" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[40];
        struct dr_err err;
        snprintf(text, sizeof text, "[%s]", bad[i]);
        if (parse_bytes(*state, dr_str_of(text), &err) == DR_OK)
            fail_msg("%s was read", text);
        if (parse_bytes(*state, dr_str_of(bad[i]), &err) == DR_OK)
            fail_msg("%s was read", bad[i]);
    }
}

static void test_bad_strings_are_refused_with_their_place(void **state)
{
    const char *half = "t.json:1:4: half of a surrogate pair, which is no character";
    refused(*state, "[\"a\\ud800\"]", half);
    refused(*state, "[\"a\\ud800\\u0041\"]", half);
    refused(*state, "[\"a\\udc00\"]", half);
    refused(*state, "[\"\\x\"]",
            "t.json:1:3: an escape must be one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX");
    refused(*state, "[\"\\u12g4\"]", "t.json:1:3: \\u needs four hexadecimal digits");
    refused(*state, "[\"\\u12\"]", "t.json:1:3: \\u needs four hexadecimal digits");
    refused(*state, "[\n\"ab\ncd\"]",
            "t.json:2:4: a control character (byte 0x0a) in a string must be written as \\u000a");
    refused(*state, "[\"\x01\"]",
            "t.json:1:3: a control character (byte 0x01) in a string must be written as \\u0001");
    refused(*state, "[\"a\xC3(\"]", "t.json:1:4: not valid UTF-8 (byte 0xc3)");
    refused(*state, "[\"\xED\xA0\x80\"]", "t.json:1:3: not valid UTF-8 (byte 0xed)");
}

static void test_the_first_thing_wrong_is_named(void **state)
{
    refused(*state, "[1,,\"\x01\"]", "t.json:1:4: expected a value, found ','");
    refused(*state, "[\"\x01\",,\"\xFF\"]",
            "t.json:1:3: a control character (byte 0x01) in a string must be written as \\u0001");
}

static void test_nesting_has_a_limit(void **state)
{
    struct dr_err err;
    char text[2 * DR_JSON_DEPTH + 3];
    for (int depth = DR_JSON_DEPTH; depth <= DR_JSON_DEPTH + 1; depth++) {
        memset(text, '[', (size_t)depth);
        memset(text + depth, ']', (size_t)depth);
        struct dr_str s = { text, 2 * (size_t)depth };
        assert_int_equal(parse_bytes(*state, s, &err), depth > DR_JSON_DEPTH ? DR_ELIMIT : DR_OK);
    }
    assert_string_equal(err.msg, "t.json:1:513: nested more than 512 deep");
}

static void test_a_very_long_number_is_refused(void **state)
{
    struct dr_err err;
    DR_AUTO_FREE char *digits = dr_malloc(DR_JSON_NUMBER_MAX + 1);
    memset(digits, '7', DR_JSON_NUMBER_MAX + 1);
    struct dr_str s = { digits, DR_JSON_NUMBER_MAX };
    assert_int_equal(parse_bytes(*state, s, &err), DR_OK);
    assert_int_equal(dr_json_text(dr_json_root(*state)).n, DR_JSON_NUMBER_MAX);
    s.n++;
    assert_int_equal(parse_bytes(*state, s, &err), DR_ELIMIT);
}

/* ---- every text, cut anywhere ------------------------------------------------------------------ */

static const char sample[] =
    "{\"resourceType\": \"Patient\", \"na\\u006de\": [{\"family\": \"M\\u00fcller \\ud83d\\ude00\", "
    "\"given\":\n"
    "[\"J\xC3\xB6rg\", \"\xE2\x82\xAC \xF0\x9F\x98\x80\", \"\"]}], \"n\": [0, -1, 2.50, 1e10, "
    "12345678901234567890],\n"
    "\"t\": true, \"f\": false, \"z\": null, \"e\": [[], {}, [[{}]]], \"long\": "
    "\"0123456789012345678901234567890123"
    "456789012345678901234567890123456789012345678901234567890123456789 \\\\\\\" \\\\\\\\\"}";

static void test_a_text_cut_at_any_byte_is_refused(void **state)
{
    struct dr_err err;
    for (int isa = DR_JSON_SCALAR; isa <= (int)dr_json_best_isa(); isa++) {
        dr_json_doc_set_isa(*state, (enum dr_json_isa)isa);
        for (size_t n = 0; n < sizeof sample - 1; n++)
            assert_int_equal(parse_bytes(*state, (struct dr_str){ sample, n }, &err), DR_EINPUT);
        assert_int_equal(parse_bytes(*state, (struct dr_str){ sample, sizeof sample - 1 }, &err), DR_OK);
    }
}

/* However the text lies in words and windows, each string and number is found whole. */
static void test_every_alignment_gives_the_same_document(void **state)
{
    size_t n = sizeof sample - 1;
    for (size_t shift = 0; shift < 130; shift++) {
        DR_AUTO_BUF text = { 0 };
        for (size_t i = 0; i < shift; i++)
            dr_buf_putc(&text, ' ');
        dr_buf_append(&text, sample, n);
        for (int isa = DR_JSON_SCALAR; isa <= (int)dr_json_best_isa(); isa++) {
            struct dr_err err = { 0 };
            dr_json_doc_set_isa(*state, (enum dr_json_isa)isa);
            assert_int_equal(parse_bytes(*state, dr_buf_str(&text), &err), DR_OK);
            struct dr_json_value v = dr_json_root(*state);
            struct dr_json_iter name = dr_json_iter(member(v, "name"));
            assert_true(dr_json_iter_next(&name));
            text_is(member(name.value, "family"), "M\xC3\xBCller \xF0\x9F\x98\x80");
            assert_int_equal(dr_json_size(member(v, "n")), 5);
            assert_int_equal(dr_json_text(member(v, "long")).n, 100 + 1 + 2 + 1 + 2);
        }
    }
}

static void test_offsets_agree_across_windows(void **state)
{
    DR_AUTO_BUF text = { 0 };
    struct dr_err err = { 0 };
    dr_buf_putc(&text, '[');
    for (int i = 0; i < 20000; i++)
        dr_buf_printf(&text, "%s{\"id\": %d, \"name\": \"\xC3\xA9\\n%d\"}", i ? ",\n" : "", i, i * 7);
    dr_buf_putc(&text, ']');
    for (int isa = DR_JSON_SCALAR; isa <= (int)dr_json_best_isa(); isa++) {
        dr_json_doc_set_isa(*state, (enum dr_json_isa)isa);
        assert_int_equal(parse_bytes(*state, dr_buf_str(&text), &err), DR_OK);
        int i = 0;
        for (struct dr_json_iter it = dr_json_iter(dr_json_root(*state)); dr_json_iter_next(&it); i++) {
            char expected[40];
            snprintf(expected, sizeof expected, "%d", i);
            text_is(member(it.value, "id"), expected);
            snprintf(expected, sizeof expected, "\xC3\xA9\n%d", i * 7);
            text_is(member(it.value, "name"), expected);
        }
        assert_int_equal(i, 20000);
    }
}

static void test_utf8_is_judged_as_the_plain_way_does(void **state)
{
    (void)state;
    static const unsigned char edges[] = { 0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0,
                                           0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC,
                                           0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5 };
    uint32_t seed = 7;
    char text[100];
    for (int round = 0; round < 400000; round++) {
        size_t n = 1 + (size_t)round % 99, at = (size_t)round % n;
        memset(text, 'x', sizeof text);
        for (size_t i = at; i < n && i < at + 5; i++) {
            seed = seed * 1664525u + 1013904223u;
            text[i] = (char)edges[(seed >> 16) % sizeof edges];
        }
        struct dr_str s = { text, n };
        assert_int_equal(dr_utf8_valid_wide(dr_json_best_isa() == DR_JSON_AVX2, text, n), dr_utf8_valid(s));
    }
}

/* A gigabyte that takes a megabyte of memory: the same pages again and again. */
static void test_a_string_of_a_gigabyte_is_read(void **state)
{
    enum { MIB = 1 << 20, TIMES = 1024 };
    size_t n = (size_t)MIB * TIMES;
    int fd = memfd_create("json", MFD_CLOEXEC);
    char *text =
        mmap(NULL, n + MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (fd < 0 || text == MAP_FAILED)
        skip();
    assert_int_equal(ftruncate(fd, MIB), 0);
    for (size_t i = 0; i < TIMES; i++)
        assert_ptr_equal(mmap(text + i * MIB, MIB, PROT_READ | PROT_WRITE,
                              (i ? MAP_SHARED : MAP_PRIVATE) | MAP_FIXED, fd, 0),
                         text + i * MIB);
    memset(text + MIB, 'a', MIB);
    memset(text, 'a', MIB);
    text[0] = '"';
    text[n] = '"';
    struct dr_err err = { 0 };
    assert_int_equal(dr_json_doc_parse(*state, "t.json", text, n + 1, &err), DR_OK);
    assert_int_equal(dr_json_text(dr_json_root(*state)).n, n - 1);
    assert_int_equal(dr_json_end(dr_json_root(*state)), n + 1);
    assert_int_equal(dr_json_doc_parse(*state, "t.json", text, n, &err), DR_EINPUT);
    munmap(text, n + MIB);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_values_of_every_kind_are_read, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_scalar_may_be_the_whole_text, setup, teardown),
        cmocka_unit_test_setup_teardown(test_members_are_met_in_order_and_get_finds_the_first, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_escapes_are_replaced, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_value_knows_how_it_was_written, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_not_json_is_refused_with_its_place, setup, teardown),
        cmocka_unit_test_setup_teardown(test_numbers_and_names_must_be_json_s, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_strings_are_refused_with_their_place, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_first_thing_wrong_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nesting_has_a_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_very_long_number_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_text_cut_at_any_byte_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_every_alignment_gives_the_same_document, setup, teardown),
        cmocka_unit_test_setup_teardown(test_offsets_agree_across_windows, setup, teardown),
        cmocka_unit_test_setup_teardown(test_utf8_is_judged_as_the_plain_way_does, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_string_of_a_gigabyte_is_read, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
