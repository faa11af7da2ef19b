/* Diagnostics: order, text, JSON, limits. */
#include "model_fixture.h"

static const struct dr_mark at_12_7 = { "dags/x.yaml", 12, 7 }, at_3_1 = { "dags/x.yaml", 3, 1 };

static void a_diagnostic_shows_place_level_message_and_hint(void **state)
{
    struct fixture *f = *state;
    dr_diag_add(&f->d, DR_DIAG_ERROR, at_12_7, "do this", "wrong %s", "thing");
    assert_string_equal(shown(f), "dags/x.yaml:12:7: error: wrong thing\n  do this\n");
}

static void diagnostics_are_shown_in_order_of_place(void **state)
{
    struct fixture *f = *state;
    dr_diag_add(&f->d, DR_DIAG_ERROR, at_12_7, NULL, "later");
    dr_diag_add(&f->d, DR_DIAG_WARNING, at_3_1, NULL, "earlier");
    dr_diag_add(&f->d, DR_DIAG_ERROR, at_12_7, NULL, "last");
    assert_string_equal(shown(f), "dags/x.yaml:3:1: warning: earlier\ndags/x.yaml:12:7: error: later\n"
                                  "dags/x.yaml:12:7: error: last\n");
    assert_int_equal(f->d.errors, 2);
    assert_int_equal(f->d.warnings, 1);
}

static void a_mark_without_a_line_shows_only_the_file(void **state)
{
    struct fixture *f = *state;
    dr_diag_add(&f->d, DR_DIAG_ERROR, (struct dr_mark){ "dags/x.yaml", 0, 0 }, NULL, "gone");
    assert_string_equal(shown(f), "dags/x.yaml: error: gone\n");
}

static void json_has_every_field(void **state)
{
    struct fixture *f = *state;
    dr_diag_add(&f->d, DR_DIAG_ERROR, at_12_7, NULL, "a \"quoted\" word");
    dr_buf_clear(&f->text);
    dr_diags_put_json(&f->d, &f->text);
    const char *json = dr_buf_cstr(&f->text);
    assert_contains(json, "\"level\":");
    assert_contains(json, "\"dags/x.yaml\"");
    assert_contains(json, "12");
    assert_contains(json, "a \\\"quoted\\\" word");
    assert_contains(json, "null");
}

static void control_characters_of_a_file_do_not_reach_the_terminal(void **state)
{
    struct fixture *f = *state;
    dr_diag_add(&f->d, DR_DIAG_ERROR, at_3_1, NULL, "unknown key '%s'", "\x1b[31m");
    assert_null(strchr(shown(f), 0x1b));
}

static void more_diagnostics_than_the_limit_are_counted(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < DR_DIAG_MAX + 5; i++)
        dr_diag_add(&f->d, DR_DIAG_ERROR, at_3_1, NULL, "number %d", i);
    assert_int_equal(f->d.n, DR_DIAG_MAX);
    assert_int_equal(f->d.dropped, 5);
    assert_int_equal(f->d.errors, DR_DIAG_MAX + 5);
    assert_shows(f, "(5 more not shown)");
}

static void failing_gives_the_first_error_and_counts_the_rest(void **state)
{
    struct fixture *f = *state;
    dr_diag_add(&f->d, DR_DIAG_ERROR, at_12_7, NULL, "second");
    dr_diag_add(&f->d, DR_DIAG_WARNING, at_3_1, NULL, "only a warning");
    dr_diag_add(&f->d, DR_DIAG_ERROR, (struct dr_mark){ "dags/x.yaml", 4, 2 }, "did you mean 'a'?", "first");
    assert_int_equal(dr_diags_fail(&f->d, &f->err), DR_EDEF);
    assert_string_equal(f->err.msg, "dags/x.yaml:4:2: first (did you mean 'a'?); and 1 more");
}

static void the_nearest_word_is_suggested_and_nothing_far(void **state)
{
    struct fixture *f = *state;
    static const char *const words[] = { "retries", "retry_delay", "owner" };
    assert_string_equal(dr_diag_nearest(&f->d, "retris", words, 3), "did you mean 'retries'?");
    assert_null(dr_diag_nearest(&f->d, "xyzzy", words, 3));
    static const char *const cases[] = { "column_A", "column_B" };
    assert_string_equal(dr_diag_nearest(&f->d, "column_b", cases, 2), "did you mean 'column_B'?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_diagnostic_shows_place_level_message_and_hint),
        TEST(diagnostics_are_shown_in_order_of_place),
        TEST(a_mark_without_a_line_shows_only_the_file),
        TEST(json_has_every_field),
        TEST(control_characters_of_a_file_do_not_reach_the_terminal),
        TEST(more_diagnostics_than_the_limit_are_counted),
        TEST(failing_gives_the_first_error_and_counts_the_rest),
        TEST(the_nearest_word_is_suggested_and_nothing_far),
    };
    return cmocka_run_group_tests_name("diag", tests, NULL, NULL);
}
