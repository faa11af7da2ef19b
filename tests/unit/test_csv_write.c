/* test_csv_write.c - tables to CSV, and back again. */
#include <stdlib.h>
#include "test_csv.h"
#include "write_fixture.h"
#include <unistd.h>

static struct dr_column *text_column(int32_t type, size_t n, const char *const *values)
{
    struct dr_builder *b = dr_builder_new(type);
    for (size_t i = 0; i < n; i++) {
        if (values[i])
            dr_builder_append_bytes(b, values[i], (int64_t)strlen(values[i]));
        else
            dr_builder_append_null(b);
    }
    return dr_builder_finish(b);
}

static void check_written(void **state, struct dr_table *t, const char *expected)
{
    struct temp_file *f = *state;
    struct dr_err err = { 0 };
    assert_int_equal(dr_table_write_csv(t, f->path, &err), 0);
    check_file(f->path, expected);
    dr_table_unref(t);
}

static void test_text_is_quoted_only_where_it_must_be(void **state)
{
    static const char *const values[] = { "plain",
                                          "x,y",
                                          "say \"hi\"",
                                          "two\nlines",
                                          "cr\r",
                                          " lead",
                                          "tail ",
                                          "\ttab",
                                          "in side",
                                          ("\xEF\xBB\xBF"
                                           "bom"),
                                          "café",
                                          "a-rather-long-text-without-any-need-of-quotes",
                                          "a-rather-long-text-with,a-comma",
                                          "\"" };
    static const char *const names[] = { "note, \"raw\"", "again" };
    enum { N = sizeof values / sizeof *values };
    struct dr_column *columns[] = { text_column(DR_TYPE_STRING, N, values),
                                    text_column(DR_TYPE_DICT, N, values) };
    check_written(
        state, table_of(2, names, columns),
        "\"note, \"\"raw\"\"\",again\n"
        "plain,plain\n"
        "\"x,y\",\"x,y\"\n"
        "\"say \"\"hi\"\"\",\"say \"\"hi\"\"\"\n"
        "\"two\nlines\",\"two\nlines\"\n"
        "\"cr\r\",\"cr\r\"\n"
        "\" lead\",\" lead\"\n"
        "\"tail \",\"tail \"\n"
        "\"\ttab\",\"\ttab\"\n"
        "in side,in side\n"
        "\"\xEF\xBB\xBF"
        "bom\",\"\xEF\xBB\xBF"
        "bom\"\n"
        "café,café\n"
        "a-rather-long-text-without-any-need-of-quotes,a-rather-long-text-without-any-need-of-quotes\n"
        "\"a-rather-long-text-with,a-comma\",\"a-rather-long-text-with,a-comma\"\n"
        "\"\"\"\",\"\"\"\"\n");
}

static void test_a_missing_value_is_nothing_and_an_empty_text_two_quotes(void **state)
{
    static const char *const values[] = { NULL, "", "x" };
    static const char *const names[] = { "a", "b" };
    struct dr_column *columns[] = { text_column(DR_TYPE_STRING, 3, values),
                                    text_column(DR_TYPE_DICT, 3, values) };
    check_written(state, table_of(2, names, columns), "a,b\n,\n\"\",\"\"\nx,x\n");
}

static void test_numbers_are_the_shortest_text_that_reads_back_equal(void **state)
{
    static const char *const names[] = { "i", "f", "yes" };
    struct dr_builder *i = dr_builder_new(DR_TYPE_INT64), *f = dr_builder_new(DR_TYPE_FLOAT64),
                      *b = dr_builder_new(DR_TYPE_BOOL);
    dr_builder_append_int(i, INT64_MIN);
    dr_builder_append_float(f, 36.6);
    dr_builder_append_int(b, 1);
    dr_builder_append_null(i);
    dr_builder_append_float(f, 0.1 + 0.2);
    dr_builder_append_null(b);
    struct dr_column *columns[] = { dr_builder_finish(i), dr_builder_finish(f), dr_builder_finish(b) };
    check_written(state, table_of(3, names, columns),
                  "i,f,yes\n-9223372036854775808,36.6,true\n,0.30000000000000004,\n");
}

