/* test_state_read.c - runs listed and found by name, what their tasks did and
 * told, and the history of each expectation. */
#include "test_state_fixture.h"
#include <math.h>

/* ---- names and instants ------------------------------------------------------------ */

static void states_are_known_by_name(void **state)
{
    (void)state;
    enum dr_run_state run;
    assert_true(dr_run_state_parse("cancelled", &run));
    assert_int_equal(run, DR_RUN_CANCELLED);
    assert_false(dr_run_state_parse("sleeping", &run));
    assert_string_equal(dr_task_state_name(DR_TASK_UP_FOR_RETRY), "up_for_retry");
    assert_string_equal(dr_task_state_name((enum dr_task_state)42), "unknown");
    assert_string_equal(dr_run_state_name(DR_RUN_SUCCESS), "success");
    assert_false(dr_task_state_final(DR_TASK_UP_FOR_RETRY));
    assert_true(dr_task_state_final(DR_TASK_CANCELLED));
}

static void instants_are_text_of_one_width_from_year_1_to_9999(void **state)
{
    (void)state;
    char text[DR_STATE_TIME_TEXT];
    dr_state_time_text(T0 + 42, text);
    assert_string_equal(text, "2024-03-01T02:30:00.000042Z");
    dr_state_time_text(-1, text);
    assert_string_equal(text, "1969-12-31T23:59:59.999999Z");
    dr_state_time_text(INT64_MIN, text);
    assert_string_equal(text, "0001-01-01T00:00:00.000000Z");
    dr_state_time_text(INT64_MAX, text);
    assert_string_equal(text, "9999-12-31T23:59:59.999999Z");
}

/* ---- a run --------------------------------------------------------------------------- */

static struct dr_run_row find(struct fixture *f, const char *dag, const char *name)
{
    struct dr_run_row r = { 0 };
    assert_ok(f, dr_state_find_run(f->state, &f->arena, dag, name, &r, &f->err));
    return r;
}

static void a_run_reads_as_it_was_written(void **state)
{
    struct fixture *f = *state;
    int64_t tasks[N_TASKS];
    int64_t run = start_run(f, "manual__1", 0, tasks);
    struct dr_run_row r = find(f, "demo", "manual__1");
    assert_int_equal(r.key, run);
    assert_string_equal(r.dag_id, "demo");
    assert_string_equal(r.run_type, "manual");
    assert_int_equal(r.state, DR_RUN_RUNNING);
    assert_true(r.logical_us == T0 && r.interval_start_us == T0 - DR_US_PER_DAY && r.interval_end_us == T0);
    assert_true(r.queued_us > T0 && r.started_us == T0 + 1 && r.ended_us == 0);
    assert_true(r.runner.pid == 4711 && r.runner.start_ticks == 99);
    assert_string_equal(r.runner.boot_id, "0b1c");
    assert_string_equal(r.params, "{}");
    assert_string_equal(r.program, "dagrun 0.1.0");
    assert_string_equal(r.dag_hash, "11112222");
    assert_string_equal(r.dag_text, "dag_id: demo\n");
    assert_string_equal(r.owner, "data-platform");
    assert_string_equal(r.timezone, "UTC");
    assert_null(r.reason);
}

