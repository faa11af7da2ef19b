/* test_db_sqlite.c - tables in and out of an SQLite database. */
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
#include "random_table.h"
#include "temp_folder.h"

struct fixture {
    char dir[512];
    char path[600];
    struct dr_db *db;
};

static void must(int32_t rc, const struct dr_err *err)
{
    if (rc)
        fail_msg("%s", err->msg);
}

static int setup(void **state)
{
    struct fixture *f = dr_calloc(1, sizeof *f);
    if (!make_temp_folder(f->dir, sizeof f->dir))
        return -1;
    snprintf(f->path, sizeof f->path, "%s/w.db", f->dir);
    *state = f;
    return dr_db_open(f->path, &f->db, NULL);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    dr_db_close(f->db);
    int32_t rc = dr_remove_tree(f->dir, NULL);
    free(f);
    return rc;
}

/* ---- helpers ----------------------------------------------------------------- */

/* A table of ids and texts; NULL text is a null, id INT64_MIN too. */
static struct dr_table *small_table(int n, const int64_t *ids, const char *const *texts)
{
    static const char *const names[] = { "id", "text" };
    struct dr_builder *id = dr_builder_new(DR_TYPE_INT64), *text = dr_builder_new(DR_TYPE_DICT);
    struct dr_table *t = NULL;
    struct dr_err err = { 0 };
    for (int i = 0; i < n; i++) {
        if (ids[i] == INT64_MIN)
            dr_builder_append_null(id);
        else
            dr_builder_append_int(id, ids[i]);
        if (texts[i])
            dr_builder_append_bytes(text, texts[i], (int64_t)strlen(texts[i]));
        else
            dr_builder_append_null(text);
    }
    struct dr_column *columns[] = { dr_builder_finish(id), dr_builder_finish(text) };
    must(dr_table_new(2, names, (const struct dr_column *const *)columns, &t, &err), &err);
    dr_column_unref(columns[0]);
    dr_column_unref(columns[1]);
    return t;
}

static void replace(struct dr_db *db, const char *name, const struct dr_table *t, int32_t n_keys,
                    const char *const *keys)
{
    struct dr_err err = { 0 };
    must(dr_db_begin(db, &err), &err);
    must(dr_db_replace(db, name, t, n_keys, keys, &err), &err);
    must(dr_db_commit(db, &err), &err);
}

static struct dr_table *query(struct dr_db *db, const char *sql)
{
    struct dr_table *t = NULL;
    struct dr_err err = { 0 };
    must(dr_db_query(db, sql, &t, &err), &err);
    return t;
}

/* The first cell of a result as text. */
static void assert_answer(struct dr_db *db, const char *sql, const char *expected)
{
    DR_AUTO_BUF text = { 0 };
    struct dr_table *t = query(db, sql);
    assert_int_equal(t->rows, 1);
    const char *got = cell_text(t->columns[0], 0, &text);
    assert_string_equal(got ? got : "NULL", expected);
    dr_table_unref(t);
}

static void assert_refused(int32_t rc, int32_t expected, const struct dr_err *err, const char *message)
{
    assert_int_equal(rc, expected);
    if (!strstr(err->msg, message))
        fail_msg("'%s' does not say '%s'", err->msg, message);
}

/* ---- round trips --------------------------------------------------------------- */

/* What the database holds of a column, as text: all that SQLite can say. */
static void assert_same_cells(const struct dr_column *a, const struct dr_column *b, const char *name)
{
    DR_AUTO_BUF left = { 0 };
    DR_AUTO_BUF right = { 0 };
    assert_int_equal(a->rows, b->rows);
    for (int64_t row = 0; row < a->rows; row++) {
        const char *p = cell_text(a, row, &left), *q = cell_text(b, row, &right);
        if (p && a->type == DR_TYPE_BOOL && b->type == DR_TYPE_INT64)
            p = dr_streq(p, "true") ? "1" : "0";
        if (p && q && dr_streq(p, "-0") && !dr_streq(q, "-0"))
            p = "0"; /* SQLite stores whole numbers as integers, which have one zero */
        if (!p != !q || (p && !dr_streq(p, q)))
            fail_msg("column '%s', row %" PRId64 ": '%s' became '%s'", name, row, p ? p : "NULL",
                     q ? q : "NULL");
    }
}

