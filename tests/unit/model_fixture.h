/* model_fixture.h - a temporary dagrun home, an arena and diagnostics for the
 * tests of runner/model. One test program includes it once. */
#ifndef MODEL_FIXTURE_H
#define MODEL_FIXTURE_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/file.h"
#include "model/home.h"
#include "temp_folder.h"

struct fixture {
    struct dr_arena a;
    struct dr_diags d;
    struct dr_home home;
    struct dr_buf text; /* what was shown last */
    struct dr_err err;
    char dir[200];
};

static inline int fixture_setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    if (!make_temp_folder(f->dir, sizeof f->dir) || dr_mkdirs(dr_path_join(&f->a, f->dir, "dags"), NULL) ||
        dr_mkdirs(dr_path_join(&f->a, f->dir, "expectations"), NULL) ||
        dr_home_find(&f->a, f->dir, &f->home, &f->err))
        return -1;
    f->d.arena = &f->a;
    *state = f;
    return 0;
}

static inline int fixture_teardown(void **state)
{
    struct fixture *f = *state;
    int32_t rc = dr_remove_tree(f->dir, NULL);
    dr_buf_done(&f->text);
    dr_arena_done(&f->a);
    free(f);
    return rc;
}

static inline void put_file(struct fixture *f, const char *name, const char *text)
{
    assert_int_equal(dr_write_file(dr_path_join(&f->a, f->dir, name), dr_str_of(text), &f->err), 0);
}

/* The diagnostics as text. */
static inline const char *shown(struct fixture *f)
{
    dr_buf_clear(&f->text);
    dr_diags_put_text(&f->d, &f->text);
    return dr_buf_cstr(&f->text);
}

static inline void assert_contains(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("expected \"%s\" in:\n%s", part, text);
}
static inline void assert_shows(struct fixture *f, const char *part)
{
    assert_contains(shown(f), part);
}

/* Examples in docs: fenced blocks whose first line is "# FOLDER/NAME.yaml".
 * Writes each into the home and gives its id to `check`; returns how many. */
#ifndef SOURCE_DIR
#define SOURCE_DIR "."
#endif
static inline int each_example(struct fixture *f, const char *doc, const char *folder,
                               void (*check)(struct fixture *f, const char *id))
{
    struct dr_str text;
    const char *path = dr_arena_printf(&f->a, "%s/docs/%s", SOURCE_DIR, doc);
    const char *start = dr_arena_printf(&f->a, "```yaml\n# %s/", folder);
    if (dr_read_file(&f->a, path, 1 << 20, &text, &f->err))
        fail_msg("%s", f->err.msg);
    int n = 0;
    for (const char *at = strstr(text.p, start); at; at = strstr(at + 1, start), n++) {
        const char *name = at + strlen(start), *dot = strstr(name, ".yaml\n"), *end = strstr(name, "\n```");
        assert_true(dot && end && dot < end);
        char *id = dr_arena_dup(&f->a, name, (size_t)(dot - name));
        const char *body = dr_arena_dup(&f->a, dot + 6, (size_t)(end + 1 - dot - 6));
        put_file(f, dr_arena_printf(&f->a, "%s/%s.yaml", folder, id), body);
        check(f, id);
    }
    return n;
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)
#endif
