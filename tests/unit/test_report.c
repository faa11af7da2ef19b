/* What a reader learns from a report, from runs in a run store. */
#include "test_report_fixture.h"
#include "data/column.h"

/* ---- the verdict ---- */

static void a_run_in_which_all_passed_worked(void **state)
{
    struct fixture *f = *state;
    struct dr_result_record r = a_result("a", "critical", true, 0);
    whole_run(f, 1, &r, 1);
    const char *page = write_report(f);
    assert_has(page, "The run worked");
    assert_has(page, "The check passed.");
    assert_has(page, "Every check passed.");
    assert_lacks(page, "Tasks that failed, and what they blocked");
    assert_has(page, "data-tone=\"good\"");
}

static void failures_are_told_by_severity_and_errors_apart(void **state)
{
    struct fixture *f = *state;
    struct dr_result_record r[] = { a_result("a", "critical", false, 3), a_result("b", "warning", false, 4),
                                    a_result("c", "warning", true, 0),   a_result("d", "info", false, 1),
                                    a_result("e", "warning", false, -1), a_result("f", "info", true, 0) };
    r[4].exception = "column 'value' is not there";
    whole_run(f, 1, r, 6);
    const char *page = write_report(f);
    assert_has(page, "3 of 6 checks failed, 1 of them critical; 1 could not be evaluated.");
    assert_has(page, "Could not be evaluated: column 'value' is not there");
    assert_has(page, "data-tone=\"bad\"><b>1</b>");
    assert_has(page, "data-tone=\"warn\"><b>1</b>");
    assert_has(page, "data-tone=\"note\"><b>1</b>");
    assert_has(page, "data-tone=\"odd\"><b>1</b>");
    assert_has(page, "data-tone=\"good\"><b>2</b>");
}

static void a_failed_task_is_named_with_what_it_blocked(void **state)
{
    struct fixture *f = *state;
    begin_run(f, 1);
    begin_task(f, VALIDATE_VITALS, T0);
    end_task(f, VALIDATE_VITALS, DR_TASK_FAILED, "no such file 'data/vitals.csv'", T0 + 5 * MS);
    for (int i = TRANSFORM_VITALS; i <= MONTHLY_VITALS; i++)
        assert_ok(f, dr_state_move_task(f->state, f->task[i], DR_TASK_NONE, DR_TASK_UPSTREAM_FAILED,
                                        "upstream failed: validate_vitals", 0, T0 + 6 * MS, &f->err));
    end_run(f, DR_RUN_FAILED);
    const char *page = write_report(f);
    assert_has(page, "The run failed: task validate_vitals failed, which blocked 3 others.");
    assert_has(page, "Tasks that failed, and what they blocked");
    assert_has(page, "no such file 'data/vitals.csv'");
    assert_has(page, "upstream failed: validate_vitals");
}

static void a_run_that_goes_on_says_so(void **state)
{
    struct fixture *f = *state;
    begin_run(f, 1);
    begin_task(f, VALIDATE_VITALS, T0);
    end_task(f, VALIDATE_VITALS, DR_TASK_SUCCESS, NULL, T0 + 5 * MS);
    begin_task(f, REPORT, T0 + 6 * MS);
    assert_has(write_report(f), "The run is still going on: 1 of 10 tasks succeeded so far.");
}

static void a_cancelled_run_is_no_success(void **state)
{
    struct fixture *f = *state;
    begin_run(f, 1);
    end_run(f, DR_RUN_CANCELLED);
    assert_has(write_report(f), "The run was cancelled");
}

/* ---- against the run before ---- */

