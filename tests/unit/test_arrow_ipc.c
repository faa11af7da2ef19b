/* test_arrow_ipc.c - Arrow IPC: tables survive the way through a file, and no
 * file, however broken, does more than fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"
#include "arrow/ipc.h"
#include "random_table.h"
#include "temp_folder.h"

/* ---- helpers ----------------------------------------------------------------- */

static void must(int32_t rc, const struct dr_err *err)
{
    if (rc)
        fail_msg("%s", err->msg);
}

static void write_table(const struct dr_table *t, const char *path)
{
    struct dr_err err = { 0 };
    must(dr_table_write_arrow(t, path, &err), &err);
}

static struct dr_table *read_table(const char *path)
{
    struct dr_err err = { 0 };
    struct dr_table *t = NULL;
    must(dr_table_read_arrow(path, &t, &err), &err);
    return t;
}

/* What column.h promises of every array. */
static void check_array(const struct dr_array *a)
{
    int64_t nulls = 0;
    size_t width = dr_type_width(a->type);
    static const char zeros[16];
    assert_true(a->n <= DR_CHUNK_ROWS);
    if (a->type == DR_TYPE_NULL) {
        assert_int_equal(a->nulls, a->n);
        return;
    }
    for (int64_t i = 0; i < a->n; i++) {
        if (dr_array_valid(a, i))
            continue;
        nulls++;
        if (width)
            assert_memory_equal((const char *)a->values + (size_t)i * width, zeros, width);
        if (a->type == DR_TYPE_BOOL)
            assert_false(dr_bit(a->values, i));
    }
    assert_int_equal(nulls, a->nulls);
    assert_int_equal(nulls == 0, a->valid == NULL);
    if (a->valid && a->n % 8)
        assert_int_equal(a->valid[a->n / 8] >> (a->n % 8), 0);
}

static void check_column(const struct dr_column *c)
{
    int64_t rows = 0, nulls = 0;
    for (int32_t k = 0; k < c->n; k++) {
        assert_int_equal(c->chunk[k]->type, c->type);
        assert_ptr_equal(c->chunk[k]->dict, c->dict);
        check_array(c->chunk[k]);
        rows += c->chunk[k]->n;
        nulls += c->chunk[k]->nulls;
    }
    assert_int_equal(rows, c->rows);
    assert_int_equal(nulls, c->nulls);
}

static void assert_tables_equal(const struct dr_table *a, const struct dr_table *b)
{
    assert_int_equal(a->n, b->n);
    assert_int_equal(a->rows, b->rows);
    for (int32_t i = 0; i < a->n; i++) {
        const struct dr_column *left = a->columns[i], *right = b->columns[i];
        assert_string_equal(a->names[i], b->names[i]);
        assert_int_equal(left->type, right->type);
        assert_int_equal(left->scale, right->scale);
        assert_int_equal(left->zoned, right->zoned);
        assert_int_equal(left->nulls, right->nulls);
        check_column(right);
        int64_t row = first_difference(left, right);
        if (row >= 0)
            fail_msg("column '%s' differs in row %" PRId64, a->names[i], row);
    }
}

static struct dr_table *one_column(const char *name, struct dr_builder *b)
{
    struct dr_table *t = NULL;
    struct dr_err err = { 0 };
    struct dr_column *c = dr_builder_finish(b);
    must(dr_table_new(1, &name, (const struct dr_column *const *)&c, &t, &err), &err);
    dr_column_unref(c);
    return t;
}

static struct dr_table *text_table(int32_t type, int n, const char *const *values)
{
    struct dr_builder *b = dr_builder_new(type);
    for (int i = 0; i < n; i++) {
        if (values[i])
            dr_builder_append_bytes(b, values[i], (int64_t)strlen(values[i]));
        else
            dr_builder_append_null(b);
    }
    return one_column("text", b);
}

