/* test_state_docs.c - docs/state.md names every table, column and view there
 * is, and its queries run. Tests run in the root of the sources. */
#include "test_state_fixture.h"

struct page {
    struct fixture *f;
    struct dr_str text;
};

static int open_page(void **state)
{
    static struct page page;
    void *f;
    if (open_store(&f))
        return -1;
    page.f = f;
    *state = &page;
    return dr_read_file(&page.f->arena, "docs/state.md", 1 << 20, &page.text, &page.f->err);
}

static int close_page(void **state)
{
    struct page *page = *state;
    void *f = page->f;
    return remove_folder(&f);
}

/* The part of the page below a heading, up to the next one. */
static const char *section(struct page *p, const char *name)
{
    const char *heading = dr_arena_printf(&p->f->arena, "\n### %s\n", name);
    const char *start = strstr(p->text.p, heading);
    if (!start) {
        fail_msg("docs/state.md has no section '%s'", name);
        return ""; /* fail_msg does not, but the compiler cannot know */
    }
    const char *end = strstr(start + 1, "\n#");
    return dr_arena_dup(&p->f->arena, start, end ? (size_t)(end - start) : strlen(start));
}

static void every_table_and_column_is_described(void **state)
{
    struct page *p = *state;
    struct dr_sql_stmt *st;
    int columns = 0;
    assert_ok(p->f,
              dr_state_prepare(p->f->state,
                               "SELECT t.name, c.name FROM pragma_table_list t, pragma_table_info(t.name) c"
                               " WHERE t.schema = 'main' AND t.type = 'table' AND t.strict",
                               &st, &p->f->err));
    for (bool row;; columns++) {
        assert_ok(p->f, dr_state_step(p->f->state, st, &row, &p->f->err));
        if (!row)
            break;
        const char *table = dr_sql_text(st, 0, &p->f->arena), *column = dr_sql_text(st, 1, &p->f->arena);
        if (!strstr(section(p, table), dr_arena_printf(&p->f->arena, "`%s`", column)))
            fail_msg("docs/state.md does not describe %s.%s", table, column);
    }
    assert_true(columns > 90);
}

static void every_view_is_described(void **state)
{
    struct page *p = *state;
    struct dr_sql_stmt *st;
    assert_ok(p->f, dr_state_prepare(p->f->state, "SELECT name FROM sqlite_schema WHERE type = 'view'", &st,
                                     &p->f->err));
    for (bool row;;) {
        assert_ok(p->f, dr_state_step(p->f->state, st, &row, &p->f->err));
        if (!row)
            break;
        const char *name = dr_arena_printf(&p->f->arena, "\n| `%s` |", dr_sql_text(st, 0, &p->f->arena));
        if (!strstr(p->text.p, name))
            fail_msg("docs/state.md does not describe%s", name);
    }
}

static void every_query_runs(void **state)
{
    struct page *p = *state;
    int queries = 0;
    for (const char *at = p->text.p; (at = strstr(at, "```sql\n")); queries++) {
        const char *start = at + strlen("```sql\n"), *end = strstr(start, "```");
        assert_non_null(end);
        assert_ok(p->f, dr_sql_exec(p->f->state->db, dr_arena_dup(&p->f->arena, start, (size_t)(end - start)),
                                    &p->f->err));
        at = end + 3;
    }
    assert_true(queries > 10);
}

static void the_version_is_the_newest_one(void **state)
{
    struct page *p = *state;
    int32_t newest;
    dr_state_migrations(&newest);
    assert_non_null(strstr(p->text.p, dr_arena_printf(&p->f->arena, "\n| %d | ", (int)newest)));
    assert_null(strstr(p->text.p, dr_arena_printf(&p->f->arena, "\n| %d | ", (int)newest + 1)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_table_and_column_is_described, open_page, close_page),
        cmocka_unit_test_setup_teardown(every_view_is_described, open_page, close_page),
        cmocka_unit_test_setup_teardown(every_query_runs, open_page, close_page),
        cmocka_unit_test_setup_teardown(the_version_is_the_newest_one, open_page, close_page),
    };
    return cmocka_run_group_tests_name("state, documented", tests, NULL, NULL);
}
