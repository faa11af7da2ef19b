/* test_csv_packed.c - CSV files compressed with gzip or zstd: known by their
 * first bytes, read as if they were not, refused where they are damaged. */
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>
#include "base/file.h"
#include "data/codec.h"
#include "data/stream.h"
#include "test_csv.h"

static void pack_gzip(struct dr_str text, struct dr_buf *out)
{
    enum { GZIP = 16 };
    z_stream z = { 0 };
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, GZIP + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    size_t room = deflateBound(&z, text.n) + 64;
    char *to = dr_buf_reserve(out, room);
    z.next_in = (Bytef *)(uintptr_t)text.p;
    z.avail_in = (uInt)text.n;
    z.next_out = (Bytef *)to;
    z.avail_out = (uInt)room;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    out->n += room - z.avail_out;
    deflateEnd(&z);
}

static void pack_zstd(struct dr_str text, struct dr_buf *out)
{
    size_t room = ZSTD_compressBound(text.n);
    size_t n = ZSTD_compress(dr_buf_reserve(out, room), room, text.p, text.n, 3);
    assert_false(ZSTD_isError(n));
    out->n += n;
}

typedef void (*pack_fn)(struct dr_str text, struct dr_buf *out);
static const pack_fn packers[] = { pack_gzip, pack_zstd };
static const char *const names[] = { "gzip", "zstd" };
enum { PACKERS = 2 };

static void test_compressed_text_is_read_as_if_it_were_not(void **state)
{
    (void)state;
    DR_AUTO_BUF text = { 0 };
    DR_AUTO_BUF expected = { 0 };
    dr_buf_puts(&text, "\xEF\xBB\xBF"
                       "a,b\n");
    dr_buf_puts(&expected, "a|b\n");
    for (int i = 0; i < 3000; i++) {
        dr_buf_printf(&text, "%d,\"x,%d\"\n", i, i % 7);
        dr_buf_printf(&expected, "%d|x,%d\n", i, i % 7);
    }
    for (int k = 0; k < PACKERS; k++) {
        DR_AUTO_BUF packed = { 0 };
        packers[k](dr_buf_str(&text), &packed);
        assert_true(packed.n < text.n);
        DR_AUTO_BUF shown = { 0 };
        struct dr_csv_tuning tuning = dr_csv_tuning_default();
        show_csv(&shown, dr_buf_str(&packed), NULL, &tuning, false);
        assert_string_equal(dr_buf_cstr(&shown), dr_buf_cstr(&expected));
    }
}

static void test_members_and_frames_follow_each_other(void **state)
{
    (void)state;
    for (int k = 0; k < PACKERS; k++) {
        DR_AUTO_BUF packed = { 0 };
        packers[k](DR_LIT("a,b\n1,"), &packed);
        packers[k](DR_LIT(""), &packed);
        packers[k](DR_LIT("2\n3,4\n"), &packed);
        check_csv_bytes(dr_buf_str(&packed), NULL, "a|b\n1|2\n3|4\n");
        if (k == 0) {
            dr_buf_append(&packed, "\0\0\0", 3); /* padding */
            check_csv_bytes(dr_buf_str(&packed), NULL, "a|b\n1|2\n3|4\n");
        }
    }
}

/* Errors name line and column of the text, and other encodings are decoded. */
static void test_what_is_inside_is_a_csv_like_any_other(void **state)
{
    (void)state;
    struct dr_csv_options latin = { .size = sizeof latin, .encoding = "latin-1" };
    for (int k = 0; k < PACKERS; k++) {
        DR_AUTO_BUF bad = { 0 };
        DR_AUTO_BUF encoded = { 0 };
        DR_AUTO_BUF empty = { 0 };
        packers[k](DR_LIT("a,b\n1,2\n3,4\"\n"), &bad);
        packers[k](DR_LIT("a\nM\xFCller\n"), &encoded);
        packers[k](DR_LIT(""), &empty);
        check_csv_bytes(
            dr_buf_str(&bad), NULL,
            "input error: memory:3:4: a quote inside a field that does not start with one: 3,4\"\n");
        check_csv_bytes(dr_buf_str(&encoded), &latin, "a\nMüller\n");
        check_csv_bytes(
            dr_buf_str(&empty), NULL,
            "input error: memory: the file is empty; a header line with the names of the columns is "
            "expected\n");
    }
}

static void make_packed(int k, struct dr_buf *packed)
{
    DR_AUTO_BUF text = { 0 };
    dr_buf_puts(&text, "a,b\n");
    for (int i = 0; i < 300; i++)
        dr_buf_printf(&text, "%d,%d\n", i * 7919 % 1000, i);
    packers[k](dr_buf_str(&text), packed);
}

