/* test_arrow_peers.c - Arrow files that other programs wrote: what dagrun has no
 * type for is widened without loss, or refused by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "arrow_peer_files.h"
#include "arrow_peer_js.h"
#include "arrow/ipc.h"
#include "random_table.h"

static void release(struct dr_mem *m)
{
    free(m->p);
}

static int32_t read_bytes(const uint8_t *p, size_t n, struct dr_table **ret, struct dr_err *err)
{
    struct dr_mem *m = dr_malloc(sizeof *m);
    *m = (struct dr_mem){ .p = dr_malloc(n), .n = n, .release = release };
    atomic_init(&m->refs, 1);
    memcpy(m->p, p, n);
    struct dr_reader *r = NULL;
    int32_t rc = dr_arrow_open_mem(m, "bytes", &r, err);
    dr_mem_unref(m);
    return rc ? rc : dr_reader_collect(r, ret, err);
}

static struct dr_table *must_read(const uint8_t *p, size_t n)
{
    struct dr_table *t = NULL;
    struct dr_err err = { 0 };
    if (read_bytes(p, n, &t, &err))
        fail_msg("%s", err.msg);
    return t;
}

static void assert_cell(const struct dr_table *t, const char *column, int64_t row, const char *expected)
{
    DR_AUTO_BUF text = { 0 };
    int32_t i = dr_table_find(t, column);
    assert_true(i >= 0);
    const char *got = cell_text(t->columns[i], row, &text);
    if (expected && got)
        assert_string_equal(got, expected);
    else
        assert_ptr_equal(got, expected);
}

/* ---- types -------------------------------------------------------------------- */

/* Three rows of which the second is missing. */
struct expected_column {
    const char *column;
    int32_t type;
    const char *first, *last;
};

static void assert_columns(const struct dr_table *t, size_t n, const struct expected_column *expected)
{
    assert_int_equal(t->n, n);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(t->columns[i]->type, expected[i].type);
        assert_cell(t, expected[i].column, 0, expected[i].first);
        assert_cell(t, expected[i].column, 1, NULL);
        assert_cell(t, expected[i].column, 2, expected[i].last);
    }
}

static void types_of_peers_are_widened(void **state)
{
    (void)state;
    static const struct expected_column expected[] = {
        { "int8", DR_TYPE_INT64, "-128", "127" },
        { "uint16", DR_TYPE_INT64, "0", "65535" },
        { "uint64", DR_TYPE_INT64, "0", "9223372036854775807" },
        { "float32", DR_TYPE_FLOAT64, "1.5", "-0.25" },
        { "date64", DR_TYPE_DATE, "1969-12-31", "2024-02-29" },
        { "time_s", DR_TYPE_TIMESTAMP, "1969-12-31T23:59:59", "1970-01-01T00:00:00" },
        { "time_ms", DR_TYPE_TIMESTAMP, "1969-12-31T23:59:59.999000Z", "1970-01-01T00:00:00.001000Z" },
        { "time_ns", DR_TYPE_TIMESTAMP, "1969-12-31T23:59:59.999999Z", "1970-01-01T00:00:00.000002Z" },
        { "decimal64", DR_TYPE_DECIMAL, "-1.50", "3.25" },
        { "utf8", DR_TYPE_STRING, "é", "" },
        { "view", DR_TYPE_STRING, "text that is not inline", "short" },
        { "codes8", DR_TYPE_DICT, "b", "a" },
        { "numbers", DR_TYPE_INT64, "8", "7" },
        { "repeats", DR_TYPE_DICT, "a", "a" },
    };
    struct dr_table *t = must_read(peer_types, sizeof peer_types);
    assert_columns(t, sizeof expected / sizeof *expected, expected);
    dr_table_unref(t);
}

static void a_dictionary_with_a_value_twice_keeps_one(void **state)
{
    (void)state;
    struct dr_table *t = must_read(peer_types, sizeof peer_types);
    const struct dr_column *c = t->columns[dr_table_find(t, "repeats")];
    assert_int_equal(c->dict->n, 1);
    assert_int_equal(c->nulls, 1);
    dr_table_unref(t);
}

/* ---- dictionaries of streams ------------------------------------------------------ */

static void assert_texts(const struct dr_table *t, int n, const char *const *expected)
{
    assert_int_equal(t->rows, n);
    for (int row = 0; row < n; row++)
        assert_cell(t, "d", row, expected[row]);
}

static void a_dictionary_may_grow(void **state)
{
    (void)state;
    static const char *const expected[] = { "a", NULL, "c", "a" };
    struct dr_table *t = must_read(peer_deltas, sizeof peer_deltas);
    assert_texts(t, 4, expected);
    dr_table_unref(t);
}

static void a_dictionary_may_be_replaced(void **state)
{
    (void)state;
    static const char *const expected[] = { "a", "b", "a", "z" };
    struct dr_table *t = must_read(peer_replaced, sizeof peer_replaced);
    assert_texts(t, 4, expected);
    assert_int_equal(t->columns[0]->dict->n, 3);
    dr_table_unref(t);
}