/* A file of every type, in memory. */
static struct dr_str sample_bytes(struct dr_arena *a, const char *path, int64_t rows)
{
    uint64_t seed = 7;
    struct dr_str bytes = { 0 };
    struct dr_err err = { 0 };
    struct dr_table *t = random_table(&seed, rows);
    write_table(t, path);
    dr_table_unref(t);
    must(dr_read_file(a, path, (size_t)1 << 24, &bytes, &err), &err);
    return bytes;
}

static void exact_release(struct dr_mem *m)
{
    free(m->p);
}

/* Read bytes from memory of exactly their size, so that a sanitizer sees any
 * access past their end. */
static int32_t read_bytes(const char *p, size_t n, struct dr_table **ret, struct dr_err *err)
{
    struct dr_mem *m = dr_malloc(sizeof *m);
    *m = (struct dr_mem){ .p = dr_malloc(n), .n = n, .release = exact_release };
    atomic_init(&m->refs, 1);
    memcpy(m->p, p, n);
    struct dr_reader *r = NULL;
    int32_t rc = dr_arrow_open_mem(m, "bytes", &r, err);
    dr_mem_unref(m);
    return rc ? rc : dr_reader_collect(r, ret, err);
}

/* ---- round trips --------------------------------------------------------------- */

static void every_type_survives_at_every_size(void **state)
{
    struct temp_file *f = *state;
    static const int64_t sizes[] = { 0, 1, 7, 8, 9, 63, 64, 65, 1000, 65535, 65536, 65537, 140000 };
    uint64_t seed = 1;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct dr_table *t = random_table(&seed, sizes[i]);
        write_table(t, f->path);
        struct dr_table *back = read_table(f->path);
        assert_tables_equal(t, back);
        dr_table_unref(t);
        dr_table_unref(back);
    }
}

static void many_random_tables_survive(void **state)
{
    struct temp_file *f = *state;
    for (uint64_t round = 0; round < 200; round++) {
        uint64_t seed = round * 1000;
        struct dr_table *t = random_table(&seed, random_below(&seed, 300));
        write_table(t, f->path);
        struct dr_table *back = read_table(f->path);
        assert_tables_equal(t, back);
        dr_table_unref(t);
        dr_table_unref(back);
    }
}

static void a_table_of_several_chunks_survives(void **state)
{
    struct temp_file *f = *state;
    struct dr_table *parts[4], *t = NULL;
    struct dr_err err = { 0 };
    uint64_t seed = 3;
    for (int i = 0; i < 4; i++)
        parts[i] = random_table(&seed, 100 + 2 * random_below(&seed, 50));
    must(dr_table_concat(4, (const struct dr_table *const *)parts, &t, &err), &err);
    write_table(t, f->path);
    struct dr_table *back = read_table(f->path);
    assert_int_equal(back->columns[0]->n, 4);
    assert_tables_equal(t, back);
    dr_table_unref(back);
    dr_table_unref(t);
    for (int i = 0; i < 4; i++)
        dr_table_unref(parts[i]);
}

static void batches_with_other_dictionaries_become_one_file(void **state)
{
    struct temp_file *f = *state;
    struct dr_writer *w = NULL;
    struct dr_err err = { 0 };
    uint64_t seed = 5;
    struct dr_table *parts[3];
    must(dr_arrow_writer(f->path, &w, &err), &err);
    for (int i = 0; i < 3; i++) {
        parts[i] = random_table(&seed, 50);
        must(w->write(w, parts[i], &err), &err);
    }
    must(w->commit(w, &err), &err);
    struct dr_reader *r = NULL;
    must(dr_arrow_open(f->path, &r, &err), &err);
    for (int i = 0; i < 3; i++) {
        struct dr_table *back = NULL;
        must(r->next(r, &back, &err), &err);
        assert_non_null(back);
        assert_tables_equal(parts[i], back);
        dr_table_unref(back);
        dr_table_unref(parts[i]);
    }
    struct dr_table *end = NULL;
    must(r->next(r, &end, &err), &err);
    assert_null(end);
    dr_reader_close(r);
}