static void a_run_is_tallied_from_its_tasks_and_results(void **state)
{
    struct fixture *f = *state;
    int64_t tasks[N_TASKS];
    start_run(f, "r", 0, tasks);
    end_task(f, tasks[EXTRACT], start_task(f, tasks[EXTRACT], 1), DR_TASK_SUCCESS);
    int64_t attempt = start_task(f, tasks[VALIDATE], 1);
    struct dr_result_record critical = a_result("c", false), error = a_result("d", false);
    critical.severity = "critical";
    error.exception = "no such column";
    put_result(f, attempt, a_result("a", true));
    put_result(f, attempt, a_result("b", false));
    put_result(f, attempt, critical);
    put_result(f, attempt, error);
    end_task(f, tasks[VALIDATE], attempt, DR_TASK_FAILED);
    assert_ok(f, dr_state_move_task(f->state, tasks[TRANSFORM], DR_TASK_NONE, DR_TASK_UPSTREAM_FAILED, NULL,
                                    0, T0, &f->err));
    assert_ok(
        f, dr_state_move_task(f->state, tasks[REPORT], DR_TASK_NONE, DR_TASK_SKIPPED, NULL, 0, T0, &f->err));
    struct dr_run_row r = find(f, "demo", "r");
    assert_int_equal(r.tasks, 4);
    assert_int_equal(r.tasks_success, 1);
    assert_int_equal(r.tasks_failed, 2);
    assert_int_equal(r.tasks_skipped, 1);
    assert_int_equal(r.checks, 4);
    assert_int_equal(r.checks_failed, 2);
    assert_int_equal(r.checks_error, 1);
    assert_int_equal(r.failed_by_severity[DR_SEVERITY_INFO], 0);
    assert_int_equal(r.failed_by_severity[DR_SEVERITY_WARNING], 1);
    assert_int_equal(r.failed_by_severity[DR_SEVERITY_CRITICAL], 1);
}

/* ---- lists of runs --------------------------------------------------------------------- */

static int32_t count_runs(struct fixture *f, const char *dag, int state, int limit, struct dr_run_row **ret)
{
    struct dr_run_filter filter = { .dag_id = dag, .state = state, .limit = limit };
    int32_t n = -1;
    assert_ok(f, dr_state_runs(f->state, &f->arena, &filter, ret, &n, &f->err));
    return n;
}

static void runs_are_listed_newest_first_and_filtered(void **state)
{
    struct fixture *f = *state;
    int64_t tasks[N_TASKS];
    struct dr_run_row *rows;
    end_run(f, start_run(f, "one", 5, tasks), DR_RUN_FAILED);
    start_run(f, "two", 1, tasks);
    f->dag.dag_id = "other";
    new_run(f, "three", 2, tasks);
    assert_int_equal(count_runs(f, NULL, -1, 0, &rows), 3);
    assert_string_equal(rows[0].run_id, "three");
    assert_string_equal(rows[2].run_id, "one");
    assert_string_equal(rows[2].dag_text, "dag_id: demo\n");
    assert_int_equal(count_runs(f, NULL, -1, 2, &rows), 2);
    assert_string_equal(rows[1].run_id, "two");
    assert_int_equal(count_runs(f, "demo", -1, 0, &rows), 2);
    assert_int_equal(count_runs(f, NULL, DR_RUN_RUNNING, 0, &rows), 1);
    assert_int_equal(count_runs(f, "demo", DR_RUN_FAILED, 0, &rows), 1);
    assert_string_equal(rows[0].run_id, "one");
    assert_int_equal(count_runs(f, "nothing", -1, 0, &rows), 0);
}

static void the_names_of_the_last_runs_come_newest_first(void **state)
{
    struct fixture *f = *state;
    int64_t tasks[N_TASKS];
    const char **ids;
    int32_t n;
    for (int i = 0; i < 3; i++)
        new_run(f, (const char *[]){ "one", "two", "three" }[i], i, tasks);
    assert_ok(f, dr_state_run_ids(f->state, &f->arena, "demo", 2, &ids, &n, &f->err));
    assert_int_equal(n, 2);
    assert_string_equal(ids[0], "three");
    assert_string_equal(ids[1], "two");
    assert_ok(f, dr_state_run_ids(f->state, &f->arena, "nothing", 2, &ids, &n, &f->err));
    assert_int_equal(n, 0);
}

static void a_dag_is_running_while_a_run_of_it_is(void **state)
{
    struct fixture *f = *state;
    int64_t tasks[N_TASKS];
    bool running;
    new_run(f, "queued", 0, tasks);
    assert_ok(f, dr_state_is_running(f->state, "demo", &running, &f->err));
    assert_false(running);
    int64_t run = start_run(f, "one", 1, tasks);
    assert_ok(f, dr_state_is_running(f->state, "demo", &running, &f->err));
    assert_true(running);
    assert_ok(f, dr_state_is_running(f->state, "other", &running, &f->err));
    assert_false(running);
    end_run(f, run, DR_RUN_SUCCESS);
    assert_ok(f, dr_state_is_running(f->state, "demo", &running, &f->err));
    assert_false(running);
}