static void new_still_failing_and_fixed_are_told_apart(void **state)
{
    struct fixture *f = *state;
    struct dr_result_record before[] = { a_result("a", "warning", true, 0),
                                         a_result("b", "warning", false, 2),
                                         a_result("c", "warning", false, 2) };
    struct dr_result_record now[] = { a_result("a", "warning", false, 5), a_result("b", "warning", false, 2),
                                      a_result("c", "warning", true, 0) };
    whole_run(f, 1, before, 3);
    whole_run(f, 2, now, 3);
    const char *page = write_report(f);
    assert_has(page, "Against the run before, scheduled__001");
    assert_has(page, "New: 1");
    assert_has(page, "Still failing: 1");
    assert_has(page, "Fixed: 1");
    for (int i = 0; i < 3; i++)
        assert_has(page, dr_arena_printf(
                             &f->arena, "%s: 1</h3><ul class=\"plain\"><li><a href=\"#check-vitals-%c\">",
                             (const char *const[]){ "New", "Still failing", "Fixed" }[i], "abc"[i]));
    assert_has(page, "The last runs of this check, newest first");
    assert_has(page, "5 more than in the run before.");
    assert_has(page, "As many as in the run before.");
}

static void failing_since_names_the_first_run_of_the_series(void **state)
{
    struct fixture *f = *state;
    static const bool passed[] = { false, true, false, false };
    for (int day = 1; day <= 4; day++) {
        struct dr_result_record r = a_result("a", "warning", passed[day - 1], passed[day - 1] ? 0 : 1);
        whole_run(f, day, &r, 1);
    }
    assert_has(write_report(f), "<dt>Failing since</dt><dd>scheduled__003</dd>");
}

static void the_first_run_has_nothing_to_be_compared_with(void **state)
{
    struct fixture *f = *state;
    struct dr_result_record r = a_result("a", "warning", false, 1);
    whole_run(f, 1, &r, 1);
    const char *page = write_report(f);
    assert_has(page, "first finished run of the DAG");
    assert_lacks(page, "still failing");
}

static void the_strip_shows_thirty_runs_at_most(void **state)
{
    struct fixture *f = *state;
    for (int day = 1; day <= 33; day++) {
        struct dr_result_record r = a_result("a", "warning", day < 30, day < 30 ? 0 : day);
        whole_run(f, day, &r, 1);
    }
    assert_has(write_report(f), "Last 30 runs: failed in 4, passed in 26");
}

static void rows_checked_are_a_line_with_gaps_where_nothing_was(void **state)
{
    struct fixture *f = *state;
    struct dr_result_record r = a_result("a", "warning", true, 0);
    r.element_count = 0;
    whole_run(f, 1, &r, 1);
    r.element_count = 1000;
    whole_run(f, 2, &r, 1);
    whole_run(f, 3, &r, 0);
    whole_run(f, 4, &r, 1);
    const char *page = write_report(f);
    assert_has(page, "Between 0 and 1,000 rows; 1,000 in this run.");
    assert_has(page, "d=\"M2.0 23.0L39.3 3.0M114.0 3.0h4\"");
    assert_has(page, "0 of 1 checks failed, 0 not evaluated");
    assert_has(page, ": not checked\"");
    assert_has(page, "title=\"scheduled__001\">2<br>Mar</th>");
    assert_has(page, "title=\"scheduled__002\">3</th>");
}

/* ---- failures ---- */

static void the_worst_failure_comes_first(void **state)
{
    struct fixture *f = *state;
    struct dr_result_record r[] = { a_result("one", "info", false, 1), a_result("two", "warning", false, 1),
                                    a_result("three", "critical", false, 1) };
    whole_run(f, 1, r, 3);
    const char *page = write_report(f);
    const char *one = strstr(page, "<article id=\"check-vitals-one\""),
               *two = strstr(page, "<article id=\"check-vitals-two\"");
    const char *three = strstr(page, "<article id=\"check-vitals-three\"");
    assert_true(three && two && one && three < two && two < one);
}

static void a_failure_says_observed_expected_and_how_to_run_it_again(void **state)
{
    struct fixture *f = *state;
    struct dr_result_record r = a_result("a", "warning", false, 11);
    r.kwargs = "{\"column\":\"value\",\"min_value\":20,\"max_value\":250,\"mostly\":0.99}";
    r.owner = "ward-data";
    whole_run(f, 1, &r, 1);
    const char *page = write_report(f);
    assert_has(page, "11 of 1,000 unexpected (1.1 %)");
    assert_has(page, "min_value: 20; max_value: 250; at most 1 % unexpected");
    assert_has(page, "<dt>Owner</dt><dd>ward-data</dd>");
    assert_has(page, "dagrun retry healthcare scheduled__001 --task validate_vitals");
}