static void streams_hold_what_files_hold(void **state)
{
    struct temp_file *f = *state;
    struct dr_err err = { 0 };
    for (uint64_t round = 0; round < 100; round++) {
        uint64_t seed = round * 77;
        struct dr_table *t = random_table(&seed, round == 99 ? 70000 : random_below(&seed, 300));
        must(dr_table_write_arrow_stream(t, f->path, &err), &err);
        struct dr_table *back = read_table(f->path);
        assert_tables_equal(t, back);
        dr_table_unref(t);
        dr_table_unref(back);
    }
}

/* A first dictionary, in full, before any batch that uses it: what all readers take. */
static void a_stream_of_batches_with_other_dictionaries_has_one_of_all(void **state)
{
    struct temp_file *f = *state;
    struct dr_table *parts[3], *t = NULL, *back;
    struct dr_err err = { 0 };
    struct dr_str bytes;
    DR_AUTO_ARENA arena = { 0 };
    uint64_t seed = 5;
    for (int i = 0; i < 3; i++)
        parts[i] = random_table(&seed, 50);
    must(dr_table_concat(3, (const struct dr_table *const *)parts, &t, &err), &err);
    must(dr_table_write_arrow_stream(t, f->path, &err), &err);
    back = read_table(f->path);
    assert_tables_equal(t, back);
    must(dr_read_file(&arena, f->path, (size_t)1 << 24, &bytes, &err), &err);
    assert_memory_equal(bytes.p, "\xFF\xFF\xFF\xFF", 4);
    assert_memory_equal(bytes.p + bytes.n - 8, "\xFF\xFF\xFF\xFF\0\0\0\0", 8);
    dr_table_unref(back);
    dr_table_unref(t);
    for (int i = 0; i < 3; i++)
        dr_table_unref(parts[i]);
}

static void a_table_outlives_its_file(void **state)
{
    struct temp_file *f = *state;
    uint64_t seed = 11;
    struct dr_table *t = random_table(&seed, 500);
    write_table(t, f->path);
    struct dr_table *back = read_table(f->path);
    unlink(f->path);
    assert_tables_equal(t, back);
    dr_table_unref(t);
    dr_table_unref(back);
}

static void values_lie_in_the_mapped_file(void **state)
{
    struct temp_file *f = *state;
    uint64_t seed = 12;
    struct dr_table *t = random_table(&seed, 500);
    write_table(t, f->path);
    struct dr_table *back = read_table(f->path);
    const struct dr_mem *map = back->columns[DR_TYPE_INT64]->chunk[0]->mem[1];
    for (int32_t type = DR_TYPE_BOOL; type <= DR_TYPE_DICT; type++) {
        const struct dr_array *a = back->columns[type]->chunk[0];
        assert_ptr_equal(a->mem[1], map);
        assert_int_equal((uintptr_t)a->values % 64, 0);
    }
    dr_table_unref(t);
    dr_table_unref(back);
}

static void the_same_rows_give_the_same_bytes(void **state)
{
    struct temp_file *f = *state;
    DR_AUTO_ARENA arena = { 0 };
    static const char *const all[] = { "secret", "b", "a", "b" };
    uint8_t keep = 0x0e;
    struct dr_err err = { 0 };
    struct dr_str filtered = { 0 }, direct = { 0 };
    struct dr_table *t = text_table(DR_TYPE_DICT, 4, all), *part = NULL;
    must(dr_table_filter(t, &keep, &part, &err), &err);
    write_table(part, f->path);
    must(dr_read_file(&arena, f->path, 1 << 20, &filtered, &err), &err);
    dr_table_unref(t);
    dr_table_unref(part);
    t = text_table(DR_TYPE_DICT, 3, all + 1);
    write_table(t, f->path);
    must(dr_read_file(&arena, f->path, 1 << 20, &direct, &err), &err);
    dr_table_unref(t);
    assert_true(dr_str_eq(filtered, direct));
    assert_null(memmem(direct.p, direct.n, "secret", 6));
}

