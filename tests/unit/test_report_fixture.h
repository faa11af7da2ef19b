/* test_report_fixture.h - a home in a fresh folder with a suite, and a run store
 * that tests fill: a DAG of ten tasks in two chains, ended by load and report.
 * Results, accounts and datasets are added to the attempt of any task. */
#ifndef TEST_REPORT_FIXTURE_H
#define TEST_REPORT_FIXTURE_H
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/date.h"
#include "base/file.h"
#include "report/report.h"
#include "temp_folder.h"

enum {
    VALIDATE_VITALS,
    TRANSFORM_VITALS,
    CHECK_VITALS,
    MONTHLY_VITALS,
    VALIDATE_LABS,
    TRANSFORM_LABS,
    CHECK_LABS,
    MONTHLY_LABS,
    LOAD,
    REPORT,
    N_TASKS
};
#define T0 INT64_C(1709260200000000) /* 2024-03-01T02:30:00Z */
#define MS INT64_C(1000)

struct fixture {
    char folder[200];
    struct dr_arena arena;
    struct dr_home home;
    struct dr_state *state;
    struct dr_err err;
    struct dr_task_def tasks[N_TASKS];
    struct dr_dag dag;
    int64_t run, task[N_TASKS], attempt[N_TASKS]; /* of the run being made */
    const char *run_id;
    struct dr_buf page; /* what read_page read */
};

/* Shows the message of a failure that should not have been. */
#define assert_ok(f, call)                                                                                   \
    do {                                                                                                     \
        int32_t rc_ = (call);                                                                                \
        if (rc_)                                                                                             \
            print_error("%s\n", (f)->err.msg);                                                               \
        assert_int_equal(rc_, DR_OK);                                                                        \
    } while (0)

static inline char *in_home(struct fixture *f, const char *path)
{
    return dr_path_join(&f->arena, f->folder, path);
}

static inline int write_in_home(struct fixture *f, const char *path, const char *text)
{
    return dr_write_file(in_home(f, path), dr_str_of(text), &f->err);
}

static inline void make_dag(struct fixture *f)
{
    static const char *const names[] = { "validate_vitals", "transform_vitals", "check_vitals",
                                         "monthly_vitals",  "validate_labs",    "transform_labs",
                                         "check_labs",      "monthly_labs",     "load",
                                         "quality_report" };
    static int32_t before[N_TASKS] = { 0, 0, 1, 2, 0, 4, 5, 6, 0, 8 },
                   of_load[] = { MONTHLY_VITALS, MONTHLY_LABS };
    for (int i = 0; i < N_TASKS; i++) {
        f->tasks[i] =
            (struct dr_task_def){ .id = names[i], .plugin = i == LOAD ? "load" : "validate", .retries = 2 };
        if (i != VALIDATE_VITALS && i != VALIDATE_LABS) {
            f->tasks[i].upstream = i == LOAD ? of_load : &before[i];
            f->tasks[i].n_upstream = i == LOAD ? 2 : 1;
        }
    }
    f->tasks[REPORT].trigger_rule = DR_TRIGGER_ALL_DONE;
    f->dag = (struct dr_dag){ .dag_id = "healthcare",
                              .description = "Vital signs and lab results",
                              .owner = "data-platform",
                              .path = in_home(f, "dags/healthcare.yaml"),
                              .hash = "11112222",
                              .text = DR_LIT("dag_id: healthcare\n"),
                              .tasks = f->tasks,
                              .n_tasks = N_TASKS };
}

static inline int setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));
    if (!make_temp_folder(f->folder, sizeof f->folder) || dr_mkdirs(in_home(f, "dags"), &f->err) ||
        dr_mkdirs(in_home(f, "expectations"), &f->err))
        return -1;
    if (write_in_home(
            f, "expectations/vitals.yaml",
            "suite: vitals\ncolumns: {patient_id: {sensitive: true}}\nkey: [hospital_id, patient_id]\n"
            "expectations:\n  - expect_table_row_count_to_be_between: {min_value: 1}\n"))
        return -1;
    if (dr_home_find(&f->arena, f->folder, &f->home, &f->err))
        return -1;
    make_dag(f);
    *state = f;
    return dr_state_open(&f->home, 0, &f->state, &f->err);
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;
    dr_state_close(f->state);
    dr_buf_done(&f->page);
    int32_t rc = dr_remove_tree(f->folder, NULL);
    dr_arena_done(&f->arena);
    test_free(f);
    return rc;
}

/* ---- runs ---- */

/* A run at T0 plus `day` days, running. */
static inline void begin_run(struct fixture *f, int day)
{
    int64_t version;
    f->run_id = dr_arena_printf(&f->arena, "scheduled__%03d", day);
    assert_ok(f, dr_state_put_dag(f->state, &f->dag, &version, &f->err));
    struct dr_new_run r = { .dag = &f->dag,
                            .dag_version = version,
                            .run_id = f->run_id,
                            .run_type = "scheduled",
                            .logical_us = T0 + day * DR_US_PER_DAY,
                            .interval_start_us = T0 + (day - 1) * DR_US_PER_DAY,
                            .interval_end_us = T0 + day * DR_US_PER_DAY,
                            .program = "dagrun 0.1.0" };
    struct dr_runner_id runner = { 4711, 99, "0b1c" };
    assert_ok(f, dr_state_new_run(f->state, &r, &f->run, f->task, &f->err));
    assert_ok(f, dr_state_move_run(f->state, f->run, DR_RUN_QUEUED, DR_RUN_RUNNING, NULL, &runner,
                                   T0 + day * DR_US_PER_DAY, &f->err));
}

