/* view_fixture.h - what the tests of views share: a resource, and paths over it as text. */
#ifndef VIEW_FIXTURE_H
#define VIEW_FIXTURE_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "view/bundle.h"
#include "view/path.h"

struct fixture {
    struct dr_arena a;
    struct dr_json_doc *doc;
    struct dr_bundle *bundle;
    struct dr_path_stack *stack;
    struct dr_path_names names;
    struct dr_path_scope scope;
    struct dr_item focus;
    struct dr_buf text, shown;
    struct dr_err err;
};

static inline int fixture_new(void **state)
{
    struct fixture *f = dr_calloc(1, sizeof *f);
    f->doc = dr_json_doc_new();
    f->bundle = dr_bundle_new();
    f->stack = dr_path_stack_new();
    *state = f;
    return 0;
}

static inline int fixture_free(void **state)
{
    struct fixture *f = *state;
    dr_json_doc_free(f->doc);
    dr_bundle_free(f->bundle);
    dr_path_stack_free(f->stack);
    dr_buf_done(&f->text);
    dr_buf_done(&f->shown);
    dr_arena_done(&f->a);
    free(f);
    return 0;
}

/* The resource, or the bundle whose first entry is, that paths are evaluated on. */
static inline void given(struct fixture *f, const char *json)
{
    dr_buf_clear(&f->text);
    (void)dr_buf_puts(&f->text, json);
    (void)dr_buf_reserve(&f->text, DR_JSON_PADDING);
    if (dr_json_doc_parse(f->doc, "given", f->text.p, f->text.n, &f->err))
        fail_msg("%s", f->err.msg);
    if (dr_bundle_read(f->bundle, dr_json_root(f->doc), &f->err))
        fail_msg("%s", f->err.msg);
    const struct dr_bundle_entry *e = dr_bundle_at(f->bundle, 0);
    f->scope = (struct dr_path_scope){ e->resource, e->key, f->bundle, 0 };
    f->focus = dr_item_node(e->resource);
}

static inline void show(struct fixture *f, struct dr_item item)
{
    struct dr_scalar s = dr_item_scalar(item);
    struct dr_str text = s.text;
    if (s.kind == DR_SCALAR_OBJECT)
        text = dr_json_source(item.node);
    if (s.kind == DR_SCALAR_BOOL)
        text = s.truth ? DR_LIT("true") : DR_LIT("false");
    (void)dr_buf_append(&f->shown, text.p, text.n);
}

/* What the path yields, "a, b"; "" for nothing; the message of a failure. */
static inline const char *path(struct fixture *f, const char *text)
{
    const struct dr_path *p;
    f->err = (struct dr_err){ 0 };
    dr_path_stack_clear(f->stack);
    dr_buf_clear(&f->shown);
    if (dr_path_compile(&f->a, dr_str_of(text), &f->names, &p, NULL, &f->err) ||
        dr_path_eval(f->stack, p, f->focus, &f->scope, &f->err)) {
        assert_int_equal(dr_path_stack_size(f->stack), 0);
        return f->err.msg;
    }
    for (size_t i = 0; i < dr_path_stack_size(f->stack); i++) {
        (void)dr_buf_puts(&f->shown, i ? ", " : "");
        show(f, *dr_path_stack_at(f->stack, i));
    }
    return dr_buf_cstr(&f->shown);
}

#define YIELDS(text, wanted) assert_string_equal(path(f, text), wanted)
#define FAILS(text, wanted)                                                                                  \
    do {                                                                                                     \
        const char *got_ = path(f, text);                                                                    \
        if (!f->err.rc || !strstr(got_, wanted))                                                             \
            fail_msg("'%s' gives '%s', not a failure with '%s'", text, got_, wanted);                        \
    } while (0)
#define VIEW_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_new, fixture_free)
#endif