static void failing_rows_are_shown_by_key_with_the_cell_marked(void **state)
{
    struct fixture *f = *state;
    struct dr_result_record r = a_result("a", "warning", false, 12);
    r.result =
        "{\"partial_unexpected_list\":[7,300],\"partial_unexpected_counts\":[{\"value\":300,\"count\":11}],"
        "\"partial_unexpected_index_list\":[{\"value\":7,\"hospital_id\":\"HOSP1\",\"patient_id\":\"***\"},"
        "{\"value\":300,\"hospital_id\":\"HOSP2\",\"patient_id\":\"***\"}]}";
    whole_run(f, 1, &r, 1);
    const char *page = write_report(f);
    assert_has(page, "<td class=\"hit\">300</td><td>HOSP2</td><td>***</td>");
    assert_has(page, "2 of 12 failing values");
    assert_has(page, "<td>300</td><td class=\"n\">11</td>");
}

static void failing_values_without_a_key_are_told_apart_from_none(void **state)
{
    struct fixture *f = *state;
    struct dr_result_record r = a_result("a", "warning", false, 4);
    r.result =
        "{\"partial_unexpected_list\":[null,\"\",\" \",1.5],\"details\":{\"added\":[\"x\"]},"
        "\"partial_unexpected_counts\":[{\"value\":[7,\"b\"],\"count\":1200},{\"value\":null,\"count\":1}]}";
    whole_run(f, 1, &r, 1);
    const char *page = write_report(f);
    assert_has(page, "<summary>The 4 failing values</summary>");
    assert_has(page, "<td class=\"hit\"><span class=\"muted\">missing</span></td>");
    assert_has(page, "<td class=\"hit\"><span class=\"muted\">(empty)</span></td>");
    assert_has(page, "<td class=\"hit\"><span class=\"muted\">(blank)</span></td>");
    assert_has(page, "<td class=\"hit\">1.5</td>");
    assert_has(page, "<td>7 \u00b7 b</td><td class=\"n\">1,200</td>");
    assert_has(page, "<td><span class=\"muted\">missing</span></td><td class=\"n\">1</td>");
    assert_has(page, "<pre>{");
    assert_lacks(page, "The last runs of this check, newest first");
    whole_run(f, 2, &r, 1);
    page = write_report(f);
    assert_has(page, "<summary>The 4 failing values, and the last runs</summary>");
    assert_has(page, "The last runs of this check, newest first");
}

static void a_result_that_is_not_json_does_no_harm(void **state)
{
    struct fixture *f = *state;
    struct dr_result_record r = a_result("a", "warning", false, 12);
    r.result = "{\"partial_unexpected_list\":";
    r.kwargs = "nonsense";
    whole_run(f, 1, &r, 1);
    assert_has(write_report(f), "12 of 1,000 unexpected");
}

static void every_check_has_one_permalink(void **state)
{
    struct fixture *f = *state;
    struct dr_result_record r[] = { a_result("a", "warning", false, 1), a_result("b", "warning", true, 0) };
    whole_run(f, 1, r, 2);
    const char *page = write_report(f);
    assert_int_equal(count_of(page, " id=\"check-vitals-a\""), 1);
    assert_int_equal(count_of(page, " id=\"check-vitals-b\""), 1);
}

static void what_is_checked_twice_has_two_permalinks(void **state)
{
    struct fixture *f = *state;
    struct dr_result_record r[] = { a_result("a", "warning", false, 1), a_result("a", "warning", true, 0),
                                    a_result("a", "warning", false, 1) };
    whole_run(f, 1, r, 3);
    const char *page = write_report(f);
    assert_int_equal(count_of(page, " id=\"check-vitals-a\""), 1);
    assert_int_equal(count_of(page, " id=\"check-vitals-a-2\""), 1);
    assert_int_equal(count_of(page, " id=\"check-vitals-a-3\""), 1);
}

