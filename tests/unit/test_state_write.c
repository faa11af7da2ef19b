/* test_state_write.c - recording runs and attempts; guarded moves; runs that
 * were lost or are to run again. */
#include "test_state_fixture.h"

/* ---- DAG versions and new runs ---------------------------------------------------- */

static void a_dag_file_is_one_version_however_often_it_is_put(void **state)
{
    struct fixture *f = *state;
    int64_t first, again, changed, back;
    assert_ok(f, dr_state_put_dag(f->state, &f->dag, &first, &f->err));
    assert_ok(f, dr_state_put_dag(f->state, &f->dag, &again, &f->err));
    assert_int_equal(first, again);
    memcpy(f->dag.hash, "33334444", 9);
    assert_ok(f, dr_state_put_dag(f->state, &f->dag, &changed, &f->err));
    assert_int_not_equal(changed, first);
    memcpy(f->dag.hash, "11112222", 9);
    assert_ok(f, dr_state_put_dag(f->state, &f->dag, &back, &f->err));
    assert_int_equal(back, first);
    assert_int_equal(sql_int(f, "SELECT max(number) FROM dag_version"), 2);
    assert_string_equal(sql_text(f, "SELECT file FROM dag_version"), "dags/demo.yaml");
    assert_int_equal(sql_int(f, "SELECT count(*) FROM task_upstream"), 2 * 5);
}

static void a_new_run_is_queued_with_a_task_instance_for_each_task(void **state)
{
    struct fixture *f = *state;
    int64_t tasks[N_TASKS];
    new_run(f, "manual__1", 0, tasks);
    assert_string_equal(sql_text(f, "SELECT state FROM dag_run"), "queued");
    assert_string_equal(sql_text(f, "SELECT logical_date FROM dag_run"), "2024-03-01T02:30:00.000000Z");
    assert_string_equal(sql_text(f, "SELECT data_interval_start FROM dag_run"),
                        "2024-02-29T02:30:00.000000Z");
    assert_int_equal(sql_int(f, "SELECT count(*) FROM task_instance WHERE state = 'none'"), N_TASKS);
    for (int i = 0; i < N_TASKS; i++) {
        const char *sql = "SELECT task_id FROM v_task WHERE instance_key = %d";
        assert_string_equal(sql_text(f, dr_arena_printf(&f->arena, sql, (int)tasks[i])), f->tasks[i].id);
    }
}

static void a_run_id_that_exists_is_refused(void **state)
{
    struct fixture *f = *state;
    int64_t tasks[N_TASKS], version, run = -1;
    new_run(f, "twice", 0, tasks);
    assert_ok(f, dr_state_put_dag(f->state, &f->dag, &version, &f->err));
    struct dr_new_run r = { .dag = &f->dag, .dag_version = version, .run_id = "twice", .run_type = "manual" };
    assert_fails(f, dr_state_new_run(f->state, &r, &run, tasks, &f->err), DR_EBUSY, "run 'twice' already");
    assert_int_equal(run, -1);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM dag_run"), 1);
}

static void a_run_type_that_is_none_is_refused(void **state)
{
    struct fixture *f = *state;
    int64_t tasks[N_TASKS], version, run;
    assert_ok(f, dr_state_put_dag(f->state, &f->dag, &version, &f->err));
    struct dr_new_run r = { .dag = &f->dag, .dag_version = version, .run_id = "x", .run_type = "sometimes" };
    assert_fails(f, dr_state_new_run(f->state, &r, &run, tasks, &f->err), DR_EDB, "CHECK constraint failed");
}

/* ---- moves of runs ------------------------------------------------------------------ */

static void a_running_run_names_its_runner(void **state)
{
    struct fixture *f = *state;
    int64_t tasks[N_TASKS];
    start_run(f, "r", 0, tasks);
    assert_int_equal(sql_int(f, "SELECT runner_pid FROM dag_run"), 4711);
    assert_string_equal(sql_text(f, "SELECT runner_boot_id FROM dag_run"), "0b1c");
    assert_string_equal(sql_text(f, "SELECT started_at FROM dag_run"), "2024-03-01T02:30:00.000001Z");
}