/* ---- runs by name ------------------------------------------------------------------------ */

static int three_runs(void **state)
{
    if (open_store(state))
        return -1;
    struct fixture *f = *state;
    int64_t tasks[N_TASKS];
    new_run(f, "manual__2024-03-01T02:30:00Z", 0, tasks);
    new_run(f, "manual__2024-03-02T02:30:00Z", 1, tasks);
    new_run(f, "scheduled__2024-03-03", 2, tasks);
    f->dag.dag_id = "other";
    new_run(f, "scheduled__2024-03-03", 3, tasks);
    new_run(f, "scheduled__2024-03-03_extra", 4, tasks);
    return 0;
}

static void a_run_is_found_by_a_prefix_that_only_it_has(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(find(f, "demo", "manual__2024-03-02").run_id, "manual__2024-03-02T02:30:00Z");
    assert_string_equal(find(f, "demo", "s").run_id, "scheduled__2024-03-03");
    assert_string_equal(find(f, NULL, "manual__2024-03-01").run_id, "manual__2024-03-01T02:30:00Z");
}

static void a_full_name_wins_over_a_longer_one(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(find(f, "other", "scheduled__2024-03-03").run_id, "scheduled__2024-03-03");
}

static void latest_is_the_newest_of_its_dag_or_of_all(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(find(f, "demo", "latest").run_id, "scheduled__2024-03-03");
    assert_string_equal(find(f, NULL, "latest").run_id, "scheduled__2024-03-03_extra");
}

static void an_ambiguous_name_lists_what_it_could_mean(void **state)
{
    struct fixture *f = *state;
    struct dr_run_row r;
    assert_fails(f, dr_state_find_run(f->state, &f->arena, "demo", "manual__", &r, &f->err), DR_EINPUT,
                 "'manual__2024-03-02T02:30:00Z', 'manual__2024-03-01T02:30:00Z'");
    assert_fails(f, dr_state_find_run(f->state, &f->arena, NULL, "scheduled__2024-03-03", &r, &f->err),
                 DR_EINPUT, "'other/scheduled__2024-03-03', 'demo/scheduled__2024-03-03'");
}

static void a_list_of_many_candidates_is_cut(void **state)
{
    struct fixture *f = *state;
    struct dr_run_row r;
    int64_t tasks[N_TASKS];
    for (int i = 0; i < 9; i++)
        new_run(f, dr_arena_printf(&f->arena, "many_%d", i), i, tasks);
    assert_fails(f, dr_state_find_run(f->state, &f->arena, NULL, "many_", &r, &f->err), DR_EINPUT,
                 "'other/many_4', ...");
}

static void an_unknown_name_gets_the_nearest_one(void **state)
{
    struct fixture *f = *state;
    struct dr_run_row r;
    assert_fails(f, dr_state_find_run(f->state, &f->arena, "demo", "sheduled__2024-03-03", &r, &f->err),
                 DR_ENOTFOUND, "did you mean 'scheduled__2024-03-03'?");
    assert_fails(f, dr_state_find_run(f->state, &f->arena, "demo", "nonsense", &r, &f->err), DR_ENOTFOUND,
                 "the newest is 'scheduled__2024-03-03'");
    assert_fails(f, dr_state_find_run(f->state, &f->arena, "demo", "", &r, &f->err), DR_ENOTFOUND,
                 "no run ''");
    assert_fails(f, dr_state_find_run(f->state, &f->arena, "dmeo", "latest", &r, &f->err), DR_ENOTFOUND,
                 "did you mean 'demo'?");
    assert_fails(f, dr_state_find_run(f->state, &f->arena, "zzzzzzzz", "latest", &r, &f->err), DR_ENOTFOUND,
                 "DAG 'zzzzzzzz' has no runs yet");
}

static void without_runs_that_is_said(void **state)
{
    struct fixture *f = *state;
    struct dr_run_row r;
    assert_fails(f, dr_state_find_run(f->state, &f->arena, NULL, "latest", &r, &f->err), DR_ENOTFOUND,
                 "there are no runs yet");
}

