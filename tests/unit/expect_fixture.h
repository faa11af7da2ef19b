/* expect_fixture.h - tables written as text and one expectation at a time. */
#ifndef EXPECT_FIXTURE_H
#define EXPECT_FIXTURE_H
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "base/json.h"
#include "expect/expect.h"

struct fixture {
    struct dr_arena a;
    struct dr_table *table;
    struct dr_suite suite;
    struct dr_suite_column columns[8];
    struct dr_expectation expectations[8];
    struct dr_expect_options options;
    struct dr_results *results;
    struct dr_err err;
};

static inline int fixture_new(void **state)
{
    struct fixture *f = dr_calloc(1, sizeof *f);
    f->suite = (struct dr_suite){ .name = "s", .columns = f->columns, .expectations = f->expectations };
    f->options.result_format = DR_RESULT_COMPLETE;
    *state = f;
    return 0;
}

static inline int fixture_free(void **state)
{
    struct fixture *f = *state;
    dr_results_free(f->results);
    dr_table_unref(f->table);
    dr_arena_done(&f->a);
    free(f);
    return 0;
}

static inline struct dr_node *json(struct fixture *f, const char *text)
{
    struct dr_node *n;
    if (dr_json_parse(&f->a, dr_str_of(text), "test", true, &n, &f->err))
        fail_msg("%s: %s", text, f->err.msg);
    return n;
}

/* A column from a JSON list: all of one kind, null where missing. "date:2024-01-31" is a date. */
static inline struct dr_column *column(const struct dr_node *list)
{
    int32_t type = DR_TYPE_NULL;
    for (int32_t i = 0; i < list->n; i++) {
        int32_t kind = list->items[i]->kind;
        if (kind == DR_NODE_FLOAT || (kind == DR_NODE_INT && type == DR_TYPE_FLOAT64))
            type = DR_TYPE_FLOAT64;
        else if (kind != DR_NODE_NULL)
            type = kind == DR_NODE_INT ? DR_TYPE_INT64 : kind == DR_NODE_BOOL ? DR_TYPE_BOOL : DR_TYPE_DICT;
    }
    struct dr_builder *b = dr_builder_new(type);
    for (int32_t i = 0; i < list->n; i++) {
        const struct dr_node *n = list->items[i];
        if (n->kind == DR_NODE_NULL)
            dr_builder_append_null(b);
        else if (type == DR_TYPE_FLOAT64)
            dr_builder_append_float(b, n->f);
        else if (type == DR_TYPE_DICT)
            dr_builder_append_bytes(b, n->text.p, (int64_t)n->text.n);
        else
            dr_builder_append_int(b, n->i);
    }
    return dr_builder_finish(b);
}

/* The table {"name": [values], ...}. */
static inline void given(struct fixture *f, const char *text)
{
    const struct dr_node *map = json(f, text);
    const char *names[16];
    struct dr_column *columns[16];
    for (int32_t k = 0; k < map->n; k++) {
        names[k] = map->keys[k].p;
        columns[k] = column(map->items[k]);
    }
    dr_table_unref(f->table);
    f->table = NULL;
    int32_t rc = dr_table_new(map->n, names, (const struct dr_column *const *)columns, &f->table, &f->err);
    for (int32_t k = 0; k < map->n; k++)
        dr_column_unref(columns[k]);
    assert_int_equal(rc, 0);
}

static inline void declare(struct fixture *f, struct dr_suite_column c)
{
    f->columns[f->suite.n_columns++] = c;
}

/* Add an expectation to the suite. */
static inline struct dr_expectation *expect(struct fixture *f, const char *type, const char *kwargs)
{
    struct dr_expectation *x = &f->expectations[f->suite.n++];
    *x = (struct dr_expectation){ .id = dr_arena_printf(&f->a, "e%d", f->suite.n),
                                  .type = type,
                                  .kwargs = json(f, kwargs),
                                  .severity = DR_SEVERITY_WARNING };
    return x;
}

static inline const struct dr_results *run(struct fixture *f)
{
    dr_results_free(f->results);
    f->results = NULL;
    if (dr_expect_run(&f->suite, f->table, &f->options, &f->results, &f->err))
        fail_msg("%s", f->err.msg);
    return f->results;
}

/* Run this expectation alone. */
static inline const struct dr_check *check(struct fixture *f, const char *type, const char *kwargs)
{
    f->suite.n = 0;
    expect(f, type, kwargs);
    return &run(f)->checks[0];
}

/* As check, and it must have been evaluated. */
static inline const struct dr_check *verdict(struct fixture *f, const char *type, const char *kwargs,
                                             bool success)
{
    const struct dr_check *c = check(f, type, kwargs);
    if (c->exception)
        fail_msg("%s %s: %s", type, kwargs, c->exception);
    if (c->success != success)
        fail_msg("%s %s: %s: %s", type, kwargs, success ? "should succeed" : "should fail", c->sentence);
    return c;
}

static inline void assert_exception(struct fixture *f, const char *type, const char *kwargs, const char *part)
{
    const struct dr_check *c = check(f, type, kwargs);
    assert_false(c->success);
    if (!c->exception || !strstr(c->exception, part))
        fail_msg("%s %s: the error should contain '%s': %s", type, kwargs, part,
                 c->exception ? c->exception : c->sentence);
}

/* A field of the result as JSON text. */
static inline const char *field(struct fixture *f, const char *key)
{
    struct dr_buf b = { 0 };
    const struct dr_node *n = dr_node_get(f->results->checks[0].result, key);
    if (!n)
        return "(absent)";
    dr_json_put_node(&b, n, 0);
    const char *text = dr_arena_dup(&f->a, dr_buf_cstr(&b), b.n);
    dr_buf_done(&b);
    return text;
}

static inline void assert_field(struct fixture *f, const char *key, const char *expected)
{
    if (!dr_node_equal(json(f, field(f, key)), json(f, expected)))
        fail_msg("%s should be %s and is %s", key, expected, field(f, key));
}
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_new, fixture_free)
#endif