static void a_run_that_is_not_where_expected_does_not_move(void **state)
{
    struct fixture *f = *state;
    int64_t tasks[N_TASKS];
    int64_t run = start_run(f, "r", 0, tasks);
    end_run(f, run, DR_RUN_SUCCESS);
    assert_fails(f, dr_state_move_run(f->state, run, DR_RUN_RUNNING, DR_RUN_FAILED, NULL, NULL, T0, &f->err),
                 DR_EBUSY, "run 'r' of 'demo' cannot become failed: it is success, not running");
    assert_string_equal(sql_text(f, "SELECT state FROM dag_run"), "success");
}

static void a_final_run_may_not_simply_go_on(void **state)
{
    struct fixture *f = *state;
    assert_fails(f, dr_state_move_run(f->state, 1, DR_RUN_SUCCESS, DR_RUN_RUNNING, NULL, NULL, T0, &f->err),
                 DR_EBUG, "cannot go from success to running");
    assert_fails(f, dr_state_move_run(f->state, 77, DR_RUN_RUNNING, DR_RUN_FAILED, NULL, NULL, T0, &f->err),
                 DR_ENOTFOUND, "no run with key 77");
}

/* ---- moves of tasks ----------------------------------------------------------------- */

static void an_attempt_leads_a_task_from_queued_to_success(void **state)
{
    struct fixture *f = *state;
    int64_t tasks[N_TASKS];
    start_run(f, "r", 0, tasks);
    int64_t attempt = start_task(f, tasks[EXTRACT], 1);
    assert_string_equal(sql_text(f, "SELECT state FROM v_task WHERE task_id = 'extract'"), "running");
    assert_int_equal(sql_int(f, "SELECT pid FROM task_attempt"), 5001);
    end_task(f, tasks[EXTRACT], attempt, DR_TASK_SUCCESS);
    assert_string_equal(sql_text(f, "SELECT state FROM task_attempt"), "success");
    assert_string_equal(sql_text(f, "SELECT ended_at FROM v_task WHERE task_id = 'extract'"),
                        "2024-03-01T02:30:00.000004Z");
    assert_string_equal(sql_text(f, "SELECT printf('%.6f', seconds) FROM v_attempt"), "0.000001");
}

static void an_attempt_without_a_process_gets_it_later(void **state)
{
    struct fixture *f = *state;
    int64_t tasks[N_TASKS], attempt;
    start_run(f, "r", 0, tasks);
    assert_ok(f, dr_state_move_task(f->state, tasks[0], DR_TASK_NONE, DR_TASK_QUEUED, NULL, 0, T0, &f->err));
    assert_ok(f, dr_state_start_attempt(f->state, tasks[0], 1, 0, 0, T0, &attempt, &f->err));
    assert_int_equal(sql_int(f, "SELECT pid IS NULL FROM task_attempt"), 1);
    assert_ok(f, dr_state_attempt_pid(f->state, attempt, 321, 5, &f->err));
    assert_int_equal(sql_int(f, "SELECT pid FROM task_attempt"), 321);
    end_task(f, tasks[0], attempt, DR_TASK_FAILED);
    assert_fails(f, dr_state_attempt_pid(f->state, attempt, 322, 5, &f->err), DR_EBUSY, "not running");
}

static void a_failed_attempt_may_wait_and_be_tried_again(void **state)
{
    struct fixture *f = *state;
    int64_t tasks[N_TASKS];
    start_run(f, "r", 0, tasks);
    end_task(f, tasks[EXTRACT], start_task(f, tasks[EXTRACT], 1), DR_TASK_UP_FOR_RETRY);
    assert_string_equal(sql_text(f, "SELECT next_try_at FROM v_task WHERE state = 'up_for_retry'"),
                        "2024-03-01T02:31:00.000000Z");
    end_task(f, tasks[EXTRACT], start_task(f, tasks[EXTRACT], 2), DR_TASK_SUCCESS);
    assert_int_equal(sql_int(f, "SELECT attempts FROM v_task WHERE task_id = 'extract'"), 2);
    assert_int_equal(sql_int(f, "SELECT next_try_at IS NULL FROM v_task WHERE task_id = 'extract'"), 1);
}

static void a_task_that_is_not_queued_does_not_start(void **state)
{
    struct fixture *f = *state;
    int64_t tasks[N_TASKS], attempt = -1;
    start_run(f, "r", 0, tasks);
    assert_fails(f, dr_state_start_attempt(f->state, tasks[0], 1, 1, 1, T0, &attempt, &f->err), DR_EBUSY,
                 "task 'extract' of run 'r' cannot start: it is none, not queued");
    assert_int_equal(attempt, -1);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM task_attempt"), 0);
}

