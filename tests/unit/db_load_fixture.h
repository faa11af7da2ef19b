/* db_load_fixture.h - a database for a test, tables from text, and what a load did with them.
 * SQLite, or PostgreSQL where DAGRUN_TEST_POSTGRESQL holds a libpq connection string
 * (tests/e2e/test_postgresql_unit.sh sets it). */
#ifndef DB_LOAD_FIXTURE_H
#define DB_LOAD_FIXTURE_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"
#include "base/num.h"
#include "db/db.h"
#include "random_table.h"
#include "temp_folder.h"

struct fixture {
    char dir[512], path[600];
    struct dr_db *db;
};
static struct fixture *f;

static inline void must(int32_t rc, const struct dr_err *err)
{
    if (rc)
        fail_msg("%s", err->msg);
}

static inline void connect_to(struct dr_db **ret)
{
    static const char *const keys[] = { "dbname" };
    struct dr_err err = { 0 };
    const char *uri = getenv("DAGRUN_TEST_POSTGRESQL");
    struct dr_db_target where = {
        .postgresql = uri != NULL, .path = f->path, .keys = keys, .values = &uri, .n = 1
    };
    must(dr_db_connect(&where, ret, &err), &err);
}

static inline void exec(const char *sql)
{
    struct dr_err err = { 0 };
    must(dr_db_exec(f->db, sql, &err), &err);
}

static inline int setup(void **state)
{
    f = dr_calloc(1, sizeof *f);
    *state = f;
    if (!make_temp_folder(f->dir, sizeof f->dir))
        return -1;
    snprintf(f->path, sizeof f->path, "%s/w.db", f->dir);
    connect_to(&f->db);
    if (dr_streq(dr_db_type(f->db), "postgresql"))
        exec("DROP SCHEMA public CASCADE; CREATE SCHEMA public");
    return 0;
}

static inline int teardown(void **state)
{
    (void)state;
    dr_db_close(f->db);
    int32_t rc = dr_remove_tree(f->dir, NULL);
    free(f);
    return rc;
}

/* ---- tables from text: "id:int64 name:string\n1 one\n2 -\n"; - is missing ------------- */

static inline struct dr_column *column_of(struct dr_str text, int32_t at, int32_t type)
{
    struct dr_builder *b = dr_builder_new(DR_TYPE_DICT);
    struct dr_str line, word = { 0 };
    dr_str_split(&text, '\n', &line);
    while (dr_str_split(&text, '\n', &line)) {
        if (!line.n)
            continue;
        for (int32_t i = 0; i <= at; i++)
            dr_str_split(&line, ' ', &word);
        if (dr_str_eq(word, DR_LIT("-")))
            dr_builder_append_null(b);
        else
            dr_builder_append_bytes(b, word.p, (int64_t)word.n);
    }
    struct dr_column *words = dr_builder_finish(b), *typed = NULL;
    struct dr_err err = { 0 };
    must(dr_column_cast(words, type, NULL, &typed, &err), &err);
    dr_column_unref(words);
    return typed;
}

static inline struct dr_table *table(const char *text)
{
    const char *names[16];
    struct dr_column *columns[16];
    struct dr_arena a = { 0 };
    struct dr_str rest = dr_str_of(text), head, word;
    struct dr_table *t = NULL;
    struct dr_err err = { 0 };
    int32_t n = 0;
    dr_str_split(&rest, '\n', &head);
    while (dr_str_split(&head, ' ', &word)) {
        const char *colon = memchr(word.p, ':', word.n);
        names[n] = dr_arena_dup(&a, word.p, (size_t)(colon - word.p));
        int32_t type = dr_type_parse(dr_arena_dup(&a, colon + 1, word.n - (size_t)(colon + 1 - word.p)));
        columns[n] = column_of(dr_str_of(text), n, type);
        n++;
    }
    must(dr_table_new(n, names, (const struct dr_column *const *)columns, &t, &err), &err);
    for (int32_t i = 0; i < n; i++)
        dr_column_unref(columns[i]);
    dr_arena_done(&a);
    return t;
}

static const char *const id_key[] = { "id" };

/* A load of one table with the key id; give what it did as "+new ~changed =unchanged -deleted !refused". */
static inline void load_many(int32_t n, struct dr_db_load *specs)
{
    struct dr_err err = { 0 };
    int64_t lock_us = -1;
    must(dr_db_load(f->db, n, specs, &lock_us, &err), &err);
    assert_true(lock_us >= 0);
}

static inline const char *done(const struct dr_db_load *s)
{
    static char text[200];
    snprintf(text, sizeof text, "%s+%d ~%d =%d -%d !%d", s->skipped ? "skipped " : "", (int)s->inserted,
             (int)s->updated, (int)s->unchanged, (int)s->deleted, s->refused ? (int)s->refused->rows : 0);
    return text;
}

static inline void assert_load(struct dr_db_load spec, const char *rows, const char *expected)
{
    struct dr_table *t = table(rows);
    spec.size = sizeof spec;
    spec.rows = t;
    load_many(1, &spec);
    assert_string_equal(done(&spec), expected);
    dr_table_unref(spec.refused);
    dr_table_unref(t);
}
#define BARE(...) ((struct dr_db_load){ .size = sizeof(struct dr_db_load), .name = "t", __VA_ARGS__ })
#define LOAD(...) BARE(.n_keys = 1, .keys = id_key, __VA_ARGS__)
#define UPSERT LOAD(.mode = DR_LOAD_UPSERT)

/* Rows of a query, "1 one|2 -|": booleans as the database shows them. */
static inline void assert_answer(const char *sql, const char *expected)
{
    struct dr_err err = { 0 };
    struct dr_table *t = NULL;
    DR_AUTO_BUF got = { 0 };
    DR_AUTO_BUF text = { 0 };
    must(dr_db_query(f->db, sql, &t, &err), &err);
    for (int64_t row = 0; row < t->rows; row++)
        for (int32_t c = 0; c < t->n; c++) {
            const char *cell = cell_text(t->columns[c], row, &text);
            dr_buf_printf(&got, "%s%c", cell ? cell : "-", c + 1 < t->n ? ' ' : '|');
        }
    dr_table_unref(t);
    assert_string_equal(dr_buf_cstr(&got), expected);
}
#define ASSERT_T(expected) assert_answer("SELECT * FROM t ORDER BY 1", expected)
#endif