/* ---- refusals on writing ---------------------------------------------------------- */

static void an_aborted_writer_leaves_nothing(void **state)
{
    struct temp_file *f = *state;
    DR_AUTO_ARENA arena = { 0 };
    struct dr_writer *w = NULL;
    struct dr_err err = { 0 };
    uint64_t seed = 5;
    char **names;
    size_t n = 1;
    struct dr_table *t = random_table(&seed, 10);
    must(dr_arrow_writer(f->path, &w, &err), &err);
    must(w->write(w, t, &err), &err);
    w->abort(w);
    dr_table_unref(t);
    must(dr_list_dir(&arena, f->folder, NULL, &names, &n, &err), &err);
    assert_int_equal(n, 0);
}

static void a_file_without_a_batch_cannot_be_committed(void **state)
{
    struct temp_file *f = *state;
    struct dr_writer *w = NULL;
    struct dr_err err = { 0 };
    must(dr_arrow_writer(f->path, &w, &err), &err);
    assert_int_equal(w->commit(w, &err), DR_EINPUT);
    assert_false(dr_path_exists(f->path));
}

static void a_batch_of_other_columns_is_refused(void **state)
{
    struct temp_file *f = *state;
    static const char *const values[] = { "a" };
    struct dr_writer *w = NULL;
    struct dr_err err = { 0 };
    struct dr_table *codes = text_table(DR_TYPE_DICT, 1, values),
                    *text = text_table(DR_TYPE_STRING, 1, values);
    must(dr_arrow_writer(f->path, &w, &err), &err);
    must(w->write(w, codes, &err), &err);
    assert_int_equal(w->write(w, text, &err), DR_EINPUT);
    assert_non_null(strstr(err.msg, "column 'text'"));
    w->abort(w);
    dr_table_unref(codes);
    dr_table_unref(text);
}

static void a_date_past_the_calendar_is_refused(void **state)
{
    struct temp_file *f = *state;
    struct dr_err err = { 0 };
    struct dr_builder *b = dr_builder_new(DR_TYPE_DATE);
    dr_builder_append_int(b, DAY_MAX);
    dr_builder_append_int(b, DAY_MAX + 1);
    struct dr_table *t = one_column("day", b);
    assert_int_equal(dr_table_write_arrow(t, f->path, &err), DR_EINPUT);
    assert_non_null(strstr(err.msg, "column 'day': row 2"));
    assert_int_equal(dr_table_write_arrow_stream(t, f->path, &err), DR_EINPUT);
    assert_non_null(strstr(err.msg, "column 'day': row 2"));
    assert_false(dr_path_exists(f->path));
    dr_table_unref(t);
}

/* ---- refusals on reading ----------------------------------------------------------- */

static void every_truncation_is_refused(void **state)
{
    struct temp_file *f = *state;
    DR_AUTO_ARENA arena = { 0 };
    struct dr_str bytes = sample_bytes(&arena, f->path, 40);
    for (size_t n = 1; n < bytes.n; n++) {
        struct dr_table *t = NULL;
        struct dr_err err = { 0 };
        assert_int_equal(read_bytes(bytes.p, n, &t, &err), DR_EINPUT);
        assert_null(t);
        assert_true(err.msg[0] != '\0');
    }
}

/* Whatever was flipped, the file is refused or gives a table that keeps the
 * promises of column.h. */
static void try_bytes(const char *p, size_t n)
{
    struct dr_table *t = NULL;
    struct dr_err err = { 0 };
    DR_AUTO_BUF text = { 0 };
    if (read_bytes(p, n, &t, &err)) {
        assert_true(err.rc == DR_EINPUT || err.rc == DR_ELIMIT);
        assert_true(err.msg[0] != '\0');
        return;
    }
    for (int32_t i = 0; i < t->n; i++) {
        check_column(t->columns[i]);
        for (int64_t row = 0; row < t->rows && row < 200; row++)
            cell_text(t->columns[i], row, &text);
    }
    dr_table_unref(t);
}