/* ---- JavaScript ---- */

static void check_js(const uint8_t *p, size_t n)
{
    static const struct expected_column expected[] = {
        { "id", DR_TYPE_INT64, "1", "-3" },
        { "x", DR_TYPE_FLOAT64, "1.5", "-2" },
        { "ok", DR_TYPE_BOOL, "true", "false" },
        { "text", DR_TYPE_STRING, "Ulm", "J\xC3\xB6rg" },
        { "code", DR_TYPE_DICT, "a", "a" },
        { "day", DR_TYPE_DATE, "2024-03-08", "1999-12-31" },
        { "at", DR_TYPE_TIMESTAMP, "2024-03-08T12:00:00", "1970-01-01T00:00:00" },
    };
    struct dr_table *t = must_read(p, n);
    assert_columns(t, sizeof expected / sizeof *expected, expected);
    dr_table_unref(t);
}

static void a_file_of_the_javascript_library_is_read(void **state)
{
    (void)state;
    check_js(peer_js_file, sizeof peer_js_file);
}

static void a_stream_of_the_javascript_library_is_read(void **state)
{
    (void)state;
    check_js(peer_js_stream, sizeof peer_js_stream);
}

/* ---- compression ------------------------------------------------------------------- */

static void check_compressed(const uint8_t *p, size_t n)
{
    static const char *const digits[] = { "0", "1", "2" };
    struct dr_table *t = must_read(p, n);
    assert_int_equal(t->rows, 400);
    for (int64_t row = 0; row < t->rows; row++) {
        assert_cell(t, "n", row, digits[row % 3]);
        assert_cell(t, "s", row, row % 2 ? "same text" : NULL);
    }
    dr_table_unref(t);
}

static void lz4_is_expanded(void **state)
{
    (void)state;
    check_compressed(peer_lz4, sizeof peer_lz4);
}

static void zstd_is_expanded(void **state)
{
    (void)state;
    check_compressed(peer_zstd, sizeof peer_zstd);
}

static void a_compressed_buffer_may_not_claim_too_much(void **state)
{
    (void)state;
    static const int64_t honest = 400 * 8, greedy = INT64_C(1) << 50;
    struct dr_table *t = must_read(peer_zstd, sizeof peer_zstd);
    struct dr_err err = { 0 };
    dr_table_unref(t);
    t = NULL;
    uint8_t copy[sizeof peer_zstd];
    memcpy(copy, peer_zstd, sizeof copy);
    uint8_t *at = memmem(copy, sizeof copy, &honest, sizeof honest);
    assert_non_null(at);
    memcpy(at, &greedy, sizeof greedy);
    assert_int_equal(read_bytes(copy, sizeof copy, &t, &err), DR_ELIMIT);
    assert_non_null(strstr(err.msg, "expands to more than"));
}

/* ---- damage ------------------------------------------------------------------------ */

/* A stream may end between messages; elsewhere a cut is seen. Nothing crashes. */
static void try_damaged(const uint8_t *p, size_t n, uint64_t seed)
{
    DR_AUTO_FREE uint8_t *copy = dr_malloc(n);
    DR_AUTO_BUF text = { 0 };
    for (int round = 0; round < 3000; round++) {
        struct dr_table *t = NULL;
        struct dr_err err = { 0 };
        size_t kept = round % 4 ? n : (size_t)random_between(&seed, 1, (int64_t)n);
        memcpy(copy, p, n);
        copy[random_below(&seed, (int64_t)kept)] ^= (uint8_t)(1 << random_below(&seed, 8));
        if (read_bytes(copy, kept, &t, &err)) {
            assert_true(err.msg[0] != '\0');
            continue;
        }
        for (int32_t i = 0; i < t->n; i++)
            for (int64_t row = 0; row < t->rows && row < 100; row++)
                cell_text(t->columns[i], row, &text);
        dr_table_unref(t);
    }
}

static void damaged_files_never_crash(void **state)
{
    (void)state;
    try_damaged(peer_types, sizeof peer_types, 1);
    try_damaged(peer_deltas, sizeof peer_deltas, 2);
    try_damaged(peer_replaced, sizeof peer_replaced, 3);
    try_damaged(peer_lz4, sizeof peer_lz4, 4);
    try_damaged(peer_zstd, sizeof peer_zstd, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_of_peers_are_widened),
        cmocka_unit_test(a_dictionary_with_a_value_twice_keeps_one),
        cmocka_unit_test(a_dictionary_may_grow),
        cmocka_unit_test(a_dictionary_may_be_replaced),
        cmocka_unit_test(a_file_of_the_javascript_library_is_read),
        cmocka_unit_test(a_stream_of_the_javascript_library_is_read),
        cmocka_unit_test(lz4_is_expanded),
        cmocka_unit_test(zstd_is_expanded),
        cmocka_unit_test(a_compressed_buffer_may_not_claim_too_much),
        cmocka_unit_test(damaged_files_never_crash),
    };
    return cmocka_run_group_tests_name("arrow_peers", tests, NULL, NULL);
}