/* ---- rows ---- */

static void the_flow_of_rows_adds_up_by_group(void **state)
{
    struct fixture *f = *state;
    begin_run(f, 1);
    begin_task(f, VALIDATE_VITALS, T0);
    put_account(f, VALIDATE_VITALS, "HOSP1", "raw", 1000);
    put_account(f, VALIDATE_VITALS, "HOSP1", "quarantined", 40);
    put_account(f, VALIDATE_VITALS, "HOSP1", "clean", 950);
    put_account(f, VALIDATE_VITALS, "HOSP1", "duplicates", 10);
    end_task(f, VALIDATE_VITALS, DR_TASK_SUCCESS, NULL, T0 + 5 * MS);
    end_run(f, DR_RUN_SUCCESS);
    const char *page = write_report(f);
    assert_has(page, "Of 1,000 raw rows 950 are clean, 40 quarantined and 10 duplicates.");
    assert_has(page, "adds up");
    assert_lacks(page, "Rows do not add up");
}

static void rows_that_do_not_add_up_spoil_the_verdict(void **state)
{
    struct fixture *f = *state;
    begin_run(f, 1);
    begin_task(f, VALIDATE_VITALS, T0);
    put_account(f, VALIDATE_VITALS, "HOSP1", "raw", 1000);
    put_account(f, VALIDATE_VITALS, "HOSP1", "clean", 997);
    end_task(f, VALIDATE_VITALS, DR_TASK_SUCCESS, NULL, T0 + 5 * MS);
    end_run(f, DR_RUN_SUCCESS);
    const char *page = write_report(f);
    assert_has(page, "Rows do not add up.");
    assert_has(page, "class=\"verdict\" data-tone=\"bad\"");
    assert_has(page, "3 missing");
}

static void groups_that_one_task_did_not_count_are_not_called_unfinished(void **state)
{
    struct fixture *f = *state;
    begin_run(f, 1);
    begin_task(f, VALIDATE_VITALS, T0);
    put_account(f, VALIDATE_VITALS, NULL, "raw", 10);
    put_account(f, VALIDATE_VITALS, "HOSP1", "clean", 10);
    end_task(f, VALIDATE_VITALS, DR_TASK_SUCCESS, NULL, T0 + 5 * MS);
    end_run(f, DR_RUN_SUCCESS);
    const char *page = write_report(f);
    assert_has(page, "only in all");
    assert_has(page, "adds up");
    assert_lacks(page, "not finished");
}

/* ---- files beside the report ---- */

static struct dr_column *texts(int n, const char *const *values)
{
    struct dr_builder *b = dr_builder_new(DR_TYPE_STRING);
    for (int i = 0; i < n; i++)
        if (values[i])
            dr_builder_append_bytes(b, values[i], (int64_t)strlen(values[i]));
        else
            dr_builder_append_null(b);
    return dr_builder_finish(b);
}

static struct dr_column *numbers(int n, const double *values)
{
    struct dr_builder *b = dr_builder_new(DR_TYPE_FLOAT64);
    for (int i = 0; i < n; i++)
        dr_builder_append_float(b, values[i]);
    return dr_builder_finish(b);
}

/* Write a table where a task's output lies, and record it. */
static void put_dataset(struct fixture *f, int task, const char *name, int n, const char *const *names,
                        struct dr_column **columns)
{
    struct dr_table *t;
    const char *path = dr_arena_printf(&f->arena, "var/runs/healthcare/%s/%s.arrow", f->run_id, name);
    assert_ok(
        f, dr_mkdirs(in_home(f, dr_arena_printf(&f->arena, "var/runs/healthcare/%s", f->run_id)), &f->err));
    assert_ok(f, dr_table_new(n, names, (const struct dr_column *const *)columns, &t, &f->err));
    assert_ok(f, dr_table_write_arrow(t, in_home(f, path), &f->err));
    struct dr_dataset_record d = {
        .name = name, .path = path, .rows = dr_table_rows(t), .bytes = 1, .output = true
    };
    assert_ok(f, dr_state_put_dataset(f->state, f->attempt[task], &d, &f->err));
    dr_table_unref(t);
    for (int i = 0; i < n; i++)
        dr_column_unref(columns[i]);
}