static void a_name_is_bytes_and_not_a_pattern(void **state)
{
    struct fixture *f = *state;
    struct dr_run_row r;
    assert_fails(f, dr_state_find_run(f->state, &f->arena, "demo", "%", &r, &f->err), DR_ENOTFOUND,
                 "no run '%'");
    assert_fails(f, dr_state_find_run(f->state, &f->arena, "demo", "s' OR '1", &r, &f->err), DR_ENOTFOUND,
                 "no run");
}

/* ---- tasks and attempts ------------------------------------------------------------------- */

static void tasks_come_in_the_dags_order_with_what_they_wait_for(void **state)
{
    struct fixture *f = *state;
    int64_t tasks[N_TASKS];
    struct dr_task_row *rows;
    int32_t n;
    int64_t run = start_run(f, "r", 0, tasks);
    end_task(f, tasks[EXTRACT], start_task(f, tasks[EXTRACT], 1), DR_TASK_UP_FOR_RETRY);
    assert_ok(f, dr_state_tasks(f->state, &f->arena, run, &rows, &n, &f->err));
    assert_int_equal(n, N_TASKS);
    for (int i = 0; i < N_TASKS; i++) {
        assert_string_equal(rows[i].task_id, f->tasks[i].id);
        assert_true(rows[i].key == tasks[i] && rows[i].position == i);
    }
    assert_string_equal(rows[EXTRACT].upstream, "[]");
    assert_string_equal(rows[REPORT].upstream, "[\"extract\",\"validate\",\"transform\"]");
    assert_string_equal(rows[REPORT].trigger_rule, "all_done");
    assert_int_equal(rows[EXTRACT].state, DR_TASK_UP_FOR_RETRY);
    assert_true(rows[EXTRACT].attempts == 1 && rows[EXTRACT].try_number == 1 && rows[EXTRACT].retries == 2);
    assert_true(rows[EXTRACT].next_try_us == T0 + 60 * DR_US_PER_S && rows[EXTRACT].ended_us == 0);
}

static void attempts_tell_how_they_ended(void **state)
{
    struct fixture *f = *state;
    int64_t tasks[N_TASKS];
    struct dr_attempt_row *rows;
    int32_t n;
    int64_t run = start_run(f, "r", 0, tasks);
    int64_t first = start_task(f, tasks[VALIDATE], 1);
    struct dr_attempt_end end = { .state = DR_TASK_UP_FOR_RETRY,
                                  .exit_code = -1,
                                  .signal = 11,
                                  .reason = "segmentation fault",
                                  .next_try_us = T0,
                                  .cpu_us = 77,
                                  .max_rss = 4096 };
    assert_ok(f, dr_state_end_attempt(f->state, tasks[VALIDATE], first, &end, T0 + 8, &f->err));
    start_task(f, tasks[VALIDATE], 2);
    assert_ok(f, dr_state_attempts(f->state, &f->arena, run, &rows, &n, &f->err));
    assert_int_equal(n, 2);
    assert_true(rows[0].key == first && rows[0].task_key == tasks[VALIDATE] && rows[0].number == 1);
    assert_string_equal(rows[0].reason, "segmentation fault");
    assert_true(rows[0].signal == 11 && rows[0].exit_code == -1 && rows[0].state == DR_TASK_UP_FOR_RETRY);
    assert_true(rows[0].started_us == T0 + 3 && rows[0].ended_us == T0 + 8);
    assert_true(rows[0].cpu_us == 77 && rows[0].max_rss == 4096 && rows[0].pid == 5001);
    assert_true(rows[1].state == DR_TASK_RUNNING && rows[1].ended_us == 0 && rows[1].start_ticks == 7);
}

static void plugins_are_listed_with_the_hash_last_recorded(void **state)
{
    struct fixture *f = *state;
    int64_t tasks[N_TASKS];
    struct dr_plugin_row *rows;
    int32_t n;
    int64_t run = new_run(f, "r", 0, tasks);
    assert_ok(f, dr_state_put_plugin(f->state, run, "validate", "old", NULL, &f->err));
    assert_ok(f, dr_state_put_plugin(f->state, run, "validate", "new", "2.0", &f->err));
    assert_ok(f, dr_state_put_plugin(f->state, run, "load", "h", NULL, &f->err));
    assert_ok(f, dr_state_plugins(f->state, &f->arena, run, &rows, &n, &f->err));
    assert_int_equal(n, 2);
    assert_string_equal(rows[0].name, "load");
    assert_null(rows[0].version);
    assert_string_equal(rows[1].hash, "new");
}

