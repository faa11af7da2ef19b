/* test_encoding.c - UTF-16 and Latin-1, alone and in CSV files. */
#include <stdlib.h>
#include "test_csv.h"

static struct dr_csv_options named(const char *encoding)
{
    return (struct dr_csv_options){ .size = sizeof(struct dr_csv_options), .encoding = encoding };
}

/* ASCII as UTF-16. */
static void put_utf16(struct dr_buf *out, const char *ascii, bool little)
{
    for (; *ascii; ascii++) {
        dr_buf_putc(out, little ? *ascii : '\0');
        dr_buf_putc(out, little ? '\0' : *ascii);
    }
}

/* Decode in pieces of every size; all must give the same. */
static void check_decoded(enum dr_encoding from, struct dr_str in, const char *expected)
{
    for (size_t piece = 1; piece <= in.n; piece++) {
        struct dr_decoder d = { .from = from };
        DR_AUTO_BUF out = { 0 };
        for (size_t at = 0; at < in.n; at += piece) {
            size_t n = in.n - at < piece ? in.n - at : piece;
            char *room = dr_buf_reserve(&out, 3 * n + 8);
            size_t got = dr_decode(&d, in.p + at, n, at + n == in.n, room);
            assert_true(got <= 3 * n + 8);
            out.n += got;
        }
        dr_buf_putc(&out, '\0');
        assert_string_equal(dr_buf_cstr(&out), expected);
    }
}

static void test_utf16_comes_out_as_utf8(void **state)
{
    (void)state;
    check_decoded(DR_ENCODING_UTF16LE, DR_LIT("a\0\xE9\0\x17\x53\x3D\xD8\x00\xDE"),
                  "a\xC3\xA9\xE5\x8C\x97\xF0\x9F\x98\x80");
    check_decoded(DR_ENCODING_UTF16BE, DR_LIT("\0a\0\xE9\x53\x17\xD8\x3D\xDE\x00"),
                  "a\xC3\xA9\xE5\x8C\x97\xF0\x9F\x98\x80");
}

static void test_unpaired_surrogates_come_out_invalid(void **state)
{
    (void)state;
    check_decoded(DR_ENCODING_UTF16LE,
                  DR_LIT("\x3D\xD8"
                         "a\0"),
                  "\xED\xA0\xBD"
                  "a");
    check_decoded(DR_ENCODING_UTF16LE, DR_LIT("a\0\x00\xDE"), "a\xED\xB8\x80");
    check_decoded(DR_ENCODING_UTF16LE, DR_LIT("a\0\x3D\xD8"), "a\xED\xA0\xBD");
    check_decoded(DR_ENCODING_UTF16LE, DR_LIT("\x3D\xD8\x3D\xD8\x00\xDE"), "\xED\xA0\xBD\xF0\x9F\x98\x80");
}

static void test_half_a_code_unit_at_the_end_comes_out_invalid(void **state)
{
    (void)state;
    check_decoded(DR_ENCODING_UTF16LE, DR_LIT("a\0b"), "a\xFF");
}

static void test_latin1_comes_out_as_utf8(void **state)
{
    (void)state;
    check_decoded(DR_ENCODING_LATIN1, DR_LIT("M\xFCller \x80"), "M\xC3\xBCller \xC2\x80");
}

static void test_windows1252_comes_out_as_utf8(void **state)
{
    (void)state;
    check_decoded(DR_ENCODING_WINDOWS1252, DR_LIT("M\xFCller \x80\x93\x9F\xA4"),
                  "M\u00fcller \u20ac\u201c\u0178\u00a4");
    check_decoded(DR_ENCODING_WINDOWS1252, DR_LIT("\x81 \x8D\x8F\x90\x9D"), "\xFF \xFF\xFF\xFF\xFF");
    struct dr_csv_options opts = named("windows-1252");
    check_csv("a,b\n\x80,1\n", &opts, "a|b\n\u20ac|1\n");
    check_csv("a,b\n\x80,1\nx,\x81\n", &opts,
              "input error: memory:3:3: byte 0xFF is not valid UTF-8, in column 'b' (is the file in another "
              "encoding, such as latin-1?): x,\\xFF\n");
}

static void test_names_of_encodings_are_known_in_any_case(void **state)
{
    (void)state;
    enum dr_encoding e;
    assert_int_equal(dr_encoding_parse("UTF-16LE", &e, NULL), 0);
    assert_int_equal(e, DR_ENCODING_UTF16LE);
    assert_int_equal(dr_encoding_parse("ISO-8859-1", &e, NULL), 0);
    assert_int_equal(e, DR_ENCODING_LATIN1);
    assert_int_equal(dr_encoding_parse(NULL, &e, NULL), 0);
    assert_int_equal(e, DR_ENCODING_AUTO);
    assert_int_equal(dr_encoding_parse("CP1252", &e, NULL), 0);
    assert_int_equal(e, DR_ENCODING_WINDOWS1252);
    assert_string_equal(dr_encoding_name(e), "windows-1252");
    assert_int_equal(dr_encoding_parse("cp1251", &e, NULL), DR_EDEF);
    assert_string_equal(dr_encoding_name(DR_ENCODING_UTF16BE), "utf-16be");
}