static void flipped_bytes_never_crash(void **state)
{
    struct temp_file *f = *state;
    DR_AUTO_ARENA arena = { 0 };
    struct dr_str bytes = sample_bytes(&arena, f->path, 20);
    DR_AUTO_FREE char *copy = dr_malloc(bytes.n);
    uint64_t seed = 99;
    for (int round = 0; round < 8000; round++) {
        memcpy(copy, bytes.p, bytes.n);
        for (int64_t k = random_below(&seed, 3); k >= 0; k--)
            copy[random_below(&seed, (int64_t)bytes.n)] ^= (char)(1 << random_below(&seed, 8));
        try_bytes(copy, bytes.n);
    }
}

static void words_of_extreme_numbers_never_crash(void **state)
{
    struct temp_file *f = *state;
    static const uint32_t words[] = { 0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 0xfffffffc, 0x10000, 64 };
    DR_AUTO_ARENA arena = { 0 };
    struct dr_str bytes = sample_bytes(&arena, f->path, 3);
    DR_AUTO_FREE char *copy = dr_malloc(bytes.n);
    for (size_t at = 0; at + 4 <= bytes.n; at += 4) {
        for (size_t k = 0; k < sizeof words / sizeof *words; k++) {
            memcpy(copy, bytes.p, bytes.n);
            memcpy(copy + at, &words[k], 4);
            try_bytes(copy, bytes.n);
        }
    }
}

/* Replace the only occurrence of a pattern in a file of one text column, and
 * expect a message. */
static void expect_refusal(struct temp_file *f, struct dr_table *t, const void *pattern, const void *other,
                           size_t n, const char *message)
{
    DR_AUTO_ARENA arena = { 0 };
    struct dr_str bytes = { 0 };
    struct dr_err err = { 0 };
    struct dr_table *back = NULL;
    write_table(t, f->path);
    dr_table_unref(t);
    must(dr_read_file(&arena, f->path, 1 << 20, &bytes, &err), &err);
    DR_AUTO_FREE char *copy = dr_malloc(bytes.n);
    memcpy(copy, bytes.p, bytes.n);
    char *at = memmem(copy, bytes.n, pattern, n);
    assert_non_null(at);
    memcpy(at, other, n);
    assert_int_equal(read_bytes(copy, bytes.n, &back, &err), DR_EINPUT);
    if (!strstr(err.msg, message))
        fail_msg("'%s' does not say '%s'", err.msg, message);
}

static void text_that_is_not_utf8_is_refused(void **state)
{
    static const char *const values[] = { "fine", "naïve" };
    expect_refusal(*state, text_table(DR_TYPE_STRING, 2, values), "na\xC3\xAFve", "na\xC3vve", 6,
                   "column 'text': row 2 of the batch is not UTF-8");
}

static void an_offset_inside_a_character_is_refused(void **state)
{
    static const char *const values[] = { "a", "ï", "zzz" };
    static const int64_t offsets[] = { 0, 1, 3, 6 }, split[] = { 0, 2, 3, 6 };
    expect_refusal(*state, text_table(DR_TYPE_STRING, 3, values), offsets, split, sizeof offsets,
                   "is not UTF-8");
}

static void offsets_that_go_back_are_refused(void **state)
{
    static const char *const values[] = { "a", "bc", "zzz" };
    static const int64_t offsets[] = { 0, 1, 3, 6 }, back[] = { 0, 4, 3, 6 };
    expect_refusal(*state, text_table(DR_TYPE_STRING, 3, values), offsets, back, sizeof offsets,
                   "do not ascend");
}

static void a_code_past_its_dictionary_is_refused(void **state)
{
    static const char *const values[] = { "x", "y", "z", "x" };
    static const int32_t codes[] = { 0, 1, 2, 0 }, past[] = { 0, 1, 3, 0 };
    expect_refusal(*state, text_table(DR_TYPE_DICT, 4, values), codes, past, sizeof codes,
                   "row 3 of the batch has code 3");
}