/* ---- what attempts told ---------------------------------------------------------------------- */

static void results_come_in_task_and_suite_order_as_they_were_put(void **state)
{
    struct fixture *f = *state;
    int64_t tasks[N_TASKS];
    struct dr_result_row *rows;
    int32_t n;
    int64_t run = start_run(f, "r", 0, tasks);
    struct dr_result_record r[3] = { a_result("last", true), a_result("second", false),
                                     a_result("first", true) };
    r[0].position = 0;
    r[1].position = 1;
    r[1].missing_count = 2;
    r[1].description = "No value may be missing";
    r[1].exception = "broken";
    r[2].position = 0;
    r[2].element_count = r[2].unexpected_count = -1;
    put_result(f, start_task(f, tasks[REPORT], 1), r[0]);
    int64_t attempt = start_task(f, tasks[VALIDATE], 1);
    put_result(f, attempt, r[1]);
    put_result(f, attempt, r[2]);
    assert_ok(f, dr_state_results(f->state, &f->arena, run, &rows, &n, &f->err));
    assert_int_equal(n, 3);
    assert_string_equal(rows[0].r.expectation_id, "first");
    assert_string_equal(rows[2].task_id, "report");
    assert_true(rows[0].r.success && rows[0].r.element_count == -1 && rows[0].r.unexpected_count == -1);
    const struct dr_result_record *b = &rows[1].r;
    assert_true(!b->success && b->element_count == 10 && b->unexpected_count == 3 && b->missing_count == 2);
    assert_string_equal(b->suite, "vitals");
    assert_string_equal(b->suite_hash, "5e17");
    assert_string_equal(b->dataset, "vitals_raw");
    assert_string_equal(b->column, "value");
    assert_string_equal(b->severity, "warning");
    assert_string_equal(b->on_failure, "record");
    assert_string_equal(b->description, "No value may be missing");
    assert_string_equal(b->kwargs, "{\"column\":\"value\"}");
    assert_string_equal(b->result, "{\"element_count\":10}");
    assert_string_equal(b->sentence, "3 of 10 are missing");
    assert_string_equal(b->exception, "broken");
    assert_null(b->owner);
}

static void only_the_last_attempt_of_a_task_counts(void **state)
{
    struct fixture *f = *state;
    int64_t tasks[N_TASKS];
    struct dr_result_row *results;
    struct dr_metric_row *metrics;
    struct dr_dataset_row *datasets;
    struct dr_account_row *accounts;
    struct dr_dataset_record d = { .name = "vitals", .rows = -1 };
    int32_t n;
    int64_t run = start_run(f, "r", 0, tasks);
    for (int32_t try = 1; try <= 2; try++) {
        int64_t attempt = start_task(f, tasks[VALIDATE], try);
        put_result(f, attempt, a_result("a", try == 2));
        assert_ok(f, dr_state_put_metric(f->state, attempt, "rows_in", 10 * try, &f->err));
        assert_ok(f, dr_state_put_dataset(f->state, attempt, &d, &f->err));
        assert_ok(f, dr_state_put_account(f->state, attempt, "vitals", NULL, "raw", try, &f->err));
        assert_ok(f, dr_state_accounts(f->state, &f->arena, run, &accounts, &n, &f->err));
        assert_true(n == 1 && accounts[0].rows == try && accounts[0].running);
        end_task(f, tasks[VALIDATE], attempt, try == 1 ? DR_TASK_UP_FOR_RETRY : DR_TASK_SUCCESS);
    }
    assert_ok(f, dr_state_results(f->state, &f->arena, run, &results, &n, &f->err));
    assert_true(n == 1 && results[0].r.success);
    assert_ok(f, dr_state_metrics(f->state, &f->arena, run, &metrics, &n, &f->err));
    assert_true(n == 1 && metrics[0].value > 19 && metrics[0].value < 21);
    assert_ok(f, dr_state_datasets(f->state, &f->arena, run, &datasets, &n, &f->err));
    assert_true(n == 1 && datasets[0].d.rows == -1 && datasets[0].at_us > 0);
    assert_ok(f, dr_state_accounts(f->state, &f->arena, run, &accounts, &n, &f->err));
    assert_true(n == 1 && accounts[0].rows == 2 && !accounts[0].running);
    assert_null(accounts[0].group);
}

