#include "test_exec_fixture.h"

static struct dr_plugins *load_all(struct fixture *f)
{
    struct dr_plugins *set;
    if (dr_plugins_load(&f->arena, &f->home, NULL, 0, &set, &f->err))
        fail_msg("%s", f->err.msg);
    return set;
}

static const struct dr_plugin_spec *find(const struct dr_plugins *set, const char *name)
{
    const struct dr_plugin_spec *spec = dr_plugins_find(set, name);
    if (!spec)
        fail_msg("no plugin %s", name);
    return spec;
}

static void a_declaration_arrives_whole(void **state)
{
    const struct dr_plugin_spec *s = find(load_all(*state), "shell");
    assert_null(s->problem);
    assert_string_equal("Runs a command in the shell", s->summary);
    assert_non_null(strstr(s->doc, "DAGRUN_INPUT_NAME"));
    assert_int_equal(3, s->n_params);
    assert_string_equal("command", s->params[0].name);
    assert_int_equal(DR_PARAM_STRING, s->params[0].type);
    assert_int_equal(DR_REQUIRED, s->params[0].flags);
    assert_int_equal(1, s->n_inputs);
    assert_int_equal(DR_MANY, s->outputs[0].flags);
    assert_int_equal(32, strlen(s->hash));
}

static void a_fallback_is_read_as_yaml(void **state)
{
    const struct dr_plugin_spec *s = find(load_all(*state), "flaky");
    assert_int_equal(2, dr_node_int(s->params[0].fallback, 0));
    assert_int_equal(DR_NODE_BOOL, dr_node_kind(s->params[1].fallback));
}

static void a_plugin_of_another_abi_says_both_values(void **state)
{
    struct dr_plugins *set = load_all(*state);
    assert_contains(find(set, "wrong_abi")->problem, "was built for plugin ABI 99, this program has 1");
    assert_contains(find(set, "wrong_size")->problem, "has 8 bytes, this program's has");
}

static void what_is_no_plugin_says_so(void **state)
{
    struct dr_plugins *set = load_all(*state);
    assert_contains(find(set, "not_a_plugin")->problem, "is no dagrun plugin");
    assert_contains(find(set, "wrong_name")->problem, "declares the name 'somebody_else'");
}

static void a_crash_on_load_is_that_plugins_problem_only(void **state)
{
    struct dr_plugins *set = load_all(*state);
    assert_contains(find(set, "crash_on_load")->problem, "crashes when it is loaded: signal 6 (SIGABRT)");
    /* One before it and one behind it in the order of asking. */
    assert_null(find(set, "add_one")->problem);
    assert_null(find(set, "talker")->problem);
}

static void a_plugin_that_prints_when_loaded_disturbs_nobody(void **state)
{
    const struct dr_plugin_spec *s = find(load_all(*state), "noisy_on_load");
    assert_null(s->problem);
    assert_string_equal("1.2", s->version);
}

static void a_file_that_cannot_be_loaded_says_why(void **state)
{
    struct fixture *f = *state;
    write_file(f, "build/tasks/text.so", "this is no shared object");
    assert_contains(find(load_all(f), "text")->problem, "cannot load");
}

static void only_the_plugins_named_are_asked(void **state)
{
    struct fixture *f = *state;
    struct dr_plugins *set;
    size_t n;
    const char *const names[] = { "noop", "no_such_plugin" };
    assert_int_equal(DR_OK, dr_plugins_load(&f->arena, &f->home, names, 2, &set, &f->err));
    assert_string_equal("noop", dr_plugins_list(set, &n)[0]->name);
    assert_int_equal(1, n);
    assert_null(dr_plugins_find(set, "no_such_plugin"));
}

static void the_source_knows_all_names_for_suggestions(void **state)
{
    struct fixture *f = *state;
    struct dr_plugins *set;
    const char *const names[] = { "noop" };
    assert_int_equal(DR_OK, dr_plugins_load(&f->arena, &f->home, names, 1, &set, &f->err));
    struct dr_spec_source source = dr_plugins_source(set);
    size_t n;
    const char *const *all = source.names(source.ctx, &n);
    assert_true(n > 10);
    assert_string_equal("shell", dr_nearest("shel", all, n));
    assert_string_equal("noop", source.find(source.ctx, "noop")->name);
}

static void the_list_is_sorted(void **state)
{
    struct dr_plugins *set = load_all(*state);
    size_t n;
    const struct dr_plugin_spec *const *list = dr_plugins_list(set, &n);
    for (size_t i = 1; i < n; i++)
        assert_true(strcmp(list[i - 1]->name, list[i]->name) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EXEC_TEST(a_declaration_arrives_whole),
        EXEC_TEST(a_fallback_is_read_as_yaml),
        EXEC_TEST(a_plugin_of_another_abi_says_both_values),
        EXEC_TEST(what_is_no_plugin_says_so),
        EXEC_TEST(a_crash_on_load_is_that_plugins_problem_only),
        EXEC_TEST(a_plugin_that_prints_when_loaded_disturbs_nobody),
        EXEC_TEST(a_file_that_cannot_be_loaded_says_why),
        EXEC_TEST(only_the_plugins_named_are_asked),
        EXEC_TEST(the_source_knows_all_names_for_suggestions),
        EXEC_TEST(the_list_is_sorted),
    };
    return RUN_TESTS("plugins", tests);
}