static void a_refused_start_leaves_nothing_in_the_callers_transaction(void **state)
{
    struct fixture *f = *state;
    int64_t tasks[N_TASKS], attempt;
    start_run(f, "r", 0, tasks);
    end_task(f, tasks[0], start_task(f, tasks[0], 1), DR_TASK_UP_FOR_RETRY);
    assert_ok(f, dr_state_begin(f->state, &f->err));
    assert_ok(f, dr_state_move_task(f->state, tasks[0], DR_TASK_UP_FOR_RETRY, DR_TASK_QUEUED, NULL, 0, T0,
                                    &f->err));
    assert_fails(f, dr_state_start_attempt(f->state, tasks[0], 1, 1, 1, T0, &attempt, &f->err), DR_EDB,
                 "UNIQUE");
    assert_fails(f, dr_state_start_attempt(f->state, tasks[1], 1, 1, 1, T0, &attempt, &f->err), DR_EBUSY,
                 "is none");
    assert_ok(f, dr_state_commit(f->state, &f->err));
    assert_string_equal(sql_text(f, "SELECT state FROM v_task WHERE task_id = 'extract'"), "queued");
    assert_int_equal(sql_int(f, "SELECT count(*) FROM task_attempt"), 1);
}

static void an_attempt_ends_once(void **state)
{
    struct fixture *f = *state;
    int64_t tasks[N_TASKS];
    struct dr_attempt_end end = { .state = DR_TASK_FAILED, .exit_code = -1, .signal = 9, .reason = "killed" };
    start_run(f, "r", 0, tasks);
    int64_t attempt = start_task(f, tasks[0], 1);
    assert_ok(f, dr_state_end_attempt(f->state, tasks[0], attempt, &end, T0, &f->err));
    end.state = DR_TASK_SUCCESS;
    assert_fails(f, dr_state_end_attempt(f->state, tasks[0], attempt, &end, T0, &f->err), DR_EBUSY,
                 "not running");
    assert_string_equal(sql_text(f, "SELECT state || ' ' || reason FROM v_task WHERE task_id = 'extract'"),
                        "failed killed");
    assert_int_equal(sql_int(f, "SELECT exit_code IS NULL AND signal = 9 FROM task_attempt"), 1);
    end.state = DR_TASK_UPSTREAM_FAILED;
    assert_fails(f, dr_state_end_attempt(f->state, tasks[0], attempt, &end, T0, &f->err), DR_EBUG,
                 "cannot end as");
}

static void an_attempt_of_another_task_does_not_end_this_one(void **state)
{
    struct fixture *f = *state;
    int64_t tasks[N_TASKS];
    struct dr_attempt_end end = { .state = DR_TASK_SUCCESS };
    start_run(f, "r", 0, tasks);
    int64_t first = start_task(f, tasks[0], 1);
    start_task(f, tasks[1], 1);
    assert_fails(f, dr_state_end_attempt(f->state, tasks[1], first, &end, T0, &f->err), DR_EBUSY,
                 "cannot end");
    assert_int_equal(sql_int(f, "SELECT count(*) FROM task_attempt WHERE state = 'running'"), 2);
}

static void a_final_task_stays_final(void **state)
{
    struct fixture *f = *state;
    int64_t tasks[N_TASKS];
    start_run(f, "r", 0, tasks);
    assert_ok(f, dr_state_move_task(f->state, tasks[1], DR_TASK_NONE, DR_TASK_UPSTREAM_FAILED,
                                    "upstream 'extract' failed", 0, T0, &f->err));
    assert_fails(f,
                 dr_state_move_task(f->state, tasks[1], DR_TASK_NONE, DR_TASK_QUEUED, NULL, 0, T0, &f->err),
                 DR_EBUSY, "cannot become queued: it is upstream_failed, not none");
    assert_fails(
        f,
        dr_state_move_task(f->state, tasks[1], DR_TASK_UPSTREAM_FAILED, DR_TASK_QUEUED, NULL, 0, T0, &f->err),
        DR_EBUG, "cannot be moved from upstream_failed");
    assert_fails(
        f, dr_state_move_task(f->state, tasks[0], DR_TASK_QUEUED, DR_TASK_RUNNING, NULL, 0, T0, &f->err),
        DR_EBUG, "without its attempt");
    assert_fails(f, dr_state_move_task(f->state, 999, DR_TASK_NONE, DR_TASK_QUEUED, NULL, 0, T0, &f->err),
                 DR_ENOTFOUND, "key 999");
}