static void datasets_read_as_they_were_written(void **state)
{
    struct fixture *f = *state;
    int64_t tasks[N_TASKS];
    struct dr_dataset_row *rows;
    int32_t n;
    int64_t run = start_run(f, "r", 0, tasks);
    struct dr_dataset_record d = { .name = "vitals",
                                   .path = "var/x.arrow",
                                   .port = "out",
                                   .hash = "h",
                                   .schema = "[]",
                                   .rows = 5,
                                   .bytes = 600,
                                   .output = true };
    assert_ok(f, dr_state_put_dataset(f->state, start_task(f, tasks[EXTRACT], 1), &d, &f->err));
    assert_ok(f, dr_state_datasets(f->state, &f->arena, run, &rows, &n, &f->err));
    assert_int_equal(n, 1);
    assert_string_equal(rows[0].task_id, "extract");
    assert_string_equal(rows[0].d.path, "var/x.arrow");
    assert_string_equal(rows[0].d.port, "out");
    assert_string_equal(rows[0].d.schema, "[]");
    assert_true(rows[0].d.rows == 5 && rows[0].d.bytes == 600 && rows[0].d.output);
}

static void the_last_value_of_a_metric_wins_and_may_be_unknown(void **state)
{
    struct fixture *f = *state;
    int64_t tasks[N_TASKS];
    struct dr_metric_row *rows;
    int32_t n;
    int64_t run = start_run(f, "r", 0, tasks);
    int64_t attempt = start_task(f, tasks[EXTRACT], 1);
    assert_ok(f, dr_state_put_metric(f->state, attempt, "rows_in", 1, &f->err));
    assert_ok(f, dr_state_put_metric(f->state, attempt, "mean", (double)NAN, &f->err));
    assert_ok(f, dr_state_put_metric(f->state, attempt, "rows_in", 2, &f->err));
    assert_ok(f, dr_state_metrics(f->state, &f->arena, run, &rows, &n, &f->err));
    assert_int_equal(n, 2);
    assert_string_equal(rows[0].name, "rows_in");
    assert_true(rows[0].value > 1.5 && isnan(rows[1].value));
}

/* ---- history ------------------------------------------------------------------------------------ */

/* A finished run at `day`; each letter is an expectation: upper case passed, lower case
 * failed. "" checks nothing. */
static int64_t night(struct fixture *f, int day, const char *letters, enum dr_run_state as)
{
    int64_t tasks[N_TASKS];
    int64_t run = start_run(f, dr_arena_printf(&f->arena, "night_%d", day), day, tasks);
    int64_t attempt = start_task(f, tasks[VALIDATE], 1);
    for (int32_t i = 0; letters[i]; i++) {
        char id[2] = { (char)(letters[i] & ~0x20), '\0' };
        struct dr_result_record r = a_result(id, letters[i] < 'a');
        r.position = i;
        put_result(f, attempt, r);
    }
    end_task(f, tasks[VALIDATE], attempt, DR_TASK_SUCCESS);
    if (as != DR_RUN_RUNNING)
        end_run(f, run, as);
    return run;
}

/* "dataset expectation: outcomes" of each history. */
static const char *histories(struct fixture *f, int64_t run, int32_t limit)
{
    struct dr_history *rows;
    int32_t n;
    struct dr_buf b = { 0 };
    assert_ok(f, dr_state_histories(f->state, &f->arena, run, limit, &rows, &n, &f->err));
    for (int32_t i = 0; i < n; i++) {
        dr_buf_printf(&b, "%s%s ", i ? "; " : "", rows[i].expectation_id);
        for (int32_t j = 0; j < rows[i].n; j++)
            dr_buf_printf(&b, "%d", (int)rows[i].points[j].outcome);
    }
    const char *text = dr_arena_strdup(&f->arena, dr_buf_cstr(&b));
    dr_buf_done(&b);
    return text;
}