static void put_quarantine(struct fixture *f)
{
    struct dr_column *columns[] = { texts(2, (const char *const[]){ "P00042", NULL }),
                                    texts(2, (const char *const[]){ "abc", "x,\"y" }),
                                    texts(2, (const char *const[]){ "not a number", "not a number" }),
                                    texts(2, (const char *const[]){ NULL, "HOSP1,P00042,rest" }) };
    put_dataset(f, VALIDATE_VITALS, "vitals_quarantined", 4,
                (const char *const[]){ "patient_id", "value", "_reasons", "_record" }, columns);
}

static void quarantined_rows_lie_beside_the_report_masked(void **state)
{
    struct fixture *f = *state;
    struct dr_result_record r = a_result("a", "warning", false, 2);
    r.result = "{\"partial_unexpected_list\":[\"abc\"]}";
    begin_run(f, 1);
    begin_task(f, VALIDATE_VITALS, T0);
    put_result(f, VALIDATE_VITALS, r);
    put_quarantine(f);
    end_task(f, VALIDATE_VITALS, DR_TASK_SUCCESS, NULL, T0 + 5 * MS);
    end_run(f, DR_RUN_SUCCESS);
    const char *page = write_report(f);
    assert_has(page, "href=\"vitals_quarantined.csv\"");
    assert_lacks(page, "P00042");
    const char *csv = read_page(f, "reports/healthcare/scheduled__001/vitals_quarantined.csv");
    assert_string_equal(
        csv, "patient_id,value,_reasons,_record\n***,abc,not a number,\n,\"x,\"\"y\",not a number,***\n");
}

static void without_the_suite_nothing_is_exported(void **state)
{
    struct fixture *f = *state;
    struct dr_result_record r = a_result("a", "warning", false, 2);
    begin_run(f, 1);
    begin_task(f, VALIDATE_VITALS, T0);
    put_result(f, VALIDATE_VITALS, r);
    put_quarantine(f);
    end_task(f, VALIDATE_VITALS, DR_TASK_SUCCESS, NULL, T0 + 5 * MS);
    end_run(f, DR_RUN_SUCCESS);
    assert_int_equal(unlink(in_home(f, "expectations/vitals.yaml")), 0);
    assert_has(write_report(f), "Rows that were set apart are not shown");
    assert_false(dr_path_exists(in_home(f, "reports/healthcare/scheduled__001/vitals_quarantined.csv")));
}

static void a_dataset_whose_file_is_gone_is_told(void **state)
{
    struct fixture *f = *state;
    struct dr_dataset_record d = { .name = "vitals_quarantined",
                                   .path = "var/gone.arrow",
                                   .schema = "[{\"name\":\"_reasons\",\"type\":\"string\"}]",
                                   .rows = 3,
                                   .output = true };
    begin_run(f, 1);
    begin_task(f, VALIDATE_VITALS, T0);
    assert_ok(f, dr_state_put_dataset(f->state, f->attempt[VALIDATE_VITALS], &d, &f->err));
    end_task(f, VALIDATE_VITALS, DR_TASK_FAILED, "x", T0 + 5 * MS);
    end_run(f, DR_RUN_FAILED);
    assert_has(write_report(f), "gone.arrow");
}