static void a_task_may_be_told_why_it_waits(void **state)
{
    struct fixture *f = *state;
    int64_t tasks[N_TASKS];
    start_run(f, "r", 0, tasks);
    assert_ok(
        f, dr_state_move_task(f->state, tasks[0], DR_TASK_NONE, DR_TASK_QUEUED, "pool full", 0, T0, &f->err));
    assert_string_equal(sql_text(f, "SELECT reason FROM v_task WHERE state = 'queued'"), "pool full");
    assert_ok(f, dr_state_move_task(f->state, tasks[0], DR_TASK_QUEUED, DR_TASK_CANCELLED, "asked", 0, T0,
                                    &f->err));
    assert_string_equal(sql_text(f, "SELECT ended_at FROM v_task WHERE state = 'cancelled'"),
                        "2024-03-01T02:30:00.000000Z");
}

static void only_moves_of_the_diagram_are_allowed(void **state)
{
    (void)state;
    for (int to = DR_TASK_NONE; to <= DR_TASK_CANCELLED; to++) {
        for (int from = DR_TASK_SUCCESS; from <= DR_TASK_CANCELLED; from++)
            assert_false(dr_task_move_ok((enum dr_task_state)from, (enum dr_task_state)to));
        assert_false(dr_task_move_ok(DR_TASK_RUNNING, (enum dr_task_state)to));
        assert_false(dr_task_move_ok((enum dr_task_state)to, DR_TASK_NONE));
        assert_false(dr_task_move_ok((enum dr_task_state)to, DR_TASK_SUCCESS));
    }
    assert_true(dr_run_move_ok(DR_RUN_CANCELLED, DR_RUN_QUEUED));
    assert_false(dr_run_move_ok(DR_RUN_SUCCESS, DR_RUN_QUEUED));
}

/* ---- what attempts tell ------------------------------------------------------------- */

static void a_definition_is_stored_once_for_all_nights(void **state)
{
    struct fixture *f = *state;
    int64_t tasks[N_TASKS];
    for (int day = 0; day < 3; day++) {
        start_run(f, dr_arena_printf(&f->arena, "night_%d", day), day, tasks);
        int64_t attempt = start_task(f, tasks[VALIDATE], 1);
        put_result(f, attempt, a_result("a", true));
        put_result(f, attempt, a_result("b", day > 0));
    }
    assert_int_equal(sql_int(f, "SELECT count(*) FROM expectation"), 2);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM expectation_result"), 6);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM dataset"), 1);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM v_failed_expectation"), 1);
}

static void a_changed_definition_is_another_one(void **state)
{
    struct fixture *f = *state;
    int64_t tasks[N_TASKS];
    start_run(f, "r", 0, tasks);
    int64_t attempt = start_task(f, tasks[VALIDATE], 1);
    struct dr_result_record r = a_result("a", true);
    put_result(f, attempt, r);
    r.kwargs = "{\"column\":\"value\",\"mostly\":0.9}";
    put_result(f, attempt, r);
    r.description = "";
    put_result(f, attempt, r);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM expectation"), 3);
}

static void a_result_with_an_exception_is_an_error_and_not_a_failure(void **state)
{
    struct fixture *f = *state;
    int64_t tasks[N_TASKS];
    start_run(f, "r", 0, tasks);
    struct dr_result_record r = a_result("a", false);
    r.exception = "there is no column 'value'";
    put_result(f, start_task(f, tasks[VALIDATE], 1), r);
    assert_string_equal(sql_text(f, "SELECT outcome FROM v_failed_expectation"), "error");
    assert_int_equal(sql_int(f, "SELECT checks_failed FROM v_run"), 0);
    assert_int_equal(sql_int(f, "SELECT checks_error FROM v_run"), 1);
}