static void every_type_survives(void **state)
{
    struct fixture *f = *state;
    static const int64_t sizes[] = { 0, 1, 100, 3001 };
    uint64_t seed = 21;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct dr_table *t = random_table(&seed, sizes[i]);
        replace(f->db, "all types", t, 0, NULL);
        struct dr_table *back = query(f->db, "SELECT * FROM \"all types\" ORDER BY rowid");
        assert_int_equal(back->n, t->n);
        for (int32_t c = 0; c < t->n; c++) {
            assert_string_equal(back->names[c], t->names[c]);
            assert_same_cells(t->columns[c], back->columns[c], t->names[c]);
        }
        dr_table_unref(t);
        dr_table_unref(back);
    }
}

static void a_table_of_several_chunks_survives(void **state)
{
    struct fixture *f = *state;
    struct dr_table *parts[3], *t = NULL;
    struct dr_err err = { 0 };
    uint64_t seed = 4;
    for (int i = 0; i < 3; i++)
        parts[i] = random_table(&seed, 64 * (i + 1));
    must(dr_table_concat(3, (const struct dr_table *const *)parts, &t, &err), &err);
    replace(f->db, "t", t, 0, NULL);
    struct dr_table *back = query(f->db, "SELECT * FROM t ORDER BY rowid");
    for (int32_t c = 0; c < t->n; c++)
        assert_same_cells(t->columns[c], back->columns[c], t->names[c]);
    dr_table_unref(back);
    dr_table_unref(t);
    for (int i = 0; i < 3; i++)
        dr_table_unref(parts[i]);
}

static void columns_have_strict_types(void **state)
{
    struct fixture *f = *state;
    uint64_t seed = 2;
    struct dr_table *t = random_table(&seed, 5);
    replace(f->db, "t", t, 0, NULL);
    dr_table_unref(t);
    assert_answer(f->db, "SELECT group_concat(type, ' ') FROM pragma_table_info('t')",
                  "TEXT INTEGER INTEGER REAL TEXT TEXT TEXT TEXT TEXT");
    assert_answer(f->db, "SELECT strict FROM pragma_table_list('t')", "1");
}

/* ---- replacing ------------------------------------------------------------------ */

static const int64_t ids[] = { 1, 2, 3 };
static const char *const texts[] = { "one", NULL, "" };
static const char *const id_key[] = { "id" };

static void replacing_twice_does_not_double(void **state)
{
    struct fixture *f = *state;
    struct dr_table *t = small_table(3, ids, texts);
    replace(f->db, "t", t, 1, id_key);
    replace(f->db, "t", t, 1, id_key);
    dr_table_unref(t);
    assert_answer(f->db, "SELECT count(*) FROM t", "3");
    assert_answer(f->db, "SELECT group_concat(name) FROM pragma_table_info('t') WHERE pk", "id");
    assert_answer(f->db, "SELECT typeof(text) FROM t WHERE id = 2", "null");
    assert_answer(f->db, "SELECT typeof(text) FROM t WHERE id = 3", "text");
}

static void a_table_with_the_same_columns_keeps_its_index(void **state)
{
    struct fixture *f = *state;
    struct dr_err err = { 0 };
    struct dr_table *t = small_table(3, ids, texts);
    replace(f->db, "t", t, 1, id_key);
    must(dr_db_exec(f->db, "CREATE INDEX by_text ON t (text)", &err), &err);
    replace(f->db, "t", t, 1, id_key);
    assert_answer(f->db, "SELECT count(*) FROM sqlite_schema WHERE name = 'by_text'", "1");
    replace(f->db, "t", t, 0, NULL); /* without the key it is another table */
    assert_answer(f->db, "SELECT count(*) FROM sqlite_schema WHERE name = 'by_text'", "0");
    dr_table_unref(t);
}

static void a_table_with_other_columns_is_made_anew(void **state)
{
    struct fixture *f = *state;
    struct dr_err err = { 0 };
    struct dr_table *t = small_table(3, ids, texts);
    must(dr_db_exec(f->db, "CREATE TABLE T (old); INSERT INTO T VALUES (7)", &err), &err);
    replace(f->db, "t", t, 0, NULL);
    dr_table_unref(t);
    assert_answer(f->db, "SELECT group_concat(name) FROM pragma_table_info('t')", "id,text");
    assert_answer(f->db, "SELECT count(*) FROM t", "3");
}

