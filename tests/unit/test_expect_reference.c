/* The reference of expectation types: sorted, whole, and the same as the file
 * in docs/. Run with UPDATE_DOCS=1 to write that file. */
#include "expect_fixture.h"
#include "base/file.h"
#include "model/suite.h"
#include "model/yaml.h"

static void types_are_sorted_and_documented(void **state)
{
    int32_t n;
    const struct dr_expect_info *infos = dr_expect_infos(&n);
    (void)state;
    assert_true(n >= 50);
    for (int32_t k = 0; k < n; k++) {
        assert_true(k == 0 || strcmp(infos[k - 1].name, infos[k].name) < 0);
        assert_non_null(infos[k].summary);
        assert_non_null(infos[k].example);
        for (int32_t i = 0; i < infos[k].n_args; i++)
            assert_true(infos[k].args[i].doc && infos[k].args[i].type && strlen(infos[k].args[i].doc) > 5);
    }
}

static void every_example_is_a_valid_entry_of_a_suite(void **state)
{
    struct fixture *f = *state;
    int32_t n;
    const struct dr_expect_info *infos = dr_expect_infos(&n);
    for (int32_t k = 0; k < n; k++) {
        struct dr_diags d = { .arena = &f->a };
        DR_AUTO_BUF shown = { 0 };
        const char *text = dr_arena_printf(&f->a, "suite: s\nexpectations:\n  - %s\n", infos[k].example);
        const struct dr_node *root = dr_yaml_parse(&f->a, dr_str_of(text), "example", &d);
        const struct dr_suite *s = root ? dr_suite_from_node(&f->a, root, dr_expect_source(), &d) : NULL;
        dr_diags_put_text(&d, &shown);
        if (!s || d.n || !dr_streq(s->expectations[0].type, infos[k].name))
            fail_msg("%s: %s", infos[k].example, dr_buf_cstr(&shown));
    }
}

static void the_file_in_docs_is_up_to_date(void **state)
{
    struct fixture *f = *state;
    const char *path = SOURCE_DIR "/docs/expectations.md";
    struct dr_str found = { 0 };
    DR_AUTO_BUF b = { 0 };
    dr_expect_put_reference(&b);
    if (getenv("UPDATE_DOCS"))
        assert_int_equal(dr_write_file(path, dr_buf_str(&b), &f->err), 0);
    assert_int_equal(dr_read_file(&f->a, path, 1 << 20, &found, &f->err), 0);
    if (!dr_str_eq(found, dr_buf_str(&b)))
        fail_msg(
            "docs/expectations.md is out of date; run UPDATE_DOCS=1 build/tests/unit/test_expect_reference");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(types_are_sorted_and_documented),
        TEST(every_example_is_a_valid_entry_of_a_suite),
        TEST(the_file_in_docs_is_up_to_date),
    };
    return cmocka_run_group_tests_name("expect_reference", tests, NULL, NULL);
}