static void what_an_unknown_attempt_tells_is_refused(void **state)
{
    struct fixture *f = *state;
    struct dr_result_record r = a_result("a", true);
    struct dr_dataset_record d = { .name = "x", .rows = -1 };
    assert_fails(f, dr_state_put_result(f->state, 99, &r, &f->err), DR_ENOTFOUND, "no attempt with key 99");
    assert_fails(f, dr_state_put_dataset(f->state, 99, &d, &f->err), DR_ENOTFOUND, "no attempt with key 99");
    assert_fails(f, dr_state_put_metric(f->state, 99, "m", 1, &f->err), DR_EDB, "FOREIGN KEY");
    assert_int_equal(sql_int(f, "SELECT count(*) FROM expectation"), 0);
}

static void accounts_of_the_same_stage_add_up(void **state)
{
    struct fixture *f = *state;
    int64_t tasks[N_TASKS];
    start_run(f, "r", 0, tasks);
    int64_t attempt = start_task(f, tasks[TRANSFORM], 1);
    const struct {
        const char *stage;
        int64_t rows;
    } told[] = { { "raw", 60 }, { "raw", 40 }, { "clean", 90 }, { "quarantined", 7 }, { "duplicates", 3 } };
    for (size_t i = 0; i < 5; i++)
        assert_ok(f, dr_state_put_account(f->state, attempt, "vitals", "HOSP01", told[i].stage, told[i].rows,
                                          &f->err));
    assert_int_equal(sql_int(f, "SELECT raw FROM v_row_account"), 100);
    assert_int_equal(sql_int(f, "SELECT missing FROM v_row_account"), 0);
    assert_fails(f, dr_state_put_account(f->state, attempt, "vitals", NULL, "lost", 1, &f->err), DR_EDB,
                 "CHECK");
}

static void lineage_leads_from_a_reader_to_the_attempt_that_wrote_the_content(void **state)
{
    struct fixture *f = *state;
    int64_t tasks[N_TASKS];
    start_run(f, "r", 0, tasks);
    struct dr_dataset_record d = {
        .name = "vitals", .port = "table", .hash = "aaaa", .rows = 10, .bytes = 99
    };
    int64_t writer = start_task(f, tasks[EXTRACT], 1), reader = start_task(f, tasks[VALIDATE], 1);
    d.output = true;
    assert_ok(f, dr_state_put_dataset(f->state, writer, &d, &f->err));
    d.output = false;
    assert_ok(f, dr_state_put_dataset(f->state, reader, &d, &f->err));
    d.hash = "bbbb"; /* content that nobody wrote */
    assert_ok(f, dr_state_put_dataset(f->state, reader, &d, &f->err));
    assert_string_equal(sql_text(f, "SELECT written_by_task FROM v_lineage WHERE hash = 'aaaa'"), "extract");
    assert_int_equal(sql_int(f, "SELECT written_by_task IS NULL FROM v_lineage WHERE hash = 'bbbb'"), 1);
}

/* ---- lost runs, and runs that are to run again --------------------------------------- */

/* extract succeeded, validate failed, transform could not run, the report was written. */
static int64_t failed_run(struct fixture *f, int64_t tasks[N_TASKS])
{
    int64_t run = start_run(f, "r", 0, tasks);
    end_task(f, tasks[EXTRACT], start_task(f, tasks[EXTRACT], 1), DR_TASK_SUCCESS);
    int64_t attempt = start_task(f, tasks[VALIDATE], 1);
    put_result(f, attempt, a_result("a", false));
    end_task(f, tasks[VALIDATE], attempt, DR_TASK_FAILED);
    assert_ok(f, dr_state_move_task(f->state, tasks[TRANSFORM], DR_TASK_NONE, DR_TASK_UPSTREAM_FAILED, "x", 0,
                                    T0, &f->err));
    end_task(f, tasks[REPORT], start_task(f, tasks[REPORT], 1), DR_TASK_SUCCESS);
    end_run(f, run, DR_RUN_FAILED);
    return run;
}

#define STATES "SELECT group_concat(state, ' ') FROM (SELECT state FROM v_task ORDER BY position)"

static void a_reset_takes_back_what_failed_and_all_that_it_feeds(void **state)
{
    struct fixture *f = *state;
    int64_t tasks[N_TASKS];
    int64_t run = failed_run(f, tasks);
    assert_ok(f, dr_state_reset_run(f->state, run, NULL, 0, T0 + 99, &f->err));
    assert_string_equal(sql_text(f, STATES), "success none none none");
    assert_string_equal(sql_text(f, "SELECT state || ' ' || queued_at FROM dag_run"),
                        "queued 2024-03-01T02:30:00.000099Z");
    assert_int_equal(sql_int(f, "SELECT runner_pid IS NULL AND ended_at IS NULL FROM dag_run"), 1);
}