static void test_a_byte_order_mark_is_dropped(void **state)
{
    (void)state;
    struct dr_csv_options opts = named("utf-8");
    check_csv("\xEF\xBB\xBF"
              "a,b\n1,2\n",
              NULL, "a|b\n1|2\n");
    check_csv("\xEF\xBB\xBF\"a\",b\n1,2\n", &opts, "a|b\n1|2\n");
    check_csv("a\n\xEF\xBB\xBF"
              "1\n",
              NULL,
              "a\n\xEF\xBB\xBF"
              "1\n");
}

static void test_a_byte_order_mark_tells_utf16(void **state)
{
    (void)state;
    struct dr_csv_options opts = named("utf-16");
    for (int little = 0; little < 2; little++) {
        DR_AUTO_BUF text = { 0 };
        dr_buf_puts(&text, little ? "\xFF\xFE" : "\xFE\xFF");
        put_utf16(&text, "a,b\r\n1,\"x\r\ny\"\r\n", little);
        check_csv_bytes(dr_buf_str(&text), NULL, "a|b\n1|x\r\ny\n");
        check_csv_bytes(dr_buf_str(&text), &opts, "a|b\n1|x\r\ny\n");
    }
}

static void test_named_utf16_needs_no_mark(void **state)
{
    (void)state;
    DR_AUTO_BUF text = { 0 };
    struct dr_csv_options opts = named("utf-16be");
    put_utf16(&text, "a,b\n1,2\n", false);
    check_csv_bytes(dr_buf_str(&text), &opts, "a|b\n1|2\n");
}

static void test_utf16_without_a_mark_is_not_guessed(void **state)
{
    (void)state;
    DR_AUTO_BUF text = { 0 };
    struct dr_csv_options opts = named("utf-16");
    put_utf16(&text, "a\n", true);
    check_csv_bytes(dr_buf_str(&text), &opts,
                    "input error: memory: no byte order mark tells the byte order: set the encoding to "
                    "utf-16le or utf-16be\n");
}

static void test_an_unpaired_surrogate_is_refused_in_its_place(void **state)
{
    (void)state;
    DR_AUTO_BUF text = { 0 };
    struct dr_csv_options opts = named("utf-16le");
    put_utf16(&text, "a,b\n1,", true);
    dr_buf_append(&text, "\x3D\xD8", 2);
    put_utf16(&text, "\n", true);
    check_csv_bytes(
        dr_buf_str(&text), &opts,
        "input error: memory:2:3: an unpaired UTF-16 surrogate, or half a code unit, in column 'b': "
        "1,\\xED\\xA0\\xBD\n");
}

static void test_latin1_files_are_read(void **state)
{
    (void)state;
    struct dr_csv_options opts = named("latin-1");
    check_csv("gr\xF6\xDF"
              "e,b\n\"\xE9\",\xA7\n",
              &opts, "größe|b\né|§\n");
}

static void test_a_large_utf16_file_is_read_whole(void **state)
{
    (void)state;
    enum { ROWS = 30000 };
    DR_AUTO_BUF text = { 0 };
    DR_AUTO_BUF shown = { 0 };
    DR_AUTO_BUF expected = { 0 };
    struct dr_csv_options opts = named("utf-16le");
    struct dr_csv_tuning tuning = dr_csv_tuning_default();
    put_utf16(&text, "id,name\n", true);
    dr_buf_puts(&expected, "id|name\n");
    for (int i = 0; i < ROWS; i++) {
        char row[40];
        snprintf(row, sizeof row, "%d,name %d\n", i, i % 7);
        put_utf16(&text, row, true);
        *strchr(row, ',') = '|';
        dr_buf_puts(&expected, row);
    }
    show_csv(&shown, dr_buf_str(&text), &opts, &tuning, false);
    assert_int_equal(shown.n, expected.n);
    assert_memory_equal(shown.p, expected.p, expected.n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_utf16_comes_out_as_utf8),
        cmocka_unit_test(test_unpaired_surrogates_come_out_invalid),
        cmocka_unit_test(test_half_a_code_unit_at_the_end_comes_out_invalid),
        cmocka_unit_test(test_latin1_comes_out_as_utf8),
        cmocka_unit_test(test_windows1252_comes_out_as_utf8),
        cmocka_unit_test(test_names_of_encodings_are_known_in_any_case),
        cmocka_unit_test(test_a_byte_order_mark_is_dropped),
        cmocka_unit_test(test_a_byte_order_mark_tells_utf16),
        cmocka_unit_test(test_named_utf16_needs_no_mark),
        cmocka_unit_test(test_utf16_without_a_mark_is_not_guessed),
        cmocka_unit_test(test_an_unpaired_surrogate_is_refused_in_its_place),
        cmocka_unit_test(test_latin1_files_are_read),
        cmocka_unit_test(test_a_large_utf16_file_is_read_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