static void monthly_statistics_are_drawn_and_tabled(void **state)
{
    struct fixture *f = *state;
    struct dr_column *columns[] = { texts(3, (const char *const[]){ "2024-01", "2024-01", "2024-02" }),
                                    texts(3, (const char *const[]){ "HOSP1", "HOSP2", "HOSP1" }),
                                    texts(3,
                                          (const char *const[]){ "heart_rate", "heart_rate", "heart_rate" }),
                                    texts(3, (const char *const[]){ "/min", "/min", "/min" }),
                                    numbers(3, (const double[]){ 12, 9, 14 }),
                                    numbers(3, (const double[]){ 72.5, 81, 75 }),
                                    numbers(3, (const double[]){ 72, 80, 75 }) };
    begin_run(f, 1);
    begin_task(f, MONTHLY_VITALS, T0);
    put_dataset(f, MONTHLY_VITALS, "vitals_monthly", 7,
                (const char *const[]){ "month", "hospital_id", "vital_type", "unit", "n", "mean", "median" },
                columns);
    end_task(f, MONTHLY_VITALS, DR_TASK_SUCCESS, NULL, T0 + 5 * MS);
    end_run(f, DR_RUN_SUCCESS);
    const char *page = write_report(f);
    assert_has(page, "Mean of heart_rate (/min) by month");
    assert_has(page, "2 lines from 2024-01 to 2024-02");
    assert_has(page, "<th scope=\"row\">2024-01</th><td>72.5 (12)</td><td>81.0 (9)</td>");
    assert_has(page, "<th scope=\"row\">2024-02</th><td>75.0 (14)</td><td>\u2013</td>");
    assert_true(dr_path_exists(in_home(f, "reports/healthcare/scheduled__001/vitals_monthly.csv")));
    /* From the least at the bottom to the most at the top; a month by itself is a dot. */
    assert_has(page, "class=\"line k0\" d=\"M38.0 112.0L262.0 82.0\"");
    assert_has(page, "class=\"line k1\" d=\"M38.0 8.0l2 2-2 2-2-2z\"");
    assert_has(page, ">72.5</text>");
    assert_has(page, ">81.0</text>");
}

static void of_many_months_the_last_are_drawn(void **state)
{
    enum { MONTHS = 30 };
    struct fixture *f = *state;
    const char *months[MONTHS], *names[MONTHS];
    double values[MONTHS];
    for (int i = 0; i < MONTHS; i++) {
        months[i] = dr_arena_printf(&f->arena, "%d-%02d", 2022 + i / 12, i % 12 + 1);
        names[i] = "heart_rate";
        values[i] = 60 + i;
    }
    struct dr_column *columns[] = { texts(MONTHS, months), texts(MONTHS, names), numbers(MONTHS, values),
                                    numbers(MONTHS, values), numbers(MONTHS, values) };
    begin_run(f, 1);
    begin_task(f, MONTHLY_VITALS, T0);
    put_dataset(f, MONTHLY_VITALS, "vitals_monthly", 5,
                (const char *const[]){ "month", "vital_type", "n", "mean", "median" }, columns);
    end_task(f, MONTHLY_VITALS, DR_TASK_SUCCESS, NULL, T0 + 5 * MS);
    end_run(f, DR_RUN_SUCCESS);
    const char *page = write_report(f);
    assert_has(page, "1 line from 2022-07 to 2024-06");
    assert_lacks(page, "2022-06</th>");
}