static void results_of_a_reset_task_no_longer_count(void **state)
{
    struct fixture *f = *state;
    int64_t tasks[N_TASKS];
    int64_t run = failed_run(f, tasks);
    assert_int_equal(sql_int(f, "SELECT checks FROM v_run"), 1);
    assert_ok(f, dr_state_reset_run(f->state, run, NULL, 0, T0, &f->err));
    assert_int_equal(sql_int(f, "SELECT checks FROM v_run"), 0);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM expectation_result"), 1);
    assert_int_equal(sql_int(f, "SELECT attempts FROM v_task WHERE task_id = 'validate'"), 1);
}

static void a_reset_of_one_task_takes_back_only_that_and_what_it_feeds(void **state)
{
    struct fixture *f = *state;
    int64_t tasks[N_TASKS];
    int64_t run = failed_run(f, tasks);
    assert_ok(f, dr_state_reset_run(f->state, run, &tasks[TRANSFORM], 1, T0, &f->err));
    assert_string_equal(sql_text(f, STATES), "success failed none none");
    assert_ok(f, dr_state_reset_run(f->state, run, &tasks[EXTRACT], 1, T0, &f->err));
    assert_string_equal(sql_text(f, STATES), "none none none none");
}

static void a_task_of_another_run_cannot_be_reset(void **state)
{
    struct fixture *f = *state;
    int64_t tasks[N_TASKS], others[N_TASKS];
    int64_t run = failed_run(f, tasks);
    new_run(f, "other", 1, others);
    assert_fails(f, dr_state_reset_run(f->state, run, others, 2, T0, &f->err), DR_ENOTFOUND,
                 "2 of the tasks");
    assert_string_equal(sql_text(f, "SELECT state FROM dag_run WHERE run_id = 'r'"), "failed");
}

static void a_run_that_succeeded_has_nothing_to_retry(void **state)
{
    struct fixture *f = *state;
    int64_t tasks[N_TASKS];
    int64_t run = start_run(f, "r", 0, tasks);
    for (int i = 0; i < N_TASKS; i++)
        end_task(f, tasks[i], start_task(f, tasks[i], 1), DR_TASK_SUCCESS);
    end_run(f, run, DR_RUN_SUCCESS);
    assert_fails(f, dr_state_reset_run(f->state, run, NULL, 0, T0, &f->err), DR_EINPUT, "nothing to retry");
    assert_string_equal(sql_text(f, "SELECT state FROM dag_run"), "success");
    assert_ok(f, dr_state_reset_run(f->state, run, &tasks[REPORT], 1, T0, &f->err));
    assert_string_equal(sql_text(f, STATES), "success success success none");
}

static void a_running_run_whose_runner_died_can_be_reset(void **state)
{
    struct fixture *f = *state;
    int64_t tasks[N_TASKS];
    int64_t run = start_run(f, "r", 0, tasks);
    end_task(f, tasks[EXTRACT], start_task(f, tasks[EXTRACT], 1), DR_TASK_SUCCESS);
    start_task(f, tasks[VALIDATE], 1);
    assert_ok(f, dr_state_reset_run(f->state, run, NULL, 0, T0 + 50, &f->err));
    assert_string_equal(sql_text(f, STATES), "success none none none");
    assert_string_equal(
        sql_text(f, "SELECT state || ' ' || ended_at FROM task_attempt WHERE reason LIKE 'lost%'"),
        "failed 2024-03-01T02:30:00.000050Z");
}

static void a_lost_run_fails_with_what_was_running_and_forgets_what_waited(void **state)
{
    struct fixture *f = *state;
    int64_t tasks[N_TASKS];
    int64_t run = start_run(f, "r", 0, tasks);
    start_task(f, tasks[EXTRACT], 1);
    end_task(f, tasks[VALIDATE], start_task(f, tasks[VALIDATE], 1), DR_TASK_UP_FOR_RETRY);
    assert_ok(f,
              dr_state_move_task(f->state, tasks[REPORT], DR_TASK_NONE, DR_TASK_QUEUED, "x", 0, T0, &f->err));
    assert_ok(f, dr_state_lose_run(f->state, run, NULL, T0 + 50, &f->err));
    assert_string_equal(sql_text(f, STATES), "failed none none none");
    assert_string_equal(sql_text(f, "SELECT state || ' ' || reason FROM dag_run"),
                        "failed lost: its runner ended without a word");
    assert_int_equal(sql_int(f, "SELECT count(*) FROM task_attempt WHERE state = 'running'"), 0);
    assert_fails(f, dr_state_lose_run(f->state, run, NULL, T0, &f->err), DR_EBUSY, "not running");
}

