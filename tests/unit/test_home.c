/* A dagrun home: finding it and listing what is in it. */
#include "model_fixture.h"

static void assert_names(char **names, size_t n, const char *joined)
{
    char text[200] = "";
    size_t at = 0;
    for (size_t i = 0; i < n; i++)
        at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s", i ? " " : "", names[i]);
    assert_string_equal(text, joined);
}

/* As fixture_setup, and back to where it was afterwards. */
static int here_teardown(void **state)
{
    unsetenv("DAGRUN_HOME");
    if (chdir("/"))
        return -1;
    return fixture_teardown(state);
}

static void a_named_home_gives_absolute_paths(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(f->home.path[0], '/');
    assert_string_equal(f->home.db, dr_arena_printf(&f->a, "%s/var/dagrun.db", f->home.path));
    assert_string_equal(f->home.warehouse, dr_arena_printf(&f->a, "%s/var/warehouse.db", f->home.path));
    assert_string_equal(f->home.dags, dr_arena_printf(&f->a, "%s/dags", f->home.path));
}

static void the_nearest_parent_with_dags_is_the_home(void **state)
{
    struct fixture *f = *state;
    struct dr_home h;
    const char *deep = dr_path_join(&f->a, f->dir, "data/2024/03");
    assert_int_equal(dr_mkdirs(deep, &f->err), 0);
    assert_int_equal(chdir(deep), 0);
    unsetenv("DAGRUN_HOME");
    assert_int_equal(dr_home_find(&f->a, NULL, &h, &f->err), 0);
    assert_string_equal(h.path, f->home.path);
}

static void the_environment_names_a_home(void **state)
{
    struct fixture *f = *state;
    struct dr_home h;
    setenv("DAGRUN_HOME", f->dir, 1);
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(dr_home_find(&f->a, NULL, &h, &f->err), 0);
    assert_string_equal(h.path, f->home.path);
}

static void a_folder_without_dags_is_no_home(void **state)
{
    struct fixture *f = *state;
    struct dr_home h;
    const char *plain = dr_path_join(&f->a, f->dir, "expectations");
    assert_int_equal(dr_home_find(&f->a, plain, &h, &f->err), DR_ENOTFOUND);
    assert_contains(f->err.msg, "no folder 'dags'");
    assert_contains(f->err.msg, "dagrun init");
    assert_int_equal(dr_home_find(&f->a, dr_path_join(&f->a, f->dir, "nowhere"), &h, &f->err), DR_ENOTFOUND);
    assert_contains(f->err.msg, "--home");
}

static void no_home_above_says_how_to_make_one(void **state)
{
    struct fixture *f = *state;
    struct dr_home h;
    assert_int_equal(dr_remove_tree(f->home.dags, &f->err), 0);
    assert_int_equal(chdir(f->dir), 0);
    unsetenv("DAGRUN_HOME");
    if (!dr_home_find(&f->a, NULL, &h, &f->err)) {
        print_message("# skip: the machine's temporary folder lies in a dagrun home\n");
        skip();
    }
    assert_contains(f->err.msg, "dagrun init DIR");
}

static void paths_in_the_home_are_shown_relative(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(dr_home_show(&f->a, &f->home, dr_path_join(&f->a, f->home.dags, "x.yaml")),
                        "dags/x.yaml");
    assert_string_equal(dr_home_show(&f->a, &f->home, "/etc/passwd"), "/etc/passwd");
    const char *beside = dr_arena_printf(&f->a, "%sx/y", f->home.path);
    assert_string_equal(dr_home_show(&f->a, &f->home, beside), beside);
}

static void definitions_are_listed_sorted_and_once(void **state)
{
    struct fixture *f = *state;
    char **names;
    size_t n;
    put_file(f, "dags/b.yaml", "");
    put_file(f, "dags/a.yml", "");
    put_file(f, "dags/b.yml", "");
    put_file(f, "dags/.hidden.yaml", "");
    put_file(f, "dags/notes.txt", "");
    put_file(f, "expectations/s.yaml", "");
    assert_int_equal(dr_home_dags(&f->a, &f->home, &names, &n, &f->err), 0);
    assert_names(names, n, "a b");
    assert_int_equal(dr_home_suites(&f->a, &f->home, &names, &n, &f->err), 0);
    assert_names(names, n, "s");
}

static void an_absent_folder_lists_nothing(void **state)
{
    struct fixture *f = *state;
    char **names;
    size_t n = 7;
    assert_int_equal(dr_remove_tree(f->home.expectations, &f->err), 0);
    assert_int_equal(dr_home_suites(&f->a, &f->home, &names, &n, &f->err), 0);
    assert_int_equal(n, 0);
}

static void the_homes_own_plugins_come_first(void **state)
{
    struct fixture *f = *state;
    const char *path;
    assert_int_equal(dr_mkdirs(dr_path_join(&f->a, f->dir, "build/tasks"), &f->err), 0);
    put_file(f, "build/tasks/mine.so", "");
    assert_int_equal(dr_home_plugin(&f->a, &f->home, "mine", &path, &f->err), 0);
    assert_string_equal(path, dr_arena_printf(&f->a, "%s/build/tasks/mine.so", f->home.path));
    char **names;
    size_t n;
    assert_int_equal(dr_home_plugins(&f->a, &f->home, &names, &n, &f->err), 0);
    bool found = false;
    for (size_t i = 0; i < n; i++)
        found = found || dr_streq(names[i], "mine");
    assert_true(found);
}

static void an_unknown_plugin_names_the_folders(void **state)
{
    struct fixture *f = *state;
    const char *path;
    assert_int_equal(dr_home_plugin(&f->a, &f->home, "nope", &path, &f->err), DR_ENOTFOUND);
    assert_contains(f->err.msg, "build/tasks");
    assert_int_equal(dr_home_plugin(&f->a, &f->home, "../x", &path, &f->err), DR_EDEF);
}

#define HERE(function) cmocka_unit_test_setup_teardown(function, fixture_setup, here_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_named_home_gives_absolute_paths),      HERE(the_nearest_parent_with_dags_is_the_home),
        HERE(the_environment_names_a_home),           TEST(a_folder_without_dags_is_no_home),
        HERE(no_home_above_says_how_to_make_one),     TEST(paths_in_the_home_are_shown_relative),
        TEST(definitions_are_listed_sorted_and_once), TEST(an_absent_folder_lists_nothing),
        TEST(the_homes_own_plugins_come_first),       TEST(an_unknown_plugin_names_the_folders),
    };
    return cmocka_run_group_tests_name("home", tests, NULL, NULL);
}