static void decisions_are_a_table_of_their_own(void **state)
{
    struct fixture *f = *state;
    struct dr_builder *rows = dr_builder_new(DR_TYPE_INT64);
    dr_builder_append_int(rows, 1234);
    dr_builder_append_int(rows, 5);
    struct dr_column *columns[] = { texts(2, (const char *const[]){ "labs", "labs" }),
                                    texts(2, (const char *const[]){ "every other row", "<b>twice</b>" }),
                                    texts(2, (const char *const[]){ "kept", NULL }),
                                    dr_builder_finish(rows) };
    begin_run(f, 1);
    begin_task(f, TRANSFORM_LABS, T0);
    put_dataset(f, TRANSFORM_LABS, "lab_decisions", 4,
                (const char *const[]){ "source", "rule", "action", "rows" }, columns);
    end_task(f, TRANSFORM_LABS, DR_TASK_SUCCESS, NULL, T0 + 5 * MS);
    end_run(f, DR_RUN_SUCCESS);
    const char *page = write_report(f);
    assert_has(page, "<a href=\"#decisions\">Decisions</a>");
    assert_has(page, "<tr><td>labs</td><td>every other row</td><td>kept</td><td class=\"n\">1,234</td></tr>");
    assert_has(page, "<td>&lt;b&gt;twice&lt;/b&gt;</td><td>\u2013</td>");
    assert_has(page, "href=\"lab_decisions.csv\"");
    assert_lacks(page, "<a href=\"#rows\">"); /* nothing was set apart */
    assert_true(dr_path_exists(in_home(f, "reports/healthcare/scheduled__001/lab_decisions.csv")));
}

/* ---- the run ---- */

static void the_critical_path_is_what_decided_the_end(void **state)
{
    struct fixture *f = *state;
    begin_run(f, 1);
    for (int i = VALIDATE_VITALS; i <= MONTHLY_LABS; i++) {
        /* The chain of the labs is the slower one. */
        int64_t step = i % 4, length = i >= VALIDATE_LABS ? 30 * MS : 10 * MS;
        begin_task(f, i, T0 + step * length);
        end_task(f, i, DR_TASK_SUCCESS, NULL, T0 + (step + 1) * length);
    }
    begin_task(f, LOAD, T0 + 120 * MS);
    end_task(f, LOAD, DR_TASK_SUCCESS, NULL, T0 + 130 * MS);
    end_run(f, DR_RUN_SUCCESS);
    const char *page = write_report(f);
    const char *table = strstr(page, "Tasks of the run");
    const char *labs = strstr(table, ">transform_labs</th>"),
               *vitals = strstr(table, ">transform_vitals</th>");
    assert_non_null(labs);
    assert_non_null(vitals);
    assert_true(strstr(labs, "<td>yes</td>") < strstr(labs, "</tr>"));
    assert_true(strstr(vitals, "<td>no</td>") < strstr(vitals, "</tr>"));
}

static void attempts_link_to_their_logs(void **state)
{
    struct fixture *f = *state;
    struct dr_result_record r = a_result("a", "warning", true, 0);
    whole_run(f, 1, &r, 1);
    assert_has(write_report(f), "href=\"../../../var/runs/healthcare/scheduled__001/validate_vitals@1.log\"");
}

/* ---- files ---- */

static void latest_is_a_relative_link_to_the_newest_report(void **state)
{
    struct fixture *f = *state;
    char target[100] = { 0 };
    struct dr_result_record r = a_result("a", "warning", true, 0);
    whole_run(f, 1, &r, 1);
    write_report(f);
    whole_run(f, 2, &r, 1);
    write_report(f);
    f->run_id = "scheduled__001";
    write_report(f); /* written again: the newer one stays latest */
    assert_true(readlink(in_home(f, "reports/healthcare/latest"), target, sizeof(target) - 1) > 0);
    assert_string_equal(target, "scheduled__002");
}

static void writing_again_replaces_the_whole_folder(void **state)
{
    struct fixture *f = *state;
    char **names;
    size_t n;
    struct dr_result_record r = a_result("a", "warning", true, 0);
    whole_run(f, 1, &r, 1);
    write_report(f);
    assert_ok(f, write_in_home(f, "reports/healthcare/scheduled__001/old.csv", "x"));
    write_report(f);
    assert_false(dr_path_exists(in_home(f, "reports/healthcare/scheduled__001/old.csv")));
    assert_ok(f, dr_list_dir(&f->arena, in_home(f, "reports/healthcare"), NULL, &names, &n, &f->err));
    assert_int_equal(n, 2); /* the report and latest: no temporary is left */
}