static void names_of_any_kind_are_quoted(void **state)
{
    struct fixture *f = *state;
    static const char *const odd = "a \"b\"; DROP TABLE x; --'";
    struct dr_err err = { 0 };
    struct dr_table *t = small_table(3, ids, texts), *odder = NULL;
    must(dr_table_with(t, odd, t->columns[0], &odder, &err), &err);
    replace(f->db, odd, odder, 1, &odd);
    replace(f->db, odd, odder, 1, &odd);
    assert_answer(f->db, "SELECT count(*) FROM \"a \"\"b\"\"; DROP TABLE x; --'\"", "3");
    dr_table_unref(t);
    dr_table_unref(odder);
}

static void rows_are_seen_only_after_the_commit(void **state)
{
    struct fixture *f = *state;
    struct dr_err err = { 0 };
    struct dr_db *other = NULL;
    struct dr_table *t = small_table(3, ids, texts), *less = small_table(1, ids, texts);
    replace(f->db, "t", t, 0, NULL);
    must(dr_db_open(f->path, &other, &err), &err);
    must(dr_db_begin(f->db, &err), &err);
    must(dr_db_replace(f->db, "t", less, 0, NULL, &err), &err);
    assert_answer(other, "SELECT count(*) FROM t", "3");
    dr_db_rollback(f->db);
    assert_answer(f->db, "SELECT count(*) FROM t", "3");
    dr_db_close(other);
    dr_table_unref(t);
    dr_table_unref(less);
}

/* ---- refusals ------------------------------------------------------------------- */

static void a_missing_key_is_refused_and_the_old_rows_stay(void **state)
{
    struct fixture *f = *state;
    static const int64_t holes[] = { 4, INT64_MIN, 6 };
    struct dr_err err = { 0 };
    struct dr_table *t = small_table(3, ids, texts), *bad = small_table(3, holes, texts);
    replace(f->db, "t", t, 1, id_key);
    must(dr_db_begin(f->db, &err), &err);
    assert_refused(dr_db_replace(f->db, "t", bad, 1, id_key, &err), DR_EINPUT, &err,
                   "table 't': row 2: no value in the key column 'id'");
    must(dr_db_commit(f->db, &err), &err);
    assert_answer(f->db, "SELECT sum(id) FROM t", "6");
    dr_table_unref(t);
    dr_table_unref(bad);
}

static void a_key_that_repeats_is_refused(void **state)
{
    struct fixture *f = *state;
    static const int64_t twice[] = { 4, 5, 4 };
    struct dr_err err = { 0 };
    struct dr_table *t = small_table(3, twice, texts);
    must(dr_db_begin(f->db, &err), &err);
    assert_refused(dr_db_replace(f->db, "t", t, 1, id_key, &err), DR_EINPUT, &err,
                   "row 3: its key is that of row 1");
    dr_db_rollback(f->db);
    dr_table_unref(t);
}

static void a_key_that_is_no_column_is_refused(void **state)
{
    struct fixture *f = *state;
    static const char *const keys[] = { "ID" }, *const twice[] = { "id", "id" };
    struct dr_err err = { 0 };
    struct dr_table *t = small_table(3, ids, texts);
    must(dr_db_begin(f->db, &err), &err);
    assert_refused(dr_db_replace(f->db, "t", t, 1, keys, &err), DR_ENOTFOUND, &err, "no column 'ID'");
    assert_refused(dr_db_replace(f->db, "t", t, 2, twice, &err), DR_EINPUT, &err, "twice");
    dr_db_rollback(f->db);
    dr_table_unref(t);
}

static void replacing_outside_a_transaction_is_refused(void **state)
{
    struct fixture *f = *state;
    struct dr_err err = { 0 };
    struct dr_table *t = small_table(3, ids, texts);
    assert_refused(dr_db_replace(f->db, "t", t, 0, NULL, &err), DR_EINPUT, &err, "dr_db_begin");
    dr_table_unref(t);
}