static inline void begin_task(struct fixture *f, int task, int64_t at_us)
{
    assert_ok(f, dr_state_move_task(f->state, f->task[task], DR_TASK_NONE, DR_TASK_QUEUED, NULL, 0, at_us,
                                    &f->err));
    assert_ok(f,
              dr_state_start_attempt(f->state, f->task[task], 1, 5000, 7, at_us, &f->attempt[task], &f->err));
}

static inline void end_task(struct fixture *f, int task, enum dr_task_state as, const char *reason,
                            int64_t at_us)
{
    struct dr_attempt_end end = { .state = as,
                                  .exit_code = as == DR_TASK_SUCCESS ? 0 : 1,
                                  .reason = reason,
                                  .cpu_us = 1500,
                                  .max_rss = 4 << 20 };
    assert_ok(f, dr_state_end_attempt(f->state, f->task[task], f->attempt[task], &end, at_us, &f->err));
}

static inline void end_run(struct fixture *f, enum dr_run_state as)
{
    assert_ok(f, dr_state_move_run(f->state, f->run, DR_RUN_RUNNING, as, NULL, NULL, T0 + 900 * DR_US_PER_DAY,
                                   &f->err));
}

/* ---- what attempts told ---- */

static inline struct dr_result_record a_result(const char *id, const char *severity, bool success,
                                               int64_t unexpected)
{
    return (struct dr_result_record){ .suite = "vitals",
                                      .suite_hash = "5e17",
                                      .dataset = "vitals",
                                      .expectation_id = id,
                                      .expectation_type = "expect_column_values_to_be_between",
                                      .column = "value",
                                      .severity = severity,
                                      .on_failure = "quarantine",
                                      .description = "A heart rate is 20 to 250 bpm",
                                      .kwargs = "{\"column\":\"value\",\"min_value\":20,\"max_value\":250}",
                                      .result = "{}",
                                      .sentence = success ? "All 1,000 values lie within 20 to 250."
                                                          : "Some of 1,000 values lie outside 20 to 250.",
                                      .success = success,
                                      .element_count = 1000,
                                      .unexpected_count = unexpected,
                                      .missing_count = 0 };
}

static inline void put_result(struct fixture *f, int task, struct dr_result_record r)
{
    assert_ok(f, dr_state_put_result(f->state, f->attempt[task], &r, &f->err));
}

static inline void put_account(struct fixture *f, int task, const char *group, const char *stage,
                               int64_t rows)
{
    assert_ok(f, dr_state_put_account(f->state, f->attempt[task], "vitals", group, stage, rows, &f->err));
}

/* A finished run in which one task checked these results. */
static inline void whole_run(struct fixture *f, int day, const struct dr_result_record *results, int n)
{
    begin_run(f, day);
    begin_task(f, VALIDATE_VITALS, T0 + day * DR_US_PER_DAY + MS);
    for (int i = 0; i < n; i++)
        put_result(f, VALIDATE_VITALS, results[i]);
    end_task(f, VALIDATE_VITALS, DR_TASK_SUCCESS, NULL, T0 + day * DR_US_PER_DAY + 9 * MS);
    end_run(f, DR_RUN_SUCCESS);
}

/* ---- reports ---- */

static inline const char *read_page(struct fixture *f, const char *path)
{
    struct dr_str text;
    DR_AUTO_ARENA arena = { 0 };
    assert_ok(f, dr_read_file(&arena, in_home(f, path), 64 << 20, &text, &f->err));
    dr_buf_clear(&f->page);
    dr_buf_append(&f->page, text.p, text.n);
    return dr_buf_cstr(&f->page);
}

/* Write the report of the run that was made last, and read it. */
static inline const char *write_report(struct fixture *f)
{
    const char *path;
    assert_ok(f, dr_report_write(f->state, &f->home, "healthcare", f->run_id, &f->arena, &path, &f->err));
    assert_true(dr_path_exists(path));
    return read_page(f, dr_arena_printf(&f->arena, "reports/healthcare/%s/index.html", f->run_id));
}

static inline int count_of(const char *text, const char *part)
{
    int n = 0;
    for (const char *at = text; (at = strstr(at, part)); at += strlen(part))
        n++;
    return n;
}

#define assert_has(text, part)                                                                               \
    do {                                                                                                     \
        if (!strstr(text, part))                                                                             \
            print_error("not found: %s\n", part);                                                            \
        assert_non_null(strstr(text, part));                                                                 \
    } while (0)
#define assert_lacks(text, part) assert_null(strstr(text, part))
#endif