static void a_history_runs_oldest_first_up_to_the_run_asked_about(void **state)
{
    struct fixture *f = *state;
    night(f, 1, "Ab", DR_RUN_SUCCESS);
    night(f, 2, "", DR_RUN_CANCELLED);
    int64_t third = night(f, 3, "aBX", DR_RUN_FAILED);
    night(f, 4, "AB", DR_RUN_SUCCESS);
    assert_string_equal(histories(f, third, 30), "A 031; B 130; X 330");
}

static void a_history_is_cut_to_its_limit(void **state)
{
    struct fixture *f = *state;
    int64_t last = 0;
    for (int day = 0; day < 6; day++)
        last = night(f, day, day % 2 ? "A" : "a", DR_RUN_SUCCESS);
    assert_string_equal(histories(f, last, 3), "A 010");
    assert_string_equal(histories(f, last, 0), "A 0");
}

static void the_run_asked_about_counts_while_others_must_be_finished(void **state)
{
    struct fixture *f = *state;
    night(f, 1, "a", DR_RUN_RUNNING);
    night(f, 2, "a", DR_RUN_SUCCESS);
    assert_string_equal(histories(f, night(f, 3, "A", DR_RUN_RUNNING), 30), "A 10");
}

static void history_follows_the_logical_date_and_not_the_order_of_runs(void **state)
{
    struct fixture *f = *state;
    int64_t newest = night(f, 9, "A", DR_RUN_SUCCESS);
    int64_t backfilled = night(f, 5, "a", DR_RUN_SUCCESS);
    assert_string_equal(histories(f, backfilled, 30), "A 1");
    assert_string_equal(histories(f, newest, 30), "A 10");
}

static void a_history_survives_a_change_of_the_definition(void **state)
{
    struct fixture *f = *state;
    int64_t tasks[N_TASKS];
    night(f, 1, "a", DR_RUN_SUCCESS);
    int64_t run = start_run(f, "changed", 2, tasks);
    struct dr_result_record r = a_result("A", true);
    r.suite_hash = "other";
    r.kwargs = "{\"column\":\"value\",\"mostly\":0.5}";
    put_result(f, start_task(f, tasks[VALIDATE], 1), r);
    assert_string_equal(histories(f, run, 30), "A 10");
}

static void points_carry_the_counts_and_the_run(void **state)
{
    struct fixture *f = *state;
    struct dr_history *rows;
    int32_t n;
    night(f, 1, "", DR_RUN_SUCCESS);
    int64_t run = night(f, 2, "a", DR_RUN_SUCCESS);
    assert_ok(f, dr_state_histories(f->state, &f->arena, run, 30, &rows, &n, &f->err));
    assert_true(n == 1 && rows[0].n == 2);
    assert_string_equal(rows[0].dataset, "vitals_raw");
    assert_string_equal(rows[0].points[0].run_id, "night_1");
    assert_int_equal(rows[0].points[0].unexpected_count, -1);
    assert_true(rows[0].points[1].logical_us == T0 + 2 * DR_US_PER_DAY);
    assert_int_equal(rows[0].points[1].unexpected_count, 3);
    assert_int_equal(rows[0].points[1].element_count, 10);
}

static void histories_match_the_results_one_to_one(void **state)
{
    struct fixture *f = *state;
    int64_t tasks[N_TASKS];
    struct dr_result_row *results;
    struct dr_history *rows;
    int32_t n_results, n;
    night(f, 1, "AB", DR_RUN_SUCCESS);
    int64_t run = start_run(f, "r", 2, tasks);
    /* Two tasks check the same dataset with the same suite. */
    for (int task = VALIDATE; task <= TRANSFORM; task++) {
        int64_t attempt = start_task(f, tasks[task], 1);
        put_result(f, attempt, a_result("A", true));
        put_result(f, attempt, a_result("B", false));
    }
    assert_ok(f, dr_state_results(f->state, &f->arena, run, &results, &n_results, &f->err));
    assert_ok(f, dr_state_histories(f->state, &f->arena, run, 30, &rows, &n, &f->err));
    assert_int_equal(n, n_results);
    for (int32_t i = 0; i < n; i++)
        assert_string_equal(rows[i].expectation_id, results[i].r.expectation_id);
    assert_string_equal(histories(f, run, 30), "A 00; B 01; A 00; B 01");
}