static void a_view_is_not_replaced(void **state)
{
    struct fixture *f = *state;
    struct dr_err err = { 0 };
    struct dr_table *t = small_table(3, ids, texts);
    must(dr_db_exec(f->db, "CREATE VIEW t AS SELECT 1 AS id", &err), &err);
    must(dr_db_begin(f->db, &err), &err);
    assert_refused(dr_db_replace(f->db, "t", t, 0, NULL, &err), DR_EDB, &err, "view");
    dr_db_rollback(f->db);
    dr_table_unref(t);
}

/* ---- queries --------------------------------------------------------------------- */

static void a_column_takes_the_type_of_its_first_value(void **state)
{
    struct fixture *f = *state;
    struct dr_table *t = query(f->db, "SELECT NULL AS n, NULL AS i, NULL AS r, NULL AS s"
                                      " UNION ALL SELECT NULL, 1, 1.5, 'x'");
    static const int32_t types[] = { DR_TYPE_NULL, DR_TYPE_INT64, DR_TYPE_FLOAT64, DR_TYPE_STRING };
    assert_int_equal(t->rows, 2);
    for (int32_t i = 0; i < 4; i++) {
        assert_int_equal(t->columns[i]->type, types[i]);
        assert_int_equal(t->columns[i]->nulls, i == 0 ? 2 : 1);
    }
    dr_table_unref(t);
}

static void assert_numbers(struct dr_db *db, const char *sql, int32_t type, const char *first,
                           const char *second)
{
    DR_AUTO_BUF text = { 0 };
    struct dr_table *t = query(db, sql);
    assert_int_equal(t->columns[0]->type, type);
    assert_string_equal(cell_text(t->columns[0], 0, &text), first);
    assert_string_equal(cell_text(t->columns[0], 1, &text), second);
    dr_table_unref(t);
}

/* As where missing values are replaced: coalesce(x, 0). */
static void whole_numbers_and_fractions_are_numbers(void **state)
{
    struct fixture *f = *state;
    assert_numbers(f->db, "SELECT 3 AS v UNION ALL SELECT 0.5", DR_TYPE_FLOAT64, "3", "0.5");
    assert_numbers(f->db, "SELECT 0.5 AS v UNION ALL SELECT -3", DR_TYPE_FLOAT64, "0.5", "-3");
    assert_numbers(f->db, "SELECT 9007199254740992 AS v UNION ALL SELECT 0.5", DR_TYPE_FLOAT64,
                   "9007199254740992", "0.5");
    assert_numbers(f->db, "SELECT 9007199254740993 AS v UNION ALL SELECT 0.5", DR_TYPE_STRING,
                   "9007199254740993", "0.5");
    assert_numbers(f->db, "SELECT 0.5 AS v UNION ALL SELECT -9007199254740993", DR_TYPE_STRING, "0.5",
                   "-9007199254740993");
}

static void values_of_different_types_become_text(void **state)
{
    struct fixture *f = *state;
    static const char *const expected[] = { "1", NULL, "1.5", "x" };
    DR_AUTO_BUF text = { 0 };
    struct dr_table *t =
        query(f->db, "SELECT 1 AS v UNION ALL SELECT NULL UNION ALL SELECT 1.5 UNION ALL SELECT 'x'");
    assert_int_equal(t->columns[0]->type, DR_TYPE_STRING);
    for (int64_t row = 0; row < 4; row++) {
        const char *got = cell_text(t->columns[0], row, &text);
        if (expected[row])
            assert_string_equal(got, expected[row]);
        else
            assert_null(got);
    }
    dr_table_unref(t);
}

static void an_empty_result_has_its_columns(void **state)
{
    struct fixture *f = *state;
    struct dr_table *t = query(f->db, "SELECT 1 AS a, 'x' AS b WHERE 0");
    assert_int_equal(t->rows, 0);
    assert_int_equal(t->n, 2);
    assert_string_equal(t->names[1], "b");
    dr_table_unref(t);
}