static void a_negative_code_is_refused(void **state)
{
    static const char *const values[] = { "x", "y", "z", "x" };
    static const int32_t codes[] = { 0, 1, 2, 0 }, below[] = { 0, -1, 2, 0 };
    expect_refusal(*state, text_table(DR_TYPE_DICT, 4, values), codes, below, sizeof codes, "code -1");
}

/* The footer of a file with a large and a small batch, changed to name the
 * large one twice: harmless once, but in number a way to take all time there is. */
static void batches_on_top_of_each_other_are_refused(void **state)
{
    struct temp_file *f = *state;
    DR_AUTO_ARENA arena = { 0 };
    struct dr_writer *w = NULL;
    struct dr_err err = { 0 };
    struct dr_str bytes = { 0 };
    uint64_t seed = 6;
    must(dr_arrow_writer(f->path, &w, &err), &err);
    for (int64_t rows = 600; rows > 0; rows -= 590) {
        struct dr_table *t = random_table(&seed, rows);
        must(w->write(w, t, &err), &err);
        dr_table_unref(t);
    }
    must(w->commit(w, &err), &err);
    must(dr_read_file(&arena, f->path, 1 << 20, &bytes, &err), &err);
    char *copy = dr_arena_dup(&arena, bytes.p, bytes.n);
    int32_t schema_n;
    memcpy(&schema_n, copy + 12, sizeof schema_n);
    int64_t first = 16 + schema_n; /* where the first batch starts */
    char *block = memmem(copy + bytes.n - 1500, 1500, &first, sizeof first);
    assert_non_null(block);
    memcpy(block + sizeof(struct dr_arrow_block), block, sizeof(struct dr_arrow_block));
    struct dr_table *t = NULL;
    assert_int_equal(read_bytes(copy, bytes.n, &t, &err), DR_EINPUT);
    assert_non_null(strstr(err.msg, "on top of each other"));
}

/* ---- what other writers may do ------------------------------------------------------- */

static struct dr_str spliced(struct dr_arena *a, struct dr_table *t, const char *path, const void *pattern,
                             const void *other, size_t n)
{
    struct dr_str bytes = { 0 };
    struct dr_err err = { 0 };
    write_table(t, path);
    dr_table_unref(t);
    must(dr_read_file(a, path, 1 << 20, &bytes, &err), &err);
    char *copy = dr_arena_dup(a, bytes.p, bytes.n);
    char *at = memmem(copy, bytes.n, pattern, n);
    assert_non_null(at);
    memcpy(at, other, n);
    return (struct dr_str){ copy, bytes.n };
}

static void a_value_twice_in_a_dictionary_gets_one_code(void **state)
{
    struct temp_file *f = *state;
    DR_AUTO_ARENA arena = { 0 };
    static const char *const values[] = { "xx", "yy", "zz", "xx" };
    struct dr_table *t = NULL;
    struct dr_err err = { 0 };
    struct dr_str bytes =
        spliced(&arena, text_table(DR_TYPE_DICT, 4, values), f->path, "xxyyzz", "xxyyxx", 6);
    must(read_bytes(bytes.p, bytes.n, &t, &err), &err);
    const int32_t *codes = t->columns[0]->chunk[0]->values;
    assert_int_equal(dr_column_dict_size(t->columns[0]), 2);
    assert_int_equal(codes[2], 0);
    assert_int_equal(codes[1], 1);
    dr_table_unref(t);
}