static void histories_of_an_unknown_run_are_none(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(histories(f, 12345, 30), "");
}

/* ---- the promised speed ---------------------------------------------------------------------------- */

/* Plans, not clocks: a busy machine must not fail the test. The only thing to be
 * scanned is what a view or a CTE has picked already. */
static void check_plan(struct fixture *f, const char *view)
{
    struct dr_sql_stmt *st;
    bool row;
    const char *sql =
        dr_arena_printf(&f->arena, "EXPLAIN QUERY PLAN SELECT * FROM %s WHERE run_key = 1", view);
    assert_ok(f, dr_state_prepare(f->state, sql, &st, &f->err));
    for (;;) {
        assert_ok(f, dr_state_step(f->state, st, &row, &f->err));
        if (!row)
            return;
        const char *step = dr_sql_text(st, 3, &f->arena);
        if (strncmp(step, "SCAN ", 5) == 0 && strcmp(step + 5, view) != 0)
            fail_msg("%s: %s", view, step);
    }
}

static void no_view_of_one_run_scans_a_whole_table(void **state)
{
    struct fixture *f = *state;
    static const char *const views[] = {
        "v_run",           "v_task",    "v_attempt", "v_expectation_result", "v_failed_expectation",
        "v_dataset_event", "v_lineage", "v_metric",  "v_row_account"
    };
    for (size_t i = 0; i < sizeof(views) / sizeof(views[0]); i++)
        check_plan(f, views[i]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_store, remove_folder)
#define TEST_OF_THREE(name) cmocka_unit_test_setup_teardown(name, three_runs, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(states_are_known_by_name),
        cmocka_unit_test(instants_are_text_of_one_width_from_year_1_to_9999),
        TEST(a_run_reads_as_it_was_written),
        TEST(a_run_is_tallied_from_its_tasks_and_results),
        TEST(runs_are_listed_newest_first_and_filtered),
        TEST(the_names_of_the_last_runs_come_newest_first),
        TEST(a_dag_is_running_while_a_run_of_it_is),
        TEST_OF_THREE(a_run_is_found_by_a_prefix_that_only_it_has),
        TEST_OF_THREE(a_full_name_wins_over_a_longer_one),
        TEST_OF_THREE(latest_is_the_newest_of_its_dag_or_of_all),
        TEST_OF_THREE(an_ambiguous_name_lists_what_it_could_mean),
        TEST_OF_THREE(a_list_of_many_candidates_is_cut),
        TEST_OF_THREE(an_unknown_name_gets_the_nearest_one),
        TEST(without_runs_that_is_said),
        TEST_OF_THREE(a_name_is_bytes_and_not_a_pattern),
        TEST(tasks_come_in_the_dags_order_with_what_they_wait_for),
        TEST(attempts_tell_how_they_ended),
        TEST(plugins_are_listed_with_the_hash_last_recorded),
        TEST(results_come_in_task_and_suite_order_as_they_were_put),
        TEST(only_the_last_attempt_of_a_task_counts),
        TEST(datasets_read_as_they_were_written),
        TEST(the_last_value_of_a_metric_wins_and_may_be_unknown),
        TEST(a_history_runs_oldest_first_up_to_the_run_asked_about),
        TEST(a_history_is_cut_to_its_limit),
        TEST(the_run_asked_about_counts_while_others_must_be_finished),
        TEST(history_follows_the_logical_date_and_not_the_order_of_runs),
        TEST(a_history_survives_a_change_of_the_definition),
        TEST(points_carry_the_counts_and_the_run),
        TEST(histories_match_the_results_one_to_one),
        TEST(histories_of_an_unknown_run_are_none),
        TEST(no_view_of_one_run_scans_a_whole_table),
    };
    return cmocka_run_group_tests_name("state, reading", tests, NULL, NULL);
}
