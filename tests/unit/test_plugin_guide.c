/* The example of docs/plugins.md, built with the command it gives (outside of
 * this repository) and run in the DAG it shows. */
#include "test_exec_fixture.h"

/* The fenced block of the guide that holds `mark`, without its fences. */
static const char *block_with(struct fixture *f, const char *mark)
{
    struct dr_str text;
    if (dr_read_file(&f->arena, SOURCE_DIR "/docs/plugins.md", 1 << 20, &text, &f->err))
        fail_msg("%s", f->err.msg);
    const char *at = strstr(text.p, mark);
    assert_non_null(at);
    const char *end = strstr(at, "\n```");
    while (at > text.p && memcmp(at, "```", 3) != 0)
        at--;
    at = strchr(at, '\n') + 1;
    return dr_arena_dup(&f->arena, at, (size_t)(end - at + 1));
}

/* With the headers of this checkout, and the compiler that CC names. */
static char *build_command(struct fixture *f)
{
    const char *given = block_with(f, "-I/usr/local/include"),
               *include = strstr(given, "-I/usr/local/include");
    const char *compiler = getenv("CC") ? getenv("CC") : "cc";
    const char *cc = strstr(given, "cc -O2");
    assert_non_null(cc);
    return dr_arena_printf(&f->arena, "cd '%s' && %.*s%s%.*s-I" SOURCE_DIR "/include%s", f->folder,
                           (int)(cc - given), given, compiler, (int)(include - cc - 2), cc + 2,
                           include + strlen("-I/usr/local/include"));
}

static void the_guides_plugin_builds_and_runs(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(DR_OK, dr_mkdirs(in_home(f, "tasks"), &f->err));
    write_file(f, "tasks/big_values.c", block_with(f, "/* big_values.c"));
    write_file(f, "data/trees.csv", "name,size\nash,12\noak,40\nelm,7\n");
    assert_int_equal(0, system(build_command(f)));
    const char *tasks = strstr(block_with(f, "dag_id: trees"), "tasks:\n") + strlen("tasks:\n");
    load_dag(f, tasks);
    run_dag(f);
    assert_string_equal("", task_reason(f, "big"));
    assert_int_equal(DR_RUN_SUCCESS, f->outcome.state);
    assert_string_equal(
        "2", ask(f, "SELECT CAST(CAST(value AS INTEGER) AS TEXT) FROM metric WHERE name = 'rows_out'"));
    assert_contains(read_text(f, "var/runs/t/r/big@1.log"), " INFO 2 of 3 rows are big\n");
    struct dr_table *table;
    assert_int_equal(
        DR_OK, dr_table_read_arrow(in_home(f, "var/runs/t/r/big/out/big_trees.arrow"), &table, &f->err));
    assert_int_equal(2, dr_table_rows(table));
    dr_table_unref(table);
}

static void a_wrong_column_fails_for_good_with_the_guides_words(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(DR_OK, dr_mkdirs(in_home(f, "tasks"), &f->err));
    write_file(f, "tasks/big_values.c", block_with(f, "/* big_values.c"));
    write_file(f, "data/trees.csv", "name\nash\n");
    assert_int_equal(0, system(build_command(f)));
    load_dag(f, "  a: {plugin: big_values, inputs: {table: data/trees.csv}, with: {column: size}, outputs: "
                "{table: x},\n"
                "      retries: 3}\n");
    run_dag(f);
    assert_string_equal("the table has no column 'size'", task_reason(f, "a"));
    assert_string_equal("1", ask(f, "SELECT CAST(count(*) AS TEXT) FROM task_attempt"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EXEC_TEST(the_guides_plugin_builds_and_runs),
        EXEC_TEST(a_wrong_column_fails_for_good_with_the_guides_words),
    };
    return RUN_TESTS("plugin guide", tests);
}