static void the_index_lists_runs_newest_first(void **state)
{
    struct fixture *f = *state;
    struct dr_result_record r = a_result("a", "warning", false, 1);
    whole_run(f, 1, &r, 1);
    write_report(f);
    whole_run(f, 2, &r, 1);
    write_report(f);
    whole_run(f, 3, &r, 1);
    assert_ok(f, dr_report_index(&f->home, &f->err));
    const char *page = strstr(read_page(f, "reports/index.html"), "All runs");
    const char *one = strstr(page, "href=\"healthcare/scheduled__001/index.html\"");
    const char *two = strstr(page, "href=\"healthcare/scheduled__002/index.html\"");
    assert_true(two && one && two < one);
    assert_lacks(page, "href=\"healthcare/scheduled__003"); /* it has no report */
    assert_has(page, "scheduled__003");
}

static void an_empty_store_gives_an_empty_index(void **state)
{
    struct fixture *f = *state;
    assert_ok(f, dr_report_index(&f->home, &f->err));
    assert_has(read_page(f, "reports/index.html"), "There are no runs yet.");
}

static void a_run_that_is_not_there_is_an_error(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(dr_report_write(f->state, &f->home, "healthcare", "nope", &f->arena, NULL, &f->err),
                     DR_ENOTFOUND);
    assert_false(dr_path_exists(in_home(f, "reports")));
}

static void a_folder_that_cannot_be_written_leaves_the_old_report(void **state)
{
    struct fixture *f = *state;
    struct dr_result_record r = a_result("a", "warning", true, 0);
    whole_run(f, 1, &r, 1);
    write_report(f);
    /* A file stands where the temporary folder's parent should be. */
    f->home.reports = in_home(f, "reports/healthcare/scheduled__001/index.html");
    assert_int_not_equal(
        dr_report_write(f->state, &f->home, "healthcare", f->run_id, &f->arena, NULL, &f->err), DR_OK);
    assert_has(read_page(f, "reports/healthcare/scheduled__001/index.html"), "The run worked");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_run_in_which_all_passed_worked),
        TEST(failures_are_told_by_severity_and_errors_apart),
        TEST(a_failed_task_is_named_with_what_it_blocked),
        TEST(a_run_that_goes_on_says_so),
        TEST(a_cancelled_run_is_no_success),
        TEST(new_still_failing_and_fixed_are_told_apart),
        TEST(failing_since_names_the_first_run_of_the_series),
        TEST(the_first_run_has_nothing_to_be_compared_with),
        TEST(the_strip_shows_thirty_runs_at_most),
        TEST(rows_checked_are_a_line_with_gaps_where_nothing_was),
        TEST(the_worst_failure_comes_first),
        TEST(a_failure_says_observed_expected_and_how_to_run_it_again),
        TEST(failing_rows_are_shown_by_key_with_the_cell_marked),
        TEST(failing_values_without_a_key_are_told_apart_from_none),
        TEST(a_result_that_is_not_json_does_no_harm),
        TEST(every_check_has_one_permalink),
        TEST(what_is_checked_twice_has_two_permalinks),
        TEST(the_flow_of_rows_adds_up_by_group),
        TEST(rows_that_do_not_add_up_spoil_the_verdict),
        TEST(groups_that_one_task_did_not_count_are_not_called_unfinished),
        TEST(quarantined_rows_lie_beside_the_report_masked),
        TEST(without_the_suite_nothing_is_exported),
        TEST(a_dataset_whose_file_is_gone_is_told),
        TEST(monthly_statistics_are_drawn_and_tabled),
        TEST(of_many_months_the_last_are_drawn),
        TEST(decisions_are_a_table_of_their_own),
        TEST(the_critical_path_is_what_decided_the_end),
        TEST(attempts_link_to_their_logs),
        TEST(latest_is_a_relative_link_to_the_newest_report),
        TEST(writing_again_replaces_the_whole_folder),
        TEST(the_index_lists_runs_newest_first),
        TEST(an_empty_store_gives_an_empty_index),
        TEST(a_run_that_is_not_there_is_an_error),
        TEST(a_folder_that_cannot_be_written_leaves_the_old_report),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