static void test_dates_and_times_are_iso_8601(void **state)
{
    static const char *const names[] = { "day", "at" };
    struct dr_builder *day = dr_builder_new(DR_TYPE_DATE), *at = dr_builder_new(DR_TYPE_TIMESTAMP);
    dr_builder_append_int(day, 19783);
    dr_builder_append_int(at, INT64_C(1709260200000000));
    dr_builder_append_null(day);
    dr_builder_append_int(at, 500000);
    struct dr_column *columns[] = { dr_builder_finish(day), dr_builder_finish(at) };
    bool zoned = columns[1]->zoned;
    check_written(state, table_of(2, names, columns),
                  zoned ? "day,at\n2024-03-01,2024-03-01T02:30:00Z\n,1970-01-01T00:00:00.500000Z\n"
                        : "day,at\n2024-03-01,2024-03-01T02:30:00\n,1970-01-01T00:00:00.500000\n");
}

static void test_a_table_without_rows_is_a_header(void **state)
{
    static const char *const names[] = { "a", "b" };
    struct dr_column *columns[] = { text_column(DR_TYPE_STRING, 0, NULL),
                                    text_column(DR_TYPE_DICT, 0, NULL) };
    check_written(state, table_of(2, names, columns), "a,b\n");
}

static void test_a_nul_byte_cannot_be_written(void **state)
{
    struct temp_file *f = *state;
    struct dr_err err = { 0 };
    static const char *const names[] = { "a" };
    struct dr_builder *b = dr_builder_new(DR_TYPE_STRING);
    dr_builder_append_bytes(b, "ok", 2);
    dr_builder_append_bytes(b, "x\0y", 3);
    struct dr_column *columns[] = { dr_builder_finish(b) };
    struct dr_table *t = table_of(1, names, columns);
    assert_int_equal(dr_table_write_csv(t, f->path, &err), DR_EINPUT);
    assert_non_null(strstr(err.msg, "row 2 of column 'a' holds a NUL byte, which CSV cannot"));
    assert_false(dr_path_exists(f->path));
    dr_table_unref(t);
}

static void test_a_failed_write_leaves_the_old_file(void **state)
{
    struct temp_file *f = *state;
    static const char *const values[] = { "x" };
    static const char *const names[] = { "a" };
    struct dr_column *columns[] = { text_column(DR_TYPE_STRING, 1, values) };
    struct dr_table *t = table_of(1, names, columns);
    struct dr_writer *w;
    assert_int_equal(dr_write_file(f->path, DR_LIT("old"), NULL), 0);
    assert_int_equal(dr_csv_writer(f->path, &w, NULL), 0);
    assert_int_equal(w->write(w, t, NULL), 0);
    w->abort(w);
    check_file(f->path, "old");
    dr_table_unref(t);
}

static void test_batches_must_agree_on_their_columns(void **state)
{
    struct temp_file *f = *state;
    struct dr_err err = { 0 };
    static const char *const values[] = { "x" };
    static const char *const names[] = { "a" }, *const others[] = { "b" };
    struct dr_column *one[] = { text_column(DR_TYPE_STRING, 1, values) };
    struct dr_column *two[] = { text_column(DR_TYPE_STRING, 1, values) };
    struct dr_table *first = table_of(1, names, one), *second = table_of(1, others, two);
    struct dr_writer *w;
    assert_int_equal(dr_csv_writer(f->path, &w, NULL), 0);
    assert_int_equal(w->write(w, first, &err), 0);
    assert_int_equal(w->write(w, second, &err), DR_EBUG);
    assert_non_null(strstr(err.msg, "column 'b' stands where 'a' stood"));
    w->abort(w);
    dr_table_unref(first);
    dr_table_unref(second);
}

static void test_a_writer_without_batches_cannot_be_committed(void **state)
{
    struct temp_file *f = *state;
    struct dr_err err = { 0 };
    struct dr_writer *w;
    assert_int_equal(dr_csv_writer(f->path, &w, NULL), 0);
    assert_int_equal(w->commit(w, &err), DR_EBUG);
    assert_false(dr_path_exists(f->path));
}

