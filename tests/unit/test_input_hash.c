/* test_input_hash.c - the hash of a file by those who read it is that of the file. */
#include <fcntl.h>
#include <unistd.h>
#include "base/file.h"
#include "csv/reader.h"
#include "data/pool.h"
#include "random_table.h"
#include "test_csv.h"

static char path[] = "test_input_hash_XXXXXX";

static void write_file(struct dr_str text)
{
    int fd = open(path, O_WRONLY | O_TRUNC);
    assert_true(fd >= 0);
    assert_int_equal(text.n, write(fd, text.p, text.n));
    close(fd);
}

/* Line ends in quotes: threads guess wrongly where records start. */
static void put_records(uint64_t *s, struct dr_buf *text)
{
    if (random_below(s, 2))
        dr_buf_puts(text, "\xEF\xBB\xBF");
    dr_buf_puts(text, "a,b\n");
    for (int64_t n = random_below(s, 3000); n > 0; n--)
        dr_buf_puts(text, random_below(s, 3) ? "1,x\n" : "2,\"y\nz\n\"\n");
}

static struct dr_reader *open_hashed(uint64_t *s)
{
    static const size_t pieces[] = { 1, 7, 100, 999, 512 << 10 };
    struct dr_err err = { 0 };
    struct dr_input in;
    struct dr_csv_options opts = { .size = sizeof opts };
    struct dr_csv_tuning tuning = dr_csv_tuning_default();
    struct dr_reader *r = NULL;
    tuning.piece = pieces[random_below(s, 5)];
    tuning.window_rows = random_below(s, 20);
    tuning.round = 1 + (int32_t)random_below(s, 9);
    tuning.path = random_below(s, 4) ? DR_CSV_PATH_FAST : DR_CSV_PATH_LIBCSV;
    assert_int_equal(DR_OK, dr_input_open(&in, path, NULL, &err));
    dr_input_hash(&in);
    assert_int_equal(DR_OK, dr_csv_open_input(&in, &opts, &tuning, NULL, NULL, &r, &err));
    return r;
}

static int32_t read_all(struct dr_reader *r)
{
    struct dr_err err = { 0 };
    struct dr_table *batch;
    int32_t rc;
    while ((rc = r->next(r, &batch, &err)) == DR_OK && batch)
        dr_table_unref(batch);
    return rc;
}

static void threads_that_read_a_file_hash_it(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        uint64_t s = seed, size;
        char expected[DR_HASH_HEX], hash[DR_HASH_HEX];
        struct dr_err err = { 0 };
        DR_AUTO_BUF text = { 0 };
        put_records(&s, &text);
        write_file(dr_buf_str(&text));
        assert_int_equal(DR_OK, dr_hash_file(path, expected, &size, &err));
        dr_pool_init(1 + (int32_t)random_below(&s, 4));
        struct dr_reader *r = open_hashed(&s);
        assert_false(r->hash(r, hash));
        assert_int_equal(DR_OK, read_all(r));
        assert_true(r->hash(r, hash));
        assert_string_equal(expected, hash);
        dr_reader_close(r);
        dr_pool_done();
    }
}

/* Whoever waits for bytes that do not come is told so. */
static void a_file_that_shrinks_has_no_hash(void **state)
{
    (void)state;
    dr_pool_init(3);
    for (uint64_t seed = 1; seed <= 10; seed++) {
        uint64_t s = seed;
        char hash[DR_HASH_HEX];
        DR_AUTO_BUF text = { 0 };
        dr_buf_puts(&text, "a,b\n");
        for (int i = 0; i < 5000; i++)
            dr_buf_puts(&text, "1,x\n");
        write_file(dr_buf_str(&text));
        struct dr_reader *r = open_hashed(&s);
        assert_int_equal(0, truncate(path, 4 + 4 * random_below(&s, 2000)));
        assert_int_equal(DR_EINPUT, read_all(r));
        assert_false(r->hash(r, hash));
        dr_reader_close(r);
    }
    dr_pool_done();
}

static void what_is_not_read_as_it_lies_there_is_not_hashed(void **state)
{
    (void)state;
    struct dr_err err = { 0 };
    struct dr_csv_options opts = { .size = sizeof opts, .encoding = "latin-1" };
    struct dr_reader *r = NULL;
    write_file(DR_LIT("a,b\n1,2\n"));
    assert_int_equal(DR_OK, dr_csv_open_hashed(path, &opts, NULL, &r, &err));
    assert_null(r->hash);
    dr_reader_close(r);
    opts.encoding = NULL;
    assert_int_equal(DR_OK, dr_csv_open(path, &opts, NULL, &r, &err));
    assert_null(r->hash);
    dr_reader_close(r);
}

static int make_file(void **state)
{
    (void)state;
    const char *folder = getenv("TMPDIR");
    if (chdir(folder ? folder : "/tmp"))
        return -1;
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_that_read_a_file_hash_it),
        cmocka_unit_test(a_file_that_shrinks_has_no_hash),
        cmocka_unit_test(what_is_not_read_as_it_lies_there_is_not_hashed),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