static void results_that_no_table_can_hold_are_refused(void **state)
{
    struct fixture *f = *state;
    struct dr_table *t = NULL;
    struct dr_err err = { 0 };
    assert_refused(dr_db_query(f->db, "SELECT x'00ff' AS b", &t, &err), DR_EINPUT, &err,
                   "row 1 of the result has a BLOB");
    assert_refused(dr_db_query(f->db, "SELECT CAST(x'ff' AS TEXT) AS b", &t, &err), DR_EINPUT, &err,
                   "not UTF-8");
    assert_refused(dr_db_query(f->db, "SELECT 1 AS a, 2 AS a", &t, &err), DR_EINPUT, &err,
                   "two columns named 'a'");
    assert_refused(dr_db_query(f->db, "CREATE TABLE x (a)", &t, &err), DR_EINPUT, &err, "no result");
    assert_refused(dr_db_query(f->db, "SELECT unknown", &t, &err), DR_EDB, &err, "no such column");
    assert_null(t);
}

/* ---- attached tables --------------------------------------------------------------- */

static void an_attached_table_can_be_queried(void **state)
{
    struct fixture *f = *state;
    struct dr_err err = { 0 };
    uint64_t seed = 8;
    struct dr_table *t = random_table(&seed, 700);
    must(dr_db_attach_table(f->db, "given", t, &err), &err);
    must(dr_db_attach_table(f->db, "given", t, &err), &err); /* again: the later one counts */
    struct dr_table *back = query(f->db, "SELECT * FROM given ORDER BY rowid");
    for (int32_t c = 0; c < t->n; c++) {
        bool is_text = t->columns[c]->type == DR_TYPE_DICT;
        assert_int_equal(back->columns[c]->type, is_text ? DR_TYPE_STRING : t->columns[c]->type);
        assert_same_cells(t->columns[c], back->columns[c], t->names[c]);
    }
    assert_answer(f->db, "SELECT count(*) FROM main.sqlite_schema", "0");
    dr_table_unref(t);
    dr_table_unref(back);
}

static void an_attached_table_joins_stored_ones(void **state)
{
    struct fixture *f = *state;
    static const int64_t some[] = { 3, 9, 1 };
    static const char *const words[] = { "x", "y", "z" };
    struct dr_err err = { 0 };
    struct dr_table *t = small_table(3, ids, texts), *given = small_table(3, some, words);
    replace(f->db, "t", t, 1, id_key);
    must(dr_db_attach_table(f->db, "given", given, &err), &err);
    assert_answer(f->db,
                  "SELECT group_concat(given.text, '') FROM (SELECT given.text FROM given JOIN t USING (id)"
                  " ORDER BY t.id) AS given",
                  "zx");
    dr_table_unref(t);
    dr_table_unref(given);
}

static void opening_what_is_no_database_fails(void **state)
{
    struct fixture *f = *state;
    char path[700];
    struct dr_db *db = NULL;
    struct dr_err err = { 0 };
    snprintf(path, sizeof path, "%s/not.db", f->dir);
    must(dr_write_file(path, DR_LIT("this is a text file and not a database at all, however long"), &err),
         &err);
    assert_refused(dr_db_open(path, &db, &err), DR_EDB, &err, "not a database");
    assert_null(db);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(every_type_survives),
        T(a_table_of_several_chunks_survives),
        T(columns_have_strict_types),
        T(replacing_twice_does_not_double),
        T(a_table_with_the_same_columns_keeps_its_index),
        T(a_table_with_other_columns_is_made_anew),
        T(names_of_any_kind_are_quoted),
        T(rows_are_seen_only_after_the_commit),
        T(a_missing_key_is_refused_and_the_old_rows_stay),
        T(a_key_that_repeats_is_refused),
        T(a_key_that_is_no_column_is_refused),
        T(replacing_outside_a_transaction_is_refused),
        T(a_view_is_not_replaced),
        T(a_column_takes_the_type_of_its_first_value),
        T(whole_numbers_and_fractions_are_numbers),
        T(values_of_different_types_become_text),
        T(an_empty_result_has_its_columns),
        T(results_that_no_table_can_hold_are_refused),
        T(an_attached_table_can_be_queried),
        T(an_attached_table_joins_stored_ones),
        T(opening_what_is_no_database_fails),
    };
    return cmocka_run_group_tests_name("db_sqlite", tests, NULL, NULL);
}