static void what_lies_under_a_null_is_cleared(void **state)
{
    struct temp_file *f = *state;
    DR_AUTO_ARENA arena = { 0 };
    static const char *const values[] = { "u", NULL, "v", "w", "x", "y" };
    static const int32_t codes[] = { 0, 0, 1, 2, 3, 4 }, junk[] = { 0, 77, 1, 2, 3, 4 };
    struct dr_table *t = NULL;
    struct dr_err err = { 0 };
    struct dr_str bytes =
        spliced(&arena, text_table(DR_TYPE_DICT, 6, values), f->path, codes, junk, sizeof codes);
    must(read_bytes(bytes.p, bytes.n, &t, &err), &err);
    check_column(t->columns[0]);
    assert_memory_equal(t->columns[0]->chunk[0]->values, codes, sizeof codes);
    dr_table_unref(t);
}

static void a_missing_file_is_not_found(void **state)
{
    struct temp_file *f = *state;
    struct dr_table *t = NULL;
    struct dr_err err = { 0 };
    assert_int_equal(dr_table_read_arrow(f->path, &t, &err), DR_ENOTFOUND);
}

static void files_of_another_kind_are_told_apart(void **state)
{
    struct temp_file *f = *state;
    static const struct {
        const char *text, *message;
    } cases[] = { { "PAR1xxxxxxxxPAR1", "Parquet" },
                  { "FEA1xxxxxxxxFEA1", "version 1" },
                  { "a,b,c\n1,2,3\n4,5,6\n", "not an Arrow file" },
                  { "", "is empty" } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct dr_table *t = NULL;
        struct dr_err err = { 0 };
        must(dr_write_file(f->path, dr_str_of(cases[i].text), &err), &err);
        assert_int_equal(dr_table_read_arrow(f->path, &t, &err), DR_EINPUT);
        assert_non_null(strstr(err.msg, cases[i].message));
    }
}

/* Also columns in memory of their own, which stay as they are. */
static void columns_that_were_let_go_have_their_values_still(void **state)
{
    struct temp_file *f = *state;
    uint64_t seed = 5;
    struct dr_table *t = random_table(&seed, 3000), *mapped;
    write_table(t, f->path);
    mapped = read_table(f->path);
    for (int32_t c = 0; c < t->n; c++) {
        struct dr_column *both[] = { t->columns[c], mapped->columns[c] };
        for (int k = 0; k < 2; k++) {
            dr_column_set_brief(both[k]);
            dr_column_let_go(both[k], 0, t->rows);
            dr_column_let_go(both[k], 17, 1203);
            dr_column_let_go(both[k], t->rows, t->rows);
        }
        assert_int_equal(first_difference(t->columns[c], mapped->columns[c]), -1);
    }
    dr_table_unref(t);
    dr_table_unref(mapped);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, make_temp_file, remove_temp_file)
    const struct CMUnitTest tests[] = {
        T(every_type_survives_at_every_size),
        T(many_random_tables_survive),
        T(a_table_of_several_chunks_survives),
        T(batches_with_other_dictionaries_become_one_file),
        T(streams_hold_what_files_hold),
        T(a_stream_of_batches_with_other_dictionaries_has_one_of_all),
        T(a_table_outlives_its_file),
        T(values_lie_in_the_mapped_file),
        T(columns_that_were_let_go_have_their_values_still),
        T(the_same_rows_give_the_same_bytes),
        T(an_aborted_writer_leaves_nothing),
        T(a_file_without_a_batch_cannot_be_committed),
        T(a_batch_of_other_columns_is_refused),
        T(a_date_past_the_calendar_is_refused),
        T(every_truncation_is_refused),
        T(flipped_bytes_never_crash),
        T(words_of_extreme_numbers_never_crash),
        T(text_that_is_not_utf8_is_refused),
        T(an_offset_inside_a_character_is_refused),
        T(offsets_that_go_back_are_refused),
        T(a_code_past_its_dictionary_is_refused),
        T(a_negative_code_is_refused),
        T(batches_on_top_of_each_other_are_refused),
        T(a_value_twice_in_a_dictionary_gets_one_code),
        T(what_lies_under_a_null_is_cleared),
        T(a_missing_file_is_not_found),
        T(files_of_another_kind_are_told_apart),
    };
    return cmocka_run_group_tests_name("arrow_ipc", tests, NULL, NULL);
}