static void the_tasks_of_a_retried_run_continue_their_numbers(void **state)
{
    struct fixture *f = *state;
    int64_t tasks[N_TASKS], attempt;
    int64_t run = failed_run(f, tasks);
    assert_ok(f, dr_state_reset_run(f->state, run, NULL, 0, T0, &f->err));
    assert_ok(f, dr_state_move_run(f->state, run, DR_RUN_QUEUED, DR_RUN_RUNNING, NULL, NULL, T0, &f->err));
    assert_ok(
        f, dr_state_move_task(f->state, tasks[VALIDATE], DR_TASK_NONE, DR_TASK_QUEUED, NULL, 0, T0, &f->err));
    assert_ok(f, dr_state_start_attempt(f->state, tasks[VALIDATE], 2, 1, 1, T0, &attempt, &f->err));
    put_result(f, attempt, a_result("a", true));
    end_task(f, tasks[VALIDATE], attempt, DR_TASK_SUCCESS);
    assert_string_equal(sql_text(f, "SELECT group_concat(outcome) FROM v_expectation_result"), "passed");
}

static void deleting_a_run_deletes_all_of_it(void **state)
{
    struct fixture *f = *state;
    int64_t tasks[N_TASKS];
    int64_t run = failed_run(f, tasks);
    assert_ok(f, dr_state_put_plugin(f->state, run, "demo", "abcd", "1.0", &f->err));
    assert_ok(f, dr_sql_exec(f->state->db, "DELETE FROM dag_run", &f->err));
    static const char *const tables[] = { "task_instance", "task_attempt", "expectation_result", "plugin" };
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
        assert_int_equal(sql_int(f, dr_arena_printf(&f->arena, "SELECT count(*) FROM %s", tables[i])), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_store, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_dag_file_is_one_version_however_often_it_is_put),
        TEST(a_new_run_is_queued_with_a_task_instance_for_each_task),
        TEST(a_run_id_that_exists_is_refused),
        TEST(a_run_type_that_is_none_is_refused),
        TEST(a_running_run_names_its_runner),
        TEST(a_run_that_is_not_where_expected_does_not_move),
        TEST(a_final_run_may_not_simply_go_on),
        TEST(an_attempt_leads_a_task_from_queued_to_success),
        TEST(an_attempt_without_a_process_gets_it_later),
        TEST(a_failed_attempt_may_wait_and_be_tried_again),
        TEST(a_task_that_is_not_queued_does_not_start),
        TEST(a_refused_start_leaves_nothing_in_the_callers_transaction),
        TEST(an_attempt_ends_once),
        TEST(an_attempt_of_another_task_does_not_end_this_one),
        TEST(a_final_task_stays_final),
        TEST(a_task_may_be_told_why_it_waits),
        TEST(only_moves_of_the_diagram_are_allowed),
        TEST(a_definition_is_stored_once_for_all_nights),
        TEST(a_changed_definition_is_another_one),
        TEST(a_result_with_an_exception_is_an_error_and_not_a_failure),
        TEST(what_an_unknown_attempt_tells_is_refused),
        TEST(accounts_of_the_same_stage_add_up),
        TEST(lineage_leads_from_a_reader_to_the_attempt_that_wrote_the_content),
        TEST(a_reset_takes_back_what_failed_and_all_that_it_feeds),
        TEST(results_of_a_reset_task_no_longer_count),
        TEST(a_reset_of_one_task_takes_back_only_that_and_what_it_feeds),
        TEST(a_task_of_another_run_cannot_be_reset),
        TEST(a_run_that_succeeded_has_nothing_to_retry),
        TEST(a_running_run_whose_runner_died_can_be_reset),
        TEST(a_lost_run_fails_with_what_was_running_and_forgets_what_waited),
        TEST(the_tasks_of_a_retried_run_continue_their_numbers),
        TEST(deleting_a_run_deletes_all_of_it),
    };
    return cmocka_run_group_tests_name("state, writing", tests, NULL, NULL);
}