static void test_text_larger_than_the_buffer_is_written_whole(void **state)
{
    struct temp_file *f = *state;
    enum { N = 700000 };
    char *big = dr_malloc(N + 1);
    for (int i = 0; i < N; i++)
        big[i] = i % 1000 ? (char)('a' + i % 26) : '"';
    big[N] = '\0';
    const char *values[] = { big, "small", big };
    static const char *const names[] = { "a" };
    struct dr_column *columns[] = { text_column(DR_TYPE_STRING, 3, values) };
    struct dr_table *t = table_of(1, names, columns), *back;
    struct dr_err err = { 0 };
    assert_int_equal(dr_table_write_csv(t, f->path, &err), 0);
    assert_int_equal(dr_table_read_csv(f->path, NULL, &back, NULL, &err), 0);
    assert_int_equal(back->rows, 3);
    struct dr_str first = dr_array_str(back->columns[0]->chunk[0], 0);
    assert_int_equal(first.n, N);
    assert_memory_equal(first.p, big, N);
    dr_table_unref(t);
    dr_table_unref(back);
    free(big);
}

/* ---- round trip --------------------------------------------------------------- */

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* A text of the characters that matter to CSV, or NULL. */
static const char *random_text(uint64_t *seed, char *ret)
{
    static const char *const parts[] = { "a", ",", "\"", "\n", "\r", " ", "é", "\t", "0", "NA", "bcdefgh" };
    size_t n = next_random(seed) % 8, at = 0;
    if (n == 7)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        const char *part = parts[next_random(seed) % (sizeof parts / sizeof *parts)];
        memcpy(ret + at, part, strlen(part));
        at += strlen(part);
    }
    ret[at] = '\0';
    return ret;
}

static struct dr_table *random_table(uint64_t *seed)
{
    static const char *const names[] = { "a", "b", "c" };
    int32_t n = 1 + (int32_t)(next_random(seed) % 3);
    size_t rows = next_random(seed) % 40;
    struct dr_column *columns[3];
    for (int32_t c = 0; c < n; c++) {
        struct dr_builder *b = dr_builder_new(c == 1 ? DR_TYPE_DICT : DR_TYPE_STRING);
        for (size_t i = 0; i < rows; i++) {
            char text[80];
            const char *value = random_text(seed, text);
            if (value)
                dr_builder_append_bytes(b, value, (int64_t)strlen(value));
            else
                dr_builder_append_null(b);
        }
        columns[c] = dr_builder_finish(b);
    }
    return table_of(n, names, columns);
}

static void test_what_is_written_reads_back_the_same(void **state)
{
    struct temp_file *f = *state;
    struct dr_csv_options opts = { .size = sizeof opts, .keep_empty = 1 };
    uint64_t seed = 20240301;
    for (int round = 0; round < 200; round++) {
        struct dr_table *t = random_table(&seed), *back;
        struct dr_err err = { 0 };
        DR_AUTO_BUF written = { 0 };
        DR_AUTO_BUF read = { 0 };
        assert_int_equal(dr_table_write_csv(t, f->path, &err), 0);
        assert_int_equal(dr_table_read_csv(f->path, &opts, &back, NULL, &err), 0);
        show_table(&written, t);
        show_table(&read, back);
        assert_string_equal(dr_buf_cstr(&read), dr_buf_cstr(&written));
        dr_table_unref(t);
        dr_table_unref(back);
    }
}

int main(void)
{
#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_temp_file, remove_temp_file)
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(test_text_is_quoted_only_where_it_must_be),
        WITH_FOLDER(test_a_missing_value_is_nothing_and_an_empty_text_two_quotes),
        WITH_FOLDER(test_numbers_are_the_shortest_text_that_reads_back_equal),
        WITH_FOLDER(test_dates_and_times_are_iso_8601),
        WITH_FOLDER(test_a_table_without_rows_is_a_header),
        WITH_FOLDER(test_a_nul_byte_cannot_be_written),
        WITH_FOLDER(test_a_failed_write_leaves_the_old_file),
        WITH_FOLDER(test_batches_must_agree_on_their_columns),
        WITH_FOLDER(test_a_writer_without_batches_cannot_be_committed),
        WITH_FOLDER(test_text_larger_than_the_buffer_is_written_whole),
        WITH_FOLDER(test_what_is_written_reads_back_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