static void test_data_cut_off_anywhere_is_an_error(void **state)
{
    (void)state;
    for (int k = 0; k < PACKERS; k++) {
        DR_AUTO_BUF packed = { 0 };
        DR_AUTO_BUF expected = { 0 };
        make_packed(k, &packed);
        dr_buf_printf(&expected, "input error: memory: the %s data is cut off; was the file copied whole?\n",
                      names[k]);
        for (size_t n = 4; n < packed.n; n += 3) {
            DR_AUTO_BUF shown = { 0 };
            struct dr_csv_tuning tuning = dr_csv_tuning_default();
            show_csv(&shown, (struct dr_str){ packed.p, n }, NULL, &tuning, false);
            assert_string_equal(dr_buf_cstr(&shown), dr_buf_cstr(&expected));
        }
    }
}

/* Checksums of gzip, and of the structure of zstd, find most of it; what they do
 * not find is read. Either way nothing breaks. */
static void test_damaged_data_is_an_error_or_other_text(void **state)
{
    (void)state;
    for (int k = 0; k < PACKERS; k++) {
        DR_AUTO_BUF packed = { 0 };
        int errors = 0;
        make_packed(k, &packed);
        for (size_t i = 12; i < packed.n; i += 7) {
            DR_AUTO_BUF shown = { 0 };
            struct dr_csv_tuning tuning = dr_csv_tuning_default();
            packed.p[i] = (char)(packed.p[i] ^ 0x5A);
            show_csv(&shown, dr_buf_str(&packed), NULL, &tuning, false);
            errors += strstr(dr_buf_cstr(&shown), "data is") != NULL;
            packed.p[i] = (char)(packed.p[i] ^ 0x5A);
        }
        assert_true(errors > 3);
    }
}

static void test_bytes_after_the_last_member_are_damage(void **state)
{
    (void)state;
    for (int k = 0; k < PACKERS; k++) {
        DR_AUTO_BUF packed = { 0 };
        DR_AUTO_BUF expected = { 0 };
        packers[k](DR_LIT("a,b\n1,2\n"), &packed);
        dr_buf_puts(&packed, "and more text");
        dr_buf_printf(&expected, "input error: memory: the %s data is damaged; was the file copied whole?\n",
                      names[k]);
        check_csv_bytes(dr_buf_str(&packed), NULL, dr_buf_cstr(&expected));
    }
}

/* A few kilobytes that expand to many megabytes are read in pieces: the limit on
 * a record stops them, whatever they would come to. */
static void test_a_bomb_meets_the_limit_of_a_record(void **state)
{
    (void)state;
    enum { MEGABYTES = 32 };
    struct dr_csv_options opts = { .size = sizeof opts, .max_record = 1 << 20 };
    DR_AUTO_BUF text = { 0 };
    dr_buf_puts(&text, "a\n");
    memset(dr_buf_reserve(&text, (size_t)MEGABYTES << 20), 'x', (size_t)MEGABYTES << 20);
    text.n += (size_t)MEGABYTES << 20;
    for (int k = 0; k < PACKERS; k++) {
        DR_AUTO_BUF packed = { 0 };
        DR_AUTO_BUF shown = { 0 };
        struct dr_csv_tuning tuning = dr_csv_tuning_default();
        packers[k](dr_buf_str(&text), &packed);
        assert_true(packed.n < 100000);
        show_csv(&shown, dr_buf_str(&packed), &opts, &tuning, false);
        assert_string_equal(
            dr_buf_cstr(&shown),
            "limit error: memory:2: a record longer than the limit of 1048576 bytes; is this a "
            "CSV file?\n");
    }
}

static void test_a_compressed_file_needs_no_ending_that_says_so(void **state)
{
    (void)state;
    char path[] = "/tmp/dagrun_csv_packed_XXXXXX";
    int fd = mkstemp(path);
    DR_AUTO_BUF packed = { 0 };
    struct dr_table *t;
    assert_true(fd >= 0);
    make_packed(1, &packed);
    assert_int_equal(write(fd, packed.p, packed.n), packed.n);
    close(fd);
    struct dr_csv_options opts = { .size = sizeof opts, .infer = 1 };
    assert_int_equal(dr_table_read_csv(path, &opts, &t, NULL, NULL), 0);
    assert_int_equal(t->rows, 300);
    assert_int_equal(t->columns[1]->type, DR_TYPE_INT64);
    dr_table_unref(t);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_compressed_text_is_read_as_if_it_were_not),
        cmocka_unit_test(test_members_and_frames_follow_each_other),
        cmocka_unit_test(test_what_is_inside_is_a_csv_like_any_other),
        cmocka_unit_test(test_data_cut_off_anywhere_is_an_error),
        cmocka_unit_test(test_damaged_data_is_an_error_or_other_text),
        cmocka_unit_test(test_bytes_after_the_last_member_are_damage),
        cmocka_unit_test(test_a_bomb_meets_the_limit_of_a_record),
        cmocka_unit_test(test_a_compressed_file_needs_no_ending_that_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
